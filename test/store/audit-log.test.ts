// The audit log in MongoDB: what its indexes refuse, and that what is recorded is done once, in its order, by whoever comes.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditRecord, AuditStore, ChangeRecord } from '../../kernel/app/operator/ports.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode } from '../../kernel/domain/id.ts';
import { computeDefaultPolicy } from '../../kernel/domain/plan-policy.ts';
import { openCatalogStore } from '../../kernel/store/catalog/catalog-store.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openAuditLogStore } from '../../kernel/store/operator/audit-store.ts';
import { startChangeWorker } from '../../kernel/worker/change-worker.ts';
import { freshDatabaseUri } from '../support/engine.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

let connection: Connection;
let store: AuditStore;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  await openCatalogStore(connection);
  store = await openAuditLogStore(connection);
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

const NOW = Date.parse('2026-01-01T00:00:00Z');
const PRODUCT = 'audited' as ProductCode;
const BASE = computeDefaultPolicy('pro' as PlanCode);

let count = 0;

function newRecord(fields: Partial<AuditRecord> = {}): AuditRecord {
  count += 1;
  return {
    recordId: `aud_${String(count).padStart(6, '0')}`,
    recordKey: `req:sysadmin/x:test:${count}`,
    method: 'Test/Write',
    credential: 'sysadmin/x',
    actor: 'usr_x',
    requestId: `${count}`,
    requestKey: `req:sysadmin/x:test:${count}` as IdempotencyKey,
    fingerprint: `${count}` as Fingerprint,
    changes: [{ field: 'rank', before: '1', after: '2' }],
    evidence: 'record',
    createdAt: NOW + count,
    ...fields,
  };
}

function policyChange(planCode: string, revision: number, rank: number): ChangeRecord {
  return {
    audit: newRecord(),
    target: { kind: 'policy', productCode: PRODUCT, planCode: planCode as PlanCode },
    revision,
    effect: { kind: 'policy', change: { rank }, pinnedFields: new Set(['rank']), base: BASE },
  };
}

const stored = (planCode: string) =>
  connection.collection('plan_policies').findOne({ product_code: PRODUCT, plan_code: planCode });

describe('records', () => {
  test('are one for each key, and one for each number of a target', async () => {
    const change = policyChange('unique', 1, 5);
    expect(await store.insertChange(change)).toBe(true);
    expect(await store.insertChange(change)).toBe(false);
    expect(await store.insertChange({ ...policyChange('unique', 1, 6) })).toBe(false);
    expect(
      await store.insertChange({ ...change, audit: newRecord({ recordKey: change.audit.recordKey }), revision: 2 }),
    ).toBe(false);
    expect(await store.loadRecordByKey(change.audit.recordKey)).toEqual(change.audit);
    expect(await store.loadRecordByKey('none')).toBeUndefined();
  });

  test('of writes elsewhere are stored together, and again do nothing', async () => {
    const notes = [newRecord({ evidence: 'ledger_entry' }), newRecord({ evidence: 'tenant' })];
    await store.insertNotes(notes);
    const third = newRecord({ evidence: 'action_price', reason: 'why', productCode: PRODUCT });
    await store.insertNotes([...notes.map((note) => ({ ...note, recordId: `${note.recordId}-again` })), third]);
    expect(await store.loadRecords({}, 3)).toEqual([third, notes[1], notes[0]]);
  });

  test('can have one number at no target', async () => {
    await store.insertNotes([newRecord(), newRecord(), newRecord()]);
    const first = await store.loadRecords({ actor: 'usr_x' }, 2);
    const last = first.at(-1);
    if (last === undefined) throw new Error('there are no records');
    const rest = await store.loadRecords({ actor: 'usr_x' }, 100, last);
    expect(rest.length).toBe((await store.loadRecords({ actor: 'usr_x' }, 100)).length - 2);
  });
});

describe('a recorded change', () => {
  test('makes the document where there is none, whole', async () => {
    const change = policyChange('made', 1, 7);
    await store.insertChange(change);
    expect(await stored('made')).toBeNull();
    expect(await store.settleTarget(change.target)).toBe(1);
    const catalog = await openCatalogStore(connection);
    expect(await catalog.loadPolicy(PRODUCT, 'made' as PlanCode)).toEqual({
      ...{ productCode: PRODUCT, planCode: 'made', revision: 1, pinnedFields: new Set(['rank']) },
      policy: { ...BASE, rank: 7 },
    });
  });

  test('is done once: not again over what came after it', async () => {
    const first = policyChange('once', 1, 1);
    await store.insertChange(first);
    await store.settleTarget(first.target);
    await store.insertChange(policyChange('once', 2, 2));
    expect(await store.settleTarget(first.target)).toBe(2);
    // A sync writes beside it, and stays.
    await connection
      .collection('plan_policies')
      .updateOne({ product_code: PRODUCT, plan_code: 'once' }, { $set: { trial_days: 99 } });
    for (let round = 0; round < 3; round += 1) expect(await store.settleTarget(first.target)).toBe(2);
    expect(await stored('once')).toMatchObject({ rank: 2, trial_days: 99, revision: 2 });
  });

  test('is done by many at once as by one', async () => {
    const change = policyChange('many', 1, 3);
    await store.insertChange(change);
    await Promise.all(Array.from({ length: 8 }, () => store.settleTarget(change.target)));
    expect(
      await connection.collection('plan_policies').countDocuments({ product_code: PRODUCT, plan_code: 'many' }),
    ).toBe(1);
  });

  test('keeps the kinds of its values', async () => {
    const target = { kind: 'plan', productCode: PRODUCT, planCode: 'typed' as PlanCode } as const;
    const price = { minorUnits: 12n, currency: 'usd' };
    const fields = { productName: 'x', price, archived: false };
    const effect = { kind: 'plan', fields, planRevision: 1 } as const;
    await store.insertChange({ audit: newRecord(), target, revision: 1, effect });
    await store.settleTarget(target);
    const raw = await connection
      .collection('plans')
      .findOne({ product_code: PRODUCT }, { useBigInt64: false, promoteValues: false });
    expect(raw?.['amount']).toMatchObject({ _bsontype: 'Long' });
    expect(raw).toMatchObject({ created_at: expect.any(Date), stripe_price_id: null });
  });

  test('that a crash has left is done by the worker of any kernel', async () => {
    const change = policyChange('left', 1, 9);
    await store.insertChange(change);
    const failures: unknown[] = [];
    const worker = startChangeWorker({
      store,
      clock: { estimate: () => NOW + 1_000_000 },
      observer: { backgroundFailed: (_, error) => failures.push(error) },
    });
    await expect.poll(() => stored('left')).toMatchObject({ rank: 9 });
    await worker.stop();
    expect(failures).toEqual([]);
    expect(await store.settleSince(NOW + 1_000_000)).toBe(0);
  });

  test('of a target that never changed is none', async () => {
    expect(await store.settleTarget({ kind: 'switch', name: 'TRIALS_ENABLED' })).toBe(0);
  });
});

test('an index that can’t be is told in one sentence', async () => {
  const broken = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  await broken.collection('audit_log').insertMany([{ record_key: 'twice' }, { record_key: 'twice' }]);
  await expect(openAuditLogStore(broken)).rejects.toThrow(/record_key.* of collection audit_log/);
  await broken.dropDatabase();
  await broken.close();
});
