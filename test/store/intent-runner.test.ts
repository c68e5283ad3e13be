// Changes at Stripe over a real database: carried out once, whatever dies, gets lost or comes again in between.

import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CustomerDesk } from '../../kernel/app/subscription/customer-desk.ts';
import { IntentDesk, type IntentInput } from '../../kernel/app/subscription/intent-desk.ts';
import { CLAIM_MS, IntentRunner, type IntentRunnerParts } from '../../kernel/app/subscription/intent-runner.ts';
import { IntentSteps } from '../../kernel/app/subscription/intent-step.ts';
import type {
  CustomerStore,
  EndedIntent,
  IntentObserver,
  IntentRequest,
  IntentStore,
  OpenIntent,
  StripeBilling,
} from '../../kernel/app/subscription/ports.ts';
import { DomainError, invalidField } from '../../kernel/domain/error.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openCustomerStore } from '../../kernel/store/subscription/customer-store.ts';
import { openIntentStore } from '../../kernel/store/subscription/intent-store.ts';
import { startIntentWorker } from '../../kernel/worker/intent-worker.ts';
import { override } from '../contract/support/override.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { draftIntent, finishIntent, intentPartsOf } from '../support/intent-fixture.ts';
import { StripeModel, termsOf } from '../support/stripe-model.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

const PRODUCT = 'agentruntime' as ProductCode;
const PRO = 'pro' as PlanCode;
const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const START = 1_790_000_000_000;
/** What an upgrade is besides its price. */
const UPGRADED = { stripeSubscriptionId: 'sub_1', fromStripePriceId: 'price_pro', prorateAt: START } as const;
const ACTIVATE: IntentRequest = {
  ...{ kind: 'activate', planCode: PRO, stripePriceId: 'price_pro', isHosted: false },
  returnUrl: 'https://console.example.com/',
};

