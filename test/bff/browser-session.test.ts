// How browsers sign in, with the local issuer itself, and what a session is worth: only here, only whole, only for a while, and
// only for our own pages.

import { decodeProtectedHeader, EncryptJWT, type JWTPayload, jwtDecrypt } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Browser, locationOf } from '../../dev/issuer/browser.ts';
import { passSignInPage } from '../../dev/issuer/sign-in.ts';
import { RemoveMemberResponse } from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import {
  BrowserStage,
  createKey,
  HOST,
  MEMBERS_PATH,
  ODD_PERSON,
  SESSION_COOKIE,
  SIGN_IN_COOKIE,
} from './support/browser-stage.ts';

let stage: BrowserStage;
beforeAll(async () => {
  stage = await BrowserStage.set();
});
afterAll(() => stage.clear());
beforeEach(() => {
  stage.reset();
  stage.kernel.answers.removeMember = () => RemoveMemberResponse.fromPartial({});
});
afterEach(() => vi.useRealTimers());

const me = (browser: Browser, url = stage.url) => browser.send(`${url}/v1/me`);
const remove = (browser: Browser, headers: Record<string, string> = {}, url = stage.url) =>
  browser.send(`${url}${MEMBERS_PATH}`, { method: 'DELETE', headers });
const cookieOf = (browser: Browser, name = SESSION_COOKIE): string => browser.cookies(HOST).get(name) ?? '';
const lastMetadata = () => stage.kernel.calls.at(-1)?.metadata ?? {};

async function expectProblem(answer: Response, status: number, reason: string): Promise<void> {
  expect([answer.status, await answer.json()]).toMatchObject([status, { reason }]);
}

/** A browser with this value of the session's cookie. */
function browserWith(value: string, name = SESSION_COOKIE): Browser {
  const browser = new Browser();
  browser.cookies(HOST).set(name, value);
  return browser;
}

