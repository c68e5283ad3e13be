// Owns that the balance on the pages is the one of now: by the stream of the API, and by asking where that can't be had.
// Does not own what the stream says (API), or how the balance looks.

import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { Api } from '../api/api.ts';
import type { Balance } from '../api/type.ts';
import { useRole, useWorkspace } from '../session/session.ts';
import { useBalanceKey } from './billing-query.ts';
import { askForLacking } from './retry.ts';
import { readServerEvents, type ServerEvent } from './server-event.ts';
import { findStaleParts } from './stale-part.ts';

const RETRY_MS_FIRST = 1_000;
const RETRY_MS_MAX = 30_000;

/** Follows the balance for as long as a page is shown that needs it. Returns whether it is followed right now. */
export function useLiveBalance(): boolean {
  const { api } = useWorkspace();
  const client = useQueryClient();
  const key = useBalanceKey();
  const mayWatch = useRole('project_contributor');
  const [isLive, setIsLive] = useState(false);
  const workspaceId = api.scope.workspaceId;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key follows from the workspace, and is a new list each time.
  useEffect(() => {
    if (!mayWatch || workspaceId === null) return;
    const ending = new AbortController();
    void follow({ api, client, key, signal: ending.signal, onLive: setIsLive });
    return () => ending.abort();
  }, [api, client, workspaceId, mayWatch]);
  return isLive;
}

interface Following {
  readonly api: Api;
  readonly client: QueryClient;
  readonly key: readonly unknown[];
  readonly signal: AbortSignal;
  readonly onLive: (isLive: boolean) => void;
}

async function follow(following: Following): Promise<void> {
  const { client, key, signal, onLive } = following;
  let lastEventId: string | undefined;
  let waitMs = RETRY_MS_FIRST;
  let isBack = false;
  while (!signal.aborted) {
    try {
      for await (const event of openStream(following, lastEventId)) {
        if (event.type !== 'balance') break;
        waitMs = RETRY_MS_FIRST;
        lastEventId = event.id;
        onLive(true);
        take(following, event);
        if (isBack) askForLacking(client);
        isBack = false;
      }
    } catch {
      // A stream that breaks off is opened again; what is wrong for longer shows where the balance is asked for.
      lastEventId = undefined;
    }
    if (signal.aborted) return;
    onLive(false);
    isBack = true;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
    if (!signal.aborted) await client.invalidateQueries({ queryKey: key });
  }
}

async function* openStream({ api, signal }: Following, lastEventId: string | undefined): AsyncGenerator<ServerEvent> {
  const body = await api.openBalanceStream(signal, lastEventId);
  if (body !== null) yield* readServerEvents(body);
}

function take({ client, key, api }: Following, { data }: ServerEvent): void {
  // The document of the API says that a balance is sent; the service's tests hold it to that.
  const balance = JSON.parse(data) as Balance;
  const before = client.getQueryData<Balance>(key);
  client.setQueryData(key, balance);
  for (const part of findStaleParts(before, balance)) {
    void client.invalidateQueries({ queryKey: ['workspace', api.scope.workspaceId, part] });
  }
}
