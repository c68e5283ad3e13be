// Owns how many members the plan of a workspace allows now. Does not own the bound itself (domain/workspace.ts).

import type { CatalogStore } from '../catalog/ports.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';

/** What the limit is found with. */
export interface MemberLimitParts {
  readonly ledger: Pick<Ledger, 'readBalance'>;
  readonly catalog: Pick<CatalogStore, 'loadPlans'>;
}

/** Finds how many members workspaces may have. */
export class MemberLimit {
  readonly #parts: MemberLimitParts;

  constructor(parts: MemberLimitParts) {
    this.#parts = parts;
  }

  /**
   * Answers how many members the current plan of a workspace allows; null means no limit.
   * Throws DomainError ACCOUNT_NOT_OPEN, DATABASE_UNAVAILABLE.
   */
  async load(tenant: TenantRef): Promise<number | null> {
    const { ledger, catalog } = this.#parts;
    const [{ planCode }, plans] = await Promise.all([
      ledger.readBalance(tenant),
      catalog.loadPlans(tenant.productCode),
    ]);
    return plans.find((plan) => plan.planCode === planCode)?.policy.memberLimit ?? null;
  }
}
