// Owns passing on word of this kernel's own commits. It exists before those who listen, which need the ledger that tells.

import type { TenantId } from '../../domain/id.ts';
import type { OwnCommitListener } from '../ports.ts';

/** Passes on word of commits to whoever listens. */
export class CommitNotice implements OwnCommitListener {
  readonly #listeners: OwnCommitListener[] = [];

  /** Tells this listener too from now on. */
  listen(listener: OwnCommitListener): void {
    this.#listeners.push(listener);
  }

  committed(tenantId: TenantId, seq: number, entryCount: number): void {
    for (const listener of this.#listeners) listener.committed(tenantId, seq, entryCount);
  }
}
