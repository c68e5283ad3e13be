import { describe, expect, it } from 'vitest';
import type { AccountState } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { decideBatch } from '../../kernel/domain/batch.ts';
import { ACTIVE_GRANTS_MAX, MICROCREDITS_MAX } from '../../kernel/domain/bound.ts';
import type { Command, ReversalTarget } from '../../kernel/domain/command.ts';
import { keysOf } from '../../kernel/domain/commit.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import type { Grant, GrantDraw } from '../../kernel/domain/grant.ts';
import type { EntryId, Fingerprint, IdempotencyKey } from '../../kernel/domain/id.ts';
import {
  ACTION,
  accountAfter,
  adjust,
  at,
  debit,
  EXPIRE,
  entryOf,
  extend,
  giveGrant,
  grantIdOf,
  hold,
  keyOf,
  play,
  priceOf,
  redact,
  refusalOf,
  release,
  reserve,
  reverse,
  rulebookOf,
  START,
  settle,
  undoable,
} from './support/command.ts';

const NOTHING = { trial: 0n, included: 0n, payg: 0n, held: 0n, deficit: 0n };
const DUE = START + 1_000;
const PERSONAL = { digest: 'd', salt: 's', reason: 'goodwill' };
const BACK = grantIdOf('back');

function draw(id: string, microcredits: bigint, bucket: GrantDraw['bucket'] = 'payg'): GrantDraw {
  return { grantId: grantIdOf(id), bucket, microcredits };
}

/** Undoes an entry; answers the entry that does, and the account after it. */
function undo(state: AccountState, now: number, target: ReversalTarget) {
  const played = play(state, now, reverse(target, { grantId: BACK }));
  const entry = played.entries.at(-1);
  if (entry?.type !== 'reversed') throw new Error('nothing was undone');
  return { entry, state: played.state };
}

function left(state: AccountState): Record<string, readonly [free: bigint, held: bigint]> {
  const all: readonly Grant[] = [
    ...state.grants.trial,
    ...state.grants.included,
    ...state.grants.payg,
    ...state.pinned,
  ];
  return Object.fromEntries(all.map((grant) => [grant.grantId.slice(4), [grant.remaining, grant.held] as const]));
}

