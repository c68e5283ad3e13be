// What a workspace agrees to, brings and is told of, as its administrator lives it over REST: credits that are bought without a person
// through two months, with a decline between; codes of each kind; thresholds that are crossed down and up; disputes that are lost and won.
// A kernel and a BFF as processes, the Stripe sandbox, one time.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  CreatePromotionRequest,
  PromotionAdminServiceService,
} from '../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, openStage, PRODUCT, type StoryStage } from '../support/story-stage.ts';
import { CREDIT, StoryWorkspace } from '../support/story-workspace.ts';

const INTENT = '/topups/payg/intent';
const AUTO = '/topups/auto';
const DECLINED = '4000 0000 0000 0341';
const TEN = { amount_cents: 1_000, currency: 'usd', microcredits: 10 * CREDIT };

let stage: StoryStage;
let workspace: StoryWorkspace;

beforeAll(async () => {
  stage = await openStage();
});
beforeEach(async () => {
  workspace = await StoryWorkspace.free(stage);
});
afterEach(() => workspace.expectSound());
afterAll(() => stage.stop());

/** Moves to some hours after the next month of the calendar has begun. */
async function toNextMonth(): Promise<void> {
  const date = new Date(await stage.now());
  const next = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1, 3);
  await stage.advance(next - date.getTime());
}

/** What the workspace was told of, the oldest first. */
async function told(): Promise<readonly string[]> {
  const { events } = await workspace.get('/alerts/events');
  return (events as readonly { readonly type: string }[]).map(({ type }) => type).toReversed();
}

async function makeCode(code: string, gives: CreatePromotionRequest): Promise<void> {
  const by = { actor: 'usr_operator', reason: 'a story', requestId: `story:${code}` };
  const request = { ...gives, productCode: PRODUCT, code, ...by };
  const operator = stage.stack.connect(stage.stack.credentials.sysadmin);
  await operator.call(PromotionAdminServiceService.createPromotion, request);
}

async function buyTen(): Promise<string> {
  const topUp = await workspace.post(INTENT, { ...TEN, use_stored_card: true });
  expect(topUp).toMatchObject({ status: 'succeeded' });
  return String(topUp['payment_intent_id']);
}

async function dispute(intent: string): Promise<string> {
  const { stripe, sandbox } = stage.stripe;
  const { latest_charge: charge } = await stripe.paymentIntents.retrieve(intent);
  return sandbox.control.createDispute(String(charge)).id;
}

test('credits are bought without a person: within the limit of a month, not by a card that is declined, and again by another', async () => {
  await toNextMonth();
  await workspace.storeCard();
  await workspace.grantPayg(10 * CREDIT);
  const rule = { enabled: true, consent: true, threshold_microcredits: 5 * CREDIT, monthly_limit_cents: 2_000, ...TEN };
  const put = await workspace.send('PUT', AUTO, rule);
  expect(put).toMatchObject({ status: 200, body: { state: 'active', stop_reason: null } });
  expect(await workspace.charged()).toEqual([]);
  await workspace.use(6);
  await workspace.expectState({ payg_remaining: 14 * CREDIT });
  await workspace.use(10);
  // Not again before its rest is over.
  await stage.advance(11 * MINUTE_MS);
  await workspace.expectState({ payg_remaining: 14 * CREDIT });
  await expect.poll(() => workspace.get(AUTO)).toMatchObject({ spent_cents: 2_000 });
  await workspace.use(10);
  await stage.advance(DAY_MS);
  await workspace.expectState({ payg_remaining: 4 * CREDIT });
  expect(await workspace.charged()).toEqual([1_000, 1_000]);
  await workspace.storeCard(DECLINED);
  await workspace.payWith('0341');
  await toNextMonth();
  await expect.poll(() => workspace.get(AUTO)).toMatchObject({ state: 'stopped', stop_reason: 'declined' });
  await workspace.expectState({ payg_remaining: 4 * CREDIT });
  await workspace.payWith('4242');
  await expect.poll(() => workspace.get(AUTO)).toMatchObject({ state: 'active' });
  await stage.advance(HOUR_MS);
  await workspace.expectState({ payg_remaining: 14 * CREDIT });
  expect(await workspace.charged()).toEqual([1_000, 1_000, 1_000]);
  await expect
    .poll(async () => (await told()).filter((type) => type.startsWith('auto_topup.')))
    .toEqual(['succeeded', 'succeeded', 'failed', 'stopped', 'succeeded'].map((end) => `auto_topup.${end}`));
});

