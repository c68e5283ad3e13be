// Owns the translation of people: users, members, invitations, projects.

import {
  type Invitation as InvitationMessage,
  InvitationStatus,
} from '../../../gen/wheelhouse/tenant/v1/invitation.ts';
import type {
  AcceptInvitationRequest,
  CreateInvitationRequest,
  ListInvitationsRequest,
  RevokeInvitationRequest,
} from '../../../gen/wheelhouse/tenant/v1/invitation_service.ts';
import type { Member as MemberMessage } from '../../../gen/wheelhouse/tenant/v1/member.ts';
import type {
  ListMembersRequest,
  PutMemberRequest,
  RemoveMemberRequest,
  UpdateMemberRequest,
} from '../../../gen/wheelhouse/tenant/v1/member_service.ts';
import type { Project as ProjectMessage } from '../../../gen/wheelhouse/tenant/v1/project.ts';
import type {
  CreateProjectRequest,
  ListProjectsRequest,
  UpdateProjectRequest,
} from '../../../gen/wheelhouse/tenant/v1/project_service.ts';
import type { User as UserMessage, Workspace as WorkspaceMessage } from '../../../gen/wheelhouse/tenant/v1/user.ts';
import type { Profile } from '../../app/people/people-directory.ts';
import type { User } from '../../app/people/ports.ts';
import type { InvitationInput, ReadInvitation } from '../../app/tenant/invitation-service.ts';
import type { NamedMember } from '../../app/tenant/member-service.ts';
import type { Tenant } from '../../app/tenant/ports.ts';
import type { TenantId, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { computeRole, type Project, type ProjectChange, type Standing } from '../../domain/workspace.ts';
import { checkEmail, checkMailToken } from './email.ts';
import { FieldCheck } from './field-check.ts';
import { checkOperator } from './operator.ts';
import { checkStanding, toProtoProjectRoles, toProtoRole } from './role.ts';
import { checkDisplayName, checkPage, type PageQuery, toProtoTenant } from './tenant.ts';

const ISSUER_LENGTH_MAX = 256;
const SUBJECT = /^[\x21-\x7e]{1,128}$/;
const ISSUER = /^[\x21-\x7e]+$/;

/** Checks a request for the members of a workspace. Throws DomainError INVALID_FIELD. */
export function fromProtoListMembers(request: ListMembersRequest): PageQuery & { readonly tenantId: TenantId } {
  const check = new FieldCheck();
  const query = { tenantId: check.tenantId(request.tenantId), ...checkPage(check, request) };
  check.assertValid();
  return query;
}

/** Checks a request to change a member. Throws DomainError INVALID_FIELD. */
export function fromProtoUpdateMember(request: UpdateMemberRequest) {
  const check = new FieldCheck();
  const query = { ...checkMember(check, request), standing: checkStanding(check, request) };
  check.assertValid();
  return query;
}

/** Checks a request to take a member out. Throws DomainError INVALID_FIELD. */
export function fromProtoRemoveMember(request: RemoveMemberRequest) {
  const check = new FieldCheck();
  const query = checkMember(check, request);
  check.assertValid();
  return query;
}

function checkMember(check: FieldCheck, request: RemoveMemberRequest) {
  return {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    userId: check.id('user_id', request.userId, true) as UserId,
  };
}

/** Checks an operator's request to put a member in. Throws DomainError INVALID_FIELD. */
export function fromProtoPutMember(request: PutMemberRequest) {
  const check = new FieldCheck();
  const { issuer, subject } = request;
  if (issuer.length > ISSUER_LENGTH_MAX || !ISSUER.test(issuer)) {
    check.refuse('issuer', `must be 1 to ${ISSUER_LENGTH_MAX} visible ASCII characters`);
  }
  if (!SUBJECT.test(subject)) check.refuse('subject', 'must be 1 to 128 visible ASCII characters');
  const profile: Profile = {
    ...{ issuer, subject },
    ...present({ email: request.email === '' ? undefined : checkEmail(check, request.email) }),
  };
  const query = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    profile,
    standing: checkStanding(check, request),
    operator: checkOperator(check, request),
  };
  check.assertValid();
  return query;
}

/** Checks a request to invite somebody. Throws DomainError INVALID_FIELD. */
export function fromProtoCreateInvitation(request: CreateInvitationRequest): {
  readonly requestId: string;
  readonly tenantId: TenantId;
  readonly input: InvitationInput;
} {
  const check = new FieldCheck();
  const query = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: { email: checkEmail(check, request.email), ...checkStanding(check, request) },
  };
  check.assertValid();
  return query;
}

