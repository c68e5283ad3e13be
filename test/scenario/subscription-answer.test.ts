// How REST speaks of subscriptions once a kernel and Stripe stand behind it: the shape of its answers, what it refuses, and what it
// answers whoever asks twice.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  CreatePromotionRequest,
  PromotionAdminServiceService,
} from '../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import { openStage, PRODUCT, type StoryStage } from '../support/story-stage.ts';
import { CREDIT, StoryWorkspace } from '../support/story-workspace.ts';

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
const WHOLE = expect.toSatisfy(Number.isSafeInteger);
const TRIAL = {
  ...{ plan_code: 'pro', status: 'active', start_time: TIME, end_time: TIME, consent_time: null, revokes_unused: true },
  ...{ granted_microcredits: 5 * CREDIT, remaining_microcredits: 5 * CREDIT },
};
const PLUS = {
  ...{ stripe_subscription_id: expect.stringMatching(/^sub_/), plan_code: 'plus', status: 'active' },
  ...{ amount: 14_900, currency: 'usd', interval: 'month', interval_count: 1 },
  ...{ included_microcredits_per_cycle: 20 * CREDIT, fallback_plan_code: 'free' },
  ...{ period_start_time: TIME, period_end_time: TIME, start_time: TIME },
  ...{ cancel_time: null, pending_change: null, discounts: [], grace_end_time: null, end_time: null },
  ...{ payment_failure_code: null, payment_url: null },
};

let stage: StoryStage;
let workspace: StoryWorkspace;

beforeAll(async () => {
  stage = await openStage();
  workspace = await StoryWorkspace.free(stage);
});
afterEach(() => workspace.expectSound());
afterAll(() => stage.stop());

test('every answer has its fields, and no other', async () => {
  const nothing = { plan_code: 'free', subscription: null, trial: null, as_of_time: TIME };
  expect(await workspace.get('/subscription')).toEqual(nothing);
  expect(await workspace.post('/subscription/refresh')).toEqual(nothing);
  expect(await workspace.get('/payment-methods')).toEqual({ payment_methods: [] });
  const trial = await workspace.send('POST', '/trial', { plan_code: 'pro' });
  expect(trial).toMatchObject({ status: 201, body: TRIAL });
  expect(trial.headers.get('location')).toBe('/v1/billing/trial');
  expect(trial.body).toEqual(TRIAL);
  expect(await workspace.get('/trial')).toEqual({ trial: TRIAL, plan_code: 'pro', as_of_time: TIME });
  expect(await workspace.post('/payment-methods/setup')).toEqual({
    ...{ url: null, client_secret: expect.stringMatching(/^seti_\w+_secret_/) },
  });
  expect(await workspace.post('/payment-methods/setup', { hosted_page: true })).toEqual({
    ...{ url: expect.stringContaining(stage.stripe.sandbox.url), client_secret: null },
  });
  await workspace.storeCard();
  const method = { payment_method_id: expect.stringMatching(/^pm_/), type: 'card', is_default: true };
  const card = { brand: 'visa', last4: '4242', expire_month: 12, expire_year: 2040 };
  expect(await workspace.get('/payment-methods')).toEqual({ payment_methods: [{ ...method, card }] });
  expect(await workspace.post('/portal')).toEqual({ url: expect.stringContaining(stage.stripe.sandbox.url) });

  const effect = { before_microcredits: WHOLE, after_microcredits: WHOLE };
  expect(await workspace.post('/subscription/preview', { plan_code: 'plus' })).toEqual({
    ...{ kind: 'activation', from_plan_code: 'pro', to_plan_code: 'plus', effective_time: TIME },
    ...{
      due_now: { amount: 14_900, currency: 'usd' },
      next_cycle: { amount: 14_900, currency: 'usd', start_time: TIME },
    },
    buckets: { trial: { before_microcredits: 5 * CREDIT, after_microcredits: 0 }, included: effect, payg: effect },
  });
  const done = { outcome: 'done', action_url: null, plan_code: 'plus', subscription: PLUS };
  expect(await workspace.post('/subscription', { plan_code: 'plus' })).toEqual(done);
  const state = { plan_code: 'plus', subscription: PLUS, as_of_time: TIME };
  expect(await workspace.get('/subscription')).toEqual({
    ...{ ...state, trial: { ...TRIAL, status: 'ended', end_time: TIME, remaining_microcredits: 0 } },
  });
  const pending = { plan_code: 'pro', amount: 4_900, currency: 'usd', interval: 'month', interval_count: 1 };
  expect(await workspace.post('/subscription/change-plan', { plan_code: 'pro' })).toEqual({
    ...{ ...done, subscription: { ...PLUS, pending_change: { ...pending, effective_time: TIME } } },
  });
  expect(await workspace.post('/subscription/resume')).toEqual(done);
  expect(await workspace.post('/subscription/cancel')).toEqual({
    ...done,
    subscription: { ...PLUS, cancel_time: TIME },
  });
  expect(await workspace.post('/subscription/resume')).toEqual(done);
  await workspace.expectSound();
});

