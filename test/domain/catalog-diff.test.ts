// What a sync makes of the catalog: rows that change, rows that are bad, what operators have set; and what must hold
// whatever Stripe has.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  computeCatalogDiff,
  type KnownCatalog,
  type KnownPlan,
  type KnownProduct,
  keyText,
} from '../../kernel/domain/catalog-diff.ts';
import type { PlanCode } from '../../kernel/domain/id.ts';
import type { StripePrice } from '../../kernel/domain/stripe-price.ts';
import { roundCount } from '../support/round-count.ts';
import {
  AGENTRUNTIME,
  applyDiff,
  knownPlan,
  knownPolicy,
  PRODUCTS,
  product,
  stripePrice,
} from './support/stripe-price.ts';

const EMPTY: KnownCatalog = { products: PRODUCTS, plans: [], policies: [] };
const SYNCED: KnownCatalog = { products: PRODUCTS, plans: [knownPlan()], policies: [knownPolicy()] };

describe('a row', () => {
  test('that is new comes with its policy: what the metadata says, and the default of the spec', () => {
    const diff = computeCatalogDiff([stripePrice({}, { trial_days: '30' })], EMPTY);
    expect(diff).toMatchObject({ badRows: [], pinned: [], onboarding: [], unchanged: 0 });
    expect(diff.changes).toHaveLength(1);
    expect(diff.changes[0]).toMatchObject({ kind: 'added', planCode: 'pro', stripePriceId: 'price_pro' });
    const { policies, plans } = applyDiff(EMPTY, diff);
    expect(plans).toEqual([knownPlan()]);
    expect(policies[0]?.policy).toMatchObject({
      trialDays: 30,
      trialEnabled: true,
      trialMicrocreditsGranted: 5_000_000n,
    });
  });

  test('says how long a payment may be missing, what follows, and whether people may leave at once', () => {
    const metadata = { past_due_grace_days: '0', past_due_end: 'keep', cancel_at_once_allowed: 'true' };
    const diff = computeCatalogDiff([stripePrice({}, metadata)], SYNCED);
    expect(diff.changes).toMatchObject([
      {
        differences: [
          { field: 'past_due_grace_days', before: '7', after: '0' },
          { field: 'past_due_end', before: 'fallback', after: 'keep' },
          { field: 'cancel_at_once_allowed', before: 'false', after: 'true' },
        ],
      },
    ]);
    const { policies } = applyDiff(SYNCED, diff);
    expect(policies[0]?.policy).toMatchObject({ pastDueGraceDays: 0, pastDueEnd: 'keep', cancelAtOnceAllowed: true });
  });

  test('that is as Stripe has it does not change', () => {
    expect(computeCatalogDiff([stripePrice()], SYNCED)).toMatchObject({ changes: [], unchanged: 1, badRows: [] });
  });

  test('takes a value of the Price before that of its Product', () => {
    const price = stripePrice({ product: { name: 'AgentRuntime Pro', metadata: { plan_code: 'other', rank: '77' } } });
    const { changes } = computeCatalogDiff([price], SYNCED);
    expect(changes).toMatchObject([{ planCode: 'pro', differences: [{ field: 'rank', before: '10', after: '77' }] }]);
  });

  test.each<[string, Partial<StripePrice>, string, string, string]>([
    ['amount', { minorUnits: 5_900n }, 'amount', '4900', '5900'],
    ['name', { product: { name: 'Pro 2', metadata: {} } }, 'product_name', 'AgentRuntime Pro', 'Pro 2'],
    ['price', { priceId: 'price_new' }, 'stripe_price_id', 'price_pro', 'price_new'],
    ['interval', { recurring: { interval: 'year', intervalCount: 1, isMetered: false } }, 'interval', 'month', 'year'],
    ['cycle', { recurring: { interval: 'month', intervalCount: 3, isMetered: false } }, 'interval_count', '1', '3'],
  ])('that differs in its %s is updated in just that', (_, fields, field, before, after) => {
    const { changes } = computeCatalogDiff([stripePrice(fields)], SYNCED);
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({ kind: 'updated', differences: [{ field, before, after }] });
    expect(changes[0]?.policy).toBeUndefined();
  });

  test('whose Product has too long a name shows as much of it as can be stored', () => {
    const price = stripePrice({ product: { name: `${'a'.repeat(249)}😀`, metadata: {} } });
    const { plans } = applyDiff(SYNCED, computeCatalogDiff([price], SYNCED));
    expect(plans[0]?.productName).toBe(`${'a'.repeat(249)}\ufffd`);
  });

  test('whose metadata no longer has a key keeps what is stored', () => {
    const { metadata, ...price } = stripePrice();
    const { included_microcredits_per_cycle: _, ...rest } = metadata;
    expect(computeCatalogDiff([{ ...price, metadata: rest }], SYNCED).changes).toEqual([]);
  });

  test('goes by the one active Price, however many archived ones there are', () => {
    const old = [1, 2, 3].map((n) =>
      stripePrice({ priceId: `price_old${n}`, isActive: false, minorUnits: 1n, createdAt: n }),
    );
    expect(computeCatalogDiff([...old, stripePrice()], SYNCED)).toMatchObject({
      changes: [],
      unchanged: 1,
      ignored: 3,
    });
  });
});

