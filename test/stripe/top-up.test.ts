// What the kernel asks of Stripe for top-ups: their invoices, charging the stored card, closing what nobody paid, what went back, and
// the history of payments. Against the sandbox.

import { describe, expect, it } from 'vitest';
import type { StripeTopUpOrder } from '../../kernel/app/payment/ports.ts';
import type { StripeAttempt } from '../../kernel/app/subscription/ports.ts';
import type { TopUpId } from '../../kernel/domain/id.ts';
import { START } from '../support/billing-fixture.ts';
import { judgeExchanges } from '../support/stripe-fixture.ts';
import { useGateway } from '../support/stripe-gateway.ts';

const START_MS = START * 1_000;

describe('a top-up', () => {
  const gateway = useGateway();

  async function order(card: string | null = 'pm_card_visa'): Promise<StripeTopUpOrder> {
    const { customer: stripeCustomerId } = await gateway.billing.payer(START, card);
    const metadata = { purpose: 'topup', tenant_id: 't1', product_code: 'agentruntime' };
    return { stripeCustomerId, minorUnits: 1_000n, currency: 'usd', microcredits: 10_000_000n, metadata };
  }

  async function open(card?: string | null) {
    const [bought, attempt] = [await order(card), gateway.attempt()];
    return { bought, attempt, id: await gateway.payments.openTopUp(bought, attempt) };
  }

  const find = ({ stripeCustomerId }: StripeTopUpOrder, { intentId }: StripeAttempt) =>
    gateway.payments.findTopUp(stripeCustomerId, intentId as TopUpId, START_MS);

  it('is one invoice of its own, which can be paid, and is found by what it was made for', async () => {
    const { bought, attempt, id } = await open();
    await gateway.stripe.invoiceItems.create({ customer: bought.stripeCustomerId, amount: 333, currency: 'usd' });
    expect(await gateway.payments.openTopUp(bought, attempt)).toBe(id);
    expect(await find(bought, attempt)).toBe(id);
    expect(await find(bought, gateway.attempt())).toBeUndefined();
    expect(await gateway.payments.loadTopUp(id)).toMatchObject({
      ...{ facts: { invoice: 'open', payment: 'unpaid' }, minorUnits: 1_000n, currency: 'usd' },
      ...{ stripePaymentIntentId: expect.stringMatching(/^pi_/), clientSecret: expect.stringMatching(/_secret_/) },
      pageUrl: expect.stringContaining(gateway.fixture.sandbox.url),
    });
    const { lines, description } = await gateway.stripe.invoices.retrieve(id);
    expect([lines.data.map(({ amount }) => amount), description]).toEqual([[1_000], '10 credits']);
  });

  it.each([
    ['pm_card_visa', { invoice: 'paid' }],
    ['pm_card_chargeCustomerFail', { invoice: 'open', payment: 'unpaid', failureCode: 'generic_decline' }],
    ['pm_card_authenticationRequired', { invoice: 'open', payment: 'action', failureCode: 'authentication_required' }],
    [null, { invoice: 'open', payment: 'unpaid' }],
  ] as const)('that is charged to %s shows it, and is charged once', async (card, facts) => {
    const { bought, attempt, id } = await open(card);
    for (const _time of [1, 2]) await gateway.payments.chargeTopUp(id, attempt);
    await gateway.payments.chargeTopUp(id, { ...attempt, attempt: 2 });
    expect((await gateway.payments.loadTopUp(id))?.facts).toMatchObject(facts);
    const { data } = await gateway.stripe.charges.list({ customer: bought.stripeCustomerId });
    expect(data.filter(({ paid }) => paid)).toHaveLength(facts.invoice === 'paid' ? 1 : 0);
  });

  it('that was half made is found, and made whole', async () => {
    const [bought, attempt] = [await order(), gateway.attempt()];
    const fault = {
      method: 'POST',
      path: '/v1/invoices/{id}/finalize',
      times: 1,
      outcome: 'refused',
      status: 400,
    } as const;
    gateway.fixture.sandbox.control.addFault(fault);
    await expect(gateway.payments.openTopUp(bought, attempt)).rejects.toMatchObject({ reason: 'STRIPE_REFUSED' });
    const found = await find(bought, attempt);
    expect((await gateway.payments.loadTopUp(found ?? ''))?.facts.invoice).toBe('draft');
    expect(await gateway.payments.openTopUp(bought, { ...attempt, attempt: 2 }, found)).toBe(found);
    expect((await gateway.payments.loadTopUp(found ?? ''))?.facts.invoice).toBe('open');
  });

  it('is closed once, whatever it is: open, half made, paid or closed', async () => {
    const { attempt, id } = await open();
    for (const _time of [1, 2]) await gateway.payments.closeTopUp(id, attempt);
    expect((await gateway.payments.loadTopUp(id))?.facts.invoice).toBe('void');
    const paid = await open();
    await gateway.payments.chargeTopUp(paid.id, paid.attempt);
    await gateway.payments.closeTopUp(paid.id, paid.attempt);
    expect((await gateway.payments.loadTopUp(paid.id))?.facts.invoice).toBe('paid');
    const customer = paid.bought.stripeCustomerId;
    const { id: draft = '' } = await gateway.stripe.invoices.create({ customer, auto_advance: false });
    await gateway.payments.closeTopUp(draft, gateway.attempt());
    expect(await gateway.payments.loadTopUp(draft)).toBeUndefined();
  });

  it('says what of it went back, and the history has all of it', async () => {
    const { bought, attempt, id } = await open();
    await gateway.payments.chargeTopUp(id, attempt);
    const intent = (await gateway.payments.loadTopUp(id))?.stripePaymentIntentId ?? '';
    const returnOf = async () => {
      const { refunded, disputed, parts } = await gateway.payments.loadReturn(intent, bought);
      return { refunded, disputed, parts: parts.map(({ kind, minorUnits }) => `${kind} ${minorUnits}`) };
    };
    expect(await returnOf()).toEqual({ refunded: 0n, disputed: 0n, parts: [] });
    await gateway.stripe.refunds.create({ payment_intent: intent, amount: 100 });
    const failed = await gateway.stripe.refunds.create({ payment_intent: intent, amount: 200 });
    expect(await returnOf()).toEqual({
      ...{ refunded: 300n, disputed: 0n, parts: expect.arrayContaining(['refund 100', 'refund 200']) },
    });
    const { control } = gateway.fixture.sandbox;
    control.failRefund(failed.id);
    const dispute = control.createDispute(String(failed.charge));
    expect(await returnOf()).toEqual({ refunded: 100n, disputed: 900n, parts: ['refund 100', 'dispute 900'] });
    control.closeDispute(dispute.id, 'won');
    expect(await returnOf()).toEqual({ refunded: 100n, disputed: 0n, parts: ['refund 100'] });
    const seen = await gateway.payments.loadPayments(bought.stripeCustomerId);
    const rows = seen.map(({ kind, status, minorUnits, paidPaymentId }) => [kind, status, minorUnits, paidPaymentId]);
    expect(rows.toSorted()).toEqual(
      [
        ['top_up', 'succeeded', 1_000n, undefined],
        ['refund', 'succeeded', 100n, id],
        ['refund', 'failed', 200n, id],
        ['dispute', 'canceled', 900n, id],
      ].toSorted(),
    );
  });

  it('is listed with what was paid of it, and what went back, among what else the customer has', async () => {
    const { bought, attempt, id } = await open();
    const customer = bought.stripeCustomerId;
    const unpaid = await gateway.payments.openTopUp(bought, gateway.attempt());
    await gateway.stripe.invoices.create({ customer, auto_advance: false });
    await gateway.payments.chargeTopUp(id, attempt);
    const listed = { minorUnits: 1_000n, currency: 'usd' };
    expect(await gateway.payments.listTopUps(customer)).toEqual([
      { stripeInvoiceId: unpaid, topUpId: expect.stringMatching(/^int_/), isPaid: false, ...listed },
      { stripeInvoiceId: id, topUpId: attempt.intentId, isPaid: true, ...listed },
    ]);
    expect(await gateway.payments.listReturned(customer)).toEqual(new Set());
    const intent = (await gateway.payments.loadTopUp(id))?.stripePaymentIntentId ?? '';
    await gateway.stripe.refunds.create({ payment_intent: intent, amount: 100 });
    expect(await gateway.payments.listReturned(customer)).toEqual(new Set([intent]));
  });

  judgeExchanges(gateway.fixture);
});
