// HoldService: what each method answers, and what accounts look like to everyone else meanwhile. The rules themselves are
// proven in test/domain and test/store.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PriceRule } from '../../gen/wheelhouse/catalog/v1/action_price.ts';
import { CatalogServiceService, SetActionPriceRequest } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { EntryType, RunStatus } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { type Hold, HoldStatus } from '../../gen/wheelhouse/ledger/v1/hold.ts';
import { HoldServiceService, ListHoldsRequest } from '../../gen/wheelhouse/ledger/v1/hold_service.ts';
import {
  CheckFundsRequest,
  type EntryFilter,
  GetBalanceRequest,
  GrantRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { CreateTenantRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { HOLD_BYTES_MAX, OPEN_HOLDS_MAX } from '../../kernel/domain/bound.ts';
import { ACTION, admitPeople, type Callers, CREDIT, callersOf, OPERATOR, personIn } from './support/account.ts';
import { crowdAccount, crowdHoldBytes } from './support/crowded-account.ts';
import { failureOf, settle } from './support/failure.ts';
import { detailOf, type HoldCalls, holdCallsOf, MINUTE_MS, moveClock } from './support/hold.ts';
import {
  type Connection,
  composeKernel,
  type KernelFixture,
  newRequestId,
  openKernel,
  openSeededDatabase,
} from './support/kernel-fixture.ts';

const OVERDRAFT_PLAN = 'max';
const OVERDRAFT = 5n * CREDIT;

let database: { readonly mongodbUri: string; readonly connection: Connection };
let kernel: KernelFixture;
let callers: Callers;
let holds: HoldCalls;

beforeAll(async () => {
  database = await openSeededDatabase();
  await database.connection
    .collection('plan_policies')
    .updateOne(
      { product_code: 'agentruntime', plan_code: OVERDRAFT_PLAN },
      { $set: { overdraft_limit_microcredits: OVERDRAFT } },
    );
  await database.connection
    .collection('action_prices')
    .insertMany([priceRow('penny', 3n), priceRow('meter', 2n * CREDIT)]);
  kernel = await openKernel({ mongodbUri: database.mongodbUri });
  callers = callersOf(kernel);
  holds = holdCallsOf(callers);
});
afterAll(async () => {
  await kernel.close();
  await database.connection.dropDatabase();
  await database.connection.close();
});

function priceRow(action: string, microcredits: bigint): Record<string, unknown> {
  const rule = { product_code: 'agentruntime', rule: 'default', plan_code: null, tenant_id: null };
  const price = { action, microcredits_per_unit: microcredits, unit: 'piece' };
  return { ...rule, ...price, effective_at: new Date(0), created_at: new Date() };
}

/** What the buckets hold in credits, in which a test can be read. */
async function creditsOf(
  tenantId: string,
): Promise<{ payg: number; held: number; available: number; deficit: number }> {
  const balance = await holds.balanceOf(tenantId);
  const inCredits = (microcredits: bigint | undefined): number => Number(microcredits) / Number(CREDIT);
  return {
    payg: inCredits(balance?.paygRemainingMicrocredits),
    held: inCredits(balance?.heldMicrocredits),
    available: inCredits(balance?.availableMicrocredits),
    deficit: inCredits(balance?.deficitMicrocredits),
  };
}

const sumOf = (draws: readonly { readonly microcredits: bigint }[] | undefined): bigint =>
  (draws ?? []).reduce((sum, { microcredits }) => sum + microcredits, 0n);

describe('Reserve', () => {
  test('answers the hold, its entry, and what is left for everyone else', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const requestId = newRequestId();
    const expireTime = new Date(Date.now() + 5 * MINUTE_MS);
    const context = { projectId: 'prj_1', workflowId: 'wf/1', runId: 'run 1' };
    const { hold, entry, replayed } = await holds.reserve(tenantId, {
      ...{ requestId, quantity: '2.50', expireTime },
      ...context,
    });
    expect(replayed).toBe(false);
    expect(hold).toEqual({
      holdId: expect.stringMatching(/^hld_[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/),
      tenantId,
      action: ACTION,
      heldMicrocredits: 2_500_000n,
      settledMicrocredits: 0n,
      draws: [{ grantId: expect.stringMatching(/^grt_/), bucket: Bucket.PAYG, microcredits: 2_500_000n }],
      ...context,
      status: HoldStatus.OPEN,
      expireTime,
      createTime: entry?.createTime,
      overdraftMicrocredits: 0n,
    });
    expect(entry).toMatchObject({ tenantId, type: EntryType.RESERVED, commitSeq: 3n, requestId });
    expect(detailOf(entry, 'reservation')).toMatchObject({
      hold,
      quantity: '2.5',
      price: { action: ACTION, microcreditsPerUnit: CREDIT, unit: 'MiB', rule: PriceRule.DEFAULT },
      reservedMicrocredits: 2_500_000n,
      overdraftMicrocredits: 0n,
    });
    expect(entry?.balanceAfter).toMatchObject({
      paygRemainingMicrocredits: 10n * CREDIT,
      heldMicrocredits: 2_500_000n,
      availableMicrocredits: 7_500_000n,
    });
    expect(await holds.balanceOf(tenantId)).toEqual(entry?.balanceAfter);
  });

  test('answers a retry with the first answer, with whatever expiry and even when the hold has ended', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const requestId = newRequestId();
    const first = await holds.reserve(tenantId, { requestId, quantity: '4' });
    const later = { requestId, quantity: '4.0', expireTime: new Date(Date.now() + 90 * MINUTE_MS) };
    expect(await holds.reserve(tenantId, later)).toEqual({ ...first, replayed: true });
    const hold = first.hold ?? { tenantId, holdId: '' };
    await holds.settle(hold, { final: true });
    const past = { requestId, quantity: '4', expireTime: new Date(Date.now() - MINUTE_MS) };
    const replay = await holds.reserve(tenantId, past);
    expect(replay).toEqual({ ...first, replayed: true });
    // What is told is what was made; what has become of it is told elsewhere.
    expect(replay.hold).toMatchObject({ status: HoldStatus.OPEN, heldMicrocredits: 4n * CREDIT });
    expect((await holds.list(tenantId)).holds).toEqual([]);
    const other = await failureOf(holds.reserve(tenantId, { requestId, quantity: '3' }));
    expect(other).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', code: status.ALREADY_EXISTS });
    expect(await creditsOf(tenantId)).toEqual({ payg: 9, held: 0, available: 9, deficit: 0 });
  });

  test('holds all or nothing, and keeps what is held from debits', async () => {
    const tenantId = await callers.openTenant(3n * CREDIT);
    const seq = await callers.seqOf(tenantId);
    expect(await failureOf(holds.reserve(tenantId, { quantity: '3.000001' }))).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
      code: status.FAILED_PRECONDITION,
      metadata: {
        needed_microcredits: '3000001',
        available_microcredits: '3000000',
        overdraft_remaining_microcredits: '0',
      },
    });
    expect(await callers.seqOf(tenantId)).toBe(seq);
    await holds.reserve(tenantId, { quantity: '2' });
    expect((await failureOf(callers.debit(tenantId, { quantity: '2' }))).metadata).toMatchObject({
      available_microcredits: '1000000',
    });
    await callers.debit(tenantId, { quantity: '1' });
    expect(await creditsOf(tenantId)).toEqual({ payg: 2, held: 2, available: 0, deficit: 0 });
  });

  test('at once from many sides holds no credit twice', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const { answers, failures } = await settle(Array.from({ length: 12 }, () => holds.reserve(tenantId)));
    expect(answers).toHaveLength(5);
    expect(new Set(failures.map(({ reason }) => reason))).toEqual(new Set(['INSUFFICIENT_CREDITS']));
    expect(await creditsOf(tenantId)).toEqual({ payg: 5, held: 5, available: 0, deficit: 0 });
  });

  test('an action without a price is refused by its name', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    expect(await failureOf(holds.reserve(tenantId, { action: 'nosuch' }))).toMatchObject({
      reason: 'ACTION_NOT_FOUND',
      metadata: { action: 'nosuch' },
    });
  });
});

