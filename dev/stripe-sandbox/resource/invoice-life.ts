/**
 * Owns: the life of an invoice from draft to paid, void or uncollectible: finalising, attempts to collect, their schedule.
 * Does not own: drafts (`invoice-draft.ts`), the API (`invoice.ts`), and what follows for a subscription (its reactions).
 * Invariants: an invoice is paid in the transaction in which its payment intent succeeds, whoever made that succeed. What the
 * customer's balance gives or takes is settled once, when the invoice is finalised, and given back when it is voided.
 */
import { findBillingSetting } from '../billing-setting.ts';
import type { Call } from '../call.ts';
import { schedule, unschedule } from '../due.ts';
import type { JsonFields } from '../json.ts';
import { attempt, invalidRequest, StripeError } from '../stripe-error.ts';
import { CUSTOMERS, type Customer } from './customer-object.ts';
import { computeDue, computeInvoice, findDaysUntilDue } from './invoice-draft.ts';
import { findLines, INVOICES, type Invoice, toSubscriptionId } from './invoice-object.ts';
import {
  cancelInvoicePayment,
  createInvoicePayment,
  findInvoiceIntent,
  findInvoicePayment,
  settleInvoicePayment,
} from './invoice-payment.ts';
import { cancelPaymentIntent, confirmPaymentIntent, createPaymentIntent } from './payment-intent.ts';
import { PAYMENT_METHODS, type PaymentMethod } from './payment-method.ts';
import { SUBSCRIPTIONS } from './subscription-object.ts';

const HOUR_SECONDS = 60 * 60;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** Is how long a draft waits to be finalised: about an hour at Stripe, from when its webhooks are delivered. */
export const DRAFT_SECONDS = HOUR_SECONDS;

/** Are the kinds of notes by which an invoice moves on by itself. */
export const INVOICE_DUE = {
  finalize: 'invoice.finalize',
  attempt: 'invoice.attempt',
  overdue: 'invoice.overdue',
} as const;

/** Has a draft be finalised when it is time. */
export function scheduleFinalization(call: Call, { id, automatically_finalizes_at: at, test_clock }: Invoice): void {
  if (at === null) unschedule(call.tx, INVOICE_DUE.finalize, id);
  else schedule(call.tx, { kind: INVOICE_DUE.finalize, subject: id, at, testClock: test_clock });
}

/** Finalises a draft: it gets its number, and its payment intent where something is to be paid. Throws StripeError for any other. */
export function finalizeInvoice(call: Call, draft: Invoice, method?: PaymentMethod): Invoice {
  if (draft.status !== 'draft') {
    throw invalidRequest("This invoice is already finalized, you can't re-finalize a non-draft invoice.", {
      code: 'invoice_not_editable',
      param: 'invoice',
    });
  }
  const customer = call.need(CUSTOMERS, draft.customer, 'customer');
  const current = computeInvoice(call, draft, findLines(call, draft.id), customer.balance);
  const { balance } = computeDue(current.total, customer.balance, current.currency);
  numberNext(call, customer, balance);
  unschedule(call.tx, INVOICE_DUE.finalize, draft.id);
  const days = findDaysUntilDue(call, draft.id);
  const open: Invoice = {
    ...current,
    automatically_finalizes_at: null,
    due_date: draft.due_date ?? (days === undefined ? null : call.now + days * DAY_SECONDS),
    effective_at: call.now,
    ending_balance: balance,
    hosted_invoice_url: `${call.facts.baseUrl}/i/${draft.id}`,
    next_payment_attempt: null,
    number: draft.number ?? `${customer.invoice_prefix}-${String(customer.next_invoice_sequence).padStart(4, '0')}`,
    status: 'open',
    status_transitions: { ...draft.status_transitions, finalized_at: call.now },
  };
  call.create(INVOICES, open, 'invoice.finalized');
  if (open.amount_due === 0) return payInvoice(call, open);
  createIntent(call, open, method);
  if (open.collection_method === 'send_invoice') sendInvoice(call, open);
  return open;
}

