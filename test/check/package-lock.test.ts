import { expect, test } from 'vitest';
import { checkPackageLock } from '../../dev/check/package-lock.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const LOCKED = { version: '1.0.0', integrity: 'sha512-AAAA' };

test('exact versions, each locked by hash, pass', async () => {
  expect(await check({ dependencies: { express: '5.3.0' } }, { 'node_modules/express': LOCKED })).toMatchObject({
    kind: 'passed',
  });
});

test.each(['^5.3.0', '~5.3.0', '5', '*', 'latest', '>=5.0.0 <6', 'git+ssh://example.invalid/express.git'])(
  'the range %s is refused',
  async (version) => {
    const outcome = await check({ devDependencies: { express: version } }, {});
    expect(outcome).toEqual({ kind: 'failed', detail: expect.stringContaining(`express has the range "${version}"`) });
  },
);

test('a lock that names a registry is refused', async () => {
  const resolved = 'https://registry.example.invalid/express.tgz';
  const outcome = await check({}, { 'node_modules/express': { ...LOCKED, resolved } });
  expect(outcome).toEqual({ kind: 'failed', detail: expect.stringMatching(/node_modules\/express names a registry/) });
});

test('a package of this repository is linked, and held to exact versions too', async () => {
  const link = { 'node_modules/@ours/client': { resolved: 'clients/rest', link: true } };
  const own = (version: string) => ({ ...link, 'clients/rest': { dependencies: { express: version } } });
  expect(await check({}, own('5.3.0'))).toMatchObject({ kind: 'passed' });
  expect(await check({}, own('^5.3.0'))).toEqual({
    kind: 'failed',
    detail: expect.stringContaining('clients/rest/package.json: express has the range "^5.3.0"'),
  });
});

test('a lock without a hash is refused', async () => {
  const outcome = await check({}, { 'node_modules/express': { version: '1.0.0' } });
  expect(outcome).toEqual({ kind: 'failed', detail: expect.stringMatching(/has no integrity hash/) });
});

test("a lock that leaves out another platform's binary is refused", async () => {
  const biome = { ...LOCKED, optionalDependencies: { '@biome/darwin': '1.0.0', '@biome/linux': '1.0.0' } };
  const outcome = await check({}, { 'node_modules/biome': biome, 'node_modules/@biome/linux': LOCKED });
  expect(outcome).toEqual({
    kind: 'failed',
    detail: expect.stringContaining('node_modules/biome needs @biome/darwin, which is not locked'),
  });
});

async function check(manifest: object, locked: object) {
  const root = await writeTemporaryTree({
    'package.json': JSON.stringify(manifest),
    'package-lock.json': JSON.stringify({ packages: { '': manifest, ...locked } }),
  });
  return await checkPackageLock(root);
}
