// A kernel process that sells the demo plans at the sandbox, behind proxies at whose steps it can be killed; and the kernel that
// comes after it, over the same database and the same Stripe.

import { createHash, randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { createKernelClient, type KernelClient } from '../../../dev/kernel-client.ts';
import { moveDatabaseClock } from '../../../kernel/store/database-clock.ts';
import { type StepProxy, startStepProxy } from '../../support/step-proxy.ts';
import { callersOf } from './account.ts';
import { CONSOLE_URLS, type KernelFixture, openKernel } from './kernel-fixture.ts';
import { runKernel, writeCredentials } from './kernel-process.ts';
import { SECRET_KEY, type StripeFixture, WEBHOOK_SECRET } from './stripe.ts';
import type { Counter } from './subscription.ts';
import { trialCallsOf } from './trial.ts';

/** How long a kernel takes to notice that its clock was moved, in milliseconds. */
const CLOCK_NOTICE_MS = 700;

/** What outlives kernels. */
export interface Ground {
  readonly connection: KernelFixture['connection'];
  readonly mongodbUri: string;
  readonly stripe: StripeFixture;
}

/** A kernel process that is to be killed. */
export interface DoomedShop extends Counter {
  readonly proxy: StepProxy;
  readonly httpUrl: string;
  /** Kills it, and ends its proxies. */
  kill(): Promise<void>;
}

/** Starts a kernel process; it has the callers of every other kernel of tests, so that their requests are the same. */
export async function openDoomedShop({ connection, mongodbUri, stripe }: Ground): Promise<DoomedShop> {
  const proxy = await startStepProxy(mongodbUri, stripe.sandbox.url);
  const { tokens, credentials } = makeCredentials();
  const process = runKernel({
    ...{ MONGODB_URI: proxy.mongodbUri, KERNEL_CREDENTIALS_FILE: writeCredentials(credentials), LOG_LEVEL: 'debug' },
    ...{ GRPC_ADDRESS: '127.0.0.1:0', HTTP_ADDRESS: '127.0.0.1:0', MOVABLE_CLOCK: 'true' },
    ...{ STRIPE_API_URL: proxy.stripeUrl, STRIPE_SECRET_KEY: SECRET_KEY, STRIPE_WEBHOOK_SECRETS: WEBHOOK_SECRET },
    CONSOLE_URLS: [...(CONSOLE_URLS ?? [])].map(([code, url]) => `${code}=${url}`).join(),
  });
  const { grpc, http } = await process.listening();
  const clients: KernelClient[] = [];
  const connect = (token: string | undefined): KernelClient => {
    const client = createKernelClient(grpc, token);
    clients.push(client);
    return client;
  };
  const callers = callersOf({ tokens, connect });
  const isSynced = () => process.logLines().some(({ msg }) => String(msg).startsWith('the catalog '));
  await expect.poll(isSynced, { interval: 50 }).toBe(true);
  return {
    ...{ proxy, callers, stripe, httpUrl: `http://${http}`, kernel: { connection }, trials: trialCallsOf(callers) },
    kill: async () => {
      process.child.kill('SIGKILL');
      await process.ended;
      for (const client of clients) client.close();
      await proxy.stop();
    },
  };
}

/** A kernel that comes after. */
export interface NextShop extends Counter {
  readonly httpUrl: string;
  close(): Promise<void>;
}

/** Starts the kernel that comes after. */
export async function openNextShop({ mongodbUri, stripe }: Ground): Promise<NextShop> {
  const kernel = await openKernel({ mongodbUri, stripe: stripe.config }, { hasSoldPlans: false });
  const callers = callersOf(kernel);
  const { httpUrl, close } = kernel;
  return { kernel, httpUrl, callers, stripe, trials: trialCallsOf(callers), close };
}

/** Moves the clocks of all kernels and of Stripe on, and waits until kernels have noticed. */
export async function advance({ connection, stripe }: Ground, byMs: number): Promise<void> {
  await moveDatabaseClock(connection, byMs);
  stripe.sandbox.control.advance(Math.round(byMs / 1_000));
  await new Promise((resolve) => setTimeout(resolve, CLOCK_NOTICE_MS));
}

function makeCredentials() {
  const newToken = (): string => randomBytes(24).toString('base64url');
  const [internal, checker, sysadmin] = [newToken(), newToken(), newToken()];
  const [agentruntime, otherproduct] = [newToken(), newToken()];
  const digest = (token: string): string => createHash('sha256').update(token).digest('hex');
  const credentials = [
    { name: 'workflow-engine', scope: 'internal', token_sha256: digest(internal) },
    { name: 'operator', scope: 'sysadmin', token_sha256: digest(sysadmin) },
    { name: 'bff-agentruntime', scope: 'bff', product_code: 'agentruntime', token_sha256: digest(agentruntime) },
    { name: 'bff-otherproduct', scope: 'bff', product_code: 'otherproduct', token_sha256: digest(otherproduct) },
  ];
  return {
    tokens: { internal, checker, sysadmin, agentruntime, otherproduct },
    credentials: JSON.stringify({ credentials }),
  };
}
