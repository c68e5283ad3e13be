import type { Bucket } from './bucket.ts';
import type { GrantId, Instant } from './id.ts';

/** Credit given at one time from one source, with what is left of it (docs/architecture.md, "The ledger"). */
export interface Grant {
  readonly grantId: GrantId;
  readonly bucket: Bucket;
  /** What was given, in microcredits. */
  readonly granted: bigint;
  /** What is left and not held, in microcredits. */
  readonly remaining: bigint;
  /** What open holds keep back, in microcredits; it survives the expiry of the grant until its hold ends. */
  readonly held: bigint;
  readonly effectiveAt: Instant;
  /** Absent means that the grant never expires. */
  readonly expiresAt?: Instant;
  /** Where the credit comes from, such as `operator` or `adjustment`. */
  readonly source: string;
}

/** The part of an amount that one grant paid, in microcredits. */
export interface GrantDraw {
  readonly grantId: GrantId;
  readonly bucket: Bucket;
  readonly microcredits: bigint;
}

/** Sums what draws move, in microcredits. */
export function sumDraws(draws: readonly GrantDraw[]): bigint {
  let sum = 0n;
  for (const draw of draws) sum += draw.microcredits;
  return sum;
}

/** Takes an amount out of draws, from the first on; less where they are less. */
export function takeDraws(draws: readonly GrantDraw[], amount: bigint): readonly GrantDraw[] {
  const taken: GrantDraw[] = [];
  let left = amount;
  for (const draw of draws) {
    if (left === 0n) break;
    const microcredits = draw.microcredits < left ? draw.microcredits : left;
    taken.push({ ...draw, microcredits });
    left -= microcredits;
  }
  return taken;
}

/** Orders the grants of one bucket: soonest expiry first, then oldest, then by id so that the order is total. */
export function compareBurnOrder(a: Grant, b: Grant): number {
  return (
    compare(a.expiresAt ?? Number.POSITIVE_INFINITY, b.expiresAt ?? Number.POSITIVE_INFINITY) ||
    compare(a.effectiveAt, b.effectiveAt) ||
    compare(a.grantId, b.grantId)
  );
}

/** Orders grants that have not begun: soonest beginning first, then by id. */
export function compareStartOrder(a: Grant, b: Grant): number {
  return compare(a.effectiveAt, b.effectiveAt) || compare(a.grantId, b.grantId);
}

function compare<T extends number | string>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Answers a copy of an ordered list with one more item at its place. */
export function insertOrdered<Item>(
  items: readonly Item[],
  item: Item,
  order: (a: Item, b: Item) => number,
): readonly Item[] {
  // What is new mostly comes last.
  const before = items.findLastIndex((other) => order(other, item) <= 0);
  return items.toSpliced(before + 1, 0, item);
}
