// Intents and customers in MongoDB: one open intent for a workspace, whoever comes first; claims; and writes whose answer was lost.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type {
  CustomerRow,
  CustomerStore,
  IntentRequest,
  IntentStore,
  OpenIntent,
} from '../../kernel/app/subscription/ports.ts';
import type { PlanCode, ProductCode } from '../../kernel/domain/id.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openCustomerStore } from '../../kernel/store/subscription/customer-store.ts';
import { openIntentStore } from '../../kernel/store/subscription/intent-store.ts';
import { type AnswerCutter, startAnswerCutter } from '../support/answer-cutter.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { draftIntent } from '../support/intent-fixture.ts';
import { reasonOf } from '../support/ledger-fixture.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

const PRODUCT = 'agentruntime' as ProductCode;
const PRO = 'pro' as PlanCode;
const START = 1_790_000_000_123;
const RESUME: IntentRequest = { kind: 'resume', stripeSubscriptionId: 'sub_1' };
/** The driver sends a write again by itself, once. */
const DRIVER_ATTEMPTS = 2;

let connection: Connection;
let cut: Connection;
let proxy: AnswerCutter;
let intents: IntentStore;
let customers: CustomerStore;

beforeAll(async () => {
  const uri = freshDatabaseUri();
  proxy = await startAnswerCutter(uri);
  connection = await connectTo(uri);
  cut = await connectTo(proxy.uri);
  intents = await openIntentStore(connection);
  customers = await openCustomerStore(connection);
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
  await cut.close();
  await proxy.stop();
});

function connectTo(uri: string): Promise<Connection> {
  return openConnection({ uri, timeoutMs: 10_000, onCommand: () => undefined });
}

const draft = (fields: Partial<OpenIntent> = {}): OpenIntent =>
  draftIntent({ createdAt: START, dueAt: START, ...fields });

const row = (fields: Partial<CustomerRow> = {}): CustomerRow => ({
  tenantId: RANDOM_ID_SOURCE.tenantId(),
  productCode: PRODUCT,
  intentId: RANDOM_ID_SOURCE.intentId(),
  ...{ attempt: 1, sentAt: START },
  ...fields,
});

async function claimed(intent: OpenIntent, now = START, until = now + 60_000): Promise<OpenIntent> {
  const taken = await intents.claim(now, until, intent.tenantId);
  if (taken === undefined) throw new Error('the intent could not be claimed');
  return taken;
}

