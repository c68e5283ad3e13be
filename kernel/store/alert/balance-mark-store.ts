// Owns how thresholds and their marks are kept in MongoDB, collection `balance_marks`, and reading the balances of commits. Does not
// own what is compared with what.
// Invariant: a mark and its thresholds are one document, which is only changed by a write that names the revision it was read with.

import type { Connection, mongo } from 'mongoose';
import type { BalanceMark, BalanceMarkStore } from '../../app/alert/ports.ts';
import { computeAvailable } from '../../domain/account.ts';
import type { BalanceThreshold } from '../../domain/balance-threshold.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import type { CommitDocument } from '../ledger/commit-document.ts';
import { fromDocumentTotals } from '../ledger/entry-document.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

interface BalanceMarkDocument {
  readonly _id: TenantId;
  readonly product_code: string;
  readonly seq: bigint;
  readonly thresholds: readonly { readonly microcredits: bigint; readonly is_below: boolean }[];
  readonly applied?: readonly string[];
  readonly revision: bigint;
}

type PointDocument = Pick<CommitDocument, 'tenant_id' | 'seq' | 'totals'>;

/** Opens the collection of marks, which are found by their ids alone. Throws Error where the connection is not open. */
export function openBalanceMarkStore(connection: Connection): BalanceMarkStore {
  const database = connection.db;
  if (database === undefined) throw new Error('the balance marks need an open database connection');
  return new MongoBalanceMarkStore(
    database.collection<BalanceMarkDocument>('balance_marks', LEDGER_COLLECTION_OPTIONS),
    database.collection<PointDocument>('ledger_commits', LEDGER_COLLECTION_OPTIONS),
  );
}

class MongoBalanceMarkStore implements BalanceMarkStore {
  readonly #marks: mongo.Collection<BalanceMarkDocument>;
  readonly #commits: mongo.Collection<PointDocument>;

  constructor(marks: mongo.Collection<BalanceMarkDocument>, commits: mongo.Collection<PointDocument>) {
    this.#marks = marks;
    this.#commits = commits;
  }

  loadMark: BalanceMarkStore['loadMark'] = (tenantId) =>
    guardDatabase(async () => {
      const document = await this.#marks.findOne({ _id: tenantId }, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocument(document);
    });

  insertMark: BalanceMarkStore['insertMark'] = ({ tenantId, productCode, ...fields }) =>
    guardDatabase(async () => {
      const document = { _id: tenantId, product_code: productCode, ...toFields(fields), revision: 1n };
      try {
        await this.#marks.insertOne(document);
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });

  replaceMark: BalanceMarkStore['replaceMark'] = ({ tenantId, revision }, after) =>
    guardDatabase(async () => {
      const { matchedCount } = await this.#marks.updateOne(
        { _id: tenantId, revision: BigInt(revision) },
        { $set: toFields(after), $inc: { revision: 1n } },
      );
      return matchedCount === 1;
    });

  loadMarksAfter: BalanceMarkStore['loadMarksAfter'] = (tenantId, limit) =>
    guardDatabase(async () => {
      // Ids are texts, whatever brand they have.
      const after = { $gt: tenantId as TenantId };
      const documents = await this.#marks
        .find({ _id: after, 'thresholds.0': { $exists: true } }, { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return documents.map(fromDocument);
    });

  loadBalancePoints: BalanceMarkStore['loadBalancePoints'] = (tenantId, fromSeq, toSeq) =>
    guardDatabase(async () => {
      const range = { $gte: BigInt(fromSeq), $lte: BigInt(toSeq) };
      const options = { projection: { _id: 0, tenant_id: 1, seq: 1, totals: 1 }, maxTimeMS: READ_TIMEOUT_MS } as const;
      const documents = await this.#commits
        .find({ tenant_id: tenantId, seq: range }, options)
        .sort({ tenant_id: 1, seq: 1 })
        // In one answer: one more than there can be, so that the database sees the end of the range.
        .batchSize(toSeq - fromSeq + 2)
        .toArray();
      return documents.map(({ seq, totals }) => ({
        seq: Number(seq),
        available: computeAvailable(fromDocumentTotals(totals)),
      }));
    });
}

function toFields({ seq, thresholds, applied }: Pick<BalanceMark, 'seq' | 'thresholds' | 'applied'>) {
  return {
    seq: BigInt(seq),
    thresholds: thresholds.map(({ microcredits, isBelow }) => ({ microcredits, is_below: isBelow })),
    ...present({ applied }),
  };
}

function fromDocument({ _id, product_code, seq, thresholds, applied, revision }: BalanceMarkDocument): BalanceMark {
  return {
    tenantId: _id,
    productCode: product_code as ProductCode,
    seq: Number(seq),
    thresholds: thresholds.map(({ microcredits, is_below }): BalanceThreshold => ({ microcredits, isBelow: is_below })),
    revision: Number(revision),
    ...present({ applied }),
  };
}
