// SetActionPrice, and what it means to GetActionPricing and to debits: who may, what is refused, from when a price holds, in
// every kernel.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PriceRule } from '../../gen/wheelhouse/catalog/v1/action_price.ts';
import {
  CatalogServiceService,
  GetActionPricingRequest,
  SetActionPriceRequest,
  type SetActionPriceResponse,
} from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { GetBalanceRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { PriceStore } from '../../kernel/app/catalog/ports.ts';
import { RULEBOOK_AGE_MAX_MS } from '../../kernel/app/catalog/rulebook-cache.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { type Callers, CREDIT, callersOf, OPERATOR, personIn } from './support/account.ts';
import { failureOf, settle } from './support/failure.ts';
import { composeKernel, type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { override } from './support/override.ts';

const BEYOND = 2n ** 53n;
const DAY_MS = 86_400_000;

let kernel: KernelFixture;
let other: KernelFixture;
let callers: Callers;
let others: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  other = await openKernel({ mongodbUri: kernel.mongodbUri });
  callers = callersOf(kernel);
  others = callersOf(other);
});
afterAll(async () => {
  await other.close();
  await kernel.close();
});

type SetFields = Partial<SetActionPriceRequest>;

let actions = 0;

/** An action that no other test has. */
function newAction(): string {
  actions += 1;
  return `test.action-${actions}`;
}

function requestOf(fields: SetFields): SetActionPriceRequest {
  const price = fields.endsOverride === true ? {} : { microcreditsPerUnit: CREDIT, unit: 'step' };
  return SetActionPriceRequest.fromPartial({
    ...{ requestId: newRequestId(), productCode: 'agentruntime', action: 'test.action', ...price, ...OPERATOR },
    ...fields,
  });
}

function set(fields: SetFields, by: Callers = callers): Promise<SetActionPriceResponse> {
  return by.sysadmin.call(CatalogServiceService.setActionPrice, requestOf(fields));
}

/** How many rows there are, of all products. */
function countRows(): Promise<number> {
  return kernel.connection.collection('action_prices').countDocuments();
}

/** What a tenant pays for an action, as it is told: amount, rule, unit and beginning. */
async function priceOf(tenantId: string, action: string, atTime?: Date, by: Callers = callers) {
  const request = GetActionPricingRequest.fromPartial({ tenantId, atTime });
  const { actionPrices } = await by.internal.call(CatalogServiceService.getActionPricing, request);
  const found = actionPrices.find((candidate) => candidate.action === action);
  return found && [found.microcreditsPerUnit, found.rule, found.unit, found.effectiveTime];
}

/** What a tenant pays for an action, as it is charged: amount, rule, unit and beginning, out of the debit's entry. */
async function chargeOf(tenantId: string, action: string, by: Callers = callers) {
  const { entry } = await by.debit(tenantId, { action, alreadyPerformed: true });
  const detail = entry?.detail;
  if (detail?.$case !== 'debit') throw new Error(`the entry is no debit: ${detail?.$case}`);
  const { price, costMicrocredits } = detail.value;
  expect(costMicrocredits).toBe(price?.microcreditsPerUnit);
  return price && [price.microcreditsPerUnit, price.rule, price.unit, price.effectiveTime];
}

/** The time that a kernel goes by. */
async function timeOf(by: Callers, tenantId: string): Promise<number> {
  const reading = await by.internal.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }));
  return reading.asOfTime?.getTime() ?? 0;
}

/** Moves the time of every kernel over this database to beyond an instant, and waits until all have noticed. */
async function moveClockPast(instant: number, tenantId: string): Promise<void> {
  const clock = kernel.connection.collection<{ _id: string; offset_ms: number }>('clock');
  const $inc = { offset_ms: instant - (await timeOf(callers, tenantId)) + 1_000 };
  await clock.updateOne({ _id: 'offset' }, { $inc }, { upsert: true });
  for (const by of [callers, others]) {
    await expect.poll(() => timeOf(by, tenantId), { timeout: 60_000 }).toBeGreaterThan(instant);
  }
}

