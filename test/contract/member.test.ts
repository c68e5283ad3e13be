// MemberService: who is in a workspace and what they may do there; nobody leaves it without an admin.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AuditOutcome } from '../../gen/wheelhouse/operator/v1/audit_record.ts';
import { Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { type Callers, callersOf } from './support/account.ts';
import { failureOf, settle } from './support/failure.ts';
import { composeKernel, type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { callsOf, joinAs, openOnPlan, openWorkspace, stranger, workspaceOperatorOf } from './support/people.ts';

let kernel: KernelFixture;
let callers: Callers;
/** Another kernel over the same database. */
let second: KernelFixture;
let there: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  second = await composeKernel({ mongodbUri: kernel.mongodbUri });
  there = callersOf(second);
});
afterAll(async () => {
  await second.close();
  await kernel.close();
});

const operator = () => workspaceOperatorOf(callers);

describe('ListMembers', () => {
  test('answers everybody in the order in which they came, page by page, to contributors too', async () => {
    const { tenantId, calls, adminId, admin } = await openWorkspace(callers, {}, stranger('ann', { name: 'Ann Ö.' }));
    const { project } = await calls.createProject();
    const projectRoles = [{ projectId: project?.projectId ?? '', role: Role.PROJECT_CONTRIBUTOR }];
    const contributor = await joinAs(callers, tenantId, { projectRoles });
    const plain = await joinAs(callers, tenantId);
    const { members, nextPageToken } = await contributor.calls.listMembers();
    expect(nextPageToken).toBe('');
    expect(members).toEqual([
      {
        ...{ userId: adminId, email: admin.email, displayName: 'Ann Ö.', tenantAdmin: true, projectRoles: [] },
        ...{ owner: true, createTime: expect.any(Date) },
      },
      expect.objectContaining({ userId: contributor.userId, tenantAdmin: false, projectRoles, owner: false }),
      expect.objectContaining({ userId: plain.userId, projectRoles: [], email: plain.who.email }),
    ]);
    const seen: string[] = [];
    for (let pageToken = '', isFirst = true; isFirst || pageToken !== ''; isFirst = false) {
      const page = await calls.listMembers({ pageSize: 1, pageToken });
      expect(page.members).toHaveLength(1);
      seen.push(...page.members.map(({ userId }) => userId));
      pageToken = page.nextPageToken;
    }
    expect(seen).toEqual(members.map(({ userId }) => userId));
  });

  test('refuses a token of another list, and goes on where the last of a page has left', async () => {
    const { tenantId, calls } = await openWorkspace(callers);
    const [bob, cid] = [await joinAs(callers, tenantId), await joinAs(callers, tenantId)];
    const { nextPageToken } = await calls.listMembers({ pageSize: 2 });
    const other = await openWorkspace(callers);
    for (const pageToken of ['x', nextPageToken]) {
      expect((await failureOf(other.calls.listMembers({ pageToken }))).violations).toHaveProperty('page_token');
    }
    await calls.removeMember({ userId: bob.userId });
    const rest = await calls.listMembers({ pageSize: 2, pageToken: nextPageToken });
    expect(rest.members.map(({ userId }) => userId)).toEqual([cid.userId]);
  });

  test('is not for viewers, or members without a role', async () => {
    const { tenantId, calls } = await openWorkspace(callers);
    const { project } = await calls.createProject();
    const projectRoles = [{ projectId: project?.projectId ?? '', role: Role.PROJECT_VIEWER }];
    for (const standing of [{ projectRoles }, {}]) {
      const member = await joinAs(callers, tenantId, standing);
      expect(await failureOf(member.calls.listMembers())).toMatchObject({
        reason: 'ROLE_REQUIRED',
        code: status.PERMISSION_DENIED,
        metadata: { required_role: 'project_contributor' },
      });
    }
  });
});

