// Thresholds, billing events and the stream of them, by calls to a real kernel.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { WatchEventsResponse } from '../../gen/wheelhouse/alert/v1/alert_service.ts';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { GrantRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { openEventWatch } from '../support/stream-client.ts';
import { type Callers, CREDIT, callersOf, OPERATOR } from './support/account.ts';
import { alertCallsOf, openAlerted } from './support/alert.ts';
import { failureOf } from './support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';

const SOON = { timeout: 20_000, interval: 50 };

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterAll(() => kernel.close());

type AlertCalls = Awaited<ReturnType<typeof openAlerted>>;

/** The events of a workspace, the oldest first, as a text for each. */
async function told({ events }: Pick<AlertCalls, 'events'>): Promise<readonly string[]> {
  return (await events()).events
    .toReversed()
    .map(({ type, data }) => `${type} ${data.get('threshold_microcredits')}: ${data.get('available_microcredits')}`);
}

describe('thresholds', () => {
  test('are what was set last, the highest first, each on the side of the balance', async () => {
    const { thresholds, setThresholds } = await openAlerted(callers, 10n * CREDIT);
    expect(await thresholds()).toEqual([]);
    const set = [
      { microcredits: 20n * CREDIT, below: true },
      { microcredits: 5n * CREDIT, below: false },
    ];
    expect((await setThresholds([5n * CREDIT, 20n * CREDIT])).thresholds).toEqual(set);
    expect(await thresholds()).toEqual(set);
    await setThresholds([1n]);
    expect(await thresholds()).toEqual([{ microcredits: 1n, below: false }]);
    await setThresholds([]);
    expect(await thresholds()).toEqual([]);
  });

  test('are set once by each request, whatever was set since, and a request id means one thing', async () => {
    const { thresholds, setThresholds } = await openAlerted(callers, 10n * CREDIT);
    await setThresholds([5n * CREDIT], { requestId: 'first' });
    await setThresholds([1n], { requestId: 'second' });
    const set = [{ microcredits: 1n, below: false }];
    expect((await setThresholds([5n * CREDIT], { requestId: 'first' })).thresholds).toEqual(set);
    expect((await failureOf(setThresholds([2n], { requestId: 'first' }))).reason).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(await thresholds()).toEqual(set);
  });

  test.each([
    ['none above zero', [0n], { 'microcredits[0]': 'must be 1 to 9007199254740991 (2^53 - 1) microcredits, got 0' }],
    ['more than there can be', [2n ** 53n], { 'microcredits[0]': expect.stringContaining('must be 1 to') }],
    ['one twice', [5n, 5n], { 'microcredits[1]': 'is one that stands before it' }],
    [
      'eleven',
      Array.from({ length: 11 }, (_, index) => BigInt(index + 1)),
      { microcredits: 'must be at most 10, got 11' },
    ],
  ])('are refused where they are %s', async (_, amounts, violations) => {
    const { setThresholds, thresholds } = await openAlerted(callers);
    expect(await failureOf(setThresholds(amounts))).toMatchObject({ reason: 'INVALID_FIELD', violations });
    expect(await thresholds()).toEqual([]);
  });

  test('that are crossed are told of once, down and up, whatever is set again in between', async () => {
    const calls = await openAlerted(callers, 10n * CREDIT);
    const { tenantId, setThresholds } = calls;
    await setThresholds([5n * CREDIT, 2n * CREDIT]);
    await callers.debit(tenantId, { quantity: '6' });
    await vi.waitFor(async () => expect(await told(calls)).toHaveLength(1), SOON);
    await setThresholds([5n * CREDIT, 3n * CREDIT]);
    await callers.debit(tenantId, { quantity: '1.5' });
    await callers.grant(tenantId, 100n * CREDIT);
    const expected = [
      'balance.low 5000000: 4000000',
      'balance.low 3000000: 2500000',
      'balance.recovered 5000000: 102500000',
      'balance.recovered 3000000: 102500000',
    ];
    await vi.waitFor(async () => expect(await told(calls)).toEqual(expected), SOON);
    const [event] = (await calls.events()).events;
    expect(event).toMatchObject({ tenantId, productCode: 'agentruntime' });
    expect(event?.eventId).toBe(`balance-recovered:${tenantId}:3000000:${event?.data.get('commit_seq')}`);
  });

  test('that were crossed before they were set, or while there were none, are not told of', async () => {
    const calls = await openAlerted(callers, 10n * CREDIT);
    await callers.debit(calls.tenantId, { quantity: '8' });
    await calls.setThresholds([5n * CREDIT]);
    await calls.setThresholds([]);
    await callers.grant(calls.tenantId, 10n * CREDIT);
    await calls.setThresholds([1n * CREDIT]);
    await callers.debit(calls.tenantId, { quantity: '11.5' });
    await vi.waitFor(async () => expect(await told(calls)).toEqual(['balance.low 1000000: 500000']), SOON);
  });

  test('are crossed by credits that expire, too', async () => {
    const calls = await openAlerted(callers, 1n * CREDIT);
    const expireTime = new Date(Date.now() + 2_000);
    const grant = {
      requestId: newRequestId(),
      tenantId: calls.tenantId,
      bucket: Bucket.PAYG,
      microcredits: 9n * CREDIT,
    };
    await callers.sysadmin.call(
      LedgerServiceService.grant,
      GrantRequest.fromPartial({ ...grant, expireTime, ...OPERATOR }),
    );
    await calls.setThresholds([5n * CREDIT]);
    await vi.waitFor(async () => expect(await told(calls)).toEqual(['balance.low 5000000: 1000000']), SOON);
  });

  test('are noted in the log of the workspace', async () => {
    const { tenantId, setThresholds } = await openAlerted(callers);
    await setThresholds([1n], { requestId: 'once' });
    await setThresholds([1n], { requestId: 'once' });
    const log = kernel.connection.collection('workspace_records').find({ tenant_id: tenantId });
    const methods = (await log.toArray()).map((record) => record['method']);
    expect(methods.filter((method) => method === 'AlertService/SetThresholds')).toHaveLength(1);
  });
});

