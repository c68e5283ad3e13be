// Stripe's events through the front door: what is believed, what is stored, what becomes of it, over two kernels of one
// database and the sandbox.

import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AuditOutcome } from '../../gen/wheelhouse/operator/v1/audit_record.ts';
import { type WebhookEvent, WebhookEventState } from '../../gen/wheelhouse/operator/v1/webhook_event.ts';
import {
  ListWebhookEventsRequest,
  RedriveWebhookEventRequest,
  WebhookServiceService,
} from '../../gen/wheelhouse/operator/v1/webhook_service.ts';
import { DELIVERIES_PER_ADDRESS_MAX } from '../../kernel/http/delivery-place.ts';
import { HTTP_CONNECTIONS_MAX } from '../../kernel/http/server.ts';
import { WEBHOOK_BODY_BYTES_MAX } from '../../kernel/http/webhook-endpoint.ts';
import { callersOf, OPERATOR } from './support/account.ts';
import { deliver, deliverEvent, eventBody, idOf, sign } from './support/delivery.ts';
import { failureOf, settle } from './support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { createPlan, openStripe, openSyncedKernel, type StripeFixture, WEBHOOK_SECRET } from './support/stripe.ts';

const OLD_SECRET = 'whsec_test_before';
const HANDLED = 'price.updated';
/** How many events a kernel processes at once. */
const PLACES_MAX = 256;

let stripe: StripeFixture;
let kernel: KernelFixture;
let second: KernelFixture;

beforeAll(async () => {
  stripe = await openStripe({ hasCatalog: true });
  kernel = await openSyncedKernel({ stripe: stripe.config });
  const rotating = { ...stripe.config, webhookSecrets: [WEBHOOK_SECRET, OLD_SECRET] };
  // To this one, what comes from this machine comes through a proxy.
  const trustedProxies = ['127.0.0.0/8'];
  second = await openSyncedKernel({ stripe: rotating, mongodbUri: kernel.mongodbUri, trustedProxies });
});
afterAll(async () => {
  await second.close();
  await kernel.close();
  await stripe.stop();
});

// What one test has made go wrong is right again for the next.
afterEach(() => stripe.sandbox.control.clearFaults());

const events = () => kernel.connection.collection<{ readonly _id: string; readonly state?: string }>('stripe_events');
const countStored = () => events().countDocuments();

async function listEvents(fields: Partial<ListWebhookEventsRequest> = {}): Promise<readonly WebhookEvent[]> {
  const request = ListWebhookEventsRequest.fromPartial({ pageSize: 1_000, ...fields });
  return (await callersOf(kernel).sysadmin.call(WebhookServiceService.listWebhookEvents, request)).events;
}

async function eventOf(body: string): Promise<WebhookEvent | undefined> {
  return (await listEvents()).find(({ eventId }) => eventId === idOf(body));
}

function redrive(eventId: string, fields: Partial<RedriveWebhookEventRequest> = {}, at = kernel) {
  const asked = { requestId: newRequestId(), eventId, ...OPERATOR, ...fields };
  const request = RedriveWebhookEventRequest.fromPartial(asked);
  return callersOf(at).sysadmin.call(WebhookServiceService.redriveWebhookEvent, request);
}

const redrivesOf = async (eventId: string) =>
  (await operatorCallsOf(callersOf(kernel)).audit({ method: 'WebhookService/RedriveWebhookEvent' })).filter(
    ({ changes }) => changes.some(({ after }) => after === eventId),
  );

const becomes = (body: string, state: WebhookEventState) =>
  expect.poll(async () => (await eventOf(body))?.state, { timeout: 45_000, interval: 100 }).toBe(state);

async function metricOf(name: string): Promise<number> {
  const text = await (await fetch(`${kernel.httpUrl}/metrics`)).text();
  const line = text
    .split('\n')
    .find((candidate) => candidate.startsWith(`${name} `) || candidate.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1) ?? Number.NaN);
}

