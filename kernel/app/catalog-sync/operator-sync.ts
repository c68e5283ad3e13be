// Owns a sync that an operator asks for: it stands in the audit log before it begins. Does not own the sync.

import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { AuditNotebook } from '../operator/audit-notebook.ts';
import type { CatalogSync, SyncOptions, SyncReport } from './catalog-sync.ts';

export interface OperatorSyncParts {
  readonly sync: Pick<CatalogSync, 'run'>;
  readonly notebook: Pick<AuditNotebook, 'note'>;
}

/** Who asks for a sync, and why. */
export interface SyncRequest {
  readonly callerScope: string;
  readonly requestId: string;
  readonly actor: string;
  readonly reason: string;
}

/** Syncs for operators. */
export class OperatorSync {
  readonly #parts: OperatorSyncParts;

  constructor(parts: OperatorSyncParts) {
    this.#parts = parts;
  }

  /** Syncs as {@link CatalogSync.run} does; one that writes is noted before. Throws what that throws, and CLOCK_UNCERTAIN. */
  async run(request: SyncRequest, options: SyncOptions): Promise<SyncReport> {
    const { sync, notebook } = this.#parts;
    if (!options.dryRun) {
      const { callerScope, requestId, actor, reason } = request;
      await notebook.note({
        ...{ method: 'CatalogSyncService/SyncCatalog', callerScope, requestId, actor, reason },
        requestKey: requestKey(callerScope, 'sync_catalog', requestId),
        fingerprint: computeFingerprint(['sync_catalog', actor, reason]),
        ...{ figures: {}, evidence: 'record' },
      });
    }
    return sync.run(options);
  }
}
