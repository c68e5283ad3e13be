// Owns a sync that an operator asks for: it stands in the audit log before it begins, and is remembered from its first write
// on. Does not own the sync.
// Invariants: a request that came to its end is not done again; a request id that has written has one meaning; what the audit
// log says of a sync is what its note says.

import { DomainError } from '../../domain/error.ts';
import type { Fingerprint, IdempotencyKey } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { AuditNotebook } from '../operator/audit-notebook.ts';
import type { OperatorRequest } from '../operator/change-book.ts';
import type { Clock } from '../ports.ts';
import type { CatalogSync, SyncOptions, SyncReport } from './catalog-sync.ts';
import type { SyncFigures, SyncNote, SyncNoteStore } from './ports.ts';

export interface OperatorSyncParts {
  readonly sync: Pick<CatalogSync, 'run'>;
  readonly notebook: Pick<AuditNotebook, 'note'>;
  readonly notes: SyncNoteStore;
  readonly clock: Pick<Clock, 'estimate'>;
}

/** What was asked for came to: a sync, or what an earlier call of the request came to. */
export type OperatorSyncResult =
  | { readonly kind: 'synced'; readonly report: SyncReport }
  | { readonly kind: 'replayed'; readonly figures: SyncFigures };

interface Identity {
  readonly requestId: string;
  readonly requestKey: IdempotencyKey;
  readonly fingerprint: Fingerprint;
}

/** Syncs for operators. */
export class OperatorSync {
  readonly #parts: OperatorSyncParts;

  constructor(parts: OperatorSyncParts) {
    this.#parts = parts;
  }

  /**
   * Syncs as {@link CatalogSync.run} does, once for each caller and request id; one that failed goes on by its retry. A dry
   * run leaves nothing behind. Throws what that throws, IDEMPOTENCY_KEY_REUSED, and CLOCK_UNCERTAIN.
   */
  async run(request: OperatorRequest, options: SyncOptions): Promise<OperatorSyncResult> {
    const { sync, notebook, notes } = this.#parts;
    if (options.dryRun) return { kind: 'synced', report: await sync.run(options) };
    const { callerScope, requestId, actor, reason, remoteAddress } = request;
    const identity = {
      requestId,
      requestKey: requestKey(callerScope, 'sync_catalog', requestId),
      fingerprint: computeFingerprint(['sync_catalog', actor, reason]),
    };
    await notebook.note({
      ...{ ...identity, method: 'CatalogSyncService/SyncCatalog', callerScope, actor, reason },
      ...{ ...present({ remoteAddress }), figures: {}, evidence: 'catalog_sync' },
    });
    const before = await notes.loadSyncNote(identity.requestKey);
    if (before !== undefined) assertSameMeaning(before, identity);
    if (before?.figures !== undefined) return { kind: 'replayed', figures: before.figures };
    const report = await sync.run({ ...options, beforeWriting: () => this.#save(identity) });
    await this.#save(identity, computeSyncFigures(report));
    return { kind: 'synced', report };
  }

  async #save(identity: Identity, figures?: SyncFigures): Promise<void> {
    const { notes, clock } = this.#parts;
    const note = { ...identity, ...(figures === undefined ? {} : { figures }) };
    assertSameMeaning(await notes.saveSyncNote(note, clock.estimate()), identity);
  }
}

/** Sums up a report. */
export function computeSyncFigures({ changes, badRows, pricesRead, unchanged, ignored }: SyncReport): SyncFigures {
  return { pricesRead, changed: changes.length, unchanged, ignored, badRows: badRows.length };
}

function assertSameMeaning({ fingerprint }: SyncNote, identity: Identity): void {
  if (fingerprint === identity.fingerprint) return;
  const { requestId } = identity;
  const message = `request_id: ${requestId} was used before for another sync: use a new one for a new sync`;
  throw new DomainError('IDEMPOTENCY_KEY_REUSED', message, { metadata: { request_id: requestId } });
}