describe('signing in', () => {
  test('begins a session of the person, by whom the kernel is asked', async () => {
    const { browser, answer } = await stage.signIn('ada@example.com', '?return_to=/billing?tab=1');

    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/billing?tab=1');
    expect(await (await me(browser)).json()).toMatchObject({ csrf_token: expect.stringMatching(/^[\w-]{43}$/) });
    expect(lastMetadata()).toMatchObject({
      'x-issuer': stage.issuer.url,
      'x-subject': expect.stringMatching(/^local-[0-9a-f]{32}$/),
      'x-email': 'ada%40example.com',
      'x-name': 'ada',
    });
  });

  test('keeps what the session needs in a cookie that no script reads, and no token of the issuer', async () => {
    const { browser, answer } = await stage.signIn();

    const lines = answer.headers.getSetCookie();
    expect(lines).toEqual([
      `${SIGN_IN_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`,
      expect.stringMatching(
        new RegExp(`^${SESSION_COOKIE}=[\\w-]+\\.\\.[\\w.-]+; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax$`),
      ),
    ]);
    const { payload } = await jwtDecrypt(cookieOf(browser), stage.key);
    expect(Object.keys(payload).sort()).toEqual(
      ['aud', 'csrf', 'email', 'email_verified', 'exp', 'iat', 'iss', 'name', 'sub'].sort(),
    );
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(8 * 3_600);
  });

  test('over https binds the cookie to this very host', async () => {
    const publicUrl = new URL('https://console.example.com');
    const bff = await stage.startBff({ browserSession: { publicUrl } });
    const answer = await new Browser().send(`http://${bff.http}/auth/login`);

    expect(answer.headers.getSetCookie()).toEqual([
      expect.stringMatching(new RegExp(`^__Host-${SIGN_IN_COOKIE}=[^;]+; Path=/; .*HttpOnly; SameSite=Lax; Secure$`)),
    ]);
    expect(locationOf(answer).searchParams.get('redirect_uri')).toBe('https://console.example.com/auth/callback');
  });

  test('asks the issuer with PKCE, state and nonce, new ones each time', async () => {
    const asked = await Promise.all(
      [1, 2].map(async () => locationOf(await new Browser().send(`${stage.url}/auth/login`)).searchParams),
    );

    for (const parameters of asked) {
      expect(parameters.get('code_challenge_method')).toBe('S256');
      expect(parameters.get('response_type')).toBe('code');
    }
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(new Set(asked.map((parameters) => parameters.get(name))).size).toBe(2);
    }
  });

  test.each([
    'https://evil.example.com',
    '//evil.example.com',
    '/\\evil.example.com',
    '\\/evil.example.com',
    '/%0d%0aset-cookie:a=b',
    '/a b',
    'javascript:alert(1)',
    'billing',
    '',
    '/\t/evil.example.com',
    '/..//evil.example.com',
    '/.//evil.example.com',
    '/%2e//evil.example.com',
    '/billing/..//evil.example.com',
    `/${'a'.repeat(1_024)}`,
  ])('does not lead elsewhere: %j', async (path) => {
    const answer = await new Browser().send(`${stage.url}/auth/login?return_to=${encodeURIComponent(path)}`);

    if (answer.status === 303) {
      // What is encoded twice is a path of ours, whatever it looks like once it is decoded.
      expect(path).toContain('%0d%0a');
      return;
    }
    expect([answer.status, await answer.json()]).toMatchObject([400, { errors: [{ field: 'return_to' }] }]);
    expect(answer.headers.getSetCookie()).toEqual([]);
  });

  test('returns to a path that was encoded as one header line', async () => {
    const { answer } = await stage.signIn(
      'ada@example.com',
      `?return_to=${encodeURIComponent('/%0d%0aset-cookie:a=b')}`,
    );

    expect(answer.headers.get('location')).toBe('/%0d%0aset-cookie:a=b');
  });

  test('takes no parameter that it does not know', async () => {
    await expectProblem(await new Browser().send(`${stage.url}/auth/login?redirect=/x`), 400, 'INVALID_FIELD');
  });

  describe('does not end', () => {
    async function begin(): Promise<{ browser: Browser; callback: URL }> {
      const browser = new Browser();
      const start = locationOf(await browser.send(`${stage.url}/auth/login`));
      return { browser, callback: await passSignInPage(browser, start, 'ada@example.com') };
    }

    async function expectNoSession(browser: Browser, url: URL): Promise<void> {
      const answer = await browser.send(url);
      await expectProblem(answer, 401, 'CREDENTIAL_INVALID');
      expect(answer.headers.getSetCookie()).toEqual([expect.stringContaining(`${SIGN_IN_COOKIE}=; `)]);
    }

    test('in another browser than the one that began it', async () => {
      const { callback } = await begin();
      await expectNoSession(new Browser(), callback);
      await expectNoSession((await begin()).browser, callback);
    });

    test.each(['state', 'code', 'iss'])('with another %s', async (name) => {
      const { browser, callback } = await begin();
      callback.searchParams.set(name, 'http://127.0.0.1:1/other');
      await expectNoSession(browser, callback);
    });

    test.each(['state', 'code', 'iss'])('without %s', async (name) => {
      const { browser, callback } = await begin();
      callback.searchParams.delete(name);
      await expectNoSession(browser, callback);
    });

    test('with a code that was used', async () => {
      const { browser, callback } = await begin();
      const attempt = cookieOf(browser, SIGN_IN_COOKIE);
      expect((await browser.send(callback)).status).toBe(303);
      browser.cookies(HOST).set(SIGN_IN_COOKIE, attempt);
      await expectNoSession(browser, callback);
    });

    test('where the issuer says no, whatever it says', async () => {
      const { browser, callback } = await begin();
      for (const name of [...callback.searchParams.keys()]) if (name === 'code') callback.searchParams.delete(name);
      callback.searchParams.set('error', 'access_denied');
      callback.searchParams.set('error_description', '<script>alert(1)</script>');
      const answer = await browser.send(callback);
      expect(answer.status).toBe(401);
      expect(await answer.text()).not.toContain('script');
    });

    test('for a subject that can not be passed on', async () => {
      const { answer } = await stage.signIn(ODD_PERSON.email);
      await expectProblem(answer, 401, 'CREDENTIAL_INVALID');
    });

    test('after ten minutes', async () => {
      const { browser, callback } = await begin();
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 601_000 });
      await expectNoSession(browser, callback);
    });

    test('with the cookie of a session in the place of its own', async () => {
      const { browser: signedIn } = await stage.signIn();
      const { callback } = await begin();
      await expectNoSession(browserWith(cookieOf(signedIn), SIGN_IN_COOKIE), callback);
    });
  });

  test('is not possible while the issuer is down, and is again later', async () => {
    const bff = await stage.startBff({ issuer: 'http://127.0.0.1:1' });

    await expectProblem(await new Browser().send(`http://${bff.http}/auth/login`), 503, 'ISSUER_UNAVAILABLE');
  });
});

