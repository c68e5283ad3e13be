// Owns when a plan next changes by time alone, so that a page that stays open asks again then. Does not own the asking
// (billing-query.ts).

import type { SubscriptionState } from '../api/type.ts';

/** The service brings an account up to date when it is asked; a little later, no clock is still before the end. */
const AFTER_MS = 2_000;
/** What a page says in days or hours stays true for so long; and a timer can't be set for much longer than this. */
const ASKED_MS_MAX = 3_600_000;

/** Returns after how many milliseconds to ask again, counted from the time that the answer is of. */
export function computeAskAgainMs({ trial, subscription, as_of_time }: SubscriptionState): number {
  const now = Date.parse(as_of_time);
  const ends = [
    trial?.end_time,
    subscription?.period_end_time,
    subscription?.cancel_time,
    subscription?.grace_end_time,
    subscription?.pending_change?.effective_time,
  ];
  const waits = ends
    .flatMap((end) => (end === null || end === undefined ? [] : [Date.parse(end) - now]))
    .filter((waitMs) => waitMs > 0);
  return Math.min(ASKED_MS_MAX, ...waits) + AFTER_MS;
}
