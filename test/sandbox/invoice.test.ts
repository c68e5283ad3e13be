import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { at, Billing, DAY, HOUR, START } from '../support/billing-fixture.ts';
import { judgeExchanges, useSandbox } from '../support/stripe-fixture.ts';

const CARD = { card: '4242 4242 4242 4242', expiry: '12 / 40', cvc: '123', name: 'Ada' };

describe('invoices, discounts, refunds and disputes of the sandbox', () => {
  const fixture = useSandbox({ hasCatalog: false });
  const billing = new Billing(fixture);

  async function send(url: string | null | undefined, fields: Record<string, string>) {
    const response = await fetch(url ?? '', { method: 'POST', body: new URLSearchParams(fields), redirect: 'manual' });
    return { status: response.status, text: await response.text(), location: response.headers.get('location') };
  }

  async function charged(card = 'pm_card_visa', amount = 2000): Promise<Stripe.PaymentIntent> {
    return await fixture.stripe.paymentIntents.create({
      amount,
      currency: 'usd',
      payment_method: card,
      payment_method_types: ['card'],
      confirm: true,
    });
  }

  async function typesSince(count: number): Promise<readonly string[]> {
    const { data } = await fixture.stripe.events.list({ limit: 100 });
    return data
      .slice(0, data.length - count)
      .map(({ type }) => type)
      .reverse();
  }

  it('are made by hand: items, a total, a number, a payment', async () => {
    const { stripe } = fixture;
    const { customer } = await billing.payer();
    await stripe.invoiceItems.create({ customer, amount: 1500, currency: 'usd', description: 'Setup' });
    const draft = await stripe.invoices.create({
      customer,
      pending_invoice_items_behavior: 'include',
      metadata: { intent_id: 'int_1' },
    });
    expect(draft).toMatchObject({
      status: 'draft',
      amount_due: 1500,
      number: null,
      auto_advance: false,
      billing_reason: 'manual',
    });
    await stripe.invoiceItems.create({ customer, invoice: draft.id ?? '', amount: 500, currency: 'usd' });
    const open = await stripe.invoices.finalizeInvoice(draft.id ?? '');
    expect(open).toMatchObject({ status: 'open', amount_due: 2000, number: expect.stringMatching(/-0001$/) });
    await expect(
      stripe.invoiceItems.create({ customer, invoice: draft.id ?? '', amount: 1, currency: 'usd' }),
    ).rejects.toMatchObject({
      code: 'invoice_not_editable',
    });
    await expect(stripe.invoices.finalizeInvoice(draft.id ?? '')).rejects.toMatchObject({ statusCode: 400 });
    expect((await stripe.invoices.listLineItems(draft.id ?? '')).data.map(({ amount }) => amount)).toEqual([1500, 500]);
    const paid = await stripe.invoices.pay(open.id ?? '', { expand: ['payments'] });
    expect(paid).toMatchObject({
      status: 'paid',
      amount_paid: 2000,
      amount_remaining: 0,
      metadata: { intent_id: 'int_1' },
    });
    const [payment] = paid.payments?.data ?? [];
    const intent = String(payment?.payment.payment_intent);
    const found = await stripe.invoicePayments.list({ payment: { type: 'payment_intent', payment_intent: intent } });
    expect(found.data).toMatchObject([{ invoice: open.id, status: 'paid', amount_paid: 2000 }]);
    expect(await stripe.invoicePayments.retrieve(payment?.id ?? '')).toMatchObject({ is_default: true });
    await expect(stripe.invoices.pay(open.id ?? '')).rejects.toMatchObject({ message: 'Invoice is already paid' });
    await expect(stripe.paymentIntents.update(intent, { description: 'Told' })).resolves.toMatchObject({
      description: 'Told',
    });
  });

  it('say why they are not paid, and are voided, given up, or paid after all', async () => {
    const { stripe } = fixture;
    const { customer } = await billing.payer(START, 'pm_card_chargeCustomerFail');
    const create = async (): Promise<string> => {
      const draft = await stripe.invoices.create({ customer, auto_advance: false });
      await stripe.invoiceItems.create({ customer, invoice: draft.id ?? '', amount: 700, currency: 'usd' });
      return (await stripe.invoices.finalizeInvoice(draft.id ?? '')).id ?? '';
    };
    const [voided, given] = [await create(), await create()];
    await expect(stripe.invoices.pay(voided)).rejects.toMatchObject({ type: 'StripeCardError', code: 'card_declined' });
    const intent = (await stripe.invoices.retrieve(voided, { expand: ['payments'] })).payments?.data[0]?.payment
      .payment_intent;
    expect(await stripe.invoices.voidInvoice(voided)).toMatchObject({ status: 'void' });
    expect(await stripe.paymentIntents.retrieve(String(intent))).toMatchObject({
      status: 'canceled',
      cancellation_reason: 'void_invoice',
    });
    await expect(stripe.invoices.pay(voided)).rejects.toMatchObject({ statusCode: 400 });
    await expect(stripe.invoices.voidInvoice(voided)).rejects.toMatchObject({ statusCode: 400 });
    expect(await stripe.invoices.markUncollectible(given)).toMatchObject({ status: 'uncollectible' });
    const page = (await stripe.invoices.retrieve(given)).hosted_invoice_url;
    const declined = await send(page, { ...CARD, card: '4000000000000002' });
    expect(declined).toMatchObject({ status: 402, text: expect.stringContaining('Your card was declined.') });
    expect((await send(page, CARD)).location).toBe(page);
    expect(await stripe.invoices.retrieve(given)).toMatchObject({ status: 'paid' });
    const draft = await stripe.invoices.create({ customer });
    expect(await stripe.invoices.del(draft.id ?? '')).toMatchObject({ deleted: true });
  });

  it('finalise, and are collected, by themselves where they are to advance', async () => {
    const { stripe } = fixture;
    const who = await billing.payer();
    const draft = await stripe.invoices.create({ customer: who.customer, auto_advance: true });
    await stripe.invoiceItems.create({ customer: who.customer, invoice: draft.id ?? '', amount: 900, currency: 'usd' });
    await billing.advance(who, START + HOUR);
    expect(await stripe.invoices.retrieve(draft.id ?? '')).toMatchObject({ status: 'paid', amount_paid: 900 });
    const sent = await stripe.invoices.create({
      customer: who.customer,
      collection_method: 'send_invoice',
      days_until_due: 14,
    });
    await stripe.invoiceItems.create({ customer: who.customer, invoice: sent.id ?? '', amount: 900, currency: 'usd' });
    expect(await stripe.invoices.sendInvoice(sent.id ?? '')).toMatchObject({
      status: 'open',
      due_date: START + HOUR + 14 * DAY,
    });
  });

  it('move what is too little, or too much, to the customer’s balance', async () => {
    const { stripe } = fixture;
    const { customer } = await billing.payer();
    const bill = async (amount: number): Promise<Stripe.Invoice> => {
      const draft = await stripe.invoices.create({ customer });
      await stripe.invoiceItems.create({ customer, invoice: draft.id ?? '', amount, currency: 'usd' });
      return await stripe.invoices.finalizeInvoice(draft.id ?? '');
    };
    expect(await bill(20)).toMatchObject({ status: 'paid', amount_due: 0, ending_balance: 20 });
    expect(await bill(-500)).toMatchObject({
      status: 'paid',
      amount_due: 0,
      starting_balance: 20,
      ending_balance: -480,
    });
    const open = await bill(1000);
    expect(open).toMatchObject({ status: 'open', amount_due: 520, ending_balance: 0 });
    await stripe.invoices.voidInvoice(open.id ?? '');
    expect((await stripe.customers.retrieve(customer)) as Stripe.Customer).toMatchObject({ balance: -480 });
  });

  it('ask whoever must authenticate for a renewal, who can do so on the invoice’s page', async () => {
    const { stripe } = fixture;
    const [who, pro] = [await billing.payer(), await billing.plan(3000)];
    const { id } = await stripe.subscriptions.create({ customer: who.customer, items: [{ price: pro.id }] });
    await billing.giveCard(who.customer, 'pm_card_authenticationRequired');
    await billing.advance(who, at(2026, 2, 15) + HOUR);
    const behind = await stripe.subscriptions.retrieve(id);
    const expand = ['payments.data.payment.payment_intent'];
    const invoice = await stripe.invoices.retrieve(String(behind.latest_invoice), { expand });
    expect(behind.status).toBe('past_due');
    expect(invoice.payments?.data[0]?.payment.payment_intent).toMatchObject({ status: 'requires_action' });
    const types = (await billing.events(who.customer)).map(({ type }) => type);
    expect(types.slice(types.lastIndexOf('invoice.finalized'))).toEqual([
      'invoice.finalized',
      'payment_intent.created',
      'payment_intent.requires_action',
      'invoice.payment_action_required',
      'invoice.payment_failed',
      'customer.subscription.updated',
      'customer.updated',
    ]);
    const asked = await send(invoice.hosted_invoice_url, { ...CARD, card: '4000002760003184' });
    const back = await send(asked.location, { outcome: 'complete' });
    expect(back.location).toContain(`/i/${invoice.id}?`);
    expect(await stripe.subscriptions.retrieve(id)).toMatchObject({ status: 'active' });
    expect((await fetch(invoice.hosted_invoice_url ?? '')).status).toBe(200);
  });

  it('take off what coupons give: a share or an amount, once, for months, or for ever', async () => {
    const { stripe } = fixture;
    const pro = await billing.plan(3000);
    const [who, once, months, ever] = [
      await billing.payer(),
      await stripe.coupons.create({ percent_off: 50, duration: 'once' }),
      await stripe.coupons.create({ amount_off: 1000, currency: 'usd', duration: 'repeating', duration_in_months: 2 }),
      await stripe.coupons.create({ percent_off: 10, duration: 'forever', max_redemptions: 1, name: 'Ten' }),
    ];
    const subscribe = (coupon: string): Promise<Stripe.Subscription> =>
      stripe.subscriptions.create({
        customer: who.customer,
        items: [{ price: pro.id }],
        discounts: [{ coupon }],
        expand: ['discounts.source.coupon'],
      });
    const subscriptions = [await subscribe(once.id), await subscribe(months.id), await subscribe(ever.id)];
    expect(subscriptions[2]?.discounts[0]).toMatchObject({ end: null, source: { coupon: { name: 'Ten' } } });
    expect(await stripe.coupons.retrieve(ever.id)).toMatchObject({ valid: false, times_redeemed: 1 });
    await expect(subscribe(ever.id)).rejects.toMatchObject({ code: 'coupon_expired' });
    await billing.advance(who, at(2026, 3, 15) + HOUR);
    const totals = await Promise.all(
      subscriptions.map(async ({ id }) => (await billing.invoices(id)).map(({ total }) => total)),
    );
    expect(totals).toEqual([
      [1500, 3000, 3000],
      [2000, 2000, 3000],
      [2700, 2700, 2700],
    ]);
    const [, , last] = subscriptions;
    const invoice = (await billing.invoices(last?.id ?? '')).at(-1);
    expect(invoice).toMatchObject({ subtotal: 3000, total_discount_amounts: [{ amount: 300 }] });
    expect(invoice?.lines.data[0]?.discount_amounts).toMatchObject([{ amount: 300 }]);
    expect(await stripe.subscriptions.deleteDiscount(last?.id ?? '')).toMatchObject({ deleted: true });
    await stripe.coupons.update(ever.id, { name: 'Was ten' });
    await stripe.coupons.del(ever.id);
    await stripe.subscriptions.update(last?.id ?? '', { discounts: [{ coupon: months.id }] });
    const preview = await stripe.invoices.createPreview({ subscription: last?.id ?? '' });
    expect(preview).toMatchObject({ total: 2000 });
    expect((await stripe.subscriptions.update(last?.id ?? '', { discounts: '' })).discounts).toEqual([]);
  });

  it('prorate with the discount that a subscription has', async () => {
    const { stripe } = fixture;
    const [pro, max, who] = [await billing.plan(3000), await billing.plan(9000), await billing.payer(at(2026, 4, 1))];
    const half = await stripe.coupons.create({ percent_off: 50, duration: 'forever' });
    const { id, items } = await stripe.subscriptions.create({
      customer: who.customer,
      items: [{ price: pro.id }],
      discounts: [{ coupon: half.id }],
    });
    await billing.advance(who, at(2026, 4, 16));
    const changed = await stripe.subscriptions.update(id, {
      items: [{ id: items.data[0]?.id ?? '', price: max.id }],
      proration_behavior: 'always_invoice',
      expand: ['latest_invoice'],
    });
    expect(changed.latest_invoice).toMatchObject({ total: 2250 - 750, status: 'paid' });
  });

  it('know who may redeem a promotion code', async () => {
    const { stripe } = fixture;
    const pro = await billing.plan(3000);
    const [first, second] = [await billing.payer(), await billing.payer()];
    const coupon = await stripe.coupons.create({ percent_off: 20, duration: 'forever' });
    const promotion = { type: 'coupon' as const, coupon: coupon.id };
    const newcomers = await stripe.promotionCodes.create({
      promotion,
      code: 'NEW20',
      restrictions: { first_time_transaction: true },
    });
    const single = await stripe.promotionCodes.create({ promotion, max_redemptions: 1, customer: second.customer });
    const large = await stripe.promotionCodes.create({
      promotion,
      restrictions: { minimum_amount: 5000, minimum_amount_currency: 'usd' },
    });
    const subscribe = (customer: string, code: string): Promise<Stripe.Subscription> =>
      stripe.subscriptions.create({
        customer,
        items: [{ price: pro.id }],
        discounts: [{ promotion_code: code }],
        expand: ['discounts'],
      });
    const taken = await subscribe(first.customer, newcomers.id);
    expect(taken.discounts[0]).toMatchObject({ promotion_code: newcomers.id, source: { coupon: coupon.id } });
    await expect(subscribe(first.customer, newcomers.id)).rejects.toThrow('prior transactions');
    await expect(subscribe(first.customer, single.id)).rejects.toThrow('not the one that it is limited to');
    await expect(subscribe(second.customer, large.id)).rejects.toThrow('below $50.00');
    await subscribe(second.customer, single.id);
    expect(await stripe.promotionCodes.retrieve(single.id)).toMatchObject({ active: false, times_redeemed: 1 });
    await expect(stripe.promotionCodes.create({ promotion, code: 'new20' })).rejects.toMatchObject({ param: 'code' });
    await stripe.promotionCodes.update(newcomers.id, { active: false });
    expect((await stripe.promotionCodes.list({ code: 'new20', active: true })).data).toEqual([]);
    expect((await stripe.promotionCodes.list({ coupon: coupon.id })).data).toHaveLength(3);
  });

  it('are previewed without anything being done', async () => {
    const { stripe } = fixture;
    const [who, pro] = [await billing.payer(at(2026, 4, 1)), await billing.plan(3000)];
    const fresh = await stripe.invoices.createPreview({
      customer: who.customer,
      subscription_details: { items: [{ price: pro.id, quantity: 2 }] },
    });
    expect(fresh).toMatchObject({ status: 'draft', amount_due: 6000, number: null });
    const { id } = await stripe.subscriptions.create({ customer: who.customer, items: [{ price: pro.id }] });
    await billing.advance(who, at(2026, 4, 16));
    const before = [(await stripe.events.list({ limit: 1 })).data[0]?.id, await stripe.subscriptions.retrieve(id)];
    const end = await stripe.invoices.createPreview({ subscription: id, subscription_details: { cancel_now: true } });
    expect(end).toMatchObject({ total: -1500, amount_due: 0 });
    expect([
      (await stripe.events.list({ limit: 1 })).data[0]?.id,
      await stripe.subscriptions.retrieve(id),
    ]).toMatchObject(before);
    expect(await billing.invoices(id)).toHaveLength(1);
  });

  it('give back what was paid, in parts, and not more', async () => {
    const { stripe } = fixture;
    const intent = await charged();
    const count = (await stripe.events.list({ limit: 100 })).data.length;
    const part = await stripe.refunds.create({
      payment_intent: intent.id,
      amount: 500,
      metadata: { why: 'test' },
      reason: 'requested_by_customer',
    });
    expect(part).toMatchObject({ status: 'succeeded', amount: 500, charge: intent.latest_charge });
    if (count < 90) expect(await typesSince(count)).toEqual(['refund.created', 'charge.refunded']);
    await expect(stripe.refunds.create({ payment_intent: intent.id, amount: 1501 })).rejects.toThrow(
      'greater than unrefunded',
    );
    await stripe.refunds.create({ charge: String(intent.latest_charge) });
    const charge = await stripe.charges.retrieve(String(intent.latest_charge), { expand: ['refunds'] });
    expect(charge).toMatchObject({ refunded: true, amount_refunded: 2000 });
    expect(charge.refunds?.data.map(({ amount }) => amount)).toEqual([1500, 500]);
    await expect(stripe.refunds.create({ payment_intent: intent.id })).rejects.toMatchObject({
      code: 'charge_already_refunded',
    });
    await expect(stripe.refunds.cancel(part.id)).rejects.toMatchObject({ statusCode: 400 });
    expect((await stripe.refunds.list({ payment_intent: intent.id })).data).toHaveLength(2);
  });

  it('give back later, or fail to, as the card has it or as is asked for', async () => {
    const { stripe, sandbox } = fixture;
    const [late, failing, plain] = [
      await charged('pm_card_pendingRefund'),
      await charged('pm_card_refundFail'),
      await charged(),
    ];
    const refunds: Stripe.Refund[] = [];
    for (const { id } of [late, failing, plain]) refunds.push(await stripe.refunds.create({ payment_intent: id }));
    expect(refunds.map(({ status }) => status)).toEqual(['pending', 'succeeded', 'succeeded']);
    sandbox.control.advance(DAY);
    sandbox.control.failRefund(refunds[2]?.id ?? '');
    const after = await Promise.all(refunds.map(({ id }) => stripe.refunds.retrieve(id)));
    expect(after.map(({ status }) => status)).toEqual(['succeeded', 'failed', 'failed']);
    const charges = await Promise.all(
      [late, failing, plain].map((each) => stripe.charges.retrieve(String(each.latest_charge))),
    );
    expect(charges.map(({ amount_refunded: amount }) => amount)).toEqual([2000, 0, 0]);
    expect(() => sandbox.control.failRefund(refunds[2]?.id ?? '')).toThrow('has failed already');
    const expand = ['data.balance_transaction', 'data.failure_balance_transaction'];
    const [plainly, , pending] = (await stripe.refunds.list({ expand, limit: 3 })).data;
    const source = refunds[2]?.id;
    expect(plainly).toMatchObject({
      balance_transaction: { type: 'refund', amount: -2000, source },
      failure_balance_transaction: { type: 'refund_failure', amount: 2000, source },
    });
    expect(pending).not.toHaveProperty('failure_balance_transaction');
    const movements = await stripe.balanceTransactions.list({ source: String(source) });
    expect(movements.data.map(({ type }) => type)).toEqual(['refund_failure', 'refund']);
    expect(await stripe.balanceTransactions.retrieve(String(movements.data[0]?.id))).toEqual(movements.data[0]);
  });

  it('are disputed, and lost or won', async () => {
    const { stripe, sandbox } = fixture;
    const byCard = await charged('pm_card_createDispute');
    const [dispute] = (await stripe.disputes.list({ payment_intent: byCard.id })).data;
    expect(dispute).toMatchObject({ status: 'needs_response', reason: 'fraudulent', amount: 2000 });
    await expect(stripe.refunds.create({ payment_intent: byCard.id })).rejects.toMatchObject({
      code: 'charge_disputed',
    });
    const won = await stripe.disputes.update(dispute?.id ?? '', {
      evidence: { uncategorized_text: 'winning_evidence' },
    });
    expect(won).toMatchObject({ status: 'won', evidence_details: { submission_count: 1 } });
    const { latest_charge: charge } = await charged();
    const asked = sandbox.control.createDispute(String(charge), 'product_not_received');
    const reviewed = await stripe.disputes.update(asked.id, { evidence: { product_description: 'Credits' } });
    expect(reviewed.status).toBe('under_review');
    expect(sandbox.control.closeDispute(asked.id, 'won')).toMatchObject({ status: 'won' });
    expect(() => sandbox.control.closeDispute(asked.id, 'lost')).toThrow('already closed');
    const other = await charged('pm_card_createDisputeProductNotReceived');
    const [accepted] = (await stripe.disputes.list({ charge: String(other.latest_charge) })).data;
    expect(await stripe.disputes.close(accepted?.id ?? '')).toMatchObject({ status: 'lost' });
    const events = (await stripe.events.list({ types: ['charge.dispute.funds_reinstated', 'charge.dispute.closed'] }))
      .data;
    expect(events.map(({ type }) => type.split('.').at(-1)).reverse()).toEqual([
      ...['closed', 'funds_reinstated'],
      ...['closed', 'funds_reinstated'],
      'closed',
    ]);
  });

  it('are made once for one idempotency key', async () => {
    const { stripe } = fixture;
    const [who, pro] = [await billing.payer(), await billing.plan(3000)];
    const create = () =>
      stripe.subscriptions.create(
        { customer: who.customer, items: [{ price: pro.id }] },
        { idempotencyKey: 'subscribe-1' },
      );
    expect((await create()).id).toBe((await create()).id);
    expect((await stripe.invoices.list({ customer: who.customer })).data).toHaveLength(1);
    await billing.giveCard(who.customer, 'pm_card_chargeCustomerFail');
    const fail = () =>
      stripe.subscriptions.create(
        { customer: who.customer, items: [{ price: pro.id }], payment_behavior: 'error_if_incomplete' },
        { idempotencyKey: 'subscribe-2' },
      );
    await expect(fail()).rejects.toMatchObject({ code: 'card_declined' });
    await billing.giveCard(who.customer, 'pm_card_visa');
    await expect(fail()).rejects.toMatchObject({ code: 'card_declined' });
  });

  judgeExchanges(fixture);
});
