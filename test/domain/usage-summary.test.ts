// Summaries of usage: whatever the history, however far it was projected, by however many projectors that die wherever, a
// summary is the sum of all entries, each exactly once.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unopenedHead } from '../../kernel/app/ledger/account-head.ts';
import type { AccountReader } from '../../kernel/app/ledger/account-reader.ts';
import type { SealedCommit } from '../../kernel/app/ports.ts';
import type { UsageFilter, UsageStore } from '../../kernel/app/usage/ports.ts';
import { planRanges, startOf } from '../../kernel/app/usage/rollup-key.ts';
import { CHUNK_COMMITS, lastChunkEnd, RollupProjector } from '../../kernel/app/usage/rollup-projector.ts';
import type { UsageGroup, UsageQuery, UsageRow } from '../../kernel/app/usage/usage.ts';
import { rebuildUsage } from '../../kernel/app/usage/usage-rebuild.ts';
import { summarizeUsage } from '../../kernel/app/usage/usage-summary.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { roundCount } from '../support/round-count.ts';
import { OTHER_TENANT, START, TENANT } from './support/command.ts';
import { type Circumstances, type FaultPlace, MemoryUsage } from './support/memory-usage-store.ts';
import {
  commitOf,
  debitedOf,
  HOUR_MS,
  readUsageOf,
  reversedOf,
  sumNaively,
  USAGE_COMMITS_MAX,
  usageHistories,
} from './support/usage-history.ts';

const DAY_MS = 24 * HOUR_MS;
const ALL: UsageQuery = {
  startAt: START,
  endAt: START + 400 * DAY_MS,
  groups: new Set(),
  filter: {},
  pageSize: 1_000,
  pageToken: '',
};

const groupSets: fc.Arbitrary<ReadonlySet<UsageGroup>> = fc
  .record({
    time: fc.constantFrom<UsageGroup | undefined>('hour', 'day', undefined),
    others: fc.subarray<UsageGroup>(['action', 'project', 'workflow']),
  })
  .map(({ time, others }) => new Set([...(time === undefined ? [] : [time]), ...others]));
const filters: fc.Arbitrary<UsageFilter> = fc.record(
  { action: fc.constantFrom('tick', 'none'), projectId: fc.constantFrom('a', 'ä'), workflowId: fc.constant('b') },
  { requiredKeys: [], noNullPrototype: true },
);
const queries: fc.Arbitrary<UsageQuery> = fc
  .record({
    from: fc.integer({ min: -30, max: 200 }),
    hours: fc.oneof(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 1, max: 9_000 })),
    groups: groupSets,
    filter: fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: filters }),
    pageSize: fc.integer({ min: 1, max: 30 }),
  })
  .map(({ from, hours, groups, filter, pageSize }) => {
    const startAt = START + from * HOUR_MS;
    return { startAt, endAt: startAt + hours * HOUR_MS, groups, filter, pageSize, pageToken: '' };
  });

/** A kernel over commits and kept rollups: what it projects and what it sums. */
function kernelOver(commits: readonly SealedCommit[], kept: MemoryUsage, circumstances?: Circumstances) {
  const usage = kept.connect(readUsageOf(commits), circumstances);
  const projector = new RollupProjector(usage);
  const head = { ...unopenedHead(TENANT), seq: commits.length };
  const reader: Pick<AccountReader, 'readHead'> = { readHead: async () => head };
  const tools = { usage, projector, reader };
  return {
    ...tools,
    project: (seq: number) => projector.catchUp(TENANT, seq),
    rebuild: () => rebuildUsage({ usage, heads: { load: async () => head } }, TENANT, () => undefined),
    summarize: (query: UsageQuery) => readPages(query, (page) => summarizeUsage(tools, TENANT, page)),
  };
}

/** Reads a summary to its end. */
async function readPages(
  query: UsageQuery,
  read: (query: UsageQuery) => ReturnType<typeof summarizeUsage>,
): Promise<readonly UsageRow[]> {
  const rows: UsageRow[] = [];
  for (let pageToken = query.pageToken, pages = 0; pages < 10_000; pages += 1) {
    const page = await read({ ...query, pageToken });
    expect(page.rows.length).toBeLessThanOrEqual(query.pageSize);
    rows.push(...page.rows);
    pageToken = page.nextPageToken;
    if (pageToken === '') return rows;
    expect(page.rows.length).toBe(query.pageSize);
  }
  throw new Error('the list has no end');
}

