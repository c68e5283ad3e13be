// Owns how documents of the catalog become what the use cases know, and prices documents. Does not own their form (catalog-model.ts).

import type { Money, Plan, PlanPolicy, PriceRecord, PriceTarget, Product } from '../../app/catalog/ports.ts';
import type { PriceRow } from '../../domain/action-price.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
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

/** Reads a row of prices. Throws Error where it has neither a price nor the word that an override ends. */
export function fromDocumentPriceRow(document: ActionPriceDocument): PriceRow {
  const { action, rule, unit, microcredits_per_unit: microcreditsPerUnit } = document;
  const target = present({
    planCode: (document.plan_code ?? undefined) as PlanCode | undefined,
    tenantId: (document.tenant_id ?? undefined) as TenantId | undefined,
  });
  const effectiveAt = document.effective_at.getTime();
  if (document.ends_override === true && rule !== 'default') {
    return { action, rule, ...target, effectiveAt, endsOverride: true };
  }
  if (microcreditsPerUnit === undefined || unit === undefined) {
    throw new Error(`a row of action_prices for ${action} has no price: it was not written by this service`);
  }
  return { action, microcreditsPerUnit, unit, rule, ...target, effectiveAt };
}

export function fromDocumentPriceRecord(document: ActionPriceDocument): PriceRecord {
  const { revision, actor, reason, request_key: requestKey, request_fingerprint: fingerprint } = document;
  return {
    productCode: document.product_code as ProductCode,
    row: fromDocumentPriceRow(document),
    revision: revision ?? 0,
    ...present({ supersededAt: document.superseded_at?.getTime() }),
    actor: actor ?? '',
    reason: reason ?? '',
    requestKey: (requestKey ?? '') as IdempotencyKey,
    fingerprint: (fingerprint ?? '') as Fingerprint,
    createdAt: document.created_at.getTime(),
  };
}

export function toDocumentPrice(record: PriceRecord): ActionPriceDocument {
  const { row, supersededAt } = record;
  return {
    ...toDocumentTarget(record.productCode, row),
    ...(row.endsOverride === true
      ? { ends_override: true }
      : { microcredits_per_unit: row.microcreditsPerUnit, unit: row.unit }),
    effective_at: new Date(row.effectiveAt),
    ...(supersededAt === undefined ? {} : { superseded_at: new Date(supersededAt) }),
    created_at: new Date(record.createdAt),
    revision: record.revision,
    actor: record.actor,
    reason: record.reason,
    request_key: record.requestKey,
    request_fingerprint: record.fingerprint,
  };
}

/** Names the rows of one target, by the whole key that they have in common. */
export function toDocumentTarget(
  productCode: ProductCode,
  { action, rule, planCode, tenantId }: PriceTarget,
): Pick<ActionPriceDocument, 'product_code' | 'rule' | 'plan_code' | 'tenant_id' | 'action'> {
  return { product_code: productCode, rule, plan_code: planCode ?? null, tenant_id: tenantId ?? null, action };
}
