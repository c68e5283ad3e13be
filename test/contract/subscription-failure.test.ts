// What broke for others, and what Stripe may do: answers that are lost or failures, events late, twice or the other way round, two
// kernels that read at different times, pages that are paid twice, prices that are edited, workspaces that are closed.

import { status } from '@grpc/grpc-js';
import type { Stripe } from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SubscriptionStatus } from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { SubscriptionServiceService } from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { CloseTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { sendCard } from '../support/hosted-form.ts';
import { startStepProxy } from '../support/step-proxy.ts';
import { admitPeople, CREDIT, callersOf, OPERATOR, personIn } from './support/account.ts';
import { deliverEvent } from './support/delivery.ts';
import { failureOf } from './support/failure.ts';
import { newRequestId, openKernel } from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { reconciliationCallsOf } from './support/reconciliation.ts';
import {
  DAY_MS,
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

async function openSubscriber(planCode = 'plus'): Promise<Workspace> {
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  await workspace.activate({ planCode });
  return workspace;
}

async function subscriptionsOf(workspace: Workspace): Promise<readonly Stripe.Subscription[]> {
  const customer = await workspace.customerId();
  return (await shop.stripe.stripe.subscriptions.list({ customer, status: 'all' })).data;
}

async function eventsOf(workspace: Workspace, type: string): Promise<readonly Stripe.Event[]> {
  const customer = await workspace.customerId();
  const { data } = await shop.stripe.stripe.events.list({ type, limit: 100 });
  return data.filter(({ data: { object } }) => 'customer' in object && object.customer === customer);
}

async function isProcessed(_id: string): Promise<void> {
  const events = shop.kernel.connection.collection<{ _id: string; state: string }>('stripe_events');
  await expect.poll(async () => (await events.findOne({ _id }))?.state, { interval: 20 }).toBe('processed');
}

async function entriesOf({ tenantId }: Workspace): Promise<readonly string[]> {
  const commits = shop.kernel.connection.collection('ledger_commits').find({ tenant_id: tenantId }).sort({ seq: 1 });
  const entries: readonly { readonly type: string; readonly change?: string }[] = (await commits.toArray()).flatMap(
    (row) => row['entries'],
  );
  return entries.map(({ type, change = type }) => change);
}

const close = ({ tenantId, settings }: Workspace) =>
  shop.callers.bff.call(TenantServiceService.closeTenant, CloseTenantRequest.fromPartial({ tenantId }), settings);

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
    const workspace = await openSubscriber();
    const customer = await workspace.customerId();
    await shop.stripe.stripe.customers.del(customer);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('free');
    await shop.settle();
    await expectAnother(workspace, customer);
  });

  test('is noticed when somebody looks, where no event tells', async () => {
    const workspace = await openSubscriber();
    const customer = await workspace.customerId();
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    await shop.stripe.stripe.customers.del(customer);
    await workspace.openPortal({ returnPath: '/settings' });
    expect(await workspace.customerId()).not.toBe(customer);
    await workspace.refresh();
    await expectAnother(workspace, customer);
  });

  test('ends what it paid for also where the event comes after another took its place', async () => {
    const workspace = await openSubscriber();
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
      expect(await subscriptionsOf(workspace)).toHaveLength(1);
      expect(await entriesOf(workspace)).toEqual(['account_opened', 'started']);
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
    expect(await subscriptionsOf(workspace)).toHaveLength(1);
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
    expect(await subscriptionsOf(workspace)).toHaveLength(1);
  });

  test('for an upgrade that is declined leaves the old plan, what waited with it, and says why', async () => {
    const workspace = await openSubscriber('pro');
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
      const workspace = await openSubscriber('plus');
      const callers = callersOf(slow);
      const there = { kernel: slow, callers, stripe: shop.stripe, trials: trialCallsOf(callers) };
      const bySlow = await workspaceOf(there, workspace.tenantId);
      // What waits to be told to the account when the slow kernel reads it, without an event.
      shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
      const [seen] = await subscriptionsOf(workspace);
      await shop.stripe.stripe.subscriptions.update(seen?.id ?? '', { cancel_at_period_end: true });
      const customer = await workspace.customerId();
      const reading = proxy.hold('GET /v1/subscriptions', 'after', () => [customer]);
      const refreshed = bySlow.refresh();
      await reading.reached;
      await workspace.changePlan({ planCode: 'max' });
      const entries = await entriesOf(workspace);
      expect(entries.at(-1)).toBe('plan_changed');
      reading.release();
      const answer = await refreshed;
      expect(answer).toMatchObject({ planCode: 'max', subscription: { status: SubscriptionStatus.ACTIVE } });
      expect(answer.subscription?.cancelTime).toBeUndefined();
      expect(await entriesOf(workspace)).toEqual(entries);
      await expectSound(shop, workspace);
    } finally {
      await slow.close();
      await proxy.stop();
    }
  });
});

