/**
 * Owns: promotion codes: what people type to redeem a coupon, and who may.
 * Does not own: what is taken off (`coupon.ts`), and the discount that comes of it (`discount.ts`).
 */
import { type Call, type Operation, type Resource, toPathId } from '../call.ts';
import { pickPresent, readFields, readFlag, readInteger, readText } from '../field.ts';
import { createId, createToken } from '../id.ts';
import type { ApiObject, JsonFields } from '../json.ts';
import { PAGE_PARAMETERS, toPage } from '../list.ts';
import { type Metadata, mergeMetadata } from '../metadata.ts';
import { describeMoney, readAmount, readCurrency } from '../money.ts';
import { defineTable } from '../store.ts';
import { invalidRequest } from '../stripe-error.ts';
import { CHARGES } from './charge.ts';
import { COUPONS, toCurrent as toCurrentCoupon } from './coupon.ts';
import { needCustomer } from './customer-object.ts';

/** Is a promotion code. */
export interface PromotionCode extends ApiObject {
  readonly active: boolean;
  readonly code: string;
  readonly customer: string | null;
  readonly expires_at: number | null;
  readonly max_redemptions: number | null;
  readonly metadata: Metadata;
  readonly promotion: { readonly coupon: string; readonly type: 'coupon' };
  readonly restrictions: {
    readonly first_time_transaction: boolean;
    readonly minimum_amount: number | null;
    readonly minimum_amount_currency: string | null;
  };
  readonly times_redeemed: number;
}

/** Are the promotion codes. */
const PROMOTION_CODES = defineTable<PromotionCode>('promotion_code');

/** Is what someone wants to redeem a code for. */
export interface Redemption {
  readonly customer: string | null;
  /** Is what it comes to without the code. */
  readonly amount: number;
  readonly currency: string;
}

function toCurrent(call: Call, code: PromotionCode): PromotionCode {
  const isOver = code.expires_at !== null && code.expires_at <= call.now;
  const isUsedUp = code.max_redemptions !== null && code.times_redeemed >= code.max_redemptions;
  const coupon = call.tx.find(COUPONS, code.promotion.coupon);
  const isValid = coupon !== undefined && toCurrentCoupon(call, coupon).valid;
  return { ...code, active: code.active && !isOver && !isUsedUp && isValid };
}

/** Returns the active code that someone typed, in whatever case. */
export function findTypedCode(call: Call, text: string): PromotionCode | undefined {
  const wanted = text.trim().toLowerCase();
  return call.tx
    .all(PROMOTION_CODES)
    .map((code) => toCurrent(call, code))
    .find(({ active, code }) => active && code.toLowerCase() === wanted);
}

/** Throws StripeError where a code can't be redeemed, or not for this. */
export function assertRedeemable(call: Call, id: string, redemption: Redemption, param: string): PromotionCode {
  const code = toCurrent(call, call.need(PROMOTION_CODES, id, param));
  const refuse = (why: string): never => {
    throw invalidRequest(`This promotion code cannot be redeemed because ${why}.`, { param });
  };
  if (!code.active) refuse('it is expired, used up or not active');
  if (code.customer !== null && code.customer !== redemption.customer) {
    refuse('the associated customer is not the one that it is limited to');
  }
  const { first_time_transaction: isFirstOnly, minimum_amount: least, minimum_amount_currency } = code.restrictions;
  if (isFirstOnly && hasPaid(call, redemption.customer)) {
    refuse('the associated customer has prior transactions');
  }
  const isOtherCurrency = minimum_amount_currency !== null && minimum_amount_currency !== redemption.currency;
  if (least !== null && (isOtherCurrency || redemption.amount < least)) {
    refuse(`the amount is below ${describeMoney(least, minimum_amount_currency ?? redemption.currency)}`);
  }
  return code;
}

function hasPaid(call: Call, customer: string | null): boolean {
  return customer !== null && call.tx.all(CHARGES).some((charge) => charge.customer === customer && charge.captured);
}

/** Counts a redemption of a code. */
export function countRedemption(call: Call, code: PromotionCode): void {
  const counted = toCurrent(call, { ...code, times_redeemed: code.times_redeemed + 1 });
  call.update(PROMOTION_CODES, code, counted, 'promotion_code.updated');
}

