// Owns how much somebody buys, and what that costs: a package, or any number of credits at the price of one.

import type { TopUpOffer } from '../../api/type.ts';
import { MICROCREDITS_PER_CREDIT, parseCredits } from '../../format/credit.ts';
import { computePrice } from '../../format/money.ts';

/** Is what is bought, as the API takes it. */
export interface TopUpChoice {
  readonly amount_cents: number;
  readonly microcredits: number;
}

/** Is what somebody has chosen so far; what is absent is the form's own choice. */
export interface TopUpDraft {
  readonly chosen?: string;
  readonly typed?: string;
  readonly byCard?: boolean;
}

/** Is the choice of an amount of one's own, in the place of a package's number. */
export const OTHER_AMOUNT = 'other';

/** Returns what is chosen; undefined where the amount of one's own is none, or can't be bought. */
export function computeChoice(offer: TopUpOffer, chosen: string, typed: string): TopUpChoice | undefined {
  if (chosen !== OTHER_AMOUNT) return offer.packages[Number(chosen)];
  const microcredits = parseCredits(typed);
  if (microcredits === undefined || offer.cents_per_credit === null) return undefined;
  const price = computePrice(microcredits, offer.cents_per_credit);
  const { amount_cents_min: min, amount_cents_max: max } = offer;
  if ((min !== null && price < BigInt(min)) || (max !== null && price > BigInt(max))) return undefined;
  return { amount_cents: Number(price), microcredits: Number(microcredits) };
}

/** Computes how many percent a package costs less than its credits one by one; 0 where it is none, or not known. */
export function computeSaving({ amount_cents, microcredits }: TopUpChoice, offer: TopUpOffer): number {
  if (offer.cents_per_credit === null) return 0;
  const single = computePrice(BigInt(microcredits), offer.cents_per_credit);
  return single === 0n ? 0 : Math.max(0, Number(((single - BigInt(amount_cents)) * 100n) / single));
}

/** Computes what one credit costs in a package, in minor units, rounded up. */
export function computeUnitPrice({ amount_cents, microcredits }: TopUpChoice): number {
  const amount = BigInt(amount_cents) * MICROCREDITS_PER_CREDIT;
  const credits = BigInt(microcredits);
  return Number((amount + credits - 1n) / credits);
}
