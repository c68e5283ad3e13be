// Owns listing the workspaces that are held against Stripe: all that there are, and those of which only their customer is left.

import type { Connection, mongo } from 'mongoose';
import type { WorkspaceList } from '../../app/reconciliation/ports.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import { guardDatabase } from '../database-failure.ts';
import { LEDGER_COLLECTION_OPTIONS } from '../ledger/collection-option.ts';

/** How long the database may take for one read, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

interface WorkspaceRow {
  readonly tenant_id: string;
  readonly product_code: string;
}

interface CustomerRow {
  readonly _id: string;
  readonly product_code: string;
}

/** Builds the list. Throws Error where the connection is not open. */
export function createWorkspaceList(connection: Connection): WorkspaceList {
  const database = connection.db;
  if (database === undefined) throw new Error('listing workspaces needs an open database connection');
  const tenants = database.collection('tenants', LEDGER_COLLECTION_OPTIONS);
  const customers = database.collection<CustomerRow>('stripe_customers', LEDGER_COLLECTION_OPTIONS);
  return {
    countWorkspaces: () => guardDatabase(() => tenants.estimatedDocumentCount({ maxTimeMS: READ_TIMEOUT_MS })),
    loadAfter: (after, limit) =>
      guardDatabase(async () => {
        const [workspaces, others] = await Promise.all([
          loadWorkspaces(tenants, after, limit),
          customers
            .find({ _id: { $gt: after } }, { maxTimeMS: READ_TIMEOUT_MS, projection: { product_code: 1 } })
            .sort({ _id: 1 })
            .limit(limit)
            .toArray(),
        ]);
        // Each list is complete up to its last id, so the first `limit` ids of both together are complete too.
        const products = new Map(others.map(({ _id, product_code }) => [_id, product_code]));
        for (const { tenant_id, product_code } of workspaces) products.set(tenant_id, product_code);
        const found = [...products].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, limit);
        // What stands in these fields was written as such.
        return found.map(([id, code]) => ({ tenantId: id as TenantId, productCode: code as ProductCode }));
      }),
  };
}

/** One that is being made has no account yet; one of an earlier release may have no product, and is of none of the plans. */
function loadWorkspaces(tenants: mongo.Collection, after: string, limit: number): Promise<readonly WorkspaceRow[]> {
  const filter = { tenant_id: { $gt: after }, unfinished: { $ne: true }, product_code: { $exists: true } };
  return tenants
    .find(filter, { maxTimeMS: READ_TIMEOUT_MS })
    .project<WorkspaceRow>({ _id: 0, tenant_id: 1, product_code: 1 })
    .sort({ tenant_id: 1 })
    .limit(limit)
    .toArray();
}
