/**
 * Owns: what becomes of a subscription as time passes: the next period, the end of its trial, its own end.
 * Does not own: the phases of schedules (`subscription-phase.ts`), which come first.
 */
import { computePeriod, isSameInterval, type Period } from '../billing/period.ts';
import type { Call } from '../call.ts';
import { isFields } from '../json.ts';
import { CUSTOMERS } from './customer-object.ts';
import { keepHolding } from './discount.ts';
import { billSubscription, toPeriodLines } from './subscription-billing.ts';
import { cancelSubscription } from './subscription-cancellation.ts';
import { dropPendingUpdate } from './subscription-change.ts';
import { changeSubscription, scheduleSubscription, toDiscountsAfter } from './subscription-collection.ts';
import {
  isOver,
  needSubscription,
  SUBSCRIPTIONS,
  type Subscription,
  type SubscriptionItem,
  toInterval,
  toItemList,
  toItemsIn,
  toPeriod,
} from './subscription-object.ts';
import { enterDuePhase } from './subscription-phase.ts';

/** Has happen what is due of a subscription at the end of its period. */
export function cycleSubscription(call: Call, id: string): void {
  const subscription = call.tx.find(SUBSCRIPTIONS, id);
  if (subscription === undefined || isOver(subscription) || subscription.status === 'paused') return;
  if (toPeriod(subscription).end > call.now) {
    scheduleSubscription(call, subscription);
    return;
  }
  dropPendingUpdate(call, id);
  if (endIfDue(call, subscription)) return;
  const phase = enterDuePhase(call, needSubscription(call, id, 'subscription'));
  if (phase.isOver) return;
  const current = needSubscription(call, id, 'subscription');
  if (current.status === 'trialing' && endTrialWithoutMethod(call, current)) return;
  renew(call, current, phase.items ?? current.items.data);
}

/** Ends a subscription whose time to end has come. Returns whether it has. */
export function endIfDue(call: Call, subscription: Subscription): boolean {
  const { cancel_at: at } = subscription;
  if (at === null || at > call.now) return false;
  cancelSubscription(call, subscription, { reason: 'cancellation_requested' });
  return true;
}

/** Ends or pauses a subscription whose trial is over and that has no card, where that was asked for. Returns whether it has. */
function endTrialWithoutMethod(call: Call, subscription: Subscription): boolean {
  const settings = call.tx.find(CUSTOMERS, subscription.customer)?.invoice_settings ?? {};
  if (subscription.default_payment_method !== null || typeof settings['default_payment_method'] === 'string')
    return false;
  const trial = subscription['trial_settings'];
  const behavior = isFields(trial) ? trial['end_behavior'] : undefined;
  const wanted = isFields(behavior) ? behavior['missing_payment_method'] : 'create_invoice';
  if (wanted === 'cancel') cancelSubscription(call, subscription, { reason: 'cancellation_requested' });
  if (wanted === 'pause') changeSubscription(call, subscription, { status: 'paused' }, 'customer.subscription.paused');
  return wanted === 'cancel' || wanted === 'pause';
}

/** Begins the next period and bills it. */
function renew(call: Call, subscription: Subscription, items: readonly SubscriptionItem[]): void {
  const { id, status, cancel_at: cancelAt } = subscription;
  const interval = toInterval({ items: toItemList(id, items) });
  const anchor = isSameInterval(interval, toInterval(subscription)) ? subscription.billing_cycle_anchor : call.now;
  const full = computePeriod(anchor, interval, call.now);
  const period: Period = { start: call.now, end: Math.min(full.end, cancelAt ?? full.end) };
  const next: Subscription = {
    ...subscription,
    billing_cycle_anchor: anchor,
    discounts: keepHolding(call, subscription.discounts, false),
    items: toItemList(id, toItemsIn(items, period)),
  };
  const invoice = billSubscription(call, next, {
    reason: 'subscription_cycle',
    lines: toPeriodLines(call, next, next.items.data, { period, full }),
    period: toPeriod(subscription),
    isLater: true,
    isHeld: status === 'unpaid',
  });
  changeSubscription(call, subscription, {
    billing_cycle_anchor: next.billing_cycle_anchor,
    discounts: toDiscountsAfter(call, subscription, invoice),
    items: next.items,
    latest_invoice: invoice.id,
    status: status === 'trialing' ? 'active' : status,
  });
}
