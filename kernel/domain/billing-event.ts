// Owns what billing events are: things that happened to a workspace's money or credits, that others want to hear of. Does not own
// when one happens, nor who hears of it.
// Invariants: a type is stable, and so is what its data mean; figures in data are exact decimal texts.

import type { Instant, ProductCode, TenantId } from './id.ts';

/** Every type of billing event; docs/alert.md says when each happens and what its data are. */
export const BILLING_EVENT_TYPES = [
  'balance.low',
  'balance.recovered',
  'trial.ending',
  'payment.failed',
  'payment.refunded',
  'payment.refund_failed',
  'payment.disputed',
  'topup.succeeded',
  'topup.failed',
  'auto_topup.succeeded',
  'auto_topup.failed',
  'auto_topup.stopped',
] as const;

/** One of {@link BILLING_EVENT_TYPES}. */
export type BillingEventType = (typeof BILLING_EVENT_TYPES)[number];

/** Names of figures and what they are, as texts: microcredits and minor units in decimals, times in RFC 3339. */
export type BillingEventData = Readonly<Record<string, string>>;

/** A billing event that is to be noted. */
export interface BillingEventDraft {
  /** Is the same whenever the same thing is noted again: 1 to 200 characters of `A-Z a-z 0-9 _ : -`. */
  readonly eventId: string;
  readonly tenantId: TenantId;
  readonly productCode: ProductCode;
  readonly type: BillingEventType;
  readonly data: BillingEventData;
}

/** A billing event. */
export interface BillingEvent extends BillingEventDraft {
  /** Is its place among all events: each is one more than the one before. */
  readonly number: number;
  readonly createdAt: Instant;
}

/** Says whether a text is a type of billing events. */
export function isBillingEventType(text: string): text is BillingEventType {
  return BILLING_EVENT_TYPES.some((type) => type === text);
}