let connection: Connection;
let store: IntentStore;
let customerStore: CustomerStore;
let stripe: StripeModel;
let now: number;
let reports: string[];
let settled: number;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  store = await openIntentStore(connection);
  customerStore = await openCustomerStore(connection);
});
beforeEach(async () => {
  for (const name of ['stripe_intents', 'stripe_intent_results', 'stripe_customers']) {
    await connection.collection(name).deleteMany({});
  }
  now = START;
  reports = [];
  settled = 0;
  stripe = new StripeModel(() => now);
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

const clock = { now: () => now, estimate: () => now };

const observer: IntentObserver = {
  ended: ({ request }, result) => void reports.push(`ended ${request.kind} ${result.kind}`),
  failed: (_, error) => void reports.push(`failed ${error instanceof DomainError ? error.reason : String(error)}`),
  backlog: (oldestMs) => void reports.push(`backlog ${oldestMs}`),
  backgroundFailed: (work) => void reports.push(`background ${work}`),
};

/** What a kernel carries out intents with; `changes` are what differs of it. */
function partsOf(changes: Partial<IntentRunnerParts> = {}): IntentRunnerParts {
  const settle = (): Promise<void> => {
    settled += 1;
    return Promise.resolve();
  };
  return {
    ...intentPartsOf({ store, customers: customerStore, billing: stripe, clock, observer, settle }),
    ...changes,
  };
}

const openRunner = (changes?: Partial<IntentRunnerParts>): IntentRunner => new IntentRunner(partsOf(changes));

async function open(request: IntentRequest = ACTIVATE, tenantId = RANDOM_ID_SOURCE.tenantId()): Promise<OpenIntent> {
  const intent = draftIntent({ tenantId, request, createdAt: now, dueAt: now });
  await store.openIntent(intent);
  return intent;
}

/** Runs what is due again and again, as time goes by, until it has ended. */
const finish = (runner: IntentRunner, intent: OpenIntent): Promise<EndedIntent> =>
  finishIntent(store, runner, intent, (dueAt) => {
    now = Math.max(now, dueAt);
  });

const callsOf = (): string[] => stripe.calls.map(({ name, attempt }) => `${name} ${attempt}`);
const DONE = { kind: 'done' };

describe('an activation', () => {
  test('buys with the stored card, brings the account up to date, and is kept', async () => {
    const intent = await open();
    const ended = await openRunner().runTenant(intent.tenantId);
    expect(ended).toMatchObject({ intentId: intent.intentId, result: DONE });
    expect(await store.loadEnded(intent.tenantId, intent.key)).toEqual(ended);
    expect(await store.loadOpen(intent.tenantId)).toBeUndefined();
    expect(callsOf()).toEqual(['createCustomer 1', 'createSubscription 1']);
    expect(stripe.subscriptions).toMatchObject([
      {
        stripeCustomerId: 'cus_1',
        metadata: {
          ...{ tenant_id: intent.tenantId, product_code: PRODUCT, plan_code: PRO },
          intent_id: intent.intentId,
        },
      },
    ]);
    expect(settled).toBe(1);
    expect(reports).toEqual(['ended activate done']);
  });

  test('that is declined says why and what to do, and asks once', async () => {
    stripe.card = 'declined';
    const intent = await open();
    expect(await openRunner().runTenant(intent.tenantId)).toMatchObject({
      result: {
        ...{ kind: 'failed', reason: 'PAYMENT_DECLINED', metadata: { decline_code: 'card_declined' } },
        message: expect.stringMatching(/card_declined.*Your card was declined\. Nothing was changed: choose another/),
      },
    });
    expect(stripe.charges).toBe(0);
    expect(settled).toBe(1);
  });

  test.each([
    ['a hosted page is asked for', 'good', true, ['openCheckout 1']],
    ['no card is stored', 'none', false, ['openCheckout 1']],
    ['the bank wants to see the person', 'asks the person', false, ['createSubscription 1', 'openCheckout 1']],
  ] as const)('leads to a page where %s', async (_, card, isHosted, calls) => {
    stripe.card = card;
    const intent = await open({ ...ACTIVATE, isHosted });
    const url = expect.stringContaining(`https://pay.example.com/${intent.intentId}`);
    expect(await openRunner().runTenant(intent.tenantId)).toMatchObject({ result: { kind: 'action_required', url } });
    expect(callsOf().slice(1)).toEqual(calls);
    expect(stripe.charges).toBe(0);
  });
});

describe('a change', () => {
  const CHANGE = { planCode: PRO, stripePriceId: 'price_max', stripeSubscriptionId: 'sub_1' };
  const changes: readonly (readonly [IntentRequest, object, readonly string[]])[] = [
    [{ kind: 'upgrade', ...CHANGE, ...UPGRADED }, { terms: { stripePriceId: 'price_max' } }, ['changeNow 1']],
    [
      { kind: 'change_at_period_end', ...CHANGE },
      { pending: { terms: { stripePriceId: 'price_max' } } },
      ['changeAtPeriodEnd 1'],
    ],
    [
      { kind: 'cancel', stripeSubscriptionId: 'sub_1', atOnce: false },
      { cancelAt: START + 720 * HOUR_MS },
      ['cancelAtPeriodEnd 1'],
    ],
    [{ kind: 'cancel', stripeSubscriptionId: 'sub_1', atOnce: true }, { phase: 'ended' }, ['cancelNow 1']],
    [
      { kind: 'drop_duplicate', stripeSubscriptionId: 'sub_1' },
      { phase: 'ended' },
      ['cancelNow 1', 'refundLatestPayment 1'],
    ],
  ];

  test.each(changes)('of kind $kind is asked of Stripe', async (request, after, calls) => {
    stripe.add();
    const intent = await open(request);
    expect(await openRunner().runTenant(intent.tenantId)).toMatchObject({ result: DONE });
    expect(stripe.subscriptions).toMatchObject([after]);
    expect(callsOf()).toEqual(calls);
  });

  test('that was done a day ago without anybody hearing of it is adopted, of each kind that may be', async () => {
    const kinds = changes.filter(([{ kind }]) => kind !== 'drop_duplicate');
    for (const [request, , calls] of kinds) {
      stripe = new StripeModel(() => now);
      stripe.add();
      const intent = await open(request);
      stripe.failNext('answer lost');
      expect(await openRunner().runTenant(intent.tenantId)).toBeUndefined();
      now += 25 * HOUR_MS;
      expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
      expect(callsOf()).toEqual(calls);
    }
  });

  test('takes back what waits, and is adopted where it has', async () => {
    stripe.add({ cancelAt: START + HOUR_MS });
    const intent = await open({ kind: 'resume', stripeSubscriptionId: 'sub_1' });
    stripe.failNext('answer lost');
    expect(await openRunner().runTenant(intent.tenantId)).toBeUndefined();
    expect(stripe.subscriptions[0]?.cancelAt).toBeUndefined();
    now += 25 * HOUR_MS;
    expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
    expect(callsOf()).toEqual(['resume 1']);
  });

  test('puts a discount on it, and is adopted where it has', async () => {
    stripe.add();
    const request = { kind: 'apply_discount', stripeSubscriptionId: 'sub_1', promotionCode: 'SPRING' } as const;
    const intent = await open(request);
    stripe.failNext('answer lost');
    expect(await openRunner().runTenant(intent.tenantId)).toBeUndefined();
    now += 25 * HOUR_MS;
    expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
    expect(callsOf()).toEqual(['applyDiscount 1']);
  });

  test('puts no discount on it while a change of plan waits', async () => {
    const pending = { terms: termsOf('price_pro'), effectiveAt: START + HOUR_MS };
    const { stripeSubscriptionId } = stripe.add({ pending });
    const intent = await open({ kind: 'apply_discount', stripeSubscriptionId, promotionCode: 'SPRING' });
    expect(await openRunner().runTenant(intent.tenantId)).toMatchObject({
      result: { kind: 'failed', reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'change_pending' } },
    });
    expect(callsOf()).toEqual([]);
  });

  test('of a subscription that has ended at Stripe is refused, but for its end', async () => {
    stripe.add({ phase: 'ended' });
    const upgrade = await open({ kind: 'upgrade', ...CHANGE, ...UPGRADED });
    expect(await openRunner().runTenant(upgrade.tenantId)).toMatchObject({
      result: { kind: 'failed', reason: 'SUBSCRIPTION_NOT_FOUND' },
    });
    const cancel = await open({ kind: 'cancel', stripeSubscriptionId: 'sub_1', atOnce: true });
    expect(await openRunner().runTenant(cancel.tenantId)).toMatchObject({ result: DONE });
    expect(callsOf()).toEqual([]);
    expect(settled).toBe(2);
  });

  test('that the bank wants to see the person for, and has no page, is declined', async () => {
    stripe.add();
    stripe.card = 'asks the person';
    const intent = await open({ kind: 'upgrade', ...CHANGE, ...UPGRADED });
    expect(await openRunner().runTenant(intent.tenantId)).toMatchObject({
      result: { reason: 'PAYMENT_DECLINED', metadata: { decline_code: 'authentication_required' } },
    });
  });

  test('that there is nothing to charge for asks for a payment method', async () => {
    stripe.add();
    stripe.card = 'none';
    const intent = await open({ kind: 'upgrade', ...CHANGE, ...UPGRADED });
    expect(await openRunner().runTenant(intent.tenantId)).toMatchObject({
      result: { kind: 'failed', reason: 'PAYMENT_METHOD_REQUIRED' },
    });
  });

  test('to a price that is paid and there already only takes back what waits', async () => {
    stripe.add({ cancelAt: START + HOUR_MS });
    const intent = await open({ kind: 'upgrade', ...CHANGE, ...UPGRADED });
    const changeNow: StripeBilling['changeNow'] = async (subscription, ...rest) => {
      await stripe.changeNow(subscription, ...rest);
      throw new Error('injected: the kernel died before it took back what waited');
    };
    const dying = new IntentSteps({
      billing: override(stripe, { changeNow }),
      customers: { ensureCustomer: () => Promise.resolve('cus_1') },
      notes: customerStore,
    });
    expect(await openRunner({ steps: dying }).runTenant(intent.tenantId)).toBeUndefined();
    now += 25 * HOUR_MS;
    expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
    expect(callsOf()).toEqual(['changeNow 1', 'resume 2']);
    expect(stripe.subscriptions[0]?.cancelAt).toBeUndefined();
    expect(stripe.charges).toBe(1);
  });

  test('whose promotion code Stripe does not take fails with that', async () => {
    const intent = await open({ ...ACTIVATE, promotionCode: 'SPRING' });
    const steps = new IntentSteps({
      billing: override(stripe, {
        createSubscription: () => Promise.reject(invalidField({ field: 'promotion_code', description: 'over' })),
      }),
      customers: { ensureCustomer: () => Promise.resolve('cus_1') },
      notes: customerStore,
    });
    const violations = [{ field: 'promotion_code', description: 'over' }];
    const result = { kind: 'failed', reason: 'INVALID_FIELD', message: 'promotion_code: over', violations };
    expect(await openRunner({ steps }).runTenant(intent.tenantId)).toMatchObject({ result });
    expect(await store.loadEnded(intent.tenantId, intent.key)).toMatchObject({ result });
  });

  test('that Stripe refuses fails in Stripe’s words, and is not asked for again', async () => {
    stripe.add();
    stripe.failNext('refused');
    const intent = await open({ kind: 'cancel', stripeSubscriptionId: 'sub_1', atOnce: false });
    expect(await openRunner().runTenant(intent.tenantId)).toMatchObject({
      result: { kind: 'failed', reason: 'STRIPE_REFUSED', metadata: { stripe_status: '400' } },
    });
  });

  test('that sales agreed on is begun with its price and its credits', async () => {
    const intent = await open({
      ...{ kind: 'provision', planCode: PRO, productName: 'Acme', minorUnits: 1_200_000n, currency: 'usd' },
      ...{ includedPerCycle: 5_000_000n, intervalMonths: 12, daysUntilDue: 30 },
    });
    expect(await openRunner().runTenant(intent.tenantId)).toMatchObject({ result: DONE });
    const { tenantId: tenant_id, intentId: intent_id } = intent;
    const metadata = { tenant_id, intent_id, product_code: PRODUCT, plan_code: PRO };
    expect(stripe.subscriptions).toMatchObject([
      { metadata: { ...metadata, included_microcredits_per_cycle: '5000000' } },
    ]);
  });
});

describe('a crash', () => {
  /** A kernel that dies at its so manyth step, before or after it has taken effect: whatever it does then comes to nothing. */
  function openDying(deathAt: number, when: 'before' | 'after'): { readonly runner: IntentRunner; isDead(): boolean } {
    let steps = 0;
    const dead = (): Promise<never> => Promise.reject(new Error('injected: the kernel is dead'));
    const stepped = <Part extends object>(part: Part): Part =>
      new Proxy(part, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name);
          if (typeof value !== 'function') return value;
          return async (...given: unknown[]): Promise<unknown> => {
            steps += 1;
            if (steps > deathAt || (steps === deathAt && when === 'before')) return dead();
            const answer: unknown = await value.apply(target, given);
            return steps >= deathAt ? dead() : answer;
          };
        },
      });
    const runner = new IntentRunner(
      intentPartsOf({
        ...{ store: stepped(store), customers: stepped(customerStore), billing: stepped(stripe), clock, observer },
        settle: stepped({ settle: () => Promise.resolve() }).settle,
      }),
    );
    return { runner, isDead: () => steps >= deathAt };
  }

  const requests: readonly (readonly [string, IntentRequest])[] = [
    ['an activation', ACTIVATE],
    ['an upgrade', { kind: 'upgrade', planCode: PRO, stripePriceId: 'price_max', ...UPGRADED }],
  ];

  for (const [what, request] of requests) {
    for (const pauseMs of [CLAIM_MS, 25 * HOUR_MS]) {
      for (const when of ['before', 'after'] as const) {
        test(`${when} any step of ${what} leaves it to another kernel ${pauseMs / HOUR_MS} h later: one charge`, async () => {
          let deathAt = 0;
          for (let isDead = true; isDead; ) {
            deathAt += 1;
            now = START;
            stripe = new StripeModel(() => now);
            if (request.kind === 'upgrade') stripe.add();
            await connection.collection('stripe_customers').deleteMany({});
            const intent = await open(request);
            const dying = openDying(deathAt, when);
            await dying.runner.runTenant(intent.tenantId).catch(() => undefined);
            isDead = dying.isDead();
            now += pauseMs;
            const ended = await finish(openRunner(), intent);
            expect({ deathAt, result: ended.result, charges: stripe.charges }).toEqual({
              ...{ deathAt, result: DONE, charges: 1 },
            });
            expect(stripe.subscriptions).toHaveLength(1);
            expect(stripe.customers.length).toBeLessThanOrEqual(1);
          }
          // Claim, look, read, note, send, settle, end.
          expect(deathAt).toBeGreaterThan(7);
        });
      }
    }
  }

  test('after the result was kept leaves what was told: a declined charge is not tried again a day later', async () => {
    stripe.card = 'declined';
    const intent = await open();
    const dying = override(store, {
      endIntent: async (...given) => {
        await store.endIntent(...given);
        // The result has a majority, and the open document was not removed yet.
        await connection.collection('stripe_intents').insertOne(left);
        return Promise.reject(new Error('injected: the kernel is dead'));
      },
      saveRetry: () => Promise.reject(new Error('injected: the kernel is dead')),
    });
    const document = await connection.collection('stripe_intents').findOne();
    if (document === null) throw new Error('the intent is not there');
    const left = { ...document, sent_at: new Date(now), due_at: new Date(now + CLAIM_MS) };
    await openRunner({ store: dying }).runTenant(intent.tenantId);
    stripe.card = 'good';
    now += 25 * HOUR_MS;
    expect(await finish(openRunner(), intent)).toMatchObject({
      result: { reason: 'PAYMENT_DECLINED' },
      endedAt: START,
    });
    expect(stripe.charges).toBe(0);
    expect(callsOf()).toEqual(['createCustomer 1', 'createSubscription 1']);
  });
});

