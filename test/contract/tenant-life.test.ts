// TenantService after a workspace was made: its name, slug and owner, suspension, closing, its log, and who sees what.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HoldServiceService, ReserveRequest } from '../../gen/wheelhouse/ledger/v1/hold_service.ts';
import {
  BatchDebitRequest,
  CheckFundsRequest,
  GetBalanceRequest,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { UsageServiceService } from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { AuditOutcome } from '../../gen/wheelhouse/operator/v1/audit_record.ts';
import { TrialServiceService } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { TenantStatus } from '../../gen/wheelhouse/tenant/v1/tenant.ts';
import { ListTenantsRequest, TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { ACTION, type Callers, CREDIT, callersOf, debitRequest } from './support/account.ts';
import { type Failure, failureOf, settle } from './support/failure.ts';
import { holdCallsOf } from './support/hold.ts';
import { composeKernel, type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf, TEST_ADDRESS } from './support/operator.ts';
import {
  callsOf,
  joinAs,
  openOnPlan,
  openWorkspace,
  type PeopleCalls,
  stranger,
  type TestWorkspace,
  workspaceOperatorOf,
} from './support/people.ts';

let kernel: KernelFixture;
let callers: Callers;
/** Another kernel over the same database. */
let second: KernelFixture;
let there: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  second = await openKernel({ mongodbUri: kernel.mongodbUri });
  there = callersOf(second);
});
afterAll(async () => {
  await second.close();
  await kernel.close();
});

const operator = () => workspaceOperatorOf(callers);
const uniqueSlug = (beginning: string) =>
  `${beginning}-${newRequestId()
    .slice(5)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '0')}`;

describe('a slug', () => {
  test('is made of the name, and of another name where it is taken', async () => {
    const displayName = uniqueSlug('Größe & Co');
    const [one, two] = [await openWorkspace(callers, { displayName }), await openWorkspace(callers, { displayName })];
    expect(one.tenant.slug).toMatch(/^gro-e-co-/);
    expect(two.tenant.slug.startsWith(`${one.tenant.slug}-`)).toBe(true);
    const elsewhere = await openWorkspace(callers, { displayName }, stranger('x', { productCode: 'otherproduct' }));
    expect(elsewhere.tenant.slug).toBe(one.tenant.slug);
  });

  test('that is asked for is had or refused, and is taken also by a workspace that was closed', async () => {
    const slug = uniqueSlug('acme');
    const { calls } = await openWorkspace(callers, { slug });
    await calls.closeTenant();
    const taken = await failureOf(openWorkspace(callers, { slug }));
    expect(taken).toMatchObject({ reason: 'SLUG_TAKEN', code: status.ALREADY_EXISTS, metadata: { slug } });
    const other = await openWorkspace(callers, { slug }, stranger('x', { productCode: 'otherproduct' }));
    expect(other.tenant.slug).toBe(slug);
  });

  test.each(['ab', 'Abc', '-abc', 'abc-', 'a_b', 'x'.repeat(49)])('can’t be %s', async (slug) => {
    expect(Object.keys((await failureOf(openWorkspace(callers, { slug }))).violations)).toEqual(['slug']);
    const { calls } = await openWorkspace(callers);
    expect(Object.keys((await failureOf(calls.updateTenant({ slug }))).violations)).toEqual(['slug']);
  });

  test('goes to one of 20 requests with one id on two kernels, and to no other workspace', async () => {
    for (let round = 0; round < 5; round += 1) {
      const request = { requestId: newRequestId(), slug: uniqueSlug('race') };
      const owner = stranger('owner');
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          callsOf(index % 2 === 0 ? callers : there, owner).createTenant(request),
        ),
      );
      expect(new Set(answers.map(({ tenant }) => tenant?.tenantId)).size).toBe(1);
      expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
      expect((await failureOf(openWorkspace(callers, { slug: request.slug }))).reason).toBe('SLUG_TAKEN');
      expect(
        await kernel.connection
          .collection('tenants')
          .countDocuments({ product_code: 'agentruntime', slug: request.slug }),
      ).toBe(1);
    }
  });

  test('goes to one of 20 workspaces that want it at once, whether they are new or are renamed', async () => {
    const slug = uniqueSlug('wanted');
    const workspaces: TestWorkspace[] = [];
    for (let index = 0; index < 10; index += 1) workspaces.push(await openWorkspace(callers));
    const renames = workspaces.map(({ admin }, index) =>
      callsOf(index % 2 === 0 ? callers : there, admin).updateTenant({ slug }),
    );
    const makes = Array.from({ length: 10 }, (_, index) =>
      callsOf(index % 2 === 0 ? callers : there, stranger()).createTenant({ slug }),
    );
    const { answers, failures } = await settle<{ readonly tenant?: { readonly slug: string } | undefined }>([
      ...renames,
      ...makes,
    ]);
    expect(answers).toMatchObject([{ tenant: { slug } }]);
    expect(new Set(failures.map(({ reason }) => reason))).toEqual(new Set(['SLUG_TAKEN']));
    expect(await kernel.connection.collection('tenants').countDocuments({ product_code: 'agentruntime', slug })).toBe(
      1,
    );
  });
});

