// Owns recording at its time what falls due by itself, for accounts that nobody touches, and letting follow what is due then
// outside of the account, such as a mail. No account depends on when it runs: every command and every read brings its account up
// to now by itself (docs/architecture.md, "Time").
// Invariant: a note goes only after the account was recorded, and what follows was done, at a time past it.

import type { Ledger } from '../app/ledger/ledger.ts';
import type { Clock, DueNote, LedgerObserver, LedgerStore } from '../app/ports.ts';
import { startTickLoop } from './tick-loop.ts';

const TICK_MS = 1_000;
const NOTES_PER_READ = 100;
/** So many notes of one moment, such as the end of a month, are recorded at once; the others when they are removed. */
const NOTES_PER_MOMENT_MAX = 10_000;
/** Nothing waits for the removal of old notes: it is tried every so many ticks, and each tick while there is more to read. */
const REMOVAL_INTERVAL_TICKS = 10;
/** How many reads of old notes one tick makes, so that what is new never waits long. */
const REMOVALS_PER_TICK_MAX = 20;
/** A note outlives its due time by this much, so that a commit which was under way then is seen before it goes. */
const NOTE_RETENTION_MS = 60_000;
/**
 * Each tick reads the notes of this long before the tick before it once more: an account that failed is tried again, and a
 * note that was written late is found. What fails for longer waits for {@link removeOld}.
 */
const LOOK_BACK_MS = 5_000;

/** What the worker works with. */
export interface DueWorkerTools {
  readonly ledger: Pick<Ledger, 'recordDue'>;
  readonly store: Pick<LedgerStore, 'loadDueNotes' | 'removeDueNote'>;
  readonly clock: Clock;
  /**
   * Does what follows outside of an account from the time alone; called each time after the account was recorded, whoever
   * recorded it, so it must be idempotent. Where it throws, the account's notes stay. Absent: nothing follows.
   */
  readonly followUp?: (tenantId: DueNote['tenantId']) => Promise<void>;
  readonly observer: Pick<LedgerObserver, 'backgroundFailed'>;
}

/** Starts the worker; every kernel runs one, and two that meet at one account do no harm. */
export function startDueWorker(tools: DueWorkerTools): { stop(): Promise<void> } {
  let cursor: DueNote['dueAt'] = 0;
  let ticksToRemoval = 0;

  const tick = async (): Promise<void> => {
    const now = tools.clock.now();
    await recordFresh(tools, cursor - LOOK_BACK_MS, now);
    cursor = now;
    ticksToRemoval -= 1;
    if (ticksToRemoval > 0) return;
    const isDone = await removeOld(tools, now - NOTE_RETENTION_MS);
    ticksToRemoval = isDone ? REMOVAL_INTERVAL_TICKS : 1;
  };
  return startTickLoop({
    tick,
    intervalMs: TICK_MS,
    onFailure: (error) => tools.observer.backgroundFailed('recording what fell due', error),
  });
}

async function recordFresh(tools: DueWorkerTools, after: DueNote['dueAt'], until: DueNote['dueAt']): Promise<void> {
  let from = after;
  let limit = NOTES_PER_READ;
  for (;;) {
    const notes = await tools.store.loadDueNotes(from, until, limit);
    const last = notes.at(-1);
    if (last === undefined || notes.length < limit) return void (await recordAll(tools, notes));
    // The last moment may go on beyond the read: it is read again, and with a larger limit where it fills a read alone.
    const whole = notes.filter(({ dueAt }) => dueAt < last.dueAt);
    const isMomentTooLarge = whole.length === 0 && limit >= NOTES_PER_MOMENT_MAX;
    await recordAll(tools, isMomentTooLarge ? notes : whole);
    from = (isMomentTooLarge ? last : whole.at(-1))?.dueAt ?? from;
    limit = whole.length === 0 && !isMomentTooLarge ? NOTES_PER_MOMENT_MAX : NOTES_PER_READ;
  }
}

/**
 * Removes notes well past due, where a majority read of the account shows that nothing is due at them any more and what follows
 * was done. Answers whether all were looked at.
 */
async function removeOld(tools: DueWorkerTools, until: DueNote['dueAt']): Promise<boolean> {
  let from = 0;
  for (let reads = 0; reads < REMOVALS_PER_TICK_MAX; reads += 1) {
    const notes = await tools.store.loadDueNotes(from, until, NOTES_PER_READ);
    const readings = await recordAll(tools, notes);
    const done = notes.filter((note) => {
      const reading = readings.get(note.tenantId);
      // An account that could not be read, or whose follow-up failed, keeps its notes.
      return reading !== undefined && (reading.nextDueAt ?? Number.POSITIVE_INFINITY) > note.dueAt;
    });
    await Promise.all(done.map((note) => tools.store.removeDueNote(note)));
    const last = notes.at(-1);
    if (last === undefined || notes.length < NOTES_PER_READ) return true;
    // What is left of one moment, since it does not fit or can't be removed yet, waits for the next tick.
    from = last.dueAt;
  }
  return false;
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
      await tools.followUp?.(tenantId);
      readings.set(tenantId, nextDueAt === undefined ? {} : { nextDueAt });
    } catch (error) {
      tools.observer.backgroundFailed('recording what fell due', error);
    }
  };
  await Promise.all([...new Set(notes.map(({ tenantId }) => tenantId))].map(record));
  return readings;
}