describe('what a price is', () => {
  test('the default, until a plan’s, until a tenant’s, and each again when an override ends', async () => {
    const action = newAction();
    const [tenantId, neighbour] = [await callers.openTenant(), await callers.openTenant()];
    const begin = await timeOf(callers, tenantId);
    const day = (count: number): Date => new Date(begin + count * DAY_MS);
    const ofPlan = { action, planCode: 'pro' };
    const ofTenant = { action, tenantId };
    await set({ action, microcreditsPerUnit: 10n, effectiveTime: day(1) });
    await set({ ...ofPlan, microcreditsPerUnit: 20n, effectiveTime: day(2) });
    await set({ ...ofTenant, microcreditsPerUnit: 30n, effectiveTime: day(3) });
    // Set before what comes between: the order of the calls does not matter.
    await set({ ...ofTenant, endsOverride: true, effectiveTime: day(5) });
    await set({ ...ofTenant, microcreditsPerUnit: 0n, effectiveTime: day(4) });
    await set({ ...ofPlan, endsOverride: true, effectiveTime: day(6) });
    await set({ action, microcreditsPerUnit: 11n, effectiveTime: day(7) });
    const story = [
      [1, 10n, PriceRule.DEFAULT, 10n, PriceRule.DEFAULT],
      [2, 20n, PriceRule.PLAN, 20n, PriceRule.PLAN],
      [3, 30n, PriceRule.TENANT, 20n, PriceRule.PLAN],
      [4, 0n, PriceRule.TENANT, 20n, PriceRule.PLAN],
      [5, 20n, PriceRule.PLAN, 20n, PriceRule.PLAN, 2],
      [6, 10n, PriceRule.DEFAULT, 10n, PriceRule.DEFAULT, 1],
      [7, 11n, PriceRule.DEFAULT, 11n, PriceRule.DEFAULT],
    ] as const;
    const tell = async (atTime: Date) => [
      await priceOf(tenantId, action, atTime),
      await priceOf(neighbour, action, atTime, others),
    ];
    const expected = story.map(([since, amount, rule, theirs, theirRule, from = since]) => [
      [amount, rule, 'step', day(from)],
      [theirs, theirRule, 'step', day(theirRule === PriceRule.PLAN ? 2 : from)],
    ]);
    expect(await tell(day(0))).toEqual([undefined, undefined]);
    // The future, as it is set today.
    for (const [index, [since]] of story.entries()) expect(await tell(day(since))).toEqual(expected[index]);
    expect(await failureOf(chargeOf(tenantId, action))).toMatchObject({ reason: 'ACTION_NOT_FOUND' });
    for (const [index, [since]] of story.entries()) {
      await moveClockPast(day(since).getTime(), tenantId);
      for (const by of [callers, others]) {
        expect(await chargeOf(tenantId, action, by)).toEqual(expected[index]?.[0]);
        expect(await chargeOf(neighbour, action, by)).toEqual(expected[index]?.[1]);
        expect(await priceOf(tenantId, action, undefined, by)).toEqual(expected[index]?.[0]);
      }
    }
    // The past, as it was charged.
    for (const [index, [since]] of story.entries()) expect(await tell(day(since + 0.5))).toEqual(expected[index]);
  }, 120_000);

  test('of one product alone', async () => {
    const action = newAction();
    const stranger = await callers.openTenant(0n, 'otherproduct');
    await set({ action });
    await set({ action, planCode: 'pro', microcreditsPerUnit: 2n });
    expect(await failureOf(chargeOf(stranger, action))).toMatchObject({ reason: 'ACTION_NOT_FOUND' });
    expect(await priceOf(stranger, action)).toBeUndefined();
    await set({ action, productCode: 'otherproduct', unit: 'page', microcreditsPerUnit: 3n });
    expect((await chargeOf(stranger, action))?.slice(0, 3)).toEqual([3n, PriceRule.DEFAULT, 'page']);
  });

  test('an answer says what was set; the end of an override has no price', async () => {
    const action = newAction();
    const tenantId = await callers.openTenant();
    const effectiveTime = new Date((await timeOf(callers, tenantId)) + DAY_MS);
    const { actionPrice, replayed } = await set({ action, tenantId, effectiveTime });
    expect(replayed).toBe(false);
    const expected = { action, microcreditsPerUnit: CREDIT, unit: 'step', rule: PriceRule.TENANT, effectiveTime };
    expect(actionPrice).toEqual(expected);
    const endTime = new Date(effectiveTime.getTime() + 1);
    const end = await set({ action, tenantId, endsOverride: true, effectiveTime: endTime });
    expect(end.actionPrice).toEqual({ ...expected, microcreditsPerUnit: 0n, unit: '', effectiveTime: endTime });
  });

  test('stands in the database with who set it, and why', async () => {
    const action = newAction();
    await set({ action, planCode: 'max', actor: 'usr_alice', reason: 'contract 7' });
    const row = await kernel.connection.collection('action_prices').findOne({ action });
    expect(row).toMatchObject({ rule: 'plan', plan_code: 'max', actor: 'usr_alice', reason: 'contract 7' });
    expect(Math.abs(Number(row?.['created_at']) - Number(row?.['effective_at']))).toBeLessThan(1_000);
  });
});

