// Owns coming in from the page that a mail leads to: the workspace that somebody has just got is the one that is shown, and said.

import { useEffect } from 'react';
import { useSearchParams } from 'react-router';
import { ARRIVAL_PARAMETER } from '../../page-path.ts';
import { showToast } from '../data/toast.ts';
import { STRINGS } from '../strings.ts';
import { useSession } from './session.ts';

/** Begins the names under which the pages of mails keep their tokens in the tab, until these have served. */
const MAIL_TOKEN_PREFIX = 'wheelhouse:';

/** Returns the id of the workspace that somebody has just come into. */
export function readArrival(): string | undefined {
  return new URLSearchParams(location.search).get(ARRIVAL_PARAMETER) ?? undefined;
}

/** Says so, keeps the choice, and lets go of what the way there was opened with. */
export function useArrival(): void {
  const { workspaces, switchTo } = useSession();
  const [parameters, setParameters] = useSearchParams();
  const arrived = parameters.get(ARRIVAL_PARAMETER);
  useEffect(() => {
    if (arrived === null) return;
    setParameters({}, { replace: true });
    forgetMailTokens();
    const workspace = workspaces.find(({ workspace_id }) => workspace_id === arrived);
    if (workspace === undefined) return;
    switchTo(arrived);
    showToast('done', STRINGS.arrival.joined(workspace.display_name));
  }, [arrived, setParameters, workspaces, switchTo]);
}

function forgetMailTokens(): void {
  try {
    const names = Object.keys(sessionStorage).filter((name) => name.startsWith(MAIL_TOKEN_PREFIX));
    for (const name of names) sessionStorage.removeItem(name);
  } catch {
    // A browser that keeps nothing has kept no token.
  }
}
