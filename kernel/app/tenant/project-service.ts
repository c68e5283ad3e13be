// Owns the projects of workspaces, and which of them somebody sees. Does not own roles in them (member-service.ts).

import type { TenantId } from '../../domain/id.ts';
import {
  addProject,
  assertUsable,
  changeProject,
  type Project,
  type ProjectChange,
  projectNotFound,
  type Standing,
  type Workspace,
} from '../../domain/workspace.ts';
import { computeFingerprint } from '../ledger/request-identity.ts';
import { formatPlaceToken, parsePlaceToken } from './place-token.ts';
import type { TenantIdSource } from './ports.ts';
import type { Page } from './tenant-life.ts';
import type { Act, ActIdentity, WorkspaceDesk } from './workspace-desk.ts';

/** What projects are kept with. */
export interface ProjectServiceParts {
  readonly desk: WorkspaceDesk;
  readonly ids: Pick<TenantIdSource, 'projectId'>;
}

/** What became of a request about a project. */
export interface ProjectOutcome {
  readonly project: Project;
  readonly replayed: boolean;
}

/** Makes, changes and lists projects. */
export class ProjectService {
  readonly #parts: ProjectServiceParts;

  constructor(parts: ProjectServiceParts) {
    this.#parts = parts;
  }

  /** Makes a project. Throws DomainError WORKSPACE_LIMIT_REACHED, and what the desk throws. */
  async create(tenantId: TenantId, displayName: string, act: Act, identity: ActIdentity): Promise<ProjectOutcome> {
    const projectId = this.#parts.ids.projectId();
    const outcome = await this.#parts.desk.change(tenantId, act, identity, (seen, now) => {
      assertUsable(seen);
      const changes = [{ field: 'display_name', before: '', after: displayName }];
      return { workspace: addProject(seen, { projectId, displayName, createdAt: now }), subjectId: projectId, changes };
    });
    return { project: requireProject(outcome.workspace, outcome.subjectId), replayed: outcome.replayed };
  }

  /** Renames or archives a project, or takes it back. Throws DomainError PROJECT_NOT_FOUND, and what the desk throws. */
  async update(
    tenantId: TenantId,
    projectId: string,
    change: ProjectChange,
    act: Act,
    identity: ActIdentity,
  ): Promise<ProjectOutcome> {
    const { workspace, replayed } = await this.#parts.desk.change(tenantId, act, identity, (seen, now) => {
      assertUsable(seen);
      const before = requireProject(seen, projectId);
      const changed = changeProject(seen, projectId, change, now);
      return {
        workspace: changed,
        subjectId: projectId,
        changes: describe(before, requireProject(changed, projectId)),
      };
    });
    return { project: requireProject(workspace, projectId), replayed };
  }

  /**
   * Lists the projects that somebody sees, in the order in which they were made: all for a tenant_admin, or where nobody's
   * standing limits it. Throws DomainError INVALID_FIELD `page_token`, DATABASE_UNAVAILABLE.
   */
  async list(
    tenantId: TenantId,
    { standing, includeArchived }: { readonly standing: Standing | undefined; readonly includeArchived: boolean },
    pageSize: number,
    pageToken: string,
  ): Promise<Page<Project>> {
    const { projects } = await this.#parts.desk.load(tenantId);
    const isSeen = seenBy(standing);
    const rows = projects.filter((project) => isSeen(project) && (includeArchived || project.archivedAt === undefined));
    const list = ['projects', tenantId, includeArchived];
    const from = pageToken === '' ? 0 : parsePlaceToken(pageToken, list, rows, ({ projectId }) => projectId);
    const items = rows.slice(from, from + pageSize);
    const last = items.at(-1);
    const hasMore = from + pageSize < rows.length && last !== undefined;
    return { items, nextPageToken: hasMore ? formatPlaceToken(last.projectId, from + items.length, list) : '' };
  }
}

function seenBy(standing: Standing | undefined): (project: Project) => boolean {
  if (standing === undefined || standing.tenantAdmin) return () => true;
  const held = new Set<string>(standing.projectRoles.map(({ projectId }) => projectId));
  return ({ projectId }) => held.has(projectId);
}

function requireProject({ tenantId, projects }: Workspace, projectId = ''): Project {
  const project = projects.find((candidate) => candidate.projectId === projectId);
  if (project === undefined) throw projectNotFound(tenantId, projectId);
  return project;
}

function describe(before: Project, after: Project) {
  const fields = [
    ['display_name', before.displayName, after.displayName],
    ['archived', String(before.archivedAt !== undefined), String(after.archivedAt !== undefined)],
  ] as const;
  return fields.flatMap(([field, was, is]) => (was === is ? [] : [{ field, before: was, after: is }]));
}

/** What a new project means, for its fingerprint. */
export function fingerprintOfProject(tenantId: TenantId, displayName: string) {
  return computeFingerprint(['create_project', tenantId, displayName]);
}

/** What a change of a project means, for its fingerprint. */
export function fingerprintOfProjectChange(
  tenantId: TenantId,
  projectId: string,
  { displayName, archived }: ProjectChange,
) {
  return computeFingerprint(['update_project', tenantId, projectId, displayName, archived]);
}
