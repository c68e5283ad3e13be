// Owns how verification and export read the ledger's collections: as raw documents, primary + majority, in bounded pieces.
// Does not own what must hold of them (app/audit). Invariant: it writes nothing.

import type { Connection, mongo } from 'mongoose';
import type { AccountRef, AuditStore, PlacedCommit } from '../../app/audit/ports.ts';
import type { TenantId } from '../../domain/id.ts';
import { guardDatabase } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from './collection-option.ts';
import type { CommitDocument } from './commit-document.ts';
import { describeSeq, StoredDocument, toHash, toSeq } from './ledger-audit-document.ts';
import { findCommitIndexProblem } from './ledger-index.ts';

/** How long the database may take for one read, in milliseconds: these are large, and nobody waits for a balance. */
const READ_TIMEOUT_MS = 30_000;
/** How many bytes of commits are held at once, about. */
const PAGE_BYTES = 2 * 1_048_576;
/** MongoDB ends a batch at 16 MiB in any case. */
const BATCH_COMMITS = 128;

interface HeadDocument {
  readonly _id: string;
  readonly seq: unknown;
}

interface Collections {
  readonly commits: mongo.Collection<CommitDocument>;
  readonly heads: mongo.Collection<HeadDocument>;
  readonly tenants: mongo.Collection<{ readonly tenant_id: string }>;
}

/** Opens the ledger for verification and export. Throws Error where the connection is not open. */
export function openAuditStore(connection: Connection): AuditStore {
  const database = connection.db;
  if (database === undefined) throw new Error('the audit store needs an open database connection');
  const options = LEDGER_COLLECTION_OPTIONS;
  return new MongoAuditStore({
    commits: database.collection('ledger_commits', options),
    heads: database.collection('ledger_heads', options),
    tenants: database.collection('tenants', options),
  });
}

class MongoAuditStore implements AuditStore {
  readonly #commits: Collections['commits'];
  readonly #heads: Collections['heads'];
  readonly #tenants: Collections['tenants'];

  constructor({ commits, heads, tenants }: Collections) {
    this.#commits = commits;
    this.#heads = heads;
    this.#tenants = tenants;
  }

