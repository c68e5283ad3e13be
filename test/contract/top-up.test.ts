// Top-ups by a kernel at the sandbox: what is sold, paying on a page and with the stored card, by good, declined and questioning
// cards, and what becomes of those that nobody pays.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KillSwitchName } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import { TopUpCause, TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import { GetTopUpRequest, TopUpServiceService } from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { CREDIT, callersOf, newcomer, PERSON } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { expectSound, HOUR_MS, openShop, type Shop, workspaceOf } from './support/subscription.ts';
import { openBuyer, TEN_CREDITS, topUpCallsOf } from './support/top-up.ts';
import { trialCallsOf } from './support/trial.ts';

const DECLINED = '4000 0000 0000 9995';
const QUESTIONED = '4000 0027 6000 3184';
const INT64_MAX = 2n ** 63n - 1n;

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

describe('ListTopUpPackages', () => {
  test('lists what the plan sells, the cheapest first', async () => {
    const { packages } = await openBuyer(shop);
    expect(await packages()).toEqual({
      offered: true,
      currencyCode: 'usd',
      packages: [
        { price: { minorUnits: 1_000n, currencyCode: 'usd' }, microcredits: 10n * CREDIT },
        { price: { minorUnits: 4_500n, currencyCode: 'usd' }, microcredits: 50n * CREDIT },
        { price: { minorUnits: 8_000n, currencyCode: 'usd' }, microcredits: 100n * CREDIT },
      ],
      minorUnitsPerCredit: '100',
      minorUnitsMin: 500n,
      minorUnitsMax: 100_000n,
    });
  });
});

// An answer waits for Stripe for a bounded time, and then shows what is known here: what was just paid is asked for until it shows.
describe('a top-up that a person pays', () => {
  test('waits with a page and a secret, and gives its credits once it is paid', async () => {
    const { workspace, begin, pay, get, payg, grants } = await openBuyer(shop);
    const topUp = await begin();
    expect(topUp).toMatchObject({
      ...{ status: TopUpStatus.REQUIRES_PAYMENT_METHOD, cause: TopUpCause.PERSON, ...TEN_CREDITS },
      ...{ usesStoredCard: false, failureCode: '', returnedMinorUnits: 0n, endTime: undefined },
      topUpId: expect.stringMatching(/^pay_/),
      paymentIntentId: expect.stringMatching(/^pi_/),
      clientSecret: expect.stringMatching(/^pi_.+_secret_/),
      checkoutUrl: expect.stringContaining(shop.stripe.sandbox.url),
    });
    expect(topUp.pageExpireTime?.getTime()).toBe((topUp.createTime?.getTime() ?? 0) + 24 * HOUR_MS);
    expect(await payg()).toBe(0n);
    expect((await pay(topUp)).status).toBe(303);
    await expect.poll(payg).toBe(10n * CREDIT);
    expect(await get(topUp.topUpId)).toMatchObject({
      ...{ status: TopUpStatus.SUCCEEDED, checkoutUrl: '', clientSecret: '', endTime: expect.any(Date) },
    });
    expect(await grants()).toEqual([`payment:${topUp.topUpId}`]);
    expect(await workspace.charged()).toEqual([1_000]);
    await expectSound(shop, workspace);
  });

  test('shows as paid to who asks, and gives its credits, also where no event has come', async () => {
    const { begin, pay, get, payg } = await openBuyer(shop);
    const topUp = await begin();
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'hold' } });
    try {
      await pay(topUp);
      await expect.poll(async () => (await get(topUp.topUpId)).status).toBe(TopUpStatus.SUCCEEDED);
      expect(await payg()).toBe(10n * CREDIT);
    } finally {
      shop.stripe.sandbox.control.clearDeliveryRules();
      await shop.stripe.sandbox.control.release();
    }
    expect(await payg()).toBe(10n * CREDIT);
  });

  test('that is declined says so, and can be paid by another card', async () => {
    const { begin, pay, get, payg, told } = await openBuyer(shop);
    const topUp = await begin();
    expect((await pay(topUp, DECLINED)).status).toBe(402);
    await expect
      .poll(() => get(topUp.topUpId))
      .toMatchObject({
        ...{ status: TopUpStatus.FAILED, failureCode: 'insufficient_funds', checkoutUrl: topUp.checkoutUrl },
      });
    expect(await payg()).toBe(0n);
    await pay(topUp);
    await expect.poll(() => get(topUp.topUpId)).toMatchObject({ status: TopUpStatus.SUCCEEDED, failureCode: '' });
    expect(await payg()).toBe(10n * CREDIT);
    expect(await told()).toEqual(['topup.failed 1000', 'topup.succeeded 1000']);
  });

  test('whose bank wants to see the person says so', async () => {
    const { begin, pay, get } = await openBuyer(shop);
    const topUp = await begin();
    expect((await pay(topUp, QUESTIONED)).location).toContain('/authenticate/');
    await expect.poll(async () => (await get(topUp.topUpId)).status).toBe(TopUpStatus.REQUIRES_ACTION);
  });

  test('costs by the credit what no package has, rounded up', async () => {
    const { begin, create } = await openBuyer(shop);
    // 7.123456 credits at a dollar each.
    const microcredits = 7_123_456n;
    const topUp = await begin({ price: { minorUnits: 713n, currencyCode: 'usd' }, microcredits });
    expect(topUp).toMatchObject({ microcredits, status: TopUpStatus.REQUIRES_PAYMENT_METHOD });
    const less = create({ price: { minorUnits: 712n, currencyCode: 'usd' }, microcredits });
    expect(await failureOf(less)).toMatchObject({
      ...{ reason: 'TOPUP_AMOUNT_MISMATCH', metadata: { expected_minor_units: '713' } },
    });
  });

  test('takes no discount of the customer’s, and bills nothing else', async () => {
    const { workspace, begin, pay } = await openBuyer(shop);
    const customer = await workspace.customerId();
    const { stripe } = shop.stripe;
    await stripe.invoiceItems.create({ customer, amount: 777, currency: 'usd' });
    await pay(await begin());
    expect(await workspace.charged()).toEqual([1_000]);
  });
});