describe('CreateTenant', () => {
  test('makes whoever asks the owner and first admin, and is in the log of the workspace', async () => {
    const { tenantId, adminId } = await openWorkspace(callers, {}, stranger('ann', { remoteAddress: '192.0.2.7' }));
    expect(await operator().members(tenantId)).toMatchObject([{ userId: adminId, tenantAdmin: true, owner: true }]);
    expect(await operator().records(tenantId)).toMatchObject([
      { method: 'TenantService/CreateTenant', actor: adminId, remoteAddress: '192.0.2.7', accessTokenId: '' },
    ]);
  });

  test('finishes what a crash left before its trial began, as often as it is asked', async () => {
    let crashes = 2;
    const faulty = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      start: (real) => ({
        begin: (tenant, owner) => {
          crashes -= 1;
          return crashes >= 0 ? Promise.reject(new Error('injected: the kernel died here')) : real.begin(tenant, owner);
        },
      }),
    });
    const owner = stranger('owner');
    const calls = callsOf(callersOf(faulty), owner);
    const request = { requestId: newRequestId() };
    for (let time = 0; time < 2; time += 1)
      expect((await failureOf(calls.createTenant(request))).reason).toBe('INTERNAL');
    const { tenant, replayed } = await calls.createTenant(request);
    expect(replayed).toBe(true);
    const tenantId = tenant?.tenantId ?? '';
    const { getTrial } = TrialServiceService;
    expect((await callers.internal.call(getTrial, { tenantId })).trial).toMatchObject({ planCode: 'pro' });
    expect(await callers.seqOf(tenantId)).toBe(2n);
    await faulty.close();
  });
});

