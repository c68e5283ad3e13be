import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runCommand } from '../../dev/check/command.ts';
import { checkContractHistory } from '../../dev/check/contract-history.ts';
import { REPOSITORY } from '../support/repository.ts';
import { writeTemporaryTree, writeTree } from '../support/temporary-tree.ts';

const PLAN = 'proto/wheelhouse/sample/v1/plan.proto';
const WITH_NAME = contract('string plan_code = 1;', 'string display_name = 2;');
const WITH_RANK = contract('string plan_code = 1;', 'string display_name = 2;', 'int32 rank = 3;');
const WITHOUT_NAME = contract('string plan_code = 1;');

describe('nothing to compare with is said aloud', () => {
  test('outside of git', async () => {
    const root = await writeTemporaryTree({ [PLAN]: WITH_NAME });
    expect(await checkContractHistory(root)).toEqual({
      kind: 'skipped',
      reason: expect.stringMatching(/no git repository/),
    });
  });

  test('before the first commit', async () => {
    const root = await repository({ [PLAN]: WITH_NAME });
    expect(await checkContractHistory(root)).toEqual({
      kind: 'skipped',
      reason: expect.stringMatching(/no commit yet/),
    });
  });

  test('where the first commit brought the contracts', async () => {
    const root = await repository({ [PLAN]: WITH_NAME });
    await commit(root);
    expect(await checkContractHistory(root)).toEqual({
      kind: 'skipped',
      reason: expect.stringMatching(/is the first one/),
    });
  });

  test('where a later commit brought the contracts', async () => {
    const root = await repository({});
    await commit(root);
    await writeTree(root, { [PLAN]: WITH_NAME });
    expect(await checkContractHistory(root)).toEqual({
      kind: 'skipped',
      reason: expect.stringMatching(/first contracts/),
    });
    await commit(root);
    expect(await checkContractHistory(root)).toEqual({
      kind: 'skipped',
      reason: expect.stringMatching(/is the first one/),
    });
  });

  test('in a shallow clone', async () => {
    const origin = await repository({ [PLAN]: WITH_NAME });
    await commit(origin);
    await writeTree(origin, { [PLAN]: WITH_RANK });
    await commit(origin);
    const clone = await writeTemporaryTree({});
    await git(clone, 'clone', '--quiet', '--depth=1', `file://${origin}`, '.');
    expect(await checkContractHistory(clone)).toEqual({ kind: 'skipped', reason: expect.stringMatching(/shallow/) });
  });
});

describe('a break is found', () => {
  test('before it is committed', async () => {
    const root = await repository({ [PLAN]: WITH_NAME });
    await commit(root);
    await writeTree(root, { [PLAN]: WITHOUT_NAME });
    expect(await checkContractHistory(root)).toEqual({
      kind: 'failed',
      detail: expect.stringMatching(/"2" with name "display_name"/),
    });
  });

  test('in the newest commit, also of a fresh clone', async () => {
    const origin = await repository({ [PLAN]: WITH_NAME });
    await commit(origin);
    await writeTree(origin, { [PLAN]: WITHOUT_NAME });
    await commit(origin);
    const clone = await writeTemporaryTree({});
    await git(clone, 'clone', '--quiet', `file://${origin}`, '.');
    expect(await checkContractHistory(clone)).toMatchObject({ kind: 'failed' });
  });

  test('in an earlier commit, when later ones left the contracts alone', async () => {
    const root = await repository({ [PLAN]: WITH_NAME });
    await commit(root);
    await writeTree(root, { [PLAN]: WITHOUT_NAME });
    await commit(root);
    await writeTree(root, { 'kernel/main.ts': 'export const value = 1;\n' });
    await commit(root);
    expect(await checkContractHistory(root)).toMatchObject({ kind: 'failed' });
  });

  test('when a whole file goes', async () => {
    const root = await repository({ [PLAN]: WITH_NAME, 'proto/wheelhouse/sample/v1/price.proto': otherContract() });
    await commit(root);
    await rm(join(root, PLAN));
    expect(await checkContractHistory(root)).toEqual({ kind: 'failed', detail: expect.stringMatching(/plan\.proto/) });
  });
});

test('a new field breaks nobody', async () => {
  const root = await repository({ [PLAN]: WITH_NAME });
  await commit(root);
  await writeTree(root, { [PLAN]: WITH_RANK });
  expect(await checkContractHistory(root)).toMatchObject({ kind: 'passed' });
  await commit(root);
  expect(await checkContractHistory(root)).toMatchObject({ kind: 'passed' });
});

async function repository(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await writeTemporaryTree(files);
  await cp(join(REPOSITORY, 'buf.yaml'), join(root, 'buf.yaml'));
  await git(root, 'init', '--quiet', '--initial-branch=main');
  return root;
}

async function commit(root: string): Promise<void> {
  await git(root, 'add', '--all');
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.invalid'];
  await git(root, ...identity, 'commit', '--quiet', '--message=change');
}

async function git(root: string, ...args: readonly string[]): Promise<void> {
  const { exitCode, output } = await runCommand(root, 'git', args);
  expect(exitCode, output).toBe(0);
}

function contract(...fields: readonly string[]): string {
  return `syntax = "proto3";\npackage wheelhouse.sample.v1;\nmessage Plan {\n${fields.join('\n')}\n}\n`;
}

function otherContract(): string {
  return 'syntax = "proto3";\npackage wheelhouse.sample.v1;\nmessage Price { int64 amount = 1; }\n';
}
