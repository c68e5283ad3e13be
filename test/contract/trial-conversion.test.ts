// The end of a trial that somebody agreed to be charged at, where things go otherwise: another change is under way, no event told of the
// card, the bank wants to see the person, the plan is not on sale any more, or there is no card at all.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { MemberServiceService, PutMemberRequest } from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import { sendCard } from '../support/hosted-form.ts';
import { ISSUER, OPERATOR } from './support/account.ts';
import { newRequestId } from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { operatorCallsOf } from './support/operator.ts';
import {
  DAY_MS,
  expectSound,
  HOUR_MS,
  openShop,
  openWorkspace,
  type Shop,
  type Workspace,
} from './support/subscription.ts';

const TRIAL_MS = 14 * DAY_MS;

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterEach(() => {
  shop.stripe.sandbox.control.clearFaults();
  shop.stripe.sandbox.control.clearDeliveryRules();
});
afterEach(() => expectLedgerClean(shop.callers));
afterAll(() => shop.close());

/** A workspace whose administrator has an address. */
async function openReader(): Promise<Workspace> {
  const workspace = await openWorkspace(shop);
  const reader = { issuer: ISSUER, subject: newRequestId(), email: 'reader@example.com', tenantAdmin: true };
  const request = { requestId: newRequestId(), tenantId: workspace.tenantId, ...reader, ...OPERATOR };
  await shop.callers.sysadmin.call(MemberServiceService.putMember, PutMemberRequest.fromPartial(request));
  return workspace;
}

/** Begins the trial of `pro` with consent. */
async function consent({ tenantId }: Workspace): Promise<void> {
  const request = { planCode: 'pro', consentToCharge: true };
  await shop.trials.start(tenantId, request, { subject: `trial-of-${tenantId}` });
}

interface Mail {
  readonly _id: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** What people are told of a plan that could not be charged. */
async function tellingsOf({ tenantId }: Workspace) {
  const { connection } = shop.kernel;
  const events = connection.collection<{ _id: string; type: string; data: Readonly<Record<string, string>> }>(
    'billing_events',
  );
  const event = await events.findOne({ _id: `conversion-failed:${tenantId}` });
  const mails = await connection
    .collection<Mail>('mail_outbox')
    .find({ _id: { $regex: `^conversion-failed:${tenantId}` } })
    .toArray();
  return { event: event?.data, mails: mails.map(({ content }) => content) };
}

describe('a trial that ends, and that somebody agreed to be charged at', () => {
  test('becomes the paid plan once another change is over that Stripe holds up', async () => {
    const [workspace, witness] = [await openWorkspace(shop), await openWorkspace(shop)];
    await consent(workspace);
    await shop.trials.startByOperator(witness.tenantId, { planCode: 'pro' });
    await workspace.storeCard();
    await shop.advance(TRIAL_MS - 120_000);
    const { control } = shop.stripe.sandbox;
    control.addFault({ method: 'POST', path: '/v1/checkout/sessions', outcome: 'refused', status: 503 });
    const asked = workspace
      .activate({ planCode: 'plus', hostedPage: true, returnPath: '/settings' })
      .catch(() => undefined);
    const open = shop.kernel.connection.collection<{ _id: string }>('stripe_intents');
    await expect.poll(() => open.countDocuments({ _id: workspace.tenantId })).toBe(1);
    await shop.advance(180_000);
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('free');
    await shop.advance(300_000);
    // By then a kernel has looked for the last time after what it takes to be done.
    const due = shop.kernel.connection.collection('ledger_due');
    await expect.poll(() => due.countDocuments({ tenant_id: witness.tenantId }), { timeout: 40_000 }).toBe(0);
    control.clearFaults();
    await shop.advance(600_000);
    await asked;
    await expect.poll(async () => (await workspace.balance()).planCode, { timeout: 30_000 }).toBe('pro');
    expect(await workspace.charged()).toEqual([4_900]);
    await expectSound(shop, workspace);
  });

  test('becomes the paid plan by a card that was stored on a page, though no event told of it', async () => {
    const workspace = await openWorkspace(shop);
    await consent(workspace);
    shop.stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'drop' } });
    const { url } = await workspace.startSetup({ hostedPage: true, returnPath: '/settings' });
    expect((await sendCard(url)).status).toBe(303);
    await shop.advance(TRIAL_MS + 2_000);
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('pro');
    expect(await workspace.charged()).toEqual([4_900]);
    await expectSound(shop, workspace);
  });

  test('leads to the page where the bank sees the person, by event and mail', async () => {
    const workspace = await openReader();
    await workspace.storeCard('pm_card_authenticationRequired');
    await consent(workspace);
    await shop.advance(TRIAL_MS + 2_000);
    await expect.poll(async () => (await tellingsOf(workspace)).mails.length, { timeout: 30_000 }).toBe(1);
    const { event, mails } = await tellingsOf(workspace);
    expect(event?.['payment_url']).toContain(shop.stripe.sandbox.url);
    expect(mails[0]?.['payment_url']).toBe(event?.['payment_url']);
    expect((await sendCard(event?.['payment_url'] ?? '')).status).toBe(303);
    await workspace.refresh();
    expect(await workspace.balance()).toMatchObject({ planCode: 'pro' });
    expect(await workspace.charged()).toEqual([4_900]);
    await expectSound(shop, workspace);
  });

  test('is not charged for a plan that people can no longer buy, and they are told', async () => {
    const operator = operatorCallsOf(shop.callers);
    const fields = { productCode: 'agentruntime', planCode: 'plus' };
    const mask = ['self_serve', 'contact_sales'];
    const workspace = await openReader();
    await shop.trials.startByOperator(workspace.tenantId, { planCode: 'plus', trialDays: 5 });
    await workspace.agreeByCard();
    await operator.upsertPolicy({ ...fields, selfServe: false, contactSales: true }, mask);
    await shop.advance(5 * DAY_MS + 2_000);
    await expect.poll(async () => (await tellingsOf(workspace)).mails.length).toBe(1);
    await operator.upsertPolicy({ ...fields, selfServe: true, contactSales: false }, mask);
    await shop.advance(HOUR_MS);
    expect(await workspace.balance()).toMatchObject({ planCode: 'free' });
    expect(await workspace.charged()).toEqual([]);
    await expectSound(shop, workspace);
  });

  test('is not charged without a card, and people are told', async () => {
    const workspace = await openReader();
    await consent(workspace);
    await shop.advance(TRIAL_MS + 2_000);
    await expect.poll(async () => (await tellingsOf(workspace)).mails.length).toBe(1);
    expect((await tellingsOf(workspace)).event).toEqual({ plan_code: 'pro' });
    expect(await workspace.balance()).toMatchObject({ planCode: 'free' });
  });
});
