// Every promise of the documents names a test that there is.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const ROW = /^\| (?!\*\*)(.+?) \| `(test\/[^`]+)`: (.+?) \|$/;
const DOCUMENTS = ['docs/ledger.md', 'docs/subscription.md', 'docs/alert.md', 'docs/console.md'] as const;

function promisesOf(document: string) {
  return readFileSync(new URL(document, ROOT), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, promise, file, name] = ROW.exec(line) ?? [];
      return promise === undefined || file === undefined || name === undefined ? [] : [{ promise, file, name }];
    });
}

/** A name as a test's source may write it: in any quotes. */
function isNamedIn(source: string, name: string): boolean {
  return [`'${name}'`, `"${name}"`, `\`${name}\``, `'${name.replaceAll("'", "\\'")}'`].some((text) =>
    source.includes(text),
  );
}

describe.each(DOCUMENTS)('the promises of %s', (document) => {
  const rows = promisesOf(document);

  it('are there', () => {
    expect(rows.length).toBeGreaterThan(15);
  });

  it.each(rows)('$promise: its test exists', ({ file, name }) => {
    const path = new URL(file, ROOT);
    expect(existsSync(path)).toBe(true);
    expect(isNamedIn(readFileSync(path, 'utf8'), name)).toBe(true);
  });
});