describe('a debit that is undone', () => {
  const grants = [
    giveGrant('t', 3n, { bucket: 'trial', expiresAt: DUE }),
    giveGrant('a', 4n, { expiresAt: DUE + 9 }),
    giveGrant('b', 5n),
  ];

  it('is recorded with what came back, its usage and who did it', () => {
    const command = debit('5', { projectId: 'prj_1', workflowId: 'wfl_1', runId: 'run_1', runStatus: 'failed' });
    const { state, target } = undoable(accountAfter(...grants), START + 1, command);
    const asked = reverse(target, { fingerprint: '1:f' as Fingerprint, personal: PERSONAL });
    const used = { projectId: 'prj_1', workflowId: 'wfl_1', runId: 'run_1' };
    expect(entryOf(state, START + 2, asked, 'reversed')).toEqual({
      type: 'reversed',
      key: asked.key,
      effectKey: `reverse:${target.entryId}:1`,
      fingerprint: '1:f',
      personal: PERSONAL,
      entryId: target.entryId,
      reversedType: 'debited',
      returned: [
        expect.objectContaining({ grantId: grantIdOf('t'), bucket: 'trial', granted: 3n, remaining: 3n, held: 0n }),
        expect.objectContaining({ grantId: grantIdOf('a'), granted: 4n, remaining: 2n, expiresAt: DUE + 9 }),
      ],
      expired: [],
      taken: [],
      deficitCancelled: 0n,
      deficitPaid: 0n,
      usage: { action: ACTION, quantity: '5', cost: 5n, ...used, at: START + 1 },
      actor: 'usr_operator',
      after: { ...NOTHING, trial: 3n, payg: 9n },
    });
  });

  it('leaves the account as if it had never been', () => {
    const before = accountAfter(...grants);
    for (const units of ['1', '3', '5', '7', '8', '12']) {
      const { state, target } = undoable(before, START, debit(units));
      expect(undo(state, START, target).state).toEqual(before);
    }
  });

  it('gives back to a grant that is used up and gone, in its old place in the burn order', () => {
    const { state, target } = undoable(accountAfter(...grants), START, debit('7'));
    expect(Object.keys(left(state))).toEqual(['b']);
    const after = undo(state, START, target).state;
    expect(entryOf(after, START, debit('8'), 'debited').draws).toEqual([
      draw('t', 3n, 'trial'),
      draw('a', 4n),
      draw('b', 1n),
    ]);
  });

  it('gives back to a grant of which only held credit is left', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 10n)), START, debit('4'));
    const held = hold(state, START, reserve('6')).state;
    expect(left(held)).toEqual({ a: [0n, 6n] });
    const after = undo(held, START, target);
    expect(left(after.state)).toEqual({ a: [4n, 6n] });
    expect(after.state.pinned).toEqual([]);
    expect(after.entry.after).toEqual({ ...NOTHING, payg: 10n, held: 6n });
  });

  it('gives back to one that somebody else draws from too', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 10n)), START, debit('4'));
    const drawn = play(state, START, debit('5')).state;
    expect(left(undo(drawn, START, target).state)).toEqual({ a: [5n, 0n] });
  });

  it('does not give back what has expired since, to the very millisecond', () => {
    const { state, target } = undoable(accountAfter(...grants), START, debit('8'));
    const early = undo(state, DUE - 1, target);
    expect(early.entry).toMatchObject({ expired: [], after: { trial: 3n, payg: 9n } });
    const late = undo(state, DUE, target);
    expect(late.entry).toMatchObject({
      returned: [
        { grantId: grantIdOf('a'), remaining: 4n },
        { grantId: grantIdOf('b'), remaining: 1n },
      ],
      expired: [draw('t', 3n, 'trial')],
      usage: { cost: 8n },
      after: { ...NOTHING, payg: 9n },
    });
    expect(undo(state, DUE + 9, target).entry).toMatchObject({
      expired: [draw('t', 3n, 'trial'), draw('a', 4n)],
      after: { ...NOTHING, payg: 5n },
    });
  });

  it('gives nothing back to a grant that has expired, though a hold still keeps some of it', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 10n, { expiresAt: DUE })), START, debit('4'));
    const held = hold(state, START, reserve('6', { expiresAt: DUE + 9 })).state;
    const { entry, state: after } = undo(held, DUE, target);
    expect(entry).toMatchObject({ returned: [], expired: [draw('a', 4n)] });
    expect(left(after)).toEqual({ a: [0n, 6n] });
  });

  it('lets what came back expire when its grant does', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 4n, { expiresAt: DUE })), START, debit('4'));
    expect(computeAdvance(undo(state, START, target).state, DUE).entries).toMatchObject([{ expired: draw('a', 4n) }]);
  });

  it('of a free action gives nothing back and takes its usage back all the same', () => {
    const rulebook = rulebookOf(0n, [priceOf({ action: ACTION, microcreditsPerUnit: 0n })]);
    const { state, target } = undoable(accountAfter(), START, debit('3', { rulebook }));
    const usage = { action: ACTION, quantity: '3', cost: 0n, at: START };
    expect(undo(state, START, target).entry).toMatchObject({ returned: [], expired: [], usage, after: NOTHING });
  });
});

