// Owns how the indexes of mongoose models come to be. A kernel that can't prove a unique index must not listen: without
// it, two workspaces could come of one request, or two rows of one plan.

import type { IndexOptions, Model, mongo } from 'mongoose';

/**
 * Creates the indexes that a model's schema declares where they are missing, then reads them back.
 * Throws Error with one sentence for people where one can't be created or is not what the schema says.
 */
export async function ensureModelIndexes<Document>(model: Model<Document>): Promise<void> {
  const collection = model.collection.collectionName;
  await model.createCollection();
  for (const [key, options] of model.schema.indexes()) {
    try {
      await model.collection.createIndex(key as mongo.IndexSpecification, options as mongo.CreateIndexesOptions);
    } catch (cause) {
      throw indexError(
        collection,
        key,
        cause instanceof Error ? `can't be created (${cause.message})` : String(cause),
        cause,
      );
    }
  }
  const existing = await model.collection.indexes();
  for (const [key, options] of model.schema.indexes()) {
    const found = existing.filter((index) => JSON.stringify(index.key) === JSON.stringify(key));
    if (found.length === 0) throw indexError(collection, key, 'is missing');
    if (!found.some((index) => fulfils(index, options))) throw indexError(collection, key, 'is not what it should be');
  }
}

function fulfils(index: mongo.IndexDescriptionInfo, options: IndexOptions): boolean {
  if (options.unique === true && index.unique !== true) return false;
  return JSON.stringify(index.partialFilterExpression) === JSON.stringify(options['partialFilterExpression']);
}

function indexError(collection: string, key: unknown, problem: string, cause?: unknown): Error {
  const message =
    `The index ${JSON.stringify(key)} of collection ${collection} ${problem}: ` +
    'drop an index of the same key that differs, and look for duplicate rows.';
  return new Error(message, { cause });
}
