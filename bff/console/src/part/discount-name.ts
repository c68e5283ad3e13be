// Owns how a discount is put into words.

import type { Discount, SubscriptionDiscount } from '../api/type.ts';
import { formatMoney } from '../format/money.ts';
import { formatDate } from '../format/time.ts';
import { STRINGS } from '../strings.ts';

const WORDS = STRINGS.usage.codes;

/** Writes a discount, such as `20% off your next invoice.` */
export function describeDiscount(discount: Discount): string {
  return WORDS.discount(formatOff(discount), describeDuration(discount));
}

function describeDuration({ duration, duration_months: months }: Discount): string {
  return duration === 'repeating' ? WORDS.duration.repeating(months ?? 1) : WORDS.duration[duration];
}

/** Writes what is taken off, such as `20% off`. */
function formatOff({ percent_off, amount_off }: Discount): string {
  return amount_off === null ? WORDS.percentOff(percent_off ?? '0') : WORDS.amountOff(formatMoney(amount_off));
}

/** Writes a discount beside the price that it is taken off, such as `20% off until 3 March 2027`. */
export function formatRunningDiscount(discount: SubscriptionDiscount): string {
  const off = formatOff(discount);
  if (discount.end_time !== null) return STRINGS.billing.plan.offUntil(off, formatDate(discount.end_time));
  return discount.duration === 'once' ? STRINGS.billing.plan.offNext(off) : off;
}

/** Writes what is taken off an invoice at a time; undefined where that is nothing. */
export function formatOffAt(discounts: readonly SubscriptionDiscount[], time: string): string | undefined {
  const at = Date.parse(time);
  const held = discounts.filter(({ end_time: end }) => end === null || Date.parse(end) > at).map(formatOff);
  return held.length === 0 ? undefined : held.reduce(STRINGS.common.and);
}
