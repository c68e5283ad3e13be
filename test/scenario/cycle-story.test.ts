// What a paid cycle gives, whatever it is: a year, a contract, one that a promotion code makes cost nothing.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  CatalogAdminServiceService,
  UpsertPlanPolicyRequest,
} from '../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import {
  CreatePromotionRequest,
  PromotionAdminServiceService,
} from '../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import {
  ProvisionContractRequest,
  SubscriptionServiceService,
} from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { cleanUpProcesses, runKernel } from '../contract/support/kernel-process.ts';
import { DAY_MS, HOUR_MS, openStage, PRODUCT, type StoryStage } from '../support/story-stage.ts';
import { CREDIT, StoryWorkspace } from '../support/story-workspace.ts';

const YEAR_MS_MIN = 365 * DAY_MS;

let stage: StoryStage;
let workspace: StoryWorkspace;

beforeAll(async () => {
  stage = await openStage();
});
beforeEach(async () => {
  workspace = await StoryWorkspace.free(stage);
  await workspace.grantPayg(7 * CREDIT);
});
afterEach(cleanUpProcesses);
afterAll(() => stage.stop());

async function periodOf(who: StoryWorkspace): Promise<{ readonly start: string; readonly end: string }> {
  const { subscription } = await who.state();
  return { start: String(subscription?.period_start_time), end: String(subscription?.period_end_time) };
}

test('an annual plan gives the credits of twelve months once a year', async () => {
  await workspace.storeCard();
  const bought = await workspace.post('/subscription', { plan_code: 'pro_annual' });
  expect(bought).toMatchObject({ outcome: 'done', subscription: { interval: 'year', amount: 49_000 } });
  await workspace.expectState({ plan_code: 'pro_annual', included_remaining: 60 * CREDIT });
  const { start, end } = await periodOf(workspace);
  expect(Date.parse(end) - Date.parse(start)).toBeGreaterThanOrEqual(YEAR_MS_MIN);
  await workspace.use(4);
  for (const month of [1, 2, 3]) {
    await stage.advance(31 * DAY_MS);
    await workspace.expectState({ plan_code: 'pro_annual', included_remaining: 56 * CREDIT });
    expect({ month, charged: await workspace.charged() }).toEqual({ month, charged: [49_000] });
  }
  await stage.advanceTo(end, 2 * HOUR_MS);
  await workspace.expectState({ plan_code: 'pro_annual', included_remaining: 60 * CREDIT, payg_remaining: 7 * CREDIT });
  expect(await workspace.charged()).toEqual([49_000, 49_000]);
  await workspace.expectSound();
});

test('from a month to a year is an upgrade that begins another cycle, and back waits for the year to end', async () => {
  await workspace.storeCard();
  await workspace.post('/subscription', { plan_code: 'pro' });
  await stage.advance(10 * DAY_MS);
  await workspace.use(2);
  const before = await periodOf(workspace);
  const preview = await workspace.post('/subscription/preview', { plan_code: 'pro_annual' });
  expect(preview).toMatchObject({
    kind: 'upgrade',
    buckets: { included: { before_microcredits: 3 * CREDIT, after_microcredits: 60 * CREDIT } },
  });
  const changed = await workspace.post('/subscription/change-plan', { plan_code: 'pro_annual' });
  expect(changed).toMatchObject({ outcome: 'done', plan_code: 'pro_annual' });
  await workspace.expectState({ included_remaining: 60 * CREDIT, payg_remaining: 7 * CREDIT });
  const [first, second = 0] = await workspace.charged();
  expect(first).toBe(4_900);
  // What is left of the month is taken off.
  expect(second).toBeGreaterThan(49_000 - 4_900);
  expect(second).toBeLessThan(49_000);
  expect(preview).toMatchObject({ due_now: { amount: expect.closeTo(second, -1) } });
  const year = await periodOf(workspace);
  expect(Date.parse(year.start)).toBeGreaterThan(Date.parse(before.start));
  expect(Date.parse(year.end) - Date.parse(year.start)).toBeGreaterThanOrEqual(YEAR_MS_MIN);

  await workspace.post('/subscription/change-plan', { plan_code: 'pro' });
  await workspace.expectState({
    ...{ plan_code: 'pro_annual', included_remaining: 60 * CREDIT },
    subscription: { pending_change: { plan_code: 'pro', interval: 'month', effective_time: year.end } },
  });
  await stage.advanceTo(year.end, 2 * HOUR_MS);
  await workspace.expectState({
    ...{ plan_code: 'pro', included_remaining: 5 * CREDIT, payg_remaining: 7 * CREDIT },
    subscription: { interval: 'month', pending_change: null },
  });
  expect(await workspace.charged()).toEqual([4_900, second, 4_900]);
  await workspace.expectSound();
});

