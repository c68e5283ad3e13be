// Owns counting the codes that workspaces try in MongoDB: collection `promotion_attempts`, one document for each workspace and
// window, which the database removes by itself. Does not own how many there may be.

import type { Connection, mongo } from 'mongoose';
import type { CodeAttemptStore } from '../../app/promotion/ports.ts';
import { guardDatabase, guardWrite } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { insertOrLoad } from '../subscription/insert-or-load.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;
/** How long a count is kept after its window began, in milliseconds: well longer than any window. */
const RETENTION_MS = 86_400_000;

interface AttemptDocument {
  /** The workspace, and when the window began. */
  readonly _id: string;
  /** How many were taken and not given back. */
  readonly taken: number;
  /** How many of those have found nothing. */
  readonly missed: number;
  readonly expires_at: Date;
}

const INDEXES: readonly WantedIndex[] = [{ name: 'expiry', key: { expires_at: 1 }, expireAfterSeconds: 0 }];

/**
 * Opens the collection of counts and proves its index.
 * Throws Error with one sentence for people where it can't be proven, or the connection is not open.
 */
export async function openCodeAttemptStore(connection: Connection): Promise<CodeAttemptStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the counts of codes need an open database connection');
  const attempts = database.collection<AttemptDocument>('promotion_attempts');
  const found = await ensureIndexes(attempts, INDEXES);
  if (found === undefined) return new MongoCodeAttemptStore(attempts);
  const message = `The index ${JSON.stringify(found.key)} of collection promotion_attempts ${found.problem}: drop it.`;
  throw new Error(message, { cause: found.cause });
}

class MongoCodeAttemptStore implements CodeAttemptStore {
  readonly #attempts: mongo.Collection<AttemptDocument>;

  constructor(attempts: mongo.Collection<AttemptDocument>) {
    this.#attempts = attempts;
  }

  takeAttempt: CodeAttemptStore['takeAttempt'] = (tenantId, windowAt, attemptsMax) =>
    guardWrite(async () => {
      const identity = { _id: toId(tenantId, windowAt) };
      const fresh = { taken: 0, missed: 0, expires_at: new Date(windowAt + RETENTION_MS) };
      await insertOrLoad(this.#attempts, identity, fresh);
      const free = { ...identity, taken: { $lt: attemptsMax } };
      return (await this.#attempts.updateOne(free, { $inc: { taken: 1 } })).matchedCount === 1;
    });

  returnAttempt: CodeAttemptStore['returnAttempt'] = (tenantId, windowAt) =>
    this.#count(tenantId, windowAt, { taken: -1 });

  noteMiss: CodeAttemptStore['noteMiss'] = (tenantId, windowAt) => this.#count(tenantId, windowAt, { missed: 1 });

  countMisses: CodeAttemptStore['countMisses'] = (tenantId, windowAt) =>
    guardDatabase(async () => {
      const identity = { _id: toId(tenantId, windowAt) };
      return (await this.#attempts.findOne(identity, { maxTimeMS: READ_TIMEOUT_MS }))?.missed ?? 0;
    });

  #count(tenantId: string, windowAt: number, change: { readonly taken?: number; readonly missed?: number }) {
    return guardWrite(async () => {
      await this.#attempts.updateOne({ _id: toId(tenantId, windowAt) }, { $inc: change });
    });
  }
}

function toId(tenantId: string, windowAt: number): string {
  return `${tenantId}:${windowAt}`;
}
