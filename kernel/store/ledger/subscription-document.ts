// Owns the form of a subscription inside the documents of the ledger.

import type { DiscountDuration, RunningDiscount } from '../../domain/discount.ts';
import type { PlanCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { PastDueEnd } from '../../domain/plan-policy.ts';
import type {
  CycleTerms,
  EarlierPeriod,
  LeftOver,
  PendingPlan,
  Subscription,
  SubscriptionStatus,
} from '../../domain/subscription.ts';
import { toOptionalDate } from '../optional-date.ts';
import { toInt64, toNonZeroInt64 } from './int64.ts';

const SECOND_MS = 1_000;

interface CycleTermsDocument {
  readonly plan_code: PlanCode;
  readonly stripe_price_id: string;
  readonly minor_units?: bigint | undefined;
  readonly currency: string;
  readonly interval: 'month' | 'year';
  readonly interval_count: number;
  readonly included_per_cycle?: bigint | undefined;
}

interface PendingPlanDocument {
  readonly terms: CycleTermsDocument;
  readonly effective_at: Date;
}

interface EarlierPeriodDocument {
  readonly stripe_subscription_id: string;
  readonly period_start: Date;
  readonly period_end: Date;
  readonly interval: 'month' | 'year';
  readonly interval_count: number;
  readonly paid_allowance?: bigint | undefined;
}

interface LeftOverDocument {
  readonly microcredits: bigint;
  readonly was_past_due?: true | undefined;
  readonly grace_ends_at?: Date | undefined;
  readonly prior_lapse?: { readonly lapsed_at?: Date | undefined } | undefined;
}

/** It takes off millionths of a percent, or an amount of a currency. */
interface DiscountDocument {
  readonly percent_millionths?: bigint | undefined;
  readonly minor_units?: bigint | undefined;
  readonly currency?: string | undefined;
  readonly duration: DiscountDuration;
  readonly duration_months?: number | undefined;
  readonly ends_at?: Date | undefined;
}

/** A subscription as MongoDB has it. */
export interface SubscriptionDocument extends CycleTermsDocument {
  readonly stripe_subscription_id: string;
  readonly status: SubscriptionStatus;
  readonly fallback_plan_code: PlanCode;
  readonly rollover_limit?: bigint | undefined;
  readonly grace_seconds: number;
  readonly past_due_end: PastDueEnd;
  readonly started_at: Date;
  readonly is_contract?: true | undefined;
  readonly period_start: Date;
  readonly period_end: Date;
  readonly paid_allowance?: bigint | undefined;
  readonly cancel_at?: Date | undefined;
  readonly pending?: PendingPlanDocument | undefined;
  readonly failure_code?: string | undefined;
  readonly discounts?: readonly DiscountDocument[] | undefined;
  readonly grace_ends_at?: Date | undefined;
  readonly lapsed_at?: Date | undefined;
  readonly ended_at?: Date | undefined;
  readonly ended_by?: 'stripe' | 'time' | undefined;
  readonly left_over?: LeftOverDocument | undefined;
  readonly earlier?: readonly EarlierPeriodDocument[] | undefined;
}

/** Translates a subscription into its document; throws RangeError where an amount is not an int64. */
export function toDocumentSubscription(subscription: Subscription): SubscriptionDocument {
  const { pending, endedBy, leftOver } = subscription;
  return {
    stripe_subscription_id: subscription.stripeSubscriptionId,
    status: subscription.status,
    ...toDocumentTerms(subscription),
    fallback_plan_code: subscription.fallbackPlanCode,
    rollover_limit: toNonZeroInt64(subscription.rolloverLimit),
    grace_seconds: subscription.graceMs / SECOND_MS,
    past_due_end: subscription.pastDueEnd,
    started_at: new Date(subscription.startedAt),
    is_contract: subscription.isContract,
    period_start: new Date(subscription.periodStart),
    period_end: new Date(subscription.periodEnd),
    paid_allowance: toNonZeroInt64(subscription.paidAllowance),
    cancel_at: toOptionalDate(subscription.cancelAt),
    pending: pending === undefined ? undefined : toDocumentPending(pending),
    failure_code: subscription.failureCode,
    discounts: subscription.discounts?.map(toDocumentDiscount),
    grace_ends_at: toOptionalDate(subscription.graceEndsAt),
    lapsed_at: toOptionalDate(subscription.lapsedAt),
    ended_at: toOptionalDate(subscription.endedAt),
    ended_by: endedBy,
    left_over: leftOver === undefined ? undefined : toDocumentLeftOver(leftOver),
    earlier: subscription.earlier?.map(toDocumentEarlier),
  };
}

/** Translates a document back into a subscription. */
export function fromDocumentSubscription(document: SubscriptionDocument): Subscription {
  const { pending, left_over: leftOver } = document;
  return {
    stripeSubscriptionId: document.stripe_subscription_id,
    status: document.status,
    ...fromDocumentTerms(document),
    fallbackPlanCode: document.fallback_plan_code,
    rolloverLimit: document.rollover_limit ?? 0n,
    graceMs: Number(document.grace_seconds) * SECOND_MS,
    pastDueEnd: document.past_due_end,
    startedAt: document.started_at.getTime(),
    periodStart: document.period_start.getTime(),
    periodEnd: document.period_end.getTime(),
    paidAllowance: document.paid_allowance ?? 0n,
    ...present({
      isContract: document.is_contract,
      cancelAt: document.cancel_at?.getTime(),
      pending: pending === undefined ? undefined : fromDocumentPending(pending),
      failureCode: document.failure_code,
      discounts: document.discounts?.map(fromDocumentDiscount),
      graceEndsAt: document.grace_ends_at?.getTime(),
      lapsedAt: document.lapsed_at?.getTime(),
      endedAt: document.ended_at?.getTime(),
      endedBy: document.ended_by,
      leftOver: leftOver === undefined ? undefined : fromDocumentLeftOver(leftOver),
      earlier: document.earlier?.map(fromDocumentEarlier),
    }),
  };
}

function toDocumentTerms(terms: CycleTerms): CycleTermsDocument {
  return {
    plan_code: terms.planCode,
    stripe_price_id: terms.stripePriceId,
    minor_units: toNonZeroInt64(terms.minorUnits),
    currency: terms.currency,
    interval: terms.interval,
    interval_count: terms.intervalCount,
    included_per_cycle: toNonZeroInt64(terms.includedPerCycle),
  };
}

function fromDocumentTerms(document: CycleTermsDocument): CycleTerms {
  return {
    planCode: document.plan_code,
    stripePriceId: document.stripe_price_id,
    minorUnits: document.minor_units ?? 0n,
    currency: document.currency,
    interval: document.interval,
    intervalCount: Number(document.interval_count),
    includedPerCycle: document.included_per_cycle ?? 0n,
  };
}

function toDocumentPending({ terms, effectiveAt }: PendingPlan): PendingPlanDocument {
  return { terms: toDocumentTerms(terms), effective_at: new Date(effectiveAt) };
}

function fromDocumentPending({ terms, effective_at: effectiveAt }: PendingPlanDocument): PendingPlan {
  return { terms: fromDocumentTerms(terms), effectiveAt: effectiveAt.getTime() };
}

function toDocumentDiscount({ reduction, duration, durationMonths, endsAt }: RunningDiscount): DiscountDocument {
  return {
    percent_millionths: reduction.kind === 'percent' ? toInt64(reduction.percent.millionths) : undefined,
    minor_units: reduction.kind === 'amount' ? toInt64(reduction.minorUnits) : undefined,
    currency: reduction.kind === 'amount' ? reduction.currency : undefined,
    duration,
    duration_months: durationMonths,
    ends_at: toOptionalDate(endsAt),
  };
}

function fromDocumentDiscount(document: DiscountDocument): RunningDiscount {
  const { percent_millionths: millionths, minor_units: minorUnits = 0n, currency = '', duration } = document;
  const { duration_months: months, ends_at: endsAt } = document;
  return {
    reduction:
      millionths === undefined
        ? { kind: 'amount', minorUnits, currency }
        : { kind: 'percent', percent: { millionths } },
    duration,
    ...present({
      durationMonths: months === undefined ? undefined : Number(months),
      endsAt: endsAt?.getTime(),
    }),
  };
}

function toDocumentLeftOver({ microcredits, wasPastDue, graceEndsAt, priorLapse }: LeftOver): LeftOverDocument {
  return {
    microcredits: toInt64(microcredits),
    was_past_due: wasPastDue ? true : undefined,
    grace_ends_at: toOptionalDate(graceEndsAt),
    prior_lapse: priorLapse && { lapsed_at: toOptionalDate(priorLapse.lapsedAt) },
  };
}

function fromDocumentLeftOver(document: LeftOverDocument): LeftOver {
  const { microcredits, was_past_due: wasPastDue, grace_ends_at: graceEndsAt, prior_lapse: priorLapse } = document;
  return {
    microcredits,
    wasPastDue: wasPastDue === true,
    ...present({
      graceEndsAt: graceEndsAt?.getTime(),
      priorLapse: priorLapse && present({ lapsedAt: priorLapse.lapsed_at?.getTime() }),
    }),
  };
}

function toDocumentEarlier(period: EarlierPeriod): EarlierPeriodDocument {
  return {
    stripe_subscription_id: period.stripeSubscriptionId,
    period_start: new Date(period.periodStart),
    period_end: new Date(period.periodEnd),
    interval: period.interval,
    interval_count: period.intervalCount,
    paid_allowance: toNonZeroInt64(period.paidAllowance),
  };
}

function fromDocumentEarlier(document: EarlierPeriodDocument): EarlierPeriod {
  return {
    stripeSubscriptionId: document.stripe_subscription_id,
    periodStart: document.period_start.getTime(),
    periodEnd: document.period_end.getTime(),
    interval: document.interval,
    intervalCount: Number(document.interval_count),
    paidAllowance: document.paid_allowance ?? 0n,
  };
}
