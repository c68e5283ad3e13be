// Tenants in MongoDB, and the directory that keeps them at hand.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StoredWorkspace, TenantStore } from '../../kernel/app/tenant/ports.ts';
import { TenantDirectory } from '../../kernel/app/tenant/tenant-directory.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openTenantStore } from '../../kernel/store/tenant/tenant-store.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { reasonOf } from '../support/ledger-fixture.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

let connection: Connection;
let store: TenantStore;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  store = await openTenantStore(connection);
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

function draft(requestKey: string, productCode = 'agentruntime'): StoredWorkspace {
  const tenantId = RANDOM_ID_SOURCE.tenantId();
  return {
    workspace: {
      tenantId,
      productCode: productCode as ProductCode,
      displayName: 'Acme',
      planCode: 'pro' as PlanCode,
      status: 'active',
      createdAt: 1_790_000_000_123,
      members: [],
      invitations: [],
      projects: [],
    },
    revision: 1,
    unfinished: false,
    beginsByItself: false,
    requestKey: requestKey as IdempotencyKey,
    fingerprint: '1:x' as Fingerprint,
  };
}

describe('the store', () => {
  test('reads back what it stored', async () => {
    const record = draft('req:one');
    expect(await store.insertTenant(record)).toBe(true);
    expect(await store.loadWorkspace(record.workspace.tenantId)).toEqual(record);
    expect(await store.loadTenantByRequestKey(record.requestKey)).toEqual(record);
    expect(await store.loadWorkspace('ten_missing' as TenantId)).toBeUndefined();
  });

  test('takes one tenant for one request key, whoever comes first', async () => {
    const results = await Promise.all(Array.from({ length: 10 }, () => store.insertTenant(draft('req:two'))));
    expect(results.filter(Boolean)).toHaveLength(1);
  });

  test('takes an operator in an id for nothing', async () => {
    const injected = { $ne: null } as unknown as TenantId;
    expect(await store.loadWorkspace(injected)).toBeUndefined();
    await expect(store.loadTenantProducts([injected])).rejects.toThrow();
  });

  test('says that the database is not available, and that an outcome is not known', async () => {
    const closing = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
    const there = await openTenantStore(closing);
    await closing.close();
    expect(reasonOf(await there.loadWorkspace('ten_x' as TenantId).catch((error: unknown) => error))).toBe(
      'DATABASE_UNAVAILABLE',
    );
    expect(reasonOf(await there.insertTenant(draft('req:x')).catch((error: unknown) => error))).toBe('OUTCOME_UNKNOWN');
  });
});

describe('the directory', () => {
  /** Counts the reads that reach the database. */
  function counted(): { readonly reads: TenantId[][]; readonly store: Pick<TenantStore, 'loadTenantProducts'> } {
    const reads: TenantId[][] = [];
    return {
      reads,
      store: {
        loadTenantProducts: (tenantIds) => {
          reads.push([...tenantIds]);
          return store.loadTenantProducts(tenantIds);
        },
      },
    };
  }

  async function stored(key: string): Promise<TenantId> {
    const record = draft(key);
    await store.insertTenant(record);
    return record.workspace.tenantId;
  }

  test('reads a tenant once, however many ask at once', async () => {
    const tenantId = await stored('req:dir:1');
    const { reads, store: spy } = counted();
    const directory = new TenantDirectory(spy);
    await Promise.all(Array.from({ length: 20 }, () => directory.requireTenant(tenantId, { kind: 'all' })));
    await directory.requireTenant(tenantId, { kind: 'all' });
    expect(reads).toEqual([[tenantId]]);
  });

  test('asks again for what was not found, and finds it once it is there', async () => {
    const { reads, store: spy } = counted();
    const directory = new TenantDirectory(spy);
    const record = draft('req:dir:2');
    expect(await directory.findTenant(record.workspace.tenantId)).toBeUndefined();
    await store.insertTenant(record);
    expect(await directory.findTenant(record.workspace.tenantId)).toMatchObject({ productCode: 'agentruntime' });
    expect(reads).toHaveLength(2);
  });

  test('finds many with one read of those that it does not know', async () => {
    const known = await stored('req:dir:3');
    const fresh = await stored('req:dir:4');
    const missing = 'ten_missing' as TenantId;
    const { reads, store: spy } = counted();
    const directory = new TenantDirectory(spy);
    await directory.findTenant(known);
    const found = await directory.findTenants(new Set([known, fresh, missing]));
    expect([...found.keys()].sort()).toEqual([known, fresh].sort());
    expect(reads).toEqual([[known], [fresh, missing]]);
  });

  test('forgets the longest unused', async () => {
    const [first, second, third] = [await stored('req:dir:5'), await stored('req:dir:6'), await stored('req:dir:7')];
    const { reads, store: spy } = counted();
    const directory = new TenantDirectory(spy, 2);
    for (const tenantId of [first, second, first, third, first]) await directory.findTenant(tenantId);
    expect(reads).toEqual([[first], [second], [third]]);
    await directory.findTenant(second);
    expect(reads).toHaveLength(4);
  });

  test('does not even ask the database for a workspace that is not the caller’s', async () => {
    const tenantId = await stored('req:dir:8');
    const { reads, store: spy } = counted();
    const directory = new TenantDirectory(spy);
    const productCode = 'agentruntime' as ProductCode;
    const elsewhere = { kind: 'workspace', productCode, tenantId: 'ten_other' as TenantId } as const;
    for (const visibility of [elsewhere, { kind: 'workspace', productCode } as const]) {
      const refused = directory.requireTenant(tenantId, visibility).catch((error: unknown) => error);
      expect(reasonOf(await refused)).toBe('TENANT_NOT_FOUND');
    }
    expect(reads).toEqual([]);
    const own = { kind: 'workspace', productCode, tenantId } as const;
    expect(await directory.requireTenant(tenantId, own)).toEqual({ tenantId, productCode });
    const other = { ...own, productCode: 'otherproduct' as ProductCode };
    expect(reasonOf(await directory.requireTenant(tenantId, other).catch((error: unknown) => error))).toBe(
      'TENANT_NOT_FOUND',
    );
  });
});
