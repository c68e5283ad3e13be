// Fifty calls at once, over two kernels: one trial, one subscription, one charge, one grant; and the account is what Stripe shows.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChangeOutcome, type SubscriptionChange } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { CREDIT, callersOf } from '../contract/support/account.ts';
import { deliverEvent } from '../contract/support/delivery.ts';
import { settle } from '../contract/support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from '../contract/support/kernel-fixture.ts';
import { entriesOf } from '../contract/support/subscriber.ts';
import {
  type Counter,
  DAY_MS,
  expectSound,
  HOUR_MS,
  openShop,
  openWorkspace,
  type Shop,
  type Workspace,
  workspaceOf,
} from '../contract/support/subscription.ts';
import { trialCallsOf } from '../contract/support/trial.ts';
import { roundCount } from '../support/round-count.ts';

const CALLS = 50;

let shop: Shop;
let second: KernelFixture;
/** The same shop, by the other kernel. */
let there: Counter;

beforeAll(async () => {
  shop = await openShop({ isDeaf: true });
  second = await openKernel(
    { mongodbUri: shop.kernel.mongodbUri, stripe: shop.stripe.config },
    { hasSoldPlans: false },
  );
  const callers = callersOf(second);
  there = { kernel: second, callers, stripe: shop.stripe, trials: trialCallsOf(callers) };
});
afterAll(async () => {
  await second.close();
  await shop.close();
});

type Change = { readonly change?: SubscriptionChange | undefined };

/** Makes calls by turns through both kernels. */
async function callAll<T>(workspace: Workspace, call: (workspace: Workspace, index: number) => Promise<T>) {
  const other = await workspaceOf(there, workspace.tenantId);
  return settle(Array.from({ length: CALLS }, (_, index) => call(index % 2 === 0 ? workspace : other, index)));
}

const subscriptionsOf = async (workspace: Workspace) =>
  (await shop.stripe.stripe.subscriptions.list({ customer: await workspace.customerId(), status: 'all' })).data;

const isNew = ({ change }: Change): boolean => change?.replayed === false;

test('starts of a trial give one', async () => {
  const workspace = await openWorkspace(shop);
  const trials = [shop.trials, there.trials];
  const { answers } = await callAll(workspace, (_, index) => {
    const { start } = trials[index % 2] ?? shop.trials;
    return start(workspace.tenantId);
  });
  expect(answers).toHaveLength(1);
  expect(await entriesOf(shop, workspace)).toEqual(['account_opened', 'trial_started']);
  expect(await workspace.balance()).toMatchObject({ planCode: 'pro', trialRemainingMicrocredits: 5n * CREDIT });
  await expectSound(shop, workspace);
});

describe('activations', () => {
  test.each(['with keys of their own', 'that are one request'])(
    '%s give one subscription and one charge',
    async (how) => {
      const workspace = await openWorkspace(shop);
      await workspace.storeCard();
      const one = newRequestId();
      const { answers, failures } = await callAll(workspace, (by) =>
        by.activate({ planCode: 'plus', ...(how === 'that are one request' ? { requestId: one } : {}) }),
      );
      expect(answers.filter(isNew)).toHaveLength(1);
      expect(answers.map(({ change }) => change?.outcome)).toEqual(answers.map(() => ChangeOutcome.DONE));
      const reasons = ['SUBSCRIPTION_BUSY', 'SUBSCRIPTION_EXISTS'];
      expect(failures.filter(({ reason }) => !reasons.includes(reason))).toEqual([]);
      expect(failures).toHaveLength(how === 'that are one request' ? 0 : CALLS - 1);
      expect(await workspace.charged()).toEqual([14_900]);
      expect(await subscriptionsOf(workspace)).toHaveLength(1);
      expect(await entriesOf(shop, workspace)).toEqual(['account_opened', 'started']);
      expect(await workspace.balance()).toMatchObject({
        planCode: 'plus',
        includedRemainingMicrocredits: 20n * CREDIT,
      });
      await expectSound(shop, workspace);
    },
  );
});

