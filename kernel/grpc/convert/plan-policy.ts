// Owns the translation of plan policies.

import type {
  ListPlanPoliciesRequest,
  UpsertPlanPolicyRequest,
} from '../../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import {
  PastDueEnd,
  PlanPolicy as PlanPolicyMessage,
  TrialEndBehaviour,
} from '../../../gen/wheelhouse/catalog/v1/plan_policy.ts';
import type { PlanFilter } from '../../app/catalog/plan-list.ts';
import type { PolicyReading, UpsertPolicyInput } from '../../app/operator/catalog-admin.ts';
import type { PlanCode, ProductCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import {
  contractNameOf,
  type PlanPolicy,
  POLICY_FIELDS,
  type PolicyChange,
  type PolicyField,
  policyFieldOf,
} from '../../domain/plan-policy.ts';
import { formatQuantity, type Quantity } from '../../domain/quantity.ts';
import type { CatalogWrite, PageQuery } from './catalog-admin.ts';
import { FieldCheck, quote } from './field-check.ts';
import { checkOperator } from './operator.ts';

const PAGE_SIZE_DEFAULT = 100;
/** How the contract names what comes after a trial. */
export const TRIAL_END_BEHAVIOURS = {
  convert_or_fallback: TrialEndBehaviour.CONVERT_OR_FALLBACK,
  fallback: TrialEndBehaviour.FALLBACK,
} as const satisfies Record<PlanPolicy['trialEndBehaviour'], TrialEndBehaviour>;
const PAST_DUE_ENDS = {
  fallback: PastDueEnd.FALLBACK,
  keep: PastDueEnd.KEEP,
} as const satisfies Record<PlanPolicy['pastDueEnd'], PastDueEnd>;

/** Checks a request to change a policy. Throws DomainError INVALID_FIELD. */
export function fromProtoUpsertPlanPolicy(request: UpsertPlanPolicyRequest): CatalogWrite<UpsertPolicyInput> {
  const check = new FieldCheck();
  const message = request.policy ?? PlanPolicyMessage.fromPartial({});
  const named = checkFields(check, 'update_mask', request.updateMask ?? []);
  const unpinFields = new Set(checkFields(check, 'unpin_fields', request.unpinFields));
  if ((request.updateMask ?? []).length === 0 && request.unpinFields.length === 0) {
    check.refuse('update_mask', 'is required where unpin_fields is empty: name the fields that change');
  }
  const both = named.find((field) => unpinFields.has(field));
  if (both !== undefined) {
    check.refuse(
      'unpin_fields',
      `names ${contractNameOf(both)}, which update_mask names too: a field that is set is pinned`,
    );
  }
  const write = {
    requestId: check.requestId(request.requestId),
    ...checkOperator(check, request),
    input: {
      productCode: check.id('policy.product_code', message.productCode, true) as ProductCode,
      planCode: check.id('policy.plan_code', message.planCode, true) as PlanCode,
      change: toChange(named, fromProtoPolicy(check, message, new Set(named))),
      unpinFields,
    },
  };
  check.assertValid();
  return write;
}

/** Checks a request for policies. Throws DomainError INVALID_FIELD. */
export function fromProtoListPlanPolicies(
  request: ListPlanPoliciesRequest,
): PageQuery & { readonly filter: PlanFilter } {
  const check = new FieldCheck();
  const productCode = check.optionalId('product_code', request.productCode) as ProductCode | undefined;
  const query = {
    filter: { offeredOnly: false, includeArchived: request.includeArchived, ...present({ productCode }) },
    pageSize: check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT),
    pageToken: check.pageToken(request.pageToken),
  };
  check.assertValid();
  return query;
}

function checkFields(check: FieldCheck, list: string, names: readonly string[]): readonly PolicyField[] {
  return [...new Set(names)].flatMap((name) => {
    const field = policyFieldOf(name);
    if (field !== undefined) return [field];
    const advice =
      name === 'onboarding_default' ? 'which is set by UpdateProduct' : 'which is no field of a policy that can be set';
    check.refuse(list, `names ${quote(name)}, ${advice}`);
    return [];
  });
}

function toChange(named: readonly PolicyField[], policy: PlanPolicy): PolicyChange {
  return Object.fromEntries(named.map((field) => [field, policy[field]]));
}