describe('the debt of a charge that is undone', () => {
  interface Row {
    readonly name: string;
    /** What comes between the charge of 10 over 4 and its reversal. */
    readonly meanwhile: readonly Command[];
    readonly cancelled: bigint;
    /** What comes back as new credit, since what paid the debt was credit too. */
    readonly renewed: bigint;
    readonly paid: bigint;
    readonly payg: bigint;
    readonly deficit: bigint;
  }
  const rows: readonly Row[] = [
    { name: 'still owed', meanwhile: [], cancelled: 6n, renewed: 0n, paid: 0n, payg: 4n, deficit: 0n },
    {
      name: 'still owed, and more of others, which the credit that comes back pays',
      meanwhile: [debit('3', { alreadyPerformed: true })],
      ...{ cancelled: 6n, renewed: 0n, paid: 3n, payg: 1n, deficit: 0n },
    },
    {
      name: 'still owed, and more of others than the credit that comes back',
      meanwhile: [debit('9', { alreadyPerformed: true })],
      ...{ cancelled: 6n, renewed: 0n, paid: 4n, payg: 0n, deficit: 5n },
    },
    {
      name: 'paid in part',
      meanwhile: [giveGrant('g', 2n)],
      ...{ cancelled: 4n, renewed: 2n, paid: 0n, payg: 6n, deficit: 0n },
    },
    {
      name: 'paid to the last',
      meanwhile: [giveGrant('g', 6n)],
      ...{ cancelled: 0n, renewed: 6n, paid: 0n, payg: 10n, deficit: 0n },
    },
    {
      name: 'paid, with credit left',
      meanwhile: [giveGrant('g', 8n)],
      ...{ cancelled: 0n, renewed: 6n, paid: 0n, payg: 12n, deficit: 0n },
    },
    {
      name: 'paid, and others owe again',
      meanwhile: [giveGrant('g', 6n), debit('2', { alreadyPerformed: true })],
      ...{ cancelled: 2n, renewed: 4n, paid: 0n, payg: 8n, deficit: 0n },
    },
  ];
  const { state: charged, target } = undoable(
    accountAfter(giveGrant('a', 4n)),
    START,
    debit('10', { alreadyPerformed: true }),
  );

  it.each(rows)('$name', ({ meanwhile, cancelled, renewed, paid, payg, deficit }) => {
    const before = play(charged, START, ...meanwhile, EXPIRE).state;
    const { entry, state } = undo(before, START, target);
    expect(entry).toMatchObject({
      deficitCancelled: cancelled,
      deficitPaid: paid,
      after: { ...NOTHING, payg, deficit },
    });
    const fresh = { grantId: BACK, bucket: 'payg', granted: renewed, remaining: renewed, held: 0n, source: 'reversal' };
    expect(entry.returned).toMatchObject([
      { grantId: grantIdOf('a'), remaining: 4n },
      ...(renewed > 0n ? [{ ...fresh, effectiveAt: START }] : []),
    ]);
    expect(state.grants.payg.some(({ grantId }) => grantId === BACK)).toBe(renewed > 0n);
  });

  it('never comes back as credit that expires: nobody knows any more which grant paid it', () => {
    const paid = play(charged, START, giveGrant('g', 6n, { expiresAt: DUE })).state;
    const { state } = undo(paid, START, target);
    const back = state.grants.payg.find(({ grantId }) => grantId === BACK);
    expect(back).toBeDefined();
    expect(back && 'expiresAt' in back).toBe(false);
  });
});

