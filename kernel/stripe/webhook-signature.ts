// Owns telling Stripe's deliveries from all others: by the signature over the bytes of the body, whichever secret made it, and
// by its time. Does not own what is done with an event.
// Invariant: nothing of a body is looked at before its signature is proven.

import { Stripe } from 'stripe';
import type { Verification, WebhookRefusal, WebhookVerifier } from '../app/webhook/ports.ts';
import { fieldOf } from '../domain/field-of.ts';

/** How far the time of a signature may lie from now, before or after, in seconds; Stripe's own libraries allow as much. */
const TOLERANCE_S = 300;
/** Tells bytes that are no UTF-8, and shows each other one, so that two bodies that read the same are the same. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ID_LENGTH_MAX = 255;
/** The last second that has a date everywhere: of the year 9999. */
const CREATED_MAX_S = 253_402_300_799;
/** One `t`, which the SDK would not insist on: of two it takes the last. */
const SIGNATURE = /^t=(\d{1,12})(?:,(?!t=)[a-z0-9]+=[0-9a-f]*)+$/;

/**
 * Builds what verifies deliveries.
 * @param secrets What events may be signed with; each is tried.
 * @param wallMs This machine's time of day: Stripe signs by the time of day too, wherever a test has moved ours.
 */
export function createWebhookVerifier(secrets: readonly string[], wallMs: () => number): WebhookVerifier {
  return {
    verify: (body, signature) => {
      const header = SIGNATURE.exec(signature ?? '');
      if (header === null || signature === undefined) {
        return refuse('signature_missing', 'there is no header Stripe-Signature of the form t=…,v1=…');
      }
      const payload = decode(body);
      if (payload === undefined || !secrets.some((secret) => isSignedWith(secret, payload, signature))) {
        return refuse('signature_invalid', 'no signing secret of this endpoint gives this signature over this body');
      }
      const nowMs = wallMs();
      const awayS = Math.abs(Math.floor(nowMs / 1_000) - Number(header[1]));
      if (awayS > TOLERANCE_S) {
        const message = `it was signed ${awayS} s away from now, ${TOLERANCE_S} s are allowed: check the clocks`;
        return refuse('timestamp_out_of_tolerance', message);
      }
      return readEvent(payload);
    },
  };
}

/** The SDK compares texts, also where it is given bytes: it would take those that are no UTF-8 for what decoders show instead. */
function decode(body: Uint8Array): string | undefined {
  try {
    return UTF8.decode(body);
  } catch {
    return undefined;
  }
}

function isSignedWith(secret: string, payload: string, signature: string): boolean {
  const { signature: check } = Stripe.webhooks;
  if (check === null) throw new Error('the Stripe SDK has no means to check signatures');
  try {
    // Without a tolerance the SDK leaves the time alone; it would look at the past only.
    return check.verifyHeader(payload, signature, secret);
  } catch (error) {
    if (error instanceof Stripe.errors.StripeSignatureVerificationError) return false;
    throw error;
  }
}

function readEvent(payload: string): Verification {
  let content: unknown;
  try {
    content = JSON.parse(payload);
  } catch {
    return refuse('not_an_event', 'the body is signed and is not JSON');
  }
  const eventId = fieldOf(content, 'id');
  const type = fieldOf(content, 'type');
  const created = fieldOf(content, 'created');
  if (fieldOf(content, 'object') !== 'event' || !isName(eventId) || !isName(type)) {
    return refuse('not_an_event', 'the body is signed and is no snapshot event: give this endpoint snapshot payloads');
  }
  if (!isSecond(created)) {
    const message = `the body is signed, and its \`created\` is no time: Stripe sends whole seconds since 1970, from 1 to ${CREATED_MAX_S}`;
    return refuse('not_an_event', message);
  }
  return { kind: 'verified', event: { eventId, type, happenedAt: created * 1_000, payload } };
}

/** Tells a time as Stripe gives it. One that lies ahead is one: Stripe's test clocks run ahead of the time of day. */
function isSecond(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= CREATED_MAX_S;
}

/** Tells a text that is stored as it came: a half of a pair of UTF-16 would become another one. */
function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= ID_LENGTH_MAX && value.isWellFormed();
}

function refuse(refusal: WebhookRefusal, message: string): Verification {
  return { kind: 'refused', refusal, message };
}
