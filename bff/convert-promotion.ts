// Owns the JSON of codes, and the translation of the contract's messages into it.

import { type Discount, DiscountDuration, type GivenCredit } from '../gen/wheelhouse/promotion/v1/promotion.ts';
import {
  type ApplyCodeResponse,
  RedemptionOutcome,
  type ValidateDiscountResponse,
} from '../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { ConversionError, fromProtoInteger, fromProtoTime, unknownValue } from './convert.ts';
import { fromProtoMoney, type MoneyJson } from './convert-subscription.ts';

/** What a code gives: one of the two is null. */
export interface GiftJson {
  credit: { microcredits: number; expire_time: string | null } | null;
  discount: DiscountJson | null;
}

/** What a discount takes off. */
export interface DiscountJson {
  /** Is an exact decimal, and so a string; null where it takes off an amount. */
  percent_off: string | null;
  /** Is null where it takes off a share. */
  amount_off: MoneyJson | null;
  duration: 'once' | 'repeating' | 'forever';
  /** Is null where it does not repeat. */
  duration_months: number | null;
}

/** The answer of `POST /v1/billing/codes/apply`. */
export interface AppliedCodeJson extends GiftJson {
  promotion_id: string;
  code: string;
  outcome: 'done' | 'pending';
}

/** The answer of `POST /v1/billing/discounts/validate`. */
export interface CodeForecastJson extends GiftJson {
  code: string;
  /** Is what the plan, or the next invoice, costs without and with the discount; null where that is not known. */
  price: { plan_code: string; before: MoneyJson; after: MoneyJson } | null;
  /** Is what to give as `promotion_code` where a plan is bought; null where the code is applied instead. */
  purchase_promotion_code: string | null;
}

/** Translates what a code has given. Throws ConversionError when a part of it can't be shown. */
export function fromProtoAppliedCode(applied: ApplyCodeResponse): AppliedCodeJson {
  const { promotionId, code, outcome } = applied;
  return { promotion_id: promotionId, code, outcome: fromProtoOutcome(outcome), ...fromProtoGift(applied) };
}

/** Translates what a code would do. Throws ConversionError when a part of it can't be shown. */
export function fromProtoCodeForecast(forecast: ValidateDiscountResponse): CodeForecastJson {
  const { code, price, purchasePromotionCode } = forecast;
  return {
    ...{ code, ...fromProtoGift(forecast) },
    price: price
      ? {
          plan_code: price.planCode,
          before: fromProtoMoney(price.before, 'price.before'),
          after: fromProtoMoney(price.after, 'price.after'),
        }
      : null,
    purchase_promotion_code: purchasePromotionCode || null,
  };
}

function fromProtoGift({ credit, discount }: Pick<ApplyCodeResponse, 'credit' | 'discount'>): GiftJson {
  if (!credit === !discount) {
    throw new ConversionError('credit', 'the kernel answered with neither or both of credit and discount');
  }
  return {
    credit: credit ? fromProtoCredit(credit) : null,
    discount: discount ? fromProtoDiscount(discount) : null,
  };
}

function fromProtoCredit({ microcredits, expireTime }: GivenCredit): NonNullable<GiftJson['credit']> {
  return {
    microcredits: fromProtoInteger(microcredits, 'credit.microcredits'),
    expire_time: expireTime ? fromProtoTime(expireTime, 'credit.expire_time') : null,
  };
}

function fromProtoDiscount({ percentOff, amountOff, duration, durationMonths }: Discount): DiscountJson {
  return {
    percent_off: percentOff || null,
    amount_off: amountOff ? fromProtoMoney(amountOff, 'discount.amount_off') : null,
    duration: fromProtoDuration(duration),
    duration_months: durationMonths || null,
  };
}

function fromProtoDuration(duration: DiscountDuration): DiscountJson['duration'] {
  switch (duration) {
    case DiscountDuration.ONCE:
      return 'once';
    case DiscountDuration.REPEATING:
      return 'repeating';
    case DiscountDuration.FOREVER:
      return 'forever';
    case DiscountDuration.UNSPECIFIED:
      throw new ConversionError('discount.duration', 'the kernel answered without the duration of a discount');
    default:
      throw unknownValue('discount.duration', duration);
  }
}

function fromProtoOutcome(outcome: RedemptionOutcome): AppliedCodeJson['outcome'] {
  switch (outcome) {
    case RedemptionOutcome.DONE:
      return 'done';
    case RedemptionOutcome.PENDING:
      return 'pending';
    case RedemptionOutcome.UNSPECIFIED:
      throw new ConversionError('outcome', 'the kernel answered without an outcome');
    default:
      throw unknownValue('outcome', outcome);
  }
}