describe('UpdateTenant', () => {
  test('changes name, slug and owner, once for each request id, and nothing that is not set', async () => {
    const { calls, tenantId, tenant, adminId } = await openWorkspace(callers);
    const bob = await joinAs(callers, tenantId, { tenantAdmin: true });
    const slug = uniqueSlug('new');
    const request = { requestId: newRequestId(), displayName: 'New', slug, ownerUserId: bob.userId };
    const first = await calls.updateTenant(request);
    const expected = { ...tenant, displayName: 'New', slug, ownerUserId: bob.userId };
    expect(first).toEqual({ replayed: false, tenant: expected });
    expect(await calls.updateTenant(request)).toEqual({ ...first, replayed: true });
    expect((await calls.updateTenant({ displayName: 'Newer' })).tenant).toEqual({ ...expected, displayName: 'Newer' });
    expect((await bob.calls.getTenant()).tenant).toMatchObject({ displayName: 'Newer' });
    const reused = await failureOf(calls.updateTenant({ ...request, displayName: 'Other' }));
    expect(reused).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED' });
    const [, record] = await operator().records(tenantId, { method: 'TenantService/UpdateTenant' });
    expect(record).toMatchObject({
      actor: adminId,
      changes: [
        { field: 'display_name', before: 'Acme', after: 'New' },
        { field: 'slug', before: tenant.slug, after: slug },
        { field: 'owner_user_id', before: adminId, after: bob.userId },
      ],
    });
  });

  test('keeps its own slug, and is refused that of another one', async () => {
    const slug = uniqueSlug('own');
    const { calls } = await openWorkspace(callers, { slug });
    const other = await openWorkspace(callers);
    expect((await calls.updateTenant({ slug })).tenant).toMatchObject({ slug });
    const request = { requestId: newRequestId(), slug };
    const taken = await failureOf(other.calls.updateTenant(request));
    expect(taken).toMatchObject({ reason: 'SLUG_TAKEN', code: status.ALREADY_EXISTS, metadata: { slug } });
    // What was refused has changed nothing, and is asked anew with its own request id.
    expect((await other.calls.getTenant()).tenant).toEqual(other.tenant);
    expect((await failureOf(other.calls.updateTenant(request))).reason).toBe('SLUG_TAKEN');
  });

  test('gives the slug that it leaves to others', async (context) => {
    if (!(await freesUniqueValues())) context.skip('this engine keeps a unique value that an update has taken away');
    const slug = uniqueSlug('left');
    const { calls } = await openWorkspace(callers, { slug });
    await calls.updateTenant({ slug: `${slug}-2` });
    expect((await openWorkspace(callers, { slug })).tenant.slug).toBe(slug);
    expect((await failureOf(calls.updateTenant({ slug }))).reason).toBe('SLUG_TAKEN');
  });

  test('hands it to an admin of it alone', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    const bob = await joinAs(callers, tenantId);
    const noAdmin = await failureOf(calls.updateTenant({ ownerUserId: bob.userId }));
    expect(noAdmin.violations).toHaveProperty('owner_user_id');
    const stranger = await openWorkspace(callers);
    const nobody = await failureOf(calls.updateTenant({ ownerUserId: stranger.adminId }));
    expect(nobody).toMatchObject({ reason: 'MEMBER_NOT_FOUND', metadata: { user_id: stranger.adminId } });
    expect((await failureOf(calls.updateTenant({}))).violations).toHaveProperty('display_name');
    expect((await failureOf(bob.calls.updateTenant({ displayName: 'x' }))).reason).toBe('ROLE_REQUIRED');
  });

  test('does every one of 20 changes at once on two kernels, each once and in the log', async () => {
    const { admin, tenantId } = await openWorkspace(callers);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        callsOf(index % 2 === 0 ? callers : there, admin).createProject({ displayName: `Project ${index}` }),
      ),
    );
    expect(new Set(answers.map(({ project }) => project?.projectId)).size).toBe(20);
    const records = await operator().records(tenantId, { method: 'ProjectService/CreateProject' });
    expect(new Set(records.map(({ subjectId }) => subjectId)).size).toBe(20);
    expect(records).toHaveLength(20);
  });
});

describe('a workspace that is suspended', () => {
  test('can be read, not changed or charged, and goes on as it was', async () => {
    const { tenantId, calls, admin } = await openCharged();
    const before = await calls.getTenant();
    const { tenant } = await operator().suspend(tenantId, true);
    expect(tenant).toMatchObject({ status: TenantStatus.SUSPENDED, closeTime: undefined });
    await expectBarred(tenantId, calls, 'TENANT_SUSPENDED');
    await expect.poll(() => reasonOf(there.debit(tenantId))).toBe('TENANT_SUSPENDED');
    expect((await callsOf(there, admin).getTenant()).tenant?.status).toBe(TenantStatus.SUSPENDED);
    await operator().suspend(tenantId, false);
    expect(await calls.getTenant()).toEqual(before);
    await callers.debit(tenantId);
    await expect.poll(() => reasonOf(there.debit(tenantId))).toBe('');
    await calls.updateTenant({ displayName: 'On' });
    const records = await operator().records(tenantId, { method: 'TenantService/SetTenantSuspension' });
    expect(records.map(({ actor, changes }) => [actor, changes])).toEqual([
      ['usr_operator', [{ field: 'status', before: 'suspended', after: 'active' }]],
      ['usr_operator', [{ field: 'status', before: 'active', after: 'suspended' }]],
    ]);
    for (const record of records) expect(record).toMatchObject({ remoteAddress: TEST_ADDRESS });
  });

  test('is in the operators’ log once for each time that it was changed', async () => {
    const tenantId = await openOnPlan(callers, 'pro');
    for (const suspended of [true, true, false, false]) await operator().suspend(tenantId, suspended);
    const audit = await operatorCallsOf(callers).audit({ tenantId, method: 'TenantService/SetTenantSuspension' });
    expect(audit.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      [AuditOutcome.APPLIED, 'test'],
      [AuditOutcome.APPLIED, 'test'],
    ]);
  });

  test('is refused without saying what it becomes, by whom and why', async () => {
    const wrong = { suspended: undefined, tenantId: '', actor: '', reason: '' };
    const failure = await failureOf(operator().suspend('', true, wrong));
    expect(Object.keys(failure.violations).sort()).toEqual(['actor', 'reason', 'suspended', 'tenant_id']);
    expect((await failureOf(operator().suspend('ten_x', true))).reason).toBe('TENANT_NOT_FOUND');
  });
});

