// Owns the part about long histories: what a million entries behind an account cost its writes and reads.

import { randomUUID } from 'node:crypto';
import { type Measurement, measureInterleaved } from './measurement.ts';
import {
  BATCH_ITEMS,
  BATCHES_IN_FLIGHT,
  firstKernel,
  IN_FLIGHT_MANY,
  type PartContext,
  toList,
} from './part-context.ts';
import type { PartResult, Row } from './row.ts';
import { createBatchDebits, createDebitRequest, createUnaryDebits, type DebitTarget } from './workload/debit.ts';
import { createBalanceReads, createHistoryReads, createSummaryReads, openRawSummary } from './workload/read.ts';

const SHORT_HISTORY = 1_000;
/** A read may take 1.2 times as long. */
const READ_RATIO = 1 / 1.2;

/** Fills accounts, then measures them against accounts without a history. */
export async function measureHistory(context: PartContext): Promise<PartResult> {
  const { stage, measure } = context;
  const client = firstKernel(stage);
  const ids = await stage.createTenants(5);
  const [long, random, none, short, randomNone] = ids.map((tenantId): DebitTarget => ({ client, tenantId }));
  if (!(long && random && none && short && randomNone)) throw new Error('The stage made too few tenants.');
  const { historyEntries: entries } = measure;
  await fill(context, short, SHORT_HISTORY, createDebitRequest);
  await fill(context, long, entries, createDebitRequest);
  await fill(context, random, entries, createRandomlyKeyed);
  const writes = await measureInterleaved(
    {
      unaryNone: createUnaryDebits('unary debits, no history', [none], IN_FLIGHT_MANY),
      unaryLong: createUnaryDebits(`unary debits, ${entries} entries behind`, [long], IN_FLIGHT_MANY),
      batchNone: createBatchDebits('BatchDebit, no history', none, BATCH_ITEMS, BATCHES_IN_FLIGHT),
      batchLong: createBatchDebits(`BatchDebit, ${entries} entries behind`, long, BATCH_ITEMS, BATCHES_IN_FLIGHT),
      batchRandom: createBatchDebits(
        `BatchDebit with random keys, ${entries} such entries behind`,
        ...([random, BATCH_ITEMS, BATCHES_IN_FLIGHT, createRandomlyKeyed] as const),
      ),
      batchRandomNone: createBatchDebits(
        'BatchDebit with random keys, no history',
        ...([randomNone, BATCH_ITEMS, BATCHES_IN_FLIGHT, createRandomlyKeyed] as const),
      ),
    },
    measure,
  );
  const raw = await openRawSummary(stage.databaseUri('kernel'), long.tenantId, entries);
  context.lifetime.add(() => raw.close());
  const reads = await measureInterleaved(
    {
      balanceShort: createBalanceReads(`GetBalance, ${SHORT_HISTORY} entries`, short),
      balanceLong: createBalanceReads(`GetBalance, ${entries} entries`, long),
      pageShort: createHistoryReads(`history page, ${SHORT_HISTORY} entries`, short),
      pageLong: createHistoryReads(`history page, ${entries} entries`, long),
    },
    measure,
  );
  const sums = await measureInterleaved(
    {
      summary: createSummaryReads(`GetUsageSummary over ${entries} entries`, long, entries),
      aggregation: raw.workload,
    },
    // One aggregation takes a minute or two over a million entries, so its baseline is a single round.
    { ...measure, rounds: 1 },
  );
  const compare = (subject: Measurement, baseline: Measurement, ratioAtLeast: number): Row => ({
    kind: 'comparison',
    subject,
    baseline,
    ratioAtLeast,
  });
  return {
    rows: [
      compare(writes.unaryLong, writes.unaryNone, 0.95),
      compare(writes.batchLong, writes.batchNone, 0.95),
      compare(writes.batchRandom, writes.batchRandomNone, 0.7),
      compare(reads.balanceLong, reads.balanceShort, READ_RATIO),
      compare(reads.pageLong, reads.pageShort, READ_RATIO),
      compare(sums.summary, sums.aggregation, 100),
    ],
    measurements: [...toList(writes), ...toList(reads), ...toList(sums)],
  };
}

async function fill(
  { measure }: PartContext,
  target: DebitTarget,
  entries: number,
  toRequest: typeof createDebitRequest,
): Promise<void> {
  measure.note(`Writing a history of ${entries} entries`);
  const { call } = createBatchDebits('fill', target, BATCH_ITEMS, BATCHES_IN_FLIGHT, toRequest);
  let left = entries / BATCH_ITEMS;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await call(left);
    }
  };
  await Promise.all(Array.from({ length: BATCHES_IN_FLIGHT }, work));
}

/** A debit whose request id tells nothing of its time, as callers make them who do not heed the advice. */
function createRandomlyKeyed(tenantId: string): ReturnType<typeof createDebitRequest> {
  return { ...createDebitRequest(tenantId), requestId: randomUUID() };
}
