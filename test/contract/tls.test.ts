// TLS, where it is asked for: the same service under a certificate, and nothing in plain text.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, credentials, status } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import type { TlsPair } from '../../kernel/grpc/server.ts';
import { failureOf } from './support/failure.ts';
import { type KernelFixture, openKernel } from './support/kernel-fixture.ts';

const run = promisify(execFile);

let folder: string;
let tls: TlsPair | undefined;
let kernel: KernelFixture | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wheelhouse-tls-'));
  const [certificateFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile];
  try {
    await run('openssl', ['req', '-x509', '-days', '2', ...key, '-out', certificateFile, ...subject]);
  } catch {
    return;
  }
  tls = { certificate: await readFile(certificateFile), key: await readFile(keyFile) };
  kernel = await openKernel({ tls });
});
afterAll(async () => {
  await kernel?.close();
  await rm(folder, { recursive: true, force: true });
});

function checkHealth(context: TestContext, channel: (certificate: Buffer) => ReturnType<typeof credentials.createSsl>) {
  const check = healthService['Check'];
  if (tls === undefined || kernel === undefined || check === undefined) {
    return context.skip('openssl, which makes the certificate of this test, is not on PATH');
  }
  const client = new Client(kernel.address.replace('127.0.0.1', 'localhost'), channel(tls.certificate));
  return new Promise<unknown>((resolve, reject) => {
    const options = { deadline: Date.now() + 5_000 };
    const { path, requestSerialize, responseDeserialize } = check;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service: '' }, options, (error, answer) => {
      client.close();
      if (error === null) resolve(answer);
      else reject(error);
    });
  });
}

test('a client that trusts the certificate is served', async (context) => {
  expect(await checkHealth(context, (certificate) => credentials.createSsl(certificate))).toEqual({
    status: 'SERVING',
  });
});

test('plain text is not', async (context) => {
  const failure = await failureOf(Promise.resolve(checkHealth(context, () => credentials.createInsecure())));
  expect([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]).toContain(failure.code);
});
