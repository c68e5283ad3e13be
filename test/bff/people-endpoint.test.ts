// The JSON of workspaces, people, tokens, signups, trials, subscriptions, payment methods and alerts, to the letter, and what the kernel is asked for it.

import { decodeJwt, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TrialStatus } from '../../gen/wheelhouse/subscription/v1/trial.ts';
import {
  CancelTrialResponse,
  GetTrialResponse,
  StartTrialResponse,
} from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import {
  CreateAccessTokenResponse,
  ListAccessTokensResponse,
  RevokeAccessTokenResponse,
} from '../../gen/wheelhouse/tenant/v1/access_token_service.ts';
import { InvitationStatus } from '../../gen/wheelhouse/tenant/v1/invitation.ts';
import {
  AcceptInvitationResponse,
  CreateInvitationResponse,
  ListInvitationsResponse,
  RevokeInvitationResponse,
} from '../../gen/wheelhouse/tenant/v1/invitation_service.ts';
import {
  ListMembersResponse,
  RemoveMemberResponse,
  UpdateMemberResponse,
} from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import {
  CreateProjectResponse,
  ListProjectsResponse,
  UpdateProjectResponse,
} from '../../gen/wheelhouse/tenant/v1/project_service.ts';
import { Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { SignupStatus } from '../../gen/wheelhouse/tenant/v1/signup.ts';
import {
  ConfirmSignupResponse,
  ResendSignupResponse,
  StartSignupResponse,
} from '../../gen/wheelhouse/tenant/v1/signup_service.ts';
import { TenantStatus } from '../../gen/wheelhouse/tenant/v1/tenant.ts';
import {
  CloseTenantResponse,
  CreateTenantResponse,
  GetTenantResponse,
  ListWorkspaceRecordsResponse,
  UpdateTenantResponse,
} from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { GetMeResponse, ListMyWorkspacesResponse } from '../../gen/wheelhouse/tenant/v1/user_service.ts';
import { ALERT_CASES } from './support/alert-case.ts';
import { type Case, KEY, TIME, TIME_TEXT, TRIAL, TRIAL_JSON } from './support/endpoint-case.ts';
import { createKey, TENANT_ID } from './support/issuer-peer.ts';
import type { Answers } from './support/kernel-peer.ts';
import { PROMOTION_CASES } from './support/promotion-case.ts';
import { type HttpAnswer, PRODUCT_CODE, Stage } from './support/stage.ts';
import { SUBSCRIPTION_CASES } from './support/subscription-case.ts';
import { TOP_UP_CASES } from './support/top-up-case.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set();
});
afterAll(() => stage.clear());
beforeEach(() => stage.kernel.reset());

const WORKSPACE = `/v1/workspaces/${TENANT_ID}`;
const PROJECT_ROLE = { projectId: 'prj_1', role: Role.PROJECT_VIEWER };
const PROJECT_ROLE_JSON = { project_id: 'prj_1', role: 'project_viewer' };

