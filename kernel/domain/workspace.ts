// Owns what may happen to a workspace as a group of people: who is in it, who is invited, which projects it has, what it is
// called and whether it may be used. A workspace is one aggregate, so that rules over all of its members hold under
// concurrency. Does not own credits (account.ts), or where it is kept.
// Invariants: a workspace that ever had a tenant_admin keeps one; nobody is in it twice; a role is in a project that exists;
// its product never changes: nothing here can change it.

import { DomainError, invalidField } from './error.ts';
import type { Instant, InvitationId, PlanCode, ProductCode, ProjectId, TenantId, UserId } from './id.ts';
import type { Role } from './role.ts';

/** How many members a workspace may have, whatever its plan. */
export const MEMBERS_MAX = 1_000;
/** How many invitations may be open at once. */
export const OPEN_INVITATIONS_MAX = 100;
/** How many invitations that have ended are kept, for the list; the log of the workspace has all. */
const ENDED_INVITATIONS_KEPT = 100;
/** How many projects a workspace may have, archived ones included. */
export const PROJECTS_MAX = 500;
/** How many roles in projects members and invitations may have all together, so that the workspace fits one document. */
export const ROLES_MAX = 5_000;

/** Says whether a workspace may be used. */
export type WorkspaceStatus = 'active' | 'suspended' | 'closed';

/** A role in one project. */
export interface ProjectRole {
  readonly projectId: ProjectId;
  readonly role: Exclude<Role, 'tenant_admin'>;
}

/** What somebody may do in a workspace. */
export interface Standing {
  readonly tenantAdmin: boolean;
  /** Empty for a tenant_admin, who has all projects. */
  readonly projectRoles: readonly ProjectRole[];
}

/** A person in a workspace. */
export interface Member extends Standing {
  readonly userId: UserId;
  readonly joinedAt: Instant;
}

/** An invitation of an email address. Who knows its token is found by the digest; the token itself is not kept. */
export interface Invitation extends Standing {
  readonly invitationId: InvitationId;
  /** In lower case. */
  readonly email: string;
  readonly tokenDigest: string;
  readonly status: 'pending' | 'accepted' | 'revoked';
  readonly invitedBy: UserId;
  readonly acceptedBy?: UserId;
  readonly createdAt: Instant;
  readonly expiresAt: Instant;
}

/** A part of a workspace. */
export interface Project {
  readonly projectId: ProjectId;
  readonly displayName: string;
  readonly createdAt: Instant;
  readonly archivedAt?: Instant;
}

/** A workspace of one product. */
export interface Workspace {
  readonly tenantId: TenantId;
  /** Never changes. */
  readonly productCode: ProductCode;
  readonly displayName: string;
  /** Absent for one of an earlier release. */
  readonly slug?: string;
  readonly ownerUserId?: UserId;
  /** The plan that its account was opened with. */
  readonly planCode: PlanCode;
  readonly status: WorkspaceStatus;
  readonly createdAt: Instant;
  readonly closedAt?: Instant;
  /** When it was last suspended, let go on or closed. */
  readonly statusChangedAt?: Instant;
  readonly members: readonly Member[];
  readonly invitations: readonly Invitation[];
  readonly projects: readonly Project[];
}

/** Computes the highest role that somebody has; undefined for a member without any. */
export function computeRole({ tenantAdmin, projectRoles }: Standing): Role | undefined {
  if (tenantAdmin) return 'tenant_admin';
  if (projectRoles.some(({ role }) => role === 'project_contributor')) return 'project_contributor';
  return projectRoles.length > 0 ? 'project_viewer' : undefined;
}

/** Finds a member; undefined where the person is none. */
export function findMember({ members }: Workspace, userId: UserId): Member | undefined {
  return members.find((member) => member.userId === userId);
}

/** Throws DomainError TENANT_SUSPENDED or TENANT_CLOSED where a workspace may not be changed. */
export function assertUsable({ tenantId, status }: Pick<Workspace, 'tenantId' | 'status'>): void {
  const metadata = { tenant_id: tenantId };
  if (status === 'suspended') {
    const message = `tenant_id: ${tenantId} is suspended: it can be read and its subscription canceled, nothing else; ask an operator`;
    throw new DomainError('TENANT_SUSPENDED', message, { metadata });
  }
  if (status === 'closed') {
    const message = `tenant_id: ${tenantId} was closed: it can be read, not changed or charged`;
    throw new DomainError('TENANT_CLOSED', message, { metadata });
  }
}

