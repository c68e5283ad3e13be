// Owns how the audit log is read and written in MongoDB, and how a recorded change is done to its target. Does not own who
// records what (app/operator).
// Invariants: nothing in `audit_log` is updated or removed; a change is done to a document that has all changes before it,
// and to none that has it already, so that doing it again does nothing.

import type { Connection, mongo } from 'mongoose';
import type { AuditFilter, AuditPlace, AuditStore } from '../../app/operator/ports.ts';
import { DomainError } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, isDatabaseFailure, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { outcomesOfInsertError } from '../ledger/insert-outcome.ts';
import { toTimeFilter } from '../time-filter.ts';
import {
  type AuditDocument,
  type EffectDocument,
  fromDocumentRecord,
  targetName,
  toDocumentChange,
  toDocumentRecord,
} from './audit-document.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
/** How many changes of late are looked at, to find targets that a crash has left behind. */
const SETTLED_MAX = 1_000;

const INDEXES: readonly WantedIndex[] = [
  // One request makes one record, whichever kernels it reaches.
  { name: 'record_key', key: { record_key: 1 }, unique: true },
  // The changes of a target come one after the other.
  {
    name: 'target_revision',
    key: { target: 1, revision: 1 },
    unique: true,
    partialFilterExpression: { revision: { $exists: true } },
  },
  // Ascending, though lists go backwards: SecantusDB 0.7.0b3 loses the bound of a range over a descending field.
  { name: 'time', key: { created_at: 1, _id: 1 } },
  { name: 'product_time', key: { product_code: 1, created_at: 1, _id: 1 } },
  { name: 'tenant_time', key: { tenant_id: 1, created_at: 1, _id: 1 } },
  { name: 'actor_time', key: { actor: 1, created_at: 1, _id: 1 } },
];

/**
 * Opens the audit log and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openAuditLogStore(connection: Connection): Promise<AuditStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the audit log needs an open database connection');
  const records = database.collection<AuditDocument>('audit_log');
  const found = await ensureIndexes(records, INDEXES);
  if (found !== undefined) {
    const message =
      `The index ${JSON.stringify(found.key)} of collection audit_log ${found.problem}: ` +
      'drop an index of the same name or key that differs, and look for duplicate rows.';
    throw new Error(message, { cause: found.cause });
  }
  return new MongoAuditStore(database, records);
}

class MongoAuditStore implements AuditStore {
  readonly #database: mongo.Db;
  readonly #records: mongo.Collection<AuditDocument>;

  constructor(database: mongo.Db, records: mongo.Collection<AuditDocument>) {
    this.#database = database;
    this.#records = records;
  }

  insertNotes: AuditStore['insertNotes'] = (records) =>
    guardDatabase(async () => {
      try {
        await this.#records.insertMany(records.map(toDocumentRecord), { ordered: false });
      } catch (error) {
        const outcomes = outcomesOfInsertError(error, records.length);
        if (!outcomes.every(({ kind }) => kind === 'acknowledged' || kind === 'duplicate')) throw error;
        const taken = records.filter((_, index) => outcomes[index]?.kind === 'duplicate');
        await this.#assertStored(taken.map(({ recordKey }) => recordKey));
      }
    });

  insertChange: AuditStore['insertChange'] = async (record) => {
    try {
      await this.#records.insertOne(toDocumentChange(record));
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      if (!isDatabaseFailure(error)) throw error;
      const message =
        'the database did not tell whether the change was recorded: repeat the call with the same request_id';
      throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000, cause: error });
    }
  };

  loadRecordByKey: AuditStore['loadRecordByKey'] = (recordKey) =>
    guardDatabase(async () => {
      const document = await this.#records.findOne({ record_key: recordKey }, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocumentRecord(document);
    });

  settleTarget: AuditStore['settleTarget'] = (target) => guardDatabase(() => this.#settle(targetName(target)));

  settleSince: AuditStore['settleSince'] = (since) =>
    guardDatabase(async () => {
      const recent = await this.#records
        .find({ created_at: { $gte: new Date(since) }, revision: { $gt: 0 } }, { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ created_at: -1, _id: -1 })
        .limit(SETTLED_MAX)
        .project<Pick<AuditDocument, 'target'>>({ _id: 0, target: 1 })
        .toArray();
      const targets = new Set(recent.flatMap(({ target }) => target ?? []));
      for (const target of targets) await this.#settle(target);
      return targets.size;
    });

  loadRecords: AuditStore['loadRecords'] = (filter, limit, after) =>
    guardDatabase(async () => {
      const documents = await this.#records
        .find(toQuery(filter, after), { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ created_at: -1, _id: -1 })
        .limit(limit)
        .project<Omit<AuditDocument, 'effect' | 'plan_effect'>>({ effect: 0, plan_effect: 0 })
        .toArray();
      return documents.map(fromDocumentRecord);
    });

  /** A key can be taken by a record that no majority has yet, and that may still go: then nothing may begin by it. */
  async #assertStored(recordKeys: readonly string[]): Promise<void> {
    const stored = await this.#records.countDocuments(
      { record_key: { $in: [...recordKeys] } },
      { maxTimeMS: READ_TIMEOUT_MS },
    );
    if (stored === recordKeys.length) return;
    const message = 'another call with this request_id is being recorded: repeat the call with the same request_id';
    throw new DomainError('DATABASE_UNAVAILABLE', message, { retryDelayMs: 500 });
  }

  /** Does the newest change of a target: the one before it was done before it was recorded. */
  async #settle(target: string): Promise<number> {
    const newest = await this.#records.findOne(
      { target, revision: { $gt: 0 } },
      { sort: { revision: -1 }, maxTimeMS: READ_TIMEOUT_MS },
    );
    if (newest?.revision === undefined || newest.effect === undefined) return 0;
    // The plan last: whoever sees what was done to it finds what was done to its product.
    await this.#apply(newest.effect, newest.revision);
    if (newest.plan_effect !== undefined) await this.#apply(newest.plan_effect, newest.plan_effect.revision);
    return newest.revision;
  }

  async #apply({ collection, key, set, unset = [], on_insert }: EffectDocument, revision: number): Promise<void> {
    const before = revision === 1 ? { $in: [0, null] } : revision - 1;
    const isFirst = revision === 1 && on_insert !== undefined;
    const update = {
      $set: { ...set, revision },
      ...(unset.length === 0 ? {} : { $unset: Object.fromEntries(unset.map((field) => [field, ''])) }),
      ...(isFirst && !isEmpty(on_insert) ? { $setOnInsert: on_insert } : {}),
    };
    try {
      // What kind of id a document has is its collection's affair.
      const documents = this.#database.collection<mongo.Document>(collection);
      await documents.updateOne({ ...key, revision: before }, update, { upsert: isFirst });
    } catch (error) {
      // The document is there and has the change already, or another kernel has just done it.
      if (!isDuplicateKey(error)) throw error;
    }
  }
}

function isEmpty(document: mongo.Document): boolean {
  return Object.keys(document).length === 0;
}

function toQuery(filter: AuditFilter, after: AuditPlace | undefined): mongo.Filter<AuditDocument> {
  const { productCode, tenantId, actor, method, startAt, endAt } = filter;
  const place = after === undefined ? {} : { after: { createdAt: after.createdAt, id: after.recordId } };
  return {
    ...present({ product_code: productCode, tenant_id: tenantId, actor, method }),
    ...toTimeFilter({ range: present({ startAt, endAt }), ...place }),
  };
}
