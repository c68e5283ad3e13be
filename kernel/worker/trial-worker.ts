// Owns looking after places of trials that a crash has left claimed (app/trial/trial-limit.ts). Nothing depends on when it runs:
// whoever starts the trial again goes on with the place that is there.

import type { LedgerObserver } from '../app/ports.ts';
import type { TrialLimit } from '../app/trial/trial-limit.ts';
import { startTickLoop } from './tick-loop.ts';

const TICK_MS = 60_000;

/** What the worker works with. */
export interface TrialWorkerTools {
  readonly limit: Pick<TrialLimit, 'sweep'>;
  readonly observer: Pick<LedgerObserver, 'backgroundFailed'>;
}

/** Starts the worker; every kernel runs one, and two that meet at one place do no harm. */
export function startTrialWorker({ limit, observer }: TrialWorkerTools): { stop(): Promise<void> } {
  return startTickLoop({
    tick: () => limit.sweep(),
    intervalMs: TICK_MS,
    onFailure: (error) => observer.backgroundFailed('looking after claimed trials', error),
  });
}
