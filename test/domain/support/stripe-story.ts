// Owns random stories of what happens to a customer at Stripe, and what Stripe shows at each moment of one. It knows time, cards
// and invoices, and nothing of accounts. Days are met at noon, so that it is known what comes before what.

import fc from 'fast-check';
import type { Instant } from '../../../kernel/domain/id.ts';
import type {
  CycleTerms,
  InvoiceState,
  SubscriptionFacts,
  SubscriptionRules,
} from '../../../kernel/domain/subscription.ts';
import { FALLBACK_PLAN, START } from './command.ts';
import { DAY_MS, MAX, PERIOD_DAYS, PRO, termsOf } from './subscription.ts';

export const HOUR_MS = 3_600_000;
/** Ends at a time of day at which nothing else happens. */
const GRACE_MS = 3.75 * DAY_MS;
const YEAR_DAYS = 360;
const FINALISED_AFTER_MS = HOUR_MS;
const OVERDUE_AFTER_MS = 5 * DAY_MS;
const GIVEN_UP_AFTER_MS = 9 * DAY_MS;
const INCOMPLETE_FOR_MS = DAY_MS;
/** Less than the time after which a kernel is told at the latest: it may learn of it only after the end. */
const RESUMED_BEFORE_MS = HOUR_MS / 2;

const ANNUAL = termsOf('pro-annual', 1_000n, { interval: 'year' });
const PLANS: readonly CycleTerms[] = [PRO, MAX, termsOf('lite', 40n), termsOf('bare', 0n)];

/** What somebody does, the customer, their bank or an administrator at Stripe. */
export type Act =
  | { readonly kind: 'start'; readonly terms: CycleTerms; readonly isContract: boolean }
  | { readonly kind: 'change'; readonly terms: CycleTerms; readonly isOpen: boolean }
  | { readonly kind: 'schedule'; readonly terms: CycleTerms }
  /** `waver`: cancels as late, and takes that back shortly before. */
  | { readonly kind: 'cancel_later' | 'waver'; readonly days: number }
  | { readonly kind: 'change_interval' | 'unschedule' | 'cancel' | 'resume' | 'end' | 'lose_card' | 'pay' };

/** Acts with the days between them. */
export interface Story {
  readonly rules: SubscriptionRules;
  readonly acts: readonly { readonly afterDays: number; readonly act: Act }[];
}

/** From a time on Stripe shows this, newest first. */
export interface Moment {
  readonly at: Instant;
  readonly shown: readonly SubscriptionFacts[];
}

const soldTerms = fc.constantFrom(...PLANS);
const acts: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('start' as const), terms: soldTerms, isContract: rarely() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('change' as const), terms: soldTerms, isOpen: rarely() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('schedule' as const), terms: soldTerms }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('cancel_later' as const, 'waver' as const, 'waver' as const),
      days: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'lose_card' as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'pay' as const }) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom('change_interval', 'unschedule', 'cancel', 'resume', 'end')
      .map((kind) => ({ kind }) as Act),
  },
);

function rarely(): fc.Arbitrary<boolean> {
  return fc.nat(4).map((n) => n === 0);
}

export const stories: fc.Arbitrary<Story> = fc.record({
  rules: fc.record({
    rolloverLimit: fc.constantFrom(0n, 30n, 1_000n),
    graceMs: fc.constant(GRACE_MS),
    pastDueEnd: fc.constantFrom('fallback', 'fallback', 'keep'),
  }),
  acts: fc
    .array(
      fc.record({ afterDays: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 40 })), act: acts }),
      { maxLength: 14 },
    )
    .map((rest) => [{ afterDays: 0, act: { kind: 'start' as const, terms: PRO, isContract: false } }, ...rest]),
});

/** A subscription while the story goes on. */
interface Running {
  facts: SubscriptionFacts;
  /** What the invoice of the period charges for. */
  billed: CycleTerms;
  /** When something happens to it by itself, besides the end of its period. */
  finalisedAt: Instant;
  overdueAt: Instant;
  resumesAt: Instant;
  endsAt: Instant;
}

const NEVER = Number.POSITIVE_INFINITY;

/** Tells a story: every moment at which Stripe shows something new, to one at which nothing is owed or under way. */
export function tell({ rules, acts: told }: Story): { readonly moments: readonly Moment[]; readonly endsAt: Instant } {
  const past = new StripePast(rules);
  let at = START + DAY_MS / 2;
  for (const { afterDays, act } of told) {
    at += afterDays * DAY_MS;
    past.passTo(at);
    past.do(act);
  }
  at += DAY_MS;
  past.passTo(at);
  past.do({ kind: 'pay' });
  const endsAt = at + 2 * FINALISED_AFTER_MS;
  past.passTo(endsAt);
  return { moments: past.moments, endsAt };
}

class StripePast {
  readonly moments: Moment[] = [];
  readonly #rules: SubscriptionRules;
  readonly #all: Running[] = [];
  #now: Instant = START;
  #hasCard = true;
  #numbers = 0;