describe('a row that is archived', () => {
  test.each<[string, readonly StripePrice[]]>([
    ['gone at Stripe', []],
    ['archived at Stripe', [stripePrice({ isActive: false })]],
  ])('because it is %s keeps everything else, and is archived once', (_, prices) => {
    const diff = computeCatalogDiff(prices, SYNCED);
    expect(diff.changes).toMatchObject([{ kind: 'archived', plan: { terms: undefined, archived: true } }]);
    const after = applyDiff(SYNCED, diff);
    expect(after.plans).toEqual([knownPlan({ archived: true })]);
    expect(computeCatalogDiff(prices, after)).toMatchObject({ changes: [], unchanged: 1 });
  });

  test('comes back with its Price', () => {
    const archived = { ...SYNCED, plans: [knownPlan({ archived: true })] };
    const { changes } = computeCatalogDiff([stripePrice()], archived);
    expect(changes).toMatchObject([
      { kind: 'restored', differences: [{ field: 'archived', before: 'true', after: 'false' }] },
    ]);
  });

  test('and was never known here is added archived, by the newest of its Prices: there may be subscribers', () => {
    const prices = [1, 3, 2].map((n) => stripePrice({ priceId: `price_${n}`, isActive: false, createdAt: n }));
    const diff = computeCatalogDiff(prices, EMPTY);
    expect(diff.changes).toMatchObject([{ kind: 'added', stripePriceId: 'price_3', plan: { archived: true } }]);
    expect(diff.ignored).toBe(2);
  });

  test('is never an operator’s, and never what workspaces fall back to', () => {
    const free = { source: 'operator', planCode: 'free' as PlanCode } as const;
    const { stripePriceId: _, ...operators } = knownPlan(free);
    expect(computeCatalogDiff([], { ...EMPTY, plans: [operators] })).toMatchObject({ changes: [], badRows: [] });
    const sold = knownPlan({ planCode: 'free' as PlanCode, stripePriceId: 'price_free' });
    expect(computeCatalogDiff([], { ...EMPTY, plans: [sold] })).toMatchObject({
      changes: [],
      badRows: [{ stripeId: 'price_free', reason: 'fallback_plan_gone' }],
    });
  });

  test('is not added for what workspaces fall back to', () => {
    const price = stripePrice({ isActive: false }, { plan_code: 'free' });
    expect(computeCatalogDiff([price], EMPTY)).toMatchObject({
      changes: [],
      badRows: [{ stripeId: 'price_pro', reason: 'fallback_plan_gone' }],
    });
  });

  test('is told of by each sync where new workspaces start on it, until another plan is named', () => {
    const told = [{ stripeId: 'price_pro', reason: 'onboarding_plan_gone' }];
    const first = computeCatalogDiff([], SYNCED);
    expect(first).toMatchObject({ changes: [{ kind: 'archived' }], onboarding: [], badRows: told });
    const after = applyDiff(SYNCED, first);
    expect(computeCatalogDiff([], after)).toMatchObject({ changes: [], badRows: told });
    expect(computeCatalogDiff([stripePrice()], after)).toMatchObject({ changes: [{ kind: 'restored' }], badRows: [] });
    const named = stripePrice({ priceId: 'price_team' }, { plan_code: 'team', onboarding_default: 'true' });
    expect(computeCatalogDiff([named], SYNCED).badRows).toEqual([]);
    const products = PRODUCTS.map((row) => ({ ...row, onboardingPlanCode: 'free' as PlanCode }));
    expect(computeCatalogDiff([], { ...SYNCED, products }).badRows).toEqual([]);
  });

  test('is Stripe’s again by a Price, also where it was an operator’s', () => {
    const { stripePriceId: _, ...row } = knownPlan({ source: 'operator', archived: true });
    const { changes } = computeCatalogDiff([stripePrice()], { ...SYNCED, plans: [row] });
    expect(changes[0]?.differences).toEqual([
      { field: 'source', before: 'operator', after: 'stripe' },
      { field: 'stripe_price_id', before: '', after: 'price_pro' },
      { field: 'archived', before: 'true', after: 'false' },
    ]);
  });
});

