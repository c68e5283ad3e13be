// Rollups on the real engine: what only a database can prove of them, and summaries while kernels write, die and rebuild.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { v7 as newUuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import type { Rollup, RollupKey } from '../../kernel/app/usage/ports.ts';
import { STRETCH_COMMITS } from '../../kernel/app/usage/rollup-key.ts';
import { CHUNK_COMMITS, lastChunkEnd } from '../../kernel/app/usage/rollup-projector.ts';
import type { UsageRow } from '../../kernel/app/usage/usage.ts';
import { rebuildUsage } from '../../kernel/app/usage/usage-rebuild.ts';
import { formatEntryId } from '../../kernel/domain/entry-id.ts';
import type { Instant, TenantId } from '../../kernel/domain/id.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { openUsageStore } from '../../kernel/store/usage/usage-store.ts';
import { LARGE_COMMIT_ENTRIES, SMALL_COMMITS, startRollupWorker } from '../../kernel/worker/rollup-worker.ts';
import { watchDatabaseWork } from '../support/database-work.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import {
  CREDIT,
  caller,
  debit,
  type FixtureKernel,
  type LedgerFixture,
  openLedgerFixture,
  PLAN,
  runAtTime,
} from '../support/ledger-fixture.ts';
import { writeLongHistory } from '../support/long-history.ts';
import { REPOSITORY } from '../support/repository.ts';
import { roundCount } from '../support/round-count.ts';
import { dyingAt, everything, openUsage, type UsageKernel } from '../support/usage-fixture.ts';

const uri = freshDatabaseUri();
const HOUR_MS = 3_600_000;
/** Some engines take long to write and to drop a long history. */
const HISTORY_TIMEOUT_MS = inject('isSoak') ? 3_600_000 : 240_000;
const TENANT = 'ten_store' as TenantId;
let fixture: LedgerFixture;
let kernels: readonly [FixtureKernel, FixtureKernel, FixtureKernel];
let usages: readonly [UsageKernel, UsageKernel, UsageKernel];

beforeAll(async () => {
  fixture = await openLedgerFixture({ uri });
  kernels = [await fixture.addKernel(), await fixture.addKernel(), await fixture.addKernel()];
  const open = (kernel: FixtureKernel): Promise<UsageKernel> => openUsage(fixture.connection, kernel);
  usages = [await open(kernels[0]), await open(kernels[1]), await open(kernels[2])];
});
afterAll(() => fixture.close());

interface RawRollup {
  readonly _id: string;
  readonly tenant_id: string;
  readonly generation: bigint;
  readonly applied_seq: bigint;
  readonly cost_microcredits: string;
}

const rollupsOf = (tenantId: string) =>
  fixture.connection.collection<RawRollup>('usage_rollups').find({ tenant_id: tenantId }).toArray();

function keyOf(fields: Partial<RollupKey> = {}): RollupKey {
  return { level: 'hour', start: 7 * HOUR_MS, action: 'tick', projectId: '', workflowId: '', ...fields };
}

function rollupOf(appliedSeq: number, fields: Partial<RollupKey> = {}): Rollup {
  return { key: keyOf(fields), sum: { debits: 1n, millionths: 10n ** 30n, cost: 10n ** 40n }, appliedSeq };
}

async function listAll<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Debits one credit so many times, one commit each, through three kernels in turn. */
async function debitOneByOne(tenant: TenantRef, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await debit(kernels[(index % 3) as 0 | 1 | 2].ledger, tenant, '1');
}

async function countOf(tenant: TenantRef, index: 0 | 1 | 2 = 0): Promise<bigint> {
  const { rows } = await usages[index].usage.summarize(tenant, everything());
  return rows[0]?.debitCount ?? 0n;
}