test('a contract is sold by an operator alone, at its own price and with its own credits, in each cycle', async () => {
  for (const path of ['/subscription', '/subscription/preview']) {
    const refusal = await workspace.refused(path, { plan_code: 'enterprise' });
    expect(refusal).toMatchObject({ reason: 'CONTACT_SALES', detail: expect.stringContaining('contact sales') });
  }
  const kernel = {
    KERNEL_ADDRESS: String(stage.stack.kernels[0]?.grpc),
    KERNEL_TOKEN: stage.stack.credentials.sysadmin,
  };
  const terms = ['--price', '90000', '--currency', 'usd', '--included', '500000000', '--months', '1'];
  const contract = [...terms, '--billing-email', 'bills@initech.example'];
  const command = ['subscription', 'provision', workspace.tenantId, 'enterprise', ...contract];
  const why = ['--actor', 'usr_alice', '--reason', 'order 7'];
  expect(await runKernel(kernel, 'kernel/cli/main.ts', ...command, ...why).ended).toMatchObject({
    ...{ code: 0, stderr: '', stdout: expect.stringMatching(/^Done: the workspace has the plan enterprise/) },
  });
  await workspace.expectState({
    ...{ plan_code: 'enterprise', included_remaining: 500 * CREDIT, payg_remaining: 7 * CREDIT },
    subscription: { status: 'active', amount: 90_000, included_microcredits_per_cycle: 500 * CREDIT },
  });
  expect(await workspace.refused('/subscription/change-plan', { plan_code: 'enterprise' })).toMatchObject({
    reason: 'PLAN_UNCHANGED',
  });
  await workspace.use(40);
  const { end } = await periodOf(workspace);
  const customer = (await workspace.customer())?.id ?? '';
  const { data: invoices } = await stage.stripe.stripe.invoices.list({ customer });
  expect(invoices).toMatchObject([{ collection_method: 'send_invoice', amount_due: 90_000 }]);
  await stage.stripe.stripe.invoices.pay(String(invoices[0]?.id), { paid_out_of_band: true });
  await stage.advanceTo(end, 2 * HOUR_MS);
  await workspace.expectState({
    plan_code: 'enterprise',
    included_remaining: 500 * CREDIT,
    payg_remaining: 7 * CREDIT,
  });
  const { start } = await periodOf(workspace);
  expect(start).toBe(end);
  await workspace.expectSound();
});

test('a contract whose invoice is not paid in time is warned of, and ends when grace is over', async () => {
  const contract = { planCode: 'enterprise', includedMicrocreditsPerCycle: 500_000_000n, intervalMonths: 12 };
  const sysadmin = stage.stack.connect(stage.stack.credentials.sysadmin);
  const request = ProvisionContractRequest.fromPartial({
    ...{ requestId: 'contract', tenantId: workspace.tenantId, actor: 'usr_alice', reason: 'order 8' },
    ...{ ...contract, price: { minorUnits: 90_000n, currencyCode: 'usd' }, daysUntilDue: 14 },
    billingEmail: 'bills@initech.example',
  });
  await sysadmin.call(SubscriptionServiceService.provisionContract, request);
  await workspace.expectState({ plan_code: 'enterprise', included_remaining: 500 * CREDIT });
  await stage.advance(13 * DAY_MS);
  await workspace.expectState({ plan_code: 'enterprise', subscription: { status: 'active' } });
  await stage.advance(2 * DAY_MS);
  await workspace.expectState({
    ...{ plan_code: 'enterprise', included_remaining: 500 * CREDIT },
    subscription: { status: 'past_due', payment_url: expect.stringContaining(stage.stripe.sandbox.url) },
  });
  await stage.advance(8 * DAY_MS);
  await workspace.expectState({
    ...{ plan_code: 'free', included_remaining: 0, payg_remaining: 7 * CREDIT },
    subscription: { status: 'ended' },
  });
  await expect.poll(() => workspace.statesAtStripe()).toEqual(['canceled']);
  await workspace.expectSound();
});

/** Has three credits of what a cycle of plus leaves over be kept. */
async function keepThreeCredits(): Promise<void> {
  const sysadmin = stage.stack.connect(stage.stack.credentials.sysadmin);
  const policy = { productCode: 'agentruntime', planCode: 'plus', includedRolloverLimitMicrocredits: 3_000_000n };
  const request = UpsertPlanPolicyRequest.fromPartial({
    ...{ requestId: 'rollover', policy, updateMask: ['included_rollover_limit_microcredits'] },
    ...{ actor: 'usr_alice', reason: 'test' },
  });
  await sysadmin.call(CatalogAdminServiceService.upsertPlanPolicy, request);
}

