// Who the kernel is told that a call is for, and which workspace it is about.

import { status as GrpcStatus } from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ListPlansResponse } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { GetBalanceResponse } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { GetMeResponse } from '../../gen/wheelhouse/tenant/v1/user_service.ts';
import { SUBJECT, TENANT_ID } from './support/issuer-peer.ts';
import { refusal } from './support/kernel-peer.ts';
import { PRODUCT_CODE, Stage } from './support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.set({ trustedProxies: ['127.0.0.1'] });
});
afterAll(() => stage.clear());

/** What callers are remembered by is theirs alone, so each test has its own. */
let subject = '';
let number = 0;
beforeEach(() => {
  number += 1;
  subject = `person-${number}`;
  stage.kernel.reset();
  stage.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
  stage.kernel.answers.listPlans = () => ListPlansResponse.fromPartial({});
  stage.kernel.answers.getMe = () => answerMe(TENANT_ID);
});

const USAGE = '/v1/billing/usage';
const PAT = `whp_${'a1'.repeat(21)}`;

function answerMe(tenantId: string | undefined): GetMeResponse {
  const workspace = tenantId === undefined ? undefined : { tenant: { tenantId }, role: Role.PROJECT_VIEWER };
  return GetMeResponse.fromPartial({ user: { userId: 'usr_1' }, ...(workspace && { workspace }) });
}

async function get(path: string, headers: Record<string, string> = {}, claims: Record<string, unknown> = {}) {
  const token = await stage.issuer.sign({ claims: { sub: subject, ...claims } });
  return stage.send(path, { headers: { authorization: `Bearer ${token}`, ...headers } });
}

const methods = (): string[] => stage.kernel.calls.map(({ method }) => method);
const lastMetadata = () => stage.kernel.calls.at(-1)?.metadata ?? {};

describe('a person', () => {
  test('is told by issuer and subject, with address and name', async () => {
    await get(USAGE, { 'x-workspace-id': TENANT_ID }, { email: 'Ada@Example.com', name: 'Ada Lövelace' });

    expect(lastMetadata()).toMatchObject({
      'x-issuer': stage.issuer.url,
      'x-subject': subject,
      'x-email': 'ada%40example.com',
      'x-name': 'Ada%20L%C3%B6velace',
      'x-tenant-id': TENANT_ID,
      'x-product-code': PRODUCT_CODE,
    });
    expect(lastMetadata()).not.toHaveProperty('x-access-token');
  });

  test.each([
    ['not verified', { email_verified: false }],
    ['verified by another word', { email_verified: 'true' }],
    ['verified by nobody', { email_verified: null }],
    ['no address', { email: 'nobody' }],
    ['no text', { email: ['ada@example.com'] }],
    ['too long', { email: `${'a'.repeat(250)}@b.io` }],
    ['one that breaks lines', { email: 'ada@example.com\r\nx-subject: root' }],
    ['another one in lower case', { email: 'mar\u212a@example.com' }],
    ['half a character', { email: 'ada\ud800@example.com' }],
  ])('whose address is %s has none for the kernel', async (_, claims) => {
    expect((await get(USAGE, { 'x-workspace-id': TENANT_ID }, claims)).status).toBe(200);
    expect(lastMetadata()).not.toHaveProperty('x-email');
    expect(lastMetadata()['x-subject']).toBe(subject);
  });

  test.each([
    ['n'.repeat(150), 'n'.repeat(100)],
    [`${'n'.repeat(99)}😀`, 'n'.repeat(99)],
    ['Ada\r\nx-role: tenant_admin', 'Ada  x-role: tenant_admin'],
    [' \u0000 ', undefined],
    [{ $ne: '' }, undefined],
  ])('is called by a name that is text: %j', async (name, told) => {
    await get(USAGE, { 'x-workspace-id': TENANT_ID }, { name });

    const { 'x-name': encoded } = lastMetadata();
    expect(encoded === undefined ? undefined : decodeURIComponent(encoded)).toBe(told);
  });

  test('gets no role and no workspace by claims or headers of former times', async () => {
    const claims = { wheelhouse_tenant_id: 'ten_other', wheelhouse_role: 'tenant_admin' };
    await get(USAGE, { 'x-role': 'tenant_admin', 'x-tenant-id': 'ten_other', 'x-subject': 'root' }, claims);

    expect(JSON.stringify(stage.kernel.calls.map(({ metadata }) => metadata))).not.toMatch(
      /ten_other|tenant_admin|root/,
    );
    expect(lastMetadata()['x-tenant-id']).toBe(TENANT_ID);
  });
});

