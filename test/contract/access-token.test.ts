// AccessTokenService: who may make, see and revoke which token. What a token is worth is test/store/access-token.test.ts's.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AccessToken } from '../../gen/wheelhouse/tenant/v1/access_token.ts';
import {
  AccessTokenServiceService,
  CreateAccessTokenRequest,
  ListAccessTokensRequest,
  RevokeAccessTokenRequest,
} from '../../gen/wheelhouse/tenant/v1/access_token_service.ts';
import type { PutMemberRequest } from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import { Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { admitPeople, type Callers, callersOf, personIn, putMember } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';

const DAY_MS = 86_400_000;

let kernel: KernelFixture;
let callers: Callers;
let tenantId: string;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  tenantId = await callers.openTenant();
});
afterAll(() => kernel.close());

const projects = new Map<string, Promise<string>>();

/** A person of the workspace, who is made a member, as often as it is asked for. */
async function as(role: string, subject: string = role, tenant = tenantId) {
  const project = projects.get(tenant) ?? admitPeople(callers, tenant);
  projects.set(tenant, project);
  const projectId = await project;
  const standings: Readonly<Record<string, Partial<PutMemberRequest>>> = {
    tenant_admin: { tenantAdmin: true },
    project_contributor: { projectRoles: [{ projectId, role: Role.PROJECT_CONTRIBUTOR }] },
    project_viewer: { projectRoles: [{ projectId, role: Role.PROJECT_VIEWER }] },
  };
  await putMember(callers, tenant, subject, standings[role] ?? {});
  return personIn(tenant, subject);
}

async function create(fields: Partial<CreateAccessTokenRequest> = {}, settings = as('tenant_admin')) {
  const whole = { requestId: newRequestId(), tenantId, displayName: 'ci', role: Role.PROJECT_VIEWER, ...fields };
  return callers.bff.call(
    AccessTokenServiceService.createAccessToken,
    CreateAccessTokenRequest.fromPartial(whole),
    await settings,
  );
}

async function list(fields: Partial<ListAccessTokensRequest> = {}, settings = as('tenant_admin')) {
  const request = ListAccessTokensRequest.fromPartial({ tenantId, ...fields });
  return callers.bff.call(AccessTokenServiceService.listAccessTokens, request, await settings);
}

async function revoke(accessTokenId: string, settings = as('tenant_admin'), tenant = tenantId) {
  const request = RevokeAccessTokenRequest.fromPartial({ tenantId: tenant, accessTokenId });
  return callers.bff.call(AccessTokenServiceService.revokeAccessToken, request, await settings);
}

async function made(
  settings = as('tenant_admin'),
  fields: Partial<CreateAccessTokenRequest> = {},
): Promise<AccessToken> {
  const { accessToken } = await create(fields, settings);
  if (accessToken === undefined) throw new Error('no token was answered');
  return accessToken;
}

describe('CreateAccessToken', () => {
  test('answers the token once', async () => {
    const requestId = newRequestId();
    const first = await create({ requestId, displayName: 'Nightly build' });
    expect(first.token).toMatch(/^whp_[0-9A-Za-z]{49}$/);
    expect(first).toMatchObject({
      replayed: false,
      accessToken: {
        accessTokenId: expect.stringMatching(/^pat_[0-9a-f]{8}-[0-9a-f]{4}-7/),
        displayName: 'Nightly build',
        tokenPrefix: first.token.slice(0, 10),
        role: Role.PROJECT_VIEWER,
        createdByUserId: expect.stringMatching(/^usr_/),
        lastUseTime: undefined,
        revokeTime: undefined,
      },
    });
    const { createTime, expireTime } = first.accessToken ?? {};
    expect((expireTime?.getTime() ?? 0) - (createTime?.getTime() ?? 0)).toBe(90 * DAY_MS);
    const second = await create({ requestId, displayName: 'Nightly build' });
    expect(second).toEqual({ accessToken: first.accessToken, token: '', replayed: true });
    expect(await failureOf(create({ requestId, displayName: 'Other' }))).toMatchObject({
      reason: 'IDEMPOTENCY_KEY_REUSED',
      code: status.ALREADY_EXISTS,
    });
  });

  test('never shows a token in the log, or in the database', async () => {
    const { token } = await create();
    await failureOf(create({ displayName: '' }));
    expect(kernel.logLines.join('')).not.toContain(token);
    const collections = (await kernel.connection.db?.listCollections().toArray()) ?? [];
    for (const { name } of collections) {
      const text = JSON.stringify(await kernel.connection.collection(name).find().toArray(), (_, value) =>
        typeof value === 'bigint' ? String(value) : value,
      );
      expect([name, text.includes(token.slice(4, 47))]).toEqual([name, false]);
    }
  });

  test.each([
    ['project_viewer', Role.PROJECT_CONTRIBUTOR, 'project_contributor'],
    ['project_viewer', Role.TENANT_ADMIN, 'tenant_admin'],
    ['project_contributor', Role.TENANT_ADMIN, 'tenant_admin'],
  ])('refuses %s a token of role %i', async (held, role, required) => {
    expect(await failureOf(create({ role }, as(held)))).toMatchObject({
      reason: 'ROLE_REQUIRED',
      code: status.PERMISSION_DENIED,
      metadata: { required_role: required },
    });
  });

  test.each([
    ['project_viewer', Role.PROJECT_VIEWER],
    ['project_contributor', Role.PROJECT_CONTRIBUTOR],
    ['tenant_admin', Role.TENANT_ADMIN],
  ])('gives %s a token of their own role', async (held, role) => {
    expect((await made(as(held), { role })).role).toBe(role);
  });

  test('refuses projects that its maker has no role in, or that do not exist', async () => {
    for (const held of ['project_contributor', 'tenant_admin']) {
      expect(await failureOf(create({ projectIds: ['prj_x'] }, as(held)))).toMatchObject({
        reason: 'PROJECT_NOT_FOUND',
        metadata: { project_id: 'prj_x' },
      });
    }
  });

  test.each([
    ['request_id', { requestId: '' }],
    ['tenant_id', { tenantId: '' }],
    ['display_name', { displayName: '' }],
    ['display_name', { displayName: 'x'.repeat(101) }],
    ['display_name', { displayName: 'a\nb' }],
    ['role', { role: Role.UNSPECIFIED }],
    ['role', { role: 9 as Role }],
    ['expire_time', { expireTime: new Date(Date.now() - 1_000) }],
    ['expire_time', { expireTime: new Date(Date.now() + 367 * DAY_MS) }],
    ['project_ids', { role: Role.TENANT_ADMIN, projectIds: ['prj_x'] }],
    ['project_ids', { projectIds: Array.from({ length: 101 }, (_, index) => `prj_${index}`) }],
    ['project_ids[1]', { projectIds: ['prj_x', 'prj_x'] }],
    ['project_ids[0]', { projectIds: [''] }],
  ])('refuses a wrong %s', async (field, fields) => {
    const failure = await failureOf(create(fields));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', code: status.INVALID_ARGUMENT });
    expect(Object.keys(failure.violations)).toEqual([field]);
  });
});

