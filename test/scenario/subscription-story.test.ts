// The commercial life of a workspace: a trial, its conversion, an upgrade, a downgrade, and the end of it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PlanChangePreviewJson } from '../../bff/convert-subscription.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, openStage, type StoryStage } from '../support/story-stage.ts';
import { CREDIT, StoryWorkspace } from '../support/story-workspace.ts';

/** Seconds pass between a preview and the change: of 75 credits and 450 dollars over a month, so much at most. */
const CREDITS_SLACK = 2_000;
const CENTS_SLACK = 2;

let stage: StoryStage;

beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.stop());

/** A preview of a change; its shape is the BFF's own. */
async function preview(workspace: StoryWorkspace, planCode: string): Promise<PlanChangePreviewJson> {
  return (await workspace.post('/subscription/preview', { plan_code: planCode })) as unknown as PlanChangePreviewJson;
}

test('free, a trial, converted early, upgraded, downgraded, canceled, and free again with PAYG intact', async () => {
  const workspace = await StoryWorkspace.free(stage);
  await workspace.grantPayg(7 * CREDIT);
  expect(await workspace.post('/trial', { plan_code: 'pro' })).toMatchObject({ plan_code: 'pro', status: 'active' });
  await workspace.expectState({ plan_code: 'pro', trial_remaining: 5 * CREDIT, payg_remaining: 7 * CREDIT });

  await workspace.storeCard();
  const conversion = await preview(workspace, 'pro');
  expect(conversion).toMatchObject({
    ...{ kind: 'activation', due_now: { amount: 4_900, currency: 'usd' } },
    buckets: { trial: { after_microcredits: 0 }, included: { after_microcredits: 5 * CREDIT } },
  });
  const converted = await workspace.post('/subscription/convert-trial-now');
  expect(converted).toMatchObject({ outcome: 'done', plan_code: 'pro', subscription: { status: 'active' } });
  const paidPro = { included_remaining: 5 * CREDIT, payg_remaining: 7 * CREDIT, trial_remaining: 0 };
  await workspace.expectState({ plan_code: 'pro', ...paidPro, trial: { status: 'ended', remaining_microcredits: 0 } });
  expect(await workspace.charged()).toEqual([4_900]);
  const cycleEnd = Date.parse(String((await workspace.state()).subscription?.period_end_time));
  expect(Math.abs(cycleEnd - Date.parse(String(conversion.next_cycle?.start_time)))).toBeLessThan(MINUTE_MS);
  expect(await workspace.refused('/trial', { plan_code: 'pro' })).toMatchObject({
    ...{ status: 409, reason: 'TRIAL_ALREADY_USED' },
  });

  await stage.advance(10 * DAY_MS);
  await workspace.use(2);
  const upgrade = await preview(workspace, 'max');
  expect(upgrade).toMatchObject({ kind: 'upgrade', from_plan_code: 'pro', to_plan_code: 'max' });
  expect(upgrade.buckets).toMatchObject({
    trial: { before_microcredits: 0, after_microcredits: 0 },
    included: { before_microcredits: 3 * CREDIT },
    payg: { before_microcredits: 7 * CREDIT, after_microcredits: 7 * CREDIT },
  });
  const upgraded = await workspace.post('/subscription/change-plan', { plan_code: 'max' });
  expect(upgraded).toMatchObject({ outcome: 'done', plan_code: 'max' });
  const { included_remaining: included, subscription } = await workspace.state();
  expect(Math.abs(included - upgrade.buckets.included.after_microcredits)).toBeLessThan(CREDITS_SLACK);
  const [, difference = 0] = await workspace.charged();
  expect(Math.abs(difference - upgrade.due_now.amount)).toBeLessThanOrEqual(CENTS_SLACK);
  expect(upgrade.next_cycle).toEqual({
    ...{ amount: 49_900, currency: 'usd', start_time: subscription?.period_end_time },
  });

  const downgrade = await preview(workspace, 'pro');
  expect(downgrade).toMatchObject({
    ...{ kind: 'downgrade', effective_time: subscription?.period_end_time, due_now: { amount: 0, currency: 'usd' } },
    next_cycle: { amount: 4_900 },
    buckets: { included: { after_microcredits: 5 * CREDIT }, payg: { after_microcredits: 7 * CREDIT } },
  });
  expect(await workspace.post('/subscription/change-plan', { plan_code: 'pro' })).toMatchObject({
    ...{ outcome: 'done', plan_code: 'max' },
    subscription: { pending_change: { plan_code: 'pro', amount: 4_900, effective_time: downgrade.effective_time } },
  });
  expect(await workspace.state()).toMatchObject({ plan_code: 'max', included_remaining: included });
  await stage.advanceTo(downgrade.effective_time, 2 * HOUR_MS);
  await workspace.expectState({ plan_code: 'pro', ...paidPro, subscription: { pending_change: null } });
  expect(await workspace.charged()).toEqual([4_900, difference, 4_900]);

  const canceled = await workspace.post('/subscription/cancel');
  const { subscription: last } = await workspace.state();
  expect(canceled).toMatchObject({ outcome: 'done', subscription: { cancel_time: last?.period_end_time } });
  await workspace.expectState({ plan_code: 'pro', ...paidPro });
  await stage.advanceTo(last?.period_end_time ?? null, 2 * HOUR_MS);
  await workspace.expectState({
    ...{ plan_code: 'free', included_remaining: 0, trial_remaining: 0, payg_remaining: 7 * CREDIT },
    subscription: { status: 'ended', end_time: last?.period_end_time },
  });
  expect(await workspace.charged()).toHaveLength(3);
  expect(await workspace.statesAtStripe()).toEqual(['canceled']);
  await workspace.expectSound();
});
