// Owns how an entry changes an account. Does not decide anything: a history evolves the same way for ever. How entries of
// holds do is in evolve-hold.ts.

import { type AccountState, sameTotals, subtractDraws, type Totals, ZERO_TOTALS } from './account.ts';
import type {
  AccountOpened,
  Adjusted,
  Debited,
  Entry,
  GrantExpired,
  Granted,
  GrantStarted,
  PaybackSettled,
  Reversed,
  SubscriptionChanged,
  TrialStarted,
} from './entry.ts';
import {
  evolveHoldEnded,
  evolveHoldExtended,
  evolveReserved,
  evolveSettled,
  type UncheckedChange,
} from './evolve-hold.ts';
import { compareStartOrder, type Grant, type GrantDraw, insertOrdered, takeDraws } from './grant.ts';
import { lapse, putBack, revive, spendFree } from './grant-book.ts';
import { present } from './optional.ts';
import { isRunning, type Trial } from './trial.ts';

/**
 * Computes the account after one more entry.
 * Throws RangeError where the entry can't follow this state: the history then contradicts itself.
 */
export function evolve(state: AccountState, entry: Entry): AccountState {
  const { totals, ...change } = computeChange(state, entry);
  if (!sameTotals(totals, entry.after)) {
    throw new RangeError(`an entry states ${describe(entry.after)} where its history gives ${describe(totals)}`);
  }
  return { ...state, ...change, totals };
}

/** Computes the totals after an entry whose own `after` is not known yet. Throws RangeError as {@link evolve} does. */
export function computeTotalsAfter(state: AccountState, entry: Entry): Totals {
  return computeChange(state, entry).totals;
}

function computeChange(state: AccountState, entry: Entry): UncheckedChange {
  switch (entry.type) {
    case 'account_opened':
      return evolveAccountOpened(state, entry);
    case 'granted':
      return evolveGranted(state, entry);
    case 'grant_started':
      return evolveGrantStarted(state, entry);
    case 'grant_expired':
      return evolveGrantExpired(state, entry);
    case 'debited':
      return evolveDebited(state, entry);
    case 'adjusted':
      return evolveAdjusted(state, entry);
    case 'reserved':
      return evolveReserved(state, entry);
    case 'hold_extended':
      return evolveHoldExtended(state, entry);
    case 'settled':
      return evolveSettled(state, entry);
    case 'hold_released':
    case 'hold_expired':
      return evolveHoldEnded(state, entry);
    case 'reversed':
      return evolveReversed(state, entry);
    case 'redacted':
    case 'run_reported':
      return { totals: state.totals };
    case 'trial_started':
      return evolveTrialStarted(state, entry);
    case 'trial_canceled':
      return { trial: evolveCanceled(requireRunning(state)), totals: state.totals };
    case 'trial_consented':
      return { trial: { ...requireRunning(state), consentedAt: entry.at }, totals: state.totals };
    case 'subscription_changed':
      return evolveSubscription(state, entry);
    case 'payback_settled':
      return evolvePayback(state, entry);
    case 'trial_ended':
      return { planCode: entry.planCode, trial: { ...requireRunning(state), status: 'ended' }, totals: state.totals };
  }
}

function evolveAccountOpened(state: AccountState, entry: AccountOpened): UncheckedChange {
  if (state.status === 'open') throw new RangeError('an account that is open can not be opened again');
  const { productCode, planCode } = entry;
  return { status: 'open', productCode, planCode, totals: ZERO_TOTALS };
}

function evolveGranted(state: AccountState, entry: Granted): UncheckedChange {
  if (entry.scheduled) {
    return { scheduled: insertOrdered(state.scheduled, entry.grant, compareStartOrder), totals: state.totals };
  }
  return evolveAddition(state, entry.grant, entry.deficitPaid);
}

function evolveGrantStarted(state: AccountState, entry: GrantStarted): UncheckedChange {
  const [first, ...scheduled] = state.scheduled;
  if (first?.grantId !== entry.grantId) throw new RangeError(`grant ${entry.grantId} is not the next to begin`);
  const grant: Grant = { ...first, remaining: first.remaining - entry.deficitPaid };
  return { ...evolveAddition(state, grant, entry.deficitPaid), scheduled };
}

function evolveGrantExpired(state: AccountState, entry: GrantExpired): UncheckedChange {
  const draws = [entry.expired];
  return { ...spendFree(state, draws), totals: subtractDraws(state.totals, draws) };
}

