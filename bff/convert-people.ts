// Owns the JSON of workspaces and of their people, projects, invitations, access tokens, signups and records, and the translation
// of the contract's messages into it.
// Invariants: as in convert.ts; what is of another product than this deployment's is an error, never shown.

import type { AccessToken } from '../gen/wheelhouse/tenant/v1/access_token.ts';
import { type Invitation, InvitationStatus } from '../gen/wheelhouse/tenant/v1/invitation.ts';
import type { Member } from '../gen/wheelhouse/tenant/v1/member.ts';
import type { Project } from '../gen/wheelhouse/tenant/v1/project.ts';
import { type ProjectRole, Role } from '../gen/wheelhouse/tenant/v1/role.ts';
import { type Signup, SignupStatus } from '../gen/wheelhouse/tenant/v1/signup.ts';
import { type Tenant, TenantStatus } from '../gen/wheelhouse/tenant/v1/tenant.ts';
import type { User, Workspace } from '../gen/wheelhouse/tenant/v1/user.ts';
import type { WorkspaceRecord } from '../gen/wheelhouse/tenant/v1/workspace_log.ts';
import { ConversionError, fromProtoTime, unknownValue } from './convert.ts';
import { flag, list, named, object, oneOf, orNull, text, time, type ValueOf } from './shape.ts';

/** Are the names of roles, the highest first. */
export const ROLE_NAMES = ['tenant_admin', 'project_contributor', 'project_viewer'] as const;

/** Is the name of a role. */
export type RoleName = (typeof ROLE_NAMES)[number];

/** Are the roles that somebody can have in a project. */
export const PROJECT_ROLE_NAMES = ['project_contributor', 'project_viewer'] as const;

/** Is a role in one project. */
const PROJECT_ROLE = named('ProjectRole', { project_id: text(), role: oneOf(ROLE_NAMES) }, 'A role in one project.');
export type ProjectRoleJson = ValueOf<typeof PROJECT_ROLE>;

/** Are the names of an invitation's states. */
export const INVITATION_STATUS_NAMES = ['pending', 'accepted', 'revoked', 'expired'] as const;

/** Is the name of an invitation's state. */
export type InvitationStatusName = (typeof INVITATION_STATUS_NAMES)[number];

const WORKSPACE_FIELDS = {
  workspace_id: text(),
  display_name: text(),
  slug: text(),
  status: oneOf(['active', 'suspended', 'closed']),
  owner_user_id: orNull(text(), 'Is null for one that belongs to nobody.'),
  create_time: time(),
  close_time: orNull(time()),
};

/** A workspace. */
export const WORKSPACE = named('Workspace', WORKSPACE_FIELDS, 'A workspace.');
export type WorkspaceJson = ValueOf<typeof WORKSPACE>;

/** A workspace of the person who asks, with what the person may do there. */
export const MY_WORKSPACE = named(
  'MyWorkspace',
  {
    ...WORKSPACE_FIELDS,
    role: orNull(oneOf(ROLE_NAMES), 'Is the highest role; null for a member who has none.'),
    project_roles: list(PROJECT_ROLE, 'Is empty for a tenant_admin, who has all.'),
  },
  'A workspace of whoever asks, with what they may do there.',
);
export type MyWorkspaceJson = ValueOf<typeof MY_WORKSPACE>;

/** A person. */
export const USER = named(
  'User',
  { user_id: text(), email: orNull(text()), display_name: orNull(text()), create_time: time() },
  'A person.',
);
export type UserJson = ValueOf<typeof USER>;

/** A person in a workspace. */
export const MEMBER = named(
  'Member',
  {
    user_id: text(),
    email: orNull(text()),
    display_name: orNull(text()),
    tenant_admin: flag(),
    project_roles: list(PROJECT_ROLE),
    owner: flag(),
    create_time: time(),
  },
  'A person in a workspace.',
);
export type MemberJson = ValueOf<typeof MEMBER>;

/** A project. */
export const PROJECT = named(
  'Project',
  { project_id: text(), display_name: text(), create_time: time(), archive_time: orNull(time()) },
  'A project of a workspace.',
);
export type ProjectJson = ValueOf<typeof PROJECT>;

/** An invitation. */
export const INVITATION = named(
  'Invitation',
  {
    invitation_id: text(),
    email: text(),
    tenant_admin: flag(),
    project_roles: list(PROJECT_ROLE),
    status: oneOf(INVITATION_STATUS_NAMES),
    invited_by_user_id: text(),
    create_time: time(),
    expire_time: time(),
  },
  'An invitation to a workspace.',
);
export type InvitationJson = ValueOf<typeof INVITATION>;

/** A personal access token, without the token itself. */
export const ACCESS_TOKEN = named(
  'AccessToken',
  {
    access_token_id: text(),
    display_name: text(),
    token_prefix: text('Is how the token begins, to be told from others.'),
    role: oneOf(ROLE_NAMES),
    project_ids: list(text(), 'Is empty for one of a tenant_admin.'),
    created_by_user_id: text(),
    create_time: time(),
    expire_time: orNull(time()),
    last_use_time: orNull(time()),
    revoke_time: orNull(time()),
  },
  'A personal access token, without the token itself.',
);
export type AccessTokenJson = ValueOf<typeof ACCESS_TOKEN>;

