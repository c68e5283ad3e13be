import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { DEMO_CATALOG } from '../../kernel/cli/demo-catalog.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { computeDefaultPolicy } from '../../kernel/domain/plan-policy.ts';
import { toDocumentPolicy } from '../../kernel/store/catalog/catalog-document.ts';
import { SOLD_PLANS } from '../support/demo-catalog.ts';
import { judgeExchanges, useSandbox } from '../support/stripe-fixture.ts';

async function collect<Item>(list: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of list) items.push(item);
  return items;
}

describe('products and prices of the sandbox', () => {
  const fixture = useSandbox();
  const createProduct = (name: string): Promise<Stripe.Product> => fixture.stripe.products.create({ name });

  it('begins with the plans of the demo products, as the kernel knows them', async () => {
    const prices = await collect(fixture.stripe.prices.list({ expand: ['data.product'], limit: 3 }));
    const rows = prices.map((price) => {
      const product = price.product as Stripe.Product;
      const metadata = { ...product.metadata, ...price.metadata };
      return {
        product_code: metadata['product_code'],
        plan_code: metadata['plan_code'],
        product_name: product.name,
        stripe_price_id: price.id,
        amount: BigInt(price.unit_amount ?? -1),
        currency: price.currency,
        interval: price.recurring?.interval,
        interval_count: price.recurring?.interval_count,
        source: 'stripe',
        archived: !price.active,
      };
    });
    const expected = SOLD_PLANS.map(({ plan }) => plan);
    expect(rows).toHaveLength(expected.length);
    expect(rows).toEqual(expect.arrayContaining(expected));
  });

  it('says the policies of the demo plans in their metadata, where they are not those of their tier', async () => {
    const prices = await collect(fixture.stripe.prices.list());
    const onboarding = new Map(DEMO_CATALOG.map(({ product }) => [product.product_code, product.onboarding_plan_code]));
    expect(SOLD_PLANS).toHaveLength(prices.length);
    for (const { plan, policy } of SOLD_PLANS) {
      const metadata = prices.find((price) => price.id === plan.stripe_price_id)?.metadata ?? {};
      const tier = toDocumentPolicy(computeDefaultPolicy(policy.plan_code as PlanCode));
      for (const field of ['rank', 'trial_enabled', 'trial_days', 'trial_microcredits_granted'] as const) {
        expect(metadata[field] ?? String(tier[field])).toBe(String(policy[field]));
      }
      expect(metadata['included_microcredits_per_cycle']).toBe(String(policy.included_microcredits_per_cycle));
      const isOnboarding = onboarding.get(policy.product_code) === policy.plan_code;
      expect(metadata['onboarding_default'] ?? 'false').toBe(String(isOnboarding));
    }
  });

  it('creates a product with its default price, and tells of both', async () => {
    const product = await fixture.stripe.products.create({
      name: 'Lamp',
      description: 'Bright',
      metadata: { colour: 'red' },
      default_price_data: { currency: 'USD', unit_amount: 1500, recurring: { interval: 'month', interval_count: 3 } },
      expand: ['default_price'],
    });
    const price = product.default_price as Stripe.Price;
    expect(product).toMatchObject({ active: true, name: 'Lamp', metadata: { colour: 'red' }, livemode: false });
    expect(price).toMatchObject({ unit_amount: 1500, currency: 'usd', type: 'recurring', product: product.id });
    expect(price.recurring).toMatchObject({ interval: 'month', interval_count: 3, usage_type: 'licensed' });
    const types = (await fixture.stripe.events.list({ limit: 3 })).data.map(({ type }) => type);
    expect(types).toEqual(['product.updated', 'price.created', 'product.created']);
  });

  it('merges metadata, takes out what is set to an empty text, and tells what was before', async () => {
    const { id } = await fixture.stripe.products.create({ name: 'Chair', metadata: { a: '1', b: '2' } });
    const merged = await fixture.stripe.products.update(id, { metadata: { a: '', c: '3' } });
    expect(merged.metadata).toEqual({ b: '2', c: '3' });
    const { data } = await fixture.stripe.events.list({ type: 'product.updated', limit: 1 });
    expect(data[0]?.data.previous_attributes).toMatchObject({ metadata: { a: '1', c: null } });
    expect(data[0]?.data.previous_attributes).not.toHaveProperty('metadata.b');
    expect((await fixture.stripe.products.update(id, { metadata: '' })).metadata).toEqual({});
  });

  it('archives a price and lists it no more as active', async () => {
    const product = await createProduct('Table');
    const price = await fixture.stripe.prices.create({ product: product.id, currency: 'jpy', unit_amount: 500 });
    expect(price).toMatchObject({ type: 'one_time', recurring: null });
    await fixture.stripe.prices.update(price.id, { active: false });
    expect((await fixture.stripe.prices.list({ product: product.id, active: true })).data).toEqual([]);
    expect((await fixture.stripe.prices.list({ product: product.id })).data[0]?.active).toBe(false);
  });

  it('keeps a lookup key with one price, until it is transferred', async () => {
    const product = await createProduct('Shelf');
    const terms = { product: product.id, currency: 'usd', unit_amount: 100, lookup_key: 'shelf' };
    const first = await fixture.stripe.prices.create(terms);
    await expect(fixture.stripe.prices.create(terms)).rejects.toMatchObject({ param: 'lookup_key', statusCode: 400 });
    const second = await fixture.stripe.prices.create({ ...terms, transfer_lookup_key: true });
    expect((await fixture.stripe.prices.retrieve(first.id)).lookup_key).toBeNull();
    const found = await fixture.stripe.prices.list({ lookup_keys: ['shelf'] });
    expect(found.data.map(({ id }) => id)).toEqual([second.id]);
  });

  it('takes amounts with fractions of a cent as decimals only', async () => {
    const product = await createProduct('Drop');
    const terms = { product: product.id, currency: 'usd', unit_amount_decimal: '0.5' };
    // The SDK wants an instance of its own class, which travels as this text.
    const price = await fixture.stripe.prices.create(terms as unknown as Stripe.PriceCreateParams);
    expect(price.unit_amount).toBeNull();
    expect(String(price.unit_amount_decimal)).toBe('0.5');
  });

  it('pages newest first, both ways, without losing what a filter leaves out meanwhile', async () => {
    const product = await createProduct('Pages');
    const ids: string[] = [];
    for (let amount = 0; amount < 25; amount += 1) {
      const price = await fixture.stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: amount });
      ids.unshift(price.id);
    }
    const query = { product: product.id, active: true, limit: 10 };
    const first = await fixture.stripe.prices.list(query);
    expect(first).toMatchObject({ has_more: true, url: '/v1/prices' });
    const last = first.data.at(-1)?.id ?? '';
    await fixture.stripe.prices.update(last, { active: false });
    const second = await fixture.stripe.prices.list({ ...query, starting_after: last });
    expect(second.data.map(({ id }) => id)).toEqual(ids.slice(10, 20));
    const third = await fixture.stripe.prices.list({ ...query, starting_after: second.data.at(-1)?.id ?? '' });
    expect([third.data.length, third.has_more]).toEqual([5, false]);
    const exact = await fixture.stripe.prices.list({
      ...query,
      limit: 5,
      starting_after: second.data.at(-1)?.id ?? '',
    });
    expect([exact.data.length, exact.has_more]).toEqual([5, false]);
    const back = await fixture.stripe.prices.list({ ...query, limit: 3, ending_before: ids[20] ?? '' });
    expect([back.data.map(({ id }) => id), back.has_more]).toEqual([ids.slice(17, 20), true]);
  });

  it('deletes a product without prices, and keeps one that has some', async () => {
    const bare = await createProduct('Bare');
    expect(await fixture.stripe.products.del(bare.id)).toMatchObject({ id: bare.id, deleted: true });
    await expect(fixture.stripe.products.retrieve(bare.id)).rejects.toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
    });
    await expect(fixture.stripe.products.del('prod_agentruntime_pro')).rejects.toMatchObject({ statusCode: 400 });
  });

  judgeExchanges(fixture);
});
