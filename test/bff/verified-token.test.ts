// A token that was verified counts for some seconds without being verified again, and no longer than it would otherwise.

import type { JWTHeaderParameters } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Authenticator } from '../../bff/authentication.ts';
import type { Identity } from '../../bff/identity.ts';
import { KeySet } from '../../bff/key-set.ts';
import { IssuerPeer, SUBJECT } from './support/issuer-peer.ts';

/** Counts how often a key was looked for: once for each signature that is checked. */
class CountingKeySet extends KeySet {
  count = 0;

  override find(header: JWTHeaderParameters, token: Parameters<KeySet['find']>[1]): ReturnType<KeySet['find']> {
    this.count += 1;
    return super.find(header, token);
  }
}

const HOUR_MS = 3_600_000;

let issuer: IssuerPeer;
let keySet: CountingKeySet;
let authenticator: Authenticator;
/** What the clocks are ahead of the machine's, in milliseconds. */
let ahead: { wallMs: number; monotonicMs: number };

beforeEach(async () => {
  issuer = new IssuerPeer('wheelhouse:agentruntime');
  await issuer.start();
  ahead = { wallMs: 0, monotonicMs: 0 };
  keySet = new CountingKeySet({
    uri: new URL(issuer.jwksUri),
    timeoutMs: 1_000,
    onRefreshError: () => undefined,
    now: () => Date.now() + ahead.wallMs,
  });
  authenticator = new Authenticator({
    ...{ issuer: issuer.url, audience: issuer.audience, keySet },
    clock: { now: () => Date.now() + ahead.wallMs, monotonicMs: () => performance.now() + ahead.monotonicMs },
  });
  // The first of all fetches the keys.
  await send(await issuer.sign());
  keySet.count = 0;
});
afterEach(() => issuer.stop());

const send = (token: string): Promise<Identity> => authenticator.authenticate([`Bearer ${token}`]);

test('is verified once, and again after five seconds', async () => {
  const token = await issuer.sign();
  const expected = { kind: 'person', issuer: issuer.url, subject: SUBJECT, email: 'ada@example.com' };
  for (let times = 0; times < 3; times += 1) expect(await send(token)).toEqual(expected);
  expect(keySet.count).toBe(1);
  ahead.monotonicMs = 5_000;
  expect(await send(token)).toEqual(expected);
  expect(keySet.count).toBe(2);
});

test('is looked at anew from its own end on', async () => {
  const token = await issuer.sign({ claims: { exp: Math.floor(Date.now() / 1_000) + 600 } });
  await send(token);
  ahead.wallMs = 599_000;
  await send(token);
  expect(keySet.count).toBe(1);
  ahead.wallMs = 600_001;
  await send(token);
  expect(keySet.count).toBe(2);
});

test('stops to count when its key is withdrawn, as soon as that is known', async () => {
  const token = await issuer.sign();
  await send(token);
  issuer.published = issuer.published.filter(({ kid }) => kid !== 'key-ES256');
  // A key id that nobody knows makes the keys be fetched again.
  ahead.wallMs = 11_000;
  const stranger = await issuer.sign({ key: issuer.key('RS256'), header: { kid: 'unheard-of' } });
  await expect(send(stranger)).rejects.toMatchObject({ reason: 'CREDENTIAL_INVALID' });
  expect(issuer.fetchCount).toBe(2);
  await expect(send(token)).rejects.toMatchObject({ reason: 'CREDENTIAL_INVALID' });
});

test('does not outlive the keys that it was verified by', async () => {
  const token = await issuer.sign({ claims: { exp: Math.floor(Date.now() / 1_000) + 7_200 } });
  await send(token);
  await issuer.stop();
  ahead.wallMs = HOUR_MS + 1_000;
  await expect(send(token)).rejects.toMatchObject({ reason: 'ISSUER_UNAVAILABLE' });
  await issuer.start();
});

test('makes no other token count: not one with another signature or other claims', async () => {
  const token = await issuer.sign();
  await send(token);
  const [header, payload, signature = ''] = token.split('.');
  const turned = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
  const admin = { ...JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()), wheelhouse_role: 'tenant_admin' };
  const forged = Buffer.from(JSON.stringify(admin)).toString('base64url');
  for (const other of [`${header}.${payload}.${turned}`, `${header}.${forged}.${signature}`]) {
    // A refusal is not kept either: the second time is like the first.
    for (let times = 0; times < 2; times += 1) {
      await expect(send(other)).rejects.toMatchObject({ reason: 'CREDENTIAL_INVALID' });
    }
  }
});
