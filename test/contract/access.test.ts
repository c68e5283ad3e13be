// Who may call what: the access table against the contracts, and every RPC with every kind of credential.

import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
import { ACCESS, METHOD_PATHS, type MethodPath } from '../../kernel/grpc/access.ts';
import { admitPeople, type Callers, callersOf, newcomer, PERSON, personIn, putMember } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type AnyMethod, callForFirstAnswer } from './support/first-answer.ts';
import { type KernelFixture, openKernel } from './support/kernel-fixture.ts';

const ROLES = ['tenant_admin', 'project_contributor', 'project_viewer'];
const SERVED = {
  ...CatalogServiceService,
  ...TenantServiceService,
  ...UserServiceService,
  ...MemberServiceService,
  ...InvitationServiceService,
  ...ProjectServiceService,
  ...LedgerServiceService,
  ...HoldServiceService,
  ...LedgerStreamServiceService,
  ...LedgerAuditServiceService,
  ...UsageServiceService,
  ...CatalogAdminServiceService,
  ...OperatorServiceService,
  ...CatalogSyncServiceService,
  ...WebhookServiceService,
  ...TrialServiceService,
  ...SubscriptionServiceService,
  ...PaymentMethodServiceService,
  ...AlertServiceService,
  ...AlertEndpointServiceService,
  ...PromotionServiceService,
  ...PromotionAdminServiceService,
  ...PaymentHistoryServiceService,
  ...TopUpServiceService,
  ...MailServiceService,
  ...ReconciliationServiceService,
  ...AccessTokenServiceService,
  ...SignupServiceService,
};
/** What a request must say beside its tenant before anybody looks for that. */
const REQUIRED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '/wheelhouse.tenant.v1.TenantService/UpdateTenant': { requestId: 'r', displayName: 'Other' },
  '/wheelhouse.tenant.v1.MemberService/UpdateMember': { requestId: 'r', userId: 'usr_x' },
  '/wheelhouse.tenant.v1.MemberService/RemoveMember': { requestId: 'r', userId: 'usr_x' },
  '/wheelhouse.tenant.v1.InvitationService/CreateInvitation': { requestId: 'r', email: 'a@example.com' },
  '/wheelhouse.tenant.v1.InvitationService/RevokeInvitation': { invitationId: 'inv_x' },
  '/wheelhouse.tenant.v1.ProjectService/CreateProject': { requestId: 'r', displayName: 'Other' },
  '/wheelhouse.tenant.v1.ProjectService/UpdateProject': { requestId: 'r', projectId: 'prj_x', displayName: 'Other' },
  '/wheelhouse.tenant.v1.AccessTokenService/CreateAccessToken': { requestId: 'r', displayName: 'x', role: 3 },
  '/wheelhouse.tenant.v1.AccessTokenService/RevokeAccessToken': { accessTokenId: 'pat_x' },
  '/wheelhouse.ledger.v1.UsageService/ExplainEntry': { entryId: 'ent_01890000-0000-7000-8000-000001000000' },
  '/wheelhouse.subscription.v1.TrialService/StartTrial': { requestId: 'r' },
  '/wheelhouse.subscription.v1.TrialService/CancelTrial': { requestId: 'r' },
  '/wheelhouse.subscription.v1.SubscriptionService/ActivateSubscription': { requestId: 'r', planCode: 'pro' },
  '/wheelhouse.subscription.v1.SubscriptionService/PreviewPlanChange': { planCode: 'pro' },
  '/wheelhouse.subscription.v1.SubscriptionService/ChangePlan': { requestId: 'r', planCode: 'pro' },
  '/wheelhouse.subscription.v1.SubscriptionService/CancelSubscription': { requestId: 'r' },
  '/wheelhouse.subscription.v1.SubscriptionService/ResumeSubscription': { requestId: 'r' },
  '/wheelhouse.subscription.v1.SubscriptionService/ConvertTrialNow': { requestId: 'r' },
  '/wheelhouse.payment.v1.PaymentMethodService/StartSetup': { requestId: 'r' },
  '/wheelhouse.payment.v1.PaymentMethodService/SetDefaultPaymentMethod': {
    requestId: 'r',
    stripePaymentMethodId: 'pm_x',
  },
  '/wheelhouse.payment.v1.PaymentMethodService/OpenPortal': { requestId: 'r' },
  '/wheelhouse.alert.v1.AlertService/SetThresholds': { requestId: 'r' },
  '/wheelhouse.alert.v1.AlertEndpointService/CreateEndpoint': { requestId: 'r', url: 'https://8.8.8.8/' },
  '/wheelhouse.alert.v1.AlertEndpointService/UpdateEndpoint': {
    ...{ requestId: 'r', endpointId: 'whe_x', url: 'https://8.8.8.8/' },
  },
  '/wheelhouse.alert.v1.AlertEndpointService/RotateEndpointSecret': { requestId: 'r', endpointId: 'whe_x' },
  '/wheelhouse.alert.v1.AlertEndpointService/DeleteEndpoint': { requestId: 'r', endpointId: 'whe_x' },
  '/wheelhouse.alert.v1.AlertEndpointService/SendTestEvent': { requestId: 'r', endpointId: 'whe_x' },
  '/wheelhouse.alert.v1.AlertEndpointService/ResendDelivery': { requestId: 'r', deliveryId: 'whd_x' },
  '/wheelhouse.promotion.v1.PromotionService/ApplyCode': { requestId: 'r', code: 'SPRING' },
  '/wheelhouse.promotion.v1.PromotionService/ValidateDiscount': { code: 'SPRING' },
  '/wheelhouse.payment.v1.TopUpService/CreateTopUp': {
    ...{ requestId: 'r', price: { minorUnits: 1_000n, currencyCode: 'usd' }, microcredits: 1n },
  },
  '/wheelhouse.payment.v1.TopUpService/GetTopUp': { topUpId: 'pay_x' },
  '/wheelhouse.payment.v1.TopUpService/CancelTopUp': { requestId: 'r', topUpId: 'pay_x' },
  '/wheelhouse.payment.v1.TopUpService/SetAutoTopUp': {
    ...{ requestId: 'r', price: { minorUnits: 1_000n, currencyCode: 'usd' }, microcredits: 1n },
    ...{ thresholdMicrocredits: 1n, monthlyLimitMinorUnits: 1_000n },
  },
  '/wheelhouse.ledger.v1.UsageService/GetUsageSummary': { startTime: new Date(0), endTime: new Date(3_600_000) },
  '/wheelhouse.ledger.v1.UsageService/ListUsageDimensions': { startTime: new Date(0), endTime: new Date(3_600_000) },
};

