// Owns the three ways in which something that is asked for can stand: not there yet, not to be had, there.

import { Skeleton } from '@mantine/core';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { STRINGS } from '../strings.ts';
import { ProblemNote } from './problem-note.tsx';

interface LoadedProps<Data> {
  readonly query: UseQueryResult<Data>;
  /** Names it in the sentence that it could not be loaded. */
  readonly what: string;
  /** Is how high it will be, about, so that the page does not jump. */
  readonly height: number;
  readonly children: (data: Data) => ReactNode;
}

/** Shows what was asked for, or how it stands with it. What is there stays while it is asked for again. */
export function Loaded<Data>({ query, what, height, children }: LoadedProps<Data>) {
  const { data, error, isPending, refetch } = query;
  if (data !== undefined) return children(data);
  if (isPending) return <Waiting height={height} />;
  return <ProblemNote error={error} title={STRINGS.problem.loadTitle(what)} onRetry={() => void refetch()} />;
}

/** Holds the place of what is not there yet. */
export function Waiting({ height }: { readonly height: number }) {
  return (
    <div role="status" aria-label={STRINGS.common.loading}>
      <Skeleton height={height} radius="md" />
    </div>
  );
}
