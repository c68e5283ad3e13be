// The endpoints of subscriptions and payment methods, to the letter.

import { BillingInterval } from '../../../gen/wheelhouse/catalog/v1/plan.ts';
import { Bucket } from '../../../gen/wheelhouse/common/v1/bucket.ts';
import {
  ListPaymentMethodsResponse,
  OpenPortalResponse,
  SetDefaultPaymentMethodResponse,
  StartSetupResponse,
} from '../../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import { DiscountDuration } from '../../../gen/wheelhouse/promotion/v1/promotion.ts';
import { PlanChangeKind } from '../../../gen/wheelhouse/subscription/v1/plan_change.ts';
import { SubscriptionStatus } from '../../../gen/wheelhouse/subscription/v1/subscription.ts';
import { ChangeOutcome } from '../../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import {
  ActivateSubscriptionResponse,
  CancelSubscriptionResponse,
  ChangePlanResponse,
  ConvertTrialNowResponse,
  GetSubscriptionResponse,
  PreviewPlanChangeResponse,
  RefreshSubscriptionResponse,
  ResumeSubscriptionResponse,
} from '../../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { type Case, KEY, TIME, TIME_TEXT, TRIAL, TRIAL_JSON } from './endpoint-case.ts';
import { TENANT_ID } from './issuer-peer.ts';

const PATH = '/v1/billing/subscription';
const LATER = new Date('2026-02-02T03:04:05.678Z');
const LATER_TEXT = '2026-02-02T03:04:05.678Z';
const usd = (minorUnits: bigint) => ({ minorUnits, currencyCode: 'usd' });

export const SUBSCRIPTION = {
  stripeSubscriptionId: 'sub_1',
  planCode: 'pro',
  status: SubscriptionStatus.ACTIVE,
  price: usd(2_900n),
  interval: BillingInterval.MONTH,
  intervalCount: 1,
  includedMicrocreditsPerCycle: 100_000_000n,
  periodStartTime: TIME,
  periodEndTime: LATER,
  fallbackPlanCode: 'free',
  startTime: TIME,
};
export const SUBSCRIPTION_JSON = {
  stripe_subscription_id: 'sub_1',
  plan_code: 'pro',
  status: 'active',
  amount: 2900,
  currency: 'usd',
  interval: 'month',
  interval_count: 1,
  included_microcredits_per_cycle: 100000000,
  period_start_time: TIME_TEXT,
  period_end_time: LATER_TEXT,
  cancel_time: null,
  pending_change: null,
  grace_end_time: null,
  payment_failure_code: null,
  payment_url: null,
  fallback_plan_code: 'free',
  start_time: TIME_TEXT,
  end_time: null,
  discounts: [],
};
/** Everything that a subscription can show. */
const FULL = {
  ...SUBSCRIPTION,
  status: SubscriptionStatus.PAST_DUE,
  cancelTime: LATER,
  pendingChange: {
    ...{ planCode: 'plus_annual', price: usd(99_000n), interval: BillingInterval.YEAR, intervalCount: 1 },
    effectiveTime: LATER,
  },
  graceEndTime: LATER,
  paymentFailureCode: 'card_declined',
  paymentUrl: 'https://invoice.stripe.com/i/1',
  endTime: LATER,
  discounts: [
    { discount: { percentOff: '12.5', duration: DiscountDuration.REPEATING, durationMonths: 3 }, endTime: LATER },
    { discount: { amountOff: usd(500n), duration: DiscountDuration.ONCE } },
  ],
};
const FULL_JSON = {
  ...SUBSCRIPTION_JSON,
  status: 'past_due',
  cancel_time: LATER_TEXT,
  pending_change: {
    plan_code: 'plus_annual',
    ...{ amount: 99000, currency: 'usd', interval: 'year', interval_count: 1 },
    effective_time: LATER_TEXT,
  },
  grace_end_time: LATER_TEXT,
  payment_failure_code: 'card_declined',
  payment_url: 'https://invoice.stripe.com/i/1',
  end_time: LATER_TEXT,
  discounts: [
    { percent_off: '12.5', amount_off: null, duration: 'repeating', duration_months: 3, end_time: LATER_TEXT },
    {
      ...{ percent_off: null, amount_off: { amount: 500, currency: 'usd' } },
      ...{ duration: 'once', duration_months: null, end_time: null },
    },
  ],
};
export const CHANGE = { outcome: ChangeOutcome.DONE, planCode: 'pro', subscription: SUBSCRIPTION };
const CHANGE_JSON = { outcome: 'done', action_url: null, plan_code: 'pro', subscription: SUBSCRIPTION_JSON };
export const PREVIEW = {
  kind: PlanChangeKind.UPGRADE,
  fromPlanCode: 'pro',
  toPlanCode: 'plus',
  effectiveTime: TIME,
  dueNow: usd(3_500n),
  nextCycle: usd(9_900n),
  nextCycleTime: LATER,
  bucketEffects: [
    { bucket: Bucket.TRIAL, beforeMicrocredits: 0n, afterMicrocredits: 0n },
    { bucket: Bucket.INCLUDED, beforeMicrocredits: 40_000_000n, afterMicrocredits: 90_000_000n },
    { bucket: Bucket.PAYG, beforeMicrocredits: 7n, afterMicrocredits: 7n },
  ],
};
const PREVIEW_JSON = {
  kind: 'upgrade',
  from_plan_code: 'pro',
  to_plan_code: 'plus',
  effective_time: TIME_TEXT,
  due_now: { amount: 3500, currency: 'usd' },
  next_cycle: { amount: 9900, currency: 'usd', start_time: LATER_TEXT },
  buckets: {
    trial: { before_microcredits: 0, after_microcredits: 0 },
    included: { before_microcredits: 40000000, after_microcredits: 90000000 },
    payg: { before_microcredits: 7, after_microcredits: 7 },
  },
};
const CARD = {
  ...{ stripePaymentMethodId: 'pm_1', type: 'card', isDefault: true },
  ...{ cardBrand: 'visa', cardLast4: '4242', cardExpireMonth: 12, cardExpireYear: 2030 },
};
const CARD_JSON = {
  payment_method_id: 'pm_1',
  type: 'card',
  card: { brand: 'visa', last4: '4242', expire_month: 12, expire_year: 2030 },
  is_default: true,
};
const ACCOUNT = { stripePaymentMethodId: 'pm_2', type: 'sepa_debit' };
const ACCOUNT_JSON = { payment_method_id: 'pm_2', type: 'sepa_debit', card: null, is_default: false };
const WRITE = { requestId: KEY, tenantId: TENANT_ID };

