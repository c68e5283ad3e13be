// Owns the JSON of subscriptions, changes of plan and payment methods, and the translation of the contract's messages into it.
// Invariants: as in convert.ts; money is an integer of the currency's minor unit.

import { BillingInterval } from '../gen/wheelhouse/catalog/v1/plan.ts';
import { Bucket } from '../gen/wheelhouse/common/v1/bucket.ts';
import type { Money } from '../gen/wheelhouse/common/v1/money.ts';
import type { PaymentMethod } from '../gen/wheelhouse/payment/v1/payment_method.ts';
import type { StartSetupResponse } from '../gen/wheelhouse/payment/v1/payment_method_service.ts';
import {
  type BucketEffect,
  PlanChangeKind,
  type PlanChangePreview,
} from '../gen/wheelhouse/subscription/v1/plan_change.ts';
import {
  type PendingChange,
  type Subscription,
  SubscriptionStatus,
} from '../gen/wheelhouse/subscription/v1/subscription.ts';
import { ChangeOutcome, type SubscriptionChange } from '../gen/wheelhouse/subscription/v1/subscription_change.ts';
import type { GetSubscriptionResponse } from '../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { ConversionError, fromProtoInteger, fromProtoInterval, fromProtoTime, unknownValue } from './convert.ts';
import { fromProtoTrial, type TrialJson } from './convert-trial.ts';

/** Plain http is for the local stack's own pages. */
const PAGE_PROTOCOLS: ReadonlySet<string> = new Set(['https:', 'http:']);

/** An amount of money. */
export interface MoneyJson {
  /** Is in minor units of the currency. */
  amount: number;
  currency: string;
}

/** What a cycle costs, before discounts and taxes, and how long it is. */
export interface CycleJson extends MoneyJson {
  interval: 'month' | 'year';
  interval_count: number;
}

/** A change of plan that waits for the end of the period. */
export interface PendingChangeJson extends CycleJson {
  plan_code: string;
  effective_time: string;
}

/** What a workspace pays for by the period. */
export interface SubscriptionJson extends CycleJson {
  stripe_subscription_id: string;
  plan_code: string;
  /** Is `renewal_pending` until the invoice of a new period is paid or fails, `past_due` after it failed. */
  status: 'active' | 'renewal_pending' | 'past_due' | 'ended';
  included_microcredits_per_cycle: number;
  period_start_time: string;
  period_end_time: string;
  /** Is when it ends without renewal; null where it goes on. */
  cancel_time: string | null;
  pending_change: PendingChangeJson | null;
  /** Is until when a payment that is missing may be made up for. */
  grace_end_time: string | null;
  /** Is the payment service's own word, such as `card_declined`. */
  payment_failure_code: string | null;
  /** Is where a person can pay what is open. */
  payment_url: string | null;
  fallback_plan_code: string;
  start_time: string;
  end_time: string | null;
}

/** The answer of `GET /v1/billing/subscription`. */
export interface SubscriptionStateJson {
  /** Is the plan that the workspace has now. */
  plan_code: string;
  /** Is null where there never was one. */
  subscription: SubscriptionJson | null;
  /** Is null where there never was one. */
  trial: TrialJson | null;
  as_of_time: string;
}

/** What became of a change. */
export interface SubscriptionChangeJson {
  outcome: 'done' | 'pending' | 'action_required';
  /** Is where a person has to act; null where nobody has to. */
  action_url: string | null;
  plan_code: string;
  subscription: SubscriptionJson | null;
}

/** What a change of plan does to one bucket. */
export interface BucketEffectJson {
  before_microcredits: number;
  after_microcredits: number;
}

/** What a change of plan would do. */
export interface PlanChangePreviewJson {
  kind: 'activation' | 'upgrade' | 'downgrade' | 'cancellation' | 'resumption';
  from_plan_code: string;
  to_plan_code: string;
  effective_time: string;
  /** Is what is charged at once. */
  due_now: MoneyJson;
  /** Is what the next cycle costs; null where none follows. */
  next_cycle: (MoneyJson & { start_time: string }) | null;
  buckets: Readonly<Record<'trial' | 'included' | 'payg', BucketEffectJson>>;
}

/** A stored payment method. */
export interface PaymentMethodJson {
  payment_method_id: string;
  type: string;
  /** Is null for other types than cards. */
  card: { brand: string; last4: string; expire_month: number; expire_year: number } | null;
  is_default: boolean;
}

