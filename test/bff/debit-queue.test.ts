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
