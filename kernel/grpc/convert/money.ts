// Owns the translation of amounts of money and of times that may be absent.

import type { Money as MoneyMessage } from '../../../gen/wheelhouse/common/v1/money.ts';
import type { Money } from '../../app/subscription/use-case.ts';
import { MICROCREDITS_MAX } from '../../domain/bound.ts';
import type { Instant } from '../../domain/id.ts';
import { checkCurrency } from './catalog-admin.ts';
import type { FieldCheck } from './field-check.ts';

/** Checks a price of at least so much, in minor units; that it is in the product's currency, the use case knows. */
export function checkPrice(check: FieldCheck, price: MoneyMessage | undefined, minorUnitsMin: bigint): Money {
  if (price === undefined) {
    check.refuse('price', `is required${minorUnitsMin === 0n ? ': zero where nothing is charged' : ''}`);
    return { minorUnits: 0n, currency: '' };
  }
  const { minorUnits, currencyCode } = price;
  if (minorUnits < minorUnitsMin || minorUnits > MICROCREDITS_MAX) {
    const rule = `must be ${minorUnitsMin} to ${MICROCREDITS_MAX} (2^53 - 1)`;
    check.refuse('price.minor_units', `${rule}, got ${minorUnits}`);
  }
  return { minorUnits, currency: checkCurrency(check, currencyCode, 'price.currency_code') };
}

export function toProtoMoney({ minorUnits, currency }: Money): MoneyMessage {
  return { minorUnits, currencyCode: currency };
}

export function toProtoTime(instant: Instant | undefined): Date | undefined {
  return instant === undefined ? undefined : new Date(instant);
}