export const SUBSCRIPTION_CASES: readonly Case[] = [
  {
    request: ['GET', PATH],
    rpc: 'getSubscription',
    asked: { tenantId: TENANT_ID },
    answered: GetSubscriptionResponse.fromPartial({
      ...{ planCode: 'pro', subscription: FULL, trial: TRIAL, asOfTime: TIME },
    }),
    status: 200,
    json: { plan_code: 'pro', subscription: FULL_JSON, trial: TRIAL_JSON, as_of_time: TIME_TEXT },
  },
  {
    request: ['POST', PATH, { plan_code: 'pro' }],
    rpc: 'activateSubscription',
    asked: { ...WRITE, planCode: 'pro', hostedPage: false, promotionCode: '', returnPath: '' },
    answered: ActivateSubscriptionResponse.fromPartial({ change: CHANGE }),
    status: 200,
    json: CHANGE_JSON,
  },
  {
    request: [
      'POST',
      PATH,
      { plan_code: 'pro', hosted_page: true, promotion_code: 'WELCOME-10', return_path: '/billing?tab=plan#top' },
    ],
    rpc: 'activateSubscription',
    asked: {
      ...{ ...WRITE, planCode: 'pro', hostedPage: true },
      ...{ promotionCode: 'WELCOME-10', returnPath: '/billing?tab=plan#top' },
    },
    answered: ActivateSubscriptionResponse.fromPartial({
      change: {
        outcome: ChangeOutcome.ACTION_REQUIRED,
        actionUrl: 'https://checkout.stripe.com/c/1',
        planCode: 'free',
      },
    }),
    status: 200,
    json: {
      ...{ outcome: 'action_required', action_url: 'https://checkout.stripe.com/c/1' },
      ...{ plan_code: 'free', subscription: null },
    },
  },
  {
    request: ['POST', `${PATH}/preview`, { plan_code: 'plus' }],
    rpc: 'previewPlanChange',
    asked: { tenantId: TENANT_ID, planCode: 'plus' },
    answered: PreviewPlanChangeResponse.fromPartial({ preview: PREVIEW }),
    status: 200,
    json: PREVIEW_JSON,
  },
  {
    request: ['POST', `${PATH}/change-plan`, { plan_code: 'plus' }],
    rpc: 'changePlan',
    asked: { ...WRITE, planCode: 'plus' },
    answered: ChangePlanResponse.fromPartial({ change: { ...CHANGE, outcome: ChangeOutcome.PENDING } }),
    status: 202,
    json: { ...CHANGE_JSON, outcome: 'pending' },
  },
  {
    request: ['POST', `${PATH}/cancel`],
    rpc: 'cancelSubscription',
    asked: { ...WRITE, atOnce: false, actor: '', reason: '' },
    answered: CancelSubscriptionResponse.fromPartial({ change: CHANGE }),
    status: 200,
    json: CHANGE_JSON,
  },
  {
    request: ['POST', `${PATH}/cancel`, { at_once: true }],
    rpc: 'cancelSubscription',
    asked: { ...WRITE, atOnce: true, actor: '', reason: '' },
    answered: CancelSubscriptionResponse.fromPartial({ change: CHANGE }),
    status: 200,
    json: CHANGE_JSON,
  },
  {
    request: ['POST', `${PATH}/resume`],
    rpc: 'resumeSubscription',
    asked: WRITE,
    answered: ResumeSubscriptionResponse.fromPartial({ change: CHANGE }),
    status: 200,
    json: CHANGE_JSON,
  },
  {
    request: ['POST', `${PATH}/convert-trial-now`, { hosted_page: true, return_path: '/' }],
    rpc: 'convertTrialNow',
    asked: { ...WRITE, hostedPage: true, returnPath: '/' },
    answered: ConvertTrialNowResponse.fromPartial({ change: CHANGE }),
    status: 200,
    json: CHANGE_JSON,
  },
  {
    request: ['POST', `${PATH}/refresh`],
    rpc: 'refreshSubscription',
    asked: { tenantId: TENANT_ID },
    answered: RefreshSubscriptionResponse.fromPartial({ planCode: 'free', asOfTime: TIME }),
    status: 200,
    json: { plan_code: 'free', subscription: null, trial: null, as_of_time: TIME_TEXT },
  },
  {
    request: ['POST', '/v1/billing/payment-methods/setup'],
    rpc: 'startSetup',
    asked: { ...WRITE, hostedPage: false, consentToCharge: false, returnPath: '' },
    answered: StartSetupResponse.fromPartial({ clientSecret: 'seti_1_secret_2' }),
    status: 200,
    json: { url: null, client_secret: 'seti_1_secret_2' },
  },
  {
    request: [
      'POST',
      '/v1/billing/payment-methods/setup',
      { hosted_page: true, consent_to_charge: true, return_path: '/billing' },
    ],
    rpc: 'startSetup',
    asked: { ...WRITE, hostedPage: true, consentToCharge: true, returnPath: '/billing' },
    answered: StartSetupResponse.fromPartial({ url: 'https://checkout.stripe.com/c/2' }),
    status: 200,
    json: { url: 'https://checkout.stripe.com/c/2', client_secret: null },
  },
  {
    request: ['GET', '/v1/billing/payment-methods'],
    rpc: 'listPaymentMethods',
    asked: { tenantId: TENANT_ID },
    answered: ListPaymentMethodsResponse.fromPartial({ paymentMethods: [CARD, ACCOUNT] }),
    status: 200,
    json: { payment_methods: [CARD_JSON, ACCOUNT_JSON] },
  },
  {
    request: ['PUT', '/v1/billing/payment-methods/default', { payment_method_id: 'pm_1' }],
    rpc: 'setDefaultPaymentMethod',
    asked: { ...WRITE, stripePaymentMethodId: 'pm_1' },
    answered: SetDefaultPaymentMethodResponse.fromPartial({ paymentMethod: CARD }),
    status: 200,
    json: CARD_JSON,
  },
  {
    request: ['POST', '/v1/billing/portal', { return_path: '/billing' }],
    rpc: 'openPortal',
    asked: { ...WRITE, returnPath: '/billing' },
    answered: OpenPortalResponse.fromPartial({ url: 'https://billing.stripe.com/p/1' }),
    status: 200,
    json: { url: 'https://billing.stripe.com/p/1' },
  },
];
