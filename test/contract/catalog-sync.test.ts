// The sync of the catalog, through a kernel whose Stripe is the sandbox: what it changes, what it reports, what it leaves.

import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CatalogServiceService, ListPlansRequest } from '../../gen/wheelhouse/catalog/v1/catalog_service.ts';
import { BadRowReason, PlanChangeKind } from '../../gen/wheelhouse/catalog/v1/catalog_sync_service.ts';
import type { Plan } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import { BillingInterval, PlanSource } from '../../gen/wheelhouse/catalog/v1/plan.ts';
import { AuditOutcome } from '../../gen/wheelhouse/operator/v1/audit_record.ts';
import { callersOf, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import {
  createPlan,
  createPlans,
  openStripe,
  openSyncedKernel,
  type StripeFixture,
  syncCatalog,
} from './support/stripe.ts';

/** What stands in the audit log of a sync that an operator asked for. */
const AUDITED = { method: 'CatalogSyncService/SyncCatalog', ...OPERATOR };

let stripe: StripeFixture;
let kernel: KernelFixture;
let other: KernelFixture;

beforeAll(async () => {
  stripe = await openStripe({ hasCatalog: true });
  kernel = await openSyncedKernel({ stripe: stripe.config });
  other = await openSyncedKernel({ stripe: stripe.config, mongodbUri: kernel.mongodbUri });
});
afterAll(async () => {
  await other.close();
  await kernel.close();
  await stripe.stop();
});

async function plansOf(productCode = 'agentruntime', of = kernel): Promise<ReadonlyMap<string, Plan>> {
  const request = ListPlansRequest.fromPartial({ productCode, includeArchived: true, pageSize: 1_000 });
  const { plans } = await callersOf(of).sysadmin.call(CatalogServiceService.listPlans, request);
  return new Map(plans.map((plan) => [plan.planCode, plan]));
}

const documentsOf = (collection: string, of = kernel) =>
  of.connection.collection(collection).find().sort({ product_code: 1, plan_code: 1 }).toArray();

/** Runs over a Stripe and a database of its own. */
async function withOwnStripe(
  run: (own: { stripe: StripeFixture; kernel: KernelFixture }) => Promise<void>,
): Promise<void> {
  const ownStripe = await openStripe();
  const ownKernel = await openSyncedKernel({ stripe: ownStripe.config });
  try {
    await run({ stripe: ownStripe, kernel: ownKernel });
  } finally {
    await ownKernel.close();
    await ownStripe.stop();
  }
}

describe('a sync', () => {
  test('of what is there already changes nothing, and says how much that is', async () => {
    await syncCatalog(kernel);
    const before = await Promise.all(['plans', 'plan_policies', 'products'].map((name) => documentsOf(name)));
    const { changes, badRows, pinned, onboarding, summary } = await syncCatalog(kernel);
    expect({ changes, badRows, pinned, onboarding }).toEqual({ changes: [], badRows: [], pinned: [], onboarding: [] });
    expect(summary).toEqual({
      ...{ pricesRead: 7n, unchangedPlans: 7n, ignoredPrices: 0n },
      ...{ changedPlans: 0n, badRows: 0n },
    });
    expect(await Promise.all(['plans', 'plan_policies', 'products'].map((name) => documentsOf(name)))).toEqual(before);
  });

  test('takes over a new plan with its policy, and shows it to BFFs of its product alone', async () => {
    const price = await createPlan(stripe.stripe, 'team', {
      ...{ included_microcredits_per_cycle: '7000000', rank: '15', member_limit: '25', trial_enabled: 'true' },
      ...{ trial_days: '30', trial_microcredits_granted: '9000000', payg_packages: '1000:10000000 4500:50000000' },
      ...{
        past_due_grace_days: '14',
        past_due_end: 'keep',
        cancel_at_once_allowed: 'true',
        refund_debt_waived: 'true',
      },
      ...{ self_serve: 'true', credit_gates: '* !memory_extract_bulk', overdraft_limit_microcredits: '1000000' },
    });
    const { changes } = await syncCatalog(kernel);
    expect(changes).toMatchObject([
      { productCode: 'agentruntime', planCode: 'team', kind: PlanChangeKind.ADDED, stripePriceId: price.id },
    ]);
    expect((await plansOf()).get('team')).toMatchObject({
      ...{ productName: 'Plan team', stripePriceId: price.id, source: PlanSource.STRIPE, archived: false },
      ...{ price: { minorUnits: 4_900n, currencyCode: 'usd' }, interval: BillingInterval.MONTH, intervalCount: 1 },
      ...{
        includedMicrocreditsPerCycle: 7_000_000n,
        rank: 15,
        memberLimit: 25,
        overdraftLimitMicrocredits: 1_000_000n,
      },
      ...{ trialEnabled: true, trialDays: 30, trialMicrocreditsGranted: 9_000_000n, trialRequiresCard: false },
    });
    const policy = await kernel.connection.collection('plan_policies').findOne({ plan_code: 'team' });
    expect(policy).toMatchObject({
      credit_gates: ['*', '!memory_extract_bulk'],
      payg_packages: [
        { minor_units: 1_000n, microcredits: 10_000_000n },
        { minor_units: 4_500n, microcredits: 50_000_000n },
      ],
      pinned_fields: [],
      ...{ past_due_grace_days: 14, past_due_end: 'keep', cancel_at_once_allowed: true, refund_debt_waived: true },
    });
    expect((await plansOf('otherproduct')).has('team')).toBe(false);
  });

  test('follows a price change by a new Price, and archives with the last one', async () => {
    const first = await createPlan(stripe.stripe, 'changing');
    await syncCatalog(kernel);
    const product = String(first.product);
    const second = await createPlan(stripe.stripe, 'changing', {}, { product, unit_amount: 5_900 });
    const both = await syncCatalog(kernel);
    expect(both.changes).toEqual([]);
    expect(both.badRows.map(({ stripeId, reason }) => [stripeId, reason])).toEqual(
      [first.id, second.id].sort().map((id) => [id, BadRowReason.PRICE_AMBIGUOUS]),
    );
    await stripe.stripe.prices.update(first.id, { active: false });
    const { changes } = await syncCatalog(kernel);
    expect(changes[0]?.differences).toEqual([
      { field: 'stripe_price_id', before: first.id, after: second.id },
      { field: 'amount', before: '4900', after: '5900' },
    ]);
    // An archived Product takes its Prices with it.
    await stripe.stripe.products.update(product, { active: false });
    expect((await syncCatalog(kernel)).changes).toMatchObject([
      { planCode: 'changing', kind: PlanChangeKind.ARCHIVED },
    ]);
    expect((await plansOf()).get('changing')).toMatchObject({ archived: true, price: { minorUnits: 5_900n } });
    await stripe.stripe.products.update(product, { active: true });
    expect((await syncCatalog(kernel)).changes).toMatchObject([
      { planCode: 'changing', kind: PlanChangeKind.RESTORED },
    ]);
  });

  test('leaves rows of operators alone', async () => {
    const plans = await plansOf();
    for (const code of ['free', 'enterprise']) {
      expect(plans.get(code)).toMatchObject({ archived: false, source: PlanSource.OPERATOR, stripePriceId: undefined });
    }
  });

  test('leaves an operator’s plan alone that a Price names by mistake, and an operator can take a plan from Stripe', async () => {
    const operators = operatorCallsOf(callersOf(kernel));
    const slip = await createPlan(stripe.stripe, 'enterprise');
    const { changes, badRows } = await syncCatalog(kernel);
    expect(changes).toEqual([]);
    expect(badRows).toMatchObject([{ stripeId: slip.id, reason: BadRowReason.PLAN_OF_OPERATOR }]);
    await stripe.stripe.prices.update(slip.id, { active: false });
    expect(await syncCatalog(kernel)).toMatchObject({ changes: [], badRows: [] });
    expect((await plansOf()).get('enterprise')).toMatchObject({ archived: false, price: undefined });

    const { id } = await createPlan(stripe.stripe, 'by_hand');
    await syncCatalog(kernel);
    const plan = { productCode: 'agentruntime', planCode: 'by_hand', productName: 'By hand' };
    expect((await failureOf(operators.upsertPlan(plan))).reason).toBe('PLAN_SOLD_BY_STRIPE');
    await stripe.stripe.prices.update(id, { active: false });
    await syncCatalog(kernel);
    expect((await operators.upsertPlan(plan)).plan).toMatchObject({ source: PlanSource.OPERATOR, archived: false });
    expect((await syncCatalog(kernel)).changes).toEqual([]);
  });

  test('says what the plan that workspaces fall back to may not cost', async () => {
    const operators = operatorCallsOf(callersOf(kernel));
    const { product } = await operators.register({ productCode: 'priced', displayName: 'x', currencyCode: 'usd' });
    expect(product?.fallbackPlanCode).toBe('free');
    const slip = await createPlan(stripe.stripe, 'free', { product_code: 'priced' });
    const { changes, badRows } = await syncCatalog(kernel);
    expect(changes).toEqual([]);
    expect(badRows).toMatchObject([{ stripeId: slip.id, reason: BadRowReason.FALLBACK_PLAN_PRICED }]);
    await operators.upsertPlan({ productCode: 'priced', planCode: 'free', productName: 'Free', priceMinorUnits: 0n });
    await stripe.stripe.prices.update(slip.id, { active: false });
    expect(await syncCatalog(kernel)).toMatchObject({ changes: [], badRows: [] });
  });

  test('that is dry says the same and writes nothing', async () => {
    await withOwnStripe(async (own) => {
      await createPlan(own.stripe.stripe, 'dry');
      const typo = await createPlan(own.stripe.stripe, 'typo', { product_code: 'agentruntme' });
      const before = await Promise.all(
        ['plans', 'plan_policies', 'products'].map((name) => documentsOf(name, own.kernel)),
      );
      const audited = () => own.kernel.connection.collection('audit_log').countDocuments(AUDITED);
      expect(await audited()).toBe(0);
      const dry = await syncCatalog(own.kernel, { dryRun: true });
      expect(await audited()).toBe(0);
      expect(
        await Promise.all(['plans', 'plan_policies', 'products'].map((name) => documentsOf(name, own.kernel))),
      ).toEqual(before);
      const wet = await syncCatalog(own.kernel);
      expect(await audited()).toBe(1);
      // The kernel's own first sync ran over an empty Stripe and archived what the seed says Stripe sold.
      expect(dry.changes).toMatchObject([{ planCode: 'dry', kind: PlanChangeKind.ADDED }]);
      expect({ ...wet, messages: 0 }).toEqual({ ...dry, messages: 0 });
      const reasons = wet.badRows.map(({ stripeId, reason }) => [stripeId, reason]);
      expect(reasons).toContainEqual([typo.id, BadRowReason.PRODUCT_UNKNOWN]);
      // As long as new workspaces would start there.
      expect(reasons).toContainEqual(['price_agentruntime_pro', BadRowReason.ONBOARDING_PLAN_GONE]);
    });
  });

  test('leaves a pinned field and reports it', async () => {
    const pins = { pinned_fields: ['trial_days'], trial_days: 21, revision: 1 };
    const key = { product_code: 'agentruntime', plan_code: 'pro' };
    await kernel.connection.collection('plan_policies').updateOne(key, { $set: pins });
    const { pinned } = await syncCatalog(kernel);
    expect(pinned).toEqual([
      {
        ...{ productCode: 'agentruntime', planCode: 'pro', stripeId: 'price_agentruntime_pro' },
        ...{ field: 'trial_days', storedValue: '21', stripeValue: '14' },
      },
    ]);
    expect((await plansOf()).get('pro')).toMatchObject({ trialDays: 21 });
    const back = { pinned_fields: [], trial_days: 14, revision: 2 };
    await kernel.connection.collection('plan_policies').updateOne(key, { $set: back });
  });

  test('reads 500 Prices in pages, tells how far it is, and writes each plan once', async () => {
    await withOwnStripe(async (own) => {
      await syncCatalog(own.kernel);
      await createPlans(own.stripe.stripe, 500);
      const before = own.stripe.countRequests('GET /v1/prices');
      const { changes, summary, messages } = await syncCatalog(own.kernel);
      expect(changes).toHaveLength(500);
      expect(summary.pricesRead).toBe(500n);
      // Five pages of active ones, one of archived ones.
      expect(own.stripe.countRequests('GET /v1/prices') - before).toBe(6);
      expect(messages).toBeGreaterThan(4);
      expect((await syncCatalog(own.kernel)).changes).toEqual([]);
      expect(await plansOf('agentruntime', own.kernel)).toHaveProperty('size', 508);
    });
  }, 120_000);
});

describe('a sync that an operator asks for', () => {
  const { actor } = OPERATOR;
  const recordsOf = async (requestId: string) => {
    const records = await operatorCallsOf(callersOf(kernel)).audit({ method: AUDITED.method, actor });
    return records.filter((record) => record.requestId === requestId).map(({ outcome }) => outcome);
  };
  const reads = () => stripe.countRequests('GET /v1/prices');

  test('is done once for its request id, and a retry is told what it came to', async () => {
    await createPlan(stripe.stripe, 'once');
    const requestId = newRequestId();
    const first = await syncCatalog(kernel, { requestId });
    expect(first).toMatchObject({ replayed: false, summary: { changedPlans: 1n, badRows: 0n } });
    const before = reads();
    await createPlan(stripe.stripe, 'once_later');
    const again = await syncCatalog(other, { requestId });
    expect(again).toEqual({
      ...{ changes: [], onboarding: [], badRows: [], pinned: [] },
      ...{ summary: first.summary, messages: 1, replayed: true },
    });
    expect(reads()).toBe(before);
    expect(await recordsOf(requestId)).toEqual([AuditOutcome.APPLIED]);
    expect((await syncCatalog(kernel)).changes).toMatchObject([{ planCode: 'once_later' }]);
  });

  test('with a request id of another meaning is refused, and stands in the log as refused', async () => {
    const requestId = newRequestId();
    await syncCatalog(kernel, { requestId });
    const before = reads();
    for (const fields of [{ reason: 'another reason' }, { actor: 'usr_somebody' }]) {
      const failure: unknown = await syncCatalog(other, { requestId, ...fields }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ cause: { code: status.ALREADY_EXISTS } });
    }
    expect(reads()).toBe(before);
    expect(await recordsOf(requestId)).toEqual([AuditOutcome.NOT_APPLIED, AuditOutcome.APPLIED]);
    // A dry run writes nothing, so it takes no id.
    expect(await syncCatalog(kernel, { requestId, reason: 'dry', dryRun: true })).toMatchObject({ replayed: false });
  });

  test('and that Stripe refuses stands in the log as not done, until its retry is', async () => {
    await createPlan(stripe.stripe, 'refused');
    const requestId = newRequestId();
    stripe.sandbox.control.addFault({ path: '/v1/prices', outcome: 'failed', status: 500 });
    const failure: unknown = await syncCatalog(kernel, { requestId }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ cause: { code: status.UNAVAILABLE } });
    stripe.sandbox.control.clearFaults();
    expect(await recordsOf(requestId)).toEqual([AuditOutcome.NOT_APPLIED]);
    expect(await syncCatalog(kernel, { requestId })).toMatchObject({
      replayed: false,
      changes: [{ planCode: 'refused' }],
    });
    expect(await recordsOf(requestId)).toEqual([AuditOutcome.APPLIED]);
  });
});