  findIndexProblem: AuditStore['findIndexProblem'] = () =>
    guardDatabase(async () => {
      const found = await findCommitIndexProblem(this.#commits);
      if (found === undefined) return undefined;
      const index = `the unique index ${JSON.stringify(found.key)} of ledger_commits ${found.problem}`;
      return `${index}: a request could have been done twice; no kernel starts until it is there again`;
    });

  estimateCommits: AuditStore['estimateCommits'] = () => guardDatabase(() => this.#commits.estimatedDocumentCount());

  loadAccounts: AuditStore['loadAccounts'] = (after, limit) =>
    guardDatabase(async () => {
      const [tenants, heads] = await Promise.all([
        this.#tenants
          .find({ tenant_id: { $gt: after } }, { maxTimeMS: READ_TIMEOUT_MS })
          .project<{ tenant_id: string }>({ _id: 0, tenant_id: 1 })
          .sort({ tenant_id: 1 })
          .limit(limit)
          .toArray(),
        this.#heads
          .find({ _id: { $gt: after } }, { maxTimeMS: READ_TIMEOUT_MS })
          .sort({ _id: 1 })
          .limit(limit)
          .toArray(),
      ]);
      // Each list is complete up to its last id, so the first `limit` ids of both together are complete too.
      const hints = new Map(tenants.map(({ tenant_id }): [string, number] => [tenant_id, 0]));
      for (const { _id, seq } of heads) hints.set(_id, toSeq(seq) ?? 0);
      const ids = [...hints.keys()].sort((a, b) => (a < b ? -1 : 1)).slice(0, limit);
      // Ids are whatever stands there; nothing but look-ups is done with them.
      return ids.map((id) => ({ tenantId: id as TenantId, hintSeq: hints.get(id) ?? 0 }));
    });

  loadAccount: AuditStore['loadAccount'] = (tenantId) =>
    guardDatabase(async (): Promise<AccountRef | undefined> => {
      const options = { maxTimeMS: READ_TIMEOUT_MS };
      const [tenant, head] = await Promise.all([
        this.#tenants.findOne({ tenant_id: tenantId }, options),
        this.#heads.findOne({ _id: tenantId }, options),
      ]);
      if (tenant === null && head === null) return undefined;
      return { tenantId, hintSeq: toSeq(head?.seq) ?? 0 };
    });

  loadPage: AuditStore['loadPage'] = (tenantId, fromSeq, toSeq_) =>
    guardDatabase(async () => {
      const cursor = this.#commits
        .find(
          { tenant_id: tenantId, seq: { $gt: BigInt(fromSeq - 1), $lte: BigInt(toSeq_) } },
          { raw: true, batchSize: BATCH_COMMITS, maxTimeMS: READ_TIMEOUT_MS },
        )
        .sort({ tenant_id: 1, seq: 1 });
      const commits: StoredDocument[] = [];
      let bytes = 0;
      try {
        for await (const document of cursor) {
          if (bytes >= PAGE_BYTES) return { commits, isWhole: false };
          // With `raw` the driver hands over the bytes of each document, which its types don't say.
          const raw = document as unknown as Uint8Array;
          bytes += raw.length;
          commits.push(new StoredDocument(raw));
        }
        return { commits, isWhole: true };
      } finally {
        await cursor.close();
      }
    });

  findNext: AuditStore['findNext'] = (tenantId, fromSeq) =>
    guardDatabase(async () => {
      const [found] = await this.#findPlaces({ tenant_id: tenantId, seq: { $gte: BigInt(fromSeq) } }, 1);
      return found;
    });

  loadMisplaced: AuditStore['loadMisplaced'] = (tenantId, limit) =>
    guardDatabase(() => this.#findPlaces({ tenant_id: tenantId, seq: { $not: { $gte: 1n } } }, limit));

  loadLinks: AuditStore['loadLinks'] = (tenantId, fromSeq, toSeq_) =>
    guardDatabase(async () => {
      const documents = await this.#commits
        .find(
          { tenant_id: tenantId, seq: { $gte: BigInt(fromSeq), $lte: BigInt(toSeq_) } },
          { maxTimeMS: READ_TIMEOUT_MS },
        )
        .project<{ seq: unknown; hash: unknown }>({ _id: 0, seq: 1, hash: 1 })
        .sort({ tenant_id: 1, seq: 1 })
        .toArray();
      return documents.flatMap(({ seq, hash }) => {
        const place = toSeq(seq);
        return place === undefined ? [] : [{ seq: place, hash: toHash(hash) }];
      });
    });

  loadSharedKeys: AuditStore['loadSharedKeys'] = (tenantId, limit) =>
    guardDatabase(async () => {
      const shared = await this.#commits
        .aggregate<{ _id: unknown; seqs: readonly unknown[] }>(
          [
            { $match: { tenant_id: tenantId } },
            { $unwind: '$keys' },
            { $group: { _id: '$keys', seqs: { $push: '$seq' }, count: { $sum: 1 } } },
            { $match: { count: { $gt: 1 } } },
            { $limit: limit },
          ],
          { allowDiskUse: true },
        )
        .toArray();
      return shared.map(({ _id, seqs }) => ({ key: String(_id), seqs: seqs.map((seq) => toSeq(seq) ?? 0) }));
    });

  async #findPlaces(filter: mongo.Filter<CommitDocument>, limit: number): Promise<PlacedCommit[]> {
    const documents = await this.#commits
      .find(filter, { maxTimeMS: READ_TIMEOUT_MS })
      .project<{ seq: unknown }>({ _id: 0, seq: 1 })
      .sort({ tenant_id: 1, seq: 1 })
      .limit(limit)
      .toArray();
    return documents.map(({ seq }) => ({ seq: toSeq(seq), seqText: describeSeq(seq), place: toPlace(seq) }));
  }
}

function toPlace(stored: unknown): number {
  return typeof stored === 'bigint' || typeof stored === 'number' ? Math.floor(Number(stored)) : Number.NaN;
}
