// Owns how an entry changes an account. Does not decide anything: a history evolves the same way for ever.

import { type AccountState, sameTotals, type Totals, ZERO_TOTALS } from './account.ts';
import type { Bucket } from './bucket.ts';
import { takeDraws } from './burn-down.ts';
import type { AccountOpened, Adjusted, Debited, Entry, GrantExpired, Granted, GrantStarted } from './entry.ts';
import { compareBurnOrder, compareStartOrder, type Grant, type GrantDraw, insertOrdered } from './grant.ts';

/**
 * Computes the account after one more entry.
 * Throws RangeError where the entry can't follow this state: the history then contradicts itself.
 */
export function evolve(state: AccountState, entry: Entry): AccountState {
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
  }
}

function evolveAccountOpened(state: AccountState, entry: AccountOpened): AccountState {
  if (state.status === 'open') throw new RangeError('an account that is open can not be opened again');
  const { productCode, planCode } = entry;
  return withTotals({ ...state, status: 'open', productCode, planCode }, ZERO_TOTALS, entry.after);
}

function evolveGranted(state: AccountState, entry: Granted): AccountState {
  if (entry.scheduled) {
    const scheduled = insertOrdered(state.scheduled, entry.grant, compareStartOrder);
    return withTotals({ ...state, scheduled }, state.totals, entry.after);
  }
  return evolveAddition(state, entry.grant, entry.deficitPaid, entry.after);
}

function evolveGrantStarted(state: AccountState, entry: GrantStarted): AccountState {
  const [first, ...scheduled] = state.scheduled;
  if (first?.grantId !== entry.grantId) throw new RangeError(`grant ${entry.grantId} is not the next to begin`);
  const grant: Grant = { ...first, remaining: first.remaining - entry.deficitPaid };
  return evolveAddition({ ...state, scheduled }, grant, entry.deficitPaid, entry.after);
}

function evolveGrantExpired(state: AccountState, entry: GrantExpired): AccountState {
  const totals = subtract(state.totals, [entry.expired]);
  return withTotals({ ...state, grants: takeFrom(state, [entry.expired]) }, totals, entry.after);
}

function evolveDebited(state: AccountState, entry: Debited): AccountState {
  const totals = subtract(state.totals, entry.draws);
  const grants = entry.draws.length === 0 ? state.grants : takeFrom(state, entry.draws);
  return withTotals({ ...state, grants }, { ...totals, deficit: totals.deficit + entry.deficit }, entry.after);
}

function evolveAdjusted(state: AccountState, entry: Adjusted): AccountState {
  if (entry.grant !== undefined) return evolveAddition(state, entry.grant, entry.deficitPaid, entry.after);
  const totals = subtract(state.totals, entry.draws);
  return withTotals({ ...state, grants: takeFrom(state, entry.draws) }, totals, entry.after);
}

/** Adds a grant that is active from now on, after it paid `deficitPaid` of an earlier deficit. */
function evolveAddition(state: AccountState, grant: Grant, deficitPaid: bigint, after: Totals): AccountState {
  const { bucket } = grant;
  const totals = {
    ...state.totals,
    [bucket]: state.totals[bucket] + grant.remaining,
    deficit: state.totals.deficit - deficitPaid,
  };
  if (grant.remaining === 0n) return withTotals(state, totals, after);
  const grants = { ...state.grants, [bucket]: insertOrdered(state.grants[bucket], grant, compareBurnOrder) };
  return withTotals({ ...state, grants }, totals, after);
}

function takeFrom(state: AccountState, draws: readonly GrantDraw[]): AccountState['grants'] {
  const grants: Record<Bucket, readonly Grant[]> = { ...state.grants };
  for (const bucket of new Set(draws.map((draw) => draw.bucket))) {
    grants[bucket] = takeDraws(
      grants[bucket],
      draws.filter((draw) => draw.bucket === bucket),
    );
  }
  return grants;
}

/** Computes totals after draws were taken out of their buckets. */
export function subtract(totals: Totals, draws: readonly GrantDraw[]): Totals {
  if (draws.length === 0) return totals;
  const after = { ...totals };
  for (const draw of draws) after[draw.bucket] -= draw.microcredits;
  return after;
}

/** Sets the totals after checking that they are what the entry says. */
function withTotals(state: AccountState, computed: Totals, stated: Totals): AccountState {
  if (!sameTotals(computed, stated)) {
    throw new RangeError(`an entry states ${describe(stated)} where its history gives ${describe(computed)}`);
  }
  return { ...state, totals: computed };
}

function describe(totals: Totals): string {
  const { trial, included, payg, held, deficit } = totals;
  return `trial ${trial}, included ${included}, payg ${payg}, held ${held}, deficit ${deficit}`;
}
