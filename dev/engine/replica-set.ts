/**
 * Owns: making a `mongod` of our own a replica set of one, which majority writes and change streams need.
 * Does not own: servers that other people run.
 */
import type { AdminCommand } from './database-probe.ts';

/** Is the name of the replica set of one. */
export const REPLICA_SET = 'wheelhouse';

const NOT_YET_INITIALIZED = 94;

/**
 * Initiates the replica set on a new data folder, and gives it its present address on an old one: the set's
 * configuration lies in the data and still names the port of the last start.
 * Throws the driver's error where the server refuses.
 */
export async function ensureReplicaSet(command: AdminCommand, host: string): Promise<void> {
  const config = await loadReplicaSetConfig(command);
  if (config === undefined) {
    await command({ replSetInitiate: { _id: REPLICA_SET, members: [{ _id: 0, host }] } });
    return;
  }
  const [member] = config.members;
  if (member === undefined || member['host'] === host) return;
  // Under its old address the server finds itself in no configuration, so it is no primary: only force changes that.
  await command({
    replSetReconfig: { ...config.document, version: config.version + 1, members: [{ ...member, host }] },
    force: true,
  });
}

interface ReplicaSetConfig {
  readonly document: Record<string, unknown>;
  readonly version: number;
  readonly members: readonly Record<string, unknown>[];
}

async function loadReplicaSetConfig(command: AdminCommand): Promise<ReplicaSetConfig | undefined> {
  try {
    const { config } = await command({ replSetGetConfig: 1 });
    // The reply is the server's; its shape has been this since replica sets began.
    const document = config as Record<string, unknown> & { version: number; members: Record<string, unknown>[] };
    return { document, version: document.version, members: document.members };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === NOT_YET_INITIALIZED) return undefined;
    throw error;
  }
}
