/**
 * Owns: SecantusDB from PyPI, the engine of last resort: a pinned version in a virtual environment of our own.
 * Does not own: Python, which must be there.
 * Invariant: an environment becomes visible under its name only when it is complete, so that starts and test runs at the
 * same time can't see or break a half-made one: each makes its own under a unique name, the first link to it wins.
 */
import { mkdir, mkdtemp, readlink, rename, rm, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { runProcess } from '../process/managed-process.ts';
import { StackError, toMessage } from '../stack-error.ts';
import type { EngineMiss, EngineProgram, EngineSearch } from './engine-program.ts';
import { findOnPath, isExecutable } from './program-search.ts';
import { toSecantusdProgram } from './secantusd.ts';

const VERSION = '0.7.0b3';
const PYTHON_NEEDED = 'Python 3.10 or newer with its venv module';
const VENV_TIMEOUT_MS = 120_000;
const INSTALL_TIMEOUT_MS = 600_000;

/** Finds SecantusDB in our cache, or installs it there. */
export async function findSecantusdb(search: EngineSearch): Promise<EngineProgram | EngineMiss> {
  try {
    const command = search.programPath ?? (await ensureInstalled(search));
    return toSecantusdProgram('secantusdb', `SecantusDB ${VERSION} from PyPI (${command})`, command);
  } catch (error) {
    return { kind: 'secantusdb', miss: toMessage(error) };
  }
}

async function ensureInstalled(search: EngineSearch): Promise<string> {
  const { environment } = search;
  const cache = join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'wheelhouse');
  const link = join(cache, `secantusdb-${VERSION}`);
  if (!(await isUsable(link))) {
    const python = (await findOnPath('python3', environment)) ?? (await findOnPath('python', environment));
    if (python === undefined) throw new StackError(`no python3 on PATH; it needs ${PYTHON_NEEDED}`);
    search.note(`Installing SecantusDB ${VERSION} from PyPI into ${cache} (once, takes a moment)`);
    await mkdir(cache, { recursive: true });
    await install(python, cache, link, environment);
  }
  return join(link, 'bin', 'secantusd-py');
}

async function isUsable(venv: string): Promise<boolean> {
  // The interpreter is a link to the system's Python, which may have been removed since.
  return (await isExecutable(join(venv, 'bin', 'python'))) && (await isExecutable(join(venv, 'bin', 'secantusd-py')));
}

async function install(python: string, cache: string, link: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const venv = await mkdtemp(`${link}-`);
  try {
    await runProcess(
      { name: `${python} -m venv (${PYTHON_NEEDED})`, command: python, args: ['-m', 'venv', venv], environment },
      VENV_TIMEOUT_MS,
    );
    const pip = ['-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--retries', '1', '--quiet'];
    await runProcess(
      {
        name: `pip install SecantusDB==${VERSION}`,
        command: join(venv, 'bin', 'python'),
        args: [...pip, `SecantusDB==${VERSION}`],
        environment,
      },
      INSTALL_TIMEOUT_MS,
    );
    if (!(await publish(venv, cache, link))) await rm(venv, { recursive: true, force: true });
  } catch (error) {
    await rm(venv, { recursive: true, force: true });
    throw error;
  }
}

async function publish(venv: string, cache: string, link: string): Promise<boolean> {
  try {
    await symlink(basename(venv), link);
    return true;
  } catch {
    // Another run was faster, or an unusable environment has the name: only that one may be removed.
  }
  const former = await readlink(link);
  if (await isUsable(join(cache, former))) return false;
  const draft = `${venv}.link`;
  await symlink(basename(venv), draft);
  await rename(draft, link);
  await rm(join(cache, former), { recursive: true, force: true });
  return true;
}
