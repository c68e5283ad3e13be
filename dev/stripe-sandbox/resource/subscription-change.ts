/**
 * Owns: changing what a subscription bills: other prices or quantities, another anchor, the end of a trial.
 * Does not own: reading the request (`subscription-update.ts`).
 * Invariants: what is changed in the middle of a period is prorated, or not, as the request says; another interval, and a first
 * price after a free one, begin a new period that is billed whole and at once
 * (https://docs.stripe.com/billing/subscriptions/change). With `pending_if_incomplete` nothing changes before it is paid.
 */
import { computePeriod, isSameInterval, type Period } from '../billing/period.ts';
import { computeCredit } from '../billing/proration.ts';
import type { Call } from '../call.ts';
import { schedule, unschedule } from '../due.ts';
import { defineTable } from '../store.ts';
import { findPendingItems } from './invoice-item.ts';
import { voidInvoice } from './invoice-life.ts';
import { INVOICES, type Invoice } from './invoice-object.ts';
import { billSubscription, findDebits, prorateChange, putDebits, toPeriodLines } from './subscription-billing.ts';
import {
  changeSubscription,
  collectNow,
  type ImmediateCollection,
  INCOMPLETE_SECONDS,
  SUBSCRIPTION_DUE,
  toDiscountsAfter,
} from './subscription-collection.ts';
import { toAmount } from './subscription-item.ts';
import {
  SUBSCRIPTIONS,
  type Subscription,
  type SubscriptionItem,
  toChanged,
  toInterval,
  toItemList,
  toItemsIn,
  toPeriod,
} from './subscription-object.ts';

/** Says how what is left of a period is settled. */
export type ProrationBehavior = 'create_prorations' | 'always_invoice' | 'none';

/** Says what changes. */
export interface ItemChange {
  readonly items: readonly SubscriptionItem[];
  readonly behavior: ProrationBehavior;
  /** Is the time from which on it costs what it costs then. */
  readonly at: number;
  /** Begins a new period now. */
  readonly isAnchoredNow: boolean;
  /** Ends the trial now. */
  readonly endsTrial: boolean;
  readonly collection: ImmediateCollection;
  /** Is what changes beside. */
  readonly changes: Partial<Subscription>;
}

/** Changes what a subscription bills. Throws StripeError where it must be paid first, and is not. */
export function changeItems(call: Call, old: Subscription, change: ItemChange): Subscription {
  // A change that waited is dropped for another one.
  dropPendingUpdate(call, old.id);
  const before = call.need(SUBSCRIPTIONS, old.id, 'subscription');
  const isTrial = before.status === 'trialing' && !change.endsTrial;
  const isReset = !isTrial && startsAnew(before, change);
  const debits = findDebits(call, before.id);
  settleRest(call, before, change, { isReset, isTrial });
  const target = toChanged(before, { ...change.changes, ...toPeriodChanges(call, before, change, isReset) });
  const bill = billNow(call, target, change, { isReset, isTrial });
  const changes: Partial<Subscription> = {
    ...change.changes,
    ...toPeriodChanges(call, before, change, isReset),
    discounts: toDiscountsAfter(call, target, bill),
    latest_invoice: bill?.id ?? before.latest_invoice,
  };
  if (bill === undefined) return changeSubscription(call, before, changes);
  if (change.collection.behavior === 'pending_if_incomplete')
    return wait(call, before, { changes, bill, debits, change });
  changeSubscription(call, before, changes);
  const invoice = collectNow(call, bill, change.collection);
  const after = call.need(SUBSCRIPTIONS, before.id, 'subscription');
  const isLeftUnpaid = change.collection.behavior === 'default_incomplete' && invoice.status === 'open';
  return isLeftUnpaid ? changeSubscription(call, after, { status: 'past_due' }) : after;
}

function startsAnew(before: Subscription, { items, isAnchoredNow, endsTrial }: ItemChange): boolean {
  const cost = (of: readonly SubscriptionItem[]): number => of.reduce((sum, item) => sum + toAmount(item), 0);
  const isFirstPaid = cost(before.items.data) === 0 && cost(items) > 0;
  return (
    isAnchoredNow ||
    endsTrial ||
    isFirstPaid ||
    !isSameInterval(toInterval(before), toInterval({ items: toItemList(before.id, items) }))
  );
}

interface Situation {
  readonly isReset: boolean;
  readonly isTrial: boolean;
}

function settleRest(call: Call, before: Subscription, change: ItemChange, { isReset, isTrial }: Situation): void {
  if (isTrial) return;
  const { behavior, items, at } = change;
  if (behavior !== 'none') {
    prorateChange(call, before, { before: before.items.data, after: items, at: isReset ? call.now : at, isReset });
  } else if (isReset) {
    // The old period ends here without anything given back, so nothing of it can be given back later either.
    putDebits(
      call,
      before.id,
      findDebits(call, before.id).map((debit) => ({ ...debit, ...computeCredit(debit, call.now).rest })),
    );
  }
}

