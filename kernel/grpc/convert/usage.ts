// Owns the translation of questions about usage, and of what answers them.

import type { Hold as HoldMessage } from '../../../gen/wheelhouse/ledger/v1/hold.ts';
import {
  type ExplainEntryRequest,
  type ExplainEntryResponse,
  type GetUsageSummaryRequest,
  type ListUsageDimensionsRequest,
  type ListUsageDimensionsResponse,
  type ReportRunRequest,
  type RunFigures,
  type UsageDimensionValue,
  UsageGroup as UsageGroupMessage,
  type UsageSummaryRow,
} from '../../../gen/wheelhouse/ledger/v1/usage_service.ts';
import type { RunReportInput } from '../../app/ledger/ledger.ts';
import type { RunSum } from '../../app/usage/ports.ts';
import type {
  Explanation,
  UsageDimensions,
  UsageGroup,
  UsageQuery,
  UsageRangeQuestion,
  UsageRow,
  UsageValue,
} from '../../app/usage/usage.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { toProtoBalance, toProtoGrant } from './balance.ts';
import { checkRunStatus } from './debit.ts';
import { toProtoEntry } from './entry.ts';
import { FieldCheck } from './field-check.ts';
import { toProtoHoldAfter, toProtoOpenHold } from './hold-entry.ts';
import type { TenantWrite } from './operator.ts';

const PAGE_SIZE_DEFAULT = 100;

const GROUPS: ReadonlyMap<number, UsageGroup> = new Map([
  [UsageGroupMessage.HOUR, 'hour'],
  [UsageGroupMessage.DAY, 'day'],
  [UsageGroupMessage.ACTION, 'action'],
  [UsageGroupMessage.PROJECT, 'project'],
  [UsageGroupMessage.WORKFLOW, 'workflow'],
]);

/**
 * Checks a question for sums of usage. Throws DomainError INVALID_FIELD.
 * @param projectIds Are the projects that the caller may see; undefined where that is all.
 */
export function fromProtoUsageSummary(
  request: GetUsageSummaryRequest,
  projectIds: ReadonlySet<string> | undefined,
): { readonly tenantId: TenantId; readonly query: UsageQuery } {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  const query = {
    ...checkQuestion(check, request, projectIds),
    groups: checkGroups(check, request.groups),
    pageSize: check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT),
    pageToken: check.pageToken(request.pageToken),
  };
  check.assertValid();
  return { tenantId, query };
}

/** Checks a question what usage was for, as {@link fromProtoUsageSummary}. Throws DomainError INVALID_FIELD. */
export function fromProtoUsageDimensions(
  request: ListUsageDimensionsRequest,
  projectIds: ReadonlySet<string> | undefined,
): { readonly tenantId: TenantId; readonly question: UsageRangeQuestion } {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  const question = checkQuestion(check, request, projectIds);
  check.assertValid();
  return { tenantId, question };
}

/** Checks a report of a run. Throws DomainError INVALID_FIELD. */
export function fromProtoReportRun(request: ReportRunRequest): TenantWrite<RunReportInput> {
  const check = new FieldCheck();
  const requestId = check.requestId(request.requestId);
  const tenantId = check.tenantId(request.tenantId);
  const runStatus = checkRunStatus(check, request.runStatus);
  const input = {
    runId: check.id('run_id', request.runId, true),
    runStatus: runStatus ?? 'running',
    ...present({
      projectId: check.optionalId('project_id', request.projectId),
      workflowId: check.optionalId('workflow_id', request.workflowId),
    }),
  } as const;
  check.assertValid();
  return { requestId, tenantId, input };
}

function checkQuestion(
  check: FieldCheck,
  request: ListUsageDimensionsRequest,
  projectIds: ReadonlySet<string> | undefined,
): UsageRangeQuestion {
  return {
    ...checkRange(check, request),
    filter: present({
      action: check.optionalId('action', request.action),
      projectId: check.optionalId('project_id', request.projectId),
      workflowId: check.optionalId('workflow_id', request.workflowId),
      projectIds,
    }),
  };
}

