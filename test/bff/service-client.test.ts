// What the client for services inside the platform sends again, and how: by a peer that refuses as told.

import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ServiceClient } from '../../clients/grpc/client.ts';
import { SERVICE_METHODS } from '../../clients/grpc/service-method.ts';
import {
  BatchDebitRequest,
  BatchDebitResponse,
  DebitResponse,
  GetBalanceResponse,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { ACCESS, METHOD_PATHS } from '../../kernel/grpc/access.ts';
import { STREAM_BOUNDS } from '../../kernel/grpc/stream-limit.ts';
import { KernelPeer, type Refusal, rawRefusal, refusal } from './support/kernel-peer.ts';

const kernel = new KernelPeer();
let client: ServiceClient;
beforeAll(() => kernel.start());
afterAll(() => kernel.stop());
beforeEach(() => {
  kernel.reset();
  client = new ServiceClient({ addresses: [kernel.address], token: 'token', timeoutMs: 20_000 });
});
afterEach(() => client.close());

const UUID = /^[0-9a-f-]{36}$/;
const DEBIT = { tenantId: 'ten_1', action: 'a', quantity: '1' };

/** Refuses the first calls, and answers those after them. */
function refuseFirst(...refusals: readonly Error[]): void {
  let count = 0;
  kernel.answers.debit = () => {
    const error = refusals[count];
    count += 1;
    if (error !== undefined) throw error;
    return DebitResponse.fromPartial({ replayed: true });
  };
}

const requestIds = (): unknown[] => kernel.calls.map(({ request }) => Object(request).requestId);

test('what can succeed later is sent again under the same request id', async () => {
  refuseFirst(
    rawRefusal(status.UNAVAILABLE, 'gone'),
    refusal({ code: status.UNAVAILABLE, reason: 'OUTCOME_UNKNOWN', retryDelayMs: 1 }),
    refusal({ code: status.DEADLINE_EXCEEDED, reason: 'DEADLINE_EXCEEDED' }),
    refusal({ code: status.RESOURCE_EXHAUSTED, reason: 'QUEUE_FULL', retryDelayMs: 5 }),
    refusal({ code: status.ABORTED, reason: 'SUBSCRIPTION_BUSY', retryDelayMs: 5 }),
  );
  expect(await client.calls.debit(DEBIT)).toMatchObject({ replayed: true });
  expect(requestIds()).toHaveLength(6);
  expect(new Set(requestIds()).size).toBe(1);
  expect(requestIds()[0]).toMatch(UUID);
});

test('each debit of a batch is sent again under its own request id', async () => {
  kernel.answers.batchDebit = () => {
    if (kernel.calls.length === 1) throw rawRefusal(status.UNAVAILABLE, 'gone');
    return BatchDebitResponse.fromPartial({});
  };
  await client.calls.batchDebit({ debits: [DEBIT, DEBIT, { ...DEBIT, requestId: 'mine' }] });
  const [first, second] = kernel.calls.map(({ request }) => BatchDebitRequest.fromPartial(Object(request)).debits);
  expect(second).toEqual(first);
  const ids = first?.map(({ requestId }) => requestId);
  expect(ids).toEqual([expect.stringMatching(UUID), expect.stringMatching(UUID), 'mine']);
  expect(new Set(ids).size).toBe(3);
});

test.each<Refusal>([
  { code: status.RESOURCE_EXHAUSTED, reason: 'COMMIT_TOO_LARGE' },
  { code: status.ABORTED, reason: 'SYNC_BUSY' },
  { code: status.FAILED_PRECONDITION, reason: 'INSUFFICIENT_CREDITS', metadata: { shortfall_microcredits: '5' } },
  { code: status.INTERNAL, reason: 'INTERNAL' },
  { code: status.RESOURCE_EXHAUSTED, reason: 'MAIL_LIMIT_REACHED', retryDelayMs: 60_000 },
])('what is refused for good, or for long, is the caller’s to judge: $reason', async (refused) => {
  refuseFirst(refusal(refused));
  await expect(client.calls.debit({ ...DEBIT, requestId: 'mine' })).rejects.toMatchObject({
    ...{ name: 'KernelError', code: refused.code, reason: refused.reason, requestId: 'mine' },
    ...{ metadata: refused.metadata ?? {}, message: `refused: ${refused.reason}` },
  });
  expect(requestIds()).toEqual(['mine']);
});

test('a field that is wrong is named', async () => {
  const violations = [{ field: 'quantity', description: 'is required' }];
  refuseFirst(refusal({ code: status.INVALID_ARGUMENT, reason: 'INVALID_FIELD', violations }));
  await expect(client.calls.debit(DEBIT)).rejects.toMatchObject({ violations });
});

test('a reason of a newer kernel leaves the code to go by', async () => {
  refuseFirst(refusal({ code: status.NOT_FOUND, reason: 'NOT_INVENTED_YET' }));
  await expect(client.calls.debit(DEBIT)).rejects.toMatchObject({ code: status.NOT_FOUND, reason: undefined });
});

test('a kernel that hangs is given up for another attempt, and every call has a deadline', async () => {
  const hasty = new ServiceClient({ addresses: [kernel.address], token: 'token', attemptTimeoutMs: 200 });
  let count = 0;
  kernel.answers.getBalance = () => {
    count += 1;
    return count === 1 ? new Promise(() => undefined) : GetBalanceResponse.fromPartial({ planCode: 'pro' });
  };
  expect(await hasty.calls.getBalance({ tenantId: 'ten_1' })).toMatchObject({ planCode: 'pro' });
  for (const { deadlineMs } of kernel.calls) expect(Number.isFinite(deadlineMs)).toBe(true);
  hasty.close();
});

test('a caller who gives up is not kept waiting', async () => {
  const giveUp = new AbortController();
  kernel.answers.getBalance = () => {
    giveUp.abort();
    return new Promise(() => undefined);
  };
  const call = client.calls.getBalance({ tenantId: 'ten_1' }, { signal: giveUp.signal });
  await expect(call).rejects.toMatchObject({ code: status.CANCELLED });
  expect(kernel.calls).toHaveLength(1);
});

test.each(['the caller', 'the client'])('a call that waits to be sent again ends when %s ends it', async (who) => {
  const giveUp = new AbortController();
  kernel.answers.getBalance = () => {
    throw refusal({ code: status.UNAVAILABLE, reason: 'SHUTTING_DOWN', retryDelayMs: 9_000 });
  };
  const call = client.calls.getBalance({ tenantId: 'ten_1' }, { signal: giveUp.signal });
  const ended = expect(call).rejects.toMatchObject({ name: 'KernelError', code: status.CANCELLED });
  await expect.poll(() => kernel.calls.length).toBe(1);
  if (who === 'the caller') giveUp.abort();
  else client.close();
  await ended;
  expect(kernel.calls).toHaveLength(1);
});

test('a client that is closed says so', async () => {
  client.close();
  await expect(client.calls.debit({ ...DEBIT, requestId: 'mine' })).rejects.toMatchObject({
    ...{ name: 'KernelError', code: status.CANCELLED, requestId: 'mine' },
    message: expect.stringContaining('the client is closed'),
  });
});

test.each([
  { timeoutMs: Number.NaN },
  { timeoutMs: 0 },
  { timeoutMs: Number.POSITIVE_INFINITY },
  { attemptTimeoutMs: -1 },
  { token: 'token\n' },
  { addresses: [] },
  ...['', 'kernel', 'kernel:', 'kernel:x', 'a kernel:1'].map((address) => ({ addresses: [address] })),
])('a client is not made with what can’t work: %o', (wrong) => {
  const options = { addresses: [kernel.address], token: 'token', ...wrong };
  expect(() => new ServiceClient(options)).toThrow(RangeError);
});

test.each([{ timeoutMs: Number.NaN }, { pendingMax: 0 }, { pendingMax: 1.5 }, { waitingMax: -1 }])(
  'a queue is not opened with what is no bound: %o',
  (wrong) => {
    expect(() => client.openDebits(wrong)).toThrow(RangeError);
  },
);

test('a call without a time is refused, one whose time is over ends as such', async () => {
  const call = (timeoutMs: number) => client.calls.getBalance({ tenantId: 'ten_1' }, { timeoutMs });
  await expect(call(Number.NaN)).rejects.toThrow(RangeError);
  for (const over of [0, -5]) await expect(call(over)).rejects.toMatchObject({ code: status.DEADLINE_EXCEEDED });
});

test('an option that is undefined has its default', async () => {
  // No compiler lets it through; a caller without types can hand it over.
  const options: object = { pendingMax: undefined, timeoutMs: undefined };
  const debits = client.openDebits(options);
  await expect(debits.debit(DEBIT)).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
});

test('there is a call for each method that a service may use', () => {
  const streams: ReadonlySet<string> = new Set(Object.keys(STREAM_BOUNDS));
  const unary = METHOD_PATHS.filter((path) => ACCESS[path].internal && !streams.has(path));
  expect(
    Object.values(SERVICE_METHODS)
      .map(({ method }) => method.path)
      .sort(),
  ).toEqual(unary.sort());
});
