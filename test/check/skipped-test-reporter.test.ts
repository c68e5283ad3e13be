import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type CommandResult, runCommand } from '../../dev/check/command.ts';
import { REPOSITORY } from '../support/repository.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const IMPORT = "import { test } from 'vitest';\n";

test('a reason is shown at the end of the run', async () => {
  const { exitCode, output } = await runTests("test('needs grpcurl', ({ skip }) => skip('grpcurl is not on PATH'));");
  expect(output).toContain('Not run here (1):\n   sample.test.ts > needs grpcurl\n     grpcurl is not on PATH');
  expect(exitCode).toBe(0);
});

test('a skip without a reason fails the run', async () => {
  const { exitCode, output } = await runTests("test.skipIf(true)('needs something', () => undefined);");
  expect(output).toContain("Skipped without a reason (1); say why with context.skip('…'):");
  expect(exitCode).toBe(1);
});

test('a name filter leaves tests out without a word', async () => {
  const source = "test('wanted', () => undefined);\ntest('other', () => undefined);";
  const { exitCode, output } = await runTests(source, '--testNamePattern=wanted');
  expect(output).not.toContain('without a reason');
  expect(exitCode).toBe(0);
});

async function runTests(source: string, ...args: readonly string[]): Promise<CommandResult> {
  const root = await writeTemporaryTree({ 'package.json': '{ "type": "module" }', 'sample.test.ts': IMPORT + source });
  await symlink(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
  const reporter = join(REPOSITORY, 'dev/check/skipped-test-reporter.ts');
  const vitest = join(REPOSITORY, 'node_modules', '.bin', 'vitest');
  return await runCommand(root, vitest, [
    'run',
    `--root=${root}`,
    '--reporter=default',
    `--reporter=${reporter}`,
    ...args,
  ]);
}
