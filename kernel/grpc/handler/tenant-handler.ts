// Owns TenantService on the wire. Does not own how a tenant comes to be.

import type { TenantServiceService } from '../../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import type { TenantService } from '../../app/tenant/tenant-service.ts';
import { invalidField } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import { fromProtoCreateTenant, fromProtoGetTenant, toProtoTenant } from '../convert/tenant.ts';
import type { HandlerMap } from './handler-map.ts';
import { resolveProduct } from './product-scope.ts';

/** Builds the handlers of TenantService. */
export function createTenantHandlers(tenants: TenantService): HandlerMap<typeof TenantServiceService> {
  return {
    createTenant: async (request, { caller }) => {
      const query = fromProtoCreateTenant(request, caller.scope);
      const { requestId, displayName, planCode, actor, reason } = query;
      const productCode = resolveProduct(caller, query.productCode);
      if (productCode === undefined) throw invalidField({ field: 'product_code', description: 'is required' });
      const anyPlan = caller.scope === 'sysadmin';
      const input = { productCode, displayName, anyPlan, ...present({ planCode, actor, reason }) };
      const { tenant, replayed } = await tenants.createTenant(input, caller.callerScope, requestId);
      return { tenant: toProtoTenant(tenant), replayed };
    },
    getTenant: async (request, { caller }) => {
      const tenant = await tenants.getTenant(fromProtoGetTenant(request), caller.visibility);
      return { tenant: toProtoTenant(tenant) };
    },
  };
}
