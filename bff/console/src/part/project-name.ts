// Owns how projects are called: by their name where it is known, for services name projects by any id.

import type { Project } from '../api/type.ts';

/** Returns the name of a project. */
export function nameOfProject(projects: readonly Project[], projectId: string): string {
  return projects.find(({ project_id }) => project_id === projectId)?.display_name ?? projectId;
}