describe('a workspace that is closed', () => {
  test('by its admin can be read, not changed or charged, for good', async () => {
    const { tenantId, calls, adminId } = await openCharged();
    const closed = await calls.closeTenant();
    expect(closed.tenant).toMatchObject({ status: TenantStatus.CLOSED, closeTime: expect.any(Date) });
    expect(await calls.closeTenant()).toEqual(closed);
    await expectBarred(tenantId, calls, 'TENANT_CLOSED');
    await expect.poll(() => reasonOf(there.debit(tenantId))).toBe('TENANT_CLOSED');
    for (const suspended of [true, false]) {
      const failure = await failureOf(operator().suspend(tenantId, suspended));
      expect(failure).toMatchObject({ reason: 'TENANT_CLOSED', metadata: { tenant_id: tenantId } });
    }
    expect((await failureOf(operator().put(tenantId, stranger()))).reason).toBe('TENANT_CLOSED');
    expect((await operator().close(tenantId)).tenant).toEqual(closed.tenant);
    const records = await operator().records(tenantId, { method: 'TenantService/CloseTenant' });
    expect(records).toMatchObject([
      { actor: adminId, changes: [{ field: 'status', before: 'active', after: 'closed' }] },
    ]);
  });

  test('by an operator is in both logs, also where it was suspended', async () => {
    const tenantId = await openOnPlan(callers, 'pro');
    await operator().suspend(tenantId, true);
    expect((await operator().close(tenantId)).tenant).toMatchObject({ status: TenantStatus.CLOSED });
    const [record] = await operator().records(tenantId);
    expect(record).toMatchObject({ method: 'TenantService/CloseTenant', actor: 'usr_operator' });
    const audit = await operatorCallsOf(callers).audit({ tenantId, method: 'TenantService/CloseTenant' });
    expect(audit).toMatchObject([{ outcome: AuditOutcome.APPLIED, actor: 'usr_operator', reason: 'test' }]);
    const person = await failureOf((await openWorkspace(callers)).calls.closeTenant({ actor: 'x', reason: 'y' }));
    expect(Object.keys(person.violations).sort()).toEqual(['actor', 'reason']);
  });

  test('counts at once on a kernel that is asked to close it again', async () => {
    const lone = await composeKernel({ mongodbUri: kernel.mongodbUri });
    const faraway = callersOf(lone);
    const tenantId = await callers.openTenant(10n * CREDIT);
    await operator().close(tenantId);
    // Nothing tells this kernel of it but the call itself: it reads no changes in the background.
    await faraway.debit(tenantId);
    await workspaceOperatorOf(faraway).close(tenantId);
    expect(await reasonOf(faraway.debit(tenantId))).toBe('TENANT_CLOSED');
    await lone.close();
  });
});

/** Whether the database lets go of a unique value that an update has replaced, as MongoDB does. */
async function freesUniqueValues(): Promise<boolean> {
  const probe = kernel.connection.collection('unique_probe');
  await probe.createIndex({ value: 1 }, { unique: true });
  await probe.insertOne({ value: 'before' });
  await probe.updateOne({ value: 'before' }, { $set: { value: 'after' } });
  return probe.insertOne({ value: 'before' }).then(
    () => true,
    () => false,
  );
}

/** A workspace with credits to charge. */
async function openCharged(): Promise<TestWorkspace> {
  const workspace = await openWorkspace(callers);
  await callers.grant(workspace.tenantId, 1_000n * CREDIT);
  return workspace;
}

const reasonOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => '',
    async (error: unknown) => (await failureOf(Promise.reject(error))).reason,
  );

