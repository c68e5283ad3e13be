// A kernel process is killed between any two steps of everything that it asks of Stripe: after each write to the database or to
// Stripe, whose answer it never hears. Whoever comes after makes it whole, by itself or when the request is sent again: what was
// paid, given and made is what it is where nothing was killed, and the request is answered as if nothing had been.

import { once } from 'node:events';
import type { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import type { CreateTopUpRequest } from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { PromotionServiceService } from '../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import type { SubscriptionChange } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { CloseTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { CREDIT } from '../contract/support/account.ts';
import { deliverEvent } from '../contract/support/delivery.ts';
import {
  advance,
  type DoomedShop,
  type Ground,
  type NextShop,
  openDoomedShop,
  openNextShop,
} from '../contract/support/doomed-shop.ts';
import { newRequestId, openSeededDatabase } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses } from '../contract/support/kernel-process.ts';
import { promotionCallsOf } from '../contract/support/promotion.ts';
import { openStripe } from '../contract/support/stripe.ts';
import {
  type Counter,
  DAY_MS,
  expectSound,
  HOUR_MS,
  openWorkspace,
  type Workspace,
  workspaceOf,
} from '../contract/support/subscription.ts';
import { topUpCallsOf } from '../contract/support/top-up.ts';
import { sendCard } from '../support/hosted-form.ts';

/** Longer than a killed kernel's claims hold. */
const CLAIMS_MS = 200_000;
/** What begins dozens of things, kills and begins again takes its time on a machine that has other work. */
const KILL_TIMEOUT_MS = 120_000;
/** What is left of a test's time for the rest of it when a step is given up, so that the failure names the step. */
const REST_MS = 20_000;
/** How long the end of closing may take to come. */
const CLOSING_MS_MAX = 40_000;
const PATH = { returnPath: '/settings/billing' };

const RECORD = 'insert workspace_records';
const AUDIT = 'insert audit_log';
const INTENT = 'findAndModify stripe_intents';
const CUSTOMER = 'findAndModify stripe_customers';
const SENT = 'update stripe_intents';
const NOTE = 'update ledger_due';
const COMMIT = 'insert ledger_commits';
const SYNC_DUE = 'update stripe_customers';
const RESULT = 'findAndModify stripe_intent_results';
const ENDED = 'delete stripe_intents';
const PLACE = 'insert promotion_redemptions';
const REDEEMED = 'update promotion_redemptions';
const EVENT = 'insert stripe_events';
const EVENT_DONE = 'update stripe_events';
const CREATE = 'POST /v1/subscriptions';
const UPDATE = 'POST /v1/subscriptions/:id';
const PAGE = 'POST /v1/checkout/sessions';
const TOP_UP = 'findAndModify top_ups';
const TOP_UP_NOTED = 'update top_ups';
const PAY = 'POST /v1/invoices/:id/pay';
/** The collections whose writes are steps; the others keep hints and figures, which are made again. */
const STEP =
  /^[A-Z]|^(?!delete ledger_due)\w+ (workspace_records|audit_log|ledger_due|ledger_commits|promotion_redemptions|top_ups|stripe_\w+)$/;

/** What a kernel writes one after another, or few of at once: held before what follows, they keep nobody from their own. */
const SERIAL: readonly string[] = [AUDIT, EVENT, COMMIT];

/** An intent that is opened and taken, and sent; and what follows of it here. */
const ASKED = [INTENT, INTENT, SENT];
const APPLIED = [NOTE, COMMIT, SYNC_DUE];
const KEPT = [RESULT, ENDED];
/** What begins has times of its own, which are noted; a change inside of a period has those that were noted with it. */
const BEGUN = [...APPLIED, ...KEPT];
const CHANGED = [COMMIT, SYNC_DUE, ...KEPT];

/** What a request was answered, without what differs from one workspace to another. */
type Answer = Readonly<Record<string, unknown>>;

/** Something that a kernel carries out in several steps. */
interface Flow {
  readonly name: string;
  /** What is written for it, in order. */
  readonly steps: readonly string[];
  /** The step by which money is taken. */
  readonly paidBy?: string;
  /** Says that a worker takes its intent, as soon as that is there. */
  readonly isByWorker?: boolean;
  /** The type of the event that it begins with, where one does. */
  readonly event?: string;
  /** Brings a workspace to where it begins. */
  readonly prepare: (workspace: Workspace, shop: Shop) => Promise<unknown>;
  /** Has it begin; the same again is a retry. */
  readonly begin: (workspace: Workspace, requestId: string, shop: Shop) => Promise<Answer>;
  /** What a person does after it was answered. */
  readonly finish?: (workspace: Workspace, shop: Shop) => Promise<unknown>;
}

interface Shop extends Counter {
  readonly httpUrl: string;
}

let ground: Ground;

beforeAll(async () => {
  const stripe = await openStripe({ hasCatalog: true });
  ground = { stripe, ...(await openSeededDatabase(undefined, { hasSoldPlans: false })) };
});
afterAll(async () => {
  cleanUpProcesses();
  await ground.connection.close();
  await ground.stripe.stop();
});

const rowsOf = (name: string, filter: object) =>
  ground.connection.collection(name).find(filter).sort({ seq: 1 }).toArray();

const countChanges = async (change: string): Promise<number> =>
  (await rowsOf('ledger_commits', { 'entries.change': change })).length;

