// A kernel process is killed between any two steps of what time and events do to a subscription (kill-flow.ts).

import { expect } from 'vitest';
import { deliverEvent } from '../contract/support/delivery.ts';
import { advance } from '../contract/support/doomed-shop.ts';
import {
  APPLIED,
  BEGUN,
  buy,
  CLAIMS_MS,
  COMMIT,
  CREATE,
  countChanges,
  delivering,
  EVENT,
  EVENT_DONE,
  type Flow,
  groundOf,
  INTENT,
  KEPT,
  rowsOf,
  SENT,
  type Shop,
  SYNC_DUE,
  testKilledFlows,
} from '../contract/support/kill-flow.ts';
import { DAY_MS, HOUR_MS, type Workspace } from '../contract/support/subscription.ts';

/** Has a workspace pay for a second subscription, as by a page that was forgotten. */
async function buyTwice(workspace: Workspace): Promise<void> {
  await buy(workspace);
  const { stripe } = groundOf().stripe;
  const customer = await workspace.customerId();
  const [own] = (await stripe.subscriptions.list({ customer })).data;
  const price = own?.items.data[0]?.price.id ?? '';
  const metadata = { ...own?.metadata, intent_id: `int_other_${workspace.tenantId}` };
  await stripe.subscriptions.create({ customer, items: [{ price }], metadata });
}

/** What a workspace was paid back, in cents. */
async function refundsOf(workspace: Workspace): Promise<readonly number[]> {
  const { data } = await groundOf().stripe.stripe.charges.list({ customer: await workspace.customerId(), limit: 100 });
  return data.map(({ amount_refunded: amount }) => amount).filter((amount) => amount > 0);
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
    ...[
      EVENT,
      SYNC_DUE,
      INTENT,
      EVENT_DONE,
      SENT,
      'DELETE /v1/subscriptions/:id',
      'POST /v1/refunds',
      SYNC_DUE,
      SYNC_DUE,
    ],
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
  steps: [EVENT, SYNC_DUE, INTENT, EVENT_DONE, SENT, 'DELETE /v1/subscriptions/:id', COMMIT, ...KEPT],
  event: 'customer.subscription.updated',
  prepare: FAILED_RENEWAL.prepare,
  begin: async (workspace, requestId, shop) => {
    const answer = await delivering('customer.subscription.updated')(workspace, requestId, shop);
    const customer = await workspace.customerId();
    const isOver = async (): Promise<boolean> =>
      (await groundOf().stripe.stripe.subscriptions.list({ customer })).data.length === 0;
    await expect.poll(isOver, { interval: 50 }).toBe(true);
    // Ended once by time, and once more when Stripe has ended it.
    const endsOf = async (): Promise<number> =>
      (await rowsOf('ledger_commits', { tenant_id: workspace.tenantId, 'entries.change': 'ended' })).length;
    await expect.poll(endsOf, { interval: 50 }).toBe(2);
    return answer;
  },
};

/** Lets payments fail, kernels hear of it, and grace pass. */
async function loseRenewals({ httpUrl }: Shop): Promise<void> {
  const [before, lost] = [await countChanges('payment_failed'), await countChanges('ended')];
  await advance(groundOf(), 31 * DAY_MS + 2 * HOUR_MS);
  const { data } = await groundOf().stripe.stripe.events.list({ type: 'invoice.payment_failed', limit: 100 });
  for (const event of data) await deliverEvent(httpUrl, JSON.stringify(event));
  await expect.poll(async () => (await rowsOf('stripe_events', { state: 'pending' })).length).toBe(0);
  const unpaid = await countChanges('payment_failed');
  await advance(groundOf(), 8 * DAY_MS);
  await expect.poll(() => countChanges('ended')).toBe(lost + unpaid - before);
}

testKilledFlows([
  // First: whoever else is not paid for meanwhile would end with them.
  { name: 'when grace is over', flows: [LAPSE], wait: loseRenewals, laterMs: CLAIMS_MS },
  {
    ...{ name: 'when a trial ends', flows: [TRIAL_END], laterMs: CLAIMS_MS },
    wait: () => advance(groundOf(), 14 * DAY_MS - 2.5 * HOUR_MS),
    pass: () => advance(groundOf(), HOUR_MS),
  },
  {
    ...{ name: 'when a period ends', flows: [RENEWAL, FAILED_RENEWAL], laterMs: CLAIMS_MS },
    wait: async () => {
      await advance(groundOf(), 31 * DAY_MS + 2 * HOUR_MS);
      await expect.poll(async () => (await countChanges('renewal_pending')) - (await countChanges('started'))).toBe(0);
    },
  },
  { name: 'what is paid for twice', flows: [DUPLICATE], laterMs: CLAIMS_MS },
]);
