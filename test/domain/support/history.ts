// Owns random histories of one account: what is asked of it, and when. Times are small steps and amounts small numbers, so
// that due times, last credits and overdraft limits are met exactly and not only in passing. A history is data: the same
// one can be played in one batch, command by command, or over the naive model. Commands about an earlier hold or entry say
// "the n-th" (see reference.ts).

import fc from 'fast-check';
import type { ActionPrice } from '../../../kernel/domain/action-price.ts';
import { HOLD_DURATION_MAX_MS } from '../../../kernel/domain/bound.ts';
import { BUCKETS, type Bucket } from '../../../kernel/domain/bucket.ts';
import type { Command } from '../../../kernel/domain/command.ts';
import type { GrantId, Instant, TopUpId } from '../../../kernel/domain/id.ts';
import { CLOSED_ACCOUNT_POLICY, type Rulebook } from '../../../kernel/domain/rulebook.ts';
import {
  ACTION,
  adjust,
  cancelTrial,
  debit,
  EXPIRE,
  extend,
  FALLBACK_PLAN,
  giveGrant,
  grantIdOf,
  keyOf,
  OTHER_PLAN,
  OTHER_TENANT,
  openAccount,
  PLAN,
  priceOf,
  redact,
  release,
  reserve,
  reverse,
  rulebookOf,
  START,
  settle,
  startTrial,
  TENANT,
} from './command.ts';
import { ANY_RESERVATION, nthEntry, nthHold, nthTarget } from './reference.ts';

/** Commands that come at one moment. */
export interface Step {
  readonly now: Instant;
  readonly commands: readonly Command[];
}

/** What was asked of an account, in order. */
export type History = readonly Step[];

const DEAR = 9_007_199_254_740_991n;

/** Prices whose fractions, precedence and beginnings matter to what a debit costs. */
const PRICES: readonly ActionPrice[] = [
  priceOf({ action: ACTION }),
  priceOf({ action: 'third', microcreditsPerUnit: 3n }),
  priceOf({ action: 'free', microcreditsPerUnit: 0n }),
  priceOf({ action: 'dear', microcreditsPerUnit: DEAR }),
  priceOf({ action: 'planned', microcreditsPerUnit: 7n }),
  priceOf({ action: 'planned', microcreditsPerUnit: 2n, rule: 'plan', planCode: PLAN, effectiveAt: START + 20 }),
  priceOf({ action: 'planned', microcreditsPerUnit: 9n, rule: 'plan', planCode: OTHER_PLAN }),
  priceOf({ action: 'special', microcreditsPerUnit: 1n, rule: 'tenant', tenantId: OTHER_TENANT }),
  priceOf({ action: 'special', microcreditsPerUnit: 4n, rule: 'tenant', tenantId: TENANT, effectiveAt: START + 15 }),
  priceOf({ action: 'special', microcreditsPerUnit: 6n, rule: 'tenant', tenantId: TENANT, effectiveAt: START + 30 }),
];

const RULEBOOKS = [
  describedRulebook(0n),
  describedRulebook(3n),
  describedRulebook(10n),
  describedRulebook(3n, 'third'),
];

/** Rules that a failing history names in a word: they are the same everywhere, except for the limit and what is exempt from it. */
function describedRulebook(overdraftLimit: bigint, exempt?: string): Rulebook {
  const creditGates = exempt === undefined ? ['*'] : ['*', `!${exempt}`];
  const policies = new Map([[PLAN, { ...CLOSED_ACCOUNT_POLICY, overdraftLimit, creditGates }]]);
  const rulebook = { ...rulebookOf(overdraftLimit, PRICES), policies };
  const name = `rulesWithOverdraft(${overdraftLimit}n${exempt === undefined ? '' : `, all but ${exempt}`})`;
  return Object.defineProperty(rulebook, fc.toStringMethod, { value: () => name });
}

/** `paid` lists the pay-as-you-go credits that were asked for before. */
type Sketch = (place: { readonly index: number; readonly now: Instant; readonly paid: readonly GrantId[] }) => Command;

const smallAmounts = fc.bigInt({ min: 1n, max: 30n });
const amounts = fc.oneof(
  { weight: 40, arbitrary: smallAmounts },
  { weight: 4, arbitrary: fc.bigInt({ min: 1n, max: 5_000_000n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: DEAR - 40n, max: DEAR }) },
);
const buckets: fc.Arbitrary<Bucket> = fc.constantFrom(...BUCKETS);
/** Offsets from now: mostly near, so that several grants fall due at the same moment. */
const beginnings = fc.option(fc.integer({ min: -6, max: 14 }), { nil: undefined });
const lifetimes = fc.option(fc.integer({ min: -1, max: 25 }), { nil: undefined });

