// TenantService: one request makes one tenant, whatever happens in between.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CreateTenantRequest,
  type CreateTenantResponse,
  GetTenantRequest,
  TenantServiceService,
} from '../../gen/wheelhouse/tenant/v1/tenant_service.ts';
import { admitPeople, type Callers, callersOf, newcomer, OPERATOR, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { composeKernel, type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { override } from './support/override.ts';

type Fields = Partial<CreateTenantRequest>;

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterAll(() => kernel.close());

function createAsOperator(fields: Fields = {}, from: Callers = callers): Promise<CreateTenantResponse> {
  const request = {
    requestId: newRequestId(),
    productCode: 'agentruntime',
    displayName: 'Acme',
    ...OPERATOR,
    ...fields,
  };
  return from.sysadmin.call(TenantServiceService.createTenant, CreateTenantRequest.fromPartial(request));
}

function createAsPerson(fields: Fields = {}, settings = newcomer()): Promise<CreateTenantResponse> {
  const request = { requestId: newRequestId(), displayName: 'Acme', ...fields };
  return callers.bff.call(TenantServiceService.createTenant, CreateTenantRequest.fromPartial(request), settings);
}

describe('CreateTenant', () => {
  test('stamps the product of the BFF, opens the account on the fallback plan, and starts the trial of the onboarding plan', async () => {
    const { tenant, replayed } = await createAsPerson();
    expect(tenant).toMatchObject({ productCode: 'agentruntime', displayName: 'Acme', planCode: 'free' });
    expect(tenant?.ownerUserId).toMatch(/^usr_/);
    expect(tenant?.slug).toMatch(/^acme/);
    expect(tenant?.tenantId).toMatch(/^ten_[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(Math.abs((tenant?.createTime?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    expect(replayed).toBe(false);
    // The account was opened, then the trial began.
    expect(await callers.seqOf(tenant?.tenantId ?? '')).toBe(2n);
  });

  test('answers a retry with the tenant of the first call', async () => {
    const requestId = newRequestId();
    const first = await createAsOperator({ requestId });
    const second = await createAsOperator({ requestId });
    expect(second).toEqual({ ...first, replayed: true });
    expect(await callers.seqOf(first.tenant?.tenantId ?? '')).toBe(2n);
  });

  test('refuses a request id that was used for something else', async () => {
    const requestId = newRequestId();
    await createAsOperator({ requestId });
    for (const fields of [
      { displayName: 'Other' },
      { planCode: 'free' },
      { productCode: 'otherproduct' },
      { reason: 'x' },
    ]) {
      const failure = await failureOf(createAsOperator({ requestId, ...fields }));
      expect(failure).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', code: status.ALREADY_EXISTS });
    }
  });

  test('keeps the request ids of people apart, and those of BFFs', async () => {
    const requestId = newRequestId();
    const one = await createAsPerson({ requestId }, newcomer('agentruntime', 'usr_one'));
    const two = await createAsPerson({ requestId }, newcomer('agentruntime', 'usr_two'));
    // With their colons unescaped these two would make one key.
    const colon = await createAsPerson({ requestId }, newcomer('agentruntime', 'auth0|a:create_tenant'));
    const forged = await createAsPerson(
      { requestId: `create_tenant:${requestId}` },
      newcomer('agentruntime', 'auth0|a'),
    );
    const other = await callers.otherBff.call(
      TenantServiceService.createTenant,
      CreateTenantRequest.fromPartial({ requestId, displayName: 'Acme' }),
      newcomer('otherproduct', 'usr_one'),
    );
    const ids = [one, two, colon, forged, other].map(({ tenant }) => tenant?.tenantId);
    expect(new Set(ids).size).toBe(5);
    expect(other.tenant?.productCode).toBe('otherproduct');
  });

  test('makes one tenant of the same request sent 20 times at once', async () => {
    const requestId = newRequestId();
    const answers = await Promise.all(Array.from({ length: 20 }, () => createAsOperator({ requestId })));
    expect(new Set(answers.map(({ tenant }) => tenant?.tenantId)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const rows = await kernel.connection
      .collection('tenants')
      .countDocuments({ request_key: { $regex: `${requestId}$` } });
    expect(rows).toBe(1);
  });

  test('finishes on a retry what a crash left: the row without its account', async () => {
    let crashes = 1;
    const faulty = await composeKernel({
      mongodbUri: kernel.mongodbUri,
      ledger: (real) =>
        override(real, {
          openAccount: (tenant, input) => {
            crashes -= 1;
            if (crashes >= 0) return Promise.reject(new Error('injected: the kernel died here'));
            return real.openAccount(tenant, input);
          },
        }),
    });
    const there = callersOf(faulty);
    const requestId = newRequestId();
    expect((await failureOf(createAsOperator({ requestId }, there))).reason).toBe('INTERNAL');
    const row = await kernel.connection.collection('tenants').findOne({ request_key: { $regex: `${requestId}$` } });
    expect((await failureOf(callers.seqOf(String(row?.['tenant_id'])))).reason).toBe('ACCOUNT_NOT_OPEN');
    const retried = await createAsOperator({ requestId }, there);
    expect(retried).toMatchObject({ replayed: true, tenant: { tenantId: row?.['tenant_id'] } });
    expect(await callers.seqOf(String(row?.['tenant_id']))).toBe(2n);
    await faulty.close();
  });

  test('refuses unknown products and plans, and to people what only sales sells', async () => {
    const unknownProduct = await failureOf(createAsOperator({ productCode: 'nosuchproduct' }));
    expect(unknownProduct).toMatchObject({ reason: 'PRODUCT_NOT_FOUND', code: status.NOT_FOUND });
    const unknownPlan = await failureOf(createAsOperator({ planCode: 'gold' }));
    expect(unknownPlan).toMatchObject({ reason: 'PLAN_NOT_FOUND', metadata: { plan_code: 'gold' } });
    expect((await failureOf(createAsPerson({ planCode: 'enterprise' }))).reason).toBe('PLAN_NOT_FOUND');
    expect((await createAsOperator({ planCode: 'enterprise' })).tenant?.planCode).toBe('enterprise');
    expect((await createAsPerson({ planCode: 'free' })).tenant?.planCode).toBe('free');
    expect((await failureOf(createAsPerson({ productCode: 'otherproduct' }))).reason).toBe('PRODUCT_SCOPE_MISMATCH');
  });

  test('falls back to the fallback plan where no plan is the onboarding default', async () => {
    const products = kernel.connection.collection('products');
    for (const planCode of [null, 'not_on_sale']) {
      await products.updateOne({ product_code: 'otherproduct' }, { $set: { onboarding_plan_code: planCode } });
      expect((await createAsOperator({ productCode: 'otherproduct' })).tenant?.planCode).toBe('free');
    }
    await products.updateOne({ product_code: 'otherproduct' }, { $set: { onboarding_plan_code: 'pro' } });
  });

  test('names every field that is wrong, by who calls', async () => {
    const empty = { requestId: '', productCode: '', displayName: '', actor: '', reason: '' };
    const operator = await failureOf(createAsOperator(empty));
    expect(Object.keys(operator.violations).sort()).toEqual([
      'actor',
      'display_name',
      'product_code',
      'reason',
      'request_id',
    ]);
    const person = await failureOf(createAsPerson({ displayName: 'x'.repeat(101), ...OPERATOR }));
    expect(Object.keys(person.violations).sort()).toEqual(['actor', 'display_name', 'reason']);
    for (const displayName of ['   ', 'line\nbreak', '\u200b']) {
      expect((await failureOf(createAsPerson({ displayName }))).violations).toHaveProperty('display_name');
    }
    // 100 characters of which each takes two UTF-16 units are still 100 characters.
    expect((await createAsPerson({ displayName: '🎡'.repeat(100) })).tenant?.displayName).toBe('🎡'.repeat(100));
  });
});

describe('GetTenant', () => {
  test('answers the tenant to an operator, an internal service and a viewer of it', async () => {
    const created = await createAsOperator();
    const tenantId = created.tenant?.tenantId ?? '';
    await admitPeople(callers, tenantId);
    // It belongs to its first admin, where an operator has made it for nobody.
    const tenant = { ...created.tenant, ownerUserId: expect.stringMatching(/^usr_/) };
    const request = GetTenantRequest.fromPartial({ tenantId });
    const { getTenant } = TenantServiceService;
    expect((await callers.sysadmin.call(getTenant, request)).tenant).toEqual(tenant);
    expect((await callers.internal.call(getTenant, request)).tenant).toEqual(tenant);
    const viewer = personIn(request.tenantId, 'project_viewer');
    expect((await callers.bff.call(getTenant, request, viewer)).tenant).toEqual(tenant);
  });

  test('takes an operator in an id for a value', async () => {
    const request = GetTenantRequest.fromPartial({ tenantId: '{"$ne":null}' });
    expect((await failureOf(callers.sysadmin.call(TenantServiceService.getTenant, request))).reason).toBe(
      'TENANT_NOT_FOUND',
    );
  });
});