/** Where to go on to store a card: one of the two is null. */
export interface SetupJson {
  url: string | null;
  client_secret: string | null;
}

/** Translates a subscription. Throws ConversionError when a part of it can't be shown. */
function fromProtoSubscription(subscription: Subscription): SubscriptionJson {
  const { pendingChange } = subscription;
  return {
    stripe_subscription_id: subscription.stripeSubscriptionId,
    plan_code: subscription.planCode,
    status: fromProtoStatus(subscription.status),
    ...fromProtoCycle(subscription),
    included_microcredits_per_cycle: fromProtoInteger(
      subscription.includedMicrocreditsPerCycle,
      'included_microcredits_per_cycle',
    ),
    period_start_time: fromProtoTime(subscription.periodStartTime, 'period_start_time'),
    period_end_time: fromProtoTime(subscription.periodEndTime, 'period_end_time'),
    cancel_time: fromProtoOptionalTime(subscription.cancelTime, 'cancel_time'),
    pending_change: pendingChange ? fromProtoPendingChange(pendingChange) : null,
    grace_end_time: fromProtoOptionalTime(subscription.graceEndTime, 'grace_end_time'),
    payment_failure_code: subscription.paymentFailureCode || null,
    payment_url: fromProtoOptionalUrl(subscription.paymentUrl, 'payment_url'),
    fallback_plan_code: subscription.fallbackPlanCode,
    start_time: fromProtoTime(subscription.startTime, 'start_time'),
    end_time: fromProtoOptionalTime(subscription.endTime, 'end_time'),
  };
}

function fromProtoPendingChange(change: PendingChange): PendingChangeJson {
  return {
    plan_code: change.planCode,
    ...fromProtoCycle(change),
    effective_time: fromProtoTime(change.effectiveTime, 'pending_change.effective_time'),
  };
}

function fromProtoCycle(terms: Pick<PendingChange, 'price' | 'interval' | 'intervalCount'>): CycleJson {
  const interval = terms.interval === BillingInterval.UNSPECIFIED ? null : fromProtoInterval(terms.interval);
  if (interval === null) {
    throw new ConversionError('interval', 'the kernel answered with a subscription without its interval');
  }
  return { ...fromProtoMoney(terms.price, 'amount'), interval, interval_count: terms.intervalCount };
}

/** Translates what a workspace has. Throws ConversionError when a part of it can't be shown. */
export function fromProtoSubscriptionState(state: GetSubscriptionResponse): SubscriptionStateJson {
  return {
    plan_code: state.planCode,
    subscription: state.subscription ? fromProtoSubscription(state.subscription) : null,
    trial: state.trial ? fromProtoTrial(state.trial) : null,
    as_of_time: fromProtoTime(state.asOfTime, 'as_of_time'),
  };
}

/** Translates what became of a change. Throws ConversionError when it is absent, or has a part that can't be shown. */
export function fromProtoSubscriptionChange(change: SubscriptionChange): SubscriptionChangeJson {
  return {
    outcome: fromProtoOutcome(change.outcome),
    action_url: fromProtoOptionalUrl(change.actionUrl, 'action_url'),
    plan_code: change.planCode,
    subscription: change.subscription ? fromProtoSubscription(change.subscription) : null,
  };
}

/** Translates what a change of plan would do. Throws ConversionError when it is absent, or has a part that can't be shown. */
export function fromProtoPlanChangePreview(preview: PlanChangePreview | undefined): PlanChangePreviewJson {
  if (!preview) {
    throw new ConversionError('preview', 'the kernel answered without a preview');
  }
  const { nextCycle, bucketEffects } = preview;
  return {
    kind: fromProtoKind(preview.kind),
    from_plan_code: preview.fromPlanCode,
    to_plan_code: preview.toPlanCode,
    effective_time: fromProtoTime(preview.effectiveTime, 'effective_time'),
    due_now: fromProtoMoney(preview.dueNow, 'due_now'),
    next_cycle: nextCycle
      ? {
          ...fromProtoMoney(nextCycle, 'next_cycle'),
          start_time: fromProtoTime(preview.nextCycleTime, 'next_cycle.start_time'),
        }
      : null,
    buckets: {
      trial: fromProtoEffect(bucketEffects, Bucket.TRIAL, 'buckets.trial'),
      included: fromProtoEffect(bucketEffects, Bucket.INCLUDED, 'buckets.included'),
      payg: fromProtoEffect(bucketEffects, Bucket.PAYG, 'buckets.payg'),
    },
  };
}

