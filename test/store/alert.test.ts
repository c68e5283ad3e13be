// Alerts on a real database, with kernels that meet and die, and time that is moved: crossings of balances, and deliveries.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BalanceAlert } from '../../kernel/app/alert/balance-alert.ts';
import { BalanceProjector, STEP_COMMITS_MAX } from '../../kernel/app/alert/balance-projector.ts';
import { BillingEventLog } from '../../kernel/app/alert/billing-event-log.ts';
import { DeliveryFanOut } from '../../kernel/app/alert/delivery-fan-out.ts';
import {
  DELIVERY_ATTEMPTS_MAX,
  DeliverySender,
  type DeliverySenderParts,
  FAILING_MS_MAX,
} from '../../kernel/app/alert/delivery-sender.ts';
import type {
  AlertDelivery,
  AlertDeliveryStore,
  AlertEndpoint,
  AlertEndpointStore,
  AlertMessage,
  BalanceMarkStore,
  BillingEventStore,
} from '../../kernel/app/alert/ports.ts';
import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { placeThresholds } from '../../kernel/domain/balance-threshold.ts';
import type { Fingerprint, IdempotencyKey } from '../../kernel/domain/id.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { openBalanceMarkStore } from '../../kernel/store/alert/balance-mark-store.ts';
import { openBillingEventStore } from '../../kernel/store/alert/billing-event-store.ts';
import { openAlertDeliveryStore } from '../../kernel/store/alert/delivery-store.ts';
import { openAlertEndpointStore } from '../../kernel/store/alert/endpoint-store.ts';
import { createCommitFeed } from '../../kernel/store/ledger/commit-feed.ts';
import { newRequestId } from '../contract/support/kernel-fixture.ts';
import {
  CREDIT,
  debit,
  type FixtureKernel,
  give,
  type LedgerFixture,
  openLedgerFixture,
} from '../support/ledger-fixture.ts';

const START = 1_900_000_000_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

let fixture: LedgerFixture;
let kernel: FixtureKernel;
let marks: BalanceMarkStore;
let events: BillingEventStore;
let endpoints: AlertEndpointStore;
let deliveries: AlertDeliveryStore;
let now: number;

beforeAll(async () => {
  fixture = await openLedgerFixture();
  kernel = await fixture.addKernel();
  const { connection } = fixture;
  marks = openBalanceMarkStore(connection);
  events = await openBillingEventStore(connection);
  endpoints = await openAlertEndpointStore(connection);
  deliveries = await openAlertDeliveryStore(connection);
});
beforeEach(async () => {
  now = START;
  for (const name of ['billing_events', 'balance_marks', 'alert_endpoints', 'alert_deliveries', 'alert_fan_out']) {
    await fixture.connection.collection(name).deleteMany({});
  }
});
afterAll(() => fixture.close());

const clock = { estimate: () => now };
const logOf = (): BillingEventLog => new BillingEventLog({ store: events, clock, pacing: PROCESS_PACING });
const projectorOf = (store: BalanceMarkStore = marks, log: Pick<BillingEventLog, 'note'> = logOf()) =>
  new BalanceProjector({ store, events: log });

/** A workspace with ten credits and thresholds, compared up to now. */
async function openMarked(amounts: readonly bigint[]): Promise<TenantRef> {
  const tenant = await fixture.openTenant(10n * CREDIT);
  const { seq } = await kernel.ledger.readAccount(tenant);
  await marks.insertMark({ ...tenant, seq, thresholds: placeThresholds(amounts, 10n * CREDIT) });
  return tenant;
}

const told = async (tenant: TenantRef): Promise<readonly string[]> =>
  (await events.loadEventsAfter(0, tenant, 1_000)).map(
    ({ type, data }) => `${type} ${data['threshold_microcredits']}: ${data['available_microcredits']}`,
  );

