// Owns the rules of undoing: a charge gives its credit back to the grants that paid, a grant that nothing was drawn from is
// taken back in full, both by a further entry. What expired meanwhile stays expired, as if the undone entry had never been.

import type { AccountState } from './account.ts';
import type { Redact, Reverse } from './command.ts';
import { accept, acceptOver, type Decision, findAdditionProblem, identityOf, reject } from './decision.ts';
import type { Debited, Entry, Reversed, ReversedUsage, Settled } from './entry.ts';
import { DomainError } from './error.ts';
import type { Grant, GrantDraw } from './grant.ts';
import { findGrant } from './grant-book.ts';
import type { GrantId, Instant } from './id.ts';
import { hasLapsed } from './lapse.ts';
import { present } from './optional.ts';

export function decideReverse(state: AccountState, command: Reverse, now: Instant): Decision {
  const { entry } = command.target;
  switch (entry.type) {
    case 'debited':
    case 'settled':
      return undoCharge(state, command, entry, usageOf(command, entry), now);
    case 'adjusted':
      return entry.grant === undefined
        ? undoCharge(state, command, { draws: entry.draws, deficit: 0n }, undefined, now)
        : undoGrant(state, command, entry.grant, now);
    case 'granted':
      return undoGrant(state, command, entry.grant, now);
    default:
      return reject(notReversible(command, `entries of type ${entry.type} can't be undone`));
  }
}

export function decideRedact(state: AccountState, command: Redact): Decision {
  const { entryId, actor } = command;
  return accept({ type: 'redacted', ...identityOf(command), entryId, actor, after: state.totals });
}

/** Gives back what a charge drew, and cancels what is still owed of its deficit. */
function undoCharge(
  state: AccountState,
  command: Reverse,
  charge: Pick<Debited, 'draws' | 'deficit'>,
  usage: ReversedUsage | undefined,
  now: Instant,
): Decision {
  const { deficit } = state.totals;
  const deficitCancelled = charge.deficit < deficit ? charge.deficit : deficit;
  const { returned, expired } = splitDraws(state, command, charge.draws, now);
  // A later grant has paid the rest of the deficit; nobody knows any more which part of it, so it comes back as PAYG.
  const paidMeanwhile = charge.deficit - deficitCancelled;
  if (paidMeanwhile > 0n) returned.push(newGrant(command.grantId, paidMeanwhile, now));
  const amount = returned.reduce((sum, grant) => sum + grant.remaining, 0n);
  const revived = returned.filter((grant) => findGrant(state, grant.bucket, grant.grantId) === undefined);
  const problem = findAdditionProblem(state, amount, revived.length);
  if (problem !== undefined) return reject(problem);
  const owed = deficit - deficitCancelled;
  return acceptOver(state, {
    ...reversalOf(state, command),
    returned,
    expired,
    deficitCancelled,
    deficitPaid: owed < amount ? owed : amount,
    ...present({ usage }),
  });
}

/**
 * Takes a whole grant back. Only one that nothing was drawn from: what a charge gives back later must not come back to a
 * grant that is gone, so charges are undone before the grant that paid them.
 */
function undoGrant(
  state: AccountState,
  command: Reverse,
  { grantId, bucket, granted, expiresAt }: Grant,
  now: Instant,
): Decision {
  if (state.scheduled.some((grant) => grant.grantId === grantId)) {
    return acceptOver(state, { ...reversalOf(state, command), unscheduled: grantId });
  }
  if (expiresAt !== undefined && expiresAt <= now) {
    const when = new Date(expiresAt).toISOString();
    return reject(notReversible(command, `its grant expired at ${when}: use Adjust to correct the balance`));
  }
  const left = findGrant(state, bucket, grantId)?.remaining ?? 0n;
  if (left < granted) {
    const why = `${granted - left} of its ${granted} microcredits were used or are held: reverse those charges first, or use Adjust`;
    return reject(notReversible(command, why));
  }
  return acceptOver(state, {
    ...reversalOf(state, command),
    taken: [{ grantId, bucket, microcredits: granted }],
  });
}

function reversalOf(state: AccountState, command: Reverse): Reversed {
  const { target, actor } = command;
  return {
    type: 'reversed',
    ...identityOf(command),
    entryId: target.entryId,
    reversedType: target.entry.type,
    returned: [],
    expired: [],
    taken: [],
    deficitCancelled: 0n,
    deficitPaid: 0n,
    actor,
    after: state.totals,
  };
}

/** Parts draws into those whose grants still count and those whose grants have expired, or lapsed. */
function splitDraws(
  state: AccountState,
  command: Reverse,
  draws: readonly GrantDraw[],
  now: Instant,
): { readonly returned: Grant[]; readonly expired: GrantDraw[] } {
  const returned: Grant[] = [];
  const expired: GrantDraw[] = [];
  for (const draw of joinDraws(draws)) {
    const grant = command.target.grants.find((other) => other.grantId === draw.grantId);
    if (grant === undefined) throw new RangeError(`the grant ${draw.grantId} that paid is not among the target's`);
    if (hasLapsed(state, grant, now)) expired.push(draw);
    else returned.push({ ...grant, remaining: draw.microcredits, held: 0n });
  }
  return { returned, expired };
}

/** Joins what one grant paid: a settlement may have drawn on it twice, out of its hold and beside it. */
function joinDraws(draws: readonly GrantDraw[]): readonly GrantDraw[] {
  const joined = new Map<GrantId, GrantDraw>();
  for (const draw of draws) {
    const microcredits = draw.microcredits + (joined.get(draw.grantId)?.microcredits ?? 0n);
    joined.set(draw.grantId, { ...draw, microcredits });
  }
  return [...joined.values()];
}

function newGrant(grantId: GrantId, amount: bigint, now: Instant): Grant {
  return {
    grantId,
    bucket: 'payg',
    granted: amount,
    remaining: amount,
    held: 0n,
    effectiveAt: now,
    source: 'reversal',
  };
}

function usageOf({ target }: Reverse, entry: Debited | Settled): ReversedUsage {
  const { action, quantity, cost, projectId, workflowId, runId } = entry;
  return { action, quantity, cost, ...present({ projectId, workflowId, runId }), at: target.createdAt };
}

function notReversible({ target }: Reverse, why: string): DomainError {
  const message = `the entry ${target.entryId} can't be reversed: ${why}`;
  const metadata = { entry_id: target.entryId, entry_type: target.entry.type satisfies Entry['type'] };
  return new DomainError('ENTRY_NOT_REVERSIBLE', message, { metadata });
}
