// What must hold over any history of an account, whoever wrote it. The histories are random; a failure prints the seed and
// the smallest history that shows it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccountState, computeAvailable, countGrants, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { MICROCREDITS_MAX } from '../../kernel/domain/bound.ts';
import { BUCKETS } from '../../kernel/domain/bucket.ts';
import type { Debit } from '../../kernel/domain/command.ts';
import { keysOf } from '../../kernel/domain/commit.ts';
import { decide } from '../../kernel/domain/decide.ts';
import type { Debited, Entry } from '../../kernel/domain/entry.ts';
import { evolve } from '../../kernel/domain/evolve.ts';
import { compareBurnOrder, compareStartOrder, type Grant } from '../../kernel/domain/grant.ts';
import { roundCount } from '../support/round-count.ts';
import { debit, EXPIRE } from './support/command.ts';
import { histories, repeatingHistories } from './support/history.ts';
import {
  allEntries,
  finalState,
  ONE_BY_ONE,
  type Playback,
  playHistory,
  TOGETHER,
  UNBOUNDED,
} from './support/playback.ts';

const numRuns = roundCount(150, 20_000);

function sum(amounts: Iterable<bigint>): bigint {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
}

function grantsOf(state: AccountState): readonly Grant[] {
  return BUCKETS.flatMap((bucket) => state.grants[bucket]);
}

function isSorted<T>(list: readonly T[], order: (a: T, b: T) => number): boolean {
  return list.every((item, index) => {
    const next = list[index + 1];
    return next === undefined || order(item, next) < 0;
  });
}

/** What an entry adds to or takes from all that an account owns, scheduled grants and debts included. */
function changeOf(entry: Entry): bigint {
  switch (entry.type) {
    case 'account_opened':
    case 'grant_started':
      return 0n;
    case 'granted':
      return entry.grant.granted;
    case 'grant_expired':
      return -entry.expired.microcredits;
    case 'debited':
      return -entry.cost;
    case 'adjusted':
      return entry.delta;
  }
}

/** Every state of a playback, one after each entry. */
function statesOf({
  commits,
}: Playback): { readonly entry: Entry; readonly before: AccountState; readonly after: AccountState }[] {
  return commits.flatMap(({ before: first, entries }) => {
    let before = first;
    return entries.map((entry) => {
      const after = evolve(before, entry);
      const seen = { entry, before, after };
      before = after;
      return seen;
    });
  });
}

