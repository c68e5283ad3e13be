// A small Stripe in memory, behind the port of the use cases: what it keeps of keys, what it charges, and how its answers get lost.
// Does not own what Stripe's API looks like: test/sandbox holds the sandbox to that.

import type {
  ChargeOutcome,
  StripeAttempt,
  StripeBilling,
  StripeSubscription,
  StripeTerms,
  SubscriptionOrder,
} from '../../kernel/app/subscription/ports.ts';
import { DomainError } from '../../kernel/domain/error.ts';

const DAY_MS = 86_400_000;

/** What goes wrong with the next call that changes something. */
export type StripeFault =
  /** It never arrives. */
  | 'request lost'
  /** It is done, and nobody hears of it. */
  | 'answer lost'
  /** Stripe fails inside, before or after it was done, and says the same again for a day. */
  | 'stored 500'
  | 'stored 500 after it was done'
  /** Stripe refuses, having done nothing. */
  | 'refused';

/** What becomes of a charge of the default card. */
export type StripeCard = 'good' | 'declined' | 'asks the person' | 'none';

/** One call that reached Stripe and was not a repetition. */
export interface ModelCall {
  readonly name: string;
  readonly intentId: string;
  readonly attempt: number;
}

type Kept = { readonly at: number } & ({ readonly answer: unknown } | { readonly failure: DomainError });

/** The part of the port that intents use. */
export type ModelledBilling = Pick<
  StripeBilling,
  | 'createCustomer'
  | 'findCustomer'
  | 'hasCustomer'
  | 'loadSubscriptions'
  | 'loadSubscription'
  | 'loadPaymentMethods'
  | 'createSubscription'
  | 'createContract'
  | 'openCheckout'
  | 'changeNow'
  | 'closeChange'
  | 'changeAtPeriodEnd'
  | 'cancelAtPeriodEnd'
  | 'cancelNow'
  | 'cancelUnpaid'
  | 'resume'
  | 'applyDiscount'
  | 'refundLatestPayment'
>;

/** Stripe, as one customer's kernel meets it. */
export class StripeModel implements ModelledBilling {
  card: StripeCard = 'good';
  readonly calls: ModelCall[] = [];
  readonly subscriptions: StripeSubscription[] = [];
  readonly customers: { readonly id: string; readonly intentId: string; readonly madeAt: number }[] = [];
  /** Customers whom somebody has deleted. */
  readonly deleted = new Set<string>();
  charges = 0;
  refunds = 0;
  readonly #now: () => number;
  readonly #faults: StripeFault[] = [];
  readonly #keys = new Map<string, Kept>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Makes the next calls that change something fail, in this order. */
  failNext(...faults: readonly StripeFault[]): void {
    this.#faults.push(...faults);
  }

