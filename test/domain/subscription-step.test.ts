// What becomes of a subscription, step by step: what Stripe shows, what time does, and what both do to credits.

import { describe, expect, it } from 'vitest';
import { describeEntry } from '../../kernel/app/usage/entry-sentence.ts';
import { computeNextDueAt, findInconsistency, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { ACTIVE_GRANTS_MAX, MICROCREDITS_MAX } from '../../kernel/domain/bound.ts';
import { keysOf } from '../../kernel/domain/commit.ts';
import type { RunningDiscount } from '../../kernel/domain/discount.ts';
import type { SubscriptionChange } from '../../kernel/domain/entry.ts';
import { evolve } from '../../kernel/domain/evolve.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { isLive, listSubscriptionTimes, type SubscriptionFacts } from '../../kernel/domain/subscription.ts';
import {
  computeProratedRaise,
  computeSubscriptionDue,
  listSubscriptionDueTimes,
} from '../../kernel/domain/subscription-step.ts';
import {
  debit,
  FALLBACK_PLAN,
  giveGrant,
  hold,
  PLAN,
  play,
  release,
  reserve,
  reverse,
  START,
  settle,
  startTrial,
  undoable,
} from './support/command.ts';
import {
  applySubscription,
  changed,
  day,
  FollowingAccount,
  factsOf,
  invoice,
  MAX,
  PRO,
  period,
  RULES,
  termsOf,
} from './support/subscription.ts';

const KEEP = { ...RULES, pastDueEnd: 'keep' as const };
const NO_GRACE = { ...RULES, graceMs: 0 };
const ANNUAL = termsOf('pro-annual', 1_000n, { interval: 'year' });
const LITE = termsOf('lite', 40n);
const UPGRADED = factsOf({ terms: MAX, changeInvoice: changed('paid', 15) });
/** Upgraded, and read for the first time after that: the period was paid at the price before. */
const UPGRADED_UNSEEN = { ...UPGRADED, cycleInvoice: { ...invoice('paid'), includedPerCycle: 100n } };
const RENEWED = factsOf(period(2));
const FAILED = factsOf({ ...period(2, 'failed'), isUnpaid: true, failureCode: 'card_declined' });
const ENDED = factsOf({ phase: 'ended', endedAt: day(20) });
const CONTRACT = { isContract: true, ...period(1, 'open') };

/** What was seen on which day. */
type Seen = readonly [days: number, facts: SubscriptionFacts];

interface Row {
  readonly name: string;
  readonly before?: readonly Seen[];
  readonly seen: Seen;
  readonly changes: readonly SubscriptionChange[];
  /** Afterwards. */
  readonly plan?: string;
  readonly included: bigint;
  readonly subscription?: Readonly<Record<string, unknown>> | undefined;
}

function follow(before: readonly Seen[], account = new FollowingAccount()): FollowingAccount {
  for (const [days, facts] of before) account.sync(day(days), facts);
  return account;
}

/** What was decided is what its history gives, and nothing of it happened twice. */
function assertSound({ state, entries }: FollowingAccount): void {
  expect(findInconsistency(state)).toBeUndefined();
  expect(entries.reduce(evolve, UNOPENED_ACCOUNT)).toEqual(state);
  const keys = keysOf({ entries });
  expect(new Set(keys).size).toBe(keys.length);
}

/** What a subscription may lack. */
const UNSET = {
  ...{ cancelAt: undefined, pending: undefined, failureCode: undefined, graceEndsAt: undefined },
  ...{ lapsedAt: undefined, endedAt: undefined, endedBy: undefined, discounts: undefined },
};

const STARTED: readonly Seen[] = [[0, factsOf()]];
const LOST: readonly Seen[] = [...STARTED, [30.1, FAILED], [33.5, FAILED]];
const UNPAID_UPGRADE = {
  ...UPGRADED,
  isUnpaid: true,
  failureCode: 'card_declined',
  changeInvoice: changed('failed', 15),
};
const EIGHTH: RunningDiscount = {
  reduction: { kind: 'percent', percent: { millionths: 12_500_000n } },
  ...{ duration: 'repeating', durationMonths: 3, endsAt: day(90) },
};
const DOLLAR: RunningDiscount = {
  reduction: { kind: 'amount', minorUnits: 100n, currency: 'usd' },
  duration: 'once',
};
const CANCELED = factsOf({ cancelAt: day(10) });
const CANCELED_WITH_PERIOD: readonly Seen[] = [...STARTED, [5, factsOf({ cancelAt: day(30) })]];
const UNPAID_HERE = factsOf({ isUnpaid: true });
/** A payment inside of the period is missing since the 14th, and is waited for until the 17th: the end comes first. */
const OWING_AND_CANCELED: readonly Seen[] = [
  ...STARTED,
  [14, UNPAID_HERE],
  [15, factsOf({ isUnpaid: true, cancelAt: day(16) })],
];
const WAITING = factsOf({ pending: { terms: LITE, effectiveAt: day(30) } });
const ON_ANNUAL = factsOf({
  ...{ terms: ANNUAL, periodStart: day(15), periodEnd: day(380), cycleInvoice: invoice('paid', 'in_annual') },
});

const STARTS: readonly Row[] = [
  {
    name: 'its first period is paid',
    seen: [0, factsOf()],
    changes: ['started'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'active', paidAllowance: 100n, periodEnd: day(30), startedAt: START },
  },
  {
    name: 'it is seen late in its first period',
    seen: [29, factsOf()],
    changes: ['started'],
    plan: PLAN,
    included: 100n,
  },
  ...(['none', 'draft', 'open', 'failed'] as const).map(
    (state): Row => ({
      name: `its first invoice is ${state}`,
      seen: [0, factsOf({ cycleInvoice: invoice(state) })],
      changes: [],
      included: 0n,
      subscription: undefined,
    }),
  ),
  { name: 'it is incomplete', seen: [0, factsOf({ phase: 'incomplete' })], changes: [], included: 0n },
  { name: 'it has ended', seen: [20, ENDED], changes: [], included: 0n },
  { name: 'its period is over', seen: [30, factsOf()], changes: [], included: 0n },
  { name: 'its cancellation is due', seen: [10, CANCELED], changes: [], included: 0n },
  {
    name: 'it costs nothing',
    seen: [0, factsOf({ terms: { ...PRO, minorUnits: 0n } })],
    changes: ['started'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'it includes nothing',
    seen: [0, factsOf({ terms: { ...PRO, includedPerCycle: 0n } })],
    changes: ['started'],
    plan: PLAN,
    included: 0n,
  },
  {
    name: 'it is a contract whose invoice is open',
    seen: [0, factsOf(CONTRACT)],
    changes: ['started'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'it is a contract that is behind',
    seen: [0, factsOf({ ...CONTRACT, isUnpaid: true })],
    changes: [],
    included: 0n,
  },
  {
    name: 'it was upgraded before anybody saw it',
    seen: [16, UPGRADED_UNSEEN],
    changes: ['started', 'allowance_raised'],
    plan: 'max',
    included: 250n,
    subscription: { paidAllowance: 400n },
  },
  {
    name: 'it was upgraded before anybody saw it, and the upgrade is not paid',
    seen: [16, { ...UPGRADED_UNSEEN, changeInvoice: changed('open', 15) }],
    changes: ['started'],
    plan: 'max',
    included: 100n,
    subscription: { paidAllowance: 100n },
  },
  {
    name: 'another one runs',
    before: STARTED,
    seen: [1, factsOf({ stripeSubscriptionId: 'sub_2', terms: MAX })],
    changes: [],
    plan: PLAN,
    included: 100n,
    subscription: { stripeSubscriptionId: 'sub_1' },
  },
  {
    name: 'the one before has ended',
    before: [...STARTED, [20, ENDED]],
    seen: [21, factsOf({ stripeSubscriptionId: 'sub_2', terms: MAX })],
    changes: ['started'],
    plan: 'max',
    included: 400n,
    subscription: { stripeSubscriptionId: 'sub_2', lapsedAt: day(21) },
  },
];

const PERIODS: readonly Row[] = [
  { name: 'nothing is new', before: STARTED, seen: [1, factsOf()], changes: [], plan: PLAN, included: 100n },
  {
    name: 'the next period is paid before this one ends here',
    before: STARTED,
    seen: [29.9, RENEWED],
    changes: ['renewed'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'active', periodEnd: day(60), startedAt: START, lapsedAt: day(29.9) },
  },
  {
    name: 'the next period is paid',
    before: STARTED,
    seen: [30.05, RENEWED],
    changes: ['renewal_pending', 'renewed'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'it has been renewed',
    before: [...STARTED, [30.05, RENEWED]],
    seen: [31, RENEWED],
    changes: [],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'an older period was read',
    before: [...STARTED, [30.05, RENEWED]],
    seen: [31, factsOf({ isUnpaid: true, cancelAt: day(40), terms: MAX })],
    changes: [],
    plan: PLAN,
    included: 100n,
  },
  ...(['none', 'draft', 'open'] as const).map(
    (state): Row => ({
      name: `the invoice of the next period is ${state}`,
      before: STARTED,
      seen: [30.05, factsOf(period(2, state))],
      changes: ['renewal_pending'],
      plan: PLAN,
      included: 100n,
      subscription: { status: 'renewal_pending', graceEndsAt: day(33), periodEnd: day(30) },
    }),
  ),
  {
    name: 'Stripe has not seen the end of the period yet',
    before: STARTED,
    seen: [30, factsOf()],
    changes: ['renewal_pending'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'no invoice comes to a result within the grace',
    before: STARTED,
    seen: [33, factsOf(period(2, 'draft'))],
    changes: ['renewal_pending', 'ended'],
    included: 0n,
    subscription: { status: 'ended', endedBy: 'time', endedAt: day(33) },
  },
  {
    name: 'no invoice comes to a result, and the plan is kept',
    before: [[0, factsOf({ rules: KEEP })]],
    seen: [59, factsOf({ ...period(2, 'open'), rules: KEEP })],
    changes: ['renewal_pending'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'no invoice comes to a result for less than a day, without grace',
    before: [[0, factsOf({ rules: NO_GRACE })]],
    seen: [30.99, factsOf({ ...period(2, 'draft'), rules: NO_GRACE })],
    changes: ['renewal_pending'],
    plan: PLAN,
    included: 100n,
    subscription: { graceEndsAt: day(31) },
  },
  {
    name: 'no invoice comes to a result for a day, without grace',
    before: [[0, factsOf({ rules: NO_GRACE })]],
    seen: [31, factsOf({ ...period(2, 'draft'), rules: NO_GRACE })],
    changes: ['renewal_pending', 'ended'],
    included: 0n,
  },
  {
    name: 'a period was missed',
    before: STARTED,
    seen: [61, factsOf(period(3))],
    changes: ['renewal_pending', 'ended', 'started'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'the renewal costs nothing',
    before: STARTED,
    seen: [30, factsOf({ ...period(2), terms: { ...PRO, minorUnits: 0n } })],
    changes: ['renewal_pending', 'renewed'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'the renewed period was upgraded before anybody saw it',
    before: STARTED,
    seen: [
      46,
      factsOf({
        ...period(2),
        cycleInvoice: { ...invoice('paid', 'in_2'), includedPerCycle: 100n },
        terms: MAX,
        changeInvoice: changed('paid', 45),
      }),
    ],
    changes: ['renewal_pending', 'ended', 'started', 'allowance_raised'],
    plan: 'max',
    included: 250n,
  },
  {
    name: 'the next period of a contract begins, which nobody has paid',
    before: [[0, factsOf(CONTRACT)]],
    seen: [30.1, factsOf({ ...CONTRACT, ...period(2, 'open') })],
    changes: ['renewal_pending', 'renewed'],
    plan: PLAN,
    included: 100n,
  },
];

const FAILURES: readonly Row[] = [
  {
    name: 'the renewal failed',
    before: STARTED,
    seen: [30.1, FAILED],
    changes: ['renewal_pending', 'payment_failed'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'past_due', graceEndsAt: day(33), failureCode: 'card_declined' },
  },
  {
    name: 'the renewal failed before the period ended here',
    before: STARTED,
    seen: [29.99, FAILED],
    changes: ['payment_failed'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'the renewal failed for another reason',
    before: [...STARTED, [30.1, FAILED]],
    seen: [31, { ...FAILED, failureCode: 'expired_card' }],
    changes: ['updated'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'past_due', failureCode: 'expired_card', graceEndsAt: day(33) },
  },
  {
    name: 'the renewal was paid within the grace',
    before: [...STARTED, [30.1, FAILED]],
    seen: [32.9, RENEWED],
    changes: ['renewed'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'active', failureCode: undefined, graceEndsAt: undefined },
  },
  {
    name: 'the grace is over',
    before: [...STARTED, [30.1, FAILED]],
    seen: [33, FAILED],
    changes: ['ended'],
    included: 0n,
    subscription: { status: 'ended', endedBy: 'time', endedAt: day(33), lapsedAt: day(33) },
  },
  {
    name: 'the grace is over, and the plan is kept',
    before: [
      [0, factsOf({ rules: KEEP })],
      [30.1, FAILED],
    ],
    seen: [59, FAILED],
    changes: [],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'past_due' },
  },
  {
    name: 'the renewal failed without any grace',
    before: [[0, factsOf({ rules: NO_GRACE })]],
    seen: [30.1, { ...FAILED, rules: NO_GRACE }],
    changes: ['renewal_pending', 'payment_failed', 'ended'],
    included: 0n,
    subscription: { endedAt: day(30) },
  },
  {
    name: 'it is paid after the grace',
    before: LOST,
    seen: [34, RENEWED],
    changes: ['started'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'active', endedAt: undefined, endedBy: undefined, lapsedAt: day(34) },
  },
  {
    name: 'it was paid after the grace, and is read again',
    before: [...LOST, [34, RENEWED]],
    seen: [35, RENEWED],
    changes: [],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'it is paid after the grace, for a period that is over',
    before: LOST,
    seen: [60, RENEWED],
    changes: [],
    included: 0n,
  },
  {
    name: 'a later period is paid',
    before: LOST,
    seen: [60, factsOf(period(3))],
    changes: ['started'],
    plan: PLAN,
    included: 100n,
  },
  { name: 'it is still not paid after the grace', before: LOST, seen: [40, FAILED], changes: [], included: 0n },
  {
    name: 'a contract is behind',
    before: [[0, factsOf(CONTRACT)]],
    seen: [20, factsOf({ ...CONTRACT, isUnpaid: true })],
    changes: ['payment_failed'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'past_due', graceEndsAt: day(23) },
  },
  {
    name: 'a contract is paid within the grace',
    before: [
      [0, factsOf(CONTRACT)],
      [20, factsOf({ ...CONTRACT, isUnpaid: true })],
    ],
    seen: [21, factsOf({ isContract: true })],
    changes: ['recovered'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'a contract is paid after the grace: its credits were given before',
    before: [
      [0, factsOf(CONTRACT)],
      [20, factsOf({ ...CONTRACT, isUnpaid: true })],
    ],
    seen: [24, factsOf({ isContract: true })],
    changes: ['ended', 'started'],
    plan: PLAN,
    included: 0n,
    subscription: { status: 'active', endedBy: undefined },
  },
  {
    name: 'it recovered after its period ended',
    before: [...STARTED, [29.9, factsOf({ isUnpaid: true })]],
    seen: [30.1, factsOf()],
    changes: ['recovered'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'renewal_pending', graceEndsAt: day(33) },
  },
  {
    name: 'it failed and recovered while its renewal was pending',
    before: [...STARTED, [30.01, factsOf({ isUnpaid: true })]],
    seen: [30.02, factsOf()],
    changes: ['recovered'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'renewal_pending', graceEndsAt: day(33) },
  },
];

const CHANGES: readonly Row[] = [
  {
    name: 'an upgrade is paid',
    before: STARTED,
    seen: [15, UPGRADED],
    changes: ['plan_changed'],
    plan: 'max',
    included: 250n,
    subscription: { paidAllowance: 400n, periodEnd: day(30) },
  },
  {
    name: 'an upgrade is seen long after it was paid',
    before: STARTED,
    seen: [29, UPGRADED],
    changes: ['plan_changed'],
    plan: 'max',
    included: 250n,
  },
  {
    name: 'an upgrade was followed',
    before: [...STARTED, [15, UPGRADED]],
    seen: [16, UPGRADED],
    changes: [],
    plan: 'max',
    included: 250n,
  },
  {
    name: 'an upgrade is not paid yet',
    before: STARTED,
    seen: [15, { ...UPGRADED, changeInvoice: changed('open', 15) }],
    changes: ['plan_changed'],
    plan: 'max',
    included: 100n,
    subscription: { status: 'active', paidAllowance: 100n },
  },
  {
    name: 'an upgrade is paid later',
    before: [...STARTED, [15, { ...UPGRADED, changeInvoice: changed('open', 15) }]],
    seen: [20, UPGRADED],
    changes: ['allowance_raised'],
    plan: 'max',
    included: 250n,
  },
  {
    name: 'the payment of an upgrade failed',
    before: STARTED,
    seen: [15, UNPAID_UPGRADE],
    changes: ['plan_changed', 'updated'],
    plan: 'max',
    included: 100n,
    subscription: { status: 'past_due', graceEndsAt: day(18), failureCode: 'card_declined', paidAllowance: 100n },
  },
  {
    name: 'an upgrade that failed is paid within the grace',
    before: [...STARTED, [15, UNPAID_UPGRADE]],
    seen: [17, UPGRADED],
    changes: ['allowance_raised', 'recovered'],
    plan: 'max',
    included: 250n,
    subscription: { status: 'active', failureCode: undefined },
  },
  {
    name: 'an upgrade that failed is paid after the grace, when what the period had is gone',
    before: [...STARTED, [15, UNPAID_UPGRADE]],
    seen: [19, UPGRADED],
    changes: ['ended', 'started', 'allowance_raised'],
    plan: 'max',
    included: 150n,
  },
  {
    name: 'an upgrade is upgraded',
    before: [...STARTED, [15, UPGRADED]],
    seen: [24, factsOf({ terms: termsOf('top', 1_000n), changeInvoice: changed('paid', 24, 'in_top') })],
    changes: ['plan_changed'],
    plan: 'top',
    included: 370n,
  },
  {
    name: 'an upgrade holds from the end of the period on',
    before: STARTED,
    seen: [29, { ...UPGRADED, changeInvoice: changed('paid', 30) }],
    changes: ['plan_changed'],
    plan: 'max',
    included: 100n,
    subscription: { paidAllowance: 400n },
  },
  {
    name: 'a change of price is paid that includes no more',
    before: STARTED,
    seen: [15, factsOf({ changeInvoice: changed('paid', 15) })],
    changes: [],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'somebody downgrades it at Stripe, inside of its period',
    before: STARTED,
    seen: [15, factsOf({ terms: LITE, changeInvoice: changed('paid', 15) })],
    changes: ['plan_changed'],
    plan: 'lite',
    included: 100n,
    subscription: { paidAllowance: 100n, includedPerCycle: 40n },
  },
  {
    name: 'a downgrade inside of its period was taken back',
    before: [...STARTED, [15, factsOf({ terms: LITE, changeInvoice: changed('paid', 15) })]],
    seen: [16, factsOf({ changeInvoice: changed('paid', 16, 'in_back') })],
    changes: ['plan_changed'],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'a change waits for the end of its period',
    before: STARTED,
    seen: [15, WAITING],
    changes: ['updated'],
    plan: PLAN,
    included: 100n,
    subscription: { pending: { terms: LITE, effectiveAt: day(30) } },
  },
  {
    name: 'a change that waits was seen',
    before: [...STARTED, [15, WAITING]],
    seen: [16, structuredClone(WAITING)],
    changes: [],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'a discount comes',
    before: STARTED,
    seen: [1, factsOf({ discounts: [EIGHTH] })],
    changes: ['updated'],
    plan: PLAN,
    included: 100n,
    subscription: { discounts: [EIGHTH] },
  },
  {
    name: 'the same discounts are seen again',
    before: [[0, factsOf({ discounts: [EIGHTH, DOLLAR] })]],
    seen: [1, factsOf({ discounts: structuredClone([EIGHTH, DOLLAR]) })],
    changes: [],
    plan: PLAN,
    included: 100n,
    subscription: { discounts: [EIGHTH, DOLLAR] },
  },
  ...[
    [DOLLAR, EIGHTH],
    [EIGHTH, { ...DOLLAR, endsAt: day(9) }],
    [EIGHTH, { ...EIGHTH, durationMonths: 2 }],
  ].map(
    (discounts): Row => ({
      name: 'other discounts are seen',
      before: [[0, factsOf({ discounts: [EIGHTH, DOLLAR] })]],
      seen: [1, factsOf({ discounts })],
      changes: ['updated'],
      plan: PLAN,
      included: 100n,
      subscription: { discounts },
    }),
  ),
  {
    name: 'a discount that was for one invoice is used up by the renewal',
    before: [[0, factsOf({ discounts: [DOLLAR] })]],
    seen: [30, factsOf(period(2))],
    changes: ['renewal_pending', 'renewed'],
    plan: PLAN,
    included: 100n,
    subscription: { discounts: undefined },
  },
  {
    name: 'it ends, and its discounts with it',
    before: [[0, factsOf({ discounts: [EIGHTH] })]],
    seen: [20, factsOf({ phase: 'ended', discounts: [EIGHTH] })],
    changes: ['ended'],
    plan: 'free',
    included: 0n,
    subscription: { discounts: undefined },
  },
  {
    name: 'another change waits',
    before: [...STARTED, [15, WAITING]],
    seen: [16, factsOf({ pending: { terms: MAX, effectiveAt: day(30) } })],
    changes: ['updated'],
    plan: PLAN,
    included: 100n,
    subscription: { pending: { terms: MAX, effectiveAt: day(30) } },
  },
  {
    name: 'a change that waited is taken back',
    before: [...STARTED, [15, WAITING]],
    seen: [16, factsOf()],
    changes: ['updated'],
    plan: PLAN,
    included: 100n,
    subscription: { pending: undefined },
  },
  {
    name: 'a change that waited is carried out',
    before: [...STARTED, [15, WAITING]],
    seen: [30, factsOf({ ...period(2), terms: LITE })],
    changes: ['renewal_pending', 'renewed'],
    plan: 'lite',
    included: 40n,
    subscription: { pending: undefined, paidAllowance: 40n },
  },
  {
    name: 'a change of interval is paid: the old cycle lapses, whatever it had left',
    before: [[0, factsOf({ rules: { ...RULES, rolloverLimit: 50n } })]],
    seen: [15, ON_ANNUAL],
    changes: ['renewed'],
    plan: 'pro-annual',
    included: 1_000n,
    subscription: { interval: 'year', periodStart: day(15), periodEnd: day(380) },
  },
  {
    name: 'a change of interval is not paid yet',
    before: STARTED,
    seen: [15, { ...ON_ANNUAL, cycleInvoice: invoice('open', 'in_annual') }],
    changes: [],
    plan: PLAN,
    included: 100n,
  },
  {
    name: 'the payment of a change of interval failed',
    before: STARTED,
    seen: [15, { ...ON_ANNUAL, cycleInvoice: invoice('failed', 'in_annual') }],
    changes: ['payment_failed'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'past_due', graceEndsAt: day(18), interval: 'month' },
  },
];

const ENDS: readonly Row[] = [
  {
    name: 'it is to end',
    before: STARTED,
    seen: [5, CANCELED],
    changes: ['updated'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'active', cancelAt: day(10) },
  },
  {
    name: 'its end is taken back',
    before: [...STARTED, [5, CANCELED]],
    seen: [6, factsOf()],
    changes: ['updated'],
    plan: PLAN,
    included: 100n,
    subscription: { cancelAt: undefined },
  },
  {
    name: 'its end has come',
    before: [...STARTED, [5, CANCELED]],
    seen: [10, CANCELED],
    changes: ['ended'],
    included: 0n,
    subscription: { status: 'ended', endedBy: 'time', endedAt: day(10) },
  },
  {
    name: 'it ends with its period',
    before: [...STARTED, [5, factsOf({ cancelAt: day(30) })]],
    seen: [30, factsOf({ cancelAt: day(30) })],
    changes: ['ended'],
    included: 0n,
  },
  {
    name: 'its end was taken back in time, and nobody saw it',
    before: [...STARTED, [5, CANCELED]],
    seen: [12, factsOf()],
    changes: ['ended', 'started'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'active', cancelAt: undefined, endedAt: undefined, lapsedAt: undefined },
  },
  {
    name: 'its end was put off, and nobody saw it',
    before: [...STARTED, [5, CANCELED]],
    seen: [12, factsOf({ cancelAt: day(20) })],
    changes: ['ended', 'started'],
    plan: PLAN,
    included: 100n,
    subscription: { cancelAt: day(20) },
  },
  {
    name: 'its end was put off, to a time that has come as well',
    before: [...STARTED, [5, CANCELED]],
    seen: [12, factsOf({ cancelAt: day(12) })],
    changes: ['ended'],
    included: 0n,
  },
  {
    name: 'its end was taken back, and it is not paid',
    before: [...STARTED, [5, CANCELED]],
    seen: [12, factsOf({ isUnpaid: true })],
    changes: ['ended', 'started', 'payment_failed'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'past_due', graceEndsAt: day(15) },
  },
  {
    name: 'its end with the period was taken back, and Stripe has not seen the end of that yet',
    before: CANCELED_WITH_PERIOD,
    seen: [30, factsOf()],
    changes: ['ended', 'started'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'renewal_pending', graceEndsAt: day(33), periodEnd: day(30) },
  },
  ...(['none', 'draft', 'open'] as const).map(
    (state): Row => ({
      name: `its end with the period was taken back, and the invoice of the next one is ${state}`,
      before: CANCELED_WITH_PERIOD,
      seen: [30.01, factsOf(period(2, state))],
      changes: ['ended', 'started'],
      plan: PLAN,
      included: 100n,
      subscription: { status: 'renewal_pending', graceEndsAt: day(33), periodEnd: day(30), cancelAt: undefined },
    }),
  ),
  {
    name: 'its end with the period was taken back, and the renewal failed',
    before: CANCELED_WITH_PERIOD,
    seen: [30.1, FAILED],
    changes: ['ended', 'started', 'payment_failed'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'past_due', graceEndsAt: day(33), failureCode: 'card_declined' },
  },
  {
    name: 'its end with the period was taken back, and the renewal is paid later',
    before: [...CANCELED_WITH_PERIOD, [30.01, factsOf(period(2, 'draft'))]],
    seen: [30.05, RENEWED],
    changes: ['renewed'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'active', startedAt: START, periodEnd: day(60) },
  },
  {
    name: 'its end with the period was taken back, and the grace of the renewal is over when that is seen',
    before: CANCELED_WITH_PERIOD,
    seen: [33, FAILED],
    changes: ['ended'],
    included: 0n,
    subscription: { endedBy: 'time', endedAt: day(30) },
  },
  {
    name: 'its end with the period was taken back, the renewal failed, and the plan is kept',
    before: [
      [0, factsOf({ rules: KEEP })],
      [5, factsOf({ rules: KEEP, cancelAt: day(30) })],
    ],
    seen: [50, { ...FAILED, rules: KEEP }],
    changes: ['ended', 'started', 'payment_failed'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'past_due' },
  },
  {
    name: 'its end was taken back, and the next period is to end, too',
    before: CANCELED_WITH_PERIOD,
    seen: [30.01, factsOf({ ...period(2, 'draft'), cancelAt: day(60) })],
    changes: ['ended', 'started'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'renewal_pending', cancelAt: day(60) },
  },
  {
    name: 'its end was taken back while a payment was missing, which it still is',
    before: OWING_AND_CANCELED,
    seen: [16.5, UNPAID_HERE],
    changes: ['ended', 'started'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'past_due', graceEndsAt: day(17), cancelAt: undefined },
  },
  {
    name: 'its end was taken back while a payment was missing, which was made',
    before: OWING_AND_CANCELED,
    seen: [16.5, factsOf()],
    changes: ['ended', 'started', 'recovered'],
    plan: PLAN,
    included: 100n,
    subscription: { status: 'active', graceEndsAt: undefined },
  },
  {
    name: 'its end was taken back while a payment was missing, which is too late when that is seen',
    before: OWING_AND_CANCELED,
    seen: [17, UNPAID_HERE],
    changes: ['ended'],
    included: 0n,
  },
  {
    name: 'it ended by its cancellation, and an older period is read',
    before: [...STARTED, [30.05, RENEWED], [31, factsOf({ ...period(2), cancelAt: day(40) })]],
    seen: [41, factsOf({ periodEnd: day(50) })],
    changes: ['ended'],
    included: 0n,
  },
  {
    name: 'it was ended at Stripe',
    before: STARTED,
    seen: [21, ENDED],
    changes: ['ended'],
    included: 0n,
    subscription: { status: 'ended', endedBy: 'stripe', endedAt: day(20), lapsedAt: day(21) },
  },
  {
    name: 'it was ended at Stripe, which says no time',
    before: STARTED,
    seen: [21, factsOf({ phase: 'ended' })],
    changes: ['ended'],
    included: 0n,
    subscription: { endedAt: day(21) },
  },
  {
    name: 'it ended here first, and then at Stripe',
    before: LOST,
    seen: [40, factsOf({ phase: 'ended', endedAt: day(39) })],
    changes: ['ended'],
    included: 0n,
    subscription: { endedBy: 'stripe', endedAt: day(33), lapsedAt: day(33) },
  },
  ...[factsOf(), UPGRADED, RENEWED, FAILED, ENDED, factsOf(period(2, 'draft'))].map(
    (facts, index): Row => ({
      name: `it has ended at Stripe, and something else is told of it (${index + 1})`,
      before: [...STARTED, [20, ENDED]],
      seen: [21, facts],
      changes: [],
      included: 0n,
      subscription: { endedBy: 'stripe' },
    }),
  ),
  {
    name: 'it has ended at Stripe after it ended here',
    before: [...LOST, [34, ENDED]],
    seen: [35, RENEWED],
    changes: [],
    included: 0n,
  },
  {
    name: 'it is incomplete all of a sudden',
    before: STARTED,
    seen: [1, factsOf({ phase: 'incomplete' })],
    changes: [],
    plan: PLAN,
    included: 100n,
  },
];

describe.each([
  ['whether it starts', STARTS],
  ['its periods', PERIODS],
  ['its payments', FAILURES],
  ['its price', CHANGES],
  ['its end', ENDS],
])('a subscription, %s', (_, rows) => {
  it.each(rows)(
    'where $name',
    ({ before = [], seen: [days, facts], changes, plan = FALLBACK_PLAN, included, subscription }) => {
      const account = follow(before);
      expect(account.sync(day(days), facts)).toEqual(changes);
      expect(account.state).toMatchObject({ planCode: plan, totals: { included, trial: 0n, payg: 0n, deficit: 0n } });
      if (subscription !== undefined) expect({ ...UNSET, ...account.subscription }).toMatchObject(subscription);
      expect(account.entries.map((entry) => describeEntry(entry)).every((text) => text.length > 0)).toBe(true);
      assertSound(account);
    },
  );
});

describe('of two subscriptions that Stripe shows, the older one', () => {
  const OTHER = factsOf({
    ...{ stripeSubscriptionId: 'sub_2', startedAt: day(11), periodStart: day(11), periodEnd: day(41) },
    cycleInvoice: invoice('paid', 'in_other'),
  });
  const OTHER_ENDED: SubscriptionFacts = { ...OTHER, phase: 'ended', endedAt: day(15) };
  const OTHER_CANCELED = { ...OTHER, cancelAt: day(15) };
  /** It ended here by time, though not at Stripe; another one ran since. */
  const OVERTAKEN: readonly Seen[] = [...STARTED, [5, CANCELED], [11, CANCELED], [11, OTHER]];
  const BACK: readonly Seen[] = [...OVERTAKEN, [15, OTHER_ENDED]];

  it('goes on where the other has ended, and its credits are not given again', () => {
    const account = follow(BACK);
    expect(account.sync(day(16), factsOf())).toEqual(['started']);
    expect(account.state).toMatchObject({ planCode: PLAN, totals: { included: 0n } });
    expect(account.subscription).toMatchObject({
      stripeSubscriptionId: 'sub_1',
      status: 'active',
      paidAllowance: 100n,
    });
    expect(account.sync(day(16), factsOf())).toEqual([]);
    expect(account.sync(day(30.1), RENEWED)).toEqual(['renewal_pending', 'renewed']);
    expect(account.state.totals.included).toBe(100n);
    assertSound(account);
  });

  it('is as the other to it, however often they take turns', () => {
    const account = follow([...OVERTAKEN, [12, OTHER_CANCELED]]);
    for (const days of [15, 17, 19]) {
      expect(account.sync(day(days), factsOf({ cancelAt: day(days + 1) }))).toEqual(['ended', 'started']);
      expect(account.sync(day(days + 1), { ...OTHER, cancelAt: day(days + 2) })).toEqual(['ended', 'started']);
    }
    expect(account.state.totals.included).toBe(0n);
    assertSound(account);
  });

  it('is given what was paid for meanwhile, once: an upgrade, a period', () => {
    const upgraded = follow(BACK);
    expect(upgraded.sync(day(16), UPGRADED)).toEqual(['started', 'allowance_raised']);
    expect(upgraded.state).toMatchObject({ planCode: 'max', totals: { included: 150n } });
    assertSound(upgraded);
    const before = follow([...STARTED, [15, UPGRADED], [16, { ...UPGRADED, cancelAt: day(17) }], [18, OTHER]]);
    before.sync(day(19), { ...OTHER_ENDED, endedAt: day(19) });
    expect(before.sync(day(20), UPGRADED)).toEqual(['started']);
    expect(before.state).toMatchObject({ planCode: 'max', totals: { included: 0n } });
    assertSound(before);
    const renewed = follow(BACK);
    expect(renewed.sync(day(31), RENEWED)).toEqual(['started']);
    expect(renewed.state.totals.included).toBe(100n);
    expect(renewed.subscription).not.toHaveProperty('earlier');
    assertSound(renewed);
  });

  it('is not followed where it is unpaid, over, or read as it was before', () => {
    for (const facts of [
      factsOf({ isUnpaid: true }),
      factsOf({ cancelAt: day(10) }),
      factsOf({ phase: 'incomplete' }),
      factsOf({ phase: 'ended', endedAt: day(12) }),
      factsOf({ periodStart: day(-30), periodEnd: day(31) }),
    ]) {
      expect(follow(BACK).sync(day(16), facts)).toEqual([]);
    }
  });

  it('is given its credits where it never was followed', () => {
    const account = follow([
      [11, OTHER],
      [15, OTHER_ENDED],
    ]);
    expect(account.sync(day(16), factsOf())).toEqual(['started']);
    expect(account.state.totals.included).toBe(100n);
    assertSound(account);
  });

  it('is one of the last that are remembered, as long as its period goes on', () => {
    const account = follow([...STARTED, [1, factsOf({ cancelAt: day(2) })]]);
    for (let number = 2; number <= 12; number += 1) {
      const at = { periodStart: day(number), periodEnd: day(number + 30), cancelAt: day(number + 1) };
      account.sync(day(number), factsOf({ stripeSubscriptionId: `sub_${number}`, ...at }));
    }
    const remembered = account.subscription?.earlier?.map(({ stripeSubscriptionId }) => stripeSubscriptionId);
    expect(remembered).toEqual([4, 5, 6, 7, 8, 9, 10, 11].map((number) => `sub_${number}`));
    account.sync(day(36.5), factsOf({ stripeSubscriptionId: 'sub_13', periodStart: day(36), periodEnd: day(66) }));
    expect(account.subscription?.earlier).toHaveLength(6);
    assertSound(account);
  });
});

describe('facts', () => {
  it('that were read at another revision do nothing', () => {
    const account = follow(STARTED);
    const revision = account.state.subscriptionRevision;
    expect(account.apply(day(1), ENDED, revision - 1)).toEqual([]);
    expect(account.apply(day(1), ENDED, revision + 1)).toEqual([]);
    expect(account.state.subscription?.status).toBe('active');
    expect(account.apply(day(1), ENDED, revision)).toMatchObject([{ change: 'ended' }]);
  });

  it('that were read before time moved the subscription do nothing', () => {
    const account = follow(STARTED);
    const revision = account.state.subscriptionRevision;
    expect(account.apply(day(30), FAILED, revision)).toMatchObject([{ change: 'renewal_pending' }]);
  });

  it('move the subscription one step for each request, however many come at once', () => {
    const account = new FollowingAccount();
    const same = [1, 2, 3].map((grant) => applySubscription(UPGRADED_UNSEEN, 0, grant));
    expect(account.do(START, ...same)).toMatchObject([{ change: 'started', effectKey: `cycle:sub_1:${START}` }]);
  });

  it('name what they give by the cycle, and by the invoice of the change', () => {
    const account = follow([[16, UPGRADED_UNSEEN]]);
    const given = account.entries.filter(({ type }) => type === 'subscription_changed');
    expect(given.map(({ effectKey }) => effectKey)).toEqual([`cycle:sub_1:${START}`, 'change:in_change']);
  });
});

describe('the credits of a cycle', () => {
  /** PRO with so much used of it, and a limit on what rolls over. */
  function used(quantity: string, rolloverLimit = 0n): FollowingAccount {
    const account = follow([[0, factsOf({ rules: { ...RULES, rolloverLimit } })]]);
    if (quantity !== '0') account.do(day(1), debit(quantity));
    return account;
  }

  it.each([
    ['0', 0n, 0n],
    ['0', 30n, 30n],
    ['80', 30n, 20n],
    ['100', 30n, 0n],
    ['0', 500n, 100n],
  ])('of which %s was used leave to the next what a limit of %s allows: %s', (quantity, limit, rolledOver) => {
    const account = used(quantity, limit);
    account.sync(day(30), RENEWED);
    expect(account.entries.at(-1)).toMatchObject({
      change: 'renewed',
      rolledOver,
      grant: { granted: 100n + rolledOver },
    });
    expect(account.state.totals.included).toBe(100n + rolledOver);
    assertSound(account);
  });

  it('are all that a cycle leaves: what has rolled over rolls over again up to the limit', () => {
    const account = used('0', 30n);
    account.sync(day(30), factsOf({ ...period(2), rules: { ...RULES, rolloverLimit: 30n } }));
    account.sync(day(60), factsOf({ ...period(3), rules: { ...RULES, rolloverLimit: 30n } }));
    expect(account.state.totals.included).toBe(130n);
  });

  it('do not roll over to what starts after an end', () => {
    const account = used('0', 30n);
    account.sync(day(20), ENDED);
    account.sync(day(21), factsOf({ stripeSubscriptionId: 'sub_2' }));
    expect(account.state.totals.included).toBe(100n);
  });

  describe('that lapsed while it was not seen that the next cycle was paid', () => {
    const ROLLING = { ...RULES, rolloverLimit: 30n };
    /** The second period, paid on a day. */
    const paidOn = (days: number, fields: Partial<SubscriptionFacts> = {}): SubscriptionFacts => ({
      ...factsOf({ ...period(2), rules: ROLLING, ...fields }),
      cycleInvoice: { ...invoice('paid', 'in_2'), paidAt: day(days) },
    });
    const FAILED_ROLLING = { ...FAILED, rules: ROLLING };
    const CONTRACT_ROLLING = { ...CONTRACT, rules: ROLLING };
    const BEHIND = factsOf({ ...CONTRACT_ROLLING, ...period(2, 'open'), isUnpaid: true });

    it.each<readonly [string, readonly Seen[], Seen, bigint]>([
      ['paid in time', [], [40, paidOn(30.05)], 30n],
      ['paid when the grace ended', [], [40, paidOn(33)], 30n],
      ['paid when the grace was over', [], [40, paidOn(33.01)], 0n],
      ['paid in time after it had failed', [[30.1, FAILED_ROLLING]], [34, paidOn(32.9)], 30n],
      ['paid too late after it had failed', [[30.1, FAILED_ROLLING]], [34, paidOn(33.1)], 0n],
      ['paid, nobody knows when', [], [40, factsOf({ ...period(2), rules: ROLLING })], 0n],
      ['paid though it was to end', [[5, factsOf({ rules: ROLLING, cancelAt: day(30) })]], [40, paidOn(30.05)], 30n],
      ['of another interval, which cut the period short', [], [40, { ...ON_ANNUAL, rules: ROLLING }], 0n],
      [
        'not the next one: nobody could use what that gave',
        [],
        [70, { ...factsOf({ ...period(3), rules: ROLLING }), cycleInvoice: { ...invoice('paid'), paidAt: day(60.1) } }],
        0n,
      ],
      [
        'of another subscription',
        [],
        [40, { ...paidOn(30.05), stripeSubscriptionId: 'sub_2', periodStart: day(31) }],
        0n,
      ],
    ])('roll over where that was %s', (_, before, [days, facts], rolledOver) => {
      const account = used('40', 30n);
      follow(before, account);
      expect(account.sync(day(days), facts)).toContain('started');
      const allowance = facts.terms.includedPerCycle;
      expect(account.state.totals.included).toBe(allowance + rolledOver);
      expect(account.entries.at(-1)).toMatchObject({ change: 'started', rolledOver });
      expect(account.subscription).not.toHaveProperty('leftOver');
      expect(account.sync(day(days), facts)).toEqual([]);
      assertSound(account);
    });

    it.each<readonly [string, readonly Seen[], SubscriptionFacts, bigint]>([
      ['goes on', [], factsOf({ ...CONTRACT_ROLLING, ...period(2, 'open') }), 30n],
      ['goes on and is paid late, as it may be', [], paidOn(38, { isContract: true }), 30n],
      ['was behind', [[30.1, BEHIND]], paidOn(38, { isContract: true }), 0n],
    ])('roll over where a contract %s', (_, before, facts, rolledOver) => {
      const account = follow([[0, factsOf(CONTRACT_ROLLING)]]);
      account.do(day(1), debit('40'));
      follow(before, account);
      expect(account.sync(day(40), facts)).toContain('started');
      expect(account.state.totals.included).toBe(100n + rolledOver);
      assertSound(account);
    });

    it.each<readonly [string, string, bigint, bigint]>([
      ['at most up to the limit', '0', 30n, 30n],
      ['no more than was there', '90', 30n, 10n],
      ['not where nothing was left', '100', 30n, 0n],
      ['not where nothing rolls over', '0', 0n, 0n],
    ])('roll over %s', (_, quantity, limit, rolledOver) => {
      const account = used(quantity, limit);
      account.sync(day(40), paidOn(30.05));
      expect(account.state.totals.included).toBe(100n + rolledOver);
      assertSound(account);
    });

    it('pay an earlier deficit, roll over once, and roll over again', () => {
      const account = used('40', 30n);
      account.do(day(35), debit('110', { alreadyPerformed: true }));
      account.sync(day(40), paidOn(30.05));
      expect(account.entries.at(-1)).toMatchObject({ deficitPaid: 110n, grant: { granted: 130n, remaining: 20n } });
      account.sync(day(60), factsOf({ ...period(3), rules: ROLLING }));
      expect(account.state.totals).toMatchObject({ included: 120n, deficit: 0n });
      assertSound(account);
    });

    it('do not roll over twice where it ends here again', () => {
      const account = used('40', 30n);
      account.sync(day(40), paidOn(30.05, { cancelAt: day(45) }));
      account.do(day(41), debit('50'));
      account.sync(day(45), paidOn(30.05, { cancelAt: day(45) }));
      expect(account.sync(day(46), paidOn(30.05))).toEqual(['started']);
      // What was left of the 130 comes again, as the cancellation was taken back, and no more.
      expect(account.state.totals.included).toBe(80n);
      assertSound(account);
    });

    it('come again once where the cancellation was taken back, and roll over up to the limit then', () => {
      const account = used('40', 30n);
      account.sync(day(5), factsOf({ rules: ROLLING, cancelAt: day(30) }));
      expect(account.at(day(30)).totals.included).toBe(0n);
      const draft = factsOf({ ...period(2, 'draft'), rules: ROLLING });
      expect(account.sync(day(30.01), draft)).toEqual(['ended', 'started']);
      expect(account.entries.at(-1)).toMatchObject({ change: 'started', rolledOver: 0n, grant: { granted: 60n } });
      expect(account.state.totals.included).toBe(60n);
      expect(account.sync(day(30.02), draft)).toEqual([]);
      expect(account.sync(day(30.1), paidOn(30.05))).toEqual(['renewed']);
      expect(account.state.totals.included).toBe(130n);
      expect(account.subscription).not.toHaveProperty('leftOver');
      assertSound(account);
    });

    it('roll over also where a cancellation inside of the period was taken back, and only the next one was seen', () => {
      const account = used('40', 30n);
      account.sync(day(5), factsOf({ rules: ROLLING, cancelAt: day(10) }));
      expect(account.sync(day(40), paidOn(30.05))).toEqual(['ended', 'started']);
      expect(account.state.totals.included).toBe(130n);
      assertSound(account);
    });

    it('roll over where what was owed before the cancellation was paid within its grace', () => {
      const account = used('40', 30n);
      follow([[30.1, FAILED_ROLLING]], account);
      account.sync(day(30.5), { ...FAILED_ROLLING, cancelAt: day(31) });
      expect(account.sync(day(40), paidOn(32.9))).toEqual(['ended', 'started']);
      expect(account.state.totals.included).toBe(130n);
      assertSound(account);
    });

    it('are forgotten where it ends at Stripe', () => {
      const account = used('40', 30n);
      account.sync(day(40), factsOf({ phase: 'ended', endedAt: day(39) }));
      expect(account.subscription).not.toHaveProperty('leftOver');
    });
  });

  it('pay an earlier deficit first', () => {
    const account = new FollowingAccount(debit('30', { alreadyPerformed: true }));
    account.sync(START, factsOf());
    expect(account.entries.at(-1)).toMatchObject({ deficitPaid: 30n, grant: { granted: 100n, remaining: 70n } });
    expect(account.state.totals).toMatchObject({ included: 70n, deficit: 0n });
    account.do(day(1), debit('300', { alreadyPerformed: true }));
    account.sync(day(15), UPGRADED);
    expect(account.state.totals).toMatchObject({ included: 0n, deficit: 80n });
    account.sync(day(30), RENEWED);
    expect(account.state.totals).toMatchObject({ included: 20n, deficit: 0n });
    assertSound(account);
  });

  it('that are held live on until their hold ends, and lapse then', () => {
    const account = used('0', 50n);
    const held = hold(account.state, day(29.5), reserve('60', { expiresAt: day(30.4) }));
    account.state = held.state;
    account.entries.push(...held.entries);
    account.sync(day(30.1), RENEWED);
    // 40 were free, and rolled over.
    expect(account.state.totals).toMatchObject({ included: 200n, held: 60n });
    const settled = play(account.state, day(30.2), settle(held.holdId, '25', { final: true }));
    expect(settled.entries.at(-1)).toMatchObject({
      draws: [{ microcredits: 25n }],
      end: { expired: [{ microcredits: 35n }], freed: [] },
    });
    expect(settled.state.totals).toMatchObject({ included: 140n, held: 0n });
    for (const { state } of [play(account.state, day(30.2), release(held.holdId)), { state: account.at(day(30.4)) }]) {
      expect(state.totals).toMatchObject({ included: 140n, held: 0n });
      expect(findInconsistency(state)).toBeUndefined();
    }
    assertSound(account);
  });

  it('that are held go with a subscription that ends, and work is charged all the same', () => {
    const account = used('0');
    account.do(day(1), giveGrant('payg', 10n));
    const held = hold(account.state, day(19.9), reserve('60', { expiresAt: day(20.5) }));
    account.state = held.state;
    account.entries.push(...held.entries);
    account.sync(day(20), ENDED);
    account.do(day(20.1), settle(held.holdId, '65', { final: true }));
    expect(account.state).toMatchObject({
      planCode: FALLBACK_PLAN,
      totals: { included: 0n, held: 0n, payg: 5n, deficit: 0n },
    });
    assertSound(account);
  });

  it('are its own: what an operator gave as included credit stays, and so does everything else', () => {
    const account = new FollowingAccount(
      giveGrant('gift', 7n, { bucket: 'included' }),
      giveGrant('soon', 3n, { bucket: 'included', expiresAt: day(12) }),
      giveGrant('paid', 5n),
    );
    account.sync(START, factsOf());
    account.sync(day(30), RENEWED);
    expect(account.state.totals).toMatchObject({ included: 107n, payg: 5n });
    account.sync(day(31), factsOf({ phase: 'ended' }));
    expect(account.state.totals).toMatchObject({ included: 7n, payg: 5n });
    assertSound(account);
  });

  it('are given for a period that begins within the second of the one before', () => {
    const account = follow(STARTED);
    const annual = factsOf({ terms: { ...MAX, interval: 'year' }, periodEnd: day(365) });
    expect(account.sync(START + 900, annual)).toEqual(['renewed']);
    expect(account.state.subscription).toMatchObject({ periodEnd: annual.periodEnd, planCode: MAX.planCode });
    expect(account.state.totals.included).toBe(MAX.includedPerCycle);
    expect(account.sync(START + 950, annual)).toEqual([]);
    assertSound(account);
  });

  it('are not given again where the end of their period moves', () => {
    const account = follow(STARTED);
    account.do(day(1), debit('40'));
    account.sync(day(5), { ...CANCELED, periodEnd: day(10) });
    account.sync(day(6), factsOf());
    expect(account.state).toMatchObject({ planCode: PLAN, totals: { included: 60n } });
    expect(account.subscription).toMatchObject({ status: 'active', periodEnd: day(30) });
    assertSound(account);
  });

  it('are given beside any number of grants, and as many of them as an account can hold', () => {
    const full = new FollowingAccount();
    for (let n = 1; n < ACTIVE_GRANTS_MAX; n += 1) full.do(START, giveGrant(n, 1n));
    expect(full.sync(START, factsOf())).toEqual(['started']);
    expect(full.sync(day(30), RENEWED)).toEqual(['renewal_pending', 'renewed']);
    const other = factsOf({ ...period(2), terms: MAX, changeInvoice: changed('paid', 45) });
    expect(full.sync(day(45), other)).toEqual(['plan_changed']);
    const rich = follow(STARTED, new FollowingAccount(giveGrant('much', MICROCREDITS_MAX - 100n)));
    expect(rich.sync(day(30), RENEWED)).toEqual(['renewal_pending', 'renewed']);
    const rest = follow(STARTED, new FollowingAccount(giveGrant('most', MICROCREDITS_MAX - 60n)));
    expect(rest.state.totals).toMatchObject({ included: 60n });
  });

  describe('come back by a reversal', () => {
    it('while their cycle runs, also after an upgrade', () => {
      const account = used('0');
      const charge = undoable(account.state, day(1), debit('40'));
      account.state = charge.state;
      account.sync(day(15), UPGRADED);
      expect(account.state.totals.included).toBe(210n);
      const { state } = play(account.state, day(16), reverse(charge.target));
      expect(state.totals.included).toBe(250n);
    });

    it.each<readonly [string, readonly Seen[], bigint]>([
      ['after a renewal', [[30, RENEWED]], 100n],
      ['after an end', [[20, ENDED]], 0n],
      ['after an end at the very time of the charge', [[1, ENDED]], 0n],
      [
        'after the end of the grace',
        [
          [30.1, FAILED],
          [33, FAILED],
        ],
        0n,
      ],
      [
        'after it was lost and paid late',
        [
          [30.1, FAILED],
          [33, FAILED],
          [34, RENEWED],
        ],
        100n,
      ],
      [
        'after it was lost and goes on in its period',
        [
          [14, UNPAID_HERE],
          [17, UNPAID_HERE],
          [18, factsOf()],
        ],
        0n,
      ],
      [
        'after a renewal, and an end that was taken back',
        [
          [30, RENEWED],
          [31, factsOf({ ...period(2), cancelAt: day(40) })],
          [41, RENEWED],
        ],
        100n,
      ],
      [
        'after an end that was taken back, and another one',
        [
          [5, CANCELED],
          [11, factsOf()],
          [20, ENDED],
        ],
        0n,
      ],
      [
        'after another one has begun',
        [
          [20, ENDED],
          [21, factsOf({ stripeSubscriptionId: 'sub_2' })],
        ],
        100n,
      ],
      ['after a change of interval', [[15, ON_ANNUAL]], 1_000n],
    ])('but not %s', (_, seen, included) => {
      const account = used('0');
      const charge = undoable(account.state, day(1), debit('40'));
      account.state = charge.state;
      follow(seen, account);
      const { state, entries } = play(account.state, day(seen.at(-1)?.[0] ?? 0) + 1, reverse(charge.target));
      expect(entries.at(-1)).toMatchObject({ returned: [], expired: [{ microcredits: 40n }] });
      expect(state.totals).toMatchObject({ included, payg: 0n });
    });

    it.each<readonly [string, string, readonly Seen[], bigint]>([
      ['inside of the period', '40', [[12, factsOf()]], 100n],
      ['of which it had left nothing', '100', [[12, factsOf()]], 100n],
      ['with its period', '40', [[30.1, factsOf(period(2, 'draft'))]], 100n],
      [
        'twice',
        '40',
        [
          [12, factsOf()],
          [13, factsOf({ cancelAt: day(14) })],
          [15, factsOf()],
        ],
        100n,
      ],
    ])('after an end that was taken back: %s', (_, quantity, seen, included) => {
      const account = used('0');
      const charge = undoable(account.state, day(1), debit(quantity));
      account.state = charge.state;
      const isWithPeriod = (seen[0]?.[0] ?? 0) > 30;
      account.sync(day(5), isWithPeriod ? factsOf({ cancelAt: day(30) }) : CANCELED);
      for (const [days, facts] of seen) {
        expect(account.sync(day(days), facts)).toContain(facts.cancelAt === undefined ? 'started' : 'updated');
      }
      const back = play(account.state, day(seen.at(-1)?.[0] ?? 0) + 1, reverse(charge.target));
      expect(back.entries.at(-1)).toMatchObject({ returned: [{ remaining: BigInt(quantity) }], expired: [] });
      expect(back.state.totals).toMatchObject({ included, payg: 0n });
      expect(findInconsistency(back.state)).toBeUndefined();
    });
  });

  describe('that a hold keeps across an end', () => {
    /** 60 held and 40 free, and canceled for the tenth day. */
    function holding() {
      const account = used('0');
      const charge = undoable(account.state, day(1), debit('10'));
      account.state = charge.state;
      const held = hold(account.state, day(9.8), reserve('60', { expiresAt: day(10.7) }));
      account.state = held.state;
      account.entries.push(...held.entries);
      account.sync(day(9.9), CANCELED);
      return { account, holdId: held.holdId, charge: charge.target };
    }

    it('are free again where that was taken back, and lapse with their period then', () => {
      const { account, holdId, charge } = holding();
      expect(account.sync(day(10.3), factsOf())).toEqual(['ended', 'started']);
      expect(account.state.totals).toMatchObject({ included: 90n, held: 60n });
      account.do(day(10.4), reverse(charge));
      expect(account.state.totals).toMatchObject({ included: 100n, held: 60n });
      const { entries, state } = play(account.state, day(10.5), settle(holdId, '25', { final: true }));
      expect(entries.at(-1)).toMatchObject({ end: { freed: [{ microcredits: 35n }], expired: [] } });
      expect(state.totals).toMatchObject({ included: 75n, held: 0n });
      expect(account.at(day(10.7)).totals).toMatchObject({ included: 100n, held: 0n });
      account.sync(day(30), RENEWED);
      expect(account.state.totals).toMatchObject({ included: 100n, held: 0n });
    });

    it('go with their hold where it ends before that is seen, or where it was not taken back', () => {
      const { account, holdId, charge } = holding();
      const ended = play(account.state, day(10.1), settle(holdId, '25', { final: true }), reverse(charge));
      expect(ended.state.totals).toMatchObject({ included: 0n, held: 0n });
      account.state = ended.state;
      account.sync(day(10.3), factsOf());
      expect(account.state.totals).toMatchObject({ included: 30n, held: 0n });
      const other = holding();
      other.account.sync(day(10.3), ENDED);
      expect(other.account.at(day(10.7)).totals).toMatchObject({ included: 0n, held: 0n });
    });

    it('of an earlier period go with their hold all the same', () => {
      const account = used('0');
      const held = hold(account.state, day(29.9), reserve('60', { expiresAt: day(30.8) }));
      account.state = held.state;
      account.entries.push(...held.entries);
      account.sync(day(30), RENEWED);
      account.sync(day(30.1), factsOf({ ...period(2), cancelAt: day(30.5) }));
      expect(account.sync(day(30.6), RENEWED)).toEqual(['ended', 'started']);
      expect(account.entries.at(-1)).not.toHaveProperty('revived');
      expect(account.state.totals).toMatchObject({ included: 160n, held: 60n });
      expect(account.at(day(30.8)).totals).toMatchObject({ included: 100n, held: 0n });
      assertSound(account);
    });

    it('go with their hold, and charges give nothing back, in a history that does not tell of lapses before its end', () => {
      const { account, holdId, charge } = holding();
      const state = account.at(day(10.1));
      const { subscription } = state;
      if (subscription?.leftOver === undefined) throw new Error('nothing was left over');
      const { priorLapse: _, ...leftOver } = subscription.leftOver;
      account.state = { ...state, subscription: { ...subscription, leftOver } };
      expect(account.sync(day(10.3), factsOf())).toEqual(['started']);
      expect(account.subscription).toMatchObject({ lapsedAt: day(10) });
      const ended = play(account.state, day(10.5), settle(holdId, '25', { final: true }), reverse(charge));
      expect(ended.state.totals).toMatchObject({ included: 30n, held: 0n });
    });
  });
});

describe('a trial that runs when a subscription starts', () => {
  it.each([
    [true, 0n],
    [false, 45n],
  ])('ends with it; its credits are revoked: %s', (revokesUnused, trial) => {
    const account = new FollowingAccount(
      startTrial(50n, { planCode: 'max' as PlanCode, endsAt: day(14), revokesUnused }),
      debit('5'),
    );
    account.sync(day(3), factsOf());
    expect(account.state).toMatchObject({
      planCode: PLAN,
      trial: { status: 'ended' },
      totals: { trial, included: 100n },
    });
    expect(account.entries.at(-1)).toMatchObject({ endsTrial: true });
    expect(account.at(day(14)).planCode).toBe(PLAN);
    assertSound(account);
  });

  it('lets what is held of it lapse when its hold ends', () => {
    const account = new FollowingAccount(startTrial(50n, { endsAt: day(14) }));
    const held = hold(account.state, day(2.9), reserve('20', { expiresAt: day(3.5) }));
    account.state = held.state;
    account.entries.push(...held.entries);
    account.sync(day(3), factsOf());
    expect(account.state.totals).toMatchObject({ trial: 20n, held: 20n, included: 100n });
    expect(account.at(day(3.5)).totals).toMatchObject({ trial: 0n, held: 0n, included: 100n });
    assertSound(account);
  });

  it('goes on where nothing is paid yet', () => {
    const account = new FollowingAccount(startTrial(50n, { endsAt: day(14) }));
    account.sync(day(3), factsOf({ cycleInvoice: invoice('open') }));
    expect(account.state).toMatchObject({ planCode: PLAN, trial: { status: 'active' }, totals: { trial: 50n } });
  });

  it('is not touched by what is told of a subscription that is over', () => {
    const account = follow(LOST);
    account.do(day(34), startTrial(50n, { planCode: 'max' as PlanCode, endsAt: day(40) }));
    expect(account.sync(day(35), ENDED)).toEqual(['ended']);
    expect(account.state).toMatchObject({ planCode: 'max', trial: { status: 'active' }, totals: { trial: 50n } });
    assertSound(account);
  });

  it('ends also where a subscription goes on that was lost here', () => {
    const account = follow([...STARTED, [5, CANCELED]]);
    account.do(day(11), startTrial(50n, { planCode: 'max' as PlanCode, endsAt: day(40) }));
    account.sync(day(12), factsOf());
    expect(account.state).toMatchObject({
      planCode: PLAN,
      trial: { status: 'ended' },
      totals: { trial: 0n, included: 100n },
    });
    assertSound(account);
  });
});

describe('when an account may change by itself', () => {
  const LENIENT = { ...RULES, graceMs: day(20) - START };
  const STRICT = { ...RULES, graceMs: day(1) - START };

  it.each<[what: string, before: readonly Seen[], seen: Seen]>([
    ['a start', [], [0, factsOf()]],
    ['a renewal', STARTED, [30.05, RENEWED]],
    ['a renewal by another policy', STARTED, [30.05, { ...RENEWED, rules: LENIENT }]],
    ['a renewal that failed', STARTED, [30.1, FAILED]],
    ['a renewal that failed, by another policy', STARTED, [30.1, { ...FAILED, rules: LENIENT }]],
    ['a renewal that failed, by a stricter policy', STARTED, [30.1, { ...FAILED, rules: STRICT }]],
    ['an upgrade that failed, by another policy', STARTED, [15, { ...UNPAID_UPGRADE, rules: LENIENT }]],
    ['a payment that failed inside of the period', STARTED, [15, factsOf({ isUnpaid: true, rules: LENIENT })]],
    ['a cancellation', STARTED, [5, CANCELED]],
    ['a recovery, by another policy', [...STARTED, [30.1, FAILED]], [31, factsOf({ rules: LENIENT })]],
    ['a comeback', LOST, [34, { ...RENEWED, rules: LENIENT }]],
    ['a cancellation that was taken back', CANCELED_WITH_PERIOD, [30.1, { ...FAILED, rules: LENIENT }]],
    ['that, while a payment is missing', OWING_AND_CANCELED, [16.5, { ...UNPAID_HERE, rules: STRICT }]],
  ])('is known before %s is recorded', (_, before, [days, facts]) => {
    const account = follow(before);
    const known = new Set<number | undefined>();
    for (let isNew = true; isNew; ) {
      for (const time of listSubscriptionDueTimes(account.at(day(days)), facts, day(days))) known.add(time);
      isNew = account.apply(day(days), facts).length > 0;
    }
    const { subscription } = account;
    expect(isLive(subscription)).toBe(true);
    for (const time of listSubscriptionTimes(subscription)) expect([...known]).toContain(time);
  });
});

describe('time alone', () => {
  it.each<readonly [string, readonly Seen[], number | undefined]>([
    ['its period ends', STARTED, 30],
    ['it is to end', [...STARTED, [5, CANCELED]], 10],
    ['the grace of its renewal ends', [...STARTED, [30, factsOf()]], 33],
    ['the grace of a failed payment ends', [...STARTED, [15, factsOf({ isUnpaid: true })]], 18],
    [
      'never, where its plan is kept',
      [
        [0, factsOf({ rules: KEEP })],
        [30.1, FAILED],
      ],
      undefined,
    ],
    ['never, after its end', [...STARTED, [20, ENDED]], undefined],
  ])('next moves a subscription when %s', (_, seen, days) => {
    expect(computeNextDueAt(follow(seen).state)).toBe(days === undefined ? undefined : day(days));
  });

  it('moves it at its time, however late that is looked at', () => {
    const account = follow([...STARTED, [5, factsOf({ cancelAt: day(10) })]]);
    const { entries } = computeAdvance(account.state, day(300));
    expect(entries).toMatchObject([{ change: 'ended', at: day(10), subscription: { lapsedAt: day(10) } }]);
  });

  it('does nothing to it at another time', () => {
    const { subscription } = follow(STARTED);
    if (subscription === undefined) throw new Error('no subscription has started');
    expect(() => computeSubscriptionDue(subscription, day(12))).toThrow('nothing of the subscription is due');
  });
});

describe('computeProratedRaise', () => {
  it.each<readonly [number, bigint, bigint, bigint]>([
    [0, 100n, 400n, 300n],
    [15, 100n, 400n, 150n],
    [30, 100n, 400n, 0n],
    [-1, 100n, 400n, 300n],
    [31, 100n, 400n, 0n],
    [29.999, 0n, 1n, 0n],
    [10, 0n, 1n, 0n],
    [10, 0n, 100n, 66n],
    [10, 400n, 100n, 0n],
    [10, 100n, 100n, 0n],
    [10, 0n, MICROCREDITS_MAX, (MICROCREDITS_MAX * 2n) / 3n],
  ])('on day %s from %s to %s adds %s', (days, paidAllowance, allowance, raise) => {
    expect(computeProratedRaise({ paidAllowance, ...period(1) }, allowance, day(days))).toBe(raise);
  });

  it('adds nothing to a period without length', () => {
    const none = { paidAllowance: 0n, periodStart: START, periodEnd: START };
    expect(computeProratedRaise(none, 100n, START)).toBe(0n);
  });
});
