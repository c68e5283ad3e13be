// Owns which metered events are looked at: by action, project and time. It stands in the address, so that a view can be shared.

import type { UsageFilter } from '../../api/api.ts';
import { daysBefore } from '../../format/time.ts';

/** Are the spans of time that can be chosen. */
export const RANGES = ['all', 'day', 'week', 'month', 'custom'] as const;

/** Is a span of time. */
export type Range = (typeof RANGES)[number];

/** What somebody has chosen; days are as a date field has them, in the reader's own zone. */
export interface FilterChoice {
  readonly action: string;
  readonly project: string;
  readonly range: Range;
  readonly from: string;
  readonly to: string;
}

const DAYS: Readonly<Record<'day' | 'week' | 'month', number>> = { day: 1, week: 7, month: 30 };

/** Reads a choice from the address. */
export function readChoice(parameters: URLSearchParams): FilterChoice {
  const text = (name: string): string => parameters.get(name) ?? '';
  return {
    action: text('action'),
    project: text('project'),
    range: RANGES.find((range) => range === text('range')) ?? 'all',
    from: text('from'),
    to: text('to'),
  };
}

/** Writes a choice into an address; what limits nothing is left out. */
export function writeChoice(choice: FilterChoice): Record<string, string> {
  const { range, from, to, ...rest } = choice;
  const entries = Object.entries({
    ...rest,
    ...(range === 'all' ? {} : { range }),
    ...(range === 'custom' && { from, to }),
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}

/** Says whether a choice limits anything. */
export function limits(choice: FilterChoice): boolean {
  return Object.keys(writeChoice(choice)).length > 0;
}

/** Translates a choice into what the API is asked, counted from a time. */
export function toFilter(choice: FilterChoice, now: Date): UsageFilter {
  return {
    ...(choice.action !== '' && { action: choice.action }),
    ...(choice.project !== '' && { project_id: choice.project }),
    ...toTimes(choice, now),
  };
}

function toTimes({ range, from, to }: FilterChoice, now: Date): Pick<UsageFilter, 'start_time' | 'end_time'> {
  if (range === 'all') return {};
  if (range !== 'custom') return { start_time: daysBefore(now, DAYS[range]).toISOString() };
  const start = toMidnight(from, 0);
  // The last day counts as a whole.
  const end = toMidnight(to, 1);
  return { ...(start !== undefined && { start_time: start }), ...(end !== undefined && { end_time: end }) };
}

const DAY_PATTERN = /^(\d{4})-(\d{2})-(\d{2})$/;

function toMidnight(day: string, daysLater: number): string | undefined {
  const [, year, month, date] = DAY_PATTERN.exec(day) ?? [];
  if (year === undefined) return undefined;
  return new Date(Number(year), Number(month) - 1, Number(date) + daysLater).toISOString();
}
