// Access tokens on a real database: what counts as one and for how long, how often the database is asked, and that the token
// lies nowhere.

import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  ACCESS_TOKENS_MAX,
  AccessTokenService,
  ENDED_TOKENS_KEPT,
  LIFETIME_DEFAULT_MS,
  type MadeAccessToken,
  type NewAccessToken,
  type TokenMaker,
} from '../../kernel/app/access/access-token-service.ts';
import { AccessTokenVerifier, CACHE_AGE_MS_MAX } from '../../kernel/app/access/access-token-verifier.ts';
import { LAST_USE_AGE_MS_MAX, LastUseBook } from '../../kernel/app/access/last-use-book.ts';
import type { AccessTokenAct, AccessTokenStore } from '../../kernel/app/access/ports.ts';
import { formatAccessToken } from '../../kernel/domain/access-token-text.ts';
import type { ProjectId, TenantId, UserId } from '../../kernel/domain/id.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { openAccessTokenStore } from '../../kernel/store/access/access-token-store.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { newRequestId } from '../contract/support/kernel-fixture.ts';
import { override } from '../contract/support/override.ts';
import { freshDatabaseUri } from '../support/engine.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

let connection: Connection;
let store: AccessTokenStore;
let commands = 0;
let now: number;
let monotonic: number;
let isClosed: boolean;
let maker: TokenMaker;

