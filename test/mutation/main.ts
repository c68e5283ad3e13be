// `npm run mutate`: breaks the kernel, one thing at a time, in a copy of this repository, and asks for each whether the
// simulator or a test notices. Ends with 1 where something is broken and nobody does.

import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { REPOSITORY } from '../support/repository.ts';
import { type Detector, MUTATIONS, type Mutation } from './mutation.ts';

const NOT_COPIED: ReadonlySet<string> = new Set(['node_modules', '.git', '.wheelhouse']);
/** A broken kernel can go round in circles; that is noticed too. */
const DETECTOR_TIMEOUT_MS = 300_000;
const NOTICED_MAX_CHARACTERS = 160;

const HELP = `Usage: npm run mutate -- [options]

Breaks the kernel one thing at a time, in a copy, and tells what notices each.

  --only TEXT  only what has this text in its name
  --help       tells this`;

/** What a detector said: undefined where all was well, else what noticed. */
async function ask(detector: Detector, copy: string): Promise<string | undefined> {
  const isSimulation = 'simulate' in detector;
  const vitest = join(REPOSITORY, 'node_modules/vitest/vitest.mjs');
  const command = isSimulation
    ? [join(copy, 'test/simulation/main.ts'), '--seed', '1', '--seeds', String(detector.simulate)]
    : [vitest, 'run', '--project', 'pure', '--bail', '1', ...detector.tests];
  const { code, output } = await run(command, copy);
  if (code === 0) return undefined;
  if (code === undefined) return `it did not end within ${DETECTOR_TIMEOUT_MS / 1_000} s`;
  const wanted = isSimulation ? /The run of (seed \d+).*\n- ([^\n]*)/ : /FAIL\s+(.*)/;
  const [, ...noticed] = wanted.exec(output) ?? [];
  const text = noticed.length > 0 ? noticed.join(': ') : (output.trim().split('\n').at(-1) ?? '');
  return `${isSimulation ? 'the simulator, ' : ''}${text.slice(0, NOTICED_MAX_CHARACTERS)}`;
}

function run(command: readonly string[], cwd: string): Promise<{ code: number | undefined; output: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' };
    const child = spawn(process.execPath, command, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const timeout = setTimeout(() => child.kill('SIGKILL'), DETECTOR_TIMEOUT_MS);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', reject).on('close', (code) => {
      clearTimeout(timeout);
      resolve({ code: code ?? undefined, output });
    });
  });
}

async function copyRepository(): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'wheelhouse-mutation-'));
  await cp(REPOSITORY, copy, { recursive: true, filter: (path) => !NOT_COPIED.has(basename(path)) });
  await symlink(join(REPOSITORY, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** Breaks one thing; answers what noticed, or undefined. */
async function tryMutation(
  { file, anchor, replacement, detectors }: Mutation,
  copy: string,
): Promise<string | undefined> {
  const path = join(copy, file);
  const source = await readFile(path, 'utf8');
  if (source.split(anchor).length !== 2) throw new Error(`the anchor does not stand once in ${file}: ${anchor}`);
  await writeFile(
    path,
    source.replace(anchor, () => replacement),
  );
  try {
    for (const detector of detectors) {
      const noticed = await ask(detector, copy);
      if (noticed !== undefined) return noticed;
    }
    return undefined;
  } finally {
    await writeFile(path, source);
  }
}

/** Whatever notices something in the sources as they are can't tell a mutation. */
async function findFalseAlarm(mutations: readonly Mutation[], copy: string): Promise<string | undefined> {
  const all = mutations.flatMap(({ detectors }) => detectors);
  const runs = all.flatMap((detector) => ('simulate' in detector ? [detector.simulate] : []));
  const files = new Set(all.flatMap((detector) => ('tests' in detector ? detector.tests : [])));
  // More runs begin with the runs of fewer.
  const whole: readonly Detector[] = [
    ...(runs.length > 0 ? [{ simulate: Math.max(...runs) }] : []),
    ...(files.size > 0 ? [{ tests: [...files] }] : []),
  ];
  for (const detector of whole) {
    const noticed = await ask(detector, copy);
    if (noticed !== undefined) return noticed;
  }
  return undefined;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { only: { type: 'string', default: '' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const mutations = MUTATIONS.filter(({ name }) => name.includes(values.only));
  const copy = await copyRepository();
  try {
    const falseAlarm = await findFalseAlarm(mutations, copy);
    if (falseAlarm !== undefined) {
      console.error(`The sources are broken as they are, so nothing can be told: ${falseAlarm}`);
      return 1;
    }
    let unnoticed = 0;
    for (const mutation of mutations) {
      const noticed = await tryMutation(mutation, copy);
      if (noticed === undefined) unnoticed += 1;
      const mark = noticed === undefined ? 'NOT NOTICED' : 'noticed';
      console.log(`${mark}: "${mutation.name}" broken${noticed === undefined ? '' : `, by ${noticed}`}`);
    }
    console.log(`${mutations.length} things broken, ${unnoticed} of them not noticed`);
    return unnoticed === 0 && mutations.length > 0 ? 0 : 1;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

process.exitCode = await main();