describe('an attempt', () => {
  /** A customer who was made before, so that what fails next is the change itself. */
  const nameCustomer = ({ tenantId }: OpenIntent) =>
    customerStore.insertCustomer({
      ...{ tenantId, productCode: PRODUCT, intentId: 'int_c', attempt: 1, sentAt: now },
      stripeCustomerId: 'cus_9',
    });

  test('whose answer is lost is sent again as the same, with twice the pause after each failure', async () => {
    const intent = await open();
    await nameCustomer(intent);
    const runner = openRunner();
    stripe.failNext('answer lost');
    const waits: number[] = [];
    for (let tries = 1; tries <= 11; tries += 1) {
      expect(await runner.runTenant(intent.tenantId)).toBeUndefined();
      const left = await store.loadOpen(intent.tenantId);
      waits.push((left?.dueAt ?? 0) - now);
      expect(left).toMatchObject({ tries, failure: 'injected: nobody knows' });
      // Nobody takes it before.
      expect(await runner.runTenant(intent.tenantId)).toBeUndefined();
      now = left?.dueAt ?? now;
      stripe.failNext('answer lost');
    }
    expect(waits.slice(0, 4)).toEqual([1, 2, 4, 8].map((seconds) => seconds * SECOND_MS));
    expect(Math.max(...waits)).toBe(300 * SECOND_MS);
    expect(callsOf()).toEqual(['createSubscription 1']);
  });

  test('that never arrived is sent again, and after a day a new one is begun', async () => {
    const intent = await open();
    await nameCustomer(intent);
    stripe.failNext('request lost');
    await openRunner().runTenant(intent.tenantId);
    stripe.failNext('request lost');
    now += 19 * HOUR_MS;
    await openRunner().runTenant(intent.tenantId);
    expect(callsOf()).toEqual([]);
    now += 6 * HOUR_MS;
    expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
    expect(callsOf()).toEqual(['createSubscription 2']);
  });

  test('whose answer was lost is adopted after 25 hours: it is not sent again', async () => {
    const intent = await open();
    const runner = openRunner();
    await nameCustomer(intent);
    stripe.failNext('answer lost');
    expect(await runner.runTenant(intent.tenantId)).toBeUndefined();
    expect(stripe.charges).toBe(1);
    now += 25 * HOUR_MS;
    expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
    expect(callsOf()).toEqual(['createSubscription 1']);
    expect(settled).toBe(1);
  });

  test.each([
    ['stored 500', ['createSubscription 1', 'createSubscription 2']],
    ['stored 500 after it was done', ['createSubscription 1']],
  ] as const)('whose failure Stripe stored (%s) is looked for, then made anew: one charge', async (fault, calls) => {
    const intent = await open();
    await nameCustomer(intent);
    stripe.failNext(fault);
    expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
    expect(callsOf()).toEqual(calls);
    expect(stripe.charges).toBe(1);
    // Three times the same failure, then it went on.
    expect(reports).toEqual([...Array.from({ length: 3 }, () => 'failed STRIPE_UNAVAILABLE'), 'ended activate done']);
    expect(now).toBe(START + 7 * SECOND_MS);
  });

  test('that follows on one whose failure was stored is sent again as any other', async () => {
    const intent = await open();
    await nameCustomer(intent);
    stripe.failNext('stored 500');
    const tryNow = async (): Promise<void> => {
      expect(await openRunner().runTenant(intent.tenantId)).toBeUndefined();
      now = (await store.loadOpen(intent.tenantId))?.dueAt ?? now;
    };
    for (const _time of [1, 2, 3]) await tryNow();
    stripe.failNext('request lost');
    await tryNow();
    expect(await store.loadOpen(intent.tenantId)).toMatchObject({ attempt: 2, storedFailures: 0 });
    expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
    expect(callsOf()).toEqual(['createSubscription 1', 'createSubscription 2']);
  });

  test('that Stripe refuses although it was done before is done', async () => {
    const intent = await open();
    await nameCustomer(intent);
    stripe.failNext('answer lost');
    await openRunner().runTenant(intent.tenantId);
    const refuse = () => Promise.reject(new DomainError('STRIPE_REFUSED', 'injected: the price is archived now'));
    const steps = new IntentSteps({
      billing: override(stripe, { createSubscription: refuse }),
      customers: { ensureCustomer: () => Promise.resolve('cus_9') },
      notes: customerStore,
    });
    now += SECOND_MS;
    expect(await openRunner({ steps }).runTenant(intent.tenantId)).toMatchObject({ result: DONE });
    expect(stripe.charges).toBe(1);
  });

  test('of a customer who was deleted since is found all the same', async () => {
    const intent = await open();
    await nameCustomer(intent);
    stripe.failNext('answer lost');
    await openRunner().runTenant(intent.tenantId);
    now += 25 * HOUR_MS;
    stripe.deleted.add('cus_9');
    const desk = new CustomerDesk({ store: customerStore, billing: stripe, ids: RANDOM_ID_SOURCE, clock });
    expect(await desk.ensureCustomer(intent)).toBe('cus_1');
    expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
    expect(stripe.charges).toBe(1);
  });

  test('is not sent when reading took so long that another kernel may have taken it', async () => {
    const intent = await open();
    const slow = override(partsOf().steps, {
      prepare: () => {
        now += CLAIM_MS / 2 + 1;
        return Promise.resolve(() => Promise.reject(new Error('it was sent')));
      },
    });
    expect(await openRunner({ steps: slow }).runTenant(intent.tenantId)).toBeUndefined();
    expect(await store.loadOpen(intent.tenantId)).toMatchObject({ failure: expect.stringContaining('took too long') });
    expect(callsOf()).toEqual([]);
  });

  test('is nobody’s who lost the claim', async () => {
    const intent = await open();
    const slow = override(partsOf().steps, {
      prepare: async (given) => {
        await store.claim(now + CLAIM_MS, now + 2 * CLAIM_MS, given.tenantId);
        return () => Promise.reject(new Error('it was sent'));
      },
    });
    expect(await openRunner({ steps: slow }).runTenant(intent.tenantId)).toBeUndefined();
    expect(reports).toEqual([]);
  });

  test('is not taken for failed where only the account could not be brought up to date', async () => {
    const intent = await open();
    const settle = () => Promise.reject(new DomainError('STRIPE_REFUSED', 'injected: the key is wrong'));
    expect(await openRunner({ settle }).runTenant(intent.tenantId)).toBeUndefined();
    now += SECOND_MS;
    expect(await openRunner().runTenant(intent.tenantId)).toMatchObject({ result: DONE });
    expect(stripe.charges).toBe(1);
  });
});

