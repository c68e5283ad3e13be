/**
 * Owns: what payment and setup intents have in common: asking a bank about a card, the next action of a person who must
 * authenticate, and the failures of both.
 * Does not own: their states.
 */
import type { Call } from './call.ts';
import { createToken } from './id.ts';
import type { JsonFields } from './json.ts';
import { findCard, type PaymentMethod } from './resource/payment-method.ts';
import { defineTable } from './store.ts';
import { invalidRequest, StripeError } from './stripe-error.ts';
import { type CardUse, type Decline, judgeCard } from './test-card.ts';

/** Is what is answered to a person who is away and would have to authenticate. */
const AUTHENTICATION_REQUIRED: Decline = {
  code: 'authentication_required',
  declineCode: 'authentication_required',
  message: 'Your card was declined. This transaction requires authentication.',
};

/** Is why a person's authentication did not succeed. */
export const AUTHENTICATION_FAILURE: Decline = {
  code: 'payment_intent_authentication_failure',
  declineCode: '',
  message:
    'The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod to attempt to fulfill this PaymentIntent again.',
};

/** Makes the secret by which a browser may see an intent. */
export function toClientSecret(id: string): string {
  return `${id}_secret_${createToken(24)}`;
}

/**
 * Asks the bank of a card. A person who is away can't authenticate, so for them that is a decline, unless they are asked
 * later, as for an invoice.
 */
export function askBank(
  call: Call,
  method: PaymentMethod,
  { isAskedLater, ...use }: Omit<CardUse, 'isSetUp'> & { readonly isAskedLater: boolean },
): 'approved' | 'authentication' | Decline {
  const { card, isSetUp } = findCard(call, method);
  const verdict = judgeCard(card, { ...use, isSetUp });
  return verdict === 'authentication' && use.isOffSession && !isAskedLater ? AUTHENTICATION_REQUIRED : verdict;
}

/** Returns what a person has to do to authenticate: here, on a page of the sandbox in either case. */
export function toNextAction(call: Call, clientSecret: string, returnUrl: string | undefined): JsonFields {
  const url = `${call.facts.baseUrl}/authenticate/${clientSecret}`;
  return returnUrl === undefined
    ? { type: 'use_stripe_sdk', use_stripe_sdk: { type: 'three_d_secure_redirect', stripe_js: url } }
    : { type: 'redirect_to_url', redirect_to_url: { return_url: returnUrl, url } };
}

/** Returns the error that an intent keeps of its last attempt. */
export function toLastError(decline: Decline, method: PaymentMethod, chargeId?: string): JsonFields {
  const { code, declineCode, message } = decline;
  return {
    ...(chargeId === undefined ? {} : { charge: chargeId }),
    code,
    ...(declineCode === '' ? {} : { decline_code: declineCode }),
    doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`,
    message,
    payment_method: method,
    type: code === AUTHENTICATION_FAILURE.code ? 'invalid_request_error' : 'card_error',
  };
}

/** Makes the failure that answers a declined card; the attempt stays on the intent. */
export function cardError(decline: Decline, detail: StripeError['detail']): StripeError {
  const { code, declineCode, message } = decline;
  return new StripeError(402, 'card_error', message, { code, decline_code: declineCode, ...detail }, true);
}

/** Makes the failure of a request that an intent's state does not allow. */
export function unexpectedState(kind: 'PaymentIntent' | 'SetupIntent', verb: string, status: string): StripeError {
  const code = kind === 'PaymentIntent' ? 'payment_intent_unexpected_state' : 'setup_intent_unexpected_state';
  return invalidRequest(`You cannot ${verb} this ${kind} because it has a status of ${status}.`, { code });
}

/** Throws StripeError where a payment method belongs to another customer than the intent. */
export function assertOwn(method: PaymentMethod, customerId: string | null): void {
  if (method.customer === null || method.customer === customerId) return;
  throw invalidRequest(
    `The PaymentMethod ${method.id} belongs to a Customer. Please include the Customer in the \`customer\` parameter on the intent.`,
    { param: 'payment_method' },
  );
}

/** Are the checkout sessions that intents belong to, by the id of the intent. */
const SESSIONS = defineTable<string>('intent.session');

/** Notes that an intent belongs to a checkout session, which alone may then move it. */
export function assignToSession(call: Call, intentId: string, sessionId: string): void {
  call.tx.put(SESSIONS, intentId, sessionId);
}

/** Returns the checkout session that an intent belongs to, if it belongs to one. */
export function findSessionId(call: Call, intentId: string): string | undefined {
  return call.tx.find(SESSIONS, intentId);
}

/** Throws StripeError where an intent belongs to a checkout session: its page alone may move it. */
export function assertOutsideSession(call: Call, intentId: string, verb: string): void {
  if (call.tx.find(SESSIONS, intentId) === undefined) return;
  throw invalidRequest(
    `You cannot ${verb} ${intentId} because it was created by a Checkout Session. To cancel it, expire the session instead.`,
    { param: 'intent' },
  );
}

/** Are the invoices that payment intents are for, by the id of the intent. */
const INVOICES = defineTable<string>('intent.invoice');

/** Notes that a payment intent is for an invoice. */
export function assignToInvoice(call: Call, intentId: string, invoiceId: string): void {
  call.tx.put(INVOICES, intentId, invoiceId);
}

/** Returns the invoice that a payment intent is for, if it is for one. */
export function findInvoiceId(call: Call, intentId: string): string | undefined {
  return call.tx.find(INVOICES, intentId);
}

/** Throws StripeError where a payment intent is for an invoice, which alone says how much it is and whether it is still due. */
export function assertNoInvoice(call: Call, intentId: string, verb: string): void {
  const invoice = findInvoiceId(call, intentId);
  if (invoice === undefined) return;
  throw invalidRequest(
    `You cannot ${verb} ${intentId} because it belongs to the invoice ${invoice}. Use the invoice instead.`,
    { param: 'intent' },
  );
}
