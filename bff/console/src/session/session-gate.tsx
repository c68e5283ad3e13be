// Owns the way into the Console: who is signed in, which workspace is shown, or the page to sign in on.
// Does not own what a session is (session.ts).

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type PropsWithChildren, useCallback, useEffect, useMemo, useState } from 'react';
import { readAllPages } from '../api/all-pages.ts';
import { createApi } from '../api/api.ts';
import { isProblem } from '../api/problem.ts';
import { FullPageLoader } from '../part/full-page-loader.tsx';
import { FullPageProblem } from '../part/full-page-problem.tsx';
import { useAccessLoss } from './access-loss.ts';
import { readArrival } from './arrival.ts';
import { HAS_SESSION } from './product.ts';
import { type Session, SessionContext, WorkspaceContext } from './session.ts';
import { SignInPage } from './sign-in-page.tsx';
import { chooseWorkspace, rememberWorkspace } from './workspace-choice.ts';

const SESSION_KEY = ['session'] as const;

const ANONYMOUS = createApi({ csrfToken: null, workspaceId: null });

async function loadSession() {
  const [me, workspaces] = await Promise.all([
    ANONYMOUS.getMe(),
    readAllPages(ANONYMOUS.listWorkspaces, (page) => page.workspaces),
  ]);
  return { user: me.user, csrfToken: me.csrf_token, workspaces };
}

/** Shows its children to whoever is signed in. */
export function SessionGate({ children }: PropsWithChildren) {
  const { data, error, isPending, refetch } = useQuery({
    // Nobody is asked who is signed in where nobody is.
    enabled: HAS_SESSION,
    queryKey: SESSION_KEY,
    queryFn: loadSession,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const hasEnded = useSessionEnd();
  if (!HAS_SESSION || hasEnded || isProblem(error, 'CREDENTIAL_INVALID')) return <SignInPage hasEnded={hasEnded} />;
  if (isPending) return <FullPageLoader />;
  if (data === undefined) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  return (
    <SignedIn known={data} reload={refetch}>
      {children}
    </SignedIn>
  );
}

/** A session ends while pages are open: the first call that is refused for it shows the way back in. */
function useSessionEnd(): boolean {
  const client = useQueryClient();
  const [hasEnded, setHasEnded] = useState(false);
  useEffect(() => {
    const notice = (error: unknown): void => {
      if (isProblem(error, 'CREDENTIAL_INVALID', 'CSRF_TOKEN_INVALID'))
        setHasEnded(client.getQueryData(SESSION_KEY) !== undefined);
    };
    const stopQueries = client.getQueryCache().subscribe(({ query }) => notice(query.state.error));
    const stopMutations = client.getMutationCache().subscribe(({ mutation }) => notice(mutation?.state.error));
    return () => {
      stopQueries();
      stopMutations();
    };
  }, [client]);
  return hasEnded;
}

interface SignedInProps {
  readonly known: Awaited<ReturnType<typeof loadSession>>;
  readonly reload: () => Promise<{ readonly data: Awaited<ReturnType<typeof loadSession>> | undefined }>;
}

function SignedIn({ known, reload, children }: PropsWithChildren<SignedInProps>) {
  const { user, csrfToken, workspaces } = known;
  useAccessLoss(known, reload);
  const [chosenId, setChosenId] = useState(readArrival);
  const workspace = workspaces.find(({ workspace_id }) => workspace_id === chosenId) ?? chooseWorkspace(workspaces);
  const switchTo = useCallback((workspaceId: string) => {
    rememberWorkspace(workspaceId);
    setChosenId(workspaceId);
  }, []);
  const session = useMemo(
    (): Session => ({
      user,
      workspaces,
      switchTo,
      reload,
      api: createApi({ csrfToken, workspaceId: null }),
    }),
    [user, csrfToken, workspaces, switchTo, reload],
  );
  const current = useMemo(
    () => workspace && { workspace, api: createApi({ csrfToken, workspaceId: workspace.workspace_id }) },
    [workspace, csrfToken],
  );
  return (
    <SessionContext value={session}>
      <WorkspaceContext value={current}>{children}</WorkspaceContext>
    </SessionContext>
  );
}
