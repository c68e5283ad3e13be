// `wheelhouse migrate stamp-product` as an operator runs it: the real program over a database with a kernel that goes on working.
// Legacy rows are rows of today without a product, and without what workspaces have had only since.

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { GetBalanceRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { type Callers, CREDIT, callersOf } from '../contract/support/account.ts';
import { failureOf } from '../contract/support/failure.ts';
import { type KernelFixture, openKernel } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses, type Ending, type KernelProcess, runKernel } from '../contract/support/kernel-process.ts';
import { writeTemporaryTree } from '../support/temporary-tree.ts';

const FIXED = 'Products are fixed at workspace creation';

let kernel: KernelFixture;
let callers: Callers;
/** A kernel that has never seen the tenants of a test: what one has seen once it keeps. */
let reader: KernelFixture;
let fresh: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  reader = await openKernel({ mongodbUri: kernel.mongodbUri });
  fresh = callersOf(reader);
});
afterEach(cleanUpProcesses);
afterAll(async () => {
  await reader.close();
  await kernel.close();
});

function begin(...args: readonly string[]): KernelProcess {
  const environment = {
    MONGODB_URI: kernel.mongodbUri,
    KERNEL_ADDRESS: kernel.address,
    KERNEL_TOKEN: kernel.tokens.sysadmin,
  };
  return runKernel(environment, 'kernel/cli/main.ts', ...args);
}

const run = (...args: readonly string[]): Promise<Ending> => begin(...args).ended;

const stamp = (...args: readonly string[]): Promise<Ending> =>
  run('migrate', 'stamp-product', '--product', 'agentruntime', ...args);

const rows = (collection: string) => kernel.connection.collection(collection);

/** What a tenant of an earlier release has not. */
const LATER_FIELDS = new Set([
  ...['product_code', 'slug', 'owner_user_id', 'members', 'invitations', 'projects', 'revision', 'last_record'],
]);

/** Makes rows anew as they were before there were products; an update would not do on an engine that keeps old unique keys. */
async function makeLegacy(collection: string, filter: Readonly<Record<string, unknown>>): Promise<void> {
  const found = await rows(collection).find(filter).toArray();
  await rows(collection).deleteMany(filter);
  const legacy = found.map((row) => Object.entries(row).filter(([field]) => !LATER_FIELDS.has(field)));
  await rows(collection).insertMany(legacy.map((fields) => Object.fromEntries(fields)));
}

const balanceOf = (from: Callers, tenantId: string) =>
  from.internal.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }));

async function openLegacyTenant(): Promise<string> {
  const tenantId = await callers.openTenant(10n * CREDIT);
  await callers.debit(tenantId);
  await makeLegacy('tenants', { tenant_id: tenantId });
  return tenantId;
}

