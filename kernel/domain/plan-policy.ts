// Owns what a plan allows: the fields of a policy, their bounds, what each tier of the spec has by default, and how a
// policy changes. Does not own prices of plans, who may change a policy, or where it is kept.
// Invariants: a policy that is stored has no violations; what an operator has set (a pinned field) a sync never changes.

import { MICROCREDITS_MAX } from './bound.ts';
import type { FieldViolation } from './error.ts';
import type { PlanCode } from './id.ts';
import { formatQuantity, type Quantity } from './quantity.ts';

export type TrialEndBehaviour = 'convert_or_fallback' | 'fallback';

/** What follows where a payment was not made up for in time: the fallback plan, or nothing until Stripe ends the subscription. */
export type PastDueEnd = 'fallback' | 'keep';

/** Credits that are sold together. */
export interface PaygPackage {
  /** What it costs, in the minor unit of the product's currency. */
  readonly minorUnits: bigint;
  readonly microcredits: bigint;
}

/** What a plan allows, apart from its price. */
export interface PlanPolicy {
  /** Says that a trial can be started on this plan. */
  readonly trialEnabled: boolean;
  readonly trialDays: number;
  readonly trialMicrocreditsGranted: bigint;
  readonly trialRequiresCard: boolean;
  readonly autoTrialOnWorkspaceCreation: boolean;
  readonly trialEndBehaviour: TrialEndBehaviour;
  readonly revokeUnusedTrialCredits: boolean;
  /** How many trials of the product one person may have, over all workspaces. */
  readonly trialLimitPerPerson: number;
  /** Says that customers can buy the plan without sales. */
  readonly selfServe: boolean;
  /** Says that the plan is shown to customers although only sales sells it. */
  readonly contactSales: boolean;
  /** Orders the tiers: a change to a higher rank is an upgrade. */
  readonly rank: number;
  /** Null means no limit. */
  readonly memberLimit: number | null;
  readonly includedMicrocreditsPerCycle: bigint;
  /** How much of what a cycle left over the next one keeps at most; 0: all of it lapses. */
  readonly includedRolloverLimitMicrocredits: bigint;
  /** For how many days everything stays after a payment failed, or a renewal came to no result. */
  readonly pastDueGraceDays: number;
  readonly pastDueEnd: PastDueEnd;
  /** Says that customers may end the subscription at once, instead of with its period. */
  readonly cancelAtOnceAllowed: boolean;
  readonly overdraftLimitMicrocredits: bigint;
  /** Says that pay-as-you-go credits can be bought on this plan. */
  readonly paygAllowed: boolean;
  /** What one credit costs, exact to a millionth of a minor unit; null: only packages are sold. */
  readonly paygMinorUnitsPerCredit: Quantity | null;
  readonly paygPackages: readonly PaygPackage[];
  /** The least that a purchase may cost; null: what the payment service allows. */
  readonly paygMinorUnitsMin: bigint | null;
  /** The most that a purchase may cost; null means no limit. */
  readonly paygMinorUnitsMax: bigint | null;
  /** Says that credits which were used and whose payment went back to the payer are nobody's debt. */
  readonly refundDebtWaived: boolean;
  /** Which actions need credit to start: `*` for all, an action's name, or `!` and the name of one that does not. */
  readonly creditGates: readonly string[];
}

/** Names a field of a policy. */
export type PolicyField = keyof PlanPolicy;

/** New values for some fields of a policy; null means none where a field may have none. */
export type PolicyChange = Partial<PlanPolicy>;

/** One field that differs, by values as people read them. */
export interface PolicyDifference {
  readonly field: PolicyField;
  readonly before: string;
  readonly after: string;
}

/** What a sync makes of a policy. */
export interface SyncedPolicy {
  /** What is to be written; empty where nothing changes. */
  readonly change: PolicyChange;
  /** The policy after it. */
  readonly policy: PlanPolicy;
  /** What is to be written, against what stands there. */
  readonly changed: readonly PolicyDifference[];
  /** What stays although the sync wants it otherwise, because an operator has set it. */
  readonly kept: readonly PolicyDifference[];
}

/** The plan that new workspaces of a product start on, unless somebody says otherwise (spec, "Plans"). */
export const ONBOARDING_PLAN_DEFAULT = 'pro' as PlanCode;
/** The plan of workspaces that have no other, unless somebody says otherwise. */
export const FALLBACK_PLAN_DEFAULT = 'free' as PlanCode;
const PAYG_PACKAGES_MAX = 20;
const CREDIT_GATES_MAX = 200;
const TRIAL_DAYS_MAX = 366;
const PAST_DUE_GRACE_DAYS_MAX = 60;
/** The largest rank, member limit and trial limit. */
const POLICY_COUNT_MAX = 1_000_000;

const CREDIT = 1_000_000n;
/** Annual variants have the rules of their tier. */
const ANNUAL_SUFFIX = '_annual';
const CREDIT_GATE = /^(\*|!?[a-z0-9._-]{1,128})$/;

