// Owns the JSON of amounts of money, and the translation of the contract's into it.
// Invariant: money is an integer of the currency's minor unit.

import type { Money } from '../gen/wheelhouse/common/v1/money.ts';
import { ConversionError, fromProtoInteger } from './convert.ts';
import { named, text, type ValueOf, whole } from './shape.ts';

/** The fields of an amount of money. */
export const MONEY_FIELDS = { amount: whole('Is in minor units of the currency.'), currency: text() };

/** An amount of money. */
export const MONEY = named('Money', MONEY_FIELDS, 'An amount of money.');
export type MoneyJson = ValueOf<typeof MONEY>;

/** Translates an amount. Throws ConversionError where it is absent or can't be shown. */
export function fromProtoMoney(money: Money | undefined, field: string): MoneyJson {
  if (!money) {
    throw new ConversionError(field, 'the kernel answered without an amount');
  }
  return { amount: fromProtoInteger(money.minorUnits, field), currency: money.currencyCode };
}
