// Owns whom a workspace is written to about its affairs: its administrators. Does not own what is written.

import type { TenantId, UserId } from '../../domain/id.ts';
import type { TenantStore } from '../tenant/ports.ts';
import type { UserStore } from './ports.ts';

/** Where administrators are found. */
export interface AdminFinderParts {
  readonly tenants: Pick<TenantStore, 'loadWorkspace'>;
  readonly users: Pick<UserStore, 'loadUsers'>;
}

/** Whom to write to. */
export interface Addressees {
  readonly workspaceName: string;
  /** The administrators with a verified address. */
  readonly admins: readonly { readonly userId: UserId; readonly email: string }[];
}

/** Finds the administrators of a workspace; undefined where it was closed, or there is none. Throws DomainError DATABASE_UNAVAILABLE. */
export async function findAdmins(
  { tenants, users }: AdminFinderParts,
  tenantId: TenantId,
): Promise<Addressees | undefined> {
  const workspace = (await tenants.loadWorkspace(tenantId))?.workspace;
  if (workspace === undefined || workspace.status === 'closed') return undefined;
  const userIds = workspace.members.flatMap(({ userId, tenantAdmin }) => (tenantAdmin ? [userId] : []));
  const people = [...(await users.loadUsers(userIds)).values()];
  const admins = people.flatMap(({ userId, email }) => (email === undefined ? [] : [{ userId, email }]));
  return { workspaceName: workspace.displayName, admins };
}
