// What broke for others, and what Stripe may do: answers that are lost or failures, events late, twice or the other way round, two
// kernels that read at different times, customers that are deleted.

import { status } from '@grpc/grpc-js';
import type { Stripe } from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SubscriptionStatus } from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { sendCard } from '../support/hosted-form.ts';
import { startStepProxy } from '../support/step-proxy.ts';
import { CREDIT, callersOf } from './support/account.ts';
import { deliverEvent } from './support/delivery.ts';
import { failureOf } from './support/failure.ts';
import { newRequestId, openKernel } from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { entriesOf, openSubscriber, pay, subscriptionsOf } from './support/subscriber.ts';
import {
  expectSound,
  HOUR_MS,
  openShop,
  openWorkspace,
  type Shop,
  type Workspace,
  workspaceOf,
} from './support/subscription.ts';
import { trialCallsOf } from './support/trial.ts';

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

async function eventsOf(workspace: Workspace, type: string): Promise<readonly Stripe.Event[]> {
  const customer = await workspace.customerId();
  const { data } = await shop.stripe.stripe.events.list({ type, limit: 100 });
  return data.filter(({ data: { object } }) => 'customer' in object && object.customer === customer);
}

async function isProcessed(_id: string): Promise<void> {
  const events = shop.kernel.connection.collection<{ _id: string; state: string }>('stripe_events');
  await expect.poll(async () => (await events.findOne({ _id }))?.state, { interval: 20 }).toBe('processed');
}

describe('a customer whom somebody deletes at Stripe', () => {
  /** Expects that the plan is lost with the customer, and another one is made for what is bought next. */
  async function expectAnother(workspace: Workspace, deleted: string): Promise<void> {
    expect(await workspace.get()).toMatchObject({
      planCode: 'free',
      subscription: { status: SubscriptionStatus.ENDED },
    });
    expect(await workspace.listMethods()).toEqual([]);
    const setups = [1, 2, 3].map(() => workspace.startSetup({ hostedPage: true, returnPath: '/settings' }));
    await Promise.all(setups);
    const { data } = await shop.stripe.stripe.customers.list({ limit: 100 });
    const theirs = data.filter(({ metadata }) => metadata['tenant_id'] === workspace.tenantId);
    expect(theirs).toMatchObject([{ id: await workspace.customerId() }]);
    expect(await workspace.customerId()).not.toBe(deleted);
    await workspace.storeCard();
    expect((await workspace.activate({ planCode: 'max' })).change).toMatchObject({ planCode: 'max' });
    expect((await workspace.get()).subscription).toMatchObject({ planCode: 'max' });
    await expectSound(shop, workspace);
  }

  test('takes the plan along; the next purchase makes another one', async () => {
    const workspace = await openSubscriber(shop);
    const customer = await workspace.customerId();
    await shop.stripe.stripe.customers.del(customer);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('free');
    await shop.settle();
    await expectAnother(workspace, customer);
  });

  test('is noticed when somebody looks, where no event tells', async () => {
    const workspace = await openSubscriber(shop);
    const customer = await workspace.customerId();
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    await shop.stripe.stripe.customers.del(customer);
    await workspace.openPortal({ returnPath: '/settings' });
    expect(await workspace.customerId()).not.toBe(customer);
    await workspace.refresh();
    await expectAnother(workspace, customer);
  });

  test('ends what it paid for also where the event comes after another took its place', async () => {
    const workspace = await openSubscriber(shop);
    const customer = await workspace.customerId();
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    await shop.stripe.stripe.customers.del(customer);
    await workspace.openPortal({ returnPath: '/settings' });
    const { data } = await shop.stripe.stripe.events.list({ type: 'customer.deleted', limit: 1 });
    const [event] = data;
    if (event === undefined) throw new Error('the deletion has no event');
    await deliverEvent(shop.kernel.httpUrl, JSON.stringify(event));
    await isProcessed(event.id);
    await expectAnother(workspace, customer);
  });
});

test('what is paid on a page shows by itself, though no event tells and nobody comes back', async () => {
  const [soon, late] = [await openWorkspace(shop), await openWorkspace(shop)];
  shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
  const open = async (workspace: Workspace): Promise<string> => {
    const { change } = await workspace.activate({ planCode: 'plus', hostedPage: true, returnPath: '/settings' });
    return change?.actionUrl ?? '';
  };
  const pages = [await open(soon), await open(late)];
  expect((await sendCard(String(pages[0]))).status).toBe(303);
  expect((await soon.get()).planCode).toBe('free');
  await shop.advance(3 * 60_000);
  await expect.poll(async () => (await soon.get()).planCode).toBe('plus');
  await shop.advance(23 * HOUR_MS);
  expect((await sendCard(String(pages[1]))).status).toBe(303);
  await shop.advance(2 * HOUR_MS);
  await expect.poll(async () => (await late.get()).planCode).toBe('plus');
  for (const workspace of [soon, late]) await expectSound(shop, workspace);
});