describe('a top-up by the stored card', () => {
  test('is paid at once, and its credits are there with the answer', async () => {
    const { workspace, create, payg } = await openBuyer(shop);
    await workspace.storeCard();
    const { topUp, replayed } = await create({ useStoredCard: true });
    expect([topUp?.status, replayed]).toEqual([TopUpStatus.SUCCEEDED, false]);
    expect(await payg()).toBe(10n * CREDIT);
    expect(await workspace.charged()).toEqual([1_000]);
  });

  test('that is declined is an answer, and leaves a page to pay on', async () => {
    const { workspace, begin, pay, get, payg } = await openBuyer(shop);
    await workspace.storeCard('pm_card_chargeCustomerFail');
    const topUp = await begin({ useStoredCard: true });
    expect(topUp).toMatchObject({
      ...{ status: TopUpStatus.FAILED, failureCode: 'generic_decline', checkoutUrl: expect.stringMatching(/^http/) },
    });
    expect(await workspace.charged()).toEqual([]);
    await pay(topUp);
    await expect.poll(async () => (await get(topUp.topUpId)).status).toBe(TopUpStatus.SUCCEEDED);
    expect(await payg()).toBe(10n * CREDIT);
  });

  test('whose bank wants to see the person says so, and charges nothing', async () => {
    const { workspace, begin } = await openBuyer(shop);
    await workspace.storeCard('pm_card_authenticationRequired');
    const topUp = await begin({ useStoredCard: true });
    expect(topUp).toMatchObject({ status: TopUpStatus.REQUIRES_ACTION, checkoutUrl: expect.stringMatching(/^http/) });
    expect(await workspace.charged()).toEqual([]);
  });

  test('needs one that is the default', async () => {
    const { workspace, create } = await openBuyer(shop);
    const first = await failureOf(create({ useStoredCard: true }));
    expect(first).toMatchObject({ reason: 'PAYMENT_METHOD_REQUIRED' });
    await workspace.storeCard('pm_card_visa', false);
    expect(await failureOf(create({ useStoredCard: true }))).toMatchObject({ reason: 'PAYMENT_METHOD_REQUIRED' });
    expect((await openBuyer(shop)).workspace.tenantId).not.toBe(workspace.tenantId);
  });
});

