// Owns how an attempt of an intent is told from every other at Stripe: by its idempotency keys, and by the metadata of what it
// makes. Does not own what is asked for.
// Invariant: the same step of the same attempt has the same key, and so must have the same parameters whenever it is sent.

import type { StripeAttempt } from '../app/subscription/ports.ts';

/** Names what an object was made for, in its metadata. */
export const INTENT_ID = 'intent_id';

/** Answers the options of a POST. A method that makes several names each but one by a step. */
export function toOptions({ intentId, attempt }: StripeAttempt, step?: string): { readonly idempotencyKey: string } {
  const key = `${intentId}:${attempt}`;
  return { idempotencyKey: step === undefined ? key : `${key}:${step}` };
}

/** Answers metadata that also says what the object was made for. */
export function withIntent(
  metadata: Readonly<Record<string, string>>,
  { intentId }: StripeAttempt,
): Record<string, string> {
  return { ...metadata, [INTENT_ID]: intentId };
}