describe('Settle', () => {
  test('for less than held: charges it, and the last part frees the rest', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const hold = await holds.hold(tenantId, '4', { projectId: 'prj_1', workflowId: 'wf', runId: 'run 1' });
    const dimensions = new Map([['region', 'eu']]);
    const part = { partId: 'all', quantity: '1.50', final: true, runStatus: RunStatus.SUCCEEDED, dimensions };
    const { hold: after, entry, replayed } = await holds.settle(hold, part);
    expect(replayed).toBe(false);
    expect(after).toEqual({
      ...hold,
      heldMicrocredits: 0n,
      settledMicrocredits: 1_500_000n,
      draws: [],
      status: HoldStatus.SETTLED,
    });
    expect(entry).toMatchObject({ type: EntryType.SETTLED, requestId: '', commitSeq: 4n });
    const [draw] = hold.draws;
    expect(detailOf(entry, 'settlement')).toEqual({
      hold: after,
      partId: 'all',
      charge: expect.objectContaining({
        action: ACTION,
        quantity: '1.5',
        costMicrocredits: 1_500_000n,
        draws: [{ ...draw, microcredits: 1_500_000n }],
        deficitMicrocredits: 0n,
        projectId: 'prj_1',
        workflowId: 'wf',
        runId: 'run 1',
        runStatus: RunStatus.SUCCEEDED,
        dimensions,
        alreadyPerformed: true,
      }),
      final: true,
      late: false,
      end: { freed: [{ ...draw, microcredits: 2_500_000n }], expired: [], deficitPaidMicrocredits: 0n },
    });
    expect(await creditsOf(tenantId)).toEqual({ payg: 8.5, held: 0, available: 8.5, deficit: 0 });
    expect((await holds.list(tenantId)).holds).toEqual([]);
  });

  test('for more than held: the hold pays first, then what is free, then the deficit grows', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const hold = await holds.hold(tenantId, '2');
    const more = detailOf((await holds.settle(hold, { quantity: '5' })).entry, 'settlement');
    expect(more.charge?.draws.map(({ microcredits }) => microcredits)).toEqual([2n * CREDIT, 3n * CREDIT]);
    expect(more.hold).toMatchObject({
      status: HoldStatus.OPEN,
      heldMicrocredits: 0n,
      settledMicrocredits: 5n * CREDIT,
    });
    expect(more.end).toBeUndefined();
    const beyond = detailOf(
      (await holds.settle(hold, { partId: 'q', quantity: '7', final: true })).entry,
      'settlement',
    );
    expect(beyond.charge).toMatchObject({ costMicrocredits: 7n * CREDIT, deficitMicrocredits: 2n * CREDIT });
    expect(sumOf(beyond.charge?.draws)).toBe(5n * CREDIT);
    expect(beyond.hold?.settledMicrocredits).toBe(12n * CREDIT);
    expect(await creditsOf(tenantId)).toEqual({ payg: 0, held: 0, available: 0, deficit: 2 });
  });

  test('for nothing: a part is recorded, and the last one frees everything', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const hold = await holds.hold(tenantId, '5');
    const started = await holds.settle(hold, { partId: 'a', quantity: '0' });
    expect(started.hold).toEqual(hold);
    const ended = detailOf(
      (await holds.settle(hold, { partId: 'b', quantity: '0.0', final: true })).entry,
      'settlement',
    );
    expect(ended.charge).toMatchObject({ quantity: '0', costMicrocredits: 0n, draws: [], deficitMicrocredits: 0n });
    expect(sumOf(ended.end?.freed)).toBe(5n * CREDIT);
    expect(await creditsOf(tenantId)).toEqual({ payg: 5, held: 0, available: 5, deficit: 0 });
  });

  test('where nothing is left at all: the work is charged as a deficit', async () => {
    const tenantId = await callers.openTenant(2n * CREDIT);
    const hold = await holds.hold(tenantId, '2');
    await holds.settle(hold, { partId: 'a', quantity: '2' });
    const { entry } = await holds.settle(hold, { partId: 'b', quantity: '3' });
    expect(detailOf(entry, 'settlement').charge).toMatchObject({ draws: [], deficitMicrocredits: 3n * CREDIT });
    expect(entry?.balanceAfter).toMatchObject({ availableMicrocredits: 0n, deficitMicrocredits: 3n * CREDIT });
  });

  test('in parts: each is charged once, and the rest stays held until the last', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const hold = await holds.hold(tenantId, '6');
    const first = await holds.settle(hold, { partId: 'a', quantity: '1' });
    expect(first.hold).toMatchObject({
      status: HoldStatus.OPEN,
      heldMicrocredits: 5n * CREDIT,
      settledMicrocredits: CREDIT,
    });
    expect((await holds.list(tenantId)).holds).toEqual([first.hold]);
    await holds.settle(hold, { partId: 'b', quantity: '2' });
    const last = await holds.settle(hold, { partId: 'c', quantity: '1', final: true });
    expect(last.hold).toMatchObject({ status: HoldStatus.SETTLED, settledMicrocredits: 4n * CREDIT });
    expect(await creditsOf(tenantId)).toEqual({ payg: 6, held: 0, available: 6, deficit: 0 });
    // A retry gets the answer of its time, also after the end; other content under a used name is refused.
    expect(await holds.settle(hold, { partId: 'a', quantity: '1.000' })).toEqual({ ...first, replayed: true });
    expect(await holds.settle(hold, { partId: 'c', quantity: '1', final: true })).toEqual({ ...last, replayed: true });
    for (const fields of [{ quantity: '2' }, { final: true }, { runStatus: RunStatus.FAILED }]) {
      const failure = await failureOf(holds.settle(hold, { partId: 'a', quantity: '1', ...fields }));
      expect(failure).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', code: status.ALREADY_EXISTS });
    }
    const relabelled = { partId: 'a', quantity: '1', dimensions: new Map([['region', 'eu']]) };
    expect((await failureOf(holds.settle(hold, relabelled))).reason).toBe('IDEMPOTENCY_KEY_REUSED');
    expect((await callers.seqOf(tenantId)).toString()).toBe('6');
  });

  test('after the last part: charges what is free, as a part of its own', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const hold = await holds.hold(tenantId, '6');
    await holds.settle(hold, { partId: 'a', quantity: '1', final: true });
    const late = await holds.settle(hold, { partId: 'b', quantity: '2' });
    expect(late.hold).toMatchObject({
      status: HoldStatus.ENDED,
      settledMicrocredits: 2n * CREDIT,
      heldMicrocredits: 0n,
    });
    expect(detailOf(late.entry, 'settlement')).toMatchObject({ late: true, final: false });
    expect(await holds.settle(hold, { partId: 'b', quantity: '2' })).toEqual({ ...late, replayed: true });
    expect(await creditsOf(tenantId)).toEqual({ payg: 7, held: 0, available: 7, deficit: 0 });
  });

  test('rounds each part up by itself', async () => {
    const tenantId = await callers.openTenant(100n);
    const hold = await holds.hold(tenantId, '10', { action: 'penny' });
    expect(hold.heldMicrocredits).toBe(30n);
    for (const partId of ['a', 'b', 'c']) await holds.settle(hold, { partId, quantity: '0.333334' });
    const [open] = (await holds.list(tenantId)).holds;
    expect(open).toMatchObject({ settledMicrocredits: 6n, heldMicrocredits: 24n });
  });

  test('keeps the price of the reservation', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    const hold = await holds.hold(tenantId, '3', { action: 'meter' });
    const price = { productCode: 'agentruntime', action: 'meter', microcreditsPerUnit: 5n * CREDIT, unit: 'piece' };
    const request = SetActionPriceRequest.fromPartial({ requestId: newRequestId(), tenantId, ...price, ...OPERATOR });
    await callers.sysadmin.call(CatalogServiceService.setActionPrice, request);
    const newPrice = async (): Promise<bigint> => {
      const { entry } = await callers.debit(tenantId, { action: 'meter' });
      return detailOf(entry, 'debit').costMicrocredits;
    };
    await expect.poll(newPrice).toBe(5n * CREDIT);
    const extended = await holds.extend(hold, { additionalQuantity: '1' });
    expect(extended.hold?.heldMicrocredits).toBe(8n * CREDIT);
    const { charge } = detailOf((await holds.settle(hold, { quantity: '10' })).entry, 'settlement');
    expect(charge).toMatchObject({
      costMicrocredits: 20n * CREDIT,
      price: { microcreditsPerUnit: 2n * CREDIT, rule: PriceRule.DEFAULT },
    });
  });
});

