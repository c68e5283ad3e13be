// Owns looking for changes at Stripe, and for top-ups, that are due: those that a crash left, or whose last try failed, and open
// top-ups whose time has come. Those that people wait for are carried out at once, without this.

import type { IntentRunner } from '../app/subscription/intent-runner.ts';
import type { IntentObserver } from '../app/subscription/ports.ts';
import { startTickLoop } from './tick-loop.ts';

const TICK_MS = 1_000;
const BACKLOG_INTERVAL_MS = 10_000;

/** What the worker works with. */
export interface IntentWorkerTools {
  readonly runner: Pick<IntentRunner, 'takeDue' | 'reportBacklog' | 'stop'>;
  readonly observer: Pick<IntentObserver, 'backgroundFailed'>;
}

/** Starts the worker; every kernel that works with Stripe runs one, and each intent is claimed by one of them. */
export function startIntentWorker({ runner, observer }: IntentWorkerTools): { stop(): Promise<void> } {
  let reportedAtMs = Number.NEGATIVE_INFINITY;

  const tick = async (): Promise<void> => {
    await runner.takeDue();
    if (performance.now() - reportedAtMs < BACKLOG_INTERVAL_MS) return;
    reportedAtMs = performance.now();
    await runner.reportBacklog();
  };
  const loop = startTickLoop({
    tick,
    intervalMs: TICK_MS,
    onFailure: (error) => observer.backgroundFailed('looking for due changes at Stripe', error),
  });
  return {
    stop: async () => {
      await loop.stop();
      await runner.stop();
    },
  };
}
