// Owns how rollups and their watermarks lie in MongoDB. Does not own what is summed or when.
// Invariants: a rollup is only ever changed by a write that names exactly what it has applied before; a watermark is
// written to a majority after the rollups that it speaks of were; everything here can be made again from the ledger.

import type { Connection, mongo } from 'mongoose';
import type { Rollup, RollupRange, RollupWrite, UsageFilter, UsageStore, Watermark } from '../../app/usage/ports.ts';
import type { TenantId } from '../../domain/id.ts';
import { guardDatabase, isDuplicateKey, isDuplicateKeyAlone } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import {
  fromDocumentRollup,
  type RollupDocument,
  rollupId,
  toDocumentFigures,
  toDocumentRollup,
  toDocumentStart,
} from './rollup-document.ts';
import type { RunDocument } from './run-document.ts';
import { ensureRunIndex, RunStore } from './run-store.ts';
import {
  DIMENSION_PROJECTION,
  fromDocumentDimensionCommit,
  fromDocumentUsageCommit,
  USAGE_PROJECTION,
  type UsageCommitDocument,
} from './usage-entry-document.ts';
import { ensureRollupIndex } from './usage-index.ts';

/** How long the database may take for one read before it gives up, in milliseconds. */
const READ_TIMEOUT_MS = 10_000;
const BATCH_SIZE = 1_000;

interface WatermarkDocument {
  readonly _id: TenantId;
  readonly generation: bigint;
  /**
   * Up to where rollups go; absent where builds that made no rollups of stretches, or counted no runs, kept it under another
   * name. Then all is projected again, of which a rollup that is there takes only what it has not applied.
   */
  readonly counted_seq?: bigint;
  /** How many generations after the first were ever reserved. */
  readonly reserved: bigint;
}

interface Collections {
  readonly commits: mongo.Collection<UsageCommitDocument>;
  readonly rollups: mongo.Collection<RollupDocument>;
  readonly watermarks: mongo.Collection<WatermarkDocument>;
  readonly runs: mongo.Collection<RunDocument>;
}

/**
 * Opens the collections of rollups and proves their index.
 * Throws Error with one sentence for people where it can't be proven, or the database can't be reached.
 */
export async function openUsageStore(connection: Connection): Promise<UsageStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the usage store needs an open database connection');
  const collections: Collections = {
    commits: database.collection<UsageCommitDocument>('ledger_commits', LEDGER_COLLECTION_OPTIONS),
    rollups: database.collection<RollupDocument>('usage_rollups', LEDGER_COLLECTION_OPTIONS),
    watermarks: database.collection<WatermarkDocument>('usage_watermarks', LEDGER_COLLECTION_OPTIONS),
    runs: database.collection<RunDocument>('usage_runs', LEDGER_COLLECTION_OPTIONS),
  };
  await Promise.all([ensureRollupIndex(collections.rollups), ensureRunIndex(collections.runs)]);
  return new MongoUsageStore(collections);
}

class MongoUsageStore implements UsageStore {
  readonly #commits: Collections['commits'];
  readonly #rollups: Collections['rollups'];
  readonly #watermarks: Collections['watermarks'];
  readonly #runs: RunStore;

  constructor({ commits, rollups, watermarks, runs }: Collections) {
    this.#commits = commits;
    this.#rollups = rollups;
    this.#watermarks = watermarks;
    this.#runs = new RunStore(runs);
  }

  loadRuns: UsageStore['loadRuns'] = (tenantId, generation, runIds) =>
    this.#runs.loadRuns(tenantId, generation, runIds);
  saveRuns: UsageStore['saveRuns'] = (tenantId, generation, runs) => this.#runs.saveRuns(tenantId, generation, runs);

