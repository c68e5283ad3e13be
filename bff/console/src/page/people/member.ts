// Owns which of a member's roles is the highest.

import type { Member, Role } from '../../api/type.ts';

/** Returns the highest role of a member. */
export function roleOf({ tenant_admin, project_roles }: Pick<Member, 'tenant_admin' | 'project_roles'>): Role | null {
  if (tenant_admin) return 'tenant_admin';
  if (project_roles.some(({ role }) => role === 'project_contributor')) return 'project_contributor';
  return project_roles.length > 0 ? 'project_viewer' : null;
}
