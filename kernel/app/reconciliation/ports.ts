// Owns what comparing workspaces with Stripe needs of Stripe and of the database, and how it is reported. Does not own how that is done.

import type { Instant, TenantId, TopUpId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Difference } from './difference.ts';

/** The invoice of a top-up, as a list of Stripe's shows it. */
export interface ListedTopUp {
  readonly stripeInvoiceId: string;
  /** The top-up that it says it is of. */
  readonly topUpId: string;
  readonly isPaid: boolean;
  /** What it is of in all. */
  readonly minorUnits: bigint;
  /** In lower case. */
  readonly currency: string;
}

/** The metadata by which somebody says, of a refund that came back, that its money was given in another way: `true`. */
export const SETTLED_OUTSIDE = 'settled_outside';

/** The metadata by which a refund says which one it is made in the place of, since that came back: its id. */
export const REPLACES = 'replaces';

/** A refund that the payer's bank has sent back. */
export interface FailedRefund {
  readonly stripeRefundId: string;
  readonly stripePaymentIntentId: string;
  readonly minorUnits: bigint;
  /** What of it no other refund has made up for, above 0. */
  readonly missingMinorUnits: bigint;
  /** In lower case. */
  readonly currency: string;
}

/** Lists what a customer has paid for credits. Every method throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED. */
export interface StripePaymentList {
  /** The invoices of top-ups, newest first, at most 1,000. */
  listTopUps(stripeCustomerId: string): Promise<readonly ListedTopUp[]>;
  /** The payment intents of which something went back, or is disputed, among the newest 1,000. */
  listReturned(stripeCustomerId: string): Promise<ReadonlySet<string>>;
  /**
   * The refunds that came back, of the newest 1,000 payments; those left out that later ones have made up for, or came in the place of
   * and came back themselves ({@link REPLACES}), or that say that they were {@link SETTLED_OUTSIDE}. A refund that names none makes up
   * for all that had come back when it was made, the oldest first; where it came back, too, it does if it is of just what was missing then.
   */
  listFailedRefunds(stripeCustomerId: string): Promise<readonly FailedRefund[]>;
}

/** Finds for which top-ups an account has got credits. Throws DomainError DATABASE_UNAVAILABLE. */
export interface PaymentKeyFinder {
  findPaid(tenantId: TenantId, limit: number): Promise<readonly TopUpId[]>;
}

/** Lists what there is to compare. Every method throws DomainError DATABASE_UNAVAILABLE. */
export interface WorkspaceList {
  /** Counts workspaces, about. */
  countWorkspaces(): Promise<number>;
  /** Lists workspaces, and tenants of which only a customer is left, in the order of their ids, after one ('' for the first). */
  loadAfter(after: string, limit: number): Promise<readonly TenantRef[]>;
}

/** Keeps which day was compared. Every method throws DomainError DATABASE_UNAVAILABLE, OUTCOME_UNKNOWN. */
export interface ReconciliationRunStore {
  /** Takes the run of a day, such as `2026-11-26`, unless it has ended, or somebody has it; answers whether it was taken. */
  claimRun(day: string, now: Instant, claimedUntil: Instant): Promise<boolean>;
  /** Keeps a run that was taken until `claimedUntil`; answers false where it was not kept in time, and somebody else has it. */
  renewRun(day: string, claimedUntil: Instant, until: Instant): Promise<boolean>;
  /** Ends it. */
  endRun(day: string, figures: ReconciliationFigures, endedAt: Instant): Promise<void>;
}

/** What a run came to. */
export interface ReconciliationFigures {
  readonly workspaces: number;
  readonly differences: number;
}

/** Counts and reports what runs come to. */
export interface ReconciliationObserver {
  /** An operator must look. */
  differs(difference: Difference): void;
  ended(figures: ReconciliationFigures): void;
  backgroundFailed(work: string, error: unknown): void;
}
