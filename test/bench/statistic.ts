// Owns the few figures that many are summed up by.

/** Computes the median. Throws RangeError for no values. */
export function computeMedian(values: readonly number[]): number {
  return computePercentile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** Computes a percentile (0 to 1) of values in ascending order, between the two nearest ones. Throws RangeError for none. */
export function computePercentile(ascending: readonly number[], share: number): number {
  const position = (ascending.length - 1) * share;
  const [below, above] = [ascending[Math.floor(position)], ascending[Math.ceil(position)]];
  if (below === undefined || above === undefined) throw new RangeError('no values to sum up');
  return below + (above - below) * (position - Math.floor(position));
}
