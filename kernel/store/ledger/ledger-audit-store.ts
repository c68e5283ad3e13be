// Owns how verification and export read the ledger's collections: as raw documents, primary + majority, in bounded pieces.
// Does not own what must hold of them (app/audit). Invariant: it writes nothing.

import type { Connection, mongo } from 'mongoose';
import type { AccountRef, AuditStore, PlacedCommit, StrayTenants } from '../../app/audit/ports.ts';
import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from './collection-option.ts';
import type { CommitDocument } from './commit-document.ts';
import { type CompactKey, describeCompactKey, isCompactFormOf } from './compact-key.ts';
import type { EntryDocument } from './entry-document.ts';
import { describeSeq, StoredDocument, toHash, toSeq } from './ledger-audit-document.ts';
import { findCommitIndexProblem } from './ledger-index.ts';

/** How long the database may take for one read, in milliseconds: these are large, and nobody waits for a balance. */
const READ_TIMEOUT_MS = 30_000;
/** How long it may take to list the tenant ids of all commits: without a distinct scan it reads an index whole. */
const LIST_TIMEOUT_MS = 600_000;
/** How many tenant ids are looked up at once. */
const TENANTS_PER_LOOKUP = 256;
/** What is longer is no tenant id. */
const TENANT_ID_LENGTH_MAX = 128;
/** How many bytes of commits are held at once, about. */
const PAGE_BYTES = 2 * 1_048_576;
/** MongoDB ends a batch at 16 MiB in any case. */
const BATCH_COMMITS = 128;
/** In how many of the commits that share a key its text is looked for. */
const SHARED_KEY_COMMITS_MAX = 8;

interface HeadDocument {
  readonly _id: string;
  readonly seq: unknown;
}

interface Collections {
  readonly commits: mongo.Collection<CommitDocument>;
  readonly heads: mongo.Collection<HeadDocument>;
  readonly tenants: mongo.Collection<TenantRow>;
}

/** What is asked of a document of `tenants`. */
interface TenantRow {
  readonly tenant_id: string;
  readonly product_code?: unknown;
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
          .project<TenantRow>({ _id: 0, tenant_id: 1, product_code: 1 })
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
      const products = new Map(tenants.map((row) => [row.tenant_id, productOf(row)]));
      for (const { _id, seq } of heads) hints.set(_id, toSeq(seq) ?? 0);
      const ids = [...hints.keys()].sort((a, b) => (a < b ? -1 : 1)).slice(0, limit);
      // Ids are whatever stands there; nothing but look-ups is done with them.
      return ids.map((id) => ({
        tenantId: id as TenantId,
        hintSeq: hints.get(id) ?? 0,
        ...present({ productCode: products.get(id) }),
      }));
    });

  loadAccount: AuditStore['loadAccount'] = (tenantId) =>
    guardDatabase(async (): Promise<AccountRef | undefined> => {
      const options = { maxTimeMS: READ_TIMEOUT_MS };
      const [tenant, head] = await Promise.all([
        this.#tenants.findOne({ tenant_id: tenantId }, options),
        this.#heads.findOne({ _id: tenantId }, options),
      ]);
      if (tenant === null && head === null) return undefined;
      const productCode = tenant === null ? undefined : productOf(tenant);
      return { tenantId, hintSeq: toSeq(head?.seq) ?? 0, ...present({ productCode }) };
    });

  findStrayTenants: AuditStore['findStrayTenants'] = (limit, signal) =>
    guardDatabase(async (): Promise<StrayTenants> => {
      const cursor = this.#commits.aggregate<{ readonly _id: unknown }>([{ $group: { _id: '$tenant_id' } }], {
        allowDiskUse: true,
        batchSize: TENANTS_PER_LOOKUP,
        maxTimeMS: LIST_TIMEOUT_MS,
        // A symbol must not look like a text.
        promoteValues: false,
        useBigInt64: false,
      });
      const tenantIds: TenantId[] = [];
      const others: string[] = [];
      let waiting: string[] = [];
      const lookUp = async (): Promise<void> => {
        signal.throwIfAborted();
        tenantIds.push(...(await this.#findUnknown(waiting)));
        waiting = [];
      };
      try {
        for await (const { _id } of cursor) {
          if (tenantIds.length + others.length >= limit) return { tenantIds, others, isWhole: false };
          if (!isTenantIdText(_id)) others.push(describeTenantId(_id));
          else if (waiting.push(_id) >= TENANTS_PER_LOOKUP) await lookUp();
        }
        await lookUp();
        return { tenantIds, others, isWhole: true };
      } finally {
        await cursor.close();
      }
    });

  /** Leaves out the ids that `tenants` or `ledger_heads` has. */
  async #findUnknown(ids: readonly string[]): Promise<readonly TenantId[]> {
    if (ids.length === 0) return [];
    const options = { maxTimeMS: READ_TIMEOUT_MS };
    const tenants = this.#tenants.find({ tenant_id: { $in: [...ids] } }, options).project<TenantRow>({ tenant_id: 1 });
    const heads = this.#heads.find({ _id: { $in: [...ids] } }, options).project<HeadDocument>({ _id: 1 });
    const known = new Set((await tenants.toArray()).map(({ tenant_id }) => tenant_id));
    for (const { _id } of await heads.toArray()) known.add(_id);
    return ids.filter((id) => !known.has(id)).map((id) => id as TenantId);
  }

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
      return await Promise.all(
        shared.map(async ({ _id, seqs }) => ({
          key: (await this.#findKeyText(tenantId, _id)) ?? describeCompactKey(_id),
          seqs: seqs.map((seq) => toSeq(seq) ?? 0),
        })),
      );
    });

  /** Finds the text of a compact key among the entries of the commits that bear it. */
  async #findKeyText(tenantId: TenantId, stored: unknown): Promise<string | undefined> {
    if (typeof stored === 'string') return stored;
    const documents = await this.#commits
      // Whatever stands in the list is looked for as it is.
      .find({ tenant_id: tenantId, keys: stored as CompactKey }, { maxTimeMS: READ_TIMEOUT_MS })
      .project<{ entries?: readonly Partial<EntryDocument>[] }>({ _id: 0, 'entries.key': 1, 'entries.effect_key': 1 })
      .limit(SHARED_KEY_COMMITS_MAX)
      .toArray();
    const texts = documents.flatMap(({ entries }) =>
      (entries ?? []).flatMap(({ key, effect_key }) => [key ?? [], effect_key ?? []].flat()),
    );
    return texts.find((text) => isCompactFormOf(stored, text));
  }

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

/** A row from before there were products has none until it is stamped (../product-stamp.ts), which is no finding. */
function productOf({ product_code: code }: TenantRow): string | undefined {
  if (code === undefined || code === null) return undefined;
  return typeof code === 'string' ? code : '';
}

function isTenantIdText(stored: unknown): stored is string {
  return typeof stored === 'string' && stored !== '' && stored.length <= TENANT_ID_LENGTH_MAX;
}

/** Says for people what is stored as a tenant id and is none. */
function describeTenantId(stored: unknown): string {
  if (typeof stored === 'string') return JSON.stringify(stored.slice(0, TENANT_ID_LENGTH_MAX));
  if (stored === null || stored === undefined) return 'null or absent';
  const type = (stored as { readonly _bsontype?: unknown })._bsontype;
  return `of type ${typeof type === 'string' ? type : typeof stored}`;
}

function toPlace(stored: unknown): number {
  return typeof stored === 'bigint' || typeof stored === 'number' ? Math.floor(Number(stored)) : Number.NaN;
}
