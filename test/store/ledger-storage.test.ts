import { createHash } from 'node:crypto';
import { type Connection, createConnection, mongo } from 'mongoose';
import { v7 as newUuid } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GENESIS_HASH } from '../../kernel/app/ledger/account-head.ts';
import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { COMMIT_BYTES_MAX, SNAPSHOT_INTERVAL_COMMITS, STATE_INLINE_BYTES_MAX } from '../../kernel/domain/bound.ts';
import { STATE_VERSION } from '../../kernel/domain/commit.ts';
import type { CommitDocument } from '../../kernel/store/ledger/commit-document.ts';
import { computeCommitHash } from '../../kernel/store/ledger/commit-hash.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { startDueWorker } from '../../kernel/worker/due-worker.ts';
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
  quantity,
  reasonOf,
} from '../support/ledger-fixture.ts';

let fixture: LedgerFixture;
let kernel: FixtureKernel;

beforeAll(async () => {
  fixture = await openLedgerFixture();
});
beforeEach(async () => {
  kernel = await fixture.addKernel();
});
afterAll(() => fixture.close());

/** The native collection: mongoose's own wrapper of it would not pass these options on. */
const native = <T extends mongo.Document>(name: string, options: mongo.CollectionOptions): mongo.Collection<T> => {
  if (fixture.connection.db === undefined) throw new Error('the fixture is not connected');
  return fixture.connection.db.collection<T>(name, options);
};
const commits = (): mongo.Collection<CommitDocument> => native('ledger_commits', { useBigInt64: true });
const commitsOf = (tenant: TenantRef): Promise<CommitDocument[]> =>
  commits().find({ tenant_id: tenant.tenantId }).sort({ seq: 1 }).toArray();

describe('the indexes', () => {
  const withDatabase = async (run: (connection: Connection) => Promise<void>): Promise<void> => {
    const connection = await createConnection(freshDatabaseUri()).asPromise();
    try {
      await run(connection);
    } finally {
      await connection.dropDatabase();
      await connection.close();
    }
  };

  it('are made where they are missing', () =>
    withDatabase(async (connection) => {
      await openLedgerStore(connection);
      await connection.collection('ledger_commits').dropIndex('keys');
      await openLedgerStore(connection);
      const indexes = await connection.collection('ledger_commits').indexes();
      const unique = indexes.flatMap((index) => (index.unique === true ? [Object.keys(index.key).join()] : []));
      expect(unique.toSorted()).toEqual(['tenant_id,keys', 'tenant_id,seq']);
    }));

  it.each([
    ['is not unique', {}],
    ['covers only a part', { unique: true, partialFilterExpression: { seq: { $gt: 5 } } }],
  ])('keep a kernel from starting where one %s', (_, options) =>
    withDatabase(async (connection) => {
      await connection
        .collection('ledger_commits')
        .createIndex({ tenant_id: 1, keys: 1 }, { name: 'keys', ...options });
      await expect(openLedgerStore(connection)).rejects.toThrow(/unique index .*"keys".* of collection ledger_commits/);
    }),
  );

  it('keep a kernel from starting where duplicates lie in their way', () =>
    withDatabase(async (connection) => {
      await connection.collection('ledger_commits').insertMany([
        { tenant_id: 'ten_1', seq: 1n, keys: ['a'] },
        { tenant_id: 'ten_1', seq: 1n, keys: ['b'] },
      ]);
      await expect(openLedgerStore(connection)).rejects.toThrow(/look for duplicates/);
    }));
});

