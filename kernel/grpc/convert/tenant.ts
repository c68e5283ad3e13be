// Owns the translation between the workspaces' contract and what the use cases know.

import { type Tenant as TenantMessage, TenantStatus } from '../../../gen/wheelhouse/tenant/v1/tenant.ts';
import type {
  CloseTenantRequest,
  CreateTenantRequest,
  GetTenantRequest,
  ListTenantsRequest,
  ListWorkspaceRecordsRequest,
  SetTenantSuspensionRequest,
  UpdateTenantRequest,
} from '../../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import type { WorkspaceRecord as WorkspaceRecordMessage } from '../../../gen/wheelhouse/tenant/v1/workspace_log.ts';
import type { Tenant, TenantFilter, WorkspaceRecord, WorkspaceRecordFilter } from '../../app/tenant/ports.ts';
import type { TenantChange } from '../../app/tenant/tenant-life.ts';
import type { PlanCode, ProductCode, TenantId, UserId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { isSlug, SLUG_RULE } from '../../domain/slug.ts';
import type { WorkspaceStatus } from '../../domain/workspace.ts';
import type { Caller } from '../caller.ts';
import { FieldCheck, ID_LENGTH_MAX, quote } from './field-check.ts';
import { checkOperator } from './operator.ts';

const DISPLAY_NAME_LENGTH_MAX = 100;
const PAGE_SIZE_DEFAULT = 50;
const PEOPLE_PAGE_SIZE_MAX = 200;

const STATUS_MESSAGES: Readonly<Record<WorkspaceStatus, TenantStatus>> = {
  active: TenantStatus.ACTIVE,
  suspended: TenantStatus.SUSPENDED,
  closed: TenantStatus.CLOSED,
};
const STATUSES = ['active', 'suspended', 'closed'] as const;

/** A checked request for a new workspace; the product is as it was asked for, and not yet judged. */
export interface CreateTenantQuery {
  readonly requestId: string;
  readonly productCode: string;
  readonly displayName: string;
  readonly planCode: PlanCode | undefined;
  readonly slug: string | undefined;
  readonly operator: { readonly actor: string; readonly reason: string } | undefined;
}

/** Who does something as an operator, and why; undefined for a person. */
export type StatedOperator = { readonly actor: string; readonly reason: string } | undefined;

/** A page of a list, as it is asked for. */
export interface PageQuery {
  readonly pageSize: number;
  readonly pageToken: string;
}

/** Checks which page of a list is asked for. */
export function checkPage(
  check: FieldCheck,
  request: { readonly pageSize: number; readonly pageToken: string },
): PageQuery {
  const pageSize = Math.min(check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT), PEOPLE_PAGE_SIZE_MAX);
  return { pageSize, pageToken: check.pageToken(request.pageToken) };
}

/** Checks the name of a workspace or project. */
export function checkDisplayName(check: FieldCheck, value: string): string {
  return check.text('display_name', value, { required: true, lengthMax: DISPLAY_NAME_LENGTH_MAX });
}

/** Checks who does something, by who calls: operators say it, people don't. */
export function checkStatedOperator(
  check: FieldCheck,
  request: { readonly actor: string; readonly reason: string },
  scope: Caller['scope'],
): StatedOperator {
  if (scope === 'sysadmin') return checkOperator(check, request);
  check.absent('actor', request.actor, 'only an operator names one');
  check.absent('reason', request.reason, 'only an operator gives one');
  return undefined;
}

/** Checks a request for a new workspace, by who makes it. Throws DomainError INVALID_FIELD. */
export function fromProtoCreateTenant(request: CreateTenantRequest, scope: Caller['scope']): CreateTenantQuery {
  const check = new FieldCheck();
  const code = { required: false, lengthMax: ID_LENGTH_MAX };
  const planCode = check.text('plan_code', request.planCode, code);
  const query = {
    requestId: check.requestId(request.requestId),
    productCode: check.text('product_code', request.productCode, { ...code, required: scope === 'sysadmin' }),
    displayName: checkDisplayName(check, request.displayName),
    planCode: planCode === '' ? undefined : (planCode as PlanCode),
    slug: request.slug === '' ? undefined : checkSlug(check, request.slug),
    operator: checkStatedOperator(check, request, scope),
  };
  check.assertValid();
  return query;
}

function checkSlug(check: FieldCheck, slug: string): string {
  if (!isSlug(slug)) check.refuse('slug', `${SLUG_RULE}, got ${quote(slug)}`);
  return slug;
}