/** What holds where neither the spec, nor Stripe, nor an operator says anything: a plan that is bought, without a trial. */
const PLAIN_POLICY: PlanPolicy = {
  trialEnabled: false,
  trialDays: 0,
  trialMicrocreditsGranted: 0n,
  trialRequiresCard: false,
  autoTrialOnWorkspaceCreation: false,
  trialEndBehaviour: 'convert_or_fallback',
  revokeUnusedTrialCredits: true,
  trialLimitPerPerson: 1,
  selfServe: true,
  contactSales: false,
  rank: 0,
  memberLimit: null,
  includedMicrocreditsPerCycle: 0n,
  includedRolloverLimitMicrocredits: 0n,
  pastDueGraceDays: 7,
  pastDueEnd: 'fallback',
  cancelAtOnceAllowed: false,
  overdraftLimitMicrocredits: 0n,
  paygAllowed: true,
  paygMinorUnitsPerCredit: null,
  paygPackages: [],
  paygMinorUnitsMin: null,
  paygMinorUnitsMax: null,
  refundDebtWaived: false,
  creditGates: ['*'],
};

const TIERS: ReadonlyMap<string, PolicyChange> = new Map<string, PolicyChange>([
  ['free', { memberLimit: 3 }],
  [
    'pro',
    {
      rank: 10,
      trialEnabled: true,
      trialDays: 14,
      trialMicrocreditsGranted: 5n * CREDIT,
      autoTrialOnWorkspaceCreation: true,
    },
  ],
  ['plus', { rank: 20 }],
  ['max', { rank: 30 }],
  ['enterprise', { rank: 40, selfServe: false, contactSales: true }],
]);

/** All fields of a policy, in the order in which people read them. */
export const POLICY_FIELDS = Object.keys(PLAIN_POLICY) as readonly PolicyField[];

/**
 * What holds for a plan whose policy was never written: nothing is allowed, so nothing is given by accident. Whoever pays has
 * the time to make up for a payment that every plan gives.
 */
export const CLOSED_POLICY: PlanPolicy = {
  ...PLAIN_POLICY,
  trialRequiresCard: true,
  trialEndBehaviour: 'fallback',
  selfServe: false,
  paygAllowed: false,
};

/** Answers the policy that a plan code has by the spec; a code that the spec does not know is a plan that is bought. */
export function computeDefaultPolicy(planCode: PlanCode): PlanPolicy {
  const tier = planCode.endsWith(ANNUAL_SUFFIX) ? planCode.slice(0, -ANNUAL_SUFFIX.length) : planCode;
  return { ...PLAIN_POLICY, ...TIERS.get(tier) };
}

/** Says whether a new workspace on this plan gets its trial without being asked. No trial that wants a card starts by itself. */
export function startsTrialByItself(policy: PlanPolicy): boolean {
  return policy.trialEnabled && policy.autoTrialOnWorkspaceCreation && !policy.trialRequiresCard;
}

/** Answers the name that a field has in contracts, in the database and for people, such as `trial_days`. */
export function contractNameOf(field: PolicyField): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const FIELDS_BY_NAME: ReadonlyMap<string, PolicyField> = new Map(
  POLICY_FIELDS.map((field) => [contractNameOf(field), field]),
);

/** Finds the field with a contract name; undefined where there is none. */
export function policyFieldOf(name: string): PolicyField | undefined {
  return FIELDS_BY_NAME.get(name);
}

/** Writes a field's value as people read it; two values with one text are the same. */
export function formatPolicyValue(policy: PlanPolicy, field: PolicyField): string {
  switch (field) {
    case 'paygMinorUnitsPerCredit': {
      const price = policy[field];
      return price === null ? 'none' : formatQuantity(price);
    }
    case 'paygPackages':
      return listText(policy[field].map(({ minorUnits, microcredits }) => `${minorUnits}:${microcredits}`));
    case 'creditGates':
      return listText(policy[field]);
    default:
      return policy[field] === null ? 'none' : String(policy[field]);
  }
}

function listText(items: readonly string[]): string {
  return items.length === 0 ? 'none' : items.join(' ');
}

/** Compares two policies over the fields that may have changed. */
export function findPolicyDifferences(
  before: PlanPolicy,
  after: PlanPolicy,
  fields: readonly PolicyField[] = POLICY_FIELDS,
): readonly PolicyDifference[] {
  return fields
    .map((field) => ({ field, before: formatPolicyValue(before, field), after: formatPolicyValue(after, field) }))
    .filter((difference) => difference.before !== difference.after);
}

/** Decides what a sync writes: what it knows, except where an operator has pinned the field. */
export function computeSyncedPolicy(
  current: PlanPolicy,
  pinned: ReadonlySet<PolicyField>,
  synced: PolicyChange,
): SyncedPolicy {
  const known = POLICY_FIELDS.filter((field) => synced[field] !== undefined);
  const differences = findPolicyDifferences(current, { ...current, ...synced }, known);
  const changed = differences.filter(({ field }) => !pinned.has(field));
  const change: PolicyChange = Object.fromEntries(changed.map(({ field }) => [field, synced[field]]));
  return {
    change,
    policy: { ...current, ...change },
    changed,
    kept: differences.filter(({ field }) => pinned.has(field)),
  };
}

