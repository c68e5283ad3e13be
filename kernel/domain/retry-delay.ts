// Owns how long to wait before something that failed is tried again: twice as long each time, up to a bound, and spread so
// that what failed together is not tried together.

/** How long attempts wait, in milliseconds. */
export interface RetryBounds {
  /** After the first failure. */
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Where in its range a delay lies is drawn in thousandths: integers, as everything here. */
const LOTS = 1_000;

/** Computes the delay after so many failures (1 for the first); `lot` is 0 to 999 and lies between half and whole of it. */
export function computeRetryDelayMs(failures: number, { firstMs, maxMs }: RetryBounds, lot: number): number {
  // Beyond this the bound has long been reached, and a shift would overflow.
  const doublings = Math.min(failures - 1, 30);
  const wholeMs = Math.min(firstMs * 2 ** doublings, maxMs);
  return wholeMs - Math.floor((wholeMs * lot) / (2 * LOTS));
}