  loadDimensions: UsageStore['loadDimensions'] = (tenantId, fromSeq, toSeq) =>
    guardDatabase(async () => {
      const range = { $gte: BigInt(fromSeq), $lte: BigInt(toSeq) };
      const documents = await this.#commits
        .find({ tenant_id: tenantId, seq: range }, { projection: DIMENSION_PROJECTION, maxTimeMS: READ_TIMEOUT_MS })
        .sort({ tenant_id: 1, seq: 1 })
        .batchSize(toSeq - fromSeq + 2)
        .toArray();
      return documents.map(fromDocumentDimensionCommit);
    });

  loadUsage: UsageStore['loadUsage'] = (tenantId, fromSeq, toSeq) =>
    guardDatabase(async () => {
      const range = { $gte: BigInt(fromSeq), $lte: BigInt(toSeq) };
      const documents = await this.#commits
        .find({ tenant_id: tenantId, seq: range }, { projection: USAGE_PROJECTION, maxTimeMS: READ_TIMEOUT_MS })
        .sort({ tenant_id: 1, seq: 1 })
        // In one answer: one more than there can be, so that the database sees the end of the range.
        .batchSize(toSeq - fromSeq + 2)
        .toArray();
      return documents.map(fromDocumentUsageCommit);
    });

  loadWatermark: UsageStore['loadWatermark'] = (tenantId) =>
    guardDatabase(async () => {
      const document = await this.#watermarks.findOne({ _id: tenantId }, { maxTimeMS: READ_TIMEOUT_MS });
      if (document === null) return { generation: 1, seq: 0 };
      return { generation: Number(document.generation), seq: Number(document.counted_seq ?? 0n) };
    });

