// Owns looking for signups that were confirmed and whose workspace a crash kept from being made. Nothing depends on when it
// runs: whoever confirms again finishes it at once.

import type { LedgerObserver } from '../app/ports.ts';
import type { SignupService } from '../app/signup/signup-service.ts';
import { startTickLoop } from './tick-loop.ts';

const TICK_MS = 5_000;

export interface SignupWorkerTools {
  readonly signups: Pick<SignupService, 'finishLeft'>;
  readonly observer: Pick<LedgerObserver, 'backgroundFailed'>;
}

/** Starts the worker; every kernel runs one, and two that meet at one signup do no harm. */
export function startSignupWorker({ signups, observer }: SignupWorkerTools): { stop(): Promise<void> } {
  return startTickLoop({
    tick: () => signups.finishLeft(),
    intervalMs: TICK_MS,
    onFailure: (error) => observer.backgroundFailed('finishing signups', error),
  });
}
