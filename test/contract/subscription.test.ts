// Subscriptions as a kernel sells them: over the real engine, with the real SDK, at the sandbox.

import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SubscriptionStatus } from '../../gen/wheelhouse/subscription/v1/subscription.ts';
import { ChangeOutcome } from '../../gen/wheelhouse/subscription/v1/subscription_change.ts';
import { MemberServiceService, PutMemberRequest } from '../../gen/wheelhouse/tenant/v1/member_service.ts';
import { CREDIT, ISSUER, OPERATOR } from './support/account.ts';
import { failureOf } from './support/failure.ts';
import { newRequestId } from './support/kernel-fixture.ts';
import { expectLedgerClean } from './support/ledger-audit.ts';
import { operatorCallsOf } from './support/operator.ts';
import {
  DAY_MS,
  expectSound,
  HOUR_MS,
  openShop,
  openWorkspace,
  type Shop,
  type Workspace,
} from './support/subscription.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterEach(() => expectLedgerClean(shop.callers));
afterAll(() => shop.close());

describe('ActivateSubscription', () => {
  test('charges the stored card, once for each request, and gives the plan with its credits', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    const request = { requestId: newRequestId(), planCode: 'plus' };
    const { change } = await workspace.activate(request);
    expect(change).toMatchObject({
      ...{ outcome: ChangeOutcome.DONE, planCode: 'plus', replayed: false },
      subscription: { status: SubscriptionStatus.ACTIVE, includedMicrocreditsPerCycle: 20n * CREDIT },
    });
    expect(await workspace.balance()).toMatchObject({
      ...{ planCode: 'plus', includedRemainingMicrocredits: 20n * CREDIT, paygRemainingMicrocredits: 0n },
    });
    const again = await workspace.activate(request);
    expect(again.change).toMatchObject({ outcome: ChangeOutcome.DONE, planCode: 'plus', replayed: true });
    await shop.settle();
    expect(await workspace.charged()).toEqual([14_900]);
    expect(await workspace.balance()).toMatchObject({ includedRemainingMicrocredits: 20n * CREDIT });
    await expectSound(shop, workspace);
  });

  test('leads to a page where no card is stored, and gives nothing before it is paid', async () => {
    const workspace = await openWorkspace(shop);
    const { change } = await workspace.activate({ planCode: 'pro', returnPath: '/settings/billing' });
    expect(change?.outcome).toBe(ChangeOutcome.ACTION_REQUIRED);
    expect(change?.actionUrl).toContain(shop.stripe.sandbox.url);
    expect(await workspace.balance()).toMatchObject({ planCode: 'free', includedRemainingMicrocredits: 0n });
  });

  test('says why a card was declined, and leaves everything as it was', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard('pm_card_chargeCustomerFail');
    const request = { requestId: newRequestId(), planCode: 'pro' };
    const failure = await failureOf(workspace.activate(request));
    expect(failure).toMatchObject({ code: status.FAILED_PRECONDITION, reason: 'PAYMENT_DECLINED' });
    expect(failure.metadata).toMatchObject({ decline_code: expect.stringMatching(/./) });
    expect(await failureOf(workspace.activate(request))).toMatchObject({ reason: 'PAYMENT_DECLINED' });
    expect(await workspace.balance()).toMatchObject({ planCode: 'free', includedRemainingMicrocredits: 0n });
    expect(await workspace.charged()).toEqual([]);
    await workspace.storeCard();
    expect((await workspace.activate({ planCode: 'pro' })).change).toMatchObject({ outcome: ChangeOutcome.DONE });
  });

  test.each([
    ['enterprise', 'CONTACT_SALES'],
    ['free', 'INVALID_FIELD'],
    ['nothing', 'PLAN_NOT_FOUND'],
  ])('refuses plan %s: %s', async (planCode, reason) => {
    const workspace = await openWorkspace(shop);
    expect(await failureOf(workspace.activate({ planCode }))).toMatchObject({ reason });
  });
});

