// Owns how what a workspace has is told out of its account. Does not own reading it.

import { BUCKETS } from '../../domain/bucket.ts';
import { present } from '../../domain/optional.ts';
import type { AccountReading } from '../ledger/ledger.ts';
import { trialReadingOf } from '../trial/trial-service.ts';
import type { SubscriptionState } from './use-case.ts';

/** Tells what a workspace has; `paymentUrl` where something can be paid. */
export function subscriptionStateOf({ state, asOf }: AccountReading, paymentUrl?: string): SubscriptionState {
  const { planCode, subscription, trial, grants, pinned } = state;
  const all = [...BUCKETS.flatMap((bucket) => grants[bucket]), ...pinned];
  const view = subscription === undefined ? undefined : { ...subscription, ...present({ paymentUrl }) };
  return {
    planCode,
    ...present({ subscription: view, trial: trialReadingOf({ grants: all, ...present({ trial }) }) }),
    asOf,
  };
}
