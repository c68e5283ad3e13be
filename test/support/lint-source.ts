import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runCommand } from '../../dev/check/command.ts';
import { REPOSITORY } from './repository.ts';
import { writeTemporaryTree } from './temporary-tree.ts';

const RULE_FILES = ['.gitignore', 'biome.jsonc'] as const;
const DIAGNOSTIC = /^::\w+ title=(?<rule>[^,]+),[^:]*::(?<message>.*)$/gm;

/** Lints a source as if it stood at `path` of this repository, and answers what the given rules said of it. */
export async function lintSource(path: string, source: string, rules: readonly string[]): Promise<readonly string[]> {
  const plugins = (await readdir(join(REPOSITORY, 'dev/check'))).filter((name) => name.endsWith('.grit'));
  const files = [...RULE_FILES, ...plugins.map((name) => `dev/check/${name}`)];
  const contents = await Promise.all(files.map((file) => readFile(join(REPOSITORY, file), 'utf8')));
  const root = await writeTemporaryTree({
    ...Object.fromEntries(files.map((file, index) => [file, contents[index] ?? ''])),
    [path]: `${source}\n`,
  });
  const biome = join(REPOSITORY, 'node_modules', '.bin', 'biome');
  const { output } = await runCommand(root, biome, ['lint', '--reporter=github', path]);
  expect(output, 'biome could not lint at all').not.toMatch(/internalError|configuration ━/);
  const diagnostics = [...output.matchAll(DIAGNOSTIC)].map(({ groups }) => groups);
  return diagnostics.filter((found) => rules.includes(found?.['rule'] ?? '')).map((found) => found?.['message'] ?? '');
}
