// Owns recording at its time what falls due by itself, for accounts that nobody touches. Nothing depends on when it runs:
// every command and every read brings its account up to now by itself (docs/architecture.md, "Time").

import type { Ledger } from '../app/ledger/ledger.ts';
import type { Clock, DueNote, LedgerObserver, LedgerStore } from '../app/ports.ts';

const TICK_MS = 1_000;
const NOTES_PER_READ = 100;
/** A note outlives its due time by this much, so that a commit which was under way then is seen before it goes. */
const NOTE_RETENTION_MS = 60_000;

export interface DueWorkerTools {
  readonly ledger: Ledger;
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly observer: LedgerObserver;
}

/** Starts the worker; every kernel runs one, and two that meet at one account do no harm. */
export function startDueWorker(tools: DueWorkerTools): { stop(): Promise<void> } {
  let cursor: DueNote['dueAt'] = 0;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;

  const tick = async (): Promise<void> => {
    const now = tools.clock.now();
    await recordFresh(tools, cursor, now);
    cursor = now;
    await removeOld(tools, now - NOTE_RETENTION_MS);
  };
  const schedule = (): void => {
    running = tick()
      .catch((error: unknown) => tools.observer.backgroundFailed('recording what fell due', error))
      .then(() => {
        if (!stopped) timer = setTimeout(schedule, TICK_MS).unref();
      });
  };
  let timer = setTimeout(schedule, TICK_MS).unref();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

async function recordFresh(tools: DueWorkerTools, after: DueNote['dueAt'], until: DueNote['dueAt']): Promise<void> {
  for (let from = after; ; ) {
    const notes = await tools.store.loadDueNotes(from, until, NOTES_PER_READ);
    await recordAll(tools, notes);
    const last = notes.at(-1);
    if (last === undefined || notes.length < NOTES_PER_READ) return;
    // Notes of one moment may not all fit into one read: the rest of them is left to `removeOld`.
    from = last.dueAt;
  }
}

/** Removes notes well past due, where a majority read of the account shows that nothing is due at them any more. */
async function removeOld(tools: DueWorkerTools, until: DueNote['dueAt']): Promise<void> {
  const notes = await tools.store.loadDueNotes(0, until, NOTES_PER_READ);
  const readings = await recordAll(tools, notes);
  for (const note of notes) {
    const reading = readings.get(note.tenantId);
    // An account that could not be read keeps its notes.
    if (reading !== undefined && (reading.nextDueAt ?? Number.POSITIVE_INFINITY) > note.dueAt) {
      await tools.store.removeDueNote(note);
    }
  }
}

/** When an account next changes by itself; absent where it never does. */
interface Reading {
  readonly nextDueAt?: DueNote['dueAt'];
}

/** Brings each account up to now; answers those that could be. One account's error never keeps the others waiting. */
async function recordAll(
  tools: DueWorkerTools,
  notes: readonly DueNote[],
): Promise<ReadonlyMap<DueNote['tenantId'], Reading>> {
  const readings = new Map<DueNote['tenantId'], Reading>();
  const record = async (tenantId: DueNote['tenantId']): Promise<void> => {
    try {
      const nextDueAt = await tools.ledger.recordDue(tenantId);
      readings.set(tenantId, nextDueAt === undefined ? {} : { nextDueAt });
    } catch (error) {
      tools.observer.backgroundFailed('recording what fell due', error);
    }
  };
  await Promise.all([...new Set(notes.map(({ tenantId }) => tenantId))].map(record));
  return readings;
}
