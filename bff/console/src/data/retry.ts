// Owns asking again for what could not be had.

import { useQueryClient } from '@tanstack/react-query';

/** Returns what asks for all that the page lacks: a service that is back is back for every part of it. */
export function useRetry(): () => void {
  const client = useQueryClient();
  return () => void client.refetchQueries({ type: 'active', predicate: ({ state }) => state.status === 'error' });
}
