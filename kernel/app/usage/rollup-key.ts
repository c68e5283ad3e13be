// Owns what usage is summed by: hours and days (UTC), stretches of commits, and single commits for what was undone of them.

import type { Instant } from '../../domain/id.ts';
import type { RollupKey, RollupLevel, TimeLevel, UsageSubject } from './ports.ts';

const HOUR_MS = 3_600_000;
/**
 * How many commits a stretch has: 1–256, 257–512, … A part of an hour is summed by stretches, so this bounds the commits that
 * are read for it: less than one stretch at either end, however many the hour has.
 */
export const STRETCH_COMMITS = 256;

const LENGTHS: Readonly<Record<RollupLevel, number>> = {
  hour: HOUR_MS,
  day: 24 * HOUR_MS,
  stretch: STRETCH_COMMITS,
  undone: 1,
};
/** Where the first hour, day, stretch and commit begin. */
const ORIGINS: Readonly<Record<RollupLevel, number>> = { hour: 0, day: 0, stretch: 1, undone: 1 };

/** Where usage counts: the time of its charge, and the commit that charged it. The one follows from the other. */
export interface UsagePlace {
  readonly at: Instant;
  readonly chargeSeq: number;
}

/** Finds the start of the hour, day, stretch or commit that a time or a seq lies in. */
export function startOf(level: RollupLevel, position: number): number {
  const origin = ORIGINS[level];
  return Math.floor((position - origin) / LENGTHS[level]) * LENGTHS[level] + origin;
}

/** Finds the first start of an hour, day, stretch or commit at a time or a seq, or after it. */
export function startFrom(level: RollupLevel, position: number): number {
  return startOf(level, position + LENGTHS[level] - 1);
}

/** Says how long an hour or day is, in milliseconds. */
export function lengthMsOf(level: TimeLevel): number {
  return LENGTHS[level];
}

/** Answers what a level counts a place by: its time, or its seq. */
export function positionOf(level: RollupLevel, { at, chargeSeq }: UsagePlace): number {
  return level === 'hour' || level === 'day' ? at : chargeSeq;
}

/** Finds the key under which a level sums usage of a place. */
export function keyAt(level: RollupLevel, place: UsagePlace, subject: UsageSubject): RollupKey {
  return { ...subject, level, start: startOf(level, positionOf(level, place)) };
}

/** Writes a subject as a text that no other subject has: names hold no control character. */
export function subjectText({ action, projectId, workflowId }: UsageSubject): string {
  return `${action}\0${projectId}\0${workflowId}`;
}

/** Writes a key as a text that no other key has. */
export function keyText(key: RollupKey): string {
  return `${key.level}\0${key.start}\0${subjectText(key)}`;
}
