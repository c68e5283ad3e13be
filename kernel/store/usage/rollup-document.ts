// Owns the form of a rollup in MongoDB (collection `usage_rollups`). Sums are integers as texts: they can be larger than an
// int64, and no float may touch them.

import { createHash } from 'node:crypto';
import type { Rollup, RollupKey, RollupLevel, RunSum } from '../../app/usage/ports.ts';
import type { TenantId } from '../../domain/id.ts';

/** A rollup as MongoDB has it. */
export interface RollupDocument {
  /** Tenant, generation, level, start and a digest of the rest: two kernels that make the same rollup meet in it. */
  readonly _id: string;
  readonly tenant_id: TenantId;
  readonly generation: bigint;
  readonly level: RollupLevel;
  /** A time for hours and days, a seq for stretches and single commits. */
  readonly start: Date | bigint;
  readonly action: string;
  /** Empty for usage without one. */
  readonly project_id: string;
  /** Empty for usage without one. */
  readonly workflow_id: string;
  readonly debit_count: string;
  readonly quantity_millionths: string;
  readonly cost_microcredits: string;
  /** Absent where no run is counted. */
  readonly runs?: RunSumDocument;
  readonly applied_seq: bigint;
}

interface RunSumDocument {
  readonly begun: string;
  readonly steps: string;
  readonly succeeded: string;
  readonly failed: string;
  readonly canceled: string;
}

/** The fields that change when a rollup takes in more commits. */
export type RollupFigures = Pick<
  RollupDocument,
  'debit_count' | 'quantity_millionths' | 'cost_microcredits' | 'runs' | 'applied_seq'
>;

/** Builds the id of the one rollup of a key. */
export function rollupId(tenantId: TenantId, generation: number, key: RollupKey): string {
  const subject = JSON.stringify([key.action, key.projectId, key.workflowId]);
  const digest = createHash('sha256').update(subject).digest('base64url');
  return `${tenantId}/${generation}/${key.level}/${key.start}/${digest}`;
}

export function toDocumentRollup(tenantId: TenantId, generation: number, rollup: Rollup): RollupDocument {
  const { key } = rollup;
  return {
    _id: rollupId(tenantId, generation, key),
    tenant_id: tenantId,
    generation: BigInt(generation),
    level: key.level,
    start: toDocumentStart(key.level, key.start),
    action: key.action,
    project_id: key.projectId,
    workflow_id: key.workflowId,
    ...toDocumentFigures(rollup),
  };
}

export function toDocumentStart(level: RollupLevel, start: number): RollupDocument['start'] {
  return level === 'hour' || level === 'day' ? new Date(start) : BigInt(start);
}

export function toDocumentFigures({ sum, appliedSeq }: Rollup): RollupFigures {
  return {
    debit_count: String(sum.debits),
    quantity_millionths: String(sum.millionths),
    cost_microcredits: String(sum.cost),
    ...(sum.runs === undefined ? {} : { runs: toDocumentRuns(sum.runs) }),
    applied_seq: BigInt(appliedSeq),
  };
}

function toDocumentRuns({ begun, steps, succeeded, failed, canceled }: RunSum): RunSumDocument {
  return {
    begun: String(begun),
    steps: String(steps),
    succeeded: String(succeeded),
    failed: String(failed),
    canceled: String(canceled),
  };
}

function fromDocumentRuns({ begun, steps, succeeded, failed, canceled }: RunSumDocument): RunSum {
  return {
    begun: BigInt(begun),
    steps: BigInt(steps),
    succeeded: BigInt(succeeded),
    failed: BigInt(failed),
    canceled: BigInt(canceled),
  };
}

export function fromDocumentRollup(document: RollupDocument): Rollup {
  return {
    key: {
      level: document.level,
      start: Number(document.start),
      action: document.action,
      projectId: document.project_id,
      workflowId: document.workflow_id,
    },
    sum: {
      debits: BigInt(document.debit_count),
      millionths: BigInt(document.quantity_millionths),
      cost: BigInt(document.cost_microcredits),
      ...(document.runs === undefined ? {} : { runs: fromDocumentRuns(document.runs) }),
    },
    appliedSeq: Number(document.applied_seq),
  };
}
