// Holds and corrections on the real engine, over several kernels at once. What the rules are is proven in test/domain.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Posting, TenantRef } from '../../kernel/app/ledger/ledger.ts';
import type { Reason } from '../../kernel/domain/error.ts';
import type { HoldId, Instant } from '../../kernel/domain/id.ts';
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

const OPERATOR = { actor: 'usr_operator', reason: 'charged by mistake' };
const MINUTE_MS = 60_000;

let fixture: LedgerFixture;
let kernels: [FixtureKernel, FixtureKernel, FixtureKernel];

beforeAll(async () => {
  fixture = await openLedgerFixture();
  kernels = [await fixture.addKernel(), await fixture.addKernel(), await fixture.addKernel()];
});
afterAll(() => fixture.close());

const kernelAt = (index: number): FixtureKernel => kernels[(index % 3) as 0 | 1 | 2];

function reserve(kernel: FixtureKernel, tenant: TenantRef, credits: string): Promise<Posting> {
  const expiresAt = kernel.clock.now() + MINUTE_MS;
  return kernel.ledger.reserve(tenant, { action: ACTION, quantity: quantity(credits), expiresAt }, caller());
}

function holdIdOf({ posted: { entry } }: Posting): HoldId {
  if (!('holdId' in entry)) throw new Error(`${entry.type} is no entry of a hold`);
  return entry.holdId;
}

function settle(
  kernel: FixtureKernel,
  tenant: TenantRef,
  holdId: HoldId,
  credits: string,
  part: { readonly partId: string; readonly final: boolean },
): Promise<Posting> {
  return kernel.ledger.settle(tenant, { holdId, quantity: quantity(credits), ...part }, caller());
}

async function entriesOf(tenant: TenantRef): Promise<readonly Posting['posted'][]> {
  const page = await kernels[0].ledger.listEntries(tenant, {}, 1_000, '');
  expect(page.nextPageToken).toBe('');
  return page.entries.toReversed();
}

const SETTLED_IN_TIME = ['reserved', 'settled'];
const SETTLED_AFTER_EXPIRY = ['reserved', 'hold_expired', 'settled late'];
const SETTLED_AFTER_RELEASE = ['reserved', 'hold_released', 'settled late'];

/** What was recorded of each hold, in its order. */
async function recordsByHold(tenant: TenantRef): Promise<ReadonlyMap<HoldId, readonly string[]>> {
  const records = new Map<HoldId, string[]>();
  for (const { entry } of await entriesOf(tenant)) {
    if (!('holdId' in entry)) continue;
    const record = entry.type === 'settled' && entry.late ? 'settled late' : entry.type;
    records.set(entry.holdId, [...(records.get(entry.holdId) ?? []), record]);
  }
  return records;
}

/** Reserves through all kernels; the holds expire together, so late that no machine is too slow for what comes before. */
async function reserveMany(
  tenant: TenantRef,
  count: number,
  credits: string,
): Promise<{ readonly holds: readonly HoldId[]; readonly expiresAt: Instant }> {
  const expiresAt = kernels[0].clock.now() + 10 * MINUTE_MS;
  const input = { action: ACTION, quantity: quantity(credits), expiresAt };
  const postings = await Promise.all(
    Array.from({ length: count }, (_, index) => kernelAt(index).ledger.reserve(tenant, input, caller())),
  );
  return { holds: postings.map(holdIdOf), expiresAt };
}

/** Moves the database's time forward; resolves when every kernel knows. */
async function moveTimeTo(instant: Instant): Promise<void> {
  const clock = fixture.connection.collection<{ readonly _id: string; readonly offset_ms: number }>('clock');
  const ahead = instant - kernels[0].clock.estimate();
  await clock.updateOne({ _id: 'offset' }, { $inc: { offset_ms: ahead } }, { upsert: true });
  // A measurement that runs already may have read the time before.
  for (const _ of ['running', 'next']) await Promise.all(kernels.map((kernel) => kernel.clock.measure()));
}

/** Records what is due, again and again, for as long as something else goes on. */
async function recordDueUntil(kernel: FixtureKernel, { tenantId }: TenantRef, work: Promise<unknown>): Promise<void> {
  let isOver = false;
  const watching = work.then(() => {
    isOver = true;
  });
  while (!isOver) {
    await kernel.ledger.recordDue(tenantId);
    await delay(10);
  }
  await watching;
}

