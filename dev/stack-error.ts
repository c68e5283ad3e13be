/**
 * Is a failure that the person at the terminal can act on. Its message is one complete sentence or two: what happened,
 * with which value, and what to do. It is printed without a stack trace.
 */
export class StackError extends Error {
  override readonly name = 'StackError';
}

/** Returns the message of anything that was thrown. */
export function toMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
