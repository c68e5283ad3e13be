// Owns the consent to be charged for a trial's plan that somebody gives by storing a card: it is recorded once that card is stored,
// and counts as long as it is. Does not own consent of a trial's start (app/trial), or charging (trial-conversion.ts).
// Invariant: a page that nobody fills in is no consent; the consent of one setup is recorded once, whoever sees it and how often.

import { DomainError } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import type { Trial } from '../../domain/trial.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';
import type { CustomerStore, StripeBilling } from './ports.ts';

/** What consent is looked after with. */
export interface TrialConsentParts {
  readonly ledger: Pick<Ledger, 'readAccount' | 'consentToTrialBySetup'>;
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly billing: Pick<StripeBilling, 'loadConsents' | 'adoptPaymentMethod'>;
}

/** Looks after the consent that cards are stored with. */
export class TrialConsent {
  readonly #parts: TrialConsentParts;

  constructor(parts: TrialConsentParts) {
    this.#parts = parts;
  }

  /**
   * Records the consent that a card was stored with, where a trial runs that nobody has agreed to pay for. Idempotent. Throws
   * DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN: do it again.
   */
  async record(tenant: TenantRef): Promise<void> {
    await this.recordFor(tenant, (await this.#parts.ledger.readAccount(tenant)).state.trial);
  }

  /** Does what {@link record} does, over a trial that was read already. Throws what that throws. */
  async recordFor(tenant: TenantRef, trial: Trial | undefined): Promise<void> {
    if (trial?.status !== 'active' || trial.consentedAt !== undefined) return;
    const { customers, billing, ledger } = this.#parts;
    const stripeCustomerId = (await customers.loadCustomer(tenant.tenantId))?.stripeCustomerId;
    if (stripeCustomerId === undefined) return;
    const given = (await billing.loadConsents(stripeCustomerId)).find(({ isStored }) => isStored);
    if (given === undefined) return;
    // No event may have told of the card: what is agreed to be charged is the default.
    await billing.adoptPaymentMethod(stripeCustomerId);
    try {
      await ledger.consentToTrialBySetup(tenant, given.stripeSetupIntentId);
    } catch (error) {
      // It has ended, or was canceled, since it was read: nothing is to follow it.
      if (!(error instanceof DomainError && error.reason === 'TRIAL_NOT_ACTIVE')) throw error;
    }
  }

  /**
   * Says whether nobody has taken back the consent of a workspace by removing every card that it was given with; true also where
   * it was given with none. Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, DATABASE_UNAVAILABLE.
   */
  async isStanding(tenantId: TenantId): Promise<boolean> {
    const stripeCustomerId = (await this.#parts.customers.loadCustomer(tenantId))?.stripeCustomerId;
    if (stripeCustomerId === undefined) return true;
    const given = await this.#parts.billing.loadConsents(stripeCustomerId);
    return given.length === 0 || given.some(({ isStored }) => isStored);
  }
}
