// Owns the most that the engine does for a ledger of such commits: the kernel's own full commits, inserted again by the raw driver
// with majority + journal and the same unique indexes. Nothing is asked, decided, hashed or answered.

import { randomBytes, randomUUID } from 'node:crypto';
import mongoose from 'mongoose';
import { COMMIT_INDEXES } from '../../../kernel/store/ledger/ledger-index.ts';
import type { Workload } from '../workload.ts';

const { Binary, MongoClient, UUID } = mongoose.mongo;

const COMMITS = 'ledger_commits';
/** While one commit is stored the next is encoded. */
const IN_FLIGHT = 2;
/** How many of the newest commits are looked at for a full one. */
const NEWEST = 200;
const KEY_BYTES = 22;

/** Is where the commits come from and go to. */
export interface BareCommitPlaces {
  readonly kernelUri: string;
  readonly scratchUri: string;
  readonly tenantId: string;
}

/** Is a workload, with what ends its connection. */
export interface BareCommits {
  readonly workload: Workload;
  close(): Promise<void>;
}

/** Takes the fullest of a tenant's newest commits for a pattern. Throws Error where the tenant has none, or the driver's error. */
export async function openBareCommits({ kernelUri, scratchUri, tenantId }: BareCommitPlaces): Promise<BareCommits> {
  const source = await MongoClient.connect(kernelUri, { useBigInt64: true });
  const newest = await source
    .db()
    .collection(COMMITS)
    .find({ tenant_id: tenantId })
    .sort({ tenant_id: -1, seq: -1 })
    .limit(NEWEST)
    .toArray();
  await source.close();
  const [pattern] = newest.toSorted((a, b) => b['entries'].length - a['entries'].length);
  if (pattern === undefined) throw new Error(`${tenantId} has no commit to insert again`);
  const client = await MongoClient.connect(scratchUri, { useBigInt64: true });
  const commits = client.db().collection(COMMITS, { writeConcern: { w: 'majority', journal: true } });
  for (const { name, key, unique } of COMMIT_INDEXES) await commits.createIndex(key, { name, unique });
  const tenant = `ten_${randomUUID()}`;
  let seq = 0n;
  const copy = (): object => {
    seq += 1n;
    const keys = pattern['entries'].map(() => newKey());
    return { ...pattern, _id: new UUID(), tenant_id: tenant, seq, keys };
  };
  return {
    workload: {
      name: `bare inserts of commits of ${pattern['entries'].length} entries`,
      inFlight: IN_FLIGHT,
      operationsPerCall: pattern['entries'].length,
      call: () => commits.insertOne(copy()),
    },
    close: () => client.close(),
  };
}

let made = 0;

/** In the order of time, as the keys of callers who follow the advice are. */
function newKey(): InstanceType<typeof Binary> {
  const bytes = randomBytes(KEY_BYTES);
  made += 1;
  bytes.writeUIntBE(made, 0, 6);
  return new Binary(bytes);
}