test('a code gives credits once, another a discount of the plan, and what each would do is told before', async () => {
  const suffix = workspace.tenantId.slice(-6).toUpperCase();
  const [credits, discount] = [`CREDITS-${suffix}`, `LESS-${suffix}`];
  await makeCode(
    credits,
    CreatePromotionRequest.fromPartial({ credit: { microcredits: BigInt(3 * CREDIT) }, maxRedemptions: 1 }),
  );
  expect(await workspace.post('/discounts/validate', { code: credits })).toMatchObject({
    credit: { microcredits: 3 * CREDIT },
  });
  await workspace.expectState({ available: 0 });
  expect(await workspace.post('/codes/apply', { code: credits })).toMatchObject({
    credit: { microcredits: 3 * CREDIT },
  });
  await workspace.expectState({ available: 3 * CREDIT });
  expect(await workspace.refused('/codes/apply', { code: credits })).toMatchObject({ status: 409 });
  await workspace.expectState({ available: 3 * CREDIT });
  await workspace.storeCard();
  await workspace.post('/subscription', { plan_code: 'pro' });
  const { stripe } = stage.stripe;
  const { id: coupon } = await stripe.coupons.create({ duration: 'forever', percent_off: 10 });
  await stripe.promotionCodes.create({ code: discount, promotion: { type: 'coupon', coupon } });
  await makeCode(discount, CreatePromotionRequest.fromPartial({ discount: { stripePromotionCode: discount } }));
  await workspace.post('/codes/apply', { code: discount });
  const { subscription } = await workspace.state();
  await stage.advanceTo(subscription?.period_end_time ?? null, 2 * HOUR_MS);
  await expect.poll(() => workspace.charged()).toEqual([4_900, 4_410]);
});

test('thresholds tell once of each crossing, down and up', async () => {
  await workspace.grantPayg(10 * CREDIT);
  const put = await workspace.send('PUT', '/alerts/thresholds', { microcredits: [5 * CREDIT, 2 * CREDIT] });
  expect(put.status).toBe(200);
  await workspace.use(6);
  await expect.poll(told).toEqual(['balance.low']);
  await workspace.use(3);
  await expect.poll(told).toEqual(['balance.low', 'balance.low']);
  await workspace.storeCard();
  await buyTen();
  await expect
    .poll(async () => (await told()).toSorted())
    .toEqual([...['balance.low', 'balance.low', 'balance.recovered', 'balance.recovered', 'topup.succeeded']]);
});

test('a dispute takes the credits at once, for good where it is lost, and gives them back where it is won', async () => {
  await workspace.storeCard();
  const { control } = stage.stripe.sandbox;
  const won = await dispute(await buyTen());
  await workspace.expectState({ payg_remaining: 0, deficit: 0 });
  control.closeDispute(won, 'won');
  await workspace.expectState({ payg_remaining: 10 * CREDIT });
  const intent = await buyTen();
  await workspace.use(15);
  const lost = await dispute(intent);
  await workspace.expectState({ payg_remaining: 0, deficit: 5 * CREDIT });
  control.closeDispute(lost, 'lost');
  const listed = async () => {
    const { payments } = await workspace.get('/payment-history');
    const rows = payments as readonly { readonly kind: string; readonly status: string }[];
    return rows.map(({ kind, status }) => `${kind} ${status}`).toSorted();
  };
  const expected = ['dispute canceled', 'dispute succeeded', 'topup succeeded', 'topup succeeded'];
  await expect.poll(listed).toEqual(expected);
  await workspace.expectState({ payg_remaining: 0, deficit: 5 * CREDIT });
  expect((await told()).filter((type) => type === 'payment.disputed')).toHaveLength(2);
});
