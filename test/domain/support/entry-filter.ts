// Owns what a filter should leave of a history, found the naive way, by looking at every entry.

import type { EntryFilter, PostedEntry } from '../../../kernel/app/ledger/ledger.ts';
import type { SealedCommit } from '../../../kernel/app/ports.ts';
import type { Debited, Entry } from '../../../kernel/domain/entry.ts';
import { parseEntryId } from '../../../kernel/domain/entry-id.ts';

/** The places of what a filter should leave, newest first. */
export function filterNaively(commits: readonly SealedCommit[], filter: EntryFilter): readonly string[] {
  const { types, action, projectId, workflowId, startAt = 0, endAt = Number.POSITIVE_INFINITY } = filter;
  return commits
    .filter(({ createdAt }) => createdAt >= startAt && createdAt < endAt)
    .flatMap(({ seq, entries }) =>
      entries.flatMap((entry, index) => {
        const work = workOf(entry);
        const wrong =
          (types !== undefined && !types.includes(entry.type)) ||
          (action !== undefined && work.action !== action) ||
          (projectId !== undefined && work.projectId !== projectId) ||
          (workflowId !== undefined && work.workflowId !== workflowId);
        return wrong ? [] : [`${seq}/${index}`];
      }),
    )
    .toReversed();
}

/** What is charged, held or taken back of work: what a filter by action, project or workflow is about. */
function workOf(entry: Entry): Partial<Pick<Debited, 'action' | 'projectId' | 'workflowId'>> {
  switch (entry.type) {
    case 'debited':
    case 'reserved':
    case 'hold_extended':
    case 'settled':
    case 'hold_released':
    case 'hold_expired':
      return entry;
    case 'reversed':
      return entry.usage ?? {};
    default:
      return {};
  }
}

/** The places of listed entries, as their ids say. */
export function placesOf(entries: readonly PostedEntry[]): readonly string[] {
  return entries.map(({ entryId, seq }) => {
    const place = parseEntryId(entryId);
    if (place?.seq !== seq) throw new Error(`the id ${entryId} does not say that the entry is part of commit ${seq}`);
    return `${seq}/${place.index}`;
  });
}
