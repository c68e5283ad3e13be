// Owns what operators set of the two demo products: the products, the plans that Stripe does not sell, and what actions
// cost; other figures for `otherproduct`, so that a mix-up of the two shows. Does not own the plans that Stripe sells: a sync
// brings those.

import type { PlanCode } from '../domain/id.ts';
import {
  computeDefaultPolicy,
  FALLBACK_PLAN_DEFAULT,
  ONBOARDING_PLAN_DEFAULT,
  type PolicyChange,
} from '../domain/plan-policy.ts';
import { toDocumentPolicy } from '../store/catalog/catalog-document.ts';
import type { CatalogSeed } from '../store/catalog/catalog-seed.ts';

type PlanRow = CatalogSeed['plans'][number];
type PolicyRow = CatalogSeed['policies'][number];
type PriceRow = CatalogSeed['prices'][number];

const CREDIT = 1_000_000n;
/** Demo prices hold from the beginning, so that prices of any past time can be asked for. */
const FROM_THE_BEGINNING = new Date('2025-01-01T00:00:00Z');

/** One plan with its policy; what is not said is the default of the spec. */
interface PlanSeed {
  readonly code: 'free' | 'enterprise';
  readonly name: string;
  /** Cents; null for plans sold by contract. */
  readonly amount: bigint | null;
  readonly policy?: PolicyChange;
}

/** What pay-as-you-go credits cost at both demo products: a dollar each, less in packages. */
export const DEMO_PAYG: PolicyChange = {
  paygMinorUnitsPerCredit: { millionths: 100n * 1_000_000n },
  paygPackages: [
    { minorUnits: 1_000n, microcredits: 10n * CREDIT },
    { minorUnits: 4_500n, microcredits: 50n * CREDIT },
    { minorUnits: 8_000n, microcredits: 100n * CREDIT },
  ],
  paygMinorUnitsMin: 500n,
  paygMinorUnitsMax: 100_000n,
};

function toPlanRow(productCode: string, { code, name, amount }: PlanSeed): PlanRow {
  return {
    product_code: productCode,
    plan_code: code,
    product_name: name,
    stripe_price_id: null,
    amount,
    currency: amount === null ? null : 'usd',
    interval: null,
    interval_count: 0,
    source: 'operator',
    archived: false,
  };
}

function toPolicyRow(productCode: string, { code, policy = {} }: PlanSeed): PolicyRow {
  return {
    product_code: productCode,
    plan_code: code,
    ...toDocumentPolicy({ ...computeDefaultPolicy(code as PlanCode), ...DEMO_PAYG, ...policy }),
    pinned_fields: [],
    revision: 0,
  };
}

function toPriceRow(productCode: string, action: string, credits: bigint, unit: string): PriceRow {
  return {
    product_code: productCode,
    rule: 'default',
    plan_code: null,
    tenant_id: null,
    action,
    microcredits_per_unit: credits * CREDIT,
    unit,
    effective_at: FROM_THE_BEGINNING,
  };
}

function toSeed(
  product: CatalogSeed['product'],
  plans: readonly PlanSeed[],
  prices: readonly (readonly [action: string, credits: bigint, unit: string])[],
): CatalogSeed {
  const { product_code: code } = product;
  return {
    product,
    plans: plans.map((plan) => toPlanRow(code, plan)),
    policies: plans.map((plan) => toPolicyRow(code, plan)),
    prices: prices.map(([action, credits, unit]) => toPriceRow(code, action, credits, unit)),
  };
}

function toProductRow(code: string, name: string): CatalogSeed['product'] {
  return {
    product_code: code,
    display_name: name,
    fallback_plan_code: FALLBACK_PLAN_DEFAULT,
    onboarding_plan_code: ONBOARDING_PLAN_DEFAULT,
    onboarding_pinned: false,
    currency: 'usd',
  };
}

const AGENTRUNTIME = toSeed(
  toProductRow('agentruntime', 'AgentRuntime'),
  [
    { code: 'free', name: 'AgentRuntime Free', amount: 0n },
    { code: 'enterprise', name: 'AgentRuntime Enterprise', amount: null },
  ],
  [
    ['workflow.step.execute', 5n, 'step'],
    ['memory_extract_interactive', 10n, 'job'],
    ['memory_extract_bulk', 2n, 'job'],
    ['memory_index_file_mb', 1n, 'MiB'],
  ],
);

const OTHERPRODUCT = toSeed(
  toProductRow('otherproduct', 'OtherProduct'),
  [{ code: 'free', name: 'OtherProduct Free', amount: 0n, policy: { memberLimit: 1 } }],
  [
    ['workflow.step.execute', 3n, 'step'],
    ['memory_extract_interactive', 7n, 'job'],
    ['memory_extract_bulk', 1n, 'job'],
    ['memory_index_file_mb', 2n, 'MiB'],
  ],
);

/** The demo products, as operators set them. */
export const DEMO_CATALOG: readonly CatalogSeed[] = [AGENTRUNTIME, OTHERPRODUCT];
