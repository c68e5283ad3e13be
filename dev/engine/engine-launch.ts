/**
 * Owns: starting one engine's program on a data folder and a port, and knowing when it takes writes.
 * Does not own: choosing the engine; `engine.ts` does.
 */
import { mkdir } from 'node:fs/promises';
import { findFreePort, LOOPBACK } from '../port.ts';
import { describeExit, describeOutput, type ManagedProcess, startProcess } from '../process/managed-process.ts';
import { StackError, toMessage } from '../stack-error.ts';
import { waitUntilWritable, withAdminCommand } from './database-probe.ts';
import type { EngineProgram } from './engine-program.ts';
import { ensureReplicaSet } from './replica-set.ts';

const READY_TIMEOUT_MS = 60_000;

/** Says where an engine shall run. */
export interface LaunchOptions {
  readonly dataFolder: string;
  /** Is the port; 0 means any free one. */
  readonly port: number;
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile?: string | undefined;
  /** Lets commands be made to fail; for tests only. Default false. */
  readonly failPoints?: boolean;
}

/** Is an engine's program that runs and takes writes. */
export interface LaunchedEngine {
  readonly process: ManagedProcess;
  readonly port: number;
}

/**
 * Starts the program and waits until it has acknowledged a write.
 * Throws StackError, with the program's last words, when it ends before that or takes longer than a minute.
 */
export async function launchEngine(program: EngineProgram, options: LaunchOptions): Promise<LaunchedEngine> {
  const port = options.port === 0 ? await findFreePort() : options.port;
  await mkdir(options.dataFolder, { recursive: true });
  const child = await startProcess({
    name: program.kind,
    command: program.command,
    args: [...program.args(port, options.dataFolder), ...(options.failPoints === true ? program.failPointArgs : [])],
    // The folder is its own, so that it finds no configuration file that lies about elsewhere.
    directory: options.dataFolder,
    environment: { ...options.environment, PYTHONUNBUFFERED: '1' },
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
  });
  try {
    await becomeWritable(program, child, port);
    return { process: child, port };
  } catch (error) {
    const exit = child.hasExited ? ` (it ended with ${describeExit(await child.exited)})` : '';
    await child.stop();
    const why = toMessage(error);
    throw new StackError(
      `${program.description} did not start on port ${port}${exit}: ${why}.${describeOutput(child)}`,
    );
  }
}

/** Returns the connection string of an engine of ours, without a database. */
export function toEngineUri(port: number): string {
  // Direct: a replica set of one names its member in its own way, and drivers would follow that name.
  return `mongodb://${LOOPBACK}:${port}/?directConnection=true`;
}

async function becomeWritable(program: EngineProgram, child: ManagedProcess, port: number): Promise<void> {
  const uri = toEngineUri(port);
  const giveUp = (): string | undefined => (child.hasExited ? 'its process ended' : undefined);
  if (program.needsReplicaSet) await initiateWhenUp(uri, `${LOOPBACK}:${port}`, giveUp);
  await waitUntilWritable(uri, READY_TIMEOUT_MS, giveUp);
}

async function initiateWhenUp(uri: string, host: string, giveUp: () => string | undefined): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      await withAdminCommand(uri, (command) => ensureReplicaSet(command, host));
      return;
    } catch (error) {
      const reason = giveUp();
      if (reason !== undefined) throw new StackError(reason);
      if (performance.now() > deadline) throw error;
    }
  }
}
