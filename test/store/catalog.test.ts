// The catalog in MongoDB: what its indexes refuse, what its models refuse, what it reads back.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { computePolicySync, type PolicyTarget, writeSyncedPolicy } from '../../kernel/app/catalog/policy-sync.ts';
import type { CatalogStore } from '../../kernel/app/catalog/ports.ts';
import { DEMO_CATALOG } from '../../kernel/cli/demo-catalog.ts';
import type { PlanCode, ProductCode } from '../../kernel/domain/id.ts';
import { computeDefaultPolicy, type PolicyChange } from '../../kernel/domain/plan-policy.ts';
import { catalogModels } from '../../kernel/store/catalog/catalog-model.ts';
import { type CatalogSeed, seedCatalog } from '../../kernel/store/catalog/catalog-seed.ts';
import { openCatalogStore } from '../../kernel/store/catalog/catalog-store.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { seedDemoCatalog } from '../support/demo-catalog.ts';
import { freshDatabaseUri } from '../support/engine.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

const AGENTRUNTIME = 'agentruntime' as ProductCode;
const [SEED] = DEMO_CATALOG;

let connection: Connection;
let store: CatalogStore;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  store = await openCatalogStore(connection);
  await seedDemoCatalog(connection);
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

function demoSeed(): CatalogSeed {
  if (SEED === undefined) throw new Error('there is no demo product');
  return SEED;
}

describe('unique indexes', () => {
  test.each([
    ['plans', { product_code: 'agentruntime', plan_code: 'pro' }],
    ['plan_policies', { product_code: 'agentruntime', plan_code: 'pro' }],
    ['products', { product_code: 'agentruntime' }],
    [
      'action_prices',
      {
        product_code: 'agentruntime',
        rule: 'default',
        plan_code: null,
        tenant_id: null,
        action: 'workflow.step.execute',
        effective_at: new Date('2025-01-01T00:00:00Z'),
      },
    ],
  ])('%s refuses a second row of one key', async (collection, row) => {
    await expect(connection.collection(collection).insertOne(row)).rejects.toMatchObject({ code: 11_000 });
  });

  test('the same plan code on another product is another plan', async () => {
    const plans = await store.loadPlans();
    expect(
      plans
        .filter(({ planCode }) => planCode === 'pro')
        .map(({ productCode }) => productCode)
        .sort(),
    ).toEqual(['agentruntime', 'otherproduct']);
  });
});

describe('what is stored', () => {
  test('amounts are int64, and come back as bigint', async () => {
    const raw = await connection
      .collection('plans')
      .findOne({ plan_code: 'pro' }, { useBigInt64: false, promoteValues: false });
    expect(raw?.['amount']).toMatchObject({ _bsontype: 'Long' });
    const pro = (await store.loadPlans(AGENTRUNTIME)).find(({ planCode }) => planCode === 'pro');
    expect(pro).toMatchObject({
      price: { minorUnits: 4_900n, currency: 'usd' },
      onboardingDefault: true,
      policy: {
        ...{ trialMicrocreditsGranted: 5_000_000n, trialDays: 14, overdraftLimitMicrocredits: 0n, memberLimit: null },
        ...{ includedMicrocreditsPerCycle: 5_000_000n, paygMinorUnitsPerCredit: { millionths: 100_000_000n } },
        ...{ creditGates: ['*'], paygMinorUnitsMin: 500n },
      },
    });
    expect(pro?.policy.paygPackages[1]).toEqual({ minorUnits: 4_500n, microcredits: 50_000_000n });
  });

  test('a plan without a policy allows nothing', async () => {
    await connection.collection('plans').insertOne({
      ...{
        product_code: 'half',
        plan_code: 'orphan',
        product_name: 'x',
        stripe_price_id: null,
        amount: 0n,
        currency: 'usd',
      },
      ...{
        interval: null,
        interval_count: 0,
        source: 'operator',
        archived: false,
        created_at: new Date(),
      },
    });
    const [orphan] = await store.loadPlans('half' as ProductCode);
    expect(orphan?.policy).toMatchObject({ selfServe: false, trialEnabled: false, overdraftLimitMicrocredits: 0n });
  });
});

