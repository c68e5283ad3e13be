// Holds and corrections on the real engine, over several kernels at once. What the rules are is proven in test/domain.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Posting, TenantRef } from '../../kernel/app/ledger/ledger.ts';
import type { HoldRecord } from '../../kernel/domain/entry.ts';
import type { HoldId } from '../../kernel/domain/id.ts';
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

function reserve(kernel: FixtureKernel, tenant: TenantRef, credits: string, lastingMs = MINUTE_MS): Promise<Posting> {
  const expiresAt = kernel.clock.now() + lastingMs;
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

async function holdRecordsOf(tenant: TenantRef): Promise<readonly HoldRecord['type'][]> {
  return (await entriesOf(tenant)).flatMap(({ entry }) => ('holdId' in entry ? [entry.type] : []));
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
    const holds = await Promise.all(Array.from({ length: 12 }, (_, i) => reserve(kernelAt(i), tenant, '2', 400)));
    await delay(380);
    const parts = holds.flatMap((posting, index) =>
      [0, 1, 2].map((at) => settle(kernelAt(at), tenant, holdIdOf(posting), '3', { partId: `p${index}`, final: true })),
    );
    const results = await Promise.all(parts);
    expect(results.filter(({ replayed }) => !replayed)).toHaveLength(12);
    await delay(100);
    const { totals } = await kernels[0].ledger.readBalance(tenant);
    expect(totals).toEqual({ trial: 0n, included: 0n, payg: 64n * CREDIT, held: 0n, deficit: 0n });
    const records = await holdRecordsOf(tenant);
    expect(records.filter((type) => type === 'settled')).toHaveLength(12);
  });

  it('release against settle: the hold ends once, the work is charged in any case', async () => {
    const tenant = await fixture.openTenant(100n * CREDIT);
    const holds = await Promise.all(Array.from({ length: 12 }, (_, i) => reserve(kernelAt(i), tenant, '2')));
    const { values, reasons } = await settleAll(
      holds.flatMap((posting, index) => [
        kernelAt(index).ledger.release(tenant, holdIdOf(posting), caller()),
        settle(kernelAt(index + 1), tenant, holdIdOf(posting), '1', { partId: 'only', final: true }),
      ]),
    );
    expect(new Set(reasons)).toEqual(new Set(reasons.length === 0 ? [] : ['HOLD_ENDED']));
    expect(values.filter(({ posted }) => posted.entry.type === 'settled')).toHaveLength(12);
    expect((await kernels[2].ledger.readBalance(tenant)).totals).toMatchObject({ payg: 88n * CREDIT, held: 0n });
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