describe('a subscription', () => {
  test('is renewed with its credits, once for each cycle, and what is left over lapses', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await shop.callers.grant(workspace.tenantId, 7n * CREDIT);
    await workspace.activate({ planCode: 'plus' });
    await shop.callers.debit(workspace.tenantId, { quantity: '4' });
    for (const cycle of [1, 2]) {
      await shop.advance(31 * DAY_MS);
      await shop.advance(DAY_MS);
      await expect.poll(() => workspace.charged(), { interval: 200 }).toHaveLength(1 + cycle);
      await shop.settle();
      expect(await workspace.balance()).toMatchObject({
        ...{ planCode: 'plus', includedRemainingMicrocredits: 20n * CREDIT, paygRemainingMicrocredits: 7n * CREDIT },
      });
    }
    expect((await workspace.get()).subscription).toMatchObject({ status: SubscriptionStatus.ACTIVE });
    await expectSound(shop, workspace);
  });

  test('is upgraded at once for the rest of its period, as the preview says', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await workspace.activate({ planCode: 'pro' });
    const { preview } = await workspace.preview('max');
    expect(preview).toMatchObject({ fromPlanCode: 'pro', toPlanCode: 'max' });
    const { change } = await workspace.changePlan({ planCode: 'max' });
    expect(change).toMatchObject({ outcome: ChangeOutcome.DONE, planCode: 'max' });
    const after = preview?.bucketEffects.find(({ afterMicrocredits }) => afterMicrocredits > 5n * CREDIT);
    const { includedRemainingMicrocredits } = await workspace.balance();
    // A second or so between the preview and the change.
    expect(Number((after?.afterMicrocredits ?? 0n) - includedRemainingMicrocredits)).toBeLessThan(1_000);
    const [first, second] = await workspace.charged();
    expect(first).toBe(4_900);
    expect(Math.abs(Number(second) - Number(preview?.dueNow?.minorUnits))).toBeLessThanOrEqual(2);
    await expectSound(shop, workspace);
  });

  test('is not upgraded while its renewal is being paid, but may go down or end', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await workspace.activate({ planCode: 'plus' });
    const { subscription } = await workspace.get();
    const { periodStartTime, periodEndTime } = subscription ?? {};
    await shop.advance(Number(periodEndTime) - Number(periodStartTime) + HOUR_MS / 2);
    expect((await workspace.get()).subscription).toMatchObject({ status: SubscriptionStatus.RENEWAL_PENDING });
    for (const ask of [() => workspace.preview('max'), () => workspace.changePlan({ planCode: 'max' })]) {
      expect(await failureOf(ask())).toMatchObject({
        ...{ code: status.FAILED_PRECONDITION, reason: 'SUBSCRIPTION_UNPAID' },
        message: expect.stringContaining('not paid yet'),
      });
    }
    await workspace.changePlan({ planCode: 'pro' });
    await workspace.cancel();
    await workspace.resume();
    await shop.advance(2 * HOUR_MS);
    await expect.poll(async () => (await workspace.get()).subscription?.status).toBe(SubscriptionStatus.ACTIVE);
    expect((await workspace.changePlan({ planCode: 'max' })).change).toMatchObject({ planCode: 'max' });
    await expectSound(shop, workspace);
  });

  test('is downgraded with its period, and what waits can be taken back', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await workspace.activate({ planCode: 'plus' });
    const { change } = await workspace.changePlan({ planCode: 'pro' });
    expect(change).toMatchObject({ planCode: 'plus', subscription: { pendingChange: { planCode: 'pro' } } });
    expect((await workspace.resume()).change?.subscription?.pendingChange).toBeUndefined();
    await workspace.changePlan({ planCode: 'pro' });
    await shop.advance(31 * DAY_MS);
    await shop.advance(DAY_MS);
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('pro');
    expect(await workspace.balance()).toMatchObject({ includedRemainingMicrocredits: 5n * CREDIT });
    await expectSound(shop, workspace);
  });

  test('that is canceled ends with its period, and leaves PAYG', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await shop.callers.grant(workspace.tenantId, 7n * CREDIT);
    await workspace.activate({ planCode: 'pro' });
    expect((await workspace.cancel()).change).toMatchObject({ outcome: ChangeOutcome.DONE, planCode: 'pro' });
    expect((await workspace.get()).subscription?.cancelTime).toBeDefined();
    await shop.advance(32 * DAY_MS);
    expect(await workspace.balance()).toMatchObject({
      ...{ planCode: 'free', includedRemainingMicrocredits: 0n, paygRemainingMicrocredits: 7n * CREDIT },
    });
    await expect
      .poll(async () => (await workspace.get()).subscription)
      .toMatchObject({ status: SubscriptionStatus.ENDED });
    expect(await workspace.charged()).toEqual([4_900]);
    await expectSound(shop, workspace);
  });
});

