import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, type TestContext } from 'vitest';
import { startBrowser } from '../support/browser.ts';
import { useSandbox } from '../support/stripe-fixture.ts';

describe('the hosted page in a browser', () => {
  const fixture = useSandbox({ hasCatalog: false });
  let browser: Browser | undefined;
  let shop: Server;
  let shopUrl: string;

  beforeAll(async () => {
    browser = await startBrowser(process.env);
    shop = createServer((request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(`<h1>Shop</h1><p>${request.url?.replaceAll('<', '')}</p>`);
    }).listen(0, '127.0.0.1');
    await once(shop, 'listening');
    shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await browser?.close();
    shop.closeAllConnections();
    shop.close();
  });

  async function openSession(context: TestContext): Promise<{ readonly page: Page; readonly id: string }> {
    if (browser === undefined) return context.skip('needs Chromium: on PATH, or named by CHROMIUM');
    const session = await fixture.stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [
        { quantity: 1, price_data: { currency: 'usd', unit_amount: 2500, product_data: { name: '5,000 credits' } } },
      ],
      success_url: `${shopUrl}/done?session={CHECKOUT_SESSION_ID}`,
      cancel_url: `${shopUrl}/back`,
    });
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    await page.goto(session.url ?? '');
    return { page, id: session.id };
  }

  async function fill(page: Page, card: string): Promise<void> {
    await page.getByLabel('E-mail').fill('ada@example.com');
    await page.getByLabel('Card number').fill(card);
    await page.getByLabel('Name on card').fill('Ada');
  }

  it('shows a decline, then takes the money and goes on to the shop', async (context) => {
    const { page, id } = await openSession(context);
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Pay $25.00');
    await fill(page, '4000 0000 0000 0002');
    await page.getByRole('button', { name: 'Pay $25.00' }).click();
    expect(await page.getByRole('alert').textContent()).toBe('Your card was declined.');
    await page.getByLabel('Card number').fill('4242 4242 4242 4242');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${shopUrl}/done?session=${id}`);
    expect((await fixture.stripe.checkout.sessions.retrieve(id)).payment_status).toBe('paid');
  });

  it('leads through authentication and back', async (context) => {
    const { page, id } = await openSession(context);
    await fill(page, '4000 0027 6000 3184');
    await page.getByRole('button', { name: 'Pay $25.00' }).click();
    await page.getByRole('button', { name: 'Fail authentication' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('failed authentication');
    await fill(page, '4000 0027 6000 3184');
    await page.getByRole('button', { name: 'Pay $25.00' }).click();
    await page.getByRole('button', { name: 'Complete authentication' }).click();
    await page.waitForURL(`${shopUrl}/done?session=${id}`);
  });

  it('can be left without paying', async (context) => {
    const { page, id } = await openSession(context);
    await page.getByRole('link', { name: 'Cancel and go back' }).click();
    await page.waitForURL(`${shopUrl}/back`);
    expect((await fixture.stripe.checkout.sessions.retrieve(id)).status).toBe('open');
  });

  it('can be used by keyboard alone, in the order in which it is read', async (context) => {
    const { page } = await openSession(context);
    const order: string[] = [];
    for (let step = 0; step < 7; step += 1) {
      await page.keyboard.press('Tab');
      order.push(await page.locator(':focus').evaluate((element) => element.getAttribute('name') ?? element.tagName));
    }
    expect(order).toEqual(['email', 'card', 'expiry', 'cvc', 'name', 'BUTTON', 'A']);
  });

  it('lets a person pay an invoice, switch plans, cancel and go on', async (context) => {
    if (browser === undefined) return context.skip('needs Chromium: on PATH, or named by CHROMIUM');
    const { stripe } = fixture;
    const recurring = { interval: 'month' as const };
    const [pro, max] = [
      await stripe.prices.create({ currency: 'usd', unit_amount: 3000, recurring, product_data: { name: 'Pro' } }),
      await stripe.prices.create({ currency: 'usd', unit_amount: 9000, recurring, product_data: { name: 'Max' } }),
    ];
    const customer = await stripe.customers.create({ email: 'ada@example.com' });
    const { id, latest_invoice: invoice } = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: pro.id }],
      payment_behavior: 'default_incomplete',
      payment_settings: { save_default_payment_method: 'on_subscription' },
    });
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    await page.goto((await stripe.invoices.retrieve(String(invoice))).hosted_invoice_url ?? '');
    await page.getByLabel('Card number').fill('4242 4242 4242 4242');
    await page.getByLabel('Name on card').fill('Ada');
    await page.getByRole('button', { name: 'Pay $30.00' }).click();
    await page.getByText('Nothing is to be paid.').waitFor();
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');

    const products = [pro, max].map((price) => ({ product: String(price.product), prices: [price.id] }));
    const { id: configuration } = await stripe.billingPortal.configurations.create({
      features: {
        subscription_cancel: { enabled: true },
        subscription_update: {
          enabled: true,
          default_allowed_updates: ['price'],
          products,
          proration_behavior: 'always_invoice',
        },
      },
    });
    const { url } = await stripe.billingPortal.sessions.create({
      customer: customer.id,
      configuration,
      return_url: `${shopUrl}/billing`,
    });
    await page.goto(url);
    await page.getByLabel('Max, $90.00 / month').check();
    await page.getByRole('button', { name: 'Switch plan' }).click();
    expect(await page.getByRole('status').textContent()).toBe('Your plan has changed.');
    expect(await page.getByRole('heading', { level: 2 }).first().textContent()).toBe('Max, $90.00 / month');
    await page.getByRole('button', { name: 'Cancel subscription' }).click();
    await page.getByRole('button', { name: 'Don’t cancel subscription' }).click();
    expect(await page.getByRole('status').textContent()).toBe('Your subscription goes on.');
    await page.getByRole('link', { name: 'Go back' }).click();
    await page.waitForURL(`${shopUrl}/billing`);
  });
});
