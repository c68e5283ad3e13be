// Owns that what goes back of a payment which gave no credits of its own, such as that of a plan, is told of: nobody loses credits by
// it (ADR 0018), so somebody has to decide; a dispute ends the rule by which the workspace buys credits. Does not own payments of top-ups (payment-return.ts).
// Invariant: a refund, its failure and a dispute are one event each, whoever sees them how often.

import type { BillingEventLog } from '../alert/billing-event-log.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import { isRecentReturn, toRefundFailedEvent } from './payment-event.ts';
import type { StripePayments } from './ports.ts';
import type { ReturnNotice } from './return-notice.ts';

/** What such returns are told of with. */
export interface OtherReturnParts {
  readonly stripe: Pick<StripePayments, 'loadReturned'>;
  readonly customers: Pick<CustomerStore, 'findByStripeId'>;
  readonly events: Pick<BillingEventLog, 'note'>;
  readonly notice: Pick<ReturnNotice, 'tell'>;
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
    const { stripe, customers, events, notice, clock } = this.#parts;
    const returned = await stripe.loadReturned(stripePaymentIntentId);
    const tenant = returned && (await customers.findByStripeId(returned.stripeCustomerId));
    if (returned === undefined || tenant === undefined) return undefined;
    await notice.tell(tenant, returned.parts);
    const now = clock.estimate();
    for (const refund of returned.failedRefunds) {
      if (isRecentReturn(refund, now)) await events.note(toRefundFailedEvent(tenant, refund));
    }
    return tenant;
  }
}
