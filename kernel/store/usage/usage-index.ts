// Owns the indexes that reads of usage rest on: without them a summary would read every rollup there is.

import type { mongo } from 'mongoose';
import { ensureIndexes } from '../index-proof.ts';

const RANGE_INDEX = { name: 'tenant_range', key: { tenant_id: 1, generation: 1, level: 1, start: 1 } } as const;

/**
 * Creates the index of range reads where it is missing, then reads it back.
 * Throws Error with one sentence for people where it can't be created or does not cover every rollup.
 */
export async function ensureRollupIndex<Document extends mongo.Document>(
  rollups: mongo.Collection<Document>,
): Promise<void> {
  const found = await ensureIndexes(rollups, [RANGE_INDEX]);
  if (found === undefined) return;
  const message =
    `The index ${JSON.stringify(found.key)} of collection usage_rollups ${found.problem}: ` +
    'drop an index of the same name or key that differs.';
  throw new Error(message, { cause: found.cause });
}
