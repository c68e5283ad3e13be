// CatalogService: plans and prices, by product.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { PriceRule } from '../../gen/wheelhouse/catalog/v1/action_price.ts';
import {
  CatalogServiceService,
  GetActionPricingRequest,
  ListPlansRequest,
  type ListPlansResponse,
} from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { BillingInterval } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import type { CatalogStore } from '../../kernel/app/catalog/ports.ts';
import type { ProductCode } from '../../kernel/domain/id.ts';
import { admitPeople, type Callers, CREDIT, callersOf, newcomer, personIn } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { composeKernel, type KernelFixture, openKernel } from './support/kernel-fixture.ts';

let kernel: KernelFixture;
let callers: Callers;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
});
afterAll(() => kernel.close());

type ListFields = Partial<ListPlansRequest>;

function listPlans(fields: ListFields = {}, as: 'sysadmin' | 'bff' = 'sysadmin'): Promise<ListPlansResponse> {
  const request = ListPlansRequest.fromPartial(fields);
  return as === 'bff'
    ? callers.bff.call(CatalogServiceService.listPlans, request, newcomer())
    : callers.sysadmin.call(CatalogServiceService.listPlans, request);
}

function namesOf({ plans }: ListPlansResponse): string[] {
  return plans.map(({ productCode, planCode }) => `${productCode}/${planCode}`);
}

