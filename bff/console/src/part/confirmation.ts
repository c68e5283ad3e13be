// Owns what has to be said before something is done that can't be undone, or costs something.

/** Is a change that is asked for, see data/act.ts. */
interface Act {
  readonly error: Error | null;
  readonly isPending: boolean;
  readonly reset: () => void;
  readonly mutate: (input: undefined) => void;
}

/** Is what will happen, and both ways on. */
export interface Confirmation {
  readonly onClose: () => void;
  readonly title: string;
  /** Say what will happen. */
  readonly lines: readonly string[];
  readonly action: string;
  readonly keep: string;
  readonly act: Act;
  /** Says that nothing is lost by it. */
  readonly isHarmless?: boolean;
}
