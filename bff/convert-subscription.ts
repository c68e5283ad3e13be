// Owns the JSON of subscriptions, changes of plan and payment methods, and the translation of the contract's messages into it.
// Invariants: as in convert.ts.

import { BillingInterval } from '../gen/wheelhouse/catalog/v1/plan.ts';
import { Bucket } from '../gen/wheelhouse/common/v1/bucket.ts';
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
import {
  ConversionError,
  fromProtoInteger,
  fromProtoInterval,
  fromProtoOptionalTime,
  fromProtoTime,
  unknownValue,
} from './convert.ts';
import { fromProtoSubscriptionDiscount, SUBSCRIPTION_DISCOUNT } from './convert-discount.ts';
import { fromProtoMoney, MONEY, MONEY_FIELDS } from './convert-money.ts';
import { fromProtoTrial, TRIAL } from './convert-trial.ts';
import { flag, list, named, object, oneOf, orNull, text, time, url, type ValueOf, whole } from './shape.ts';

/** Plain http is for the local stack's own pages. */
const PAGE_PROTOCOLS: ReadonlySet<string> = new Set(['https:', 'http:']);

/** What a cycle costs, before discounts and taxes, and how long it is. */
const CYCLE_FIELDS = { ...MONEY_FIELDS, interval: oneOf(['month', 'year']), interval_count: whole() };
type CycleJson = ValueOf<ReturnType<typeof object<typeof CYCLE_FIELDS>>>;

/** A change of plan that waits for the end of the period. */
const PENDING_CHANGE = named(
  'PendingChange',
  { plan_code: text(), ...CYCLE_FIELDS, effective_time: time() },
  'A change of plan that waits for the end of the period.',
);
type PendingChangeJson = ValueOf<typeof PENDING_CHANGE>;

/** What a workspace pays for by the period. */
const SUBSCRIPTION = named(
  'Subscription',
  {
    stripe_subscription_id: text(),
    plan_code: text(),
    status: oneOf(
      ['active', 'renewal_pending', 'past_due', 'ended'],
      'Is `renewal_pending` until the invoice of a new period is paid or fails, `past_due` after it failed.',
    ),
    ...CYCLE_FIELDS,
    included_microcredits_per_cycle: whole(),
    period_start_time: time(),
    period_end_time: time(),
    cancel_time: orNull(time(), 'Is when it ends without renewal; null where it goes on.'),
    pending_change: orNull(PENDING_CHANGE),
    grace_end_time: orNull(time(), 'Is until when a payment that is missing may be made up for.'),
    payment_failure_code: orNull(text(), 'Is the payment service’s own word, such as `card_declined`.'),
    payment_url: orNull(url(), 'Is where a person can pay what is open.'),
    fallback_plan_code: text('Is the plan that follows its end.'),
    start_time: time(),
    end_time: orNull(time()),
    discounts: list(
      SUBSCRIPTION_DISCOUNT,
      'Are those that it has now, in the order in which they are taken off, each from what those before have left.',
    ),
  },
  'What a workspace pays for by the period.',
);
type SubscriptionJson = ValueOf<typeof SUBSCRIPTION>;

/** The answer of `GET /v1/billing/subscription`. */
export const SUBSCRIPTION_STATE = named(
  'SubscriptionState',
  {
    plan_code: text('Is the plan that the workspace has now.'),
    subscription: orNull(SUBSCRIPTION, 'Is null where there never was one.'),
    trial: orNull(TRIAL, 'Is null where there never was one.'),
    as_of_time: time(),
  },
  'The plan of a workspace, and what it pays for by the period.',
);
export type SubscriptionStateJson = ValueOf<typeof SUBSCRIPTION_STATE>;

/** What became of a change. */
export const SUBSCRIPTION_CHANGE = named(
  'SubscriptionChange',
  {
    outcome: oneOf(['done', 'pending', 'action_required']),
    action_url: orNull(url(), 'Is where a person has to act; null where nobody has to.'),
    plan_code: text(),
    subscription: orNull(SUBSCRIPTION),
  },
  'What became of a change of the subscription.',
);
export type SubscriptionChangeJson = ValueOf<typeof SUBSCRIPTION_CHANGE>;

/** What a change of plan does to one bucket. */
const BUCKET_EFFECT = named(
  'BucketEffect',
  { before_microcredits: whole(), after_microcredits: whole() },
  'What a change of plan does to one bucket.',
);
type BucketEffectJson = ValueOf<typeof BUCKET_EFFECT>;

/** What a change of plan would do. */
export const PLAN_CHANGE_PREVIEW = named(
  'PlanChangePreview',
  {
    kind: oneOf(['activation', 'upgrade', 'downgrade', 'cancellation', 'resumption']),
    from_plan_code: text(),
    to_plan_code: text(),
    effective_time: time(),
    due_now: MONEY,
    next_cycle: orNull(
      object({ ...MONEY_FIELDS, start_time: time() }),
      'Is what the next cycle costs, before taxes: of an `upgrade` less the discounts that it will have then, unless another plan waits for the end of the period; else before discounts. Null where none follows.',
    ),
    buckets: object({ trial: BUCKET_EFFECT, included: BUCKET_EFFECT, payg: BUCKET_EFFECT }),
  },
  'What a change of plan would do, and what would be charged at once (`due_now`).',
);
export type PlanChangePreviewJson = ValueOf<typeof PLAN_CHANGE_PREVIEW>;

/** A stored payment method. */
export const PAYMENT_METHOD = named(
  'PaymentMethod',
  {
    payment_method_id: text(),
    type: text(),
    card: orNull(
      object({ brand: text(), last4: text(), expire_month: whole(), expire_year: whole() }),
      'Is null for other types than cards.',
    ),
    is_default: flag(),
  },
  'A stored payment method.',
);
export type PaymentMethodJson = ValueOf<typeof PAYMENT_METHOD>;

/** Where to go on to store a card: one of the two is null. */
export const SETUP = named(
  'PaymentMethodSetup',
  {
    url: orNull(url(), 'Is Stripe’s page to store a card on.'),
    client_secret: orNull(text(), 'Is what a page with Stripe’s script stores a card by.'),
  },
  'Where to go on to store a card: one of the two is null.',
);
export type SetupJson = ValueOf<typeof SETUP>;

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
    discounts: subscription.discounts.map(fromProtoSubscriptionDiscount),
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
