// The payments of workspaces against what Stripe shows, by a kernel that no event reaches: a payment gives what it paid for, once, and
// what gave something was paid; each difference that is planted is found, and gone by what it is said to be mended by.

import { mongo } from 'mongoose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LedgerAuditServiceService, ReverseEntryRequest } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { LedgerServiceService, ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { DifferenceKind } from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { type TopUp, TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import { CommitNotice } from '../../kernel/app/ledger/commit-notice.ts';
import type { Ledger } from '../../kernel/app/ledger/ledger.ts';
import { createLedger } from '../../kernel/app/ledger/ledger-service.ts';
import type { ProductCode, TenantId, TopUpId } from '../../kernel/domain/id.ts';
import { paymentKey } from '../../kernel/domain/payback.ts';
import { Metrics } from '../../kernel/http/metric.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { createLedgerObserver } from '../../kernel/ledger-observer.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { startDatabaseClock } from '../../kernel/store/database-clock.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { CREDIT, OPERATOR } from './support/account.ts';
import { newRequestId } from './support/kernel-fixture.ts';
import { reconciliationCallsOf } from './support/reconciliation.ts';
import { expectSound, openShop, type Shop } from './support/subscription.ts';
import { openBuyer } from './support/top-up.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop({ isDeaf: true });
});
afterAll(() => shop.close());

const verify = (tenantId?: string) => reconciliationCallsOf(shop.callers).verify(tenantId);
const refresh = (tenantId: string) => reconciliationCallsOf(shop.callers).refresh(tenantId);