function numberNext(call: Call, customer: Customer, balance: number): void {
  const numbered = { ...customer, next_invoice_sequence: customer.next_invoice_sequence + 1 };
  call.tx.put(CUSTOMERS, customer.id, numbered);
  call.update(CUSTOMERS, numbered, { balance }, 'customer.updated');
}

const DESCRIPTIONS: Readonly<Partial<Record<Invoice['billing_reason'], string>>> = {
  subscription_create: 'Subscription creation',
  subscription_cycle: 'Subscription update',
  subscription_update: 'Subscription update',
};

function createIntent(call: Call, invoice: Invoice, method: PaymentMethod | undefined): void {
  const intent = createPaymentIntent(call, {
    amount: invoice.amount_due,
    currency: invoice.currency,
    customer: invoice.customer,
    description: DESCRIPTIONS[invoice.billing_reason] ?? `Payment for Invoice`,
    payment_method_types: ['card'],
    ...(method === undefined ? {} : { payment_method: method.id }),
    // A card that pays for a subscription is charged again while its owner is away.
    ...(toSubscriptionId(invoice) === undefined ? {} : { setup_future_usage: 'off_session' }),
  });
  createInvoicePayment(call, invoice, intent);
}

/** Tells that an invoice was sent to be paid by its due date. */
export function sendInvoice(call: Call, invoice: Invoice): void {
  const { due_date: at, id, test_clock: testClock } = invoice;
  if (at !== null) schedule(call.tx, { kind: INVOICE_DUE.overdue, subject: id, at, testClock });
  call.emit({ type: 'invoice.sent', object: invoice });
}

/** Notes that an invoice is paid: by its payment intent, by the customer's balance, or outside of Stripe. */
export function payInvoice(call: Call, invoice: Invoice): Invoice {
  for (const kind of Object.values(INVOICE_DUE)) unschedule(call.tx, kind, invoice.id);
  const paid: Invoice = {
    ...invoice,
    amount_paid: invoice.amount_due,
    amount_remaining: 0,
    attempted: true,
    auto_advance: false,
    next_payment_attempt: null,
    status: 'paid',
    status_transitions: { ...invoice.status_transitions, paid_at: call.now },
  };
  call.tx.put(INVOICES, paid.id, paid);
  const payment = findInvoicePayment(call, invoice.id);
  if (payment?.status === 'open') settleInvoicePayment(call, payment);
  call.emit({ type: 'invoice.paid', object: paid });
  call.emit({ type: 'invoice.payment_succeeded', object: paid });
  setDelinquent(call, paid.customer);
  return paid;
}

/** Stripe calls a customer delinquent while a payment that it tried by itself is still due. */
function setDelinquent(call: Call, customerId: string): void {
  const customer = call.tx.find(CUSTOMERS, customerId);
  if (customer === undefined) return;
  const isDelinquent = call.tx
    .all(INVOICES)
    .some(
      ({ customer: owner, status, attempted, auto_advance: isAdvancing }) =>
        owner === customerId && status === 'open' && attempted && isAdvancing,
    );
  if (customer.delinquent !== isDelinquent) {
    call.update(CUSTOMERS, customer, { delinquent: isDelinquent }, 'customer.updated');
  }
}

/** Says how an invoice is to be collected. */
export interface Collection {
  /** Is the card to take; absent: the one that stands on the invoice, the subscription or the customer. */
  readonly method?: PaymentMethod | undefined;
  readonly isOffSession: boolean;
  /** Says that the schedule wants it, and not a person. */
  readonly isAutomatic: boolean;
}

/** Tries to collect an open invoice. Returns why that failed, if it did; the attempt stays, and the invoice as it is then. */
export function collectInvoice(
  call: Call,
  invoice: Invoice,
  { method, isOffSession, isAutomatic }: Collection,
): { readonly invoice: Invoice; readonly failure?: StripeError } {
  noteAttempt(call, invoice, isAutomatic);
  const failure = tryToCollect(call, invoice, method ?? findDefaultMethod(call, invoice), isOffSession);
  const after = call.need(INVOICES, invoice.id, 'invoice');
  return failure === undefined ? { invoice: after } : { invoice: after, failure };
}

