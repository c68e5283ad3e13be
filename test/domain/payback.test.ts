import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccountState, findInconsistency, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import type { Command, SettlePayback } from '../../kernel/domain/command.ts';
import type { PaybackSettled } from '../../kernel/domain/entry.ts';
import { sumDraws } from '../../kernel/domain/grant.ts';
import type { TopUpId } from '../../kernel/domain/id.ts';
import { computePaybackTarget, paybackKey } from '../../kernel/domain/payback.ts';
import { debit, giveGrant, grantIdOf, openAccount, play, reserve, START } from './support/command.ts';

const TOP_UP = 'pay_1' as TopUpId;
const OWN = grantIdOf('own');

function paybackOf(fields: Partial<SettlePayback> & Pick<SettlePayback, 'target'>): SettlePayback {
  return {
    ...{ type: 'settle_payback', key: paybackKey(TOP_UP, 1), topUpId: TOP_UP, paidGrantId: OWN },
    ...{ grantId: grantIdOf('back'), before: { total: 0n, waivedTotal: 0n }, waivesDebt: false },
    ...fields,
  };
}

/** An account with a top-up of 100, what else it was given, and what was done then. */
function accountAfter(...commands: readonly Command[]): AccountState {
  return play(UNOPENED_ACCOUNT, START, openAccount(), giveGrant('own', 100n, { bucket: 'payg' }), ...commands).state;
}

function settle(state: AccountState, command: SettlePayback): { entry: PaybackSettled; state: AccountState } {
  const batch = play(state, START, command);
  const [entry] = batch.entries;
  if (entry?.type !== 'payback_settled') throw new Error('nothing was settled');
  return { entry, state: batch.state };
}

describe('the target of a payback', () => {
  it.each([
    ['all', 500n, 500n, 1_000_000n],
    ['nothing', 500n, 0n, 0n],
    ['half', 500n, 250n, 500_000n],
    ['a part that does not come out even, upwards', 3n, 1n, 333_334n],
    ['the last part but one', 3n, 2n, 666_667n],
  ])('is %s', (_, paid, returned, target) => {
    expect(computePaybackTarget(1_000_000n, paid, returned)).toBe(target);
  });

  it('grows with what went back, and is never more than there was', () => {
    const amounts = fc.bigInt({ min: 1n, max: 2n ** 53n });
    fc.assert(
      fc.property(amounts, amounts, amounts, amounts, (credits, paid, a, b) => {
        const [less, more] = [a % (paid + 1n), b % (paid + 1n)].toSorted((x, y) => (x < y ? -1 : 1));
        const [low, high] = [
          computePaybackTarget(credits, paid, less ?? 0n),
          computePaybackTarget(credits, paid, more ?? 0n),
        ];
        expect(low <= high && low >= 0n && high <= credits).toBe(true);
        // Nobody gets a part of a microcredit for nothing.
        expect(low * paid >= credits * (less ?? 0n)).toBe(true);
      }),
    );
  });

  it.each([
    ['nothing was paid', 0n, 0n],
    ['more went back than was paid', 5n, 6n],
    ['less than nothing went back', 5n, -1n],
  ])('is none where %s', (_, paid, returned) => {
    expect(() => computePaybackTarget(1n, paid, returned)).toThrow(RangeError);
  });
});

