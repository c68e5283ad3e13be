// Owns what the use cases of top-ups, of the rules that buy them and of the history of payments need of Stripe and of the database, and the shape of what they
// get. Does not own how either is
// spoken to (kernel/stripe, kernel/store/payment).

import type { AutoTopUpStop, AutoTopUpTerms, AutoTopUpUse } from '../../domain/auto-top-up.ts';
import type { Fingerprint, IdempotencyKey, Instant, ProductCode, TenantId, TopUpId } from '../../domain/id.ts';
import type { TopUpCause, TopUpFacts, TopUpOrder, TopUpStatus } from '../../domain/top-up.ts';
import type { AccountPlace } from '../ports.ts';
import type { StripeAttempt } from '../subscription/ports.ts';
import type { TimePlace } from '../tenant/ports.ts';

/** Says what an invoice of a top-up is for, in its metadata. */
export const TOP_UP_PURPOSE = 'topup';

/** A top-up as it is kept: what was asked for, and what is known of it. Its id names it at Stripe, too. */
export interface TopUp extends TopUpOrder {
  readonly topUpId: TopUpId;
  readonly tenantId: TenantId;
  readonly productCode: ProductCode;
  /** Tells the request from every other of the tenant. */
  readonly key: IdempotencyKey;
  readonly fingerprint: Fingerprint;
  readonly cause: TopUpCause;
  readonly usesStoredCard: boolean;
  readonly status: TopUpStatus;
  /** From 1 on. */
  readonly attempt: number;
  /** When the attempt was first sent; absent before. */
  readonly sentAt?: Instant;
  /** How often Stripe has answered this attempt with a failure that it may have stored, and then repeats. */
  readonly storedFailures: number;
  /** How often it was taken since the last time that went well. */
  readonly tries: number;
  /** Says that the stored card was asked, and what came of it is known. */
  readonly isCharged: boolean;
  /** Says that it is to end, unless it was paid. */
  readonly isClosing: boolean;
  /** Absent until Stripe has made it. */
  readonly stripeInvoiceId?: string;
  readonly stripePaymentIntentId?: string;
  /** Where it can be paid. */
  readonly pageUrl?: string;
  /** Why it was declined last, in Stripe's words. */
  readonly failureCode?: string;
  /** What of it went back to the payer. */
  readonly returnedMinorUnits: bigint;
  readonly createdAt: Instant;
  /** Until when it can be paid. */
  readonly pageExpiresAt: Instant;
  /** When it succeeded or was canceled. */
  readonly endedAt?: Instant;
  /** When it is looked at next, or given up by who looks at it now; absent once it has ended. */
  readonly dueAt?: Instant;
  /** What the last try failed with. */
  readonly failure?: string;
}

/** What Stripe shows of a top-up. */
export interface StripeTopUp {
  readonly facts: TopUpFacts;
  /** What the invoice is of, in all. */
  readonly minorUnits: bigint;
  readonly currency: string;
  /** Absent where nothing was left to pay, and before there is one. */
  readonly stripePaymentIntentId?: string;
  /** By which a page with Stripe's script pays it; there while it can be paid. */
  readonly clientSecret?: string;
  readonly pageUrl?: string;
}