describe('a settlement that is undone', () => {
  it('gives back to the grants that paid, free and not to the hold, and takes its usage back', () => {
    const { state, holdId } = hold(accountAfter(giveGrant('a', 10n)), START, reserve('6', { projectId: 'prj_1' }));
    const { state: charged, target } = undoable(state, START + 5, settle(holdId, '4'));
    const { entry, state: after } = undo(charged, START + 6, target);
    expect(entry).toMatchObject({
      reversedType: 'settled',
      returned: [{ grantId: grantIdOf('a'), remaining: 4n, held: 0n }],
      usage: { action: ACTION, quantity: '4', cost: 4n, projectId: 'prj_1', at: START + 5 },
      after: { ...NOTHING, payg: 10n, held: 2n },
    });
    expect(after.holds).toMatchObject([{ holdId, draws: [draw('a', 2n)], settled: 4n }]);
    expect(left(after)).toEqual({ a: [8n, 2n] });
  });

  it.each([true, false])('gives back what came out of the hold and what did not, the hold ended: %s', (final) => {
    const { state, holdId } = hold(accountAfter(giveGrant('a', 10n)), START, reserve('4'));
    const { state: charged, target } = undoable(state, START, settle(holdId, '17', { final }));
    expect(charged.totals).toEqual({ ...NOTHING, deficit: 7n });
    const { entry, state: after } = undo(charged, START, target);
    expect(entry).toMatchObject({ deficitCancelled: 7n, usage: { cost: 17n }, after: { ...NOTHING, payg: 10n } });
    expect(left(after)).toEqual({ a: [10n, 0n] });
  });

  it('counts a grant that it drew twice as one, where the account may have no more than one', () => {
    const { state, holdId } = hold(accountAfter(giveGrant('a', 10n)), START, reserve('4'));
    const { state: charged, target } = undoable(state, START, settle(holdId, '10', { final: true }));
    let full = charged;
    for (let from = 1; from < ACTIVE_GRANTS_MAX; from += 111) {
      full = play(full, START, ...Array.from({ length: 111 }, (_, n) => giveGrant(`g${from + n}`, 1n))).state;
    }
    expect(left(undo(full, START, target).state)['a']).toEqual([10n, 0n]);
  });

  it('does not give back held credit whose grant had expired before it was charged', () => {
    const { state, holdId } = hold(accountAfter(giveGrant('a', 9n, { expiresAt: START + 5 })), START, reserve('9'));
    const { state: charged, target } = undoable(state, START + 6, settle(holdId, '4'));
    const { entry } = undo(charged, START + 7, target);
    expect(entry).toMatchObject({ returned: [], expired: [draw('a', 4n)], after: { payg: 5n, held: 5n } });
  });

  it('works for a part that came late', () => {
    const { state, holdId, reserved } = hold(accountAfter(giveGrant('a', 9n)), START, reserve('9'));
    const late = settle(holdId, '4', { reservation: { ...reserved, expiresAt: reserved.hold.expiresAt } });
    const { state: charged, target } = undoable(state, DUE + 1, late);
    expect(undo(charged, DUE + 2, target).entry).toMatchObject({
      after: { payg: 9n },
      usage: { cost: 4n, at: DUE + 1 },
    });
  });
});

describe('an adjustment that is undone', () => {
  it('downwards gives back, and is no usage', () => {
    const before = accountAfter(giveGrant('a', 4n, { expiresAt: DUE }), giveGrant('b', 5n));
    const { state, target } = undoable(before, START, adjust(-6n));
    const { entry, state: after } = undo(state, START, target);
    expect(entry).toMatchObject({ reversedType: 'adjusted', taken: [], deficitCancelled: 0n });
    expect(entry.usage).toBeUndefined();
    expect(after).toEqual(before);
    expect(undo(state, DUE, target).entry).toMatchObject({ expired: [draw('a', 4n)], after: { payg: 5n } });
  });

  it('upwards takes its grant back, and what it paid of a debt out of other credit', () => {
    const { state, target } = undoable(accountAfter(), START, adjust(5n, { grantId: grantIdOf('x') }));
    expect(undo(state, START, target)).toMatchObject({
      entry: { taken: [draw('x', 5n)], returned: [] },
      state: { totals: NOTHING },
    });
    const owing = accountAfter(debit('2', { alreadyPerformed: true }));
    const { state: paid, target: other } = undoable(owing, START, adjust(5n, { grantId: grantIdOf('x') }));
    expect(refusalOf(paid, START, reverse(other)).metadata).toMatchObject({
      needed_microcredits: '5',
      available_microcredits: '3',
    });
    const topped = play(paid, START, giveGrant('y', 2n)).state;
    expect(undo(topped, START, other).entry.taken).toEqual([draw('x', 3n), draw('y', 2n)]);
  });
});

