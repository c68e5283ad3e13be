// A kernel process is killed between any two steps of what begins, changes and ends a subscription (kill-flow.ts).

import { expect, test } from 'vitest';
import { CloseTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { CREDIT } from '../contract/support/account.ts';
import { advance, openDoomedShop, openNextShop } from '../contract/support/doomed-shop.ts';
import {
  APPLIED,
  ASKED,
  AUDIT,
  answerOf,
  BEGUN,
  before,
  buy,
  CHANGED,
  CLAIMS_MS,
  COMMIT,
  CREATE,
  CUSTOMER,
  delivering,
  EVENT,
  EVENT_DONE,
  type Flow,
  groundOf,
  INTENT,
  KEPT,
  PAGE,
  PATH,
  payOnPage,
  RECORD,
  rowsOf,
  SENT,
  SYNC_DUE,
  testKilledFlows,
  UPDATE,
} from '../contract/support/kill-flow.ts';
import { expectSound, HOUR_MS, openWorkspace } from '../contract/support/subscription.ts';

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

const OTHERS: readonly Flow[] = [
  {
    name: 'a cancellation at once, by an operator',
    steps: [AUDIT, ...ASKED, 'DELETE /v1/subscriptions/:id', COMMIT, SYNC_DUE, ...KEPT],
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
    steps: [RECORD, CUSTOMER, 'POST /v1/customers', CUSTOMER, PAGE, SYNC_DUE, SYNC_DUE],
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
    steps: [RECORD, CUSTOMER, 'POST /v1/customers/:id', CUSTOMER],
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
    steps: [EVENT, 'POST /v1/customers/:id', ...APPLIED, EVENT_DONE],
    event: 'checkout.session.completed',
    prepare: async (workspace) => {
      await workspace.activate({ planCode: 'pro', ...PATH });
      await payOnPage(workspace);
    },
    begin: delivering('checkout.session.completed'),
  },
];

testKilledFlows([
  { name: 'what begins a subscription', flows: PURCHASES, laterMs: CLAIMS_MS },
  { name: 'what changes one', flows: CHANGES, laterMs: CLAIMS_MS },
  { name: 'what else asks Stripe', flows: OTHERS, laterMs: CLAIMS_MS },
  // Stripe has forgotten the keys by then: what would cost something again if it were sent again is adopted.
  {
    ...{ name: '25 hours after', flows: [...PURCHASES, ...CHANGES], laterMs: 25 * HOUR_MS },
    isPoint: (step) => step.startsWith('POST'),
  },
]);

/** How long the end of closing may take to come. */
const CLOSING_MS_MAX = 40_000;
/** How long the kernel that comes after may take to come to it: all that this file has left is due at the same time. */
const ENDED_MS_MAX = 90_000;

test('a workspace whose closing is cut off once it is closed is charged nothing more', async () => {
  const shop = await openDoomedShop(groundOf());
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
  await advance(groundOf(), CLAIMS_MS);
  const next = await openNextShop(groundOf());
  const customer = await workspace.customerId();
  const statuses = async (): Promise<readonly string[]> =>
    (await groundOf().stripe.stripe.subscriptions.list({ customer, status: 'all' })).data.map(({ status }) => status);
  try {
    await expect.poll(statuses, { timeout: ENDED_MS_MAX }).toEqual(['canceled']);
    await expect.poll(async () => (await rowsOf('stripe_intents', { _id: workspace.tenantId })).length).toBe(0);
    await expectSound(next, workspace);
  } finally {
    await next.close();
  }
}, 180_000);
