// Owns how the syncs that operators asked for are remembered in MongoDB: collection `catalog_syncs`, one document for each,
// beside the one of whose turn it is. Does not own the sync.
// Invariant: a note belongs to one meaning for ever, and its end is written once.

import type { Connection, mongo } from 'mongoose';
import type { SyncFigures, SyncNote, SyncNoteStore } from '../../app/catalog-sync/ports.ts';
import type { Fingerprint, IdempotencyKey } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { databaseUnavailable, guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

interface SyncNoteDocument {
  /** The namespaced key of the request. */
  readonly _id: string;
  readonly request_fingerprint: string;
  readonly begun_at: Date;
  readonly ended_at?: Date;
  readonly figures?: {
    readonly prices_read: number;
    readonly changed: number;
    readonly unchanged: number;
    readonly ignored: number;
    readonly bad_rows: number;
  };
}

/** Opens the notes of syncs; they are found by their ids alone. */
export function openSyncNoteStore(connection: Connection): SyncNoteStore {
  const database = connection.db;
  if (database === undefined) throw new Error('the notes of syncs need an open database connection');
  return new MongoSyncNoteStore(
    database.collection('catalog_syncs', { ...LEDGER_COLLECTION_OPTIONS, useBigInt64: false }),
  );
}

class MongoSyncNoteStore implements SyncNoteStore {
  readonly #notes: mongo.Collection<SyncNoteDocument>;

  constructor(notes: mongo.Collection<SyncNoteDocument>) {
    this.#notes = notes;
  }

  loadSyncNote: SyncNoteStore['loadSyncNote'] = (key) =>
    guardDatabase(async () => {
      const document = await this.#notes.findOne({ _id: key }, { maxTimeMS: READ_TIMEOUT_MS });
      return document === null ? undefined : fromDocumentNote(document);
    });

  saveSyncNote: SyncNoteStore['saveSyncNote'] = (note, at) =>
    guardDatabase(async () => {
      const now = new Date(at);
      const { requestKey, fingerprint, figures } = note;
      const end = figures === undefined ? {} : { $set: { ended_at: now, figures: toDocumentFigures(figures) } };
      try {
        await this.#notes.updateOne(
          { _id: requestKey, request_fingerprint: fingerprint, ended_at: { $exists: false } },
          { $setOnInsert: { begun_at: now }, ...end },
          { upsert: true },
        );
        return note;
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
      const stored = await this.loadSyncNote(requestKey);
      // What took the key has no majority yet, and may still go.
      if (stored === undefined) throw databaseUnavailable(undefined);
      return stored;
    });
}

function fromDocumentNote({ _id, request_fingerprint, figures }: SyncNoteDocument): SyncNote {
  return {
    requestKey: _id as IdempotencyKey,
    fingerprint: request_fingerprint as Fingerprint,
    ...present({ figures: figures === undefined ? undefined : fromDocumentFigures(figures) }),
  };
}

function fromDocumentFigures(figures: NonNullable<SyncNoteDocument['figures']>): SyncFigures {
  const { prices_read: pricesRead, bad_rows: badRows, changed, unchanged, ignored } = figures;
  return { pricesRead, changed, unchanged, ignored, badRows };
}

function toDocumentFigures(figures: SyncFigures): NonNullable<SyncNoteDocument['figures']> {
  const { pricesRead, badRows, changed, unchanged, ignored } = figures;
  return { prices_read: pricesRead, changed, unchanged, ignored, bad_rows: badRows };
}
