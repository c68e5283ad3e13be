// Owns what a refusal of Stripe's means where money was asked for: a decline, or that the bank wants to see the person. Does not
// own asking.

import type { ChargeOutcome } from '../app/subscription/ports.ts';
import { findRefusal } from './stripe-client.ts';

const BAD_REQUEST = 400;
const PAYMENT_REQUIRED = 402;
const MESSAGE_LENGTH_MAX = 300;

/** By which Stripe says that a payment waits for its person, and not that it failed. */
export const AUTHENTICATION_REQUIRED = 'authentication_required';
const ACTION_CODES: ReadonlySet<string> = new Set([
  AUTHENTICATION_REQUIRED,
  'subscription_payment_intent_requires_action',
  'invoice_payment_intent_requires_action',
  'payment_intent_action_required',
]);

/** What Stripe lacks where it says `resource_missing` of no parameter: a payment method to charge. */
const METHOD_MISSING = 'resource_missing';

/** Runs a call that charges. What is no refusal of a charge is thrown on. */
export async function runCharge(call: () => Promise<ChargeOutcome>): Promise<ChargeOutcome> {
  try {
    return await call();
  } catch (error) {
    const outcome = findDecline(error);
    if (outcome === undefined) throw error;
    return outcome;
  }
}

/** Says what a refusal means that was thrown where money was asked for; undefined for what is none of a charge. */
export function findDecline(thrown: unknown): ChargeOutcome | undefined {
  const refusal = findRefusal(thrown);
  if (refusal === undefined) return undefined;
  const { statusCode, code, decline_code: declineCode, param, message } = refusal;
  const isMethodMissing = statusCode === BAD_REQUEST && code === METHOD_MISSING && param === undefined;
  if (statusCode !== PAYMENT_REQUIRED && !isMethodMissing) return undefined;
  if (ACTION_CODES.has(code ?? '') || declineCode === AUTHENTICATION_REQUIRED) {
    return { kind: 'action_required', url: '' };
  }
  const words = message.slice(0, MESSAGE_LENGTH_MAX).toWellFormed();
  return { kind: 'declined', code: declineCode ?? code ?? 'card_declined', message: words };
}
