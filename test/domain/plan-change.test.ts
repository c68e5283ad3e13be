// What going to another plan is, and what it does to each bucket: the same for a preview as for the change.

import { describe, expect, it } from 'vitest';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { computePlanChange, type PlanChangeKind, type PlanTarget } from '../../kernel/domain/plan-change.ts';
import type { SubscriptionFacts } from '../../kernel/domain/subscription.ts';
import { debit, FALLBACK_PLAN, giveGrant, PLAN, START, startTrial } from './support/command.ts';
import { changed, day, FollowingAccount, factsOf, MAX, PRO, period, RULES, termsOf } from './support/subscription.ts';

/** The rank of PRO, which the accounts of these tests have. */
const RANK = 2;

function target(
  planCode: string,
  rank: number,
  includedPerCycle: bigint,
  interval: 'month' | 'year' = 'month',
): PlanTarget {
  return { planCode: planCode as PlanCode, terms: { rank, interval, intervalCount: 1, includedPerCycle } };
}

const FREE: PlanTarget = { planCode: FALLBACK_PLAN };
const SAME = target(PLAN, RANK, 100n);
const HIGHER = target('max', 3, 400n);
const LOWER = target('lite', 1, 40n);
const EQUAL = target('equal', RANK, 100n);
const ANNUAL = target('pro-annual', RANK, 1_000n, 'year');
const LOWER_ANNUAL = target('lite-annual', 1, 500n, 'year');
const CANCELED: Partial<SubscriptionFacts> = { cancelAt: day(30) };
const WAITING: Partial<SubscriptionFacts> = { pending: { terms: termsOf('lite', 40n), effectiveAt: day(30) } };

/** An account that has PRO of which 20 are used, 10 PAYG, and 7 included by an operator, which no plan touches. */
function subscribed(fields: Partial<SubscriptionFacts> = {}): FollowingAccount {
  const account = new FollowingAccount(giveGrant('payg', 10n), giveGrant('gift', 7n, { bucket: 'included' }));
  account.sync(START, factsOf({ rules: { ...RULES, rolloverLimit: 30n } }));
  account.do(day(1), debit('20'));
  account.sync(day(2), factsOf(fields));
  return account;
}

interface Row {
  readonly name: string;
  readonly has?: Partial<SubscriptionFacts>;
  readonly to: PlanTarget;
  readonly kind: PlanChangeKind | undefined;
  readonly onDay?: number;
  readonly included?: bigint;
}

const ROWS: readonly Row[] = [
  {
    name: 'a plan of higher rank, at once and for the rest of the period',
    to: HIGHER,
    kind: 'upgrade',
    included: 237n,
  },
  {
    name: 'a plan of higher rank by longer cycles, at once and anew',
    to: target('max-annual', 3, 4_000n, 'year'),
    kind: 'upgrade',
    included: 4_007n,
  },
  { name: 'the same rank by the year, at once and anew', to: ANNUAL, kind: 'upgrade', onDay: 15, included: 1_007n },
  { name: 'a plan of lower rank, later, with what rolls over', to: LOWER, kind: 'downgrade', onDay: 30, included: 77n },
  { name: 'a plan of lower rank by the year, later', to: LOWER_ANNUAL, kind: 'downgrade', onDay: 30, included: 537n },
  { name: 'another plan of the same rank, later', to: EQUAL, kind: 'downgrade', onDay: 30, included: 137n },
  { name: 'the fallback plan, later, with nothing included', to: FREE, kind: 'cancellation', onDay: 30, included: 7n },
  { name: 'its own plan', to: SAME, kind: undefined },
  { name: 'its own plan, while it is to end', has: CANCELED, to: SAME, kind: 'resumption', included: 87n },
  { name: 'its own plan, while another waits', has: WAITING, to: SAME, kind: 'resumption', included: 87n },
  { name: 'the fallback plan, to which it goes already', has: CANCELED, to: FREE, kind: undefined },
  {
    name: 'the fallback plan instead of what waits',
    has: WAITING,
    to: FREE,
    kind: 'cancellation',
    onDay: 30,
    included: 7n,
  },
  { name: 'the plan that waits', has: WAITING, to: LOWER, kind: undefined },
  { name: 'another plan than what waits', has: WAITING, to: EQUAL, kind: 'downgrade', onDay: 30, included: 137n },
  {
    name: 'a plan of lower rank while it is to end',
    has: CANCELED,
    to: LOWER,
    kind: 'downgrade',
    onDay: 30,
    included: 77n,
  },
  { name: 'a plan of higher rank while another waits', has: WAITING, to: HIGHER, kind: 'upgrade', included: 237n },
];

