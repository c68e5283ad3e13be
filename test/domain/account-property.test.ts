// What must hold over any history of an account, whoever wrote it. The histories are random; a failure prints the seed and
// the smallest history that shows it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AccountState,
  computeAvailable,
  countGrants,
  findInconsistency,
  UNOPENED_ACCOUNT,
} from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { MICROCREDITS_MAX } from '../../kernel/domain/bound.ts';
import { BUCKETS, type Bucket } from '../../kernel/domain/bucket.ts';
import { keysOf } from '../../kernel/domain/commit.ts';
import { decide } from '../../kernel/domain/decide.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import { evolve } from '../../kernel/domain/evolve.ts';
import { compareBurnOrder, compareStartOrder, type Grant, sumDraws } from '../../kernel/domain/grant.ts';
import { CLOSED_ACCOUNT_POLICY } from '../../kernel/domain/rulebook.ts';
import { roundCount } from '../support/round-count.ts';
import { at, debit, EXPIRE } from './support/command.ts';
import { histories, repeatingHistories } from './support/history.ts';
import {
  allEntries,
  finalState,
  ONE_BY_ONE,
  type Playback,
  playHistory,
  statesOf,
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
function changeOf(entry: Entry, before: AccountState): bigint {
  switch (entry.type) {
    case 'account_opened':
    case 'grant_started':
    case 'reserved':
    case 'hold_extended':
    case 'redacted':
    case 'trial_canceled':
    case 'trial_consented':
    case 'trial_ended':
      return 0n;
    case 'trial_started':
      return entry.granted;
    case 'subscription_changed':
      return (entry.grant?.granted ?? 0n) - sumDraws(entry.lapsed);
    case 'run_reported':
      return 0n;
    case 'payback_settled':
      return (entry.grant?.granted ?? 0n) - sumDraws(entry.taken) - entry.deficit;
    case 'granted':
      return entry.grant.granted;
    case 'grant_expired':
      return -entry.expired.microcredits;
    case 'debited':
      return -entry.cost;
    case 'adjusted':
      return entry.delta;
    case 'settled':
      return -entry.cost - sumDraws(entry.end?.expired ?? []);
    case 'hold_released':
    case 'hold_expired':
      return -sumDraws(entry.end.expired);
    case 'reversed': {
      const unscheduled = before.scheduled.find(({ grantId }) => grantId === entry.unscheduled);
      const given = sum(entry.returned.map(({ remaining }) => remaining)) + entry.deficitCancelled;
      return given - sumDraws(entry.taken) - (unscheduled?.remaining ?? 0n);
    }
  }
}

function assertBucket(state: AccountState, bucket: Bucket): void {
  const active = state.grants[bucket];
  expect(active.every((grant) => grant.bucket === bucket && grant.remaining > 0n)).toBe(true);
  const grants = [...active, ...state.pinned.filter((grant) => grant.bucket === bucket)];
  expect(state.totals[bucket]).toBe(sum(grants.map(({ remaining, held }) => remaining + held)));
}

function isImpossible({ remaining, held, granted }: Grant): boolean {
  return remaining < 0n || held < 0n || remaining + held === 0n || remaining + held > granted;
}

describe('over any history', () => {
  it('what was granted and given back less what was charged and expired, with adjustments, is what is there less what is owed', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const playback = playHistory(history);
        let expected = 0n;
        for (const { entry, before, after } of statesOf(playback)) {
          expected += changeOf(entry, before);
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
          for (const bucket of BUCKETS) assertBucket(after, bucket);
          const grants = [...grantsOf(after), ...after.pinned, ...after.scheduled];
          expect(grants.filter(isImpossible)).toEqual([]);
          expect(after.pinned.every(({ remaining }) => remaining === 0n)).toBe(true);
          expect(Object.values(after.totals).every((total) => total >= 0n && total <= MICROCREDITS_MAX)).toBe(true);
          expect(computeAvailable(after.totals)).toBe(sum(grantsOf(after).map(({ remaining }) => remaining)));
          expect(findInconsistency(after)).toBeUndefined();
        }
      }),
      { numRuns },
    );
  });

  it('grants stand in burn order, each once, and free credit never stands beside a debt', () => {
    fc.assert(
      fc.property(histories, (history) => {
        for (const { after } of statesOf(playHistory(history))) {
          for (const bucket of BUCKETS) expect(isSorted(after.grants[bucket], compareBurnOrder)).toBe(true);
          expect(isSorted(after.pinned, compareBurnOrder)).toBe(true);
          expect(isSorted(after.scheduled, compareStartOrder)).toBe(true);
          const ids = [...grantsOf(after), ...after.pinned, ...after.scheduled].map(({ grantId }) => grantId);
          expect(new Set(ids).size).toBe(ids.length);
          expect(countGrants(after)).toBe(ids.length);
          expect(after.totals.deficit === 0n || computeAvailable(after.totals) === 0n).toBe(true);
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

  it('played again it gives the very same, ids and all', () => {
    fc.assert(
      fc.property(repeatingHistories, (history) => {
        const { withoutPlaces: _, ...first } = playHistory(history);
        const { withoutPlaces: __, ...again } = playHistory(structuredClone(history));
        expect(again).toEqual(first);
      }),
      { numRuns: roundCount(50, 5_000) },
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

describe('time', () => {
  it('expires credit and holds in the order in which they fall due, never early, and leaves none that is past due', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const playback = playHistory(history);
        let last = 0;
        for (const { now, entries, state } of playback.commits) {
          for (const entry of entries) {
            if (!('dueAt' in entry)) continue;
            expect(entry.dueAt).toBeGreaterThanOrEqual(last);
            expect(entry.dueAt).toBeLessThanOrEqual(now);
            last = entry.dueAt;
          }
          expect(grantsOf(state).every(({ expiresAt }) => expiresAt === undefined || expiresAt > now)).toBe(true);
          expect(state.scheduled.every(({ effectiveAt }) => effectiveAt > now)).toBe(true);
          expect(state.holds.every(({ expiresAt }) => expiresAt > now)).toBe(true);
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
        expect(often.withoutPlaces(finalState(often))).toEqual(seldom.withoutPlaces(finalState(seldom)));
        expect(often.withoutPlaces(allEntries(often))).toEqual(seldom.withoutPlaces(allEntries(seldom)));
      }),
      { numRuns: roundCount(100, 5_000) },
    );
  });
});

/** What was recorded and answered, in words that do not depend on how it was grouped into commits. */
function recordOf({ state, commits, answers, withoutPlaces }: Playback): unknown {
  return withoutPlaces({ state, entries: commits.flatMap(({ entries }) => entries), answers });
}

/** The same with what fell due by the end, which no command may have had recorded. */
function finalRecordOf(playback: Playback): unknown {
  const { answers, withoutPlaces } = playback;
  return withoutPlaces({ state: finalState(playback), entries: allEntries(playback), answers });
}

describe('grouping', () => {
  it('does not matter: one batch and the same commands one by one give the same state, entries and answers', () => {
    fc.assert(
      fc.property(repeatingHistories, (history) => {
        const together = playHistory(history, TOGETHER);
        const single = playHistory(history, ONE_BY_ONE);
        expect(recordOf(single)).toEqual(recordOf(together));
      }),
      { numRuns },
    );
  });

  it('does not matter wherever a batch is split', () => {
    fc.assert(
      fc.property(repeatingHistories, fc.infiniteStream(fc.integer({ min: 1, max: 5 })), (history, sizes) => {
        const together = playHistory(history, TOGETHER);
        const split = playHistory(history, () => sizes.next().value ?? 1);
        expect(recordOf(split)).toEqual(recordOf(together));
      }),
      { numRuns },
    );
  });

  it('does not matter where a commit is full: what is deferred comes to the same', () => {
    fc.assert(
      fc.property(
        repeatingHistories,
        fc.integer({ min: 2, max: 7 }),
        fc.integer({ min: 8_000, max: 14_000 }),
        (history, entriesMax, bytesMax) => {
          const together = playHistory(history, TOGETHER, UNBOUNDED);
          const bounded = playHistory(history, TOGETHER, { entriesMax, bytesMax });
          // What fell due may be recorded earlier, where it fills a commit by itself; but it is the same, in the same order.
          expect(finalRecordOf(bounded)).toEqual(finalRecordOf(together));
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
          policies: new Map([[state.planCode, { ...CLOSED_ACCOUNT_POLICY, overdraftLimit: overdraft }]]),
        };
        const used = state.totals.deficit + state.overdraftHeld;
        const left = overdraft > used ? overdraft - used : 0n;
        const reach = computeAvailable(state.totals) + left;
        fc.pre(reach < MICROCREDITS_MAX);
        const ask = (units: bigint) =>
          decide(state, debit('1', { quantity: { millionths: units * 1_000_000n }, rulebook }), {
            ...at(end),
            index: 0,
          });
        expect(ask(reach + 1n).kind).toBe('rejected');
        if (reach > 0n) expect(ask(reach).kind).toBe('accepted');
      }),
      { numRuns },
    );
  });
});
