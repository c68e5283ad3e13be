// Alert endpoints and deliveries, by calls to a real kernel that delivers to an endpoint on this machine.

import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type AlertDelivery,
  AlertDeliveryState,
  AlertEndpointState,
} from '../../gen/wheelhouse/alert/v1/alert_endpoint.ts';
import { AlertEndpointServiceService as Endpoints } from '../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import { TESTS_PER_HOUR_MAX } from '../../kernel/app/alert/delivery-desk.ts';
import { ENDPOINTS_MAX } from '../../kernel/app/alert/endpoint-service.ts';
import { type ReceivedWebhook, startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';
import { type Callers, CREDIT, callersOf } from './support/account.ts';
import { alertCallsOf, NOBODY_THERE, openAlerted } from './support/alert.ts';
import { failureOf } from './support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';

const SOON = { timeout: 20_000, interval: 50 };

let kernel: KernelFixture;
let callers: Callers;
let receiver: WebhookReceiver;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
beforeEach(async () => {
  receiver = await startWebhookReceiver();
  return () => receiver.stop();
});
afterAll(() => kernel.close());

type AlertCalls = Awaited<ReturnType<typeof openAlerted>>;

/** Reads a webhook as the reference library lets its receiver do. */
const verify = (secret: string, { body, headers }: ReceivedWebhook): unknown =>
  new Webhook(secret).verify(body, headers as Record<string, string>);

/** Waits until a delivery stands somewhere. */
function standing(calls: AlertCalls, state: AlertDeliveryState): Promise<AlertDelivery> {
  return vi.waitFor(async () => {
    const [delivery] = (await calls.deliveries()).deliveries;
    if (delivery?.state !== state) throw new Error(`it stands at ${delivery?.state}: ${delivery?.failure}`);
    return delivery;
  }, SOON);
}

describe('an endpoint', () => {
  test('is tried so often within an hour, and no more', async () => {
    const { createEndpoint, sendTest } = await openAlerted(callers);
    const { endpointId = '' } = (await createEndpoint()).endpoint ?? {};
    const requestId = newRequestId();
    await sendTest(endpointId, requestId);
    for (let count = 1; count < TESTS_PER_HOUR_MAX; count += 1) await sendTest(endpointId);
    expect(await failureOf(sendTest(endpointId))).toMatchObject({
      ...{ reason: 'QUEUE_FULL', metadata: { limit: String(TESTS_PER_HOUR_MAX) } },
    });
    // One that was sent is answered again.
    expect((await sendTest(endpointId, requestId))?.deliveryId).toMatch(/./);
  });

  test('is made once for each request id, and its secret is answered to the first call alone', async () => {
    const { createEndpoint, endpoints } = await openAlerted(callers);
    const fields = { requestId: newRequestId(), url: receiver.url, description: 'Ours', types: ['balance.low'] };
    const [first, second] = [await createEndpoint(fields), await createEndpoint(fields)];
    expect(first.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(first).toMatchObject({ replayed: false, endpoint: { ...{ url: receiver.url, description: 'Ours' } } });
    expect(second).toEqual({ endpoint: first.endpoint, secret: '', replayed: true });
    expect(first.endpoint).toMatchObject({ types: ['balance.low'], state: AlertEndpointState.ENABLED });
    expect(await endpoints()).toEqual([first.endpoint]);
    const other = await failureOf(createEndpoint({ ...fields, description: 'Theirs' }));
    expect(other).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
  });

  test(`is one of ${ENDPOINTS_MAX} at most, also where more are made at once, and deleting one makes room`, async () => {
    const { createEndpoint, endpoints, deleteEndpoint } = await openAlerted(callers);
    const made = await Promise.allSettled(Array.from({ length: ENDPOINTS_MAX + 3 }, () => createEndpoint()));
    expect(made.filter(({ status }) => status === 'fulfilled')).toHaveLength(ENDPOINTS_MAX);
    const [first] = await endpoints();
    expect(await endpoints()).toHaveLength(ENDPOINTS_MAX);
    await deleteEndpoint(first?.endpointId ?? '');
    expect(await failureOf(deleteEndpoint(first?.endpointId ?? ''))).toMatchObject({
      reason: 'ALERT_ENDPOINT_NOT_FOUND',
    });
    await createEndpoint();
    expect(await failureOf(createEndpoint())).toMatchObject({ reason: 'ALERT_ENDPOINT_LIMIT_REACHED' });
  });

  test.each([
    ['url', { url: '' }, 'is required'],
    ['url', { url: 'example.com' }, 'must be an address such as'],
    ['url', { url: 'ftp://example.com/' }, 'must be an address such as'],
    ['url', { url: 'https://user:pass@example.com/' }, 'must have no user'],
    ['url', { url: 'https://example.com/#part' }, 'must have no user'],
    ['url', { url: `https://example.com/${'x'.repeat(2_048)}` }, 'must have at most 2048'],
    ['description', { description: 'x'.repeat(201) }, 'must have at most 200'],
    ['types[0]', { types: ['balance.gone'] }, '"balance.gone" is none of'],
    ['types[1]', { types: ['balance.low', 'balance.low'] }, 'is one that stands before it'],
    ['request_id', { requestId: '' }, 'is required'],
  ])('is refused where %s is wrong: %o', async (field, fields, description) => {
    const { createEndpoint } = await openAlerted(callers);
    expect(await failureOf(createEndpoint(fields))).toMatchObject({
      ...{ reason: 'INVALID_FIELD', violations: { [field]: expect.stringContaining(description) } },
    });
  });

  test.each([
    ['http://example.com/', 'https'],
    ['https://10.0.0.1/', '10.0.0.1 is no public address'],
    ['https://2852039166/', '169.254.169.254 is no public address'],
    ['https://[::ffff:10.0.0.1]/', 'is no public address'],
  ])('at %s is refused, when it is made and when it is changed', async (url, why) => {
    const { createEndpoint, updateEndpoint } = await openAlerted(callers);
    const expected = { reason: 'ALERT_TARGET_FORBIDDEN', message: expect.stringContaining(why) };
    expect(await failureOf(createEndpoint({ url }))).toMatchObject(expected);
    const { endpoint } = await createEndpoint();
    expect(await failureOf(updateEndpoint(endpoint?.endpointId ?? '', { url }))).toMatchObject(expected);
  });

  test('is what was said of it last, in every field', async () => {
    const { createEndpoint, updateEndpoint, endpoints } = await openAlerted(callers);
    const { endpoint } = await createEndpoint({ description: 'Ours', types: ['balance.low'] });
    const id = endpoint?.endpointId ?? '';
    const off = await updateEndpoint(id, { url: receiver.url, types: [], enabled: false });
    expect(off).toMatchObject({ url: receiver.url, description: '', types: [], state: AlertEndpointState.DISABLED });
    expect(off?.disableTime).toBeInstanceOf(Date);
    const on = await updateEndpoint(id, { url: receiver.url });
    expect(on).toMatchObject({ state: AlertEndpointState.ENABLED, disableTime: undefined });
    expect(await endpoints()).toEqual([on]);
  });

  test('is nothing that another workspace, or anyone but an administrator, can see or touch', async () => {
    const own = await openAlerted(callers);
    const { endpoint } = await own.createEndpoint();
    const id = endpoint?.endpointId ?? '';
    await own.sendTest(id);
    const [delivery] = (await own.deliveries()).deliveries;
    const other = await openAlerted(callers);
    expect(await other.endpoints()).toEqual([]);
    expect((await other.deliveries()).deliveries).toEqual([]);
    for (const call of [() => other.rotateSecret(id), () => other.sendTest(id), () => other.deleteEndpoint(id)]) {
      expect(await failureOf(call())).toMatchObject({ reason: 'ALERT_ENDPOINT_NOT_FOUND' });
    }
    const resent = await failureOf(other.resend(delivery?.deliveryId ?? ''));
    expect(resent).toMatchObject({ reason: 'ALERT_DELIVERY_NOT_FOUND' });
    const contributor = alertCallsOf(callers, own.tenantId, 'project_contributor');
    expect(await failureOf(contributor.endpoints())).toMatchObject({ reason: 'ROLE_REQUIRED' });
    const seen = await callers.sysadmin.call(Endpoints.listEndpoints, { tenantId: own.tenantId });
    expect(seen.endpoints.map(({ endpointId }) => endpointId)).toEqual([id]);
    const internal = callers.internal.call(Endpoints.listEndpoints, { tenantId: own.tenantId });
    expect(await failureOf(internal)).toMatchObject({ reason: 'SCOPE_DENIED' });
  });

  test('and what is done to it stand in the log of the workspace', async () => {
    const { tenantId, createEndpoint, rotateSecret, deleteEndpoint, sendTest } = await openAlerted(callers);
    const { endpoint } = await createEndpoint();
    const id = endpoint?.endpointId ?? '';
    await sendTest(id);
    await rotateSecret(id);
    await deleteEndpoint(id);
    const records = kernel.connection.collection('workspace_records').find({ tenant_id: tenantId });
    const methods = (await records.toArray()).map((record) => String(record['method']));
    expect(methods.filter((method) => method.startsWith('AlertEndpointService')).sort()).toEqual([
      ...['AlertEndpointService/CreateEndpoint', 'AlertEndpointService/DeleteEndpoint'],
      ...['AlertEndpointService/RotateEndpointSecret', 'AlertEndpointService/SendTestEvent'],
    ]);
  });
});

describe('a delivery', () => {
  test('brings an event that the endpoint wants, signed, once, and no other', async () => {
    const calls = await openAlerted(callers, 10n * CREDIT);
    const { tenantId } = calls;
    const { secret } = await calls.createEndpoint({ url: receiver.url, types: ['balance.low'] });
    const off = await calls.createEndpoint({ url: receiver.url });
    await calls.updateEndpoint(off.endpoint?.endpointId ?? '', { url: receiver.url, enabled: false });
    await calls.setThresholds([5n * CREDIT]);
    await callers.debit(tenantId, { quantity: '6' });
    await callers.grant(tenantId, 10n * CREDIT);
    const delivery = await standing(calls, AlertDeliveryState.DELIVERED);
    await vi.waitFor(async () => expect((await calls.events()).events).toHaveLength(2), SOON);
    expect(receiver.received).toHaveLength(1);
    const [webhook] = receiver.received;
    if (webhook === undefined) throw new Error('nothing was received');
    expect(verify(secret, webhook)).toEqual({
      type: 'balance.low',
      timestamp: delivery.event?.createTime?.toISOString(),
      data: {
        ...{ event_id: delivery.event?.eventId, workspace_id: tenantId, product_code: 'agentruntime' },
        ...{ threshold_microcredits: '5000000', available_microcredits: '4000000', commit_seq: expect.any(String) },
      },
    });
    expect(webhook.headers['webhook-id']).toBe(delivery.event?.eventId);
    expect(delivery).toMatchObject({ attempts: 1, status: 200, failure: '', dueTime: undefined });
    expect((await calls.deliveries()).deliveries).toHaveLength(1);
  });

  test('of a test fails once and for all, and can be sent again, with the same id', async () => {
    const calls = await openAlerted(callers);
    const { endpoint, secret } = await calls.createEndpoint({ url: receiver.url });
    receiver.answerNext(500);
    const id = endpoint?.endpointId ?? '';
    const [requestId, again] = [newRequestId(), newRequestId()];
    expect(await calls.sendTest(id, requestId)).toMatchObject({ event: { type: 'alert.test' } });
    await calls.sendTest(id, requestId);
    const failed = await standing(calls, AlertDeliveryState.FAILED);
    expect(failed).toMatchObject({ status: 500, failure: 'the endpoint answered with status 500', attempts: 1 });
    expect((await calls.endpoints())[0]?.failingSinceTime).toBeUndefined();
    await calls.resend(failed.deliveryId, again);
    await standing(calls, AlertDeliveryState.DELIVERED);
    // A retry of the same request sends nothing more, and another request does.
    expect(await calls.resend(failed.deliveryId, again)).toMatchObject({ state: AlertDeliveryState.DELIVERED });
    expect(receiver.received).toHaveLength(2);
    await calls.resend(failed.deliveryId);
    await receiver.waitFor(3);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids)).toEqual(new Set([failed.event?.eventId]));
    for (const webhook of receiver.received) expect(verify(secret, webhook)).toMatchObject({ type: 'alert.test' });
  });

  test('after another secret was made is signed with both, for a day', async () => {
    const calls = await openAlerted(callers);
    const { endpoint, secret: old } = await calls.createEndpoint({ url: receiver.url });
    const id = endpoint?.endpointId ?? '';
    const requestId = newRequestId();
    const rotated = await calls.rotateSecret(id, requestId);
    expect(await calls.rotateSecret(id, requestId)).toMatchObject({ secret: '', replayed: true });
    await calls.sendTest(id);
    await receiver.waitFor(1);
    const [webhook] = receiver.received;
    if (webhook === undefined) throw new Error('nothing was received');
    for (const secret of [old, rotated.secret]) expect(verify(secret, webhook)).toMatchObject({ type: 'alert.test' });
    const stored = await kernel.connection.collection<{ _id: string }>('alert_endpoints').findOne({ _id: id });
    const [newest, before] = (stored as unknown as { secrets: { text: string; expires_at?: Date }[] }).secrets;
    expect(newest).toEqual({ text: rotated.secret });
    expect(before?.text).toBe(old);
    expect((before?.expires_at?.getTime() ?? 0) - Date.now()).toBeGreaterThan(23.9 * 3_600_000);
  });

  test('to where nobody answers is tried again later, and says why', async () => {
    const calls = await openAlerted(callers, 10n * CREDIT);
    await calls.createEndpoint({ url: NOBODY_THERE });
    await calls.setThresholds([5n * CREDIT]);
    await callers.debit(calls.tenantId, { quantity: '6' });
    const delivery = await vi.waitFor(async () => {
      const [found] = (await calls.deliveries({ state: AlertDeliveryState.PENDING })).deliveries;
      if (found === undefined || found.failure === '') throw new Error('not tried yet');
      return found;
    }, SOON);
    expect(delivery).toMatchObject({ status: 0, failure: expect.stringContaining("it can't be reached") });
    expect(delivery.dueTime?.getTime()).toBeGreaterThan(Date.now());
    expect((await calls.endpoints())[0]?.failingSinceTime).toBeInstanceOf(Date);
  });

  test('that is answered with 410 switches the endpoint off, and every administrator gets a mail', async () => {
    const calls = await openAlerted(callers, 10n * CREDIT);
    const { endpoint } = await calls.createEndpoint({ url: receiver.url });
    receiver.answerNext(410);
    await calls.setThresholds([5n * CREDIT]);
    await callers.debit(calls.tenantId, { quantity: '6' });
    await standing(calls, AlertDeliveryState.FAILED);
    expect(await calls.endpoints()).toMatchObject([{ state: AlertEndpointState.GONE }]);
    const mails = await kernel.connection
      .collection<{ _id: string }>('mail_outbox')
      .find({ _id: { $regex: `^endpoint-disabled:${endpoint?.endpointId}:` } })
      .toArray();
    const content = { template: 'alert_endpoint_disabled', host: new URL(receiver.url).host, is_gone: true };
    expect(mails).toMatchObject([{ to: 'tenant_admin@example.com', content }]);
    expect(await calls.updateEndpoint(endpoint?.endpointId ?? '', { url: receiver.url })).toMatchObject({
      ...{ state: AlertEndpointState.ENABLED, failingSinceTime: undefined, disableTime: undefined },
    });
  });

  test('stands in a list that goes on page by page, of an endpoint or a state alone', async () => {
    const calls = await openAlerted(callers);
    const ids: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      const { endpoint } = await calls.createEndpoint({ url: receiver.url });
      ids.push(endpoint?.endpointId ?? '');
      await calls.sendTest(ids.at(-1) ?? '');
    }
    await receiver.waitFor(2);
    const first = await calls.deliveries({ pageSize: 1 });
    const second = await calls.deliveries({ pageSize: 1, pageToken: first.nextPageToken });
    const endpointsOf = ({ deliveries }: { deliveries: readonly AlertDelivery[] }) =>
      deliveries.map(({ endpointId }) => endpointId);
    expect([...endpointsOf(first), ...endpointsOf(second)]).toEqual(ids.toReversed());
    expect(second.nextPageToken).toBe('');
    const [endpointId = ''] = ids;
    expect(endpointsOf(await calls.deliveries({ endpointId }))).toEqual([endpointId]);
    expect(endpointsOf(await calls.deliveries({ state: AlertDeliveryState.FAILED }))).toEqual([]);
    const { nextPageToken: pageToken } = first;
    for (const fields of [{ pageToken, endpointId }, { pageToken: 'x' }]) {
      expect(await failureOf(calls.deliveries(fields))).toMatchObject({ reason: 'INVALID_FIELD' });
    }
    // A state that no contract has.
    expect(await failureOf(calls.deliveries({ state: 9 as AlertDeliveryState }))).toMatchObject({
      violations: { state: 'must be a state of the contract, got 9' },
    });
  });
});
