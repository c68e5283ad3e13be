// What must hold of an account that follows any story at Stripe, whenever it is told of it: often or seldom, late, twice, or by
// looks that are old when they arrive. A failure prints the seed and the smallest story that shows it.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccountState, findInconsistency, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import type { Command } from '../../kernel/domain/command.ts';
import { keysOf } from '../../kernel/domain/commit.ts';
import type { SubscriptionChanged } from '../../kernel/domain/entry.ts';
import { evolve } from '../../kernel/domain/evolve.ts';
import type { Instant, PlanCode } from '../../kernel/domain/id.ts';
import { isLive, type Subscription, type SubscriptionFacts } from '../../kernel/domain/subscription.ts';
import { AccountModel } from '../model/account-model.ts';
import { sightOf } from '../model/kernel-words.ts';
import { roundCount } from '../support/round-count.ts';
import {
  debit,
  FALLBACK_PLAN,
  giveGrant,
  grantIdOf,
  keyOf,
  openAccount,
  release,
  reserve,
  reverse,
  START,
  settle,
  startTrial,
} from './support/command.ts';
import { askModel, inModelWords } from './support/model-answer.ts';
import { allEntries, PlayedAccount, type SeenEntry, statesOf } from './support/playback.ts';
import { ANY_RESERVATION, nthHold, nthTarget } from './support/reference.ts';
import { HOUR_MS, type Moment, type Story, shownAt, stories, tell } from './support/stripe-story.ts';
import {
  applySubscription,
  changed,
  DAY_MS,
  FollowingAccount,
  factsOf,
  MAX,
  PRO,
  RULES,
  termsOf,
} from './support/subscription.ts';

/** As many as a sync does. */
const ROUNDS_MAX = 12;
/** How late a kernel looks at most where it is told of everything. */
const DELAY_MS_MAX = 2 * HOUR_MS;

/** A look at Stripe, which is applied a while later. */
interface Look {
  readonly at: Instant;
  readonly lagMs: number;
}

/** Something else that is asked of the account. */
interface Request {
  readonly at: Instant;
  readonly command: Command;
}

/** What happens to an account, in no order. */
interface Life {
  readonly looks: readonly Look[];
  readonly requests: readonly Request[];
}

/** An account that is told of a story, beside the naive model, which is told the same. */
class Follower {
  readonly account = new PlayedAccount();
  readonly #model = new AccountModel(START);
  readonly #moments: readonly Moment[];
  #grants = 0;

  constructor(moments: readonly Moment[]) {
    this.#moments = moments;
    this.ask(START, openAccount({ planCode: FALLBACK_PLAN }));
  }