  /** Adds a subscription as if it had been there before. */
  add(fields: Partial<StripeSubscription> = {}): StripeSubscription {
    const number = this.subscriptions.length + 1;
    const subscription: StripeSubscription = {
      ...{ stripeSubscriptionId: `sub_${number}`, stripeCustomerId: 'cus_1', stripeItemId: `si_${number}` },
      ...{ phase: 'live', isUnpaid: false, terms: termsOf('price_pro'), metadata: {}, createdAt: this.#now() },
      ...{ periodStart: this.#now(), periodEnd: this.#now() + 30 * DAY_MS, isInvoiced: false },
      cycleInvoice: { state: 'paid', stripeInvoiceId: `in_${number}` },
      changeInvoice: { state: 'none', stripeInvoiceId: '', changedAt: 0 },
      ...fields,
    };
    this.subscriptions.unshift(subscription);
    return subscription;
  }

  createCustomer: StripeBilling['createCustomer'] = (_, attempt) =>
    this.#change('createCustomer', attempt, () => {
      const id = `cus_${this.customers.length + 1}`;
      this.customers.push({ id, intentId: attempt.intentId, madeAt: this.#now() });
      return id;
    });

  findCustomer: StripeBilling['findCustomer'] = async (intentId, madeAfter) =>
    this.customers.find((one) => one.intentId === intentId && one.madeAt >= madeAfter)?.id;

  hasCustomer: StripeBilling['hasCustomer'] = async (id) => !this.deleted.has(id);

  loadSubscriptions: StripeBilling['loadSubscriptions'] = async (stripeCustomerId) =>
    this.subscriptions.filter((one) => one.stripeCustomerId === stripeCustomerId);

  loadSubscription: StripeBilling['loadSubscription'] = async (id) =>
    this.subscriptions.find(({ stripeSubscriptionId }) => stripeSubscriptionId === id);

  loadPaymentMethods: StripeBilling['loadPaymentMethods'] = async () =>
    this.card === 'none' ? [] : [{ stripePaymentMethodId: 'pm_1', type: 'card', isDefault: true }];

  createSubscription: StripeBilling['createSubscription'] = (order, attempt) =>
    this.#change('createSubscription', attempt, () => this.#buy(order, attempt));

  createContract: StripeBilling['createContract'] = ({ stripeCustomerId, metadata }, attempt) =>
    this.#change('createContract', attempt, () =>
      this.#buy({ stripeCustomerId, stripePriceId: 'price_contract', metadata }, attempt),
    );

  openCheckout: StripeBilling['openCheckout'] = (_, { successUrl }, attempt) =>
    this.#change('openCheckout', attempt, () => `https://pay.example.com/${attempt.intentId}?back=${successUrl}`);

  changeNow: StripeBilling['changeNow'] = (subscription, { stripePriceId }, attempt) =>
    this.#change('changeNow', attempt, () => {
      const declined = this.#decline();
      if (declined !== undefined) return declined;
      this.charges += 1;
      this.#replace(subscription, { terms: termsOf(stripePriceId) });
      return { kind: 'done', stripeSubscriptionId: subscription.stripeSubscriptionId };
    });

  /** No change ever waits to be paid here. */
  closeChange: StripeBilling['closeChange'] = async () => undefined;

  changeAtPeriodEnd: StripeBilling['changeAtPeriodEnd'] = (subscription, { stripePriceId }, attempt) =>
    this.#change('changeAtPeriodEnd', attempt, () =>
      this.#replace(subscription, {
        pending: { terms: termsOf(stripePriceId), effectiveAt: subscription.periodEnd },
      }),
    );

  cancelAtPeriodEnd: StripeBilling['cancelAtPeriodEnd'] = (subscription, attempt) =>
    this.#change('cancelAtPeriodEnd', attempt, () => this.#replace(subscription, { cancelAt: subscription.periodEnd }));

  cancelNow: StripeBilling['cancelNow'] = (subscription, attempt) =>
    this.#change('cancelNow', attempt, () => this.#replace(subscription, { phase: 'ended', endedAt: this.#now() }));

  cancelUnpaid: StripeBilling['cancelUnpaid'] = (subscription, attempt) =>
    this.#change('cancelUnpaid', attempt, () => {
      this.#replace(subscription, { phase: 'ended', endedAt: this.#now() });
      return true;
    });

  resume: StripeBilling['resume'] = (subscription, attempt) =>
    this.#change('resume', attempt, () => {
      const { cancelAt: _, pending: __, ...kept } = subscription;
      this.#replace(kept, {});
    });

  applyDiscount: StripeBilling['applyDiscount'] = (subscription, _, attempt) =>
    this.#change('applyDiscount', attempt, () => {
      const metadata = { ...subscription.metadata, discount_intent_id: attempt.intentId };
      this.#replace(subscription, { metadata });
    });

  refundLatestPayment: StripeBilling['refundLatestPayment'] = (_, attempt) =>
    this.#change('refundLatestPayment', attempt, () => {
      this.refunds += 1;
    });

  #buy({ stripeCustomerId, stripePriceId, metadata }: SubscriptionOrder, { intentId }: StripeAttempt): ChargeOutcome {
    const declined = this.#decline();
    if (declined !== undefined) return declined;
    this.charges += 1;
    const terms = termsOf(stripePriceId);
    const made = this.add({ stripeCustomerId, terms, metadata: { ...metadata, intent_id: intentId } });
    return { kind: 'done', stripeSubscriptionId: made.stripeSubscriptionId };
  }

  #decline(): ChargeOutcome | undefined {
    if (this.card === 'declined') {
      return { kind: 'declined', code: 'card_declined', message: 'Your card was declined.' };
    }
    if (this.card === 'none') return { kind: 'declined', code: 'resource_missing', message: 'There is no card.' };
    return this.card === 'asks the person' ? { kind: 'action_required', url: '' } : undefined;
  }

  #replace(subscription: StripeSubscription, fields: Partial<StripeSubscription>): void {
    const id = subscription.stripeSubscriptionId;
    const index = this.subscriptions.findIndex(({ stripeSubscriptionId }) => stripeSubscriptionId === id);
    this.subscriptions[index] = { ...subscription, ...fields };
  }

  /** Does something once for each key that is remembered. */
  #change<Answer>(name: string, attempt: StripeAttempt, change: () => Answer): Promise<Answer> {
    const fault = this.#faults.shift();
    if (fault === 'request lost') return Promise.reject(unavailable());
    const key = `${attempt.intentId}:${attempt.attempt}:${name}`;
    const before = this.#keys.get(key);
    const isKept = before !== undefined && this.#now() - before.at < DAY_MS;
    const kept = isKept ? before : this.#doNew(name, attempt, change, fault);
    this.#keys.set(key, kept);
    if (fault === 'answer lost') return Promise.reject(unavailable());
    if ('failure' in kept) return Promise.reject(kept.failure);
    // It was kept under the name of the change, which always answers the same type.
    return Promise.resolve(kept.answer as Answer);
  }

  #doNew(name: string, attempt: StripeAttempt, change: () => unknown, fault: StripeFault | undefined): Kept {
    this.calls.push({ name, ...attempt });
    const at = this.#now();
    if (fault === 'refused') return { at, failure: refused() };
    const failure = unavailable({ stripe_status: '500' });
    if (fault === 'stored 500') return { at, failure };
    const answer = change();
    return fault === 'stored 500 after it was done' ? { at, failure } : { at, answer };
  }
}

export function termsOf(stripePriceId: string): StripeTerms {
  return { stripePriceId, minorUnits: 4_900n, currency: 'usd', interval: 'month', intervalCount: 1, metadata: {} };
}

function unavailable(metadata: Readonly<Record<string, string>> = {}): DomainError {
  return new DomainError('STRIPE_UNAVAILABLE', 'injected: nobody knows', { metadata, retryDelayMs: 5_000 });
}

function refused(): DomainError {
  return new DomainError('STRIPE_REFUSED', 'Stripe refused a request of the kernel: injected', {
    metadata: { stripe_status: '400' },
  });
}
