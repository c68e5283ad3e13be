// A long history costs its readers no more than a short one: what each read asks of the database is counted and looked at,
// for a kernel that knows nothing of the account yet. `npm run test:soak` does it over 1,000,000 entries.

import type { Connection } from 'mongoose';
import { v7 as newUuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { Ledger, TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { CHUNK_COMMITS, lastChunkEnd } from '../../kernel/app/usage/rollup-projector.ts';
import type { UsageGroup } from '../../kernel/app/usage/usage.ts';
import { formatEntryId } from '../../kernel/domain/entry-id.ts';
import type { EntryId, HoldId, Instant, TenantId } from '../../kernel/domain/id.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { type DatabaseWork, watchDatabaseWork } from '../support/database-work.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import {
  ACTION,
  CREDIT,
  caller,
  debit,
  type FixtureKernel,
  give,
  type LedgerFixture,
  openLedgerFixture,
  PLAN,
  quantity,
  runAtTime,
} from '../support/ledger-fixture.ts';
import { type LongHistory, writeLongHistory } from '../support/long-history.ts';
import { everything, openUsage, type UsageKernel } from '../support/usage-fixture.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const PAGE_SIZE = 50;

const isSoak = inject('isSoak');
const LONG: LongHistory = isSoak
  ? { commits: 100_000, entriesPerCommit: 10, startAt: Date.now() - 70 * DAY_MS, stepMs: MINUTE_MS }
  : { commits: 2_000, entriesPerCommit: 1, startAt: Date.now() - 70 * DAY_MS, stepMs: 45 * MINUTE_MS };
// Over the same time, and as far into a chunk of rollups, so that only the length differs.
const SHORT_COMMITS = (LONG.commits % CHUNK_COMMITS) + 14 * CHUNK_COMMITS;
const SHORT: LongHistory = {
  ...LONG,
  commits: SHORT_COMMITS,
  stepMs: Math.floor((LONG.commits * LONG.stepMs) / SHORT_COMMITS),
};
/** Finding the newest commit, or the one at a time, by halving takes so many steps more in the long history. */
const HALVINGS = Math.ceil(Math.log2(LONG.commits / SHORT.commits));
/** A page that is not full ends early when it has looked at so many entries, and what it reads at once. */
const ENTRIES_SEEN_MAX = 4_096;
const ENTRIES_AT_ONCE = 512;
/** Days, each with the sums of all work that a history has, and hours at both ends. */
const ROLLUPS_OF_ALL_TIME = 2_000;
/** Seqs that one step of the search for the newest commit answers with at most. */
const PROBES = 16;
const ENTRIES = LONG.commits * LONG.entriesPerCommit;
const WRITE_TIMEOUT_MS = isSoak ? 3_600_000 : 240_000;
/** The account is opened and funded, and there are a hold and three debits, before the history begins. */
const OPENING_COMMITS = 6;
const OPENING_DEBITS = 3;
const RARE_WORKFLOW = 'wf_rare';
/** An account with a history. */
interface Account {
  readonly tenant: TenantRef;
  /** A hold of the account's first day, long over. */
  readonly holdId: HoldId;
  /** A debit from the middle of the history, and its time. */
  readonly middle: { readonly entryId: EntryId; readonly at: Instant };
}

const uri = freshDatabaseUri();
let fixture: LedgerFixture;
let watched: Connection;
let long: Account;
let short: Account;

beforeAll(async () => {
  fixture = await openLedgerFixture({ uri });
  watched = await openConnection({ uri, timeoutMs: 10_000, onCommand: () => undefined });
  long = await openAccount(LONG);
  short = await openAccount(SHORT);
}, WRITE_TIMEOUT_MS);
afterAll(async () => {
  await watched.close();
  await fixture.close();
}, WRITE_TIMEOUT_MS);

async function openAccount(history: LongHistory): Promise<Account> {
  const index = Math.floor(history.commits / 2);
  // Credits last until shortly after the middle: what is undone was paid by a grant, and what is asked for now can't be.
  const credits = BigInt((index + 1) * history.entriesPerCommit + OPENING_DEBITS);
  const { tenant, holdId } = await runAtTime(fixture, history.startAt - DAY_MS, (opener) =>
    openUsed(opener, credits * CREDIT),
  );
  const kernel = await fixture.addKernel();
  await writeLongHistory(kernel.store, tenant, fixture.rulebook, history);
  const { projector } = await openUsage(fixture.connection, kernel);
  await projector.catchUp(tenant.tenantId, lastChunkEnd(history.commits + OPENING_COMMITS));
  const at = history.startAt + index * history.stepMs;
  return {
    tenant,
    holdId,
    middle: { entryId: formatEntryId({ seq: OPENING_COMMITS + 1 + index, index: 0 }, at), at },
  };
}

/** Opens an account with a hold and three debits. */
async function openUsed(
  { ledger, clock }: FixtureKernel,
  microcredits: bigint,
): Promise<Pick<Account, 'tenant' | 'holdId'>> {
  const tenant: TenantRef = {
    tenantId: `ten_${newUuid()}` as TenantId,
    productCode: fixture.rulebook.productCode,
  };
  await ledger.openAccount(tenant, { planCode: PLAN });
  await give(ledger, tenant, microcredits);
  const expiresAt = clock.now() + HOUR_MS;
  const { posted } = await ledger.reserve(tenant, { action: ACTION, quantity: quantity('1'), expiresAt }, caller());
  await debit(ledger, tenant, '1', 'funded');
  await debit(ledger, tenant, '1', 'performed', true);
  const work = { action: ACTION, quantity: quantity('1'), workflowId: RARE_WORKFLOW };
  await ledger.debit(tenant, { ...work, alreadyPerformed: true }, caller());
  if (posted.entry.type !== 'reserved') throw new Error(`a reservation was recorded as ${posted.entry.type}`);
  return { tenant, holdId: posted.entry.holdId };
}

/** A kernel that has never seen an account, with its ledger over the connection whose commands are watched. */
async function openStranger(): Promise<{ readonly ledger: Ledger } & UsageKernel> {
  const kernel = await fixture.addKernel({ connection: watched });
  return { ledger: kernel.ledger, ...(await openUsage(watched, kernel)) };
}

type Use = (stranger: Awaited<ReturnType<typeof openStranger>>, account: Account) => Promise<unknown>;
interface Most extends Pick<DatabaseWork, 'commands' | 'documents'> {
  /** How many entries a use looks through at most; in a history that has fewer it looks at all. */
  readonly entriesSeen?: number;
  /** How often it searches for a commit by halving; default once. */
  readonly searches?: number;
}
type Uses = readonly (readonly [name: string, most: Most, use: Use])[];
const NO_ENTRIES = { entries: [], nextPageToken: '' };

/** Each read, with the most that it may ask of the database whatever the length of the history. */
const READS: Uses = [
  ['a balance', { commands: 12, documents: 120 }, ({ ledger }, { tenant }) => ledger.readBalance(tenant)],
  [
    'a balance at a past time',
    { commands: 36, documents: 150 },
    ({ ledger }, { tenant, middle }) => ledger.readBalance(tenant, middle.at),
  ],
  [
    'a check of funds',
    { commands: 12, documents: 120 },
    ({ ledger }, { tenant }) => ledger.checkFunds(tenant, { kind: 'any' }),
  ],
  ['a list of holds', { commands: 12, documents: 120 }, ({ ledger }, { tenant }) => ledger.listHolds(tenant, 50, '')],
  [
    'a page of the history',
    { commands: 14, documents: 150 },
    ({ ledger }, { tenant }) => ledger.listEntries(tenant, {}, PAGE_SIZE, ''),
  ],
  [
    'a page of a past day',
    { commands: 34, documents: 200 },
    ({ ledger }, { tenant, middle }) => ledger.listEntries(tenant, { endAt: middle.at }, PAGE_SIZE, ''),
  ],
  [
    'a page of work that there never was',
    { commands: 26, documents: 250 },
    async ({ ledger }, { tenant }) =>
      expect(await ledger.listEntries(tenant, { action: 'never' }, PAGE_SIZE, '')).toEqual(NO_ENTRIES),
  ],
  [
    'a page of work that there was once, at the beginning',
    { commands: 32, documents: 600 },
    async ({ ledger }, { tenant }) => {
      const { entries, nextPageToken } = await ledger.listEntries(tenant, { workflowId: RARE_WORKFLOW }, PAGE_SIZE, '');
      expect([entries.map(({ seq }) => seq), nextPageToken]).toEqual([[OPENING_COMMITS], '']);
    },
  ],
  [
    'a page of work that there was not since a time',
    { commands: 60, documents: 300 },
    async ({ ledger }, { tenant, middle }) => {
      const filter = { workflowId: RARE_WORKFLOW, startAt: middle.at };
      expect(await ledger.listEntries(tenant, filter, PAGE_SIZE, '')).toEqual(NO_ENTRIES);
    },
  ],
  [
    'a page of a type that there hardly ever was',
    // No sum tells of types alone: such a page ends early, with a token.
    {
      commands: 40,
      documents: 150 + Math.min(ENTRIES, ENTRIES_SEEN_MAX + ENTRIES_AT_ONCE) / LONG.entriesPerCommit,
      entriesSeen: ENTRIES_SEEN_MAX,
    },
    async ({ ledger }, account) => {
      const page = await ledger.listEntries(account.tenant, { types: ['account_opened'] }, PAGE_SIZE, '');
      if (account === long && ENTRIES > ENTRIES_SEEN_MAX + ENTRIES_AT_ONCE) {
        expect([page.entries, page.nextPageToken === '']).toEqual([[], false]);
      }
    },
  ],
  [
    'an explanation',
    { commands: 6, documents: 10 },
    ({ usage }, { tenant, middle }) => usage.explain(tenant, middle.entryId),
  ],
  [
    'a summary of all time',
    { commands: 30, documents: ROLLUPS_OF_ALL_TIME },
    ({ usage }, { tenant }) => usage.summarize(tenant, everything({ groups: new Set<UsageGroup>(['project']) })),
  ],
  [
    'a summary from any millisecond to another',
    // Of the two parts of hours both ends are searched.
    { commands: 120, documents: ROLLUPS_OF_ALL_TIME, searches: 4 },
    ({ usage }, { tenant, middle }) =>
      usage.summarize(tenant, everything({ startAt: middle.at - 10 * DAY_MS + 1, endAt: middle.at + 10 * DAY_MS + 2 })),
  ],
  [
    'a page of a summary by day',
    { commands: 30, documents: ROLLUPS_OF_ALL_TIME },
    ({ usage }, { tenant }) =>
      usage.summarize(tenant, everything({ groups: new Set<UsageGroup>(['day', 'action']), pageSize: 7 })),
  ],
];

/** Each write that has to look into the past. */
const WRITES: Uses = [
  [
    // There are no credits left, so that it is refused, were it not for the entry that it made then.
    'a debit that is asked for again',
    { commands: 16, documents: 130 },
    async ({ ledger }, { tenant }) => expect((await debit(ledger, tenant, '1', 'funded')).replayed).toBe(true),
  ],
  [
    'a debit of work done that is asked for again',
    { commands: 16, documents: 130 },
    async ({ ledger }, { tenant }) => expect((await debit(ledger, tenant, '1', 'performed', true)).replayed).toBe(true),
  ],
  [
    'a settlement that comes late',
    { commands: 18, documents: 130 },
    async ({ ledger }, { tenant, holdId }) => {
      const part = { holdId, partId: newUuid(), quantity: quantity('1'), final: true };
      expect((await ledger.settle(tenant, part, caller())).posted.entry).toMatchObject({ type: 'settled', late: true });
    },
  ],
  [
    'a reversal of an old entry',
    { commands: 18, documents: 130 },
    async ({ ledger }, { tenant, middle }) => {
      const input = { entryId: middle.entryId, actor: 'usr_operator', reason: 'charged by mistake' };
      const { posted } = await ledger.reverse(tenant, input, caller());
      expect(posted.entry).toMatchObject({ type: 'reversed', deficitCancelled: 0n });
    },
  ],
];

/** Uses both accounts; neither may cost more than the most, and the long one hardly more than the short one. */
async function expectBounded(most: Most, use: Use): Promise<void> {
  const [inShort, inLong] = [await watchUse(short, use), await watchUse(long, use)];
  expect(inShort.commands).toBeGreaterThan(0);
  expect(inLong.unbounded).toEqual([]);
  expect(inLong.commands).toBeLessThanOrEqual(most.commands);
  expect(inLong.documents).toBeLessThanOrEqual(most.documents);
  const isShortSeenWhole = SHORT.commits * SHORT.entriesPerCommit < (most.entriesSeen ?? 0);
  if (isShortSeenWhole) return;
  const halvings = HALVINGS * (most.searches ?? 1);
  expect(inLong.commands).toBeLessThanOrEqual(inShort.commands + halvings + 1);
  expect(inLong.commits).toBeLessThanOrEqual(inShort.commits + halvings + PROBES);
}

async function watchUse(account: Account, use: Use): Promise<DatabaseWork> {
  const stranger = await openStranger();
  return watchDatabaseWork(watched, () => use(stranger, account));
}

describe(`over ${ENTRIES} entries`, () => {
  test.each(READS)('%s reads a bounded range', (_, most, read) => expectBounded(most, read));

  test('the sums are those of a raw aggregation, and come far faster', async () => {
    const stranger = await openStranger();
    const groups = new Set<UsageGroup>(['day', 'project']);
    await stranger.usage.summarize(long.tenant, everything({ groups }));
    const startMs = performance.now();
    const { rows } = await stranger.usage.summarize(long.tenant, everything({ groups }));
    const summaryMs = performance.now() - startMs;
    const rawStartMs = performance.now();
    const raw = await aggregateRaw(long.tenant);
    const rawMs = performance.now() - rawStartMs;
    expect(rows.map((row) => [row.startAt, row.projectId, row.debitCount, row.cost])).toEqual(raw);
    expect(rows.reduce((sum, row) => sum + row.debitCount, 0n)).toBe(BigInt(ENTRIES + OPENING_DEBITS));
    if (isSoak) expect(rawMs / summaryMs).toBeGreaterThanOrEqual(100);
  });

  // After the sums, which they change.
  test.each(WRITES)('%s reads a bounded range', (_, most, write) => expectBounded(most, write));
});

describe('a read of commits that is not bounded', () => {
  type Read = (commits: ReturnType<Connection['collection']>, tenantId: string) => Promise<unknown>;
  const inTenant = (tenantId: string, seq: unknown): Record<string, unknown> => ({ tenant_id: tenantId, seq });
  const unbounded: readonly (readonly [name: string, read: Read])[] = [
    [
      'the newest by time',
      (commits, id) => commits.find({ tenant_id: id }).sort({ created_at: -1 }).limit(1).toArray(),
    ],
    ['the newest by seq', (commits, id) => commits.find({ tenant_id: id }).sort({ seq: -1 }).limit(1).toArray()],
    [
      'from a seq on',
      (commits, id) =>
        commits
          .find(inTenant(id, { $gte: 1_990n }))
          .limit(1)
          .toArray(),
    ],
    ['a range of half the history', (commits, id) => commits.findOne(inTenant(id, { $gte: 1n, $lte: 1_000n }))],
    ['a commit by what is in it', (commits, id) => commits.findOne({ tenant_id: id, 'entries.key': 'none' })],
    ['of every tenant', (commits) => commits.findOne({ seq: 1n })],
    ['a sum over a history', (commits, id) => commits.aggregate([{ $match: { tenant_id: id } }]).toArray()],
    [
      'a sum that picks its range late',
      (commits, id) => commits.aggregate([{ $sort: { seq: 1 } }, { $match: inTenant(id, 1n) }]).toArray(),
    ],
    ['a count', (commits, id) => commits.countDocuments({ tenant_id: id })],
  ];

  test.each(unbounded)('is noticed: %s', async (_, read) => {
    const work = await watchDatabaseWork(watched, () =>
      read(watched.collection('ledger_commits'), long.tenant.tenantId),
    );
    expect(work.unbounded).toHaveLength(1);
  });
});

/** Sums usage by day and project as one would without rollups. */
async function aggregateRaw({ tenantId }: TenantRef): Promise<readonly (readonly unknown[])[]> {
  const result = await fixture.connection
    .collection('ledger_commits')
    .aggregate<{ _id: { day: Date; project?: string }; count: number; cost: number | bigint }>([
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
    .map(({ _id, count, cost }) => [_id.day.getTime(), _id.project ?? '', BigInt(count), BigInt(cost)] as const)
    .sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
}
