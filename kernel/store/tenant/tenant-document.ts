// Owns the form of workspaces in MongoDB (collection `tenants`) and its translation. One document is one workspace, with its
// people, invitations and projects, so that one write changes it as a whole.

import type { mongo } from 'mongoose';
import type { StoredWorkspace, Tenant, WorkspaceRecord } from '../../app/tenant/ports.ts';
import type {
  AccessTokenId,
  Fingerprint,
  IdempotencyKey,
  InvitationId,
  PlanCode,
  ProductCode,
  ProjectId,
  TenantId,
  UserId,
} from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { Invitation, Member, Project, ProjectRole, Standing, Workspace } from '../../domain/workspace.ts';
import { toOptionalDate } from '../optional-date.ts';
import { hasProduct } from '../product-stamp.ts';

interface RoleDocument {
  readonly project_id: string;
  readonly role: ProjectRole['role'];
}

interface StandingDocument {
  readonly tenant_admin: boolean;
  readonly project_roles: readonly RoleDocument[];
}

interface MemberDocument extends StandingDocument {
  readonly user_id: string;
  readonly joined_at: Date;
}

interface InvitationDocument extends StandingDocument {
  readonly invitation_id: string;
  readonly email: string;
  readonly token_digest: string;
  readonly status: Invitation['status'];
  readonly invited_by: string;
  readonly accepted_by?: string;
  readonly created_at: Date;
  readonly expires_at: Date;
}

interface ProjectDocument {
  readonly project_id: string;
  readonly display_name: string;
  readonly created_at: Date;
  readonly archived_at?: Date;
}

/** An act on a workspace, as its log has it. */
export interface WorkspaceRecordDocument {
  readonly _id: string;
  readonly tenant_id: string;
  readonly method: string;
  readonly actor: string;
  readonly access_token_id?: string;
  readonly remote_address?: string;
  readonly request_id: string;
  readonly subject_id?: string;
  readonly changes: readonly { readonly field: string; readonly before: string; readonly after: string }[];
  readonly request_key: string;
  readonly fingerprint: string;
  readonly created_at: Date;
}

/** What every workspace of this release has; those of earlier ones lack all but what a tenant needs. */
export interface TenantDocument {
  readonly tenant_id: string;
  /** Absent where an earlier release made it, until it is stamped (`wheelhouse migrate stamp-product`). */
  readonly product_code?: string;
  readonly display_name: string;
  readonly plan_code: string;
  readonly status: Workspace['status'];
  readonly request_key: string;
  readonly request_fingerprint: string;
  readonly created_at: Date;
  readonly slug?: string;
  readonly owner_user_id?: string;
  readonly closed_at?: Date;
  readonly status_changed_at?: Date;
  readonly members?: readonly MemberDocument[];
  readonly invitations?: readonly InvitationDocument[];
  readonly projects?: readonly ProjectDocument[];
  readonly revision?: number;
  readonly last_record?: WorkspaceRecordDocument;
  readonly unfinished?: boolean;
  readonly begins_by_itself?: boolean;
  readonly opened_by?: { readonly actor: string; readonly reason: string };
}

/** A workspace that is known to belong to a product. */
export type StampedDocument = TenantDocument & { readonly product_code: string };

/** Says whether a document can be shown at all: one without a product does not exist for anybody. */
export function isStamped(document: TenantDocument | null): document is StampedDocument {
  return document !== null && hasProduct(document);
}

export function toDocumentStored(stored: StoredWorkspace): mongo.OptionalUnlessRequiredId<StampedDocument> {
  const { workspace, revision, lastRecord, requestKey, fingerprint, unfinished, beginsByItself, operator } = stored;
  return {
    tenant_id: workspace.tenantId,
    product_code: workspace.productCode,
    plan_code: workspace.planCode,
    request_key: requestKey,
    request_fingerprint: fingerprint,
    created_at: new Date(workspace.createdAt),
    ...toDocumentChanging(workspace),
    revision,
    ...(lastRecord === undefined ? {} : { last_record: toDocumentRecord(lastRecord) }),
    ...(unfinished ? { unfinished, begins_by_itself: beginsByItself } : {}),
    ...present({ opened_by: operator }),
  };
}

/** The part of a workspace that changes: what can't change is not even written again. */
export function toDocumentChanging(workspace: Workspace) {
  const { displayName, slug, ownerUserId, status, closedAt, statusChangedAt } = workspace;
  return {
    display_name: displayName,
    status,
    ...present({
      slug,
      owner_user_id: ownerUserId,
      closed_at: toOptionalDate(closedAt),
      status_changed_at: toOptionalDate(statusChangedAt),
    }),
    members: workspace.members.map(toDocumentMember),
    invitations: workspace.invitations.map(toDocumentInvitation),
    projects: workspace.projects.map(toDocumentProject),
  };
}