describe('a sync that can’t be', () => {
  test('says that Stripe is off', async () => {
    const off = await openKernel();
    await expect(syncCatalog(off)).rejects.toThrow('this kernel runs without Stripe: set STRIPE_SECRET_KEY');
    expect(off.logLines.join('')).toContain('Stripe is off');
    await off.close();
  });

  test.each([
    ['fails', 500, 'STRIPE_UNAVAILABLE'],
    ['asks to wait', 429, 'STRIPE_UNAVAILABLE'],
  ])('says that Stripe %s, and changes nothing', async (_, code) => {
    const before = await documentsOf('plans');
    // The SDK itself tries three times.
    stripe.sandbox.control.addFault({
      path: '/v1/prices',
      times: 3,
      outcome: code === 429 ? 'refused' : 'failed',
      status: code,
    });
    const failure = syncCatalog(kernel).catch((error: unknown) => error);
    expect(await failure).toMatchObject({ cause: { code: status.UNAVAILABLE } });
    stripe.sandbox.control.clearFaults();
    expect(await documentsOf('plans')).toEqual(before);
  });

  test('names a key that Stripe refuses, without showing it', async () => {
    const wrong = 'sk_live_wrong_4711';
    const stranger = await openKernel({ stripe: { ...stripe.config, secretKey: wrong } });
    const failure: unknown = await syncCatalog(stranger).catch((error: unknown) => error);
    expect(failure).toMatchObject({ cause: { code: status.FAILED_PRECONDITION } });
    expect(String(failure)).toContain('correct STRIPE_SECRET_KEY');
    expect(String(failure) + stranger.logLines.join('')).not.toContain(wrong);
    await stranger.close();
  });
});

