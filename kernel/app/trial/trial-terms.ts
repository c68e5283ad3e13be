// Owns what the catalog makes of the question for a trial: which plan, for how long, with which credits, and whether it is
// offered at all. Pure: the product and its plans are given. Does not own limits per person, or what the account says.

import { DomainError, invalidField } from '../../domain/error.ts';
import type { Instant, PlanCode } from '../../domain/id.ts';
import type { PlanPolicy } from '../../domain/plan-policy.ts';
import type { TrialTerms } from '../../domain/trial.ts';
import { planNotFound } from '../catalog/catalog-error.ts';
import type { Plan, Product } from '../catalog/ports.ts';
import type { ProductPlans } from '../catalog/product-plans.ts';
import type { TrialQuestion } from '../ledger/ledger.ts';

const DAY_MS = 86_400_000;

/** What is offered, and under which policy. */
export interface TrialOffer {
  readonly terms: TrialTerms;
  readonly policy: PlanPolicy;
}

/** Finds the plan that new workspaces of a product start on, as long as it is on sale. */
export function findOnboardingPlan(plans: readonly Plan[]): Plan | undefined {
  return plans.find((plan) => plan.onboardingDefault && !plan.archived);
}

/**
 * Decides what a trial gives. An operator may give one of any plan on sale, with a length and credits of its own.
 * Throws DomainError PLAN_NOT_FOUND, TRIAL_NOT_OFFERED, TRIAL_CARD_REQUIRED; INVALID_FIELD `trial_days` where an operator
 * must say how long it runs.
 */
export function computeTrialOffer(
  catalog: ProductPlans,
  question: TrialQuestion,
  { now, hasCard }: { readonly now: Instant; readonly hasCard: boolean },
): TrialOffer {
  const plan = findPlan(catalog, question.planCode);
  const { policy, planCode } = plan;
  const isOperator = question.actor !== undefined;
  if (!isOperator && !policy.trialEnabled) throw trialNotOffered(planCode);
  if (!isOperator && policy.trialRequiresCard && !hasCard) throw cardRequired(planCode);
  const days = question.trialDays ?? policy.trialDays;
  if (days < 1) {
    const description = `is required: plan ${planCode} offers no trial, and so does not say how long one runs`;
    throw invalidField({ field: 'trial_days', description });
  }
  return { terms: termsOf(catalog.product, plan, { days, granted: question.granted, now }), policy };
}

/** Decides what the trial gives that starts by itself. */
export function computeAutomaticTerms(product: Product, plan: Plan, now: Instant): TrialTerms {
  return termsOf(product, plan, { days: plan.policy.trialDays, granted: undefined, now });
}

function termsOf(
  { fallbackPlanCode }: Product,
  { planCode, policy }: Plan,
  { days, granted, now }: { readonly days: number; readonly granted: bigint | undefined; readonly now: Instant },
): TrialTerms {
  return {
    planCode,
    fallbackPlanCode,
    endsAt: now + days * DAY_MS,
    granted: granted ?? policy.trialMicrocreditsGranted,
    revokesUnused: policy.revokeUnusedTrialCredits,
    endBehaviour: policy.trialEndBehaviour,
  };
}

function findPlan({ product, plans }: ProductPlans, planCode: PlanCode | undefined): Plan {
  const { productCode } = product;
  if (planCode === undefined) {
    const plan = findOnboardingPlan(plans);
    if (plan !== undefined) return plan;
    const message = `plan_code: ${productCode} names no plan that new workspaces start on: name the plan to try`;
    throw new DomainError('TRIAL_NOT_OFFERED', message);
  }
  const plan = plans.find((candidate) => candidate.planCode === planCode && !candidate.archived);
  if (plan === undefined) throw planNotFound(productCode, planCode);
  return plan;
}

function trialNotOffered(planCode: PlanCode): DomainError {
  const message = `plan ${planCode} offers no trial: choose another plan, see ListPlans`;
  return new DomainError('TRIAL_NOT_OFFERED', message, { metadata: { plan_code: planCode } });
}

function cardRequired(planCode: PlanCode): DomainError {
  const message = `a trial of plan ${planCode} needs a payment card, and the workspace has none: store one first, or choose another plan`;
  return new DomainError('TRIAL_CARD_REQUIRED', message, { metadata: { plan_code: planCode } });
}