const grants: fc.Arbitrary<Sketch> = fc
  .record({ bucket: buckets, amount: amounts, begins: beginnings, lasts: lifetimes, rank: fc.nat(99) })
  .map(({ bucket, amount, begins, lasts, rank }): Sketch => {
    return ({ index, now }) =>
      // The id says nothing about age, so that an order by id can't pass for one by age.
      giveGrant(`${rank}-${index}`, amount, {
        key: keyOf(index),
        bucket,
        ...(begins === undefined ? {} : { effectiveAt: now + begins }),
        ...(lasts === undefined ? {} : { expiresAt: Math.max(now, now + (begins ?? 0)) + lasts }),
      });
  });

const quantities = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt({ min: 1n, max: 40n }).map((units) => ({ millionths: units * 1_000_000n })) },
  { weight: 3, arbitrary: fc.bigInt({ min: 1n, max: 12_000_000n }).map((millionths) => ({ millionths })) },
);
const actions = fc.oneof(
  { weight: 6, arbitrary: fc.constant(ACTION) },
  { weight: 3, arbitrary: fc.constantFrom('third', 'planned', 'special') },
  { weight: 1, arbitrary: fc.constantFrom('free', 'dear', 'nothing') },
);

const debits: fc.Arbitrary<Sketch> = fc
  .record({
    action: actions,
    quantity: quantities,
    rulebook: fc.constantFrom(...RULEBOOKS),
    alreadyPerformed: fc.oneof(
      { weight: 5, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
  })
  .map(
    (fields): Sketch =>
      ({ index }) =>
        debit('1', { key: keyOf(index), ...fields }),
  );

const adjustments: fc.Arbitrary<Sketch> = fc
  .record({ bucket: buckets, amount: amounts, isDown: fc.boolean(), rank: fc.nat(99) })
  .map(({ bucket, amount, isDown, rank }): Sketch => {
    return ({ index }) =>
      adjust(isDown ? -amount : amount, { key: keyOf(index), grantId: grantIdOf(`${rank}-${index}`), bucket });
  });

/** Offsets of a hold's expiry from now: mostly near, so that holds end by themselves while grants begin and expire. */
const holdTimes = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 1, max: 25 }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0, HOLD_DURATION_MAX_MS, HOLD_DURATION_MAX_MS + 1) },
);
const holdIds = fc.nat(40).map(nthHold);

const reservations: fc.Arbitrary<Sketch> = fc
  .record({ action: actions, quantity: quantities, rulebook: fc.constantFrom(...RULEBOOKS), lasts: holdTimes })
  .map(
    ({ lasts, ...fields }): Sketch =>
      ({ index, now }) =>
        reserve('1', { key: keyOf(index), ...fields, expiresAt: now + lasts }),
  );

const extensions: fc.Arbitrary<Sketch> = fc
  .record({
    holdId: holdIds,
    quantity: fc.option(quantities, { nil: undefined }),
    lasts: fc.option(holdTimes, { nil: undefined }),
    rulebook: fc.constantFrom(...RULEBOOKS),
  })
  .map(({ holdId, quantity, lasts, rulebook }): Sketch => {
    return ({ index, now }) =>
      extend(holdId, {
        key: keyOf(index),
        rulebook,
        ...(quantity === undefined ? {} : { quantity }),
        ...(lasts === undefined ? {} : { expiresAt: now + lasts }),
      });
  });

const settlements: fc.Arbitrary<Sketch> = fc
  .record({
    holdId: holdIds,
    quantity: fc.oneof(
      { weight: 9, arbitrary: quantities },
      { weight: 1, arbitrary: fc.constant({ millionths: 0n }) },
      { weight: 1, arbitrary: fc.constant({ millionths: DEAR * 1_000_000n }) },
    ),
    final: fc.boolean(),
    isKnown: fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  })
  .map(({ holdId, quantity, final, isKnown }): Sketch => {
    const reservation = isKnown ? { reservation: ANY_RESERVATION } : {};
    return ({ index }) => settle(holdId, '1', { key: keyOf(index), quantity, final, ...reservation });
  });

const releases: fc.Arbitrary<Sketch> = holdIds.map(
  (holdId): Sketch =>
    ({ index }) => ({ ...release(holdId), key: keyOf(index) }),
);

const reversals: fc.Arbitrary<Sketch> = fc.record({ n: fc.nat(60), rank: fc.nat(99) }).map(({ n, rank }): Sketch => {
  return ({ index }) => reverse(nthTarget(n), { key: keyOf(index), grantId: grantIdOf(`${rank}-${index}`) });
});

const redactions: fc.Arbitrary<Sketch> = fc.nat(60).map(
  (n): Sketch =>
    ({ index }) => ({ ...redact(nthEntry(n)), key: keyOf(index) }),
);

