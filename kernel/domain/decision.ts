// Owns what a decision is and what decisions share: refusals with their words, and the limits that several commands meet.

import { type AccountState, countGrants, sumBuckets } from './account.ts';
import { ACTIVE_GRANTS_MAX, MICROCREDITS_MAX } from './bound.ts';
import type { Command } from './command.ts';
import type { Debited, Entry } from './entry.ts';
import { DomainError } from './error.ts';
import { computeTotalsAfter } from './evolve.ts';
import { present } from './optional.ts';

/** What a command comes to: one entry, nothing to record, or a refusal that changes nothing. */
export type Decision =
  | { readonly kind: 'accepted'; readonly entry?: Entry }
  | { readonly kind: 'rejected'; readonly error: DomainError };

/** Copies what makes a command this one request into the entry that records it. */
export function identityOf(command: Command): Pick<Debited, 'key' | 'effectKey' | 'fingerprint' | 'personal'> {
  const { key, effectKey, fingerprint, personal } = command;
  return { key, ...present({ effectKey, fingerprint, personal }) };
}

export function accept(entry: Entry): Decision {
  return { kind: 'accepted', entry };
}

/** Accepts an entry whose `after` is yet to be computed from what it does. */
export function acceptOver(state: AccountState, entry: Entry): Decision {
  return accept({ ...entry, after: computeTotalsAfter(state, entry) });
}

export function reject(error: DomainError): Decision {
  return { kind: 'rejected', error };
}

export function rejectUnopened(): Decision {
  const message = 'the ledger account of this tenant was never opened: repeat CreateTenant with its request id';
  return reject(new DomainError('ACCOUNT_NOT_OPEN', message));
}

/** Finds why an account can't take so many more grants of this amount together, in microcredits. */
export function findAdditionProblem(state: AccountState, amount: bigint, grants = 1): DomainError | undefined {
  if (countGrants(state) + grants > ACTIVE_GRANTS_MAX) {
    const message = `the account would have more than ${ACTIVE_GRANTS_MAX} active grants, the most it may have: merge or use up some first`;
    return new DomainError('GRANT_LIMIT_REACHED', message, { metadata: { limit: String(ACTIVE_GRANTS_MAX) } });
  }
  const scheduled = state.scheduled.reduce((sum, grant) => sum + grant.remaining, 0n);
  if (sumBuckets(state.totals) + scheduled + amount > MICROCREDITS_MAX)
    return outOfRange(`the balance after this grant of ${amount} microcredits`);
  return undefined;
}

/** What an effect is for is kept no longer: it may be given to somebody else. */
export function claimRanOut(what: string): DomainError {
  const message = `${what} waited for too long, and nothing was written: repeat it with the same request_id`;
  return new DomainError('DEADLINE_EXCEEDED', message);
}

export function outOfRange(what: string): DomainError {
  const message =
    `${what} would be more than 2^53 - 1 microcredits, the largest amount an account can hold or owe: ` +
    'ask for less, or use another account';
  return new DomainError('BALANCE_OUT_OF_RANGE', message, {
    metadata: { limit_microcredits: String(MICROCREDITS_MAX) },
  });
}
