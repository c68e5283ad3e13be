// PromotionService and PromotionAdminService: what a code gives, to whom and when, how often in all and by one workspace, whatever
// happens at the same time; and what operators do with promotions. Discounts at Stripe: promotion-discount.test.ts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Bucket } from '../../gen/wheelhouse/common/v1/bucket.ts';
import { EntryType } from '../../gen/wheelhouse/ledger/v1/entry.ts';
import {
  GetBalanceRequest,
  LedgerServiceService,
  ListEntriesRequest,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { PromotionAdminServiceService as Admin } from '../../gen/wheelhouse/promotion/v1/promotion_admin_service.ts';
import {
  PromotionServiceService as Codes,
  RedemptionOutcome,
} from '../../gen/wheelhouse/promotion/v1/promotion_service.ts';
import { admitPeople, type Callers, CREDIT, callersOf, personIn } from './support/account.ts';
import { failureOf, settle } from './support/failure.ts';
import { moveClock } from './support/hold.ts';
import { type KernelFixture, newRequestId, openKernel } from './support/kernel-fixture.ts';
import { operatorCallsOf } from './support/operator.ts';
import { workspaceOperatorOf } from './support/people.ts';
import { newCode, type PromotionCalls, promotionCallsOf } from './support/promotion.ts';
import { type TrialCalls, trialCallsOf } from './support/trial.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

let kernel: KernelFixture;
/** A second kernel over the same database. */
let other: KernelFixture;
let callers: Callers;
let trials: TrialCalls;
let promotions: PromotionCalls;
let others: PromotionCalls;

beforeAll(async () => {
  kernel = await openKernel();
  other = await openKernel({ mongodbUri: kernel.mongodbUri });
  callers = callersOf(kernel);
  trials = trialCallsOf(callers);
  promotions = promotionCallsOf(callers);
  others = promotionCallsOf(callersOf(other));
});
afterAll(async () => {
  await other.close();
  await kernel.close();
});

const openWorkspace = (): Promise<string> => trials.openWorkspace();

const balanceOf = async (tenantId: string) =>
  (await callers.internal.call(LedgerServiceService.getBalance, GetBalanceRequest.fromPartial({ tenantId }))).balance;

async function grantsOf(tenantId: string) {
  const request = ListEntriesRequest.fromPartial({ tenantId, filter: { types: [EntryType.GRANTED] } });
  return (await callers.internal.call(LedgerServiceService.listEntries, request)).entries;
}

const refusal = async (call: Promise<unknown>) => {
  const { reason, metadata } = await failureOf(call);
  return { reason, metadata };
};

describe('a code that gives credits', () => {
  test('gives them into the bucket of bought credits, in whatever case it is typed', async () => {
    const [code, tenantId] = [await promotions.create(), await openWorkspace()];
    const applied = await promotions.apply(tenantId, code.toLowerCase());
    expect(applied).toMatchObject({
      ...{ code, outcome: RedemptionOutcome.DONE, replayed: false },
      credit: { microcredits: 10n * CREDIT, expireTime: undefined },
      discount: undefined,
    });
    expect(applied.promotionId).toMatch(/^prm_/);
    expect(await balanceOf(tenantId)).toMatchObject({ paygRemainingMicrocredits: 10n * CREDIT });
    const [entry] = await grantsOf(tenantId);
    expect(entry?.detail).toMatchObject({ value: { grant: { bucket: Bucket.PAYG, source: `promotion:${code}` } } });
  });

  test('gives credits that expire, where it says so', async () => {
    const code = await promotions.create({ credit: { microcredits: CREDIT, expiresAfterDays: 30 } });
    const { credit } = await promotions.apply(await openWorkspace(), code);
    const inMs = (credit?.expireTime?.getTime() ?? 0) - Date.now();
    expect(Math.abs(inMs - 30 * DAY_MS)).toBeLessThan(60_000);
  });

  test('stands in the log of the workspace', async () => {
    const [code, tenantId] = [await promotions.create(), await openWorkspace()];
    await promotions.apply(tenantId, code);
    const records = await workspaceOperatorOf(callers).records(tenantId, { method: 'PromotionService/ApplyCode' });
    expect(records).toHaveLength(1);
  });

  test('is answered again for the same request, also once it is over; other words with its id are refused', async () => {
    const [code, tenantId, requestId] = [await promotions.create(), await openWorkspace(), newRequestId()];
    const first = await promotions.apply(tenantId, code, { requestId });
    await promotions.revoke(code);
    expect(await promotions.apply(tenantId, code, { requestId })).toEqual({ ...first, replayed: true });
    const another = await promotions.create();
    const failure = await failureOf(promotions.apply(tenantId, another, { requestId }));
    expect(failure.reason).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(await grantsOf(tenantId)).toHaveLength(1);
  });

  test('is redeemed once by a workspace, and by as many as it is for', async () => {
    const code = await promotions.create({ maxRedemptions: 2 });
    const [first, second, third] = [await openWorkspace(), await openWorkspace(), await openWorkspace()];
    await promotions.apply(first, code);
    expect((await failureOf(promotions.apply(first, code))).reason).toBe('PROMOTION_ALREADY_REDEEMED');
    expect((await failureOf(promotions.validate(first, code))).reason).toBe('PROMOTION_ALREADY_REDEEMED');
    await promotions.apply(second, code);
    expect(await refusal(promotions.apply(third, code))).toEqual({
      ...{ reason: 'PROMOTION_EXHAUSTED', metadata: { limit: '2' } },
    });
    expect((await failureOf(promotions.validate(third, code))).reason).toBe('PROMOTION_EXHAUSTED');
    expect(await grantsOf(third)).toEqual([]);
    expect((await promotions.get(code)).redemptionCount).toBe(2);
  });

  test('comes back once it was revoked only to who has it', async () => {
    const [code, holder, late] = [await promotions.create(), await openWorkspace(), await openWorkspace()];
    await promotions.apply(holder, code);
    await promotions.revoke(code);
    const refused = { reason: 'PROMOTION_ENDED', metadata: { why: 'revoked' } };
    expect(await refusal(promotions.apply(late, code))).toEqual(refused);
    expect(await refusal(promotions.validate(late, code))).toEqual(refused);
    expect(await balanceOf(holder)).toMatchObject({ paygRemainingMicrocredits: 10n * CREDIT });
  });

  test('is for the plans that it names', async () => {
    const code = await promotions.create({ planCodes: ['pro', 'plus'] });
    const [free, pro] = [await openWorkspace(), await trials.openWorkspace('agentruntime', 'pro')];
    const refused = { reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'plan' } };
    expect(await refusal(promotions.apply(free, code))).toEqual(refused);
    expect(await refusal(promotions.validate(free, code, 'pro'))).toEqual(refused);
    await promotions.apply(pro, code);
  });

  test('is told of without being redeemed', async () => {
    const [code, tenantId] = [await promotions.create(), await openWorkspace()];
    expect(await promotions.validate(tenantId, code)).toMatchObject({
      ...{ code, credit: { microcredits: 10n * CREDIT }, discount: undefined, price: undefined },
      purchasePromotionCode: '',
    });
    expect(await grantsOf(tenantId)).toEqual([]);
    expect((await promotions.get(code)).redemptionCount).toBe(0);
    await promotions.apply(tenantId, code);
  });
});