describe('a price that is set takes effect', () => {
  test('in every kernel within 5 s, by whichever rule it comes', async () => {
    const tenantId = await callers.openTenant();
    const changes: readonly (readonly [before: SetFields, change: SetFields, after: bigint])[] = [
      [{}, { microcreditsPerUnit: 2n }, 2n],
      [{}, { microcreditsPerUnit: 3n, planCode: 'pro' }, 3n],
      [{}, { microcreditsPerUnit: 4n, tenantId }, 4n],
      [{ tenantId }, { microcreditsPerUnit: 5n, tenantId }, 5n],
      [{ tenantId }, { endsOverride: true, tenantId }, 1n],
      [{ planCode: 'pro' }, { endsOverride: true, planCode: 'pro' }, 1n],
    ];
    const cases = changes.map(([before, change, after]) => ({ action: newAction(), before, change, after }));
    for (const { action, before } of cases) {
      await set({ action, microcreditsPerUnit: 1n });
      if (Object.keys(before).length > 0) await set({ action, microcreditsPerUnit: 9n, ...before });
    }
    const expectCharges = async (amounts: readonly bigint[]) => {
      await new Promise((resolve) => setTimeout(resolve, RULEBOOK_AGE_MAX_MS + 50));
      for (const by of [others, callers]) {
        const charges: unknown[] = [];
        for (const { action } of cases) charges.push((await chargeOf(tenantId, action, by))?.[0]);
        expect(charges).toEqual(amounts);
      }
    };
    // Both kernels are busy with the prices before.
    await expectCharges([1n, 1n, 1n, 9n, 9n, 9n]);
    for (const { action, change } of cases) await set({ action, ...change });
    await expectCharges(changes.map(([, , after]) => after));
  }, 120_000);

  test('at once for an action that had no price: a kernel looks again before it refuses', async () => {
    const [first, second] = [newAction(), newAction()];
    const tenantId = await callers.openTenant();
    // The other kernel knows that this tenant has nothing of its own.
    await set({ action: newAction(), tenantId: await callers.openTenant() });
    expect(await failureOf(chargeOf(tenantId, first, others))).toMatchObject({ reason: 'ACTION_NOT_FOUND' });
    await set({ action: first, microcreditsPerUnit: 6n });
    expect((await chargeOf(tenantId, first, others))?.[0]).toBe(6n);
    await set({ action: second, microcreditsPerUnit: 7n, tenantId });
    expect((await chargeOf(tenantId, second, others))?.[0]).toBe(7n);
    const neighbour = await callers.openTenant();
    expect(await failureOf(chargeOf(neighbour, second, others))).toMatchObject({ reason: 'ACTION_NOT_FOUND' });
  });
});

describe('who may', () => {
  test('an operator alone', async () => {
    const tenantId = await callers.openTenant();
    const count = await countRows();
    const { setActionPrice } = CatalogServiceService;
    for (const call of [
      callers.internal.call(setActionPrice, requestOf({})),
      callers.bff.call(setActionPrice, requestOf({}), personIn(tenantId, 'tenant_admin')),
    ]) {
      expect(await failureOf(call)).toMatchObject({ reason: 'SCOPE_DENIED', code: status.PERMISSION_DENIED });
    }
    expect(await failureOf(callers.nobody.call(setActionPrice, requestOf({})))).toMatchObject({
      reason: 'CREDENTIAL_INVALID',
    });
    expect(await countRows()).toBe(count);
  });
});

const PAST = new Date(Date.now() - 60_000);

