import { describe, expect, it } from 'vitest';
import { type AccountState, computeNextDueAt } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { BUCKETS, type Bucket } from '../../kernel/domain/bucket.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import { formatHoldId } from '../../kernel/domain/entry-id.ts';
import type { Hold } from '../../kernel/domain/hold.ts';
import {
  ACTION,
  accountAfter,
  debit,
  entryOf,
  giveGrant,
  grantIdOf,
  hold,
  play,
  priceOf,
  refusalOf,
  reserve,
  rulebookOf,
  START,
} from './support/command.ts';

const DUE = START + 1_000;

describe('a grant that expires', () => {
  const state = accountAfter(giveGrant('a', 10n, { bucket: 'included', expiresAt: DUE }), debit('4'));

  it('is whole until the last millisecond before', () => {
    expect(computeAdvance(state, DUE - 1)).toEqual({ state, entries: [], incomplete: false });
    expect(entryOf(state, DUE - 1, debit('6'), 'debited').after.included).toBe(0n);
  });

  it('is gone at the very millisecond', () => {
    const { state: after, entries } = computeAdvance(state, DUE);
    expect(entries).toEqual([
      {
        type: 'grant_expired',
        key: 'expire:grt_a',
        expired: { grantId: grantIdOf('a'), bucket: 'included', microcredits: 6n },
        dueAt: DUE,
        after: { trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: 0n },
      },
    ]);
    expect(after.grants.included).toEqual([]);
    expect(refusalOf(state, DUE, debit('1')).reason).toBe('INSUFFICIENT_CREDITS');
  });

  it('can not be spent at its expiry by a debit that comes first, since the account is brought up to now before', () => {
    const { entries } = play(state, DUE, giveGrant('b', 1n), debit('1'));
    expect(entries.map(({ type }) => type)).toEqual(['grant_expired', 'granted', 'debited']);
    expect(entries[2]).toMatchObject({ draws: [{ grantId: grantIdOf('b'), microcredits: 1n }] });
  });

  it('leaves no entry where it was used up before', () => {
    const used = accountAfter(giveGrant('a', 10n, { expiresAt: DUE }), debit('10'));
    expect(computeAdvance(used, DUE + 1).entries).toEqual([]);
  });

  it('does not expire where it has no expiry, however much time goes by', () => {
    const forever = accountAfter(giveGrant('a', 10n));
    expect(computeAdvance(forever, Number.MAX_SAFE_INTEGER)).toEqual({
      state: forever,
      entries: [],
      incomplete: false,
    });
    expect(computeNextDueAt(forever)).toBeUndefined();
  });

  it('keeps the deficit out of it: what expires is no debt', () => {
    const both = play(state, START, debit('10', { alreadyPerformed: true })).state;
    expect(both.totals.deficit).toBe(4n);
    const topped = play(both, START, giveGrant('b', 9n, { expiresAt: DUE })).state;
    expect(computeAdvance(topped, DUE).state.totals).toEqual({
      trial: 0n,
      included: 0n,
      payg: 0n,
      held: 0n,
      deficit: 0n,
    });
  });
});

