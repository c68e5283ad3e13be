// Changes at Stripe by the real adapter, over a real database, against the sandbox: what was charged is read there.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { IntentRunner } from '../../kernel/app/subscription/intent-runner.ts';
import type {
  CustomerStore,
  EndedIntent,
  IntentRequest,
  IntentStore,
  OpenIntent,
} from '../../kernel/app/subscription/ports.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openCustomerStore } from '../../kernel/store/subscription/customer-store.ts';
import { openIntentStore } from '../../kernel/store/subscription/intent-store.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { draftIntent, finishIntent, intentPartsOf } from '../support/intent-fixture.ts';
import { judgeExchanges } from '../support/stripe-fixture.ts';
import { type GatewayPlan, useGateway } from '../support/stripe-gateway.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;
type Fault = 'failed' | 'done_but_failed' | 'done_but_lost';

const PRO = 'pro' as PlanCode;
const HOUR_S = 3_600;
const MINUTE_MS = 60_000;
/** The adapter's client sends a call again by itself, twice. */
const CLIENT_TRIES = 3;
const DONE = { kind: 'done' };

let connection: Connection;
let store: IntentStore;
let customers: CustomerStore;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  store = await openIntentStore(connection);
  customers = await openCustomerStore(connection);
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

describe('a change at Stripe', () => {
  const gateway = useGateway();
  let pro: GatewayPlan;
  let max: GatewayPlan;
  let now: number;

  beforeEach(async () => {
    now = gateway.fixture.sandbox.control.advance(0) * 1_000;
    pro ??= await gateway.plan('pro', 4_900);
    max ??= await gateway.plan('max', 9_900);
  });

  afterEach(() => gateway.fixture.sandbox.control.clearFaults());

  /** Time goes by, at Stripe too. */
  function waitUntil(dueAt: number): void {
    if (dueAt <= now) return;
    gateway.fixture.sandbox.control.advance(Math.ceil((dueAt - now) / 1_000));
    now = dueAt;
  }

  const openRunner = (): IntentRunner =>
    new IntentRunner(
      intentPartsOf({
        ...{ store, customers, billing: gateway.port, clock: { now: () => now, estimate: () => now } },
        settle: () => Promise.resolve(),
        observer: {
          ended: () => undefined,
          failed: () => undefined,
          backlog: () => undefined,
          backgroundFailed: () => undefined,
        },
      }),
    );

  const finish = (intent: OpenIntent): Promise<EndedIntent> => finishIntent(store, openRunner(), intent, waitUntil);

  async function open(request: IntentRequest, fields: Partial<OpenIntent> = {}): Promise<OpenIntent> {
    const intent = draftIntent({ request, createdAt: now, dueAt: now, ...fields });
    await store.openIntent(intent);
    return intent;
  }

  const activation = (isHosted = false): IntentRequest => ({
    ...{ kind: 'activate', planCode: PRO, stripePriceId: pro.id, isHosted },
    returnUrl: 'https://console.example.com/',
  });

  /** A workspace whose customer has a card, or none. */
  async function workspace(card: string | null = 'pm_card_visa') {
    const { id: customer } = await gateway.stripe.customers.create({ email: 'ada@example.com' });
    if (card !== null) await gateway.billing.giveCard(customer, card);
    const { tenantId, productCode, intentId } = draftIntent({ createdAt: now, dueAt: now });
    await customers.insertCustomer({
      ...{ tenantId, productCode, intentId, attempt: 1, sentAt: now },
      stripeCustomerId: customer,
    });
    return { tenantId, customer };
  }

  /** A workspace with a subscription. */
  async function subscribed() {
    const place = await workspace();
    await finish(await open(activation(), { tenantId: place.tenantId, key: 'req:before' }));
    const [subscription] = await gateway.port.loadSubscriptions(place.customer);
    if (subscription === undefined) throw new Error('there is no subscription');
    return { ...place, stripeSubscriptionId: subscription.stripeSubscriptionId };
  }

  const paidTimes = async (customer: string): Promise<number> =>
    (await gateway.stripe.charges.list({ customer, limit: 100 })).data.filter(({ paid }) => paid).length;

  /** Makes the next calls fail, all tries of one by the client. */
  const fail = (path: string, outcome: Fault, calls = 1): void =>
    gateway.fixture.sandbox.control.addFault({ method: 'POST', path, outcome, times: calls * CLIENT_TRIES });

  test('begins a subscription with the stored card', async () => {
    const { tenantId, customer } = await workspace();
    expect(await finish(await open(activation(), { tenantId }))).toMatchObject({ result: DONE });
    expect(await gateway.port.loadSubscriptions(customer)).toMatchObject([
      { phase: 'live', metadata: { tenant_id: tenantId, plan_code: PRO }, cycleInvoice: { state: 'paid' } },
    ]);
    expect(await paidTimes(customer)).toBe(1);
  });

  test('makes the customer first, and leads to a page where there is no card', async () => {
    const intent = await open(activation());
    const { result } = await finish(intent);
    expect(result).toMatchObject({ kind: 'action_required', url: expect.stringContaining('http') });
    const { stripeCustomerId = '' } = (await customers.loadCustomer(intent.tenantId)) ?? {};
    expect(await gateway.stripe.customers.retrieve(stripeCustomerId)).toMatchObject({
      metadata: { tenant_id: intent.tenantId, product_code: intent.productCode },
    });
  });

  test('leads to a page where the bank wants to see the person', async () => {
    const { tenantId, customer } = await workspace('pm_card_authenticationRequired');
    const { result } = await finish(await open(activation(), { tenantId }));
    expect(result).toMatchObject({ kind: 'action_required', url: expect.stringContaining('http') });
    expect(await gateway.count(customer)).toBe(0);
  });

  test('that is declined leaves nothing behind', async () => {
    const { tenantId, customer } = await workspace('pm_card_chargeCustomerFail');
    expect(await finish(await open(activation(), { tenantId }))).toMatchObject({
      result: { kind: 'failed', reason: 'PAYMENT_DECLINED', metadata: { decline_code: 'generic_decline' } },
    });
    expect(await gateway.count(customer)).toBe(0);
  });

  test.each(['failed', 'done_but_failed', 'done_but_lost'] as const)(
    'charges once where its call %s',
    async (outcome) => {
      const { tenantId, customer } = await workspace();
      fail('/v1/subscriptions', outcome, 2);
      expect(await finish(await open(activation(), { tenantId }))).toMatchObject({ result: DONE });
      expect(await gateway.count(customer)).toBe(1);
      expect(await paidTimes(customer)).toBe(1);
      gateway.fixture.sandbox.control.clearFaults();
    },
  );

  test.each(['failed', 'done_but_failed'] as const)(
    'charges once where its call %s, and the next try is 25 hours later',
    async (outcome) => {
      const { tenantId, customer } = await workspace();
      fail('/v1/subscriptions', outcome);
      const intent = await open(activation(), { tenantId });
      expect(await openRunner().runTenant(tenantId)).toBeUndefined();
      gateway.fixture.sandbox.control.clearFaults();
      waitUntil(now + 25 * HOUR_S * 1_000);
      expect(await finish(intent)).toMatchObject({ result: DONE });
      expect(await gateway.count(customer)).toBe(1);
      expect(await paidTimes(customer)).toBe(1);
    },
  );

  test.each(['failed', 'done_but_failed', 'done_but_lost'] as const)(
    'upgrades once where its call %s',
    async (outcome) => {
      const { stripeSubscriptionId, tenantId, customer } = await subscribed();
      // Stripe prorates nothing from before the period.
      const { periodStart: prorateAt, terms } = await gateway.read(stripeSubscriptionId);
      const fromStripePriceId = terms.stripePriceId;
      fail('/v1/subscriptions', outcome);
      const intent = await open(
        { kind: 'upgrade', planCode: PRO, stripePriceId: max.id, fromStripePriceId, stripeSubscriptionId, prorateAt },
        { tenantId },
      );
      expect(await finish(intent)).toMatchObject({ result: DONE });
      expect(await gateway.read(stripeSubscriptionId)).toMatchObject({ terms: { stripePriceId: max.id } });
      expect(await paidTimes(customer)).toBe(2);
    },
  );

  describe('an upgrade that is charged while what waits for the end of the period is not let go', () => {
    /** Has a smaller plan wait, then asks for a greater one. */
    async function upgradeOver(refusals: number) {
      const place = await subscribed();
      const { stripeSubscriptionId, tenantId } = place;
      const small = await gateway.plan('small', 1_900);
      const waiting = { planCode: PRO, stripePriceId: small.id, stripeSubscriptionId };
      await finish(await open({ kind: 'change_at_period_end', ...waiting }, { tenantId, key: 'req:down' }));
      const { periodStart: prorateAt, terms } = await gateway.read(stripeSubscriptionId);
      const prices = { stripePriceId: max.id, fromStripePriceId: terms.stripePriceId };
      const path = '/v1/subscription_schedules/{id}/release';
      const fault = { method: 'POST', path, outcome: 'refused', status: 403, times: refusals } as const;
      gateway.fixture.sandbox.control.addFault(fault);
      const upgrade = { kind: 'upgrade', planCode: PRO, ...prices, stripeSubscriptionId, prorateAt } as const;
      return { ...place, ended: await finish(await open(upgrade, { tenantId })) };
    }

    test('is done by the next try, and charged once', async () => {
      const { ended, stripeSubscriptionId, customer } = await upgradeOver(1);
      expect(ended).toMatchObject({ result: DONE });
      const after = await gateway.read(stripeSubscriptionId);
      expect(after).toMatchObject({ terms: { stripePriceId: max.id } });
      expect(after).not.toHaveProperty('pending');
      expect(await paidTimes(customer)).toBe(2);
    });

    test('is done also where that is refused for good: what waits shows, and can be taken back', async () => {
      const { ended, stripeSubscriptionId, customer } = await upgradeOver(Number.MAX_SAFE_INTEGER);
      expect(ended).toMatchObject({ result: DONE });
      const after = await gateway.read(stripeSubscriptionId);
      expect(after).toMatchObject({ terms: { stripePriceId: max.id }, pending: { effectiveAt: after.periodEnd } });
      expect(await paidTimes(customer)).toBe(2);
    });
  });

  test('upgrades nothing while the period that runs is not paid, and gives back nothing of it', async () => {
    const { stripeSubscriptionId, tenantId, customer } = await subscribed();
    const { periodEnd, terms } = await gateway.read(stripeSubscriptionId);
    waitUntil(periodEnd + MINUTE_MS);
    const renewing = await gateway.read(stripeSubscriptionId);
    expect(renewing).toMatchObject({ periodStart: periodEnd, cycleInvoice: { state: 'draft' } });
    const prices = { stripePriceId: max.id, fromStripePriceId: terms.stripePriceId };
    const intent = await open(
      { kind: 'upgrade', planCode: PRO, ...prices, stripeSubscriptionId, prorateAt: periodEnd },
      { tenantId },
    );
    expect(await finish(intent)).toMatchObject({ result: { kind: 'failed', reason: 'SUBSCRIPTION_UNPAID' } });
    expect(await gateway.read(stripeSubscriptionId)).toEqual(renewing);
    expect(await gateway.stripe.customers.retrieve(customer)).toMatchObject({ balance: 0 });
    expect(await paidTimes(customer)).toBe(1);
  });

  test.each(['failed', 'done_but_failed', 'done_but_lost'] as const)(
    'puts a discount on a subscription once where its call %s',
    async (outcome) => {
      const { stripeSubscriptionId, tenantId } = await subscribed();
      const { stripe } = gateway;
      const { id: coupon } = await stripe.coupons.create({ duration: 'forever', percent_off: 10 });
      const { code: promotionCode } = await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon } });
      fail('/v1/subscriptions', outcome);
      const request = { kind: 'apply_discount', stripeSubscriptionId, promotionCode } as const;
      expect(await finish(await open(request, { tenantId }))).toMatchObject({ result: DONE });
      expect((await stripe.subscriptions.retrieve(stripeSubscriptionId)).discounts).toHaveLength(1);
    },
  );

  test('waits, is taken back, and ends a subscription', async () => {
    const { stripeSubscriptionId, tenantId } = await subscribed();
    const change = { planCode: PRO, stripePriceId: max.id, stripeSubscriptionId };
    const requests: readonly (readonly [IntentRequest, object])[] = [
      [{ kind: 'change_at_period_end', ...change }, { pending: { terms: { stripePriceId: max.id } } }],
      [{ kind: 'cancel', stripeSubscriptionId, atOnce: false }, { cancelAt: expect.any(Number) }],
      [{ kind: 'resume', stripeSubscriptionId }, { phase: 'live' }],
      [{ kind: 'drop_duplicate', stripeSubscriptionId }, { phase: 'ended' }],
      [{ kind: 'cancel', stripeSubscriptionId, atOnce: true }, { phase: 'ended' }],
    ];
    for (const [index, [request, after]] of requests.entries()) {
      expect(await finish(await open(request, { tenantId, key: `req:${index}` }))).toMatchObject({ result: DONE });
      expect(await gateway.read(stripeSubscriptionId)).toMatchObject(after);
    }
    expect(await gateway.read(stripeSubscriptionId)).not.toHaveProperty('cancelAt');
    const { data } = await gateway.stripe.refunds.list({ limit: 1 });
    expect(data).toMatchObject([{ amount: 4_900 }]);
  });

  test('begins what sales agreed on, before it is paid', async () => {
    const { tenantId, customer } = await workspace(null);
    const contract: IntentRequest = {
      ...{ kind: 'provision', planCode: PRO, productName: 'Acme', minorUnits: 1_200_000n, currency: 'usd' },
      ...{ includedPerCycle: 5_000_000n, intervalMonths: 12, daysUntilDue: 30 },
    };
    await gateway.stripe.customers.update(customer, { email: '' });
    // What an earlier release has stored does not say where an invoice goes.
    const earlier = await open(contract, { tenantId, key: 'req:earlier' });
    expect(await finish(earlier)).toMatchObject({
      result: { kind: 'failed', reason: 'STRIPE_REFUSED', message: expect.stringContaining('Missing email') },
    });
    const intent = await open({ ...contract, billingEmail: 'bills@acme.example' }, { tenantId });
    expect(await finish(intent)).toMatchObject({ result: DONE });
    expect(await gateway.stripe.customers.retrieve(customer)).toMatchObject({ email: 'bills@acme.example' });
    expect(await gateway.port.loadSubscriptions(customer)).toMatchObject([
      { isInvoiced: true, terms: { minorUnits: 1_200_000n }, metadata: { included_microcredits_per_cycle: '5000000' } },
    ]);
  });

  judgeExchanges(gateway.fixture);
});
