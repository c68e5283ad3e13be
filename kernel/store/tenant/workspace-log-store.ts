// Owns how the logs of workspaces are read and written in MongoDB: collection `workspace_records`, append-only.

import type { Connection, mongo } from 'mongoose';
import type { WorkspaceLogStore, WorkspaceRecord } from '../../app/tenant/ports.ts';
import { DomainError } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { toTimeFilter } from '../time-filter.ts';
import { fromDocumentRecord, toDocumentRecord, type WorkspaceRecordDocument } from './tenant-document.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

const INDEXES: readonly WantedIndex[] = [
  // One request changes a workspace once.
  { name: 'tenant_request', key: { tenant_id: 1, request_key: 1 }, unique: true },
  { name: 'tenant_time', key: { tenant_id: 1, created_at: 1, _id: 1 } },
];

/**
 * Opens the logs and proves their indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openWorkspaceLogStore(connection: Connection): Promise<WorkspaceLogStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the logs of workspaces need an open database connection');
  const records = database.collection<WorkspaceRecordDocument>('workspace_records');
  const found = await ensureIndexes(records, INDEXES);
  if (found !== undefined) {
    const message =
      `The index ${JSON.stringify(found.key)} of collection workspace_records ${found.problem}: ` +
      'drop an index of the same name or key that differs, and look for duplicate rows.';
    throw new Error(message, { cause: found.cause });
  }
  return new MongoWorkspaceLogStore(records);
}

class MongoWorkspaceLogStore implements WorkspaceLogStore {
  readonly #records: mongo.Collection<WorkspaceRecordDocument>;

  constructor(records: mongo.Collection<WorkspaceRecordDocument>) {
    this.#records = records;
  }

  insertRecord: WorkspaceLogStore['insertRecord'] = (record) =>
    guardDatabase(async () => {
      try {
        await this.#records.insertOne(toDocumentRecord(record));
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        await this.#assertStored(record);
      }
    });

  /** What refused the insert may be there without a majority yet: it counts only once a majority read shows it. */
  async #assertStored({ tenantId, requestKey, recordId }: WorkspaceRecord): Promise<void> {
    const stored = await this.loadRecordByKey(tenantId, requestKey);
    if (stored?.recordId === recordId) return;
    const message = `the log of ${tenantId} can't be written now: retry shortly, with the same request_id`;
    throw new DomainError('DATABASE_UNAVAILABLE', message, { retryDelayMs: 500 });
  }

  loadRecordByKey: WorkspaceLogStore['loadRecordByKey'] = (tenantId, key) =>
    guardDatabase(async () => {
      const filter = { tenant_id: tenantId, request_key: key };
      const document = await this.#records.findOne(filter, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocumentRecord(document);
    });

  loadRecords: WorkspaceLogStore['loadRecords'] = (tenantId, { method, startAt, endAt }, limit, after) =>
    guardDatabase(async () => {
      const documents = await this.#records
        .find(
          {
            tenant_id: tenantId,
            ...present({ method }),
            ...toTimeFilter({ range: present({ startAt, endAt }), after }),
          },
          { maxTimeMS: READ_TIMEOUT_MS },
        )
        .sort({ created_at: -1, _id: -1 })
        .limit(limit)
        .toArray();
      return documents.map(fromDocumentRecord);
    });
}
