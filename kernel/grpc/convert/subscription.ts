// Owns the translation between the subscriptions' contract and what the use cases know.

import { BillingInterval } from '../../../gen/wheelhouse/catalog/v1/plan.ts';
import {
  PlanChangeKind,
  type PlanChangePreview as PlanChangePreviewMessage,
} from '../../../gen/wheelhouse/subscription/v1/plan_change.ts';
import {
  type PendingChange,
  type Subscription as SubscriptionMessage,
  SubscriptionStatus,
} from '../../../gen/wheelhouse/subscription/v1/subscription.ts';
import {
  ChangeOutcome,
  type SubscriptionChange as SubscriptionChangeMessage,
} from '../../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import type {
  ActivateSubscriptionRequest,
  CancelSubscriptionRequest,
  ChangePlanRequest,
  ConvertTrialNowRequest,
  GetSubscriptionRequest,
  GetSubscriptionResponse,
  PreviewPlanChangeRequest,
  ProvisionContractRequest,
  RefreshSubscriptionRequest,
  ResumeSubscriptionRequest,
} from '../../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import type {
  ActivateInput,
  ContractInput,
  OperatorAsker,
  PaymentPage,
  PlanChangePreview,
  SubscriptionChange,
  SubscriptionState,
  SubscriptionView,
} from '../../app/subscription/use-case.ts';
import { MICROCREDITS_MAX } from '../../domain/bound.ts';
import type { PlanCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { CycleTerms, PendingPlan, Subscription } from '../../domain/subscription.ts';
import type { Caller } from '../caller.ts';
import { toProtoBucket } from './balance.ts';
import { checkEmail } from './email.ts';
import { FieldCheck, ID_LENGTH_MAX } from './field-check.ts';
import { checkPrice, toProtoMoney, toProtoTime } from './money.ts';
import { checkOperator, type TenantWrite } from './operator.ts';
import { checkCode, toProtoDiscount } from './promotion.ts';
import { checkReturnPath } from './return-path.ts';
import { checkStatedOperator, type StatedOperator } from './tenant.ts';
import { toProtoTrial } from './trial.ts';

const INTERVAL_MONTHS_MAX = 12;
const DAYS_UNTIL_DUE_MAX = 365;

const STATUSES: Readonly<Record<Subscription['status'], SubscriptionStatus>> = {
  active: SubscriptionStatus.ACTIVE,
  renewal_pending: SubscriptionStatus.RENEWAL_PENDING,
  past_due: SubscriptionStatus.PAST_DUE,
  ended: SubscriptionStatus.ENDED,
};

const INTERVALS: Readonly<Record<Subscription['interval'], BillingInterval>> = {
  month: BillingInterval.MONTH,
  year: BillingInterval.YEAR,
};

const OUTCOMES: Readonly<Record<SubscriptionChange['outcome'], ChangeOutcome>> = {
  done: ChangeOutcome.DONE,
  pending: ChangeOutcome.PENDING,
  action_required: ChangeOutcome.ACTION_REQUIRED,
};

const KINDS: Readonly<Record<PlanChangePreview['kind'], PlanChangeKind>> = {
  activation: PlanChangeKind.ACTIVATION,
  upgrade: PlanChangeKind.UPGRADE,
  downgrade: PlanChangeKind.DOWNGRADE,
  cancellation: PlanChangeKind.CANCELLATION,
  resumption: PlanChangeKind.RESUMPTION,
};

/** Checks a request for what a workspace has. Throws DomainError INVALID_FIELD. */
export function fromProtoSubscriptionTenant(request: GetSubscriptionRequest | RefreshSubscriptionRequest): TenantId {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  check.assertValid();
  return tenantId;
}

/** Checks a request to buy a plan. Throws DomainError INVALID_FIELD. */
export function fromProtoActivate(request: ActivateSubscriptionRequest): TenantWrite<ActivateInput> {
  const check = new FieldCheck();
  const planCode = checkPlanCode(check, request.planCode);
  const promotionCode =
    request.promotionCode === '' ? undefined : checkCode(check, request.promotionCode, 'promotion_code');
  const input = { planCode, ...checkPage(check, request), ...present({ promotionCode }) };
  return checkWrite(check, request, input);
}

/** Checks a request for what a change of plan would do. Throws DomainError INVALID_FIELD. */
export function fromProtoPreviewPlanChange(request: PreviewPlanChangeRequest): {
  readonly tenantId: TenantId;
  readonly planCode: PlanCode;
} {
  const check = new FieldCheck();
  const query = { tenantId: check.tenantId(request.tenantId), planCode: checkPlanCode(check, request.planCode) };
  check.assertValid();
  return query;
}

/** Checks a request to change the plan. Throws DomainError INVALID_FIELD. */
export function fromProtoChangePlan(request: ChangePlanRequest): TenantWrite<PlanCode> {
  const check = new FieldCheck();
  return checkWrite(check, request, checkPlanCode(check, request.planCode));
}

/** Checks a request to end the subscription, by who makes it. Throws DomainError INVALID_FIELD. */
export function fromProtoCancelSubscription(
  request: CancelSubscriptionRequest,
  scope: Caller['scope'],
): TenantWrite<{ readonly atOnce: boolean; readonly operator: StatedOperator }> {
  const check = new FieldCheck();
  const { atOnce } = request;
  return checkWrite(check, request, { atOnce, operator: checkStatedOperator(check, request, scope) });
}

/** Checks a request to take back what waits. Throws DomainError INVALID_FIELD. */
export function fromProtoResumeSubscription(request: ResumeSubscriptionRequest): TenantWrite<undefined> {
  return checkWrite(new FieldCheck(), request, undefined);
}

/** Checks a request to make the trial the paid plan. Throws DomainError INVALID_FIELD. */
export function fromProtoConvertTrialNow(request: ConvertTrialNowRequest): TenantWrite<PaymentPage> {
  const check = new FieldCheck();
  return checkWrite(check, request, checkPage(check, request));
}

/** Checks a request to give a plan by contract. Throws DomainError INVALID_FIELD. */
export function fromProtoProvisionContract(
  request: ProvisionContractRequest,
): TenantWrite<{ readonly contract: ContractInput; readonly operator: OperatorAsker }> {
  const check = new FieldCheck();
  const { includedMicrocreditsPerCycle: includedPerCycle, intervalMonths, daysUntilDue } = request;
  const contract = {
    planCode: checkPlanCode(check, request.planCode),
    price: checkPrice(check, request.price, 0n),
    ...{ includedPerCycle, intervalMonths, daysUntilDue },
    ...present({ billingEmail: checkBillingEmail(check, request) }),
  };
  if (includedPerCycle < 0n || includedPerCycle > MICROCREDITS_MAX) {
    const rule = `must be 0 to ${MICROCREDITS_MAX} (2^53 - 1) microcredits`;
    check.refuse('included_microcredits_per_cycle', `${rule}, got ${includedPerCycle}`);
  }
  if (intervalMonths < 1 || intervalMonths > INTERVAL_MONTHS_MAX) {
    check.refuse('interval_months', `must be 1 to ${INTERVAL_MONTHS_MAX}, got ${intervalMonths}`);
  }
  if (daysUntilDue < 0 || daysUntilDue > DAYS_UNTIL_DUE_MAX) {
    check.refuse('days_until_due', `must be 0 to ${DAYS_UNTIL_DUE_MAX}, got ${daysUntilDue}`);
  }
  return checkWrite(check, request, { contract, operator: checkOperator(check, request) });
}

/** Throws DomainError INVALID_FIELD with everything that is wrong with the request. */
function checkWrite<Input>(
  check: FieldCheck,
  request: { readonly requestId: string; readonly tenantId: string },
  input: Input,
): TenantWrite<Input> {
  const write = { requestId: check.requestId(request.requestId), tenantId: check.tenantId(request.tenantId), input };
  check.assertValid();
  return write;
}

function checkPlanCode(check: FieldCheck, value: string): PlanCode {
  return check.text('plan_code', value, { required: true, lengthMax: ID_LENGTH_MAX }) as PlanCode;
}

function checkPage(
  check: FieldCheck,
  request: { readonly hostedPage: boolean; readonly returnPath: string },
): PaymentPage {
  return { isHosted: request.hostedPage, returnPath: checkReturnPath(check, request.returnPath) };
}

/** An invoice that is sent needs somebody to send it to. */
function checkBillingEmail(
  check: FieldCheck,
  { billingEmail, daysUntilDue }: ProvisionContractRequest,
): string | undefined {
  if (billingEmail !== '') return checkEmail(check, billingEmail, 'billing_email');
  if (daysUntilDue > 0) check.refuse('billing_email', 'is required where days_until_due is above 0: invoices go there');
  return undefined;
}

function toProtoSubscription(subscription: SubscriptionView): SubscriptionMessage {
  const { pending } = subscription;
  return {
    stripeSubscriptionId: subscription.stripeSubscriptionId,
    planCode: subscription.planCode,
    status: STATUSES[subscription.status],
    ...toProtoTerms(subscription),
    includedMicrocreditsPerCycle: subscription.includedPerCycle,
    periodStartTime: new Date(subscription.periodStart),
    periodEndTime: new Date(subscription.periodEnd),
    cancelTime: toProtoTime(subscription.cancelAt),
    pendingChange: pending === undefined ? undefined : toProtoPending(pending),
    graceEndTime: toProtoTime(subscription.graceEndsAt),
    paymentFailureCode: subscription.failureCode ?? '',
    paymentUrl: subscription.paymentUrl ?? '',
    fallbackPlanCode: subscription.fallbackPlanCode,
    startTime: new Date(subscription.startedAt),
    endTime: toProtoTime(subscription.endedAt),
    discounts: subscription.discounts.map(({ endsAt, ...discount }) => ({
      discount: toProtoDiscount(discount),
      endTime: toProtoTime(endsAt),
    })),
  };
}

function toProtoPending({ terms, effectiveAt }: PendingPlan): PendingChange {
  return { planCode: terms.planCode, ...toProtoTerms(terms), effectiveTime: new Date(effectiveAt) };
}

function toProtoTerms(terms: CycleTerms): Pick<PendingChange, 'price' | 'interval' | 'intervalCount'> {
  return { price: toProtoMoney(terms), interval: INTERVALS[terms.interval], intervalCount: terms.intervalCount };
}

/** What a workspace has is told alike by whoever reads it. */
export function toProtoSubscriptionState(state: SubscriptionState): GetSubscriptionResponse {
  return {
    planCode: state.planCode,
    subscription: state.subscription === undefined ? undefined : toProtoSubscription(state.subscription),
    trial: state.trial === undefined ? undefined : toProtoTrial(state.trial),
    asOfTime: new Date(state.asOf),
  };
}

export function toProtoSubscriptionChange(change: SubscriptionChange): SubscriptionChangeMessage {
  return {
    outcome: OUTCOMES[change.outcome],
    actionUrl: change.actionUrl ?? '',
    planCode: change.planCode,
    subscription: change.subscription === undefined ? undefined : toProtoSubscription(change.subscription),
    replayed: change.replayed,
  };
}

export function toProtoPlanChangePreview(preview: PlanChangePreview): PlanChangePreviewMessage {
  return {
    kind: KINDS[preview.kind],
    fromPlanCode: preview.fromPlanCode,
    toPlanCode: preview.toPlanCode,
    effectiveTime: new Date(preview.effectiveAt),
    dueNow: toProtoMoney(preview.dueNow),
    nextCycle: preview.nextCycle === undefined ? undefined : toProtoMoney(preview.nextCycle),
    nextCycleTime: toProtoTime(preview.nextCycleAt),
    bucketEffects: preview.buckets.map(({ bucket, before, after }) => ({
      bucket: toProtoBucket(bucket),
      beforeMicrocredits: before,
      afterMicrocredits: after,
    })),
  };
}
