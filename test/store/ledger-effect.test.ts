// Credits that the kernel gives and takes back by itself, over a real database and several kernels: once for what they are for.

import { v7 as newUuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PaybackReading, TenantRef } from '../../kernel/app/ledger/ledger.ts';
import type { TopUpId } from '../../kernel/domain/id.ts';
import { paybackKey, paymentKey, paymentSource } from '../../kernel/domain/payback.ts';
import {
  CREDIT,
  caller,
  debit,
  type FixtureKernel,
  type LedgerFixture,
  openLedgerFixture,
} from '../support/ledger-fixture.ts';

const COUNT = 20;

let fixture: LedgerFixture;
let kernels: readonly FixtureKernel[];

beforeAll(async () => {
  fixture = await openLedgerFixture();
  kernels = await Promise.all([fixture.addKernel(), fixture.addKernel()]);
});
afterAll(() => fixture.close());

function ledgerOf(index: number): FixtureKernel['ledger'] {
  const kernel = kernels[index % kernels.length];
  if (kernel === undefined) throw new Error('there are no kernels');
  return kernel.ledger;
}

function topUpOf(topUpId: TopUpId, amount = 10n * CREDIT) {
  return { key: paymentKey(topUpId), bucket: 'payg', amount, source: paymentSource(topUpId) } as const;
}

interface Paid {
  readonly tenant: TenantRef;
  readonly topUpId: TopUpId;
}

/** A workspace with a top-up of ten credits. */
async function openPaid(): Promise<Paid> {
  const tenant = await fixture.openTenant();
  const topUpId = `pay_${newUuid()}` as TopUpId;
  await ledgerOf(0).giveCredit(tenant, topUpOf(topUpId));
  return { tenant, topUpId };
}

async function readOf(tenant: TenantRef, topUpId: TopUpId): Promise<PaybackReading> {
  const reading = await ledgerOf(1).readPayback(tenant, topUpId);
  if (reading === undefined) throw new Error('its credits have not come');
  return reading;
}

describe('credits of a payment', () => {
  test('come once, whoever says so how often, and whatever else it says', async () => {
    const tenant = await fixture.openTenant();
    const topUpId = `pay_${newUuid()}` as TopUpId;
    const calls = Array.from({ length: COUNT }, (_, index) =>
      ledgerOf(index).giveCredit(tenant, topUpOf(topUpId, BigInt(index + 1) * CREDIT)),
    );
    const postings = await Promise.all(calls);
    expect(postings.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const [first] = postings;
    for (const { posted } of postings) expect(posted).toEqual(first?.posted);
    const { totals } = await ledgerOf(0).readBalance(tenant);
    expect(first?.posted.entry).toMatchObject({
      type: 'granted',
      grant: { granted: totals.payg, source: `payment:${topUpId}` },
    });
  });

  test('can be looked up by what they are for, and by nothing else', async () => {
    const { tenant, topUpId } = await openPaid();
    const other = paymentKey('pay_none' as TopUpId);
    const found = await ledgerOf(1).findByKeys(tenant, [other, paymentKey(topUpId)]);
    expect([...found.keys()]).toEqual([paymentKey(topUpId)]);
    expect(await ledgerOf(1).readPayback(tenant, 'pay_none' as TopUpId)).toBeUndefined();
    const stranger = await fixture.openTenant();
    expect(await ledgerOf(0).findByKeys(stranger, [paymentKey(topUpId)])).toEqual(new Map());
  });
});

describe('what is taken back of them', () => {
  test('is settled once by many who read the same, and by those after them from where it stands then', async () => {
    const { tenant, topUpId } = await openPaid();
    const reading = await readOf(tenant, topUpId);
    expect(reading).toMatchObject({ credits: 10n * CREDIT, number: 1, total: 0n, waivedTotal: 0n, isReversed: false });
    const settled = await Promise.all(
      Array.from({ length: COUNT }, (_, index) =>
        ledgerOf(index).settlePayback(tenant, reading, BigInt(index % 2 === 0 ? 4 : 7) * CREDIT, false),
      ),
    );
    expect(settled.filter(Boolean)).toHaveLength(1);
    const next = await readOf(tenant, topUpId);
    expect(next.number).toBe(2);
    expect([4n * CREDIT, 7n * CREDIT]).toContain(next.total);
    expect(await ledgerOf(0).settlePayback(tenant, next, 10n * CREDIT, false)).toBe(true);
    const { totals } = await ledgerOf(1).readBalance(tenant);
    expect(totals).toMatchObject({ payg: 0n, deficit: 0n });
    expect(await ledgerOf(0).findByKeys(tenant, [paybackKey(topUpId, 2)])).toHaveProperty('size', 1);
  });

  test('follows older facts never: who read before somebody settled is told so', async () => {
    const { tenant, topUpId } = await openPaid();
    const old = await readOf(tenant, topUpId);
    expect(await ledgerOf(0).settlePayback(tenant, old, 10n * CREDIT, false)).toBe(true);
    expect(await ledgerOf(1).settlePayback(tenant, old, 3n * CREDIT, false)).toBe(false);
    expect(await readOf(tenant, topUpId)).toMatchObject({ number: 2, total: 10n * CREDIT });
  });

  test('is found after more settlements than are looked for at once', async () => {
    const { tenant, topUpId } = await openPaid();
    for (let number = 1; number <= 9; number += 1) {
      const reading = await readOf(tenant, topUpId);
      expect(reading.number).toBe(number);
      await ledgerOf(number).settlePayback(tenant, reading, BigInt(number % 2) * CREDIT, false);
    }
    expect(await readOf(tenant, topUpId)).toMatchObject({ number: 10, total: CREDIT });
    expect((await ledgerOf(0).readBalance(tenant)).totals).toMatchObject({ payg: 9n * CREDIT });
  });

  test('is owed where it was used, and nothing where an operator took it all back by hand', async () => {
    const { tenant, topUpId } = await openPaid();
    await debit(ledgerOf(0), tenant, '8');
    await ledgerOf(0).settlePayback(tenant, await readOf(tenant, topUpId), 10n * CREDIT, false);
    expect((await ledgerOf(1).readBalance(tenant)).totals).toMatchObject({ payg: 0n, deficit: 8n * CREDIT });
    const second = await openPaid();
    const given = (await ledgerOf(0).findByKeys(second.tenant, [paymentKey(second.topUpId)])).get(
      paymentKey(second.topUpId),
    );
    const by = { actor: 'usr_operator', reason: 'paid back by hand' };
    await ledgerOf(0).reverse(second.tenant, { entryId: given?.entryId ?? '', ...by }, caller());
    const reading = await readOf(second.tenant, second.topUpId);
    expect(reading.isReversed).toBe(true);
    expect(await ledgerOf(0).settlePayback(second.tenant, reading, 10n * CREDIT, false)).toBe(true);
    expect((await ledgerOf(1).readBalance(second.tenant)).totals).toMatchObject({ payg: 0n, deficit: 0n });
  });
});
