// Owns what a person or an access token can be in a workspace, and which role includes which.

/** What somebody can be in a workspace, highest first; each includes the ones after it. */
export const ROLES = ['tenant_admin', 'project_contributor', 'project_viewer'] as const;
export type Role = (typeof ROLES)[number];

/** Says whether a role includes another one, or is the same. */
export function includesRole(held: Role, needed: Role): boolean {
  return ROLES.indexOf(held) <= ROLES.indexOf(needed);
}
