// A kernel whose Stripe is the sandbox, with the real SDK beside it for what a person would do in Stripe's dashboard.

import { Stripe } from 'stripe';
import { expect, vi } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../../dev/stripe-sandbox/sandbox.ts';
import {
  type BadRow,
  CatalogSyncServiceService,
  type OnboardingChange,
  type PinnedDifference,
  type PlanChange,
  SyncCatalogRequest,
  type SyncSummary,
} from '../../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import { KernelConnection } from '../../../kernel/cli/kernel-connection.ts';
import type { KernelConfig, StripeConfig } from '../../../kernel/config.ts';
import { OPERATOR } from './account.ts';
import { type KernelFixture, newRequestId, openKernel } from './kernel-fixture.ts';

export const WEBHOOK_SECRET = 'whsec_test_present';
const CREATED_AT_ONCE = 20;
export const SECRET_KEY = 'sk_test_wheelhouse';

/** A sandbox, and the SDK as a person would use it. */
export interface StripeFixture {
  readonly sandbox: Sandbox;
  readonly stripe: Stripe;
  /** The settings of a kernel that works with it. */
  readonly config: StripeConfig;
  /** How many requests a kernel, or the SDK, has sent until now, such as `GET /v1/prices`. */
  countRequests(request: string): number;
  stop(): Promise<void>;
}

/** Starts a sandbox; regular syncs of its kernels are an hour apart, so that tests say when. */
export async function openStripe(options: Partial<SandboxOptions> = {}): Promise<StripeFixture> {
  const requests: string[] = [];
  const observe: SandboxOptions['observe'] = ({ method, path }) =>
    void requests.push(`${method} ${path.split('?')[0]}`);
  const sandbox = await startSandbox({ hasCatalog: false, ...options, observe });
  const stripe = new Stripe(SECRET_KEY, {
    ...{ host: '127.0.0.1', port: sandbox.port, protocol: 'http' },
    maxNetworkRetries: 0,
  });
  return {
    sandbox,
    stripe,
    config: {
      secretKey: SECRET_KEY,
      apiUrl: sandbox.url,
      webhookSecrets: [WEBHOOK_SECRET],
      syncIntervalMs: 3_600_000,
    },
    countRequests: (request) => requests.filter((candidate) => candidate === request).length,
    stop: () => sandbox.stop(),
  };
}

/** Starts a kernel, and waits until the sync of its start is over, so that a test finds none that it did not ask for. */
export async function openSyncedKernel(settings: Partial<KernelConfig>): Promise<KernelFixture> {
  const kernel = await openKernel(settings);
  const isSynced = () => expect(kernel.logLines.join('')).toMatch(/the catalog (was synced|is as Stripe has it)/);
  await vi.waitFor(isSynced, { timeout: 20_000, interval: 50 });
  return kernel;
}

/** What a sync told, all messages together. */
export interface SyncOutcome {
  readonly changes: readonly PlanChange[];
  readonly onboarding: readonly OnboardingChange[];
  readonly badRows: readonly BadRow[];
  readonly pinned: readonly PinnedDifference[];
  readonly summary: SyncSummary;
  readonly messages: number;
  /** An earlier call of the request did it. */
  readonly replayed: boolean;
}

/** Syncs as an operator. Throws KernelCallError. */
export async function syncCatalog(
  kernel: Pick<KernelFixture, 'address' | 'tokens'>,
  fields: Partial<SyncCatalogRequest> = {},
): Promise<SyncOutcome> {
  const streams = new KernelConnection({ kernelAddress: kernel.address, kernelToken: kernel.tokens.sysadmin });
  const request = SyncCatalogRequest.fromPartial({ requestId: newRequestId(), ...OPERATOR, ...fields });
  const changes: PlanChange[] = [];
  const onboarding: OnboardingChange[] = [];
  const badRows: BadRow[] = [];
  const pinned: PinnedDifference[] = [];
  let summary: SyncSummary | undefined;
  let messages = 0;
  let replayed = false;
  try {
    for await (const message of streams.stream(CatalogSyncServiceService.syncCatalog, request)) {
      changes.push(...message.changes);
      onboarding.push(...message.onboardingChanges);
      badRows.push(...message.badRows);
      pinned.push(...message.pinnedDifferences);
      summary = message.summary;
      replayed = message.replayed;
      messages += 1;
    }
  } finally {
    streams.close();
  }
  if (summary === undefined) throw new Error('the sync ended without a summary');
  return { changes, onboarding, badRows, pinned, summary, messages, replayed };
}

/** Makes many plans of one Product: `plan_0` and so on. */
export async function createPlans(stripe: Stripe, count: number): Promise<void> {
  const { id: product } = await stripe.products.create({ name: 'Many' });
  for (let from = 0; from < count; from += CREATED_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(CREATED_AT_ONCE, count - from) }, (_, index) => from + index);
    await Promise.all(numbers.map((number) => createPlan(stripe, `plan_${number}`, {}, { product })));
  }
}

/** A plan as a person makes it at Stripe: one monthly Price, of a Product of its own unless one is named. */
export async function createPlan(
  stripe: Stripe,
  planCode: string,
  metadata: Readonly<Record<string, string>> = {},
  price: Partial<Stripe.PriceCreateParams> = {},
): Promise<Stripe.Price> {
  const product = price.product ?? (await stripe.products.create({ name: `Plan ${planCode}` })).id;
  return stripe.prices.create({
    product,
    currency: 'usd',
    unit_amount: 4_900,
    recurring: { interval: 'month' },
    metadata: { product_code: 'agentruntime', plan_code: planCode, ...metadata },
    ...price,
  });
}
