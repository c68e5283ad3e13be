// Owns how the indexes of mongoose models come to be. A kernel that can't prove a unique index must not listen: without
// it, two workspaces could come of one request, or two rows of one plan.

import type { Model } from 'mongoose';
import { ensureIndexes, type WantedIndex } from './index-proof.ts';

/**
 * Creates the indexes that a model's schema declares where they are missing, then reads them back.
 * Throws Error with one sentence for people where one can't be created or is not what the schema says.
 */
export async function ensureModelIndexes<Document>(model: Model<Document>): Promise<void> {
  await model.createCollection();
  // A schema gives keys and options in types of its own, which mean the same.
  const wanted = model.schema.indexes().map(([key, options]) => ({ ...options, key }) as WantedIndex);
  const found = await ensureIndexes(model.collection, wanted);
  if (found === undefined) return;
  const message =
    `The index ${JSON.stringify(found.key)} of collection ${model.collection.collectionName} ${found.problem}: ` +
    'drop an index of the same key that differs, and look for duplicate rows.';
  throw new Error(message, { cause: found.cause });
}
