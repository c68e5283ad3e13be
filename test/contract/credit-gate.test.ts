// Work that may not begin without credit, at a kernel that sells: what CheckFunds and Reserve refuse, what they let begin all the
// same, and which ways to more credit they name.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ErrorReason } from '../../gen/wheelhouse/common/v1/error_reason.ts';
import { FundsRemedy } from '../../gen/wheelhouse/ledger/v1/funds_remedy.ts';
import {
  CheckFundsRequest,
  type CheckFundsResponse,
  GetBalanceRequest,
  LedgerServiceService,
} from '../../gen/wheelhouse/ledger/v1/ledger_service.ts';
import { KillSwitchName } from '../../gen/wheelhouse/operator/v1/kill_switch.ts';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { ACTION, CREDIT } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { holdCallsOf } from './support/hold.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { operatorCallsOf } from './support/operator.ts';
import { DAY_MS, expectSound, openShop, openWorkspace, type Shop } from './support/subscription.ts';

const HOUR_MS = 3_600_000;
const EXEMPT = 'memory_extract_bulk';
const { START_TRIAL, TOP_UP, UPGRADE, PAY_INVOICE, AWAIT_RENEWAL, CONTACT_SALES } = FundsRemedy;

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterEach(() => expectLedgerClean(shop.callers));
afterAll(() => shop.close());

const check = (tenantId: string, fields: Partial<CheckFundsRequest> = {}): Promise<CheckFundsResponse> =>
  shop.callers.internal.call(LedgerServiceService.checkFunds, CheckFundsRequest.fromPartial({ tenantId, ...fields }));

const setPolicy = (planCode: string, fields: object, names: string[]) =>
  operatorCallsOf(shop.callers).upsertPolicy({ productCode: 'agentruntime', planCode, ...fields }, names);

/** Reserves for an hour of the shop's time. */
async function reserve(tenantId: string, action: string, quantity = '1') {
  const { asOfTime } = await shop.callers.internal.call(
    LedgerServiceService.getBalance,
    GetBalanceRequest.fromPartial({ tenantId }),
  );
  const expireTime = new Date((asOfTime?.getTime() ?? 0) + HOUR_MS);
  return holdCallsOf(shop.callers).reserve(tenantId, { action, quantity, expireTime });
}

/** Expects that neither question nor reservation lets an action begin, and that both name the same ways. */
async function expectRefused(tenantId: string, remedies: readonly FundsRemedy[], names: string | undefined) {
  const answer = await check(tenantId, { action: ACTION, quantity: '3' });
  expect(answer).toMatchObject({ allowed: false, reason: ErrorReason.INSUFFICIENT_CREDITS, remedies });
  const failure = await failureOf(reserve(tenantId, ACTION, '3'));
  expect(failure.reason).toBe('INSUFFICIENT_CREDITS');
  expect(failure.metadata['shortfall_microcredits']).toBe(String(answer.shortfallMicrocredits));
  expect(failure.metadata['remedies']).toBe(names);
}