/** The smallest request of a method: every field empty. It is refused, if at all, by who calls and not by what. */
function emptyRequest(method: AnyMethod): unknown {
  return method.requestDeserialize(Buffer.alloc(0));
}

const METHODS = Object.values(SERVED).map((method): { path: MethodPath; method: AnyMethod } => ({
  path: method.path,
  // The table of all methods is walked; each is called with its own request type.
  method: method as unknown as AnyMethod,
}));

let kernel: KernelFixture;
let callers: Callers;
let tenantId: string;
let otherTenantId: string;
/** CloseTenant may close this one. */
let closableTenantId: string;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  tenantId = await callers.openTenant(1_000_000n);
  otherTenantId = await callers.openTenant(1_000_000n, 'otherproduct');
  closableTenantId = await callers.openTenant();
  for (const own of [tenantId, closableTenantId]) {
    await admitPeople(callers, own);
    await putMember(callers, own, 'member', {});
  }
});
afterAll(() => kernel.close());

/** The workspace that a method is tried on. */
function subjectOf({ method }: { method: AnyMethod }): string {
  return method.path.endsWith('/CloseTenant') ? closableTenantId : tenantId;
}

/** Calls with a request whose tenant is set, where it has one. */
async function reasonOf(
  token: string | undefined,
  entry: { method: AnyMethod },
  settings: { readonly metadata?: Readonly<Record<string, string>> } = {},
  tenant: string = subjectOf(entry),
  fields: Readonly<Record<string, unknown>> = {},
): Promise<{ reason: string; code: number; message: string }> {
  const { method } = entry;
  const request = emptyRequest(method);
  if (typeof request === 'object' && request !== null && 'tenantId' in request) {
    Object.assign(request, { tenantId: tenant, ...fields });
  }
  try {
    await callForFirstAnswer(method, request, { address: kernel.address, token, ...settings });
    return { reason: 'answered', code: status.OK, message: '' };
  } catch (error) {
    return failureOf(Promise.reject(error));
  }
}

