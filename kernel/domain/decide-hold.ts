// Owns the rules of holds: what may be held, and that work behind a hold is always charged. Expects an account that was
// brought up to `now`.

import { type AccountState, computeOverdraftRemaining } from './account.ts';
import { actionNotFound, applyPrice, resolveActionPrice } from './action-price.ts';
import { HOLD_BYTES_MAX, HOLD_DURATION_MAX_MS, MICROCREDITS_MAX, OPEN_HOLDS_MAX } from './bound.ts';
import { BUCKETS } from './bucket.ts';
import { type BurnDown, computeBurnDown } from './burn-down.ts';
import { estimateHoldBytes } from './byte-estimate.ts';
import type { Extend, Release, Reservation, Reserve, Settle } from './command.ts';
import { insufficientCredits, isGated } from './credit-gate.ts';
import { acceptOver, type Decision, identityOf, outOfRange, reject } from './decision.ts';
import type { Settled } from './entry.ts';
import { type EntryPlace, formatHoldId } from './entry-id.ts';
import { DomainError, invalidField } from './error.ts';
import { findHold } from './evolve-hold.ts';
import { compareBurnOrder, type GrantDraw, sumDraws, takeDraws } from './grant.ts';
import { findGrant, type GrantBook } from './grant-book.ts';
import { figuresOf, type Hold, type HoldFigures } from './hold.ts';
import { computeHoldEnd, endedFigures } from './hold-end.ts';
import type { HoldId, Instant } from './id.ts';
import { present } from './optional.ts';
import { computeCost, formatQuantity } from './quantity.ts';
import { overdraftLimitOf, type Rulebook } from './rulebook.ts';

export function decideReserve(
  state: AccountState,
  command: Reserve,
  place: EntryPlace & { readonly now: Instant },
): Decision {
  const { tenantId, action, quantity, expiresAt, rulebook, projectId, workflowId, runId } = command;
  const { now } = place;
  const price = resolveActionPrice(rulebook.prices, action, { tenantId, planCode: state.planCode, at: now });
  if (price === undefined) return reject(actionNotFound(action));
  if (quantity.millionths < 1n) return reject(invalidField({ field: 'quantity', description: 'must be above zero' }));
  const problem = findExpiryProblem(expiresAt, now);
  if (problem !== undefined) return reject(problem);
  const funding = computeFunding(state, { action, amount: computeCost(quantity, price.microcreditsPerUnit) }, rulebook);
  if (funding instanceof DomainError) return reject(funding);
  const hold: Hold = {
    holdId: formatHoldId(place, now),
    action,
    price: applyPrice(price),
    ...present({ projectId, workflowId, runId }),
    draws: funding.draws,
    overdraft: funding.uncovered,
    settled: 0n,
    expiresAt,
  };
  const tooMany = findHoldLimitProblem(state, 1, estimateHoldBytes(hold));
  if (tooMany !== undefined) return reject(tooMany);
  return acceptOver(state, {
    type: 'reserved',
    ...identityOf(command),
    ...aboutHold(hold),
    quantity: formatQuantity(quantity),
    price: hold.price,
    hold: figuresOf(hold),
    after: state.totals,
  });
}

export function decideExtend(state: AccountState, command: Extend, now: Instant): Decision {
  const { holdId, expiresAt, quantity, rulebook } = command;
  const hold = findHold(state, holdId);
  if (hold === undefined) return reject(holdEnded(holdId));
  if (quantity !== undefined && quantity.millionths < 1n) {
    return reject(invalidField({ field: 'additional_quantity', description: 'must be above zero' }));
  }
  if (expiresAt !== undefined) {
    const problem = findExpiryProblem(expiresAt, now);
    if (problem !== undefined) return reject(problem);
  }
  const added = quantity === undefined ? 0n : computeCost(quantity, hold.price.microcreditsPerUnit);
  const funding = computeFunding(state, { action: hold.action, amount: added }, rulebook);
  if (funding instanceof DomainError) return reject(funding);
  const extended: Hold = {
    ...hold,
    draws: mergeDraws(state, hold.draws, funding.draws),
    overdraft: hold.overdraft + funding.uncovered,
    ...present({ expiresAt }),
  };
  const tooMany = findHoldLimitProblem(state, 0, estimateHoldBytes(extended) - estimateHoldBytes(hold));
  if (tooMany !== undefined) return reject(tooMany);
  return acceptOver(state, {
    type: 'hold_extended',
    ...identityOf(command),
    ...aboutHold(hold),
    ...present({ quantity: quantity && formatQuantity(quantity) }),
    draws: funding.draws,
    overdraft: funding.uncovered,
    hold: figuresOf(extended),
    after: state.totals,
  });
}

