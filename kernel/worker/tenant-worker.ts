// Owns when new workspaces are finished whose request nobody finishes, and when it is read which may not be charged. Does not
// own either.

import type { TenantService } from '../app/tenant/tenant-service.ts';
import type { TenantStatusBoard } from '../app/tenant/tenant-status-board.ts';

const STATUS_INTERVAL_MS = 2_000;
const FINISH_INTERVAL_MS = 10_000;

/** What the worker works with. */
export interface TenantWorkerParts {
  readonly tenants: Pick<TenantService, 'finishUnfinished'>;
  readonly statusBoard: Pick<TenantStatusBoard, 'refresh'>;
  readonly observer: { backgroundFailed(what: string, error: unknown): void };
}

/** A worker that can be ended. */
export interface TenantWorker {
  /** Resolves when nothing of it runs any more. */
  stop(): Promise<void>;
}

/** Starts the worker. */
export function startTenantWorker({ tenants, statusBoard, observer }: TenantWorkerParts): TenantWorker {
  const status = repeat(STATUS_INTERVAL_MS, async () => {
    await statusBoard
      .refresh()
      .catch((error) => observer.backgroundFailed('reading which workspaces are barred', error));
  });
  const finish = repeat(FINISH_INTERVAL_MS, async () => {
    await tenants.finishUnfinished().catch((error) => observer.backgroundFailed('finishing new workspaces', error));
  });
  return {
    stop: async () => {
      await Promise.all([status(), finish()]);
    },
  };
}

/** Runs something again and again, never twice at once; answers how to end that. */
function repeat(intervalMs: number, run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  const timer = setInterval(() => {
    running ??= run().finally(() => {
      running = undefined;
    });
  }, intervalMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}