describe('what is not Stripe’s to sell', () => {
  const operators = (planCode: string): KnownPlan => {
    const { stripePriceId: _, price: __, ...row } = knownPlan({ source: 'operator', planCode: planCode as PlanCode });
    return row;
  };

  test.each(['enterprise', 'free'])('an operator’s %s stays the operator’s, with its Price and without it', (code) => {
    const known = { ...SYNCED, plans: [knownPlan(), operators(code)] };
    const slip = stripePrice({ priceId: 'price_slip', minorUnits: 100n }, { plan_code: code });
    const diff = computeCatalogDiff([stripePrice(), slip], known);
    expect(diff).toMatchObject({
      changes: [],
      badRows: [{ stripeId: 'price_slip', reason: 'plan_of_operator' }],
      unchanged: 1,
    });
    for (const prices of [[stripePrice(), { ...slip, isActive: false }], [stripePrice()]]) {
      expect(computeCatalogDiff(prices, known)).toMatchObject({ changes: [], badRows: [] });
    }
  });

  test('what workspaces fall back to is sold for nothing only', () => {
    const free = { priceId: 'price_free', minorUnits: 0n };
    const added = computeCatalogDiff([stripePrice(free, { plan_code: 'free' })], EMPTY);
    expect(added).toMatchObject({ changes: [{ kind: 'added', planCode: 'free' }], badRows: [] });
    const priced = stripePrice({ ...free, minorUnits: 1n }, { plan_code: 'free', onboarding_default: 'true' });
    const diff = computeCatalogDiff([priced], applyDiff(EMPTY, added));
    expect(diff).toMatchObject({ changes: [], onboarding: [] });
    expect(diff.badRows).toMatchObject([{ stripeId: 'price_free', reason: 'fallback_plan_priced' }]);
    expect(diff.badRows[0]?.message).toContain('costs 1 usd');
  });
});

type BadFixture = readonly [name: string, reason: string, message: RegExp, prices: readonly StripePrice[]];

const once = (fields: Partial<StripePrice>, metadata: Record<string, string> = {}): readonly StripePrice[] => [
  stripePrice({ priceId: 'price_bad', ...fields }, { plan_code: 'plus', ...metadata }),
];
const without = (...names: string[]): readonly StripePrice[] => {
  const price = stripePrice({ priceId: 'price_bad' });
  return [
    {
      ...price,
      metadata: Object.fromEntries(Object.entries(price.metadata).filter(([name]) => !names.includes(name))),
    },
  ];
};
const billed = (recurring: NonNullable<StripePrice['recurring']>) => once({ recurring });
const { recurring: _recurring, ...PAID_ONCE } = stripePrice({ priceId: 'price_bad' }, { plan_code: 'plus' });
const { minorUnits: _minorUnits, ...FRACTIONAL } = stripePrice({ priceId: 'price_bad' }, { plan_code: 'plus' });

