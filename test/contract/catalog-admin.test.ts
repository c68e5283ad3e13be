// CatalogAdminService: products, plans that Stripe does not sell, policies and their pins, over two kernels.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  CatalogAdminServiceService,
  ListActionPricesRequest,
  ListPlanPoliciesRequest,
  ListProductsRequest,
} from '../../gen/wheelhouse/catalog/v1/catalog_admin_service.ts';
import {
  CatalogServiceService,
  ListPlansRequest,
  SetActionPriceRequest,
} from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { PlanSource } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import { PastDueEnd, TrialEndBehaviour } from '../../gen/wheelhouse/catalog/v1/plan_policy.ts';
import { GetBalanceRequest, LedgerServiceService } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { AuditStore } from '../../kernel/app/operator/ports.ts';
import { roundCount } from '../support/round-count.ts';
import { type Callers, CREDIT, callersOf, OPERATOR } from './support/account.ts';
import { failureOf, settle } from './support/failure.ts';
import { composeKernel, type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { override } from './support/override.ts';

let kernel: KernelFixture;
let other: KernelFixture;
let callers: Callers;
let operators: ReturnType<typeof operatorCallsOf>;
let others: ReturnType<typeof operatorCallsOf>;

beforeAll(async () => {
  kernel = await openKernel();
  other = await openKernel({ mongodbUri: kernel.mongodbUri });
  callers = callersOf(kernel);
  operators = operatorCallsOf(callers);
  others = operatorCallsOf(callersOf(other));
});
afterAll(async () => {
  await other.close();
  await kernel.close();
});

let products = 0;

/** A product that no other test has, with the plans `free` and `enterprise`. */
async function newProduct(): Promise<string> {
  products += 1;
  const productCode = `product-${products}`;
  await operators.register({ productCode, displayName: 'A product', currencyCode: 'EUR' });
  const plan = { productCode, productName: 'x' };
  await operators.upsertPlan({ ...plan, planCode: 'free', priceMinorUnits: 0n });
  await operators.upsertPlan({ ...plan, planCode: 'enterprise' });
  return productCode;
}

describe('RegisterProduct', () => {
  test('registers a product, once', async () => {
    const request = { requestId: newRequestId(), productCode: 'newcomer', displayName: 'New', currencyCode: 'JPY' };
    const first = await operators.register(request);
    expect(first).toMatchObject({
      product: {
        ...{ productCode: 'newcomer', displayName: 'New', currencyCode: 'jpy', fallbackPlanCode: 'free' },
        ...{ onboardingPlanCode: 'pro', onboardingPinned: false },
      },
      replayed: false,
    });
    expect(await others.register(request)).toEqual({ ...first, replayed: true });
    expect((await failureOf(operators.register({ ...request, displayName: 'Other' }))).reason).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
    const again = failureOf(others.register({ ...request, requestId: newRequestId() }));
    expect((await again).reason).toBe('PRODUCT_ALREADY_REGISTERED');
  });

  test('by many at once, through two kernels, registers one', async () => {
    const calls = Array.from({ length: 10 }, (_, index) =>
      (index % 2 === 0 ? operators : others).register({
        ...{ productCode: 'contested', displayName: `by ${index}`, currencyCode: 'usd' },
      }),
    );
    const { answers, failures } = await settle(calls);
    expect(answers).toHaveLength(1);
    expect(new Set(failures.map(({ reason }) => reason))).toEqual(new Set(['PRODUCT_ALREADY_REGISTERED']));
    expect((await others.productOf('contested')).displayName).toBe(answers[0]?.product?.displayName);
    const records = await operators.audit({ productCode: 'contested' });
    expect(records).toHaveLength(1);
  });

  test.each<[string, object, string]>([
    ['a code that is no slug', { productCode: 'New Product' }, 'product_code'],
    ['no code', { productCode: '' }, 'product_code'],
    ['no name', { displayName: '' }, 'display_name'],
    ['a currency that nobody knows', { currencyCode: 'xyz' }, 'currency_code'],
    ['no currency', { currencyCode: '' }, 'currency_code'],
    ['a fallback plan that is no slug', { fallbackPlanCode: '../x' }, 'fallback_plan_code'],
    ['no actor', { actor: '' }, 'actor'],
    ['no reason', { reason: '' }, 'reason'],
    ['no request id', { requestId: '' }, 'request_id'],
  ])('refuses %s', async (_, fields, field) => {
    const before = await kernel.connection.collection('audit_log').countDocuments();
    const failure = await failureOf(
      operators.register({ productCode: 'wrong', displayName: 'x', currencyCode: 'usd', ...fields }),
    );
    expect(Object.keys(failure.violations)).toEqual([field]);
    expect(await kernel.connection.collection('audit_log').countDocuments()).toBe(before);
  });
});

describe('GetProduct and ListProducts', () => {
  test('show what is registered', async () => {
    expect(await operators.productOf('agentruntime')).toMatchObject({
      ...{ displayName: 'AgentRuntime', onboardingPlanCode: 'pro', fallbackPlanCode: 'free', currencyCode: 'usd' },
    });
    expect((await failureOf(operators.productOf('nosuch'))).reason).toBe('PRODUCT_NOT_FOUND');
  });

  test('page by code', async () => {
    const codes: string[] = [];
    let pageToken = '';
    do {
      const request = ListProductsRequest.fromPartial({ pageSize: 2, pageToken });
      const page = await callers.sysadmin.call(CatalogAdminServiceService.listProducts, request);
      codes.push(...page.products.map(({ productCode }) => productCode));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    const stored = await kernel.connection.collection('products').distinct('product_code');
    expect(codes).toEqual([...stored].sort());
    const wrong = ListProductsRequest.fromPartial({ pageToken: '!' });
    const failure = await failureOf(callers.sysadmin.call(CatalogAdminServiceService.listProducts, wrong));
    expect(Object.keys(failure.violations)).toEqual(['page_token']);
  });
});

describe('UpdateProduct', () => {
  test('changes what the mask names, and nothing else', async () => {
    const productCode = await newProduct();
    const { product } = await operators.update({ productCode, displayName: 'New name' }, ['display_name']);
    expect(product).toMatchObject({ displayName: 'New name', fallbackPlanCode: 'free', onboardingPlanCode: 'pro' });
    const moved = await others.update({ productCode, onboardingPlanCode: 'free' }, ['onboarding_plan_code']);
    expect(moved.product).toMatchObject({ onboardingPlanCode: 'free', onboardingPinned: true });
    const unpinned = await operators.update({ productCode }, ['onboarding_pinned']);
    expect(unpinned.product).toMatchObject({ onboardingPlanCode: 'free', onboardingPinned: false });
    const none = await operators.update({ productCode }, ['onboarding_plan_code']);
    expect(none.product).toMatchObject({ onboardingPlanCode: '', onboardingPinned: true });
  });

  test('moves the onboarding default in one step: of many at once over two kernels, one plan is it', async () => {
    const productCode = await newProduct();
    const calls = Array.from({ length: 12 }, (_, index) => {
      const onboardingPlanCode = index % 3 === 0 ? 'free' : 'enterprise';
      return (index % 2 === 0 ? operators : others).update({ productCode, onboardingPlanCode }, [
        'onboarding_plan_code',
      ]);
    });
    let isOver = false;
    const seen: number[] = [];
    const watch = (async () => {
      while (!isOver) {
        const { plans } = await callers.sysadmin.call(
          CatalogServiceService.listPlans,
          ListPlansRequest.fromPartial({ productCode }),
        );
        seen.push(plans.filter(({ onboardingDefault }) => onboardingDefault).length);
      }
    })();
    await Promise.all(calls);
    isOver = true;
    await watch;
    expect(Math.max(...seen)).toBe(1);
    // Before the first call the product named a plan that it does not have; from then on there is one at any time.
    expect(seen.slice(seen.indexOf(1)).every((count) => count === 1)).toBe(true);
    const records = await operators.audit({ productCode, method: 'CatalogAdminService/UpdateProduct' });
    expect(records).toHaveLength(12);
    const stored = await kernel.connection.collection('products').findOne({ product_code: productCode });
    // It was registered, and has got two plans.
    expect(Number(stored?.['revision'])).toBe(15);
  });

  test.each<[string, object, string[], string]>([
    ['an empty mask', {}, [], 'update_mask'],
    ['a field that never changes', { currencyCode: 'eur' }, ['currency_code'], 'update_mask'],
    ['a field that nobody knows', {}, ['nonsense'], 'update_mask'],
    ['an empty name', {}, ['display_name'], 'product.display_name'],
    ['no fallback plan', {}, ['fallback_plan_code'], 'product.fallback_plan_code'],
    ['a pin by hand', { onboardingPinned: true }, ['onboarding_pinned'], 'product.onboarding_pinned'],
    ['naming and unpinning at once', {}, ['onboarding_plan_code', 'onboarding_pinned'], 'product.onboarding_pinned'],
  ])('refuses %s', async (_, fields, mask, field) => {
    const failure = await failureOf(operators.update({ productCode: 'agentruntime', ...fields }, mask));
    expect(Object.keys(failure.violations)).toEqual([field]);
  });

  test('refuses a product or plan that is not there, or not on sale', async () => {
    const mask = ['onboarding_plan_code'];
    expect((await failureOf(operators.update({ productCode: 'nosuch', onboardingPlanCode: 'x' }, mask))).reason).toBe(
      'PRODUCT_NOT_FOUND',
    );
    const productCode = await newProduct();
    await operators.upsertPlan({ productCode, planCode: 'enterprise', productName: 'x', archived: true });
    for (const onboardingPlanCode of ['pro', 'enterprise']) {
      const failure = await failureOf(operators.update({ productCode, onboardingPlanCode }, mask));
      expect(failure).toMatchObject({ reason: 'PLAN_NOT_FOUND', metadata: { plan_code: onboardingPlanCode } });
    }
  });
});

describe('UpsertPlan', () => {
  test('makes a plan with the policy of its code, and changes it', async () => {
    const productCode = await newProduct();
    const request = { productCode, planCode: 'enterprise', productName: 'Big', requestId: newRequestId() };
    const first = await operators.upsertPlan(request);
    expect(first.plan).toMatchObject({
      ...{ productName: 'Big', price: undefined, stripePriceId: undefined, source: PlanSource.OPERATOR },
      ...{ selfServe: false, rank: 40, archived: false },
    });
    expect(await others.upsertPlan(request)).toEqual({ ...first, replayed: true });
    const { plan } = await operators.upsertPlan({
      productCode,
      planCode: 'free',
      productName: 'Free',
      priceMinorUnits: 0n,
    });
    expect(plan).toMatchObject({ price: { minorUnits: 0n, currencyCode: 'eur' }, memberLimit: 3, selfServe: true });
    await operators.upsertPolicy({ productCode, planCode: 'enterprise', memberLimit: 500 }, ['member_limit']);
    const archived = await operators.upsertPlan({ ...request, requestId: newRequestId(), archived: true });
    expect(archived.plan).toMatchObject({ archived: true, memberLimit: 500 });
  });

  test('refuses a price that nobody could pay', async () => {
    const productCode = await newProduct();
    const plan = { productCode, productName: 'x', priceMinorUnits: 1n };
    const failure = await failureOf(operators.upsertPlan({ ...plan, planCode: 'gold' }));
    expect(failure.violations['price_minor_units']).toContain('gold has no Price at Stripe');
    const shown = await operators.upsertPlan({ ...plan, planCode: 'enterprise' });
    expect(shown.plan).toMatchObject({ price: { minorUnits: 1n } });
  });

  test('refuses what Stripe sells, the end of the fallback plan, and a product that is not there', async () => {
    const productCode = await newProduct();
    const plan = { productCode: 'agentruntime', planCode: 'pro', productName: 'x' };
    expect((await failureOf(operators.upsertPlan(plan))).reason).toBe('PLAN_SOLD_BY_STRIPE');
    const end = await failureOf(operators.upsertPlan({ ...plan, productCode, planCode: 'free', archived: true }));
    expect(Object.keys(end.violations)).toEqual(['archived']);
    await operators.update({ productCode, onboardingPlanCode: 'enterprise' }, ['onboarding_plan_code']);
    const started = await failureOf(
      operators.upsertPlan({ ...plan, productCode, planCode: 'enterprise', archived: true }),
    );
    expect(started.violations['archived']).toContain('enterprise is the onboarding plan');
    expect((await failureOf(operators.upsertPlan({ ...plan, productCode: 'nosuch' }))).reason).toBe(
      'PRODUCT_NOT_FOUND',
    );
    const wrong = await failureOf(operators.upsertPlan({ planCode: 'No', priceMinorUnits: -1n }));
    expect(Object.keys(wrong.violations).sort()).toEqual([
      ...['plan_code', 'price_minor_units', 'product_code', 'product_name'],
    ]);
  });
});

describe('the plan that a product names', () => {
  const isOnSale = async (productCode: string, planCode: string) => {
    const request = ListPlansRequest.fromPartial({ productCode });
    const { plans } = await callers.sysadmin.call(CatalogServiceService.listPlans, request);
    return plans.some((plan) => plan.planCode === planCode);
  };
  const archive = (productCode: string, by = operators) =>
    by.upsertPlan({ productCode, planCode: 'enterprise', productName: 'x', archived: true });
  const name = (productCode: string, field: NamingField, by = operators) =>
    by.update({ productCode, [FIELDS[field]]: 'enterprise' }, [field]);
  type NamingField = keyof typeof FIELDS;
  const FIELDS = { fallback_plan_code: 'fallbackPlanCode', onboarding_plan_code: 'onboardingPlanCode' } as const;

  let held: KernelFixture;
  let actFirst: (() => Promise<unknown>) | undefined;

  /** A kernel in which something can be done after a change was decided on, and before it is recorded. */
  beforeAll(async () => {
    const auditStore = (real: AuditStore): AuditStore =>
      override(real, {
        insertChange: async (record) => {
          const act = actFirst;
          actFirst = undefined;
          await act?.();
          return real.insertChange(record);
        },
      });
    held = await composeKernel({ mongodbUri: kernel.mongodbUri, auditStore });
  });
  afterAll(() => held.close());

  const heldAfter = (act: () => Promise<unknown>) => {
    actFirst = act;
    return operatorCallsOf(callersOf(held));
  };

  test.each<NamingField>(['fallback_plan_code', 'onboarding_plan_code'])(
    'by %s is on sale, whichever of two operators is first to have decided',
    async (field) => {
      const named = await newProduct();
      const late = await failureOf(
        archive(
          named,
          heldAfter(() => name(named, field)),
        ),
      );
      expect(Object.keys(late.violations)).toEqual(['archived']);
      expect(await isOnSale(named, 'enterprise')).toBe(true);
      const archived = await newProduct();
      const refused = await failureOf(
        name(
          archived,
          field,
          heldAfter(() => archive(archived)),
        ),
      );
      expect(refused).toMatchObject({ reason: 'PLAN_NOT_FOUND', metadata: { plan_code: 'enterprise' } });
      expect((await operators.productOf(archived)).fallbackPlanCode).toBe('free');
    },
  );

  test('is on sale however often two kernels meet, and a workspace can start there', async () => {
    for (let round = 0; round < roundCount(3, 100); round += 1) {
      const productCode = await newProduct();
      const [by, against] = round % 2 === 0 ? [operators, others] : [others, operators];
      const { answers } = await settle<unknown>([
        name(productCode, 'fallback_plan_code', by),
        archive(productCode, against),
      ]);
      expect(answers).toHaveLength(1);
      const { fallbackPlanCode } = await operators.productOf(productCode);
      expect(await isOnSale(productCode, fallbackPlanCode)).toBe(true);
    }
  });
});

describe('UpsertPlanPolicy', () => {
  test('changes and pins what the mask names, unpins what is named, and nothing else', async () => {
    const productCode = await newProduct();
    const key = { productCode, planCode: 'enterprise' };
    const before = await operators.policyOf(productCode, 'enterprise');
    expect(before).toMatchObject({ rank: 40, contactSales: true, memberLimit: undefined, pinnedFields: [] });
    const change = {
      trialEnabled: true,
      trialDays: 30,
      overdraftLimitMicrocredits: 7n,
      memberLimit: 9,
      selfServe: true,
    };
    const mask = ['trial_enabled', 'trial_days', 'overdraft_limit_microcredits', 'member_limit'];
    const { policy } = await operators.upsertPolicy({ ...key, ...change }, mask);
    const expected = { trialEnabled: true, trialDays: 30, overdraftLimitMicrocredits: 7n, memberLimit: 9 };
    expect(policy).toEqual({
      ...{ ...before, ...expected },
      pinnedFields: ['trial_enabled', 'trial_days', 'member_limit', 'overdraft_limit_microcredits'],
    });
    const none = await others.upsertPolicy(key, ['member_limit'], { unpinFields: ['trial_days'] });
    expect(none.policy).toEqual({
      ...{ ...before, ...expected, memberLimit: undefined },
      pinnedFields: ['trial_enabled', 'member_limit', 'overdraft_limit_microcredits'],
    });
  });

  test('takes every field', async () => {
    const productCode = await newProduct();
    const all = {
      ...{ trialEnabled: true, trialDays: 366, trialMicrocreditsGranted: 1n, trialRequiresCard: true },
      ...{ autoTrialOnWorkspaceCreation: true, trialEndBehaviour: TrialEndBehaviour.FALLBACK },
      ...{ revokeUnusedTrialCredits: false, trialLimitPerPerson: 2, selfServe: true, contactSales: false, rank: 5 },
      ...{ memberLimit: 4, includedMicrocreditsPerCycle: 5n, includedRolloverLimitMicrocredits: 6n },
      ...{ pastDueGraceDays: 60, pastDueEnd: PastDueEnd.KEEP, cancelAtOnceAllowed: true, refundDebtWaived: true },
      ...{ overdraftLimitMicrocredits: 7n, paygAllowed: false, paygMinorUnitsPerCredit: '99.5' },
      ...{ paygPackages: [{ minorUnits: 1n, microcredits: 2n }], paygMinorUnitsMin: 1n, paygMinorUnitsMax: 2n },
      creditGates: ['*', '!free.action'],
    };
    const current = await operators.policyOf(productCode, 'enterprise');
    const { productCode: _, planCode: __, onboardingDefault, pinnedFields: ___, ...fields } = current;
    const mask = Object.keys(fields).map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
    expect(mask).toHaveLength(25);
    const key = { productCode, planCode: 'enterprise' };
    await operators.upsertPolicy({ ...key, ...all }, mask);
    const { pinnedFields, ...stored } = await others.policyOf(productCode, 'enterprise');
    expect(stored).toEqual({ ...key, ...all, onboardingDefault });
    expect([...pinnedFields].sort()).toEqual([...mask].sort());
  });

  test('is idempotent by its request id', async () => {
    const productCode = await newProduct();
    const requestId = newRequestId();
    const change = () => operators.upsertPolicy({ productCode, planCode: 'free', rank: 3 }, ['rank'], { requestId });
    const first = await change();
    await others.upsertPolicy({ productCode, planCode: 'free', rank: 4 }, ['rank']);
    expect(await change()).toMatchObject({ replayed: true, policy: { ...first.policy, rank: 4 } });
    const other = operators.upsertPolicy({ productCode, planCode: 'free', rank: 5 }, ['rank'], { requestId });
    expect((await failureOf(other)).reason).toBe('IDEMPOTENCY_KEY_REUSED');
    expect((await operators.policyOf(productCode, 'free')).rank).toBe(4);
  });

  test('by many at once over two kernels loses none', async () => {
    const productCode = await newProduct();
    const fields = ['trial_limit_per_person', 'member_limit', 'rank', 'included_microcredits_per_cycle'] as const;
    const change = { trialLimitPerPerson: 7, memberLimit: 7, rank: 7, includedMicrocreditsPerCycle: 7n };
    const key = { productCode, planCode: 'free' };
    await Promise.all(
      fields.map((field, index) => (index % 2 === 0 ? operators : others).upsertPolicy({ ...key, ...change }, [field])),
    );
    const policy = await operators.policyOf(productCode, 'free');
    expect(policy).toMatchObject(change);
    expect([...policy.pinnedFields].sort()).toEqual([...fields].sort());
    const values = (await operators.audit({ productCode, method: 'CatalogAdminService/UpsertPlanPolicy' })).map(
      ({ changes }) => changes.find(({ field }) => field === 'pinned_fields'),
    );
    // Each record begins where the one before it ended.
    const [newest] = values;
    expect(newest?.after.split(' ').sort()).toEqual([...fields].sort());
    for (const [index, value] of values.slice(1).entries()) expect(values[index]?.before).toBe(value?.after);
  });

  test('is charged by within seconds, by every kernel', async () => {
    const tenantId = await callers.openTenant(0n, 'otherproduct');
    await others.upsertPolicy({ productCode: 'otherproduct', planCode: 'pro', overdraftLimitMicrocredits: CREDIT }, [
      'overdraft_limit_microcredits',
    ]);
    const limit = async () => {
      const request = GetBalanceRequest.fromPartial({ tenantId });
      return (await callers.internal.call(LedgerServiceService.getBalance, request)).overdraftLimitMicrocredits;
    };
    await expect.poll(limit).toBe(CREDIT);
    await operators.upsertPolicy({ productCode: 'otherproduct', planCode: 'pro' }, ['overdraft_limit_microcredits']);
  });

  test.each<[string, object, string[], object, string[]]>([
    ['an empty mask', {}, [], {}, ['update_mask']],
    ['a field that nobody knows', {}, ['nonsense'], {}, ['update_mask']],
    ['the onboarding default', { onboardingDefault: true }, ['onboarding_default'], {}, ['update_mask']],
    ['unpinning what nobody knows', {}, [], { unpinFields: ['x'] }, ['unpin_fields']],
    ['setting and unpinning a field', { rank: 1 }, ['rank'], { unpinFields: ['rank'] }, ['unpin_fields']],
    ['no behaviour', {}, ['trial_end_behaviour'], {}, ['policy.trial_end_behaviour']],
    ['nothing that follows', {}, ['past_due_end'], {}, ['policy.past_due_end']],
    ['61 days of grace', { pastDueGraceDays: 61 }, ['past_due_grace_days'], {}, ['policy.past_due_grace_days']],
    [
      'a price that is no decimal',
      { paygMinorUnitsPerCredit: '1e3' },
      ['payg_minor_units_per_credit'],
      {},
      ['policy.payg_minor_units_per_credit'],
    ],
    [
      'a price of nothing',
      { paygMinorUnitsPerCredit: '0' },
      ['payg_minor_units_per_credit'],
      {},
      ['policy.payg_minor_units_per_credit'],
    ],
    ['a negative number', { rank: -1 }, ['rank'], {}, ['policy.rank']],
    ['a trial of no days', {}, ['trial_days'], {}, ['policy.trial_days']],
    ['no trial that begins by itself', {}, ['trial_enabled'], {}, ['policy.auto_trial_on_workspace_creation']],
    [
      'an amount beyond 2^53 - 1',
      { overdraftLimitMicrocredits: 2n ** 53n },
      ['overdraft_limit_microcredits'],
      {},
      ['policy.overdraft_limit_microcredits'],
    ],
    ['no actor', { rank: 1 }, ['rank'], { actor: '' }, ['actor']],
  ])('refuses %s', async (_, change, mask, fields, expected) => {
    const before = await operators.policyOf('agentruntime', 'pro');
    const key = { productCode: 'agentruntime', planCode: 'pro' };
    const failure = await failureOf(operators.upsertPolicy({ ...key, ...change }, mask, fields));
    expect(Object.keys(failure.violations)).toEqual(expected);
    expect(await operators.policyOf('agentruntime', 'pro')).toEqual(before);
  });

  test('refuses a plan that is not there', async () => {
    const missing = operators.upsertPolicy({ productCode: 'otherproduct', planCode: 'max', rank: 1 }, ['rank']);
    expect((await failureOf(missing)).reason).toBe('PLAN_NOT_FOUND');
    expect((await failureOf(operators.policyOf('nosuch', 'free'))).reason).toBe('PLAN_NOT_FOUND');
  });
});

describe('ListPlanPolicies', () => {
  const list = async (fields: Partial<ListPlanPoliciesRequest>) =>
    callers.sysadmin.call(CatalogAdminServiceService.listPlanPolicies, ListPlanPoliciesRequest.fromPartial(fields));

  test('lists the policies of one product or of all, in the order of plans', async () => {
    const { policies } = await list({ productCode: 'agentruntime' });
    expect(policies.map(({ planCode, rank }) => [planCode, rank])).toEqual([
      ...[
        ['free', 0],
        ['pro', 10],
        ['pro_annual', 10],
        ['plus', 20],
        ['plus_annual', 20],
      ],
      ...[
        ['max', 30],
        ['max_annual', 30],
        ['enterprise', 40],
      ],
    ]);
    expect(policies.filter(({ onboardingDefault }) => onboardingDefault).map(({ planCode }) => planCode)).toEqual([
      'pro',
    ]);
    const first = await list({ pageSize: 3 });
    const second = await list({ pageSize: 1_000, pageToken: first.nextPageToken });
    expect([...first.policies, ...second.policies]).toEqual((await list({ pageSize: 1_000 })).policies);
    expect(Object.keys((await failureOf(list({ pageToken: 'x' }))).violations)).toEqual(['page_token']);
  });

  test('leaves out what is archived unless asked for', async () => {
    const productCode = await newProduct();
    await operators.upsertPlan({ productCode, planCode: 'enterprise', productName: 'x', archived: true });
    expect((await list({ productCode })).policies).toHaveLength(1);
    expect((await list({ productCode, includeArchived: true })).policies).toHaveLength(2);
  });
});

describe('ListActionPrices', () => {
  const list = async (fields: Partial<ListActionPricesRequest>) =>
    callers.sysadmin.call(
      CatalogAdminServiceService.listActionPrices,
      ListActionPricesRequest.fromPartial({ productCode: 'agentruntime', ...fields }),
    );
  const set = (fields: Partial<SetActionPriceRequest>) =>
    callers.sysadmin.call(
      CatalogServiceService.setActionPrice,
      SetActionPriceRequest.fromPartial({
        ...{ requestId: newRequestId(), productCode: 'agentruntime', action: 'listed', ...OPERATOR, ...fields },
      }),
    );

  test('lists who set what, from when, until when and why, the newest first', async () => {
    await set({ microcreditsPerUnit: 1n, unit: 'x', reason: 'first' });
    await set({ microcreditsPerUnit: 2n, unit: 'x', reason: 'second' });
    await set({ microcreditsPerUnit: 3n, unit: 'x', planCode: 'max', reason: 'third' });
    await set({ endsOverride: true, planCode: 'max', reason: 'fourth' });
    const { actionPrices } = await list({ action: 'listed' });
    expect(
      actionPrices.map(({ actionPrice, planCode, endsOverride, actor, reason }) => [
        ...[actionPrice?.microcreditsPerUnit, planCode, endsOverride, actor, reason],
      ]),
    ).toEqual([
      [0n, 'max', true, OPERATOR.actor, 'fourth'],
      [3n, 'max', false, OPERATOR.actor, 'third'],
      [2n, '', false, OPERATOR.actor, 'second'],
      [1n, '', false, OPERATOR.actor, 'first'],
    ]);
    const [, third, second, first] = actionPrices;
    expect(first?.supersededTime).toEqual(second?.actionPrice?.effectiveTime);
    expect(second?.supersededTime).toBeUndefined();
    expect(third?.supersededTime).toBeDefined();
    expect((await list({ action: 'listed', planCode: 'max' })).actionPrices).toHaveLength(2);
    expect((await list({ tenantId: 'ten_none' })).actionPrices).toEqual([]);
  });

  test('pages, and shows the seed without an actor', async () => {
    const rows: unknown[] = [];
    let pageToken = '';
    do {
      const page = await list({ pageSize: 2, pageToken });
      rows.push(...page.actionPrices);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    const all = (await list({})).actionPrices;
    expect(rows).toEqual(all);
    expect(all.filter(({ actor }) => actor === '')).toHaveLength(4);
    for (const token of ['x', Buffer.from('1.zz').toString('base64url'), '!']) {
      expect(Object.keys((await failureOf(list({ pageToken: token }))).violations)).toEqual(['page_token']);
    }
    expect((await failureOf(list({ productCode: 'nosuch' }))).reason).toBe('PRODUCT_NOT_FOUND');
  });
});
