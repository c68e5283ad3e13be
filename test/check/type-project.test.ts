// A source that no project lists has no types that are checked, and nothing says so: each must be in one.

import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../support/repository.ts';

const PROJECTS = ['.', 'bff/console'];
/** `.d.ts` and the like of tools lie beside the sources of the folders that people write. */
const FOLDERS = ['kernel', 'bff', 'clients/rest', 'gen', 'dev', 'test'];
const OUTPUT_BYTES_MAX = 16 * 1_024 * 1_024;
const run = promisify(execFile);

async function listChecked(project: string): Promise<readonly string[]> {
  const tsc = join(REPOSITORY, 'node_modules/.bin/tsc');
  const { stdout } = await run(tsc, ['--project', project, '--listFilesOnly'], {
    cwd: REPOSITORY,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return stdout.split('\n');
}

function listSources(folder: string): readonly string[] {
  return readdirSync(join(REPOSITORY, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.parentPath.includes('node_modules'))
    .map((entry) => join(entry.parentPath, entry.name));
}

test('the types of every source are checked', async () => {
  const checked = new Set((await Promise.all(PROJECTS.map(listChecked))).flat());
  const missed = FOLDERS.flatMap(listSources).filter((file) => !checked.has(file));
  expect(missed).toEqual([]);
});
