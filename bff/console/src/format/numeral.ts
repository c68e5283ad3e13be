// Owns reading numerals that people type, whichever sign they put before the fraction. What could be read in two ways is no numeral:
// a comma before three digits is a thousand to some readers and a fraction to others.

/** Is a numeral that was typed, its digits before and after the sign. */
export interface Numeral {
  readonly whole: string;
  readonly fraction: string;
}

const NUMERAL = /^(\d{1,9})(?:([.,])(\d{0,6}))?$/;
const GROUPED = /^[1-9]\d{0,2}([.,'\u2019 \u00a0\u202f])\d{3}(?:\1\d{3})*(?:[.,]\d*)?$/;

/** Reads a numeral: digits, and perhaps a point or a comma before a fraction. Undefined for anything else, or what is ambiguous. */
export function parseNumeral(text: string): Numeral | undefined {
  const [, whole, sign, fraction = ''] = NUMERAL.exec(text.trim()) ?? [];
  if (whole === undefined || (sign === ',' && isGrouped(text))) return undefined;
  return { whole, fraction };
}

/** Says whether a text may have separators of thousands. */
export function isGrouped(text: string): boolean {
  return GROUPED.test(text.trim());
}
