// Owns the baseline that every database offers: one `$inc` for each debit with the raw driver, majority + journal, over so
// many documents. No idempotency, no history, no funds check, no gRPC.

import mongoose from 'mongoose';
import type { Workload } from '../workload.ts';

/** The driver's default, and as many as do any good: with more connections the engines do less. */
const POOL_SIZE_MAX = 100;

/** Is what can be incremented. */
export interface IncrementTarget {
  /** Returns the workload that increments so many different documents in turn. */
  workload(documentCount: number, inFlight: number): Workload;
  close(): Promise<void>;
}

interface CounterDocument {
  readonly _id: string;
  readonly value: bigint;
}

/** Makes documents to increment, in a database of their own. Throws the driver's error. */
export async function openIncrementTarget(uri: string, documentsMax: number): Promise<IncrementTarget> {
  const client = await mongoose.mongo.MongoClient.connect(uri, { maxPoolSize: POOL_SIZE_MAX });
  const counters = client
    .db()
    .collection<CounterDocument>('counters', { writeConcern: { w: 'majority', journal: true } });
  const ids = Array.from({ length: documentsMax }, (_, index) => `counter_${index}`);
  await counters.insertMany(ids.map((_id) => ({ _id, value: 0n })));
  return {
    workload: (documentCount, inFlight) => ({
      name: documentCount === 1 ? 'raw `$inc` on one document' : `raw \`$inc\` over ${documentCount} documents`,
      inFlight,
      operationsPerCall: 1,
      call: async (sequence) => {
        const id = ids[sequence % documentCount] ?? '';
        const { modifiedCount } = await counters.updateOne({ _id: id }, { $inc: { value: 1n } });
        if (modifiedCount !== 1) throw new Error(`${id} was not incremented`);
      },
    }),
    close: () => client.close(),
  };
}
