import { describe, expect, it } from 'vitest';
import type { Bucket } from '../../kernel/domain/bucket.ts';
import { computeBurnDown } from '../../kernel/domain/burn-down.ts';
import type { GiveGrant } from '../../kernel/domain/command.ts';
import { compareBurnOrder, type Grant, insertOrdered } from '../../kernel/domain/grant.ts';
import { accountAfter, debit, entryOf, giveGrant, grantIdOf, play, START } from './support/command.ts';

const LATER = START + 1_000;

/** Grants one microcredit each, in the order given, and answers in which order single debits draw them. */
function drawOrder(...grants: readonly [id: string, fields: Partial<GiveGrant>][]): string[] {
  let state = accountAfter(...grants.map(([id, fields]) => giveGrant(id, 1n, fields)));
  return grants.map(() => {
    const command = debit('1');
    const { draws } = entryOf(state, START, command, 'debited');
    state = play(state, START, command).state;
    expect(draws).toHaveLength(1);
    return draws[0]?.grantId.replace('grt_', '') ?? '';
  });
}

describe('the burn order', () => {
  it('draws Trial, then Included, then PAYG, whatever expires first', () => {
    const order = drawOrder(
      ['payg', { bucket: 'payg', expiresAt: LATER }],
      ['included', { bucket: 'included', expiresAt: LATER + 1 }],
      ['trial', { bucket: 'trial' }],
    );
    expect(order).toEqual(['trial', 'included', 'payg']);
  });

  it.each<Bucket>(['trial', 'included', 'payg'])('draws the soonest expiry first inside %s', (bucket) => {
    const order = drawOrder(
      ['c', { bucket, expiresAt: LATER + 2 }],
      ['a', { bucket, expiresAt: LATER }],
      ['b', { bucket, expiresAt: LATER + 1 }],
    );
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('draws what never expires last, however old it is', () => {
    const order = drawOrder(
      ['never', { effectiveAt: START - 1_000_000 }],
      ['far', { expiresAt: 253_402_300_799_999 }],
      ['near', { expiresAt: LATER }],
    );
    expect(order).toEqual(['near', 'far', 'never']);
  });

  it('draws the oldest first among equal expiries', () => {
    const order = drawOrder(
      ['new', { expiresAt: LATER, effectiveAt: START }],
      ['old', { expiresAt: LATER, effectiveAt: START - 2 }],
      ['middle', { expiresAt: LATER, effectiveAt: START - 1 }],
    );
    expect(order).toEqual(['old', 'middle', 'new']);
  });

  it('draws the oldest first among grants that never expire', () => {
    const order = drawOrder(['new', { effectiveAt: START }], ['old', { effectiveAt: START - 1 }]);
    expect(order).toEqual(['old', 'new']);
  });

  it('puts an expiry before an age: a new grant that lapses sooner is used before an old one', () => {
    const order = drawOrder(
      ['old', { effectiveAt: START - 1_000, expiresAt: LATER + 1 }],
      ['new', { effectiveAt: START, expiresAt: LATER }],
    );
    expect(order).toEqual(['new', 'old']);
  });

  it('is total: grants of one moment are drawn by id, in whatever order they came', () => {
    expect(drawOrder(['b', {}], ['a', {}], ['c', {}])).toEqual(['a', 'b', 'c']);
    expect(drawOrder(['c', {}], ['b', {}], ['a', {}])).toEqual(['a', 'b', 'c']);
  });

  it('says which grant paid how much of one debit, over all buckets', () => {
    const state = accountAfter(
      giveGrant('p', 10n, { bucket: 'payg' }),
      giveGrant('i2', 3n, { bucket: 'included' }),
      giveGrant('i1', 4n, { bucket: 'included', expiresAt: LATER }),
      giveGrant('t', 5n, { bucket: 'trial' }),
    );
    const { draws, after } = entryOf(state, START, debit('13'), 'debited');
    expect(draws).toEqual([
      { grantId: grantIdOf('t'), bucket: 'trial', microcredits: 5n },
      { grantId: grantIdOf('i1'), bucket: 'included', microcredits: 4n },
      { grantId: grantIdOf('i2'), bucket: 'included', microcredits: 3n },
      { grantId: grantIdOf('p'), bucket: 'payg', microcredits: 1n },
    ]);
    expect(after).toEqual({ trial: 0n, included: 0n, payg: 9n, held: 0n, deficit: 0n });
  });

  it('draws nothing from a grant that an exact amount did not need', () => {
    const state = accountAfter(giveGrant('a', 5n, { expiresAt: LATER }), giveGrant('b', 5n));
    const { draws } = entryOf(state, START, debit('5'), 'debited');
    expect(draws).toEqual([{ grantId: grantIdOf('a'), bucket: 'payg', microcredits: 5n }]);
  });

  it('drops an exhausted grant from the account', () => {
    const state = accountAfter(giveGrant('a', 5n, { expiresAt: LATER }), giveGrant('b', 5n), debit('5'));
    expect(state.grants.payg.map(({ grantId }) => grantId)).toEqual([grantIdOf('b')]);
  });
});

function grantOf(id: string, remaining: bigint, fields: Partial<Grant> = {}): Grant {
  return {
    grantId: grantIdOf(id),
    bucket: 'payg',
    granted: 9n,
    remaining,
    held: 0n,
    effectiveAt: 0,
    source: 'operator',
    ...fields,
  };
}

describe('computeBurnDown', () => {
  const grants = { trial: [grantOf('t', 2n)], included: [], payg: [grantOf('p', 3n), grantOf('q', 4n)] };

  it.each<[bigint, number, bigint]>([
    [0n, 0, 0n],
    [1n, 1, 0n],
    [2n, 1, 0n],
    [3n, 2, 0n],
    [9n, 3, 0n],
    [10n, 3, 1n],
    [2n ** 70n, 3, 2n ** 70n - 9n],
  ])('of %s takes %s grants and leaves %s uncovered', (amount, count, uncovered) => {
    const burnDown = computeBurnDown(grants, amount);
    expect(burnDown.draws).toHaveLength(count);
    expect(burnDown.uncovered).toBe(uncovered);
    expect(burnDown.draws.reduce((sum, draw) => sum + draw.microcredits, uncovered)).toBe(amount);
  });

  it('keeps to the buckets it is given', () => {
    expect(computeBurnDown(grants, 5n, ['trial'])).toEqual({
      draws: [{ grantId: grantIdOf('t'), bucket: 'trial', microcredits: 2n }],
      uncovered: 3n,
    });
  });
});

describe('insertOrdered', () => {
  it('puts an equal one behind, so that the list stays as it came', () => {
    const first = grantOf('a', 1n, { source: 'first' });
    const second = grantOf('a', 1n, { source: 'second' });
    expect(insertOrdered([first], second, compareBurnOrder).map(({ source }) => source)).toEqual(['first', 'second']);
  });
});
