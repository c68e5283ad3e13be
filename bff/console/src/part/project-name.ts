// Owns how projects are called: by their name where it is known, for services name projects by any id.

import type { Project } from '../api/type.ts';
import { STRINGS } from '../strings.ts';

/** Returns the name of a project. */
export function nameOfProject(projects: readonly Project[], projectId: string): string {
  return projects.find(({ project_id }) => project_id === projectId)?.display_name ?? projectId;
}

/** Says whether a project takes no new roles. */
export function isArchived({ archive_time }: Project): boolean {
  return archive_time !== null;
}

/** Lists projects to choose from by their usage, which archived ones have, too. */
export function toProjectOptions(projects: readonly Project[]): readonly { value: string; label: string }[] {
  return projects.map((project) => ({
    value: project.project_id,
    label: isArchived(project) ? STRINGS.people.projectList.archivedName(project.display_name) : project.display_name,
  }));
}
