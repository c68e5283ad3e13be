/**
 * Owns: MongoDB's own server, `mongod`, as an engine.
 * Does not own: making it a replica set; `replica-set.ts` does.
 */
import { LOOPBACK } from '../port.ts';
import type { EngineMiss, EngineProgram, EngineSearch } from './engine-program.ts';
import { findOnPath } from './program-search.ts';
import { REPLICA_SET } from './replica-set.ts';

/** Finds `mongod` on PATH. */
export async function findMongod(search: EngineSearch): Promise<EngineProgram | EngineMiss> {
  const command = search.programPath ?? (await findOnPath('mongod', search.environment));
  return command === undefined ? { kind: 'mongod', miss: 'not on PATH' } : toMongodProgram('mongod', command);
}

/** Makes an engine of a `mongod` program, wherever it comes from. */
export function toMongodProgram(kind: 'mongod' | 'memory-server', command: string): EngineProgram {
  return {
    kind,
    description: `mongod (${command})`,
    command,
    args: (port, dataFolder) => [
      ...['--replSet', REPLICA_SET, '--bind_ip', LOOPBACK, '--port', String(port), '--dbpath', dataFolder],
      // A socket file in /tmp would collide with other servers on this machine.
      '--nounixsocket',
    ],
    failPointArgs: ['--setParameter', 'enableTestCommands=1'],
    needsReplicaSet: true,
  };
}
