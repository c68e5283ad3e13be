// What a browser loads before the first page can be used, in the smaller of what it is sent: a page that grows past the bound shows
// here, and not to people on slow lines.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildConsole } from '../../dev/console-build.ts';

const BUILD_TIMEOUT_MS = 240_000;
const FIRST_LOAD_BYTES_MAX = 250_000;

/** Is what vite says of a file (Vite, "Backend Integration"). */
interface Chunk {
  readonly file: string;
  readonly css?: readonly string[];
  readonly assets?: readonly string[];
  readonly imports?: readonly string[];
}

describe('the bundle of the Console', () => {
  let folder: string;
  let manifest: Readonly<Record<string, Chunk>>;

  beforeAll(async () => {
    folder = await buildConsole();
    manifest = JSON.parse(await readFile(join(folder, '.vite/manifest.json'), 'utf8'));
  }, BUILD_TIMEOUT_MS);

  /** Lists the files that an entry needs, with what they need. */
  function listFiles(name: string, seen = new Set<string>()): ReadonlySet<string> {
    const chunk = manifest[name];
    if (chunk === undefined) throw new Error(`The bundle has no ${name}.`);
    if (seen.has(chunk.file)) return seen;
    for (const file of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) seen.add(file);
    for (const other of chunk.imports ?? []) listFiles(other, seen);
    return seen;
  }

  async function sizeOf(file: string): Promise<number> {
    const small = await stat(join(folder, `${file}.gz`)).catch(() => undefined);
    return small?.size ?? (await stat(join(folder, file))).size;
  }

  it('is small at first: document, scripts, styles and type of the billing page', async () => {
    const files = new Set([
      'index.html',
      ...listFiles('index.html'),
      ...listFiles('src/page/billing/billing-page.tsx'),
    ]);
    const sizes = await Promise.all([...files].map(sizeOf));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(total).toBeLessThanOrEqual(FIRST_LOAD_BYTES_MAX);
  });

  it('keeps charts for the page that has some', () => {
    const chart = manifest['src/page/analytics/series-chart.tsx']?.file ?? '';
    expect(chart).not.toBe('');
    for (const name of ['index.html', 'src/page/billing/billing-page.tsx', 'src/page/analytics/analytics-page.tsx']) {
      expect(listFiles(name)).not.toContain(chart);
    }
  });
});
