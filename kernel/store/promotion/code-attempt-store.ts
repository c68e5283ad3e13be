// Owns counting the codes that workspaces try in MongoDB: collection `promotion_attempts`, one document for each workspace and
// window, which the database removes by itself. Does not own how many there may be.

import type { Connection, mongo } from 'mongoose';
import type { CodeAttemptStore } from '../../app/promotion/ports.ts';
import { databaseUnavailable, guardWrite } from '../database-failure.ts';
import { ensureIndexes, type WantedIndex } from '../index-proof.ts';
import { insertOrLoad } from '../subscription/insert-or-load.ts';

/** How long a count is kept after its window began, in milliseconds: well longer than any window. */
const RETENTION_MS = 86_400_000;

interface AttemptDocument {
  /** The workspace, and when the window began. */
  readonly _id: string;
  readonly count: number;
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

  countAttempt: CodeAttemptStore['countAttempt'] = (tenantId, windowAt) =>
    guardWrite(async () => {
      const identity = { _id: toId(tenantId, windowAt) };
      await insertOrLoad(this.#attempts, identity, { count: 0, expires_at: new Date(windowAt + RETENTION_MS) });
      const options = { returnDocument: 'after' } as const;
      const counted = await this.#attempts.findOneAndUpdate(identity, { $inc: { count: 1 } }, options);
      if (counted === null) throw databaseUnavailable(new Error(`the count ${identity._id} has gone`));
      return counted.count;
    });

  forgetAttempt: CodeAttemptStore['forgetAttempt'] = (tenantId, windowAt) =>
    guardWrite(async () => {
      await this.#attempts.updateOne({ _id: toId(tenantId, windowAt) }, { $inc: { count: -1 } });
    });
}

function toId(tenantId: string, windowAt: number): string {
  return `${tenantId}:${windowAt}`;
}
