// Owns the parts about Stripe: deliveries of events, and a sync of many prices.

import { Stripe } from 'stripe';
import { startSandbox } from '../../dev/stripe-sandbox/sandbox.ts';
import { CatalogSyncServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import { KernelConnection } from '../../kernel/cli/kernel-connection.ts';
import { startEmptyHttp, WEBHOOK_SECRET } from './empty-stage.ts';
import { readMemory } from './footprint-part.ts';
import { measureInterleaved } from './measurement.ts';
import { type PartContext, toList } from './part-context.ts';
import type { PartResult, Row } from './row.ts';
import type { BenchKernel, Stage } from './stage.ts';
import { createDeliveries } from './workload/http.ts';

const PRODUCT_CODE = 'agentruntime';
const HTTP_IN_FLIGHT = 64;
const SECRET_KEY = 'sk_test_bench';
const PRICES = 500;
const CREATED_AT_ONCE = 20;
const SYNC_MS_MAX = 10_000;
/** Six pages of active prices, those of the demo among them, and one of archived ones. */
const SYNC_CALLS_MAX = 7;
const SYNC_MEMORY_MAX_MIB = 64;

/** Deliveries of events, each stored, against an empty Express endpoint that checks the same signature. */
export async function measureWebhooks(context: PartContext): Promise<PartResult> {
  const { stage, lifetime, measure } = context;
  const sandbox = await startSandbox({ hasCatalog: true });
  lifetime.add(() => sandbox.stop());
  const kernel = await addStripeKernel(stage, sandbox.url);
  const emptyUrl = await startEmptyHttp(context, { plans: Buffer.alloc(0), balance: Buffer.alloc(0) });
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