describe('what nobody may say', () => {
  test.each([
    ['/subscription', { plan_code: 'pro', amount: 1 }, 'amount'],
    ['/subscription', { plan_code: 'pro', stripe_price_id: 'price_x' }, 'stripe_price_id'],
    ['/subscription', { plan_code: 'pro', product_code: 'otherproduct' }, 'product_code'],
    ['/subscription', { planCode: 'pro' }, 'planCode', 'plan_code'],
    ['/subscription', {}, 'plan_code'],
    ['/subscription', { plan_code: { $ne: '' } }, 'plan_code'],
    ['/subscription', { plan_code: 'pro', return_path: 'https://evil.example/' }, 'return_path'],
    ['/subscription', { plan_code: 'pro', return_path: '//evil.example/' }, 'return_path'],
    ['/subscription/preview', { plan_code: 'pro', at: 'now' }, 'at'],
    ['/subscription/change-plan', { plan_code: 'pro', prorate: false }, 'prorate'],
    ['/subscription/cancel', { at_once: 'yes' }, 'at_once'],
    ['/subscription/cancel', { actor: 'usr_operator' }, 'actor'],
    ['/subscription/convert-trial-now', { plan_code: 'max' }, 'plan_code'],
    ['/subscription/resume', { plan_code: 'max' }, 'plan_code'],
    ['/subscription/refresh', { tenant_id: 'ten_x' }, 'tenant_id'],
    ['/trial', { plan_code: 'pro', trial_days: 365 }, 'trial_days'],
    ['/trial', { granted_microcredits: 1 }, 'granted_microcredits'],
    ['/trial/cancel', { reason: 'none' }, 'reason'],
    ['/payment-methods/setup', { customer: 'cus_x' }, 'customer'],
    ['/portal', { customer: 'cus_x' }, 'customer'],
  ])('%s %o is refused by its name', async (path, body, ...fields) => {
    const refusal = await workspace.refused(path, body);
    expect(refusal).toMatchObject({ status: 400, reason: 'INVALID_FIELD' });
    const named = (refusal['errors'] as readonly { readonly field: string }[]).map(({ field }) => field);
    expect(named.toSorted()).toEqual(fields.toSorted());
  });
});

describe('what is not there, or not now', () => {
  test.each([
    ['/subscription', { plan_code: 'enterprise' }, 409, 'CONTACT_SALES'],
    ['/subscription', { plan_code: 'nothing' }, 404, 'PLAN_NOT_FOUND'],
    ['/subscription', { plan_code: 'free' }, 400, 'INVALID_FIELD'],
    ['/subscription/change-plan', { plan_code: 'pro' }, 404, 'SUBSCRIPTION_NOT_FOUND'],
    ['/subscription/cancel', {}, 404, 'SUBSCRIPTION_NOT_FOUND'],
    ['/subscription/resume', undefined, 404, 'SUBSCRIPTION_NOT_FOUND'],
    ['/subscription/convert-trial-now', {}, 409, 'TRIAL_NOT_ACTIVE'],
    ['/subscription', { plan_code: 'pro', promotion_code: 'NOSUCH' }, 404, 'PROMOTION_NOT_FOUND'],
    ['/subscription', { plan_code: 'pro', promotion_code: 'NO' }, 400, 'INVALID_FIELD'],
  ] as const)('%s %o: %i %s', async (path, body, status, reason) => {
    const other = await StoryWorkspace.free(stage);
    expect(await other.refused(path, body)).toMatchObject({ status, reason });
    expect(await other.get('/subscription')).toMatchObject({ plan_code: 'free', subscription: null });
    expect(await other.charged()).toEqual([]);
  });

  test('a second subscription, the plan that one has, and an end at once', async () => {
    const other = await StoryWorkspace.free(stage);
    await other.storeCard();
    await other.post('/subscription', { plan_code: 'pro' });
    expect(await other.refused('/subscription', { plan_code: 'max' })).toMatchObject({
      ...{ status: 409, reason: 'SUBSCRIPTION_EXISTS' },
    });
    for (const path of ['/subscription/change-plan', '/subscription/preview']) {
      expect(await other.refused(path, { plan_code: 'pro' })).toMatchObject({ reason: 'PLAN_UNCHANGED' });
    }
    expect(await other.refused('/subscription/resume')).toMatchObject({ reason: 'PLAN_UNCHANGED' });
    expect(await other.refused('/subscription/cancel', { at_once: true })).toMatchObject({
      ...{ status: 400, reason: 'INVALID_FIELD', errors: [{ field: 'at_once' }] },
    });
    expect(await other.charged()).toEqual([4_900]);
  });
});