describe('a session does not count', () => {
  async function expectOut(browser: Browser, url = stage.url): Promise<void> {
    const calls = stage.kernel.calls.length;
    await expectProblem(await me(browser, url), 401, 'CREDENTIAL_INVALID');
    expect(stage.kernel.calls).toHaveLength(calls);
  }

  test('that was tampered with, in any part', async () => {
    const { browser } = await stage.signIn();
    const parts = cookieOf(browser).split('.');
    for (const index of [0, 2, 3, 4]) {
      const part = parts[index] ?? '';
      const changed = parts.with(index, `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}`).join('.');
      await expectOut(browserWith(changed));
    }
    for (const value of ['x', 'a.b.c.d.e', '....', parts.slice(0, 4).join('.'), `${cookieOf(browser)}.x`]) {
      await expectOut(browserWith(value));
    }
  });

  test("of another product, though it has the same keys and the cookie's name", async () => {
    const { browser } = await stage.signIn();
    const other = await stage.startBff({ productCode: 'otherproduct' });
    await expectOut(browserWith(cookieOf(browser), 'wheelhouse_otherproduct'), `http://${other.http}`);
    // Under its own name it is none for the other product: nobody is signed in there.
    await expectOut(browser, `http://${other.http}`);
  });

  test('of another issuer', async () => {
    const { browser } = await stage.signIn();
    const other = await stage.startBff({ issuer: 'http://127.0.0.1:1' });
    await expectOut(browser, `http://${other.http}`);
  });

  test('after eight hours', async () => {
    const { browser } = await stage.signIn();
    expect((await me(browser)).status).toBe(200);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 8 * 3_600_000 + 1_000 });
    await expectOut(browser);
  });

  test('under a key that was taken away, and counts while its key stands behind a new one', async () => {
    const { browser } = await stage.signIn();
    const rotated = await stage.startBff({ browserSession: { keys: [createKey(), stage.key] } });
    expect((await me(browser, `http://${rotated.http}`)).status).toBe(200);
    const without = await stage.startBff({ browserSession: { keys: [createKey()] } });
    await expectOut(browser, `http://${without.http}`);
  });

  test('where it is sent twice', async () => {
    const { browser } = await stage.signIn();
    const cookie = `${SESSION_COOKIE}=${cookieOf(browser)}`;
    const answer = await fetch(`${stage.url}/v1/me`, { headers: { cookie: `${cookie}; ${cookie}` } });
    await expectProblem(answer, 401, 'CREDENTIAL_INVALID');
  });

  test('that was sealed with the right key, but says something else than a session', async () => {
    const { browser } = await stage.signIn();
    const { kid = '' } = decodeProtectedHeader(cookieOf(browser));
    const { payload } = await jwtDecrypt(cookieOf(browser), stage.key);
    const seal = async (changes: JWTPayload): Promise<Browser> => {
      const claims = Object.entries({ ...payload, ...changes }).filter(([, value]) => value !== undefined);
      const token = new EncryptJWT(Object.fromEntries(claims)).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid });
      return browserWith(await token.encrypt(stage.key));
    };
    expect((await me(await seal({}))).status).toBe(200);

    for (const name of ['iss', 'sub', 'aud', 'exp', 'iat', 'csrf']) await expectOut(await seal({ [name]: undefined }));
    await expectOut(await seal({ aud: 'wheelhouse:agentruntime:sign-in' }));
    await expectOut(await seal({ aud: 'wheelhouse:otherproduct:session' }));
    await expectOut(await seal({ exp: Math.floor(Date.now() / 1_000) - 1 }));
    await expectOut(await seal({ sub: 'two words' }));
  });

  test('that is a sign-in which has only begun', async () => {
    const attempt = new Browser();
    await attempt.send(`${stage.url}/auth/login`);
    await expectOut(browserWith(cookieOf(attempt, SIGN_IN_COOKIE)));
  });

  test('in the query', async () => {
    const { browser } = await stage.signIn();
    const answer = await fetch(`${stage.url}/v1/me?${SESSION_COOKIE}=${cookieOf(browser)}`);
    expect(answer.status).toBe(401);
  });
});