describe('events', () => {
  test('of a subscription that was active do not revive one that was deleted', async () => {
    const workspace = await openSubscriber('plus');
    await workspace.cancelByOperator({ atOnce: true });
    await shop.settle();
    const entries = await entriesOf(workspace);
    const updated = await eventsOf(workspace, 'customer.subscription.updated');
    const active = updated.find(({ data: { object } }) => 'status' in object && object.status === 'active');
    const late = { ...active, id: `evt_late_${workspace.tenantId}` };
    expect(await deliverEvent(shop.kernel.httpUrl, JSON.stringify(late))).toMatchObject({ status: 'stored' });
    await isProcessed(late.id);
    expect(await entriesOf(workspace)).toEqual(entries);
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
    expect(await entriesOf(workspace)).toEqual(['account_opened', 'started']);
    expect(await workspace.balance()).toMatchObject({ includedRemainingMicrocredits: 20n * CREDIT });
    await expectSound(shop, workspace);
  });
});

async function pay(url = ''): Promise<void> {
  expect((await sendCard(url)).status).toBe(303);
}

describe('two pages that are both paid', () => {
  test('leave the first subscription; the second is paid back and ended', async () => {
    const workspace = await openWorkspace(shop);
    const { change } = await workspace.activate({ planCode: 'plus', returnPath: '/settings' });
    const customer = await workspace.customerId();
    const { data } = await shop.stripe.stripe.checkout.sessions.list({
      customer,
      status: 'open',
      expand: ['data.line_items'],
    });
    const metadata = data[0]?.metadata ?? {};
    // The first page is closed whenever another one opens: so Stripe has to be told to have two.
    const second = await shop.stripe.stripe.checkout.sessions.create({
      ...{ mode: 'subscription', customer, line_items: [{ price: 'price_agentruntime_plus', quantity: 1 }] },
      ...{
        metadata,
        subscription_data: { metadata: { ...metadata, intent_id: 'int_second' } },
        success_url: 'http://127.0.0.1:1/',
      },
    });
    await pay(change?.actionUrl);
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('plus');
    await pay(second.url ?? '');
    await expect
      .poll(async () => (await subscriptionsOf(workspace)).map(({ status: is }) => is).sort())
      .toEqual(['active', 'canceled']);
    const charges = await shop.stripe.stripe.charges.list({ customer });
    await expect
      .poll(async () => (await shop.stripe.stripe.refunds.list({ charge: charges.data[0]?.id ?? '' })).data)
      .toHaveLength(1);
    expect((await shop.stripe.stripe.refunds.list({})).data.map(({ charge }) => charge)).toEqual([charges.data[0]?.id]);
    await shop.settle();
    await hasResult(workspace, 'done', 1);
    expect(await entriesOf(workspace)).toEqual(['account_opened', 'started']);
    expect(await workspace.balance()).toMatchObject({ planCode: 'plus', includedRemainingMicrocredits: 20n * CREDIT });
    await expectSound(shop, workspace);
  });

  /** What was refused is due again another day. */
  async function passDay(workspace: Workspace): Promise<void> {
    await shop.advance(DAY_MS + HOUR_MS);
    await workspace.refresh();
  }

  async function buyAgain(workspace: Workspace, more: Partial<Stripe.SubscriptionCreateParams> = {}): Promise<string> {
    const customer = await workspace.customerId();
    const metadata = { tenant_id: workspace.tenantId, product_code: 'agentruntime', intent_id: 'int_second' };
    const items = [{ price: 'price_agentruntime_plus' }];
    return (await shop.stripe.stripe.subscriptions.create({ customer, items, metadata, ...more })).id;
  }

  /** What was paid and what of it went back, in cents, the newest first. */
  async function paymentsOf(workspace: Workspace): Promise<readonly (readonly [number, number])[]> {
    const { data } = await shop.stripe.stripe.charges.list({ customer: await workspace.customerId() });
    return data.filter(({ paid }) => paid).map(({ amount, amount_refunded: back }) => [amount, back] as const);
  }

  async function hasResult({ tenantId }: Workspace, kind: string, count: number): Promise<void> {
    const results = shop.kernel.connection.collection('stripe_intent_results');
    const filter = { tenant_id: tenantId, 'request.kind': 'drop_duplicate', 'result.kind': kind };
    await expect.poll(() => results.countDocuments(filter)).toBe(count);
  }

  test('are paid back another day where Stripe refuses that at first, and operators see it until then', async () => {
    const workspace = await openSubscriber();
    const refusal = { method: 'POST', path: '/v1/refunds', outcome: 'refused', status: 400 } as const;
    shop.stripe.sandbox.control.addFault(refusal);
    const second = await buyAgain(workspace);
    await hasResult(workspace, 'failed', 1);
    expect(await paymentsOf(workspace)).toEqual([
      [14_900, 0],
      [14_900, 0],
    ]);
    expect(await reconciliationCallsOf(shop.callers).verify(workspace.tenantId)).toMatchObject([{ subject: second }]);
    shop.stripe.sandbox.control.clearFaults();
    await passDay(workspace);
    await expect
      .poll(() => paymentsOf(workspace))
      .toEqual([
        [14_900, 14_900],
        [14_900, 0],
      ]);
    await hasResult(workspace, 'done', 1);
    await expectSound(shop, workspace);
  });

  test('are tried to be paid back for thirty days, and then when an operator asks', async () => {
    const workspace = await openSubscriber();
    const refusal = { method: 'POST', path: '/v1/refunds', outcome: 'refused', status: 400 } as const;
    shop.stripe.sandbox.control.addFault(refusal);
    const second = await buyAgain(workspace);
    await hasResult(workspace, 'failed', 1);
    await passDay(workspace);
    await hasResult(workspace, 'failed', 2);
    await shop.advance(30 * DAY_MS);
    await workspace.refresh();
    await passDay(workspace);
    // Nothing was begun by either look, nor is under way.
    const begun = shop.kernel.connection.collection<{ _id: string }>('stripe_intents');
    await expect.poll(() => begun.countDocuments({ _id: workspace.tenantId })).toBe(0);
    await hasResult(workspace, 'failed', 2);
    expect(await reconciliationCallsOf(shop.callers).verify(workspace.tenantId)).toMatchObject([{ subject: second }]);
    // Operators may have paid it back there meanwhile, or not.
    shop.stripe.sandbox.control.clearFaults();
    await reconciliationCallsOf(shop.callers).refresh(workspace.tenantId);
    await hasResult(workspace, 'done', 1);
    expect(await paymentsOf(workspace)).toContainEqual([14_900, 14_900]);
    await expectSound(shop, workspace);
  });

  test('are tried to be paid back at once when an operator asks, also where Stripe refused it that day', async () => {
    const workspace = await openSubscriber();
    const refusal = { method: 'POST', path: '/v1/refunds', outcome: 'refused', status: 400 } as const;
    shop.stripe.sandbox.control.addFault(refusal);
    const second = await buyAgain(workspace);
    await hasResult(workspace, 'failed', 1);
    const { verify, refresh } = reconciliationCallsOf(shop.callers);
    // Whoever else looks has it tried no more that day.
    await workspace.refresh();
    await refresh(workspace.tenantId);
    await hasResult(workspace, 'failed', 2);
    await workspace.refresh();
    expect(await verify(workspace.tenantId)).toMatchObject([{ subject: second }]);
    shop.stripe.sandbox.control.clearFaults();
    await refresh(workspace.tenantId);
    await hasResult(workspace, 'done', 1);
    await hasResult(workspace, 'failed', 2);
    expect(await paymentsOf(workspace)).toContainEqual([14_900, 14_900]);
    await expect.poll(() => verify(workspace.tenantId)).toEqual([]);
    await expectSound(shop, workspace);
  });

  test('are paid back, too, where the bank of who paid has taken them back by a dispute that is lost', async () => {
    const workspace = await openSubscriber();
    const { stripe, sandbox } = shop.stripe;
    const refusal = { method: 'POST', path: '/v1/refunds', outcome: 'refused', status: 400 } as const;
    sandbox.control.addFault(refusal);
    await buyAgain(workspace);
    await hasResult(workspace, 'failed', 1);
    sandbox.control.clearFaults();
    const [charge] = (await stripe.charges.list({ customer: await workspace.customerId() })).data;
    const dispute = sandbox.control.createDispute(charge?.id ?? '');
    await passDay(workspace);
    await hasResult(workspace, 'failed', 2);
    sandbox.control.closeDispute(dispute.id, 'lost');
    await passDay(workspace);
    await hasResult(workspace, 'done', 1);
    expect(await paymentsOf(workspace)).toEqual([
      [14_900, 0],
      [14_900, 0],
    ]);
    await expectSound(shop, workspace);
  });

  test.each([
    ['paid', [14_900, 14_900]],
    ['failed', undefined],
  ] as const)(
    'are paid back where the second is by a debit that is under way, once that has %s',
    async (outcome, back) => {
      const workspace = await openSubscriber();
      const { control } = shop.stripe.sandbox;
      const second = await buyAgain(workspace, { payment_behavior: 'default_incomplete' });
      control.beginSlowPayment(second);
      await hasResult(workspace, 'failed', 1);
      control.endSlowPayment(second, outcome);
      await shop.settle();
      if (outcome === 'failed') await passDay(workspace);
      await hasResult(workspace, 'done', 1);
      expect(await paymentsOf(workspace)).toEqual([...(back === undefined ? [] : [back]), [14_900, 0]]);
      const { data } = await shop.stripe.stripe.invoices.list({ subscription: second });
      expect(data.map(({ status: is }) => is)).toEqual([outcome === 'paid' ? 'paid' : 'void']);
      await expectSound(shop, workspace);
    },
  );

  test('are paid back after the workspace was closed while the debit was under way', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    const { control } = shop.stripe.sandbox;
    const only = await buyAgain(workspace, { payment_behavior: 'default_incomplete' });
    control.beginSlowPayment(only);
    await shop.settle();
    const { tenantId, settings } = workspace;
    const request = CloseTenantRequest.fromPartial({ tenantId });
    await shop.callers.bff.call(TenantServiceService.closeTenant, request, settings);
    await hasResult(workspace, 'failed', 1);
    control.endSlowPayment(only, 'paid');
    await expect.poll(() => paymentsOf(workspace)).toEqual([[14_900, 14_900]]);
    await hasResult(workspace, 'done', 1);
    await expectSound(shop, workspace);
  });
});

