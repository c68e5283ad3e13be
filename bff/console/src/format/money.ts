// Owns how money is written for people, and what credits cost beside packages. Invariant: no float touches an amount.

import { MICROCREDITS_PER_CREDIT } from './credit.ts';
import { LOCALES } from './locale.ts';
import { parseNumeral } from './numeral.ts';

/** An amount in minor units of its currency. */
export interface Money {
  readonly amount: number;
  readonly currency: string;
}

/** Writes money in its currency, such as `$49.00`. */
export function formatMoney({ amount, currency }: Money): string {
  const { digits, format } = formatOf(currency);
  return format.format(toDecimal(amount, digits));
}

/** Writes money without the minor units where there are none, such as `$49`. */
export function formatPrice({ amount, currency }: Money): string {
  const { digits } = formatOf(currency);
  const isWhole = BigInt(amount) % 10n ** BigInt(digits) === 0n;
  if (!isWhole) return formatMoney({ amount, currency });
  const options = { style: 'currency', currency, maximumFractionDigits: 0 } as const;
  return new Intl.NumberFormat(LOCALES, options).format(toDecimal(amount, digits));
}

/** Writes a price that can have fractions of a minor unit, given as an exact decimal of such, such as `9.5` as `$0.095`. */
export function formatUnitPrice(minorUnits: string, currency: string): string {
  const [whole = '0', fraction = ''] = minorUnits.split('.');
  const { digits } = formatOf(currency);
  const numeral = toDecimal(Number(whole), digits);
  // It is one by its making: another digit, or a point and its first ones, after the digits of the currency.
  const exact = `${numeral}${digits === 0 && fraction !== '' ? '.' : ''}${fraction}` as Intl.StringNumericLiteral;
  const maximumFractionDigits = digits + fraction.length;
  return new Intl.NumberFormat(LOCALES, { style: 'currency', currency, maximumFractionDigits }).format(exact);
}

/** Reads an amount that somebody typed in major units. Returns undefined for what is none, or zero. */
export function parseMoney(text: string, currency: string): number | undefined {
  const { digits } = formatOf(currency);
  const { whole = '', fraction = '' } = parseNumeral(text) ?? {};
  if (fraction.length > digits) return undefined;
  const amount = Number(`${whole}${fraction.padEnd(digits, '0')}`);
  return amount > 0 ? amount : undefined;
}

/** Writes an amount as somebody would type it, such as `49.00`. */
export function toMoneyText({ amount, currency }: Money): string {
  return toDecimal(amount, formatOf(currency).digits);
}

/**
 * Computes what credits cost, in minor units, at a price for one credit that is an exact decimal: rounded up, as the kernel does.
 */
export function computePrice(microcredits: bigint, minorUnitsPerCredit: string): bigint {
  const [whole = '0', fraction = ''] = minorUnitsPerCredit.split('.');
  const scale = 10n ** BigInt(fraction.length);
  const divisor = scale * MICROCREDITS_PER_CREDIT;
  const product = microcredits * BigInt(`${whole}${fraction}`);
  return (product + divisor - 1n) / divisor;
}

interface CurrencyFormat {
  readonly digits: number;
  readonly format: Intl.NumberFormat;
}

const formats = new Map<string, CurrencyFormat>();

function formatOf(currency: string): CurrencyFormat {
  const known = formats.get(currency);
  if (known !== undefined) return known;
  const format = new Intl.NumberFormat(LOCALES, { style: 'currency', currency });
  const made = { format, digits: format.resolvedOptions().maximumFractionDigits ?? 2 };
  formats.set(currency, made);
  return made;
}

/** A decimal numeral, which Intl formats to its last digit. */
function toDecimal(amount: number, digits: number): Intl.StringNumericLiteral {
  const size = Math.abs(amount)
    .toString()
    .padStart(digits + 1, '0');
  const whole = size.slice(0, size.length - digits);
  const numeral = digits === 0 ? size : `${whole}.${size.slice(size.length - digits)}`;
  // It is one by its making: digits, and a point between them.
  return `${amount < 0 ? '-' : ''}${numeral}` as Intl.StringNumericLiteral;
}
