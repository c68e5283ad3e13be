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
  giveGrant,
  grantIdOf,
  openAccount,
  play,
  START,
} from './support/command.ts';

const DUE = START + 1_000;
const STATE = accountAfter(
  giveGrant('a', 10n, { expiresAt: DUE }),
  giveGrant('b', 5n, { bucket: 'trial' }),
  giveGrant('s', 3n, { effectiveAt: DUE }),
);

/** One entry of each type that can follow {@link STATE}, except opening. */
const ENTRIES: readonly Entry[] = [
  entryOf(STATE, START, giveGrant('x', 4n), 'granted'),
  entryOf(STATE, START, giveGrant('y', 4n, { effectiveAt: DUE + 9 }), 'granted'),
  entryOf(STATE, START, debit('7'), 'debited'),
  entryOf(STATE, START, debit('20', { alreadyPerformed: true }), 'debited'),
  entryOf(STATE, START, adjust(4n), 'adjusted'),
  entryOf(STATE, START, adjust(-4n), 'adjusted'),
  ...play(STATE, DUE, EXPIRE).entries.slice(0, 1),
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

  it('changes nothing that it is given', () => {
    const before: AccountState = structuredClone(STATE);
    for (const entry of ENTRIES) evolve(STATE, entry);
    expect(STATE).toEqual(before);
  });
});
