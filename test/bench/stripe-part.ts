// Owns the parts about the catalog and Stripe: plans through a BFF, deliveries of events, and a sync of many prices.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stripe } from 'stripe';
import { startIssuer } from '../../dev/issuer/issuer.ts';
import { loadSigningKey } from '../../dev/issuer/signing-key.ts';
import { startProcess } from '../../dev/process/managed-process.ts';
import { startBff } from '../../dev/program.ts';
import { startSandbox } from '../../dev/stripe-sandbox/sandbox.ts';
import {
  CatalogServiceService,
  ListPlansRequest,
  ListPlansResponse,
} from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { CatalogSyncServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import { KernelConnection } from '../../kernel/cli/kernel-connection.ts';
import { readMemory } from './footprint-part.ts';
import { measureInterleaved } from './measurement.ts';
import { type PartContext, toList } from './part-context.ts';
import type { PartResult, Row } from './row.ts';
import type { BenchKernel, Stage } from './stage.ts';
import { createDeliveries, createGets } from './workload/http.ts';

const PRODUCT_CODE = 'agentruntime';
const HTTP_IN_FLIGHT = 64;
const SECRET_KEY = 'sk_test_bench';
const WEBHOOK_SECRET = 'whsec_bench';
const PRICES = 500;
const CREATED_AT_ONCE = 20;
const READY_TIMEOUT_MS = 30_000;
const EMPTY_GRPC_SERVER = fileURLToPath(new URL('empty-server.ts', import.meta.url));
const EMPTY_HTTP_SERVER = fileURLToPath(new URL('empty-http-server.ts', import.meta.url));
const SYNC_MS_MAX = 10_000;
/** Six pages of active prices, those of the demo among them, and one of archived ones. */
const SYNC_CALLS_MAX = 7;
const SYNC_MEMORY_MAX_MIB = 64;

/** Requests are counted, as in production, but none is too many. */
const COUNTED_BUT_UNLIMITED = { RATE_LIMIT_PER_ADDRESS: '10000000', RATE_LIMIT_PER_CALLER: '10000000' };

/** `GET /v1/billing/plans` through a BFF against an empty Express server before an empty gRPC server. */
export async function measurePlans(context: PartContext): Promise<PartResult> {
  const { stage, lifetime, measure } = context;
  const [kernel] = stage.kernels;
  if (kernel === undefined) throw new Error('The stage has no kernel.');
  const folder = await mkdtemp(join(tmpdir(), 'wheelhouse-bench-issuer-'));
  lifetime.add(() => rm(folder, { recursive: true, force: true }));
  const issuer = await startIssuer(await loadSigningKey(join(folder, 'issuer-key.json')), 0);
  lifetime.add(() => issuer.stop());
  const bff = await startBff({
    ...{ environment: process.env, settings: COUNTED_BUT_UNLIMITED, productCode: PRODUCT_CODE },
    ...{ kernels: [kernel.grpc], kernelToken: stage.bffToken, issuer: issuer.url, port: 0 },
  });
  lifetime.addProcess(bff.process);
  const person = { productCode: PRODUCT_CODE, userId: 'usr_bench', email: 'person@example.com' };
  const token = await issuer.mint(person);
  const emptyUrl = await startEmptyHttp(context, await loadPlans(stage));
  const path = '/v1/billing/plans';
  const measured = await measureInterleaved(
    {
      empty: createGets('empty Express + empty gRPC hop', emptyUrl, path, token, HTTP_IN_FLIGHT),
      plans: createGets('GET /v1/billing/plans through the BFF', bff.url, path, token, HTTP_IN_FLIGHT),
    },
    measure,
  );
  const { plans: subject, empty: baseline } = measured;
  return {
    rows: [{ kind: 'comparison', subject, baseline, ratioAtLeast: 0.6 }],
    measurements: toList(measured),
  };
}

/** Deliveries of events, each stored, against an empty Express endpoint that checks the same signature. */
export async function measureWebhooks(context: PartContext): Promise<PartResult> {
  const { stage, lifetime, measure } = context;
  const sandbox = await startSandbox({ hasCatalog: true });
  lifetime.add(() => sandbox.stop());
  const kernel = await addStripeKernel(stage, sandbox.url);
  const emptyUrl = await startEmptyHttp(context, Buffer.alloc(0));
  const measured = await measureInterleaved(
    {
      empty: createDeliveries('empty Express endpoint', emptyUrl, WEBHOOK_SECRET, HTTP_IN_FLIGHT),
      intake: createDeliveries('events of Stripe, stored', kernel.http, WEBHOOK_SECRET, HTTP_IN_FLIGHT),
    },
    measure,
  );
  const { intake: subject, empty: baseline } = measured;
  return {
    rows: [{ kind: 'comparison', subject, baseline, ratioAtLeast: 0.5 }],
    measurements: toList(measured),
  };
}

/** A sync of many new prices: how long, how many calls to Stripe, how much memory. */
export async function measureSync({ stage, lifetime, measure }: PartContext): Promise<PartResult> {
  let calls = 0;
  const observe = (): void => {
    calls += 1;
  };
  const sandbox = await startSandbox({ hasCatalog: true, observe });
  lifetime.add(() => sandbox.stop());
  const kernel = await addStripeKernel(stage, sandbox.url);
  await sync(stage, kernel);
  measure.note(`Creating ${PRICES} prices`);
  await createPrices(sandbox.port);
  const before = await readMemory(kernel.pid);
  calls = 0;
  const firstMs = await sync(stage, kernel);
  const firstCalls = calls;
  const after = await readMemory(kernel.pid);
  const againMs = await sync(stage, kernel);
  const name = `sync of ${PRICES} prices`;
  const rows: Row[] = [
    {
      kind: 'size',
      name: `${name}, all new`,
      value: firstMs,
      atMost: SYNC_MS_MAX,
      unit: 'ms',
      note: `again: ${againMs} ms`,
    },
    {
      kind: 'size',
      name: `calls to Stripe of a ${name}`,
      value: firstCalls,
      atMost: SYNC_CALLS_MAX,
      unit: 'calls',
      note: '',
    },
    toMemoryRow(`memory of a ${name}`, before?.nowMib, after?.nowMib),
  ];
  return { rows, measurements: [] };
}

function toMemoryRow(name: string, before: number | undefined, after: number | undefined): Row {
  if (before === undefined || after === undefined) {
    return { kind: 'missing', name, why: 'this system does not tell the memory of a process' };
  }
  const note = `resident, more than before it; ${after} MiB in all`;
  return { kind: 'size', name, value: after - before, atMost: SYNC_MEMORY_MAX_MIB, unit: 'MiB', note };
}

function addStripeKernel(stage: Stage, apiUrl: string): Promise<BenchKernel> {
  return stage.addKernel({
    ...{ STRIPE_SECRET_KEY: SECRET_KEY, STRIPE_API_URL: apiUrl, STRIPE_WEBHOOK_SECRETS: WEBHOOK_SECRET },
    STRIPE_SYNC_INTERVAL_MS: '3600000',
  });
}

/** Syncs once; answers how long that took, in milliseconds. */
async function sync({ sysadminToken: kernelToken }: Stage, { grpc: kernelAddress }: BenchKernel): Promise<number> {
  const streams = new KernelConnection({ kernelAddress, kernelToken });
  const beganMs = performance.now();
  const request = { requestId: 'bench', dryRun: false, actor: 'bench', reason: 'bench' };
  for await (const { badRows } of streams.stream(CatalogSyncServiceService.syncCatalog, request)) {
    const [bad] = badRows;
    if (bad !== undefined) throw new Error(`the sync left ${bad.stripeId}: ${bad.message}`);
  }
  streams.close();
  return Math.round(performance.now() - beganMs);
}

async function createPrices(port: number): Promise<void> {
  const stripe = new Stripe(SECRET_KEY, { host: '127.0.0.1', port, protocol: 'http' });
  const { id: product } = await stripe.products.create({ name: 'Bench' });
  for (let from = 0; from < PRICES; from += CREATED_AT_ONCE) {
    const numbers = Array.from({ length: CREATED_AT_ONCE }, (_, index) => from + index);
    await Promise.all(
      numbers.map((number) =>
        stripe.prices.create({
          ...{ product, currency: 'usd', unit_amount: 100, recurring: { interval: 'month' } },
          metadata: { product_code: PRODUCT_CODE, plan_code: `bench_${number}`, rank: '1', trial_days: '7' },
        }),
      ),
    );
  }
}

async function loadPlans({ operator }: Stage): Promise<Buffer> {
  const request = ListPlansRequest.fromPartial({ productCode: PRODUCT_CODE, offeredOnly: true });
  const answer = await operator.call(CatalogServiceService.listPlans, request);
  return Buffer.from(ListPlansResponse.encode(answer).finish());
}

/** Starts an empty Express server before an empty gRPC server; answers its URL. */
async function startEmptyHttp({ lifetime }: PartContext, plans: Buffer): Promise<string> {
  const grpcArgs = [EMPTY_GRPC_SERVER, '', plans.toString('base64')];
  const grpcServer = await startProcess({ name: 'empty server', command: process.execPath, args: grpcArgs });
  lifetime.addProcess(grpcServer);
  const grpc = await grpcServer.waitForLine((line) => /"grpc":"([^"]+)"/.exec(line)?.[1], READY_TIMEOUT_MS);
  const httpArgs = [EMPTY_HTTP_SERVER, WEBHOOK_SECRET, grpc];
  const httpServer = await startProcess({ name: 'empty Express server', command: process.execPath, args: httpArgs });
  lifetime.addProcess(httpServer);
  return `http://${await httpServer.waitForLine((line) => /"http":"([^"]+)"/.exec(line)?.[1], READY_TIMEOUT_MS)}`;
}
