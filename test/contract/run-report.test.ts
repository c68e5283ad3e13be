// What analytics shows: runs, each counted once whoever reports it, and what usage was for; and to whom it is shown. How sums come to
// be is proven in test/domain/usage-summary.test.ts, over histories with runs.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KernelClient } from '../../dev/kernel-client.ts';
import { EntryType, RunStatus } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import {
  LedgerAuditServiceService,
  RedactEntryRequest,
  ReverseEntryRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import {
  GetUsageSummaryRequest,
  type GetUsageSummaryResponse,
  ListUsageDimensionsRequest,
  type ListUsageDimensionsResponse,
  ReportRunRequest,
  type ReportRunResponse,
  UsageGroup,
  UsageServiceService,
} from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { SMALL_COMMITS } from '../../kernel/worker/rollup-worker.ts';
import { REPOSITORY } from '../support/repository.ts';
import { ACTION, admitPeople, type Callers, CREDIT, callersOf, OPERATOR, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type HoldCalls, holdCallsOf } from './support/hold.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';

const DAY_MS = 86_400_000;
const OTHER_ACTION = 'memory_extract_bulk';

let kernel: KernelFixture;
let callers: Callers;
let holds: HoldCalls;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  holds = holdCallsOf(callers);
});
afterAll(() => kernel.close());

type Settings = Parameters<KernelClient['call']>[2];

const rangeNow = () => ({ startTime: new Date(Date.now() - DAY_MS), endTime: new Date(Date.now() + DAY_MS) });

function summarize(
  tenantId: string,
  fields: Partial<GetUsageSummaryRequest> = {},
  client: KernelClient = callers.internal,
  settings: Settings = {},
): Promise<GetUsageSummaryResponse> {
  const request = GetUsageSummaryRequest.fromPartial({ tenantId, ...rangeNow(), ...fields });
  return client.call(UsageServiceService.getUsageSummary, request, settings);
}

function listDimensions(
  tenantId: string,
  fields: Partial<ListUsageDimensionsRequest> = {},
  client: KernelClient = callers.internal,
  settings: Settings = {},
): Promise<ListUsageDimensionsResponse> {
  const request = ListUsageDimensionsRequest.fromPartial({ tenantId, ...rangeNow(), ...fields });
  return client.call(UsageServiceService.listUsageDimensions, request, settings);
}

function report(tenantId: string, fields: Partial<ReportRunRequest> = {}): Promise<ReportRunResponse> {
  const run = { runId: 'run_1', runStatus: RunStatus.RUNNING };
  const request = ReportRunRequest.fromPartial({ requestId: newRequestId(), tenantId, ...run, ...fields });
  return callers.internal.call(UsageServiceService.reportRun, request);
}

/** What a row says of runs: begun, steps, ended well, in an error, stopped. */
const runsOf = ({ rows }: GetUsageSummaryResponse): readonly (readonly number[] | undefined)[] =>
  rows.map(({ runs }) =>
    runs === undefined
      ? undefined
      : [runs.runCount, runs.stepCount, runs.succeededCount, runs.failedCount, runs.canceledCount].map(Number),
  );

