// Owns what can be asked about top-ups, and the shape of the answers. Does not own how it is done, or who may ask
// (kernel/grpc/access.ts).
// Invariants: what is told of a top-up is so; its credits are there when it is told to have succeeded.

import type { TopUpId } from '../../domain/id.ts';
import type { TopUpOffer, TopUpOrder } from '../../domain/top-up.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { TenantRef, WriteContext } from '../ledger/ledger.ts';
import type { OperatorAsker } from '../subscription/use-case.ts';
import type { TopUp, TopUpFilter } from './ports.ts';

/** What to buy, and how. */
export interface TopUpInput extends TopUpOrder {
  readonly usesStoredCard: boolean;
}

/** A top-up as it is told. */
export interface TopUpView extends TopUp {
  /** By which a page with Stripe's script pays it; there while it can be paid and Stripe can be asked. */
  readonly clientSecret?: string;
}

/** What a workspace can buy. */
export interface TopUpOfferView extends TopUpOffer {
  readonly currency: string;
  /** What one credit costs, as an exact decimal of minor units; absent where only packages are sold. */
  readonly minorUnitsPerCredit?: string;
}

/** Asks for a page of a list. */
export interface PageRequest<Filter> {
  readonly filter: Filter;
  readonly pageSize: number;
  /** Empty for the first. */
  readonly pageToken: string;
}

/** A page of a list. */
export interface TopUpPage {
  readonly topUps: readonly TopUp[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/**
 * The top-ups of every workspace. `create` and `cancel` throw DomainError STRIPE_OFF where this kernel runs without Stripe; every
 * method throws DATABASE_UNAVAILABLE, those that write also OUTCOME_UNKNOWN and CLOCK_UNCERTAIN.
 */
export interface TopUps {
  /** Undefined where nothing is sold on the workspace's plan. Throws DomainError ACCOUNT_NOT_OPEN. */
  readOffer(tenant: TenantRef): Promise<TopUpOfferView | undefined>;
  /**
   * Begins one, and waits for Stripe up to the caller's deadline. Idempotent by `callerScope` and `requestId`. Throws DomainError
   * ACCOUNT_NOT_OPEN, TOPUP_NOT_OFFERED, TOPUP_AMOUNT_MISMATCH, TOPUP_AMOUNT_OUT_OF_RANGE, KILL_SWITCH_OFF, PAYMENT_METHOD_REQUIRED,
   * GRANT_LIMIT_REACHED, BALANCE_OUT_OF_RANGE, STRIPE_UNAVAILABLE, STRIPE_REFUSED, IDEMPOTENCY_KEY_REUSED.
   */
  create(
    tenant: TenantRef,
    input: TopUpInput,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<{ readonly topUp: TopUpView; readonly replayed: boolean }>;
  /** Throws DomainError TOPUP_NOT_FOUND. */
  get(tenant: TenantRef, topUpId: TopUpId): Promise<TopUpView>;
  /** Lists them, newest first. Throws DomainError INVALID_FIELD `page_token`. */
  list(tenant: TenantRef, request: PageRequest<TopUpFilter>): Promise<TopUpPage>;
  /** Throws DomainError TOPUP_NOT_FOUND, TOPUP_NOT_CANCELABLE. */
  cancel(
    tenant: TenantRef,
    topUpId: TopUpId,
    asker: PersonAsker | OperatorAsker,
    context: WriteContext,
  ): Promise<TopUpView>;
}
