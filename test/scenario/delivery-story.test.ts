// Whole stories of subscriptions whose deliveries arrive in any order, late, twice and to a kernel that had no other word of it: after
// each step some of what Stripe has told so far is delivered, all of it at the end. What a workspace has then is what it has where
// every delivery came once, in order and at once.

import fc from 'fast-check';
import type { Stripe } from 'stripe';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LedgerServiceService, ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { SubscriptionStatus } from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import { CREDIT } from '../contract/support/account.ts';
import { deliverEvent } from '../contract/support/delivery.ts';
import { newCode, promotionCallsOf } from '../contract/support/promotion.ts';
import {
  DAY_MS,
  expectSound,
  HOUR_MS,
  openShop,
  openWorkspace,
  type Shop,
  type Workspace,
} from '../contract/support/subscription.ts';
import { sendCard } from '../support/hosted-form.ts';
import { roundCount } from '../support/round-count.ts';

/** What Stripe takes to have the invoice of a period paid, and a little more. */
const PAID_MS = 2 * HOUR_MS;

/** What happens to a workspace, and what it has then. */
interface Step {
  readonly act: (workspace: Workspace) => Promise<unknown>;
  /** How far all clocks move after it, in milliseconds. */
  readonly laterMs?: number;
  /** How far they move beyond the end of the period, in milliseconds. */
  readonly beyondEndMs?: number;
  readonly planCode: string;
  readonly status?: SubscriptionStatus;
}

interface Story {
  readonly name: string;
  readonly steps: readonly Step[];
  /** What is charged in all, in cents, where it does not go by the second. */
  readonly charged?: readonly number[];
}

/** A workspace with what decides which of its deliveries come when. */
interface Hero {
  readonly workspace: Workspace;
  /** Undefined for the one to whom everything comes once, in order and at once. */
  readonly seed: number | undefined;
  readonly delivered: Set<string>;
}

const { ACTIVE, PAST_DUE, ENDED } = SubscriptionStatus;

let shop: Shop;
/** The code of a promotion that makes two periods cost nothing. */
let freeCode: string;

beforeAll(async () => {
  shop = await openShop({ isDeaf: true });
  freeCode = await offerTwoPeriods();
});
afterAll(() => shop.close());

const use = (quantity: string) => (workspace: Workspace) => shop.callers.debit(workspace.tenantId, { quantity });
const nothing = async (): Promise<void> => undefined;
const buy = (planCode: string) => async (workspace: Workspace) => {
  await workspace.storeCard();
  await workspace.activate({ planCode });
};
const startTrial = ({ tenantId }: Workspace) => shop.trials.startByOperator(tenantId, { planCode: 'pro' });
/** Pays with another card from now on. */
const payBy = (card: string) => (workspace: Workspace) => workspace.storeCard(card);

/** The one subscription of a workspace, as somebody sees it in Stripe's own pages. */
async function subscriptionAt(workspace: Workspace): Promise<Stripe.Subscription> {
  const customer = await workspace.customerId();
  const [subscription] = (await shop.stripe.stripe.subscriptions.list({ customer, status: 'all' })).data;
  if (subscription === undefined) throw new Error('there is no subscription');
  return subscription;
}

async function upgradeInPortal(workspace: Workspace): Promise<void> {
  const { id, items } = await subscriptionAt(workspace);
  const { data: prices } = await shop.stripe.stripe.prices.list({ limit: 100 });
  const price = prices.find(({ metadata }) => metadata['plan_code'] === 'max')?.id ?? '';
  const item = items.data[0]?.id ?? '';
  const { stripe } = shop.stripe;
  await stripe.subscriptions.update(id, { items: [{ id: item, price }], proration_behavior: 'always_invoice' });
}

/** Stores a card on a page, and agrees by that to be charged once the trial ends. */
async function agreeOnPage(workspace: Workspace): Promise<void> {
  const { url } = await workspace.startSetup({ hostedPage: true, consentToCharge: true, returnPath: '/settings' });
  expect((await sendCard(url)).status).toBe(303);
}

async function buyOnPage(workspace: Workspace): Promise<void> {
  const { change } = await workspace.activate({ planCode: 'plus', hostedPage: true, returnPath: '/settings' });
  expect((await sendCard(change?.actionUrl ?? '')).status).toBe(303);
}

/** Buys by a code that makes two periods cost nothing. */
async function buyForNothing(workspace: Workspace): Promise<void> {
  await workspace.storeCard();
  await workspace.activate({ planCode: 'pro', promotionCode: freeCode });
}

/** Makes a promotion of which everybody has two periods for nothing; answers its code. */
async function offerTwoPeriods(): Promise<string> {
  const { stripe } = shop.stripe;
  const coupon = await stripe.coupons.create({ percent_off: 100, duration: 'repeating', duration_in_months: 2 });
  const promotion = await stripe.promotionCodes.create({ promotion: { type: 'coupon', coupon: coupon.id } });
  const discount = { stripePromotionCode: promotion.code };
  const code = newCode();
  await promotionCallsOf(shop.callers).create({ code, discount });
  return code;
}

