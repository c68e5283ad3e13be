// Owns what is told of subscriptions and payment methods where a kernel runs without Stripe: what the account has can be read,
// and nothing else can be done.

import { DomainError } from '../../domain/error.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';
import { subscriptionStateOf } from './subscription-state.ts';
import type { PaymentMethods, SubscriptionState, Subscriptions } from './use-case.ts';

/** Says that this kernel runs without Stripe. */
export function stripeOff(): DomainError {
  return new DomainError('STRIPE_OFF', 'this kernel runs without Stripe: set STRIPE_SECRET_KEY and start it again');
}

const refuse = (): Promise<never> => Promise.reject(stripeOff());

/** Reads the subscriptions of workspaces; every other method throws DomainError STRIPE_OFF. */
export class SubscriptionsWithoutStripe implements Subscriptions {
  readonly #ledger: Pick<Ledger, 'readAccount'>;
  readonly activate = refuse;
  readonly previewChange = refuse;
  readonly changePlan = refuse;
  readonly cancel = refuse;
  readonly resume = refuse;
  readonly convertTrialNow = refuse;
  readonly provisionContract = refuse;
  readonly refresh = refuse;

  constructor(ledger: Pick<Ledger, 'readAccount'>) {
    this.#ledger = ledger;
  }

  /** Throws DomainError ACCOUNT_NOT_OPEN, DATABASE_UNAVAILABLE. */
  async getSubscription(tenant: TenantRef): Promise<SubscriptionState> {
    return subscriptionStateOf(await this.#ledger.readAccount(tenant));
  }
}

/** Every method throws DomainError STRIPE_OFF. */
export const PAYMENT_METHODS_WITHOUT_STRIPE: PaymentMethods = {
  startSetup: refuse,
  list: refuse,
  setDefault: refuse,
  openPortal: refuse,
};
