// Owns in which of its states a workspace's plan is, of all that the API tells of trial and subscription.

import type { Subscription, SubscriptionState, Trial } from '../api/type.ts';

/** How it stands with a subscription that runs; `lapsing` is one that is canceled while an invoice is open. */
type SubscriptionKind = 'active' | 'canceling' | 'changing' | 'lapsing' | 'past_due' | 'renewing';

/** How it stands with the plan of a workspace. */
export type PlanStatus =
  | { readonly kind: 'trial'; readonly trial: Trial; readonly isCanceled: boolean }
  | {
      readonly kind: SubscriptionKind;
      readonly subscription: Subscription;
    }
  | { readonly kind: 'none' };

/** Finds the state: a trial that runs, else a subscription that has not ended, else none. */
export function computePlanStatus({ trial, subscription }: SubscriptionState): PlanStatus {
  if (trial !== null && trial.status !== 'ended')
    return { kind: 'trial', trial, isCanceled: trial.status === 'canceled' };
  if (subscription === null || subscription.status === 'ended') return { kind: 'none' };
  return { kind: kindOf(subscription), subscription };
}

function kindOf(subscription: Subscription): SubscriptionKind {
  if (subscription.status === 'past_due') return subscription.cancel_time === null ? 'past_due' : 'lapsing';
  if (subscription.cancel_time !== null) return 'canceling';
  if (subscription.pending_change !== null) return 'changing';
  return subscription.status === 'renewal_pending' ? 'renewing' : 'active';
}

/** Returns when the credits of the period come anew; undefined where that is not certain, or is over already. */
export function findRenewalTime(state: SubscriptionState): string | undefined {
  const subscription = runningSubscription(state);
  return subscription?.status === 'active' && subscription.cancel_time === null
    ? subscription.period_end_time
    : undefined;
}

/** Returns the subscription that runs, if one does. */
export function runningSubscription({ subscription }: SubscriptionState): Subscription | undefined {
  return subscription === null || subscription.status === 'ended' ? undefined : subscription;
}
