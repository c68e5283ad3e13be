// Owns the hours and days (UTC) that usage is summed by, and which of them answer for a range: whole days where they fit,
// hours at the edges.

import type { Instant } from '../../domain/id.ts';
import type { RollupKey, RollupLevel, RollupRange, UsageSubject } from './ports.ts';

export const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const LEVELS: readonly RollupLevel[] = ['hour', 'day'];

const LENGTH_MS: Readonly<Record<RollupLevel, number>> = { hour: HOUR_MS, day: DAY_MS };

/** Finds the start of the hour or day that a time lies in. */
export function startOf(level: RollupLevel, at: Instant): Instant {
  return Math.floor(at / LENGTH_MS[level]) * LENGTH_MS[level];
}

/** Finds the end, exclusive, of the hour or day that a time lies in. */
export function endOf(level: RollupLevel, at: Instant): Instant {
  return startOf(level, at) + LENGTH_MS[level];
}

/** Writes a subject as a text that no other subject has: names hold no control character. */
export function subjectText({ action, projectId, workflowId }: UsageSubject): string {
  return `${action}\0${projectId}\0${workflowId}`;
}

/** Writes a key as a text that no other key has. */
export function keyText(key: RollupKey): string {
  return `${key.level}\0${key.start}\0${subjectText(key)}`;
}

/** Splits a range at full hours into ranges of the rollups that sum it with the fewest documents. */
export function planRanges(from: Instant, to: Instant, finest: RollupLevel): readonly RollupRange[] {
  const firstDay = Math.ceil(from / DAY_MS) * DAY_MS;
  const lastDay = startOf('day', to);
  if (finest === 'hour' || firstDay >= lastDay) return [{ level: 'hour', from, to }];
  const ranges: readonly RollupRange[] = [
    { level: 'hour', from, to: firstDay },
    { level: 'day', from: firstDay, to: lastDay },
    { level: 'hour', from: lastDay, to },
  ];
  return ranges.filter((range) => range.from < range.to);
}

/** Finds the key under which a plan sums usage at a time; undefined where the time lies outside it. */
export function keyIn(plan: readonly RollupRange[], at: Instant, subject: UsageSubject): RollupKey | undefined {
  const range = plan.find(({ from, to }) => from <= at && at < to);
  return range === undefined ? undefined : { ...subject, level: range.level, start: startOf(range.level, at) };
}