async function cancelInPortal(workspace: Workspace): Promise<void> {
  await shop.stripe.stripe.subscriptions.update((await subscriptionAt(workspace)).id, { cancel_at_period_end: true });
}

const STORIES: readonly Story[] = [
  {
    name: 'a trial that is converted, raised, lowered and left',
    steps: [
      {
        act: async (workspace) => {
          await shop.trials.startByOperator(workspace.tenantId, { planCode: 'pro' });
          await workspace.storeCard();
        },
        laterMs: 2 * DAY_MS,
        planCode: 'pro',
      },
      { act: (workspace) => workspace.convert(), laterMs: 5 * DAY_MS, planCode: 'pro', status: ACTIVE },
      { act: use('2'), planCode: 'pro', status: ACTIVE },
      {
        act: (workspace) => workspace.changePlan({ planCode: 'max' }),
        laterMs: DAY_MS,
        planCode: 'max',
        status: ACTIVE,
      },
      {
        act: (workspace) => workspace.changePlan({ planCode: 'plus' }),
        beyondEndMs: PAID_MS,
        planCode: 'plus',
        status: ACTIVE,
      },
      { act: use('3'), planCode: 'plus', status: ACTIVE },
      { act: (workspace) => workspace.cancel(), beyondEndMs: PAID_MS, planCode: 'free', status: ENDED },
    ],
  },
  {
    name: 'a trial whose end finds a card and somebody who agreed',
    steps: [
      { act: startTrial, laterMs: DAY_MS, planCode: 'pro' },
      { act: agreeOnPage, laterMs: DAY_MS, planCode: 'pro' },
      { act: use('2'), laterMs: 12 * DAY_MS + HOUR_MS, planCode: 'pro', status: ACTIVE },
      { act: use('3'), beyondEndMs: PAID_MS, planCode: 'pro', status: ACTIVE },
    ],
    charged: [4_900, 4_900],
  },
  {
    name: 'a trial whose end finds no card',
    steps: [
      { act: startTrial, laterMs: DAY_MS, planCode: 'pro' },
      { act: use('2'), laterMs: 13 * DAY_MS + HOUR_MS, planCode: 'free' },
      { act: buy('pro'), laterMs: DAY_MS, planCode: 'pro', status: ACTIVE },
    ],
    charged: [4_900],
  },
  {
    name: 'a plan that is bought on a page',
    steps: [
      { act: buyOnPage, laterMs: DAY_MS, planCode: 'plus', status: ACTIVE },
      { act: use('4'), beyondEndMs: PAID_MS, planCode: 'plus', status: ACTIVE },
    ],
    charged: [14_900, 14_900],
  },
  {
    name: 'cycles that cost nothing, and one that does',
    steps: [
      { act: buyForNothing, laterMs: DAY_MS, planCode: 'pro', status: ACTIVE },
      { act: use('1'), beyondEndMs: PAID_MS, planCode: 'pro', status: ACTIVE },
      { act: use('2'), beyondEndMs: PAID_MS, planCode: 'pro', status: ACTIVE },
    ],
    charged: [4_900],
  },
  {
    name: 'a renewal that fails and is made up for',
    steps: [
      { act: buy('plus'), laterMs: DAY_MS, planCode: 'plus', status: ACTIVE },
      { act: use('4'), planCode: 'plus', status: ACTIVE },
      { act: payBy('pm_card_chargeCustomerFail'), beyondEndMs: PAID_MS, planCode: 'plus', status: PAST_DUE },
      { act: payBy('pm_card_mastercard'), laterMs: 3 * DAY_MS, planCode: 'plus', status: ACTIVE },
    ],
    charged: [14_900, 14_900],
  },
  {
    name: 'a renewal that fails, and the loss of the plan',
    steps: [
      { act: buy('plus'), planCode: 'plus', status: ACTIVE },
      { act: payBy('pm_card_chargeCustomerFail'), beyondEndMs: PAID_MS, planCode: 'plus', status: PAST_DUE },
      { act: use('5'), laterMs: 7 * DAY_MS, planCode: 'free', status: ENDED },
    ],
    charged: [14_900],
  },
  {
    name: 'a year, and another',
    steps: [
      { act: buy('pro_annual'), laterMs: 40 * DAY_MS, planCode: 'pro_annual', status: ACTIVE },
      { act: use('6'), beyondEndMs: PAID_MS, planCode: 'pro_annual', status: ACTIVE },
    ],
    charged: [49_000, 49_000],
  },
  {
    name: 'a contract',
    steps: [
      {
        act: async (workspace) => {
          await workspace.storeCard();
          const price = { minorUnits: 250_000n, currencyCode: 'usd' };
          const terms = { price, includedMicrocreditsPerCycle: 500n * CREDIT, intervalMonths: 1 };
          await workspace.provision({ planCode: 'enterprise', ...terms });
        },
        laterMs: DAY_MS,
        planCode: 'enterprise',
        status: ACTIVE,
      },
      { act: use('7'), beyondEndMs: PAID_MS, planCode: 'enterprise', status: ACTIVE },
    ],
    charged: [250_000, 250_000],
  },
  {
    name: 'what is changed in the portal',
    steps: [
      { act: buy('plus'), laterMs: DAY_MS, planCode: 'plus', status: ACTIVE },
      { act: upgradeInPortal, planCode: 'max', status: ACTIVE },
      { act: cancelInPortal, beyondEndMs: PAID_MS, planCode: 'free', status: ENDED },
      { act: nothing, planCode: 'free', status: ENDED },
    ],
  },
];

