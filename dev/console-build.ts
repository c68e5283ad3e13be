/**
 * Owns: the built Console: making it, once for each state of its sources, and saying where it is. As a program it is
 * `npm run build`.
 * Does not own: how it is bundled (`bff/console/vite.config.ts`).
 * Invariants: a folder that is answered holds a whole build of the sources as they are; two that build at once don't meet.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { stopGuard } from './process/guard.ts';
import { runProcess } from './process/managed-process.ts';
import { REPOSITORY } from './stack-config.ts';

const SOURCE = join(REPOSITORY, 'bff/console');
const BUILDS = join(REPOSITORY, 'node_modules/.cache/wheelhouse-console');
const BUILD_TIMEOUT_MS = 300_000;
/** Smaller files don't get smaller by it. */
const COMPRESSED_BYTES_MIN = 1_024;
const COMPRESSIBLE = /\.(?:js|css|svg)$/;

/** Builds the Console, or finds the build of the same sources. Returns its folder. Throws StackError with the words of vite. */
export async function buildConsole(): Promise<string> {
  const folder = join(BUILDS, await computeDigest());
  if (existsSync(folder)) return folder;
  await mkdir(BUILDS, { recursive: true });
  const unfinished = await mkdtemp(join(BUILDS, 'unfinished-'));
  const out = join(unfinished, 'console');
  await runProcess(
    {
      name: 'vite build',
      command: process.execPath,
      args: [join(REPOSITORY, 'node_modules/vite/bin/vite.js'), 'build', SOURCE, '--outDir', out, '--logLevel', 'warn'],
      environment: { ...process.env, NODE_ENV: 'production' },
    },
    BUILD_TIMEOUT_MS,
  );
  await compressFiles(join(out, 'assets'));
  // Whoever was quicker has made the same.
  await rename(out, folder).catch(async () => await rm(out, { recursive: true, force: true }));
  await rm(unfinished, { recursive: true, force: true });
  await removeFormer(folder);
  return folder;
}

/** Names the state of all that a build is made from. */
async function computeDigest(): Promise<string> {
  const entries = await readdir(SOURCE, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const digest = createHash('sha256');
  for (const file of [...files.sort(), join(REPOSITORY, 'package-lock.json'), import.meta.filename]) {
    digest
      .update(file.slice(REPOSITORY.length))
      .update('\0')
      .update(await readFile(file))
      .update('\0');
  }
  return digest.digest('hex').slice(0, 16);
}

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

async function compressFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    const bytes = await readFile(file);
    if (!COMPRESSIBLE.test(name) || bytes.byteLength < COMPRESSED_BYTES_MIN) continue;
    await writeFile(`${file}.br`, await compressBrotli(bytes));
    await writeFile(`${file}.gz`, await compressGzip(bytes, { level: 9 }));
  }
}

/** Only the newest is kept; one that a stack serves is in its memory. */
async function removeFormer(folder: string): Promise<void> {
  for (const name of await readdir(BUILDS)) {
    const former = join(BUILDS, name);
    if (former !== folder && !name.startsWith('unfinished-')) await rm(former, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  console.log(await buildConsole());
  await stopGuard();
}
