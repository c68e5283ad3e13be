// How the issuer's keys are kept: fetched rarely, replaced in time, and never older than allowed.

import { errors, type FlattenedJWSInput, type JWTHeaderParameters } from 'jose';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { KeySet } from '../../bff/key-set.ts';
import { createKey, IssuerPeer } from './support/issuer-peer.ts';

const MINUTE_MS = 60_000;
const TOKEN: FlattenedJWSInput = { payload: '', signature: '' };

let issuer: IssuerPeer;
let nowMs: number;
let refreshErrors: unknown[];
let keys: KeySet;
beforeEach(async () => {
  issuer = new IssuerPeer('any');
  await issuer.start();
  nowMs = 0;
  refreshErrors = [];
  keys = new KeySet({
    uri: new URL(issuer.jwksUri),
    timeoutMs: 1_000,
    onRefreshError: (error) => refreshErrors.push(error),
    now: () => nowMs,
  });
});
afterEach(() => issuer.stop());

const find = (kid: string): Promise<unknown> => {
  const header: JWTHeaderParameters = { alg: 'ES256', kid };
  return keys.find(header, TOKEN);
};
const GOOD = 'key-ES256';

test('many who ask at once share one fetch, and later ones none', async () => {
  await Promise.all(Array.from({ length: 50 }, () => find(GOOD)));
  await find(GOOD);

  expect(issuer.fetchCount).toBe(1);
});

test('an unknown key id leads to a fetch, but not to one for each token', async () => {
  await find(GOOD);
  await expect(find('made-up-1')).rejects.toThrow(errors.JWKSNoMatchingKey);
  expect(issuer.fetchCount).toBe(1);

  nowMs += 10_000;
  for (const kid of ['made-up-2', 'made-up-3', 'made-up-4']) {
    await expect(find(kid)).rejects.toThrow(errors.JWKSNoMatchingKey);
  }
  expect(issuer.fetchCount).toBe(2);
});

test('a key that the issuer has begun to use is found', async () => {
  await find(GOOD);
  issuer.published.push(await createKey('new', 'ES256'));
  nowMs += 10_000;

  await expect(find('new')).resolves.toBeDefined();
});

test('a key that the issuer has withdrawn stops to count after the refresh', async () => {
  await find(GOOD);
  issuer.published = issuer.published.filter(({ kid }) => kid !== GOOD);
  nowMs += 5 * MINUTE_MS + 1;

  await find(GOOD);
  await expect.poll(() => issuer.fetchCount).toBe(2);
  await expect
    .poll(() =>
      find(GOOD).then(
        () => 'found',
        (error: unknown) => error,
      ),
    )
    .toBeInstanceOf(errors.JWKSNoMatchingKey);
});

test('old keys serve while the issuer is down, up to an hour', async () => {
  await find(GOOD);
  await issuer.stop();
  nowMs += 59 * MINUTE_MS;
  await find(GOOD);
  await expect.poll(() => refreshErrors.length).toBe(1);

  nowMs += MINUTE_MS + 1;
  await expect(find(GOOD)).rejects.toMatchObject({ reason: 'ISSUER_UNAVAILABLE' });
  await issuer.start();
});

test('keys from where the issuer redirects to do not count', async () => {
  const elsewhere = new IssuerPeer('any');
  await elsewhere.start();
  issuer.override = { status: 302, body: '', location: elsewhere.jwksUri };

  await expect(find(GOOD)).rejects.toMatchObject({ reason: 'ISSUER_UNAVAILABLE' });
  expect(elsewhere.fetchCount).toBe(0);
  await elsewhere.stop();
});

test('an issuer that fails is left alone for a moment', async () => {
  issuer.override = { status: 500, body: '' };
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await expect(find(GOOD)).rejects.toMatchObject({ reason: 'ISSUER_UNAVAILABLE' });
  }
  expect(issuer.fetchCount).toBe(1);

  issuer.override = undefined;
  nowMs += 2_000;
  await expect(find(GOOD)).resolves.toBeDefined();
  expect(issuer.fetchCount).toBe(2);
});

test('an unknown key id, while the issuer fails, is not known to be wrong', async () => {
  await find(GOOD);
  issuer.override = { status: 500, body: '' };
  nowMs += 10_000;

  await expect(find('perhaps-new')).rejects.toMatchObject({ reason: 'ISSUER_UNAVAILABLE' });
  await expect(find('perhaps-new')).rejects.toMatchObject({ reason: 'ISSUER_UNAVAILABLE' });
  await expect(find(GOOD)).resolves.toBeDefined();
  expect(issuer.fetchCount).toBe(2);
});
