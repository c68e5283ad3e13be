// Owns what the parts of the bench share: the stage, tenants of their own, the baseline of raw increments.

import type { Lifetime } from '../../dev/lifetime.ts';
import { findBestInFlight, type Measurement, type MeasureOptions } from './measurement.ts';
import type { Stage } from './stage.ts';
import type { DebitTarget } from './workload/debit.ts';
import { type IncrementTarget, openIncrementTarget } from './workload/increment.ts';
import type { Workload } from './workload.ts';

export const MANY_TENANTS = 1_000;
export const IN_FLIGHT_MANY = 512;
export const BATCH_ITEMS = 1_000;
/** While one batch is committed, the next arrives and the one before leaves. */
export const BATCHES_IN_FLIGHT = 3;
const INCREMENT_CANDIDATES = [2, 8, 32, 100];
export const CALIBRATION_SHARE = 0.4;

/** Says how to measure, and how long the long history is. */
export interface BenchMeasure extends MeasureOptions {
  readonly historyEntries: number;
}

/** Is what all parts work with. */
export interface PartContext {
  readonly stage: Stage;
  readonly lifetime: Lifetime;
  readonly measure: BenchMeasure;
  readonly increments: IncrementTarget;
  /** Are tenants that only the first kernel works for. */
  readonly hotTenantId: string;
  readonly manyTenantIds: readonly string[];
  /** Are tenants of their own for several kernels: what others wrote must not disturb the rounds of one kernel. */
  readonly sharedHotTenantId: string;
  readonly routedTenantIds: readonly string[];
}

/** Prepares what the parts share. */
export async function createPartContext(stage: Stage, lifetime: Lifetime, measure: BenchMeasure): Promise<PartContext> {
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

/** Finds how many increments in flight do most, and answers the workload of so many. */
export async function bestIncrement({ increments, measure }: PartContext, documents: number): Promise<Workload> {
  measure.note(`Finding how many \`$inc\` in flight do most over ${documents} documents`);
  const toWorkload = (inFlight: number): Workload => increments.workload(documents, inFlight);
  return toWorkload(await findBestInFlight(INCREMENT_CANDIDATES, toWorkload, measure.roundMs * CALIBRATION_SHARE));
}

/** Leaves out what could not be measured. */
export function toList(measured: Readonly<Record<string, Measurement | undefined>>): readonly Measurement[] {
  return Object.values(measured).filter((measurement) => measurement !== undefined);
}

/** The kernel that every part may use. */
export function firstKernel({ kernels: [first] }: Stage): DebitTarget['client'] {
  if (first === undefined) throw new Error('The stage has no kernel.');
  return first.client;
}
