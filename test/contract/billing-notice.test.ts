// What administrators are told by mail of plan and payment: who gets which mail, and that each is put in once, whatever happens at
// the same time or goes wrong in between.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BillingEventLog } from '../../kernel/app/alert/billing-event-log.ts';
import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { StoredOutbox } from '../../kernel/app/mail/stored-outbox.ts';
import { BillingNotice, type BillingNoticeParts } from '../../kernel/app/subscription/billing-notice.ts';
import type { PlanCode, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import type { Subscription } from '../../kernel/domain/subscription.ts';
import type { Trial } from '../../kernel/domain/trial.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { openBillingEventStore } from '../../kernel/store/alert/billing-event-store.ts';
import { openCatalogStore } from '../../kernel/store/catalog/catalog-store.ts';
import { openMailStore } from '../../kernel/store/mail/mail-store.ts';
import { openUserStore } from '../../kernel/store/people/user-store.ts';
import { openTenantStore } from '../../kernel/store/tenant/tenant-store.ts';
import { type Callers, callersOf } from './support/account.ts';
import { type KernelFixture, openKernel } from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { emailOf, joinAs, openWorkspace, stranger, workspaceOperatorOf } from './support/people.ts';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2030, 0, 8, 12);
const PRO = 'pro' as PlanCode;

let kernel: KernelFixture;
let callers: Callers;
let now: number;
let base: BillingNoticeParts;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  const { connection } = kernel;
  const clock = { now: () => now, estimate: () => now };
  const store = await openMailStore(connection);
  base = {
    tenants: await openTenantStore(connection),
    users: await openUserStore(connection),
    catalog: await openCatalogStore(connection),
    outbox: new StoredOutbox({ store, clock, wake: () => undefined }),
    events: new BillingEventLog({ store: await openBillingEventStore(connection), clock, pacing: PROCESS_PACING }),
    clock,
    becomesPaid: async () => false,
  };
});
afterEach(() => expectLedgerClean(callers));
afterAll(() => kernel.close());

const noticeOf = (parts: Partial<BillingNoticeParts> = {}): BillingNotice => new BillingNotice({ ...base, ...parts });

interface Mail {
  readonly _id: string;
  readonly to: string;
  readonly content: Readonly<Record<string, unknown>>;
}

const mailsAbout = (id: string): Promise<readonly Mail[]> =>
  kernel.connection
    .collection<Mail>('mail_outbox')
    .find({ _id: { $regex: id } })
    .sort({ to: 1 })
    .toArray();

const eventsOf = (tenantId: string): Promise<readonly unknown[]> =>
  kernel.connection
    .collection('billing_events')
    .find({ tenant_id: tenantId }, { projection: { _id: 1, type: 1, data: 1 } })
    .sort({ number: 1 })
    .toArray();

const TRIAL: Trial = {
  ...{ planCode: PRO, fallbackPlanCode: 'free' as PlanCode, granted: 0n, revokesUnused: true, status: 'active' },
  ...{ endBehaviour: 'convert_or_fallback', startedAt: NOW - 11 * DAY_MS, endsAt: NOW + 3 * DAY_MS },
};

const PAYMENT_URL = 'https://pay.example/i/1';

/** A subscription whose payment failed; no other has its id. */
let subscriptions = 0;
function pastDue(fields: Partial<Subscription> = {}): Subscription {
  subscriptions += 1;
  return {
    ...{ stripeSubscriptionId: `sub_${subscriptions}x`, status: 'past_due', fallbackPlanCode: 'free' as PlanCode },
    ...{ planCode: PRO, stripePriceId: 'price_1', minorUnits: 4_900n, currency: 'usd', interval: 'month' },
    ...{ intervalCount: 1, includedPerCycle: 0n, rolloverLimit: 0n, graceMs: 7 * DAY_MS, pastDueEnd: 'fallback' },
    ...{ startedAt: NOW - 31 * DAY_MS, periodStart: NOW - 31 * DAY_MS, periodEnd: NOW, paidAllowance: 0n },
    ...{ graceEndsAt: NOW + 7 * DAY_MS, failureCode: '<b>card_declined</b>' },
    ...fields,
  };
}