describe('a hold', () => {
  it('is seen, settled in parts and ended by other kernels than the one that made it', async () => {
    const tenant = await fixture.openTenant(10n * CREDIT);
    const holdId = holdIdOf(await reserve(kernels[0], tenant, '6'));
    expect((await kernels[1].ledger.readBalance(tenant)).totals).toMatchObject({
      payg: 10n * CREDIT,
      held: 6n * CREDIT,
    });
    await expect(debit(kernels[1].ledger, tenant, '5')).rejects.toMatchObject({ reason: 'INSUFFICIENT_CREDITS' });
    await settle(kernels[1], tenant, holdId, '2', { partId: 'a', final: false });
    expect((await kernels[2].ledger.readBalance(tenant)).totals).toMatchObject({
      payg: 8n * CREDIT,
      held: 4n * CREDIT,
    });
    await settle(kernels[2], tenant, holdId, '9', { partId: 'b', final: true });
    const { totals } = await kernels[0].ledger.readBalance(tenant);
    expect(totals).toEqual({ trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: CREDIT });
    expect((await kernels[0].ledger.listHolds(tenant, 10, '')).holds).toEqual([]);
  });

  it('survives in the stored state of an account with many others', async () => {
    const tenant = await fixture.openTenant(100n * CREDIT);
    const ids = await Promise.all(Array.from({ length: 40 }, (_, i) => reserve(kernelAt(i), tenant, '1')));
    const cold = await fixture.addKernel();
    const { holds } = await cold.ledger.listHolds(tenant, 1_000, '');
    expect(new Set(holds.map(({ holdId }) => holdId))).toEqual(new Set(ids.map(holdIdOf)));
    expect((await cold.ledger.readBalance(tenant)).totals.held).toBe(40n * CREDIT);
  });

  it('that was never made is not found, one that has ended is told apart', async () => {
    const tenant = await fixture.openTenant(10n * CREDIT);
    const other = await fixture.openTenant(10n * CREDIT);
    const holdId = holdIdOf(await reserve(kernels[0], tenant, '1'));
    const { ledger } = kernels[1];
    await expect(ledger.release(other, holdId, caller())).rejects.toMatchObject({ reason: 'HOLD_NOT_FOUND' });
    await expect(settle(kernels[1], other, holdId, '1', { partId: 'a', final: true })).rejects.toMatchObject({
      reason: 'HOLD_NOT_FOUND',
    });
    await expect(ledger.release(tenant, 'hld_none' as HoldId, caller())).rejects.toMatchObject({
      reason: 'HOLD_NOT_FOUND',
    });
    await ledger.release(tenant, holdId, caller());
    await expect(ledger.release(tenant, holdId, caller())).rejects.toMatchObject({ reason: 'HOLD_ENDED' });
    await expect(ledger.extend(tenant, { holdId, additionalQuantity: quantity('1') }, caller())).rejects.toMatchObject({
      reason: 'HOLD_ENDED',
    });
  });
});