describe('many kernels', () => {
  test('carry out an intent once', async () => {
    const intent = await open();
    const runners = Array.from({ length: 5 }, () => openRunner());
    const answers = await Promise.all(
      runners.flatMap((runner) => [runner.runTenant(intent.tenantId), runner.runTenant(intent.tenantId)]),
    );
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(1);
    expect(stripe.charges).toBe(1);
  });

  test('take no more of what is due than they have room for, and all of it in the end', async () => {
    for (let count = 0; count < 20; count += 1) await open();
    const gate = Promise.withResolvers<void>();
    const { steps } = partsOf();
    const held = override(steps, { prepare: (intent) => gate.promise.then(() => steps.prepare(intent)) });
    const runner = openRunner({ steps: held });
    expect(await runner.takeDue()).toBe(8);
    expect(await runner.takeDue()).toBe(0);
    gate.resolve();
    await runner.settle();
    expect(stripe.charges).toBe(8);
    const worker = startIntentWorker({ runner, observer });
    await expect.poll(() => stripe.charges).toBe(20);
    await worker.stop();
    expect(await runner.takeDue()).toBe(0);
    expect(reports.filter((report) => report === 'ended activate done')).toHaveLength(20);
    expect(reports).toContain('backlog 0');
  });

  test('tell how long the oldest open one waits', async () => {
    await open();
    now += HOUR_MS;
    await openRunner().reportBacklog();
    expect(reports).toEqual([`backlog ${HOUR_MS}`]);
  });
});

