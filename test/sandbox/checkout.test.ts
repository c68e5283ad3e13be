import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { judgeExchanges, useSandbox } from '../support/stripe-fixture.ts';

const CARD = { card: '4242 4242 4242 4242', expiry: '12 / 40', cvc: '123', name: 'Ada', email: 'ada@example.com' };
const SHOP = 'http://127.0.0.1:1';

describe('checkout sessions of the sandbox', () => {
  const fixture = useSandbox({ hasCatalog: false });

  function createSession(more: object = {}): Promise<Stripe.Checkout.Session> {
    return fixture.stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [
        {
          quantity: 2,
          price_data: { currency: 'usd', unit_amount: 1250, product_data: { name: '5 credits <b>&</b> more' } },
        },
      ],
      success_url: `${SHOP}/done?session={CHECKOUT_SESSION_ID}`,
      cancel_url: `${SHOP}/back`,
      ...more,
    });
  }

  async function open(url: string | null) {
    const response = await fetch(url ?? '', { redirect: 'manual' });
    return { status: response.status, text: await response.text(), location: response.headers.get('location') };
  }

  async function send(url: string | null, fields: Record<string, string>) {
    const response = await fetch(url ?? '', { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
    return { status: response.status, text: await response.text(), location: response.headers.get('location') };
  }

  async function typesOf(...ids: readonly unknown[]): Promise<readonly string[]> {
    const { data } = await fixture.stripe.events.list({ limit: 100 });
    const isOf = ({ data: { object } }: Stripe.Event): boolean => 'id' in object && ids.includes(object.id);
    return data
      .filter(isOf)
      .map(({ type }) => type)
      .reverse();
  }

  it('shows what is bought, and takes the money', async () => {
    const customer = await fixture.stripe.customers.create({ email: 'ada@example.com' });
    const session = await createSession({
      customer: customer.id,
      client_reference_id: 'ten_1',
      metadata: { intent_id: 'int_1' },
      payment_intent_data: { metadata: { purpose: 'topup', intent_id: 'int_1' }, setup_future_usage: 'off_session' },
      expand: ['line_items'],
    });
    expect(session).toMatchObject({
      status: 'open',
      payment_status: 'unpaid',
      amount_total: 2500,
      payment_intent: null,
    });
    expect(session.line_items?.data[0]).toMatchObject({ quantity: 2, amount_total: 2500, price: { active: false } });
    const { status, text } = await open(session.url);
    expect(status).toBe(200);
    expect(text).toContain('Pay $25.00');
    expect(text).toContain('5 credits &lt;b&gt;&amp;&lt;/b&gt; more');
    expect(text).toContain('4242 4242 4242 4242');
    expect(text).toContain(`href="${SHOP}/back"`);
    expect(text).not.toContain('name="email"');

    const paid = await send(session.url, CARD);
    expect(paid).toMatchObject({ status: 303, location: `${SHOP}/done?session=${session.id}` });
    const done = await fixture.stripe.checkout.sessions.retrieve(session.id, { expand: ['payment_intent'] });
    expect(done).toMatchObject({
      status: 'complete',
      payment_status: 'paid',
      url: null,
      client_reference_id: 'ten_1',
      metadata: { intent_id: 'int_1' },
      customer_details: { name: 'Ada' },
      payment_intent: { status: 'succeeded', amount: 2500, metadata: { purpose: 'topup', intent_id: 'int_1' } },
    });
    const intent = done.payment_intent as Stripe.PaymentIntent;
    expect(await typesOf(session.id, intent.id)).toEqual([
      'payment_intent.created',
      'payment_intent.succeeded',
      'checkout.session.completed',
    ]);
    expect((await fixture.stripe.paymentMethods.list({ customer: customer.id })).data).toHaveLength(1);
    expect(await open(session.url)).toMatchObject({ status: 200, text: expect.stringContaining('All done') });
    expect((await fixture.stripe.checkout.sessions.list({ payment_intent: intent.id })).data).toHaveLength(1);
    expect((await fixture.stripe.checkout.sessions.listLineItems(session.id)).data).toHaveLength(1);
  });

  it('shows a decline, and takes another card on the same payment', async () => {
    const session = await createSession();
    const declined = await send(session.url, { ...CARD, card: '4000000000000002' });
    expect(declined.status).toBe(402);
    expect(declined.text).toMatch(/role="alert"[^>]*>Your card was declined\./);
    expect(declined.text).toContain('value="ada@example.com"');
    const open = await fixture.stripe.checkout.sessions.retrieve(session.id);
    expect(open).toMatchObject({ status: 'open', payment_status: 'unpaid' });
    expect((await send(session.url, CARD)).status).toBe(303);
    expect(await typesOf(open.payment_intent)).toEqual([
      'payment_intent.created',
      'payment_intent.payment_failed',
      'payment_intent.succeeded',
    ]);
  });

  it.each([
    [{ ...CARD, card: '1234' }, 'Your card number is incorrect.'],
    [{ ...CARD, expiry: '12 / 20' }, 'expiration year is invalid'],
    [{ ...CARD, expiry: 'soon' }, 'expiration month is invalid'],
    [{}, 'Your card number is incorrect.'],
  ])('refuses %o where it was typed', async (fields, message) => {
    const session = await createSession();
    const refused = await send(session.url, fields);
    expect(refused.status).toBe(402);
    expect(refused.text).toContain(message.replaceAll("'", '&#39;'));
    expect((await fixture.stripe.checkout.sessions.retrieve(session.id)).payment_intent).toBeNull();
  });

  it('sends whoever must authenticate to their bank and back', async () => {
    const session = await createSession();
    const asked = await send(session.url, { ...CARD, card: '4000002760003184' });
    expect(asked.location).toContain('/authenticate/pi_');
    expect((await open(asked.location)).text).toContain('A shop asks for $25.00.');
    const failed = await send(asked.location, { outcome: 'fail' });
    expect((await open(failed.location)).text).toContain('has failed authentication');
    const again = await send(session.url, { ...CARD, card: '4000002760003184' });
    const back = await send(again.location, { outcome: 'complete' });
    // Paid, even if the browser never comes back.
    expect((await fixture.stripe.checkout.sessions.retrieve(session.id)).payment_status).toBe('paid');
    expect((await open(back.location)).location).toBe(`${SHOP}/done?session=${session.id}`);
    expect((await open(again.location)).status).toBe(410);
  });

  it('saves a card for a customer', async () => {
    const customer = await fixture.stripe.customers.create({});
    const session = await fixture.stripe.checkout.sessions.create({
      mode: 'setup',
      currency: 'usd',
      customer: customer.id,
      setup_intent_data: { metadata: { intent_id: 'int_2' } },
      success_url: `${SHOP}/saved`,
    });
    expect(session).toMatchObject({ payment_status: 'no_payment_required', amount_total: null });
    expect((await open(session.url)).text).toContain('Nothing is charged now.');
    const asked = await send(session.url, { ...CARD, card: '4000002500003155' });
    const back = await send(asked.location, { outcome: 'complete' });
    expect((await open(back.location)).location).toBe(`${SHOP}/saved`);
    const done = await fixture.stripe.checkout.sessions.retrieve(session.id, { expand: ['setup_intent'] });
    expect(done).toMatchObject({ status: 'complete', setup_intent: { status: 'succeeded' } });
    const [method] = (await fixture.stripe.paymentMethods.list({ customer: customer.id })).data;
    const charged = await fixture.stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      customer: customer.id,
      payment_method: method?.id ?? '',
      payment_method_types: ['card'],
      off_session: true,
      confirm: true,
    });
    expect(charged.status).toBe('succeeded');
  });

  it('expires, by hand or after a day, and can’t be paid then', async () => {
    const [byHand, byTime] = [await createSession(), await createSession()];
    await send(byHand.url, { ...CARD, card: '4000000000000002' });
    const expired = await fixture.stripe.checkout.sessions.expire(byHand.id);
    expect(expired).toMatchObject({ status: 'expired', url: null });
    expect((await fixture.stripe.paymentIntents.retrieve(String(expired.payment_intent))).status).toBe('canceled');
    expect(await open(byHand.url)).toMatchObject({ status: 410, text: expect.stringContaining('expired') });
    await expect(fixture.stripe.checkout.sessions.expire(byHand.id)).rejects.toMatchObject({ statusCode: 400 });

    fixture.sandbox.control.advance(24 * 60 * 60 - 60);
    expect((await fixture.stripe.checkout.sessions.retrieve(byTime.id)).status).toBe('open');
    fixture.sandbox.control.advance(61);
    expect((await fixture.stripe.checkout.sessions.retrieve(byTime.id)).status).toBe('expired');
    expect((await send(byTime.url, CARD)).status).toBe(410);
    const [event] = (await fixture.stripe.events.list({ type: 'checkout.session.expired', limit: 1 })).data;
    expect(event?.created).toBe(byTime.expires_at);
  });

  it('sells a one-time price by its id, and no other', async () => {
    const price = await fixture.stripe.prices.create({
      currency: 'eur',
      unit_amount: 999,
      product_data: { name: 'Package' },
    });
    const session = await createSession({ line_items: [{ price: price.id, quantity: 1 }] });
    expect(session).toMatchObject({ currency: 'eur', amount_total: 999 });
    const recurring = await fixture.stripe.prices.create({
      currency: 'eur',
      unit_amount: 999,
      recurring: { interval: 'month' },
      product_data: { name: 'Plan' },
    });
    await expect(createSession({ line_items: [{ price: recurring.id, quantity: 1 }] })).rejects.toMatchObject({
      message: expect.stringContaining('recurring price'),
    });
    await fixture.stripe.prices.update(price.id, { active: false });
    await expect(createSession({ line_items: [{ price: price.id, quantity: 1 }] })).rejects.toMatchObject({
      message: expect.stringContaining('inactive'),
    });
  });

  it.each([
    [{ line_items: [] }, 'line_items'],
    [{ success_url: 'nowhere' }, 'success_url'],
    [{ expires_at: 1 }, 'expires_at'],
    [{ mode: 'subscription' }, 'line_items[0]'],
    [{ ui_mode: 'embedded_page' }, 'ui_mode'],
    [{ customer: 'cus_none' }, 'customer'],
    [{ payment_intent_data: { setup_future_usage: 'off_session' } }, 'payment_intent_data[setup_future_usage]'],
    [
      {
        line_items: [
          { quantity: 1, price_data: { currency: 'usd', unit_amount: 49, product_data: { name: 'Too little' } } },
        ],
      },
      'amount',
    ],
    [{ line_items: [{ price: 'price_none', quantity: 1 }] }, 'line_items[0][price]'],
  ])('refuses %o', async (parameters, param) => {
    await expect(createSession(parameters)).rejects.toMatchObject({ statusCode: 400, param });
  });

  it('lets nobody move its payment past it', async () => {
    const session = await createSession();
    await send(session.url, { ...CARD, card: '4000000000000002' });
    const id = String((await fixture.stripe.checkout.sessions.retrieve(session.id)).payment_intent);
    const byCheckout = { statusCode: 400, message: expect.stringContaining('created by a Checkout Session') };
    const { paymentIntents } = fixture.stripe;
    await expect(paymentIntents.confirm(id, { payment_method: 'pm_card_visa' })).rejects.toMatchObject(byCheckout);
    await expect(paymentIntents.cancel(id)).rejects.toMatchObject(byCheckout);
    await expect(paymentIntents.update(id, { amount: 100 })).rejects.toMatchObject(byCheckout);
    expect((await paymentIntents.update(id, { description: 'Told' })).description).toBe('Told');
    expect((await send(session.url, CARD)).status).toBe(303);
  });

  it('tells whoever pays that the customer is gone, and takes no money', async () => {
    const customer = await fixture.stripe.customers.create({});
    const session = await createSession({ customer: customer.id });
    await fixture.stripe.customers.del(customer.id);
    const refused = await send(session.url, CARD);
    expect(refused).toMatchObject({ status: 400, text: expect.stringContaining('No such customer') });
    expect((await fixture.stripe.checkout.sessions.retrieve(session.id)).payment_status).toBe('unpaid');
  });

  it('shows nothing for a link that is wrong', async () => {
    expect((await open(`${fixture.sandbox.url}/c/pay/cs_test_none`)).status).toBe(404);
    expect((await open(`${fixture.sandbox.url}/authenticate/pi_none_secret_x`)).status).toBe(404);
  });

  judgeExchanges(fixture);
});