const BAD_ROWS: readonly BadFixture[] = [
  ['no metadata', 'metadata_missing', /product_code and plan_code/, without('product_code', 'plan_code')],
  ['no product_code', 'metadata_missing', /metadata product_code:/, without('product_code')],
  ['no plan_code', 'metadata_missing', /metadata plan_code:/, without('plan_code')],
  ['an empty plan_code', 'metadata_missing', /plan_code/, once({}, { plan_code: '' })],
  ['a plan_code that is none', 'metadata_malformed', /plan_code "Plus!"/, once({}, { plan_code: 'Plus!' })],
  ['a product that nobody registered', 'product_unknown', /"agentruntme"/, once({}, { product_code: 'agentruntme' })],
  ['credits in words', 'metadata_malformed', /"five"/, once({}, { included_microcredits_per_cycle: 'five' })],
  ['credits with a fraction', 'metadata_malformed', /"1\.5"/, once({}, { included_microcredits_per_cycle: '1.5' })],
  ['credits with separators', 'metadata_malformed', /"5,000"/, once({}, { included_microcredits_per_cycle: '5,000' })],
  [
    'credits beyond 2^53',
    'metadata_malformed',
    /2\^53/,
    once({}, { included_microcredits_per_cycle: '9007199254740992' }),
  ],
  ['negative credits', 'credits_negative', /"-5000000"/, once({}, { included_microcredits_per_cycle: '-5000000' })],
  [
    'negative trial credits',
    'credits_negative',
    /trial_microcredits_granted/,
    once({}, { trial_microcredits_granted: '-1' }),
  ],
  [
    'a flag that is none',
    'metadata_malformed',
    /self_serve "yes": it must be true or false/,
    once({}, { self_serve: 'yes' }),
  ],
  [
    'a flag of the product that is none',
    'metadata_malformed',
    /onboarding_default "1"/,
    once({}, { onboarding_default: '1' }),
  ],
  ['a trial of no days', 'metadata_malformed', /trial_days: must be at least 1/, once({}, { trial_enabled: 'true' })],
  ['an unknown end of trials', 'metadata_malformed', /trial_end_behaviour/, once({}, { trial_end_behaviour: 'stop' })],
  [
    'an unknown end of what is past due',
    'metadata_malformed',
    /past_due_end "stop"/,
    once({}, { past_due_end: 'stop' }),
  ],
  ['half a day of grace', 'metadata_malformed', /past_due_grace_days "0.5"/, once({}, { past_due_grace_days: '0.5' })],
  [
    'a year of grace',
    'metadata_malformed',
    /past_due_grace_days: must be 0 to 60/,
    once({}, { past_due_grace_days: '365' }),
  ],
  [
    'a leave at once that is none',
    'metadata_malformed',
    /cancel_at_once_allowed/,
    once({}, { cancel_at_once_allowed: '1' }),
  ],
  ['no members', 'metadata_malformed', /member_limit: must be 1/, once({}, { member_limit: '0' })],
  ['packages without credits', 'metadata_malformed', /payg_packages/, once({}, { payg_packages: '1000' })],
  ['gates that are none', 'metadata_malformed', /credit_gates/, once({}, { credit_gates: '* Workflow!' })],
  ['a currency that nobody knows', 'currency_unknown', /"zzz"/, once({ currency: 'zzz' })],
  ['another currency than the product’s', 'currency_mismatch', /is in eur, .* in usd/, once({ currency: 'eur' })],
  ['a Price that is paid once', 'price_unsupported', /paid once/, [PAID_ONCE]],
  ['a metered Price', 'price_unsupported', /metered/, billed({ interval: 'month', intervalCount: 1, isMetered: true })],
  ['a tiered Price', 'price_unsupported', /tiers/, once({ isTiered: true })],
  [
    'a weekly Price',
    'price_unsupported',
    /by the week/,
    billed({ interval: 'week', intervalCount: 1, isMetered: false }),
  ],
  ['an amount with a fraction', 'price_unsupported', /whole amount/, [FRACTIONAL]],
  [
    'two active Prices for one plan',
    'price_ambiguous',
    /is the plan agentruntime\/plus, as price_[ab]/,
    [...once({ priceId: 'price_a' }), ...once({ priceId: 'price_b' })],
  ],
  [
    'a plan that can’t be, which claims new workspaces',
    'metadata_malformed',
    /trial_days: must be at least 1/,
    once({}, { onboarding_default: 'true', trial_enabled: 'true' }),
  ],
];

