// What /docs tells a newcomer who has a personal access token and nothing else works as it is printed there: in curl, and with the
// client that is made from the document.

import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEMO_CODE, loadDemoPromotion } from '../../dev/demo-promotion.ts';
import { findOnPath } from '../../dev/engine/program-search.ts';
import { startProcess } from '../../dev/process/managed-process.ts';
import { REPOSITORY } from '../support/repository.ts';
import { openStage, PRODUCT, type StoryStage } from '../support/story-stage.ts';
import { StoryWorkspace } from '../support/story-workspace.ts';

let stage: StoryStage;
let url: string;
let folder: string;

beforeAll(async () => {
  stage = await openStage();
  url = stage.stack.bffs.get(PRODUCT) ?? '';
  folder = await mkdtemp(join(tmpdir(), 'wheelhouse-example-'));
  await loadDemoPromotion(stage.stack.connect(stage.stack.credentials.sysadmin), PRODUCT);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await stage.stop();
});

/** What /docs shows, of one language. */
async function loadExamples(language: string): Promise<readonly string[]> {
  const document: unknown = await (await fetch(`${url}/openapi.json`)).json();
  const { description } = Object(document).info;
  return [...String(description).matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, text = '']) =>
    name === language ? [text] : [],
  );
}

/** Runs a program of the newcomer’s to its end. Returns what it printed. */
async function run(command: string, args: readonly string[], token = ''): Promise<string> {
  const logFile = join(folder, `output-${args.join('-').replaceAll(/\W/g, '').slice(-20)}.txt`);
  const environment = { ...process.env, BILLING_URL: url, BILLING_TOKEN: token };
  const child = await startProcess({ name: command, command, args, environment, directory: folder, logFile });
  const { code } = await child.exited;
  const lines = child.lastLines().join('\n');
  expect(code, lines).toBe(0);
  return lines;
}

test('in curl', async (context) => {
  const [curl, bash] = [await findOnPath('curl', process.env), await findOnPath('bash', process.env)];
  if (curl === undefined || bash === undefined) return context.skip('needs curl and bash');
  const workspace = await StoryWorkspace.free(stage);
  const token = await workspace.makeAccessToken();
  const examples = await loadExamples('sh');
  expect(examples.length).toBeGreaterThan(3);
  const printed = await run(bash, ['-euo', 'pipefail', '-c', examples.join('\necho\n')], token);
  for (const part of ['"plans":[', '"available":', '"packages":[', '"topup_id":', '"events":[', '"payments":[']) {
    expect(printed).toContain(part);
  }
  expect(printed).toContain(`"code":"${DEMO_CODE}","outcome":"done","credit":{"microcredits":20000000`);
  expect(await workspace.state()).toMatchObject({ payg_remaining: 20_000_000 });
});

test('with the client that is made from the document', async () => {
  const workspace = await StoryWorkspace.free(stage);
  await workspace.grantPayg(5_000_000);
  await workspace.use(1);
  const token = await workspace.makeAccessToken();
  const [example = ''] = await loadExamples('ts');
  // As after `npm install`, and with the types of Node, which the example asks for its environment.
  await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  const bin = join(REPOSITORY, 'clients/rest/node_modules/.bin');
  // As `npm init` leaves it.
  await writeFile(join(folder, 'package.json'), '{ "type": "commonjs" }');
  await writeFile(join(folder, 'example.mts'), example);
  await run(join(bin, 'openapi-typescript'), [`${url}/openapi.json`, '--output', 'billing-api.ts']);
  const strict = ['--strict', '--noEmit', '--allowImportingTsExtensions', '--skipLibCheck', '--types', 'node'];
  await run(join(bin, 'tsc'), [...strict, '--module', 'nodenext', '--target', 'es2024', 'example.mts']);

  const printed = await run(process.execPath, ['example.mts'], token);

  expect(printed).toContain("'pro'");
  expect(printed).toContain('microcredits to spend: 4000000');
  expect(printed).toMatch(/pay here: http/);
  expect(printed).toMatch(/memory_index_file_mb 1000000/);
  expect(printed).toContain("outcome: 'done'");
});