describe('what is refused', () => {
  test.each<readonly [what: string, fields: SetFields, refused: readonly string[]]>([
    ['no request id', { requestId: '' }, ['request_id']],
    ['a request id of other characters', { requestId: 'a b' }, ['request_id']],
    ['no product', { productCode: '' }, ['product_code']],
    ['no action', { action: '' }, ['action']],
    ['an action in capitals', { action: 'Step' }, ['action']],
    ['an action with a blank', { action: 'a step' }, ['action']],
    ['an action of 129 characters', { action: 'a'.repeat(129) }, ['action']],
    ['a plan of 129 characters', { planCode: 'p'.repeat(129) }, ['plan_code']],
    ['a plan and a tenant', { planCode: 'pro', tenantId: 'ten_x' }, ['tenant_id']],
    ['no price', { microcreditsPerUnit: undefined }, ['microcredits_per_unit']],
    ['a price below zero', { microcreditsPerUnit: -1n }, ['microcredits_per_unit']],
    ['a price beyond 2^53 - 1', { microcreditsPerUnit: BEYOND }, ['microcredits_per_unit']],
    ['no unit', { unit: '' }, ['unit']],
    ['a unit of 33 characters', { unit: 'u'.repeat(33) }, ['unit']],
    ['a unit with a line end', { unit: 'step\n' }, ['unit']],
    ['a time in the past', { effectiveTime: PAST }, ['effective_time']],
    ['a time before 1970', { effectiveTime: new Date(-1) }, ['effective_time']],
    ['no actor', { actor: '' }, ['actor']],
    ['an actor of 129 characters', { actor: 'a'.repeat(129) }, ['actor']],
    ['no reason', { reason: '' }, ['reason']],
    ['a reason of 501 characters', { reason: 'r'.repeat(501) }, ['reason']],
    ['the end of a default', { endsOverride: true }, ['ends_override']],
    ['the end of nothing', { endsOverride: true, planCode: 'pro' }, ['ends_override']],
    [
      'an end with a price',
      { endsOverride: true, planCode: 'pro', microcreditsPerUnit: 0n, unit: 'x' },
      ['microcredits_per_unit', 'unit'],
    ],
    ['everything at once', { action: '', unit: '', actor: '', reason: '' }, ['action', 'actor', 'reason', 'unit']],
  ])('%s', async (_, fields, refused) => {
    const count = await countRows();
    const failure = await failureOf(set({ action: 'test.refused', ...fields }));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT });
    expect(Object.keys(failure.violations).sort()).toEqual(refused);
    expect(await countRows()).toBe(count);
  });

  test('a product, plan or tenant that does not exist, or is of another product', async () => {
    const stranger = await callers.openTenant(0n, 'otherproduct');
    const count = await countRows();
    const unknown = 'ten_01890000-0000-7000-8000-00000000dead';
    const code = status.NOT_FOUND;
    for (const [fields, reason, metadata] of [
      [{ productCode: 'nosuch' }, 'PRODUCT_NOT_FOUND', { product_code: 'nosuch' }],
      [{ planCode: 'nosuch' }, 'PLAN_NOT_FOUND', { plan_code: 'nosuch' }],
      [{ productCode: 'otherproduct', planCode: 'max' }, 'PLAN_NOT_FOUND', { plan_code: 'max' }],
      [{ tenantId: unknown }, 'TENANT_NOT_FOUND', { tenant_id: unknown }],
      [{ tenantId: stranger }, 'TENANT_NOT_FOUND', { tenant_id: stranger }],
    ] as const) {
      expect(await failureOf(set(fields))).toMatchObject({ reason, code, metadata });
    }
    expect(await countRows()).toBe(count);
  });

  test('a second price for the same time and target, and no other', async () => {
    const action = newAction();
    const tenantId = await callers.openTenant();
    const effectiveTime = new Date((await timeOf(callers, tenantId)) + DAY_MS);
    await set({ action, effectiveTime });
    for (const fields of [{ microcreditsPerUnit: 2n }, {}]) {
      const failure = await failureOf(set({ action, effectiveTime, ...fields }));
      expect(failure).toMatchObject({ reason: 'INVALID_FIELD' });
      expect(failure.violations).toEqual({ effective_time: expect.stringContaining('exists') });
    }
    await set({ action, effectiveTime, planCode: 'pro' });
    await set({ action, effectiveTime, planCode: 'max' });
    await set({ action, effectiveTime, tenantId });
    await set({ action, effectiveTime, productCode: 'otherproduct' });
    await set({ action, effectiveTime: new Date(effectiveTime.getTime() + 1) });
  });

  test('another unit than the action has, by whichever rule', async () => {
    const action = newAction();
    const tenantId = await callers.openTenant();
    await set({ action, unit: 'job', tenantId });
    for (const fields of [{}, { planCode: 'pro' }, { tenantId }]) {
      const failure = await failureOf(set({ action, unit: 'MiB', ...fields }));
      expect(failure.violations).toEqual({ unit: expect.stringContaining('"job"') });
    }
    await set({ action, unit: 'job' });
    await set({ action, unit: 'MiB', productCode: 'otherproduct' });
  });

  test('all units but the first, of many that come at once for a new action', async () => {
    const action = newAction();
    const tenantIds = await Promise.all([callers.openTenant(), callers.openTenant(), callers.openTenant()]);
    const targets: readonly SetFields[] = [{}, { planCode: 'pro' }, ...tenantIds.map((tenantId) => ({ tenantId }))];
    const calls = targets.map((target, index) =>
      set({ action, unit: `unit-${index}`, ...target }, index % 2 === 0 ? callers : others),
    );
    const { answers, failures } = await settle(calls);
    expect(answers).toHaveLength(1);
    expect(failures.map(({ violations }) => Object.keys(violations))).toEqual(Array(4).fill(['unit']));
  });

  test('an override that was ended is not ended twice, and can be set again', async () => {
    const action = newAction();
    const tenantId = await callers.openTenant();
    await set({ action, microcreditsPerUnit: 1n });
    await set({ action, microcreditsPerUnit: 2n, tenantId });
    await set({ action, endsOverride: true, tenantId });
    expect((await failureOf(set({ action, endsOverride: true, tenantId }))).violations).toHaveProperty('ends_override');
    await set({ action, microcreditsPerUnit: 3n, tenantId });
    const later = new Date((await timeOf(callers, tenantId)) + DAY_MS);
    expect((await priceOf(tenantId, action, later))?.[0]).toBe(3n);
  });
});

