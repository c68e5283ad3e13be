// Owns how rollups come to be: the commits of a tenant are taken in whole chunks, summed by hour, by day and by stretch, and
// added to the rollups that they touch (docs/architecture.md, "Usage").
// Invariants: what a rollup says that it has applied is exactly what is in it, so that nothing is added twice, however
// many kernels project at once and wherever one of them dies; the watermark moves only when every rollup has what it says.

import type { TenantId } from '../../domain/id.ts';
import type { Rollup, RollupKey, RollupLevel, RollupWrite, UsageStore, UsageSum, Watermark } from './ports.ts';
import { keyAt, keyText } from './rollup-key.ts';
import type { RunMention } from './run-count.ts';
import { type CommitUsage, countMentions, isCharge, readUsage, sumAfter } from './usage-reading.ts';
import { addUsage, isNoUsage } from './usage-sum.ts';

/** Commits are projected in chunks of so many, aligned: 1–32, 33–64, …; what is no whole chunk yet is left to reads. */
export const CHUNK_COMMITS = 32;
/** How many chunks are read in one go. */
const CHUNKS_PER_READ = 4;
/** How many commits, and about how many entries, one step takes when much is to be caught up. */
const STEP_COMMITS_MAX = 32 * CHUNK_COMMITS;
const STEP_ENTRIES = 4_096;
/** A rollup that was overtaken so often has an enemy: a store that does not say the truth. */
const RACES_LOST_MAX = 50;

/** Finds the end of the last whole chunk of a history. */
export function lastChunkEnd(headSeq: number): number {
  return Math.floor(headSeq / CHUNK_COMMITS) * CHUNK_COMMITS;
}

/** Adds the commits of tenants to their rollups. */
export class RollupProjector {
  readonly #usage: UsageStore;
  readonly #flights = new Map<TenantId, Promise<void>>();
  #isStopping = false;

  constructor(usage: UsageStore) {
    this.#usage = usage;
  }

  /**
   * Brings a tenant's rollups up to the last whole chunk of the history that ends with `headSeq`, unless the projector is
   * stopped before. One runs for each tenant here at a time; whoever comes meanwhile waits for that one and goes on.
   * Throws what the store throws.
   */
  async catchUp(tenantId: TenantId, headSeq: number): Promise<void> {
    for (let flight = this.#flights.get(tenantId); flight !== undefined; flight = this.#flights.get(tenantId)) {
      await flight.catch(() => undefined);
    }
    const running = this.#run(tenantId, lastChunkEnd(headSeq));
    this.#flights.set(tenantId, running);
    try {
      await running;
    } finally {
      this.#flights.delete(tenantId);
    }
  }

  /** Begins no further step, and resolves when those under way are done. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.allSettled(this.#flights.values());
  }

  async #run(tenantId: TenantId, toSeq: number): Promise<void> {
    const usage = this.#usage;
    let mark = await usage.loadWatermark(tenantId);
    while (mark.seq < toSeq && !this.#isStopping) {
      const next = { generation: mark.generation, seq: await projectStep(usage, tenantId, mark, toSeq) };
      if (await usage.advanceWatermark(tenantId, next)) {
        mark = next;
      } else {
        // A rebuild took over: what was added to its predecessor meanwhile is of no use.
        mark = await usage.loadWatermark(tenantId);
        await usage.removeGenerationsBefore(tenantId, mark.generation);
      }
    }
  }
}

/**
 * Adds the next commits after a watermark, whole chunks up to `toSeq`, to the rollups of its generation; answers the seq
 * of the last one. The watermark itself is moved by the caller. Throws what the store throws.
 */
export async function projectStep(
  usage: UsageStore,
  tenantId: TenantId,
  mark: Watermark,
  toSeq: number,
): Promise<number> {
  const read: CommitUsage[] = [];
  const mentions: RunMention[] = [];
  let seq = mark.seq;
  for (let entries = 0; seq < toSeq && seq - mark.seq < STEP_COMMITS_MAX && entries < STEP_ENTRIES; ) {
    const end = Math.min(toSeq, lastChunkEnd(seq) + CHUNKS_PER_READ * CHUNK_COMMITS);
    const range = await readUsage(usage, tenantId, seq + 1, end);
    read.push(...range.usage);
    mentions.push(...range.mentions);
    entries += range.entryCount;
    seq = end;
  }
  const runs = await countMentions(usage, tenantId, mark.generation, mentions);
  if (runs.changed.length > 0) await usage.saveRuns(tenantId, mark.generation, runs.changed);
  // The parts of each rollup are in the order of their commits.
  const parts = [...read, ...runs.usage].sort((a, b) => a.seq - b.seq);
  await applyAll(usage, tenantId, mark.generation, tally(parts), seq);
  return seq;
}

/** What one key gets of a range of commits. */
interface Share {
  readonly key: RollupKey;
  readonly parts: { readonly seq: number; readonly sum: UsageSum }[];
}

/** Sorts usage by the rollups that it belongs to. */
function tally(usage: readonly CommitUsage[]): ReadonlyMap<string, Share> {
  const shares = new Map<string, Share>();
  for (const item of usage) {
    for (const level of levelsOf(item)) {
      const key = keyAt(level, item, item.subject);
      const text = keyText(key);
      const share = shares.get(text) ?? { key, parts: [] };
      share.parts.push(item);
      shares.set(text, share);
    }
  }
  return shares;
}

function levelsOf(usage: CommitUsage): readonly RollupLevel[] {
  // What adds nothing is only known to its stretch, where a search for entries about its work will find it.
  if (isNoUsage(usage.sum)) return ['stretch'];
  return isCharge(usage) ? ['hour', 'day', 'stretch'] : ['hour', 'day', 'stretch', 'undone'];
}

/** Writes until every rollup has what these commits give it; who was overtaken looks again at what there is now. */
async function applyAll(
  usage: UsageStore,
  tenantId: TenantId,
  generation: number,
  shares: ReadonlyMap<string, Share>,
  throughSeq: number,
): Promise<void> {
  let pending = [...shares.values()];
  for (let lost = 0; pending.length > 0; lost += 1) {
    if (lost > RACES_LOST_MAX) throw new Error(`rollups of ${tenantId} changed ${lost} times while they were written`);
    const keys = pending.map(({ key }) => key);
    const existing = await usage.loadRollups(tenantId, generation, keys);
    const known = new Map(existing.map((rollup) => [keyText(rollup.key), rollup]));
    const writes = pending.flatMap((share) => computeWrite(share, known.get(keyText(share.key)), throughSeq) ?? []);
    if (writes.length === 0 || (await usage.saveRollups(tenantId, generation, writes))) return;
    const unwritten = new Set(writes.map(({ rollup }) => keyText(rollup.key)));
    pending = pending.filter(({ key }) => unwritten.has(keyText(key)));
  }
}

/** Adds to a rollup what it has not applied yet; undefined where it has all. */
function computeWrite({ key, parts }: Share, rollup: Rollup | undefined, throughSeq: number): RollupWrite | undefined {
  const applied = rollup?.appliedSeq ?? 0;
  // The parts are in the order of their commits.
  if ((parts.at(-1)?.seq ?? 0) <= applied) return undefined;
  const sum = sumAfter(parts, applied);
  if (rollup === undefined) return { rollup: { key, sum, appliedSeq: throughSeq } };
  return { rollup: { key, sum: addUsage(rollup.sum, sum), appliedSeq: throughSeq }, replacesSeq: applied };
}