describe('the usage store', () => {
  test('keeps sums beyond 64 bits, and finds them by key, range and filter', async () => {
    const { store } = usages[0];
    const others = [
      rollupOf(64, { start: 8 * HOUR_MS }),
      rollupOf(64, { level: 'day', start: 0 }),
      rollupOf(64, { workflowId: 'a' }),
      rollupOf(64, { projectId: 'a' }),
      rollupOf(64, { action: '$where' }),
    ];
    const all = [rollupOf(64), ...others];
    expect(
      await store.saveRollups(
        TENANT,
        5,
        all.map((rollup) => ({ rollup })),
      ),
    ).toBe(true);
    expect(await store.loadRollups(TENANT, 5, [keyOf(), keyOf({ start: 9 * HOUR_MS })])).toEqual([rollupOf(64)]);
    expect(await store.loadRollups(TENANT, 6, [keyOf()])).toEqual([]);
    const scan = (filter: object, from = 7, to = 8): Promise<readonly Rollup[]> =>
      listAll(store.scanRollups(TENANT, 5, { level: 'hour', from: from * HOUR_MS, to: to * HOUR_MS }, filter));
    expect(await scan({})).toHaveLength(4);
    expect(await scan({}, 7, 9)).toHaveLength(5);
    expect(await scan({ action: 'tick' })).toHaveLength(3);
    expect(await scan({ action: '$where' })).toEqual([rollupOf(64, { action: '$where' })]);
    expect(await scan({ action: 'tick', workflowId: 'a' })).toEqual([rollupOf(64, { workflowId: 'a' })]);
    await store.removeGenerationsBefore(TENANT, 6);
    expect(await rollupsOf(TENANT)).toEqual([]);
  });

  test('reads more rollups than one answer of the database holds', async () => {
    const { store } = usages[0];
    const tenantId = 'ten_many' as TenantId;
    const many = Array.from({ length: 2_500 }, (_, index) => rollupOf(64, { workflowId: `wf-${index}` }));
    await store.saveRollups(
      tenantId,
      1,
      many.map((rollup) => ({ rollup })),
    );
    const range = { level: 'hour', from: 0, to: 24 * HOUR_MS } as const;
    expect(await listAll(store.scanRollups(tenantId, 1, range, {}))).toHaveLength(2_500);
    expect(
      await store.loadRollups(
        tenantId,
        1,
        many.map(({ key }) => key),
      ),
    ).toHaveLength(2_500);
    for await (const first of store.scanRollups(tenantId, 1, range, {})) {
      expect(first.appliedSeq).toBe(64);
      break;
    }
  });

  test('changes a rollup only where it has applied exactly what the write says', async () => {
    const { store } = usages[0];
    const tenantId = 'ten_race' as TenantId;
    expect(await store.saveRollups(tenantId, 1, [{ rollup: rollupOf(64) }])).toBe(true);
    expect(await store.saveRollups(tenantId, 1, [{ rollup: rollupOf(128) }])).toBe(false);
    expect(await store.saveRollups(tenantId, 1, [{ rollup: rollupOf(192), replacesSeq: 128 }])).toBe(false);
    const fresh = rollupOf(128, { workflowId: 'w' });
    const overtaken = [{ rollup: rollupOf(256) }, { rollup: fresh }, { rollup: rollupOf(128), replacesSeq: 64 }];
    // The others of the same write are made all the same.
    expect(await store.saveRollups(tenantId, 1, overtaken)).toBe(false);
    const found = await store.loadRollups(tenantId, 1, [keyOf(), keyOf({ workflowId: 'w' })]);
    expect(found.map(({ appliedSeq }) => appliedSeq)).toEqual([128, 128]);
  });

  test('moves a watermark forward only, and only within its generation', async () => {
    const [{ store }, { store: other }] = usages;
    const tenantId = 'ten_mark' as TenantId;
    expect(await store.loadWatermark(tenantId)).toEqual({ generation: 1, seq: 0 });
    const first = [
      store.advanceWatermark(tenantId, { generation: 1, seq: 64 }),
      other.advanceWatermark(tenantId, { generation: 1, seq: 128 }),
    ];
    expect(await Promise.all(first)).toEqual([true, true]);
    expect(await store.advanceWatermark(tenantId, { generation: 1, seq: 64 })).toBe(true);
    expect(await other.loadWatermark(tenantId)).toEqual({ generation: 1, seq: 128 });
    const reserved = await Promise.all([store, other, store].map((each) => each.reserveGeneration(tenantId)));
    expect(reserved.toSorted()).toEqual([2, 3, 4]);
    expect(await store.switchGeneration(tenantId, { generation: 3, seq: 64 })).toBe(true);
    expect(await store.switchGeneration(tenantId, { generation: 2, seq: 640 })).toBe(false);
    expect(await store.advanceWatermark(tenantId, { generation: 1, seq: 640 })).toBe(false);
    expect(await store.loadWatermark(tenantId)).toEqual({ generation: 3, seq: 64 });
    const unknown = 'ten_unknown' as TenantId;
    expect(await store.reserveGeneration(unknown)).toBe(2);
    expect(await store.loadWatermark(unknown)).toEqual({ generation: 1, seq: 0 });
  });

  test('does not open without the index that its reads rest on', async () => {
    const broken = await openLedgerFixture();
    try {
      const rollups = broken.connection.collection('usage_rollups');
      await rollups.dropIndex('tenant_range');
      await rollups.createIndex({ action: 1 }, { name: 'tenant_range' });
      await expect(openUsageStore(broken.connection)).rejects.toThrow(/The index .* of collection usage_rollups/);
    } finally {
      await broken.close();
    }
  });
});

