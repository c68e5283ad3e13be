// Owns what taking back the credits of a top-up does, when its payment goes back to the payer: what is left of its own grant goes
// first, and what it gave back before; what was used is owed, or waived. Money that comes again gives them back.
// Invariants: never more is taken, owed and waived than the target says, and never less; held credit is not touched; what was
// waived is not given back, since nobody was charged for it.

import { type AccountState, ZERO_TOTALS } from './account.ts';
import { computeAddition } from './addition.ts';
import { MICROCREDITS_MAX } from './bound.ts';
import type { Bucket } from './bucket.ts';
import { computeBurnDown } from './burn-down.ts';
import type { SettlePayback } from './command.ts';
import { acceptOver, type Decision, findAdditionProblem, identityOf, outOfRange, reject } from './decision.ts';
import type { PaybackSettled } from './entry.ts';
import type { Grant, GrantDraw } from './grant.ts';
import { spendFree } from './grant-book.ts';
import type { IdempotencyKey, Instant, TopUpId } from './id.ts';

/** What else pays, where its own grant does not: what the payer bought too, then what the plan gave. */
const DEBT_BUCKETS: readonly Bucket[] = ['payg', 'included', 'trial'];

/** Names where the credits of a top-up come from, in its grants. */
export function paymentSource(topUpId: TopUpId): string {
  return `payment:${topUpId}`;
}

/** Builds the key of the credits of a top-up, which come once. */
export function paymentKey(topUpId: TopUpId): IdempotencyKey {
  return `payment:${topUpId}` as IdempotencyKey;
}

/**
 * Builds the key of one settlement of a top-up's paybacks, from 1 on. Whoever comes with a number that is taken has read Stripe
 * before somebody who settled since, and reads again.
 */
export function paybackKey(topUpId: TopUpId, number: number): IdempotencyKey {
  return `payback:${topUpId}:${number}` as IdempotencyKey;
}

/**
 * Computes how many of a top-up's credits have to be taken back where so much of what was paid went back, rounded up: all of
 * them where all went back. Amounts in minor units, credits in microcredits.
 * Throws RangeError where nothing was paid, or more went back than was paid.
 */
export function computePaybackTarget(credits: bigint, paid: bigint, returned: bigint): bigint {
  if (paid < 1n || returned < 0n || returned > paid) {
    throw new RangeError(`${returned} of ${paid} minor units can't have gone back`);
  }
  return (credits * returned + paid - 1n) / paid;
}

/** Decides a settlement. Accepts without an entry where nothing is to do. */
export function decideSettlePayback(state: AccountState, command: SettlePayback, now: Instant): Decision {
  const change = command.target - command.before.total;
  if (change === 0n) return { kind: 'accepted' };
  return change > 0n ? takeBack(state, command, change) : giveBack(state, command, -change, now);
}

function takeBack(state: AccountState, command: SettlePayback, amount: bigint): Decision {
  const { paidGrantId, topUpId, waivesDebt, before } = command;
  // What was given back is its own, too.
  const ownSource = paymentSource(topUpId);
  const own = state.grants.payg.filter(({ grantId, source }) => grantId === paidGrantId || source === ownSource);
  const first = computeBurnDown({ trial: [], included: [], payg: own }, amount);
  const { grants } = spendFree(state, first.draws);
  const rest: { readonly draws: readonly GrantDraw[]; readonly uncovered: bigint } = waivesDebt
    ? { draws: [], uncovered: 0n }
    : computeBurnDown(grants, first.uncovered, DEBT_BUCKETS);
  const deficit = rest.uncovered;
  if (state.totals.deficit + deficit > MICROCREDITS_MAX) return reject(outOfRange('the deficit after this payback'));
  const waived = waivesDebt ? first.uncovered : 0n;
  return acceptOver(state, {
    ...settlementOf(command),
    waivedTotal: before.waivedTotal + waived,
    taken: [...first.draws, ...rest.draws],
    deficit,
  });
}

function giveBack(state: AccountState, command: SettlePayback, amount: bigint, now: Instant): Decision {
  const { topUpId, before, grantId } = command;
  const unwaived = before.waivedTotal < amount ? before.waivedTotal : amount;
  const back = amount - unwaived;
  const settlement = { ...settlementOf(command), waivedTotal: before.waivedTotal - unwaived };
  if (back === 0n) return acceptOver(state, settlement);
  const problem = findAdditionProblem(state, back);
  if (problem !== undefined) return reject(problem);
  const { deficitPaid, remaining } = computeAddition(state.totals, { bucket: 'payg', remaining: back });
  const source = paymentSource(topUpId);
  const grant: Grant = { grantId, bucket: 'payg', granted: back, remaining, held: 0n, effectiveAt: now, source };
  return acceptOver(state, { ...settlement, grant, deficitPaid });
}

function settlementOf(command: SettlePayback): PaybackSettled {
  const { topUpId, target: total, before } = command;
  return {
    ...{ type: 'payback_settled', ...identityOf(command), topUpId, total, waivedTotal: before.waivedTotal },
    ...{ taken: [], deficit: 0n, deficitPaid: 0n, after: ZERO_TOTALS },
  };
}
