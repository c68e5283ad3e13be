/**
 * Owns: a customer with a card on a test clock, plans to subscribe to, and moving the clock, for tests of the sandbox's billing.
 * Does not own: the sandbox (`stripe-fixture.ts`), and what is tested.
 */
import type Stripe from 'stripe';
import type { StripeFixture } from './stripe-fixture.ts';

/** Is 15 January 2026, noon, UTC. */
export const START = Date.UTC(2026, 0, 15, 12) / 1000;

export const HOUR = 60 * 60;
export const DAY = 24 * HOUR;

/** Returns a time of UTC in seconds since 1970; months count from 1. */
export function at(year: number, month: number, day: number, hour = 12): number {
  return Date.UTC(year, month - 1, day, hour) / 1000;
}

/** Is a customer of a test clock. */
export interface Payer {
  readonly clock: string;
  readonly customer: string;
}

/** Does what tests of billing do again and again. */
export class Billing {
  readonly #fixture: StripeFixture;

  constructor(fixture: StripeFixture) {
    this.#fixture = fixture;
  }

  get stripe(): Stripe {
    return this.#fixture.stripe;
  }

  /** Creates a price for each period. */
  async plan(amount: number, interval: 'day' | 'week' | 'month' | 'year' = 'month', name = `Plan of ${amount}`) {
    const recurring = { interval };
    return await this.stripe.prices.create({ currency: 'usd', unit_amount: amount, recurring, product_data: { name } });
  }

  /** Creates a customer whose clock stands at a time, with a card to be paid with unless it is null. */
  async payer(frozenTime = START, card: string | null = 'pm_card_visa'): Promise<Payer> {
    const clock = await this.stripe.testHelpers.testClocks.create({ frozen_time: frozenTime });
    const customer = await this.stripe.customers.create({ test_clock: clock.id, email: 'ada@example.com' });
    if (card !== null) await this.giveCard(customer.id, card);
    return { clock: clock.id, customer: customer.id };
  }

  /** Gives a customer a card, which is the one to pay with from now on. */
  async giveCard(customer: string, card: string): Promise<Stripe.PaymentMethod> {
    const method = await this.stripe.paymentMethods.attach(card, { customer });
    await this.stripe.customers.update(customer, { invoice_settings: { default_payment_method: method.id } });
    return method;
  }

  /** Moves a clock, and has happen what is due by then. */
  async advance({ clock }: Payer, frozenTime: number): Promise<void> {
    await this.stripe.testHelpers.testClocks.advance(clock, { frozen_time: frozenTime });
    this.#fixture.sandbox.control.advance(0);
  }

  /** Returns the types of a customer's events since a number of them, oldest first. */
  async events(customer: string): Promise<readonly Stripe.Event[]> {
    const all: Stripe.Event[] = [];
    for await (const event of this.stripe.events.list({ limit: 100 })) all.push(event);
    return all
      .filter(
        ({ data: { object } }) =>
          ('customer' in object && object.customer === customer) || ('id' in object && object.id === customer),
      )
      .reverse();
  }

  /** Returns the invoices of a subscription, oldest first. */
  async invoices(subscription: string): Promise<readonly Stripe.Invoice[]> {
    const { data } = await this.stripe.invoices.list({ subscription, limit: 100 });
    return data.reverse();
  }
}
