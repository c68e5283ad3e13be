// Owns histories of usage for tests of how it is summed: commits whose entries state charges and reversals at any time,
// questions about them, and the same sums made the naive way, over all entries at once.

import fc from 'fast-check';
import type { SealedCommit } from '../../../kernel/app/ports.ts';
import type { RunSum, UsageFilter, UsageStore } from '../../../kernel/app/usage/ports.ts';
import { STRETCH_COMMITS } from '../../../kernel/app/usage/rollup-key.ts';
import { CHUNK_COMMITS } from '../../../kernel/app/usage/rollup-projector.ts';
import type { UsageGroup, UsageQuery, UsageRow } from '../../../kernel/app/usage/usage.ts';
import { ZERO_TOTALS } from '../../../kernel/domain/account.ts';
import { STATE_VERSION } from '../../../kernel/domain/commit.ts';
import type { Debited, Entry, Reserved, Reversed, Settled } from '../../../kernel/domain/entry.ts';
import { formatEntryId, formatHoldId } from '../../../kernel/domain/entry-id.ts';
import type { Instant } from '../../../kernel/domain/id.ts';
import { present } from '../../../kernel/domain/optional.ts';
import { formatQuantity } from '../../../kernel/domain/quantity.ts';
import type { RunStatus } from '../../../kernel/domain/usage-context.ts';
import { toDocumentEntry } from '../../../kernel/store/ledger/entry-document.ts';
import { fromDocumentUsageCommit } from '../../../kernel/store/usage/usage-entry-document.ts';
import { keyOf, START, TENANT } from './command.ts';
import { commitIdOf } from './commit.ts';

export const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** The longest of the histories: several chunks of rollups, and some more. */
const SPARSE_COMMITS_MAX = 12 * CHUNK_COMMITS + 16;
const ACTS_MAX = 3;
/** So large that the sum of the longest history is just one that a row can have. */
const COST_MAX = (2n ** 63n - 1n) / BigInt(4 * STRETCH_COMMITS * ACTS_MAX);
const PLACE = { seq: 1, index: 0 };

/** One charge, or the undoing of an earlier one. */
interface Act {
  readonly kind: 'debited' | 'settled' | 'reserved' | 'reversed' | 'reported' | 'other';
  readonly action: string;
  readonly projectId: string | undefined;
  readonly workflowId: string | undefined;
  readonly quantity: string;
  readonly cost: bigint;
  readonly runId: string | undefined;
  readonly runStatus: RunStatus | undefined;
  readonly choice: number;
}

const names = fc.option(fc.constantFrom('a', 'b', 'ä'), { nil: undefined });
const acts: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom('debited', 'debited', 'debited', 'settled', 'reserved', 'reversed', 'reported', 'other'),
  action: fc.constantFrom('tick', 'tock'),
  projectId: names,
  workflowId: names,
  quantity: fc.constantFrom('1', '0.000001', '2.5', '999999999999.999999'),
  cost: fc.constantFrom(0n, 1n, 2_500_000n, COST_MAX),
  runId: fc.option(
    fc.nat(30).map((run) => `run_${run}`),
    { nil: undefined },
  ),
  runStatus: fc.option(fc.constantFrom<RunStatus>('running', 'succeeded', 'failed', 'canceled'), { nil: undefined }),
  choice: fc.nat(),
});

interface Step {
  readonly elapsedMs: number;
  readonly acts: readonly Act[];
}

