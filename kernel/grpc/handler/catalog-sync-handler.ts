// Owns CatalogSyncService on the wire. Does not own the sync.

import type { CatalogSyncServiceService } from '../../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import type { SyncProgress } from '../../app/catalog-sync/catalog-sync.ts';
import type { OperatorSync } from '../../app/catalog-sync/operator-sync.ts';
import { stripeOff } from '../../app/subscription/without-stripe.ts';
import {
  fromProtoSyncCatalog,
  toProtoSyncProgress,
  toProtoSyncReplay,
  toProtoSyncReport,
} from '../convert/catalog-sync.ts';
import { toOperatorRequest } from './catalog-admin-handler.ts';
import type { HandlerMap } from './handler-map.ts';

/** What CatalogSyncService answers with. */
export interface CatalogSyncHandlerParts {
  /** Absent where Stripe is off. */
  readonly catalogSync: OperatorSync | undefined;
}

/** Builds the handlers of CatalogSyncService. */
export function createCatalogSyncHandlers({
  catalogSync,
}: CatalogSyncHandlerParts): HandlerMap<typeof CatalogSyncServiceService> {
  return {
    syncCatalog: async (request, { signal, caller }, send) => {
      const { dryRun, ...asked } = fromProtoSyncCatalog(request);
      if (catalogSync === undefined) throw stripeOff();
      let progress: SyncProgress = { pricesRead: 0, rowsWritten: 0 };
      let sending: Promise<void> | undefined;
      const onProgress = (next: SyncProgress): void => {
        progress = next;
        // Who reads slowly misses some figures and holds up nothing.
        sending ??= send(toProtoSyncProgress(next))
          .catch(() => undefined)
          .finally(() => {
            sending = undefined;
          });
      };
      const result = await catalogSync.run(toOperatorRequest(asked, caller), { dryRun, onProgress, signal });
      await sending;
      if (result.kind === 'replayed') return send(toProtoSyncReplay(result.figures));
      for (const message of toProtoSyncReport(result.report, progress)) await send(message);
    },
  };
}