describe('at once', () => {
  test('fifty workspaces at two kernels get the ten places that are left, each once', async () => {
    const code = await promotions.create({ maxRedemptions: 13 });
    for (let taken = 0; taken < 3; taken += 1) await promotions.apply(await openWorkspace(), code);
    const tenantIds = await Promise.all(Array.from({ length: 50 }, openWorkspace));
    const { answers, failures } = await settle(
      tenantIds.map((tenantId, index) => (index % 2 === 0 ? promotions : others).apply(tenantId, code)),
    );
    expect(answers).toHaveLength(10);
    expect(new Set(failures.map(({ reason }) => reason))).toEqual(new Set(['PROMOTION_EXHAUSTED']));
    const grants = await Promise.all(tenantIds.map(grantsOf));
    expect(grants.filter((entries) => entries.length === 1)).toHaveLength(10);
    expect(grants.flat()).toHaveLength(10);
    expect((await promotions.get(code)).redemptionCount).toBe(13);
  });

  test('a workspace redeems once, by many requests and by many of one', async () => {
    const code = await promotions.create({ maxRedemptions: 5 });
    const [tenantId, requestId] = [await openWorkspace(), newRequestId()];
    const calls = Array.from({ length: 9 }, (_, index) => {
      const fields = index % 3 === 0 ? { requestId } : {};
      return (index % 2 === 0 ? promotions : others).apply(tenantId, code, fields);
    });
    const { answers, failures } = await settle(calls);
    expect(answers.length).toBeGreaterThan(0);
    expect(new Set(failures.map(({ reason }) => reason))).toEqual(new Set(['PROMOTION_ALREADY_REDEEMED']));
    expect(await grantsOf(tenantId)).toHaveLength(1);
    expect((await promotions.get(code)).redemptionCount).toBe(1);
    for (let taken = 0; taken < 4; taken += 1) await promotions.apply(await openWorkspace(), code);
    expect((await failureOf(promotions.apply(await openWorkspace(), code))).reason).toBe('PROMOTION_EXHAUSTED');
  });
});

