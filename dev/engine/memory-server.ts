/**
 * Owns: getting a `mongod` by mongodb-memory-server: the one in its cache, or a download that is given up fast.
 * Does not own: running it; it is started like any other `mongod`, with its data on disk.
 */
import { fileURLToPath } from 'node:url';
import { type ManagedProcess, startProcess } from '../process/managed-process.ts';
import { toMessage } from '../stack-error.ts';
import type { EngineMiss, EngineProgram, EngineSearch, Note } from './engine-program.ts';
import { toMongodProgram } from './mongod.ts';

const PROGRAM = fileURLToPath(new URL('memory-server-main.ts', import.meta.url));
const FIRST_BYTES_TIMEOUT_MS = 10_000;
const STALL_TIMEOUT_MS = 60_000;

/** Finds the cached `mongod`, or downloads it. */
export async function findMemoryServer(search: EngineSearch): Promise<EngineProgram | EngineMiss> {
  if (search.programPath !== undefined) return toMongodProgram('memory-server', search.programPath);
  try {
    return toMongodProgram('memory-server', await getBinary(search));
  } catch (error) {
    return { kind: 'memory-server', miss: toMessage(error) };
  }
}

async function getBinary(search: EngineSearch): Promise<string> {
  const child = await startProcess({
    name: 'mongodb-memory-server',
    command: process.execPath,
    args: [PROGRAM],
    environment: {
      ...search.environment,
      // The library checks certificates only when npm was told to, and fetch uses a proxy only when Node was.
      npm_config_strict_ssl: 'true',
      NODE_USE_ENV_PROXY: '1',
      MONGOMS_MAX_RETRIES: '1',
      // One copy in the user's cache, for all checkouts.
      MONGOMS_PREFER_GLOBAL_PATH: 'true',
    },
  });
  const isStalled = await followDownload(child, search.note);
  const last = child.lastLines().at(-1) ?? '';
  if (last.startsWith('path ')) return last.slice('path '.length);
  if (isStalled) throw new Error('the download came to a standstill');
  throw new Error(last.replace('failure ', '') || 'the download failed');
}

/** Waits for the end, and ends it where nothing comes any more. Returns whether that was so. */
async function followDownload(child: ManagedProcess, note: Note): Promise<boolean> {
  let isStalled = false;
  const giveUp = (): void => {
    isStalled = true;
    void child.kill();
  };
  let timer = setTimeout(giveUp, FIRST_BYTES_TIMEOUT_MS);
  const unfollow = child.onLine((line) => {
    clearTimeout(timer);
    timer = setTimeout(giveUp, STALL_TIMEOUT_MS);
    if (line.startsWith('Downloading')) note(line.trim());
  });
  await child.exited;
  clearTimeout(timer);
  unfollow();
  return isStalled;
}