/** A signup. */
export const SIGNUP = named(
  'Signup',
  {
    signup_id: text(),
    email: text(),
    workspace_name: text(),
    status: oneOf(['pending', 'confirmed', 'expired']),
    create_time: time(),
    expire_time: time(),
  },
  'A signup, from an email address to a workspace.',
);
export type SignupJson = ValueOf<typeof SIGNUP>;

/** One act on a workspace. */
export const WORKSPACE_RECORD = named(
  'WorkspaceRecord',
  {
    record_id: text(),
    create_time: time(),
    method: text('Is what was called, such as `MemberService/UpdateMember`.'),
    actor: text(),
    access_token_id: orNull(text()),
    remote_address: orNull(text()),
    request_id: text(),
    subject_id: orNull(text()),
    changes: list(object({ field: text(), before: text(), after: text() })),
  },
  'One act on a workspace.',
);
export type WorkspaceRecordJson = ValueOf<typeof WORKSPACE_RECORD>;

/** Translates a tenant. Throws ConversionError when it is absent, or of another product than this deployment's. */
export function fromProtoTenant(tenant: Tenant | undefined, productCode: string): WorkspaceJson {
  if (!tenant) {
    throw new ConversionError('workspace', 'the kernel answered without a workspace');
  }
  if (tenant.productCode !== productCode) {
    throw new ConversionError('workspace', 'the kernel answered with a workspace of another product');
  }
  return {
    workspace_id: tenant.tenantId,
    display_name: tenant.displayName,
    slug: tenant.slug,
    status: fromProtoTenantStatus(tenant.status),
    owner_user_id: tenant.ownerUserId || null,
    create_time: fromProtoTime(tenant.createTime, 'create_time'),
    close_time: fromProtoOptionalTime(tenant.closeTime, 'close_time'),
  };
}

/** Translates a workspace of the person who asks. Throws ConversionError as `fromProtoTenant` does. */
export function fromProtoWorkspace(workspace: Workspace | undefined, productCode: string): MyWorkspaceJson {
  return {
    ...fromProtoTenant(workspace?.tenant, productCode),
    role: fromProtoOptionalRole(workspace?.role ?? Role.UNSPECIFIED, 'role'),
    project_roles: (workspace?.projectRoles ?? []).map(fromProtoProjectRole),
  };
}

/** Translates a person. Throws ConversionError when it is absent. */
export function fromProtoUser(user: User | undefined): UserJson {
  if (!user) {
    throw new ConversionError('user', 'the kernel answered without a person');
  }
  return {
    user_id: user.userId,
    email: user.email || null,
    display_name: user.displayName || null,
    create_time: fromProtoTime(user.createTime, 'create_time'),
  };
}

/** Translates a member. Throws ConversionError when it is absent. */
export function fromProtoMember(member: Member | undefined): MemberJson {
  if (!member) {
    throw new ConversionError('member', 'the kernel answered without a member');
  }
  return {
    user_id: member.userId,
    email: member.email || null,
    display_name: member.displayName || null,
    tenant_admin: member.tenantAdmin,
    project_roles: member.projectRoles.map(fromProtoProjectRole),
    owner: member.owner,
    create_time: fromProtoTime(member.createTime, 'create_time'),
  };
}

/** Translates a project. Throws ConversionError when it is absent. */
export function fromProtoProject(project: Project | undefined): ProjectJson {
  if (!project) {
    throw new ConversionError('project', 'the kernel answered without a project');
  }
  return {
    project_id: project.projectId,
    display_name: project.displayName,
    create_time: fromProtoTime(project.createTime, 'create_time'),
    archive_time: fromProtoOptionalTime(project.archiveTime, 'archive_time'),
  };
}

/** Translates an invitation. Throws ConversionError when it is absent. */
export function fromProtoInvitation(invitation: Invitation | undefined): InvitationJson {
  if (!invitation) {
    throw new ConversionError('invitation', 'the kernel answered without an invitation');
  }
  return {
    invitation_id: invitation.invitationId,
    email: invitation.email,
    tenant_admin: invitation.tenantAdmin,
    project_roles: invitation.projectRoles.map(fromProtoProjectRole),
    status: fromProtoInvitationStatus(invitation.status),
    invited_by_user_id: invitation.invitedByUserId,
    create_time: fromProtoTime(invitation.createTime, 'create_time'),
    expire_time: fromProtoTime(invitation.expireTime, 'expire_time'),
  };
}

/** Translates an access token. Throws ConversionError when it is absent. */
export function fromProtoAccessToken(token: AccessToken | undefined): AccessTokenJson {
  if (!token) {
    throw new ConversionError('access_token', 'the kernel answered without an access token');
  }
  return {
    access_token_id: token.accessTokenId,
    display_name: token.displayName,
    token_prefix: token.tokenPrefix,
    role: fromProtoRole(token.role, 'role'),
    project_ids: token.projectIds,
    created_by_user_id: token.createdByUserId,
    create_time: fromProtoTime(token.createTime, 'create_time'),
    expire_time: fromProtoOptionalTime(token.expireTime, 'expire_time'),
    last_use_time: fromProtoOptionalTime(token.lastUseTime, 'last_use_time'),
    revoke_time: fromProtoOptionalTime(token.revokeTime, 'revoke_time'),
  };
}

