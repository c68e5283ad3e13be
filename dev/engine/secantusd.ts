/**
 * Owns: the two servers of SecantusDB as engines: `secantusd-rs` from PATH, and the arguments that it shares with the one
 * from PyPI.
 * Does not own: installing one; `secantusdb.ts` does.
 */
import { LOOPBACK } from '../port.ts';
import type { EngineMiss, EngineProgram, EngineSearch } from './engine-program.ts';
import { findOnPath } from './program-search.ts';

/** Finds `secantusd-rs` on PATH. */
export async function findSecantusdRs(search: EngineSearch): Promise<EngineProgram | EngineMiss> {
  const command = search.programPath ?? (await findOnPath('secantusd-rs', search.environment));
  if (command === undefined) return { kind: 'secantusd-rs', miss: 'not on PATH' };
  return toSecantusdProgram('secantusd-rs', `secantusd-rs (${command})`, command);
}

/** Makes an engine of a SecantusDB server program. */
export function toSecantusdProgram(
  kind: 'secantusd-rs' | 'secantusdb',
  description: string,
  command: string,
): EngineProgram {
  return {
    kind,
    description,
    command,
    args: (port, dataFolder) => [
      ...['--host', LOOPBACK, '--port', String(port), '--storage-path', dataFolder],
      // Without it an acknowledged write can be lost with the machine's power.
      '--sync-on-commit',
    ],
    failPointArgs: kind === 'secantusdb' ? ['--enable-test-commands'] : [],
    needsReplicaSet: false,
  };
}
