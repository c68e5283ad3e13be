// Subscriptions and payment methods over REST: what is told of a change, and which input and which answers are refused.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BillingInterval, type BillingInterval as Interval } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import { OpenPortalResponse, StartSetupResponse } from '../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import { type PlanChangeKind as Kind, PlanChangeKind } from '../../gen/wheelhouse/subscription/v1/plan_change.ts';
import {
  type SubscriptionStatus as Status,
  SubscriptionStatus,
} from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import {
  ChangeOutcome,
  type ChangeOutcome as Outcome,
} from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import {
  ChangePlanResponse,
  GetSubscriptionResponse,
  PreviewPlanChangeResponse,
} from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { StartTrialResponse } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { TIME, TRIAL, TRIAL_JSON } from './support/endpoint-case.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { type HttpAnswer, Stage } from './support/stage.ts';
import { CHANGE, PREVIEW, SUBSCRIPTION, SUBSCRIPTION_JSON } from './support/subscription-case.ts';

const PATH = '/v1/billing/subscription';
const BEYOND = 2n ** 53n;

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => stage.kernel.reset());

function write(method: string, path: string, body?: unknown): Promise<HttpAnswer> {
  return stage.write(method, path, body, { 'x-workspace-id': TENANT_ID });
}

async function expectUnshowable(answer: Promise<HttpAnswer>): Promise<void> {
  expect((await answer).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
}

describe('a change', () => {
  test.each([
    [ChangeOutcome.DONE, 200, 'done'],
    [ChangeOutcome.ACTION_REQUIRED, 200, 'action_required'],
    [ChangeOutcome.PENDING, 202, 'pending'],
  ] as const)('that came to %i is answered %i, also by its retry', async (outcome, status, text) => {
    stage.kernel.answers.changePlan = () =>
      ChangePlanResponse.fromPartial({ change: { ...CHANGE, outcome, replayed: true } });

    const answer = await write('POST', `${PATH}/change-plan`, { plan_code: 'plus' });

    expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([status, 'true']);
    expect(answer.json()).toMatchObject({ outcome: text });
  });

  test.each([
    ['without outcome', { ...CHANGE, outcome: ChangeOutcome.UNSPECIFIED }],
    ['that leads to no page', { ...CHANGE, actionUrl: 'javascript:alert(1)' }],
    ['of an outcome that nobody knows', { ...CHANGE, outcome: 77 as Outcome }],
    ['that is absent', undefined],
  ])('%s is not shown', async (_, change) => {
    stage.kernel.answers.changePlan = () => ChangePlanResponse.fromPartial({ ...(change && { change }) });

    await expectUnshowable(write('POST', `${PATH}/change-plan`, { plan_code: 'plus' }));
  });
});

describe('a subscription', () => {
  const get = (changes: object): Promise<HttpAnswer> => {
    const subscription = { ...SUBSCRIPTION, ...changes };
    stage.kernel.answers.getSubscription = () =>
      GetSubscriptionResponse.fromPartial({ planCode: 'pro', asOfTime: TIME, subscription });
    return stage.get(PATH);
  };

  test.each([
    [SubscriptionStatus.ACTIVE, 'active'],
    [SubscriptionStatus.RENEWAL_PENDING, 'renewal_pending'],
    [SubscriptionStatus.PAST_DUE, 'past_due'],
    [SubscriptionStatus.ENDED, 'ended'],
  ] as const)('of status %i is %s', async (status, text) => {
    expect((await get({ status })).json()).toMatchObject({ subscription: { ...SUBSCRIPTION_JSON, status: text } });
  });

  test.each([
    ['no status', { status: SubscriptionStatus.UNSPECIFIED }],
    ['a status that nobody knows', { status: 77 as Status }],
    ['no interval', { interval: BillingInterval.UNSPECIFIED }],
    ['an interval that nobody knows', { interval: 77 as Interval }],
    ['no price', { price: undefined }],
    ['a price beyond what a number holds', { price: { minorUnits: BEYOND, currencyCode: 'usd' } }],
    ['credits beyond what a number holds', { includedMicrocreditsPerCycle: BEYOND }],
    ['a page to pay on that is none', { paymentUrl: 'pay here' }],
    ['no period', { periodEndTime: undefined }],
    ['a discount that takes off nothing', { discounts: [{}] }],
    ['a discount for no time', { discounts: [{ discount: { percentOff: '1' } }] }],
    ['a change that waits for no time', { pendingChange: { ...SUBSCRIPTION, effectiveTime: undefined } }],
  ])('with %s is not shown', async (_, changes) => {
    await expectUnshowable(get(changes));
  });
});

describe('a preview', () => {
  const preview = (changes: object): Promise<HttpAnswer> => {
    stage.kernel.answers.previewPlanChange = () =>
      PreviewPlanChangeResponse.fromPartial({ preview: { ...PREVIEW, ...changes } });
    return write('POST', `${PATH}/preview`, { plan_code: 'plus' });
  };

  test.each([
    [PlanChangeKind.ACTIVATION, 'activation'],
    [PlanChangeKind.UPGRADE, 'upgrade'],
    [PlanChangeKind.DOWNGRADE, 'downgrade'],
    [PlanChangeKind.CANCELLATION, 'cancellation'],
    [PlanChangeKind.RESUMPTION, 'resumption'],
  ] as const)('of kind %i is %s', async (kind, text) => {
    expect((await preview({ kind })).json()).toMatchObject({ kind: text });
  });

  test('of a cancellation has no next cycle', async () => {
    const answer = await preview({ nextCycle: undefined, nextCycleTime: undefined });

    expect(answer.json()).toMatchObject({ next_cycle: null });
  });

  test.each([
    ['no kind', { kind: PlanChangeKind.UNSPECIFIED }],
    ['a kind that nobody knows', { kind: 77 as Kind }],
    ['nothing that is due', { dueNow: undefined }],
    ['a next cycle at no time', { nextCycleTime: undefined }],
    ['a bucket left out', { bucketEffects: PREVIEW.bucketEffects.slice(1) }],
  ])('with %s is not shown', async (_, changes) => {
    await expectUnshowable(preview(changes));
  });
});

describe('a page', () => {
  test.each([
    ['nowhere', {}],
    ['in two places', { url: 'https://checkout.stripe.com/c/1', clientSecret: 'seti_1_secret_2' }],
    ['no page', { url: 'javascript:alert(1)' }],
  ])('to store a card that is %s is not shown', async (_, answered) => {
    stage.kernel.answers.startSetup = () => StartSetupResponse.fromPartial(answered);

    await expectUnshowable(write('POST', '/v1/billing/payment-methods/setup'));
  });

  test.each(['', 'portal', 'javascript:alert(1)', '//billing.stripe.com'])(
    'of the portal at "%s" is not shown',
    async (url) => {
      stage.kernel.answers.openPortal = () => OpenPortalResponse.fromPartial({ url });

      await expectUnshowable(write('POST', '/v1/billing/portal'));
    },
  );
});

describe('a body', () => {
  const PLAN = { plan_code: 'pro' };
  const LEADS_AWAY = [
    ...['', 'billing', '//evil.example', '/\\evil.example', '\\\\evil.example', 'https://evil.example/billing'],
    ...['javascript:alert(1)', '/a b', '/ä', '/a\nb', `/${'a'.repeat(1_024)}`],
  ];

  test.each([
    [PATH, PLAN],
    [`${PATH}/convert-trial-now`, {}],
    ['/v1/billing/payment-methods/setup', {}],
    ['/v1/billing/portal', {}],
  ] as const)('of %s leads back to no other site', async (path, body) => {
    for (const returnPath of LEADS_AWAY) {
      const answer = await write('POST', path, { ...body, return_path: returnPath });
      expect([returnPath, answer.problem().errors]).toEqual([
        returnPath,
        [{ field: 'return_path', message: expect.stringContaining('a path of the Console') }],
      ]);
    }
    expect(stage.kernel.calls).toEqual([]);
  });

  test.each([
    ['POST', PATH, {}, 'plan_code'],
    ['POST', PATH, { plan_code: '' }, 'plan_code'],
    ['POST', PATH, { plan_code: { $ne: 'free' } }, 'plan_code'],
    ['POST', PATH, { ...PLAN, hosted_page: 'true' }, 'hosted_page'],
    ['POST', PATH, { ...PLAN, hosted_page: null }, 'hosted_page'],
    ['POST', PATH, { ...PLAN, promotion_code: '' }, 'promotion_code'],
    ['POST', PATH, { ...PLAN, promotion_code: 'A B' }, 'promotion_code'],
    ['POST', PATH, { ...PLAN, promotion_code: 'x'.repeat(129) }, 'promotion_code'],
    ['POST', PATH, { ...PLAN, stripe_price_id: 'price_1' }, 'stripe_price_id'],
    ['POST', PATH, { ...PLAN, amount: 0 }, 'amount'],
    ['POST', `${PATH}/preview`, {}, 'plan_code'],
    ['POST', `${PATH}/change-plan`, {}, 'plan_code'],
    ['POST', `${PATH}/change-plan`, { ...PLAN, at_once: true }, 'at_once'],
    ['POST', `${PATH}/cancel`, { at_once: 1 }, 'at_once'],
    ['POST', `${PATH}/cancel`, { reason: 'x' }, 'reason'],
    ['POST', '/v1/billing/payment-methods/setup', { consent_to_charge: 'yes' }, 'consent_to_charge'],
    ['PUT', '/v1/billing/payment-methods/default', {}, 'payment_method_id'],
    ['PUT', '/v1/billing/payment-methods/default', { payment_method_id: '../pm' }, 'payment_method_id'],
    ['POST', '/v1/billing/trial', { consent_to_charge: 1 }, 'consent_to_charge'],
  ])('%s %s %j is refused', async (method, path, body, field) => {
    const answer = await write(method, path, body);

    expect(answer.problem()).toMatchObject({ status: 400, reason: 'INVALID_FIELD', errors: [{ field }] });
    expect(stage.kernel.calls).toEqual([]);
  });
});

describe('the consent to be charged', () => {
  test('is passed on with the start of a trial, and shown once it is recorded', async () => {
    stage.kernel.answers.startTrial = () => StartTrialResponse.fromPartial({ trial: TRIAL });

    const answer = await write('POST', '/v1/billing/trial', { consent_to_charge: true });

    expect(stage.kernel.calls).toMatchObject([{ request: { consentToCharge: true } }]);
    expect(answer.json()).toEqual(TRIAL_JSON);
  });

  test('of nobody is shown as none', async () => {
    stage.kernel.answers.startTrial = () =>
      StartTrialResponse.fromPartial({ trial: { ...TRIAL, consentTime: undefined } });

    expect((await write('POST', '/v1/billing/trial')).json()).toEqual({ ...TRIAL_JSON, consent_time: null });
  });
});
