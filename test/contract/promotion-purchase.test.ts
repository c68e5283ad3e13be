// Codes that a plan is bought with: the rules of this service hold there as everywhere, and each purchase takes a place, on a page, too.
// A kernel that sells the demo plans at the sandbox.

import type { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import type { ActivateSubscriptionRequest } from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import type { IdempotencyKey, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import { present } from '../../kernel/domain/optional.ts';
import { openPromotionStore } from '../../kernel/store/promotion/promotion-store.ts';
import { sendCard } from '../support/hosted-form.ts';
import { withFault } from './support/crash.ts';
import { failureOf, settle } from './support/failure.ts';
import { type Adaptation, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { override } from './support/override.ts';
import { newCode, type PromotionCalls, promotionCallsOf } from './support/promotion.ts';
import { expectSound, HOUR_MS, openShop, openWorkspace, type Shop, type Workspace } from './support/subscription.ts';

const PRO = 4_900;
/** Less nine tenths. */
const CHEAP = 490;
const PAGE = { hostedPage: true, returnPath: '/settings/billing' };

let shop: Shop;
let promotions: PromotionCalls;

beforeAll(async () => {
  shop = await openShop();
  promotions = promotionCallsOf(shop.callers);
});
afterAll(() => shop.close());

/** Makes a promotion code at Stripe that nearly gives a plan away, and a promotion of the same code. */
async function offer(
  fields: Parameters<PromotionCalls['create']>[0] = {},
  coupon: Partial<Stripe.CouponCreateParams> = {},
): Promise<string> {
  const { stripe } = shop.stripe;
  const { id } = await stripe.coupons.create({ duration: 'once', percent_off: 90, ...coupon });
  const code = newCode();
  await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: id }, code });
  return promotions.create({ code, discount: { stripePromotionCode: '' }, ...fields });
}

async function openCustomer(): Promise<Workspace> {
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  return workspace;
}

const buy = (workspace: Workspace, promotionCode: string, fields: Partial<ActivateSubscriptionRequest> = {}) =>
  workspace.activate({ planCode: 'pro', promotionCode, ...fields });

const refusal = async (call: Promise<unknown>) => {
  const { reason, metadata } = await failureOf(call);
  return { reason, why: metadata['why'] };
};

/** Looks after claimed places as a worker does hours later; one that has no Stripe sees nothing of what became of them. */
function sweep({ isBlind = false, hours = 1 } = {}): Promise<void> {
  const ahead: Adaptation = { clock: (real) => override(real, { now: () => real.now() + hours * HOUR_MS }) };
  const client = isBlind ? undefined : shop.stripe.stripe;
  return withFault(shop.kernel, { ...ahead, ...present({ client }) }, ({ redemptions }) => redemptions.sweep());
}

/** Claims a place of a code for a purchase that is never asked for. */
async function claimInVain(workspace: Workspace, code: string): Promise<void> {
  const productCode = 'agentruntime' as ProductCode;
  const promotion = await (await openPromotionStore(shop.kernel.connection)).loadPromotion(productCode, code);
  if (promotion === undefined) throw new Error(`there is no code ${code}`);
  const tenant = { tenantId: workspace.tenantId as TenantId, productCode };
  await withFault(shop.kernel, {}, ({ redemptions }) =>
    redemptions.claim(promotion, tenant, `req:died:${code}` as IdempotencyKey, { isPurchase: true }),
  );
}

const countRedeemed = async (code: string): Promise<number> => (await promotions.get(code)).redemptionCount;

/** The page that is open to buy on. */
async function pageOf(workspace: Workspace): Promise<Stripe.Checkout.Session> {
  const query = { customer: await workspace.customerId(), status: 'open' } as const;
  const { data } = await shop.stripe.stripe.checkout.sessions.list(query);
  const pages = data.filter(({ mode }) => mode === 'subscription');
  const [page] = pages;
  if (page === undefined || pages.length > 1) throw new Error(`${pages.length} pages are open`);
  return page;
}

