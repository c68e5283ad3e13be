// What later cycles bring: payments that fail, prices that are edited, what was bought or given before, smaller plans that wait.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SubscriptionStatus } from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { SubscriptionServiceService } from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { sendCard } from '../support/hosted-form.ts';
import { admitPeople, CREDIT, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { entriesOf, openSubscriber, pay, subscriptionsOf } from './support/subscriber.ts';
import {
  DAY_MS,
  expectSound,
  HOUR_MS,
  openShop,
  openWorkspace,
  type Shop,
  type Workspace,
} from './support/subscription.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterEach(() => {
  shop.stripe.sandbox.control.clearFaults();
  shop.stripe.sandbox.control.clearDeliveryRules();
});
afterEach(() => expectLedgerClean(shop.callers));
afterAll(() => shop.close());

describe('a payment that fails', () => {
  test('is told each time, also where the one before in the same period was made up for', async () => {
    const workspace = await openSubscriber(shop, 'pro');
    const { stripe } = shop.stripe;
    const tellings = () =>
      shop.kernel.connection
        .collection('billing_events')
        .find({ tenant_id: workspace.tenantId, type: 'payment.failed' })
        .sort({ number: 1 })
        .toArray();
    const standing = async () => (await workspace.get()).subscription?.status;

    await workspace.storeCard('pm_card_chargeCustomerFail');
    const [subscription] = await subscriptionsOf(shop, workspace);
    await stripe.subscriptions.update(subscription?.id ?? '', {
      items: [{ id: subscription?.items.data[0]?.id ?? '', price: 'price_agentruntime_plus' }],
      ...{ proration_behavior: 'always_invoice', payment_behavior: 'allow_incomplete' },
    });
    await expect.poll(tellings).toHaveLength(1);
    await workspace.storeCard();
    const open = await stripe.invoices.list({ customer: await workspace.customerId(), status: 'open' });
    for (const { id } of open.data) await stripe.invoices.pay(id ?? '');
    await expect.poll(standing).toBe(SubscriptionStatus.ACTIVE);

    await workspace.storeCard('pm_card_chargeCustomerFail');
    const { subscription: own, asOfTime } = await workspace.get();
    await shop.advance(Number(own?.periodEndTime) - Number(asOfTime) + 2 * HOUR_MS);
    await expect.poll(standing).toBe(SubscriptionStatus.PAST_DUE);
    const graceEnd = (await workspace.get()).subscription?.graceEndTime?.toISOString();
    await expect.poll(tellings).toMatchObject([{}, { data: { plan_code: 'plus', grace_end_time: graceEnd } }]);
    await shop.advance(DAY_MS);
    await workspace.refresh();
    expect(await tellings()).toHaveLength(2);
  });
});