describe('one request id sets one price', () => {
  test('and is answered with it ever after, by every kernel, also when its time has passed', async () => {
    const action = newAction();
    const tenantId = await callers.openTenant();
    const effectiveTime = new Date((await timeOf(callers, tenantId)) + DAY_MS);
    const fields = { requestId: newRequestId(), action, effectiveTime };
    const first = await set(fields);
    const now = { requestId: newRequestId(), action };
    const second = await set(now);
    await moveClockPast(effectiveTime.getTime() + DAY_MS, tenantId);
    const count = await countRows();
    for (const by of [callers, others]) {
      expect(await set(fields, by)).toEqual({ ...first, replayed: true });
      expect(await set(now, by)).toEqual({ ...second, replayed: true });
    }
    expect(await countRows()).toBe(count);
  });

  test.each<readonly [string, SetFields]>([
    ['price', { microcreditsPerUnit: 2n }],
    ['unit', { unit: 'job' }],
    ['action', { action: 'test.other' }],
    ['plan', { planCode: 'max' }],
    ['product', { productCode: 'otherproduct', planCode: '' }],
    ['time', { effectiveTime: new Date(Date.now() + 1_000 * DAY_MS) }],
    ['actor', { actor: 'usr_other' }],
    ['reason', { reason: 'another one' }],
    ['end', { endsOverride: true, microcreditsPerUnit: undefined, unit: '' }],
  ])('and is refused for another %s', async (_, change) => {
    const fields = { requestId: newRequestId(), action: newAction(), planCode: 'pro' };
    await set(fields);
    const count = await countRows();
    const failure = await failureOf(set({ ...fields, ...change }, others));
    expect(failure).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', code: status.ALREADY_EXISTS });
    expect(failure.metadata).toEqual({ request_id: fields.requestId });
    expect(await countRows()).toBe(count);
  });

  test('however often it comes at once, to several kernels', async () => {
    const fields = { requestId: newRequestId(), action: newAction() };
    const count = await countRows();
    const calls = Array.from({ length: 16 }, (_, index) => set(fields, index % 2 === 0 ? callers : others));
    const answers = await Promise.all(calls);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(answers.map(({ actionPrice }) => actionPrice?.effectiveTime?.getTime())).size).toBe(1);
    expect(await countRows()).toBe(count + 1);
  });

  test('and of many that want the same time one gets it', async () => {
    const action = newAction();
    const effectiveTime = new Date((await timeOf(callers, await callers.openTenant())) + DAY_MS);
    const calls = Array.from({ length: 12 }, (_, index) =>
      set({ action, effectiveTime, microcreditsPerUnit: BigInt(index) }, index % 2 === 0 ? callers : others),
    );
    const { answers, failures } = await settle(calls);
    expect(answers).toHaveLength(1);
    expect(failures.map(({ violations }) => Object.keys(violations))).toEqual(Array(11).fill(['effective_time']));
  });

  test('and many that mean now all get a time of their own, one after the other and without gaps', async () => {
    const action = newAction();
    const calls = Array.from({ length: 16 }, (_, index) =>
      set({ action, microcreditsPerUnit: BigInt(index) }, index % 2 === 0 ? callers : others),
    );
    const times = (await Promise.all(calls)).map(({ actionPrice }) => actionPrice?.effectiveTime?.getTime());
    expect(new Set(times).size).toBe(16);
    const rows = kernel.connection.collection('action_prices').find({ product_code: 'agentruntime' });
    const revisions = (await rows.toArray()).flatMap(({ revision }) => (revision === undefined ? [] : [revision]));
    expect(revisions.map(Number).sort((a, b) => a - b)).toEqual(revisions.map((_, index) => index + 1));
    // All but the last are marked, so that nobody reads them for ever.
    const unmarked = { action, superseded_at: { $exists: false } };
    expect(await kernel.connection.collection('action_prices').countDocuments(unmarked)).toBe(1);
  });
});

