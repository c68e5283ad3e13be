// Owns the part about sizes: what a kernel keeps in memory after many debits of many tenants, and what one debit takes on
// disk.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { firstKernel, type PartContext } from './part-context.ts';
import type { PartResult, Row, SizeRow } from './row.ts';
import { createDebitRequest } from './workload/debit.ts';

const TENANTS = 10_000;
const DEBITS = 1_000_000;
const DEBITS_PER_TENANT_AND_BATCH = 10;
const BATCH_ITEMS = 1_000;
const BATCHES_IN_FLIGHT = 3;
const MEMORY_MAX_MIB = 400;
const DISK_DEBITS = 5_000;
const DISK_BYTES_MAX = 1_024;
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

async function measureDisk({ stage, measure }: PartContext): Promise<Row> {
  const name = 'bytes on disk per debit, one at a time';
  const { dataFolder } = stage;
  if (dataFolder === undefined) return { kind: 'missing', name, why: "the engine's data lies elsewhere" };
  const [tenantId = ''] = await stage.createTenants(1);
  const client = firstKernel(stage);
  const debit = () => client.call(LedgerServiceService.debit, createDebitRequest(tenantId));
  await debit();
  measure.note(`Waiting for a checkpoint, then charging ${DISK_DEBITS} debits one by one`);
  await wait(CHECKPOINT_WAIT_MS);
  const before = await readFolderBytes(dataFolder);
  for (let count = 0; count < DISK_DEBITS; count += 1) await debit();
  await wait(CHECKPOINT_WAIT_MS);
  const perDebit = Math.round(((await readFolderBytes(dataFolder)) - before) / DISK_DEBITS);
  const document = await readDocumentBytes(stage.databaseUri('kernel'), tenantId);
  const note = `tables and indexes without the journal; the document is ${document} bytes of BSON before compression`;
  const row: SizeRow = { kind: 'size', name, value: perDebit, atMost: DISK_BYTES_MAX, unit: 'bytes', note };
  return row;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Sums the files of a folder, without the journal, which is reused and tells nothing of what is kept. */
async function readFolderBytes(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !/journal|WiredTigerLog|WiredTigerPreplog/.test(path)) bytes += (await stat(path)).size;
  }
  return bytes;
}

async function readDocumentBytes(uri: string, tenantId: string): Promise<number> {
  const client = await mongoose.mongo.MongoClient.connect(uri);
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

async function readMemory(pid: number): Promise<{ readonly nowMib: number; readonly peakMib: number } | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const read = (field: string): number =>
      Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / 1_024);
    return { nowMib: read('VmRSS'), peakMib: read('VmHWM') };
  } catch {
    return undefined;
  }
}
