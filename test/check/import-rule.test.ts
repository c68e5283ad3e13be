import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { computeImportReport } from '../../dev/check/import-rule.ts';
import { REPOSITORY } from '../support/repository.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const RULES = join(REPOSITORY, '.dependency-cruiser.cjs');

/** A small repository in which every layer has a file to import, and every package of interest is installed. */
const LAYERS: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    name: 'sample',
    type: 'module',
    dependencies: Object.fromEntries(
      ['mongoose', 'mongodb', 'stripe', 'nodemailer', 'standardwebhooks', 'lru-cache', 'pino', '@grpc/grpc-js'].map(
        (name) => [name, '1.0.0'],
      ),
    ),
    devDependencies: { vitest: '1.0.0' },
  }),
  ...installed(
    'mongoose',
    'mongodb',
    'stripe',
    'nodemailer',
    'standardwebhooks',
    'lru-cache',
    'pino',
    '@grpc/grpc-js',
    'vitest',
  ),
  ...sources(
    'kernel/main.ts',
    'kernel/config.ts',
    'kernel/domain/grant.ts',
    'kernel/domain/bucket.ts',
    'kernel/app/ports.ts',
    'kernel/app/ledger.ts',
    'kernel/app/catalog/ports.ts',
    'kernel/grpc/server.ts',
    'kernel/http/health.ts',
    'kernel/store/ledger-store.ts',
    'kernel/stripe/inbox.ts',
    'kernel/mail/transport.ts',
    'kernel/alert/transport.ts',
    'kernel/worker/sweep.ts',
    'bff/main.ts',
    'bff/convert.ts',
    'bff/console/page-path.ts',
    'bff/console/src/page.tsx',
    'clients/rest/client.ts',
    'clients/grpc/client.ts',
    'gen/wheelhouse/plan.ts',
    'gen/wheelhouse/price.ts',
    'dev/start.ts',
    'test/support/stack.ts',
  ),
};

describe('an import that the layers forbid is reported', () => {
  test.each([
    ['kernel/domain/grant.ts', '../app/ports.ts', 'domain'],
    ['kernel/domain/grant.ts', '../../gen/wheelhouse/plan.ts', 'domain'],
    ['kernel/domain/grant.ts', 'mongoose', 'domain'],
    ['kernel/domain/grant.ts', '@grpc/grpc-js', 'domain'],
    ['kernel/domain/grant.ts', 'node:fs', 'domain'],
    ['kernel/domain/grant.ts', 'node:crypto', 'domain'],
    ['kernel/app/ledger.ts', '../store/ledger-store.ts', 'app'],
    ['kernel/app/ledger.ts', '../grpc/server.ts', 'app'],
    ['kernel/app/ledger.ts', '../../gen/wheelhouse/plan.ts', 'app'],
    ['kernel/app/ledger.ts', 'node:fs/promises', 'app'],
    ['kernel/app/ledger.ts', 'pino', 'app'],
    ['kernel/grpc/server.ts', '../store/ledger-store.ts', 'grpc'],
    ['kernel/grpc/server.ts', '../http/health.ts', 'grpc'],
    ['kernel/grpc/server.ts', '../config.ts', 'grpc'],
    ['kernel/http/health.ts', '../grpc/server.ts', 'http'],
    ['kernel/http/health.ts', '../worker/sweep.ts', 'http'],
    ['kernel/store/ledger-store.ts', '../app/ledger.ts', 'store'],
    ['kernel/store/ledger-store.ts', '../../gen/wheelhouse/plan.ts', 'store'],
    ['kernel/store/ledger-store.ts', 'stripe', 'store'],
    ['kernel/stripe/inbox.ts', '../app/ledger.ts', 'stripe'],
    ['kernel/stripe/inbox.ts', 'mongoose', 'stripe'],
    ['kernel/mail/transport.ts', '../app/ledger.ts', 'mail'],
    ['kernel/mail/transport.ts', '../store/ledger-store.ts', 'mail'],
    ['kernel/alert/transport.ts', '../app/ledger.ts', 'alert'],
    ['kernel/alert/transport.ts', 'node:fs', 'alert'],
    ['kernel/worker/sweep.ts', '../store/ledger-store.ts', 'worker'],
    ['kernel/worker/sweep.ts', '../domain/grant.ts', 'worker'],
    ['bff/convert.ts', '../kernel/domain/grant.ts', 'bff'],
    ['bff/convert.ts', '../kernel/config.ts', 'bff'],
    ['bff/convert.ts', 'mongoose', 'mongoose-in-store-only'],
    ['bff/convert.ts', './console/src/page.tsx', 'console-by-its-addresses-only'],
    ['bff/console/src/page.tsx', '../../convert.ts', 'console'],
    ['bff/console/src/page.tsx', '../../../gen/wheelhouse/plan.ts', 'console'],
    ['bff/convert.ts', '../clients/rest/client.ts', 'bff'],
    ['clients/grpc/client.ts', '../../bff/convert.ts', 'grpc-client'],
    ['clients/grpc/client.ts', '../../kernel/config.ts', 'grpc-client'],
    ['clients/grpc/client.ts', 'node:fs', 'grpc-client'],
    ['clients/rest/client.ts', '../grpc/client.ts', 'rest-client'],
    ['clients/rest/client.ts', '../../bff/convert.ts', 'rest-client'],
    ['clients/rest/client.ts', 'node:fs', 'rest-client'],
    ['gen/wheelhouse/plan.ts', '../../kernel/domain/grant.ts', 'gen'],
    ['kernel/main.ts', '../bff/main.ts', 'kernel-never-bff'],
    ['kernel/main.ts', 'mongoose', 'mongoose-in-store-only'],
    ['kernel/http/health.ts', 'mongodb', 'mongoose-in-store-only'],
    ['kernel/main.ts', 'stripe', 'stripe-in-stripe-only'],
    ['bff/convert.ts', 'stripe', 'stripe-in-stripe-only'],
    ['kernel/main.ts', 'nodemailer', 'nodemailer-in-mail-only'],
    ['kernel/main.ts', 'standardwebhooks', 'standardwebhooks-in-alert-only'],
    ['kernel/main.ts', '../test/support/stack.ts', 'nothing-imports-test'],
    ['dev/start.ts', '../test/support/stack.ts', 'nothing-imports-test'],
    ['kernel/main.ts', '../dev/start.ts', 'nothing-imports-dev'],
    ['bff/main.ts', '../dev/start.ts', 'nothing-imports-dev'],
    ['kernel/main.ts', './missing.ts', 'no-unresolved-import'],
    ['kernel/main.ts', 'vitest', 'deployed-code-needs-no-dev-dependency'],
  ])('%s → %s breaks %s', async (from, to, rule) => {
    expect(await rulesBrokenBy(from, `import { value } from '${to}';`)).toContain(rule);
  });

  test.each([
    ['import type', "import type { value } from '../app/ports.ts';"],
    ['a type among values', "import { type value } from '../app/ports.ts';"],
    ['export from', "export { value } from '../app/ports.ts';"],
    ['export all', "export * from '../app/ports.ts';"],
    ['a dynamic import', "export const load = () => import('../app/ports.ts');"],
    ['an import for its side effect', "import '../app/ports.ts';"],
  ])('written as %s', async (_form, statement) => {
    expect(await rulesBrokenBy('kernel/domain/grant.ts', statement)).toContain('domain');
  });

  test('two files that need each other, by types alone', async () => {
    const root = await writeTemporaryTree({
      ...LAYERS,
      'kernel/domain/grant.ts': "import type { value } from './bucket.ts';\nexport type Grant = typeof value;",
      'kernel/domain/bucket.ts': "import type { Grant } from './grant.ts';\nexport const value: Grant = 1;",
    });
    expect((await computeImportReport(root, RULES)).violations).toEqual([
      { rule: 'no-cycle', from: 'kernel/domain/bucket.ts', to: 'kernel/domain/grant.ts' },
    ]);
  });
});

