// Owns how the pages change something: the change, what is read again after it, and what the person is told.

import { describeProblem } from '../api/problem.ts';
import { useForgetWorkspace } from './billing-query.ts';
import { showToast } from './toast.ts';
import { useWrite } from './write.ts';

interface ActOptions<Answer> {
  /** Is what is told when it is done; undefined tells nothing. */
  readonly tell?: (answer: Answer) => string | undefined;
  readonly onDone?: (answer: Answer) => void;
  /** Says that the page shows a refusal itself. */
  readonly showsProblem?: boolean;
}

/** Makes a change that a page can ask for. All that is known about the workspace is read again after it. */
export function useAct<Input, Answer>(act: (input: Input) => Promise<Answer>, options: ActOptions<Answer> = {}) {
  const forget = useForgetWorkspace();
  return useWrite<Answer, Input>({
    mutationFn: act,
    async onSuccess(answer) {
      options.onDone?.(answer);
      const words = options.tell?.(answer);
      if (words !== undefined) tell(words);
      await forget();
    },
    onError(error) {
      if (options.showsProblem !== true) tellProblem(error);
    },
  });
}

/** Tells that something is done. */
export function tell(message: string): void {
  showToast('done', message);
}

/** Tells that something did not work. */
export function tellProblem(error: unknown): void {
  showToast('problem', describeProblem(error));
}
