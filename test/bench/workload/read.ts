// Owns reads: a balance, a page of history, a usage summary, and the raw aggregation that a summary stands against.

import mongoose from 'mongoose';
import {
  GetBalanceRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  GetUsageSummaryRequest,
  UsageGroup,
  UsageServiceService,
} from '../../../gen/wheelhouse/ledger/v1/usage_service.ts';
import type { Workload } from '../workload.ts';
import type { DebitTarget } from './debit.ts';

const PAGE_SIZE = 50;
const HOUR_MS = 3_600_000;
const DAYS_BACK = 2;

/** Returns the workload of balances, one after the other. */
export function createBalanceReads(name: string, { client, tenantId }: DebitTarget): Workload {
  const request = GetBalanceRequest.fromPartial({ tenantId, includeGrants: true });
  return toWorkload(name, () => client.call(LedgerServiceService.getBalance, request));
}

/** Returns the workload of first pages of the history. */
export function createHistoryReads(name: string, { client, tenantId }: DebitTarget): Workload {
  const request = ListEntriesRequest.fromPartial({ tenantId, pageSize: PAGE_SIZE });
  return toWorkload(name, async () => {
    const { entries } = await client.call(LedgerServiceService.listEntries, request);
    if (entries.length !== PAGE_SIZE) throw new Error(`a page had ${entries.length} entries`);
  });
}

/** Returns the workload of summaries of all usage by action and day. */
export function createSummaryReads(name: string, { client, tenantId }: DebitTarget, debits: number): Workload {
  const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
  const request = GetUsageSummaryRequest.fromPartial({
    tenantId,
    startTime: new Date(hour - DAYS_BACK * 24 * HOUR_MS),
    endTime: new Date(hour + 24 * HOUR_MS),
    groups: [UsageGroup.ACTION, UsageGroup.DAY],
  });
  return toWorkload(name, async () => {
    const { rows } = await client.call(UsageServiceService.getUsageSummary, request);
    const counted = rows.reduce((sum, row) => sum + Number(row.debitCount), 0);
    if (counted < debits) throw new Error(`the summary counts ${counted} of ${debits} debits`);
  });
}

/** Opens the raw aggregation over the commits of one tenant that gives the same sums. Throws the driver's error. */
export async function openRawSummary(
  uri: string,
  tenantId: string,
  debits: number,
): Promise<{ readonly workload: Workload; close(): Promise<void> }> {
  const client = await mongoose.mongo.MongoClient.connect(uri);
  const commits = client.db().collection('ledger_commits');
  const day = { $dateToString: { date: '$created_at', format: '%Y-%m-%d' } };
  const pipeline = [
    { $match: { tenant_id: tenantId } },
    { $unwind: '$entries' },
    { $match: { 'entries.type': { $in: ['debited', 'settled'] } } },
    { $group: { _id: { action: '$entries.action', day }, count: { $sum: 1 }, cost: { $sum: '$entries.cost' } } },
  ];
  const workload = toWorkload('raw aggregation over the commits', async () => {
    const rows = await commits.aggregate<{ readonly count: number }>(pipeline).toArray();
    const counted = rows.reduce((sum, { count }) => sum + count, 0);
    if (counted < debits) throw new Error(`the aggregation counts ${counted} of ${debits} debits`);
  });
  return { workload, close: () => client.close() };
}

function toWorkload(name: string, call: () => Promise<unknown>): Workload {
  return { name, inFlight: 1, operationsPerCall: 1, call };
}