describe('a request for a top-up', () => {
  test('that is sent again is the same top-up, as it stands by then', async () => {
    const { create, pay, list, invoices } = await openBuyer(shop);
    const requestId = newRequestId();
    const first = await create({ requestId });
    expect(await create({ requestId })).toMatchObject({ topUp: { topUpId: first.topUp?.topUpId }, replayed: true });
    if (first.topUp !== undefined) await pay(first.topUp);
    await expect.poll(async () => (await create({ requestId })).topUp?.status).toBe(TopUpStatus.SUCCEEDED);
    expect((await list()).topUps).toHaveLength(1);
    expect(await invoices()).toHaveLength(1);
  });

  test('that means something else is refused by its key', async () => {
    const { create } = await openBuyer(shop);
    const requestId = newRequestId();
    await create({ requestId });
    const other = { price: { minorUnits: 4_500n, currencyCode: 'usd' }, microcredits: 50n * CREDIT };
    for (const fields of [other, { useStoredCard: true }]) {
      // Whether the card is there is not looked at any more.
      expect(await failureOf(create({ requestId, ...fields }))).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
    }
  });

  test.each([
    ['a cent for a million credits', { price: { minorUnits: 1n, currencyCode: 'usd' }, microcredits: 10n ** 12n }],
    ['another currency', { price: { minorUnits: 1_000n, currencyCode: 'jpy' } }],
    ['more than it costs', { price: { minorUnits: 1_001n, currencyCode: 'usd' } }],
    ['credits a little more than the package has', { microcredits: 10n * CREDIT + 1n }],
  ])('for %s is refused as a mismatch', async (_, fields) => {
    const { create, invoices } = await openBuyer(shop);
    expect(await failureOf(create(fields))).toMatchObject({ reason: 'TOPUP_AMOUNT_MISMATCH' });
    expect(await invoices()).toEqual([]);
  });

  test.each([
    ['nothing', { price: { minorUnits: 0n, currencyCode: 'usd' } }, 'price.minor_units'],
    ['less than nothing', { price: { minorUnits: -1_000n, currencyCode: 'usd' } }, 'price.minor_units'],
    ['credits below zero', { microcredits: -10n * CREDIT }, 'microcredits'],
    ['more money than there is', { price: { minorUnits: INT64_MAX, currencyCode: 'usd' } }, 'price.minor_units'],
    ['more credits than an account holds', { microcredits: INT64_MAX }, 'microcredits'],
    ['no currency', { price: { minorUnits: 1_000n, currencyCode: '' } }, 'price.currency_code'],
    ['a currency that there is not', { price: { minorUnits: 1_000n, currencyCode: 'xyz' } }, 'price.currency_code'],
  ])('for %s is refused by its field', async (_, fields, field) => {
    const failure = await failureOf((await openBuyer(shop)).create(fields));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', violations: { [field]: expect.any(String) } });
  });

  test('is refused while top-ups are switched off, and one that was begun goes on', async () => {
    const { create, pay, get } = await openBuyer(shop);
    const requestId = newRequestId();
    const { topUp } = await create({ requestId });
    if (topUp === undefined) throw new Error('there is no top-up');
    const operator = operatorCallsOf(shop.callers);
    await operator.setSwitch(KillSwitchName.TOPUPS_ENABLED, false);
    try {
      const expected = { reason: 'KILL_SWITCH_OFF', metadata: { kill_switch: 'TOPUPS_ENABLED' } };
      expect(await failureOf(create())).toMatchObject(expected);
      expect(await create({ requestId })).toMatchObject({ replayed: true });
      await pay(topUp);
      await expect.poll(async () => (await get(topUp.topUpId)).status).toBe(TopUpStatus.SUCCEEDED);
    } finally {
      await operator.setSwitch(KillSwitchName.TOPUPS_ENABLED, true);
    }
  });

  test('stands in the log of the workspace, once', async () => {
    const { workspace, create } = await openBuyer(shop);
    const requestId = newRequestId();
    await create({ requestId });
    await create({ requestId });
    const records = await workspaceOperatorOf(shop.callers).records(workspace.tenantId);
    expect(records.filter(({ method }) => method === 'TopUpService/CreateTopUp')).toHaveLength(1);
  });
});

