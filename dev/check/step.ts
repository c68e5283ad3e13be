/** What one step of the check found out. */
export type StepOutcome =
  | { readonly kind: 'passed'; readonly summary: string }
  | { readonly kind: 'failed'; readonly detail: string }
  | { readonly kind: 'skipped'; readonly reason: string };

/** One question that `npm run check` asks of the repository. */
export interface Step {
  /** How a person names it on the command line: `npm run check -- <name>`. */
  readonly name: string;
  /** What holds when it passes. */
  readonly claim: string;
  /** Looks at the repository at `root` and changes nothing in it. Throws when the step itself can't be done. */
  readonly run: (root: string) => Promise<StepOutcome>;
}

/** Says that a step's claim holds; the summary tells what was looked at. */
export function passed(summary: string): StepOutcome {
  return { kind: 'passed', summary };
}

/** Says that a step's claim does not hold; the detail tells where and what to do. */
export function failed(detail: string): StepOutcome {
  return { kind: 'failed', detail };
}

/** Says that there was nothing to look at, and why. */
export function skipped(reason: string): StepOutcome {
  return { kind: 'skipped', reason };
}
