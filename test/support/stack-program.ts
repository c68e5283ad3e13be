/**
 * Owns: running the real `npm start` program for tests, in a home folder of their own and on free ports.
 * Does not own: what it does.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ManagedProcess, startProcess } from '../../dev/process/managed-process.ts';
import { readProcessIdentity } from '../../dev/process/process-identity.ts';
import { REPOSITORY } from '../../dev/stack-config.ts';
import { freshDatabaseUri } from './engine.ts';

const READY_TIMEOUT_MS = 110_000;
const LAST_LINE = 'Ctrl-C ends all of it; the data stay for the next start.';
const PORT_VARIABLES = ['MONGO', 'GRPC', 'HTTP', 'ISSUER', 'SMTP', 'INBOX', 'STRIPE', 'AGENTRUNTIME', 'OTHERPRODUCT'];

/** Is a start of the program. */
export interface StackProgram {
  readonly process: ManagedProcess;
  /** Returns all that it printed. */
  output(): string;
  /** Waits until it says that everything runs. Throws StackError when it doesn't come to that. */
  waitUntilUp(): Promise<void>;
  /** Sends it alone a signal, as a terminal or a supervisor would, and waits for its end. Returns its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Returns the environment of a start in a home folder, on free ports. */
export function toStackEnvironment(home: string, settings: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const ports = PORT_VARIABLES.map((name) => [`WHEELHOUSE_${name}_PORT`, '0']);
  // With a server that others use too, the stack must not get the database that they use.
  const database = process.env['MONGODB_URI'] ? { MONGODB_URI: freshDatabaseUri() } : {};
  return { ...process.env, ...database, ...Object.fromEntries(ports), ...settings, WHEELHOUSE_HOME: home };
}

/** Starts the program. */
export async function runStackProgram(environment: NodeJS.ProcessEnv): Promise<StackProgram> {
  const child = await startProcess({
    name: 'npm start',
    command: process.execPath,
    args: [join(REPOSITORY, 'dev/start.ts')],
    directory: REPOSITORY,
    environment,
  });
  return {
    process: child,
    output: () => child.lastLines().join('\n'),
    waitUntilUp: async () =>
      void (await child.waitForLine((line) => line === LAST_LINE || undefined, READY_TIMEOUT_MS)),
    async end(signal) {
      process.kill(child.pid, signal);
      return (await child.exited).code;
    },
  };
}

/** Returns the processes that a stack in this home folder recorded, by name. */
export async function loadRecordedPids(home: string): Promise<ReadonlyMap<string, number>> {
  const recorded: { name: string; pid: number }[] = JSON.parse(await readFile(join(home, 'run.json'), 'utf8'));
  return new Map(recorded.map(({ name, pid }) => [name, pid]));
}

/**
 * Returns the ids of all processes that run with this home folder in their environment, which children inherit; where
 * the system doesn't show that, those of the given ones that run.
 */
export async function findProcessesOf(home: string, recorded: ReadonlyMap<string, number>): Promise<number[]> {
  const isLinux = process.platform === 'linux';
  const names = isLinux ? (await readdir('/proc')).filter((name) => /^\d+$/.test(name)) : [...recorded.values()];
  const found: number[] = [];
  for (const pid of names.map(Number)) {
    const isTheirs = isLinux ? await hasHome(pid, home) : true;
    if (isTheirs && (await readProcessIdentity(pid)) !== undefined) found.push(pid);
  }
  return found;
}

async function hasHome(pid: number, home: string): Promise<boolean> {
  // Processes of others, and those that end while we look, can't be read.
  const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
  return environment.split('\0').includes(`WHEELHOUSE_HOME=${home}`);
}
