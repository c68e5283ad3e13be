// Owns how to see at Stripe what the attempts of an intent have done, when nobody can know it from their answers any more. Does not
// own what they send (intent-step.ts).
// Invariant: where money may have been taken for an intent, or still may be, the answer is never that nothing was done.

import { DomainError } from '../../domain/error.ts';
import type { CustomerDesk } from './customer-desk.ts';
import { hasDiscountOf } from './intent-step.ts';
import type { ChangeRequest, IntentResult, OpenIntent, StripeBilling, StripeSubscription } from './ports.ts';

const RETRY_DELAY_MS = 5_000;
const DONE: IntentResult = { kind: 'done' };

/** What adoption works with. */
export interface IntentAdoptionParts {
  readonly billing: Pick<StripeBilling, 'loadSubscription' | 'loadSubscriptions'>;
  readonly customers: Pick<CustomerDesk, 'listCustomers'>;
}

/** Finds at Stripe what intents have done. */
export class IntentAdoption {
  readonly #parts: IntentAdoptionParts;

  constructor(parts: IntentAdoptionParts) {
    this.#parts = parts;
  }

  /**
   * Answers what the attempts of an intent came to; undefined: they did nothing, and what they asked for is not so.
   * Throws DomainError STRIPE_UNAVAILABLE, also where it can't be told yet, STRIPE_REFUSED, and what the database gives.
   */
  async adopt(intent: OpenIntent): Promise<IntentResult | undefined> {
    const { request } = intent;
    if (request.kind === 'activate' || request.kind === 'provision') return this.#findBought(intent);
    const subscription = await this.#parts.billing.loadSubscription(request.stripeSubscriptionId);
    return subscription === undefined ? undefined : readChange(intent.intentId, request, subscription);
  }

  /**
   * Says whether an attempt of an intent has charged for an upgrade, though what waited for the period's end may wait still. Throws
   * what {@link adopt} throws.
   */
  async isCharged({ intentId, request }: OpenIntent): Promise<boolean> {
    if (request.kind !== 'upgrade') return false;
    const subscription = await this.#parts.billing.loadSubscription(request.stripeSubscriptionId);
    // Stripe shows the price, and whose change it was, once it is paid.
    return (
      subscription?.terms?.stripePriceId === request.stripePriceId && subscription.metadata['intent_id'] === intentId
    );
  }

  async #findBought(intent: OpenIntent): Promise<IntentResult | undefined> {
    const { billing, customers } = this.#parts;
    const made: StripeSubscription[] = [];
    // A customer that was deleted since may have paid for it.
    for (const stripeCustomerId of await customers.listCustomers(intent.tenantId)) {
      const all = await billing.loadSubscriptions(stripeCustomerId);
      made.push(...all.filter(({ metadata }) => metadata['intent_id'] === intent.intentId));
    }
    if (made.some(isBought)) return DONE;
    const waiting = made.find(({ phase }) => phase === 'incomplete');
    if (waiting === undefined) return undefined;
    if (waiting.paymentUrl !== undefined) return { kind: 'action_required', url: waiting.paymentUrl };
    const message = `Stripe has not said what became of the first payment of ${waiting.stripeSubscriptionId}: look again later`;
    throw new DomainError('STRIPE_UNAVAILABLE', message, { retryDelayMs: RETRY_DELAY_MS });
  }
}

/** One that ended without a payment has cost nothing, and gave nothing. */
export function isBought({ phase, cycleInvoice }: StripeSubscription): boolean {
  return phase === 'live' || (phase === 'ended' && cycleInvoice.state === 'paid');
}

function readChange(
  intentId: string,
  request: ChangeRequest,
  subscription: StripeSubscription,
): IntentResult | undefined {
  const { phase, terms, pending, cancelAt, pendingUpdateUrl } = subscription;
  const hasWaiting = cancelAt !== undefined || pending !== undefined;
  const doneIf = (isSo: boolean): IntentResult | undefined => (isSo ? DONE : undefined);
  switch (request.kind) {
    case 'upgrade':
      if (pendingUpdateUrl !== undefined) return { kind: 'action_required', url: pendingUpdateUrl };
      return doneIf(terms?.stripePriceId === request.stripePriceId && !hasWaiting);
    case 'change_at_period_end':
      return doneIf(pending?.terms.stripePriceId === request.stripePriceId);
    case 'cancel':
      return doneIf(phase === 'ended' || (!request.atOnce && cancelAt !== undefined));
    case 'resume':
      return doneIf(phase === 'live' && !hasWaiting);
    case 'apply_discount':
      return doneIf(hasDiscountOf(subscription, intentId));
    case 'drop_duplicate':
      // That it has ended does not say that it was paid back, which Stripe does once however often it is asked.
      return undefined;
  }
}
