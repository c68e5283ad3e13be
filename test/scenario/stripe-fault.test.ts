// What Stripe's prices and events come to when kernels die and meet: every plan as Stripe has it, every event once.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../dev/stripe-sandbox/sandbox.ts';
import { CatalogSyncServiceService, SyncCatalogRequest } from '../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import { WebhookEventState } from '../../gen/wheelhouse/operator/v1/webhook_event.ts';
import { ListWebhookEventsRequest, WebhookServiceService } from '../../gen/wheelhouse/operator/v1/webhook_service.ts';
import { KernelConnection } from '../../kernel/cli/kernel-connection.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { deliverEvent, eventBody, idOf } from '../contract/support/delivery.ts';
import { createPlan, createPlans, SECRET_KEY, syncCatalog, WEBHOOK_SECRET } from '../contract/support/stripe.ts';
import { fetchDocumented } from '../support/documented-answer.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { REPOSITORY } from '../support/repository.ts';
import { SPEC_PRO_ROW } from '../support/spec-pro-row.ts';
import { startStack, type TestStack } from '../support/stack.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

let sandbox: Sandbox;
let stripe: Stripe;
let stack: TestStack;
let connection: Connection;

beforeAll(async () => {
  sandbox = await startSandbox({ hasCatalog: true });
  stripe = new Stripe(SECRET_KEY, { host: '127.0.0.1', port: sandbox.port, protocol: 'http' });
  const mongodbUri = freshDatabaseUri();
  const kernelSettings = {
    STRIPE_SECRET_KEY: SECRET_KEY,
    STRIPE_API_URL: sandbox.url,
    STRIPE_WEBHOOK_SECRETS: WEBHOOK_SECRET,
    STRIPE_SYNC_INTERVAL_MS: '3600000',
  };
  stack = await startStack({ mongodbUri, kernelCount: 2, kernelSettings });
  connection = await openConnection({ uri: mongodbUri, timeoutMs: 10_000, onCommand: () => undefined });
  // The syncs of their starts shall not meet those of the tests.
  for (const index of [0, 1]) await syncedByItself(index);
});
afterAll(async () => {
  await connection.close();
  await stack.stop();
  await sandbox.stop();
});

