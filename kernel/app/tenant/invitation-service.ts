// Owns invitations to workspaces: the mail that carries their token, and becoming a member by it. Does not own the rules
// (domain/workspace.ts), or how mail is sent.
// Invariants: a token is in the mail alone, and its digest in the database; the mail is in the outbox before the answer, and a
// retry of the request puts it there where a crash came between.

import { createHash } from 'node:crypto';
import { DomainError } from '../../domain/error.ts';
import type { ProductCode, TenantId, UserId } from '../../domain/id.ts';
import {
  acceptInvitation,
  addInvitation,
  assertUsable,
  findMember,
  type Invitation,
  type Invitee,
  invitationNotFound,
  revokeInvitation,
  type Standing,
  statusOfInvitation,
  type Workspace,
} from '../../domain/workspace.ts';
import { computeFingerprint } from '../ledger/request-identity.ts';
import type { MailOutbox } from '../mail/mail-outbox.ts';
import type { UserStore } from '../people/ports.ts';
import type { Clock } from '../ports.ts';
import type { MemberLimit } from './member-limit.ts';
import { describeRole } from './member-service.ts';
import { formatPlaceToken, parsePlaceToken } from './place-token.ts';
import type { TenantIdSource, TenantStore } from './ports.ts';
import type { Page } from './tenant-life.ts';
import type { Act, ActIdentity, WorkspaceDesk } from './workspace-desk.ts';

/** How long an invitation can be accepted, in milliseconds. */
export const INVITATION_LIFETIME_MS = 7 * 86_400_000;

/** What invitations are made with. */
export interface InvitationServiceParts {
  readonly desk: WorkspaceDesk;
  readonly store: Pick<TenantStore, 'loadWorkspaceByInvitation'>;
  readonly users: Pick<UserStore, 'loadUsers'>;
  readonly limit: MemberLimit;
  readonly outbox: MailOutbox;
  readonly clock: Pick<Clock, 'now' | 'estimate'>;
  readonly ids: TenantIdSource;
}

/** An invitation as it stands now. */
export interface ReadInvitation extends Omit<Invitation, 'status'> {
  readonly status: Invitation['status'] | 'expired';
}

/** Whom to invite, as what. */
export interface InvitationInput extends Standing {
  /** In lower case. */
  readonly email: string;
}

/** Invites people. */
export class InvitationService {
  readonly #parts: InvitationServiceParts;

  constructor(parts: InvitationServiceParts) {
    this.#parts = parts;
  }

  /**
   * Invites an address. Throws DomainError PROJECT_NOT_FOUND, ALREADY_MEMBER, MEMBER_LIMIT_REACHED, WORKSPACE_LIMIT_REACHED,
   * MAIL_LIMIT_REACHED, and what the desk throws.
   */
  async create(
    tenant: { readonly tenantId: TenantId; readonly productCode: ProductCode },
    input: InvitationInput,
    inviter: UserId,
    act: Act,
    identity: ActIdentity,
  ): Promise<{ readonly invitation: ReadInvitation; readonly replayed: boolean }> {
    const { desk, limit, ids } = this.#parts;
    const { email, tenantAdmin, projectRoles } = input;
    const theirs = await this.#findUserIds(await desk.load(tenant.tenantId), email);
    const memberLimit = await limit.load(tenant);
    const invitationId = ids.invitationId();
    const token = ids.secret();
    const { workspace, subjectId, replayed } = await desk.change(tenant.tenantId, act, identity, (seen, now) => {
      assertUsable(seen);
      assertNoMember(seen, theirs);
      const invitation: Invitation = {
        ...{ invitationId, email, tenantAdmin, projectRoles, invitedBy: inviter, status: 'pending', createdAt: now },
        ...{ tokenDigest: digestOf(token), expiresAt: now + INVITATION_LIFETIME_MS },
      };
      const changes = [{ field: 'role', before: '', after: describeRole(input) }];
      return { workspace: addInvitation(seen, invitation, memberLimit, now), subjectId: invitationId, changes };
    });
    const made = workspace.invitations.find((candidate) => candidate.invitationId === subjectId);
    if (made === undefined) throw invitationNotFound();
    if (!replayed) await this.#send(workspace, made, token);
    else await this.#sendUnsent(workspace, made, act);
    return { invitation: this.#read(made), replayed };
  }

  /** Lists invitations, the newest first. Throws DomainError INVALID_FIELD `page_token`, DATABASE_UNAVAILABLE. */
  async list(
    tenantId: TenantId,
    status: ReadInvitation['status'] | undefined,
    pageSize: number,
    pageToken: string,
  ): Promise<Page<ReadInvitation>> {
    const { invitations } = await this.#parts.desk.load(tenantId);
    const rows = invitations
      .map((invitation) => this.#read(invitation))
      .filter((invitation) => status === undefined || invitation.status === status)
      .toReversed();
    const list = ['invitations', tenantId, status];
    const from = pageToken === '' ? 0 : parsePlaceToken(pageToken, list, rows, ({ invitationId }) => invitationId);
    const items = rows.slice(from, from + pageSize);
    const last = items.at(-1);
    const hasMore = from + pageSize < rows.length && last !== undefined;
    return { items, nextPageToken: hasMore ? formatPlaceToken(last.invitationId, from + items.length, list) : '' };
  }

  /** Takes an invitation back. Throws DomainError INVITATION_NOT_FOUND, INVITATION_ENDED, and what the desk throws. */
  async revoke(tenantId: TenantId, invitationId: string, act: Act): Promise<ReadInvitation> {
    const { workspace } = await this.#parts.desk.change(tenantId, act, undefined, (seen, now) => {
      const changes = [{ field: 'status', before: 'pending', after: 'revoked' }];
      return { workspace: revokeInvitation(seen, invitationId, now), subjectId: invitationId, changes };
    });
    const invitation = workspace.invitations.find((candidate) => candidate.invitationId === invitationId);
    if (invitation === undefined) throw invitationNotFound();
    return this.#read(invitation);
  }

