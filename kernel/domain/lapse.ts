// Owns when credit is gone for good although nobody used it: its grant expired, or lapsed with the trial or the cycle that it was
// given for.

import type { AccountState } from './account.ts';
import type { Grant } from './grant.ts';
import type { Instant } from './id.ts';
import { SUBSCRIPTION_SOURCE } from './subscription.ts';
import { isRunning } from './trial.ts';

/** Says whether what comes back to a grant is gone at once; the grant is told as it once was. */
export function hasLapsed(
  { trial, subscription }: Pick<AccountState, 'trial' | 'subscription'>,
  grant: Grant,
  now: Instant,
): boolean {
  if (grant.expiresAt !== undefined && grant.expiresAt <= now) return true;
  if (trial?.grantId === grant.grantId) return trial.revokesUnused && !isRunning(trial);
  if (grant.source !== SUBSCRIPTION_SOURCE || grant.bucket !== 'included') return false;
  if (subscription?.lapsedAt === undefined) return false;
  return subscription.status === 'ended' || grant.effectiveAt < subscription.lapsedAt;
}
