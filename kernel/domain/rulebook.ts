import type { PriceBook } from './action-price.ts';
import type { CycleLength } from './cycle-end.ts';
import type { PlanCode, ProductCode } from './id.ts';
import type { KillSwitchName } from './kill-switch.ts';

/** What a plan allows an account, as far as `decide` needs it. */
export interface AccountPolicy {
  /** How far below zero usage may draw the account, in microcredits. */
  readonly overdraftLimit: bigint;
  /** Which actions need credit to start; see credit-gate.ts. */
  readonly creditGates: readonly string[];
  /** Says that pay-as-you-go credits can be bought. */
  readonly paygAllowed: boolean;
  readonly rank: number;
  /** Says that customers can buy the plan by themselves. */
  readonly isOnSale: boolean;
  /** How long a cycle of its price is; absent where it has none. */
  readonly cycle?: CycleLength;
  /** Says that sales sells the plan, by contract; or sold it, where it is archived. */
  readonly isSoldBySales: boolean;
  /** Says that nobody can go to the plan any more; who is on it stays. */
  readonly isArchived: boolean;
  /** What a cycle of it that is bought today gives, in microcredits. */
  readonly includedPerCycle: bigint;
  /** What a trial of it gives that a workspace starts today, in microcredits; 0 where it offers none. */
  readonly trialGranted: bigint;
}

/**
 * The rules that stand outside an account: an immutable picture, handed to `decide` with a command. It is of one product,
 * and of the overrides of the one tenant that it was loaded for.
 */
export interface Rulebook {
  readonly productCode: ProductCode;
  readonly policies: ReadonlyMap<PlanCode, AccountPolicy>;
  readonly prices: PriceBook;
  /** The plan that trials are started from; absent where the product has none. */
  readonly fallbackPlanCode?: PlanCode;
  /** What is switched off in the environment; absent where nothing is. */
  readonly switchedOff?: ReadonlySet<KillSwitchName>;
}

/** What holds for a plan that says nothing: all work needs credit, and no more can be had. */
export const CLOSED_ACCOUNT_POLICY: AccountPolicy = {
  overdraftLimit: 0n,
  creditGates: ['*'],
  paygAllowed: false,
  rank: 0,
  isOnSale: false,
  isSoldBySales: false,
  isArchived: false,
  includedPerCycle: 0n,
  trialGranted: 0n,
};

/** Finds what a plan allows an account. */
export function accountPolicyOf(rulebook: Rulebook, planCode: PlanCode): AccountPolicy {
  return rulebook.policies.get(planCode) ?? CLOSED_ACCOUNT_POLICY;
}

/** Finds how far below zero a plan lets usage go, in microcredits; 0 where the plan says nothing. */
export function overdraftLimitOf(rulebook: Rulebook, planCode: PlanCode): bigint {
  return accountPolicyOf(rulebook, planCode).overdraftLimit;
}