describe('ListAccessTokens', () => {
  test('lists a person’s own, for a tenant_admin all; newest first, page by page', async () => {
    const tenant = await callers.openTenant();
    const [ada, bob, admin] = [
      as('project_viewer', 'usr_ada', tenant),
      as('project_viewer', 'usr_bob', tenant),
      as('tenant_admin', 'usr_admin', tenant),
    ];
    const ids: string[] = [];
    for (const person of [ada, bob, ada]) ids.unshift((await made(person, { tenantId: tenant })).accessTokenId);
    const idsOf = async (settings: typeof ada, fields: Partial<ListAccessTokensRequest> = {}) =>
      (await list({ tenantId: tenant, ...fields }, settings)).accessTokens.map(({ accessTokenId }) => accessTokenId);
    expect(await idsOf(admin)).toEqual(ids);
    expect(await idsOf(ada)).toEqual([ids[0], ids[2]]);
    expect(await idsOf(bob)).toEqual([ids[1]]);
    const first = await list({ tenantId: tenant, pageSize: 2 }, admin);
    expect(first.accessTokens.map(({ accessTokenId }) => accessTokenId)).toEqual(ids.slice(0, 2));
    const rest = await list({ tenantId: tenant, pageSize: 2, pageToken: first.nextPageToken }, admin);
    expect(rest.accessTokens.map(({ accessTokenId }) => accessTokenId)).toEqual(ids.slice(2));
    expect(rest.nextPageToken).toBe('');
    for (const pageToken of ['x', first.nextPageToken]) {
      const failure = await failureOf(list({ tenantId: tenant, includeEnded: true, pageToken }, admin));
      expect(failure).toMatchObject({ reason: 'INVALID_FIELD', violations: { page_token: expect.any(String) } });
    }
    await revoke(ids[0] ?? '', admin, tenant);
    expect(await idsOf(admin)).toEqual(ids.slice(1));
    expect(await idsOf(admin, { includeEnded: true })).toEqual(ids);
  });
});

describe('RevokeAccessToken', () => {
  test('revokes a person’s own, and for a tenant_admin anybody’s; again it answers the same', async () => {
    const [ada, admin] = [as('project_viewer', 'usr_ada'), as('tenant_admin')];
    const own = await made(ada);
    const first = await revoke(own.accessTokenId, ada);
    expect(first.accessToken).toMatchObject({ accessTokenId: own.accessTokenId, revokeTime: expect.any(Date) });
    expect(await revoke(own.accessTokenId, ada)).toEqual(first);
    expect((await revoke((await made(ada)).accessTokenId, admin)).accessToken?.revokeTime).toBeInstanceOf(Date);
  });

  test('does not find somebody else’s, another workspace’s, or one that does not exist: in the same words', async () => {
    const own = await made(as('project_contributor', 'usr_ada'));
    const otherTenant = await callers.openTenant();
    const elsewhere = await made(as('tenant_admin', 'usr_x', otherTenant), { tenantId: otherTenant });
    const bob = as('project_contributor', 'usr_bob');
    const failures = [
      await failureOf(revoke(own.accessTokenId, bob)),
      await failureOf(revoke(elsewhere.accessTokenId, as('tenant_admin'))),
      await failureOf(revoke('pat_01890000-0000-7000-8000-00000000dead', as('tenant_admin'))),
    ];
    for (const failure of failures) {
      expect(failure).toMatchObject({ reason: 'ACCESS_TOKEN_NOT_FOUND', code: status.NOT_FOUND });
    }
    const words = failures.map(({ message }) => message.replaceAll(/pat_[0-9a-f-]+/g, '…'));
    expect(new Set(words).size).toBe(1);
    expect((await list({}, as('project_contributor', 'usr_ada'))).accessTokens).toHaveLength(1);
  });

  test('about another workspace than the person’s: it does not exist', async () => {
    const otherTenant = await callers.openTenant();
    const own = await made();
    expect(await failureOf(revoke(own.accessTokenId, as('tenant_admin'), otherTenant))).toMatchObject({
      reason: 'TENANT_NOT_FOUND',
    });
  });
});