describe('an account that is exhausted', () => {
  test('begins nothing, and is told how to get what is missing', async () => {
    const { tenantId } = await openWorkspace(shop);
    expect(await check(tenantId)).toMatchObject({
      allowed: false,
      shortfallMicrocredits: 1n,
      remedies: [START_TRIAL, TOP_UP, UPGRADE],
    });
    await expectRefused(tenantId, [START_TRIAL, TOP_UP, UPGRADE], 'start_trial,top_up,upgrade');
    await shop.callers.grant(tenantId, 3n * CREDIT);
    expect(await check(tenantId, { action: ACTION, quantity: '3' })).toMatchObject({ allowed: true, remedies: [] });
    await reserve(tenantId, ACTION, '3');
  });

  test('is told what it owes, too: what is missing is what covers the work once it has come', async () => {
    const { tenantId } = await openWorkspace(shop);
    await shop.callers.debit(tenantId, { quantity: '5', alreadyPerformed: true });
    const ask = { action: ACTION, quantity: '3' };
    expect(await check(tenantId, ask)).toMatchObject({ allowed: false, shortfallMicrocredits: 8n * CREDIT });
    expect(await check(tenantId)).toMatchObject({ allowed: false, shortfallMicrocredits: 5n * CREDIT + 1n });
    await expectRefused(tenantId, [START_TRIAL, TOP_UP, UPGRADE], 'start_trial,top_up,upgrade');
    await shop.callers.grant(tenantId, 8n * CREDIT);
    expect(await check(tenantId, ask)).toMatchObject({ allowed: true });
    await reserve(tenantId, ACTION, '3');
  });

  test('is told of the largest plan by the year, and on that of sales, who sell a larger one', async () => {
    const workspace = await openWorkspace(shop);
    const { tenantId } = workspace;
    const useAll = async () => {
      const { availableMicrocredits } = await workspace.balance();
      await shop.callers.debit(tenantId, { quantity: String(availableMicrocredits / CREDIT) });
    };
    await workspace.storeCard();
    await workspace.activate({ planCode: 'max' });
    await useAll();
    await expectRefused(tenantId, [TOP_UP, UPGRADE], 'top_up,upgrade');
    expect(await workspace.changePlan({ planCode: 'max_annual' })).toMatchObject({
      change: { outcome: ChangeOutcome.DONE },
    });
    await useAll();
    await expectRefused(tenantId, [TOP_UP, CONTACT_SALES], 'top_up,contact_sales');
    expect(await failureOf(workspace.changePlan({ planCode: 'enterprise' }))).toMatchObject({
      reason: 'CONTACT_SALES',
    });
    await expectSound(shop, workspace);
  });

  test('is told to contact sales by contract, and not to change a plan that they alone change', async () => {
    const workspace = await openWorkspace(shop);
    const { tenantId } = workspace;
    const price = { minorUnits: 9_900n, currencyCode: 'usd' };
    const terms = {
      price,
      includedMicrocreditsPerCycle: 5n * CREDIT,
      intervalMonths: 1,
      daysUntilDue: 30,
      billingEmail: 'bills@example.com',
    };
    await workspace.provision({ planCode: 'plus', ...terms });
    await shop.callers.debit(tenantId, { quantity: '5' });
    await expectRefused(tenantId, [TOP_UP, CONTACT_SALES], 'top_up,contact_sales');
    expect(await failureOf(workspace.changePlan({ planCode: 'max' }))).toMatchObject({ reason: 'CONTACT_SALES' });
    await expectSound(shop, workspace);
  });

  test('is told to wait while its renewal is being paid, which comes with the credits of the cycle', async () => {
    const workspace = await openWorkspace(shop);
    const { tenantId } = workspace;
    await workspace.storeCard();
    await workspace.activate({ planCode: 'pro' });
    await shop.callers.debit(tenantId, { quantity: '5' });
    const { subscription } = await workspace.get();
    const [end, now] = [subscription?.periodEndTime, (await workspace.get()).asOfTime];
    await shop.advance(Number(end) - Number(now) + HOUR_MS / 2);
    await expectRefused(tenantId, [AWAIT_RENEWAL, TOP_UP], 'await_renewal,top_up');
    expect(await failureOf(workspace.changePlan({ planCode: 'max' }))).toMatchObject({ reason: 'SUBSCRIPTION_UNPAID' });
    await shop.advance(HOUR_MS);
    await expect.poll(() => check(tenantId, { action: ACTION, quantity: '5' })).toMatchObject({ allowed: true });
    await expectSound(shop, workspace);
  });

  test('is told to pay the open invoice first, after which the credits of the cycle are there', async () => {
    const workspace = await openWorkspace(shop);
    const { tenantId } = workspace;
    await workspace.storeCard();
    await workspace.activate({ planCode: 'pro' });
    await shop.callers.debit(tenantId, { quantity: '5' });
    await workspace.storeCard('pm_card_chargeCustomerFail');
    await shop.advance(31 * DAY_MS);
    await shop.advance(DAY_MS);
    await expect.poll(async () => (await check(tenantId)).remedies).toEqual([PAY_INVOICE, TOP_UP]);
    await expectRefused(tenantId, [PAY_INVOICE, TOP_UP], 'pay_invoice,top_up');
    await workspace.storeCard();
    const { data } = await shop.stripe.stripe.invoices.list({ customer: await workspace.customerId(), status: 'open' });
    for (const { id } of data) await shop.stripe.stripe.invoices.pay(id ?? '');
    await expect.poll(() => check(tenantId, { action: ACTION, quantity: '5' })).toMatchObject({ allowed: true });
    await expectSound(shop, workspace);
  });
});

