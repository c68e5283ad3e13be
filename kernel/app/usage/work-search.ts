// Owns finding where in a history entries about some work can be: the rollups of a stretch of commits name all work that an
// entry of the stretch is about, charged, held or undone, and are there as far as the watermark goes.
// Invariants: what is passed over has no such entry; a rebuild that takes over meanwhile makes the search begin anew.

import type { TenantId } from '../../domain/id.ts';
import type { CommitRange, WorkFilter, WorkFinder, WorkPlace } from '../ledger/entry-list.ts';
import type { UsageStore } from './ports.ts';
import { STRETCH_COMMITS, startOf } from './rollup-key.ts';

/** How many stretches a search looks at. */
interface SearchBounds {
  /** By its first read of rollups; by each further one twice as many. */
  readonly first: number;
  /** By one read at most. */
  readonly read: number;
  /** Until it gives up; whoever asked may ask again. */
  readonly search: number;
}

const BOUNDS: SearchBounds = { first: 16, read: 128, search: 1_024 };
/** How often a rebuild may take over during one search. */
const ATTEMPTS_MAX = 5;

type Rollups = Pick<UsageStore, 'loadWatermark' | 'scanRollups'>;

/** Searches rollups for work. */
export class WorkSearch implements WorkFinder {
  readonly #usage: Rollups;

  readonly #bounds: SearchBounds;

  constructor(usage: Rollups, bounds: SearchBounds = BOUNDS) {
    this.#usage = usage;
    this.#bounds = bounds;
  }

  /** See {@link WorkFinder.findCommits}. Throws what the store throws. */
  async findCommits(tenantId: TenantId, range: CommitRange, work: WorkFilter): Promise<WorkPlace> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const { generation, seq } = await this.#usage.loadWatermark(tenantId);
      // Of commits that no rollup has yet nothing is known.
      if (range.newest > seq)
        return { oldest: Math.max(range.oldest, seq + 1), newest: range.newest, stretchesSeen: 0 };
      const place = await this.#search(tenantId, generation, range, work);
      // A rebuild removes what it replaced: a search may have missed some of it.
      if ((await this.#usage.loadWatermark(tenantId)).generation === generation) return place;
    }
    throw new Error(`rollups of ${tenantId} were rebuilt ${ATTEMPTS_MAX} times during one search`);
  }

  async #search(
    tenantId: TenantId,
    generation: number,
    { oldest, newest }: CommitRange,
    work: WorkFilter,
  ): Promise<WorkPlace> {
    const last = startOf('stretch', oldest);
    let start = startOf('stretch', newest);
    let stretchesSeen = 0;
    for (let count = this.#bounds.first; start >= last && stretchesSeen < this.#bounds.search; ) {
      const from = Math.max(last, start - (count - 1) * STRETCH_COMMITS);
      stretchesSeen += (start - from) / STRETCH_COMMITS + 1;
      const found = await this.#findNewest(tenantId, generation, { from, to: start + 1 }, work);
      if (found !== undefined) {
        return {
          oldest: Math.max(oldest, found),
          newest: Math.min(newest, found + STRETCH_COMMITS - 1),
          stretchesSeen,
        };
      }
      start = from - STRETCH_COMMITS;
      count = Math.min(this.#bounds.read, 2 * count);
    }
    const before = start + STRETCH_COMMITS;
    return { oldest: before, newest: before - 1, stretchesSeen };
  }

  async #findNewest(
    tenantId: TenantId,
    generation: number,
    starts: { readonly from: number; readonly to: number },
    work: WorkFilter,
  ): Promise<number | undefined> {
    let newest: number | undefined;
    for await (const { key } of this.#usage.scanRollups(tenantId, generation, { level: 'stretch', ...starts }, work)) {
      newest = Math.max(newest ?? 0, key.start);
    }
    return newest;
  }
}
