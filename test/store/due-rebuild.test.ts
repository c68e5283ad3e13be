import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DueRebuildProgress, rebuildDueNotes } from '../../kernel/app/ledger/due-rebuild.ts';
import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { STATE_VERSION } from '../../kernel/domain/commit.ts';
import type { PlanCode, TenantId } from '../../kernel/domain/id.ts';
import { listAccountIds } from '../../kernel/store/account-list.ts';
import { openLedgerStore } from '../../kernel/store/ledger/ledger-store.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import {
  CREDIT,
  caller,
  type FixtureKernel,
  type LedgerFixture,
  openLedgerFixture,
  PLAN,
} from '../support/ledger-fixture.ts';
import { REPOSITORY } from '../support/repository.ts';

const uri = freshDatabaseUri();
const DAY_MS = 86_400_000;
let fixture: LedgerFixture;
let kernel: FixtureKernel;

beforeAll(async () => {
  fixture = await openLedgerFixture({ uri });
  kernel = await fixture.addKernel();
});
afterAll(() => fixture.close());

const tenantsOf = () => fixture.connection.collection<{ tenant_id: string }>('tenants');
const headsOf = () => fixture.connection.collection<{ _id: string; seq: bigint }>('ledger_heads');
const listNotes = async (): Promise<readonly string[]> => {
  const notes = await fixture.connection.collection<{ _id: string }>('ledger_due').find().toArray();
  return notes.map(({ _id }) => _id).toSorted();
};
const listAll = async (): Promise<readonly (readonly TenantId[])[]> => {
  const pages: (readonly TenantId[])[] = [];
  for await (const page of listAccountIds(fixture.connection)) pages.push(page);
  return pages;
};
const rebuild = async (onReport: (progress: DueRebuildProgress) => void = () => {}): Promise<DueRebuildProgress> =>
  rebuildDueNotes(await openLedgerStore(fixture.connection), listAccountIds(fixture.connection), onReport);

/** An account with three times ahead: a grant that expires, and a later one that begins and expires. */
async function openWithGrants(): Promise<{ readonly tenant: TenantRef; readonly ids: readonly string[] }> {
  const tenant = await fixture.openTenant(CREDIT);
  const now = Date.now();
  const [expiresAt, startsAt, endsAt] = [now + DAY_MS, now + 2 * DAY_MS, now + 3 * DAY_MS];
  const input = { bucket: 'trial', amount: CREDIT, actor: 'usr_test', reason: 'later' } as const;
  await kernel.ledger.grant(tenant, { ...input, expiresAt }, caller());
  await kernel.ledger.grant(tenant, { ...input, effectiveAt: startsAt, expiresAt: endsAt }, caller());
  return { tenant, ids: [expiresAt, startsAt, endsAt].map((dueAt) => `${tenant.tenantId}/${dueAt}`) };
}

describe('accounts', () => {
  it('are listed once each, in order, whichever collection knows them', async () => {
    const ids = Array.from({ length: 1_700 }, (_, index) => `ten_list_${String(index).padStart(4, '0')}`);
    // Runs of different lengths: a page of the one ends far before a page of the other.
    await tenantsOf().insertMany(
      ids.flatMap((id, index) => (index < 1_200 || index % 2 === 0 ? [{ tenant_id: id }] : [])),
    );
    await headsOf().insertMany(
      ids.flatMap((id, index) => (index > 900 || index % 7 === 0 ? [{ _id: id, seq: 1n }] : [])),
    );
    expect((await listAll()).flat()).toEqual(ids);
    await tenantsOf().deleteMany({});
    await headsOf().deleteMany({});
    expect(await listAll()).toEqual([]);
  });
});

describe('the notes of due times', () => {
  it('are rebuilt from the accounts alone, as often as one likes', async () => {
    const [first, second] = [await openWithGrants(), await openWithGrants()];
    const without = await fixture.openTenant(CREDIT);
    await tenantsOf().insertMany([first.tenant, without].map(({ tenantId }) => ({ tenant_id: tenantId })));
    await tenantsOf().insertOne({ tenant_id: 'ten_never_opened' });
    await headsOf().insertOne({ _id: second.tenant.tenantId, seq: 1n });
    const before = await listNotes();
    expect(before).toEqual([...first.ids, ...second.ids].toSorted());
    await fixture.connection.collection('ledger_due').deleteMany({});
    const reports: DueRebuildProgress[] = [];
    for (let round = 0; round < 2; round += 1) {
      expect(await rebuild((report) => reports.push(report))).toEqual({ accounts: 4, notes: 6, failed: [] });
      expect(await listNotes()).toEqual(before);
    }
    expect(reports).toHaveLength(2);
  });

  it('are rebuilt with the time at which people are told that a trial ends', async () => {
    const tenant = await fixture.openTenant();
    const endsAt = kernel.clock.now() + 14 * DAY_MS;
    const given = { planCode: PLAN, granted: 0n, revokesUnused: true, endBehaviour: 'fallback' } as const;
    const terms = { ...given, fallbackPlanCode: 'free' as PlanCode, endsAt };
    const input = { question: { actor: 'usr_test', reason: 'a pilot' }, terms, onlyFromFallback: false };
    await kernel.ledger.startTrial(tenant, input, caller());
    await tenantsOf().insertOne({ tenant_id: tenant.tenantId });
    const ids = [endsAt - 3 * DAY_MS, endsAt].map((dueAt) => `${tenant.tenantId}/${dueAt}`);
    expect(await listNotes()).toEqual(expect.arrayContaining(ids));
    await fixture.connection.collection('ledger_due').deleteMany({});
    await rebuild();
    expect(await listNotes()).toEqual(expect.arrayContaining(ids));
    await tenantsOf().deleteOne({ tenant_id: tenant.tenantId });
  });

  it('are rebuilt for the others where one account can not be read', async () => {
    const [broken, whole] = [await openWithGrants(), await openWithGrants()];
    for (const { tenant } of [broken, whole]) await tenantsOf().insertOne({ tenant_id: tenant.tenantId });
    const commits = fixture.connection.collection('ledger_commits');
    await commits.updateMany({ tenant_id: broken.tenant.tenantId }, { $set: { state_version: 99 } });
    await fixture.connection.collection('ledger_due').deleteMany({});
    const { failed } = await rebuild();
    expect(failed).toEqual([
      { tenantId: broken.tenant.tenantId, error: expect.objectContaining({ reason: 'STATE_VERSION_UNSUPPORTED' }) },
    ]);
    expect(await listNotes()).toEqual(expect.arrayContaining([...whole.ids]));
    await commits.updateMany({ tenant_id: broken.tenant.tenantId }, { $set: { state_version: STATE_VERSION } });
  });

  it('are rebuilt by the command, which says what it did', async () => {
    const { tenant, ids } = await openWithGrants();
    await tenantsOf().insertOne({ tenant_id: tenant.tenantId });
    await fixture.connection.collection('ledger_due').deleteMany({});
    const { stdout, stderr } = await promisify(execFile)(process.execPath, ['kernel/cli/main.ts', 'rebuild-due'], {
      cwd: REPOSITORY,
      env: { ...process.env, MONGODB_URI: uri },
    });
    expect(stderr).toMatch(/\d+ accounts read, \d+ due times noted/);
    expect(stdout).toMatch(/^Noted \d+ due times of \d+ accounts\./);
    expect(await listNotes()).toEqual(expect.arrayContaining([...ids]));
  });
});
