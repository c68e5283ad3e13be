// Owns what an error of the driver means to a caller. Does not own ledger commits, whose outcomes are read document by
// document.

import { mongo } from 'mongoose';
import { DomainError } from '../domain/error.ts';

/** What MongoDB says where a unique index refuses a write. */
export const DUPLICATE_KEY = 11_000;
const RETRY_DELAY_MS = 1_000;

/** Says whether a unique index refused a write. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof mongo.MongoServerError && error.code === DUPLICATE_KEY;
}

/** Runs a read, or a write that may be repeated; a failure of the database becomes DomainError DATABASE_UNAVAILABLE. */
export async function guardDatabase<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw isDatabaseFailure(error) ? databaseUnavailable(error) : error;
  }
}

/** Says whether an error is the database's and not a fault of this program. */
export function isDatabaseFailure(error: unknown): error is Error {
  // Mongoose reports a connection that is not open by an error of its own.
  return error instanceof mongo.MongoError || (error instanceof Error && error.name === 'MongooseError');
}

function databaseUnavailable(cause: unknown): DomainError {
  const message = "the database can't be reached or refused to answer: retry shortly";
  return new DomainError('DATABASE_UNAVAILABLE', message, { retryDelayMs: RETRY_DELAY_MS, cause });
}
