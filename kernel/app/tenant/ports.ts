// Owns what the use cases of tenants need of the database and of chance. Does not own how it is done.

import type { Fingerprint, IdempotencyKey, Instant, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';

/** A workspace of one product. */
export interface Tenant {
  readonly tenantId: TenantId;
  /** Never changes. */
  readonly productCode: ProductCode;
  readonly displayName: string;
  /** The plan that its account was opened with. */
  readonly planCode: PlanCode;
  readonly status: 'active';
  readonly createdAt: Instant;
}

/** A tenant with the request that made it. */
export interface TenantRecord {
  readonly tenant: Tenant;
  /** The namespaced key of the request; no two tenants have the same. */
  readonly requestKey: IdempotencyKey;
  /** What the request meant. */
  readonly fingerprint: Fingerprint;
}

/** Keeps tenants. Every read is primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface TenantStore {
  /**
   * Stores a new tenant; answers false where its request key is taken.
   * Throws DomainError OUTCOME_UNKNOWN where the database did not tell.
   */
  insertTenant(record: TenantRecord): Promise<boolean>;
  loadTenantByRequestKey(key: IdempotencyKey): Promise<TenantRecord | undefined>;
  loadTenant(tenantId: TenantId): Promise<Tenant | undefined>;
  /** Loads the products of many tenants in one query; the ones that don't exist are left out. */
  loadTenantProducts(tenantIds: readonly TenantId[]): Promise<ReadonlyMap<TenantId, ProductCode>>;
}

/** Makes ids of tenants. */
export interface TenantIdSource {
  tenantId(): TenantId;
}
