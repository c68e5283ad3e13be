// Owns the parts of the bench: which workloads stand against each other, and which rows of the table they give, with the
// figures that they are to reach. Nothing asserts them: the table says ok or below.

import { rankByRendezvous } from '../../clients/grpc/rendezvous.ts';
import { toMessage } from '../../dev/stack-error.ts';
import { measureFootprint } from './footprint-part.ts';
import { measureHistory } from './history-part.ts';
import { measureHolds, measureStream } from './hold-part.ts';
import { findBestInFlight, measureInterleaved } from './measurement.ts';
import { measureNeighbour } from './neighbour-part.ts';
import {
  BATCH_ITEMS,
  BATCHES_IN_FLIGHT,
  bestIncrement,
  CALIBRATION_SHARE,
  firstKernel,
  IN_FLIGHT_MANY,
  MANY_TENANTS,
  type PartContext,
  toList,
} from './part-context.ts';
import { measureRest } from './rest-part.ts';
import type { PartResult, Row } from './row.ts';
import type { Stage } from './stage.ts';
import { measureSync, measureWebhooks } from './stripe-part.ts';
import { createBatchDebits, createUnaryDebits, type DebitTarget } from './workload/debit.ts';
import { openMediciTarget } from './workload/medici.ts';
import type { Workload } from './workload.ts';

const KERNEL_COUNT = 3;
const REQUEST_TIME_MAX_MS = 5_000;
const MEDICI_CANDIDATES = [1, 4, 16];

/** Are all parts in the order in which they run; `--only` chooses some. */
export const PARTS = {
  hot: measureHot,
  single: measureSingle,
  tenants: measureTenants,
  kernels: measureKernels,
  stream: measureStream,
  holds: measureHolds,
  history: measureHistory,
  footprint: measureFootprint,
  rest: measureRest,
  neighbour: measureNeighbour,
  webhooks: measureWebhooks,
  sync: measureSync,
} as const;

export type PartName = keyof typeof PARTS;

/** One hot tenant: unary and batch, against `$inc`, an empty call and medici. */
async function measureHot(context: PartContext): Promise<PartResult> {
  const { stage, hotTenantId } = context;
  const kernel = firstKernel(stage);
  const target: DebitTarget = { client: kernel, tenantId: hotTenantId };
  const empty: DebitTarget = { client: await stage.startEmptyServer(hotTenantId), tenantId: hotTenantId };
  const medici = await openMedici(context);
  const measured = await measureInterleaved(
    {
      increment: await bestIncrement(context, 1),
      // For comparison only: the rows take it at its best.
      incrementMany: context.increments.workload(1, IN_FLIGHT_MANY),
      empty: createUnaryDebits('empty grpc-js unary call', [empty], IN_FLIGHT_MANY),
      unary: createUnaryDebits('unary debits, one hot tenant', [target], IN_FLIGHT_MANY),
      batch: createBatchDebits(
        `BatchDebit (${BATCH_ITEMS} items), one hot tenant`,
        target,
        BATCH_ITEMS,
        BATCHES_IN_FLIGHT,
      ),
      medici: medici.workload,
    },
    context.measure,
  );
  const { increment, empty: emptyCall, unary, batch, medici: mediciDebits } = measured;
  const rows: Row[] = [
    { kind: 'comparison', subject: unary, baseline: increment, ratioAtLeast: 4 },
    { kind: 'comparison', subject: unary, baseline: emptyCall, ratioAtLeast: 0.8 },
    { kind: 'comparison', subject: batch, baseline: increment, ratioAtLeast: 15 },
    mediciDebits === undefined
      ? { kind: 'missing', name: `${batch.name}, against medici`, why: medici.why }
      : { kind: 'comparison', subject: batch, baseline: mediciDebits, ratioAtLeast: 150 },
    { kind: 'commands', subject: unary, commandsAtMost: 0.02 },
  ];
  return { rows, measurements: toList(measured) };
}

