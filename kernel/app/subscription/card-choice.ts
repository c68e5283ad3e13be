// Owns which payment method of a workspace was chosen last as the one that is charged, and what each request to choose one was
// answered. Does not own how Stripe is told (kernel/stripe), or who asked (change-journal.ts).
// Invariants: a choice is noted before Stripe is asked, and its answer kept after; what was answered once is answered again and
// changes nothing; a choice that another one has followed is never made the default again, here or at Stripe, and where it was all the
// same, by a call that landed late, its retry or the next look at Stripe has that follow the newest. What somebody set at Stripe stays.

import type { IdempotencyKey, TenantId } from '../../domain/id.ts';
import { markOf } from '../applied-request.ts';
import type { Clock } from '../ports.ts';
import {
  type CardChoice,
  CHOICES_MAX,
  type CustomerRow,
  type CustomerStore,
  type StoredPaymentMethod,
  type StripeBilling,
} from './ports.ts';

/** How soon it is looked whether a call that was cut off has landed late, should no event tell. */
const LATE_LOOK_MS = 120_000;

/** What choices are made with. */
export interface CardChoiceParts {
  readonly store: Pick<
    CustomerStore,
    'loadCustomer' | 'beginChoice' | 'saveChoiceAnswer' | 'removeChoice' | 'requestSync'
  >;
  readonly billing: Pick<StripeBilling, 'loadPaymentMethods' | 'setDefaultPaymentMethod' | 'listDefaultMarks'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Whose default is chosen. */
export interface CardOwner {
  readonly tenantId: TenantId;
  readonly stripeCustomerId: string;
}

/** A request for another default. */
export interface CardRequest extends CardOwner {
  readonly stripePaymentMethodId: string;
  readonly key: IdempotencyKey;
  /** Says that the request has come before. */
  readonly isRetry: boolean;
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
   * then; undefined where the customer has none of the id, and then nothing is kept. Where another one was chosen since, and Stripe
   * has this one as the default, a call that was cut off has landed late: then the newest is made the default again. Throws DomainError STRIPE_UNAVAILABLE,
   * STRIPE_REFUSED, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE: asking again goes on where it ended.
   */
  async choose(request: CardRequest): Promise<StoredPaymentMethod | undefined> {
    const { store, clock } = this.#parts;
    const { tenantId, stripePaymentMethodId, key, isRetry } = request;
    const mark = markOf(key);
    const found = await this.#find(request);
    // What the customer does not have takes the place of no choice.
    if (found === undefined) return undefined;
    // So many were made since that this one is not remembered any more.
    if (isRetry && isForgotten(await store.loadCustomer(tenantId), mark)) return found;
    const begun = await store.beginChoice(tenantId, { mark, stripePaymentMethodId });
    if (begun.cardChoices?.at(-1)?.mark === mark || found.isDefault) await this.#followNewest(request, begun);
    else await this.mend(begun);
    const chosen = await this.#find(request);
    if (chosen === undefined) {
      await store.removeChoice(tenantId, mark);
      return undefined;
    }
    const kept = await store.saveChoiceAnswer(tenantId, mark, chosen);
    const isOneCutOff = kept.cardChoices?.some(({ answer }) => answer === undefined) ?? false;
    if (isOneCutOff) await store.requestSync(tenantId, clock.now() + LATE_LOOK_MS);
    // Whoever came first has answered it.
    return findChoice(kept, mark)?.answer ?? chosen;
  }

  /**
   * Has Stripe follow the newest choice where its default, or what pays for a subscription, is what an earlier one has set, though a
   * later one was answered: that call landed late. Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE.
   */
  async mend(row: CustomerRow): Promise<void> {
    const { cardChoices: choices = [], stripeCustomerId, tenantId } = row;
    const answered = choices.findLastIndex(({ answer }) => answer !== undefined);
    // Most workspaces choose once, if ever: for them Stripe is not asked.
    if (stripeCustomerId === undefined || answered < 1) return;
    const newest = choices.at(-1)?.stripePaymentMethodId;
    const isLate = (mark: string): boolean => {
      const landed = choices.findIndex((choice) => choice.mark === mark);
      return landed !== -1 && landed < answered && choices[landed]?.stripePaymentMethodId !== newest;
    };
    const marks = await this.#parts.billing.listDefaultMarks(stripeCustomerId);
    if (marks.some(isLate)) await this.#followNewest({ tenantId, stripeCustomerId }, row);
  }

  async #find({ stripeCustomerId, stripePaymentMethodId: id }: CardRequest): Promise<StoredPaymentMethod | undefined> {
    const stored = await this.#parts.billing.loadPaymentMethods(stripeCustomerId);
    return stored.find((method) => method.stripePaymentMethodId === id);
  }

  /**
   * Has Stripe follow the newest choice. Another may come while Stripe is asked, and be carried out before: then it is carried out again,
   * so that whoever asks Stripe last asks for the newest. Each turn answers another request.
   */
  async #followNewest({ tenantId, stripeCustomerId }: CardOwner, begun: CustomerRow): Promise<void> {
    const { store, billing } = this.#parts;
    let newest = begun.cardChoices?.at(-1);
    while (newest !== undefined) {
      await billing.setDefaultPaymentMethod(stripeCustomerId, newest.stripePaymentMethodId, newest.mark);
      const next: CardChoice | undefined = (await store.loadCustomer(tenantId))?.cardChoices?.at(-1);
      if (next?.mark === newest.mark) return;
      newest = next;
    }
  }
}

function findChoice(row: CustomerRow | undefined, mark: string): CardChoice | undefined {
  return row?.cardChoices?.find((choice) => choice.mark === mark);
}

function isForgotten(row: CustomerRow | undefined, mark: string): boolean {
  return (row?.cardChoices ?? []).length >= CHOICES_MAX && findChoice(row, mark) === undefined;
}
