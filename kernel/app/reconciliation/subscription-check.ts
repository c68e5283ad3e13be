// Owns what has to be equal of the subscription of a workspace and of what runs at Stripe for it. Does not own what a step is
// (domain/subscription-step.ts), or what of Stripe the account is about (app/subscription/subscription-sync.ts).

import type { TenantRef } from '../ledger/ledger.ts';
import type { StripeSubscription } from '../subscription/ports.ts';
import { isOurs } from '../subscription/subscription-follow-up.ts';
import type { SubscriptionSync } from '../subscription/subscription-sync.ts';
import { type Difference, mendedByHand, mendedByRefresh, type WorkspaceCheck } from './difference.ts';

/** Compares subscriptions. */
export class SubscriptionCheck implements WorkspaceCheck {
  readonly #sync: Pick<SubscriptionSync, 'compare'>;

  constructor(sync: Pick<SubscriptionSync, 'compare'>) {
    this.#sync = sync;
  }

  async find(tenant: TenantRef): Promise<readonly Difference[]> {
    const { account, step, subject, others } = await this.#sync.compare(tenant);
    const differences: Difference[] = [];
    if (step !== undefined && subject !== undefined) {
      const { subscription, planCode } = account.state;
      const here =
        subscription === undefined
          ? `no subscription, and the plan ${planCode}`
          : `${subscription.stripeSubscriptionId} as ${subscription.status}, paid until ${new Date(subscription.periodEnd).toISOString()}`;
      const message = `the account has ${here}; by what Stripe shows of ${subject} it has yet to be ${step.change}`;
      differences.push(mendedByRefresh(tenant, 'subscription_differs', subject, message));
    }
    return [...differences, ...others.map((other) => secondOf(tenant, other))];
  }
}

function secondOf(tenant: TenantRef, other: StripeSubscription): Difference {
  const { stripeSubscriptionId: id } = other;
  const message = `${id} runs at Stripe too, and the account is not about it`;
  if (isOurs(other, tenant.tenantId)) {
    return mendedByRefresh(tenant, 'second_subscription', id, `${message}: it is paid back and ended`);
  }
  const command = `stripe subscriptions cancel ${id}`;
  return mendedByHand(tenant, 'second_subscription', id, `${message}, nor was it made here: end it at Stripe`, command);
}