describe('Extend', () => {
  test('moves the expiry in both directions, and nothing else', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const hold = await holds.hold(tenantId, '2');
    for (const minutes of [120, 5]) {
      const expireTime = new Date(Date.now() + minutes * MINUTE_MS);
      const { hold: after, entry } = await holds.extend(hold, { expireTime });
      expect(after).toEqual({ ...hold, expireTime });
      expect(entry?.type).toBe(EntryType.HOLD_EXTENDED);
      expect(detailOf(entry, 'holdExtension')).toEqual({
        hold: after,
        additionalQuantity: '',
        reservedMicrocredits: 0n,
      });
      expect((await holds.list(tenantId)).holds).toEqual([after]);
    }
  });

  test('holds more, with or without another expiry', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const hold = await holds.hold(tenantId, '2');
    const requestId = newRequestId();
    const more = await holds.extend(hold, { requestId, additionalQuantity: '1.50' });
    const [draw] = hold.draws;
    expect(more.hold).toEqual({
      ...hold,
      heldMicrocredits: 3_500_000n,
      draws: [{ ...draw, microcredits: 3_500_000n }],
    });
    expect(more.entry).toMatchObject({ requestId });
    expect(detailOf(more.entry, 'holdExtension')).toMatchObject({
      additionalQuantity: '1.5',
      reservedMicrocredits: 1_500_000n,
    });
    const expireTime = new Date(Date.now() + 30 * MINUTE_MS);
    const both = await holds.extend(hold, { additionalQuantity: '1', expireTime });
    expect(both.hold).toMatchObject({ heldMicrocredits: 4_500_000n, expireTime });
    expect(await creditsOf(tenantId)).toEqual({ payg: 10, held: 4.5, available: 5.5, deficit: 0 });
    await holds.settle(hold, { final: true });
    // The retry of an extension that was made is answered also when the hold has ended.
    const retry = { requestId, additionalQuantity: '1.5' };
    expect(await holds.extend(hold, retry)).toEqual({ ...more, replayed: true });
    const other = await failureOf(holds.extend(hold, { requestId, additionalQuantity: '2' }));
    expect(other.reason).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  test('is refused whole where the funds don’t reach, and leaves the hold as it was', async () => {
    const tenantId = await callers.openTenant(3n * CREDIT);
    const hold = await holds.hold(tenantId, '2');
    const expireTime = new Date(Date.now() + 2 * MINUTE_MS);
    const failure = await failureOf(holds.extend(hold, { additionalQuantity: '2', expireTime }));
    expect(failure).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
      metadata: { needed_microcredits: '2000000', available_microcredits: '1000000' },
    });
    expect((await holds.list(tenantId)).holds).toEqual([hold]);
  });
});