const create: Operation = {
  supported: [
    ...['active', 'code', 'customer', 'expires_at', 'max_redemptions', 'metadata', 'promotion'],
    ...['first_time_transaction', 'minimum_amount', 'minimum_amount_currency'].map((name) => `restrictions.${name}`),
  ],
  run(call, { parameters }) {
    const promotion = readFields(parameters, 'promotion') ?? {};
    const coupon = call.need(COUPONS, readText(promotion, 'coupon') ?? '', 'promotion[coupon]');
    const code = readText(parameters, 'code') ?? createToken(8).toUpperCase();
    if (!/^[A-Za-z0-9-]+$/.test(code)) {
      throw invalidRequest('The promotion code may only contain letters, digits and dashes.', { param: 'code' });
    }
    if (findTypedCode(call, code) !== undefined) {
      throw invalidRequest(`An active promotion code with \`code: ${code}\` already exists.`, { param: 'code' });
    }
    const row: PromotionCode = {
      id: createId('promo'),
      object: 'promotion_code',
      active: readFlag(parameters, 'active') ?? true,
      code,
      created: call.now,
      customer: needCustomer(call, readText(parameters, 'customer'))?.id ?? null,
      customer_account: null,
      expires_at: readInteger(parameters, 'expires_at') ?? null,
      livemode: false,
      max_redemptions: readAmount(parameters, 'max_redemptions', 1) ?? null,
      metadata: mergeMetadata({}, parameters),
      promotion: { coupon: coupon.id, type: 'coupon' },
      restrictions: readRestrictions(readFields(parameters, 'restrictions') ?? {}),
      times_redeemed: 0,
    };
    return call.create(PROMOTION_CODES, toCurrent(call, row), 'promotion_code.created');
  },
};

function readRestrictions(fields: JsonFields): PromotionCode['restrictions'] {
  const [least, currency] = [readAmount(fields, 'minimum_amount', 1), readCurrency(fields, 'minimum_amount_currency')];
  if ((least === undefined) !== (currency === undefined)) {
    const message = 'You must specify both `minimum_amount` and `minimum_amount_currency`, or neither.';
    throw invalidRequest(message, { param: 'restrictions[minimum_amount]' });
  }
  return {
    first_time_transaction: readFlag(fields, 'first_time_transaction') ?? false,
    minimum_amount: least ?? null,
    minimum_amount_currency: currency ?? null,
  };
}

const update: Operation = {
  supported: ['active', 'metadata'],
  run(call, request) {
    const code = call.need(PROMOTION_CODES, toPathId(request), 'promotion_code', 404);
    const changes = {
      ...pickPresent({ active: readFlag(request.parameters, 'active') }),
      metadata: mergeMetadata(code.metadata, request.parameters),
    };
    return call.update(PROMOTION_CODES, code, changes, 'promotion_code.updated');
  },
};

const list: Operation = {
  supported: [...PAGE_PARAMETERS, 'active', 'code', 'coupon', 'created', 'customer'],
  run(call, { parameters }) {
    const [isActive, typed] = [readFlag(parameters, 'active'), readText(parameters, 'code')?.toLowerCase()];
    const [coupon, customer] = [readText(parameters, 'coupon'), readText(parameters, 'customer')];
    const filter = (code: PromotionCode): boolean =>
      (isActive === undefined || code.active === isActive) &&
      (typed === undefined || code.code.toLowerCase() === typed) &&
      (coupon === undefined || code.promotion.coupon === coupon) &&
      (customer === undefined || code.customer === customer);
    const objects = call.tx.all(PROMOTION_CODES).map((code) => toCurrent(call, code));
    return toPage({ objects, filter, url: '/v1/promotion_codes' }, parameters);
  },
};

const ONE = '/v1/promotion_codes/{promotion_code}';

/** Is the API of promotion codes. */
export const PROMOTION_CODE_RESOURCE: Resource = {
  operations: {
    'POST /v1/promotion_codes': create,
    'GET /v1/promotion_codes': list,
    [`GET ${ONE}`]: {
      supported: [],
      run: (call, request) => toCurrent(call, call.need(PROMOTION_CODES, toPathId(request), 'promotion_code', 404)),
    },
    [`POST ${ONE}`]: update,
  },
};
