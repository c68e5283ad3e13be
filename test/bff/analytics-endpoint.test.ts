// Usage beyond its list: as CSV, explained, by what it was for, and over time with the runs beside it.

import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { toCsvRow } from '../../bff/csv.ts';
import { PriceRule } from '../../gen/wheelhouse/catalog/v1/action_price.ts';
import { ListPlansResponse } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { Entry, EntryType, RunStatus } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { ListEntriesResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  ExplainEntryResponse,
  GetUsageSummaryResponse,
  ListUsageDimensionsResponse,
  UsageGroup,
} from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { refusal } from './support/kernel-peer.ts';
import { Stage } from './support/stage.ts';

const HISTORY = '/v1/billing/usage-history';
const TIME = new Date('2026-01-02T03:04:05.678Z');
const RANGE = 'start_time=2026-01-01T00:00:00Z&end_time=2026-02-01T00:00:00Z';
const [START, END] = [new Date('2026-01-01T00:00:00Z'), new Date('2026-02-01T00:00:00Z')];

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => stage.kernel.reset());

function debited(entryId: string, fields: { action?: string; dimensions?: Map<string, string> } = {}): Entry {
  return Entry.fromPartial({
    ...{ entryId, tenantId: TENANT_ID, type: EntryType.DEBITED, createTime: TIME, commitSeq: 7n, requestId: 'req-1' },
    detail: {
      $case: 'debit',
      value: {
        ...{ action: 'tick', quantity: '2.5', costMicrocredits: 25n, runId: 'run_1', runStatus: RunStatus.FAILED },
        price: { action: 'tick', microcreditsPerUnit: 10n, unit: 'step', rule: PriceRule.PLAN, effectiveTime: TIME },
        draws: [
          { grantId: 'grt_1', bucket: Bucket.TRIAL, microcredits: 5n },
          { grantId: 'grt_2', bucket: Bucket.PAYG, microcredits: 20n },
        ],
        ...fields,
      },
    },
    balanceAfter: { availableMicrocredits: 100n },
  });
}

const HEADER =
  'entry_id,create_time,action,quantity,unit,microcredits_per_unit,price_rule,cost_microcredits,trial_microcredits,' +
  'included_microcredits,payg_microcredits,deficit_microcredits,already_performed,hold_id,reversed_by_entry_id,' +
  'project_id,workflow_id,run_id,run_status,dimensions,available_after_microcredits';
const rowOf = (entryId: string, action = 'tick', dimensions = ''): string =>
  `${entryId},2026-01-02T03:04:05.678Z,${action},2.5,step,10,plan,25,5,0,20,0,false,,,,,run_1,failed,${dimensions},100`;

