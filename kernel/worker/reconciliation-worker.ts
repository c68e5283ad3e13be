// Owns when workspaces are compared with Stripe without being asked: it is looked each quarter of an hour whether the run of the day
// is left to make.

import type { DailyReconciliation } from '../app/reconciliation/daily-reconciliation.ts';
import type { ReconciliationObserver } from '../app/reconciliation/ports.ts';
import { startTickLoop } from './tick-loop.ts';

const TICK_MS = 900_000;
/** A kernel that starts has other things to do first. */
const FIRST_DELAY_MS = 60_000;

export interface ReconciliationWorkerTools {
  readonly daily: Pick<DailyReconciliation, 'runDue' | 'stop'>;
  readonly observer: Pick<ReconciliationObserver, 'backgroundFailed'>;
}

/** Starts the worker; every kernel runs one, and one of them makes the run. */
export function startReconciliationWorker({ daily, observer }: ReconciliationWorkerTools): { stop(): Promise<void> } {
  const loop = startTickLoop({
    tick: () => daily.runDue(),
    intervalMs: TICK_MS,
    firstDelayMs: FIRST_DELAY_MS,
    onFailure: (error) => observer.backgroundFailed('comparing workspaces with Stripe', error),
  });
  return {
    stop: async () => {
      daily.stop();
      await loop.stop();
    },
  };
}
