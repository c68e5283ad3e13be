// Owns finding the promotion code that people mean by what they type, and what Stripe's refusal of one means. Does not own putting
// it on a subscription (stripe-discount.ts).

import type { Stripe } from 'stripe';
import { invalidField } from '../domain/error.ts';
import { findRefusal, type StripeClient } from './stripe-client.ts';

/** As many as Stripe gives at once: a code may be there again for each customer, and again after it was ended. */
const PAGE_SIZE = 100;
const MESSAGE_LENGTH_MAX = 300;
/** How the parameter begins that Stripe finds fault with, where that is the code. */
const CODE_PARAMETER = /^(discounts|promotion_code|coupon)/;

/** What the parameter `discounts` of a subscription or a page is. */
export interface PromotionDiscounts {
  readonly discounts?: { readonly promotion_code: string }[];
}

/**
 * Finds the code for a customer. One that is over is found too: whether it may be used is Stripe's to say, which answers the same
 * attempt the same also when that attempt has used it up. Throws DomainError INVALID_FIELD where there is none.
 */
export async function findDiscounts(
  client: StripeClient,
  stripeCustomerId: string,
  typed: string | undefined,
): Promise<PromotionDiscounts> {
  return typed === undefined
    ? {}
    : { discounts: [{ promotion_code: (await requirePromotionCode(client, stripeCustomerId, typed)).id }] };
}

/** Finds the code for a customer, as {@link findDiscounts} does. Throws DomainError INVALID_FIELD where there is none. */
export async function requirePromotionCode(
  client: StripeClient,
  stripeCustomerId: string,
  typed: string,
): Promise<Stripe.PromotionCode> {
  const found = await findPromotionCode(client, stripeCustomerId, typed);
  if (found === undefined) throw invalidCode(typed, 'Stripe has no such promotion code; correct it, or leave it out');
  return found;
}

/** Finds the code for a customer, or for anybody where none is named: one that may be used before one that is over. */
export async function findPromotionCode(
  client: StripeClient,
  stripeCustomerId: string | undefined,
  typed: string,
): Promise<Stripe.PromotionCode | undefined> {
  const { data } = await client.promotionCodes.list({ code: typed, limit: PAGE_SIZE });
  const theirs = data.filter(({ customer }) => customer === null || toId(customer) === stripeCustomerId);
  return theirs.find(({ active }) => active) ?? theirs[0];
}

function toId(customer: string | Stripe.Customer | Stripe.DeletedCustomer): string {
  return typeof customer === 'string' ? customer : customer.id;
}

/** Runs a call with a code. Throws DomainError INVALID_FIELD where it is the code that Stripe refuses. */
export async function guardPromotion<T>(typed: string | undefined, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const refusal = findRefusal(error);
    const isOfCode = CODE_PARAMETER.test(refusal?.param ?? '');
    if (refusal === undefined || typed === undefined || !isOfCode) throw error;
    throw invalidCode(typed, refusal.message.slice(0, MESSAGE_LENGTH_MAX).toWellFormed());
  }
}

function invalidCode(typed: string, why: string): Error {
  return invalidField({ field: 'promotion_code', description: `${typed} can't be used: ${why}` });
}
