/**
 * Owns: paying a checkout session, or saving a card in it, or subscribing by it, until it is complete.
 * Does not own: the page that this is done on (`../hosted-page/`), and payments.
 * Invariant: a session is completed in the transaction in which what it is for succeeds, whether the browser comes back or not.
 */
import type { Call } from '../call.ts';
import { unschedule } from '../due.ts';
import { assignToSession, findSessionId } from '../intent.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { defineTable } from '../store.ts';
import { invalidRequest } from '../stripe-error.ts';
import { discountLineItems, findLineItems, putLineItems, toTotals } from './checkout-line.ts';
import { CHECKOUT_EXPIRY, CHECKOUT_SESSIONS, type CheckoutSession, SESSION_DATA } from './checkout-object.ts';
import { createCustomer } from './customer.ts';
import { toCustomerCall } from './customer-object.ts';
import { redeemDiscounts } from './discount.ts';
import { INVOICES, toSubscriptionId } from './invoice-object.ts';
import { findInvoiceIntent } from './invoice-payment.ts';
import { confirmPaymentIntent, createPaymentIntent, PAYMENT_INTENTS, type PaymentIntent } from './payment-intent.ts';
import { PAYMENT_METHODS, type PaymentMethod } from './payment-method.ts';
import { assertRedeemable, findTypedCode } from './promotion-code.ts';
import { confirmSetupIntent, createSetupIntent, SETUP_INTENTS, type SetupIntent } from './setup-intent.ts';
import { cancelSubscription } from './subscription-cancellation.ts';
import { changeSubscription } from './subscription-collection.ts';
import { createSubscription } from './subscription-create.ts';
import { isOver, SUBSCRIPTIONS, type Subscription } from './subscription-object.ts';

/** Is what a session has begun and does not show yet. */
interface Begun {
  readonly customer?: string;
  readonly subscription?: string;
  readonly setupIntent?: string;
}

const BEGUN = defineTable<Begun>('checkout.session.begun');
const SESSION_OF_SUBSCRIPTION = defineTable<string>('subscription.session');

function findBegun(call: Call, { id }: CheckoutSession): Begun {
  return call.tx.find(BEGUN, id) ?? {};
}

/**
 * Pays, saves the card, or subscribes, on the hosted page; a session that needs no card takes none. Returns the session,
 * complete or with an intent that waits for its owner to authenticate. Throws StripeError (402) for a declined card; the
 * session stays open.
 */
export function paySession(
  call: Call,
  session: CheckoutSession,
  method: PaymentMethod | undefined,
  details: JsonFields = {},
): CheckoutSession {
  const returnUrl = session.url ?? '';
  if (session.mode === 'setup' && method !== undefined) {
    const intent = call.need(SETUP_INTENTS, session.setup_intent ?? '', 'setup_intent');
    confirmSetupIntent(call, intent, { method, returnUrl });
  } else if (session.mode === 'subscription') {
    subscribe(call, withCustomer(call, session, method?.billing_details ?? details), method);
  } else if (method === undefined) {
    completeSession(call, session, { billing: details, changes: {} });
  } else {
    const paying =
      session.customer_creation === 'always' ? withCustomer(call, session, method.billing_details) : session;
    const intent = findOrCreateIntent(call, paying);
    call.create(CHECKOUT_SESSIONS, { ...paying, payment_intent: intent.id });
    confirmPaymentIntent(call, intent, { method, returnUrl });
  }
  return call.need(CHECKOUT_SESSIONS, session.id, 'session');
}

/** Returns a session with its customer, who is made of what was typed where there is none yet. */
function withCustomer(
  call: Call,
  session: CheckoutSession,
  { email = null, name = null }: JsonFields,
): CheckoutSession {
  const begun = findBegun(call, session);
  if (session.customer !== null) return session;
  const customer = begun.customer ?? createCustomer(call, { email: email ?? session.customer_email, name }).id;
  call.tx.put(BEGUN, session.id, { ...begun, customer });
  return { ...session, customer };
}

function findOrCreateIntent(call: Call, session: CheckoutSession): PaymentIntent {
  const begun = session.payment_intent === null ? undefined : call.tx.find(PAYMENT_INTENTS, session.payment_intent);
  if (begun !== undefined) return call.create(PAYMENT_INTENTS, { ...begun, amount: session.amount_total ?? 0 });
  const intent = createPaymentIntent(call, {
    ...call.tx.find(SESSION_DATA, session.id),
    amount: session.amount_total,
    currency: session.currency,
    payment_method_types: ['card'],
    ...(session.customer === null ? {} : { customer: session.customer }),
  });
  assignToSession(call, intent.id, session.id);
  return intent;
}