describe('who tries codes', () => {
  test('is told the same of one that there is not and one of another product', async () => {
    const tenantId = await openWorkspace();
    const code = await promotions.create({ productCode: 'otherproduct' });
    const [elsewhere, unknown] = [await failureOf(promotions.apply(tenantId, code)), newCode()];
    const nowhere = await failureOf(promotions.apply(tenantId, unknown));
    expect(elsewhere).toMatchObject({ reason: 'PROMOTION_NOT_FOUND', metadata: {} });
    expect(nowhere.message).toBe(elsewhere.message.replace(code, unknown));
  });

  test('has to wait after ten in vain, also for one that there is', async () => {
    const [code, tenantId] = [await promotions.create(), await openWorkspace()];
    const { failures } = await settle(Array.from({ length: 30 }, () => promotions.validate(tenantId, newCode())));
    const notFound = failures.filter(({ reason }) => reason === 'PROMOTION_NOT_FOUND');
    expect(notFound).toHaveLength(10);
    expect(failures.find(({ reason }) => reason !== 'PROMOTION_NOT_FOUND')).toMatchObject({
      reason: 'PROMOTION_ATTEMPTS_EXCEEDED',
      metadata: { limit: '10' },
    });
    const failure = await failureOf(promotions.apply(tenantId, code));
    expect(failure.reason).toBe('PROMOTION_ATTEMPTS_EXCEEDED');
    expect(failure.retryDelayMs).toBeGreaterThan(0);
    expect(failure.retryDelayMs).toBeLessThanOrEqual(HOUR_MS);
    // Another workspace need not.
    await promotions.apply(await openWorkspace(), code);
  });

  test('never has to wait for right ones, however many come at once', async () => {
    const [code, other, tenantId] = [await promotions.create(), await promotions.create(), await openWorkspace()];
    const { answers, failures } = await settle(Array.from({ length: 40 }, () => promotions.apply(tenantId, code)));
    expect(answers.length).toBe(1);
    expect(new Set(failures.map(({ reason }) => reason))).toEqual(new Set(['PROMOTION_ALREADY_REDEEMED']));
    await promotions.apply(tenantId, other);
    // Nine in vain leave room for right ones, one after the other.
    await settle(Array.from({ length: 9 }, () => promotions.apply(tenantId, newCode())));
    const told = await settle(
      Array.from({ length: 10 }, async () => promotions.validate(tenantId, await promotions.create())),
    );
    expect(told.failures).toEqual([]);
  });

  test('may bring as many as there are', async () => {
    const tenantId = await openWorkspace();
    for (let brought = 0; brought < 12; brought += 1) await promotions.apply(tenantId, await promotions.create());
    expect(await grantsOf(tenantId)).toHaveLength(12);
  });

  test.each(['ab', 'a b c', 'ſpring', 'x'.repeat(65), ''])('is told that %j is no code', async (code) => {
    const failure = await failureOf(promotions.apply(await openWorkspace(), code));
    expect(failure).toMatchObject({ reason: 'INVALID_FIELD', violations: { code: expect.any(String) } });
  });

  test('must be an administrator', async () => {
    const tenantId = await openWorkspace();
    await admitPeople(callers, tenantId);
    const request = { requestId: newRequestId(), tenantId, code: await promotions.create() };
    const contributor = personIn(tenantId, 'project_contributor');
    expect((await failureOf(callers.bff.call(Codes.applyCode, request, contributor))).reason).toBe('ROLE_REQUIRED');
    const question = { tenantId, code: request.code, planCode: '' };
    expect((await failureOf(callers.bff.call(Codes.validateDiscount, question, contributor))).reason).toBe(
      'ROLE_REQUIRED',
    );
    expect((await failureOf(callers.internal.call(Codes.applyCode, request))).reason).toBe('SCOPE_DENIED');
    expect((await failureOf(callers.sysadmin.call(Codes.applyCode, request))).reason).toBe('SCOPE_DENIED');
  });

  test('has no workspace at the other product', async () => {
    const tenantId = await openWorkspace();
    const request = { requestId: newRequestId(), tenantId, code: await promotions.create() };
    const elsewhere = await trials.settingsOf(tenantId, { productCode: 'otherproduct' });
    expect((await failureOf(callers.otherBff.call(Codes.applyCode, request, elsewhere))).reason).toBe(
      'TENANT_NOT_FOUND',
    );
  });

  test('without Stripe is told so of a discount', async () => {
    const code = await promotions.create({ discount: { stripePromotionCode: '' } });
    const tenantId = await openWorkspace();
    expect((await failureOf(promotions.validate(tenantId, code))).reason).toBe('STRIPE_OFF');
    expect(await refusal(promotions.apply(tenantId, code))).toEqual({
      ...{ reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'subscription_required' } },
    });
  });
});