/** A workspace with two events, one of each type. */
async function openTold(): Promise<AlertCalls> {
  const calls = await openAlerted(callers, 10n * CREDIT);
  await calls.setThresholds([5n * CREDIT]);
  await callers.debit(calls.tenantId, { quantity: '6' });
  await callers.grant(calls.tenantId, 10n * CREDIT);
  await vi.waitFor(async () => expect(await told(calls)).toHaveLength(2), SOON);
  return calls;
}

describe('the list of events', () => {
  test('goes on page by page, of a type alone where one is named', async () => {
    const { events } = await openTold();
    const first = await events({ pageSize: 1 });
    expect(first.events.map(({ type }) => type)).toEqual(['balance.recovered']);
    const second = await events({ pageSize: 1, pageToken: first.nextPageToken });
    expect(second.events.map(({ type }) => type)).toEqual(['balance.low']);
    expect(second.nextPageToken).toBe('');
    expect((await events({ type: 'balance.low' })).events).toEqual(second.events);
    expect((await events({ type: 'trial.ending' })).events).toEqual([]);
  });

  test('refuses what is no type, no page and no token of it', async () => {
    const { events } = await openTold();
    const { nextPageToken } = await events({ pageSize: 1 });
    expect(await failureOf(events({ type: 'balance.gone' }))).toMatchObject({
      violations: { type: expect.stringContaining('"balance.gone" is none of') },
    });
    expect(await failureOf(events({ pageSize: -1 }))).toMatchObject({ reason: 'INVALID_FIELD' });
    for (const fields of [{ pageToken: 'x' }, { type: 'balance.low', pageToken: nextPageToken }]) {
      expect(await failureOf(events(fields))).toMatchObject({
        violations: { page_token: expect.stringContaining('is not a token of this call') },
      });
    }
  });

  test('shows nobody the events of another workspace', async () => {
    const { tenantId } = await openTold();
    const other = await openAlerted(callers);
    expect((await other.events()).events).toEqual([]);
    expect(await failureOf(other.events({ tenantId }))).toMatchObject({ reason: 'TENANT_NOT_FOUND' });
    const viewer = alertCallsOf(callers, tenantId, 'project_viewer');
    expect(await failureOf(viewer.events())).toMatchObject({ reason: 'ROLE_REQUIRED' });
  });
});

