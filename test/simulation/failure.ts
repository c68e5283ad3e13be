// Owns how a run that went wrong is told: the seed, what was wrong, the steps that led to it, and how to see it again.

import type { RunResult } from './simulation.ts';

/** So many steps are told; the rest is a command away. */
const STEPS_TOLD = 160;

/** Describes a run that had problems. */
export function describeFailure({ seed, digest, problems, steps }: RunResult): string {
  const left = steps.length - STEPS_TOLD;
  const told = left > 0 ? [...steps.slice(0, STEPS_TOLD), `… and ${left} steps more`] : steps;
  return [
    `The run of seed ${seed} (digest ${digest}) went wrong:`,
    ...problems.map((problem) => `- ${problem}`),
    '',
    `Its steps, by milliseconds since it began (-> asked, <- answered, @kernel):`,
    ...told,
    '',
    `Again, with every call to the database: npm run simulate -- --seed ${seed} --seeds 1 --trace`,
  ].join('\n');
}
