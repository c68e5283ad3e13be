// Owns the newest known commit of an account, with the state after it. A head can be old: what rests on it is proven by
// the insert that follows it, or by reading on from it.

import { type AccountState, findInconsistency, sameTotals, UNOPENED_ACCOUNT } from '../../domain/account.ts';
import { DomainError, messageOf } from '../../domain/error.ts';
import { evolve } from '../../domain/evolve.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import type { CommitHash, CommitHeader, SealedCommit } from '../ports.ts';

/** The newest commit of an account that is known here. */
export interface AccountHead {
  readonly tenantId: TenantId;
  /** 0 where nothing was committed yet. */
  readonly seq: number;
  readonly createdAt: Instant;
  readonly hash: CommitHash;
  readonly state: AccountState;
  /** The newest commit that carries a whole state. */
  readonly snapshotSeq: number;
}

/** A newest commit further ahead of the database's time than this is no matter of clocks that differ a little. */
export const HEAD_AHEAD_MAX_MS = 2_000;

/** What the first commit of an account is sealed to. */
export const GENESIS_HASH: CommitHash = new Uint8Array(32);

/** The head of an account for which nothing was committed yet. */
export function unopenedHead(tenantId: TenantId): AccountHead {
  return { tenantId, seq: 0, createdAt: 0, hash: GENESIS_HASH, state: UNOPENED_ACCOUNT, snapshotSeq: 0 };
}

/**
 * Answers the head of a commit that carries the state.
 * Throws DomainError LEDGER_CORRUPT where the state contradicts itself or the commit's totals: nobody may spend what an
 * edit has made up.
 */
export function headOfSnapshot(commit: CommitHeader, state: AccountState): AccountHead {
  const problem =
    findInconsistency(state) ?? (sameTotals(state.totals, commit.totals) ? undefined : 'its totals differ');
  if (problem !== undefined) throw corrupt(commit, `the state that it carries is none: ${problem}`);
  const { tenantId, seq, createdAt, hash } = commit;
  return { tenantId, seq, createdAt, hash, state, snapshotSeq: seq };
}

/**
 * Answers the head after one more commit.
 * Throws DomainError LEDGER_CORRUPT where the commit can't follow this head.
 */
export function followHead(head: AccountHead, commit: SealedCommit): AccountHead {
  if (commit.seq !== head.seq + 1) throw corrupt(commit, `follows commit ${head.seq}`);
  if (commit.state !== undefined) return headOfSnapshot(commit, commit.state);
  const state = evolveAll(head.state, commit);
  if (!sameTotals(state.totals, commit.totals)) throw corrupt(commit, 'has totals that its entries do not give');
  const { tenantId, seq, createdAt, hash } = commit;
  return { tenantId, seq, createdAt, hash, state, snapshotSeq: head.snapshotSeq };
}

function evolveAll(state: AccountState, commit: SealedCommit): AccountState {
  try {
    return commit.entries.reduce(evolve, state);
  } catch (error) {
    throw corrupt(commit, messageOf(error), error);
  }
}

function corrupt(commit: CommitHeader, problem: string, cause?: unknown): DomainError {
  const message = `the stored commit ${commit.seq} of ${commit.tenantId} contradicts its history: ${problem}; an operator must look`;
  return new DomainError('LEDGER_CORRUPT', message, { metadata: { commit_seq: String(commit.seq) }, cause });
}
