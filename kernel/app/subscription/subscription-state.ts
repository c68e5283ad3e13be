// Owns how what a workspace has is told out of its account. Does not own reading it.

import { BUCKETS } from '../../domain/bucket.ts';
import { listHolding } from '../../domain/discount.ts';
import type { Instant } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Subscription } from '../../domain/subscription.ts';
import type { AccountReading } from '../ledger/ledger.ts';
import { trialReadingOf } from '../trial/trial-service.ts';
import type { SubscriptionState, SubscriptionView } from './use-case.ts';

/** Tells what a workspace has; `paymentUrl` where something can be paid. */
export function subscriptionStateOf({ state, asOf }: AccountReading, paymentUrl?: string): SubscriptionState {
  const { planCode, subscription, trial, grants, pinned } = state;
  const all = [...BUCKETS.flatMap((bucket) => grants[bucket]), ...pinned];
  const view = subscription === undefined ? undefined : viewOf(subscription, asOf, paymentUrl);
  return {
    planCode,
    ...present({ subscription: view, trial: trialReadingOf({ grants: all, ...present({ trial }) }) }),
    asOf,
  };
}

/** A discount that is over is not told, whether or not Stripe has taken it away by then. */
function viewOf({ discounts = [], ...rest }: Subscription, asOf: Instant, paymentUrl?: string): SubscriptionView {
  return { ...rest, discounts: listHolding(discounts, asOf), ...present({ paymentUrl }) };
}
