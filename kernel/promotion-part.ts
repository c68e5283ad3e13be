// Owns how the parts of a kernel that keep promotions are put together. Does not own when they begin and end (composition.ts).

import type { CatalogStore } from './app/catalog/ports.ts';
import type { Ledger } from './app/ledger/ledger.ts';
import type { ChangeBook } from './app/operator/change-book.ts';
import type { Clock, Pacing } from './app/ports.ts';
import { CodeFinder } from './app/promotion/code-finder.ts';
import type { CodeAttemptStore, PromotionIdSource, PromotionStore, RedemptionStore } from './app/promotion/ports.ts';
import { PromotionAdmin } from './app/promotion/promotion-admin.ts';
import { PromotionService, type PromotionServiceParts } from './app/promotion/promotion-service.ts';
import { RedemptionDesk } from './app/promotion/redemption-desk.ts';
import type { BillingJournal } from './app/subscription/billing-act.ts';
import type { DiscountDesk } from './app/subscription/discount-desk.ts';
import type { IntentStore } from './app/subscription/ports.ts';
import { present } from './domain/optional.ts';

/** What keeps promotions is made of. */
export interface PromotionPartTools {
  readonly ledger: Ledger;
  readonly book: ChangeBook;
  readonly journal: BillingJournal;
  readonly clock: Clock;
  readonly ids: PromotionIdSource;
  readonly pacing: Pacing;
  /** Absent: Stripe is off. */
  readonly discounts?: DiscountDesk;
  /** Says whether a workspace has ever paid for credits. */
  readonly hasPaid: PromotionServiceParts['hasPaid'];
  readonly stores: {
    readonly catalog: CatalogStore;
    readonly intents: IntentStore;
    readonly promotions: PromotionStore;
    readonly redemptions: RedemptionStore;
    readonly codeAttempts: CodeAttemptStore;
  };
}

/** What keeps promotions. */
export interface PromotionPart {
  readonly promotions: PromotionService;
  readonly promotionAdmin: PromotionAdmin;
  readonly redemptions: RedemptionDesk;
}

/** Builds what keeps promotions; nothing begins to work yet. */
export function createPromotionPart(tools: PromotionPartTools): PromotionPart {
  const { ledger, book, journal, clock, ids, pacing, discounts, hasPaid, stores } = tools;
  const { catalog, intents, promotions: store, redemptions: places, codeAttempts: attempts } = stores;
  const redemptions = new RedemptionDesk({ store: places, promotions: store, ledger, intents, ids, clock, pacing });
  return {
    redemptions,
    promotionAdmin: new PromotionAdmin({ store, redemptions: places, catalog, book, ids, clock }),
    promotions: new PromotionService({
      ...{ store, redemptions: places, ledger, catalog, journal, clock, hasPaid, desk: redemptions },
      finder: new CodeFinder({ store, attempts, clock }),
      ...present({ discounts }),
    }),
  };
}
