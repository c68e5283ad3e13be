// What provokes each reason about subscriptions and payment methods, by calls to a kernel that sells at the sandbox.

import { status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { CREDIT } from './account.ts';
import { type Failure, failureOf } from './failure.ts';
import { newRequestId } from './kernel-fixture.ts';
import { openSubscriber } from './subscriber.ts';
import { DAY_MS, openWorkspace, type Shop } from './subscription.ts';

/** A call that is refused for a reason, with its code. */
interface SubscriptionProof {
  readonly code: status;
  readonly provoke: () => Promise<Failure>;
  readonly expected?: Partial<Failure>;
}

const SLOW_MS = 1_500;

/** Asks for a second change while Stripe takes its time with the first. */
async function meetBusy(shop: Shop): Promise<Failure> {
  const { kernel, stripe } = shop;
  const workspace = await openWorkspace(shop);
  await workspace.storeCard();
  stripe.sandbox.control.addFault({ method: 'POST', path: '/v1/subscriptions', delayMs: SLOW_MS });
  const first = workspace.activate({ planCode: 'pro' });
  const open = kernel.connection.collection<{ _id: string }>('stripe_intents');
  await expect.poll(() => open.countDocuments({ _id: workspace.tenantId }), { interval: 20 }).toBe(1);
  const failure = await failureOf(workspace.activate({ planCode: 'plus' }));
  await first;
  return failure;
}

/** Lets a renewal fail, and asks for another plan. */
async function oweRenewal(shop: Shop): Promise<Failure> {
  const workspace = await openSubscriber(shop, 'plus');
  await workspace.storeCard('pm_card_chargeCustomerFail');
  await shop.advance(31 * DAY_MS);
  await shop.advance(DAY_MS);
  const paymentUrlOf = async () => (await workspace.get()).subscription?.paymentUrl;
  await expect.poll(paymentUrlOf).toContain(shop.stripe.sandbox.url);
  expect(await failureOf(workspace.preview('max'))).toMatchObject({ reason: 'SUBSCRIPTION_UNPAID' });
  return failureOf(workspace.changePlan({ planCode: 'max' }));
}

/** Builds the proof of each reason over a shop that is there when it is run. */
export function subscriptionProofsOf(shopOf: () => Shop) {
  return {
    SUBSCRIPTION_NOT_FOUND: {
      code: status.NOT_FOUND,
      provoke: async () => failureOf((await openWorkspace(shopOf())).cancel()),
    },
    SUBSCRIPTION_EXISTS: {
      code: status.ALREADY_EXISTS,
      provoke: async () => failureOf((await openSubscriber(shopOf(), 'pro')).activate({ planCode: 'plus' })),
      expected: { metadata: { plan_code: 'pro' } },
    },
    SUBSCRIPTION_BUSY: { code: status.ABORTED, provoke: () => meetBusy(shopOf()) },
    SUBSCRIPTION_UNPAID: {
      code: status.FAILED_PRECONDITION,
      provoke: () => oweRenewal(shopOf()),
      expected: { metadata: { payment_url: expect.stringMatching(/^http/) } },
    },
    CONTACT_SALES: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => failureOf((await openWorkspace(shopOf())).activate({ planCode: 'enterprise' })),
      expected: { metadata: { plan_code: 'enterprise' } },
    },
    PAYMENT_DECLINED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const workspace = await openWorkspace(shopOf());
        await workspace.storeCard('pm_card_chargeCustomerFail');
        return failureOf(workspace.activate({ planCode: 'pro' }));
      },
      expected: { metadata: { decline_code: 'generic_decline' } },
    },
    PAYMENT_METHOD_REQUIRED: {
      code: status.FAILED_PRECONDITION,
      // Where people buy there is a page to pay on; a contract that charges a card has none.
      provoke: async () => {
        const workspace = await openWorkspace(shopOf());
        const price = { minorUnits: 500_000n, currencyCode: 'usd' };
        const terms = { price, includedMicrocreditsPerCycle: 1_000n * CREDIT, intervalMonths: 12 };
        return failureOf(workspace.provision({ requestId: newRequestId(), planCode: 'enterprise', ...terms }));
      },
    },
    PAYMENT_METHOD_NOT_FOUND: {
      code: status.NOT_FOUND,
      provoke: async () => {
        const workspace = await openWorkspace(shopOf());
        await workspace.storeCard();
        return failureOf(workspace.setDefault('pm_x'));
      },
    },
    PLAN_UNCHANGED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => failureOf((await openSubscriber(shopOf(), 'pro')).changePlan({ planCode: 'pro' })),
      expected: { metadata: { plan_code: 'pro' } },
    },
  } satisfies Readonly<Record<string, SubscriptionProof>>;
}