/** Reads all fields of a policy; only those that are named need be right. */
function fromProtoPolicy(check: FieldCheck, message: PlanPolicyMessage, named: ReadonlySet<PolicyField>): PlanPolicy {
  return {
    trialEnabled: message.trialEnabled,
    trialDays: message.trialDays,
    trialMicrocreditsGranted: message.trialMicrocreditsGranted,
    trialRequiresCard: message.trialRequiresCard,
    autoTrialOnWorkspaceCreation: message.autoTrialOnWorkspaceCreation,
    trialEndBehaviour: checkBehaviour(check, message.trialEndBehaviour, named.has('trialEndBehaviour')),
    revokeUnusedTrialCredits: message.revokeUnusedTrialCredits,
    trialLimitPerPerson: message.trialLimitPerPerson,
    selfServe: message.selfServe,
    contactSales: message.contactSales,
    rank: message.rank,
    memberLimit: message.memberLimit ?? null,
    includedMicrocreditsPerCycle: message.includedMicrocreditsPerCycle,
    includedRolloverLimitMicrocredits: message.includedRolloverLimitMicrocredits,
    pastDueGraceDays: message.pastDueGraceDays,
    pastDueEnd: checkPastDueEnd(check, message.pastDueEnd, named.has('pastDueEnd')),
    cancelAtOnceAllowed: message.cancelAtOnceAllowed,
    overdraftLimitMicrocredits: message.overdraftLimitMicrocredits,
    paygAllowed: message.paygAllowed,
    paygMinorUnitsPerCredit: checkPrice(check, message.paygMinorUnitsPerCredit, named.has('paygMinorUnitsPerCredit')),
    paygPackages: message.paygPackages.map(({ minorUnits, microcredits }) => ({ minorUnits, microcredits })),
    paygMinorUnitsMin: message.paygMinorUnitsMin ?? null,
    paygMinorUnitsMax: message.paygMinorUnitsMax ?? null,
    refundDebtWaived: message.refundDebtWaived,
    creditGates: message.creditGates,
  };
}

function checkBehaviour(
  check: FieldCheck,
  value: TrialEndBehaviour,
  isNamed: boolean,
): PlanPolicy['trialEndBehaviour'] {
  if (value === TrialEndBehaviour.FALLBACK) return 'fallback';
  if (isNamed && value !== TrialEndBehaviour.CONVERT_OR_FALLBACK) {
    const names = 'TRIAL_END_BEHAVIOUR_CONVERT_OR_FALLBACK or TRIAL_END_BEHAVIOUR_FALLBACK';
    check.refuse('policy.trial_end_behaviour', `is required: ${names}, got ${value}`);
  }
  return 'convert_or_fallback';
}

function checkPastDueEnd(check: FieldCheck, value: PastDueEnd, isNamed: boolean): PlanPolicy['pastDueEnd'] {
  if (value === PastDueEnd.KEEP) return 'keep';
  if (isNamed && value !== PastDueEnd.FALLBACK) {
    const names = 'PAST_DUE_END_FALLBACK or PAST_DUE_END_KEEP';
    check.refuse('policy.past_due_end', `is required: ${names}, got ${value}`);
  }
  return 'fallback';
}

function checkPrice(check: FieldCheck, value: string, isNamed: boolean): Quantity | null {
  return value === '' || !isNamed ? null : check.quantity(value, 'policy.payg_minor_units_per_credit');
}

export function toProtoPlanPolicy({ plan, pinnedFields }: PolicyReading): PlanPolicyMessage {
  const { policy } = plan;
  const price = policy.paygMinorUnitsPerCredit;
  return {
    productCode: plan.productCode,
    planCode: plan.planCode,
    trialEnabled: policy.trialEnabled,
    trialDays: policy.trialDays,
    trialMicrocreditsGranted: policy.trialMicrocreditsGranted,
    trialRequiresCard: policy.trialRequiresCard,
    autoTrialOnWorkspaceCreation: policy.autoTrialOnWorkspaceCreation,
    trialEndBehaviour: TRIAL_END_BEHAVIOURS[policy.trialEndBehaviour],
    revokeUnusedTrialCredits: policy.revokeUnusedTrialCredits,
    trialLimitPerPerson: policy.trialLimitPerPerson,
    selfServe: policy.selfServe,
    contactSales: policy.contactSales,
    rank: policy.rank,
    memberLimit: policy.memberLimit ?? undefined,
    includedMicrocreditsPerCycle: policy.includedMicrocreditsPerCycle,
    includedRolloverLimitMicrocredits: policy.includedRolloverLimitMicrocredits,
    pastDueGraceDays: policy.pastDueGraceDays,
    pastDueEnd: PAST_DUE_ENDS[policy.pastDueEnd],
    cancelAtOnceAllowed: policy.cancelAtOnceAllowed,
    overdraftLimitMicrocredits: policy.overdraftLimitMicrocredits,
    paygAllowed: policy.paygAllowed,
    paygMinorUnitsPerCredit: price === null ? '' : formatQuantity(price),
    paygPackages: policy.paygPackages.map(({ minorUnits, microcredits }) => ({ minorUnits, microcredits })),
    paygMinorUnitsMin: policy.paygMinorUnitsMin ?? undefined,
    paygMinorUnitsMax: policy.paygMinorUnitsMax ?? undefined,
    refundDebtWaived: policy.refundDebtWaived,
    creditGates: [...policy.creditGates],
    onboardingDefault: plan.onboardingDefault,
    pinnedFields: POLICY_FIELDS.filter((field) => pinnedFields.includes(field)).map(contractNameOf),
  };
}
