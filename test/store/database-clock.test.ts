import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { CLOCK_DOUBT_MAX_MS, type MachineClocks } from '../../kernel/store/database-clock.ts';
import { DAY_MS, factsOf } from '../domain/support/subscription.ts';
import {
  CREDIT,
  caller,
  debit,
  give,
  type LedgerFixture,
  openLedgerFixture,
  reasonOf,
} from '../support/ledger-fixture.ts';

const HOUR_MS = 3_600_000;

let fixture: LedgerFixture;

beforeAll(async () => {
  fixture = await openLedgerFixture();
});
afterAll(() => fixture.close());

/** Clocks of a machine that a test can set. */
function machineClocks(): MachineClocks & { wallOffsetMs: number } {
  return {
    wallOffsetMs: 0,
    monotonicMs: () => performance.now(),
    wallMs() {
      return Date.now() + this.wallOffsetMs;
    },
  };
}

describe('a kernel with a fast clock', () => {
  it('does not expire what people own, and writes the database’s time', async () => {
    const machine = machineClocks();
    machine.wallOffsetMs = HOUR_MS;
    const kernel = await fixture.addKernel({ machine });
    const tenant = await fixture.openTenant();
    const expiresAt = Date.now() + HOUR_MS / 2;
    const input = { bucket: 'payg', amount: CREDIT, expiresAt, actor: 'usr_test', reason: 'half an hour' } as const;
    await kernel.ledger.grant(tenant, input, caller());
    const { posted } = await debit(kernel.ledger, tenant, '1');
    expect(Math.abs(posted.createdAt - Date.now())).toBeLessThan(5_000);
    expect(kernel.clock.offsetMs()).toBeLessThan(-HOUR_MS / 2);
  });

  it('that steps while it runs refuses to write until it has measured again', async () => {
    const machine = machineClocks();
    const kernel = await fixture.addKernel({ machine });
    const tenant = await fixture.openTenant(CREDIT);
    machine.wallOffsetMs = CLOCK_DOUBT_MAX_MS + 1_000;
    await expect(debit(kernel.ledger, tenant, '1').catch(reasonOf)).resolves.toBe('CLOCK_UNCERTAIN');
    expect((await kernel.ledger.readBalance(tenant)).totals.payg).toBe(CREDIT);
    await kernel.clock.measure();
    await expect(debit(kernel.ledger, tenant, '1')).resolves.toMatchObject({ replayed: false });
  });

  it('that steps during a measurement and is right again goes by the measurement before', async () => {
    const machine = machineClocks();
    const kernel = await fixture.addKernel({ machine });
    const tenant = await fixture.openTenant(CREDIT);
    let reads = 0;
    // The three samples of the measurement see the step; whoever asks afterwards doesn't.
    machine.wallMs = () => {
      reads += 1;
      return Date.now() + (reads > 3 ? 0 : HOUR_MS);
    };
    await kernel.clock.measure();
    expect(kernel.clock.doubtMs()).toBeLessThan(CLOCK_DOUBT_MAX_MS);
    await expect(debit(kernel.ledger, tenant, '1')).resolves.toMatchObject({ replayed: false });
  });

  it('that steps while it runs moves no subscription either', async () => {
    const machine = machineClocks();
    const kernel = await fixture.addKernel({ machine });
    const tenant = await fixture.openTenant(CREDIT);
    const facts = factsOf({ periodStart: Date.now() - DAY_MS, periodEnd: Date.now() + DAY_MS });
    machine.wallOffsetMs = HOUR_MS;
    await expect(kernel.ledger.applySubscription(tenant, facts, UNOPENED_ACCOUNT).catch(reasonOf)).resolves.toBe(
      'CLOCK_UNCERTAIN',
    );
    const { state } = await kernel.ledger.readAccount(tenant);
    expect(state).toMatchObject({ subscriptionRevision: 0, totals: { included: 0n, payg: CREDIT } });
    await kernel.clock.measure();
    await kernel.ledger.applySubscription(tenant, facts, UNOPENED_ACCOUNT);
    const { entries } = await kernel.ledger.listEntries(tenant, {}, 1, '');
    // By the database's time, which the step has not moved.
    expect(entries[0]?.entry).toMatchObject({ change: 'started', grant: { effectiveAt: expect.any(Number) } });
    expect(Math.abs(Number(entries[0]?.createdAt) - Date.now())).toBeLessThan(60_000);
  });
});

describe('an account whose newest commit lies in the future', () => {
  it('is an alarm and takes no writes, and becomes no new now', async () => {
    const tenant = await fixture.openTenant(CREDIT);
    const future = new Date(Date.now() + HOUR_MS);
    await fixture.connection
      .collection('ledger_commits')
      .updateOne({ tenant_id: tenant.tenantId, seq: 2n }, { $set: { created_at: future } });
    const kernel = await fixture.addKernel();
    await expect(debit(kernel.ledger, tenant, '1').catch(reasonOf)).resolves.toBe('HEAD_FROM_FUTURE');
    expect(kernel.seen.headsFromFuture).toBeGreaterThan(0);
  });

  it('expires nothing for a reader either', async () => {
    const kernel = await fixture.addKernel();
    const tenant = await fixture.openTenant();
    const input = { bucket: 'trial', amount: CREDIT, expiresAt: Date.now() + HOUR_MS / 2, actor: 'usr_test' } as const;
    await kernel.ledger.grant(tenant, { ...input, reason: 'half an hour' }, caller());
    await fixture.connection
      .collection('ledger_commits')
      .updateOne({ tenant_id: tenant.tenantId, seq: 2n }, { $set: { created_at: new Date(Date.now() + HOUR_MS) } });
    const reader = await fixture.addKernel();
    expect((await reader.ledger.readBalance(tenant)).totals.trial).toBe(CREDIT);
    expect((await reader.ledger.checkFunds(tenant, { kind: 'any' })).allowed).toBe(true);
    expect(reader.seen.headsFromFuture).toBe(2);
  });
});

describe('the movable clock', () => {
  it('moves every kernel that measures, and makes grants expire at their time', async () => {
    const [kernel, other] = [await fixture.addKernel(), await fixture.addKernel()];
    const tenant = await fixture.openTenant();
    const expiresAt = Date.now() + HOUR_MS;
    await kernel.ledger.grant(
      tenant,
      { bucket: 'trial', amount: CREDIT, expiresAt, actor: 'usr_test', reason: 'an hour' },
      caller(),
    );
    await moveClock(2 * HOUR_MS);
    onTestFinished(() => moveClock(0));
    await Promise.all([kernel.clock.measure(), other.clock.measure()]);
    const read = await other.ledger.readBalance(tenant);
    expect(read.totals.trial).toBe(0n);
    await give(other.ledger, tenant, CREDIT);
    const { entries } = await other.ledger.listEntries(tenant, {}, 10, '');
    expect(entries.map(({ entry }) => entry.type)).toEqual(['granted', 'grant_expired', 'granted', 'account_opened']);
    expect(entries[1]?.entry).toMatchObject({ dueAt: expiresAt });
  });
});

async function moveClock(offsetMs: number): Promise<void> {
  await fixture.connection
    .collection<{ _id: string; offset_ms: number }>('clock')
    .updateOne({ _id: 'offset' }, { $set: { offset_ms: offsetMs } }, { upsert: true });
}
