// Owns how the rows of the API become what is shown: a point for each day, days without usage too, and the sums of all.
// Invariant: sums are of integers; only what a chart draws is a float.

import type { AnalyticsQuery } from '../../api/api.ts';
import type { CreditRow } from '../../api/type.ts';
import { daysBefore, formatUtcDay } from '../../format/time.ts';

/** Are the ranges that can be chosen. */
export const RANGE_NAMES = ['week', 'month', 'quarter'] as const;

/** Is a range. */
export type RangeName = (typeof RANGE_NAMES)[number];

const DAYS: Readonly<Record<RangeName, number>> = { week: 7, month: 30, quarter: 90 };
const DAY_MS = 86_400_000;
const MICROCREDITS_PER_CREDIT = 1_000_000;

/** Is a range of whole days in UTC, by which the API sums. */
export type AnalyticsRange = Pick<AnalyticsQuery, 'start_time' | 'end_time' | 'project_id'>;

/** Returns what to ask for: so many days, today's among them. */
export function toQuery(range: RangeName, project: string, now: Date): AnalyticsRange {
  const end = new Date(Math.ceil(now.getTime() / DAY_MS) * DAY_MS);
  return {
    start_time: daysBefore(end, DAYS[range]).toISOString(),
    end_time: end.toISOString(),
    ...(project !== '' && { project_id: project }),
  };
}

/** Is one day. */
export interface DayPoint {
  readonly day: string;
  readonly microcredits: number;
  /** Is for the chart to draw. */
  readonly credits: number;
  readonly runs: number;
  readonly failed: number;
}

/** Returns a point for each day of a range. */
export function toSeries(rows: readonly CreditRow[], { start_time, end_time }: AnalyticsRange): readonly DayPoint[] {
  const byDay = new Map(rows.map((row) => [Date.parse(row.start_time ?? ''), row]));
  const points: DayPoint[] = [];
  for (let time = Date.parse(start_time); time < Date.parse(end_time); time += DAY_MS) {
    const row = byDay.get(time);
    const microcredits = row?.cost_microcredits ?? 0;
    points.push({
      day: formatUtcDay(new Date(time).toISOString()),
      microcredits,
      credits: microcredits / MICROCREDITS_PER_CREDIT,
      runs: row?.runs?.run_count ?? 0,
      failed: row?.runs?.failed_count ?? 0,
    });
  }
  return points;
}

/** Are the sums of rows. */
export interface Totals {
  readonly microcredits: bigint;
  readonly events: number;
  readonly runs: number;
  readonly succeeded: number;
  readonly ended: number;
}

/** Sums rows. */
export function computeTotals(rows: readonly CreditRow[]): Totals {
  const sum = (figure: (row: CreditRow) => number): number => rows.reduce((total, row) => total + figure(row), 0);
  const succeeded = sum(({ runs }) => runs?.succeeded_count ?? 0);
  return {
    microcredits: rows.reduce((total, row) => total + BigInt(row.cost_microcredits), 0n),
    events: sum(({ event_count }) => event_count),
    runs: sum(({ runs }) => runs?.run_count ?? 0),
    succeeded,
    ended: succeeded + sum(({ runs }) => (runs?.failed_count ?? 0) + (runs?.canceled_count ?? 0)),
  };
}
