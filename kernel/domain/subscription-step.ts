// Owns how the subscription of an account follows what was seen of it at Stripe, and what time alone makes of it: one step at a
// time, each with what it does to included credits. Does not own when facts are read, or whether they may be old
// (decide-subscription.ts).
// Invariants: applying the same facts again does nothing; what ended at Stripe stays ended; a cycle's credits come with the
// invoice that pays the cycle, an upgrade's with the invoice that pays the change, each once; Trial and PAYG are never touched,
// but for the trial that a first payment ends.

import type { AccountState } from './account.ts';
import { sameDiscounts } from './discount.ts';
import type { SubscriptionChange } from './entry.ts';
import type { IdempotencyKey, Instant } from './id.ts';
import { present } from './optional.ts';
import {
  type ChangeFacts,
  type CycleTerms,
  computeRenewalGraceEnd,
  computeSubscriptionDueAt,
  type EarlierPeriod,
  isLive,
  listSubscriptionTimes,
  type PendingPlan,
  type Subscription,
  type SubscriptionFacts,
  type SubscriptionOutlook,
} from './subscription.ts';

/** What a step does to included credits. */
export type CreditEffect =
  | { readonly kind: 'none' }
  /**
   * What the cycle left over lapses, but for the rollover limit, and another allowance is given; `leftOver` comes beside, of a cycle
   * that has lapsed before.
   */
  | {
      readonly kind: 'new_cycle';
      readonly allowance: bigint;
      readonly rolloverLimit: bigint;
      readonly leftOver?: bigint;
    }
  /** The allowance is raised, for the time that is left. */
  | { readonly kind: 'raise'; readonly amount: bigint }
  /** What had lapsed comes again: it should not have. */
  | { readonly kind: 'restore'; readonly amount: bigint }
  | { readonly kind: 'lapse' };

/** One step of a subscription. */
export interface SubscriptionStep {
  readonly change: SubscriptionChange;
  readonly subscription: Subscription;
  readonly credits: CreditEffect;
  /** Names what the step gives, where it may be given only once. */
  readonly effectKey?: IdempotencyKey;
}

const NO_CREDITS: CreditEffect = { kind: 'none' };
/** How many periods of earlier subscriptions are remembered at most: an account hardly ever has one. The oldest is forgotten. */
const EARLIER_MAX = 8;

/** Computes the next step towards the facts; undefined where there is none. */
export function computeSubscriptionStep(
  state: Pick<AccountState, 'subscription'>,
  facts: SubscriptionFacts,
  now: Instant,
): SubscriptionStep | undefined {
  const current = state.subscription;
  if (current?.stripeSubscriptionId !== facts.stripeSubscriptionId) {
    // A second one beside one that runs is nobody's: see app/subscription.
    if (isLive(current)) return undefined;
    const own = findPeriod(current, facts);
    return own === undefined ? computeStart(current, facts, now) : computeComeback(current, own, facts, now);
  }
  if (current.endedBy === 'stripe') return undefined;
  if (facts.phase === 'ended') return computeEndAtStripe(current, facts, now);
  if (facts.phase === 'incomplete') return undefined;
  if (current.status === 'ended') return computeReturn(current, facts, now);
  if (isLaterPeriod(facts, current)) return computeNextPeriod(current, facts, now);
  // An older period was read before the one that stands here.
  return facts.periodStart < current.periodStart ? undefined : computeSamePeriod(current, facts, now);
}

/**
 * Times at Stripe are whole seconds: within one, another interval begins another period. An end that merely moves, such as to a
 * cancellation, begins none.
 */
function isLaterPeriod({ periodStart, terms }: SubscriptionFacts, current: EarlierPeriod): boolean {
  if (periodStart !== current.periodStart) return periodStart > current.periodStart;
  return terms.interval !== current.interval || terms.intervalCount !== current.intervalCount;
}

/** The first period of a subscription, or the first one that is paid after it ended here. `before` is what the account had last. */
function computeStart(
  before: Subscription | undefined,
  facts: SubscriptionFacts,
  now: Instant,
): SubscriptionStep | undefined {
  if (facts.phase !== 'live' || !isCyclePaid(facts) || isOver(facts, now)) return undefined;
  return {
    change: 'started',
    subscription: successorOf(before, facts, now),
    credits: {
      ...{ kind: 'new_cycle', allowance: paidAllowanceOf(facts), rolloverLimit: 0n },
      leftOver: computeLeftOver(before, facts),
    },
    effectKey: cycleKey(facts, findPeriod(before, facts)),
  };
}