/** What tells that a call got past the question who calls: it was answered, or its fields were looked at, or Stripe was missed. */
const ADMITTED = ['answered', 'INVALID_FIELD', 'STRIPE_OFF'];

describe('the access table', () => {
  test('has a line for every method of the services that the contracts call current, and no other', () => {
    expect([...METHOD_PATHS].sort()).toEqual(METHODS.map(({ path }) => path).sort());
  });

  test('grpc handlers are the only way in: every path is of a service in proto/', () => {
    for (const path of METHOD_PATHS) {
      const [, service = '', method = ''] = path.split('/');
      const [, noun = '', version = '', name = ''] = service.split('.');
      const file = `${name.replaceAll(/(?<!^)[A-Z]/g, (letter) => `_${letter}`).toLowerCase()}.proto`;
      const source = readFileSync(
        new URL(`../../proto/wheelhouse/${noun}/${version}/${file}`, import.meta.url),
        'utf8',
      );
      expect(source).toContain(`rpc ${method}(`);
    }
  });
});

describe.each(METHODS)('$path', (entry) => {
  const access = ACCESS[entry.path];

  test('without a credential: CREDENTIAL_INVALID', async () => {
    expect(await reasonOf(undefined, entry)).toMatchObject({
      reason: 'CREDENTIAL_INVALID',
      code: status.UNAUTHENTICATED,
    });
  });

  test('with a wrong credential: CREDENTIAL_INVALID', async () => {
    const wrong = `${kernel.tokens.internal}x`;
    expect(await reasonOf(wrong, entry)).toMatchObject({ reason: 'CREDENTIAL_INVALID', code: status.UNAUTHENTICATED });
  });

  test('by an internal service', async () => {
    const { reason } = await reasonOf(kernel.tokens.internal, entry);
    if (access.internal) expect(ADMITTED).toContain(reason);
    else expect(reason).toBe('SCOPE_DENIED');
  });

  test('by an internal service whose credential is for one method', async () => {
    const { reason } = await reasonOf(kernel.tokens.checker, entry);
    if (entry.path.endsWith('/CheckFunds')) expect(ADMITTED).toContain(reason);
    else expect(reason).toBe('SCOPE_DENIED');
  });

  test('by an operator', async () => {
    const { reason } = await reasonOf(kernel.tokens.sysadmin, entry);
    if (access.sysadmin) expect(ADMITTED).toContain(reason);
    else expect(reason).toBe('SCOPE_DENIED');
  });

  test('by an operator or internal service with a product header: PRODUCT_SCOPE_MISMATCH', async () => {
    const settings = { metadata: { 'x-product-code': 'agentruntime' } };
    const expected = (allowed: boolean) => (allowed ? 'PRODUCT_SCOPE_MISMATCH' : 'SCOPE_DENIED');
    expect((await reasonOf(kernel.tokens.sysadmin, entry, settings)).reason).toBe(expected(access.sysadmin));
    expect((await reasonOf(kernel.tokens.internal, entry, settings)).reason).toBe(expected(access.internal));
  });

  test('by a BFF without a product header, and with another product: PRODUCT_SCOPE_MISMATCH', async () => {
    const expected = access.person === 'nobody' ? 'SCOPE_DENIED' : 'PRODUCT_SCOPE_MISMATCH';
    const person = personIn(subjectOf(entry), 'tenant_admin').metadata;
    const { 'x-product-code': _, ...without } = person;
    expect((await reasonOf(kernel.tokens.agentruntime, entry, { metadata: without })).reason).toBe(expected);
    const other = { ...person, 'x-product-code': 'otherproduct' };
    expect((await reasonOf(kernel.tokens.agentruntime, entry, { metadata: other })).reason).toBe(expected);
  });

  test.each(ROLES)('by a person who is %s', async (role) => {
    const { reason } = await reasonOf(kernel.tokens.agentruntime, entry, personIn(subjectOf(entry), role));
    expect(ADMITTED.includes(reason) ? 'admitted' : reason).toBe(expectedForRole(entry.path, role));
  });

  test('by a person in the workspace without a role, by one who is not in it, and by one who names none', async () => {
    const { person } = access;
    const { agentruntime } = kernel.tokens;
    const member = await reasonOf(agentruntime, entry, personIn(subjectOf(entry), 'member'));
    const stranger = await reasonOf(agentruntime, entry, personIn(subjectOf(entry), 'stranger'));
    const nowhere = await reasonOf(agentruntime, entry, newcomer());
    const reasons = [member, stranger, nowhere].map(({ reason }) => (ADMITTED.includes(reason) ? 'admitted' : reason));
    expect(reasons).toEqual(
      EXPECTED_WITHOUT_ROLE[person] ?? ['ROLE_REQUIRED', 'TENANT_NOT_FOUND', 'WORKSPACE_REQUIRED'],
    );
  });

  test('by a BFF for nobody who is signed in', async () => {
    const settings = { metadata: { 'x-product-code': 'agentruntime' } };
    const { reason } = await reasonOf(kernel.tokens.agentruntime, entry, settings);
    if (access.person === 'anyone') expect(ADMITTED).toContain(reason);
    else expect(reason).toBe(access.person === 'nobody' ? 'SCOPE_DENIED' : 'ROLE_REQUIRED');
  });

  test('by a person of another product, about this tenant: it does not exist, in the same words', async () => {
    const request = emptyRequest(entry.method);
    if (access.person === 'nobody' || typeof request !== 'object' || request === null || !('tenantId' in request))
      return;
    const { otherproduct, agentruntime } = kernel.tokens;
    const fields = REQUIRED[entry.path];
    const admin = personIn(subjectOf(entry), 'tenant_admin', 'otherproduct');
    const foreign = await reasonOf(otherproduct, entry, admin, subjectOf(entry), fields);
    expect(foreign).toMatchObject({ reason: 'TENANT_NOT_FOUND', code: status.NOT_FOUND });
    const missing = 'ten_01890000-0000-7000-8000-00000000dead';
    const nowhere = personIn(missing, 'tenant_admin', 'otherproduct');
    const absent = await reasonOf(otherproduct, entry, nowhere, missing, fields);
    expect(absent.message.replaceAll(missing, '…')).toBe(foreign.message.replaceAll(subjectOf(entry), '…'));
    // Another workspace than the token's, of the same product and of another one.
    const own = personIn(subjectOf(entry), 'tenant_admin');
    expect((await reasonOf(agentruntime, entry, own, otherTenantId, fields)).reason).toBe('TENANT_NOT_FOUND');
    const second = await callers.openTenant();
    expect((await reasonOf(agentruntime, entry, own, second, fields)).reason).toBe('TENANT_NOT_FOUND');
  });
});

