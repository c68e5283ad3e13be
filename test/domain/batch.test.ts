import { describe, expect, it } from 'vitest';
import type { AccountState } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { type BatchBounds, decideBatch, type Outcome } from '../../kernel/domain/batch.ts';
import { COMMIT_BYTES_MAX, ENTRIES_PER_COMMIT_MAX } from '../../kernel/domain/bound.ts';
import { estimateEntryBytes } from '../../kernel/domain/byte-estimate.ts';
import type { Command } from '../../kernel/domain/command.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import {
  accountAfter,
  adjust,
  at,
  debit,
  EXPIRE,
  giveGrant,
  keyOf,
  openAccount,
  play,
  START,
} from './support/command.ts';

const ROOMY: BatchBounds = { entriesMax: 100, bytesMax: 1_000_000 };
const DUE = START + 1_000;

/** Says what became of each command in a word. */
function words(outcomes: readonly Outcome[]): string[] {
  return outcomes.map((outcome) => (outcome.kind === 'rejected' ? outcome.error.reason : outcome.kind));
}

/** Commits batch after batch until nothing is deferred, as the committer does. */
function drain(state: AccountState, commands: readonly Command[], now: number, bounds: BatchBounds) {
  const commits: (readonly Entry[])[] = [];
  const answers = new Map<Command, Outcome>();
  let left = commands;
  let current = state;
  for (let round = 0; left.length > 0; round += 1) {
    if (round > 1_000) throw new Error('the batches never come to an end');
    const batch = decideBatch(current, left, at(now), bounds);
    expect(batch.outcomes).toHaveLength(left.length);
    if (batch.entries.length > 0) commits.push(batch.entries);
    current = batch.state;
    for (const [index, command] of left.entries()) {
      const outcome = batch.outcomes[index];
      if (outcome !== undefined && outcome.kind !== 'deferred') answers.set(command, outcome);
    }
    left = left.filter((_, index) => batch.outcomes[index]?.kind === 'deferred');
  }
  return { state: current, commits, answers };
}

describe('a batch', () => {
  it('of nothing is nothing', () => {
    const state = accountAfter(giveGrant('a', 1n, { expiresAt: DUE }));
    expect(decideBatch(state, [], at(DUE))).toEqual({ entries: [], state, outcomes: [] });
  });

  it('decides each command over what the ones before it left', () => {
    const { outcomes, entries, state } = decideBatch(
      accountAfter(),
      [debit('1'), giveGrant('a', 2n), debit('2'), debit('1'), giveGrant('b', 1n), debit('1')],
      at(START),
    );
    expect(words(outcomes)).toEqual([
      'INSUFFICIENT_CREDITS',
      'accepted',
      'accepted',
      'INSUFFICIENT_CREDITS',
      'accepted',
      'accepted',
    ]);
    expect(outcomes.flatMap((outcome) => (outcome.kind === 'accepted' ? [outcome.entryIndex] : []))).toEqual([
      0, 1, 2, 3,
    ]);
    expect(entries.map(({ type }) => type)).toEqual(['granted', 'debited', 'granted', 'debited']);
    expect(state.totals.payg).toBe(0n);
  });

  it('can open the account and use it at once', () => {
    const { state } = decideBatch(accountAfter(), [openAccount(), giveGrant('a', 2n)], at(START));
    expect(state.totals.payg).toBe(2n);
  });

  it('gives exactly as many debits as there are funds for', () => {
    const debits = Array.from({ length: 200 }, () => debit('1'));
    const { outcomes, state } = decideBatch(accountAfter(giveGrant('a', 137n)), debits, at(START));
    expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(137);
    expect(words(outcomes).slice(137)).toEqual(Array(63).fill('INSUFFICIENT_CREDITS'));
    expect(state.totals).toMatchObject({ payg: 0n, deficit: 0n });
  });
});

