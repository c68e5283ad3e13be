// Owns what is shown where the Console can't begin.

import { CenteredCard } from './centered-card.tsx';
import { ProblemNote } from './problem-note.tsx';

/** Says what is wrong, and lets the person try again. */
export function FullPageProblem({ error, onRetry }: { readonly error: unknown; readonly onRetry: () => void }) {
  return (
    <CenteredCard>
      <ProblemNote error={error} onRetry={onRetry} />
    </CenteredCard>
  );
}
