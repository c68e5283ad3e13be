// What Stripe may do to a top-up: failures that it has stored, answers that are lost or ask to wait, a refusal, invoices that somebody
// changes by hand; and what time does to one.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import { CloseTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { CREDIT } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { newRequestId } from './support/kernel-fixture.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { expectSound, HOUR_MS, openShop, type Shop, type Workspace } from './support/subscription.ts';
import { openBuyer } from './support/top-up.ts';

const CREATE = '/v1/invoices';
const ITEM = '/v1/invoiceitems';
const FINALIZE = '/v1/invoices/{id}/finalize';
const PAY = '/v1/invoices/{id}/pay';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterEach(() => shop.stripe.sandbox.control.clearFaults());
afterAll(() => shop.close());

type Buyer = Awaited<ReturnType<typeof openBuyer>>;

/** Asks for ten credits by the stored card, and again as long as that is under way; then there is one of everything. */
async function expectBought(buyer: Buyer): Promise<void> {
  const request = { requestId: newRequestId(), useStoredCard: true };
  const ask = async () => (await buyer.create(request)).topUp?.status;
  await expect.poll(ask, { timeout: 45_000 }).toBe(TopUpStatus.SUCCEEDED);
  expect(await buyer.workspace.charged()).toEqual([1_000]);
  expect((await buyer.invoices()).filter(({ status }) => status === 'paid')).toHaveLength(1);
  expect(await buyer.grants()).toHaveLength(1);
  expect(await buyer.payg()).toBe(10n * CREDIT);
  await expectSound(shop, buyer.workspace);
}

async function openCardHolder(): Promise<Buyer> {
  const buyer = await openBuyer(shop);
  await buyer.workspace.storeCard();
  return buyer;
}

describe('a call to Stripe for a top-up', () => {
  test.each([
    [CREATE, 'failed'],
    [CREATE, 'done_but_failed'],
    [ITEM, 'done_but_lost'],
    [FINALIZE, 'done_but_failed'],
    [PAY, 'failed'],
    [PAY, 'done_but_failed'],
    [PAY, 'done_but_lost'],
  ] as const)('%s that is %s takes money once', async (path, outcome) => {
    const buyer = await openCardHolder();
    shop.stripe.sandbox.control.addFault({ method: 'POST', path, times: 1, outcome, status: 500 });
    await expectBought(buyer);
    expect(shop.stripe.sandbox.control.faults()).toEqual([]);
    expect(await buyer.invoices()).toHaveLength(1);
  });

  test.each([409, 503])('that is to wait (%i) is made again, and nothing twice', async (status) => {
    const buyer = await openCardHolder();
    shop.stripe.sandbox.control.addFault({ method: 'POST', path: CREATE, times: 4, outcome: 'refused', status });
    await expectBought(buyer);
    expect(await buyer.invoices()).toHaveLength(1);
  });

  test('that is refused ends it, with Stripe’s words, and a retry is told the same', async () => {
    const buyer = await openCardHolder();
    shop.stripe.sandbox.control.addFault({ method: 'POST', path: CREATE, times: 1, outcome: 'refused', status: 400 });
    const request = { requestId: newRequestId() };
    for (let tries = 0; tries < 2; tries += 1) {
      expect(await failureOf(buyer.create(request))).toMatchObject({ reason: 'STRIPE_REFUSED' });
    }
    expect(await buyer.invoices()).toEqual([]);
    expect((await buyer.list()).topUps.map(({ status }) => status)).toEqual([TopUpStatus.CANCELED]);
  });

  test('that is refused half way leaves nothing that could be paid', async () => {
    const buyer = await openCardHolder();
    shop.stripe.sandbox.control.addFault({ method: 'POST', path: FINALIZE, times: 1, outcome: 'refused', status: 400 });
    expect((await buyer.begin({ useStoredCard: true })).status).toBe(TopUpStatus.CANCELED);
    expect(await buyer.invoices()).toEqual([]);
    expect(await buyer.workspace.charged()).toEqual([]);
  });
});

describe('a caller', () => {
  test('who can’t wait for Stripe is told so, and it goes on', async () => {
    const buyer = await openCardHolder();
    shop.stripe.sandbox.control.addFault({ method: 'POST', path: PAY, times: 1, delayMs: 1_500 });
    const requestId = newRequestId();
    const first = await buyer.create({ requestId, useStoredCard: true }, { deadlineMs: 900 });
    expect(first.topUp?.status).not.toBe(TopUpStatus.SUCCEEDED);
    await expect.poll(buyer.payg, { timeout: 10_000 }).toBe(10n * CREDIT);
    expect(await buyer.create({ requestId, useStoredCard: true })).toMatchObject({
      ...{ topUp: { status: TopUpStatus.SUCCEEDED }, replayed: true },
    });
    expect(await buyer.workspace.charged()).toEqual([1_000]);
  });
});

