// Which access tokens count. Every refusal is a 401 that says what to do; an issuer that does not answer is none.

import { createPublicKey } from 'node:crypto';
import { exportSPKI, importJWK, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { createKey } from './support/issuer-peer.ts';
import { type HttpAnswer, Stage } from './support/stage.ts';

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
const nowS = (): number => Math.floor(Date.now() / 1_000);
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function sendToken(token: string): Promise<HttpAnswer> {
  return stage.get(PATH, { authorization: `Bearer ${token}` });
}

function expectRefusal(answer: HttpAnswer, detail: RegExp): void {
  expect(answer.status).toBe(401);
  expect(answer.problem()).toMatchObject({ reason: 'CREDENTIAL_INVALID', detail: expect.stringMatching(detail) });
  expect(answer.headers.get('www-authenticate')).toMatch(
    /^Bearer realm="billing", error="invalid_token", error_description="[^"\\]+"$/,
  );
  expect(stage.kernel.calls).toEqual([]);
}

describe('a good token', () => {
  test.each(['RS256', 'ES256', 'EdDSA'])('signed with %s counts', async (algorithm) => {
    expect((await sendToken(await stage.issuer.sign({ key: stage.issuer.key(algorithm) }))).status).toBe(200);
  });

  test.each([
    ['several audiences', { aud: ['someone-else', 'wheelhouse:agentruntime'] }],
    ['a clock that is a little off', { exp: nowS() - 10, nbf: nowS() + 10 }],
    ['no address', { email: null, email_verified: null }],
    ['another subject than ours', { sub: 'auth0|5f7c8ec7c33c6c004bbafe82' }],
  ])('with %s counts', async (_, claims) => {
    expect((await sendToken(await stage.issuer.sign({ claims }))).status).toBe(200);
  });

  test('counts with the scheme in any letter case', async () => {
    expect((await stage.get(PATH, { authorization: `bearer ${await stage.issuer.sign()}` })).status).toBe(200);
  });
});

describe('no token', () => {
  test.each([undefined, '', ' '])('(%j) is told how to send one, without an error code', async (authorization) => {
    const answer = await stage.send(PATH, authorization === undefined ? {} : { headers: { authorization } });

    expect(answer.status).toBe(401);
    expect(answer.problem()).toMatchObject({
      reason: 'CREDENTIAL_INVALID',
      detail: expect.stringContaining('Authorization: Bearer'),
    });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="billing"');
    expect(stage.kernel.calls).toEqual([]);
  });

  test.each(['/v1/billing/plans', '/v1/billing/action-pricing', '/v1/billing/usage-history'])(
    'opens %s',
    async (path) => {
      expect((await stage.send(path)).status).toBe(401);
    },
  );

  test.each(['?access_token=', '?token='])('in the query (%s) counts', async (query) => {
    expect((await stage.send(`${PATH}${query}${await stage.issuer.sign()}`)).status).toBe(401);
  });
});

describe('a malformed token is refused:', () => {
  test.each(['Basic dXNlcjpwYXNz', 'Bearer', 'Bearer ', 'Bearer a b', 'Bearer "x"', 'Token abc', 'Bearer a,Bearer b'])(
    'header %j',
    async (authorization) => {
      expectRefusal(await stage.get(PATH, { authorization }), /Authorization header is malformed/);
    },
  );

  test.each(['x', 'a.b', 'a.b.c', '..', 'a.b.c.d.e', `${base64url({ alg: 'ES256' })}.e30.`, `.${base64url({})}.`])(
    'token %j',
    async (token) => {
      expectRefusal(await sendToken(token), /well-formed|signature|publish|key/);
    },
  );

  test('two Authorization headers', async () => {
    const token = await stage.issuer.sign();
    const answer = await stage.sendRaw(
      `GET ${PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${token}\r\nauthorization: Bearer ${token}\r\n\r\n`,
    );

    expectRefusal(answer, /malformed; send one/);
  });
});

describe('a token is refused for its claims:', () => {
  test.each([
    ['expired', { exp: nowS() - 60 }, /has expired/],
    ['without expiry', { exp: null }, /`exp`/],
    ['with an expiry that is no number', { exp: 'tomorrow' }, /`exp`/],
    ['not yet valid', { nbf: nowS() + 60 }, /not valid yet/],
    ['for the other product', { aud: 'wheelhouse:otherproduct' }, /another API/],
    ['for a prefix of the audience', { aud: 'wheelhouse:agent' }, /another API/],
    ['without audience', { aud: null }, /another API|`aud`/],
    ['of another issuer', { iss: 'https://issuer.example.com' }, /another issuer/],
    ['without issuer', { iss: null }, /another issuer|`iss`/],
    ['without subject', { sub: null }, /`sub`/],
    ['with an empty subject', { sub: '' }, /sub must be/],
    ['with a subject that breaks lines', { sub: 'usr_1\r\nx-role: tenant_admin' }, /sub must be/],
    ['with an endless subject', { sub: 'u'.repeat(129) }, /sub must be/],
    ['with a subject that is no text', { sub: { $ne: '' } }, /sub must be|well-formed|`sub`/],
  ])('%s', async (_, claims, detail) => {
    expectRefusal(await sendToken(await stage.issuer.sign({ claims })), detail);
  });
});

