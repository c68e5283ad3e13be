// Summaries of usage: whatever the history, however far it was projected, by however many projectors that die wherever, a
// summary is the sum of all entries, each exactly once.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unopenedHead } from '../../kernel/app/ledger/account-head.ts';
import { AccountReader } from '../../kernel/app/ledger/account-reader.ts';
import { LaneRegistry } from '../../kernel/app/ledger/lane-registry.ts';
import type { Clock, LedgerStore, SealedCommit } from '../../kernel/app/ports.ts';
import type { UsageStore } from '../../kernel/app/usage/ports.ts';
import { STRETCH_COMMITS, startOf } from '../../kernel/app/usage/rollup-key.ts';
import { CHUNK_COMMITS, lastChunkEnd, RollupProjector } from '../../kernel/app/usage/rollup-projector.ts';
import { hourPartsOf, planCommits, planHours } from '../../kernel/app/usage/summary-plan.ts';
import type { UsageGroup, UsageQuery, UsageRow } from '../../kernel/app/usage/usage.ts';
import { rebuildUsage } from '../../kernel/app/usage/usage-rebuild.ts';
import { summarizeUsage } from '../../kernel/app/usage/usage-summary.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { roundCount } from '../support/round-count.ts';
import { OTHER_TENANT, START, TENANT } from './support/command.ts';
import { createMemoryStore } from './support/memory-store.ts';
import { type Circumstances, type FaultPlace, MemoryUsage } from './support/memory-usage-store.ts';
import {
  commitOf,
  debitedOf,
  HOUR_MS,
  readUsageOf,
  reversedOf,
  sumNaively,
  usageQuestions,
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

const CLOCK: Clock = { now: () => START, estimate: () => START, measure: () => Promise.resolve() };

/** What reads an account of which only the times of commits are asked. */
function readerOf(commits: readonly SealedCommit[]): Pick<AccountReader, 'readHead' | 'findSeqAt'> {
  const store: LedgerStore = {
    ...createMemoryStore().store,
    loadCreatedAt: async (_, seq) => commits[seq - 1]?.createdAt,
  };
  const reader = new AccountReader(store, new LaneRegistry(), CLOCK, PROCESS_PACING);
  const head = { ...unopenedHead(TENANT), seq: commits.length, createdAt: commits.at(-1)?.createdAt ?? 0 };
  return { readHead: async () => head, findSeqAt: (newest, at) => reader.findSeqAt(newest, at) };
}

/** A kernel over commits and kept rollups: what it projects and what it sums. */
function kernelOver(commits: readonly SealedCommit[], kept: MemoryUsage, circumstances?: Circumstances) {
  const usage = kept.connect(readUsageOf(commits), circumstances);
  const projector = new RollupProjector(usage);
  const reader = readerOf(commits);
  const tools = { usage, projector, reader };
  return {
    ...tools,
    project: (seq: number) => projector.catchUp(TENANT, seq),
    rebuild: () => rebuildUsage({ usage, heads: { load: reader.readHead } }, TENANT, () => undefined),
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
        usageQuestions,
        fc.array(fc.nat(4 * STRETCH_COMMITS), { maxLength: 3 }),
        async ({ commits, query }, ends) => {
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
        usageQuestions,
        fc.scheduler(),
        fc.array(fc.array(faults, { maxLength: 12 }), { minLength: 2, maxLength: 3 }),
        async ({ commits, query }, scheduler, plans) => {
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
      { numRuns: roundCount(60, 2_000) },
    );
  });

  test('has each debit once where others project it between two of its reads', async () => {
    await fc.assert(
      fc.asyncProperty(
        usageQuestions,
        fc.nat(4 * STRETCH_COMMITS),
        fc.nat(12),
        async ({ commits, query }, end, lastCall) => {
          const kept = new MemoryUsage();
          const other = kernelOver(commits, kept);
          await other.project(Math.min(end, commits.length));
          let calls = 0;
          const turn: Circumstances['turn'] = async (run) => {
            if (calls === lastCall) await other.project(commits.length);
            calls += 1;
            return run();
          };
          const reader = kernelOver(commits, kept, { turn, nextFault: () => undefined });
          expect(await reader.summarize(query)).toEqual(sumNaively(commits, query));
        },
      ),
      { numRuns: roundCount(150, 3_000) },
    );
  });

  test('has a debit of a part of an hour although what undid it was projected between two of its reads', async () => {
    const undone = debitedOf({ action: 'tock' });
    const chargedAt = START + 99 * 60_000;
    const commits = debits(130).map((commit) => {
      if (commit.seq === 100) return { ...commit, entries: [undone, undone] };
      if (commit.seq === 128) return { ...commit, entries: [reversedOf(undone, 100, chargedAt)] };
      return commit;
    });
    const kept = new MemoryUsage();
    const other = kernelOver(commits, kept);
    await other.project(64);
    let calls = 0;
    const turn: Circumstances['turn'] = async (run) => {
      calls += 1;
      // After it has read how far rollups go, and the commits behind.
      if (calls === 2) await other.project(128);
      return run();
    };
    const reader = kernelOver(commits, kept, { turn, nextFault: () => undefined });
    const query = { ...ALL, startAt: chargedAt - 1, endAt: chargedAt + 1, filter: { action: 'tock' } };
    expect(await reader.summarize(query)).toMatchObject([{ debitCount: 1n, quantity: '1' }]);
    expect(kept.mark?.seq).toBe(128);
  });

  test('is right while rollups are rebuilt, twice at once, and the rebuilds die anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        usageQuestions,
        fc.scheduler(),
        fc.array(fc.option(fc.constantFrom<FaultPlace>('before', 'within', 'after'), { nil: undefined, freq: 8 }), {
          maxLength: 40,
        }),
        async ({ commits, query }, scheduler, plan) => {
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
      { numRuns: roundCount(60, 2_000) },
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
      commitOf(91, START + 50 * DAY_MS, [reversedOf(big, 4, START + 3)]),
      commitOf(92, START + 50 * DAY_MS, [
        debitedOf({ action: 'tock' }),
        reversedOf(debitedOf({ action: 'tock' }), 92, START + 50 * DAY_MS),
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
    // The first page takes five hours of them; what is read is the first window, of 48.
    let rollups = 0;
    const counting: UsageStore = {
      ...kernel.usage,
      async *scanRollups(...range) {
        for await (const rollup of kernel.usage.scanRollups(...range)) {
          rollups += 1;
          yield rollup;
        }
      },
    };
    const first = { ...byHour, startAt: START };
    expect((await summarizeUsage({ ...kernel, usage: counting }, TENANT, first)).rows).toEqual(rows.slice(0, 1_000));
    expect(rollups).toBeLessThanOrEqual(50 * 235);
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

describe('the plan of a summary', () => {
  const lengthOf = (ranges: readonly { readonly from: number; readonly to: number }[]): number =>
    ranges.reduce((sum, { from, to }) => sum + to - from, 0);

  test('has every moment of a range once: whole days, the hours at their edges, and at most two parts of hours', () => {
    const times = fc.oneof(
      fc.nat(2_000).map((hours) => hours * HOUR_MS),
      fc.nat(2_000 * HOUR_MS),
    );
    fc.assert(
      fc.property(times, times, (a, b) => {
        const range = { from: START + Math.min(a, b), to: START + Math.max(a, b) + 1 };
        const hours = planHours(range, 'day');
        const parts = hourPartsOf(range);
        const all = [...hours, ...parts].toSorted((one, other) => one.from - other.from);
        expect([all[0]?.from, all.at(-1)?.to]).toEqual([range.from, range.to]);
        for (const [index, part] of all.entries()) {
          expect(part.from).toBeLessThan(part.to);
          if (index > 0) expect(part.from).toBe(all[index - 1]?.to);
        }
        for (const { level, from, to } of hours) expect([startOf(level, from), startOf(level, to)]).toEqual([from, to]);
        expect(lengthOf(hours.filter(({ level }) => level === 'hour'))).toBeLessThanOrEqual(46 * HOUR_MS);
        for (const { from, to } of parts) {
          expect(to - from).toBeLessThan(HOUR_MS);
          expect(startOf('hour', from)).toBe(startOf('hour', to - 1));
        }
        const hourly = planHours(range, 'hour');
        expect(hourly.length).toBeLessThanOrEqual(1);
        expect(lengthOf(hourly)).toBe(lengthOf(hours));
      }),
      { numRuns: roundCount(500, 20_000) },
    );
  });

  test('has every commit of a part of an hour once, and less than two stretches of them one by one', () => {
    const seqs = fc.nat(5 * STRETCH_COMMITS);
    fc.assert(
      fc.property(seqs, seqs, (fromSeq, count) => {
        const toSeq = fromSeq + count;
        const ranges = planCommits(fromSeq + 1, toSeq);
        expect(lengthOf(ranges)).toBe(count);
        let next = fromSeq + 1;
        for (const { level, from, to } of ranges) {
          expect(from).toBe(next);
          next = to;
          if (level === 'stretch') expect([startOf(level, from), startOf(level, to)]).toEqual([from, to]);
        }
        const beside = ranges.filter(({ level }) => level === 'undone');
        expect(lengthOf(beside)).toBeLessThanOrEqual(2 * (STRETCH_COMMITS - 1));
      }),
      { numRuns: roundCount(500, 20_000) },
    );
  });
});