function toPeriodChanges(
  call: Call,
  before: Subscription,
  { items }: ItemChange,
  isReset: boolean,
): Partial<Subscription> & { readonly items: Subscription['items'] } {
  if (!isReset) return { items: toItemList(before.id, toItemsIn(items, toPeriod(before))) };
  const period: Period = computePeriod(call.now, toInterval({ items: toItemList(before.id, items) }), call.now);
  const isTrialOver = before.status === 'trialing';
  return {
    items: toItemList(before.id, toItemsIn(items, period)),
    billing_cycle_anchor: call.now,
    ...(isTrialOver ? { status: 'active' as const, trial_end: call.now } : {}),
    ...(before.cancel_at_period_end ? { cancel_at: period.end } : {}),
  };
}

function billNow(
  call: Call,
  target: Subscription,
  { behavior }: ItemChange,
  { isReset, isTrial }: Situation,
): Invoice | undefined {
  if (isTrial) return undefined;
  const lines = isReset ? toPeriodLines(call, target, target.items.data, { period: toPeriod(target) }) : [];
  const period = { start: call.now, end: call.now };
  const isDue = isReset || (behavior === 'always_invoice' && hasProrations(call, target));
  return isDue
    ? billSubscription(call, target, { reason: 'subscription_update', lines, period, isLater: false })
    : undefined;
}

function hasProrations(call: Call, { customer, id }: Subscription): boolean {
  return findPendingItems(call, customer, id).some(({ proration }) => proration);
}

/** Is a change that waits for its invoice, and what was debited before it. */
interface Waiting {
  readonly changes: Partial<Subscription>;
  readonly invoice: string;
  readonly debits: ReturnType<typeof findDebits>;
}

const WAITING = defineTable<Waiting>('subscription.pending_update');

interface WaitTerms {
  readonly changes: Partial<Subscription>;
  readonly bill: Invoice;
  readonly debits: Waiting['debits'];
  readonly change: ItemChange;
}

/** Leaves a subscription as it is until the invoice of its change is paid. */
function wait(call: Call, before: Subscription, { changes, bill, debits, change }: WaitTerms): Subscription {
  const { id, test_clock: testClock } = before;
  // What it was reckoned for ends with the period.
  const expiresAt = Math.min(call.now + INCOMPLETE_SECONDS, toPeriod(before).end);
  call.tx.put(WAITING, id, { changes, invoice: bill.id, debits });
  schedule(call.tx, { kind: SUBSCRIPTION_DUE.pendingUpdate, subject: id, at: expiresAt, testClock });
  changeSubscription(call, before, {
    latest_invoice: bill.id,
    pending_update: {
      billing_cycle_anchor: changes.billing_cycle_anchor ?? null,
      discount: null,
      discounts: null,
      expires_at: expiresAt,
      metadata: toSentMetadata(before, changes),
      subscription_items: changes.items?.data ?? null,
      trial_end: changes.trial_end ?? null,
      trial_from_plan: null,
    },
  });
  collectNow(call, bill, { ...change.collection, behavior: 'allow_incomplete' });
  return call.need(SUBSCRIPTIONS, id, 'subscription');
}

/** Returns what a change says anew of the metadata. */
function toSentMetadata({ metadata: before }: Subscription, { metadata: after = {} }: Partial<Subscription>) {
  const sent = Object.entries(after).filter(([key, value]) => before[key] !== value);
  return sent.length === 0 ? null : Object.fromEntries(sent);
}

/** Has a change that waited come about, because its invoice was paid. Returns whether it was that invoice. */
export function applyPendingUpdate(call: Call, subscription: Subscription, invoice: string): boolean {
  const waiting = call.tx.find(WAITING, subscription.id);
  if (waiting?.invoice !== invoice) return false;
  forget(call, subscription.id);
  const event = 'customer.subscription.pending_update_applied';
  const metadata = { ...subscription.metadata, ...waiting.changes.metadata };
  const changes = {
    ...waiting.changes,
    ...toCancelTime(subscription, waiting.changes),
    metadata,
    pending_update: null,
  };
  const applied = call.move(SUBSCRIPTIONS, subscription, changes, event);
  call.emit({ type: 'customer.subscription.updated', object: applied, before: subscription });
  changeSubscription(call, applied, {});
  return true;
}

/** A cancellation at the end of the period, which can have come while the change waited, goes with the period. */
function toCancelTime({ cancel_at_period_end: isEnding }: Subscription, { items }: Partial<Subscription>) {
  return isEnding && items !== undefined ? { cancel_at: toPeriod({ items }).end } : {};
}

/** Says whether an invoice is that of a change that waits. */
export function isPendingInvoice(call: Call, subscription: string, invoice: string): boolean {
  return call.tx.find(WAITING, subscription)?.invoice === invoice;
}

/** Drops a change that waited too long, or was taken back, with its invoice. */
export function dropPendingUpdate(call: Call, id: string): void {
  const [waiting, subscription] = [call.tx.find(WAITING, id), call.tx.find(SUBSCRIPTIONS, id)];
  if (waiting === undefined || subscription === undefined) return;
  forget(call, id);
  const invoice = call.tx.find(INVOICES, waiting.invoice);
  if (invoice?.status === 'open') voidInvoice(call, invoice);
  putDebits(call, id, waiting.debits);
  const event = 'customer.subscription.pending_update_expired';
  call.move(SUBSCRIPTIONS, subscription, { pending_update: null }, event);
}

function forget(call: Call, id: string): void {
  unschedule(call.tx, SUBSCRIPTION_DUE.pendingUpdate, id);
  call.tx.remove(WAITING, id);
}
