// Owns which plan of the catalog somebody may go to by themselves, and what going there is. Pure: account and catalog are given.
// Does not own what Stripe charges.

import type { AccountState } from '../../domain/account.ts';
import { DomainError, invalidField } from '../../domain/error.ts';
import type { Instant, PlanCode } from '../../domain/id.ts';
import { computePlanChange, type PlanChange, type PlanTarget } from '../../domain/plan-change.ts';
import { planNotFound } from '../catalog/catalog-error.ts';
import type { Money, Plan } from '../catalog/ports.ts';
import type { ProductPlans } from '../catalog/product-plans.ts';

/** A plan that Stripe sells. */
export interface SoldPlan {
  readonly plan: Plan;
  readonly stripePriceId: string;
  readonly price: Money;
  readonly interval: 'month' | 'year';
}

/** A change to a plan: what it is, and the plan where it is paid for. */
export interface PlanMove {
  readonly change: PlanChange;
  readonly fromPlanCode: PlanCode;
  readonly toPlanCode: PlanCode;
  /** Absent for the fallback plan. */
  readonly sold?: SoldPlan;
}

/** Finds a plan that customers can buy. Throws DomainError PLAN_NOT_FOUND, CONTACT_SALES, INVALID_FIELD `plan_code`. */
export function requireSoldPlan(catalog: ProductPlans, planCode: PlanCode): SoldPlan {
  const plan = requirePlan(catalog, planCode);
  if (!isSold(plan)) throw contactSalesFor(planCode);
  const { stripePriceId, price, interval } = plan;
  if (stripePriceId === undefined || price === undefined || interval === undefined) {
    const description = `names ${planCode}, which nobody pays for by the period: choose a plan with a price, see ListPlans`;
    throw invalidField({ field: 'plan_code', description });
  }
  return { plan, stripePriceId, price, interval };
}

/** Says that people can buy a plan without our sales team. */
export function isSold({ archived, policy: { selfServe, contactSales } }: Plan): boolean {
  return !archived && selfServe && !contactSales;
}

/** Finds a plan that is not archived. Throws DomainError PLAN_NOT_FOUND. */
export function requirePlan({ product, plans }: ProductPlans, planCode: PlanCode): Plan {
  const plan = plans.find((candidate) => candidate.planCode === planCode && !candidate.archived);
  if (plan === undefined) throw planNotFound(product.productCode, planCode);
  return plan;
}

/**
 * Computes what going to a plan is. Throws DomainError PLAN_NOT_FOUND, CONTACT_SALES, PLAN_UNCHANGED, INVALID_FIELD `plan_code`.
 */
export function computePlanMove(
  catalog: ProductPlans,
  state: AccountState,
  planCode: PlanCode,
  now: Instant,
): PlanMove {
  const { subscription } = state;
  // Whoever has a plan may keep it, also once it is not sold any more.
  const isOwn = subscription?.planCode === planCode && subscription.status !== 'ended';
  const isFallback = planCode === catalog.product.fallbackPlanCode;
  const sold = isOwn || isFallback ? undefined : requireSoldPlan(catalog, planCode);
  const change = computePlanChange(state, targetOf(planCode, sold), { rank: rankOf(catalog, state), now });
  if (change === undefined) throw planUnchanged(planCode);
  const move = { change, fromPlanCode: state.planCode, toPlanCode: planCode };
  return sold === undefined ? move : { ...move, sold };
}

function targetOf(planCode: PlanCode, sold: SoldPlan | undefined): PlanTarget {
  if (sold === undefined) return { planCode };
  const { plan, interval } = sold;
  const { rank, includedMicrocreditsPerCycle: includedPerCycle } = plan.policy;
  return { planCode, terms: { rank, interval, intervalCount: plan.intervalCount, includedPerCycle } };
}

function rankOf({ plans }: ProductPlans, { subscription }: AccountState): number {
  return plans.find(({ planCode }) => planCode === subscription?.planCode)?.policy.rank ?? 0;
}

function contactSalesFor(planCode: PlanCode): DomainError {
  const message = `plan ${planCode} is sold by our sales team: contact sales, or choose another plan`;
  return new DomainError('CONTACT_SALES', message, { metadata: { plan_code: planCode } });
}

export function planUnchanged(planCode: PlanCode): DomainError {
  const message = `the workspace is on plan ${planCode} or goes there already, and nothing waits that could be taken back: see GetSubscription`;
  return new DomainError('PLAN_UNCHANGED', message, { metadata: { plan_code: planCode } });
}
