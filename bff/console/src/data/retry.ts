// Owns asking again for what could not be had.

import { type QueryClient, useQueryClient } from '@tanstack/react-query';

/** Asks for all that the page lacks: a service that is back is back for every part of it. */
export function askForLacking(client: QueryClient): void {
  void client.refetchQueries({ type: 'active', predicate: ({ state }) => state.status === 'error' });
}

/** Returns what asks for all that the page lacks. */
export function useRetry(): () => void {
  const client = useQueryClient();
  return () => askForLacking(client);
}
