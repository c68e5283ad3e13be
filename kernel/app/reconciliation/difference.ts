// Owns what a difference between a workspace and Stripe is, and which command mends it. Does not own finding any.

import type { EntryId, TenantId } from '../../domain/id.ts';
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
  | 'unknown_payment'
  | 'payment_differs'
  | 'refund_failed'
  | 'workspace_unread';

/** One way in which a workspace and Stripe differ. */
export interface Difference {
  readonly tenantId: TenantId;
  readonly kind: DifferenceKind;
  /** What it is about: an id of Stripe's, or of a top-up. */
  readonly subject: string;
  readonly message: string;
  /** Says that reading Stripe again mends it. */
  readonly refreshMends: boolean;
  /** The entry that mends it by being undone; absent where none does. */
  readonly reverseEntryId?: EntryId;
  /** The command line that mends it, or, where a person has to find out first, that shows more of it. */
  readonly command: string;
  /** What that does, whatever it costs; empty where it changes nothing. */
  readonly effect: string;
}

/** Finds what differs of one workspace. Writes nothing. Throws what reading Stripe and the database throws. */
export interface WorkspaceCheck {
  find(tenant: TenantRef): Promise<readonly Difference[]>;
}

/** What is found of a workspace. */
export type Finding = Pick<Difference, 'tenantId' | 'kind' | 'subject' | 'message'>;

/** A shell that runs a command as it is printed says who the operator is. */
const BY_OPERATOR = `--actor "$USER" --reason 'verify --stripe'`;

/** Builds a difference that is gone once Stripe is read again, which does `effect`. */
export function mendedByRefresh(finding: Finding, effect: string): Difference {
  const command = `wheelhouse stripe refresh ${finding.tenantId} ${BY_OPERATOR}`;
  return { ...finding, refreshMends: true, command, effect };
}

/** Builds a difference that is gone once an entry is undone, which does `effect`. */
export function mendedByReversal(finding: Finding, reverseEntryId: EntryId, effect: string): Difference {
  const command = `wheelhouse ledger reverse ${finding.tenantId} ${reverseEntryId} ${BY_OPERATOR}`;
  return { ...finding, refreshMends: false, reverseEntryId, command, effect };
}

/** Builds a difference that a person has to decide about; the command is what there is to do about it, and does `effect`. */
export function mendedByHand(finding: Finding, command: string, effect: string): Difference {
  return { ...finding, refreshMends: false, command, effect };
}

/** Names what a difference is about, so that it is known again. */
export function differenceKey({ tenantId, kind, subject }: Difference): string {
  return `${tenantId} ${kind} ${subject}`;
}
