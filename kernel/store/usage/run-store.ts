// Owns how runs lie in MongoDB, so that each is counted once. Does not own what a run is or when it is counted.
// Invariants: a run is written once, and its end once; of two kernels that write the same one, either's is right, since both
// read it out of the same commits. Everything here can be made again from the ledger.

import type { mongo } from 'mongoose';
import type { RunRecord, UsageStore } from '../../app/usage/ports.ts';
import type { TenantId } from '../../domain/id.ts';
import { guardDatabase, isDuplicateKeyAlone } from '../database-failure.ts';
import { ensureIndexes } from '../index-proof.ts';
import { fromDocumentRun, type RunDocument, runDocumentId, toDocumentRun, toDocumentRunEnd } from './run-document.ts';

const READ_TIMEOUT_MS = 10_000;
const BATCH_SIZE = 1_000;
const GENERATION_INDEX = { name: 'tenant_generation', key: { tenant_id: 1, generation: 1 } } as const;

type RunCollection = mongo.Collection<RunDocument>;

/**
 * Creates the index by which runs are removed where it is missing, then reads it back.
 * Throws Error with one sentence for people where it can't be created.
 */
export async function ensureRunIndex(runs: RunCollection): Promise<void> {
  const found = await ensureIndexes(runs, [GENERATION_INDEX]);
  if (found === undefined) return;
  const message =
    `The index ${JSON.stringify(found.key)} of collection usage_runs ${found.problem}: ` +
    'drop an index of the same name or key that differs.';
  throw new Error(message, { cause: found.cause });
}

/** Reads and writes runs. Throws as {@link UsageStore} does. */
export class RunStore implements Pick<UsageStore, 'loadRuns' | 'saveRuns'> {
  readonly #runs: RunCollection;

  constructor(runs: RunCollection) {
    this.#runs = runs;
  }

  loadRuns: UsageStore['loadRuns'] = (tenantId, generation, runIds) =>
    guardDatabase(async () => {
      const found: RunDocument[] = [];
      for (let from = 0; from < runIds.length; from += BATCH_SIZE) {
        const ids = runIds.slice(from, from + BATCH_SIZE).map((runId) => runDocumentId(tenantId, generation, runId));
        found.push(...(await this.#runs.find({ _id: { $in: ids } }, { maxTimeMS: READ_TIMEOUT_MS }).toArray()));
      }
      return found.map(fromDocumentRun);
    });

  saveRuns: UsageStore['saveRuns'] = (tenantId, generation, runs) =>
    guardDatabase(async () => {
      for (let from = 0; from < runs.length; from += BATCH_SIZE) {
        await this.#saveBatch(tenantId, generation, runs.slice(from, from + BATCH_SIZE));
      }
    });

  /** Removes the runs of generations that nobody reads. */
  async remove(tenantId: TenantId, generation: bigint | { readonly $lt: bigint }): Promise<void> {
    await this.#runs.deleteMany({ tenant_id: tenantId, generation });
  }

  async #saveBatch(tenantId: TenantId, generation: number, runs: readonly RunRecord[]): Promise<void> {
    try {
      const documents = runs.map((run) => toDocumentRun(tenantId, generation, run));
      await this.#runs.insertMany(documents, { ordered: false });
      return;
    } catch (error) {
      // Those that were there before keep what they have; they may lack their end.
      if (!isDuplicateKeyAlone(error)) throw error;
    }
    const ends = runs.flatMap(({ runId, end }): mongo.AnyBulkWriteOperation<RunDocument>[] => {
      if (end === undefined) return [];
      const filter = { _id: runDocumentId(tenantId, generation, runId), end: { $exists: false } };
      return [{ updateOne: { filter, update: { $set: { end: toDocumentRunEnd(end) } } } }];
    });
    if (ends.length > 0) await this.#runs.bulkWrite(ends, { ordered: false });
  }
}