describe('a top-up that nobody pays', () => {
  test('is canceled by its buyer: its page closes, and it stays canceled', async () => {
    const { begin, cancel, pay, get, payg, invoices } = await openBuyer(shop);
    const topUp = await begin();
    expect(await cancel(topUp.topUpId)).toMatchObject({
      status: TopUpStatus.CANCELED,
      checkoutUrl: '',
      clientSecret: '',
    });
    expect(await cancel(topUp.topUpId)).toMatchObject({ status: TopUpStatus.CANCELED });
    await pay(topUp);
    expect((await get(topUp.topUpId)).status).toBe(TopUpStatus.CANCELED);
    expect((await invoices()).map(({ status }) => status)).toEqual(['void']);
    expect(await payg()).toBe(0n);
  });

  test('is canceled by an operator, who stands in the log', async () => {
    const { begin, cancelByOperator, workspace } = await openBuyer(shop);
    const topUp = await begin();
    expect((await cancelByOperator(topUp.topUpId)).status).toBe(TopUpStatus.CANCELED);
    const filter = { tenantId: workspace.tenantId, method: 'TopUpService/CancelTopUp' };
    const records = await operatorCallsOf(shop.callers).audit(filter);
    expect(records).toHaveLength(1);
  });

  test('that was paid a moment before it is canceled is paid', async () => {
    const { begin, cancel, pay, payg } = await openBuyer(shop);
    const topUp = await begin();
    await pay(topUp);
    expect(await failureOf(cancel(topUp.topUpId))).toMatchObject({ reason: 'TOPUP_NOT_CANCELABLE' });
    expect(await payg()).toBe(10n * CREDIT);
  });

  test('is canceled after a day, by itself', async () => {
    const { begin, invoices } = await openBuyer(shop);
    await begin();
    await shop.advance(24 * HOUR_MS + 60_000);
    await expect
      .poll(async () => (await invoices()).map(({ status }) => status), { timeout: 15_000 })
      .toEqual(['void']);
  });
});