describe('over any history', () => {
  it('what was granted less what was debited and expired, with adjustments, is what is held less what is owed', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const playback = playHistory(history);
        let expected = 0n;
        for (const { entry, after } of statesOf(playback)) {
          expected += changeOf(entry);
          const { trial, included, payg, deficit } = after.totals;
          expect(trial + included + payg + sum(after.scheduled.map(({ remaining }) => remaining)) - deficit).toBe(
            expected,
          );
        }
      }),
      { numRuns },
    );
  });

  it('a bucket’s total is the sum of its grants, and nothing is ever below zero or beyond the bound', () => {
    fc.assert(
      fc.property(histories, (history) => {
        for (const { after } of statesOf(playHistory(history))) {
          for (const bucket of BUCKETS) {
            expect(after.totals[bucket]).toBe(sum(after.grants[bucket].map(({ remaining }) => remaining)));
            expect(after.grants[bucket].every((grant) => grant.bucket === bucket)).toBe(true);
          }
          for (const grant of [...grantsOf(after), ...after.scheduled]) {
            expect(grant.remaining > 0n && grant.remaining <= grant.granted).toBe(true);
          }
          expect(Object.values(after.totals).every((total) => total >= 0n && total <= MICROCREDITS_MAX)).toBe(true);
          expect(after.totals.held).toBe(0n);
          expect(computeAvailable(after.totals) <= MICROCREDITS_MAX).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  it('grants stand in burn order, each once, and credit never stands beside a debt', () => {
    fc.assert(
      fc.property(histories, (history) => {
        for (const { after } of statesOf(playHistory(history))) {
          for (const bucket of BUCKETS) expect(isSorted(after.grants[bucket], compareBurnOrder)).toBe(true);
          expect(isSorted(after.scheduled, compareStartOrder)).toBe(true);
          const ids = [...grantsOf(after), ...after.scheduled].map(({ grantId }) => grantId);
          expect(new Set(ids).size).toBe(ids.length);
          expect(countGrants(after)).toBe(ids.length);
          expect(after.totals.deficit === 0n || computeAvailable(after.totals) === 0n).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  it('a debt grows only within the declared overdraft, unless the work was done before', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const commands = new Map(history.flatMap((step) => step.commands).map((command) => [command.key, command]));
        for (const { entry, before, after } of statesOf(playHistory(history))) {
          if (after.totals.deficit <= before.totals.deficit) continue;
          const command = commands.get(entry.key);
          expect(command?.type).toBe('debit');
          const { alreadyPerformed, rulebook } = command as Debit;
          const limit = rulebook.policies.get(before.planCode)?.overdraftLimit ?? 0n;
          expect(alreadyPerformed || after.totals.deficit <= limit).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  it('a debit costs what its grants paid and what is owed, and no grant paid while one before it had something left', () => {
    fc.assert(
      fc.property(histories, (history) => {
        for (const { entry, before } of statesOf(playHistory(history))) {
          if (entry.type === 'debited') assertDrawsInBurnOrder(entry, before);
        }
      }),
      { numRuns },
    );
  });

  it('every entry states what the account holds after it, and a batch what is left at its end', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const playback = playHistory(history);
        for (const { entry, after } of statesOf(playback)) expect(after.totals).toEqual(entry.after);
        for (const { before, entries, state } of playback.commits)
          expect(entries.reduce(evolve, before)).toEqual(state);
      }),
      { numRuns },
    );
  });

  it('replaying the entries gives the same state', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const playback = playHistory(history);
        const replayed = playback.commits.flatMap(({ entries }) => entries).reduce(evolve, UNOPENED_ACCOUNT);
        expect(replayed).toEqual(playback.state);
        expect(allEntries(playback).reduce(evolve, UNOPENED_ACCOUNT)).toEqual(finalState(playback));
      }),
      { numRuns },
    );
  });

  it('no key is recorded twice, neither a caller’s nor one of the kernel’s own', () => {
    fc.assert(
      fc.property(repeatingHistories, (history) => {
        const keys = keysOf({ entries: allEntries(playHistory(history)) });
        expect(new Set(keys).size).toBe(keys.length);
      }),
      { numRuns },
    );
  });
});

function assertDrawsInBurnOrder(entry: Debited, before: AccountState): void {
  expect(sum(entry.draws.map(({ microcredits }) => microcredits)) + entry.deficit).toBe(entry.cost);
  const order = grantsOf(before);
  for (const [index, draw] of entry.draws.entries()) {
    const grant = order[index];
    expect(draw).toMatchObject({ grantId: grant?.grantId, bucket: grant?.bucket });
    expect(draw.microcredits > 0n).toBe(true);
    const isLast = index === entry.draws.length - 1;
    if (isLast) expect(draw.microcredits <= (grant?.remaining ?? 0n)).toBe(true);
    else expect(draw.microcredits).toBe(grant?.remaining);
  }
  if (entry.deficit > 0n) expect(entry.draws).toHaveLength(order.length);
}

describe('time', () => {
  it('expires credit in the order in which it falls due, never early, and leaves none that is past due', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const playback = playHistory(history);
        let last = 0;
        for (const { now, entries, state } of playback.commits) {
          for (const entry of entries) {
            if (entry.type !== 'grant_expired' && entry.type !== 'grant_started') continue;
            expect(entry.dueAt).toBeGreaterThanOrEqual(last);
            expect(entry.dueAt).toBeLessThanOrEqual(now);
            last = entry.dueAt;
          }
          expect(grantsOf(state).every(({ expiresAt }) => expiresAt === undefined || expiresAt > now)).toBe(true);
          expect(state.scheduled.every(({ effectiveAt }) => effectiveAt > now)).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  it('does the same in one step or in many, and however few entries one step may have', () => {
    const stops = fc.array(fc.integer({ min: 0, max: 80 }), { maxLength: 8 });
    fc.assert(
      fc.property(histories, stops, fc.integer({ min: 1, max: 3 }), (history, offsets, entriesMax) => {
        const { state, endsAt } = playHistory(history);
        const until = endsAt + 80;
        const whole = computeAdvance(state, until);
        const parts: Entry[] = [];
        let current = state;
        for (const offset of [...offsets.toSorted((a, b) => a - b), 80]) {
          for (let incomplete = true; incomplete; ) {
            const part = computeAdvance(current, endsAt + offset, entriesMax);
            expect(part.entries.length).toBeLessThanOrEqual(entriesMax);
            parts.push(...part.entries);
            current = part.state;
            incomplete = part.incomplete;
          }
        }
        expect(current).toEqual(whole.state);
        expect(parts).toEqual(whole.entries);
        expect(whole.incomplete).toBe(false);
      }),
      { numRuns },
    );
  });

  it('changes nothing twice: an account that was brought up to a moment stays as it is', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 0, max: 60 }), (history, elapsedMs) => {
        const { state, endsAt } = playHistory(history);
        const advanced = computeAdvance(state, endsAt + elapsedMs).state;
        const again = computeAdvance(advanced, endsAt + elapsedMs);
        expect(again).toEqual({ state: advanced, entries: [], incomplete: false });
      }),
      { numRuns },
    );
  });

  it('needs no timer: an account that was recorded at every due time holds what one does that never was', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const watched = history.flatMap(({ now, commands }, index) => {
          const previous = history[index - 1]?.now ?? now;
          const ticks = Array.from({ length: now - previous }, (_, ms) => ({ now: previous + ms, commands: [EXPIRE] }));
          return [...ticks, { now, commands }];
        });
        const seldom = playHistory(history);
        const often = playHistory(watched);
        expect(finalState(often)).toEqual(finalState(seldom));
        expect(allEntries(often)).toEqual(allEntries(seldom));
      }),
      { numRuns: roundCount(100, 5_000) },
    );
  });
});