/** Checks a request for a workspace. Throws DomainError INVALID_FIELD. */
export function fromProtoGetTenant(request: GetTenantRequest): TenantId {
  const check = new FieldCheck();
  const tenantId = check.tenantId(request.tenantId);
  check.assertValid();
  return tenantId;
}

/** Checks a request to change a workspace. Throws DomainError INVALID_FIELD. */
export function fromProtoUpdateTenant(request: UpdateTenantRequest): {
  readonly requestId: string;
  readonly tenantId: TenantId;
  readonly change: TenantChange;
} {
  const check = new FieldCheck();
  const { displayName, slug, ownerUserId } = request;
  const query = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    change: present({
      displayName: displayName === undefined ? undefined : checkDisplayName(check, displayName),
      slug: slug === undefined ? undefined : checkSlug(check, slug),
      ownerUserId: ownerUserId === undefined ? undefined : (check.id('owner_user_id', ownerUserId, true) as UserId),
    }),
  };
  if (Object.keys(query.change).length === 0) {
    check.refuse('display_name', 'or another field must be set: nothing is to be changed');
  }
  check.assertValid();
  return query;
}

/** Checks a request to close a workspace. Throws DomainError INVALID_FIELD. */
export function fromProtoCloseTenant(request: CloseTenantRequest, scope: Caller['scope']) {
  const check = new FieldCheck();
  const query = { tenantId: check.tenantId(request.tenantId), operator: checkStatedOperator(check, request, scope) };
  check.assertValid();
  return query;
}

/** Checks a request to suspend a workspace, or let it go on. Throws DomainError INVALID_FIELD. */
export function fromProtoSetSuspension(request: SetTenantSuspensionRequest) {
  const check = new FieldCheck();
  const { suspended } = request;
  if (suspended === undefined) check.refuse('suspended', 'is required');
  const query = {
    tenantId: check.tenantId(request.tenantId),
    suspended: suspended ?? false,
    operator: checkOperator(check, request),
  };
  check.assertValid();
  return query;
}

/** Checks a request for workspaces. Throws DomainError INVALID_FIELD. */
export function fromProtoListTenants(request: ListTenantsRequest): PageQuery & { readonly filter: TenantFilter } {
  const check = new FieldCheck();
  const productCode = check.optionalId('product_code', request.productCode) as ProductCode | undefined;
  const status = STATUSES.find((candidate) => STATUS_MESSAGES[candidate] === request.status);
  if (status === undefined && request.status !== TenantStatus.UNSPECIFIED) {
    check.refuse('status', `is not a status, got ${request.status}`);
  }
  const query = { filter: present({ productCode, status }), ...checkPage(check, request) };
  check.assertValid();
  return query;
}

/** Checks a request for the log of a workspace. Throws DomainError INVALID_FIELD. */
export function fromProtoListRecords(
  request: ListWorkspaceRecordsRequest,
): PageQuery & { readonly tenantId: TenantId; readonly filter: WorkspaceRecordFilter } {
  const check = new FieldCheck();
  const query = {
    tenantId: check.tenantId(request.tenantId),
    filter: present({
      method: check.optionalId('method', request.method),
      startAt: check.instant('start_time', request.startTime),
      endAt: check.instant('end_time', request.endTime),
    }),
    ...checkPage(check, request),
  };
  check.assertValid();
  return query;
}

export function toProtoTenant(tenant: Tenant): TenantMessage {
  return {
    tenantId: tenant.tenantId,
    productCode: tenant.productCode,
    displayName: tenant.displayName,
    planCode: tenant.planCode,
    status: STATUS_MESSAGES[tenant.status],
    createTime: new Date(tenant.createdAt),
    slug: tenant.slug ?? '',
    ownerUserId: tenant.ownerUserId ?? '',
    closeTime: tenant.closedAt === undefined ? undefined : new Date(tenant.closedAt),
  };
}

export function toProtoWorkspaceRecord(record: WorkspaceRecord): WorkspaceRecordMessage {
  return {
    recordId: record.recordId,
    createTime: new Date(record.createdAt),
    method: record.method,
    actor: record.actor,
    accessTokenId: record.accessTokenId ?? '',
    remoteAddress: record.remoteAddress ?? '',
    requestId: record.requestId,
    subjectId: record.subjectId ?? '',
    changes: record.changes.map((change) => ({ ...change })),
  };
}