/** Says everything that is wrong with a policy, by contract names; nothing where it may be stored. */
export function findPolicyViolations(policy: PlanPolicy): readonly FieldViolation[] {
  return [...findBoundViolations(policy), ...findTrialViolations(policy), ...findPaygViolations(policy)];
}

function findBoundViolations(policy: PlanPolicy): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const count = (field: PolicyField, value: number, min: number, max: number): void => {
    if (Number.isInteger(value) && value >= min && value <= max) return;
    violations.push({ field: contractNameOf(field), description: `must be ${min} to ${max}, got ${value}` });
  };
  const credits = (field: PolicyField, value: bigint): void => {
    if (value >= 0n && value <= MICROCREDITS_MAX) return;
    const description = `must be 0 to ${MICROCREDITS_MAX} (2^53 - 1) microcredits, got ${value}`;
    violations.push({ field: contractNameOf(field), description });
  };
  count('trialDays', policy.trialDays, 0, TRIAL_DAYS_MAX);
  count('trialLimitPerPerson', policy.trialLimitPerPerson, 1, POLICY_COUNT_MAX);
  count('rank', policy.rank, 0, POLICY_COUNT_MAX);
  count('pastDueGraceDays', policy.pastDueGraceDays, 0, PAST_DUE_GRACE_DAYS_MAX);
  if (policy.memberLimit !== null) count('memberLimit', policy.memberLimit, 1, POLICY_COUNT_MAX);
  credits('trialMicrocreditsGranted', policy.trialMicrocreditsGranted);
  credits('includedMicrocreditsPerCycle', policy.includedMicrocreditsPerCycle);
  credits('includedRolloverLimitMicrocredits', policy.includedRolloverLimitMicrocredits);
  credits('overdraftLimitMicrocredits', policy.overdraftLimitMicrocredits);
  if (policy.selfServe && policy.contactSales) {
    const description = 'must be false where self_serve is true: a plan is bought, or sold by sales';
    violations.push({ field: 'contact_sales', description });
  }
  return violations;
}

function findTrialViolations({ trialEnabled, trialDays, autoTrialOnWorkspaceCreation }: PlanPolicy): FieldViolation[] {
  const violations: FieldViolation[] = [];
  if (trialEnabled && trialDays === 0) {
    violations.push({ field: 'trial_days', description: 'must be at least 1 where trial_enabled is true, got 0' });
  }
  if (autoTrialOnWorkspaceCreation && !trialEnabled) {
    const description = 'must be false where trial_enabled is false';
    violations.push({ field: 'auto_trial_on_workspace_creation', description });
  }
  return violations;
}

function findPaygViolations(policy: PlanPolicy): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const refuse = (field: string, description: string): void => void violations.push({ field, description });
  const { paygMinorUnitsPerCredit, paygMinorUnitsMin, paygMinorUnitsMax, paygPackages, creditGates } = policy;
  if (paygMinorUnitsPerCredit !== null && paygMinorUnitsPerCredit.millionths <= 0n) {
    refuse('payg_minor_units_per_credit', 'must be above zero; leave it empty to sell packages only');
  }
  if (paygMinorUnitsMin !== null) checkAmount('payg_minor_units_min', paygMinorUnitsMin, refuse);
  if (paygMinorUnitsMax !== null) checkAmount('payg_minor_units_max', paygMinorUnitsMax, refuse);
  if (paygMinorUnitsMin !== null && paygMinorUnitsMax !== null && paygMinorUnitsMin > paygMinorUnitsMax) {
    refuse('payg_minor_units_max', `must not be below payg_minor_units_min (${paygMinorUnitsMin})`);
  }
  if (paygPackages.length > PAYG_PACKAGES_MAX) {
    refuse('payg_packages', `must be at most ${PAYG_PACKAGES_MAX}, got ${paygPackages.length}`);
  }
  for (const [index, { minorUnits, microcredits }] of paygPackages.entries()) {
    const field = `payg_packages[${index}]`;
    checkAmount(`${field}.minor_units`, minorUnits, refuse);
    checkAmount(`${field}.microcredits`, microcredits, refuse);
    const first = paygPackages.findIndex((other) => other.minorUnits === minorUnits);
    if (first !== index)
      refuse(`${field}.minor_units`, `is the price of payg_packages[${first}] too: give each its own`);
  }
  if (creditGates.length > CREDIT_GATES_MAX) {
    refuse('credit_gates', `must be at most ${CREDIT_GATES_MAX}, got ${creditGates.length}`);
  }
  const wrong = creditGates.find((gate) => !CREDIT_GATE.test(gate));
  if (wrong !== undefined) {
    refuse('credit_gates', `must hold *, actions (a-z 0-9 . _ -) or ! and an action, got ${JSON.stringify(wrong)}`);
  }
  return violations;
}

function checkAmount(field: string, value: bigint, refuse: (field: string, description: string) => void): void {
  if (value < 1n || value > MICROCREDITS_MAX)
    refuse(field, `must be 1 to ${MICROCREDITS_MAX} (2^53 - 1), got ${value}`);
}