/** What rolls over of the period before although it lapsed: its renewal was paid in time, which was not seen in time. */
function computeLeftOver(before: Subscription | undefined, facts: SubscriptionFacts): bigint {
  if (before?.leftOver === undefined || before.stripeSubscriptionId !== facts.stripeSubscriptionId) return 0n;
  const { leftOver, periodEnd, graceMs, rolloverLimit, endedAt = periodEnd } = before;
  // A period that was cut short by another interval leaves nothing over.
  if (facts.periodStart < periodEnd) return 0n;
  const { paidAt = Number.POSITIVE_INFINITY } = facts.cycleInvoice;
  const { microcredits, wasPastDue, graceEndsAt = endedAt } = leftOver;
  const paidBy = wasPastDue ? graceEndsAt : computeRenewalGraceEnd(periodEnd, graceMs);
  const isGoingOn = facts.isContract && !wasPastDue;
  if (!isGoingOn && paidAt > paidBy) return 0n;
  return microcredits < rolloverLimit ? microcredits : rolloverLimit;
}

/**
 * Remembers with a subscription that ends by time what went with that, where it may come again: the period was over, so its renewal
 * may have been paid, or it ended by its cancellation, which may have been taken back.
 */
export function rememberLeftOver(
  ended: Subscription,
  { status, graceEndsAt: lastGraceEnd, lapsedAt }: Subscription,
  lapsed: bigint,
): Subscription {
  const { cancelAt, periodEnd, endedAt = 0 } = ended;
  const wasPastDue = status === 'past_due';
  const isCanceled = cancelAt === endedAt;
  const graceEndsAt = isCanceled && wasPastDue ? lastGraceEnd : undefined;
  if (!isCanceled && (endedAt < periodEnd || lapsed === 0n)) return ended;
  const priorLapse = isCanceled ? present({ lapsedAt }) : undefined;
  return { ...ended, leftOver: { microcredits: lapsed, wasPastDue, ...present({ graceEndsAt, priorLapse }) } };
}

/** It ended here by time, others ran since, and Stripe says that it goes on. */
function computeComeback(
  current: Subscription | undefined,
  own: EarlierPeriod,
  facts: SubscriptionFacts,
  now: Instant,
): SubscriptionStep | undefined {
  if (isLaterPeriod(facts, own)) return computeStart(current, facts, now);
  if (facts.phase !== 'live' || !isSamePeriodGoingOn(own, facts, now)) return undefined;
  const subscription = { ...successorOf(current, facts, now), paidAllowance: own.paidAllowance };
  return { change: 'started', subscription, credits: NO_CREDITS };
}

/** It ended here by time, and Stripe says that it goes on. */
function computeReturn(ended: Subscription, facts: SubscriptionFacts, now: Instant): SubscriptionStep | undefined {
  const isLater = isLaterPeriod(facts, ended);
  const next = isLater ? computeStart(ended, facts, now) : undefined;
  const onward = next ?? computeResumption(ended, facts, now);
  if (onward !== undefined || isLater || !isSamePeriodGoingOn(ended, facts, now)) return onward;
  const subscription = { ...withoutEnd(ended), ...outlookOf(facts), status: 'active' as const };
  return { change: 'started', subscription, credits: NO_CREDITS };
}

/**
 * It ended here by its cancellation, and Stripe says that this had been taken back, or put off: it stands where it would without that
 * end, whether or not the next period is paid, and what lapsed with it comes again. Undefined where its grace were over by now, too.
 */
function computeResumption(ended: Subscription, facts: SubscriptionFacts, now: Instant): SubscriptionStep | undefined {
  const isPutOff = facts.cancelAt === undefined || facts.cancelAt > now;
  if (ended.cancelAt !== ended.endedAt || !isPutOff || facts.periodStart < ended.periodStart) return undefined;
  const subscription = resumedOf(ended, facts, now);
  const isLost = subscription.status !== 'active' && (computeSubscriptionDueAt(subscription) ?? now + 1) <= now;
  if (isLost) return undefined;
  return { change: 'started', subscription, credits: { kind: 'restore', amount: ended.leftOver?.microcredits ?? 0n } };
}

function resumedOf(ended: Subscription, facts: SubscriptionFacts, now: Instant): Subscription {
  const resumed = { ...withoutLapse(ended), ...outlookOf(facts) };
  const { wasPastDue = false, graceEndsAt = now } = ended.leftOver ?? {};
  if (wasPastDue) return { ...resumed, status: 'past_due', graceEndsAt };
  return resumed.periodEnd <= now ? waitingOf(resumed) : { ...resumed, status: 'active' };
}