  constructor(rules: SubscriptionRules) {
    this.#rules = rules;
  }

  passTo(now: Instant): void {
    for (;;) {
      const next = this.#all.reduce((soonest, one) => Math.min(soonest, timeOf(one)), NEVER);
      if (next > now) break;
      this.#now = next;
      for (const one of this.#all) if (timeOf(one) === next) this.#happen(one);
      this.#show();
    }
    this.#now = now;
  }

  do(act: Act): void {
    if (act.kind === 'lose_card') this.#hasCard = false;
    else if (act.kind === 'pay') this.#pay();
    else if (act.kind === 'start') this.#start(act.terms, act.isContract);
    else for (const one of this.#all) if (one.facts.phase === 'live') this.#change(one, act);
    this.#show();
  }

  #show(): void {
    const shown = this.#all.map(({ facts, billed }): SubscriptionFacts => {
      const { terms, cycleInvoice } = facts;
      if (billed.stripePriceId === terms.stripePriceId) return facts;
      return { ...facts, cycleInvoice: { ...cycleInvoice, includedPerCycle: billed.includedPerCycle } };
    });
    this.moments.push({ at: this.#now, shown: shown.toReversed() });
  }

  #start(terms: CycleTerms, isContract: boolean): void {
    if (this.#all.some(({ facts }) => facts.phase !== 'ended')) return;
    const isPaid = isContract || this.#hasCard;
    const facts: SubscriptionFacts = {
      ...{
        stripeSubscriptionId: `sub_${this.#all.length + 1}`,
        phase: isPaid ? 'live' : 'incomplete',
        isUnpaid: !isPaid,
      },
      ...{ terms, rules: this.#rules, fallbackPlanCode: FALLBACK_PLAN, startedAt: this.#now, isContract },
      ...{
        periodStart: this.#now,
        periodEnd: this.#now + lengthOf(terms),
        cycleInvoice: this.#invoice(isContract ? 'open' : this.#charge()),
      },
      changeInvoice: { ...NO_INVOICE, changedAt: this.#now },
    };
    const endsAt = isPaid ? NEVER : this.#now + INCOMPLETE_FOR_MS;
    const overdueAt = isContract ? this.#now + OVERDUE_AFTER_MS : NEVER;
    this.#all.push({ facts, billed: terms, finalisedAt: NEVER, overdueAt, resumesAt: NEVER, endsAt });
  }

  #change(one: Running, act: Exclude<Act, { readonly kind: 'start' }>): void {
    const { facts } = one;
    switch (act.kind) {
      case 'change':
        this.#changePlan(one, act.terms, act.isOpen);
        return;
      case 'change_interval':
        this.#changeInterval(one);
        return;
      case 'schedule': {
        one.facts = { ...facts, pending: { terms: act.terms, effectiveAt: facts.periodEnd } };
        return;
      }
      case 'unschedule':
        one.facts = without(facts, 'pending');
        return;
      case 'cancel':
        cancel(one, facts.periodEnd);
        return;
      case 'cancel_later':
        cancel(one, Math.min(this.#now + act.days * DAY_MS, facts.periodEnd));
        return;
      case 'waver': {
        const cancelAt = Math.min(this.#now + act.days * DAY_MS, facts.periodEnd);
        cancel(one, cancelAt);
        one.resumesAt = cancelAt - RESUMED_BEFORE_MS;
        return;
      }
      case 'resume':
        one.facts = without(facts, 'cancelAt');
        return;
      default:
        this.#end(one);
    }
  }

  #changePlan(one: Running, terms: CycleTerms, isOpen: boolean): void {
    const { facts } = one;
    if (terms.stripePriceId === facts.terms.stripePriceId || terms.interval !== facts.terms.interval) return;
    const isMore = terms.includedPerCycle > facts.terms.includedPerCycle;
    const asked = isOpen ? 'open' : this.#charge();
    // Nothing is charged for less.
    const state = isMore ? asked : 'paid';
    const { changeInvoice: last, earlierChanges = [] } = facts;
    const before = last.state === 'none' ? [] : [{ ...last, includedPerCycle: facts.terms.includedPerCycle }];
    const changes = { earlierChanges: [...earlierChanges, ...before] };
    one.facts = { ...facts, ...changes, terms, changeInvoice: { ...this.#invoice(state), changedAt: this.#now } };
    if (state === 'failed') this.#fail(one);
  }

  #changeInterval(one: Running): void {
    if (one.facts.terms.interval === 'year') return;
    this.#beginPeriod(one, ANNUAL, this.#charge());
    if (one.facts.cycleInvoice.state === 'failed') this.#fail(one);
  }

  #beginPeriod(one: Running, terms: CycleTerms, state: InvoiceState): void {
    const facts = without(without(without(one.facts, 'pending'), 'cancelAt'), 'earlierChanges');
    one.facts = {
      ...facts,
      ...{ terms, periodStart: this.#now, periodEnd: this.#now + lengthOf(terms), cycleInvoice: this.#invoice(state) },
      changeInvoice: { ...NO_INVOICE, changedAt: this.#now },
    };
    one.billed = terms;
    one.finalisedAt = state === 'draft' ? this.#now + FINALISED_AFTER_MS : NEVER;
    one.overdueAt = NEVER;
  }

  /** Something that was due by itself. */
  #happen(one: Running): void {
    const { facts } = one;
    const { periodEnd, cancelAt, pending, terms } = facts;
    if (one.resumesAt === this.#now) {
      one.resumesAt = NEVER;
      one.facts = without(facts, 'cancelAt');
    } else if (one.endsAt === this.#now || cancelAt === this.#now) this.#end(one);
    else if (one.finalisedAt === this.#now) this.#finalise(one);
    else if (one.overdueAt === this.#now) {
      one.overdueAt = NEVER;
      one.facts = { ...facts, cycleInvoice: { ...facts.cycleInvoice, state: 'failed' } };
      this.#fail(one);
    } else if (periodEnd === this.#now) this.#beginPeriod(one, pending?.terms ?? terms, 'draft');
  }

  #finalise(one: Running): void {
    const { facts } = one;
    one.finalisedAt = NEVER;
    const state = facts.isContract ? 'open' : this.#charge();
    if (facts.isContract) one.overdueAt = this.#now + OVERDUE_AFTER_MS;
    one.facts = { ...facts, cycleInvoice: this.#stated(facts.cycleInvoice, state) };
    if (state === 'failed') this.#fail(one);
  }

  #fail(one: Running): void {
    one.facts = { ...one.facts, isUnpaid: true, failureCode: 'card_declined' };
    one.endsAt = Math.min(one.endsAt, this.#now + GIVEN_UP_AFTER_MS);
  }

  #pay(): void {
    this.#hasCard = true;
    for (const one of this.#all) {
      if (one.facts.phase === 'ended') continue;
      const { cycleInvoice, changeInvoice, earlierChanges = [] } = one.facts;
      one.facts = {
        ...without(one.facts, 'failureCode'),
        ...{
          phase: 'live',
          isUnpaid: false,
          cycleInvoice: this.#stated(cycleInvoice, paid(cycleInvoice).state),
          changeInvoice: paid(changeInvoice),
        },
        earlierChanges: earlierChanges.map(paid),
      };
      one.endsAt = NEVER;
      one.overdueAt = NEVER;
    }
  }

  #end(one: Running): void {
    const facts = without(without(without(one.facts, 'pending'), 'cancelAt'), 'failureCode');
    one.facts = { ...facts, phase: 'ended', endedAt: this.#now };
  }

  #charge(): InvoiceState {
    return this.#hasCard ? 'paid' : 'failed';
  }

  #invoice(state: InvoiceState): SubscriptionFacts['cycleInvoice'] {
    this.#numbers += 1;
    return this.#stated({ state, stripeInvoiceId: `in_${this.#numbers}` }, state);
  }

  #stated(invoice: SubscriptionFacts['cycleInvoice'], state: InvoiceState): SubscriptionFacts['cycleInvoice'] {
    return { ...invoice, state, ...(state === 'paid' ? { paidAt: invoice.paidAt ?? this.#now } : {}) };
  }
}

const NO_INVOICE = { state: 'none', stripeInvoiceId: '' } as const;

/** When something next happens to a subscription by itself. */
function timeOf({ facts, finalisedAt, overdueAt, resumesAt, endsAt }: Running): Instant {
  if (facts.phase === 'ended') return NEVER;
  const byItself = [facts.periodEnd, facts.cancelAt ?? NEVER, finalisedAt, overdueAt, resumesAt];
  return Math.min(endsAt, ...(facts.phase === 'live' ? byItself : []));
}

/** A cancellation takes the place of another one, and of what was to become of that. */
function cancel(one: Running, cancelAt: Instant): void {
  one.facts = { ...one.facts, cancelAt };
  one.resumesAt = NEVER;
}

function paid<Invoice extends { readonly state: InvoiceState }>(invoice: Invoice): Invoice {
  return invoice.state === 'open' || invoice.state === 'failed' ? { ...invoice, state: 'paid' } : invoice;
}

function lengthOf({ interval }: CycleTerms): number {
  return (interval === 'year' ? YEAR_DAYS : PERIOD_DAYS) * DAY_MS;
}

type Passing = 'pending' | 'cancelAt' | 'failureCode' | 'earlierChanges';

function without(facts: SubscriptionFacts, name: Passing): SubscriptionFacts {
  return Object.fromEntries(Object.entries(facts).filter(([key]) => key !== name)) as unknown as SubscriptionFacts;
}

/** What Stripe shows at a time. */
export function shownAt(moments: readonly Moment[], at: Instant): readonly SubscriptionFacts[] {
  return moments.findLast((moment) => moment.at <= at)?.shown ?? [];
}
