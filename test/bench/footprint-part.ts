// Owns the part about sizes: what a kernel keeps in memory after many debits of many tenants, and what one debit takes on
// disk.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { Lifetime } from '../../dev/lifetime.ts';
import { LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { readCheckpointBytes } from './checkpoint.ts';
import { firstKernel, type PartContext } from './part-context.ts';
import type { PartResult, Row } from './row.ts';
import { type Stage, startStage } from './stage.ts';
import { createDebitRequest } from './workload/debit.ts';

const TENANTS = 10_000;
const DEBITS = 1_000_000;
const DEBITS_PER_TENANT_AND_BATCH = 10;
const BATCH_ITEMS = 1_000;
const BATCHES_IN_FLIGHT = 3;
const MEMORY_MAX_MIB = 400;
const DISK_DEBITS = 5_000;
const DISK_BYTES_MAX = 1_024;
/** The kernel's default, as in production: some engines repeat a database's name in every entry of an index. */
const DISK_DATABASE = 'wheelhouse';
type Part = 'index' | 'document' | 'order' | 'log';
/** The tables of `secantusd-rs` that grow with the ledger. The log is cut at a fixed size, as the journal is. */
const PARTS: readonly { readonly part: Part; readonly tables: RegExp }[] = [
  { part: 'index', tables: /^secantus_(?:index_entries|unique_keys)$/ },
  { part: 'document', tables: /^secantus_documents_/ },
  { part: 'order', tables: /^secantus_natural_seq$/ },
  { part: 'log', tables: /^secantus_oplog_/ },
];
/** WiredTiger writes what is new to its tables at checkpoints, once a minute. */
const CHECKPOINT_WAIT_MS = 75_000;

/** Measures both sizes on a kernel of its own. */
export async function measureFootprint(context: PartContext): Promise<PartResult> {
  return { rows: [await measureDisk(context), await measureMemory(context)], measurements: [] };
}

async function measureMemory({ stage, measure }: PartContext): Promise<Row> {
  const name = `kernel memory after ${DEBITS} debits over ${TENANTS} tenants`;
  measure.note(`Creating ${TENANTS} tenants`);
  const tenantIds = await stage.createTenants(TENANTS);
  const { client, pid } = await stage.addKernel();
  measure.note(`Charging ${DEBITS} debits over them`);
  const perBatch = BATCH_ITEMS / DEBITS_PER_TENANT_AND_BATCH;
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < DEBITS / BATCH_ITEMS) {
      const from = (begun * perBatch) % TENANTS;
      begun += 1;
      const some = tenantIds.slice(from, from + perBatch);
      const debits = some.flatMap((id) =>
        Array.from({ length: DEBITS_PER_TENANT_AND_BATCH }, () => createDebitRequest(id)),
      );
      await client.call(LedgerServiceService.batchDebit, { debits });
    }
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, work));
  const sizes = await readMemory(pid);
  if (sizes === undefined) return { kind: 'missing', name, why: 'this system does not tell the memory of a process' };
  const note = `resident; ${sizes.peakMib} MiB at its peak`;
  return { kind: 'size', name, value: sizes.nowMib, atMost: MEMORY_MAX_MIB, unit: 'MiB', note };
}

/** On an engine of its own, where nothing else is written. */
async function measureDisk({ measure }: PartContext): Promise<Row> {
  const lifetime = new Lifetime();
  try {
    return await measureDiskOn(await startStage(lifetime, measure.note, DISK_DATABASE), measure.note);
  } finally {
    await lifetime.close();
  }
}

async function measureDiskOn(stage: Stage, tell: (text: string) => void): Promise<Row> {
  const name = 'bytes on disk per debit, one at a time';
  const { dataFolder } = stage;
  if (dataFolder === undefined) return { kind: 'missing', name, why: "the engine's data lies elsewhere" };
  const [tenantId = ''] = await stage.createTenants(1);
  const client = firstKernel(stage);
  const debit = () => client.call(LedgerServiceService.debit, createDebitRequest(tenantId));
  await debit();
  tell(`Waiting for a checkpoint, then charging ${DISK_DEBITS} debits one by one`);
  await wait(CHECKPOINT_WAIT_MS);
  const before = await readSizes(dataFolder);
  for (let count = 0; count < DISK_DEBITS; count += 1) await debit();
  await wait(CHECKPOINT_WAIT_MS);
  const after = await readSizes(dataFolder);
  const perDebit = (part: keyof Sizes): number => Math.round((after[part] - before[part]) / DISK_DEBITS);
  const [index, document, order, log] = [perDebit('index'), perDebit('document'), perDebit('order'), perDebit('log')];
  if (index + document === 0) {
    return { kind: 'missing', name, why: `which tables of ${stage.engine.description} hold what is not known here` };
  }
  const bson = await readDocumentBytes(stage.databaseUri('kernel'), tenantId);
  const note =
    `index entries ${index}, the document ${document} (${bson} as BSON, before compression), insertion order ${order}; not in it: ` +
    `replication log ${log}, journal, and free space, with which the files grew by ${perDebit('files')}`;
  return { kind: 'size', name, value: index + document + order, atMost: DISK_BYTES_MAX, unit: 'bytes', note };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface Sizes extends Record<Part, number> {
  /** The files of the parts, without log and journal. */
  readonly files: number;
}

/** Reads how many bytes the newest checkpoint holds, by what they are for. */
async function readSizes(folder: string): Promise<Sizes> {
  const sizes = { index: 0, document: 0, order: 0, log: 0, files: 0 };
  for (const [table, bytes] of await readCheckpointBytes(folder)) {
    const part = partOf(table);
    if (part !== undefined) sizes[part] += bytes;
  }
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const part = entry.name.endsWith('.wt') ? partOf(entry.name.slice(0, -3)) : undefined;
    if (part === undefined || part === 'log') continue;
    sizes.files += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return sizes;
}

function partOf(table: string): Part | undefined {
  return PARTS.find(({ tables }) => tables.test(table))?.part;
}

async function readDocumentBytes(uri: string, tenantId: string): Promise<number> {
  const client = await mongoose.mongo.MongoClient.connect(uri, { useBigInt64: true });
  try {
    const [document] = await client
      .db()
      .collection('ledger_commits')
      .find({ tenant_id: tenantId, seq: { $gte: 10, $lte: 10 } })
      .toArray();
    return document === undefined ? 0 : mongoose.mongo.BSON.calculateObjectSize(document);
  } finally {
    await client.close();
  }
}

/** Reads how much memory a process takes; undefined where the system does not tell. */
export async function readMemory(
  pid: number,
): Promise<{ readonly nowMib: number; readonly peakMib: number } | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const read = (field: string): number =>
      Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
    return { nowMib: read('VmRSS'), peakMib: read('VmHWM') };
  } catch {
    return undefined;
  }
}