function withoutEnd(ended: Subscription): Subscription {
  const { cancelAt: _, failureCode: __, endedAt: ___, endedBy: ____, leftOver: _____, ...rest } = ended;
  return rest;
}

/** What was granted since the lapse before is not gone any more: a reversal gives back to it, and so does a hold. */
function withoutLapse(ended: Subscription): Subscription {
  const { lapsedAt, ...rest } = withoutEnd(ended);
  return { ...rest, ...present(ended.leftOver?.priorLapse ?? { lapsedAt }) };
}

/** The credits of such a period were given, and have lapsed: they are not given twice. */
function isSamePeriodGoingOn({ periodStart }: EarlierPeriod, facts: SubscriptionFacts, now: Instant): boolean {
  return facts.periodStart >= periodStart && !facts.isUnpaid && !isOver(facts, now);
}

/** A contract begins its periods before they are paid. */
function isCyclePaid({ cycleInvoice, isContract, isUnpaid }: SubscriptionFacts): boolean {
  return cycleInvoice.state === 'paid' || (isContract && !isUnpaid);
}

function isOver({ periodEnd, cancelAt }: SubscriptionFacts, now: Instant): boolean {
  return periodEnd <= now || (cancelAt !== undefined && cancelAt <= now);
}

/** What the invoice of the period pays for: where the price was changed since, that is not what it is now. */
function paidAllowanceOf({ cycleInvoice, terms }: SubscriptionFacts): bigint {
  return cycleInvoice.includedPerCycle ?? terms.includedPerCycle;
}

function computeEndAtStripe(current: Subscription, facts: SubscriptionFacts, now: Instant): SubscriptionStep {
  const endedAt = current.endedAt ?? facts.endedAt ?? now;
  return {
    change: 'ended',
    subscription: { ...endedOf(current, endedAt, now), endedBy: 'stripe' },
    credits: current.status === 'ended' ? NO_CREDITS : { kind: 'lapse' },
  };
}

function computeNextPeriod(
  current: Subscription,
  facts: SubscriptionFacts,
  now: Instant,
): SubscriptionStep | undefined {
  if (isCyclePaid(facts)) {
    // A period that was cut short by another interval leaves nothing over.
    const isCutShort = facts.periodStart < current.periodEnd;
    const rolloverLimit = isCutShort ? 0n : current.rolloverLimit;
    return {
      change: 'renewed',
      subscription: { ...successorOf(current, facts, now), startedAt: current.startedAt },
      credits: { kind: 'new_cycle', allowance: paidAllowanceOf(facts), rolloverLimit },
      effectKey: cycleKey(facts, current),
    };
  }
  if (facts.cycleInvoice.state === 'failed' || facts.isUnpaid) return computeFailure(current, facts, facts.periodStart);
  // An upgrade that was paid before the renewal is; its credits come with that. What was to follow the period waits for it.
  if (!sameTerms(current, facts.terms) && facts.changeInvoice.state === 'paid') {
    return { change: 'plan_changed', subscription: pricedAs(current, facts), credits: NO_CREDITS };
  }
  return computeOutlook(current, facts);
}

function computeSamePeriod(
  current: Subscription,
  facts: SubscriptionFacts,
  now: Instant,
): SubscriptionStep | undefined {
  if (!sameTerms(current, facts.terms)) return computePlanChange(current, facts, now);
  const raise = computeRaise(current, facts);
  if (raise !== undefined) return { change: 'allowance_raised', ...raise };
  if (facts.isUnpaid) return computeFailure(current, facts, now);
  if (current.status === 'past_due') return computeRecovery(current, now);
  return computeOutlook(current, facts);
}

/** Where the period has ended meanwhile, its renewal is still to come. */
function computeRecovery(current: Subscription, now: Instant): SubscriptionStep {
  const { graceEndsAt: _, failureCode: __, ...rest } = current;
  const subscription = current.periodEnd <= now ? waitingOf(rest) : { ...rest, status: 'active' as const };
  return { change: 'recovered', subscription, credits: NO_CREDITS };
}

function waitingOf(current: Subscription): Subscription {
  const { periodEnd, graceMs } = current;
  return { ...current, status: 'renewal_pending', graceEndsAt: computeRenewalGraceEnd(periodEnd, graceMs) };
}