const stepsOf = (elapsedMs: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.record({ elapsedMs, acts: fc.array(acts, { minLength: 1, maxLength: ACTS_MAX }) });

/** Commits minutes to days apart. */
const sparseSteps: fc.Arbitrary<readonly Step[]> = fc.array(
  stepsOf(
    fc.oneof(
      { weight: 12, arbitrary: fc.nat(40).map((minutes) => minutes * MINUTE_MS) },
      { weight: 1, arbitrary: fc.nat(40).map((hours) => hours * HOUR_MS) },
    ),
  ),
  { minLength: 1, maxLength: SPARSE_COMMITS_MAX, size: 'max' },
);

/** So many commits within an hour or two that it has several stretches: a few of them, again and again. */
const denseSteps: fc.Arbitrary<readonly Step[]> = fc
  .record({
    pattern: fc.array(stepsOf(fc.oneof(fc.nat(2), fc.nat(9_000))), { minLength: 1, maxLength: 20 }),
    commits: fc.integer({ min: STRETCH_COMMITS, max: 4 * STRETCH_COMMITS }),
  })
  .map(({ pattern, commits }) => Array.from({ length: commits }, (_, index) => pattern[index % pattern.length]))
  .map((steps) => steps.flatMap((step) => step ?? []));

/** Commits one after the other. */
const usageHistories: fc.Arbitrary<readonly SealedCommit[]> = fc
  .oneof({ weight: 2, arbitrary: sparseSteps }, { weight: 1, arbitrary: denseSteps })
  .map((steps) => {
    let createdAt = START;
    const charges: Charged[] = [];
    return steps.map((step, index) => {
      createdAt += step.elapsedMs;
      const seq = index + 1;
      const entries = step.acts.map((act) => {
        const entry = entryOf(act, charges);
        if (entry.type === 'debited' || entry.type === 'settled') charges.push({ entry, seq, at: createdAt });
        return entry;
      });
      return commitOf(seq, createdAt, entries);
    });
  });

/** A charge that is not undone yet, with its place. */
interface Charged {
  readonly entry: Debited | Settled;
  readonly seq: number;
  readonly at: Instant;
}

/** One end of a range of time: at a full hour, at a commit or right beside it, or anywhere within an hour. */
type End =
  | { readonly kind: 'hour'; readonly hours: number }
  | { readonly kind: 'commit'; readonly choice: number; readonly besideMs: number }
  | { readonly kind: 'any'; readonly ms: number };

const ends: fc.Arbitrary<End> = fc.oneof(
  fc.record({ kind: fc.constant('hour'), hours: fc.oneof(fc.integer({ min: -30, max: 200 }), fc.nat(9_000)) }),
  fc.record({ kind: fc.constant('commit'), choice: fc.nat(), besideMs: fc.integer({ min: -1, max: 1 }) }),
  fc.record({ kind: fc.constant('any'), ms: fc.integer({ min: -HOUR_MS, max: 3 * HOUR_MS }) }),
);

const groupSets: fc.Arbitrary<ReadonlySet<UsageGroup>> = fc
  .record({
    time: fc.constantFrom<UsageGroup | undefined>('hour', 'day', undefined),
    others: fc.subarray<UsageGroup>(['action', 'project', 'workflow']),
  })
  .map(({ time, others }) => new Set([...(time === undefined ? [] : [time]), ...others]));
const filters: fc.Arbitrary<UsageFilter> = fc.record(
  {
    ...{ action: fc.constantFrom('tick', 'none'), projectId: fc.constantFrom('a', 'ä'), workflowId: fc.constant('b') },
    projectIds: fc.subarray(['a', 'b', 'ä', '']).map((ids) => new Set(ids)),
  },
  { requiredKeys: [], noNullPrototype: true },
);

/** A history, and a question for sums of it over any range of time. */
export const usageQuestions: fc.Arbitrary<{ readonly commits: readonly SealedCommit[]; readonly query: UsageQuery }> =
  fc
    .record({
      commits: usageHistories,
      ends: fc.tuple(ends, ends),
      groups: groupSets,
      filter: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: filters }),
      pageSize: fc.integer({ min: 1, max: 30 }),
    })
    .map(({ commits, ends: [one, other], ...rest }) => {
      const [a, b] = [timeOfEnd(commits, one), timeOfEnd(commits, other)];
      const startAt = Math.min(a, b);
      return { commits, query: { ...rest, startAt, endAt: Math.max(a, b, startAt + 1), pageToken: '' } };
    });

function timeOfEnd(commits: readonly SealedCommit[], end: End): Instant {
  switch (end.kind) {
    case 'hour':
      return START + end.hours * HOUR_MS;
    case 'commit':
      return (commits[end.choice % commits.length]?.createdAt ?? START) + end.besideMs;
    case 'any':
      return START + end.ms;
  }
}

export function commitOf(seq: number, createdAt: Instant, entries: readonly Entry[]): SealedCommit {
  const commitId = commitIdOf(seq);
  return { tenantId: TENANT, seq, commitId, createdAt, entries, totals: ZERO_TOTALS, hash: new Uint8Array(32) };
}

/** A debit of one microcredit, with what the test sets in the place of it. */
export function debitedOf(fields: Partial<Debited> = {}): Debited {
  return {
    type: 'debited',
    key: keyOf('usage'),
    after: ZERO_TOTALS,
    action: 'tick',
    quantity: '1',
    price: { microcreditsPerUnit: 1n, unit: 'step', rule: 'default', effectiveAt: START },
    cost: 1n,
    draws: [],
    deficit: 1n,
    alreadyPerformed: false,
    ...fields,
  };
}

