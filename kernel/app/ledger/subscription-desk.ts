// Owns bringing the subscription of an account closer to what was seen at Stripe. Does not own reading Stripe, or going on until
// nothing is left to do (app/subscription).

import type { ApplySubscription } from '../../domain/command.ts';
import type { IdempotencyKey } from '../../domain/id.ts';
import type { SubscriptionFacts } from '../../domain/subscription.ts';
import { listSubscriptionDueTimes } from '../../domain/subscription-step.ts';
import type { AccountDesk } from './account-desk.ts';
import type { FollowedState, TenantRef } from './ledger.ts';

/** Serves the subscriptions of every tenant. */
export class SubscriptionDesk {
  readonly #desk: AccountDesk;

  constructor(desk: AccountDesk) {
    this.#desk = desk;
  }

  /** Records one step from an account as it was before the facts were read, where there is one. Throws what writes to the ledger throw. */
  async apply({ tenantId }: TenantRef, facts: SubscriptionFacts, before: FollowedState): Promise<void> {
    const { clock, ids } = this.#desk.tools;
    await this.#desk.noteDueTimes(tenantId, listSubscriptionDueTimes(before, facts, clock.estimate()));
    const revision = before.subscriptionRevision;
    const command: ApplySubscription = {
      type: 'apply_subscription',
      // Whoever comes with another step from the same revision is too late, and reads again.
      key: `subscription:${revision + 1}` as IdempotencyKey,
      ...{ facts, revision, grantId: ids.grantId() },
    };
    await this.#desk.committer.submit(tenantId, command, Number.POSITIVE_INFINITY);
  }
}
