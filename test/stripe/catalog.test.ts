// What the kernel reads and checks at Stripe, held against Stripe itself: `STRIPE_SECRET_KEY=sk_test_… npm run test:stripe`
// makes a Product and its Prices in that account, in test mode only, and archives them afterwards. Without a key, the same
// test runs against the sandbox, which so answers as Stripe is expected to.

import { randomUUID } from 'node:crypto';
import { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../dev/stripe-sandbox/sandbox.ts';
import type { StripePrice } from '../../kernel/domain/stripe-price.ts';
import { createStripeCatalog } from '../../kernel/stripe/stripe-catalog.ts';
import { createStripeClient } from '../../kernel/stripe/stripe-client.ts';

const TEST_KEY = /^(sk|rk)_test_/;
const SANDBOX_KEY = 'sk_test_wheelhouse';
/** A list at Stripe can lag behind what was written a moment ago. */
const LIST_TIMEOUT_MS = 30_000;

interface Account {
  readonly secretKey: string;
  readonly apiUrl: string;
}

const productCode = `test_${randomUUID().slice(0, 8)}`;
const metadata = { product_code: productCode, plan_code: 'pro', included_microcredits_per_cycle: '5000000' };
let sandbox: Sandbox | undefined;
let account: Account;
let stripe: Stripe;
let stripeProductId = '';
const priceIds: string[] = [];

beforeAll(async () => {
  account = await openAccount();
  const { protocol, hostname, port } = new URL(account.apiUrl);
  stripe = new Stripe(account.secretKey, {
    protocol: protocol === 'http:' ? 'http' : 'https',
    host: hostname,
    ...(port === '' ? {} : { port }),
  });
  const product = await stripe.products.create({ name: 'Wheelhouse test of the catalog', metadata });
  stripeProductId = product.id;
  for (const [plan_code, amount, interval] of [
    ['pro', 4_900, 'month'],
    ['pro_annual', 49_000, 'year'],
  ] as const) {
    const recurring = { interval };
    const price = { product: product.id, currency: 'usd', unit_amount: amount, recurring, metadata: { plan_code } };
    priceIds.push((await stripe.prices.create(price)).id);
  }
});
afterAll(async () => {
  for (const id of priceIds) await stripe.prices.update(id, { active: false });
  if (stripeProductId !== '') await stripe.products.update(stripeProductId, { active: false });
  await sandbox?.stop();
});

async function openAccount(): Promise<Account> {
  const secretKey = process.env['STRIPE_SECRET_KEY'];
  if (secretKey !== undefined && secretKey !== '') {
    if (!TEST_KEY.test(secretKey))
      throw new Error('STRIPE_SECRET_KEY is no key of test mode: it must begin with sk_test_ or rk_test_');
    return { secretKey, apiUrl: 'https://api.stripe.com' };
  }
  if (process.env['npm_lifecycle_event'] === 'test:stripe') {
    throw new Error(
      'STRIPE_SECRET_KEY is not set: set it to a key of test mode, which begins with sk_test_ or rk_test_',
    );
  }
  sandbox = await startSandbox();
  return { secretKey: SANDBOX_KEY, apiUrl: `http://127.0.0.1:${sandbox.port}` };
}

async function loadOurs(active: boolean): Promise<readonly StripePrice[]> {
  const catalog = createStripeCatalog(createStripeClient({ ...account, onResponse: () => undefined }));
  const ours: StripePrice[] = [];
  for await (const page of catalog.loadPages(active)) {
    ours.push(...page.filter(({ product }) => product.metadata['product_code'] === productCode));
  }
  return ours.toSorted((a, b) => Number((a.minorUnits ?? 0n) - (b.minorUnits ?? 0n)));
}

describe('the catalog at Stripe', () => {
  it('is read with the metadata that makes a Price a plan', async () => {
    await expect.poll(async () => (await loadOurs(true)).length, { timeout: LIST_TIMEOUT_MS }).toBe(2);
    const [monthly, annual] = await loadOurs(true);
    expect(monthly).toMatchObject({
      ...{ isActive: true, currency: 'usd', minorUnits: 4_900n, isTiered: false },
      recurring: { interval: 'month', intervalCount: 1, isMetered: false },
      metadata: { plan_code: 'pro' },
      product: { name: 'Wheelhouse test of the catalog', metadata },
    });
    expect(annual).toMatchObject({ minorUnits: 49_000n, recurring: { interval: 'year' } });
  });

  it('lists a Price that was archived among the archived ones, and finds it by its id', async () => {
    const [priceId = ''] = priceIds;
    await stripe.prices.update(priceId, { active: false });
    await expect.poll(async () => (await loadOurs(false)).length, { timeout: LIST_TIMEOUT_MS }).toBe(1);
    const catalog = createStripeCatalog(createStripeClient({ ...account, onResponse: () => undefined }));
    expect(await catalog.loadPrice(priceId)).toMatchObject({ priceId, isActive: false });
    expect(await catalog.loadPrice('price_of_nobody')).toBeUndefined();
  });

  it('refuses a wrong key in words that say what to correct, without the key', async (context) => {
    if (sandbox !== undefined) return context.skip('needs STRIPE_SECRET_KEY: the sandbox takes any key of test mode');
    const wrong = { ...account, secretKey: 'sk_test_wrong4711' };
    const catalog = createStripeCatalog(createStripeClient({ ...wrong, onResponse: () => undefined }));
    const reading = catalog.loadPrice('price_x');
    await expect(reading).rejects.toMatchObject({ reason: 'STRIPE_REFUSED' });
    await expect(reading).rejects.not.toThrow(/4711/);
  });
});
