// InvitationService: a mail with a token makes a person a member, once, however often and from wherever it is used.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { InvitationStatus } from '../../gen/wheelhouse/tenant/v1/invitation.ts';
import { Role } from '../../gen/wheelhouse/tenant/v1/role.ts';
import { INVITATION_LIFETIME_MS } from '../../kernel/app/tenant/invitation-service.ts';
import { OPEN_INVITATIONS_MAX } from '../../kernel/domain/workspace.ts';
import { type Callers, callersOf } from './support/account.ts';
import { failureOf, settle } from './support/failure.ts';
import { moveClock } from './support/hold.ts';
import { type ComposedKernel, composeKernel, type KernelFixture, newRequestId } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import {
  callsOf,
  emailOf,
  joinAs,
  MailTray,
  openOnPlan,
  openWorkspace,
  type Somebody,
  stranger,
  type TestWorkspace,
  workspaceOperatorOf,
} from './support/people.ts';

const tray = new MailTray();
let kernel: ComposedKernel;
let callers: Callers;
/** Another kernel over the same database, with the same outbox. */
let second: KernelFixture;
let there: Callers;

beforeAll(async () => {
  kernel = await composeKernel({ outbox: tray });
  callers = callersOf(kernel);
  second = await composeKernel({ mongodbUri: kernel.mongodbUri, outbox: tray });
  there = callersOf(second);
});
afterAll(async () => {
  await second.close();
  await kernel.close();
});

const operator = () => workspaceOperatorOf(callers);
const acceptAs = (who: Somebody, token = tray.tokenTo(emailOf(who)), from = callers) =>
  callsOf(from, who).accept(token);

async function invited(
  workspace?: TestWorkspace,
): Promise<{ readonly workspace: TestWorkspace; readonly bob: Somebody; readonly invitationId: string }> {
  const where = workspace ?? (await openWorkspace(callers));
  const bob = stranger('bob');
  const { invitation } = await where.calls.invite({ email: emailOf(bob) });
  return { workspace: where, bob, invitationId: invitation?.invitationId ?? '' };
}

