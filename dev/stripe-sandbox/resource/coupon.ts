/**
 * Owns: coupons: how much they take off, for how long, and how often they may be redeemed.
 * Does not own: redeeming them (`discount.ts`), and the codes that people type (`promotion-code.ts`).
 */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { pickPresent, readFields, readInteger, readText, readTexts, readUnsettableText } from '../field.ts';
import { createToken } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { readAmount, readCurrency } from '../money.ts';
import { defineTable } from '../store.ts';
import { invalidRequest } from '../stripe-error.ts';
import { PRODUCTS } from './product-object.ts';

/** Is a coupon. */
export interface Coupon extends ApiObject {
  readonly amount_off: number | null;
  readonly currency: string | null;
  readonly duration: 'forever' | 'once' | 'repeating';
  readonly duration_in_months: number | null;
  readonly max_redemptions: number | null;
  readonly metadata: Metadata;
  readonly name: string | null;
  readonly percent_off: number | null;
  readonly redeem_by: number | null;
  readonly times_redeemed: number;
  readonly valid: boolean;
}

/** Are the coupons. */
export const COUPONS = defineTable<Coupon>('coupon');

/** Are the products that coupons are limited to, by the coupon. */
const PRODUCT_LIMITS = defineTable<readonly string[]>('coupon.products');

/** Returns the products that a coupon is for; null: all. */
export function findCouponProducts(call: Call, couponId: string): readonly string[] | null {
  return call.tx.find(PRODUCT_LIMITS, couponId) ?? null;
}

/** Returns a coupon with what is true of it now. */
export function toCurrent(call: Call, coupon: Coupon): Coupon {
  const isOver = coupon.redeem_by !== null && coupon.redeem_by <= call.now;
  const isUsedUp = coupon.max_redemptions !== null && coupon.times_redeemed >= coupon.max_redemptions;
  return { ...coupon, valid: !isOver && !isUsedUp };
}

/** Counts a redemption. Throws StripeError where the coupon can't be redeemed any more. */
export function redeemCoupon(call: Call, id: string, param: string): Coupon {
  const coupon = toCurrent(call, call.need(COUPONS, id, param));
  if (!coupon.valid) {
    throw invalidRequest(`Coupon expired: ${coupon.id}`, { code: 'coupon_expired', param });
  }
  const redeemed = toCurrent(call, { ...coupon, times_redeemed: coupon.times_redeemed + 1 });
  return call.update(COUPONS, coupon, redeemed, 'coupon.updated');
}

const create: Operation = {
  supported: [
    ...['amount_off', 'applies_to', 'currency', 'duration', 'duration_in_months', 'id', 'max_redemptions'],
    ...['metadata', 'name', 'percent_off', 'redeem_by'],
  ],
  run(call, { parameters }) {
    const id = readText(parameters, 'id') ?? createToken(8);
    if (call.tx.find(COUPONS, id) !== undefined) {
      throw invalidRequest('Coupon already exists.', { code: 'resource_already_exists', param: 'id' });
    }
    const products = readTexts(readFields(parameters, 'applies_to') ?? {}, 'products');
    for (const product of products ?? []) call.need(PRODUCTS, product, 'applies_to[products]');
    if (products !== undefined) call.tx.put(PRODUCT_LIMITS, id, products);
    const coupon: Coupon = {
      id,
      object: 'coupon',
      created: call.now,
      livemode: false,
      max_redemptions: readAmount(parameters, 'max_redemptions', 1) ?? null,
      metadata: mergeMetadata({}, parameters),
      name: readText(parameters, 'name') ?? null,
      redeem_by: readInteger(parameters, 'redeem_by') ?? null,
      times_redeemed: 0,
      valid: true,
      ...readReduction(parameters),
      ...readDuration(parameters),
    };
    return call.create(COUPONS, toCurrent(call, coupon), 'coupon.created');
  },
};

function readReduction(parameters: JsonFields) {
  const [amountOff, percentOff] = [readAmount(parameters, 'amount_off', 1), parameters['percent_off']];
  if ((amountOff === undefined) === (percentOff === undefined)) {
    throw invalidRequest('Must provide either percent_off or amount_off.', { param: 'percent_off' });
  }
  if (amountOff !== undefined) {
    const currency = readCurrency(parameters);
    if (currency === undefined) {
      throw invalidRequest('You must pass currency when passing amount_off.', { param: 'currency' });
    }
    return { amount_off: amountOff, currency, percent_off: null };
  }
  const percent = Number(percentOff);
  if (percent <= 0 || percent > 100) {
    throw invalidRequest('Invalid percent_off: must be greater than 0 and at most 100.', { param: 'percent_off' });
  }
  return { amount_off: null, currency: null, percent_off: percent };
}

function readDuration(parameters: JsonFields): Pick<Coupon, 'duration' | 'duration_in_months'> {
  // The schema allows no other duration.
  const duration = (readText(parameters, 'duration') ?? 'once') as Coupon['duration'];
  const months = readAmount(parameters, 'duration_in_months', 1);
  if ((duration === 'repeating') !== (months !== undefined)) {
    const message = 'You must pass duration_in_months when passing duration=repeating, and only then.';
    throw invalidRequest(message, { param: 'duration_in_months' });
  }
  return { duration, duration_in_months: months ?? null };
}

const update: Operation = {
  supported: ['metadata', 'name'],
  run(call, request) {
    const coupon = call.need(COUPONS, toPathId(request), 'coupon', 404);
    const changes = {
      ...pickPresent({ name: readUnsettableText(request.parameters, 'name') }),
      metadata: mergeMetadata(coupon.metadata, request.parameters),
    };
    return call.update(COUPONS, coupon, changes, 'coupon.updated');
  },
};

const remove: Operation = {
  supported: [],
  // Who has redeemed it keeps the discount, which names it still: it is only not to be found any more.
  run(call, request) {
    const coupon = call.need(COUPONS, toPathId(request), 'coupon', 404);
    call.tx.remove(COUPONS, coupon.id);
    call.tx.put(DELETED_COUPONS, coupon.id, coupon);
    call.emit({ type: 'coupon.deleted', object: coupon });
    return { id: coupon.id, object: 'coupon', deleted: true };
  },
};

const DELETED_COUPONS = defineTable<Coupon>('coupon.deleted');

/** Returns the coupon of a discount, which may have been deleted since it was redeemed. */
export function findRedeemedCoupon(call: Call, id: string): Coupon | undefined {
  return call.tx.find(COUPONS, id) ?? call.tx.find(DELETED_COUPONS, id);
}

const ONE = '/v1/coupons/{coupon}';

/** Is the API of coupons. */
export const COUPON_RESOURCE: Resource = {
  operations: {
    'POST /v1/coupons': create,
    'GET /v1/coupons': {
      supported: [...PAGE_PARAMETERS, 'created'],
      run(call, { parameters }) {
        const objects = call.tx.all(COUPONS).map((coupon) => toCurrent(call, coupon));
        return toPage({ objects, url: '/v1/coupons' }, parameters);
      },
    },
    [`GET ${ONE}`]: {
      supported: [],
      run: (call, request) => toCurrent(call, call.need(COUPONS, toPathId(request), 'coupon', 404)),
    },
    [`POST ${ONE}`]: update,
    [`DELETE ${ONE}`]: remove,
  },
  included: {
    coupon: { applies_to: (call, coupon) => ({ products: findCouponProducts(call, coupon.id) ?? [] }) },
  },
};