const answerOf = ({ change }: { readonly change?: SubscriptionChange | undefined }): Answer => ({
  outcome: change?.outcome,
  planCode: change?.planCode,
  status: change?.subscription?.status,
  cancels: change?.subscription?.cancelTime !== undefined,
  pending: change?.subscription?.pendingChange?.planCode,
});

async function buy(workspace: Workspace, planCode = 'plus'): Promise<void> {
  await workspace.storeCard();
  await workspace.activate({ planCode });
}

/** Pays on the page that the answer has led to. */
async function payOnPage(workspace: Workspace): Promise<void> {
  const { data } = await ground.stripe.stripe.checkout.sessions.list({
    ...{ customer: await workspace.customerId(), status: 'open' },
  });
  expect(data).toHaveLength(1);
  expect((await sendCard(data[0]?.url ?? '')).status).toBe(303);
}

/** The newest event of a type about a workspace. */
async function newestEvent(workspace: Workspace, type: string): Promise<Stripe.Event> {
  const customer = await workspace.customerId();
  const { stripe } = ground.stripe;
  const { data } = await stripe.events.list({ type, limit: 100 });
  const charges = (await stripe.charges.list({ customer, limit: 100 })).data.map(({ id }) => id);
  // A refund and a dispute name the charge alone.
  const isOurs = (object: Stripe.Event.Data.Object): boolean =>
    ('customer' in object && object.customer === customer) ||
    ('charge' in object && charges.includes(String(object.charge)));
  const event = data.find(({ data: { object } }) => isOurs(object));
  if (event === undefined) throw new Error(`${customer} has no event ${type}`);
  return event;
}

/** Delivers the newest event of a type, as Stripe does, and waits until what it asks for is done. */
function delivering(type: string): Flow['begin'] {
  return async (workspace, _, { httpUrl }) => {
    const event = await newestEvent(workspace, type);
    const { code } = await deliverEvent(httpUrl, JSON.stringify(event));
    const isProcessed = async (): Promise<boolean> =>
      (await rowsOf('stripe_events', { _id: event.id, state: 'processed' })).length === 1;
    await expect.poll(isProcessed, { interval: 20 }).toBe(true);
    return { code };
  };
}

/** Has a workspace pay for a second subscription, as by a page that was forgotten. */
async function buyTwice(workspace: Workspace): Promise<void> {
  await buy(workspace);
  const { stripe } = ground.stripe;
  const customer = await workspace.customerId();
  const [own] = (await stripe.subscriptions.list({ customer })).data;
  const price = own?.items.data[0]?.price.id ?? '';
  const metadata = { ...own?.metadata, intent_id: `int_other_${workspace.tenantId}` };
  await stripe.subscriptions.create({ customer, items: [{ price }], metadata });
}

/** What a workspace was paid back, in cents. */
async function refundsOf(workspace: Workspace): Promise<readonly number[]> {
  const { data } = await ground.stripe.stripe.charges.list({ customer: await workspace.customerId(), limit: 100 });
  return data.map(({ amount_refunded: amount }) => amount).filter((amount) => amount > 0);
}

const PURCHASES: readonly Flow[] = [
  {
    name: 'buying with the stored card',
    steps: [RECORD, ...ASKED, CREATE, ...BEGUN],
    paidBy: CREATE,
    prepare: (workspace) => workspace.storeCard(),
    begin: async (workspace, requestId) => answerOf(await workspace.activate({ requestId, planCode: 'plus' })),
  },
  {
    name: 'buying on a page, for a customer who is not there yet',
    steps: [RECORD, INTENT, INTENT, CUSTOMER, 'POST /v1/customers', CUSTOMER, SENT, PAGE, SYNC_DUE, SYNC_DUE, ...KEPT],
    prepare: async () => undefined,
    begin: async (workspace, requestId) => answerOf(await workspace.activate({ requestId, planCode: 'pro', ...PATH })),
    finish: async (workspace) => {
      await payOnPage(workspace);
      await workspace.refresh();
    },
  },
  {
    name: 'converting a trial',
    steps: [RECORD, ...ASKED, CREATE, ...BEGUN],
    paidBy: CREATE,
    prepare: async (workspace, { trials }) => {
      await trials.startByOperator(workspace.tenantId, { planCode: 'pro' });
      await workspace.storeCard();
    },
    begin: async (workspace, requestId) => answerOf(await workspace.convert({ requestId })),
  },
  {
    name: 'a contract',
    steps: [AUDIT, ...ASKED, 'POST /v1/customers/:id', 'POST /v1/products', CREATE, ...BEGUN],
    paidBy: CREATE,
    prepare: (workspace) => workspace.storeCard(),
    begin: async (workspace, requestId) => {
      const price = { minorUnits: 250_000n, currencyCode: 'usd' };
      const terms = { price, includedMicrocreditsPerCycle: 500n * CREDIT, intervalMonths: 12 };
      const billingEmail = 'bills@initech.example';
      return answerOf(await workspace.provision({ requestId, planCode: 'enterprise', ...terms, billingEmail }));
    },
  },
];

