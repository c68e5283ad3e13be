// Owns what the sum of a range of time is made of: rollups of whole days where they fit, of hours at their edges, and for a
// part of an hour its commits: rollups of whole stretches where they fit, and the commits beside them one by one
// (docs/architecture.md, "Usage").
// Invariants: every charge within the range lies in one part of a plan, and none outside it in any; of the commits of an
// hour less than two stretches are read one by one, however many it has.

import type { Instant, TenantId } from '../../domain/id.ts';
import type { AccountHead } from '../ledger/account-head.ts';
import type { AccountReader } from '../ledger/account-reader.ts';
import type { RollupKey, RollupRange, TimeLevel, UsageStore, UsageSubject, Watermark } from './ports.ts';
import { keyAt, positionOf, startFrom, startOf, type UsagePlace } from './rollup-key.ts';
import { type CommitUsage, isCharge, readUsageWithRuns } from './usage-reading.ts';

/** A range of time: `from` inclusive, `to` exclusive. */
export interface TimeRange {
  readonly from: Instant;
  readonly to: Instant;
}

/** A range of rollups that a plan sums. */
export interface PlannedRange extends RollupRange {
  /** A time within the hour that all of it counts for; absent where the start of each rollup is that time. */
  readonly at?: Instant;
}

/** What the sum of a range is made of. */
export interface SummaryPlan {
  readonly ranges: readonly PlannedRange[];
  /** The charges of commits that no range has, as far as rollups go; what was undone of them is among the ranges. */
  readonly charges: readonly CommitUsage[];
}

/** What a plan is made with. */
export interface PlanTools {
  readonly usage: Pick<UsageStore, 'loadUsage' | 'loadRuns'>;
  readonly reader: Pick<AccountReader, 'findSeqAt'>;
}

/** An account as a plan sees it: its newest commit, and which rollups are read, up to where. */
export interface PlanBase {
  readonly head: AccountHead;
  readonly mark: Watermark;
}

/** Plans the sum of a range, and reads the commits that it needs one by one. Throws what the stores throw. */
export async function loadPlan(
  tools: PlanTools,
  base: PlanBase,
  range: TimeRange,
  finest: TimeLevel,
): Promise<SummaryPlan> {
  const parts = await Promise.all(hourPartsOf(range).map((part) => loadHourPart(tools, base, part)));
  return {
    ranges: [...planHours(range, finest), ...parts.flatMap(({ ranges }) => ranges)],
    charges: parts.flatMap(({ charges }) => charges),
  };
}

/** Finds the key under which a plan sums usage of a place; undefined where the place lies outside it. */
export function keyIn(ranges: readonly RollupRange[], place: UsagePlace, subject: UsageSubject): RollupKey | undefined {
  const range = ranges.find(({ level, from, to }) => {
    const position = positionOf(level, place);
    return from <= position && position < to;
  });
  return range === undefined ? undefined : keyAt(range.level, place, subject);
}

/** Splits the whole hours of a range into ranges of the rollups that sum them with the fewest documents. */
export function planHours({ from, to }: TimeRange, finest: TimeLevel): readonly RollupRange[] {
  const [first, last] = [startFrom('hour', from), startOf('hour', to)];
  const [firstDay, lastDay] = [startFrom('day', first), startOf('day', last)];
  const ranges: readonly RollupRange[] =
    finest === 'hour' || firstDay >= lastDay
      ? [{ level: 'hour', from: first, to: last }]
      : [
          { level: 'hour', from: first, to: firstDay },
          { level: 'day', from: firstDay, to: lastDay },
          { level: 'hour', from: lastDay, to: last },
        ];
  return ranges.filter(isNotEmpty);
}

/** Finds what {@link planHours} leaves of a range: the part of an hour that it begins with, and the one that it ends with. */
export function hourPartsOf({ from, to }: TimeRange): readonly TimeRange[] {
  const [first, last] = [startFrom('hour', from), startOf('hour', to)];
  // Where no hour begins within the range, both are one.
  if (last < first) return [{ from, to }];
  const parts = [
    { from, to: first },
    { from: last, to },
  ];
  return parts.filter(isNotEmpty);
}

/** Splits commits, both ends inclusive, into whole stretches, and what was undone of those beside. */
export function planCommits(fromSeq: number, toSeq: number): readonly RollupRange[] {
  const first = startFrom('stretch', fromSeq);
  const end = startOf('stretch', toSeq + 1);
  const ranges: readonly RollupRange[] =
    first >= end
      ? [{ level: 'undone', from: fromSeq, to: toSeq + 1 }]
      : [
          { level: 'undone', from: fromSeq, to: first },
          { level: 'stretch', from: first, to: end },
          { level: 'undone', from: end, to: toSeq + 1 },
        ];
  return ranges.filter(isNotEmpty);
}

function isNotEmpty({ from, to }: Pick<RollupRange, 'from' | 'to'>): boolean {
  return from < to;
}

async function loadHourPart(
  { usage, reader }: PlanTools,
  { head, mark }: PlanBase,
  { from, to }: TimeRange,
): Promise<SummaryPlan> {
  // Times are whole milliseconds, and those of commits never go back.
  const [before, last] = await Promise.all([reader.findSeqAt(head, from - 1), reader.findSeqAt(head, to - 1)]);
  const ranges = planCommits(before + 1, last);
  const beside = ranges.filter(({ level }) => level === 'undone');
  const charges = await Promise.all(beside.map((range) => readCharges(usage, head.tenantId, range, mark)));
  return { ranges: ranges.map((range) => ({ ...range, at: from })), charges: charges.flat() };
}

async function readCharges(
  usage: PlanTools['usage'],
  tenantId: TenantId,
  { from, to }: RollupRange,
  { generation, seq }: Watermark,
): Promise<readonly CommitUsage[]> {
  const read = await readUsageWithRuns(usage, tenantId, generation, { fromSeq: from, toSeq: Math.min(to - 1, seq) });
  return read.filter(isCharge);
}