describe('Release', () => {
  test('frees what is held, once', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const hold = await holds.hold(tenantId, '6');
    await holds.settle(hold, { quantity: '1' });
    const requestId = newRequestId();
    const released = await holds.release(hold, { requestId });
    expect(released.hold).toEqual({
      ...hold,
      heldMicrocredits: 0n,
      settledMicrocredits: CREDIT,
      draws: [],
      status: HoldStatus.RELEASED,
    });
    expect(released.entry).toMatchObject({ type: EntryType.HOLD_RELEASED, requestId });
    expect(detailOf(released.entry, 'holdRelease')).toEqual({
      hold: released.hold,
      end: {
        freed: [{ ...hold.draws[0], microcredits: 5n * CREDIT }],
        expired: [],
        deficitPaidMicrocredits: 0n,
      },
    });
    expect(await holds.release(hold, { requestId })).toEqual({ ...released, replayed: true });
    for (const again of [() => holds.release(hold), () => holds.extend(hold, { additionalQuantity: '1' })]) {
      expect(await failureOf(again())).toMatchObject({
        reason: 'HOLD_ENDED',
        code: status.FAILED_PRECONDITION,
        metadata: { hold_id: hold.holdId },
      });
    }
    expect(await creditsOf(tenantId)).toEqual({ payg: 9, held: 0, available: 9, deficit: 0 });
  });

  test('pays a deficit with what it frees', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const hold = await holds.hold(tenantId, '3');
    await callers.debit(tenantId, { quantity: '4', alreadyPerformed: true });
    expect(await creditsOf(tenantId)).toEqual({ payg: 3, held: 3, available: 0, deficit: 2 });
    const { entry } = await holds.release(hold);
    expect(detailOf(entry, 'holdRelease').end).toMatchObject({ deficitPaidMicrocredits: 2n * CREDIT });
    expect(await creditsOf(tenantId)).toEqual({ payg: 1, held: 0, available: 1, deficit: 0 });
  });

  test('does not undo work: a part that comes later is charged', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const hold = await holds.hold(tenantId, '3');
    await holds.release(hold);
    const { entry, hold: after } = await holds.settle(hold, { quantity: '4', final: true });
    // The part does not tell how the hold had ended.
    expect(after).toMatchObject({ status: HoldStatus.ENDED, heldMicrocredits: 0n });
    expect(detailOf(entry, 'settlement')).toMatchObject({ late: true, end: undefined });
    expect(await creditsOf(tenantId)).toEqual({ payg: 1, held: 0, available: 1, deficit: 0 });
  });
});

