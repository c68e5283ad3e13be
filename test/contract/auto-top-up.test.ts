// Credits that workspaces buy by their own rule, at the sandbox: a month of it, declines, other cards, and two kernels at once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KillSwitchName } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import {
  ReconciliationServiceService as Reconciliations,
  RefreshWorkspaceRequest,
} from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { AutoTopUpState, AutoTopUpStopReason } from '../../gen/wheelhouse/payment/v1/auto_top_up.ts';
import { SetAutoTopUpRequest, TopUpServiceService } from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { admitPeople, CREDIT, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { DAY_MS, expectSound, openShop, type Shop, type Workspace } from './support/subscription.ts';
import { openBuyer, TEN_CREDITS } from './support/top-up.ts';

const MINUTE_MS = 60_000;
const SOON = { timeout: 20_000, interval: 100 };
/** Below five credits ten are bought, twice a month. */
const RULE = {
  ...{ enabled: true, consent: true, thresholdMicrocredits: 5n * CREDIT, ...TEN_CREDITS },
  ...{ monthlyLimitMinorUnits: 2_000n },
};

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

/** A workspace with a card, and the calls about its rule. */
async function openRuled(card = 'pm_card_visa', planCode = 'free') {
  const buyer = await openBuyer(shop, planCode);
  const { tenantId, settings } = buyer.workspace;
  const { bff } = shop.callers;
  await buyer.workspace.storeCard(card);
  const calls = {
    set: async (fields: Partial<SetAutoTopUpRequest> = {}) => {
      const request = { requestId: newRequestId(), tenantId, ...RULE, ...fields };
      return (await bff.call(TopUpServiceService.setAutoTopUp, SetAutoTopUpRequest.fromPartial(request), settings))
        .autoTopUp;
    },
    rule: async () => (await bff.call(TopUpServiceService.getAutoTopUp, { tenantId }, settings)).autoTopUp,
    spend: (credits: number) => shop.callers.debit(tenantId, { quantity: String(credits) }),
    /** What was bought, in cents. */
    charged: () => buyer.workspace.charged(),
  };
  return { ...buyer, ...calls };
}

type Ruled = Awaited<ReturnType<typeof openRuled>>;

/** As a person does in Stripe's dashboard. */
async function chooseAtStripe(workspace: Workspace, card: string): Promise<void> {
  const settings = { default_payment_method: card };
  await shop.stripe.stripe.customers.update(await workspace.customerId(), { invoice_settings: settings });
}

/** Long enough for every loop of a kernel to have come round. */
const settleLoops = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2_500));

