// Money of top-ups that goes back to its payer by refunds and disputes at the sandbox, and comes again: the credits follow, whatever
// the order of those who tell of it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import { CREDIT, callersOf } from './support/account.ts';
import { openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { DAY_MS, expectSound, openShop, type Shop, workspaceOf } from './support/subscription.ts';
import { openBuyer, type TopUpCalls, topUpCallsOf } from './support/top-up.ts';
import { trialCallsOf } from './support/trial.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

type Buyer = Awaited<ReturnType<typeof openBuyer>>;

/** A workspace that has bought ten credits by its stored card; its payment, and its charge at Stripe. */
async function openPaid(card = 'pm_card_visa', planCode = 'free') {
  const buyer = await openBuyer(shop, planCode);
  await buyer.workspace.storeCard(card);
  const { topUpId, paymentIntentId, status } = await buyer.begin({ useStoredCard: true });
  expect(status).toBe(TopUpStatus.SUCCEEDED);
  const intent = await shop.stripe.stripe.paymentIntents.retrieve(paymentIntentId);
  const charge = String(intent.latest_charge);
  return { ...buyer, topUpId, charge };
}

const refund = (charge: string, amount?: number) =>
  shop.stripe.stripe.refunds.create({ charge, ...(amount === undefined ? {} : { amount }) });

/** What a workspace has and owes, in credits. */
async function standingOf({ workspace }: Pick<Buyer, 'workspace'>): Promise<readonly number[]> {
  const { paygRemainingMicrocredits, deficitMicrocredits } = await workspace.balance();
  return [Number(paygRemainingMicrocredits) / Number(CREDIT), Number(deficitMicrocredits) / Number(CREDIT)];
}

/** Uses so many credits up. */
function spend({ workspace }: Pick<Buyer, 'workspace'>, credits: number) {
  return shop.callers.debit(workspace.tenantId, { quantity: String(credits) });
}

const returnedOf = async ({ get }: TopUpCalls, topUpId: string): Promise<bigint> =>
  (await get(topUpId)).returnedMinorUnits;

describe('a refund', () => {
  test('of all takes back all, where nothing was used', async () => {
    const buyer = await openPaid();
    await refund(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([0, 0]);
    await expect.poll(() => returnedOf(buyer, buyer.topUpId)).toBe(1_000n);
    expect((await buyer.get(buyer.topUpId)).status).toBe(TopUpStatus.SUCCEEDED);
    await expectSound(shop, buyer.workspace);
  });

  test('of a part takes back that part, and a second one the next', async () => {
    const buyer = await openPaid();
    await refund(buyer.charge, 250);
    await expect.poll(() => standingOf(buyer)).toEqual([7.5, 0]);
    await refund(buyer.charge, 333);
    await expect.poll(() => standingOf(buyer)).toEqual([4.17, 0]);
    await refund(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([0, 0]);
    await expectSound(shop, buyer.workspace);
  });

  test('of what was used is owed', async () => {
    const buyer = await openPaid();
    await spend(buyer, 10);
    await refund(buyer.charge, 400);
    await expect.poll(() => standingOf(buyer)).toEqual([0, 4]);
    await expectSound(shop, buyer.workspace);
  });

  test('that fails gives back what it took', async () => {
    const buyer = await openPaid();
    const { id } = await refund(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([0, 0]);
    shop.stripe.sandbox.control.failRefund(id);
    await expect.poll(() => standingOf(buyer)).toEqual([10, 0]);
    await expect.poll(() => returnedOf(buyer, buyer.topUpId)).toBe(0n);
    await expectSound(shop, buyer.workspace);
  });

  test('that is on its way takes back at once', async () => {
    const buyer = await openPaid('pm_card_pendingRefund');
    await refund(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([0, 0]);
    await shop.advance(DAY_MS + 60_000);
    expect(await standingOf(buyer)).toEqual([0, 0]);
  });

  test('of a payment that no kernel had seen yet leaves nothing', async () => {
    const { workspace, begin, pay, get } = await openBuyer(shop);
    const topUp = await begin();
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'hold' } });
    try {
      await pay(topUp);
      const intent = await shop.stripe.stripe.paymentIntents.retrieve(topUp.paymentIntentId);
      await refund(String(intent.latest_charge));
    } finally {
      shop.stripe.sandbox.control.clearDeliveryRules();
      await shop.stripe.sandbox.control.release('reverse');
    }
    await expect.poll(async () => (await get(topUp.topUpId)).returnedMinorUnits).toBe(1_000n);
    expect(await standingOf({ workspace })).toEqual([0, 0]);
  });

  test('of what was used is nobody’s debt where the policy waives it', async () => {
    const operator = operatorCallsOf(shop.callers);
    const key = { productCode: 'agentruntime', planCode: 'enterprise' };
    await operator.upsertPolicy({ ...key, refundDebtWaived: true }, ['refund_debt_waived']);
    const buyer = await openPaid('pm_card_visa', 'enterprise');
    await spend(buyer, 10);
    await refund(buyer.charge);
    await expect.poll(() => returnedOf(buyer, buyer.topUpId)).toBe(1_000n);
    expect(await standingOf(buyer)).toEqual([0, 0]);
    await expectSound(shop, buyer.workspace);
  });

  test('of one top-up leaves another alone, as long as that one has its own', async () => {
    const buyer = await openPaid();
    await buyer.begin({ useStoredCard: true });
    await refund(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([10, 0]);
  });
});

describe('a dispute', () => {
  test('takes back at once, and gives back where it is won', async () => {
    const buyer = await openPaid();
    const dispute = shop.stripe.sandbox.control.createDispute(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([0, 0]);
    shop.stripe.sandbox.control.closeDispute(dispute.id, 'won');
    await expect.poll(() => standingOf(buyer)).toEqual([10, 0]);
    await expect.poll(() => returnedOf(buyer, buyer.topUpId)).toBe(0n);
    await expectSound(shop, buyer.workspace);
  });

  test('that is lost takes back for good', async () => {
    const buyer = await openPaid();
    await spend(buyer, 10);
    const dispute = shop.stripe.sandbox.control.createDispute(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([0, 10]);
    shop.stripe.sandbox.control.closeDispute(dispute.id, 'lost');
    await shop.settle();
    expect(await standingOf(buyer)).toEqual([0, 10]);
    // The next top-up pays what is owed first.
    await buyer.begin({
      price: { minorUnits: 4_500n, currencyCode: 'usd' },
      microcredits: 50n * CREDIT,
      useStoredCard: true,
    });
    await expect.poll(() => standingOf(buyer)).toEqual([40, 0]);
    await expectSound(shop, buyer.workspace);
  });

  test('of what was refunded in part takes back the rest', async () => {
    const buyer = await openPaid();
    await refund(buyer.charge, 300);
    await expect.poll(() => standingOf(buyer)).toEqual([7, 0]);
    const dispute = shop.stripe.sandbox.control.createDispute(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([0, 0]);
    shop.stripe.sandbox.control.closeDispute(dispute.id, 'won');
    await expect.poll(() => standingOf(buyer)).toEqual([7, 0]);
  });
});

describe('what is told of returns', () => {
  test('is one event for each refund and dispute, whatever comes after, and however often it is looked at', async () => {
    const buyer = await openPaid();
    await refund(buyer.charge, 100);
    await expect.poll(() => standingOf(buyer)).toEqual([9, 0]);
    const { id } = await refund(buyer.charge, 200);
    await expect.poll(() => standingOf(buyer)).toEqual([7, 0]);
    shop.stripe.sandbox.control.failRefund(id);
    await expect.poll(() => standingOf(buyer)).toEqual([9, 0]);
    const dispute = shop.stripe.sandbox.control.createDispute(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([0, 0]);
    shop.stripe.sandbox.control.closeDispute(dispute.id, 'won');
    await expect.poll(() => standingOf(buyer)).toEqual([9, 0]);
    expect(await buyer.told()).toEqual([
      ...['topup.succeeded 1000', 'payment.refunded 100', 'payment.refunded 200', 'payment.disputed 900'],
    ]);
  });

  test.each(['forward', 'reverse'] as const)('%s and twice comes to the same', async (order) => {
    const buyer = await openPaid();
    const { control } = shop.stripe.sandbox;
    control.addDeliveryRule({ types: ['*'], action: { kind: 'hold' } });
    let ids: readonly string[] = [];
    try {
      await refund(buyer.charge, 100);
      const { id } = await refund(buyer.charge, 200);
      control.failRefund(id);
      const dispute = control.createDispute(buyer.charge);
      control.closeDispute(dispute.id, 'won');
      await refund(buyer.charge, 300).catch(() => undefined);
      ids = control.deliveries().map(({ event }) => event);
    } finally {
      control.clearDeliveryRules();
      await control.release(order);
    }
    for (const id of ids) control.resend(id);
    await control.settle();
    const kept = await shop.stripe.stripe.charges.retrieve(buyer.charge);
    await expect.poll(() => standingOf(buyer)).toEqual([10 - kept.amount_refunded / 100, 0]);
    await expectSound(shop, buyer.workspace);
  });

  test('to two kernels at once takes back once', async () => {
    const { mongodbUri } = shop.kernel;
    const second = await openKernel({ mongodbUri, stripe: shop.stripe.config }, { hasSoldPlans: false });
    const buyer = await openPaid();
    const { control } = shop.stripe.sandbox;
    control.setWebhook({ name: 'second', url: `${second.httpUrl}/stripe/webhook`, secrets: ['whsec_test_present'] });
    try {
      await Promise.all([refund(buyer.charge, 100), refund(buyer.charge, 200), refund(buyer.charge, 300)]);
      await control.settle();
      await expect.poll(() => standingOf(buyer)).toEqual([4, 0]);
      const callers = callersOf(second);
      const counter = { kernel: second, callers, stripe: shop.stripe, trials: trialCallsOf(callers) };
      const there = topUpCallsOf(counter, await workspaceOf(counter, buyer.workspace.tenantId));
      await expect.poll(() => returnedOf(there, buyer.topUpId)).toBe(600n);
    } finally {
      control.setWebhook({
        name: 'second',
        url: `${shop.kernel.httpUrl}/stripe/webhook`,
        secrets: ['whsec_test_present'],
      });
      await second.close();
    }
    await expectSound(shop, buyer.workspace);
  });
});
