// Owns how tenants are read and written in MongoDB.

import { type Connection, type Model, trusted } from 'mongoose';
import type { Tenant, TenantRecord, TenantStore } from '../../app/tenant/ports.ts';
import { DomainError } from '../../domain/error.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { guardDatabase, isDatabaseFailure, isDuplicateKey } from '../database-failure.ts';
import { ensureModelIndexes } from '../model-index.ts';
import { type TenantDocument, tenantModel } from './tenant-model.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

/**
 * Opens the collection of tenants and proves its indexes.
 * Throws Error with one sentence for people where an index can't be proven.
 */
export async function openTenantStore(connection: Connection): Promise<TenantStore> {
  const tenants = tenantModel(connection);
  await ensureModelIndexes(tenants);
  return new MongoTenantStore(tenants);
}

class MongoTenantStore implements TenantStore {
  readonly #tenants: Model<TenantDocument>;

  constructor(tenants: Model<TenantDocument>) {
    this.#tenants = tenants;
  }

  insertTenant: TenantStore['insertTenant'] = async (record) => {
    try {
      await this.#tenants.create([toDocumentTenant(record)]);
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      if (!isDatabaseFailure(error)) throw error;
      const message =
        'the database did not tell whether the tenant was created: repeat the call with the same request_id';
      throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: 1_000, cause: error });
    }
  };

  loadTenantByRequestKey: TenantStore['loadTenantByRequestKey'] = (key) =>
    guardDatabase(async () => {
      const document = await this.#tenants.findOne({ request_key: key }).maxTimeMS(READ_TIMEOUT_MS).lean();
      return document === null ? undefined : fromDocumentRecord(document);
    });

  loadTenant: TenantStore['loadTenant'] = (tenantId) =>
    guardDatabase(async () => {
      const document = await this.#tenants.findOne({ tenant_id: tenantId }).maxTimeMS(READ_TIMEOUT_MS).lean();
      return document === null ? undefined : fromDocumentTenant(document);
    });

  loadTenantProducts: TenantStore['loadTenantProducts'] = (tenantIds) =>
    guardDatabase(async () => {
      const documents = await this.#tenants
        .find({ tenant_id: trusted({ $in: [...tenantIds] }) })
        .select({ _id: 0, tenant_id: 1, product_code: 1 })
        .maxTimeMS(READ_TIMEOUT_MS)
        .lean();
      return new Map(documents.map((found) => [found.tenant_id as TenantId, found.product_code as ProductCode]));
    });
}

function toDocumentTenant({ tenant, requestKey, fingerprint }: TenantRecord): TenantDocument {
  return {
    tenant_id: tenant.tenantId,
    product_code: tenant.productCode,
    display_name: tenant.displayName,
    plan_code: tenant.planCode,
    status: tenant.status,
    request_key: requestKey,
    request_fingerprint: fingerprint,
    created_at: new Date(tenant.createdAt),
  };
}

function fromDocumentRecord(document: TenantDocument): TenantRecord {
  return {
    tenant: fromDocumentTenant(document),
    requestKey: document.request_key as IdempotencyKey,
    fingerprint: document.request_fingerprint as Fingerprint,
  };
}

function fromDocumentTenant(document: TenantDocument): Tenant {
  return {
    tenantId: document.tenant_id as TenantId,
    productCode: document.product_code as ProductCode,
    displayName: document.display_name,
    planCode: document.plan_code as PlanCode,
    status: document.status,
    createdAt: document.created_at.getTime(),
  };
}
