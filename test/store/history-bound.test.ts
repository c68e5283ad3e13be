// A long history costs its readers no more than a short one: what each read asks of the database is counted, for a kernel
// that knows nothing of the account yet. `npm run test:soak` does it over 1,000,000 entries.

import type { Connection } from 'mongoose';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Ledger, TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { lastChunkEnd } from '../../kernel/app/usage/rollup-projector.ts';
import type { UsageGroup } from '../../kernel/app/usage/usage.ts';
import { formatEntryId } from '../../kernel/domain/entry-id.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { ACTION, type LedgerFixture, openLedgerFixture } from '../support/ledger-fixture.ts';
import { countDatabaseWork, type DatabaseWork, type LongHistory, writeLongHistory } from '../support/long-history.ts';
import { everything, openUsage, type UsageKernel } from '../support/usage-fixture.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const PAGE_SIZE = 50;

const isSoak = inject('isSoak');
const HISTORY: LongHistory = isSoak
  ? { commits: 100_000, entriesPerCommit: 10, startAt: Date.now() - 70 * DAY_MS, stepMs: MINUTE_MS }
  : { commits: 2_000, entriesPerCommit: 1, startAt: Date.now() - 70 * DAY_MS, stepMs: 45 * MINUTE_MS };
const ENTRIES = HISTORY.commits * HISTORY.entriesPerCommit;
const WRITE_TIMEOUT_MS = isSoak ? 3_600_000 : 120_000;

const uri = freshDatabaseUri();
let fixture: LedgerFixture;
let watched: Connection;
let tenant: TenantRef;

beforeAll(async () => {
  fixture = await openLedgerFixture({ uri });
  watched = await openConnection({ uri, timeoutMs: 10_000, onCommand: () => undefined });
  const kernel = await fixture.addKernel();
  // Opened in the past by the clock of the history: a kernel of today finds it as old as it says.
  tenant = await openInThePast();
  await writeLongHistory(kernel.store, tenant, fixture.rulebook, HISTORY);
  const { projector } = await openUsage(fixture.connection, kernel);
  await projector.catchUp(tenant.tenantId, lastChunkEnd(HISTORY.commits + 1));
}, WRITE_TIMEOUT_MS);
afterAll(async () => {
  await watched.close();
  await fixture.close();
});

/** Opens an account whose only commit is older than the history. */
async function openInThePast(): Promise<TenantRef> {
  const opened = await fixture.openTenant();
  await fixture.connection
    .collection('ledger_commits')
    .updateOne({ tenant_id: opened.tenantId }, { $set: { created_at: new Date(HISTORY.startAt - DAY_MS) } });
  return opened;
}

/** A kernel that has never seen an account, with its ledger over the connection whose commands are counted. */
async function openStranger(): Promise<{ readonly ledger: Ledger } & UsageKernel> {
  const kernel = await fixture.addKernel({ connection: watched });
  return { ledger: kernel.ledger, ...(await openUsage(watched, kernel)) };
}

type Reader = (
  stranger: Awaited<ReturnType<typeof openStranger>>,
  tenant: TenantRef,
  middle: number,
) => Promise<unknown>;

const middleAt = (middle: number): number => HISTORY.startAt + (middle - 2) * HISTORY.stepMs;

/** Each read, with the most that it may ask of the database whatever the length of the history. */
const READS: readonly (readonly [name: string, most: DatabaseWork, read: Reader])[] = [
  ['a balance', { commands: 12, documents: 120 }, ({ ledger }, tenant) => ledger.readBalance(tenant)],
  [
    'a balance at a past time',
    { commands: 36, documents: 150 },
    ({ ledger }, tenant, middle) => ledger.readBalance(tenant, middleAt(middle)),
  ],
  [
    'a page of the history',
    { commands: 14, documents: 150 },
    ({ ledger }, tenant) => ledger.listEntries(tenant, {}, PAGE_SIZE, ''),
  ],
  [
    'a page of a past day',
    { commands: 34, documents: 200 },
    ({ ledger }, tenant, middle) => ledger.listEntries(tenant, { endAt: middleAt(middle) }, PAGE_SIZE, ''),
  ],
  [
    'a page of what hardly ever matches',
    // Such a page ends early, with a token, when it has looked at so many entries.
    { commands: 40, documents: 5_000 },
    ({ ledger }, tenant) => ledger.listEntries(tenant, { action: 'never' }, PAGE_SIZE, ''),
  ],
  [
    'an explanation',
    { commands: 6, documents: 10 },
    ({ usage }, tenant, middle) => usage.explain(tenant, formatEntryId({ seq: middle, index: 0 }, middleAt(middle))),
  ],
  [
    'a summary of all time',
    { commands: 30, documents: 10_000 },
    ({ usage }, tenant) => usage.summarize(tenant, everything({ groups: new Set<UsageGroup>(['project']) })),
  ],
  [
    'a page of a summary by day',
    { commands: 30, documents: 10_000 },
    ({ usage }, tenant) =>
      usage.summarize(tenant, everything({ groups: new Set<UsageGroup>(['day', 'action']), pageSize: 7 })),
  ],
];

describe(`over ${ENTRIES} entries`, () => {
  test.each(READS)('%s reads a bounded range', async (_, most, read) => {
    const stranger = await openStranger();
    const work = await countDatabaseWork(watched, () => read(stranger, tenant, HISTORY.commits / 2));
    expect(work.commands).toBeLessThanOrEqual(most.commands);
    expect(work.documents).toBeLessThanOrEqual(most.documents);
    expect(work.commands).toBeGreaterThan(0);
  });

  test('the sums are those of a raw aggregation, and come far faster', async () => {
    const stranger = await openStranger();
    const groups = new Set<UsageGroup>(['day', 'project']);
    await stranger.usage.summarize(tenant, everything({ groups }));
    const startMs = performance.now();
    const { rows } = await stranger.usage.summarize(tenant, everything({ groups }));
    const summaryMs = performance.now() - startMs;
    const rawStartMs = performance.now();
    const raw = await aggregateRaw(tenant);
    const rawMs = performance.now() - rawStartMs;
    expect(rows.map((row) => [row.startAt, row.projectId, row.debitCount, row.cost])).toEqual(raw);
    expect(rows.reduce((sum, row) => sum + row.debitCount, 0n)).toBe(BigInt(ENTRIES));
    if (isSoak) expect(rawMs / summaryMs).toBeGreaterThanOrEqual(100);
  });
});

/** Sums usage by day and project as one would without rollups. */
async function aggregateRaw({ tenantId }: TenantRef): Promise<readonly (readonly unknown[])[]> {
  const result = await fixture.connection
    .collection('ledger_commits')
    .aggregate<{ _id: { day: Date; project: string }; count: number; cost: number | bigint }>([
      { $match: { tenant_id: tenantId } },
      { $unwind: '$entries' },
      { $match: { 'entries.type': 'debited', 'entries.action': ACTION } },
      {
        $group: {
          _id: { day: { $dateTrunc: { date: '$created_at', unit: 'day' } }, project: '$entries.project_id' },
          count: { $sum: 1 },
          cost: { $sum: '$entries.cost' },
        },
      },
    ])
    .toArray();
  return result
    .map(({ _id, count, cost }) => [_id.day.getTime(), _id.project, BigInt(count), BigInt(cost)] as const)
    .sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
}