describe('a commit document', () => {
  it('stores every amount as an int64 and no double', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    await debit(kernel.ledger, tenant, '1.5');
    const raw = await native('ledger_commits', { promoteValues: false, promoteLongs: false })
      .find({ tenant_id: tenant.tenantId })
      .toArray();
    const kinds = new Set<string>();
    const visit = (value: unknown): void => {
      if (value instanceof mongo.Double) kinds.add('double');
      else if (value instanceof mongo.Long) kinds.add('int64');
      else if (Array.isArray(value)) value.forEach(visit);
      else if (value !== null && typeof value === 'object' && !(value instanceof mongo.Binary))
        Object.values(value).forEach(visit);
    };
    raw.forEach(visit);
    expect(kinds).toEqual(new Set(['int64']));
  });

  it('never has an empty list of keys', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    await debit(kernel.ledger, tenant, '1');
    expect((await commitsOf(tenant)).every(({ keys }) => keys.length > 0)).toBe(true);
  });

  it('has keys in their compact form, by which requests are found and done once', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    const ids = [newUuid(), 'a-name', newUuid()];
    const input = { action: ACTION, quantity: quantity('1'), alreadyPerformed: false };
    const ask = (ledger: FixtureKernel['ledger'], requestId: string) =>
      ledger.debit(tenant, input, { callerScope: 'internal/test', requestId });
    const done = await Promise.all(ids.map((id) => ask(kernel.ledger, id)));
    const stored = (await commitsOf(tenant)).slice(2);
    const keys = ids.map((id) => `req:internal/test:debit:${id}`);
    expect(stored.flatMap(({ entries }) => entries.map(({ key }) => key)).toSorted()).toEqual(keys.toSorted());
    const prefix = createHash('sha256').update('req:internal/test:debit:').digest('hex').slice(0, 12);
    const compact = stored.flatMap((document) => document.keys.map((key) => key.toString('hex')));
    const expected = ids.map((id) => (id === 'a-name' ? keys[1] : prefix + id.replaceAll('-', '')));
    expect(compact.toSorted()).toEqual(expected.toSorted());
    const fresh = await fixture.addKernel();
    const again = await Promise.all(ids.map((id) => ask(fresh.ledger, id)));
    expect(again.map(({ posted }) => posted)).toEqual(done.map(({ posted }) => posted));
    expect(again.every(({ replayed }) => replayed)).toBe(true);
  });

  it('refuses an amount that does not fit into 64 bits, before it reaches the driver', async () => {
    const tenant = await fixture.openTenant();
    const store = await openLedgerStore(fixture.connection);
    const [first] = await store.loadCommits(tenant.tenantId, 1, 1);
    if (first === undefined) throw new Error('the tenant has no first commit');
    const wrapping = { ...first, totals: { ...first.totals, payg: 2n ** 63n } };
    expect(() => store.prepareCommit(wrapping, GENESIS_HASH)).toThrow(/does not fit into 64 bits/);
  });
});

describe('the hash chain', () => {
  it('links every commit to the one before, and shows an edit', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    for (let round = 0; round < 3; round += 1) await debit(kernel.ledger, tenant, '1');
    const documents = await commitsOf(tenant);
    let previous = GENESIS_HASH;
    for (const { hash, ...document } of documents) {
      expect(Buffer.from(computeCommitHash(document, previous))).toEqual(Buffer.from(hash.buffer));
      previous = hash.buffer;
    }
    const [, { hash, ...edited } = documents[0] as CommitDocument] = documents;
    const before = documents[0]?.hash.buffer ?? GENESIS_HASH;
    const changed = computeCommitHash({ ...edited, totals: { ...edited.totals, payg: 6n * CREDIT } }, before);
    expect(Buffer.from(changed)).not.toEqual(Buffer.from(hash.buffer));
  });

  it('covers personal text by its digest only, so that text and salt can be removed', async () => {
    const tenant = await fixture.openTenant();
    await give(kernel.ledger, tenant, CREDIT);
    const [first, second] = await commitsOf(tenant);
    if (first === undefined || second === undefined) throw new Error('two commits were made');
    expect(second.entries[0]?.personal).toMatchObject({ reason: 'test funds' });
    const { hash, ...document } = second;
    const redacted = {
      ...document,
      entries: document.entries.map((entry) => ({ ...entry, personal: { digest: entry.personal?.digest ?? '' } })),
    };
    expect(Buffer.from(computeCommitHash(redacted, first.hash.buffer))).toEqual(Buffer.from(hash.buffer));
  });
});