const CHANGES: readonly Flow[] = [
  {
    name: 'an upgrade',
    steps: [RECORD, ...ASKED, UPDATE, ...CHANGED],
    paidBy: UPDATE,
    prepare: (workspace) => buy(workspace, 'pro'),
    begin: async (workspace, requestId) => answerOf(await workspace.changePlan({ requestId, planCode: 'max' })),
  },
  {
    name: 'an upgrade of what was to end',
    steps: [RECORD, ...ASKED, UPDATE, UPDATE, COMMIT, ...CHANGED],
    paidBy: UPDATE,
    prepare: async (workspace) => {
      await buy(workspace, 'pro');
      await workspace.cancel();
    },
    begin: async (workspace, requestId) => answerOf(await workspace.changePlan({ requestId, planCode: 'max' })),
  },
  {
    name: 'a downgrade',
    steps: [
      ...[RECORD, ...ASKED, 'POST /v1/subscription_schedules', 'POST /v1/subscription_schedules/:id'],
      ...CHANGED,
    ],
    prepare: (workspace) => buy(workspace),
    begin: async (workspace, requestId) => answerOf(await workspace.changePlan({ requestId, planCode: 'pro' })),
  },
  {
    name: 'a cancellation',
    steps: [RECORD, ...ASKED, UPDATE, ...CHANGED],
    prepare: (workspace) => buy(workspace),
    begin: async (workspace, requestId) => answerOf(await workspace.cancel({ requestId })),
  },
];

/** The code that one workspace brings, once in all. */
const codeOf = ({ tenantId }: Workspace): string => `FOR-${tenantId.slice(-20).toUpperCase()}`;

/** Redeems it. */
async function redeem(workspace: Workspace, requestId: string, { callers }: Shop): Promise<Answer> {
  const request = { requestId, tenantId: workspace.tenantId, code: codeOf(workspace) };
  const { outcome, credit, discount } = await callers.bff.call(
    PromotionServiceService.applyCode,
    request,
    workspace.settings,
  );
  return { outcome, credit, discount };
}

/** Has its code give a discount, to one workspace. */
async function offerDiscount(
  workspace: Workspace,
  { callers, stripe }: Pick<Shop, 'callers'> & { readonly stripe: Stripe },
): Promise<void> {
  const code = codeOf(workspace);
  const { id: coupon } = await stripe.coupons.create({ duration: 'forever', percent_off: 10 });
  await stripe.promotionCodes.create({ code, promotion: { type: 'coupon', coupon } });
  await promotionCallsOf(callers).create({ code, maxRedemptions: 1, discount: { stripePromotionCode: code } });
}

const CODES: readonly Flow[] = [
  {
    name: 'a code that gives credits',
    steps: [RECORD, PLACE, COMMIT, REDEEMED],
    prepare: (workspace, { callers }) =>
      promotionCallsOf(callers).create({ code: codeOf(workspace), maxRedemptions: 1 }),
    begin: redeem,
  },
  {
    name: 'a code that gives a discount',
    steps: [RECORD, PLACE, ...ASKED, UPDATE, SYNC_DUE, ...KEPT, REDEEMED],
    prepare: async (workspace, { callers, stripe: { stripe } }) => {
      await buy(workspace);
      await offerDiscount(workspace, { callers, stripe });
    },
    begin: redeem,
  },
  {
    name: 'a plan that is bought with a code',
    steps: [PLACE, RECORD, ...ASKED, CREATE, ...APPLIED, REDEEMED, ...KEPT],
    paidBy: CREATE,
    prepare: async (workspace, { callers, stripe: { stripe } }) => {
      await workspace.storeCard();
      await offerDiscount(workspace, { callers, stripe });
    },
    begin: async (workspace, requestId) =>
      answerOf(await workspace.activate({ requestId, planCode: 'plus', promotionCode: codeOf(workspace) })),
  },
];

const OTHERS: readonly Flow[] = [
  {
    name: 'a cancellation at once, by an operator',
    steps: [AUDIT, ...ASKED, 'DELETE /v1/subscriptions/:id', COMMIT, ...KEPT],
    prepare: (workspace) => buy(workspace),
    begin: async (workspace, requestId) => answerOf(await workspace.cancelByOperator({ requestId, atOnce: true })),
  },
  {
    name: 'taking a cancellation back',
    steps: [RECORD, ...ASKED, UPDATE, ...CHANGED],
    prepare: async (workspace) => {
      await buy(workspace);
      await workspace.cancel();
    },
    begin: async (workspace, requestId) => answerOf(await workspace.resume({ requestId })),
  },
  {
    name: 'a customer, for a page to store a card on',
    steps: [RECORD, CUSTOMER, 'POST /v1/customers', CUSTOMER, PAGE],
    prepare: async () => undefined,
    begin: async (workspace, requestId) => {
      const { url } = await workspace.startSetup({ requestId, hostedPage: true, ...PATH });
      return { hasPage: url !== '' };
    },
  },
  {
    name: 'a page of the billing portal',
    steps: [RECORD, 'POST /v1/billing_portal/sessions'],
    prepare: (workspace) => buy(workspace),
    begin: async (workspace, requestId) => ({
      hasPage: (await workspace.openPortal({ requestId, ...PATH })).url !== '',
    }),
  },
  {
    name: 'another card to pay with',
    steps: [RECORD, 'POST /v1/customers/:id'],
    prepare: async (workspace) => {
      await buy(workspace);
      await workspace.storeCard('pm_card_mastercard', false);
    },
    begin: async (workspace, requestId) => {
      const cards = await workspace.listMethods();
      const { stripePaymentMethodId = '' } = cards.find(({ cardBrand }) => cardBrand === 'mastercard') ?? {};
      await workspace.setDefault(stripePaymentMethodId, requestId);
      return { cards: (await workspace.listMethods()).map(({ cardBrand, isDefault }) => [cardBrand, isDefault]) };
    },
  },
  {
    name: 'the event of a page that was paid',
    steps: [EVENT, ...APPLIED, EVENT_DONE],
    event: 'checkout.session.completed',
    prepare: async (workspace) => {
      await workspace.activate({ planCode: 'pro', ...PATH });
      await payOnPage(workspace);
    },
    begin: delivering('checkout.session.completed'),
  },
];