describe('computePlanChange', () => {
  it.each(ROWS)('from a plan to $name', ({ has = {}, to, kind, onDay = 15, included = 0n }) => {
    const { state } = subscribed(has);
    const change = computePlanChange(state, to, { rank: RANK, now: day(15) });
    expect(change?.kind).toBe(kind);
    if (change === undefined) return;
    expect(change).toEqual({
      kind,
      effectiveAt: day(onDay),
      buckets: [
        { bucket: 'trial', before: 0n, after: 0n },
        { bucket: 'included', before: 87n, after: included },
        { bucket: 'payg', before: 10n, after: 10n },
      ],
    });
  });

  it.each([
    ['year', 1, 'month', 1, 'downgrade'],
    ['year', 1, 'month', 11, 'downgrade'],
    ['year', 1, 'month', 12, 'upgrade'],
    ['year', 1, 'year', 1, 'upgrade'],
    ['year', 2, 'year', 1, 'downgrade'],
    ['month', 3, 'month', 1, 'downgrade'],
    ['month', 3, 'year', 1, 'upgrade'],
    ['month', 24, 'year', 1, 'downgrade'],
  ] as const)('from %s × %i to a higher rank by %s × %i is of kind %s', (interval, count, to, toCount, kind) => {
    const account = new FollowingAccount();
    account.sync(START, factsOf({ terms: { ...PRO, interval, intervalCount: count } }));
    const terms = { rank: 3, interval: to, intervalCount: toCount, includedPerCycle: 400n };
    const change = computePlanChange(account.state, { planCode: HIGHER.planCode, terms }, { rank: RANK, now: day(15) });
    expect(change).toMatchObject({ kind, effectiveAt: kind === 'upgrade' ? day(15) : day(30) });
    // Nor is the same rank from monthly to annual one, where the year is the shorter cycle.
    const same = computePlanChange(
      account.state,
      { planCode: HIGHER.planCode, terms: { ...terms, rank: RANK } },
      { rank: RANK, now: day(15) },
    );
    expect(same?.kind).toBe(interval === 'month' && to === 'year' ? kind : 'downgrade');
  });

  it('says what an upgrade that is paid does', () => {
    const account = subscribed();
    const change = computePlanChange(account.state, HIGHER, { rank: RANK, now: day(15) });
    account.sync(day(15), factsOf({ terms: MAX, changeInvoice: changed('paid', 15) }));
    expect(change?.buckets.find(({ bucket }) => bucket === 'included')?.after).toBe(account.state.totals.included);
  });

  it('says what a renewal at another plan does', () => {
    const account = subscribed();
    const change = computePlanChange(account.state, LOWER, { rank: RANK, now: day(15) });
    account.sync(day(30), factsOf({ ...period(2), terms: termsOf('lite', 40n) }));
    expect(change?.buckets.find(({ bucket }) => bucket === 'included')?.after).toBe(account.state.totals.included);
  });

  it.each([
    ['without a plan', () => new FollowingAccount(giveGrant('payg', 10n))],
    [
      'whose subscription has ended',
      () => {
        const account = new FollowingAccount(giveGrant('payg', 10n));
        account.sync(START, factsOf());
        account.sync(day(1), factsOf({ phase: 'ended' }));
        return account;
      },
    ],
  ])('from an account %s to a plan that is paid for is an activation', (_, open) => {
    const { state } = open();
    const change = computePlanChange(state, HIGHER, { rank: 0, now: day(2) });
    expect(change).toMatchObject({ kind: 'activation', effectiveAt: day(2) });
    expect(change?.buckets.map(({ after }) => after)).toEqual([0n, 400n, 10n]);
    expect(computePlanChange(state, FREE, { rank: 0, now: day(2) })).toBeUndefined();
  });

  it.each([
    [true, 0n],
    [false, 50n],
  ])('ends a trial with its activation; revoked: %s', (revokesUnused, trial) => {
    const account = new FollowingAccount(startTrial(50n, { endsAt: day(14), revokesUnused }));
    const change = computePlanChange(account.state, target(PLAN, RANK, PRO.includedPerCycle), { rank: 0, now: day(2) });
    expect(change?.buckets.map(({ after }) => after)).toEqual([trial, 100n, 0n]);
  });

  it('pays a deficit out of what is activated', () => {
    const { state } = new FollowingAccount(debit('30', { alreadyPerformed: true }));
    const change = computePlanChange(state, SAME, { rank: 0, now: day(2) });
    expect(change?.buckets.map(({ after }) => after)).toEqual([0n, 70n, 0n]);
  });
});
