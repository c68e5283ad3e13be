// Owns how documents of the catalog become what the use cases know. Does not own their form (catalog-model.ts).

import type { Money, Plan, PlanPolicy, Product } from '../../app/catalog/ports.ts';
import type { ActionPrice } from '../../domain/action-price.ts';
import type { PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { ActionPriceDocument, PlanDocument, PlanPolicyDocument, ProductDocument } from './catalog-model.ts';

/** What holds for a plan whose policy was never written: nothing is allowed, so nothing is given by accident. */
const CLOSED_POLICY: PlanPolicy = {
  trialEnabled: false,
  trialDays: 0,
  trialMicrocreditsGranted: 0n,
  trialRequiresCard: true,
  autoTrialOnWorkspaceCreation: false,
  trialEndBehaviour: 'fallback',
  revokeUnusedTrialCredits: true,
  onboardingDefault: false,
  selfServe: false,
  contactSales: false,
  paygAllowed: false,
  rank: 0,
  overdraftLimitMicrocredits: 0n,
};

export function fromDocumentProduct(document: ProductDocument): Product {
  return {
    productCode: document.product_code as ProductCode,
    displayName: document.display_name,
    fallbackPlanCode: document.fallback_plan_code as PlanCode,
    currency: document.currency,
  };
}

export function fromDocumentPlan(document: PlanDocument, policy: PlanPolicyDocument | undefined): Plan {
  return {
    productCode: document.product_code as ProductCode,
    planCode: document.plan_code as PlanCode,
    productName: document.product_name,
    ...present({
      stripePriceId: document.stripe_price_id ?? undefined,
      price: fromDocumentMoney(document),
      interval: document.interval ?? undefined,
    }),
    intervalCount: document.interval_count,
    includedMicrocreditsPerCycle: document.included_microcredits_per_cycle,
    archived: document.archived,
    policy: policy === undefined ? CLOSED_POLICY : fromDocumentPolicy(policy),
  };
}

function fromDocumentMoney({ amount, currency }: PlanDocument): Money | undefined {
  return amount === null || currency === null ? undefined : { minorUnits: amount, currency };
}

function fromDocumentPolicy(document: PlanPolicyDocument): PlanPolicy {
  return {
    trialEnabled: document.trial_enabled,
    trialDays: document.trial_days,
    trialMicrocreditsGranted: document.trial_microcredits_granted,
    trialRequiresCard: document.trial_requires_card,
    autoTrialOnWorkspaceCreation: document.auto_trial_on_workspace_creation,
    trialEndBehaviour: document.trial_end_behaviour,
    revokeUnusedTrialCredits: document.revoke_unused_trial_credits,
    onboardingDefault: document.onboarding_default,
    selfServe: document.self_serve,
    contactSales: document.contact_sales,
    paygAllowed: document.payg_allowed,
    rank: document.rank,
    ...present({ memberLimit: document.member_limit ?? undefined }),
    overdraftLimitMicrocredits: document.overdraft_limit_microcredits,
  };
}

export function fromDocumentPrice(document: ActionPriceDocument): ActionPrice {
  return {
    action: document.action,
    microcreditsPerUnit: document.microcredits_per_unit,
    unit: document.unit,
    rule: document.rule,
    ...present({
      planCode: (document.plan_code ?? undefined) as PlanCode | undefined,
      tenantId: (document.tenant_id ?? undefined) as TenantId | undefined,
    }),
    effectiveAt: document.effective_at.getTime(),
  };
}
