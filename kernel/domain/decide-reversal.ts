// Owns the rules of undoing: a charge gives its credit back to the grants that paid, a grant is taken back in full, both by
// a further entry. What expired meanwhile stays expired, as if the undone entry had never been.

import { type AccountState, computeAvailable } from './account.ts';
import { computeBurnDown } from './burn-down.ts';
import type { Redact, Reverse } from './command.ts';
import {
  accept,
  acceptOver,
  type Decision,
  findAdditionProblem,
  identityOf,
  insufficientCredits,
  reject,
} from './decision.ts';
import type { Debited, Entry, Reversed, ReversedUsage, Settled } from './entry.ts';
import { DomainError } from './error.ts';
import type { Grant, GrantDraw } from './grant.ts';
import { findGrant, spendFree } from './grant-book.ts';
import type { GrantId, Instant } from './id.ts';
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
  const { returned, expired } = splitDraws(command, charge.draws, now);
  // A later grant has paid the rest of the deficit; nobody knows any more which part of it, so it comes back as PAYG.
  const paidMeanwhile = charge.deficit - deficitCancelled;
  if (paidMeanwhile > 0n) returned.push(newGrant(command.grantId, paidMeanwhile, now));
  const amount = returned.reduce((sum, grant) => sum + grant.remaining, 0n);
  const gone = returned.filter((grant) => findGrant(state, grant.bucket, grant.grantId) === undefined);
  // A settlement may have drawn a grant twice: what the hold had of it, and what was free.
  const revived = new Set(gone.map(({ grantId }) => grantId)).size;
  const problem = findAdditionProblem(state, amount, revived);
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

/** Takes a whole grant back: what is left of it first, then other free credit in burn order. */
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
  const own: GrantDraw[] = left > 0n ? [{ grantId, bucket, microcredits: left }] : [];
  const others = computeBurnDown(spendFree(state, own).grants, granted - (own[0]?.microcredits ?? 0n));
  if (others.uncovered > 0n) return reject(insufficientCredits(granted, computeAvailable(state.totals), 0n));
  return acceptOver(state, { ...reversalOf(state, command), taken: [...own, ...others.draws] });
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

/** Parts draws into those whose grants still count and those whose grants have expired. */
function splitDraws(
  command: Reverse,
  draws: readonly GrantDraw[],
  now: Instant,
): { readonly returned: Grant[]; readonly expired: GrantDraw[] } {
  const returned: Grant[] = [];
  const expired: GrantDraw[] = [];
  for (const draw of draws) {
    const grant = command.target.grants.find((other) => other.grantId === draw.grantId);
    if (grant === undefined) throw new RangeError(`the grant ${draw.grantId} that paid is not among the target's`);
    if (grant.expiresAt !== undefined && grant.expiresAt <= now) expired.push(draw);
    else returned.push({ ...grant, remaining: draw.microcredits, held: 0n });
  }
  return { returned, expired };
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