const TENANT = {
  tenantId: TENANT_ID,
  productCode: PRODUCT_CODE,
  displayName: 'Ada & Co',
  planCode: 'free',
  status: TenantStatus.ACTIVE,
  createTime: TIME,
  slug: 'ada-co',
  ownerUserId: 'usr_1',
};
const TENANT_JSON = {
  workspace_id: TENANT_ID,
  display_name: 'Ada & Co',
  slug: 'ada-co',
  status: 'active',
  owner_user_id: 'usr_1',
  create_time: TIME_TEXT,
  close_time: null,
};
const MY_WORKSPACE = { tenant: TENANT, role: Role.PROJECT_VIEWER, projectRoles: [PROJECT_ROLE] };
const MY_WORKSPACE_JSON = { ...TENANT_JSON, role: 'project_viewer', project_roles: [PROJECT_ROLE_JSON] };
const MEMBER = {
  userId: 'usr_2',
  email: 'b@example.com',
  displayName: '',
  tenantAdmin: false,
  projectRoles: [PROJECT_ROLE],
  createTime: TIME,
  owner: false,
};
const MEMBER_JSON = {
  user_id: 'usr_2',
  email: 'b@example.com',
  display_name: null,
  tenant_admin: false,
  project_roles: [PROJECT_ROLE_JSON],
  owner: false,
  create_time: TIME_TEXT,
};
const PROJECT = { projectId: 'prj_1', displayName: 'One', createTime: TIME };
const PROJECT_JSON = { project_id: 'prj_1', display_name: 'One', create_time: TIME_TEXT, archive_time: null };
const INVITATION = {
  invitationId: 'inv_1',
  email: 'b@example.com',
  tenantAdmin: false,
  projectRoles: [PROJECT_ROLE],
  status: InvitationStatus.PENDING,
  invitedByUserId: 'usr_1',
  createTime: TIME,
  expireTime: TIME,
};
const INVITATION_JSON = {
  invitation_id: 'inv_1',
  email: 'b@example.com',
  tenant_admin: false,
  project_roles: [PROJECT_ROLE_JSON],
  status: 'pending',
  invited_by_user_id: 'usr_1',
  create_time: TIME_TEXT,
  expire_time: TIME_TEXT,
};
const ACCESS_TOKEN = {
  accessTokenId: 'pat_1',
  displayName: 'CI',
  tokenPrefix: 'whp_abcd',
  role: Role.TENANT_ADMIN,
  projectIds: [],
  createdByUserId: 'usr_1',
  createTime: TIME,
  expireTime: TIME,
};
const ACCESS_TOKEN_JSON = {
  access_token_id: 'pat_1',
  display_name: 'CI',
  token_prefix: 'whp_abcd',
  role: 'tenant_admin',
  project_ids: [],
  created_by_user_id: 'usr_1',
  create_time: TIME_TEXT,
  expire_time: TIME_TEXT,
  last_use_time: null,
  revoke_time: null,
};
const SIGNUP = {
  signupId: 'sgn_1',
  email: 'b@example.com',
  workspaceName: 'B',
  status: SignupStatus.PENDING,
  createTime: TIME,
  expireTime: TIME,
};
const SIGNUP_JSON = {
  signup_id: 'sgn_1',
  email: 'b@example.com',
  workspace_name: 'B',
  status: 'pending',
  create_time: TIME_TEXT,
  expire_time: TIME_TEXT,
};
const RECORD = {
  recordId: 'rec_1',
  createTime: TIME,
  method: 'MemberService/UpdateMember',
  actor: 'usr_1',
  accessTokenId: '',
  remoteAddress: '203.0.113.7',
  requestId: 'req-1',
  subjectId: 'usr_2',
  changes: [{ field: 'tenant_admin', before: 'false', after: 'true' }],
};
const RECORD_JSON = {
  record_id: 'rec_1',
  create_time: TIME_TEXT,
  method: 'MemberService/UpdateMember',
  actor: 'usr_1',
  access_token_id: null,
  remote_address: '203.0.113.7',
  request_id: 'req-1',
  subject_id: 'usr_2',
  changes: [{ field: 'tenant_admin', before: 'false', after: 'true' }],
};
const PAGE = { pageSize: 50, pageToken: '' };

