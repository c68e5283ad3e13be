// Owns that what goes back of a payment which gave no credits of its own, such as that of a plan, is told of: nobody loses credits by
// it (ADR 0018), so somebody has to decide; a dispute ends the rule by which the workspace buys credits. Does not own payments of top-ups (payment-return.ts).
// Invariant: a refund, its failure and a dispute are one event each, whoever sees them how often.

import type { BillingEventLog } from '../alert/billing-event-log.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import type { AutoTopUpBrake } from './auto-top-up-brake.ts';
import { isRecentReturn, toRefundFailedEvent, toReturnEvent } from './payment-event.ts';
import type { StripePayments } from './ports.ts';

/** What such returns are told of with. */
export interface OtherReturnParts {
  readonly stripe: Pick<StripePayments, 'loadReturned'>;
  readonly customers: Pick<CustomerStore, 'findByStripeId'>;
  readonly events: Pick<BillingEventLog, 'note' | 'isNoted'>;
  readonly brake: Pick<AutoTopUpBrake, 'stop'>;
  readonly clock: Pick<Clock, 'estimate'>;
}

/** Tells of returns. */
export class OtherReturn {
  readonly #parts: OtherReturnParts;

  constructor(parts: OtherReturnParts) {
    this.#parts = parts;
  }

  /**
   * Tells what of a payment went back; answers whose it was, and undefined where it was nobody's here. Throws DomainError
   * STRIPE_UNAVAILABLE, STRIPE_REFUSED, QUEUE_FULL, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE: doing it again goes on.
   */
  async tell(stripePaymentIntentId: string): Promise<TenantRef | undefined> {
    const { stripe, customers, events, brake, clock } = this.#parts;
    const returned = await stripe.loadReturned(stripePaymentIntentId);
    const tenant = returned && (await customers.findByStripeId(returned.stripeCustomerId));
    if (returned === undefined || tenant === undefined) return undefined;
    const now = clock.estimate();
    for (const part of returned.parts) {
      const event = toReturnEvent(tenant, part);
      // Once for each: a rule that was set again since goes on.
      if (!isRecentReturn(part, now) || (await events.isNoted(event.eventId))) continue;
      await brake.stop(tenant, part);
      await events.note(event);
    }
    for (const refund of returned.failedRefunds) {
      if (isRecentReturn(refund, now)) await events.note(toRefundFailedEvent(tenant, refund));
    }
    return tenant;
  }
}
