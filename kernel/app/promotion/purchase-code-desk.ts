// Owns the codes that plans are bought with: who may bring one, and the place that each takes. Does not own the purchase
// (app/subscription), or the places (redemption-desk.ts).
// Invariants: nothing is bought with a promotion that has no place for the workspace; the place is claimed before Stripe is asked, used
// once the plan is bought, and given back only where nothing can come of the purchase any more, whoever sees that first.

import type { IdempotencyKey, PromotionId } from '../../domain/id.ts';
import { notADiscount } from '../../domain/promotion.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock, LedgerObserver } from '../ports.ts';
import type { PurchaseCodes, PurchaseDiscount, PurchaseOrder } from '../subscription/ports.ts';
import type { CodeAdmission } from './code-admission.ts';
import type { RedemptionStore } from './ports.ts';
import { type RedemptionDesk, waitedTooLong } from './redemption-desk.ts';

/** What the desk works with. */
export interface PurchaseCodeDeskParts {
  readonly admission: Pick<CodeAdmission, 'admit'>;
  readonly desk: Pick<RedemptionDesk, 'claim' | 'finish' | 'settle'>;
  readonly redemptions: Pick<RedemptionStore, 'loadRedemption'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly observer: Pick<LedgerObserver, 'backgroundFailed'>;
}

/** Keeps the places of promotions that plans are bought with. */
export class PurchaseCodeDesk implements PurchaseCodes {
  readonly #parts: PurchaseCodeDeskParts;

  constructor(parts: PurchaseCodeDeskParts) {
    this.#parts = parts;
  }

  async claim(
    tenant: TenantRef,
    { promotionCode: code, planCode }: PurchaseOrder,
    key: IdempotencyKey,
  ): Promise<PurchaseDiscount> {
    const { admission, desk, clock } = this.#parts;
    const { promotion } = await admission.admit(tenant, code, planCode);
    const { terms, promotionId } = promotion;
    if (terms.kind !== 'discount') throw notADiscount(code);
    const { claimedUntil } = await desk.claim(promotion, tenant, key, { isPurchase: true });
    if (clock.now() > claimedUntil) throw waitedTooLong();
    return { promotionId, promotionCode: terms.stripePromotionCode };
  }

  async release({ tenantId }: TenantRef, promotionId: PromotionId, key: IdempotencyKey): Promise<void> {
    const { desk, redemptions, observer } = this.#parts;
    try {
      const own = await redemptions.loadRedemption({ tenantId, promotionId });
      // Another request of the workspace may have it meanwhile, and may be about to buy.
      if (own?.claimedUntil !== undefined && own.requestKey === key) await desk.settle(own);
    } catch (error) {
      observer.backgroundFailed('giving back the place of a code that nothing was bought with', error);
    }
  }

  async noteBought({ tenantId }: TenantRef, promotionId: PromotionId): Promise<void> {
    const { desk, redemptions } = this.#parts;
    const own = await redemptions.loadRedemption({ tenantId, promotionId });
    if (own?.claimedUntil !== undefined) await desk.finish(own);
  }
}