export function fromDocumentStored(document: StampedDocument): StoredWorkspace {
  const { last_record: lastRecord } = document;
  return {
    workspace: fromDocumentWorkspace(document),
    revision: document.revision ?? 0,
    ...(lastRecord === undefined ? {} : { lastRecord: fromDocumentRecord(lastRecord) }),
    requestKey: document.request_key as IdempotencyKey,
    fingerprint: document.request_fingerprint as Fingerprint,
    unfinished: document.unfinished ?? false,
    beginsByItself: document.begins_by_itself ?? false,
    ...present({ operator: document.opened_by }),
  };
}

export function fromDocumentWorkspace(document: StampedDocument): Workspace {
  return {
    ...fromDocumentTenant(document),
    members: (document.members ?? []).map(fromDocumentMember),
    invitations: (document.invitations ?? []).map(fromDocumentInvitation),
    projects: (document.projects ?? []).map(fromDocumentProject),
  };
}

export function fromDocumentTenant(document: StampedDocument): Tenant {
  return {
    tenantId: document.tenant_id as TenantId,
    productCode: document.product_code as ProductCode,
    displayName: document.display_name,
    planCode: document.plan_code as PlanCode,
    status: document.status,
    createdAt: document.created_at.getTime(),
    ...present({
      slug: document.slug,
      ownerUserId: document.owner_user_id as UserId | undefined,
      closedAt: document.closed_at?.getTime(),
      statusChangedAt: document.status_changed_at?.getTime(),
    }),
  };
}

export function toDocumentRecord(record: WorkspaceRecord): WorkspaceRecordDocument {
  const { recordId, tenantId, method, actor, requestId, requestKey, fingerprint, createdAt } = record;
  const { accessTokenId, remoteAddress, subjectId } = record;
  return {
    ...{ _id: recordId, tenant_id: tenantId, method, actor, request_id: requestId },
    ...present({ access_token_id: accessTokenId, remote_address: remoteAddress, subject_id: subjectId }),
    ...{ changes: [...record.changes], request_key: requestKey, fingerprint, created_at: new Date(createdAt) },
  };
}

export function fromDocumentRecord(document: WorkspaceRecordDocument): WorkspaceRecord {
  return {
    recordId: document._id,
    tenantId: document.tenant_id as TenantId,
    method: document.method,
    actor: document.actor,
    requestId: document.request_id,
    ...present({
      accessTokenId: document.access_token_id as AccessTokenId | undefined,
      remoteAddress: document.remote_address,
      subjectId: document.subject_id,
    }),
    changes: document.changes,
    requestKey: document.request_key as IdempotencyKey,
    fingerprint: document.fingerprint as Fingerprint,
    createdAt: document.created_at.getTime(),
  };
}

function toDocumentStanding({ tenantAdmin, projectRoles }: Standing): StandingDocument {
  const roles = projectRoles.map(({ projectId, role }) => ({ project_id: projectId, role }));
  return { tenant_admin: tenantAdmin, project_roles: roles };
}

function fromDocumentStanding({ tenant_admin: tenantAdmin, project_roles: roles }: StandingDocument): Standing {
  const projectRoles = roles.map(({ project_id, role }) => ({ projectId: project_id as ProjectId, role }));
  return { tenantAdmin, projectRoles };
}

function toDocumentMember(member: Member): MemberDocument {
  return { user_id: member.userId, ...toDocumentStanding(member), joined_at: new Date(member.joinedAt) };
}

function fromDocumentMember(document: MemberDocument): Member {
  const { user_id: userId, joined_at: joinedAt } = document;
  return { userId: userId as UserId, ...fromDocumentStanding(document), joinedAt: joinedAt.getTime() };
}

function toDocumentInvitation(invitation: Invitation): InvitationDocument {
  const { invitationId, email, tokenDigest, status, invitedBy, acceptedBy, createdAt, expiresAt } = invitation;
  return {
    ...{ invitation_id: invitationId, email, token_digest: tokenDigest, status, invited_by: invitedBy },
    ...present({ accepted_by: acceptedBy }),
    ...toDocumentStanding(invitation),
    ...{ created_at: new Date(createdAt), expires_at: new Date(expiresAt) },
  };
}

function fromDocumentInvitation(document: InvitationDocument): Invitation {
  return {
    invitationId: document.invitation_id as InvitationId,
    email: document.email,
    tokenDigest: document.token_digest,
    status: document.status,
    invitedBy: document.invited_by as UserId,
    ...present({ acceptedBy: document.accepted_by as UserId | undefined }),
    ...fromDocumentStanding(document),
    createdAt: document.created_at.getTime(),
    expiresAt: document.expires_at.getTime(),
  };
}

function toDocumentProject({ projectId, displayName, createdAt, archivedAt }: Project): ProjectDocument {
  return {
    ...{ project_id: projectId, display_name: displayName, created_at: new Date(createdAt) },
    ...present({ archived_at: toOptionalDate(archivedAt) }),
  };
}

function fromDocumentProject(document: ProjectDocument): Project {
  return {
    projectId: document.project_id as ProjectId,
    displayName: document.display_name,
    createdAt: document.created_at.getTime(),
    ...present({ archivedAt: document.archived_at?.getTime() }),
  };
}
