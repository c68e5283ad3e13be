// Owns the JSON of codes, and the translation of the contract's messages into it.

import type { GivenCredit } from '../gen/wheelhouse/promotion/v1/promotion.ts';
import {
  type ApplyCodeResponse,
  RedemptionOutcome,
  type ValidateDiscountResponse,
} from '../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { ConversionError, fromProtoInteger, fromProtoTime, unknownValue } from './convert.ts';
import { DISCOUNT, fromProtoDiscount } from './convert-discount.ts';
import { fromProtoMoney, MONEY } from './convert-money.ts';
import { named, object, oneOf, orNull, text, time, type ValueOf, whole } from './shape.ts';

/** What a code gives: one of the two is null. */
const GIFT_FIELDS = {
  credit: orNull(
    object({ microcredits: whole(), expire_time: orNull(time()) }),
    'Is null where the code gives a discount.',
  ),
  discount: orNull(DISCOUNT, 'Is null where the code gives credits.'),
};
type GiftJson = ValueOf<ReturnType<typeof object<typeof GIFT_FIELDS>>>;

/** The answer of `POST /v1/billing/codes/apply`. */
export const APPLIED_CODE = named(
  'AppliedCode',
  { promotion_id: text(), code: text(), outcome: oneOf(['done', 'pending']), ...GIFT_FIELDS },
  'What a code has given.',
);
export type AppliedCodeJson = ValueOf<typeof APPLIED_CODE>;

/** The answer of `POST /v1/billing/discounts/validate`. */
export const CODE_FORECAST = named(
  'CodeForecast',
  {
    code: text(),
    ...GIFT_FIELDS,
    price: orNull(
      object({ plan_code: text(), before: MONEY, after: MONEY }),
      'Is what the plan, or the next invoice, costs without and with the discount; null where that is not known.',
    ),
    purchase_promotion_code: orNull(
      text(),
      'Is what to give as `promotion_code` where a plan is bought; null where the code is applied instead.',
    ),
  },
  'What a code would do.',
);
export type CodeForecastJson = ValueOf<typeof CODE_FORECAST>;

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