/** Another price inside of the period. The plan follows Stripe; more credits come with the invoice that pays for them. */
function computePlanChange(current: Subscription, facts: SubscriptionFacts, now: Instant): SubscriptionStep {
  const changed = pricedAs(current, facts);
  const raise = computeRaise(changed, facts);
  if (raise !== undefined) return { change: 'plan_changed', ...raise };
  const { status, graceEndsAt } = changed;
  const isFailed = facts.isUnpaid && status !== 'past_due';
  const failure = isFailed ? { status: 'past_due' as const, graceEndsAt: graceEndsAt ?? now + changed.graceMs } : {};
  return { change: 'plan_changed', subscription: { ...changed, ...failure }, credits: NO_CREDITS };
}

function pricedAs(current: Subscription, { terms, rules }: SubscriptionFacts): Subscription {
  return { ...current, ...terms, ...rules };
}

/** What the oldest change gives that was paid, and has given nothing: whoever looks seldom takes them one after the other. */
function computeRaise(
  current: Subscription,
  facts: SubscriptionFacts,
): Pick<SubscriptionStep, 'subscription' | 'credits' | 'effectKey'> | undefined {
  const isDue = ({ state, includedPerCycle }: ChangeFacts): boolean =>
    state === 'paid' && includedPerCycle > current.paidAllowance;
  const change = listChanges(facts).find(isDue);
  if (change === undefined) return undefined;
  const { includedPerCycle, changedAt, stripeInvoiceId } = change;
  return {
    subscription: { ...current, paidAllowance: includedPerCycle },
    credits: { kind: 'raise', amount: computeProratedRaise(current, includedPerCycle, changedAt) },
    effectKey: `change:${stripeInvoiceId}` as IdempotencyKey,
  };
}

/** Lists the changes inside of the period, oldest first. */
function listChanges({ terms, changeInvoice, earlierChanges = [] }: SubscriptionFacts): readonly ChangeFacts[] {
  const newest = { ...changeInvoice, includedPerCycle: terms.includedPerCycle };
  return [...earlierChanges, newest].toSorted((a, b) => a.changedAt - b.changedAt);
}

/**
 * Computes what an upgrade adds to the included credits of a period that is under way: the new allowance less the one that was
 * paid for, by the share of the period that is left, in whole microcredits, rounded down.
 */
export function computeProratedRaise(
  { paidAllowance, periodStart, periodEnd }: Pick<Subscription, 'paidAllowance' | 'periodStart' | 'periodEnd'>,
  allowance: bigint,
  at: Instant,
): bigint {
  const from = Math.min(Math.max(at, periodStart), periodEnd);
  const length = BigInt(periodEnd - periodStart);
  const more = allowance - paidAllowance;
  return more <= 0n || length <= 0n ? 0n : (more * BigInt(periodEnd - from)) / length;
}

function computeFailure(current: Subscription, facts: SubscriptionFacts, since: Instant): SubscriptionStep | undefined {
  const { failureCode } = facts;
  const { failureCode: _, ...rest } = current;
  const graceEndsAt = current.status === 'past_due' ? current.graceEndsAt : since + current.graceMs;
  const failed: Subscription = {
    ...rest,
    status: 'past_due',
    ...present({ graceEndsAt, failureCode }),
  };
  if (current.status !== 'past_due') return { change: 'payment_failed', subscription: failed, credits: NO_CREDITS };
  return computeOutlook(current, facts);
}

/** What may change without money or plan: what comes after the period, what is taken off it, and why a payment failed. */
function computeOutlook(current: Subscription, facts: SubscriptionFacts): SubscriptionStep | undefined {
  if (sameOutlook(current, facts)) return undefined;
  const { cancelAt: _, pending: __, failureCode: ___, discounts: ____, ...rest } = current;
  return { change: 'updated', subscription: { ...rest, ...outlookOf(facts) }, credits: NO_CREDITS };
}

/**
 * Lists every time at which an account that takes one step towards these facts may change by itself before it takes another, the end
 * of a grace that is not set yet included.
 */
export function listSubscriptionDueTimes(
  state: Pick<AccountState, 'subscription'>,
  facts: SubscriptionFacts,
  now: Instant,
): readonly (Instant | undefined)[] {
  return listSubscriptionTimes(computeSubscriptionStep(state, facts, now)?.subscription);
}

