import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LANE_QUEUE_MAX } from '../../kernel/app/ledger/committer.ts';
import {
  CREDIT,
  caller,
  debit,
  type FixtureKernel,
  give,
  type LedgerFixture,
  openLedgerFixture,
  PLAN,
  reasonOf,
  settleAll,
} from '../support/ledger-fixture.ts';

let fixture: LedgerFixture;
let kernels: [FixtureKernel, FixtureKernel, FixtureKernel];

beforeAll(async () => {
  fixture = await openLedgerFixture();
  kernels = [await fixture.addKernel(), await fixture.addKernel(), await fixture.addKernel()];
});
afterAll(() => fixture.close());

const kernelAt = (index: number): FixtureKernel => kernels[(index % 3) as 0 | 1 | 2];

describe('three kernels on one account', () => {
  it('let exactly as many debits succeed as there are funds for', async () => {
    const tenant = await fixture.openTenant(137n * CREDIT);
    const debits = Array.from({ length: 200 }, (_, index) => debit(kernelAt(index).ledger, tenant, '1'));
    const { values, reasons } = await settleAll(debits);
    expect(values).toHaveLength(137);
    expect(new Set(reasons)).toEqual(new Set(['INSUFFICIENT_CREDITS']));
    const balance = await kernels[0].ledger.readBalance(tenant);
    expect(balance.totals).toEqual({ trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: 0n });
  });

  it('make one debit and 49 replays of one request that is sent 50 times at once', async () => {
    const tenant = await fixture.openTenant(100n * CREDIT);
    const { values } = await settleAll(
      Array.from({ length: 50 }, (_, index) => debit(kernelAt(index).ledger, tenant, '1', 'same')),
    );
    expect(values.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(values.filter(({ replayed }) => replayed)).toHaveLength(49);
    expect(new Set(values.map(({ posted }) => posted.entryId)).size).toBe(1);
    expect((await kernels[1].ledger.readBalance(tenant)).totals.payg).toBe(99n * CREDIT);
  });

  it('open an account once, whoever asks', async () => {
    const tenant = await fixture.openTenant();
    const again = await Promise.all(kernels.map(({ ledger }) => ledger.openAccount(tenant, { planCode: PLAN })));
    expect(again.map(({ replayed }) => replayed)).toEqual([true, true, true]);
    expect((await kernels[0].ledger.readBalance(tenant)).seq).toBe(1);
  });

  it('agree on the first command ever of an account', async () => {
    const tenant = { ...(await fixture.openTenant()), tenantId: `ten_first_${Date.now()}` } as Awaited<
      ReturnType<typeof fixture.openTenant>
    >;
    const opened = await Promise.all(kernels.map(({ ledger }) => ledger.openAccount(tenant, { planCode: PLAN })));
    expect(opened.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const { values } = await settleAll(kernels.map(({ ledger }) => give(ledger, tenant, CREDIT)));
    expect(values).toHaveLength(3);
    expect((await kernels[2].ledger.readBalance(tenant)).totals.payg).toBe(3n * CREDIT);
  });

  it('keep seqs without a gap and totals true under mixed writes', async () => {
    const tenant = await fixture.openTenant(1_000n * CREDIT);
    const writes = Array.from({ length: 300 }, (_, index) =>
      index % 5 === 0 ? give(kernelAt(index).ledger, tenant, CREDIT) : debit(kernelAt(index).ledger, tenant, '2'),
    );
    const { values } = await settleAll(writes);
    expect(values).toHaveLength(300);
    const seqs = await fixture.connection.collection('ledger_commits').distinct('seq', { tenant_id: tenant.tenantId });
    expect(seqs.map(Number).sort((a, b) => a - b)).toEqual(seqs.map((_, index) => index + 1));
    const balance = await kernels[0].ledger.readBalance(tenant);
    expect(balance.totals.payg).toBe((1_000n + 60n - 480n) * CREDIT);
  });
});

describe('a cached head', () => {
  it('never refuses what a top-up through another kernel has made possible', async () => {
    const tenant = await fixture.openTenant();
    await expect(debit(kernels[0].ledger, tenant, '1').catch(reasonOf)).resolves.toBe('INSUFFICIENT_CREDITS');
    await give(kernels[1].ledger, tenant, CREDIT);
    const { posted } = await debit(kernels[0].ledger, tenant, '1');
    expect(posted.entry).toMatchObject({ type: 'debited', cost: CREDIT });
  });

  it('never shows a balance that is older than what another kernel acknowledged', async () => {
    const tenant = await fixture.openTenant();
    await kernels[0].ledger.readBalance(tenant);
    for (let round = 1n; round <= 5n; round += 1n) {
      await give(kernels[1].ledger, tenant, CREDIT);
      expect((await kernels[0].ledger.readBalance(tenant)).totals.payg).toBe(round * CREDIT);
      expect((await kernels[2].ledger.checkFunds(tenant, { kind: 'any' })).allowed).toBe(true);
    }
  });

  it('shares one read among concurrent balance reads', async () => {
    const tenant = await fixture.openTenant(CREDIT);
    await kernels[0].ledger.readBalance(tenant);
    kernels[0].calls.clear();
    await Promise.all(Array.from({ length: 100 }, () => kernels[0].ledger.readBalance(tenant)));
    expect(kernels[0].calls.get('loadCommitHeaders')).toBeLessThanOrEqual(2);
  });
});

describe('the queue', () => {
  it('refuses beyond its bound with a delay to retry after, and loses nothing of what it took', async () => {
    const tenant = await fixture.openTenant(10_000n * CREDIT);
    const results = await Promise.allSettled(
      Array.from({ length: LANE_QUEUE_MAX + 50 }, () => debit(kernels[0].ledger, tenant, '1')),
    );
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(refused).toHaveLength(50);
    expect(refused[0]).toMatchObject({ reason: 'QUEUE_FULL', retryDelayMs: 200 });
    const balance = await kernels[0].ledger.readBalance(tenant);
    expect(balance.totals.payg).toBe((10_000n - BigInt(LANE_QUEUE_MAX)) * CREDIT);
  });

  it('lets tenants take turns: a busy one does not keep the others waiting', async () => {
    const busy = await fixture.openTenant(10_000n * CREDIT);
    const quiet = await fixture.openTenant(10n * CREDIT);
    let busyDone = 0;
    const flood = Array.from({ length: 4_000 }, () =>
      debit(kernels[0].ledger, busy, '1').then(() => {
        busyDone += 1;
      }),
    );
    await debit(kernels[0].ledger, quiet, '1');
    expect(busyDone).toBeLessThan(2_000);
    await Promise.all(flood);
  });

  it('does not begin what has passed its deadline', async () => {
    const tenant = await fixture.openTenant(CREDIT);
    const context = { ...caller(), deadlineAtMs: performance.now() - 1 };
    const input = { bucket: 'payg', amount: 1n, actor: 'usr_test', reason: 'late' } as const;
    await expect(kernels[0].ledger.grant(tenant, input, context)).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
    });
    expect((await kernels[0].ledger.readBalance(tenant)).totals.payg).toBe(CREDIT);
  });

  it('drains: refuses new work and answers what it took', async () => {
    const kernel = await fixture.addKernel();
    const tenant = await fixture.openTenant(100n * CREDIT);
    const taken = Array.from({ length: 50 }, () => debit(kernel.ledger, tenant, '1'));
    // Every debit has read its prices and waits for its commit now.
    await new Promise(setImmediate);
    const drained = kernel.ledger.drain();
    await expect(debit(kernel.ledger, tenant, '1')).rejects.toMatchObject({ reason: 'SHUTTING_DOWN' });
    await drained;
    expect((await settleAll(taken)).values).toHaveLength(50);
  });
});
