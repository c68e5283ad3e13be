// Owns the form of the catalog in MongoDB: collections `products`, `plans`, `plan_policies` and `action_prices`. Does not
// own what the fields mean (app/catalog/ports.ts).
// Invariants: a plan and its policy share the key (product_code, plan_code); amounts are BSON int64; what a field does not
// know is refused, in documents and in filters; of a price that was set nothing changes but the mark `superseded_at`.

import { type Connection, type Model, Schema } from 'mongoose';
import { MICROCREDITS_MAX } from '../../domain/bound.ts';
import { ensureModelIndexes } from '../model-index.ts';

export interface ProductDocument {
  readonly product_code: string;
  readonly display_name: string;
  readonly fallback_plan_code: string;
  /** The plan that new workspaces start on. It stands here, so that no two plans of a product can be it. */
  readonly onboarding_plan_code: string | null;
  /** Says that an operator has set the onboarding plan. */
  readonly onboarding_pinned: boolean;
  readonly currency: string;
  /** How many changes of operators are in it and in its plans; absent: none. */
  readonly revision?: number;
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
  readonly source: 'stripe' | 'operator';
  readonly archived: boolean;
  /** How many changes of operators are in it; absent: none. */
  readonly revision?: number;
  /** The number of the sync's turn that wrote the row last; absent where none has. */
  readonly sync_turn?: number;
  readonly created_at: Date;
}