describe('a grant that is undone', () => {
  const give = giveGrant('x', 5n, { expiresAt: DUE });

  it('unused is taken back whole, and the account is as if it had never been', () => {
    const before = accountAfter(giveGrant('a', 4n));
    const { state, target } = undoable(before, START, give);
    const { entry, state: after } = undo(state, START, target);
    expect(entry).toMatchObject({
      reversedType: 'granted',
      returned: [],
      taken: [draw('x', 5n)],
      after: { ...NOTHING, payg: 4n },
    });
    expect(entry.usage).toBeUndefined();
    expect(after).toEqual(before);
  });

  it('is taken before all else, even where other credit expires sooner', () => {
    const { state, target } = undoable(accountAfter(giveGrant('soon', 4n, { expiresAt: START + 5 })), START, give);
    expect(undo(state, START, target).entry.taken).toEqual([draw('x', 5n)]);
  });

  it.each<[used: string, taken: readonly GrantDraw[]]>([
    ['1', [draw('x', 4n), draw('t', 1n, 'trial')]],
    ['5', [draw('t', 3n, 'trial'), draw('a', 2n)]],
    ['6', [draw('t', 3n, 'trial'), draw('a', 2n)]],
  ])('of which %s was used is made whole out of other credit, in burn order', (used, taken) => {
    const { state, target } = undoable(accountAfter(), START, give);
    const spent = play(state, START, debit(String(Math.min(5, Number(used)))), giveGrant('a', 4n)).state;
    const more = used === '6' ? play(spent, START, debit('1')).state : spent;
    const topped = play(more, START, giveGrant('t', 3n, { bucket: 'trial' })).state;
    const { entry } = undo(topped, START, target);
    expect(entry.taken).toEqual(taken);
    expect(entry.after.deficit).toBe(0n);
  });

  it('is refused where the account has not that much free: it never makes a debt, and never takes what is held', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 3n)), START, give);
    const held = hold(state, START, reserve('4')).state;
    const error = refusalOf(held, START, reverse(target));
    expect(error).toMatchObject({ reason: 'INSUFFICIENT_CREDITS' });
    expect(error.metadata).toMatchObject({ needed_microcredits: '5', available_microcredits: '4' });
    expect(undo(play(held, START, giveGrant('b', 1n)).state, START, target).entry.taken).toEqual([
      draw('x', 1n),
      draw('a', 3n),
      draw('b', 1n),
    ]);
  });

  it('that a hold keeps whole is made whole out of other credit, and stays held', () => {
    const { state, target } = undoable(accountAfter(), START, give);
    const held = play(hold(state, START, reserve('5')).state, START, giveGrant('b', 9n)).state;
    const { entry, state: after } = undo(held, START, target);
    expect(entry.taken).toEqual([draw('b', 5n)]);
    expect(left(after)).toEqual({ x: [0n, 5n], b: [4n, 0n] });
  });

  it('that has not begun will never begin', () => {
    const { state, target } = undoable(accountAfter(), START, giveGrant('x', 5n, { effectiveAt: DUE }));
    const { entry, state: after } = undo(state, START, target);
    expect(entry).toMatchObject({ unscheduled: grantIdOf('x'), returned: [], taken: [], after: NOTHING });
    expect(after.scheduled).toEqual([]);
    expect(computeAdvance(after, DUE).entries).toEqual([]);
  });

  it('that begins at this very moment is taken back as one that has begun', () => {
    const { state, target } = undoable(accountAfter(), START, giveGrant('x', 5n, { effectiveAt: DUE }));
    const { entry } = undo(state, DUE, target);
    expect(entry).toMatchObject({ taken: [draw('x', 5n)], after: NOTHING });
    expect(entry.unscheduled).toBeUndefined();
  });

  it('can be undone to the last millisecond before it expires, and not after', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 9n)), START, give);
    expect(undo(state, DUE - 1, target).entry.taken).toEqual([draw('x', 5n)]);
    const error = refusalOf(state, DUE, reverse(target));
    expect(error).toMatchObject({
      reason: 'ENTRY_NOT_REVERSIBLE',
      metadata: { entry_id: target.entryId, entry_type: 'granted' },
      message: expect.stringMatching(/expired at .*Adjust/),
    });
  });

  it('takes no more than was given, though more came back to it since', () => {
    const { state, target } = undoable(accountAfter(), START, give);
    const { state: spent, target: charge } = undoable(state, START, debit('2'));
    const restored = undo(spent, START, charge).state;
    expect(undo(restored, START, target)).toMatchObject({
      entry: { taken: [draw('x', 5n)] },
      state: { totals: NOTHING },
    });
  });

  it('comes back in part where a charge that it paid is undone after it', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 9n)), START, give);
    const { state: spent, target: charge } = undoable(state, START, debit('2'));
    const undone = undo(spent, START, target).state;
    expect(left(undone)).toEqual({ a: [7n, 0n] });
    expect(left(undo(undone, START, charge).state)).toEqual({ x: [2n, 0n], a: [7n, 0n] });
  });
});