/** A workspace with two administrators who have an address. */
async function open() {
  now = NOW;
  const { tenantId, admin, calls } = await openWorkspace(callers, { displayName: 'Acme' });
  const second = await joinAs(callers, tenantId, { tenantAdmin: true }, stranger('second'));
  const tenant: TenantRef = { tenantId: tenantId as TenantId, productCode: 'agentruntime' as ProductCode };
  return { tenant, calls, addresses: [emailOf(admin), emailOf(second.who)].sort() };
}

describe('the mail before a trial ends', () => {
  test('goes to every administrator with an address and to nobody else, and says what follows', async () => {
    const { tenant, addresses } = await open();
    const { email: _, ...nameless } = stranger('nameless');
    await joinAs(callers, tenant.tenantId, { tenantAdmin: true }, nameless);
    await joinAs(callers, tenant.tenantId, {}, stranger('member'));
    await noticeOf().noteTrialEnding(tenant, TRIAL);
    const mails = await mailsAbout(tenant.tenantId);
    expect(mails.map(({ to }) => to)).toEqual(addresses);
    const content = { template: 'trial_ending', workspace_name: 'Acme', becomes_paid: false };
    for (const mail of mails) {
      expect(mail).toMatchObject({ product_code: 'agentruntime', state: 'pending', content });
      expect(mail.content).toMatchObject({ plan_name: 'AgentRuntime Pro', expires_at: new Date(TRIAL.endsAt) });
      expect(mail._id).toMatch(/^trial-ending:ten_[\w-]+:usr_[\w-]+$/);
    }
    const paid = await open();
    await noticeOf({ becomesPaid: async () => true }).noteTrialEnding(paid.tenant, TRIAL);
    for (const mail of await mailsAbout(paid.tenant.tenantId)) expect(mail.content['becomes_paid']).toBe(true);
  });

  test('is put in once, also where many note it at once, and what follows has changed since', async () => {
    const { tenant, addresses } = await open();
    const many = Array.from({ length: 20 }, () => noticeOf().noteTrialEnding(tenant, TRIAL));
    await Promise.all(many);
    await noticeOf({ becomesPaid: async () => true }).noteTrialEnding(tenant, TRIAL);
    const mails = await mailsAbout(tenant.tenantId);
    expect(mails.map(({ to }) => to)).toEqual(addresses);
    expect(mails.map(({ content }) => content['becomes_paid'])).toEqual([false, false]);
    const data = { plan_code: 'pro', end_time: new Date(TRIAL.endsAt).toISOString(), becomes_paid: 'false' };
    const event = { _id: `trial-ending:${tenant.tenantId}`, type: 'trial.ending', data };
    expect(await eventsOf(tenant.tenantId)).toEqual([event]);
  });

  test('costs nothing more once a kernel has noted it to its end', async () => {
    const { tenant } = await open();
    let reads = 0;
    const loadWorkspace: BillingNoticeParts['tenants']['loadWorkspace'] = (tenantId) => {
      reads += 1;
      return reads === 1
        ? Promise.reject(new Error('injected: the database was away'))
        : base.tenants.loadWorkspace(tenantId);
    };
    const notice = noticeOf({ tenants: { loadWorkspace } });
    await expect(notice.noteTrialEnding(tenant, TRIAL)).rejects.toThrow('injected');
    for (let again = 0; again < 3; again += 1) await notice.noteTrialEnding(tenant, TRIAL);
    expect(reads).toBe(2);
    expect(await mailsAbout(tenant.tenantId)).toHaveLength(2);
  });

  test('whose kernel dies after one of two is put in for the other one by the next', async () => {
    const { tenant, addresses } = await open();
    let left = 1;
    const dying: BillingNoticeParts['outbox'] = {
      enqueue: (mail) => {
        left -= 1;
        return left < 0 ? Promise.reject(new Error('injected: the kernel died here')) : base.outbox.enqueue(mail);
      },
    };
    await expect(noticeOf({ outbox: dying }).noteTrialEnding(tenant, TRIAL)).rejects.toThrow('injected');
    expect(await mailsAbout(tenant.tenantId)).toHaveLength(1);
    await noticeOf().noteTrialEnding(tenant, TRIAL);
    expect((await mailsAbout(tenant.tenantId)).map(({ to }) => to)).toEqual(addresses);
  });

  test('is not put in once the trial has ended, for a workspace that was closed, or that is not there', async () => {
    const { tenant } = await open();
    now = TRIAL.endsAt;
    await noticeOf().noteTrialEnding(tenant, TRIAL);
    now = NOW;
    await workspaceOperatorOf(callers).close(tenant.tenantId);
    await noticeOf().noteTrialEnding(tenant, TRIAL);
    await noticeOf().noteTrialEnding({ ...tenant, tenantId: 'ten_none' as TenantId }, TRIAL);
    expect(await mailsAbout(tenant.tenantId)).toEqual([]);
    expect(await mailsAbout('ten_none')).toEqual([]);
    expect(await eventsOf(tenant.tenantId)).toEqual([]);
  });
});

