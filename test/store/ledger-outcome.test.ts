// The traps of "what can come back": each answer that a database can give to an insert, and what the caller is told.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import type { InsertOutcome } from '../../kernel/app/ports.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { ANSWER_LOST, landsLate, REQUEST_LOST } from '../support/faulty-store.ts';
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
  settleAll,
} from '../support/ledger-fixture.ts';

let engine: TestEngine;
let fixture: LedgerFixture;
let kernel: FixtureKernel;
let other: FixtureKernel;

beforeAll(async () => {
  // A fail point is the engine's, and must meet no insert of other tests.
  engine = await startEngine();
  fixture = await openLedgerFixture({ uri: engine.freshDatabaseUri() });
});
beforeEach(async () => {
  kernel = await fixture.addKernel();
  other = await fixture.addKernel();
});
afterAll(async () => {
  await fixture.close();
  await engine.stop();
});

const paygOf = async (tenant: TenantRef): Promise<bigint> => (await other.ledger.readBalance(tenant)).totals.payg;

/** Loses the answer to a kernel's next insert; resolves when the database has taken it and the kernel can't know. */
function loseNextAnswer({ failNextInsert }: FixtureKernel): Promise<void> {
  const taken = Promise.withResolvers<void>();
  failNextInsert(async (commits, insert) => {
    const outcomes = await ANSWER_LOST(commits, insert);
    taken.resolve();
    return outcomes;
  });
  return taken.promise;
}

describe('the debit that takes the last credit, its answer lost', () => {
  it.each(['the same kernel', 'another kernel with an old head', 'a kernel that knows nothing'])(
    'gets its success back when it is retried through %s',
    async (through) => {
      const tenant = await fixture.openTenant(CREDIT);
      await other.ledger.readBalance(tenant);
      const taken = loseNextAnswer(kernel);
      const first = debit(kernel.ledger, tenant, '1', 'last');
      await taken;
      const retrier =
        { 'the same kernel': kernel, 'another kernel with an old head': other }[through] ?? (await fixture.addKernel());
      const retried = await debit(retrier.ledger, tenant, '1', 'last');
      expect(retried).toEqual({ posted: (await first).posted, replayed: true });
      expect([(await first).replayed, kernel.seen.unknownOutcomes]).toEqual([false, 1]);
      expect(await paygOf(tenant)).toBe(0n);
    },
  );

  it('gets its success back also when others wait in the same batch', async () => {
    const tenant = await fixture.openTenant(2n * CREDIT);
    const taken = loseNextAnswer(kernel);
    const first = debit(kernel.ledger, tenant, '1', 'last');
    await taken;
    const [fresh, retried, refused] = await Promise.allSettled([
      debit(kernel.ledger, tenant, '1', 'fresh'),
      debit(kernel.ledger, tenant, '1', 'last'),
      debit(kernel.ledger, tenant, '1', 'too much'),
    ]);
    expect(fresh).toMatchObject({ status: 'fulfilled', value: { replayed: false } });
    expect(retried).toMatchObject({ status: 'fulfilled', value: { posted: (await first).posted, replayed: true } });
    expect(kernel.seen.unknownOutcomes).toBe(1);
    expect(refused).toMatchObject({ status: 'rejected', reason: { reason: 'INSUFFICIENT_CREDITS' } });
  });
});

describe('an unknown outcome', () => {
  it('that did happen is found and answered as the success it was', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    kernel.failNextInsert(ANSWER_LOST);
    const { replayed } = await debit(kernel.ledger, tenant, '1');
    expect(replayed).toBe(false);
    expect(await paygOf(tenant)).toBe(4n * CREDIT);
  });

  it('that did not happen is sent again, once', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    kernel.failNextInsert(REQUEST_LOST);
    kernel.failNextInsert(REQUEST_LOST);
    await debit(kernel.ledger, tenant, '1');
    expect(await paygOf(tenant)).toBe(4n * CREDIT);
  });

  it('whose seq another kernel took in the meantime is decided again', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    kernel.failNextInsert(async (commits) => {
      await debit(other.ledger, tenant, '2');
      return REQUEST_LOST(commits, async () => []);
    });
    await debit(kernel.ledger, tenant, '1');
    expect(await paygOf(tenant)).toBe(2n * CREDIT);
  });

  it('that stays unknown is never taken for "did not happen"; the retry finds what landed late', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    await kernel.ledger.readBalance(tenant);
    const landed: (readonly InsertOutcome[])[] = [];
    kernel.failNextInsert(landsLate(4_500, (outcomes) => landed.push(outcomes)));
    for (let resend = 0; resend < 6; resend += 1) kernel.failNextInsert(REQUEST_LOST);
    await expect(debit(kernel.ledger, tenant, '1', 'late').catch(reasonOf)).resolves.toBe('OUTCOME_UNKNOWN');
    await expect.poll(() => landed.length).toBe(1);
    expect(landed[0]).toEqual([{ kind: 'acknowledged' }]);
    await expect(debit(other.ledger, tenant, '1', 'late')).resolves.toMatchObject({ replayed: true });
    expect(await paygOf(tenant)).toBe(4n * CREDIT);
  });

  it('of a batch answers its refusals only after the commit they rest on is known', async () => {
    const tenant = await fixture.openTenant(1n * CREDIT);
    await kernel.ledger.readBalance(tenant);
    kernel.failNextInsert(ANSWER_LOST);
    const { values, reasons } = await settleAll([debit(kernel.ledger, tenant, '1'), debit(kernel.ledger, tenant, '1')]);
    expect(values).toHaveLength(1);
    expect(reasons).toEqual(['INSUFFICIENT_CREDITS']);
  });
});

