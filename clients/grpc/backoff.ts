// Owns how long to wait before the next attempt. Does not own what may be attempted again (kernel-error.ts).
// Invariant: waits grow, have a bound, and differ from one caller to the next, so that callers who failed together don't come again
// together.

const WAIT_MS = 50;
const WAIT_MS_MAX = 2_000;
/** A kernel that wants longer is not waited for: its answer is the caller's to judge. */
const ASKED_MS_MAX = 10_000;

/**
 * Answers how long to wait after the attempt of this number failed, counting from 1, in milliseconds; undefined where the kernel asks
 * for longer than anybody waits.
 */
export function computeBackoffMs(attempt: number, askedMs = 0): number | undefined {
  if (askedMs > ASKED_MS_MAX) return undefined;
  const backoffMs = Math.min(WAIT_MS * 2 ** (attempt - 1), WAIT_MS_MAX);
  return Math.max(askedMs, backoffMs) * (1 + Math.random() / 2);
}