describe('projectors', () => {
  test('that die at any step, or meet, leave every debit in the sums once', async () => {
    const tenant = await fixture.openTenant(1_000n * CREDIT);
    let expected = 0;
    for (let last = 1; last <= 8; last += 1) {
      await debitOneByOne(tenant, CHUNK_COMMITS / 2);
      expected += CHUNK_COMMITS / 2;
      const dying = await openUsage(fixture.connection, kernels[0], (real) => dyingAt(real, last, last % 2 === 0));
      const head = expected + 2;
      await Promise.allSettled([
        dying.projector.catchUp(tenant.tenantId, head),
        usages[1].projector.catchUp(tenant.tenantId, head),
        usages[2].projector.catchUp(tenant.tenantId, head),
      ]);
      expect(await countOf(tenant)).toBe(BigInt(expected));
    }
    const [rollup] = await rollupsOf(tenant.tenantId);
    expect(Number(rollup?.applied_seq)).toBe(lastChunkEnd(expected + 2));
  });

  test('are told by a kernel whose commit ends a chunk, and sums stay behind by less than one', async () => {
    const tenant = await fixture.openTenant(1_000n * CREDIT);
    const failures: unknown[] = [];
    const observer = { backgroundFailed: (_: string, error: unknown) => void failures.push(error) };
    const { projector } = await openUsage(fixture.connection, kernels[0]);
    const worker = startRollupWorker({ projector, observer });
    await debitOneByOne(tenant, CHUNK_COMMITS);
    worker.committed(tenant.tenantId, CHUNK_COMMITS, LARGE_COMMIT_ENTRIES);
    const seqOf = async (): Promise<number> => (await usages[1].store.loadWatermark(tenant.tenantId)).seq;
    await expect.poll(seqOf).toBe(CHUNK_COMMITS);
    await worker.stop();
    worker.committed(tenant.tenantId, SMALL_COMMITS, LARGE_COMMIT_ENTRIES);
    expect(failures).toEqual([]);
    expect(await countOf(tenant)).toBe(BigInt(CHUNK_COMMITS));
  });

  test('take five commands for as many small commits as are projected together', async () => {
    const tenant = await fixture.openTenant(1_000n * CREDIT);
    await debitOneByOne(tenant, 2 * SMALL_COMMITS);
    const watched = await openConnection({ uri, timeoutMs: 10_000, onCommand: () => undefined });
    try {
      const { projector } = await openUsage(watched, kernels[0]);
      const project = (seq: number) => watchDatabaseWork(watched, () => projector.catchUp(tenant.tenantId, seq));
      // The first time makes rollups and watermark; an hour that ends meanwhile makes one more.
      expect((await project(SMALL_COMMITS)).commands).toBeLessThanOrEqual(6);
      expect((await project(2 * SMALL_COMMITS)).commands).toBeLessThanOrEqual(6);
      expect((await project(2 * SMALL_COMMITS)).commands).toBe(1);
    } finally {
      await watched.close();
    }
    expect((await usages[1].store.loadWatermark(tenant.tenantId)).seq).toBe(2 * SMALL_COMMITS);
  });

  test('are told at the end of each chunk of large commits, and of several chunks of small ones', async () => {
    const told: number[] = [];
    const projector = {
      catchUp: async (_: TenantId, seq: number) => void told.push(seq),
      stop: () => Promise.resolve(),
    };
    const worker = startRollupWorker({ projector, observer: { backgroundFailed: () => undefined } });
    for (let seq = 1; seq <= 2 * SMALL_COMMITS; seq += 1) {
      const isSmall = seq <= SMALL_COMMITS;
      worker.committed(TENANT, seq, isSmall ? LARGE_COMMIT_ENTRIES - 1 : LARGE_COMMIT_ENTRIES);
      await new Promise(setImmediate);
    }
    await worker.stop();
    expect(told).toEqual([4, 5, 6, 7, 8].map((chunks) => chunks * CHUNK_COMMITS));
  });
});

