// Owns comparing workspaces with Stripe, one after the other, whoever asks. Does not own what has to be equal (the checks), or
// mending anything.
// Invariants: nothing is written; what is only on its way is no difference, since each is looked at again; one workspace that
// can't be read stops the run, so that a run which ends has seen all.

import type { TenantId } from '../../domain/id.ts';
import { readPatiently } from '../audit/patience.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Pacing } from '../ports.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import { type Difference, differenceKey, type WorkspaceCheck } from './difference.ts';

const CUSTOMERS_PER_READ = 100;
/** How long after a difference was seen it is looked for again, in milliseconds: as long as an event takes to be worked off. */
const SECOND_LOOK_MS = 3_000;

/** How far a run is. */
export interface ReconciliationProgress {
  readonly verifiedWorkspaces: number;
  readonly totalWorkspaces: number;
}

/** Takes what a run tells, as fast as the listener can. */
export type ReconciliationReport = (progress: ReconciliationProgress, difference?: Difference) => Promise<void>;

/** What a run works with. */
export interface ReconciliationParts {
  readonly customers: Pick<CustomerStore, 'countCustomers' | 'listCustomers'>;
  readonly checks: readonly WorkspaceCheck[];
  readonly pacing: Pacing;
}

/** Compares workspaces with Stripe. */
export class Reconciliation {
  readonly #parts: ReconciliationParts;

  constructor(parts: ReconciliationParts) {
    this.#parts = parts;
  }

  /**
   * Compares all workspaces that have a customer at Stripe; the last call of `report` has the final figures. Throws DomainError
   * STRIPE_UNAVAILABLE, STRIPE_REFUSED, DATABASE_UNAVAILABLE, and the reason of the signal.
   */
  async verifyAll(report: ReconciliationReport, signal: AbortSignal): Promise<ReconciliationProgress> {
    const { customers, pacing } = this.#parts;
    const totalWorkspaces = await readPatiently(pacing, signal, () => customers.countCustomers());
    let verifiedWorkspaces = 0;
    for (let after: TenantId | undefined; ; ) {
      const place = after;
      const page = await readPatiently(pacing, signal, () => customers.listCustomers(place, CUSTOMERS_PER_READ));
      for (const { tenantId, productCode } of page) {
        await this.#verify({ tenantId, productCode }, { verifiedWorkspaces, totalWorkspaces }, report, signal);
        verifiedWorkspaces += 1;
        after = tenantId;
      }
      const progress = { verifiedWorkspaces, totalWorkspaces: Math.max(totalWorkspaces, verifiedWorkspaces) };
      await report(progress);
      if (page.length < CUSTOMERS_PER_READ) return progress;
    }
  }

  /** Compares one workspace. Throws as {@link verifyAll} does. */
  async verifyOne(
    tenant: TenantRef,
    report: ReconciliationReport,
    signal: AbortSignal,
  ): Promise<ReconciliationProgress> {
    await this.#verify(tenant, { verifiedWorkspaces: 0, totalWorkspaces: 1 }, report, signal);
    return { verifiedWorkspaces: 1, totalWorkspaces: 1 };
  }

  async #verify(
    tenant: TenantRef,
    progress: ReconciliationProgress,
    report: ReconciliationReport,
    signal: AbortSignal,
  ): Promise<void> {
    const { pacing } = this.#parts;
    const seen = await this.#find(tenant, signal);
    if (seen.length === 0) return;
    await pacing.delay(SECOND_LOOK_MS);
    const before = new Set(seen.map(differenceKey));
    for (const difference of await this.#find(tenant, signal)) {
      if (before.has(differenceKey(difference))) await report(progress, difference);
    }
  }

  async #find(tenant: TenantRef, signal: AbortSignal): Promise<readonly Difference[]> {
    const found: Difference[] = [];
    for (const check of this.#parts.checks) {
      found.push(...(await readPatiently(this.#parts.pacing, signal, () => check.find(tenant))));
    }
    return found;
  }
}
