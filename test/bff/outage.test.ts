// What happens when a kernel is down, slow, hung or gone, and when the client is.

import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rankByRendezvous } from '../../clients/grpc/rendezvous.ts';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { CreateProjectResponse } from '../../gen/wheelhouse/tenant/v1/project_service.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { KernelPeer, refusal } from './support/kernel-peer.ts';
import { Stage } from './support/stage.ts';

const PATH = '/v1/billing/usage';
const good = (): GetBalanceResponse => GetBalanceResponse.fromPartial({ balance: {} });
const never = (): Promise<never> => new Promise(() => {});

/** Ends what a test started, in whatever way the test ended. */
let endings: (() => unknown)[];
beforeEach(() => {
  endings = [];
});
afterEach(async () => {
  for (const end of endings.reverse()) {
    await end();
  }
});

async function setStage(...changes: Parameters<typeof Stage.set>): Promise<Stage> {
  const stage = await Stage.set(...changes);
  endings.push(() => stage.clear());
  return stage;
}

async function startPeer(): Promise<KernelPeer> {
  const peer = new KernelPeer();
  await peer.start();
  endings.push(() => peer.stop());
  return peer;
}

describe('one kernel', () => {
  test('that is down makes 503 with Retry-After, and serves again when it is back', async () => {
    const stage = await setStage();
    stage.kernel.answers.getBalance = good;
    expect((await stage.get(PATH)).status).toBe(200);
    stage.kernel.stop();

    const answer = await stage.get(PATH);
    expect(answer.problem()).toMatchObject({ status: 503, reason: 'KERNEL_UNAVAILABLE' });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(answer.text).not.toContain(stage.kernel.address);

    await stage.kernel.start();
    await expect.poll(async () => (await stage.get(PATH)).status, { timeout: 8_000, interval: 100 }).toBe(200);
  });

  test('that is slow makes 504 at the deadline, which it was told', async () => {
    const stage = await setStage({ requestTimeoutMs: 400 });
    stage.kernel.answers.getBalance = never;
    const startMs = Date.now();

    const answer = await stage.get(PATH);

    expect(answer.problem()).toMatchObject({ status: 504, reason: 'DEADLINE_EXCEEDED' });
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(350);
    expect(Date.now() - startMs).toBeLessThan(2_000);
    await expect.poll(() => stage.kernel.calls[0]?.isCancelled).toBe(true);
  });

  test('that accepts connections but never speaks is given up as unavailable, before the deadline', async () => {
    const silent = await startSilentServer();
    const stage = await setStage({ kernelAddresses: [silent], requestTimeoutMs: 10_000 });
    const startMs = Date.now();

    expect((await stage.get(PATH)).problem()).toMatchObject({ status: 503, reason: 'KERNEL_UNAVAILABLE' });
    expect(Date.now() - startMs).toBeLessThan(4_000);
  });

  test('that dies in the middle of a call makes 503', async () => {
    const stage = await setStage();
    stage.kernel.answers.getBalance = () => {
      stage.kernel.stop();
      return never();
    };

    expect((await stage.get(PATH)).problem()).toMatchObject({ status: 503, reason: 'KERNEL_UNAVAILABLE' });
  });
});

describe('a client that goes away', () => {
  test('cancels the call, and is logged as gone', async () => {
    const stage = await setStage();
    stage.kernel.answers.getBalance = never;
    const client = new AbortController();
    const answer = stage.get(PATH, { 'x-request-id': 'req-gone' }, { signal: client.signal });
    await expect.poll(() => stage.kernel.calls.length).toBe(1);

    client.abort();

    await expect(answer).rejects.toThrow(/abort/i);
    await expect.poll(() => stage.kernel.calls[0]?.isCancelled).toBe(true);
    await expect
      .poll(() => stage.logLines.some((line) => line.includes('req-gone') && line.includes('"aborted":true')))
      .toBe(true);
    expect(stage.logLines.join('')).not.toContain('the request failed');
  });

  test('is not taken for a kernel that is unavailable: no other one is asked', async () => {
    const [first, second] = [await startPeer(), await startPeer()];
    const stage = await setStage({ kernelAddresses: [first.address, second.address] });
    first.answers.getBalance = never;
    second.answers.getBalance = never;
    const client = new AbortController();
    const answer = stage.get(PATH, {}, { signal: client.signal });
    await expect.poll(() => first.calls.length + second.calls.length).toBe(1);

    client.abort();

    await expect(answer).rejects.toThrow();
    await expect.poll(() => [...first.calls, ...second.calls].every(({ isCancelled }) => isCancelled)).toBe(true);
    expect(first.calls.length + second.calls.length).toBe(1);
  });
});

