// What runs at Stripe at a price that says nothing here, be it of another product, or by the week: nobody is locked in with
// it. And what somebody made at Stripe by hand, as far as the account follows it.

import type { Stripe } from 'stripe';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DifferenceKind } from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { CloseTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { CREDIT } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { reconciliationCallsOf } from './support/reconciliation.ts';
import { subscriptionsOf } from './support/subscriber.ts';
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
afterEach(() => expectLedgerClean(shop.callers));
afterAll(() => shop.close());

const OTHER_PRODUCT = {
  ...{ unit_amount: 100, recurring: { interval: 'month' } },
  metadata: { product_code: 'other', plan_code: 'plus' },
} as const;
const BY_WEEK = {
  ...{ unit_amount: 999, recurring: { interval: 'week' } },
  metadata: { product_code: 'agentruntime', plan_code: 'plus' },
} as const;
const PRICES: readonly (readonly [string, Omit<Stripe.PriceCreateParams, 'currency'>])[] = [
  ['of another product', OTHER_PRODUCT],
  ['by the week', BY_WEEK],
];

/** Opens a subscriber whose subscription somebody then moves to another price. */
async function openMoved(terms: Omit<Stripe.PriceCreateParams, 'currency'>): Promise<Workspace> {
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  await workspace.activate({ planCode: 'plus' });
  const { stripe } = shop.stripe;
  const { id: product } = await stripe.products.create({ name: 'Something else' });
  const { id: price } = await stripe.prices.create({ product, currency: 'usd', ...terms });
  const [subscription] = await subscriptionsOf(shop, workspace);
  const items = [{ id: subscription?.items.data[0]?.id ?? '', price }];
  await stripe.subscriptions.update(subscription?.id ?? '', { items, proration_behavior: 'none' });
  await shop.settle();
  return workspace;
}

async function close({ tenantId, settings }: Workspace): Promise<void> {
  const request = CloseTenantRequest.fromPartial({ tenantId });
  await shop.callers.bff.call(TenantServiceService.closeTenant, request, settings);
}

/** Passes the paid period, and what of grace comes after it. */
async function passPeriod(workspace: Workspace): Promise<void> {
  await shop.advance(31 * DAY_MS + 2 * HOUR_MS);
  await shop.advance(8 * DAY_MS);
  await workspace.refresh();
}

describe.each(PRICES)('a subscription that was moved to a price %s', (_, terms) => {
  test('is cancelled by its workspace, whose account shows it, and that is taken back', async () => {
    const workspace = await openMoved(terms);
    const { change } = await workspace.cancel();
    const [subscription] = await subscriptionsOf(shop, workspace);
    expect(subscription?.cancel_at_period_end).toBe(true);
    expect(change?.subscription).toMatchObject({ planCode: 'plus', cancelTime: expect.any(Date) });
    expect(await workspace.balance()).toMatchObject({ planCode: 'plus', includedRemainingMicrocredits: 20n * CREDIT });
    await workspace.resume();
    expect((await workspace.get()).subscription?.cancelTime).toBeUndefined();
    expect((await subscriptionsOf(shop, workspace))[0]?.cancel_at_period_end).toBe(false);
  });

  test('is cancelled also when its plan is lost; then another can be bought', async () => {
    const workspace = await openMoved(terms);
    const { tenantId } = workspace;
    await passPeriod(workspace);
    expect((await workspace.balance()).planCode).toBe('free');
    const [subscription] = await subscriptionsOf(shop, workspace);
    expect(subscription?.status).toBe('active');
    expect(await reconciliationCallsOf(shop.callers).verify(tenantId)).toMatchObject([
      { kind: DifferenceKind.SUBSCRIPTION_DIFFERS, subject: subscription?.id, refreshMends: false },
    ]);
    const refused = await failureOf(workspace.activate({ planCode: 'plus' }));
    expect(refused).toMatchObject({ reason: 'SUBSCRIPTION_EXISTS', message: expect.stringContaining('cancel') });
    expect(await failureOf(workspace.cancel({ atOnce: true }))).toMatchObject({ reason: 'INVALID_FIELD' });
    await workspace.cancel();
    expect((await subscriptionsOf(shop, workspace))[0]?.cancel_at_period_end).toBe(true);
    await workspace.cancelByOperator({ atOnce: true });
    expect((await subscriptionsOf(shop, workspace))[0]?.status).toBe('canceled');
    await workspace.activate({ planCode: 'plus' });
    expect((await workspace.balance()).planCode).toBe('plus');
    await expectSound(shop, workspace);
  });

  test('ends when its workspace is closed', async () => {
    const workspace = await openMoved(terms);
    await close(workspace);
    await expect
      .poll(async () => (await subscriptionsOf(shop, workspace)).map(({ status }) => status))
      .toEqual(['canceled']);
    await expectSound(shop, workspace);
  });
});

test('one by the week that somebody made at Stripe hides none that is bought here', async () => {
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  const { stripe } = shop.stripe;
  const { id: product } = await stripe.products.create({ name: 'Support' });
  const { id: price } = await stripe.prices.create({ product, currency: 'usd', ...BY_WEEK });
  const { id } = await stripe.subscriptions.create({ customer: await workspace.customerId(), items: [{ price }] });
  await shop.settle();
  await workspace.activate({ planCode: 'plus' });
  expect((await workspace.balance()).planCode).toBe('plus');
  expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
  expect(await failureOf((await openWorkspace(shop)).cancel())).toMatchObject({ reason: 'SUBSCRIPTION_NOT_FOUND' });
});

test('a subscription that sales made at Stripe, and that the account follows, ends when its workspace is closed', async () => {
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  const customer = await workspace.customerId();
  await shop.stripe.stripe.subscriptions.create({ customer, items: [{ price: 'price_agentruntime_plus' }] });
  await expect.poll(async () => (await workspace.balance()).planCode).toBe('plus');
  await close(workspace);
  await expect
    .poll(async () => (await subscriptionsOf(shop, workspace)).map(({ status }) => status))
    .toEqual(['canceled']);
  await shop.advance(31 * DAY_MS + 2 * HOUR_MS);
  expect(await workspace.charged()).toEqual([14_900]);
  await expectSound(shop, workspace);
});
