// What workspaces have against what Stripe shows, by a kernel that no event reaches: every difference that is planted is found, named
// with what mends it, and gone once it is mended; nothing else is found, and nothing is written by looking.

import { mongo } from 'mongoose';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LedgerAuditServiceService, ReverseEntryRequest } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import {
  type Difference,
  DifferenceKind,
  RefreshWorkspaceRequest,
  ReconciliationServiceService as S,
  VerifyStripeRequest,
} from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import { CommitNotice } from '../../kernel/app/ledger/commit-notice.ts';
import type { Ledger } from '../../kernel/app/ledger/ledger.ts';
import { createLedger } from '../../kernel/app/ledger/ledger-service.ts';
import { DailyReconciliation } from '../../kernel/app/reconciliation/daily-reconciliation.ts';
import type { ReconciliationFigures } from '../../kernel/app/reconciliation/ports.ts';
import type { ProductCode, TenantId, TopUpId } from '../../kernel/domain/id.ts';
import { paymentKey } from '../../kernel/domain/payback.ts';
import { Metrics } from '../../kernel/http/metric.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { createLedgerObserver } from '../../kernel/ledger-observer.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { startDatabaseClock } from '../../kernel/store/database-clock.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { openReconciliationRunStore } from '../../kernel/store/reconciliation/run-store.ts';
import { CREDIT, callersOf, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { DAY_MS, expectSound, openShop, openWorkspace, type Shop, type Workspace } from './support/subscription.ts';
import { openBuyer } from './support/top-up.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop({ isDeaf: true });
});
afterAll(() => shop.close());

async function verify(tenantId = ''): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  let isDone = false;
  for await (const message of shop.callers.sysadmin.stream(
    S.verifyStripe,
    VerifyStripeRequest.fromPartial({ tenantId }),
  )) {
    if (message.difference !== undefined) found.push(message.difference);
    isDone = message.done;
    if (isDone) expect(message.verifiedWorkspaces).toBe(message.totalWorkspaces);
  }
  expect(isDone).toBe(true);
  return found;
}

function refresh(tenantId: string): Promise<unknown> {
  const request = RefreshWorkspaceRequest.fromPartial({ requestId: newRequestId(), tenantId, ...OPERATOR });
  return shop.callers.sysadmin.call(S.refreshWorkspace, request);
}

async function openSubscriber(): Promise<Workspace> {
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  await workspace.activate({ planCode: 'plus' });
  return workspace;
}

async function subscriptionIdOf(workspace: Workspace): Promise<string> {
  return (await workspace.get()).subscription?.stripeSubscriptionId ?? '';
}

