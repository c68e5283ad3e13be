// Owns what the use cases of subscriptions and payment methods need of Stripe and of the database, and the shape of what they
// get. Does not own how either is spoken to (kernel/stripe, kernel/store/subscription).

import type { Discount } from '../../domain/discount.ts';
import type { FieldViolation } from '../../domain/error.ts';
import type { IdempotencyKey, Instant, PlanCode, ProductCode, PromotionId, TenantId } from '../../domain/id.ts';
import type { InvoiceFacts, SubscriptionOutlook } from '../../domain/subscription.ts';
import type { TenantRef } from '../ledger/ledger.ts';

/** Says which promotion a subscription was bought with, or is to be on a page, in the metadata of either. */
export const PROMOTION_ID = 'promotion_id';

/** A price as a subscription at Stripe has it: what it costs, and what its metadata says. */
export interface StripeTerms {
  readonly stripePriceId: string;
  readonly minorUnits: bigint;
  /** In lower case. */
  readonly currency: string;
  readonly interval: 'month' | 'year';
  readonly intervalCount: number;
  /** Of the Price over that of its Product. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A subscription as Stripe shows it, before the catalog says which plan it is. */
export interface StripeSubscription extends Omit<SubscriptionOutlook, 'pending'> {
  readonly stripeSubscriptionId: string;
  readonly stripeCustomerId: string;
  /** Its item; changes name it. */
  readonly stripeItemId: string;
  /** Absent where no schedule leads it. */
  readonly stripeScheduleId?: string;
  readonly phase: 'incomplete' | 'live' | 'ended';
  readonly isUnpaid: boolean;
  /** Absent where its price bills by days, weeks or parts of a minor unit: nothing of the kernel's is sold so, and it can be ended all the same. */
  readonly terms?: StripeTerms;
  /** The next phase of its schedule, where that has another price. */
  readonly pending?: { readonly terms: StripeTerms; readonly effectiveAt: Instant };
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdAt: Instant;
  readonly periodStart: Instant;
  readonly periodEnd: Instant;
  readonly cycleInvoice: InvoiceFacts & { readonly paidAt?: Instant };
  /** What the cycle's invoice charges for; absent where that is what `terms` says. */
  readonly cycleTerms?: StripeTerms;
  readonly changeInvoice: InvoiceFacts & { readonly changedAt: Instant };
  /** The other changes of price inside of the period that were billed at once, oldest first; absent where there is none. */
  readonly earlierChanges?: readonly (InvoiceFacts & { readonly changedAt: Instant; readonly terms: StripeTerms })[];
  readonly endedAt?: Instant;
  /** Says that it pays an invoice that is sent, instead of a stored card. */
  readonly isInvoiced: boolean;
  /** Where what is open of it can be paid; there only while a payment is due. */
  readonly paymentUrl?: string;
  /** Says that a change waits for its payment: `pending_update`. */
  readonly isUpdatePending?: true;
  /** Where a waiting change can be paid; there while `pending_update` waits and its invoice is open. */
  readonly pendingUpdateUrl?: string;
}

/** A payment method that Stripe keeps for a customer. */
export interface StoredPaymentMethod {
  readonly stripePaymentMethodId: string;
  /** Such as `card`. */
  readonly type: string;
  /** There for cards. */
  readonly card?: {
    readonly brand: string;
    readonly last4: string;
    readonly expireMonth: number;
    readonly expireYear: number;
  };
  readonly isDefault: boolean;
}

/** How many choices of a payment method a workspace's row remembers: more than anybody makes while a retry is on its way. */
export const CHOICES_MAX = 50;

/** A choice of what is charged by default, by one request. */
export interface CardChoice {
  /** Tells the request from every other. */
  readonly mark: string;
  readonly stripePaymentMethodId: string;
  /** What the request was answered; absent until it is. */
  readonly answer?: StoredPaymentMethod;
}

/** A card that somebody stored, and agreed by that to be charged for the plan of a trial once it ends. */
export interface StoredConsent {
  readonly stripeSetupIntentId: string;
  /** Says that nobody has removed the card since. */
  readonly isStored: boolean;
}

/** By which the metadata of a setup say that whoever stores a card agrees to be charged: `true`. */
export const CONSENT_METADATA = 'consent_to_charge';

/**
 * How one call that changes something at Stripe is told from any other: the same attempt is the same call, however often it is
 * sent. Every object that it makes carries `metadata.intent_id`.
 */
export interface StripeAttempt {
  readonly intentId: string;
  /** From 1 on; a new one after a definite answer, or when Stripe has forgotten the keys of the last. */
  readonly attempt: number;
}

/** What a call came to that asks for money. */
export type ChargeOutcome =
  | { readonly kind: 'done'; readonly stripeSubscriptionId: string }
  /**
   * Nothing was changed, or what was made has been taken back. `code` is Stripe's, such as `insufficient_funds`; `resource_missing`
   * where there is no payment method to charge.
   */
  | { readonly kind: 'declined'; readonly code: string; readonly message: string }
  /** The bank wants to see the person: they go on at `url`; empty where Stripe names no page for it, and nothing was changed. */
  | { readonly kind: 'action_required'; readonly url: string };

/** What to buy. */
export interface SubscriptionOrder {
  readonly stripeCustomerId: string;
  readonly stripePriceId: string;
  /** Goes onto the subscription: `tenant_id`, `product_code`, `plan_code`; `promotion_id` where it is bought with a code. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Of a promotion code of Stripe's, as people type it. */
  readonly promotionCode?: string;
}

/** A price that sales agreed on. */
export interface ContractOrder {
  readonly stripeCustomerId: string;
  readonly productName: string;
  readonly minorUnits: bigint;
  readonly currency: string;
  readonly intervalMonths: number;
  /** 0: the stored card is charged. */
  readonly daysUntilDue: number;
  /** Becomes the customer's: Stripe sends invoices to it, and sends none without. */
  readonly billingEmail?: string;
  /** Goes onto the subscription, and onto the Product, whose metadata are those of its price as long as that has none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a change of price would cost now and at the next cycle, in minor units: less credit and the discounts of each, without taxes. */
export interface StripePreview {
  readonly dueNow: bigint;
  readonly nextCycle: bigint;
  readonly currency: string;
  readonly periodEnd: Instant;
}

/** A promotion code of Stripe's, as people type it. */
export interface StripePromotion extends Discount {
  /** Says that Stripe would still take it. */
  readonly isActive: boolean;
  /** Says that it is for some of what is sold only. */
  readonly isForSome: boolean;
}

/** What the next invoice of a subscription would cost without and with a discount, in minor units, before taxes. */
export interface DiscountPreview {
  readonly before: bigint;
  readonly after: bigint;
  readonly currency: string;
}

/** A page that leads back to the Console. */
export interface PageAddresses {
  readonly successUrl: string;
  readonly cancelUrl: string;
}

/**
 * What the kernel asks of Stripe about one customer. Every method throws DomainError STRIPE_UNAVAILABLE where the outcome is not
 * known or Stripe asks to wait (repeat the same attempt), and STRIPE_REFUSED where it definitely did nothing. The same attempt is
 * to be asked for in the same words; how far it came before, and so what `subscription` shows, is no matter. A read follows
 * pages as far as 1,000 objects. No read is older than its call.
 */
export interface StripeBilling {
  /** Makes a customer. `metadata` names tenant and product. */
  createCustomer(
    customer: { readonly metadata: Readonly<Record<string, string>>; readonly name?: string; readonly email?: string },
    attempt: StripeAttempt,
  ): Promise<string>;
  /** Finds the customer that an intent has made, among those made from then on. */
  findCustomer(intentId: string, madeAfter: Instant): Promise<string | undefined>;
  /** Says whether Stripe has a customer, and it was not deleted there. */
  hasCustomer(stripeCustomerId: string): Promise<boolean>;

