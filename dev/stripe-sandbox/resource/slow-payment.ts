/**
 * Owns: a first payment that its bank takes days for, as a debit of an account does at Stripe: the subscription is active meanwhile.
 * Does not own: bank accounts, which the sandbox has none of: a card stands for one.
 */
import type { Call } from '../call.ts';
import { invalidRequest } from '../stripe-error.ts';
import { toCustomerCall } from './customer-object.ts';
import { noteFirstAttempt } from './invoice-life.ts';
import { findInvoiceIntent } from './invoice-payment.ts';
import { beginProcessing, endProcessing, type PaymentIntent } from './payment-intent.ts';
import { resolvePaymentMethod } from './payment-method.ts';
import { changeSubscription } from './subscription-collection.ts';
import { SUBSCRIPTIONS, type Subscription } from './subscription-object.ts';

/** Has a bank take the first payment of a subscription. Throws StripeError where none waits for its payment. */
export function beginSlowPayment(outer: Call, id: string): Subscription {
  const subscription = needSubscription(outer, id);
  const { own: call } = toCustomerCall(outer, subscription.customer);
  if (subscription.status !== 'incomplete') {
    throw invalidRequest(`Only the first payment can be slow here: ${id} is ${subscription.status}.`, { param: 'id' });
  }
  beginProcessing(call, needIntent(call, subscription), resolvePaymentMethod(call, 'pm_card_visa'));
  noteFirstAttempt(call, subscription.latest_invoice ?? '');
  return changeSubscription(call, subscription, { status: 'active' });
}

/** Has the bank tell what became of it. Throws StripeError where none is under way. */
export function endSlowPayment(outer: Call, id: string, outcome: 'paid' | 'failed'): Subscription {
  const subscription = needSubscription(outer, id);
  const { own: call } = toCustomerCall(outer, subscription.customer);
  endProcessing(call, needIntent(call, subscription), outcome === 'paid');
  return needSubscription(call, id);
}

function needSubscription(call: Call, id: string): Subscription {
  return call.need(SUBSCRIPTIONS, id, 'id', 404);
}

function needIntent(call: Call, { id, latest_invoice: invoice }: Subscription): PaymentIntent {
  const intent = findInvoiceIntent(call, invoice ?? '');
  if (intent === undefined) throw invalidRequest(`The subscription ${id} has nothing to pay.`, { param: 'id' });
  return intent;
}
