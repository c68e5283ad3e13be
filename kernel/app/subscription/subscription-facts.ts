// Owns what a subscription at Stripe is to the account of a workspace: which plan its price is, and what that plan's policy says.
// Pure: the catalog is given. Does not own reading either.
// Invariants: a subscription that goes on at the price it had keeps what it was bought with, whatever the catalog says today; what
// a price of no plan of the product was paid for gives nothing; what the catalog sells gives what is offered (plan-offer.ts).

import { MICROCREDITS_MAX } from '../../domain/bound.ts';
import type { PlanCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { CycleTerms, Subscription, SubscriptionFacts, SubscriptionRules } from '../../domain/subscription.ts';
import type { ProductPlans } from '../catalog/product-plans.ts';
import type { StripeSubscription, StripeTerms } from './ports.ts';

const DAY_MS = 86_400_000;
const AMOUNT = /^\d{1,16}$/;

/**
 * Answers the facts; undefined where the price is of no plan of the product: the account then keeps what it has for the time that was
 * paid. That the subscription which it knows has ended is a fact at any price.
 */
export function toSubscriptionFacts(
  seen: StripeSubscription,
  catalog: ProductPlans,
  current: Subscription | undefined,
): SubscriptionFacts | undefined {
  const known = current?.stripeSubscriptionId === seen.stripeSubscriptionId ? current : undefined;
  const terms = (seen.terms && termsOf(seen.terms, catalog, known)) ?? (seen.phase === 'ended' ? known : undefined);
  if (terms === undefined) return undefined;
  const { stripeSubscriptionId, phase, isUnpaid, createdAt, periodStart, periodEnd } = seen;
  const { cancelAt, failureCode, discounts, endedAt, cycleTerms, changeInvoice, isInvoiced } = seen;
  const includedPerCycle = cycleTerms && (termsOf(cycleTerms, catalog, known)?.includedPerCycle ?? 0n);
  const cycleInvoice = { ...seen.cycleInvoice, ...present({ includedPerCycle }) };
  const earlierChanges = seen.earlierChanges?.map(({ terms: changedTo, ...change }) => ({
    ...change,
    includedPerCycle: termsOf(changedTo, catalog, known)?.includedPerCycle ?? 0n,
  }));
  const next = seen.pending === undefined ? undefined : termsOf(seen.pending.terms, catalog, undefined);
  const pending =
    next === undefined || seen.pending === undefined
      ? undefined
      : { terms: next, effectiveAt: seen.pending.effectiveAt };
  return {
    ...{ stripeSubscriptionId, phase, isUnpaid, periodStart, periodEnd, cycleInvoice, changeInvoice },
    terms: pickTerms(terms),
    rules: rulesOf(catalog, terms.planCode, known),
    fallbackPlanCode: catalog.product.fallbackPlanCode,
    startedAt: createdAt,
    isContract: isInvoiced,
    ...present({ cancelAt, failureCode, discounts, endedAt, pending, earlierChanges }),
  };
}

function termsOf(
  { stripePriceId, minorUnits, currency, interval, intervalCount, metadata }: StripeTerms,
  { product, plans }: ProductPlans,
  known: Subscription | undefined,
): CycleTerms | undefined {
  if (known?.stripePriceId === stripePriceId) return known;
  const { product_code: productCode, plan_code: planCode } = metadata;
  const sold = plans.find((plan) => plan.stripePriceId === stripePriceId);
  // Anybody may name a plan on a Price of anything: only one that says whose plan it is, or that is sold here, is one.
  const isOwn = productCode === product.productCode || (sold !== undefined && productCode === undefined);
  const plan = sold ?? plans.find((candidate) => candidate.planCode === planCode);
  if (plan === undefined || !isOwn) return undefined;
  // What is sold today gives what its policy offers, which an operator may have set; any other Price speaks for itself.
  const stated = sold === undefined ? readAmount(metadata['included_microcredits_per_cycle']) : undefined;
  const includedPerCycle = stated ?? plan.policy.includedMicrocreditsPerCycle;
  return { planCode: plan.planCode, stripePriceId, minorUnits, currency, interval, intervalCount, includedPerCycle };
}

function readAmount(text: string | undefined): bigint | undefined {
  if (text === undefined || !AMOUNT.test(text)) return undefined;
  const amount = BigInt(text);
  return amount <= MICROCREDITS_MAX ? amount : undefined;
}

function rulesOf({ plans }: ProductPlans, planCode: PlanCode, known: Subscription | undefined): SubscriptionRules {
  const policy = plans.find((plan) => plan.planCode === planCode)?.policy;
  if (policy !== undefined) {
    const { includedRolloverLimitMicrocredits: rolloverLimit, pastDueGraceDays, pastDueEnd } = policy;
    return { rolloverLimit, graceMs: pastDueGraceDays * DAY_MS, pastDueEnd };
  }
  const { rolloverLimit = 0n, graceMs = 0, pastDueEnd = 'fallback' } = known ?? {};
  return { rolloverLimit, graceMs, pastDueEnd };
}

/** A subscription that is known is more than its terms. */
function pickTerms(terms: CycleTerms): CycleTerms {
  const { planCode, stripePriceId, minorUnits, currency, interval, intervalCount, includedPerCycle } = terms;
  return { planCode, stripePriceId, minorUnits, currency, interval, intervalCount, includedPerCycle };
}
