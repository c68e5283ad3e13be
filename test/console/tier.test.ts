import { describe, expect, it } from 'vitest';
import type { Plan, SubscriptionState } from '../../bff/console/src/api/type.ts';
import { annualSaving, computeOffer, toTiers } from '../../bff/console/src/page/plans/tier.ts';

function plan(plan_code: string, rank: number, amount: number, more: Partial<Plan> = {}): Plan {
  return {
    plan_code,
    rank,
    amount,
    stripe_price_id: amount === 0 ? null : `price_${plan_code}`,
    currency: 'usd',
    interval: plan_code.endsWith('_annual') ? 'year' : 'month',
    interval_count: 1,
    product_name: plan_code,
    trial_enabled: false,
    trial_days: 0,
    trial_credits_granted: 0,
    trial_requires_card: false,
    onboarding_default: false,
    included_microcredits_per_cycle: 0,
    self_serve: true,
    member_limit: null,
    ...more,
  };
}

const FREE = plan('free', 0, 0, { interval: null, interval_count: null });
const PRO = plan('pro', 10, 4_900, { trial_enabled: true });
const PRO_ANNUAL = plan('pro_annual', 10, 49_000);
const PLUS = plan('plus', 20, 14_900);
const PLANS = [PLUS, PRO_ANNUAL, FREE, PRO];

const NEVER_PAID: SubscriptionState = {
  plan_code: 'free',
  subscription: null,
  trial: null,
  as_of_time: '2026-01-01T00:00:00Z',
};

type Running = NonNullable<SubscriptionState['subscription']>;

function on(planCode: string, more: Partial<Running> = {}): SubscriptionState {
  return {
    ...NEVER_PAID,
    plan_code: planCode,
    subscription: {
      stripe_subscription_id: 'sub_1',
      plan_code: planCode,
      status: 'active',
      amount: 4_900,
      currency: 'usd',
      interval: 'month',
      interval_count: 1,
      included_microcredits_per_cycle: 0,
      period_start_time: '2026-01-01T00:00:00Z',
      period_end_time: '2026-02-01T00:00:00Z',
      cancel_time: null,
      pending_change: null,
      grace_end_time: null,
      payment_failure_code: null,
      payment_url: null,
      fallback_plan_code: 'free',
      start_time: '2026-01-01T00:00:00Z',
      end_time: null,
      discounts: [],
      ...more,
    },
  };
}

describe('the catalog', () => {
  it('is shown as tiers by rank, an annual variant with its monthly one', () => {
    expect(toTiers(PLANS).map(({ month, year }) => [month.plan_code, year?.plan_code])).toEqual([
      ['free', undefined],
      ['pro', 'pro_annual'],
      ['plus', undefined],
    ]);
  });

  it('says what a year saves, rounded down', () => {
    expect(annualSaving({ month: PRO, year: PRO_ANNUAL })).toBe(16);
    expect(annualSaving({ month: FREE, year: undefined })).toBe(0);
  });
});

describe('what can be done with a plan', () => {
  it.each([
    ['a trial, by whoever had none', PRO, NEVER_PAID, 'trial'],
    ['nothing, where it is the own one', FREE, NEVER_PAID, 'current'],
    ['a purchase', PLUS, NEVER_PAID, 'subscribe'],
    ['an upgrade to a higher rank', PLUS, on('pro'), 'upgrade'],
    ['an upgrade to the same by the year', PRO_ANNUAL, on('pro'), 'upgrade'],
    ['a change that waits', PRO, on('plus'), 'downgrade'],
    ['a cancellation', FREE, on('pro'), 'free'],
    ['keeping what is canceled', PRO, on('pro', { cancel_time: '2026-02-01T00:00:00Z' }), 'resume'],
    ['nothing where it follows anyway', FREE, on('pro', { cancel_time: '2026-02-01T00:00:00Z' }), 'pending'],
    ['a purchase after an end', PRO, { ...on('pro', { status: 'ended' }), trial: null }, 'trial'],
  ] as const)('%s', (_what, wanted, state, offer) => {
    expect(computeOffer(wanted, state, PLANS)).toBe(offer);
  });
});