/**
 * Adds a member, or gives a member that is there another standing.
 * @param memberLimit What the plan allows; null means no limit. It only keeps new members out.
 * Throws DomainError MEMBER_LIMIT_REACHED, PROJECT_NOT_FOUND, LAST_ADMIN.
 */
export function putMember(workspace: Workspace, member: Member, memberLimit: number | null): Workspace {
  if (findMember(workspace, member.userId) !== undefined) return changeStanding(workspace, member.userId, member);
  assertRoomForMember(workspace, memberLimit);
  assertProjects(workspace, member);
  return keepRoleBound({ ...workspace, members: [...workspace.members, member] });
}

/** Throws DomainError MEMBER_LIMIT_REACHED where the plan, or the bound on every workspace, lets nobody in any more. */
function assertRoomForMember({ tenantId, members }: Workspace, memberLimit: number | null): void {
  const limit = Math.min(memberLimit ?? MEMBERS_MAX, MEMBERS_MAX);
  if (members.length < limit) return;
  const message = `the plan of ${tenantId} allows ${limit} members, and it has ${members.length}: take one out, or change the plan`;
  throw new DomainError('MEMBER_LIMIT_REACHED', message, { metadata: { limit: String(limit) } });
}

/** Changes what a member may do. Throws DomainError MEMBER_NOT_FOUND, PROJECT_NOT_FOUND, LAST_ADMIN. */
export function changeStanding(workspace: Workspace, userId: UserId, standing: Standing): Workspace {
  const member = requireMember(workspace, userId);
  assertProjects(workspace, standing);
  const { tenantAdmin, projectRoles } = standing;
  const members = workspace.members.map((other) =>
    other === member ? { ...other, tenantAdmin, projectRoles } : other,
  );
  return keepRoleBound(keepAdmin(workspace, { ...workspace, members }));
}

/** Takes a member out. Throws DomainError MEMBER_NOT_FOUND, LAST_ADMIN. */
export function removeMember(workspace: Workspace, userId: UserId): Workspace {
  const member = requireMember(workspace, userId);
  return keepAdmin(workspace, { ...workspace, members: workspace.members.filter((other) => other !== member) });
}

/** Finds a member. Throws DomainError MEMBER_NOT_FOUND where the person is none. */
export function requireMember(workspace: Workspace, userId: UserId): Member {
  const member = findMember(workspace, userId);
  if (member !== undefined) return member;
  const message = `user_id: ${workspace.tenantId} has no member ${userId}: see ListMembers`;
  throw new DomainError('MEMBER_NOT_FOUND', message, { metadata: { user_id: userId } });
}

/** A workspace of an earlier release has no admin, which an operator appoints; one that has one keeps one. */
function keepAdmin(before: Workspace, after: Workspace): Workspace {
  const hasAdmin = ({ members }: Workspace): boolean => members.some(({ tenantAdmin }) => tenantAdmin);
  if (!hasAdmin(before) || hasAdmin(after)) return withOwner(after);
  const message = `${before.tenantId} would be left without a tenant_admin: make somebody else one first`;
  throw new DomainError('LAST_ADMIN', message);
}

/** A workspace belongs to an admin of it: where its owner is none any more, to the one who has been there longest. */
function withOwner(workspace: Workspace): Workspace {
  const { ownerUserId, members } = workspace;
  const admins = members.filter(({ tenantAdmin }) => tenantAdmin);
  const [longest] = admins;
  if (ownerUserId === undefined || longest === undefined) return workspace;
  return admins.some(({ userId }) => userId === ownerUserId)
    ? workspace
    : { ...workspace, ownerUserId: longest.userId };
}

/** Throws DomainError PROJECT_NOT_FOUND where a role is in a project that is not there, or was archived. */
function assertProjects({ tenantId, projects }: Workspace, { projectRoles }: Standing): void {
  for (const { projectId } of projectRoles) {
    const project = projects.find((candidate) => candidate.projectId === projectId);
    if (project === undefined || project.archivedAt !== undefined) throw projectNotFound(tenantId, projectId);
  }
}