  /**
   * Makes somebody a member by the token of a mail. Throws DomainError INVITATION_NOT_FOUND, INVITATION_ENDED,
   * EMAIL_NOT_VERIFIED, EMAIL_MISMATCH, ALREADY_MEMBER, MEMBER_LIMIT_REACHED, and what the desk throws.
   */
  async accept(
    token: string,
    productCode: ProductCode,
    invitee: Invitee,
    act: Act,
  ): Promise<{ readonly workspace: Workspace; readonly replayed: boolean }> {
    const { store, desk, limit } = this.#parts;
    const tokenDigest = digestOf(token);
    const found = (await store.loadWorkspaceByInvitation(tokenDigest))?.workspace;
    if (found === undefined || found.productCode !== productCode) throw invitationNotFound();
    const memberLimit = await limit.load(found);
    const { workspace, replayed } = await desk.change(found.tenantId, act, undefined, (seen, now) => {
      assertUsable(seen);
      const changed = acceptInvitation(seen, tokenDigest, invitee, { now, memberLimit });
      const changes = [{ field: 'member', before: '', after: invitee.userId }];
      return { workspace: changed, subjectId: invitee.userId, changes };
    });
    return { workspace, replayed };
  }

  /** Finds the members who have an address. */
  async #findUserIds({ members }: Workspace, email: string): Promise<readonly UserId[]> {
    const users = await this.#parts.users.loadUsers(members.map(({ userId }) => userId));
    return [...users.values()].flatMap((user) => (user.email === email ? [user.userId] : []));
  }

  /** Where a crash came before the mail was in the outbox, nobody knows the token any more: another one takes its place. */
  async #sendUnsent(workspace: Workspace, invitation: Invitation, act: Act): Promise<void> {
    const { outbox, desk, ids } = this.#parts;
    if (invitation.status !== 'pending' || (await outbox.isKnown(mailIdOf(invitation)))) return;
    const token = ids.secret();
    const renewed = { ...invitation, tokenDigest: digestOf(token) };
    const { workspace: after } = await desk.change(workspace.tenantId, act, undefined, (seen) => {
      const isUnsent = (other: Invitation): boolean =>
        other.tokenDigest === invitation.tokenDigest && other.status === 'pending';
      // Another retry may have come first, and sends its own.
      if (!seen.invitations.some(isUnsent)) return { workspace: seen };
      const invitations = seen.invitations.map((other) => (isUnsent(other) ? renewed : other));
      return { workspace: { ...seen, invitations }, subjectId: invitation.invitationId };
    });
    if (!after.invitations.some(({ tokenDigest }) => tokenDigest === renewed.tokenDigest)) return;
    await this.#send(workspace, renewed, token);
  }

  async #send(workspace: Workspace, invitation: Invitation, token: string): Promise<void> {
    const { email, invitedBy, expiresAt } = invitation;
    const { outbox, users } = this.#parts;
    const inviter = (await users.loadUsers([invitedBy])).get(invitedBy);
    await outbox.enqueue({
      mailId: mailIdOf(invitation),
      productCode: workspace.productCode,
      to: email,
      content: {
        ...{ template: 'invitation', workspaceName: workspace.displayName, token, expiresAt },
        inviter: inviter?.displayName ?? inviter?.email ?? 'Somebody',
      },
    });
  }

  #read(invitation: Invitation): ReadInvitation {
    return { ...invitation, status: statusOfInvitation(invitation, this.#parts.clock.estimate()) };
  }
}

function assertNoMember(workspace: Workspace, userIds: readonly UserId[]): void {
  if (userIds.every((userId) => findMember(workspace, userId) === undefined)) return;
  const message = `email: ${workspace.tenantId} has a member with this address: change the role instead`;
  throw new DomainError('ALREADY_MEMBER', message);
}

/** What an invitation means, for its fingerprint. */
export function fingerprintOfInvitation(tenantId: TenantId, input: InvitationInput) {
  return computeFingerprint(['create_invitation', tenantId, input.email, describeRole(input)]);
}

/** Each token has a mail of its own. */
function mailIdOf({ invitationId, tokenDigest }: Invitation): string {
  return `${invitationId}:${tokenDigest}`;
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