describe('the state', () => {
  it('is in every commit while it is small', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    await debit(kernel.ledger, tenant, '1');
    expect((await commitsOf(tenant)).every(({ state }) => state !== undefined)).toBe(true);
  });

  it('is stored only so often where it is large, and any kernel rebuilds it', async () => {
    const tenant = await fixture.openTenant();
    await Promise.all(Array.from({ length: 40 }, () => give(kernel.ledger, tenant, CREDIT)));
    for (let round = 0; round < 2 * SNAPSHOT_INTERVAL_COMMITS; round += 1) await debit(kernel.ledger, tenant, '0.1');
    const documents = await commitsOf(tenant);
    const withState = documents.filter(({ state }) => state !== undefined);
    expect(withState.length).toBeLessThan(documents.length / 8);
    for (const { state } of withState.slice(0, 2))
      expect(mongo.BSON.calculateObjectSize(state ?? {})).toBeGreaterThan(0);
    const gaps = withState.slice(1).map(({ seq }, index) => Number(seq - (withState[index]?.seq ?? 0n)));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(SNAPSHOT_INTERVAL_COMMITS);
    const fresh = await fixture.addKernel();
    const [known, rebuilt] = [await kernel.ledger.readBalance(tenant), await fresh.ledger.readBalance(tenant)];
    expect({ ...rebuilt, asOf: 0 }).toEqual({ ...known, asOf: 0 });
    expect(rebuilt.totals.payg).toBe(40n * CREDIT - (2n * BigInt(SNAPSHOT_INTERVAL_COMMITS) * CREDIT) / 10n);
  });

  it('stays below its bound where it is inline', async () => {
    const tenant = await fixture.openTenant();
    for (let round = 0; round < 20; round += 1) await give(kernel.ledger, tenant, CREDIT);
    const sizes = (await commitsOf(tenant)).flatMap(({ state }) =>
      state ? [mongo.BSON.calculateObjectSize(state)] : [],
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(STATE_INLINE_BYTES_MAX);
  });

  it('of a newer version is refused as unavailable, and nothing is written', async () => {
    const tenant = await fixture.openTenant(CREDIT);
    await commits().updateOne({ tenant_id: tenant.tenantId, seq: 2n }, { $set: { state_version: STATE_VERSION + 1 } });
    await expect(debit(kernel.ledger, tenant, '1').catch(reasonOf)).resolves.toBe('STATE_VERSION_UNSUPPORTED');
    await expect(kernel.ledger.readBalance(tenant).catch(reasonOf)).resolves.toBe('STATE_VERSION_UNSUPPORTED');
    expect(await commits().countDocuments({ tenant_id: tenant.tenantId })).toBe(2);
  });

  it('that contradicts its history is refused and reported', async () => {
    const tenant = await fixture.openTenant();
    await Promise.all(Array.from({ length: 40 }, () => give(kernel.ledger, tenant, CREDIT)));
    await debit(kernel.ledger, tenant, '1');
    const newest = (await commitsOf(tenant)).at(-1);
    await commits().updateOne(
      { _id: newest?._id ?? new mongo.UUID() },
      { $unset: { state: 1 }, $set: { 'totals.payg': 1n } },
    );
    const fresh = await fixture.addKernel();
    await expect(debit(fresh.ledger, tenant, '1').catch(reasonOf)).resolves.toBe('LEDGER_CORRUPT');
    expect(fresh.seen.corruptions).toBe(1);
  });
});

