// What a crash may leave between the claim of a promotion's place, what it gives, and the note that the workspace has it; and the
// looking after of places. Each fault is one part that fails once, over a real database.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import { LedgerServiceService, ListEntriesRequest } from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import type { RedemptionStore } from '../../kernel/app/promotion/ports.ts';
import type { IntentResult } from '../../kernel/app/subscription/ports.ts';
import type { IdempotencyKey, ProductCode, PromotionId, TenantId } from '../../kernel/domain/id.ts';
import { openRedemptionStore } from '../../kernel/store/promotion/redemption-store.ts';
import { openIntentStore } from '../../kernel/store/subscription/intent-store.ts';
import { draftIntent } from '../support/intent-fixture.ts';
import { type Callers, callersOf } from './support/account.ts';
import { gone, thenGone, withFault } from './support/crash.ts';
import { failureOf } from './support/failure.ts';
import {
  type Adaptation,
  type ComposedKernel,
  type KernelFixture,
  newRequestId,
  openKernel,
} from './support/kernel-fixture.ts';
import { override } from './support/override.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { type PromotionCalls, promotionCallsOf } from './support/promotion.ts';
import { type TrialCalls, trialCallsOf } from './support/trial.ts';

const HOUR_MS = 3_600_000;

let kernel: KernelFixture;
let callers: Callers;
let trials: TrialCalls;
let promotions: PromotionCalls;

beforeAll(async () => {
  kernel = await openKernel();
  callers = callersOf(kernel);
  trials = trialCallsOf(callers);
  promotions = promotionCallsOf(callers);
});
afterAll(() => kernel.close());

const storeFault = (change: (real: RedemptionStore) => Partial<RedemptionStore>): Adaptation => ({
  redemptionStore: (real) => override(real, change(real)),
});

const placesOf = async (code: string) => {
  const { promotion } = await promotions.get(code);
  return kernel.connection.collection('promotion_redemptions').find({ promotion_id: promotion?.promotionId }).toArray();
};

async function countGrants(tenantId: string): Promise<number> {
  const request = ListEntriesRequest.fromPartial({ tenantId, filter: { types: [EntryType.GRANTED] } });
  return (await callers.internal.call(LedgerServiceService.listEntries, request)).entries.length;
}

const CRASHES: readonly (readonly [when: string, fault: Adaptation, isThere: boolean])[] = [
  ['before the place is claimed', storeFault(() => ({ insertRedemption: gone })), false],
  [
    'when the place is claimed and nobody knows',
    storeFault((real) => ({ insertRedemption: thenGone(real.insertRedemption) })),
    false,
  ],
  ['before the credits come', { ledger: (real) => override(real, { giveCredit: gone }) }, false],
  [
    'when the credits have come and nobody knows',
    { ledger: (real) => override(real, { giveCredit: thenGone((...given) => real.giveCredit(...given)) }) },
    true,
  ],
  ['before the place is noted as used', storeFault(() => ({ finishRedemption: gone })), true],
  [
    'when the place is noted as used',
    storeFault((real) => ({ finishRedemption: thenGone(real.finishRedemption) })),
    true,
  ],
];

/** Nothing about codes gets into the logs of workspaces. */
const LOG_FAULT: Adaptation = {
  workspaceLog: (real) =>
    override(real, {
      insertRecord: (record) => (record.method.startsWith('PromotionService/') ? gone() : real.insertRecord(record)),
    }),
};