describe('stamping a product', () => {
  test('gives it to what has none, and changes no plan code, no balance and no history', async () => {
    const tenantIds = [await openLegacyTenant(), await openLegacyTenant(), await openLegacyTenant()];
    const other = await callers.openTenant(CREDIT, 'otherproduct');
    await makeLegacy('plans', { product_code: 'agentruntime' });
    await makeLegacy('plan_policies', { product_code: 'agentruntime' });
    await rows('signups').insertMany([{ signup_id: 'sgn_1', status: 'pending' }, { signup_id: 'sgn_2' }]);
    const [plans, policies] = [await rows('plans').find().toArray(), await rows('plan_policies').find().toArray()];
    const heads = join(await writeTemporaryTree({}), 'heads.ndjson');
    expect(await run('export', '--heads', '--out', heads)).toMatchObject({ code: 0 });
    expect(await run('verify')).toMatchObject({ code: 0 });
    const before = await Promise.all(tenantIds.map((tenantId) => balanceOf(callers, tenantId)));
    expect(await failureOf(balanceOf(fresh, tenantIds[0] ?? ''))).toMatchObject({ reason: 'TENANT_NOT_FOUND' });

    const dry = await stamp('--dry-run');
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout).toMatch(/tenants +3 to stamp, 0 had agentruntime before, 1 of other products/);
    expect(await rows('tenants').countDocuments({ product_code: 'agentruntime' })).toBe(0);

    const done = await stamp();
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toMatch(/plans +\d+ stamped/);
    expect(done.stdout).toMatch(/plan_policies +\d+ stamped/);
    expect(done.stdout).toMatch(/tenants +3 stamped, 0 had agentruntime before, 1 of other products/);
    expect(done.stdout).toMatch(/signups +2 stamped/);
    const stamped = (documents: readonly object[]) =>
      documents.map((document) => ({ product_code: 'agentruntime', ...document }));
    expect(await rows('plans').find().toArray()).toEqual(stamped(plans));
    expect(await rows('plan_policies').find().toArray()).toEqual(stamped(policies));
    expect(await rows('tenants').findOne({ tenant_id: other })).toMatchObject({ product_code: 'otherproduct' });
    const after = await Promise.all(tenantIds.map((tenantId) => balanceOf(fresh, tenantId)));
    const figuresOf = ({ balance, planCode, commitSeq }: (typeof after)[number]) => ({ balance, planCode, commitSeq });
    expect(after.map(figuresOf)).toEqual(before.map(figuresOf));
    expect(await run('verify')).toMatchObject({ code: 0 });
    expect(await run('verify', '--against', heads)).toMatchObject({ code: 0 });

    const again = await stamp();
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toMatch(/tenants +0 stamped, 3 had agentruntime before, 1 of other products/);
  });

  test('is safe twice at once, and while workspaces are made and used', async () => {
    const tenantIds = await Promise.all(Array.from({ length: 5 }, openLegacyTenant));
    const [used, ...runs] = await Promise.all([callers.openTenant(CREDIT), stamp(), stamp()]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0]);
    await callers.debit(used);
    const found = await rows('tenants')
      .find({ tenant_id: { $in: [...tenantIds, used] } })
      .toArray();
    expect(new Set(found.map((row) => row['product_code'] as unknown))).toEqual(new Set(['agentruntime']));
  });

  test('reports a row whose key the product has already, and goes on with the others', async () => {
    const tenantId = await openLegacyTenant();
    const pro = await rows('plans').findOne(
      { product_code: 'agentruntime', plan_code: 'pro' },
      { projection: { _id: 0, product_code: 0 } },
    );
    const old = { ...pro, plan_code: 'twice', stripe_price_id: null, archived: true };
    await rows('plans').insertMany([{ ...old, product_code: 'agentruntime' }, { ...old }]);
    const dry = await stamp('--dry-run');
    expect(dry.code).toBe(1);
    expect(dry.stdout).toContain(
      'left  plans twice as it is: agentruntime has a row of plans with the same key already',
    );
    const { code, stdout } = await stamp();
    expect(code).toBe(1);
    expect(stdout).toContain('left  plans twice as it is: agentruntime has a row of plans with the same key already');
    expect(stdout).toContain('1 rows have no product still');
    expect(await rows('tenants').findOne({ tenant_id: tenantId })).toMatchObject({ product_code: 'agentruntime' });
    await rows('plans').deleteMany({ plan_code: 'twice' });
  });

  test('leaves a tenant whose account was opened for another product', async () => {
    const tenantId = await callers.openTenant(CREDIT, 'otherproduct');
    await makeLegacy('tenants', { tenant_id: tenantId });
    const { code, stdout } = await stamp();
    expect(code).toBe(1);
    expect(stdout).toContain(`left  tenants ${tenantId} as it is: its account was opened for otherproduct. ${FIXED}`);
    expect(await rows('tenants').findOne({ tenant_id: tenantId })).not.toHaveProperty('product_code');
    await run('migrate', 'stamp-product', '--product', 'otherproduct');
    expect(await rows('tenants').findOne({ tenant_id: tenantId })).toMatchObject({ product_code: 'otherproduct' });
  });

  test('of one tenant stamps that alone, and moves none of another product', async () => {
    const [tenantId, second] = [await openLegacyTenant(), await openLegacyTenant()];
    expect(await stamp('--tenant', tenantId)).toMatchObject({ code: 0 });
    expect(await rows('tenants').findOne({ tenant_id: second })).not.toHaveProperty('product_code');
    const other = await callers.openTenant(CREDIT, 'otherproduct');
    const refused = await stamp('--tenant', other);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`${other} belongs to otherproduct, not agentruntime. ${FIXED}`);
    expect(await rows('tenants').findOne({ tenant_id: other })).toMatchObject({ product_code: 'otherproduct' });
    expect((await stamp('--tenant', 'ten_x')).stderr).toContain('There is no tenant ten_x');
    expect(await stamp()).toMatchObject({ code: 0 });
  });

  test('refuses a product that is not registered, and writes nothing', async () => {
    const tenantId = await openLegacyTenant();
    const { code, stderr } = await run('migrate', 'stamp-product', '--product', 'agentruntme');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('No product agentruntme is registered'),
    });
    expect(await rows('tenants').findOne({ tenant_id: tenantId })).not.toHaveProperty('product_code');
  });

  test('that is killed amid its work goes on where it is started again', async () => {
    const ids = Array.from({ length: 700 }, (_, n) => `sgn_killed_${n}`);
    await rows('signups').insertMany(ids.map((signup_id) => ({ signup_id })));
    const unstamped = () => rows('signups').countDocuments({ product_code: null });
    const doomed = begin('migrate', 'stamp-product', '--product', 'agentruntime');
    await expect.poll(unstamped, { interval: 10 }).toBeLessThan(ids.length);
    doomed.child.kill('SIGKILL');
    await doomed.ended;
    const left = await unstamped();
    expect(left).toBeGreaterThan(0);
    const { code, stdout } = await stamp();
    expect(code).toBe(0);
    const stamped = Number(/signups +(\d+) stamped/.exec(stdout)?.[1]);
    // The database may have gone on for a while with what the killed one had sent.
    expect(stamped).toBeGreaterThan(0);
    expect(stamped).toBeLessThanOrEqual(left);
    expect(await unstamped()).toBe(0);
  });

  test('goes on over many rows, page by page', async () => {
    await rows('signups').insertMany(Array.from({ length: 503 }, (_, n) => ({ signup_id: `sgn_many_${n}` })));
    const { stdout } = await stamp();
    expect(stdout).toMatch(/signups +503 stamped/);
    expect(await rows('signups').countDocuments({ product_code: null })).toBe(0);
  });
});
