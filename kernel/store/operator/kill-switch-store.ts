// Owns how the kill switches lie in MongoDB: collection `kill_switches`, one document for each. How an operator's change
// reaches them is audit-store.ts's.

import type { Connection, mongo } from 'mongoose';
import type { KillSwitchStore } from '../../app/operator/ports.ts';
import { KILL_SWITCHES } from '../../domain/kill-switch.ts';
import { guardDatabase, isDuplicateKey } from '../database-failure.ts';
import { ensureIndexes } from '../index-proof.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

interface KillSwitchDocument {
  readonly name: string;
  readonly enabled: boolean;
  readonly revision: number;
}

/**
 * Opens the collection of switches and proves its index.
 * Throws Error with one sentence for people where it can't be proven, or the connection is not open.
 */
export async function openKillSwitchStore(connection: Connection): Promise<KillSwitchStore> {
  const database = connection.db;
  if (database === undefined) throw new Error('the kill switches need an open database connection');
  const switches = database.collection<KillSwitchDocument>('kill_switches');
  const found = await ensureIndexes(switches, [{ name: 'name', key: { name: 1 }, unique: true }]);
  if (found !== undefined) {
    const message =
      `The index ${JSON.stringify(found.key)} of collection kill_switches ${found.problem}: ` +
      'drop an index of the same key that differs, and look for duplicate rows.';
    throw new Error(message, { cause: found.cause });
  }
  return new MongoKillSwitchStore(switches);
}

class MongoKillSwitchStore implements KillSwitchStore {
  readonly #switches: mongo.Collection<KillSwitchDocument>;

  constructor(switches: mongo.Collection<KillSwitchDocument>) {
    this.#switches = switches;
  }

  insertSwitches: KillSwitchStore['insertSwitches'] = (values) =>
    guardDatabase(async () => {
      for (const [name, enabled] of values) {
        try {
          await this.#switches.updateOne({ name }, { $setOnInsert: { enabled, revision: 0 } }, { upsert: true });
        } catch (error) {
          // Another kernel that starts at the same time was faster.
          if (!isDuplicateKey(error)) throw error;
        }
      }
    });

  loadSwitches: KillSwitchStore['loadSwitches'] = () =>
    guardDatabase(async () => {
      const documents = await this.#switches
        .find({ name: { $in: [...KILL_SWITCHES] } }, { maxTimeMS: READ_TIMEOUT_MS })
        .toArray();
      const enabledByName = new Map(documents.map(({ name, enabled }) => [name, enabled]));
      return new Map(
        KILL_SWITCHES.flatMap((name) => {
          const enabled = enabledByName.get(name);
          return enabled === undefined ? [] : [[name, enabled] as const];
        }),
      );
    });
}
