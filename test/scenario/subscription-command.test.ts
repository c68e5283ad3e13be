// The operators' commands about subscriptions, as an operator runs them: the real program, a real kernel with stand-ins in the place of
// what works with Stripe, tables, lines of JSON and exit codes.

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ContractInput, SubscriptionChange, SubscriptionView } from '../../kernel/app/subscription/use-case.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { callersOf } from '../contract/support/account.ts';
import { composeKernel, type KernelFixture } from '../contract/support/kernel-fixture.ts';
import { cleanUpProcesses } from '../contract/support/kernel-process.ts';
import { expectLedgerClean } from '../contract/support/ledger-audit.ts';
import { operatorProgramOf } from '../contract/support/operator-program.ts';
import { override } from '../contract/support/override.ts';

const WHO = ['--actor', 'usr_alice', '--reason', 'because'];
const AT = Date.UTC(2026, 0, 31);
const LATER = Date.UTC(2026, 1, 28);
const PLAN = 'enterprise' as PlanCode;
const SUBSCRIPTION: SubscriptionView = {
  ...{ planCode: PLAN, stripePriceId: 'price_1', minorUnits: 90_000n, currency: 'usd' },
  ...{ interval: 'month', intervalCount: 3, includedPerCycle: 7n },
  ...{ rolloverLimit: 0n, graceMs: 0, pastDueEnd: 'keep' },
  ...{ stripeSubscriptionId: 'sub_1', status: 'active', fallbackPlanCode: 'free' as PlanCode },
  ...{ startedAt: AT, periodStart: AT, periodEnd: LATER, paidAllowance: 7n, discounts: [] },
};
const DONE: SubscriptionChange = { outcome: 'done', planCode: PLAN, subscription: SUBSCRIPTION, replayed: false };

let kernel: KernelFixture;
let tenantId: string;
let answer: SubscriptionChange | DomainError;
let subscription: SubscriptionView | undefined;
const asked: unknown[] = [];

function change(input: { readonly atOnce: boolean } | ContractInput, by: unknown): Promise<SubscriptionChange> {
  asked.push({ input, by });
  return answer instanceof DomainError ? Promise.reject(answer) : Promise.resolve(answer);
}

beforeAll(async () => {
  kernel = await composeKernel({
    subscriptions: (real) =>
      override(real, {
        getSubscription: () => Promise.resolve({ planCode: PLAN, asOf: AT, ...(subscription && { subscription }) }),
        cancel: (_, input, by) => change(input, by),
        provisionContract: (_, input, by) => change(input, by),
      }),
  });
  tenantId = await callersOf(kernel).openTenant();
});
beforeEach(() => {
  asked.length = 0;
  answer = DONE;
  subscription = SUBSCRIPTION;
});
afterEach(cleanUpProcesses);
afterEach(() => expectLedgerClean(callersOf(kernel)));
afterAll(() => kernel.close());

const { printed, refused } = operatorProgramOf(() => kernel, 'subscription');

test('what a workspace has is shown', async () => {
  expect(await printed('show', tenantId)).toMatch(
    /^PLAN CODE +STATUS +PRICE +PERIOD END .*\nenterprise +active +90000 usd \/ 3 months +2026-02-28T00:00:00.000Z .*\n$/,
  );
  expect(JSON.parse(await printed('show', tenantId, '--json'))).toMatchObject({
    ...{ plan_code: 'enterprise', stripe_subscription_id: 'sub_1', included_microcredits_per_cycle: '7', trial: '' },
  });
  subscription = undefined;
  expect(await printed('show', tenantId)).toMatch(/\nenterprise +- +- +- /);
});

test('a subscription is cancelled with its period, or at once', async () => {
  answer = { ...DONE, subscription: { ...SUBSCRIPTION, cancelAt: LATER } };
  expect(await printed('cancel', tenantId, ...WHO)).toBe(
    'Done: the workspace has the plan enterprise and a subscription that is active, until 2026-02-28T00:00:00.000Z.\n',
  );
  answer = { ...DONE, outcome: 'pending', replayed: true };
  expect(await printed('cancel', tenantId, '--at-once', ...WHO)).toMatch(
    /^It is under way, and goes on by itself; now /,
  );
  const by = { actor: 'usr_alice', reason: 'because' };
  expect(asked).toEqual([
    { input: { atOnce: false }, by },
    { input: { atOnce: true }, by },
  ]);
  expect(await refused('cancel', tenantId)).toContain('--actor');
});

test('a contract is provisioned, and a card may have to be confirmed', async () => {
  const contract = ['provision', tenantId, 'enterprise', '--price', '90000', '--currency', 'usd', '--included', '7'];
  answer = { ...DONE, replayed: true };
  const sent = ['--billing-email', 'bills@initech.example'];
  expect(await printed(...contract, '--months', '3', ...sent, ...WHO)).toMatch(/^Done before; nothing changed now: /);
  expect(asked).toMatchObject([
    { input: { price: { minorUnits: 90_000n, currency: 'usd' }, includedPerCycle: 7n, intervalMonths: 3 } },
  ]);
  expect(asked).toMatchObject([{ input: { daysUntilDue: 30, billingEmail: 'bills@initech.example' } }]);
  answer = { outcome: 'action_required', actionUrl: 'https://invoice.stripe.com/i/1', planCode: PLAN, replayed: false };
  expect(await printed(...contract, '--days-until-due', '0', ...WHO)).toBe(
    'Somebody has to act at https://invoice.stripe.com/i/1; until then the workspace has the plan enterprise and no subscription.\n',
  );
  answer = new DomainError('SUBSCRIPTION_EXISTS', 'the workspace has a subscription already: change its plan instead');
  expect(await refused(...contract, ...sent, ...WHO)).toContain('has a subscription already');
  expect(await refused(...contract, ...WHO)).toContain('billing_email: is required');
  expect(await refused(...contract, '--months', '13', ...sent, ...WHO)).toContain(
    'interval_months: must be 1 to 12, got 13',
  );
});