test('what is switched off is no way to credit, and what was used up is none again', async () => {
  const { tenantId } = await openWorkspace(shop);
  const { setSwitch } = operatorCallsOf(shop.callers);
  const remedies = async () => (await check(tenantId)).remedies;
  await setSwitch(KillSwitchName.TOPUPS_ENABLED, false);
  await setSwitch(KillSwitchName.TRIALS_ENABLED, false);
  await expect.poll(remedies, { timeout: 10_000 }).toEqual([UPGRADE]);
  await expectRefused(tenantId, [UPGRADE], 'upgrade');
  await setSwitch(KillSwitchName.TOPUPS_ENABLED, true);
  await setSwitch(KillSwitchName.TRIALS_ENABLED, true);
  await expect.poll(remedies, { timeout: 10_000 }).toEqual([START_TRIAL, TOP_UP, UPGRADE]);
  await shop.trials.start(tenantId);
  expect(await check(tenantId)).toMatchObject({ allowed: true });
  const { availableMicrocredits } = await check(tenantId);
  await shop.callers.debit(tenantId, { quantity: String(availableMicrocredits / CREDIT) });
  await expectRefused(tenantId, [TOP_UP, UPGRADE], 'top_up,upgrade');
});

describe('a policy', () => {
  test('that allows overdraft lets work begin until that is used up, too', async () => {
    await setPolicy('plus', { overdraftLimitMicrocredits: 2n * CREDIT }, ['overdraft_limit_microcredits']);
    const { tenantId } = await openWorkspace(shop, 'plus');
    const ask = { action: ACTION, quantity: '2' };
    await expect.poll(() => check(tenantId, ask)).toMatchObject({ allowed: true });
    await reserve(tenantId, ACTION, '2');
    expect(await check(tenantId, ask)).toMatchObject({ allowed: false, shortfallMicrocredits: 2n * CREDIT });
    await expectRefused(tenantId, [TOP_UP, UPGRADE], 'top_up,upgrade');
  });

  test('that exempts an action lets that begin without credit, and nothing else; it is charged all the same', async () => {
    await setPolicy('enterprise', { creditGates: ['*', `!${EXEMPT}`] }, ['credit_gates']);
    const workspace = await openWorkspace(shop, 'enterprise');
    const { tenantId } = workspace;
    const ask = { action: EXEMPT, quantity: '1' };
    await expect
      .poll(() => check(tenantId, ask))
      .toMatchObject({ allowed: true, shortfallMicrocredits: 0n, remedies: [] });
    const { neededMicrocredits } = await check(tenantId, ask);
    expect(neededMicrocredits).toBeGreaterThan(0n);
    await expectRefused(tenantId, [TOP_UP, UPGRADE], 'top_up,upgrade');
    const { hold } = await reserve(tenantId, EXEMPT);
    const holds = holdCallsOf(shop.callers);
    await holds.settle({ tenantId, holdId: hold?.holdId ?? '' }, { quantity: '1', final: true });
    expect(await workspace.balance()).toMatchObject({ deficitMicrocredits: neededMicrocredits });
    // What is charged at once is covered, or refused.
    expect(await failureOf(shop.callers.debit(tenantId, { action: EXEMPT, quantity: '1' }))).toMatchObject({
      reason: 'INSUFFICIENT_CREDITS',
    });
    await expectSound(shop, workspace);
  });

  test('that sells no pay-as-you-go credits does not have people told to top up', async () => {
    await setPolicy('pro_annual', { paygAllowed: false }, ['payg_allowed']);
    const { tenantId } = await openWorkspace(shop, 'pro_annual');
    await expect.poll(async () => (await check(tenantId)).remedies).toEqual([UPGRADE]);
    await expectRefused(tenantId, [UPGRADE], 'upgrade');
  });
});
