// How long rules are kept at hand and how often they are read, over a clock that the test moves.

import { describe, expect, test } from 'vitest';
import type { ProductRules } from '../../kernel/app/catalog/ports.ts';
import { REFRESH_INTERVAL_MS, RULEBOOK_AGE_MAX_MS, RulebookCache } from '../../kernel/app/catalog/rulebook-cache.ts';
import { createPriceBook, type PriceRow, resolveActionPrice } from '../../kernel/domain/action-price.ts';
import type { PlanCode, ProductCode, TenantId } from '../../kernel/domain/id.ts';
import type { Rulebook } from '../../kernel/domain/rulebook.ts';

const PRODUCT = 'agentruntime' as ProductCode;
const TENANT = 'ten_a' as TenantId;
const OTHER_TENANT = 'ten_b' as TenantId;
const PLAN = 'pro' as PlanCode;
const NOW = 1_767_225_600_000;

/** A cache over a store whose reads the test answers, each with a rulebook of its own. */
function createStage({ tenantsCachedMax = 100 } = {}) {
  let nowMs = 1_000;
  let rules: Omit<ProductRules, 'rulebook'> = { revision: 0, hasTenantPrices: false, changedTenants: new Set() };
  let isAnsweringAtOnce = false;
  const reads: { readonly atMs: number; readonly after: number | undefined; answer(): void; fail(): void }[] = [];
  const tenantReads: { readonly tenantId: TenantId; answer(...rows: PriceRow[]): Promise<void>; fail(): void }[] = [];
  const sleepers: { readonly untilMs: number; wake(): void }[] = [];
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const loadProductRules = (productCode: ProductCode, _: number, after: number | undefined): Promise<ProductRules> =>
    new Promise((resolve, reject) => {
      const rulebook: Rulebook = { productCode, policies: new Map(), prices: createPriceBook([]) };
      const answer = (): void => resolve({ ...rules, rulebook });
      reads.push({ atMs: nowMs, after, answer, fail: () => reject(new Error('injected')) });
      if (isAnsweringAtOnce) answer();
    });
  const loadTenantPrices = (_: ProductCode, tenantId: TenantId): Promise<readonly PriceRow[]> =>
    new Promise((resolve, reject) => {
      const answer = (...rows: PriceRow[]): Promise<void> => {
        resolve(rows);
        return settle();
      };
      tenantReads.push({ tenantId, answer, fail: () => reject(new Error('injected')) });
    });
  const delay = (ms: number): Promise<void> =>
    new Promise((resolve) => sleepers.push({ untilMs: nowMs + ms, wake: resolve }));
  return {
    cache: new RulebookCache({
      store: { loadProductRules, loadTenantPrices },
      loadSwitchedOff: async () => new Set(),
      clock: { estimate: () => NOW },
      pacing: { monotonicMs: () => nowMs, delay },
      tenantsCachedMax,
    }),
    reads,
    tenantReads,
    settle,
    /** Has every read of the product answered by itself from now on: with this. */
    answerAtOnce(fields: Partial<typeof rules>): void {
      isAnsweringAtOnce = true;
      rules = { revision: 0, hasTenantPrices: true, changedTenants: new Set(), ...fields };
    },
    async answer(): Promise<void> {
      reads.at(-1)?.answer();
      await settle();
    },
    async pass(ms: number): Promise<void> {
      nowMs += ms;
      for (const sleeper of sleepers.splice(0)) {
        if (sleeper.untilMs <= nowMs) sleeper.wake();
        else sleepers.push(sleeper);
      }
      await settle();
    },
  };
}

/** A price of a tenant, known by its amount. */
function overrideOf(tenantId: TenantId, microcreditsPerUnit: bigint): PriceRow {
  return { action: 'step', rule: 'tenant', tenantId, microcreditsPerUnit, unit: 'step', effectiveAt: 0 };
}