/** What may not happen to a workspace is refused, and what it owes for is charged all the same. */
async function expectBarred(tenantId: string, calls: PeopleCalls, reason: string): Promise<void> {
  const { internal } = callers;
  const holds = holdCallsOf(callers);
  const check = CheckFundsRequest.fromPartial({ tenantId, action: ACTION, quantity: '1' });
  const reserve = ReserveRequest.fromPartial({
    ...{
      requestId: newRequestId(),
      tenantId,
      action: ACTION,
      quantity: '1',
      expireTime: new Date(Date.now() + 60_000),
    },
  });
  const refused: Record<string, Promise<Failure>> = {
    debit: failureOf(callers.debit(tenantId)),
    check: failureOf(internal.call(LedgerServiceService.checkFunds, check)),
    reserve: failureOf(internal.call(HoldServiceService.reserve, reserve)),
    update: failureOf(calls.updateTenant({ displayName: 'x' })),
    invite: failureOf(calls.invite({ email: 'x@example.com' })),
    project: failureOf(calls.createProject()),
  };
  for (const [what, failure] of Object.entries(refused)) {
    expect([what, await failure]).toMatchObject([
      what,
      { reason, code: status.FAILED_PRECONDITION, metadata: { tenant_id: tenantId } },
    ]);
  }
  const debits = [debitRequest(tenantId), debitRequest(tenantId, { alreadyPerformed: true })];
  const { results } = await internal.call(LedgerServiceService.batchDebit, BatchDebitRequest.fromPartial({ debits }));
  expect(results.map(({ outcome }) => outcome?.$case)).toEqual(['error', 'debit']);
  // What was done is charged, and all of it can be read.
  await callers.debit(tenantId, { alreadyPerformed: true });
  await calls.getTenant();
  await calls.listMembers();
  await calls.listProjects();
  await calls.records();
  await internal.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }));
  expect(await holds.list(tenantId)).toMatchObject({ holds: [] });
}

describe('a hold of before', () => {
  test.each([
    ['suspended', (tenantId: string) => operator().suspend(tenantId, true)],
    ['closed', (tenantId: string) => operator().close(tenantId)],
  ] as const)('can be settled and released in a workspace that is %s, and not made larger', async (word, bar) => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    const holds = holdCallsOf(callers);
    const [settled, released] = [await holds.hold(tenantId, '5'), await holds.hold(tenantId, '5')];
    await bar(tenantId);
    const reason = `TENANT_${word.toUpperCase()}`;
    expect((await failureOf(holds.extend(settled, { additionalQuantity: '1' }))).reason).toBe(reason);
    await holds.settle(settled, { quantity: '2' });
    await holds.release(released);
    expect(await callers.availableOf(tenantId)).toBe(95n * CREDIT);
  });

  test('a debit that was made before is not made again by its retry', async () => {
    const tenantId = await callers.openTenant(100n * CREDIT);
    const request = { requestId: newRequestId() };
    await callers.debit(tenantId, request);
    await operator().suspend(tenantId, true);
    expect(['', 'TENANT_SUSPENDED']).toContain(await reasonOf(callers.debit(tenantId, request)));
    expect(await callers.availableOf(tenantId)).toBe(99n * CREDIT);
  });
});

