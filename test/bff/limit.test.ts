// What nobody can do to it, by mistake or on purpose: too many requests, too large ones, too slow ones, too many connections;
// which other sites may read answers; and what never stands in a log.

import { connect, type Socket } from 'node:net';
import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import { ROUTES } from '../../bff/routes/all.ts';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { rawRefusal } from './support/kernel-peer.ts';
import { KERNEL_TOKEN, Stage } from './support/stage.ts';

const PATH = '/v1/billing/usage';

let stages: Stage[] = [];
afterEach(async () => {
  for (const stage of stages) await stage.clear();
  stages = [];
});

async function setStage(changes: Parameters<typeof Stage.set>[0] = {}): Promise<Stage> {
  const stage = await Stage.set(changes);
  stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
  stages.push(stage);
  return stage;
}

describe('rate limits', () => {
  test('count a caller by who it is, whatever token it shows, and say what is left', async () => {
    const stage = await setStage({ rateLimits: { perAddress: 0, perCaller: 3 } });
    const first = await stage.get(PATH);
    expect(first.headers.get('ratelimit')).toMatch(/^"caller"; r=2; t=\d+$/);
    expect(first.headers.get('ratelimit-policy')).toMatch(/^"caller"; q=3; w=60; pk=:.+:$/);
    // Each has a token of its own, of the same person.
    expect([(await stage.get(PATH)).status, (await stage.get(PATH)).status]).toEqual([200, 200]);
    const refused = await stage.get(PATH);
    expect(refused.problem()).toMatchObject({ status: 429, reason: 'RATE_LIMITED', metadata: { limit: '3' } });
    const seconds = Number(refused.headers.get('retry-after'));
    expect([seconds >= 1, seconds <= 60]).toEqual([true, true]);
    expect(stage.kernel.calls).toHaveLength(3);
    const other = await stage.get(PATH, { authorization: 'Bearer whp_another' });
    expect(other.status).toBe(200);
  });

  test('count an address before anything is known of it, but not probes', async () => {
    const stage = await setStage({ rateLimits: { perAddress: 2, perCaller: 0 } });
    expect((await stage.send(PATH)).status).toBe(401);
    expect((await stage.send('/nothing')).status).toBe(404);
    expect((await stage.send(PATH)).problem()).toMatchObject({ status: 429, metadata: { per: 'address' } });
    expect((await stage.send('/healthz')).status).toBe(200);
    expect((await stage.send('/readyz')).status).toBe(200);
  });

  test('believe X-Forwarded-For of trusted proxies alone', async () => {
    const rateLimits = { perAddress: 1, perCaller: 0 };
    const direct = await setStage({ rateLimits });
    const statuses = async (stage: Stage, addresses: readonly string[]): Promise<number[]> => {
      const seen: number[] = [];
      for (const address of addresses) seen.push((await stage.get(PATH, { 'x-forwarded-for': address })).status);
      return seen;
    };
    expect(await statuses(direct, ['192.0.2.1', '192.0.2.2'])).toEqual([200, 429]);
    const behind = await setStage({ rateLimits, trustedProxies: ['127.0.0.1'] });
    // What a client says of itself before its proxy does not count; an IPv6 network is one address.
    const addresses = ['192.0.2.1', '192.0.2.2', '192.0.2.9, 192.0.2.2', '2001:db8::1', '2001:db8::2'];
    expect(await statuses(behind, addresses)).toEqual([200, 200, 429, 200, 429]);
  });
});

