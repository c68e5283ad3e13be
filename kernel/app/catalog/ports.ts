// Owns what the catalog's use cases need of the database, and the shape of what they get. Does not own how it is stored.

import type { Instant, PlanCode, ProductCode } from '../../domain/id.ts';
import type { Rulebook } from '../../domain/rulebook.ts';

/** A commercial product line with its own catalog. */
export interface Product {
  readonly productCode: ProductCode;
  readonly displayName: string;
  /** The plan of workspaces that have no other: without a Stripe subscription, without included credits. */
  readonly fallbackPlanCode: PlanCode;
  /** ISO 4217 in lower case. */
  readonly currency: string;
}

/** An exact amount of one currency, in its minor unit. */
export interface Money {
  readonly minorUnits: bigint;
  /** ISO 4217 in lower case. */
  readonly currency: string;
}

export type BillingInterval = 'month' | 'year';

/** One row of a product's catalog, with its policy. */
export interface Plan {
  readonly productCode: ProductCode;
  readonly planCode: PlanCode;
  /** The name that people see, such as `AgentRuntime Pro`. */
  readonly productName: string;
  /** Absent for plans that Stripe does not sell. */
  readonly stripePriceId?: string;
  /** The price of one cycle; absent for plans sold by contract. */
  readonly price?: Money;
  /** Absent for plans without a recurring price. */
  readonly interval?: BillingInterval;
  readonly intervalCount: number;
  readonly includedMicrocreditsPerCycle: bigint;
  readonly archived: boolean;
  readonly policy: PlanPolicy;
}

export type TrialEndBehaviour = 'convert_or_fallback' | 'fallback';

/** What a plan allows, apart from its price. */
export interface PlanPolicy {
  readonly trialEnabled: boolean;
  readonly trialDays: number;
  readonly trialMicrocreditsGranted: bigint;
  readonly trialRequiresCard: boolean;
  readonly autoTrialOnWorkspaceCreation: boolean;
  readonly trialEndBehaviour: TrialEndBehaviour;
  readonly revokeUnusedTrialCredits: boolean;
  /** Says that new workspaces start on this plan; at most one plan of a product. */
  readonly onboardingDefault: boolean;
  /** Says that customers can buy the plan without sales. */
  readonly selfServe: boolean;
  /** Says that the plan is shown to customers although only sales sells it. */
  readonly contactSales: boolean;
  /** Says that pay-as-you-go credits can be bought on this plan. */
  readonly paygAllowed: boolean;
  /** Orders the tiers: a change to a higher rank is an upgrade. */
  readonly rank: number;
  /** Absent means no limit. */
  readonly memberLimit?: number;
  readonly overdraftLimitMicrocredits: bigint;
}

/** Keeps the catalog. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface CatalogStore {
  loadProduct(productCode: ProductCode): Promise<Product | undefined>;
  /** Loads the plans of one product, or of all, in no order. */
  loadPlans(productCode?: ProductCode): Promise<readonly Plan[]>;
  /** Loads all that the ledger needs to know of a product; a product without rows has an empty rulebook. */
  loadRulebook(productCode: ProductCode): Promise<Rulebook>;
}

/** One price of the price list of a tenant. */
export interface ResolvedPrice {
  readonly action: string;
  readonly microcreditsPerUnit: bigint;
  readonly unit: string;
  readonly rule: 'default' | 'plan' | 'tenant';
  readonly effectiveAt: Instant;
}
