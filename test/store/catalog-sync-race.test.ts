// A sync and operators who write at the same time, over one database: what an operator has set stays, the plan that workspaces
// fall back to stays on sale, and the report says what is so.

import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CatalogStore, Plan } from '../../kernel/app/catalog/ports.ts';
import { CatalogSync, type SyncReport } from '../../kernel/app/catalog-sync/catalog-sync.ts';
import type { CatalogSyncStore } from '../../kernel/app/catalog-sync/ports.ts';
import { CatalogAdmin } from '../../kernel/app/operator/catalog-admin.ts';
import { ChangeBook } from '../../kernel/app/operator/change-book.ts';
import type { AuditStore } from '../../kernel/app/operator/ports.ts';
import type { PlanCode, ProductCode } from '../../kernel/domain/id.ts';
import type { StripePrice } from '../../kernel/domain/stripe-price.ts';
import { RANDOM_ID_SOURCE } from '../../kernel/id-source.ts';
import { PROCESS_PACING } from '../../kernel/pacing.ts';
import { openCatalogStore } from '../../kernel/store/catalog/catalog-store.ts';
import { openCatalogSyncStore } from '../../kernel/store/catalog/catalog-sync-store.ts';
import { openPriceStore } from '../../kernel/store/catalog/price-store.ts';
import { openConnection } from '../../kernel/store/connection.ts';
import { openAuditLogStore } from '../../kernel/store/operator/audit-store.ts';
import { override } from '../contract/support/override.ts';
import { stripePrice } from '../domain/support/stripe-price.ts';
import { freshDatabaseUri } from '../support/engine.ts';

type Connection = Awaited<ReturnType<typeof openConnection>>;

const productCode = 'shop' as ProductCode;
const BASIC = 'basic' as PlanCode;
const TEAM = 'team' as PlanCode;
const clock = { now: () => Date.now(), estimate: () => Date.now() };

let connection: Connection;
let stores: { catalog: CatalogStore; sync: CatalogSyncStore; audit: AuditStore };
let admin: CatalogAdmin;
let requests = 0;

beforeAll(async () => {
  connection = await openConnection({ uri: freshDatabaseUri(), timeoutMs: 10_000, onCommand: () => undefined });
  stores = {
    catalog: await openCatalogStore(connection),
    sync: openCatalogSyncStore(connection),
    audit: await openAuditLogStore(connection),
  };
  admin = await adminOver(stores.audit);
});
afterAll(async () => {
  await connection.dropDatabase();
  await connection.close();
});

// A product with an operator's plan `free`, on which its workspaces start, and Stripe's plan `basic`.
beforeEach(async () => {
  for (const name of ['products', 'plans', 'plan_policies', 'audit_log'])
    await connection.collection(name).deleteMany();
  const free = { productCode, planCode: 'free' as PlanCode };
  const names = { displayName: 'A product', fallbackPlanCode: free.planCode, currency: 'usd' };
  await admin.registerProduct(request(), { productCode, ...names });
  await admin.upsertPlan(request(), { ...free, productName: 'Free', archived: false });
  await admin.updateProduct(request(), { productCode, onboardingPlanCode: free.planCode });
  await syncWith([priceOf(BASIC)]);
});

async function adminOver(audit: AuditStore): Promise<CatalogAdmin> {
  const book = new ChangeBook({ store: audit, clock, ids: RANDOM_ID_SOURCE, pacing: PROCESS_PACING });
  return new CatalogAdmin({ store: stores.catalog, prices: await openPriceStore(connection), book });
}

function request() {
  requests += 1;
  return { requestId: `${requests}`, callerScope: 'sysadmin/test', actor: 'usr_test', reason: 'test' };
}

function priceOf(planCode: PlanCode, metadata: Readonly<Record<string, string>> = {}): StripePrice {
  return stripePrice({ priceId: `price_${planCode}` }, { product_code: productCode, plan_code: planCode, ...metadata });
}

/** Syncs over these Prices, which are all that there are. */
function syncWith(
  prices: readonly StripePrice[],
  parts: { readonly catalog?: Partial<CatalogStore>; readonly sync?: Partial<CatalogSyncStore> } = {},
): Promise<SyncReport> {
  const sync = new CatalogSync({
    stripe: {
      loadPages: (active) => Readable.from(active ? [prices] : []),
      loadPrice: () => Promise.resolve(undefined),
    },
    store: override(stores.sync, parts.sync ?? {}),
    catalog: override(stores.catalog, parts.catalog ?? {}),
    observer: { synced: () => undefined, syncFailed: () => undefined },
    ...{ clock, pacing: PROCESS_PACING },
  });
  return sync.run({ dryRun: false });
}

/** Does something before the first call of a method, and nothing before the others. */
function beforeFirst<Args extends unknown[], Result>(
  act: () => Promise<unknown>,
  method: (...args: Args) => Promise<Result>,
): (...args: Args) => Promise<Result> {
  let isDone = false;
  return async (...args) => {
    if (!isDone) {
      isDone = true;
      await act();
    }
    return method(...args);
  };
}

async function planOf(planCode: PlanCode): Promise<Plan | undefined> {
  return (await stores.catalog.loadPlans(productCode)).find((plan) => plan.planCode === planCode);
}

const reasonsOf = (report: SyncReport) => report.badRows.map(({ reason }) => reason);