describe('damage in the database', () => {
  const damage = async (tenant: TenantRef, seq: bigint, change: mongo.UpdateFilter<CommitDocument>): Promise<void> => {
    await commits().updateOne({ tenant_id: tenant.tenantId, seq }, change);
  };

  it.each([
    ['more credit in the state than in the totals', { 'state.grants.0.remaining': 9n * CREDIT }],
    ['a total that is not the sum of its grants', { 'totals.payg': 1n * CREDIT }],
    ['a total that was zero', { 'totals.trial': 1n * CREDIT }],
    ['an amount below zero', { 'state.grants.0.remaining': -5n, 'totals.payg': -5n }],
    ['an amount that is no integer', { 'state.grants.0.remaining': 1.5 }],
  ])('is refused and not spent: %s', async (_, edit) => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    await damage(tenant, 2n, { $set: edit } as mongo.UpdateFilter<CommitDocument>);
    const fresh = await fixture.addKernel();
    await expect(fresh.ledger.readBalance(tenant).catch(reasonOf)).resolves.toBe('LEDGER_CORRUPT');
    await expect(debit(fresh.ledger, tenant, '1').catch(reasonOf)).resolves.toBe('LEDGER_CORRUPT');
    expect(await commits().countDocuments({ tenant_id: tenant.tenantId })).toBe(2);
  });

  it('never answers a request with the entry of another one, whose key has the same compact form', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    const context = { callerScope: 'internal/test', requestId: newUuid() };
    const input = { action: ACTION, quantity: quantity('1'), alreadyPerformed: false };
    await kernel.ledger.debit(tenant, input, context);
    await damage(tenant, 3n, { $set: { 'entries.0.key': `req:internal/other:debit:${context.requestId}` } as never });
    const fresh = await fixture.addKernel();
    await expect(fresh.ledger.debit(tenant, input, context).catch(reasonOf)).resolves.toBe('OUTCOME_UNKNOWN');
    expect(await commits().countDocuments({ tenant_id: tenant.tenantId })).toBe(3);
  });

  it('is not written over: a commit that is gone keeps its place empty', async () => {
    const tenant = await fixture.openTenant(50n * CREDIT);
    for (let round = 0; round < 5; round += 1) await debit(kernel.ledger, tenant, '1');
    await commits().deleteOne({ tenant_id: tenant.tenantId, seq: 4n });
    const fresh = await fixture.addKernel();
    await expect(debit(fresh.ledger, tenant, '1').catch(reasonOf)).resolves.toBe('LEDGER_CORRUPT');
    expect(await commits().countDocuments({ tenant_id: tenant.tenantId, seq: 4n })).toBe(0);
  });
});

describe('the hint of the newest commit', () => {
  const heads = (): mongo.Collection<{ _id: string; seq: bigint }> => native('ledger_heads', { useBigInt64: true });

  it.each([
    ['is missing', undefined],
    ['is old', 3n],
    ['is right', 102n],
    ['names a commit that does not exist', 5_000n],
    ['is no seq at all', -5n],
  ])('is only a hint: the account is found where it %s', async (_, hint) => {
    const tenant = await fixture.openTenant(1_000n * CREDIT);
    for (let round = 0; round < 100; round += 1) await debit(kernel.ledger, tenant, '1');
    await heads().deleteOne({ _id: tenant.tenantId });
    // The hint of the last commits may be on its way still.
    if (hint !== undefined) {
      await heads().replaceOne({ _id: tenant.tenantId }, { seq: hint }, { upsert: true });
    }
    const fresh = await fixture.addKernel();
    expect(await fresh.ledger.readBalance(tenant)).toMatchObject({ seq: 102, totals: { payg: 900n * CREDIT } });
    const reads = [...fresh.calls.values()].reduce((sum, count) => sum + count, 0);
    expect(reads).toBeLessThanOrEqual(8);
  });

  it('is written now and then, not with every commit', async () => {
    const tenant = await fixture.openTenant(1_000n * CREDIT);
    kernel.calls.clear();
    for (let round = 0; round < 64; round += 1) await debit(kernel.ledger, tenant, '1');
    await expect.poll(async () => (await heads().findOne({ _id: tenant.tenantId }))?.seq).toBeGreaterThanOrEqual(33n);
    const writes = (kernel.calls.get('saveHeadHint') ?? 0) + (kernel.calls.get('saveHeadHints') ?? 0);
    expect(writes).toBeLessThanOrEqual(2);
  });

  it('of an account that hardly moved is written when the kernel ends', async () => {
    const tenant = await fixture.openTenant(10n * CREDIT);
    const other = await fixture.addKernel();
    await debit(other.ledger, tenant, '1');
    await other.ledger.drain();
    expect((await heads().findOne({ _id: tenant.tenantId }))?.seq).toBe(3n);
  });

  it('of many accounts is written for all of them together', async () => {
    const tenants = await Promise.all(Array.from({ length: 20 }, () => fixture.openTenant(100n * CREDIT)));
    kernel.calls.clear();
    for (let round = 0; round < 33; round += 1) {
      await Promise.all(tenants.map((tenant) => debit(kernel.ledger, tenant, '1')));
    }
    await kernel.ledger.drain();
    expect(await heads().countDocuments({ _id: { $in: tenants.map(({ tenantId }) => tenantId) }, seq: 35n })).toBe(20);
    const writes = (kernel.calls.get('saveHeadHint') ?? 0) + (kernel.calls.get('saveHeadHints') ?? 0);
    expect(writes).toBeLessThanOrEqual(3);
  });

  it('says which of many accounts another kernel keeps losing races for', async () => {
    const store = await openLedgerStore(fixture.connection);
    const [calm, told, toldLongAgo] = await Promise.all([1, 2, 3].map(() => fixture.openTenant()));
    if (calm === undefined || told === undefined || toldLongAgo === undefined) throw new Error('there are three');
    await store.saveHeadHint(told.tenantId, 1, { at: 5_000, turnMs: 7 });
    await store.saveHeadHint(toldLongAgo.tenantId, 1, { at: 3_000, turnMs: 7 });
    const places = [calm, told, toldLongAgo].map(({ tenantId }) => ({ tenantId, seq: 9 }));
    expect(await store.saveHeadHints(places, 4_000)).toEqual([told.tenantId]);
    expect(await store.loadHeadHint(told.tenantId)).toEqual({ seq: 9, contention: { at: 5_000, turnMs: 7 } });
    await store.saveHeadHints([{ tenantId: told.tenantId, seq: 4 }], 4_000);
    expect((await store.loadHeadHint(told.tenantId))?.seq).toBe(9);
    expect(await store.loadHeadHint(calm.tenantId)).toEqual({ seq: 9 });
    expect(await store.saveHeadHints([], 0)).toEqual([]);
  });

  it('does not slow a kernel that is far behind: it searches and does not read all', async () => {
    const tenant = await fixture.openTenant(1_000n * CREDIT);
    const behind = await fixture.addKernel();
    await behind.ledger.readBalance(tenant);
    for (let round = 0; round < 120; round += 1) await debit(kernel.ledger, tenant, '1');
    behind.calls.clear();
    expect((await behind.ledger.readBalance(tenant)).seq).toBe(122);
    const reads = [...behind.calls.values()].reduce((sum, count) => sum + count, 0);
    expect(reads).toBeLessThanOrEqual(8);
  });
});

