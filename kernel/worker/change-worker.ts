// Owns doing recorded changes of operators that a crash has left undone. Nothing depends on when it runs: whoever repeats the
// request, or changes the same thing next, does them before (app/operator/change-book.ts).

import type { AuditStore } from '../app/operator/ports.ts';
import type { Clock, LedgerObserver } from '../app/ports.ts';
import { startTickLoop } from './tick-loop.ts';

const TICK_MS = 30_000;
/** The first round of a kernel looks back further: nothing may have run since. */
const FIRST_LOOK_BACK_MS = 7 * 86_400_000;
const LOOK_BACK_MS = 600_000;

/** What the worker works with. */
export interface ChangeWorkerTools {
  readonly store: Pick<AuditStore, 'settleSince'>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly observer: Pick<LedgerObserver, 'backgroundFailed'>;
}

/** Starts the worker; every kernel runs one, and two that meet at one change do no harm. */
export function startChangeWorker({ store, clock, observer }: ChangeWorkerTools): { stop(): Promise<void> } {
  let lookBackMs = FIRST_LOOK_BACK_MS;

  const tick = async (): Promise<void> => {
    await store.settleSince(clock.estimate() - lookBackMs);
    lookBackMs = LOOK_BACK_MS;
  };
  return startTickLoop({
    tick,
    intervalMs: TICK_MS,
    firstDelayMs: 0,
    onFailure: (error) => observer.backgroundFailed('doing recorded changes', error),
  });
}
