// Owns putting a discount of Stripe's on the subscription of a workspace, once for each key, and what is known of such discounts.
// Does not own who may have one (app/promotion), or carrying it out (intent-runner.ts).

import type { IdempotencyKey, TenantId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import { computeFingerprint } from '../ledger/request-identity.ts';
import type { IntentAnswer, IntentDesk } from './intent-desk.ts';
import type { CustomerStore, DiscountPreview, StripeBilling, StripePromotion } from './ports.ts';

/** What the desk works with. */
export interface DiscountDeskParts {
  readonly billing: Pick<StripeBilling, 'loadPromotion' | 'loadSubscription' | 'previewDiscount'>;
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly intents: Pick<IntentDesk, 'submit'>;
}

/** A discount that is to come. */
export interface DiscountInput {
  /** Names it: what it came to once it always came to. */
  readonly key: IdempotencyKey;
  readonly stripeSubscriptionId: string;
  readonly promotionCode: string;
  /** When the caller's deadline passes, on the monotonic clock. */
  readonly deadlineAtMs: number;
}

/** Puts discounts on subscriptions. Every method throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, DATABASE_UNAVAILABLE. */
export class DiscountDesk {
  readonly #parts: DiscountDeskParts;

  constructor(parts: DiscountDeskParts) {
    this.#parts = parts;
  }

  /** Reads what a promotion code takes off for a workspace; undefined where Stripe has none for it. */
  async loadPromotion(tenantId: TenantId, promotionCode: string): Promise<StripePromotion | undefined> {
    const { billing, customers } = this.#parts;
    return billing.loadPromotion(promotionCode, (await customers.loadCustomer(tenantId))?.stripeCustomerId);
  }

  /**
   * Asks what the next invoice would cost with a discount; undefined where none follows. Throws also DomainError INVALID_FIELD
   * `promotion_code` where Stripe does not take the code.
   */
  async preview(stripeSubscriptionId: string, promotionCode: string): Promise<DiscountPreview | undefined> {
    const { billing } = this.#parts;
    const subscription = await billing.loadSubscription(stripeSubscriptionId);
    return subscription === undefined ? undefined : billing.previewDiscount(subscription, promotionCode);
  }

  /** Puts a discount on a subscription, and waits for what it comes to. Throws what {@link IntentDesk.submit} throws. */
  apply(tenant: TenantRef, { key, deadlineAtMs, ...discount }: DiscountInput): Promise<IntentAnswer> {
    const fingerprint = computeFingerprint(['apply_discount', key]);
    return this.#parts.intents.submit(tenant, {
      ...{ key, fingerprint, deadlineAtMs },
      request: { kind: 'apply_discount', ...discount },
    });
  }
}
