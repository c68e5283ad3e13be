// SubscriptionService and PaymentMethodService on the wire: what the use cases are asked, what is made of their answers, which input
// never reaches them, and what a kernel without Stripe says. The use cases are stand-ins; what they do is tested elsewhere.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BillingInterval } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import {
  OpenPortalRequest,
  PaymentMethodServiceService as Payments,
  SetDefaultPaymentMethodRequest,
  StartSetupRequest,
} from '../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import { DiscountDuration } from '../../gen/wheelhouse/promotion/v1/promotion.ts';
import { PlanChangeKind } from '../../gen/wheelhouse/subscription/v1/plan_change.ts';
import { SubscriptionStatus } from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import {
  ActivateSubscriptionRequest,
  CancelSubscriptionRequest,
  ConvertTrialNowRequest,
  PreviewPlanChangeRequest,
  ProvisionContractRequest,
  ResumeSubscriptionRequest,
  SubscriptionServiceService as Subscriptions,
} from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { StartTrialRequest, TrialServiceService } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import {
  CloseTenantRequest,
  SetTenantSuspensionRequest,
  TenantServiceService,
} from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import type {
  PaymentMethods,
  SubscriptionChange,
  Subscriptions as SubscriptionUseCases,
  SubscriptionView,
} from '../../kernel/app/subscription/use-case.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import type { CycleTerms } from '../../kernel/domain/subscription.ts';
import { admitPeople, type Callers, callersOf, OPERATOR, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { composeKernel, type KernelFixture, newRequestId } from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { override } from './support/override.ts';
import { trialCallsOf } from './support/trial.ts';

const AT = Date.UTC(2026, 0, 31);
const LATER = Date.UTC(2026, 1, 28);
const PRO = 'pro' as PlanCode;
const TERMS = {
  ...{ planCode: PRO, stripePriceId: 'price_1', minorUnits: 2_900n, currency: 'usd' },
  ...{ interval: 'month', intervalCount: 1, includedPerCycle: 7n },
} as const satisfies CycleTerms;
const SUBSCRIPTION: SubscriptionView = {
  ...TERMS,
  ...{ rolloverLimit: 0n, graceMs: 0, pastDueEnd: 'fallback' },
  ...{ stripeSubscriptionId: 'sub_1', status: 'past_due', fallbackPlanCode: 'free' as PlanCode },
  ...{ startedAt: AT, periodStart: AT, periodEnd: LATER, paidAllowance: 7n, graceEndsAt: LATER, cancelAt: LATER },
  ...{ failureCode: 'card_declined', paymentUrl: 'https://invoice.stripe.com/i/1' },
  pending: { terms: { ...TERMS, interval: 'year' as const }, effectiveAt: LATER },
  discounts: [
    {
      reduction: { kind: 'percent', percent: { millionths: 12_500_000n } },
      ...{ duration: 'repeating', durationMonths: 3, endsAt: LATER },
    },
    { reduction: { kind: 'amount', minorUnits: 100n, currency: 'usd' }, duration: 'once' },
  ],
};
const CHANGE: SubscriptionChange = { outcome: 'done', planCode: PRO, subscription: SUBSCRIPTION, replayed: true };

/** What the use cases were asked. */
const asked: { readonly method: string; readonly args: readonly unknown[] }[] = [];

/** Answers every call with the same, and notes what was asked. */
function standIn<UseCases extends object>(real: UseCases, answers: Readonly<Record<string, unknown>>): UseCases {
  const methods = Object.entries(answers).map(([method, answer]) => [
    method,
    (...args: readonly unknown[]) => {
      asked.push({ method, args });
      return Promise.resolve(answer);
    },
  ]);
  // Each answer has the type that its method promises; the tests hold what is made of it.
  return override(real, Object.fromEntries(methods) as Partial<UseCases>);
}

const subscriptions = (real: SubscriptionUseCases) =>
  standIn(real, {
    getSubscription: { planCode: PRO, subscription: SUBSCRIPTION, asOf: AT },
    activate: CHANGE,
    changePlan: { ...CHANGE, outcome: 'pending' },
    cancel: CHANGE,
    resume: CHANGE,
    convertTrialNow: { ...CHANGE, outcome: 'action_required', actionUrl: 'https://checkout.stripe.com/c/1' },
    provisionContract: CHANGE,
    refresh: { planCode: PRO, asOf: AT },
    previewChange: {
      ...{ kind: 'upgrade', fromPlanCode: PRO, toPlanCode: 'plus', effectiveAt: AT, nextCycleAt: LATER },
      dueNow: { minorUnits: 1n, currency: 'usd' },
      nextCycle: { minorUnits: 2n, currency: 'usd' },
      buckets: [{ bucket: 'included', before: 3n, after: 4n }],
    },
  });
const paymentMethods = (real: PaymentMethods) =>
  standIn(real, {
    startSetup: { kind: 'page', url: 'https://checkout.stripe.com/c/2' },
    list: [
      {
        ...{ stripePaymentMethodId: 'pm_1', type: 'card', isDefault: true },
        card: { brand: 'visa', last4: '4242', expireMonth: 12, expireYear: 2030 },
      },
      { stripePaymentMethodId: 'pm_2', type: 'sepa_debit', isDefault: false },
    ],
    setDefault: { stripePaymentMethodId: 'pm_2', type: 'sepa_debit', isDefault: true },
    openPortal: 'https://billing.stripe.com/p/1',
  });

let kernel: KernelFixture;
let callers: Callers;
let tenantId: string;

beforeAll(async () => {
  kernel = await composeKernel({ subscriptions, paymentMethods });
  callers = callersOf(kernel);
  tenantId = await callers.openTenant();
  await admitPeople(callers, tenantId);
});
afterEach(() => expectLedgerClean(callers));
afterAll(() => kernel.close());
beforeEach(() => {
  asked.length = 0;
});

const admin = () => personIn(tenantId, 'tenant_admin');
const tenant = () => ({ tenantId, productCode: 'agentruntime' });
const person = { userId: expect.stringMatching(/^usr_/), origin: { logId: expect.any(String) } };
const contextOf = (requestId: string) => expect.objectContaining({ callerScope: expect.any(String), requestId });
const SUBSCRIPTION_MESSAGE = {
  stripeSubscriptionId: 'sub_1',
  planCode: 'pro',
  status: SubscriptionStatus.PAST_DUE,
  price: { minorUnits: 2_900n, currencyCode: 'usd' },
  interval: BillingInterval.MONTH,
  intervalCount: 1,
  includedMicrocreditsPerCycle: 7n,
  periodStartTime: new Date(AT),
  periodEndTime: new Date(LATER),
  cancelTime: new Date(LATER),
  pendingChange: {
    planCode: 'pro',
    price: { minorUnits: 2_900n, currencyCode: 'usd' },
    ...{ interval: BillingInterval.YEAR, intervalCount: 1, effectiveTime: new Date(LATER) },
  },
  graceEndTime: new Date(LATER),
  paymentFailureCode: 'card_declined',
  paymentUrl: 'https://invoice.stripe.com/i/1',
  fallbackPlanCode: 'free',
  startTime: new Date(AT),
  endTime: undefined,
  discounts: [
    {
      discount: { percentOff: '12.5', amountOff: undefined, duration: DiscountDuration.REPEATING, durationMonths: 3 },
      endTime: new Date(LATER),
    },
    {
      discount: {
        ...{ percentOff: '', amountOff: { minorUnits: 100n, currencyCode: 'usd' } },
        ...{ duration: DiscountDuration.ONCE, durationMonths: 0 },
      },
      endTime: undefined,
    },
  ],
};
const CHANGE_MESSAGE = {
  ...{ outcome: ChangeOutcome.DONE, actionUrl: '', planCode: 'pro', replayed: true },
  subscription: SUBSCRIPTION_MESSAGE,
};

describe('a call about the subscription', () => {
  test('reads what the workspace has, for a service of the platform too', async () => {
    const expected = { planCode: 'pro', trial: undefined, asOfTime: new Date(AT), subscription: SUBSCRIPTION_MESSAGE };
    expect(await callers.internal.call(Subscriptions.getSubscription, { tenantId })).toEqual(expected);
    expect(asked).toEqual([{ method: 'getSubscription', args: [tenant(), { mayPay: true }] }]);
  });

  test.each([
    ['tenant_admin', true],
    ['project_contributor', false],
  ])('of a %s reads with where to pay: %s', async (role, mayPay) => {
    await callers.bff.call(Subscriptions.getSubscription, { tenantId }, personIn(tenantId, role));
    expect(asked).toEqual([{ method: 'getSubscription', args: [tenant(), { mayPay }] }]);
  });

  test('buys a plan, with the page and the code that are asked for', async () => {
    const fields = { planCode: 'pro', hostedPage: true, promotionCode: 'WELCOME', returnPath: '/billing?tab=1' };
    const request = ActivateSubscriptionRequest.fromPartial({ requestId: 'r-1', tenantId, ...fields });
    expect(await callers.bff.call(Subscriptions.activateSubscription, request, admin())).toEqual({
      change: CHANGE_MESSAGE,
    });
    const input = { planCode: 'pro', isHosted: true, promotionCode: 'WELCOME', returnPath: '/billing?tab=1' };
    expect(asked).toEqual([{ method: 'activate', args: [tenant(), input, person, contextOf('r-1')] }]);
  });

  test('buys a plan by the stored card, and comes back to the front page, where nothing else is said', async () => {
    const request = ActivateSubscriptionRequest.fromPartial({ requestId: 'r-2', tenantId, planCode: 'pro' });
    await callers.bff.call(Subscriptions.activateSubscription, request, admin());
    expect(asked[0]?.args[1]).toEqual({ planCode: 'pro', isHosted: false, returnPath: '/' });
  });

  test('previews a change, and changes the plan', async () => {
    const preview = PreviewPlanChangeRequest.fromPartial({ tenantId, planCode: 'plus' });
    expect(await callers.bff.call(Subscriptions.previewPlanChange, preview, admin())).toEqual({
      preview: {
        ...{ kind: PlanChangeKind.UPGRADE, fromPlanCode: 'pro', toPlanCode: 'plus', effectiveTime: new Date(AT) },
        dueNow: { minorUnits: 1n, currencyCode: 'usd' },
        nextCycle: { minorUnits: 2n, currencyCode: 'usd' },
        nextCycleTime: new Date(LATER),
        bucketEffects: [{ bucket: Bucket.INCLUDED, beforeMicrocredits: 3n, afterMicrocredits: 4n }],
      },
    });
    const change = { requestId: 'r-3', tenantId, planCode: 'plus' };
    expect(await callers.bff.call(Subscriptions.changePlan, change, admin())).toEqual({
      change: { ...CHANGE_MESSAGE, outcome: ChangeOutcome.PENDING },
    });
    expect(asked).toEqual([
      { method: 'previewChange', args: [tenant(), 'plus'] },
      { method: 'changePlan', args: [tenant(), 'plus', person, contextOf('r-3')] },
    ]);
  });

  test('converts the trial, resumes and refreshes', async () => {
    const convert = ConvertTrialNowRequest.fromPartial({ requestId: 'r-4', tenantId, hostedPage: true });
    expect(await callers.bff.call(Subscriptions.convertTrialNow, convert, admin())).toMatchObject({
      change: { outcome: ChangeOutcome.ACTION_REQUIRED, actionUrl: 'https://checkout.stripe.com/c/1' },
    });
    await callers.bff.call(Subscriptions.resumeSubscription, { requestId: 'r-5', tenantId }, admin());
    expect(await callers.bff.call(Subscriptions.refreshSubscription, { tenantId }, admin())).toEqual({
      ...{ planCode: 'pro', subscription: undefined, trial: undefined, asOfTime: new Date(AT) },
    });
    expect(asked).toEqual([
      {
        method: 'convertTrialNow',
        args: [tenant(), { isHosted: true, returnPath: '/' }, person, contextOf('r-4')],
      },
      { method: 'resume', args: [tenant(), person, contextOf('r-5')] },
      { method: 'refresh', args: [tenant(), expect.not.objectContaining({ requestId: expect.anything() })] },
    ]);
  });

  test('cancels for a person, and for an operator who says why', async () => {
    const request = { requestId: 'r-6', tenantId, atOnce: true };
    await callers.bff.call(
      Subscriptions.cancelSubscription,
      CancelSubscriptionRequest.fromPartial({ ...request, atOnce: false }),
      admin(),
    );
    const byOperator = CancelSubscriptionRequest.fromPartial({ ...request, ...OPERATOR });
    await callers.sysadmin.call(Subscriptions.cancelSubscription, byOperator);
    expect(asked).toEqual([
      { method: 'cancel', args: [tenant(), { atOnce: false }, person, contextOf('r-6')] },
      { method: 'cancel', args: [tenant(), { atOnce: true }, OPERATOR, contextOf('r-6')] },
    ]);
  });

  test('provisions a contract', async () => {
    const request = ProvisionContractRequest.fromPartial({
      ...{ requestId: 'r-7', tenantId, planCode: 'enterprise', price: { minorUnits: 0n, currencyCode: 'USD' } },
      ...{ includedMicrocreditsPerCycle: 5n, intervalMonths: 12, daysUntilDue: 30, ...OPERATOR },
      billingEmail: 'Bills@Initech.example',
    });
    expect(await callers.sysadmin.call(Subscriptions.provisionContract, request)).toEqual({ change: CHANGE_MESSAGE });
    const contract = {
      ...{ planCode: 'enterprise', price: { minorUnits: 0n, currency: 'usd' } },
      ...{ includedPerCycle: 5n, intervalMonths: 12, daysUntilDue: 30, billingEmail: 'bills@initech.example' },
    };
    expect(asked).toEqual([{ method: 'provisionContract', args: [tenant(), contract, OPERATOR, contextOf('r-7')] }]);
  });
});

describe('a call about payment methods', () => {
  test('begins to store a card, with consent where it is given', async () => {
    const fields = { hostedPage: true, consentToCharge: true, returnPath: '/billing' };
    const request = StartSetupRequest.fromPartial({ requestId: 'r-8', tenantId, ...fields });
    expect(await callers.bff.call(Payments.startSetup, request, admin())).toEqual({
      ...{ url: 'https://checkout.stripe.com/c/2', clientSecret: '' },
    });
    const input = { isHosted: true, consentsToCharge: true, returnPath: '/billing' };
    expect(asked).toEqual([{ method: 'startSetup', args: [tenant(), input, person, contextOf('r-8')] }]);
  });

  test('lists what is stored, sets the default, and opens the portal', async () => {
    const none = { cardBrand: '', cardLast4: '', cardExpireMonth: 0, cardExpireYear: 0 };
    const account = { stripePaymentMethodId: 'pm_2', type: 'sepa_debit', ...none };
    expect(await callers.bff.call(Payments.listPaymentMethods, { tenantId }, admin())).toEqual({
      paymentMethods: [
        {
          ...{ stripePaymentMethodId: 'pm_1', type: 'card', isDefault: true },
          ...{ cardBrand: 'visa', cardLast4: '4242', cardExpireMonth: 12, cardExpireYear: 2030 },
        },
        { ...account, isDefault: false },
      ],
    });
    const choice = { requestId: 'r-9', tenantId, stripePaymentMethodId: 'pm_2' };
    expect(await callers.bff.call(Payments.setDefaultPaymentMethod, choice, admin())).toEqual({
      paymentMethod: { ...account, isDefault: true },
    });
    const portal = OpenPortalRequest.fromPartial({ requestId: 'r-10', tenantId });
    expect(await callers.bff.call(Payments.openPortal, portal, admin())).toEqual({
      url: 'https://billing.stripe.com/p/1',
    });
    expect(asked).toEqual([
      { method: 'list', args: [tenant()] },
      { method: 'setDefault', args: [tenant(), 'pm_2', person, contextOf('r-9')] },
      { method: 'openPortal', args: [tenant(), '/', person, contextOf('r-10')] },
    ]);
  });
});

const LEADS_AWAY = ['billing', '//evil.example', '/\\evil.example', 'https://evil.example', '/a b', '/ä', '/a\n'];

describe('a request that is refused before anybody acts on it', () => {
  const activate = (fields: Partial<ActivateSubscriptionRequest>) => {
    const request = { requestId: 'r', tenantId, planCode: 'pro', ...fields };
    return callers.bff.call(
      Subscriptions.activateSubscription,
      ActivateSubscriptionRequest.fromPartial(request),
      admin(),
    );
  };
  const provision = (fields: Partial<ProvisionContractRequest>) => {
    const request = {
      ...{ requestId: 'r', tenantId, planCode: 'enterprise', price: { minorUnits: 1n, currencyCode: 'usd' } },
      ...{ includedMicrocreditsPerCycle: 0n, intervalMonths: 1, ...OPERATOR, ...fields },
    };
    return callers.sysadmin.call(Subscriptions.provisionContract, ProvisionContractRequest.fromPartial(request));
  };
  const refusedFields = async (call: Promise<unknown>): Promise<readonly string[]> => {
    const { reason, violations } = await failureOf(call);
    expect(reason).toBe('INVALID_FIELD');
    expect(asked).toEqual([]);
    return Object.keys(violations);
  };

  test.each<readonly [Partial<ActivateSubscriptionRequest>, string]>([
    [{ requestId: '' }, 'request_id'],
    [{ requestId: 'a b' }, 'request_id'],
    [{ tenantId: '' }, 'tenant_id'],
    [{ planCode: '' }, 'plan_code'],
    [{ planCode: 'x'.repeat(129) }, 'plan_code'],
    [{ promotionCode: 'a\u0000' }, 'promotion_code'],
    [{ promotionCode: 'x'.repeat(129) }, 'promotion_code'],
    [{ returnPath: `/${'a'.repeat(1_024)}` }, 'return_path'],
    ...LEADS_AWAY.map((returnPath) => [{ returnPath }, 'return_path'] as const),
  ])('to buy a plan with %j', async (fields, field) => {
    expect(await refusedFields(activate(fields))).toEqual([field]);
  });

  test.each<readonly [Partial<ProvisionContractRequest>, string]>([
    [{ planCode: '' }, 'plan_code'],
    [{ actor: '' }, 'actor'],
    [{ reason: '' }, 'reason'],
    [{ reason: 'x'.repeat(501) }, 'reason'],
    [{ intervalMonths: 0 }, 'interval_months'],
    [{ intervalMonths: 13 }, 'interval_months'],
    [{ daysUntilDue: -1 }, 'days_until_due'],
    [{ daysUntilDue: 366, billingEmail: 'bills@initech.example' }, 'days_until_due'],
    [{ daysUntilDue: 1 }, 'billing_email'],
    [{ billingEmail: 'Initech <bills@initech.example>' }, 'billing_email'],
    [{ billingEmail: `${'a'.repeat(240)}@initech.example` }, 'billing_email'],
  ])('for a contract with %j', async (fields, field) => {
    expect(await refusedFields(provision(fields))).toEqual([field]);
  });

  test.each([
    ['no price', { price: undefined }, 'price'],
    ['a price below zero', { price: { minorUnits: -1n, currencyCode: 'usd' } }, 'price.minor_units'],
    ['a price beyond 2^53', { price: { minorUnits: 2n ** 53n, currencyCode: 'usd' } }, 'price.minor_units'],
    ['no currency', { price: { minorUnits: 1n, currencyCode: '' } }, 'price.currency_code'],
    ['a currency that is none', { price: { minorUnits: 1n, currencyCode: 'xyz' } }, 'price.currency_code'],
    ['credits below zero', { includedMicrocreditsPerCycle: -1n }, 'included_microcredits_per_cycle'],
    ['credits beyond 2^53', { includedMicrocreditsPerCycle: 2n ** 53n }, 'included_microcredits_per_cycle'],
  ])('for a contract with %s', async (_, fields, field) => {
    expect(await refusedFields(provision(fields))).toEqual([field]);
  });

  test('to cancel, where an operator does not say why, or a person says who', async () => {
    const request = CancelSubscriptionRequest.fromPartial({ requestId: 'r', tenantId });
    const byOperator = callers.sysadmin.call(Subscriptions.cancelSubscription, request);
    expect(await refusedFields(byOperator)).toEqual(['actor', 'reason']);
    const named = { ...request, ...OPERATOR };
    const byPerson = callers.bff.call(Subscriptions.cancelSubscription, named, admin());
    expect(await refusedFields(byPerson)).toEqual(['actor', 'reason']);
  });

  test('that is about everything else, by each of its fields', async () => {
    const convert = ConvertTrialNowRequest.fromPartial({ returnPath: '//x' });
    expect(await refusedFields(callers.bff.call(Subscriptions.convertTrialNow, convert, admin()))).toEqual([
      ...['return_path', 'request_id', 'tenant_id'],
    ]);
    const setup = StartSetupRequest.fromPartial({ returnPath: '//x' });
    expect(await refusedFields(callers.bff.call(Payments.startSetup, setup, admin()))).toEqual([
      ...['request_id', 'tenant_id', 'return_path'],
    ]);
    const choice = SetDefaultPaymentMethodRequest.fromPartial({});
    expect(await refusedFields(callers.bff.call(Payments.setDefaultPaymentMethod, choice, admin()))).toEqual([
      ...['request_id', 'tenant_id', 'stripe_payment_method_id'],
    ]);
    const portal = OpenPortalRequest.fromPartial({ returnPath: 'x' });
    expect(await refusedFields(callers.bff.call(Payments.openPortal, portal, admin()))).toEqual([
      ...['request_id', 'tenant_id', 'return_path'],
    ]);
  });

  test('for a trial, where an operator agrees to be charged in somebody’s place', async () => {
    const request = { requestId: 'r', tenantId, consentToCharge: true, ...OPERATOR };
    const call = callers.sysadmin.call(TrialServiceService.startTrial, StartTrialRequest.fromPartial(request));
    expect(await refusedFields(call)).toEqual(['consent_to_charge']);
  });
});

describe('a workspace that is suspended, and then closed', () => {
  test('is changed by nobody, but can be refreshed, and canceled by its administrator and by an operator', async () => {
    const own = await callers.openTenant();
    await admitPeople(callers, own);
    const somebody = personIn(own, 'tenant_admin');
    const order = ActivateSubscriptionRequest.fromPartial({ requestId: 'r', tenantId: own, planCode: 'pro' });
    const portal = OpenPortalRequest.fromPartial({ requestId: 'r', tenantId: own });
    const contract = ProvisionContractRequest.fromPartial({
      ...{ requestId: 'r', tenantId: own, planCode: 'enterprise', intervalMonths: 1, ...OPERATOR },
      price: { minorUnits: 0n, currencyCode: 'usd' },
    });
    const attempts = [
      () => callers.bff.call(Subscriptions.activateSubscription, order, somebody),
      () => callers.bff.call(Payments.openPortal, portal, somebody),
      () => callers.bff.call(Subscriptions.resumeSubscription, resume, somebody),
      () => callers.sysadmin.call(Subscriptions.provisionContract, contract),
    ];
    const cancel = CancelSubscriptionRequest.fromPartial({ requestId: 'r', tenantId: own, ...OPERATOR });
    const leave = CancelSubscriptionRequest.fromPartial({ requestId: 'r', tenantId: own });
    const resume = ResumeSubscriptionRequest.fromPartial({ requestId: 'r', tenantId: own });
    const suspend = SetTenantSuspensionRequest.fromPartial({ tenantId: own, suspended: true, ...OPERATOR });
    const close = CloseTenantRequest.fromPartial({ tenantId: own, ...OPERATOR });
    const steps = [
      ['TENANT_SUSPENDED', () => callers.sysadmin.call(TenantServiceService.setTenantSuspension, suspend)],
      ['TENANT_CLOSED', () => callers.sysadmin.call(TenantServiceService.closeTenant, close)],
    ] as const;
    for (const [reason, take] of steps) {
      await take();
      asked.length = 0;
      for (const attempt of attempts) expect(await failureOf(attempt())).toMatchObject({ reason });
      expect(asked).toEqual([]);
      await callers.bff.call(Subscriptions.refreshSubscription, { tenantId: own }, somebody);
      await callers.sysadmin.call(Subscriptions.cancelSubscription, cancel);
      await callers.bff.call(Subscriptions.cancelSubscription, leave, somebody);
      expect(asked.map(({ method }) => method)).toEqual(['refresh', 'cancel', 'cancel']);
    }
  });
});

describe('a kernel without Stripe', () => {
  test('reads what the account has, and does nothing else', async () => {
    const bare = await composeKernel({ mongodbUri: kernel.mongodbUri });
    try {
      const from = callersOf(bare);
      const trials = trialCallsOf(from);
      const own = await trials.openWorkspace();
      const { trial } = await trials.start(own, { requestId: newRequestId() });
      expect(await from.internal.call(Subscriptions.getSubscription, { tenantId: own })).toEqual({
        ...{ planCode: 'pro', subscription: undefined, trial, asOfTime: expect.any(Date) },
      });
      await admitPeople(from, own);
      const somebody = personIn(own, 'tenant_admin');
      const preview = PreviewPlanChangeRequest.fromPartial({ tenantId: own, planCode: 'plus' });
      const off = { reason: 'STRIPE_OFF', message: expect.stringContaining('STRIPE_SECRET_KEY') };
      expect(await failureOf(from.bff.call(Subscriptions.previewPlanChange, preview, somebody))).toMatchObject(off);
      expect(await failureOf(from.bff.call(Payments.listPaymentMethods, { tenantId: own }, somebody))).toMatchObject(
        off,
      );
    } finally {
      await bare.close();
    }
  });
});
