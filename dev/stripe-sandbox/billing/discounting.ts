/**
 * Owns: what discounts take off amounts: one after another, each from what the ones before have left.
 * Does not own: which discounts apply, and for how long.
 * Invariant: no amount falls below zero, and what is taken off the amounts sums up to what the discount is worth.
 */

/** Is what a discount takes off: a share, or an amount of all together. */
export interface Reduction {
  readonly discount: string;
  readonly percentOff: number | null;
  readonly amountOff: number | null;
  /** Are the products that it is for; null: all. */
  readonly products: readonly string[] | null;
}

/** Is an amount that discounts may be taken off. */
export interface Discountable {
  readonly amount: number;
  readonly product: string | null;
  readonly isDiscountable: boolean;
}

/** Is what one discount took off one amount. */
export type DiscountAmount = { readonly amount: number; readonly discount: string };

/** Returns for each amount what each discount takes off it. */
export function computeDiscounts(
  amounts: readonly Discountable[],
  reductions: readonly Reduction[],
): readonly (readonly DiscountAmount[])[] {
  const left = amounts.map(({ amount }) => amount);
  const taken: DiscountAmount[][] = amounts.map(() => []);
  for (const reduction of reductions) {
    const eligible = amounts.flatMap((each, index) => (isEligible(each, reduction) ? [index] : []));
    const parts = toParts(
      eligible.map((index) => left[index] ?? 0),
      reduction,
    );
    for (const [position, index] of eligible.entries()) {
      const amount = parts[position] ?? 0;
      left[index] = (left[index] ?? 0) - amount;
      taken[index]?.push({ amount, discount: reduction.discount });
    }
  }
  return taken;
}

function isEligible({ amount, product, isDiscountable }: Discountable, { products }: Reduction): boolean {
  return isDiscountable && amount > 0 && (products === null || (product !== null && products.includes(product)));
}

function toParts(left: readonly number[], { percentOff, amountOff }: Reduction): readonly number[] {
  if (percentOff !== null) return left.map((amount) => Math.round((amount * percentOff) / 100));
  const total = left.reduce((sum, amount) => sum + amount, 0);
  const off = Math.min(amountOff ?? 0, total);
  // The last one takes what rounding has left.
  let [open, rest] = [off, total];
  return left.map((amount) => {
    const part = rest === 0 ? 0 : Math.min(amount, Math.round((open * amount) / rest));
    open -= part;
    rest -= amount;
    return part;
  });
}
