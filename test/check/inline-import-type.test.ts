import { expect, test } from 'vitest';
import { lintSource } from '../support/lint-source.ts';

test.each([
  ["export type Value = import('../app/ports.ts').Clock;"],
  ["export type Value = readonly import('../app/ports.ts').Clock[];"],
  ["export type Value = typeof import('../app/ports.ts');"],
])('%s is refused, because the import rules do not see it', async (source) => {
  expect(await lintSource('kernel/domain/sample.ts', source, ['plugin'])).toEqual([
    'Import the type at the top of the file (import type …), where the import rules see it.',
  ]);
});

test('a dynamic import is left to the import rules', async () => {
  const source = "export function load(): unknown {\n  return import('./other.ts');\n}";
  expect(await lintSource('kernel/main.ts', source, ['plugin'])).toEqual([]);
});