function subscribe(call: Call, session: CheckoutSession, method: PaymentMethod | undefined): void {
  const isPaidToday = (session.amount_total ?? 0) > 0;
  if (method === undefined) {
    completeSubscription(call, session, beginSubscription(call, session), undefined);
    return;
  }
  const returnUrl = session.url ?? '';
  if (!isPaidToday) {
    confirmSetupIntent(call, beginSetup(call, session), { method, returnUrl });
    return;
  }
  const subscription = findOpenSubscription(call, session) ?? beginSubscription(call, session);
  const intent = findInvoiceIntent(call, subscription.latest_invoice ?? '');
  if (intent === undefined) throw new RangeError(`The subscription ${subscription.id} has nothing to pay.`);
  confirmPaymentIntent(call, intent, { method, returnUrl });
}

/** Returns the subscription of an attempt before, unless its time is over. */
function findOpenSubscription(call: Call, session: CheckoutSession): Subscription | undefined {
  const subscription = call.tx.find(SUBSCRIPTIONS, findBegun(call, session).subscription ?? '');
  return subscription === undefined || isOver(subscription) ? undefined : subscription;
}

function beginSetup(call: Call, session: CheckoutSession): SetupIntent {
  const begun = findBegun(call, session);
  const before = call.tx.find(SETUP_INTENTS, begun.setupIntent ?? '');
  if (before !== undefined) return before;
  const intent = createSetupIntent(call, {
    customer: session.customer,
    payment_method_types: ['card'],
    usage: 'off_session',
  });
  assignToSession(call, intent.id, session.id);
  call.tx.put(BEGUN, session.id, { ...begun, setupIntent: intent.id });
  return intent;
}

function beginSubscription(call: Call, session: CheckoutSession): Subscription {
  const [discount] = session.discounts ?? [];
  const wanted =
    discount?.promotion_code == null ? { coupon: discount?.coupon } : { promotion_code: discount.promotion_code };
  const subscription = createSubscription(call, {
    ...call.tx.find(SESSION_DATA, session.id),
    customer: session.customer,
    items: findLineItems(call, session).map(({ price, quantity }) => ({ price: price.id, quantity })),
    payment_behavior: 'default_incomplete',
    ...(discount === undefined ? {} : { discounts: [toWanted(wanted)] }),
  });
  call.tx.put(BEGUN, session.id, { ...findBegun(call, session), subscription: subscription.id });
  call.tx.put(SESSION_OF_SUBSCRIPTION, subscription.id, session.id);
  return subscription;
}

/** Completes a session that was subscribed by. The card that paid is the one to pay with from now on. */
function completeSubscription(
  call: Call,
  session: CheckoutSession,
  subscription: Subscription,
  method: PaymentMethod | undefined,
): void {
  const { own, customer } = toCustomerCall(call, subscription.customer);
  if (method !== undefined) changeSubscription(own, subscription, { default_payment_method: method.id });
  const billing = method?.billing_details ?? { email: customer?.email ?? null, name: customer?.name ?? null };
  const { latest_invoice: invoice, id } = subscription;
  completeSession(call, session, { billing, changes: { customer: subscription.customer, invoice, subscription: id } });
}

function completeSession(
  call: Call,
  session: CheckoutSession,
  { billing, changes }: { readonly billing: JsonFields; readonly changes: Partial<CheckoutSession> },
): void {
  unschedule(call.tx, CHECKOUT_EXPIRY, session.id);
  if (session.mode === 'payment') redeemSessionDiscounts(call, session);
  const { email = null, name = null, phone = null, address = null } = billing;
  const details = { address, email, name, phone, tax_exempt: 'none', tax_ids: [] };
  const isPaid = session.mode !== 'setup' && (session.amount_total ?? 0) > 0;
  const completed: CheckoutSession = {
    ...session,
    ...changes,
    customer: changes.customer ?? session.customer ?? findBegun(call, session).customer ?? null,
    customer_details: { business_name: null, individual_name: null, ...details },
    payment_status: isPaid ? 'paid' : 'no_payment_required',
    status: 'complete',
    url: null,
  };
  call.create(CHECKOUT_SESSIONS, completed, 'checkout.session.completed');
}

