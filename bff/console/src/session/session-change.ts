// Owns what is told of a session that is not what it was. Does not own how that is found out (access-loss.ts).

import type { MyWorkspace, User } from '../api/type.ts';
import { STRINGS } from '../strings.ts';

/** Is what a session knows of somebody. */
export interface Known {
  readonly user: User;
  readonly workspaces: readonly MyWorkspace[];
}

/** Says what is not as it was; undefined where nothing is. */
export function describeChange(before: Known, now: Known): string | undefined {
  const { other, left } = STRINGS.access;
  if (before.user.user_id !== now.user.user_id) {
    return other(now.user.email ?? now.user.display_name ?? STRINGS.account.anonymous);
  }
  const ids = new Set(now.workspaces.map(({ workspace_id }) => workspace_id));
  const lost = before.workspaces.filter(({ workspace_id, status }) => status !== 'closed' && !ids.has(workspace_id));
  return lost.length === 0 ? undefined : left(lost.map(({ display_name }) => `“${display_name}”`).join(', '));
}
