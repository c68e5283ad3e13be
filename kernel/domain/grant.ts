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

/** Answers a copy of an ordered list with one more grant at its place. */
export function insertOrdered(
  grants: readonly Grant[],
  grant: Grant,
  order: (a: Grant, b: Grant) => number,
): readonly Grant[] {
  const index = grants.findIndex((other) => order(grant, other) < 0);
  return index === -1 ? [...grants, grant] : grants.toSpliced(index, 0, grant);
}