async function priceIn(rulebook: Rulebook | Promise<Rulebook>, tenantId = TENANT): Promise<bigint | undefined> {
  const { prices } = await rulebook;
  return resolveActionPrice(prices, 'step', { tenantId, planCode: PLAN, at: NOW })?.microcreditsPerUnit;
}

describe('loadRulebook', () => {
  test('reads once for all who ask at once, and then not for a while', async () => {
    const { cache, reads, answer } = createStage();
    const asked = [cache.loadRulebook(PRODUCT, TENANT), cache.loadRulebook(PRODUCT, TENANT)];
    await answer();
    const [first, second] = await Promise.all(asked);
    expect(second).toBe(first);
    expect(await cache.loadRulebook(PRODUCT, TENANT)).toBe(first);
    expect(reads).toHaveLength(1);
  });

  test('reads again behind the callers’ backs, and makes them wait only for rules that are too old', async () => {
    const { cache, reads, answer, pass } = createStage();
    const loading = cache.loadRulebook(PRODUCT, TENANT);
    await answer();
    const first = await loading;
    await pass(RULEBOOK_AGE_MAX_MS - 1_000);
    expect(await cache.loadRulebook(PRODUCT, TENANT)).toBe(first);
    expect(reads).toHaveLength(2);
    await pass(2_000);
    const waiting = cache.loadRulebook(PRODUCT, TENANT);
    await answer();
    expect(await waiting).not.toBe(first);
    expect(reads).toHaveLength(2);
  });

  test('answers what it has while the database fails, until that is too old', async () => {
    const { cache, reads, answer, pass } = createStage();
    const loading = cache.loadRulebook(PRODUCT, TENANT);
    await answer();
    const first = await loading;
    await pass(RULEBOOK_AGE_MAX_MS - 1_000);
    expect(await cache.loadRulebook(PRODUCT, TENANT)).toBe(first);
    reads.at(-1)?.fail();
    await pass(2_000);
    const failing = cache.loadRulebook(PRODUCT, TENANT);
    reads.at(-1)?.fail();
    await expect(failing).rejects.toThrow('injected');
  });
});

describe('refreshRulebook', () => {
  test('answers what was read after the call, not what is being read', async () => {
    const { cache, reads, answer, pass } = createStage();
    const loading = cache.loadRulebook(PRODUCT, TENANT);
    const refreshed = cache.refreshRulebook(PRODUCT, TENANT);
    await answer();
    const first = await loading;
    await pass(REFRESH_INTERVAL_MS);
    expect(reads).toHaveLength(2);
    await answer();
    expect(await refreshed).not.toBe(first);
  });

  test('waits for a slow read to end before it begins the next', async () => {
    const { cache, reads, answer, pass } = createStage();
    const loading = cache.loadRulebook(PRODUCT, TENANT);
    const refreshed = cache.refreshRulebook(PRODUCT, TENANT);
    await pass(10 * REFRESH_INTERVAL_MS);
    expect(reads).toHaveLength(1);
    await answer();
    expect(reads).toHaveLength(2);
    await answer();
    expect(await refreshed).not.toBe(await loading);
  });

  test('reads at most once in each interval, however many ask', async () => {
    const { cache, reads, answer, pass } = createStage();
    const asked: Promise<Rulebook>[] = [];
    for (let step = 0; step < 100; step += 1) {
      asked.push(cache.refreshRulebook(PRODUCT, TENANT));
      await answer();
      await pass(10);
    }
    await pass(REFRESH_INTERVAL_MS);
    await answer();
    await Promise.all(asked);
    expect(reads.length).toBeLessThanOrEqual(2 + 1_000 / REFRESH_INTERVAL_MS);
    for (const [index, read] of reads.entries()) {
      const before = reads[index - 1];
      if (before !== undefined) expect(read.atMs - before.atMs).toBeGreaterThanOrEqual(REFRESH_INTERVAL_MS);
    }
  });
});

