import type { AccountState, Totals } from './account.ts';
import type { Entry } from './entry.ts';
import type { CommitId, IdempotencyKey, Instant, TenantId } from './id.ts';

/** The version of entries and state that this release writes. */
export const STATE_VERSION = 4;

/**
 * The oldest version that this release can read. Version 1 was written before holds, by builds that were never released; its
 * keys had another form, so that a retry of a request of then would not be known again.
 */
export const STATE_VERSION_OLDEST = 2;

/** One atomic change of an account, before it is sealed into the hash chain (docs/architecture.md). */
export interface Commit {
  readonly tenantId: TenantId;
  /** 1 for the first commit of an account, then without gaps. */
  readonly seq: number;
  readonly commitId: CommitId;
  readonly createdAt: Instant;
  /** Never empty. */
  readonly entries: readonly Entry[];
  readonly totals: Totals;
  /** The whole account after the commit; absent where it is large and a recent commit has it. */
  readonly state?: AccountState;
}

/**
 * Lists the idempotency keys of a commit: the key of each entry in their order, then the effect keys. Never empty: the
 * unique index would take two empty lists for the same key.
 */
export function keysOf(commit: Pick<Commit, 'entries'>): readonly IdempotencyKey[] {
  const effectKeys = commit.entries.flatMap((entry) => (entry.effectKey === undefined ? [] : [entry.effectKey]));
  return [...commit.entries.map((entry) => entry.key), ...effectKeys];
}
