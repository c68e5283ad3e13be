// Owns the JSON of plans, balances, prices and usage: its shapes, and the translation of the contract's messages into them.
// Does not own any rule: figures are passed on as the kernel gave them; nor the JSON of people (convert-people.ts), of
// trials (convert-trial.ts) and of subscriptions (convert-subscription.ts).
// Invariants: names are snake_case, times ISO 8601 in UTC, amounts integers that a JSON number holds exactly; a value
// that can't be shown truthfully is an error, never a guess; no product_code leaves this module.

import { type ActionPrice, PriceRule } from '../gen/wheelhouse/catalog/v1/action_price.ts';
import { BillingInterval, type Plan } from '../gen/wheelhouse/catalog/v1/plan.ts';
import { Bucket } from '../gen/wheelhouse/common/v1/bucket.ts';
import type { Balance, GrantDraw } from '../gen/wheelhouse/ledger/v1/balance.ts';
import { type Debit, type Entry, RunStatus } from '../gen/wheelhouse/ledger/v1/entry.ts';
import { flag, mapOf, named, object, oneOf, orNull, text, time, type ValueOf, whole } from './shape.ts';

const PRICE_RULES = ['default', 'plan', 'tenant'] as const;

/** What of a bucket or of all of them is told in microcredits. */
const MICROCREDITS = 'Is in microcredits.';

/** One plan of `GET /v1/billing/plans`. */
export const PLAN = named(
  'Plan',
  {
    plan_code: text(),
    stripe_price_id: orNull(text(), 'Is null for plans that Stripe does not sell.'),
    amount: orNull(
      whole(),
      'Is the price of one cycle in minor units of the currency; 0 for free, null for plans sold by contract.',
    ),
    currency: orNull(text(), 'Is the ISO 4217 code in lower case; null where there is no amount.'),
    interval: orNull(oneOf(['month', 'year']), 'Is null where the plan has no billing cycle.'),
    interval_count: orNull(whole(), 'Is null where the plan has no billing cycle.'),
    product_name: text(),
    trial_enabled: flag(),
    trial_days: whole(),
    trial_credits_granted: whole(MICROCREDITS),
    trial_requires_card: flag(),
    onboarding_default: flag('Says that new workspaces begin on it.'),
    included_microcredits_per_cycle: whole(),
    self_serve: flag('Is false for plans that only sales can set up.'),
    rank: whole('Orders plans: to a higher one is an upgrade.'),
    member_limit: orNull(whole(), 'Is null where there is no limit.'),
  },
  'One plan that is offered.',
);
export type PlanJson = ValueOf<typeof PLAN>;

/** What a workspace holds, in microcredits; the answer of `GET /v1/billing/usage`. */
export const BALANCE = named(
  'Balance',
  {
    trial_remaining: whole(),
    included_remaining: whole(),
    payg_remaining: whole(),
    held: whole('Is what open holds reserve.'),
    available: whole('Is what can be spent now: all that remains, without what is held.'),
    deficit: whole('Is what was used beyond what there was.'),
  },
  'What a workspace holds, in microcredits (1 credit = 1,000,000 microcredits).',
);
export type BalanceJson = ValueOf<typeof BALANCE>;

/** One price of `GET /v1/billing/action-pricing`. */
export const ACTION_PRICE = named(
  'ActionPrice',
  {
    action: text(),
    microcredits_per_unit: whole(),
    unit: text(),
    rule: oneOf(PRICE_RULES, 'Says whose price it is: everybody’s, the plan’s, or this workspace’s own.'),
    effective_time: time('Is since when it counts.'),
  },
  'What one unit of a metered action costs the workspace.',
);
export type ActionPriceJson = ValueOf<typeof ACTION_PRICE>;

/** One metered event of `GET /v1/billing/usage-history`. */
export const USAGE_EVENT = named(
  'UsageEvent',
  {
    entry_id: text(),
    create_time: time(),
    action: text(),
    quantity: text('Is an exact decimal, and so a string.'),
    unit: text(),
    microcredits_per_unit: whole(),
    price_rule: oneOf(PRICE_RULES),
    cost_microcredits: whole('Is what was charged: the draws and the deficit together.'),
    draws: object(
      { trial: whole(), included: whole(), payg: whole() },
      'Is what each bucket paid of it, in microcredits.',
    ),
    deficit_microcredits: whole(),
    already_performed: flag('Says that the work had been done when it was charged.'),
    hold_id: orNull(text(), 'Is the hold that the work was charged through.'),
    reversed_by_entry_id: orNull(text(), 'Is the entry by which the charge was undone.'),
    project_id: orNull(text()),
    workflow_id: orNull(text()),
    run_id: orNull(text()),
    run_status: orNull(oneOf(['running', 'succeeded', 'failed', 'canceled'])),
    dimensions: mapOf(text()),
    balance_after: BALANCE,
  },
  'One metered event, with what it cost and who paid it.',
);
export type UsageEventJson = ValueOf<typeof USAGE_EVENT>;

