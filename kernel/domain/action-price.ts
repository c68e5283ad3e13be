// Owns which price of an action holds for a tenant (spec, "What consumes credits"). Does not own where prices are kept.

import { DomainError } from './error.ts';
import type { Instant, PlanCode, TenantId } from './id.ts';

/** Says which rule a price comes from; a tenant's price wins over its plan's, the plan's over the product's default. */
export type PriceRule = 'default' | 'plan' | 'tenant';

/** One price of one action, in force from `effectiveAt` until a later one of the same rule and target. */
export interface ActionPrice {
  readonly action: string;
  /** Microcredits for one unit; zero for a free action. */
  readonly microcreditsPerUnit: bigint;
  /** The unit's name for people, such as `step`. */
  readonly unit: string;
  readonly rule: PriceRule;
  /** The plan that a `plan` price is for. */
  readonly planCode?: PlanCode;
  /** The tenant that a `tenant` price is for. */
  readonly tenantId?: TenantId;
  readonly effectiveAt: Instant;
}

/** All prices of a product, by action. */
export type PriceBook = ReadonlyMap<string, readonly ActionPrice[]>;

/** For whom and when a price is wanted. */
export interface PriceQuery {
  readonly tenantId: TenantId;
  readonly planCode: PlanCode;
  readonly at: Instant;
}

const PRECEDENCE: Readonly<Record<PriceRule, number>> = { default: 0, plan: 1, tenant: 2 };

/** Finds the price of an action that holds for a tenant at a time; undefined where none does. */
export function resolveActionPrice(book: PriceBook, action: string, query: PriceQuery): ActionPrice | undefined {
  let best: ActionPrice | undefined;
  for (const price of book.get(action) ?? []) {
    if (price.effectiveAt <= query.at && appliesTo(price, query) && (best === undefined || outranks(price, best))) {
      best = price;
    }
  }
  return best;
}

function appliesTo(price: ActionPrice, query: PriceQuery): boolean {
  if (price.rule === 'tenant') return price.tenantId === query.tenantId;
  if (price.rule === 'plan') return price.planCode === query.planCode;
  return true;
}

function outranks(price: ActionPrice, other: ActionPrice): boolean {
  const difference = PRECEDENCE[price.rule] - PRECEDENCE[other.rule];
  return difference > 0 || (difference === 0 && price.effectiveAt > other.effectiveAt);
}

/** Says that no price of an action holds for a tenant. */
export function actionNotFound(action: string): DomainError {
  const message = `no price is set for action ${JSON.stringify(action)}: check its spelling against GetActionPricing`;
  return new DomainError('ACTION_NOT_FOUND', message, { metadata: { action } });
}