const INVITATION_STATUSES: Readonly<Record<ReadInvitation['status'], InvitationStatus>> = {
  pending: InvitationStatus.PENDING,
  accepted: InvitationStatus.ACCEPTED,
  revoked: InvitationStatus.REVOKED,
  expired: InvitationStatus.EXPIRED,
};
const READ_STATUSES = ['pending', 'accepted', 'revoked', 'expired'] as const;

/** Checks a request for invitations. Throws DomainError INVALID_FIELD. */
export function fromProtoListInvitations(
  request: ListInvitationsRequest,
): PageQuery & { readonly tenantId: TenantId; readonly status: ReadInvitation['status'] | undefined } {
  const check = new FieldCheck();
  const status = READ_STATUSES.find((candidate) => INVITATION_STATUSES[candidate] === request.status);
  if (status === undefined && request.status !== InvitationStatus.UNSPECIFIED) {
    check.refuse('status', `is not a status, got ${request.status}`);
  }
  const query = { tenantId: check.tenantId(request.tenantId), status, ...checkPage(check, request) };
  check.assertValid();
  return query;
}

/** Checks a request to take an invitation back. Throws DomainError INVALID_FIELD. */
export function fromProtoRevokeInvitation(request: RevokeInvitationRequest) {
  const check = new FieldCheck();
  const query = {
    tenantId: check.tenantId(request.tenantId),
    invitationId: check.id('invitation_id', request.invitationId, true),
  };
  check.assertValid();
  return query;
}

/** Checks a request to accept an invitation. Throws DomainError INVALID_FIELD. */
export function fromProtoAcceptInvitation(request: AcceptInvitationRequest): string {
  const check = new FieldCheck();
  const token = checkMailToken(check, request.token);
  check.assertValid();
  return token;
}

/** Checks a request for a new project. Throws DomainError INVALID_FIELD. */
export function fromProtoCreateProject(request: CreateProjectRequest) {
  const check = new FieldCheck();
  const query = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    displayName: checkDisplayName(check, request.displayName),
  };
  check.assertValid();
  return query;
}

/** Checks a request for projects. Throws DomainError INVALID_FIELD. */
export function fromProtoListProjects(request: ListProjectsRequest): PageQuery & { readonly tenantId: TenantId } {
  const check = new FieldCheck();
  const query = { tenantId: check.tenantId(request.tenantId), ...checkPage(check, request) };
  check.assertValid();
  return query;
}

/** Checks a request to change a project. Throws DomainError INVALID_FIELD. */
export function fromProtoUpdateProject(request: UpdateProjectRequest) {
  const check = new FieldCheck();
  const { displayName, archived } = request;
  const change: ProjectChange = present({
    displayName: displayName === undefined ? undefined : checkDisplayName(check, displayName),
    archived,
  });
  if (Object.keys(change).length === 0) {
    check.refuse('display_name', 'or archived must be set: nothing is to be changed');
  }
  const query = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    projectId: check.id('project_id', request.projectId, true),
    change,
  };
  check.assertValid();
  return query;
}

export function toProtoUser({ userId, email = '', displayName = '', createdAt }: User): UserMessage {
  return { userId, email, displayName, createTime: new Date(createdAt) };
}

/** Shows a workspace to somebody in it. */
export function toProtoWorkspace(tenant: Tenant, standing: Standing): WorkspaceMessage {
  return {
    tenant: toProtoTenant(tenant),
    role: toProtoRole(computeRole(standing)),
    projectRoles: toProtoProjectRoles(standing),
  };
}

export function toProtoMember(member: NamedMember): MemberMessage {
  return {
    userId: member.userId,
    email: member.user?.email ?? '',
    displayName: member.user?.displayName ?? '',
    tenantAdmin: member.tenantAdmin,
    projectRoles: toProtoProjectRoles(member),
    createTime: new Date(member.joinedAt),
    owner: member.isOwner,
  };
}

export function toProtoInvitation(invitation: ReadInvitation): InvitationMessage {
  return {
    invitationId: invitation.invitationId,
    email: invitation.email,
    tenantAdmin: invitation.tenantAdmin,
    projectRoles: toProtoProjectRoles(invitation),
    status: INVITATION_STATUSES[invitation.status],
    invitedByUserId: invitation.invitedBy,
    createTime: new Date(invitation.createdAt),
    expireTime: new Date(invitation.expiresAt),
  };
}

export function toProtoProject({ projectId, displayName, createdAt, archivedAt }: Project): ProjectMessage {
  return {
    projectId,
    displayName,
    createTime: new Date(createdAt),
    archiveTime: archivedAt === undefined ? undefined : new Date(archivedAt),
  };
}