describe('UpdateMember', () => {
  test('changes what a member may do at once, once for each request id', async () => {
    const { tenantId, calls } = await openWorkspace(callers);
    const bob = await joinAs(callers, tenantId);
    expect((await failureOf(bob.calls.listInvitations())).reason).toBe('ROLE_REQUIRED');
    const request = { requestId: newRequestId(), userId: bob.userId, tenantAdmin: true };
    const first = await calls.updateMember(request);
    expect(first).toMatchObject({ replayed: false, member: { userId: bob.userId, tenantAdmin: true } });
    expect(await bob.calls.listInvitations()).toEqual({ invitations: [], nextPageToken: '' });
    expect(await calls.updateMember(request)).toEqual({ ...first, replayed: true });
    const reused = await failureOf(calls.updateMember({ ...request, tenantAdmin: false }));
    expect(reused).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', code: status.ALREADY_EXISTS });
    expect(await operator().records(tenantId, { method: 'MemberService/UpdateMember' })).toMatchObject([
      { subjectId: bob.userId, changes: [{ field: 'role', before: 'member', after: 'tenant_admin' }] },
    ]);
  });

  test('is a replay also after other changes, and on another kernel', async () => {
    const { tenantId, calls, admin } = await openWorkspace(callers);
    const bob = await joinAs(callers, tenantId);
    const request = { requestId: newRequestId(), userId: bob.userId, tenantAdmin: true };
    await calls.updateMember(request);
    await calls.updateMember({ userId: bob.userId });
    const again = await callsOf(there, admin).updateMember(request);
    // What was asked for then is not done again: the member is as it became since.
    expect(again).toMatchObject({ replayed: true, member: { tenantAdmin: false } });
  });

  test('names what is wrong', async () => {
    const { calls, adminId } = await openWorkspace(callers);
    const { project } = await calls.createProject();
    const projectId = project?.projectId ?? '';
    const viewer = { projectId, role: Role.PROJECT_VIEWER };
    const cases: readonly (readonly [object, string])[] = [
      [{ tenantAdmin: true, projectRoles: [viewer] }, 'project_roles'],
      [{ projectRoles: [viewer, viewer] }, 'project_roles[1].project_id'],
      [{ projectRoles: [{ projectId, role: Role.TENANT_ADMIN }] }, 'project_roles[0].role'],
      [{ projectRoles: [{ projectId, role: Role.UNSPECIFIED }] }, 'project_roles[0].role'],
      [{ projectRoles: [{ projectId: '', role: Role.PROJECT_VIEWER }] }, 'project_roles[0].project_id'],
      [{ userId: '' }, 'user_id'],
      [{ requestId: 'a b' }, 'request_id'],
    ];
    for (const [fields, field] of cases) {
      const failure = await failureOf(calls.updateMember({ userId: adminId, ...fields }));
      expect([failure.reason, Object.keys(failure.violations)]).toEqual(['INVALID_FIELD', [field]]);
    }
    const missing = await failureOf(calls.updateMember({ userId: 'usr_nobody' }));
    expect(missing).toMatchObject({ reason: 'MEMBER_NOT_FOUND', metadata: { user_id: 'usr_nobody' } });
    const nowhere = { userId: adminId, projectRoles: [{ projectId: 'prj_x', role: Role.PROJECT_VIEWER }] };
    expect(await failureOf(calls.updateMember(nowhere))).toMatchObject({ reason: 'PROJECT_NOT_FOUND' });
  });

  test('leaves one admin where two make each other less at once, whichever kernels they reach', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { tenantId, calls, adminId } = await openWorkspace(callers);
      const bob = await joinAs(callers, tenantId, { tenantAdmin: true });
      const bobThere = callsOf(there, { ...bob.who, tenantId });
      // The other kernel knows of both before they begin, so that neither is kept out by what it has not read.
      await bobThere.listMembers();
      const { answers, failures } = await settle([
        calls.updateMember({ userId: bob.userId }),
        bobThere.updateMember({ userId: adminId }),
      ]);
      expect([answers.length, failures.map(({ reason }) => reason)]).toEqual([
        1,
        [expect.stringMatching(/^(LAST_ADMIN|ROLE_REQUIRED)$/)],
      ]);
      const admins = (await operator().members(tenantId)).filter(({ tenantAdmin }) => tenantAdmin);
      expect(admins).toMatchObject([{ owner: true }]);
    }
  });
});

