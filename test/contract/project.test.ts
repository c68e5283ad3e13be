// ProjectService: the parts of a workspace, and who sees which of them.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { PROJECTS_MAX } from '../../kernel/domain/workspace.ts';
import { type Callers, callersOf } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { composeKernel, type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { callsOf, joinAs, openWorkspace, type PeopleCalls, workspaceOperatorOf } from './support/people.ts';

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterAll(() => kernel.close());

async function make(calls: PeopleCalls, displayName = 'Project'): Promise<string> {
  const { project } = await calls.createProject({ displayName });
  return project?.projectId ?? '';
}

const idsOf = async (calls: PeopleCalls, fields: Parameters<PeopleCalls['listProjects']>[0] = {}) =>
  (await calls.listProjects(fields)).projects.map(({ projectId }) => projectId);

describe('CreateProject', () => {
  test('makes one project of one request id, however often it is sent', async () => {
    const { calls, tenantId, adminId } = await openWorkspace(callers);
    const request = { requestId: newRequestId(), displayName: 'Über Ⅸ' };
    const answers = await Promise.all(Array.from({ length: 10 }, () => calls.createProject(request)));
    const [{ project } = { project: undefined }] = answers;
    expect(project).toEqual({
      ...{ projectId: expect.stringMatching(/^prj_/), displayName: 'Über Ⅸ', createTime: expect.any(Date) },
      archiveTime: undefined,
    });
    expect(answers.map((answer) => answer.project)).toEqual(answers.map(() => project));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const records = await workspaceOperatorOf(callers).records(tenantId, { method: 'ProjectService/CreateProject' });
    expect(records).toMatchObject([{ actor: adminId, subjectId: project?.projectId }]);
    const reused = await failureOf(calls.createProject({ ...request, displayName: 'Other' }));
    expect(reused).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', code: status.ALREADY_EXISTS });
  });

  test('is a replay of it on a kernel that has just begun', async () => {
    const { calls, admin } = await openWorkspace(callers);
    const request = { requestId: newRequestId(), displayName: 'One' };
    const first = await calls.createProject(request);
    await calls.createProject();
    const fresh = await composeKernel({ mongodbUri: kernel.mongodbUri });
    expect(await callsOf(callersOf(fresh), admin).createProject(request)).toEqual({ ...first, replayed: true });
    await fresh.close();
  });

  test('names what is wrong, and is for admins', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    for (const displayName of ['', ' ', 'x'.repeat(101), 'a\nb']) {
      expect(Object.keys((await failureOf(calls.createProject({ displayName }))).violations)).toEqual(['display_name']);
    }
    const projectRoles = [{ projectId: await make(calls), role: Role.PROJECT_CONTRIBUTOR }];
    const contributor = await joinAs(callers, tenantId, { projectRoles });
    expect(await failureOf(contributor.calls.createProject())).toMatchObject({
      reason: 'ROLE_REQUIRED',
      metadata: { required_role: 'tenant_admin' },
    });
  });

  test('has a bound on how many there are, archived ones included', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    const stored = Array.from({ length: PROJECTS_MAX }, (_, index) => ({
      ...{ project_id: `prj_${index}`, display_name: 'x', created_at: new Date() },
      ...(index % 2 === 0 ? { archived_at: new Date() } : {}),
    }));
    await kernel.connection.collection('tenants').updateOne({ tenant_id: tenantId }, { $set: { projects: stored } });
    expect(await failureOf(calls.createProject())).toMatchObject({
      reason: 'WORKSPACE_LIMIT_REACHED',
      code: status.RESOURCE_EXHAUSTED,
      metadata: { limit: String(PROJECTS_MAX) },
    });
  });
});

describe('UpdateProject', () => {
  test('renames and archives, and takes back, each once for its request id', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    const projectId = await make(calls);
    const request = { requestId: newRequestId(), projectId, displayName: 'New', archived: true };
    const first = await calls.updateProject(request);
    expect(first).toMatchObject({ replayed: false, project: { displayName: 'New', archiveTime: expect.any(Date) } });
    expect(await calls.updateProject(request)).toEqual({ ...first, replayed: true });
    expect(await idsOf(calls)).toEqual([]);
    expect(await idsOf(calls, { includeArchived: true })).toEqual([projectId]);
    const back = await calls.updateProject({ projectId, archived: false });
    expect(back.project).toMatchObject({ displayName: 'New', archiveTime: undefined });
    const records = await workspaceOperatorOf(callers).records(tenantId, { method: 'ProjectService/UpdateProject' });
    expect(records.map(({ changes }) => changes)).toEqual([
      [{ field: 'archived', before: 'true', after: 'false' }],
      [
        { field: 'display_name', before: 'Project', after: 'New' },
        { field: 'archived', before: 'false', after: 'true' },
      ],
    ]);
  });

  test('names what is wrong, and what is not there', async () => {
    const { calls } = await openWorkspace(callers);
    const projectId = await make(calls);
    expect((await failureOf(calls.updateProject({ projectId }))).violations).toHaveProperty('display_name');
    expect((await failureOf(calls.updateProject({ projectId, displayName: '' }))).violations).toHaveProperty(
      'display_name',
    );
    expect(await failureOf(calls.updateProject({ projectId: 'prj_x', archived: true }))).toMatchObject({
      reason: 'PROJECT_NOT_FOUND',
      code: status.NOT_FOUND,
      metadata: { project_id: 'prj_x' },
    });
  });

  test('takes no role away, and gives none in one that is archived', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    const projectId = await make(calls);
    const projectRoles = [{ projectId, role: Role.PROJECT_VIEWER }];
    const viewer = await joinAs(callers, tenantId, { projectRoles });
    await calls.updateProject({ projectId, archived: true });
    expect(await failureOf(calls.updateMember({ userId: viewer.userId, projectRoles }))).toMatchObject({
      reason: 'PROJECT_NOT_FOUND',
    });
    expect((await viewer.calls.getMe()).workspace).toMatchObject({ projectRoles });
    await calls.updateProject({ projectId, archived: false });
    expect(await idsOf(viewer.calls)).toEqual([projectId]);
  });
});

describe('ListProjects', () => {
  test('answers admins all, and everybody else their own, in the order in which they were made', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    const ids = [await make(calls, 'c'), await make(calls, 'a'), await make(calls, 'b')];
    const [first = '', , third = ''] = ids;
    const projectRoles = [
      { projectId: third, role: Role.PROJECT_VIEWER },
      { projectId: first, role: Role.PROJECT_CONTRIBUTOR },
    ];
    const some = await joinAs(callers, tenantId, { projectRoles });
    const none = await joinAs(callers, tenantId);
    expect(await idsOf(calls)).toEqual(ids);
    expect(await idsOf(some.calls)).toEqual([first, third]);
    expect(await idsOf(none.calls)).toEqual([]);
    const { nextPageToken } = await calls.listProjects({ pageSize: 2 });
    expect(await idsOf(calls, { pageSize: 2, pageToken: nextPageToken })).toEqual([third]);
    const other = await failureOf(calls.listProjects({ pageToken: nextPageToken, includeArchived: true }));
    expect(other.violations).toHaveProperty('page_token');
  });
});
