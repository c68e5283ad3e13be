// Action prices in MongoDB: what the indexes refuse, what is passed over, what a change tells.

import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PriceRecord, PriceStore } from '../../kernel/app/catalog/ports.ts';
import { DEMO_CATALOG } from '../../kernel/cli/demo-catalog.ts';
import { createPriceBook, type PriceRow, resolveAllPrices } from '../../kernel/domain/action-price.ts';
import type { Fingerprint, IdempotencyKey, PlanCode, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import { seedCatalog } from '../../kernel/store/catalog/catalog-seed.ts';
import { openPriceStore } from '../../kernel/store/catalog/price-store.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { seedDemoCatalog } from '../support/demo-catalog.ts';
import { freshDatabaseUri } from '../support/engine.ts';
import { roundCount } from '../support/round-count.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

const AGENTRUNTIME = 'agentruntime' as ProductCode;
const TENANT = 'ten_a' as TenantId;
const OTHER_TENANT = 'ten_b' as TenantId;
const PLAN = 'pro' as PlanCode;
const NOON = 1_767_225_600_000;

let connection: Connection;
let store: PriceStore;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  store = await openPriceStore(connection);
  await seedDemoCatalog(connection);
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

function newProduct(): ProductCode {
  return `product-${randomUUID()}` as ProductCode;
}

const DEFAULT: PriceRow = {
  action: 'step',
  rule: 'default',
  microcreditsPerUnit: 5n,
  unit: 'step',
  effectiveAt: NOON,
};
const OF_PLAN: PriceRow = { ...DEFAULT, rule: 'plan', planCode: PLAN };
const OF_TENANT: PriceRow = { ...DEFAULT, rule: 'tenant', tenantId: TENANT };

function recordOf(productCode: ProductCode, revision: number, row: PriceRow): PriceRecord {
  const requestKey = `req:sysadmin/test:set_action_price:${randomUUID()}` as IdempotencyKey;
  const request = { requestKey, fingerprint: '1:x' as Fingerprint, actor: 'usr_operator', reason: 'because' };
  return { productCode, revision, row, ...request, createdAt: NOON - 1 };
}

/** Stores rows as the setter does, in their order; answers the product that has them. One may be left without marks. */
async function setAll(rows: readonly PriceRow[], crashAt?: number): Promise<ProductCode> {
  const productCode = newProduct();
  for (const [index, row] of rows.entries()) {
    const later = rows
      .slice(0, index)
      .filter((other) => isSameTarget(other, row) && other.effectiveAt > row.effectiveAt);
    const supersededAt = Math.min(...later.map(({ effectiveAt }) => effectiveAt));
    const record = recordOf(productCode, index + 1, row);
    const marked = later.length === 0 || index === crashAt ? record : { ...record, supersededAt };
    expect(await store.insertPrice(marked)).toBe(true);
    if (index !== crashAt) await store.markSuperseded(productCode, row);
  }
  return productCode;
}

function isSameTarget(a: PriceRow, b: PriceRow): boolean {
  return a.action === b.action && a.planCode === b.planCode && a.tenantId === b.tenantId;
}

function timesOf(rows: readonly PriceRow[] = []): readonly number[] {
  return rows.map(({ effectiveAt }) => effectiveAt - NOON).toSorted((a, b) => a - b);
}

describe('what is refused', () => {
  test('a second row of one revision, of one request, or of one target and time', async () => {
    const productCode = newProduct();
    const first = recordOf(productCode, 1, DEFAULT);
    expect(await store.insertPrice(first)).toBe(true);
    const later = { ...DEFAULT, effectiveAt: NOON + 1 };
    expect(await store.insertPrice(recordOf(productCode, 1, later))).toBe(false);
    expect(await store.insertPrice({ ...recordOf(productCode, 2, later), requestKey: first.requestKey })).toBe(false);
    expect(await store.insertPrice(recordOf(productCode, 2, { ...DEFAULT, microcreditsPerUnit: 6n }))).toBe(false);
    expect(await store.insertPrice(recordOf(productCode, 2, later))).toBe(true);
    expect(await store.insertPrice(recordOf(newProduct(), 1, DEFAULT))).toBe(true);
  });

  test.each([
    ['no price', { microcredits_per_unit: undefined }],
    ['a price below zero', { microcredits_per_unit: -1n }],
    ['a price beyond 2^53 - 1', { microcredits_per_unit: 2n ** 53n }],
    ['no unit', { unit: undefined }],
    ['a rule that nobody knows', { rule: 'region' }],
    ['a field that the model does not know', { discount: 1 }],
  ])('%s', async (_, change) => {
    const [seed] = DEMO_CATALOG;
    const [price] = seed?.prices ?? [];
    if (seed === undefined || price === undefined) throw new Error('the demo product has no price');
    // The test hands in what no caller of the right type could.
    const wrong = { ...price, action: 'wrong', ...change } as typeof price;
    const only = { product: seed.product, plans: [], policies: [], prices: [wrong] };
    await expect(seedCatalog(connection, only)).rejects.toThrow();
    expect(await connection.collection('action_prices').countDocuments({ action: 'wrong' })).toBe(0);
  });

  test('an operator in the place of a value matches nothing', async () => {
    const injected = { $ne: null } as unknown as TenantId;
    await expect(store.loadTenantPrices(AGENTRUNTIME, injected, 0)).rejects.toThrow();
  });

  test('unique indexes that can’t be made keep the store from opening', async () => {
    const uri = freshDatabaseUri();
    const broken = await openConnection({ uri, timeoutMs: 10_000, onCommand: () => undefined });
    const twice = { product_code: 'x', revision: 1 };
    await broken.collection('action_prices').insertMany([
      { ...twice, action: 'a' },
      { ...twice, action: 'b' },
    ]);
    await expect(openPriceStore(broken)).rejects.toThrow(/product_code.*revision.*action_prices/);
    await broken.dropDatabase();
    await broken.close();
  });
});

describe('what is stored', () => {
  test('comes back as it was set, with who set it, why, and by which request', async () => {
    const productCode = newProduct();
    const end: PriceRow = {
      ...{ action: 'step', rule: 'tenant', tenantId: TENANT },
      ...{ effectiveAt: NOON + 9, endsOverride: true },
    };
    for (const [index, row] of [DEFAULT, OF_PLAN, { ...OF_TENANT, microcreditsPerUnit: 0n }, end].entries()) {
      const record = recordOf(productCode, index + 1, row);
      await store.insertPrice(record);
      expect(await store.loadPriceByRequestKey(record.requestKey)).toEqual(record);
    }
    expect(await store.loadPriceByRequestKey('req:nobody' as IdempotencyKey)).toBeUndefined();
    const raw = await connection
      .collection('action_prices')
      .findOne({ product_code: productCode, revision: 1 }, { useBigInt64: false, promoteValues: false });
    expect(raw?.['microcredits_per_unit']).toMatchObject({ _bsontype: 'Long' });
  });

  test('rows of the seed stand beside those that were set, and a seed again changes nothing', async () => {
    const [seed] = DEMO_CATALOG;
    if (seed === undefined) throw new Error('there is no demo product');
    expect(await store.loadPriceRevision(AGENTRUNTIME)).toBe(0);
    const row = { ...DEFAULT, action: 'workflow.step.execute' };
    await store.insertPrice(recordOf(AGENTRUNTIME, 1, row));
    await store.markSuperseded(AGENTRUNTIME, row);
    const before = await connection.collection('action_prices').find().toArray();
    const results = await seedCatalog(connection, seed);
    expect(results.filter(({ outcome, differing }) => outcome === 'added' || differing.length > 0)).toEqual([]);
    expect(await connection.collection('action_prices').find().toArray()).toEqual(before);
    expect(await store.loadPriceRevision(AGENTRUNTIME)).toBe(1);
  });

  test('the unit of an action is that of its default, else of any price, and never of an end', async () => {
    const job = { ...OF_TENANT, unit: 'job' };
    const end: PriceRow = { action: 'step', rule: 'plan', planCode: PLAN, effectiveAt: NOON + 1, endsOverride: true };
    const productCode = await setAll([end, job]);
    expect(await store.loadUnit(productCode, 'step')).toBe('job');
    await store.insertPrice(recordOf(productCode, 3, DEFAULT));
    expect(await store.loadUnit(productCode, 'step')).toBe('step');
    expect(await store.loadUnit(productCode, 'other')).toBeUndefined();
    expect(await store.loadUnit(newProduct(), 'step')).toBeUndefined();
  });
});

describe('loadProductRules', () => {
  test('has every default and plan price and policy of its product, and none of a tenant or another product', async () => {
    const productCode = await setAll([DEFAULT, OF_PLAN, OF_TENANT]);
    const { rulebook, revision, hasTenantPrices } = await store.loadProductRules(productCode, 0, undefined);
    expect([...rulebook.prices.defaults.keys()]).toEqual(['step']);
    expect([...rulebook.prices.plans.keys()]).toEqual([PLAN]);
    expect([rulebook.prices.tenants.size, revision, hasTenantPrices]).toEqual([0, 3, true]);
    const seeded = await store.loadProductRules(AGENTRUNTIME, 0, undefined);
    expect([...seeded.rulebook.prices.defaults.keys()].sort()).toEqual([
      'memory_extract_bulk',
      'memory_extract_interactive',
      'memory_index_file_mb',
      'workflow.step.execute',
    ]);
    expect(seeded.rulebook.policies.size).toBe(8);
    const onSale = [...seeded.rulebook.policies].filter(([, { isOnSale }]) => isOnSale).map(([planCode]) => planCode);
    expect(onSale.sort()).toEqual(['max', 'max_annual', 'plus', 'plus_annual', 'pro', 'pro_annual']);
    expect(seeded.rulebook.policies.get('plus' as PlanCode)).toEqual({
      ...{ overdraftLimit: 0n, creditGates: ['*'], paygAllowed: true, rank: 20, isOnSale: true, isSoldBySales: false },
      ...{
        cycle: { interval: 'month', intervalCount: 1 },
        isArchived: false,
        includedPerCycle: 20_000_000n,
        trialGranted: 0n,
      },
    });
    expect(seeded.rulebook.policies.get('enterprise' as PlanCode)).toMatchObject({
      isOnSale: false,
      isSoldBySales: true,
    });
    expect(seeded.rulebook).toMatchObject({ fallbackPlanCode: 'free' });
    expect(seeded.rulebook.policies.get('pro' as PlanCode)?.trialGranted).toBe(5_000_000n);
    const nothing = await store.loadProductRules(newProduct(), 0, undefined);
    expect(nothing).toMatchObject({ revision: 0, hasTenantPrices: false, changedTenants: new Set() });
    expect([nothing.rulebook.prices.defaults.size, nothing.rulebook.policies.size]).toEqual([0, 0]);
  });

  test('tells whose prices changed after a revision, and that it were too many to say', async () => {
    const productCode = await setAll([OF_TENANT, DEFAULT, { ...OF_TENANT, tenantId: OTHER_TENANT }]);
    const changesAfter = async (revision: number) => {
      const { changedTenants, ...rest } = await store.loadProductRules(productCode, 0, revision);
      return [rest.revision, changedTenants === undefined ? undefined : [...changedTenants].sort()];
    };
    expect(await changesAfter(0)).toEqual([3, [TENANT, OTHER_TENANT]]);
    expect(await changesAfter(1)).toEqual([3, [OTHER_TENANT]]);
    expect(await changesAfter(3)).toEqual([3, []]);
    const many = Array.from({ length: 101 }, (_, index) => ({
      ...{ product_code: productCode, rule: 'tenant', plan_code: null, tenant_id: `ten_${index}`, action: 'step' },
      ...{ microcredits_per_unit: 1n, unit: 'step', effective_at: new Date(NOON), created_at: new Date() },
      revision: index + 4,
    }));
    await connection.collection('action_prices').insertMany(many);
    expect(await changesAfter(3)).toEqual([104, undefined]);
    expect((await changesAfter(4))[1]).toHaveLength(100);
  });

  test('passes over rows that are superseded for longer than asked, and keeps what holds or will', async () => {
    const at = (offset: number) => ({ ...DEFAULT, effectiveAt: NOON + offset });
    const productCode = await setAll([at(0), at(10), at(20), at(5)]);
    const known = async (since: number) => {
      const { rulebook } = await store.loadProductRules(productCode, NOON + since, undefined);
      return timesOf(rulebook.prices.defaults.get('step'));
    };
    expect(await known(-1)).toEqual([0, 5, 10, 20]);
    expect(await known(5)).toEqual([5, 10, 20]);
    expect(await known(19)).toEqual([10, 20]);
    expect(await known(1_000)).toEqual([20]);
  });
});

test('a price that holds since long ago is read without those before it, however many there are', async () => {
  const rows = Array.from({ length: 20 }, (_, index) => ({ ...OF_TENANT, effectiveAt: NOON + index }));
  const productCode = await setAll(rows);
  expect(timesOf(await store.loadTenantPrices(productCode, TENANT, NOON + 1_000))).toEqual([19]);
  expect(timesOf(await store.loadTargetPrices(productCode, OF_TENANT, NOON + 1_000))).toEqual([19]);
  expect(await store.loadTenantPrices(productCode, OTHER_TENANT, 0)).toEqual([]);
  const query = { tenantId: TENANT, planCode: PLAN, at: NOON + 10 };
  const book = await store.loadPricesAt(productCode, query);
  expect(timesOf(book.tenants.get(TENANT)?.get('step'))).toEqual([10]);
});

test('whatever is set in whatever order, a read for a time answers what all rows together would', async () => {
  const bases: readonly PriceRow[] = [DEFAULT, OF_PLAN, OF_TENANT, { ...OF_TENANT, tenantId: OTHER_TENANT }];
  const rows = fc
    .uniqueArray(fc.record({ base: fc.constantFrom(...bases), offset: fc.nat(6), ends: fc.boolean() }), {
      minLength: 1,
      maxLength: 8,
      selector: ({ base, offset }) => `${base.rule}:${base.tenantId}@${offset}`,
    })
    .map((choices) =>
      choices.map(({ base, offset, ends }): PriceRow => {
        const row = { ...base, effectiveAt: NOON + offset };
        if (!ends || row.rule === 'default') return row;
        const target = row.tenantId === undefined ? { planCode: PLAN } : { tenantId: row.tenantId };
        return { action: row.action, rule: row.rule, ...target, effectiveAt: row.effectiveAt, endsOverride: true };
      }),
    );
  await fc.assert(
    fc.asyncProperty(rows, fc.nat(10), async (set, crashAt) => {
      const productCode = await setAll(set, crashAt);
      for (let offset = 0; offset <= 6; offset += 2) {
        const query = { tenantId: TENANT, planCode: PLAN, at: NOON + offset };
        const expected = resolveAllPrices(createPriceBook(set), query);
        expect(resolveAllPrices(await store.loadPricesAt(productCode, query), query)).toEqual(expected);
        // What a kernel keeps at hand from then on knows that time and every later one.
        const { rulebook } = await store.loadProductRules(productCode, query.at, undefined);
        const own = createPriceBook(await store.loadTenantPrices(productCode, TENANT, query.at)).tenants;
        for (let later = offset; later <= 7; later += 1) {
          const then = { ...query, at: NOON + later };
          const expectedThen = resolveAllPrices(createPriceBook(set), then);
          expect(resolveAllPrices({ ...rulebook.prices, tenants: own }, then)).toEqual(expectedThen);
        }
      }
    }),
    { numRuns: roundCount(15, 500) },
  );
});