function tryToCollect(
  call: Call,
  invoice: Invoice,
  method: PaymentMethod | undefined,
  isOffSession: boolean,
): StripeError | undefined {
  const intent = findInvoiceIntent(call, invoice.id);
  if (intent === undefined) throw new RangeError(`The open invoice ${invoice.id} has no payment intent.`);
  if (method === undefined) {
    failInvoice(call, invoice.id);
    return noMethod();
  }
  const answer = attempt(() => confirmPaymentIntent(call, intent, { method, isOffSession, isAskedLater: true }));
  if (answer instanceof StripeError) return answer;
  return answer.status === 'succeeded' ? undefined : needsAction(answer);
}

/** Makes the failure of a charge that there is no card for. */
export function noMethod(): StripeError {
  const message =
    'This customer has no attached payment source or default payment method. Please consider adding a default payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.';
  return invalidRequest(message, { code: 'resource_missing' });
}

function needsAction(intent: StripeError['detail']['payment_intent']): StripeError {
  const message =
    'Payment for this invoice requires additional user action before it can be completed successfully. Payment can be completed using the PaymentIntent associated with this invoice. For more details see: https://stripe.com/docs/billing/subscriptions/overview#requires-action';
  const detail = {
    code: 'invoice_payment_intent_requires_action',
    ...(intent === undefined ? {} : { payment_intent: intent }),
  };
  return new StripeError(402, 'card_error', message, detail, true);
}

/** Returns the card that pays an invoice, in Stripe's order: the invoice's own, the subscription's, the customer's. */
export function findDefaultMethod(call: Call, invoice: Invoice): PaymentMethod | undefined {
  const subscription = call.tx.find(SUBSCRIPTIONS, toSubscriptionId(invoice) ?? '');
  const customer = call.tx.find(CUSTOMERS, invoice.customer);
  const candidates = [
    invoice.default_payment_method,
    subscription?.default_payment_method,
    customer?.invoice_settings['default_payment_method'],
  ];
  const id = candidates.find((candidate) => typeof candidate === 'string');
  return typeof id === 'string' ? call.tx.find(PAYMENT_METHODS, id) : undefined;
}

/** Counts an attempt, and says when the next one is. Attempts by hand after the first one don't move the schedule. */
function noteAttempt(call: Call, invoice: Invoice, isAutomatic: boolean): Invoice {
  const isCounted = isAutomatic || invoice.attempt_count === 0;
  const next = isCounted ? findNextAttempt(call, invoice) : invoice.next_payment_attempt;
  const noted: Invoice = {
    ...invoice,
    attempt_count: invoice.attempt_count + (isCounted ? 1 : 0),
    attempted: true,
    next_payment_attempt: next,
  };
  call.tx.put(INVOICES, invoice.id, noted);
  if (isCounted) scheduleAttempt(call, invoice, next);
  return noted;
}

/** Notes that the first attempt to pay an invoice is under way. Throws StripeError where there is no such invoice. */
export function noteFirstAttempt(call: Call, id: string): void {
  noteAttempt(call, call.need(INVOICES, id, 'invoice'), false);
}

/** Says whether an invoice is tried again by itself: what a subscription bills, but for the first one, which has 23 hours. */
function isRetried({ billing_reason: reason, collection_method: method }: Invoice): boolean {
  return (reason === 'subscription_cycle' || reason === 'subscription_update') && method === 'charge_automatically';
}

function findNextAttempt(call: Call, invoice: Invoice): number | null {
  const isNext = isRetried(invoice) && invoice.auto_advance;
  const days = isNext ? findBillingSetting(call.tx).retryDays[invoice.attempt_count] : undefined;
  return days === undefined ? null : call.now + days * DAY_SECONDS;
}

/** Says whether the last of all attempts to collect an invoice was made. */
export function isUsedUp(call: Call, invoice: Invoice): boolean {
  return isRetried(invoice) && invoice.attempt_count > findBillingSetting(call.tx).retryDays.length;
}

