// Owns the parts of the bench: which workloads stand against each other, and which rows of the table they give, with the
// figures that they are to reach. Nothing asserts them: the table says ok or below.

import { rankByRendezvous } from '../../bff/rendezvous.ts';
import type { Lifetime } from '../../dev/lifetime.ts';
import { toMessage } from '../../dev/stack-error.ts';
import { findBestInFlight, type Measurement, type MeasureOptions, measureInterleaved } from './measurement.ts';
import type { Stage } from './stage.ts';
import { createBatchDebits, createUnaryDebits, type DebitTarget } from './workload/debit.ts';
import { type IncrementTarget, openIncrementTarget } from './workload/increment.ts';
import { openMediciTarget } from './workload/medici.ts';
import type { Workload } from './workload.ts';

const MANY_TENANTS = 1_000;
const IN_FLIGHT_MANY = 512;
const BATCH_ITEMS = 1_000;
/** While one batch is committed, the next arrives and the one before leaves. */
const BATCHES_IN_FLIGHT = 3;
const KERNEL_COUNT = 3;
const REQUEST_TIME_MAX_MS = 5_000;
const INCREMENT_CANDIDATES = [2, 8, 32, 100];
const MEDICI_CANDIDATES = [1, 4, 16];
const CALIBRATION_SHARE = 0.4;

/** Is a row that compares a workload with a baseline that ran in alternation with it. */
export interface ComparisonRow {
  readonly kind: 'comparison';
  readonly subject: Measurement;
  readonly baseline: Measurement;
  readonly ratioAtLeast: number;
  /** Is how long the slowest request of the subject may take, where the row says something of it. */
  readonly slowestAtMostMs?: number;
}

/** Is a row about how often the database is asked. */
export interface CommandRow {
  readonly kind: 'commands';
  readonly subject: Measurement;
  readonly commandsAtMost: number;
}

/** Is a row that could not be measured, and why. */
export interface MissingRow {
  readonly kind: 'missing';
  readonly name: string;
  readonly why: string;
}

export type Row = ComparisonRow | CommandRow | MissingRow;

/** Is what a part came to. */
export interface PartResult {
  readonly rows: readonly Row[];
  readonly measurements: readonly Measurement[];
}

/** Is what all parts work with. */
export interface PartContext {
  readonly stage: Stage;
  readonly lifetime: Lifetime;
  readonly measure: MeasureOptions;
  readonly increments: IncrementTarget;
  /** Are tenants that only the first kernel works for. */
  readonly hotTenantId: string;
  readonly manyTenantIds: readonly string[];
  /** Are tenants of their own for several kernels: what others wrote must not disturb the rounds of one kernel. */
  readonly sharedHotTenantId: string;
  readonly routedTenantIds: readonly string[];
}

/** Are all parts in the order in which they run; `--only` chooses some. */
export const PARTS = {
  hot: measureHot,
  single: measureSingle,
  tenants: measureTenants,
  kernels: measureKernels,
} as const;

export type PartName = keyof typeof PARTS;

/** Prepares what the parts share. */
export async function createPartContext(
  stage: Stage,
  lifetime: Lifetime,
  measure: MeasureOptions,
): Promise<PartContext> {
  // All at the start: on a filled database some engines answer the first query of a shape by reading everything.
  measure.note(`Creating ${2 * MANY_TENANTS} tenants`);
  const [hotTenantId = '', sharedHotTenantId = '', ...others] = await stage.createTenants(2 + 2 * MANY_TENANTS);
  const increments = await openIncrementTarget(stage.databaseUri('increment'), MANY_TENANTS);
  lifetime.add(() => increments.close());
  const tenants = {
    ...{ hotTenantId, sharedHotTenantId },
    manyTenantIds: others.slice(0, MANY_TENANTS),
    routedTenantIds: others.slice(MANY_TENANTS),
  };
  return { stage, lifetime, measure, increments, ...tenants };
}

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

async function bestIncrement({ increments, measure }: PartContext, documents: number): Promise<Workload> {
  measure.note(`Finding how many \`$inc\` in flight do most over ${documents} documents`);
  const toWorkload = (inFlight: number): Workload => increments.workload(documents, inFlight);
  return toWorkload(await findBestInFlight(INCREMENT_CANDIDATES, toWorkload, measure.roundMs * CALIBRATION_SHARE));
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

function toList(measured: Readonly<Record<string, Measurement | undefined>>): readonly Measurement[] {
  return Object.values(measured).filter((measurement) => measurement !== undefined);
}

function firstKernel({ kernels: [first] }: Stage): DebitTarget['client'] {
  if (first === undefined) throw new Error('The stage has no kernel.');
  return first.client;
}
