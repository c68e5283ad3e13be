// Owns what a difference between a workspace and Stripe is, and which command mends it. Does not own finding any.

import type { TenantId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';

/** In what way they differ, as `DifferenceKind` in the contract. */
export type DifferenceKind =
  | 'subscription_differs'
  | 'second_subscription'
  | 'customer_missing'
  | 'payment_without_grant'
  | 'grant_without_payment'
  | 'grant_differs'
  | 'payback_differs'
  | 'unknown_payment';

/** One way in which a workspace and Stripe differ. */
export interface Difference {
  readonly tenantId: TenantId;
  readonly kind: DifferenceKind;
  /** What it is about: an id of Stripe's, or of a top-up. */
  readonly subject: string;
  readonly message: string;
  /** Says that reading Stripe again mends it. */
  readonly refreshMends: boolean;
  readonly command: string;
}

/** Finds what differs of one workspace. Writes nothing. Throws what reading Stripe and the database throws. */
export interface WorkspaceCheck {
  find(tenant: TenantRef): Promise<readonly Difference[]>;
}

/** Builds a difference that is gone once Stripe is read again. */
export function mendedByRefresh(
  { tenantId }: Pick<TenantRef, 'tenantId'>,
  kind: DifferenceKind,
  subject: string,
  message: string,
): Difference {
  return { tenantId, kind, subject, message, refreshMends: true, command: `wheelhouse stripe refresh ${tenantId}` };
}

/** Builds a difference that a person has to decide about; the command is what there is to do about it. */
export function mendedByHand(
  { tenantId }: Pick<TenantRef, 'tenantId'>,
  kind: DifferenceKind,
  subject: string,
  message: string,
  command: string,
): Difference {
  return { tenantId, kind, subject, message, refreshMends: false, command };
}

/** Names what a difference is about, so that it is known again. */
export function differenceKey({ tenantId, kind, subject }: Difference): string {
  return `${tenantId} ${kind} ${subject}`;
}