/** Says that the kernel sent what REST can't show truthfully; it names the field. */
export class ConversionError extends Error {
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.name = 'ConversionError';
    this.field = field;
  }
}

/** Translates a plan. Throws ConversionError when it is no plan of the product that this deployment serves. */
export function fromProtoPlan(plan: Plan, productCode: string): PlanJson {
  if (plan.productCode !== productCode) {
    throw new ConversionError('product_code', 'the kernel answered with a plan of another product');
  }
  const interval = fromProtoInterval(plan.interval);
  return {
    plan_code: plan.planCode,
    stripe_price_id: plan.stripePriceId ?? null,
    amount: plan.price ? fromProtoInteger(plan.price.minorUnits, 'amount') : null,
    currency: plan.price?.currencyCode ?? null,
    interval,
    interval_count: interval === null ? null : plan.intervalCount,
    product_name: plan.productName,
    trial_enabled: plan.trialEnabled,
    trial_days: plan.trialDays,
    trial_credits_granted: fromProtoInteger(plan.trialMicrocreditsGranted, 'trial_credits_granted'),
    trial_requires_card: plan.trialRequiresCard,
    onboarding_default: plan.onboardingDefault,
    included_microcredits_per_cycle: fromProtoInteger(
      plan.includedMicrocreditsPerCycle,
      'included_microcredits_per_cycle',
    ),
    self_serve: plan.selfServe,
    rank: plan.rank,
    member_limit: plan.memberLimit ?? null,
  };
}

/** Translates a balance. Throws ConversionError when it is absent or a figure is too large for a JSON number. */
export function fromProtoBalance(balance: Balance | undefined, field = ''): BalanceJson {
  if (!balance) {
    throw new ConversionError(field || 'balance', 'the kernel answered without a balance');
  }
  const prefix = field ? `${field}.` : '';
  return {
    trial_remaining: fromProtoInteger(balance.trialRemainingMicrocredits, `${prefix}trial_remaining`),
    included_remaining: fromProtoInteger(balance.includedRemainingMicrocredits, `${prefix}included_remaining`),
    payg_remaining: fromProtoInteger(balance.paygRemainingMicrocredits, `${prefix}payg_remaining`),
    held: fromProtoInteger(balance.heldMicrocredits, `${prefix}held`),
    available: fromProtoInteger(balance.availableMicrocredits, `${prefix}available`),
    deficit: fromProtoInteger(balance.deficitMicrocredits, `${prefix}deficit`),
  };
}

/** Translates the price of an action. Throws ConversionError when it has no rule, no time or no exact number. */
export function fromProtoActionPrice(price: ActionPrice): ActionPriceJson {
  return {
    action: price.action,
    microcredits_per_unit: fromProtoInteger(price.microcreditsPerUnit, 'microcredits_per_unit'),
    unit: price.unit,
    rule: fromProtoPriceRule(price.rule, 'rule'),
    effective_time: fromProtoTime(price.effectiveTime, 'effective_time'),
  };
}

/** Translates the entry of a charge. Throws ConversionError when it is none, or not of the tenant that asked. */
export function fromProtoUsageEvent(entry: Entry, tenantId: string): UsageEventJson {
  if (entry.tenantId !== tenantId) {
    throw new ConversionError('tenant_id', 'the kernel answered with an entry of another workspace');
  }
  const { debit, holdId } = fromProtoUsage(entry);
  return {
    entry_id: entry.entryId,
    create_time: fromProtoTime(entry.createTime, 'create_time'),
    action: debit.action,
    quantity: debit.quantity,
    ...fromProtoCharge(debit),
    already_performed: debit.alreadyPerformed,
    hold_id: holdId,
    reversed_by_entry_id: entry.reversedByEntryId || null,
    project_id: debit.projectId || null,
    workflow_id: debit.workflowId || null,
    run_id: debit.runId || null,
    run_status: fromProtoRunStatus(debit.runStatus),
    dimensions: Object.fromEntries(debit.dimensions),
    balance_after: fromProtoBalance(entry.balanceAfter, 'balance_after'),
  };
}