const trials: fc.Arbitrary<Sketch> = fc
  .record({
    planCode: fc.constantFrom(PLAN, OTHER_PLAN),
    granted: fc.oneof({ weight: 9, arbitrary: amounts }, { weight: 1, arbitrary: fc.constant(0n) }),
    revokesUnused: fc.boolean(),
    onlyFromFallback: fc.oneof(
      { weight: 7, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
    fallbackPlanCode: fc.constantFrom(PLAN, FALLBACK_PLAN),
    lasts: fc.integer({ min: 0, max: 25 }),
    claimed: fc.option(fc.integer({ min: -1, max: 3 }), { nil: undefined, freq: 2 }),
    rank: fc.nat(99),
  })
  .map(({ lasts, claimed, rank, ...fields }): Sketch => {
    return ({ index, now }) =>
      startTrial(0n, {
        key: keyOf(index),
        grantId: grantIdOf(`${rank}-${index}`),
        ...fields,
        endsAt: now + lasts,
        ...(claimed === undefined ? {} : { claimedUntil: now + claimed }),
      });
  });

/** What was before is what the history says, whether or not it was so. */
const paybacks: fc.Arbitrary<Sketch> = fc
  .record({
    n: fc.nat(9),
    total: fc.oneof(fc.constant(0n), smallAmounts),
    waived: fc.bigInt({ min: 0n, max: 30n }),
    target: fc.oneof({ weight: 9, arbitrary: amounts }, { weight: 1, arbitrary: fc.constant(0n) }),
    waivesDebt: fc.boolean(),
    rank: fc.nat(99),
  })
  .map(({ n, total, waived, rank, ...fields }): Sketch => {
    const before = { total, waivedTotal: waived < total ? waived : total };
    return ({ index, paid }) => ({
      ...{ type: 'settle_payback', key: keyOf(index), topUpId: 'pay_1' as TopUpId, before, ...fields },
      paidGrantId: paid[n % Math.max(1, paid.length)] ?? grantIdOf('nobody'),
      grantId: grantIdOf(`${rank}-${index}`),
    });
  });

const cancellations: fc.Arbitrary<Sketch> = fc.constant<Sketch>(({ index }) => cancelTrial({ key: keyOf(index) }));

const sketches: fc.Arbitrary<Sketch> = fc.oneof(
  { weight: 8, arbitrary: grants },
  { weight: 10, arbitrary: debits },
  { weight: 4, arbitrary: adjustments },
  { weight: 7, arbitrary: reservations },
  { weight: 3, arbitrary: extensions },
  { weight: 6, arbitrary: settlements },
  { weight: 2, arbitrary: releases },
  { weight: 5, arbitrary: reversals },
  { weight: 1, arbitrary: redactions },
  { weight: 2, arbitrary: trials },
  { weight: 1, arbitrary: cancellations },
  { weight: 3, arbitrary: paybacks },
  { weight: 2, arbitrary: fc.constant(() => EXPIRE) },
  { weight: 1, arbitrary: fc.constant<Sketch>(({ index }) => openAccount({ key: keyOf(index) })) },
);

/** Most accounts are opened first, some later, so that commands come too early. */
const openings = fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) });
const steps = fc.record({
  elapsedMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 12 })),
  commands: fc.array(sketches, { maxLength: 8 }),
});

/** Random histories whose keys are all different. */
export const histories: fc.Arbitrary<History> = fc
  .record({ opensAt: openings, steps: fc.array(steps, { minLength: 1, maxLength: 14 }) })
  .map(({ opensAt, steps: sketched }) => {
    let now = START;
    let index = 0;
    const paid: GrantId[] = [];
    return sketched.map(({ elapsedMs, commands }, place): Step => {
      now += elapsedMs;
      const opening = place === opensAt ? [openAccount()] : [];
      const rest = commands.map((sketch) => {
        index += 1;
        const command = sketch({ index, now, paid });
        if (command.type === 'grant' && command.bucket === 'payg') paid.push(command.grantId);
        return command;
      });
      return { now, commands: [...opening, ...rest] };
    });
  });

/** Histories in which some commands come again: with the same content, or with other content under the same key. */
export const repeatingHistories: fc.Arbitrary<History> = fc
  .tuple(histories, fc.array(fc.record({ from: fc.nat(), to: fc.nat(), asKey: fc.boolean() }), { maxLength: 6 }))
  .map(([history, repeats]) => {
    const all = history.flatMap(({ commands }) => commands);
    const extra = new Map<number, Command[]>();
    for (const { from, to, asKey } of repeats) {
      const first = all[from % Math.max(1, all.length)];
      const other = all[to % Math.max(1, all.length)];
      if (first === undefined || other === undefined || first.type === 'expire' || other.type === 'expire') continue;
      const place = to % history.length;
      const repeated = asKey ? withKeyOf(first, other, extra.size) : first;
      extra.set(place, [...(extra.get(place) ?? []), repeated]);
    }
    return history.map(({ now, commands }, place) => ({ now, commands: [...commands, ...(extra.get(place) ?? [])] }));
  });

/** Another request under a key that was used: ids that the kernel makes are new with every request. */
function withKeyOf({ key }: Command, other: Command, index: number): Command {
  return 'grantId' in other ? { ...other, key, grantId: grantIdOf(`again-${index}-${key}`) } : { ...other, key };
}