describe('ListTenants', () => {
  test('answers the newest first, by product and status, page by page', async () => {
    const list = (fields: Partial<ListTenantsRequest>) =>
      callers.sysadmin.call(TenantServiceService.listTenants, ListTenantsRequest.fromPartial(fields));
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.unshift(await openOnPlan(callers, 'pro'));
    const elsewhere = await openWorkspace(callers, {}, stranger('x', { productCode: 'otherproduct' }));
    const idsOf = async (fields: Partial<ListTenantsRequest>) =>
      (await list(fields)).tenants.map(({ tenantId }) => tenantId);
    expect(await idsOf({ pageSize: 6 })).toEqual([elsewhere.tenantId, ...ids]);
    expect(await idsOf({ pageSize: 5, productCode: 'agentruntime' })).toEqual(ids);
    await operator().suspend(ids[1] ?? '', true);
    await operator().close(ids[3] ?? '');
    const productCode = 'agentruntime';
    expect((await idsOf({ productCode, status: TenantStatus.SUSPENDED }))[0]).toBe(ids[1]);
    expect((await idsOf({ productCode, status: TenantStatus.CLOSED }))[0]).toBe(ids[3]);
    expect((await idsOf({ productCode, status: TenantStatus.ACTIVE })).slice(0, 3)).toEqual([ids[0], ids[2], ids[4]]);
    const seen: string[] = [];
    let pageToken = '';
    while (seen.length < 5) {
      const page = await list({ productCode, pageSize: 2, pageToken });
      seen.push(...page.tenants.map(({ tenantId }) => tenantId));
      pageToken = page.nextPageToken;
    }
    expect(seen.slice(0, 5)).toEqual(ids);
    expect((await failureOf(list({ pageToken }))).violations).toHaveProperty('page_token');
    expect((await failureOf(list({ pageSize: -1 }))).violations).toHaveProperty('page_size');
    expect(await idsOf({ productCode: 'nosuch' })).toEqual([]);
  });

  test('comes to an end, and shows every workspace once', async () => {
    const seen: string[] = [];
    let pageToken = '';
    do {
      const request = ListTenantsRequest.fromPartial({ pageSize: 7, pageToken });
      const page = await callers.sysadmin.call(TenantServiceService.listTenants, request);
      expect(page.tenants.length).toBeGreaterThan(0);
      seen.push(...page.tenants.map(({ tenantId }) => tenantId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen).toHaveLength(await kernel.connection.collection('tenants').countDocuments());
  });
});

describe('ListWorkspaceRecords', () => {
  test('answers the newest first, by method and time, page by page', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    for (let index = 0; index < 4; index += 1) await calls.createProject();
    await calls.updateTenant({ displayName: 'x' });
    const { records } = await calls.records();
    expect(records.map(({ method }) => method)).toEqual([
      ...['TenantService/UpdateTenant', ...Array.from({ length: 4 }, () => 'ProjectService/CreateProject')],
      'TenantService/CreateTenant',
    ]);
    const seen: string[] = [];
    let pageToken = '';
    do {
      const page = await calls.records({ pageSize: 2, pageToken });
      seen.push(...page.records.map(({ recordId }) => recordId));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(seen).toEqual(records.map(({ recordId }) => recordId));
    const [newest, , third] = records;
    const between = { startTime: third?.createTime, endTime: newest?.createTime };
    expect((await calls.records(between)).records.map(({ recordId }) => recordId)).toEqual(
      records
        .filter(({ createTime }) => {
          const at = Number(createTime);
          return at >= Number(third?.createTime) && at < Number(newest?.createTime);
        })
        .map(({ recordId }) => recordId),
    );
    expect((await calls.records({ method: 'TenantService/UpdateTenant' })).records).toMatchObject([
      { requestId: expect.any(String), subjectId: '' },
    ]);
    const { nextPageToken } = await calls.records({ pageSize: 1 });
    const other = await failureOf(calls.records({ pageToken: nextPageToken, method: 'x' }));
    expect(other.violations).toHaveProperty('page_token');
    const bob = await joinAs(callers, tenantId);
    expect((await failureOf(bob.calls.records())).reason).toBe('ROLE_REQUIRED');
  });

  test('has what was done last although its record was not in the log yet', async () => {
    const faulty = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      workspaceLog: (real) => ({
        insertRecord: (record) =>
          record.method === 'ProjectService/CreateProject'
            ? Promise.reject(new TypeError('injected: the kernel died here'))
            : real.insertRecord(record),
        loadRecordByKey: (tenantId, key) => real.loadRecordByKey(tenantId, key),
        loadRecords: (...query) => real.loadRecords(...query),
      }),
    });
    const { admin, calls, tenantId } = await openWorkspace(callers);
    const request = { requestId: newRequestId(), displayName: 'One' };
    expect((await failureOf(callsOf(callersOf(faulty), admin).createProject(request))).reason).toBe('INTERNAL');
    await faulty.close();
    const stored = () =>
      kernel.connection
        .collection('workspace_records')
        .countDocuments({ tenant_id: tenantId, method: /CreateProject/ });
    expect(await stored()).toBe(0);
    expect((await calls.records()).records[0]).toMatchObject({ method: 'ProjectService/CreateProject' });
    expect(await calls.createProject(request)).toMatchObject({ replayed: true, project: { displayName: 'One' } });
    await calls.createProject();
    expect(await stored()).toBe(2);
  });
});