function entryOf(act: Act, charges: Charged[]): Entry {
  const { kind, action, quantity, cost, projectId, workflowId, runId, runStatus } = act;
  const place = present({ projectId, workflowId });
  const charge = debitedOf({ action, ...place, ...present({ runId, runStatus }), quantity, cost });
  if (kind === 'settled') return settledOf(charge);
  if (kind === 'debited') return charge;
  if (kind === 'reserved') return reservedOf(charge);
  if (kind === 'reported') {
    const { key, after } = charge;
    return { type: 'run_reported', key, after, ...place, runId: runId ?? 'run_x', runStatus: runStatus ?? 'running' };
  }
  // Each charge is undone once at most.
  const [undone] = kind === 'reversed' ? charges.splice(act.choice % Math.max(1, charges.length), 1) : [];
  if (undone !== undefined) return reversedOf(undone.entry, undone.seq, undone.at);
  return {
    type: 'redacted',
    key: charge.key,
    after: ZERO_TOTALS,
    entryId: formatEntryId(PLACE, START),
    actor: 'usr_x',
  };
}

export function settledOf(charge: Debited): Settled {
  const { alreadyPerformed: _, ...rest } = charge;
  return {
    ...rest,
    type: 'settled',
    holdId: formatHoldId(PLACE, START),
    partId: 'part-1',
    drawsFromHold: 0,
    final: false,
    late: false,
    hold: { draws: [], overdraft: 0n, settled: charge.cost, expiresAt: START + HOUR_MS },
  };
}

/** Holds what a debit would charge. */
export function reservedOf(charge: Debited): Reserved {
  const { alreadyPerformed: _, cost, draws, deficit, runStatus: __, ...rest } = charge;
  return {
    ...rest,
    type: 'reserved',
    holdId: formatHoldId(PLACE, START),
    hold: { draws, overdraft: deficit, settled: 0n, expiresAt: START + HOUR_MS },
  };
}

/** Undoes the charge that the commit `seq` made at a time. */
export function reversedOf(charge: Debited | Settled, seq: number, at: Instant): Reversed {
  const { action, quantity, cost, projectId, workflowId, key, after } = charge;
  return {
    ...{ type: 'reversed', key, after, entryId: formatEntryId({ seq, index: 0 }, at), reversedType: charge.type },
    actor: 'usr_x',
    ...{ returned: [], expired: [], taken: [], deficitCancelled: cost, deficitPaid: 0n },
    usage: {
      ...{ action, quantity, cost, at },
      ...(projectId === undefined ? {} : { projectId }),
      ...(workflowId === undefined ? {} : { workflowId }),
    },
  };
}

/** Reads commits as the usage store does, out of their documents. */
export function readUsageOf(commits: readonly SealedCommit[]): UsageStore['loadUsage'] {
  const read = commits.map(({ tenantId, seq, createdAt, entries }) =>
    fromDocumentUsageCommit({
      ...{ tenant_id: tenantId, seq: BigInt(seq), created_at: new Date(createdAt), state_version: STATE_VERSION },
      entries: entries.map(toDocumentEntry),
    }),
  );
  return async (_, fromSeq, toSeq) => read.filter(({ seq }) => seq >= fromSeq && seq <= toSeq);
}

/** Sums all entries at once: what a summary must come to. */
export function sumNaively(commits: readonly SealedCommit[], query: UsageQuery): readonly UsageRow[] {
  const { filter, groups } = query;
  const countsRuns = filter.action === undefined && !groups.has('action');
  const charges = commits.flatMap(({ entries, createdAt }) => entries.flatMap((entry) => chargesOf(entry, createdAt)));
  const rows = new Map<string, NaiveRow>();
  for (const item of [...charges, ...(countsRuns ? runsOf(commits) : [])]) {
    const { at, action, projectId, workflowId } = item;
    if (!isAsked(query, item)) continue;
    const shown = (group: UsageGroup, text: string): string => (groups.has(group) ? text : '');
    const startAt = timeOf(groups, at);
    const base = {
      ...(startAt === undefined ? {} : { startAt }),
      ...{ action: shown('action', action), projectId: shown('project', projectId) },
      ...{ workflowId: shown('workflow', workflowId), debitCount: 0n, cost: 0n },
    };
    const text = JSON.stringify([startAt, base.action, base.projectId, base.workflowId]);
    const known: NaiveRow = rows.get(text) ?? { row: base, actions: new Map(), runs: [] };
    rows.set(text, known);
    if ('run' in item) {
      known.runs.push(item.run);
      continue;
    }
    const { sign, millionths, cost } = item;
    const [count = 0n, sum = 0n, spent = 0n] = known.actions.get(action) ?? [];
    known.actions.set(action, [count + sign, sum + sign * millionths, spent + sign * cost]);
  }
  return [...rows.values()].flatMap((row) => finish(row, countsRuns)).sort(compareRows);
}