describe('a database that fails', () => {
  const UNAVAILABLE = new DomainError('DATABASE_UNAVAILABLE', 'injected', { retryDelayMs: 1 });

  /** Sets a price through a kernel whose store has a fault, then the same through one that has none. */
  async function setTwice(fault: (real: PriceStore) => Partial<PriceStore>, fields: SetFields) {
    const priceStore = (real: PriceStore): PriceStore => override(real, fault(real));
    const faulty = await composeKernel({ mongodbUri: kernel.mongodbUri, priceStore });
    try {
      return { failure: await failureOf(set(fields, callersOf(faulty))), answer: await set(fields) };
    } finally {
      await faulty.close();
    }
  }

  test('before the row leaves nothing, and a retry sets it', async () => {
    const fields = { requestId: newRequestId(), action: newAction() };
    const { failure, answer } = await setTwice(() => ({ insertPrice: () => Promise.reject(UNAVAILABLE) }), fields);
    expect(failure.reason).toBe('DATABASE_UNAVAILABLE');
    expect(answer.replayed).toBe(false);
  });

  test('after the row, without a word, lets a retry find it', async () => {
    const fields = { requestId: newRequestId(), action: newAction() };
    const lost = new DomainError('OUTCOME_UNKNOWN', 'injected', { retryDelayMs: 1 });
    const fault = (real: PriceStore): Partial<PriceStore> => ({
      insertPrice: async (record) => {
        await real.insertPrice(record);
        throw lost;
      },
    });
    const { failure, answer } = await setTwice(fault, fields);
    expect(failure).toMatchObject({ reason: 'OUTCOME_UNKNOWN', code: status.UNAVAILABLE });
    expect(answer.replayed).toBe(true);
  });

  test('between the row and its mark lets a retry mark it', async () => {
    const action = newAction();
    await set({ action, microcreditsPerUnit: 1n });
    const fields = { requestId: newRequestId(), action, microcreditsPerUnit: 2n };
    const { failure, answer } = await setTwice(() => ({ markSuperseded: () => Promise.reject(UNAVAILABLE) }), fields);
    expect(failure.reason).toBe('DATABASE_UNAVAILABLE');
    expect(answer).toMatchObject({ replayed: true, actionPrice: { microcreditsPerUnit: 2n } });
    const rows = await kernel.connection
      .collection('action_prices')
      .find({ action })
      .sort({ effective_at: 1 })
      .toArray();
    expect(rows.map((row) => row['superseded_at'])).toEqual([rows[1]?.['effective_at'], undefined]);
  });
});

describe('GetActionPricing at a time', () => {
  test('before the account was opened names at_time', async () => {
    const before = new Date((await timeOf(callers, await callers.openTenant())) - 1_000);
    const tenantId = await callers.openTenant();
    const request = GetActionPricingRequest.fromPartial({ tenantId, atTime: before });
    const failure = await failureOf(callers.internal.call(CatalogServiceService.getActionPricing, request));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD' });
    expect(failure.violations).toEqual({ at_time: expect.stringContaining('before') });
  });

  test('in the past answers by the plan of that time', async () => {
    const action = newAction();
    const tenantId = await callers.openTenant();
    await set({ action, planCode: 'pro', microcreditsPerUnit: 4n });
    await set({ action, planCode: 'max', microcreditsPerUnit: 9n });
    const asked = new Date((await timeOf(callers, tenantId)) + 10);
    await moveClockPast(asked.getTime() + DAY_MS, tenantId);
    expect((await priceOf(tenantId, action, asked))?.slice(0, 2)).toEqual([4n, PriceRule.PLAN]);
  });
});
