// Owns the form of tenants in MongoDB: collection `tenants`.

import { type Connection, type Model, Schema } from 'mongoose';

export interface TenantDocument {
  readonly tenant_id: string;
  readonly product_code: string;
  readonly display_name: string;
  readonly plan_code: string;
  readonly status: 'active';
  /** The namespaced key of the request that made the tenant. */
  readonly request_key: string;
  readonly request_fingerprint: string;
  readonly created_at: Date;
}

const TEXT = { type: String, required: true } as const;

const tenantSchema = new Schema<TenantDocument>(
  {
    tenant_id: TEXT,
    product_code: TEXT,
    display_name: TEXT,
    plan_code: TEXT,
    status: { type: String, enum: ['active'], required: true },
    request_key: TEXT,
    request_fingerprint: TEXT,
    created_at: { type: Date, required: true },
  },
  { strict: 'throw', strictQuery: 'throw', versionKey: false, autoIndex: false, autoCreate: false },
);
tenantSchema.index({ tenant_id: 1 }, { name: 'tenant_id', unique: true });
// One request makes one tenant, whichever kernels it reaches.
tenantSchema.index({ request_key: 1 }, { name: 'request_key', unique: true });

/** Finds the model of tenants on a connection, or defines it. */
export function tenantModel(connection: Connection): Model<TenantDocument> {
  return connection.model<TenantDocument>('Tenant', tenantSchema, 'tenants', { overwriteModels: true });
}
