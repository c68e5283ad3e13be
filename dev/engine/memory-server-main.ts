/**
 * Owns: getting one `mongod` by mongodb-memory-server: from its cache, or by a download. It is a program of its own, so
 * that a download that hangs can be ended from outside.
 * Does not own: how long to wait; `memory-server.ts` does.
 * Invariant: the last line of its output is `path <mongod>` or `failure <why>`; other lines tell progress.
 */
import { DryMongoBinary, MongoBinary } from 'mongodb-memory-server-core';

const CONNECT_TIMEOUT_MS = 4_000;
const SOURCE_DEFAULT = 'https://fastdl.mongodb.org';

async function assertReachable(source: string): Promise<void> {
  try {
    await fetch(source, { method: 'HEAD', signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new Error(`${source} can't be reached (${cause})`);
  }
}

async function getBinary(): Promise<string> {
  const cached = await DryMongoBinary.locateBinary(await DryMongoBinary.generateOptions());
  if (cached !== undefined) return cached;
  const { MONGOMS_DOWNLOAD_URL: archive, MONGOMS_DOWNLOAD_MIRROR: mirror } = process.env;
  // The library itself would try for minutes.
  await assertReachable(archive || mirror || SOURCE_DEFAULT);
  return await MongoBinary.getPath();
}

try {
  console.log(`path ${await getBinary()}`);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  console.log(`failure ${message.replaceAll(/\s+/g, ' ')}`);
  process.exitCode = 1;
}
// A connection attempt that was given up may still hold the process open.
process.exit();
