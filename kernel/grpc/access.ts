// Owns who may call what: one table, as data. Does not own how a caller is known (interceptors/authentication.ts) or
// which tenants it sees (app/tenant/tenant-directory.ts).
// Invariant: every method of every served service stands here; a method without a line does not compile.

import { AlertEndpointServiceService } from '../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import { AlertServiceService } from '../../gen/wheelhouse/alert/v1/alert_service.ts';
import { CatalogAdminServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import { CatalogServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { CatalogSyncServiceService } from '../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import { HoldServiceService } from '../../gen/wheelhouse/ledger/v1/hold_service.ts';
import { LedgerAuditServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_audit_service.ts';
import { LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { LedgerStreamServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_stream_service.ts';
import { UsageServiceService } from '../../gen/wheelhouse/ledger/v1/usage_service.ts';
import { MailServiceService } from '../../gen/wheelhouse/operator/v1/mail_service.ts';
import { OperatorServiceService } from '../../gen/wheelhouse/operator/v1/operator_service.ts';
import { ReconciliationServiceService } from '../../gen/wheelhouse/operator/v1/reconciliation_service.ts';
import { WebhookServiceService } from '../../gen/wheelhouse/operator/v1/webhook_service.ts';
import { PaymentHistoryServiceService } from '../../gen/wheelhouse/payment/v1/payment_history_service.ts';
import { PaymentMethodServiceService } from '../../gen/wheelhouse/payment/v1/payment_method_service.ts';
import { TopUpServiceService } from '../../gen/wheelhouse/payment/v1/top_up_service.ts';
import { PromotionAdminServiceService } from '../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import { PromotionServiceService } from '../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { SubscriptionServiceService } from '../../gen/wheelhouse/subscription/v1/subscription_service.ts';
import { TrialServiceService } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { AccessTokenServiceService } from '../../gen/wheelhouse/tenant/v1/access_token_service.ts';
import { InvitationServiceService } from '../../gen/wheelhouse/tenant/v1/invitation_service.ts';
import { MemberServiceService } from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import { ProjectServiceService } from '../../gen/wheelhouse/tenant/v1/project_service.ts';
import { SignupServiceService } from '../../gen/wheelhouse/tenant/v1/signup_service.ts';
import { TenantServiceService } from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { UserServiceService } from '../../gen/wheelhouse/tenant/v1/user_service.ts';
import type { Role } from '../domain/role.ts';

/** The services that this kernel serves, beside health and reflection. */
export const SERVED_SERVICES = {
  'wheelhouse.catalog.v1.CatalogService': CatalogServiceService,
  'wheelhouse.catalog.v1.CatalogAdminService': CatalogAdminServiceService,
  'wheelhouse.catalog.v1.CatalogSyncService': CatalogSyncServiceService,
  'wheelhouse.tenant.v1.TenantService': TenantServiceService,
  'wheelhouse.tenant.v1.UserService': UserServiceService,
  'wheelhouse.tenant.v1.MemberService': MemberServiceService,
  'wheelhouse.tenant.v1.InvitationService': InvitationServiceService,
  'wheelhouse.tenant.v1.ProjectService': ProjectServiceService,
  'wheelhouse.tenant.v1.AccessTokenService': AccessTokenServiceService,
  'wheelhouse.tenant.v1.SignupService': SignupServiceService,
  'wheelhouse.ledger.v1.LedgerService': LedgerServiceService,
  'wheelhouse.ledger.v1.HoldService': HoldServiceService,
  'wheelhouse.ledger.v1.LedgerStreamService': LedgerStreamServiceService,
  'wheelhouse.ledger.v1.LedgerAuditService': LedgerAuditServiceService,
  'wheelhouse.ledger.v1.UsageService': UsageServiceService,
  'wheelhouse.subscription.v1.TrialService': TrialServiceService,
  'wheelhouse.subscription.v1.SubscriptionService': SubscriptionServiceService,
  'wheelhouse.payment.v1.PaymentMethodService': PaymentMethodServiceService,
  'wheelhouse.payment.v1.TopUpService': TopUpServiceService,
  'wheelhouse.promotion.v1.PromotionService': PromotionServiceService,
  'wheelhouse.promotion.v1.PromotionAdminService': PromotionAdminServiceService,
  'wheelhouse.alert.v1.AlertService': AlertServiceService,
  'wheelhouse.alert.v1.AlertEndpointService': AlertEndpointServiceService,
  'wheelhouse.payment.v1.PaymentHistoryService': PaymentHistoryServiceService,
  'wheelhouse.operator.v1.OperatorService': OperatorServiceService,
  'wheelhouse.operator.v1.WebhookService': WebhookServiceService,
  'wheelhouse.operator.v1.MailService': MailServiceService,
  'wheelhouse.operator.v1.ReconciliationService': ReconciliationServiceService,
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

/** What the person behind a BFF must be. */
export type PersonRequirement =
  /** No BFF may call this. */
  | 'nobody'
  /** Anyone, also who is not signed in. */
  | 'anyone'
  /** Anyone who is signed in. */
  | 'signed_in'
  /** Whoever is in the workspace, with or without a role in a project. */
  | 'member'
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
  /** Says that an access token may not call it, only a person. */
  readonly personally?: boolean;
  /** Says that it may be called about a workspace that is suspended or closed although it writes. */
  readonly whenClosed?: boolean;
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
  '/wheelhouse.tenant.v1.TenantService/CreateTenant': write({ person: 'signed_in', sysadmin: true, personally: true }),
  '/wheelhouse.tenant.v1.TenantService/GetTenant': read('member'),
  '/wheelhouse.tenant.v1.TenantService/ListTenants': read('nobody', { internal: false }),
  '/wheelhouse.tenant.v1.TenantService/UpdateTenant': write({ person: 'tenant_admin' }),
  '/wheelhouse.tenant.v1.TenantService/CloseTenant': write({
    person: 'tenant_admin',
    sysadmin: true,
    whenClosed: true,
  }),
  '/wheelhouse.tenant.v1.TenantService/SetTenantSuspension': write({ sysadmin: true }),
  '/wheelhouse.tenant.v1.TenantService/ListWorkspaceRecords': read('tenant_admin', { internal: false }),
  '/wheelhouse.tenant.v1.UserService/GetMe': personal('signed_in'),
  '/wheelhouse.tenant.v1.UserService/ListMyWorkspaces': personal('signed_in'),
  '/wheelhouse.tenant.v1.MemberService/ListMembers': read('project_contributor', { internal: false }),
  '/wheelhouse.tenant.v1.MemberService/UpdateMember': write({ person: 'tenant_admin' }),
  '/wheelhouse.tenant.v1.MemberService/RemoveMember': write({ person: 'member' }),
  '/wheelhouse.tenant.v1.MemberService/PutMember': write({ sysadmin: true }),
  '/wheelhouse.tenant.v1.InvitationService/CreateInvitation': write({ person: 'tenant_admin' }),
  '/wheelhouse.tenant.v1.InvitationService/ListInvitations': read('tenant_admin', { internal: false }),
  '/wheelhouse.tenant.v1.InvitationService/RevokeInvitation': write({ person: 'tenant_admin' }),
  '/wheelhouse.tenant.v1.InvitationService/AcceptInvitation': write({ person: 'signed_in', personally: true }),
  '/wheelhouse.tenant.v1.ProjectService/CreateProject': write({ person: 'tenant_admin' }),
  '/wheelhouse.tenant.v1.ProjectService/ListProjects': read('member', { internal: false }),
  '/wheelhouse.tenant.v1.ProjectService/UpdateProject': write({ person: 'tenant_admin' }),
  '/wheelhouse.tenant.v1.AccessTokenService/CreateAccessToken': write({ person: 'member', personally: true }),
  '/wheelhouse.tenant.v1.AccessTokenService/ListAccessTokens': {
    ...{ person: 'member', personally: true, internal: false, sysadmin: false, writes: false },
  },
  '/wheelhouse.tenant.v1.AccessTokenService/RevokeAccessToken': write({
    ...{ person: 'member', personally: true, whenClosed: true },
  }),
  '/wheelhouse.tenant.v1.SignupService/StartSignup': write({ person: 'anyone' }),
  '/wheelhouse.tenant.v1.SignupService/ResendSignup': write({ person: 'anyone' }),
  '/wheelhouse.tenant.v1.SignupService/ConfirmSignup': write({ person: 'signed_in', personally: true }),
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
  '/wheelhouse.ledger.v1.UsageService/GetUsageSummary': read('project_viewer'),
  '/wheelhouse.ledger.v1.UsageService/ListUsageDimensions': read('project_viewer'),
  '/wheelhouse.ledger.v1.UsageService/ReportRun': write({ internal: true }),
  '/wheelhouse.ledger.v1.UsageService/ExplainEntry': read('project_contributor'),
  '/wheelhouse.subscription.v1.TrialService/StartTrial': write({ person: 'tenant_admin', sysadmin: true }),
  '/wheelhouse.subscription.v1.TrialService/GetTrial': read('project_contributor'),
  '/wheelhouse.subscription.v1.TrialService/CancelTrial': write({ person: 'tenant_admin', sysadmin: true }),
  '/wheelhouse.subscription.v1.SubscriptionService/GetSubscription': read('project_contributor'),
  '/wheelhouse.subscription.v1.SubscriptionService/PreviewPlanChange': read('tenant_admin', { internal: false }),
  '/wheelhouse.subscription.v1.SubscriptionService/ActivateSubscription': write({ person: 'tenant_admin' }),
  '/wheelhouse.subscription.v1.SubscriptionService/ChangePlan': write({ person: 'tenant_admin' }),
  '/wheelhouse.subscription.v1.SubscriptionService/CancelSubscription': write({
    person: 'tenant_admin',
    sysadmin: true,
  }),
  '/wheelhouse.subscription.v1.SubscriptionService/ResumeSubscription': write({ person: 'tenant_admin' }),
  '/wheelhouse.subscription.v1.SubscriptionService/ConvertTrialNow': write({ person: 'tenant_admin' }),
  '/wheelhouse.subscription.v1.SubscriptionService/ProvisionContract': write({ sysadmin: true }),
  '/wheelhouse.subscription.v1.SubscriptionService/RefreshSubscription': write({
    person: 'tenant_admin',
    whenClosed: true,
  }),
  '/wheelhouse.payment.v1.PaymentMethodService/StartSetup': write({ person: 'tenant_admin' }),
  '/wheelhouse.payment.v1.PaymentMethodService/ListPaymentMethods': read('tenant_admin', { internal: false }),
  '/wheelhouse.payment.v1.PaymentMethodService/SetDefaultPaymentMethod': write({ person: 'tenant_admin' }),
  '/wheelhouse.payment.v1.PaymentMethodService/OpenPortal': write({ person: 'tenant_admin' }),
  '/wheelhouse.payment.v1.TopUpService/ListTopUpPackages': read('project_contributor', { internal: false }),
  '/wheelhouse.payment.v1.TopUpService/CreateTopUp': write({ person: 'tenant_admin' }),
  '/wheelhouse.payment.v1.TopUpService/GetTopUp': read('tenant_admin', { internal: false }),
  '/wheelhouse.payment.v1.TopUpService/ListTopUps': read('tenant_admin', { internal: false }),
  '/wheelhouse.payment.v1.TopUpService/CancelTopUp': write({ person: 'tenant_admin', sysadmin: true }),
  '/wheelhouse.payment.v1.TopUpService/GetAutoTopUp': read('tenant_admin', { internal: false }),
  '/wheelhouse.payment.v1.TopUpService/SetAutoTopUp': write({ person: 'tenant_admin' }),
  '/wheelhouse.promotion.v1.PromotionService/ApplyCode': write({ person: 'tenant_admin' }),
  '/wheelhouse.promotion.v1.PromotionService/ValidateDiscount': {
    ...{ person: 'tenant_admin', internal: false, sysadmin: false, writes: false },
  },
  '/wheelhouse.promotion.v1.PromotionAdminService/CreatePromotion': write({ sysadmin: true }),
  '/wheelhouse.promotion.v1.PromotionAdminService/RevokePromotion': write({ sysadmin: true }),
  '/wheelhouse.promotion.v1.PromotionAdminService/GetPromotion': read('nobody', { internal: false }),
  '/wheelhouse.promotion.v1.PromotionAdminService/ListPromotions': read('nobody', { internal: false }),
  '/wheelhouse.alert.v1.AlertService/ListThresholds': read('tenant_admin'),
  '/wheelhouse.alert.v1.AlertService/SetThresholds': write({ person: 'tenant_admin' }),
  '/wheelhouse.alert.v1.AlertService/ListEvents': read('tenant_admin'),
  '/wheelhouse.alert.v1.AlertService/WatchEvents': read('nobody'),
  '/wheelhouse.alert.v1.AlertEndpointService/CreateEndpoint': write({ person: 'tenant_admin' }),
  '/wheelhouse.alert.v1.AlertEndpointService/ListEndpoints': read('tenant_admin', { internal: false }),
  '/wheelhouse.alert.v1.AlertEndpointService/UpdateEndpoint': write({ person: 'tenant_admin' }),
  '/wheelhouse.alert.v1.AlertEndpointService/RotateEndpointSecret': write({ person: 'tenant_admin' }),
  '/wheelhouse.alert.v1.AlertEndpointService/DeleteEndpoint': write({ person: 'tenant_admin' }),
  '/wheelhouse.alert.v1.AlertEndpointService/SendTestEvent': write({ person: 'tenant_admin' }),
  '/wheelhouse.alert.v1.AlertEndpointService/ListDeliveries': read('tenant_admin', { internal: false }),
  '/wheelhouse.alert.v1.AlertEndpointService/ResendDelivery': write({ person: 'tenant_admin' }),
  '/wheelhouse.payment.v1.PaymentHistoryService/ListPayments': read('tenant_admin', { internal: false }),
  '/wheelhouse.operator.v1.OperatorService/ListKillSwitches': read('nobody', { internal: false }),
  '/wheelhouse.operator.v1.OperatorService/SetKillSwitch': write({ sysadmin: true }),
  '/wheelhouse.operator.v1.OperatorService/ListAuditRecords': read('nobody', { internal: false }),
  '/wheelhouse.operator.v1.WebhookService/ListWebhookEvents': read('nobody', { internal: false }),
  '/wheelhouse.operator.v1.WebhookService/RedriveWebhookEvent': write({ sysadmin: true }),
  '/wheelhouse.operator.v1.MailService/ListMails': read('nobody', { internal: false }),
  '/wheelhouse.operator.v1.MailService/RedriveMail': write({ sysadmin: true }),
  '/wheelhouse.operator.v1.ReconciliationService/VerifyStripe': read('nobody', { internal: false }),
  '/wheelhouse.operator.v1.ReconciliationService/RefreshWorkspace': write({ sysadmin: true }),
};

function read(person: PersonRequirement, { internal = true }: { readonly internal?: boolean } = {}): MethodAccess {
  return { person, internal, sysadmin: true, writes: false };
}

/** Reads what belongs to the person who calls. */
function personal(person: PersonRequirement): MethodAccess {
  return { person, internal: false, sysadmin: false, writes: false };
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
