// Owns UserService, MemberService, InvitationService and ProjectService on the wire. Does not own any rule about people.

import type { InvitationServiceService } from '../../../gen/wheelhouse/tenant/v1/invitation_service.ts';
import type { MemberServiceService } from '../../../gen/wheelhouse/tenant/v1/member_service.ts';
import type { ProjectServiceService } from '../../../gen/wheelhouse/tenant/v1/project_service.ts';
import type { UserServiceService } from '../../../gen/wheelhouse/tenant/v1/user_service.ts';
import type { PeopleDirectory } from '../../app/people/people-directory.ts';
import type { UserStore } from '../../app/people/ports.ts';
import { fingerprintOfInvitation, type InvitationService } from '../../app/tenant/invitation-service.ts';
import { fingerprintOfMember, type MemberService } from '../../app/tenant/member-service.ts';
import { formatPlaceToken, parsePlaceToken } from '../../app/tenant/place-token.ts';
import {
  fingerprintOfProject,
  fingerprintOfProjectChange,
  type ProjectService,
} from '../../app/tenant/project-service.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import type { TenantLife } from '../../app/tenant/tenant-life.ts';
import { DomainError } from '../../domain/error.ts';
import type { UserId } from '../../domain/id.ts';
import { findMember, type Workspace } from '../../domain/workspace.ts';
import type { BffCaller, CallContext } from '../caller.ts';
import { FieldCheck } from '../convert/field-check.ts';
import {
  fromProtoAcceptInvitation,
  fromProtoCreateInvitation,
  fromProtoCreateProject,
  fromProtoListInvitations,
  fromProtoListMembers,
  fromProtoListProjects,
  fromProtoPutMember,
  fromProtoRemoveMember,
  fromProtoRevokeInvitation,
  fromProtoUpdateMember,
  fromProtoUpdateProject,
  toProtoInvitation,
  toProtoMember,
  toProtoProject,
  toProtoUser,
  toProtoWorkspace,
} from '../convert/people.ts';
import { checkPage } from '../convert/tenant.ts';
import { actOf, adminActOf, identityOf, operatorActOf, requireBff, requirePerson } from './act.ts';
import type { HandlerMap } from './handler-map.ts';

/** What the services about people answer with. */
export interface PeopleHandlerParts {
  readonly people: PeopleDirectory;
  readonly users: Pick<UserStore, 'loadUsers'>;
  readonly members: MemberService;
  readonly invitations: InvitationService;
  readonly projects: ProjectService;
  readonly tenantLife: TenantLife;
  readonly directory: TenantDirectory;
}

/** Builds the handlers of UserService. */
export function createUserHandlers({
  people,
  users,
  tenantLife,
}: PeopleHandlerParts): HandlerMap<typeof UserServiceService> {
  return {
    getMe: async (_request, call) => {
      const caller = requireBff(call);
      const { userId, accessTokenId } = requirePerson(caller);
      const user = (await users.loadUsers([userId])).get(userId);
      if (user === undefined) throw new Error(`the person ${userId} is signed in and not stored`);
      const workspace = await findWorkspace(caller, userId, people, tenantLife);
      return { user: toProtoUser(user), workspace, byAccessToken: accessTokenId !== undefined };
    },
    listMyWorkspaces: async (request, call) => {
      const caller = requireBff(call);
      const { userId, accessTokenId } = requirePerson(caller);
      const check = new FieldCheck();
      const { pageSize, pageToken } = checkPage(check, request);
      check.assertValid();
      const all = await people.listWorkspaces(userId, caller.productCode);
      const seen = all
        .filter(({ tenantId }) => accessTokenId === undefined || tenantId === caller.place?.tenantId)
        .filter(({ status }) => request.includeClosed || status !== 'closed')
        .toSorted(compareNames);
      const list = ['workspaces', userId, caller.productCode, request.includeClosed];
      const from = pageToken === '' ? 0 : parsePlaceToken(pageToken, list, seen, ({ tenantId }) => tenantId);
      const page = seen.slice(from, from + pageSize);
      const last = page.at(-1);
      const hasMore = from + pageSize < seen.length && last !== undefined;
      return {
        workspaces: page.flatMap((workspace) => showTo(workspace, userId)),
        nextPageToken: hasMore ? formatPlaceToken(last.tenantId, from + page.length, list) : '',
      };
    },
  };
}

