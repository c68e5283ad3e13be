/**
 * Owns: what happens by itself when a time has come: one note for each kind and subject, on the sandbox's clock or on a
 * test clock.
 * Does not own: what happens; the file of each object says it by kind.
 * Invariant: what falls due while the clock jumps happens in the order of its times, each with its own time as now.
 */
import { defineTable, type Transaction } from './store.ts';

/** Is a note of what is due when. */
export interface Due {
  readonly kind: string;
  /** Is the id of what it is about. */
  readonly subject: string;
  /** Is seconds since 1970. */
  readonly at: number;
  /** Is the test clock that it follows; null is the sandbox's own clock. */
  readonly testClock: string | null;
}

const DUE_TABLE = defineTable<Due>('sandbox.due');

/** Notes something, instead of what was noted of the same kind and subject. */
export function schedule(tx: Transaction, due: Due): void {
  tx.put(DUE_TABLE, toId(due.kind, due.subject), due);
}

/** Takes a note back. */
export function unschedule(tx: Transaction, kind: string, subject: string): void {
  tx.remove(DUE_TABLE, toId(kind, subject));
}

/** Takes out and returns what has been due longest on a clock, if anything is. */
export function takeDue(tx: Transaction, testClock: string | null, now: number): Due | undefined {
  const [first] = tx
    .all(DUE_TABLE)
    .filter((due) => due.testClock === testClock && due.at <= now)
    .sort((a, b) => a.at - b.at);
  if (first !== undefined) unschedule(tx, first.kind, first.subject);
  return first;
}

function toId(kind: string, subject: string): string {
  return `${kind} ${subject}`;
}
