// What the README of the client for services shows compiles, and works as it is printed there.

import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startProcess } from '../../dev/process/managed-process.ts';
import { createFundedTenant, readPaygCredits } from '../support/debit-driver.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { REPOSITORY } from '../support/repository.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const EXAMPLE = /^```ts\n(.*?)^```$/gms;

let stack: TestStack;
let folder: string;
let examples: readonly string[];

beforeAll(async () => {
  stack = await startStack({ mongodbUri: freshDatabaseUri(), kernelCount: 2, productCodes: [] });
  folder = await mkdtemp(join(tmpdir(), 'wheelhouse-example-'));
  const document = await readFile(join(REPOSITORY, 'clients/grpc/README.md'), 'utf8');
  examples = [...document.matchAll(EXAMPLE)].map(([, text = '']) => text);
  // As after `npm install`.
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [index, text] of examples.entries()) await writeFile(join(folder, `example-${index}.ts`), text);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await stack.stop();
});

/** Runs a program to its end. Returns what it printed. */
async function run(args: readonly string[], settings: NodeJS.ProcessEnv = {}): Promise<string> {
  const environment = { ...process.env, ...settings };
  const child = await startProcess({
    name: 'example',
    command: process.execPath,
    args,
    environment,
    directory: folder,
  });
  const { code } = await child.exited;
  const lines = child.lastLines().join('\n');
  expect(code, lines).toBe(0);
  return lines;
}

const settingsOf = (tenantId: string): NodeJS.ProcessEnv => ({
  KERNEL_ADDRESS: stack.kernels.map(({ grpc }) => grpc).join(','),
  KERNEL_TOKEN: stack.credentials.internal,
  TENANT_ID: tenantId,
});

test('the examples have the types that the client has', async () => {
  expect(examples).toHaveLength(2);
  const strict = ['--strict', '--noEmit', '--allowImportingTsExtensions', '--skipLibCheck', '--types', 'node'];
  const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
  const files = examples.map((_, index) => `example-${index}.ts`);
  await run([tsc, ...strict, '--module', 'nodenext', '--target', 'es2024', ...files]);
});

test('calling', async () => {
  const tenantId = await createFundedTenant(stack, 10n);
  const printed = await run(['example-0.ts'], settingsOf(tenantId));
  expect(printed).toMatch(/^may start 10000000n\ncharged \S+\ncharged before: true\nsettled \S+\nrefused \d+$/);
});

test('debits by the thousand', async () => {
  const tenantId = await createFundedTenant(stack, 10n);
  const printed = await run(['example-1.ts'], settingsOf(tenantId));
  expect(printed).toBe('charged 500 last by run-7-step-499\nACTION_NOT_FOUND');
  expect(await readPaygCredits(stack.connect(stack.credentials.internal), tenantId)).toBe(5n);
});
