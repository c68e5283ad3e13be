// What people do on Stripe's pages: they buy on a checkout page, and change their minds in the billing portal.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sendCard, sendForm } from '../support/hosted-form.ts';
import { CONSOLE_URL, DAY_MS, HOUR_MS, openStage, type StoryStage } from '../support/story-stage.ts';
import { CREDIT, StoryWorkspace } from '../support/story-workspace.ts';

/** How soon what was paid shows, also when no event arrives. */
const SHOWS_WITHIN_MS = 2_000;
/** What it may take of a machine that has other work, in requests that ask the kernel alone: it asks Stripe and the database a dozen times. */
const SHOWS_WITHIN_REQUESTS = 20;
const BACK = '/settings/billing';

let stage: StoryStage;
let workspace: StoryWorkspace;

beforeAll(async () => {
  stage = await openStage();
});
beforeEach(async () => {
  workspace = await StoryWorkspace.free(stage);
  await workspace.grantPayg(7 * CREDIT);
});
afterEach(async () => {
  stage.setWebhooks(true);
  await workspace.expectSound();
});
afterAll(() => stage.stop());

/** Asks for a plan without a card; answers the page to pay on. */
async function openCheckout(planCode: string): Promise<string> {
  const asked = await workspace.post('/subscription', { plan_code: planCode, return_path: BACK });
  expect(asked).toMatchObject({ outcome: 'action_required', plan_code: 'free', subscription: null });
  return String(asked['action_url']);
}

/** How long a request takes that asks the kernel alone, in milliseconds. */
async function timeRequest(): Promise<number> {
  const begunAt = performance.now();
  await workspace.get('/subscription');
  return performance.now() - begunAt;
}

describe('buying on the checkout page', () => {
  test('gives the plan once it is paid, and not before', async () => {
    const page = await openCheckout('pro');
    expect(await sendCard(page, '4000 0000 0000 0002')).toMatchObject({ status: 402 });
    await workspace.expectState({ plan_code: 'free', included_remaining: 0, subscription: null });
    expect(await sendCard(page)).toMatchObject({ status: 303, location: `${CONSOLE_URL}${BACK}` });
    await workspace.expectState({
      ...{ plan_code: 'pro', included_remaining: 5 * CREDIT, payg_remaining: 7 * CREDIT },
      subscription: { status: 'active', amount: 4_900 },
    });
    expect(await workspace.charged()).toEqual([4_900]);
    // The card that it was bought with pays for changes, too.
    expect(await workspace.post('/subscription/change-plan', { plan_code: 'max' })).toMatchObject({ outcome: 'done' });
  });

  test('shows within two seconds on the way back, also when Stripe tells nothing', async () => {
    stage.setWebhooks(false);
    const page = await openCheckout('plus');
    expect(await sendCard(page)).toMatchObject({ status: 303 });
    const before = await timeRequest();
    const paidAt = performance.now();
    const shown = await workspace.post('/subscription/refresh');
    const takenMs = performance.now() - paidAt;
    const after = await timeRequest();
    expect(takenMs).toBeLessThan(Math.max(SHOWS_WITHIN_MS, SHOWS_WITHIN_REQUESTS * Math.max(before, after)));
    expect(shown).toMatchObject({ plan_code: 'plus', subscription: { status: 'active', amount: 14_900 } });
    expect(await workspace.get('/usage')).toMatchObject({ included_remaining: 20 * CREDIT });
    expect(await workspace.cards()).toMatchObject([{ is_default: true, card: { last4: '4242' } }]);
    expect(await workspace.post('/subscription/refresh')).toMatchObject({ plan_code: 'plus' });
    await workspace.expectState({ included_remaining: 20 * CREDIT, payg_remaining: 7 * CREDIT });
    expect(await workspace.charged()).toEqual([14_900]);
  });

  test('in two pages buys once: the second one that is opened closes the first', async () => {
    const [first, second] = [await openCheckout('pro'), await openCheckout('plus')];
    expect(await sendCard(first)).toMatchObject({ status: 410 });
    expect(await sendCard(second)).toMatchObject({ status: 303 });
    await workspace.expectState({ plan_code: 'plus', included_remaining: 20 * CREDIT });
    expect(await workspace.charged()).toEqual([14_900]);
  });

  test('during a trial ends it, and leaves PAYG', async () => {
    await workspace.post('/trial', { plan_code: 'pro' });
    const asked = await workspace.post('/subscription/convert-trial-now', { return_path: BACK });
    expect(asked).toMatchObject({ outcome: 'action_required', plan_code: 'pro', subscription: null });
    await workspace.expectState({ trial: { status: 'active' }, trial_remaining: 5 * CREDIT });
    await sendCard(String(asked['action_url']));
    await workspace.expectState({
      ...{ plan_code: 'pro', trial: { status: 'ended' }, subscription: { status: 'active' } },
      ...{ trial_remaining: 0, included_remaining: 5 * CREDIT, payg_remaining: 7 * CREDIT },
    });
  });

  test('at a bank that wants to see the person, who is led there by an upgrade as well', async () => {
    const page = await openCheckout('pro');
    const asked = await sendCard(page, '4000 0027 6000 3184');
    expect(await sendForm(String(asked.location), { outcome: 'complete' })).toMatchObject({ status: 303 });
    await workspace.expectState({ plan_code: 'pro', included_remaining: 5 * CREDIT });
    const upgrade = await workspace.post('/subscription/change-plan', { plan_code: 'max' });
    expect(upgrade).toMatchObject({ outcome: 'action_required', plan_code: 'pro' });
    await workspace.expectState({ plan_code: 'pro', included_remaining: 5 * CREDIT });
    const confirmed = await sendCard(String(upgrade['action_url']), '4000 0027 6000 3184');
    await sendForm(String(confirmed.location), { outcome: 'complete' });
    await workspace.expectState({ plan_code: 'max', payg_remaining: 7 * CREDIT });
    expect((await workspace.state()).included_remaining).toBeGreaterThan(79 * CREDIT);
    expect(await workspace.charged()).toHaveLength(2);
  });
});

