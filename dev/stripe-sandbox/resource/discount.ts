/**
 * Owns: discounts: a coupon that was redeemed for a subscription, an invoice or a checkout session, and until when it holds.
 * Does not own: what it comes to (`../billing/discounting.ts`), and the lists that name it.
 */

import type { Reduction } from '../billing/discounting.ts';
import { computeBoundary } from '../billing/period.ts';
import type { Call } from '../call.ts';
import { readList, readText } from '../field.ts';
import { createId } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { defineTable } from '../store.ts';
import { invalidRequest } from '../stripe-error.ts';
import { type Coupon, findCouponProducts, findRedeemedCoupon, redeemCoupon } from './coupon.ts';
import { assertRedeemable, countRedemption, type Redemption } from './promotion-code.ts';

/** Is a discount. */
export interface Discount extends ApiObject {
  readonly customer: string | null;
  /** Is when it stops; null: never, or after the first invoice. */
  readonly end: number | null;
  readonly promotion_code: string | null;
  readonly source: { readonly coupon: string; readonly type: 'coupon' };
  readonly start: number;
  readonly subscription: string | null;
}

/** Are the discounts, those that ended too. */
export const DISCOUNTS = defineTable<Discount>('discount');

/** Says what a discount is made for. */
export interface DiscountTarget extends Redemption {
  readonly subscription?: string;
  readonly invoice?: string;
  readonly checkoutSession?: string;
}

/**
 * Redeems what a parameter lists, and returns the ids; undefined where it was not sent, or is an empty list. What names a
 * discount that is there keeps it. Throws StripeError where something can't be redeemed.
 */
export function redeemDiscounts(
  call: Call,
  parameters: JsonFields,
  target: DiscountTarget,
): readonly string[] | undefined {
  const wanted = readList(parameters, 'discounts');
  if (wanted === undefined) return undefined;
  if (parameters['discounts'] === '') return [];
  // "If not specified or empty array, it leaves the discounts unchanged", says Stripe's specification.
  if (wanted.length === 0) return undefined;
  return wanted.map((each, index) => redeemOne(call, each, target, `discounts[${index}]`));
}

function redeemOne(call: Call, fields: JsonFields, target: DiscountTarget, param: string): string {
  const [coupon, code, kept] = ['coupon', 'promotion_code', 'discount'].map((name) => readText(fields, name));
  if ([coupon, code, kept].filter((id) => id !== undefined).length !== 1) {
    throw invalidRequest('You must specify exactly one of `coupon`, `promotion_code` or `discount`.', { param });
  }
  if (kept !== undefined) return call.need(DISCOUNTS, kept, `${param}[discount]`).id;
  return code === undefined
    ? createDiscount(call, coupon ?? '', null, target, `${param}[coupon]`).id
    : redeemCode(call, code, target, `${param}[promotion_code]`).id;
}

/** Redeems a promotion code. Throws StripeError where it can't be. */
function redeemCode(call: Call, id: string, target: DiscountTarget, param: string): Discount {
  const code = assertRedeemable(call, id, target, param);
  countRedemption(call, code);
  return createDiscount(call, code.promotion.coupon, code.id, target, param);
}

function createDiscount(
  call: Call,
  couponId: string,
  promotionCode: string | null,
  target: DiscountTarget,
  param: string,
): Discount {
  const coupon = redeemCoupon(call, couponId, param);
  if (coupon.currency !== null && coupon.currency !== target.currency) {
    throw invalidRequest(`The coupon is in ${coupon.currency}, which can't be taken off ${target.currency}.`, {
      param,
    });
  }
  const months = coupon.duration === 'repeating' ? coupon.duration_in_months : null;
  const discount: Discount = {
    id: createId('di'),
    object: 'discount',
    checkout_session: target.checkoutSession ?? null,
    customer: target.customer,
    customer_account: null,
    end: months === null ? null : computeBoundary(call.now, { interval: 'month', interval_count: months }, 1),
    invoice: target.invoice ?? null,
    invoice_item: null,
    promotion_code: promotionCode,
    source: { coupon: coupon.id, type: 'coupon' },
    start: call.now,
    subscription: target.subscription ?? null,
    subscription_item: null,
  };
  return call.create(DISCOUNTS, discount, target.subscription === undefined ? undefined : 'customer.discount.created');
}

/** Tells that a discount has ended; it stays known to what names it. */
export function endDiscount(call: Call, id: string): void {
  const discount = call.tx.find(DISCOUNTS, id);
  if (discount !== undefined) call.emit({ type: 'customer.discount.deleted', object: discount });
}

/** Returns those of some discounts that still hold: not those that have ended, nor those that were for one invoice only. */
export function keepHolding(call: Call, ids: readonly string[], hasInvoiced: boolean): readonly string[] {
  return ids.filter((id) => {
    const discount = call.tx.find(DISCOUNTS, id);
    if (discount === undefined || (discount.end !== null && discount.end <= call.now)) return false;
    return !hasInvoiced || findRedeemedCoupon(call, discount.source.coupon)?.duration !== 'once';
  });
}

/** Returns what discounts take off. */
export function toReductions(call: Call, ids: readonly string[]): readonly Reduction[] {
  return ids.flatMap((id) => {
    const discount = call.tx.find(DISCOUNTS, id);
    const coupon = discount === undefined ? undefined : findRedeemedCoupon(call, discount.source.coupon);
    return coupon === undefined ? [] : [toReduction(call, coupon, id)];
  });
}

/** Returns what a coupon takes off, under the name of a discount. */
export function toReduction(call: Call, coupon: Coupon, discount: string): Reduction {
  const products = findCouponProducts(call, coupon.id);
  return { discount, percentOff: coupon.percent_off, amountOff: coupon.amount_off, products };
}