function fromProtoEffect(effects: readonly BucketEffect[], bucket: Bucket, field: string): BucketEffectJson {
  const effect = effects.find((candidate) => candidate.bucket === bucket);
  if (!effect) {
    throw new ConversionError(field, 'the kernel answered with a preview without this bucket');
  }
  return {
    before_microcredits: fromProtoInteger(effect.beforeMicrocredits, field),
    after_microcredits: fromProtoInteger(effect.afterMicrocredits, field),
  };
}

/** Translates a payment method. Throws ConversionError when it is absent. */
export function fromProtoPaymentMethod(method: PaymentMethod | undefined): PaymentMethodJson {
  if (!method) {
    throw new ConversionError('payment_method', 'the kernel answered without a payment method');
  }
  const card = {
    brand: method.cardBrand,
    last4: method.cardLast4,
    expire_month: method.cardExpireMonth,
    expire_year: method.cardExpireYear,
  };
  return {
    payment_method_id: method.stripePaymentMethodId,
    type: method.type,
    card: card.last4 === '' ? null : card,
    is_default: method.isDefault,
  };
}

/** Translates where to go on to store a card. Throws ConversionError when it is nowhere. */
export function fromProtoSetup({ url, clientSecret }: StartSetupResponse): SetupJson {
  if ((url === '') === (clientSecret === '')) {
    throw new ConversionError('url', 'the kernel answered without one way to store a card');
  }
  return { url: fromProtoOptionalUrl(url, 'url'), client_secret: clientSecret || null };
}

/** Translates the address of a page, to which a browser goes. Throws ConversionError when it is none. */
export function fromProtoPageUrl(url: string, field: string): string {
  if (!PAGE_PROTOCOLS.has(URL.parse(url)?.protocol ?? '')) {
    throw new ConversionError(field, 'the kernel answered without the address of a page');
  }
  return url;
}

/** Translates the address of a page; null where there is none. Throws ConversionError where it is none. */
export function fromProtoOptionalUrl(url: string, field: string): string | null {
  return url === '' ? null : fromProtoPageUrl(url, field);
}

/** Translates an amount. Throws ConversionError where it is absent or can't be shown. */
export function fromProtoMoney(money: Money | undefined, field: string): MoneyJson {
  if (!money) {
    throw new ConversionError(field, 'the kernel answered without an amount');
  }
  return { amount: fromProtoInteger(money.minorUnits, field), currency: money.currencyCode };
}

/** Translates a time; null where there is none. Throws ConversionError where it can't be shown. */
export function fromProtoOptionalTime(time: Date | undefined, field: string): string | null {
  return time === undefined ? null : fromProtoTime(time, field);
}

function fromProtoStatus(status: SubscriptionStatus): SubscriptionJson['status'] {
  switch (status) {
    case SubscriptionStatus.ACTIVE:
      return 'active';
    case SubscriptionStatus.RENEWAL_PENDING:
      return 'renewal_pending';
    case SubscriptionStatus.PAST_DUE:
      return 'past_due';
    case SubscriptionStatus.ENDED:
      return 'ended';
    case SubscriptionStatus.UNSPECIFIED:
      throw new ConversionError('status', 'the kernel answered without the status of a subscription');
    default:
      throw unknownValue('status', status);
  }
}

function fromProtoOutcome(outcome: ChangeOutcome): SubscriptionChangeJson['outcome'] {
  switch (outcome) {
    case ChangeOutcome.DONE:
      return 'done';
    case ChangeOutcome.PENDING:
      return 'pending';
    case ChangeOutcome.ACTION_REQUIRED:
      return 'action_required';
    case ChangeOutcome.UNSPECIFIED:
      throw new ConversionError('outcome', 'the kernel answered without what became of the change');
    default:
      throw unknownValue('outcome', outcome);
  }
}

function fromProtoKind(kind: PlanChangeKind): PlanChangePreviewJson['kind'] {
  switch (kind) {
    case PlanChangeKind.ACTIVATION:
      return 'activation';
    case PlanChangeKind.UPGRADE:
      return 'upgrade';
    case PlanChangeKind.DOWNGRADE:
      return 'downgrade';
    case PlanChangeKind.CANCELLATION:
      return 'cancellation';
    case PlanChangeKind.RESUMPTION:
      return 'resumption';
    case PlanChangeKind.UNSPECIFIED:
      throw new ConversionError('kind', 'the kernel answered without the kind of a change');
    default:
      throw unknownValue('kind', kind);
  }
}