describe('the comparison of payments with Stripe', () => {
  const paidKey = (topUpId: string) => paymentKey(topUpId as TopUpId);
  type Buyer = Awaited<ReturnType<typeof openBuyer>>;
  const topUps = () => shop.kernel.connection.collection<{ _id: string }>('top_ups');
  const tenantOf = ({ workspace }: Buyer) => ({
    tenantId: workspace.tenantId as TenantId,
    productCode: 'agentruntime' as ProductCode,
  });

  /** A workspace that has bought ten credits by its stored card. */
  async function openPaid() {
    const buyer = await openBuyer(shop);
    await buyer.workspace.storeCard();
    const topUp = await buyer.begin({ useStoredCard: true });
    expect(topUp.status).toBe(TopUpStatus.SUCCEEDED);
    return { ...buyer, topUp };
  }

  /** The account by the kernel's own code, as a fault of its own would use it. */
  async function withLedger(work: (ledger: Ledger) => Promise<unknown>): Promise<void> {
    const { connection } = shop.kernel;
    const clock = await startDatabaseClock(connection, { movable: true, onMeasureFailed: () => undefined });
    const noPrices = () => Promise.reject(new Error('no prices are needed here'));
    const logger = pino({ level: 'silent' });
    const ledger = createLedger({
      ...{ store: await openLedgerStore(connection), clock, ids: RANDOM_ID_SOURCE, pacing: PROCESS_PACING },
      rulebooks: { loadRulebook: noPrices, refreshRulebook: noPrices },
      observer: createLedgerObserver(new Metrics().ledger, logger, new CommitNotice()),
    });
    await work(ledger);
    clock.stop();
  }

  async function reverse({ workspace }: Buyer, entryId: string): Promise<void> {
    const request = ReverseEntryRequest.fromPartial({
      ...{ requestId: newRequestId(), tenantId: workspace.tenantId, entryId, ...OPERATOR },
    });
    await shop.callers.sysadmin.call(LedgerAuditServiceService.reverseEntry, request);
  }

  /** The entry that gave the credits of a workspace's top-up. */
  async function paidEntryOf({ workspace: { tenantId } }: Buyer): Promise<string> {
    const request = ListEntriesRequest.fromPartial({ tenantId, pageSize: 100 });
    const { entries } = await shop.callers.internal.call(LedgerServiceService.listEntries, request);
    const isPaid = ({ detail }: (typeof entries)[number]) =>
      detail?.$case === 'granting' && detail.value.grant?.source.startsWith('payment:') === true;
    return entries.find(isPaid)?.entryId ?? '';
  }

  /** Charges the stored card by another invoice of the same top-up, as a fault of the kernel's would. */
  async function payAgain({ workspace, topUp }: Buyer & { readonly topUp: TopUp }) {
    const { invoices, invoiceItems } = shop.stripe.stripe;
    const customer = await workspace.customerId();
    const metadata = { purpose: 'topup', tenant_id: workspace.tenantId, intent_id: topUp.topUpId };
    const { id = '' } = await invoices.create({
      ...{ customer, currency: 'usd', metadata, auto_advance: false, collection_method: 'charge_automatically' },
      pending_invoice_items_behavior: 'exclude',
    });
    await invoiceItems.create({ customer, invoice: id, currency: 'usd', amount: 1_000 });
    await invoices.finalizeInvoice(id, { auto_advance: false });
    await invoices.pay(id, { off_session: true });
    const { payments } = await invoices.retrieve(id, { expand: ['payments'] });
    return { id, intent: String(payments?.data[0]?.payment.payment_intent) };
  }

  async function found(buyer: Buyer): Promise<readonly (readonly unknown[])[]> {
    const differences = await verify(buyer.workspace.tenantId);
    return differences.map(({ kind, subject, refreshMends }) => [kind, subject, refreshMends]);
  }

  test('finds nothing of what was bought, refunded or left unpaid', async () => {
    const buyer = await openPaid();
    await buyer.begin();
    expect(await found(buyer)).toEqual([]);
  });

  test('finds what was paid and whose event was lost, and mends it by reading again', async () => {
    const buyer = await openBuyer(shop);
    const topUp = await buyer.begin();
    await buyer.pay(topUp);
    // Nobody looks at it any more.
    await topUps().updateOne({ _id: topUp.topUpId }, { $set: { status: 'canceled' }, $unset: { due_at: '' } });
    expect(await found(buyer)).toEqual([[DifferenceKind.PAYMENT_WITHOUT_GRANT, topUp.topUpId, true]]);
    expect(await buyer.payg()).toBe(0n);
    await refresh(buyer.workspace.tenantId);
    expect(await buyer.payg()).toBe(10n * CREDIT);
    expect(await found(buyer)).toEqual([]);
    await expectSound(shop, buyer.workspace);
  });

  test('finds a refund that nobody told of, and takes the credits back by reading again', async () => {
    const buyer = await openPaid();
    await shop.stripe.stripe.refunds.create({ payment_intent: buyer.topUp.paymentIntentId, amount: 400 });
    expect(await found(buyer)).toEqual([[DifferenceKind.PAYBACK_DIFFERS, buyer.topUp.topUpId, true]]);
    await refresh(buyer.workspace.tenantId);
    expect(await buyer.payg()).toBe(6n * CREDIT);
    expect(await found(buyer)).toEqual([]);
  });

  test('finds credits that nobody paid for: of a top-up that is open, and of one that was never asked for', async () => {
    const buyer = await openBuyer(shop);
    const { topUpId } = await buyer.begin();
    const credit = { bucket: 'payg', amount: 10n * CREDIT, source: 'forged' } as const;
    await withLedger(async (ledger) => {
      await ledger.giveCredit(tenantOf(buyer), { key: paidKey(topUpId), ...credit });
      await ledger.giveCredit(tenantOf(buyer), { key: paidKey('pay_forged'), ...credit });
    });
    expect(await found(buyer)).toEqual([
      [DifferenceKind.GRANT_WITHOUT_PAYMENT, topUpId, false],
      [DifferenceKind.GRANT_WITHOUT_PAYMENT, 'pay_forged', false],
    ]);
    for (const { command, reverseEntryId } of await verify(buyer.workspace.tenantId)) {
      expect(command).toMatch(new RegExp(`^wheelhouse ledger reverse ten_\\S+ ${reverseEntryId} --actor `));
      await reverse(buyer, reverseEntryId);
    }
    expect(await found(buyer)).toEqual([]);
  });

  test('finds such credits also in a workspace that never had a customer, when all are compared', async () => {
    const buyer = await openBuyer(shop);
    await withLedger((ledger) =>
      ledger.giveCredit(tenantOf(buyer), { key: paidKey('pay_forged'), bucket: 'payg', amount: CREDIT, source: 'x' }),
    );
    const differences = await verify();
    expect(differences).toMatchObject([
      { tenantId: buyer.workspace.tenantId, kind: DifferenceKind.GRANT_WITHOUT_PAYMENT, subject: 'pay_forged' },
    ]);
    await reverse(buyer, differences[0]?.reverseEntryId ?? '');
    expect(await verify()).toEqual([]);
  });

  test('has credits come when a top-up is paid after such ones were undone as it said', async () => {
    const buyer = await openBuyer(shop);
    const topUp = await buyer.begin();
    await withLedger((ledger) =>
      ledger.giveCredit(tenantOf(buyer), { key: paidKey(topUp.topUpId), bucket: 'payg', amount: CREDIT, source: 'x' }),
    );
    const [forged] = await verify(buyer.workspace.tenantId);
    await reverse(buyer, forged?.reverseEntryId ?? '');
    expect(await found(buyer)).toEqual([]);
    await buyer.pay(topUp);
    expect((await buyer.get(topUp.topUpId)).status).toBe(TopUpStatus.SUCCEEDED);
    expect(await buyer.payg()).toBe(10n * CREDIT);
    expect(await buyer.workspace.charged()).toEqual([1_000]);
    await expectSound(shop, buyer.workspace);
  });

  test('finds credits that were paid for and undone by hand, and gives them again by reading again', async () => {
    const buyer = await openPaid();
    await reverse(buyer, await paidEntryOf(buyer));
    expect(await buyer.payg()).toBe(0n);
    expect(await found(buyer)).toEqual([[DifferenceKind.PAYMENT_WITHOUT_GRANT, buyer.topUp.topUpId, true]]);
    await refresh(buyer.workspace.tenantId);
    await refresh(buyer.workspace.tenantId);
    expect(await buyer.payg()).toBe(10n * CREDIT);
    await expectSound(shop, buyer.workspace);
    // What came again is taken back as what came first.
    await shop.stripe.stripe.refunds.create({ payment_intent: buyer.topUp.paymentIntentId, amount: 400 });
    await refresh(buyer.workspace.tenantId);
    expect(await buyer.payg()).toBe(6n * CREDIT);
    await expectSound(shop, buyer.workspace);
  });

  test('leaves credits undone that were paid for and went back to the payer', async () => {
    const buyer = await openPaid();
    await reverse(buyer, await paidEntryOf(buyer));
    await shop.stripe.stripe.refunds.create({ payment_intent: buyer.topUp.paymentIntentId });
    expect(await found(buyer)).toEqual([]);
    await refresh(buyer.workspace.tenantId);
    expect(await buyer.payg()).toBe(0n);
    expect(await buyer.grants()).toHaveLength(1);
  });

  test.each([
    ['fewer', 9],
    ['more', 12],
  ])('finds that %s credits were asked for than came, and corrects the difference alone', async (_, credits) => {
    const buyer = await openPaid();
    const microcredits = BigInt(credits) * CREDIT;
    const change = { microcredits: mongo.Long.fromBigInt(microcredits) };
    await topUps().updateOne({ _id: buyer.topUp.topUpId }, { $set: change });
    expect(await found(buyer)).toEqual([[DifferenceKind.GRANT_DIFFERS, buyer.topUp.topUpId, true]]);
    await refresh(buyer.workspace.tenantId);
    expect(await buyer.payg()).toBe(microcredits);
    await expectSound(shop, buyer.workspace);
    await refresh(buyer.workspace.tenantId);
    expect(await buyer.payg()).toBe(microcredits);
  });

  test('finds that the paid invoice of a top-up is of another amount', async () => {
    const buyer = await openPaid();
    const filter = { _id: buyer.topUp.topUpId };
    await topUps().updateOne(filter, { $set: { minor_units: mongo.Long.fromNumber(100) } });
    const [difference, ...others] = await verify(buyer.workspace.tenantId);
    expect(others).toEqual([]);
    expect(difference).toMatchObject({ kind: DifferenceKind.PAYMENT_DIFFERS, refreshMends: false, effect: '' });
    expect(difference?.message).toMatch(/costs 100 usd, and its invoice in_\w+ of 1000 usd is paid/);
    await topUps().updateOne(filter, { $set: { minor_units: mongo.Long.fromNumber(1_000) } });
    expect(await found(buyer)).toEqual([]);
  });

  test('finds that what gave nothing was paid at another price, and is to be paid back', async () => {
    const buyer = await openBuyer(shop);
    const topUp = await buyer.begin();
    await topUps().updateOne({ _id: topUp.topUpId }, { $set: { minor_units: mongo.Long.fromNumber(900) } });
    await buyer.pay(topUp);
    const [difference] = await verify(buyer.workspace.tenantId);
    expect(difference).toMatchObject({
      ...{ kind: DifferenceKind.PAYMENT_DIFFERS, subject: topUp.topUpId, effect: 'pays 1000 usd back' },
      command: `stripe credit_notes create --invoice ${topUp.stripeInvoiceId} --amount 1000 --refund-amount 1000`,
    });
    await shop.stripe.stripe.refunds.create({ payment_intent: topUp.paymentIntentId });
    expect(await found(buyer)).toEqual([]);
  });

  test('finds that a top-up was paid twice, until one of the two was paid back', async () => {
    const buyer = await openPaid();
    const second = await payAgain(buyer);
    expect(await buyer.workspace.charged()).toEqual([1_000, 1_000]);
    const [difference, ...others] = await verify(buyer.workspace.tenantId);
    expect(others).toEqual([]);
    expect(difference).toMatchObject({
      ...{ kind: DifferenceKind.UNKNOWN_PAYMENT, subject: second.id, refreshMends: false },
      message: expect.stringMatching(/somebody was charged twice$/),
      command: `stripe credit_notes create --invoice ${second.id} --amount 1000 --refund-amount 1000`,
    });
    await refresh(buyer.workspace.tenantId);
    expect(await buyer.payg()).toBe(10n * CREDIT);
    await shop.stripe.stripe.refunds.create({ payment_intent: second.intent });
    expect(await found(buyer)).toEqual([]);
  });

  describe('of a refund that its bank sent back', () => {
    const payIn = ({ stripe: { stripe } }: Shop, charge: string, amount: number, replaces?: string) =>
      stripe.refunds.create({ charge, amount, ...(replaces === undefined ? {} : { metadata: { replaces } }) });

    /** Which refunds something is missing of, and how much. */
    async function missing({ workspace: { tenantId } }: Buyer) {
      const differences = await verify(tenantId);
      return differences.map(({ subject, command }) => [subject, Number(/--amount (\d+)/.exec(command)?.[1])] as const);
    }

    /** A workspace that has bought something, of which a part was to go back. */
    async function openRefunded(buy: (buyer: Buyer) => Promise<unknown>) {
      const buyer = await openBuyer(shop);
      await buyer.workspace.storeCard();
      await buy(buyer);
      const { stripe, sandbox } = shop.stripe;
      const [charge] = (await stripe.charges.list({ customer: await buyer.workspace.customerId() })).data;
      const refund = await payIn(shop, charge?.id ?? '', 900);
      sandbox.control.failRefund(refund.id);
      // What is paid back again is so later.
      await shop.advance(60_000);
      return { ...buyer, refund, charge: charge?.id ?? '', intent: String(charge?.payment_intent) };
    }
    const openPlan = () => openRefunded(({ workspace }) => workspace.activate({ planCode: 'pro' }));

    test('finds that of a plan, and how much is missing, until as much was paid back', async () => {
      const { refund, charge, intent, ...buyer } = await openPlan();
      const createOf = (amount: number) =>
        `stripe refunds create --payment-intent ${intent} --amount ${amount} -d "metadata[replaces]=${refund.id}"`;
      const [difference, ...others] = await verify(buyer.workspace.tenantId);
      expect(others).toEqual([]);
      expect(difference).toMatchObject({
        ...{ kind: DifferenceKind.REFUND_FAILED, subject: refund.id, refreshMends: false },
        message: expect.stringContaining(`stripe refunds update ${refund.id} -d "metadata[settled_outside]=true"`),
        ...{ command: createOf(900), effect: 'pays 900 usd back once more' },
      });
      await payIn(shop, charge, 899);
      expect(await verify(buyer.workspace.tenantId)).toMatchObject([
        { subject: refund.id, command: createOf(1), effect: 'pays 1 usd back once more' },
      ]);
      await payIn(shop, charge, 1);
      expect(await found(buyer)).toEqual([]);
    });

    test.each([
      ['what was paid back instead', undefined, 900],
      ['what the finding had paid back', 'itself', 900],
      ['less of it', 'itself', 400],
    ])('finds one debt of a plan where %s came back as well', async (_, replaces, amount) => {
      const { refund, charge, ...buyer } = await openPlan();
      const again = await payIn(shop, charge, amount, replaces && refund.id);
      shop.stripe.sandbox.control.failRefund(again.id);
      expect(await missing(buyer)).toEqual(
        amount === 900
          ? [[again.id, 900]]
          : [
              [refund.id, 500],
              [again.id, 400],
            ],
      );
      await shop.advance(60_000);
      await payIn(shop, charge, 900);
      expect(await found(buyer)).toEqual([]);
    });

    test.each([
      ['another amount', 500, undefined],
      ['the same, and says that it is of something else', 900, 'none'],
    ])('finds another debt of the payment where what came back as well is of %s', async (_, amount, replaces) => {
      const { refund, charge, ...buyer } = await openPlan();
      const other = await payIn(shop, charge, amount, replaces);
      shop.stripe.sandbox.control.failRefund(other.id);
      expect(await missing(buyer)).toEqual([
        [refund.id, 900],
        [other.id, amount],
      ]);
      await shop.advance(60_000);
      // Is of the oldest first.
      await payIn(shop, charge, 901);
      expect(await missing(buyer)).toEqual([[other.id, amount - 1]]);
    });

    test('finds two debts of refunds that were made together, of which one was made up for', async () => {
      const { refund, charge, ...buyer } = await openPlan();
      const two = [await payIn(shop, charge, 300, 'none'), await payIn(shop, charge, 300, 'none')];
      for (const { id } of two) shop.stripe.sandbox.control.failRefund(id);
      await shop.advance(60_000);
      await payIn(shop, charge, 900, refund.id);
      expect((await missing(buyer)).map(([, amount]) => amount)).toEqual([300, 300]);
      await payIn(shop, charge, 300);
      expect((await missing(buyer)).map(([, amount]) => amount)).toEqual([300]);
    });

    test('finds the debt of one that came back after another one was made, which was not made for it', async () => {
      const { refund, charge, ...buyer } = await openPlan();
      await payIn(shop, charge, 900, refund.id);
      const late = await payIn(shop, charge, 400, 'none');
      await shop.advance(60_000);
      const other = await payIn(shop, charge, 400);
      await shop.advance(60_000);
      expect(await missing(buyer)).toEqual([]);
      shop.stripe.sandbox.control.failRefund(late.id);
      expect(await missing(buyer)).toEqual([[late.id, 400]]);
      await shop.advance(60_000);
      shop.stripe.sandbox.control.failRefund(other.id);
      expect(await missing(buyer)).toEqual([
        [late.id, 400],
        [other.id, 400],
      ]);
      await shop.advance(60_000);
      await payIn(shop, charge, 800);
      expect(await found(buyer)).toEqual([]);
    });

    test('finds it behind more refunds than a charge comes with', async () => {
      const { refund, charge, ...buyer } = await openPlan();
      for (let number = 0; number < 11; number += 1) await payIn(shop, charge, 10, 'none');
      expect(await missing(buyer)).toEqual([[refund.id, 900]]);
    });

    test('finds that of a plan, until somebody says that the money was given in another way', async () => {
      const { refund, ...buyer } = await openPlan();
      await shop.stripe.stripe.refunds.update(refund.id, { metadata: { settled_outside: 'true' } });
      expect(await found(buyer)).toEqual([]);
    });

    test('finds none of a top-up, whose credits have come again', async () => {
      const buyer = await openRefunded((one) => one.begin({ useStoredCard: true }));
      await refresh(buyer.workspace.tenantId);
      expect(await found(buyer)).toEqual([]);
      expect(await buyer.payg()).toBe(10n * CREDIT);
    });
  });

  test('finds a paid invoice that says it is of a top-up, and is of none here', async () => {
    const buyer = await openPaid();
    await topUps().deleteOne({ _id: buyer.topUp.topUpId });
    const differences = await found(buyer);
    expect(differences).toContainEqual([DifferenceKind.UNKNOWN_PAYMENT, buyer.topUp.stripeInvoiceId, false]);
    // Nor is there anybody any more who asked for its credits.
    expect(differences).toContainEqual([DifferenceKind.GRANT_WITHOUT_PAYMENT, buyer.topUp.topUpId, false]);
  });
});