/** What to make an invoice of. */
export interface StripeTopUpOrder extends TopUpOrder {
  readonly stripeCustomerId: string;
  /** Goes onto the invoice: `purpose`, `tenant_id`, `product_code`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A refund that has not failed, or a dispute that took the money and was not won. */
export interface StripeReturnPart {
  readonly kind: 'refund' | 'dispute';
  /** Stripe's. */
  readonly id: string;
  readonly minorUnits: bigint;
  /** In lower case; a dispute can be in the currency of its bank. */
  readonly currency: string;
  readonly madeAt: Instant;
}

/** What of a payment went back to its payer, in minor units of its currency. */
export interface StripeReturn {
  readonly parts: readonly StripeReturnPart[];
  /** By refunds that have not failed. */
  readonly refunded: bigint;
  /** By disputes that took the money and were not won. */
  readonly disputed: bigint;
}

/**
 * What the kernel asks of Stripe about top-ups: one invoice each, which nothing else is billed on. Every method throws DomainError
 * STRIPE_UNAVAILABLE where the outcome is not known or Stripe asks to wait (repeat the same attempt), and STRIPE_REFUSED where it
 * definitely did nothing. No read is older than its call.
 */
export interface StripeTopUps {
  /**
   * Makes the invoice, or goes on with the one that is there (`stripeInvoiceId`), until it can be paid; answers its id. Nothing is
   * charged, but what the customer has as credit at Stripe is used.
   */
  openTopUp(order: StripeTopUpOrder, attempt: StripeAttempt, stripeInvoiceId?: string): Promise<string>;
  /** Finds the invoice that a top-up has made, among those made from then on. */
  findTopUp(stripeCustomerId: string, topUpId: TopUpId, madeAfter: Instant): Promise<string | undefined>;
  /** Undefined where Stripe has none. */
  loadTopUp(stripeInvoiceId: string): Promise<StripeTopUp | undefined>;
  /** Charges the customer's default payment method. A decline is no error: the invoice shows it. One that is over is left alone. */
  chargeTopUp(stripeInvoiceId: string, attempt: StripeAttempt): Promise<void>;
  /** Ends one that was not paid. One that is over is left alone. */
  closeTopUp(stripeInvoiceId: string, attempt: StripeAttempt): Promise<void>;
  /** Says what of a payment of so much went back. */
  loadReturn(stripePaymentIntentId: string, paid: TopUpOrder): Promise<StripeReturn>;
}

/** What is read of a top-up. */
export type SeenTopUp = Pick<TopUp, 'status' | 'stripePaymentIntentId' | 'pageUrl' | 'failureCode'>;

/** Limits a list by when its rows were made: with its start, without its end. */
interface TimeFilter {
  readonly startAt?: Instant;
  readonly endAt?: Instant;
}

/** Limits a list of top-ups; every filter that is set must match. */
export interface TopUpFilter extends TimeFilter {
  readonly status?: TopUpStatus;
}

/** Asks for a part of a workspace's top-ups, newest first. */
export interface TopUpQuery {
  readonly tenantId: TenantId;
  readonly filter: TopUpFilter;
  /** Only those that come after this one in the list. */
  readonly after?: TimePlace;
  readonly limit: number;
}

/**
 * Keeps top-ups. Reads are primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE, and OUTCOME_UNKNOWN where the
 * database did not tell of a write. What has ended is not changed any more, but for what of it went back.
 */
export interface TopUpStore {
  /** Stores one unless the tenant has one with its key; answers the one that is there then. */
  insertTopUp(topUp: TopUp): Promise<TopUp>;
  loadTopUp(topUpId: TopUpId): Promise<TopUp | undefined>;
  findByKey(tenantId: TenantId, key: IdempotencyKey): Promise<TopUp | undefined>;
  findByInvoice(stripeInvoiceId: string): Promise<TopUp | undefined>;
  findByPaymentIntent(stripePaymentIntentId: string): Promise<TopUp | undefined>;
  /** Says whether the tenant has paid for one, ever. */
  hasSucceeded(tenantId: TenantId): Promise<boolean>;
  loadPage(query: TopUpQuery): Promise<readonly TopUp[]>;
  /** Takes one that is due, or this one where one is named, and lets nobody else take it until `claimedUntil`. */
  claim(now: Instant, claimedUntil: Instant, topUpId?: TopUpId): Promise<TopUp | undefined>;
  /** Notes that an attempt is about to be sent for the first time, unless somebody else took it since; answers whether it was. */
  saveSent(topUp: TopUp, attempt: number, sentAt: Instant): Promise<boolean>;
  /** Notes the invoice, once; answers the row that is there then. */
  saveInvoice(topUpId: TopUpId, stripeInvoiceId: string): Promise<TopUp>;
  /** Notes that the stored card was asked; answers the row that is there then. */
  saveCharged(topUpId: TopUpId): Promise<TopUp>;
  /** Notes what was seen of one that is open; answers the row that is there then. */
  saveSeen(topUpId: TopUpId, seen: SeenTopUp): Promise<TopUp>;
  /** Notes that it has come to its end; answers the row that is there then. */
  endTopUp(topUpId: TopUpId, seen: SeenTopUp, endedAt: Instant, failure?: string): Promise<TopUp>;
  /** Notes that it is to end, and has it looked at at once; answers the row that is there then. */
  requestClose(topUpId: TopUpId, now: Instant): Promise<TopUp>;
  /** Says when it is looked at next; nothing, if somebody else took it since. */
  saveDue(topUp: TopUp, dueAt: Instant): Promise<void>;
  /** Ends a try that failed: it is due again then, and keeps the `storedFailures` given. Nothing, if somebody else took it since. */
  saveRetry(topUp: TopUp, failure: string, dueAt: Instant): Promise<void>;
  /** Notes how much of it went back by its `number`th settlement, unless a later one was noted. */
  saveReturned(topUpId: TopUpId, returnedMinorUnits: bigint, number: number): Promise<void>;
  /** Answers since when the one waits that is due longest; undefined where none is known. */
  loadOldestDue(): Promise<Instant | undefined>;
}

/** Makes the ids of top-ups; they are in the order of their times. */
export interface TopUpIdSource {
  topUpId(): TopUpId;
}

/** Counts and reports what happens to top-ups. */
export interface TopUpObserver {
  /** One has come to its end. */
  ended(topUp: TopUp): void;
  /** A try came to no result; another one is made. */
  failed(topUp: TopUp, error: unknown): void;
  /** How long the one that is due longest waits, in milliseconds; 0 where none does. */
  backlog(oldestMs: number): void;
  backgroundFailed(work: string, error: unknown): void;
}

/** What a payment was for. */
export type PaymentKind = 'top_up' | 'subscription' | 'other' | 'refund' | 'dispute';

/** Where it stands. */
export type PaymentStatus = 'pending' | 'succeeded' | 'failed' | 'canceled';

/** A payment as Stripe shows it. */
export interface StripePayment {
  /** Stripe's id of the invoice, the refund or the dispute. */
  readonly paymentId: string;
  readonly kind: PaymentKind;
  readonly status: PaymentStatus;
  readonly minorUnits: bigint;
  /** In lower case. */
  readonly currency: string;
  readonly description: string;
  /** The invoice that the money came by, of what went back. */
  readonly paidPaymentId?: string;
  readonly invoiceUrl?: string;
  readonly receiptUrl?: string;
  readonly createdAt: Instant;
}

/** A payment as it is kept. */
export interface Payment extends StripePayment {
  readonly tenantId: TenantId;
  /** There for top-ups. */
  readonly topUpId?: string;
  readonly microcredits?: bigint;
}

/** What of a payment went back. */
export interface StripeReturned {
  readonly stripeCustomerId: string;
  readonly parts: readonly StripeReturnPart[];
  /** Refunds that the payer's bank has sent back: their money is here again. */
  readonly failedRefunds: readonly StripeReturnPart[];
}

/** Reads payments at Stripe. Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED. */
export interface StripePayments {
  /** Reads the newest invoices and charges of a customer, a hundred of each, with what went back of them. */
  loadPayments(stripeCustomerId: string): Promise<readonly StripePayment[]>;
  /** Reads who made a payment, and what of it went back; undefined where Stripe has none, or it is no customer's. */
  loadReturned(stripePaymentIntentId: string): Promise<StripeReturned | undefined>;
}

/** Limits a list of payments; every filter that is set must match. */
export interface PaymentFilter extends TimeFilter {
  readonly kind?: PaymentKind;
  readonly status?: PaymentStatus;
}

/** Asks for a part of a workspace's payments, newest first. */
export interface PaymentQuery {
  readonly tenantId: TenantId;
  readonly filter: PaymentFilter;
  readonly after?: TimePlace;
  readonly limit: number;
}

/** Keeps payments. Every method throws DomainError DATABASE_UNAVAILABLE, one that writes OUTCOME_UNKNOWN. */
export interface PaymentStore {
  /** Keeps payments as they were read from `readAt` on, but for those that were read later since. */
  savePayments(payments: readonly Payment[], readAt: Instant): Promise<void>;
  loadPage(query: PaymentQuery): Promise<readonly Payment[]>;
}

/** Who agreed to be charged, and when. */
export interface AutoTopUpConsent {
  readonly userId: string;
  readonly at: Instant;
}

/** The rule of a workspace, as it is kept. */
export interface AutoTopUp extends AutoTopUpTerms, AutoTopUpUse {
  readonly tenantId: TenantId;
  readonly productCode: ProductCode;
  readonly isEnabled: boolean;
  /** There once it was on; who agreed when it was switched on last, also where it is off now. */
  readonly consent?: AutoTopUpConsent;
  /** The requests that have set it. */
  readonly applied?: readonly string[];
  /** Why it buys nothing any more; absent while it does. */
  readonly stop?: AutoTopUpStop;
  /** Stripe's word for the last decline. */
  readonly failureCode?: string;
  /** How many purchases were begun; each has its own. */
  readonly round: number;
  /** Says that the purchase of this round is to be made, or under way. */
  readonly isBuying: boolean;
  /** The default payment method that the last purchase was to be charged to. */
  readonly stripePaymentMethodId?: string;
  /** Up to which commit the balance was compared. */
  readonly seq: number;
  /** When it is looked at next, or given up by who looks at it now; absent where only a commit makes a difference. */
  readonly dueAt?: Instant;
  /** One more with every write. */
  readonly revision: number;
}

/**
 * Keeps rules, one for each workspace. Every read is primary + majority, every write majority + journal. Every method throws
 * DomainError DATABASE_UNAVAILABLE, those that write also OUTCOME_UNKNOWN.
 */
export interface AutoTopUpStore {
  loadRule(tenantId: TenantId): Promise<AutoTopUp | undefined>;
  /** Stores a rule where there is none; answers false where there is. */
  insertRule(rule: AutoTopUp): Promise<boolean>;
  /** Puts a rule in the place of one that was read; answers it, and undefined where the other is not there as it was read. */
  replaceRule(before: AutoTopUp, after: AutoTopUp): Promise<AutoTopUp | undefined>;
  /** Takes one that is due, and lets nobody else take it until `claimedUntil`. */
  claimRule(now: Instant, claimedUntil: Instant): Promise<AutoTopUp | undefined>;
  /** Reads up to where rules that may buy were compared, in the order of their tenants' ids, after one, at most `limit`. */
  loadMarksAfter(tenantId: string, limit: number): Promise<readonly AccountPlace[]>;
}
