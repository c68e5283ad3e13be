// Owns which workspace a tab shows: the one chosen in this tab, else the one chosen last in this browser, else the first.
// Ports have storage of their own, so two products on one host don't meet here.

import type { MyWorkspace } from '../api/type.ts';

const NAME = 'workspace';

/** Finds the workspace to show. Returns undefined where there is none. */
export function chooseWorkspace(workspaces: readonly MyWorkspace[]): MyWorkspace | undefined {
  const remembered = [read(sessionStorage), read(localStorage)];
  const known = remembered.flatMap((id) => workspaces.find(({ workspace_id }) => workspace_id === id) ?? []);
  return known[0] ?? workspaces.find(({ status }) => status === 'active') ?? workspaces[0];
}

/** Remembers a choice. */
export function rememberWorkspace(workspaceId: string): void {
  for (const storage of [sessionStorage, localStorage]) {
    try {
      storage.setItem(NAME, workspaceId);
    } catch {
      // A browser that keeps nothing shows the first workspace each time.
    }
  }
}

function read(storage: Storage): string | undefined {
  try {
    return storage.getItem(NAME) ?? undefined;
  } catch {
    return undefined;
  }
}