describe('an intent', () => {
  const requests: readonly IntentRequest[] = [
    {
      ...{ kind: 'activate', planCode: PRO, stripePriceId: 'price_1', isHosted: false },
      returnUrl: 'https://console.example.com/',
    },
    {
      ...{ kind: 'activate', planCode: PRO, stripePriceId: 'price_1', isHosted: true, promotionCode: 'SPRING' },
      returnUrl: 'https://console.example.com/',
    },
    {
      ...{ kind: 'upgrade', planCode: PRO, stripePriceId: 'price_2', stripeSubscriptionId: 'sub_1' },
      ...{ fromStripePriceId: 'price_1', prorateAt: START },
    },
    { kind: 'change_at_period_end', planCode: PRO, stripePriceId: 'price_2', stripeSubscriptionId: 'sub_1' },
    { kind: 'cancel', stripeSubscriptionId: 'sub_1', atOnce: true },
    { kind: 'cancel', stripeSubscriptionId: 'sub_1', atOnce: true, onlyUnpaid: true },
    RESUME,
    { kind: 'drop_duplicate', stripeSubscriptionId: 'sub_2' },
    {
      ...{ kind: 'provision', planCode: PRO, productName: 'Acme Enterprise', minorUnits: 1_200_000n, currency: 'usd' },
      ...{ includedPerCycle: 9_007_199_254_740_993n, intervalMonths: 12, daysUntilDue: 0 },
    },
    {
      ...{ kind: 'provision', planCode: PRO, productName: 'Acme Enterprise', minorUnits: 1n, currency: 'usd' },
      ...{ includedPerCycle: 1n, intervalMonths: 1, daysUntilDue: 30, billingEmail: 'bills@acme.example' },
    },
  ];

  test.each(requests)('to $kind is read back as it was stored, open and ended', async (request) => {
    const intent = draft({ request });
    expect(await intents.openIntent(intent)).toEqual({ open: intent });
    expect(await intents.loadOpen(intent.tenantId)).toEqual(intent);
    const { tenantId, intentId, key, fingerprint } = intent;
    const result = {
      kind: 'failed',
      reason: 'PAYMENT_DECLINED',
      message: 'no',
      metadata: { decline_code: 'x' },
    } as const;
    const ended = { intentId, tenantId, key, fingerprint, request, result, endedAt: START + 1 };
    expect(await intents.endIntent(await claimed(intent), result, START + 1)).toEqual(ended);
    expect(await intents.loadOpen(tenantId)).toBeUndefined();
    expect(await intents.loadEnded(tenantId, key)).toEqual(ended);
    expect(await intents.loadEnded(tenantId, 'req:other')).toBeUndefined();
  });

  test('is the one that is open for its workspace, of 20 that come at once', async () => {
    const { tenantId } = draft();
    const asked = Array.from({ length: 20 }, (_, index) => draft({ tenantId, key: `req:${index}` }));
    const answers = await Promise.all(asked.map((intent) => intents.openIntent(intent)));
    const ids = answers.map((answer) => ('open' in answer ? answer.open.intentId : 'ended'));
    expect(new Set(ids).size).toBe(1);
    expect(await intents.loadOpen(tenantId)).toMatchObject({ intentId: ids[0] });
  });

  test('is never opened again under a key that has ended, of 20 that come while it ends', async () => {
    for (let round = 0; round < 10; round += 1) {
      const intent = draft();
      await intents.openIntent(intent);
      const taken = await claimed(intent);
      const again = Array.from({ length: 20 }, () => intents.openIntent(draft({ tenantId: intent.tenantId })));
      const [, ...answers] = await Promise.all([intents.endIntent(taken, { kind: 'done' }, START), ...again]);
      const ids = answers.map((answer) => ('open' in answer ? answer.open.intentId : answer.ended.intentId));
      expect(new Set(ids)).toEqual(new Set([intent.intentId]));
      expect(await intents.loadOpen(intent.tenantId)).toBeUndefined();
    }
  });

  test('that a crash left open after its result was kept goes by the result', async () => {
    const intent = draft();
    await intents.openIntent(intent);
    await intents.endIntent(await claimed(intent), { kind: 'done' }, START);
    // What the crash left.
    await intents.openIntent({ ...intent, key: 'req:crash' });
    const left = await claimed(intent);
    expect(await intents.openIntent(draft({ tenantId: intent.tenantId }))).toMatchObject({
      ended: { result: { kind: 'done' } },
    });
    const kept = await intents.endIntent(
      { ...left, key: intent.key },
      { kind: 'action_required', url: 'x' },
      START + 1,
    );
    expect(kept).toMatchObject({ result: { kind: 'done' }, endedAt: START });
    expect(await intents.loadOpen(intent.tenantId)).toBeUndefined();
  });

  test('that ended does not take the next one of the workspace with it', async () => {
    const intent = draft();
    await intents.openIntent(intent);
    const taken = await claimed(intent);
    await intents.endIntent(taken, { kind: 'done' }, START);
    const next = draft({ tenantId: intent.tenantId, key: 'req:next' });
    await intents.openIntent(next);
    await intents.endIntent(taken, { kind: 'done' }, START);
    expect(await intents.loadOpen(intent.tenantId)).toEqual(next);
    await intents.endIntent(next, { kind: 'done' }, START);
  });
});

