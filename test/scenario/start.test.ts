import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm, stat } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text as readAll } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { DEMO_CODE } from '../../dev/demo-promotion.ts';
import { type DevFile, loadDevFile } from '../../dev/dev-file.ts';
import { findOnPath } from '../../dev/engine/program-search.ts';
import { createKernelClient } from '../../dev/kernel-client.ts';
import { runProcess } from '../../dev/process/managed-process.ts';
import { REPOSITORY } from '../../dev/stack-config.ts';
import { CatalogServiceService, ListPlansRequest } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { DebitRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { fetchDocumented } from '../support/documented-answer.ts';
import { SPEC_PRO_ROW } from '../support/spec-pro-row.ts';
import {
  findProcessesOf,
  loadRecordedPids,
  runStackProgram,
  type StackProgram,
  toStackEnvironment,
} from '../support/stack-program.ts';

const MILLION = 1_000_000;
const PRODUCTS = ['agentruntime', 'otherproduct'];
const ROLES = ['project_contributor', 'project_viewer', 'tenant_admin'];

let home: string;
let environment: NodeJS.ProcessEnv;
let issuerSettings: NodeJS.ProcessEnv = {};
let stack: StackProgram;
let dev: DevFile;

async function makeHome(): Promise<string> {
  return await realpath(await mkdtemp(join(tmpdir(), 'wheelhouse-home-')));
}

async function start(): Promise<void> {
  stack = await runStackProgram({ ...environment, ...issuerSettings });
  await stack.waitUntilUp();
  dev = await loadDevFile(home);
  // People are who they are by their issuer, whose address stays over starts, as it does outside of tests.
  issuerSettings = { WHEELHOUSE_ISSUER_PORT: new URL(dev.issuer.url).port };
}

async function get(productCode: string, path: string, role: 'project_contributor' | 'project_viewer') {
  const product = dev.products[productCode];
  const response = await fetchDocumented(`${product?.bff}/v1/billing/${path}`, {
    headers: { authorization: `Bearer ${product?.tokens[role]}` },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

interface RawRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: string;
}

/** Asks a BFF for plans as `fetch` would not: with another Host, or with a body. */
async function getRaw(productCode: string, { headers = {}, query = '', body }: RawRequest) {
  const product = dev.products[productCode];
  const call = request(`${product?.bff}/v1/billing/plans${query}`, {
    headers: {
      authorization: `Bearer ${product?.tokens.project_contributor}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
      ...headers,
    },
  });
  call.end(body);
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  return { status: response.statusCode, text: await readAll(response) };
}

async function debit(requestId: string): Promise<boolean> {
  const kernel = createKernelClient(dev.kernel.grpc, dev.kernel.tokens.internal);
  try {
    const tenantId = dev.products['agentruntime']?.tenant_id ?? '';
    const charge = { requestId, tenantId, action: 'workflow.step.execute', quantity: '1' };
    return (await kernel.call(LedgerServiceService.debit, DebitRequest.fromPartial(charge))).replayed;
  } finally {
    kernel.close();
  }
}

describe('the local stack', () => {
  beforeAll(async () => {
    home = await makeHome();
    environment = toStackEnvironment(home);
    await start();
  });
  afterAll(async () => {
    await stack.process.stop();
    await rm(home, { recursive: true, force: true });
  });

  it('writes dev.json, for its owner alone', async () => {
    expect(dev).toEqual({
      mongo: { engine: expect.any(String), uri: expect.stringMatching(/^mongodb/) },
      kernel: {
        grpc: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        tokens: {
          internal: expect.any(String),
          sysadmin: expect.any(String),
          bff: { agentruntime: expect.any(String), otherproduct: expect.any(String) },
        },
      },
      issuer: { url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) },
      mail: {
        inbox: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        smtp: expect.stringMatching(/^smtp:\/\/127\.0\.0\.1:\d+$/),
      },
      stripe: {
        kind: 'sandbox',
        url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
        secret_key: expect.stringMatching(/^sk_test_/),
        webhook_secret: expect.stringMatching(/^whsec_/),
      },
      products: Object.fromEntries(
        PRODUCTS.map((code) => [
          code,
          {
            bff: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
            tenant_id: expect.stringMatching(/^ten_/),
            tokens: Object.fromEntries(ROLES.map((role) => [role, expect.any(String)])),
          },
        ]),
      ),
    });
    expect((await stat(join(home, 'dev.json'))).mode & 0o777).toBe(0o600);
  });

  it('lists the plans of each product, which differ', async () => {
    const [own, other] = [
      await get('agentruntime', 'plans', 'project_contributor'),
      await get('otherproduct', 'plans', 'project_contributor'),
    ];
    expect([own.status, other.status]).toEqual([200, 200]);
    const codes = (own.body['plans'] as { plan_code: string }[]).map(({ plan_code }) => plan_code);
    expect(codes).toEqual(expect.arrayContaining(['free', 'pro', 'plus', 'max', 'enterprise']));
    expect(own.body).not.toEqual(other.body);
  });

  it('shows the plan of the spec’s example, field by field, as it came from Stripe by a sync', async () => {
    expect(stack.output()).toContain('Plans: 7 from Stripe (sandbox)');
    const { body } = await get('agentruntime', 'plans', 'project_contributor');
    const pro = (body['plans'] as Record<string, unknown>[]).find(({ plan_code }) => plan_code === 'pro');
    expect(pro).toEqual({
      ...SPEC_PRO_ROW,
      // What REST adds to the example.
      included_microcredits_per_cycle: 5_000_000,
      self_serve: true,
      rank: 10,
      member_limit: null,
    });
  });

  it.each(PRODUCTS)('shows %s’s plans alone, whatever Host, header, query or body says', async (code) => {
    const [otherCode = ''] = PRODUCTS.filter((each) => each !== code);
    const host = `console.${otherCode}.io`;
    const plain = await getRaw(code, {});
    expect(plain.status).toBe(200);
    expect(plain.text).toContain(`price_${code}_pro`);
    const hostile = [
      { headers: { host } },
      { headers: { 'x-forwarded-host': host, forwarded: `host=${host}` } },
      { headers: { 'x-product-code': otherCode } },
      { headers: { 'x-tenant-id': dev.products[otherCode]?.tenant_id ?? '' } },
    ];
    for (const request of hostile) expect(await getRaw(code, request)).toEqual(plain);
    const refused = [
      { query: `?product_code=${otherCode}` },
      { query: `?x-product-code=${otherCode}` },
      { body: JSON.stringify({ product_code: otherCode }) },
    ];
    for (const request of refused) {
      const { status, text } = await getRaw(code, request);
      expect([status, JSON.parse(text).reason]).toEqual([400, 'INVALID_FIELD']);
      expect(text).not.toContain(`price_${otherCode}`);
    }
    const others = dev.products[otherCode]?.tokens.tenant_admin ?? '';
    expect((await getRaw(code, { headers: { authorization: `Bearer ${others}` } })).status).toBe(401);
  });

  it('lists the plans of both products to an operator', async () => {
    const kernel = createKernelClient(dev.kernel.grpc, dev.kernel.tokens.sysadmin);
    onTestFinished(() => kernel.close());
    const { plans } = await kernel.call(CatalogServiceService.listPlans, ListPlansRequest.fromPartial({}));
    expect(plans.map(({ stripePriceId }) => stripePriceId)).toEqual(
      expect.arrayContaining(['price_agentruntime_pro', 'price_otherproduct_pro']),
    );
  });

  it('has a Stripe sandbox, with the demo plans, that knows the kernel’s webhook endpoint', async () => {
    const { stripe } = dev;
    if (stripe.kind !== 'sandbox') throw new Error('The stack was started with STRIPE_SECRET_KEY.');
    const read = async (path: string) => {
      const response = await fetch(`${stripe.url}${path}`, {
        headers: { authorization: `Bearer ${stripe.secret_key}` },
      });
      return ((await response.json()) as { data: Record<string, unknown>[] }).data;
    };
    expect((await read('/v1/prices')).map(({ id }) => id)).toContain('price_agentruntime_pro');
    expect(await read('/v1/webhook_endpoints')).toEqual([
      expect.objectContaining({ url: `${dev.kernel.http}/stripe/webhook`, enabled_events: ['*'], status: 'enabled' }),
    ]);
    expect((await fetch(`${stripe.url}/v1/prices`)).status).toBe(401);
  });

  it('takes the code that the documentation shows', async () => {
    const { bff, tokens } = dev.products['agentruntime'] ?? expect.fail('there is no such product');
    const call = { method: 'POST', body: JSON.stringify({ code: DEMO_CODE }) };
    const headers = { authorization: `Bearer ${tokens.tenant_admin}`, 'content-type': 'application/json' };
    const response = await fetchDocumented(`${bff}/v1/billing/discounts/validate`, { ...call, headers });
    expect(await response.json()).toMatchObject({ code: DEMO_CODE, credit: { microcredits: 20 * MILLION } });
  });

  it('has demo credit in all three buckets, to be seen by those who may', async () => {
    const seen = await get('otherproduct', 'usage', 'project_contributor');
    expect(seen.body).toMatchObject({ included_remaining: 5 * MILLION, payg_remaining: 15 * MILLION, deficit: 0 });
    expect(seen.body['trial_remaining']).toBeGreaterThan(0);
    expect((await get('otherproduct', 'usage', 'project_viewer')).status).toBe(403);
  });

  it('has demo usage of the project that its people work in', async () => {
    const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString();
    const query = new URLSearchParams({ interval: 'day', start_time: day(-2), end_time: day(2) });
    const { body } = await get('otherproduct', `analytics/credits?${query}`, 'project_viewer');
    expect(body['rows']).toMatchObject([{ event_count: 2, runs: { run_count: 1, succeeded_count: 1 } }]);
  });

  it('lets a person move its time, and with it what expires', async () => {
    const advance = {
      name: 'wheelhouse dev advance',
      command: process.execPath,
      args: ['kernel/cli/main.ts', 'dev', 'advance', '366d'],
      directory: REPOSITORY,
      environment: { ...process.env, WHEELHOUSE_HOME: home },
    };
    const lines = await runProcess(advance, 120_000);
    const told = lines.filter((line) => line.includes('agentruntime')).map((line) => line.split('  '));
    expect(told[0]?.[3]).toMatch(/^trial [1-9]/);
    expect(told.at(-1)?.[3]).toBe('trial 0');
    expect(told.at(-1)?.[5]).toBe('PAYG 15');
    const days = (Date.parse(told.at(-1)?.[0] ?? '') - Date.parse(told[0]?.[0] ?? '')) / 86_400_000;
    expect(days).toBeGreaterThan(350);
    const { stripe } = dev;
    if (stripe.kind !== 'sandbox') throw new Error('the stack of this test has the sandbox');
    const clock = await fetch(`${stripe.url}/_sandbox/clock`, {
      headers: { authorization: `Bearer ${stripe.secret_key}` },
    });
    const { now } = (await clock.json()) as { readonly now: number };
    expect((now - Date.now() / 1_000) / 86_400).toBeCloseTo(366, 1);
  });

  it('works as the commands say that it prints', async (context) => {
    if ((await findOnPath('curl', process.env)) === undefined) context.skip('needs curl');
    const printed = stack.output().split('\n');
    const first = printed.findIndex((line) => line.startsWith('Try in another terminal'));
    const commands = printed.slice(first + 1, printed.indexOf('', first));
    expect(commands).toHaveLength(7);
    const before = (await get('agentruntime', 'usage', 'project_contributor')).body['available'];
    const output = await runProcess(
      {
        name: 'the printed commands',
        command: 'sh',
        args: ['-ec', commands.join('\n')],
        directory: REPOSITORY,
        environment: { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` },
      },
      30_000,
    );
    const text = output.join('\n');
    expect(text).toContain('"plan_code":"pro"');
    expect(text).toContain('Charged 5 credits for 1 × workflow.step.execute');
    expect(text).toContain(`"available":${Number(before) - 5 * MILLION}`);
    // Nobody has stored a card, so there is a page to pay on.
    expect(text).toContain('"outcome":"action_required"');
    if (dev.stripe.kind === 'sandbox') expect(text).toContain(`"action_url":"${dev.stripe.url}/`);
    // The last one signs somebody in, and prints the access token.
    expect(output.at(-1)).toMatch(/ey[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it('ends on Ctrl-C without leaving a process, and a second start finds the data of the first', async () => {
    const former = dev;
    expect(await debit('first')).toBe(false);
    const { body: before } = await get('agentruntime', 'usage', 'project_contributor');
    const recorded = await loadRecordedPids(home);
    expect(recorded.has('kernel')).toBe(true);
    expect((await findProcessesOf(home, recorded)).length).toBeGreaterThanOrEqual(recorded.size);

    expect(await stack.end('SIGINT')).toBe(0);
    expect(await findProcessesOf(home, recorded)).toEqual([]);
    expect(stack.output()).toMatch(/Stopped\.$/);

    await start();
    expect((await get('agentruntime', 'usage', 'project_contributor')).body).toEqual(before);
    expect(await debit('first')).toBe(true);
    expect(dev.kernel.tokens).toEqual(former.kernel.tokens);
    for (const code of PRODUCTS) expect(dev.products[code]?.tenant_id).toBe(former.products[code]?.tenant_id);
  });

  it('lets no second stack run in its folder', async () => {
    const second = await runStackProgram(environment);
    expect((await second.process.exited).code).toBe(1);
    expect(second.output()).toContain(`Another stack (process ${stack.process.pid}) runs in ${home}`);
    expect((await get('agentruntime', 'usage', 'project_contributor')).status).toBe(200);
  });

  it('ends as a whole when a part of it dies, and says which', async () => {
    const recorded = await loadRecordedPids(home);
    process.kill(recorded.get('kernel') ?? 0, 'SIGKILL');
    expect((await stack.process.exited).code).toBe(1);
    expect(stack.output()).toContain('kernel ended unexpectedly (signal SIGKILL).');
    expect(stack.output()).toContain(join(home, 'logs/kernel.log'));
    expect(await findProcessesOf(home, recorded)).toEqual([]);
  });

  it('leaves nothing behind either when it is killed, and starts again on its data', async () => {
    await start();
    const { body: before } = await get('agentruntime', 'usage', 'project_contributor');
    const recorded = await loadRecordedPids(home);
    await stack.end('SIGKILL');
    for (let tries = 0; tries < 100 && (await findProcessesOf(home, recorded)).length > 0; tries += 1) await sleep(100);
    expect(await findProcessesOf(home, recorded)).toEqual([]);
    await start();
    expect((await get('agentruntime', 'usage', 'project_contributor')).body).toEqual(before);
  });

  it('with its issuer on another port has demo workspaces for the people there, and on the former port the former ones', async () => {
    const former = dev;
    for (const settings of [{}, issuerSettings]) {
      expect(await stack.end('SIGINT')).toBe(0);
      issuerSettings = settings;
      await start();
      for (const code of PRODUCTS) {
        expect((await get(code, 'usage', 'project_contributor')).status).toBe(200);
        expect((await get(code, 'usage', 'project_viewer')).status).toBe(403);
        const isFormer = dev.products[code]?.tenant_id === former.products[code]?.tenant_id;
        expect(isFormer).toBe(dev.issuer.url === former.issuer.url);
      }
    }
    expect(dev.issuer.url).toBe(former.issuer.url);
  });
});

describe('a start', () => {
  it('on a taken port says which, and what moves it, before it starts anything', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const folder = await makeHome();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const failed = await runStackProgram(toStackEnvironment(folder, { WHEELHOUSE_GRPC_PORT: String(port) }));
    expect((await failed.process.exited).code).toBe(1);
    expect(failed.process.lastLines()).toHaveLength(1);
    expect(failed.output()).toMatch(
      new RegExp(`^Port ${port} \\(kernel gRPC\\) is already in use: .*WHEELHOUSE_GRPC_PORT=\\d+ npm start`),
    );
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('that gets %s half-way leaves nothing behind', async (signal) => {
    const folder = await makeHome();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const begun = await runStackProgram(toStackEnvironment(folder));
    await begun.process.waitForLine((line) => line.includes('Token issuer') || undefined, 60_000);
    expect(await begun.end(signal)).toBe(0);
    expect(await findProcessesOf(folder, new Map())).toEqual([]);
  });

  it('whose npm alone is told to end leaves nothing behind', async () => {
    const folder = await makeHome();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const npm = spawn('npm', ['start'], {
      cwd: REPOSITORY,
      env: toStackEnvironment(folder),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for await (const line of createInterface({ input: npm.stdout })) if (line.includes('Token issuer')) break;
    npm.kill('SIGTERM');
    await expect.poll(() => findProcessesOf(folder, new Map())).toEqual([]);
  });
});
