// Prices at Stripe as a sync reads them, and a catalog that is kept in memory, by the meaning of its contract alone.

import {
  type CatalogDiff,
  type KnownCatalog,
  type KnownPlan,
  type KnownPolicy,
  type KnownProduct,
  keyText,
} from '../../../kernel/domain/catalog-diff.ts';
import type { PlanCode, ProductCode } from '../../../kernel/domain/id.ts';
import { computeDefaultPolicy, type PlanPolicy, type PolicyField } from '../../../kernel/domain/plan-policy.ts';
import type { StripePrice } from '../../../kernel/domain/stripe-price.ts';

export const AGENTRUNTIME = 'agentruntime' as ProductCode;

export const PRODUCTS: readonly KnownProduct[] = [
  product('agentruntime', { onboardingPlanCode: 'pro' }),
  product('otherproduct', { currency: 'eur' }),
];

export function product(code: string, fields: Partial<KnownProduct> = {}): KnownProduct {
  const productCode = code as ProductCode;
  return { productCode, currency: 'usd', fallbackPlanCode: 'free', onboardingPinned: false, ...fields };
}

/** The spec's example: `pro` of agentruntime. */
export function stripePrice(
  fields: Partial<StripePrice> = {},
  metadata: Readonly<Record<string, string>> = {},
): StripePrice {
  return {
    priceId: 'price_pro',
    isActive: true,
    createdAt: 1_700_000_000_000,
    currency: 'usd',
    minorUnits: 4_900n,
    recurring: { interval: 'month', intervalCount: 1, isMetered: false },
    isTiered: false,
    metadata: {
      product_code: 'agentruntime',
      plan_code: 'pro',
      included_microcredits_per_cycle: '5000000',
      ...metadata,
    },
    product: { name: 'AgentRuntime Pro', metadata: {} },
    ...fields,
  };
}

/** The row that the sync of such a Price leaves. */
export function knownPlan(fields: Partial<KnownPlan> = {}): KnownPlan {
  return {
    productCode: AGENTRUNTIME,
    planCode: 'pro' as PlanCode,
    source: 'stripe',
    productName: 'AgentRuntime Pro',
    stripePriceId: 'price_pro',
    price: { minorUnits: 4_900n, currency: 'usd' },
    interval: 'month',
    intervalCount: 1,
    archived: false,
    revision: 0,
    ...fields,
  };
}

export function knownPolicy(
  policy: Partial<PlanPolicy> = {},
  pinned: readonly PolicyField[] = [],
  planCode = 'pro' as PlanCode,
): KnownPolicy {
  return {
    productCode: AGENTRUNTIME,
    planCode,
    policy: { ...computeDefaultPolicy(planCode), includedMicrocreditsPerCycle: 5_000_000n, ...policy },
    pinnedFields: new Set(pinned),
  };
}

/** Does to a catalog what a diff says. */
export function applyDiff(known: KnownCatalog, diff: CatalogDiff): KnownCatalog {
  const plans = new Map(known.plans.map((plan) => [keyText(plan), plan]));
  const policies = new Map(known.policies.map((policy) => [keyText(policy), policy]));
  for (const change of diff.changes) {
    const { productCode, planCode, stripePriceId, plan, policy } = change;
    const text = keyText(change);
    if (plan?.terms !== undefined) {
      const { terms, archived } = plan;
      const { productName, minorUnits, currency, interval, intervalCount } = terms;
      const row = { productName, interval, intervalCount, price: { minorUnits, currency }, archived };
      plans.set(text, { productCode, planCode, source: 'stripe', stripePriceId, revision: plan.revision, ...row });
    } else if (plan !== undefined) {
      const before = plans.get(text);
      if (before === undefined) throw new Error(`${text} is archived without being known`);
      plans.set(text, { ...before, archived: plan.archived });
    }
    if (policy !== undefined) {
      const before = policies.get(text) ?? {
        productCode,
        planCode,
        pinnedFields: new Set(),
        policy: computeDefaultPolicy(planCode),
      };
      const synced = Object.entries(policy.synced).filter(([field]) => !before.pinnedFields.has(field as PolicyField));
      policies.set(text, { ...before, policy: { ...before.policy, ...Object.fromEntries(synced) } });
    }
  }
  const onboarding = new Map(diff.onboarding.map((change) => [change.productCode, change]));
  const products = known.products.map(({ onboardingPlanCode, ...rest }) => {
    const change = onboarding.get(rest.productCode);
    const code = change === undefined ? onboardingPlanCode : change.planCode;
    return code === undefined ? rest : { ...rest, onboardingPlanCode: code };
  });
  return { products, plans: [...plans.values()], policies: [...policies.values()] };
}
