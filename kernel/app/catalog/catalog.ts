// Owns what can be asked of the catalog: which plans there are, and what actions cost a tenant. Does not own who may ask
// (the gRPC adapter), prices as rules (domain/action-price.ts), how a price is set (price-setter.ts) or how the rules of a
// product are kept at hand (rulebook-cache.ts).

import { type ActionPrice, resolveAllPrices } from '../../domain/action-price.ts';
import type { Instant, ProductCode } from '../../domain/id.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';
import type { Pacing, RulebookSource } from '../ports.ts';
import { SharedRead } from '../shared-read.ts';
import { computePlanPage, type PlanFilter, type PlanPage } from './plan-list.ts';
import type { CatalogStore, Plan, PriceStore } from './ports.ts';

/** How old plans may be that customers are shown, in milliseconds. */
const SHOWN_AGE_MS_MAX = 1_000;

/** What the catalog is made of. */
export interface CatalogParts {
  readonly store: CatalogStore;
  readonly prices: Pick<PriceStore, 'loadPricesAt'>;
  readonly ledger: Pick<Ledger, 'readBalance'>;
  readonly rulebooks: RulebookSource;
  readonly pacing: Pick<Pacing, 'monotonicMs' | 'afterReadyIo'>;
}

/** Plans as a read found them. */
interface ShownPlans {
  readonly plans: readonly Plan[];
  /** When the read began: what was stored before is in it. */
  readonly readAtMs: number;
}

/** Reads the plan catalog and the prices of metered actions. */
export class Catalog {
  readonly #parts: CatalogParts;
  /** Whoever asks for the plans of one product at the same time shares a read that begins after they asked. */
  readonly #plans: SharedRead<ProductCode | undefined, readonly Plan[]>;
  /** The plans that customers of a product were shown last; as many as there are products with a BFF. */
  readonly #shown = new Map<ProductCode, ShownPlans>();

  constructor(parts: CatalogParts) {
    this.#parts = parts;
    this.#plans = new SharedRead((productCode) => parts.store.loadPlans(productCode), parts.pacing);
  }

  /**
   * Lists plans of one product for its customers, as {@link listPlans} does: as they are, or were a second ago at most.
   * Throws what that throws.
   */
  async listShownPlans(
    filter: PlanFilter & { readonly productCode: ProductCode },
    pageSize: number,
    pageToken: string,
  ): Promise<PlanPage> {
    return computePlanPage(await this.#readShown(filter.productCode), filter, pageSize, pageToken);
  }

  async #readShown(productCode: ProductCode): Promise<readonly Plan[]> {
    const { pacing } = this.#parts;
    const shown = this.#shown.get(productCode);
    const nowMs = pacing.monotonicMs();
    if (shown !== undefined && nowMs - shown.readAtMs < SHOWN_AGE_MS_MAX) return shown.plans;
    // It begins after `nowMs`, whoever shares it.
    const plans = await this.#plans.read(productCode);
    this.#shown.set(productCode, { plans, readAtMs: nowMs });
    return plans;
  }

  /**
   * Lists plans as they are, ordered by product, rank, interval and plan code.
   * Throws DomainError INVALID_FIELD `page_token` where the token is not of this list, DATABASE_UNAVAILABLE.
   */
  async listPlans(filter: PlanFilter, pageSize: number, pageToken: string): Promise<PlanPage> {
    return computePlanPage(await this.#plans.read(filter.productCode), filter, pageSize, pageToken);
  }

  /**
   * Resolves the price of every action for a tenant, ordered by action: at a past time by the plan of that time, at a
   * future one by today's plan and the prices that are set by now.
   * Throws DomainError ACCOUNT_NOT_OPEN, DATABASE_UNAVAILABLE and what else reading a balance can give.
   */
  async resolvePrices(tenant: TenantRef, at?: Instant): Promise<readonly ActionPrice[]> {
    const { ledger, prices, rulebooks } = this.#parts;
    const { tenantId, productCode } = tenant;
    const current = await ledger.readBalance(tenant);
    if (at === undefined) {
      const rulebook = await rulebooks.loadRulebook(productCode, tenantId);
      return resolveAllPrices(rulebook.prices, { tenantId, planCode: current.planCode, at: current.asOf });
    }
    const { planCode } = at < current.asOf ? await ledger.readBalance(tenant, at) : current;
    const query = { tenantId, planCode, at };
    return resolveAllPrices(await prices.loadPricesAt(productCode, query), query);
  }
}
