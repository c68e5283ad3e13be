// Owns which buckets credits are in, in the order in which usage takes from them.

import type { Balance } from '../api/type.ts';

/** Are the buckets: the first one is used first. */
export const BUCKETS = ['trial', 'included', 'payg'] as const;

/** Is a bucket. */
export type Bucket = (typeof BUCKETS)[number];

/** Returns what remains in a bucket, in microcredits. */
export function remainingIn(balance: Balance, bucket: Bucket): number {
  switch (bucket) {
    case 'trial':
      return balance.trial_remaining;
    case 'included':
      return balance.included_remaining;
    case 'payg':
      return balance.payg_remaining;
  }
}