describe('a plan that is bought with a code', () => {
  test('costs less, and uses the place of the code, once for each workspace', async () => {
    const [workspace, other, code] = [await openCustomer(), await openCustomer(), await offer({ maxRedemptions: 1 })];
    const requestId = newRequestId();
    const bought = await buy(workspace, code.toLowerCase(), { requestId });
    expect(bought.change).toMatchObject({ outcome: ChangeOutcome.DONE, planCode: 'pro' });
    expect(await workspace.charged()).toEqual([CHEAP]);
    expect(await countRedeemed(code)).toBe(1);
    expect((await buy(workspace, code, { requestId })).change).toMatchObject({ replayed: true });
    expect((await refusal(promotions.apply(workspace.tenantId, code))).reason).toBe('PROMOTION_ALREADY_REDEEMED');
    await workspace.cancelByOperator({ atOnce: true });
    expect((await refusal(buy(workspace, code))).reason).toBe('PROMOTION_ALREADY_REDEEMED');
    expect((await refusal(buy(other, code))).reason).toBe('PROMOTION_EXHAUSTED');
    expect(await other.charged()).toEqual([]);
    await expectSound(shop, workspace);
  });

  test('is not sold by a code that the workspace may not redeem, and Stripe is asked for nothing', async () => {
    const workspace = await openCustomer();
    const never = [
      ['PROMOTION_NOT_FOUND', undefined, await offer({ productCode: 'otherproduct' })],
      ['PROMOTION_NOT_APPLICABLE', 'plan', await offer({ planCodes: ['max'] })],
      ['PROMOTION_NOT_APPLICABLE', 'not_a_discount', await promotions.create()],
      [
        'PROMOTION_NOT_APPLICABLE',
        'not_started',
        await offer({ startTime: new Date(Date.now() + 400 * 24 * HOUR_MS) }),
      ],
    ] as const;
    const revoked = await offer();
    await promotions.revoke(revoked);
    // It is at Stripe alone, as those of others who share its account.
    const { id } = await shop.stripe.stripe.coupons.create({ duration: 'once', percent_off: 90 });
    const foreign = newCode();
    await shop.stripe.stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: id }, code: foreign });
    const all = [
      ...never,
      ['PROMOTION_ENDED', 'revoked', revoked],
      ['PROMOTION_NOT_FOUND', undefined, foreign],
      ['INVALID_FIELD', undefined, 'NO'],
    ] as const;
    for (const [reason, why, code] of all) {
      expect([reason, await refusal(buy(workspace, code))]).toEqual([reason, { reason, why }]);
      expect(await refusal(buy(workspace, code, PAGE))).toEqual({ reason, why });
    }
    expect((await workspace.get()).subscription).toBeUndefined();
    expect(await workspace.charged()).toEqual([]);
  });

  test('is for new customers alone, where the code says so', async () => {
    const [workspace, newcomer] = [await openCustomer(), await openCustomer()];
    const code = await offer({ newCustomersOnly: true });
    await workspace.activate({ planCode: 'pro' });
    await workspace.cancelByOperator({ atOnce: true });
    expect(await refusal(buy(workspace, code))).toEqual({
      ...{ reason: 'PROMOTION_NOT_APPLICABLE', why: 'new_customers_only' },
    });
    await buy(newcomer, code);
    expect(await newcomer.charged()).toEqual([CHEAP]);
  });

  test('can not be guessed a code for', async () => {
    const [workspace, code] = [await openCustomer(), await offer()];
    const { failures } = await settle(Array.from({ length: 20 }, () => buy(workspace, newCode())));
    expect(failures.filter(({ reason }) => reason === 'PROMOTION_NOT_FOUND')).toHaveLength(10);
    expect((await refusal(buy(workspace, code))).reason).toBe('PROMOTION_ATTEMPTS_EXCEEDED');
    expect((await refusal(promotions.validate(workspace.tenantId, code))).reason).toBe('PROMOTION_ATTEMPTS_EXCEEDED');
  });

  test('is bought by exactly as many as the code is for, at two kernels', async () => {
    const code = await offer({ maxRedemptions: 3 });
    const customers = await Promise.all(Array.from({ length: 8 }, openCustomer));
    const { mongodbUri } = shop.kernel;
    const second = await openKernel({ mongodbUri, stripe: shop.stripe.config }, { hasSoldPlans: false });
    try {
      const { failures } = await settle(customers.map((each) => buy(each, code)));
      expect(failures.map(({ reason }) => reason)).toEqual(Array.from({ length: 5 }, () => 'PROMOTION_EXHAUSTED'));
      expect((await Promise.all(customers.map((each) => each.charged()))).flat()).toEqual([CHEAP, CHEAP, CHEAP]);
      expect(await countRedeemed(code)).toBe(3);
    } finally {
      await second.close();
    }
  });

  test('that comes to nothing leaves its place to others', async () => {
    const [workspace, other, code] = [
      await openWorkspace(shop),
      await openCustomer(),
      await offer({ maxRedemptions: 1 }),
    ];
    await workspace.storeCard('pm_card_chargeCustomerFail');
    expect((await refusal(buy(workspace, code))).reason).toBe('PAYMENT_DECLINED');
    await workspace.storeCard();
    await buy(workspace, code);
    expect(await workspace.charged()).toEqual([CHEAP]);
    expect((await refusal(buy(other, code))).reason).toBe('PROMOTION_EXHAUSTED');
    const again = await offer({ maxRedemptions: 1 });
    const declined = await openWorkspace(shop);
    await declined.storeCard('pm_card_chargeCustomerFail');
    expect((await refusal(buy(declined, again))).reason).toBe('PAYMENT_DECLINED');
    await buy(other, again);
    expect(await countRedeemed(again)).toBe(1);
  });

  test('is refused a discount that Stripe has not, and keeps no place', async () => {
    const [workspace, gone] = [await openCustomer(), newCode()];
    const code = await promotions.create({ discount: { stripePromotionCode: gone }, maxRedemptions: 1 });
    const failure = await failureOf(buy(workspace, code));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', violations: { promotion_code: expect.any(String) } });
    expect((await failureOf(buy(await openCustomer(), code))).reason).toBe('INVALID_FIELD');
  });
});