describe('in the billing portal', () => {
  let portal: string;
  let subscription: string;

  beforeEach(async () => {
    await workspace.storeCard();
    await workspace.post('/subscription', { plan_code: 'pro' });
    subscription = String((await workspace.state()).subscription?.stripe_subscription_id);
    portal = String((await workspace.post('/portal', { return_path: BACK }))['url']);
    await allowSwitching();
  });

  /** Sets up the portal as the account's owner may: people can switch plans there. */
  async function allowSwitching(): Promise<void> {
    const { stripe } = stage.stripe;
    const [configuration] = (await stripe.billingPortal.configurations.list({ is_default: true })).data;
    const products = ['pro', 'plus', 'max'].map((tier) => ({
      ...{ product: `prod_agentruntime_${tier}`, prices: [`price_agentruntime_${tier}`] },
    }));
    await stripe.billingPortal.configurations.update(String(configuration?.id), {
      features: {
        subscription_update: {
          ...{ enabled: true, default_allowed_updates: ['price'], proration_behavior: 'always_invoice', products },
          schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' }] },
        },
      },
    });
  }

  const act = (action: string, more: Record<string, string> = {}) =>
    sendForm(portal, { action, subscription, ...more });

  test('another plan is taken, as if it were taken here', async () => {
    await stage.advance(10 * DAY_MS);
    expect(await act('switch', { price: 'price_agentruntime_max' })).toMatchObject({
      ...{ status: 200, text: expect.stringContaining('Your plan has changed.') },
    });
    await workspace.expectState({ plan_code: 'max', subscription: { amount: 49_900 }, payg_remaining: 7 * CREDIT });
    // Two thirds of the period are left, so two thirds of the 75 credits that max has beyond pro are added.
    await expect.poll(async () => (await workspace.state()).included_remaining).toBeGreaterThan(50 * CREDIT);
    expect((await workspace.state()).included_remaining).toBeLessThan(60 * CREDIT);
    expect(await workspace.charged()).toHaveLength(2);
  });

  test('another plan is taken twice between two looks: each gives what it was paid for', async () => {
    const { control } = stage.stripe.sandbox;
    // The last look after a page has its day first, so that none comes late.
    await stage.advance(2 * DAY_MS);
    await stage.passLooks(workspace.tenantId);
    await stage.advance(8 * DAY_MS);
    control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    expect(await act('switch', { price: 'price_agentruntime_plus' })).toMatchObject({ status: 200 });
    await stage.advance(10 * DAY_MS);
    expect((await workspace.state()).plan_code).toBe('pro');
    control.clearDeliveryRules();
    expect(await act('switch', { price: 'price_agentruntime_max' })).toMatchObject({ status: 200 });
    await workspace.expectState({ plan_code: 'max', subscription: { amount: 49_900 } });
    const { period_start_time: start, period_end_time: end } = (await workspace.state()).subscription ?? {};
    const days = (Date.parse(String(end)) - Date.parse(String(start))) / DAY_MS;
    // Of the 15 credits that plus has beyond pro, and of the 60 that max has beyond plus, as much as was left of the period each time.
    const due = (15 * (days - 10) + 60 * (days - 20)) / days;
    const given = async () => (await workspace.state()).included_remaining / CREDIT - 5;
    await expect.poll(given).toBeCloseTo(due, 1);
    expect(await workspace.charged()).toHaveLength(3);
  });

  test('a smaller plan waits for the period’s end, can be taken back here, and comes then', async () => {
    await workspace.post('/subscription/change-plan', { plan_code: 'plus' });
    const end = (await workspace.state()).subscription?.period_end_time;
    const waits = { plan_code: 'plus', subscription: { pending_change: { plan_code: 'pro', effective_time: end } } };
    await act('switch', { price: 'price_agentruntime_pro' });
    await workspace.expectState(waits);
    await workspace.post('/subscription/resume');
    await workspace.expectState({ plan_code: 'plus', subscription: { pending_change: null } });
    await act('switch', { price: 'price_agentruntime_pro' });
    await workspace.expectState(waits);
    await stage.advanceTo(String(end), 2 * HOUR_MS);
    await workspace.expectState({
      plan_code: 'pro',
      included_remaining: 5 * CREDIT,
      subscription: { pending_change: null },
    });
  });

  test('it is canceled, taken back here, and canceled again: then it ends with its period', async () => {
    const end = (await workspace.state()).subscription?.period_end_time;
    await act('cancel');
    await workspace.expectState({ plan_code: 'pro', subscription: { status: 'active', cancel_time: end } });
    expect(await workspace.post('/subscription/resume')).toMatchObject({ subscription: { cancel_time: null } });
    await act('cancel');
    await workspace.expectState({ subscription: { cancel_time: end } });
    await act('resume');
    await workspace.expectState({ subscription: { cancel_time: null } });
    await act('cancel');
    await stage.advanceTo(String(end), 2 * HOUR_MS);
    await workspace.expectState({
      ...{ plan_code: 'free', included_remaining: 0, payg_remaining: 7 * CREDIT },
      subscription: { status: 'ended', end_time: end },
    });
    expect(await workspace.statesAtStripe()).toEqual(['canceled']);
  });
});