/** Counts what was redeemed. A code that was used up meanwhile was promised, and is honoured. */
function redeemSessionDiscounts(call: Call, session: CheckoutSession): void {
  for (const { coupon, promotion_code: code } of session.discounts ?? []) {
    const { customer, currency, id } = session;
    const target = { customer, currency: currency ?? 'usd', amount: Number.MAX_SAFE_INTEGER, checkoutSession: id };
    redeemDiscounts(call, { discounts: [toWanted(code === null ? { coupon } : { promotion_code: code })] }, target);
  }
}

function toWanted(fields: Readonly<Record<string, string | null | undefined>>): JsonFields {
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value == null ? [] : [[name, value]])));
}

/** Takes a code that was typed on the page off what is paid. Throws StripeError where it can't be redeemed for this. */
export function applyPromotionCode(call: Call, session: CheckoutSession, typed: string): CheckoutSession {
  const found = findTypedCode(call, typed);
  if (found === undefined) throw invalidRequest('This code is invalid.', { param: 'promotion_code' });
  const { customer, currency } = session;
  const target = { customer, currency: currency ?? 'usd', amount: Number(session['amount_subtotal']) };
  const code = assertRedeemable(call, found.id, target, 'promotion_code');
  const begun = findOpenSubscription(call, session);
  if (begun !== undefined) cancelSubscription(call, begun, { reason: 'cancellation_requested' });
  const items = discountLineItems(call, findLineItems(call, session), code.promotion.coupon);
  putLineItems(call, session.id, items);
  const discounts = [{ coupon: null, promotion_code: code.id }];
  return call.create(CHECKOUT_SESSIONS, { ...session, ...toTotals(items), discounts });
}

/** Returns what a session waits for: the intent of its payment, its subscription's or its card's. */
export function findSessionIntent(call: Call, session: CheckoutSession): PaymentIntent | SetupIntent | undefined {
  const { subscription, setupIntent } = findBegun(call, session);
  const begun = call.tx.find(SUBSCRIPTIONS, subscription ?? '');
  return (
    call.tx.find(PAYMENT_INTENTS, session.payment_intent ?? '') ??
    call.tx.find(SETUP_INTENTS, session.setup_intent ?? setupIntent ?? '') ??
    findInvoiceIntent(call, begun?.latest_invoice ?? '')
  );
}

/** Gives up what a session has begun, because it has expired. */
export function dropBegun(call: Call, session: CheckoutSession): void {
  const subscription = findOpenSubscription(call, session);
  if (subscription === undefined) return;
  const { own } = toCustomerCall(call, subscription.customer);
  cancelSubscription(own, subscription, { reason: 'cancellation_requested' });
}

function findOpenSession(call: Call, id: string | undefined): CheckoutSession | undefined {
  const session = call.tx.find(CHECKOUT_SESSIONS, id ?? '');
  return session?.status === 'open' ? session : undefined;
}

function findMethod(call: Call, id: string | null | undefined): PaymentMethod | undefined {
  return call.tx.find(PAYMENT_METHODS, id ?? '');
}

/** Are the reactions of checkout sessions. */
export const CHECKOUT_REACTIONS: Readonly<Record<string, (call: Call, object: ApiObject) => void>> = {
  'payment_intent.succeeded': (call, { id }) => {
    const session = findOpenSession(call, findSessionId(call, id));
    const method = findMethod(call, call.tx.find(PAYMENT_INTENTS, id)?.payment_method);
    if (session === undefined) return;
    completeSession(call, session, { billing: method?.billing_details ?? {}, changes: {} });
  },
  'setup_intent.succeeded': (call, { id }) => {
    const session = findOpenSession(call, findSessionId(call, id));
    const method = findMethod(call, call.tx.find(SETUP_INTENTS, id)?.payment_method);
    if (session === undefined) return;
    if (session.mode !== 'subscription') {
      completeSession(call, session, { billing: method?.billing_details ?? {}, changes: {} });
      return;
    }
    const known = withCustomer(call, session, method?.billing_details ?? {});
    completeSubscription(call, known, beginSubscription(call, known), method);
  },
  // After the invoice's own event, so that the subscription is active by then.
  'invoice.payment_succeeded': (call, { id }) => {
    const invoice = call.tx.find(INVOICES, id);
    const subscription = invoice && call.tx.find(SUBSCRIPTIONS, toSubscriptionId(invoice) ?? '');
    const intent = findInvoiceIntent(call, id);
    const session = findOpenSession(call, call.tx.find(SESSION_OF_SUBSCRIPTION, subscription?.id ?? ''));
    if (subscription === undefined || session === undefined || intent === undefined) return;
    completeSubscription(call, session, subscription, findMethod(call, intent.payment_method));
  },
};