describe('ListPlans', () => {
  test('shows a BFF the plans of its own product only, in the order of the contract', async () => {
    expect(namesOf(await listPlans({}, 'bff'))).toEqual([
      'agentruntime/free',
      'agentruntime/pro',
      'agentruntime/pro_annual',
      'agentruntime/plus',
      'agentruntime/plus_annual',
      'agentruntime/max',
      'agentruntime/max_annual',
      'agentruntime/enterprise',
    ]);
    expect(namesOf(await listPlans({ productCode: 'agentruntime' }, 'bff'))).toHaveLength(8);
  });

  test('refuses a BFF another product', async () => {
    const failure = await failureOf(listPlans({ productCode: 'otherproduct' }, 'bff'));
    expect(failure.reason).toBe('PRODUCT_SCOPE_MISMATCH');
  });

  test('shows an operator all products, or the one that it names', async () => {
    expect(namesOf(await listPlans())).toHaveLength(10);
    expect(namesOf(await listPlans({ productCode: 'otherproduct' }))).toEqual([
      'otherproduct/free',
      'otherproduct/pro',
    ]);
    expect(namesOf(await listPlans({ productCode: 'nosuchproduct' }))).toEqual([]);
  });

  test('shows the figures of the spec', async () => {
    const { plans } = await listPlans({}, 'bff');
    const planOf = (code: string) => plans.find(({ planCode }) => planCode === code);
    expect(planOf('pro')).toMatchObject({
      productName: 'AgentRuntime Pro',
      price: { minorUnits: 4_900n, currencyCode: 'usd' },
      interval: BillingInterval.MONTH,
      intervalCount: 1,
      trialEnabled: true,
      trialDays: 14,
      trialMicrocreditsGranted: 5_000_000n,
      trialRequiresCard: false,
      onboardingDefault: true,
      selfServe: true,
    });
    expect(planOf('free')).toMatchObject({
      stripePriceId: undefined,
      price: { minorUnits: 0n, currencyCode: 'usd' },
      interval: BillingInterval.UNSPECIFIED,
      memberLimit: 3,
      trialEnabled: false,
    });
    expect(planOf('enterprise')).toMatchObject({ stripePriceId: undefined, price: undefined, selfServe: false });
    expect(planOf('pro_annual')).toMatchObject({ interval: BillingInterval.YEAR, onboardingDefault: false });
  });

  test('pages without gaps or repeats, and coerces a page size that is too large', async () => {
    const names: string[] = [];
    let pageToken = '';
    do {
      const page = await listPlans({ pageSize: 3, pageToken });
      expect(page.plans.length).toBeLessThanOrEqual(3);
      names.push(...namesOf(page));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(names).toEqual(namesOf(await listPlans({ pageSize: 5_000 })));
    expect(names).toHaveLength(10);
  });

  test('refuses a token of another list, and one that is none', async () => {
    const { nextPageToken } = await listPlans({ pageSize: 3 });
    for (const fields of [
      { pageToken: nextPageToken, productCode: 'agentruntime' },
      { pageToken: nextPageToken, offeredOnly: true },
      { pageToken: 'nonsense' },
      { pageToken: 'x'.repeat(5_000) },
    ]) {
      const failure = await failureOf(listPlans(fields));
      expect(failure).toMatchObject({ reason: 'INVALID_FIELD' });
      expect(Object.keys(failure.violations)).toEqual(['page_token']);
    }
    expect((await failureOf(listPlans({ pageSize: -1 }))).violations).toHaveProperty('page_size');
  });

  test('leaves out what is archived or not offered, unless asked for', async () => {
    const plans = kernel.connection.collection('plans');
    const policies = kernel.connection.collection('plan_policies');
    await plans.updateOne({ product_code: 'otherproduct', plan_code: 'free' }, { $set: { archived: true } });
    await policies.updateOne({ product_code: 'otherproduct', plan_code: 'pro' }, { $set: { self_serve: false } });
    const names = async (fields: ListFields) => namesOf(await listPlans({ productCode: 'otherproduct', ...fields }));
    expect(await names({})).toEqual(['otherproduct/pro']);
    expect(await names({ includeArchived: true })).toEqual(['otherproduct/free', 'otherproduct/pro']);
    expect(await names({ offeredOnly: true })).toEqual([]);
    expect(await names({ offeredOnly: true, includeArchived: true })).toEqual(['otherproduct/free']);
    expect(namesOf(await listPlans({ offeredOnly: true }, 'bff'))).toContain('agentruntime/enterprise');
    await plans.updateOne({ product_code: 'otherproduct', plan_code: 'free' }, { $set: { archived: false } });
    await policies.updateOne({ product_code: 'otherproduct', plan_code: 'pro' }, { $set: { self_serve: true } });
  });
});

test('plans are read once a second for all customers, and shown to an operator as they are', async () => {
  let reads = 0;
  const countReads = (real: CatalogStore): CatalogStore =>
    Object.assign(Object.create(real), {
      loadPlans: (productCode?: ProductCode) => {
        reads += 1;
        return real.loadPlans(productCode);
      },
    });
  const counted = await composeKernel({ catalogStore: countReads });
  const { bff, sysadmin } = callersOf(counted);
  const request = ListPlansRequest.fromPartial({});
  const nameOfFree = ({ plans }: ListPlansResponse) => plans.find(({ planCode }) => planCode === 'free')?.productName;
  const beganMs = performance.now();
  for (let times = 0; times < 50; times += 1) {
    await bff.call(CatalogServiceService.listPlans, request, newcomer());
  }
  expect(reads).toBeLessThanOrEqual(1 + Math.ceil((performance.now() - beganMs) / 1_000));
  const key = { product_code: 'agentruntime', plan_code: 'free' };
  await counted.connection.collection('plans').updateOne(key, { $set: { product_name: 'Changed' } });
  const own = ListPlansRequest.fromPartial({ productCode: 'agentruntime' });
  expect(nameOfFree(await sysadmin.call(CatalogServiceService.listPlans, own))).toBe('Changed');
  const isShown = async () =>
    expect(nameOfFree(await bff.call(CatalogServiceService.listPlans, request, newcomer()))).toBe('Changed');
  await vi.waitFor(isShown, { timeout: 5_000, interval: 50 });
  await counted.close();
});

describe('GetActionPricing', () => {
  const pricing = async (tenantId: string) => {
    const request = GetActionPricingRequest.fromPartial({ tenantId });
    const { actionPrices } = await callers.internal.call(CatalogServiceService.getActionPricing, request);
    return actionPrices.map(({ action, microcreditsPerUnit, unit, rule }) => [action, microcreditsPerUnit, unit, rule]);
  };

  test('answers the defaults of the tenant’s product, ordered by action', async () => {
    expect(await pricing(await callers.openTenant())).toEqual([
      ['memory_extract_bulk', 2n * CREDIT, 'job', PriceRule.DEFAULT],
      ['memory_extract_interactive', 10n * CREDIT, 'job', PriceRule.DEFAULT],
      ['memory_index_file_mb', 1n * CREDIT, 'MiB', PriceRule.DEFAULT],
      ['workflow.step.execute', 5n * CREDIT, 'step', PriceRule.DEFAULT],
    ]);
    expect(await pricing(await callers.openTenant(0n, 'otherproduct'))).toContainEqual([
      'workflow.step.execute',
      3n * CREDIT,
      'step',
      PriceRule.DEFAULT,
    ]);
  });

  test('answers a person in the workspace', async () => {
    const tenantId = await callers.openTenant();
    const request = GetActionPricingRequest.fromPartial({ tenantId });
    await admitPeople(callers, tenantId);
    const person = personIn(tenantId, 'project_contributor');
    expect((await callers.bff.call(CatalogServiceService.getActionPricing, request, person)).actionPrices).toHaveLength(
      4,
    );
  });
});
