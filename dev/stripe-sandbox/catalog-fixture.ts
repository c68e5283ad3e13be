/**
 * Owns: the plans of the two demo products as they stand at Stripe: a Product and a Price for each plan that Stripe sells,
 * with the metadata that the kernel's catalog sync reads. Plans without a Price (free, enterprise) are the kernel's own.
 * Does not own: what a kernel makes of it.
 * Invariants: ids are always the same, so that a kernel's catalog outlives a sandbox that begins anew. What is there
 * already is left as it is.
 */
import type { Metadata } from './metadata.ts';
import { PRICES, type Recurring, toPrice, toRecurring } from './resource/price.ts';
import { PRODUCTS, toProduct } from './resource/product-object.ts';
import type { Transaction } from './store.ts';

const MICROCREDITS = 1_000_000;

interface PlanFixture {
  readonly productCode: string;
  readonly planCode: string;
  readonly name: string;
  /** Is cents for each interval. */
  readonly amount: number;
  readonly interval: Recurring['interval'];
  /** Is whole credits of each cycle. */
  readonly includedCredits: number;
  /** Is the rest of what the metadata says. */
  readonly metadata: Metadata;
}

/** Returns the metadata of a plan with a trial that begins by itself, without a card. */
function toTrial(days: number, credits: number): Metadata {
  return {
    trial_enabled: 'true',
    trial_days: String(days),
    trial_microcredits_granted: String(credits * MICROCREDITS),
    trial_requires_card: 'false',
    auto_trial_on_workspace_creation: 'true',
    onboarding_default: 'true',
  };
}

const AGENTRUNTIME_TIERS = [
  { tier: 'pro', name: 'AgentRuntime Pro', cents: 4_900, credits: 5, rank: '10', trial: toTrial(14, 5) },
  { tier: 'plus', name: 'AgentRuntime Plus', cents: 14_900, credits: 20, rank: '20', trial: {} },
  { tier: 'max', name: 'AgentRuntime Max', cents: 49_900, credits: 80, rank: '30', trial: {} },
] as const;

/** What pay-as-you-go credits cost on every plan: a dollar each, less in packages. */
const PAYG: Metadata = {
  payg_minor_units_per_credit: '100',
  payg_packages: '1000:10000000 4500:50000000 8000:100000000',
  payg_minor_units_min: '500',
  payg_minor_units_max: '100000',
};

/** A year costs ten months and includes the credits of twelve. */
const MONTHS_PAID = 10;
const MONTHS_INCLUDED = 12;

const PLANS: readonly PlanFixture[] = [
  ...AGENTRUNTIME_TIERS.flatMap(({ tier, name, cents, credits, rank, trial }): readonly PlanFixture[] => [
    {
      productCode: 'agentruntime',
      planCode: tier,
      name,
      amount: cents,
      interval: 'month',
      includedCredits: credits,
      metadata: { rank, ...trial },
    },
    {
      productCode: 'agentruntime',
      planCode: `${tier}_annual`,
      name: `${name} (annual)`,
      amount: cents * MONTHS_PAID,
      interval: 'year',
      includedCredits: credits * MONTHS_INCLUDED,
      metadata: { rank },
    },
  ]),
  {
    productCode: 'otherproduct',
    planCode: 'pro',
    name: 'OtherProduct Pro',
    amount: 1_900,
    interval: 'month',
    includedCredits: 50,
    metadata: { rank: '10', ...toTrial(7, 2) },
  },
];

/** Puts in what is missing of the demo products' plans. It makes no events: they have always been there. */
export function seedCatalog(tx: Transaction, now: number): void {
  for (const plan of PLANS) seedPlan(tx, plan, now);
}

function seedPlan(tx: Transaction, plan: PlanFixture, now: number): void {
  const { productCode, planCode, name, amount, interval, includedCredits } = plan;
  const productId = `prod_${productCode}_${planCode}`;
  const priceId = `price_${productCode}_${planCode}`;
  if (tx.find(PRICES, priceId) !== undefined) return;
  const terms = {
    id: priceId,
    product: productId,
    currency: 'usd',
    amount: { unit_amount: amount, unit_amount_decimal: String(amount) },
    recurring: toRecurring(interval),
  };
  // Some keys stand on the Product and others on the Price, as people may have them.
  const metadata = {
    plan_code: planCode,
    included_microcredits_per_cycle: String(includedCredits * MICROCREDITS),
    ...PAYG,
    ...plan.metadata,
  };
  tx.put(PRODUCTS, productId, {
    ...toProduct(productId, now, { name, metadata: { product_code: productCode } }),
    default_price: priceId,
  });
  tx.put(PRICES, priceId, toPrice(terms, now, { metadata }));
}