/** A top-up that is noted and taken, and sent; then its invoice is there. */
const OPENED = [TOP_UP, TOP_UP, TOP_UP_NOTED, 'POST /v1/invoices', 'POST /v1/invoiceitems'];
const FINALIZED = ['POST /v1/invoices/:id/finalize', TOP_UP];

const TOP_UPS: readonly Flow[] = [
  {
    name: 'a top-up by the stored card',
    steps: [RECORD, ...OPENED, ...FINALIZED, TOP_UP, PAY, TOP_UP, COMMIT, TOP_UP_NOTED, TOP_UP],
    paidBy: PAY,
    prepare: (workspace) => workspace.storeCard(),
    begin: (workspace, requestId, shop) => topUp(workspace, { requestId, useStoredCard: true }, shop),
  },
  {
    name: 'a top-up on a page, for a customer who is not there yet',
    steps: [
      ...[RECORD, TOP_UP, TOP_UP, CUSTOMER, 'POST /v1/customers', CUSTOMER, TOP_UP_NOTED],
      ...['POST /v1/invoices', 'POST /v1/invoiceitems', ...FINALIZED, TOP_UP, TOP_UP_NOTED],
    ],
    prepare: async () => undefined,
    begin: (workspace, requestId, shop) => topUp(workspace, { requestId }, shop),
    finish: async (workspace, shop) => {
      const { pay, list, get } = topUpCallsOf(shop, workspace);
      const [{ topUpId, checkoutUrl } = {}] = (await list()).topUps;
      expect((await pay({ checkoutUrl: checkoutUrl ?? '' })).status).toBe(303);
      // An answer waits for Stripe for a bounded time only.
      await expect.poll(async () => (await get(topUpId ?? '')).status).toBe(TopUpStatus.SUCCEEDED);
    },
  },
  {
    name: 'the end of a top-up that nobody paid',
    steps: [RECORD, TOP_UP, TOP_UP, TOP_UP, 'POST /v1/invoices/:id/void', TOP_UP],
    prepare: (workspace, shop) => topUpCallsOf(shop, workspace).begin(),
    begin: async (workspace, _, shop) => {
      const { list, cancel } = topUpCallsOf(shop, workspace);
      const [{ topUpId } = {}] = (await list()).topUps;
      return { status: (await cancel(topUpId ?? '')).status };
    },
  },
  {
    name: 'the event of a top-up that was paid',
    steps: [EVENT, COMMIT, TOP_UP_NOTED, TOP_UP, EVENT_DONE],
    event: 'invoice.paid',
    prepare: async (workspace, shop) => {
      const { begin, pay } = topUpCallsOf(shop, workspace);
      await pay(await begin());
    },
    begin: delivering('invoice.paid'),
  },
  {
    name: 'the event of a refund',
    steps: [EVENT, COMMIT, TOP_UP_NOTED, EVENT_DONE],
    event: 'charge.refunded',
    prepare: async (workspace, shop) => {
      await workspace.storeCard();
      const { paymentIntentId } = await topUpCallsOf(shop, workspace).begin({ useStoredCard: true });
      await ground.stripe.stripe.refunds.create({ payment_intent: paymentIntentId, amount: 300 });
    },
    begin: delivering('charge.refunded'),
  },
  {
    name: 'the event of a refund that failed',
    steps: [EVENT, COMMIT, TOP_UP_NOTED, EVENT_DONE],
    event: 'refund.failed',
    prepare: async (workspace, shop) => {
      await workspace.storeCard();
      const { paymentIntentId } = await topUpCallsOf(shop, workspace).begin({ useStoredCard: true });
      const { id } = await ground.stripe.stripe.refunds.create({ payment_intent: paymentIntentId, amount: 300 });
      await delivering('charge.refunded')(workspace, '', shop);
      ground.stripe.sandbox.control.failRefund(id);
    },
    begin: delivering('refund.failed'),
  },
  {
    name: 'the event of a dispute',
    steps: [EVENT, COMMIT, TOP_UP_NOTED, EVENT_DONE],
    event: 'charge.dispute.created',
    prepare: async (workspace, shop) => {
      await workspace.storeCard();
      const { paymentIntentId } = await topUpCallsOf(shop, workspace).begin({ useStoredCard: true });
      const { stripe, sandbox } = ground.stripe;
      const { latest_charge: charge } = await stripe.paymentIntents.retrieve(paymentIntentId);
      sandbox.control.createDispute(String(charge));
    },
    begin: delivering('charge.dispute.created'),
  },
];

async function topUp(workspace: Workspace, fields: Partial<CreateTopUpRequest>, shop: Shop): Promise<Answer> {
  const { status, checkoutUrl, failureCode } = await topUpCallsOf(shop, workspace).begin(fields);
  return { status, hasPage: checkoutUrl !== '', failureCode };
}

