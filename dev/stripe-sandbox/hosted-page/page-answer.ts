/**
 * Owns: how pages are answered, and what is common to their forms: reading texts and a card.
 * Does not own: any page.
 */
import type { Call } from '../call.ts';
import { parseForm } from '../form.ts';
import type { WholeAnswer } from '../http-server.ts';
import type { JsonFields } from '../json.ts';
import { createCardMethod, type PaymentMethod, readCard } from '../resource/payment-method.ts';
import { attempt, StripeError } from '../stripe-error.ts';
import { toMessagePage } from './html.ts';

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** Makes the answer of a page. */
export function toAnswer(status: number, body: string): WholeAnswer {
  return { status, headers: HEADERS, body };
}

/** Makes the answer that sends a browser on. */
export function toRedirect(location: string): WholeAnswer {
  return { status: 303, headers: { location, 'cache-control': 'no-store' }, body: '' };
}

/** Makes the answer to a link that leads nowhere. */
export function toNowhere(): WholeAnswer {
  return toAnswer(404, toMessagePage('No such page', 'The link is wrong, or the sandbox is new.'));
}

/** Returns a text of a form that was sent. */
export function readForm(body: string): (name: string) => string {
  const form = parseForm(body);
  return (name) => {
    const value = form.get(name);
    return typeof value === 'string' ? value.trim() : '';
  };
}

/** Is what was typed, to be shown again with an error. */
export interface Typed {
  readonly email?: string | undefined;
  readonly name?: string | undefined;
  readonly card?: string | undefined;
  readonly expiry?: string | undefined;
}

/** Returns what was typed about a card and its owner. */
export function readTyped(body: string): Typed {
  const read = readForm(body);
  return { email: read('email'), name: read('name'), card: read('card'), expiry: read('expiry') };
}

/** Returns who is to be billed. */
export function toBillingDetails({ email, name }: Typed): JsonFields {
  return { ...(email ? { email } : {}), ...(name ? { name } : {}) };
}

/** Makes a payment method of the card that was typed. Throws StripeError where it is none; the page shows it again. */
export function createTypedMethod(call: Call, typed: Typed): PaymentMethod {
  const [, month = '0', year = '0'] = /^(\d{1,2})\s*\/?\s*(\d{2}|\d{4})$/.exec(typed.expiry ?? '') ?? [];
  const fields = { number: typed.card ?? '', exp_month: Number(month), exp_year: Number(year) };
  const card = attempt(() => readShown(call, fields));
  if (card instanceof StripeError) throw card;
  return createCardMethod(call, { ...card, billingDetails: toBillingDetails(typed) });
}

/** Reads the card; nothing has been done yet that a failure would have to undo. */
function readShown(call: Call, fields: JsonFields) {
  try {
    return readCard(call, fields);
  } catch (error) {
    if (!(error instanceof StripeError)) throw error;
    throw new StripeError(error.status, error.type, error.message, error.detail, true);
  }
}
