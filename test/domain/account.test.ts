import { describe, expect, it } from 'vitest';
import {
  type AccountState,
  computeAvailable,
  computeNextDueAt,
  computeOverdraftRemaining,
  findInconsistency,
  sumBuckets,
  UNOPENED_ACCOUNT,
} from '../../kernel/domain/account.ts';
import type { Bucket } from '../../kernel/domain/bucket.ts';
import type { Grant } from '../../kernel/domain/grant.ts';
import type { Hold } from '../../kernel/domain/hold.ts';
import {
  accountAfter,
  debit,
  giveGrant,
  grantIdOf,
  hold,
  play,
  reserve,
  rulebookOf,
  START,
} from './support/command.ts';

/** An account with free, held, pinned and scheduled credit, and two holds that share a grant. */
const STATE: AccountState = (() => {
  const funded = accountAfter(
    giveGrant('t', 4n, { bucket: 'trial' }),
    giveGrant('i', 6n, { bucket: 'included' }),
    giveGrant('p', 9n, { expiresAt: START + 500 }),
    giveGrant('s', 7n, { effectiveAt: START + 900 }),
  );
  const first = hold(funded, START, reserve('8', { expiresAt: START + 300 }));
  return hold(first.state, START, reserve('5', { expiresAt: START + 200 })).state;
})();

function withGrant(bucket: Bucket, index: number, change: Partial<Grant>): AccountState {
  const grants = STATE.grants[bucket].map((grant, at) => (at === index ? { ...grant, ...change } : grant));
  return { ...STATE, grants: { ...STATE.grants, [bucket]: grants } };
}

function withPinned(change: Partial<Grant>): AccountState {
  return { ...STATE, pinned: STATE.pinned.map((grant, at) => (at === 0 ? { ...grant, ...change } : grant)) };
}

function withHold(change: (hold: Hold) => Partial<Hold>): AccountState {
  return { ...STATE, holds: STATE.holds.map((open, at) => (at === 0 ? { ...open, ...change(open) } : open)) };
}

function withTotals(change: Partial<AccountState['totals']>): AccountState {
  return { ...STATE, totals: { ...STATE.totals, ...change } };
}

describe('the sums of an account', () => {
  it('count held credit as there, and not as available', () => {
    expect(STATE.totals).toEqual({ trial: 4n, included: 6n, payg: 9n, held: 13n, deficit: 0n });
    expect(sumBuckets(STATE.totals)).toBe(19n);
    expect(computeAvailable(STATE.totals)).toBe(6n);
  });

  it.each<[deficit: bigint, held: bigint, limit: bigint, left: bigint]>([
    [0n, 0n, 5n, 5n],
    [2n, 0n, 5n, 3n],
    [0n, 2n, 5n, 3n],
    [2n, 2n, 5n, 1n],
    [3n, 2n, 5n, 0n],
    [9n, 9n, 5n, 0n],
    [1n, 0n, 0n, 0n],
  ])(
    'of which %s is owed and %s counted on leave of an overdraft of %s just %s',
    (deficit, overdraftHeld, limit, left) => {
      const totals = { ...UNOPENED_ACCOUNT.totals, deficit };
      expect(computeOverdraftRemaining({ totals, overdraftHeld }, limit)).toBe(left);
    },
  );
});

describe('what an account does next by itself', () => {
  it('is the soonest of what its grants and holds are due for', () => {
    expect(STATE.holds.map(({ expiresAt }) => expiresAt)).toEqual([START + 200, START + 300]);
    expect(computeNextDueAt(STATE)).toBe(START + 200);
    expect(computeNextDueAt({ ...STATE, holds: STATE.holds.slice(1) })).toBe(START + 300);
    expect(computeNextDueAt({ ...STATE, holds: [] })).toBe(START + 500);
    expect(computeNextDueAt({ ...STATE, holds: [], grants: UNOPENED_ACCOUNT.grants })).toBe(START + 900);
  });

  it('is not the expiry of a grant of which all that is left is held: that waits for its hold', () => {
    const { state } = hold(accountAfter(giveGrant('a', 5n, { expiresAt: START + 10 })), START, reserve('5'));
    expect(computeNextDueAt(state)).toBe(START + 1_000);
  });
});