describe('a run', () => {
  test('counts once, by debits, parts of holds and reports alike, and ends as was told first', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    await callers.debit(tenantId, { runId: 'run_a', runStatus: RunStatus.RUNNING, workflowId: 'wf' });
    await callers.debit(tenantId, { runId: 'run_a', action: OTHER_ACTION });
    await callers.debit(tenantId, { runId: 'run_a', runStatus: RunStatus.FAILED });
    await report(tenantId, { runId: 'run_a', runStatus: RunStatus.FAILED });
    await report(tenantId, { runId: 'run_a', runStatus: RunStatus.SUCCEEDED });
    await report(tenantId, { runId: 'run_b', runStatus: RunStatus.SUCCEEDED, workflowId: 'wf' });
    const hold = await holds.hold(tenantId, '5', { runId: 'run_c' });
    expect(runsOf(await summarize(tenantId))).toEqual([[2, 3, 1, 1, 0]]);
    await holds.settle(hold, { quantity: '3', final: true, runStatus: RunStatus.CANCELED });
    await callers.debit(tenantId);
    expect(runsOf(await summarize(tenantId))).toEqual([[3, 4, 1, 1, 1]]);
    // Where it was named first: its second debit named no workflow.
    const byWorkflow = await summarize(tenantId, { groups: [UsageGroup.WORKFLOW] });
    expect(byWorkflow.rows.map(({ workflowId }) => workflowId)).toEqual(['', 'wf']);
    expect(runsOf(byWorkflow)).toEqual([
      [1, 3, 0, 0, 1],
      [2, 1, 1, 1, 0],
    ]);
    expect(runsOf(await summarize(tenantId, { groups: [UsageGroup.DAY], workflowId: 'wf' }))).toEqual([
      [2, 1, 1, 1, 0],
    ]);
  });

  test('is part of no sum that is about single actions', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    await callers.debit(tenantId, { runId: 'run_a' });
    await report(tenantId, { runId: 'run_b' });
    const byAction = await summarize(tenantId, { groups: [UsageGroup.ACTION] });
    expect(byAction.rows).toMatchObject([{ action: ACTION, debitCount: 1n, runs: undefined }]);
    expect(runsOf(await summarize(tenantId, { action: ACTION }))).toEqual([undefined]);
  });

  test('stays when its charge is undone: the work was done', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    const { entry } = await callers.debit(tenantId, { runId: 'run_a', runStatus: RunStatus.SUCCEEDED });
    const request = { requestId: newRequestId(), tenantId, entryId: entry?.entryId ?? '', ...OPERATOR };
    await callers.sysadmin.call(LedgerAuditServiceService.reverseEntry, ReverseEntryRequest.fromPartial(request));
    const { rows } = await summarize(tenantId);
    expect(rows).toMatchObject([{ debitCount: 0n, costMicrocredits: 0n, quantity: '' }]);
    expect(runsOf({ rows, nextPageToken: '' })).toEqual([[1, 1, 1, 0, 0]]);
  });

  test('is counted the same when it was projected, and when it was counted anew', async () => {
    const tenantId = await callers.openTenant(1_000n * CREDIT);
    for (let index = 0; index < SMALL_COMMITS + 3; index += 1) {
      const runStatus = index % 3 === 0 ? RunStatus.FAILED : RunStatus.RUNNING;
      await callers.debit(tenantId, { quantity: '0.1', runId: `run_${index % 40}`, runStatus });
    }
    const counted = [[40, SMALL_COMMITS + 3, 0, 40, 0]];
    expect(runsOf(await summarize(tenantId))).toEqual(counted);
    const environment = { PATH: process.env['PATH'] ?? '', MONGODB_URI: kernel.mongodbUri };
    const program = ['kernel/cli/main.ts', 'rebuild-usage', '--tenant', tenantId];
    await promisify(execFile)(process.execPath, program, { cwd: REPOSITORY, env: environment });
    expect(runsOf(await summarize(tenantId))).toEqual(counted);
  });
});

describe('ReportRun', () => {
  test('records once what a request says, without any charge', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    const fields = { requestId: newRequestId(), runStatus: RunStatus.FAILED, projectId: 'prj_a', workflowId: 'wf' };
    const first = await report(tenantId, fields);
    expect(first.entry).toMatchObject({
      type: EntryType.RUN_REPORTED,
      requestId: fields.requestId,
      detail: { value: { runId: 'run_1', runStatus: RunStatus.FAILED, projectId: 'prj_a', workflowId: 'wf' } },
      balanceAfter: { availableMicrocredits: CREDIT },
    });
    const again = await report(tenantId, fields);
    expect([again.replayed, again.entry?.entryId]).toEqual([true, first.entry?.entryId]);
    const other = await failureOf(report(tenantId, { ...fields, runStatus: RunStatus.CANCELED }));
    expect(other).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
    expect(await callers.availableOf(tenantId)).toBe(CREDIT);
  });

  test('wants a run and a status, and is for services alone', async () => {
    const tenantId = await callers.openTenant();
    const failure = await failureOf(report(tenantId, { runId: '', runStatus: RunStatus.UNSPECIFIED }));
    expect(Object.keys(failure.violations ?? {}).sort()).toEqual(['run_id', 'run_status']);
    const request = ReportRunRequest.fromPartial({ requestId: newRequestId(), tenantId, runId: 'r', runStatus: 1 });
    for (const client of [callers.sysadmin, callers.bff]) {
      const denied = await failureOf(client.call(UsageServiceService.reportRun, request));
      expect(denied).toMatchObject({ reason: 'SCOPE_DENIED' });
    }
  });
});

