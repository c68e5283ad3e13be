// Owns what must hold of an entry by itself and of its references, beside what replay shows. Does not decide again what was
// decided: prices, policies and limits of that time are not asked for.

import type { Entry } from '../../domain/entry.ts';
import { formatHoldId, parseEntryId } from '../../domain/entry-id.ts';
import { sumDraws } from '../../domain/grant.ts';
import type { SealedCommit } from '../ports.ts';

/** Finds what does not hold of the entries of a commit. */
export function findEntryProblems(commit: SealedCommit): readonly string[] {
  if (commit.entries.length === 0) return ['it has no entries'];
  return commit.entries.flatMap((entry, index) => {
    const problem = findEntryProblem(commit, entry, index);
    return problem === undefined ? [] : [`entry ${index} (${entry.type}) ${problem}`];
  });
}

function findEntryProblem(commit: SealedCommit, entry: Entry, index: number): string | undefined {
  switch (entry.type) {
    case 'debited':
    case 'settled': {
      const paid = sumDraws(entry.draws) + entry.deficit;
      return entry.cost === paid ? undefined : `costs ${entry.cost}, but its draws and deficit come to ${paid}`;
    }
    case 'reserved': {
      const holdId = formatHoldId({ seq: commit.seq, index }, commit.createdAt);
      return entry.holdId === holdId ? undefined : `makes the hold ${entry.holdId}; at this place it is ${holdId}`;
    }
    case 'reversed':
    case 'redacted':
      return isEarlier(entry.entryId, commit, index) ? undefined : `names ${entry.entryId}, which is no earlier entry`;
    default:
      return undefined;
  }
}

function isEarlier(entryId: string, { seq }: SealedCommit, index: number): boolean {
  const place = parseEntryId(entryId);
  if (place === undefined) return false;
  return place.seq < seq || (place.seq === seq && place.index < index);
}
