// Owns how mails are kept in MongoDB: the collections `mail_outbox` and `mail_counters`. Does not own what becomes of them.
// Invariants: a mail is one document, by its id, however often it is put in; only the attempt that is counted in the document
// changes what becomes of it; a token leaves the document with the mail; the database itself removes what is over.

import { createHash } from 'node:crypto';
import type { Connection, mongo } from 'mongoose';
import type { MailStore, MailWindow, StoredMail } from '../../app/mail/ports.ts';
import { DomainError } from '../../domain/error.ts';
import { databaseUnavailable, guardDatabase, isDatabaseFailure, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import { fromDocumentMail, type MailDocument, toDocumentMail } from './mail-document.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
/** How often room is asked for again where another mail took some at the same time. */
const ROOM_ATTEMPTS_MAX = 20;
const COLLECTION_OPTIONS = { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false } as const;

const OUTBOX_INDEXES: readonly WantedIndex[] = [
  { name: 'state_due', key: { state: 1, due_at: 1 } },
  { name: 'state_created', key: { state: 1, created_at: 1, _id: 1 } },
  { name: 'created', key: { created_at: 1, _id: 1 } },
  { name: 'expiry', key: { remove_at: 1 }, expireAfterSeconds: 0 },
];
const COUNTER_INDEXES: readonly WantedIndex[] = [{ name: 'expiry', key: { ends_at: 1 }, expireAfterSeconds: 0 }];

/** The mails of a kind to one address in one window. */
interface CounterDocument {
  /** The kind, a digest of the address, and when the window began. */
  readonly _id: string;
  readonly count: number;
  readonly mail_ids: readonly string[];
  readonly ends_at: Date;
}

/**
 * Opens the collections of mails and proves their indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openMailStore(connection: Connection): Promise<MailStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the mail store needs an open database connection');
  const mails = database.collection<MailDocument>('mail_outbox', COLLECTION_OPTIONS);
  const counters = database.collection<CounterDocument>('mail_counters', COLLECTION_OPTIONS);
  await prove(mails, OUTBOX_INDEXES);
  await prove(counters, COUNTER_INDEXES);
  return new MongoMailStore(mails, counters);
}

async function prove(collection: Parameters<typeof ensureIndexes>[0], wanted: readonly WantedIndex[]): Promise<void> {
  const found = await ensureIndexes(collection, wanted);
  if (found === undefined) return;
  const message =
    `The index ${JSON.stringify(found.key)} of collection ${collection.collectionName} ${found.problem}: ` +
    'drop an index of the same name or key that differs.';
  throw new Error(message, { cause: found.cause });
}

class MongoMailStore implements MailStore {
  readonly #mails: mongo.Collection<MailDocument>;
  readonly #counters: mongo.Collection<CounterDocument>;

  constructor(mails: mongo.Collection<MailDocument>, counters: mongo.Collection<CounterDocument>) {
    this.#mails = mails;
    this.#counters = counters;
  }

  takeRoom: MailStore['takeRoom'] = (window, mailId, countMax) =>
    guardDatabase(async () => {
      const id = counterIdOf(window);
      for (let attempt = 0; attempt < ROOM_ATTEMPTS_MAX; attempt += 1) {
        if (await this.#count(id, window, mailId, countMax)) return 'had';
        const counter = await this.#counters.findOne({ _id: id }, { maxTimeMS: READ_TIMEOUT_MS });
        if (counter?.mail_ids.includes(mailId) === true) return 'had';
        if (counter !== null && counter.count >= countMax) return 'full';
        // Another mail was the first of the window at the same moment: now there is a document to count in.
      }
      throw databaseUnavailable(new Error('the counter of an address changed at every look'));
    });

  insertMail: MailStore['insertMail'] = async (mail) => {
    try {
      await this.#mails.insertOne(toDocumentMail(mail));
    } catch (error) {
      if (isDuplicateKey(error)) return;
      if (!isDatabaseFailure(error)) throw error;
      const message = 'the database did not tell whether the mail was stored: repeat the call with the same request_id';
      throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000, cause: error });
    }
  };

  claimDue: MailStore['claimDue'] = (now, dueAt) =>
    guardDatabase(async () => {
      const document = await this.#mails.findOneAndUpdate(
        { state: 'pending', due_at: { $lte: new Date(now) } },
        { $set: { due_at: new Date(dueAt) }, $inc: { attempts: 1 } },
        { sort: { due_at: 1 }, returnDocument: 'after', maxTimeMS: READ_TIMEOUT_MS },
      );
      return document === null ? undefined : fromDocumentMail(document);
    });

  saveSent: MailStore['saveSent'] = ({ mailId }, at) =>
    guardDatabase(async () => {
      // Whichever attempt ended well: the mail is out.
      await this.#mails.updateOne(
        { _id: mailId, state: { $in: ['pending', 'dead'] } },
        { $set: { state: 'sent', sent_at: new Date(at) }, $unset: { due_at: '', failure: '', 'content.token': '' } },
      );
    });

  saveFailed: MailStore['saveFailed'] = ({ mailId, attempts }, failure, dueAt) =>
    guardDatabase(async () => {
      const filter = { _id: mailId, state: 'pending' as const, attempts };
      if (dueAt === undefined) {
        await this.#mails.updateOne(filter, { $set: { state: 'dead', failure }, $unset: { due_at: '' } });
      } else {
        await this.#mails.updateOne(filter, { $set: { failure, due_at: new Date(dueAt) } });
      }
    });

  loadMail: MailStore['loadMail'] = (mailId) =>
    guardDatabase(async () => {
      const document = await this.#mails.findOne({ _id: mailId }, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocumentMail(document);
    });

  loadMails: MailStore['loadMails'] = ({ state, after, limit }) =>
    guardDatabase(async () => {
      const filter: mongo.Filter<MailDocument> = {
        ...(state === undefined ? {} : { state }),
        ...(after === undefined ? {} : isAfter(after)),
      };
      const documents = await this.#mails
        .find(filter, { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ created_at: 1, _id: 1 })
        .limit(limit)
        .toArray();
      return documents.map(fromDocumentMail);
    });

  loadOldestPending: MailStore['loadOldestPending'] = () =>
    guardDatabase(async () => {
      const [oldest] = await this.#mails
        .find({ state: 'pending' }, { projection: { created_at: 1 }, maxTimeMS: READ_TIMEOUT_MS })
        .sort({ created_at: 1, _id: 1 })
        .limit(1)
        .toArray();
      return oldest?.created_at.getTime();
    });

  countDead: MailStore['countDead'] = () =>
    guardDatabase(() => this.#mails.countDocuments({ state: 'dead' }, { maxTimeMS: READ_TIMEOUT_MS }));

  /** Answers false where the mail is counted, the window is full, or its document has just come to be. */
  async #count(id: string, { endAt }: MailWindow, mailId: string, countMax: number): Promise<boolean> {
    try {
      await this.#counters.updateOne(
        { _id: id, count: { $lt: countMax }, mail_ids: { $ne: mailId } },
        { $inc: { count: 1 }, $push: { mail_ids: mailId }, $setOnInsert: { ends_at: new Date(endAt) } },
        { upsert: true },
      );
      return true;
    } catch (error) {
      // The document is there, and does not match.
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }
}

function counterIdOf({ to, template, startAt }: MailWindow): string {
  return `${template}:${createHash('sha256').update(to).digest('base64url')}:${startAt}`;
}

function isAfter({
  createdAt,
  mailId,
}: {
  createdAt: number;
  mailId: StoredMail['mailId'];
}): mongo.Filter<MailDocument> {
  const at = new Date(createdAt);
  return { $or: [{ created_at: { $gt: at } }, { created_at: at, _id: { $gt: mailId } }] };
}
