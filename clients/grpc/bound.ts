// Owns which bounds a caller may give: times and counts that mean something. Does not own their defaults.

/** No timer runs longer. */
const TIME_MS_MAX = 2_147_483_647;

/** Throws RangeError where it is no time that can be waited. */
export function requireTimeMs(name: string, timeMs: number): void {
  if (typeof timeMs === 'number' && timeMs > 0 && timeMs <= TIME_MS_MAX) return;
  throw new RangeError(`${name} is ${timeMs}; give a number of milliseconds above 0, at most ${TIME_MS_MAX}`);
}

/** Throws RangeError where it is no whole number of at least `min`. */
export function requireCount(name: string, count: number, min: number): void {
  if (Number.isSafeInteger(count) && count >= min) return;
  throw new RangeError(`${name} is ${count}; give a whole number of at least ${min}`);
}