/** By what a method asks of a person: what a member without a role, a stranger and a newcomer are told. */
const EXPECTED_WITHOUT_ROLE: Readonly<Record<string, readonly string[]>> = {
  nobody: ['SCOPE_DENIED', 'SCOPE_DENIED', 'SCOPE_DENIED'],
  anyone: ['admitted', 'TENANT_NOT_FOUND', 'admitted'],
  signed_in: ['admitted', 'TENANT_NOT_FOUND', 'admitted'],
  contributor_or_newcomer: ['ROLE_REQUIRED', 'TENANT_NOT_FOUND', 'admitted'],
  member: ['admitted', 'TENANT_NOT_FOUND', 'WORKSPACE_REQUIRED'],
};

const FOR_NO_PERSON = [
  ...['Debit', 'BatchDebit', 'StreamDebits', 'Reserve', 'Extend', 'Settle', 'Release', 'ReportRun'],
  ...['Grant', 'Adjust', 'SetActionPrice', 'ReverseEntry', 'RedactEntry'],
  ...['VerifyLedger', 'ExportAccount', 'ExportHeads'],
  ...['RegisterProduct', 'UpdateProduct', 'GetProduct', 'ListProducts', 'UpsertPlan', 'ListActionPrices'],
  ...['GetPlanPolicy', 'ListPlanPolicies', 'UpsertPlanPolicy'],
  ...['ListKillSwitches', 'SetKillSwitch', 'ListAuditRecords'],
  ...['SyncCatalog', 'ListWebhookEvents', 'RedriveWebhookEvent', 'ListMails', 'RedriveMail'],
  ...['ListTenants', 'SetTenantSuspension', 'PutMember', 'ProvisionContract', 'WatchEvents'],
  ...['VerifyStripe', 'RefreshWorkspace'],
  ...['CreatePromotion', 'RevokePromotion', 'GetPromotion', 'ListPromotions'],
];

