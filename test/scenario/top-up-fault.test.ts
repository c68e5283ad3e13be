// A kernel process is killed between any two steps of what buys credits, gives them by a code, and takes them back (kill-flow.ts).

import type { Stripe } from 'stripe';
import { expect } from 'vitest';
import { TopUpStatus } from '../../gen/wheelhouse/payment/v1/top_up.ts';
import type { CreateTopUpRequest } from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { PromotionServiceService } from '../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import {
  type Answer,
  APPLIED,
  ASKED,
  answerOf,
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
  KEPT,
  PAY,
  PLACE,
  RECORD,
  REDEEMED,
  type Shop,
  TOP_UP,
  TOP_UP_NOTED,
  testKilledFlows,
  UPDATE,
} from '../contract/support/kill-flow.ts';
import { promotionCallsOf } from '../contract/support/promotion.ts';
import { HOUR_MS, type Workspace } from '../contract/support/subscription.ts';
import { topUpCallsOf } from '../contract/support/top-up.ts';

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
    steps: [RECORD, PLACE, ...ASKED, UPDATE, ...CHANGED, REDEEMED],
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
      await groundOf().stripe.stripe.refunds.create({ payment_intent: paymentIntentId, amount: 300 });
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
      const { id } = await groundOf().stripe.stripe.refunds.create({ payment_intent: paymentIntentId, amount: 300 });
      await delivering('charge.refunded')(workspace, '', shop);
      groundOf().stripe.sandbox.control.failRefund(id);
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
      const { stripe, sandbox } = groundOf().stripe;
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

testKilledFlows([
  { name: 'what a code gives', flows: CODES, laterMs: CLAIMS_MS },
  { name: 'what buys credits', flows: TOP_UPS, laterMs: CLAIMS_MS },
  // A top-up can be paid for a day: what Stripe may have forgotten by then is looked for there.
  {
    ...{ name: '21 hours after credits were asked for', flows: TOP_UPS.slice(0, 2), laterMs: 21 * HOUR_MS },
    isPoint: (step) => step.startsWith('POST'),
  },
]);
