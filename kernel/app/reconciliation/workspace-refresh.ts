// Owns bringing a workspace to what Stripe shows because an operator asks. Does not own how (the parts).

import { present } from '../../domain/optional.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { AuditNotebook } from '../operator/audit-notebook.ts';
import type { OperatorRequest } from '../operator/change-book.ts';

/** What a refresh works with. */
export interface WorkspaceRefreshParts {
  readonly notebook: Pick<AuditNotebook, 'note'>;
  /** What is brought to what Stripe shows, each by itself. */
  readonly parts: readonly ((tenant: TenantRef) => Promise<unknown>)[];
}

/** Brings workspaces to what Stripe shows. */
export class WorkspaceRefresh {
  readonly #parts: WorkspaceRefreshParts;

  constructor(parts: WorkspaceRefreshParts) {
    this.#parts = parts;
  }

  /** Throws DomainError CLOCK_UNCERTAIN, DATABASE_UNAVAILABLE, and what the parts throw: do it again. */
  async run(tenant: TenantRef, request: OperatorRequest): Promise<void> {
    const { callerScope, requestId, actor, reason, remoteAddress } = request;
    await this.#parts.notebook.note({
      ...tenant,
      ...{ method: 'ReconciliationService/RefreshWorkspace', callerScope, actor, reason, requestId },
      requestKey: requestKey(callerScope, 'refresh_workspace', requestId),
      fingerprint: computeFingerprint(['refresh_workspace', tenant.tenantId]),
      ...present({ remoteAddress }),
      ...{ figures: {}, evidence: 'record' },
    });
    for (const part of this.#parts.parts) await part(tenant);
  }
}
