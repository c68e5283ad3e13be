import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Issuer, startIssuer } from '../../dev/issuer/issuer.ts';
import { loadSigningKey } from '../../dev/issuer/signing-key.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const PERSON = { productCode: 'agentruntime', userId: 'usr_1', email: 'one@example.com' };

async function runIssuer(folder: string, port = 0): Promise<Issuer> {
  const issuer = await startIssuer(await loadSigningKey(join(folder, 'key.json')), port);
  onTestFinished(() => issuer.stop());
  return issuer;
}

interface Documents {
  readonly issuer: string;
  readonly jwks_uri: string;
  readonly keys: readonly object[];
}

async function fetchJson(url: string): Promise<Documents> {
  // Each document has some of these fields; the expectations say which.
  return (await (await fetch(url)).json()) as Documents;
}

async function verify(issuer: Issuer, token: string, audience = 'wheelhouse:agentruntime') {
  const discovery = await fetchJson(`${issuer.url}/.well-known/openid-configuration`);
  expect(discovery.issuer).toBe(issuer.url);
  return await jwtVerify(token, createRemoteJWKSet(new URL(discovery.jwks_uri)), { issuer: issuer.url, audience });
}

describe('the local issuer', () => {
  it("signs tokens that its published keys verify, with a member's claims", async () => {
    const issuer = await runIssuer(await writeTemporaryTree({}));
    const token = await issuer.mint({ ...PERSON, membership: { tenantId: 'ten_1', role: 'tenant_admin' } });
    const { payload, protectedHeader } = await verify(issuer, token);
    expect(protectedHeader.alg).toBe('ES256');
    expect(payload).toMatchObject({
      sub: 'usr_1',
      email: 'one@example.com',
      wheelhouse_tenant_id: 'ten_1',
      wheelhouse_role: 'tenant_admin',
    });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(30 * 24 * 60 * 60);
    await expect(verify(issuer, token, 'wheelhouse:otherproduct')).rejects.toThrow(/aud/);
  });

  it('leaves workspace and role out for someone without one, and signs expired tokens for tests', async () => {
    const issuer = await runIssuer(await writeTemporaryTree({}));
    const { payload } = await verify(issuer, await issuer.mint(PERSON));
    expect(Object.keys(payload).sort()).toEqual(['aud', 'email', 'exp', 'iat', 'iss', 'sub']);
    await expect(verify(issuer, await issuer.mint({ ...PERSON, lifetimeSeconds: -60 }))).rejects.toThrow(/exp/);
  });

  it('keeps its key, so that tokens survive a restart', async () => {
    const folder = await writeTemporaryTree({});
    const first = await runIssuer(folder);
    const token = await first.mint(PERSON);
    await first.stop();
    const second = await runIssuer(folder, Number(new URL(first.url).port));
    expect((await verify(second, token)).payload.sub).toBe('usr_1');
    expect((await stat(join(folder, 'key.json'))).mode & 0o777).toBe(0o600);
  });

  it('publishes nothing of the private key, and has nothing else', async () => {
    const issuer = await runIssuer(await writeTemporaryTree({}));
    const { keys } = await fetchJson(`${issuer.url}/.well-known/jwks.json`);
    expect(keys.map((key) => Object.keys(key).sort())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']]);
    expect((await fetch(`${issuer.url}/token`)).status).toBe(404);
    expect((await fetch(`${issuer.url}/.well-known/jwks.json`, { method: 'POST' })).status).toBe(405);
  });
});
