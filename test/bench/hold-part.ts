// Owns the parts about streams and holds of one hot tenant.

import { v7 as newUuid } from 'uuid';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { measureInterleaved } from './measurement.ts';
import { bestIncrement, firstKernel, IN_FLIGHT_MANY, type PartContext, toList } from './part-context.ts';
import { runRound } from './round.ts';
import type { PartResult } from './row.ts';
import type { Stage } from './stage.ts';
import { openBareCommits } from './workload/bare-commit.ts';
import { createUnaryDebits, type DebitTarget } from './workload/debit.ts';
import { createHoldPairs, reserve } from './workload/hold.ts';
import { openDebitStream } from './workload/stream.ts';

const STREAM_IN_FLIGHT = 1_000;
const PER_MESSAGE = 250;
const OPEN_HOLDS = 500;
const OPEN_GRANTS = 200;
const SETUP_IN_FLIGHT = 32;
const DAY_MS = 86_400_000;

/** One stream of debits against `$inc`; and what the engine would do of the same commits if nothing were asked or decided. */
export async function measureStream(context: PartContext): Promise<PartResult> {
  const { stage, lifetime, hotTenantId } = context;
  const [kernel] = stage.kernels;
  if (kernel === undefined) throw new Error('The stage has no kernel.');
  const stream = openDebitStream(kernel.grpc, stage.internalToken);
  lifetime.add(() => Promise.resolve(stream.close()));
  const debits = stream.workload('stream of debits, one hot tenant', hotTenantId, STREAM_IN_FLIGHT);
  const increment = await bestIncrement(context, 1);
  // So that there are full commits.
  await runRound(debits, context.measure.roundMs);
  const bare = await openBareCommits({
    kernelUri: stage.databaseUri('kernel'),
    scratchUri: stage.databaseUri('bare'),
    tenantId: hotTenantId,
  });
  lifetime.add(() => bare.close());
  const name = `stream of debits, up to ${PER_MESSAGE} in a message, one hot tenant`;
  const together = stream.workload(name, hotTenantId, STREAM_IN_FLIGHT, PER_MESSAGE);
  const workloads = { increment, stream: debits, together, bare: bare.workload };
  const measured = await measureInterleaved(workloads, context.measure);
  const { increment: baseline } = measured;
  const subjects = [measured.stream, measured.together, measured.bare];
  return {
    rows: subjects.map((subject) => ({ kind: 'comparison', subject, baseline, ratioAtLeast: 15 })),
    measurements: toList(measured),
  };
}

/** Pairs of reserve and settle against debits; and what many open holds and grants cost a debit by itself. */
export async function measureHolds(context: PartContext): Promise<PartResult> {
  const { stage, measure } = context;
  const client = firstKernel(stage);
  const [pairTenantId = '', plainTenantId = '', crowdedTenantId = ''] = await stage.createTenants(3);
  const crowded = { client, tenantId: crowdedTenantId };
  measure.note(`Opening ${OPEN_GRANTS} grants and ${OPEN_HOLDS} holds`);
  await openGrants(stage, crowdedTenantId);
  await inParallel(OPEN_HOLDS, () => reserve(crowded));
  const measured = await measureInterleaved(
    {
      unary: createUnaryDebits('unary debits, one hot tenant', [{ client, tenantId: pairTenantId }], IN_FLIGHT_MANY),
      pairs: createHoldPairs(
        'Reserve + Settle pairs, one hot tenant',
        { client, tenantId: pairTenantId },
        IN_FLIGHT_MANY,
      ),
      plain: createUnaryDebits('unary debits, one grant, one at a time', [{ client, tenantId: plainTenantId }], 1),
      crowded: createUnaryDebits(
        `unary debits, ${OPEN_GRANTS} grants and ${OPEN_HOLDS} holds open, one at a time`,
        [crowded] satisfies DebitTarget[],
        1,
      ),
    },
    measure,
  );
  return {
    rows: [
      // A pair is two writes: 0.9 of half the rate of debits.
      { kind: 'comparison', subject: measured.pairs, baseline: measured.unary, ratioAtLeast: 0.45 },
      { kind: 'comparison', subject: measured.crowded, baseline: measured.plain, ratioAtLeast: 0.8 },
    ],
    measurements: toList(measured),
  };
}

/** Gives grants that all expire at times of their own, so that none can be taken for another. */
async function openGrants(stage: Stage, tenantId: string): Promise<void> {
  await inParallel(OPEN_GRANTS, (index) =>
    stage.operator.call(LedgerServiceService.grant, {
      requestId: newUuid(),
      tenantId,
      bucket: Bucket.INCLUDED,
      microcredits: 1_000_000_000_000n,
      effectiveTime: undefined,
      expireTime: new Date(Date.now() + DAY_MS + index * 1_000),
      actor: 'bench',
      reason: 'bench',
    }),
  );
}

async function inParallel(count: number, run: (index: number) => Promise<unknown>): Promise<void> {
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      await run(begun);
    }
  };
  await Promise.all(Array.from({ length: SETUP_IN_FLIGHT }, work));
}
