// Owns what the rules know of a Price at Stripe. Does not own where it comes from (kernel/stripe).

import type { Instant } from './id.ts';

/** A Price with its Product, as the catalog looks at them. */
export interface StripePrice {
  readonly priceId: string;
  /** Says that it can be bought: neither the Price nor its Product is archived. */
  readonly isActive: boolean;
  readonly createdAt: Instant;
  /** In lower case. */
  readonly currency: string;
  /** The whole amount of one cycle in the currency's minor unit; absent where there is no such amount. */
  readonly minorUnits?: bigint;
  /** Absent for a price that is paid once. */
  readonly recurring?: {
    /** `day`, `week`, `month`, `year`, or what Stripe may add. */
    readonly interval: string;
    readonly intervalCount: number;
    readonly isMetered: boolean;
  };
  /** Says that the amount goes by tiers, or by a quantity that is divided first. */
  readonly isTiered: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly product: {
    /** The name that people see. */
    readonly name: string;
    readonly metadata: Readonly<Record<string, string>>;
  };
}