describe('what an operator sets between a sync’s read and its write stays', () => {
  test('in a policy, and is reported as pinned', async () => {
    const pin = () =>
      admin.upsertPolicy(request(), { productCode, planCode: BASIC, change: { rank: 77 }, unpinFields: new Set() });
    const saveSyncedPolicy = beforeFirst(pin, stores.catalog.saveSyncedPolicy);
    const report = await syncWith([priceOf(BASIC, { rank: '5', member_limit: '9' })], {
      catalog: { saveSyncedPolicy },
    });
    expect((await planOf(BASIC))?.policy).toMatchObject({ rank: 77, memberLimit: 9 });
    expect(report.pinned).toMatchObject([{ productCode, field: 'rank', stored: '77', stripe: '5' }]);
    expect(report.changes.map(({ differences }) => differences.map(({ field }) => field))).toEqual([['member_limit']]);
  });

  test('in a policy that the sync was about to make', async () => {
    const make = async () => {
      await admin.upsertPlan(request(), { productCode, planCode: TEAM, productName: 'Team', archived: true });
      const change = { memberLimit: 4 };
      await admin.upsertPolicy(request(), { productCode, planCode: TEAM, change, unpinFields: new Set() });
    };
    const insertPolicy = beforeFirst(make, stores.catalog.insertPolicy);
    const prices = [priceOf(BASIC), priceOf(TEAM, { member_limit: '9', rank: '6' })];
    const report = await syncWith(prices, { catalog: { insertPolicy } });
    expect(await planOf(TEAM)).toMatchObject({ source: 'stripe', policy: { memberLimit: 4, rank: 6 } });
    expect(report.pinned).toMatchObject([{ planCode: TEAM, field: 'member_limit', stored: '4', stripe: '9' }]);
  });

  test('in the row of a plan, which the sync then compares anew', async () => {
    const make = () => admin.upsertPlan(request(), { productCode, planCode: TEAM, productName: 'T', archived: true });
    const savePlan = beforeFirst(make, stores.sync.savePlan);
    const report = await syncWith([priceOf(BASIC), priceOf(TEAM)], { sync: { savePlan } });
    // A plan that an operator has archived may be sold by Stripe: what was there before is told.
    const [change] = report.changes;
    expect(change).toMatchObject({ planCode: TEAM, kind: 'restored' });
    expect(change?.differences).toContainEqual({ field: 'source', before: 'operator', after: 'stripe' });
    expect(await planOf(TEAM)).toMatchObject({ source: 'stripe', archived: false, revision: 1 });
  });

  test('in the row of a plan that is on sale, which no Price takes over', async () => {
    const make = () => admin.upsertPlan(request(), { productCode, planCode: TEAM, productName: 'T', archived: false });
    const savePlan = beforeFirst(make, stores.sync.savePlan);
    const report = await syncWith([priceOf(BASIC), priceOf(TEAM)], { sync: { savePlan } });
    expect(reasonsOf(report)).toEqual(['plan_of_operator']);
    expect(report.changes).toEqual([]);
    expect(await planOf(TEAM)).toMatchObject({ source: 'operator', archived: false, revision: 1 });
  });

  test('as the onboarding plan', async () => {
    await admin.updateProduct(request(), { productCode, unpinOnboarding: true });
    const name = () => admin.updateProduct(request(), { productCode, onboardingPlanCode: null });
    const saveSyncedOnboardingPlan = beforeFirst(name, stores.catalog.saveSyncedOnboardingPlan);
    const prices = [priceOf(BASIC, { onboarding_default: 'true' })];
    const report = await syncWith(prices, { catalog: { saveSyncedOnboardingPlan } });
    expect(await stores.catalog.loadProduct(productCode)).toMatchObject({ onboardingPinned: true });
    expect((await planOf(BASIC))?.onboardingDefault).toBe(false);
    expect(report.pinned).toMatchObject([{ productCode, field: 'onboarding_default' }]);
    expect(report.onboarding).toEqual([]);
  });
});

describe('a plan whose Price is gone', () => {
  const fallBack = () => admin.updateProduct(request(), { productCode, fallbackPlanCode: BASIC });

  test('stays on sale where it becomes the fallback plan while a sync is about to archive it', async () => {
    const report = await syncWith([], { sync: { savePlan: beforeFirst(fallBack, stores.sync.savePlan) } });
    expect(await planOf(BASIC)).toMatchObject({ archived: false });
    expect(reasonsOf(report)).toEqual(['fallback_plan_gone']);
    expect(report.changes).toEqual([]);
  });

  test('stays on sale where a sync archives it while it is about to become the fallback plan', async () => {
    const insertChange = beforeFirst(() => syncWith([]), stores.audit.insertChange);
    const held = await adminOver(override(stores.audit, { insertChange }));
    await held.updateProduct(request(), { productCode, fallbackPlanCode: BASIC });
    expect(await planOf(BASIC)).toMatchObject({ archived: false });
    expect(reasonsOf(await syncWith([]))).toEqual(['fallback_plan_gone']);
    expect(await planOf(BASIC)).toMatchObject({ archived: false });
  });

  test('stays on sale where the product names it between the reads of a sync', async () => {
    let isNamed = false;
    const loadCatalog: CatalogSyncStore['loadCatalog'] = async () => {
      const before = await stores.sync.loadCatalog();
      if (isNamed) return before;
      isNamed = true;
      await fallBack();
      // The plans as they were, the products as they are: later, as the store reads them.
      return { ...before, products: (await stores.sync.loadCatalog()).products };
    };
    expect(reasonsOf(await syncWith([], { sync: { loadCatalog } }))).toEqual(['fallback_plan_gone']);
    expect(await planOf(BASIC)).toMatchObject({ archived: false });
  });

  test('is archived where new workspaces start on it, and that is told', async () => {
    await admin.updateProduct(request(), { productCode, onboardingPlanCode: BASIC });
    expect(reasonsOf(await syncWith([]))).toEqual(['onboarding_plan_gone']);
    expect(await planOf(BASIC)).toMatchObject({ archived: true, onboardingDefault: true });
  });
});