describe('an invoice that somebody changes at Stripe by hand', () => {
  test('and voids is a top-up that is canceled', async () => {
    const buyer = await openBuyer(shop);
    const { topUpId, status } = await buyer.begin();
    expect(status).toBe(TopUpStatus.REQUIRES_PAYMENT_METHOD);
    const [invoice] = await buyer.invoices();
    await shop.stripe.stripe.invoices.voidInvoice(invoice?.id ?? '');
    await expect.poll(async () => (await buyer.get(topUpId)).status).toBe(TopUpStatus.CANCELED);
  });

  test('and gives up can be paid all the same', async () => {
    const buyer = await openBuyer(shop);
    const topUp = await buyer.begin();
    const [invoice] = await buyer.invoices();
    await shop.stripe.stripe.invoices.markUncollectible(invoice?.id ?? '');
    expect((await buyer.get(topUp.topUpId)).status).toBe(TopUpStatus.REQUIRES_PAYMENT_METHOD);
    await buyer.pay(topUp);
    expect((await buyer.get(topUp.topUpId)).status).toBe(TopUpStatus.SUCCEEDED);
    expect(await buyer.payg()).toBe(10n * CREDIT);
  });

  test('and settles outside of Stripe is paid', async () => {
    const buyer = await openBuyer(shop);
    const topUp = await buyer.begin();
    const [invoice] = await buyer.invoices();
    await shop.stripe.stripe.invoices.pay(invoice?.id ?? '', { paid_out_of_band: true });
    expect((await buyer.get(topUp.topUpId)).status).toBe(TopUpStatus.SUCCEEDED);
    expect(await buyer.payg()).toBe(10n * CREDIT);
  });

  test('and writes metadata of its own on gives what was asked for here', async () => {
    const buyer = await openBuyer(shop);
    const topUp = await buyer.begin();
    const [invoice] = await buyer.invoices();
    await shop.stripe.stripe.invoices.update(invoice?.id ?? '', {
      metadata: { intent_id: 'pay_x', microcredits: '9' },
    });
    await buyer.pay(topUp);
    await expect.poll(buyer.payg).toBe(10n * CREDIT);
  });
});

describe('time', () => {
  test('25 hours later a request is what it was: paid once, or canceled', async () => {
    const buyer = await openCardHolder();
    const [paid, open] = [newRequestId(), newRequestId()];
    await buyer.create({ requestId: paid, useStoredCard: true });
    await buyer.create({ requestId: open });
    await shop.advance(25 * HOUR_MS);
    expect(await buyer.create({ requestId: paid, useStoredCard: true })).toMatchObject({
      ...{ topUp: { status: TopUpStatus.SUCCEEDED }, replayed: true },
    });
    const ask = async () => (await buyer.create({ requestId: open })).topUp?.status;
    await expect.poll(ask).toBe(TopUpStatus.CANCELED);
    expect(await buyer.workspace.charged()).toEqual([1_000]);
    expect((await buyer.invoices()).map(({ status }) => status).toSorted()).toEqual(['paid', 'void']);
  });

  test.each<readonly [string, (workspace: Workspace) => Promise<unknown>]>([
    [
      'closed',
      ({ tenantId, settings }) =>
        shop.callers.bff.call(TenantServiceService.closeTenant, CloseTenantRequest.fromPartial({ tenantId }), settings),
    ],
    ['suspended', ({ tenantId }) => workspaceOperatorOf(shop.callers).suspend(tenantId, true)],
  ])('closes the page of a workspace that was %s', async (_, bar) => {
    const buyer = await openBuyer(shop);
    await buyer.begin();
    await bar(buyer.workspace);
    await shop.advance(HOUR_MS);
    await expect.poll(async () => (await buyer.invoices()).map(({ status }) => status)).toEqual(['void']);
  });
});

test('one that is paid, and has no room for its credits, is told to wait for them and leads to no page', async () => {
  const buyer = await openBuyer(shop);
  const { workspace, begin, pay, get, told } = buyer;
  const [first, second] = [await begin(), await begin()];
  // With the first one as many grants as an account may have.
  for (let left = 999; left > 0; left -= 111) {
    await Promise.all(Array.from({ length: 111 }, () => shop.callers.grant(workspace.tenantId, CREDIT)));
  }
  await pay(first);
  await expect.poll(async () => (await get(first.topUpId)).status).toBe(TopUpStatus.SUCCEEDED);
  await pay(second);
  await expect.poll(async () => (await get(second.topUpId)).status).toBe(TopUpStatus.PROCESSING);
  expect(await get(second.topUpId)).toMatchObject({ checkoutUrl: '', clientSecret: '', failureCode: '' });
  await shop.callers.debit(workspace.tenantId, { quantity: '5' });
  await expect.poll(async () => (await get(second.topUpId)).status).toBe(TopUpStatus.SUCCEEDED);
  expect(await workspace.charged()).toEqual([1_000, 1_000]);
  expect(await told()).toEqual(['topup.succeeded 1000', 'topup.succeeded 1000']);
  await expectSound(shop, workspace);
}, 60_000);