  advanceWatermark: UsageStore['advanceWatermark'] = (tenantId, watermark) =>
    guardDatabase(async () => {
      if (await this.#moveWatermark(tenantId, watermark)) return true;
      if (watermark.generation !== 1 || !(await this.#insertWatermark(tenantId, watermark))) {
        return this.#moveWatermark(tenantId, watermark);
      }
      return true;
    });

  loadRollups: UsageStore['loadRollups'] = (tenantId, generation, keys) =>
    guardDatabase(async () => {
      const ids = keys.map((key) => rollupId(tenantId, generation, key));
      const found: RollupDocument[] = [];
      for (let from = 0; from < ids.length; from += BATCH_SIZE) {
        const filter = { _id: { $in: ids.slice(from, from + BATCH_SIZE) } };
        found.push(...(await this.#rollups.find(filter, { maxTimeMS: READ_TIMEOUT_MS }).toArray()));
      }
      return found.map(fromDocumentRollup);
    });

  saveRollups: UsageStore['saveRollups'] = (tenantId, generation, writes) =>
    guardDatabase(async () => {
      let isWhole = true;
      for (let from = 0; from < writes.length; from += BATCH_SIZE) {
        const batch = writes.slice(from, from + BATCH_SIZE);
        if (!(await this.#saveBatch(tenantId, generation, batch))) isWhole = false;
      }
      return isWhole;
    });

  scanRollups: UsageStore['scanRollups'] = (tenantId, generation, range, filter) =>
    this.#scan(toDocumentFilter(tenantId, generation, range, filter));

  reserveGeneration: UsageStore['reserveGeneration'] = (tenantId) =>
    guardDatabase(async () => {
      await this.#insertWatermark(tenantId, { generation: 1, seq: 0 });
      const document = await this.#watermarks.findOneAndUpdate(
        { _id: tenantId },
        { $inc: { reserved: 1n } },
        { returnDocument: 'after' },
      );
      if (document === null) throw new Error(`the watermark of ${tenantId} is gone`);
      return 1 + Number(document.reserved);
    });

  switchGeneration: UsageStore['switchGeneration'] = (tenantId, { generation, seq }) =>
    guardDatabase(async () => {
      const { matchedCount } = await this.#watermarks.updateOne(
        { _id: tenantId, generation: { $lt: BigInt(generation) } },
        { $set: { generation: BigInt(generation), counted_seq: BigInt(seq) } },
      );
      // The driver sends a write again whose answer was lost: then the first one has switched already.
      return matchedCount === 1 || (await this.loadWatermark(tenantId)).generation === generation;
    });

  removeGeneration: UsageStore['removeGeneration'] = (tenantId, generation) =>
    guardDatabase(async () => {
      await this.#rollups.deleteMany({ tenant_id: tenantId, generation: BigInt(generation) });
      await this.#runs.remove(tenantId, BigInt(generation));
    });

  removeGenerationsBefore: UsageStore['removeGenerationsBefore'] = (tenantId, generation) =>
    guardDatabase(async () => {
      await this.#rollups.deleteMany({ tenant_id: tenantId, generation: { $lt: BigInt(generation) } });
      await this.#runs.remove(tenantId, { $lt: BigInt(generation) });
    });

  async *#scan(filter: mongo.Filter<RollupDocument>): AsyncGenerator<Rollup> {
    const cursor = this.#rollups.find(filter, { maxTimeMS: READ_TIMEOUT_MS, batchSize: BATCH_SIZE });
    try {
      while (await guardDatabase(() => cursor.hasNext())) {
        // What has come in one answer of the database is handed on without a step for each.
        for (const document of cursor.readBufferedDocuments()) yield fromDocumentRollup(document);
      }
    } finally {
      await cursor.close().catch(() => undefined);
    }
  }

  async #moveWatermark(tenantId: TenantId, { generation, seq }: Watermark): Promise<boolean> {
    const filter = { _id: tenantId, generation: BigInt(generation) };
    return (await this.#watermarks.updateOne(filter, { $max: { counted_seq: BigInt(seq) } })).matchedCount === 1;
  }

  async #insertWatermark(tenantId: TenantId, { generation, seq }: Watermark): Promise<boolean> {
    try {
      await this.#watermarks.insertOne({
        _id: tenantId,
        generation: BigInt(generation),
        counted_seq: BigInt(seq),
        reserved: 0n,
      });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  /** Who was overtaken changes nothing: its write names what the rollup had applied, and that is no longer so. */
  async #saveBatch(tenantId: TenantId, generation: number, writes: readonly RollupWrite[]): Promise<boolean> {
    const operations = writes.map(({ rollup, replacesSeq }): mongo.AnyBulkWriteOperation<RollupDocument> => {
      if (replacesSeq === undefined) return { insertOne: { document: toDocumentRollup(tenantId, generation, rollup) } };
      const filter = { _id: rollupId(tenantId, generation, rollup.key), applied_seq: BigInt(replacesSeq) };
      return { updateOne: { filter, update: { $set: toDocumentFigures(rollup) } } };
    });
    try {
      const { matchedCount, insertedCount } = await this.#rollups.bulkWrite(operations, { ordered: false });
      return matchedCount + insertedCount === writes.length;
    } catch (error) {
      // Somebody else had inserted the same rollups.
      if (isDuplicateKeyAlone(error)) return false;
      throw error;
    }
  }
}

function toDocumentFilter(
  tenantId: TenantId,
  generation: number,
  { level, from, to }: RollupRange,
  { action, projectId, workflowId, projectIds }: UsageFilter,
): mongo.Filter<RollupDocument> {
  const isVisible = projectId === undefined || projectIds?.has(projectId) !== false;
  return {
    tenant_id: tenantId,
    generation: BigInt(generation),
    level,
    start: { $gte: toDocumentStart(level, from), $lt: toDocumentStart(level, to) },
    ...(action === undefined ? {} : { action }),
    ...(projectId === undefined ? {} : { project_id: isVisible ? projectId : { $in: [] } }),
    ...(projectId === undefined && projectIds !== undefined ? { project_id: { $in: [...projectIds] } } : {}),
    ...(workflowId === undefined ? {} : { workflow_id: workflowId }),
  };
}