describe('history', () => {
  it('pages through every entry once, newest first, with filters', async () => {
    const tenant = await fixture.openTenant(1_000n * CREDIT);
    await Promise.all(Array.from({ length: 300 }, (_, index) => debitFor(tenant, index % 3 === 0 ? 'prj_a' : 'prj_b')));
    for (const [filter, total] of [
      [{}, 302],
      [{ types: ['debited'] as const }, 300],
      [{ projectId: 'prj_a' }, 100],
      [{ action: ACTION, projectId: 'prj_b' }, 200],
      [{ action: 'none' }, 0],
      [{ endAt: 1 }, 0],
      [{ startAt: Date.now() + 60_000 }, 0],
    ] as const) {
      const ids = await listAll(tenant, filter, 37);
      expect(ids).toHaveLength(total);
      expect(new Set(ids).size).toBe(total);
      expect(ids).toEqual(ids.toSorted().toReversed());
    }
  });

  it('refuses a token of another list', async () => {
    const tenant = await fixture.openTenant(10n * CREDIT);
    await debitFor(tenant, 'prj_a');
    const { nextPageToken } = await kernel.ledger.listEntries(tenant, {}, 1, '');
    const violation = { reason: 'INVALID_FIELD', violations: [{ field: 'page_token' }] };
    await expect(kernel.ledger.listEntries(tenant, { action: ACTION }, 1, nextPageToken)).rejects.toMatchObject(
      violation,
    );
    await expect(kernel.ledger.listEntries(tenant, {}, 1, 'rubbish')).rejects.toMatchObject(violation);
  });

  it('answers what an account held at a past time', async () => {
    const tenant = await fixture.openTenant(100n * CREDIT);
    const held: [number, bigint][] = [];
    for (let round = 1n; round <= 20n; round += 1n) {
      const { posted } = await debit(kernel.ledger, tenant, '1');
      held.push([posted.createdAt, (100n - round) * CREDIT]);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const [at, payg] of held) expect((await kernel.ledger.readBalance(tenant, at)).totals.payg).toBe(payg);
    const before = { reason: 'INVALID_FIELD', violations: [{ field: 'at_time' }] };
    await expect(kernel.ledger.readBalance(tenant, 1)).rejects.toMatchObject(before);
  });

  const debitFor = (tenant: TenantRef, projectId: string): Promise<unknown> =>
    kernel.ledger.debit(
      tenant,
      { action: ACTION, quantity: quantity('1'), alreadyPerformed: false, projectId },
      caller(),
    );

  const listAll = async (
    tenant: TenantRef,
    filter: Parameters<FixtureKernel['ledger']['listEntries']>[1],
    size: number,
  ): Promise<string[]> => {
    const ids: string[] = [];
    let token = '';
    do {
      const page = await kernel.ledger.listEntries(tenant, filter, size, token);
      expect(page.entries.length).toBeLessThanOrEqual(size);
      ids.push(...page.entries.map(({ entryId }) => entryId));
      token = page.nextPageToken;
    } while (token !== '');
    return ids;
  };
});