/** Has an invoice be collected when it is time; null: not by itself. */
export function scheduleAttempt(call: Call, { id, test_clock: testClock }: Invoice, at: number | null): void {
  if (at === null) unschedule(call.tx, INVOICE_DUE.attempt, id);
  else schedule(call.tx, { kind: INVOICE_DUE.attempt, subject: id, at, testClock });
}

/** Notes that an attempt to pay an invoice has failed. */
export function failInvoice(call: Call, id: string): void {
  const invoice = call.tx.find(INVOICES, id);
  if (invoice?.status !== 'open') return;
  // Whoever pays by hand makes the first attempt, too.
  const failed = invoice.attempt_count === 0 ? noteAttempt(call, invoice, false) : invoice;
  call.create(INVOICES, failed, 'invoice.payment_failed');
  setDelinquent(call, failed.customer);
}

/** Notes that whoever pays must authenticate, which is no payment yet. */
export function askForAction(call: Call, id: string): void {
  const invoice = call.tx.find(INVOICES, id);
  if (invoice?.status !== 'open') return;
  call.emit({ type: 'invoice.payment_action_required', object: invoice });
  failInvoice(call, id);
}

/** Ends that an invoice is collected by itself. */
export function stopCollecting(call: Call, invoice: Invoice): Invoice {
  for (const kind of [INVOICE_DUE.attempt, INVOICE_DUE.finalize]) unschedule(call.tx, kind, invoice.id);
  const changes = { auto_advance: false, automatically_finalizes_at: null, next_payment_attempt: null };
  return call.update(INVOICES, invoice, changes, 'invoice.updated');
}

/** Voids an invoice: it was never due. What the balance paid of it goes back. Throws StripeError where it is too late. */
export function voidInvoice(call: Call, invoice: Invoice): Invoice {
  if (invoice.status !== 'open' && invoice.status !== 'uncollectible') {
    throw invalidRequest(`You can only pass in open or uncollectible invoices: this one is ${invoice.status}.`, {
      param: 'invoice',
    });
  }
  giveBackBalance(call, invoice);
  return endInvoice(call, invoice, 'void', { voided_at: call.now }, 'invoice.voided');
}

function giveBackBalance(call: Call, { customer: id, starting_balance: start, ending_balance: end }: Invoice): void {
  const customer = call.tx.find(CUSTOMERS, id);
  if (customer === undefined || end === null) return;
  call.update(CUSTOMERS, customer, { balance: customer.balance + start - end }, 'customer.updated');
}

/** Gives an invoice up. It may be paid still. Throws StripeError where it is not open. */
export function giveUpInvoice(call: Call, invoice: Invoice): Invoice {
  if (invoice.status !== 'open') {
    throw invalidRequest(`You can only mark open invoices as uncollectible: this one is ${invoice.status}.`, {
      param: 'invoice',
    });
  }
  const transitions = { ...invoice.status_transitions, marked_uncollectible_at: call.now };
  stopCollecting(call, invoice);
  const changes: Partial<Invoice> = {
    auto_advance: false,
    next_payment_attempt: null,
    status: 'uncollectible',
    status_transitions: transitions,
  };
  return call.move(INVOICES, invoice, changes, 'invoice.marked_uncollectible');
}

function endInvoice(call: Call, invoice: Invoice, status: 'void', transition: JsonFields, event: string): Invoice {
  for (const kind of Object.values(INVOICE_DUE)) unschedule(call.tx, kind, invoice.id);
  const [intent, payment] = [findInvoiceIntent(call, invoice.id), findInvoicePayment(call, invoice.id)];
  if (intent !== undefined && intent.status !== 'canceled') cancelPaymentIntent(call, intent, 'void_invoice');
  if (payment !== undefined) cancelInvoicePayment(call, payment);
  const changes: Partial<Invoice> = {
    auto_advance: false,
    next_payment_attempt: null,
    status,
    status_transitions: { ...invoice.status_transitions, ...transition },
  };
  return call.move(INVOICES, invoice, changes, event);
}