/** The workspace that the call names, or the only one that the person has. */
async function findWorkspace(
  { place, productCode }: BffCaller,
  userId: UserId,
  people: PeopleDirectory,
  tenantLife: TenantLife,
) {
  if (place !== undefined) return toProtoWorkspace(await tenantLife.load(place.tenantId), place.standing);
  const [only, second] = await people.listOpenWorkspaces(userId, productCode);
  return only === undefined || second !== undefined ? undefined : showTo(only, userId)[0];
}

function showTo(workspace: Workspace, userId: UserId) {
  const member = findMember(workspace, userId);
  return member === undefined ? [] : [toProtoWorkspace(workspace, member)];
}

function compareNames(a: Workspace, b: Workspace): number {
  if (a.displayName !== b.displayName) return a.displayName < b.displayName ? -1 : 1;
  return a.tenantId < b.tenantId ? -1 : 1;
}

/** Builds the handlers of MemberService. */
export function createMemberHandlers({
  members,
  directory,
}: PeopleHandlerParts): HandlerMap<typeof MemberServiceService> {
  return {
    listMembers: async (request, { caller }) => {
      const { tenantId, pageSize, pageToken } = fromProtoListMembers(request);
      await directory.requireTenant(tenantId, caller.visibility);
      const { items, nextPageToken } = await members.list(tenantId, pageSize, pageToken);
      return { members: items.map(toProtoMember), nextPageToken };
    },
    updateMember: async (request, call) => {
      const { requestId, tenantId, userId, standing } = fromProtoUpdateMember(request);
      await directory.requireTenant(tenantId, call.caller.visibility);
      const fingerprint = fingerprintOfMember('update_member', tenantId, userId, standing);
      const identity = identityOf(call, 'update_member', requestId, fingerprint);
      const act = adminActOf(call, 'MemberService/UpdateMember');
      const { member, replayed } = await members.update(tenantId, userId, standing, act, identity);
      return { member: member && toProtoMember(member), replayed };
    },
    removeMember: async (request, call) => {
      const { requestId, tenantId, userId } = fromProtoRemoveMember(request);
      await directory.requireTenant(tenantId, call.caller.visibility);
      const leaves = assertMayRemove(call, userId);
      const identity = identityOf(
        call,
        'remove_member',
        requestId,
        fingerprintOfMember('remove_member', tenantId, userId),
      );
      const act = (leaves ? actOf : adminActOf)(call, 'MemberService/RemoveMember');
      return members.remove(tenantId, userId, act, identity);
    },
    putMember: async (request, call) => {
      const { requestId, tenantId, profile, standing, operator } = fromProtoPutMember(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const who = JSON.stringify([profile.issuer, profile.subject, profile.email ?? null, operator.actor]);
      const fingerprint = fingerprintOfMember('put_member', tenantId, who, standing);
      const identity = identityOf(call, 'put_member', requestId, fingerprint);
      const act = actOf(call, 'MemberService/PutMember', operator);
      const input = { ...standing, profile };
      const { member, replayed } = await members.put(tenant, input, act, operatorActOf(call, operator, identity));
      return { member: member && toProtoMember(member), replayed };
    },
  };
}

/** Everybody may leave, which is answered; who takes others out manages the workspace. Throws DomainError ROLE_REQUIRED. */
function assertMayRemove(call: CallContext, userId: UserId): boolean {
  const { person, place } = requireBff(call);
  const leaves = person?.userId === userId && person.accessTokenId === undefined;
  if (leaves || place?.role === 'tenant_admin') return leaves;
  const message =
    'you may take yourself out; taking others out needs tenant_admin: ask an administrator of the workspace';
  throw new DomainError('ROLE_REQUIRED', message, { metadata: { required_role: 'tenant_admin' } });
}

/** Builds the handlers of InvitationService. */
export function createInvitationHandlers({
  invitations,
  directory,
}: PeopleHandlerParts): HandlerMap<typeof InvitationServiceService> {
  return {
    createInvitation: async (request, call) => {
      const { requestId, tenantId, input } = fromProtoCreateInvitation(request);
      const tenant = await directory.requireTenant(tenantId, call.caller.visibility);
      const { userId } = requirePerson(requireBff(call));
      const identity = identityOf(call, 'create_invitation', requestId, fingerprintOfInvitation(tenantId, input));
      const act = adminActOf(call, 'InvitationService/CreateInvitation');
      const { invitation, replayed } = await invitations.create(tenant, input, userId, act, identity);
      return { invitation: toProtoInvitation(invitation), replayed };
    },
    listInvitations: async (request, { caller }) => {
      const { tenantId, status, pageSize, pageToken } = fromProtoListInvitations(request);
      await directory.requireTenant(tenantId, caller.visibility);
      const { items, nextPageToken } = await invitations.list(tenantId, status, pageSize, pageToken);
      return { invitations: items.map(toProtoInvitation), nextPageToken };
    },
    revokeInvitation: async (request, call) => {
      const { tenantId, invitationId } = fromProtoRevokeInvitation(request);
      await directory.requireTenant(tenantId, call.caller.visibility);
      const act = adminActOf(call, 'InvitationService/RevokeInvitation');
      return { invitation: toProtoInvitation(await invitations.revoke(tenantId, invitationId, act)) };
    },
    acceptInvitation: async (request, call) => {
      const caller = requireBff(call);
      const { userId, email } = requirePerson(caller);
      const token = fromProtoAcceptInvitation(request);
      const act = actOf(call, 'InvitationService/AcceptInvitation');
      const invitee = { userId, ...(email === undefined ? {} : { email }) };
      const { workspace, replayed } = await invitations.accept(token, caller.productCode, invitee, act);
      return { workspace: showTo(workspace, userId)[0], replayed };
    },
  };
}

/** Builds the handlers of ProjectService. */
export function createProjectHandlers({
  projects,
  directory,
}: PeopleHandlerParts): HandlerMap<typeof ProjectServiceService> {
  return {
    createProject: async (request, call) => {
      const { requestId, tenantId, displayName } = fromProtoCreateProject(request);
      await directory.requireTenant(tenantId, call.caller.visibility);
      const identity = identityOf(call, 'create_project', requestId, fingerprintOfProject(tenantId, displayName));
      const act = adminActOf(call, 'ProjectService/CreateProject');
      const { project, replayed } = await projects.create(tenantId, displayName, act, identity);
      return { project: toProtoProject(project), replayed };
    },
    listProjects: async (request, { caller }) => {
      const { tenantId, pageSize, pageToken } = fromProtoListProjects(request);
      await directory.requireTenant(tenantId, caller.visibility);
      const standing = caller.scope === 'bff' ? caller.place?.standing : undefined;
      const scope = { standing, includeArchived: request.includeArchived };
      const { items, nextPageToken } = await projects.list(tenantId, scope, pageSize, pageToken);
      return { projects: items.map(toProtoProject), nextPageToken };
    },
    updateProject: async (request, call) => {
      const { requestId, tenantId, projectId, change } = fromProtoUpdateProject(request);
      await directory.requireTenant(tenantId, call.caller.visibility);
      const fingerprint = fingerprintOfProjectChange(tenantId, projectId, change);
      const identity = identityOf(call, 'update_project', requestId, fingerprint);
      const act = adminActOf(call, 'ProjectService/UpdateProject');
      const { project, replayed } = await projects.update(tenantId, projectId, change, act, identity);
      return { project: toProtoProject(project), replayed };
    },
  };
}
