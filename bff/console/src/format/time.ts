// Owns how times are written: in the reader's own zone. Does not own which time it is now: the service's answers say that.

import { LOCALES } from './locale.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

const DATE = new Intl.DateTimeFormat(LOCALES, { dateStyle: 'medium' });
const DATE_TIME = new Intl.DateTimeFormat(LOCALES, { dateStyle: 'medium', timeStyle: 'short' });
const FULL = new Intl.DateTimeFormat(LOCALES, { dateStyle: 'full', timeStyle: 'long' });
const DAY = new Intl.DateTimeFormat(LOCALES, { month: 'short', day: 'numeric', timeZone: 'UTC' });

/** Writes a day, such as `Nov 27, 2026`. */
export function formatDate(time: string): string {
  return DATE.format(new Date(time));
}

/** Writes a time to the minute. */
export function formatDateTime(time: string): string {
  return DATE_TIME.format(new Date(time));
}

/** Writes a time with its zone and seconds. */
export function formatFullTime(time: string): string {
  return FULL.format(new Date(time));
}

/** Writes a day of the analytics, which are by days in UTC, such as `Nov 27`. */
export function formatUtcDay(time: string): string {
  return DAY.format(new Date(time));
}

/** Computes how much time is left: whole days, rounded up, or hours on the last one. Below zero there is none. */
export function computeTimeLeft(now: string, end: string): { readonly unit: 'day' | 'hour'; readonly count: number } {
  const leftMs = Math.max(0, Date.parse(end) - Date.parse(now));
  if (leftMs > DAY_MS) return { unit: 'day', count: Math.ceil(leftMs / DAY_MS) };
  return { unit: 'hour', count: Math.ceil(leftMs / HOUR_MS) };
}

/** Returns the time so many days before another. */
export function daysBefore(time: Date, days: number): Date {
  return new Date(time.getTime() - days * DAY_MS);
}