export function decideSettle(state: AccountState, command: Settle, now: Instant): Decision {
  const hold = findHold(state, command.holdId);
  const behind = hold ?? command.reservation;
  if (behind === undefined) return reject(holdEnded(command.holdId));
  if (command.quantity.millionths < 0n) {
    return reject(invalidField({ field: 'quantity', description: 'must not be below zero' }));
  }
  const cost = computeCost(command.quantity, behind.price.microcreditsPerUnit);
  if (cost > MICROCREDITS_MAX) return reject(outOfRange(`a cost of ${cost} microcredits`));
  const held = takeDraws(hold?.draws ?? [], cost);
  const free = computeBurnDown(state.grants, cost - sumDraws(held));
  if (state.totals.deficit + free.uncovered > MICROCREDITS_MAX) {
    return reject(outOfRange('the deficit after this part'));
  }
  const charge = {
    ...identityOf(command),
    ...aboutHold(behind),
    partId: command.partId,
    quantity: formatQuantity(command.quantity),
    price: behind.price,
    cost,
    draws: [...held, ...free.draws],
    drawsFromHold: held.length,
    deficit: free.uncovered,
    ...present({ runStatus: command.runStatus }),
    final: command.final,
    after: state.totals,
  };
  if (hold === undefined) {
    const figures = { draws: [], overdraft: 0n, settled: cost, expiresAt: behind.expiresAt };
    return acceptOver(state, { type: 'settled', ...charge, late: true, hold: figures });
  }
  return acceptOver(state, { type: 'settled', ...charge, late: false, ...computeRest(state, hold, charge, now) });
}

/** Computes what a hold is after a part, and what becomes of the rest where the part is the last one. */
function computeRest(
  state: AccountState,
  hold: Hold,
  charge: Pick<Settled, 'cost' | 'draws' | 'drawsFromHold' | 'final'>,
  now: Instant,
): Pick<Settled, 'hold' | 'end'> {
  const held = charge.draws.slice(0, charge.drawsFromHold);
  const beyond = charge.cost - sumDraws(held);
  const left: HoldFigures = {
    draws: subtractFirst(hold.draws, held),
    overdraft: hold.overdraft > beyond ? hold.overdraft - beyond : 0n,
    settled: hold.settled + charge.cost,
    expiresAt: hold.expiresAt,
  };
  if (!charge.final) return { hold: left };
  // Where something is left of the hold it covered the whole part, so the part has changed neither deficit nor free credit.
  return { hold: endedFigures(left), end: computeHoldEnd(state, left.draws, now) };
}

export function decideRelease(state: AccountState, command: Release, now: Instant): Decision {
  const hold = findHold(state, command.holdId);
  if (hold === undefined) return reject(holdEnded(command.holdId));
  return acceptOver(state, {
    type: 'hold_released',
    ...identityOf(command),
    ...aboutHold(hold),
    hold: endedFigures(hold),
    end: computeHoldEnd(state, hold.draws, now),
    after: state.totals,
  });
}

/** Says that a hold is not open; whether there ever was one stands in the history. */
function holdEnded(holdId: HoldId): DomainError {
  const message = `the hold ${holdId} has ended (settled, released or expired): reserve anew`;
  return new DomainError('HOLD_ENDED', message, { metadata: { hold_id: holdId } });
}