describe('a page to buy a plan on with a code', () => {
  test('keeps its place while it is open, and uses it once it is paid; it takes no other code', async () => {
    const [workspace, other, code] = [
      await openWorkspace(shop),
      await openCustomer(),
      await offer({ maxRedemptions: 1 }),
    ];
    expect((await buy(workspace, code, PAGE)).change).toMatchObject({ outcome: ChangeOutcome.ACTION_REQUIRED });
    const page = await pageOf(workspace);
    expect(page.allow_promotion_codes ?? false).toBe(false);
    await sweep();
    expect(await countRedeemed(code)).toBe(0);
    expect((await refusal(buy(other, code))).reason).toBe('PROMOTION_EXHAUSTED');
    await promotions.validate(workspace.tenantId, code, 'pro');
    expect((await sendCard(page.url ?? '')).status).toBe(303);
    await expect.poll(() => countRedeemed(code)).toBe(1);
    expect(await workspace.charged()).toEqual([CHEAP]);
    expect((await refusal(buy(other, code))).reason).toBe('PROMOTION_EXHAUSTED');
  });

  test('has no field for a code where none was brought', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.activate({ planCode: 'pro', ...PAGE });
    expect((await pageOf(workspace)).allow_promotion_codes ?? false).toBe(false);
  });

  test('that nobody pays on gives its place back, after it was closed', async () => {
    const [workspace, other, code] = [
      await openWorkspace(shop),
      await openCustomer(),
      await offer({ maxRedemptions: 1 }),
    ];
    await buy(workspace, code, PAGE);
    await shop.stripe.stripe.checkout.sessions.expire((await pageOf(workspace)).id);
    expect((await refusal(buy(other, code))).reason).toBe('PROMOTION_EXHAUSTED');
    await sweep();
    await buy(other, code);
    expect(await other.charged()).toEqual([CHEAP]);
    expect((await refusal(buy(workspace, code, PAGE))).reason).toBe('PROMOTION_EXHAUSTED');
  });

  test('that was paid has used its place, though no event told of it and it is asked for once more', async () => {
    const [workspace, code] = [await openCustomer(), await offer({ maxRedemptions: 1 })];
    const { control } = shop.stripe.sandbox;
    control.addDeliveryRule({ types: ['*'], action: { kind: 'hold' } });
    try {
      await buy(workspace, code, PAGE);
      expect((await sendCard((await pageOf(workspace)).url ?? '')).status).toBe(303);
      expect((await refusal(buy(workspace, code))).reason).toBe('PROMOTION_ALREADY_REDEEMED');
      expect(await countRedeemed(code)).toBe(1);
    } finally {
      control.clearDeliveryRules();
      await control.release('forward');
    }
  });

  test('is closed by the next one, which has the place then', async () => {
    const [workspace, code] = [await openCustomer(), await offer({ maxRedemptions: 1 })];
    await buy(workspace, code, PAGE);
    const first = await pageOf(workspace);
    await buy(workspace, code, PAGE);
    expect((await pageOf(workspace)).id).not.toBe(first.id);
    await sweep();
    await buy(workspace, code);
    expect(await workspace.charged()).toEqual([CHEAP]);
    expect(await countRedeemed(code)).toBe(1);
    await sweep();
    expect(await countRedeemed(code)).toBe(1);
  });
});

describe('a place that was claimed for a purchase', () => {
  test('is given back where nothing was asked of Stripe, and not by who can not see that', async () => {
    const [workspace, other, code] = [await openCustomer(), await openCustomer(), await offer({ maxRedemptions: 1 })];
    await claimInVain(workspace, code);
    expect((await refusal(buy(other, code))).reason).toBe('PROMOTION_EXHAUSTED');
    await sweep({ isBlind: true });
    expect((await refusal(buy(other, code))).reason).toBe('PROMOTION_EXHAUSTED');
    await sweep({ hours: 2 });
    await buy(other, code);
    expect(await other.charged()).toEqual([CHEAP]);
    expect((await refusal(buy(workspace, code))).reason).toBe('PROMOTION_EXHAUSTED');
  });

  test('goes on with the request that had claimed it', async () => {
    const [workspace, code] = [await openCustomer(), await offer({ maxRedemptions: 1 })];
    const { control } = shop.stripe.sandbox;
    const requestId = newRequestId();
    control.addFault({ method: 'POST', path: '/v1/subscriptions', outcome: 'done_but_lost', times: 1 });
    const ask = () => buy(workspace, code, { requestId });
    await settle([ask(), ask()]);
    await expect.poll(async () => (await ask()).change?.outcome, { timeout: 20_000 }).toBe(ChangeOutcome.DONE);
    expect(await workspace.charged()).toEqual([CHEAP]);
    expect(await countRedeemed(code)).toBe(1);
  });
});

test('a plan costs what it costs without a code', async () => {
  const workspace = await openCustomer();
  await workspace.activate({ planCode: 'pro' });
  expect(await workspace.charged()).toEqual([PRO]);
});
