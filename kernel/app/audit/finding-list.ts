/** One thing that does not hold in an account. */
export interface AccountFinding {
  readonly seq: number;
  /** Says for people what does not hold, and what to do. */
  readonly message: string;
}

/** How many findings are told of one account. */
export const FINDINGS_PER_ACCOUNT_MAX = 100;
/** How long the sentence of a finding may be, in characters: parts of it may come from a damaged document. */
const MESSAGE_LENGTH_MAX = 600;

/** Collects the findings of one account; past the bound they are only counted. */
export class FindingList {
  #waiting: AccountFinding[] = [];
  #count = 0;
  #lastSeq = 0;

  add(seq: number, message: string): void {
    this.#count += 1;
    this.#lastSeq = seq;
    if (this.#count > FINDINGS_PER_ACCOUNT_MAX) return;
    const shown = message.length <= MESSAGE_LENGTH_MAX ? message : `${message.slice(0, MESSAGE_LENGTH_MAX)}…`;
    this.#waiting.push({ seq, message: shown.toWellFormed() });
  }

  /** Answers what was found since the last call. */
  take(): readonly AccountFinding[] {
    if (this.#waiting.length === 0) return [];
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  /** Says that findings were left out; undefined where none were. */
  summarise(): AccountFinding | undefined {
    const omitted = this.#count - FINDINGS_PER_ACCOUNT_MAX;
    if (omitted <= 0) return undefined;
    const message = `${omitted} more findings of this account are left out, the last of them here: mend the first ones and verify again`;
    return { seq: this.#lastSeq, message };
  }
}