describe('crossings', () => {
  test('of many commits are caught up with in steps, each told of once, by however many kernels', async () => {
    const tenant = await openMarked([5n * CREDIT]);
    for (let round = 0; round < 3; round += 1) {
      await debit(kernel.ledger, tenant, '6');
      await give(kernel.ledger, tenant, 6n * CREDIT);
    }
    let steps = 0;
    const small: BalanceMarkStore = {
      ...marks,
      loadBalancePoints: (tenantId, fromSeq, toSeq) => {
        expect(toSeq - fromSeq + 1).toBe(STEP_COMMITS_MAX);
        steps += 1;
        return marks.loadBalancePoints(tenantId, fromSeq, fromSeq + 1);
      },
    };
    await Promise.all(
      [projectorOf(small), projectorOf(), projectorOf(small)].map((one) => one.catchUp(tenant.tenantId)),
    );
    const round = ['balance.low 5000000: 4000000', 'balance.recovered 5000000: 10000000'];
    expect(await told(tenant)).toEqual([...round, ...round, ...round]);
    expect(steps).toBeGreaterThan(2);
    const { seq } = await kernel.ledger.readAccount(tenant);
    expect(await marks.loadMark(tenant.tenantId)).toMatchObject({ seq, thresholds: [{ isBelow: false }] });
  });

  test('that a kernel noted before it died are told of once, and those that it did not note are told of', async () => {
    const tenant = await openMarked([8n * CREDIT, 5n * CREDIT]);
    await debit(kernel.ledger, tenant, '3');
    await debit(kernel.ledger, tenant, '3');
    const replaceMark = (): Promise<never> => Promise.reject(new Error('injected: the kernel died here'));
    await expect(projectorOf({ ...marks, replaceMark }).catchUp(tenant.tenantId)).rejects.toThrow('injected');
    const log = logOf();
    let left = 1;
    const dying: Pick<BillingEventLog, 'note'> = {
      note: (event) => {
        left -= 1;
        return left < 0 ? Promise.reject(new Error('injected: and here')) : log.note(event);
      },
    };
    await expect(projectorOf(marks, dying).catchUp(tenant.tenantId)).rejects.toThrow('injected');
    await projectorOf().catchUp(tenant.tenantId);
    await projectorOf().catchUp(tenant.tenantId);
    expect(await told(tenant)).toEqual(['balance.low 8000000: 7000000', 'balance.low 5000000: 4000000']);
  });

  test('are found by the turn where the kernel that made them said nothing, page after page', async () => {
    const tenants = [await openMarked([5n * CREDIT]), await openMarked([5n * CREDIT])];
    for (const tenant of tenants) await debit(kernel.ledger, tenant, '6');
    const feed = createCommitFeed(fixture.connection, PROCESS_PACING);
    const observer = { backgroundFailed: (_: string, error: unknown) => expect.fail(String(error)) };
    const store = { loadMarksAfter: (after: string) => marks.loadMarksAfter(after, 1) };
    const alert = new BalanceAlert({ projector: projectorOf(), store, feed, observer });
    // A page of one looks like the last one, so each turn begins anew: the first in the order of ids is found.
    await alert.takeTurn();
    expect((await Promise.all(tenants.map(told))).flat()).toHaveLength(1);
    const whole = new BalanceAlert({ projector: projectorOf(), store: marks, feed, observer });
    await whole.takeTurn();
    for (const tenant of tenants) expect(await told(tenant)).toEqual(['balance.low 5000000: 4000000']);
  });

  test('cost a workspace without thresholds one look, until it may have some', async () => {
    const tenant = await fixture.openTenant(10n * CREDIT);
    let looks = 0;
    const store = {
      ...marks,
      loadMark: (tenantId: TenantRef['tenantId']) => {
        looks += 1;
        return marks.loadMark(tenantId);
      },
    };
    const observer = { backgroundFailed: (_: string, error: unknown) => expect.fail(String(error)) };
    const feed = createCommitFeed(fixture.connection, PROCESS_PACING);
    const alert = new BalanceAlert({ projector: projectorOf(store), store: marks, feed, observer });
    for (let round = 0; round < 3; round += 1) {
      alert.committed(tenant.tenantId);
      await alert.takeWaiting();
    }
    expect(looks).toBe(1);
    alert.forget(tenant.tenantId);
    alert.committed(tenant.tenantId);
    await alert.takeWaiting();
    expect(looks).toBe(2);
  });
});

