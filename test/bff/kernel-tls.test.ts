// The way to a kernel that has a certificate: trusted by the configured authority alone.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../bff/config.ts';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { KernelPeer } from './support/kernel-peer.ts';
import { Stage } from './support/stage.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernel-tls-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Certificate {
  readonly file: string;
  readonly pem: Buffer;
  readonly key: Buffer;
}

/** Makes a certificate for loopback that vouches for itself; undefined where there is no openssl. */
function makeCertificate(name: string): Certificate | undefined {
  const file = join(folder, `${name}.pem`);
  const keyFile = join(folder, `${name}.key`);
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1'];
  const options = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  try {
    execFileSync('openssl', [...options, ...subject, '-keyout', keyFile, '-out', file], { stdio: 'pipe' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
  return { file, pem: readFileSync(file), key: readFileSync(keyFile) };
}

test('calls a kernel of its authority, and no other', async (context) => {
  const own = makeCertificate('own');
  const other = makeCertificate('other');
  if (!own || !other) {
    return context.skip('there is no openssl here to make a certificate with');
  }
  const kernel = new KernelPeer(ServerCredentials.createSsl(null, [{ private_key: own.key, cert_chain: own.pem }]));
  await kernel.start();
  kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
  const kernelAddresses = [kernel.address];
  const stages = await Promise.all([
    Stage.set({ kernelAddresses, kernelAuthority: own.pem }),
    Stage.set({ kernelAddresses, kernelAuthority: other.pem }),
    Stage.set({ kernelAddresses }),
  ]);
  try {
    const statuses = await Promise.all(stages.map(async (stage) => (await stage.get('/v1/billing/usage')).status));

    expect(statuses).toEqual([200, 503, 503]);
    expect(kernel.calls).toHaveLength(1);
  } finally {
    await Promise.all(stages.map((stage) => stage.clear()));
    kernel.stop();
  }
});

test('is configured by a file, which must be a certificate', (context) => {
  const certificate = makeCertificate('configured');
  if (!certificate) {
    return context.skip('there is no openssl here to make a certificate with');
  }
  const good = {
    PRODUCT_CODE: 'agentruntime',
    KERNEL_ADDRESS: '127.0.0.1:50051',
    KERNEL_TOKEN: 'a-token-of-some-length',
    OIDC_ISSUER: 'https://issuer.example.com',
  };

  expect(loadConfig({ ...good, KERNEL_CA_FILE: certificate.file }).kernelAuthority).toEqual(certificate.pem);
  for (const path of [`${certificate.file}.missing`, join(folder, 'configured.key')]) {
    expect(() => loadConfig({ ...good, PRODUCT_CODE: '', KERNEL_CA_FILE: path })).toThrow(
      /PRODUCT_CODE is not set[\s\S]*KERNEL_CA_FILE is ".*", which is no readable PEM file/,
    );
  }
});
