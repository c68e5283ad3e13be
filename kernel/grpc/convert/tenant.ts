// Owns the translation between the tenants' contract and what the use cases know.

import { type Tenant as TenantMessage, TenantStatus } from '../../../gen/wheelhouse/tenant/v1/tenant.ts';
import type { CreateTenantRequest, GetTenantRequest } from '../../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import type { Tenant } from '../../app/tenant/ports.ts';
import type { PlanCode, TenantId } from '../../domain/id.ts';
import type { Caller } from '../caller.ts';
import { FieldCheck, ID_LENGTH_MAX } from './field-check.ts';
import { REASON_LENGTH_MAX } from './operator.ts';

const DISPLAY_NAME_LENGTH_MAX = 100;

/** A checked request for a new tenant; the product is as it was asked for, and not yet judged. */
export interface CreateTenantQuery {
  readonly requestId: string;
  readonly productCode: string;
  readonly displayName: string;
  readonly planCode: PlanCode | undefined;
  readonly actor: string | undefined;
  readonly reason: string | undefined;
}

/** Checks a request for a new tenant, by who makes it. Throws DomainError INVALID_FIELD. */
export function fromProtoCreateTenant(request: CreateTenantRequest, scope: Caller['scope']): CreateTenantQuery {
  const check = new FieldCheck();
  const isOperator = scope === 'sysadmin';
  const code = { required: false, lengthMax: ID_LENGTH_MAX };
  const planCode = check.text('plan_code', request.planCode, code);
  const query = {
    requestId: check.requestId(request.requestId),
    productCode: check.text('product_code', request.productCode, { ...code, required: isOperator }),
    displayName: check.text('display_name', request.displayName, {
      required: true,
      lengthMax: DISPLAY_NAME_LENGTH_MAX,
    }),
    planCode: planCode === '' ? undefined : (planCode as PlanCode),
    actor: isOperator ? check.id('actor', request.actor, true) : undefined,
    reason: isOperator
      ? check.text('reason', request.reason, { required: true, lengthMax: REASON_LENGTH_MAX })
      : undefined,
  };
  if (!isOperator) {
    check.absent('actor', request.actor, 'only an operator names one');
    check.absent('reason', request.reason, 'only an operator gives one');
  }
  check.assertValid();
  return query;
}

/** Checks a request for a tenant. Throws DomainError INVALID_FIELD. */
export function fromProtoGetTenant(request: GetTenantRequest): TenantId {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  check.assertValid();
  return tenantId;
}

export function toProtoTenant(tenant: Tenant): TenantMessage {
  return {
    tenantId: tenant.tenantId,
    productCode: tenant.productCode,
    displayName: tenant.displayName,
    planCode: tenant.planCode,
    status: TenantStatus.ACTIVE,
    createTime: new Date(tenant.createdAt),
  };
}