/** Builds the error for a project that is not there. */
export function projectNotFound(tenantId: TenantId, projectId: string): DomainError {
  const message = `project_id: ${tenantId} has no project ${projectId}, or it was archived: see ListProjects`;
  return new DomainError('PROJECT_NOT_FOUND', message, { metadata: { project_id: projectId } });
}

/**
 * Adds an invitation; one that is open for the same address is revoked by it.
 * Throws DomainError PROJECT_NOT_FOUND, MEMBER_LIMIT_REACHED, WORKSPACE_LIMIT_REACHED.
 */
export function addInvitation(
  workspace: Workspace,
  invitation: Invitation,
  memberLimit: number | null,
  now: Instant,
): Workspace {
  assertProjects(workspace, invitation);
  assertRoomForMember(workspace, memberLimit);
  const others = workspace.invitations.map(
    (other): Invitation =>
      isOpen(other, now) && other.email === invitation.email ? { ...other, status: 'revoked' } : other,
  );
  if (others.filter((other) => isOpen(other, now)).length >= OPEN_INVITATIONS_MAX) {
    throw limitReached('open invitations', OPEN_INVITATIONS_MAX);
  }
  return keepRoleBound({ ...workspace, invitations: [...dropOldest(others, now), invitation] });
}

/** Throws DomainError WORKSPACE_LIMIT_REACHED where a workspace has more roles in projects than it may have. */
function keepRoleBound(workspace: Workspace): Workspace {
  const holders: readonly Standing[] = [...workspace.members, ...workspace.invitations];
  const count = holders.reduce((sum, { projectRoles }) => sum + projectRoles.length, 0);
  if (count > ROLES_MAX) throw limitReached('roles in projects, of members and invitations', ROLES_MAX);
  return workspace;
}

/** Says whether an invitation can be accepted. */
export function isOpen({ status, expiresAt }: Pick<Invitation, 'status' | 'expiresAt'>, now: Instant): boolean {
  return status === 'pending' && now < expiresAt;
}

function dropOldest(invitations: readonly Invitation[], now: Instant): readonly Invitation[] {
  let surplus = invitations.filter((invitation) => !isOpen(invitation, now)).length - ENDED_INVITATIONS_KEPT;
  return invitations.filter((invitation) => {
    if (surplus <= 0 || isOpen(invitation, now)) return true;
    surplus -= 1;
    return false;
  });
}

/** Takes an invitation back. Throws DomainError INVITATION_NOT_FOUND, INVITATION_ENDED where it was accepted or has expired. */
export function revokeInvitation(workspace: Workspace, invitationId: string, now: Instant): Workspace {
  const invitation = workspace.invitations.find((candidate) => candidate.invitationId === invitationId);
  if (invitation === undefined) throw invitationNotFound();
  if (invitation.status === 'revoked') return workspace;
  if (!isOpen(invitation, now)) throw invitationEnded(invitation, now);
  return replaceInvitation(workspace, { ...invitation, status: 'revoked' });
}

/** Who accepts an invitation. */
export interface Invitee {
  readonly userId: UserId;
  /** The address that the issuer vouches for. */
  readonly email?: string;
}

/**
 * Makes somebody a member by an invitation; whoever has accepted it already gets the same workspace.
 * Throws DomainError INVITATION_ENDED, EMAIL_NOT_VERIFIED, EMAIL_MISMATCH, ALREADY_MEMBER, MEMBER_LIMIT_REACHED.
 */
export function acceptInvitation(
  workspace: Workspace,
  tokenDigest: string,
  invitee: Invitee,
  { now, memberLimit }: { readonly now: Instant; readonly memberLimit: number | null },
): Workspace {
  const invitation = workspace.invitations.find((candidate) => candidate.tokenDigest === tokenDigest);
  if (invitation === undefined) throw invitationNotFound();
  assertSameEmail(invitation.email, invitee.email, 'invitation');
  const isMember = findMember(workspace, invitee.userId) !== undefined;
  // Whoever has accepted and was taken out since is not let in again by it.
  if (invitation.status === 'accepted' && invitation.acceptedBy === invitee.userId && isMember) return workspace;
  if (!isOpen(invitation, now)) throw invitationEnded(invitation, now);
  if (isMember) {
    throw new DomainError(
      'ALREADY_MEMBER',
      `you are a member of ${workspace.tenantId} already: there is nothing to accept`,
    );
  }
  const { tenantAdmin, projectRoles } = invitation;
  // A project that was archived meanwhile gives no role any more; the person is welcome all the same.
  const open = projectRoles.filter(({ projectId }) =>
    workspace.projects.some((project) => project.projectId === projectId && project.archivedAt === undefined),
  );
  const member = { userId: invitee.userId, tenantAdmin, projectRoles: open, joinedAt: now };
  const joined = putMember(workspace, member, memberLimit);
  return replaceInvitation(joined, { ...invitation, status: 'accepted', acceptedBy: invitee.userId });
}

