// `npm run mutate` breaks the kernel at anchors in its sources; this holds that they are still there, so that the script
// breaks what it says.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { REPOSITORY } from '../support/repository.ts';
import { MUTATIONS } from './mutation.ts';

describe('mutations', () => {
  it.each(MUTATIONS)('"$name" has one place to break', async ({ file, anchor, replacement }) => {
    const source = await readFile(join(REPOSITORY, file), 'utf8');
    expect(source.split(anchor).length - 1).toBe(1);
    expect(replacement).not.toBe(anchor);
  });

  it('have names of their own', () => {
    expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length);
  });
});
