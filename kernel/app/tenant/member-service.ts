// Owns who is in a workspace and what they may do there. Does not own invitations (invitation-service.ts), or how changes are
// stored (workspace-desk.ts).

import type { Fingerprint, ProductCode, TenantId, UserId } from '../../domain/id.ts';
import {
  assertUsable,
  changeStanding,
  findMember,
  type Member,
  putMember,
  removeMember,
  requireMember,
  type Standing,
  type Workspace,
} from '../../domain/workspace.ts';
import { computeFingerprint } from '../ledger/request-identity.ts';
import type { AuditNotebook } from '../operator/audit-notebook.ts';
import type { FieldChange } from '../operator/ports.ts';
import type { PeopleDirectory, Profile } from '../people/people-directory.ts';
import type { User, UserStore } from '../people/ports.ts';
import type { MemberLimit } from './member-limit.ts';
import { noteWorkspaceWrite, type OperatorAct } from './operator-act.ts';
import { formatPlaceToken, parsePlaceToken } from './place-token.ts';
import type { Page } from './tenant-life.ts';
import type { Act, ActIdentity, WorkspaceDesk } from './workspace-desk.ts';

/** What the members of workspaces are kept with. */
export interface MemberServiceParts {
  readonly desk: WorkspaceDesk;
  readonly people: Pick<PeopleDirectory, 'recognise'>;
  readonly users: Pick<UserStore, 'loadUsers'>;
  readonly limit: MemberLimit;
  readonly notebook: Pick<AuditNotebook, 'note'>;
}

/** A member, with who that is. */
export interface NamedMember extends Member {
  readonly user: User | undefined;
  readonly isOwner: boolean;
}

/** What became of a change of a member. */
export interface MemberOutcome {
  /** Absent where the member has left since. */
  readonly member: NamedMember | undefined;
  readonly replayed: boolean;
}

/** Changes who is in workspaces. */
export class MemberService {
  readonly #parts: MemberServiceParts;

  constructor(parts: MemberServiceParts) {
    this.#parts = parts;
  }

  /** Lists members in the order in which they came. Throws DomainError INVALID_FIELD `page_token`, DATABASE_UNAVAILABLE. */
  async list(tenantId: TenantId, pageSize: number, pageToken: string): Promise<Page<NamedMember>> {
    const workspace = await this.#parts.desk.load(tenantId);
    const list = ['members', tenantId];
    const from = pageToken === '' ? 0 : parsePlaceToken(pageToken, list, workspace.members, ({ userId }) => userId);
    const page = workspace.members.slice(from, from + pageSize);
    const last = page.at(-1);
    const hasMore = from + pageSize < workspace.members.length && last !== undefined;
    return {
      items: await this.#name(workspace, page),
      nextPageToken: hasMore ? formatPlaceToken(last.userId, from + page.length, list) : '',
    };
  }

  /** Changes what a member may do. Throws DomainError MEMBER_NOT_FOUND, PROJECT_NOT_FOUND, LAST_ADMIN, and what the desk throws. */
  async update(
    tenantId: TenantId,
    userId: UserId,
    standing: Standing,
    act: Act,
    identity: ActIdentity,
  ): Promise<MemberOutcome> {
    const { workspace, replayed } = await this.#parts.desk.change(tenantId, act, identity, (seen) => {
      assertUsable(seen);
      const before = requireMember(seen, userId);
      return {
        workspace: changeStanding(seen, userId, standing),
        subjectId: userId,
        changes: describe(before, standing),
      };
    });
    return { member: await this.#nameOne(workspace, userId), replayed };
  }

  /** Takes a member out. Throws DomainError MEMBER_NOT_FOUND, LAST_ADMIN, and what the desk throws. */
  async remove(
    tenantId: TenantId,
    userId: UserId,
    act: Act,
    identity: ActIdentity,
  ): Promise<{ readonly replayed: boolean }> {
    const { replayed } = await this.#parts.desk.change(tenantId, act, identity, (seen) => {
      assertUsable(seen);
      const before = requireMember(seen, userId);
      return { workspace: removeMember(seen, userId), subjectId: userId, changes: describe(before, undefined) };
    });
    return { replayed };
  }

  /**
   * Makes a person a member, or changes what a member may do, by an operator's hand. Throws DomainError TENANT_NOT_FOUND,
   * PROJECT_NOT_FOUND, MEMBER_LIMIT_REACHED, LAST_ADMIN, TENANT_CLOSED, and what the desk throws.
   */
  async put(
    tenant: { readonly tenantId: TenantId; readonly productCode: ProductCode },
    { profile, ...standing }: Standing & { readonly profile: Profile },
    act: Act,
    operator: OperatorAct,
  ): Promise<MemberOutcome> {
    const { people, desk, limit, notebook } = this.#parts;
    const { tenantId } = tenant;
    const { userId } = await people.recognise(profile);
    const memberLimit = await limit.load(tenant);
    await noteWorkspaceWrite(notebook, tenantId, act, operator, { user_id: userId, role: describeRole(standing) });
    const { workspace, replayed } = await desk.change(tenantId, act, operator.identity, (seen, now) => {
      if (seen.status === 'closed') assertUsable(seen);
      const member = { ...standing, userId, joinedAt: now };
      const changes = describe(findMember(seen, userId), standing);
      const changed = putMember(seen, member, memberLimit);
      return { workspace: withOwner(changed, userId, standing), subjectId: userId, changes };
    });
    return { member: await this.#nameOne(workspace, userId), replayed };
  }

  async #nameOne(workspace: Workspace, userId: UserId): Promise<NamedMember | undefined> {
    const member = findMember(workspace, userId);
    return member === undefined ? undefined : (await this.#name(workspace, [member]))[0];
  }

  async #name(workspace: Workspace, members: readonly Member[]): Promise<readonly NamedMember[]> {
    const users = await this.#parts.users.loadUsers(members.map(({ userId }) => userId));
    return members.map((member) => ({
      ...member,
      user: users.get(member.userId),
      isOwner: member.userId === workspace.ownerUserId,
    }));
  }
}

/** A workspace that an operator made for nobody belongs to its first admin. */
function withOwner(workspace: Workspace, userId: UserId, { tenantAdmin }: Standing): Workspace {
  return tenantAdmin && workspace.ownerUserId === undefined ? { ...workspace, ownerUserId: userId } : workspace;
}

/** What a request about a member means, for its fingerprint. */
export function fingerprintOfMember(
  operation: string,
  tenantId: TenantId,
  who: string,
  standing?: Standing,
): Fingerprint {
  return computeFingerprint([operation, tenantId, who, standing === undefined ? undefined : describeRole(standing)]);
}

/** Writes a standing as people read it in a log. */
export function describeRole({ tenantAdmin, projectRoles }: Standing): string {
  if (tenantAdmin) return 'tenant_admin';
  const roles = projectRoles.map(({ projectId, role }) => `${role} of ${projectId}`);
  return roles.length === 0 ? 'member' : roles.join(', ');
}

function describe(before: Standing | undefined, after: Standing | undefined): readonly FieldChange[] {
  const was = before === undefined ? '' : describeRole(before);
  const is = after === undefined ? '' : describeRole(after);
  return [{ field: 'role', before: was, after: is }];
}
