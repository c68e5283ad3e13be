// Owns what follows where the payment of a top-up goes back to its payer, or comes again: the credits that it gave follow it. Does not
// own what that does to the account (domain/payback.ts), or payments of anything else (other-return.ts).
// Invariant: Stripe is read after the account that it is applied to, and both again where that has moved; so the order, the number
// and the delay of those who ask make no difference.

import { DomainError } from '../../domain/error.ts';
import { computeKept, computeTaken } from '../../domain/payment-giving.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StripeTopUps, TopUp, TopUpStore } from './ports.ts';
import type { ReturnNotice } from './return-notice.ts';

/** A payment that goes back and comes again so often meanwhile is looked at later. */
const ROUNDS_MAX = 8;
const RETRY_DELAY_MS = 1_000;

/** What returns are settled with. */
export interface PaymentReturnParts {
  readonly store: Pick<TopUpStore, 'saveReturned'>;
  readonly stripe: Pick<StripeTopUps, 'loadReturn'>;
  readonly ledger: Pick<Ledger, 'readAccount' | 'readPayback' | 'settlePayback'>;
  readonly catalog: Pick<CatalogStore, 'loadPlans'>;
  readonly notice: Pick<ReturnNotice, 'tell'>;
}

/** Has credits follow their payment. */
export class PaymentReturn {
  readonly #parts: PaymentReturnParts;

  constructor(parts: PaymentReturnParts) {
    this.#parts = parts;
  }

  /**
   * Brings what is taken back of a top-up's credits to what of its payment went back; nothing for one whose credits have not come.
   * Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, OUTCOME_UNKNOWN, QUEUE_FULL, and what the ledger and the database throw:
   * doing it again goes on.
   */
  async settle(topUp: TopUp): Promise<void> {
    const { store, stripe, ledger, notice } = this.#parts;
    const { topUpId, stripePaymentIntentId, minorUnits, microcredits } = topUp;
    if (stripePaymentIntentId === undefined) return;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const reading = await ledger.readPayback(topUp, topUpId);
      if (reading === undefined) return;
      const { parts, refunded, disputed } = await stripe.loadReturn(stripePaymentIntentId, topUp);
      // Before anything is settled: a crash in between tells of it again, and nothing is bought by rule of what the settlement takes.
      await notice.tell(topUp, parts);
      // A dispute can be of more than was paid, for the currency of its bank.
      const returned = minimum(refunded + disputed, minorUnits);
      const target = computeTaken(reading.credits, { microcredits, minorUnits, returned });
      const isSettled = await ledger.settlePayback(topUp, reading, target, await this.#waivesDebt(topUp));
      if (!isSettled) continue;
      const { number, total } = reading;
      // What was so already is as the settlement before has it.
      return store.saveReturned(topUpId, returned, target === total ? number - 1 : number);
    }
    const message = `what of ${topUpId} went back is being settled all the time: look again shortly`;
    throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: RETRY_DELAY_MS });
  }

  /** Says whether nothing is kept of a top-up that was paid. Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED. */
  async isAllReturned(topUp: TopUp): Promise<boolean> {
    const { stripePaymentIntentId, minorUnits, microcredits } = topUp;
    if (stripePaymentIntentId === undefined) return false;
    const { refunded, disputed } = await this.#parts.stripe.loadReturn(stripePaymentIntentId, topUp);
    return computeKept({ microcredits, minorUnits, returned: refunded + disputed }) === 0n;
  }

  async #waivesDebt(topUp: TopUp): Promise<boolean> {
    const { ledger, catalog } = this.#parts;
    const [{ state }, plans] = await Promise.all([ledger.readAccount(topUp), catalog.loadPlans(topUp.productCode)]);
    return plans.find(({ planCode }) => planCode === state.planCode)?.policy.refundDebtWaived ?? false;
  }
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
