// Billing events on a real database: each once and without a gap, whichever kernels note them at once; what is removed when.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BillingEventLog } from '../../kernel/app/alert/billing-event-log.ts';
import type { BillingEventStore } from '../../kernel/app/alert/ports.ts';
import type { BillingEventDraft } from '../../kernel/domain/billing-event.ts';
import type { ProductCode, TenantId } from '../../kernel/domain/id.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { openBillingEventStore } from '../../kernel/store/alert/billing-event-store.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { freshDatabaseUri } from '../support/engine.ts';

const DAY_MS = 86_400_000;
const NOW = 1_900_000_000_000;

let connection: Awaited<ReturnType<typeof openConnection>>;
let store: BillingEventStore;
let now: number;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  store = await openBillingEventStore(connection);
});
beforeEach(async () => {
  now = NOW;
  await connection.collection('billing_events').deleteMany({});
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

const logOf = (): BillingEventLog =>
  new BillingEventLog({ store, clock: { estimate: () => now }, pacing: PROCESS_PACING });

function draft(eventId: string, tenantId = 'ten_1', productCode = 'agentruntime'): BillingEventDraft {
  const tenant = { tenantId: tenantId as TenantId, productCode: productCode as ProductCode };
  return { eventId, ...tenant, type: 'payment.failed', data: { plan_code: 'pro' } };
}

const numbersOf = async (): Promise<readonly number[]> =>
  (await store.loadEventsAfter(0, {}, 1_000)).map(({ number }) => number);

describe('noting billing events', () => {
  test('stores each once, and all in one order without a gap, from several kernels at once', async () => {
    const kernels = [logOf(), logOf(), logOf()];
    const ids = Array.from({ length: 12 }, (_, index) => `event:${index}`);
    await Promise.all(kernels.flatMap((kernel) => ids.map((id) => kernel.note(draft(id)))));
    const events = await store.loadEventsAfter(0, {}, 1_000);
    expect(events.map(({ eventId }) => eventId).sort()).toEqual([...ids].sort());
    expect(await numbersOf()).toEqual(ids.map((_, index) => index + 1));
  });

  test('keeps the first of two that have one id, and tells whoever listens', async () => {
    const log = logOf();
    let told = 0;
    log.listen(() => {
      told += 1;
    });
    await log.note(draft('same'));
    now += 1_000;
    await log.note({ ...draft('same'), data: { plan_code: 'other' } });
    expect(await store.loadEventsAfter(0, {}, 10)).toEqual([{ ...draft('same'), number: 1, createdAt: NOW }]);
    expect(told).toBe(2);
  });

  test('goes on after one that the database did not take', async () => {
    let isAway = true;
    const failing = {
      insertEvent: store.insertEvent,
      loadRange: () => (isAway ? Promise.reject(new Error('away')) : store.loadRange()),
      hasEvent: async () => false,
    };
    const log = new BillingEventLog({ store: failing, clock: { estimate: () => now }, pacing: PROCESS_PACING });
    await expect(log.note(draft('first'))).rejects.toThrow('away');
    isAway = false;
    await log.note(draft('first'));
    expect(await numbersOf()).toEqual([1]);
  });

  test('gives up, saying so, where others take every number', async () => {
    const overtaken = {
      insertEvent: async () => 'number_taken' as const,
      hasEvent: async () => false,
      loadRange: async () => undefined,
    };
    const pacing = { ...PROCESS_PACING, delay: async () => undefined };
    const log = new BillingEventLog({ store: overtaken, clock: { estimate: () => now }, pacing });
    await expect(log.note(draft('late'))).rejects.toMatchObject({ reason: 'QUEUE_FULL' });
  });
});

describe('reading billing events', () => {
  test('goes forwards and backwards, of a tenant, a product or a type alone', async () => {
    const log = logOf();
    await log.note(draft('a', 'ten_1'));
    await log.note({ ...draft('b', 'ten_2', 'other'), type: 'balance.low' });
    await log.note(draft('c', 'ten_1'));
    const tenantId = 'ten_1' as TenantId;
    const idsOf = (events: readonly BillingEventDraft[]) => events.map(({ eventId }) => eventId);
    expect(idsOf(await store.loadEventsAfter(1, {}, 10))).toEqual(['b', 'c']);
    expect(idsOf(await store.loadEventsAfter(0, {}, 2))).toEqual(['a', 'b']);
    expect(idsOf(await store.loadEventsBefore(3, { tenantId }, 10))).toEqual(['a']);
    expect(idsOf(await store.loadEventsBefore(9, { tenantId }, 10))).toEqual(['c', 'a']);
    expect(idsOf(await store.loadEventsAfter(0, { productCode: 'other' as ProductCode }, 10))).toEqual(['b']);
    expect(idsOf(await store.loadEventsAfter(0, { type: 'payment.failed' }, 10))).toEqual(['a', 'c']);
  });

  test('no number is given twice, also after all that is old was removed', async () => {
    const log = logOf();
    for (const id of ['a', 'b', 'c']) await log.note(draft(id));
    now += 90 * DAY_MS;
    await store.removeEventsBefore(now);
    expect(await store.loadRange()).toEqual({ oldest: 3, newest: 3 });
    await log.note(draft('d'));
    expect(await numbersOf()).toEqual([3, 4]);
  });
});
