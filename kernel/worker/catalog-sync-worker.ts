// Owns syncing the catalog when a kernel starts and regularly from then on. Nothing waits for it: a kernel serves what is
// stored, also while Stripe can't be reached.

import type { SyncSchedule } from '../app/catalog-sync/sync-schedule.ts';

/** Starts the worker; every kernel runs one, and they take turns. */
export function startCatalogSyncWorker(schedule: Pick<SyncSchedule, 'syncRegularly' | 'stop'>): {
  stop(): Promise<void>;
} {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const run = async (): Promise<void> => {
    const waitMs = await schedule.syncRegularly();
    if (!isStopped) timer = setTimeout(run, waitMs).unref();
  };
  void run();
  return {
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
      return schedule.stop();
    },
  };
}
