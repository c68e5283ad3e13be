// Owns bringing a top-up, and the credits that it gives, to what Stripe shows of its invoice, whoever asks: a webhook, a page that
// leads back, a timer. Does not own what is sent to Stripe (top-up-runner.ts).
// Invariants: credits come from what is kept here and never from what an event or an invoice says; they come once, and again only where
// an operator has undone them, before it is told that they are there; so the order, the number and the delay of those who ask make no difference. What is told to others is noted
// before it is kept, under an id of its own.

import { DomainError } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import { paymentSource } from '../../domain/payback.ts';
import { givingKey } from '../../domain/payment-giving.ts';
import { computeTopUpStatus, isTopUpEnded } from '../../domain/top-up.ts';
import type { BillingEventLog } from '../alert/billing-event-log.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import { toFailedEvent, toSucceededEvent } from './payment-event.ts';
import type { PaymentReturn } from './payment-return.ts';
import type { SeenTopUp, StripeTopUp, StripeTopUps, TopUp, TopUpObserver, TopUpStore } from './ports.ts';
import type { TopUpView } from './use-case.ts';

/** What a sync works with. */
export interface TopUpSyncParts {
  readonly store: Pick<TopUpStore, 'saveSeen' | 'endTopUp'>;
  readonly stripe: Pick<StripeTopUps, 'loadTopUp'>;
  readonly ledger: Pick<Ledger, 'giveCredit' | 'readPayback'>;
  readonly returns: Pick<PaymentReturn, 'settle' | 'isAllReturned'>;
  readonly events: Pick<BillingEventLog, 'note'>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly observer: Pick<TopUpObserver, 'ended'>;
}

/** Brings top-ups to what Stripe shows. */
export class TopUpSync {
  readonly #parts: TopUpSyncParts;

  constructor(parts: TopUpSyncParts) {
    this.#parts = parts;
  }

  /**
   * Brings one to what Stripe shows now; nothing for one that has ended, or has no invoice yet. Throws DomainError STRIPE_UNAVAILABLE,
   * STRIPE_REFUSED, OUTCOME_UNKNOWN, QUEUE_FULL, INTERNAL where its invoice was made another one by hand, and what the ledger and the database
   * throw: doing it again goes on.
   */
  async sync(topUp: TopUp): Promise<TopUpView> {
    const { topUpId, stripeInvoiceId, status: before } = topUp;
    if (stripeInvoiceId === undefined || isTopUpEnded(before)) return topUp;
    const found = await this.#parts.stripe.loadTopUp(stripeInvoiceId);
    // A draft can be deleted by hand; nobody will pay it.
    const status = found === undefined ? 'canceled' : computeTopUpStatus(found.facts);
    if (found === undefined || status === 'canceled') {
      // What is closed does not say any more why it was declined.
      const seen = found === undefined ? { status } : seenOf(found, status);
      return this.#end(topUp, { ...present({ failureCode: topUp.failureCode }), ...seen });
    }
    assertUnchanged(topUp, found);
    if (status === 'succeeded') return this.#give(topUp, seenOf(found, status));
    const seen = seenOf(found, status);
    // Told before it is kept, here and at its end, so that a crash in between tells of it again, under the same id.
    if (status === 'failed' && before !== 'failed') await this.#parts.events.note(toFailedEvent({ ...topUp, ...seen }));
    const kept = await this.#parts.store.saveSeen(topUpId, seen);
    return { ...kept, ...present({ clientSecret: found.clientSecret }) };
  }

  /**
   * Brings one to what Stripe shows, also where it has ended: what is paid there has its credits then, and what went back is taken
   * back. Throws what {@link sync} throws.
   */
  async resync(topUp: TopUp): Promise<void> {
    const { stripeInvoiceId, status } = topUp;
    if (!isTopUpEnded(status)) return void (await this.sync(topUp));
    const found = stripeInvoiceId === undefined ? undefined : await this.#parts.stripe.loadTopUp(stripeInvoiceId);
    if (found === undefined || computeTopUpStatus(found.facts) !== 'succeeded') return;
    assertUnchanged(topUp, found);
    await this.#credit(topUp, seenOf(found, 'succeeded'));
  }

  async #give(topUp: TopUp, seen: SeenTopUp): Promise<TopUp> {
    try {
      await this.#credit(topUp, seen);
    } catch (error) {
      // Whoever asks meanwhile is not to be led to a page to pay what is paid.
      await this.#parts.store.saveSeen(topUp.topUpId, { ...seen, status: 'processing' });
      throw error;
    }
    await this.#parts.events.note(toSucceededEvent(topUp));
    return this.#end(topUp, seen);
  }

  async #credit(topUp: TopUp, seen: SeenTopUp): Promise<void> {
    const { ledger, returns } = this.#parts;
    const { topUpId, microcredits } = topUp;
    const paid = { ...topUp, ...seen };
    const given = await ledger.readPayback(topUp, topUpId);
    const amount = microcredits - (given?.credits ?? 0n);
    // What was undone by hand is paid for all the same, so it comes again; unless it went back to the payer.
    if (amount > 0n && (given === undefined || !(await returns.isAllReturned(paid)))) {
      const key = givingKey(topUpId, (given?.givings ?? 0) + 1);
      await ledger.giveCredit(topUp, { key, bucket: 'payg', amount, source: paymentSource(topUpId) });
    }
    // It may have gone back by the time that it is seen to have been paid.
    await returns.settle(paid);
  }

  async #end({ topUpId }: TopUp, seen: SeenTopUp): Promise<TopUp> {
    const { store, clock, observer } = this.#parts;
    const ended = await store.endTopUp(topUpId, seen, clock.estimate());
    observer.ended(ended);
    return ended;
  }
}

function seenOf({ facts, stripePaymentIntentId, pageUrl }: StripeTopUp, status: TopUp['status']): SeenTopUp {
  const isOpen = !isTopUpEnded(status);
  return {
    status,
    ...present({
      stripePaymentIntentId,
      pageUrl: isOpen ? pageUrl : undefined,
      failureCode: status === 'succeeded' ? undefined : facts.failureCode,
    }),
  };
}

/** An invoice can be changed by hand at Stripe, where it then is of another amount. */
function assertUnchanged(
  { topUpId, stripeInvoiceId, ...own }: TopUp,
  { facts, minorUnits, currency }: StripeTopUp,
): void {
  if (facts.invoice === 'draft' || (minorUnits === own.minorUnits && currency === own.currency)) return;
  const message =
    `the invoice ${stripeInvoiceId} is of ${minorUnits} ${currency}, and the top-up ${topUpId} of ${own.minorUnits} ` +
    `${own.currency}: somebody has changed it at Stripe, and an operator must look`;
  throw new DomainError('INTERNAL', message);
}
