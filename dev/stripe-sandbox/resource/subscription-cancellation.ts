/**
 * Owns: ending a subscription: at once, at a time, at the end of its period; and taking that back.
 * Does not own: the API (`subscription.ts`).
 */
import type { Call } from '../call.ts';
import { readFields, readFlag, readUnsettableText } from '../field.ts';
import type { JsonFields } from '../json.ts';
import { invalidRequest, notInSandbox } from '../stripe-error.ts';
import { findPendingItems } from './invoice-item.ts';
import { stopCollecting, voidInvoice } from './invoice-life.ts';
import { INVOICES, type Invoice, toSubscriptionId } from './invoice-object.ts';
import { billSubscription, dropPendingProrations, giveBack } from './subscription-billing.ts';
import { changeSubscription, collectNow } from './subscription-collection.ts';
import { type Subscription, toPeriod } from './subscription-object.ts';

/** Is why a subscription has ended, or will. */
export type CancellationReason = 'cancellation_requested' | 'payment_failed';

/** Returns what a request changes about when a subscription ends. Throws StripeError where it contradicts itself. */
export function readCancellation(
  call: Call,
  subscription: Pick<Subscription, 'items'>,
  parameters: JsonFields,
): Partial<Subscription> {
  const [atEnd, at] = [readFlag(parameters, 'cancel_at_period_end'), parameters['cancel_at']];
  if (atEnd === true && at !== undefined && at !== '') {
    throw invalidRequest('You may only specify one of these parameters: cancel_at, cancel_at_period_end.', {
      param: 'cancel_at',
    });
  }
  const { end } = toPeriod(subscription);
  if (atEnd === true) return toEnding(call, end, true);
  if (at === '' || (atEnd === false && at === undefined)) return GOES_ON;
  if (at === undefined) return {};
  if (at === 'max_billed_until') throw notInSandbox('cancel_at: max_billed_until', 'cancel_at');
  // All items have the same period here, so the first one to end is also the last.
  const time = typeof at === 'number' ? at : end;
  if (time <= call.now)
    throw invalidRequest('The timestamp of a cancellation must be in the future.', { param: 'cancel_at' });
  return toEnding(call, time, false);
}

const NOT_CANCELED = { comment: null, feedback: null, reason: null };
const GOES_ON: Partial<Subscription> = {
  cancel_at: null,
  cancel_at_period_end: false,
  canceled_at: null,
  cancellation_details: NOT_CANCELED,
};

function toEnding(call: Call, at: number, isAtPeriodEnd: boolean): Partial<Subscription> {
  return {
    cancel_at: at,
    cancel_at_period_end: isAtPeriodEnd,
    // When it was asked for, not when it comes about.
    canceled_at: call.now,
    cancellation_details: { ...NOT_CANCELED, reason: 'cancellation_requested' },
  };
}

/** Returns the details of a cancellation with what whoever cancels says about it. */
export function readCancellationDetails(
  { cancellation_details: before }: Subscription,
  parameters: JsonFields,
): JsonFields {
  const sent = readFields(parameters, 'cancellation_details') ?? {};
  if (sent['feedback_option'] !== undefined) {
    throw notInSandbox('cancellation_details[feedback_option]', 'cancellation_details[feedback_option]');
  }
  const [comment, feedback] = ['comment', 'feedback'].map((name) => readUnsettableText(sent, name));
  return {
    ...before,
    ...(comment === undefined ? {} : { comment }),
    ...(feedback === undefined ? {} : { feedback }),
  };
}

/** Says how a subscription is ended at once. */
export interface Ending {
  readonly reason: CancellationReason;
  readonly details?: JsonFields;
  /** Gives back the rest of the period. */
  readonly isProrated?: boolean;
  /** Bills what waits at once. */
  readonly isInvoiced?: boolean;
}

/** Ends a subscription at once, for ever. Its invoices are not collected any more. */
export function cancelSubscription(call: Call, subscription: Subscription, ending: Ending): Subscription {
  if (subscription.status === 'incomplete') return expireSubscription(call, subscription);
  const { isProrated = false, isInvoiced = false } = ending;
  if (isProrated) for (const item of subscription.items.data) giveBack(call, subscription, item, call.now);
  const bill = isInvoiced ? billRest(call, subscription) : undefined;
  if (!isProrated && !isInvoiced) dropPendingProrations(call, subscription);
  for (const invoice of findOpenInvoices(call, subscription)) {
    if (invoice.id !== bill?.id) stopCollecting(call, invoice);
  }
  const details = ending.details ?? subscription.cancellation_details;
  const ended = changeSubscription(
    call,
    subscription,
    {
      // Whoever asked for it did so then; it comes about now.
      canceled_at: subscription.canceled_at ?? call.now,
      cancellation_details: { ...details, reason: details['reason'] ?? ending.reason },
      ended_at: call.now,
      latest_invoice: bill?.id ?? subscription.latest_invoice,
      pending_update: null,
      status: 'canceled',
    },
    'customer.subscription.deleted',
  );
  if (bill !== undefined) collectNow(call, bill, { behavior: 'allow_incomplete', isOffSession: true });
  return ended;
}

function billRest(call: Call, subscription: Subscription): Invoice | undefined {
  if (findPendingItems(call, subscription.customer, subscription.id).length === 0) return undefined;
  const period = { start: call.now, end: call.now };
  return billSubscription(call, subscription, { reason: 'subscription_update', lines: [], period, isLater: false });
}

function findOpenInvoices(call: Call, { id }: Subscription): readonly Invoice[] {
  return call.tx
    .all(INVOICES)
    .filter((invoice) => toSubscriptionId(invoice) === id && (invoice.status === 'draft' || invoice.status === 'open'));
}

/** Ends a subscription whose first payment has not come: the invoice is voided, too. */
export function expireSubscription(call: Call, subscription: Subscription): Subscription {
  for (const invoice of findOpenInvoices(call, subscription)) {
    if (invoice.status === 'open') voidInvoice(call, invoice);
  }
  return changeSubscription(call, subscription, { ended_at: call.now, status: 'incomplete_expired' });
}