describe('what falls due by itself', () => {
  it('is recorded by the worker, and its note goes only well past due', async () => {
    const tenant = await fixture.openTenant();
    const expiresAt = Date.now() + 1_500;
    const input = { bucket: 'trial', amount: CREDIT, expiresAt, actor: 'usr_test', reason: 'short' } as const;
    await kernel.ledger.grant(tenant, input, caller());
    const store = await openLedgerStore(fixture.connection);
    expect(await store.loadDueNotes(expiresAt - 1, expiresAt, 10)).toEqual([
      { tenantId: tenant.tenantId, dueAt: expiresAt },
    ]);
    const observer = new Proxy({}, { get: () => () => {} }) as Parameters<typeof startDueWorker>[0]['observer'];
    const worker = startDueWorker({ ledger: kernel.ledger, store, clock: kernel.clock, observer });
    await expect.poll(() => commits().countDocuments({ tenant_id: tenant.tenantId })).toBe(3);
    await worker.stop();
    const [newest] = (await kernel.ledger.listEntries(tenant, {}, 1, '')).entries;
    expect(newest?.entry).toMatchObject({ type: 'grant_expired', dueAt: expiresAt });
    expect(await store.loadDueNotes(expiresAt - 1, expiresAt, 10)).toHaveLength(1);
  });

  it('is recorded for the others where one account can not be read, whose note stays', async () => {
    const [broken, whole] = [await fixture.openTenant(), await fixture.openTenant()];
    const expiresAt = Date.now() + 1_500;
    const input = { bucket: 'trial', amount: CREDIT, expiresAt, actor: 'usr_test', reason: 'short' } as const;
    for (const tenant of [broken, whole]) await kernel.ledger.grant(tenant, input, caller());
    await commits().updateOne({ tenant_id: broken.tenantId, seq: 2n }, { $set: { state_version: 99 } });
    const store = await openLedgerStore(fixture.connection);
    const observer = new Proxy({}, { get: () => () => {} }) as Parameters<typeof startDueWorker>[0]['observer'];
    const fresh = await fixture.addKernel();
    const worker = startDueWorker({ ledger: fresh.ledger, store, clock: fresh.clock, observer });
    await expect.poll(() => commits().countDocuments({ tenant_id: whole.tenantId })).toBe(3);
    await worker.stop();
    const notes = await store.loadDueNotes(expiresAt - 1, expiresAt, 10);
    expect(notes.map(({ tenantId }) => tenantId)).toContain(broken.tenantId);
  });

  it('in great numbers at once takes several commits, and loses nothing', async () => {
    const tenant = await fixture.openTenant(CREDIT);
    const expiresAt = Date.now() + 6_000;
    const input = { bucket: 'trial', amount: 1n, expiresAt, actor: 'usr_test', reason: 'many' } as const;
    await Promise.all(Array.from({ length: 600 }, () => kernel.ledger.grant(tenant, input, caller())));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, expiresAt - Date.now()) + 50));
    await debit(kernel.ledger, tenant, '1');
    const balance = await (await fixture.addKernel()).ledger.readBalance(tenant);
    expect(balance.totals).toEqual({ trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: 0n });
    const sizes = (await commitsOf(tenant)).map((document) => mongo.BSON.calculateObjectSize(document));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(COMMIT_BYTES_MAX);
  });
});