describe('what is refused', () => {
  test.each([
    ['a field that the model does not know', { nonsense: 1 }],
    ['a float in the place of an amount', { amount: 0.5 }],
    ['an amount below zero', { amount: -1n }],
    ['an amount beyond 2^53 - 1', { amount: 2n ** 53n }],
    ['an interval that nobody knows', { interval: 'week' }],
    ['a missing name', { product_name: undefined }],
    ['half a unit', { interval_count: 1.5 }],
  ])('%s', async (_, change) => {
    const { product, plans } = demoSeed();
    const [plan] = plans;
    if (plan === undefined) throw new Error('the demo product has no plan');
    // The test hands in what no caller of the right type could.
    const wrong = { ...plan, plan_code: 'wrong', ...change } as CatalogSeed['plans'][number];
    await expect(seedCatalog(connection, { product, plans: [wrong], policies: [], prices: [] })).rejects.toThrow();
    expect(await connection.collection('plans').countDocuments({ plan_code: 'wrong' })).toBe(0);
  });

  test('an operator in the place of a value matches nothing', async () => {
    const injected = { $ne: null } as unknown as ProductCode;
    await expect(store.loadProduct(injected)).rejects.toThrow();
    await expect(store.loadPlans(injected)).rejects.toThrow();
  });

  test('a filter by a field that does not exist is an error and no match of everything', async () => {
    const { plans } = catalogModels(connection);
    await expect(plans.find({ product: 'agentruntime' } as object)).rejects.toThrow();
  });
});

test('a seed again changes nothing, and says where a row differs from it', async () => {
  const before = await connection.collection('plan_policies').find().toArray();
  await connection.collection('plan_policies').updateOne({ plan_code: 'enterprise' }, { $set: { rank: 31 } });
  const results = await seedCatalog(connection, demoSeed());
  expect(results.filter(({ outcome }) => outcome === 'added')).toEqual([]);
  expect(results.filter(({ differing }) => differing.length > 0)).toEqual([
    { collection: 'plan_policies', row: 'agentruntime/enterprise', outcome: 'kept', differing: ['rank'] },
  ]);
  await connection.collection('plan_policies').updateOne({ plan_code: 'enterprise' }, { $set: { rank: 40 } });
  expect(await connection.collection('plan_policies').find().toArray()).toEqual(before);
});

