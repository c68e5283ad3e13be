// Owns the catalog of the two demo products: the plans, trials and prices of the spec for `agentruntime`, and others for
// `otherproduct`, so that a mix-up of the two shows.

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
  readonly code: string;
  readonly name: string;
  /** Cents of one cycle; null for plans sold by contract. */
  readonly amount: bigint | null;
  readonly interval?: 'month' | 'year';
  /** Whole credits of each cycle. */
  readonly includedCredits?: bigint;
  readonly policy?: PolicyChange;
}

/** What pay-as-you-go credits cost at both demo products: a dollar each, less in packages. */
const PAYG: PolicyChange = {
  paygMinorUnitsPerCredit: { millionths: 100n * 1_000_000n },
  paygPackages: [
    { minorUnits: 1_000n, microcredits: 10n * CREDIT },
    { minorUnits: 4_500n, microcredits: 50n * CREDIT },
    { minorUnits: 8_000n, microcredits: 100n * CREDIT },
  ],
  paygMinorUnitsMin: 500n,
  paygMinorUnitsMax: 100_000n,
};

function toPlanRow(productCode: string, { code, name, amount, interval }: PlanSeed): PlanRow {
  return {
    product_code: productCode,
    plan_code: code,
    product_name: name,
    // Free and enterprise are not sold by Stripe; the local Stripe's catalog has the others under these ids.
    stripe_price_id: interval === undefined ? null : `price_${productCode}_${code}`,
    amount,
    currency: amount === null ? null : 'usd',
    interval: interval ?? null,
    interval_count: interval === undefined ? 0 : 1,
    source: interval === undefined ? 'operator' : 'stripe',
    archived: false,
  };
}

function toPolicyRow(productCode: string, { code, includedCredits = 0n, policy = {} }: PlanSeed): PolicyRow {
  const planCode = code as PlanCode;
  const includedMicrocreditsPerCycle = includedCredits * CREDIT;
  return {
    product_code: productCode,
    plan_code: code,
    ...toDocumentPolicy({ ...computeDefaultPolicy(planCode), includedMicrocreditsPerCycle, ...PAYG, ...policy }),
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
    {
      code: 'pro',
      name: 'AgentRuntime Pro',
      amount: 4_900n,
      interval: 'month',
      includedCredits: 5n,
    },
    { code: 'plus', name: 'AgentRuntime Plus', amount: 14_900n, interval: 'month', includedCredits: 20n },
    { code: 'max', name: 'AgentRuntime Max', amount: 49_900n, interval: 'month', includedCredits: 80n },
    {
      code: 'enterprise',
      name: 'AgentRuntime Enterprise',
      amount: null,
    },
    {
      code: 'pro_annual',
      name: 'AgentRuntime Pro (annual)',
      amount: 49_000n,
      interval: 'year',
      includedCredits: 60n,
    },
    {
      code: 'plus_annual',
      name: 'AgentRuntime Plus (annual)',
      amount: 149_000n,
      interval: 'year',
      includedCredits: 240n,
    },
    {
      code: 'max_annual',
      name: 'AgentRuntime Max (annual)',
      amount: 499_000n,
      interval: 'year',
      includedCredits: 960n,
    },
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
  [
    { code: 'free', name: 'OtherProduct Free', amount: 0n, policy: { memberLimit: 1 } },
    {
      code: 'pro',
      name: 'OtherProduct Pro',
      amount: 1_900n,
      interval: 'month',
      includedCredits: 50n,
      policy: { trialDays: 7, trialMicrocreditsGranted: 2n * CREDIT },
    },
  ],
  [
    ['workflow.step.execute', 3n, 'step'],
    ['memory_extract_interactive', 7n, 'job'],
    ['memory_extract_bulk', 1n, 'job'],
    ['memory_index_file_mb', 2n, 'MiB'],
  ],
);

/** The demo products. */
export const DEMO_CATALOG: readonly CatalogSeed[] = [AGENTRUNTIME, OTHERPRODUCT];