function aboutHold(hold: Hold | Reservation): Omit<Reservation, 'price' | 'expiresAt'> {
  const { holdId, action, projectId, workflowId, runId } = hold;
  return { holdId, action, ...present({ projectId, workflowId, runId }) };
}

/**
 * Computes who covers an amount that is to be held, or why nobody does. What may start without credit counts on overdraft beyond
 * any limit, so that others have none left.
 */
function computeFunding(
  state: AccountState,
  { action, amount }: { readonly action: string; readonly amount: bigint },
  rulebook: Rulebook,
): BurnDown | DomainError {
  if (amount > MICROCREDITS_MAX) return outOfRange(`a hold of ${amount} microcredits`);
  const funding = computeBurnDown(state.grants, amount);
  const { uncovered } = funding;
  if (uncovered <= computeOverdraftRemaining(state, overdraftLimitOf(rulebook, state.planCode))) return funding;
  if (isGated(state, action, rulebook)) return insufficientCredits(state, amount, rulebook);
  const owed = state.totals.deficit + state.overdraftHeld + uncovered;
  return owed > MICROCREDITS_MAX ? outOfRange('the deficit after this hold') : funding;
}

function findExpiryProblem(expiresAt: Instant, now: Instant): DomainError | undefined {
  if (expiresAt > now && expiresAt <= now + HOLD_DURATION_MAX_MS) return undefined;
  const latest = new Date(now + HOLD_DURATION_MAX_MS).toISOString();
  const description = `must lie in the future and at most 24 hours ahead, so by ${latest}, got ${new Date(expiresAt).toISOString()}`;
  return invalidField({ field: 'expire_time', description });
}

function findHoldLimitProblem(state: AccountState, holds: number, bytes: number): DomainError | undefined {
  if (state.holds.length + holds > OPEN_HOLDS_MAX) {
    const message = `the account has ${OPEN_HOLDS_MAX} open holds, the most it may have: settle or release some first`;
    return new DomainError('HOLD_LIMIT_REACHED', message, { metadata: { limit: String(OPEN_HOLDS_MAX) } });
  }
  if (bytes > 0 && state.holdBytes + bytes > HOLD_BYTES_MAX) {
    const message = `the open holds of the account would take more than ${HOLD_BYTES_MAX} bytes, the most they may take: settle or release some first`;
    return new DomainError('HOLD_LIMIT_REACHED', message, { metadata: { limit_bytes: String(HOLD_BYTES_MAX) } });
  }
  return undefined;
}

/** Answers what draws are after `taken`, which `takeDraws` took out of them. */
function subtractFirst(draws: readonly GrantDraw[], taken: readonly GrantDraw[]): readonly GrantDraw[] {
  return draws.flatMap((draw, index) => {
    const microcredits = draw.microcredits - (taken[index]?.microcredits ?? 0n);
    return microcredits > 0n ? [{ ...draw, microcredits }] : [];
  });
}

/** Joins draws of a hold, one for each grant, in burn order. */
function mergeDraws(book: GrantBook, draws: readonly GrantDraw[], added: readonly GrantDraw[]): readonly GrantDraw[] {
  if (added.length === 0) return draws;
  const byGrant = new Map(draws.map((draw) => [draw.grantId, draw]));
  for (const draw of added) {
    const known = byGrant.get(draw.grantId);
    byGrant.set(draw.grantId, { ...draw, microcredits: draw.microcredits + (known?.microcredits ?? 0n) });
  }
  return [...byGrant.values()].sort((a, b) => compareDraws(book, a, b));
}

function compareDraws(book: GrantBook, a: GrantDraw, b: GrantDraw): number {
  const order = BUCKETS.indexOf(a.bucket) - BUCKETS.indexOf(b.bucket);
  const [first, second] = [findGrant(book, a.bucket, a.grantId), findGrant(book, b.bucket, b.grantId)];
  if (order !== 0 || first === undefined || second === undefined) return order;
  return compareBurnOrder(first, second);
}
