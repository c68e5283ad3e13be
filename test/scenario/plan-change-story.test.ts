// Changes of plan that meet each other, are declined, or come from other hands: one subscription, what was paid for, PAYG intact.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { GetBalanceRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { cleanUpProcesses, runKernel } from '../contract/support/kernel-process.ts';
import { sendCard, UNCHARGEABLE_CARD } from '../support/hosted-form.ts';
import { DAY_MS, HOUR_MS, openStage, type StoryStage } from '../support/story-stage.ts';
import { CREDIT, StoryWorkspace } from '../support/story-workspace.ts';

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
  cleanUpProcesses();
  const request = GetBalanceRequest.fromPartial({ tenantId: workspace.tenantId });
  const { balance } = await stage.internal.call(LedgerServiceService.getBalance, request);
  expect(balance?.paygRemainingMicrocredits).toBe(BigInt(7 * CREDIT));
  await workspace.expectSound();
});
afterAll(() => stage.stop());

async function buy(planCode: string): Promise<string> {
  await workspace.storeCard();
  expect(await workspace.post('/subscription', { plan_code: planCode })).toMatchObject({ outcome: 'done' });
  return String((await workspace.state()).subscription?.period_end_time);
}

const changeTo = (planCode: string) => workspace.post('/subscription/change-plan', { plan_code: planCode });

test('a later change replaces one that waits, and a change to the free plan is an end', async () => {
  const end = await buy('max');
  for (const planCode of ['plus', 'pro_annual', 'pro']) {
    await changeTo(planCode);
    await workspace.expectState({ plan_code: 'max', subscription: { pending_change: { plan_code: planCode } } });
  }
  expect(await changeTo('free')).toMatchObject({ subscription: { cancel_time: end, pending_change: null } });
  expect(await workspace.refused('/subscription/change-plan', { plan_code: 'free' })).toMatchObject({
    reason: 'PLAN_UNCHANGED',
  });
  expect(await changeTo('plus')).toMatchObject({
    subscription: { cancel_time: null, pending_change: { plan_code: 'plus', effective_time: end } },
  });
  await workspace.post('/subscription/cancel');
  await workspace.expectState({ subscription: { cancel_time: end, pending_change: null } });
  expect(await changeTo('max')).toMatchObject({ subscription: { cancel_time: null, pending_change: null } });
  await changeTo('pro');
  await stage.advanceTo(end, 2 * HOUR_MS);
  await workspace.expectState({ plan_code: 'pro', included_remaining: 5 * CREDIT });
  expect(await workspace.charged()).toEqual([49_900, 4_900]);
});

test('an upgrade takes back a downgrade that waits, and an end', async () => {
  await buy('plus');
  await changeTo('pro');
  expect(await changeTo('max')).toMatchObject({ plan_code: 'max', subscription: { pending_change: null } });
  await workspace.post('/subscription/cancel');
  const before = (await workspace.state()).included_remaining;
  expect(await workspace.refused('/subscription/change-plan', { plan_code: 'enterprise' })).toMatchObject({
    reason: 'CONTACT_SALES',
  });
  const upgraded = await changeTo('max_annual');
  expect(upgraded).toMatchObject({ plan_code: 'max_annual', subscription: { cancel_time: null, interval: 'year' } });
  expect(before).toBeGreaterThan(79 * CREDIT);
  await workspace.expectState({ plan_code: 'max_annual', included_remaining: 960 * CREDIT });
  expect(await workspace.charged()).toHaveLength(3);
});

