// Codes that give a discount: what Stripe takes off, put on the subscription that runs, once; and what one would take off. A kernel
// that sells the demo plans at the sandbox.

import type { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DiscountDuration } from '../../gen/wheelhouse/promotion/v1/promotion.ts';
import {
  PromotionServiceService as Codes,
  RedemptionOutcome,
} from '../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { failureOf, settle } from './support/failure.ts';
import { newRequestId } from './support/kernel-fixture.ts';
import { newCode, type PromotionCalls, promotionCallsOf } from './support/promotion.ts';
import { openSubscriber } from './support/subscriber.ts';
import { DAY_MS, expectSound, openShop, openWorkspace, type Shop, type Workspace } from './support/subscription.ts';
import { openBuyer, TEN_CREDITS } from './support/top-up.ts';

const usd = (minorUnits: bigint) => ({ minorUnits, currencyCode: 'usd' });

let shop: Shop;
let promotions: PromotionCalls;

beforeAll(async () => {
  shop = await openShop();
  promotions = promotionCallsOf(shop.callers);
});
afterAll(() => shop.close());

/** Makes a promotion code at Stripe, and a promotion of the same code. */
async function offer(
  coupon: Partial<Stripe.CouponCreateParams> = {},
  code: Partial<Stripe.PromotionCodeCreateParams> = {},
): Promise<string> {
  const { stripe } = shop.stripe;
  const percent = coupon.amount_off === undefined ? { percent_off: 12.5 } : {};
  const { id } = await stripe.coupons.create({ duration: 'forever', ...percent, ...coupon });
  const typed = newCode();
  await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: id }, code: typed, ...code });
  return promotions.create({ code: typed, discount: { stripePromotionCode: '' } });
}

/** What a workspace's subscription has at Stripe, the codes of its discounts first. */
async function discountsOf(workspace: Workspace): Promise<readonly string[]> {
  const { stripe } = shop.stripe;
  const { data } = await stripe.subscriptions.list({
    ...{ customer: await workspace.customerId(), expand: ['data.discounts'] },
  });
  const codes = (data[0]?.discounts ?? []).map((discount) =>
    typeof discount === 'string' ? '' : String(discount.promotion_code),
  );
  return await Promise.all(codes.map(async (id) => (await stripe.promotionCodes.retrieve(id)).code));
}

const refusal = async (call: Promise<unknown>) => {
  const { reason, metadata } = await failureOf(call);
  return { reason, metadata };
};

/** What a workspace is told of its discounts: what each takes off, and when it ends. */
async function toldOf(workspace: Workspace) {
  const { discounts = [] } = (await workspace.get()).subscription ?? {};
  return discounts.map(({ discount, endTime }) => ({
    off: discount?.percentOff || discount?.amountOff?.minorUnits,
    endsAt: endTime?.getTime(),
  }));
}

describe('what a subscription says of its discounts', () => {
  test('comes with them and goes with them', async () => {
    const workspace = await openSubscriber(shop, 'pro');
    expect(await toldOf(workspace)).toEqual([]);
    const [months, once] = [
      await offer({ duration: 'repeating', duration_in_months: 2 }),
      await offer({ amount_off: 100, currency: 'usd', duration: 'once' }),
    ];
    await promotions.apply(workspace.tenantId, months);
    await promotions.apply(workspace.tenantId, once);
    const [first, second] = await toldOf(workspace);
    expect([first?.off, second]).toEqual(['12.5', { off: 100n, endsAt: undefined }]);
    const { periodEndTime } = (await workspace.get()).subscription ?? {};
    expect(first?.endsAt).toBeGreaterThan(periodEndTime?.getTime() ?? Number.POSITIVE_INFINITY);
    // The renewal uses up what was for one invoice.
    await shop.advance(32 * DAY_MS);
    await expect.poll(() => toldOf(workspace)).toEqual([first]);
    await shop.advance(60 * DAY_MS);
    await expect.poll(() => toldOf(workspace)).toEqual([]);
    await expectSound(shop, workspace);
  });

  test('is there from the purchase on, and gone where somebody takes it away at Stripe', async () => {
    const [workspace, code] = [await openWorkspace(shop), await offer()];
    await workspace.storeCard();
    const { change } = await workspace.activate({ planCode: 'pro', promotionCode: code });
    expect(change?.subscription?.discounts).toMatchObject([{ discount: { percentOff: '12.5' }, endTime: undefined }]);
    const { stripeSubscriptionId = '' } = change?.subscription ?? {};
    await shop.stripe.stripe.subscriptions.update(stripeSubscriptionId, { discounts: '' });
    await expect.poll(() => toldOf(workspace)).toEqual([]);
  });
});