const CASES: readonly Case[] = [
  {
    request: ['GET', '/v1/me'],
    rpc: 'getMe',
    asked: {},
    answered: GetMeResponse.fromPartial({
      user: { userId: 'usr_1', email: 'ada@example.com', displayName: 'Ada', createTime: TIME },
      workspace: MY_WORKSPACE,
      byAccessToken: true,
    }),
    status: 200,
    json: {
      user: { user_id: 'usr_1', email: 'ada@example.com', display_name: 'Ada', create_time: TIME_TEXT },
      workspace: MY_WORKSPACE_JSON,
      by_access_token: true,
      csrf_token: null,
    },
  },
  {
    request: ['GET', '/v1/workspaces?include_closed=true&page_size=500&page_token=abc'],
    rpc: 'listMyWorkspaces',
    asked: { includeClosed: true, pageSize: 200, pageToken: 'abc' },
    answered: ListMyWorkspacesResponse.fromPartial({ workspaces: [MY_WORKSPACE], nextPageToken: 'more' }),
    status: 200,
    json: { workspaces: [MY_WORKSPACE_JSON], next_page_token: 'more' },
  },
  {
    request: ['POST', '/v1/workspaces', { display_name: 'Ada & Co', slug: 'ada-co' }],
    rpc: 'createTenant',
    asked: {
      requestId: KEY,
      displayName: 'Ada & Co',
      slug: 'ada-co',
      ...{ productCode: '', planCode: '', actor: '', reason: '' },
    },
    answered: CreateTenantResponse.fromPartial({ tenant: TENANT }),
    status: 201,
    location: WORKSPACE,
    json: TENANT_JSON,
  },
  {
    request: ['GET', WORKSPACE],
    rpc: 'getTenant',
    asked: { tenantId: TENANT_ID },
    answered: GetTenantResponse.fromPartial({
      tenant: { ...TENANT, status: TenantStatus.CLOSED, closeTime: TIME, ownerUserId: '' },
    }),
    status: 200,
    json: { ...TENANT_JSON, status: 'closed', close_time: TIME_TEXT, owner_user_id: null },
  },
  {
    request: ['PATCH', WORKSPACE, { display_name: 'New' }],
    rpc: 'updateTenant',
    asked: { requestId: KEY, tenantId: TENANT_ID, displayName: 'New', slug: undefined, ownerUserId: undefined },
    answered: UpdateTenantResponse.fromPartial({ tenant: { ...TENANT, displayName: 'New' } }),
    status: 200,
    json: { ...TENANT_JSON, display_name: 'New' },
  },
  {
    request: ['POST', `${WORKSPACE}/close`],
    rpc: 'closeTenant',
    asked: { tenantId: TENANT_ID, actor: '', reason: '' },
    answered: CloseTenantResponse.fromPartial({ tenant: { ...TENANT, status: TenantStatus.SUSPENDED } }),
    status: 200,
    json: { ...TENANT_JSON, status: 'suspended' },
  },
  {
    request: [
      'GET',
      `${WORKSPACE}/audit-log?method=MemberService/UpdateMember&start_time=2026-01-02T03:04:05.678Z&end_time=2026-01-02T03:04:05.678Z`,
    ],
    rpc: 'listWorkspaceRecords',
    asked: { tenantId: TENANT_ID, method: 'MemberService/UpdateMember', startTime: TIME, endTime: TIME, ...PAGE },
    answered: ListWorkspaceRecordsResponse.fromPartial({ records: [RECORD] }),
    status: 200,
    json: { records: [RECORD_JSON], next_page_token: null },
  },
  {
    request: ['GET', `${WORKSPACE}/members`],
    rpc: 'listMembers',
    asked: { tenantId: TENANT_ID, ...PAGE },
    answered: ListMembersResponse.fromPartial({ members: [MEMBER] }),
    status: 200,
    json: { members: [MEMBER_JSON], next_page_token: null },
  },
  {
    request: ['PATCH', `${WORKSPACE}/members/usr_2`, { tenant_admin: false, project_roles: [PROJECT_ROLE_JSON] }],
    rpc: 'updateMember',
    asked: {
      requestId: KEY,
      tenantId: TENANT_ID,
      userId: 'usr_2',
      tenantAdmin: false,
      projectRoles: [PROJECT_ROLE],
    },
    answered: UpdateMemberResponse.fromPartial({ member: MEMBER }),
    status: 200,
    json: MEMBER_JSON,
  },
  {
    request: ['DELETE', `${WORKSPACE}/members/usr_2`],
    rpc: 'removeMember',
    asked: { requestId: KEY, tenantId: TENANT_ID, userId: 'usr_2' },
    answered: RemoveMemberResponse.fromPartial({}),
    status: 204,
  },
  {
    request: ['GET', `${WORKSPACE}/invitations?status=revoked`],
    rpc: 'listInvitations',
    asked: { tenantId: TENANT_ID, status: InvitationStatus.REVOKED, ...PAGE },
    answered: ListInvitationsResponse.fromPartial({ invitations: [INVITATION] }),
    status: 200,
    json: { invitations: [INVITATION_JSON], next_page_token: null },
  },
  {
    request: ['POST', `${WORKSPACE}/invitations`, { email: 'b@example.com', project_roles: [PROJECT_ROLE_JSON] }],
    rpc: 'createInvitation',
    asked: {
      requestId: KEY,
      tenantId: TENANT_ID,
      email: 'b@example.com',
      tenantAdmin: false,
      projectRoles: [PROJECT_ROLE],
    },
    answered: CreateInvitationResponse.fromPartial({ invitation: INVITATION }),
    status: 201,
    location: `${WORKSPACE}/invitations/inv_1`,
    json: INVITATION_JSON,
  },
  {
    request: ['DELETE', `${WORKSPACE}/invitations/inv_1`],
    rpc: 'revokeInvitation',
    asked: { tenantId: TENANT_ID, invitationId: 'inv_1' },
    answered: RevokeInvitationResponse.fromPartial({ invitation: INVITATION }),
    status: 204,
  },
  {
    request: ['POST', '/v1/invitations/accept', { token: 'secret-of-the-mail' }],
    rpc: 'acceptInvitation',
    asked: { token: 'secret-of-the-mail' },
    answered: AcceptInvitationResponse.fromPartial({ workspace: MY_WORKSPACE }),
    status: 200,
    json: MY_WORKSPACE_JSON,
  },
  {
    request: ['GET', `${WORKSPACE}/projects?include_archived=false`],
    rpc: 'listProjects',
    asked: { tenantId: TENANT_ID, includeArchived: false, ...PAGE },
    answered: ListProjectsResponse.fromPartial({ projects: [PROJECT] }),
    status: 200,
    json: { projects: [PROJECT_JSON], next_page_token: null },
  },
  {
    request: ['POST', `${WORKSPACE}/projects`, { display_name: 'One' }],
    rpc: 'createProject',
    asked: { requestId: KEY, tenantId: TENANT_ID, displayName: 'One' },
    answered: CreateProjectResponse.fromPartial({ project: PROJECT }),
    status: 201,
    location: `${WORKSPACE}/projects/prj_1`,
    json: PROJECT_JSON,
  },
  {
    request: ['PATCH', `${WORKSPACE}/projects/prj_1`, { archived: true }],
    rpc: 'updateProject',
    asked: { requestId: KEY, tenantId: TENANT_ID, projectId: 'prj_1', displayName: undefined, archived: true },
    answered: UpdateProjectResponse.fromPartial({ project: { ...PROJECT, archiveTime: TIME } }),
    status: 200,
    json: { ...PROJECT_JSON, archive_time: TIME_TEXT },
  },
  {
    request: ['GET', '/v1/tokens?include_ended=true'],
    rpc: 'listAccessTokens',
    asked: { tenantId: TENANT_ID, includeEnded: true, ...PAGE },
    answered: ListAccessTokensResponse.fromPartial({ accessTokens: [ACCESS_TOKEN] }),
    status: 200,
    json: { access_tokens: [ACCESS_TOKEN_JSON], next_page_token: null },
  },
  {
    request: ['POST', '/v1/tokens', { display_name: 'CI', role: 'tenant_admin', expire_time: TIME_TEXT }],
    rpc: 'createAccessToken',
    asked: {
      requestId: KEY,
      tenantId: TENANT_ID,
      displayName: 'CI',
      role: Role.TENANT_ADMIN,
      projectIds: [],
      expireTime: TIME,
    },
    answered: CreateAccessTokenResponse.fromPartial({ accessToken: ACCESS_TOKEN, token: 'whp_secret' }),
    status: 201,
    location: '/v1/tokens/pat_1',
    json: { access_token: ACCESS_TOKEN_JSON, token: 'whp_secret' },
  },
  {
    request: ['DELETE', '/v1/tokens/pat_1'],
    rpc: 'revokeAccessToken',
    asked: { tenantId: TENANT_ID, accessTokenId: 'pat_1' },
    answered: RevokeAccessTokenResponse.fromPartial({ accessToken: ACCESS_TOKEN }),
    status: 204,
  },
  {
    request: ['POST', '/v1/signups', { email: 'b@example.com', workspace_name: 'B' }],
    rpc: 'startSignup',
    asked: { requestId: KEY, email: 'b@example.com', workspaceName: 'B' },
    answered: StartSignupResponse.fromPartial({ signup: SIGNUP }),
    status: 201,
    location: '/v1/signups/sgn_1',
    json: SIGNUP_JSON,
  },
  {
    request: ['POST', '/v1/signups/sgn_1/resend'],
    rpc: 'resendSignup',
    asked: { requestId: KEY, signupId: 'sgn_1' },
    answered: ResendSignupResponse.fromPartial({ signup: SIGNUP }),
    status: 200,
    json: SIGNUP_JSON,
  },
  {
    request: ['POST', '/v1/signups/confirm', { token: 'secret-of-the-mail' }],
    rpc: 'confirmSignup',
    asked: { token: 'secret-of-the-mail' },
    answered: ConfirmSignupResponse.fromPartial({ workspace: { ...MY_WORKSPACE, role: Role.TENANT_ADMIN } }),
    status: 201,
    location: WORKSPACE,
    json: { ...MY_WORKSPACE_JSON, role: 'tenant_admin' },
  },
  {
    request: ['GET', '/v1/billing/trial'],
    rpc: 'getTrial',
    asked: { tenantId: TENANT_ID },
    answered: GetTrialResponse.fromPartial({ planCode: 'pro', asOfTime: TIME, trial: TRIAL }),
    status: 200,
    json: { trial: TRIAL_JSON, plan_code: 'pro', as_of_time: TIME_TEXT },
  },
  {
    request: ['POST', '/v1/billing/trial', { plan_code: 'pro' }],
    rpc: 'startTrial',
    asked: {
      requestId: KEY,
      tenantId: TENANT_ID,
      planCode: 'pro',
      trialDays: undefined,
      grantedMicrocredits: undefined,
      ...{ actor: '', reason: '', consentToCharge: false },
    },
    answered: StartTrialResponse.fromPartial({ trial: TRIAL }),
    status: 201,
    location: '/v1/billing/trial',
    json: TRIAL_JSON,
  },
  {
    request: ['POST', '/v1/billing/trial/cancel'],
    rpc: 'cancelTrial',
    asked: { requestId: KEY, tenantId: TENANT_ID, actor: '', reason: '' },
    answered: CancelTrialResponse.fromPartial({ trial: { ...TRIAL, status: TrialStatus.CANCELED } }),
    status: 200,
    json: { ...TRIAL_JSON, status: 'canceled' },
  },
  ...SUBSCRIPTION_CASES,
  ...PROMOTION_CASES,
  ...ALERT_CASES,
  ...TOP_UP_CASES,
];