describe('holds of others', () => {
  test('are not found, in the words for a hold that never was', async () => {
    const [owner, stranger] = [await callers.openTenant(5n * CREDIT), await callers.openTenant(5n * CREDIT)];
    const { holdId } = await holds.hold(owner, '1');
    const seq = await callers.seqOf(stranger);
    const unknown = 'hld_01890000-0000-7000-8000-000001000000';
    for (const call of [
      (id: string) => holds.settle({ tenantId: stranger, holdId: id }),
      (id: string) => holds.release({ tenantId: stranger, holdId: id }),
      (id: string) => holds.extend({ tenantId: stranger, holdId: id }, { additionalQuantity: '1' }),
    ]) {
      const foreign = await failureOf(call(holdId));
      expect(foreign).toMatchObject({ reason: 'HOLD_NOT_FOUND', code: status.NOT_FOUND });
      const missing = await failureOf(call(unknown));
      expect(missing.message.replace(unknown, '…')).toBe(foreign.message.replace(holdId, '…'));
      expect((await failureOf(call('not an id'))).reason).toBe('HOLD_NOT_FOUND');
    }
    expect(await callers.seqOf(stranger)).toBe(seq);
  });

  test('can’t be reached by an id that runs into the name of a part', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    const hold = await holds.hold(tenantId, '1');
    await holds.settle(hold, { partId: 'a:b' });
    const failure = await failureOf(holds.settle({ tenantId, holdId: `${hold.holdId}:a` }, { partId: 'b' }));
    expect(failure.reason).toBe('HOLD_NOT_FOUND');
  });
});

describe('ListHolds', () => {
  test('lists open holds by their expiry, in pages, and not those that have ended', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const made: Hold[] = [];
    for (const minutes of [50, 10, 40, 20, 30]) {
      const expireTime = new Date(Date.now() + minutes * MINUTE_MS);
      made.push(await holds.hold(tenantId, '1', { expireTime, runId: `run-${minutes}` }));
    }
    const runsOf = (page: readonly Hold[]) => page.map(({ runId }) => runId);
    const all = await holds.list(tenantId);
    expect(runsOf(all.holds)).toEqual(['run-10', 'run-20', 'run-30', 'run-40', 'run-50']);
    expect(all.holds).toEqual(expect.arrayContaining(made));
    expect(all.nextPageToken).toBe('');
    const first = await holds.list(tenantId, { pageSize: 2 });
    expect(runsOf(first.holds)).toEqual(['run-10', 'run-20']);
    // The hold that the page ended with is gone when the next one is asked for.
    await holds.release(first.holds[1] ?? { tenantId, holdId: '' });
    const second = await holds.list(tenantId, { pageSize: 2, pageToken: first.nextPageToken });
    expect(runsOf(second.holds)).toEqual(['run-30', 'run-40']);
    const third = await holds.list(tenantId, { pageSize: 2, pageToken: second.nextPageToken });
    expect([runsOf(third.holds), third.nextPageToken]).toEqual([['run-50'], '']);
    expect((await holds.list(tenantId, { pageSize: 5_000 })).holds).toHaveLength(4);
  });

  test('an exact page is the last one, and an account without holds has an empty list', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    expect(await holds.list(tenantId)).toEqual({ holds: [], nextPageToken: '' });
    await holds.hold(tenantId, '1');
    await holds.hold(tenantId, '1');
    const page = await holds.list(tenantId, { pageSize: 2 });
    expect([page.holds.length, page.nextPageToken]).toEqual([2, '']);
  });

  test('a token of another tenant is refused', async () => {
    const [tenantId, other] = [await callers.openTenant(10n * CREDIT), await callers.openTenant(10n * CREDIT)];
    for (const id of [tenantId, tenantId, other]) await holds.hold(id, '1');
    const { nextPageToken } = await holds.list(tenantId, { pageSize: 1 });
    expect(nextPageToken).not.toBe('');
    const failure = await failureOf(holds.list(other, { pageToken: nextPageToken }));
    expect(Object.keys(failure.violations)).toEqual(['page_token']);
  });

  test('answers a contributor of the workspace', async () => {
    const tenantId = await callers.openTenant(CREDIT);
    await admitPeople(callers, tenantId);
    const hold = await holds.hold(tenantId, '1');
    const person = personIn(tenantId, 'project_contributor');
    const request = ListHoldsRequest.fromPartial({ tenantId });
    expect((await callers.bff.call(HoldServiceService.listHolds, request, person)).holds).toEqual([hold]);
  });
});

