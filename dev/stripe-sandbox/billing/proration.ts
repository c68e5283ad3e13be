/**
 * Owns: what part of an amount is for the rest of its period: to the second, as Stripe reckons it
 * (https://docs.stripe.com/billing/subscriptions/prorations).
 * Does not own: when that is charged or given back.
 */
import type { Period } from './period.ts';

/** Returns what an amount for a period comes to from a time on; halves are rounded away from zero. */
export function computeProration(amount: number, { start, end }: Period, from: number): number {
  if (end <= start || from >= end) return 0;
  const part = (Math.abs(amount) * (end - Math.max(from, start))) / (end - start);
  return Math.sign(amount) * Math.round(part);
}

/** Is what was charged for a time: a credit gives back what is left of it, whatever the price is by then. */
export type Debit = Period & { readonly amount: number };

/**
 * Returns what is given back of a debit from a time on, and what is left of the debit then.
 * Flexible billing mode reckons credits from what was debited, not from the present price
 * (https://docs.stripe.com/billing/subscriptions/billing-mode/compare).
 */
export function computeCredit(debit: Debit, from: number): { readonly credit: number; readonly rest: Debit } {
  const credit = computeProration(debit.amount, debit, from);
  const end = Math.min(debit.end, Math.max(from, debit.start));
  return { credit, rest: { start: debit.start, end, amount: debit.amount - credit } };
}