function isAsked(
  { filter, startAt, endAt }: UsageQuery,
  { at, action, projectId, workflowId }: Omit<RunTold, 'run' | 'action'> & { readonly action: string },
): boolean {
  return (
    filter.projectIds?.has(projectId) !== false &&
    at >= startAt &&
    at < endAt &&
    (filter.action ?? action) === action &&
    (filter.projectId ?? projectId) === projectId &&
    (filter.workflowId ?? workflowId) === workflowId
  );
}

interface NaiveRow {
  readonly row: UsageRow;
  readonly actions: Map<string, bigint[]>;
  readonly runs: (keyof RunSum)[];
}

function finish({ row, actions, runs }: NaiveRow, countsRuns: boolean): readonly UsageRow[] {
  const left = [...actions.values()].filter(([count]) => count !== 0n);
  if (left.length === 0 && runs.length === 0) return [];
  const total = (index: number): bigint => left.reduce((sum, figures) => sum + (figures[index] ?? 0n), 0n);
  const quantity = left.length === 1 ? { quantity: formatQuantity({ millionths: total(1) }) } : {};
  const counted = { begun: 0n, steps: 0n, succeeded: 0n, failed: 0n, canceled: 0n };
  for (const run of runs) counted[run] += 1n;
  return [{ ...row, debitCount: total(0), ...quantity, cost: total(2), ...(countsRuns ? { runs: counted } : {}) }];
}

/** What is told of a run at one place and time. */
interface RunTold {
  readonly at: Instant;
  readonly action: '';
  readonly projectId: string;
  readonly workflowId: string;
  readonly run: keyof RunSum;
}

/** Says where and when runs began, had steps and ended, by one walk through the whole history. */
function runsOf(commits: readonly SealedCommit[]): readonly RunTold[] {
  const runs: Runs = new Map();
  return commits.flatMap(({ entries, createdAt }) => entries.flatMap((entry) => toldOf(entry, createdAt, runs)));
}

type Runs = Map<string, { readonly place: { projectId: string; workflowId: string }; hasEnded: boolean }>;

function toldOf(entry: Entry, at: Instant, runs: Runs): readonly RunTold[] {
  if (entry.type !== 'debited' && entry.type !== 'settled' && entry.type !== 'run_reported') return [];
  const { runId, runStatus = 'running', projectId = '', workflowId = '' } = entry;
  if (runId === undefined) return [];
  const told: RunTold[] = [];
  const tell = (run: keyof RunSum, place = { projectId, workflowId }): void => {
    told.push({ at, action: '', ...place, run });
  };
  if (entry.type !== 'run_reported') tell('steps');
  const known = runs.get(runId);
  if (known === undefined) tell('begun');
  const run = known ?? { place: { projectId, workflowId }, hasEnded: false };
  runs.set(runId, run);
  if (runStatus === 'running' || run.hasEnded) return told;
  run.hasEnded = true;
  tell(runStatus, run.place);
  return told;
}

function chargesOf(entry: Entry, createdAt: Instant) {
  if (entry.type !== 'debited' && entry.type !== 'settled' && entry.type !== 'reversed') return [];
  const usage = entry.type === 'reversed' ? entry.usage : entry;
  if (usage === undefined) return [];
  const [integer = '', fraction = ''] = usage.quantity.split('.');
  return [
    {
      at: entry.type === 'reversed' ? (entry.usage?.at ?? 0) : createdAt,
      sign: entry.type === 'reversed' ? -1n : 1n,
      action: usage.action,
      projectId: usage.projectId ?? '',
      workflowId: usage.workflowId ?? '',
      millionths: BigInt(integer) * 1_000_000n + BigInt(fraction.padEnd(6, '0')),
      cost: usage.cost,
    },
  ];
}

function timeOf(groups: ReadonlySet<UsageGroup>, at: Instant): Instant | undefined {
  if (groups.has('hour')) return at - (at % HOUR_MS);
  return groups.has('day') ? at - (at % (24 * HOUR_MS)) : undefined;
}

function compareRows(a: UsageRow, b: UsageRow): number {
  const [left, right] = [a, b].map((row) => [row.action, row.projectId, row.workflowId] as const);
  const time = (a.startAt ?? 0) - (b.startAt ?? 0);
  if (time !== 0) return time;
  for (const index of [0, 1, 2]) {
    const [x = '', y = ''] = [left?.[index], right?.[index]];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}
