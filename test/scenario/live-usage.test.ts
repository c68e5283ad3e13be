// REST over the running system: the balance as it changes while kernels end, usage as people of each role see it, and what clients
// are told while the database is away.

import { v7 as newUuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { RunStatus } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { DebitRequest, GrantRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { ReportRunRequest, UsageServiceService } from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { type DatabaseProxy, type ProxiedConnection, startDatabaseProxy } from '../support/database-proxy.ts';
import { fetchDocumented } from '../support/documented-answer.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const PRODUCT = 'agentruntime';
const CREDIT = 1_000_000n;
const ACTION = 'memory_index_file_mb';

const databaseUri = freshDatabaseUri();
let proxy: DatabaseProxy;
let stack: TestStack;

beforeAll(async () => {
  proxy = await startDatabaseProxy(databaseUri, passOn);
  stack = await startStack({
    ...{ mongodbUri: proxy.uri, kernelCount: 2, productCodes: [PRODUCT] },
    // A kernel without its database says so before the client has gone.
    ...{ kernelSettings: { DATABASE_TIMEOUT_MS: '2000' }, bffSettings: { REQUEST_TIMEOUT_MS: '8000' } },
  });
}, 120_000);
afterAll(async () => {
  await stack.stop();
  await proxy.stop();
});

function passOn({ client, upstream }: ProxiedConnection): void {
  client.pipe(upstream);
  upstream.pipe(client);
}

/** A workspace with ten credits. */
async function openWorkspace(): Promise<string> {
  const tenantId = await stack.createTenant(PRODUCT, 'pro');
  const what = { bucket: Bucket.PAYG, microcredits: 10n * CREDIT, actor: 'usr_operator', reason: 'test' };
  const request = GrantRequest.fromPartial({ requestId: newUuid(), tenantId, ...what });
  await stack.connect(stack.credentials.sysadmin).call(LedgerServiceService.grant, request);
  return tenantId;
}

function debit(tenantId: string, fields: Partial<DebitRequest> = {}, kernel = 0): Promise<unknown> {
  const usage = { action: ACTION, quantity: '1', ...fields };
  const request = DebitRequest.fromPartial({ requestId: newUuid(), tenantId, ...usage });
  return stack.connect(stack.credentials.internal, kernel).call(LedgerServiceService.debit, request);
}

function get(path: string, token: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetchDocumented(`${stack.bffs.get(PRODUCT)}${path}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  });
}

describe('the balance as events', () => {
  test('is told after each change by whichever kernel, also when the one that told it dies', {
    timeout: 90_000,
  }, async () => {
    const tenantId = await openWorkspace();
    const token = await stack.mint(PRODUCT, 'project_contributor', tenantId);
    const response = await get('/v1/billing/usage/stream', token);
    let text = '';
    void (async () => {
      for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
    })();
    const told = (credits: number): Promise<void> =>
      expect.poll(() => text, { timeout: 20_000 }).toContain(`"available":${credits * 1_000_000}`);
    await told(10);
    await debit(tenantId, {}, 0);
    await told(9);
    await debit(tenantId, {}, 1);
    await told(8);
    // Whichever of them it is asked of, after both have died once the other one must have taken over.
    await stack.kernels[0]?.kill9();
    await debit(tenantId, {}, 1);
    await told(7);
    await stack.kernels[0]?.restart();
    await stack.kernels[1]?.kill9();
    await debit(tenantId, {}, 0);
    await told(6);
    await stack.kernels[1]?.restart();
    expect(text).not.toContain('event: problem');
  });
});

describe('the balance, read by many at once', () => {
  test('tells of each debit that was acknowledged before it was asked for', { timeout: 90_000 }, async () => {
    const tenantId = await openWorkspace();
    const token = await stack.mint(PRODUCT, 'project_contributor', tenantId);
    const available = async (): Promise<number> =>
      Object(await (await get('/v1/billing/usage', token)).json()).available;
    let isOver = false;
    const others = Array.from({ length: 8 }, async () => {
      while (!isOver) await available();
    });
    try {
      for (let left = 9; left >= 0; left -= 1) {
        await debit(tenantId);
        expect(await Promise.all([available(), available(), available()])).toEqual(Array(3).fill(left * 1_000_000));
      }
    } finally {
      isOver = true;
      await Promise.all(others);
    }
  });
});

describe('analytics', () => {
  test('show each role its projects, runs once, and a CSV of all events', { timeout: 60_000 }, async () => {
    const tenantId = await openWorkspace();
    const [admin, viewer] = await Promise.all([
      stack.mint(PRODUCT, 'tenant_admin', tenantId),
      stack.mint(PRODUCT, 'project_viewer', tenantId),
    ]);
    const { projects } = Object(await (await get(`/v1/workspaces/${tenantId}/projects`, admin)).json());
    const projectId = String(projects[0].project_id);
    await debit(tenantId, { projectId, runId: 'run_1', runStatus: RunStatus.RUNNING });
    await debit(tenantId, { projectId, runId: 'run_1', runStatus: RunStatus.SUCCEEDED });
    await debit(tenantId, { projectId: 'prj_other', runId: 'run_2' });
    const run = { requestId: newUuid(), tenantId, runId: 'run_2', runStatus: RunStatus.FAILED };
    const internal = stack.connect(stack.credentials.internal);
    await internal.call(UsageServiceService.reportRun, ReportRunRequest.fromPartial(run));
    const credits = async (token: string): Promise<unknown> =>
      (await get('/v1/billing/analytics/credits?interval=day&group_by=project', token)).json();
    const mine = {
      ...{ project_id: projectId, event_count: 2, cost_microcredits: 2_000_000 },
      runs: { run_count: 1, step_count: 2, succeeded_count: 1, failed_count: 0, canceled_count: 0 },
    };
    expect(await credits(viewer)).toMatchObject({ rows: [mine] });
    const all = Object(await credits(admin)).rows;
    expect(all).toHaveLength(2);
    expect(all).toContainEqual(
      expect.objectContaining({ project_id: 'prj_other', runs: expect.objectContaining({ failed_count: 1 }) }),
    );
    const dimensions = await (await get('/v1/billing/usage-dimensions', viewer)).json();
    expect(dimensions).toMatchObject({ projects: [{ value: projectId, event_count: 2 }] });
    const csv = await (await get('/v1/billing/usage-history', admin, { accept: 'text/csv' })).text();
    expect(csv.trimEnd().split('\r\n')).toHaveLength(4);
    const { events } = Object(await (await get('/v1/billing/usage-history', admin)).json());
    const explained = await get(`/v1/billing/usage-history/${events[0].entry_id}`, admin);
    expect(await explained.json()).toMatchObject({
      event: events[0],
      commit: { hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect((await get('/v1/billing/usage-history', viewer)).status).toBe(403);
  });
});

describe('a database that is away', () => {
  test('makes 503 with Retry-After, and all is well again by itself', { timeout: 90_000 }, async () => {
    const tenantId = await openWorkspace();
    const token = await stack.mint(PRODUCT, 'tenant_admin', tenantId);
    expect((await get('/v1/billing/usage', token)).status).toBe(200);
    await proxy.stop();
    const failed = await get('/v1/billing/usage', token);
    expect(failed.status).toBe(503);
    expect(failed.headers.get('retry-after')).toBe('1');
    expect(await failed.json()).toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    proxy = await startDatabaseProxy(databaseUri, passOn, Number(new URL(proxy.uri).port));
    await expect.poll(async () => (await get('/v1/billing/usage', token)).status, { timeout: 40_000 }).toBe(200);
  });
});
