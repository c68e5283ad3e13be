import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * Writes files (path → content) into a new temporary folder, which goes when the test ends, and answers the folder.
 * Call it inside a test.
 */
export async function writeTemporaryTree(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'wheelhouse-test-')));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await writeTree(root, files);
  return root;
}

/** Writes files (path → content) below a folder and makes the folders that they need. */
export async function writeTree(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}
