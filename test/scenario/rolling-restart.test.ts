// Two kernels and two BFFs are restarted one by one while REST is read and written and usage is debited: no request fails after the repeats
// that the documents ask of clients, and nothing is done twice.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ServiceClient } from '../../clients/grpc/client.ts';
import { createBillingClient } from '../../clients/rest/client.ts';
import { type RunningBff, startBff } from '../../dev/program.ts';
import { LedgerAuditServiceService, VerifyLedgerRequest } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import type { DebitResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { createFundedTenant, type DrivenDebit, expectEachOnce } from '../support/debit-driver.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { type HttpBalancer, startHttpBalancer } from '../support/http-balancer.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const PRODUCT = 'agentruntime';
const FUNDS = 1_000_000n;
const ACTION = 'memory_index_file_mb';
/** What the projects of this test are called; the workspace has others. */
const NAME = 'rolling';
/** Between two requests of one client that reads or writes: a workspace may have 500 projects. */
const PAUSE_MS = 60;
const STEP_TIMEOUT_MS = 60_000;

/** A BFF that can be replaced. */
interface RollingBff {
  readonly url: string;
  replace(): Promise<void>;
  stop(): Promise<unknown>;
}

/** Does one thing again and again, and counts how often it was done. */
interface Lane {
  readonly name: string;
  readonly done: () => number;
  readonly ended: Promise<void>;
}

let stack: TestStack;
let bffs: readonly RollingBff[];
let balancer: HttpBalancer;
let tenantId: string;
let isOver = false;

beforeAll(async () => {
  stack = await startStack({ mongodbUri: freshDatabaseUri(), kernelCount: 2, productCodes: [PRODUCT] });
  bffs = [await startRollingBff(), await startRollingBff()];
  balancer = await startHttpBalancer(bffs.map(({ url }) => url));
  tenantId = await createFundedTenant(stack, FUNDS);
});
afterEach(() => {
  isOver = true;
});
afterAll(async () => {
  await balancer.stop();
  await Promise.all(bffs.map((bff) => bff.stop()));
  await stack.stop();
});

async function startRollingBff(): Promise<RollingBff> {
  const start = (port: number): Promise<RunningBff> =>
    startBff({
      environment: process.env,
      settings: { RATE_LIMIT_PER_ADDRESS: '0', RATE_LIMIT_PER_CALLER: '0', DRAIN_NOTICE_MS: '1500' },
      productCode: PRODUCT,
      kernels: stack.kernels.map(({ grpc }) => grpc),
      kernelToken: stack.credentials.bff[PRODUCT] ?? '',
      issuer: stack.issuer.url,
      port,
    });
  let running = await start(0);
  const { url } = running;
  return {
    url,
    replace: async () => {
      expect(await running.process.stop()).toEqual({ code: 0, signal: null });
      running = await start(Number(new URL(url).port));
    },
    stop: () => running.process.stop(),
  };
}

function runLane(name: string, step: (turn: number) => Promise<void>): Lane {
  let count = 0;
  const run = async (): Promise<void> => {
    for (; !isOver; count += 1) await step(count);
  };
  return { name, done: () => count, ended: run() };
}

/** Waits until each lane has done some more, all of them with whatever runs now; a lane that failed ends the wait. */
async function letWork(lanes: readonly Lane[]): Promise<void> {
  const before = lanes.map(({ done }) => done());
  const more = expect
    .poll(() => lanes.filter(({ done }, index) => done() < (before[index] ?? 0) + 5).map(({ name }) => name), {
      timeout: STEP_TIMEOUT_MS,
    })
    .toEqual([]);
  const failed = Promise.all(lanes.map(({ ended }) => ended)).then(() => undefined);
  await Promise.race([more, failed]);
}

async function restLanes(projects: string[]): Promise<readonly Lane[]> {
  const token = await stack.mint(PRODUCT, 'tenant_admin', tenantId);
  const client = createBillingClient({ url: balancer.url, token });
  const read = async (answered: Promise<{ data?: unknown; error?: unknown }>): Promise<void> => {
    expect(await answered).toMatchObject({ data: expect.anything() });
    await delay(PAUSE_MS);
  };
  const write = async (lane: number, turn: number): Promise<void> => {
    const body = { display_name: `${NAME} ${lane}-${turn}` };
    const { data, error } = await client.POST('/v1/workspaces/{workspace_id}/projects', {
      ...{ params: { path: { workspace_id: tenantId } }, body },
    });
    expect(error).toBeUndefined();
    projects.push(data?.project_id ?? '');
    await delay(2 * PAUSE_MS);
  };
  return [
    runLane('usage', () => read(client.GET('/v1/billing/usage'))),
    runLane('plans', () => read(client.GET('/v1/billing/plans'))),
    runLane('history', () => read(client.GET('/v1/billing/usage-history', { params: { query: { page_size: '5' } } }))),
    runLane('projects', (turn) => write(0, turn)),
    runLane('more projects', (turn) => write(1, turn)),
  ];
}

function debitLanes(client: ServiceClient, driven: DrivenDebit[]): readonly Lane[] {
  const note = ({ entry, replayed }: DebitResponse): void => {
    driven.push({ requestId: entry?.requestId ?? '', entryId: entry?.entryId ?? '', replayed, attempts: 1 });
  };
  const debits = client.openDebits();
  const debit = { tenantId, action: ACTION, quantity: '1' };
  return [
    runLane('single debits', async () => note(await client.calls.debit(debit))),
    ...[0, 1, 2, 3].map((lane) => runLane(`debits ${lane}`, async () => note(await debits.debit(debit)))),
  ];
}

interface ProjectPage {
  readonly projects: readonly { readonly project_id: string; readonly display_name: string }[];
  readonly next_page_token: string | null;
}

async function listProjects(): Promise<ProjectPage['projects']> {
  const token = await stack.mint(PRODUCT, 'tenant_admin', tenantId);
  const client = createBillingClient({ url: balancer.url, token });
  const found: ProjectPage['projects'][number][] = [];
  for (let pageToken: string | null = ''; pageToken !== null; ) {
    const query: { page_size: string; page_token?: string } = {
      page_size: '100',
      ...(pageToken !== '' && { page_token: pageToken }),
    };
    const { data }: { data?: ProjectPage } = await client.GET('/v1/workspaces/{workspace_id}/projects', {
      params: { path: { workspace_id: tenantId }, query },
    });
    found.push(...(data?.projects ?? []));
    pageToken = data?.next_page_token ?? null;
  }
  return found;
}

test('no request fails and nothing is done twice while kernels and BFFs are replaced one by one', async () => {
  const services = new ServiceClient({
    addresses: stack.kernels.map(({ grpc }) => grpc),
    token: stack.credentials.internal,
  });
  const projects: string[] = [];
  const driven: DrivenDebit[] = [];
  const lanes = [...(await restLanes(projects)), ...debitLanes(services, driven)];
  await letWork(lanes);
  for (const bff of bffs) {
    await bff.replace();
    await letWork(lanes);
  }
  for (const kernel of stack.kernels) {
    expect(await kernel.terminate()).toBe(0);
    await letWork(lanes);
    await kernel.restart();
    await letWork(lanes);
  }
  isOver = true;
  // A request that failed for good throws here.
  await Promise.all(lanes.map(({ ended }) => ended));
  services.close();

  await expectEachOnce(stack.connect(stack.credentials.internal), tenantId, driven, FUNDS);
  const stored = (await listProjects()).filter(({ display_name }) => display_name.startsWith(NAME));
  expect(new Set(stored.map(({ display_name }) => display_name)).size).toBe(stored.length);
  expect(stored.map(({ project_id }) => project_id).sort()).toEqual(projects.sort());
  const sysadmin = stack.connect(stack.credentials.sysadmin);
  const request = VerifyLedgerRequest.fromPartial({ tenantId });
  for await (const { finding } of sysadmin.stream(LedgerAuditServiceService.verifyLedger, request)) {
    expect(finding).toBeUndefined();
  }
}, 420_000);