/** Debits of one microcredit, each a commit, so many minutes apart. */
function debits(count: number, minutes = 1): readonly SealedCommit[] {
  return Array.from({ length: count }, (_, index) =>
    commitOf(index + 1, START + index * minutes * 60_000, [debitedOf()]),
  );
}

describe('a summary', () => {
  test('is the sum of all entries, whatever was projected before, page by page', async () => {
    await fc.assert(
      fc.asyncProperty(
        usageHistories,
        fc.array(fc.nat(USAGE_COMMITS_MAX), { maxLength: 3 }),
        queries,
        async (commits, ends, query) => {
          const kept = new MemoryUsage();
          const kernel = kernelOver(commits, kept);
          for (const end of ends) await kernel.project(Math.min(end, commits.length));
          expect(await kernel.summarize(query)).toEqual(sumNaively(commits, query));
        },
      ),
      { numRuns: roundCount(150, 3_000) },
    );
  });

  test('is right while projectors meet, die anywhere and begin again', async () => {
    const faults: fc.Arbitrary<FaultPlace | undefined> = fc.oneof(
      { weight: 5, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.constantFrom<FaultPlace>('before', 'within', 'after') },
    );
    await fc.assert(
      fc.asyncProperty(
        usageHistories,
        fc.scheduler(),
        fc.array(fc.array(faults, { maxLength: 12 }), { minLength: 2, maxLength: 3 }),
        queries,
        async (commits, scheduler, plans, query) => {
          const kept = new MemoryUsage();
          const turn: Circumstances['turn'] = (run) => scheduler.schedule(Promise.resolve()).then(run);
          const work = plans.map(async (plan, index) => {
            const left = [...plan];
            // A kernel that lags behind knows a shorter history.
            const known = commits.slice(0, commits.length - index * (CHUNK_COMMITS + 6));
            for (let life = 0; life < 5; life += 1) {
              const kernel = kernelOver(known, kept, { turn, nextFault: () => left.shift() });
              await kernel.project(known.length).catch(() => undefined);
            }
          });
          const reader = kernelOver(commits, kept, { turn, nextFault: () => undefined });
          const reading = reader.summarize(query);
          await scheduler.waitFor(Promise.all([reading, ...work]));
          const expected = sumNaively(commits, query);
          expect(await reading).toEqual(expected);
          expect(await kernelOver(commits, kept).summarize(query)).toEqual(expected);
        },
      ),
      { numRuns: roundCount(100, 2_000) },
    );
  });

  test('is right while rollups are rebuilt, twice at once, and the rebuilds die anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        usageHistories,
        fc.scheduler(),
        fc.array(fc.option(fc.constantFrom<FaultPlace>('before', 'within', 'after'), { nil: undefined, freq: 8 }), {
          maxLength: 40,
        }),
        queries,
        async (commits, scheduler, plan, query) => {
          const kept = new MemoryUsage();
          await kernelOver(commits, kept).project(commits.length);
          const turn: Circumstances['turn'] = (run) => scheduler.schedule(Promise.resolve()).then(run);
          const left = [...plan];
          const dying = kernelOver(commits, kept, { turn, nextFault: () => left.shift() });
          const calm = kernelOver(commits, kept, { turn, nextFault: () => undefined });
          const reading = calm.summarize(query);
          const work = [dying.rebuild(), calm.rebuild(), calm.project(commits.length)];
          await scheduler.waitFor(Promise.allSettled([...work, reading]));
          const expected = sumNaively(commits, query);
          expect(await reading).toEqual(expected);
          expect(await kernelOver(commits, kept).rebuild()).toBe('switched');
          expect(await kernelOver(commits, kept).summarize(query)).toEqual(expected);
          // A rebuild leaves nothing of what was before it.
          expect([...kept.generations.keys()].every((generation) => generation >= (kept.mark?.generation ?? 0))).toBe(
            true,
          );
        },
      ),
      { numRuns: roundCount(100, 2_000) },
    );
  });

  test('reads a bounded range of commits, and projects first where more is missing', async () => {
    const commits = debits(1_000);
    const kept = new MemoryUsage();
    const reads: number[] = [];
    const kernel = kernelOver(commits, kept);
    const usage: UsageStore = {
      ...kernel.usage,
      loadUsage: (tenantId, from, to) => {
        reads.push(to - from + 1);
        return kernel.usage.loadUsage(tenantId, from, to);
      },
    };
    const tools = { ...kernel, usage };
    await kernel.project(commits.length);
    const projected = lastChunkEnd(commits.length);
    expect(kept.mark?.seq).toBe(projected);
    const page = await summarizeUsage(tools, TENANT, ALL);
    expect(page.rows).toMatchObject([{ debitCount: 1_000n, quantity: '1000', cost: 1_000n }]);
    expect(reads.reduce((sum, count) => sum + count, 0)).toBe(commits.length - projected);

    const behind = new MemoryUsage();
    expect(await kernelOver(commits, behind).summarize(ALL)).toMatchObject([{ debitCount: 1_000n }]);
    expect(behind.mark?.seq).toBe(projected);
  });

  test('leaves out what was undone, at the time of the charge, and keeps sums beyond 64 bits of quantity', async () => {
    const big = debitedOf({ quantity: '999999999999.999999', cost: 9_007_199_254_740_991n });
    const commits = [
      ...Array.from({ length: 90 }, (_, index) =>
        commitOf(
          index + 1,
          START + index,
          Array.from({ length: 99 }, () => big),
        ),
      ),
      commitOf(91, START + 50 * DAY_MS, [reversedOf(big, START + 3)]),
      commitOf(92, START + 50 * DAY_MS, [
        debitedOf({ action: 'tock' }),
        reversedOf(debitedOf({ action: 'tock' }), START + 50 * DAY_MS),
      ]),
    ];
    const kernel = kernelOver(commits, new MemoryUsage());
    await kernel.project(commits.length);
    const day = { ...ALL, endAt: START + DAY_MS, groups: new Set<UsageGroup>(['action']) };
    const count = 90n * 99n - 1n;
    expect(await kernel.summarize(day).catch((error: unknown) => error)).toBeInstanceOf(DomainError);
    const hour = { ...ALL, groups: new Set<UsageGroup>(['day', 'action']) };
    await expect(kernel.summarize(hour)).rejects.toThrow('2^63 - 1 microcredits');
    const free = commits.map((commit) => ({
      ...commit,
      entries: commit.entries.map((entry) => (entry.type === 'debited' ? { ...entry, cost: 0n } : withoutCost(entry))),
    }));
    const rows = await kernelOver(free, new MemoryUsage()).summarize(hour);
    expect(rows).toEqual([
      {
        ...{ startAt: START, action: 'tick', projectId: '', workflowId: '', debitCount: count, cost: 0n },
        quantity: '8908999999999999.991091',
      },
    ]);
  });

  test('refuses a token of another question or tenant, and one that is none', async () => {
    const kernel = kernelOver(debits(300, 60), new MemoryUsage());
    const query = { ...ALL, groups: new Set<UsageGroup>(['hour']), pageSize: 7 };
    const { nextPageToken } = await summarizeUsage(kernel, TENANT, query);
    expect(nextPageToken).not.toBe('');
    const refused = { reason: 'INVALID_FIELD', violations: [{ field: 'page_token' }] };
    for (const other of [
      { ...query, groups: new Set<UsageGroup>(['day']) },
      { ...query, startAt: query.startAt + HOUR_MS },
      { ...query, endAt: query.endAt + HOUR_MS },
      { ...query, filter: { action: 'tick' } },
    ]) {
      await expect(summarizeUsage(kernel, TENANT, { ...other, pageToken: nextPageToken })).rejects.toMatchObject(
        refused,
      );
    }
    await expect(summarizeUsage(kernel, OTHER_TENANT, { ...query, pageToken: nextPageToken })).rejects.toMatchObject(
      refused,
    );
    for (const pageToken of [
      'x',
      '1',
      Buffer.from('[1]').toString('base64url'),
      Buffer.from('{}').toString('base64url'),
    ]) {
      await expect(summarizeUsage(kernel, TENANT, { ...query, pageToken })).rejects.toMatchObject(refused);
    }
    // Another page size is not another question.
    const next = await summarizeUsage(kernel, TENANT, { ...query, pageSize: 9, pageToken: nextPageToken });
    expect(next.rows).toHaveLength(9);
    expect(next.rows[0]?.startAt).toBe(START + 7 * HOUR_MS);
  });

  test('by time costs what a page holds, whatever the range; without it too many sums are refused by name', async () => {
    const workflows = 30_000;
    const entries = Array.from({ length: workflows }, (_, index) =>
      debitedOf({ workflowId: `wf-${String(index).padStart(5, '0')}` }),
    );
    const commits = Array.from({ length: 128 }, (_, index) =>
      commitOf(index + 1, START + index * HOUR_MS, entries.slice(index * 235, (index + 1) * 235)),
    );
    const kernel = kernelOver(commits, new MemoryUsage());
    await kernel.project(commits.length);
    const refused = { reason: 'INVALID_FIELD', violations: [{ field: 'end_time' }] };
    const byWorkflow = { ...ALL, groups: new Set<UsageGroup>(['workflow']) };
    await expect(summarizeUsage(kernel, TENANT, byWorkflow)).rejects.toMatchObject(refused);
    // The same sums by hour fit, window by window, over eight thousand years.
    const byHour = {
      ...ALL,
      startAt: 0,
      endAt: 253_402_297_200_000,
      groups: new Set<UsageGroup>(['hour', 'workflow']),
    };
    const rows = await kernel.summarize(byHour);
    expect(rows).toHaveLength(workflows);
  });
});