/** Translates a signup. Throws ConversionError when it is absent. */
export function fromProtoSignup(signup: Signup | undefined): SignupJson {
  if (!signup) {
    throw new ConversionError('signup', 'the kernel answered without a signup');
  }
  return {
    signup_id: signup.signupId,
    email: signup.email,
    workspace_name: signup.workspaceName,
    status: fromProtoSignupStatus(signup.status),
    create_time: fromProtoTime(signup.createTime, 'create_time'),
    expire_time: fromProtoTime(signup.expireTime, 'expire_time'),
  };
}

/** Translates a record. Throws ConversionError when it has no time. */
export function fromProtoRecord(record: WorkspaceRecord): WorkspaceRecordJson {
  return {
    record_id: record.recordId,
    create_time: fromProtoTime(record.createTime, 'create_time'),
    method: record.method,
    actor: record.actor,
    access_token_id: record.accessTokenId || null,
    remote_address: record.remoteAddress || null,
    request_id: record.requestId,
    subject_id: record.subjectId || null,
    changes: record.changes.map(({ field, before, after }) => ({ field, before, after })),
  };
}

/** Translates the name of a role into the contract's. */
export function toProtoRole(name: RoleName): Role {
  switch (name) {
    case 'tenant_admin':
      return Role.TENANT_ADMIN;
    case 'project_contributor':
      return Role.PROJECT_CONTRIBUTOR;
    case 'project_viewer':
      return Role.PROJECT_VIEWER;
  }
}

/** Translates roles in projects into the contract's. */
export function toProtoProjectRoles(roles: readonly ProjectRoleJson[]): ProjectRole[] {
  return roles.map(({ project_id, role }) => ({ projectId: project_id, role: toProtoRole(role) }));
}

/** Translates the name of an invitation's state into the contract's; none is the contract's way of asking for all. */
export function toProtoInvitationStatus(name: InvitationStatusName | undefined): InvitationStatus {
  switch (name) {
    case undefined:
      return InvitationStatus.UNSPECIFIED;
    case 'pending':
      return InvitationStatus.PENDING;
    case 'accepted':
      return InvitationStatus.ACCEPTED;
    case 'revoked':
      return InvitationStatus.REVOKED;
    case 'expired':
      return InvitationStatus.EXPIRED;
  }
}

function fromProtoProjectRole({ projectId, role }: ProjectRole): ProjectRoleJson {
  return { project_id: projectId, role: fromProtoRole(role, 'project_roles') };
}

function fromProtoOptionalRole(role: Role, field: string): RoleName | null {
  return role === Role.UNSPECIFIED ? null : fromProtoRole(role, field);
}

function fromProtoRole(role: Role, field: string): RoleName {
  switch (role) {
    case Role.TENANT_ADMIN:
      return 'tenant_admin';
    case Role.PROJECT_CONTRIBUTOR:
      return 'project_contributor';
    case Role.PROJECT_VIEWER:
      return 'project_viewer';
    case Role.UNSPECIFIED:
      throw new ConversionError(field, 'the kernel answered without a role');
    default:
      throw unknownValue(field, role);
  }
}

function fromProtoTenantStatus(status: TenantStatus): WorkspaceJson['status'] {
  switch (status) {
    case TenantStatus.ACTIVE:
      return 'active';
    case TenantStatus.SUSPENDED:
      return 'suspended';
    case TenantStatus.CLOSED:
      return 'closed';
    case TenantStatus.UNSPECIFIED:
      throw new ConversionError('status', 'the kernel answered without the status of a workspace');
    default:
      throw unknownValue('status', status);
  }
}

function fromProtoInvitationStatus(status: InvitationStatus): InvitationStatusName {
  switch (status) {
    case InvitationStatus.PENDING:
      return 'pending';
    case InvitationStatus.ACCEPTED:
      return 'accepted';
    case InvitationStatus.REVOKED:
      return 'revoked';
    case InvitationStatus.EXPIRED:
      return 'expired';
    case InvitationStatus.UNSPECIFIED:
      throw new ConversionError('status', 'the kernel answered without the status of an invitation');
    default:
      throw unknownValue('status', status);
  }
}

function fromProtoSignupStatus(status: SignupStatus): SignupJson['status'] {
  switch (status) {
    case SignupStatus.PENDING:
      return 'pending';
    case SignupStatus.CONFIRMED:
      return 'confirmed';
    case SignupStatus.EXPIRED:
      return 'expired';
    case SignupStatus.UNSPECIFIED:
      throw new ConversionError('status', 'the kernel answered without the status of a signup');
    default:
      throw unknownValue('status', status);
  }
}

function fromProtoOptionalTime(time: Date | undefined, field: string): string | null {
  return time === undefined ? null : fromProtoTime(time, field);
}
