import { describe, expect, it } from 'vitest';
import { type AccountState, UNOPENED_ACCOUNT, ZERO_TOTALS } from '../../kernel/domain/account.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import { evolve } from '../../kernel/domain/evolve.ts';
import {
  accountAfter,
  adjust,
  debit,
  EXPIRE,
  entryOf,
  extend,
  giveGrant,
  grantIdOf,
  hold,
  openAccount,
  play,
  quantityOf,
  redact,
  release,
  reserve,
  reverse,
  rulebookOf,
  START,
  settle,
  undoable,
} from './support/command.ts';

const DUE = START + 1_000;
const { state: STATE, holdId: HOLD_ID } = hold(
  accountAfter(
    giveGrant('a', 10n, { expiresAt: DUE }),
    giveGrant('b', 5n, { bucket: 'trial' }),
    giveGrant('h', 4n, { bucket: 'trial', expiresAt: DUE + 1 }),
    giveGrant('s', 3n, { effectiveAt: DUE }),
  ),
  START,
  reserve('4', { expiresAt: DUE + 500 }),
);
const UNDONE = undoable(STATE, START, debit('7'));
const ENDED = { ...settle(HOLD_ID, '2'), final: true };

/** One entry of each type that can follow {@link STATE}, except opening. */
const ENTRIES: readonly Entry[] = [
  entryOf(STATE, START, giveGrant('x', 4n), 'granted'),
  entryOf(STATE, START, giveGrant('y', 4n, { effectiveAt: DUE + 9 }), 'granted'),
  entryOf(STATE, START, debit('7'), 'debited'),
  entryOf(STATE, START, debit('20', { alreadyPerformed: true }), 'debited'),
  entryOf(STATE, START, adjust(4n), 'adjusted'),
  entryOf(STATE, START, adjust(-4n), 'adjusted'),
  ...play(STATE, DUE, EXPIRE).entries.slice(0, 1),
  entryOf(STATE, START, reserve('6', { rulebook: rulebookOf(5n) }), 'reserved'),
  entryOf(STATE, START, extend(HOLD_ID, { expiresAt: DUE, quantity: quantityOf('3') }), 'hold_extended'),
  entryOf(STATE, START, settle(HOLD_ID, '2'), 'settled'),
  entryOf(STATE, START, settle(HOLD_ID, '40'), 'settled'),
  entryOf(STATE, START, ENDED, 'settled'),
  entryOf(STATE, START, release(HOLD_ID), 'hold_released'),
  entryOf(STATE, START, reverse(UNDONE.target), 'reversed'),
  entryOf(STATE, START, redact(UNDONE.target.entryId), 'redacted'),
];

const TOTALS = ['trial', 'included', 'payg', 'held', 'deficit'] as const;

