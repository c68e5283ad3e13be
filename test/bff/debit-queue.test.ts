// The queue of debits against peers that behave as no kernel should: it keeps to its bounds, leaves them, and says what it does not know.

import { constants, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { ServiceClient } from '../../clients/grpc/client.ts';
import { DebitNotTakenError, type DebitQueue, type DebitQueueOptions } from '../../clients/grpc/debit-queue.ts';
import type { DebitRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import {
  type StreamDebitsRequest,
  StreamDebitsResponse,
} from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { type DebitStreamCall, KernelPeer, refusal } from './support/kernel-peer.ts';

const DEBIT = { tenantId: 'ten_1', action: 'a', quantity: '1' };
/** As many as the client sends of one stream before anything is answered. */
const SENT_MAX = 1_024;

const peer = new KernelPeer();
const cleanUps: (() => unknown)[] = [];
beforeAll(() => peer.start());
afterAll(() => peer.stop());
beforeEach(() => peer.reset());
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

function connect(...addresses: readonly string[]): ServiceClient {
  const client = new ServiceClient({ addresses: [peer.address, ...addresses], token: 'token' });
  cleanUps.push(() => client.close());
  return client;
}

function openDebits(options: DebitQueueOptions): DebitQueue {
  return connect().openDebits(options);
}

function onMessage(call: DebitStreamCall, take: (debits: readonly DebitRequest[]) => void): void {
  call.on('data', ({ debits }: StreamDebitsRequest) => take(debits));
  call.on('error', () => undefined);
  call.on('end', () => call.end());
}

function answer(call: DebitStreamCall, debits: readonly DebitRequest[]): void {
  const results = debits.map(({ tenantId, requestId }) => ({
    ...{ tenantId, requestId },
    result: { outcome: { $case: 'debit' as const, value: { replayed: false } } },
  }));
  call.write(StreamDebitsResponse.fromPartial({ results }));
}

/** Reads the first stream and answers nothing of it; returns the request ids that it has read. */
function fallSilentOnce(): readonly string[] {
  const read: string[] = [];
  let streams = 0;
  peer.onDebits = (call) => {
    streams += 1;
    const isSilent = streams === 1;
    onMessage(call, (debits) => {
      if (isSilent) read.push(...debits.map(({ requestId }) => requestId));
      else answer(call, debits);
    });
  };
  return read;
}

/** Starts a server that resets every stream in the middle; `streams` says how many. */
async function startResetting(code: number) {
  const seen = { address: '', streams: 0 };
  const server = createServer();
  server.on('session', (session) => {
    session.on('error', () => undefined);
    cleanUps.push(() => session.destroy());
  });
  server.on('stream', (stream) => {
    seen.streams += 1;
    stream.on('error', () => undefined);
    stream.once('data', () => stream.close(code));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUps.push(() => server.close());
  // A server that listens has an address with a port.
  seen.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return seen;
}

const isAnswered = (debit: Promise<unknown>): Promise<boolean> =>
  debit.then(
    () => true,
    () => false,
  );

test('a kernel that hangs is left, though the time of each debit is over sooner, and is sent the same one once', async () => {
  const read = fallSilentOnce();
  const debits = openDebits({ timeoutMs: 1_000 });
  await expect
    .poll(() => isAnswered(debits.debit({ ...DEBIT, requestId: 'again' })), { timeout: 90_000, interval: 100 })
    .toBe(true);
  expect(read).toEqual(['again']);
}, 120_000);

test('a kernel that hangs is sent no more than the bound, however many debits it lets run out of time', async () => {
  const read = fallSilentOnce();
  const debits = openDebits({ timeoutMs: 1_000 });
  for (let round = 0; round < 3; round += 1) {
    await Promise.allSettled(Array.from({ length: SENT_MAX }, () => debits.debit(DEBIT)));
  }
  await expect.poll(() => read.length).toBe(SENT_MAX);
}, 60_000);

test('a client that is closed before its queue fails what waits there, and what comes', async () => {
  const client = connect();
  const debits = client.openDebits();
  const waiting = expect(debits.debit(DEBIT)).rejects.toThrow(DebitNotTakenError);
  client.close();
  await waiting;
  await expect(debits.debit({ ...DEBIT, requestId: 'late' })).rejects.toMatchObject({
    ...{ name: 'DebitNotTakenError', requestId: 'late', message: expect.stringContaining('close the queue before') },
  });
  await debits.close();
});

test.each([
  'NGHTTP2_NO_ERROR',
  'NGHTTP2_PROTOCOL_ERROR',
  'NGHTTP2_INTERNAL_ERROR',
  'NGHTTP2_CANCEL',
  'NGHTTP2_ENHANCE_YOUR_CALM',
] as const)('what a stream that is reset with %s did not answer is answered by the next kernel', async (code) => {
  peer.onDebits = (call) => onMessage(call, (debits) => answer(call, debits));
  const resetting = await startResetting(constants[code]);
  const client = connect(resetting.address);
  // Which of the two a queue begins with is chance.
  for (let queue = 0; queue < 100 && resetting.streams === 0; queue += 1) {
    const debits = client.openDebits();
    await Promise.all([debits.debit(DEBIT), debits.debit(DEBIT)]);
    await debits.close();
  }
  expect(resetting.streams).toBe(1);
});

test('what a kernel refuses with a reason is not sent again, though a stream can break with that code', async () => {
  peer.onDebits = (call) => {
    call.emit('error', refusal({ code: status.INTERNAL, reason: 'INTERNAL' }));
  };
  const debits = openDebits({ pendingMax: 1 });
  const [sent, unsent] = await Promise.allSettled([debits.debit(DEBIT), debits.debit(DEBIT)]);
  expect(sent).toMatchObject({ reason: { name: 'KernelError', reason: 'INTERNAL' } });
  expect(unsent).toMatchObject({ reason: { name: 'DebitNotTakenError', cause: { reason: 'INTERNAL' } } });
});

test('a kernel that answers what nobody asked is left as one that answers nothing', async () => {
  let streams = 0;
  peer.onDebits = (call) => {
    streams += 1;
    const isBabbling = streams === 1;
    onMessage(call, (debits) => {
      if (!isBabbling) answer(call, debits);
    });
    if (!isBabbling) return;
    const babble = setInterval(() => {
      call.write(StreamDebitsResponse.fromPartial({ results: [] }));
      call.write(StreamDebitsResponse.fromPartial({ results: [{ tenantId: 'ten_1', requestId: 'nobodys' }] }));
    }, 1_000);
    call.on('close', () => clearInterval(babble));
    cleanUps.push(() => clearInterval(babble));
  };
  const debits = openDebits({ timeoutMs: 60_000 });
  await debits.debit(DEBIT);
  expect(streams).toBe(2);
  await debits.close();
}, 90_000);

test('answers count for the debit that they name, once, in whichever order and company they come', async () => {
  const named = (tenantId: string, requestId: string, entryId: string) => ({
    ...{ tenantId, requestId },
    result: { outcome: { $case: 'debit' as const, value: { entry: { entryId } } } },
  });
  peer.onDebits = (call) =>
    onMessage(call, (debits) => {
      const results = debits
        .toReversed()
        .flatMap(({ tenantId, requestId }) => [
          ...[named('ten_2', requestId, 'of another tenant'), named(tenantId, requestId, requestId)],
          named(tenantId, requestId, 'told twice'),
        ]);
      call.write(StreamDebitsResponse.fromPartial({ results }));
    });
  const debits = openDebits({});
  const ids = ['a', 'b', 'c'];
  const answers = await Promise.all(ids.map((requestId) => debits.debit({ ...DEBIT, requestId })));
  expect(answers.map(({ entry }) => entry?.entryId)).toEqual(ids);
  await Promise.all([debits.close(), debits.close()]);
});

test('a debit for which no kernel was there says how the last stream ended', async () => {
  const client = new ServiceClient({ addresses: ['nowhere.invalid:1'], token: 'token' });
  cleanUps.push(() => client.close());
  const debits = client.openDebits({ timeoutMs: 1_500 });
  const error: unknown = await debits.debit(DEBIT).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ cause: { name: 'KernelError', code: status.UNAVAILABLE } });
  await debits.close();
});
