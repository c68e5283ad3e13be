// Owns making indexes and proving that they are what they should be. Does not own which ones there are, nor what their
// absence means to people: see model-index.ts, ledger-index.ts and usage-index.ts.

import { mongo } from 'mongoose';
import { messageOf } from '../domain/error.ts';

/** An index that something rests on. */
export interface WantedIndex {
  readonly key: mongo.IndexDescriptionInfo['key'];
  /** Absent: the database names it. */
  readonly name?: string;
  readonly unique?: boolean;
  readonly partialFilterExpression?: mongo.Document;
  /** Lets the database remove documents so many seconds after the time that they hold. */
  readonly expireAfterSeconds?: number;
}

/** What is wrong with an index, as the rest of a sentence that names it. */
export interface IndexProblem {
  readonly key: WantedIndex['key'];
  readonly problem: string;
  readonly cause?: unknown;
}

/** Is what indexes are made and read with. */
type IndexedCollection = Pick<mongo.Collection, 'createIndex' | 'indexes' | 'collectionName'>;

/**
 * Creates the indexes that are missing, then reads all of them back; answers the first that is not as wanted.
 * Throws Error with one sentence for people where the database can't be asked: that says nothing about any index.
 */
export async function ensureIndexes(
  collection: IndexedCollection,
  wanted: readonly WantedIndex[],
): Promise<IndexProblem | undefined> {
  for (const { key, ...options } of wanted) {
    try {
      await collection.createIndex(key as mongo.IndexSpecification, options);
    } catch (cause) {
      if (!(cause instanceof mongo.MongoServerError)) throw notAsked(collection.collectionName, cause);
      return { key, problem: `can't be created (${messageOf(cause)})`, cause };
    }
  }
  return findIndexProblem(collection, wanted);
}

function notAsked(collectionName: string, cause: unknown): Error {
  const message = `The database went away while indexes of collection ${collectionName} were made (${messageOf(cause)}): start again when it is back.`;
  return new Error(message, { cause });
}

/** Finds the first index that is missing, not unique where it should be, or covers other documents than it should. */
export async function findIndexProblem(
  collection: IndexedCollection,
  wanted: readonly WantedIndex[],
): Promise<IndexProblem | undefined> {
  const existing = await collection.indexes();
  for (const index of wanted) {
    const problems = existing.filter(({ key }) => isSame(key, index.key)).map((found) => differenceOf(found, index));
    if (problems.includes(undefined)) continue;
    return { key: index.key, problem: problems[0] ?? 'is missing' };
  }
  return undefined;
}

function differenceOf(found: mongo.IndexDescriptionInfo, wanted: WantedIndex): string | undefined {
  if (wanted.unique === true && found.unique !== true) return 'is not unique';
  if (found.sparse === true || !isSame(found.partialFilterExpression, wanted.partialFilterExpression)) {
    return 'does not cover what it should';
  }
  if (Number(found.expireAfterSeconds ?? -1) !== (wanted.expireAfterSeconds ?? -1)) return 'expires at another time';
  return undefined;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
