// Owns which workspaces may not be charged, as every kernel needs it for each debit: the few that are suspended or closed are
// kept at hand, and what changed is read every few seconds, whatever the number of workspaces. Does not own who suspends.
// Invariants: what this kernel changes counts at once, what others change after seconds; work that was done is charged all
// the same (settlements are not asked about here).

import type { Instant, TenantId } from '../../domain/id.ts';
import { assertUsable, type WorkspaceStatus } from '../../domain/workspace.ts';
import type { TenantStore } from './ports.ts';

const CHANGES_AT_ONCE = 1_000;
/** How far back each read begins before the newest change that is known: longer than a write takes after it was dated. */
const OVERLAP_MS = 60_000;

/** Knows which workspaces may not be charged. */
export class TenantStatusBoard {
  readonly #store: Pick<TenantStore, 'loadStatusChanges'>;
  readonly #barred = new Map<TenantId, Exclude<WorkspaceStatus, 'active'>>();
  #newest: Instant = 0;

  constructor(store: Pick<TenantStore, 'loadStatusChanges'>) {
    this.#store = store;
  }

  /** Throws DomainError TENANT_SUSPENDED or TENANT_CLOSED where a workspace may not be charged. */
  assertChargeable(tenantId: TenantId): void {
    const status = this.#barred.get(tenantId);
    if (status !== undefined) assertUsable({ tenantId, status });
  }

  /** Notes what this kernel has just made of a workspace. */
  note(tenantId: TenantId, status: WorkspaceStatus): void {
    if (status === 'active') this.#barred.delete(tenantId);
    else this.#barred.set(tenantId, status);
  }

  /** Reads what changed since the last time. Throws DomainError DATABASE_UNAVAILABLE. */
  async refresh(): Promise<void> {
    let since = Math.max(0, this.#newest - OVERLAP_MS);
    for (;;) {
      const changes = await this.#store.loadStatusChanges(since, CHANGES_AT_ONCE);
      for (const { tenantId, status, changedAt } of changes) {
        this.note(tenantId, status);
        this.#newest = Math.max(this.#newest, changedAt);
      }
      const last = changes.at(-1);
      // A page of one instant can't be passed by time; so many at once are not changed by hand.
      if (last === undefined || changes.length < CHANGES_AT_ONCE || last.changedAt === since) return;
      since = last.changedAt;
    }
  }
}