const watch = (fields: Parameters<typeof openEventWatch>[1] = {}) =>
  openEventWatch(kernel.address, fields, { token: kernel.tokens.internal, deadlineMs: 60_000 });

const typesOf = (messages: readonly WatchEventsResponse[]) => messages.map(({ event }) => event?.type);

describe('the stream of events', () => {
  test('says first where it begins, then tells of each event, and goes on from a token without missing any', async () => {
    const calls = await openAlerted(callers, 10n * CREDIT);
    const { tenantId } = calls;
    await calls.setThresholds([5n * CREDIT]);
    const all = watch({ productCode: 'agentruntime' });
    const own = watch({ tenantId });
    const [[begin]] = await Promise.all([own.arrived(1), all.arrived(1)]);
    expect(begin).toMatchObject({ event: undefined, resumeToken: expect.stringMatching(/./) });
    await callers.debit(tenantId, { quantity: '6' });
    const [, low] = await own.arrived(2);
    expect(low?.event).toMatchObject({ type: 'balance.low', tenantId });
    own.cancel();
    await callers.grant(tenantId, 10n * CREDIT);
    await all.arrived(3);
    expect(typesOf(all.received)).toEqual([undefined, 'balance.low', 'balance.recovered']);
    const resumed = watch({ tenantId, resumeToken: low?.resumeToken ?? '' });
    expect(typesOf(await resumed.arrived(2))).toEqual([undefined, 'balance.recovered']);
    const again = watch({ tenantId, resumeToken: begin?.resumeToken ?? '' });
    expect(typesOf(await again.arrived(3))).toEqual([undefined, 'balance.low', 'balance.recovered']);
    const other = watch({ productCode: 'otherproduct', resumeToken: '' });
    expect(typesOf(await other.arrived(1))).toEqual([undefined]);
    for (const stream of [all, own, resumed, again, other]) {
      stream.cancel();
      stream.close();
    }
  });

  test('refuses a token of something else, one that is too old, and a workspace that is not there', async () => {
    const { tenantId } = await openTold();
    const begun = watch({ tenantId });
    const [message] = await begun.arrived(1);
    begun.close();
    const reasonOf = async (fields: Parameters<typeof watch>[0]) => {
      const stream = watch(fields);
      const { error } = await stream.ended;
      stream.close();
      return failureOf(Promise.reject(error));
    };
    const resumeToken = message?.resumeToken ?? '';
    for (const fields of [{ resumeToken }, { tenantId, resumeToken: 'x' }]) {
      expect(await reasonOf(fields)).toMatchObject({ violations: { resume_token: expect.any(String) } });
    }
    expect(await reasonOf({ tenantId: 'ten_none' })).toMatchObject({ reason: 'TENANT_NOT_FOUND' });
    const early = watch();
    const [first] = await early.arrived(1);
    early.close();
    await openTold();
    const events = kernel.connection.collection('billing_events');
    const [newest] = await events.find().sort({ number: -1 }).limit(1).toArray();
    await events.deleteMany({ number: { $lt: newest?.['number'] } });
    expect(await reasonOf({ resumeToken: first?.resumeToken ?? '' })).toMatchObject({ reason: 'RESUME_TOKEN_EXPIRED' });
  });

  test('is for services and operators alone', async () => {
    for (const token of [kernel.tokens.agentruntime, undefined]) {
      const stream = openEventWatch(kernel.address, {}, { token, metadata: { 'x-product-code': 'agentruntime' } });
      const { error } = await stream.ended;
      stream.close();
      expect(await failureOf(Promise.reject(error))).toMatchObject({
        reason: token === undefined ? 'CREDENTIAL_INVALID' : 'SCOPE_DENIED',
      });
    }
  });
});
