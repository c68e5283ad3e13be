// Owns projecting usage soon after it was committed. Nothing depends on it: a summary adds what is not projected yet, and
// projects by itself where that is much (docs/architecture.md, "Usage").
// Invariant: what waits is bounded, and so is what is under way.

import type { LedgerObserver, OwnCommitListener } from '../app/ports.ts';
import { CHUNK_COMMITS, type RollupProjector } from '../app/usage/rollup-projector.ts';

/** How many tenants may wait; those beyond are left to summaries, or to the end of their next chunk. */
const WAITING_MAX = 10_000;
const RUNNING_MAX = 2;
/**
 * Five commands project what there is, and a summary adds the rest, entry by entry. So commits of at least so many entries
 * are projected with each chunk: there a command more is little for each entry. Smaller ones wait until there are so many.
 */
export const SMALL_COMMITS = 4 * CHUNK_COMMITS;
export const LARGE_COMMIT_ENTRIES = 16;

type TenantId = Parameters<RollupProjector['catchUp']>[0];

export interface RollupWorkerTools {
  readonly projector: Pick<RollupProjector, 'catchUp' | 'stop'>;
  readonly observer: Pick<LedgerObserver, 'backgroundFailed'>;
}

/** Projects tenants whose commits have filled chunks. */
export interface RollupWorker extends OwnCommitListener {
  /** Begins nothing more, and resolves when what is under way is done. */
  stop(): Promise<void>;
}

/** Starts the worker. Every kernel runs one; each chunk ends with a commit of exactly one of them. */
export function startRollupWorker({ projector, observer }: RollupWorkerTools): RollupWorker {
  const waiting = new Map<TenantId, number>();
  const running = new Set<Promise<void>>();
  let isStopped = false;

  const project = async (tenantId: TenantId, seq: number): Promise<void> => {
    try {
      await projector.catchUp(tenantId, seq);
    } catch (error) {
      observer.backgroundFailed('projecting usage', error);
    }
  };
  const beginNext = (): void => {
    for (const [tenantId, seq] of waiting) {
      if (isStopped || running.size >= RUNNING_MAX) return;
      waiting.delete(tenantId);
      const run = project(tenantId, seq).finally(() => {
        running.delete(run);
        beginNext();
      });
      running.add(run);
    }
  };
  return {
    committed: (tenantId, seq, entryCount) => {
      const interval = entryCount >= LARGE_COMMIT_ENTRIES ? CHUNK_COMMITS : SMALL_COMMITS;
      if (isStopped || seq % interval !== 0) return;
      if (waiting.size >= WAITING_MAX && !waiting.has(tenantId)) return;
      waiting.set(tenantId, seq);
      beginNext();
    },
    stop: async () => {
      isStopped = true;
      waiting.clear();
      await projector.stop();
      await Promise.all(running);
    },
  };
}
