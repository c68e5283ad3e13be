// Owns what the driver's answer to an unordered insert means for each document (docs/architecture.md, "The write path").
// Only what is proven counts: no error at all, or no write error of its own in a reply that accounts for every document and
// has no write-concern error.

import { mongo } from 'mongoose';
import type { InsertOutcome } from '../../app/ports.ts';
import { DUPLICATE_KEY } from '../database-failure.ts';

/** What the driver refuses to send: MongoDB's bound of a document, in bytes. */
const BSON_BYTES_MAX = 16 * 1_048_576;

/** Codes that say the same of this document however often it is sent: bad value, invalid BSON, failed validation, too large. */
const DOCUMENT_REFUSED: ReadonlySet<number> = new Set([2, 9, 14, 22, 52, 121, 10_334, 17_280]);

/** Finds the documents that can't be encoded, so that no insert with one of them was ever sent; undefined for the others. */
export function findUnsendable(documents: readonly mongo.Document[]): (InsertOutcome | undefined)[] {
  return documents.map((document): InsertOutcome | undefined => {
    try {
      const { length } = mongo.BSON.serialize(document, { ignoreUndefined: true });
      if (length < BSON_BYTES_MAX) return undefined;
      return { kind: 'invalid', error: new Error(`the commit has ${length} bytes, which no document may have`) };
    } catch (cause) {
      const error = new Error(`the commit can't be encoded: ${asError(cause).message}`, { cause });
      return { kind: 'invalid', error };
    }
  });
}

/** Answers what was thrown as an error, whatever it is. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Reads the outcome of each of `count` documents out of what `insertMany` threw. */
export function outcomesOfInsertError(thrown: unknown, count: number): InsertOutcome[] {
  const error = asError(thrown);
  if (!(error instanceof mongo.MongoBulkWriteError))
    return Array.from({ length: count }, () => ({ kind: 'unknown', error }));
  // `error.writeErrors` is empty where a write-concern error came along; the result has them all.
  const writeErrors = error.result.getWriteErrors();
  const refused = new Map(writeErrors.map((writeError) => [writeError.index, writeError]));
  // The driver wraps network errors in this error too, and fills `insertedIds` before it sends anything: only a reply that
  // counts every document proves what became of those that it names no error for.
  const isAnswered = error.result.insertedCount + writeErrors.length === count;
  const isProven = isAnswered && error.result.getWriteConcernError() === undefined;
  return Array.from({ length: count }, (_, index): InsertOutcome => {
    const writeError = refused.get(index);
    if (writeError?.code === DUPLICATE_KEY) return { kind: 'duplicate' };
    if (writeError !== undefined && DOCUMENT_REFUSED.has(writeError.code)) {
      return {
        kind: 'invalid',
        error: new Error(`the database refused the commit: ${writeError.errmsg ?? writeError.code}`),
      };
    }
    return writeError === undefined && isProven ? { kind: 'acknowledged' } : { kind: 'unknown', error };
  });
}
