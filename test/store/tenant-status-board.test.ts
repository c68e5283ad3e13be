// Which workspaces may not be charged, as one kernel learns it from what others have stored.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatusChange, StoredWorkspace, TenantStore, WorkspaceRecord } from '../../kernel/app/tenant/ports.ts';
import { TenantStatusBoard } from '../../kernel/app/tenant/tenant-status-board.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import type { WorkspaceStatus } from '../../kernel/domain/workspace.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openTenantStore } from '../../kernel/store/tenant/tenant-store.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { reasonOf } from '../support/ledger-fixture.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

const START = 1_790_000_000_000;
/** How many changes are read at once, as the board has it. */
const PAGE = 1_000;

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

async function make(): Promise<StoredWorkspace> {
  const tenantId = RANDOM_ID_SOURCE.tenantId();
  const stored: StoredWorkspace = {
    workspace: {
      ...{ tenantId, productCode: 'agentruntime' as ProductCode, planCode: 'pro' as PlanCode },
      ...{ displayName: 'Acme', status: 'active', createdAt: START, members: [], invitations: [], projects: [] },
    },
    ...{ revision: 1, unfinished: false, beginsByItself: false, fingerprint: '1:x' as Fingerprint },
    requestKey: `req:${tenantId}` as IdempotencyKey,
  };
  await store.insertTenant(stored);
  return stored;
}

/** Stores what another kernel has made of a workspace; answers it as it is then. */
async function setStatus(
  { workspace, revision, ...rest }: StoredWorkspace,
  status: WorkspaceStatus,
  at: number,
): Promise<StoredWorkspace> {
  const record: WorkspaceRecord = {
    ...{ recordId: RANDOM_ID_SOURCE.workspaceRecordId(), tenantId: workspace.tenantId, method: 'x', actor: 'y' },
    ...{ requestId: 'z', changes: [], createdAt: at, fingerprint: '1:x' as Fingerprint },
    requestKey: `act:${workspace.tenantId}:${revision}` as IdempotencyKey,
  };
  const changed = { ...workspace, status, statusChangedAt: at };
  expect(await store.saveWorkspace(changed, revision, record)).toBe('saved');
  return { ...rest, workspace: changed, revision: revision + 1 };
}

/** What the board says to a charge; empty where it may be. */
function refusalOf(board: TenantStatusBoard, tenantId: TenantId): string {
  try {
    board.assertChargeable(tenantId);
    return '';
  } catch (error) {
    return reasonOf(error);
  }
}