describe('a code that gives a discount', () => {
  test('takes it off the next invoice of the subscription, beside what was taken off before', async () => {
    const workspace = await openSubscriber(shop, 'pro');
    const [first, second] = [await offer(), await offer({ amount_off: 100, currency: 'usd', duration: 'once' })];
    expect(await promotions.apply(workspace.tenantId, first)).toMatchObject({
      ...{ code: first, outcome: RedemptionOutcome.DONE, replayed: false, credit: undefined },
      discount: { percentOff: '12.5', amountOff: undefined, duration: DiscountDuration.FOREVER, durationMonths: 0 },
    });
    expect(await promotions.apply(workspace.tenantId, second)).toMatchObject({
      discount: { percentOff: '', amountOff: usd(100n), duration: DiscountDuration.ONCE },
    });
    expect(await discountsOf(workspace)).toEqual([first, second]);
    const before = (await workspace.charged()).length;
    await shop.advance(32 * DAY_MS);
    const renewal = (await workspace.charged()).slice(before);
    // Less an eighth, rounded half up, less a dollar.
    expect(renewal).toEqual([4_900 - 613 - 100]);
    await expectSound(shop, workspace);
  });

  test('is put on it once, by requests that meet and by one that comes again', async () => {
    const [workspace, code, requestId] = [await openSubscriber(shop, 'pro'), await offer(), newRequestId()];
    const calls = Array.from({ length: 6 }, () => promotions.apply(workspace.tenantId, code, { requestId }));
    const { answers } = await settle(calls);
    expect(answers.length).toBeGreaterThan(0);
    expect(await promotions.apply(workspace.tenantId, code, { requestId })).toMatchObject({ replayed: true });
    expect(await discountsOf(workspace)).toEqual([code]);
    expect((await failureOf(promotions.apply(workspace.tenantId, code))).reason).toBe('PROMOTION_ALREADY_REDEEMED');
    expect((await promotions.get(code)).redemptionCount).toBe(1);
  });

  test('is not put on it again where it was bought with it', async () => {
    const [workspace, code] = [await openWorkspace(shop), await offer()];
    await workspace.storeCard();
    await workspace.activate({ planCode: 'pro', promotionCode: code });
    expect(await refusal(promotions.apply(workspace.tenantId, code))).toMatchObject({
      reason: 'PROMOTION_ALREADY_REDEEMED',
    });
    expect(await discountsOf(workspace)).toEqual([code]);
  });

  test('is told where the plan is bought with it instead', async () => {
    const [workspace, code] = [await openWorkspace(shop), await offer()];
    expect(await refusal(promotions.apply(workspace.tenantId, code))).toEqual({
      ...{ reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'subscription_required' } },
    });
    const told = await promotions.validate(workspace.tenantId, code, 'pro');
    expect(told).toMatchObject({
      ...{ code, discount: { percentOff: '12.5' }, purchasePromotionCode: code },
      price: { planCode: 'pro', before: usd(4_900n), after: usd(4_287n) },
    });
    await workspace.storeCard();
    await workspace.activate({ planCode: 'pro', promotionCode: told.purchasePromotionCode });
    expect(await workspace.charged()).toEqual([4_287]);
    expect((await promotions.get(code)).redemptionCount).toBe(1);
  });

  test('waits until a change of plan has come', async () => {
    const [workspace, code] = [await openSubscriber(shop, 'plus'), await offer()];
    await workspace.changePlan({ planCode: 'pro' });
    const refused = { reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'change_pending' } };
    expect(await refusal(promotions.apply(workspace.tenantId, code))).toEqual(refused);
    expect(await refusal(promotions.validate(workspace.tenantId, code))).toEqual(refused);
    await workspace.resume();
    await promotions.apply(workspace.tenantId, code);
    expect(await discountsOf(workspace)).toEqual([code]);
  });

  test('that Stripe does not take is refused, and its place is there for others', async () => {
    const workspace = await openSubscriber(shop, 'pro');
    const { stripe } = shop.stripe;
    const code = await offer({}, { restrictions: { first_time_transaction: true } });
    const refused = { reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'refused_by_stripe' } };
    expect(await refusal(promotions.apply(workspace.tenantId, code))).toEqual(refused);
    expect(await refusal(promotions.validate(workspace.tenantId, code))).toEqual(refused);
    expect((await promotions.get(code)).redemptionCount).toBe(0);
    const unknown = await promotions.create({ discount: { stripePromotionCode: newCode() } });
    expect(await refusal(promotions.apply(workspace.tenantId, unknown))).toEqual(refused);
    const single = await promotions.create({
      ...{ discount: { stripePromotionCode: code }, maxRedemptions: 1 },
    });
    expect(await refusal(promotions.apply(workspace.tenantId, single))).toEqual(refused);
    for (const { id } of (await stripe.promotionCodes.list({ code })).data) {
      await stripe.promotionCodes.update(id, { active: false });
    }
    const open = await offer();
    const again = await promotions.create({ discount: { stripePromotionCode: open }, maxRedemptions: 1 });
    await promotions.apply(workspace.tenantId, again);
    expect(await discountsOf(workspace)).toEqual([open]);
    expect(await refusal(promotions.validate((await openSubscriber(shop, 'pro')).tenantId, code))).toEqual(refused);
  });

  test('is for new customers alone, where it says so', async () => {
    const [workspace, newcomer] = [await openSubscriber(shop, 'pro'), await openWorkspace(shop)];
    const code = await promotions.create({ newCustomersOnly: true });
    await workspace.cancelByOperator({ atOnce: true });
    expect(await refusal(promotions.apply(workspace.tenantId, code))).toEqual({
      ...{ reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'new_customers_only' } },
    });
    await promotions.apply(newcomer.tenantId, code);
    // Who has bought credits is a customer, too.
    const buyer = await openBuyer(shop);
    await buyer.pay(await buyer.begin());
    await expect.poll(buyer.payg).toBe(TEN_CREDITS.microcredits);
    expect(await refusal(promotions.apply(buyer.workspace.tenantId, code))).toMatchObject({
      metadata: { why: 'new_customers_only' },
    });
  });

  test('goes on without its caller, and is told by the same request later', async () => {
    const [workspace, code, requestId] = [await openSubscriber(shop, 'pro'), await offer(), newRequestId()];
    const { control } = shop.stripe.sandbox;
    const { settings } = workspace;
    control.addFault({ method: 'POST', path: '/v1/subscriptions', delayMs: 3_000 });
    const request = { requestId, tenantId: workspace.tenantId, code };
    const first = await shop.callers.bff.call(Codes.applyCode, request, { ...settings, deadlineMs: 1_500 });
    expect(first).toMatchObject({ outcome: RedemptionOutcome.PENDING, discount: { percentOff: '12.5' } });
    const outcome = async () => (await promotions.apply(workspace.tenantId, code, { requestId })).outcome;
    await expect.poll(outcome, { timeout: 20_000 }).toBe(RedemptionOutcome.DONE);
    expect(await discountsOf(workspace)).toEqual([code]);
  });
});

