// Owns what credit that begins to count does to the sums of an account.

import type { Totals } from './account.ts';
import type { Grant } from './grant.ts';

/** What an added grant does to the totals: an earlier deficit is paid first, the rest joins its bucket. */
export interface Addition {
  /** Microcredits that paid the deficit. */
  readonly deficitPaid: bigint;
  /** Microcredits that are left in the grant. */
  readonly remaining: bigint;
  readonly after: Totals;
}

/** Computes what a grant that begins to count does to the totals of an account. */
export function computeAddition(totals: Totals, grant: Pick<Grant, 'bucket' | 'remaining'>): Addition {
  const deficitPaid = totals.deficit < grant.remaining ? totals.deficit : grant.remaining;
  const remaining = grant.remaining - deficitPaid;
  const after = {
    ...totals,
    [grant.bucket]: totals[grant.bucket] + remaining,
    deficit: totals.deficit - deficitPaid,
  };
  return { deficitPaid, remaining, after };
}