describe('a bad row', () => {
  test.each(BAD_ROWS)('%s is reported by Stripe’s id as %s, and the rest goes on', (_, reason, message, prices) => {
    const fine = stripePrice({ minorUnits: 5_900n });
    const diff = computeCatalogDiff([...prices, fine], SYNCED);
    expect(diff.badRows.map(({ stripeId }) => stripeId)).toEqual(prices.map(({ priceId }) => priceId));
    for (const row of diff.badRows) {
      expect(row.reason).toBe(reason);
      expect(row.message).toMatch(message);
    }
    expect(diff.changes.map(keyText)).toEqual(['agentruntime/pro']);
    expect(diff.onboarding).toEqual([]);
  });

  test.each(BAD_ROWS)('%s leaves the plan that it was as it is', (_, __, ___, prices) => {
    const ids = prices.map(({ priceId }) => priceId);
    const plans = ids.map((stripePriceId, index) => {
      const planCode = (['plus', 'max'] as const)[index] as PlanCode;
      return knownPlan({ planCode, stripePriceId });
    });
    const policies = plans.map(({ planCode }) => knownPolicy({}, [], planCode));
    const { changes } = computeCatalogDiff(prices, { products: PRODUCTS, plans, policies });
    expect(changes.filter(({ stripePriceId }) => stripePriceId === ids[0])).toEqual([]);
    expect(changes.filter(({ kind }) => kind === 'archived' && ids.length === 1)).toEqual([]);
  });

  test('that is archived at Stripe is no news', () => {
    const archived = BAD_ROWS.flatMap(([, , , prices]) => prices).map((price, index) => ({
      ...price,
      priceId: `price_${index}`,
      isActive: false,
    }));
    const diff = computeCatalogDiff([...archived, stripePrice()], SYNCED);
    expect(diff.badRows).toEqual([]);
    expect(diff.changes.filter(({ planCode }) => planCode === 'pro')).toEqual([]);
  });

  test('with several problems tells all of them', () => {
    const { badRows } = computeCatalogDiff(
      once({ currency: 'zzz', isTiered: true }, { rank: 'high', self_serve: 'no' }),
      EMPTY,
    );
    const reasons = badRows.map(({ reason }) => reason);
    expect(reasons).toEqual(['currency_unknown', 'price_unsupported', 'metadata_malformed', 'metadata_malformed']);
  });
});