describe('a token is refused for its signature:', () => {
  test('none (alg none)', async () => {
    const [, payload] = (await stage.issuer.sign()).split('.');
    for (const alg of ['none', 'None', 'NONE', '']) {
      expectRefusal(await sendToken(`${base64url({ alg })}.${payload}.`), /signed in a way|well-formed|malformed/);
    }
  });

  test('HS256 with the public key as the secret', async () => {
    const { publicJwk, kid } = stage.issuer.key('RS256');
    const pem = createPublicKey({ key: publicJwk as Record<string, string>, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    });
    const payload = JSON.parse(Buffer.from((await stage.issuer.sign()).split('.')[1] ?? '', 'base64url').toString());
    for (const secret of [String(pem), String(pem).trim(), JSON.stringify(publicJwk)]) {
      const token = await new SignJWT(payload).setProtectedHeader({ alg: 'HS256', kid }).sign(Buffer.from(secret));
      expectRefusal(await sendToken(token), /signed in a way/);
    }
  });

  test.each(['RS512', 'PS256', 'ES384'])('%s, which is not allowed even when published', async (algorithm) => {
    const key = await createKey('key-not-allowed', algorithm);
    stage.issuer.published.push(key);
    try {
      expectRefusal(await sendToken(await stage.issuer.sign({ key })), /signed in a way/);
    } finally {
      stage.issuer.published.pop();
    }
  });

  test('another key under a published id', async () => {
    const forged = await createKey('key-ES256', 'ES256');

    expectRefusal(await sendToken(await stage.issuer.sign({ key: forged })), /signature/);
  });

  test('a key that is not published', async () => {
    expectRefusal(
      await sendToken(await stage.issuer.sign({ key: await createKey('key-unknown', 'ES256') })),
      /publish/,
    );
  });

  test('a key that the token brings along (jwk, jku)', async () => {
    const own = await createKey('own', 'ES256');
    const header = { jwk: own.publicJwk, jku: 'http://127.0.0.1:1/jwks.json' };

    expectRefusal(await sendToken(await stage.issuer.sign({ key: own, header })), /publish/);
  });

  test('a payload that was changed', async () => {
    const [head, payload = '', signature] = (await stage.issuer.sign()).split('.');
    const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), email: 'root@example.com' };

    expectRefusal(await sendToken(`${head}.${base64url(claims)}.${signature}`), /signature/);
  });

  test('a critical extension that is not known', async () => {
    const token = await stage.issuer.sign();
    const [, payload, signature] = token.split('.');
    const head = base64url({ alg: 'ES256', kid: 'key-ES256', crit: ['x'], x: 1 });

    expectRefusal(await sendToken(`${head}.${payload}.${signature}`), /./);
  });
});

describe('an issuer that does not answer', () => {
  const breakages: [string, { status: number; body: string; delayMs?: number }][] = [
    ['fails', { status: 500, body: 'stack trace of the issuer' }],
    ['answers something else than JSON', { status: 200, body: '<html>' }],
    ['answers something else than keys', { status: 200, body: '{"keys":"none"}' }],
    ['answers too much', { status: 200, body: JSON.stringify({ keys: [{ kid: 'x'.repeat(300_000) }] }) }],
    ['redirects', { status: 302, body: '' }],
    ['is slow', { status: 200, body: '{"keys":[]}', delayMs: 1_500 }],
  ];

  test.each(breakages)('because it %s makes 503, not 401', async (_, override) => {
    const other = await Stage.set({ requestTimeoutMs: 1_000 });
    try {
      other.issuer.override = override;

      const answer = await other.get(PATH);

      expect(answer.status).toBe(503);
      expect(answer.problem().reason).toBe('ISSUER_UNAVAILABLE');
      expect(answer.headers.get('retry-after')).toBe('2');
      expect(answer.headers.get('www-authenticate')).toBeNull();
      expect(answer.text).not.toContain('stack trace');
      expect(other.kernel.calls).toEqual([]);
    } finally {
      await other.clear();
    }
  });

  test('because it is down makes 503, and no token is refused for ever', async () => {
    const other = await Stage.set();
    try {
      other.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
      await other.issuer.stop();
      expect((await other.get(PATH)).problem()).toMatchObject({ status: 503, reason: 'ISSUER_UNAVAILABLE' });

      await other.issuer.start();
      await expect.poll(async () => (await other.get(PATH)).status, { timeout: 6_000, interval: 250 }).toBe(200);
    } finally {
      await other.clear();
    }
  });

  test('is not missed while its keys are known', async () => {
    const other = await Stage.set();
    try {
      other.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
      expect((await other.get(PATH)).status).toBe(200);
      await other.issuer.stop();

      expect((await other.get(PATH)).status).toBe(200);
      expect(other.issuer.fetchCount).toBe(1);
      await other.issuer.start();
    } finally {
      await other.clear();
    }
  });
});

test('a published key is what the test thinks it is', async () => {
  const key = await importJWK(stage.issuer.key('RS256').publicJwk, 'RS256');
  expect(key instanceof Uint8Array ? '' : await exportSPKI(key)).toContain('BEGIN PUBLIC KEY');
});
