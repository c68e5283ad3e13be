// Owns what is said of an amount that somebody typed and that is none.

import { isGrouped } from '../format/numeral.ts';
import { STRINGS } from '../strings.ts';

/** Says why what was typed is not read; `otherwise` is what the field says of anything that is no amount. */
export function describeAmount(typed: string, otherwise: string): string {
  return isGrouped(typed) ? STRINGS.common.grouped(typed.trim()) : otherwise;
}