describe('a personal access token', () => {
  const send = (headers: Record<string, string> = {}, path = USAGE) =>
    stage.send(path, { headers: { authorization: `Bearer ${PAT}${number}`, ...headers } });

  test('goes to the kernel as it is, and no person with it', async () => {
    expect((await send()).status).toBe(200);

    expect(methods()).toEqual(['getMe', 'getBalance']);
    for (const { metadata } of stage.kernel.calls) {
      expect(metadata['x-access-token']).toBe(`${PAT}${number}`);
      for (const name of ['x-issuer', 'x-subject', 'x-email', 'x-name']) expect(metadata).not.toHaveProperty(name);
    }
  });

  test('that the kernel does not know is the fault of the client', async () => {
    stage.kernel.answers.getMe = () => {
      const metadata = { credential: 'access_token' };
      throw refusal({ code: GrpcStatus.UNAUTHENTICATED, reason: 'CREDENTIAL_INVALID', metadata });
    };

    const answer = await send();

    expect(answer.status).toBe(401);
    expect(answer.problem()).toMatchObject({
      reason: 'CREDENTIAL_INVALID',
      detail: expect.stringContaining('revoked'),
    });
    expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
    expect(answer.text).not.toContain(PAT);
  });

  test('is not blamed when the kernel refuses the BFF itself', async () => {
    stage.kernel.answers.getMe = () => {
      throw refusal({ code: GrpcStatus.UNAUTHENTICATED, reason: 'CREDENTIAL_INVALID' });
    };

    expect((await send()).problem()).toMatchObject({ status: 500, reason: 'INTERNAL' });
  });

  test('that is endless does not reach the kernel', async () => {
    const authorization = `Bearer whp_${'a'.repeat(300)}`;

    expect((await stage.send(USAGE, { headers: { authorization } })).status).toBe(401);
    expect(stage.kernel.calls).toEqual([]);
  });

  test('leaves no trace in the log', async () => {
    stage.logLines.length = 0;
    await send({ 'x-request-id': 'pat-1' });

    await expect.poll(() => stage.logLines.filter((line) => line.includes('pat-1')).length).toBe(1);
    expect(stage.logLines.join('')).toContain('"caller":"program"');
    expect(stage.logLines.join('')).not.toContain(PAT);
  });
});

describe('the workspace', () => {
  test('that the header names is taken without a question', async () => {
    await get(USAGE, { 'x-workspace-id': 'ten_named' });

    expect(methods()).toEqual(['getBalance']);
    expect(stage.kernel.calls[0]?.request).toMatchObject({ tenantId: 'ten_named' });
    expect(lastMetadata()['x-tenant-id']).toBe('ten_named');
  });

  test('of who has only one is asked for once in some seconds, however many ask', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => get(USAGE)));
    await get('/v1/billing/usage');

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(methods().filter((method) => method === 'getMe')).toHaveLength(1);
    expect(stage.kernel.calls.at(-1)?.request).toMatchObject({ tenantId: TENANT_ID });
  });

  test("is nobody else's", async () => {
    await get(USAGE);
    stage.kernel.answers.getMe = () => answerMe('ten_second');
    await get(USAGE, {}, { sub: `${subject}-other` });

    expect(stage.kernel.calls.at(-1)?.request).toMatchObject({ tenantId: 'ten_second' });
  });

  test('must be named where there is none or several, and one that was just made is found', async () => {
    stage.kernel.answers.getMe = () => answerMe(undefined);
    const answer = await get(USAGE);
    expect(answer.status).toBe(400);
    expect(answer.problem()).toMatchObject({
      reason: 'WORKSPACE_REQUIRED',
      detail: expect.stringContaining('X-Workspace-Id'),
    });

    stage.kernel.answers.getMe = () => answerMe(TENANT_ID);
    expect((await get(USAGE)).status).toBe(200);
  });

  test('that could not be found out is asked for again', async () => {
    stage.kernel.answers.getMe = () => {
      throw refusal({ code: GrpcStatus.UNAVAILABLE, reason: 'DATABASE_UNAVAILABLE' });
    };
    expect((await get(USAGE)).status).toBe(503);
    stage.kernel.answers.getMe = () => answerMe(TENANT_ID);

    expect((await get(USAGE)).status).toBe(200);
  });

  test.each(['', ' ', '../ten_1', 'ten 1', 'ten_1,ten_2', 'ä', 't'.repeat(129), '{"$ne":""}'])(
    'can not be called %j',
    async (name) => {
      const token = await stage.issuer.sign();
      const answer = await stage.sendRaw(
        Buffer.from(
          `GET ${USAGE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${token}\r\nx-workspace-id: ${name}\r\n\r\n`,
        ),
      );

      expect(answer.status).toBe(400);
      expect(answer.problem()).toMatchObject({ errors: [{ field: 'X-Workspace-Id' }] });
      expect(stage.kernel.calls).toEqual([]);
    },
  );

  test('is not asked for where plans are read', async () => {
    await get('/v1/billing/plans');

    expect(methods()).toEqual(['listPlans']);
    expect(lastMetadata()).not.toHaveProperty('x-tenant-id');
  });

  test('in the path must be the one that the header names', async () => {
    const answer = await get('/v1/workspaces/ten_1/members', { 'x-workspace-id': 'ten_2' });

    expect(answer.problem()).toMatchObject({ status: 400, errors: [{ field: 'X-Workspace-Id' }] });
    expect(stage.kernel.calls).toEqual([]);
  });
});

describe('the address', () => {
  test.each([
    [undefined, '127.0.0.1'],
    ['203.0.113.7', '203.0.113.7'],
    ['198.51.100.9, 203.0.113.7', '203.0.113.7'],
    ['203.0.113.7, 127.0.0.1', '203.0.113.7'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    [`fe80::1%${'z'.repeat(100)}`, 'fe80::1'],
    ['x-subject: root', undefined],
    ['a'.repeat(100), undefined],
  ])('behind a trusted proxy that says %j is %j', async (forwarded, told) => {
    await get(USAGE, { 'x-workspace-id': TENANT_ID, ...(forwarded && { 'x-forwarded-for': forwarded }) });

    expect(lastMetadata()['x-remote-address']).toBe(told);
  });

  test('is that of the connection where no proxy is trusted', async () => {
    const other = await Stage.set();
    try {
      other.kernel.answers.getBalance = () => GetBalanceResponse.fromPartial({ balance: {} });
      await other.get(USAGE, { 'x-forwarded-for': '203.0.113.7' });

      expect(other.kernel.calls[0]?.metadata).toMatchObject({ 'x-remote-address': '127.0.0.1', 'x-subject': SUBJECT });
    } finally {
      await other.clear();
    }
  });
});