/** Computes what falls due of a subscription at a time by itself. */
export function computeSubscriptionDue(current: Subscription, dueAt: Instant): SubscriptionStep {
  const { status, cancelAt, periodEnd, graceEndsAt } = current;
  const isAtEnd = cancelAt === dueAt || (status !== 'active' && graceEndsAt === dueAt);
  if (!isAtEnd && status === 'active' && periodEnd === dueAt) {
    return { change: 'renewal_pending', subscription: waitingOf(current), credits: NO_CREDITS };
  }
  if (!isAtEnd) throw new RangeError(`nothing of the subscription is due at ${dueAt}`);
  return {
    change: 'ended',
    subscription: { ...endedOf(current, dueAt, dueAt), endedBy: 'time' },
    credits: { kind: 'lapse' },
  };
}

function endedOf(current: Subscription, endedAt: Instant, at: Instant): Subscription {
  const { graceEndsAt: _, pending: __, leftOver: ___, discounts: ____, ...rest } = current;
  const lapsedAt = current.status === 'ended' ? current.lapsedAt : at;
  return { ...rest, status: 'ended', endedAt, ...present({ lapsedAt }) };
}

function subscriptionOf(facts: SubscriptionFacts): Subscription {
  const { stripeSubscriptionId, terms, rules, fallbackPlanCode, startedAt, periodStart, periodEnd } = facts;
  return {
    ...{ stripeSubscriptionId, fallbackPlanCode, startedAt, periodStart, periodEnd, ...terms, ...rules },
    ...(facts.isContract ? { isContract: true } : {}),
    status: 'active',
    paidAllowance: paidAllowanceOf(facts),
    ...outlookOf(facts),
  };
}

/** What is paid for anew. All that was given before lapses with it. */
function successorOf(before: Subscription | undefined, facts: SubscriptionFacts, now: Instant): Subscription {
  if (before === undefined) return subscriptionOf(facts);
  return { ...subscriptionOf(facts), lapsedAt: now, ...present({ earlier: earlierOf(before, facts, now) }) };
}

/** Lists the periods that others had and that may come back; what ended at Stripe never does. */
function earlierOf(
  before: Subscription,
  { stripeSubscriptionId }: SubscriptionFacts,
  now: Instant,
): readonly EarlierPeriod[] | undefined {
  const { earlier = [] } = before;
  const known = before.endedBy === 'time' ? [...earlier, periodOf(before)] : earlier;
  const left = known.filter((one) => one.stripeSubscriptionId !== stripeSubscriptionId && one.periodEnd > now);
  return left.length === 0 ? undefined : left.slice(-EARLIER_MAX);
}

function periodOf(subscription: Subscription): EarlierPeriod {
  const { stripeSubscriptionId, periodStart, periodEnd, interval, intervalCount, paidAllowance } = subscription;
  return { stripeSubscriptionId, periodStart, periodEnd, interval, intervalCount, paidAllowance };
}

/** Finds the last period of a subscription that the account had. */
function findPeriod(
  current: Subscription | undefined,
  { stripeSubscriptionId: id }: SubscriptionFacts,
): EarlierPeriod | undefined {
  if (current?.stripeSubscriptionId === id) return current;
  return current?.earlier?.find(({ stripeSubscriptionId }) => stripeSubscriptionId === id);
}

function outlookOf({ cancelAt, pending, failureCode, discounts }: SubscriptionOutlook): SubscriptionOutlook {
  return present({ cancelAt, pending, failureCode, discounts });
}

function sameOutlook(a: SubscriptionOutlook, b: SubscriptionOutlook): boolean {
  return (
    a.cancelAt === b.cancelAt &&
    samePending(a.pending, b.pending) &&
    a.failureCode === b.failureCode &&
    sameDiscounts(a.discounts, b.discounts)
  );
}

function samePending(a: PendingPlan | undefined, b: PendingPlan | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.effectiveAt === b.effectiveAt && sameTerms(a.terms, b.terms);
}

/** The price is what a subscriber has: what the catalog says of its plan later changes nothing here. */
function sameTerms(a: CycleTerms, b: CycleTerms): boolean {
  return a.stripePriceId === b.stripePriceId;
}

function cycleKey(
  { stripeSubscriptionId, periodStart, periodEnd }: SubscriptionFacts,
  own: EarlierPeriod | undefined,
): IdempotencyKey {
  const isSecond = own?.periodStart === periodStart;
  const period = isSecond ? `${periodStart}-${periodEnd}` : `${periodStart}`;
  return `cycle:${stripeSubscriptionId}:${period}` as IdempotencyKey;
}
