// Owns which tenant belongs to which product, and who can see it: product isolation has its one place here.
// Does not own what else is known of a tenant.
// Invariants: a tenant that a caller can't see does not exist for it, in the same words; a tenant's product never
// changes, so what was found once holds for ever; what was not found is asked for again.

import { LRUCache } from 'lru-cache';
import { DomainError } from '../../domain/error.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { TenantStore } from './ports.ts';

/** How many tenants are kept at hand; the longest unused goes first. */
const TENANTS_CACHED_MAX = 100_000;

/** Which tenants a caller can see: all, or one workspace of one product (none, where the person has no workspace). */
export type TenantVisibility =
  | { readonly kind: 'all' }
  | { readonly kind: 'workspace'; readonly productCode: ProductCode; readonly tenantId?: TenantId };

/** Finds tenants for callers. */
export class TenantDirectory {
  readonly #store: Pick<TenantStore, 'loadTenantProducts'>;
  readonly #known: LRUCache<TenantId, TenantRef>;
  readonly #loading = new Map<TenantId, Promise<TenantRef | undefined>>();

  constructor(store: Pick<TenantStore, 'loadTenantProducts'>, cachedMax: number = TENANTS_CACHED_MAX) {
    this.#store = store;
    this.#known = new LRUCache({ max: cachedMax });
  }

  /**
   * Finds a tenant that the caller can see.
   * Throws DomainError TENANT_NOT_FOUND where there is none, DATABASE_UNAVAILABLE.
   */
  async requireTenant(tenantId: TenantId, visibility: TenantVisibility): Promise<TenantRef> {
    // A workspace token that names another workspace is refused before the database could tell whether that exists.
    const tenant = mayExist(tenantId, visibility) ? await this.findTenant(tenantId) : undefined;
    if (tenant === undefined || !isVisible(tenant, visibility)) throw tenantNotFound(tenantId);
    return tenant;
  }

  /** Finds a tenant; undefined where there is none. Throws DomainError DATABASE_UNAVAILABLE. */
  findTenant(tenantId: TenantId): TenantRef | Promise<TenantRef | undefined> {
    return this.#known.get(tenantId) ?? this.#loading.get(tenantId) ?? this.#load(tenantId);
  }

  /** Finds many tenants with at most one query; the ones that don't exist are left out. Throws DATABASE_UNAVAILABLE. */
  async findTenants(tenantIds: ReadonlySet<TenantId>): Promise<ReadonlyMap<TenantId, TenantRef>> {
    const found = new Map<TenantId, TenantRef>();
    const missing: TenantId[] = [];
    for (const tenantId of tenantIds) {
      const known = this.#known.get(tenantId);
      if (known === undefined) missing.push(tenantId);
      else found.set(tenantId, known);
    }
    if (missing.length > 0) {
      for (const [tenantId, productCode] of await this.#store.loadTenantProducts(missing)) {
        found.set(tenantId, this.#remember({ tenantId, productCode }));
      }
    }
    return found;
  }

  #load(tenantId: TenantId): Promise<TenantRef | undefined> {
    const loading = this.#store
      .loadTenantProducts([tenantId])
      .then((products) => {
        const productCode = products.get(tenantId);
        return productCode === undefined ? undefined : this.#remember({ tenantId, productCode });
      })
      .finally(() => this.#loading.delete(tenantId));
    this.#loading.set(tenantId, loading);
    return loading;
  }

  #remember(tenant: TenantRef): TenantRef {
    this.#known.set(tenant.tenantId, tenant);
    return tenant;
  }
}

/** Builds the one error for a tenant that does not exist, or not for this caller: the two look the same. */
export function tenantNotFound(tenantId: TenantId): DomainError {
  const message = `tenant_id: there is no tenant ${tenantId}: check the id, and that it belongs to this product`;
  return new DomainError('TENANT_NOT_FOUND', message, { metadata: { tenant_id: tenantId } });
}

function mayExist(tenantId: TenantId, visibility: TenantVisibility): boolean {
  return visibility.kind === 'all' || visibility.tenantId === tenantId;
}

function isVisible(tenant: TenantRef, visibility: TenantVisibility): boolean {
  return visibility.kind === 'all' || visibility.productCode === tenant.productCode;
}