const FOR_EVERYBODY = [
  ...['GetTenant', 'CreateTenant', 'GetMe', 'ListMyWorkspaces', 'AcceptInvitation'],
  ...['RemoveMember', 'ListProjects', 'CreateAccessToken', 'ListAccessTokens', 'RevokeAccessToken'],
  ...['StartSignup', 'ResendSignup', 'ConfirmSignup'],
];

const FOR_VIEWERS = ['GetUsageSummary', 'ListUsageDimensions'];

const FOR_ADMINS = [
  ...['StartTrial', 'CancelTrial', 'UpdateTenant', 'CloseTenant', 'ListWorkspaceRecords', 'UpdateMember'],
  ...['CreateInvitation', 'ListInvitations', 'RevokeInvitation', 'CreateProject', 'UpdateProject'],
  ...['ActivateSubscription', 'PreviewPlanChange', 'ChangePlan', 'CancelSubscription', 'ResumeSubscription'],
  ...['ConvertTrialNow', 'RefreshSubscription'],
  ...['StartSetup', 'ListPaymentMethods', 'SetDefaultPaymentMethod', 'OpenPortal'],
  ...['ListThresholds', 'SetThresholds', 'ListEvents', 'CreateEndpoint', 'ListEndpoints', 'UpdateEndpoint'],
  ...['RotateEndpointSecret', 'DeleteEndpoint', 'SendTestEvent', 'ListDeliveries', 'ResendDelivery'],
  ...['ApplyCode', 'ValidateDiscount'],
  ...['CreateTopUp', 'GetTopUp', 'ListTopUps', 'CancelTopUp', 'ListPayments'],
  ...['GetAutoTopUp', 'SetAutoTopUp'],
];

/** The roles table of the plan, written out once more, so that a slip in the code's table shows. */
function expectedForRole(path: MethodPath, role: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (FOR_NO_PERSON.includes(name)) return 'SCOPE_DENIED';
  if (FOR_EVERYBODY.includes(name) || FOR_VIEWERS.includes(name)) return 'admitted';
  if (FOR_ADMINS.includes(name)) return role === 'tenant_admin' ? 'admitted' : 'ROLE_REQUIRED';
  return role === 'project_viewer' ? 'ROLE_REQUIRED' : 'admitted';
}

describe('credentials', () => {
  test.each([
    ['no bearer scheme', 'Basic abc'],
    ['an empty token', 'Bearer '],
    ['a very long token', `Bearer ${'x'.repeat(2_000)}`],
  ])('%s is refused', async (_, authorization) => {
    const [first] = METHODS;
    if (first === undefined) throw new Error('no methods are served');
    const { reason } = await reasonOf(undefined, first, { metadata: { authorization } });
    expect(reason).toBe('CREDENTIAL_INVALID');
  });

  test('the scheme is read as HTTP says: in any case', async () => {
    const balance = METHODS.find(({ path }) => path.endsWith('/GetBalance'));
    if (balance === undefined) throw new Error('GetBalance is not served');
    const { reason } = await reasonOf(undefined, balance, {
      metadata: { authorization: `bearer ${kernel.tokens.internal}` },
    });
    expect(reason).toBe('answered');
  });

  test('no token and no text of a person gets into the log', async () => {
    await callers.debit(tenantId, { dimensions: new Map([['customer', 'Jane Doe 4711']]) });
    const log = kernel.logLines.join('');
    expect(log).toContain('LedgerService/Debit');
    for (const secret of [...Object.values(kernel.tokens), 'Jane Doe 4711', 'Test workspace', PERSON]) {
      expect(log).not.toContain(secret);
    }
  });
});
