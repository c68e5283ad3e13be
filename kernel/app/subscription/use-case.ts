// Owns what can be asked about the subscription and the payment methods of a workspace, and the shape of the answers. Does not own
// how it is done, or who may ask (kernel/grpc/access.ts).
// Invariants: a write is answered with `done` only once the account shows it; one that is under way goes on without its caller.

import type { RunningDiscount } from '../../domain/discount.ts';
import type { Instant, PlanCode } from '../../domain/id.ts';
import type { BucketEffect, PlanChangeKind } from '../../domain/plan-change.ts';
import type { Subscription } from '../../domain/subscription.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { TenantRef, WriteContext } from '../ledger/ledger.ts';
import type { TrialReading } from '../trial/trial-service.ts';
import type { StoredPaymentMethod } from './ports.ts';

/** The operator who asks, and why. */
export interface OperatorAsker {
  readonly actor: string;
  readonly reason: string;
}

/** An amount of one currency. */
export interface Money {
  readonly minorUnits: bigint;
  /** In lower case. */
  readonly currency: string;
}

/** A subscription as it is told. */
export interface SubscriptionView extends Subscription {
  /** Those that hold now. */
  readonly discounts: readonly RunningDiscount[];
  /** Where what is open can be paid; there only while a payment is due, for who may pay, and as long as Stripe can be asked. */
  readonly paymentUrl?: string;
}

/** What a workspace has, and pays for by the period. */
export interface SubscriptionState {
  /** The plan that the workspace has now. */
  readonly planCode: PlanCode;
  /** The one that runs, or the last one; absent where there never was one. */
  readonly subscription?: SubscriptionView;
  /** Absent where there never was one. It says when somebody agreed to be charged once it ends. */
  readonly trial?: TrialReading;
  readonly asOf: Instant;
}

/** Who wants to know what a workspace has. */
export interface SubscriptionReader {
  /** Says that they may pay for it, and so see where: the page of an invoice is for nobody else. */
  readonly mayPay: boolean;
}

/** How a payment is asked for where a page of Stripe may be needed. */
export interface PaymentPage {
  /** Wants a page of Stripe to pay on, also where a card is stored. */
  readonly isHosted: boolean;
  /** The path of the Console that the page leads back to; begins with one slash. */
  readonly returnPath: string;
}

/** A plan to buy. */
export interface ActivateInput extends PaymentPage {
  readonly planCode: PlanCode;
  /** As operators have named it, in upper case. */
  readonly promotionCode?: string;
}

/** A plan by contract. */
export interface ContractInput {
  readonly planCode: PlanCode;
  /** What a cycle costs; zero where nothing is charged. */
  readonly price: Money;
  /** What each cycle grants, in microcredits. */
  readonly includedPerCycle: bigint;
  readonly intervalMonths: number;
  /** 0: the stored card is charged. */
  readonly daysUntilDue: number;
  /** Where invoices are sent to; there where they are sent. */
  readonly billingEmail?: string;
}

/**
 * What became of a change. `pending`: it is under way and goes on without the caller; `action_required`: a person has to act at
 * `actionUrl`.
 */
export interface SubscriptionChange {
  readonly outcome: 'done' | 'pending' | 'action_required';
  /** There for `action_required`. */
  readonly actionUrl?: string;
  /** The plan that the workspace has now. */
  readonly planCode: PlanCode;
  /** As it is now; absent where there never was one. */
  readonly subscription?: SubscriptionView;
  /** Says that an earlier request with the same id asked for it. */
  readonly replayed: boolean;
}

/** What a change of plan would do. */
export interface PlanChangePreview {
  readonly kind: PlanChangeKind;
  readonly fromPlanCode: PlanCode;
  readonly toPlanCode: PlanCode;
  readonly effectiveAt: Instant;
  /** What is charged at once, before taxes. */
  readonly dueNow: Money;
  /**
   * What the next cycle costs, before taxes, and when it begins; absent where none follows. Of an upgrade less the discounts that it
   * will have then, unless another plan waits for the end of the period; else before discounts.
   */
  readonly nextCycle?: Money;
  readonly nextCycleAt?: Instant;
  /** Of every bucket, when the change happens. */
  readonly buckets: readonly BucketEffect[];
}

/**
 * The subscriptions of every workspace. Writes are idempotent by `callerScope`, operation and `requestId`. Every method throws
 * DomainError ACCOUNT_NOT_OPEN and DATABASE_UNAVAILABLE; every one but `getSubscription` also STRIPE_OFF, STRIPE_UNAVAILABLE,
 * STRIPE_REFUSED; every one that takes a request id also IDEMPOTENCY_KEY_REUSED, SUBSCRIPTION_BUSY, OUTCOME_UNKNOWN.
 */
