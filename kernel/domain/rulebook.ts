import type { PriceBook } from './action-price.ts';
import type { PlanCode, ProductCode } from './id.ts';

/** What a plan allows an account, as far as `decide` needs it. */
export interface AccountPolicy {
  /** How far below zero usage may draw the account, in microcredits. */
  readonly overdraftLimit: bigint;
}

/**
 * The rules that stand outside an account: an immutable picture, handed to `decide` with a command. It is of one product,
 * and of the overrides of the one tenant that it was loaded for.
 */
export interface Rulebook {
  readonly productCode: ProductCode;
  readonly policies: ReadonlyMap<PlanCode, AccountPolicy>;
  readonly prices: PriceBook;
}

/** Finds how far below zero a plan lets usage go, in microcredits; 0 where the plan says nothing. */
export function overdraftLimitOf(rulebook: Rulebook, planCode: PlanCode): bigint {
  return rulebook.policies.get(planCode)?.overdraftLimit ?? 0n;
}