describe('CreateInvitation', () => {
  test('sends one mail, whose token is in no answer, log or database', async () => {
    const { calls, tenantId, adminId } = await openWorkspace(callers, {}, stranger('ann', { name: 'Ann' }));
    const bob = stranger('bob');
    const request = { requestId: newRequestId(), email: emailOf(bob).toUpperCase() };
    const first = await calls.invite(request);
    expect(first).toMatchObject({
      replayed: false,
      invitation: {
        ...{ invitationId: expect.stringMatching(/^inv_/), email: bob.email, status: InvitationStatus.PENDING },
        ...{ invitedByUserId: adminId, tenantAdmin: false, projectRoles: [] },
      },
    });
    const { createTime, expireTime } = first.invitation ?? {};
    expect(Number(expireTime) - Number(createTime)).toBe(INVITATION_LIFETIME_MS);
    const mails = tray.mailsTo(emailOf(bob));
    expect(mails).toMatchObject([
      { productCode: 'agentruntime', content: { template: 'invitation', workspaceName: 'Acme', inviter: 'Ann' } },
    ]);
    expect(await calls.invite(request)).toEqual({ ...first, replayed: true });
    expect(tray.mailsTo(emailOf(bob))).toEqual(mails);
    const token = tray.tokenTo(emailOf(bob));
    expect(token.length).toBeGreaterThanOrEqual(43);
    const stored = await kernel.connection.collection('tenants').findOne({ tenant_id: tenantId });
    const records = await kernel.connection.collection('workspace_records').find({ tenant_id: tenantId }).toArray();
    for (const text of [JSON.stringify([first, stored, records]), kernel.logLines.join('')]) {
      expect(text).not.toContain(token);
    }
    // No personal data in the log of the workspace.
    expect(JSON.stringify(records)).not.toContain(bob.email);
  });

  test('refuses a request id that meant something else', async () => {
    const { calls } = await openWorkspace(callers);
    const request = { requestId: newRequestId(), email: 'bob@example.com' };
    await calls.invite(request);
    for (const fields of [{ email: 'cid@example.com' }, { tenantAdmin: true }]) {
      expect(await failureOf(calls.invite({ ...request, ...fields }))).toMatchObject({
        reason: 'IDEMPOTENCY_KEY_REUSED',
      });
    }
  });

  test('whose mail did not get out sends a token that works with its retry, and the first token never counts', async () => {
    const { calls } = await openWorkspace(callers);
    const bob = stranger('bob');
    const request = { requestId: newRequestId(), email: emailOf(bob) };
    tray.failNext(new Error('injected: the kernel died before the mail'));
    expect((await failureOf(calls.invite(request))).reason).toBe('INTERNAL');
    expect(tray.mailsTo(emailOf(bob))).toEqual([]);
    expect(await calls.invite(request)).toMatchObject({ replayed: true });
    expect(tray.mailsTo(emailOf(bob))).toHaveLength(1);
    await calls.invite(request);
    expect(tray.mailsTo(emailOf(bob))).toHaveLength(1);
    expect((await calls.listInvitations()).invitations).toHaveLength(1);
    expect(await acceptAs(bob)).toMatchObject({ replayed: false });
  });

  test('whose retries meet sends no token that does not work', async () => {
    const { calls, admin } = await openWorkspace(callers);
    const bob = stranger('bob');
    const request = { requestId: newRequestId(), email: emailOf(bob) };
    tray.failNext(new Error('injected: the kernel died before the mail'));
    await failureOf(calls.invite(request));
    tray.meetNext(2);
    await Promise.all([calls.invite(request), callsOf(there, admin).invite(request)]);
    const tokens = tray.tokensTo(emailOf(bob));
    expect(tokens).toHaveLength(1);
    expect(await acceptAs(bob, tokens[0])).toMatchObject({ replayed: false });
  });

  test('replaces the open one of the address', async () => {
    const { workspace, bob } = await invited();
    const old = tray.tokenTo(emailOf(bob));
    await workspace.calls.invite({ email: emailOf(bob), tenantAdmin: true });
    expect(await failureOf(acceptAs(bob, old))).toMatchObject({
      reason: 'INVITATION_ENDED',
      metadata: { status: 'revoked' },
    });
    expect((await acceptAs(bob)).workspace).toMatchObject({ role: Role.TENANT_ADMIN });
  });

  test('refuses the address of a member', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    const bob = await joinAs(callers, tenantId);
    const failure = await failureOf(calls.invite({ email: emailOf(bob.who) }));
    expect(failure).toMatchObject({ reason: 'ALREADY_MEMBER', code: status.ALREADY_EXISTS });
  });

  test('names what is wrong', async () => {
    const { calls } = await openWorkspace(callers);
    for (const email of [
      '',
      'bob',
      'bob@',
      '@example.com',
      'bob smith@example.com',
      `${'x'.repeat(250)}@example.com`,
    ]) {
      expect(Object.keys((await failureOf(calls.invite({ email }))).violations)).toEqual(['email']);
    }
    const roles = { tenantAdmin: true, projectRoles: [{ projectId: 'prj_x', role: Role.PROJECT_VIEWER }] };
    const failure = await failureOf(calls.invite({ email: 'bob@example.com', ...roles }));
    expect(Object.keys(failure.violations)).toEqual(['project_roles']);
    const missing = { email: 'bob@example.com', projectRoles: roles.projectRoles };
    expect(await failureOf(calls.invite(missing))).toMatchObject({ reason: 'PROJECT_NOT_FOUND' });
  });

  test('has a bound on how many are open', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    for (let index = 0; index < OPEN_INVITATIONS_MAX; index += 1)
      await calls.invite({ email: `p${index}@example.com` });
    expect(await failureOf(calls.invite({ email: 'more@example.com' }))).toMatchObject({
      reason: 'WORKSPACE_LIMIT_REACHED',
      metadata: { limit: String(OPEN_INVITATIONS_MAX) },
    });
    // One that is replaced makes no more of them.
    await calls.invite({ email: 'p0@example.com' });
    expect(await operator().records(tenantId, { pageSize: 1 })).toHaveLength(1);
  });
});