  /**
   * Lists the subscriptions of a customer, newest first, those that ended too, at whatever price; none where Stripe has no such customer.
   */
  loadSubscriptions(stripeCustomerId: string): Promise<readonly StripeSubscription[]>;
  /** Undefined where Stripe has none. */
  loadSubscription(stripeSubscriptionId: string): Promise<StripeSubscription | undefined>;

  /**
   * Buys with the default payment method; a decline leaves no subscription behind. Throws DomainError INVALID_FIELD
   * (`promotion_code`) for a code that is none, or not for this.
   */
  createSubscription(order: SubscriptionOrder, attempt: StripeAttempt): Promise<ChargeOutcome>;
  /** Sells by contract. Its price is archived from its beginning, so that it is no plan of the catalog. */
  createContract(order: ContractOrder, attempt: StripeAttempt): Promise<ChargeOutcome>;
  /**
   * Opens a page to buy on, after closing every other one to buy a subscription on that is open for the customer. Answers its
   * address. Throws DomainError INVALID_FIELD (`promotion_code`) for a code that is none, or not for this.
   */
  openCheckout(order: SubscriptionOrder, pages: PageAddresses, attempt: StripeAttempt): Promise<string>;
  /** Says whether a page is open to buy a subscription on with a promotion. */
  hasOpenCheckout(stripeCustomerId: string, promotionId: PromotionId): Promise<boolean>;
  /** Closes every page to buy a subscription on that is open for the customer. */
  closeCheckouts(stripeCustomerId: string): Promise<void>;