describe('the list of top-ups', () => {
  test('has them in pages, the newest first, without what pays them', async () => {
    const { begin, list } = await openBuyer(shop);
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) ids.unshift((await begin()).topUpId);
    const first = await list({ pageSize: 2 });
    const second = await list({ pageSize: 2, pageToken: first.nextPageToken });
    expect([...first.topUps, ...second.topUps].map(({ topUpId }) => topUpId)).toEqual(ids);
    expect(second.nextPageToken).toBe('');
    expect(first.topUps.map(({ clientSecret }) => clientSecret)).toEqual(['', '']);
    const other = await openBuyer(shop);
    const failure = await failureOf(other.list({ pageToken: first.nextPageToken }));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD' });
  });

  test('has those of a status and of a range of time alone, and a page goes on with the filters of the one before', async () => {
    const { begin, cancel, list } = await openBuyer(shop);
    const oldest = await begin();
    const canceled = await begin();
    await cancel(canceled.topUpId);
    await shop.advance(HOUR_MS);
    const newest = await begin();
    const idsOf = async (fields: Parameters<typeof list>[0]) =>
      (await list(fields)).topUps.map(({ topUpId }) => topUpId);
    expect(await idsOf({ status: TopUpStatus.CANCELED })).toEqual([canceled.topUpId]);
    const open = { status: TopUpStatus.REQUIRES_PAYMENT_METHOD };
    expect(await idsOf(open)).toEqual([newest.topUpId, oldest.topUpId]);
    const turn = newest.createTime;
    expect(await idsOf({ startTime: turn })).toEqual([newest.topUpId]);
    expect(await idsOf({ ...open, endTime: turn })).toEqual([oldest.topUpId]);
    const { nextPageToken: pageToken } = await list({ ...open, pageSize: 1 });
    expect(await idsOf({ ...open, pageSize: 1, pageToken })).toEqual([oldest.topUpId]);
    for (const other of [
      {},
      { status: TopUpStatus.FAILED },
      { ...open, startTime: turn },
      { ...open, endTime: turn },
    ]) {
      const failure = await failureOf(list({ ...other, pageToken }));
      expect(failure).toMatchObject({
        reason: 'INVALID_FIELD',
        violations: { page_token: expect.stringContaining('token of this list') },
      });
    }
  });

  test('is not of what no top-up can be, nor of a range that ends where it starts', async () => {
    const { list } = await openBuyer(shop);
    const time = new Date('2026-01-31T09:00:00Z');
    const failure = await failureOf(list({ status: 99 as TopUpStatus, startTime: time, endTime: time }));
    expect(Object.keys(failure.violations)).toEqual(['status', 'end_time']);
  });

  test('is nothing to others: neither the product’s other workspaces, nor another product', async () => {
    const [own, other] = [await openBuyer(shop), await openBuyer(shop)];
    const { topUpId } = await own.begin();
    expect(await failureOf(other.get(topUpId))).toMatchObject({ reason: 'TOPUP_NOT_FOUND' });
    expect(await failureOf(other.cancel(topUpId))).toMatchObject({ reason: 'TOPUP_NOT_FOUND' });
    const request = GetTopUpRequest.fromPartial({ tenantId: own.workspace.tenantId, topUpId });
    const ofOther = {
      metadata: { ...newcomer('otherproduct', PERSON).metadata, 'x-tenant-id': own.workspace.tenantId },
    };
    const asked = shop.callers.otherBff.call(TopUpServiceService.getTopUp, request, ofOther);
    expect(await failureOf(asked)).toMatchObject({ reason: 'TENANT_NOT_FOUND' });
  });

  test('is shown to operators, who get no secret', async () => {
    const { begin, workspace } = await openBuyer(shop);
    const { topUpId } = await begin();
    const request = GetTopUpRequest.fromPartial({ tenantId: workspace.tenantId, topUpId });
    const { topUp } = await shop.callers.sysadmin.call(TopUpServiceService.getTopUp, request);
    expect(topUp).toMatchObject({ topUpId, clientSecret: '', checkoutUrl: expect.stringMatching(/^http/) });
  });
});

describe('without Stripe', () => {
  test('what is sold and what was bought can be read, and nothing can be bought', async () => {
    const bare = await openKernel();
    try {
      const callers = callersOf(bare);
      const counter = { kernel: bare, callers, stripe: shop.stripe, trials: trialCallsOf(callers) };
      const workspace = await workspaceOf(counter, await counter.trials.openWorkspace('agentruntime', 'free'));
      const { packages, list, create, cancel, get } = topUpCallsOf(counter, workspace);
      expect((await packages()).packages).toHaveLength(3);
      expect(await list()).toEqual({ topUps: [], nextPageToken: '' });
      expect(await failureOf(create())).toMatchObject({ reason: 'STRIPE_OFF' });
      expect(await failureOf(cancel('pay_x'))).toMatchObject({ reason: 'STRIPE_OFF' });
      expect(await failureOf(get('pay_x'))).toMatchObject({ reason: 'TOPUP_NOT_FOUND' });
    } finally {
      await bare.close();
    }
  });
});