const TRIAL_END: Flow = {
  name: 'the end of a trial that becomes the paid plan',
  // Who takes the intent is a worker, that names no workspace.
  steps: [INTENT, SENT, CREATE, ...BEGUN],
  paidBy: CREATE,
  isByWorker: true,
  prepare: async (workspace, { trials }) => {
    await trials.startByOperator(workspace.tenantId, { planCode: 'pro' });
    await workspace.agreeByCard();
  },
  begin: async (workspace) => {
    const isPaid = async (): Promise<boolean> => (await workspace.get()).subscription !== undefined;
    await expect.poll(isPaid, { interval: 50, timeout: 30_000 }).toBe(true);
    return { planCode: (await workspace.get()).planCode };
  },
};

const RENEWAL: Flow = {
  name: 'the event of a renewal',
  steps: [EVENT, ...APPLIED, EVENT_DONE],
  event: 'invoice.paid',
  prepare: (workspace) => buy(workspace),
  begin: delivering('invoice.paid'),
};

const FAILED_RENEWAL: Flow = {
  name: 'the event of a renewal that failed',
  steps: [EVENT, COMMIT, SYNC_DUE, EVENT_DONE],
  event: 'invoice.payment_failed',
  prepare: async (workspace) => {
    await buy(workspace);
    await workspace.storeCard('pm_card_chargeCustomerFail');
  },
  begin: delivering('invoice.payment_failed'),
};

const DUPLICATE: Flow = {
  name: 'the event of a subscription beside the one that there is',
  steps: [
    ...[EVENT, SYNC_DUE, INTENT, EVENT_DONE, SENT, 'DELETE /v1/subscriptions/:id', 'POST /v1/refunds', SYNC_DUE],
    ...KEPT,
  ],
  isByWorker: true,
  event: 'customer.subscription.created',
  prepare: buyTwice,
  begin: async (workspace, requestId, shop) => {
    const answer = await delivering('customer.subscription.created')(workspace, requestId, shop);
    await expect.poll(() => refundsOf(workspace), { interval: 50 }).toEqual([14_900]);
    return answer;
  },
};

const LAPSE: Flow = {
  name: 'an event after grace is over',
  isByWorker: true,
  steps: [EVENT, INTENT, EVENT_DONE, SENT, 'DELETE /v1/subscriptions/:id', COMMIT, ...KEPT],
  event: 'customer.subscription.updated',
  prepare: FAILED_RENEWAL.prepare,
  begin: async (workspace, requestId, shop) => {
    const answer = await delivering('customer.subscription.updated')(workspace, requestId, shop);
    const customer = await workspace.customerId();
    const isOver = async (): Promise<boolean> =>
      (await ground.stripe.stripe.subscriptions.list({ customer })).data.length === 0;
    await expect.poll(isOver, { interval: 50 }).toBe(true);
    return answer;
  },
};

/** Lets payments fail, kernels hear of it, and grace pass. */
async function loseRenewals({ httpUrl }: Shop): Promise<void> {
  const [before, lost] = [await countChanges('payment_failed'), await countChanges('ended')];
  await advance(ground, 31 * DAY_MS + 2 * HOUR_MS);
  const { data } = await ground.stripe.stripe.events.list({ type: 'invoice.payment_failed', limit: 100 });
  for (const event of data) await deliverEvent(httpUrl, JSON.stringify(event));
  await expect.poll(async () => (await rowsOf('stripe_events', { state: 'pending' })).length).toBe(0);
  const unpaid = await countChanges('payment_failed');
  await advance(ground, 8 * DAY_MS);
  await expect.poll(() => countChanges('ended')).toBe(lost + unpaid - before);
}

/** What is done to a kernel that carries out several flows, each for many workspaces. */
interface Batch {
  readonly name: string;
  readonly flows: readonly Flow[];
  /** Which steps it is killed after. */
  readonly isPoint?: (step: string) => boolean;
  /** Lets time pass before anything begins. */
  readonly wait?: (shop: Shop) => Promise<unknown>;
  /** Lets time pass so that what was prepared last begins. */
  readonly pass?: () => Promise<unknown>;
  /** How much later the next kernel begins, in milliseconds. */
  readonly laterMs: number;
}

const BATCHES: readonly Batch[] = [
  // Those that let time pass come first: what renews meanwhile takes time, too.
  {
    ...{ name: 'when a trial ends', flows: [TRIAL_END], laterMs: CLAIMS_MS },
    wait: () => advance(ground, 14 * DAY_MS - 2.5 * HOUR_MS),
    pass: () => advance(ground, HOUR_MS),
  },
  {
    ...{ name: 'when a period ends', flows: [RENEWAL, FAILED_RENEWAL], laterMs: CLAIMS_MS },
    wait: async () => {
      await advance(ground, 31 * DAY_MS + 2 * HOUR_MS);
      await expect.poll(async () => (await countChanges('renewal_pending')) - (await countChanges('started'))).toBe(0);
    },
  },
  { name: 'when grace is over', flows: [LAPSE], wait: loseRenewals, laterMs: CLAIMS_MS },
  { name: 'what begins a subscription', flows: PURCHASES, laterMs: CLAIMS_MS },
  { name: 'what changes one', flows: CHANGES, laterMs: CLAIMS_MS },
  { name: 'what else asks Stripe', flows: OTHERS, laterMs: CLAIMS_MS },
  { name: 'what is paid for twice', flows: [DUPLICATE], laterMs: CLAIMS_MS },
  { name: 'what a code gives', flows: CODES, laterMs: CLAIMS_MS },
  { name: 'what buys credits', flows: TOP_UPS, laterMs: CLAIMS_MS },
  // A top-up can be paid for a day: what Stripe may have forgotten by then is looked for there.
  {
    ...{ name: '21 hours after credits were asked for', flows: TOP_UPS.slice(0, 2), laterMs: 21 * HOUR_MS },
    isPoint: (step) => step.startsWith('POST'),
  },
  // Stripe has forgotten the keys by then: what would cost something again if it were sent again is adopted.
  {
    ...{ name: '25 hours after', flows: [...PURCHASES, ...CHANGES], laterMs: 25 * HOUR_MS },
    isPoint: (step) => step.startsWith('POST'),
  },
];

