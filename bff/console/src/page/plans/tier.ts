// Owns how the plans of the catalog become tiers: a plan and its annual variant are one. Does not own what they are called.

import type { Plan, SubscriptionState } from '../../api/type.ts';
import { computePlanStatus, runningSubscription } from '../../data/plan-status.ts';
import { tierOf } from '../../part/plan-name.ts';

/** Is how often a plan is billed. */
export type Cycle = 'month' | 'year';

/** Is a tier of the catalog. */
export interface Tier {
  /** Is the variant that is shown where nothing else is asked for. */
  readonly month: Plan;
  readonly year: Plan | undefined;
}

/** Gathers tiers, the lowest rank first. */
export function toTiers(plans: readonly Plan[]): readonly Tier[] {
  const groups = Map.groupBy(plans, ({ plan_code }) => tierOf(plan_code));
  const tiers = [...groups.values()].flatMap((variants): Tier[] => {
    const month = variants.find(({ interval }) => interval !== 'year') ?? variants[0];
    return month === undefined
      ? []
      : [{ month, year: variants.find((plan) => plan !== month && plan.interval === 'year') }];
  });
  return tiers.sort((left, right) => left.month.rank - right.month.rank);
}

/** Returns the variant of a tier that is billed so; the other one where there is none. */
export function variantOf({ month, year }: Tier, cycle: Cycle): Plan {
  return cycle === 'year' && year !== undefined ? year : month;
}

/** Says how a plan is billed, by its code alone. */
export function cycleOf(planCode: string): Cycle {
  return tierOf(planCode) === planCode ? 'month' : 'year';
}

const MONTHS_PER_YEAR = 12;

/** Computes how many percent a year costs less than twelve months; 0 where it does not. */
export function annualSaving({ month, year }: Tier): number {
  if (month.amount === null || year === undefined || year.amount === null || month.amount === 0) return 0;
  const byMonths = month.amount * MONTHS_PER_YEAR;
  return Math.max(0, Math.floor(((byMonths - year.amount) * 100) / byMonths));
}

/** What an administrator can do with a plan, as it stands. */
export type PlanOffer =
  | 'current'
  | 'trial'
  | 'subscribe'
  | 'upgrade'
  | 'downgrade'
  | 'free'
  | 'resume'
  | 'pending'
  | 'none';

/** Finds what can be done with a plan. Whether a change waits or comes at once, the service's preview says. */
export function computeOffer(plan: Plan, state: SubscriptionState, plans: readonly Plan[]): PlanOffer {
  const subscription = runningSubscription(state);
  if (subscription === undefined) return computeFirstOffer(plan, state);
  if (subscription.pending_change?.plan_code === plan.plan_code) return 'pending';
  if (plan.plan_code === subscription.plan_code) {
    return subscription.pending_change === null && subscription.cancel_time === null ? 'current' : 'resume';
  }
  if (plan.amount === 0) return subscription.cancel_time === null ? 'free' : 'pending';
  const current = plans.find(({ plan_code }) => plan_code === subscription.plan_code);
  return isUpgrade(plan, current) ? 'upgrade' : 'downgrade';
}

function computeFirstOffer(plan: Plan, state: SubscriptionState): PlanOffer {
  const isOnTrial = computePlanStatus(state).kind === 'trial';
  if (plan.amount === 0) return !isOnTrial && state.plan_code === plan.plan_code ? 'current' : 'none';
  return plan.trial_enabled && state.trial === null && !plan.trial_requires_card ? 'trial' : 'subscribe';
}

function isUpgrade(plan: Plan, current: Plan | undefined): boolean {
  if (current === undefined || plan.rank > current.rank) return true;
  return plan.rank === current.rank && plan.interval === 'year' && current.interval === 'month';
}