describe('the comparison with Stripe', () => {
  test('finds nothing where nothing differs, of one workspace and of all', async () => {
    const workspace = await openSubscriber();
    const { tenantId } = await openWorkspace(shop);
    expect(await verify(workspace.tenantId)).toEqual([]);
    expect(await verify(tenantId)).toEqual([]);
    expect(await verify()).toEqual([]);
  });

  test('finds what no event told of, writes nothing, and is clean once the workspace was read again', async () => {
    const workspace = await openSubscriber();
    const before = await workspace.get();
    const id = await subscriptionIdOf(workspace);
    await shop.stripe.stripe.subscriptions.update(id, { cancel_at_period_end: true });
    const found = await verify(workspace.tenantId);
    expect(found).toEqual([
      {
        ...{ tenantId: workspace.tenantId, kind: DifferenceKind.SUBSCRIPTION_DIFFERS, subject: id, refreshMends: true },
        message: expect.stringMatching(/has sub_\w+ as active, paid until .*; by what Stripe shows .* updated$/),
        command: `wheelhouse stripe refresh ${workspace.tenantId}`,
      },
    ]);
    expect((await workspace.get()).subscription).toEqual(before.subscription);
    await refresh(workspace.tenantId);
    expect(await verify(workspace.tenantId)).toEqual([]);
    expect((await workspace.get()).subscription?.cancelTime).toBeDefined();
    await expectSound(shop, workspace);
  });

  test('finds a subscription beside the one of the account: one bought here is paid back, one made at Stripe is left to a person', async () => {
    const workspace = await openSubscriber();
    const { stripe } = shop.stripe;
    const own = await stripe.subscriptions.retrieve(await subscriptionIdOf(workspace));
    const addSecond = async (metadata: Readonly<Record<string, string>>): Promise<string> => {
      const items = [{ price: String(own.items.data[0]?.price.id) }];
      return (await stripe.subscriptions.create({ customer: await workspace.customerId(), items, metadata })).id;
    };
    const bought = await addSecond({ tenant_id: workspace.tenantId, intent_id: 'int_of_a_page' });
    const byHand = await addSecond({});
    const found = await verify(workspace.tenantId);
    const kind = DifferenceKind.SECOND_SUBSCRIPTION;
    expect(found.map((difference) => [difference.kind, difference.subject, difference.refreshMends])).toEqual(
      expect.arrayContaining([
        [kind, bought, true],
        [kind, byHand, false],
      ]),
    );
    await refresh(workspace.tenantId);
    await expect.poll(async () => (await stripe.subscriptions.retrieve(bought)).status).toBe('canceled');
    const filter = { tenantId: workspace.tenantId, method: 'ReconciliationService/RefreshWorkspace' };
    expect(await operatorCallsOf(shop.callers).audit(filter)).toHaveLength(1);
    const left = await verify(workspace.tenantId);
    expect(left.map(({ subject, command }) => [subject, command])).toEqual([
      [byHand, `stripe subscriptions cancel ${byHand}`],
    ]);
    await stripe.subscriptions.cancel(byHand);
    expect(await verify(workspace.tenantId)).toEqual([]);
  });

  test('is refused for a workspace that is not there, and by a kernel without Stripe', async () => {
    const unknown = await failureOf(verify('ten_none'));
    expect(unknown.reason).toBe('TENANT_NOT_FOUND');
    const nameless = await failureOf(
      shop.callers.sysadmin.call(S.refreshWorkspace, RefreshWorkspaceRequest.fromPartial({ tenantId: 'ten_none' })),
    );
    expect(Object.keys(nameless.violations)).toEqual(['request_id', 'actor', 'reason']);
    const plain = await openKernel();
    try {
      const { sysadmin, openTenant } = callersOf(plain);
      const tenantId = await openTenant();
      const request = RefreshWorkspaceRequest.fromPartial({ requestId: newRequestId(), tenantId, ...OPERATOR });
      expect((await failureOf(sysadmin.call(S.refreshWorkspace, request))).reason).toBe('STRIPE_OFF');
    } finally {
      await plain.close();
    }
  });
});

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
    for (const { command } of await verify(buyer.workspace.tenantId)) {
      const [, entryId = ''] = /^wheelhouse ledger reverse ten_\S+ (ent_\S+)$/.exec(command) ?? [];
      const request = ReverseEntryRequest.fromPartial({
        ...{ requestId: newRequestId(), tenantId: buyer.workspace.tenantId, entryId, ...OPERATOR },
      });
      await shop.callers.sysadmin.call(LedgerAuditServiceService.reverseEntry, request);
    }
    expect(await found(buyer)).toEqual([]);
  });

  test('finds credits of another amount than was asked for', async () => {
    const buyer = await openPaid();
    await topUps().updateOne({ _id: buyer.topUp.topUpId }, { $set: { microcredits: mongo.Long.fromNumber(9) } });
    expect(await found(buyer)).toEqual([[DifferenceKind.GRANT_DIFFERS, buyer.topUp.topUpId, false]]);
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

describe('the comparison of a day', () => {
  function dailyOf(
    now: () => number,
    verifyAll: () => Promise<{ verifiedWorkspaces: number; totalWorkspaces: number }>,
  ) {
    const ended: ReconciliationFigures[] = [];
    const daily = new DailyReconciliation({
      reconciliation: { verifyAll },
      store: openReconciliationRunStore(shop.kernel.connection),
      clock: { now, estimate: now },
      observer: {
        differs: () => undefined,
        ended: (figures) => ended.push(figures),
        backgroundFailed: () => undefined,
      },
    });
    return { daily, ended };
  }
  const ONE = { verifiedWorkspaces: 1, totalWorkspaces: 1 };

  test('is made once, by whichever kernel comes first', async () => {
    let runs = 0;
    const day = Date.UTC(2031, 0, 1, 3);
    const kernels = Array.from({ length: 6 }, () =>
      dailyOf(
        () => day,
        () => {
          runs += 1;
          return Promise.resolve(ONE);
        },
      ),
    );
    await Promise.all(kernels.map(({ daily }) => daily.runDue()));
    await Promise.all(kernels.map(({ daily }) => daily.runDue()));
    expect(runs).toBe(1);
    expect(kernels.flatMap(({ ended }) => ended)).toEqual([{ workspaces: 1, differences: 0 }]);
    const next = dailyOf(
      () => day + DAY_MS,
      () => Promise.resolve(ONE),
    );
    await next.daily.runDue();
    expect(next.ended).toHaveLength(1);
  });

  test('that a kernel left unfinished is begun anew by another one, once its time is up', async () => {
    let now = Date.UTC(2032, 0, 1);
    const failing = dailyOf(
      () => now,
      () => Promise.reject(new Error('injected: the kernel died here')),
    );
    await expect(failing.daily.runDue()).rejects.toThrow('injected');
    const other = dailyOf(
      () => now,
      () => Promise.resolve(ONE),
    );
    await other.daily.runDue();
    expect(other.ended).toEqual([]);
    now += 11 * 60_000;
    await other.daily.runDue();
    expect(other.ended).toHaveLength(1);
  });
});
