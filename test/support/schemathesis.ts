/**
 * Owns: finding and running schemathesis, which makes requests out of an OpenAPI document, good and bad ones, and holds the
 * answers against it.
 * Does not own: the document, who asks, and what is made of a finding.
 * Where it is found: `SCHEMATHESIS` names it (.ci/run sets that), or in the cache, into which pip installs it.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOnPath, isExecutable } from '../../dev/engine/program-search.ts';
import { runProcess, startProcess } from '../../dev/process/managed-process.ts';
import { StackError } from '../../dev/stack-error.ts';
import type { Absence } from './stripe-mock.ts';

/** Is the version that findings can be repeated with; .ci/run installs it, too. */
const SCHEMATHESIS_VERSION = '4.32.5';

const INSTALL_TIMEOUT_MS = 240_000;

/** Says what is asked, by whom, and for how long. */
export interface SchemathesisOptions {
  /** Is the address of the BFF. */
  readonly url: string;
  /** Is who asks; nobody where it is absent. */
  readonly token: string | undefined;
  /** Is the workspace that all is about. */
  readonly tenantId: string;
  readonly seed: number;
  /** Are `coverage`, which goes through the bounds of every parameter and field, and `fuzzing`. */
  readonly phases: readonly ('coverage' | 'fuzzing')[];
  /** Is the most requests of one phase for one operation. */
  readonly examplesMax: number;
  /** Are operations that are left out, by their ids. */
  readonly without: readonly string[];
}

/** Says whether everything held, in the program's own words. */
export interface SchemathesisOutcome {
  readonly isPassed: boolean;
  readonly output: string;
}

/**
 * Returns the program, or why it can't be had here. Throws StackError where Python is here and can't install it: a proof is left
 * out only where Python is missing.
 */
export async function findSchemathesis(environment: NodeJS.ProcessEnv): Promise<string | Absence> {
  const named = environment['SCHEMATHESIS'];
  if (named !== undefined && named !== '') {
    if (await isExecutable(named)) return named;
    throw new StackError(`SCHEMATHESIS names ${named}, which is no program: correct or unset it.`);
  }
  const cache = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'wheelhouse');
  const folder = join(cache, `schemathesis-${SCHEMATHESIS_VERSION}`);
  const program = join(folder, 'bin', 'schemathesis');
  if (await isExecutable(program)) return program;
  const python = await findOnPath('python3', environment);
  if (python === undefined) return { reason: 'needs schemathesis (named by SCHEMATHESIS), or Python 3 to install it' };
  await runProcess({ name: 'venv', command: python, args: ['-m', 'venv', folder], environment }, INSTALL_TIMEOUT_MS);
  const args = ['-m', 'pip', 'install', '--quiet', `schemathesis==${SCHEMATHESIS_VERSION}`];
  await runProcess({ name: 'pip', command: join(folder, 'bin', 'python'), args, environment }, INSTALL_TIMEOUT_MS);
  return program;
}

/** Runs the program to its end. */
export async function runSchemathesis(program: string, options: SchemathesisOptions): Promise<SchemathesisOutcome> {
  const { url, token, tenantId, seed, phases, examplesMax, without } = options;
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-schemathesis-'));
  try {
    // Made-up ids would end everything at the first door.
    const parameters = `[parameters]\n"path.workspace_id" = "${tenantId}"\n"header.X-Workspace-Id" = "${tenantId}"\n`;
    await writeFile(join(folder, 'schemathesis.toml'), parameters);
    const logFile = join(folder, 'output.txt');
    const child = await startProcess({
      ...{ name: 'schemathesis', command: program, logFile, directory: folder },
      args: [
        ...['run', `${url}/openapi.json`, '--phases', phases.join(','), '--checks', 'all'],
        // What is well-formed can still be refused with 400, such as a currency that there is not.
        ...['--exclude-checks', 'positive_data_acceptance'],
        ...['--seed', String(seed), '--max-examples', String(examplesMax), '--no-color'],
        ...['--generation-database', 'none', '--continue-on-failure', '--no-shrink'],
        ...(token === undefined ? [] : ['--header', `Authorization: Bearer ${token}`]),
        ...without.flatMap((name) => ['--exclude-operation-id', name]),
      ],
    });
    const { code } = await child.exited;
    return { isPassed: code === 0, output: await readFile(logFile, 'utf8') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
