// Owns the form of the catalog in MongoDB: collections `products`, `plans`, `plan_policies` and `action_prices`. Does not
// own what the fields mean (app/catalog/ports.ts).
// Invariants: a plan and its policy share the key (product_code, plan_code); amounts are BSON int64; what a field does not
// know is refused, in documents and in filters.

import { type Connection, type Model, Schema } from 'mongoose';
import { MICROCREDITS_MAX } from '../../domain/bound.ts';
import { ensureModelIndexes } from '../model-index.ts';

export interface ProductDocument {
  readonly product_code: string;
  readonly display_name: string;
  readonly fallback_plan_code: string;
  readonly currency: string;
  readonly created_at: Date;
}

/** What Stripe knows of a plan, or an operator of one that Stripe does not sell. */
export interface PlanDocument {
  readonly product_code: string;
  readonly plan_code: string;
  readonly product_name: string;
  readonly stripe_price_id: string | null;
  /** In the currency's minor unit; null for plans sold by contract. */
  readonly amount: bigint | null;
  readonly currency: string | null;
  readonly interval: 'month' | 'year' | null;
  readonly interval_count: number;
  readonly included_microcredits_per_cycle: bigint;
  readonly archived: boolean;
  readonly created_at: Date;
}

/** What Wheelhouse alone knows of a plan. */
export interface PlanPolicyDocument {
  readonly product_code: string;
  readonly plan_code: string;
  readonly trial_enabled: boolean;
  readonly trial_days: number;
  readonly trial_microcredits_granted: bigint;
  readonly trial_requires_card: boolean;
  readonly auto_trial_on_workspace_creation: boolean;
  readonly trial_end_behaviour: 'convert_or_fallback' | 'fallback';
  readonly revoke_unused_trial_credits: boolean;
  readonly onboarding_default: boolean;
  readonly self_serve: boolean;
  readonly contact_sales: boolean;
  readonly payg_allowed: boolean;
  readonly rank: number;
  /** Null means no limit. */
  readonly member_limit: number | null;
  readonly overdraft_limit_microcredits: bigint;
  readonly created_at: Date;
}

export interface ActionPriceDocument {
  readonly product_code: string;
  readonly rule: 'default' | 'plan' | 'tenant';
  /** Set for rule `plan`, else null. */
  readonly plan_code: string | null;
  /** Set for rule `tenant`, else null. */
  readonly tenant_id: string | null;
  readonly action: string;
  readonly microcredits_per_unit: bigint;
  readonly unit: string;
  readonly effective_at: Date;
  readonly created_at: Date;
}

/** The models of the catalog. */
export interface CatalogModels {
  readonly products: Model<ProductDocument>;
  readonly plans: Model<PlanDocument>;
  readonly policies: Model<PlanPolicyDocument>;
  readonly prices: Model<ActionPriceDocument>;
}

const TEXT = { type: String, required: true } as const;
const OPTIONAL_TEXT = { type: String, default: null } as const;
const FLAG = { type: Boolean, required: true } as const;
const MICROCREDITS = { type: BigInt, required: true, validate: isAmountOrNull } as const;
const COUNT = { type: Number, required: true, min: 0, validate: Number.isInteger } as const;
const TIME = { type: Date, required: true } as const;
const OPTIONS = {
  strict: 'throw',
  strictQuery: 'throw',
  versionKey: false,
  autoIndex: false,
  autoCreate: false,
} as const;

const productSchema = new Schema<ProductDocument>(
  { product_code: TEXT, display_name: TEXT, fallback_plan_code: TEXT, currency: TEXT, created_at: TIME },
  OPTIONS,
);
productSchema.index({ product_code: 1 }, { name: 'product_code', unique: true });

const planSchema = new Schema<PlanDocument>(
  {
    product_code: TEXT,
    plan_code: TEXT,
    product_name: TEXT,
    stripe_price_id: OPTIONAL_TEXT,
    amount: { type: BigInt, default: null, validate: isAmountOrNull },
    currency: OPTIONAL_TEXT,
    interval: { type: String, enum: ['month', 'year', null], default: null },
    interval_count: COUNT,
    included_microcredits_per_cycle: MICROCREDITS,
    archived: FLAG,
    created_at: TIME,
  },
  OPTIONS,
);
planSchema.index({ product_code: 1, plan_code: 1 }, { name: 'product_plan', unique: true });

const policySchema = new Schema<PlanPolicyDocument>(
  {
    product_code: TEXT,
    plan_code: TEXT,
    trial_enabled: FLAG,
    trial_days: COUNT,
    trial_microcredits_granted: MICROCREDITS,
    trial_requires_card: FLAG,
    auto_trial_on_workspace_creation: FLAG,
    trial_end_behaviour: { type: String, enum: ['convert_or_fallback', 'fallback'], required: true },
    revoke_unused_trial_credits: FLAG,
    onboarding_default: FLAG,
    self_serve: FLAG,
    contact_sales: FLAG,
    payg_allowed: FLAG,
    rank: COUNT,
    member_limit: { type: Number, default: null, min: 1, validate: isWholeOrNull },
    overdraft_limit_microcredits: MICROCREDITS,
    created_at: TIME,
  },
  OPTIONS,
);
policySchema.index({ product_code: 1, plan_code: 1 }, { name: 'product_plan', unique: true });
// New workspaces must find one plan to start on, not two.
policySchema.index(
  { product_code: 1, onboarding_default: 1 },
  { name: 'one_onboarding_default', unique: true, partialFilterExpression: { onboarding_default: true } },
);

const priceSchema = new Schema<ActionPriceDocument>(
  {
    product_code: TEXT,
    rule: { type: String, enum: ['default', 'plan', 'tenant'], required: true },
    plan_code: OPTIONAL_TEXT,
    tenant_id: OPTIONAL_TEXT,
    action: TEXT,
    microcredits_per_unit: MICROCREDITS,
    unit: TEXT,
    effective_at: TIME,
    created_at: TIME,
  },
  OPTIONS,
);
priceSchema.index(
  { product_code: 1, rule: 1, plan_code: 1, tenant_id: 1, action: 1, effective_at: 1 },
  { name: 'one_price', unique: true },
);

function isWholeOrNull(value: unknown): boolean {
  return value === null || Number.isInteger(value);
}

/** Amounts stay in the range in which REST's numbers are exact. */
function isAmountOrNull(value: unknown): boolean {
  return value === null || (typeof value === 'bigint' && value >= 0n && value <= MICROCREDITS_MAX);
}

/** Finds the catalog's models on a connection, or defines them. */
export function catalogModels(connection: Connection): CatalogModels {
  return {
    products: connection.model<ProductDocument>('Product', productSchema, 'products', { overwriteModels: true }),
    plans: connection.model<PlanDocument>('Plan', planSchema, 'plans', { overwriteModels: true }),
    policies: connection.model<PlanPolicyDocument>('PlanPolicy', policySchema, 'plan_policies', {
      overwriteModels: true,
    }),
    prices: connection.model<ActionPriceDocument>('ActionPrice', priceSchema, 'action_prices', {
      overwriteModels: true,
    }),
  };
}

/** Creates and proves the indexes of the catalog. Throws Error with one sentence where one can't be proven. */
export async function ensureCatalogIndexes({ products, plans, policies, prices }: CatalogModels): Promise<void> {
  await ensureModelIndexes(products);
  await ensureModelIndexes(plans);
  await ensureModelIndexes(policies);
  await ensureModelIndexes(prices);
}