describe('a grant that begins later', () => {
  const state = accountAfter(giveGrant('now', 1n), giveGrant('later', 10n, { effectiveAt: DUE, expiresAt: DUE + 50 }));

  it('does not count yet', () => {
    expect(state.totals.payg).toBe(1n);
    expect(state.scheduled).toHaveLength(1);
    expect(refusalOf(state, DUE - 1, debit('2')).metadata).toMatchObject({ available_microcredits: '1' });
  });

  it('is recorded as scheduled, with the totals as they were', () => {
    const command = giveGrant('x', 5n, { effectiveAt: DUE });
    expect(entryOf(state, START, command, 'granted')).toMatchObject({
      scheduled: true,
      deficitPaid: 0n,
      after: state.totals,
    });
    expect(entryOf(state, START, giveGrant('y', 5n, { effectiveAt: START }), 'granted').scheduled).toBe(false);
  });

  it('counts from its very millisecond', () => {
    expect(entryOf(state, DUE, debit('11'), 'debited').after.payg).toBe(0n);
    expect(computeAdvance(state, DUE).entries).toEqual([
      {
        type: 'grant_started',
        key: 'start:grt_later',
        grantId: grantIdOf('later'),
        deficitPaid: 0n,
        dueAt: DUE,
        after: { trial: 0n, included: 0n, payg: 11n, held: 0n, deficit: 0n },
      },
    ]);
  });

  it('begins and expires where nobody looked for long', () => {
    const { state: after, entries } = computeAdvance(state, DUE + 60);
    expect(entries.map(({ type }) => type)).toEqual(['grant_started', 'grant_expired']);
    expect(after.totals.payg).toBe(1n);
    expect(after.scheduled).toEqual([]);
  });

  it('takes its place in the burn order by its expiry, not by when it began', () => {
    const { draws } = entryOf(state, DUE, debit('2'), 'debited');
    expect(draws.map(({ grantId }) => grantId)).toEqual([grantIdOf('later')]);
  });

  it.each<[bigint, bigint, bigint, bigint]>([
    // owed, paid at its beginning, left of the grant, still owed
    [3n, 3n, 7n, 0n],
    [10n, 10n, 0n, 0n],
    [11n, 10n, 0n, 1n],
  ])('of a deficit of %s pays %s when it begins', (owed, paid, left, stillOwed) => {
    const indebted = accountAfter(
      giveGrant('later', 10n, { effectiveAt: DUE, expiresAt: DUE + 50 }),
      debit(String(owed), { alreadyPerformed: true }),
    );
    const { state: after, entries } = computeAdvance(indebted, DUE);
    expect(entries).toMatchObject([{ type: 'grant_started', deficitPaid: paid }]);
    expect(after.totals).toMatchObject({ payg: left, deficit: stillOwed });
    expect(after.grants.payg.map(({ remaining }) => remaining)).toEqual(left === 0n ? [] : [left]);
    // What the deficit swallowed can't expire any more.
    expect(computeAdvance(after, DUE + 50).entries).toHaveLength(left === 0n ? 0 : 1);
  });

  it('leaves what it paid in the record of what was granted', () => {
    const indebted = accountAfter(
      giveGrant('later', 10n, { effectiveAt: DUE }),
      debit('4', { alreadyPerformed: true }),
    );
    expect(computeAdvance(indebted, DUE).state.grants.payg).toMatchObject([{ granted: 10n, remaining: 6n }]);
  });
});

describe('what falls due', () => {
  it('happens in the order of its due times, whatever the order of its granting', () => {
    const state = accountAfter(
      giveGrant('third', 1n, { bucket: 'trial', expiresAt: DUE + 2 }),
      giveGrant('first', 1n, { bucket: 'payg', expiresAt: DUE }),
      giveGrant('fourth', 1n, { effectiveAt: DUE + 3 }),
      giveGrant('second', 1n, { bucket: 'included', effectiveAt: DUE + 1 }),
    );
    const { entries } = computeAdvance(state, DUE + 3);
    expect(entries.map(({ key }) => key)).toEqual([
      'expire:grt_first',
      'start:grt_second',
      'expire:grt_third',
      'start:grt_fourth',
    ]);
  });

  it('expires before it begins, by bucket and then by id, where all is due at one moment', () => {
    const at = (id: string, bucket: Bucket) => giveGrant(id, 1n, { bucket, expiresAt: DUE });
    const state = accountAfter(
      giveGrant('s2', 1n, { effectiveAt: DUE }),
      giveGrant('s1', 1n, { effectiveAt: DUE }),
      at('p', 'payg'),
      at('i2', 'included'),
      at('i1', 'included'),
      at('t', 'trial'),
    );
    const { entries } = computeAdvance(state, DUE);
    expect(entries.map(({ key }) => key.replace('grt_', ''))).toEqual([
      'expire:t',
      'expire:i1',
      'expire:i2',
      'expire:p',
      'start:s1',
      'start:s2',
    ]);
  });

  it('lets a grant that begins pay what was owed, and not one that expired at the same moment', () => {
    const state = accountAfter(giveGrant('old', 5n, { expiresAt: DUE }), giveGrant('new', 5n, { effectiveAt: DUE }));
    expect(entryOf(state, DUE, debit('5'), 'debited').draws).toMatchObject([{ grantId: grantIdOf('new') }]);
    expect(refusalOf(state, DUE, debit('6')).metadata).toMatchObject({ available_microcredits: '5' });
  });

  it('stops after as many entries as allowed, and says that it is not done', () => {
    const state = accountAfter(...[1, 2, 3].map((n) => giveGrant(n, 1n, { expiresAt: DUE + n })));
    const first = computeAdvance(state, DUE + 3, 2);
    expect(first).toMatchObject({ incomplete: true, state: { totals: { payg: 1n } } });
    expect(first.entries).toHaveLength(2);
    expect(computeAdvance(state, DUE + 3, 3).incomplete).toBe(false);
    expect(computeAdvance(state, DUE + 3, 0)).toEqual({ state, entries: [], incomplete: true });
    expect(computeAdvance(state, DUE, 0)).toEqual({ state, entries: [], incomplete: false });
  });

  it.each(BUCKETS)('of %s is what computeNextDueAt says', (bucket) => {
    const state = accountAfter(
      giveGrant('a', 1n, { bucket, expiresAt: DUE + 5 }),
      giveGrant('b', 1n, { bucket, expiresAt: DUE + 4 }),
      giveGrant('c', 1n, { bucket, effectiveAt: DUE + 6 }),
    );
    expect(computeNextDueAt(state)).toBe(DUE + 4);
    expect(computeNextDueAt(computeAdvance(state, DUE + 4).state)).toBe(DUE + 5);
    expect(computeNextDueAt(computeAdvance(state, DUE + 5).state)).toBe(DUE + 6);
    expect(computeNextDueAt(computeAdvance(state, DUE + 6).state)).toBeUndefined();
  });
});

