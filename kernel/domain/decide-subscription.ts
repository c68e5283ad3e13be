// Owns the entry that a step of a subscription makes: what lapses, what is given, and that facts which may be old do nothing.
// Does not own the step itself (subscription-step.ts).

import { type AccountState, subtractDraws, sumBuckets, type Totals } from './account.ts';
import { computeAddition } from './addition.ts';
import { MICROCREDITS_MAX } from './bound.ts';
import type { ApplySubscription } from './command.ts';
import { accept, type Decision, identityOf } from './decision.ts';
import type { SubscriptionChanged } from './entry.ts';
import type { Grant, GrantDraw } from './grant.ts';
import type { GrantId, IdempotencyKey, Instant, PlanCode } from './id.ts';
import { hasLapsed } from './lapse.ts';
import { present } from './optional.ts';
import { isLive, SUBSCRIPTION_SOURCE, type Subscription } from './subscription.ts';
import {
  type CreditEffect,
  computeSubscriptionDue,
  computeSubscriptionStep,
  rememberLeftOver,
  type SubscriptionStep,
} from './subscription-step.ts';
import { isRunning } from './trial.ts';

/**
 * Decides one step towards the facts. Nothing is recorded where they were read before the newest of what is known of
 * subscriptions here, or where there is no step left: whoever asks reads both again. What was paid for is never refused: it gives one
 * grant beside however many there are, and of its credits as many as an account can hold.
 */
export function decideApplySubscription(state: AccountState, command: ApplySubscription, now: Instant): Decision {
  if (command.revision !== state.subscriptionRevision) return { kind: 'accepted' };
  const step = computeSubscriptionStep(state, command.facts, now);
  if (step === undefined) return { kind: 'accepted' };
  const { effectKey } = step;
  const entry = entryOf(
    state,
    step,
    { ...identityOf(command), ...present({ effectKey }) },
    { at: now, grantId: command.grantId },
  );
  return accept(entry);
}

/** Computes the entry of what fell due of the subscription by itself. */
export function computeSubscriptionDueEntry(state: AccountState, dueAt: Instant): SubscriptionChanged {
  if (!isLive(state.subscription)) throw new RangeError('no subscription runs that could fall due');
  const { stripeSubscriptionId } = state.subscription;
  const step = computeSubscriptionDue(state.subscription, dueAt);
  const key = `subscription-due:${stripeSubscriptionId}:${step.change}:${dueAt}` as IdempotencyKey;
  const entry = entryOf(state, step, { key }, { at: dueAt });
  if (step.change !== 'ended') return entry;
  return {
    ...entry,
    subscription: rememberLeftOver(entry.subscription, state.subscription, sumIncluded(entry.lapsed)),
  };
}

type Identity = Pick<SubscriptionChanged, 'key' | 'effectKey' | 'fingerprint' | 'personal'>;

function entryOf(
  state: AccountState,
  { change, subscription, credits }: SubscriptionStep,
  identity: Identity,
  { at, grantId }: { readonly at: Instant; readonly grantId?: GrantId },
): SubscriptionChanged {
  const endsTrial = change === 'started' && isRunning(state.trial);
  const moved = computeCredits(state, credits, { at, endsTrial, ...present({ grantId }) });
  return {
    type: 'subscription_changed',
    ...identity,
    change,
    subscription,
    planCode: planAfter(state, subscription),
    at,
    endsTrial,
    ...moved,
    ...(credits.kind === 'restore' ? present({ revived: findRevived(state, subscription, at) }) : {}),
  };
}

/** Finds what holds keep of credits that are not gone any more; undefined where that is nothing. */
function findRevived({ pinned, trial }: AccountState, subscription: Subscription, at: Instant): GrantId[] | undefined {
  const isRevived = ({ expiresAt: _, ...grant }: Grant): boolean =>
    isOwn(grant) && !hasLapsed({ subscription, ...present({ trial }) }, grant, at);
  const revived = pinned.filter(isRevived).map(({ grantId }) => grantId);
  return revived.length === 0 ? undefined : revived;
}

