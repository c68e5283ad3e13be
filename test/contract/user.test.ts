// UserService, and how the kernel knows who is behind a BFF: the person, and the workspace that a call is about.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { UserServiceService } from '../../gen/wheelhouse/tenant/v1/user_service.ts';
import { type Callers, callersOf, newcomer } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { composeKernel, type KernelFixture, openKernel } from './support/kernel-fixture.ts';
import { callsOf, joinAs, openWorkspace, stranger, workspaceOperatorOf } from './support/people.ts';

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterAll(() => kernel.close());

const operator = () => workspaceOperatorOf(callers);

describe('GetMe', () => {
  test('remembers a person whom nobody has seen, once, and what the issuer says now', async () => {
    const ann = stranger('ann', { name: 'Ann Ö. 🎡', email: 'Ann@Example.COM' });
    const answers = await Promise.all(Array.from({ length: 20 }, () => callsOf(callers, ann).getMe()));
    const [{ user } = { user: undefined }] = answers;
    expect(user).toMatchObject({
      ...{ userId: expect.stringMatching(/^usr_/), email: 'ann@example.com', displayName: 'Ann Ö. 🎡' },
      createTime: expect.any(Date),
    });
    expect(answers).toEqual(answers.map(() => ({ user, workspace: undefined, byAccessToken: false })));
    expect(await kernel.connection.collection('users').countDocuments({ subject: ann.subject })).toBe(1);
    const renamed = await callsOf(callers, { ...ann, name: 'Ann B.', email: 'ann.b@example.com' }).getMe();
    expect(renamed.user).toEqual({ ...user, email: 'ann.b@example.com', displayName: 'Ann B.' });
    // An issuer that says nothing takes nothing back.
    const { user: silent } = await callsOf(callers, { subject: ann.subject }).getMe();
    expect(silent).toEqual(renamed.user);
  });

  test('makes one person of two kernels that see them at once', async () => {
    const second = await composeKernel({ mongodbUri: kernel.mongodbUri });
    const there = callersOf(second);
    const ann = stranger('ann');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => callsOf(index % 2 === 0 ? callers : there, ann).getMe()),
    );
    expect(new Set(answers.map(({ user }) => user?.userId)).size).toBe(1);
    await second.close();
  });

  test('keeps people of two issuers apart, and knows one in every product', async () => {
    const ann = stranger('ann');
    const [here, elsewhere, other] = await Promise.all([
      callsOf(callers, ann).getMe(),
      callsOf(callers, { ...ann, productCode: 'otherproduct' }).getMe(),
      callsOf(callers, { ...ann, issuer: 'https://other.example' }).getMe(),
    ]);
    expect(elsewhere.user?.userId).toBe(here.user?.userId);
    expect(other.user?.userId).not.toBe(here.user?.userId);
  });

  test('answers the workspace that is named, or the only one, and none of several', async () => {
    const ann = stranger('ann');
    const first = await openWorkspace(callers, { displayName: 'First' }, ann);
    const workspace = { role: Role.TENANT_ADMIN, projectRoles: [], tenant: first.tenant };
    expect((await callsOf(callers, ann).getMe()).workspace).toEqual(workspace);
    const second = await openWorkspace(callers, { displayName: 'Second' }, ann);
    expect((await callsOf(callers, ann).getMe()).workspace).toBeUndefined();
    expect((await first.calls.getMe()).workspace).toEqual(workspace);
    expect((await second.calls.getMe()).workspace).toMatchObject({ tenant: { displayName: 'Second' } });
    // One that is closed is in nobody's way, and can be named.
    await second.calls.closeTenant();
    expect((await callsOf(callers, ann).getMe()).workspace).toEqual(workspace);
    expect((await second.calls.getMe()).workspace).toMatchObject({ tenant: { displayName: 'Second' } });
    const nobody = callsOf(callers, { ...stranger(), tenantId: first.tenantId });
    expect(await failureOf(nobody.getMe())).toMatchObject({ reason: 'TENANT_NOT_FOUND', code: status.NOT_FOUND });
  });

  test('knows nobody without a subject, and reads no metadata that is wrong', async () => {
    const { getMe } = UserServiceService;
    const product = { 'x-product-code': 'agentruntime' };
    const call = (metadata: Record<string, string>) =>
      failureOf(callers.bff.call(getMe, {}, { metadata: { ...product, ...metadata } }));
    expect(await call({})).toMatchObject({ reason: 'ROLE_REQUIRED', metadata: { required_role: 'signed_in' } });
    const person = newcomer().metadata;
    const cases: readonly (readonly [string, string])[] = [
      ['x-subject', 'a b'],
      ['x-subject', 'x'.repeat(129)],
      ['x-issuer', ''],
      ['x-issuer', 'x'.repeat(257)],
      ['x-email', '%E0%A4%A'],
      ['x-email', 'nobody'],
      ['x-email', 'mar%E2%84%AA@example.com'],
      ['x-name', 'x'.repeat(101)],
      ['x-name', 'a%0Ab'],
    ];
    for (const [field, value] of cases) {
      expect([field, (await call({ ...person, [field]: value })).violations]).toEqual([
        field,
        { [field]: expect.any(String) },
      ]);
    }
  });

  test('is for people alone', async () => {
    for (const client of [callers.internal, callers.sysadmin]) {
      expect((await failureOf(client.call(UserServiceService.getMe, {}))).reason).toBe('SCOPE_DENIED');
    }
  });
});