describe('a claim', () => {
  afterEach(() => connection.collection('stripe_intents').deleteMany({}));

  test('is one kernel’s of those that come at once, until it runs out', async () => {
    const intent = draft();
    await intents.openIntent(intent);
    const claim = (now: number) => intents.claim(now, now + 60_000, intent.tenantId);
    expect(await claim(START - 1)).toBeUndefined();
    const taken = (await Promise.all(Array.from({ length: 10 }, () => claim(START)))).filter(
      (one) => one !== undefined,
    );
    expect(taken).toEqual([{ ...intent, tries: 1, dueAt: START + 60_000 }]);
    expect(await claim(START + 59_999)).toBeUndefined();
    expect(await claim(START + 60_000)).toMatchObject({ tries: 2 });
  });

  test('takes the one that waits longest where no workspace is named', async () => {
    const long = START - 1_000_000;
    const [first, second] = [draft({ dueAt: long, createdAt: long }), draft({ dueAt: long + 1 })];
    await intents.openIntent(second);
    await intents.openIntent(first);
    expect(await intents.loadOldestOpen()).toBe(long);
    expect(await intents.claim(long + 1, START)).toMatchObject({ intentId: first.intentId });
    expect(await intents.claim(long + 1, START)).toMatchObject({ intentId: second.intentId });
    expect(await intents.claim(long + 1, START)).toBeUndefined();
    await intents.endIntent(first, { kind: 'done' }, START);
    await intents.endIntent(second, { kind: 'done' }, START);
    expect(await intents.loadOldestOpen()).toBeUndefined();
  });

  test('that ran out and was taken by another notes nothing any more', async () => {
    const intent = draft();
    await intents.openIntent(intent);
    const late = await claimed(intent);
    const later = await claimed(intent, START + 60_000);
    expect(await intents.saveSent(late, 1, START)).toBe(false);
    await intents.saveRetry(late, 'too late', START);
    expect(await intents.loadOpen(intent.tenantId)).toEqual(later);
    expect(await intents.saveSent(later, 2, START + 60_001)).toBe(true);
    await intents.saveRetry({ ...later, storedFailures: 1 }, 'Stripe is away', START + 70_000);
    expect(await intents.loadOpen(intent.tenantId)).toEqual({
      ...later,
      ...{ attempt: 2, sentAt: START + 60_001, storedFailures: 1, failure: 'Stripe is away', dueAt: START + 70_000 },
    });
    const next = await claimed(intent, START + 70_000);
    expect(await intents.saveSent(next, 3, START + 70_001)).toBe(true);
    expect(await intents.loadOpen(intent.tenantId)).toMatchObject({ attempt: 3, storedFailures: 0 });
  });
});

