// What the kernel asks of Stripe about a customer: making one, pages to buy and to store a card on, payment methods, the portal.
// Against the sandbox.

import { describe, expect, it } from 'vitest';
import { START } from '../support/billing-fixture.ts';
import { judgeExchanges } from '../support/stripe-fixture.ts';
import { useGateway } from '../support/stripe-gateway.ts';

const PAGES = { successUrl: 'http://127.0.0.1:1/done', cancelUrl: 'http://127.0.0.1:1/back' };
const CARD = { card: '4242 4242 4242 4242', expiry: '12 / 40', cvc: '123', name: 'Ada', email: 'ada@example.com' };

async function send(url: string, fields: Record<string, string>): Promise<number> {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
  return response.status;
}

describe('a customer', () => {
  const gateway = useGateway();
  const metadata = { tenant_id: 't1', product_code: 'agentruntime' };

  it('is made once, and found by what it was made for', async () => {
    const [attempt, { control }] = [gateway.attempt(), gateway.fixture.sandbox];
    const madeAfter = control.now() * 1_000;
    control.addFault({ method: 'POST', path: '/v1/customers', times: 1, outcome: 'done_but_lost' });
    const made = await gateway.port.createCustomer({ metadata, name: 'Initech', email: 'ada@example.com' }, attempt);
    expect(await gateway.port.createCustomer({ metadata, name: 'Initech', email: 'ada@example.com' }, attempt)).toBe(
      made,
    );
    await gateway.port.createCustomer({ metadata }, gateway.attempt());
    expect(await gateway.stripe.customers.retrieve(made)).toMatchObject({
      name: 'Initech',
      metadata: { ...metadata, intent_id: attempt.intentId },
    });
    expect(await gateway.port.findCustomer(attempt.intentId, madeAfter)).toBe(made);
    expect(await gateway.port.findCustomer('int_none', madeAfter)).toBeUndefined();
    expect(await gateway.port.findCustomer(attempt.intentId, madeAfter + 60_000)).toBeUndefined();
  });

  it('is gone when it was deleted; what it had has ended, and can be read', async () => {
    const pro = await gateway.plan('pro', 4_900);
    const { who, id } = await gateway.subscribed(pro);
    expect(await gateway.port.hasCustomer(who.customer)).toBe(true);
    await gateway.stripe.customers.del(who.customer);
    for (const gone of [who.customer, 'cus_none']) {
      expect(await gateway.port.hasCustomer(gone)).toBe(false);
      expect(await gateway.port.loadPaymentMethods(gone)).toEqual([]);
      await gateway.port.adoptPaymentMethod(gone);
    }
    expect(await gateway.port.loadSubscriptions('cus_none')).toEqual([]);
    expect(await gateway.port.loadSubscriptions(who.customer)).toMatchObject([{ phase: 'ended' }]);
    expect(await gateway.port.loadSubscription(id)).toMatchObject({ phase: 'ended' });
  });

  it('buys on a page, of which one is open at a time', async () => {
    const pro = await gateway.plan('pro', 4_900);
    const customer = await gateway.port.createCustomer({ metadata }, gateway.attempt());
    const order = {
      stripeCustomerId: customer,
      stripePriceId: pro.id,
      metadata: { tenant_id: 't1', plan_code: 'pro' },
    };
    const topUp = await gateway.stripe.checkout.sessions.create({
      mode: 'payment',
      customer,
      line_items: [
        { quantity: 1, price_data: { currency: 'usd', unit_amount: 500, product_data: { name: 'Credits' } } },
      ],
      success_url: PAGES.successUrl,
    });
    const first = await gateway.port.openCheckout(order, PAGES, gateway.attempt());
    const attempt = gateway.attempt();
    gateway.fixture.sandbox.control.addFault({
      ...{ method: 'POST', path: '/v1/checkout/sessions', times: 2, outcome: 'done_but_lost' },
    });
    const second = await gateway.port.openCheckout(order, PAGES, attempt);
    expect(await gateway.port.openCheckout(order, PAGES, attempt)).toBe(second);
    expect(await send(first, CARD)).toBe(410);
    expect(await send(second, { ...CARD, card: '4000 0000 0000 0341' })).toBe(402);
    // The next attempt closes the page of the one before.
    const third = await gateway.port.openCheckout(order, PAGES, { ...attempt, attempt: 2 });
    expect(await send(second, CARD)).toBe(410);
    expect(await send(third, CARD)).toBe(303);
    expect((await gateway.stripe.checkout.sessions.retrieve(topUp.id)).status).toBe('open');
    const live = (await gateway.port.loadSubscriptions(customer)).filter(({ phase }) => phase === 'live');
    expect(live).toMatchObject([
      { cycleInvoice: { state: 'paid' }, metadata: { plan_code: 'pro', intent_id: attempt.intentId } },
    ]);
    const [session] = (await gateway.stripe.checkout.sessions.list({ customer, status: 'complete' })).data;
    expect(session).toMatchObject({ client_reference_id: 't1', metadata: { intent_id: attempt.intentId } });
  });

  it('buys on a page with a promotion code', async () => {
    const pro = await gateway.plan('pro', 4_900);
    const customer = await gateway.port.createCustomer({ metadata }, gateway.attempt());
    const coupon = await gateway.stripe.coupons.create({ percent_off: 50, duration: 'once' });
    const promotion = { type: 'coupon' as const, coupon: coupon.id };
    const code = await gateway.stripe.promotionCodes.create({ promotion, code: 'HALF' });
    const order = { stripeCustomerId: customer, stripePriceId: pro.id, metadata, promotionCode: 'HALF' };
    expect(await send(await gateway.port.openCheckout(order, PAGES, gateway.attempt()), CARD)).toBe(303);
    const [subscription] = await gateway.port.loadSubscriptions(customer);
    const invoice = await gateway.stripe.invoices.retrieve(subscription?.cycleInvoice.stripeInvoiceId ?? '');
    expect(invoice.amount_paid).toBe(2_450);
    await gateway.stripe.promotionCodes.update(code.id, { active: false });
    for (const promotionCode of ['HALF', 'QUARTER']) {
      await expect(
        gateway.port.openCheckout({ ...order, promotionCode }, PAGES, gateway.attempt()),
      ).rejects.toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field: 'promotion_code' }] });
    }
  });

  it('stores cards on a page, of which the first becomes the default, and chooses another', async () => {
    const customer = await gateway.port.createCustomer({ metadata }, gateway.attempt());
    expect(await gateway.port.loadPaymentMethods(customer)).toEqual([]);
    await gateway.port.adoptPaymentMethod(customer);
    const attempt = gateway.attempt();
    const setup = { currency: 'usd', metadata };
    const page = await gateway.port.openSetupPage(customer, setup, PAGES, attempt);
    expect(await gateway.port.openSetupPage(customer, setup, PAGES, attempt)).toBe(page);
    expect(await send(page, CARD)).toBe(303);
    const [intent] = (await gateway.stripe.setupIntents.list({ customer })).data;
    expect(intent).toMatchObject({ status: 'succeeded', metadata: { ...metadata, intent_id: attempt.intentId } });
    await gateway.port.adoptPaymentMethod(customer);
    const other = await gateway.port.openSetupPage(customer, setup, PAGES, gateway.attempt());
    await send(other, { ...CARD, card: '5555 5555 5555 4444' });
    await gateway.port.adoptPaymentMethod(customer);
    const [first, second] = await gateway.port.loadPaymentMethods(customer);
    expect(first).toEqual({
      stripePaymentMethodId: intent?.payment_method,
      type: 'card',
      isDefault: true,
      card: { brand: 'visa', last4: '4242', expireMonth: 12, expireYear: 2040 },
    });
    expect(second).toMatchObject({ isDefault: false, card: { brand: 'mastercard' } });
    const id = second?.stripePaymentMethodId ?? '';
    expect(await gateway.port.setDefaultPaymentMethod(customer, id, 'mark_1')).toBe(true);
    expect(await gateway.port.listDefaultMarks(customer)).toEqual(['mark_1']);
    expect(await gateway.port.loadPaymentMethods(customer)).toMatchObject([{ stripePaymentMethodId: id }, {}]);
    const stranger = await gateway.billing.payer(START);
    const [theirs] = await gateway.port.loadPaymentMethods(stranger.customer);
    for (const none of ['pm_none', theirs?.stripePaymentMethodId ?? '']) {
      expect(await gateway.port.setDefaultPaymentMethod(customer, none, 'mark_2')).toBe(false);
    }
    expect(await gateway.port.listDefaultMarks(customer)).toEqual(['mark_1']);
    // Somebody chooses at Stripe.
    const chosen = { invoice_settings: { default_payment_method: first?.stripePaymentMethodId ?? '' } };
    await gateway.stripe.customers.update(customer, chosen);
    expect(await gateway.port.listDefaultMarks(customer)).toEqual([]);
  });

  it('pays a subscription that was bought on a page with the card that was chosen since', async () => {
    const pro = await gateway.plan('pro', 4_900);
    const customer = await gateway.port.createCustomer({ metadata }, gateway.attempt());
    const order = { stripeCustomerId: customer, stripePriceId: pro.id, metadata };
    await send(await gateway.port.openCheckout(order, PAGES, gateway.attempt()), CARD);
    const later = await gateway.port.openSetupPage(customer, { currency: 'usd', metadata }, PAGES, gateway.attempt());
    await send(later, { ...CARD, card: '5555 5555 5555 4444' });
    // The card that pays comes before the one that was only stored.
    await gateway.port.adoptPaymentMethod(customer);
    const [paying, stored] = await gateway.port.loadPaymentMethods(customer);
    expect(paying).toMatchObject({ isDefault: true, card: { brand: 'visa' } });
    await gateway.port.setDefaultPaymentMethod(customer, stored?.stripePaymentMethodId ?? '', 'mark_1');
    const [subscription] = (await gateway.stripe.subscriptions.list({ customer })).data;
    expect(subscription?.default_payment_method).toBe(stored?.stripePaymentMethodId);
  });

  it('stores a card by a setup intent, whose secret is for a page of ours', async () => {
    const customer = await gateway.port.createCustomer({ metadata }, gateway.attempt());
    const attempt = gateway.attempt();
    const secret = await gateway.port.createSetupIntent(customer, metadata, attempt);
    expect(secret).toMatch(/^seti_.*_secret_/);
    expect(await gateway.port.createSetupIntent(customer, metadata, attempt)).toBe(secret);
    const [intent] = (await gateway.stripe.setupIntents.list({ customer })).data;
    expect(intent).toMatchObject({ usage: 'off_session', metadata: { ...metadata, intent_id: attempt.intentId } });
    await gateway.stripe.setupIntents.confirm(intent?.id ?? '', {
      payment_method: 'pm_card_visa',
      return_url: PAGES.successUrl,
    });
    // What was stored first may be gone again.
    const [gone] = await gateway.port.loadPaymentMethods(customer);
    await gateway.stripe.paymentMethods.detach(gone?.stripePaymentMethodId ?? '');
    await gateway.port.adoptPaymentMethod(customer);
    expect(await gateway.port.loadPaymentMethods(customer)).toEqual([]);
  });

  it('goes to the portal as the account has set it up', async () => {
    const customer = await gateway.port.createCustomer({ metadata }, gateway.attempt());
    const url = await gateway.port.openPortal(customer, PAGES.cancelUrl);
    expect((await fetch(url)).status).toBe(200);
    expect((await gateway.stripe.billingPortal.configurations.list()).data).toMatchObject([{ is_default: true }]);
    await expect(gateway.port.openPortal('cus_none', PAGES.cancelUrl)).rejects.toMatchObject({
      reason: 'STRIPE_REFUSED',
    });
  });

  judgeExchanges(gateway.fixture);
});

describe('a customer of an account that has no portal', () => {
  const gateway = useGateway({ hasPortal: false });

  it('goes to one that is set up by the first who goes there', async () => {
    const customer = await gateway.port.createCustomer({ metadata: {} }, gateway.attempt());
    for (const _visit of [1, 2]) {
      const url = await gateway.port.openPortal(customer, PAGES.cancelUrl);
      expect((await fetch(url)).status).toBe(200);
    }
    expect((await gateway.stripe.billingPortal.configurations.list()).data).toMatchObject([
      { metadata: { made_by: 'wheelhouse' }, features: { payment_method_update: { enabled: true } } },
    ]);
  });

  judgeExchanges(gateway.fixture);
});
