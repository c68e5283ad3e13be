// What workspaces have against what Stripe shows, by a kernel that no event reaches: every difference that is planted is found, named
// with what mends it, and gone once it is mended; nothing else is found, and nothing is written by looking.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  DifferenceKind,
  RefreshWorkspaceRequest,
  ReconciliationServiceService as S,
} from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { DailyReconciliation } from '../../kernel/app/reconciliation/daily-reconciliation.ts';
import type { ReconciliationFigures } from '../../kernel/app/reconciliation/ports.ts';
import type { Reconciliation } from '../../kernel/app/reconciliation/reconciliation.ts';
import { openReconciliationRunStore } from '../../kernel/store/reconciliation/run-store.ts';
import { callersOf, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { reconciliationCallsOf } from './support/reconciliation.ts';
import { DAY_MS, expectSound, openShop, openWorkspace, type Shop, type Workspace } from './support/subscription.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop({ isDeaf: true });
});
afterAll(() => shop.close());

const verify = (tenantId?: string) => reconciliationCallsOf(shop.callers).verify(tenantId);
const refresh = (tenantId: string) => reconciliationCallsOf(shop.callers).refresh(tenantId);

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
        command: `wheelhouse stripe refresh ${workspace.tenantId} --actor "$USER" --reason 'verify --stripe'`,
        ...{ effect: `brings the account to what Stripe shows of ${id}`, reverseEntryId: '' },
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

  test('finds that Stripe charges for two, which reading again does not mend', async () => {
    const workspace = await openSubscriber();
    const { stripe } = shop.stripe;
    const id = await subscriptionIdOf(workspace);
    const [item] = (await stripe.subscriptions.retrieve(id)).items.data;
    const setQuantity = (quantity: number) => {
      const items = [{ id: item?.id ?? '', quantity }];
      return stripe.subscriptions.update(id, { items, proration_behavior: 'none' });
    };
    await setQuantity(2);
    const [found, ...others] = await verify(workspace.tenantId);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ kind: DifferenceKind.SUBSCRIPTION_DIFFERS, subject: id, refreshMends: false });
    expect(found?.message).toMatch(/ for 14900 usd each 1 month; Stripe charges 29800 usd each 1 month$/);
    expect(found?.command).toBe(
      `stripe subscriptions update ${id} -d "items[0][id]=${item?.id}" -d "items[0][quantity]=1"`,
    );
    await refresh(workspace.tenantId);
    expect(await verify(workspace.tenantId)).toHaveLength(1);
    await setQuantity(1);
    expect(await verify(workspace.tenantId)).toEqual([]);
  });

  test('tells of a workspace that Stripe refuses to speak of, and compares all others', async () => {
    const workspace = await openSubscriber();
    const id = await subscriptionIdOf(workspace);
    await shop.stripe.stripe.subscriptions.update(id, { cancel_at_period_end: true });
    const { control } = shop.stripe.sandbox;
    // As often as the first workspace is looked at that has a customer.
    control.addFault({ method: 'GET', path: '/v1/subscriptions', outcome: 'refused', status: 400, times: 2 });
    const found = await verify();
    control.clearFaults();
    expect(found.map(({ kind }) => kind)).toEqual([
      DifferenceKind.WORKSPACE_UNREAD,
      DifferenceKind.SUBSCRIPTION_DIFFERS,
    ]);
    expect(found[0]?.message).toMatch(/^it could not be compared: Stripe refused a request of the kernel/);
    await refresh(workspace.tenantId);
    expect(await verify()).toEqual([]);
  });

  test('breaks off where Stripe can not be reached, and where it does not know the key', async () => {
    const { tenantId } = await openSubscriber();
    const { control } = shop.stripe.sandbox;
    control.addFault({ method: 'GET', path: '/v1/subscriptions', outcome: 'refused', status: 401, times: 1 });
    expect((await failureOf(verify())).reason).toBe('STRIPE_REFUSED');
    control.addFault({ method: 'GET', path: '/v1/subscriptions', outcome: 'refused', status: 503, times: 100 });
    expect((await failureOf(verify(tenantId))).reason).toBe('STRIPE_UNAVAILABLE');
    control.clearFaults();
  });

  test('finds that a customer is not at Stripe, which reading again replaces', async () => {
    const workspace = await openSubscriber();
    const rows = shop.kernel.connection.collection<{ _id: string }>('stripe_customers');
    await rows.updateOne({ _id: workspace.tenantId }, { $set: { stripe_customer_id: 'cus_nobody' } });
    const found = await verify(workspace.tenantId);
    expect(found.map(({ kind, subject, refreshMends }) => [kind, subject, refreshMends])).toEqual([
      [DifferenceKind.CUSTOMER_MISSING, 'cus_nobody', true],
    ]);
    await refresh(workspace.tenantId);
    expect(await verify(workspace.tenantId)).toEqual([]);
    expect((await workspace.get()).subscription?.stripeSubscriptionId).toMatch(/^sub_/);
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

describe('the comparison of a day', () => {
  function dailyOf(now: () => number, verifyAll: Reconciliation['verifyAll']) {
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

  test('is one run though Stripe is slow: a kernel keeps it as it goes on, and ends its own where it was taken', async () => {
    let now = Date.UTC(2033, 0, 1);
    const clock = () => now;
    const idle = dailyOf(clock, () => Promise.reject(new Error('it has begun beside the one that runs')));
    const slow = dailyOf(clock, async (report) => {
      for (let minute = 0; minute < 30; minute += 1) {
        now += 60_000;
        await report(ONE);
        await idle.daily.runDue();
      }
      return ONE;
    });
    await slow.daily.runDue();
    expect(slow.ended).toHaveLength(1);
    now += DAY_MS;
    const other = dailyOf(clock, () => Promise.resolve(ONE));
    const late = dailyOf(clock, async (report) => {
      now += 11 * 60_000;
      await other.daily.runDue();
      await report(ONE);
      return ONE;
    });
    await expect(late.daily.runDue()).rejects.toThrow('another kernel has taken the run of 2033-01-02');
    expect([other.ended, late.ended]).toEqual([[{ workspaces: 1, differences: 0 }], []]);
  });
});