beforeAll(async () => {
  connection = await openConnection({
    uri: freshDatabaseUri(),
    timeoutMs: 10_000,
    onCommand: () => {
      commands += 1;
    },
  });
  store = await openAccessTokenStore(connection);
});
beforeEach(() => {
  now = 1_800_000_000_000;
  monotonic = 0;
  isClosed = false;
  const projectIds = ['prj_a', 'prj_b'] as ProjectId[];
  maker = {
    ...{ tenantId: RANDOM_ID_SOURCE.tenantId(), userId: 'usr_1' as UserId, role: 'project_contributor', projectIds },
    origin: { logId: 'log-1' },
  };
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

/** What stands in the log of workspaces. */
const acts = new Map<string, AccessTokenAct>();
const journal = {
  note: (act: AccessTokenAct) => {
    if (!acts.has(act.key)) acts.set(act.key, act);
    return Promise.resolve();
  },
};
const clock = { now: () => now, estimate: () => now };

/** One kernel's part in it. */
function openKernel(over: AccessTokenStore = store) {
  const uses = new LastUseBook(over);
  const loadWorkspace = () => Promise.resolve({ isClosed, projectIds: new Set(['prj_z' as ProjectId]) });
  const pacing = { monotonicMs: () => monotonic };
  const verifier = new AccessTokenVerifier({ store: over, loadWorkspace, uses, clock, pacing });
  return {
    uses,
    verifier,
    service: new AccessTokenService({ store: over, verifier, loadWorkspace, journal, clock, ids: RANDOM_ID_SOURCE }),
  };
}

function create(
  { service } = openKernel(),
  input: Partial<NewAccessToken> = {},
  by = maker,
  requestId = newRequestId(),
): Promise<MadeAccessToken> {
  const whole = { displayName: 'ci', role: 'project_viewer', projectIds: [], ...input } as const;
  return service.create(by, whole, { callerScope: 'bff/x/usr_1', requestId });
}

function secretOf({ secret }: MadeAccessToken): string {
  if (secret === undefined) throw new Error('no secret was answered');
  return secret;
}

describe('a token', () => {
  test('is verified as what it was made for', async () => {
    const kernel = openKernel();
    const made = await create(kernel, { role: 'project_contributor', projectIds: ['prj_b' as ProjectId] });
    expect(await kernel.verifier.verify(secretOf(made))).toEqual({
      accessTokenId: made.accessToken.accessTokenId,
      tenantId: maker.tenantId,
      userId: maker.userId,
      role: 'project_contributor',
      projectIds: ['prj_b'],
    });
    expect(made.accessToken).toMatchObject({ expiresAt: now + LIFETIME_DEFAULT_MS, createdAt: now });
    expect(secretOf(made).startsWith(made.accessToken.tokenPrefix)).toBe(true);
  });

  test('lies nowhere in the database, only its SHA-256', async () => {
    const secret = secretOf(await create());
    const everything: string[] = [];
    for (const { name } of (await connection.db?.listCollections().toArray()) ?? []) {
      everything.push(JSON.stringify(await connection.collection(name).find().toArray()));
    }
    const text = everything.join();
    expect(text).not.toContain(secret);
    expect(text).not.toContain(secret.slice(4, 47));
    expect(text).not.toContain(Buffer.from(secret).toString('base64').slice(0, 40));
    expect(text).toContain(createHash('sha256').update(secret).digest('base64'));
  });

  test('that was never one is refused without the database: wrong form, wrong checksum', async () => {
    const { verifier } = openKernel();
    const secret = secretOf(await create());
    const before = commands;
    for (const text of [
      '',
      'whp_',
      'x'.repeat(100_000),
      secret.slice(0, -1),
      `${secret.slice(0, -1)}!`,
      secret.toLowerCase(),
    ]) {
      expect(await verifier.verify(text)).toBeUndefined();
    }
    for (let index = 4; index < secret.length; index += 1) {
      const other = secret.charAt(index) === 'x' ? 'y' : 'x';
      expect(await verifier.verify(secret.slice(0, index) + other + secret.slice(index + 1))).toBeUndefined();
    }
    expect(commands).toBe(before);
  });

  test('that nobody made costs one read in five seconds, as one that counts does', async () => {
    const { verifier, uses } = openKernel();
    const known = secretOf(await create());
    for (const [text, counts] of [
      [formatAccessToken(randomBytes(32)), false],
      [known, true],
    ] as const) {
      await Promise.all(Array.from({ length: 20 }, () => verifier.verify(text)));
      await uses.settle();
      const before = commands;
      monotonic += CACHE_AGE_MS_MAX - 1;
      expect((await verifier.verify(text)) !== undefined).toBe(counts);
      expect(commands - before).toBe(0);
      monotonic += 1;
      await Promise.all(Array.from({ length: 20 }, () => verifier.verify(text)));
      expect(commands - before).toBe(1);
    }
  });

  test('whose stored digest is another one than was looked for does not count', async () => {
    const secret = secretOf(await create());
    const lying = override(store, {
      findByDigest: async (digest) => {
        const stored = await store.findByDigest(digest);
        return stored === undefined ? undefined : { ...stored, digest: new Uint8Array(32) };
      },
    });
    expect(await openKernel(lying).verifier.verify(secret)).toBeUndefined();
  });

  test('stops at its expiry, also where it is remembered', async () => {
    const kernel = openKernel();
    const secret = secretOf(await create(kernel, { expiresAt: now + 2_000 }));
    now += 1_999;
    expect(await kernel.verifier.verify(secret)).toBeDefined();
    now += 1;
    expect(await kernel.verifier.verify(secret)).toBeUndefined();
  });

  test('that is revoked stops at once in the kernel that revoked it, and within five seconds in others', async () => {
    const [here, there] = [openKernel(), openKernel()];
    const made = await create(here);
    const secret = secretOf(made);
    for (const { verifier } of [here, there]) expect(await verifier.verify(secret)).toBeDefined();
    await here.service.revoke(maker, made.accessToken.accessTokenId);
    expect(await here.verifier.verify(secret)).toBeUndefined();
    monotonic += CACHE_AGE_MS_MAX;
    expect(await there.verifier.verify(secret)).toBeUndefined();
  });

  test('that is revoked while it is being read is not remembered as one that counts', async () => {
    const read = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const slow = override(store, {
      findByDigest: async (digest) => {
        const stored = await store.findByDigest(digest);
        begun.resolve();
        await read.promise;
        return stored;
      },
    });
    const kernel = openKernel(slow);
    const made = await create(kernel);
    const verifying = kernel.verifier.verify(secretOf(made));
    await begun.promise;
    await kernel.service.revoke(maker, made.accessToken.accessTokenId);
    read.resolve();
    await verifying;
    expect(await kernel.verifier.verify(secretOf(made))).toBeUndefined();
  });

  test('of a workspace that was closed stops', async () => {
    const { verifier } = openKernel();
    const secret = secretOf(await create());
    isClosed = true;
    expect(await verifier.verify(secret)).toBeUndefined();
  });

  test('notes its last use every five minutes, and keeps nobody waiting for it', async () => {
    const made = await create();
    const blocked = Promise.withResolvers<void>();
    let notes = 0;
    const counting = override(store, {
      saveLastUse: async (id, at) => {
        notes += 1;
        await blocked.promise;
        await store.saveLastUse(id, at);
      },
    });
    const { verifier, uses } = openKernel(counting);
    for (let use = 0; use < 20; use += 1) expect(await verifier.verify(secretOf(made))).toBeDefined();
    blocked.resolve();
    await uses.settle();
    const read = async () => (await store.loadToken(maker.tenantId, made.accessToken.accessTokenId))?.token.lastUsedAt;
    expect([notes, await read()]).toEqual([1, now]);
    now += LAST_USE_AGE_MS_MAX;
    await verifier.verify(secretOf(made));
    await uses.settle();
    expect([notes, await read()]).toEqual([2, now]);
    // Another kernel sees the note, and makes none.
    await openKernel(counting).verifier.verify(secretOf(made));
    expect(notes).toBe(2);
  });

  test('counts although its use can’t be noted', async () => {
    const failing = override(store, { saveLastUse: () => Promise.reject(new Error('injected')) });
    const { verifier, uses } = openKernel(failing);
    const secret = secretOf(await create());
    expect(await verifier.verify(secret)).toBeDefined();
    await uses.settle();
    expect(await verifier.verify(secret)).toBeDefined();
  });
});

describe('a workspace', () => {
  const fresh = (): TokenMaker => ({ ...maker, tenantId: RANDOM_ID_SOURCE.tenantId() as TenantId });

  test('never has more tokens that work than it may have, also of many made at once', async () => {
    const by = fresh();
    for (let count = 0; count < ACCESS_TOKENS_MAX - 5; count += 1) await create(openKernel(), {}, by);
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => create(openKernel(), {}, by)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    for (const error of refused) {
      expect(error).toMatchObject({
        reason: 'WORKSPACE_LIMIT_REACHED',
        metadata: { what: 'access_tokens', limit: String(ACCESS_TOKENS_MAX) },
      });
    }
    const { service } = openKernel();
    const [newest] = (await service.list(by, { includeEnded: false, pageSize: 1, pageToken: '' })).accessTokens;
    await service.revoke(by, newest?.accessTokenId ?? '');
    await create(openKernel(), {}, by);
    await expect(create(openKernel(), {}, by)).rejects.toMatchObject({ reason: 'WORKSPACE_LIMIT_REACHED' });
    // Those that expire make room, too.
    now += LIFETIME_DEFAULT_MS;
    await create(openKernel(), {}, by);
  });

  test('keeps so many that have ended, the newest ones', async () => {
    const by = fresh();
    const kernel = openKernel();
    const total = ENDED_TOKENS_KEPT + ACCESS_TOKENS_MAX + 20;
    for (let count = 0; count < total; count += 1) {
      const { accessToken } = await create(kernel, { displayName: `t${count}` }, by);
      await kernel.service.revoke(by, accessToken.accessTokenId);
    }
    const kept = await store.loadTokens(by.tenantId, 1_000);
    expect(kept.length).toBeGreaterThanOrEqual(ENDED_TOKENS_KEPT);
    // Beside them only the last token of each place.
    expect(kept.length).toBeLessThanOrEqual(ENDED_TOKENS_KEPT + ACCESS_TOKENS_MAX);
    const names = kept.slice(0, ENDED_TOKENS_KEPT).map(({ token }) => token.displayName);
    expect(names).toEqual(Array.from({ length: ENDED_TOKENS_KEPT }, (_, index) => `t${total - 1 - index}`));
  });

  test('has one token of one request, however often and at once it is sent; only the first is told it', async () => {
    const by = fresh();
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(openKernel(), {}, by, 'same')));
    expect(new Set(answers.map(({ accessToken }) => accessToken.accessTokenId)).size).toBe(1);
    expect(answers.filter(({ secret }) => secret !== undefined)).toHaveLength(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await store.loadTokens(by.tenantId, 10)).toHaveLength(1);
  });

  test('has in its log who made and who revoked a token, also where a crash came before a note', async () => {
    const by = fresh();
    const dying = { note: () => Promise.reject(new Error('injected: the kernel died here')) };
    const kernel = openKernel();
    const { service, verifier } = kernel;
    const parts = { store, verifier, loadWorkspace: () => Promise.resolve(undefined), clock, ids: RANDOM_ID_SOURCE };
    const faulty = { ...kernel, service: new AccessTokenService({ ...parts, journal: dying }) };
    await expect(create(faulty, {}, by, 'noted')).rejects.toThrow('injected');
    const { accessToken, secret } = await create(kernel, {}, by, 'noted');
    expect(secret).toBeUndefined();
    await expect(faulty.service.revoke(by, accessToken.accessTokenId)).rejects.toThrow('injected');
    const admin: TokenMaker = { ...by, userId: 'usr_admin' as UserId, role: 'tenant_admin' };
    await service.revoke(admin, accessToken.accessTokenId);
    await service.revoke(by, accessToken.accessTokenId);
    const noted = [...acts.values()].filter(({ accessTokenId }) => accessTokenId === accessToken.accessTokenId);
    expect(noted.map(({ method, actor }) => [method, actor])).toEqual([
      ['AccessTokenService/CreateAccessToken', by.userId],
      ['AccessTokenService/RevokeAccessToken', 'usr_admin'],
    ]);
  });
});
