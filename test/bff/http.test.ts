// HTTP itself: paths, methods, headers, ids, and requests that are none.

import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { TENANT_ID } from './support/issuer-peer.ts';
import { KERNEL_TOKEN, Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => {
  stage.kernel.reset();
  stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
});

const PATH = '/v1/billing/usage';
const PATHS = [
  '/v1/billing/plans',
  PATH,
  '/v1/billing/action-pricing',
  '/v1/billing/usage-history',
  '/healthz',
  '/readyz',
];

describe('a path', () => {
  test.each([
    '/',
    '/v1',
    '/v1/billing',
    '/v1/billing/plan',
    `${PATH}/`,
    '/V1/billing/usage',
    `//v1/billing/usage`,
    '/%ff',
    '/%',
    '/..%2f..%2fetc',
    '/favicon.ico',
    '/auth/login',
    '/auth/callback',
    '/confirm-signup',
    '/v1/workspaces/ten_1/',
    '/v1/workspaces//members',
    '/v1/signups/sgn_1',
  ])('that does not exist is a problem: %s', async (path) => {
    const answer = await stage.sendRaw(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);

    expect(answer.status).toBe(404);
    expect(answer.problem()).toMatchObject({
      reason: 'ROUTE_NOT_FOUND',
      type: 'https://wheelhouse.dev/errors/ROUTE_NOT_FOUND',
    });
  });
});

