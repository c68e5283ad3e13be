// What the kernel changes of subscriptions at Stripe: prices at once and later, their end, and back. Against the sandbox.

import { describe, expect, it } from 'vitest';
import { at, DAY, HOUR } from '../support/billing-fixture.ts';
import { judgeExchanges } from '../support/stripe-fixture.ts';
import { useGateway } from '../support/stripe-gateway.ts';

const MS = 1_000;
const BEGIN = at(2026, 4, 1);
const MIDDLE = at(2026, 4, 16);
const END = at(2026, 5, 1);

describe('a change of price', () => {
  const gateway = useGateway();
  const metadata = { plan_code: 'max' };

  async function inTheMiddle() {
    const [pro, max] = [await gateway.plan('pro', 3_000), await gateway.plan('max', 9_000)];
    const { who, id } = await gateway.subscribed(pro, BEGIN);
    await gateway.billing.advance(who, MIDDLE);
    return { who, id, pro, max, change: { stripePriceId: max.id, at: MIDDLE * MS, canWait: true, metadata } };
  }

  it('costs what its preview said, once, and says since when it holds', async () => {
    const { who, id, max, change } = await inTheMiddle();
    const [before, attempt] = [await gateway.read(id), gateway.attempt()];
    const preview = await gateway.port.previewChange(before, max.id, MIDDLE * MS);
    expect(preview).toEqual({ dueNow: 3_000n, nextCycle: 9_000n, currency: 'usd', periodEnd: END * MS });
    expect(await gateway.read(id)).toEqual(before);
    // The preview was made a while ago, and the change is reckoned as of then.
    await gateway.billing.advance(who, MIDDLE + HOUR);
    gateway.fixture.sandbox.control.addFault({ path: `/v1/subscriptions/${id}`, times: 1, outcome: 'done_but_lost' });
    const outcome = await gateway.port.changeNow(before, change, attempt);
    expect(outcome).toEqual({ kind: 'done', stripeSubscriptionId: id });
    const after = await gateway.read(id);
    expect(await gateway.port.changeNow(after, change, attempt)).toEqual(outcome);
    expect(after).toMatchObject({
      periodEnd: END * MS,
      metadata: { plan_code: 'max', intent_id: attempt.intentId },
      terms: { stripePriceId: max.id },
      cycleInvoice: before.cycleInvoice,
      // The period was paid at the price before.
      cycleTerms: before.terms,
      changeInvoice: { state: 'paid', changedAt: MIDDLE * MS },
    });
    expect((await gateway.billing.invoices(id)).map(({ amount_paid: paid }) => paid)).toEqual([3_000, 3_000]);
    // The next period has had no change.
    await gateway.billing.advance(who, END + HOUR);
    const renewed = await gateway.read(id);
    expect(renewed.changeInvoice.state).toBe('none');
    expect(renewed).not.toHaveProperty('cycleTerms');
  });

  it('previews the next cycle with the discount that is left', async () => {
    const { id, max } = await inTheMiddle();
    const coupon = await gateway.stripe.coupons.create({ percent_off: 50, duration: 'forever' });
    await gateway.stripe.subscriptions.update(id, { discounts: [{ coupon: coupon.id }] });
    const preview = await gateway.port.previewChange(await gateway.read(id), max.id, MIDDLE * MS);
    expect(preview.nextCycle).toBe(4_500n);
  });

  it.each([
    ['is for one invoice, which is that of the change', { amount_off: 500, currency: 'usd', duration: 'once' }, 'max'],
    ['is over by then', { percent_off: 50, duration: 'repeating', duration_in_months: 2 }, 'pro_annual'],
  ] as const)('previews the next cycle without the discount that %s', async (_, coupon, code) => {
    const { who, id, max, change } = await inTheMiddle();
    const plan = code === 'max' ? max : await gateway.plan(code, 30_000, 'year');
    const lasting = await gateway.stripe.coupons.create({ amount_off: 100, currency: 'usd', duration: 'forever' });
    const passing = await gateway.stripe.coupons.create(coupon);
    await gateway.stripe.subscriptions.update(id, { discounts: [{ coupon: passing.id }] });
    const whole = async () => gateway.port.previewChange(await gateway.read(id), plan.id, MIDDLE * MS);
    expect((await whole()).nextCycle).toBe(code === 'max' ? 9_000n : 30_000n);
    await gateway.stripe.subscriptions.update(id, { discounts: [{ coupon: passing.id }, { coupon: lasting.id }] });
    const preview = await whole();
    expect(preview.nextCycle).toBe(code === 'max' ? 8_900n : 29_900n);
    await gateway.port.changeNow(await gateway.read(id), { ...change, stripePriceId: plan.id }, gateway.attempt());
    await gateway.billing.advance(who, preview.periodEnd / MS + HOUR);
    const charged = (await gateway.billing.invoices(id)).map(({ amount_paid: paid }) => BigInt(paid));
    expect(charged).toEqual([3_000n, preview.dueNow, preview.nextCycle]);
  });

  it('to a year begins a new period that is paid whole, less what is left of the month', async () => {
    const { id, change } = await inTheMiddle();
    const annual = await gateway.plan('pro_annual', 30_000, 'year');
    const before = await gateway.read(id);
    const preview = await gateway.port.previewChange(before, annual.id, MIDDLE * MS);
    expect(preview).toEqual({
      dueNow: 28_500n,
      nextCycle: 30_000n,
      currency: 'usd',
      periodEnd: at(2027, 4, 16) * MS,
    });
    await gateway.port.changeNow(before, { ...change, stripePriceId: annual.id }, gateway.attempt());
    const after = await gateway.read(id);
    expect(after).toMatchObject({
      periodStart: MIDDLE * MS,
      periodEnd: at(2027, 4, 16) * MS,
      terms: { interval: 'year' },
      cycleInvoice: { state: 'paid' },
      changeInvoice: { state: 'none' },
    });
    expect(after.cycleInvoice.stripeInvoiceId).not.toBe(before.cycleInvoice.stripeInvoiceId);
  });

  it('that is declined leaves all as it was, a change that waits too', async () => {
    const { who, id, pro, change } = await inTheMiddle();
    const basic = await gateway.plan('basic', 1_000);
    const later = { stripePriceId: basic.id, metadata: { plan_code: 'basic' } };
    await gateway.port.changeAtPeriodEnd(await gateway.read(id), later, gateway.attempt());
    await gateway.billing.giveCard(who.customer, 'pm_card_chargeCustomerFail');
    const [before, attempt] = [await gateway.read(id), gateway.attempt()];
    const declined = { kind: 'declined', code: 'generic_decline', message: 'Your card was declined.' };
    expect(await gateway.port.changeNow(before, change, attempt)).toEqual(declined);
    await gateway.billing.giveCard(who.customer, 'pm_card_visa');
    expect(await gateway.port.changeNow(before, change, attempt)).toEqual(declined);
    expect(await gateway.read(id)).toEqual(before);
    expect(before).toMatchObject({ terms: { stripePriceId: pro.id }, pending: { terms: { stripePriceId: basic.id } } });
  });

  it('takes back what waited for the end of the period, once it is paid', async () => {
    const scheduled = await inTheMiddle();
    const basic = await gateway.plan('basic', 1_000);
    const later = { stripePriceId: basic.id, metadata: { plan_code: 'basic' } };
    await gateway.port.changeAtPeriodEnd(await gateway.read(scheduled.id), later, gateway.attempt());
    const canceled = await inTheMiddle();
    await gateway.port.cancelAtPeriodEnd(await gateway.read(canceled.id), gateway.attempt());
    for (const { who, id, max, change } of [scheduled, canceled]) {
      const [before, attempt] = [await gateway.read(id), gateway.attempt()];
      const { dueNow } = await gateway.port.previewChange(before, max.id, MIDDLE * MS);
      expect(dueNow).toBe(3_000n);
      // The kernel may die between the steps; the rest is done with what the same attempt is told again.
      gateway.fixture.sandbox.control.addFault({
        method: 'POST',
        path: id === scheduled.id ? '/v1/subscription_schedules' : `/v1/subscriptions/${id}`,
        times: 3,
        outcome: 'refused',
      });
      await expect(gateway.port.changeNow(before, change, attempt)).rejects.toMatchObject({
        reason: 'STRIPE_UNAVAILABLE',
      });
      await gateway.port.changeNow(await gateway.read(id), change, attempt);
      const after = await gateway.read(id);
      expect(after).toMatchObject({ terms: { stripePriceId: max.id }, changeInvoice: { state: 'paid' } });
      for (const name of ['pending', 'cancelAt', 'stripeScheduleId']) expect(after).not.toHaveProperty(name);
      await gateway.billing.advance(who, END + HOUR);
      expect((await gateway.billing.invoices(id)).map(({ amount_paid: paid }) => paid)).toEqual([3_000, 3_000, 9_000]);
    }
  });

  it('made twice within a period is shown with when each was, and what it was paid by', async () => {
    const { who, id, max, change } = await inTheMiddle();
    await gateway.port.changeNow(await gateway.read(id), change, gateway.attempt());
    const first = await gateway.read(id);
    expect(first).not.toHaveProperty('earlierChanges');
    await gateway.billing.advance(who, MIDDLE + DAY);
    const top = await gateway.plan('top', 30_000);
    const again = { ...change, stripePriceId: top.id, at: (MIDDLE + DAY) * MS };
    await gateway.port.changeNow(first, again, gateway.attempt());
    expect(await gateway.read(id)).toMatchObject({
      terms: { stripePriceId: top.id },
      changeInvoice: { state: 'paid', changedAt: (MIDDLE + DAY) * MS },
      earlierChanges: [{ ...first.changeInvoice, terms: { stripePriceId: max.id, metadata: { plan_code: 'max' } } }],
    });
    await gateway.billing.advance(who, END + 2 * HOUR);
    expect(await gateway.read(id)).not.toHaveProperty('earlierChanges');
  });

  it('leaves all as it was where the bank wants to see the person, and it can not wait', async () => {
    const { who, id, change } = await inTheMiddle();
    await gateway.billing.giveCard(who.customer, 'pm_card_authenticationRequired');
    const basic = await gateway.plan('basic', 1_000);
    const later = { stripePriceId: basic.id, metadata: { plan_code: 'basic' } };
    await gateway.port.changeAtPeriodEnd(await gateway.read(id), later, gateway.attempt());
    const before = await gateway.read(id);
    const outcome = await gateway.port.changeNow(before, { ...change, canWait: false }, gateway.attempt());
    expect(outcome).toEqual({ kind: 'action_required', url: '' });
    expect(await gateway.read(id)).toEqual(before);
  });

  it('waits at Stripe where the bank wants to see the person, and holds once they have paid', async () => {
    const { who, id, pro, max, change } = await inTheMiddle();
    await gateway.billing.giveCard(who.customer, 'pm_card_authenticationRequired');
    const [before, attempt] = [await gateway.read(id), gateway.attempt()];
    const outcome = await gateway.port.changeNow(before, change, attempt);
    expect(outcome).toEqual({ kind: 'action_required', url: expect.stringContaining('/i/in_') });
    const waiting = await gateway.read(id);
    expect(waiting).toMatchObject({
      ...{ isUnpaid: false, pendingUpdateUrl: 'url' in outcome ? outcome.url : '' },
      terms: { stripePriceId: pro.id },
      cycleInvoice: { state: 'paid' },
      changeInvoice: { state: 'none' },
      metadata: { plan_code: 'pro' },
    });
    expect(waiting).not.toHaveProperty('failureCode');
    expect(await gateway.port.changeNow(waiting, change, attempt)).toEqual(outcome);
    const method = await gateway.billing.giveCard(who.customer, 'pm_card_visa');
    const invoice = (await gateway.billing.invoices(id)).at(-1)?.id ?? '';
    await gateway.stripe.invoices.pay(invoice, { payment_method: method.id });
    const after = await gateway.read(id);
    expect(after).toMatchObject({
      terms: { stripePriceId: max.id },
      changeInvoice: { state: 'paid', stripeInvoiceId: invoice, changedAt: MIDDLE * MS },
      metadata: { plan_code: 'max', intent_id: attempt.intentId },
    });
    expect(after).not.toHaveProperty('pendingUpdateUrl');
  });

  it('waits for the end of the period with the discounts that are left, also behind an earlier one that had more', async () => {
    const { who, id } = await inTheMiddle();
    const [plus, basic, cheap] = [
      await gateway.plan('plus', 2_500),
      await gateway.plan('basic', 2_000),
      await gateway.plan('cheap', 1_000),
    ];
    const coupons = [
      await gateway.stripe.coupons.create({ amount_off: 300, currency: 'usd', duration: 'once' }),
      await gateway.stripe.coupons.create({ amount_off: 200, currency: 'usd', duration: 'forever' }),
    ];
    await gateway.stripe.subscriptions.update(id, { discounts: coupons.map(({ id: coupon }) => ({ coupon })) });
    const waitFor = async (stripePriceId: string) => {
      const change = { stripePriceId, metadata: {} };
      await gateway.port.changeAtPeriodEnd(await gateway.read(id), change, gateway.attempt());
      expect(await gateway.read(id)).toMatchObject({ pending: { terms: { stripePriceId } } });
    };
    await waitFor(plus.id);
    await gateway.billing.advance(who, END + HOUR);
    expect(await gateway.read(id)).toMatchObject({ terms: { stripePriceId: plus.id } });
    // What was for one invoice is used up; then somebody takes the other one away at Stripe.
    await waitFor(basic.id);
    await gateway.stripe.subscriptions.update(id, { discounts: '' });
    await waitFor(cheap.id);
    await gateway.billing.advance(who, at(2026, 6, 1) + HOUR);
    expect(await gateway.read(id)).toMatchObject({ terms: { stripePriceId: cheap.id } });
    expect((await gateway.billing.invoices(id)).map(({ amount_paid: paid }) => paid)).toEqual([3_000, 2_000, 1_000]);
  });

  it('waits for the end of the period, in the place of a cancellation and of another change', async () => {
    const { who, id, max, pro } = await inTheMiddle();
    const [basic, cheap] = [await gateway.plan('basic', 2_000), await gateway.plan('cheap', 1_000)];
    const coupon = await gateway.stripe.coupons.create({ percent_off: 50, duration: 'forever' });
    await gateway.stripe.subscriptions.update(id, { discounts: [{ coupon: coupon.id }] });
    await gateway.port.cancelAtPeriodEnd(await gateway.read(id), gateway.attempt());
    for (const { id: stripePriceId } of [max, basic, cheap]) {
      const [before, attempt] = [await gateway.read(id), gateway.attempt()];
      const change = { stripePriceId, metadata: { plan_code: 'cheap' } };
      await gateway.port.changeAtPeriodEnd(before, change, attempt);
      await gateway.port.changeAtPeriodEnd(await gateway.read(id), change, attempt);
      const waiting = await gateway.read(id);
      expect(waiting).toMatchObject({
        terms: { stripePriceId: pro.id },
        pending: { effectiveAt: END * MS, terms: { stripePriceId, metadata: { product_code: 'agentruntime' } } },
      });
      expect(waiting).not.toHaveProperty('cancelAt');
    }
    // A plan that waits says nothing of what a change at once would lead to.
    const preview = await gateway.port.previewChange(await gateway.read(id), max.id, MIDDLE * MS);
    expect(preview).toMatchObject({ nextCycle: 9_000n, periodEnd: END * MS });
    expect((await gateway.stripe.subscriptionSchedules.list({ customer: who.customer })).data).toHaveLength(1);
    await gateway.billing.advance(who, END + HOUR);
    const changed = await gateway.read(id);
    expect(changed).toMatchObject({
      terms: { stripePriceId: cheap.id },
      metadata: { plan_code: 'cheap' },
      cycleInvoice: { state: 'paid' },
    });
    expect(changed).not.toHaveProperty('pending');
    expect((await gateway.billing.invoices(id)).map(({ amount_paid: paid }) => paid)).toEqual([3_000, 500]);
    await gateway.billing.advance(who, at(2026, 6, 1) + HOUR);
    expect(await gateway.read(id)).not.toHaveProperty('stripeScheduleId');
  });

  judgeExchanges(gateway.fixture);
});

