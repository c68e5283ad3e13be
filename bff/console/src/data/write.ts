// Owns that what a person asks for is asked for once at a time: a second press, before the page shows that the first has begun, does
// nothing.

import { type UseMutationOptions, useMutation } from '@tanstack/react-query';
import { useRef } from 'react';

type WriteOptions<Answer, Input> = Pick<
  UseMutationOptions<Answer, Error, Input>,
  'mutationFn' | 'onSuccess' | 'onError'
>;

/** Makes a change that a page can ask for; while one is under way, it takes no other. */
export function useWrite<Answer, Input = void>(options: WriteOptions<Answer, Input>) {
  // What a mutation says of itself comes with the next rendering, and a double click is faster.
  const isUnderWay = useRef(false);
  const { mutate, error, isPending, variables, reset } = useMutation<Answer, Error, Input>({
    ...options,
    onSettled() {
      isUnderWay.current = false;
    },
  });
  return {
    error,
    isPending,
    variables,
    reset,
    mutate(input: Input): void {
      if (isUnderWay.current) return;
      isUnderWay.current = true;
      mutate(input);
    },
  };
}