describe('RemoveMember', () => {
  test('takes a member out, who then finds no such workspace', async () => {
    const { tenantId, calls } = await openWorkspace(callers);
    const bob = await joinAs(callers, tenantId);
    const request = { requestId: newRequestId(), userId: bob.userId };
    expect(await calls.removeMember(request)).toEqual({ replayed: false });
    expect(await calls.removeMember(request)).toEqual({ replayed: true });
    expect(await failureOf(bob.calls.getTenant())).toMatchObject({ reason: 'TENANT_NOT_FOUND' });
    expect(await failureOf(calls.removeMember({ userId: bob.userId }))).toMatchObject({ reason: 'MEMBER_NOT_FOUND' });
  });

  test('lets an admin who is taken out do nothing more, through no kernel and by no call under way', async () => {
    const { tenantId, calls } = await openWorkspace(callers);
    const bob = await joinAs(callers, tenantId, { tenantAdmin: true });
    const bobThere = callsOf(there, { ...bob.who, tenantId });
    await bobThere.listMembers();
    const invite = (by: typeof bobThere) => by.invite({ email: stranger().email ?? '', tenantAdmin: true });
    const { answers } = await settle([
      calls.removeMember({ userId: bob.userId }),
      ...Array.from({ length: 5 }, () => invite(bob.calls)),
    ]);
    expect(answers.length).toBeGreaterThan(0);
    // The other kernel still has read that he is one.
    expect(await failureOf(invite(bobThere))).toMatchObject({ reason: 'TENANT_NOT_FOUND' });
    const { records } = await calls.records();
    const methods = records.map(({ method }) => method);
    const removal = methods.indexOf('MemberService/RemoveMember');
    expect(removal).toBeGreaterThanOrEqual(0);
    // The newest come first.
    expect(methods.slice(0, removal)).toEqual([]);
  });

  test('lets everybody leave, and only admins take others out', async () => {
    const { tenantId, calls, adminId } = await openWorkspace(callers);
    const [bob, cid] = [await joinAs(callers, tenantId), await joinAs(callers, tenantId)];
    const refused = await failureOf(bob.calls.removeMember({ userId: cid.userId }));
    expect(refused).toMatchObject({ reason: 'ROLE_REQUIRED', metadata: { required_role: 'tenant_admin' } });
    expect(await bob.calls.removeMember({ userId: bob.userId })).toEqual({ replayed: false });
    const last = await failureOf(calls.removeMember({ userId: adminId }));
    expect(last).toMatchObject({ reason: 'LAST_ADMIN', code: status.FAILED_PRECONDITION });
    expect((await operator().members(tenantId)).map(({ userId }) => userId)).toEqual([adminId, cid.userId]);
  });

  test('hands the workspace of an owner who leaves to another admin', async () => {
    const { tenantId, calls, adminId } = await openWorkspace(callers);
    const bob = await joinAs(callers, tenantId, { tenantAdmin: true });
    await calls.removeMember({ userId: adminId });
    expect((await bob.calls.getTenant()).tenant).toMatchObject({ ownerUserId: bob.userId });
  });
});

describe('PutMember', () => {
  test('remembers a person whom nobody has seen, who is that person at the first sign-in', async () => {
    const { tenantId } = await openWorkspace(callers);
    const eve = stranger('eve', { email: 'Eve.Upper@Example.com' });
    const { member, replayed } = await operator().put(tenantId, eve, { tenantAdmin: true });
    expect({ member, replayed }).toMatchObject({ replayed: false, member: { email: 'eve.upper@example.com' } });
    const { user, workspace } = await callsOf(callers, { ...eve, tenantId }).getMe();
    expect(user).toMatchObject({ userId: member?.userId, email: 'eve.upper@example.com' });
    expect(workspace).toMatchObject({ role: Role.TENANT_ADMIN, tenant: { tenantId } });
  });

  test('is in both logs, once for each request id', async () => {
    const { tenantId } = await openWorkspace(callers);
    const eve = stranger('eve');
    const requestId = newRequestId();
    const first = await operator().put(tenantId, eve, { requestId });
    expect(await operator().put(tenantId, eve, { requestId })).toEqual({ ...first, replayed: true });
    expect(await failureOf(operator().put(tenantId, eve, { requestId, tenantAdmin: true }))).toMatchObject({
      reason: 'IDEMPOTENCY_KEY_REUSED',
    });
    const method = 'MemberService/PutMember';
    expect(await operator().records(tenantId, { method })).toMatchObject([
      { actor: 'usr_operator', subjectId: first.member?.userId, changes: [{ before: '', after: 'member' }] },
    ]);
    const audit = await operatorCallsOf(callers).audit({ method, tenantId });
    expect(audit.map(({ outcome }) => outcome)).toEqual([AuditOutcome.NOT_APPLIED, AuditOutcome.APPLIED]);
    expect(audit.at(-1)).toMatchObject({ requestId, actor: 'usr_operator', reason: 'test', tenantId });
  });

  test('stands under the limit of the plan, which lets nobody out', async () => {
    await operatorCallsOf(callers).upsertPolicy({ productCode: 'agentruntime', planCode: 'plus', memberLimit: 2 }, [
      'member_limit',
    ]);
    const tenant = await openOnPlan(callers, 'plus');
    const one = await joinAs(callers, tenant, { tenantAdmin: true });
    await joinAs(callers, tenant);
    const full = await failureOf(operator().put(tenant, stranger()));
    expect(full).toMatchObject({ reason: 'MEMBER_LIMIT_REACHED', metadata: { limit: '2' } });
    await expect(operator().put(tenant, one.who, { tenantAdmin: true })).resolves.toMatchObject({ replayed: false });
    const last = await failureOf(operator().put(tenant, one.who));
    expect(last).toMatchObject({ reason: 'LAST_ADMIN' });
  });

  test('names what is wrong', async () => {
    const { tenantId } = await openWorkspace(callers);
    const wrong = { subject: '', issuer: 'a b', email: 'nothing', actor: '', reason: '' };
    const failure = await failureOf(operator().put(tenantId, stranger(), wrong));
    expect(Object.keys(failure.violations).sort()).toEqual(['actor', 'email', 'issuer', 'reason', 'subject']);
    expect(await failureOf(operator().put('ten_x', stranger()))).toMatchObject({ reason: 'TENANT_NOT_FOUND' });
  });
});
