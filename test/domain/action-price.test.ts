import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ActionPrice,
  createPriceBook,
  type OverrideEnd,
  type PriceQuery,
  type PriceRow,
  resolveActionPrice,
  resolveAllPrices,
} from '../../kernel/domain/action-price.ts';
import { roundCount } from '../support/round-count.ts';
import { OTHER_PLAN, OTHER_TENANT, PLAN, priceOf, rulebookOf, TENANT } from './support/command.ts';

const NOON = 1_000_000;

const DEFAULT = priceOf({ action: 'step', microcreditsPerUnit: 5n });
const OF_PLAN = priceOf({ action: 'step', microcreditsPerUnit: 4n, rule: 'plan', planCode: PLAN });
const OF_OTHER_PLAN = priceOf({ action: 'step', microcreditsPerUnit: 3n, rule: 'plan', planCode: OTHER_PLAN });
const OF_TENANT = priceOf({ action: 'step', microcreditsPerUnit: 2n, rule: 'tenant', tenantId: TENANT });
const OF_OTHER_TENANT = priceOf({ action: 'step', microcreditsPerUnit: 1n, rule: 'tenant', tenantId: OTHER_TENANT });

function resolve(prices: readonly PriceRow[], action = 'step', at = NOON): ActionPrice | undefined {
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

  it('lets the next rule hold again from where an override ends, until it is set once more', () => {
    const planEnd = endOf(OF_PLAN, NOON + 20);
    const rows = [DEFAULT, OF_PLAN, { ...OF_TENANT, effectiveAt: NOON }, endOf(OF_TENANT, NOON + 10), planEnd];
    const again = { ...OF_TENANT, effectiveAt: NOON + 30 };
    const at = (instant: number) => resolve([again, ...rows], 'step', instant);
    expect(at(NOON - 1)).toBe(OF_PLAN);
    expect(at(NOON + 9)).toBe(rows[2]);
    expect(at(NOON + 10)).toBe(OF_PLAN);
    expect(at(NOON + 20)).toBe(DEFAULT);
    expect(at(NOON + 30)).toBe(again);
  });

  it('finds none where an override ends and nothing else was set', () => {
    expect(resolve([OF_TENANT, endOf(OF_TENANT, 1)])).toBeUndefined();
  });

  it('does not end the override of another target', () => {
    expect(resolve([OF_PLAN, endOf(OF_OTHER_PLAN, 1), endOf(OF_OTHER_TENANT, 1), DEFAULT])).toBe(OF_PLAN);
  });

  it('answers what the naive rule says, for every tenant, plan and time', () => {
    const queries = fc.record({
      tenantId: fc.constantFrom(TENANT, OTHER_TENANT),
      planCode: fc.constantFrom(PLAN, OTHER_PLAN),
      at: fc.integer({ min: NOON - 7, max: NOON + 7 }),
    });
    fc.assert(
      fc.property(books, queries, (rows, query) => {
        const book = createPriceBook(rows);
        for (const action of ['step', 'job']) {
          expect(resolveActionPrice(book, action, query)).toBe(resolveNaively(rows, action, query));
        }
      }),
      { numRuns: roundCount(1_000, 50_000) },
    );
  });
});

describe('resolveAllPrices', () => {
  it('answers one price for each action that has one, ordered by action', () => {
    fc.assert(
      fc.property(books, (rows) => {
        const query = { tenantId: TENANT, planCode: PLAN, at: NOON };
        const expected = ['job', 'step'].flatMap((action) => resolveNaively(rows, action, query) ?? []);
        expect(resolveAllPrices(createPriceBook(rows), query)).toEqual(expected);
      }),
      { numRuns: roundCount(300, 10_000) },
    );
  });

  it('knows actions that only a plan or a tenant has a price for', () => {
    const rows = [
      { ...OF_PLAN, action: 'b' },
      { ...OF_TENANT, action: 'a' },
      { ...OF_OTHER_TENANT, action: 'c' },
    ];
    const resolved = resolveAllPrices(createPriceBook(rows), { tenantId: TENANT, planCode: PLAN, at: NOON });
    expect(resolved.map(({ action }) => action)).toEqual(['a', 'b']);
  });
});

function endOf({ action, rule, planCode, tenantId }: ActionPrice, effectiveAt: number): OverrideEnd {
  if (rule === 'default') throw new Error('a default does not end');
  const target = tenantId === undefined ? { planCode: planCode ?? PLAN } : { tenantId };
  return { action, rule, ...target, effectiveAt, endsOverride: true };
}

/** Says the rule once more, as one would tell it: ask the tenant, then the plan, then the product for its last word. */
function resolveNaively(rows: readonly PriceRow[], action: string, query: PriceQuery): ActionPrice | undefined {
  const asked: ((row: PriceRow) => boolean)[] = [
    (row) => row.tenantId === query.tenantId,
    (row) => row.planCode === query.planCode,
    (row) => row.tenantId === undefined && row.planCode === undefined,
  ];
  for (const concerns of asked) {
    const said = rows.filter((row) => concerns(row) && row.action === action && row.effectiveAt <= query.at);
    const lastAt = Math.max(...said.map(({ effectiveAt }) => effectiveAt));
    const last = said.find(({ effectiveAt }) => effectiveAt === lastAt);
    if (last !== undefined && last.endsOverride !== true) return last;
  }
  return undefined;
}

const BASES = [DEFAULT, OF_PLAN, OF_OTHER_PLAN, OF_TENANT, OF_OTHER_TENANT];
/** Any rows that the catalog can have: two of one target with the same time can't be, it keeps them unique. */
const books = fc
  .uniqueArray(
    fc.record({
      base: fc.constantFrom(...BASES),
      action: fc.constantFrom('step', 'job'),
      effectiveAt: fc.integer({ min: NOON - 5, max: NOON + 5 }),
      ends: fc.boolean(),
    }),
    {
      maxLength: 25,
      selector: ({ base, action, effectiveAt }) => `${base.microcreditsPerUnit}:${action}@${effectiveAt}`,
    },
  )
  .map((choices) =>
    choices.map(({ base, action, effectiveAt, ends }): PriceRow => {
      const price = { ...base, action, effectiveAt };
      return ends && base.rule !== 'default' ? endOf(price, effectiveAt) : price;
    }),
  );
