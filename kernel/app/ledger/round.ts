// Owns one round of one lane up to its insert: which commands it takes, what they come to over the head, and the commit
// that records them. Synchronous: it runs at the moment when its insert is put together.

import type { AccountState } from '../../domain/account.ts';
import { type Batch, decideBatch } from '../../domain/batch.ts';
import { SNAPSHOT_INTERVAL_COMMITS, STATE_INLINE_BYTES_MAX } from '../../domain/bound.ts';
import { estimateStateBytes } from '../../domain/byte-estimate.ts';
import type { Commit } from '../../domain/commit.ts';
import type { Instant } from '../../domain/id.ts';
import type { IdSource, LedgerStore, PreparedCommit } from '../ports.ts';
import type { AccountHead } from './account-head.ts';
import type { Task } from './lane.ts';

/** Commands of one tenant that were decided together. */
export interface Round {
  readonly head: AccountHead;
  readonly tasks: readonly Task[];
  readonly batch: Batch;
  /** Absent where the batch has nothing to record. */
  readonly prepared?: PreparedCommit;
  /** The head once the commit is acknowledged. */
  readonly nextHead: AccountHead;
}

/** What a round needs to make a commit. */
export interface RoundTools {
  readonly store: LedgerStore;
  readonly ids: IdSource;
}

/**
 * Decides tasks over a head and prepares the commit.
 * Throws DomainError COMMIT_TOO_LARGE or INTERNAL where the commit can't be stored.
 */
export function decideRound(head: AccountHead, tasks: readonly Task[], now: Instant, tools: RoundTools): Round {
  // A commit's time is never before the one it follows.
  const createdAt = Math.max(now, head.createdAt);
  const commands = tasks.map(({ command }) => command);
  const seq = head.seq + 1;
  const batch = decideBatch(head.state, commands, { seq, now: createdAt });
  if (batch.entries.length === 0) return { head, tasks, batch, nextHead: head };
  const withState = carriesState(batch.state, seq, head.snapshotSeq);
  const commit: Commit = {
    tenantId: head.tenantId,
    seq,
    commitId: tools.ids.commitId(),
    createdAt,
    entries: batch.entries,
    totals: batch.state.totals,
    ...(withState ? { state: batch.state } : {}),
  };
  const prepared = tools.store.prepareCommit(commit, head.hash);
  const nextHead: AccountHead = {
    tenantId: head.tenantId,
    seq,
    createdAt,
    hash: prepared.commit.hash,
    state: batch.state,
    snapshotSeq: withState ? seq : head.snapshotSeq,
  };
  return { head, tasks, batch, prepared, nextHead };
}

/** Small states go into every commit; a large one is only stored so often, or it would be most of what is written. */
function carriesState(state: AccountState, seq: number, snapshotSeq: number): boolean {
  if (estimateStateBytes(state) <= STATE_INLINE_BYTES_MAX) return true;
  return snapshotSeq === 0 || seq - snapshotSeq >= SNAPSHOT_INTERVAL_COMMITS;
}