describe('AcceptInvitation', () => {
  test('makes a member with the roles of the invitation, once', async () => {
    const { calls, tenantId } = await openWorkspace(callers);
    const { project } = await calls.createProject();
    const projectRoles = [{ projectId: project?.projectId ?? '', role: Role.PROJECT_CONTRIBUTOR }];
    const bob = stranger('bob');
    await calls.invite({ email: emailOf(bob), projectRoles });
    const joined = await acceptAs({ ...bob, remoteAddress: '192.0.2.7' });
    expect(joined).toMatchObject({
      replayed: false,
      workspace: { role: Role.PROJECT_CONTRIBUTOR, projectRoles, tenant: { tenantId } },
    });
    expect(await acceptAs(bob)).toEqual({ ...joined, replayed: true });
    expect(await acceptAs(bob, undefined, there)).toEqual({ ...joined, replayed: true });
    expect(await operator().members(tenantId)).toHaveLength(2);
    expect((await calls.listInvitations()).invitations).toMatchObject([{ status: InvitationStatus.ACCEPTED }]);
    const { user } = await callsOf(callers, bob).getMe();
    expect(await operator().records(tenantId, { method: 'InvitationService/AcceptInvitation' })).toMatchObject([
      { actor: user?.userId, subjectId: user?.userId, remoteAddress: '192.0.2.7' },
    ]);
  });

  test('is for the address alone, whatever the token is worth', async () => {
    const { bob } = await invited();
    const token = tray.tokenTo(emailOf(bob));
    expect(await failureOf(acceptAs({ subject: bob.subject }, token))).toMatchObject({
      reason: 'EMAIL_NOT_VERIFIED',
      code: status.FAILED_PRECONDITION,
    });
    const eve = stranger('eve');
    for (const act of [() => undefined, () => acceptAs(bob)]) {
      await act();
      const failure = await failureOf(acceptAs(eve, token));
      expect(failure).toMatchObject({ reason: 'EMAIL_MISMATCH', code: status.FAILED_PRECONDITION });
      expect(failure.message).not.toContain(bob.email);
    }
  });

  test('takes no address that the issuer vouched for once, and not now', async () => {
    const { bob } = await invited();
    await callsOf(callers, bob).getMe();
    const now = { subject: bob.subject };
    expect((await failureOf(acceptAs(now, tray.tokenTo(emailOf(bob))))).reason).toBe('EMAIL_NOT_VERIFIED');
  });

  test('does not know a token that is wrong, cut, or of another product, all in the same words', async () => {
    const { bob } = await invited();
    const token = tray.tokenTo(emailOf(bob));
    const elsewhere = { ...bob, productCode: 'otherproduct' };
    const failures = await Promise.all([
      failureOf(acceptAs(bob, token.slice(0, -1))),
      failureOf(acceptAs(bob, `${token}x`)),
      failureOf(acceptAs(elsewhere, token)),
    ]);
    expect(new Set(failures.map(({ reason, code, message }) => JSON.stringify({ reason, code, message }))).size).toBe(
      1,
    );
    expect(failures[0]).toMatchObject({ reason: 'INVITATION_NOT_FOUND', code: status.NOT_FOUND });
    expect(Object.keys((await failureOf(acceptAs(bob, ''))).violations)).toEqual(['token']);
    expect(Object.keys((await failureOf(acceptAs(bob, '{"$ne":null}'))).violations)).toEqual(['token']);
    expect(Object.keys((await failureOf(acceptAs(bob, 'x'.repeat(2_000)))).violations)).toEqual(['token']);
  });

  test('lets nobody in again who was taken out', async () => {
    const { workspace, bob } = await invited();
    await acceptAs(bob);
    const { user } = await callsOf(callers, bob).getMe();
    await workspace.calls.removeMember({ userId: user?.userId ?? '' });
    expect(await failureOf(acceptAs(bob))).toMatchObject({
      reason: 'INVITATION_ENDED',
      metadata: { status: 'accepted' },
    });
  });

  test('is refused to a member, and where the workspace is suspended or closed', async () => {
    const { workspace, bob } = await invited();
    await operator().put(workspace.tenantId, bob);
    expect(await failureOf(acceptAs(bob))).toMatchObject({ reason: 'ALREADY_MEMBER' });
    const other = await invited(workspace);
    await operator().suspend(workspace.tenantId, true);
    expect(await failureOf(acceptAs(other.bob))).toMatchObject({ reason: 'TENANT_SUSPENDED' });
    await operator().suspend(workspace.tenantId, false);
    await operator().close(workspace.tenantId);
    expect(await failureOf(acceptAs(other.bob))).toMatchObject({ reason: 'TENANT_CLOSED' });
    expect(await operator().members(workspace.tenantId)).toHaveLength(2);
  });

  test('fills a plan of three by 20 people at once on two kernels, and no more', async () => {
    const policy = { productCode: 'agentruntime', planCode: 'free', memberLimit: 3 };
    await operatorCallsOf(callers).upsertPolicy(policy, ['member_limit']);
    await operatorCallsOf(callers).upsertPolicy({ ...policy, planCode: 'plus' }, ['member_limit']);
    const tenantId = await openOnPlan(callers, 'plus');
    const ann = await joinAs(callers, tenantId, { tenantAdmin: true });
    const people = Array.from({ length: 20 }, () => stranger('guest'));
    for (const each of people) await ann.calls.invite({ email: emailOf(each) });
    const { answers, failures } = await settle(
      people.map((each, index) => acceptAs(each, undefined, index % 2 === 0 ? callers : there)),
    );
    expect(answers).toHaveLength(2);
    expect(failures.map(({ reason, metadata }) => [reason, metadata['limit']])).toEqual(
      Array.from({ length: 18 }, () => ['MEMBER_LIMIT_REACHED', '3']),
    );
    expect(await operator().members(tenantId)).toHaveLength(3);
    expect((await failureOf(ann.calls.invite({ email: 'more@example.com' }))).reason).toBe('MEMBER_LIMIT_REACHED');
  });

  test('makes one member of 20 who are the same person', async () => {
    const { workspace, bob } = await invited();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => acceptAs(bob, undefined, index % 2 === 0 ? callers : there)),
    );
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await operator().members(workspace.tenantId)).toHaveLength(2);
    const method = 'InvitationService/AcceptInvitation';
    expect(await operator().records(workspace.tenantId, { method })).toHaveLength(1);
  });
});