describe('a reversal', () => {
  const { state: opened, holdId, entries } = hold(accountAfter(giveGrant('a', 9n)), START, reserve('4'));
  const { state: reversed, target: debited } = undoable(opened, START, debit('1'));
  const others: readonly [string, Entry | undefined][] = [
    ['account_opened', undefined],
    ['reserved', entries[0]],
    ['hold_extended', play(opened, START, extend(holdId, { expiresAt: DUE + 1 })).entries[0]],
    ['hold_released', play(opened, START, release(holdId)).entries[0]],
    ['hold_expired', computeAdvance(opened, DUE).entries[0]],
    ['reversed', play(reversed, START, reverse(debited)).entries[0]],
    ['redacted', play(opened, START, redact(debited.entryId)).entries[0]],
    ['grant_expired', computeAdvance(accountAfter(giveGrant('b', 1n, { expiresAt: DUE })), DUE).entries[0]],
    ['grant_started', computeAdvance(accountAfter(giveGrant('b', 1n, { effectiveAt: DUE })), DUE).entries[0]],
  ];

  it.each(others)('of an entry %s is refused', (type, found) => {
    const about = { key: keyOf('k'), productCode: opened.productCode, planCode: opened.planCode, after: NOTHING };
    const entry: Entry = found ?? { type: 'account_opened', ...about };
    expect(entry.type).toBe(type);
    const error = refusalOf(opened, START, reverse({ ...debited, entry }));
    expect(error).toMatchObject({
      reason: 'ENTRY_NOT_REVERSIBLE',
      metadata: { entry_id: debited.entryId, entry_type: type },
    });
  });

  it('is refused where the balance would leave its bounds', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 10n)), START, debit('10'));
    const full = play(state, START, giveGrant('most', MICROCREDITS_MAX - 9n)).state;
    expect(refusalOf(full, START, reverse(target)).reason).toBe('BALANCE_OUT_OF_RANGE');
    const fits = play(state, START, giveGrant('most', MICROCREDITS_MAX - 10n)).state;
    expect(undo(fits, START, target).entry.after.payg).toBe(MICROCREDITS_MAX);
  });

  it('is refused where grants that come back are more than an account may have', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 1n), giveGrant('b', 1n)), START, debit('2'));
    let full = state;
    for (let from = 0; from < 999; from += 111) {
      full = play(full, START, ...Array.from({ length: 111 }, (_, n) => giveGrant(`g${from + n}`, 1n))).state;
    }
    expect(refusalOf(full, START, reverse(target)).reason).toBe('GRANT_LIMIT_REACHED');
    expect(undo(play(full, START, debit('1')).state, START, target).entry.returned).toHaveLength(2);
  });

  it('stops where a grant that paid is not told of: a guess would make credit', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 10n)), START, debit('10'));
    expect(() => play(state, START, reverse({ ...target, grants: [] }))).toThrow(RangeError);
  });

  it('brings its effect key into the keys of its commit, after all keys', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 10n)), START, debit('10'));
    const [command, other] = [reverse(target), debit('1')];
    const { entries: recorded } = play(state, START, command, other);
    expect(keysOf({ entries: recorded })).toEqual([command.key, other.key, command.effectKey]);
  });

  it('changes nothing that it is given, and answers the same to the same', () => {
    const { state, target } = undoable(accountAfter(giveGrant('a', 4n)), START, debit('9', { alreadyPerformed: true }));
    const command = reverse(target);
    const before = structuredClone({ state, command });
    const first = decideBatch(state, [command], at(START));
    expect(decideBatch(before.state, [before.command], at(START))).toEqual(first);
    expect({ state, command }).toEqual(before);
  });
});