/** An endpoint whose answers a test gives, and the sender of a kernel. */
async function openDelivery(answer: (message: AlertMessage) => Promise<number>) {
  const tenant: TenantRef = { tenantId: RANDOM_ID_SOURCE.tenantId(), productCode: 'agentruntime' as never };
  const sent: AlertMessage[] = [];
  const notices: string[] = [];
  const seen: string[] = [];
  const parts: DeliverySenderParts = {
    ...{ deliveries, endpoints, clock, pacing: { random: () => 0, delay: () => Promise.resolve() } },
    transport: {
      send: (message) => {
        sent.push(message);
        return answer(message);
      },
    },
    notice: {
      noteDisabled: (_endpoint, because, failingSince) => {
        notices.push(`${because} since ${failingSince - START}`);
        return Promise.resolve();
      },
    },
    observer: {
      delivered: () => seen.push('delivered'),
      failed: (_delivery, failure, isLast) => seen.push(`${failure}${isLast ? ', for good' : ''}`),
      disabled: (_endpoint, because) => seen.push(`disabled: ${because}`),
      backgroundFailed: (_work, error) => expect.fail(String(error)),
    },
  };
  const endpoint: AlertEndpoint = {
    ...{ endpointId: RANDOM_ID_SOURCE.endpointId(), ...tenant, url: 'https://example.com/', description: '' },
    ...{ types: [], createdAt: now },
  };
  const key = newRequestId();
  const stored = { endpoint, secrets: [{ text: 'whsec_AAAA' }], place: 0, revision: 1 };
  await endpoints.insertEndpoint({ ...stored, requestKey: key as IdempotencyKey, fingerprint: '' as Fingerprint });
  const note = async (eventId: string): Promise<void> => {
    await logOf().note({ eventId, ...tenant, type: 'payment.failed', data: { plan_code: 'pro' } });
    await new DeliveryFanOut({ events, endpoints, deliveries }).run();
  };
  const sender = new DeliverySender(parts);
  const run = async (): Promise<number> => {
    const taken = await sender.takeDue();
    await sender.settle();
    return taken;
  };
  const load = async (): Promise<readonly AlertDelivery[]> => deliveries.loadDeliveries(tenant.tenantId, {}, 100);
  const endpointNow = async () => (await endpoints.loadEndpoint(tenant.tenantId, endpoint.endpointId))?.endpoint;
  return { tenant, endpoint, parts, sent, notices, seen, note, run, load, endpointNow };
}