describe('the mail of a payment that failed', () => {
  test('says until when everything stays and where to pay, once until it is made up for, and nothing of Stripe’s words', async () => {
    const { tenant, addresses } = await open();
    const subscription = pastDue();
    await Promise.all(
      Array.from({ length: 10 }, () => noticeOf().notePaymentFailed(tenant, subscription, PAYMENT_URL)),
    );
    const mails = await mailsAbout(subscription.stripeSubscriptionId);
    expect(mails.map(({ to }) => to)).toEqual(addresses);
    for (const { content } of mails) {
      expect(content).toMatchObject({
        template: 'payment_failed',
        workspace_name: 'Acme',
        plan_name: 'AgentRuntime Pro',
      });
      expect(content).toMatchObject({
        grace_ends_at: new Date(NOW + 7 * DAY_MS),
        payment_url: PAYMENT_URL,
      });
      expect(JSON.stringify(content)).not.toContain('card_declined');
    }
    await noticeOf().notePaymentFailed(tenant, { ...subscription, periodStart: NOW });
    expect(await mailsAbout(subscription.stripeSubscriptionId)).toHaveLength(4);
    // What failed was made up for, and the next payment of the same period failed as well.
    const nextGraceEnd = NOW + 9 * DAY_MS;
    await noticeOf().notePaymentFailed(tenant, { ...subscription, graceEndsAt: nextGraceEnd });
    expect(await mailsAbout(subscription.stripeSubscriptionId)).toHaveLength(6);
    const graceEnd = new Date(NOW + 7 * DAY_MS).toISOString();
    const data = { plan_code: 'pro', grace_end_time: graceEnd, payment_url: PAYMENT_URL };
    const key = `payment-failed:${subscription.stripeSubscriptionId}`;
    const { payment_url: _, ...withoutPage } = data;
    expect(await eventsOf(tenant.tenantId)).toEqual([
      { _id: `${key}:${subscription.periodStart}:${NOW + 7 * DAY_MS}`, type: 'payment.failed', data },
      { _id: `${key}:${NOW}:${NOW + 7 * DAY_MS}`, type: 'payment.failed', data: withoutPage },
      {
        ...{ _id: `${key}:${subscription.periodStart}:${nextGraceEnd}`, type: 'payment.failed' },
        data: { ...withoutPage, grace_end_time: new Date(nextGraceEnd).toISOString() },
      },
    ]);
  });

  test('names the plan by its code where the catalog has it no more, and no page where there is none', async () => {
    const { tenant } = await open();
    const subscription = pastDue({ planCode: 'gone' as PlanCode });
    await noticeOf().notePaymentFailed(tenant, subscription);
    const [mail] = await mailsAbout(subscription.stripeSubscriptionId);
    expect(mail?.content).toMatchObject({ plan_name: 'gone' });
    expect(mail?.content).not.toHaveProperty('payment_url');
  });

  test('is put in where there is no time of grace as well, and no more when that was over a week ago', async () => {
    const { tenant } = await open();
    const [none, old] = [pastDue({ graceEndsAt: NOW }), pastDue({ graceEndsAt: NOW - 7 * DAY_MS })];
    const { graceEndsAt: _, ...paid } = pastDue();
    for (const subscription of [none, old, paid]) await noticeOf().notePaymentFailed(tenant, subscription);
    const [mail] = await mailsAbout(none.stripeSubscriptionId);
    expect(mail?.content).toMatchObject({ template: 'payment_failed', expires_at: new Date(NOW + 7 * DAY_MS) });
    expect(mail?.content).not.toHaveProperty('grace_ends_at');
    expect(await mailsAbout(old.stripeSubscriptionId)).toEqual([]);
    expect(await mailsAbout(paid.stripeSubscriptionId)).toEqual([]);
  });
});
