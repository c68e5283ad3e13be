import { appendFile, cp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkGeneratedCode, generateCode } from '../../dev/check/code-generation.ts';
import { REPOSITORY } from '../support/repository.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const CONTRACT = 'proto/wheelhouse/sample/v1/plan.proto';
const GENERATED = 'gen/wheelhouse/sample/v1/plan.ts';

describe('generated code that is not what the contracts give is reported', () => {
  test('a contract that changed', async () => {
    const root = await repository();
    await appendFile(join(root, CONTRACT), 'message Price { int64 amount = 1; }\n');
    expect(await checkGeneratedCode(root)).toEqual({
      kind: 'failed',
      detail: expect.stringMatching(/binpb differs(.|\n)*plan\.ts differs(.|\n)*npm run gen/),
    });
  });

  test('an edit by hand', async () => {
    const root = await repository();
    await appendFile(join(root, GENERATED), '// mine\n');
    expect(await checkGeneratedCode(root)).toMatchObject({ kind: 'failed' });
  });

  test('a file that is gone, and one too many', async () => {
    const root = await repository();
    await rm(join(root, GENERATED));
    await writeFile(join(root, 'gen/left-over.ts'), '');
    const outcome = await checkGeneratedCode(root);
    expect(outcome).toEqual({ kind: 'failed', detail: expect.stringContaining(`${GENERATED} is missing`) });
    expect(outcome).toEqual({
      kind: 'failed',
      detail: expect.stringContaining('gen/left-over.ts is made from nothing'),
    });
  });
});

test('generated code is the same each time', async () => {
  expect(await checkGeneratedCode(await repository())).toMatchObject({ kind: 'passed' });
});

test('a contract that does not parse says where', async () => {
  const root = await repository();
  await appendFile(join(root, CONTRACT), 'message {');
  await expect(checkGeneratedCode(root)).rejects.toThrow(/plan\.proto:4/);
});

async function repository(): Promise<string> {
  const root = await writeTemporaryTree({
    [CONTRACT]: 'syntax = "proto3";\npackage wheelhouse.sample.v1;\nmessage Plan { string plan_code = 1; }\n',
  });
  await cp(join(REPOSITORY, 'buf.yaml'), join(root, 'buf.yaml'));
  await cp(join(REPOSITORY, 'buf.gen.yaml'), join(root, 'buf.gen.yaml'));
  await symlink(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'));
  await generateCode(root, root);
  return root;
}