describe('a delivery of Stripe', () => {
  test('is stored under Stripe’s id, answered, and processed', async () => {
    const body = eventBody(HANDLED);
    expect(await deliverEvent(kernel.httpUrl, body)).toEqual({ code: 200, status: 'stored' });
    await becomes(body, WebhookEventState.PROCESSED);
    expect(await eventOf(body)).toMatchObject({ type: HANDLED, attempts: 1, failure: '', dueTime: undefined });
    const stored = await events().findOne({ _id: idOf(body) });
    expect(stored).toMatchObject({ payload: body, expires_at: expect.any(Date) });
  });

  test.each([1, 253_402_300_799])('that happened in second %i is stored with that time', async (created) => {
    const body = eventBody('x.y', { created });
    expect(await deliverEvent(kernel.httpUrl, body)).toMatchObject({ code: 200 });
    expect((await eventOf(body))?.eventTime?.getTime()).toBe(created * 1_000);
  });

  test('of a type that nothing here knows is stored as ignored', async () => {
    const body = eventBody('radar.early_fraud_warning.created');
    expect(await deliverEvent(kernel.httpUrl, body)).toEqual({ code: 200, status: 'ignored' });
    expect(await eventOf(body)).toMatchObject({ state: WebhookEventState.IGNORED, attempts: 0 });
  });

  test('that comes again is answered and does nothing', async () => {
    const body = eventBody(HANDLED);
    await deliverEvent(kernel.httpUrl, body);
    await becomes(body, WebhookEventState.PROCESSED);
    const before = await eventOf(body);
    expect(await deliverEvent(second.httpUrl, body)).toEqual({ code: 200, status: 'duplicate' });
    expect(await eventOf(body)).toEqual(before);
  });

  test('that comes 50 times at once, over two kernels, is one event that is processed once', async () => {
    const body = eventBody(HANDLED);
    const deliveries = Array.from({ length: 50 }, (_, index) =>
      deliverEvent([kernel, second][index % 2]?.httpUrl ?? '', body),
    );
    const answers = await Promise.all(deliveries);
    expect(answers.filter(({ code }) => code === 200)).toHaveLength(50);
    expect(answers.filter(({ status }) => status === 'stored')).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 'duplicate')).toHaveLength(49);
    await becomes(body, WebhookEventState.PROCESSED);
    expect((await listEvents()).filter(({ eventId }) => eventId === idOf(body))).toMatchObject([{ attempts: 1 }]);
  });

  test('may be signed a little before or after now', async () => {
    for (const awayS of [-290, 290]) {
      const body = eventBody('x.y');
      expect(await deliver(kernel.httpUrl, body, sign(body, { awayS }))).toMatchObject({ code: 200 });
    }
  });

  test('is taken by either secret while one is rotated, and with two signatures of which one is known', async () => {
    for (const secret of [OLD_SECRET, WEBHOOK_SECRET]) {
      const body = eventBody('x.y');
      expect(await deliver(second.httpUrl, body, sign(body, { secret }))).toMatchObject({ code: 200 });
    }
    for (const secrets of [
      ['whsec_unknown', WEBHOOK_SECRET],
      [WEBHOOK_SECRET, 'whsec_unknown'],
    ]) {
      const body = eventBody('x.y');
      const [first = '', other = ''] = secrets.map((secret) => sign(body, { secret }));
      const both = `${first},${other.slice(other.indexOf('v1='))},v0=00ff`;
      expect(await deliver(kernel.httpUrl, body, both)).toMatchObject({ code: 200 });
    }
  });
});

