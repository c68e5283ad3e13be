// Owns which price of an action holds for a tenant (spec, "What consumes credits"). Does not own where prices are kept.
// Invariants: a tenant's price wins over its plan's, the plan's over the product's default; of one rule and target the
// newest row in effect decides, and one that ends an override leaves the word to the next rule.

import { DomainError } from './error.ts';
import type { Instant, PlanCode, TenantId } from './id.ts';

/** Says which rule a price comes from; a tenant's price wins over its plan's, the plan's over the product's default. */
export type PriceRule = 'default' | 'plan' | 'tenant';

/** One price of one action, in force from `effectiveAt` until a later row of the same rule and target. */
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
  readonly endsOverride?: never;
}

/** The end of an override: from `effectiveAt` on the next rule holds again, until a later row of the same target. */
export interface OverrideEnd {
  readonly action: string;
  readonly rule: Exclude<PriceRule, 'default'>;
  readonly planCode?: PlanCode;
  readonly tenantId?: TenantId;
  readonly effectiveAt: Instant;
  readonly endsOverride: true;
}

/** What was set for one action, rule and target from a time on. */
export type PriceRow = ActionPrice | OverrideEnd;

/** The rows of one rule and target by action, the newest first. */
export type PriceRows = ReadonlyMap<string, readonly PriceRow[]>;

/** Prices as they are looked up: by rule and target, then by action. */
export interface PriceBook {
  readonly defaults: PriceRows;
  readonly plans: ReadonlyMap<PlanCode, PriceRows>;
  readonly tenants: ReadonlyMap<TenantId, PriceRows>;
}

/** For whom and when a price is wanted. */
export interface PriceQuery {
  readonly tenantId: TenantId;
  readonly planCode: PlanCode;
  readonly at: Instant;
}

/** Puts rows, in whatever order they come, into the form in which they are looked up. */
export function createPriceBook(rows: readonly PriceRow[]): PriceBook {
  const ofRule = (rule: PriceRule): readonly PriceRow[] => rows.filter((row) => row.rule === rule);
  return {
    defaults: toPriceRows(ofRule('default')),
    plans: byTarget(ofRule('plan'), ({ planCode }) => planCode),
    tenants: byTarget(ofRule('tenant'), ({ tenantId }) => tenantId),
  };
}

function byTarget<Target>(
  rows: readonly PriceRow[],
  targetOf: (row: PriceRow) => Target | undefined,
): ReadonlyMap<Target, PriceRows> {
  const targets = new Map<Target, PriceRows>();
  for (const [target, own] of Map.groupBy(rows, targetOf)) {
    if (target !== undefined) targets.set(target, toPriceRows(own));
  }
  return targets;
}

function toPriceRows(rows: readonly PriceRow[]): PriceRows {
  return Map.groupBy(
    rows.toSorted((a, b) => b.effectiveAt - a.effectiveAt),
    ({ action }) => action,
  );
}

/** Finds the price of an action that holds for a tenant at a time; undefined where none does. Allocates nothing. */
export function resolveActionPrice(
  book: PriceBook,
  action: string,
  { tenantId, planCode, at }: PriceQuery,
): ActionPrice | undefined {
  return (
    findInForce(book.tenants.get(tenantId)?.get(action), at) ??
    findInForce(book.plans.get(planCode)?.get(action), at) ??
    findInForce(book.defaults.get(action), at)
  );
}

/** The price that usage was charged by, or will be. */
export interface AppliedPrice {
  readonly microcreditsPerUnit: bigint;
  readonly unit: string;
  readonly rule: PriceRule;
  readonly effectiveAt: Instant;
}

/** Answers what a charge records of the price that it is made by. */
export function applyPrice({ microcreditsPerUnit, unit, rule, effectiveAt }: ActionPrice): AppliedPrice {
  return { microcreditsPerUnit, unit, rule, effectiveAt };
}

/** Resolves the price of every action for a tenant at a time, ordered by action. */
export function resolveAllPrices(book: PriceBook, query: PriceQuery): readonly ActionPrice[] {
  const actions = new Set([
    ...book.defaults.keys(),
    ...(book.plans.get(query.planCode)?.keys() ?? []),
    ...(book.tenants.get(query.tenantId)?.keys() ?? []),
  ]);
  return [...actions].sort().flatMap((action) => resolveActionPrice(book, action, query) ?? []);
}

function findInForce(rows: readonly PriceRow[] | undefined, at: Instant): ActionPrice | undefined {
  if (rows === undefined) return undefined;
  for (const row of rows) {
    if (row.effectiveAt <= at) return row.endsOverride === true ? undefined : row;
  }
  return undefined;
}

/** Says that no price of an action holds for a tenant. */
export function actionNotFound(action: string): DomainError {
  const message = `no price is set for action ${JSON.stringify(action)}: check its spelling against GetActionPricing`;
  return new DomainError('ACTION_NOT_FOUND', message, { metadata: { action } });
}