describe('LedgerService with holds', () => {
  test('ListEntries shows them as they were answered, by type and by what they were for', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const context = { projectId: 'prj_1', workflowId: 'wf_1' };
    const reserved = await holds.reserve(tenantId, { quantity: '4', ...context });
    const hold = reserved.hold ?? { tenantId, holdId: '' };
    const answers = [
      reserved,
      await holds.extend(hold, { additionalQuantity: '1' }),
      await holds.settle(hold, { dimensions: new Map([['region', 'eu']]) }),
      await holds.release(hold),
    ];
    const types = [EntryType.RESERVED, EntryType.HOLD_EXTENDED, EntryType.SETTLED, EntryType.HOLD_RELEASED];
    expect(await holds.entriesOf(tenantId, types)).toEqual(answers.map(({ entry }) => entry));
    expect((await holds.entriesOf(tenantId)).map(({ type }) => type)).toEqual([
      EntryType.ACCOUNT_OPENED,
      EntryType.GRANTED,
      ...types,
    ]);
    expect(await holds.entriesOf(tenantId, [EntryType.SETTLED])).toHaveLength(1);
    const about = async (filter: Partial<EntryFilter>) => {
      const request = ListEntriesRequest.fromPartial({ tenantId, filter });
      const { entries } = await callers.internal.call(LedgerServiceService.listEntries, request);
      return entries.toReversed().map(({ type }) => type);
    };
    expect(await about({ projectId: 'prj_1' })).toEqual(types);
    expect(await about({ workflowId: 'wf_1', action: ACTION, types: [EntryType.SETTLED] })).toEqual([
      EntryType.SETTLED,
    ]);
    expect(await about({ projectId: 'prj_2' })).toEqual([]);
  });

  test('GetBalance includes what is held, its grants too, now and at a past time', async () => {
    const tenantId = await callers.openTenant(10n * CREDIT);
    const hold = await holds.hold(tenantId, '10');
    const read = (fields: Partial<GetBalanceRequest> = {}) =>
      callers.internal.call(
        LedgerServiceService.getBalance,
        GetBalanceRequest.fromPartial({ tenantId, includeGrants: true, ...fields }),
      );
    const held = await read();
    expect(held.balance).toMatchObject({ heldMicrocredits: 10n * CREDIT, availableMicrocredits: 0n });
    // A grant of which everything is held is listed too: otherwise the grants would not make up the balance.
    expect(held.grants).toMatchObject([
      { grantId: hold.draws[0]?.grantId, remainingMicrocredits: 0n, heldMicrocredits: 10n * CREDIT },
    ]);
    await holds.settle(hold, { quantity: '4', final: true });
    expect((await read()).grants).toMatchObject([{ remainingMicrocredits: 6n * CREDIT, heldMicrocredits: 0n }]);
    const past = await read(held.asOfTime === undefined ? {} : { atTime: held.asOfTime });
    expect([past.balance, past.grants]).toEqual([held.balance, held.grants]);
  });
});

describe('holds beyond all credits', () => {
  const check = (tenantId: string, microcredits: bigint) =>
    callers.internal.call(LedgerServiceService.checkFunds, CheckFundsRequest.fromPartial({ tenantId, microcredits }));

  async function openOverdraftTenant(microcredits: bigint): Promise<string> {
    const request = { requestId: newRequestId(), productCode: 'agentruntime', displayName: 'Overdraft', ...OPERATOR };
    const { tenant } = await callers.sysadmin.call(
      TenantServiceService.createTenant,
      CreateTenantRequest.fromPartial({ ...request, planCode: OVERDRAFT_PLAN }),
    );
    const tenantId = tenant?.tenantId ?? '';
    await callers.grant(tenantId, microcredits);
    return tenantId;
  }

  test('count on overdraft, which is then free for nobody else', async () => {
    const tenantId = await openOverdraftTenant(4n * CREDIT);
    const first = await holds.hold(tenantId, '3');
    expect(first.overdraftMicrocredits).toBe(0n);
    expect(await check(tenantId, 6n * CREDIT)).toMatchObject({
      allowed: true,
      availableMicrocredits: CREDIT,
      overdraftRemainingMicrocredits: OVERDRAFT,
    });
    const { hold: second, entry } = await holds.reserve(tenantId, { quantity: '4' });
    expect(second).toMatchObject({ heldMicrocredits: CREDIT, overdraftMicrocredits: 3n * CREDIT });
    expect(detailOf(entry, 'reservation')).toMatchObject({
      reservedMicrocredits: 4n * CREDIT,
      overdraftMicrocredits: 3n * CREDIT,
    });
    expect(await check(tenantId, 3n * CREDIT)).toMatchObject({
      allowed: false,
      availableMicrocredits: 0n,
      overdraftRemainingMicrocredits: 2n * CREDIT,
      shortfallMicrocredits: CREDIT,
    });
    expect(await failureOf(callers.debit(tenantId, { quantity: '3' }))).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
      metadata: { overdraft_remaining_microcredits: '2000000' },
    });
    const settled = await holds.settle(second ?? first, { quantity: '4', final: true });
    expect(detailOf(settled.entry, 'settlement').charge).toMatchObject({ deficitMicrocredits: 3n * CREDIT });
    expect(await check(tenantId, 2n * CREDIT)).toMatchObject({
      allowed: true,
      overdraftRemainingMicrocredits: 2n * CREDIT,
    });
  });

  test('give their overdraft back when they end', async () => {
    const tenantId = await openOverdraftTenant(CREDIT);
    const hold = await holds.hold(tenantId, '5');
    const { entry } = await holds.extend(hold, { additionalQuantity: '1' });
    expect(detailOf(entry, 'holdExtension')).toMatchObject({
      reservedMicrocredits: CREDIT,
      hold: { heldMicrocredits: CREDIT, overdraftMicrocredits: 5n * CREDIT },
    });
    expect((await failureOf(holds.reserve(tenantId, { quantity: '0.000001' }))).reason).toBe('INSUFFICIENT_CREDITS');
    const released = await holds.release(hold);
    expect(released.hold?.overdraftMicrocredits).toBe(0n);
    expect(await check(tenantId, 6n * CREDIT)).toMatchObject({ allowed: true });
  });
});