/** What an account and its Stripe have come to. */
interface Outcome {
  readonly planCode: string;
  readonly entries: readonly string[];
  readonly subscriptions: readonly string[];
  readonly topUps: readonly string[];
  /** Of top-ups. */
  readonly invoices: readonly string[];
  readonly customers: number;
  readonly openPages: number;
  /** Of each place that it has in a promotion, whether it is only claimed. */
  readonly places: readonly boolean[];
  /** What hangs on the second of a change: cents that were charged, and microcredits. */
  readonly figures: readonly number[];
}

async function customersOf(tenantId: string): Promise<readonly string[]> {
  const all = await ground.stripe.stripe.customers.list({ limit: 100 }).autoPagingToArray({ limit: 1_000 });
  return all.filter(({ metadata }) => metadata['tenant_id'] === tenantId).map(({ id }) => id);
}

/** How often a workspace has paid. */
async function countCharges(tenantId: string): Promise<number> {
  const found = await Promise.all(
    (await customersOf(tenantId)).map((customer) => ground.stripe.stripe.charges.list({ customer, limit: 100 })),
  );
  return found.flatMap(({ data }) => data.filter(({ paid }) => paid)).length;
}

async function outcomeOf(workspace: Workspace): Promise<Outcome> {
  const { stripe } = ground.stripe;
  const { tenantId } = workspace;
  const customer = await workspace.customerId();
  const subscriptions = await stripe.subscriptions.list({ customer, status: 'all' });
  const pages = await stripe.checkout.sessions.list({ customer, status: 'open' });
  const commits = await rowsOf('ledger_commits', { tenant_id: tenantId });
  const { planCode, ...balance } = await workspace.balance();
  const { trialRemainingMicrocredits, includedRemainingMicrocredits, paygRemainingMicrocredits } = balance;
  const buckets = [trialRemainingMicrocredits, includedRemainingMicrocredits, paygRemainingMicrocredits];
  return {
    planCode,
    entries: commits.flatMap(({ entries }) => entries.map(nameOf)),
    subscriptions: subscriptions.data.map(nameSubscription),
    topUps: (await rowsOf('top_ups', { tenant_id: tenantId })).map(({ status }) => String(status)),
    places: (await rowsOf('promotion_redemptions', { tenant_id: tenantId })).map((row) => 'claimed_until' in row),
    invoices: (await stripe.invoices.list({ customer })).data
      .filter(({ metadata }) => metadata?.['purpose'] === 'topup')
      .map(({ status }) => String(status)),
    customers: (await customersOf(tenantId)).length,
    openPages: pages.data.filter(({ mode }) => mode === 'subscription').length,
    figures: [...(await workspace.charged()), ...buckets.map(Number)],
  };
}

function nameSubscription({ status, cancel_at: at, discounts }: Stripe.Subscription): string {
  return [status, ...(at === null ? [] : ['to end']), ...discounts.map(() => 'a discount')].join(', ');
}

function nameOf({ type, change }: { readonly type: string; readonly change?: string }): string {
  return change === undefined ? type : `${type}: ${change}`;
}

/** A workspace for which something is begun and not ended. */
interface Victim {
  readonly workspace: Workspace;
  readonly requestId: string;
  /** The step that is the last one which is done; -1 where not even the first one is. */
  readonly point: number;
  /** What its steps name. */
  subject: readonly string[];
}

/** Stands for the one that nothing happens to, and for the one of which nothing is done. */
const UNHARMED = Number.POSITIVE_INFINITY;
const BEFORE_ALL = -1;

const labelOf = ({ steps }: Flow, point: number): string =>
  point === BEFORE_ALL ? 'nothing' : `${point + 1} ${steps[point]}`;

/** Lists what a kernel is killed after, in turn. */
function listPoints({ steps }: Flow, { isPoint }: Batch): readonly number[] {
  // What is written one after another can't be held before it is done: others would wait.
  const isSerial = (point: number): boolean => SERIAL.includes(steps[point] ?? '');
  const points = [BEFORE_ALL, ...steps.keys()].filter(
    (point) => !isSerial(point + 1) || (point !== BEFORE_ALL && !isSerial(point)),
  );
  return isPoint === undefined ? points : points.filter((point) => isPoint(steps[point] ?? ''));
}

async function prepareVictim(flow: Flow, shop: DoomedShop, point: number): Promise<Victim> {
  const workspace = await openWorkspace(shop);
  await flow.prepare(workspace, shop);
  return { workspace, point, requestId: newRequestId(), subject: [workspace.tenantId] };
}

