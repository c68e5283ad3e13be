// Credits that are bought over REST: on Stripe's page and by the stored card, by cards that are good, declined, or whose bank wants to see
// their owner; what stays of them through every plan, and what goes with their money.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { sendCard, sendForm } from '../support/hosted-form.ts';
import { DAY_MS, HOUR_MS, openStage, type StoryStage } from '../support/story-stage.ts';
import { CREDIT, StoryWorkspace } from '../support/story-workspace.ts';

/** How soon what was paid shows, also when no event arrives. */
const SHOWS_WITHIN_MS = 2_000;
const INTENT = '/topups/payg/intent';
const DECLINED = '4000 0000 0000 0002';
const QUESTIONED = '4000 0027 6000 3184';

let stage: StoryStage;
let workspace: StoryWorkspace;

beforeAll(async () => {
  stage = await openStage();
});
beforeEach(async () => {
  workspace = await StoryWorkspace.free(stage);
});
afterEach(async () => {
  stage.setWebhooks(true);
  await workspace.expectSound();
});
afterAll(() => stage.stop());

/** The package of the demo plans that has so many credits, as a body of the call that buys it. */
async function packageOf(credits: number) {
  const { packages, currency } = await workspace.get('/topups/packages');
  const all = packages as readonly { readonly amount_cents: number; readonly microcredits: number }[];
  const { amount_cents, microcredits } = all.find((each) => each.microcredits === credits * CREDIT) ?? {};
  return { amount_cents, microcredits, currency };
}

test('a package is bought on the page: declined first, then paid, and shown within two seconds though Stripe tells nothing', async () => {
  const topUp = await workspace.post(INTENT, { ...(await packageOf(10)), idempotency_key: 'story:page' });
  expect(topUp).toMatchObject({
    ...{ status: 'requires_payment_method', amount_cents: 1_000, currency: 'usd', microcredits: 10 * CREDIT },
    ...{ payment_intent_id: expect.stringMatching(/^pi_/), client_secret: expect.stringMatching(/_secret_/) },
  });
  const page = String(topUp['checkout_url']);
  const path = `/topups/${String(topUp['topup_id'])}`;
  expect(await sendCard(page, DECLINED)).toMatchObject({ status: 402 });
  expect(await workspace.get(path)).toMatchObject({ status: 'failed', failure_code: 'generic_decline' });
  expect(await workspace.get('/usage')).toMatchObject({ payg_remaining: 0 });
  stage.setWebhooks(false);
  expect(await sendCard(page)).toMatchObject({ status: 303 });
  const paidAt = performance.now();
  expect(await workspace.get(path)).toMatchObject({ status: 'succeeded', failure_code: null });
  expect(performance.now() - paidAt).toBeLessThan(SHOWS_WITHIN_MS);
  expect(await workspace.get('/usage')).toMatchObject({ payg_remaining: 10 * CREDIT });
  const again = await workspace.send('POST', INTENT, await packageOf(10), { 'idempotency-key': 'story:page' });
  expect(again).toMatchObject({ status: 200, body: { topup_id: topUp['topup_id'], status: 'succeeded' } });
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  expect(await workspace.charged()).toEqual([1_000]);
});

test('a bank that wants to see the owner of a card gets to see them, on the page of a stored card, too', async () => {
  const first = await workspace.post(INTENT, await packageOf(10));
  const bank = await sendCard(String(first['checkout_url']), QUESTIONED);
  expect(await workspace.get(`/topups/${String(first['topup_id'])}`)).toMatchObject({ status: 'requires_action' });
  await sendForm(String(bank.location), { outcome: 'complete' });
  expect(await workspace.get(`/topups/${String(first['topup_id'])}`)).toMatchObject({ status: 'succeeded' });
  await workspace.storeCard(QUESTIONED, {}, (asked) => sendForm(asked, { outcome: 'complete' }));
  const second = await workspace.post(INTENT, { ...(await packageOf(50)), use_stored_card: true });
  expect(second).toMatchObject({ status: 'requires_action', checkout_url: expect.stringMatching(/^http/) });
  expect(await sendCard(String(second['checkout_url']))).toMatchObject({ status: 303 });
  await workspace.expectState({ payg_remaining: 60 * CREDIT });
});

