// Owns how a range of time is asked for, and which one is meant where nobody says.

import { invalidField } from '../problem.ts';
import { parseTimestamp } from '../timestamp.ts';

const DAY_MS = 86_400_000;
/** How long a range is where only its end is given, or nothing. */
const LENGTH_MS_DEFAULT = 30 * DAY_MS;
const TIME_EXPECTED = 'a time such as 2026-01-31T09:00:00Z, with its offset (in a URL, a + is written %2B)';

/** Are the parameters of a range. */
export interface TimeRangeQuery {
  start_time?: string;
  end_time?: string;
}

/** A range: with its start, without its end. */
export interface TimeRange {
  readonly startTime: Date;
  readonly endTime: Date;
}

/** Are their schemas. */
export const TIME_RANGE = {
  start_time: { type: 'string', nullable: true, format: 'timestamp', description: TIME_EXPECTED },
  end_time: { type: 'string', nullable: true, format: 'timestamp', description: TIME_EXPECTED },
} as const;

/** Names are the callers' own: any characters but those that control. */
const NAME_PATTERN = '^[^\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029]{1,128}$';

/** Are the parameters by which usage is limited to some work. */
export interface WorkQuery {
  action?: string;
  project_id?: string;
  workflow_id?: string;
}

/** Are their schemas. */
export const WORK = {
  action: {
    type: 'string',
    nullable: true,
    pattern: NAME_PATTERN,
    description: 'the name of an action such as workflow.step.execute, 1 to 128 characters',
  },
  project_id: {
    type: 'string',
    nullable: true,
    pattern: NAME_PATTERN,
    description: 'the id of a project, 1 to 128 characters',
  },
  workflow_id: {
    type: 'string',
    nullable: true,
    pattern: NAME_PATTERN,
    description: 'the id of a workflow, 1 to 128 characters',
  },
} as const;

/** Translates the parameters that limit usage to some work. */
export function toProtoWork({ action = '', project_id: projectId = '', workflow_id: workflowId = '' }: WorkQuery) {
  return { action, projectId, workflowId };
}

/** Reads a time of a query that was checked; undefined where it is not there. */
function toProtoTime(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : parseTimestamp(text);
}

/** Reads the times by which a list is limited; a range that is open is open for the kernel, too. */
export function toProtoTimes({ start_time, end_time }: TimeRangeQuery) {
  return { startTime: toProtoTime(start_time), endTime: toProtoTime(end_time) };
}

/** The schema of the token of a page of a list over a range; it can name three ids of the longest. */
export const RANGE_PAGE_TOKEN = {
  type: 'string',
  nullable: true,
  pattern: '^[\\x21-\\x7e]{0,4200}$',
  description: 'the next_page_token of the page before',
} as const;

const RANGE_PAGE_TOKEN_PATTERN = /^(\d{1,15})-(\d{1,15})-(.+)$/;

/** Writes the token of a page of a list over a range, which names the range: "now" is another time with the next page. */
export function toRangePageToken({ startTime, endTime }: TimeRange, token: string): string {
  return `${startTime.getTime()}-${endTime.getTime()}-${token}`;
}

/**
 * Reads which range a page of a list is about: that of its token, or else that of its query. Throws INVALID_FIELD where the
 * token is none, or the query names another range.
 */
export function toProtoRangePage(query: TimeRangeQuery & { page_token?: string }): {
  readonly range: TimeRange;
  readonly pageToken: string;
} {
  const { page_token: token = '' } = query;
  if (token === '') return { range: toProtoRange(query), pageToken: '' };
  const [, startMs, endMs, pageToken = ''] = RANGE_PAGE_TOKEN_PATTERN.exec(token) ?? [];
  const range = { startTime: new Date(Number(startMs)), endTime: new Date(Number(endMs)) };
  const named = { startTime: toProtoTime(query.start_time), endTime: toProtoTime(query.end_time) };
  const isSame =
    Number(named.startTime ?? startMs) === Number(startMs) && Number(named.endTime ?? endMs) === Number(endMs);
  if (startMs === undefined || !isSame || range.endTime <= range.startTime) {
    const message =
      'It is no token of this list; pass next_page_token as it was given, with the other parameters unchanged.';
    throw invalidField({ field: 'page_token', message });
  }
  return { range, pageToken };
}

/**
 * Reads a range of a query that was checked: without an end up to now, without a start the 30 days before the end. Throws
 * INVALID_FIELD `end_time` where it does not lie after the start.
 */
export function toProtoRange({ start_time, end_time }: TimeRangeQuery): TimeRange {
  const endTime = toProtoTime(end_time) ?? new Date();
  const startTime = toProtoTime(start_time) ?? new Date(Math.max(0, endTime.getTime() - LENGTH_MS_DEFAULT));
  if (endTime <= startTime) throw invalidField({ field: 'end_time', message: 'It must lie after start_time.' });
  return { startTime, endTime };
}