describe('a method', () => {
  test.each(PATHS.flatMap((path) => ['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => [method, path] as const)))(
    '%s is not for %s',
    async (method, path) => {
      const answer = await stage.send(path, { method });

      expect(answer.status).toBe(405);
      expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
      expect(answer.problem()).toMatchObject({ reason: 'METHOD_NOT_ALLOWED' });
    },
  );

  test.each([
    ['/v1/workspaces', 'GET, HEAD, POST, OPTIONS', 'use GET or POST'],
    ['/v1/workspaces/ten_1', 'GET, HEAD, PATCH, OPTIONS', '/v1/workspaces/{workspace_id} does not take'],
    ['/v1/workspaces/ten_1/members/usr_1', 'PATCH, DELETE, OPTIONS', 'use PATCH or DELETE'],
    ['/v1/tokens/pat_1', 'DELETE, OPTIONS', 'use DELETE'],
    ['/v1/signups', 'POST, OPTIONS', 'use POST'],
    ['/v1/billing/trial', 'GET, HEAD, POST, OPTIONS', 'use GET or POST'],
    ['/v1/billing/subscription/cancel', 'POST, OPTIONS', 'use POST'],
  ])('is told by %s which it takes, whoever asks', async (path, allow, detail) => {
    const refused = await stage.send(path, { method: 'PUT' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, allow]);
    expect(refused.problem().detail).toContain(detail);
    const asked = await stage.send(path, { method: 'OPTIONS' });
    expect([asked.status, asked.headers.get('allow')]).toEqual([204, allow]);
    expect(asked.headers.get('access-control-allow-origin')).toBeNull();
  });

  test.each(['TRACE', 'PROPFIND', 'QUERY'])('%s is not for us', async (method) => {
    expect((await stage.sendRaw(`${method} ${PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)).status).toBe(
      405,
    );
  });

  test('that HTTP does not know is a problem', async () => {
    expect((await stage.sendRaw(`BREW ${PATH} HTTP/1.1\r\nhost: x\r\n\r\n`)).problem()).toMatchObject({ status: 400 });
  });

  test('HEAD answers as GET, without the body', async () => {
    const get = await stage.get(PATH);
    const head = await stage.get(PATH, {}, { method: 'HEAD' });

    expect(head.status).toBe(200);
    expect(head.text).toBe('');
    expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
    expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
  });

  test('HEAD without a token is refused as GET is, without the body', async () => {
    const head = await stage.send(PATH, { method: 'HEAD' });

    expect(head.status).toBe(401);
    expect(head.text).toBe('');
    expect(head.headers.get('content-type')).toBe('application/problem+json');
  });

  test('OPTIONS says what there is', async () => {
    const answer = await stage.send(PATH, { method: 'OPTIONS' });

    expect(answer.status).toBe(204);
    expect(answer.headers.get('allow')).toBe('GET, HEAD, OPTIONS');
  });
});

describe('the headers of an answer', () => {
  const cases: [string, () => Promise<{ headers: Headers }>][] = [
    ['of data', () => stage.get(PATH)],
    ['of a refusal', () => stage.send(PATH)],
    ['of no path', () => stage.send('/nowhere')],
    ['of no request', () => stage.sendRaw('nonsense\r\n\r\n')],
  ];

  test.each(cases)('%s keep it out of caches and out of sniffing', async (_, send) => {
    const { headers } = await send();

    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('etag')).toBeNull();
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
    expect(headers.get('x-request-id')).toMatch(/^[\w.-]+$/);
  });

  test('forbid a browser whatever an API has no need for', async () => {
    const { headers } = await stage.get(PATH);

    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'");
    expect(headers.get('strict-transport-security')).toContain('max-age=');
    expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('the id of a request', () => {
  test('is taken over from the client, and goes to the answer, the problem, the kernel and the log', async () => {
    stage.kernel.answers = {};
    const answer = await stage.get(PATH, { 'x-request-id': 'Trace_1.2-3' });

    expect(answer.headers.get('x-request-id')).toBe('Trace_1.2-3');
    expect(answer.problem().instance).toBe('Trace_1.2-3');
    expect(stage.kernel.calls[0]?.metadata['x-request-id']).toBe('Trace_1.2-3');
    expect(stage.logLines.filter((line) => line.includes('"requestId":"Trace_1.2-3"')).length).toBeGreaterThan(0);
  });

  test.each(['', ' ', 'a b', 'a"b', 'ä', '-a', 'a/b', 'a:b', '{}', 'a'.repeat(129)])(
    'is made anew in the place of %j',
    async (sent) => {
      const answer = await stage.sendRaw(
        `GET ${PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: ${sent}\r\n\r\n`,
      );

      expect(answer.headers.get('x-request-id')).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/,
      );
      expect(answer.problem().instance).toBe(answer.headers.get('x-request-id'));
    },
  );

  test('is made anew in the place of two', async () => {
    const answer = await stage.sendRaw(
      `GET ${PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: one\r\nx-request-id: two\r\n\r\n`,
    );

    expect(answer.headers.get('x-request-id')).not.toMatch(/one|two/);
  });
});

describe('what is no proper request is a problem:', () => {
  test.each([
    ['nonsense', 'hello\r\n\r\n', 400],
    ['TLS on the wrong port', '\x16\x03\x01\x02\x00\x01\r\n\r\n', 400],
    ['a malformed header', `GET ${PATH} HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n`, 400],
    ['two lengths', `GET ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n`, 400],
    [
      'a length and chunks',
      `GET ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['a line break in a header', `GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-a: b\nx-c: d\x00\r\n\r\n`, 400],
    ['no Host', `GET ${PATH} HTTP/1.1\r\nconnection: close\r\n\r\n`, 400],
    ['two Hosts', `GET ${PATH} HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n`, 400],
    ['a header too large', `GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-large: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['an address too large', `GET ${PATH}?${'a'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
  ])('%s', async (_, text, status) => {
    const answer = await stage.sendRaw(text);

    expect(answer.status).toBe(status);
    const reason = status === 431 ? 'REQUEST_HEADER_TOO_LARGE' : 'INVALID_FIELD';
    expect(answer.problem()).toMatchObject({ status, reason, instance: answer.headers.get('x-request-id') });
    expect(stage.kernel.calls).toEqual([]);
  });

  test('an expectation that nobody knows is ignored, not answered without a body', async () => {
    const answer = await stage.sendRaw(
      `GET ${PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: miracles\r\nx-workspace-id: ${TENANT_ID}\r\nauthorization: Bearer ${await stage.issuer.sign()}\r\n\r\n`,
    );

    expect(answer.status).toBe(200);
  });

  test('a request that does not arrive whole is answered as such, and its connection ends', async () => {
    const answer = await stage.sendRaw(`GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-slow: `, 30_000);

    expect(answer.status).toBe(408);
    expect(answer.problem()).toMatchObject({ status: 408, reason: 'REQUEST_TIMEOUT' });
  });

  test('HTTP/1.0 without Host is served', async () => {
    expect((await stage.sendRaw(`GET /healthz HTTP/1.0\r\n\r\n`)).status).toBe(200);
  });

  test('nonsense behind a request that is still being answered cuts the connection, instead of mixing with its answer', async () => {
    stage.kernel.answers.getBalance = () => new Promise(() => {});
    const request = `GET ${PATH} HTTP/1.1\r\nhost: x\r\nx-workspace-id: ${TENANT_ID}\r\nauthorization: Bearer ${await stage.issuer.sign()}\r\n\r\n`;
    const received = await new Promise<string>((resolve, reject) => {
      const [host, port] = stage.bff.http.split(':');
      let text = '';
      const socket = connect(Number(port), host, async () => {
        socket.write(request);
        await expect.poll(() => stage.kernel.calls.length).toBe(1);
        socket.write('nonsense\r\n\r\n');
      });
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      socket.on('error', reject);
      socket.on('close', () => resolve(text));
    });

    expect(received).toBe('');
  });
});

describe('the log', () => {
  test('has one line for each request, and neither token, query nor stack', async () => {
    const token = await stage.issuer.sign();
    stage.logLines.length = 0;
    stage.kernel.answers.getBalance = () => {
      throw new TypeError('something broke');
    };

    await stage.get(`${PATH}`, {
      authorization: `Bearer ${token}`,
      cookie: 'session=secret-cookie',
      'x-request-id': 'r1',
    });
    await stage.get(`/v1/billing/usage-history?action=secret-query&x=1`, { 'x-request-id': 'r2' });

    const lines = (): Record<string, unknown>[] =>
      stage.logLines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'request');
    await expect.poll(() => lines().length).toBe(2);
    expect(lines()).toMatchObject([
      { requestId: 'r1', method: 'GET', path: PATH, status: 500, reason: 'INTERNAL', tenantId: expect.any(String) },
      { requestId: 'r2', method: 'GET', path: '/v1/billing/usage-history', status: 400, reason: 'INVALID_FIELD' },
    ]);
    const all = stage.logLines.filter((line) => JSON.parse(line).msg !== 'stack').join('');
    for (const secret of [token, token.split('.')[2] ?? '', KERNEL_TOKEN, 'secret-cookie', 'secret-query']) {
      expect(all).not.toContain(secret);
    }
    expect(all).not.toMatch(/\\n\s+at /);
  });
});
