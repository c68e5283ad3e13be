// Owns that what went back of a payment, whatever that was for, is told of once and ends the rule that it is to end. Does not own what
// becomes of credits (payment-return.ts), or how returns are found.
// Invariant: the rule stops before it is told, so that a crash in between does both again; once for each return, so that a rule that was
// set again since goes on.

import type { BillingEventLog } from '../alert/billing-event-log.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import type { AutoTopUpBrake } from './auto-top-up-brake.ts';
import { isRecentReturn, toReturnEvent } from './payment-event.ts';
import type { StripeReturnPart, TopUp } from './ports.ts';

/** What returns are told of with. */
export interface ReturnNoticeParts {
  readonly events: Pick<BillingEventLog, 'note' | 'isNoted'>;
  readonly brake: Pick<AutoTopUpBrake, 'stop'>;
  readonly clock: Pick<Clock, 'estimate'>;
}

/** Tells of what went back. */
export class ReturnNotice {
  readonly #parts: ReturnNoticeParts;

  constructor(parts: ReturnNoticeParts) {
    this.#parts = parts;
  }

  /**
   * Tells of the parts of a payment that went back; it is of a top-up, where one is named. Throws DomainError QUEUE_FULL,
   * OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE: doing it again goes on.
   */
  async tell(
    payment: TenantRef & Partial<Pick<TopUp, 'topUpId' | 'cause'>>,
    parts: readonly StripeReturnPart[],
  ): Promise<void> {
    const { events, brake, clock } = this.#parts;
    const now = clock.estimate();
    for (const part of parts) {
      const event = toReturnEvent(payment, part);
      if (!isRecentReturn(part, now) || (await events.isNoted(event.eventId))) continue;
      await brake.stop(payment, part);
      await events.note(event);
    }
  }
}
