// Owns how intents are kept in MongoDB. Does not own when they are carried out (app/subscription/intent-runner.ts).
// Invariants: a workspace has at most one open intent; its open document goes only after its result has a majority; only who took
// it last notes what it sends; every write can be done again.

import type { Connection, mongo } from 'mongoose';
import type { IntentStore, OpenIntent } from '../../app/subscription/ports.ts';
import { guardDatabase, guardWrite } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';
import { insertOrLoad } from './insert-or-load.ts';
import {
  type EndedIntentDocument,
  fromDocumentEnded,
  fromDocumentOpen,
  type OpenIntentDocument,
  toDocumentEnded,
  toDocumentOpen,
} from './intent-document.ts';

/** How long the database may take for one command, in milliseconds. */
const TIMEOUT_MS = 5_000;

const OPEN_INDEXES: readonly WantedIndex[] = [
  { name: 'due', key: { due_at: 1 } },
  { name: 'created', key: { created_at: 1 } },
];
const RESULT_INDEXES: readonly WantedIndex[] = [{ name: 'tenant_key', key: { tenant_id: 1, key: 1 }, unique: true }];

/**
 * Opens the collections of intents and proves their indexes.
 * Throws Error with one sentence for people where one can't be proven, or the connection is not open.
 */
export async function openIntentStore(connection: Connection): Promise<IntentStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the intents need an open database connection');
  const intents = database.collection<OpenIntentDocument>('stripe_intents', LEDGER_COLLECTION_OPTIONS);
  const results = database.collection<EndedIntentDocument>('stripe_intent_results', LEDGER_COLLECTION_OPTIONS);
  await prove(intents, OPEN_INDEXES);
  await prove(results, RESULT_INDEXES);
  return new MongoIntentStore(intents, results);
}

async function prove(collection: Parameters<typeof ensureIndexes>[0], wanted: readonly WantedIndex[]): Promise<void> {
  const found = await ensureIndexes(collection, wanted);
  if (found === undefined) return;
  const message =
    `The index ${JSON.stringify(found.key)} of collection ${collection.collectionName} ${found.problem}: ` +
    'drop an index of the same name or key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}

class MongoIntentStore implements IntentStore {
  readonly #intents: mongo.Collection<OpenIntentDocument>;
  readonly #results: mongo.Collection<EndedIntentDocument>;

  constructor(intents: mongo.Collection<OpenIntentDocument>, results: mongo.Collection<EndedIntentDocument>) {
    this.#intents = intents;
    this.#results = results;
  }

  openIntent: IntentStore['openIntent'] = async (intent) => {
    const { tenantId, key } = intent;
    const before = await this.loadEnded(tenantId, key);
    if (before !== undefined) return { ended: before };
    const { _id, ...fields } = toDocumentOpen(intent);
    const open = fromDocumentOpen(await guardWrite(() => insertOrLoad(this.#intents, { _id }, fields)));
    if (open.key !== key) return { open };
    // One with the key may have ended since we looked; then what stands open must not be carried out.
    const ended = await this.loadEnded(tenantId, key);
    if (ended === undefined) return { open };
    await this.#remove(open);
    return { ended };
  };

  loadOpen: IntentStore['loadOpen'] = (tenantId) =>
    guardDatabase(async () => {
      const document = await this.#intents.findOne({ _id: tenantId }, { maxTimeMS: TIMEOUT_MS });
      return document === null ? undefined : fromDocumentOpen(document);
    });

  loadEnded: IntentStore['loadEnded'] = (tenantId, key) =>
    guardDatabase(async () => {
      const document = await this.#results.findOne({ tenant_id: tenantId, key }, { maxTimeMS: TIMEOUT_MS });
      return document === null ? undefined : fromDocumentEnded(document);
    });

  claim: IntentStore['claim'] = (now, claimedUntil, tenantId) =>
    guardWrite(async () => {
      const document = await this.#intents.findOneAndUpdate(
        { ...(tenantId === undefined ? {} : { _id: tenantId }), due_at: { $lte: new Date(now) } },
        { $set: { due_at: new Date(claimedUntil) }, $inc: { tries: 1 } },
        { sort: { due_at: 1 }, returnDocument: 'after', maxTimeMS: TIMEOUT_MS },
      );
      return document === null ? undefined : fromDocumentOpen(document);
    });

  saveSent: IntentStore['saveSent'] = (intent, attempt, sentAt) =>
    guardWrite(async () => {
      const fields = { attempt, sent_at: new Date(sentAt), stored_failures: 0 };
      return (await this.#intents.updateOne(asClaimed(intent), { $set: fields })).matchedCount > 0;
    });

  saveRetry: IntentStore['saveRetry'] = (intent, failure, dueAt) =>
    guardWrite(async () => {
      const fields = { failure, due_at: new Date(dueAt), stored_failures: intent.storedFailures };
      await this.#intents.updateOne(asClaimed(intent), { $set: fields });
    });

  endIntent: IntentStore['endIntent'] = (intent, result, endedAt) =>
    guardWrite(async () => {
      const { tenant_id, key, ...fields } = toDocumentEnded(intent, result, endedAt);
      const kept = await insertOrLoad(this.#results, { tenant_id, key }, fields);
      await this.#remove(intent);
      return fromDocumentEnded(kept);
    });

  loadOldestOpen: IntentStore['loadOldestOpen'] = () =>
    guardDatabase(async () => {
      const options = { projection: { created_at: 1 }, sort: { created_at: 1 }, maxTimeMS: TIMEOUT_MS } as const;
      return (await this.#intents.findOne({}, options))?.created_at.getTime();
    });

  #remove({ tenantId, intentId }: OpenIntent): Promise<void> {
    return guardWrite(async () => {
      await this.#intents.deleteOne({ _id: tenantId, intent_id: intentId });
    });
  }
}

/** Matches an intent only as long as nobody else took it, and it was not given back. */
function asClaimed({ tenantId, intentId, dueAt }: OpenIntent): mongo.Filter<OpenIntentDocument> {
  return { _id: tenantId, intent_id: intentId, due_at: new Date(dueAt) };
}