/** A reversal that gives nothing back. */
function withoutCost(entry: SealedCommit['entries'][number]): SealedCommit['entries'][number] {
  return entry.type === 'reversed' && entry.usage !== undefined
    ? { ...entry, usage: { ...entry.usage, cost: 0n } }
    : entry;
}

describe('projecting', () => {
  test('takes whole chunks only', async () => {
    const kept = new MemoryUsage();
    const kernel = kernelOver(debits(4 * CHUNK_COMMITS), kept);
    for (const [head, mark] of [
      [CHUNK_COMMITS - 1, undefined],
      [CHUNK_COMMITS, CHUNK_COMMITS],
      [2 * CHUNK_COMMITS - 1, CHUNK_COMMITS],
      [2 * CHUNK_COMMITS, 2 * CHUNK_COMMITS],
      [3 * CHUNK_COMMITS + 8, 3 * CHUNK_COMMITS],
    ] as const) {
      await kernel.project(head);
      expect(kept.mark?.seq).toBe(mark);
    }
  });

  test('fails and moves nothing where a commit is missing', async () => {
    const kept = new MemoryUsage();
    const commits = debits(CHUNK_COMMITS + 6);
    const holed = commits.filter(({ seq }) => seq !== CHUNK_COMMITS / 2);
    const projector = new RollupProjector(kept.connect(readUsageOf(holed)));
    await expect(projector.catchUp(TENANT, commits.length)).rejects.toMatchObject({ reason: 'LEDGER_CORRUPT' });
    expect(kept.mark).toBeUndefined();
    expect(kept.generations.size).toBe(0);
  });

  test('goes on in the generation of a rebuild that took over meanwhile, and leaves nothing of the one before', async () => {
    const kept = new MemoryUsage();
    const real = kept.connect(readUsageOf(debits(5_000)));
    const projector = new RollupProjector({
      ...real,
      advanceWatermark: (tenantId, mark) => {
        if (mark.generation === 1) kept.mark = { generation: 2, seq: 0 };
        return real.advanceWatermark(tenantId, mark);
      },
    });
    await projector.catchUp(TENANT, 5_000);
    expect(kept.mark).toEqual({ generation: 2, seq: lastChunkEnd(5_000) });
    expect([...kept.generations.keys()]).toEqual([2]);
  });

  test('stops between two steps', async () => {
    const kept = new MemoryUsage();
    const { projector } = kernelOver(debits(5_000), kept);
    const running = projector.catchUp(TENANT, 5_000);
    await projector.stop();
    await running;
    expect(kept.mark?.seq ?? 0).toBeLessThan(lastChunkEnd(5_000));
    expect((kept.mark?.seq ?? 0) % CHUNK_COMMITS).toBe(0);
  });
});

describe('a range', () => {
  test('is split into whole days and the hours at its edges, without a gap', () => {
    fc.assert(
      fc.property(fc.nat(2_000), fc.integer({ min: 1, max: 2_000 }), (first, hours) => {
        const [from, to] = [START + first * HOUR_MS, START + (first + hours) * HOUR_MS];
        const plan = planRanges(from, to, 'day');
        expect(plan[0]?.from).toBe(from);
        expect(plan.at(-1)?.to).toBe(to);
        for (const [index, range] of plan.entries()) {
          expect(range.from).toBeLessThan(range.to);
          expect(startOf(range.level, range.from)).toBe(range.from);
          expect(startOf(range.level, range.to)).toBe(range.to);
          if (index > 0) expect(range.from).toBe(plan[index - 1]?.to);
        }
        const hourly = plan
          .filter(({ level }) => level === 'hour')
          .reduce((sum, range) => sum + range.to - range.from, 0);
        expect(hourly).toBeLessThanOrEqual(46 * HOUR_MS);
        expect(planRanges(from, to, 'hour')).toEqual([{ level: 'hour', from, to }]);
      }),
    );
  });
});