  /** Lives through looks and requests in the order of their times, and looks once more at the end. */
  live({ looks, requests }: Life, endsAt: Instant): void {
    const all: { readonly at: Instant; readonly run: () => void }[] = [
      ...requests.map(({ at, command }) => ({ at, run: () => this.ask(at, command) })),
      ...looks.flatMap(({ at, lagMs }) => {
        let seen: Seen | undefined;
        return [
          { at, run: () => (seen = this.#look(at)) },
          { at: at + lagMs, run: () => this.#follow(at + lagMs, seen) },
        ];
      }),
    ];
    for (const { at, run } of all.toSorted((a, b) => a.at - b.at)) if (at <= endsAt) run();
    this.#follow(endsAt, undefined);
  }

  ask(at: Instant, command: Command): void {
    const resolved = this.account.past.resolve(command);
    this.account.commit([resolved], at);
    const answer = this.account.answers.at(-1);
    if (answer === undefined) throw new Error('a command was not answered');
    expect(inModelWords(answer)).toEqual(askModel(this.#model, resolved, answer, at));
    expect(sightOf(this.stateAt(at))).toEqual(this.#model.sightAt(at));
  }

  stateAt(at: Instant): AccountState {
    return computeAdvance(this.account.state, at).state;
  }

  /** Applies what was seen, and goes on with new looks until nothing is left to do. */
  #follow(at: Instant, first: Seen | undefined): void {
    let seen = first ?? this.#look(at);
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      if (seen.facts === undefined) return;
      const before = this.account.state;
      this.#grants += 1;
      this.ask(at, applySubscription(seen.facts, seen.revision, this.#grants));
      if (this.account.state === before && seen.revision === before.subscriptionRevision) return;
      seen = this.#look(at);
    }
    throw new Error(`after ${ROUNDS_MAX} steps there is always another one`);
  }

  #look(at: Instant): Seen {
    const { subscription, subscriptionRevision: revision } = this.stateAt(at);
    return { facts: pick(shownAt(this.#moments, at), subscription), revision };
  }
}

interface Seen {
  readonly facts: SubscriptionFacts | undefined;
  readonly revision: number;
}

/** The one that runs here, else the one that runs there, else the one that was here last. */
function pick(shown: readonly SubscriptionFacts[], current: Subscription | undefined): SubscriptionFacts | undefined {
  const own = shown.find(({ stripeSubscriptionId }) => stripeSubscriptionId === current?.stripeSubscriptionId);
  if (isLive(current)) return own;
  return shown.find(({ phase }) => phase === 'live') ?? own;
}

/** Chances that a test turns into times, whatever the length of the story. */
interface Chance {
  readonly where: number;
  readonly lagMs: number;
}

const chances: fc.Arbitrary<Chance> = fc.record({
  where: fc.nat(999_999),
  lagMs: fc.oneof(fc.constant(0), fc.nat(5 * HOUR_MS), fc.nat(5 * DAY_MS)),
});

function timeOf(where: number, endsAt: Instant): Instant {
  return START + Math.floor(((endsAt - START) * where) / 1_000_000);
}

/** Looks anywhere in a story, some of them old when they arrive. */
function looksOf(seldom: readonly Chance[], endsAt: Instant): readonly Look[] {
  return seldom.map(({ where, lagMs }) => ({ at: timeOf(where, endsAt), lagMs }));
}

/** How an event about a moment reaches a kernel: how late, how long its look takes, and whether it comes twice. */
interface Delivery {
  readonly delayMs: number;
  readonly lagMs: number;
  readonly again: number | undefined;
}

const deliveries: fc.Arbitrary<readonly Delivery[]> = fc.array(
  fc.record({
    delayMs: fc.nat(DELAY_MS_MAX),
    lagMs: fc.nat(HOUR_MS - 1),
    again: fc.option(fc.nat(30 * DAY_MS), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 9 },
);

const AT_ONCE: Delivery = { delayMs: 0, lagMs: 0, again: undefined };

/** A story in which everything happens to a subscription that can. */
const EVENTFUL: Story = {
  rules: RULES,
  acts: [
    { afterDays: 0, act: { kind: 'start', terms: PRO, isContract: false } },
    { afterDays: 5, act: { kind: 'lose_card' } },
    { afterDays: 1, act: { kind: 'change', terms: MAX, isOpen: false } },
    { afterDays: 2, act: { kind: 'pay' } },
    { afterDays: 2, act: { kind: 'schedule', terms: PRO } },
    { afterDays: 23, act: { kind: 'lose_card' } },
    { afterDays: 29, act: { kind: 'pay' } },
    { afterDays: 1, act: { kind: 'end' } },
  ],
};

/** Looks after every moment of a story. */
function toldOf(moments: readonly Moment[], how: readonly Delivery[]): readonly Look[] {
  return moments.flatMap(({ at }, index) => {
    const { delayMs = 0, lagMs = 0, again } = how[index % how.length] ?? {};
    const first = { at: at + delayMs, lagMs };
    return again === undefined ? [first] : [first, { at: at + delayMs + again, lagMs }];
  });
}

/**
 * What of a subscription does not depend on when it was seen: the grace of a payment inside of a period counts from then, and one
 * that has ended shows what was seen of it last.
 */
function lastingOf(subscription: Subscription | undefined): Partial<Subscription> | undefined {
  if (subscription === undefined || subscription.status === 'ended') return subscription && { status: 'ended' };
  const { lapsedAt: _, graceEndsAt: __, ...rest } = subscription;
  return rest;
}

/** What people see of an account. */
function resultOf({ planCode, totals, subscription }: AccountState) {
  return { planCode, totals, subscription: lastingOf(subscription) };
}

type Sketch = (at: Instant, index: number) => Command;

const small = fc.bigInt({ min: 1n, max: 150n });
const sketches: fc.Arbitrary<Sketch> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ amount: small, alreadyPerformed: fc.boolean() }).map(
      ({ amount, alreadyPerformed }): Sketch =>
        (_, index) =>
          debit(`${amount}`, { key: keyOf(index), alreadyPerformed }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({ amount: small, lasts: fc.integer({ min: 1, max: 24 }) }).map(
      ({ amount, lasts }): Sketch =>
        (at, index) =>
          reserve(`${amount}`, { key: keyOf(index), expiresAt: at + lasts * HOUR_MS }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.record({ amount: small, n: fc.nat(9), final: fc.boolean() }).map(
      ({ amount, n, final }): Sketch =>
        (_, index) =>
          settle(nthHold(n), `${amount}`, { key: keyOf(index), final, reservation: ANY_RESERVATION }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat(9).map(
      (n): Sketch =>
        (_, index) => ({ ...release(nthHold(n)), key: keyOf(index) }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.nat(60).map(
      (n): Sketch =>
        (_, index) =>
          reverse(nthTarget(n), { key: keyOf(index), grantId: grantIdOf(`back-${index}`) }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        amount: small,
        bucket: fc.constantFrom('included', 'payg'),
        days: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
      })
      .map(({ amount, bucket, days }): Sketch => {
        return (at, index) =>
          giveGrant(index, amount, {
            ...{ key: keyOf(index), bucket },
            ...(days === undefined ? {} : { expiresAt: at + days * DAY_MS }),
          });
      }),
  },
  {
    weight: 1,
    arbitrary: fc
      .record({
        granted: fc.bigInt({ min: 0n, max: 90n }),
        days: fc.integer({ min: 1, max: 20 }),
        revokesUnused: fc.boolean(),
      })
      .map(
        ({ granted, days, revokesUnused }): Sketch =>
          (at, index) =>
            startTrial(granted, {
              ...{ key: keyOf(index), grantId: grantIdOf(`trial-${index}`), planCode: 'max' as PlanCode },
              ...{ endsAt: at + days * DAY_MS, revokesUnused },
            }),
      ),
  },
);

const requests = fc.array(fc.record({ where: fc.nat(999_999), sketch: sketches }), { maxLength: 40, size: 'max' });

function requestsOf(
  sketched: readonly { readonly where: number; readonly sketch: Sketch }[],
  endsAt: Instant,
): readonly Request[] {
  return sketched.map(({ where, sketch }, index) => {
    const at = timeOf(where, endsAt);
    return { at, command: sketch(at, index) };
  });
}

/** Plays a life over a story. */
function play(story: Story, lifeOf: (moments: readonly Moment[], endsAt: Instant) => Life) {
  const { moments, endsAt } = tell(story);
  const follower = new Follower(moments);
  follower.live(lifeOf(moments, endsAt), endsAt);
  const { account } = follower;
  const { commits, state } = account;
  const entries = allEntries({ ...account, commands: [], states: [], endsAt, withoutPlaces: (value) => value });
  return { endsAt, commits, state: follower.stateAt(endsAt), recorded: state, entries, moments };
}

function isSubscription(seen: SeenEntry): seen is SeenEntry<SubscriptionChanged> {
  return seen.entry.type === 'subscription_changed';
}

describe('an account that follows Stripe', () => {
  it('comes to the same plan, subscription and credits, in whatever order and however often it was told', () => {
    fc.assert(
      fc.property(stories, deliveries, deliveries, fc.array(chances, { maxLength: 6 }), (story, some, others, more) => {
        const first = play(story, (moments) => ({ looks: toldOf(moments, some), requests: [] }));
        const second = play(story, (moments, endsAt) => ({
          looks: [...toldOf(moments, others), ...looksOf(more, endsAt)],
          requests: [],
        }));
        expect(resultOf(second.state)).toEqual(resultOf(first.state));
      }),
      { numRuns: roundCount(150, 20_000) },
    );
  });

  it('has the same credits whether each paid change inside of a period was seen, or the last alone', () => {
    const change = fc.record({ hour: fc.nat(29 * 24), allowance: fc.bigInt({ min: 1n, max: 1_000n }) });
    fc.assert(
      fc.property(fc.uniqueArray(change, { minLength: 1, maxLength: 5, selector: ({ hour }) => hour }), (made) => {
        const changes = made
          .toSorted((a, b) => a.hour - b.hour)
          .map(({ hour, allowance }, index) => ({
            terms: termsOf(`plan_${index}`, allowance),
            invoice: { ...changed('paid', hour / 24, `in_change_${index}`), includedPerCycle: allowance },
          }));
        const shownAfter = (count: number): SubscriptionFacts => {
          const seen = changes.slice(0, count);
          const newest = seen.at(-1);
          if (newest === undefined) return factsOf();
          const earlierChanges = seen.slice(0, -1).map(({ invoice }) => invoice);
          return factsOf({ terms: newest.terms, changeInvoice: newest.invoice, earlierChanges });
        };
        const [often, seldom] = [new FollowingAccount(), new FollowingAccount()];
        for (const account of [often, seldom]) account.sync(START, factsOf());
        changes.forEach(({ invoice }, index) => {
          often.sync(invoice.changedAt, shownAfter(index + 1));
        });
        for (const account of [often, seldom]) account.sync(START + 30 * DAY_MS - 1, shownAfter(changes.length));
        expect(resultOf(seldom.state)).toEqual(resultOf(often.state));
      }),
      { numRuns: roundCount(300, 20_000) },
    );
  });

  it('comes to the plan and the subscription that Stripe shows last, however seldom it looked before', () => {
    fc.assert(
      fc.property(stories, fc.array(chances, { maxLength: 12 }), (story, seldom) => {
        const { state, moments, endsAt } = play(story, (_, end) => ({ looks: looksOf(seldom, end), requests: [] }));
        const shown = shownAt(moments, endsAt).find(({ phase }) => phase === 'live');
        if (shown === undefined) {
          expect(state.planCode).toBe(FALLBACK_PLAN);
          expect(isLive(state.subscription)).toBe(false);
          expect(state.totals.included).toBe(0n);
          return;
        }
        const { terms, stripeSubscriptionId, periodStart, periodEnd, cancelAt, pending } = shown;
        expect(state.planCode).toBe(terms.planCode);
        expect({ cancelAt: undefined, pending: undefined, ...state.subscription }).toMatchObject({
          ...{ stripeSubscriptionId, status: 'active', periodStart, periodEnd, cancelAt, pending, ...terms },
        });
        const { rolloverLimit, paidAllowance = 0n } = state.subscription ?? { rolloverLimit: 0n };
        // An allowance is raised in parts, each rounded down on its own, and never to more than what was paid for.
        expect(state.totals.included).toBeLessThanOrEqual(paidAllowance + rolloverLimit);
      }),
      { numRuns: roundCount(200, 30_000) },
    );
  });

  it('is the account of the naive model at every step, whatever else happens to it', () => {
    const changes = new Set<string>();
    fc.assert(
      fc.property(
        stories,
        fc.array(chances, { maxLength: 20 }),
        requests,
        fc.boolean(),
        deliveries,
        (story, seldom, asked, isTold, how) => {
          const { commits, recorded, entries } = play(story, (moments, endsAt) => ({
            looks: [...looksOf(seldom, endsAt), ...(isTold ? toldOf(moments, how) : [])],
            requests: requestsOf(asked, endsAt),
          }));
          const seen = statesOf({ commits });
          for (const { after } of seen) expect(findInconsistency(after)).toBeUndefined();
          expect(seen.map(({ entry }) => entry).reduce(evolve, UNOPENED_ACCOUNT)).toEqual(recorded);
          const keys = keysOf({ entries });
          expect(new Set(keys).size).toBe(keys.length);
          for (const step of seen.filter(isSubscription)) assertStep(step, changes);
        },
      ),
      { numRuns: roundCount(250, 30_000), examples: [[EVENTFUL, [], [], true, [AT_ONCE]]] },
    );
    // Everything that can happen to a subscription has happened.
    expect([...changes].sort()).toEqual([
      'allowance_raised',
      'ended',
      'payment_failed',
      'plan_changed',
      'recovered',
      'renewal_pending',
      'renewed',
      'started',
      'updated',
    ]);
  });
});

/** Reads the transitions that the documents draw: from where to where, by which change. */
function readDrawnTransitions(): ReadonlySet<string> {
  const text = readFileSync(new URL('../../docs/subscription.md', import.meta.url), 'utf8');
  const lines = text.matchAll(/^ {2}(\S+) --> (\S+): (.+)$/gm);
  return new Set(
    [...lines].flatMap(([, from, to, label = '']) => label.split(/[ ,]+/).map((word) => `${from} --> ${to}: ${word}`)),
  );
}

const DRAWN = readDrawnTransitions();

/** What time does has no change of its own in the drawing. */
function transitionOf({ entry: { change }, before, after }: SeenEntry<SubscriptionChanged>): string {
  const from = before.subscription?.status ?? '[*]';
  return `${from} --> ${after.subscription?.status}: ${change === 'renewal_pending' ? 'time' : change}`;
}

/** A step touches included credits of its own, and the trial that it ends; where it leads stands in the documents. */
function assertStep(step: SeenEntry<SubscriptionChanged>, changes: Set<string>): void {
  const { entry, before, after } = step;
  changes.add(entry.change);
  expect([...DRAWN]).toContain(transitionOf(step));
  expect(after.grants.payg).toEqual(before.grants.payg);
  if (!entry.endsTrial) expect(after.grants.trial).toEqual(before.grants.trial);
  const others = ({ grants }: AccountState) => grants.included.filter(({ source }) => source !== 'subscription');
  expect(others(after)).toEqual(others(before));
  expect(after.subscriptionRevision).toBe(before.subscriptionRevision + 1);
  expect(after.totals.held).toBe(before.totals.held);
}
