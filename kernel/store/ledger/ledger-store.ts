// Owns how ledger commits lie in MongoDB: one native collection of documents that are inserted and never updated, a hint
// where each account's newest one is, and notes of due times. Does not own what a commit means or when one is made.
// Invariants: every read that decides is primary + majority over a bounded range of `seq`; every commit is written with
// majority + journal. Not through mongoose models: their unordered insert skips invalid documents without a word.

import { type Connection, mongo } from 'mongoose';
import type { HeadHint, InsertOutcome, LedgerStore, PlacedEntry, PreparedCommit } from '../../app/ports.ts';
import { COMMIT_DOCUMENT_BYTES_MAX } from '../../domain/bound.ts';
import { estimateCommitBytes } from '../../domain/byte-estimate.ts';
import type { Commit } from '../../domain/commit.ts';
import { DomainError, messageOf } from '../../domain/error.ts';
import type { IdempotencyKey, Instant, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { guardDatabase } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from './collection-option.ts';
import { type CommitDocument, fromDocumentCommit, fromDocumentHeader, toDocumentCommit } from './commit-document.ts';
import { computeCommitHash } from './commit-hash.ts';
import { toCompactKey } from './compact-key.ts';
import { fromDocumentEntry } from './entry-document.ts';
import { asError, findUnsendable, outcomesOfInsertError } from './insert-outcome.ts';
import { ensureCommitIndexes } from './ledger-index.ts';
import { assertKnownVersion } from './state-version.ts';

/** How long the database may take for one read before it gives up, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

interface HeadDocument {
  readonly _id: TenantId;
  readonly seq: bigint;
  readonly contention?: { readonly at: Date; readonly turn_ms: number };
}

interface DueDocument {
  readonly _id: string;
  readonly tenant_id: TenantId;
  readonly due_at: Date;
}

/** What the look-up by keys reads of a commit: its place, and only the entries that were asked for. */
interface KeyedDocument extends Pick<CommitDocument, 'tenant_id' | 'seq' | 'created_at' | 'state_version' | 'entries'> {
  /** The keys of all entries, which say where the ones asked for stand. */
  readonly entry_keys: readonly IdempotencyKey[];
}

interface Collections {
  readonly commits: mongo.Collection<CommitDocument>;
  readonly heads: mongo.Collection<HeadDocument>;
  readonly due: mongo.Collection<DueDocument>;
}

/**
 * Opens the ledger's collections and proves the indexes that its safety rests on.
 * Throws Error where an index can't be proven, or the database can't be reached.
 */
export async function openLedgerStore(connection: Connection): Promise<LedgerStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the ledger store needs an open database connection');
  const options = LEDGER_COLLECTION_OPTIONS;
  const collections: Collections = {
    commits: database.collection<CommitDocument>('ledger_commits', options),
    heads: database.collection<HeadDocument>('ledger_heads', options),
    due: database.collection<DueDocument>('ledger_due', options),
  };
  await ensureCommitIndexes(collections.commits);
  await collections.due.createIndex({ due_at: 1 }, { name: 'due_at' });
  return new MongoLedgerStore(collections);
}

class MongoLedgerStore implements LedgerStore {
  readonly #commits: Collections['commits'];
  readonly #heads: Collections['heads'];
  readonly #due: Collections['due'];

  constructor({ commits, heads, due }: Collections) {
    this.#commits = commits;
    this.#heads = heads;
    this.#due = due;
  }

  prepareCommit: LedgerStore['prepareCommit'] = (commit, previousHash) => {
    try {
      const unsealed = toDocumentCommit(commit);
      const hash = computeCommitHash(unsealed, previousHash);
      const document: CommitDocument = { ...unsealed, hash: new mongo.Binary(hash) };
      return { commit: { ...commit, hash }, bytes: boundBytes(commit, document), document };
    } catch (cause) {
      if (cause instanceof DomainError) throw cause;
      const message = `commit ${commit.seq} of ${commit.tenantId} can't be stored: ${messageOf(cause)}`;
      throw new DomainError('INTERNAL', message, { cause });
    }
  };

  insertCommits: LedgerStore['insertCommits'] = (commits) => this.#insert(commits.map(documentOf));

  loadCommits: LedgerStore['loadCommits'] = (tenantId, fromSeq, toSeq) =>
    readLedger(
      () => this.#findRange(tenantId, fromSeq, toSeq).toArray(),
      (documents) => documents.map(fromDocumentCommit),
    );

  loadCommitHeaders: LedgerStore['loadCommitHeaders'] = (tenantId, fromSeq, toSeq) =>
    readLedger(
      () =>
        this.#findRange(tenantId, fromSeq, toSeq)
          .project<Omit<CommitDocument, 'entries' | 'keys'>>({ entries: 0, keys: 0 })
          .toArray(),
      (documents) => documents.map(fromDocumentHeader),
    );