describe('a change by a session', () => {
  test('needs the token of this very session', async () => {
    const { browser } = await stage.signIn();
    const other = await stage.signIn();
    const token = await stage.loadCsrfToken(browser);
    stage.kernel.reset();
    stage.kernel.answers.removeMember = () => RemoveMemberResponse.fromPartial({});

    for (const sent of [undefined, '', 'x', token.slice(1), `${token}x`, await csrfOf(other.browser)]) {
      const headers: Record<string, string> = sent === undefined ? {} : { 'x-csrf-token': sent };
      await expectProblem(await remove(browser, headers), 403, 'CSRF_TOKEN_INVALID');
    }
    expect(stage.kernel.calls.map(({ method }) => method)).not.toContain('removeMember');
    expect((await remove(browser, { 'x-csrf-token': token })).status).toBe(204);
  });

  const csrfOf = async (browser: Browser): Promise<string> => {
    const { payload } = await jwtDecrypt(cookieOf(browser), stage.key);
    return String(payload['csrf']);
  };

  test.each([
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { origin: 'https://evil.example.com' },
    { origin: 'null' },
    { origin: 'https://evil.example.com', 'sec-fetch-site': 'same-origin' },
  ])('must not come from elsewhere, even with the token: %j', async (headers) => {
    const { browser } = await stage.signIn();
    const token = await stage.loadCsrfToken(browser);

    await expectProblem(await remove(browser, { ...headers, 'x-csrf-token': token }), 403, 'CSRF_TOKEN_INVALID');
  });

  test('may come from our own page', async () => {
    const { browser } = await stage.signIn();
    const headers = { origin: stage.url, 'sec-fetch-site': 'same-origin' };

    expect((await remove(browser, { ...headers, 'x-csrf-token': await stage.loadCsrfToken(browser) })).status).toBe(
      204,
    );
  });

  test.each(['POST', 'PATCH', 'DELETE'])('is one by %s', async (method) => {
    const { browser } = await stage.signIn();
    const paths = { POST: '/v1/workspaces', PATCH: MEMBERS_PATH, DELETE: MEMBERS_PATH };
    const path = paths[method as keyof typeof paths];

    await expectProblem(await browser.send(`${stage.url}${path}`, { method }), 403, 'CSRF_TOKEN_INVALID');
  });
});

describe('a request with a session and an Authorization header', () => {
  test('is judged by the header alone', async () => {
    const { browser } = await stage.signIn();
    const token = await stage.issuer.mint({
      productCode: 'agentruntime',
      userId: 'usr_bearer',
      email: 'b@example.com',
    });
    const authorization = `Bearer ${token}`;

    const answer = await browser.send(`${stage.url}/v1/me`, { headers: { authorization } });
    expect(await answer.json()).toMatchObject({ csrf_token: null });
    expect(lastMetadata()['x-subject']).toBe('usr_bearer');
    // No page of another site can send this header, so no CSRF token is asked for.
    expect((await remove(browser, { authorization })).status).toBe(204);
  });

  test.each(['Bearer x', 'Basic dXNlcjpwYXNz', ''])('that does not count (%j) is refused', async (authorization) => {
    const { browser } = await stage.signIn();

    const answer = await browser.send(`${stage.url}/v1/me`, { headers: { authorization } });
    await expectProblem(answer, 401, 'CREDENTIAL_INVALID');
  });
});

describe('signing out', () => {
  const logout = (browser: Browser, headers: Record<string, string> = {}) =>
    browser.send(`${stage.url}/auth/logout`, { method: 'POST', headers });

  test('ends the session, but for no other site', async () => {
    const { browser } = await stage.signIn();
    const token = await stage.loadCsrfToken(browser);
    await expectProblem(await logout(browser), 403, 'CSRF_TOKEN_INVALID');
    await expectProblem(
      await logout(browser, { 'x-csrf-token': token, origin: 'https://evil.example.com' }),
      403,
      'CSRF_TOKEN_INVALID',
    );
    expect((await me(browser)).status).toBe(200);

    const answer = await logout(browser, { 'x-csrf-token': token });
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([
      204,
      [`${SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax`],
    ]);
    expect((await me(browser)).status).toBe(401);
  });

  test('without a session changes nothing', async () => {
    const answer = await logout(new Browser());
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([204, []]);
  });

  test('is no GET', async () => {
    const answer = await new Browser().send(`${stage.url}/auth/logout`);
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, OPTIONS']);
  });
});

test('nothing of a session stands in the log', async () => {
  const { browser, answer } = await stage.signIn();
  await me(browser);

  const text = stage.logLines.join('');
  expect(text).toContain('/auth/callback');
  const secrets = [
    cookieOf(browser),
    await stage.loadCsrfToken(browser),
    'code=',
    answer.headers.getSetCookie()[1] ?? '',
  ];
  for (const secret of secrets) expect(text).not.toContain(secret);
});