/** What Stripe has told of a workspace, the oldest first. */
async function eventsOf(workspace: Workspace): Promise<readonly Stripe.Event[]> {
  const customer = await workspace.customerId();
  const isOurs = (event: Stripe.Event): boolean => JSON.stringify(event.data.object).includes(customer);
  const all: Stripe.Event[] = [];
  for await (const event of shop.stripe.stripe.events.list({ limit: 100 })) if (isOurs(event)) all.push(event);
  return all.toReversed();
}

/** Delivers some of what there is to one of whom it comes in any order, or else what has not come yet. */
async function deliver({ workspace, seed, delivered }: Hero, step: number, isLast: boolean): Promise<void> {
  const events = await eventsOf(workspace);
  const twice = [...events, ...events];
  const minLength = isLast ? twice.length : 0;
  const [drawn = []] = fc.sample(fc.shuffledSubarray(twice, { minLength }), {
    ...{ numRuns: 1, seed: (seed ?? 0) * 1_000 + step },
  });
  const chosen = seed === undefined ? events.filter(({ id }) => !delivered.has(id)) : drawn;
  for (const event of chosen) {
    expect((await deliverEvent(shop.kernel.httpUrl, JSON.stringify(event))).code).toBe(200);
    delivered.add(event.id);
  }
}

/** Waits until what was delivered has been seen to. */
async function expectProcessed(): Promise<void> {
  const pending = () => shop.kernel.connection.collection('stripe_events').countDocuments({ state: 'pending' });
  await expect.poll(pending, { interval: 50 }).toBe(0);
}

async function standingOf(workspace: Workspace) {
  const { planCode, subscription } = await workspace.get();
  return { planCode, status: subscription?.status };
}

/** Moves all clocks on beyond the end of the newest of periods. */
async function passPeriod(heroes: readonly Hero[], beyondMs: number): Promise<void> {
  const found = await Promise.all(heroes.map(({ workspace }) => workspace.get()));
  const ends = found.map(({ subscription }) => Number(subscription?.periodEndTime));
  await shop.advance(Math.max(...ends) + beyondMs - shop.stripe.sandbox.control.now() * 1_000);
}

/** What a workspace has, and what it was given and charged, without what goes by the second. */
async function outcomeOf(workspace: Workspace) {
  const { tenantId } = workspace;
  const request = ListEntriesRequest.fromPartial({ tenantId, pageSize: 1_000 });
  const { entries } = await shop.callers.internal.call(LedgerServiceService.listEntries, request);
  const given = entries.flatMap(({ detail }) =>
    detail?.$case === 'granting' ? [(detail.value.grant?.source ?? '').replace(/[:_].*$/, '')] : [],
  );
  const charged = await workspace.charged();
  const { trialRemainingMicrocredits, paygRemainingMicrocredits, includedRemainingMicrocredits, deficitMicrocredits } =
    await workspace.balance();
  const included = Number(includedRemainingMicrocredits / CREDIT);
  const credits = { trialRemainingMicrocredits, paygRemainingMicrocredits, deficitMicrocredits, included };
  return { ...(await standingOf(workspace)), ...credits, given: given.toSorted(), charges: charged.length };
}

test.each(STORIES)('$name: its deliveries in any order, late and twice', { timeout: 180_000 }, async (story) => {
  const seeds = [undefined, ...Array.from({ length: roundCount(4, 40) }, (_, index) => index + 1)];
  const heroes: Hero[] = [];
  for (const seed of seeds) {
    const workspace = await openWorkspace(shop);
    await shop.callers.grant(workspace.tenantId, 7n * CREDIT);
    heroes.push({ workspace, seed, delivered: new Set() });
  }
  for (const [index, { act, laterMs, beyondEndMs, planCode, status }] of story.steps.entries()) {
    await Promise.all(heroes.map(({ workspace }) => act(workspace)));
    if (laterMs !== undefined) await shop.advance(laterMs);
    if (beyondEndMs !== undefined) await passPeriod(heroes, beyondEndMs);
    await Promise.all(heroes.map((hero) => deliver(hero, index, false)));
    for (const { workspace } of heroes) {
      await workspace.refresh();
      await expect.poll(() => standingOf(workspace)).toEqual({ planCode, status });
    }
  }
  await Promise.all(heroes.map((hero) => deliver(hero, story.steps.length, true)));
  await expectProcessed();
  const outcomes = await Promise.all(heroes.map(({ workspace }) => outcomeOf(workspace)));
  const [inOrder] = outcomes;
  for (const [index, outcome] of outcomes.entries()) expect({ index, ...outcome }).toEqual({ index, ...inOrder });
  for (const { workspace } of heroes) {
    if (story.charged !== undefined) expect(await workspace.charged()).toEqual(story.charged);
    await expectSound(shop, workspace);
  }
});
