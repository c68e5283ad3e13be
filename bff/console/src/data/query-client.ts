// Owns how long answers count. Does not own when a call is made again (REST client).

import { QueryClient } from '@tanstack/react-query';

const STALE_MS = 15_000;

/** Makes the store of answers. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      // What failed for a time has been repeated by then, reads and writes alike.
      // Nothing waits in silence for a line that is cut: whoever asked is told, and asks again.
      queries: { staleTime: STALE_MS, retry: false, networkMode: 'always' },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
}