describe('the look for inconsistencies', () => {
  it.each<[string, AccountState]>([
    ['an account that was never opened', UNOPENED_ACCOUNT],
    ['an account with nothing', accountAfter()],
    ['an account with holds', STATE],
    ['a debt beside held credit', play(STATE, START, debit('9', { alreadyPerformed: true })).state],
    ['a hold of nothing but overdraft', hold(accountAfter(), START, reserve('3', { rulebook: rulebookOf(3n) })).state],
  ])('finds none in %s', (_what, state) => {
    expect(findInconsistency(state)).toBeUndefined();
  });

  it('has an account before it that shows all kinds of credit', () => {
    expect(STATE.pinned.map(({ grantId }) => grantId)).toEqual([grantIdOf('i'), grantIdOf('t')].toSorted());
    expect(STATE.grants.payg).toMatchObject([{ remaining: 6n, held: 3n }]);
    expect(STATE.holds.map(({ draws }) => draws.length)).toEqual([2, 2]);
  });

  it.each<[string, AccountState]>([
    ['a total below zero', withTotals({ deficit: -1n })],
    ['a held total below zero', withTotals({ held: -1n })],
    ['a total that is no integer of credits', withTotals({ held: 13 as unknown as bigint })],
    ['a bucket with more than its grants', withTotals({ trial: 5n })],
    ['a bucket with less than its grants', withTotals({ included: 5n })],
    ['more held than the holds draw on', withTotals({ held: 14n })],
    ['less held than the holds draw on', withTotals({ held: 12n })],
    ['a debt beside free credit', withTotals({ deficit: 1n })],
    ['a grant with less than nothing free', withGrant('payg', 0, { remaining: -1n, held: 10n })],
    ['a grant with less than nothing held', withGrant('payg', 0, { remaining: 10n, held: -1n })],
    ['a grant with more held than the holds draw on', withGrant('payg', 0, { remaining: 5n, held: 4n })],
    ['a grant with less held than the holds draw on', withGrant('payg', 0, { remaining: 7n, held: 2n })],
    ['a pinned grant with something free', withPinned({ remaining: 1n })],
    ['a pinned grant with less held', withPinned({ held: 1n })],
    ['a pinned grant that is gone', { ...STATE, pinned: STATE.pinned.slice(1) }],
    [
      'a scheduled grant below zero',
      { ...STATE, scheduled: STATE.scheduled.map((grant) => ({ ...grant, remaining: -7n })) },
    ],
    [
      'a scheduled grant of which something is held',
      { ...STATE, scheduled: STATE.scheduled.map((grant) => ({ ...grant, held: 1n })) },
    ],
    ['a hold that is gone', { ...STATE, holds: STATE.holds.slice(1) }],
    ['all holds gone', { ...STATE, holds: [] }],
    [
      'all holds gone, and what they held with them, but in a grant',
      {
        ...withTotals({ held: 0n, trial: 0n, included: 0n }),
        holds: [],
        pinned: [],
        overdraftHeld: 0n,
        holdBytes: 0,
      },
    ],
    ['a hold twice', { ...STATE, holds: [...STATE.holds, ...STATE.holds] }],
    [
      'a hold that draws more',
      withHold(({ draws }) => ({ draws: draws.map((draw) => ({ ...draw, microcredits: draw.microcredits + 1n })) })),
    ],
    [
      'a hold that draws on a grant which is not there',
      withHold(({ draws }) => ({ draws: draws.map((draw) => ({ ...draw, grantId: grantIdOf('none') })) })),
    ],
    [
      'a hold that draws on another bucket than its grant is in',
      withHold(({ draws }) => ({ draws: draws.map((draw) => ({ ...draw, bucket: 'trial' as const })) })),
    ],
    [
      'a hold with a draw below zero',
      withHold(({ draws: [first, ...rest] }) => ({
        draws: first === undefined ? [] : [{ ...first, microcredits: -first.microcredits }, ...rest],
      })),
    ],
    ['a hold with overdraft below zero', withHold(() => ({ overdraft: -1n }))],
    ['a hold that charged less than nothing', withHold(() => ({ settled: -1n }))],
  ])('finds %s', (_what, state) => {
    expect(findInconsistency(state)).toEqual(expect.any(String));
  });

  it('finds a draw on a grant that is gone even where the sums agree', () => {
    const { state } = hold(accountAfter(giveGrant('a', 5n)), START, reserve('5'));
    const lost = { ...state, pinned: [], totals: { ...state.totals, payg: 0n } };
    expect(findInconsistency(lost)).toEqual(expect.any(String));
  });
});