describe('a redemption that ends', () => {
  test.each([...CRASHES, ['before it is in the log of the workspace', LOG_FAULT, false] as const])(
    '%s is finished by a retry, with one grant, one place and one record',
    async (_, fault, isThere) => {
      const [tenantId, code] = [await trials.openWorkspace(), await promotions.create({ maxRedemptions: 1 })];
      const requestId = newRequestId();
      await withFault(kernel, fault, async (faulty) => {
        const failure = await failureOf(promotionCallsOf(callersOf(faulty)).apply(tenantId, code, { requestId }));
        expect(failure.reason).toBe('DATABASE_UNAVAILABLE');
      });
      expect(await promotions.apply(tenantId, code, { requestId })).toMatchObject({ replayed: isThere });
      const places = await placesOf(code);
      expect(places).toMatchObject([{ tenant_id: tenantId, number: 1 }]);
      expect(places[0]).not.toHaveProperty('claimed_until');
      expect(await countGrants(tenantId)).toBe(1);
      const method = 'PromotionService/ApplyCode';
      expect(await workspaceOperatorOf(callers).records(tenantId, { method })).toHaveLength(1);
      const failure = await failureOf(promotions.apply(await trials.openWorkspace(), code));
      expect(failure.reason).toBe('PROMOTION_EXHAUSTED');
    },
  );

  test('is finished by another request of the workspace, which then is the one that redeems', async () => {
    const [tenantId, code] = [await trials.openWorkspace(), await promotions.create()];
    const requestId = newRequestId();
    const fault = storeFault(() => ({ finishRedemption: gone }));
    await withFault(kernel, fault, (faulty) =>
      failureOf(promotionCallsOf(callersOf(faulty)).apply(tenantId, code, { requestId })),
    );
    const another = newRequestId();
    const applied = await promotions.apply(tenantId, code, { requestId: another });
    expect(await promotions.apply(tenantId, code, { requestId: another })).toEqual({ ...applied, replayed: true });
    const failure = await failureOf(promotions.apply(tenantId, code, { requestId }));
    expect(failure.reason).toBe('PROMOTION_ALREADY_REDEEMED');
    expect(await countGrants(tenantId)).toBe(1);
  });
});

/** A kernel whose claims ran out long ago. */
const AHEAD: Adaptation = { clock: (real) => override(real, { now: () => real.now() + HOUR_MS }) };

const sweep = ({ redemptions }: ComposedKernel): Promise<void> => redemptions.sweep();

