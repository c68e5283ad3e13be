const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Answers the value as it is after checking that BSON can hold it as an int64: the driver wraps larger ones silently.
 * Throws RangeError where it can't.
 */
export function toInt64(value: bigint): bigint {
  // What was read back may be anything, whatever the type says.
  if (typeof value !== 'bigint') throw new RangeError(`${JSON.stringify(value)} is no int64`);
  if (value < INT64_MIN || value > INT64_MAX) throw new RangeError(`${value} does not fit into 64 bits`);
  return value;
}

/** Answers the value as {@link toInt64} does, and undefined for zero, which documents leave out. Throws as it does. */
export function toNonZeroInt64(value: bigint): bigint | undefined {
  return toInt64(value) === 0n ? undefined : value;
}
