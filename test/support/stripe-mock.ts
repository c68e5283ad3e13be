/**
 * Owns: finding and running stripe-mock, Stripe's own server that refuses what its specification forbids.
 * Does not own: what is sent to it.
 * Where it is found: `STRIPE_MOCK` names it (.ci/run sets that), on PATH, or in the cache, into which Go installs it.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { findOnPath, isExecutable } from '../../dev/engine/program-search.ts';
import { runProcess, startProcess } from '../../dev/process/managed-process.ts';
import { StackError } from '../../dev/stack-error.ts';

/** Is the version whose specification is that of the `stripe` package; .ci/run installs it, too. */
export const STRIPE_MOCK_VERSION = '0.203.0';

const MODULE = 'github.com/stripe/stripe-mock';
const INSTALL_TIMEOUT_MS = 240_000;
const READY_TIMEOUT_MS = 30_000;

/** Is a stripe-mock that runs. */
export interface StripeMock {
  readonly url: string;
  stop(): Promise<unknown>;
}

/** Says why there is none. */
export interface Absence {
  readonly reason: string;
}

/**
 * Starts stripe-mock, or says why it can't be had here. Throws StackError where it is here and does not start, and where Go is
 * here and can't install it: a proof is left out only where Go is missing.
 */
export async function startStripeMock(environment: NodeJS.ProcessEnv): Promise<StripeMock | Absence> {
  const command = await findStripeMock(environment);
  if (typeof command === 'object') return command;
  const mock = await startProcess({
    name: 'stripe-mock',
    command,
    // Left alone, it would also listen for HTTPS, on all interfaces.
    args: ['-http-addr', '127.0.0.1:', '-https-addr', '127.0.0.1:'],
  });
  const port = await mock.waitForLine((line) => /HTTP at address: .*:(\d+)$/.exec(line)?.[1], READY_TIMEOUT_MS);
  return { url: `http://127.0.0.1:${port}`, stop: () => mock.stop() };
}

/** Returns where Stripe's whole specification lies, or why it is not here. Throws StackError where Go is, and can't fetch it. */
export async function findSpecification(environment: NodeJS.ProcessEnv): Promise<string | Absence> {
  const go = await findOnPath('go', environment);
  if (go === undefined) return { reason: 'needs Go, which fetches Stripe’s specification' };
  const args = ['mod', 'download', '-json', `${MODULE}@v${STRIPE_MOCK_VERSION}`];
  const output = await runProcess({ name: 'go mod download', command: go, args, environment }, INSTALL_TIMEOUT_MS);
  const folder: unknown = JSON.parse(output.join('\n')).Dir;
  return join(String(folder), 'embedded', 'openapi', 'spec3.json');
}

async function findStripeMock(environment: NodeJS.ProcessEnv): Promise<string | Absence> {
  const named = environment['STRIPE_MOCK'];
  if (named !== undefined && named !== '') {
    if (await isExecutable(named)) return named;
    throw new StackError(`STRIPE_MOCK names ${named}, which is no program: correct or unset it.`);
  }
  const cache = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'wheelhouse');
  const folder = join(cache, `stripe-mock-${STRIPE_MOCK_VERSION}`);
  const program = join(folder, 'stripe-mock');
  const found = (await findOnPath('stripe-mock', environment)) ?? ((await isExecutable(program)) ? program : undefined);
  if (found !== undefined) return found;
  const go = await findOnPath('go', environment);
  if (go === undefined) return { reason: 'needs stripe-mock (STRIPE_MOCK, or on PATH), or Go to install it' };
  const args = ['install', `${MODULE}@v${STRIPE_MOCK_VERSION}`];
  const install = { name: 'go install', command: go, args, environment: { ...environment, GOBIN: folder } };
  await runProcess(install, INSTALL_TIMEOUT_MS);
  return program;
}
