// What provokes each reason about workspaces and their people, by calls to a kernel that keeps the mails it would send.

import { status } from '@grpc/grpc-js';
import { Role } from '../../../gen/wheelhouse/tenant/v1/role.ts';
import { MEMBERS_MAX, OPEN_INVITATIONS_MAX } from '../../../kernel/domain/workspace.ts';
import type { Callers } from './account.ts';
import { type Failure, failureOf } from './failure.ts';
import {
  callsOf,
  joinAs,
  type MailTray,
  openOnPlan,
  openWorkspace,
  type Somebody,
  stranger,
  workspaceOperatorOf,
} from './people.ts';

/** A call that is refused for a reason, with its code. */
interface PeopleProof {
  readonly code: status;
  readonly provoke: () => Promise<Failure>;
  readonly expected?: Partial<Failure>;
}

/** What the calls go through: a kernel, and the mails that it would send. */
export interface PeopleStage {
  readonly callers: Callers;
  readonly tray: MailTray;
}

/** Somebody with an address is invited, and the token of the mail. */
async function invite({ callers, tray }: PeopleStage, email = stranger('guest').email ?? '') {
  const workspace = await openWorkspace(callers);
  const { invitation } = await workspace.calls.invite({ email, tenantAdmin: true });
  return { ...workspace, email, token: tray.tokenTo(email), invitationId: invitation?.invitationId ?? '' };
}

const accept = ({ callers }: PeopleStage, who: Somebody, token: string) =>
  failureOf(callsOf(callers, who).accept(token));

/** Builds the proof of each reason over a stage that is there when it is run. */
export function peopleProofsOf(stageOf: () => PeopleStage) {
  return {
    WORKSPACE_REQUIRED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const { callers } = stageOf();
        return failureOf(callsOf(callers, stranger()).getTenant({ tenantId: await openOnPlan(callers, 'pro') }));
      },
    },
    SLUG_TAKEN: {
      code: status.ALREADY_EXISTS,
      provoke: async () => {
        const { callers } = stageOf();
        await openWorkspace(callers, { slug: 'taken-for-ever' });
        return failureOf(openWorkspace(callers, { slug: 'taken-for-ever' }));
      },
      expected: { metadata: { slug: 'taken-for-ever' } },
    },
    TENANT_SUSPENDED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const { callers } = stageOf();
        const tenantId = await openOnPlan(callers, 'pro');
        await workspaceOperatorOf(callers).suspend(tenantId, true);
        return failureOf(callers.debit(tenantId));
      },
    },
    TENANT_CLOSED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const { callers } = stageOf();
        const { tenantId, calls } = await openWorkspace(callers);
        await calls.closeTenant();
        return failureOf(callers.debit(tenantId));
      },
    },
    MEMBER_NOT_FOUND: {
      code: status.NOT_FOUND,
      provoke: async () => {
        const { calls } = await openWorkspace(stageOf().callers);
        return failureOf(calls.updateMember({ userId: 'usr_x' }));
      },
      expected: { metadata: { user_id: 'usr_x' } },
    },
    MEMBER_LIMIT_REACHED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const { callers } = stageOf();
        const tenantId = await openOnPlan(callers, 'free');
        for (let member = 0; member < 3; member += 1) await joinAs(callers, tenantId);
        return failureOf(joinAs(callers, tenantId));
      },
      expected: { metadata: { limit: '3' } },
    },
    LAST_ADMIN: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const { calls, adminId } = await openWorkspace(stageOf().callers);
        return failureOf(calls.removeMember({ userId: adminId }));
      },
    },
    ALREADY_MEMBER: {
      code: status.ALREADY_EXISTS,
      provoke: async () => {
        const { calls, admin } = await openWorkspace(stageOf().callers);
        return failureOf(calls.invite({ email: admin.email ?? '', tenantAdmin: true }));
      },
    },
    INVITATION_NOT_FOUND: {
      code: status.NOT_FOUND,
      provoke: () => accept(stageOf(), stranger(), 'nosuchtoken'),
    },
    INVITATION_ENDED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const stage = stageOf();
        const { calls, email, token, invitationId } = await invite(stage);
        await calls.revokeInvitation({ invitationId });
        return accept(stage, stranger('guest', { email }), token);
      },
      expected: { metadata: { status: 'revoked' } },
    },
    EMAIL_NOT_VERIFIED: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const stage = stageOf();
        const { token } = await invite(stage);
        const { subject } = stranger();
        return accept(stage, { subject }, token);
      },
    },
    EMAIL_MISMATCH: {
      code: status.FAILED_PRECONDITION,
      provoke: async () => {
        const stage = stageOf();
        return accept(stage, stranger(), (await invite(stage)).token);
      },
    },
    PROJECT_NOT_FOUND: {
      code: status.NOT_FOUND,
      provoke: async () => {
        const { callers } = stageOf();
        const tenantId = await openOnPlan(callers, 'pro');
        const projectRoles = [{ projectId: 'prj_x', role: Role.PROJECT_VIEWER }];
        return failureOf(joinAs(callers, tenantId, { projectRoles }));
      },
      expected: { metadata: { project_id: 'prj_x' } },
    },
    WORKSPACE_LIMIT_REACHED: {
      code: status.RESOURCE_EXHAUSTED,
      provoke: async () => {
        const { calls } = await openWorkspace(stageOf().callers);
        const inviteOne = (number: number) => calls.invite({ email: `guest-${number}@example.org`, tenantAdmin: true });
        for (let number = 0; number < OPEN_INVITATIONS_MAX; number += 1) await inviteOne(number);
        return failureOf(inviteOne(MEMBERS_MAX));
      },
      expected: { metadata: { what: 'open invitations', limit: String(OPEN_INVITATIONS_MAX) } },
    },
  } satisfies Record<string, PeopleProof>;
}