describe('what operators do', () => {
  const auditOf = async (tenantId: string): Promise<readonly string[]> => {
    const records = await operatorCallsOf(shop.callers).audit({ tenantId });
    return records.map(({ method }) => method);
  };

  /** Expects that people can change to no plan of theirs: they would have its credits by invoices that nobody has paid. */
  async function expectNoChange(workspace: Workspace): Promise<void> {
    const refused = { reason: 'CONTACT_SALES', metadata: { plan_code: 'max' } };
    expect(await failureOf(workspace.preview('max'))).toMatchObject(refused);
    expect(await failureOf(workspace.changePlan({ planCode: 'max' }))).toMatchObject(refused);
    expect((await workspace.get()).subscription?.pendingChange).toBeUndefined();
  }

  test('gives a plan by contract, with its own price and credits, before anything is paid', async () => {
    const workspace = await openWorkspace(shop);
    const contract = {
      ...{ planCode: 'enterprise', price: { currencyCode: 'usd', minorUnits: 250_000n }, daysUntilDue: 30 },
      billingEmail: 'bills@initech.example',
      ...{ includedMicrocreditsPerCycle: 900n * CREDIT, intervalMonths: 3 },
    };
    const { change } = await workspace.provision(contract);
    expect(change).toMatchObject({
      ...{ outcome: ChangeOutcome.DONE, planCode: 'enterprise' },
      subscription: { price: { minorUnits: 250_000n }, intervalCount: 3 },
    });
    expect(await workspace.balance()).toMatchObject({ includedRemainingMicrocredits: 900n * CREDIT });
    expect(await failureOf(workspace.provision(contract))).toMatchObject({ reason: 'SUBSCRIPTION_EXISTS' });
    await expectNoChange(workspace);
    expect((await workspace.cancel()).change).toMatchObject({ outcome: ChangeOutcome.DONE, planCode: 'enterprise' });
    expect((await workspace.resume()).change?.subscription?.cancelTime).toBeUndefined();
    expect(await auditOf(workspace.tenantId)).toContain('SubscriptionService/ProvisionContract');
    await expectSound(shop, workspace);
  });

  test('ends a subscription at once, which people may only where the policy says so', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await workspace.activate({ planCode: 'pro' });
    const refusal = await failureOf(workspace.cancel({ atOnce: true }));
    expect(refusal).toMatchObject({ reason: 'INVALID_FIELD', violations: { at_once: expect.any(String) } });
    expect((await workspace.cancelByOperator({ atOnce: true })).change).toMatchObject({ planCode: 'free' });
    expect(await workspace.balance()).toMatchObject({ planCode: 'free', includedRemainingMicrocredits: 0n });
    expect(await auditOf(workspace.tenantId)).toContain('SubscriptionService/CancelSubscription');
    await expectSound(shop, workspace);
  });
});

