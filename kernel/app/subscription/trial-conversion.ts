// Owns making a trial that has ended the paid plan, where somebody agreed to be charged and a card is stored. Does not own when that
// is looked at (account-follow-up.ts), or the rules of a trial.
// Invariant: a trial is converted at most once, by one intent with one key.

import type { Reason } from '../../domain/error.ts';
import type { IdempotencyKey, TenantId } from '../../domain/id.ts';
import { isToBePaid, type Trial } from '../../domain/trial.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';
import type { IntentDesk } from './intent-desk.ts';
import type { CustomerStore, IntentStore, PurchaseRequest, StripeBilling } from './ports.ts';
import { type ConsoleUrls, returnAddress } from './return-address.ts';
import type { TrialConsent } from './trial-consent.ts';

type Activation = PurchaseRequest & { readonly kind: 'activate' };

const RETURN_PATH = '/settings/billing';
const NOT_CHARGED: Reason = 'PAYMENT_METHOD_REQUIRED';
const NO_CARD = 'the workspace had no card, or was barred, when its trial ended: nothing was charged';

/** What conversion works with. */
export interface TrialConversionParts {
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly catalog: Pick<CatalogStore, 'loadPlans'>;
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly billing: Pick<StripeBilling, 'loadPaymentMethods'>;
  readonly intents: Pick<IntentDesk, 'begin' | 'settle'>;
  readonly intentStore: Pick<IntentStore, 'loadEnded'>;
  readonly consent: Pick<TrialConsent, 'isStanding'>;
  /** Told of a trial whose plan could not be charged. */
  readonly onFailed: (tenant: TenantRef, trial: Trial) => Promise<void>;
  /** Says that a workspace is closed or suspended. */
  readonly isBarred: (tenantId: TenantId) => Promise<boolean>;
  readonly consoleUrls: ConsoleUrls;
}

/** Converts trials. */
export class TrialConversion {
  readonly #parts: TrialConversionParts;

  constructor(parts: TrialConversionParts) {
    this.#parts = parts;
  }

  /**
   * Says whether the trial of a workspace becomes the paid plan at its end, as far as is known now: what is asked then is asked now.
   * Throws what {@link begin} throws.
   */
  async becomesPaid(tenant: TenantRef): Promise<boolean> {
    const { trial, subscription } = (await this.#parts.ledger.readAccount(tenant)).state;
    if (trial === undefined || !isToBePaid(trial, subscription)) return false;
    return this.#mayCharge(tenant, await this.#requestOf(tenant, trial));
  }

  /**
   * Begins to charge for the plan of the trial that has ended. The first look settles it for ever: whoever has no card then, or is
   * barred, is not charged for that trial later, whatever is stored afterwards.
   * Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN: do it again.
   */
  async begin(tenant: TenantRef): Promise<void> {
    const { ledger, intents, intentStore, onFailed } = this.#parts;
    const { tenantId } = tenant;
    const { trial } = (await ledger.readAccount(tenant)).state;
    const key = conversionKey(tenantId);
    const settled = await intentStore.loadEnded(tenantId, key);
    if (trial === undefined) return;
    if (settled !== undefined) {
      const { result } = settled;
      const isDeclined = result.kind === 'failed' && result.reason !== NOT_CHARGED;
      if (isDeclined || result.kind === 'action_required') await onFailed(tenant, trial);
      return;
    }
    const request = await this.#requestOf(tenant, trial);
    if (await this.#mayCharge(tenant, request)) await intents.begin(tenant, key, request);
    else
      await intents.settle(tenant, key, request, {
        kind: 'failed',
        reason: NOT_CHARGED,
        message: NO_CARD,
        metadata: {},
      });
  }

  async #mayCharge({ tenantId }: TenantRef, { stripePriceId }: Pick<Activation, 'stripePriceId'>): Promise<boolean> {
    const { isBarred, consent } = this.#parts;
    if (stripePriceId === '' || (await isBarred(tenantId))) return false;
    return (await this.hasCard(tenantId)) && (await consent.isStanding(tenantId));
  }

  /** A plan that is not sold any more has no price. */
  async #requestOf({ productCode }: TenantRef, { planCode }: Trial): Promise<Activation> {
    const { catalog, consoleUrls } = this.#parts;
    const plan = (await catalog.loadPlans(productCode)).find((candidate) => candidate.planCode === planCode);
    const stripePriceId = plan?.archived === false ? (plan.stripePriceId ?? '') : '';
    const returnUrl = returnAddress(consoleUrls, productCode, RETURN_PATH);
    return { kind: 'activate', planCode, stripePriceId, isHosted: false, returnUrl };
  }

  /** Says whether a workspace has a card that can be charged. Throws DomainError STRIPE_UNAVAILABLE, DATABASE_UNAVAILABLE. */
  async hasCard(tenantId: TenantId): Promise<boolean> {
    const { customers, billing } = this.#parts;
    const stripeCustomerId = (await customers.loadCustomer(tenantId))?.stripeCustomerId;
    if (stripeCustomerId === undefined) return false;
    return (await billing.loadPaymentMethods(stripeCustomerId)).some(({ isDefault }) => isDefault);
  }
}

function conversionKey(tenantId: TenantId): IdempotencyKey {
  return `convert:${tenantId}` as IdempotencyKey;
}
