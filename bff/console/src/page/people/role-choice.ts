// Owns what it means to choose a role: for all of the workspace, or for some projects.

import type { MemberRoles } from '../../api/api.ts';
import type { Role } from '../../api/type.ts';

/** Are the roles, the highest first. */
export const ROLES = ['tenant_admin', 'project_contributor', 'project_viewer'] as const satisfies readonly Role[];

/** Is a role, and the projects that it holds in; an administrator has all. */
export interface RoleChoice {
  readonly role: Role;
  readonly projectIds: readonly string[];
}

/** Says whether a choice can be made: a role of projects needs one. */
export function isComplete({ role, projectIds }: RoleChoice): boolean {
  return role === 'tenant_admin' || projectIds.length > 0;
}

/** Translates a choice into what the API takes. */
export function toMemberRoles({ role, projectIds }: RoleChoice): MemberRoles {
  if (role === 'tenant_admin') return { tenant_admin: true, project_roles: [] };
  return { tenant_admin: false, project_roles: projectIds.map((project_id) => ({ project_id, role })) };
}