test('changes of plan against cancellations leave what Stripe shows, and are each paid once', async () => {
  for (let round = 0; round < roundCount(2, 20); round += 1) {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await workspace.activate({ planCode: 'pro' });
    const { answers, failures } = await callAll(workspace, (by, index) =>
      index % 4 < 2 ? by.changePlan({ planCode: 'max' }) : by.cancel(),
    );
    expect(answers.length).toBeGreaterThan(0);
    const reasons = ['SUBSCRIPTION_BUSY', 'PLAN_UNCHANGED'];
    expect(failures.filter(({ reason }) => !reasons.includes(reason))).toEqual([]);
    const [seen, ...more] = await subscriptionsOf(workspace);
    expect(more).toEqual([]);
    const { subscription, planCode } = await workspace.get();
    expect(planCode).toBe(seen?.items.data[0]?.price.metadata['plan_code']);
    expect(subscription?.cancelTime?.getTime()).toBe(
      seen?.cancel_at === null ? undefined : Number(seen?.cancel_at) * 1_000,
    );
    expect(await workspace.charged()).toHaveLength(planCode === 'max' ? 2 : 1);
    const raises = (await entriesOf(shop, workspace)).filter(
      (name) => name === 'plan_changed' || name === 'allowance_raised',
    );
    expect(raises).toHaveLength(planCode === 'max' ? 1 : 0);
    await expectSound(shop, workspace);
  }
});

test('conversions against the end of the trial give one subscription', async () => {
  const workspace = await openWorkspace(shop);
  await shop.trials.startByOperator(workspace.tenantId, { planCode: 'pro' });
  await workspace.agreeByCard();
  await shop.advance(14 * DAY_MS - HOUR_MS);
  const ending = shop.advance(HOUR_MS);
  const { answers, failures } = await callAll(workspace, async (by, index) => {
    // Some come before the end, and some after it.
    await new Promise((resolve) => setTimeout(resolve, index * 20));
    return by.convert();
  });
  await ending;
  const reasons = ['SUBSCRIPTION_BUSY', 'SUBSCRIPTION_EXISTS', 'TRIAL_NOT_ACTIVE'];
  expect(failures.filter(({ reason }) => !reasons.includes(reason))).toEqual([]);
  expect(answers.filter(isNew).length).toBeLessThanOrEqual(1);
  await expect.poll(async () => (await workspace.balance()).planCode).toBe('pro');
  expect(await subscriptionsOf(workspace)).toHaveLength(1);
  expect(await workspace.charged()).toEqual([4_900]);
  expect((await entriesOf(shop, workspace)).filter((name) => name === 'started')).toHaveLength(1);
  expect(await workspace.balance()).toMatchObject({ includedRemainingMicrocredits: 5n * CREDIT });
  await expectSound(shop, workspace);
});

test('deliveries of the events of a renewal, each many times to both kernels, give its credits once', async () => {
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  await workspace.activate({ planCode: 'plus' });
  await shop.callers.debit(workspace.tenantId, { quantity: '4' });
  await shop.advance(31 * DAY_MS + 2 * HOUR_MS);
  const customer = await workspace.customerId();
  const { data } = await shop.stripe.stripe.events.list({ limit: 100 });
  const about = data.filter(({ data: { object } }) => 'customer' in object && object.customer === customer);
  const events = about
    .filter(({ type }) => type === 'invoice.paid' || type === 'customer.subscription.updated')
    .slice(0, 2);
  expect(events.map(({ type }) => type)).toContain('invoice.paid');
  const bodies = events.map((event) => JSON.stringify(event));
  const receipts = await Promise.all(
    Array.from({ length: CALLS }, (_, index) => {
      const { httpUrl } = index % 2 === 0 ? shop.kernel : second;
      return deliverEvent(httpUrl, bodies[Math.floor(index / 2) % bodies.length] ?? '');
    }),
  );
  expect(receipts.map(({ code }) => code)).toEqual(receipts.map(() => 200));
  expect(receipts.filter(({ status }) => status === 'stored')).toHaveLength(events.length);
  const renewals = async () => (await entriesOf(shop, workspace)).filter((name) => name === 'renewed');
  await expect.poll(renewals).toHaveLength(1);
  const isDone = async () =>
    (await shop.kernel.connection.collection('stripe_events').find({ state: 'pending' }).toArray()).length;
  await expect.poll(isDone).toBe(0);
  expect(await renewals()).toHaveLength(1);
  expect(await workspace.balance()).toMatchObject({ planCode: 'plus', includedRemainingMicrocredits: 20n * CREDIT });
  expect(await workspace.charged()).toEqual([14_900, 14_900]);
  await expectSound(shop, workspace);
});
