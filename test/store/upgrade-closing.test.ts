// What is chosen while an upgrade waits to be paid, at a Stripe where that is paid just before it is closed.

import { expect, test } from 'vitest';
import { IntentSteps } from '../../kernel/app/subscription/intent-step.ts';
import type { IntentRequest } from '../../kernel/app/subscription/ports.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import { draftIntent } from '../support/intent-fixture.ts';
import { StripeModel } from '../support/stripe-model.ts';

const AT = { stripeSubscriptionId: 'sub_1' };
const PRO = { planCode: 'pro' as PlanCode, stripePriceId: 'price_pro' };

/** A payment that comes in while the page is closed. */
class LatePayment extends StripeModel {
  override closeChange = (): Promise<void> => {
    const [{ isUpdatePending: _, ...rest } = expect.fail('nothing waits')] = this.subscriptions;
    const { terms = expect.fail('it has no price') } = rest;
    this.subscriptions[0] = { ...rest, terms: { ...terms, stripePriceId: 'price_max' } };
    return Promise.resolve();
  };
}

async function choose(billing: StripeModel, request: IntentRequest) {
  const steps = new IntentSteps({
    billing,
    customers: { ensureCustomer: async () => 'cus_1' },
    notes: { saveSetAside: async () => undefined },
  });
  const send = await steps.prepare(draftIntent({ createdAt: 0, dueAt: 0, request }));
  return send({ intentId: 'int_1', attempt: 1 });
}

test.each<[what: string, request: IntentRequest]>([
  ['a smaller plan', { kind: 'change_at_period_end', ...AT, ...PRO }],
  ['a cancellation', { kind: 'cancel', ...AT, atOnce: false }],
])('%s gives way to an upgrade that was paid meanwhile, which nobody knew', async (_, request) => {
  const paid = new LatePayment(() => 0);
  paid.add({ isUpdatePending: true });
  expect(await choose(paid, request)).toMatchObject({ kind: 'failed', reason: 'SUBSCRIPTION_BUSY' });
  expect(paid.calls).toEqual([]);
  const unpaid = new StripeModel(() => 0);
  unpaid.add({ isUpdatePending: true });
  expect(await choose(unpaid, request)).toEqual({ kind: 'done' });
  expect(unpaid.calls).toHaveLength(1);
});