describe('ListMyWorkspaces', () => {
  test('answers those of the product by name, with the role in each', async () => {
    const ann = stranger('ann');
    const other = { ...ann, productCode: 'otherproduct' };
    for (const displayName of ['Beta', 'Alpha', 'Gamma']) await openWorkspace(callers, { displayName }, ann);
    await openWorkspace(callers, { displayName: 'Elsewhere' }, other);
    const theirs = await openWorkspace(callers, { displayName: 'Beta' });
    const { project } = await theirs.calls.createProject();
    const projectRoles = [{ projectId: project?.projectId ?? '', role: Role.PROJECT_VIEWER }];
    await joinAs(callers, theirs.tenantId, { projectRoles }, ann);
    const { workspaces, nextPageToken } = await callsOf(callers, ann).myWorkspaces();
    expect(nextPageToken).toBe('');
    expect(workspaces.map(({ tenant }) => tenant?.displayName)).toEqual(['Alpha', 'Beta', 'Beta', 'Gamma']);
    expect(workspaces.map(({ role }) => role).sort()).toEqual([
      ...[Role.TENANT_ADMIN, Role.TENANT_ADMIN, Role.TENANT_ADMIN, Role.PROJECT_VIEWER],
    ]);
    expect(workspaces.find(({ tenant }) => tenant?.tenantId === theirs.tenantId)).toMatchObject({ projectRoles });
    const elsewhere = await callsOf(callers, other).myWorkspaces();
    expect(elsewhere.workspaces.map(({ tenant }) => tenant?.displayName)).toEqual(['Elsewhere']);
  });

  test('goes on page by page, and shows closed ones where they are asked for', async () => {
    const ann = stranger('ann');
    const calls = callsOf(callers, ann);
    for (const displayName of ['A', 'B', 'C']) await openWorkspace(callers, { displayName }, ann);
    const closed = await openWorkspace(callers, { displayName: 'D' }, ann);
    await closed.calls.closeTenant();
    const namesOf = async (fields: Parameters<typeof calls.myWorkspaces>[0]) =>
      (await calls.myWorkspaces(fields)).workspaces.map(({ tenant }) => tenant?.displayName);
    expect(await namesOf({})).toEqual(['A', 'B', 'C']);
    expect(await namesOf({ includeClosed: true })).toEqual(['A', 'B', 'C', 'D']);
    const { nextPageToken: pageToken } = await calls.myWorkspaces({ pageSize: 2 });
    expect(await namesOf({ pageSize: 2, pageToken })).toEqual(['C']);
    expect((await failureOf(calls.myWorkspaces({ pageToken, includeClosed: true }))).violations).toHaveProperty(
      'page_token',
    );
    expect((await failureOf(callsOf(callers, stranger()).myWorkspaces({ pageToken }))).violations).toHaveProperty(
      'page_token',
    );
  });
});

describe('a call that names no workspace', () => {
  test('is about the only one, and needs a name where there are several or none', async () => {
    const ann = stranger('ann');
    const none = await failureOf(callsOf(callers, ann).listProjects({ tenantId: 'ten_x' }));
    expect(none).toMatchObject({ reason: 'WORKSPACE_REQUIRED', code: status.FAILED_PRECONDITION });
    const { tenantId } = await openWorkspace(callers, {}, ann);
    expect(await callsOf(callers, ann).listProjects({ tenantId })).toMatchObject({ projects: [] });
    await openWorkspace(callers, {}, ann);
    expect((await failureOf(callsOf(callers, ann).listProjects({ tenantId }))).reason).toBe('WORKSPACE_REQUIRED');
  });

  test('does not count one of another product, or one that the person was taken out of', async () => {
    const ann = stranger('ann');
    const { tenantId, calls } = await openWorkspace(callers);
    const { userId } = await joinAs(callers, tenantId, {}, ann);
    await openWorkspace(callers, {}, { ...ann, productCode: 'otherproduct' });
    expect(await callsOf(callers, ann).getTenant({ tenantId })).toMatchObject({ tenant: { tenantId } });
    await calls.removeMember({ userId });
    expect((await failureOf(callsOf(callers, ann).getTenant({ tenantId }))).reason).toBe('WORKSPACE_REQUIRED');
    expect(await operator().members(tenantId)).toHaveLength(1);
  });
});
