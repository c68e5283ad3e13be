/**
 * Owns: finding out by real commands whether a MongoDB server can be worked with.
 * Does not own: starting one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import { StackError, toMessage } from '../stack-error.ts';

const { MongoClient } = mongoose.mongo;

const POLL_MS = 50;
const ATTEMPT_TIMEOUT_MS = 2_000;
const PROBE_COLLECTION = 'wheelhouse_probe';

/** Runs a command on a server's `admin` database. Throws the driver's error where it fails. */
export type AdminCommand = (command: Record<string, unknown>) => Promise<Record<string, unknown>>;

/** Connects for a few commands and disconnects again. Throws the driver's error. */
export async function withAdminCommand<Result>(
  uri: string,
  work: (command: AdminCommand) => Promise<Result>,
): Promise<Result> {
  const client = await connect(uri);
  try {
    return await work((command) => client.db('admin').command(command));
  } finally {
    await client.close();
  }
}

/**
 * Waits until the server is a writable primary and has acknowledged a write.
 * Throws StackError when that is not so within the timeout, or when `giveUp` says why to stop waiting.
 */
export async function waitUntilWritable(
  uri: string,
  timeoutMs: number,
  giveUp: () => string | undefined = () => undefined,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    try {
      await probe(uri);
      return;
    } catch (error) {
      const reason = giveUp();
      if (reason !== undefined) throw new StackError(reason);
      if (performance.now() > deadline) throw new StackError(`no write was possible: ${toMessage(error)}`);
    }
    await sleep(POLL_MS);
  }
}

/** Removes every database whose name begins with this prefix. Throws the driver's error. */
export async function dropDatabases(uri: string, prefix: string): Promise<void> {
  const client = await connect(uri);
  try {
    const { databases } = await client.db('admin').admin().listDatabases({ nameOnly: true });
    for (const { name } of databases) {
      if (name.startsWith(prefix)) await client.db(name).dropDatabase();
    }
  } finally {
    await client.close();
  }
}

function connect(uri: string): Promise<InstanceType<typeof MongoClient>> {
  return MongoClient.connect(uri, { serverSelectionTimeoutMS: ATTEMPT_TIMEOUT_MS, maxPoolSize: 2 });
}

async function probe(uri: string): Promise<void> {
  const client = await connect(uri);
  try {
    const hello = await client.db('admin').command({ hello: 1 });
    if (hello['isWritablePrimary'] !== true) throw new StackError('the server is no writable primary yet');
    const collection = client.db().collection(PROBE_COLLECTION, { writeConcern: { w: 'majority', journal: true } });
    const { insertedId } = await collection.insertOne({ probed_at: new Date() });
    await collection.deleteOne({ _id: insertedId });
  } finally {
    await client.close();
  }
}