describe('without being asked', () => {
  test('a kernel syncs when it starts, and serves before Stripe answers', async () => {
    const late = await openStripe({ hasCatalog: true });
    late.sandbox.control.addFault({ path: '/v1/prices', times: 1, delayMs: 1_500, outcome: 'refused', status: 429 });
    const own = await openKernel({ stripe: late.config });
    await own.connection
      .collection('plans')
      .updateOne({ plan_code: 'pro', product_code: 'agentruntime' }, { $set: { amount: 1n } });
    expect((await plansOf('agentruntime', own)).get('pro')?.price?.minorUnits).toBe(1n);
    await expect.poll(async () => (await plansOf('agentruntime', own)).get('pro')?.price?.minorUnits).toBe(4_900n);
    await own.close();
    await late.stop();
  });

  test('a kernel syncs regularly', async () => {
    const own = await openStripe({ hasCatalog: true });
    const regular = await openKernel({ stripe: { ...own.config, syncIntervalMs: 1_000 } });
    await syncCatalog(regular);
    await createPlan(own.stripe, 'later');
    await expect.poll(async () => (await plansOf('agentruntime', regular)).has('later')).toBe(true);
    await regular.close();
    await own.stop();
  });

  test('a kernel starts and ends while Stripe can’t be reached', async () => {
    const gone = await openKernel({ stripe: { ...stripe.config, apiUrl: 'http://127.0.0.1:9' } });
    expect((await plansOf('agentruntime', gone)).size).toBeGreaterThan(7);
    await expect.poll(() => gone.logLines.join('')).toContain('the catalog could not be synced');
    const beganMs = performance.now();
    await gone.close();
    expect(performance.now() - beganMs).toBeLessThan(5_000);
  });
});