/** Every kind of Authorization header by which nobody is signed in. */
async function listBadCredentials(): Promise<readonly (readonly [kind: string, header: string])[]> {
  const { issuer } = stage;
  const past = Math.floor(Date.now() / 1_000) - 60;
  const good = await issuer.sign();
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`;
  const confused = await new SignJWT(decodeJwt(good))
    .setProtectedHeader({ alg: 'HS256', kid: 'key-ES256' })
    .sign(Buffer.from(JSON.stringify(issuer.key('ES256').publicJwk)));
  return [
    ['none', ''],
    ['expired', `Bearer ${await issuer.sign({ claims: { exp: past } })}`],
    ['for the other product', `Bearer ${await issuer.sign({ claims: { aud: 'wheelhouse:otherproduct' } })}`],
    ['of another issuer', `Bearer ${await issuer.sign({ claims: { iss: 'https://evil.example.com' } })}`],
    ['by another key', `Bearer ${await issuer.sign({ key: await createKey('key-ES256', 'ES256') })}`],
    ['alg none', `Bearer ${unsigned}`],
    ['HS256 with the public key', `Bearer ${confused}`],
    ['malformed', 'Bearer a.b'],
    ['Basic', 'Basic dXNlcjpwYXNz'],
  ];
}

const nameOf = ({ request: [method, path] }: Case): string => `${method} ${path.split('?')[0]}`;
const TABLE = CASES.map((each) => [nameOf(each), each] as const);
const WRITES = TABLE.filter(
  ([
    ,
    {
      request: [method],
    },
  ]) => method !== 'GET',
);

function answerWith(rpc: keyof Answers, answer: unknown): void {
  // The case pairs the method with its answer.
  Object.assign(stage.kernel.answers, { [rpc]: () => answer });
}

function send({ request: [method, path, body] }: Case, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  const named = path.startsWith('/v1/workspaces') ? {} : { 'x-workspace-id': TENANT_ID };
  const key = method === 'GET' ? {} : { 'idempotency-key': KEY };
  return stage.write(method, path, body, { ...named, ...key, ...headers });
}

describe('every route', () => {
  test.each(TABLE)('%s asks the kernel once, and answers to the letter', async (_, each) => {
    answerWith(each.rpc, each.answered);

    const answer = await send(each);

    expect(stage.kernel.calls.map(({ method, request }) => [method, request])).toEqual([[each.rpc, each.asked]]);
    expect(answer.status).toBe(each.status);
    expect(answer.text).toBe(each.json === undefined ? '' : JSON.stringify(each.json));
    expect(answer.headers.get('location')).toBe(each.location ?? null);
    expect(answer.headers.get('idempotency-replayed')).toBeNull();
    expect(answer.text).not.toContain('product_code');
  });

  test.each(TABLE)('%s shows nothing that the kernel left out', async (_, each) => {
    if (each.json === undefined) return;
    answerWith(each.rpc, Object.fromEntries(Object.entries(Object(each.answered)).map(([name]) => [name, undefined])));
    if ('next_page_token' in each.json) {
      answerWith(each.rpc, { ...Object(each.answered), ...firstItemEmpty(each.answered) });
    }

    const answer = await send(each);

    expect(answer.status).toBe(500);
    expect(answer.problem().reason).toBe('INTERNAL');
  });

  test.each(TABLE)('%s refuses a parameter that it does not know, and a body or field', async (_, each) => {
    const [method, path, body] = each.request;
    const query = `${path}${path.includes('?') ? '&' : '?'}product_code=otherproduct`;
    expect((await send({ ...each, request: [method, query, body] })).problem()).toMatchObject({
      errors: [{ field: 'product_code' }],
    });
    if (method === 'GET') return;
    for (const name of ['product_code', 'role_', 'balance', '$set', '__proto__', 'constructor', 'tenant_id', 'actor']) {
      const changed = `{${JSON.stringify(name)}:"x"${Object.entries(Object(body))
        .map((pair) => `,${pair.map((part) => JSON.stringify(part)).join(':')}`)
        .join('')}}`;
      const answer = await send({ ...each, request: [method, path, changed] });
      const field = method === 'DELETE' ? 'body' : name;
      expect(answer.status).toBe(400);
      expect(answer.problem().errors).toContainEqual({ field, message: expect.any(String) });
    }
    expect(stage.kernel.calls).toEqual([]);
  });

  test.each(TABLE)('%s asks who calls, but for a signup', async (name, each) => {
    const isOpen = /signups($|\/sgn_1)/.test(name);
    answerWith(each.rpc, each.answered);

    const answer = await send(each, { authorization: 'Bearer x' });

    expect(answer.status).toBe(isOpen ? each.status : 401);
    expect(stage.kernel.calls).toHaveLength(isOpen ? 1 : 0);
    for (const { metadata } of stage.kernel.calls) {
      for (const key of ['x-subject', 'x-issuer', 'x-access-token', 'x-tenant-id'])
        expect(metadata).not.toHaveProperty(key);
    }
  });

  test.each(TABLE.filter(([name]) => !/signups($|\/sgn_1)/.test(name)))(
    '%s is closed to every credential that does not count',
    async (_, each) => {
      for (const [kind, authorization] of await listBadCredentials()) {
        const answer = await send(each, { authorization });
        expect([kind, answer.status, answer.problem().reason]).toEqual([kind, 401, 'CREDENTIAL_INVALID']);
      }
      expect(stage.kernel.calls).toEqual([]);
    },
  );

  function firstItemEmpty(answered: unknown): object {
    const list = Object.entries(Object(answered)).find(([, value]) => Array.isArray(value));
    return list ? { [list[0]]: [{ ...Object(list[1])[0], createTime: undefined, tenant: undefined }] } : {};
  }
});

describe('a write', () => {
  test.each(WRITES)('%s takes a key for what is to happen once, or makes one', async (_, each) => {
    answerWith(each.rpc, each.answered);
    for (const key of ['', 'a b', 'ä', 'k'.repeat(129), 'a/b']) {
      const encoded = Buffer.from(key).toString('latin1');
      expect((await send(each, { 'idempotency-key': encoded })).problem()).toMatchObject({
        errors: [{ field: 'Idempotency-Key' }],
      });
    }
    expect(stage.kernel.calls).toEqual([]);
    if (!('requestId' in each.asked)) return;

    const [method, path, body] = each.request;
    for (let times = 0; times < 2; times += 1) {
      await stage.write(method, path, body, path.startsWith(WORKSPACE) ? {} : { 'x-workspace-id': TENANT_ID });
    }
    const keys = stage.kernel.calls.map(({ request }) => Object(request).requestId);
    expect(new Set(keys).size).toBe(2);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each(WRITES.filter(([, { answered }]) => 'replayed' in Object(answered)))(
    '%s says that it happened before',
    async (_, each) => {
      answerWith(each.rpc, { ...Object(each.answered), replayed: true });

      const answer = await send(each);

      expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([each.status, 'true']);
    },
  );

  test('of an access token shows the token once', async () => {
    answerWith(
      'createAccessToken',
      CreateAccessTokenResponse.fromPartial({ accessToken: ACCESS_TOKEN, replayed: true }),
    );

    const answer = await stage.write('POST', '/v1/tokens', { display_name: 'CI', role: 'tenant_admin' }, NAMED);

    expect(answer.json()).toEqual({ access_token: ACCESS_TOKEN_JSON, token: null });
  });
  const NAMED = { 'x-workspace-id': TENANT_ID };
});

describe('what is of another product', () => {
  const OTHER = { ...TENANT, productCode: 'otherproduct', displayName: 'Secret' };
  test.each([
    ['getTenant', 'GET', WORKSPACE, GetTenantResponse.fromPartial({ tenant: OTHER })],
    [
      'listMyWorkspaces',
      'GET',
      '/v1/workspaces',
      ListMyWorkspacesResponse.fromPartial({ workspaces: [{ tenant: OTHER }] }),
    ],
    [
      'getMe',
      'GET',
      '/v1/me',
      GetMeResponse.fromPartial({ user: { userId: 'usr_1', createTime: TIME }, workspace: { tenant: OTHER } }),
    ],
  ] as const)('is not shown, whoever sent it: %s', async (rpc, method, path, answered) => {
    answerWith(rpc, answered);

    const answer = await stage.write(method, path);

    expect(answer.status).toBe(500);
    expect(answer.text).not.toMatch(/otherproduct|Secret/);
  });
});