describe('a first payment that takes its bank days', () => {
  /** Buys a plan on a page, by a debit of an account: the page's card is none, so the sandbox is told. */
  async function buyByDebit(): Promise<{ readonly workspace: Workspace; readonly id: string }> {
    const workspace = await openWorkspace(shop);
    const { stripe, sandbox } = shop.stripe;
    const customer = await workspace.customerId();
    const metadata = { tenant_id: workspace.tenantId, product_code: 'agentruntime', intent_id: 'int_by_debit' };
    const items = [{ price: 'price_agentruntime_plus' }];
    const { id } = await stripe.subscriptions.create({
      ...{ customer, items, metadata, payment_behavior: 'default_incomplete' },
    });
    expect(sandbox.control.beginSlowPayment(id)).toMatchObject({ status: 'active' });
    await shop.settle();
    expect(await workspace.refresh()).toMatchObject({ planCode: 'free', subscription: undefined });
    await workspace.storeCard();
    return { workspace, id };
  }

  test('gives nothing before it is paid, lets nothing else be bought meanwhile, and gives the plan then', async () => {
    const { workspace, id } = await buyByDebit();
    const failure = await failureOf(workspace.activate({ planCode: 'plus' }));
    expect(failure).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'SUBSCRIPTION_UNPAID' });
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    shop.stripe.sandbox.control.endSlowPayment(id, 'paid');
    await shop.advance(HOUR_MS + 1_000);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('plus');
    expect(await workspace.charged()).toEqual([14_900]);
    await expectSound(shop, workspace);
  });

  test.each(['plus', 'max'])(
    'leaves nothing where it fails: %s is bought by another, and paid once',
    async (planCode) => {
      const { workspace, id } = await buyByDebit();
      expect(shop.stripe.sandbox.control.endSlowPayment(id, 'failed')).toMatchObject({ status: 'past_due' });
      await shop.settle();
      expect(await workspace.refresh()).toMatchObject({ planCode: 'free', subscription: undefined });
      const { change } = await workspace.activate({ planCode });
      expect(change).toMatchObject({ outcome: ChangeOutcome.DONE, planCode });
      const all = await subscriptionsOf(workspace);
      expect(all.map(({ status: is }) => is)).toEqual(['active', 'canceled']);
      const { data } = await shop.stripe.stripe.invoices.list({ subscription: id });
      expect(data.map(({ status: is }) => is)).toEqual(['void']);
      expect(await workspace.charged()).toHaveLength(1);
      await expectSound(shop, workspace);
    },
  );

  test('that fails and is made up for on the invoice’s page gives the plan', async () => {
    const { workspace, id } = await buyByDebit();
    shop.stripe.sandbox.control.endSlowPayment(id, 'failed');
    const { data } = await shop.stripe.stripe.invoices.list({ subscription: id });
    expect((await sendCard(data[0]?.hosted_invoice_url ?? '')).status).toBeLessThan(400);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('plus');
    expect(await failureOf(workspace.activate({ planCode: 'max' }))).toMatchObject({ reason: 'SUBSCRIPTION_EXISTS' });
    expect(await workspace.charged()).toEqual([14_900]);
    await expectSound(shop, workspace);
  });
});

