// A cancellation that somebody takes back in the portal, of which no event tells, or one that comes after the end: whoever goes on
// at Stripe goes on here, with plan, credits and the time to pay.

import type { Stripe } from 'stripe';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { LedgerAuditServiceService, ReverseEntryRequest } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { CheckFundsRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { SubscriptionStatus } from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import { sendCard } from '../support/hosted-form.ts';
import { CREDIT, OPERATOR } from './support/account.ts';
import { deliverEvent } from './support/delivery.ts';
import { holdCallsOf } from './support/hold.ts';
import { newRequestId } from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import {
  DAY_MS,
  expectSound,
  HOUR_MS,
  openShop,
  openWorkspace,
  type Shop,
  type Workspace,
} from './support/subscription.ts';

const LEFT = 3n * CREDIT;

let shop: Shop;
let workspace: Workspace;
let periodEnd: Date;

beforeAll(async () => {
  shop = await openShop({ isDeaf: true });
});
beforeEach(async () => {
  workspace = await openWorkspace(shop);
  await workspace.storeCard();
  await workspace.activate({ planCode: 'pro' });
  await shop.callers.debit(workspace.tenantId, { quantity: '2' });
  await workspace.cancel();
  const { subscription } = await workspace.get();
  periodEnd = subscription?.periodEndTime ?? new Date(0);
  expect(subscription?.cancelTime).toEqual(periodEnd);
  await shop.stripe.stripe.subscriptions.update((await atStripe()).id, { cancel_at_period_end: false });
});
afterEach(() => expectLedgerClean(shop.callers));
afterAll(() => shop.close());

async function atStripe(): Promise<Stripe.Subscription> {
  const { data } = await shop.stripe.stripe.subscriptions.list({
    customer: await workspace.customerId(),
    status: 'all',
  });
  const [own] = data;
  if (own === undefined) throw new Error('the workspace has no subscription at Stripe');
  return own;
}

/** Goes to a time after the end of the period, or before it. */
async function advanceTo(afterEndMs: number): Promise<void> {
  const { asOfTime } = await workspace.get();
  await shop.advance(periodEnd.getTime() + afterEndMs - (asOfTime?.getTime() ?? 0));
}

const standing = async () => {
  const { planCode, subscription } = await workspace.get();
  const { includedRemainingMicrocredits: included } = await workspace.balance();
  return { planCode, status: subscription?.status, cancelTime: subscription?.cancelTime, included };
};
const GOING_ON = { planCode: 'pro', cancelTime: undefined };
const WAITING = { ...GOING_ON, status: SubscriptionStatus.RENEWAL_PENDING, included: LEFT };
const RENEWED = { ...GOING_ON, status: SubscriptionStatus.ACTIVE, included: 5n * CREDIT };

async function expectRenewed(): Promise<void> {
  await expect.poll(standing).toEqual(RENEWED);
  expect(await workspace.charged()).toEqual([4_900, 4_900]);
  await expectSound(shop, workspace);
}

/** When Stripe is asked next, by this workspace's row. */
async function nextLook(): Promise<Date | undefined> {
  const rows = shop.kernel.connection.collection<{ _id: string; sync_due_at?: Date }>('stripe_customers');
  return (await rows.findOne({ _id: workspace.tenantId }))?.sync_due_at;
}

describe('a cancellation that was taken back at Stripe', () => {
  test('is found out before its time, though no event tells of it: nothing ends', async () => {
    await advanceTo(-30_000);
    await expect.poll(standing).toEqual({
      ...{ ...GOING_ON, status: SubscriptionStatus.ACTIVE, included: LEFT },
    });
    await advanceTo(2 * HOUR_MS);
    await expectRenewed();
  });

  test('leaves plan and credits also where nobody could look before its time, and no event tells', async () => {
    await advanceTo(20_000);
    await expect.poll(standing).toEqual(WAITING);
    const work = CheckFundsRequest.fromPartial({
      ...{ tenantId: workspace.tenantId, action: 'memory_index_file_mb', quantity: '3' },
    });
    expect(await shop.callers.internal.call(LedgerServiceService.checkFunds, work)).toMatchObject({ allowed: true });
    await shop.advance(2 * HOUR_MS);
    await expectRenewed();
  });

  test('leaves to the cycle what was used and held before that: a reversal and a hold that ends give it back', async () => {
    const { tenantId } = workspace;
    const holds = holdCallsOf(shop.callers);
    await advanceTo(-2 * HOUR_MS);
    const { holdId } = await holds.hold(tenantId, '2', { expireTime: new Date(periodEnd.getTime() + HOUR_MS / 2) });
    await advanceTo(20_000);
    await expect.poll(standing).toEqual(WAITING);
    const [charge] = await holds.entriesOf(tenantId, [EntryType.DEBITED]);
    const about = { tenantId, entryId: charge?.entryId ?? '', ...OPERATOR, reason: 'charged by mistake' };
    await shop.callers.sysadmin.call(
      LedgerAuditServiceService.reverseEntry,
      ReverseEntryRequest.fromPartial({ requestId: newRequestId(), ...about }),
    );
    await holds.release({ tenantId, holdId });
    expect(await workspace.balance()).toMatchObject({
      includedRemainingMicrocredits: 5n * CREDIT,
      heldMicrocredits: 0n,
    });
    await advanceTo(2 * HOUR_MS);
    await workspace.refresh();
    await expectRenewed();
  });

  test('does so where its event comes after its time', async () => {
    const { data } = await shop.stripe.stripe.events.list({ type: 'customer.subscription.updated', limit: 100 });
    const { id } = await atStripe();
    const told = data.find(({ data: { object } }) => 'id' in object && object.id === id);
    await advanceTo(2_000);
    await deliverEvent(shop.kernel.httpUrl, JSON.stringify(told));
    await expect.poll(standing).toEqual(WAITING);
    await shop.advance(2 * HOUR_MS);
    await expectRenewed();
  });
});

describe('where the renewal is declined that nobody here expected', () => {
  const PAST_DUE = { ...WAITING, status: SubscriptionStatus.PAST_DUE };

  beforeEach(async () => {
    await workspace.storeCard('pm_card_chargeCustomerFail');
    await advanceTo(2 * HOUR_MS);
    await expect.poll(standing).toEqual(PAST_DUE);
  });

  const tellings = () =>
    shop.kernel.connection
      .collection('billing_events')
      .find({ tenant_id: workspace.tenantId, type: 'payment.failed' })
      .toArray();

  test('there is the whole time to pay, which people are told of, and the page to pay on', async () => {
    const { subscription } = await workspace.get();
    expect(subscription?.graceEndTime).toEqual(new Date(periodEnd.getTime() + 7 * DAY_MS));
    await expect.poll(tellings).toMatchObject([{ data: { plan_code: 'pro', payment_url: subscription?.paymentUrl } }]);
    await shop.advance(5 * DAY_MS);
    expect(await standing()).toEqual(PAST_DUE);
    expect((await sendCard(subscription?.paymentUrl ?? '')).status).toBe(303);
    await workspace.refresh();
    await expectRenewed();
  });

  test('it ends at Stripe, too, where nobody pays', async () => {
    await shop.advance(7 * DAY_MS);
    await expect.poll(standing).toMatchObject({ planCode: 'free', included: 0n });
    await expect.poll(async () => (await atStripe()).status).toBe('canceled');
    expect(await workspace.charged()).toEqual([4_900]);
    expect(await tellings()).toHaveLength(1);
    await workspace.refresh();
    await expectSound(shop, workspace);
  });
});

test('a cancellation is looked for before its time also while a payment is missing: taken back, it ends nothing', async () => {
  await workspace.storeCard('pm_card_chargeCustomerFail');
  await advanceTo(2 * HOUR_MS);
  await expect.poll(standing).toMatchObject({ status: SubscriptionStatus.PAST_DUE, cancelTime: undefined });
  // Not at the hour at which it is asked for the payment anyway.
  const [canceledMs, { id }] = [2 * DAY_MS + HOUR_MS / 2, await atStripe()];
  const cancelTime = new Date(periodEnd.getTime() + canceledMs);
  await shop.stripe.stripe.subscriptions.update(id, { cancel_at: cancelTime.getTime() / 1_000 });
  await advanceTo(canceledMs - HOUR_MS / 3);
  await workspace.refresh();
  await expect.poll(nextLook).toEqual(new Date(cancelTime.getTime() - 60_000));
  expect(await standing()).toMatchObject({ status: SubscriptionStatus.PAST_DUE, cancelTime });
  await shop.stripe.stripe.subscriptions.update(id, { cancel_at: '' });
  await advanceTo(canceledMs - 30_000);
  await expect.poll(standing).toMatchObject({ planCode: 'pro', cancelTime: undefined });
  await advanceTo(canceledMs + 10_000);
  expect(await standing()).toMatchObject({ planCode: 'pro', status: SubscriptionStatus.PAST_DUE, included: LEFT });
});

test('what was resumed and not paid is ended at Stripe where nobody could look before the grace was over', async () => {
  await workspace.storeCard('pm_card_chargeCustomerFail');
  await advanceTo(8 * DAY_MS);
  await expect.poll(async () => (await atStripe()).status).toBe('canceled');
  await workspace.refresh();
  expect(await standing()).toMatchObject({ planCode: 'free', included: 0n });
  await expectSound(shop, workspace);
});
