// Owns when an account's available credits cross a threshold. Does not own who is told.
// Invariant: what crosses depends on the balances in their order alone, not on how many of them are looked at in one go.

/** An amount of available credits below which somebody wants to hear. */
export interface BalanceThreshold {
  /** In microcredits; above zero. */
  readonly microcredits: bigint;
  /** Says that the newest balance that was looked at is below it. */
  readonly isBelow: boolean;
}

/** What was available after one commit, in microcredits. */
export interface BalancePoint {
  readonly seq: number;
  readonly available: bigint;
}

/** A balance that is on the other side of a threshold than the one before. */
export interface BalanceCrossing extends BalancePoint {
  /** Of the threshold. */
  readonly microcredits: bigint;
  readonly isBelow: boolean;
}

/** Makes thresholds of amounts, each on the side on which a balance is; none of them is crossed by that. */
export function placeThresholds(amounts: readonly bigint[], available: bigint): readonly BalanceThreshold[] {
  return amounts.map((microcredits) => ({ microcredits, isBelow: available < microcredits }));
}

/** Finds the crossings in balances, in their order, and the thresholds as they stand after the last one. */
export function computeCrossings(
  thresholds: readonly BalanceThreshold[],
  points: readonly BalancePoint[],
): { readonly crossings: readonly BalanceCrossing[]; readonly thresholds: readonly BalanceThreshold[] } {
  const crossings: BalanceCrossing[] = [];
  let current = thresholds;
  for (const { seq, available } of points) {
    const after = placeThresholds(
      current.map(({ microcredits }) => microcredits),
      available,
    );
    for (const [index, { microcredits, isBelow }] of after.entries()) {
      if (current[index]?.isBelow !== isBelow) crossings.push({ seq, available, microcredits, isBelow });
    }
    current = after;
  }
  return { crossings, thresholds: current };
}
