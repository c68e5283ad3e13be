import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { at, Billing, DAY, HOUR, type Payer, START } from '../support/billing-fixture.ts';
import { judgeExchanges, useSandbox } from '../support/stripe-fixture.ts';

const CARD = { card: '4242 4242 4242 4242', expiry: '12 / 40', cvc: '123', name: 'Ada', email: 'ada@example.com' };
const SHOP = 'http://127.0.0.1:1';

describe('subscribing and changing it on the sandbox’s pages', () => {
  const fixture = useSandbox({ hasCatalog: false });
  const billing = new Billing(fixture);

  async function open(url: string | null) {
    const response = await fetch(url ?? '', { redirect: 'manual' });
    return { status: response.status, text: await response.text(), location: response.headers.get('location') };
  }

  async function send(url: string | null | undefined, fields: Record<string, string>) {
    const response = await fetch(url ?? '', { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
    return { status: response.status, text: await response.text(), location: response.headers.get('location') };
  }

  async function checkOut(price: string, more: object = {}): Promise<Stripe.Checkout.Session> {
    return await fixture.stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price, quantity: 1 }],
      success_url: `${SHOP}/done`,
      subscription_data: { metadata: { intent_id: 'int_1' } },
      ...more,
    });
  }

  async function subscribed(price: string, card = 'pm_card_visa'): Promise<Payer & { readonly id: string }> {
    const who = await billing.payer(at(2026, 4, 1), card);
    const { id } = await fixture.stripe.subscriptions.create({ customer: who.customer, items: [{ price }] });
    return { ...who, id };
  }

  it('subscribes by a checkout session, after a decline, as a new customer', async () => {
    const { stripe } = fixture;
    const pro = await billing.plan(4900, 'month', 'Pro');
    const session = await checkOut(pro.id);
    expect(session).toMatchObject({
      mode: 'subscription',
      amount_total: 4900,
      customer_creation: 'always',
      subscription: null,
    });
    expect((await open(session.url)).text).toContain('Subscribe for $49.00 today');
    expect((await send(session.url, { ...CARD, card: '4000000000009995' })).text).toContain('insufficient funds');
    expect((await send(session.url, CARD)).location).toBe(`${SHOP}/done`);
    const done = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['subscription', 'invoice', 'customer'],
    });
    expect(done).toMatchObject({
      status: 'complete',
      payment_status: 'paid',
      payment_intent: null,
      subscription: { status: 'active', metadata: { intent_id: 'int_1' }, default_payment_method: expect.any(String) },
      invoice: { status: 'paid', amount_paid: 4900 },
      customer: { email: 'ada@example.com', name: 'Ada' },
    });
    const customer = (done.customer as Stripe.Customer).id;
    expect((await stripe.subscriptions.list({ customer, status: 'all' })).data).toHaveLength(1);
    expect(
      (await stripe.checkout.sessions.list({ subscription: (done.subscription as Stripe.Subscription).id })).data,
    ).toHaveLength(1);
    const types = (await billing.events(customer)).map(({ type }) => type);
    expect(types.indexOf('checkout.session.completed')).toBeGreaterThan(types.indexOf('invoice.paid'));
  });

  it('subscribes with a card that must authenticate, also if the browser never comes back', async () => {
    const { stripe } = fixture;
    const [pro, who] = [await billing.plan(4900), await billing.payer(START, null)];
    const session = await checkOut(pro.id, { customer: who.customer });
    const asked = await send(session.url, { ...CARD, card: '4000002500003155' });
    await send(asked.location, { outcome: 'complete' });
    const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription'] });
    const { id } = done.subscription as Stripe.Subscription;
    expect(done).toMatchObject({ status: 'complete', subscription: { status: 'active' } });
    await billing.advance(who, at(2026, 2, 15) + HOUR);
    expect((await billing.invoices(id)).map(({ status }) => status)).toEqual(['paid', 'paid']);
  });

  it.each([
    ['always', true],
    ['if_required', false],
  ] as const)('begins a trial by a checkout session whose card is collected %s', async (collection, hasCard) => {
    const [pro, who] = [await billing.plan(4900), await billing.payer(START, null)];
    const session = await checkOut(pro.id, {
      customer: who.customer,
      payment_method_collection: collection,
      subscription_data: { trial_period_days: 7 },
    });
    expect(session).toMatchObject({ amount_total: 0, payment_status: 'no_payment_required' });
    expect((await open(session.url)).text.includes('name="card"')).toBe(hasCard);
    expect((await send(session.url, hasCard ? CARD : {})).location).toBe(`${SHOP}/done`);
    const { subscription } = await fixture.stripe.checkout.sessions.retrieve(session.id, { expand: ['subscription'] });
    expect(subscription).toMatchObject({ status: 'trialing', trial_end: START + 7 * DAY });
    expect((subscription as Stripe.Subscription).default_payment_method !== null).toBe(hasCard);
    await billing.advance(who, START + 7 * DAY + HOUR);
    const { status } = await fixture.stripe.subscriptions.retrieve((subscription as Stripe.Subscription).id);
    expect(status).toBe(hasCard ? 'active' : 'past_due');
  });

  it('takes a promotion code that is typed, or a discount that the session brings', async () => {
    const { stripe } = fixture;
    const pro = await billing.plan(4000);
    const coupon = await stripe.coupons.create({ percent_off: 25, duration: 'forever' });
    const code = await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'SPRING',
    });
    const session = await checkOut(pro.id, { allow_promotion_codes: true });
    expect((await send(session.url, { promotion_code: 'WINTER' })).text).toContain('This code is invalid.');
    expect((await send(session.url, { promotion_code: 'spring' })).text).toContain('Subscribe for $30.00 today');
    await send(session.url, CARD);
    const done = await stripe.checkout.sessions.retrieve(session.id, { expand: ['invoice'] });
    expect(done).toMatchObject({
      discounts: [{ coupon: null, promotion_code: code.id }],
      total_details: { amount_discount: 1000 },
      invoice: { amount_paid: 3000 },
    });
    expect(await stripe.promotionCodes.retrieve(code.id)).toMatchObject({ times_redeemed: 1 });
    const brought = await stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [
        { quantity: 1, price_data: { currency: 'usd', unit_amount: 2000, product_data: { name: 'Credits' } } },
      ],
      discounts: [{ coupon: coupon.id }],
      customer_creation: 'always',
      payment_intent_data: { setup_future_usage: 'off_session' },
      success_url: `${SHOP}/done`,
    });
    expect(brought).toMatchObject({ amount_subtotal: 2000, amount_total: 1500 });
    await send(brought.url, CARD);
    const paid = await stripe.checkout.sessions.retrieve(brought.id, { expand: ['payment_intent'] });
    expect(paid).toMatchObject({ status: 'complete', customer: expect.any(String), payment_intent: { amount: 1500 } });
    expect(await stripe.coupons.retrieve(coupon.id)).toMatchObject({ times_redeemed: 2 });
    const free = await stripe.coupons.create({ percent_off: 100, duration: 'once' });
    const nothing = await checkOut(pro.id, {
      discounts: [{ coupon: free.id }],
      payment_method_collection: 'if_required',
    });
    await send(nothing.url, { email: 'ada@example.com' });
    const begun = await stripe.checkout.sessions.retrieve(nothing.id, { expand: ['subscription'] });
    expect(begun).toMatchObject({ payment_status: 'no_payment_required', subscription: { status: 'active' } });
  });

  it('gives up what a session began when it expires', async () => {
    const { stripe } = fixture;
    const [pro, who] = [await billing.plan(4900), await billing.payer(START, null)];
    const session = await checkOut(pro.id, { customer: who.customer });
    await send(session.url, { ...CARD, card: '4000000000000002' });
    await stripe.checkout.sessions.expire(session.id);
    const { data } = await stripe.subscriptions.list({ customer: who.customer, status: 'all' });
    expect(data.map(({ status }) => status)).toEqual(['incomplete_expired']);
  });

  it.each([
    [{ mode: 'payment', subscription_data: undefined }, 'line_items'],
    [{ customer_creation: 'always' }, 'customer_creation'],
    [{ discounts: [{ coupon: 'none' }] }, 'discounts[0][coupon]'],
  ])('refuses a session with %o', async (parameters, param) => {
    const pro = await billing.plan(4900);
    await expect(checkOut(pro.id, parameters)).rejects.toMatchObject({ statusCode: 400, param });
  });

  it('lets a person cancel and go on, by the time of the period’s end alone', async () => {
    const { stripe } = fixture;
    const pro = await billing.plan(4900, 'month', 'Pro');
    const { customer, id } = await subscribed(pro.id);
    const portal = await stripe.billingPortal.sessions.create({ customer, return_url: `${SHOP}/billing` });
    const page = await open(portal.url);
    expect(page.text).toContain('Pro, $49.00 / month');
    expect(page.text).toContain('visa ending in 4242');
    expect(page.text).not.toContain('Switch plan');
    await send(portal.url, { action: 'cancel', subscription: id });
    // As the portal does it in flexible billing mode: the time, and not the flag.
    const ending = await stripe.subscriptions.retrieve(id);
    expect(ending).toMatchObject({ cancel_at: at(2026, 5, 1), cancel_at_period_end: false, status: 'active' });
    expect((await open(portal.url)).text).toContain('It ends on 2026-05-01.');
    await send(portal.url, { action: 'resume', subscription: id });
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({ cancel_at: null, canceled_at: null });
    const refused = await send(portal.url, { action: 'switch', subscription: id, price: pro.id });
    expect(refused).toMatchObject({
      status: 400,
      text: expect.stringContaining('There is no such plan on this page.'),
    });
    const stranger = await subscribed(pro.id);
    expect((await send(portal.url, { action: 'cancel', subscription: stranger.id })).status).toBe(400);
  });

  it('lets a person change the card, which the next payments take', async () => {
    const { stripe } = fixture;
    const pro = await billing.plan(4900);
    const { customer, clock, id } = await subscribed(pro.id);
    const portal = await stripe.billingPortal.sessions.create({
      customer,
      flow_data: {
        type: 'payment_method_update',
        after_completion: { type: 'redirect', redirect: { return_url: `${SHOP}/back` } },
      },
    });
    const declined = await send(portal.url, { ...CARD, action: 'card', card: '4000000000000002' });
    expect(declined).toMatchObject({ status: 402, text: expect.stringContaining('Your card was declined.') });
    expect((await send(portal.url, { ...CARD, action: 'card', card: '5555555555554444' })).location).toBe(
      `${SHOP}/back`,
    );
    expect((await send(portal.url, { action: 'cancel', subscription: id })).status).toBe(400);
    await billing.advance({ clock, customer }, at(2026, 5, 1) + HOUR);
    const { data } = await stripe.charges.list({ customer });
    expect(data[0]?.payment_method_details?.card?.brand).toBe('mastercard');
  });

  it('lets a person switch plans: up at once, down when the period ends', async () => {
    const { stripe } = fixture;
    const [pro, max] = [await billing.plan(3000, 'month', 'Pro'), await billing.plan(9000, 'month', 'Max')];
    const products = [pro, max].map(({ id, product }) => ({ product: String(product), prices: [id] }));
    const configuration = await stripe.billingPortal.configurations.create({
      features: {
        invoice_history: { enabled: true },
        payment_method_update: { enabled: true },
        subscription_cancel: { enabled: true, mode: 'immediately', proration_behavior: 'none' },
        subscription_update: {
          enabled: true,
          default_allowed_updates: ['price'],
          products,
          proration_behavior: 'always_invoice',
          schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' }] },
        },
      },
    });
    const { customer, clock, id } = await subscribed(pro.id);
    const portal = await stripe.billingPortal.sessions.create({ customer, configuration: configuration.id });
    expect((await open(portal.url)).text).toContain('Max, $90.00 / month');
    await billing.advance({ clock, customer }, at(2026, 4, 16));
    expect((await send(portal.url, { action: 'switch', subscription: id, price: max.id })).text).toContain(
      'Your plan has changed.',
    );
    const up = await stripe.subscriptions.retrieve(id, { expand: ['latest_invoice'] });
    expect(up).toMatchObject({ latest_invoice: { amount_paid: 3000, billing_reason: 'subscription_update' } });
    await send(portal.url, { action: 'switch', subscription: id, price: pro.id });
    const later = await stripe.subscriptions.retrieve(id, { expand: ['schedule'] });
    expect(later.items.data[0]?.price.id).toBe(max.id);
    expect((later.schedule as Stripe.SubscriptionSchedule).phases.map(({ items }) => items[0]?.price)).toEqual([
      max.id,
      pro.id,
    ]);
    await billing.advance({ clock, customer }, at(2026, 5, 1) + HOUR);
    expect((await stripe.subscriptions.retrieve(id)).items.data[0]?.price.id).toBe(pro.id);
    await billing.giveCard(customer, 'pm_card_chargeCustomerFail');
    const declined = await send(portal.url, { action: 'switch', subscription: id, price: max.id });
    expect(declined).toMatchObject({ status: 402, text: expect.stringContaining('Your card was declined.') });
    expect((await stripe.subscriptions.retrieve(id)).items.data[0]?.price.id).toBe(pro.id);
    await stripe.subscriptionSchedules.release(String((await stripe.subscriptions.retrieve(id)).schedule));
    await send(portal.url, { action: 'cancel', subscription: id });
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('canceled');
    const updated = await stripe.billingPortal.configurations.update(configuration.id, {
      features: { subscription_cancel: { enabled: false } },
    });
    expect(updated.features).toMatchObject({
      subscription_cancel: { enabled: false },
      subscription_update: { enabled: true },
    });
    expect((await stripe.billingPortal.configurations.list({ active: true })).data.map((each) => each.id)).toContain(
      configuration.id,
    );
    await expect(
      stripe.billingPortal.sessions.create({
        customer,
        configuration: configuration.id,
        flow_data: { type: 'subscription_cancel', subscription_cancel: { subscription: id } },
      }),
    ).rejects.toMatchObject({ param: 'flow_data[type]' });
  });

  it('confirms one change that the shop has chosen', async () => {
    const { stripe } = fixture;
    const [pro, max] = [await billing.plan(3000), await billing.plan(9000)];
    const products = [pro, max].map(({ id, product }) => ({ product: String(product), prices: [id] }));
    const { id: configuration } = await stripe.billingPortal.configurations.create({
      features: {
        subscription_update: {
          enabled: true,
          default_allowed_updates: ['price'],
          products,
          proration_behavior: 'none',
        },
      },
    });
    const { customer, id } = await subscribed(pro.id);
    const [item] = (await stripe.subscriptionItems.list({ subscription: id })).data;
    const portal = await stripe.billingPortal.sessions.create({
      customer,
      configuration,
      flow_data: {
        type: 'subscription_update_confirm',
        subscription_update_confirm: { subscription: id, items: [{ id: item?.id ?? '', price: max.id, quantity: 1 }] },
      },
    });
    await send(portal.url, { action: 'switch', subscription: id, price: max.id });
    expect((await stripe.subscriptionItems.retrieve(item?.id ?? '')).price.id).toBe(max.id);
    expect((await open(`${fixture.sandbox.url}/p/session/bps_none`)).status).toBe(404);
    expect((await open(`${fixture.sandbox.url}/i/in_none`)).status).toBe(404);
  });

  judgeExchanges(fixture);
});

describe('a sandbox whose portal was never set up', () => {
  const fixture = useSandbox({ hasCatalog: false, hasPortal: false });

  it('opens the portal with a configuration that is named, and not without', async () => {
    const { stripe } = fixture;
    const customer = (await stripe.customers.create()).id;
    await expect(stripe.billingPortal.sessions.create({ customer })).rejects.toMatchObject({
      statusCode: 400,
      message: expect.stringContaining('default configuration has not been created'),
    });
    const features = { invoice_history: { enabled: true } };
    const { id: configuration } = await stripe.billingPortal.configurations.create({ features });
    expect((await stripe.billingPortal.sessions.create({ customer, configuration })).configuration).toBe(configuration);
  });

  judgeExchanges(fixture);
});