describe('what operators have set', () => {
  test('stays, and is reported with both values; the other fields of the row are taken over', () => {
    const pinned = { ...SYNCED, policies: [knownPolicy({ trialDays: 21 }, ['trialDays'])] };
    const diff = computeCatalogDiff([stripePrice({}, { trial_days: '7', rank: '11' })], pinned);
    expect(diff.pinned).toEqual([
      {
        productCode: AGENTRUNTIME,
        planCode: 'pro',
        stripeId: 'price_pro',
        field: 'trial_days',
        stored: '21',
        stripe: '7',
      },
    ]);
    expect(diff.changes[0]?.differences).toEqual([{ field: 'rank', before: '10', after: '11' }]);
    const after = computeCatalogDiff([stripePrice({}, { trial_days: '7', rank: '11' })], applyDiff(pinned, diff));
    expect(after).toMatchObject({ changes: [], unchanged: 1, pinned: [{ field: 'trial_days' }] });
  });

  test('where new workspaces start moves with Stripe, unless an operator has set it', () => {
    const prices = [
      stripePrice({}, { onboarding_default: 'false' }),
      stripePrice({ priceId: 'price_plus' }, { plan_code: 'plus', onboarding_default: 'true' }),
    ];
    const { onboarding } = computeCatalogDiff(prices, SYNCED);
    expect(onboarding).toEqual([{ productCode: AGENTRUNTIME, before: 'pro', planCode: 'plus' }]);
    const products = [product('agentruntime', { onboardingPlanCode: 'pro', onboardingPinned: true })];
    const pinned = computeCatalogDiff(prices, { ...SYNCED, products });
    expect(pinned.onboarding).toEqual([]);
    expect(pinned.pinned).toMatchObject([
      { planCode: 'plus', field: 'onboarding_default', stored: 'false', stripe: 'true' },
    ]);
  });

  test.each<[string, Partial<KnownProduct>, readonly string[]]>([
    ['the plan that has it keeps it', { onboardingPlanCode: 'pro' as PlanCode }, ['price_rx']],
    [
      'the plan that an operator has given it keeps it',
      { onboardingPlanCode: 'pro' as PlanCode, onboardingPinned: true },
      ['price_rx'],
    ],
    ['and neither has it, nobody gets it', { onboardingPlanCode: 'max' as PlanCode }, ['price_pro', 'price_rx']],
  ])('where several plans claim it, %s; everything else of their rows is taken over', (_, fields, bad) => {
    const known = { ...SYNCED, products: [product('agentruntime', fields)] };
    const prices = [
      stripePrice({ minorUnits: 5_900n }, { rank: '11', onboarding_default: 'true' }),
      stripePrice({ priceId: 'price_rx' }, { plan_code: 'rx', onboarding_default: 'true' }),
    ];
    const diff = computeCatalogDiff(prices, known);
    expect(diff).toMatchObject({ onboarding: [], pinned: [] });
    expect(diff.badRows.map(({ stripeId, reason }) => [stripeId, reason])).toEqual(
      bad.map((stripeId) => [stripeId, 'onboarding_default_taken']),
    );
    expect(diff.badRows[0]?.message).toContain('(pro, rx)');
    expect(diff.changes).toMatchObject([
      {
        planCode: 'pro',
        differences: [
          { field: 'amount', after: '5900' },
          { field: 'rank', after: '11' },
        ],
      },
      { planCode: 'rx', kind: 'added' },
    ]);
    expect(computeCatalogDiff(prices, applyDiff(known, diff))).toMatchObject({ changes: [], badRows: diff.badRows });
  });

  test('a plan can give it up, and who says nothing keeps it', () => {
    const waived = computeCatalogDiff([stripePrice({}, { onboarding_default: 'false' })], SYNCED);
    expect(waived.onboarding).toEqual([{ productCode: AGENTRUNTIME, before: 'pro', planCode: undefined }]);
    expect(computeCatalogDiff([stripePrice()], SYNCED).onboarding).toEqual([]);
  });
});

/** Prices as an account may have them: mostly good, of few plans, so that they meet. */
const arbitraryPrice: fc.Arbitrary<StripePrice> = fc
  .record({
    id: fc.integer({ min: 1, max: 40 }),
    isActive: fc.boolean(),
    createdAt: fc.integer({ min: 1, max: 5 }),
    currency: fc.constantFrom('usd', 'usd', 'usd', 'eur', 'zzz'),
    minorUnits: fc.bigInt({ min: 0n, max: 3n }),
    product: fc.constantFrom('agentruntime', 'agentruntime', 'otherproduct', 'nobody', ''),
    plan: fc.constantFrom('free', 'pro', 'plus', 'max', 'NO', ''),
    rank: fc.constantFrom('1', '2', 'x'),
    onboarding: fc.constantFrom('true', 'false', ''),
    trialDays: fc.constantFrom('0', '7', ''),
  })
  .map(({ id, product: code, plan, rank, onboarding, trialDays, ...fields }) =>
    stripePrice(
      { ...fields, priceId: `price_${id}` },
      { product_code: code, plan_code: plan, rank, onboarding_default: onboarding, trial_days: trialDays },
    ),
  );
