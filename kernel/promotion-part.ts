// Owns how the parts of a kernel that keep promotions are put together. Does not own when they begin and end (composition.ts).

import type { CatalogStore } from './app/catalog/ports.ts';
import type { Ledger } from './app/ledger/ledger.ts';
import type { ChangeBook } from './app/operator/change-book.ts';
import type { Clock, LedgerObserver, Pacing } from './app/ports.ts';
import { CodeAdmission, type CodeAdmissionParts } from './app/promotion/code-admission.ts';
import { CodeFinder } from './app/promotion/code-finder.ts';
import type { CodeAttemptStore, PromotionIdSource, PromotionStore, RedemptionStore } from './app/promotion/ports.ts';
import { PromotionAdmin } from './app/promotion/promotion-admin.ts';
import { PromotionService } from './app/promotion/promotion-service.ts';
import { PurchaseCodeDesk } from './app/promotion/purchase-code-desk.ts';
import { PurchaseEvidence } from './app/promotion/purchase-evidence.ts';
import { RedemptionDesk } from './app/promotion/redemption-desk.ts';
import type { BillingJournal } from './app/subscription/billing-act.ts';
import { CustomerDesk } from './app/subscription/customer-desk.ts';
import type { DiscountDesk } from './app/subscription/discount-desk.ts';
import type { CustomerStore, IntentIdSource, IntentStore, PurchaseCodes } from './app/subscription/ports.ts';
import { present } from './domain/optional.ts';
import { createStripeBilling } from './stripe/stripe-billing.ts';
import type { StripeClient } from './stripe/stripe-client.ts';

/** What admits codes and keeps places is made of. */
export interface CodePartTools {
  /** Absent: Stripe is off. */
  readonly client: StripeClient | undefined;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly ids: PromotionIdSource & IntentIdSource;
  readonly pacing: Pacing;
  readonly observer: Pick<LedgerObserver, 'backgroundFailed'>;
  /** Says whether a workspace has ever paid for credits. */
  readonly hasPaid: CodeAdmissionParts['hasPaid'];
  readonly stores: {
    readonly customers: CustomerStore;
    readonly intents: IntentStore;
    readonly promotions: PromotionStore;
    readonly redemptions: RedemptionStore;
    readonly codeAttempts: CodeAttemptStore;
  };
}

/** What admits codes and keeps places, whichever way they are brought. */
export interface CodePart {
  readonly admission: CodeAdmission;
  readonly redemptions: RedemptionDesk;
  readonly codes: PurchaseCodes;
}

/** Builds what admits codes and keeps places; nothing begins to work yet. */
export function createCodePart(tools: CodePartTools): CodePart {
  const { client, ledger, clock, ids, pacing, observer, hasPaid, stores } = tools;
  const { intents, promotions, redemptions: places, codeAttempts: attempts } = stores;
  const purchases = client && evidenceOf(tools, client);
  const desk = new RedemptionDesk({
    ...{ store: places, promotions, ledger, intents, ids, clock, pacing, ...present({ purchases }) },
  });
  const finder = new CodeFinder({ store: promotions, attempts, clock, pacing });
  const admission = new CodeAdmission({ finder, redemptions: places, ledger, clock, hasPaid });
  const codes = new PurchaseCodeDesk({ admission, desk, redemptions: places, clock, observer });
  return { admission, redemptions: desk, codes };
}

function evidenceOf({ stores, ids, clock }: CodePartTools, client: StripeClient): PurchaseEvidence {
  const billing = createStripeBilling(client);
  return new PurchaseEvidence({
    billing,
    customers: new CustomerDesk({ store: stores.customers, billing, ids, clock }),
  });
}

/** What keeps promotions is made of. */
export interface PromotionPartTools {
  readonly ledger: Ledger;
  readonly book: ChangeBook;
  readonly journal: BillingJournal;
  readonly clock: Clock;
  readonly ids: PromotionIdSource;
  readonly code: Pick<CodePart, 'admission' | 'redemptions'>;
  /** Absent: Stripe is off. */
  readonly discounts?: DiscountDesk;
  readonly stores: {
    readonly catalog: CatalogStore;
    readonly promotions: PromotionStore;
    readonly redemptions: RedemptionStore;
  };
}

/** What keeps promotions. */
export interface PromotionPart {
  readonly promotions: PromotionService;
  readonly promotionAdmin: PromotionAdmin;
}

/** Builds what keeps promotions; nothing begins to work yet. */
export function createPromotionPart(tools: PromotionPartTools): PromotionPart {
  const { ledger, book, journal, clock, ids, code, discounts, stores } = tools;
  const { catalog, promotions: store, redemptions } = stores;
  const { admission, redemptions: desk } = code;
  return {
    promotionAdmin: new PromotionAdmin({ store, redemptions, catalog, book, ids, clock }),
    promotions: new PromotionService({
      ...{ store, redemptions, admission, ledger, catalog, journal, clock, desk, ...present({ discounts }) },
    }),
  };
}