describe('the end of a subscription', () => {
  const gateway = useGateway();

  it('comes with its period in the place of a change, and is taken back, also where the portal asked for it', async () => {
    const [pro, basic] = [await gateway.plan('pro', 3_000), await gateway.plan('basic', 1_000)];
    const { who, id } = await gateway.subscribed(pro, BEGIN);
    const change = { stripePriceId: basic.id, metadata: { plan_code: 'basic' } };
    await gateway.port.changeAtPeriodEnd(await gateway.read(id), change, gateway.attempt());
    const [before, attempt] = [await gateway.read(id), gateway.attempt()];
    await gateway.port.cancelAtPeriodEnd(before, attempt);
    await gateway.port.cancelAtPeriodEnd(before, attempt);
    const ending = await gateway.read(id);
    expect(ending).toMatchObject({ phase: 'live', cancelAt: END * MS });
    expect(ending).not.toHaveProperty('pending');
    await gateway.port.resume(ending, gateway.attempt());
    expect(await gateway.read(id)).not.toHaveProperty('cancelAt');
    await gateway.stripe.subscriptions.update(id, { cancel_at: END });
    await gateway.port.resume(await gateway.read(id), gateway.attempt());
    expect(await gateway.read(id)).not.toHaveProperty('cancelAt');
    await gateway.port.changeAtPeriodEnd(await gateway.read(id), change, gateway.attempt());
    await gateway.port.resume(await gateway.read(id), gateway.attempt());
    expect(await gateway.read(id)).not.toHaveProperty('pending');
    await gateway.billing.advance(who, END + HOUR);
    expect((await gateway.billing.invoices(id)).map(({ amount_paid: paid }) => paid)).toEqual([3_000, 3_000]);
    // A schedule that somebody released meanwhile is no obstacle.
    await gateway.port.changeAtPeriodEnd(await gateway.read(id), change, gateway.attempt());
    const scheduled = await gateway.read(id);
    await gateway.stripe.subscriptionSchedules.release(scheduled.stripeScheduleId ?? '');
    await gateway.port.resume(scheduled, gateway.attempt());
  });

  it('comes at once with nothing given back and nothing left to pay', async () => {
    const { who, id } = await gateway.subscribed(await gateway.plan('pro', 3_000), BEGIN);
    await gateway.billing.giveCard(who.customer, 'pm_card_chargeCustomerFail');
    await gateway.billing.advance(who, END + HOUR);
    const [before, attempt] = [await gateway.read(id), gateway.attempt()];
    expect(before).toMatchObject({ phase: 'live', isUnpaid: true });
    const fault = { method: 'POST', path: '/v1/invoices/', times: 3, outcome: 'refused' } as const;
    gateway.fixture.sandbox.control.addFault(fault);
    await expect(gateway.port.cancelNow(before, attempt)).rejects.toMatchObject({ reason: 'STRIPE_UNAVAILABLE' });
    await gateway.port.cancelNow(before, attempt);
    expect(await gateway.read(id)).toMatchObject({ phase: 'ended', endedAt: (END + HOUR) * MS });
    expect((await gateway.billing.invoices(id)).map(({ status }) => status)).toEqual(['paid', 'void']);
    await gateway.billing.advance(who, END + 30 * DAY);
    expect(await gateway.billing.invoices(id)).toHaveLength(2);
  });

  it('for want of a payment comes only where none has come before what is open was voided', async () => {
    const pro = await gateway.plan('pro', 3_000);
    const [late, lost] = [await gateway.subscribed(pro, BEGIN), await gateway.subscribed(pro, BEGIN)];
    for (const { who } of [late, lost]) {
      await gateway.billing.giveCard(who.customer, 'pm_card_chargeCustomerFail');
      await gateway.billing.advance(who, END + HOUR);
    }
    const owing = await gateway.read(late.id);
    await gateway.billing.giveCard(late.who.customer, 'pm_card_visa');
    await gateway.stripe.invoices.pay(owing.cycleInvoice.stripeInvoiceId);
    expect(await gateway.port.cancelUnpaid(owing, gateway.attempt())).toBe(false);
    expect(await gateway.read(late.id)).toMatchObject({ phase: 'live', isUnpaid: false });
    // A kernel that died after the first step has ended nothing yet, and nobody can pay any more.
    const [before, attempt] = [await gateway.read(lost.id), gateway.attempt()];
    const fault = { method: 'DELETE', path: '/v1/subscriptions/', times: 3, outcome: 'refused' } as const;
    gateway.fixture.sandbox.control.addFault(fault);
    await expect(gateway.port.cancelUnpaid(before, attempt)).rejects.toMatchObject({ reason: 'STRIPE_UNAVAILABLE' });
    const between = await gateway.read(lost.id);
    expect(between).toMatchObject({ phase: 'live', cycleInvoice: { state: 'failed' } });
    expect(await gateway.port.cancelUnpaid(between, attempt)).toBe(true);
    expect(await gateway.read(lost.id)).toMatchObject({ phase: 'ended' });
    expect((await gateway.billing.invoices(lost.id)).map(({ status }) => status)).toEqual(['paid', 'void']);
  });

  it('for want of a first payment waits for the bank that has it under way', async () => {
    const { customer } = await gateway.billing.payer(BEGIN);
    const items = [{ price: (await gateway.plan('pro', 3_000)).id }];
    const { id } = await gateway.stripe.subscriptions.create({
      ...{ customer, items, payment_behavior: 'default_incomplete' },
    });
    const { control } = gateway.fixture.sandbox;
    control.beginSlowPayment(id);
    const waiting = await gateway.read(id);
    expect(waiting).toMatchObject({ phase: 'live', isUnpaid: false, cycleInvoice: { state: 'open' } });
    const refused = { reason: 'STRIPE_REFUSED' };
    await expect(gateway.port.cancelUnpaid(waiting, gateway.attempt())).rejects.toMatchObject(refused);
    control.endSlowPayment(id, 'failed');
    const failed = await gateway.read(id);
    expect(failed).toMatchObject({ phase: 'live', isUnpaid: true, cycleInvoice: { state: 'failed' } });
    expect(failed).toMatchObject({ failureCode: 'insufficient_funds', paymentUrl: expect.stringContaining('http') });
    expect(await gateway.port.cancelUnpaid(failed, gateway.attempt())).toBe(true);
    expect((await gateway.billing.invoices(id)).map(({ status }) => status)).toEqual(['void']);
  });

  it('gives back what was paid last, once, where nobody wanted it', async () => {
    const { id } = await gateway.subscribed(await gateway.plan('pro', 3_000), BEGIN);
    const attempt = gateway.attempt();
    await gateway.port.refundLatestPayment(id, attempt);
    await gateway.port.refundLatestPayment(id, attempt);
    await gateway.port.refundLatestPayment(id, { ...attempt, attempt: 2 });
    const { data } = await gateway.stripe.refunds.list({ limit: 100 });
    expect(data).toMatchObject([{ amount: 3_000, metadata: { intent_id: attempt.intentId } }]);
    const free = await gateway.subscribed(await gateway.plan('free', 0), BEGIN);
    await gateway.port.refundLatestPayment(free.id, gateway.attempt());
    expect((await gateway.stripe.refunds.list({ limit: 100 })).data).toHaveLength(1);
  });

  judgeExchanges(gateway.fixture);
});
