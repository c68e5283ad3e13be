// Owns what the catalog's use cases need of the database, and the shape of what they get. Does not own how it is stored.

import type { PriceBook, PriceQuery, PriceRow } from '../../domain/action-price.ts';
import type { Fingerprint, IdempotencyKey, Instant, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import type { PlanPolicy, PolicyChange, PolicyField } from '../../domain/plan-policy.ts';
import type { Rulebook } from '../../domain/rulebook.ts';

/** A commercial product line with its own catalog. */
export interface Product {
  readonly productCode: ProductCode;
  readonly displayName: string;
  /** The plan of workspaces that have no other: without a Stripe subscription, without included credits. */
  readonly fallbackPlanCode: PlanCode;
  /** The plan that new workspaces start on; absent, or no plan on sale: the fallback plan. */
  readonly onboardingPlanCode?: PlanCode;
  /** Says that an operator has set the onboarding plan: a sync leaves it. */
  readonly onboardingPinned: boolean;
  /** ISO 4217 in lower case. */
  readonly currency: string;
  readonly createdAt: Instant;
}

/** An exact amount of one currency, in its minor unit. */
export interface Money {
  readonly minorUnits: bigint;
  /** ISO 4217 in lower case. */
  readonly currency: string;
}

export type BillingInterval = 'month' | 'year';

/** Who a plan's row comes from: a price at Stripe, or an operator. A sync archives only what Stripe sold. */
export type PlanSource = 'stripe' | 'operator';

/** One row of a product's catalog, with its policy. */
export interface Plan {
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
  readonly source: PlanSource;
  /** The name that people see, such as `AgentRuntime Pro`. */
  readonly productName: string;
  /** Absent for plans that Stripe does not sell. */
  readonly stripePriceId?: string;
  /** The price of one cycle; absent for plans sold by contract. */
  readonly price?: Money;
  /** Absent for plans without a recurring price. */
  readonly interval?: BillingInterval;
  readonly intervalCount: number;
  readonly archived: boolean;
  /** How many changes of operators are in the row. */
  readonly revision: number;
  /** Says that new workspaces start on this plan: the product names it, so at most one of its plans is. */
  readonly onboardingDefault: boolean;
  readonly policy: PlanPolicy;
}

/** A policy as it is kept. */
export interface PolicyRecord {
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
  readonly policy: PlanPolicy;
  /** The fields that an operator has set: a sync leaves them. */
  readonly pinnedFields: ReadonlySet<PolicyField>;
  /** How many changes of operators are in it. */
  readonly revision: number;
}

/** Keeps products and plans. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface CatalogStore {
  loadProduct(productCode: ProductCode): Promise<Product | undefined>;
  /** Loads products after a code, ordered by code, at most `limit`. */
  loadProducts(limit: number, after?: ProductCode): Promise<readonly Product[]>;
  /** Loads the plans of one product, or of all, in no order. */
  loadPlans(productCode?: ProductCode): Promise<readonly Plan[]>;
  loadPolicy(productCode: ProductCode, planCode: PlanCode): Promise<PolicyRecord | undefined>;
  /** Loads the policies of one product, or of all, in no order. */
  loadPolicies(productCode?: ProductCode): Promise<readonly PolicyRecord[]>;
  /** Stores the first policy of a plan, with nothing pinned; answers false where there is one. */
  insertPolicy(productCode: ProductCode, planCode: PlanCode, policy: PlanPolicy): Promise<boolean>;
  /**
   * Writes fields that a sync knows; answers false, and writes nothing, where an operator has changed the policy since it
   * was read, or it is gone. Pins stay as they are: it is for the caller to leave out what is pinned.
   */
  saveSyncedPolicy(read: PolicyRecord, change: PolicyChange): Promise<boolean>;
  /** Names the onboarding plan of a product; answers false, and writes nothing, where an operator has set it. */
  saveSyncedOnboardingPlan(productCode: ProductCode, planCode: PlanCode | undefined): Promise<boolean>;
}

/** What prices are set for: one action by one rule, and the plan or the tenant of that rule. */
export type PriceTarget = Pick<PriceRow, 'action' | 'rule' | 'planCode' | 'tenantId'>;

/** A row of prices with who set it, why, and by which request. */
export interface PriceRecord {
  readonly productCode: ProductCode;
  readonly row: PriceRow;
  /** Numbers what was set for a product, from 1 and without gaps: who stores a row has seen all before it. */
  readonly revision: number;
  /** When a row that is known already takes over from this one. */
  readonly supersededAt?: Instant;
  readonly actor: string;
  readonly reason: string;
  /** The namespaced key of the request; no two rows have the same. */
  readonly requestKey: IdempotencyKey;
  /** What the request meant. */
  readonly fingerprint: Fingerprint;
  readonly createdAt: Instant;
}

/** Limits a list of prices to one product, and further where more is set. */
export interface PriceFilter {
  readonly productCode: ProductCode;
  readonly action?: string;
  readonly planCode?: PlanCode;
  readonly tenantId?: TenantId;
}

export interface PriceListPage {
  readonly records: readonly PriceRecord[];
  /** Where to go on; absent at the end of the list, and only there. */
  readonly nextPlace?: string;
}

/** The rules of one product for all its tenants, and what changed for single ones. */
export interface ProductRules {
  /** Without overrides of tenants; a product without rows has an empty one. */
  readonly rulebook: Rulebook;
  /** The newest row that was set for the product, whatever it is for. */
  readonly revision: number;
  /** Says that tenants of the product may have prices of their own. */
  readonly hasTenantPrices: boolean;
  /** The tenants whose prices were set after the revision that was asked about; undefined where that are too many. */
  readonly changedTenants: ReadonlySet<TenantId> | undefined;
}

/** Keeps action prices. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface PriceStore {
  /** Loads the rules of a product that hold at `since` or will later, and which tenants' prices changed after a revision. */
  loadProductRules(productCode: ProductCode, since: Instant, afterRevision: number | undefined): Promise<ProductRules>;
  /** Loads the overrides of one tenant that hold at `since` or will later, in no order. */
  loadTenantPrices(productCode: ProductCode, tenantId: TenantId, since: Instant): Promise<readonly PriceRow[]>;
  /** Loads what decides the prices of one tenant at one time, past or future. */
  loadPricesAt(productCode: ProductCode, query: PriceQuery): Promise<PriceBook>;
  /** Loads what was set for one target and holds at `since` or will later, in no order. */
  loadTargetPrices(productCode: ProductCode, target: PriceTarget, since: Instant): Promise<readonly PriceRow[]>;
  /** Finds the unit of an action: that of its default where it has one. */
  loadUnit(productCode: ProductCode, action: string): Promise<string | undefined>;
  /** Answers the newest revision of a product; 0 where nothing was set yet. */
  loadPriceRevision(productCode: ProductCode): Promise<number>;
  loadPriceByRequestKey(key: IdempotencyKey): Promise<PriceRecord | undefined>;
  /** Loads what was set, by the time from which it holds, the newest first, at most `limit`, after the place of another page. */
  loadPriceList(filter: PriceFilter, limit: number, after?: string): Promise<PriceListPage>;
  /**
   * Stores a new row; answers false where its revision, its request key, or its time for its target is taken.
   * Throws DomainError OUTCOME_UNKNOWN where the database did not tell.
   */
  insertPrice(record: PriceRecord): Promise<boolean>;
  /** Marks the earlier rows of a row's target, so that reads from its time on pass over them. Repeating it does nothing. */
  markSuperseded(productCode: ProductCode, by: PriceRow): Promise<void>;
}