describe('an import that the layers allow is not reported', () => {
  test.each([
    ['kernel/domain/grant.ts', './bucket.ts'],
    ['bff/main.ts', './console/page-path.ts'],
    ['bff/console/src/page.tsx', '../page-path.ts'],
    ['bff/console/src/page.tsx', '../../../clients/rest/client.ts'],
    ['bff/console/src/page.tsx', 'vitest'],
    ['kernel/app/ledger.ts', '../domain/grant.ts'],
    ['kernel/app/ledger.ts', './ports.ts'],
    ['kernel/app/ledger.ts', 'lru-cache'],
    ['kernel/grpc/server.ts', '../app/ledger.ts'],
    ['kernel/grpc/server.ts', '../../gen/wheelhouse/plan.ts'],
    ['kernel/grpc/server.ts', '@grpc/grpc-js'],
    ['kernel/http/health.ts', '../domain/grant.ts'],
    ['kernel/store/ledger-store.ts', '../app/ports.ts'],
    ['kernel/store/ledger-store.ts', '../app/catalog/ports.ts'],
    ['kernel/store/ledger-store.ts', 'mongoose'],
    ['kernel/stripe/inbox.ts', 'stripe'],
    ['kernel/mail/transport.ts', 'nodemailer'],
    ['kernel/mail/transport.ts', '../app/catalog/ports.ts'],
    ['kernel/alert/transport.ts', 'standardwebhooks'],
    ['kernel/alert/transport.ts', 'node:https'],
    ['kernel/alert/transport.ts', '../app/catalog/ports.ts'],
    ['kernel/worker/sweep.ts', '../app/ledger.ts'],
    ['kernel/main.ts', './store/ledger-store.ts'],
    ['bff/main.ts', './convert.ts'],
    ['bff/convert.ts', '../gen/wheelhouse/plan.ts'],
    ['gen/wheelhouse/plan.ts', './price.ts'],
    ['dev/start.ts', 'mongoose'],
    ['test/support/stack.ts', '../../dev/start.ts'],
    ['test/support/stack.ts', '../../kernel/domain/grant.ts'],
    ['test/support/stack.ts', 'vitest'],
  ])('%s → %s', async (from, to) => {
    expect(await rulesBrokenBy(from, `import { value } from '${to}';`)).toEqual([]);
  });
});

test('the sources of this repository are all read, with their imports', async () => {
  const report = await computeImportReport(REPOSITORY, RULES);
  expect(report.violations.filter(({ rule }) => rule === 'file-not-read')).toEqual([]);
  expect(report.importCount).toBeGreaterThan(report.fileCount);
});

async function rulesBrokenBy(file: string, statement: string): Promise<readonly string[]> {
  const root = await writeTemporaryTree({ ...LAYERS, [file]: `${statement}\nexport const own = 1;\n` });
  const report = await computeImportReport(root, RULES);
  expect(report.violations.every(({ from }) => from === file)).toBe(true);
  return report.violations.map(({ rule }) => rule);
}

function installed(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => [
      [`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' })],
      [`node_modules/${name}/index.js`, 'exports.value = 1;'],
    ]),
  );
}

function sources(...paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, 'export const value = 1;\n']));
}
