// Owns TenantService on the wire. Does not own how a workspace comes to be, or what becomes of it.

import { v7 as newUuid } from 'uuid';
import type { TenantServiceService } from '../../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { computeFingerprint } from '../../app/ledger/request-identity.ts';
import type { TenantDirectory } from '../../app/tenant/tenant-directory.ts';
import { fingerprintOfUpdate, type TenantLife } from '../../app/tenant/tenant-life.ts';
import type { TenantService } from '../../app/tenant/tenant-service.ts';
import type { ActIdentity } from '../../app/tenant/workspace-desk.ts';
import { invalidField } from '../../domain/error.ts';
import type { IdempotencyKey, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import {
  fromProtoCloseTenant,
  fromProtoCreateTenant,
  fromProtoGetTenant,
  fromProtoListRecords,
  fromProtoListTenants,
  fromProtoSetSuspension,
  fromProtoUpdateTenant,
  toProtoTenant,
  toProtoWorkspaceRecord,
} from '../convert/tenant.ts';
import { actOf, adminActOf, identityOf, operatorActOf, requirePerson } from './act.ts';
import type { HandlerMap } from './handler-map.ts';
import { resolveProduct } from './product-scope.ts';

/** What TenantService answers with. */
export interface TenantHandlerParts {
  readonly tenants: TenantService;
  readonly tenantLife: TenantLife;
  readonly directory: TenantDirectory;
}

type TenantHandlers = HandlerMap<typeof TenantServiceService>;

/** Builds the handlers of TenantService. */
export function createTenantHandlers(parts: TenantHandlerParts): TenantHandlers {
  return { ...createMakers(parts), ...createChangers(parts), ...createLists(parts) };
}

function createMakers({
  tenants,
  tenantLife,
  directory,
}: TenantHandlerParts): Pick<TenantHandlers, 'createTenant' | 'getTenant'> {
  return {
    createTenant: async (request, call) => {
      const { caller } = call;
      const { operator, ...query } = fromProtoCreateTenant(request, caller.scope);
      const productCode = resolveProduct(caller, query.productCode);
      if (productCode === undefined) throw invalidField({ field: 'product_code', description: 'is required' });
      const { requestId, displayName, planCode, slug } = query;
      const owner = caller.scope === 'bff' ? requirePerson(caller).userId : undefined;
      const anyPlan = caller.scope === 'sysadmin';
      const input = { productCode, displayName, anyPlan, ...operator, ...present({ planCode, slug, owner }) };
      const act = actOf(call, 'TenantService/CreateTenant', operator);
      const asker = { callerScope: caller.callerScope, requestId, act };
      const { tenant, replayed } = await tenants.createTenant(input, asker);
      return { tenant: toProtoTenant(tenant), replayed };
    },
    getTenant: async (request, { caller }) => {
      const { tenantId } = await directory.requireTenant(fromProtoGetTenant(request), caller.visibility);
      return { tenant: toProtoTenant(await tenantLife.load(tenantId)) };
    },
  };
}

function createChangers({
  tenantLife,
  directory,
}: TenantHandlerParts): Pick<TenantHandlers, 'updateTenant' | 'closeTenant' | 'setTenantSuspension'> {
  return {
    updateTenant: async (request, call) => {
      const { requestId, tenantId, change } = fromProtoUpdateTenant(request);
      await directory.requireTenant(tenantId, call.caller.visibility);
      const act = adminActOf(call, 'TenantService/UpdateTenant');
      const identity = identityOf(call, 'update_tenant', requestId, fingerprintOfUpdate(tenantId, change));
      const { workspace, replayed } = await tenantLife.update(tenantId, change, act, identity);
      return { tenant: toProtoTenant(workspace), replayed };
    },
    closeTenant: async (request, call) => {
      const { tenantId, operator } = fromProtoCloseTenant(request, call.caller.scope);
      await directory.requireTenant(tenantId, call.caller.visibility);
      const method = 'TenantService/CloseTenant';
      const operatorAct = operator && operatorActOf(call, operator, freshIdentity(method, tenantId));
      return {
        tenant: toProtoTenant(await tenantLife.close(tenantId, adminActOf(call, method, operator), operatorAct)),
      };
    },
    setTenantSuspension: async (request, call) => {
      const { tenantId, suspended, operator } = fromProtoSetSuspension(request);
      await directory.requireTenant(tenantId, call.caller.visibility);
      const method = 'TenantService/SetTenantSuspension';
      const operatorAct = operatorActOf(call, operator, freshIdentity(method, tenantId));
      const act = actOf(call, method, operator);
      return { tenant: toProtoTenant(await tenantLife.setSuspension(tenantId, suspended, act, operatorAct)) };
    },
  };
}

function createLists({
  tenantLife,
  directory,
}: TenantHandlerParts): Pick<TenantHandlers, 'listTenants' | 'listWorkspaceRecords'> {
  return {
    listTenants: async (request) => {
      const { filter, pageSize, pageToken } = fromProtoListTenants(request);
      const { items, nextPageToken } = await tenantLife.list(filter, pageSize, pageToken);
      return { tenants: items.map(toProtoTenant), nextPageToken };
    },
    listWorkspaceRecords: async (request, { caller }) => {
      const { tenantId, filter, pageSize, pageToken } = fromProtoListRecords(request);
      await directory.requireTenant(tenantId, caller.visibility);
      const { items, nextPageToken } = await tenantLife.listRecords(tenantId, filter, pageSize, pageToken);
      return { records: items.map(toProtoWorkspaceRecord), nextPageToken };
    },
  };
}

/** What has no request id of its own is one write each time that it changes something. */
function freshIdentity(method: string, tenantId: TenantId): ActIdentity {
  const requestId = newUuid();
  const key = `act:${method}:${requestId}` as IdempotencyKey;
  return { key, requestId, fingerprint: computeFingerprint([method, tenantId, requestId]) };
}