describe('grouping', () => {
  it('does not matter: one batch and the same commands one by one give the same state, entries and answers', () => {
    fc.assert(
      fc.property(repeatingHistories, (history) => {
        const together = playHistory(history, TOGETHER);
        const single = playHistory(history, ONE_BY_ONE);
        expect(single.state).toEqual(together.state);
        expect(single.commits.flatMap(({ entries }) => entries)).toEqual(
          together.commits.flatMap(({ entries }) => entries),
        );
        expect(single.answers).toEqual(together.answers);
      }),
      { numRuns },
    );
  });

  it('does not matter wherever a batch is split', () => {
    fc.assert(
      fc.property(repeatingHistories, fc.infiniteStream(fc.integer({ min: 1, max: 5 })), (history, sizes) => {
        const together = playHistory(history, TOGETHER);
        const split = playHistory(history, () => sizes.next().value ?? 1);
        expect(split.state).toEqual(together.state);
        expect(split.commits.flatMap(({ entries }) => entries)).toEqual(
          together.commits.flatMap(({ entries }) => entries),
        );
        expect(split.answers).toEqual(together.answers);
      }),
      { numRuns },
    );
  });

  it('does not matter where a commit is full: what is deferred comes to the same', () => {
    fc.assert(
      fc.property(
        repeatingHistories,
        fc.integer({ min: 2, max: 7 }),
        fc.integer({ min: 5_000, max: 9_000 }),
        (history, entriesMax, bytesMax) => {
          const together = playHistory(history, TOGETHER, UNBOUNDED);
          const bounded = playHistory(history, TOGETHER, { entriesMax, bytesMax });
          expect(finalState(bounded)).toEqual(finalState(together));
          // What fell due may be recorded earlier, where it fills a commit by itself; but it is the same, in the same order.
          expect(allEntries(bounded)).toEqual(allEntries(together));
          expect(bounded.answers).toEqual(together.answers);
          expect(bounded.commits.every(({ entries }) => entries.length <= entriesMax)).toBe(true);
        },
      ),
      { numRuns },
    );
  });
});

describe('a refusal', () => {
  it('changes nothing', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const refused = new Set<string>();
        const playback = playHistory(history, ONE_BY_ONE);
        const commands = history.flatMap((step) => step.commands);
        for (const [index, answer] of playback.answers.entries()) {
          if (answer.kind === 'rejected') refused.add(commands[index]?.key ?? '');
        }
        const without = history.map(({ now, commands: all }) => ({
          now,
          commands: all.filter(({ key }) => !refused.has(key)),
        }));
        const clean = playHistory(without, ONE_BY_ONE);
        expect(clean.state).toEqual(playback.state);
        expect(clean.commits.map(({ entries }) => entries)).toEqual(playback.commits.map(({ entries }) => entries));
        expect(clean.answers).not.toContainEqual(expect.objectContaining({ kind: 'rejected' }));
      }),
      { numRuns },
    );
  });

  it('of a debit for want of funds is due: one microcredit less than what it names would have been too much as well', () => {
    fc.assert(
      fc.property(histories, fc.bigInt({ min: 0n, max: 12n }), (history, overdraft) => {
        const state = finalState(playHistory(history));
        fc.pre(state.status === 'open');
        const end = history.at(-1)?.now ?? 0;
        const rulebook = {
          ...debit('1').rulebook,
          policies: new Map([[state.planCode, { overdraftLimit: overdraft }]]),
        };
        const left = overdraft > state.totals.deficit ? overdraft - state.totals.deficit : 0n;
        const reach = computeAvailable(state.totals) + left;
        fc.pre(reach < MICROCREDITS_MAX);
        const ask = (units: bigint) =>
          decide(state, debit('1', { quantity: { millionths: units * 1_000_000n }, rulebook }), end);
        expect(ask(reach + 1n).kind).toBe('rejected');
        if (reach > 0n) expect(ask(reach).kind).toBe('accepted');
      }),
      { numRuns },
    );
  });
});
