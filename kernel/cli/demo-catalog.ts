// Owns the catalog of the two demo products: the plans, trials and prices of the spec for `agentruntime`, and others for
// `otherproduct`, so that a mix-up of the two shows.

import type { CatalogSeed } from '../store/catalog/catalog-seed.ts';

type PlanRow = CatalogSeed['plans'][number];
type PolicyRow = CatalogSeed['policies'][number];
type PriceRow = CatalogSeed['prices'][number];

const CREDIT = 1_000_000n;
/** Demo prices hold from the beginning, so that prices of any past time can be asked for. */
const FROM_THE_BEGINNING = new Date('2025-01-01T00:00:00Z');

/** One plan with its policy; what is not said is the modest default. */
interface PlanSeed {
  readonly code: string;
  readonly name: string;
  readonly rank: number;
  /** Cents of one cycle; null for plans sold by contract. */
  readonly amount: bigint | null;
  readonly interval?: 'month' | 'year';
  /** Whole credits of each cycle. */
  readonly includedCredits?: bigint;
  readonly policy?: Partial<PolicyRow>;
}

function toPlanRow(productCode: string, { code, name, amount, interval, includedCredits = 0n }: PlanSeed): PlanRow {
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
    included_microcredits_per_cycle: includedCredits * CREDIT,
    archived: false,
  };
}

function toPolicyRow(productCode: string, { code, rank, policy = {} }: PlanSeed): PolicyRow {
  return {
    product_code: productCode,
    plan_code: code,
    trial_enabled: false,
    trial_days: 0,
    trial_microcredits_granted: 0n,
    trial_requires_card: false,
    auto_trial_on_workspace_creation: false,
    trial_end_behaviour: 'convert_or_fallback',
    revoke_unused_trial_credits: true,
    onboarding_default: false,
    self_serve: true,
    contact_sales: false,
    payg_allowed: true,
    rank,
    member_limit: null,
    overdraft_limit_microcredits: 0n,
    ...policy,
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

/** A trial as it is for `pro`: started by itself with a new workspace, without a card. */
function openTrial(days: number, credits: bigint): Partial<PolicyRow> {
  return {
    trial_enabled: true,
    trial_days: days,
    trial_microcredits_granted: credits * CREDIT,
    auto_trial_on_workspace_creation: true,
    onboarding_default: true,
  };
}

const AGENTRUNTIME = toSeed(
  { product_code: 'agentruntime', display_name: 'AgentRuntime', fallback_plan_code: 'free', currency: 'usd' },
  [
    { code: 'free', name: 'AgentRuntime Free', rank: 0, amount: 0n, policy: { member_limit: 3 } },
    {
      code: 'pro',
      name: 'AgentRuntime Pro',
      rank: 10,
      amount: 4_900n,
      interval: 'month',
      includedCredits: 5n,
      policy: openTrial(14, 5n),
    },
    { code: 'plus', name: 'AgentRuntime Plus', rank: 20, amount: 14_900n, interval: 'month', includedCredits: 20n },
    { code: 'max', name: 'AgentRuntime Max', rank: 30, amount: 49_900n, interval: 'month', includedCredits: 80n },
    {
      code: 'enterprise',
      name: 'AgentRuntime Enterprise',
      rank: 40,
      amount: null,
      policy: { self_serve: false, contact_sales: true },
    },
    {
      code: 'pro_annual',
      name: 'AgentRuntime Pro (annual)',
      rank: 10,
      amount: 49_000n,
      interval: 'year',
      includedCredits: 60n,
    },
    {
      code: 'plus_annual',
      name: 'AgentRuntime Plus (annual)',
      rank: 20,
      amount: 149_000n,
      interval: 'year',
      includedCredits: 240n,
    },
    {
      code: 'max_annual',
      name: 'AgentRuntime Max (annual)',
      rank: 30,
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
  { product_code: 'otherproduct', display_name: 'OtherProduct', fallback_plan_code: 'free', currency: 'usd' },
  [
    { code: 'free', name: 'OtherProduct Free', rank: 0, amount: 0n, policy: { member_limit: 1 } },
    {
      code: 'pro',
      name: 'OtherProduct Pro',
      rank: 10,
      amount: 1_900n,
      interval: 'month',
      includedCredits: 50n,
      policy: openTrial(7, 2n),
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
