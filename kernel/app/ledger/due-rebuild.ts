// Owns noting again when accounts change by themselves, or people are told of it, from the accounts alone
// (docs/architecture.md, "Time"): for a database whose notes were lost or that was restored. Invariants: it only adds notes, so kernels may run meanwhile and it
// may run again; one account that can't be read keeps none of the others from theirs.

import { listDueTimes } from '../../domain/account.ts';
import type { TenantId } from '../../domain/id.ts';
import { computeTrialNoticeAt, isRunning } from '../../domain/trial.ts';
import type { LedgerStore } from '../ports.ts';
import { holdNoteTime } from './due-note-book.ts';
import { HeadLoader } from './head-loader.ts';

const ACCOUNTS_AT_ONCE = 16;
/** How many notes go in one command. */
const NOTES_PER_COMMAND = 1_000;

/** What was done so far. */
export interface DueRebuildProgress {
  readonly accounts: number;
  readonly notes: number;
  readonly failed: readonly { readonly tenantId: TenantId; readonly error: unknown }[];
}

/**
 * Notes every due time of every account; `report` is called after each page.
 * Throws what listing the accounts throws. An account that can't be read is counted as failed.
 */
export async function rebuildDueNotes(
  store: LedgerStore,
  accounts: AsyncIterable<readonly TenantId[]>,
  report: (progress: DueRebuildProgress) => void,
): Promise<DueRebuildProgress> {
  const loader = new HeadLoader(store);
  let progress: DueRebuildProgress = { accounts: 0, notes: 0, failed: [] };
  for await (const page of accounts) {
    const left = page.values();
    const work = async (): Promise<void> => {
      for (const tenantId of left) {
        try {
          const notes = await noteAccount(store, loader, tenantId);
          progress = { ...progress, accounts: progress.accounts + 1, notes: progress.notes + notes };
        } catch (error) {
          const failed = [...progress.failed, { tenantId, error }];
          progress = { ...progress, accounts: progress.accounts + 1, failed };
        }
      }
    };
    await Promise.all(Array.from({ length: ACCOUNTS_AT_ONCE }, work));
    report(progress);
  }
  return progress;
}

async function noteAccount(store: LedgerStore, loader: HeadLoader, tenantId: TenantId): Promise<number> {
  const { state } = await loader.load(tenantId);
  const { trial } = state;
  const times = new Set(listDueTimes(state, (expiresAt) => holdNoteTime(tenantId, expiresAt)));
  if (isRunning(trial)) times.add(computeTrialNoticeAt(trial));
  const notes = [...times].map((dueAt) => ({ tenantId, dueAt }));
  for (let from = 0; from < notes.length; from += NOTES_PER_COMMAND) {
    await store.saveDueNotes(notes.slice(from, from + NOTES_PER_COMMAND));
  }
  return notes.length;
}