describe('races over three kernels', () => {
  it('settle against expiry: the work is charged once, whoever comes first', async () => {
    const tenant = await fixture.openTenant(100n * CREDIT);
    const { holds, expiresAt } = await reserveMany(tenant, 30, '2');
    const [early, racing, late] = [holds.slice(0, 4), holds.slice(4, 26), holds.slice(26)];
    const settleTwice = (holdId: HoldId): Promise<readonly Posting[]> =>
      Promise.all([0, 1].map((at) => settle(kernelAt(at), tenant, holdId, '3', { partId: 'only', final: true })));
    const results = await Promise.all(early.map(settleTwice));
    await moveTimeTo(expiresAt - 600);
    // From 440 ms before the expiry until 400 ms after it, while a third kernel records what is due.
    const racers = racing.map(async (holdId, index) => {
      await delay(Math.max(0, expiresAt + (index - 11) * 40 - kernels[0].clock.estimate()));
      return settleTwice(holdId);
    });
    const recorder = recordDueUntil(kernels[2], tenant, Promise.allSettled(racers));
    results.push(...(await Promise.all(racers)));
    await recorder;
    await delay(Math.max(0, expiresAt + 100 - kernels[0].clock.estimate()));
    await kernels[2].ledger.recordDue(tenant.tenantId);
    results.push(...(await Promise.all(late.map(settleTwice))));
    for (const pair of results) expect(pair.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const { totals } = await kernels[0].ledger.readBalance(tenant);
    expect(totals).toEqual({ trial: 0n, included: 0n, payg: 10n * CREDIT, held: 0n, deficit: 0n });
    const records = await recordsByHold(tenant);
    for (const holdId of early) expect(records.get(holdId)).toEqual(SETTLED_IN_TIME);
    for (const holdId of late) expect(records.get(holdId)).toEqual(SETTLED_AFTER_EXPIRY);
    for (const holdId of racing) {
      expect([SETTLED_IN_TIME, SETTLED_AFTER_EXPIRY]).toContainEqual(records.get(holdId));
    }
  });

  it('release against settle: the hold ends once, the work is charged in any case', async () => {
    const tenant = await fixture.openTenant(100n * CREDIT);
    const { holds } = await reserveMany(tenant, 20, '2');
    const release = (holdId: HoldId, at: number): Promise<Posting> =>
      kernelAt(at).ledger.release(tenant, holdId, caller());
    const charge = (holdId: HoldId, at: number): Promise<Posting> =>
      settle(kernelAt(at), tenant, holdId, '1', { partId: 'only', final: true });
    const ended = await Promise.all(
      holds.map(async (holdId, index): Promise<readonly [HoldId, 'released' | Reason]> => {
        // A few in one order, a few in the other, and the most at once.
        const before = index < 4 ? charge(holdId, index + 1) : undefined;
        await before;
        const releasing = release(holdId, index).then(() => 'released' as const, reasonOf);
        if (index >= 4 && index < 8) await releasing;
        await (before ?? charge(holdId, index + 1));
        return [holdId, await releasing];
      }),
    );
    const records = await recordsByHold(tenant);
    for (const [holdId, outcome] of ended) {
      const isReleased = outcome === 'released';
      if (!isReleased) expect(outcome).toBe('HOLD_ENDED');
      expect(records.get(holdId)).toEqual(isReleased ? SETTLED_AFTER_RELEASE : SETTLED_IN_TIME);
    }
    const outcomes = ended.map(([, outcome]) => outcome);
    expect(outcomes.slice(0, 8)).toEqual([...Array(4).fill('HOLD_ENDED'), ...Array(4).fill('released')]);
    expect((await kernels[2].ledger.readBalance(tenant)).totals).toMatchObject({ payg: 80n * CREDIT, held: 0n });
    expect((await kernels[2].ledger.listHolds(tenant, 100, '')).holds).toEqual([]);
  });

  it('reverse twice: one reversal, its replays, and a clear refusal for everyone else', async () => {
    const tenant = await fixture.openTenant(10n * CREDIT);
    const { posted } = await debit(kernels[0].ledger, tenant, '4');
    const input = { entryId: posted.entryId, ...OPERATOR };
    const asked = Array.from({ length: 12 }, (_, i) =>
      kernelAt(i).ledger.reverse(tenant, input, caller(i % 2 === 0 ? 'same' : undefined)),
    );
    const { values, reasons } = await settleAll(asked);
    expect(values.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(reasons)).toEqual(new Set(['ENTRY_ALREADY_REVERSED']));
    expect((await kernels[1].ledger.readBalance(tenant)).totals.payg).toBe(10n * CREDIT);
    expect((await entriesOf(tenant)).filter(({ entry }) => entry.type === 'reversed')).toHaveLength(1);
  });

  it('debit against grant: every credit is spent at most once and none is lost', async () => {
    const tenant = await fixture.openTenant();
    const debits = Array.from({ length: 30 }, (_, i) => debit(kernelAt(i).ledger, tenant, '1'));
    const grants = Array.from({ length: 20 }, (_, i) => give(kernelAt(i + 1).ledger, tenant, CREDIT));
    const [spent, given] = await Promise.all([settleAll(debits), settleAll(grants)]);
    expect(given.values).toHaveLength(20);
    expect(new Set(spent.reasons)).toEqual(new Set(spent.reasons.length === 0 ? [] : ['INSUFFICIENT_CREDITS']));
    const { totals } = await kernels[0].ledger.readBalance(tenant);
    expect(totals.payg).toBe((20n - BigInt(spent.values.length)) * CREDIT);
    expect(totals.deficit).toBe(0n);
  });

  it('the same part settled from everywhere is charged once', async () => {
    const tenant = await fixture.openTenant(10n * CREDIT);
    const holdId = holdIdOf(await reserve(kernels[0], tenant, '5'));
    const results = await Promise.all(
      Array.from({ length: 15 }, (_, i) => settle(kernelAt(i), tenant, holdId, '2', { partId: 'one', final: false })),
    );
    expect(results.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect((await kernels[1].ledger.readBalance(tenant)).totals).toMatchObject({
      payg: 8n * CREDIT,
      held: 3n * CREDIT,
    });
    await expect(settle(kernels[2], tenant, holdId, '3', { partId: 'one', final: false })).rejects.toMatchObject({
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
  });
});