describe('time', () => {
  const TRIAL = { bucket: Bucket.TRIAL, microcredits: 2n * CREDIT, ...OPERATOR };
  let quiet: KernelFixture;
  let there: Callers;
  let theirs: HoldCalls;
  let aheadMs = 0;

  beforeAll(async () => {
    // Without the worker that records what is due: what is seen is what whoever looks first sees.
    quiet = await composeKernel({});
    there = callersOf(quiet);
    theirs = holdCallsOf(there);
  });
  afterAll(() => quiet.close());

  const inMinutes = (minutes: number): Date => new Date(Date.now() + aheadMs + minutes * MINUTE_MS);
  const pass = async (tenantId: string, minutes: number): Promise<void> => {
    aheadMs += minutes * MINUTE_MS;
    await moveClock(quiet, there, tenantId, aheadMs);
  };

  test('ends a hold for whoever looks, before anybody has recorded it', async () => {
    const tenantId = await there.openTenant(5n * CREDIT);
    const hold = await theirs.hold(tenantId, '4', { expireTime: inMinutes(30) });
    const seq = await there.seqOf(tenantId);
    await pass(tenantId, 20);
    expect((await theirs.list(tenantId)).holds).toEqual([hold]);
    await pass(tenantId, 20);
    expect((await theirs.list(tenantId)).holds).toEqual([]);
    expect(await theirs.balanceOf(tenantId)).toMatchObject({
      heldMicrocredits: 0n,
      availableMicrocredits: 5n * CREDIT,
    });
    expect((await failureOf(theirs.release(hold))).reason).toBe('HOLD_ENDED');
    expect(await there.seqOf(tenantId)).toBe(seq);
    const { entry } = await there.debit(tenantId, { quantity: '5' });
    const [expired] = await theirs.entriesOf(tenantId, [EntryType.HOLD_EXPIRED]);
    expect(expired).toMatchObject({ commitSeq: entry?.commitSeq, requestId: '' });
    expect(detailOf(expired, 'holdExpiry')).toEqual({
      hold: { ...hold, heldMicrocredits: 0n, draws: [], status: HoldStatus.EXPIRED },
      end: { freed: hold.draws, expired: [], deficitPaidMicrocredits: 0n },
      dueTime: hold.expireTime,
    });
  });

  test('does not undo work: a part that comes after the expiry is charged, once', async () => {
    const tenantId = await there.openTenant(5n * CREDIT);
    const hold = await theirs.hold(tenantId, '4', { expireTime: inMinutes(10), projectId: 'prj_1' });
    await theirs.settle(hold, { partId: 'in-time', quantity: '1' });
    await pass(tenantId, 20);
    const late = await theirs.settle(hold, { partId: 'late', quantity: '3', final: true });
    expect(late.hold).toEqual({
      ...hold,
      heldMicrocredits: 0n,
      settledMicrocredits: 3n * CREDIT,
      draws: [],
      status: HoldStatus.ENDED,
    });
    expect(detailOf(late.entry, 'settlement')).toMatchObject({
      late: true,
      final: true,
      end: undefined,
      charge: { costMicrocredits: 3n * CREDIT, deficitMicrocredits: 0n, projectId: 'prj_1' },
    });
    const again = await theirs.settle(hold, { partId: 'late', quantity: '3', final: true });
    expect(again).toEqual({ ...late, replayed: true });
    expect(await theirs.balanceOf(tenantId)).toMatchObject({ availableMicrocredits: CREDIT, deficitMicrocredits: 0n });
    const types = (await theirs.entriesOf(tenantId)).slice(-3).map(({ type }) => type);
    expect(types).toEqual([EntryType.SETTLED, EntryType.HOLD_EXPIRED, EntryType.SETTLED]);
  });

  test('an extended hold ends at its new expiry', async () => {
    const tenantId = await there.openTenant(5n * CREDIT);
    const hold = await theirs.hold(tenantId, '1', { expireTime: inMinutes(10) });
    await theirs.extend(hold, { expireTime: inMinutes(40) });
    await pass(tenantId, 30);
    expect((await theirs.list(tenantId)).holds).toHaveLength(1);
    await pass(tenantId, 20);
    expect((await theirs.list(tenantId)).holds).toEqual([]);
  });

  test('held credits survive the expiry of their grant, until their hold ends', async () => {
    const tenantId = await there.openTenant(CREDIT);
    const trial = { requestId: newRequestId(), tenantId, ...TRIAL, expireTime: inMinutes(10) };
    await there.sysadmin.call(LedgerServiceService.grant, GrantRequest.fromPartial(trial));
    const hold = await theirs.hold(tenantId, '1.5', { expireTime: inMinutes(60) });
    await pass(tenantId, 20);
    const request = GetBalanceRequest.fromPartial({ tenantId, includeGrants: true });
    const { balance, grants } = await there.internal.call(LedgerServiceService.getBalance, request);
    expect(balance).toMatchObject({
      trialRemainingMicrocredits: 1_500_000n,
      heldMicrocredits: 1_500_000n,
      availableMicrocredits: CREDIT,
    });
    expect(grants).toMatchObject([
      { bucket: Bucket.PAYG },
      { bucket: Bucket.TRIAL, remainingMicrocredits: 0n, heldMicrocredits: 1_500_000n },
    ]);
    const { entry } = await theirs.settle(hold, { quantity: '1', final: true });
    const [draw] = hold.draws;
    expect(detailOf(entry, 'settlement')).toMatchObject({
      charge: { draws: [{ ...draw, microcredits: CREDIT }] },
      end: { freed: [], expired: [{ ...draw, microcredits: 500_000n }] },
    });
    expect(entry?.balanceAfter).toMatchObject({ trialRemainingMicrocredits: 0n, availableMicrocredits: CREDIT });
  });

  test('records the end of a hold by itself, with nobody looking', async () => {
    const whole = await openKernel();
    const own = callersOf(whole);
    const tenantId = await own.openTenant(5n * CREDIT);
    const other = await own.openTenant();
    const hold = await holdCallsOf(own).hold(tenantId, '2', { expireTime: new Date(Date.now() + MINUTE_MS) });
    await moveClock(whole, own, other, 2 * MINUTE_MS);
    const commits = whole.connection.collection('ledger_commits');
    const recorded = () => commits.countDocuments({ tenant_id: tenantId, 'entries.type': 'hold_expired' });
    await expect.poll(recorded, { timeout: 20_000 }).toBe(1);
    const [entry] = await holdCallsOf(own).entriesOf(tenantId, [EntryType.HOLD_EXPIRED]);
    expect(detailOf(entry, 'holdExpiry')).toMatchObject({ dueTime: hold.expireTime, hold: { holdId: hold.holdId } });
    await whole.close();
  });
});