/** Everything by which a step may name a workspace. */
async function learnSubject({ event }: Flow, { workspace }: Victim): Promise<readonly string[]> {
  const { tenantId } = workspace;
  const [row] = await rowsOf('stripe_customers', { _id: tenantId });
  const customer = row?.['stripe_customer_id'];
  if (typeof customer !== 'string') return [tenantId];
  const { stripe } = ground.stripe;
  const { data } = await stripe.subscriptions.list({ customer, status: 'all' });
  const { data: payments } = await stripe.paymentIntents.list({ customer, limit: 100 });
  const events = event === undefined ? [] : [(await newestEvent(workspace, event)).id];
  return [tenantId, customer, ...[...data, ...payments].map(({ id }) => id), ...events];
}

/** A flow, the workspace that nothing happened to, and those for which the kernel was killed. */
interface Played {
  readonly flow: Flow;
  readonly whole: Whole;
  readonly victims: readonly Victim[];
}

/** Has everything begin, and kills the kernel when each workspace has come to its point. */
async function killAmid(batch: Batch): Promise<readonly Played[]> {
  const late = AbortSignal.timeout(KILL_TIMEOUT_MS - REST_MS);
  const shop = await openDoomedShop(ground);
  try {
    return await beginAll(batch, shop, late);
  } finally {
    await shop.kill();
  }
}

async function beginAll(batch: Batch, shop: DoomedShop, late: AbortSignal): Promise<readonly Played[]> {
  const { flows, wait, pass } = batch;
  const isByWorker = flows.some((flow) => flow.isByWorker === true);
  shop.proxy.stallWorkers('stripe_customers', 'top_ups', ...(isByWorker ? [] : ['stripe_intents']));
  const unharmed = await Promise.all(flows.map((flow) => prepareVictim(flow, shop, UNHARMED)));
  await pass?.();
  const victims: (readonly Victim[])[] = [];
  // One flow after another, which is as much at once as a small engine answers in time.
  for (const flow of flows) {
    const points = listPoints(flow, batch);
    victims.push(await Promise.all(points.map((point) => prepareVictim(flow, shop, point))));
  }
  await pass?.();
  await wait?.(shop);
  const played: Played[] = [];
  for (const [index, flow] of flows.entries()) {
    const [one, others = []] = [unharmed[index], victims[index]];
    if (one === undefined) throw new RangeError(`nothing was prepared for ${flow.name}`);
    for (const victim of [one, ...others]) victim.subject = await learnSubject(flow, victim);
    played.push({ flow, victims: others, whole: await playUnharmed(flow, shop, one, pass) });
  }
  const held = played.flatMap(({ flow, victims: all }) => all.map((victim) => stopAt(flow, shop, victim, late)));
  for (const { flow, victims: all } of played) {
    // That it dies with its kernel is how a call ends here.
    for (const { workspace, requestId } of all) flow.begin(workspace, requestId, shop).catch(() => undefined);
  }
  await pass?.();
  await Promise.all(held);
  return played;
}

/** Waits for a step to come until it is late. Throws Error with its name where it does not. */
async function before(late: AbortSignal, reached: Promise<void>, label: string): Promise<void> {
  const passed = late.aborted ? Promise.resolve() : once(late, 'abort');
  const missed = passed.then(() => Promise.reject(new Error(`nothing came to step ${label}`)));
  await Promise.race([reached, missed]);
}

/** Has a workspace come to its point and no further; resolves when it has. */
function stopAt(flow: Flow, { proxy }: DoomedShop, { point, subject }: Victim, late: AbortSignal): Promise<void> {
  const { steps } = flow;
  const serial = flow.isByWorker === true ? [...SERIAL, INTENT] : SERIAL;
  const isBefore = point === BEFORE_ALL || serial.includes(steps[point] ?? '');
  const at = isBefore ? point + 1 : point;
  const step = steps[at] ?? '';
  const number = steps.slice(0, at + 1).filter((other) => other === step).length;
  const reached = proxy.stopAt(step, isBefore ? 'before' : 'after', () => subject, number);
  return before(late, reached, `${flow.name}: ${labelOf(flow, point)}`);
}

/** What comes of it where nothing is killed. */
async function playUnharmed(
  flow: Flow,
  shop: DoomedShop,
  { workspace, requestId, subject }: Victim,
  pass: Batch['pass'],
) {
  const { tenantId } = workspace;
  const writesOf = () => shop.proxy.writesAbout(() => subject).filter((write) => STEP.test(write));
  const { isByWorker = false } = flow;
  const before = writesOf().length;
  const chargedBefore = await countCharges(tenantId);
  const begun = flow.begin(workspace, requestId, shop);
  await pass?.();
  const answer = await begun;
  const stepsOf = (): readonly string[] =>
    writesOf()
      .slice(before)
      .filter((write, index, writes) => write !== NOTE || writes[index - 1] !== NOTE)
      // Whoever has things begin at their time asks for the same again as long as it is under way.
      .filter((write, index, writes) => !isByWorker || write !== INTENT || writes.indexOf(INTENT) === index)
      .slice(-flow.steps.length);
  await expect.poll(stepsOf, { interval: 20 }).toEqual(flow.steps);
  const results = (await rowsOf('stripe_intent_results', { tenant_id: tenantId })).length;
  await flow.finish?.(workspace, shop);
  return { answer, chargedBefore, results, outcome: await outcomeOf(workspace) };
}

