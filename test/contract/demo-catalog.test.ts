// The catalog of the local stack: the seed has what operators set, a sync from Stripe brings the rest, and the demo's
// workspaces begin on what is there, also where an account at Stripe has nothing of the demo.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chargeDemoUsage, loadDemoTenant } from '../../dev/demo-data.ts';
import type { KernelClient } from '../../dev/kernel-client.ts';
import { StackError } from '../../dev/stack-error.ts';
import { syncStripePlans } from '../../dev/stripe-plan.ts';
import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { LedgerServiceService, ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { TrialServiceService } from '../../gen/wheelhouse/subscription/v1/trial_service.ts';
import { DEMO_CATALOG } from '../../kernel/cli/demo-catalog.ts';
import { SOLD_PLANS } from '../support/demo-catalog.ts';
import { callersOf } from './support/account.ts';
import { type KernelFixture, openKernel } from './support/kernel-fixture.ts';
import { createPlan, openStripe, type StripeFixture } from './support/stripe.ts';

const ISSUER = 'http://127.0.0.1:8095';

let stripe: StripeFixture;
let kernel: KernelFixture;
let callers: { readonly sysadmin: KernelClient; readonly internal: KernelClient };

async function open(hasCatalog: boolean): Promise<void> {
  stripe = await openStripe({ hasCatalog });
  kernel = await openKernel({ stripe: stripe.config }, { hasSoldPlans: false });
  const { sysadmin, internal } = callersOf(kernel);
  callers = { sysadmin, internal };
}

async function close(): Promise<void> {
  await kernel.close();
  await stripe.stop();
}

const ignore = (): void => undefined;

function rowsOf(collection: string): Promise<readonly Record<string, unknown>[]> {
  const projection = { _id: 0, created_at: 0, sync_turn: 0 };
  return kernel.connection.collection(collection).find({}, { projection }).toArray();
}

/** The plan in force, which is the trial's while one goes on. */
async function startPlanOf(tenantId: string): Promise<string> {
  return (await callers.internal.call(TrialServiceService.getTrial, { tenantId })).planCode;
}

describe('a Stripe with the plans of the demo', () => {
  beforeAll(() => open(true));
  afterAll(close);

  test('gives exactly the plans and policies that the seed does not have, and tells how many', async () => {
    expect(DEMO_CATALOG.flatMap(({ plans }) => plans.map(({ source }) => source))).not.toContain('stripe');
    const notes: string[] = [];
    const plans = await syncStripePlans(callers.sysadmin, (text) => notes.push(text));
    expect(plans).toEqual({
      countByProduct: new Map([
        ['agentruntime', 6],
        ['otherproduct', 1],
      ]),
      problems: 0,
    });
    expect(notes.at(-1)).toMatch(/^7 prices read/);
    const [stored, policies] = [await rowsOf('plans'), await rowsOf('plan_policies')];
    const sold = stored.filter(({ source }) => source === 'stripe');
    expect(sold).toHaveLength(SOLD_PLANS.length);
    expect(sold).toEqual(expect.arrayContaining(SOLD_PLANS.map(({ plan }) => plan)));
    expect(policies).toEqual(expect.arrayContaining(SOLD_PLANS.map(({ policy }) => policy)));
    expect(stored).toHaveLength(SOLD_PLANS.length + DEMO_CATALOG.flatMap((seed) => seed.plans).length);
  });

  test('lets the demo’s workspaces begin on the onboarding plan', async () => {
    expect(await startPlanOf(await loadDemoTenant(callers.sysadmin, 'agentruntime', ISSUER))).toBe('pro');
    expect(await startPlanOf(await loadDemoTenant(callers.sysadmin, 'otherproduct', ISSUER))).toBe('pro');
  });

  test('has a demo workspace for the people of each issuer', async () => {
    const issuers = [ISSUER, 'http://127.0.0.1:8195', ISSUER];
    const [first, second, again] = await Promise.all(
      issuers.map((issuer) => loadDemoTenant(callers.sysadmin, 'agentruntime', issuer)),
    );
    expect(second).not.toBe(first);
    expect(again).toBe(first);
  });

  test('charges usage to the project of the demo’s people, once, also where an earlier release named another', async () => {
    const productCode = 'agentruntime';
    const tenantId = await loadDemoTenant(callers.sysadmin, productCode, 'http://127.0.0.1:8196');
    for (const projectId of ['prj_1', 'prj_1', 'prj_2']) {
      await chargeDemoUsage(callers.internal, { productCode, tenantId, projectId });
    }
    const { entries } = await callers.internal.call(
      LedgerServiceService.listEntries,
      ListEntriesRequest.fromPartial({ tenantId, filter: { types: [EntryType.DEBITED] } }),
    );
    expect(entries.map(({ detail }) => detail)).toMatchObject([
      { $case: 'debit', value: { projectId: 'prj_1' } },
      { $case: 'debit', value: { projectId: 'prj_1' } },
    ]);
  });
});

describe('an account at Stripe without the plans of the demo', () => {
  beforeAll(() => open(false));
  afterAll(close);

  test('leaves the demo’s workspaces on the plan that Stripe does not sell, and where they are when it gets some', async () => {
    const none = await syncStripePlans(callers.sysadmin, ignore);
    expect([...none.countByProduct.values()]).toEqual([0, 0]);
    const tenantId = await loadDemoTenant(callers.sysadmin, 'agentruntime', ISSUER);
    expect(await startPlanOf(tenantId)).toBe('free');
    await createPlan(stripe.stripe, 'pro');
    await createPlan(stripe.stripe, 'typo', { product_code: 'agentruntme' });
    const some = await syncStripePlans(callers.sysadmin, ignore);
    expect([some.countByProduct.get('agentruntime'), some.problems]).toEqual([1, 1]);
    expect(await loadDemoTenant(callers.sysadmin, 'agentruntime', ISSUER)).toBe(tenantId);
    expect(await startPlanOf(tenantId)).toBe('free');
  });
});

test('a key that Stripe does not take is said in a sentence', async () => {
  stripe = await openStripe();
  kernel = await openKernel({ stripe: { ...stripe.config, secretKey: 'sk_live_wrong_4711' } }, { hasSoldPlans: false });
  const syncing = syncStripePlans(callersOf(kernel).sysadmin, ignore);
  await expect(syncing).rejects.toThrow(StackError);
  await expect(syncing).rejects.toThrow(
    "The plans can't be brought from Stripe: Stripe does not know the key: correct STRIPE_SECRET_KEY.",
  );
  await close();
});