const arbitraryPrices = fc.uniqueArray(arbitraryPrice, { maxLength: 25, selector: ({ priceId }) => priceId });
const runs = { numRuns: roundCount(300, 5_000) };

describe('whatever Stripe has', () => {
  test('a sync after a sync changes nothing, and reports the same', () => {
    fc.assert(
      fc.property(arbitraryPrices, arbitraryPrices, (before, now) => {
        const old = applyDiff(EMPTY, computeCatalogDiff(before, EMPTY));
        const first = computeCatalogDiff(now, old);
        const second = computeCatalogDiff(now, applyDiff(old, first));
        expect(second.changes).toEqual([]);
        expect(second.onboarding).toEqual([]);
        expect(second.badRows).toEqual(first.badRows);
      }),
      runs,
    );
  });

  test('the order in which it comes makes no difference', () => {
    fc.assert(
      fc.property(arbitraryPrices, (prices) => {
        expect(computeCatalogDiff(prices.toReversed(), EMPTY)).toEqual(computeCatalogDiff(prices, EMPTY));
      }),
      runs,
    );
  });

  test('a crash after any of the changes leaves what the next sync finishes', () => {
    fc.assert(
      fc.property(arbitraryPrices, arbitraryPrices, fc.nat(), (before, now, cut) => {
        const old = applyDiff(EMPTY, computeCatalogDiff(before, EMPTY));
        const whole = computeCatalogDiff(now, old);
        const half = { ...whole, changes: whole.changes.slice(0, cut % (whole.changes.length + 1)), onboarding: [] };
        const broken = applyDiff(old, half);
        const mended = applyDiff(broken, computeCatalogDiff(now, broken));
        const sort = ({ plans, policies, products }: KnownCatalog) => ({
          plans: plans.toSorted((a, b) => (keyText(a) < keyText(b) ? -1 : 1)),
          policies: policies.toSorted((a, b) => (keyText(a) < keyText(b) ? -1 : 1)),
          products,
        });
        expect(sort(mended)).toEqual(sort(applyDiff(old, whole)));
      }),
      runs,
    );
  });

  test('a plan that a sync names for new workspaces is on sale', () => {
    // Few, and good but for what their policies come to, so that one alone claims them often enough.
    const good = arbitraryPrice.map(({ metadata: { plan_code: planCode, trial_days: days }, ...price }) =>
      stripePrice(
        { priceId: price.priceId, createdAt: price.createdAt },
        { plan_code: planCode ?? '', trial_enabled: 'true', trial_days: days ?? '', onboarding_default: 'true' },
      ),
    );
    fc.assert(
      fc.property(fc.uniqueArray(good, { maxLength: 2, selector: ({ priceId }) => priceId }), (prices) => {
        const diff = computeCatalogDiff(prices, EMPTY);
        const sold = applyDiff(EMPTY, diff).plans.filter(({ archived }) => !archived);
        const named = diff.onboarding.map(({ productCode, planCode }) => `${productCode}/${planCode}`);
        expect(sold.map(keyText)).toEqual(expect.arrayContaining(named));
      }),
      runs,
    );
  });

  test('nothing is removed, every plan has a policy, and what a sync puts on sale has an active Price', () => {
    fc.assert(
      fc.property(arbitraryPrices, arbitraryPrices, (before, now) => {
        const old = applyDiff(EMPTY, computeCatalogDiff(before, EMPTY));
        const diff = computeCatalogDiff(now, old);
        const after = applyDiff(old, diff);
        const policies = new Set(after.policies.map(keyText));
        const active = new Set(now.filter(({ isActive }) => isActive).map(({ priceId }) => priceId));
        for (const { plan, stripePriceId } of diff.changes) {
          if (plan?.archived === false) expect(active).toContain(stripePriceId);
        }
        for (const plan of old.plans) expect(after.plans.map(keyText)).toContain(keyText(plan));
        for (const plan of after.plans) expect(policies).toContain(keyText(plan));
      }),
      runs,
    );
  });
});