  loadExistingSeqs: LedgerStore['loadExistingSeqs'] = (tenantId, seqs) =>
    guardDatabase(async () => {
      const documents = await this.#commits
        .find({ tenant_id: tenantId, seq: { $in: seqs.map(BigInt) } }, { maxTimeMS: READ_TIMEOUT_MS })
        .project<{ seq: bigint }>({ _id: 0, seq: 1 })
        .toArray();
      return documents.map(({ seq }) => Number(seq));
    });

  loadCreatedAt: LedgerStore['loadCreatedAt'] = (tenantId, seq) =>
    readLedger(
      () =>
        this.#commits.findOne<Pick<CommitDocument, 'created_at'>>(
          { tenant_id: tenantId, seq: BigInt(seq) },
          { projection: { _id: 0, created_at: 1 }, maxTimeMS: READ_TIMEOUT_MS },
        ),
      (document) => document?.created_at.getTime(),
    );

  loadEntriesByKeys: LedgerStore['loadEntriesByKeys'] = (tenantId, keys) =>
    readLedger(
      () => {
        const wanted = [...keys];
        return this.#commits
          .aggregate<KeyedDocument>(
            [
              { $match: { tenant_id: tenantId, keys: { $in: wanted.map(toCompactKey) } } },
              {
                $project: {
                  tenant_id: 1,
                  seq: 1,
                  created_at: 1,
                  state_version: 1,
                  entry_keys: { $map: { input: '$entries', as: 'entry', in: '$$entry.key' } },
                  // By their texts: two keys with one compact form must not be taken for each other.
                  entries: {
                    $filter: {
                      input: '$entries',
                      as: 'entry',
                      cond: { $or: [{ $in: ['$$entry.key', wanted] }, { $in: ['$$entry.effect_key', wanted] }] },
                    },
                  },
                },
              },
            ],
            { maxTimeMS: READ_TIMEOUT_MS },
          )
          .toArray();
      },
      (documents) => documents.flatMap(fromKeyedDocument),
    );

  removePersonalText: LedgerStore['removePersonalText'] = (tenantId, seq, index) =>
    guardDatabase(async () => {
      const personal = `entries.${index}.personal`;
      await this.#commits.updateOne(
        { tenant_id: tenantId, seq: BigInt(seq), [personal]: { $exists: true } },
        { $unset: { [`${personal}.salt`]: '', [`${personal}.reason`]: '', [`${personal}.dimensions`]: '' } },
      );
    });

  loadHeadHint: LedgerStore['loadHeadHint'] = (tenantId) =>
    readLedger(() => this.#heads.findOne({ _id: tenantId }, { maxTimeMS: READ_TIMEOUT_MS }), fromDocumentHint);

  saveHeadHint: LedgerStore['saveHeadHint'] = (tenantId, seq, contention) =>
    readLedger(() => {
      const told = contention && { at: new Date(contention.at), turn_ms: Math.ceil(contention.turnMs) };
      return this.#heads.findOneAndUpdate(
        { _id: tenantId },
        { $max: { seq: BigInt(seq) }, ...(told === undefined ? {} : { $set: { contention: told } }) },
        // A hint that is lost costs a search, so it waits for no majority.
        { upsert: true, returnDocument: 'before', writeConcern: { w: 1 } },
      );
    }, fromDocumentHint);

  saveHeadHints: LedgerStore['saveHeadHints'] = (hints, since) =>
    guardDatabase(async () => {
      const operations = hints.map(({ tenantId, seq }) => ({
        updateOne: { filter: { _id: tenantId }, update: { $max: { seq: BigInt(seq) } }, upsert: true },
      }));
      if (operations.length === 0) return [];
      await this.#heads.bulkWrite(operations, { ordered: false, writeConcern: { w: 1 } });
      const told = await this.#heads
        .find(
          { _id: { $in: hints.map(({ tenantId }) => tenantId) }, 'contention.at': { $gte: new Date(since) } },
          { projection: { _id: 1 }, maxTimeMS: READ_TIMEOUT_MS },
        )
        .toArray();
      return told.map(({ _id: tenantId }) => tenantId);
    });

  saveDueNotes: LedgerStore['saveDueNotes'] = (notes) =>
    guardDatabase(async () => {
      const operations = notes.map(({ tenantId, dueAt }) => ({
        updateOne: {
          filter: { _id: dueId(tenantId, dueAt) },
          update: { $setOnInsert: { tenant_id: tenantId, due_at: new Date(dueAt) } },
          upsert: true,
        },
      }));
      if (operations.length > 0) await this.#due.bulkWrite(operations, { ordered: false });
    });

  loadDueNotes: LedgerStore['loadDueNotes'] = (after, until, limit) =>
    guardDatabase(async () => {
      const documents = await this.#due
        .find({ due_at: { $gt: new Date(after), $lte: new Date(until) } }, { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ due_at: 1 })
        .limit(limit)
        .toArray();
      return documents.map(({ tenant_id: tenantId, due_at: dueAt }) => ({ tenantId, dueAt: dueAt.getTime() }));
    });

  removeDueNote: LedgerStore['removeDueNote'] = ({ tenantId, dueAt }) =>
    guardDatabase(async () => {
      await this.#due.deleteOne({ _id: dueId(tenantId, dueAt) });
    });

  async #insert(documents: readonly CommitDocument[]): Promise<readonly InsertOutcome[]> {
    try {
      const result = await this.#commits.insertMany(documents, { ordered: false });
      const proven = result.acknowledged && result.insertedCount === documents.length;
      const error = new Error('the database did not acknowledge every commit');
      return documents.map((): InsertOutcome => (proven ? { kind: 'acknowledged' } : { kind: 'unknown', error }));
    } catch (error) {
      // The driver encodes every document before it sends one: where one can't be encoded nothing was sent, and the others
      // must not suffer for it.
      const refused = error instanceof mongo.MongoBulkWriteError ? [] : findUnsendable(documents);
      if (!refused.some((refusal) => refusal !== undefined)) return outcomesOfInsertError(error, documents.length);
      const rest = documents.filter((_, index) => refused[index] === undefined);
      const outcomes = (rest.length === 0 ? [] : await this.#insert(rest)).values();
      return refused.map((refusal) => refusal ?? outcomes.next().value ?? { kind: 'unknown', error: asError(error) });
    }
  }

  #findRange(tenantId: TenantId, fromSeq: number, toSeq: number): mongo.FindCursor<mongo.WithId<CommitDocument>> {
    const range = { $gte: BigInt(fromSeq), $lte: BigInt(toSeq) };
    return this.#commits
      .find({ tenant_id: tenantId, seq: range }, { maxTimeMS: READ_TIMEOUT_MS })
      .sort({ tenant_id: 1, seq: 1 });
  }
}

