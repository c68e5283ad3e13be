// Owns how credits are written for people. Invariant: figures are computed as integers and written as exact decimals; a rounded
// figure never says more than there is.

import { LOCALES } from './locale.ts';
import { parseNumeral } from './numeral.ts';

/** Is how many microcredits one credit has. */
export const MICROCREDITS_PER_CREDIT = 1_000_000n;
const FRACTION_DIGITS = 6;

const EXACT = new Intl.NumberFormat(LOCALES, { maximumFractionDigits: FRACTION_DIGITS });
const SHORT = new Intl.NumberFormat(LOCALES, { maximumFractionDigits: 2, roundingMode: 'trunc' });

/** Microcredits as the API gives them, or as they were computed from such. */
export type Microcredits = number | bigint;

/** Writes credits with all of their digits, such as `3.203125`. */
export function formatCredits(microcredits: Microcredits): string {
  return EXACT.format(toDecimal(microcredits));
}

/** Writes credits with two digits at most, cut off rather than rounded, such as `3.2`; what is less than that as `< 0.01`. */
export function formatCreditsShort(microcredits: Microcredits): string {
  const amount = BigInt(microcredits);
  const smallest = MICROCREDITS_PER_CREDIT / 100n;
  if (amount > 0n && amount < smallest) return `< ${SHORT.format('0.01')}`;
  return SHORT.format(toDecimal(amount));
}

/** Writes credits as somebody would type them, such as `2.5`: in no language, so that `parseCredits` reads them back. */
export function toCreditsText(microcredits: Microcredits): string {
  return toDecimal(microcredits).replace(TRAILING_ZEROS, '');
}

/** Reads a whole or decimal number of credits that somebody typed. Returns undefined for what is none, or zero. */
export function parseCredits(text: string): bigint | undefined {
  const { whole = '', fraction = '' } = parseNumeral(text) ?? {};
  const microcredits = BigInt(whole) * MICROCREDITS_PER_CREDIT + BigInt(fraction.padEnd(FRACTION_DIGITS, '0'));
  return microcredits > 0n ? microcredits : undefined;
}

const TRAILING_ZEROS = /\.?0+$/;

/** A decimal numeral, which Intl formats to its last digit; a number would have been rounded on the way. */
function toDecimal(microcredits: Microcredits): Intl.StringNumericLiteral {
  const amount = BigInt(microcredits);
  const size = amount < 0n ? -amount : amount;
  const whole = size / MICROCREDITS_PER_CREDIT;
  const fraction = (size % MICROCREDITS_PER_CREDIT).toString().padStart(FRACTION_DIGITS, '0');
  // It is one by its making: digits, a point, six digits.
  return `${amount < 0n ? '-' : ''}${whole}.${fraction}` as Intl.StringNumericLiteral;
}
