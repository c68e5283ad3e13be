// Owns the translation of roles and of what somebody may do in a workspace.

import { type ProjectRole as ProjectRoleMessage, Role as RoleMessage } from '../../../gen/wheelhouse/tenant/v1/role.ts';
import type { ProjectId } from '../../domain/id.ts';
import { ROLES, type Role } from '../../domain/role.ts';
import { PROJECTS_MAX, type ProjectRole, type Standing } from '../../domain/workspace.ts';
import type { FieldCheck } from './field-check.ts';

const MESSAGES: Readonly<Record<Role, RoleMessage>> = {
  tenant_admin: RoleMessage.TENANT_ADMIN,
  project_contributor: RoleMessage.PROJECT_CONTRIBUTOR,
  project_viewer: RoleMessage.PROJECT_VIEWER,
};

export function toProtoRole(role: Role | undefined): RoleMessage {
  return role === undefined ? RoleMessage.UNSPECIFIED : MESSAGES[role];
}

/** Translates a role; undefined for one that is not known here. */
export function fromProtoRole(message: RoleMessage): Role | undefined {
  return ROLES.find((role) => MESSAGES[role] === message);
}

export function toProtoProjectRoles({ projectRoles }: Standing): ProjectRoleMessage[] {
  return projectRoles.map(({ projectId, role }) => ({ projectId, role: toProtoRole(role) }));
}

/** Checks what somebody is to be: a tenant_admin, or somebody with roles in projects, each named once. */
export function checkStanding(
  check: FieldCheck,
  {
    tenantAdmin,
    projectRoles,
  }: { readonly tenantAdmin: boolean; readonly projectRoles: readonly ProjectRoleMessage[] },
): Standing {
  if (tenantAdmin && projectRoles.length > 0) {
    check.refuse('project_roles', 'must be empty with tenant_admin, who has all projects');
  }
  if (projectRoles.length > PROJECTS_MAX) check.refuse('project_roles', `must be at most ${PROJECTS_MAX}`);
  const seen = new Set<string>();
  const roles = projectRoles.slice(0, PROJECTS_MAX).map(({ projectId, role }, index): ProjectRole => {
    const path = `project_roles[${index}]`;
    check.id(`${path}.project_id`, projectId, true);
    if (seen.has(projectId)) check.refuse(`${path}.project_id`, 'names a project that stands before it');
    seen.add(projectId);
    const found = fromProtoRole(role);
    if (found === undefined || found === 'tenant_admin') {
      check.refuse(`${path}.role`, `must be ROLE_PROJECT_CONTRIBUTOR or ROLE_PROJECT_VIEWER, got ${role}`);
    }
    // Where it is something else the request is refused, and what is answered here is not looked at.
    return { projectId: projectId as ProjectId, role: found === 'project_contributor' ? found : 'project_viewer' };
  });
  return { tenantAdmin, projectRoles: tenantAdmin ? [] : roles };
}