describe('usage history as CSV', () => {
  test('is all of it, page by page of the kernel, by parameter or by Accept', async () => {
    stage.kernel.answers.listEntries = ({ pageToken }) =>
      ListEntriesResponse.fromPartial(
        pageToken === ''
          ? { entries: [debited('ent_2')], nextPageToken: 'more' }
          : { entries: [debited('ent_1')], nextPageToken: '' },
      );
    const ways = [[`${HISTORY}?format=csv&action=tick&workflow_id=wf&${RANGE}`], [`${HISTORY}`, 'text/csv']] as const;
    for (const [path, accept] of ways) {
      const answer = await stage.get(path, accept === undefined ? {} : { accept });
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
      expect(answer.headers.get('content-disposition')).toBe('attachment; filename="usage-history.csv"');
      expect(answer.text).toBe(`${[HEADER, rowOf('ent_2'), rowOf('ent_1')].join('\r\n')}\r\n`);
    }
    const filter = { action: 'tick', workflowId: 'wf', startTime: START, endTime: END };
    expect(stage.kernel.calls.map(({ request }) => request)).toMatchObject([
      { tenantId: TENANT_ID, pageSize: 1_000, pageToken: '', filter },
      { pageToken: 'more', filter },
      { pageToken: '', filter: { action: '' } },
      { pageToken: 'more' },
    ]);
  });

  test('quotes what must be, and hands no formula to a spreadsheet', async () => {
    const dimensions = new Map([['note', 'say "hi", please']]);
    stage.kernel.answers.listEntries = () =>
      ListEntriesResponse.fromPartial({
        entries: [
          debited('ent_1', { action: '=HYPERLINK("http://x","y")', dimensions }),
          debited('ent_0', { action: '@a' }),
        ],
      });
    const { text } = await stage.get(`${HISTORY}?format=csv`);
    const [, first, second] = text.split('\r\n');
    const action = `"'=HYPERLINK(""http://x"",""y"")"`;
    expect(first).toBe(rowOf('ent_1', action, '"{""note"":""say \\""hi\\"", please""}"'));
    expect(second).toBe(rowOf('ent_0', "'@a"));
    for (const begin of ['=1+1', '+1', '-1', '@SUM(A1)', ' =1', '\uff1d1', '\t=1']) {
      expect(toCsvRow([{ text: begin }])).toMatch(/^"?'/);
    }
    expect(toCsvRow([{ text: 'a=b' }, -5, null, { text: null }, 'x\ny'])).toBe('a=b,-5,,,"x\ny"\r\n');
  });

  test('is compressed where the client takes it, and an empty one has its names', async () => {
    stage.kernel.answers.listEntries = () =>
      ListEntriesResponse.fromPartial({ entries: Array.from({ length: 100 }, (_, index) => debited(`ent_${index}`)) });
    const zipped = await fetch(`${stage.url}${HISTORY}?format=csv`, {
      headers: {
        authorization: `Bearer ${await stage.issuer.sign()}`,
        ...{ 'x-workspace-id': TENANT_ID, 'accept-encoding': 'gzip' },
      },
    });
    expect(zipped.headers.get('content-encoding')).toBe('gzip');
    expect((await zipped.text()).split('\r\n')).toHaveLength(102);
    stage.kernel.answers.listEntries = () => ListEntriesResponse.fromPartial({});
    expect((await stage.get(`${HISTORY}?format=csv`)).text).toBe(`${HEADER}\r\n`);
  });

  test('has no pages, and what fails before its first row is a problem, later a connection that breaks', async () => {
    const paged = await stage.get(`${HISTORY}?format=csv&page_size=5&page_token=x`);
    expect(paged.problem().errors?.map(({ field }) => field)).toEqual(['page_size', 'page_token']);
    stage.kernel.answers.listEntries = ({ pageToken }) => {
      if (pageToken === '') return ListEntriesResponse.fromPartial({ entries: [debited('ent_1')], nextPageToken: 'x' });
      throw refusal({ code: GrpcStatus.UNAVAILABLE, reason: 'DATABASE_UNAVAILABLE' });
    };
    await expect(stage.get(`${HISTORY}?format=csv`)).rejects.toThrow();
    stage.kernel.answers.listEntries = () => {
      throw refusal({ code: GrpcStatus.UNAVAILABLE, reason: 'DATABASE_UNAVAILABLE' });
    };
    expect((await stage.get(`${HISTORY}?format=csv`)).problem()).toMatchObject({ status: 503 });
  });

  test('holds one page of the kernel while the client takes none', async () => {
    let asked = 0;
    const dimensions = new Map([['text', 'x'.repeat(250)]]);
    const page = Array.from({ length: 1_000 }, (_, index) => debited(`ent_${index}`, { dimensions }));
    stage.kernel.answers.listEntries = () => {
      asked += 1;
      return ListEntriesResponse.fromPartial({ entries: page, nextPageToken: asked < 60 ? 'more' : '' });
    };
    const response = await fetch(`${stage.url}${HISTORY}?format=csv`, {
      headers: {
        authorization: `Bearer ${await stage.issuer.sign()}`,
        ...{ 'x-workspace-id': TENANT_ID, 'accept-encoding': 'identity' },
      },
    });
    const reader = response.body?.getReader();
    await reader?.read();
    // As much as fits between the two: some of some 25 MB.
    const soon = await settledCount(() => asked);
    expect(soon).toBeLessThan(45);
    let bytes = 0;
    for (let part = await reader?.read(); part?.done === false; part = await reader?.read())
      bytes += part.value.byteLength;
    expect([asked, bytes > 20_000_000]).toEqual([60, true]);
  });
});

/** Waits until a count stands still. */
async function settledCount(count: () => number): Promise<number> {
  let before = -1;
  await expect
    .poll(
      () => {
        const isStill = count() === before;
        before = count();
        return isStill;
      },
      { interval: 300, timeout: 10_000 },
    )
    .toBe(true);
  return before;
}

describe('GET /v1/billing/usage-history/{entry_id}', () => {
  test('tells all that stands behind an event', async () => {
    const grant = { source: 'topup', grantedMicrocredits: 50n, remainingMicrocredits: 30n, effectiveTime: TIME };
    stage.kernel.answers.explainEntry = () =>
      ExplainEntryResponse.fromPartial({
        ...{ entry: debited('ent_1'), balanceBefore: { availableMicrocredits: 125n }, summary: 'It cost 25.' },
        grants: [
          { ...grant, grantId: 'grt_1', bucket: Bucket.TRIAL, expireTime: TIME },
          { ...grant, grantId: 'grt_2', bucket: Bucket.PAYG },
        ],
        ...{ commitId: 'cmt_1', commitHash: 'ab12' },
      });
    const answer = await stage.get(`${HISTORY}/ent_1`);
    const told = { source: 'topup', granted_microcredits: 50, remaining_before_microcredits: 30 };
    const time = TIME.toISOString();
    expect(answer.json()).toMatchObject({
      event: { entry_id: 'ent_1', cost_microcredits: 25 },
      ...{ summary: 'It cost 25.', balance_before: { available: 125 }, hold: null, request_id: 'req-1' },
      grants: [
        { ...told, grant_id: 'grt_1', bucket: 'trial', paid_microcredits: 5, effective_time: time, expire_time: time },
        { ...told, grant_id: 'grt_2', bucket: 'payg', paid_microcredits: 20, effective_time: time, expire_time: null },
      ],
      commit: { commit_id: 'cmt_1', commit_seq: 7, hash: 'ab12' },
    });
    expect(stage.kernel.calls[0]?.request).toEqual({ tenantId: TENANT_ID, entryId: 'ent_1' });
  });

  test('knows no entry that is no metered event', async () => {
    stage.kernel.answers.explainEntry = () =>
      ExplainEntryResponse.fromPartial({
        entry: Entry.fromPartial({ entryId: 'ent_1', tenantId: TENANT_ID, detail: { $case: 'adjustment', value: {} } }),
      });
    expect((await stage.get(`${HISTORY}/ent_1`)).problem()).toMatchObject({ status: 404, reason: 'ENTRY_NOT_FOUND' });
  });
});

describe('GET /v1/billing/usage-dimensions', () => {
  test('tells what usage was for, in the range that is meant', async () => {
    stage.kernel.answers.listUsageDimensions = () =>
      ListUsageDimensionsResponse.fromPartial({
        actions: [{ value: 'tick', debitCount: 2n, costMicrocredits: 25n }],
        projects: [{ value: '', debitCount: 2n, costMicrocredits: 25n }],
        dimensions: [{ name: 'region', values: [{ value: 'eu', debitCount: 1n, costMicrocredits: 5n }] }],
        dimensionsStartTime: TIME,
      });
    const answer = await stage.get(`/v1/billing/usage-dimensions?project_id=prj_1&${RANGE}`);
    expect(answer.json()).toEqual({
      ...{ start_time: START.toISOString(), end_time: END.toISOString() },
      actions: [{ value: 'tick', event_count: 2, cost_microcredits: 25 }],
      projects: [{ value: null, event_count: 2, cost_microcredits: 25 }],
      workflows: [],
      dimensions: [{ name: 'region', values: [{ value: 'eu', event_count: 1, cost_microcredits: 5 }] }],
      ...{ dimensions_start_time: TIME.toISOString(), truncated: false },
    });
    expect(stage.kernel.calls[0]?.request).toEqual({
      ...{ tenantId: TENANT_ID, startTime: START, endTime: END, action: '', projectId: 'prj_1', workflowId: '' },
    });
    await stage.get('/v1/billing/usage-dimensions?end_time=2026-02-01T00:00:00Z');
    expect(stage.kernel.calls[1]?.request).toMatchObject({ startTime: new Date('2026-01-02T00:00:00Z'), endTime: END });
    const backward = await stage.get(
      '/v1/billing/usage-dimensions?start_time=2026-02-01T00:00:00Z&end_time=2026-01-01T00:00:00Z',
    );
    expect(backward.problem()).toMatchObject({ status: 400, errors: [{ field: 'end_time' }] });
  });
});

describe('GET /v1/billing/analytics/credits', () => {
  const PATH = '/v1/billing/analytics/credits';

  test('is a series with runs beside credits, whose pages keep the range', async () => {
    const runs = { runCount: 3n, stepCount: 9n, succeededCount: 1n, failedCount: 1n, canceledCount: 0n };
    stage.kernel.answers.getUsageSummary = ({ pageToken }) =>
      GetUsageSummaryResponse.fromPartial({
        rows: [{ startTime: START, projectId: 'prj_1', debitCount: 9n, quantity: '9', costMicrocredits: 90n, runs }],
        nextPageToken: pageToken === '' ? 'more' : '',
      });
    const first = await stage.get(`${PATH}?interval=day&group_by=project,workflow&workflow_id=wf`);
    expect(first.json()).toMatchObject({
      rows: [
        {
          ...{ start_time: START.toISOString(), action: null, project_id: 'prj_1', workflow_id: null },
          ...{ event_count: 9, quantity: '9', cost_microcredits: 90 },
          runs: { run_count: 3, step_count: 9, succeeded_count: 1, failed_count: 1, canceled_count: 0 },
        },
      ],
    });
    const token = String(Object(first.json()).next_page_token);
    const second = await stage.get(`${PATH}?interval=day&group_by=project,workflow&workflow_id=wf&page_token=${token}`);
    expect(second.json()).toMatchObject({ next_page_token: null });
    const [one, other] = stage.kernel.calls.map(({ request }) => Object(request));
    expect(one).toMatchObject({ groups: [UsageGroup.DAY, UsageGroup.PROJECT, UsageGroup.WORKFLOW], workflowId: 'wf' });
    expect(other).toEqual({ ...one, pageToken: 'more' });
    const foreign = await stage.get(`${PATH}?page_token=${token}&${RANGE}`);
    expect(foreign.problem().errors).toMatchObject([{ field: 'page_token' }]);
    expect((await stage.get(`${PATH}?page_token=nonsense`)).problem().errors).toMatchObject([{ field: 'page_token' }]);
  });

  test('has no runs where it is about single actions', async () => {
    stage.kernel.answers.getUsageSummary = () =>
      GetUsageSummaryResponse.fromPartial({ rows: [{ action: 'tick', debitCount: 1n }] });
    expect((await stage.get(`${PATH}?group_by=action`)).json()).toMatchObject({
      rows: [{ action: 'tick', runs: null }],
    });
    expect((await stage.get(`${PATH}?group_by=plan`)).problem().errors).toMatchObject([{ field: 'group_by' }]);
  });
});

test('plans are compressed for who takes it, under a tag of their own', async () => {
  const plans = Array.from({ length: 30 }, (_, index) => ({ productCode: 'agentruntime', planCode: `plan-${index}` }));
  stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({ plans });
  const plain = await stage.get('/v1/billing/plans', { 'accept-encoding': 'identity' });
  const authorization = `Bearer ${await stage.issuer.sign()}`;
  const zipped = await stage.sendRaw(
    `GET /v1/billing/plans HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: gzip\r\nAuthorization: ${authorization}\r\n\r\n`,
  );
  expect([zipped.headers.get('content-encoding'), zipped.headers.get('vary')]).toEqual(['gzip', 'Accept-Encoding']);
  expect(zipped.headers.get('etag')).toBe(`W/${plain.headers.get('etag')}`);
  expect(Number(zipped.headers.get('content-length'))).toBeLessThan(plain.text.length / 2);
});