describe('bounds', () => {
  test('an account takes holds up to their number, and lists all of them', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    await crowdAccount(kernel, tenantId, OPEN_HOLDS_MAX - 1, { action: 'a' });
    const hold = await holds.hold(tenantId, '1', { expireTime: new Date(Date.now() + MINUTE_MS) });
    expect(await failureOf(holds.reserve(tenantId))).toMatchObject({
      reason: 'HOLD_LIMIT_REACHED',
      code: status.RESOURCE_EXHAUSTED,
      metadata: { limit: String(OPEN_HOLDS_MAX) },
    });
    // Holds that are there can still do everything, since none of it makes them more.
    await holds.extend(hold, { additionalQuantity: '1' });
    expect((await holds.list(tenantId)).holds).toHaveLength(100);
    expect((await holds.list(tenantId, { pageSize: 20_000 })).holds).toHaveLength(1_000);
    const ids = new Set<string>();
    for (let pageToken = ''; ; ) {
      const page = await holds.list(tenantId, { pageSize: 1_000, pageToken });
      for (const { holdId } of page.holds) ids.add(holdId);
      if (page.nextPageToken === '') break;
      pageToken = page.nextPageToken;
    }
    expect(ids.size).toBe(OPEN_HOLDS_MAX);
    await holds.settle(hold, { final: true });
    const { hold: next } = await holds.reserve(tenantId);
    expect(next?.status).toBe(HoldStatus.OPEN);
  });

  test('and up to the space that they take', async () => {
    const tenantId = await callers.openTenant(5n * CREDIT);
    // Texts of the longest, of which each character takes three bytes: so the space is used up before the number is. One
    // more such hold takes no less than each of the crowd, and what is left is less than that.
    const wide = '語'.repeat(128);
    const context = { projectId: wide, workflowId: wide, runId: wide };
    const shape = { action: ACTION, ...context };
    const count = Math.floor(HOLD_BYTES_MAX / crowdHoldBytes(shape));
    expect(count).toBeLessThan(OPEN_HOLDS_MAX);
    await crowdAccount(kernel, tenantId, count, shape);
    const seq = await callers.seqOf(tenantId);
    expect(await failureOf(holds.reserve(tenantId, context))).toMatchObject({
      reason: 'HOLD_LIMIT_REACHED',
      code: status.RESOURCE_EXHAUSTED,
      metadata: { limit_bytes: String(HOLD_BYTES_MAX) },
    });
    expect(await callers.seqOf(tenantId)).toBe(seq);
  });
});
