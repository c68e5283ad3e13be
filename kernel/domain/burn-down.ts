// Owns the order in which usage draws credit (spec, "Credit buckets"): Trial, Included, PAYG; inside a bucket soonest
// expiry first, then oldest. Its cost grows with the grants that pay, not with the grants that exist.

import { BUCKETS, type Bucket } from './bucket.ts';
import type { Grant, GrantDraw } from './grant.ts';

/** Who pays an amount, and what nobody pays, in microcredits. */
export interface BurnDown {
  readonly draws: readonly GrantDraw[];
  readonly uncovered: bigint;
}

/** Computes which grants pay an amount out of the given buckets; draws nothing itself. */
export function computeBurnDown(
  grants: Readonly<Record<Bucket, readonly Grant[]>>,
  amount: bigint,
  buckets: readonly Bucket[] = BUCKETS,
): BurnDown {
  const draws: GrantDraw[] = [];
  let uncovered = amount;
  for (const bucket of buckets) {
    for (const grant of grants[bucket]) {
      if (uncovered === 0n) return { draws, uncovered };
      const microcredits = grant.remaining < uncovered ? grant.remaining : uncovered;
      draws.push({ grantId: grant.grantId, bucket, microcredits });
      uncovered -= microcredits;
    }
  }
  return { draws, uncovered };
}
