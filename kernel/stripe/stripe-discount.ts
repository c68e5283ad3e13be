// Owns discounts at Stripe: what a promotion code or a discount takes off, what an invoice would cost with it, and putting it on a
// subscription that runs. Does not own finding the code (stripe-promotion.ts), or giving one with a purchase.
// Invariant: a discount that is there stays, and none is put on a subscription twice.

import type { Stripe } from 'stripe';
import type {
  DiscountPreview,
  StripeAttempt,
  StripeBilling,
  StripePromotion,
  StripeSubscription,
} from '../app/subscription/ports.ts';
import type { Discount, DiscountDuration, Reduction, RunningDiscount } from '../domain/discount.ts';
import type { Instant } from '../domain/id.ts';
import { present } from '../domain/optional.ts';
import { parseQuantity } from '../domain/quantity.ts';
import { toOptions } from './stripe-attempt.ts';
import { toTax } from './stripe-bill.ts';
import { guardStripe, isMissing, type StripeClient } from './stripe-client.ts';
import { findPromotionCode, guardPromotion, requirePromotionCode } from './stripe-promotion.ts';

/** Names the intent that has put the newest discount on a subscription, in its metadata. */
const DISCOUNT_INTENT_ID = 'discount_intent_id';

const DURATIONS: readonly DiscountDuration[] = ['once', 'repeating', 'forever'];

/** How many discounts of one subscription are told at most: Stripe allows no more. */
const DISCOUNTS_MAX = 20;

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
  const discount = toDiscount(taken);
  if (discount === undefined) {
    throw new RangeError(`The coupon ${couponId} of Stripe says what this release does not know: ${describe(taken)}.`);
  }
  return { ...discount, isActive: code.active, isForSome: (some?.products.length ?? 0) > 0 };
}

function describe({ duration, percent_off: percent, amount_off: amount }: Stripe.Coupon): string {
  return `${percent ?? amount} off for ${duration}`;
}

/** Answers what a subscription that was read with `discounts.source.coupon` has taken off, as far as it is known here what that is. */
export function toRunningDiscounts(discounts: Stripe.Subscription['discounts']): readonly RunningDiscount[] {
  return discounts.slice(0, DISCOUNTS_MAX).flatMap((one) => {
    const coupon = typeof one === 'string' ? null : one.source.coupon;
    const discount = coupon === null || typeof coupon === 'string' ? undefined : toDiscount(coupon);
    if (typeof one === 'string' || discount === undefined) return [];
    return [{ ...discount, ...(one.end === null ? {} : { endsAt: one.end * 1_000 }) }];
  });
}

/** Lists what still takes something off a later invoice that begins at a time: an empty text, as Stripe has it, where nothing does. */
export async function loadLasting(
  client: StripeClient,
  stripeSubscriptionId: string,
  at: Instant,
): Promise<NonNullable<Stripe.InvoiceCreatePreviewParams['discounts']>> {
  const { discounts } = await client.subscriptions.retrieve(stripeSubscriptionId, {
    expand: ['discounts.source.coupon'],
  });
  const lasting = discounts.flatMap((one) => (typeof one === 'string' || !isLasting(one, at) ? [] : [one]));
  return lasting.length === 0 ? '' : lasting.map(({ id: discount }) => ({ discount }));
}

function isLasting({ end, source: { coupon } }: Stripe.Discount, at: Instant): boolean {
  const isForOne = typeof coupon === 'object' && coupon?.duration === 'once';
  return !isForOne && (end === null || end * 1_000 > at);
}

/** Undefined for what this release does not know. */
function toDiscount(coupon: Stripe.Coupon): Discount | undefined {
  const reduction = toReduction(coupon);
  const duration = DURATIONS.find((each) => each === coupon.duration);
  if (reduction === undefined || duration === undefined) return undefined;
  return { reduction, duration, ...present({ durationMonths: coupon.duration_in_months ?? undefined }) };
}

function toReduction({
  percent_off: percentOff,
  amount_off: amountOff,
  currency,
}: Stripe.Coupon): Reduction | undefined {
  if (amountOff !== null) return { kind: 'amount', minorUnits: BigInt(amountOff), currency: currency ?? '' };
  // Its shortest text is the exact decimal that somebody typed at Stripe.
  const percent = parseQuantity(String(percentOff));
  return 'problem' in percent ? undefined : { kind: 'percent', percent };
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
