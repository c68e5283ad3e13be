// How it stands with a plan whose payment failed, or that is canceled, or both: dates that are over are promised to nobody.

import { describe, expect, it } from 'vitest';
import type { Subscription, SubscriptionState } from '../../bff/console/src/api/type.ts';
import { computePlanStatus, findRenewalTime } from '../../bff/console/src/data/plan-status.ts';
import { describeCanceled, toCancelLines } from '../../bff/console/src/page/billing/cancel-line.ts';

const ACTIVE: Subscription = {
  stripe_subscription_id: 'sub_1',
  plan_code: 'pro',
  status: 'active',
  amount: 4_900,
  currency: 'usd',
  interval: 'month',
  interval_count: 1,
  included_microcredits_per_cycle: 100_000_000,
  period_start_time: '2026-12-12T12:00:00Z',
  period_end_time: '2027-01-12T12:00:00Z',
  cancel_time: null,
  pending_change: null,
  grace_end_time: null,
  payment_failure_code: null,
  payment_url: null,
  fallback_plan_code: 'free',
  start_time: '2026-12-12T12:00:00Z',
  end_time: null,
  discounts: [],
};
/** Its period is over, and the next one is not paid. */
const PAST_DUE: Subscription = {
  ...ACTIVE,
  status: 'past_due',
  grace_end_time: '2027-01-19T12:00:00Z',
  payment_failure_code: 'card_declined',
};
const CANCEL_TIME = '2027-02-12T12:00:00Z';

function stateOf(subscription: Subscription): SubscriptionState {
  return { plan_code: 'pro', subscription, trial: null, as_of_time: '2027-01-14T12:00:00Z' };
}

describe('how it stands with a plan', () => {
  it.each([
    ['active', ACTIVE],
    ['canceling', { ...ACTIVE, cancel_time: ACTIVE.period_end_time }],
    ['past_due', PAST_DUE],
    ['lapsing', { ...PAST_DUE, cancel_time: CANCEL_TIME }],
    ['renewing', { ...ACTIVE, status: 'renewal_pending' }],
    ['none', { ...PAST_DUE, status: 'ended' }],
  ] as const)('is %s', (kind, subscription) => {
    expect(computePlanStatus(stateOf(subscription)).kind).toBe(kind);
  });

  it.each([
    ['active', ACTIVE, ACTIVE.period_end_time],
    ['canceled', { ...ACTIVE, cancel_time: ACTIVE.period_end_time }, undefined],
    ['past due', PAST_DUE, undefined],
    ['about to renew', { ...ACTIVE, status: 'renewal_pending' }, undefined],
  ] as const)('promises new credits only where it is certain: %s', (_words, subscription, time) => {
    expect(findRenewalTime(stateOf(subscription))).toBe(time);
  });
});

describe('what is told of a cancellation', () => {
  it('is the end of the period, after which nothing more is charged', () => {
    expect(toCancelLines(ACTIVE, undefined)[0]).toBe(
      'You keep the plan and its credits until Jan 12, 2027. Nothing more is charged.',
    );
    expect(describeCanceled(ACTIVE)).toMatch(/stays until the end of the period/);
  });

  it.each([
    ['failed', PAST_DUE],
    ['is pending', { ...ACTIVE, status: 'renewal_pending' }],
  ] as const)(
    'is that the invoice stays open where its payment %s, and no day that is over',
    (_words, subscription) => {
      const words = toCancelLines(subscription, undefined).join('\n');
      expect(words).toMatch(/It stays open: it is charged when/);
      expect(words).not.toContain('Jan 12, 2027');
      expect(describeCanceled(subscription)).toMatch(/still to be paid/);
    },
  );

  it('is until when the open invoice can be paid', () => {
    expect(toCancelLines(PAST_DUE, undefined).join('\n')).toContain('the plan ends on Jan 19, 2027');
  });
});