function checkRange(
  check: FieldCheck,
  { startTime, endTime }: Pick<GetUsageSummaryRequest, 'startTime' | 'endTime'>,
): { readonly startAt: Instant; readonly endAt: Instant } {
  const startAt = checkTime(check, 'start_time', startTime);
  const endAt = checkTime(check, 'end_time', endTime);
  if (startAt !== undefined && endAt !== undefined && endAt <= startAt) {
    check.refuse('end_time', 'must lie after start_time');
  }
  return { startAt: startAt ?? 0, endAt: endAt ?? 0 };
}

function checkTime(check: FieldCheck, field: string, value: Date | undefined): Instant | undefined {
  if (value === undefined) check.refuse(field, 'is required');
  return check.instant(field, value);
}

function checkGroups(check: FieldCheck, values: readonly number[]): ReadonlySet<UsageGroup> {
  const groups = new Set<UsageGroup>();
  for (const [index, value] of values.entries()) {
    const group = GROUPS.get(value);
    if (group === undefined) check.refuse(`groups[${index}]`, `is not a group, got ${value}`);
    else groups.add(group);
  }
  if (groups.has('hour') && groups.has('day')) check.refuse('groups', 'must not hold both HOUR and DAY');
  return groups;
}

export function toProtoUsageRow(row: UsageRow): UsageSummaryRow {
  return {
    startTime: row.startAt === undefined ? undefined : new Date(row.startAt),
    action: row.action,
    projectId: row.projectId,
    workflowId: row.workflowId,
    debitCount: row.debitCount,
    quantity: row.quantity ?? '',
    costMicrocredits: row.cost,
    runs: row.runs === undefined ? undefined : toProtoRuns(row.runs),
  };
}

function toProtoRuns({ begun, steps, succeeded, failed, canceled }: RunSum): RunFigures {
  return {
    runCount: begun,
    stepCount: steps,
    succeededCount: succeeded,
    failedCount: failed,
    canceledCount: canceled,
  };
}

export function toProtoUsageDimensions(dimensions: UsageDimensions): ListUsageDimensionsResponse {
  return {
    actions: dimensions.actions.map(toProtoValue),
    projects: dimensions.projects.map(toProtoValue),
    workflows: dimensions.workflows.map(toProtoValue),
    dimensions: dimensions.free.map(({ name, values }) => ({ name, values: values.map(toProtoValue) })),
    truncated: dimensions.isTruncated,
    dimensionsStartTime: new Date(dimensions.freeSince),
  };
}

function toProtoValue({ value, debitCount, cost }: UsageValue): UsageDimensionValue {
  return { value, debitCount, costMicrocredits: cost };
}

/** Checks a request to explain an entry. Throws DomainError INVALID_FIELD. */
export function fromProtoExplainEntry(request: ExplainEntryRequest): {
  readonly tenantId: TenantId;
  readonly entryId: string;
} {
  const check = new FieldCheck();
  // Whether it is the id of an entry only the history can tell.
  const query = { tenantId: check.tenantId(request.tenantId), entryId: check.id('entry_id', request.entryId, true) };
  check.assertValid();
  return query;
}

export function toProtoExplanation(tenantId: TenantId, explanation: Explanation): ExplainEntryResponse {
  const { posted, commitId, commitHash, before, grants, sentence } = explanation;
  return {
    entry: toProtoEntry(posted),
    balanceBefore: toProtoBalance(before),
    grants: grants.map(toProtoGrant),
    hold: toProtoHoldBehind(tenantId, explanation),
    commitId,
    commitHash: Buffer.from(commitHash).toString('hex'),
    summary: sentence,
  };
}

/** The hold as it was before the entry; where there was none that was open, what the entry says of it. */
function toProtoHoldBehind(tenantId: TenantId, { posted, holdBefore }: Explanation): HoldMessage | undefined {
  if (holdBefore !== undefined) return toProtoOpenHold(tenantId, holdBefore);
  return 'holdId' in posted.entry ? toProtoHoldAfter(tenantId, posted.entry) : undefined;
}