describe('the board', () => {
  test('bars what became suspended or closed, and lets go what went on', async () => {
    const board = new TenantStatusBoard(store);
    const [suspended, closed, active] = [await make(), await make(), await make()];
    const idOf = ({ workspace }: StoredWorkspace): TenantId => workspace.tenantId;
    await board.refresh();
    const barred = await setStatus(suspended, 'suspended', START + 1);
    await setStatus(closed, 'closed', START + 2);
    expect(refusalOf(board, idOf(suspended))).toBe('');
    await board.refresh();
    const all = (): string[] => [suspended, closed, active].map((stored) => refusalOf(board, idOf(stored)));
    expect(all()).toEqual(['TENANT_SUSPENDED', 'TENANT_CLOSED', '']);
    await setStatus(barred, 'active', START + 3);
    await board.refresh();
    expect(all()).toEqual(['', 'TENANT_CLOSED', '']);
  });

  test('learns of a change that was dated before one that it knows, and stored after', async () => {
    const board = new TenantStatusBoard(store);
    const [early, late] = [await make(), await make()];
    await setStatus(late, 'closed', START + 50_000);
    await board.refresh();
    await setStatus(early, 'closed', START + 1_000);
    await board.refresh();
    expect(refusalOf(board, early.workspace.tenantId)).toBe('TENANT_CLOSED');
  });

  test('goes through more changes than it reads at once, and then reads the newest alone', async () => {
    const changes: StatusChange[] = Array.from({ length: 2 * PAGE + 500 }, (_, index) => ({
      ...{ tenantId: `ten_${index}` as TenantId, status: 'closed' as const, changedAt: START + index * 1_000 },
    }));
    const reads: number[] = [];
    const board = new TenantStatusBoard({
      loadStatusChanges: (since, limit) => {
        reads.push(since);
        return Promise.resolve(changes.filter(({ changedAt }) => changedAt >= since).slice(0, limit));
      },
    });
    await board.refresh();
    expect(changes.filter(({ tenantId }) => refusalOf(board, tenantId) !== 'TENANT_CLOSED')).toEqual([]);
    expect(reads.length).toBeLessThanOrEqual(4);
    reads.length = 0;
    await board.refresh();
    expect(reads).toEqual([START + (2 * PAGE + 499) * 1_000 - 60_000]);
  });

  test('comes to an end where more than it reads at once changed in one instant', async () => {
    const changes = Array.from({ length: PAGE + 10 }, (_, index) => ({
      ...{ tenantId: `ten_${index}` as TenantId, status: 'closed' as const, changedAt: START },
    }));
    const board = new TenantStatusBoard({
      loadStatusChanges: (since, limit) =>
        Promise.resolve(changes.filter(({ changedAt }) => changedAt >= since).slice(0, limit)),
    });
    await board.refresh();
    expect(refusalOf(board, 'ten_0' as TenantId)).toBe('TENANT_CLOSED');
  });

  test('reads changes from the store soonest first, from the very instant on', async () => {
    const [one, two] = [await make(), await make()];
    const at = START + 10_000_000;
    await setStatus(two, 'closed', at + 5);
    await setStatus(one, 'suspended', at);
    const changes = await store.loadStatusChanges(at, 10);
    expect(changes).toEqual([
      { tenantId: one.workspace.tenantId, status: 'suspended', changedAt: at },
      { tenantId: two.workspace.tenantId, status: 'closed', changedAt: at + 5 },
    ]);
    expect(await store.loadStatusChanges(at + 1, 10)).toHaveLength(1);
    expect(await store.loadStatusChanges(at, 1)).toHaveLength(1);
  });
});

describe('the store', () => {
  test('saves a change over the revision that was seen, and over no other', async () => {
    const stored = await make();
    const seen = await setStatus(stored, 'suspended', START);
    const record = { ...(await store.loadWorkspace(stored.workspace.tenantId))?.lastRecord } as WorkspaceRecord;
    expect(await store.saveWorkspace(stored.workspace, stored.revision, record)).toBe('stale');
    expect(await store.loadWorkspace(stored.workspace.tenantId)).toMatchObject({
      revision: seen.revision,
      workspace: { status: 'suspended' },
    });
  });

  test('saves one of 20 changes that saw the same', async () => {
    const stored = await make();
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const { tenantId } = stored.workspace;
        const record: WorkspaceRecord = {
          ...{ recordId: `rec_${index}`, tenantId, method: 'x', actor: 'y', requestId: 'z', changes: [] },
          ...{ createdAt: START, fingerprint: '1:x' as Fingerprint, requestKey: `k:${index}` as IdempotencyKey },
        };
        return store.saveWorkspace({ ...stored.workspace, displayName: `${index}` }, stored.revision, record);
      }),
    );
    expect(outcomes.filter((outcome) => outcome === 'saved')).toHaveLength(1);
    expect(new Set(outcomes)).toEqual(new Set(['saved', 'stale']));
  });

  test('finds the unfinished of before a time, and none that is finished', async () => {
    const stored = await make();
    const unfinished: StoredWorkspace = {
      ...stored,
      workspace: { ...stored.workspace, tenantId: RANDOM_ID_SOURCE.tenantId(), createdAt: START - 10 },
      ...{ requestKey: 'req:unfinished' as IdempotencyKey, unfinished: true },
      operator: { actor: 'usr_operator', reason: 'test' },
    };
    await store.insertTenant(unfinished);
    expect(await store.loadUnfinished(START - 10, 5)).toEqual([]);
    expect(await store.loadUnfinished(START - 9, 5)).toEqual([unfinished]);
    await store.finishTenant(unfinished.workspace.tenantId);
    expect(await store.loadUnfinished(START + 1, 5)).toEqual([]);
    const { operator: _, ...rest } = unfinished;
    expect(await store.loadWorkspace(unfinished.workspace.tenantId)).toEqual({ ...rest, unfinished: false });
  });
});
