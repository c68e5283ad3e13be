// Owns which payment method of a workspace was chosen last as the one that is charged, and what each request to choose one was
// answered. Does not own how Stripe is told (kernel/stripe), or who asked (change-journal.ts).
// Invariants: a choice is noted before Stripe is asked, and its answer kept after; what was answered once is answered again and
// changes nothing; a choice that another one has followed is never made the default again, here or at Stripe.

import type { IdempotencyKey, TenantId } from '../../domain/id.ts';
import { markOf } from '../applied-request.ts';
import type { CardChoice, CustomerRow, CustomerStore, StoredPaymentMethod, StripeBilling } from './ports.ts';

/** What choices are made with. */
export interface CardChoiceParts {
  readonly store: Pick<CustomerStore, 'loadCustomer' | 'beginChoice' | 'saveChoiceAnswer' | 'removeChoice'>;
  readonly billing: Pick<StripeBilling, 'loadPaymentMethods' | 'setDefaultPaymentMethod'>;
}

/** A request for another default. */
export interface CardRequest {
  readonly tenantId: TenantId;
  readonly stripeCustomerId: string;
  readonly stripePaymentMethodId: string;
  readonly key: IdempotencyKey;
}

/** Finds what a request to choose was answered; undefined where it was not. */
export function findChoiceAnswer(row: CustomerRow | undefined, key: IdempotencyKey): StoredPaymentMethod | undefined {
  return findChoice(row, markOf(key))?.answer;
}

/** Makes choices of payment methods. */
export class CardChoices {
  readonly #parts: CardChoiceParts;

  constructor(parts: CardChoiceParts) {
    this.#parts = parts;
  }

  /**
   * Makes a payment method the default, unless another one was chosen since, and keeps what it answers: the payment method as it is
   * then; undefined where the customer has none of the id, and then nothing is kept. Throws DomainError STRIPE_UNAVAILABLE,
   * STRIPE_REFUSED, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE: asking again goes on where it ended.
   */
  async choose(request: CardRequest): Promise<StoredPaymentMethod | undefined> {
    const { store } = this.#parts;
    const { tenantId, stripePaymentMethodId, key } = request;
    const mark = markOf(key);
    // What the customer does not have takes the place of no choice.
    if ((await this.#find(request)) === undefined) return undefined;
    const begun = await store.beginChoice(tenantId, { mark, stripePaymentMethodId });
    await this.#carryOut(request, mark, begun);
    const chosen = await this.#find(request);
    if (chosen === undefined) {
      await store.removeChoice(tenantId, mark);
      return undefined;
    }
    const kept = await store.saveChoiceAnswer(tenantId, mark, chosen);
    // Whoever came first has answered it.
    return findChoice(kept, mark)?.answer ?? chosen;
  }

  async #find({ stripeCustomerId, stripePaymentMethodId: id }: CardRequest): Promise<StoredPaymentMethod | undefined> {
    const stored = await this.#parts.billing.loadPaymentMethods(stripeCustomerId);
    return stored.find((method) => method.stripePaymentMethodId === id);
  }

  /**
   * Has Stripe follow the newest choice, where that is this one. Another may come while Stripe is asked, and be carried out before:
   * then it is carried out again, so that whoever asks Stripe last asks for the newest. Each turn answers another request.
   */
  async #carryOut({ tenantId, stripeCustomerId }: CardRequest, mark: string, begun: CustomerRow): Promise<void> {
    const { store, billing } = this.#parts;
    let newest = begun.cardChoices?.at(-1);
    if (newest?.mark !== mark) return;
    while (newest !== undefined) {
      await billing.setDefaultPaymentMethod(stripeCustomerId, newest.stripePaymentMethodId);
      const next: CardChoice | undefined = (await store.loadCustomer(tenantId))?.cardChoices?.at(-1);
      if (next?.mark === newest.mark) return;
      newest = next;
    }
  }
}

function findChoice(row: CustomerRow | undefined, mark: string): CardChoice | undefined {
  return row?.cardChoices?.find((choice) => choice.mark === mark);
}