describe('taking back', () => {
  it('takes what is left of its own grant first, though another one would burn before', () => {
    const state = accountAfter(giveGrant('soon', 50n, { bucket: 'payg', expiresAt: START + 1_000 }));
    const { entry, state: after } = settle(state, paybackOf({ target: 60n }));
    expect(entry).toMatchObject({ total: 60n, waivedTotal: 0n, deficit: 0n, deficitPaid: 0n });
    expect(entry.taken).toEqual([{ grantId: OWN, bucket: 'payg', microcredits: 60n }]);
    expect(after.totals).toMatchObject({ payg: 90n, deficit: 0n });
  });

  it('takes what it gave back before first, too, when money goes back once more', () => {
    const first = settle(accountAfter(), paybackOf({ target: 100n })).state;
    const before = { total: 100n, waivedTotal: 0n };
    const again = settle(first, paybackOf({ target: 0n, before, key: paybackKey(TOP_UP, 2) })).state;
    const expiring = play(again, START, giveGrant('soon', 100n, { bucket: 'payg', expiresAt: START + 1_000 })).state;
    const { entry, state } = settle(expiring, paybackOf({ target: 100n, key: paybackKey(TOP_UP, 3) }));
    expect(entry.taken).toEqual([{ grantId: grantIdOf('back'), bucket: 'payg', microcredits: 100n }]);
    expect(state.grants.payg.map(({ grantId }) => grantId)).toEqual([grantIdOf('soon')]);
  });

  it('takes what was used of other credits, what was bought before what the plan gave, and owes the rest', () => {
    const state = accountAfter(
      debit('100'),
      giveGrant('trial', 10n, { bucket: 'trial' }),
      giveGrant('included', 20n, { bucket: 'included' }),
      giveGrant('bought', 30n, { bucket: 'payg' }),
    );
    const { entry, state: after } = settle(state, paybackOf({ target: 100n }));
    expect(entry.taken.map(({ grantId, microcredits }) => [grantId, microcredits])).toEqual([
      [grantIdOf('bought'), 30n],
      [grantIdOf('included'), 20n],
      [grantIdOf('trial'), 10n],
    ]);
    expect(entry.deficit).toBe(40n);
    expect(after.totals).toEqual({ trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: 40n });
  });

  it('leaves what is held to the work that it is held for', () => {
    const state = accountAfter(reserve('70', { expiresAt: START + 1_000 }));
    const { entry, state: after } = settle(state, paybackOf({ target: 100n }));
    expect(sumDraws(entry.taken)).toBe(30n);
    expect(after.totals).toMatchObject({ payg: 70n, held: 70n, deficit: 70n });
    expect(findInconsistency(after)).toBeUndefined();
  });

  it('waives what was used where the policy says so, and touches nothing else', () => {
    const state = accountAfter(debit('80'), giveGrant('bought', 30n, { bucket: 'payg' }));
    const { entry, state: after } = settle(state, paybackOf({ target: 100n, waivesDebt: true }));
    expect(entry).toMatchObject({ total: 100n, waivedTotal: 80n, deficit: 0n });
    expect(after.totals).toMatchObject({ payg: 30n, deficit: 0n });
  });

  it('takes only what is more than was taken before, and nothing where nothing is', () => {
    const state = accountAfter();
    const before = { total: 30n, waivedTotal: 0n };
    expect(settle(state, paybackOf({ target: 50n, before })).entry).toMatchObject({
      total: 50n,
      taken: [{ grantId: OWN, bucket: 'payg', microcredits: 20n }],
    });
    expect(play(state, START, paybackOf({ target: 30n, before })).entries).toEqual([]);
  });

  it('is refused where more would be owed than an account can owe', () => {
    const most = 2n ** 53n - 1n;
    const owing = accountAfter(debit('200', { alreadyPerformed: true }));
    const refused = expect.objectContaining({ reason: 'BALANCE_OUT_OF_RANGE' });
    expect(() => play(owing, START, paybackOf({ target: most }))).toThrow(refused);
  });
});

describe('giving back', () => {
  it('gives a new grant that pays first what is owed', () => {
    const owing = settle(accountAfter(debit('90')), paybackOf({ target: 100n })).state;
    expect(owing.totals).toMatchObject({ payg: 0n, deficit: 90n });
    const again = paybackOf({ target: 0n, before: { total: 100n, waivedTotal: 0n }, key: paybackKey(TOP_UP, 2) });
    const { entry, state } = settle(owing, again);
    expect(entry).toMatchObject({
      ...{ total: 0n, taken: [], deficit: 0n, deficitPaid: 90n },
      grant: { grantId: grantIdOf('back'), bucket: 'payg', granted: 100n, remaining: 10n, source: 'payment:pay_1' },
    });
    expect(state.totals).toMatchObject({ payg: 10n, deficit: 0n });
  });

  it('does not give what was waived: nobody had lost it', () => {
    const state = accountAfter();
    const before = { total: 100n, waivedTotal: 80n };
    const all = settle(state, paybackOf({ target: 0n, before }));
    expect(all.entry).toMatchObject({ waivedTotal: 0n, grant: { granted: 20n } });
    const some = settle(state, paybackOf({ target: 50n, before }));
    expect(some.entry).toMatchObject({ total: 50n, waivedTotal: 30n });
    expect(some.entry.grant).toBeUndefined();
    expect(some.state.totals).toEqual(state.totals);
  });

  it('makes good exactly what was taken, whatever was taken, given and used in between', () => {
    const moves = fc.array(
      fc.record({
        target: fc.bigInt({ min: 0n, max: 100n }),
        uses: fc.bigInt({ min: 0n, max: 40n }),
        waives: fc.boolean(),
      }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(moves, (steps) => {
        let [state, total, waivedTotal, used] = [accountAfter(), 0n, 0n, 0n];
        for (const [index, { target, uses, waives }] of [...steps, { target: 0n, uses: 0n, waives: false }].entries()) {
          const key = paybackKey(TOP_UP, index + 1);
          const command = paybackOf({ target, key, before: { total, waivedTotal }, waivesDebt: waives });
          const batch = play(state, START, { ...command, grantId: grantIdOf(`back-${index}`) });
          const [entry] = batch.entries;
          if (entry?.type === 'payback_settled') ({ total, waivedTotal } = entry);
          expect(total).toBe(target);
          expect(waivedTotal <= total).toBe(true);
          ({ state } = batch);
          if (uses === 0n) continue;
          ({ state } = play(
            state,
            START,
            debit(`${uses}`, { key: paybackKey(TOP_UP, 100 + index), alreadyPerformed: true }),
          ));
          used += uses;
        }
        // All of it came back: what is there less what is owed is what was paid for less what was used.
        expect(state.totals.payg - state.totals.deficit).toBe(100n - used);
        expect(findInconsistency(state)).toBeUndefined();
      }),
    );
  });
});