describe('a call to Stripe', () => {
  test.each(['failed', 'done_but_failed'] as const)(
    'whose failure Stripe has stored is made anew, or adopted where it was done all the same (%s)',
    async (outcome) => {
      const workspace = await openWorkspace(shop);
      await workspace.storeCard();
      const fault = { method: 'POST', path: '/v1/subscriptions', times: 1, outcome, status: 500 } as const;
      shop.stripe.sandbox.control.addFault(fault);
      await isActivated(workspace);
      expect(await workspace.charged()).toEqual([14_900]);
      expect(await subscriptionsOf(shop, workspace)).toHaveLength(1);
      expect(await entriesOf(shop, workspace)).toEqual(['account_opened', 'started']);
      await expectSound(shop, workspace);
    },
  );

  test.each([409, 503])('that is to wait (%i) is made again, and nothing twice', async (code) => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    const fault = { method: 'POST', path: '/v1/subscriptions', times: 4, outcome: 'refused', status: code } as const;
    shop.stripe.sandbox.control.addFault(fault);
    await isActivated(workspace);
    expect(shop.stripe.sandbox.control.faults()).toEqual([]);
    expect(await workspace.charged()).toEqual([14_900]);
    expect(await subscriptionsOf(shop, workspace)).toHaveLength(1);
    await expectSound(shop, workspace);
  });

  /** Asks for the plan, and again as long as that is under way. */
  async function isActivated(workspace: Workspace): Promise<void> {
    const request = { requestId: newRequestId(), planCode: 'plus' };
    const ask = async () => (await workspace.activate(request)).change;
    await expect.poll(ask, { timeout: 45_000 }).toMatchObject({ outcome: ChangeOutcome.DONE, planCode: 'plus' });
  }

  test('whose answer is lost is made again with its key, and is the same', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    shop.stripe.sandbox.control.addFault({
      method: 'POST',
      path: '/v1/subscriptions',
      times: 1,
      outcome: 'done_but_lost',
    });
    expect((await workspace.activate({ planCode: 'plus' })).change).toMatchObject({ outcome: ChangeOutcome.DONE });
    expect(await workspace.charged()).toEqual([14_900]);
    expect(await subscriptionsOf(shop, workspace)).toHaveLength(1);
  });

  test('for an upgrade that is declined leaves the old plan, what waited with it, and says why', async () => {
    const workspace = await openSubscriber(shop, 'pro');
    await workspace.cancel();
    await workspace.storeCard('pm_card_chargeCustomerFail');
    const failure = await failureOf(workspace.changePlan({ planCode: 'max' }));
    expect(failure).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'PAYMENT_DECLINED' });
    expect(failure.metadata).toMatchObject({ decline_code: expect.stringMatching(/./) });
    await shop.settle();
    expect(await workspace.balance()).toMatchObject({ planCode: 'pro', includedRemainingMicrocredits: 5n * CREDIT });
    expect((await workspace.get()).subscription?.cancelTime).toBeDefined();
    expect(await workspace.charged()).toEqual([4_900]);
    await expectSound(shop, workspace);
  });
});

describe('two kernels', () => {
  test('that read a subscription at different times: the older reading does nothing, and is made again', async () => {
    const proxy = await startStepProxy(shop.kernel.mongodbUri, shop.stripe.sandbox.url);
    const slow = await openKernel(
      { mongodbUri: shop.kernel.mongodbUri, stripe: { ...shop.stripe.config, apiUrl: proxy.stripeUrl } },
      { hasSoldPlans: false },
    );
    try {
      const workspace = await openSubscriber(shop, 'plus');
      const callers = callersOf(slow);
      const there = { kernel: slow, callers, stripe: shop.stripe, trials: trialCallsOf(callers) };
      const bySlow = await workspaceOf(there, workspace.tenantId);
      // What waits to be told to the account when the slow kernel reads it, without an event.
      shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
      const [seen] = await subscriptionsOf(shop, workspace);
      await shop.stripe.stripe.subscriptions.update(seen?.id ?? '', { cancel_at_period_end: true });
      const customer = await workspace.customerId();
      const reading = proxy.hold('GET /v1/subscriptions', 'after', () => [customer]);
      const refreshed = bySlow.refresh();
      await reading.reached;
      await workspace.changePlan({ planCode: 'max' });
      const entries = await entriesOf(shop, workspace);
      expect(entries.at(-1)).toBe('plan_changed');
      reading.release();
      const answer = await refreshed;
      expect(answer).toMatchObject({ planCode: 'max', subscription: { status: SubscriptionStatus.ACTIVE } });
      expect(answer.subscription?.cancelTime).toBeUndefined();
      expect(await entriesOf(shop, workspace)).toEqual(entries);
      await expectSound(shop, workspace);
    } finally {
      await slow.close();
      await proxy.stop();
    }
  });
});

describe('events', () => {
  test('of a subscription that was active do not revive one that was deleted', async () => {
    const workspace = await openSubscriber(shop, 'plus');
    await workspace.cancelByOperator({ atOnce: true });
    await shop.settle();
    const entries = await entriesOf(shop, workspace);
    const updated = await eventsOf(workspace, 'customer.subscription.updated');
    const active = updated.find(({ data: { object } }) => 'status' in object && object.status === 'active');
    const late = { ...active, id: `evt_late_${workspace.tenantId}` };
    expect(await deliverEvent(shop.kernel.httpUrl, JSON.stringify(late))).toMatchObject({ status: 'stored' });
    await isProcessed(late.id);
    expect(await entriesOf(shop, workspace)).toEqual(entries);
    expect(await workspace.balance()).toMatchObject({ planCode: 'free', includedRemainingMicrocredits: 0n });
    await expectSound(shop, workspace);
  });

  test('that come the other way round make one subscription', async () => {
    const workspace = await openWorkspace(shop);
    const { change } = await workspace.activate({ planCode: 'plus', returnPath: '/settings' });
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'hold' } });
    await pay(change?.actionUrl);
    expect(await workspace.balance()).toMatchObject({ planCode: 'free' });
    const types = shop.stripe.sandbox.control.deliveries().filter(({ state }) => state === 'held');
    expect(types.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['customer.subscription.created', 'customer.subscription.updated', 'invoice.paid']),
    );
    await shop.stripe.sandbox.control.release('reverse');
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('plus');
    await shop.settle();
    expect(await entriesOf(shop, workspace)).toEqual(['account_opened', 'started']);
    expect(await workspace.balance()).toMatchObject({ includedRemainingMicrocredits: 20n * CREDIT });
    await expectSound(shop, workspace);
  });
});
