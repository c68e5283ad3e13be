// Owns the use cases of the catalog: which plans there are, and what actions cost a tenant. Does not own who may ask (the
// gRPC adapter), prices as rules (domain/action-price.ts) or how the rules of a product are kept at hand (rulebook-cache).

import { resolveActionPrice } from '../../domain/action-price.ts';
import type { Instant } from '../../domain/id.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';
import type { RulebookSource } from '../ports.ts';
import { computePlanPage, type PlanFilter, type PlanPage } from './plan-list.ts';
import type { CatalogStore, ResolvedPrice } from './ports.ts';

/** What the catalog is made of. */
export interface CatalogParts {
  readonly store: CatalogStore;
  readonly ledger: Pick<Ledger, 'readBalance'>;
  readonly rulebooks: RulebookSource;
}

/** Reads the plan catalog and the prices of metered actions. */
export class Catalog {
  readonly #store: CatalogStore;
  readonly #ledger: CatalogParts['ledger'];
  readonly #rulebooks: RulebookSource;

  constructor({ store, ledger, rulebooks }: CatalogParts) {
    this.#store = store;
    this.#ledger = ledger;
    this.#rulebooks = rulebooks;
  }

  /**
   * Lists plans, ordered by product, rank, interval and plan code.
   * Throws DomainError INVALID_FIELD `page_token` where the token is not of this list, DATABASE_UNAVAILABLE.
   */
  async listPlans(filter: PlanFilter, pageSize: number, pageToken: string): Promise<PlanPage> {
    return computePlanPage(await this.#store.loadPlans(filter.productCode), filter, pageSize, pageToken);
  }

  /**
   * Resolves the price of every action for a tenant, ordered by action: at a past time by the plan of that time.
   * Throws DomainError ACCOUNT_NOT_OPEN, DATABASE_UNAVAILABLE and what else reading a balance can give.
   */
  async resolvePrices(tenant: TenantRef, at?: Instant): Promise<readonly ResolvedPrice[]> {
    const current = await this.#ledger.readBalance(tenant);
    const isPast = at !== undefined && at < current.asOf;
    const { planCode } = isPast ? await this.#ledger.readBalance(tenant, at) : current;
    const { prices } = await this.#rulebooks.loadRulebook(tenant.productCode);
    const query = { tenantId: tenant.tenantId, planCode, at: at ?? current.asOf };
    const resolved: ResolvedPrice[] = [];
    for (const action of [...prices.keys()].sort()) {
      const price = resolveActionPrice(prices, action, query);
      if (price !== undefined) resolved.push(price);
    }
    return resolved;
  }
}