describe('a summary', () => {
  test('sees every debit that was acknowledged before it, and none twice, while kernels debit and project', async () => {
    const tenant = await fixture.openTenant(10_000n * CREDIT);
    let [sent, acknowledged, isDone] = [0, 0, false];
    const work = async (index: 0 | 1 | 2): Promise<void> => {
      for (let turn = 0; turn < 2 * CHUNK_COMMITS; turn += 1) {
        sent += 1;
        const { posted } = await debit(kernels[index].ledger, tenant, '1');
        acknowledged += 1;
        if (posted.seq % CHUNK_COMMITS === 0) await usages[index].projector.catchUp(tenant.tenantId, posted.seq);
      }
    };
    const look = async (index: 0 | 1 | 2): Promise<void> => {
      while (!isDone) {
        const before = acknowledged;
        const { rows } = await usages[index].usage.summarize(
          tenant,
          everything({ groups: new Set(['day', 'action']) }),
        );
        const count = rows.reduce((sum, row) => sum + Number(row.debitCount), 0);
        expect(count).toBeGreaterThanOrEqual(before);
        expect(count).toBeLessThanOrEqual(sent);
        for (const { cost, debitCount, quantity } of rows) {
          expect(cost).toBe(debitCount * CREDIT);
          expect(quantity).toBe(String(debitCount));
        }
      }
    };
    const looking = Promise.all([look(0), look(1), look(2)]);
    await Promise.all([work(0), work(1), work(2), work(0), work(1)]).finally(() => {
      isDone = true;
    });
    await looking;
    const total = await countOf(tenant, 1);
    expect(total).toBe(10n * BigInt(CHUNK_COMMITS));
  });

  test('is right while rollups are rebuilt twice at once and a rebuild dies', async () => {
    const tenant = await fixture.openTenant(10_000n * CREDIT);
    const count = 2 * CHUNK_COMMITS + 2;
    await debitOneByOne(tenant, count);
    expect(await countOf(tenant)).toBe(BigInt(count));
    await usages[0].projector.catchUp(tenant.tenantId, count + 2);
    let isDone = false;
    const looking = (async () => {
      while (!isDone) expect(await countOf(tenant, 2)).toBe(BigInt(count));
    })();
    for (let last = 1; last <= 8; last += 1) {
      const dying = await openUsage(fixture.connection, kernels[0], (real) => dyingAt(real, last, last % 2 === 1));
      const nothing = (): void => {};
      const rebuilds = [dying, usages[0], usages[1]].map(({ rebuildTools }) =>
        rebuildUsage(rebuildTools, tenant.tenantId, nothing),
      );
      const results = await Promise.allSettled(rebuilds);
      expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(2);
      expect(await countOf(tenant)).toBe(BigInt(count));
    }
    isDone = true;
    await looking;
    expect(await rebuildUsage(usages[0].rebuildTools, tenant.tenantId, () => undefined)).toBe('switched');
    const generations = new Set((await rollupsOf(tenant.tenantId)).map(({ generation }) => generation));
    expect(generations.size).toBe(1);
  });
});