describe('what a code would take off', () => {
  test('is told of the next invoice, by Stripe, and nothing is done', async () => {
    const [workspace, code] = [await openSubscriber(shop, 'pro'), await offer()];
    expect(await promotions.validate(workspace.tenantId, code)).toMatchObject({
      price: { planCode: 'pro', before: usd(4_900n), after: usd(4_287n) },
      purchasePromotionCode: '',
    });
    expect(await discountsOf(workspace)).toEqual([]);
    await promotions.apply(workspace.tenantId, await offer({ percent_off: 50 }));
    expect(await promotions.validate(workspace.tenantId, code)).toMatchObject({
      price: { before: usd(2_450n), after: usd(2_144n) },
    });
  });

  test('is told for some months, and of no invoice where none follows', async () => {
    const [workspace, code] = [
      await openSubscriber(shop, 'pro'),
      await offer({ duration: 'repeating', duration_in_months: 3 }),
    ];
    await workspace.cancel();
    const told = await promotions.validate(workspace.tenantId, code);
    expect(told).toMatchObject({
      discount: { duration: DiscountDuration.REPEATING, durationMonths: 3 },
      price: undefined,
    });
  });

  test('is told of a plan that can be bought, in its currency', async () => {
    const [workspace, code] = [await openWorkspace(shop), await offer({ amount_off: 500, currency: 'eur' })];
    const refused = { reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'refused_by_stripe' } };
    expect(await refusal(promotions.validate(workspace.tenantId, code, 'pro'))).toEqual(refused);
    expect((await failureOf(promotions.validate(workspace.tenantId, code, 'enterprise'))).reason).toBe('CONTACT_SALES');
    expect((await failureOf(promotions.validate(workspace.tenantId, code, 'nosuch'))).reason).toBe('PLAN_NOT_FOUND');
    const planned = await promotions.create({ discount: { stripePromotionCode: await offer() }, planCodes: ['plus'] });
    expect(await refusal(promotions.validate(workspace.tenantId, planned, 'pro'))).toEqual({
      ...{ reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'plan' } },
    });
    expect(await promotions.validate(workspace.tenantId, planned, 'plus')).toMatchObject({
      price: { planCode: 'plus' },
    });
  });
});