describe('what was bought or given', () => {
  test('before a subscription starts, or was left of a trial, stays beside it', async () => {
    const workspace = await openWorkspace(shop);
    await shop.callers.grant(workspace.tenantId, 7n * CREDIT);
    await workspace.storeCard();
    await workspace.activate({ planCode: 'plus' });
    expect(await workspace.balance()).toMatchObject({
      ...{ includedRemainingMicrocredits: 20n * CREDIT, paygRemainingMicrocredits: 7n * CREDIT },
    });
    await workspace.cancelByOperator({ atOnce: true });
    expect(await workspace.balance()).toMatchObject({
      ...{ includedRemainingMicrocredits: 0n, paygRemainingMicrocredits: 7n * CREDIT },
    });
    await expectSound(shop, workspace);
  });

  test('is not changed by edits of the price, now or with the next cycle', async () => {
    const workspace = await openSubscriber(shop, 'max');
    await shop.callers.grant(workspace.tenantId, 7n * CREDIT);
    await shop.callers.debit(workspace.tenantId, { quantity: '4' });
    const price = 'price_agentruntime_max';
    const before = (await shop.stripe.stripe.prices.retrieve(price)).metadata;
    await shop.stripe.stripe.prices.update(price, { metadata: { included_microcredits_per_cycle: '1' } });
    await shop.settle();
    await workspace.refresh();
    expect(await workspace.balance()).toMatchObject({
      ...{ planCode: 'max', includedRemainingMicrocredits: 76n * CREDIT, paygRemainingMicrocredits: 7n * CREDIT },
    });
    await shop.advance(31 * DAY_MS);
    await shop.advance(2 * HOUR_MS);
    await expect.poll(() => workspace.charged()).toHaveLength(2);
    await expect.poll(async () => (await workspace.balance()).includedRemainingMicrocredits).toBe(80n * CREDIT);
    await shop.stripe.stripe.prices.update(price, { metadata: before });
    await shop.settle();
    await expectSound(shop, workspace);
  });

  test('is not given again at the price of another product, nor by coming back within a period that this has paid', async () => {
    const workspace = await openSubscriber(shop);
    await shop.callers.debit(workspace.tenantId, { quantity: '4' });
    const { id: product } = await shop.stripe.stripe.products.create({ name: 'Something else' });
    const metadata = { product_code: 'other', plan_code: 'plus' };
    const cheap = await shop.stripe.stripe.prices.create({
      ...{ product, currency: 'usd', unit_amount: 100, recurring: { interval: 'month' }, metadata },
    });
    const sellAt = async (price: string): Promise<void> => {
      const [{ id = '', items } = {}] = await subscriptionsOf(shop, workspace);
      const moved = [{ id: items?.data[0]?.id ?? '', price }];
      await shop.stripe.stripe.subscriptions.update(id, { items: moved, proration_behavior: 'none' });
      await shop.settle();
    };
    await sellAt(cheap.id);
    await shop.advance(31 * DAY_MS);
    await shop.advance(2 * HOUR_MS);
    await expect.poll(() => workspace.charged()).toEqual([14_900, 100]);
    await workspace.refresh();
    expect(await workspace.get()).toMatchObject({ subscription: { status: SubscriptionStatus.RENEWAL_PENDING } });
    expect(await workspace.balance()).toMatchObject({ includedRemainingMicrocredits: 16n * CREDIT });
    await sellAt('price_agentruntime_plus');
    await workspace.refresh();
    expect(await workspace.get()).toMatchObject({ subscription: { status: SubscriptionStatus.ACTIVE } });
    expect(await workspace.balance()).toMatchObject({ planCode: 'plus', includedRemainingMicrocredits: 0n });
    await expectSound(shop, workspace);
  });

  test('is only added to by an upgrade, in one step, also where most of it is used', async () => {
    const workspace = await openSubscriber(shop, 'pro');
    await shop.callers.debit(workspace.tenantId, { quantity: '5' });
    await workspace.changePlan({ planCode: 'max' });
    const { includedRemainingMicrocredits: included, deficitMicrocredits } = await workspace.balance();
    expect(deficitMicrocredits).toBe(0n);
    expect(Number(75n * CREDIT - included)).toBeLessThan(Number(CREDIT) / 100);
    expect(included).toBeLessThanOrEqual(75n * CREDIT);
    expect((await entriesOf(shop, workspace)).slice(-1)).toEqual(['plan_changed']);
    await expectSound(shop, workspace);
  });

  test('as a trial is given once: not again by canceling and subscribing again', async () => {
    const workspace = await openWorkspace(shop);
    await shop.trials.startByOperator(workspace.tenantId, { planCode: 'pro' });
    await workspace.storeCard();
    await workspace.convert();
    await workspace.cancelByOperator({ atOnce: true });
    for (const again of ['canceled', 'subscribed and canceled again']) {
      expect([again, await failureOf(shop.trials.start(workspace.tenantId))]).toMatchObject([
        again,
        { reason: 'TRIAL_ALREADY_USED' },
      ]);
      await workspace.activate({ planCode: 'plus' });
      await workspace.cancelByOperator({ atOnce: true });
    }
    expect((await entriesOf(shop, workspace)).filter((name) => name === 'trial_started')).toHaveLength(1);
    await expectSound(shop, workspace);
  });
});

test('where an open invoice can be paid is shown to administrators alone', async () => {
  const workspace = await openSubscriber(shop, 'plus');
  const { tenantId } = workspace;
  await workspace.storeCard('pm_card_chargeCustomerFail');
  await shop.advance(31 * DAY_MS + 2 * HOUR_MS);
  const read = async (role: string) =>
    await shop.callers.bff.call(SubscriptionServiceService.getSubscription, { tenantId }, personIn(tenantId, role));
  await admitPeople(shop.callers, tenantId);
  const owing = { status: SubscriptionStatus.PAST_DUE, paymentUrl: expect.stringContaining('http') };
  await expect.poll(() => read('tenant_admin')).toMatchObject({ subscription: owing });
  expect(await read('project_contributor')).toMatchObject({ subscription: { ...owing, paymentUrl: '' } });
});