describe('evolve', () => {
  it.each(ENTRIES.map((entry) => [entry.type, entry] as const))(
    'leads from an entry %s to the totals that it states',
    (_, entry) => {
      expect(evolve(STATE, entry).totals).toEqual(entry.after);
    },
  );

  it.each(ENTRIES.flatMap((entry) => TOTALS.map((name) => [entry.type, name, entry] as const)))(
    'refuses an entry %s whose %s does not follow from its history',
    (_, name, entry) => {
      const forged = { ...entry, after: { ...entry.after, [name]: entry.after[name] + 1n } };
      expect(() => evolve(STATE, forged)).toThrow(/states .* where its history gives/);
    },
  );

  it('refuses a draw from a grant that is not there, and one beyond what it has', () => {
    const entry = entryOf(STATE, START, debit('7'), 'debited');
    const [draw] = entry.draws;
    if (draw === undefined) throw new Error('the debit drew nothing');
    const other = { ...entry, draws: [{ ...draw, grantId: grantIdOf('other') }, ...entry.draws.slice(1)] };
    expect(() => evolve(STATE, other)).toThrow(RangeError);
    const beyond = { ...entry, draws: [{ ...draw, microcredits: 6n }, ...entry.draws.slice(1)] };
    expect(() => evolve(STATE, beyond)).toThrow(RangeError);
  });

  it('refuses the beginning of a grant that is not the next to begin', () => {
    const start = play(STATE, DUE, EXPIRE).entries[1];
    if (start?.type !== 'grant_started') throw new Error('nothing began');
    const expired = play(STATE, DUE, EXPIRE).entries.slice(0, 1).reduce(evolve, STATE);
    expect(evolve(expired, start).totals.payg).toBe(3n);
    expect(() => evolve(expired, { ...start, grantId: grantIdOf('other') })).toThrow(/not the next to begin/);
    expect(() => evolve(evolve(expired, start), start)).toThrow(RangeError);
  });

  it('refuses the expiry of a grant that expired already', () => {
    const [expiry] = play(STATE, DUE, EXPIRE).entries;
    if (expiry === undefined) throw new Error('nothing expired');
    expect(() => evolve(evolve(STATE, expiry), expiry)).toThrow(RangeError);
  });

  it('refuses a second opening, which would forget what the account holds', () => {
    const opened = entryOf(UNOPENED_ACCOUNT, START, openAccount(), 'account_opened');
    expect(() => evolve(STATE, opened)).toThrow(RangeError);
  });

  it('refuses an opening that states credit', () => {
    const opened = entryOf(UNOPENED_ACCOUNT, START, openAccount(), 'account_opened');
    expect(() => evolve(UNOPENED_ACCOUNT, { ...opened, after: { ...ZERO_TOTALS, payg: 5n } })).toThrow(RangeError);
  });

  it('refuses what happens to a hold that is not open, and one that is made twice', () => {
    const released = entryOf(STATE, START, release(HOLD_ID), 'hold_released');
    const ended = evolve(STATE, released);
    for (const command of [settle(HOLD_ID, '1'), release(HOLD_ID), extend(HOLD_ID, { expiresAt: DUE })]) {
      const [entry] = play(STATE, START, command).entries;
      if (entry === undefined) throw new Error('the command left no entry');
      expect(() => evolve(ended, entry), entry.type).toThrow(RangeError);
    }
    const reserved = entryOf(STATE, START, reserve('1'), 'reserved');
    expect(() => evolve(evolve(STATE, reserved), reserved)).toThrow(/open already/);
  });

  it('refuses a hold on credit that is not there, and a part that draws more than is held', () => {
    const reserved = entryOf(STATE, START, reserve('1'), 'reserved');
    const [draw] = reserved.hold.draws;
    if (draw === undefined) throw new Error('nothing was held');
    const draws = [{ ...draw, microcredits: 99n }];
    expect(() => evolve(STATE, { ...reserved, hold: { ...reserved.hold, draws } })).toThrow(RangeError);
    const settled = entryOf(STATE, START, settle(HOLD_ID, '4'), 'settled');
    const more = settled.draws.map((other) => ({ ...other, microcredits: 5n }));
    expect(() => evolve(STATE, { ...settled, draws: more })).toThrow(RangeError);
    // The same draws are no free credit either: the grant has none left.
    expect(() => evolve(STATE, { ...settled, drawsFromHold: 0 })).toThrow(RangeError);
  });

  it('refuses a reversal that takes credit which is not there', () => {
    const { target } = undoable(STATE, START, giveGrant('x', 4n));
    const { state } = undoable(STATE, START, giveGrant('x', 4n));
    const reversed = entryOf(state, START, reverse(target), 'reversed');
    expect(() => evolve(STATE, reversed)).toThrow(RangeError);
  });

  it('refuses the beginning of a grant that was taken back before', () => {
    const { state, target } = undoable(STATE, START, giveGrant('x', 4n, { effectiveAt: DUE - 1 }));
    const [start] = play(state, DUE - 1, EXPIRE).entries;
    if (start?.type !== 'grant_started') throw new Error('nothing began');
    const undone = evolve(state, entryOf(state, START, reverse(target), 'reversed'));
    expect(() => evolve(undone, start)).toThrow(/not the next to begin/);
  });

  it('changes nothing that it is given', () => {
    const before: AccountState = structuredClone(STATE);
    for (const entry of ENTRIES) evolve(STATE, entry);
    expect(STATE).toEqual(before);
  });
});