describe('ListUsageDimensions', () => {
  test('tells actions, projects, workflows and free dimensions with their totals, and nothing of what was undone or redacted', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    const of = (region: string, more: Record<string, string> = {}) => new Map(Object.entries({ region, ...more }));
    await callers.debit(tenantId, { projectId: 'prj_a', workflowId: 'wf', dimensions: of('eu', { model: 'x' }) });
    await callers.debit(tenantId, { projectId: 'prj_a', quantity: '2', dimensions: of('eu') });
    await callers.debit(tenantId, { action: OTHER_ACTION, quantity: '0.5', dimensions: of('us') });
    const undone = await callers.debit(tenantId, { dimensions: of('undone') });
    const redacted = await callers.debit(tenantId, { quantity: '3', dimensions: of('Ada Lovelace') });
    const about = ({ entry }: typeof undone) => ({
      ...{ requestId: newRequestId(), tenantId, entryId: entry?.entryId ?? '' },
      ...OPERATOR,
    });
    const { reverseEntry, redactEntry } = LedgerAuditServiceService;
    await callers.sysadmin.call(reverseEntry, ReverseEntryRequest.fromPartial(about(undone)));
    await callers.sysadmin.call(redactEntry, RedactEntryRequest.fromPartial(about(redacted)));

    const range = rangeNow();
    const answer = await listDimensions(tenantId, range);
    const half = answer.actions.find(({ value }) => value === OTHER_ACTION)?.costMicrocredits ?? 0n;
    expect(answer).toEqual({
      actions: [
        { value: OTHER_ACTION, debitCount: 1n, costMicrocredits: half },
        { value: ACTION, debitCount: 3n, costMicrocredits: 6n * CREDIT },
      ],
      projects: [
        { value: '', debitCount: 2n, costMicrocredits: 3n * CREDIT + half },
        { value: 'prj_a', debitCount: 2n, costMicrocredits: 3n * CREDIT },
      ],
      workflows: [
        { value: '', debitCount: 3n, costMicrocredits: 5n * CREDIT + half },
        { value: 'wf', debitCount: 1n, costMicrocredits: CREDIT },
      ],
      dimensions: [
        { name: 'model', values: [{ value: 'x', debitCount: 1n, costMicrocredits: CREDIT }] },
        {
          name: 'region',
          values: [
            { value: 'eu', debitCount: 2n, costMicrocredits: 3n * CREDIT },
            { value: 'us', debitCount: 1n, costMicrocredits: half },
          ],
        },
      ],
      truncated: false,
      dimensionsStartTime: range.startTime,
    });
    const filtered = await listDimensions(tenantId, { action: OTHER_ACTION });
    expect(filtered.dimensions).toMatchObject([{ name: 'region', values: [{ value: 'us' }] }]);
    const before = { startTime: new Date(Date.now() - 2 * DAY_MS), endTime: new Date(Date.now() - DAY_MS) };
    expect(await listDimensions(tenantId, before)).toMatchObject({ actions: [], dimensions: [] });
  });

  test('looks at so much, newest first, and says how far back it looked', async () => {
    const tenantId = await callers.openTenant(1_000n * CREDIT);
    // As many values as one answer has room for, and one commit more than is read in one go.
    const dimensionsOf = (index: number) =>
      new Map(Array.from({ length: 16 }, (_, name) => [`d${name}`, `v${index}`] as const));
    for (let index = 0; index < 192; index += 1) {
      await callers.debit(tenantId, { quantity: '0.1', dimensions: dimensionsOf(index) });
    }
    const range = rangeNow();
    const { dimensions, dimensionsStartTime, actions } = await listDimensions(tenantId, range);
    expect(actions).toMatchObject([{ debitCount: 192n }]);
    expect(Number(dimensionsStartTime)).toBeGreaterThan(Number(range.startTime));
    const since = await summarize(tenantId, { ...range, startTime: dimensionsStartTime });
    const told = dimensions.map(({ values }) => values.length);
    // All of one time or none of it: what is told is at least what lies in the range that is named.
    expect(Math.min(...told)).toBeGreaterThanOrEqual(Number(since.rows[0]?.debitCount));
    expect(dimensions[0]?.values.map(({ value }) => value)).toContain('v191');
  });
});

describe('a person', () => {
  test('sees the usage of the projects in which they have a role, an administrator all of it', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    const projectId = await admitPeople(callers, tenantId);
    const dimensions = (region: string) => new Map([['region', region]]);
    await callers.debit(tenantId, { projectId, runId: 'run_a', dimensions: dimensions('mine') });
    await callers.debit(tenantId, { projectId: 'prj_other', runId: 'run_b', dimensions: dimensions('theirs') });
    await callers.debit(tenantId, { runId: 'run_c' });
    const groups = [UsageGroup.PROJECT];
    for (const role of ['project_viewer', 'project_contributor']) {
      const person = personIn(tenantId, role);
      const rows = (await summarize(tenantId, { groups }, callers.bff, person)).rows;
      expect(rows).toMatchObject([{ projectId, debitCount: 1n, runs: { runCount: 1n } }]);
      const forbidden = await summarize(tenantId, { projectId: 'prj_other' }, callers.bff, person);
      expect(forbidden.rows).toEqual([]);
      const listed = await listDimensions(tenantId, {}, callers.bff, person);
      expect(listed.projects.map(({ value }) => value)).toEqual([projectId]);
      expect(listed.dimensions).toMatchObject([{ name: 'region', values: [{ value: 'mine', debitCount: 1n }] }]);
    }
    const admin = personIn(tenantId, 'tenant_admin');
    expect((await summarize(tenantId, { groups }, callers.bff, admin)).rows).toHaveLength(3);
    expect((await listDimensions(tenantId, {}, callers.bff, admin)).dimensions).toMatchObject([
      { values: [{ value: 'mine' }, { value: 'theirs' }] },
    ]);
  });
});
