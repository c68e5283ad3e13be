// Owns how it is kept in MongoDB which day was compared with Stripe: collection `reconciliation_runs`, one document for each day.

import type { Connection, mongo } from 'mongoose';
import type { ReconciliationRunStore } from '../../app/reconciliation/ports.ts';
import { guardWrite, isDuplicateKey } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';

/** How long the database may take for one command, in milliseconds. */
const TIMEOUT_MS = 5_000;
/** Figures are plain numbers. */
const COLLECTION_OPTIONS = { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false } as const;

interface RunDocument {
  /** The day of UTC, such as `2026-11-26`. */
  readonly _id: string;
  readonly claimed_until?: Date;
  readonly ended_at?: Date;
  readonly workspaces?: number;
  readonly differences?: number;
}

/** Opens the collection. Throws Error where the connection is not open. */
export function openReconciliationRunStore(connection: Connection): ReconciliationRunStore {
  const database = connection.db;
  if (database === undefined) throw new Error('the runs need an open database connection');
  return new MongoRunStore(database.collection<RunDocument>('reconciliation_runs', COLLECTION_OPTIONS));
}

class MongoRunStore implements ReconciliationRunStore {
  readonly #runs: mongo.Collection<RunDocument>;

  constructor(runs: mongo.Collection<RunDocument>) {
    this.#runs = runs;
  }

  claimRun: ReconciliationRunStore['claimRun'] = (day, now, claimedUntil) =>
    guardWrite(async () => {
      const free = { _id: day, ended_at: { $exists: false }, claimed_until: { $lte: new Date(now) } };
      const claim = { $set: { claimed_until: new Date(claimedUntil) } };
      if ((await this.#runs.updateOne(free, claim)).matchedCount > 0) return true;
      try {
        await this.#runs.insertOne({ _id: day, claimed_until: new Date(claimedUntil) });
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });

  renewRun: ReconciliationRunStore['renewRun'] = (day, claimedUntil, until) =>
    guardWrite(async () => {
      const change = { $set: { claimed_until: new Date(until) } };
      const { matchedCount } = await this.#runs.updateOne({ _id: day, claimed_until: new Date(claimedUntil) }, change);
      return matchedCount > 0;
    });

  endRun: ReconciliationRunStore['endRun'] = (day, figures, endedAt) =>
    guardWrite(async () => {
      const { workspaces, differences } = figures;
      const fields = { workspaces, differences, ended_at: new Date(endedAt) };
      await this.#runs.updateOne({ _id: day }, { $set: fields }, { upsert: true, maxTimeMS: TIMEOUT_MS });
    });
}