describe('two reversals of one entry in a batch', () => {
  const { state, target } = undoable(accountAfter(giveGrant('a', 10n)), START, debit('4'));

  it('wait for each other: only the index can tell the second that the effect has happened', () => {
    const commands = [reverse(target), reverse(target), debit('1')];
    const { outcomes, entries, state: after } = decideBatch(state, commands, at(START));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'deferred', 'deferred']);
    expect(entries).toHaveLength(1);
    expect(after.totals.payg).toBe(10n);
  });

  it('are one where they are the same request', () => {
    const command = reverse(target);
    const { outcomes } = decideBatch(state, [command, { ...command }], at(START));
    expect(outcomes).toEqual([
      { kind: 'accepted', entryIndex: 0 },
      { kind: 'duplicate', of: 0 },
    ]);
  });

  it('do not wait for a third one of another entry', () => {
    const { state: twice, target: second } = undoable(state, START, debit('1'));
    const other = { ...second, entryId: 'ent_0198c0de-0000-7000-8000-00000000000f' as EntryId };
    const { outcomes } = decideBatch(twice, [reverse(target), reverse(other)], at(START));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
  });

  it('leave the effect to the second where the first is refused', () => {
    const { state: spent, target: granted } = undoable(accountAfter(), START, giveGrant('x', 5n));
    const used = play(spent, START, debit('1')).state;
    const { outcomes } = decideBatch(used, [reverse(granted), giveGrant('b', 1n), reverse(granted)], at(START));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['rejected', 'accepted', 'accepted']);
  });

  it('are kept apart from keys: an effect key is no key of a request', () => {
    const first = reverse(target, { key: 'k' as IdempotencyKey, effectKey: 'e' as IdempotencyKey });
    const second = debit('1', { key: 'e' as IdempotencyKey });
    const { outcomes } = decideBatch(state, [first, second], at(START));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
  });
});

describe('a redaction', () => {
  it('is recorded, with who did it and why, and moves nothing', () => {
    const state = accountAfter(giveGrant('a', 4n));
    const entryId = 'ent_0198c0de-0000-7000-8000-00000000000f' as EntryId;
    const command = { ...redact(entryId), fingerprint: '1:f' as Fingerprint, personal: PERSONAL };
    const { entries: recorded, state: after } = play(state, START, command);
    expect(recorded).toEqual([
      {
        type: 'redacted',
        key: command.key,
        fingerprint: '1:f',
        personal: PERSONAL,
        entryId,
        actor: 'usr_operator',
        after: state.totals,
      },
    ]);
    expect(after).toEqual(state);
    // A text that is gone can be removed once more: a retry that lost its answer must not fail.
    expect(play(after, START, redact(entryId)).entries).toHaveLength(1);
  });
});