/** One call at a time: what a debit costs when nothing can be shared. */
async function measureSingle(context: PartContext): Promise<PartResult> {
  const { stage, hotTenantId, increments } = context;
  const target: DebitTarget = { client: firstKernel(stage), tenantId: hotTenantId };
  const measured = await measureInterleaved(
    {
      increment: increments.workload(1, 1),
      unary: createUnaryDebits('unary debits, one at a time', [target], 1),
    },
    context.measure,
  );
  return {
    rows: [{ kind: 'commands', subject: measured.unary, commandsAtMost: 1.1 }],
    measurements: toList(measured),
  };
}

/** Many tenants: what grouping across tenants gives. */
async function measureTenants(context: PartContext): Promise<PartResult> {
  const tenantIds = context.manyTenantIds;
  const client = firstKernel(context.stage);
  const targets = tenantIds.map((tenantId): DebitTarget => ({ client, tenantId }));
  const measured = await measureInterleaved(
    {
      increment: await bestIncrement(context, tenantIds.length),
      unary: createUnaryDebits(`unary debits over ${tenantIds.length} tenants`, targets, IN_FLIGHT_MANY),
    },
    context.measure,
  );
  return {
    rows: [{ kind: 'comparison', subject: measured.unary, baseline: measured.increment, ratioAtLeast: 3 }],
    measurements: toList(measured),
  };
}

/** Several kernels on one database: without routing on one tenant, and routed by tenant. */
async function measureKernels(context: PartContext): Promise<PartResult> {
  const { stage, hotTenantId, manyTenantIds } = context;
  const client = firstKernel(stage);
  while (stage.kernels.length < KERNEL_COUNT) await stage.addKernel();
  const everyKernel = stage.kernels.map(
    (kernel): DebitTarget => ({
      client: kernel.client,
      tenantId: context.sharedHotTenantId,
    }),
  );
  const measured = await measureInterleaved(
    {
      hotOne: createUnaryDebits('one kernel, one hot tenant', [{ client, tenantId: hotTenantId }], IN_FLIGHT_MANY),
      hotThree: createUnaryDebits(`${KERNEL_COUNT} kernels, unrouted, one hot tenant`, everyKernel, IN_FLIGHT_MANY),
      manyOne: createUnaryDebits(
        `one kernel, ${MANY_TENANTS} tenants`,
        manyTenantIds.map((tenantId) => ({ client, tenantId })),
        IN_FLIGHT_MANY,
      ),
      manyThree: createUnaryDebits(
        `${KERNEL_COUNT} kernels, routed by tenant, ${MANY_TENANTS} tenants`,
        routeByTenant(stage, context.routedTenantIds),
        IN_FLIGHT_MANY,
      ),
    },
    context.measure,
  );
  const { hotOne, hotThree, manyOne, manyThree } = measured;
  return {
    rows: [
      {
        kind: 'comparison',
        subject: hotThree,
        baseline: hotOne,
        ratioAtLeast: 0.5,
        slowestAtMostMs: REQUEST_TIME_MAX_MS,
      },
      { kind: 'comparison', subject: manyThree, baseline: manyOne, ratioAtLeast: 1 },
    ],
    measurements: toList(measured),
  };
}

/** Sends each tenant's debits to the kernel that a BFF would ask first. */
function routeByTenant(stage: Stage, tenantIds: readonly string[]): readonly DebitTarget[] {
  const clients = new Map(stage.kernels.map(({ grpc, client }) => [grpc, client]));
  const addresses = [...clients.keys()];
  return tenantIds.flatMap((tenantId) => {
    const client = clients.get(rankByRendezvous(addresses, tenantId)[0] ?? '');
    return client === undefined ? [] : [{ client, tenantId }];
  });
}

/** Medici needs sessions over several documents, which not every engine has; then `why` says what went wrong. */
async function openMedici(
  context: PartContext,
): Promise<{ readonly workload: Workload | undefined; readonly why: string }> {
  const { stage, lifetime, measure } = context;
  measure.note('Finding how many medici debits in flight do most');
  try {
    const medici = await openMediciTarget(stage.databaseUri('medici'));
    lifetime.add(() => medici.close());
    const toWorkload = (inFlight: number): Workload => medici.workload(inFlight);
    const inFlight = await findBestInFlight(MEDICI_CANDIDATES, toWorkload, measure.roundMs * CALIBRATION_SHARE);
    return { workload: toWorkload(inFlight), why: '' };
  } catch (error) {
    return { workload: undefined, why: toMessage(error) };
  }
}
