// The operators' commands about workspaces, as an operator runs them: the real program, a real kernel, tables, lines of JSON and
// exit codes.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { admitPeople, type Callers, callersOf } from '../contract/support/account.ts';
import { type KernelFixture, openKernel } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses } from '../contract/support/kernel-process.ts';
import { operatorProgramOf } from '../contract/support/operator-program.ts';

const WHO = ['--actor', 'usr_alice', '--reason', 'because'];

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterEach(cleanUpProcesses);
afterAll(() => kernel.close());

const { printed, refused } = operatorProgramOf(() => kernel, 'tenant');

async function rowsOf(...args: readonly string[]): Promise<Record<string, unknown>[]> {
  const lines = (await printed(...args, '--json')).trimEnd().split('\n');
  return lines.map((line): Record<string, unknown> => JSON.parse(line));
}

test('a workspace is created once, shown, listed, and gets its first admin', async () => {
  const create = ['create', 'agentruntime', '--name', 'Acme Works', ...WHO, '--request-id', 'cli-tenant-1'];
  const first = await printed(...create);
  expect(first).toMatch(/^Created the workspace ten_\S+ \(acme-works\)\.\n$/);
  const tenantId = /ten_[0-9a-f-]+/.exec(first)?.[0] ?? '';
  expect(await printed(...create)).toContain('nothing changed now');
  expect(await refused('create', 'agentruntime', '--name', 'Other', '--slug', 'acme-works', ...WHO)).toContain(
    'another workspace of this product has acme-works',
  );
  const member = [
    'put-member',
    tenantId,
    '--issuer',
    'https://issuer.example',
    '--subject',
    'alice',
    '--admin',
    ...WHO,
  ];
  expect(await printed(...member, '--email', 'Alice@Example.com')).toMatch(
    /usr_\S+ +alice@example.com +tenant_admin +yes/,
  );
  const [row] = await rowsOf('show', tenantId);
  expect(row).toMatchObject({
    display_name: 'Acme Works',
    slug: 'acme-works',
    status: 'active',
    product_code: 'agentruntime',
  });
  expect(row?.['owner_user_id']).toMatch(/^usr_/);
  const listed = await rowsOf('list', '--product', 'agentruntime', '--status', 'active');
  expect(listed.map(({ tenant_id: id }) => id)).toContain(tenantId);
  expect(await rowsOf('log', tenantId)).toMatchObject([
    { method: 'MemberService/PutMember', actor: 'usr_alice', changes: ['role: - → tenant_admin'] },
    { method: 'TenantService/CreateTenant', actor: 'usr_alice', changes: ['display_name: - → Acme Works'] },
  ]);
  expect(await printed('log', tenantId, '--limit', '1')).toMatch(/^CREATED +METHOD/);
  expect(await refused('log', tenantId, '--limit', '0')).toContain('give a number of rows from 1 on');
});

test('roles in projects are given by their ids', async () => {
  const tenantId = await callers.openTenant();
  const projectId = await admitPeople(callers, tenantId);
  const who = ['--issuer', 'https://issuer.example', '--subject', 'bob', ...WHO];
  const [row] = await rowsOf('put-member', tenantId, ...who, '--contributor', projectId);
  expect(row).toMatchObject({ role: [`contributor of ${projectId}`], owner: false });
  expect(await refused('put-member', tenantId, ...who, '--viewer', 'prj_nosuch')).toContain('no project prj_nosuch');
  for (const roles of [[], ['--admin', '--viewer', projectId]]) {
    expect(await refused('put-member', tenantId, ...who, ...roles)).toContain('Say what the person may do: --admin');
  }
});

test('a list is of one product and one status, and a log of one method', async () => {
  const here = await callers.openTenant();
  const there = await callers.openTenant(0n, 'otherproduct');
  await printed('suspend', there, ...WHO);
  const idsOf = async (...args: readonly string[]): Promise<unknown[]> =>
    (await rowsOf('list', ...args)).map(({ tenant_id: id }) => id);
  expect(await idsOf('--status', 'suspended')).toEqual([there]);
  expect(await idsOf('--product', 'agentruntime')).toEqual(expect.arrayContaining([here]));
  expect(await idsOf('--product', 'agentruntime')).not.toContain(there);
  expect(await printed('list', '--product', 'otherproduct', '--status', 'closed')).toBe('There are none.\n');
  expect(await refused('list', '--status', 'gone')).toContain('Allowed choices are active, suspended, closed');
  expect(await rowsOf('log', there, '--method', 'TenantService/SetTenantSuspension')).toMatchObject([
    { actor: 'usr_alice', changes: ['status: active → suspended'] },
  ]);
});

test('a workspace is suspended, goes on, and is closed for good', async () => {
  const tenantId = await callers.openTenant(1_000_000n);
  expect(await printed('suspend', tenantId, ...WHO)).toBe(`The workspace ${tenantId} is suspended.\n`);
  await expect(callers.debit(tenantId)).rejects.toThrow(/is suspended/);
  expect(await printed('resume', tenantId, ...WHO)).toBe(`The workspace ${tenantId} is active.\n`);
  await callers.debit(tenantId);
  expect(await printed('close', tenantId, ...WHO)).toBe(`The workspace ${tenantId} is closed.\n`);
  expect(await printed('close', tenantId, ...WHO)).toBe(`The workspace ${tenantId} is closed.\n`);
  expect(await refused('resume', tenantId, ...WHO)).toContain('was closed');
  await expect(callers.debit(tenantId)).rejects.toThrow(/was closed/);
});

test('no workspace is moved to another product, and it is said why', async () => {
  const tenantId = await callers.openTenant();
  const said = await refused('update', tenantId, '--product', 'otherproduct');
  expect(said).toContain('not even by an operator: products are fixed at workspace creation');
  expect(await rowsOf('show', tenantId)).toMatchObject([{ product_code: 'agentruntime' }]);
});

test('what is not there is refused by its id', async () => {
  expect(await refused('show', 'ten_nosuch')).toContain('there is no tenant ten_nosuch');
  expect(await refused('suspend', 'ten_nosuch', ...WHO)).toContain('there is no tenant ten_nosuch');
});
