// What somebody who goes to a plan gets: what was offered, at a Price that is known to be that plan's.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CREDIT } from './support/account.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { operatorCallsOf } from './support/operator.ts';
import { DAY_MS, expectSound, HOUR_MS, openShop, openWorkspace, type Shop } from './support/subscription.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterEach(() => expectLedgerClean(shop.callers));
afterAll(() => shop.close());

describe('included credits that an operator has set', () => {
  beforeAll(async () => {
    const fields = { productCode: 'agentruntime', planCode: 'max', includedMicrocreditsPerCycle: 50n * CREDIT };
    await operatorCallsOf(shop.callers).upsertPolicy(fields, ['included_microcredits_per_cycle']);
  });

  test('are what the preview says and the purchase gives, though the Price at Stripe says something else', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    const { preview } = await workspace.preview('max');
    await workspace.activate({ planCode: 'max' });
    const { includedRemainingMicrocredits } = await workspace.balance();
    expect(includedRemainingMicrocredits).toBe(50n * CREDIT);
    expect(preview?.bucketEffects.map(({ afterMicrocredits }) => afterMicrocredits)).toContain(50n * CREDIT);
    await expectSound(shop, workspace);
  });
});

describe('a Price that names a plan and no product', () => {
  test('gives nothing to who is moved to it at Stripe: the plan is kept for what was paid, and no longer', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await workspace.activate({ planCode: 'pro' });
    const { stripe } = shop.stripe;
    const { id: product } = await stripe.products.create({ name: 'Stickers' });
    const price = await stripe.prices.create({
      ...{ product, currency: 'usd', unit_amount: 100, recurring: { interval: 'month' } },
      metadata: { plan_code: 'max' },
    });
    const { data } = await stripe.subscriptions.list({ customer: await workspace.customerId() });
    const [own] = data;
    const item = own?.items.data[0];
    await stripe.subscriptions.update(own?.id ?? '', {
      ...{ items: [{ id: item?.id ?? '', price: price.id }], proration_behavior: 'none' },
    });
    await shop.settle();
    await workspace.refresh();
    expect(await workspace.get()).toMatchObject({ planCode: 'pro' });
    await shop.advance(31 * DAY_MS + 2 * HOUR_MS);
    await workspace.refresh();
    expect(await workspace.balance()).toMatchObject({ includedRemainingMicrocredits: 5n * CREDIT });
  });
});
