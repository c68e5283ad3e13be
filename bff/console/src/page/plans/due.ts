// Owns what is due of a preview where a code takes something off. Does not own what a code does: the service forecasts that.

import type { CodeForecast, PlanChangePreview } from '../../api/type.ts';

type Money = PlanChangePreview['due_now'];

/** Returns what is due at once: what the service reckons with the code, where that is for the same sum. */
export function computeDue({ due_now: due }: PlanChangePreview, forecast: CodeForecast | undefined): Money {
  const price = forecast?.price;
  const isSame = price?.before.amount === due.amount && price.before.currency === due.currency;
  return price && isSame ? price.after : due;
}

/** Says whether a code takes something off later invoices, too. How much of them, nobody has reckoned yet. */
export function lasts(forecast: CodeForecast | undefined): boolean {
  return forecast?.discount !== null && forecast !== undefined && forecast.discount.duration !== 'once';
}