describe('an operator', () => {
  test('makes a promotion once, with all that was said of it', async () => {
    const [code, requestId] = [newCode(), newRequestId()];
    const [startTime, endTime] = [new Date('2030-01-01T00:00:00Z'), new Date('2030-02-01T00:00:00Z')];
    const said = {
      ...{ startTime, endTime, maxRedemptions: 7, newCustomersOnly: true },
      ...{ planCodes: ['pro'], credit: { microcredits: CREDIT, expiresAfterDays: 90 } },
    };
    const fields = { requestId, code: code.toLowerCase(), ...said };
    const first = await promotions.ask(fields);
    expect(first).toMatchObject({ replayed: false, promotion: { ...said, code } });
    expect(await promotions.ask(fields)).toEqual({ ...first, replayed: true });
    expect((await promotions.get(code)).promotion).toEqual(first.promotion);
    const [record] = await operatorCallsOf(callers).audit({
      method: 'PromotionAdminService/CreatePromotion',
      pageSize: 1,
    });
    expect(record).toMatchObject({ productCode: 'agentruntime', requestId });
    expect(record?.changes).toContainEqual({ field: 'code', before: '', after: code });
    const reused = await failureOf(promotions.ask({ ...fields, maxRedemptions: 8 }));
    expect(reused.reason).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  test('finds a code taken, by a promotion that is over too, and by one of two at once', async () => {
    const code = newCode();
    const { answers, failures } = await settle([
      ...[promotions, others, promotions].map((calls) => calls.create({ code })),
    ]);
    expect(answers).toHaveLength(1);
    expect(new Set(failures.map(({ reason }) => reason))).toEqual(new Set(['PROMOTION_ALREADY_EXISTS']));
    await promotions.revoke(code);
    expect(await refusal(promotions.create({ code }))).toEqual({
      ...{ reason: 'PROMOTION_ALREADY_EXISTS', metadata: { code } },
    });
    // Another product may have it.
    await promotions.create({ code, productCode: 'otherproduct' });
  });

  test('ends one once, and is told of one that is over as it is', async () => {
    const [code, requestId] = [await promotions.create(), newRequestId()];
    const first = await promotions.revoke(code, { requestId });
    expect(first).toMatchObject({ replayed: false, promotion: { code, revokeTime: expect.any(Date) } });
    expect(await promotions.revoke(code, { requestId })).toEqual({ ...first, replayed: true });
    expect(await promotions.revoke(code.toLowerCase())).toEqual({ ...first, replayed: false });
    const method = 'PromotionAdminService/RevokePromotion';
    const records = await operatorCallsOf(callers).audit({ method, pageSize: 1_000 });
    const promotionId = first.promotion?.promotionId ?? '';
    const named = records.filter(({ changes }) => changes.some(({ after }) => after === promotionId));
    expect(named).toHaveLength(1);
    expect((await failureOf(promotions.revoke(newCode()))).reason).toBe('PROMOTION_NOT_FOUND');
  });

  test('lists them by code, page by page', async () => {
    const productCode = 'otherproduct';
    const made = await Promise.all(Array.from({ length: 5 }, () => promotions.create({ productCode })));
    const codes: string[] = [];
    let pageToken = '';
    do {
      const page = await promotions.list({ productCode, pageSize: 2, pageToken });
      codes.push(...page.promotions.map(({ code }) => code));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(codes).toEqual([...codes].sort());
    expect(codes).toEqual(expect.arrayContaining(made));
    expect(new Set(codes).size).toBe(codes.length);
  });

  test.each([
    ['code', { code: 'a b' }],
    ['credit', { credit: undefined }],
    ['discount', { discount: { stripePromotionCode: 'X' }, credit: { microcredits: 1n, expiresAfterDays: 0 } }],
    ['credit.microcredits', { credit: { microcredits: 0n, expiresAfterDays: 0 } }],
    ['credit.expires_after_days', { credit: { microcredits: 1n, expiresAfterDays: 3_661 } }],
    ['max_redemptions', { maxRedemptions: 1_000_001 }],
    ['max_redemptions', { maxRedemptions: -1 }],
    ['end_time', { startTime: new Date(2_000), endTime: new Date(1_000) }],
    ['end_time', { endTime: new Date(1_000) }],
    ['plan_codes', { planCodes: Array.from({ length: 51 }, () => 'pro') }],
    ['actor', { actor: '' }],
    ['reason', { reason: '' }],
  ])('may not say a wrong %s', async (field, fields) => {
    const call = callers.sysadmin.call(Admin.createPromotion, {
      ...{ requestId: newRequestId(), productCode: 'agentruntime', code: newCode(), actor: 'usr_1', reason: 'test' },
      ...{ credit: { microcredits: 1n, expiresAfterDays: 0 }, discount: undefined },
      ...{ startTime: undefined, endTime: undefined, maxRedemptions: 0, newCustomersOnly: false, planCodes: [] },
      ...fields,
    });
    expect((await failureOf(call)).violations).toHaveProperty([field]);
  });

  test('must name a product and plans that there are', async () => {
    expect((await failureOf(promotions.create({ productCode: 'nosuch' }))).reason).toBe('PRODUCT_NOT_FOUND');
    expect((await failureOf(promotions.create({ planCodes: ['nosuch'] }))).reason).toBe('PLAN_NOT_FOUND');
    expect((await failureOf(promotions.get(newCode()))).reason).toBe('PROMOTION_NOT_FOUND');
  });

  test('alone does all this', async () => {
    const name = { productCode: 'agentruntime', code: 'SPRING' };
    expect((await failureOf(callers.bff.call(Admin.getPromotion, name))).reason).toBe('SCOPE_DENIED');
    expect((await failureOf(callers.internal.call(Admin.getPromotion, name))).reason).toBe('SCOPE_DENIED');
  });
});

// Last: the clock never goes back.
describe('as time passes, by the clock of all kernels', () => {
  test('who has tried too many codes may try again', async () => {
    const [code, tenantId] = [await promotions.create(), await openWorkspace()];
    await settle(Array.from({ length: 10 }, () => promotions.apply(tenantId, newCode())));
    expect((await failureOf(promotions.apply(tenantId, code))).reason).toBe('PROMOTION_ATTEMPTS_EXCEEDED');
    await moveClock(kernel, callers, tenantId, HOUR_MS);
    await promotions.apply(tenantId, code);
  });

  test('a code holds within its window', async () => {
    const [startTime, endTime] = [new Date(Date.now() + DAY_MS), new Date(Date.now() + 2 * DAY_MS)];
    const code = await promotions.create({ startTime, endTime });
    const [early, tenantId] = [await openWorkspace(), await openWorkspace()];
    expect(await refusal(promotions.apply(early, code))).toEqual({
      ...{ reason: 'PROMOTION_NOT_APPLICABLE', metadata: { why: 'not_started' } },
    });
    await moveClock(kernel, callers, tenantId, DAY_MS + HOUR_MS);
    await promotions.apply(early, code);
    await moveClock(kernel, callers, tenantId, 2 * DAY_MS + HOUR_MS);
    expect(await refusal(promotions.apply(tenantId, code))).toEqual({
      ...{ reason: 'PROMOTION_ENDED', metadata: { why: 'ended' } },
    });
  });
});
