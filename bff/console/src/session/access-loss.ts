// Owns finding out that whoever looks at the pages has lost what they show: they were taken out of a workspace, or have another role,
// or somebody else has signed in with this browser. The first call that is refused for it has the session read again.
// Does not own sessions that have ended (session-gate.tsx).

import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { isProblem } from '../api/problem.ts';
import { showToast } from '../data/toast.ts';
import { describeChange, type Known } from './session-change.ts';

/** Reads the session again where a refusal says that it is not what it was, and tells what has changed. */
export function useAccessLoss(known: Known, read: () => Promise<{ readonly data: Known | undefined }>): void {
  const client = useQueryClient();
  useEffect(() => {
    let isReading = false;
    // What is refused a second time is refused for another reason than an old session.
    const heard = new WeakSet<Error>();
    const notice = (error: unknown): void => {
      if (!isProblem(error, 'TENANT_NOT_FOUND', 'ROLE_REQUIRED') || heard.has(error)) return;
      heard.add(error);
      if (isReading) return;
      isReading = true;
      void read().then(({ data }) => {
        isReading = false;
        if (data !== undefined) tellChange(known, data);
      });
    };
    const stopQueries = client.getQueryCache().subscribe(({ query }) => notice(query.state.error));
    const stopMutations = client.getMutationCache().subscribe(({ mutation }) => notice(mutation?.state.error));
    return () => {
      stopQueries();
      stopMutations();
    };
  }, [client, known, read]);
}

function tellChange(before: Known, now: Known): void {
  const change = describeChange(before, now);
  if (change !== undefined) showToast('problem', change);
}