describe('who asks twice with one key', () => {
  async function twice(who: StoryWorkspace, path: string, body: object, key: string) {
    const headers = { 'idempotency-key': key };
    const first = await who.send('POST', path, body, headers);
    const again = await who.send('POST', path, body, headers);
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.status).toBe(first.status);
    return { first: first.body, again: again.body };
  }

  test('is refused what was typed by its field, both times', async () => {
    const other = await StoryWorkspace.free(stage);
    const headers = { 'idempotency-key': 'typed' };
    // Stripe has no such promotion code.
    const promotion = { productCode: PRODUCT, code: 'TYPED', discount: { stripePromotionCode: 'NOSUCH' } };
    const request = { requestId: 'typed', ...promotion, actor: 'usr_alice', reason: 'test' };
    const sysadmin = stage.stack.connect(stage.stack.credentials.sysadmin);
    await sysadmin.call(PromotionAdminServiceService.createPromotion, CreatePromotionRequest.fromPartial(request));
    const ask = async () =>
      (await other.send('POST', '/subscription', { plan_code: 'pro', promotion_code: 'TYPED' }, headers)).body;
    const { instance: _, ...first } = await ask();
    expect(first).toMatchObject({
      ...{ status: 400, reason: 'INVALID_FIELD' },
      errors: [{ field: 'promotion_code', message: expect.stringContaining('NOSUCH') }],
    });
    expect(await ask()).toMatchObject(first);
  });

  test('gets each change once, and what it came to again', async () => {
    const other = await StoryWorkspace.free(stage);
    await other.storeCard();
    const trial = await twice(other, '/trial', { plan_code: 'pro' }, 'trial-1');
    expect(trial.again).toEqual(trial.first);
    const bought = await twice(other, '/subscription', { plan_code: 'pro' }, 'buy-1');
    expect(bought.again).toEqual(bought.first);
    await twice(other, '/subscription/change-plan', { plan_code: 'max' }, 'change-1');
    expect(await other.charged()).toHaveLength(2);
    await twice(other, '/subscription/cancel', {}, 'cancel-1');
    // What the retry of the upgrade says is how it is now.
    const upgrade = await other.send(
      'POST',
      '/subscription/change-plan',
      { plan_code: 'max' },
      {
        ...{ 'idempotency-key': 'change-1' },
      },
    );
    expect(upgrade.body).toMatchObject({ outcome: 'done', plan_code: 'max', subscription: { cancel_time: TIME } });
    await other.expectState({ plan_code: 'max', subscription: { cancel_time: TIME } });
    expect(await other.charged()).toHaveLength(2);
    await other.expectSound();
  });

  test('at the same time is charged once', async () => {
    const other = await StoryWorkspace.free(stage);
    await other.storeCard();
    const buy = () => other.send('POST', '/subscription', { plan_code: 'pro' }, { 'idempotency-key': 'once' });
    const answers = await Promise.all([buy(), buy(), buy(), buy()]);
    expect(answers).toMatchObject(Array(4).fill({ status: 200, body: { outcome: 'done', plan_code: 'pro' } }));
    expect(await other.charged()).toEqual([4_900]);
    await other.expectState({ included_remaining: 5 * CREDIT });
    await other.expectSound();
  });

  test('and other words is refused', async () => {
    const other = await StoryWorkspace.free(stage);
    const headers = { 'idempotency-key': 'words' };
    const buy = (planCode: string) => other.send('POST', '/subscription', { plan_code: planCode }, headers);
    expect(await buy('pro')).toMatchObject({ status: 200, body: { outcome: 'action_required' } });
    expect(await buy('max')).toMatchObject({ status: 409, body: { reason: 'IDEMPOTENCY_KEY_REUSED' } });
    // Another operation with the key is another request.
    expect(await other.send('POST', '/trial', { plan_code: 'pro' }, headers)).toMatchObject({ status: 201 });
  });

  test('is led to the same page to pay on', async () => {
    const other = await StoryWorkspace.free(stage);
    const page = { plan_code: 'pro', return_path: '/settings/billing' };
    const { first, again } = await twice(other, '/subscription', page, 'page');
    expect(again).toEqual(first);
    const setup = { hosted_page: true };
    const headers = { 'idempotency-key': 'setup' };
    const ask = async () => (await other.send('POST', '/payment-methods/setup', setup, headers)).body['url'];
    expect(await ask()).toBe(await ask());
  });
});
