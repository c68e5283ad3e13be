// Owns how a command works on the database itself: which one the environment names, saying so, and letting go of it.

import { loadDatabaseConfig } from '../config.ts';
import { maskUri, openConnection } from '../store/connection.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

/**
 * Runs work on the database that the environment names; `announce` says what is done, given the database's name for people.
 * Throws ConfigError where the environment is wrong, Error where the database can't be reached, and what the work throws.
 */
export async function runOnDatabase(
  announce: (database: string) => void,
  work: (connection: Connection) => Promise<void>,
): Promise<void> {
  const { mongodbUri, databaseTimeoutMs } = loadDatabaseConfig();
  const connection = await openConnection({
    uri: mongodbUri,
    timeoutMs: databaseTimeoutMs,
    onCommand: () => undefined,
  });
  try {
    announce(maskUri(mongodbUri));
    await work(connection);
  } finally {
    await connection.close();
  }
}