function evolveDebited(state: AccountState, entry: Debited): UncheckedChange {
  const totals = subtractDraws(state.totals, entry.draws);
  return {
    ...spendFree(state, entry.draws),
    totals: entry.deficit === 0n ? totals : { ...totals, deficit: totals.deficit + entry.deficit },
  };
}

function evolveAdjusted(state: AccountState, entry: Adjusted): UncheckedChange {
  if (entry.grant !== undefined) return evolveAddition(state, entry.grant, entry.deficitPaid);
  return { ...spendFree(state, entry.draws), totals: subtractDraws(state.totals, entry.draws) };
}

function evolveReversed(state: AccountState, entry: Reversed): UncheckedChange {
  const scheduled = state.scheduled.filter((grant) => grant.grantId !== entry.unscheduled);
  const totals = { ...subtractDraws(state.totals, entry.taken) };
  totals.deficit -= entry.deficitCancelled + entry.deficitPaid;
  let book = spendFree(state, entry.taken);
  for (const grant of entry.returned) {
    totals[grant.bucket] += grant.remaining;
    book = putBack(book, grant);
  }
  const returned = entry.returned.map(
    (grant): GrantDraw => ({ grantId: grant.grantId, bucket: grant.bucket, microcredits: grant.remaining }),
  );
  const paid = takeDraws(returned, entry.deficitPaid);
  return { ...spendFree(book, paid), scheduled, totals: subtractDraws(totals, paid) };
}

function evolveTrialStarted(state: AccountState, entry: TrialStarted): UncheckedChange {
  if (state.trial !== undefined) throw new RangeError('an account that has had its trial can not have another one');
  const { planCode, fallbackPlanCode, startedAt, endsAt, granted, revokesUnused, endBehaviour, personId, grant } =
    entry;
  const terms = { planCode, fallbackPlanCode, endsAt, granted, revokesUnused, endBehaviour, ...present({ personId }) };
  const trial: Trial = { ...terms, status: 'active', startedAt, ...present({ grantId: grant?.grantId }) };
  const credits = grant === undefined ? { totals: state.totals } : evolveAddition(state, grant, entry.deficitPaid);
  return { ...credits, planCode, trial };
}

/** Nothing follows a canceled trial, whatever was agreed before. */
function evolveCanceled({ consentedAt: _, ...trial }: Trial): Trial {
  return { ...trial, status: 'canceled' };
}

function evolveSubscription(state: AccountState, entry: SubscriptionChanged): UncheckedChange {
  const { subscription, planCode, lapsed, revived = [], at, grant, deficitPaid, endsTrial } = entry;
  const book = revive(lapse(state, lapsed, at), revived);
  const left: AccountState = { ...state, ...book, totals: subtractDraws(state.totals, lapsed) };
  const credits = grant === undefined ? pickCredits(left) : evolveAddition(left, grant, deficitPaid);
  const trial = endsTrial ? { trial: { ...requireRunning(state), status: 'ended' as const } } : {};
  return { ...credits, ...trial, planCode, subscription, subscriptionRevision: state.subscriptionRevision + 1 };
}

function evolvePayback(state: AccountState, { taken, deficit, grant, deficitPaid }: PaybackSettled): UncheckedChange {
  if (grant !== undefined) return evolveAddition(state, grant, deficitPaid);
  const totals = subtractDraws(state.totals, taken);
  return { ...spendFree(state, taken), totals: { ...totals, deficit: totals.deficit + deficit } };
}

function pickCredits({ grants, pinned, totals }: AccountState): UncheckedChange {
  return { grants, pinned, totals };
}

function requireRunning({ trial }: AccountState): Trial {
  if (!isRunning(trial)) throw new RangeError('no trial runs that could be canceled or end');
  return trial;
}

/** Adds a grant that is active from now on, after it paid `deficitPaid` of an earlier deficit. */
function evolveAddition(state: AccountState, grant: Grant, deficitPaid: bigint): UncheckedChange {
  const { bucket } = grant;
  const totals = {
    ...state.totals,
    [bucket]: state.totals[bucket] + grant.remaining,
    deficit: state.totals.deficit - deficitPaid,
  };
  return { ...putBack(state, grant), totals };
}

function describe(totals: Totals): string {
  const { trial, included, payg, held, deficit } = totals;
  return `trial ${trial}, included ${included}, payg ${payg}, held ${held}, deficit ${deficit}`;
}