export interface Subscriptions {
  getSubscription(tenant: TenantRef, reader: SubscriptionReader): Promise<SubscriptionState>;
  /**
   * Throws DomainError PLAN_NOT_FOUND, CONTACT_SALES, SUBSCRIPTION_EXISTS, SUBSCRIPTION_UNPAID while a bank has a first payment under
   * way, PAYMENT_METHOD_REQUIRED, PAYMENT_DECLINED, INVALID_FIELD `plan_code` for a plan that costs nothing, or `promotion_code` where
   * Stripe refuses its discount; with a code also what {@link PurchaseCodes.claim} throws.
   */
  activate(
    tenant: TenantRef,
    input: ActivateInput,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange>;
  /**
   * Computes what going to a plan would do; for a workspace without subscription, what {@link activate} would. Throws DomainError
   * PLAN_NOT_FOUND, CONTACT_SALES, SUBSCRIPTION_UNPAID, PLAN_UNCHANGED.
   */
  previewChange(tenant: TenantRef, planCode: PlanCode): Promise<PlanChangePreview>;
  /**
   * Throws what {@link previewChange} throws, and DomainError SUBSCRIPTION_NOT_FOUND, PAYMENT_METHOD_REQUIRED, PAYMENT_DECLINED.
   */
  changePlan(
    tenant: TenantRef,
    planCode: PlanCode,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange>;
  /**
   * Ends the subscription with its period, or at once. Throws DomainError SUBSCRIPTION_NOT_FOUND, and INVALID_FIELD `at_once` where
   * the policy leaves that to operators.
   */
  cancel(
    tenant: TenantRef,
    input: { readonly atOnce: boolean },
    asker: PersonAsker | OperatorAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange>;
  /** Throws DomainError SUBSCRIPTION_NOT_FOUND, PLAN_UNCHANGED where nothing waits. */
  resume(tenant: TenantRef, asker: PersonAsker, context: WriteContext): Promise<SubscriptionChange>;
  /** Buys the plan that is tried, as {@link activate} does. Throws what that throws, and DomainError TRIAL_NOT_ACTIVE. */
  convertTrialNow(
    tenant: TenantRef,
    input: PaymentPage,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange>;
  /**
   * Throws DomainError PLAN_NOT_FOUND, SUBSCRIPTION_EXISTS, SUBSCRIPTION_UNPAID, PAYMENT_METHOD_REQUIRED, PAYMENT_DECLINED, INVALID_FIELD
   * `price`.
   */
  provisionContract(
    tenant: TenantRef,
    input: ContractInput,
    operator: OperatorAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange>;
  /** Reads Stripe again, and answers what the workspace has then. */
  refresh(tenant: TenantRef, context: Omit<WriteContext, 'requestId'>): Promise<SubscriptionState>;
}

/** A card to store. */
export interface SetupInput extends PaymentPage {
  /** Says that the person agrees to be charged for the trial's plan once it ends; recorded when the card is stored. */
  readonly consentsToCharge: boolean;
}

/** Where a person goes on to store a card: a page of Stripe, or a page with Stripe's script that has the secret. */
export type Setup =
  | { readonly kind: 'page'; readonly url: string }
  | { readonly kind: 'intent'; readonly clientSecret: string };

/**
 * How every workspace pays. Every method throws DomainError STRIPE_OFF, STRIPE_UNAVAILABLE, STRIPE_REFUSED, DATABASE_UNAVAILABLE;
 * every one that writes also OUTCOME_UNKNOWN.
 */
export interface PaymentMethods {
  /** Throws DomainError TRIAL_NOT_ACTIVE where consent is given and no trial runs, IDEMPOTENCY_KEY_REUSED. */
  startSetup(tenant: TenantRef, input: SetupInput, asker: PersonAsker, context: WriteContext): Promise<Setup>;
  /** Lists what is stored, the default first; nothing where the workspace has no customer yet. */
  list(tenant: TenantRef): Promise<readonly StoredPaymentMethod[]>;
  /** Answers the new default. Throws DomainError PAYMENT_METHOD_NOT_FOUND. */
  setDefault(
    tenant: TenantRef,
    stripePaymentMethodId: string,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<StoredPaymentMethod>;
  /** Answers the address of the page. */
  openPortal(tenant: TenantRef, returnPath: string, asker: PersonAsker, context: WriteContext): Promise<string>;
}
