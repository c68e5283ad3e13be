// Owns the replay of an account from its entries alone, commit by commit, and what the stored figures are held against.
// Does not own hashes or places (account-verification.ts).
// Invariant: an edit of one commit is told at that commit and not again at each later one.

import { type AccountState, findInconsistency, sameTotals, UNOPENED_ACCOUNT } from '../../domain/account.ts';
import { describeDifference, findDifference } from '../../domain/difference.ts';
import { messageOf } from '../../domain/error.ts';
import { evolve } from '../../domain/evolve.ts';
import type { SealedCommit } from '../ports.ts';

/** What replaying a commit on some state came to. */
interface Attempt {
  readonly problems: readonly string[];
  /** Undefined where an entry could not follow. */
  readonly state: AccountState | undefined;
}

/** Replays one account. */
export class CommitReplay {
  /**
   * What the account may be by now. After a contradiction these are two: what the entries gave, and what the commit has
   * stored; the next commit shows which of them somebody has edited. Empty: not known until a commit has a state.
   */
  #candidates: readonly AccountState[] = [UNOPENED_ACCOUNT];

  /** Forgets the state: what lies between is missing or can't be read. The next stored state is gone on from. */
  interrupt(): void {
    this.#candidates = [];
  }

  /** Replays one more commit; answers what of it contradicts the history. */
  follow(commit: SealedCommit): readonly string[] {
    const attempts = this.#candidates.map((state) => attempt(state, commit));
    const sound = attempts.find(({ problems }) => problems.length === 0);
    if (sound?.state !== undefined) {
      this.#candidates = [sound.state];
      return [];
    }
    const stored = commit.state === undefined ? [] : [commit.state];
    const [first] = attempts;
    this.#candidates = first?.state === undefined ? stored : [first.state, ...stored];
    return first?.problems ?? findOwnProblems(commit);
  }
}

function attempt(before: AccountState, commit: SealedCommit): Attempt {
  let state = before;
  for (const [index, entry] of commit.entries.entries()) {
    try {
      state = evolve(state, entry);
    } catch (error) {
      const detail = messageOf(error);
      const problem = `entry ${index} (${entry.type}) can't follow from the entries before it: ${detail}`;
      return { problems: [problem], state: undefined };
    }
  }
  return { problems: findContradictions(commit, state), state };
}

function findContradictions(commit: SealedCommit, state: AccountState): string[] {
  const problems: string[] = [];
  const totals = findDifference(commit.totals, state.totals);
  if (totals !== undefined) problems.push(`totals that its entries do not give: ${describeDifference(totals)}`);
  if (commit.state === undefined) return problems;
  // A stored state has the totals of its commit, which were compared just now.
  const difference = findDifference({ ...commit.state, totals: state.totals }, state);
  if (difference !== undefined) {
    problems.push(`a stored state that the account's entries do not give: ${describeDifference(difference)}`);
  }
  return problems.map((problem) => `it has ${problem}`);
}

/** What can be said of a commit when nothing before it is known. */
function findOwnProblems(commit: SealedCommit): string[] {
  const problems: string[] = [];
  const last = commit.entries.at(-1);
  if (last !== undefined && !sameTotals(last.after, commit.totals)) {
    problems.push('its totals are not those after its last entry');
  }
  if (commit.state !== undefined) {
    const problem =
      findInconsistency(commit.state) ??
      (sameTotals(commit.state.totals, commit.totals) ? undefined : 'its totals are not those of the commit');
    if (problem !== undefined) problems.push(`its stored state contradicts itself: ${problem}`);
  }
  return problems;
}
