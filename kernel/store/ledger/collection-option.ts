// Owns how the ledger's collections are read and written. Everything that decides anything reads what a majority has: a
// `local` read can show what a failover then takes back.

import type { mongo } from 'mongoose';

/** How long a write may wait for its majority before its outcome counts as unknown, in milliseconds. */
const MAJORITY_TIMEOUT_MS = 10_000;

/** What every collection of the ledger is opened with; test/simulation keeps its commits by the same words. */
export const LEDGER_COLLECTION_OPTIONS = {
  readConcern: { level: 'majority' },
  readPreference: 'primary',
  writeConcern: { w: 'majority', journal: true, wtimeoutMS: MAJORITY_TIMEOUT_MS },
  useBigInt64: true,
  ignoreUndefined: true,
} as const satisfies mongo.CollectionOptions & mongo.BSONSerializeOptions;
