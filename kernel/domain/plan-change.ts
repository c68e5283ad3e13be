// Owns what going from what a workspace has to another plan is: which kind of change, when it happens, and what it does to each
// bucket. A preview and the change itself are computed by the same function. Does not own what Stripe charges for it.

import type { AccountState, Totals } from './account.ts';
import { BUCKETS, type Bucket } from './bucket.ts';
import { type CycleLength, computeCycleEnd, countMonths } from './cycle-end.ts';
import { computeCredits } from './decide-subscription.ts';
import type { GrantId, Instant, PlanCode } from './id.ts';
import { isLive, type Subscription } from './subscription.ts';
import { type CreditEffect, computeProratedRaise } from './subscription-step.ts';
import { isRunning } from './trial.ts';

/** What a change of plan is: `resumption` takes back a cancellation or a change that waits. */
export type PlanChangeKind = 'activation' | 'upgrade' | 'downgrade' | 'cancellation' | 'resumption';

/** A plan to go to. */
export interface PlanTarget {
  readonly planCode: PlanCode;
  /** Absent for the fallback plan, which nobody pays for. */
  readonly terms?: RankedCycle & { readonly includedPerCycle: bigint };
}

/** Where a plan stands among the others, and how it is billed. */
export interface RankedCycle extends CycleLength {
  readonly rank: number;
}

/** What a change does to one bucket, in microcredits, held ones included. */
export interface BucketEffect {
  readonly bucket: Bucket;
  readonly before: bigint;
  readonly after: bigint;
}

/** What a change of plan does here. */
export interface PlanChange {
  readonly kind: PlanChangeKind;
  readonly effectiveAt: Instant;
  /** Of every bucket, as it is now: what is used until then is not known yet. */
  readonly buckets: readonly BucketEffect[];
}

/** The grant of a preview is never made. */
const NO_GRANT = '' as GrantId;

/**
 * Computes what going to a plan is; undefined where the workspace has it, and nothing waits. `rank` is that of the plan that the
 * subscription is of.
 */
export function computePlanChange(
  state: AccountState,
  target: PlanTarget,
  { rank, now }: { readonly rank: number; readonly now: Instant },
): PlanChange | undefined {
  const { subscription } = state;
  if (!isLive(subscription))
    return target.terms === undefined ? undefined : computeActivation(state, target.terms, now);
  const kind = kindOf(subscription, target, rank);
  switch (kind) {
    case undefined:
      return undefined;
    case 'resumption':
      return changeOf(state, kind, now, { kind: 'none' });
    case 'upgrade':
      return changeOf(state, kind, now, raiseOf(subscription, target, now));
    case 'cancellation':
      return changeOf(state, kind, periodEndOf(subscription, now), { kind: 'lapse' });
    case 'downgrade':
      return changeOf(state, kind, periodEndOf(subscription, now), {
        kind: 'new_cycle',
        allowance: target.terms?.includedPerCycle ?? 0n,
        rolloverLimit: subscription.rolloverLimit,
      });
  }
}

/** While a renewal is pending, Stripe is in the next period already. */
function periodEndOf({ periodEnd, interval, intervalCount }: Subscription, now: Instant): Instant {
  return periodEnd > now ? periodEnd : computeCycleEnd(periodEnd, interval, intervalCount);
}

function computeActivation(state: AccountState, terms: NonNullable<PlanTarget['terms']>, now: Instant): PlanChange {
  return changeOf(state, 'activation', now, {
    kind: 'new_cycle',
    allowance: terms.includedPerCycle,
    rolloverLimit: 0n,
  });
}

/**
 * Says whether a plan is an upgrade of another one, which comes at once: higher rank, or the same rank from monthly to annual, unless
 * it is billed by shorter cycles. Stripe would pay back the rest of a cycle whose credits all came at its beginning.
 */
export function isUpgrade(from: RankedCycle, to: RankedCycle): boolean {
  const isShorter = countMonths(to.interval, to.intervalCount) < countMonths(from.interval, from.intervalCount);
  const isToAnnual = from.interval === 'month' && to.interval === 'year';
  return !isShorter && (to.rank > from.rank || (to.rank === from.rank && isToAnnual));
}

/** What is no upgrade waits for the end of the period. */
function kindOf(
  subscription: Subscription,
  { planCode, terms }: PlanTarget,
  rank: number,
): Exclude<PlanChangeKind, 'activation'> | undefined {
  const { cancelAt, pending } = subscription;
  if (planCode === subscription.planCode) {
    return cancelAt === undefined && pending === undefined ? undefined : 'resumption';
  }
  if (terms === undefined) return cancelAt === undefined ? 'cancellation' : undefined;
  const { interval, intervalCount } = subscription;
  if (isUpgrade({ interval, intervalCount, rank }, terms)) return 'upgrade';
  return pending?.terms.planCode === planCode ? undefined : 'downgrade';
}

function raiseOf(subscription: Subscription, { terms }: PlanTarget, now: Instant): CreditEffect {
  const { interval, intervalCount } = subscription;
  const allowance = terms?.includedPerCycle ?? 0n;
  // Another interval begins another cycle, to which nothing of the old one is carried.
  if (terms?.interval !== interval || terms.intervalCount !== intervalCount) {
    return { kind: 'new_cycle', allowance, rolloverLimit: 0n };
  }
  return { kind: 'raise', amount: computeProratedRaise(subscription, allowance, now) };
}

function changeOf(state: AccountState, kind: PlanChangeKind, effectiveAt: Instant, credits: CreditEffect): PlanChange {
  const endsTrial = kind === 'activation' && isRunning(state.trial);
  const { after } = computeCredits(state, credits, { at: effectiveAt, endsTrial, grantId: NO_GRANT });
  return { kind, effectiveAt, buckets: effectsOf(state.totals, after) };
}

function effectsOf(before: Totals, after: Totals): readonly BucketEffect[] {
  return BUCKETS.map((bucket) => ({ bucket, before: before[bucket], after: after[bucket] }));
}
