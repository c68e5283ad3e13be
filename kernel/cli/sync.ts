// Owns the operators' command `sync`: it brings the catalog to what Stripe holds, or shows what that would change. Does not
// own the sync (the kernel) or how it looks (sync-report.ts).

import { CatalogSyncServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import { type WriteOptions, write } from './operator-command.ts';
import { SyncReport, type SyncReportTarget } from './sync-report.ts';

/** What the command was given. */
export interface SyncOptions extends WriteOptions {
  readonly dryRun?: boolean;
}

/**
 * Syncs; answers how many problems of rows at Stripe were found.
 * Throws Error with a sentence for people where the catalog could not be synced.
 */
export async function runSync(options: SyncOptions, target: SyncReportTarget): Promise<number> {
  const { dryRun = false, json: isJson = false } = options;
  const report = new SyncReport(target, { isDryRun: dryRun, isJson });
  let isDone = false;
  try {
    await write(target, options, async (kernel, request) => {
      for await (const message of kernel.stream(CatalogSyncServiceService.syncCatalog, { ...request, dryRun })) {
        report.take(message);
        isDone = message.summary !== undefined;
      }
    });
  } catch (error) {
    report.abandon();
    throw error;
  }
  if (!isDone) throw new Error('The kernel ended the sync before it was done: sync again.');
  return report.finish();
}
