// Who may call what: the access table against the contracts, and every RPC with every kind of credential.

import { readFileSync } from 'node:fs';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
import { ACCESS, METHOD_PATHS, type MethodPath } from '../../kernel/grpc/access.ts';
import { type Callers, callersOf, newcomer, PERSON, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type AnyMethod, callForFirstAnswer } from './support/first-answer.ts';
import { type KernelFixture, openKernel } from './support/kernel-fixture.ts';

const ROLES = ['tenant_admin', 'project_contributor', 'project_viewer'];
const SERVED = {
  ...CatalogServiceService,
  ...TenantServiceService,
  ...LedgerServiceService,
  ...HoldServiceService,
  ...LedgerStreamServiceService,
  ...LedgerAuditServiceService,
  ...UsageServiceService,
  ...CatalogAdminServiceService,
  ...OperatorServiceService,
  ...CatalogSyncServiceService,
  ...WebhookServiceService,
};
/** What a request must say beside its tenant before anybody looks for that. */
const REQUIRED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '/wheelhouse.ledger.v1.UsageService/ExplainEntry': { entryId: 'ent_01890000-0000-7000-8000-000001000000' },
  '/wheelhouse.ledger.v1.UsageService/GetUsageSummary': { startTime: new Date(0), endTime: new Date(3_600_000) },
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

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  tenantId = await callers.openTenant(1_000_000n);
  otherTenantId = await callers.openTenant(1_000_000n, 'otherproduct');
});
afterAll(() => kernel.close());

/** Calls with a request whose tenant is set, where it has one. */
async function reasonOf(
  token: string | undefined,
  { method }: { method: AnyMethod },
  settings: { readonly metadata?: Readonly<Record<string, string>> } = {},
  tenant: string = tenantId,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<{ reason: string; code: number; message: string }> {
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

/** What tells that a call got past the question who calls: it was answered, or its fields were looked at. */
const ADMITTED = ['answered', 'INVALID_FIELD'];

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
    const person = personIn(tenantId, 'tenant_admin').metadata;
    const { 'x-product-code': _, ...without } = person;
    expect((await reasonOf(kernel.tokens.agentruntime, entry, { metadata: without })).reason).toBe(expected);
    const other = { ...person, 'x-product-code': 'otherproduct' };
    expect((await reasonOf(kernel.tokens.agentruntime, entry, { metadata: other })).reason).toBe(expected);
  });

  test.each(ROLES)('by a person who is %s', async (role) => {
    const { reason } = await reasonOf(kernel.tokens.agentruntime, entry, personIn(tenantId, role));
    expect(reason === 'answered' || reason === 'INVALID_FIELD' ? 'admitted' : reason).toBe(
      expectedForRole(entry.path, role),
    );
  });

  test('by a person whose role nobody knows, or without one', async () => {
    const { person } = access;
    const unknown = await reasonOf(kernel.tokens.agentruntime, entry, personIn(tenantId, 'owner'));
    const newcomerReason = (await reasonOf(kernel.tokens.agentruntime, entry, newcomer())).reason;
    if (person === 'nobody') {
      expect([unknown.reason, newcomerReason]).toEqual(['SCOPE_DENIED', 'SCOPE_DENIED']);
    } else if (person === 'signed_in') {
      expect(ADMITTED).toContain(unknown.reason);
      expect(ADMITTED).toContain(newcomerReason);
    } else {
      expect(unknown.reason).toBe('ROLE_REQUIRED');
      if (person === 'contributor_or_newcomer') expect(ADMITTED).toContain(newcomerReason);
      else expect(newcomerReason).toBe('ROLE_REQUIRED');
    }
  });

  test('by a BFF for nobody who is signed in', async () => {
    const settings = { metadata: { 'x-product-code': 'agentruntime' } };
    const { reason } = await reasonOf(kernel.tokens.agentruntime, entry, settings);
    expect(reason).toBe(access.person === 'nobody' ? 'SCOPE_DENIED' : 'ROLE_REQUIRED');
  });

  test('by a person of another product, about this tenant: it does not exist, in the same words', async () => {
    const request = emptyRequest(entry.method);
    if (access.person === 'nobody' || typeof request !== 'object' || request === null || !('tenantId' in request))
      return;
    const { otherproduct, agentruntime } = kernel.tokens;
    const fields = REQUIRED[entry.path];
    const admin = personIn(tenantId, 'tenant_admin', 'otherproduct');
    const foreign = await reasonOf(otherproduct, entry, admin, tenantId, fields);
    expect(foreign).toMatchObject({ reason: 'TENANT_NOT_FOUND', code: status.NOT_FOUND });
    const missing = 'ten_01890000-0000-7000-8000-00000000dead';
    const nowhere = personIn(missing, 'tenant_admin', 'otherproduct');
    const absent = await reasonOf(otherproduct, entry, nowhere, missing, fields);
    expect(absent.message.replaceAll(missing, '…')).toBe(foreign.message.replaceAll(tenantId, '…'));
    // Another workspace than the token's, of the same product and of another one.
    const own = personIn(tenantId, 'tenant_admin');
    expect((await reasonOf(agentruntime, entry, own, otherTenantId, fields)).reason).toBe('TENANT_NOT_FOUND');
    const second = await callers.openTenant();
    expect((await reasonOf(agentruntime, entry, own, second, fields)).reason).toBe('TENANT_NOT_FOUND');
  });
});

const FOR_NO_PERSON = [
  ...['Debit', 'BatchDebit', 'StreamDebits', 'Reserve', 'Extend', 'Settle', 'Release'],
  ...['Grant', 'Adjust', 'SetActionPrice', 'ReverseEntry', 'RedactEntry'],
  ...['VerifyLedger', 'ExportAccount', 'ExportHeads'],
  ...['RegisterProduct', 'UpdateProduct', 'GetProduct', 'ListProducts', 'UpsertPlan', 'ListActionPrices'],
  ...['GetPlanPolicy', 'ListPlanPolicies', 'UpsertPlanPolicy'],
  ...['ListKillSwitches', 'SetKillSwitch', 'ListAuditRecords'],
  ...['SyncCatalog', 'ListWebhookEvents', 'RedriveWebhookEvent'],
];

/** The roles table of the plan, written out once more, so that a slip in the code's table shows. */
function expectedForRole(path: MethodPath, role: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (FOR_NO_PERSON.includes(name)) return 'SCOPE_DENIED';
  if (['GetTenant', 'CreateTenant'].includes(name)) return 'admitted';
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
