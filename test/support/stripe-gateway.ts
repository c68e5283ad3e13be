/**
 * Owns: the kernel's adapters of Stripe over a sandbox, with customers, prices and time to try it on.
 * Does not own: the sandbox (`stripe-fixture.ts`), and what is tested.
 */
import type Stripe from 'stripe';
import type { StripePayments, StripeTopUps } from '../../kernel/app/payment/ports.ts';
import type { StripePaymentList } from '../../kernel/app/reconciliation/ports.ts';
import type {
  StripeAttempt,
  StripeBilling,
  StripeSubscription,
  StripeTerms,
} from '../../kernel/app/subscription/ports.ts';
import { createStripeBilling } from '../../kernel/stripe/stripe-billing.ts';
import { createStripeClient, type StripeClient } from '../../kernel/stripe/stripe-client.ts';
import { createStripePayments } from '../../kernel/stripe/stripe-payment-history.ts';
import { createStripePaymentList } from '../../kernel/stripe/stripe-payment-list.ts';
import { createStripeTopUps } from '../../kernel/stripe/stripe-top-up.ts';
import { Billing, type Payer, START } from './billing-fixture.ts';
import { type StripeFixture, useSandbox } from './stripe-fixture.ts';

/** Is what is known of a plan. */
export interface GatewayPlan {
  readonly id: string;
  readonly product: string;
}

/** Does what tests of the kernel's adapter do again and again. */
export class Gateway {
  readonly fixture: StripeFixture;
  readonly billing: Billing;
  #attempts = 0;

  constructor(fixture: StripeFixture) {
    this.fixture = fixture;
    this.billing = new Billing(fixture);
  }

  get stripe(): Stripe {
    return this.fixture.stripe;
  }

  /** Is the adapter, with a client of its own as after a start of the kernel. */
  get port(): StripeBilling {
    return createStripeBilling(this.#client());
  }

  /** Is the adapter of top-ups, of the history of payments and of what both are compared by, in the same way. */
  get payments(): StripeTopUps & StripePayments & StripePaymentList {
    const client = this.#client();
    return { ...createStripeTopUps(client), ...createStripePayments(client), ...createStripePaymentList(client) };
  }

  #client(): StripeClient {
    const { url: apiUrl } = this.fixture.sandbox;
    return createStripeClient({ secretKey: 'sk_test_wheelhouse', apiUrl, onResponse: () => undefined });
  }

  /** Returns the first attempt of an intent that is new. */
  attempt(): StripeAttempt {
    this.#attempts += 1;
    return { intentId: `int_${this.#attempts}`, attempt: 1 };
  }

  /** Creates a price whose metadata, and its product's, say which plan it is. */
  async plan(code: string, amount: number, interval: 'month' | 'year' | 'week' = 'month'): Promise<GatewayPlan> {
    const metadata = { product_code: 'agentruntime', plan_code: 'of_the_product' };
    const product = await this.stripe.products.create({ name: code, metadata });
    const { id } = await this.stripe.prices.create({
      product: product.id,
      currency: 'usd',
      unit_amount: amount,
      recurring: { interval },
      metadata: { plan_code: code },
    });
    return { id, product: product.id };
  }

  /** Has a new customer buy a plan, and returns both as they are then. */
  async subscribed(plan: GatewayPlan, since = START): Promise<{ readonly who: Payer; readonly id: string }> {
    const who = await this.billing.payer(since);
    const order = { stripeCustomerId: who.customer, stripePriceId: plan.id, metadata: { plan_code: 'pro' } };
    const outcome = await this.port.createSubscription(order, this.attempt());
    if (outcome.kind !== 'done') throw new Error(`The subscription came to ${outcome.kind}.`);
    return { who, id: outcome.stripeSubscriptionId };
  }

  /** Reads a subscription that is there, at a price that can be read. */
  async read(id: string): Promise<StripeSubscription & { readonly terms: StripeTerms }> {
    const subscription = await this.port.loadSubscription(id);
    if (subscription?.terms === undefined) throw new Error(`There is no subscription ${id} at a price that is read.`);
    return { ...subscription, terms: subscription.terms };
  }

  /** Returns how many subscriptions a customer has, those that ended too. */
  async count(customer: string): Promise<number> {
    return (await this.stripe.subscriptions.list({ customer, status: 'all' })).data.length;
  }
}

/** Has the adapter over a sandbox for the tests of a `describe` block; it is there inside of tests only. */
export function useGateway(options: Parameters<typeof useSandbox>[0] = {}): Gateway {
  return new Gateway(useSandbox({ hasCatalog: false, ...options }));
}
