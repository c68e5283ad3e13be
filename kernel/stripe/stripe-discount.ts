// Owns discounts at Stripe: what a promotion code takes off, what an invoice would cost with it, and putting it on a subscription
// that runs. Does not own finding the code (stripe-promotion.ts), or giving one with a purchase.
// Invariant: a discount that is there stays, and none is put on a subscription twice.

import type { Stripe } from 'stripe';
import type {
  DiscountPreview,
  StripeAttempt,
  StripeBilling,
  StripePromotion,
  StripeSubscription,
} from '../app/subscription/ports.ts';
import type { Reduction } from '../domain/discount.ts';
import { present } from '../domain/optional.ts';
import { parseQuantity } from '../domain/quantity.ts';
import { toOptions } from './stripe-attempt.ts';
import { guardStripe, isMissing, type StripeClient } from './stripe-client.ts';
import { toTax } from './stripe-preview.ts';
import { findPromotionCode, guardPromotion, requirePromotionCode } from './stripe-promotion.ts';

/** Names the intent that has put the newest discount on a subscription, in its metadata. */
const DISCOUNT_INTENT_ID = 'discount_intent_id';

const DURATIONS: readonly StripePromotion['duration'][] = ['once', 'repeating', 'forever'];

/** Builds the methods about discounts. */
export function createStripeDiscounts(
  client: StripeClient,
): Pick<StripeBilling, 'loadPromotion' | 'previewDiscount' | 'applyDiscount'> {
  return {
    loadPromotion: (typed, customer) => guardStripe(() => loadPromotion(client, typed, customer)),
    previewDiscount: (subscription, typed) =>
      guardStripe(() => guardPromotion(typed, () => previewDiscount(client, subscription, typed))),
    applyDiscount: (subscription, typed, attempt) =>
      guardStripe(() => guardPromotion(typed, () => applyDiscount(client, subscription, typed, attempt))),
  };
}

async function loadPromotion(
  client: StripeClient,
  typed: string,
  customer: string | undefined,
): Promise<StripePromotion | undefined> {
  const code = await findPromotionCode(client, customer, typed);
  const { coupon } = code?.promotion ?? {};
  if (code === undefined || coupon == null) return undefined;
  const couponId = typeof coupon === 'string' ? coupon : coupon.id;
  const { applies_to: some, ...taken } = await client.coupons.retrieve(couponId, { expand: ['applies_to'] });
  return {
    reduction: toReduction(taken),
    duration: toDuration(taken),
    ...present({ durationMonths: taken.duration_in_months ?? undefined }),
    isActive: code.active,
    isForSome: (some?.products.length ?? 0) > 0,
  };
}

function toReduction({ id, percent_off: percentOff, amount_off: amountOff, currency }: Stripe.Coupon): Reduction {
  if (amountOff !== null) return { kind: 'amount', minorUnits: BigInt(amountOff), currency: currency ?? '' };
  // Its shortest text is the exact decimal that somebody typed at Stripe.
  const percent = parseQuantity(String(percentOff));
  if ('problem' in percent) throw new RangeError(`The share of the coupon ${id} of Stripe ${percent.problem}.`);
  return { kind: 'percent', percent };
}

function toDuration({ id, duration }: Stripe.Coupon): StripePromotion['duration'] {
  const known = DURATIONS.find((each) => each === duration);
  if (known !== undefined) return known;
  throw new RangeError(`The coupon ${id} of Stripe holds for ${duration}, which this release does not know.`);
}

async function previewDiscount(
  client: StripeClient,
  subscription: StripeSubscription,
  typed: string,
): Promise<DiscountPreview | undefined> {
  const { stripeSubscriptionId } = subscription;
  const { discounts } = await computeDiscounts(client, subscription, typed);
  try {
    const before = await client.invoices.createPreview({ subscription: stripeSubscriptionId });
    const after = await client.invoices.createPreview({ subscription: stripeSubscriptionId, discounts });
    return { before: toCost(before), after: toCost(after), currency: after.currency };
  } catch (error) {
    // So Stripe answers where no invoice follows.
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function toCost(invoice: Stripe.Invoice): bigint {
  return BigInt(Math.max(0, invoice.total - toTax(invoice)));
}

async function applyDiscount(
  client: StripeClient,
  subscription: StripeSubscription,
  typed: string,
  attempt: StripeAttempt,
): Promise<void> {
  const { discounts, isThere } = await computeDiscounts(client, subscription, typed);
  if (isThere) return;
  const metadata = { [DISCOUNT_INTENT_ID]: attempt.intentId };
  await client.subscriptions.update(subscription.stripeSubscriptionId, { discounts, metadata }, toOptions(attempt));
}

/** What the discounts of a subscription are with a code, and whether that is among them already. */
async function computeDiscounts(
  client: StripeClient,
  { stripeSubscriptionId, stripeCustomerId }: StripeSubscription,
  typed: string,
): Promise<{ readonly discounts: Stripe.SubscriptionUpdateParams.Discount[]; readonly isThere: boolean }> {
  const code = await requirePromotionCode(client, stripeCustomerId, typed);
  const { discounts } = await client.subscriptions.retrieve(stripeSubscriptionId, { expand: ['discounts'] });
  const kept = discounts.map((discount) => ({ discount: typeof discount === 'string' ? discount : discount.id }));
  const isThere = discounts.some((discount) => typeof discount !== 'string' && codeOf(discount) === code.id);
  return { discounts: isThere ? kept : [...kept, { promotion_code: code.id }], isThere };
}

function codeOf({ promotion_code: code }: Stripe.Discount): string | undefined {
  return typeof code === 'string' ? code : code?.id;
}
