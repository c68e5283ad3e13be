// Owns what a discount at Stripe takes off a price, and until when. Does not own who may have one, or what else an invoice holds.
// Invariant: exact: no float takes part, and nothing falls below zero.

import type { Instant } from './id.ts';
import type { Quantity } from './quantity.ts';

/** Of one percent; quantities count by millionths. */
const WHOLE_MILLIONTHS = 100_000_000n;

/** An amount of one currency. */
interface Price {
  readonly minorUnits: bigint;
  /** In lower case. */
  readonly currency: string;
}

/** What it takes off: a share in percent, or an amount. */
export type Reduction =
  | { readonly kind: 'percent'; readonly percent: Quantity }
  | ({ readonly kind: 'amount' } & Price);

/** For how long it holds. */
export type DiscountDuration = 'once' | 'repeating' | 'forever';

/** What Stripe takes off, and for how long. */
export interface Discount {
  readonly reduction: Reduction;
  readonly duration: DiscountDuration;
  /** There where it repeats. */
  readonly durationMonths?: number;
}

/** A discount of a subscription. */
export interface RunningDiscount extends Discount {
  /** From when on it takes nothing off any more; absent where only Stripe takes it away. */
  readonly endsAt?: Instant;
}

/** Lists those that still hold at a time. */
export function listHolding(discounts: readonly RunningDiscount[], at: Instant): readonly RunningDiscount[] {
  return discounts.filter(({ endsAt = Number.POSITIVE_INFINITY }) => endsAt > at);
}

/** Says whether two lists are of the same discounts, in the same order. */
export function sameDiscounts(a: readonly RunningDiscount[] = [], b: readonly RunningDiscount[] = []): boolean {
  return a.length === b.length && a.every((one, index) => sameDiscount(one, b[index]));
}

function sameDiscount(a: RunningDiscount, b: RunningDiscount | undefined): boolean {
  return (
    b !== undefined &&
    a.duration === b.duration &&
    a.durationMonths === b.durationMonths &&
    a.endsAt === b.endsAt &&
    sameReduction(a.reduction, b.reduction)
  );
}

function sameReduction(a: Reduction, b: Reduction): boolean {
  if (a.kind === 'percent') return b.kind === 'percent' && a.percent.millionths === b.percent.millionths;
  return b.kind === 'amount' && a.minorUnits === b.minorUnits && a.currency === b.currency;
}

/**
 * Computes what a price is with a discount, in minor units: a share is rounded half up, as Stripe does. Undefined where the
 * discount is an amount of another currency, which can't be taken off.
 */
export function computeDiscounted({ minorUnits, currency }: Price, { reduction }: Discount): bigint | undefined {
  if (reduction.kind === 'amount') {
    if (reduction.currency !== currency) return undefined;
    return reduction.minorUnits >= minorUnits ? 0n : minorUnits - reduction.minorUnits;
  }
  const off = (minorUnits * reduction.percent.millionths + WHOLE_MILLIONTHS / 2n) / WHOLE_MILLIONTHS;
  return off >= minorUnits ? 0n : minorUnits - off;
}
