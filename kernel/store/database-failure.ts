// Owns what an error of the driver means to a caller. Does not own ledger commits, whose outcomes are read document by
// document.

import { mongo } from 'mongoose';
import { DomainError } from '../domain/error.ts';

/** What MongoDB says where a unique index refuses a write. */
export const DUPLICATE_KEY = 11_000;
const RETRY_DELAY_MS = 1_000;
/** The system's codes (`EPIPE`, `ECONNRESET`), and Node's own of streams, sockets and TLS. */
const CONNECTION_FAILURE = /^(E[A-Z]+|ERR_(STREAM|SOCKET|SSL|TLS)_\w+)$/;

/** Says whether a unique index refused a write. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof mongo.MongoServerError && error.code === DUPLICATE_KEY;
}

/** Says whether all that went wrong with a bulk write is that unique indexes refused some of it. */
export function isDuplicateKeyAlone(error: unknown): boolean {
  if (!(error instanceof mongo.MongoBulkWriteError)) return false;
  const errors = error.result.getWriteErrors();
  const isAnswered = errors.length > 0 && error.result.getWriteConcernError() === undefined;
  return isAnswered && errors.every(({ code }) => code === DUPLICATE_KEY);
}

/** Runs a read, or a write that may be repeated; a failure of the database becomes DomainError DATABASE_UNAVAILABLE. */
export async function guardDatabase<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw isDatabaseFailure(error) ? databaseUnavailable(error) : error;
  }
}

/**
 * Runs a write that may be repeated, for callers who must not take it for undone; a failure of the database becomes DomainError
 * OUTCOME_UNKNOWN.
 */
export async function guardWrite<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!isDatabaseFailure(error)) throw error;
    const message = 'the database did not tell whether the write happened: repeat the call with the same request_id';
    throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: RETRY_DELAY_MS, cause: error });
  }
}

/** Says whether an error is the database's, or of the way to it, and not a fault of this program. */
export function isDatabaseFailure(error: unknown): error is Error {
  if (error instanceof mongo.MongoError || isConnectionFailure(error)) return true;
  // Mongoose reports a connection that is not open by an error of its own.
  return error instanceof Error && error.name === 'MongooseError';
}

/**
 * Says whether the network, or a socket that is gone, is at fault. The driver lets an error of a socket through as it is
 * where the other side hung up between checking out a connection and writing to it.
 */
function isConnectionFailure(error: unknown): boolean {
  return error instanceof Error && 'code' in error && CONNECTION_FAILURE.test(String(error.code));
}

/** Says that the database can't be asked. */
export function databaseUnavailable(cause: unknown): DomainError {
  const message = "the database can't be reached or refused to answer: retry shortly";
  return new DomainError('DATABASE_UNAVAILABLE', message, { retryDelayMs: RETRY_DELAY_MS, cause });
}