describe('a customer', () => {
  test('is read back as it was stored, and one for a workspace of 20 that come at once', async () => {
    const first = row({ stripeCustomerId: 'cus_first', pageOpenedAt: START - 1, syncDueAt: START });
    expect(await customers.insertCustomer(first)).toEqual(first);
    expect(await customers.loadCustomer(first.tenantId)).toEqual(first);
    expect(await customers.findByStripeId('cus_first')).toEqual(first);
    expect(await customers.findByStripeId('cus_nobody')).toBeUndefined();
    expect(await customers.loadCustomer(RANDOM_ID_SOURCE.tenantId())).toBeUndefined();
    const { tenantId } = row();
    const rows = await Promise.all(Array.from({ length: 20 }, () => customers.insertCustomer(row({ tenantId }))));
    expect(new Set(rows.map(({ intentId }) => intentId)).size).toBe(1);
  });

  test('moves on to another attempt once, and not after it was made', async () => {
    const seen = await customers.insertCustomer(row());
    const { tenantId } = seen;
    const moved = await Promise.all([1, 2, 3].map((plus) => customers.saveAttempt(seen, 2, START + plus)));
    expect(new Set(moved.map(({ sentAt }) => sentAt)).size).toBe(1);
    expect(moved[0]).toMatchObject({ attempt: 2 });
    const made = await customers.saveStripeId(seen, `cus_${tenantId}`);
    expect(made).toMatchObject({ attempt: 2, stripeCustomerId: `cus_${tenantId}` });
    expect(await customers.saveAttempt(made, 3, START + 9)).toEqual(made);
    expect(await customers.saveStripeId(seen, 'cus_another')).toEqual(made);
  });

  test('that was deleted gives way to one other, and is known still', async () => {
    const first = await customers.saveStripeId(await customers.insertCustomer(row()), 'cus_gone');
    const { tenantId } = first;
    const replaced = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => customers.saveDeleted(first, `int_${name}`, START + 1)),
    );
    expect(new Set(replaced.map(({ intentId }) => intentId)).size).toBe(1);
    const [second] = replaced;
    if (second === undefined) throw new Error('nothing was answered');
    expect(second).toMatchObject({ attempt: 1, sentAt: START + 1, formerStripeIds: ['cus_gone'] });
    expect(second).not.toHaveProperty('stripeCustomerId');
    // Whoever is at the first one still has nothing more to say.
    expect(await customers.saveStripeId(first, 'cus_gone')).toEqual(second);
    expect(await customers.saveAttempt(first, 2, START + 2)).toEqual(second);
    const made = await customers.saveStripeId(second, 'cus_next');
    expect(await customers.saveDeleted(first, 'int_e', START + 3)).toEqual(made);
    for (const id of ['cus_gone', 'cus_next']) expect(await customers.findByStripeId(id)).toEqual(made);
    let last = made;
    for (let number = 1; number <= 20; number += 1) {
      last = await customers.saveStripeId(await customers.saveDeleted(last, `int_${number}`, START), `cus_${number}`);
    }
    expect(last).toMatchObject({ tenantId, stripeCustomerId: 'cus_20' });
    expect(last.formerStripeIds).toEqual(['cus_next', ...Array.from({ length: 19 }, (_, index) => `cus_${index + 1}`)]);
  });

  test('is never that of two workspaces', async () => {
    const [one, other] = [await customers.insertCustomer(row()), await customers.insertCustomer(row())];
    await customers.saveStripeId(one, 'cus_shared');
    await expect(customers.saveStripeId(other, 'cus_shared')).rejects.toMatchObject({
      reason: 'INTERNAL',
      message: expect.stringContaining('cus_shared'),
    });
    await expect(customers.saveStripeId(row(), 'cus_x')).rejects.toMatchObject({
      reason: 'INTERNAL',
    });
  });

  test('keeps when a page was opened for it last', async () => {
    const { tenantId } = await customers.insertCustomer(row());
    for (const openedAt of [START, START + 5, START + 3]) await customers.savePageOpened(tenantId, openedAt);
    expect(await customers.loadCustomer(tenantId)).toMatchObject({ pageOpenedAt: START + 5 });
  });

  test('is due at the earliest time that was asked for, and taken by one kernel then', async () => {
    const { tenantId } = await customers.insertCustomer(row());
    const due = START - 2_000_000;
    await customers.requestSync(tenantId, due + 10);
    await customers.requestSync(tenantId, due);
    await customers.requestSync(tenantId, due + 20);
    expect(await customers.claimSyncDue(due - 1, due + 60)).toBeUndefined();
    const taken = await Promise.all(Array.from({ length: 10 }, () => customers.claimSyncDue(due, due + 60)));
    expect(taken.filter((one) => one !== undefined)).toMatchObject([{ tenantId, syncDueAt: due + 60 }]);
    // Somebody asks again while it is being read: that stays.
    await customers.requestSync(tenantId, due + 30);
    await customers.saveSyncDue(tenantId, due + 60, START);
    expect(await customers.loadCustomer(tenantId)).toMatchObject({ syncDueAt: due + 30 });
    await customers.saveSyncDue(tenantId, due + 30, START + 5);
    expect(await customers.loadCustomer(tenantId)).toMatchObject({ syncDueAt: START + 5 });
  });
});