describe('a delivery that nobody should believe', () => {
  const body = eventBody(HANDLED);
  const reserialised = JSON.stringify(JSON.parse(body));
  test.each<[string, string | Buffer, string | undefined, string]>([
    ['forged with another secret', body, sign(body, { secret: 'whsec_forged' }), 'signature_invalid'],
    ['signed with the secret that was given up', body, sign(body, { secret: OLD_SECRET }), 'signature_invalid'],
    ['parsed and written again', reserialised, sign(body), 'signature_invalid'],
    ['changed by one byte', body.replace('false', 'true'), sign(body), 'signature_invalid'],
    ['with a signature of another time', body, sign(body).replace(/t=\d+/, 't=1'), 'signature_invalid'],
    ['signed too long ago', body, sign(body, { awayS: -400 }), 'timestamp_out_of_tolerance'],
    ['signed in the future', body, sign(body, { awayS: 400 }), 'timestamp_out_of_tolerance'],
    ['with two times', body, `t=1,${sign(body)}`, 'signature_missing'],
    ['without a signature', body, undefined, 'signature_missing'],
    ['with another scheme alone', body, sign(body).replace('v1=', 'v0='), 'signature_invalid'],
    ['with nonsense in the header', body, 'v1=;DROP TABLE', 'signature_missing'],
    ['empty', '', sign(' '), 'signature_invalid'],
    ['signed and not JSON', 'hello', sign('hello'), 'not_an_event'],
    ['signed and no event', '{"id":"evt_1"}', sign('{"id":"evt_1"}'), 'not_an_event'],
    ['a thin event', eventBody('v2.x', { object: 'v2.core.event' }), '', 'not_an_event'],
    ['with an id that is none', eventBody(HANDLED, { id: { $ne: null } }), '', 'not_an_event'],
    ['with an id that is no text of UTF-8', eventBody(HANDLED, { id: 'evt_\ud800' }), '', 'not_an_event'],
    ['of a time before 1970', eventBody(HANDLED, { created: -1 }), '', 'not_an_event'],
    ['of no time', eventBody(HANDLED, { created: 0 }), '', 'not_an_event'],
    ['of a time that no date has', eventBody(HANDLED, { created: 1e15 }), '', 'not_an_event'],
    ['of a second after the year 9999', eventBody(HANDLED, { created: 253_402_300_800 }), '', 'not_an_event'],
    ['of a part of a second', eventBody(HANDLED, { created: 1_700_000_000.5 }), '', 'not_an_event'],
    ['without a time', eventBody(HANDLED, { created: undefined }), '', 'not_an_event'],
    ['with a time in words', eventBody(HANDLED, { created: '1700000000' }), '', 'not_an_event'],
  ])('%s is refused, and leaves nothing', async (_, content, signature, reason) => {
    const before = await countStored();
    const header = signature === '' ? sign(String(content)) : signature;
    expect(await deliver(kernel.httpUrl, content, header)).toEqual({ code: 400, status: reason });
    expect(await countStored()).toBe(before);
  });

  test('that comes byte by byte is cut off soon, so that those who send slowly keep nobody out', async () => {
    const { hostname, port } = new URL(kernel.httpUrl);
    const head = `POST /stripe/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{`;
    const socket = connect(Number(port), hostname, () => socket.write(head));
    const trickle = setInterval(() => socket.write(' '), 200);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.once('close', () => resolve(text));
      socket.once('error', reject);
    }).finally(() => clearInterval(trickle));
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(await deliverEvent(kernel.httpUrl, eventBody('x.y'))).toMatchObject({ code: 200 });
  });

  test('too large is refused, whether it says so or not', async () => {
    const large = eventBody(HANDLED, { padding: 'x'.repeat(WEBHOOK_BODY_BYTES_MAX) });
    const before = await countStored();
    expect(await deliver(kernel.httpUrl, large, sign(large))).toMatchObject({ code: 413 });
    const chunked = new ReadableStream({
      start: (controller) => {
        for (let sent = 0; sent < large.length; sent += 65_536) {
          controller.enqueue(new TextEncoder().encode(large.slice(sent, sent + 65_536)));
        }
        controller.close();
      },
    });
    expect(await deliver(kernel.httpUrl, chunked, sign(large))).toMatchObject({ code: 413 });
    const fits = eventBody('x.y', { padding: 'x'.repeat(WEBHOOK_BODY_BYTES_MAX - 1_000) });
    expect(await deliverEvent(kernel.httpUrl, fits)).toMatchObject({ code: 200 });
    expect(await countStored()).toBe(before + 1);
  });

  test('by another method, or to a kernel without Stripe or without secrets, is told so', async () => {
    expect((await fetch(`${kernel.httpUrl}/stripe/webhook`)).status).toBe(405);
    const off = await openKernel();
    expect(await deliverEvent(off.httpUrl, eventBody(HANDLED))).toMatchObject({ code: 404 });
    await off.close();
    const deaf = await openKernel({ stripe: { ...stripe.config, webhookSecrets: [] } });
    expect(await deliverEvent(deaf.httpUrl, eventBody(HANDLED))).toMatchObject({ code: 404 });
    expect(deaf.logLines.join('')).toContain('STRIPE_WEBHOOK_SECRETS is not set');
    await deaf.close();
  });

  test('shows in no log, nor does the secret', () => {
    const log = [...kernel.logLines, ...second.logLines].join('');
    for (const secret of [WEBHOOK_SECRET, OLD_SECRET, 'v1=', stripe.config.secretKey])
      expect(log).not.toContain(secret);
  });
});

