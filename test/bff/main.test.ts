// The process: how it starts, what it says when it can't, and how it ends.

import { type ChildProcess, spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { IssuerPeer, TENANT_ID } from './support/issuer-peer.ts';
import { KernelPeer } from './support/kernel-peer.ts';
import { PRODUCT_CODE } from './support/stage.ts';

const MAIN = fileURLToPath(new URL('../../bff/main.ts', import.meta.url));
const NODE = fileURLToPath(new URL('../../node_modules/.bin/node', import.meta.url));

const issuer = new IssuerPeer(`wheelhouse:${PRODUCT_CODE}`);
const kernel = new KernelPeer();
let processes: ChildProcess[] = [];
beforeAll(() => Promise.all([issuer.start(), kernel.start()]));
afterAll(async () => {
  kernel.stop();
  await issuer.stop();
});
beforeEach(() => kernel.reset());
afterEach(() => {
  for (const child of processes) {
    child.kill('SIGKILL');
  }
  processes = [];
});

interface Bff {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

function spawnBff(environment: Record<string, string> = {}): Bff {
  const child = spawn(NODE, [MAIN], {
    env: {
      PRODUCT_CODE,
      HTTP_ADDRESS: '127.0.0.1:0',
      KERNEL_ADDRESS: kernel.address,
      KERNEL_TOKEN: 'kernel-token-of-the-process',
      OIDC_ISSUER: issuer.url,
      ...environment,
    },
  });
  processes.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  return { child, output: () => text, exit };
}

async function waitForAddress({ output }: Bff): Promise<string> {
  await expect.poll(output, { timeout: 15_000 }).toContain('"msg":"listening"');
  const line =
    output()
      .split('\n')
      .find((text) => text.includes('"msg":"listening"')) ?? '{}';
  return JSON.parse(line).http;
}

const get = async (address: string): Promise<Response> =>
  fetch(`http://${address}/v1/billing/usage`, {
    headers: { authorization: `Bearer ${await issuer.sign()}`, 'x-workspace-id': TENANT_ID },
  });

/** Has the kernel answer with a balance only when what is returned is called. */
function holdBalance(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  kernel.answers.getBalance = async () => {
    await promise;
    return GetBalanceResponse.fromPartial({ balance: { paygRemainingMicrocredits: 7n } });
  };
  return resolve;
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'answers open requests after %s, takes no new ones, and ends well',
  async (signal) => {
    const bff = spawnBff();
    const address = await waitForAddress(bff);
    const release = holdBalance();
    const open = get(address);
    await expect.poll(() => kernel.calls.length).toBe(1);

    bff.child.kill(signal);
    await expect.poll(bff.output).toContain('"msg":"draining"');
    bff.child.kill('SIGINT');
    bff.child.kill('SIGTERM');
    await expect(fetch(`http://${address}/healthz`)).rejects.toThrow();
    release();

    expect(await (await open).json()).toMatchObject({ payg_remaining: 7 });
    const releaseMs = Date.now();
    expect(await bff.exit).toEqual({ code: 0, signal: null });
    expect(Date.now() - releaseMs).toBeLessThan(2_000);
    expect(bff.output()).not.toContain('kernel-token-of-the-process');
  },
);

test('goes on answering while balancers take notice, and lets go of each connection with its answer', async () => {
  const bff = spawnBff({ DRAIN_NOTICE_MS: '3000' });
  const address = await waitForAddress(bff);
  const release = holdBalance();
  const begun = get(address);
  await expect.poll(() => kernel.calls.length).toBe(1);

  bff.child.kill('SIGTERM');
  await expect.poll(bff.output).toContain('"msg":"draining"');
  const probe = await fetch(`http://${address}/readyz`);
  expect([probe.status, probe.headers.get('connection')]).toEqual([503, 'close']);
  release();
  const answer = await begun;
  expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close']);
  kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
  const late = await get(address);
  expect([late.status, late.headers.get('connection')]).toEqual([200, 'close']);
  expect(await bff.exit).toEqual({ code: 0, signal: null });
});

test('drains no longer than a request may take', async () => {
  const bff = spawnBff({ REQUEST_TIMEOUT_MS: '500' });
  const address = await waitForAddress(bff);
  kernel.answers.getBalance = () => new Promise(() => {});
  const open = get(address);
  await expect.poll(() => kernel.calls.length).toBe(1);
  const startMs = Date.now();

  bff.child.kill('SIGTERM');

  expect((await open).status).toBe(504);
  expect(await bff.exit).toEqual({ code: 0, signal: null });
  expect(Date.now() - startMs).toBeLessThan(3_000);
});

test('does not wait longer than that for a request that never arrives in full', async () => {
  const bff = spawnBff({ REQUEST_TIMEOUT_MS: '500' });
  const [host, port] = (await waitForAddress(bff)).split(':');
  const socket = connect(Number(port), host, () => socket.write('GET /healthz HTTP/1.1\r\nhost: '));
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('ready', resolve));
  await expect.poll(async () => (await fetch(`http://${host}:${port}/healthz`)).status).toBe(200);
  const startMs = Date.now();

  bff.child.kill('SIGTERM');

  expect(await bff.exit).toEqual({ code: 0, signal: null });
  expect(Date.now() - startMs).toBeLessThan(3_000);
});

test('says all that is wrong with its environment, without a stack, and ends', async () => {
  const bff = spawnBff({ PRODUCT_CODE: '', KERNEL_ADDRESS: 'nowhere', OIDC_ISSUER: '' });

  expect(await bff.exit).toEqual({ code: 1, signal: null });
  expect(bff.output()).toContain('PRODUCT_CODE is not set');
  expect(bff.output()).toContain('KERNEL_ADDRESS is "nowhere"');
  expect(bff.output()).toContain('OIDC_ISSUER is not set');
  expect(bff.output()).not.toMatch(/\n\s+at /);
});

test('says in one sentence that its address is taken', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on TCP has an AddressInfo; only one on a pipe has a string.
  const { port } = server.address() as AddressInfo;
  try {
    const bff = spawnBff({ HTTP_ADDRESS: `127.0.0.1:${port}` });

    expect(await bff.exit).toEqual({ code: 1, signal: null });
    expect(bff.output().trim().split('\n')).toEqual([
      `The BFF can not listen: listen EADDRINUSE: address already in use 127.0.0.1:${port}. Stop what uses the address, or set HTTP_ADDRESS to another one.`,
    ]);
  } finally {
    server.close();
  }
});

test('starts without kernel and issuer, and says that it is not ready', async () => {
  const bff = spawnBff({ KERNEL_ADDRESS: '127.0.0.1:1', OIDC_ISSUER: 'http://127.0.0.1:1' });
  const address = await waitForAddress(bff);

  expect((await fetch(`http://${address}/healthz`)).status).toBe(200);
  expect((await fetch(`http://${address}/readyz`)).status).toBe(503);
});