describe('a write whose answer is lost', () => {
  const LOST = { reason: 'OUTCOME_UNKNOWN' };

  test('opens one intent all the same, when it is done again', async () => {
    const store = await openIntentStore(cut);
    const intent = draft();
    proxy.cutNext(DRIVER_ATTEMPTS, 'findAndModify', 'stripe_intents');
    await expect(store.openIntent(intent)).rejects.toMatchObject(LOST);
    expect(await store.openIntent({ ...draft(), tenantId: intent.tenantId })).toEqual({ open: intent });
  });

  test('notes what was sent, and keeps the result, when it is done again', async () => {
    const store = await openIntentStore(cut);
    const intent = draft();
    await store.openIntent(intent);
    const taken = await claimed(intent);
    proxy.cutNext(DRIVER_ATTEMPTS, 'update', 'stripe_intents');
    await expect(store.saveSent(taken, 1, START)).rejects.toMatchObject(LOST);
    expect(await store.saveSent(taken, 1, START)).toBe(true);
    proxy.cutNext(DRIVER_ATTEMPTS, 'findAndModify', 'stripe_intent_results');
    await expect(store.endIntent(taken, { kind: 'done' }, START)).rejects.toMatchObject(LOST);
    // The open one is there as long as nobody knows whether its result is.
    expect(await store.loadOpen(intent.tenantId)).toBeDefined();
    proxy.cutNext(DRIVER_ATTEMPTS, 'delete', 'stripe_intents');
    await expect(store.endIntent(taken, { kind: 'done' }, START)).rejects.toMatchObject(LOST);
    expect(await store.endIntent(taken, { kind: 'done' }, START + 1)).toMatchObject({ endedAt: START });
    expect(await store.loadOpen(intent.tenantId)).toBeUndefined();
  });

  test('makes one row of a customer, and names it once', async () => {
    const store = await openCustomerStore(cut);
    const first = row();
    proxy.cutNext(DRIVER_ATTEMPTS, 'findAndModify', 'stripe_customers');
    await expect(store.insertCustomer(first)).rejects.toMatchObject(LOST);
    expect(await store.insertCustomer(row({ tenantId: first.tenantId }))).toEqual(first);
    proxy.cutNext(DRIVER_ATTEMPTS, 'findAndModify', 'stripe_customers');
    await expect(store.saveStripeId(first, 'cus_lost')).rejects.toMatchObject(LOST);
    const named = { ...first, stripeCustomerId: 'cus_lost' };
    expect(await store.saveStripeId(first, 'cus_lost')).toEqual(named);
    proxy.cutNext(DRIVER_ATTEMPTS, 'findAndModify', 'stripe_customers');
    await expect(store.saveDeleted(named, 'int_second', START)).rejects.toMatchObject(LOST);
    expect(await store.saveDeleted(named, 'int_third', START)).toMatchObject({
      ...{ intentId: 'int_second', formerStripeIds: ['cus_lost'] },
    });
  });
});

describe('without a database', () => {
  test('reads say that it is not available, and writes that nobody knows', async () => {
    const closing = await connectTo(freshDatabaseUri());
    const [intentsThere, customersThere] = [await openIntentStore(closing), await openCustomerStore(closing)];
    await closing.close();
    const reasons = [
      intentsThere.loadOpen(draft().tenantId),
      customersThere.loadCustomer(draft().tenantId),
      intentsThere.claim(START, START),
      customersThere.insertCustomer(row()),
    ].map((call) => call.catch(reasonOf));
    expect(await Promise.all(reasons)).toEqual([
      ...['DATABASE_UNAVAILABLE', 'DATABASE_UNAVAILABLE'],
      ...['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN'],
    ]);
  });
});