describe('a trial whose end somebody agreed to be charged at', () => {
  const start = async (card: string) => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard(card);
    const subject = `trial-of-${card}`;
    const reader = { issuer: ISSUER, subject: newRequestId(), email: 'reader@example.com', tenantAdmin: true };
    const request = { requestId: newRequestId(), tenantId: workspace.tenantId, ...reader, ...OPERATOR };
    await shop.callers.sysadmin.call(MemberServiceService.putMember, PutMemberRequest.fromPartial(request));
    await shop.trials.start(workspace.tenantId, { planCode: 'pro', consentToCharge: true }, { subject });
    await shop.advance(14 * DAY_MS + 2_000);
    return workspace;
  };

  test('becomes the paid plan by itself, once', async () => {
    const workspace = await start('pm_card_visa');
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('pro');
    expect(await workspace.charged()).toEqual([4_900]);
    expect(await workspace.balance()).toMatchObject({
      ...{ trialRemainingMicrocredits: 0n, includedRemainingMicrocredits: 5n * CREDIT },
    });
    await expectSound(shop, workspace);
  });

  test('becomes the paid plan also where an earlier subscription had ended before it began, as was told', async () => {
    const workspace = await openWorkspace(shop);
    await workspace.storeCard();
    await workspace.activate({ planCode: 'plus' });
    await workspace.cancelByOperator({ atOnce: true });
    await shop.advance(DAY_MS);
    await shop.trials.start(workspace.tenantId, { planCode: 'pro', consentToCharge: true }, { subject: 'came-back' });
    await shop.advance(12 * DAY_MS);
    const events = shop.kernel.connection.collection<{ _id: string }>('billing_events');
    const told = () => events.findOne({ _id: `trial-ending:${workspace.tenantId}` });
    await expect.poll(told).toMatchObject({ data: { becomes_paid: 'true' } });
    await shop.advance(2 * DAY_MS + 2_000);
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('pro');
    expect(await workspace.charged()).toEqual([14_900, 4_900]);
    await expectSound(shop, workspace);
  });

  test('falls back where the card is declined, and its administrators are told', async () => {
    const workspace = await start('pm_card_chargeCustomerFail');
    const mails = shop.kernel.connection.collection<{ _id: string }>('mail_outbox');
    const tellings = () => mails.countDocuments({ _id: { $regex: `^conversion-failed:${workspace.tenantId}` } });
    await expect.poll(() => workspace.balance()).toMatchObject({ planCode: 'free', trialRemainingMicrocredits: 0n });
    expect(await workspace.charged()).toEqual([]);
    await expectSound(shop, workspace);
    await expect.poll(tellings).toBe(1);
  });

  /** A trial that ends while a plan that was bought by a bank debit waits for its bank. */
  async function endWhilePaying(): Promise<{ readonly workspace: Workspace; readonly id: string }> {
    const workspace = await openWorkspace(shop);
    const { tenantId } = workspace;
    await shop.trials.startByOperator(tenantId, { planCode: 'pro' });
    await workspace.agreeByCard();
    await shop.advance(13 * DAY_MS);
    const customer = await workspace.customerId();
    const metadata = { tenant_id: tenantId, product_code: 'agentruntime', intent_id: `int_${tenantId}` };
    const items = [{ price: 'price_agentruntime_pro' }];
    const { id } = await shop.stripe.stripe.subscriptions.create({
      ...{ customer, items, metadata },
      payment_behavior: 'default_incomplete',
    });
    shop.stripe.sandbox.control.beginSlowPayment(id);
    await shop.settle();
    await shop.advance(DAY_MS + 5_000);
    await workspace.refresh();
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('free');
    return { workspace, id };
  }

  const failuresOf = async ({ tenantId }: Workspace): Promise<number> =>
    shop.kernel.connection.collection('billing_events').countDocuments({ tenant_id: tenantId, type: 'payment.failed' });

  test('while a bank has its payment under way it is not told to have failed, and is the plan once that is paid', async () => {
    const { workspace, id } = await endWhilePaying();
    const results = shop.kernel.connection.collection('stripe_intent_results');
    expect(await results.countDocuments({ tenant_id: workspace.tenantId })).toBe(0);
    shop.stripe.sandbox.control.endSlowPayment(id, 'paid');
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('pro');
    expect(await workspace.charged()).toEqual([4_900]);
    await shop.advance(DAY_MS);
    expect(await failuresOf(workspace)).toBe(0);
    await expectSound(shop, workspace);
  });

  test('where that payment fails it is decided then: the card is charged, once', async () => {
    const { workspace, id } = await endWhilePaying();
    shop.stripe.sandbox.control.endSlowPayment(id, 'failed');
    await shop.settle();
    await workspace.refresh();
    await expect.poll(async () => (await workspace.balance()).planCode).toBe('pro');
    expect(await workspace.charged()).toEqual([4_900]);
    expect(await failuresOf(workspace)).toBe(0);
    await expectSound(shop, workspace);
  });
});
