// What the kernel begins at Stripe: subscriptions that are paid with a stored card, and contracts. Against the sandbox.

import { describe, expect, it } from 'vitest';
import type { ContractOrder, SubscriptionOrder } from '../../kernel/app/subscription/ports.ts';
import { DAY, HOUR, START } from '../support/billing-fixture.ts';
import { judgeExchanges } from '../support/stripe-fixture.ts';
import { useGateway } from '../support/stripe-gateway.ts';

describe('a subscription by the stored card', () => {
  const gateway = useGateway();

  async function order(card: string | null = 'pm_card_visa'): Promise<SubscriptionOrder> {
    const [who, plan] = [await gateway.billing.payer(START, card), await gateway.plan('pro', 4_900)];
    return { stripeCustomerId: who.customer, stripePriceId: plan.id, metadata: { tenant_id: 't1', plan_code: 'pro' } };
  }

  it('is paid at once, and says what it was made for', async () => {
    const [bought, attempt] = [await order(), gateway.attempt()];
    const outcome = await gateway.port.createSubscription(bought, attempt);
    expect(outcome).toMatchObject({ kind: 'done' });
    const [subscription] = await gateway.port.loadSubscriptions(bought.stripeCustomerId);
    expect(outcome).toMatchObject({ stripeSubscriptionId: subscription?.stripeSubscriptionId });
    expect(subscription).toMatchObject({
      phase: 'live',
      metadata: { tenant_id: 't1', plan_code: 'pro', intent_id: attempt.intentId },
      cycleInvoice: { state: 'paid' },
    });
  });

  it.each([
    ['pm_card_chargeCustomerFail', { kind: 'declined', code: 'generic_decline', message: 'Your card was declined.' }],
    ['pm_card_authenticationRequired', { kind: 'action_required', url: '' }],
    [null, { kind: 'declined', code: 'resource_missing' }],
  ] as const)('by %s leaves nothing behind, and the same attempt says the same', async (card, outcome) => {
    const [bought, attempt] = [await order(card), gateway.attempt()];
    expect(await gateway.port.createSubscription(bought, attempt)).toMatchObject(outcome);
    expect(await gateway.count(bought.stripeCustomerId)).toBe(0);
    await gateway.billing.giveCard(bought.stripeCustomerId, 'pm_card_visa');
    expect(await gateway.port.createSubscription(bought, attempt)).toMatchObject(outcome);
    const next = { ...attempt, attempt: 2 };
    expect(await gateway.port.createSubscription(bought, next)).toMatchObject({ kind: 'done' });
    expect(await gateway.count(bought.stripeCustomerId)).toBe(1);
  });

  it('is one, however often its answer gets lost', async () => {
    const [bought, attempt] = [await order(), gateway.attempt()];
    const fault = { method: 'POST', path: '/v1/subscriptions', times: 1, outcome: 'done_but_lost' } as const;
    gateway.fixture.sandbox.control.addFault(fault);
    const outcome = await gateway.port.createSubscription(bought, attempt);
    expect(await gateway.port.createSubscription(bought, attempt)).toEqual(outcome);
    expect(await gateway.count(bought.stripeCustomerId)).toBe(1);
  });

  it('stays unknown while Stripe gives a stored 500 again, and is done by the next attempt', async () => {
    const [bought, attempt] = [await order(), gateway.attempt()];
    const { control } = gateway.fixture.sandbox;
    control.addFault({ method: 'POST', path: '/v1/subscriptions', times: 1, outcome: 'failed' });
    for (const _time of [1, 2]) {
      await expect(gateway.port.createSubscription(bought, attempt)).rejects.toMatchObject({
        reason: 'STRIPE_UNAVAILABLE',
        metadata: { stripe_status: '500' },
      });
    }
    expect(await gateway.port.createSubscription(bought, { ...attempt, attempt: 2 })).toMatchObject({ kind: 'done' });
    expect(await gateway.count(bought.stripeCustomerId)).toBe(1);
  });

  it('waits where its key is in use, or was used for something else', async () => {
    const [bought, attempt] = [await order(), gateway.attempt()];
    const { control } = gateway.fixture.sandbox;
    control.addFault({ method: 'POST', path: '/v1/subscriptions', times: 3, outcome: 'refused', status: 409 });
    await expect(gateway.port.createSubscription(bought, attempt)).rejects.toMatchObject({
      reason: 'STRIPE_UNAVAILABLE',
      retryDelayMs: expect.any(Number),
    });
    expect(await gateway.port.createSubscription(bought, attempt)).toMatchObject({ kind: 'done' });
    const other = { ...bought, metadata: { tenant_id: 't1', plan_code: 'max' } };
    await expect(gateway.port.createSubscription(other, attempt)).rejects.toMatchObject({
      reason: 'STRIPE_UNAVAILABLE',
    });
  });

  it('takes off what a promotion code is for, and the code’s last use is no obstacle to the same attempt', async () => {
    const [bought, attempt] = [await order(), gateway.attempt()];
    const coupon = await gateway.stripe.coupons.create({ percent_off: 100, duration: 'once' });
    const promotion = { type: 'coupon' as const, coupon: coupon.id };
    await gateway.stripe.promotionCodes.create({ promotion, code: 'LAUNCH', max_redemptions: 1 });
    const outcome = await gateway.port.createSubscription({ ...bought, promotionCode: 'launch' }, attempt);
    expect(await gateway.port.createSubscription({ ...bought, promotionCode: 'launch' }, attempt)).toEqual(outcome);
    const [subscription] = await gateway.port.loadSubscriptions(bought.stripeCustomerId);
    // Nothing was to be paid, which is as good as paid.
    expect(subscription).toMatchObject({ cycleInvoice: { state: 'paid' }, terms: { minorUnits: 4_900n } });
    const again = await order();
    for (const promotionCode of ['launch', 'LUNCH']) {
      await expect(
        gateway.port.createSubscription({ ...again, promotionCode }, gateway.attempt()),
      ).rejects.toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field: 'promotion_code' }] });
    }
    expect(await gateway.count(again.stripeCustomerId)).toBe(0);
  });

  it('is refused by a price that is none, in Stripe’s words', async () => {
    const bought = { ...(await order()), stripePriceId: 'price_none' };
    await expect(gateway.port.createSubscription(bought, gateway.attempt())).rejects.toMatchObject({
      reason: 'STRIPE_REFUSED',
      message: expect.stringContaining('price_none'),
    });
  });

  judgeExchanges(gateway.fixture);
});

