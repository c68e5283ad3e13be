// What the real driver reports when connections break, and that no debit is lost or doubled by it.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { type Cut, type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { CREDIT, debit, type FixtureKernel, type LedgerFixture, openLedgerFixture } from '../support/ledger-fixture.ts';

/** The driver sends a write again by itself, once. */
const DRIVER_ATTEMPTS = 2;

let proxy: CuttingProxy;
let engine: TestEngine;
let fixture: LedgerFixture;
let direct: LedgerFixture;
let kernel: FixtureKernel;
let witness: FixtureKernel;

beforeAll(async () => {
  // A fail point is the engine's, and must meet no insert of other tests.
  engine = await startEngine();
  const uri = engine.freshDatabaseUri();
  proxy = await startCuttingProxy(uri);
  direct = await openLedgerFixture({ uri });
  fixture = await openLedgerFixture({ uri: proxy.uri });
  kernel = await fixture.addKernel();
  witness = await direct.addKernel();
});
afterEach(() => void proxy.reset());
afterAll(async () => {
  await fixture.close();
  await direct.close();
  await proxy.stop();
  await engine.stop();
});

const CUTS: readonly Cut[] = ['before the database', 'before the answer'];

describe.each(CUTS)('an insert that is cut off %s', (where) => {
  it('is never taken for acknowledged by what the driver throws', async () => {
    const tenant = await direct.openTenant();
    const store = await openLedgerStore(fixture.connection);
    const [first] = await store.loadCommits(tenant.tenantId, 1, 1);
    if (first === undefined) throw new Error('the tenant has no first commit');
    const ids = ['a', 'b'].map((name) => `${tenant.tenantId}-${name}` as typeof first.tenantId);
    const commits = ids.map((tenantId, index) =>
      store.prepareCommit({ ...first, tenantId, commitId: commitIdAt(first.commitId, index) }, first.hash),
    );
    proxy.cutNext(DRIVER_ATTEMPTS, where);
    const outcomes = await store.insertCommits(commits);
    // After the first attempt the database may have it, and the driver's own second one then meets it.
    expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'unknown']);
  });

  it.each([1, 2, 4, 6])('%i times in a row still makes a debit happen exactly once', async (count) => {
    const tenant = await direct.openTenant(10n * CREDIT);
    await kernel.ledger.readBalance(tenant);
    proxy.cutNext(count, where);
    const first = await debit(kernel.ledger, tenant, '1', 'cut');
    expect(proxy.reset()).toBeLessThan(count);
    const retried = await debit(witness.ledger, tenant, '1', 'cut');
    expect(retried).toEqual({ posted: first.posted, replayed: true });
    expect((await witness.ledger.readBalance(tenant)).totals.payg).toBe(9n * CREDIT);
  });
});

describe('a command that the database refuses as a whole', () => {
  it('is never taken for acknowledged', async (context) => {
    const tenant = await direct.openTenant(10n * CREDIT);
    await witness.ledger.readBalance(tenant);
    try {
      await direct.connection.db?.admin().command({
        configureFailPoint: 'failCommand',
        mode: { times: 1 },
        data: { failCommands: ['insert'], errorCode: 73 },
      });
    } catch {
      context.skip('the engine has no fail points: start it with test commands enabled');
    }
    await debit(witness.ledger, tenant, '1', 'refused whole');
    const reader = await direct.addKernel();
    expect((await reader.ledger.readBalance(tenant)).totals.payg).toBe(9n * CREDIT);
    await expect(debit(reader.ledger, tenant, '1', 'refused whole')).resolves.toMatchObject({ replayed: true });
  });
});

/** A commit id that no other has: the last digit of the given one is counted on. */
function commitIdAt<Id extends string>(id: Id, index: number): Id {
  const last = (Number.parseInt(id.slice(-1), 16) + 1 + index) % 16;
  return `${id.slice(0, -1)}${last.toString(16)}` as Id;
}
