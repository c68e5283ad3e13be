// What a workspace has paid at the sandbox and what went back, as it is listed: whatever it was for, also where no event has told of it,
// and while Stripe is away.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DifferenceKind } from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { PaymentKind, PaymentStatus } from '../../gen/wheelhouse/payment/v1/payment.ts';
import {
  ListPaymentsRequest,
  PaymentHistoryServiceService,
} from '../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import { TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import { CREDIT, newcomer, PERSON } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { reconciliationCallsOf } from './support/reconciliation.ts';
import { DAY_MS, expectSound, HOUR_MS, openShop, type Shop, type Workspace } from './support/subscription.ts';
import { openBuyer } from './support/top-up.ts';

/** What no payment can be. */
const UNKNOWN = { kind: 99 as PaymentKind, status: 99 as PaymentStatus };
const DECLINED = '4000 0000 0000 9995';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterEach(() => shop.stripe.sandbox.control.clearFaults());
afterAll(() => shop.close());

function list({ tenantId, settings }: Workspace, fields: Partial<ListPaymentsRequest> = {}) {
  const request = ListPaymentsRequest.fromPartial({ tenantId, ...fields });
  return shop.callers.bff.call(PaymentHistoryServiceService.listPayments, request, settings);
}

async function rowsOf(workspace: Workspace) {
  const { payments } = await list(workspace);
  return payments.map(({ kind, status, amount }) => [kind, status, Number(amount?.minorUnits)]);
}

/** Buys a plan and credits, has a card declined, cancels a purchase; gets a part back, and has a bank take the rest. */
async function openPayer() {
  const buyer = await openBuyer(shop);
  const { workspace, begin, pay, cancel } = buyer;
  await workspace.storeCard();
  await workspace.activate({ planCode: 'pro' });
  const paid = await begin({ useStoredCard: true });
  const declined = await begin();
  await pay(declined, DECLINED);
  const canceled = await begin();
  await cancel(canceled.topUpId);
  const { stripe, sandbox } = shop.stripe;
  const { latest_charge: charge } = await stripe.paymentIntents.retrieve(paid.paymentIntentId);
  await stripe.refunds.create({ charge: String(charge), amount: 250 });
  const dispute = sandbox.control.createDispute(String(charge));
  return { ...buyer, paid, dispute };
}

const PAID: readonly (readonly [PaymentKind, PaymentStatus, number])[] = [
  [PaymentKind.SUBSCRIPTION, PaymentStatus.SUCCEEDED, 4_900],
  [PaymentKind.TOP_UP, PaymentStatus.SUCCEEDED, 1_000],
  [PaymentKind.TOP_UP, PaymentStatus.FAILED, 1_000],
  [PaymentKind.TOP_UP, PaymentStatus.CANCELED, 1_000],
  [PaymentKind.REFUND, PaymentStatus.SUCCEEDED, 250],
];

const sorted = (rows: readonly (readonly unknown[])[]) => rows.map((row) => row.join()).toSorted();

