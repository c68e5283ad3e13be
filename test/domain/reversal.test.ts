import { describe, expect, it } from 'vitest';
import type { AccountState } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { decideBatch } from '../../kernel/domain/batch.ts';
import { ACTIVE_GRANTS_MAX, MICROCREDITS_MAX } from '../../kernel/domain/bound.ts';
import type { Command, ReversalTarget } from '../../kernel/domain/command.ts';
import { keysOf } from '../../kernel/domain/commit.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import type { Grant, GrantDraw } from '../../kernel/domain/grant.ts';
import type { EntryId, Fingerprint, HoldId, IdempotencyKey } from '../../kernel/domain/id.ts';
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

  it('upwards takes its grant back', () => {
    const { state, target } = undoable(accountAfter(), START, adjust(5n, { grantId: grantIdOf('x') }));
    expect(undo(state, START, target)).toMatchObject({
      entry: { taken: [draw('x', 5n)], returned: [] },
      state: { totals: NOTHING },
    });
  });

  it('upwards is refused where it paid a debt, however much else there is', () => {
    const owing = accountAfter(debit('2', { alreadyPerformed: true }));
    const { state: paid, target } = undoable(owing, START, adjust(5n, { grantId: grantIdOf('x') }));
    const topped = play(paid, START, giveGrant('y', 9n)).state;
    for (const state of [paid, topped]) {
      expect(refusalOf(state, START, reverse(target))).toMatchObject({
        reason: 'ENTRY_NOT_REVERSIBLE',
        metadata: { entry_type: 'adjusted' },
        message: expect.stringContaining('2 of its 5 microcredits were used or are held'),
      });
    }
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

  describe('is refused while anything of it is used or held', () => {
    const { state: given, target } = undoable(accountAfter(), START, give);
    const { state: owing, target: owed } = undoable(accountAfter(), START, debit('2', { alreadyPerformed: true }));
    const { state: partly, target: charge } = undoable(given, START, debit('2'));
    const { state: gone, target: wholeCharge } = undoable(given, START, debit('5'));
    const { state: held, holdId } = hold(given, START, reserve('2'));
    const { state: heldWhole, holdId: wholeHoldId } = hold(given, START, reserve('5'));
    const { state: settled, target: part } = undoable(held, START, settle(holdId, '1', { final: true }));

    const rows: readonly (readonly [string, AccountState, missing: number, Command])[] = [
      ['used partly', partly, 2, reverse(charge)],
      ['used up and gone', gone, 5, reverse(wholeCharge)],
      ['held partly', held, 2, release(holdId)],
      ['held to the last', heldWhole, 5, release(wholeHoldId)],
      ['charged out of a hold', settled, 1, reverse(part)],
    ];

    it.each(rows)('%s, whatever other credit there is', (_, state, missing) => {
      for (const before of [state, play(state, START, giveGrant('other', 99n)).state]) {
        expect(refusalOf(before, START, reverse(target))).toMatchObject({
          reason: 'ENTRY_NOT_REVERSIBLE',
          metadata: { entry_id: target.entryId, entry_type: 'granted' },
          message: expect.stringMatching(`: ${missing} of its 5 microcredits were used or are held: .*Adjust`),
        });
      }
    });

    it.each(rows)('%s, and no longer when that is undone', (_, state, __, undoing) => {
      const restored = play(state, START, undoing).state;
      expect(undo(restored, START, target)).toMatchObject({
        entry: { taken: [draw('x', 5n)], after: NOTHING },
        state: { totals: NOTHING },
      });
    });

    it.each([1, 2])('paid a debt (of a grant of 1 + %s microcredits), also after that charge is undone', (more) => {
      const { state: paid, target: payer } = undoable(owing, START, giveGrant('x', BigInt(1 + more)));
      const rest = play(paid, START, reverse(owed)).state;
      for (const state of [paid, rest]) {
        expect(refusalOf(state, START, reverse(payer)).reason).toBe('ENTRY_NOT_REVERSIBLE');
      }
      // What it paid came back as credit of its own, so nothing is lost by the refusal.
      expect(rest.totals).toEqual({ ...NOTHING, payg: BigInt(1 + more) });
    });
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
});

/** What becomes of an account with PAYG 10, then a grant or a charge or both in some order, and their reversals. */
describe('credit that was paid for', () => {
  type Move = 'D' | 'G' | 'H' | 'undo D' | 'undo G' | 'release' | 'settle';
  interface Row {
    readonly moves: readonly Move[];
    /** The moves that are refused. */
    readonly refused: readonly Move[];
    /** What of the grant of 4 is left at the end. */
    readonly given: bigint;
  }
  // D debits 6, G grants 4 of TRIAL (which is drawn first), H holds 6.
  const rows: readonly Row[] = [
    { moves: ['D', 'G', 'undo D', 'undo G'], refused: [], given: 0n },
    { moves: ['D', 'G', 'undo G', 'undo D'], refused: [], given: 0n },
    { moves: ['G', 'D', 'undo D', 'undo G'], refused: [], given: 0n },
    { moves: ['G', 'D', 'undo G', 'undo D'], refused: ['undo G'], given: 4n },
    { moves: ['G', 'D', 'undo G', 'undo D', 'undo G'], refused: ['undo G'], given: 0n },
    { moves: ['H', 'G', 'undo G', 'release'], refused: [], given: 0n },
    { moves: ['G', 'H', 'undo G', 'release'], refused: ['undo G'], given: 4n },
    { moves: ['G', 'H', 'release', 'undo G'], refused: [], given: 0n },
    { moves: ['G', 'H', 'undo G', 'settle', 'undo G', 'undo D'], refused: ['undo G', 'undo G'], given: 4n },
    { moves: ['G', 'H', 'settle', 'undo D', 'undo G'], refused: [], given: 0n },
  ];

  it.each(rows)('is never lost: $moves', ({ moves, refused, given }) => {
    let state = accountAfter(giveGrant('paid', 10n));
    let holdId: HoldId | undefined;
    const targets = new Map<Move, ReversalTarget>();
    const refusals: Move[] = [];
    const record = (move: Move, command: Command): void => {
      const done = undoable(state, START, command);
      targets.set(move, done.target);
      state = done.state;
    };
    const undoTarget = (move: Move): void => {
      state = play(state, START, reverse(present(targets.get(move)))).state;
    };
    const steps: Readonly<Record<Move, () => void>> = {
      D: () => record('undo D', debit('6')),
      G: () => record('undo G', giveGrant('given', 4n, { bucket: 'trial' })),
      H: () => {
        ({ state, holdId } = hold(state, START, reserve('6')));
      },
      release: () => {
        state = play(state, START, release(present(holdId))).state;
      },
      settle: () => record('undo D', settle(present(holdId), '6', { final: true })),
      'undo D': () => undoTarget('undo D'),
      'undo G': () => undoTarget('undo G'),
    };
    for (const move of moves) {
      try {
        steps[move]();
      } catch (error) {
        expect(error).toMatchObject({ reason: 'ENTRY_NOT_REVERSIBLE' });
        refusals.push(move);
      }
    }
    expect(refusals).toEqual(refused);
    expect(state.totals).toEqual({ ...NOTHING, trial: given, payg: 10n });
  });
});

/** What must be there by then. */
function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it is not there yet');
  return value;
}

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
    const { state: given, target: granted } = undoable(accountAfter(), START, giveGrant('x', 5n));
    const { state: held, holdId } = hold(given, START, reserve('1'));
    const { outcomes } = decideBatch(held, [reverse(granted), release(holdId), reverse(granted)], at(START));
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