/** Throws DomainError EMAIL_NOT_VERIFIED, EMAIL_MISMATCH unless a person has the address that something is meant for. */
export function assertSameEmail(wanted: string, held: string | undefined, what: 'invitation' | 'signup'): void {
  if (held === undefined) {
    const message = `your email address is not verified where you sign in, so that this ${what} can't be known as yours: verify it there`;
    throw new DomainError('EMAIL_NOT_VERIFIED', message);
  }
  if (held === wanted) return;
  throw new DomainError(
    'EMAIL_MISMATCH',
    `this ${what} is for another email address than yours: sign in with that one`,
  );
}

function replaceInvitation(workspace: Workspace, invitation: Invitation): Workspace {
  const { invitationId } = invitation;
  const invitations = workspace.invitations.map((other) => (other.invitationId === invitationId ? invitation : other));
  return { ...workspace, invitations };
}

/** Builds the error for an invitation that is not there, or whose token is wrong: the two look the same. */
export function invitationNotFound(): DomainError {
  const message = 'there is no such invitation: check that the link is whole, or ask for another one';
  return new DomainError('INVITATION_NOT_FOUND', message);
}

function invitationEnded(invitation: Invitation, now: Instant): DomainError {
  const status = statusOfInvitation(invitation, now);
  const message = `the invitation ${invitation.invitationId} is ${status}: ask for another one`;
  return new DomainError('INVITATION_ENDED', message, { metadata: { status } });
}

/** Answers where an invitation stands now. */
export function statusOfInvitation(
  { status, expiresAt }: Pick<Invitation, 'status' | 'expiresAt'>,
  now: Instant,
): Invitation['status'] | 'expired' {
  return status === 'pending' && now >= expiresAt ? 'expired' : status;
}

/** Adds a project. Throws DomainError WORKSPACE_LIMIT_REACHED. */
export function addProject(workspace: Workspace, project: Project): Workspace {
  if (workspace.projects.length >= PROJECTS_MAX) throw limitReached('projects', PROJECTS_MAX);
  return { ...workspace, projects: [...workspace.projects, project] };
}

/** What is to become of a project; fields that are absent stay. */
export interface ProjectChange {
  readonly displayName?: string;
  readonly archived?: boolean;
}

/** Renames or archives a project, or takes it back; who had a role in it keeps it. Throws DomainError PROJECT_NOT_FOUND. */
export function changeProject(
  workspace: Workspace,
  projectId: string,
  { displayName, archived }: ProjectChange,
  now: Instant,
): Workspace {
  const project = workspace.projects.find((candidate) => candidate.projectId === projectId);
  if (project === undefined) throw projectNotFound(workspace.tenantId, projectId);
  const { archivedAt, ...rest } = project;
  const isArchived = archived ?? archivedAt !== undefined;
  const changed: Project = {
    ...rest,
    displayName: displayName ?? project.displayName,
    ...(isArchived ? { archivedAt: archivedAt ?? now } : {}),
  };
  return { ...workspace, projects: workspace.projects.map((other) => (other === project ? changed : other)) };
}

/** Hands a workspace to another of its admins. Throws DomainError MEMBER_NOT_FOUND, INVALID_FIELD `owner_user_id`. */
export function changeOwner(workspace: Workspace, userId: UserId): Workspace {
  if (!requireMember(workspace, userId).tenantAdmin) {
    throw invalidField({ field: 'owner_user_id', description: 'must be a tenant_admin of the workspace' });
  }
  return { ...workspace, ownerUserId: userId };
}

/** Builds the error for a bound of a workspace, or of a person's workspaces. */
export function limitReached(what: string, limit: number): DomainError {
  const message = `there are ${limit} ${what}, which is the most: remove one first`;
  return new DomainError('WORKSPACE_LIMIT_REACHED', message, { metadata: { what, limit: String(limit) } });
}
