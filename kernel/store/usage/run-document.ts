// Owns the form of a run in MongoDB (collection `usage_runs`): what is needed to count it once, and no more.

import type { RunEnd, RunRecord } from '../../app/usage/ports.ts';
import type { TenantId } from '../../domain/id.ts';

/** A run as MongoDB has it. */
export interface RunDocument {
  /** Tenant, generation and run: two kernels that count the same run meet in it. */
  readonly _id: string;
  readonly tenant_id: TenantId;
  readonly generation: bigint;
  readonly run_id: string;
  readonly first_seq: bigint;
  /** Empty for a run without one. */
  readonly project_id: string;
  /** Empty for a run without one. */
  readonly workflow_id: string;
  /** Absent while nobody has told how it ended. */
  readonly end?: RunEndDocument;
}

interface RunEndDocument {
  readonly seq: bigint;
  readonly status: RunEnd;
}

/** Builds the id of a run. */
export function runDocumentId(tenantId: TenantId, generation: number, runId: string): string {
  return `${tenantId}/${generation}/${runId}`;
}

export function toDocumentRun(tenantId: TenantId, generation: number, run: RunRecord): RunDocument {
  return {
    _id: runDocumentId(tenantId, generation, run.runId),
    tenant_id: tenantId,
    generation: BigInt(generation),
    run_id: run.runId,
    first_seq: BigInt(run.firstSeq),
    project_id: run.projectId,
    workflow_id: run.workflowId,
    ...(run.end === undefined ? {} : { end: toDocumentRunEnd(run.end) }),
  };
}

export function toDocumentRunEnd({ seq, status }: NonNullable<RunRecord['end']>): RunEndDocument {
  return { seq: BigInt(seq), status };
}

export function fromDocumentRun({ run_id, first_seq, project_id, workflow_id, end }: RunDocument): RunRecord {
  return {
    runId: run_id,
    firstSeq: Number(first_seq),
    projectId: project_id,
    workflowId: workflow_id,
    ...(end === undefined ? {} : { end: { seq: Number(end.seq), status: end.status } }),
  };
}
