// Owns making the rollups of a tenant again from the first commit on, beside those that are read meanwhile.
// Invariants: nobody but the rebuild that reserved a generation writes to it; a summary reads one whole generation or
// another, never a part; of several rebuilds the one that began last wins, and each removes only what nobody reads.

import type { TenantId } from '../../domain/id.ts';
import type { HeadLoader } from '../ledger/head-loader.ts';
import type { UsageStore, Watermark } from './ports.ts';
import { CHUNK_COMMITS, lastChunkEnd, projectStep } from './rollup-projector.ts';

/** What a rebuild works with. */
export interface RebuildTools {
  readonly usage: UsageStore;
  readonly heads: Pick<HeadLoader, 'load'>;
}

/** How far a rebuild is: commits of a tenant that are summed, of how many. */
export interface RebuildProgress {
  readonly done: number;
  readonly total: number;
}

/** What became of a rebuild: taken into use, or overtaken by one that began later. */
export type RebuildOutcome = 'switched' | 'superseded';

/** Rebuilds the rollups of one tenant. Throws what the stores throw; it may then be run again. */
export async function rebuildUsage(
  tools: RebuildTools,
  tenantId: TenantId,
  onProgress: (progress: RebuildProgress) => void,
): Promise<RebuildOutcome> {
  const { usage } = tools;
  const generation = await usage.reserveGeneration(tenantId);
  // A number that was reserved anew is free, unless watermarks were lost while rollups were not.
  await usage.removeGeneration(tenantId, generation);
  const mark = await projectAll(tools, tenantId, { generation, seq: 0 }, onProgress);
  if (await usage.switchGeneration(tenantId, mark)) {
    await usage.removeGenerationsBefore(tenantId, generation);
    return 'switched';
  }
  await usage.removeGeneration(tenantId, generation);
  return 'superseded';
}

/** Goes on until so little is left that a summary adds it by itself. */
async function projectAll(
  tools: RebuildTools,
  tenantId: TenantId,
  from: Watermark,
  onProgress: (progress: RebuildProgress) => void,
): Promise<Watermark> {
  const { generation } = from;
  let { seq } = from;
  for (;;) {
    const head = await tools.heads.load(tenantId);
    const total = lastChunkEnd(head.seq);
    onProgress({ done: seq, total });
    if (total - seq < CHUNK_COMMITS) return { generation, seq };
    while (seq < total) {
      seq = await projectStep(tools.usage, tenantId, { generation, seq }, total);
      onProgress({ done: seq, total });
    }
  }
}