describe('our own commit, sent twice by the driver', () => {
  it('is taken for what it is, and not for a lost race', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    kernel.failNextInsert(async (commits, insert) => {
      await insert(commits);
      return insert(commits);
    });
    const { replayed } = await debit(kernel.ledger, tenant, '1');
    expect(replayed).toBe(false);
    expect(kernel.seen.racesLost).toBe(0);
    expect(await paygOf(tenant)).toBe(4n * CREDIT);
  });
});

describe('request ids', () => {
  it('refuse the same id with other content, by reason, and write nothing', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    await debit(kernel.ledger, tenant, '1', 'reused');
    for (const through of [kernel, other]) {
      await expect(debit(through.ledger, tenant, '2', 'reused').catch(reasonOf)).resolves.toBe(
        'IDEMPOTENCY_KEY_REUSED',
      );
    }
    expect(await paygOf(tenant)).toBe(4n * CREDIT);
  });

  it('refuse the second of two different requests with one id in one batch', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    const { values, reasons } = await settleAll([
      debit(kernel.ledger, tenant, '1', 'twice'),
      debit(kernel.ledger, tenant, '2', 'twice'),
    ]);
    expect([values.length, reasons]).toEqual([1, ['IDEMPOTENCY_KEY_REUSED']]);
  });

  it('compare the text of dimensions and reasons too', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    const input = { action: ACTION, quantity: quantity('1'), alreadyPerformed: false };
    const context = caller('with text');
    await kernel.ledger.debit(tenant, { ...input, dimensions: { region: 'eu', team: 'a' } }, context);
    const same = await other.ledger.debit(tenant, { ...input, dimensions: { team: 'a', region: 'eu' } }, context);
    expect(same.replayed).toBe(true);
    const differs = other.ledger.debit(tenant, { ...input, dimensions: { region: 'us', team: 'a' } }, context);
    await expect(differs.catch(reasonOf)).resolves.toBe('IDEMPOTENCY_KEY_REUSED');
  });

  it('stay free after a refusal', async () => {
    const tenant = await fixture.openTenant();
    await expect(debit(kernel.ledger, tenant, '1', 'again').catch(reasonOf)).resolves.toBe('INSUFFICIENT_CREDITS');
    await give(other.ledger, tenant, CREDIT);
    await expect(debit(kernel.ledger, tenant, '1', 'again')).resolves.toMatchObject({ replayed: false });
  });

  it('are kept apart by caller and by operation', async () => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    const input = { action: ACTION, quantity: quantity('1'), alreadyPerformed: false };
    for (const callerScope of ['internal/a', 'internal/b']) {
      const posting = await kernel.ledger.debit(tenant, input, { callerScope, requestId: '1' });
      expect(posting.replayed).toBe(false);
    }
    await expect(give(kernel.ledger, tenant, CREDIT, '1')).resolves.toMatchObject({ replayed: false });
    expect(await paygOf(tenant)).toBe(4n * CREDIT);
  });

  it('of 256 replays in one batch cost a handful of round trips', async () => {
    const tenant = await fixture.openTenant(300n * CREDIT);
    const ids = Array.from({ length: 256 }, (_, index) => `replay-${index}`);
    await Promise.all(ids.map((id) => debit(kernel.ledger, tenant, '1', id)));
    other.calls.clear();
    const retried = await Promise.all(ids.map((id) => debit(other.ledger, tenant, '1', id)));
    expect(retried.every(({ replayed }) => replayed)).toBe(true);
    const roundTrips = [...other.calls.values()].reduce((sum, count) => sum + count, 0);
    expect(roundTrips).toBeLessThanOrEqual(8);
  });
});