describe('deliveries', () => {
  test('of an event are made once, whoever makes them how often, also where a kernel dies before its mark', async () => {
    const { note, load } = await openDelivery(async () => 200);
    await note('event:1');
    const saveFanOutMark = (): Promise<never> => Promise.reject(new Error('injected: the kernel died here'));
    await logOf().note({ ...(await load())[0]?.event, eventId: 'event:2', type: 'payment.failed' } as never);
    const dying = new DeliveryFanOut({ events, endpoints, deliveries: { ...deliveries, saveFanOutMark } });
    await expect(dying.run()).rejects.toThrow('injected');
    const kernels = [1, 2, 3].map(() => new DeliveryFanOut({ events, endpoints, deliveries }));
    await Promise.all(kernels.map((fanOut) => fanOut.run()));
    const ids = (await load()).map(({ event }) => event.eventId);
    expect(ids.sort()).toEqual(['event:1', 'event:2']);
    expect(await kernels[0]?.run()).toBe(0);
  });

  test('that fail are tried again, later each time, over three days, with the same bytes', async () => {
    const { note, run, load, sent, seen, endpointNow } = await openDelivery(async () => 503);
    await note('event:1');
    const begunAt: number[] = [];
    for (let attempt = 1; attempt <= DELIVERY_ATTEMPTS_MAX; attempt += 1) {
      begunAt.push(now - START);
      expect(await run()).toBe(1);
      const [delivery] = await load();
      expect(delivery).toMatchObject({ attempts: attempt, status: 503 });
      if (delivery?.dueAt === undefined) break;
      now = delivery.dueAt - 1;
      expect(await run()).toBe(0);
      now += 1;
    }
    const [delivery] = await load();
    expect(delivery).toMatchObject({ state: 'failed', failure: 'the endpoint answered with status 503' });
    expect(begunAt).toHaveLength(DELIVERY_ATTEMPTS_MAX);
    expect(begunAt.slice(0, 4)).toEqual([0, 5_000, 305_000, 2_105_000]);
    const lastHours = (begunAt.at(-1) ?? 0) / HOUR_MS;
    expect(lastHours).toBeGreaterThan(70);
    expect(lastHours).toBeLessThan(74);
    expect(new Set(sent.map(({ body }) => body)).size).toBe(1);
    expect(seen.at(-1)).toBe('the endpoint answered with status 503, for good');
    expect(await endpointNow()).toMatchObject({ failingSince: START });
  });

  test('that get through make the endpoint one that never failed', async () => {
    let status = 500;
    const { note, run, load, endpointNow } = await openDelivery(async () => status);
    await note('event:1');
    await run();
    expect(await endpointNow()).toMatchObject({ failingSince: START });
    status = 204;
    now += MINUTE_MS;
    await run();
    expect((await load())[0]).toMatchObject({ state: 'delivered', attempts: 2, status: 204, deliveredAt: now });
    expect(await endpointNow()).not.toHaveProperty('failingSince');
  });

  test('that fail for five days switch the endpoint off, which its workspace is told of, once', async () => {
    const { note, run, load, notices, seen, endpointNow } = await openDelivery(() => Promise.reject(new Error('away')));
    await note('event:1');
    await run();
    now = START + FAILING_MS_MAX - 1;
    await note('event:2');
    await run();
    expect(await endpointNow()).not.toHaveProperty('disabled');
    now = START + FAILING_MS_MAX;
    await note('event:3');
    await run();
    expect(await endpointNow()).toMatchObject({ disabled: { because: 'failing', at: now }, failingSince: START });
    expect(notices).toEqual(['failing since 0']);
    expect(seen.filter((line) => line.startsWith('disabled'))).toEqual(['disabled: failing']);
    // What is due after that ends, and what comes after that is not made.
    now += DAY_MS;
    await note('event:4');
    // No endpoint takes more than two places at a time.
    while ((await run()) > 0);
    const rows = (await load()).map(({ event, state, failure }) => `${event.eventId} ${state}: ${failure}`);
    for (const id of ['event:1', 'event:2', 'event:3']) {
      expect(rows).toContain(`${id} failed: the endpoint is switched off`);
    }
    expect(rows).toHaveLength(3);
  });

  test('that are answered with 410 switch it off at once', async () => {
    const { note, run, load, notices, endpointNow } = await openDelivery(async () => 410);
    await note('event:1');
    await run();
    expect(await endpointNow()).toMatchObject({ disabled: { because: 'gone' } });
    expect(notices).toEqual(['gone since 0']);
    expect((await load())[0]).toMatchObject({ state: 'failed', status: 410, attempts: 1 });
  });

  test('of an endpoint that was deleted end', async () => {
    const { tenant, endpoint, note, run, load, sent } = await openDelivery(async () => 200);
    await note('event:1');
    await endpoints.removeEndpoint(tenant.tenantId, endpoint.endpointId);
    await run();
    expect((await load())[0]).toMatchObject({ state: 'failed', failure: 'the endpoint was deleted' });
    expect(sent).toEqual([]);
  });

  test('are sent by one kernel at a time, and by another where one dies on the way', async () => {
    const { parts, note, load, sent } = await openDelivery(async () => 200);
    await note('event:1');
    const dead = new DeliverySender({ ...parts, transport: { send: () => new Promise(() => undefined) } });
    expect(await dead.takeDue()).toBe(1);
    const others = [new DeliverySender(parts), new DeliverySender(parts)];
    const takeAll = async () => {
      for (const sender of others) await sender.takeDue();
      for (const sender of others) await sender.settle();
    };
    await takeAll();
    expect(sent).toEqual([]);
    now += MINUTE_MS;
    await takeAll();
    expect(sent).toHaveLength(1);
    expect((await load())[0]).toMatchObject({ state: 'delivered', attempts: 2 });
  });

  test('that never come to an end are given up', async () => {
    const { parts, note, load } = await openDelivery(async () => 200);
    await note('event:1');
    for (let attempt = 0; attempt < DELIVERY_ATTEMPTS_MAX; attempt += 1) {
      const dead = new DeliverySender({ ...parts, transport: { send: () => new Promise(() => undefined) } });
      expect(await dead.takeDue()).toBe(1);
      now += MINUTE_MS;
    }
    const sender = new DeliverySender(parts);
    await sender.takeDue();
    await sender.settle();
    expect((await load())[0]).toMatchObject({ state: 'failed', failure: 'no attempt came to an end' });
  });

  test('to an endpoint that hangs keep no other one waiting', async () => {
    const hanging = await openDelivery(async () => 200);
    const other = await openDelivery(async () => 200);
    for (let count = 0; count < 20; count += 1) await hanging.note(`hanging:${count}`);
    now += 1;
    await other.note('other:1');
    const never = new Promise<number>(() => undefined);
    const sent: string[] = [];
    const sender = new DeliverySender({
      ...hanging.parts,
      transport: {
        send: ({ eventId }) => {
          sent.push(eventId);
          return eventId.startsWith('hanging') ? never : Promise.resolve(200);
        },
      },
    });
    await sender.takeDue();
    await expect.poll(() => sent.filter((id) => id.startsWith('other'))).toEqual(['other:1']);
    expect(sent.filter((id) => id.startsWith('hanging'))).toHaveLength(2);
  });

  test('to endpoints of several workspaces that hang keep no other one waiting', async () => {
    const hanging = await Promise.all(Array.from({ length: 9 }, () => openDelivery(async () => 200)));
    for (const [index, { note }] of hanging.entries())
      for (const part of [1, 2, 3]) await note(`hanging:${index}:${part}`);
    const other = await openDelivery(async () => 200);
    const timeouts: (() => void)[] = [];
    const sent: string[] = [];
    const sender = new DeliverySender({
      ...other.parts,
      transport: {
        send: ({ eventId }) => {
          sent.push(eventId);
          if (!eventId.startsWith('hanging')) return Promise.resolve(200);
          return new Promise((_, reject) => timeouts.push(() => reject(new Error('no answer within 15 seconds'))));
        },
      },
    });
    // Nobody knows yet that they hang.
    expect(await sender.takeDue()).toBe(16);
    await expect.poll(() => timeouts.length).toBe(16);
    for (const timeOut of timeouts.splice(0)) timeOut();
    // Now it is known of eight, and the ninth has two places beside six of theirs.
    await expect.poll(() => timeouts.length).toBe(8);
    now += 1;
    await other.note('other:1');
    await sender.takeDue();
    await expect.poll(() => sent.at(-1)).toBe('other:1');
    expect(timeouts).toHaveLength(8);
  });

  test('of one workspace take a part of the places, whatever it has', async () => {
    const { tenant, endpoint, parts, note } = await openDelivery(async () => 200);
    for (const place of [1, 2, 3, 4]) {
      const more = { ...endpoint, endpointId: RANDOM_ID_SOURCE.endpointId() };
      const stored = { endpoint: more, secrets: [{ text: 'whsec_AAAA' }], place, revision: 1 };
      const identity = { requestKey: newRequestId() as IdempotencyKey, fingerprint: '' as Fingerprint };
      await endpoints.insertEndpoint({ ...stored, ...identity });
    }
    expect(await endpoints.loadEndpoints(tenant.tenantId)).toHaveLength(5);
    await note('event:1');
    const sender = new DeliverySender({ ...parts, transport: { send: () => new Promise(() => undefined) } });
    expect(await sender.takeDue()).toBe(4);
  });

  test('keep no kernel from its end, and are sent by the next one', async () => {
    const { parts, note, sent } = await openDelivery(async () => 200);
    await note('event:1');
    const ending = new DeliverySender({ ...parts, transport: { send: () => new Promise(() => undefined) } });
    await ending.takeDue();
    await ending.stop();
    now += MINUTE_MS;
    const next = new DeliverySender(parts);
    await next.takeDue();
    await next.settle();
    expect(await ending.takeDue()).toBe(0);
    expect(sent.map(({ eventId }) => eventId)).toEqual(['event:1']);
  });

  test('are signed with each secret that counts, and no longer with one that has expired', async () => {
    const { tenant, endpoint, note, run, sent } = await openDelivery(async () => 200);
    const stored = await endpoints.loadEndpoint(tenant.tenantId, endpoint.endpointId);
    if (stored === undefined) throw new Error('the endpoint is gone');
    const secrets = [{ text: 'whsec_BBBB' }, { text: 'whsec_AAAA', expiresAt: START + DAY_MS }];
    expect(await endpoints.replaceEndpoint(stored, { ...stored, secrets })).toBe(true);
    expect(await endpoints.replaceEndpoint(stored, { ...stored, secrets: [] })).toBe(false);
    await note('event:1');
    await run();
    now = START + DAY_MS;
    await note('event:2');
    await run();
    expect(sent.map(({ secrets: used }) => used)).toEqual([['whsec_BBBB', 'whsec_AAAA'], ['whsec_BBBB']]);
  });
});