test('from a year to a higher plan by the month waits for the year to end: nothing of it is paid back', async () => {
  const end = await buy('plus_annual');
  await stage.advance(30 * DAY_MS);
  await workspace.use(40);
  const preview = await workspace.post('/subscription/preview', { plan_code: 'max' });
  expect(preview).toMatchObject({
    ...{ kind: 'downgrade', effective_time: end, due_now: { amount: 0 }, next_cycle: { amount: 49_900 } },
    buckets: { included: { before_microcredits: 200 * CREDIT, after_microcredits: 80 * CREDIT } },
  });
  const waiting = { interval: 'year', pending_change: { plan_code: 'max', interval: 'month', effective_time: end } };
  expect(await changeTo('max')).toMatchObject({ outcome: 'done', plan_code: 'plus_annual', subscription: waiting });
  await workspace.expectState({ plan_code: 'plus_annual', included_remaining: 200 * CREDIT });
  expect(await workspace.charged()).toEqual([149_000]);
  expect((await workspace.customer())?.balance).toBe(0);
  await stage.advanceTo(end, 2 * HOUR_MS);
  await workspace.expectState({
    ...{ plan_code: 'max', included_remaining: 80 * CREDIT },
    subscription: { status: 'active', interval: 'month', pending_change: null },
  });
  expect(await workspace.charged()).toEqual([149_000, 49_900]);
});

test('an upgrade that the bank declines leaves plan, credits and card as they were, and says why', async () => {
  await buy('pro');
  await workspace.storeCard(UNCHARGEABLE_CARD);
  await workspace.payWith('0341');
  const refusal = await workspace.refused('/subscription/change-plan', { plan_code: 'max' });
  expect(refusal).toMatchObject({
    status: 402,
    reason: 'PAYMENT_DECLINED',
    detail: expect.stringContaining('declined'),
  });
  await workspace.expectState({
    ...{ plan_code: 'pro', included_remaining: 5 * CREDIT },
    subscription: { status: 'active', amount: 4_900, pending_change: null, payment_url: null },
  });
  await stage.advance(DAY_MS);
  await workspace.expectState({ plan_code: 'pro', included_remaining: 5 * CREDIT, subscription: { status: 'active' } });
  expect(await workspace.charged()).toEqual([4_900]);
  await workspace.payWith('4242');
  expect(await changeTo('max')).toMatchObject({ outcome: 'done', plan_code: 'max' });
  expect(await workspace.charged()).toHaveLength(2);
});

test('a page that was left open is closed by a purchase with the stored card', async () => {
  const asked = await workspace.post('/subscription', { plan_code: 'plus' });
  await buy('pro');
  const late = await sendCard(String(asked['action_url']));
  expect(late.status).toBe(410);
  await expect
    .poll(async () => (await workspace.statesAtStripe()).filter((state) => state === 'active'))
    .toHaveLength(1);
  await workspace.expectState({ plan_code: 'pro', included_remaining: 5 * CREDIT });
  const { data } = await stage.stripe.stripe.charges.list({ customer: (await workspace.customer())?.id ?? '' });
  const kept = data.map(({ amount, amount_refunded: refunded }) => amount - refunded);
  expect(kept.filter((amount) => amount > 0)).toEqual([4_900]);
});

test('an operator ends it at once: the plan is gone, and nothing is paid back', async () => {
  await buy('plus');
  const kernel = {
    KERNEL_ADDRESS: String(stage.stack.kernels[0]?.grpc),
    KERNEL_TOKEN: stage.stack.credentials.sysadmin,
  };
  const command = [
    'subscription',
    'cancel',
    workspace.tenantId,
    '--at-once',
    '--actor',
    'usr_alice',
    '--reason',
    'fraud',
  ];
  expect(await runKernel(kernel, 'kernel/cli/main.ts', ...command).ended).toMatchObject({ code: 0, stderr: '' });
  await workspace.expectState({ plan_code: 'free', included_remaining: 0, subscription: { status: 'ended' } });
  expect(await workspace.statesAtStripe()).toEqual(['canceled']);
  expect(await workspace.charged()).toEqual([14_900]);
  // Who was a customer can be one again.
  expect(await workspace.post('/subscription', { plan_code: 'pro' })).toMatchObject({ outcome: 'done' });
  await workspace.expectState({ plan_code: 'pro', included_remaining: 5 * CREDIT });
});

test('a workspace that is closed pays no more', async () => {
  const end = await buy('pro');
  await workspace.close();
  await expect.poll(() => workspace.statesAtStripe()).toEqual(['canceled']);
  await workspace.close();
  await stage.advanceTo(end, 2 * HOUR_MS);
  expect(await workspace.charged()).toEqual([4_900]);
});
