/**
 * Owns: the sandbox's time: the real one plus an offset that can be moved.
 * Does not own: test clocks, which are objects of Stripe's and stand still between moves (`resource/test-clock.ts`).
 * Invariant: it never goes back, so that what has happened stays in the past.
 */
import { defineTable, type Store, type Transaction } from './store.ts';

const CLOCK_TABLE = defineTable<{ readonly offsetSeconds: number }>('sandbox.clock');
const ONLY_ROW = 'offset';

/** Tells the time in seconds since 1970, as Stripe does. */
export class Clock {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Returns the time now. */
  now(): number {
    return this.#store.run((tx) => toNow(tx));
  }

  /** Moves the time on. Throws RangeError for a move into the past. */
  advance(seconds: number): number {
    if (!Number.isSafeInteger(seconds) || seconds < 0) {
      throw new RangeError(`The clock moves on by whole seconds, not by ${seconds}.`);
    }
    return this.#store.run((tx) => {
      tx.put(CLOCK_TABLE, ONLY_ROW, { offsetSeconds: toOffset(tx) + seconds });
      return toNow(tx);
    });
  }
}

function toOffset(tx: Transaction): number {
  return tx.find(CLOCK_TABLE, ONLY_ROW)?.offsetSeconds ?? 0;
}

function toNow(tx: Transaction): number {
  return Math.floor(Date.now() / 1000) + toOffset(tx);
}
