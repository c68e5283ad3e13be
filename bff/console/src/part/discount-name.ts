// Owns how a discount is put into words.

import type { Discount } from '../api/type.ts';
import { formatMoney } from '../format/money.ts';
import { STRINGS } from '../strings.ts';

const WORDS = STRINGS.usage.codes;

/** Writes a discount, such as `20% off your next invoice.` */
export function describeDiscount(discount: Discount): string {
  const { percent_off, amount_off } = discount;
  const off = amount_off === null ? WORDS.percentOff(percent_off ?? '0') : WORDS.amountOff(formatMoney(amount_off));
  return WORDS.discount(off, describeDuration(discount));
}

function describeDuration({ duration, duration_months: months }: Discount): string {
  return duration === 'repeating' ? WORDS.duration.repeating(months ?? 1) : WORDS.duration[duration];
}