describe('several kernels', () => {
  /** Three peers, in the order in which the workspace of the tests prefers them. */
  async function setThree(): Promise<{ stage: Stage; peers: readonly KernelPeer[] }> {
    const started = [await startPeer(), await startPeer(), await startPeer()];
    for (const peer of started) {
      peer.answers.getBalance = good;
    }
    const addresses = started.map(({ address }) => address);
    const ranked = rankByRendezvous(addresses, TENANT_ID);
    const peers = ranked.flatMap((address) => started.filter((peer) => peer.address === address));
    return { stage: await setStage({ kernelAddresses: addresses }), peers };
  }
  const countCalls = (peers: readonly KernelPeer[]): number[] => peers.map(({ calls }) => calls.length);

  test('share tenants, and one tenant stays with one of them', async () => {
    const { stage, peers } = await setThree();

    for (let round = 0; round < 5; round += 1) {
      expect((await stage.get(PATH)).status).toBe(200);
    }

    expect(countCalls(peers)).toEqual([5, 0, 0]);
  });

  test('stand in for the one that is down', async () => {
    const { stage, peers } = await setThree();
    peers[0]?.stop();

    expect((await stage.get(PATH)).status).toBe(200);
    expect(countCalls(peers)).toEqual([0, 1, 0]);
  });

  test('stand in for the one that is unavailable by its own word', async () => {
    const { stage, peers } = await setThree();
    for (const [index, reason] of ['SHUTTING_DOWN', 'STATE_VERSION_UNSUPPORTED'].entries()) {
      const peer = peers[index];
      if (peer) {
        peer.answers.getBalance = () => {
          throw refusal({ code: GrpcStatus.UNAVAILABLE, reason });
        };
      }
    }

    expect((await stage.get(PATH)).status).toBe(200);
    expect(countCalls(peers)).toEqual([1, 1, 1]);
  });

  test('answer with the last reason when all are unavailable', async () => {
    const { stage, peers } = await setThree();
    for (const peer of peers) {
      peer.answers.getBalance = () => {
        throw refusal({ code: GrpcStatus.UNAVAILABLE, reason: 'DATABASE_UNAVAILABLE' });
      };
    }

    expect((await stage.get(PATH)).problem()).toMatchObject({ status: 503, reason: 'DATABASE_UNAVAILABLE' });
    expect(countCalls(peers)).toEqual([1, 1, 1]);
  });

  test('are not asked again what one of them refused', async () => {
    const { stage, peers } = await setThree();
    for (const peer of peers) {
      peer.answers.getBalance = () => {
        throw refusal({ code: GrpcStatus.NOT_FOUND, reason: 'TENANT_NOT_FOUND' });
      };
    }

    expect((await stage.get(PATH)).status).toBe(404);
    expect(countCalls(peers)).toEqual([1, 0, 0]);
  });

  test('stand in for a write too, with the same key', async () => {
    const [first, second] = [await startPeer(), await startPeer()];
    const stage = await setStage({ kernelAddresses: [first.address, second.address] });
    const project = { projectId: 'prj_1', createTime: new Date(0) };
    for (const peer of [first, second]) {
      peer.answers.createProject = () => {
        // Whichever is asked first is lost before it answers.
        if (first.calls.length + second.calls.length > 1) return CreateProjectResponse.fromPartial({ project });
        throw refusal({ code: GrpcStatus.UNAVAILABLE, reason: 'SHUTTING_DOWN' });
      };
    }

    expect((await stage.write('POST', '/v1/workspaces/ten_1/projects', { display_name: 'One' })).status).toBe(201);
    const keys = [...first.calls, ...second.calls].map(({ request }) => Object(request).requestId);
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
  });

  test('stand in for the one that never speaks', async () => {
    const silent = await startSilentServer();
    const peer = await startPeer();
    peer.answers.getBalance = good;
    const addresses = [silent, peer.address];
    const stage = await setStage({ kernelAddresses: addresses });
    const tenants = Array.from({ length: 100 }, (_, index) => `ten_${index}`);
    const tenantId = tenants.find((tenant) => rankByRendezvous(addresses, tenant)[0] === silent);

    expect((await stage.get(PATH, { 'x-workspace-id': tenantId ?? '' })).status).toBe(200);
    expect(peer.calls).toHaveLength(1);
  });
});

describe('/readyz', () => {
  const readiness = async (stage: Stage): Promise<number> => (await stage.send('/readyz')).status;

  test('is ready while a kernel serves, and names no reason to restart when none does', async () => {
    const stage = await setStage();
    expect((await stage.send('/readyz')).json()).toEqual({ status: 'ready' });

    stage.kernel.health.setStatus('', 'NOT_SERVING');
    await expect.poll(() => readiness(stage), { timeout: 5_000 }).toBe(503);
    expect((await stage.send('/readyz')).problem().reason).toBe('KERNEL_UNAVAILABLE');
    stage.kernel.health.setStatus('', 'SERVING');
    await expect.poll(() => readiness(stage), { timeout: 5_000 }).toBe(200);

    stage.kernel.stop();
    await expect.poll(() => readiness(stage), { timeout: 5_000 }).toBe(503);
    expect((await stage.send('/healthz')).json()).toEqual({ status: 'ok' });
  });

  test('is ready while one of several kernels serves', async () => {
    const [first, second] = [await startPeer(), await startPeer()];
    const stage = await setStage({ kernelAddresses: [first.address, second.address] });
    first.stop();

    expect(await readiness(stage)).toBe(200);
  });
});

/** A server that takes connections and never says a word. */
async function startSilentServer(): Promise<string> {
  const sockets: { destroy: () => void }[] = [];
  const server: Server = createServer((socket) => sockets.push(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  endings.push(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
    server.close();
  });
  // A server that listens on TCP has an AddressInfo; only one on a pipe has a string.
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