describe('a summary of any range', () => {
  const COMMITS = inject('isSoak') ? 100_000 : 1_100;
  const UNDONE: readonly number[] = [3, 200, 255, 256, 257, 258, 511, 512, 513, 1_050, 1_090, COMMITS];
  /** Less than a stretch at either end, what is not projected yet, two searches by halving, and finding the newest commit. */
  const COMMITS_READ_MAX = 2 * (STRETCH_COMMITS - 1) + CHUNK_COMMITS + 2 * Math.ceil(Math.log2(COMMITS)) + 60;

  const startAt = Math.floor(Date.now() / HOUR_MS - 5) * HOUR_MS + 60_000;
  const stepMs = Math.floor((HOUR_MS - 120_000) / COMMITS);
  const ownUri = freshDatabaseUri();
  // Its time is moved, which is not for the kernels of other tests.
  let past: LedgerFixture;
  let tenant: TenantRef;

  beforeAll(async () => {
    past = await openLedgerFixture({ uri: ownUri });
    tenant = await writeBusyHour();
  }, HISTORY_TIMEOUT_MS);
  afterAll(() => past.close(), HISTORY_TIMEOUT_MS);

  /** When, and of how much, something was charged or undone. */
  interface Charge {
    readonly at: Instant;
    readonly debits: bigint;
  }

  /** Reads every charge of an account, and what was undone of it, out of the documents. */
  async function loadCharges(): Promise<readonly Charge[]> {
    const documents = await past.connection
      .collection<{ created_at: Date; entries: { type: string; usage?: { at: Date } }[] }>('ledger_commits')
      .find({ tenant_id: tenant.tenantId })
      .toArray();
    return documents.flatMap(({ created_at: createdAt, entries }) =>
      entries.flatMap(({ type, usage }): Charge[] => {
        if (type === 'debited') return [{ at: createdAt.getTime(), debits: 1n }];
        return usage === undefined ? [] : [{ at: usage.at.getTime(), debits: -1n }];
      }),
    );
  }

  /** An account of an hour in the past, some of whose debits were undone just now. */
  async function writeBusyHour(): Promise<TenantRef> {
    const busy: TenantRef = { tenantId: `ten_${newUuid()}` as TenantId, productCode: past.rulebook.productCode };
    await runAtTime(past, startAt - HOUR_MS, ({ ledger }) => ledger.openAccount(busy, { planCode: PLAN }));
    const { store, ledger } = await past.addKernel();
    await writeLongHistory(store, busy, past.rulebook, { commits: COMMITS, entriesPerCommit: 1, startAt, stepMs });
    for (const seq of UNDONE) {
      const entryId = formatEntryId({ seq, index: 0 }, startAt + (seq - 2) * stepMs);
      await ledger.reverse(busy, { entryId, actor: 'usr_operator', reason: 'charged by mistake' }, caller());
    }
    return busy;
  }

  test('is exact over an hour of many commits, of which some were undone much later, and reads few of them', async () => {
    const watched = await openConnection({ uri: ownUri, timeoutMs: 10_000, onCommand: () => undefined });
    const charges = await loadCharges();
    expect(charges.filter(({ debits }) => debits < 0n)).toHaveLength(UNDONE.length);
    const { clock } = await past.addKernel();
    const { usage, projector } = await openUsage(watched, { clock, store: await openLedgerStore(watched) });
    await projector.catchUp(tenant.tenantId, COMMITS - 10);
    const places = fc.oneof(fc.integer({ min: -2, max: 1_100 }), fc.integer({ min: -2, max: COMMITS + 2 }));
    const times = fc.tuple(places, fc.integer({ min: -1, max: 1 })).map(([a, beside]) => startAt + a * stepMs + beside);
    await fc.assert(
      fc.asyncProperty(times, times, async (a, b) => {
        const range = { startAt: Math.min(a, b), endAt: Math.max(a, b) + 1 };
        let rows: readonly UsageRow[] = [];
        const work = await watchDatabaseWork(watched, async () => {
          ({ rows } = await usage.summarize(tenant, everything(range)));
        });
        const within = charges.filter(({ at }) => at >= range.startAt && at < range.endAt);
        const expected = within.reduce((sum, { debits }) => sum + debits, 0n);
        expect([rows[0]?.debitCount ?? 0n, rows[0]?.cost ?? 0n]).toEqual([expected, expected * CREDIT]);
        expect(work.unbounded).toEqual([]);
        expect(work.commits).toBeLessThanOrEqual(COMMITS_READ_MAX);
      }),
      // The widest range reads the most.
      { numRuns: roundCount(15, 400), examples: [[startAt, startAt + COMMITS * stepMs]] },
    );
    await watched.close();
  });
});

describe('wheelhouse rebuild-usage', () => {
  const run = (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, ['kernel/cli/main.ts', 'rebuild-usage', ...args], {
      cwd: REPOSITORY,
      env: { PATH: process.env['PATH'] ?? '', MONGODB_URI: uri },
    });

  test('mends sums that somebody changed, of one tenant or of all, and may run twice at once', async () => {
    const tenant = await fixture.openTenant(1_000n * CREDIT);
    const count = CHUNK_COMMITS;
    await debitOneByOne(tenant, count);
    await usages[0].projector.catchUp(tenant.tenantId, count + 2);
    await fixture.connection.collection('tenants').insertOne({ tenant_id: tenant.tenantId });
    const spoil = () =>
      fixture.connection
        .collection('usage_rollups')
        .updateMany({ tenant_id: tenant.tenantId }, { $set: { debit_count: '7' } });
    await spoil();
    expect(await countOf(tenant)).not.toBe(BigInt(count));
    const one = await run('--tenant', tenant.tenantId);
    expect(one.stderr).toContain(`${tenant.tenantId}: ${count} commits`);
    expect(one.stdout).toBe('Rebuilt the usage of 1 accounts.\n');
    expect(await countOf(tenant)).toBe(BigInt(count));
    await spoil();
    await Promise.all([run(), run(), debitOneByOne(tenant, 5)]);
    expect(await countOf(tenant)).toBe(BigInt(count + 5));
    expect((await usages[0].store.loadWatermark(tenant.tenantId)).generation).toBeGreaterThanOrEqual(3);
  });

  test('says that there is no such account', async () => {
    await expect(run('--tenant', 'ten_nobody')).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('\nThere is no account ten_nobody: check --tenant.\n'),
    });
  });
});
