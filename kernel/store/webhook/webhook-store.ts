// Owns how Stripe's events are kept in MongoDB. Does not own what becomes of them.
// Invariants: an event is one document, by Stripe's id, however often it is delivered; only the attempt that is counted in
// the document changes what becomes of it; what is still to be done has no expiry.

import type { Connection, mongo } from 'mongoose';
import type { InsertedEvent, WebhookStore } from '../../app/webhook/ports.ts';
import { databaseUnavailable, guardDatabase } from '../database-failure.ts';
import { ensureIndexes } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import { asError, outcomesOfInsertError } from '../ledger/insert-outcome.ts';
import { expiryOf, fromDocumentEvent, toDocumentEvent, type WebhookDocument } from './webhook-document.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

const INDEXES = [
  { name: 'state_due', key: { state: 1, due_at: 1 } },
  { name: 'state_received', key: { state: 1, received_at: 1, _id: 1 } },
  { name: 'received', key: { received_at: 1, _id: 1 } },
  // What is dealt with is removed by the database itself, some time after.
  { name: 'expiry', key: { expires_at: 1 }, expireAfterSeconds: 0 },
] as const;

/**
 * Opens the collection of Stripe's events and proves its indexes.
 * Throws Error with one sentence for people where one can't be proven, or the database can't be reached.
 */
export async function openWebhookStore(connection: Connection): Promise<WebhookStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the webhook store needs an open database connection');
  const events = database.collection<WebhookDocument>('stripe_events', COLLECTION_OPTIONS);
  const found = await ensureIndexes(events, INDEXES);
  if (found === undefined) return new MongoWebhookStore(events);
  const message =
    `The index ${JSON.stringify(found.key)} of collection stripe_events ${found.problem}: ` +
    'drop an index of the same name or key that differs.';
  throw new Error(message, { cause: found.cause });
}

/** Attempts are counted as plain numbers. */
const COLLECTION_OPTIONS = { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false } as const;

class MongoWebhookStore implements WebhookStore {
  readonly #events: mongo.Collection<WebhookDocument>;

  constructor(events: mongo.Collection<WebhookDocument>) {
    this.#events = events;
  }

  insertEvents: WebhookStore['insertEvents'] = async (events) => {
    const outcomes = await this.#insertAll(events.map(toDocumentEvent));
    const doubles = events.filter((_, index) => outcomes[index] === 'duplicate').map(({ eventId }) => eventId);
    if (doubles.length === 0) return outcomes;
    // What took the id may be a write that a failover takes back: only what a majority has was received before.
    const kept = await this.#loadIds(doubles);
    const isKept = (index: number): boolean => kept instanceof Set && kept.has(events[index]?.eventId ?? '');
    const doubt = databaseUnavailable(kept instanceof Error ? kept : undefined);
    return outcomes.map((outcome, index) => (outcome !== 'duplicate' || isKept(index) ? outcome : doubt));
  };

  claimDue: WebhookStore['claimDue'] = (now, dueAt, exceptTypes) =>
    guardDatabase(async () => {
      const document = await this.#events.findOneAndUpdate(
        { state: 'pending', due_at: { $lte: new Date(now) }, type: { $nin: [...exceptTypes] } },
        { $set: { due_at: new Date(dueAt) }, $inc: { attempts: 1 } },
        { sort: { due_at: 1 }, returnDocument: 'after', maxTimeMS: READ_TIMEOUT_MS },
      );
      return document === null ? undefined : fromDocumentEvent(document);
    });

  saveProcessed: WebhookStore['saveProcessed'] = ({ eventId }, at) =>
    guardDatabase(async () => {
      // Whichever attempt ended well: the effect is there.
      await this.#events.updateOne(
        { _id: eventId, state: { $in: ['pending', 'dead'] } },
        {
          $set: { state: 'processed', processed_at: new Date(at), expires_at: expiryOf(at) },
          $unset: { due_at: '', failure: '' },
        },
      );
    });

  saveFailed: WebhookStore['saveFailed'] = ({ eventId, attempts }, failure, dueAt) =>
    guardDatabase(async () => {
      const filter = { _id: eventId, state: 'pending' as const, attempts };
      if (dueAt === undefined) {
        await this.#events.updateOne(filter, { $set: { state: 'dead', failure }, $unset: { due_at: '' } });
      } else {
        await this.#events.updateOne(filter, { $set: { failure, due_at: new Date(dueAt) } });
      }
    });

  loadEvent: WebhookStore['loadEvent'] = (eventId) =>
    guardDatabase(async () => {
      const document = await this.#events.findOne({ _id: eventId }, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocumentEvent(document);
    });

  loadEvents: WebhookStore['loadEvents'] = ({ state, type, after, limit }) =>
    guardDatabase(async () => {
      const filter: mongo.Filter<WebhookDocument> = {
        ...(state === undefined ? {} : { state }),
        ...(type === undefined ? {} : { type }),
        ...(after === undefined ? {} : isAfter(after)),
      };
      const documents = await this.#events
        .find(filter, { maxTimeMS: READ_TIMEOUT_MS })
        .sort({ received_at: 1, _id: 1 })
        .limit(limit)
        .toArray();
      return documents.map(fromDocumentEvent);
    });

  loadOldestPending: WebhookStore['loadOldestPending'] = () =>
    guardDatabase(async () => {
      const [oldest] = await this.#events
        .find({ state: 'pending' }, { projection: { received_at: 1 }, maxTimeMS: READ_TIMEOUT_MS })
        .sort({ received_at: 1, _id: 1 })
        .limit(1)
        .toArray();
      return oldest?.received_at.getTime();
    });

  countDead: WebhookStore['countDead'] = () =>
    guardDatabase(() => this.#events.countDocuments({ state: 'dead' }, { maxTimeMS: READ_TIMEOUT_MS }));

  async #insertAll(documents: readonly WebhookDocument[]): Promise<(InsertedEvent | Error)[]> {
    try {
      await this.#events.insertMany(documents, { ordered: false });
      return documents.map(() => 'stored');
    } catch (thrown) {
      return outcomesOfInsertError(thrown, documents.length).map((outcome) => {
        if (outcome.kind === 'acknowledged') return 'stored';
        return outcome.kind === 'duplicate' ? 'duplicate' : databaseUnavailable(outcome.error);
      });
    }
  }

  /** Finds which of the events a majority has; an error where that can't be read. */
  async #loadIds(eventIds: readonly string[]): Promise<ReadonlySet<string> | Error> {
    try {
      const options = { projection: { _id: 1 }, maxTimeMS: READ_TIMEOUT_MS };
      const found = await this.#events.find({ _id: { $in: [...eventIds] } }, options).toArray();
      return new Set(found.map(({ _id }) => _id));
    } catch (error) {
      return asError(error);
    }
  }
}

function isAfter({ receivedAt, eventId }: { receivedAt: number; eventId: string }): mongo.Filter<WebhookDocument> {
  const at = new Date(receivedAt);
  return { $or: [{ received_at: { $gt: at } }, { received_at: at, _id: { $gt: eventId } }] };
}