describe('RevokeInvitation', () => {
  test('ends the token, as often as it is asked for', async () => {
    const { workspace, bob, invitationId } = await invited();
    for (let time = 0; time < 2; time += 1) {
      const { invitation } = await workspace.calls.revokeInvitation({ invitationId });
      expect(invitation).toMatchObject({ invitationId, status: InvitationStatus.REVOKED });
    }
    expect(await failureOf(acceptAs(bob))).toMatchObject({
      reason: 'INVITATION_ENDED',
      metadata: { status: 'revoked' },
    });
    const method = 'InvitationService/RevokeInvitation';
    expect(await operator().records(workspace.tenantId, { method })).toMatchObject([{ subjectId: invitationId }]);
  });

  test('is refused for one that was accepted, and one that is of another workspace', async () => {
    const { workspace, bob, invitationId } = await invited();
    const other = await openWorkspace(callers);
    const [elsewhere, missing] = await Promise.all([
      failureOf(other.calls.revokeInvitation({ invitationId })),
      failureOf(workspace.calls.revokeInvitation({ invitationId: 'inv_x' })),
    ]);
    expect(elsewhere).toMatchObject({ reason: 'INVITATION_NOT_FOUND', message: missing.message, code: missing.code });
    await acceptAs(bob);
    const accepted = await failureOf(workspace.calls.revokeInvitation({ invitationId }));
    expect(accepted).toMatchObject({ reason: 'INVITATION_ENDED', metadata: { status: 'accepted' } });
  });
});

describe('ListInvitations', () => {
  test('answers the newest first, by status and page', async () => {
    const workspace = await openWorkspace(callers);
    const [one, two, three] = [await invited(workspace), await invited(workspace), await invited(workspace)];
    await acceptAs(one.bob);
    await workspace.calls.revokeInvitation({ invitationId: two.invitationId });
    const idsOf = async (fields: Parameters<typeof workspace.calls.listInvitations>[0]) =>
      (await workspace.calls.listInvitations(fields)).invitations.map(({ invitationId }) => invitationId);
    expect(await idsOf({})).toEqual([three, two, one].map(({ invitationId }) => invitationId));
    expect(await idsOf({ status: InvitationStatus.PENDING })).toEqual([three.invitationId]);
    expect(await idsOf({ status: InvitationStatus.REVOKED })).toEqual([two.invitationId]);
    expect(await idsOf({ status: InvitationStatus.ACCEPTED })).toEqual([one.invitationId]);
    expect(await idsOf({ status: InvitationStatus.EXPIRED })).toEqual([]);
    const { nextPageToken } = await workspace.calls.listInvitations({ pageSize: 2 });
    expect(await idsOf({ pageSize: 2, pageToken: nextPageToken })).toEqual([one.invitationId]);
    const refused = await failureOf(
      workspace.calls.listInvitations({ pageToken: nextPageToken, status: InvitationStatus.PENDING }),
    );
    expect(refused.violations).toHaveProperty('page_token');
    expect(
      (await failureOf(workspace.calls.listInvitations({ status: 9 as InvitationStatus }))).violations,
    ).toHaveProperty('status');
  });
});

// The last one, since time only ever goes forward.
test('an invitation of a week ago has expired', async () => {
  const { workspace, bob, invitationId } = await invited();
  await moveClock(kernel, callers, workspace.tenantId, INVITATION_LIFETIME_MS + 60_000);
  expect(await failureOf(acceptAs(bob))).toMatchObject({ reason: 'INVITATION_ENDED', metadata: { status: 'expired' } });
  const { invitations } = await workspace.calls.listInvitations({ status: InvitationStatus.EXPIRED });
  expect(invitations).toMatchObject([{ invitationId }]);
  const revoked = await failureOf(workspace.calls.revokeInvitation({ invitationId }));
  expect(revoked).toMatchObject({ reason: 'INVITATION_ENDED', metadata: { status: 'expired' } });
});