describe('overrides of tenants', () => {
  test('are not even asked for where a product has none', async () => {
    const { cache, tenantReads, answerAtOnce } = createStage();
    answerAtOnce({ hasTenantPrices: false });
    const rulebook = await cache.loadRulebook(PRODUCT, TENANT);
    expect(await cache.loadRulebook(PRODUCT, OTHER_TENANT)).toBe(rulebook);
    expect(tenantReads).toEqual([]);
  });

  test('are read once for each tenant, also where it has none, and kept over reads of the product', async () => {
    const { cache, reads, tenantReads, answerAtOnce, pass, settle } = createStage();
    answerAtOnce({});
    const asked = [cache.loadRulebook(PRODUCT, TENANT), cache.loadRulebook(PRODUCT, TENANT)];
    const other = cache.loadRulebook(PRODUCT, OTHER_TENANT);
    await settle();
    expect(tenantReads.map(({ tenantId }) => tenantId)).toEqual([TENANT, OTHER_TENANT]);
    await tenantReads[0]?.answer(overrideOf(TENANT, 7n));
    await tenantReads[1]?.answer();
    expect(await Promise.all(asked.map((rulebook) => priceIn(rulebook)))).toEqual([7n, 7n]);
    expect(await priceIn(other, OTHER_TENANT)).toBeUndefined();
    for (let round = 0; round < 20; round += 1) {
      await pass(1_500);
      expect(await priceIn(cache.loadRulebook(PRODUCT, TENANT))).toBe(7n);
      expect(await priceIn(cache.loadRulebook(PRODUCT, OTHER_TENANT), OTHER_TENANT)).toBeUndefined();
    }
    expect(reads.length).toBeGreaterThan(5);
    expect(tenantReads).toHaveLength(2);
  });

  test('hold for nobody else: what a tenant is handed has its own alone', async () => {
    const { cache, tenantReads, answerAtOnce, settle } = createStage();
    answerAtOnce({});
    const rulebook = cache.loadRulebook(PRODUCT, TENANT);
    await settle();
    await tenantReads[0]?.answer(overrideOf(TENANT, 7n));
    expect([...(await rulebook).prices.tenants.keys()]).toEqual([TENANT]);
    expect(await priceIn(rulebook, OTHER_TENANT)).toBeUndefined();
  });

  test('cost the hot path nothing: the same promise is handed out until the product’s rules are new', async () => {
    const { cache, tenantReads, answerAtOnce, pass, settle } = createStage();
    answerAtOnce({});
    void cache.loadRulebook(PRODUCT, TENANT);
    void cache.loadRulebook(PRODUCT, OTHER_TENANT);
    await settle();
    await tenantReads[0]?.answer(overrideOf(TENANT, 7n));
    await tenantReads[1]?.answer();
    for (const tenantId of [TENANT, OTHER_TENANT]) {
      expect(cache.loadRulebook(PRODUCT, tenantId)).toBe(cache.loadRulebook(PRODUCT, tenantId));
    }
    const before = cache.loadRulebook(PRODUCT, TENANT);
    await pass(2_500);
    await cache.loadRulebook(PRODUCT, TENANT);
    await settle();
    expect(cache.loadRulebook(PRODUCT, TENANT)).not.toBe(before);
  });

  test('are read again when a read of the product tells of a change, for that tenant alone', async () => {
    const { cache, reads, tenantReads, answerAtOnce, pass, settle } = createStage();
    answerAtOnce({ revision: 3 });
    void cache.loadRulebook(PRODUCT, TENANT);
    void cache.loadRulebook(PRODUCT, OTHER_TENANT);
    await settle();
    await tenantReads[0]?.answer(overrideOf(TENANT, 7n));
    await tenantReads[1]?.answer(overrideOf(OTHER_TENANT, 8n));
    answerAtOnce({ revision: 4, changedTenants: new Set([TENANT]) });
    await pass(RULEBOOK_AGE_MAX_MS + 1);
    const changed = cache.loadRulebook(PRODUCT, TENANT);
    await settle();
    expect(reads.map(({ after }) => after)).toEqual([undefined, 3]);
    await tenantReads[2]?.answer(overrideOf(TENANT, 9n));
    expect(await priceIn(changed)).toBe(9n);
    expect(await priceIn(cache.loadRulebook(PRODUCT, OTHER_TENANT), OTHER_TENANT)).toBe(8n);
    expect(tenantReads).toHaveLength(3);
  });

  test('are all read again where more changed than can be told', async () => {
    const { cache, tenantReads, answerAtOnce, pass, settle } = createStage();
    answerAtOnce({ revision: 3 });
    void cache.loadRulebook(PRODUCT, TENANT);
    await settle();
    await tenantReads[0]?.answer(overrideOf(TENANT, 7n));
    answerAtOnce({ revision: 5_000, changedTenants: undefined });
    await pass(RULEBOOK_AGE_MAX_MS + 1);
    const changed = cache.loadRulebook(PRODUCT, TENANT);
    await settle();
    await tenantReads[1]?.answer(overrideOf(TENANT, 9n));
    expect(await priceIn(changed)).toBe(9n);
  });

  test('that were being read while they changed are not kept', async () => {
    const { cache, tenantReads, answerAtOnce, pass, settle } = createStage();
    answerAtOnce({ revision: 3 });
    const early = cache.loadRulebook(PRODUCT, TENANT);
    await settle();
    answerAtOnce({ revision: 4, changedTenants: new Set([TENANT]) });
    await pass(RULEBOOK_AGE_MAX_MS + 1);
    const late = cache.loadRulebook(PRODUCT, TENANT);
    await settle();
    // The read that began before the change answers last: it must not stand over the newer one.
    await tenantReads[1]?.answer(overrideOf(TENANT, 9n));
    await tenantReads[0]?.answer(overrideOf(TENANT, 7n));
    expect(await priceIn(early)).toBe(7n);
    expect(await priceIn(late)).toBe(9n);
    expect(await priceIn(cache.loadRulebook(PRODUCT, TENANT))).toBe(9n);
    expect(tenantReads).toHaveLength(2);
  });

  test('that can’t be read fail those who need them, and are asked for again', async () => {
    const { cache, tenantReads, answerAtOnce, settle } = createStage();
    answerAtOnce({});
    const failing = cache.loadRulebook(PRODUCT, TENANT);
    await settle();
    tenantReads[0]?.fail();
    await expect(failing).rejects.toThrow('injected');
    const again = cache.loadRulebook(PRODUCT, TENANT);
    await settle();
    await tenantReads[1]?.answer(overrideOf(TENANT, 7n));
    expect(await priceIn(again)).toBe(7n);
  });

  test('are forgotten longest unused first beyond a bound', async () => {
    const { cache, tenantReads, answerAtOnce, settle } = createStage({ tenantsCachedMax: 10 });
    answerAtOnce({});
    for (let index = 0; index < 25; index += 1) {
      void cache.loadRulebook(PRODUCT, `ten_${index}` as TenantId);
      await settle();
      await tenantReads.at(-1)?.answer();
    }
    await cache.loadRulebook(PRODUCT, 'ten_24' as TenantId);
    await cache.loadRulebook(PRODUCT, 'ten_15' as TenantId);
    expect(tenantReads).toHaveLength(25);
    void cache.loadRulebook(PRODUCT, 'ten_14' as TenantId);
    await settle();
    expect(tenantReads).toHaveLength(26);
  });
});

describe('takeUpChange', () => {
  test('reads a product soon that is at hand, and no other', async () => {
    const { cache, reads, answer, pass, answerAtOnce } = createStage();
    cache.takeUpChange(PRODUCT);
    expect(reads).toHaveLength(0);
    const loading = cache.loadRulebook(PRODUCT, TENANT);
    await answer();
    const first = await loading;
    answerAtOnce({ hasTenantPrices: false });
    cache.takeUpChange(PRODUCT);
    cache.takeUpChange(PRODUCT);
    await pass(REFRESH_INTERVAL_MS);
    expect(reads).toHaveLength(2);
    expect(await cache.loadRulebook(PRODUCT, TENANT)).not.toBe(first);
  });
});