/** Finds what was charged: by a debit, or for work behind a hold. */
function fromProtoUsage({ detail }: Entry): { readonly debit: Debit; readonly holdId: string | null } {
  if (detail?.$case === 'debit') return { debit: detail.value, holdId: null };
  if (detail?.$case !== 'settlement' || !detail.value.charge || !detail.value.hold) {
    throw new ConversionError('type', 'the kernel answered with an entry that charges nothing');
  }
  return { debit: detail.value.charge, holdId: detail.value.hold.holdId };
}

function fromProtoCharge(
  debit: Debit,
): Pick<
  UsageEventJson,
  'unit' | 'microcredits_per_unit' | 'price_rule' | 'cost_microcredits' | 'draws' | 'deficit_microcredits'
> {
  if (!debit.price) {
    throw new ConversionError('microcredits_per_unit', 'the kernel answered with a debit without its price');
  }
  return {
    unit: debit.price.unit,
    microcredits_per_unit: fromProtoInteger(debit.price.microcreditsPerUnit, 'microcredits_per_unit'),
    price_rule: fromProtoPriceRule(debit.price.rule, 'price_rule'),
    cost_microcredits: fromProtoInteger(debit.costMicrocredits, 'cost_microcredits'),
    draws: fromProtoDraws(debit.draws),
    deficit_microcredits: fromProtoInteger(debit.deficitMicrocredits, 'deficit_microcredits'),
  };
}

/** Adds up by bucket what grants paid: which grant it was is the operator's concern. */
function fromProtoDraws(draws: readonly GrantDraw[]): UsageEventJson['draws'] {
  const sum = (bucket: Bucket, field: string): number =>
    fromProtoInteger(
      draws.reduce((total, draw) => (draw.bucket === bucket ? total + draw.microcredits : total), 0n),
      field,
    );
  if (draws.some(({ bucket }) => bucket !== Bucket.TRIAL && bucket !== Bucket.INCLUDED && bucket !== Bucket.PAYG)) {
    throw new ConversionError('draws', 'the kernel answered with a bucket that this release does not know');
  }
  return {
    trial: sum(Bucket.TRIAL, 'draws.trial'),
    included: sum(Bucket.INCLUDED, 'draws.included'),
    payg: sum(Bucket.PAYG, 'draws.payg'),
  };
}

/**
 * Translates an int64. Throws ConversionError when it is beyond ±(2^53 − 1): a JSON number would round it without a
 * word.
 */
export function fromProtoInteger(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
    throw new ConversionError(field, `${value} is beyond ±(2^53 − 1), the range in which JSON numbers are exact`);
  }
  return Number(value);
}

/** Translates a time; null where there is none. Throws ConversionError where it can't be shown. */
export function fromProtoOptionalTime(time: Date | undefined, field: string): string | null {
  return time === undefined ? null : fromProtoTime(time, field);
}

/** Translates a time. Throws ConversionError when it is absent. */
export function fromProtoTime(time: Date | undefined, field: string): string {
  if (!time || Number.isNaN(time.getTime())) {
    throw new ConversionError(field, 'the kernel answered without a time');
  }
  return time.toISOString();
}

/** Translates the unit of a cycle; null where there is none. */
export function fromProtoInterval(interval: BillingInterval): PlanJson['interval'] {
  switch (interval) {
    case BillingInterval.UNSPECIFIED:
      return null;
    case BillingInterval.MONTH:
      return 'month';
    case BillingInterval.YEAR:
      return 'year';
    default:
      throw unknownValue('interval', interval);
  }
}

function fromProtoPriceRule(rule: PriceRule, field: string): ActionPriceJson['rule'] {
  switch (rule) {
    case PriceRule.DEFAULT:
      return 'default';
    case PriceRule.PLAN:
      return 'plan';
    case PriceRule.TENANT:
      return 'tenant';
    case PriceRule.UNSPECIFIED:
      throw new ConversionError(field, 'the kernel answered without the rule of a price');
    default:
      throw unknownValue(field, rule);
  }
}

function fromProtoRunStatus(status: RunStatus): UsageEventJson['run_status'] {
  switch (status) {
    case RunStatus.UNSPECIFIED:
      return null;
    case RunStatus.RUNNING:
      return 'running';
    case RunStatus.SUCCEEDED:
      return 'succeeded';
    case RunStatus.FAILED:
      return 'failed';
    case RunStatus.CANCELED:
      return 'canceled';
    default:
      throw unknownValue('run_status', status);
  }
}

/** Enums are open on the wire: a newer kernel can send a number that this release has no name for. */
export function unknownValue(field: string, value: never): ConversionError {
  return new ConversionError(field, `the kernel answered with ${String(value)}, which this release does not know`);
}