describe('other sites', () => {
  const preflight = (stage: Stage, origin: string) =>
    stage.send(PATH, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
    });

  test('may read nothing by default', async () => {
    const stage = await setStage();
    const answer = await stage.get(PATH, { origin: 'https://app.example.com' });
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect((await preflight(stage, 'https://app.example.com')).headers.get('access-control-allow-origin')).toBeNull();
  });

  test('of the configuration may read answers, by access tokens; no others, and by no cookie', async () => {
    const stage = await setStage({ corsOrigins: ['https://app.example.com'] });
    const allowed = await preflight(stage, 'https://app.example.com');
    expect(allowed.status).toBe(204);
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect(allowed.headers.get('access-control-allow-headers')).toContain('Authorization');
    expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
    const answer = await stage.get(PATH, { origin: 'https://app.example.com' });
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect(answer.headers.get('access-control-expose-headers')).toContain('X-Request-Id');
    for (const origin of ['https://app.example.com.evil.example', 'http://app.example.com', 'null']) {
      expect((await preflight(stage, origin)).headers.get('access-control-allow-origin')).toBeNull();
      expect((await stage.get(PATH, { origin })).headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

/** Opens a connection and sends the beginning of something; answers how it ended, and when. */
function begin(stage: Stage, text: string): { readonly socket: Socket; readonly ended: Promise<string> } {
  const [host, port] = stage.bff.http.split(':');
  const socket = connect(Number(port), host, () => socket.write(text));
  let read = '';
  socket.on('data', (chunk) => {
    read += String(chunk);
  });
  const ended = new Promise<string>((resolve) => {
    socket.on('error', () => undefined).on('close', () => resolve(read));
  });
  return { socket, ended };
}

describe('clients that are slow', () => {
  test('with their head or their body are answered 408, and hold nobody up', async () => {
    const stage = await setStage({ arrivalTimeoutMs: 500 });
    const authorization = `Authorization: Bearer ${await stage.issuer.sign()}`;
    const head = begin(stage, `GET ${PATH} HTTP/1.1\r\nHost: x\r\n`);
    // One byte now and then is no sign of life.
    const drip = setInterval(() => head.socket.writable && head.socket.write('X'), 100);
    const body = begin(
      stage,
      `POST /v1/workspaces HTTP/1.1\r\nHost: x\r\n${authorization}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{`,
    );
    expect((await stage.get(PATH)).status).toBe(200);
    expect(await head.ended).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(drip);
    expect(await body.ended).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('in hundreds at once don’t keep others from their answer', async () => {
    const stage = await setStage({ arrivalTimeoutMs: 1_000 });
    const slow = Array.from({ length: 300 }, () => begin(stage, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '));
    const startMs = performance.now();
    expect((await stage.get(PATH)).status).toBe(200);
    expect(performance.now() - startMs).toBeLessThan(1_000);
    for (const ending of await Promise.all(slow.map(({ ended }) => ended))) expect(ending).toContain('408');
  });
});

describe('heads that are too large', () => {
  test.each([
    ['one field', `X-Bomb: ${'x'.repeat(20_000)}\r\n`],
    ['many fields', Array.from({ length: 3_000 }, (_, index) => `x${index}: 1\r\n`).join('')],
  ])('by %s are answered 431', async (_name, fields) => {
    const stage = await setStage();
    const { ended } = begin(stage, `GET ${PATH} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`);
    expect(await ended).toMatch(/^HTTP\/1\.1 431 .*"REQUEST_HEADER_TOO_LARGE"/s);
  });

  test('by their address are, too; and the next request is answered', async () => {
    const stage = await setStage();
    expect(await begin(stage, `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`).ended).toContain(' 431 ');
    expect((await stage.get(PATH)).status).toBe(200);
  });
});

describe('connections', () => {
  test('that are idle, two thousand of them, cost others nothing', { timeout: 60_000 }, async () => {
    const stage = await setStage();
    const [host, port] = stage.bff.http.split(':');
    const sockets: Socket[] = [];
    try {
      for (let opened = 0; opened < 2_000; opened += 100) {
        await Promise.all(
          Array.from({ length: 100 }, () => {
            const socket = connect(Number(port), host);
            sockets.push(socket.on('error', () => undefined));
            return new Promise((resolve) => socket.once('connect', resolve));
          }),
        );
      }
      const startMs = performance.now();
      for (let count = 0; count < 20; count += 1) expect((await stage.get(PATH)).status).toBe(200);
      expect((performance.now() - startMs) / 20).toBeLessThan(500);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  test('on which nothing was sent don’t hold up a drain', async () => {
    const stage = await setStage();
    const { socket, ended } = begin(stage, '');
    await new Promise((resolve) => socket.once('connect', resolve));
    const startMs = performance.now();
    await stage.bff.stop();
    expect(await ended).toBe('');
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  test('beyond what may be are closed, and there is room again when others end', async () => {
    const stage = await setStage({ connectionsMax: 2 });
    const held = [begin(stage, ''), begin(stage, '')];
    const request = `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    await expect.poll(() => begin(stage, request).ended).toBe('');
    for (const { socket } of held) socket.destroy();
    await expect.poll(() => begin(stage, request).ended).toContain('200 OK');
  });
});

describe('logs and answers', () => {
  test('have no secret and no stack in them, whatever is asked and however it fails', { timeout: 60_000 }, async () => {
    const stage = await setStage();
    stage.kernel.answers = new Proxy(stage.kernel.answers, {
      get: () => () => {
        throw rawRefusal(GrpcStatus.INTERNAL, `failed at /srv/kernel/main.ts:12 with ${KERNEL_TOKEN}`);
      },
    });
    const jwt = await stage.issuer.sign();
    const secrets = ['whp_secretsecretsecret', 'key-of-a-client', 'code-SECRET', jwt, jwt.split('.')[2] ?? ''];
    const texts: string[] = [];
    for (const { method, path } of ROUTES) {
      const url = path.replaceAll(/:[a-z_]+/g, 'id_1');
      for (const authorization of [`Bearer ${jwt}`, 'Bearer whp_secretsecretsecret', 'Basic whp_secretsecretsecret']) {
        const body =
          method === 'GET' || method === 'DELETE' ? {} : { body: '{"code":"code-SECRET","token":"code-SECRET"}' };
        const headers = { authorization, 'content-type': 'application/json', cookie: 'a=code-SECRET' };
        const answer = await stage.send(`${url}?token=code-SECRET`, {
          ...{ method, headers: { ...headers, 'x-workspace-id': TENANT_ID, 'idempotency-key': 'key-of-a-client' } },
          ...body,
        });
        texts.push(answer.text);
      }
    }
    const answers = texts.join('\n');
    expect(answers).not.toMatch(/\bat .*\.[jt]s:\d+|node_modules|\/srv\/kernel/);
    for (const secret of [KERNEL_TOKEN, 'whp_secret', jwt]) expect(answers).not.toContain(secret);
    const log = stage.logLines.join('\n');
    expect(stage.logLines.length).toBeGreaterThan(ROUTES.length);
    for (const secret of secrets) expect(log).not.toContain(secret);
  });
});