describe('a contract', () => {
  const gateway = useGateway();
  const metadata = {
    product_code: 'agentruntime',
    plan_code: 'enterprise',
    included_microcredits_per_cycle: '900000000',
  };

  async function sell(card: string | null, more: Partial<ContractOrder> = {}) {
    const who = await gateway.billing.payer(START, card);
    const order = {
      stripeCustomerId: who.customer,
      productName: 'AgentRuntime for Initech',
      minorUnits: 250_000n,
      currency: 'usd',
      intervalMonths: 3,
      daysUntilDue: 30,
      billingEmail: 'bills@initech.example',
      metadata,
      ...more,
    };
    const attempt = gateway.attempt();
    return { who, order, attempt, outcome: await gateway.port.createContract(order, attempt) };
  }

  it('sends its invoice, and is past due when that is not paid by its date', async () => {
    const { who, order, attempt, outcome } = await sell(null);
    expect(await gateway.port.createContract(order, attempt)).toEqual(outcome);
    expect(await gateway.count(who.customer)).toBe(1);
    expect(await gateway.stripe.customers.retrieve(who.customer)).toMatchObject({ email: order.billingEmail });
    const [begun] = await gateway.port.loadSubscriptions(who.customer);
    expect(begun).toMatchObject({
      phase: 'live',
      isInvoiced: true,
      isUnpaid: false,
      cycleInvoice: { state: 'draft' },
      metadata: { ...metadata, intent_id: attempt.intentId },
      terms: { minorUnits: 250_000n, currency: 'usd', interval: 'month', intervalCount: 3, metadata },
    });
    const prices = await gateway.stripe.prices.list({ active: true });
    expect(prices.data.map(({ id }) => id)).not.toContain(begun?.terms?.stripePriceId);

    await gateway.billing.advance(who, START + 2 * HOUR);
    const [sent] = await gateway.port.loadSubscriptions(who.customer);
    expect(sent).toMatchObject({ cycleInvoice: { state: 'open' }, paymentUrl: expect.stringContaining('/i/in_') });
    await gateway.billing.advance(who, START + 31 * DAY);
    const [overdue] = await gateway.port.loadSubscriptions(who.customer);
    expect(overdue).toMatchObject({ isUnpaid: true, cycleInvoice: { state: 'failed' } });
    await gateway.stripe.invoices.pay(overdue?.cycleInvoice.stripeInvoiceId ?? '', { paid_out_of_band: true });
    const [paid] = await gateway.port.loadSubscriptions(who.customer);
    expect(paid).toMatchObject({ isUnpaid: false, cycleInvoice: { state: 'paid' } });
    expect(paid).not.toHaveProperty('paymentUrl');
  });

  it('charges the stored card where nothing is to be sent, and leaves nothing for sale where that is declined', async () => {
    const { who, outcome } = await sell('pm_card_visa', { daysUntilDue: 0, intervalMonths: 12 });
    expect(outcome).toMatchObject({ kind: 'done' });
    const [subscription] = await gateway.port.loadSubscriptions(who.customer);
    expect(subscription).toMatchObject({
      isInvoiced: false,
      cycleInvoice: { state: 'paid' },
      terms: { interval: 'year', intervalCount: 1 },
    });
    const declined = await sell('pm_card_chargeCustomerFail', { daysUntilDue: 0, productName: 'Declined' });
    expect(declined.outcome).toMatchObject({ kind: 'declined', code: 'generic_decline' });
    expect(await gateway.count(declined.who.customer)).toBe(0);
    const { data } = await gateway.stripe.products.list({ limit: 100 });
    expect(data.filter(({ name }) => name === 'Declined')).toMatchObject([{ active: false }]);
  });

  judgeExchanges(gateway.fixture);
});
