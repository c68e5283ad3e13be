// Owns how plans are called: by their tier, never by a code of the catalog.

import type { Plan } from '../api/type.ts';
import { formatPrice } from '../format/money.ts';
import { STRINGS } from '../strings.ts';

const ANNUAL_SUFFIX = '_annual';
const WORD_GAP = /[_-]+/;

/** Returns the tier of a plan, which its monthly and its annual variant share. */
export function tierOf(planCode: string): string {
  return planCode.endsWith(ANNUAL_SUFFIX) ? planCode.slice(0, -ANNUAL_SUFFIX.length) : planCode;
}

/** Writes the name of a tier, such as `Pro`. */
export function formatTier(planCode: string): string {
  return tierOf(planCode)
    .split(WORD_GAP)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ');
}

/** Writes the name of a plan, such as `Pro (annual)`. */
export function formatPlan(planCode: string): string {
  const tier = formatTier(planCode);
  return planCode.endsWith(ANNUAL_SUFFIX) ? STRINGS.plan.annual(tier) : tier;
}

/** Writes what a cycle costs, such as `$49 / month`. */
export function formatCycle(price: {
  readonly amount: number;
  readonly currency: string;
  readonly interval: 'month' | 'year';
  readonly interval_count: number;
}): string {
  return `${formatPrice(price)} ${formatInterval(price.interval, price.interval_count)}`;
}

function formatInterval(interval: 'month' | 'year', count: number): string {
  if (interval === 'month') return count === 1 ? STRINGS.plan.perMonth : STRINGS.plan.perMonths(count);
  return count === 1 ? STRINGS.plan.perYear : STRINGS.plan.perYears(count);
}

/** Writes what a cycle of a plan on offer costs. */
export function formatPlanPrice({ amount, currency, interval, interval_count }: Plan): string {
  if (amount === null || currency === null) return STRINGS.plan.contract;
  if (interval === null || interval_count === null)
    return amount === 0 ? STRINGS.plan.free : formatPrice({ amount, currency });
  return formatCycle({ amount, currency, interval, interval_count });
}