describe('what belongs to another workspace', () => {
  test('does not exist, in the words of what is not there, for every call about a workspace', async () => {
    const mine = await openWorkspace(callers);
    const theirs = await openWorkspace(callers);
    const elsewhere = await openWorkspace(callers, {}, stranger('x', { productCode: 'otherproduct' }));
    const missing = 'ten_00000000-0000-7000-8000-000000000000';
    const { bff } = callers;
    const calls: Record<
      string,
      (tenantId: string, from: PeopleCalls, metadata: Record<string, string>) => Promise<unknown>
    > = {
      getTenant: (tenantId, from) => from.getTenant({ tenantId }),
      updateTenant: (tenantId, from) => from.updateTenant({ tenantId, displayName: 'x' }),
      closeTenant: (tenantId, from) => from.closeTenant({ tenantId }),
      records: (tenantId, from) => from.records({ tenantId }),
      listMembers: (tenantId, from) => from.listMembers({ tenantId }),
      updateMember: (tenantId, from) => from.updateMember({ tenantId, userId: theirs.adminId }),
      removeMember: (tenantId, from) => from.removeMember({ tenantId, userId: theirs.adminId }),
      invite: (tenantId, from) => from.invite({ tenantId, email: 'x@example.com' }),
      listInvitations: (tenantId, from) => from.listInvitations({ tenantId }),
      revokeInvitation: (tenantId, from) => from.revokeInvitation({ tenantId, invitationId: 'inv_x' }),
      createProject: (tenantId, from) => from.createProject({ tenantId }),
      listProjects: (tenantId, from) => from.listProjects({ tenantId }),
      updateProject: (tenantId, from) => from.updateProject({ tenantId, projectId: 'prj_x', archived: true }),
      getBalance: (tenantId, _, metadata) =>
        bff.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }), { metadata }),
      getTrial: (tenantId, _, metadata) => bff.call(TrialServiceService.getTrial, { tenantId }, { metadata }),
      explain: (tenantId, _, metadata) =>
        bff.call(UsageServiceService.explainEntry, { tenantId, entryId: 'ent_x' }, { metadata }),
    };
    const sameWords = async (call: (tenantId: string) => Promise<unknown>, name: string): Promise<void> => {
      const seen: unknown[] = [];
      for (const tenantId of [missing, theirs.tenantId, elsewhere.tenantId]) {
        const { reason, code, message, metadata } = await failureOf(call(tenantId));
        expect([name, reason, code]).toEqual([name, 'TENANT_NOT_FOUND', status.NOT_FOUND]);
        expect(metadata).toEqual({ tenant_id: tenantId });
        seen.push(message.replaceAll(tenantId, 'ten_'));
      }
      expect([name, new Set(seen).size]).toEqual([name, 1]);
    };
    for (const [name, call] of Object.entries(calls)) {
      const about = (xTenantId: string) => ({
        'x-product-code': 'agentruntime',
        'x-issuer': 'https://issuer.example',
        'x-subject': mine.admin.subject,
        'x-tenant-id': xTenantId,
      });
      // Both where the call names a workspace of one's own and asks for another one, and where it names that one outright.
      await sameWords((tenantId) => call(tenantId, mine.calls, about(mine.tenantId)), name);
      await sameWords(
        (tenantId) => call(tenantId, callsOf(callers, { ...mine.admin, tenantId }), about(tenantId)),
        name,
      );
    }
    expect(await operator().members(theirs.tenantId)).toHaveLength(1);
    expect((await theirs.calls.getTenant()).tenant).toEqual(theirs.tenant);
  });

  test('is not there by its own id either: members, invitations and projects', async () => {
    const mine = await openWorkspace(callers);
    const theirs = await openWorkspace(callers);
    const { project } = await theirs.calls.createProject();
    const { invitation } = await theirs.calls.invite({ email: 'bob@example.com' });
    const [userId, projectId, invitationId] = [
      theirs.adminId,
      project?.projectId ?? '',
      invitation?.invitationId ?? '',
    ];
    const pairs: readonly (readonly [(id: string) => Promise<unknown>, string])[] = [
      [(id) => mine.calls.updateMember({ userId: id }), userId],
      [(id) => mine.calls.removeMember({ userId: id }), userId],
      [(id) => mine.calls.updateTenant({ ownerUserId: id }), userId],
      [(id) => mine.calls.updateProject({ projectId: id, archived: true }), projectId],
      [(id) => mine.calls.revokeInvitation({ invitationId: id }), invitationId],
    ];
    for (const [call, id] of pairs) {
      const [found, missing] = await Promise.all([failureOf(call(id)), failureOf(call('id_x'))]);
      expect(found.code).toBe(status.NOT_FOUND);
      expect(JSON.stringify([found.reason, found.message, found.metadata]).replaceAll(id, 'id_x')).toBe(
        JSON.stringify([missing.reason, missing.message, missing.metadata]),
      );
    }
  });
});