describe('the desk', () => {
  const pacing = { monotonicMs: () => performance.now(), delay: (ms: number) => delay(ms) };
  const openDesk = (runner: Pick<IntentRunner, 'runTenant'> = openRunner()): IntentDesk =>
    new IntentDesk({ store, runner, ids: RANDOM_ID_SOURCE, clock, pacing, observer });
  const input = (fields: Partial<IntentInput> = {}): IntentInput => ({
    ...{ key: 'req:x:activate:one' as IdempotencyKey, fingerprint: '1:x' as Fingerprint, request: ACTIVATE },
    deadlineAtMs: performance.now() + 20 * SECOND_MS,
    ...fields,
  });
  const newTenant = () => ({ tenantId: RANDOM_ID_SOURCE.tenantId(), productCode: PRODUCT });
  /** A kernel that never gets to it. */
  const idle = { runTenant: () => Promise.resolve(undefined) };

  test('carries out a change and answers its result, and the same again to the same request', async () => {
    const tenant = newTenant();
    expect(await openDesk().submit(tenant, input())).toEqual({ result: DONE, replayed: false });
    expect(await openDesk().submit(tenant, input())).toEqual({ result: DONE, replayed: true });
    await expect(openDesk().submit(tenant, input({ fingerprint: '1:y' as Fingerprint }))).rejects.toMatchObject({
      ...{ reason: 'IDEMPOTENCY_KEY_REUSED', metadata: { request_id: 'one' } },
    });
    expect(stripe.charges).toBe(1);
  });

  test('joins the request that is under way, and refuses every other of the workspace', async () => {
    const tenant = newTenant();
    const waiting = openDesk(idle).submit(tenant, input());
    await expect.poll(() => store.loadOpen(tenant.tenantId)).toBeDefined();
    await expect(openDesk().submit(tenant, input({ fingerprint: '1:y' as Fingerprint }))).rejects.toMatchObject({
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
    await expect(openDesk().submit(tenant, input({ key: 'req:x:cancel:two' as IdempotencyKey }))).rejects.toMatchObject(
      {
        ...{ reason: 'SUBSCRIPTION_BUSY', retryDelayMs: 2_000 },
      },
    );
    // Another kernel carries it out, and the first one sees it.
    expect(await openDesk().submit(tenant, input())).toEqual({ result: DONE, replayed: true });
    expect(await waiting).toEqual({ result: DONE, replayed: false });
    expect(stripe.charges).toBe(1);
    await openDesk().submit(tenant, input({ key: 'req:x:cancel:two' as IdempotencyKey }));
  });

  test('answers one of 20 that come at once with other keys, and does one change for 20 with one', async () => {
    const crowd = newTenant();
    const keys = Array.from({ length: 20 }, (_, index) => `req:x:activate:${index}` as IdempotencyKey);
    const desk = openDesk(idle);
    const deadlineAtMs = performance.now() + 2 * SECOND_MS;
    const answers = await Promise.allSettled(keys.map((key) => desk.submit(crowd, input({ key, deadlineAtMs }))));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const one = newTenant();
    const same = await Promise.all(keys.map(() => openDesk().submit(one, input())));
    expect(same.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(same.map(({ result }) => result.kind))).toEqual(new Set(['done']));
    expect(stripe.charges).toBe(1);
  });

  test('tries again within the caller’s time, and answers that it is pending when that is up', async () => {
    const tenant = newTenant();
    stripe.failNext('request lost');
    const answer = openDesk().submit(tenant, input());
    await expect.poll(() => reports).toContain('failed STRIPE_UNAVAILABLE');
    now += SECOND_MS;
    expect(await answer).toEqual({ result: DONE, replayed: false });

    const late = newTenant();
    stripe.failNext('request lost');
    const startedAtMs = performance.now();
    const deadlineAtMs = startedAtMs + SECOND_MS;
    const pending = await openDesk().submit(late, input({ deadlineAtMs }));
    expect(pending).toEqual({ result: { kind: 'pending' }, replayed: false });
    expect(performance.now()).toBeLessThan(deadlineAtMs);
    const intent = await store.loadOpen(late.tenantId);
    if (intent === undefined) throw new Error('the change was given up');
    expect(await finish(openRunner(), intent)).toMatchObject({ result: DONE });
    expect(await openDesk(idle).submit(late, input())).toEqual({ result: DONE, replayed: true });
  });

  test('answers in time though the change is still being carried out, which goes on', async () => {
    const tenant = newTenant();
    const settle = Promise.withResolvers<void>();
    const runner = openRunner({ settle: () => settle.promise });
    const deadlineAtMs = performance.now() + SECOND_MS;
    expect(await openDesk(runner).submit(tenant, input({ deadlineAtMs }))).toMatchObject({
      result: { kind: 'pending' },
    });
    expect(performance.now()).toBeLessThan(deadlineAtMs);
    settle.resolve();
    await runner.settle();
    expect(await store.loadEnded(tenant.tenantId, input().key)).toMatchObject({ result: DONE });
  });

  test('takes a change whose time is up already, and one while the database goes away', async () => {
    const tenant = newTenant();
    const runner = openRunner();
    const late = await openDesk(runner).submit(tenant, input({ deadlineAtMs: performance.now() - 1 }));
    expect(late.result).toEqual({ kind: 'pending' });
    await expect.poll(() => stripe.charges).toBe(1);
    await runner.settle();

    const away = { runTenant: () => Promise.reject(new DomainError('OUTCOME_UNKNOWN', 'injected: it is away')) };
    const deadlineAtMs = performance.now() + SECOND_MS;
    expect(await openDesk(away).submit(newTenant(), input({ deadlineAtMs }))).toMatchObject({
      result: { kind: 'pending' },
    });
    expect(reports).toContain('background waiting for a change at Stripe');
  });
});

describe('a customer', () => {
  const openCustomers = (billing = stripe): CustomerDesk =>
    new CustomerDesk({ store: customerStore, billing, ids: RANDOM_ID_SOURCE, clock });
  const tenant = { tenantId: 'ten_1' as TenantId, productCode: PRODUCT };

  test('is made once, for all who ask at once in one kernel and in several', async () => {
    let asked = 0;
    const createCustomer: StripeBilling['createCustomer'] = (...given) => {
      asked += 1;
      return stripe.createCustomer(...given);
    };
    const billing = override(stripe, { createCustomer });
    const desks = Array.from({ length: 4 }, () => openCustomers(billing));
    const ids = await Promise.all(desks.flatMap((desk) => [desk.ensureCustomer(tenant), desk.ensureCustomer(tenant)]));
    expect(new Set(ids)).toEqual(new Set(['cus_1']));
    // Each kernel has asked Stripe once at most, and Stripe has made one of it.
    expect(asked).toBeLessThanOrEqual(desks.length);
    expect(callsOf()).toEqual(['createCustomer 1']);
    expect(await openCustomers().ensureCustomer(tenant)).toBe('cus_1');
  });

  test('whose making nobody heard of is asked for as the same within a day, and looked for after it', async () => {
    stripe.failNext('answer lost', 'answer lost');
    await expect(openCustomers().ensureCustomer(tenant)).rejects.toMatchObject({ reason: 'STRIPE_UNAVAILABLE' });
    now += 19 * HOUR_MS;
    await expect(openCustomers().ensureCustomer(tenant)).rejects.toMatchObject({ reason: 'STRIPE_UNAVAILABLE' });
    now += 6 * HOUR_MS;
    expect(await openCustomers().ensureCustomer(tenant)).toBe('cus_1');
    expect(callsOf()).toEqual(['createCustomer 1']);
  });

  test('that was never made is made by a new attempt after a day', async () => {
    stripe.failNext('request lost');
    const desk = openCustomers();
    await expect(desk.ensureCustomer(tenant)).rejects.toMatchObject({ reason: 'STRIPE_UNAVAILABLE' });
    now += 25 * HOUR_MS;
    expect(await desk.ensureCustomer(tenant)).toBe('cus_1');
    expect(callsOf()).toEqual(['createCustomer 2']);
  });

  test.each([
    ['stored 500', 'createCustomer 2'],
    ['stored 500 after it was done', 'createCustomer 1'],
  ] as const)('is one, where Stripe stored a failure (%s)', async (fault, last) => {
    stripe.failNext(fault);
    await openCustomers()
      .ensureCustomer(tenant)
      .catch(() => undefined);
    expect(await openCustomers().ensureCustomer(tenant)).toBe('cus_1');
    expect(callsOf().at(-1)).toBe(last);
    expect(stripe.customers).toHaveLength(1);
  });

  test('that was deleted at Stripe is made anew when one is needed, once for all kernels', async () => {
    expect(await openCustomers().ensureCustomer(tenant)).toBe('cus_1');
    stripe.deleted.add('cus_1');
    const desks = Array.from({ length: 4 }, () => openCustomers());
    await Promise.all(desks.map((desk) => desk.forgetDeleted(tenant.tenantId, 'cus_1')));
    expect(stripe.customers).toHaveLength(1);
    const ids = await Promise.all(desks.flatMap((desk) => [desk.ensureCustomer(tenant), desk.ensureCustomer(tenant)]));
    expect(new Set(ids)).toEqual(new Set(['cus_2']));
    stripe.deleted.add('cus_2');
    const others = await Promise.all(desks.map((desk) => desk.ensureCustomer(tenant)));
    expect(new Set(others)).toEqual(new Set(['cus_3']));
    // An event that comes late, or about one who is there, changes nothing.
    for (const id of ['cus_1', 'cus_3', 'cus_9']) await openCustomers().forgetDeleted(tenant.tenantId, id);
    expect(await openCustomers().ensureCustomer(tenant)).toBe('cus_3');
    expect(await openCustomers().listCustomers(tenant.tenantId)).toEqual(['cus_1', 'cus_2', 'cus_3']);
    expect(callsOf()).toEqual(['createCustomer 1', 'createCustomer 1', 'createCustomer 1']);
  });
});
