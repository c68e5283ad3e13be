// Owns how the kernel connects to MongoDB: what a write must have reached before it counts, what a read may see, how long
// anything may take. Does not own collections.
// Invariants: every write is majority + journal, every read primary + majority, int64 is a bigint in both directions.

import { type Connection, Mongoose, mongo, Error as OdmError } from 'mongoose';
import { messageOf } from '../domain/error.ts';

export interface ConnectionOptions {
  readonly uri: string;
  /** How long to look for a database that takes writes before giving up, in milliseconds. */
  readonly timeoutMs: number;
  /** Told the name of each command that is sent. */
  readonly onCommand: (command: string) => void;
}

/** The database's name where the connection string names none. */
const DATABASE_DEFAULT = 'wheelhouse';
/** How long a majority may take to have a write, in milliseconds. */
const MAJORITY_TIMEOUT_MS = 10_000;
/** A connection that says nothing for this long while something waits for it is given up, in milliseconds. */
const SOCKET_TIMEOUT_MS = 20_000;
/** How long a command may look for a server that takes it: callers do better to retry than to wait longer, in milliseconds. */
const SELECTION_TIMEOUT_MS = 5_000;
/** How long a command may wait for a free connection, in milliseconds. */
const POOL_WAIT_TIMEOUT_MS = 5_000;
const POOL_SIZE_MAX = 64;

/** Everything up to the last `@` may be user and password, even where they are not escaped as they should be. */
const VISIBLE_URI = /^(mongodb(?:\+srv)?:\/\/)(?:.*@)?([^?]*)/;
const URI_PARTS = /^(mongodb(?:\+srv)?:\/\/[^/?]+)(\/[^?]*)?(\?.*)?$/;

/**
 * Connects to the database, which may come up meanwhile.
 * Throws Error with one sentence for people where it can't be reached within the timeout, or at once where waiting is of
 * no use: it refuses, or the connection string is wrong.
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const giveUpAtMs = performance.now() + options.timeoutMs;
  for (;;) {
    const leftMs = Math.max(1, giveUpAtMs - performance.now());
    try {
      const connection = await attempt(options.uri, leftMs);
      connection.getClient().on('commandStarted', ({ commandName }) => options.onCommand(commandName));
      return connection;
    } catch (cause) {
      if (mayComeUp(cause) && performance.now() < giveUpAtMs) continue;
      throw new Error(explainFailure(options, cause), { cause });
    }
  }
}

function mayComeUp(cause: unknown): boolean {
  // While it connects, mongoose puts an error of its own in the place of the driver's.
  const isNotFound =
    cause instanceof OdmError.MongooseServerSelectionError || cause instanceof mongo.MongoServerSelectionError;
  return isNotFound || cause instanceof mongo.MongoNetworkError;
}

async function attempt(uri: string, leftMs: number): Promise<Connection> {
  // An instance of our own, so that no setting leaks in from elsewhere. `sanitizeFilter` turns an operator that stands
  // where a value belongs into a value; an unknown field in a filter is an error rather than a match of everything.
  const odm = new Mongoose({ sanitizeFilter: true, strictQuery: 'throw', autoIndex: false, autoCreate: false });
  const connection = odm.createConnection(uri, toDriverOptions(Math.min(leftMs, SELECTION_TIMEOUT_MS)));
  try {
    await connection.asPromise();
    await connection.db?.command({ ping: 1 }, { readPreference: 'primary' });
    return connection;
  } catch (error) {
    await connection.close(true).catch(() => undefined);
    throw error;
  }
}

function toDriverOptions(
  selectionTimeoutMs: number,
): mongo.MongoClientOptions & { dbName?: string; bufferCommands: boolean } {
  return {
    appName: 'wheelhouse-kernel',
    writeConcern: { w: 'majority', journal: true, wtimeoutMS: MAJORITY_TIMEOUT_MS },
    readConcern: { level: 'majority' },
    readPreference: 'primary',
    retryWrites: true,
    retryReads: true,
    useBigInt64: true,
    ignoreUndefined: true,
    serverSelectionTimeoutMS: selectionTimeoutMs,
    connectTimeoutMS: SELECTION_TIMEOUT_MS,
    socketTimeoutMS: SOCKET_TIMEOUT_MS,
    waitQueueTimeoutMS: POOL_WAIT_TIMEOUT_MS,
    maxPoolSize: POOL_SIZE_MAX,
    monitorCommands: true,
    // What can't be sent now fails now, rather than wait in memory for a connection.
    bufferCommands: false,
  };
}

/** Says what went wrong without the connection string's secrets. */
function explainFailure({ uri, timeoutMs }: ConnectionOptions, cause: unknown): string {
  const place = maskUri(uri);
  const detail = messageOf(cause);
  if (cause instanceof Error && cause.name === 'MongoServerError') {
    return `The database at ${place} refused the connection (${detail}): check user, password and rights in MONGODB_URI.`;
  }
  const waited = mayComeUp(cause) ? ` within ${timeoutMs} ms` : '';
  return `The database at ${place} can't be reached${waited} (${detail}): start it, or correct MONGODB_URI.`;
}

/** Hides user, password and options of a connection string. */
export function maskUri(uri: string): string {
  const match = VISIBLE_URI.exec(uri);
  return match === null ? 'MONGODB_URI' : `${match[1]}${match[2]}`;
}

/** Adds the default database name to a connection string that has none. */
export function withDatabaseName(uri: string): string {
  const match = URI_PARTS.exec(uri);
  if (match === null) return uri;
  const [, host = '', path = '', query = ''] = match;
  return path.length > 1 ? uri : `${host}/${DATABASE_DEFAULT}${query}`;
}
