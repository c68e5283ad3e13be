// Owns exact decimal quantities and what they cost. No float takes part.

/** Fractional digits that a quantity may have. */
const QUANTITY_FRACTION_DIGITS_MAX = 6;
/** Integer digits that a quantity may have. */
const QUANTITY_INTEGER_DIGITS_MAX = 12;

const SCALE = 10n ** BigInt(QUANTITY_FRACTION_DIGITS_MAX);
const DECIMAL = /^(\d+)(?:\.(\d+))?$/;
const LEADING_ZEROS = /^0+/;
const TRAILING_ZEROS = /0+$/;

/** An exact amount of usage: an integer number of millionths of a unit. */
export interface Quantity {
  readonly millionths: bigint;
}

/** Says why a text is not a quantity, as a sentence part for people. */
export interface QuantityProblem {
  readonly problem: string;
}

/**
 * Reads an exact decimal such as `2`, `0.5` or `12.000001`.
 * Answers a {@link QuantityProblem} for anything else: signs, exponents, blanks, too many digits, and zero unless it
 * is allowed.
 */
export function parseQuantity(text: string, zero: 'refused' | 'allowed' = 'refused'): Quantity | QuantityProblem {
  if (text === '') return { problem: 'is required: give an exact decimal above zero such as "1" or "2.5"' };
  if (text.length > 64) return { problem: 'is too long: at most 12 integer and 6 fractional digits' };
  if (text.startsWith('-')) {
    return { problem: `must ${zero === 'allowed' ? 'not be below' : 'be above'} zero, got ${text}` };
  }
  const match = DECIMAL.exec(text);
  const [, integer, fraction = ''] = match ?? [];
  if (integer === undefined)
    return { problem: `is not an exact decimal such as "1" or "2.5": got ${JSON.stringify(text)}` };
  if (fraction.length > QUANTITY_FRACTION_DIGITS_MAX) {
    return { problem: `has ${fraction.length} fractional digits, at most 6 are allowed: got ${text}` };
  }
  if (integer.replace(LEADING_ZEROS, '').length > QUANTITY_INTEGER_DIGITS_MAX) {
    return { problem: `has more than 12 integer digits: got ${text}` };
  }
  const millionths = BigInt(integer) * SCALE + BigInt(fraction.padEnd(QUANTITY_FRACTION_DIGITS_MAX, '0'));
  if (millionths === 0n && zero === 'refused') return { problem: 'must be above zero, got 0' };
  return { millionths };
}

/** Writes a quantity in its shortest exact form, so that `1.50` and `1.5` read the same. */
export function formatQuantity(quantity: Quantity): string {
  const integer = quantity.millionths / SCALE;
  const fraction = (quantity.millionths % SCALE)
    .toString()
    .padStart(QUANTITY_FRACTION_DIGITS_MAX, '0')
    .replace(TRAILING_ZEROS, '');
  return fraction === '' ? integer.toString() : `${integer}.${fraction}`;
}

/** Computes what a quantity costs, in microcredits: exact, then rounded up to the next microcredit. */
export function computeCost(quantity: Quantity, microcreditsPerUnit: bigint): bigint {
  return (quantity.millionths * microcreditsPerUnit + SCALE - 1n) / SCALE;
}