export interface PaygPackageDocument {
  readonly minor_units: bigint;
  readonly microcredits: bigint;
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
  readonly trial_limit_per_person: number;
  readonly self_serve: boolean;
  readonly contact_sales: boolean;
  readonly rank: number;
  /** Null means no limit. */
  readonly member_limit: number | null;
  readonly included_microcredits_per_cycle: bigint;
  readonly included_rollover_limit_microcredits: bigint;
  readonly past_due_grace_days: number;
  readonly past_due_end: 'fallback' | 'keep';
  readonly cancel_at_once_allowed: boolean;
  readonly overdraft_limit_microcredits: bigint;
  readonly payg_allowed: boolean;
  /** Millionths of a minor unit; null: only packages are sold. */
  readonly payg_minor_units_per_credit_millionths: bigint | null;
  readonly payg_packages: readonly PaygPackageDocument[];
  readonly payg_minor_units_min: bigint | null;
  readonly payg_minor_units_max: bigint | null;
  readonly refund_debt_waived: boolean;
  readonly credit_gates: readonly string[];
  /** The fields that an operator has set, by their contract names: a sync leaves them. */
  readonly pinned_fields: readonly string[];
  /** How many changes of operators are in it. */
  readonly revision: number;
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
  /** Absent where the row ends an override, as is the unit. */
  readonly microcredits_per_unit?: bigint;
  readonly unit?: string;
  readonly ends_override?: true;
  readonly effective_at: Date;
  /** When a later row of the same target takes over; absent where there is none, or it is not marked yet. */
  readonly superseded_at?: Date;
  readonly created_at: Date;
  /** The fields from here on are absent from rows of the seed. The number of the row among those set for the product. */
  readonly revision?: number;
  readonly actor?: string;
  readonly reason?: string;
  /** The namespaced key of the request that set the price. */
  readonly request_key?: string;
  readonly request_fingerprint?: string;
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
const OPTIONAL_AMOUNT = { type: BigInt, default: null, validate: isAmountOrNull } as const;
const COUNT = { type: Number, required: true, min: 0, validate: Number.isInteger } as const;
const OPTIONAL_COUNT = { type: Number, min: 0, validate: Number.isInteger } as const;
const TIME = { type: Date, required: true } as const;
const OPTIONS = {
  strict: 'throw',
  strictQuery: 'throw',
  versionKey: false,
  autoIndex: false,
  autoCreate: false,
} as const;

const productSchema = new Schema<ProductDocument>(
  {
    product_code: TEXT,
    display_name: TEXT,
    fallback_plan_code: TEXT,
    onboarding_plan_code: OPTIONAL_TEXT,
    onboarding_pinned: FLAG,
    currency: TEXT,
    revision: OPTIONAL_COUNT,
    created_at: TIME,
  },
  OPTIONS,
);
productSchema.index({ product_code: 1 }, { name: 'product_code', unique: true });

const planSchema = new Schema<PlanDocument>(
  {
    product_code: TEXT,
    plan_code: TEXT,
    product_name: TEXT,
    stripe_price_id: OPTIONAL_TEXT,
    amount: OPTIONAL_AMOUNT,
    currency: OPTIONAL_TEXT,
    interval: { type: String, enum: ['month', 'year', null], default: null },
    interval_count: COUNT,
    source: { type: String, enum: ['stripe', 'operator'], required: true },
    archived: FLAG,
    revision: OPTIONAL_COUNT,
    sync_turn: Number,
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
    trial_limit_per_person: COUNT,
    self_serve: FLAG,
    contact_sales: FLAG,
    rank: COUNT,
    member_limit: { type: Number, default: null, min: 1, validate: isWholeOrNull },
    included_microcredits_per_cycle: MICROCREDITS,
    included_rollover_limit_microcredits: MICROCREDITS,
    past_due_grace_days: COUNT,
    past_due_end: { type: String, enum: ['fallback', 'keep'], required: true },
    cancel_at_once_allowed: FLAG,
    overdraft_limit_microcredits: MICROCREDITS,
    payg_allowed: FLAG,
    payg_minor_units_per_credit_millionths: { type: BigInt, default: null },
    payg_packages: [{ _id: false, minor_units: MICROCREDITS, microcredits: MICROCREDITS }],
    payg_minor_units_min: OPTIONAL_AMOUNT,
    payg_minor_units_max: OPTIONAL_AMOUNT,
    refund_debt_waived: FLAG,
    credit_gates: [String],
    pinned_fields: [String],
    revision: COUNT,
    created_at: TIME,
  },
  OPTIONS,
);
policySchema.index({ product_code: 1, plan_code: 1 }, { name: 'product_plan', unique: true });

const priceSchema = new Schema<ActionPriceDocument>(
  {
    product_code: TEXT,
    rule: { type: String, enum: ['default', 'plan', 'tenant'], required: true },
    plan_code: OPTIONAL_TEXT,
    tenant_id: OPTIONAL_TEXT,
    action: TEXT,
    microcredits_per_unit: { type: BigInt, required: isPrice, validate: isAmountOrNull },
    unit: { type: String, required: isPrice },
    ends_override: { type: Boolean, enum: [true] },
    effective_at: TIME,
    superseded_at: Date,
    created_at: TIME,
    revision: { type: Number, min: 1, validate: Number.isInteger },
    actor: String,
    reason: String,
    request_key: String,
    request_fingerprint: String,
  },
  OPTIONS,
);
// A debit must find one price for its time, not two.
priceSchema.index(
  { product_code: 1, rule: 1, plan_code: 1, tenant_id: 1, action: 1, effective_at: 1 },
  { name: 'one_price', unique: true },
);
// One request sets one price, whichever kernels it reaches.
priceSchema.index(
  { request_key: 1 },
  { name: 'request_key', unique: true, partialFilterExpression: { request_key: { $exists: true } } },
);
// Prices of a product are set one after the other; and what was set since is found without a look at the rest.
priceSchema.index(
  { product_code: 1, revision: 1 },
  { name: 'product_revision', unique: true, partialFilterExpression: { revision: { $exists: true } } },
);
// What holds now or will later is read without the rows that are past.
priceSchema.index({ product_code: 1, rule: 1, superseded_at: 1 }, { name: 'product_rule_superseded' });
priceSchema.index({ product_code: 1, action: 1, rule: 1 }, { name: 'product_action_rule' });
// Lists go through a product's prices by the time from which they hold.
priceSchema.index({ product_code: 1, effective_at: 1, _id: 1 }, { name: 'product_effective' });

/** A row has a price and a unit, unless it ends an override. */
function isPrice(this: ActionPriceDocument): boolean {
  return this.ends_override !== true;
}

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

/** Creates and proves the indexes of products and plans. Throws Error with one sentence where one can't be proven. */
export async function ensurePlanIndexes({ products, plans, policies }: CatalogModels): Promise<void> {
  await ensureModelIndexes(products);
  await ensureModelIndexes(plans);
  await ensureModelIndexes(policies);
}

/** Creates and proves the indexes of prices. Throws Error with one sentence where one can't be proven. */
export async function ensurePriceIndexes({ prices }: CatalogModels): Promise<void> {
  await ensureModelIndexes(prices);
}
