// Owns how long answers count and when a call is made again.

import { QueryClient } from '@tanstack/react-query';
import { ApiProblem } from '../api/problem.ts';

const RETRIES_MAX = 2;
const STALE_MS = 15_000;

/** Makes the store of answers. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: STALE_MS,
        // What was refused for a reason is refused again; a service that is away may be back.
        retry: (failures, error) => failures < RETRIES_MAX && error instanceof ApiProblem && isPassing(error),
      },
      // Writes are repeated by the key that they carry (api/request.ts), and by nothing else.
      mutations: { retry: false },
    },
  });
}

function isPassing({ status }: ApiProblem): boolean {
  return status === 0 || status >= 500;
}
