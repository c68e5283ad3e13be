// Owns what is due of a preview, now and next, where a code or a discount takes something off. Does not own what a code does: the
// service forecasts that.

import type { CodeForecast, PlanChangePreview, SubscriptionDiscount } from '../../api/type.ts';
import { formatMoney } from '../../format/money.ts';
import { formatDate } from '../../format/time.ts';
import { formatOffAt } from '../../part/discount-name.ts';
import { STRINGS } from '../../strings.ts';

const WORDS = STRINGS.plans.preview;

type Money = PlanChangePreview['due_now'];

/** Returns what is due at once: what the service reckons with the code, where that is for the same sum. */
export function computeDue({ due_now: due }: PlanChangePreview, forecast: CodeForecast | undefined): Money {
  const price = forecast?.price;
  const isSame = price?.before.amount === due.amount && price.before.currency === due.currency;
  return price && isSame ? price.after : due;
}

/** Says whether a code takes something off later invoices, too. How much of them, nobody has reckoned yet. */
function lasts(forecast: CodeForecast | undefined): boolean {
  return forecast?.discount !== null && forecast !== undefined && forecast.discount.duration !== 'once';
}

/** Is what may take something off. */
export interface Reductions {
  /** Is what a code does that was entered. */
  readonly forecast: CodeForecast | undefined;
  /** Are those that the subscription has. */
  readonly discounts: readonly SubscriptionDiscount[];
}

/** Writes what is paid next, and what is still taken off that. */
export function describeNext(
  { kind, next_cycle: next }: Pick<PlanChangePreview, 'kind' | 'next_cycle'>,
  { forecast, discounts }: Reductions,
): string {
  if (next === null) return WORDS.nextNone;
  const words = WORDS.nextAt(formatMoney(next), formatDate(next.start_time));
  if (lasts(forecast)) return WORDS.nextBefore(words);
  // Of an upgrade Stripe has reckoned them in; what waits for the period's end is told at its list price.
  const offs = kind === 'upgrade' ? undefined : formatOffAt(discounts, next.start_time);
  return offs === undefined ? words : WORDS.nextWith(words, offs);
}
