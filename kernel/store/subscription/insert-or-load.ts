// Owns storing a document unless there is one like it, and answering the one that is there: in one command, so that what is
// answered has a majority, whoever stored it.

import type { mongo } from 'mongoose';
import { databaseUnavailable, isDuplicateKey } from '../database-failure.ts';

/** How often a document is looked for that comes, or comes and goes, at the same moment. */
const TRIES_MAX = 10;

/**
 * Answers the document that matches `identity`, made of that and `fields` where there was none. A unique index must cover the
 * identity. Throws the driver's errors, and DomainError DATABASE_UNAVAILABLE where the document changed at every look.
 */
export async function insertOrLoad<Document extends mongo.Document>(
  collection: mongo.Collection<Document>,
  identity: mongo.Filter<Document>,
  fields: mongo.MatchKeysAndValues<Document>,
): Promise<mongo.WithId<Document>> {
  let met: unknown;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    try {
      const options = { upsert: true, returnDocument: 'after' } as const;
      const found = await collection.findOneAndUpdate(identity, { $setOnInsert: fields }, options);
      // SecantusDB answers nothing where two inserts meet; MongoDB does it again by itself, or names the duplicate key.
      if (found !== null) return found;
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
      met = error;
    }
  }
  throw databaseUnavailable(met ?? new Error('a document came and went at every look'));
}
