// A kernel whose database goes away and comes back, and how a kernel ends: by signals, in time, or not.

import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createKernelClient, type KernelClient } from '../../dev/kernel-client.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import {
  GetBalanceRequest,
  GrantRequest,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { CreateTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { startStallingProxy } from '../support/stalling-proxy.ts';
import { debitRequest, OPERATOR } from './support/account.ts';
import { failureOf, settle } from './support/failure.ts';
import { newRequestId, openSeededDatabase } from './support/kernel-fixture.ts';
import {
  cleanUpProcesses,
  INTERNAL_TOKEN,
  type KernelProcess,
  runKernel,
  SYSADMIN_TOKEN,
  writeCredentials,
} from './support/kernel-process.ts';

const { debit, getBalance, grant } = LedgerServiceService;

let engine: TestEngine;
const clients: KernelClient[] = [];

beforeAll(async () => {
  engine = await startEngine();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  cleanUpProcesses();
  // A test that fails while the database is gone must not take the others with it.
  await engine.ensureRunning();
});
afterAll(() => engine.stop());

interface Running extends KernelProcess {
  readonly internal: KernelClient;
  readonly httpUrl: string;
  readonly tenantId: string;
}

/** Starts a kernel whose database has fallen silent: what is asked of it waits, however slow the machine is. */
async function startStalled(changes: Readonly<Record<string, string>>): Promise<Running> {
  const uri = new URL(engine.freshDatabaseUri());
  const proxy = await startStallingProxy(uri.host);
  onTestFinished(() => proxy.stop());
  uri.host = proxy.address;
  const kernel = await start(changes, uri.href);
  proxy.stall();
  return kernel;
}

/** Starts a kernel with one tenant that has credits for everything. */
async function start(
  changes: Readonly<Record<string, string>> = {},
  databaseUri: string = engine.freshDatabaseUri(),
): Promise<Running> {
  const { mongodbUri, connection } = await openSeededDatabase(databaseUri);
  await connection.close();
  const kernel = runKernel({
    MONGODB_URI: mongodbUri,
    KERNEL_CREDENTIALS_FILE: writeCredentials(),
    GRPC_ADDRESS: '127.0.0.1:0',
    HTTP_ADDRESS: '127.0.0.1:0',
    DATABASE_TIMEOUT_MS: '1500',
    ...changes,
  });
  const { grpc, http } = await kernel.listening();
  const connect = (token: string): KernelClient => {
    const client = createKernelClient(grpc, token);
    clients.push(client);
    return client;
  };
  const sysadmin = connect(SYSADMIN_TOKEN);
  // A plan that an operator names begins without a trial.
  const workspace = { productCode: 'agentruntime', planCode: 'pro', displayName: 'x' };
  const request = { requestId: newRequestId(), ...workspace, ...OPERATOR };
  const { tenant } = await sysadmin.call(TenantServiceService.createTenant, CreateTenantRequest.fromPartial(request));
  const tenantId = tenant?.tenantId ?? '';
  const funds = { requestId: newRequestId(), tenantId, bucket: Bucket.PAYG, microcredits: 10n ** 12n, ...OPERATOR };
  await sysadmin.call(grant, GrantRequest.fromPartial(funds));
  return { ...kernel, internal: connect(INTERNAL_TOKEN), httpUrl: `http://${http}`, tenantId };
}

const readBalance = ({ internal, tenantId }: Running) =>
  internal.call(getBalance, GetBalanceRequest.fromPartial({ tenantId }));

describe('a database that goes away', () => {
  test('is reported to callers and probes, and found again when it is back', async (context) => {
    if (!engine.isOwn) context.skip('MONGODB_URI names a server that is not ours to kill');
    const kernel = await start();
    await engine.kill9();
    const failure = await failureOf(readBalance(kernel));
    expect(failure).toMatchObject({ reason: 'DATABASE_UNAVAILABLE', code: status.UNAVAILABLE });
    const ready = await fetch(`${kernel.httpUrl}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { status: 'not ready' }]);
    expect((await fetch(`${kernel.httpUrl}/healthz`)).status).toBe(200);
    await engine.restart();
    await expect
      .poll(
        () =>
          readBalance(kernel).then(
            () => 'answered',
            () => 'refused',
          ),
        { timeout: 20_000 },
      )
      .toBe('answered');
    await expect.poll(async () => (await fetch(`${kernel.httpUrl}/readyz`)).status, { timeout: 20_000 }).toBe(200);
    const { entry } = await kernel.internal.call(debit, debitRequest(kernel.tenantId));
    expect(entry?.commitSeq).toBe(3n);
    expect(kernel.logLines().map(({ msg }) => msg)).toContain('the database is not reachable any more');
    expect(kernel.logLines().map(({ msg }) => msg)).toContain('the database is reachable again');
    kernel.child.kill('SIGTERM');
    expect((await kernel.ended).code).toBe(0);
  });
});

describe('ending', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'by %s in a stream of debits: what was answered is there, exit code 0',
    async (signal) => {
      const kernel = await start();
      const requests = Array.from({ length: 300 }, () => debitRequest(kernel.tenantId, { quantity: '0.000001' }));
      const calls = requests.map((request) => kernel.internal.call(debit, request));
      await Promise.race(calls);
      kernel.child.kill(signal);
      const { answers, failures } = await settle(calls);
      const { code, stderr } = await kernel.ended;
      expect([code, stderr]).toEqual([0, '']);
      expect(answers.length).toBeGreaterThan(0);
      expect(new Set(failures.map((failure) => failure.code))).toEqual(
        new Set(failures.length > 0 ? [status.UNAVAILABLE] : []),
      );
      expect(kernel.logLines().map(({ msg }) => msg)).toEqual(
        expect.arrayContaining([expect.stringMatching(/^ending/), 'ended']),
      );
    },
  );

  test('that can’t be done in time is forced, with a line that says so', async (context) => {
    if (!engine.isOwn) context.skip('MONGODB_URI names a server that may not be reached through a proxy');
    const kernel = await startStalled({ SHUTDOWN_TIMEOUT_MS: '300', DATABASE_TIMEOUT_MS: '20000' });
    const call = failureOf(kernel.internal.call(debit, debitRequest(kernel.tenantId)));
    await expect.poll(() => inFlight(kernel)).toBe(1);
    kernel.child.kill('SIGTERM');
    expect((await kernel.ended).code).toBe(1);
    expect(kernel.logLines().map(({ msg }) => msg)).toContain(
      'not everything was answered in time: this kernel ends now',
    );
    expect((await call).code).toBe(status.UNAVAILABLE);
  });

  test('is forced by a second signal', async (context) => {
    if (!engine.isOwn) context.skip('MONGODB_URI names a server that may not be reached through a proxy');
    const kernel = await startStalled({ SHUTDOWN_TIMEOUT_MS: '60000', DATABASE_TIMEOUT_MS: '60000' });
    const call = failureOf(kernel.internal.call(debit, debitRequest(kernel.tenantId)));
    await expect.poll(() => inFlight(kernel)).toBe(1);
    kernel.child.kill('SIGTERM');
    await expect.poll(() => kernel.logLines().some(({ signal }) => signal === 'SIGTERM')).toBe(true);
    kernel.child.kill('SIGINT');
    expect((await kernel.ended).code).toBe(1);
    expect(kernel.logLines().map(({ msg }) => msg)).toContain('a second signal: this kernel ends at once');
    expect((await call).code).toBe(status.UNAVAILABLE);
  });
});

describe('a failure that nobody caught', () => {
  test.each([
    ['thrown', "throw%20new%20Error('injected')"],
    ['rejected', "Promise.reject(new%20Error('injected'))"],
  ])('%s: is logged, and ends the kernel with exit code 1', async (_, failure) => {
    const code = `process.once('SIGUSR2',()=>{${failure}})`;
    const kernel = await start({ NODE_OPTIONS: `--import=data:text/javascript,${code}` });
    kernel.child.kill('SIGUSR2');
    expect((await kernel.ended).code).toBe(1);
    const line = kernel.logLines().find(({ level }) => level === 'fatal');
    expect(line).toMatchObject({ err: { message: 'injected', stack: expect.any(String) } });
  });
});

async function inFlight({ httpUrl }: Running): Promise<number> {
  const metrics = await (await fetch(`${httpUrl}/metrics`)).text();
  return Number(/^wheelhouse_grpc_calls_in_flight (\d+)$/m.exec(metrics)?.[1]);
}