describe('places for deliveries', () => {
  const SPARE = 20;
  /** Less than a body may take to arrive, in milliseconds. */
  const HELD_MS = 2_500;
  /** Begins deliveries that do not go on, as if forwarded for these addresses; answers how to end them. */
  async function holdPlaces(httpUrl: string, forwardedFor: readonly string[]): Promise<() => void> {
    const { hostname, port } = new URL(httpUrl);
    const sockets = await Promise.all(
      forwardedFor.map(async (address) => {
        const socket = connect(Number(port), hostname);
        socket.on('error', () => undefined).resume();
        const head = `POST /stripe/webhook HTTP/1.1\r\nhost: x\r\nx-forwarded-for: ${address}\r\ncontent-length: 9\r\n\r\n{`;
        await new Promise((resolve) => socket.write(head, resolve));
        return socket;
      }),
    );
    return () => {
      for (const socket of sockets) socket.destroy();
    };
  }
  /**
   * Delivers for addresses one after the other while places are held, from when the first one finds none. Places are held for as
   * long as a body may take to arrive, so on a slow machine it may take several tries.
   */
  async function deliverWhileHeld(
    httpUrl: string,
    held: readonly string[],
    [first = '', ...others]: readonly string[],
  ) {
    const end = await holdPlaces(httpUrl, held);
    const giveUpAt = performance.now() + HELD_MS;
    let code = await deliverFor(httpUrl, first);
    while (code !== 503 && performance.now() < giveUpAt) code = await deliverFor(httpUrl, first);
    const codes = [code];
    for (const address of others) codes.push(await deliverFor(httpUrl, address));
    end();
    return codes;
  }
  const deliverFor = async (httpUrl: string, forwardedFor: string) => {
    const body = eventBody('x.y');
    return (await deliver(httpUrl, body, sign(body), { 'x-forwarded-for': forwardedFor })).code;
  };
  /** Some more than there are places for: one that finds the place taken by a delivery of the test itself is turned away. */
  const half = (address: string) => Array.from({ length: DELIVERIES_PER_ADDRESS_MAX + SPARE }, () => address);

  test('can’t all be taken from one address, whatever it says of itself to the proxy', async () => {
    const held = half('198.51.100.1, 203.0.113.9');
    const asked = ['203.0.113.9', '198.51.100.2, 203.0.113.9', '203.0.113.9, 198.51.100.1'];
    await expect.poll(() => deliverWhileHeld(second.httpUrl, held, asked)).toEqual([503, 503, 200]);
    await expect.poll(() => deliverFor(second.httpUrl, '203.0.113.9')).toBe(200);
  });

  test('are those of a network where the address is IPv6', async () => {
    const asked = ['2001:0db8:0:0:ffff::9', '2001:db8:0:1::1'];
    await expect.poll(() => deliverWhileHeld(second.httpUrl, half('2001:db8::1'), asked)).toEqual([503, 200]);
    await expect.poll(() => deliverFor(second.httpUrl, '2001:db8::1')).toBe(200);
  });

  test('are given by the address of the connection where no proxy is named', async () => {
    const addresses = half('').map((_, index) => `203.0.113.${index}`);
    await expect.poll(() => deliverWhileHeld(kernel.httpUrl, addresses, ['198.51.100.1'])).toEqual([503]);
    await expect.poll(() => deliverFor(kernel.httpUrl, '198.51.100.1')).toBe(200);
  });
});