describe('ten thousand holds that end at one moment', () => {
  const COUNT = 10_000;

  /** An account whose grant of so many microcredits is held, one by one; counts how often anything of a hold is read. */
  function crowd() {
    const { state, hold: first } = hold(accountAfter(giveGrant('a', BigInt(COUNT))), START, reserve('1'));
    const reads = { count: 0 };
    const counting: ProxyHandler<Hold> = {
      get: (target, name, receiver) => {
        reads.count += 1;
        return Reflect.get(target, name, receiver);
      },
    };
    const holds = Array.from({ length: COUNT }, (_, index) => {
      const place = { seq: 2 + Math.floor(index / 255), index: index % 255 };
      return new Proxy({ ...first, holdId: formatHoldId(place, START), expiresAt: DUE }, counting);
    });
    const [grant] = state.grants.payg;
    if (grant === undefined) throw new Error('the grant is gone');
    const crowded: AccountState = {
      ...state,
      grants: { ...state.grants, payg: [] },
      pinned: [{ ...grant, remaining: 0n, held: BigInt(COUNT) }],
      totals: { ...state.totals, held: BigInt(COUNT) },
      holds,
      holdBytes: state.holdBytes * COUNT,
    };
    return { state: crowded, reads, holdIds: holds.map(({ holdId }) => holdId) };
  }

  const expiriesOf = (entries: readonly Entry[]) =>
    entries.map((entry) => (entry.type === 'hold_expired' ? entry.holdId : entry.type));

  it('end all, each once, in their order, by work that grows with their number and not with its square', () => {
    const { state, reads, holdIds } = crowd();
    reads.count = 0;
    const { state: after, entries, incomplete } = computeAdvance(state, DUE);
    expect(reads.count).toBeLessThan(50 * COUNT);
    expect(incomplete).toBe(false);
    expect(expiriesOf(entries)).toEqual(holdIds);
    expect(after).toMatchObject({ holds: [], holdBytes: 0, pinned: [], totals: { payg: BigInt(COUNT), held: 0n } });
    expect(after.grants.payg).toMatchObject([{ grantId: grantIdOf('a'), remaining: BigInt(COUNT), held: 0n }]);
  });

  it('end a step at a time, and leave the rest as it is, by work that grows with the step', () => {
    const { state, reads, holdIds } = crowd();
    reads.count = 0;
    const { state: after, entries, incomplete } = computeAdvance(state, DUE, 255);
    expect(reads.count).toBeLessThan(50 * 255);
    expect(incomplete).toBe(true);
    expect(expiriesOf(entries)).toEqual(holdIds.slice(0, 255));
    expect(after.holds.map(({ holdId }) => holdId)).toEqual(holdIds.slice(255));
    expect(after).toMatchObject({ totals: { payg: BigInt(COUNT), held: BigInt(COUNT - 255) } });
    expect(after.holdBytes).toBe((state.holdBytes / COUNT) * (COUNT - 255));
    const rest = computeAdvance(after, DUE);
    expect(rest.entries).toHaveLength(COUNT - 255);
    expect(rest.state).toEqual(computeAdvance(state, DUE).state);
  });

  it('wait while nothing of them is due, and the account is the very same', () => {
    const { state } = crowd();
    expect(computeAdvance(state, DUE - 1).state).toBe(state);
    expect(computeAdvance(state, DUE, 0)).toEqual({ state, entries: [], incomplete: true });
  });
});

describe('a price', () => {
  it('is the one in force when the debit is decided', () => {
    const price = priceOf({ action: ACTION });
    const dearer = { ...price, microcreditsPerUnit: 3n, effectiveAt: DUE };
    const rulebook = rulebookOf(0n, [price, dearer]);
    const state = accountAfter(giveGrant('a', 10n));
    expect(entryOf(state, DUE - 1, debit('1', { rulebook }), 'debited').cost).toBe(1n);
    expect(entryOf(state, DUE, debit('1', { rulebook }), 'debited')).toMatchObject({
      cost: 3n,
      price: { microcreditsPerUnit: 3n, unit: 'step', rule: 'default', effectiveAt: DUE },
    });
  });
});
