// Owns the three ways in which something that is asked for can stand: not there yet, not to be had, there.

import { Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { useRetry } from '../data/retry.ts';
import { STRINGS } from '../strings.ts';
import { ProblemNote } from './problem-note.tsx';

interface LoadedProps<Data> {
  /** Is how it stands, as it is told of a list that has pages, too. */
  readonly query: {
    readonly data: Data | undefined;
    readonly error: Error | null;
    readonly isPending: boolean;
    readonly isFetching: boolean;
  };
  /** Names it in the sentence that it could not be loaded. */
  readonly what: string;
  /** Is how high it will be, about, so that the page does not jump. */
  readonly height: number;
  readonly children: (data: Data) => ReactNode;
}

/** Shows what was asked for, or how it stands with it. What is there stays while it is asked for again. */
export function Loaded<Data>({ query, what, height, children }: LoadedProps<Data>) {
  const { data, error, isPending, isFetching } = query;
  const retry = useRetry();
  if (data !== undefined) return children(data);
  if (isPending) return <Waiting height={height} />;
  return <ProblemNote error={error} title={STRINGS.problem.loadTitle(what)} onRetry={retry} isRetrying={isFetching} />;
}

/** Holds the place of what is not there yet. */
export function Waiting({ height }: { readonly height: number }) {
  return (
    <div role="status" aria-label={STRINGS.common.loading}>
      <Skeleton height={height} radius="md" />
    </div>
  );
}
