// Owns what a member is called, and which of their roles is the highest.

import type { Member, Role } from '../../api/type.ts';
import { STRINGS } from '../../strings.ts';

/** Returns the highest role of a member. */
export function roleOf({ tenant_admin, project_roles }: Pick<Member, 'tenant_admin' | 'project_roles'>): Role | null {
  if (tenant_admin) return 'tenant_admin';
  if (project_roles.some(({ role }) => role === 'project_contributor')) return 'project_contributor';
  return project_roles.length > 0 ? 'project_viewer' : null;
}

/** Returns what a member is called. */
export function nameOfMember({ display_name, email }: Member): string {
  return display_name ?? email ?? STRINGS.people.unknown;
}