describe('the history of payments', () => {
  test('has plans, credits, refunds and disputes, with what they were and where they stand', async () => {
    const { workspace, paid, dispute } = await openPayer();
    const open = [PaymentKind.DISPUTE, PaymentStatus.PENDING, 750] as const;
    await expect.poll(async () => sorted(await rowsOf(workspace))).toEqual(sorted([...PAID, open]));
    const { payments } = await list(workspace);
    expect(payments.find(({ topUpId }) => topUpId === paid.topUpId)).toMatchObject({
      ...{ kind: PaymentKind.TOP_UP, microcredits: 10n * CREDIT, description: '10 credits', paidPaymentId: '' },
      ...{ paymentId: paid.stripeInvoiceId, invoiceUrl: expect.stringContaining(shop.stripe.sandbox.url) },
    });
    expect(payments.find(({ kind }) => kind === PaymentKind.REFUND)).toMatchObject({
      ...{ paidPaymentId: paid.stripeInvoiceId, description: '10 credits', invoiceUrl: '' },
    });
    shop.stripe.sandbox.control.closeDispute(dispute.id, 'won');
    const won = [PaymentKind.DISPUTE, PaymentStatus.CANCELED, 750] as const;
    await expect.poll(async () => sorted(await rowsOf(workspace))).toEqual(sorted([...PAID, won]));
  });

  test('has a refund of a plan that its bank sends back, and billing events tell of that once', async () => {
    const { workspace, told } = await openBuyer(shop);
    await workspace.storeCard('pm_card_refundFail');
    await workspace.activate({ planCode: 'pro' });
    const { stripe } = shop.stripe;
    const [charge] = (await stripe.charges.list({ customer: await workspace.customerId() })).data;
    await stripe.refunds.create({ charge: charge?.id ?? '' });
    await shop.advance(DAY_MS + HOUR_MS);
    await expect.poll(told).toContain('payment.refund_failed 4900');
    await shop.advance(DAY_MS);
    await shop.settle();
    expect((await told()).filter((event) => event.startsWith('payment.refund_failed'))).toHaveLength(1);
    expect((await rowsOf(workspace)).map(([, status]) => status).sort()).toEqual(
      [PaymentStatus.SUCCEEDED, PaymentStatus.FAILED].sort(),
    );
    // Operators find it until somebody says that the money was given in another way.
    const [refund] = (await stripe.refunds.list({ charge: charge?.id ?? '' })).data;
    const found = await reconciliationCallsOf(shop.callers).verify(workspace.tenantId);
    expect(found).toMatchObject([{ kind: DifferenceKind.REFUND_FAILED, subject: refund?.id }]);
    await stripe.refunds.update(refund?.id ?? '', { metadata: { settled_outside: 'true' } });
    await expectSound(shop, workspace);
  });

  test('has all refunds of a payment, also where there are more than come with it and no event told of them', async () => {
    const deaf = await openShop({ isDeaf: true });
    try {
      const { workspace } = await openBuyer(deaf);
      await workspace.storeCard();
      await workspace.activate({ planCode: 'pro' });
      const { stripe } = deaf.stripe;
      const [charge] = (await stripe.charges.list({ customer: await workspace.customerId() })).data;
      for (let number = 0; number < 12; number += 1) {
        await stripe.refunds.create({ charge: charge?.id ?? '', amount: 10 });
      }
      const request = ListPaymentsRequest.fromPartial({ tenantId: workspace.tenantId, kind: PaymentKind.REFUND });
      const { listPayments } = PaymentHistoryServiceService;
      expect((await deaf.callers.bff.call(listPayments, request, workspace.settings)).payments).toHaveLength(12);
    } finally {
      await deaf.close();
    }
  });

  test('has a refund and a dispute of a plan as soon as events tell of them, and so do billing events; neither takes anything', async () => {
    const buyer = await openBuyer(shop);
    const { workspace, told } = buyer;
    await workspace.storeCard();
    await workspace.activate({ planCode: 'pro' });
    const before = await workspace.balance();
    const { stripe, sandbox } = shop.stripe;
    const [charge] = (await stripe.charges.list({ customer: await workspace.customerId() })).data;
    await stripe.refunds.create({ charge: charge?.id ?? '', amount: 900 });
    await expect.poll(told).toEqual(['payment.refunded 900']);
    const dispute = sandbox.control.createDispute(charge?.id ?? '');
    await expect.poll(told).toEqual(['payment.refunded 900', 'payment.disputed 4000']);
    sandbox.control.closeDispute(dispute.id, 'lost');
    // What is kept, without anybody who asks.
    const kept = shop.kernel.connection.collection('payments');
    await expect
      .poll(async () => (await kept.findOne({ tenant_id: workspace.tenantId, kind: 'dispute' }))?.['status'])
      .toBe('succeeded');
    const rows = [
      [PaymentKind.SUBSCRIPTION, PaymentStatus.SUCCEEDED, 4_900],
      [PaymentKind.REFUND, PaymentStatus.SUCCEEDED, 900],
      [PaymentKind.DISPUTE, PaymentStatus.SUCCEEDED, 4_000],
    ];
    expect(sorted(await rowsOf(workspace))).toEqual(sorted(rows));
    expect(await told()).toHaveLength(2);
    expect(await workspace.balance()).toEqual(before);
    expect((await workspace.get()).subscription?.stripeSubscriptionId).toMatch(/^sub_/);
    await expectSound(shop, workspace);
  });

  test('has what waits for its person as open, and what was declined as failed, until it is paid', async () => {
    const { workspace, begin, pay, get } = await openBuyer(shop);
    await workspace.storeCard('pm_card_authenticationRequired');
    const waiting = await begin({ useStoredCard: true });
    expect(waiting.status).toBe(TopUpStatus.REQUIRES_ACTION);
    await expect.poll(() => rowsOf(workspace)).toEqual([[PaymentKind.TOP_UP, PaymentStatus.PENDING, 1_000]]);
    await pay(waiting, DECLINED);
    await expect.poll(() => rowsOf(workspace)).toEqual([[PaymentKind.TOP_UP, PaymentStatus.FAILED, 1_000]]);
    await pay(await get(waiting.topUpId));
    await expect.poll(() => rowsOf(workspace)).toEqual([[PaymentKind.TOP_UP, PaymentStatus.SUCCEEDED, 1_000]]);
  });

  test('is as it was known while Stripe is away, and soon', async () => {
    const { workspace } = await openPayer();
    await shop.settle();
    shop.stripe.sandbox.control.addFault({ outcome: 'refused', status: 503 });
    expect(sorted(await rowsOf(workspace))).toContain(`${PaymentKind.TOP_UP},${PaymentStatus.SUCCEEDED},1000`);
  });

  test('has what no event has told of', async () => {
    const { control } = shop.stripe.sandbox;
    control.addDeliveryRule({ types: ['*'], action: { kind: 'hold' } });
    try {
      const { workspace } = await openPayer();
      await expect.poll(async () => (await rowsOf(workspace)).length).toBe(6);
    } finally {
      control.clearDeliveryRules();
      await control.release();
    }
  });

  test('comes in pages, each payment once, the newest first', async () => {
    const { workspace } = await openPayer();
    await expect.poll(async () => (await rowsOf(workspace)).length).toBe(6);
    const ids: string[] = [];
    const times: number[] = [];
    let pageToken = '';
    do {
      const page = await list(workspace, { pageSize: 4, pageToken });
      ids.push(...page.payments.map(({ paymentId }) => paymentId));
      times.push(...page.payments.map(({ createTime }) => createTime?.getTime() ?? 0));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(new Set(ids).size).toBe(6);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    const failure = await failureOf(list(workspace, { pageToken: 'x' }));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD' });
  });

  test('has those of a kind, a status and a range of time alone, and a page goes on with the filters of the one before', async () => {
    const { workspace } = await openPayer();
    await expect.poll(async () => (await rowsOf(workspace)).length).toBe(6);
    const { payments } = await list(workspace);
    const idsOf = async (fields: Partial<ListPaymentsRequest>) =>
      (await list(workspace, fields)).payments.map(({ paymentId }) => paymentId);
    const ofKind = { kind: PaymentKind.TOP_UP };
    const expected = (isListed: (payment: (typeof payments)[number]) => boolean) =>
      payments.filter(isListed).map(({ paymentId }) => paymentId);
    expect(await idsOf(ofKind)).toEqual(expected(({ kind }) => kind === PaymentKind.TOP_UP));
    expect(await idsOf({ ...ofKind, status: PaymentStatus.CANCELED })).toHaveLength(1);
    expect(await idsOf({ status: PaymentStatus.FAILED })).toEqual(
      expected(({ status }) => status === PaymentStatus.FAILED),
    );
    const turn = payments[2]?.createTime ?? new Date();
    expect(await idsOf({ startTime: turn })).toEqual(expected(({ createTime }) => Number(createTime) >= Number(turn)));
    expect(await idsOf({ endTime: turn })).toEqual(expected(({ createTime }) => Number(createTime) < Number(turn)));
    const { nextPageToken: pageToken } = await list(workspace, { ...ofKind, pageSize: 1 });
    expect(await idsOf({ ...ofKind, pageToken })).toEqual((await idsOf(ofKind)).slice(1));
    for (const other of [{}, { kind: PaymentKind.REFUND }, { ...ofKind, startTime: turn }]) {
      const failure = await failureOf(list(workspace, { ...other, pageToken }));
      expect(failure).toMatchObject({
        reason: 'INVALID_FIELD',
        violations: { page_token: expect.stringContaining('token of this list') },
      });
    }
    const failure = await failureOf(list(workspace, { ...UNKNOWN, startTime: turn, endTime: turn }));
    expect(Object.keys(failure.violations)).toEqual(['kind', 'status', 'end_time']);
  });

  test('is empty where nothing was paid, and nobody else’s', async () => {
    const { workspace } = await openBuyer(shop);
    expect(await list(workspace)).toEqual({ payments: [], nextPageToken: '' });
    const { tenantId } = workspace;
    const ofOther = { metadata: { ...newcomer('otherproduct', PERSON).metadata, 'x-tenant-id': tenantId } };
    const request = ListPaymentsRequest.fromPartial({ tenantId });
    const asked = shop.callers.otherBff.call(PaymentHistoryServiceService.listPayments, request, ofOther);
    expect(await failureOf(asked)).toMatchObject({ reason: 'TENANT_NOT_FOUND' });
  });
});