test('what was bought stays through a trial, a plan, its upgrade, its end, and what follows', async () => {
  await workspace.storeCard();
  expect(await workspace.post(INTENT, { ...(await packageOf(50)), use_stored_card: true })).toMatchObject({
    ...{ status: 'succeeded', checkout_url: null, client_secret: null },
  });
  const bought = { payg_remaining: 50 * CREDIT };
  await workspace.post('/trial', { plan_code: 'pro' });
  await workspace.expectState({ plan_code: 'pro', ...bought });
  await stage.advance(15 * DAY_MS);
  await workspace.expectState({ plan_code: 'free', trial_remaining: 0, ...bought });
  await workspace.post('/subscription', { plan_code: 'pro' });
  await workspace.expectState({ plan_code: 'pro', ...bought });
  await workspace.post('/subscription/change-plan', { plan_code: 'max' });
  await workspace.expectState({ plan_code: 'max', ...bought });
  await workspace.post('/subscription/cancel');
  const { subscription } = await workspace.state();
  await stage.advanceTo(subscription?.period_end_time ?? null, 2 * HOUR_MS);
  await workspace.expectState({ plan_code: 'free', included_remaining: 0, ...bought });
});

test('money that goes back takes its credits with it, and the history has all of it', async () => {
  await workspace.storeCard();
  const topUp = await workspace.post(INTENT, { ...(await packageOf(10)), use_stored_card: true });
  await workspace.use(4);
  const { stripe } = stage.stripe;
  const intent = String(topUp['payment_intent_id']);
  await stripe.refunds.create({ payment_intent: intent, amount: 800 });
  await workspace.expectState({ payg_remaining: 0, deficit: 2 * CREDIT });
  expect(await workspace.get(`/topups/${String(topUp['topup_id'])}`)).toMatchObject({ returned_cents: 800 });
  const { payments } = await workspace.get('/payment-history');
  expect(payments).toMatchObject([
    { kind: 'refund', status: 'succeeded', amount: 800, currency: 'usd', paid_payment_id: expect.any(String) },
    { kind: 'topup', status: 'succeeded', amount: 1_000, microcredits: 10 * CREDIT, topup_id: topUp['topup_id'] },
  ]);
  const [, paid] = payments as readonly { readonly receipt_url: string }[];
  const receipt = await (await fetch(String(paid?.receipt_url))).text();
  expect(receipt).toMatch(/\$10\.00.*\$8\.00/s);
});

test('what is not sold is refused by name, and nothing comes of it', async () => {
  const sold = await packageOf(10);
  const refusals = [
    [{ ...sold, amount_cents: 1, microcredits: 1_000_000 * CREDIT }, 'TOPUP_AMOUNT_MISMATCH'],
    [{ ...sold, currency: 'eur' }, 'TOPUP_AMOUNT_MISMATCH'],
    [{ ...sold, amount_cents: 100, microcredits: CREDIT }, 'TOPUP_AMOUNT_OUT_OF_RANGE'],
    [{ ...sold, amount_cents: -1_000 }, 'INVALID_FIELD'],
    [{ ...sold, microcredits: 2 ** 53 }, 'INVALID_FIELD'],
  ] as const;
  for (const [body, reason] of refusals)
    expect(await workspace.refused(INTENT, body)).toMatchObject({ status: 400, reason });
  expect(await workspace.get('/topups')).toEqual({ topups: [], next_page_token: null });
  expect(await workspace.customer()).toBeUndefined();
});

test('what nobody pays is canceled, by hand or after a day, and can’t be paid any more', async () => {
  const [first, second] = [
    await workspace.post(INTENT, await packageOf(10)),
    await workspace.post(INTENT, await packageOf(10)),
  ];
  expect(await workspace.post(`/topups/${String(first['topup_id'])}/cancel`)).toMatchObject({ status: 'canceled' });
  await stage.advance(24 * HOUR_MS + 60_000);
  const statusOf = async () => (await workspace.get(`/topups/${String(second['topup_id'])}`))['status'];
  await expect.poll(statusOf).toBe('canceled');
  for (const { checkout_url: page } of [first, second]) await sendCard(String(page));
  await workspace.expectState({ payg_remaining: 0 });
  expect(await workspace.charged()).toEqual([]);
});
