// Owns who may call what: one table, as data. Does not own how a caller is known (interceptors/authentication.ts) or
// which tenants it sees (app/tenant/tenant-directory.ts).
// Invariant: every method of every served service stands here; a method without a line does not compile.

import { CatalogAdminServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import { CatalogServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { CatalogSyncServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import { HoldServiceService } from '../../gen/wheelhouse/ledger/v1/hold_service.ts';
import { LedgerAuditServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { LedgerStreamServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { UsageServiceService } from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { OperatorServiceService } from '../../gen/wheelhouse/operator/v1/operator_service.ts';
import { WebhookServiceService } from '../../gen/wheelhouse/operator/v1/webhook_service.ts';
import { TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';

/** The services that this kernel serves, beside health and reflection. */
export const SERVED_SERVICES = {
  'wheelhouse.catalog.v1.CatalogService': CatalogServiceService,
  'wheelhouse.catalog.v1.CatalogAdminService': CatalogAdminServiceService,
  'wheelhouse.catalog.v1.CatalogSyncService': CatalogSyncServiceService,
  'wheelhouse.tenant.v1.TenantService': TenantServiceService,
  'wheelhouse.ledger.v1.LedgerService': LedgerServiceService,
  'wheelhouse.ledger.v1.HoldService': HoldServiceService,
  'wheelhouse.ledger.v1.LedgerStreamService': LedgerStreamServiceService,
  'wheelhouse.ledger.v1.LedgerAuditService': LedgerAuditServiceService,
  'wheelhouse.ledger.v1.UsageService': UsageServiceService,
  'wheelhouse.operator.v1.OperatorService': OperatorServiceService,
  'wheelhouse.operator.v1.WebhookService': WebhookServiceService,
} as const;

type ServedServices = typeof SERVED_SERVICES;
type PathOf<Service> = {
  [Name in keyof Service]: Service[Name] extends { path: infer Path } ? Path : never;
}[keyof Service];

/** The path of one served method, such as `/wheelhouse.ledger.v1.LedgerService/Debit`. */
export type MethodPath = { [Name in keyof ServedServices]: PathOf<ServedServices[Name]> }[keyof ServedServices];

type StreamPathOf<Service> = {
  [Name in keyof Service]: Service[Name] extends { path: infer Path; responseStream: true } ? Path : never;
}[keyof Service];

/** The path of one served method that answers with a stream. */
export type StreamPath = { [Name in keyof ServedServices]: StreamPathOf<ServedServices[Name]> }[keyof ServedServices];

/** What a person can be in a workspace, highest first; each includes the ones after it. */
export const ROLES = ['tenant_admin', 'project_contributor', 'project_viewer'] as const;
export type Role = (typeof ROLES)[number];

/** What the person behind a BFF must be. */
export type PersonRequirement =
  /** No BFF may call this. */
  | 'nobody'
  /** Anyone who is signed in. */
  | 'signed_in'
  /** A contributor, or someone signed in who names no workspace: a person who chooses a plan for the first one. */
  | 'contributor_or_newcomer'
  | Role;

/** Who may call one method. */
export interface MethodAccess {
  readonly person: PersonRequirement;
  readonly internal: boolean;
  readonly sysadmin: boolean;
  /** Says that the method changes something: what a deadline cuts off may still happen then. */
  readonly writes: boolean;
}

/** Who may call what. */
export const ACCESS: Readonly<Record<MethodPath, MethodAccess>> = {
  '/wheelhouse.catalog.v1.CatalogService/ListPlans': read('contributor_or_newcomer', { internal: false }),
  '/wheelhouse.catalog.v1.CatalogService/GetActionPricing': read('project_contributor'),
  '/wheelhouse.catalog.v1.CatalogService/SetActionPrice': write({ sysadmin: true }),
  '/wheelhouse.catalog.v1.CatalogAdminService/RegisterProduct': write({ sysadmin: true }),
  '/wheelhouse.catalog.v1.CatalogAdminService/UpdateProduct': write({ sysadmin: true }),
  '/wheelhouse.catalog.v1.CatalogAdminService/GetProduct': read('nobody', { internal: false }),
  '/wheelhouse.catalog.v1.CatalogAdminService/ListProducts': read('nobody', { internal: false }),
  '/wheelhouse.catalog.v1.CatalogAdminService/UpsertPlan': write({ sysadmin: true }),
  '/wheelhouse.catalog.v1.CatalogAdminService/GetPlanPolicy': read('nobody', { internal: false }),
  '/wheelhouse.catalog.v1.CatalogAdminService/ListPlanPolicies': read('nobody', { internal: false }),
  '/wheelhouse.catalog.v1.CatalogAdminService/UpsertPlanPolicy': write({ sysadmin: true }),
  '/wheelhouse.catalog.v1.CatalogAdminService/ListActionPrices': read('nobody', { internal: false }),
  '/wheelhouse.catalog.v1.CatalogSyncService/SyncCatalog': write({ sysadmin: true }),
  '/wheelhouse.tenant.v1.TenantService/CreateTenant': write({ person: 'signed_in', sysadmin: true }),
  '/wheelhouse.tenant.v1.TenantService/GetTenant': read('project_viewer'),
  '/wheelhouse.ledger.v1.LedgerService/GetBalance': read('project_contributor'),
  '/wheelhouse.ledger.v1.LedgerService/CheckFunds': read('project_contributor'),
  '/wheelhouse.ledger.v1.LedgerService/Debit': write({ internal: true }),
  '/wheelhouse.ledger.v1.LedgerService/BatchDebit': write({ internal: true }),
  '/wheelhouse.ledger.v1.LedgerService/Grant': write({ sysadmin: true }),
  '/wheelhouse.ledger.v1.LedgerService/Adjust': write({ sysadmin: true }),
  '/wheelhouse.ledger.v1.LedgerService/ListEntries': read('project_contributor'),
  '/wheelhouse.ledger.v1.HoldService/Reserve': write({ internal: true }),
  '/wheelhouse.ledger.v1.HoldService/Extend': write({ internal: true }),
  '/wheelhouse.ledger.v1.HoldService/Settle': write({ internal: true }),
  '/wheelhouse.ledger.v1.HoldService/Release': write({ internal: true }),
  '/wheelhouse.ledger.v1.HoldService/ListHolds': read('project_contributor'),
  '/wheelhouse.ledger.v1.LedgerStreamService/StreamDebits': write({ internal: true }),
  '/wheelhouse.ledger.v1.LedgerStreamService/WatchBalance': read('project_contributor'),
  '/wheelhouse.ledger.v1.LedgerAuditService/ReverseEntry': write({ sysadmin: true }),
  '/wheelhouse.ledger.v1.LedgerAuditService/RedactEntry': write({ sysadmin: true }),
  '/wheelhouse.ledger.v1.LedgerAuditService/VerifyLedger': read('nobody', { internal: false }),
  '/wheelhouse.ledger.v1.LedgerAuditService/ExportAccount': read('nobody', { internal: false }),
  '/wheelhouse.ledger.v1.LedgerAuditService/ExportHeads': read('nobody', { internal: false }),
  '/wheelhouse.ledger.v1.UsageService/GetUsageSummary': read('project_contributor'),
  '/wheelhouse.ledger.v1.UsageService/ExplainEntry': read('project_contributor'),
  '/wheelhouse.operator.v1.OperatorService/ListKillSwitches': read('nobody', { internal: false }),
  '/wheelhouse.operator.v1.OperatorService/SetKillSwitch': write({ sysadmin: true }),
  '/wheelhouse.operator.v1.OperatorService/ListAuditRecords': read('nobody', { internal: false }),
  '/wheelhouse.operator.v1.WebhookService/ListWebhookEvents': read('nobody', { internal: false }),
  '/wheelhouse.operator.v1.WebhookService/RedriveWebhookEvent': write({ sysadmin: true }),
};

function read(person: PersonRequirement, { internal = true }: { readonly internal?: boolean } = {}): MethodAccess {
  return { person, internal, sysadmin: true, writes: false };
}

function write(who: Partial<Omit<MethodAccess, 'writes'>>): MethodAccess {
  return { person: 'nobody', internal: false, sysadmin: false, ...who, writes: true };
}

/** The paths of all served methods. */
export const METHOD_PATHS = Object.keys(ACCESS) as readonly MethodPath[];

/** Says whether a path is a method of ours, and not of health or reflection. */
export function isServedMethod(path: string): path is MethodPath {
  return Object.hasOwn(ACCESS, path);
}

/** Shortens a path to what credentials name, such as `LedgerService/Debit`. */
export function shortMethodName(path: MethodPath): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** The short names of the methods that an internal service may be allowed to call. */
export const INTERNAL_METHODS: ReadonlySet<string> = new Set(
  METHOD_PATHS.filter((path) => ACCESS[path].internal).map(shortMethodName),
);