test('what a cycle leaves over is kept also where it could not be read until past the grace that the next one was paid', async () => {
  await keepThreeCredits();
  await workspace.storeCard();
  await workspace.post('/subscription', { plan_code: 'plus' });
  await workspace.use(12);
  const { end } = await periodOf(workspace);
  stage.setWebhooks(false);
  const { control } = stage.stripe.sandbox;
  control.addFault({ outcome: 'refused', status: 503 });
  await stage.advanceTo(end, 3 * HOUR_MS);
  await workspace.expectState({ plan_code: 'plus', subscription: { status: 'renewal_pending' } });
  await stage.advance(8 * DAY_MS);
  await workspace.expectState({
    ...{ plan_code: 'free', included_remaining: 0, payg_remaining: 7 * CREDIT },
    subscription: { status: 'ended' },
  });
  control.clearFaults();
  stage.setWebhooks(true);
  const back = {
    ...{ plan_code: 'plus', included_remaining: 23 * CREDIT, payg_remaining: 7 * CREDIT },
    subscription: { status: 'active', period_start_time: end },
  };
  for (const _ of [1, 2]) {
    await workspace.post('/subscription/refresh');
    await workspace.expectState(back);
  }
  expect(await workspace.charged()).toEqual([14_900, 14_900]);
  expect(await workspace.statesAtStripe()).toEqual(['active']);
  await workspace.expectSound();
});

test('what a cycle leaves over is kept up to what the policy says, and no more', async () => {
  await keepThreeCredits();
  await workspace.storeCard();
  await workspace.post('/subscription', { plan_code: 'plus' });
  // 20 credits a cycle: 8 left over are 3, then 21 are 3 again.
  for (const [used, kept] of [
    [12, 23],
    [2, 23],
    [22, 21],
  ] as const) {
    await workspace.use(used);
    await stage.advanceTo((await periodOf(workspace)).end, 2 * HOUR_MS);
    await workspace.expectState({ included_remaining: kept * CREDIT, payg_remaining: 7 * CREDIT });
  }
  await workspace.expectSound();
});

test('a cycle that a promotion code makes cost nothing gives its credits, and a proration gives none of a cycle’s', async () => {
  const { stripe } = stage.stripe;
  const coupon = await stripe.coupons.create({ percent_off: 100, duration: 'repeating', duration_in_months: 2 });
  await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: coupon.id }, code: 'NOTHING' });
  const promotion = { productCode: PRODUCT, code: 'NOTHING', discount: { stripePromotionCode: '' } };
  const request = { requestId: 'nothing', ...promotion, actor: 'usr_alice', reason: 'test' };
  const sysadmin = stage.stack.connect(stage.stack.credentials.sysadmin);
  await sysadmin.call(PromotionAdminServiceService.createPromotion, CreatePromotionRequest.fromPartial(request));
  await workspace.storeCard();
  const bought = await workspace.post('/subscription', { plan_code: 'pro', promotion_code: 'NOTHING' });
  expect(bought).toMatchObject({ outcome: 'done', plan_code: 'pro' });
  const discount = { percent_off: '100', amount_off: null, duration: 'repeating', duration_months: 2 };
  await workspace.expectState({
    ...{ plan_code: 'pro', included_remaining: 5 * CREDIT },
    subscription: { discounts: [{ ...discount, end_time: expect.any(String) }] },
  });
  await workspace.use(1);
  const first = await periodOf(workspace);
  await stage.advanceTo(first.end, 2 * HOUR_MS);
  await workspace.expectState({ plan_code: 'pro', included_remaining: 5 * CREDIT, subscription: { status: 'active' } });
  expect(await workspace.charged()).toEqual([]);
  const second = await periodOf(workspace);
  await stage.advanceTo(second.end, 2 * HOUR_MS);
  await expect.poll(() => workspace.charged()).toEqual([4_900]);
  await workspace.expectState({
    ...{ plan_code: 'pro', included_remaining: 5 * CREDIT },
    subscription: { discounts: [] },
  });

  await expect.poll(() => periodOf(workspace)).not.toEqual(second);
  // Half of the period is left, so half of what max includes beyond pro is added: 37.5 credits.
  const third = await periodOf(workspace);
  await stage.advance((Date.parse(third.end) - Date.parse(third.start)) / 2 - 2 * HOUR_MS);
  await workspace.use(1);
  await workspace.post('/subscription/change-plan', { plan_code: 'max' });
  await expect.poll(() => workspace.charged()).toHaveLength(2);
  const { included_remaining: raised } = await workspace.state();
  expect(raised).toBeGreaterThan(41.4 * CREDIT);
  expect(raised).toBeLessThan(41.6 * CREDIT);
  expect(await periodOf(workspace)).toEqual(third);
  await workspace.expectSound();
});
