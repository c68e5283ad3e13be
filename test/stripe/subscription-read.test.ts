// What the kernel reads of subscriptions at Stripe as time passes, payments fail and people change things there. Against the sandbox.

import { describe, expect, it } from 'vitest';
import { at, DAY, HOUR, START } from '../support/billing-fixture.ts';
import { judgeExchanges } from '../support/stripe-fixture.ts';
import { useGateway } from '../support/stripe-gateway.ts';

const MS = 1_000;

describe('a subscription that is read', () => {
  const gateway = useGateway();

  it('has its period, its price with what the product says, and the invoice that paid', async () => {
    const pro = await gateway.plan('pro', 4_900);
    const { who, id } = await gateway.subscribed(pro);
    const read = await gateway.read(id);
    expect(read).toEqual({
      stripeSubscriptionId: id,
      stripeCustomerId: who.customer,
      stripeItemId: expect.stringMatching(/^si_/),
      phase: 'live',
      isUnpaid: false,
      terms: {
        stripePriceId: pro.id,
        minorUnits: 4_900n,
        currency: 'usd',
        interval: 'month',
        intervalCount: 1,
        metadata: { product_code: 'agentruntime', plan_code: 'pro' },
      },
      metadata: { plan_code: 'pro', intent_id: expect.stringMatching(/^int_/) },
      createdAt: START * MS,
      periodStart: START * MS,
      periodEnd: at(2026, 2, 15) * MS,
      isInvoiced: false,
      cycleInvoice: { state: 'paid', stripeInvoiceId: expect.stringMatching(/^in_/), paidAt: START * MS },
      changeInvoice: { state: 'none', stripeInvoiceId: '', changedAt: START * MS },
    });
    expect(await gateway.port.loadSubscriptions(who.customer)).toEqual([read]);
    expect(await gateway.port.loadSubscription('sub_none')).toBeUndefined();
  });

  it('goes from a draft to a paid renewal', async () => {
    const { who, id } = await gateway.subscribed(await gateway.plan('pro', 4_900));
    const first = (await gateway.read(id)).cycleInvoice.stripeInvoiceId;
    await gateway.billing.advance(who, at(2026, 2, 15));
    const renewing = await gateway.read(id);
    expect(renewing).toMatchObject({ periodStart: at(2026, 2, 15) * MS, cycleInvoice: { state: 'draft' } });
    expect(renewing.cycleInvoice).not.toHaveProperty('paidAt');
    expect(renewing.cycleInvoice.stripeInvoiceId).not.toBe(first);
    await gateway.billing.advance(who, at(2026, 2, 15) + HOUR);
    expect(await gateway.read(id)).toMatchObject({
      cycleInvoice: { ...renewing.cycleInvoice, state: 'paid', paidAt: (at(2026, 2, 15) + HOUR) * MS },
    });
  });

  it.each([
    ['pm_card_chargeCustomerFail', 'generic_decline'],
    ['pm_card_authenticationRequired', 'authentication_required'],
  ])('says why the renewal by %s failed and where to pay, until it is paid', async (card, failureCode) => {
    const { who, id } = await gateway.subscribed(await gateway.plan('pro', 4_900));
    await gateway.billing.giveCard(who.customer, card);
    await gateway.billing.advance(who, at(2026, 2, 15) + HOUR);
    const failed = await gateway.read(id);
    expect(failed).toMatchObject({
      ...{ phase: 'live', isUnpaid: true, failureCode },
      cycleInvoice: { state: 'failed' },
      paymentUrl: expect.stringContaining(failed.cycleInvoice.stripeInvoiceId),
    });
    const method = await gateway.billing.giveCard(who.customer, 'pm_card_visa');
    await gateway.stripe.invoices.pay(failed.cycleInvoice.stripeInvoiceId, { payment_method: method.id });
    const paid = await gateway.read(id);
    expect(paid).toMatchObject({ isUnpaid: false, cycleInvoice: { state: 'paid' } });
    expect(paid).not.toHaveProperty('failureCode');
    expect(paid).not.toHaveProperty('paymentUrl');
  });

  it('has ended when its retries are used up, and asks for nothing any more', async () => {
    const { who, id } = await gateway.subscribed(await gateway.plan('pro', 4_900));
    await gateway.billing.giveCard(who.customer, 'pm_card_chargeCustomerFail');
    await gateway.billing.advance(who, at(2026, 2, 15) + 16 * DAY);
    const ended = await gateway.read(id);
    expect(ended).toMatchObject({ phase: 'ended', cycleInvoice: { state: 'failed' }, endedAt: expect.any(Number) });
    expect(ended).not.toHaveProperty('paymentUrl');
    expect(ended).not.toHaveProperty('cancelAt');
  });

  it('waits for its first payment where that was left open', async () => {
    const [who, pro] = [await gateway.billing.payer(START, null), await gateway.plan('pro', 4_900)];
    const { id } = await gateway.stripe.subscriptions.create({
      customer: who.customer,
      items: [{ price: pro.id }],
      payment_behavior: 'default_incomplete',
    });
    expect(await gateway.read(id)).toMatchObject({
      phase: 'incomplete',
      isUnpaid: true,
      cycleInvoice: { state: 'open' },
    });
    await gateway.billing.advance(who, START + DAY);
    expect(await gateway.read(id)).toMatchObject({ phase: 'ended', cycleInvoice: { state: 'failed' } });
  });

  it('takes an invoice of nothing as paid, and one that is void as failed', async () => {
    const free = await gateway.plan('free', 0);
    const { who, id } = await gateway.subscribed(free);
    expect(await gateway.read(id)).toMatchObject({ cycleInvoice: { state: 'paid' }, terms: { minorUnits: 0n } });
    const paid = await gateway.subscribed(await gateway.plan('pro', 4_900));
    await gateway.billing.giveCard(paid.who.customer, 'pm_card_chargeCustomerFail');
    await gateway.billing.advance(paid.who, at(2026, 2, 15) + HOUR);
    const { cycleInvoice } = await gateway.read(paid.id);
    await gateway.stripe.invoices.voidInvoice(cycleInvoice.stripeInvoiceId);
    expect((await gateway.read(paid.id)).cycleInvoice).toEqual({ ...cycleInvoice, state: 'failed' });
    expect(await gateway.port.loadSubscriptions(who.customer)).toHaveLength(1);
  });

  it('sees a cancellation of the portal, which sets the time only', async () => {
    const { id } = await gateway.subscribed(await gateway.plan('pro', 4_900));
    const end = at(2026, 2, 15);
    await gateway.stripe.subscriptions.update(id, { cancel_at: end });
    expect((await gateway.stripe.subscriptions.retrieve(id)).cancel_at_period_end).toBe(false);
    expect((await gateway.read(id)).cancelAt).toBe(end * MS);
  });

  it('finds the renewal behind more invoices and more lines than are shown at once', async () => {
    const { stripe } = gateway;
    const [pro, max] = [await gateway.plan('pro', 3_000), await gateway.plan('max', 9_000)];
    const { who, id } = await gateway.subscribed(pro);
    const { stripeItemId } = await gateway.read(id);
    const change = async (price: string, behavior: 'always_invoice' | 'create_prorations') =>
      await stripe.subscriptions.update(id, {
        items: [{ id: stripeItemId, price }],
        proration_behavior: behavior,
      });
    // Each of these puts two lines onto the renewal, before its own.
    for (const _time of [1, 2, 3]) {
      await gateway.billing.advance(who, (await clockOf(who.clock)) + DAY);
      await change(max.id, 'create_prorations');
      await gateway.billing.advance(who, (await clockOf(who.clock)) + DAY);
      await change(pro.id, 'create_prorations');
    }
    await gateway.billing.advance(who, at(2026, 2, 15) + HOUR);
    const renewed = await gateway.read(id);
    const invoice = await stripe.invoices.retrieve(renewed.cycleInvoice.stripeInvoiceId);
    expect(invoice).toMatchObject({ billing_reason: 'subscription_cycle', lines: { has_more: true } });
    // And each of these makes an invoice.
    for (const _time of Array(11).keys()) {
      await gateway.billing.advance(who, (await clockOf(who.clock)) + HOUR);
      await change(max.id, 'always_invoice');
      await gateway.billing.advance(who, (await clockOf(who.clock)) + HOUR);
      await change(pro.id, 'always_invoice');
    }
    expect(await gateway.read(id)).toMatchObject({
      cycleInvoice: renewed.cycleInvoice,
      changeInvoice: { state: 'paid', changedAt: (await clockOf(who.clock)) * MS },
    });
  });

  async function clockOf(clock: string): Promise<number> {
    return (await gateway.stripe.testHelpers.testClocks.retrieve(clock)).frozen_time;
  }

  it('is listed with those that ended, the newest first, at a price that nothing here is sold by too', async () => {
    const { stripe } = gateway;
    const pro = await gateway.plan('pro', 4_900);
    const { who, id } = await gateway.subscribed(pro);
    await stripe.subscriptions.cancel(id);
    await gateway.billing.advance(who, START + DAY);
    const weekly = await gateway.plan('weekly', 100, 'week');
    const byWeek = await stripe.subscriptions.create({ customer: who.customer, items: [{ price: weekly.id }] });
    const twice = await stripe.subscriptions.create({
      customer: who.customer,
      items: [{ price: pro.id, quantity: 2 }],
    });
    const read = await gateway.port.loadSubscriptions(who.customer);
    expect(read.map(({ stripeSubscriptionId, phase }) => [stripeSubscriptionId, phase])).toEqual([
      [twice.id, 'live'],
      [byWeek.id, 'live'],
      [id, 'ended'],
    ]);
    expect(read.map(({ terms }) => terms?.minorUnits)).toEqual([9_800n, undefined, 4_900n]);
    expect(await gateway.port.loadSubscription(byWeek.id)).toEqual(read[1]);
    expect(read[1]).toMatchObject({ cycleInvoice: { state: 'paid' } });
    expect(read[2]).toMatchObject({ endedAt: START * MS, cycleInvoice: { state: 'paid' } });
  });

  judgeExchanges(gateway.fixture);
});
