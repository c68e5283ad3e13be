import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { judgeExchanges, useSandbox } from '../support/stripe-fixture.ts';

describe('customers, cards and payments of the sandbox', () => {
  const fixture = useSandbox({ hasCatalog: false });
  const RETURN_URL = 'http://127.0.0.1:1/return';

  const createCustomer = (): Promise<Stripe.Customer> => fixture.stripe.customers.create({ email: 'a@example.com' });

  async function saveCard(customer: string, card: string): Promise<string> {
    const intent = await fixture.stripe.setupIntents.create({ customer, payment_method_types: ['card'] });
    const confirmed = await fixture.stripe.setupIntents.confirm(intent.id, {
      payment_method: card,
      return_url: RETURN_URL,
    });
    if (confirmed.status === 'requires_action') await authenticate(confirmed, 'complete');
    return String((await fixture.stripe.setupIntents.retrieve(intent.id)).payment_method);
  }

  async function authenticate(intent: Stripe.PaymentIntent | Stripe.SetupIntent, outcome: 'complete' | 'fail') {
    const url = intent.next_action?.redirect_to_url?.url ?? '';
    expect(await (await fetch(url)).text()).toContain('Complete authentication');
    return await fetch(url, { method: 'POST', body: new URLSearchParams({ outcome }), redirect: 'manual' });
  }

  async function typesOf(id: string): Promise<readonly string[]> {
    const { data } = await fixture.stripe.events.list({ limit: 100 });
    return data
      .filter(({ data: { object } }) => 'id' in object && object.id === id)
      .map(({ type }) => type)
      .reverse();
  }

  function pay(customer: string, method: string, more: Stripe.PaymentIntentCreateParams | object = {}) {
    return fixture.stripe.paymentIntents.create({
      amount: 2000,
      currency: 'usd',
      customer,
      payment_method: method,
      payment_method_types: ['card'],
      confirm: true,
      ...more,
    });
  }

  it('keeps customers, and what is left of one that was deleted', async () => {
    const customer = await fixture.stripe.customers.create({
      name: 'Ada',
      email: 'ada@example.com',
      address: { city: 'Paris', country: 'FR' },
      metadata: { tenant_id: 'ten_1' },
    });
    expect(customer).toMatchObject({ name: 'Ada', address: { city: 'Paris', line1: null }, livemode: false });
    await fixture.stripe.customers.update(customer.id, { name: '', metadata: { tenant_id: 'ten_2' } });
    expect(await fixture.stripe.customers.retrieve(customer.id)).toMatchObject({
      name: null,
      metadata: { tenant_id: 'ten_2' },
    });
    expect((await fixture.stripe.customers.list({ email: 'ada@example.com' })).data).toHaveLength(1);
    await fixture.stripe.customers.del(customer.id);
    expect(await fixture.stripe.customers.retrieve(customer.id)).toEqual(
      expect.objectContaining({ id: customer.id, deleted: true }),
    );
    expect((await fixture.stripe.customers.list({ email: 'ada@example.com' })).data).toEqual([]);
    await expect(pay(customer.id, 'pm_card_visa')).rejects.toMatchObject({
      code: 'resource_missing',
      param: 'customer',
    });
  });

  it('saves a card, makes it the default, and lets go of it', async () => {
    const customer = await createCustomer();
    const method = await fixture.stripe.paymentMethods.create({
      type: 'card',
      card: { number: '4242 4242 4242 4242', exp_month: 12, exp_year: 2040, cvc: '123' },
      billing_details: { name: 'Ada' },
    });
    expect(method.card).toMatchObject({ brand: 'visa', last4: '4242', exp_month: 12, exp_year: 2040 });
    await fixture.stripe.paymentMethods.attach(method.id, { customer: customer.id });
    const settings = { invoice_settings: { default_payment_method: method.id } };
    const changed = await fixture.stripe.customers.update(customer.id, {
      ...settings,
      expand: ['invoice_settings.default_payment_method'],
    });
    expect(changed.invoice_settings.default_payment_method).toMatchObject({ id: method.id });
    expect((await fixture.stripe.customers.listPaymentMethods(customer.id)).data).toHaveLength(1);
    expect((await fixture.stripe.paymentMethods.list({ customer: customer.id, type: 'card' })).data).toHaveLength(1);
    const other = await createCustomer();
    await expect(fixture.stripe.paymentMethods.attach(method.id, { customer: other.id })).rejects.toMatchObject({
      statusCode: 400,
    });
    await fixture.stripe.paymentMethods.detach(method.id);
    const left = await fixture.stripe.customers.retrieve(customer.id);
    expect(left).toMatchObject({ invoice_settings: { default_payment_method: null } });
    expect(await typesOf(method.id)).toEqual(['payment_method.attached', 'payment_method.detached']);
  });

  it.each([
    [{ number: '4111 1111 1111 1112', exp_month: 1, exp_year: 2040 }, 'incorrect_number'],
    [{ number: '4242424242424242', exp_month: 13, exp_year: 2040 }, 'invalid_expiry_month'],
    [{ number: '4242424242424242', exp_month: 1, exp_year: 2020 }, 'invalid_expiry_year'],
  ])('refuses the card %o', async (card, code) => {
    const creation = fixture.stripe.paymentMethods.create({ type: 'card', card });
    await expect(creation).rejects.toMatchObject({ statusCode: 402, code, type: 'StripeCardError' });
  });

  it('pays by a card, and tells each step', async () => {
    const customer = await createCustomer();
    const intent = await fixture.stripe.paymentIntents.create({
      amount: 2000,
      currency: 'usd',
      customer: customer.id,
      payment_method_types: ['card'],
      metadata: { purpose: 'topup', intent_id: 'int_1' },
    });
    expect(intent).toMatchObject({ status: 'requires_payment_method', amount_received: 0, latest_charge: null });
    expect(intent.client_secret).toMatch(new RegExp(`^${intent.id}_secret_`));
    const paid = await fixture.stripe.paymentIntents.confirm(intent.id, {
      payment_method: 'pm_card_visa',
      expand: ['latest_charge', 'payment_method'],
    });
    expect(paid).toMatchObject({
      status: 'succeeded',
      amount_received: 2000,
      metadata: { purpose: 'topup', intent_id: 'int_1' },
      latest_charge: { amount: 2000, paid: true, captured: true, payment_intent: intent.id },
      payment_method: { card: { last4: '4242' } },
    });
    expect(await typesOf(intent.id)).toEqual(['payment_intent.created', 'payment_intent.succeeded']);
    const charges = await fixture.stripe.charges.list({ payment_intent: intent.id });
    expect(charges.data.map(({ status }) => status)).toEqual(['succeeded']);
    await expect(fixture.stripe.paymentIntents.confirm(intent.id)).rejects.toMatchObject({
      code: 'payment_intent_unexpected_state',
    });
    await expect(fixture.stripe.paymentIntents.cancel(intent.id)).rejects.toMatchObject({
      code: 'payment_intent_unexpected_state',
    });
    expect((await fixture.stripe.paymentIntents.list({ customer: customer.id })).data).toHaveLength(1);
  });

  it.each([
    ['pm_card_visa_chargeDeclined', 'card_declined', 'generic_decline'],
    ['pm_card_visa_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card', 'expired_card'],
  ])('declines %s, keeps the attempt, and takes another card then', async (card, code, declineCode) => {
    const customer = await createCustomer();
    const intent = await fixture.stripe.paymentIntents.create({
      amount: 2000,
      currency: 'usd',
      customer: customer.id,
      payment_method_types: ['card'],
    });
    const declined = fixture.stripe.paymentIntents.confirm(intent.id, { payment_method: card });
    await expect(declined).rejects.toMatchObject({
      statusCode: 402,
      code,
      decline_code: declineCode,
      payment_intent: { id: intent.id, status: 'requires_payment_method' },
    });
    const failed = await fixture.stripe.paymentIntents.retrieve(intent.id, { expand: ['latest_charge'] });
    expect(failed).toMatchObject({
      status: 'requires_payment_method',
      payment_method: null,
      last_payment_error: { code, decline_code: declineCode, type: 'card_error' },
      latest_charge: { status: 'failed', paid: false, failure_code: code },
    });
    const paid = await fixture.stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' });
    expect(paid).toMatchObject({ status: 'succeeded', last_payment_error: null });
    expect(await typesOf(intent.id)).toEqual([
      'payment_intent.created',
      'payment_intent.payment_failed',
      'payment_intent.succeeded',
    ]);
  });

  it('answers a declined payment again the same, by its key', async () => {
    const customer = await createCustomer();
    const attempts = [1, 2].map(() =>
      fixture.stripe.paymentIntents.create(
        {
          amount: 2000,
          currency: 'usd',
          customer: customer.id,
          payment_method: 'pm_card_visa_chargeDeclined',
          payment_method_types: ['card'],
          confirm: true,
        },
        { idempotencyKey: `declined-${customer.id}` },
      ),
    );
    for (const attempt of attempts) await expect(attempt).rejects.toMatchObject({ code: 'card_declined' });
    expect((await fixture.stripe.paymentIntents.list({ customer: customer.id })).data).toHaveLength(1);
  });

  it('asks a person to authenticate, and pays or fails by what they do', async () => {
    const customer = await createCustomer();
    const card = 'pm_card_authenticationRequired';
    const asked = await pay(customer.id, card, { return_url: RETURN_URL });
    expect(asked).toMatchObject({ status: 'requires_action', next_action: { type: 'redirect_to_url' } });
    const back = await authenticate(asked, 'complete');
    expect(back.status).toBe(303);
    const location = new URL(back.headers.get('location') ?? '');
    expect(location.href).toContain(RETURN_URL);
    expect(location.searchParams.get('redirect_status')).toBe('succeeded');
    expect((await fixture.stripe.paymentIntents.retrieve(asked.id)).status).toBe('succeeded');

    const again = await pay(customer.id, card, { return_url: RETURN_URL });
    const failed = await authenticate(again, 'fail');
    expect(failed.headers.get('location')).toContain('redirect_status=failed');
    expect(await fixture.stripe.paymentIntents.retrieve(again.id)).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'payment_intent_authentication_failure' },
    });
    const inApp = await pay(customer.id, card);
    expect(inApp.next_action?.type).toBe('use_stripe_sdk');
  });

  it('charges off session only what was set up for it', async () => {
    const customer = await createCustomer();
    const saved = await saveCard(customer.id, 'pm_card_authenticationRequiredOnSetup');
    expect((await pay(customer.id, saved, { off_session: true })).status).toBe('succeeded');
    const never = await saveCard(customer.id, 'pm_card_authenticationRequired');
    await expect(pay(customer.id, never, { off_session: true })).rejects.toMatchObject({
      code: 'authentication_required',
      payment_intent: { status: 'requires_payment_method' },
    });
    const failing = await saveCard(customer.id, 'pm_card_chargeCustomerFail');
    await expect(pay(customer.id, failing, { off_session: true })).rejects.toMatchObject({ code: 'card_declined' });
  });

  it('saves the card of a payment when asked to', async () => {
    const customer = await createCustomer();
    await pay(customer.id, 'pm_card_visa', { setup_future_usage: 'off_session' });
    const { data } = await fixture.stripe.paymentMethods.list({ customer: customer.id });
    expect(data).toHaveLength(1);
    await pay(customer.id, 'pm_card_visa');
    expect((await fixture.stripe.paymentMethods.list({ customer: customer.id })).data).toHaveLength(1);
    const stranger = await createCustomer();
    await expect(pay(stranger.id, data[0]?.id ?? '')).rejects.toMatchObject({ param: 'payment_method' });
  });

  it('does not save a declined card', async () => {
    const customer = await createCustomer();
    const method = await fixture.stripe.paymentMethods.create({
      type: 'card',
      card: { number: '4000000000000002', exp_month: 1, exp_year: 2040 },
    });
    await expect(fixture.stripe.paymentMethods.attach(method.id, { customer: customer.id })).rejects.toMatchObject({
      code: 'card_declined',
    });
    const intent = await fixture.stripe.setupIntents.create({ customer: customer.id, payment_method_types: ['card'] });
    await expect(fixture.stripe.setupIntents.confirm(intent.id, { payment_method: method.id })).rejects.toMatchObject({
      code: 'card_declined',
      setup_intent: { status: 'requires_payment_method' },
    });
    expect(await typesOf(intent.id)).toEqual(['setup_intent.created', 'setup_intent.setup_failed']);
    expect((await fixture.stripe.setupIntents.cancel(intent.id)).status).toBe('canceled');
    expect((await fixture.stripe.setupIntents.list({ customer: customer.id })).data).toHaveLength(1);
  });

  it('takes the money later when it is captured by hand', async () => {
    const customer = await createCustomer();
    const kept = await pay(customer.id, 'pm_card_visa', { capture_method: 'manual' });
    expect(kept).toMatchObject({ status: 'requires_capture', amount_capturable: 2000, amount_received: 0 });
    await expect(fixture.stripe.paymentIntents.capture(kept.id, { amount_to_capture: 2001 })).rejects.toMatchObject({
      code: 'amount_too_large',
    });
    const taken = await fixture.stripe.paymentIntents.capture(kept.id, { amount_to_capture: 1500 });
    expect(taken).toMatchObject({ status: 'succeeded', amount_received: 1500, amount_capturable: 0 });
  });

  it('cancels what is not paid', async () => {
    const intent = await fixture.stripe.paymentIntents.create({ amount: 100, currency: 'usd' });
    expect(intent.automatic_payment_methods).toEqual({ enabled: true, allow_redirects: 'always' });
    const cancelled = await fixture.stripe.paymentIntents.cancel(intent.id, { cancellation_reason: 'abandoned' });
    expect(cancelled).toMatchObject({ status: 'canceled', cancellation_reason: 'abandoned' });
    expect(cancelled.canceled_at).toBeGreaterThan(0);
  });

  it.each([
    [
      { amount: 49, currency: 'usd' },
      { code: 'amount_too_small', param: 'amount' },
    ],
    [
      { amount: 100_000_000, currency: 'usd' },
      { code: 'amount_too_large', param: 'amount' },
    ],
    [
      { amount: 100, currency: 'usd', customer: 'cus_none' },
      { code: 'resource_missing', param: 'customer' },
    ],
    [
      { amount: 100, currency: 'usd', payment_method: 'pm_none' },
      { code: 'resource_missing', param: 'payment_method' },
    ],
    [{ amount: 100, currency: 'usd', confirm: true, payment_method: 'pm_card_visa' }, { param: 'return_url' }],
    [{ amount: 100, currency: 'usd', off_session: true }, { param: 'off_session' }],
    [{ amount: 100, currency: 'usd', confirm: true }, { code: 'payment_intent_unexpected_state' }],
  ])('refuses the payment %o', async (parameters, expected) => {
    await expect(fixture.stripe.paymentIntents.create(parameters)).rejects.toMatchObject({
      statusCode: 400,
      ...expected,
    });
  });

  it('gives customers the time of their test clock, and deletes them with it', async () => {
    const clock = await fixture.stripe.testHelpers.testClocks.create({ frozen_time: 1_900_000_000 });
    const customer = await fixture.stripe.customers.create({ test_clock: clock.id });
    expect(customer.created).toBe(1_900_000_000);
    expect((await fixture.stripe.customers.list({ limit: 100 })).data.map(({ id }) => id)).not.toContain(customer.id);
    expect((await fixture.stripe.customers.list({ test_clock: clock.id })).data).toHaveLength(1);
    await fixture.stripe.testHelpers.testClocks.del(clock.id);
    fixture.sandbox.control.advance(0);
    expect(await fixture.stripe.customers.retrieve(customer.id)).toMatchObject({ deleted: true });
  });

  judgeExchanges(fixture);
});
