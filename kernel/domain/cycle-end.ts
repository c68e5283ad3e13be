// Owns where a cycle that begins at a time ends, by the calendar that Stripe bills by. Does not own the periods of subscriptions that
// there are: Stripe says those.

import type { Instant } from './id.ts';

/** How long a cycle is. */
export interface CycleLength {
  readonly interval: 'month' | 'year';
  readonly intervalCount: number;
}

const MONTHS = { month: 1, year: 12 } as const;

/** Counts the months of a cycle. */
export function countMonths(interval: 'month' | 'year', intervalCount: number): number {
  return intervalCount * MONTHS[interval];
}

/** Computes when the cycle after this one begins: a month without the day of its start ends on its last day. All is UTC. */
export function computeCycleEnd(start: Instant, interval: 'month' | 'year', intervalCount: number): Instant {
  const end = new Date(start);
  const day = end.getUTCDate();
  end.setUTCMonth(end.getUTCMonth() + countMonths(interval, intervalCount), 1);
  const lastDay = new Date(end.getTime());
  lastDay.setUTCMonth(lastDay.getUTCMonth() + 1, 0);
  return end.setUTCDate(Math.min(day, lastDay.getUTCDate()));
}
