/**
 * Owns: what follows for a subscription from what happens to its invoices, its customer, its prices.
 * Does not own: those.
 */
import { findBillingSetting } from '../billing-setting.ts';
import type { Call } from '../call.ts';
import type { ApiObject } from '../json.ts';
import { isFields } from '../json.ts';
import { toCustomerCall } from './customer-object.ts';
import { isUsedUp, stopCollecting } from './invoice-life.ts';
import { INVOICES, type Invoice, toSubscriptionId } from './invoice-object.ts';
import { findInvoiceIntent } from './invoice-payment.ts';
import { SETUP_INTENTS } from './setup-intent.ts';
import { cancelSubscription } from './subscription-cancellation.ts';
import { applyPendingUpdate, dropPendingUpdate, isPendingInvoice } from './subscription-change.ts';
import { changeSubscription } from './subscription-collection.ts';
import { SUBSCRIPTION_OF_SETUP } from './subscription-create.ts';
import { isOver, SUBSCRIPTIONS, type Subscription, toItemList } from './subscription-object.ts';

type Reaction = (call: Call, object: ApiObject) => void;

/** Has something follow for the subscription that an invoice is for. */
function onInvoice(then: (call: Call, subscription: Subscription, invoice: Invoice) => void): Reaction {
  return (call, { id }) => {
    const invoice = call.tx.find(INVOICES, id);
    const subscription = invoice && call.tx.find(SUBSCRIPTIONS, toSubscriptionId(invoice) ?? '');
    if (invoice === undefined || subscription === undefined || isOver(subscription)) return;
    then(toCustomerCall(call, invoice.customer).own, subscription, invoice);
  };
}

/** A payment sets right what a failed one had set wrong, if it is that of the newest invoice. */
function settle(call: Call, before: Subscription, invoice: Invoice): void {
  if (applyPendingUpdate(call, before, invoice.id)) return;
  const subscription = rememberMethod(call, before, invoice);
  if (subscription.latest_invoice !== invoice.id) return;
  if (subscription.status === 'paused') {
    const resumed = { status: 'active' as const };
    changeSubscription(call, subscription, resumed, 'customer.subscription.resumed');
    return;
  }
  const isTrial = subscription.trial_end !== null && subscription.trial_end > call.now;
  const status = isTrial ? 'trialing' : 'active';
  if (subscription.status !== status) changeSubscription(call, subscription, { status });
}

/** Takes the card that paid as the one to pay with, where that was asked for. */
function rememberMethod(call: Call, subscription: Subscription, invoice: Invoice): Subscription {
  const settings = subscription['payment_settings'];
  const isAsked = isFields(settings) && settings['save_default_payment_method'] === 'on_subscription';
  const method = findInvoiceIntent(call, invoice.id)?.payment_method ?? null;
  if (!isAsked || method === null || invoice['amount_paid'] === 0) return subscription;
  return changeSubscription(call, subscription, { default_payment_method: method });
}

/**
 * A failed payment leaves the first invoice incomplete, or past due where its bank took days for it; any later one is past due, until
 * its retries are used up. One made by hand is no matter.
 */
function fail(call: Call, subscription: Subscription, invoice: Invoice): void {
  if (isPendingInvoice(call, subscription.id, invoice.id)) return;
  const { billing_reason: reason } = invoice;
  const isFirst = reason === 'subscription_create' && subscription.status === 'active';
  const isOwn = reason === 'subscription_cycle' || reason === 'subscription_update' || isFirst;
  if (!isOwn || subscription.status === 'paused') return;
  if (isUsedUp(call, invoice)) giveUp(call, subscription, invoice);
  else if (subscription.status === 'active') changeSubscription(call, subscription, { status: 'past_due' });
}

function giveUp(call: Call, subscription: Subscription, invoice: Invoice): void {
  const { afterRetries } = findBillingSetting(call.tx);
  switch (afterRetries) {
    case 'cancel':
      cancelSubscription(call, subscription, { reason: 'payment_failed' });
      return;
    case 'unpaid':
      stopCollecting(call, invoice);
      changeSubscription(call, subscription, { status: 'unpaid' });
      return;
    case 'past_due':
      if (subscription.status === 'active') changeSubscription(call, subscription, { status: 'past_due' });
  }
}

/** A change of a price's metadata and the like shows wherever it is subscribed to. */
function refreshPrice(call: Call, price: ApiObject): void {
  for (const subscription of call.tx.all(SUBSCRIPTIONS)) {
    const { data } = subscription.items;
    if (!data.some((item) => item.price.id === price.id)) continue;
    // What is subscribed to has an interval, which never changes.
    const items = data.map((item) =>
      item.price.id === price.id ? { ...item, price: price as typeof item.price } : item,
    );
    call.tx.put(SUBSCRIPTIONS, subscription.id, { ...subscription, items: toItemList(subscription.id, items) });
  }
}

/** Takes a card that was saved for a subscription that has to pay later. */
function adoptSavedCard(call: Call, { id }: ApiObject): void {
  const subscription = call.tx.find(SUBSCRIPTIONS, call.tx.find(SUBSCRIPTION_OF_SETUP, id) ?? '');
  const method = call.tx.find(SETUP_INTENTS, id)?.payment_method ?? null;
  if (subscription === undefined || isOver(subscription)) return;
  const { own } = toCustomerCall(call, subscription.customer);
  changeSubscription(own, subscription, { default_payment_method: method, pending_setup_intent: null });
}

/** What a deleted customer had subscribed to ends with it. */
function endWithCustomer(call: Call, { id }: ApiObject): void {
  for (const subscription of call.tx.all(SUBSCRIPTIONS).filter(({ customer }) => customer === id)) {
    if (!isOver(subscription)) cancelSubscription(call, subscription, { reason: 'cancellation_requested' });
  }
}

/** An invoice that is given up counts as settled, so the subscription goes on; one that is voided does, too. */
function writeOff(call: Call, subscription: Subscription, { id }: Invoice): void {
  const isBehind = subscription.status === 'past_due' || subscription.status === 'unpaid';
  if (isBehind && subscription.latest_invoice === id) changeSubscription(call, subscription, { status: 'active' });
}

/** Whoever voids the invoice of a change that waits takes the change back: https://docs.stripe.com/billing/subscriptions/pending-updates. */
function dropOrWriteOff(call: Call, subscription: Subscription, invoice: Invoice): void {
  if (isPendingInvoice(call, subscription.id, invoice.id)) dropPendingUpdate(call, subscription.id);
  else writeOff(call, subscription, invoice);
}

/** Are the reactions of subscriptions. */
export const SUBSCRIPTION_REACTIONS: Readonly<Record<string, Reaction>> = {
  'invoice.paid': onInvoice(settle),
  'invoice.payment_failed': onInvoice(fail),
  'invoice.overdue': onInvoice((call, subscription) => {
    if (subscription.status === 'active') changeSubscription(call, subscription, { status: 'past_due' });
  }),
  'invoice.marked_uncollectible': onInvoice(writeOff),
  'invoice.voided': onInvoice(dropOrWriteOff),
  'price.updated': refreshPrice,
  'setup_intent.succeeded': adoptSavedCard,
  'customer.deleted': endWithCustomer,
};