describe('a place that was claimed', () => {
  /** Claims the one place of a promotion for a workspace that then gets nothing. */
  async function claimInVain(code: string, requestId = newRequestId()): Promise<string> {
    const tenantId = await trials.openWorkspace();
    const fault: Adaptation = { ledger: (real) => override(real, { giveCredit: gone }) };
    await withFault(kernel, fault, (faulty) =>
      failureOf(promotionCallsOf(callersOf(faulty)).apply(tenantId, code, { requestId })),
    );
    return tenantId;
  }

  test('counts until it has run out well and its account has nothing; then others can have it', async () => {
    const code = await promotions.create({ maxRedemptions: 1 });
    const holder = await claimInVain(code);
    const other = await trials.openWorkspace();
    expect((await failureOf(promotions.apply(other, code))).reason).toBe('PROMOTION_EXHAUSTED');
    await withFault(kernel, {}, sweep);
    expect((await failureOf(promotions.validate(other, code))).reason).toBe('PROMOTION_EXHAUSTED');
    await withFault(kernel, AHEAD, sweep);
    expect(await placesOf(code)).toMatchObject([{ number: 1, is_free: true }]);
    expect((await promotions.get(code)).redemptionCount).toBe(0);
    await promotions.validate(other, code);
    await promotions.apply(other, code);
    expect((await failureOf(promotions.apply(holder, code))).reason).toBe('PROMOTION_EXHAUSTED');
    expect(await placesOf(code)).toMatchObject([{ number: 1, tenant_id: other }]);
    expect(await countGrants(holder)).toBe(0);
  });

  test('is had by one of many who want it when it is given back', async () => {
    const code = await promotions.create({ maxRedemptions: 1 });
    await claimInVain(code);
    await withFault(kernel, AHEAD, sweep);
    const tenantIds = await Promise.all(Array.from({ length: 8 }, () => trials.openWorkspace()));
    const results = await Promise.allSettled(tenantIds.map((tenantId) => promotions.apply(tenantId, code)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const grants = await Promise.all(tenantIds.map(countGrants));
    expect(grants.reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  test('is kept for the credits that came, also where nobody noted that', async () => {
    const [tenantId, code] = [await trials.openWorkspace(), await promotions.create({ maxRedemptions: 1 })];
    await withFault(
      kernel,
      storeFault(() => ({ finishRedemption: gone })),
      (faulty) => failureOf(promotionCallsOf(callersOf(faulty)).apply(tenantId, code)),
    );
    await withFault(kernel, AHEAD, sweep);
    const [place] = await placesOf(code);
    expect(place).toMatchObject({ tenant_id: tenantId });
    expect(place).not.toHaveProperty('claimed_until');
  });

  test('is not taken away from a request that claims it again meanwhile', async () => {
    const [code, requestId] = [await promotions.create({ maxRedemptions: 1 }), newRequestId()];
    const tenantId = await claimInVain(code, requestId);
    const racing: Adaptation = {
      ...AHEAD,
      // It comes right after the sweep has seen that there is nothing.
      ledger: (real) =>
        override(real, {
          findByKeys: async (tenant, keys) => {
            const found = await real.findByKeys(tenant, keys);
            if (tenant.tenantId === tenantId) await promotions.apply(tenantId, code, { requestId });
            return found;
          },
        }),
    };
    await withFault(kernel, racing, sweep);
    expect(await placesOf(code)).toMatchObject([{ tenant_id: tenantId }]);
    expect(await countGrants(tenantId)).toBe(1);
  });

  test('can not be used by what comes when it has run out', async () => {
    const [tenantId, code] = [await trials.openWorkspace(), await promotions.create()];
    const slow: Adaptation = {
      ledger: (real) =>
        override(real, { giveCredit: (tenant, input) => real.giveCredit(tenant, { ...input, claimedUntil: 1 }) }),
    };
    const failure = await withFault(kernel, slow, (faulty) =>
      failureOf(promotionCallsOf(callersOf(faulty)).apply(tenantId, code)),
    );
    expect(failure.reason).toBe('DEADLINE_EXCEEDED');
    expect(await countGrants(tenantId)).toBe(0);
  });
});

describe('a place that was claimed for a discount', () => {
  /** Claims a place, and asks Stripe for the discount by an intent that has come to something, or to nothing yet. */
  async function claimFor(result: IntentResult | undefined): Promise<string> {
    const code = await promotions.create({ discount: { stripePromotionCode: 'X-1' } });
    const { promotion } = await promotions.get(code);
    const promotionId = (promotion?.promotionId ?? '') as PromotionId;
    const tenantId = (await trials.openWorkspace()) as TenantId;
    const redemptions = await openRedemptionStore(kernel.connection);
    const claim = {
      ...{ requestKey: `req:${code}` as IdempotencyKey, claimId: 'claim', claimedUntil: Date.now() },
      hasPurchase: false,
    };
    const holder = { promotionId, tenantId, productCode: 'agentruntime' as ProductCode };
    expect(await redemptions.insertRedemption({ ...holder, ...claim }, 1)).toBe(true);
    const intents = await openIntentStore(kernel.connection);
    const request = { kind: 'apply_discount', stripeSubscriptionId: 'sub_1', promotionCode: 'X-1' } as const;
    const times = { createdAt: Date.now(), dueAt: Date.now() + 24 * HOUR_MS };
    const intent = draftIntent({ tenantId, request, key: `promotion:${promotionId}:claim`, ...times });
    await intents.openIntent(intent);
    if (result !== undefined) await intents.endIntent(intent, result, Date.now());
    await withFault(kernel, AHEAD, sweep);
    return code;
  }

  test('is kept while that is under way', async () => {
    const [place] = await placesOf(await claimFor(undefined));
    expect(place?.['claimed_until'].getTime()).toBeGreaterThan(Date.now() + HOUR_MS);
  });

  test('is noted as used once that is done', async () => {
    const code = await claimFor({ kind: 'done' });
    const [place] = await placesOf(code);
    expect(place).not.toHaveProperty('claimed_until');
    expect((await promotions.get(code)).redemptionCount).toBe(1);
  });

  test('is given back where that failed', async () => {
    const failed = { kind: 'failed', reason: 'STRIPE_REFUSED', message: 'injected', metadata: {} } as const;
    expect(await placesOf(await claimFor(failed))).toMatchObject([{ number: 1, is_free: true }]);
  });
});