describe('a smaller plan that waits when an upgrade is to be paid on a page', () => {
  async function openUpgrader() {
    const workspace = await openSubscriber(shop, 'plus');
    await workspace.changePlan({ planCode: 'pro' });
    await workspace.storeCard('pm_card_authenticationRequired');
    const { change } = await workspace.changePlan({ planCode: 'max' });
    expect(change).toMatchObject({ outcome: ChangeOutcome.ACTION_REQUIRED });
    await workspace.storeCard();
    return { workspace, url: change?.actionUrl ?? '' };
  }
  const pendingOf = async (workspace: Workspace) => (await workspace.get()).subscription?.pendingChange?.planCode;

  test('waits again where nobody pays, and is charged then', async () => {
    const { workspace } = await openUpgrader();
    await shop.advance(DAY_MS + HOUR_MS);
    await expect.poll(() => pendingOf(workspace)).toBe('pro');
    expect(await workspace.get()).toMatchObject({ planCode: 'plus' });
    await shop.advance(31 * DAY_MS);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('pro');
    await expect.poll(() => workspace.charged()).toEqual([14_900, 4_900]);
    await expectSound(shop, workspace);
  });

  test('also where no event tells that nobody has', async () => {
    const { workspace } = await openUpgrader();
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    await shop.advance(26 * HOUR_MS);
    await expect.poll(() => pendingOf(workspace)).toBe('pro');
    shop.stripe.sandbox.control.clearDeliveryRules();
    await expectSound(shop, workspace);
  });

  /** Has a smaller plan wait at a workspace whose bank wants to see the payer, so long before the period's end. */
  async function openLate(beforeEndMs: number) {
    const workspace = await openSubscriber(shop, 'plus');
    await workspace.changePlan({ planCode: 'pro' });
    const { subscription } = await workspace.get();
    const end = subscription?.periodEndTime?.getTime() ?? 0;
    const advanceTo = async (afterEndMs: number) => {
      const { asOfTime } = await workspace.get();
      await shop.advance(end + afterEndMs - (asOfTime?.getTime() ?? 0));
    };
    await advanceTo(-beforeEndMs);
    await workspace.storeCard('pm_card_authenticationRequired');
    return { workspace, advanceTo };
  }

  test('comes also where the period ends first, and that is what the next one costs', async () => {
    const { workspace, advanceTo } = await openLate(10 * HOUR_MS);
    const { change } = await workspace.changePlan({ planCode: 'max' });
    expect(change).toMatchObject({ outcome: ChangeOutcome.ACTION_REQUIRED });
    await workspace.storeCard();
    await advanceTo(-HOUR_MS);
    await workspace.refresh();
    expect(await pendingOf(workspace)).toBeUndefined();
    // The page closes, and no event tells.
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    await advanceTo(-HOUR_MS / 10);
    await expect.poll(() => pendingOf(workspace)).toBe('pro');
    shop.stripe.sandbox.control.clearDeliveryRules();
    await advanceTo(2 * HOUR_MS);
    await workspace.refresh();
    await expect.poll(async () => (await workspace.get()).planCode).toBe('pro');
    expect(await workspace.charged()).toEqual([14_900, 4_900]);
    await expectSound(shop, workspace);
  });

  test('waits on where the period ends so soon that the upgrade can not', async () => {
    const { workspace, advanceTo } = await openLate(HOUR_MS / 10);
    // What is left of the month costs less than Stripe takes; a year costs something.
    const refused = await failureOf(workspace.changePlan({ planCode: 'max_annual' }));
    expect(refused).toMatchObject({
      reason: 'PAYMENT_DECLINED',
      metadata: { decline_code: 'authentication_required' },
    });
    expect(await pendingOf(workspace)).toBe('pro');
    await workspace.storeCard();
    await advanceTo(2 * HOUR_MS);
    await workspace.refresh();
    await expect.poll(async () => (await workspace.get()).planCode).toBe('pro');
    expect(await workspace.charged()).toEqual([14_900, 4_900]);
  });

  test.each<[what: string, choose: (workspace: Workspace) => Promise<unknown>, charged: readonly number[]]>([
    ['is chosen again', (workspace) => workspace.changePlan({ planCode: 'pro' }), [14_900, 4_900]],
    ['gives way to a cancellation', (workspace) => workspace.cancel(), [14_900]],
  ])('%s in the place of the upgrade, whose page closes then', async (_, choose, charged) => {
    const { workspace, url } = await openUpgrader();
    await choose(workspace);
    await sendCard(url);
    await shop.advance(32 * DAY_MS);
    await workspace.refresh();
    await shop.settle();
    expect(await workspace.charged()).toEqual(charged);
    await expectSound(shop, workspace);
  });

  test('is come back to every few seconds where the page can not be closed', async () => {
    const { workspace, advanceTo } = await openLate(10 * HOUR_MS);
    await workspace.changePlan({ planCode: 'max' });
    await workspace.storeCard();
    const times = 1_000;
    const fault = { method: 'POST', path: '/v1/invoices/{id}/void', outcome: 'refused', times } as const;
    shop.stripe.sandbox.control.addFault(fault);
    await advanceTo(-HOUR_MS / 4);
    const tried = (): number => times - (shop.stripe.sandbox.control.faults()[0]?.times ?? times);
    await expect.poll(tried).toBeGreaterThan(0);
    // Others have their turn: it is not due again at once. Each time is sent thrice, to a Stripe that does not answer.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(tried()).toBeLessThanOrEqual(2 * 3);
    shop.stripe.sandbox.control.clearFaults();
    await advanceTo(-HOUR_MS / 5);
    await expect.poll(() => pendingOf(workspace)).toBe('pro');
  });

  test('comes no more where it is paid', async () => {
    const { workspace, url } = await openUpgrader();
    await pay(url);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('max');
    await shop.advance(DAY_MS + HOUR_MS);
    await workspace.refresh();
    await shop.settle();
    expect(await pendingOf(workspace)).toBeUndefined();
    await expectSound(shop, workspace);
  });

  test('comes no more where its subscription is canceled meanwhile', async () => {
    const { workspace } = await openUpgrader();
    await workspace.cancel();
    await shop.advance(DAY_MS + HOUR_MS);
    await workspace.resume();
    await workspace.refresh();
    await shop.settle();
    expect(await workspace.get()).toMatchObject({ planCode: 'plus', subscription: { cancelTime: undefined } });
    expect(await pendingOf(workspace)).toBeUndefined();
    await expectSound(shop, workspace);
  });
});