describe('what a sync writes', () => {
  const target = { productCode: AGENTRUNTIME, planCode: 'plus' as PlanCode };
  const policies = () => connection.collection('plan_policies');
  const key = { product_code: 'agentruntime', plan_code: 'plus' };
  const pinned = async (fields: readonly string[]): Promise<void> => {
    await policies().updateOne(key, { $set: { pinned_fields: fields }, $inc: { revision: 1 } });
  };

  /** Reads a policy and writes over it, as a sync does. */
  const sync = async (plan: PolicyTarget, synced: PolicyChange) =>
    writeSyncedPolicy(store, plan, synced, await store.loadPolicy(plan.productCode, plan.planCode));

  test('is the fields that it names and no others, and a second time nothing', async () => {
    const before = await policies().findOne(key);
    const read = await store.loadPolicy(AGENTRUNTIME, target.planCode);
    const synced = { trialEnabled: true, trialDays: 30, memberLimit: 7, paygMinorUnitsPerCredit: { millionths: 1n } };
    const planned = computePolicySync(target, read, synced);
    expect(await policies().findOne(key)).toEqual(before);
    const first = await writeSyncedPolicy(store, target, synced, read);
    expect(first).toEqual(planned);
    expect(first?.changed.map(({ field }) => field)).toEqual([
      ...['trialEnabled', 'trialDays', 'memberLimit', 'paygMinorUnitsPerCredit'],
    ]);
    expect(await policies().findOne(key)).toEqual({
      ...before,
      ...{ trial_enabled: true, trial_days: 30, member_limit: 7, payg_minor_units_per_credit_millionths: 1n },
    });
    expect((await sync(target, synced))?.changed).toEqual([]);
    const none = await sync(target, { memberLimit: null, paygMinorUnitsPerCredit: null });
    expect(none?.changed).toMatchObject([{ before: '7', after: 'none' }, { after: 'none' }]);
    expect((await store.loadPolicy(AGENTRUNTIME, target.planCode))?.policy).toMatchObject({ memberLimit: null });
  });

  test('leaves what an operator has pinned, and says what it would have been', async () => {
    await pinned(['member_limit', 'a_field_of_a_newer_release']);
    const result = await sync(target, { memberLimit: 99, rank: 21 });
    expect(result?.kept).toEqual([{ field: 'memberLimit', before: 'none', after: '99' }]);
    expect((await store.loadPolicy(AGENTRUNTIME, target.planCode))?.policy).toMatchObject({
      ...{ memberLimit: null, rank: 21 },
    });
    await pinned([]);
  });

  test('is nothing where a field is pinned between its read and its write, until that is read', async () => {
    const read = await store.loadPolicy(AGENTRUNTIME, target.planCode);
    await pinned(['rank']);
    const synced = { rank: 77, trialLimitPerPerson: 2 };
    expect(await writeSyncedPolicy(store, target, synced, read)).toBeUndefined();
    expect((await store.loadPolicy(AGENTRUNTIME, target.planCode))?.policy).toEqual(read?.policy);
    expect((await sync(target, synced))?.kept).toMatchObject([{ field: 'rank', after: '77' }]);
    expect((await store.loadPolicy(AGENTRUNTIME, target.planCode))?.policy).toMatchObject({
      ...{ rank: 21, trialLimitPerPerson: 2 },
    });
    await pinned([]);
  });

  test('begins from the default of the spec, once whoever comes first', async () => {
    const fresh = { productCode: 'fresh' as ProductCode, planCode: 'pro' as PlanCode };
    const synced = { includedMicrocreditsPerCycle: 5_000_000n };
    const both = await Promise.all([0, 1].map(() => writeSyncedPolicy(store, fresh, synced, undefined)));
    expect(both.filter((result) => result?.created === true)).toHaveLength(1);
    expect(both).toContain(undefined);
    expect((await store.loadPolicy(fresh.productCode, fresh.planCode))?.policy).toEqual({
      ...computeDefaultPolicy(fresh.planCode),
      ...synced,
    });
  });

  test('reaches rows that were written before there were pins, sources, and rules of PAYG and of payments that fail', async () => {
    const old = { product_code: 'old', plan_code: 'pro' };
    const row = { trial_enabled: true, trial_days: 14, trial_microcredits_granted: 5n, trial_requires_card: false };
    const rest = { auto_trial_on_workspace_creation: true, trial_end_behaviour: 'fallback', self_serve: true };
    const last = { revoke_unused_trial_credits: true, contact_sales: false, payg_allowed: true, rank: 3 };
    await policies().insertOne({ ...old, ...row, ...rest, ...last, member_limit: 2, overdraft_limit_microcredits: 0n });
    await connection.collection('plans').insertOne({ ...old, stripe_price_id: 'price_1', archived: false });
    await connection.collection('products').insertOne({ product_code: 'old', created_at: new Date() });
    const key = { productCode: 'old' as ProductCode, planCode: 'pro' as PlanCode };
    const [plan] = await store.loadPlans(key.productCode);
    expect(plan).toMatchObject({ source: 'stripe', onboardingDefault: false, policy: { rank: 3, creditGates: ['*'] } });
    const unpaid = { pastDueGraceDays: 7, pastDueEnd: 'fallback', cancelAtOnceAllowed: false, refundDebtWaived: false };
    expect(plan?.policy).toMatchObject(unpaid);
    expect((await store.loadPolicy(key.productCode, key.planCode))?.policy).toMatchObject(unpaid);
    expect((await sync(key, { includedMicrocreditsPerCycle: 9n }))?.changed).toHaveLength(1);
    expect(await store.saveSyncedOnboardingPlan(key.productCode, key.planCode)).toBe(true);
    const [synced] = await store.loadPlans(key.productCode);
    expect(synced).toMatchObject({
      onboardingDefault: true,
      policy: { includedMicrocreditsPerCycle: 9n, memberLimit: 2 },
    });
  });

  test('is nothing where the policy would not hold together', async () => {
    const before = await policies().findOne(key);
    const wrong = sync(target, { trialDays: 0, trialEnabled: true, rank: 3 });
    await expect(wrong).rejects.toMatchObject({ reason: 'INVALID_FIELD', violations: [{ field: 'trial_days' }] });
    expect(await policies().findOne(key)).toEqual(before);
  });

  test('names the onboarding plan until an operator has', async () => {
    const products = connection.collection('products');
    const defaults = async () =>
      (await store.loadPlans(AGENTRUNTIME)).flatMap((plan) => (plan.onboardingDefault ? [plan.planCode] : []));
    expect(await store.saveSyncedOnboardingPlan(AGENTRUNTIME, 'max' as PlanCode)).toBe(true);
    expect(await defaults()).toEqual(['max']);
    await products.updateOne({ product_code: 'agentruntime' }, { $set: { onboarding_pinned: true } });
    expect(await store.saveSyncedOnboardingPlan(AGENTRUNTIME, 'pro' as PlanCode)).toBe(false);
    expect(await defaults()).toEqual(['max']);
    await products.updateOne({ product_code: 'agentruntime' }, { $set: { onboarding_pinned: false } });
    expect(await store.saveSyncedOnboardingPlan(AGENTRUNTIME, undefined)).toBe(true);
    expect(await defaults()).toEqual([]);
    await store.saveSyncedOnboardingPlan(AGENTRUNTIME, 'pro' as PlanCode);
  });
});
