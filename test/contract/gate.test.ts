// Strangers are turned away by their headers alone: they can't make the kernel hold messages that never end, nor calls.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { type KernelFixture, openKernel } from './support/kernel-fixture.ts';

const STREAMS = 50;
const MESSAGE_BYTES = 4 * 1_024 * 1_024;

let kernel: KernelFixture;
let session: ClientHttp2Session;

beforeAll(async () => {
  kernel = await openKernel();
  session = connect(`http://${kernel.address}`);
});
afterAll(async () => {
  session.destroy();
  await kernel.close();
});

/** Begins a call: headers, and the beginning of a message that is announced and never ends. */
function beginCall(): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': LedgerServiceService.debit.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const announcement = Buffer.alloc(5);
  announcement.writeUInt32BE(MESSAGE_BYTES, 1);
  stream.write(announcement);
  return stream;
}

function answerOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return new Promise((resolve, reject) => {
    stream.on('response', (headers) => headers['grpc-status'] !== undefined && resolve(headers));
    stream.on('trailers', resolve);
    stream.on('error', reject);
  });
}

test('a call without a credential is answered before its message has arrived', async () => {
  const answers = await Promise.all(Array.from({ length: STREAMS }, () => answerOf(beginCall())));
  expect(answers.map((headers) => Number(headers['grpc-status']))).toEqual(
    Array.from({ length: STREAMS }, () => status.UNAUTHENTICATED),
  );
  expect(answers[0]?.['grpc-status-details-bin']).toBeDefined();
});

test('a call without a credential is over with its answer, though its caller never ends its request', async () => {
  const streams = Array.from({ length: STREAMS }, beginCall);
  const codes = await Promise.all(
    streams.map(
      (stream) =>
        new Promise<number>((resolve, reject) => {
          stream.resume().once('error', reject);
          stream.once('close', () => resolve(stream.rstCode));
        }),
    ),
  );
  // The server has ended each, and not for a fault of the caller.
  expect(codes).toEqual(Array.from({ length: STREAMS }, () => constants.NGHTTP2_NO_ERROR));
});