  /** Asks what a change to a price at once would cost, prorated as of `at`. No side effect. */
  previewChange(subscription: StripeSubscription, stripePriceId: string, at: Instant): Promise<StripePreview>;
  /**
   * Changes to a price at once, prorated as of `at`, and takes back a cancellation or change that waits. A decline leaves all as
   * it was. Where the bank wants to see the person the change waits at Stripe for its payment; a cancellation then stays, since
   * Stripe takes none back with a change that waits, and a change that waits for the end of the period is taken back at once ({@link SetAsideChange}).
   * Where it can't wait (`canWait`), all is left as it was, and no page named.
   */
  changeNow(
    subscription: StripeSubscription,
    change: {
      readonly stripePriceId: string;
      readonly at: Instant;
      readonly canWait: boolean;
      readonly metadata: Readonly<Record<string, string>>;
    },
    attempt: StripeAttempt,
  ): Promise<ChargeOutcome>;
  /** Voids the invoice of a change that waits for its payment, if there is one: nobody can pay for that change any more. */
  closeChange(stripeSubscriptionId: string): Promise<void>;
  /** Changes to a price when the period ends, instead of a change or cancellation that waits. */
  changeAtPeriodEnd(
    subscription: StripeSubscription,
    change: { readonly stripePriceId: string; readonly metadata: Readonly<Record<string, string>> },
    attempt: StripeAttempt,
  ): Promise<void>;
  /** Ends it with its period, instead of a change that waits. */
  cancelAtPeriodEnd(subscription: StripeSubscription, attempt: StripeAttempt): Promise<void>;
  /** Ends it now, gives no money back, and voids what is open, also of one that has ended. While a bank has a payment under way Stripe refuses to. */
  cancelNow(subscription: StripeSubscription, attempt: StripeAttempt): Promise<void>;
  /**
   * Ends one that a payment is missing of: what is open is voided first, so that a payment that came before then is seen. Answers
   * false where there was one, and it goes on. While a bank has a payment under way Stripe refuses.
   */
  cancelUnpaid(subscription: StripeSubscription, attempt: StripeAttempt): Promise<boolean>;
  /** Takes back a cancellation, or a change that waits. */
  resume(subscription: StripeSubscription, attempt: StripeAttempt): Promise<void>;
  /** Finds what a promotion code takes off; of those for one customer alone only this customer's. Undefined where there is none. */
  loadPromotion(promotionCode: string, stripeCustomerId: string | undefined): Promise<StripePromotion | undefined>;
  /**
   * Asks what the next invoice would cost with a promotion code beside the discounts that there are. No side effect. Undefined where
   * none follows. Throws DomainError INVALID_FIELD (`promotion_code`) for a code that is none, or not for this.
   */
  previewDiscount(subscription: StripeSubscription, promotionCode: string): Promise<DiscountPreview | undefined>;
  /**
   * Adds the discount of a promotion code to those that there are, unless it is there; its `metadata.discount_intent_id` then names the
   * intent. Throws DomainError INVALID_FIELD (`promotion_code`) for a code that is none, or not for this.
   */
  applyDiscount(subscription: StripeSubscription, promotionCode: string, attempt: StripeAttempt): Promise<void>;
  /** Pays back what was paid for a subscription last; for one that nobody wanted. */
  refundLatestPayment(stripeSubscriptionId: string, attempt: StripeAttempt): Promise<void>;