describe('an insert of many tenants', () => {
  it('fails only for the one whose document the database refuses', async () => {
    const bad = await fixture.openTenant(5n * CREDIT);
    const good = await fixture.openTenant(5n * CREDIT);
    await fixture.connection.db?.command({
      collMod: 'ledger_commits',
      validator: { tenant_id: { $ne: bad.tenantId } },
    });
    const results = await Promise.allSettled([
      debit(kernel.ledger, bad, '1'),
      debit(kernel.ledger, good, '1'),
      debit(kernel.ledger, bad, '1'),
      debit(kernel.ledger, good, '1'),
    ]);
    await fixture.connection.db?.command({ collMod: 'ledger_commits', validator: {} });
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled']);
    expect(results[0]).toMatchObject({ reason: { reason: 'INTERNAL' } });
    await expect(debit(kernel.ledger, bad, '1')).resolves.toMatchObject({ replayed: false });
  });

  it.each([
    ['can not be encoded', { 'a\u0000b': 1 }],
    ['is larger than any document may be', { blob: 'x'.repeat(17 * 1_048_576) }],
  ])('fails only for the one whose document %s, and sends the others', async (_, poison) => {
    const tenants = await Promise.all([1, 2, 3].map(() => fixture.openTenant()));
    const store = await openLedgerStore(fixture.connection);
    const prepared = await Promise.all(
      tenants.map(async ({ tenantId }, index) => {
        const [first] = await store.loadCommits(tenantId, 1, 1);
        if (first === undefined) throw new Error('the tenant has no first commit');
        const entries = first.entries.map((entry) => ({ ...entry, key: `${entry.key}/again` as typeof entry.key }));
        const commit = store.prepareCommit({ ...first, entries, seq: 2, commitId: newCommitId(index) }, first.hash);
        return index === 1
          ? { ...commit, document: Object.assign({ ...(commit.document as object) }, poison) }
          : commit;
      }),
    );
    const outcomes = await store.insertCommits(prepared);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['acknowledged', 'invalid', 'acknowledged']);
    const seqs = await Promise.all(tenants.map(({ tenantId }) => store.loadExistingSeqs(tenantId, [2])));
    expect(seqs).toEqual([[2], [], [2]]);
    expect((await store.insertCommits(prepared.slice(1, 2))).map(({ kind }) => kind)).toEqual(['invalid']);
  });

  it('fails only for the one command whose commit is too large', async () => {
    const big = await fixture.openTenant(5n * CREDIT);
    const good = await fixture.openTenant(5n * CREDIT);
    const oversized = kernel.ledger.debit(
      big,
      { action: ACTION, quantity: quantity('1'), alreadyPerformed: false, dimensions: { blob: 'x'.repeat(1_100_000) } },
      caller(),
    );
    const results = await Promise.allSettled([
      debit(kernel.ledger, big, '1'),
      oversized,
      debit(kernel.ledger, big, '1'),
      debit(kernel.ledger, good, '1'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { reason: 'COMMIT_TOO_LARGE', metadata: { limit_bytes: '1048576' } } });
    expect(await paygOf(big)).toBe(3n * CREDIT);
  });
});

describe('the driver', () => {
  it('is not believed where a duplicate comes with a write-concern error, which empties `writeErrors`', async (context) => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    const store = await openLedgerStore(fixture.connection);
    const [first] = await store.loadCommits(tenant.tenantId, 1, 1);
    if (first === undefined) throw new Error('the tenant has no first commit');
    const duplicate = store.prepareCommit({ ...first, commitId: newCommitId(1) }, first.hash);
    const fresh = store.prepareCommit(
      { ...first, tenantId: `${tenant.tenantId}-x` as typeof first.tenantId, commitId: newCommitId(2) },
      first.hash,
    );
    const armed = await armFailPoint();
    if (armed !== undefined)
      context.skip(`the engine has no fail points (${armed}): start it with test commands enabled`);
    expect((await store.insertCommits([duplicate, fresh])).map(({ kind }) => kind)).toEqual(['duplicate', 'unknown']);
  });

  it('is not believed either where a debit meets such an answer: it happens exactly once', async (context) => {
    const tenant = await fixture.openTenant(5n * CREDIT);
    await kernel.ledger.readBalance(tenant);
    await debit(other.ledger, tenant, '1', 'before');
    const armed = await armFailPoint();
    if (armed !== undefined)
      context.skip(`the engine has no fail points (${armed}): start it with test commands enabled`);
    const { values } = await settleAll([
      debit(kernel.ledger, tenant, '1', 'before'),
      debit(kernel.ledger, tenant, '1', 'new'),
    ]);
    expect(values.map(({ replayed }) => replayed)).toEqual([true, false]);
    expect(await paygOf(tenant)).toBe(3n * CREDIT);
  });
});

/** Makes the next insert also report that its write concern failed; answers why where the engine can't. */
async function armFailPoint(): Promise<string | undefined> {
  try {
    await fixture.connection.db?.admin().command({
      configureFailPoint: 'failCommand',
      mode: { times: 1 },
      data: { failCommands: ['insert'], writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } },
    });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function newCommitId(
  last: number,
): Parameters<Awaited<ReturnType<typeof openLedgerStore>>['prepareCommit']>[0]['commitId'] {
  const text = `01890000-0000-7000-8000-${String(Date.now() * 10 + last)
    .padStart(12, '0')
    .slice(-12)}`;
  return text as ReturnType<typeof newCommitId>;
}
