import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ActionPrice, resolveActionPrice } from '../../kernel/domain/action-price.ts';
import { roundCount } from '../support/round-count.ts';
import { OTHER_PLAN, OTHER_TENANT, PLAN, priceOf, rulebookOf, TENANT } from './support/command.ts';

const NOON = 1_000_000;

const DEFAULT = priceOf({ action: 'step', microcreditsPerUnit: 5n });
const OF_PLAN = priceOf({ action: 'step', microcreditsPerUnit: 4n, rule: 'plan', planCode: PLAN });
const OF_OTHER_PLAN = priceOf({ action: 'step', microcreditsPerUnit: 3n, rule: 'plan', planCode: OTHER_PLAN });
const OF_TENANT = priceOf({ action: 'step', microcreditsPerUnit: 2n, rule: 'tenant', tenantId: TENANT });
const OF_OTHER_TENANT = priceOf({ action: 'step', microcreditsPerUnit: 1n, rule: 'tenant', tenantId: OTHER_TENANT });

function resolve(prices: readonly ActionPrice[], action = 'step', at = NOON): ActionPrice | undefined {
  return resolveActionPrice(rulebookOf(0n, prices).prices, action, { tenantId: TENANT, planCode: PLAN, at });
}

describe('resolveActionPrice', () => {
  it.each<[string, readonly ActionPrice[], ActionPrice | undefined]>([
    ['finds none where there is none', [], undefined],
    ['takes the default', [DEFAULT], DEFAULT],
    ['prefers the plan to the default', [OF_PLAN, DEFAULT], OF_PLAN],
    ['prefers the tenant to the plan', [OF_TENANT, OF_PLAN, DEFAULT], OF_TENANT],
    ['prefers the tenant to the default', [DEFAULT, OF_TENANT], OF_TENANT],
    ['passes over another plan', [DEFAULT, OF_OTHER_PLAN], DEFAULT],
    ['passes over another tenant', [DEFAULT, OF_OTHER_TENANT, OF_OTHER_PLAN], DEFAULT],
    ['finds none in what is for others alone', [OF_OTHER_TENANT, OF_OTHER_PLAN], undefined],
    ['finds none in what is for another action', [priceOf({ action: 'other' })], undefined],
  ])('%s', (_what, prices, expected) => {
    expect(resolve(prices)).toBe(expected);
    expect(resolve(prices.toReversed())).toBe(expected);
  });

  it('takes a dearer tenant price too: an override is no discount', () => {
    const dear = { ...OF_TENANT, microcreditsPerUnit: 50n };
    expect(resolve([DEFAULT, dear])).toBe(dear);
  });

  it('takes a free tenant price for a price', () => {
    const free = { ...OF_TENANT, microcreditsPerUnit: 0n };
    expect(resolve([DEFAULT, free])).toBe(free);
  });

  it('begins a price at its very millisecond', () => {
    const later = { ...DEFAULT, microcreditsPerUnit: 6n, effectiveAt: NOON };
    expect(resolve([DEFAULT, later], 'step', NOON - 1)).toBe(DEFAULT);
    expect(resolve([DEFAULT, later], 'step', NOON)).toBe(later);
    expect(resolve([DEFAULT, later], 'step', NOON + 1)).toBe(later);
  });

  it('finds nothing before the first price begins', () => {
    expect(resolve([{ ...DEFAULT, effectiveAt: NOON + 1 }])).toBeUndefined();
  });

  it('does not let a later default outdo an earlier override', () => {
    expect(resolve([{ ...DEFAULT, effectiveAt: NOON }, OF_PLAN])).toBe(OF_PLAN);
  });

  it('falls back to the plan until the tenant price begins', () => {
    const soon = { ...OF_TENANT, effectiveAt: NOON + 1 };
    expect(resolve([DEFAULT, OF_PLAN, soon], 'step', NOON)).toBe(OF_PLAN);
    expect(resolve([DEFAULT, OF_PLAN, soon], 'step', NOON + 1)).toBe(soon);
  });

  it('takes the newest of several prices of one rule, in whatever order they stand', () => {
    const history = [1, 2, 3, NOON + 5].map((effectiveAt) => ({ ...DEFAULT, effectiveAt }));
    expect(resolve(history)?.effectiveAt).toBe(3);
    expect(resolve(history.toReversed())?.effectiveAt).toBe(3);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('finds no price for the action %s', (action) => {
    expect(resolve([DEFAULT], action)).toBeUndefined();
  });

  it('answers what sorting all candidates by rule and date would answer', () => {
    const candidates = fc.record({
      base: fc.constantFrom(DEFAULT, OF_PLAN, OF_OTHER_PLAN, OF_TENANT, OF_OTHER_TENANT),
      effectiveAt: fc.integer({ min: NOON - 5, max: NOON + 5 }),
    });
    // Two prices of one rule and target with the same date can't be: the catalog keeps them unique.
    const books = fc.uniqueArray(candidates, {
      maxLength: 12,
      selector: ({ base, effectiveAt }) => `${base.microcreditsPerUnit}@${effectiveAt}`,
    });
    fc.assert(
      fc.property(books, (book) => {
        const prices = book.map(({ base, effectiveAt }): ActionPrice => ({ ...base, effectiveAt }));
        const mine = prices.filter(
          (price) => price.effectiveAt <= NOON && [2n, 4n, 5n].includes(price.microcreditsPerUnit),
        );
        const [expected] = mine.toSorted(
          (a, b) => Number(a.microcreditsPerUnit - b.microcreditsPerUnit) || b.effectiveAt - a.effectiveAt,
        );
        expect(resolve(prices)).toBe(expected);
      }),
      { numRuns: roundCount(500, 50_000) },
    );
  });
});