describe('a rule', () => {
  test('is off where none was set', async () => {
    const { rule } = await openRuled();
    expect(await rule()).toMatchObject({ state: AutoTopUpState.OFF, price: undefined, consentedBy: '' });
  });

  test.each([
    ['without consent', { consent: false }, { consent: expect.stringContaining('must be true') }],
    ['without a threshold', { thresholdMicrocredits: 0n }, { threshold_microcredits: expect.any(String) }],
    ['without a price', { price: undefined }, { price: 'is required' }],
    [
      'with a limit below its price',
      { monthlyLimitMinorUnits: 999n },
      { monthly_limit_minor_units: expect.any(String) },
    ],
    ['with a rest of less than a minute', { cooldownSeconds: 59 }, { cooldown_seconds: expect.any(String) }],
  ])('is refused %s', async (_, fields, violations) => {
    const { set, rule } = await openRuled();
    expect(await failureOf(set(fields))).toMatchObject({ reason: 'INVALID_FIELD', violations });
    expect(await rule()).toMatchObject({ state: AutoTopUpState.OFF });
  });

  test('is refused at a price that the plan has not', async () => {
    const { set } = await openRuled();
    const cheap = { price: { minorUnits: 1n, currencyCode: 'usd' } };
    expect(await failureOf(set(cheap))).toMatchObject({ reason: 'TOPUP_AMOUNT_MISMATCH' });
  });

  test('buys through a month: after its rest, within its limit, until a card is declined, and on with another', async () => {
    const { workspace, set, rule, spend, payg, told, invoices, charged } = await openRuled();
    expect(await set()).toMatchObject({ state: AutoTopUpState.ACTIVE, cooldownSeconds: 600 });
    await expect.poll(payg, SOON).toBe(10n * CREDIT);
    await expect.poll(async () => (await rule())?.spentMinorUnits, SOON).toBe(1_000n);
    await spend(8);
    await settleLoops();
    expect(await charged()).toEqual([1_000]);
    await shop.advance(11 * MINUTE_MS);
    await expect.poll(payg, SOON).toBe(12n * CREDIT);
    await expect.poll(async () => (await rule())?.spentMinorUnits, SOON).toBe(2_000n);
    await spend(9);
    await shop.advance(DAY_MS);
    await settleLoops();
    // The limit of the month is a pause.
    expect(await charged()).toEqual([1_000, 1_000]);
    expect(await rule()).toMatchObject({ state: AutoTopUpState.ACTIVE });
    await shop.advance(31 * DAY_MS);
    await expect.poll(payg, SOON).toBe(13n * CREDIT);
    await workspace.storeCard('pm_card_chargeCustomerFail');
    await spend(10);
    await shop.advance(11 * MINUTE_MS);
    await expect.poll(async () => (await rule())?.state, SOON).toBe(AutoTopUpState.STOPPED);
    expect(await rule()).toMatchObject({ stopReason: AutoTopUpStopReason.DECLINED, spentMinorUnits: 1_000n });
    // Nobody is to pay it later by surprise.
    expect((await invoices()).map(({ status }) => status)).toEqual(['void', 'paid', 'paid', 'paid']);
    await shop.advance(DAY_MS);
    await settleLoops();
    expect(await invoices()).toHaveLength(4);
    await workspace.storeCard('pm_card_mastercard');
    await expect.poll(payg, SOON).toBe(13n * CREDIT);
    await expect.poll(rule, SOON).toMatchObject({ state: AutoTopUpState.ACTIVE, spentMinorUnits: 2_000n });
    const done = 'auto_topup.succeeded 1000';
    expect(await told()).toEqual([
      ...[done, done, done, 'auto_topup.failed 1000', 'auto_topup.stopped undefined', done],
    ]);
    await expectSound(shop, workspace);
  }, 180_000);

  test('is set once by each request, whatever was set since, and a request id means one thing', async () => {
    const { workspace, set, rule } = await openRuled();
    await shop.callers.grant(workspace.tenantId, 100n * CREDIT);
    const off = { enabled: false, consent: false };
    expect(await set({ ...off, requestId: 'off-1' })).toMatchObject({ consentedBy: '', consentTime: undefined });
    expect(await set({ requestId: 'on' })).toMatchObject({ state: AutoTopUpState.ACTIVE });
    const agreed = await rule();
    expect(agreed?.consentedBy).not.toBe('');
    expect(await set({ ...off, requestId: 'off-2' })).toMatchObject({ state: AutoTopUpState.OFF });
    expect(await set({ requestId: 'on' })).toMatchObject({ state: AutoTopUpState.OFF });
    expect(await rule()).toEqual({ ...agreed, state: AutoTopUpState.OFF });
    const dearer = { requestId: 'on', monthlyLimitMinorUnits: 900_000n };
    expect((await failureOf(set(dearer))).reason).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(await rule()).toEqual({ ...agreed, state: AutoTopUpState.OFF });
  });

  test('stops where the bank wants to see its customer, and goes on when it is set again', async () => {
    const { workspace, set, rule, invoices, payg } = await openRuled('pm_card_authenticationRequired', 'enterprise');
    const { tenantId } = workspace;
    await admitPeople(shop.callers, tenantId);
    await set();
    await expect.poll(async () => (await rule())?.stopReason, SOON).toBe(AutoTopUpStopReason.REQUIRES_ACTION);
    expect((await invoices()).map(({ status }) => status)).toEqual(['void']);
    const mails = shop.kernel.connection.collection<{ _id: string }>('mail_outbox');
    expect(await mails.find({ _id: { $regex: `^auto-topup-stopped:${tenantId}:` } }).toArray()).toMatchObject([
      { to: 'tenant_admin@example.com', content: { template: 'auto_top_up_stopped', because: 'requires_action' } },
    ]);
    await set({ enabled: false });
    await workspace.storeCard();
    await settleLoops();
    expect(await rule()).toMatchObject({ state: AutoTopUpState.OFF });
    expect(await payg()).toBe(0n);
    await set({ requestId: 'on' });
    await set({ requestId: 'on' });
    await expect.poll(payg, SOON).toBe(10n * CREDIT);
    const records = await workspaceOperatorOf(shop.callers).records(tenantId);
    expect(records.filter(({ method }) => method === 'TopUpService/SetAutoTopUp')).toHaveLength(3);
  });

  test.each([
    ['a refund of what it bought', 'auto', 'refund'],
    ['a dispute over what it bought', 'auto', 'dispute'],
    ['a dispute over what a person bought', 'person', 'dispute'],
  ] as const)('stops for %s, whatever becomes of its card, until it is set again', async (_, by, kind) => {
    const { workspace, set, rule, payg, charged, told, begin } = await openRuled();
    if (by === 'person') await begin({ useStoredCard: true });
    else await set({ cooldownSeconds: 60 });
    await expect.poll(payg, SOON).toBe(10n * CREDIT);
    if (by === 'person') await set({ cooldownSeconds: 60 });
    const first = by === 'person' ? 'topup.succeeded 1000' : 'auto_topup.succeeded 1000';
    // Credits are there before it is told.
    await expect.poll(told, SOON).toEqual([first]);
    const { stripe, sandbox } = shop.stripe;
    const [charge] = (await stripe.charges.list({ customer: await workspace.customerId() })).data;
    if (kind === 'refund') await stripe.refunds.create({ charge: charge?.id ?? '' });
    else sandbox.control.createDispute(charge?.id ?? '');
    await expect.poll(payg, SOON).toBe(0n);
    expect(await rule()).toMatchObject({ state: AutoTopUpState.STOPPED, stopReason: AutoTopUpStopReason.RETURNED });
    await workspace.storeCard('pm_card_mastercard');
    await shop.advance(11 * MINUTE_MS);
    await settleLoops();
    expect(await charged()).toEqual([1_000]);
    await set({ cooldownSeconds: 60 });
    await expect.poll(payg, SOON).toBe(10n * CREDIT);
    // The same return, told of once more, ends nothing that was set again.
    const refresh = { requestId: newRequestId(), tenantId: workspace.tenantId, ...OPERATOR };
    await shop.callers.sysadmin.call(Reconciliations.refreshWorkspace, RefreshWorkspaceRequest.fromPartial(refresh));
    expect(await rule()).toMatchObject({ state: AutoTopUpState.ACTIVE });
    const returned = kind === 'refund' ? 'payment.refunded 1000' : 'payment.disputed 1000';
    const stopped = 'auto_topup.stopped undefined';
    await expect.poll(told, SOON).toEqual([first, stopped, returned, 'auto_topup.succeeded 1000']);
    await expectSound(shop, workspace);
  });

  test('stops for a dispute over its plan, and not for a refund of it', async () => {
    const { workspace, set, rule, told } = await openRuled();
    await workspace.activate({ planCode: 'pro' });
    await set({ thresholdMicrocredits: 1n });
    const { stripe, sandbox } = shop.stripe;
    const [charge] = (await stripe.charges.list({ customer: await workspace.customerId() })).data;
    await stripe.refunds.create({ charge: charge?.id ?? '', amount: 900 });
    await expect.poll(told, SOON).toEqual(['payment.refunded 900']);
    expect(await rule()).toMatchObject({ state: AutoTopUpState.ACTIVE });
    sandbox.control.createDispute(charge?.id ?? '');
    const events = ['payment.refunded 900', 'auto_topup.stopped undefined', 'payment.disputed 4000'];
    await expect.poll(told, SOON).toEqual(events);
    expect(await rule()).toMatchObject({ state: AutoTopUpState.STOPPED, stopReason: AutoTopUpStopReason.RETURNED });
    await set({ thresholdMicrocredits: 1n });
    const refresh = { requestId: newRequestId(), tenantId: workspace.tenantId, ...OPERATOR };
    await shop.callers.sysadmin.call(Reconciliations.refreshWorkspace, RefreshWorkspaceRequest.fromPartial(refresh));
    expect(await rule()).toMatchObject({ state: AutoTopUpState.ACTIVE });
    expect(await told()).toEqual(events);
    await expectSound(shop, workspace);
  });

  test('stops without a card, and goes on with one', async () => {
    const { workspace, set, rule, payg } = await openRuled();
    const customer = await workspace.customerId();
    const { stripe } = shop.stripe;
    for (const { id } of (await stripe.paymentMethods.list({ customer })).data) await stripe.paymentMethods.detach(id);
    await set();
    await expect.poll(async () => (await rule())?.stopReason, SOON).toBe(AutoTopUpStopReason.PAYMENT_METHOD_MISSING);
    await workspace.storeCard();
    await expect.poll(payg, SOON).toBe(10n * CREDIT);
  });

  test.each([
    ['is chosen here', async ({ workspace }: Ruled, card: string) => workspace.setDefault(card)],
    [
      'is found by a refresh of the workspace',
      async ({ workspace }: Ruled, card: string) => {
        await chooseAtStripe(workspace, card);
        await workspace.refresh();
      },
    ],
    [
      'is found by a refresh of an operator',
      async ({ workspace }: Ruled, card: string) => {
        await chooseAtStripe(workspace, card);
        const refresh = { requestId: newRequestId(), tenantId: workspace.tenantId, ...OPERATOR };
        await shop.callers.sysadmin.call(
          Reconciliations.refreshWorkspace,
          RefreshWorkspaceRequest.fromPartial(refresh),
        );
      },
    ],
    [
      'is found within the hour',
      async ({ workspace }: Ruled, card: string) => {
        await chooseAtStripe(workspace, card);
        await shop.advance(61 * MINUTE_MS);
      },
    ],
  ])('goes on with another card that %s, though no event tells of it', async (_, choose) => {
    const ruled = await openRuled('pm_card_chargeCustomerFail');
    const { workspace, set, rule, payg } = ruled;
    await set();
    await expect.poll(async () => (await rule())?.stopReason, SOON).toBe(AutoTopUpStopReason.DECLINED);
    const { control } = shop.stripe.sandbox;
    control.addDeliveryRule({ types: ['customer.updated'], action: { kind: 'drop' } });
    try {
      const { id } = await workspace.storeCard('pm_card_mastercard', false);
      await choose(ruled, id);
      await expect.poll(payg, SOON).toBe(10n * CREDIT);
    } finally {
      control.clearDeliveryRules();
    }
  });

  test('does not begin what was noted once its limit is lowered, or credits have come', async () => {
    const { workspace, set, rule, payg, spend, charged } = await openRuled();
    const { tenantId } = workspace;
    await set({ cooldownSeconds: 60 });
    await expect.poll(payg, SOON).toBe(10n * CREDIT);
    await expect.poll(async () => (await rule())?.spentMinorUnits, SOON).toBe(1_000n);
    await spend(8);
    const rules = shop.kernel.connection.collection<{ _id: string }>('auto_top_ups');
    /** As a kernel leaves it that dies right after it has noted a purchase; it is looked at when `run` has come to its end. */
    const noteAround = async (run: () => Promise<unknown>): Promise<void> => {
      const noted = { is_buying: true, due_at: new Date(Date.now() + 400 * DAY_MS) };
      await rules.updateOne(
        { _id: tenantId },
        { $set: noted, $inc: { round: 1, revision: 1 }, $unset: { rests_until: '' } },
      );
      await run();
      await rules.updateOne({ _id: tenantId }, { $set: { due_at: new Date(0) }, $inc: { revision: 1 } });
      await expect
        .poll(async () => (await rules.findOne({ _id: tenantId, is_buying: true })) === null, SOON)
        .toBe(true);
    };
    await noteAround(() => set({ cooldownSeconds: 60, monthlyLimitMinorUnits: 1_000n }));
    await settleLoops();
    expect(await charged()).toEqual([1_000]);
    await set({ cooldownSeconds: 60 });
    await expect.poll(charged, SOON).toEqual([1_000, 1_000]);
    await expect.poll(async () => (await rule())?.spentMinorUnits, SOON).toBe(2_000n);
    await set({ cooldownSeconds: 60, monthlyLimitMinorUnits: 9_000n });
    await noteAround(async () => expect(await payg()).toBeGreaterThan(5n * CREDIT));
    await settleLoops();
    expect(await charged()).toEqual([1_000, 1_000]);
  });

  test('buys nothing while top-ups are off or its workspace is suspended, and goes on after', async () => {
    const [one, other] = [await openRuled(), await openRuled()];
    const [operator, workspaces] = [operatorCallsOf(shop.callers), workspaceOperatorOf(shop.callers)];
    await operator.setSwitch(KillSwitchName.TOPUPS_ENABLED, false);
    await Promise.all([one.set({ cooldownSeconds: 60 }), other.set({ cooldownSeconds: 60 })]);
    await settleLoops();
    await workspaces.suspend(other.workspace.tenantId, true);
    await operator.setSwitch(KillSwitchName.TOPUPS_ENABLED, true);
    expect(await one.invoices()).toEqual([]);
    await shop.advance(2 * MINUTE_MS);
    await expect.poll(one.payg, SOON).toBe(10n * CREDIT);
    await settleLoops();
    expect(await other.invoices()).toEqual([]);
    await workspaces.suspend(other.workspace.tenantId, false);
    await shop.advance(2 * MINUTE_MS);
    await expect.poll(other.payg, SOON).toBe(10n * CREDIT);
  });

  test('stops where the plan sells the credits at another price, and buys nothing', async () => {
    const { set, rule, spend, payg, charged } = await openRuled('pm_card_visa', 'enterprise');
    const operator = operatorCallsOf(shop.callers);
    const key = { productCode: 'agentruntime', planCode: 'enterprise' };
    const { paygPackages, paygMinorUnitsPerCredit } = await operator.policyOf(key.productCode, key.planCode);
    await set();
    await expect.poll(payg, SOON).toBe(10n * CREDIT);
    const fields = ['payg_packages', 'payg_minor_units_per_credit'];
    const dearer = [{ minorUnits: 1_001n, microcredits: 10n * CREDIT }];
    await operator.upsertPolicy({ ...key, paygPackages: dearer, paygMinorUnitsPerCredit: '' }, fields);
    try {
      await spend(8);
      await shop.advance(11 * MINUTE_MS);
      await expect.poll(async () => (await rule())?.stopReason, SOON).toBe(AutoTopUpStopReason.PRICE_CHANGED);
      expect(await charged()).toEqual([1_000]);
    } finally {
      await operator.upsertPolicy({ ...key, paygPackages, paygMinorUnitsPerCredit }, fields);
    }
  });

  test('stops where the plan sells no credits any more', async () => {
    const { set, rule, spend, payg, charged } = await openRuled('pm_card_visa', 'enterprise');
    const operator = operatorCallsOf(shop.callers);
    const key = { productCode: 'agentruntime', planCode: 'enterprise' };
    await set();
    await expect.poll(payg, SOON).toBe(10n * CREDIT);
    await operator.upsertPolicy({ ...key, paygAllowed: false }, ['payg_allowed']);
    try {
      await spend(8);
      await shop.advance(11 * MINUTE_MS);
      await expect.poll(async () => (await rule())?.stopReason, SOON).toBe(AutoTopUpStopReason.NOT_OFFERED);
      expect(await failureOf(set())).toMatchObject({ reason: 'TOPUP_NOT_OFFERED' });
      expect(await charged()).toEqual([1_000]);
    } finally {
      await operator.upsertPolicy({ ...key, paygAllowed: true }, ['payg_allowed']);
    }
  });

  test('buys once, whichever of two kernels sees the balance', async () => {
    const { mongodbUri } = shop.kernel;
    const second = await openKernel({ mongodbUri, stripe: shop.stripe.config }, { hasSoldPlans: false });
    try {
      const buyers = await Promise.all(Array.from({ length: 5 }, () => openRuled()));
      await Promise.all(buyers.map(({ set }) => set()));
      for (const { payg } of buyers) await expect.poll(payg, SOON).toBe(10n * CREDIT);
      await settleLoops();
      for (const { charged, invoices, grants, told } of buyers) {
        expect(await charged()).toEqual([1_000]);
        expect(await invoices()).toHaveLength(1);
        expect(await grants()).toHaveLength(1);
        expect(await told()).toEqual(['auto_topup.succeeded 1000']);
      }
    } finally {
      await second.close();
    }
  });
});