/**
 * Reads and translates: what the database fails at, and documents that are none of ours, each get their own reason. Only a
 * document that was read can be damaged: whatever is thrown before that is no word about what is stored.
 */
async function readLedger<Read, T>(read: () => Promise<Read>, fromDocument: (read: Read) => T): Promise<T> {
  const found = await guardDatabase(read);
  try {
    return fromDocument(found);
  } catch (cause) {
    if (cause instanceof DomainError) throw cause;
    const message = 'a stored ledger document can not be read: an operator must look';
    throw new DomainError('LEDGER_CORRUPT', message, { cause });
  }
}

function documentOf(prepared: PreparedCommit): CommitDocument {
  // `document` is opaque to everyone else: only `prepareCommit` above makes one.
  return prepared.document as CommitDocument;
}

/** Answers an upper bound of a document's size; serialising tells the size itself, and is left to the driver but for giants. */
function boundBytes(commit: Commit, document: CommitDocument): number {
  const bytes = estimateCommitBytes(commit);
  if (bytes <= COMMIT_DOCUMENT_BYTES_MAX) return bytes;
  const exact = mongo.BSON.calculateObjectSize(document, { ignoreUndefined: true });
  if (exact > COMMIT_DOCUMENT_BYTES_MAX) throw tooLarge(exact);
  return exact;
}

function fromKeyedDocument(document: KeyedDocument): PlacedEntry[] {
  assertKnownVersion(document.state_version, document);
  return document.entries.map((entry) => ({
    seq: Number(document.seq),
    index: document.entry_keys.indexOf(entry.key),
    createdAt: document.created_at.getTime(),
    entry: fromDocumentEntry(entry),
  }));
}

function fromDocumentHint(document: HeadDocument | null): HeadHint | undefined {
  if (document === null) return undefined;
  const told = document.contention;
  const contention = told && { at: told.at.getTime(), turnMs: told.turn_ms };
  return { seq: Number(document.seq), ...present({ contention }) };
}

function dueId(tenantId: TenantId, dueAt: Instant): string {
  return `${tenantId}/${dueAt}`;
}

function tooLarge(bytes: number): DomainError {
  const message = `the commit would have ${bytes} bytes, the most is ${COMMIT_DOCUMENT_BYTES_MAX}: send less text or fewer items`;
  return new DomainError('COMMIT_TOO_LARGE', message, { metadata: { limit_bytes: String(COMMIT_DOCUMENT_BYTES_MAX) } });
}
