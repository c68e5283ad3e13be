// Owns the JSON of discounts, of codes and of subscriptions, and the translation of the contract's into it.

import { type Discount, DiscountDuration } from '../gen/wheelhouse/promotion/v1/promotion.ts';
import type { SubscriptionDiscount } from '../gen/wheelhouse/subscription/v1/subscription.ts';
import { ConversionError, fromProtoOptionalTime, unknownValue } from './convert.ts';
import { fromProtoMoney, MONEY } from './convert-money.ts';
import { named, oneOf, orNull, text, time, type ValueOf, whole } from './shape.ts';

const DISCOUNT_FIELDS = {
  percent_off: orNull(text(), 'Is an exact decimal, and so a string; null where it takes off an amount.'),
  amount_off: orNull(MONEY, 'Is null where it takes off a share.'),
  duration: oneOf(['once', 'repeating', 'forever']),
  duration_months: orNull(whole(), 'Is null where it does not repeat.'),
};

/** What a discount takes off. */
export const DISCOUNT = named('Discount', DISCOUNT_FIELDS, 'What a discount takes off.');
export type DiscountJson = ValueOf<typeof DISCOUNT>;

/** A discount that a subscription has. */
export const SUBSCRIPTION_DISCOUNT = named(
  'SubscriptionDiscount',
  {
    ...DISCOUNT_FIELDS,
    end_time: orNull(
      time(),
      'Is from when on it takes nothing off any more; null where it has no end, or ends with an invoice.',
    ),
  },
  'A discount that a subscription has: one that holds `once` takes something off the next invoice.',
);
export type SubscriptionDiscountJson = ValueOf<typeof SUBSCRIPTION_DISCOUNT>;

/** Translates a discount of a subscription. Throws ConversionError when a part of it can't be shown. */
export function fromProtoSubscriptionDiscount({ discount, endTime }: SubscriptionDiscount): SubscriptionDiscountJson {
  if (!discount) {
    throw new ConversionError('discount', 'the kernel answered without what a discount takes off');
  }
  return { ...fromProtoDiscount(discount), end_time: fromProtoOptionalTime(endTime, 'discount.end_time') };
}

/** Translates what a discount takes off. Throws ConversionError when a part of it can't be shown. */
export function fromProtoDiscount({ percentOff, amountOff, duration, durationMonths }: Discount): DiscountJson {
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
