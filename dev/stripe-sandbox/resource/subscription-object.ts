/** Owns: the object of a subscription and its items. Does not own: what happens to it (`subscription-*.ts`). */
import type { Period } from '../billing/period.ts';
import type { Call } from '../call.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import type { Metadata } from '../metadata.ts';
import { defineTable } from '../store.ts';
import { invalidRequest } from '../stripe-error.ts';
import type { Price, Recurring } from './price.ts';

/** Is where a subscription stands. */
export type SubscriptionStatus =
  | 'incomplete'
  | 'incomplete_expired'
  | 'trialing'
  | 'active'
  | 'past_due'
  | 'unpaid'
  | 'paused'
  | 'canceled';

/** Is a price that is billed, so many times. */
export interface SubscriptionItem extends ApiObject {
  readonly current_period_end: number;
  readonly current_period_start: number;
  readonly metadata: Metadata;
  readonly price: RecurringPrice;
  readonly quantity: number;
  readonly subscription: string;
}

/** Is a price that is charged for each period. */
export type RecurringPrice = Price & { readonly recurring: Recurring };

/** Is a change that waits until its invoice is paid. */
export type PendingUpdate = JsonFields & { readonly expires_at: number };

/** Is a subscription. */
export interface Subscription extends ApiObject {
  readonly billing_cycle_anchor: number;
  readonly cancel_at: number | null;
  readonly cancel_at_period_end: boolean;
  readonly canceled_at: number | null;
  readonly cancellation_details: JsonFields;
  readonly collection_method: 'charge_automatically' | 'send_invoice';
  readonly currency: string;
  readonly customer: string;
  readonly days_until_due: number | null;
  readonly default_payment_method: string | null;
  readonly description: string | null;
  readonly discounts: readonly string[];
  readonly ended_at: number | null;
  readonly items: {
    readonly object: 'list';
    readonly data: readonly SubscriptionItem[];
    readonly has_more: false;
    readonly url: string;
  };
  readonly latest_invoice: string | null;
  readonly metadata: Metadata;
  readonly pending_setup_intent: string | null;
  readonly pending_update: PendingUpdate | null;
  readonly schedule: string | null;
  readonly status: SubscriptionStatus;
  readonly test_clock: string | null;
  readonly trial_end: number | null;
  readonly trial_start: number | null;
}

/** Are the subscriptions, those that ended too. */
export const SUBSCRIPTIONS = defineTable<Subscription>('subscription');

/** Makes the list of items of a subscription. */
export function toItemList(subscription: string, data: readonly SubscriptionItem[]): Subscription['items'] {
  return { object: 'list', data, has_more: false, url: `/v1/subscription_items?subscription=${subscription}` };
}

/** Returns the interval of a subscription: all its items have the same one here. */
export function toInterval({ items }: Pick<Subscription, 'items'>): Recurring {
  const [first] = items.data;
  if (first === undefined) throw new RangeError('A subscription has an item.');
  return first.price.recurring;
}

/** Returns the period that a subscription is in: that of all its items. */
export function toPeriod({ items }: Pick<Subscription, 'items'>): Period {
  const [first] = items.data;
  if (first === undefined) throw new RangeError('A subscription has an item.');
  return { start: first.current_period_start, end: first.current_period_end };
}

/** Returns items in another period. */
export function toItemsIn(items: readonly SubscriptionItem[], { start, end }: Period): readonly SubscriptionItem[] {
  return items.map((item) => ({ ...item, current_period_start: start, current_period_end: end }));
}

/** Returns a subscription as it is now. Throws StripeError where it is not there. */
export function needSubscription(call: Call, id: string, param: string, status: 400 | 404 = 400): Subscription {
  return call.need(SUBSCRIPTIONS, id, param, status);
}

/** Says whether a subscription has ended, for ever. */
export function isOver({ status }: Subscription): boolean {
  return status === 'canceled' || status === 'incomplete_expired';
}

/** Throws StripeError for a subscription that has ended. */
export function assertNotOver(subscription: Subscription): void {
  if (!isOver(subscription)) return;
  throw invalidRequest(
    `A canceled subscription can only update its cancellation_details and metadata: ${subscription.id} has the status ${subscription.status}.`,
    { param: 'subscription' },
  );
}

/** Returns a subscription with changes. */
export function toChanged<Row extends Subscription>(before: Row, changes: Partial<Row>): Row {
  return { ...before, ...changes };
}