describe('a payment that fails', () => {
  test('is told each time, also where the one before in the same period was made up for', async () => {
    const workspace = await openSubscriber('pro');
    const { stripe } = shop.stripe;
    const tellings = () =>
      shop.kernel.connection
        .collection('billing_events')
        .find({ tenant_id: workspace.tenantId, type: 'payment.failed' })
        .sort({ number: 1 })
        .toArray();
    const standing = async () => (await workspace.get()).subscription?.status;

    await workspace.storeCard('pm_card_chargeCustomerFail');
    const [subscription] = await subscriptionsOf(workspace);
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
    const workspace = await openSubscriber('max');
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
    const workspace = await openSubscriber();
    await shop.callers.debit(workspace.tenantId, { quantity: '4' });
    const { id: product } = await shop.stripe.stripe.products.create({ name: 'Something else' });
    const metadata = { product_code: 'other', plan_code: 'plus' };
    const cheap = await shop.stripe.stripe.prices.create({
      ...{ product, currency: 'usd', unit_amount: 100, recurring: { interval: 'month' }, metadata },
    });
    const sellAt = async (price: string): Promise<void> => {
      const [{ id = '', items } = {}] = await subscriptionsOf(workspace);
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
    const workspace = await openSubscriber('pro');
    await shop.callers.debit(workspace.tenantId, { quantity: '5' });
    await workspace.changePlan({ planCode: 'max' });
    const { includedRemainingMicrocredits: included, deficitMicrocredits } = await workspace.balance();
    expect(deficitMicrocredits).toBe(0n);
    expect(Number(75n * CREDIT - included)).toBeLessThan(Number(CREDIT) / 100);
    expect(included).toBeLessThanOrEqual(75n * CREDIT);
    expect((await entriesOf(workspace)).slice(-1)).toEqual(['plan_changed']);
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
    expect((await entriesOf(workspace)).filter((name) => name === 'trial_started')).toHaveLength(1);
    await expectSound(shop, workspace);
  });
});

test('where an open invoice can be paid is shown to administrators alone', async () => {
  const workspace = await openSubscriber('plus');
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
    const workspace = await openSubscriber('plus');
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

describe('a workspace that is suspended', () => {
  test('is charged on until its administrator cancels, who may', async () => {
    const workspace = await openSubscriber('pro');
    await workspaceOperatorOf(shop.callers).suspend(workspace.tenantId, true);
    await shop.advance(31 * DAY_MS + 2 * HOUR_MS);
    await expect.poll(() => workspace.charged()).toEqual([4_900, 4_900]);
    const refused = { reason: 'TENANT_SUSPENDED', message: expect.stringContaining('its subscription canceled') };
    expect(await failureOf(workspace.changePlan({ planCode: 'max' }))).toMatchObject(refused);
    const { change } = await workspace.cancel();
    expect(change).toMatchObject({ outcome: ChangeOutcome.DONE, planCode: 'pro' });
    expect((await workspace.get()).subscription?.cancelTime).toBeInstanceOf(Date);
    expect(await failureOf(workspace.resume())).toMatchObject(refused);
    await shop.advance(31 * DAY_MS + 2 * HOUR_MS);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('free');
    expect(await workspace.charged()).toEqual([4_900, 4_900]);
    await expectSound(shop, workspace);
  });
});

describe('a page to buy on', () => {
  const suspend = ({ tenantId }: Workspace) => workspaceOperatorOf(shop.callers).suspend(tenantId, true);
  const openPage = async (workspace: Workspace): Promise<string> => {
    const { change } = await workspace.activate({ planCode: 'plus', hostedPage: true, returnPath: '/settings' });
    return change?.actionUrl ?? '';
  };
  const pagesOf = async (workspace: Workspace) => {
    const { data } = await shop.stripe.stripe.checkout.sessions.list({ customer: await workspace.customerId() });
    return data.map(({ status: is }) => is);
  };

  test.each<readonly [string, (workspace: Workspace) => Promise<unknown>]>([
    ['suspended', suspend],
    ['closed', close],
  ])('is closed when its workspace is %s: nothing can be paid on it any more', async (_, bar) => {
    const workspace = await openWorkspace(shop);
    const page = await openPage(workspace);
    await bar(workspace);
    await expect.poll(() => pagesOf(workspace)).toEqual(['expired']);
    expect((await sendCard(page)).status).not.toBe(303);
    expect(await workspace.charged()).toEqual([]);
    await expectSound(shop, workspace);
  });

  test('to pay an upgrade on is closed when its workspace is suspended: nothing can be paid on it any more', async () => {
    const workspace = await openSubscriber('pro');
    await workspace.storeCard('pm_card_authenticationRequired');
    const { change } = await workspace.changePlan({ planCode: 'plus' });
    expect(change).toMatchObject({ outcome: ChangeOutcome.ACTION_REQUIRED });
    await suspend(workspace);
    const { stripe } = shop.stripe;
    const customer = await workspace.customerId();
    const statuses = async () => (await stripe.invoices.list({ customer })).data.map(({ status: is }) => is);
    await expect.poll(statuses).toEqual(['void', 'paid']);
    await sendCard(change?.actionUrl ?? '');
    await workspace.refresh();
    expect(await workspace.charged()).toEqual([4_900]);
    expect((await workspace.get()).planCode).toBe('pro');
    // Who may go on may ask for it again.
    await workspaceOperatorOf(shop.callers).suspend(workspace.tenantId, false);
    const again = (await workspace.changePlan({ planCode: 'plus' })).change;
    expect((await sendCard(again?.actionUrl ?? '')).status).toBe(303);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('plus');
    expect(await workspace.charged()).toHaveLength(2);
    await expectSound(shop, workspace);
  });

  test('is closed also where Stripe can’t be reached when its workspace is suspended', async () => {
    const workspace = await openWorkspace(shop);
    await openPage(workspace);
    shop.stripe.sandbox.control.addFault({ path: '/v1/checkout/sessions', outcome: 'refused', status: 503 });
    const failures = () => shop.kernel.logLines.filter((line) => line.includes('reading subscriptions at Stripe'));
    const before = failures().length;
    await suspend(workspace);
    await expect.poll(() => failures().length).toBeGreaterThan(before);
    shop.stripe.sandbox.control.clearFaults();
    await shop.advance(HOUR_MS);
    await expect.poll(() => pagesOf(workspace)).toEqual(['expired']);
  });

  test('that was opened before a suspension was over stays open', async () => {
    const workspace = await openWorkspace(shop);
    await suspend(workspace);
    await workspaceOperatorOf(shop.callers).suspend(workspace.tenantId, false);
    const page = await openPage(workspace);
    await shop.advance(HOUR_MS);
    expect((await sendCard(page)).status).toBe(303);
    await expect.poll(async () => (await workspace.get()).planCode).toBe('plus');
    expect(await workspace.charged()).toEqual([14_900]);
    await expectSound(shop, workspace);
  });
});

describe('a workspace that is closed', () => {
  test('is charged nothing more: its subscription is ended at Stripe at once', async () => {
    const workspace = await openSubscriber('plus');
    await close(workspace);
    await expect.poll(async () => (await subscriptionsOf(workspace)).map(({ status: is }) => is)).toEqual(['canceled']);
    await expect.poll(async () => (await entriesOf(workspace)).at(-1)).toBe('ended');
    await shop.advance(40 * DAY_MS);
    expect(await workspace.charged()).toEqual([14_900]);
    await expectSound(shop, workspace);
  });

  test('by an operator too, and again where that was cut off', async () => {
    const workspace = await openSubscriber('plus');
    const request = CloseTenantRequest.fromPartial({
      tenantId: workspace.tenantId,
      ...OPERATOR,
    });
    await shop.callers.sysadmin.call(TenantServiceService.closeTenant, request);
    await expect.poll(async () => (await subscriptionsOf(workspace)).map(({ status: is }) => is)).toEqual(['canceled']);
    await shop.callers.sysadmin.call(TenantServiceService.closeTenant, request);
    await expectSound(shop, workspace);
  });

  test('does not become a paying one when its trial ends, as others do', async () => {
    const [closed, other] = [await openTrial(), await openTrial()];
    await close(closed);
    await shop.advance(15 * DAY_MS);
    await expect.poll(() => other.charged()).toEqual([4_900]);
    expect(await closed.balance()).toMatchObject({ planCode: 'free' });
    // What is to be done for both is done together, by kernels that do it once a second.
    await shop.advance(HOUR_MS);
    expect(await subscriptionsOf(closed)).toEqual([]);
    const asked = shop.kernel.connection.collection<{ _id: string }>('stripe_intents');
    expect(await asked.find({ _id: closed.tenantId }).toArray()).toEqual([]);
    await expectSound(shop, closed);
  });

  async function openTrial(): Promise<Workspace> {
    const workspace = await openWorkspace(shop);
    await shop.trials.startByOperator(workspace.tenantId, { planCode: 'pro' });
    await workspace.agreeByCard();
    return workspace;
  }
});
