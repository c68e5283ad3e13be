import { describe, expect, it } from 'vitest';
import {
  draftPrice,
  type KnownPrices,
  PRICE_TIME_TOLERANCE_MS,
  type SetPriceInput,
  targetOf,
} from '../../kernel/app/catalog/price-draft.ts';
import type { PriceRow } from '../../kernel/domain/action-price.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import { PLAN, PRODUCT, priceOf, START, TENANT } from './support/command.ts';

const NOW = START;
const NOTHING: KnownPrices = { rows: [], unit: undefined };
const PRICE = { microcreditsPerUnit: 5n, unit: 'step' };

function asked(fields: Partial<SetPriceInput> = {}): SetPriceInput {
  return { productCode: PRODUCT, action: 'step', price: PRICE, actor: 'usr_operator', reason: 'test', ...fields };
}

function ending(fields: Partial<SetPriceInput>): SetPriceInput {
  const { price: _, ...rest } = asked(fields);
  return rest;
}

function known(...rows: readonly PriceRow[]): KnownPrices {
  return { rows, unit: 'step' };
}

/** The fields that a request is refused for, with what is said of each. */
function violationsOf(input: SetPriceInput, prices: KnownPrices): Record<string, string> {
  try {
    draftPrice(input, prices, NOW);
  } catch (error) {
    if (!(error instanceof DomainError) || error.reason !== 'INVALID_FIELD') throw error;
    return Object.fromEntries(error.violations.map(({ field, description }) => [field, description]));
  }
  throw new Error('the price was accepted');
}

const atOf = (effectiveAt: number): PriceRow => priceOf({ action: 'step', effectiveAt });

describe('targetOf', () => {
  it('is the product, one plan or one tenant', () => {
    expect(targetOf(asked())).toEqual({ action: 'step', rule: 'default' });
    expect(targetOf(asked({ planCode: PLAN }))).toEqual({ action: 'step', rule: 'plan', planCode: PLAN });
    expect(targetOf(asked({ tenantId: TENANT }))).toEqual({ action: 'step', rule: 'tenant', tenantId: TENANT });
  });
});

describe('when a price takes effect', () => {
  it('is now unless said otherwise', () => {
    expect(draftPrice(asked(), NOTHING, NOW)).toEqual({
      row: { action: 'step', rule: 'default', ...PRICE, effectiveAt: NOW },
    });
    expect(draftPrice(asked({ effectiveAt: NOW + 9 }), NOTHING, NOW).row.effectiveAt).toBe(NOW + 9);
  });

  it('may lie a little back, as clocks do, and no further', () => {
    const earliest = NOW - PRICE_TIME_TOLERANCE_MS;
    expect(draftPrice(asked({ effectiveAt: earliest }), NOTHING, NOW).row.effectiveAt).toBe(earliest);
    const violations = violationsOf(asked({ effectiveAt: earliest - 1 }), NOTHING);
    expect(violations).toEqual({ effective_time: expect.stringContaining('past') });
  });

  it('is after what was set this very moment, here or by a kernel whose clock is ahead', () => {
    expect(draftPrice(asked(), known(atOf(NOW)), NOW).row.effectiveAt).toBe(NOW + 1);
    expect(draftPrice(asked(), known(atOf(NOW), atOf(NOW + 700)), NOW).row.effectiveAt).toBe(NOW + 701);
  });

  it('is not put off to a price that was set for later', () => {
    const draft = draftPrice(asked(), known(atOf(NOW + 3_600_000), atOf(NOW - 1)), NOW);
    expect(draft.row.effectiveAt).toBe(NOW);
    expect(draft.supersededAt).toBe(NOW + 3_600_000);
  });

  it('is refused where a price of the target takes effect then already, whatever it says', () => {
    const violations = violationsOf(asked({ effectiveAt: NOW + 5 }), known(atOf(NOW + 5)));
    expect(violations).toEqual({ effective_time: expect.stringContaining('exists') });
  });

  it('knows the next one of several that come later', () => {
    const draft = draftPrice(asked({ effectiveAt: NOW + 5 }), known(atOf(NOW + 9), atOf(NOW + 7), atOf(NOW + 1)), NOW);
    expect(draft.supersededAt).toBe(NOW + 7);
  });
});

describe('the unit', () => {
  it('is free for a new action, and then stays', () => {
    expect(draftPrice(asked({ price: { ...PRICE, unit: 'MiB' } }), NOTHING, NOW).row).toMatchObject({ unit: 'MiB' });
    const other = asked({ price: { ...PRICE, unit: 'job' }, tenantId: TENANT });
    expect(violationsOf(other, { rows: [], unit: 'step' })).toEqual({ unit: expect.stringContaining('"step"') });
  });
});

describe('the end of an override', () => {
  const override: PriceRow = priceOf({ action: 'step', rule: 'plan', planCode: PLAN, effectiveAt: NOW - 9 });

  it('is a row without a price', () => {
    expect(draftPrice(ending({ planCode: PLAN }), known(override), NOW)).toEqual({
      row: { action: 'step', rule: 'plan', planCode: PLAN, effectiveAt: NOW, endsOverride: true },
    });
  });

  it('may be set before the override has begun, for after its beginning', () => {
    const later = { ...override, effectiveAt: NOW + 5 };
    expect(draftPrice(ending({ planCode: PLAN, effectiveAt: NOW + 6 }), known(later), NOW).row.endsOverride).toBe(true);
    expect(violationsOf(ending({ planCode: PLAN, effectiveAt: NOW + 4 }), known(later))).toHaveProperty(
      'ends_override',
    );
  });

  it('needs an override that has not ended', () => {
    const { row: end } = draftPrice(ending({ planCode: PLAN, effectiveAt: NOW + 1 }), known(override), NOW);
    const again = ending({ planCode: PLAN, effectiveAt: NOW + 2 });
    expect(violationsOf(again, known(override, end))).toEqual({
      ends_override: expect.stringContaining('no override'),
    });
    expect(violationsOf(ending({ tenantId: TENANT }), NOTHING)).toHaveProperty('ends_override');
    expect(violationsOf(ending({}), known(atOf(0)))).toHaveProperty('ends_override');
  });
});

it('names everything that is wrong at once', () => {
  const input = asked({ effectiveAt: 0, price: { ...PRICE, unit: 'job' } });
  expect(Object.keys(violationsOf(input, known()))).toEqual(['effective_time', 'unit']);
});