test('connections are bounded, so that who opens many leaves the rest of the kernel its files', async () => {
  const { hostname, port } = new URL(kernel.httpUrl);
  const sockets = Array.from({ length: HTTP_CONNECTIONS_MAX + 1 }, () =>
    connect(Number(port), hostname)
      .on('error', () => undefined)
      .resume(),
  );
  await Promise.any(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  for (const socket of sockets) socket.destroy();
  const delivered = () =>
    deliverEvent(kernel.httpUrl, eventBody('x.y')).then(
      ({ code }) => code,
      () => 'refused',
    );
  await expect.poll(delivered).toBe(200);
  expect(await metricOf('wheelhouse_http_connections_refused_total')).toBeGreaterThan(0);
});

describe('an event whose handler fails', () => {
  test('is tried again until Stripe is back, by whichever kernel', async () => {
    // Both kernels fail; the SDK tries each call three times.
    stripe.sandbox.control.addFault({ path: '/v1/prices', outcome: 'failed', status: 500 });
    const body = eventBody(HANDLED);
    await deliverEvent(kernel.httpUrl, body);
    await expect.poll(async () => (await eventOf(body))?.attempts, { timeout: 30_000 }).toBeGreaterThan(1);
    expect(await eventOf(body)).toMatchObject({
      state: WebhookEventState.PENDING,
      failure: expect.stringContaining('Stripe'),
    });
    stripe.sandbox.control.clearFaults();
    await becomes(body, WebhookEventState.PROCESSED);
    expect((await eventOf(body))?.failure).toBe('');
  });

  test('for too long is dead, listed, counted, and can be driven again', async () => {
    stripe.sandbox.control.addFault({ path: '/v1/prices', outcome: 'failed', status: 500 });
    const body = eventBody(HANDLED);
    await deliverEvent(kernel.httpUrl, body);
    await expect.poll(async () => (await eventOf(body))?.failure, { timeout: 30_000 }).not.toBe('');
    const key = { _id: idOf(body) };
    await events().updateOne(key, { $set: { attempts: 19, due_at: new Date() } });
    await becomes(body, WebhookEventState.DEAD);
    stripe.sandbox.control.clearFaults();
    expect((await listEvents({ state: WebhookEventState.DEAD })).map(({ eventId }) => eventId)).toEqual([idOf(body)]);
    await expect.poll(() => metricOf('wheelhouse_webhook_dead')).toBe(1);
    expect([...kernel.logLines, ...second.logLines].join('')).toContain('an event failed too often');
    const requestId = newRequestId();
    expect(await redrive(idOf(body), { requestId })).toMatchObject({ event: { eventId: idOf(body) }, replayed: false });
    await becomes(body, WebhookEventState.PROCESSED);
    expect(await redrivesOf(idOf(body))).toMatchObject([{ ...OPERATOR, requestId, outcome: AuditOutcome.APPLIED }]);
    // Another one: it is not dead any more, stays as it is, and nothing was done that could be recorded.
    expect(await redrive(idOf(body))).toMatchObject({ event: { state: WebhookEventState.PROCESSED }, replayed: false });
    expect(await redrivesOf(idOf(body))).toHaveLength(1);
  });

  /** An event that has died, as the last failure leaves it. */
  async function deadEvent(): Promise<string> {
    const body = eventBody('x.y');
    await deliverEvent(kernel.httpUrl, body);
    const dead = { state: 'dead', failure: 'it failed', attempts: 20, type: HANDLED };
    await events().updateOne({ _id: idOf(body) }, { $set: dead, $unset: { expires_at: '' } });
    return idOf(body);
  }

  test('is driven once by one request, however often that comes and to which kernel', async () => {
    const eventId = await deadEvent();
    const requestId = newRequestId();
    const calls = Array.from({ length: 6 }, (_, index) => redrive(eventId, { requestId }, [kernel, second][index % 2]));
    expect((await Promise.all(calls)).filter(({ replayed }) => !replayed)).toHaveLength(1);
    await expect.poll(async () => (await events().findOne({ _id: eventId }))?.state).toBe('processed');
    // It died again: what the request asked for was done, and is not done again.
    await events().updateOne({ _id: eventId }, { $set: { state: 'dead' } });
    expect(await redrive(eventId, { requestId }, second)).toMatchObject({
      ...{ replayed: true, event: { state: WebhookEventState.DEAD } },
    });
    expect(await redrivesOf(eventId)).toHaveLength(1);
    const again = await redrive(eventId);
    expect(again.replayed).toBe(false);
    // It is told as it stands then, which may be after it was processed.
    expect([WebhookEventState.PENDING, WebhookEventState.PROCESSED]).toContain(again.event?.state);
    await expect.poll(async () => (await events().findOne({ _id: eventId }))?.state).toBe('processed');
  });

  test('is not driven by a request id that had another meaning, nor recorded where it is not there', async () => {
    const eventId = await deadEvent();
    const requestId = newRequestId();
    expect((await failureOf(redrive('evt_nosuch', { requestId }))).reason).toBe('WEBHOOK_EVENT_NOT_FOUND');
    expect(await redrivesOf('evt_nosuch')).toEqual([]);
    await redrive(eventId, { requestId });
    const another = await deadEvent();
    const { failures } = await settle([
      redrive(eventId, { requestId, reason: 'another' }),
      redrive(another, { requestId }, second),
    ]);
    expect(failures.map(({ reason }) => reason)).toEqual(['IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_KEY_REUSED']);
    expect(await events().findOne({ _id: another })).toMatchObject({ state: 'dead' });
    expect(await redrivesOf(another)).toEqual([]);
    await redrive(another);
  });
});

describe('what operators ask', () => {
  test('comes page by page, earliest first, without gaps or repeats', async () => {
    const all = (await listEvents()).map(({ eventId }) => eventId);
    const paged: string[] = [];
    let pageToken = '';
    do {
      const request = ListWebhookEventsRequest.fromPartial({ pageSize: 3, pageToken });
      const page = await callersOf(kernel).sysadmin.call(WebhookServiceService.listWebhookEvents, request);
      paged.push(...page.events.map(({ eventId }) => eventId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(paged).toEqual(all);
    expect(all.length).toBeGreaterThan(6);
    const ignored = await listEvents({ state: WebhookEventState.IGNORED, type: 'x.y' });
    expect(ignored.length).toBeGreaterThan(1);
    expect(ignored.every(({ type }) => type === 'x.y')).toBe(true);
  });

  test('is refused where it is wrong', async () => {
    const page = await callersOf(kernel).sysadmin.call(
      WebhookServiceService.listWebhookEvents,
      ListWebhookEventsRequest.fromPartial({ pageSize: 1 }),
    );
    const foreign = { pageToken: page.nextPageToken, state: WebhookEventState.DEAD };
    expect((await failureOf(listEvents(foreign))).violations).toHaveProperty('page_token');
    expect((await failureOf(listEvents({ state: 99 as WebhookEventState }))).violations).toHaveProperty('state');
    expect(await failureOf(redrive('evt_nosuch'))).toMatchObject({
      reason: 'WEBHOOK_EVENT_NOT_FOUND',
      metadata: { event_id: 'evt_nosuch' },
    });
    const nobody = RedriveWebhookEventRequest.fromPartial({ requestId: newRequestId(), eventId: 'evt_1' });
    const failure = await failureOf(callersOf(kernel).sysadmin.call(WebhookServiceService.redriveWebhookEvent, nobody));
    expect(Object.keys(failure.violations)).toEqual(['actor', 'reason']);
  });
});

describe('with the sandbox as Stripe', () => {
  const archivedOf = async (planCode: string) =>
    (await kernel.connection.collection('plans').findOne({ plan_code: planCode }))?.['archived'];

  beforeAll(() => {
    const target = { url: `${kernel.httpUrl}/stripe/webhook`, secrets: [OLD_SECRET, WEBHOOK_SECRET] };
    stripe.sandbox.control.setWebhook(target);
  });

  const pending = () => listEvents({ state: WebhookEventState.PENDING });
  const turnsOf = (of: KernelFixture) => of.connection.collection<{ readonly _id: string }>('catalog_syncs');
  /** Gives somebody else the turn to sync. */
  const holdTurn = (of: KernelFixture) =>
    turnsOf(of).updateOne({ _id: 'stripe' }, { $inc: { turn: 1 }, $set: { until: new Date(Date.now() + 600_000) } });
  const freeTurn = (of: KernelFixture) => turnsOf(of).updateOne({ _id: 'stripe' }, { $set: { until: new Date(0) } });

  async function deliverMany(count: number, at: KernelFixture): Promise<void> {
    const bodies = Array.from({ length: count }, () => eventBody(HANDLED));
    for (let from = 0; from < count; from += 30) {
      const answers = await Promise.all(bodies.slice(from, from + 30).map((body) => deliverEvent(at.httpUrl, body)));
      expect(new Set(answers.map(({ code }) => code))).toEqual(new Set([200]));
    }
  }

  test('a change there shows here, also where deliveries come late, twice and in another order', async () => {
    stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'hold' } });
    const price = await createPlan(stripe.stripe, 'seen');
    await stripe.stripe.prices.update(price.id, { active: false });
    await stripe.stripe.prices.update(price.id, { active: true });
    await stripe.stripe.prices.update(price.id, { active: false });
    stripe.sandbox.control.clearDeliveryRules();
    expect(await stripe.sandbox.control.release('reverse')).toBeGreaterThan(3);
    await expect.poll(() => archivedOf('seen'), { timeout: 30_000 }).toBe(true);
    stripe.sandbox.control.addDeliveryRule({ types: ['*'], action: { kind: 'duplicate', copies: 3 } });
    await stripe.stripe.prices.update(price.id, { active: true });
    await expect.poll(() => archivedOf('seen'), { timeout: 30_000 }).toBe(false);
    stripe.sandbox.control.clearDeliveryRules();
  });

  test('many changes while a sync runs share the one that waits', async () => {
    await stripe.sandbox.control.settle();
    await expect.poll(async () => (await pending()).length, { timeout: 30_000 }).toBe(0);
    // Somebody else has the turn to sync until all events are stored.
    await holdTurn(kernel);
    const countReads = (): number => stripe.countRequests('GET /v1/prices');
    const before = countReads();
    await deliverMany(90, kernel);
    await freeTurn(kernel);
    await expect.poll(async () => (await pending()).length, { timeout: 30_000 }).toBe(0);
    // A kernel has one sync that runs and one that waits, at most, each with a list of active and one of archived Prices.
    expect(countReads() - before).toBeLessThanOrEqual(4);
  });

  test('however many changes wait for a sync, an event of money does not', async () => {
    // Alone with its database: nobody else takes what has no place here.
    const own = await openSyncedKernel({ stripe: stripe.config });
    await holdTurn(own);
    await deliverMany(PLACES_MAX + 10, own);
    const money = eventBody('invoice.paid', { data: { object: { id: 'in_unknown', object: 'invoice' } } });
    await deliverEvent(own.httpUrl, money);
    const ownEvents = own.connection.collection<{ readonly _id: string; readonly state?: string }>('stripe_events');
    const stateOf = async () => (await ownEvents.findOne({ _id: idOf(money) }))?.state;
    await expect.poll(stateOf).toBe('processed');
    // Those that wait for their sync have not taken the places of all others.
    const begun = await ownEvents.countDocuments({ type: HANDLED, attempts: { $gt: 0 } });
    expect(begun).toBeGreaterThan(0);
    expect(begun).toBeLessThan(PLACES_MAX);
    await own.close();
  });
});