  /** Lists what is stored, the default first. */
  loadPaymentMethods(stripeCustomerId: string): Promise<readonly StoredPaymentMethod[]>;
  /**
   * Has all subscriptions paid by it, and notes at Stripe by which choice ({@link CardChoice.mark}). Answers false where the customer
   * has no such payment method.
   */
  setDefaultPaymentMethod(stripeCustomerId: string, stripePaymentMethodId: string, mark: string): Promise<boolean>;
  /**
   * Lists the marks of the choices that have set the default and, where they have one of their own, what pays for the subscriptions;
   * none where the default was set in another way since, such as in the portal.
   */
  listDefaultMarks(stripeCustomerId: string): Promise<readonly string[]>;
  /** Opens a page to store a card on. Answers its address. */
  openSetupPage(
    stripeCustomerId: string,
    setup: { readonly currency: string; readonly metadata: Readonly<Record<string, string>> },
    pages: PageAddresses,
    attempt: StripeAttempt,
  ): Promise<string>;
  /** Begins to store a card; answers the secret that a page with Stripe's script confirms it by. */
  createSetupIntent(
    stripeCustomerId: string,
    metadata: Readonly<Record<string, string>>,
    attempt: StripeAttempt,
  ): Promise<string>;
  /**
   * Where the customer has no default, makes one of the payment method that a live subscription was bought with on a page, else
   * of that of a setup that has succeeded.
   */
  adoptPaymentMethod(stripeCustomerId: string): Promise<void>;
  /** Lists the setups of a customer that a card was stored by with consent (`CONSENT_METADATA`), newest first; of the last 100. */
  loadConsents(stripeCustomerId: string): Promise<readonly StoredConsent[]>;
  /** Opens the billing portal. Answers its address. */
  openPortal(stripeCustomerId: string, returnUrl: string): Promise<string>;
}

/** A change that waited for the end of a period until an upgrade took its place, which is to be paid on a page. */
export interface SetAsideChange {
  /** The upgrade. */
  readonly intentId: string;
  readonly stripeSubscriptionId: string;
  /** The price that it had then. */
  readonly fromStripePriceId: string;
  /** What it was to go to. */
  readonly stripePriceId: string;
  readonly planCode: PlanCode;
}

/** The customer of a workspace at Stripe. */
export interface CustomerRow {
  readonly tenantId: TenantId;
  readonly productCode: ProductCode;
  /** Names the making of the customer. */
  readonly intentId: string;
  readonly attempt: number;
  /** When the attempt was first sent. */
  readonly sentAt: Instant;
  /** Absent until Stripe has made it. */
  readonly stripeCustomerId?: string;
  /** Those that were deleted at Stripe, oldest first; absent where none was. */
  readonly formerStripeIds?: readonly string[];
  /** When a page to pay on was opened last; absent where none ever was. */
  readonly pageOpenedAt?: Instant;
  /** Subscriptions whose payments are given back, as long as something of them may be left to do; absent where none ever was. */
  readonly droppedIds?: readonly string[];
  /** Since when giving them back is tried, by the subscription. */
  readonly dropTimes?: Readonly<Record<string, Instant>>;
  /** When an operator last asked for it to be tried anew, by the subscription; absent where nobody ever did. */
  readonly dropAskedTimes?: Readonly<Record<string, Instant>>;
  /** What comes again should an upgrade not be paid; absent where nothing waited. */
  readonly setAside?: SetAsideChange;
  /** What was chosen to be charged by default, the last choices of the workspace, oldest first; absent where nothing ever was. */
  readonly cardChoices?: readonly CardChoice[];
  /** When the subscription is to be read again at the latest. */
  readonly syncDueAt?: Instant;
}

/** Keeps which customer is whose. Reads are primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE, OUTCOME_UNKNOWN. */
export interface CustomerStore {
  loadCustomer(tenantId: TenantId): Promise<CustomerRow | undefined>;
  /** Finds whose customer it is, or was before it was deleted. */
  findByStripeId(stripeCustomerId: string): Promise<CustomerRow | undefined>;
  /** Stores a row unless the tenant has one; answers the one that is there then. */
  insertCustomer(row: CustomerRow): Promise<CustomerRow>;
  /** Begins another attempt, unless the row has moved on from `row`; answers the row that is there then. */
  saveAttempt(row: CustomerRow, attempt: number, sentAt: Instant): Promise<CustomerRow>;
  /** Notes the customer that the making of `row` came to, once; answers the row that is there then. */
  saveStripeId(row: CustomerRow, stripeCustomerId: string): Promise<CustomerRow>;
  /**
   * Begins the making of another customer in the place of the one of `row`, unless that has been done; answers the row that is there
   * then. The last 20 that a workspace had are remembered.
   */
  saveDeleted(row: CustomerRow, intentId: string, sentAt: Instant): Promise<CustomerRow>;
  /** Notes that a page to pay on was opened; an earlier time than the one that stands there changes nothing. */
  savePageOpened(tenantId: TenantId, openedAt: Instant): Promise<void>;
  /** Notes that what a subscription has cost is to be given back, tried since then or since it was first noted, until {@link saveDropDone} says that nothing of it is left. */
  saveDrop(tenantId: TenantId, stripeSubscriptionId: string, triedSince: Instant): Promise<void>;
  /** Says that an operator has asked for it at a time, from which on giving it back is tried anew. */
  saveDropAgain(tenantId: TenantId, stripeSubscriptionId: string, askedAt: Instant): Promise<void>;
  saveDropDone(tenantId: TenantId, stripeSubscriptionId: string): Promise<void>;
  /** Notes what an upgrade sets aside, in the place of what another one has. */
  saveSetAside(tenantId: TenantId, change: SetAsideChange): Promise<void>;
  /** Says that nothing comes again; where an upgrade is named, of what that one has set aside. */
  removeSetAside(tenantId: TenantId, intentId?: string): Promise<void>;
  /** Notes a choice as the newest one, unless its request has one; answers the row that is there then. The last {@link CHOICES_MAX} are remembered. */
  beginChoice(tenantId: TenantId, choice: CardChoice): Promise<CustomerRow>;
  /** Keeps what a choice was answered, once; answers the row that is there then. */
  saveChoiceAnswer(tenantId: TenantId, mark: string, answer: StoredPaymentMethod): Promise<CustomerRow>;
  /** Takes back a choice that was not answered. */
  removeChoice(tenantId: TenantId, mark: string): Promise<void>;
  /** Says that the subscription is to be read again at the latest then; an earlier time that stands there stays. */
  requestSync(tenantId: TenantId, dueAt: Instant): Promise<void>;
  /** Takes one whose time has come, and sets when it is due again if nothing else is said. */
  claimSyncDue(now: Instant, nextDueAt: Instant): Promise<CustomerRow | undefined>;
  /** Sets the time, unless another one was set since it was claimed with `claimedDueAt`. */
  saveSyncDue(tenantId: TenantId, claimedDueAt: Instant, dueAt: Instant): Promise<void>;
}

/** What is asked of Stripe, whole: the same intent does the same whoever carries it out. */
export type IntentRequest = PurchaseRequest | ChangeRequest;

/** What begins a subscription. */
export type PurchaseRequest =
  | {
      readonly kind: 'activate';
      readonly planCode: PlanCode;
      readonly stripePriceId: string;
      readonly isHosted: boolean;
      /** Stripe's. */
      readonly promotionCode?: string;
      /** The one that has a place for this purchase; absent where none does, and in what an earlier release has stored. */
      readonly promotionId?: PromotionId;
      readonly returnUrl: string;
    }
  | {
      readonly kind: 'provision';
      readonly planCode: PlanCode;
      readonly productName: string;
      readonly minorUnits: bigint;
      readonly currency: string;
      readonly includedPerCycle: bigint;
      readonly intervalMonths: number;
      readonly daysUntilDue: number;
      /** Absent where no invoice is sent, and in what an earlier release has stored. */
      readonly billingEmail?: string;
    };

/** What is done to a subscription that there is. */
export type ChangeRequest =
  | {
      readonly kind: 'upgrade';
      readonly planCode: PlanCode;
      readonly stripePriceId: string;
      readonly stripeSubscriptionId: string;
      /** The price that the change was decided over. */
      readonly fromStripePriceId: string;
      readonly prorateAt: Instant;
    }
  | {
      readonly kind: 'change_at_period_end';
      readonly planCode: PlanCode;
      readonly stripePriceId: string;
      readonly stripeSubscriptionId: string;
      /** There where it comes again since an upgrade from this price was not paid: it is done only where nothing else was changed. */
      readonly fromStripePriceId?: string;
    }
  | {
      readonly kind: 'cancel';
      readonly stripeSubscriptionId: string;
      readonly atOnce: boolean;
      /** There where it is to end only as long as a payment is missing. */
      readonly onlyUnpaid?: true;
    }
  | { readonly kind: 'resume'; readonly stripeSubscriptionId: string }
  | { readonly kind: 'apply_discount'; readonly stripeSubscriptionId: string; readonly promotionCode: string }
  /** Gives back what a second subscription has cost, and ends it. */
  | { readonly kind: 'drop_duplicate'; readonly stripeSubscriptionId: string };

/** What an intent came to. */
export type IntentResult =
  | { readonly kind: 'done' }
  | { readonly kind: 'action_required'; readonly url: string }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly metadata: Readonly<Record<string, string>>;
      /** The fields at fault; absent where it is none of them, and in what an earlier release has kept. */
      readonly violations?: readonly FieldViolation[];
    };

/** A change that needs Stripe, noted before Stripe is asked. A workspace has at most one that is open. */
export interface OpenIntent {
  readonly intentId: string;
  readonly tenantId: TenantId;
  readonly productCode: ProductCode;
  /** Tells the request from every other of the tenant. */
  readonly key: string;
  readonly fingerprint: string;
  readonly request: IntentRequest;
  readonly attempt: number;
  /** When the attempt was first sent; absent before. */
  readonly sentAt?: Instant;
  /** How often Stripe has answered this attempt with a failure that it may have stored, and then repeats. */
  readonly storedFailures: number;
  /** How often it was taken. */
  readonly tries: number;
  readonly createdAt: Instant;
  /** When it is tried next, or given up by who tries it now: that time also tells who has it from who had it before. */
  readonly dueAt: Instant;
  /** What the last try failed with, for operators. */
  readonly failure?: string;
}

/** A plan that is to be bought with a code. */
export interface PurchaseOrder {
  /** As operators have named it, in upper case. */
  readonly promotionCode: string;
  readonly planCode: PlanCode;
}

/** What a plan is bought with: the promotion, and how Stripe names its discount. */
export type PurchaseDiscount = Required<
  Pick<Extract<PurchaseRequest, { readonly kind: 'activate' }>, 'promotionId' | 'promotionCode'>
>;

/** Keeps the places of promotions that plans are bought with. */
export interface PurchaseCodes {
  /**
   * Claims a place for a purchase, which must be asked for at once. Throws DomainError ACCOUNT_NOT_OPEN, PROMOTION_NOT_FOUND,
   * PROMOTION_ATTEMPTS_EXCEEDED, PROMOTION_ENDED, PROMOTION_EXHAUSTED, PROMOTION_NOT_APPLICABLE, PROMOTION_ALREADY_REDEEMED,
   * IDEMPOTENCY_KEY_REUSED, DEADLINE_EXCEEDED, QUEUE_FULL, OUTCOME_UNKNOWN, STRIPE_UNAVAILABLE, STRIPE_REFUSED, DATABASE_UNAVAILABLE,
   * CLOCK_UNCERTAIN.
   */
  claim(tenant: TenantRef, order: PurchaseOrder, key: IdempotencyKey): Promise<PurchaseDiscount>;
  /** Gives the place of a purchase back that came to nothing. Never throws: what is left is looked after later. */
  release(tenant: TenantRef, promotionId: PromotionId, key: IdempotencyKey): Promise<void>;
  /** Notes that a plan was bought. Repeating it does nothing. Throws DomainError DATABASE_UNAVAILABLE. */
  noteBought(tenant: TenantRef, promotionId: PromotionId): Promise<void>;
}

/** An intent that came to its end. */
export interface EndedIntent {
  readonly intentId: string;
  readonly tenantId: TenantId;
  readonly key: string;
  readonly fingerprint: string;
  readonly request: IntentRequest;
  readonly result: IntentResult;
  readonly endedAt: Instant;
}

/**
 * Keeps intents: at most one open one for each tenant, and what the ended ones came to. Reads are primary + majority. Every method
 * throws DomainError DATABASE_UNAVAILABLE, and OUTCOME_UNKNOWN where the database did not tell of a write.
 */
export interface IntentStore {
  /** Stores an intent unless the tenant has an open one, or one with its key has ended; answers what is there then. */
  openIntent(intent: OpenIntent): Promise<{ readonly open: OpenIntent } | { readonly ended: EndedIntent }>;
  loadOpen(tenantId: TenantId): Promise<OpenIntent | undefined>;
  loadEnded(tenantId: TenantId, key: string): Promise<EndedIntent | undefined>;
  /** Takes one that is due, or this tenant's where one is named, and lets nobody else take it until `claimedUntil`. */
  claim(now: Instant, claimedUntil: Instant, tenantId?: TenantId): Promise<OpenIntent | undefined>;
  /** Notes that an attempt is about to be sent for the first time, unless somebody else took the intent since; answers whether it was. */
  saveSent(intent: OpenIntent, attempt: number, sentAt: Instant): Promise<boolean>;
  /** Ends a try without result: it is due again then, and keeps the `storedFailures` given. Nothing, if somebody else took it since. */
  saveRetry(intent: OpenIntent, failure: string, dueAt: Instant): Promise<void>;
  /** Keeps what it came to, then lets the tenant have another one; answers what is kept, which is what came first. */
  endIntent(intent: OpenIntent, result: IntentResult, endedAt: Instant): Promise<EndedIntent>;
  /** Answers since when the oldest open one waits. */
  loadOldestOpen(): Promise<Instant | undefined>;
}

/** Makes the ids of intents. */
export interface IntentIdSource {
  intentId(): string;
}

/** Counts and reports what happens to intents. */
export interface IntentObserver {
  /** A try came to a result. */
  ended(intent: OpenIntent, result: IntentResult): void;
  /** A try came to none; another one is made. */
  failed(intent: OpenIntent, error: unknown): void;
  /** How long the oldest open intent waits, in milliseconds; 0 where none does. */
  backlog(oldestMs: number): void;
  backgroundFailed(work: string, error: unknown): void;
}
