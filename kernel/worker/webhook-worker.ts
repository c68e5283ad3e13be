// Owns looking for events that are due: those that a crash left, whose attempt failed, or that an operator drives again.
// Events that a kernel takes in it processes at once, without this.

import type { WebhookObserver } from '../app/webhook/ports.ts';
import type { WebhookProcessor } from '../app/webhook/webhook-processor.ts';

const TICK_MS = 1_000;
const BACKLOG_INTERVAL_MS = 10_000;

export interface WebhookWorkerTools {
  readonly processor: Pick<WebhookProcessor, 'takeDue' | 'reportBacklog' | 'stop'>;
  readonly observer: Pick<WebhookObserver, 'backgroundFailed'>;
}

/** Looks for due events regularly. */
export interface WebhookWorker {
  /** Looks now. */
  wake(): void;
  /** Begins nothing more, and resolves when what is under way has ended. */
  stop(): Promise<void>;
}

/** Starts the worker; every kernel runs one, and each event is claimed by one of them. */
export function startWebhookWorker({ processor, observer }: WebhookWorkerTools): WebhookWorker {
  let isStopped = false;
  let running: Promise<void> | undefined;
  let reportedAtMs = Number.NEGATIVE_INFINITY;

  const tick = async (): Promise<void> => {
    await processor.takeDue();
    if (performance.now() - reportedAtMs < BACKLOG_INTERVAL_MS) return;
    reportedAtMs = performance.now();
    await processor.reportBacklog();
  };
  const run = (): void => {
    if (isStopped || running !== undefined) return;
    running = tick()
      .catch((error: unknown) => observer.backgroundFailed('looking for due events', error))
      .finally(() => {
        running = undefined;
      });
  };
  const timer = setInterval(run, TICK_MS).unref();
  return {
    wake: run,
    stop: async () => {
      isStopped = true;
      clearInterval(timer);
      await running;
      await processor.stop();
    },
  };
}
