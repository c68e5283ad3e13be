/**
 * Owns: what the stories of subscriptions are played on: a kernel and a BFF as processes, the Stripe sandbox and a mail server, all
 * with one time.
 * Does not own: who acts there (`story-workspace.ts`).
 */

import { expect } from 'vitest';
import type { KernelClient } from '../../dev/kernel-client.ts';
import { GetBalanceRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openStripe, SECRET_KEY, type StripeFixture, WEBHOOK_SECRET } from '../contract/support/stripe.ts';
import { moveTime } from './common-time.ts';
import { freshDatabaseUri } from './engine.ts';
import { type MailServer, startMailServer } from './mail-server.ts';
import { startStack, type TestStack } from './stack.ts';

/** Is the product that is sold. */
export const PRODUCT = 'agentruntime';
/** Is where the Console would be; nobody answers there. */
export const CONSOLE_URL = 'http://127.0.0.1:1';
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const RETRY_BASE_MS = 100;

/** Everything that a story needs. */
export interface StoryStage {
  readonly stack: TestStack;
  readonly stripe: StripeFixture;
  readonly mails: MailServer;
  /** Calls the kernel as the services that do the work. */
  readonly internal: KernelClient;
  /** Answers the kernel's time. */
  now(): Promise<number>;
  /** Moves everything's time on, and waits until what Stripe tells of it has been delivered. */
  advance(byMs: number): Promise<void>;
  /** Moves everything's time on to a time as REST tells it, and so much further. */
  advanceTo(time: string | null, beyondMs?: number): Promise<void>;
  /**
   * Waits until the kernel has done for workspaces what follows by itself from the time; to be asked for a minute or more after
   * the last of it fell due.
   */
  passDue(...tenantIds: readonly string[]): Promise<void>;
  /** Waits until the kernel has looked at Stripe for a workspace as often as it was to by now, and within some minutes. */
  passLooks(tenantId: string): Promise<void>;
  /** Has Stripe tell of what happens there, or not. */
  setWebhooks(isOn: boolean): void;
  stop(): Promise<void>;
}

/** Sets the stage. */
export async function openStage(): Promise<StoryStage> {
  const mails = await startMailServer();
  const stripe = await openStripe({ hasCatalog: true, retryBaseMs: RETRY_BASE_MS });
  const mongodbUri = freshDatabaseUri();
  const stack = await startStack({
    ...{ mongodbUri, productCodes: [PRODUCT] },
    // A machine with other work to do is slow; a story is about what happens, not how soon.
    bffSettings: { REQUEST_TIMEOUT_MS: '30000' },
    kernelSettings: {
      ...{ STRIPE_SECRET_KEY: SECRET_KEY, STRIPE_API_URL: stripe.sandbox.url, STRIPE_WEBHOOK_SECRETS: WEBHOOK_SECRET },
      ...{ STRIPE_SYNC_INTERVAL_MS: '3600000', CONSOLE_URLS: `${PRODUCT}=${CONSOLE_URL}` },
      ...{ SMTP_URL: mails.url, MAIL_FROM: 'Wheelhouse <no-reply@example.com>' },
    },
  });
  const connection = await openConnection({ uri: mongodbUri, timeoutMs: 10_000, onCommand: () => undefined });
  const internal = stack.connect(stack.credentials.internal);
  const { control } = stripe.sandbox;
  control.setWebhook({ url: `${stack.kernels[0]?.http}/stripe/webhook`, secrets: [WEBHOOK_SECRET] });
  const clockTenantId = await stack.createTenant(PRODUCT, 'free');
  const now = async (): Promise<number> => {
    const request = GetBalanceRequest.fromPartial({ tenantId: clockTenantId });
    return (await internal.call(LedgerServiceService.getBalance, request)).asOfTime?.getTime() ?? 0;
  };
  const advance = (byMs: number): Promise<void> =>
    moveTime({ connection, sandbox: stripe.sandbox, readTime: now }, byMs);
  return {
    ...{ stack, stripe, mails, internal, now, advance },
    advanceTo: async (time, beyondMs = 0) => advance(Date.parse(String(time)) + beyondMs - (await now())),
    passDue: async (...tenantIds) => {
      // A note goes only once all was done that follows from it.
      const due = {
        _id: { $regex: `^(${tenantIds.join('|')})/` },
        due_at: { $lt: new Date((await now()) - MINUTE_MS) },
      };
      const notes = connection.collection<{ _id: string; due_at: Date }>('ledger_due');
      await expect.poll(() => notes.countDocuments(due), { interval: 200 }).toBe(0);
      const changes = connection.collection<{ _id: string }>('stripe_intents');
      await expect.poll(() => changes.countDocuments({ _id: { $in: [...tenantIds] } }), { interval: 200 }).toBe(0);
    },
    passLooks: async (tenantId) => {
      // While a look is under way, the next one is due in five minutes.
      const soon = { _id: tenantId, sync_due_at: { $lt: new Date((await now()) + 10 * MINUTE_MS) } };
      const looks = connection.collection<{ _id: string; sync_due_at: Date }>('stripe_customers');
      await expect.poll(() => looks.countDocuments(soon), { interval: 200 }).toBe(0);
    },
    setWebhooks: (isOn) => {
      control.clearDeliveryRules();
      if (!isOn) control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    },
    stop: async () => {
      await stack.stop();
      await connection.dropDatabase();
      await connection.close();
      await stripe.stop();
      await mails.stop();
    },
  };
}
