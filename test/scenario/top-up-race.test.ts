// Top-ups over two kernels at once: fifty calls with one key are one invoice, one charge and one grant; top-ups and debits that meet
// lose nothing of each other; and what Stripe tells comes to the same in any order, however often and to whichever kernel.

import fc from 'fast-check';
import type { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import { CREDIT, callersOf } from '../contract/support/account.ts';
import { deliverEvent } from '../contract/support/delivery.ts';
import { settle } from '../contract/support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from '../contract/support/kernel-fixture.ts';
import { type Counter, expectSound, openShop, type Shop, workspaceOf } from '../contract/support/subscription.ts';
import { openBuyer, type TopUpCalls, topUpCallsOf } from '../contract/support/top-up.ts';
import { trialCallsOf } from '../contract/support/trial.ts';
import { roundCount } from '../support/round-count.ts';

const CALLS = 50;
const PURCHASES = 8;

let shop: Shop;
let second: KernelFixture;
/** The same shop, by the other kernel. */
let there: Counter;

beforeAll(async () => {
  shop = await openShop({ isDeaf: true });
  const { mongodbUri } = shop.kernel;
  second = await openKernel({ mongodbUri, stripe: shop.stripe.config }, { hasSoldPlans: false });
  const callers = callersOf(second);
  there = { kernel: second, callers, stripe: shop.stripe, trials: trialCallsOf(callers) };
});
afterAll(async () => {
  await second.close();
  await shop.close();
});

/** A buyer, and the same one by the other kernel. */
async function openBuyers() {
  const buyer = await openBuyer(shop);
  const other = topUpCallsOf(there, await workspaceOf(there, buyer.workspace.tenantId));
  const by = (index: number): TopUpCalls => (index % 2 === 0 ? buyer : other);
  return { buyer, by };
}

describe('fifty calls with one key', () => {
  test.each([
    ['by the stored card', true],
    ['on a page', false],
  ])('are one top-up %s: one invoice, one charge, one grant', async (_, useStoredCard) => {
    const { buyer, by } = await openBuyers();
    await buyer.workspace.storeCard();
    const requestId = newRequestId();
    const calls = Array.from({ length: CALLS }, (__, index) => by(index).create({ requestId, useStoredCard }));
    const { answers, failures } = await settle(calls);
    expect(failures).toEqual([]);
    const [first] = answers;
    expect(new Set(answers.map(({ topUp }) => topUp?.topUpId))).toEqual(new Set([first?.topUp?.topUpId]));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    if (!useStoredCard && first?.topUp !== undefined) {
      await buyer.pay(first.topUp);
      await settle(Array.from({ length: CALLS }, (__, index) => by(index).get(first.topUp?.topUpId ?? '')));
    }
    expect((await buyer.invoices()).map(({ status }) => status)).toEqual(['paid']);
    expect(await buyer.workspace.charged()).toEqual([1_000]);
    expect(await buyer.grants()).toHaveLength(1);
    expect(await buyer.payg()).toBe(10n * CREDIT);
    await expectSound(shop, buyer.workspace);
  });
});

test('top-ups and debits that meet lose nothing of each other', async () => {
  const { buyer, by } = await openBuyers();
  const { tenantId } = buyer.workspace;
  await buyer.workspace.storeCard();
  await buyer.begin({ useStoredCard: true });
  const [bought, used] = await Promise.all([
    settle(Array.from({ length: PURCHASES }, (_, index) => by(index).create({ useStoredCard: true }))),
    settle(
      Array.from({ length: CALLS }, (_, index) =>
        (index % 2 === 0 ? shop : there).callers.debit(tenantId, { quantity: '0.5' }),
      ),
    ),
  ]);
  expect(bought.failures).toEqual([]);
  // Who has waited long enough is answered before it is paid: how it ends shows later.
  for (const { topUp } of bought.answers) {
    await expect.poll(async () => (await buyer.get(topUp?.topUpId ?? '')).status).toBe(TopUpStatus.SUCCEEDED);
  }
  const refused = used.failures.filter(({ reason }) => reason !== 'INSUFFICIENT_CREDITS');
  expect(refused).toEqual([]);
  expect(await buyer.grants()).toHaveLength(1 + PURCHASES);
  expect(await buyer.workspace.charged()).toHaveLength(1 + PURCHASES);
  expect(await buyer.payg()).toBe(BigInt(1 + PURCHASES) * 10n * CREDIT - (BigInt(used.answers.length) * CREDIT) / 2n);
  await expectSound(shop, buyer.workspace);
});

test('a cancellation against a payment leaves one of the two', async () => {
  for (let round = 0; round < roundCount(4, 40); round += 1) {
    const { buyer, by } = await openBuyers();
    const topUp = await buyer.begin();
    await settle<unknown>([by(1).cancel(topUp.topUpId), by(0).pay(topUp), by(1).get(topUp.topUpId)]);
    const [invoice] = await buyer.invoices();
    const { status } = await buyer.get(topUp.topUpId);
    expect([status, await buyer.payg()]).toEqual(
      invoice?.status === 'paid' ? [TopUpStatus.SUCCEEDED, 10n * CREDIT] : [TopUpStatus.CANCELED, 0n],
    );
  }
});

/** Buys, fails to buy, gets a part back and back again, of which no kernel is told. */
async function live() {
  const buyer = await openBuyer(shop);
  const { stripe, sandbox } = shop.stripe;
  const paid = await buyer.begin();
  await buyer.pay(paid, '4000 0000 0000 9995');
  await buyer.pay(paid);
  const { latest_charge: charge } = await stripe.paymentIntents.retrieve(paid.paymentIntentId);
  await stripe.refunds.create({ charge: String(charge), amount: 250 });
  const { id } = await stripe.refunds.create({ charge: String(charge), amount: 100 });
  sandbox.control.failRefund(id);
  const other = await buyer.begin();
  await buyer.pay(other);
  const disputed = await stripe.paymentIntents.retrieve(other.paymentIntentId);
  const dispute = sandbox.control.createDispute(String(disputed.latest_charge));
  sandbox.control.closeDispute(dispute.id, 'won');
  const open = await buyer.begin();
  const names = [await buyer.workspace.customerId(), paid.paymentIntentId, other.paymentIntentId, open.paymentIntentId];
  const events = await stripe.events.list({ limit: 100 });
  const isOurs = (event: Stripe.Event): boolean => names.some((name) => JSON.stringify(event).includes(name));
  return { buyer, topUps: [paid, other, open], events: events.data.filter(isOurs) };
}

test('what Stripe tells comes to the same in any order, twice, and to two kernels', async () => {
  const urls = [shop.kernel.httpUrl, second.httpUrl];
  for (let round = 0; round < roundCount(3, 20); round += 1) {
    const { buyer, topUps, events } = await live();
    expect(events.length).toBeGreaterThan(10);
    const [order = []] = fc.sample(fc.shuffledSubarray([...events, ...events], { minLength: 2 * events.length }), {
      numRuns: 1,
      seed: round,
    });
    await Promise.all(order.map((event, index) => deliverEvent(urls[index % 2] ?? '', JSON.stringify(event))));
    const balance = async () => [await buyer.payg(), (await buyer.workspace.balance()).deficitMicrocredits];
    await expect.poll(balance, { timeout: 15_000 }).toEqual([17_500_000n, 0n]);
    // Credits are there before the top-up says so, and the answer of who looks may be the one from before.
    const look = async () => {
      const found = await Promise.all(topUps.map(({ topUpId }) => buyer.get(topUpId)));
      return found.map(({ status, returnedMinorUnits }) => [status, returnedMinorUnits]);
    };
    const { SUCCEEDED, REQUIRES_PAYMENT_METHOD } = TopUpStatus;
    await expect.poll(look).toEqual([
      [SUCCEEDED, 250n],
      [SUCCEEDED, 0n],
      [REQUIRES_PAYMENT_METHOD, 0n],
    ]);
    expect(await buyer.grants()).toHaveLength(2);
    await expectSound(shop, buyer.workspace);
  }
});
