// Owns who is signed in, in which workspace, with which role, and the calls that can be made so; for every page.
// Does not own how that is found out (session-gate.tsx).

import { createContext, useContext } from 'react';
import type { Api } from '../api/api.ts';
import type { MyWorkspace, Role, User } from '../api/type.ts';

/** Is a session of somebody who is signed in. */
export interface Session {
  readonly user: User;
  /** Are all of this product. */
  readonly workspaces: readonly MyWorkspace[];
  /** Makes the calls that are about no workspace. */
  readonly api: Api;
  readonly switchTo: (workspaceId: string) => void;
  /** Reads who is signed in and the workspaces again. */
  readonly reload: () => Promise<unknown>;
}

/** Is the workspace that is shown. */
export interface CurrentWorkspace {
  readonly workspace: MyWorkspace;
  /** Makes the calls about it. */
  readonly api: Api;
}

export const SessionContext = createContext<Session | undefined>(undefined);
export const WorkspaceContext = createContext<CurrentWorkspace | undefined>(undefined);

/** Returns the session. Throws outside of one, which is a fault of the layout. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error('this part is shown to nobody who is signed in');
  return session;
}

/** Returns the workspace that is shown. Throws where there is none, which is a fault of the layout. */
export function useWorkspace(): CurrentWorkspace {
  const current = useContext(WorkspaceContext);
  if (current === undefined) throw new Error('this part is shown in no workspace');
  return current;
}

const RANKS: Readonly<Record<Role, number>> = { project_viewer: 1, project_contributor: 2, tenant_admin: 3 };

/** Says whether a role includes another. */
export function includesRole(role: Role | null, needed: Role): boolean {
  return role !== null && RANKS[role] >= RANKS[needed];
}

/** Says whether whoever is signed in has at least a role in the workspace that is shown. */
export function useRole(needed: Role): boolean {
  return includesRole(useWorkspace().workspace.role, needed);
}
