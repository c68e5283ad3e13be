// What a subscription at Stripe is to the rules: which plan its prices are, and what is kept of what it was bought with.

import { describe, expect, it } from 'vitest';
import type { Plan } from '../../kernel/app/catalog/ports.ts';
import type { StripeSubscription, StripeTerms } from '../../kernel/app/subscription/ports.ts';
import { toSubscriptionFacts } from '../../kernel/app/subscription/subscription-facts.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { CLOSED_POLICY } from '../../kernel/domain/plan-policy.ts';
import { FALLBACK_PLAN, PRODUCT, START } from './support/command.ts';
import { changed, DAY_MS, day, FollowingAccount, factsOf, period } from './support/subscription.ts';

function planOf(planCode: string, includedMicrocreditsPerCycle: bigint): Plan {
  return {
    ...{ productCode: PRODUCT, planCode: planCode as PlanCode, source: 'stripe', productName: planCode },
    ...{ stripePriceId: `price_${planCode}`, intervalCount: 1, archived: false, revision: 0, onboardingDefault: false },
    policy: { ...CLOSED_POLICY, includedMicrocreditsPerCycle, pastDueGraceDays: 5, pastDueEnd: 'keep' },
  };
}

const CATALOG = {
  product: {
    ...{ productCode: PRODUCT, displayName: 'AgentRuntime', fallbackPlanCode: FALLBACK_PLAN },
    ...{ onboardingPinned: false, currency: 'usd', createdAt: START },
  },
  plans: [planOf('pro', 100n), planOf('max', 400n)],
};

function priceOf(stripePriceId: string, metadata: Readonly<Record<string, string>> = {}): StripeTerms {
  return { stripePriceId, minorUnits: 4_900n, currency: 'usd', interval: 'month', intervalCount: 1, metadata };
}

function seen(fields: Partial<StripeSubscription> = {}): StripeSubscription {
  return {
    ...{ stripeSubscriptionId: 'sub_1', stripeCustomerId: 'cus_1', stripeItemId: 'si_1', phase: 'live' },
    ...{ isUnpaid: false, isInvoiced: false, metadata: {}, createdAt: START, terms: priceOf('price_pro') },
    ...period(1),
    changeInvoice: changed('none', 0),
    ...fields,
  };
}

/** An account that has the subscription. */
const account = new FollowingAccount();
account.sync(START, factsOf());
const PRO = account.subscription;

describe('toSubscriptionFacts', () => {
  it('finds the plan by its price, and says what its policy says', () => {
    expect(toSubscriptionFacts(seen(), CATALOG, undefined)).toMatchObject({
      terms: { planCode: 'pro', includedPerCycle: 100n },
      rules: { graceMs: 5 * DAY_MS, pastDueEnd: 'keep' },
      fallbackPlanCode: FALLBACK_PLAN,
    });
  });

  it.each([
    ['names its plan and its credits', { plan_code: 'max', included_microcredits_per_cycle: '7' }, 'max', 7n],
    ['names its plan', { plan_code: 'max' }, 'max', 400n],
    ['names credits that are none', { plan_code: 'max', included_microcredits_per_cycle: '7.5' }, 'max', 400n],
  ])('takes a price that the catalog has not, and that %s', (_, metadata, planCode, includedPerCycle) => {
    const terms = priceOf('price_old', { product_code: PRODUCT, ...metadata });
    const facts = toSubscriptionFacts(seen({ terms }), CATALOG, undefined);
    expect(facts?.terms).toMatchObject({ planCode, includedPerCycle });
  });

  it('passes on what is taken off', () => {
    const discounts = [
      { reduction: { kind: 'percent', percent: { millionths: 12_500_000n } }, duration: 'forever' },
    ] as const;
    expect(toSubscriptionFacts(seen({ discounts }), CATALOG, undefined)).toMatchObject({ discounts });
    expect(toSubscriptionFacts(seen(), CATALOG, undefined)).not.toHaveProperty('discounts');
  });

  it('gives what the policy offers at the price that is sold, whatever else that price says', () => {
    const stated = { product_code: PRODUCT, plan_code: 'pro', included_microcredits_per_cycle: '7' };
    const facts = toSubscriptionFacts(seen({ terms: priceOf('price_pro', stated) }), CATALOG, undefined);
    expect(facts?.terms).toMatchObject({ planCode: 'pro', includedPerCycle: 100n });
  });

  it('knows no price that names a plan and does not say of which product', () => {
    const nameless = priceOf('price_cheap', { plan_code: 'max', included_microcredits_per_cycle: '7' });
    expect(toSubscriptionFacts(seen({ terms: nameless }), CATALOG, undefined)).toBeUndefined();
    expect(toSubscriptionFacts(seen({ terms: nameless }), CATALOG, PRO)).toBeUndefined();
  });

  it('knows no price that is of no plan, or of another product', () => {
    const foreign = priceOf('price_pro', { product_code: 'other' });
    expect(toSubscriptionFacts(seen({ terms: priceOf('price_x') }), CATALOG, undefined)).toBeUndefined();
    expect(toSubscriptionFacts(seen({ terms: foreign }), CATALOG, undefined)).toBeUndefined();
  });

  it.each([
    ['is of another product', priceOf('price_y', { product_code: 'other', plan_code: 'pro' })],
    ['is of no plan', priceOf('price_x')],
  ])('leaves a subscription that is known alone once its price %s, but for its end', (_, terms) => {
    expect(toSubscriptionFacts(seen({ terms, ...period(2) }), CATALOG, PRO)).toBeUndefined();
    const over = seen({ terms, phase: 'ended', endedAt: day(3) });
    expect(toSubscriptionFacts(over, CATALOG, PRO)).toMatchObject({ phase: 'ended', terms: { planCode: 'pro' } });
  });

  it('keeps what a subscription was bought with, whatever the catalog says now', () => {
    const dearer = { ...CATALOG, plans: [planOf('pro', 1n)] };
    expect(toSubscriptionFacts(seen(), dearer, PRO)?.terms).toMatchObject({ includedPerCycle: 100n });
    expect(toSubscriptionFacts(seen(), { ...CATALOG, plans: [] }, PRO)?.terms).toMatchObject({ planCode: 'pro' });
    const other = seen({ stripeSubscriptionId: 'sub_2' });
    expect(toSubscriptionFacts(other, dearer, PRO)?.terms).toMatchObject({ includedPerCycle: 1n });
  });

  it('says what the period was paid for, where the price was changed since', () => {
    const upgraded = seen({ terms: priceOf('price_max'), cycleTerms: priceOf('price_pro') });
    expect(toSubscriptionFacts(upgraded, CATALOG, undefined)?.cycleInvoice).toMatchObject({ includedPerCycle: 100n });
    const unknown = { ...upgraded, cycleTerms: priceOf('price_x') };
    expect(toSubscriptionFacts(unknown, CATALOG, undefined)?.cycleInvoice).toMatchObject({ includedPerCycle: 0n });
    expect(toSubscriptionFacts(seen(), CATALOG, undefined)?.cycleInvoice).not.toHaveProperty('includedPerCycle');
  });

  it('tells a change that waits, unless its price is of no plan', () => {
    const waiting = (stripePriceId: string) =>
      toSubscriptionFacts(
        seen({ pending: { terms: priceOf(stripePriceId), effectiveAt: day(30) } }),
        CATALOG,
        undefined,
      );
    expect(waiting('price_max')?.pending).toMatchObject({ terms: { planCode: 'max' }, effectiveAt: day(30) });
    expect(waiting('price_x')).not.toHaveProperty('pending');
  });
});
