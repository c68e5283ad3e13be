// Payments that are made twice, or take days: pages that are both paid, what is given back and until when, first payments that come
// to a result later.

import { status } from '@grpc/grpc-js';
import type { Stripe } from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { CloseTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { sendCard } from '../support/hosted-form.ts';
import { CREDIT } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { reconciliationCallsOf } from './support/reconciliation.ts';
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
      .poll(async () => (await subscriptionsOf(shop, workspace)).map(({ status: is }) => is).sort())
      .toEqual(['active', 'canceled']);
    const charges = await shop.stripe.stripe.charges.list({ customer });
    await expect
      .poll(async () => (await shop.stripe.stripe.refunds.list({ charge: charges.data[0]?.id ?? '' })).data)
      .toHaveLength(1);
    expect((await shop.stripe.stripe.refunds.list({})).data.map(({ charge }) => charge)).toEqual([charges.data[0]?.id]);
    await shop.settle();
    await hasResult(workspace, 'done', 1);
    expect(await entriesOf(shop, workspace)).toEqual(['account_opened', 'started']);
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
    const workspace = await openSubscriber(shop);
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
    const workspace = await openSubscriber(shop);
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
    const workspace = await openSubscriber(shop);
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
    const workspace = await openSubscriber(shop);
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
      const workspace = await openSubscriber(shop);
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
      const all = await subscriptionsOf(shop, workspace);
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
