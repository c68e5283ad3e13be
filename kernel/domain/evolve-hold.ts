// Owns how the entries of holds change an account. Throws RangeError where an entry can't follow the state.

import { type AccountState, subtractDraws, type Totals } from './account.ts';
import { estimateHoldBytes } from './byte-estimate.ts';
import type { HoldExpired, HoldExtended, HoldReleased, Reserved, Settled } from './entry.ts';
import { type GrantDraw, insertOrdered, sumDraws, takeDraws } from './grant.ts';
import { type GrantBook, pin, spendFree, spendHeld, unpin } from './grant-book.ts';
import { compareHoldOrder, figuresOf, type Hold, type HoldEnd } from './hold.ts';
import type { HoldId } from './id.ts';
import { present } from './optional.ts';

/** What an entry changes of an account, before its totals are held against what it states. */
export type UncheckedChange = Partial<AccountState> & Pick<AccountState, 'totals'>;

export function evolveReserved(state: AccountState, entry: Reserved): UncheckedChange {
  const { holdId, action, price, projectId, workflowId, runId, hold } = entry;
  if (findHold(state, holdId) !== undefined) throw new RangeError(`hold ${holdId} is open already`);
  return {
    ...pin(state, hold.draws),
    ...withHold(state, { holdId, action, price, ...present({ projectId, workflowId, runId }), ...hold }),
    totals: { ...state.totals, held: state.totals.held + sumDraws(hold.draws) },
  };
}

export function evolveHoldExtended(state: AccountState, entry: HoldExtended): UncheckedChange {
  const before = requireHold(state, entry.holdId);
  return {
    ...pin(state, entry.draws),
    ...withHold(withoutHold(state, before), { ...before, ...figuresOf(entry.hold) }),
    totals: { ...state.totals, held: state.totals.held + sumDraws(entry.draws) },
  };
}

export function evolveSettled(state: AccountState, entry: Settled): UncheckedChange {
  const held = entry.draws.slice(0, entry.drawsFromHold);
  const charged = {
    ...spendFree(spendHeld(state, held), entry.draws.slice(entry.drawsFromHold)),
    totals: chargeTotals(state.totals, entry, held),
  };
  if (entry.late) return charged;
  const before = requireHold(state, entry.holdId);
  const rest = withoutHold(state, before);
  if (entry.end === undefined) {
    return { ...charged, ...withHold(rest, { ...before, ...figuresOf(entry.hold) }) };
  }
  return { ...applyHoldEnd(charged, entry.end), ...rest };
}

/** Computes the totals after a charge of which the draws `held` come out of a hold. */
function chargeTotals(totals: Totals, entry: Settled, held: readonly GrantDraw[]): Totals {
  const drawn = subtractDraws(totals, entry.draws);
  return { ...drawn, held: totals.held - sumDraws(held), deficit: totals.deficit + entry.deficit };
}

export function evolveHoldEnded(state: AccountState, entry: HoldReleased | HoldExpired): UncheckedChange {
  return { ...applyHoldEnd(state, entry.end), ...withoutHold(state, requireHold(state, entry.holdId)) };
}

/** Frees or expires what a hold still held. */
function applyHoldEnd(account: GrantBook & Pick<AccountState, 'totals'>, end: HoldEnd): UncheckedChange {
  const { freed, expired, deficitPaid } = end;
  const paid = takeDraws(freed, deficitPaid);
  const { held, deficit } = account.totals;
  return {
    ...spendFree(unpin(spendHeld(account, expired), freed), paid),
    totals: {
      ...subtractDraws(account.totals, [...expired, ...paid]),
      held: held - sumDraws(freed) - sumDraws(expired),
      deficit: deficit - deficitPaid,
    },
  };
}

/** The open holds of an account with what is kept beside them. */
type HoldList = Pick<AccountState, 'holds' | 'overdraftHeld' | 'holdBytes'>;

function withHold(list: HoldList, hold: Hold): HoldList {
  return {
    holds: insertOrdered(list.holds, hold, compareHoldOrder),
    overdraftHeld: list.overdraftHeld + hold.overdraft,
    holdBytes: list.holdBytes + estimateHoldBytes(hold),
  };
}

function withoutHold(list: HoldList, hold: Hold): HoldList {
  return {
    // The hold is the very one of the list, and the first of it where it expires: thousands may end at once.
    holds: list.holds.toSpliced(list.holds.indexOf(hold), 1),
    overdraftHeld: list.overdraftHeld - hold.overdraft,
    holdBytes: list.holdBytes - estimateHoldBytes(hold),
  };
}

/** Finds an open hold. */
export function findHold(state: Pick<AccountState, 'holds'>, holdId: HoldId): Hold | undefined {
  return state.holds.find((hold) => hold.holdId === holdId);
}

function requireHold(state: AccountState, holdId: HoldId): Hold {
  const hold = findHold(state, holdId);
  if (hold === undefined) throw new RangeError(`hold ${holdId} is not open`);
  return hold;
}
