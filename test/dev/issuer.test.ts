import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Browser, locationOf } from '../../dev/issuer/browser.ts';
import { type Issuer, type IssuerOptions, startIssuer } from '../../dev/issuer/issuer.ts';
import { signIn } from '../../dev/issuer/sign-in.ts';
import { loadSigningKey } from '../../dev/issuer/signing-key.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const PERSON = { productCode: 'agentruntime', userId: 'usr_1', email: 'one@example.com' };
const ADA = { subject: 'usr_ada', email: 'ada@example.com', name: 'Ada <Admin>', description: 'manages' };
const BFF = { clientId: 'wheelhouse-agentruntime', redirectUri: 'http://127.0.0.1:8080/auth/callback' };

async function runIssuer(folder: string, port = 0, options: IssuerOptions = {}): Promise<Issuer> {
  const issuer = await startIssuer(await loadSigningKey(join(folder, 'key.json')), port, options);
  onTestFinished(() => issuer.stop());
  return issuer;
}

interface Documents {
  readonly issuer: string;
  readonly jwks_uri: string;
  readonly authorization_endpoint: string;
  readonly keys: readonly object[];
}

async function fetchJson(url: string): Promise<Documents> {
  // Each document has some of these fields; the expectations say which.
  return (await (await fetch(url)).json()) as Documents;
}

const discover = (issuer: Issuer): Promise<Documents> => fetchJson(`${issuer.url}/.well-known/openid-configuration`);

async function verify(issuer: Issuer, token: string, audience = 'wheelhouse:agentruntime') {
  const discovery = await discover(issuer);
  expect(discovery.issuer).toBe(issuer.url);
  return await jwtVerify(token, createRemoteJWKSet(new URL(discovery.jwks_uri)), { issuer: issuer.url, audience });
}

async function authorize(issuer: Issuer, changes: Record<string, string | undefined>): Promise<URL> {
  const parameters = {
    client_id: BFF.clientId,
    redirect_uri: BFF.redirectUri,
    response_type: 'code',
    scope: 'openid',
    state: 'state',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
    ...changes,
  };
  const url = new URL((await discover(issuer)).authorization_endpoint);
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

describe('tokens that scripts ask for', () => {
  it('are verified by the published keys, and say whose verified address it is', async () => {
    const issuer = await runIssuer(await writeTemporaryTree({}));
    const token = await issuer.mint(PERSON);
    const { payload, protectedHeader } = await verify(issuer, token);
    expect(protectedHeader.alg).toBe('ES256');
    expect(payload).toMatchObject({ sub: 'usr_1', email: 'one@example.com', email_verified: true, name: 'one' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(30 * 24 * 60 * 60);
    await expect(verify(issuer, token, 'wheelhouse:otherproduct')).rejects.toThrow(/aud/);
    await expect(verify(issuer, await issuer.mint({ ...PERSON, lifetimeSeconds: -60 }))).rejects.toThrow(/exp/);
  });

  it('survive a restart, since the key is kept', async () => {
    const folder = await writeTemporaryTree({});
    const first = await runIssuer(folder);
    const token = await first.mint(PERSON);
    await first.stop();
    const second = await runIssuer(folder, Number(new URL(first.url).port));
    expect((await verify(second, token)).payload.sub).toBe('usr_1');
    expect((await stat(join(folder, 'key.json'))).mode & 0o777).toBe(0o600);
  });
});

describe('signing in', () => {
  it('as somebody of the demo gives an access token for one product, with the same claims', async () => {
    const issuer = await runIssuer(await writeTemporaryTree({}), 0, { people: [ADA] });
    const token = await signIn({ issuerUrl: issuer.url, productCode: 'otherproduct', email: ' ADA@example.com' });
    const { payload, protectedHeader } = await verify(issuer, token, 'wheelhouse:otherproduct');
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(payload).toMatchObject({ sub: 'usr_ada', email: 'ada@example.com', email_verified: true, name: ADA.name });
    await expect(verify(issuer, token)).rejects.toThrow(/aud/);
  });

  it('by any other address is the same person each time, after a restart too', async () => {
    const folder = await writeTemporaryTree({});
    const first = await runIssuer(folder);
    const signInTo = (issuer: Issuer) =>
      signIn({ issuerUrl: issuer.url, productCode: 'agentruntime', email: 'new@example.com' });
    const before = await verify(first, await signInTo(first));
    await first.stop();
    const second = await runIssuer(folder);
    const after = await verify(second, await signInTo(second));
    expect(after.payload.sub).toBe(before.payload.sub);
    expect(after.payload).toMatchObject({ email: 'new@example.com', email_verified: true });
  });

  it('shows the people as texts, and complains of what is no address', async () => {
    const issuer = await runIssuer(await writeTemporaryTree({}), 0, { people: [ADA], bffs: [BFF] });
    const browser = new Browser();
    const page = locationOf(await browser.send(await authorize(issuer, {})));
    const shown = await browser.send(page);
    expect(shown.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await shown.text()).toContain('Ada &lt;Admin&gt;');
    const refused = await browser.submit(page, { email: 'nobody' });
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('no email address')]);
    // Who did not begin it can't end it.
    expect((await new Browser().submit(page, { email: ADA.email })).status).toBe(400);
  });

  it('asks again, whoever was signed in before', async () => {
    const issuer = await runIssuer(await writeTemporaryTree({}), 0, { people: [ADA], bffs: [BFF] });
    const browser = new Browser();
    for (let times = 0; times < 2; times += 1) {
      const page = locationOf(await browser.send(await authorize(issuer, {})));
      expect(page.pathname).toMatch(/^\/sign-in\//);
      const back = locationOf(await browser.send(locationOf(await browser.submit(page, { email: ADA.email }))));
      expect(`${back.origin}${back.pathname}`).toBe(BFF.redirectUri);
      expect(back.searchParams.get('code')).toMatch(/./);
    }
  });

  it.each([
    ['without PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['by the implicit flow', { response_type: 'id_token' }, 'unsupported_response_type|unauthorized_client|invalid_'],
    ['for an API that is none of ours', { resource: 'https://evil.example.com' }, 'invalid_target'],
  ])('%s is refused', async (_, changes, error) => {
    const issuer = await runIssuer(await writeTemporaryTree({}), 0, { people: [ADA], bffs: [BFF] });
    const browser = new Browser();
    const first = locationOf(await browser.send(await authorize(issuer, changes)));
    const text = new URLSearchParams([...first.searchParams, ...new URLSearchParams(first.hash.slice(1))]).get('error');
    expect(text).toMatch(new RegExp(error));
  });

  it.each([
    ['an unknown client', { client_id: 'somebody' }],
    ['another address to come back to', { redirect_uri: 'https://evil.example.com/auth/callback' }],
  ])('for %s sends nobody anywhere', async (_, changes) => {
    const issuer = await runIssuer(await writeTemporaryTree({}), 0, { bffs: [BFF] });
    const answer = await new Browser().send(await authorize(issuer, changes));
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null]);
  });
});

it('publishes nothing of the private key', async () => {
  const issuer = await runIssuer(await writeTemporaryTree({}));
  const { keys } = await fetchJson(`${issuer.url}/.well-known/jwks.json`);
  expect(keys.map((key) => Object.keys(key).sort())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']]);
});