describe('a key that comes twice', () => {
  const funded = accountAfter(giveGrant('a', 10n));

  it('is decided once, and every other bearer points at the first', () => {
    const key = keyOf('same');
    const commands = [debit('1'), debit('2', { key }), debit('1'), debit('2', { key }), debit('9', { key })];
    const { outcomes, entries, state } = decideBatch(funded, commands, at(START));
    expect(outcomes).toEqual([
      { kind: 'accepted', entryIndex: 0 },
      { kind: 'accepted', entryIndex: 1 },
      { kind: 'accepted', entryIndex: 2 },
      { kind: 'duplicate', of: 1 },
      { kind: 'duplicate', of: 1 },
    ]);
    expect(entries).toHaveLength(3);
    expect(state.totals.payg).toBe(6n);
  });

  it('is free again after a refusal: the next bearer is decided by itself', () => {
    const key = keyOf('retried');
    const commands = [
      debit('11', { key }),
      debit('12', { key }),
      giveGrant('b', 1n),
      debit('11', { key }),
      debit('11', { key }),
    ];
    const { outcomes } = decideBatch(funded, commands, at(START));
    expect(words(outcomes)).toEqual([
      'INSUFFICIENT_CREDITS',
      'INSUFFICIENT_CREDITS',
      'accepted',
      'accepted',
      'duplicate',
    ]);
    expect(outcomes[4]).toEqual({ kind: 'duplicate', of: 3 });
  });

  it('is one key whatever the type of its commands', () => {
    const key = keyOf('mixed');
    const { outcomes } = decideBatch(
      funded,
      [debit('1', { key }), giveGrant('b', 1n, { key }), adjust(1n, { key })],
      at(START),
    );
    expect(words(outcomes)).toEqual(['accepted', 'duplicate', 'duplicate']);
  });

  it('never stands twice in one commit', () => {
    const commands = Array.from({ length: 60 }, (_, n) => debit('1', { key: keyOf(`k${n % 7}`) }));
    const keys = decideBatch(funded, commands, at(START)).entries.map((entry) => entry.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('what fell due', () => {
  const state = accountAfter(giveGrant('a', 1n, { expiresAt: DUE }), giveGrant('b', 5n));

  it('stands in the commit before the commands', () => {
    const { entries, outcomes } = decideBatch(state, [debit('5'), debit('1')], at(DUE));
    expect(entries.map(({ type }) => type)).toEqual(['grant_expired', 'debited']);
    expect(outcomes).toMatchObject([{ kind: 'accepted', entryIndex: 1 }, { kind: 'rejected' }]);
  });

  it('is not recorded where every command is refused: a refusal writes nothing', () => {
    const batch = decideBatch(state, [debit('6'), debit('7')], at(DUE));
    expect(words(batch.outcomes)).toEqual(['INSUFFICIENT_CREDITS', 'INSUFFICIENT_CREDITS']);
    expect(batch.entries).toEqual([]);
    expect(batch.state).toBe(state);
  });

  it('is recorded where one command is accepted, be it the last', () => {
    expect(decideBatch(state, [debit('6'), debit('5')], at(DUE)).entries.map(({ type }) => type)).toEqual([
      'grant_expired',
      'debited',
    ]);
  });

  it('is recorded for the command that asks for nothing else, which leaves no entry of its own', () => {
    const batch = decideBatch(state, [EXPIRE, EXPIRE], at(DUE));
    expect(batch.entries.map(({ type }) => type)).toEqual(['grant_expired']);
    // A key under which nothing was recorded is free, in a batch as between two.
    expect(batch.outcomes).toEqual([{ kind: 'accepted' }, { kind: 'accepted' }]);
    expect(decideBatch(batch.state, [EXPIRE], at(DUE))).toEqual({
      entries: [],
      state: batch.state,
      outcomes: [{ kind: 'accepted' }],
    });
  });

  it('goes alone where it fills a commit, and every command waits', () => {
    const bounds = { entriesMax: 4, bytesMax: 1_000_000 };
    const grants = [1, 2, 3, 4, 5, 6, 7].map((n) => giveGrant(n, 1n, { expiresAt: DUE + n }));
    const full = accountAfter(...grants, giveGrant('b', 5n));
    const first = decideBatch(full, [debit('99'), debit('5')], at(DUE + 9), bounds);
    expect(first.entries.map(({ key }) => key)).toEqual(['expire:grt_1', 'expire:grt_2', 'expire:grt_3']);
    expect(words(first.outcomes)).toEqual(['deferred', 'deferred']);
    const { commits, answers, state: after } = drain(full, [debit('99'), debit('5')], DUE + 9, bounds);
    expect(commits.map((entries) => entries.length)).toEqual([3, 3, 2]);
    expect(words([...answers.values()])).toEqual(['INSUFFICIENT_CREDITS', 'accepted']);
    expect(after.totals).toMatchObject({ payg: 0n, deficit: 0n });
  });

  it('leaves room for one command in a full commit', () => {
    const grants = [1, 2, 3].map((n) => giveGrant(n, 1n, { expiresAt: DUE }));
    const batch = decideBatch(accountAfter(...grants, giveGrant('b', 5n)), [debit('1'), debit('1')], at(DUE), {
      entriesMax: 4,
      bytesMax: 1_000_000,
    });
    expect(batch.entries).toHaveLength(4);
    expect(words(batch.outcomes)).toEqual(['accepted', 'deferred']);
  });

  it('goes alone within the real bounds too', () => {
    let crowded = accountAfter();
    for (let from = 0; from < 600; from += 200) {
      const grants = Array.from({ length: 200 }, (_, n) => giveGrant(`g${from + n}`, 1n, { expiresAt: DUE }));
      crowded = play(crowded, START, ...grants).state;
    }
    const { commits, state: after } = drain(crowded, [EXPIRE], DUE, {
      entriesMax: ENTRIES_PER_COMMIT_MAX,
      bytesMax: COMMIT_BYTES_MAX,
    });
    expect(commits.map((entries) => entries.length)).toEqual([255, 255, 90]);
    expect(after.totals.payg).toBe(0n);
  });
});

describe('the bound on entries', () => {
  it('defers the rest, in order', () => {
    const funded = accountAfter(giveGrant('a', 100n));
    const commands = Array.from({ length: 5 }, () => debit('1'));
    const batch = decideBatch(funded, commands, at(START), { ...ROOMY, entriesMax: 3 });
    expect(words(batch.outcomes)).toEqual(['accepted', 'accepted', 'accepted', 'deferred', 'deferred']);
    expect(batch.entries).toHaveLength(3);
    expect(batch.state.totals.payg).toBe(97n);
  });

  it('does not count what leaves no entry', () => {
    const funded = accountAfter(giveGrant('a', 3n));
    const key = keyOf('twice');
    const commands = [debit('9'), debit('1', { key }), debit('1', { key }), debit('9'), debit('1'), debit('9')];
    const batch = decideBatch(funded, commands, at(START), { ...ROOMY, entriesMax: 2 });
    expect(words(batch.outcomes)).toEqual([
      'INSUFFICIENT_CREDITS',
      'accepted',
      'duplicate',
      'INSUFFICIENT_CREDITS',
      'accepted',
      'INSUFFICIENT_CREDITS',
    ]);
  });

  it('is 256 by default', () => {
    const funded = accountAfter(giveGrant('a', 1_000n));
    const { entries } = decideBatch(
      funded,
      Array.from({ length: 300 }, () => debit('1')),
      at(START),
    );
    expect(entries).toHaveLength(256);
  });

  it('does not answer a duplicate before the command that it repeats', () => {
    const funded = accountAfter(giveGrant('a', 100n));
    const key = keyOf('late');
    const commands = [debit('1'), debit('1', { key }), debit('1', { key })];
    expect(words(decideBatch(funded, commands, at(START), { ...ROOMY, entriesMax: 1 }).outcomes)).toEqual([
      'accepted',
      'deferred',
      'deferred',
    ]);
  });
});

describe('the bound on bytes', () => {
  const funded = accountAfter(giveGrant('a', 100n));
  const text = (length: number) => ({ digest: 'd', salt: 's', reason: 'x'.repeat(length) });
  const sizeOf = (command: Command) => {
    const [entry] = decideBatch(funded, [command], at(START)).entries;
    if (entry === undefined) throw new Error('the command left no entry');
    return estimateEntryBytes(entry);
  };

  it('is used to the last byte, and the rest deferred', () => {
    const commands = [
      debit('1', { key: keyOf('1') }),
      debit('1', { key: keyOf('2') }),
      debit('1', { key: keyOf('3') }),
    ];
    const bytesMax = commands.slice(0, 2).reduce((sum, command) => sum + sizeOf(command), 0);
    expect(words(decideBatch(funded, commands, at(START), { ...ROOMY, bytesMax }).outcomes)).toEqual([
      'accepted',
      'accepted',
      'deferred',
    ]);
    expect(words(decideBatch(funded, commands, at(START), { ...ROOMY, bytesMax: bytesMax - 1 }).outcomes)).toEqual([
      'accepted',
      'deferred',
      'deferred',
    ]);
  });

  it('refuses what can never fit, alone: the others are decided in the commits that follow', () => {
    const large = debit('1', { personal: text(20_000) });
    const commands = [debit('1'), large, debit('1')];
    const bytesMax = sizeOf(large) - 1;
    const { answers, commits, state } = drain(funded, commands, START, { ...ROOMY, bytesMax });
    expect(commands.map((command) => answers.get(command)?.kind)).toEqual(['accepted', 'rejected', 'accepted']);
    const refusal = answers.get(large);
    expect(refusal).toMatchObject({
      error: { reason: 'COMMIT_TOO_LARGE', metadata: { limit_bytes: String(COMMIT_BYTES_MAX) } },
    });
    expect(commits.flat()).toHaveLength(2);
    expect(state.totals.payg).toBe(98n);
  });

  it('refuses with nothing written, not even what fell due', () => {
    const state = accountAfter(giveGrant('a', 1n, { expiresAt: DUE }), giveGrant('b', 5n));
    const large = debit('1', { personal: text(20_000) });
    const { answers, commits } = drain(state, [large], DUE, { ...ROOMY, bytesMax: sizeOf(large) - 1 });
    expect(words([...answers.values()])).toEqual(['COMMIT_TOO_LARGE']);
    expect(commits).toEqual([]);
  });

  it('lets what fell due go first where a command does not fit beside it, and then takes the command', () => {
    const grants = Array.from({ length: 20 }, (_, n) => giveGrant(n, 1n, { expiresAt: DUE }));
    const state = accountAfter(...grants, giveGrant('b', 5n));
    const command = debit('1', { personal: text(2_000) });
    const dueBytes = computeAdvance(state, DUE).entries.reduce((sum, entry) => sum + estimateEntryBytes(entry), 0);
    // Room for the command alone, and for what fell due alone, but one byte too little for both.
    const bytesMax = dueBytes + sizeOf(command) - 1;
    const { answers, commits } = drain(state, [command], DUE, { ...ROOMY, bytesMax });
    expect(words([...answers.values()])).toEqual(['accepted']);
    expect(commits.map((entries) => entries.length)).toEqual([20, 1]);
  });
});
