/**
 * Owns: the calendar of subscriptions: where billing periods begin and end, by their anchor.
 * Does not own: what is billed for them.
 * Invariant: each boundary is reckoned from the anchor, never from the one before, so that an anchor on the 31st is back on
 * the 31st after February. A month without the anchor's day ends on its last day
 * (https://docs.stripe.com/billing/subscriptions/billing-cycle). All is UTC, as at Stripe.
 */

/** Is how long a period is. */
export interface Interval {
  readonly interval: 'day' | 'week' | 'month' | 'year';
  readonly interval_count: number;
}

/** Is a time from its start to just before its end, in seconds since 1970. */
export type Period = { readonly start: number; readonly end: number };

const DAY_SECONDS = 24 * 60 * 60;
const SECONDS: Readonly<Record<'day' | 'week', number>> = { day: DAY_SECONDS, week: 7 * DAY_SECONDS };
const MONTHS: Readonly<Record<'month' | 'year', number>> = { month: 1, year: 12 };

/** Returns where the n-th period of an anchor begins; the one that begins at the anchor is 0, those before are negative. */
export function computeBoundary(anchor: number, { interval, interval_count: count }: Interval, n: number): number {
  if (interval === 'day' || interval === 'week') return anchor + n * count * SECONDS[interval];
  return addMonths(anchor, n * count * MONTHS[interval]);
}

function addMonths(anchor: number, months: number): number {
  const date = new Date(anchor * 1000);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + months, date.getUTCDate()];
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  const midnight = Date.UTC(year, month, Math.min(day, lastDay)) / 1000;
  return midnight + (anchor - Date.UTC(year, date.getUTCMonth(), day) / 1000);
}

/** Returns the period that a time is in. */
export function computePeriod(anchor: number, interval: Interval, at: number): Period {
  const length = computeBoundary(anchor, interval, 1) - anchor;
  let n = Math.floor((at - anchor) / length);
  while (computeBoundary(anchor, interval, n) > at) n -= 1;
  while (computeBoundary(anchor, interval, n + 1) <= at) n += 1;
  return { start: computeBoundary(anchor, interval, n), end: computeBoundary(anchor, interval, n + 1) };
}

/** Says whether two intervals are one and the same. */
export function isSameInterval(a: Interval, b: Interval): boolean {
  return a.interval === b.interval && a.interval_count === b.interval_count;
}
