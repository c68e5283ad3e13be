// A real ledger store with faults at its edge: answers that are lost, writes that land late, calls that are counted.
// The database behind it is always a real one.

import type { InsertOutcome, LedgerStore, PreparedCommit } from '../../kernel/app/ports.ts';

/** What a fault does with one insert; `insert` really inserts. */
export type InsertFault = (
  commits: readonly PreparedCommit[],
  insert: (commits: readonly PreparedCommit[]) => Promise<readonly InsertOutcome[]>,
) => Promise<readonly InsertOutcome[]>;

/** A store whose next inserts can be made to fail, and whose calls are counted by name. */
export interface FaultyStore {
  readonly store: LedgerStore;
  readonly calls: Map<string, number>;
  /** Makes the next insert go through the fault; several are used up in their order. */
  failNextInsert(fault: InsertFault): void;
}

/** The database took the write, and its answer never came. */
export const ANSWER_LOST: InsertFault = async (commits, insert) => {
  await insert(commits);
  return unknownOutcomes(commits);
};

/** The write never reached the database. */
export const REQUEST_LOST: InsertFault = async (commits) => unknownOutcomes(commits);

/** The write reaches the database only after a while, long after its sender was told that nobody knows. */
export function landsLate(afterMs: number, landed: (outcomes: readonly InsertOutcome[]) => void): InsertFault {
  return (commits, insert) => {
    setTimeout(() => void insert(commits).then(landed), afterMs);
    return Promise.resolve(unknownOutcomes(commits));
  };
}

/** Wraps a real store. */
export function createFaultyStore(real: LedgerStore): FaultyStore {
  const faults: InsertFault[] = [];
  const calls = new Map<string, number>();
  const count = (name: string): void => void calls.set(name, (calls.get(name) ?? 0) + 1);
  const counted =
    <Arguments extends unknown[], Result>(name: string, call: (...args: Arguments) => Result) =>
    (...args: Arguments): Result => {
      count(name);
      return call(...args);
    };
  const store: LedgerStore = {
    prepareCommit: real.prepareCommit,
    insertCommits: (commits) => {
      count('insertCommits');
      const fault = faults.shift();
      return fault === undefined ? real.insertCommits(commits) : fault(commits, real.insertCommits);
    },
    loadCommits: counted('loadCommits', real.loadCommits),
    loadCommitHeaders: counted('loadCommitHeaders', real.loadCommitHeaders),
    loadExistingSeqs: counted('loadExistingSeqs', real.loadExistingSeqs),
    loadCreatedAt: counted('loadCreatedAt', real.loadCreatedAt),
    loadEntriesByKeys: counted('loadEntriesByKeys', real.loadEntriesByKeys),
    loadHeadHint: counted('loadHeadHint', real.loadHeadHint),
    saveHeadHint: counted('saveHeadHint', real.saveHeadHint),
    saveHeadHints: counted('saveHeadHints', real.saveHeadHints),
    saveDueNotes: counted('saveDueNotes', real.saveDueNotes),
    loadDueNotes: counted('loadDueNotes', real.loadDueNotes),
    removeDueNote: counted('removeDueNote', real.removeDueNote),
    removePersonalText: counted('removePersonalText', real.removePersonalText),
  };
  return { store, calls, failNextInsert: (fault) => faults.push(fault) };
}

function unknownOutcomes(commits: readonly PreparedCommit[]): InsertOutcome[] {
  return commits.map(() => ({ kind: 'unknown', error: new Error('injected: the answer was lost') }));
}