async function syncedByItself(index: number): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${kernelAt(index).http}/metrics`)).text();
    if (/^wheelhouse_catalog_sync_seconds_count [1-9]/m.test(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function kernelAt(index: number): TestStack['kernels'][number] {
  const kernel = stack.kernels[index];
  if (kernel === undefined) throw new RangeError(`there is no kernel ${index}`);
  return kernel;
}

const targetAt = (index: number) => ({
  address: kernelAt(index).grpc,
  tokens: { sysadmin: stack.credentials.sysadmin, internal: '', checker: '', agentruntime: '', otherproduct: '' },
});

/** The plans that are stored, by their codes, as far as they came of many made at once. */
async function storedPlans(): Promise<ReadonlyMap<string, unknown>> {
  const plans = await connection
    .collection('plans')
    .find({ plan_code: /^plan_/ })
    .toArray();
  return new Map(plans.map((plan) => [String(plan['plan_code']), plan]));
}

async function wheelhouse(...args: readonly string[]): Promise<{ code: number | null; out: string; error: string }> {
  const child = spawn(
    process.execPath,
    [join(REPOSITORY, 'kernel/cli/main.ts'), ...args, '--actor', 'usr_test', '--reason', 'test'],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        KERNEL_ADDRESS: kernelAt(0).grpc,
        KERNEL_TOKEN: stack.credentials.sysadmin,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let [out, error] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (error += text.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, error };
}

describe('plans of the demo products', () => {
  const plansOf = async (productCode: string, init: { path?: string; headers?: Record<string, string> } = {}) => {
    const tenantId = await stack.createTenant(productCode);
    const token = await stack.mint(productCode, 'project_contributor', tenantId);
    const headers = { authorization: `Bearer ${token}`, ...init.headers };
    const response = await fetchDocumented(`${stack.bffs.get(productCode)}/v1/billing/plans${init.path ?? ''}`, {
      headers,
    });
    return { code: response.status, body: (await response.json()) as { plans?: Record<string, unknown>[] } };
  };

  it('come from Stripe by `wheelhouse sync`, and the spec’s example comes out of REST field by field', async () => {
    for (const name of ['plans', 'plan_policies']) await connection.collection(name).deleteMany({ plan_code: 'pro' });
    const dry = await wheelhouse('sync', '--dry-run');
    expect(dry).toMatchObject({ code: 0, error: '' });
    expect(dry.out).toContain('agentruntime/pro');
    expect((await plansOf('agentruntime')).body.plans?.some(({ plan_code }) => plan_code === 'pro')).toBe(false);
    const { code, out } = await wheelhouse('sync');
    expect(code).toBe(0);
    expect(out).toMatch(
      /^agentruntime\/pro +added +price_agentruntime_pro +.*amount 4900, currency usd, interval month/m,
    );
    expect(out).toContain('2 rows changed');
    const { body } = await plansOf('agentruntime');
    expect(body.plans?.find(({ plan_code }) => plan_code === 'pro')).toMatchObject({
      ...SPEC_PRO_ROW,
      included_microcredits_per_cycle: 5000000,
    });
    expect((await wheelhouse('sync')).out).toContain('Nothing to change');
  });

  it('never show at the other product, whatever a request says', async () => {
    const say = {
      host: 'console.agentruntime.io',
      'x-product-code': 'agentruntime',
      'x-forwarded-host': 'agentruntime',
    };
    const { code, body } = await plansOf('otherproduct', { headers: say });
    expect(code).toBe(200);
    expect(body.plans?.map(({ product_name }) => product_name)).toEqual(['OtherProduct Free', 'OtherProduct Pro']);
    expect(JSON.stringify(body)).not.toContain('agentruntime');
    const asked = await plansOf('otherproduct', { path: '?product_code=agentruntime' });
    expect(asked.code).toBe(400);
  });

  it('are reported by a sync where they are bad, with exit code 1', async () => {
    const typo = await createPlan(stripe, 'typo', { product_code: 'agentruntme' });
    const { code, out } = await wheelhouse('sync');
    expect(code).toBe(1);
    expect(out).toMatch(new RegExp(`^${typo.id} +product unknown +names the product "agentruntme"`, 'm'));
    await stripe.prices.update(typo.id, { active: false });
  });
});

describe('a sync', () => {
  it('that is killed in the middle is finished by the next one', async () => {
    await createPlans(stripe, 300);
    const streams = new KernelConnection({ kernelAddress: kernelAt(0).grpc, kernelToken: stack.credentials.sysadmin });
    const request = SyncCatalogRequest.fromPartial({ requestId: 'killed', actor: 'test', reason: 'test' });
    const cut = async (): Promise<void> => {
      for await (const { plansWritten } of streams.stream(CatalogSyncServiceService.syncCatalog, request)) {
        if (plansWritten > 0n) await kernelAt(0).kill9();
      }
    };
    await expect(cut()).rejects.toThrow();
    streams.close();
    const written = (await storedPlans()).size;
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(300);
    const { changes, badRows } = await syncCatalog(targetAt(1));
    expect(badRows).toEqual([]);
    expect(changes.length).toBeGreaterThanOrEqual(300 - written);
    expect((await storedPlans()).size).toBe(300);
    expect(await connection.collection('plan_policies').countDocuments({ plan_code: /^plan_/ })).toBe(300);
    expect((await syncCatalog(targetAt(1))).changes).toEqual([]);
    await kernelAt(0).restart();
    await syncedByItself(0);
  }, 180_000);

  it('at the same time as another, while prices change, leaves what Stripe has', async () => {
    const prices = new Map<string, Stripe.Price>();
    for await (const price of stripe.prices.list({ limit: 100, active: true })) {
      const code = price.metadata['plan_code'] ?? '';
      if (/^plan_\d$/.test(code)) prices.set(code, price);
    }
    expect(prices.size).toBe(10);
    for (let round = 1; round <= 4; round += 1) {
      const syncs = [0, 1, 0, 1].map((index) => syncCatalog(targetAt(index)));
      await Promise.all(
        [...prices.values()].map((price) => stripe.prices.update(price.id, { metadata: { rank: `${round}` } })),
      );
      await Promise.all(syncs);
    }
    await Promise.all([0, 1].map((index) => syncCatalog(targetAt(index))));
    const policies = await connection
      .collection('plan_policies')
      .find({ plan_code: /^plan_\d$/ })
      .toArray();
    expect(policies.map((policy) => policy['rank'])).toEqual(Array.from({ length: 10 }, () => 4));
    expect((await syncCatalog(targetAt(0))).changes).toEqual([]);
    expect(await connection.collection('plans').countDocuments()).toBe(
      await connection.collection('plan_policies').countDocuments(),
    );
  }, 180_000);
});

describe('an event', () => {
  const eventOf = async (eventId: string) => {
    const request = ListWebhookEventsRequest.fromPartial({ pageSize: 1_000 });
    const sysadmin = stack.connect(stack.credentials.sysadmin, 1);
    const { events } = await sysadmin.call(WebhookServiceService.listWebhookEvents, request);
    return events.find((event) => event.eventId === eventId);
  };

  it('whose kernel is killed after it was stored and before it was processed is processed by another', async () => {
    sandbox.control.addFault({ path: '/v1/prices', outcome: 'failed', status: 500, delayMs: 60_000 });
    const body = eventBody('price.updated');
    expect(await deliverEvent(kernelAt(0).http, body)).toEqual({ code: 200, status: 'stored' });
    await kernelAt(0).kill9();
    expect(await eventOf(idOf(body))).toMatchObject({ state: WebhookEventState.PENDING, attempts: 1 });
    sandbox.control.clearFaults();
    // Its claim passes: the clock that all kernels go by moves on.
    const clock = connection.collection<{ _id: string }>('clock');
    await clock.updateOne({ _id: 'offset' }, { $inc: { offset_ms: 120_000 } }, { upsert: true });
    await expect
      .poll(async () => (await eventOf(idOf(body)))?.state, { timeout: 30_000 })
      .toBe(WebhookEventState.PROCESSED);
    expect(await eventOf(idOf(body))).toMatchObject({ attempts: 2 });
    await kernelAt(0).restart();
  });
});
