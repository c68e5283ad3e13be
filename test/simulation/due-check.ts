// Holds the due notes against the account: whatever will happen by itself is noted, or nobody would record it in time.

import type { DueNote } from '../../kernel/app/ports.ts';
import type { AccountHistory } from './account-history.ts';

/** A note may stand so much after the moment that it is for, in milliseconds: holds share theirs. */
const NOTE_LATE_MAX_MS = 10_000;

/** Says what is due later and not noted. */
export function findDueProblems(history: AccountHistory, notes: readonly DueNote[]): readonly string[] {
  const next = history.newest.nextChange();
  if (!Number.isFinite(next)) return [];
  const isNoted = notes.some(
    ({ tenantId, dueAt }) => tenantId === history.tenantId && dueAt >= next && dueAt < next + NOTE_LATE_MAX_MS,
  );
  return isNoted ? [] : [`${history.tenantId}: something is due at ${next}, and no note says so`];
}