type Whole = Awaited<ReturnType<typeof playUnharmed>>;

/** How often it was charged when the kernel was dead. */
async function expectLeft(flow: Flow, victim: Victim, { chargedBefore }: Whole): Promise<void> {
  const paidBy = flow.paidBy === undefined ? UNHARMED : flow.steps.indexOf(flow.paidBy);
  const label = labelOf(flow, victim.point);
  const charges = [label, await countCharges(victim.workspace.tenantId)];
  expect(charges).toEqual([label, chargedBefore + (victim.point >= paidBy ? 1 : 0)]);
}

/** Waits until nothing is left to do, where anything was noted. */
async function waitForWhole({ workspace: { tenantId }, subject }: Victim, { results }: Whole): Promise<void> {
  const unfinished = {
    $or: [{ status: 'pending' }, { is_closing: true }, { uses_stored_card: true, is_charged: false }],
  };
  const waiting = { tenant_id: tenantId, ended_at: { $exists: false }, ...unfinished };
  await expect.poll(async () => (await rowsOf('top_ups', waiting)).length, { interval: 200 }).toBe(0);
  const open = await rowsOf('stripe_intents', { _id: tenantId });
  if (open.length === 0) return;
  const isWhole = async (): Promise<boolean> => {
    const ended = await rowsOf('stripe_intent_results', { tenant_id: tenantId });
    const left = await rowsOf('stripe_intents', { _id: tenantId });
    return ended.length === results && left.length === 0;
  };
  await expect.poll(isWhole, { interval: 200 }).toBe(true);
  expect(await rowsOf('stripe_events', { _id: { $in: subject }, state: 'pending' })).toEqual([]);
}

/** Expects that the kernel that came after has come, or comes, to what is there where nothing is killed. */
async function expectWhole(flow: Flow, victim: Victim, whole: Whole, shop: Shop): Promise<void> {
  const workspace = await workspaceOf(shop, victim.workspace.tenantId);
  const label = labelOf(flow, victim.point);
  const answer = await flow.begin(workspace, victim.requestId, shop);
  await flow.finish?.(workspace, shop);
  const { figures, ...outcome } = await outcomeOf(workspace);
  const { figures: wanted, ...rest } = whole.outcome;
  expect({ label, answer, ...outcome }).toEqual({ label, answer: whole.answer, ...rest });
  expect([label, figures.length]).toEqual([label, wanted.length]);
  // Minutes lie between them, of a month.
  for (const [index, figure] of figures.entries()) {
    expect(Math.abs(figure - (wanted[index] ?? 0)), `${label}: ${figures}`).toBeLessThanOrEqual(figure / 1_000);
  }
  await expectSound(shop, workspace);
}

describe.each(BATCHES)('$name: a kernel that is killed after any step', (batch) => {
  let played: readonly Played[] = [];
  let next: NextShop | undefined;

  afterAll(() => next?.close());

  test(
    'has taken money once, or not yet',
    async () => {
      played = await killAmid(batch);
      for (const { flow, victims, whole } of played) {
        for (const victim of victims) await expectLeft(flow, victim, whole);
      }
      await advance(ground, batch.laterMs);
      next = await openNextShop(ground);
    },
    KILL_TIMEOUT_MS,
  );

  test.each(batch.flows)('of $name leaves what comes to the same', async (flow) => {
    const one = played.find((other) => other.flow === flow);
    if (one === undefined || next === undefined) throw new RangeError(`${flow.name} was not played`);
    const [shop, { victims, whole }] = [next, one];
    // The others are asked for again at once.
    for (const [index, victim] of victims.entries()) if (index % 2 === 0) await waitForWhole(victim, whole);
    await Promise.all(victims.map((victim) => expectWhole(flow, victim, whole, shop)));
  });
});

test('a workspace whose closing is cut off once it is closed is charged nothing more', async () => {
  const shop = await openDoomedShop(ground);
  shop.proxy.stallWorkers('stripe_customers');
  const workspace = await openWorkspace(shop);
  await buy(workspace);
  // Before it is said that Stripe is to be asked at once: that was said for later, before it was closed.
  const reached = shop.proxy.stopAt(SYNC_DUE, 'before', () => [workspace.tenantId], 2);
  const request = CloseTenantRequest.fromPartial({ tenantId: workspace.tenantId });
  const closing = shop.callers.bff.call(TenantServiceService.closeTenant, request, workspace.settings);
  const outcome = Promise.allSettled([closing]);
  await before(AbortSignal.timeout(CLOSING_MS_MAX), reached, 'the end of closing');
  await shop.kill();
  expect((await outcome)[0]).toMatchObject({ status: 'rejected' });
  expect(await rowsOf('tenants', { tenant_id: workspace.tenantId, status: 'closed' })).toHaveLength(1);
  await advance(ground, CLAIMS_MS);
  const next = await openNextShop(ground);
  const customer = await workspace.customerId();
  const statuses = async (): Promise<readonly string[]> =>
    (await ground.stripe.stripe.subscriptions.list({ customer, status: 'all' })).data.map(({ status }) => status);
  try {
    await expect.poll(statuses).toEqual(['canceled']);
    await expect.poll(async () => (await rowsOf('stripe_intents', { _id: workspace.tenantId })).length).toBe(0);
    await expectSound(next, workspace);
  } finally {
    await next.close();
  }
});
