// Owns passing on word of this kernel's own commits. It exists before those who listen, which need the ledger that tells.

import type { TenantId } from '../../domain/id.ts';
import type { CommitListener } from '../ports.ts';

type Listener = Pick<CommitListener, 'committed'>;

/** Passes on word of commits to whoever listens. */
export class CommitNotice implements Listener {
  readonly #listeners: Listener[] = [];

  /** Tells this listener too from now on. */
  listen(listener: Listener): void {
    this.#listeners.push(listener);
  }

  committed(tenantId: TenantId, seq: number): void {
    for (const listener of this.#listeners) listener.committed(tenantId, seq);
  }
}
