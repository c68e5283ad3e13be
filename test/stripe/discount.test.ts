// What the kernel reads of promotion codes at Stripe, what an invoice would cost with one, and that it is put on a subscription once.
// Against the sandbox.

import type { Stripe } from 'stripe';
import { describe, expect, it } from 'vitest';
import { at, DAY } from '../support/billing-fixture.ts';
import { judgeExchanges } from '../support/stripe-fixture.ts';
import { useGateway } from '../support/stripe-gateway.ts';

const BEGIN = at(2026, 4, 1);

describe('a promotion code', () => {
  const gateway = useGateway();

  async function offer(
    coupon: Stripe.CouponCreateParams,
    code: Partial<Stripe.PromotionCodeCreateParams> = {},
  ): Promise<string> {
    const { id } = await gateway.stripe.coupons.create(coupon);
    return (await gateway.stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: id }, ...code })).code;
  }

  const load = (code: string, customer?: string) => gateway.port.loadPromotion(code, customer);

  it('is read with what it takes off, exactly, and for how long', async () => {
    const share = await offer({ percent_off: 12.5, duration: 'repeating', duration_in_months: 3 });
    expect(await load(share.toLowerCase())).toEqual({
      reduction: { kind: 'percent', percent: { millionths: 12_500_000n } },
      ...{ duration: 'repeating', durationMonths: 3, isActive: true, isForSome: false },
    });
    const amount = await offer({ amount_off: 500, currency: 'eur', duration: 'once' });
    expect(await load(amount)).toEqual({
      reduction: { kind: 'amount', minorUnits: 500n, currency: 'eur' },
      ...{ duration: 'once', isActive: true, isForSome: false },
    });
  });

  it('is told from one that there is not, one that is over, one for another customer and one for some products', async () => {
    expect(await load('NONE')).toBeUndefined();
    const { id: product } = await gateway.stripe.products.create({ name: 'One' });
    const some = await offer({ percent_off: 10, duration: 'once', applies_to: { products: [product] } });
    expect(await load(some)).toMatchObject({ isForSome: true });
    const { id: customer } = await gateway.stripe.customers.create({});
    const theirs = await offer({ percent_off: 10, duration: 'once' }, { customer });
    expect(await load(theirs)).toBeUndefined();
    expect(await load(theirs, customer)).toMatchObject({ isActive: true });
    const over = await offer({ percent_off: 10, duration: 'once' }, { active: false });
    expect(await load(over)).toMatchObject({ isActive: false });
  });

  judgeExchanges(gateway.fixture);
});

describe('a discount', () => {
  const gateway = useGateway();

  it('is put on a subscription once, beside those that are there, and costs what its preview said', async () => {
    const { stripe, port } = gateway;
    const { who, id } = await gateway.subscribed(await gateway.plan('pro', 3_000), BEGIN);
    const half = await stripe.coupons.create({ percent_off: 50, duration: 'forever' });
    await stripe.subscriptions.update(id, { discounts: [{ coupon: half.id }] });
    const tenth = await stripe.coupons.create({ percent_off: 10, duration: 'once' });
    const { code } = await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: tenth.id } });
    const [before, attempt] = [await gateway.read(id), gateway.attempt()];
    const preview = await port.previewDiscount(before, code);
    expect(preview).toEqual({ before: 1_500n, after: 1_350n, currency: 'usd' });
    gateway.fixture.sandbox.control.addFault({ path: `/v1/subscriptions/${id}`, times: 1, outcome: 'done_but_lost' });
    await port.applyDiscount(before, code, attempt);
    await port.applyDiscount(await gateway.read(id), code, gateway.attempt());
    const after = await stripe.subscriptions.retrieve(id);
    expect(after.discounts).toHaveLength(2);
    expect(after.metadata).toMatchObject({ discount_intent_id: attempt.intentId });
    await gateway.billing.advance(who, at(2026, 5, 1) + DAY);
    expect((await gateway.billing.invoices(id)).map(({ amount_paid: paid }) => paid)).toContain(1_350);
  });

  it('is read with its subscription, exactly, as long as it is there and its coupon is known', async () => {
    const { stripe, port } = gateway;
    const { who, id } = await gateway.subscribed(await gateway.plan('pro', 3_000), BEGIN);
    expect(await gateway.read(id)).not.toHaveProperty('discounts');
    const share = await stripe.coupons.create({ percent_off: 12.5, duration: 'repeating', duration_in_months: 3 });
    const amount = await stripe.coupons.create({ amount_off: 500, currency: 'usd', duration: 'once' });
    await stripe.subscriptions.update(id, { discounts: [{ coupon: share.id }, { coupon: amount.id }] });
    const discounts = [
      {
        reduction: { kind: 'percent', percent: { millionths: 12_500_000n } },
        ...{ duration: 'repeating', durationMonths: 3, endsAt: at(2026, 7, 1) * 1_000 },
      },
      { reduction: { kind: 'amount', minorUnits: 500n, currency: 'usd' }, duration: 'once' },
    ];
    expect(await gateway.read(id)).toMatchObject({ discounts });
    expect(await port.loadSubscriptions(who.customer)).toMatchObject([{ discounts }]);
    await stripe.subscriptions.cancel(id);
    expect(await gateway.read(id)).not.toHaveProperty('discounts');
  });

  it('is in the way of nothing where Stripe does not take it', async () => {
    const { stripe, port } = gateway;
    const { id } = await gateway.subscribed(await gateway.plan('pro', 3_000), BEGIN);
    const coupon = await stripe.coupons.create({ percent_off: 10, duration: 'once' });
    const promotion = { type: 'coupon' as const, coupon: coupon.id };
    const { code } = await stripe.promotionCodes.create({ promotion, restrictions: { first_time_transaction: true } });
    const subscription = await gateway.read(id);
    const refused = { reason: 'INVALID_FIELD', violations: [{ field: 'promotion_code' }] };
    for (const typed of [code, 'NONE']) {
      await expect(port.applyDiscount(subscription, typed, gateway.attempt())).rejects.toMatchObject(refused);
      await expect(port.previewDiscount(subscription, typed)).rejects.toMatchObject(refused);
    }
    expect((await stripe.subscriptions.retrieve(id)).discounts).toEqual([]);
  });

  judgeExchanges(gateway.fixture);
});
