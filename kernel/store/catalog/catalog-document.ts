// Owns how documents of the catalog become what the use cases know, and policies and prices documents. Does not own their
// form (catalog-model.ts).

import type { Money, Plan, PolicyRecord, PriceRecord, PriceTarget, Product } from '../../app/catalog/ports.ts';
import type { PriceRow } from '../../domain/action-price.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import {
  CLOSED_POLICY,
  contractNameOf,
  type PlanPolicy,
  type PolicyChange,
  type PolicyField,
  policyFieldOf,
} from '../../domain/plan-policy.ts';
import type { ActionPriceDocument, PlanDocument, PlanPolicyDocument, ProductDocument } from './catalog-model.ts';

/** What rows of policies lack that were written before these fields were; the others are always there. */
const LATER_FIELDS = { ...toDocumentPolicy(CLOSED_POLICY), pinned_fields: [], revision: 0 };

export function fromDocumentProduct(document: ProductDocument): Product {
  return {
    productCode: document.product_code as ProductCode,
    displayName: document.display_name,
    fallbackPlanCode: document.fallback_plan_code as PlanCode,
    ...present({ onboardingPlanCode: (document.onboarding_plan_code ?? undefined) as PlanCode | undefined }),
    onboardingPinned: document.onboarding_pinned === true,
    currency: document.currency,
    createdAt: document.created_at.getTime(),
  };
}

/** What belongs to a plan beside its own row. */
export interface PlanSurroundings {
  readonly product: ProductDocument | undefined;
  readonly policy: PlanPolicyDocument | undefined;
}

export function fromDocumentPlan(document: PlanDocument, { product, policy }: PlanSurroundings): Plan {
  return {
    productCode: document.product_code as ProductCode,
    planCode: document.plan_code as PlanCode,
    // Rows that were written before there were sources have none.
    source: document.source ?? (document.stripe_price_id === null ? 'operator' : 'stripe'),
    productName: document.product_name,
    ...present({
      stripePriceId: document.stripe_price_id ?? undefined,
      price: fromDocumentMoney(document),
      interval: document.interval ?? undefined,
    }),
    intervalCount: document.interval_count,
    archived: document.archived,
    revision: document.revision ?? 0,
    onboardingDefault: product?.onboarding_plan_code === document.plan_code,
    policy: policy === undefined ? CLOSED_POLICY : fromDocumentPolicy(policy),
  };
}

function fromDocumentMoney({ amount, currency }: PlanDocument): Money | undefined {
  return amount === null || currency === null ? undefined : { minorUnits: amount, currency };
}

export function fromDocumentPolicyRecord(stored: PlanPolicyDocument): PolicyRecord {
  const document = { ...LATER_FIELDS, ...stored };
  return {
    productCode: document.product_code as ProductCode,
    planCode: document.plan_code as PlanCode,
    policy: fromDocumentPolicy(document),
    pinnedFields: new Set(document.pinned_fields.flatMap((name) => policyFieldOf(name) ?? [])),
    revision: document.revision,
  };
}

function fromDocumentPolicy(stored: PlanPolicyDocument): PlanPolicy {
  const document = { ...LATER_FIELDS, ...stored };
  const price = document.payg_minor_units_per_credit_millionths;
  return {
    trialEnabled: document.trial_enabled,
    trialDays: document.trial_days,
    trialMicrocreditsGranted: document.trial_microcredits_granted,
    trialRequiresCard: document.trial_requires_card,
    autoTrialOnWorkspaceCreation: document.auto_trial_on_workspace_creation,
    trialEndBehaviour: document.trial_end_behaviour,
    revokeUnusedTrialCredits: document.revoke_unused_trial_credits,
    trialLimitPerPerson: document.trial_limit_per_person,
    selfServe: document.self_serve,
    contactSales: document.contact_sales,
    rank: document.rank,
    memberLimit: document.member_limit,
    includedMicrocreditsPerCycle: document.included_microcredits_per_cycle,
    includedRolloverLimitMicrocredits: document.included_rollover_limit_microcredits,
    pastDueGraceDays: document.past_due_grace_days,
    pastDueEnd: document.past_due_end,
    cancelAtOnceAllowed: document.cancel_at_once_allowed,
    overdraftLimitMicrocredits: document.overdraft_limit_microcredits,
    paygAllowed: document.payg_allowed,
    paygMinorUnitsPerCredit: price === null ? null : { millionths: price },
    paygPackages: document.payg_packages.map(({ minor_units: minorUnits, microcredits }) => ({
      minorUnits,
      microcredits,
    })),
    paygMinorUnitsMin: document.payg_minor_units_min,
    paygMinorUnitsMax: document.payg_minor_units_max,
    refundDebtWaived: document.refund_debt_waived,
    creditGates: document.credit_gates,
  };
}

type PolicyFields = Omit<
  PlanPolicyDocument,
  'product_code' | 'plan_code' | 'pinned_fields' | 'revision' | 'created_at'
>;

export function toDocumentPolicy(policy: PlanPolicy): PolicyFields {
  return {
    trial_enabled: policy.trialEnabled,
    trial_days: policy.trialDays,
    trial_microcredits_granted: policy.trialMicrocreditsGranted,
    trial_requires_card: policy.trialRequiresCard,
    auto_trial_on_workspace_creation: policy.autoTrialOnWorkspaceCreation,
    trial_end_behaviour: policy.trialEndBehaviour,
    revoke_unused_trial_credits: policy.revokeUnusedTrialCredits,
    trial_limit_per_person: policy.trialLimitPerPerson,
    self_serve: policy.selfServe,
    contact_sales: policy.contactSales,
    rank: policy.rank,
    member_limit: policy.memberLimit,
    included_microcredits_per_cycle: policy.includedMicrocreditsPerCycle,
    included_rollover_limit_microcredits: policy.includedRolloverLimitMicrocredits,
    past_due_grace_days: policy.pastDueGraceDays,
    past_due_end: policy.pastDueEnd,
    cancel_at_once_allowed: policy.cancelAtOnceAllowed,
    overdraft_limit_microcredits: policy.overdraftLimitMicrocredits,
    payg_allowed: policy.paygAllowed,
    payg_minor_units_per_credit_millionths: policy.paygMinorUnitsPerCredit?.millionths ?? null,
    payg_packages: policy.paygPackages.map(({ minorUnits, microcredits }) => ({
      minor_units: minorUnits,
      microcredits,
    })),
    payg_minor_units_min: policy.paygMinorUnitsMin,
    payg_minor_units_max: policy.paygMinorUnitsMax,
    refund_debt_waived: policy.refundDebtWaived,
    credit_gates: policy.creditGates,
  };
}

/** Translates the fields that change, and no others. */
export function toDocumentPolicyChange(before: PlanPolicy, change: PolicyChange): Partial<PolicyFields> {
  const names = new Set((Object.keys(change) as PolicyField[]).map(documentNameOf));
  const fields = Object.entries(toDocumentPolicy({ ...before, ...change }));
  return Object.fromEntries(fields.filter(([name]) => names.has(name)));
}

function documentNameOf(field: PolicyField): string {
  return field === 'paygMinorUnitsPerCredit' ? 'payg_minor_units_per_credit_millionths' : contractNameOf(field);
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