function planAfter({ planCode, subscription: before }: AccountState, after: Subscription): PlanCode {
  if (after.status !== 'ended') return after.planCode;
  // One that has ended before has nothing to say about the plan any more.
  return isLive(before) ? after.fallbackPlanCode : planCode;
}

/** What a step does to the credits of an account. */
export type CreditMove = Pick<SubscriptionChanged, 'lapsed' | 'grant' | 'rolledOver' | 'deficitPaid' | 'after'>;

/** Computes what a step does to credits; a grant needs its id. Previews ask the same. */
export function computeCredits(
  state: AccountState,
  credits: CreditEffect,
  { at, endsTrial, grantId }: { readonly at: Instant; readonly endsTrial: boolean; readonly grantId?: GrantId },
): CreditMove {
  const lapsed = [...(endsTrial ? trialLapse(state) : []), ...(isLapsing(credits) ? includedLapse(state) : [])];
  const left = subtractDraws(state.totals, lapsed);
  const rolledOver = rolledOverOf(credits, lapsed);
  const amount = smaller(amountOf(credits) + rolledOver, roomOf(state, left));
  if (amount === 0n) return { lapsed, rolledOver: 0n, deficitPaid: 0n, after: left };
  return { lapsed, rolledOver: smaller(rolledOver, amount), ...addIncluded(left, amount, at, grantId) };
}

/** Computes what an account can still take, in microcredits, with what is to begin later. */
function roomOf({ scheduled }: AccountState, totals: Totals): bigint {
  const later = scheduled.reduce((sum, grant) => sum + grant.remaining, 0n);
  const room = MICROCREDITS_MAX + totals.deficit - sumBuckets(totals) - later;
  return room > 0n ? room : 0n;
}

function addIncluded(
  totals: Totals,
  amount: bigint,
  at: Instant,
  grantId: GrantId | undefined,
): Pick<CreditMove, 'grant' | 'deficitPaid' | 'after'> {
  if (grantId === undefined) throw new RangeError('included credits need the id of their grant');
  const { deficitPaid, remaining, after } = computeAddition(totals, { bucket: 'included', remaining: amount });
  const grant: Grant = {
    ...{ grantId, bucket: 'included', granted: amount, remaining, held: 0n, effectiveAt: at },
    source: SUBSCRIPTION_SOURCE,
  };
  return { grant, deficitPaid, after };
}

function rolledOverOf(credits: CreditEffect, lapsed: readonly GrantDraw[]): bigint {
  if (credits.kind !== 'new_cycle') return 0n;
  return smaller(sumIncluded(lapsed), credits.rolloverLimit) + (credits.leftOver ?? 0n);
}

function amountOf(credits: CreditEffect): bigint {
  if (credits.kind === 'new_cycle') return credits.allowance;
  return credits.kind === 'raise' || credits.kind === 'restore' ? credits.amount : 0n;
}

function isLapsing({ kind }: CreditEffect): boolean {
  return kind === 'new_cycle' || kind === 'lapse';
}

/** All that subscriptions have given. What an operator put into the bucket is not the cycle's, and stays. */
function includedLapse({ grants, pinned }: AccountState): readonly GrantDraw[] {
  return [...grants.included, ...pinned].filter(isOwn).map(drawAll);
}

function isOwn({ source, bucket }: Grant): boolean {
  return source === SUBSCRIPTION_SOURCE && bucket === 'included';
}

/** A trial that ends early ends as at its time: its credits lapse only where its terms say so. */
function trialLapse({ trial, grants, pinned }: AccountState): readonly GrantDraw[] {
  if (trial === undefined || !trial.revokesUnused) return [];
  return [...grants.trial, ...pinned].filter(({ grantId }) => grantId === trial.grantId).map(drawAll);
}

function drawAll({ grantId, bucket, remaining }: Grant): GrantDraw {
  return { grantId, bucket, microcredits: remaining };
}

function sumIncluded(draws: readonly GrantDraw[]): bigint {
  return draws.reduce((sum, draw) => (draw.bucket === 'included' ? sum + draw.microcredits : sum), 0n);
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
