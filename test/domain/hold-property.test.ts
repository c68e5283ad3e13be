// What must hold over any history about holds, charges and reversals. The histories are random; a failure prints the seed and
// the smallest history that shows it.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccountState } from '../../kernel/domain/account.ts';
import { BUCKETS } from '../../kernel/domain/bucket.ts';
import { computeBurnDown } from '../../kernel/domain/burn-down.ts';
import { estimateHoldBytes } from '../../kernel/domain/byte-estimate.ts';
import type { Command, Reverse } from '../../kernel/domain/command.ts';
import { isGated } from '../../kernel/domain/credit-gate.ts';
import type { Entry, HoldRecord, Reversed, Settled } from '../../kernel/domain/entry.ts';
import { compareBurnOrder, type Grant, type GrantDraw, sumDraws } from '../../kernel/domain/grant.ts';
import { compareHoldOrder, type Hold, type HoldEnd } from '../../kernel/domain/hold.ts';
import type { GrantId, HoldId, IdempotencyKey } from '../../kernel/domain/id.ts';
import { overdraftLimitOf } from '../../kernel/domain/rulebook.ts';
import { roundCount } from '../support/round-count.ts';
import { type History, histories } from './support/history.ts';
import { playHistory, type SeenEntry, statesOf } from './support/playback.ts';

const numRuns = roundCount(150, 20_000);

/** Looks at every entry of random histories, with the command that asked for it where one did. */
function checkEntries(check: (seen: SeenEntry, command: Command | undefined) => void): void {
  fc.assert(
    fc.property(histories, (history: History) => {
      const playback = playHistory(history);
      const commands = new Map<IdempotencyKey, Command>(playback.commands.map((command) => [command.key, command]));
      for (const seen of statesOf(playback)) check(seen, commands.get(seen.entry.key));
    }),
    { numRuns },
  );
}

function grantsOf(state: AccountState): readonly Grant[] {
  return [...BUCKETS.flatMap((bucket) => state.grants[bucket]), ...state.pinned];
}

function findHold(state: AccountState, holdId: HoldId): Hold | undefined {
  return state.holds.find((hold) => hold.holdId === holdId);
}

function endOf(entry: Entry): HoldEnd | undefined {
  return 'end' in entry ? entry.end : undefined;
}

function isLate(entry: Entry): boolean {
  return entry.type === 'settled' && entry.late;
}

describe('what is held', () => {
  it('is what the open holds draw on, grant by grant', () => {
    checkEntries(({ after }) => {
      const draws = after.holds.flatMap((hold) => hold.draws);
      expect(after.totals.held).toBe(sumDraws(draws));
      for (const grant of grantsOf(after)) {
        expect(grant.held).toBe(sumDraws(draws.filter(({ grantId }) => grantId === grant.grantId)));
      }
    });
  });

  it('stands in holds that are open once, in order, with amounts above zero, and is summed up beside them', () => {
    checkEntries(({ after }) => {
      const { holds } = after;
      expect(holds.toSorted(compareHoldOrder)).toEqual(holds);
      expect(new Set(holds.map(({ holdId }) => holdId)).size).toBe(holds.length);
      expect(after.overdraftHeld).toBe(holds.reduce((sum, { overdraft }) => sum + overdraft, 0n));
      expect(after.holdBytes).toBe(holds.reduce((bytes, hold) => bytes + estimateHoldBytes(hold), 0));
      for (const { draws, overdraft, settled } of holds) {
        expect(draws.every(({ microcredits }) => microcredits > 0n)).toBe(true);
        expect(new Set(draws.map(({ grantId }) => grantId)).size).toBe(draws.length);
        expect(overdraft >= 0n && settled >= 0n).toBe(true);
      }
    });
  });

  it('is drawn by no debit and no adjustment', () => {
    checkEntries(({ entry, before, after }) => {
      if (entry.type !== 'debited' && entry.type !== 'adjusted') return;
      expect(after.holds).toEqual(before.holds);
      expect(after.totals.held).toBe(before.totals.held);
      const held = (state: AccountState) =>
        grantsOf(state).flatMap((grant) => (grant.held > 0n ? [[grant.grantId, grant.held] as const] : []));
      expect(new Map(held(after))).toEqual(new Map(held(before)));
    });
  });

  it('stands in burn order in each hold', () => {
    checkEntries(({ entry, before }) => {
      if (!('hold' in entry)) return;
      const order = grantsOf(before).toSorted(compareAll);
      const places = entry.hold.draws.map((draw) => order.findIndex(({ grantId }) => grantId === draw.grantId));
      expect(places).not.toContain(-1);
      expect(places.toSorted((a, b) => a - b)).toEqual(places);
    });
  });
});

/** Orders the grants of all buckets as usage draws them. */
function compareAll(a: Grant, b: Grant): number {
  return BUCKETS.indexOf(a.bucket) - BUCKETS.indexOf(b.bucket) || compareBurnOrder(a, b);
}

describe('a debt', () => {
  it('grows, with what holds count on beyond all credits, only within the declared overdraft, unless work is charged or needs no credit', () => {
    checkEntries(({ before, after }, command) => {
      const reach = after.totals.deficit + after.overdraftHeld;
      if (reach <= before.totals.deficit + before.overdraftHeld) return;
      const limit = findLimit(command, before);
      expect(limit === undefined || reach <= limit).toBe(true);
    });
  });
});

/** How far a command may bring debt and held overdraft together; undefined where it may go as far as it takes. */
function findLimit(command: Command | undefined, before: AccountState): bigint | undefined {
  // Money that went back to its payer is owed, however much had been used.
  if (command?.type === 'settle_payback') return undefined;
  if (command?.type === 'settle' || (command?.type === 'debit' && command.alreadyPerformed)) return undefined;
  if (command?.type === 'reserve' && !isGated(before, command.action, command.rulebook)) return undefined;
  if (command?.type === 'extend') {
    const open = before.holds.find(({ holdId }) => holdId === command.holdId);
    if (open !== undefined && !isGated(before, open.action, command.rulebook)) return undefined;
  }
  if (command?.type === 'debit' || command?.type === 'reserve' || command?.type === 'extend') {
    return overdraftLimitOf(command.rulebook, before.planCode);
  }
  throw new Error(`a command ${command?.type} made a debt`);
}

describe('a charge', () => {
  it('costs what its grants paid and what is owed', () => {
    checkEntries(({ entry }) => {
      if (entry.type !== 'debited' && entry.type !== 'settled') return;
      expect(sumDraws(entry.draws) + entry.deficit).toBe(entry.cost);
    });
  });

  it('and a hold draw nothing while a grant before it has something left', () => {
    checkEntries(({ entry, before }) => {
      if (entry.type === 'debited') assertBurnOrder(entry.draws, entry.deficit, before);
      if (entry.type === 'reserved') assertBurnOrder(entry.hold.draws, entry.hold.overdraft, before);
      if (entry.type === 'hold_extended') assertBurnOrder(entry.draws, entry.overdraft, before);
      if (entry.type === 'settled') {
        assertBurnOrder(entry.draws.slice(entry.drawsFromHold), entry.deficit, before);
      }
    });
  });

  it('behind a hold draws what the hold holds first, in its order, and free credit only where that is used up', () => {
    checkEntries(({ entry, before }) => {
      if (entry.type !== 'settled') return;
      const own = findHold(before, entry.holdId);
      expect(entry.late).toBe(own === undefined);
      const isAll = entry.draws.length > entry.drawsFromHold || entry.deficit > 0n;
      assertFirst(entry.draws.slice(0, entry.drawsFromHold), isAll, own?.draws ?? []);
    });
  });
});

/** Free credit is drawn in burn order, and overdraft only where none of it is left. */
function assertBurnOrder(draws: readonly GrantDraw[], beyond: bigint, before: AccountState): void {
  const free = BUCKETS.flatMap((bucket) => before.grants[bucket]);
  assertFirst(
    draws,
    beyond > 0n,
    free.map(({ grantId, bucket, remaining }) => ({ grantId, bucket, microcredits: remaining })),
  );
  expect(draws).toEqual(computeBurnDown(before.grants, sumDraws(draws)).draws);
}

/** Draws come from the first on, each whole but the last; all of them where something was needed beyond. */
function assertFirst(draws: readonly GrantDraw[], isAll: boolean, from: readonly GrantDraw[]): void {
  expect(draws.every(({ microcredits }) => microcredits > 0n)).toBe(true);
  const whole = isAll ? draws : draws.slice(0, -1);
  expect(whole).toEqual(from.slice(0, whole.length));
  if (isAll) expect(draws).toHaveLength(from.length);
  const last = draws.at(-1);
  const source = from[draws.length - 1];
  if (last === undefined) return;
  expect({ ...last, microcredits: source?.microcredits }).toEqual(source);
  expect(last.microcredits <= (source?.microcredits ?? 0n)).toBe(true);
}

describe('a hold', () => {
  it('is after each of its entries what the entry says, and is open until one of them ends it', () => {
    checkEntries(({ entry, after }) => {
      if (!('hold' in entry)) return;
      const own = findHold(after, entry.holdId);
      expect(own === undefined).toBe(endOf(entry) !== undefined || isLate(entry));
      if (own === undefined) expect(entry.hold).toMatchObject({ draws: [], overdraft: 0n });
      else expect(own).toMatchObject(entry.hold);
    });
  });

  it('keeps its price and what it is for, and changes by its own entries alone', () => {
    checkEntries(({ entry, before, after }) => {
      for (const hold of before.holds) {
        const later = findHold(after, hold.holdId);
        if (later === undefined) continue;
        const { action, price } = hold;
        expect(later).toMatchObject({ action, price });
        if (!('hold' in entry) || entry.holdId !== hold.holdId) expect(later).toEqual(hold);
      }
    });
  });

  it('tells what was charged through it, all parts but late ones together', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const seen = statesOf(playHistory(history)).flatMap(({ entry }) =>
          'hold' in entry && !isLate(entry) ? [entry] : [],
        );
        for (const entries of Map.groupBy(seen, ({ holdId }) => holdId).values()) {
          let charged = 0n;
          for (const entry of entries) {
            charged += entry.type === 'settled' ? entry.cost : 0n;
            expect(entry.hold.settled).toBe(charged);
          }
        }
      }),
      { numRuns },
    );
  });

  it('gets smaller by a part exactly as much as it and its overdraft cover of the cost', () => {
    checkEntries(({ entry, before }) => {
      const own = entry.type === 'settled' ? findHold(before, entry.holdId) : undefined;
      if (entry.type !== 'settled' || own === undefined || entry.final) return;
      const sizeOf = ({ draws, overdraft }: Pick<Hold, 'draws' | 'overdraft'>) => sumDraws(draws) + overdraft;
      const left = sizeOf(own) - entry.cost;
      expect(sizeOf(entry.hold)).toBe(left > 0n ? left : 0n);
    });
  });

  it('accounts at its end for all that it held, and frees no credit of a grant that expired', () => {
    checkEntries(({ now, entry, before }) => {
      const end = endOf(entry);
      if (end === undefined || !('hold' in entry)) return;
      const used = entry.type === 'settled' ? sumDraws(entry.draws.slice(0, entry.drawsFromHold)) : 0n;
      const held = sumDraws(findHold(before, entry.holdId)?.draws ?? []);
      expect(used + sumDraws(end.freed) + sumDraws(end.expired)).toBe(held);
      const endsAt = entry.type === 'hold_expired' ? entry.dueAt : now;
      const gone = new Set(grantsOf(before).flatMap((grant) => (isOver(grant, endsAt) ? [grant.grantId] : [])));
      expect(end.freed.filter(({ grantId }) => gone.has(grantId))).toEqual([]);
      expect(end.expired.filter(({ grantId }) => !gone.has(grantId))).toEqual([]);
    });
  });

  it('pays at its end what is owed with all that it frees', () => {
    checkEntries(({ entry, before, after }) => {
      const end = endOf(entry);
      if (end === undefined) return;
      const freed = sumDraws(end.freed);
      expect(end.deficitPaid).toBe(before.totals.deficit < freed ? before.totals.deficit : freed);
      if (freed > end.deficitPaid) expect(after.totals.deficit).toBe(0n);
    });
  });
});

function isOver({ expiresAt }: Grant, now: number): boolean {
  return expiresAt !== undefined && expiresAt <= now;
}

/** Says what a reversal gives back and takes, in microcredits. */
function movedBy(entry: Reversed, before: AccountState): bigint {
  const returned = entry.returned.reduce((sum, { remaining }) => sum + remaining, 0n);
  const unscheduled = before.scheduled.find(({ grantId }) => grantId === entry.unscheduled);
  return (
    returned +
    sumDraws(entry.expired) +
    entry.deficitCancelled -
    sumDraws(entry.taken) -
    (unscheduled === undefined ? 0n : unscheduled.granted)
  );
}

/** Says what an entry that can be undone moved out of the account, in microcredits. */
function amountOf(entry: Entry): bigint {
  if (entry.type === 'granted') return -entry.grant.granted;
  if (entry.type === 'adjusted') return -entry.delta;
  if (entry.type === 'debited' || entry.type === 'settled') return entry.cost;
  throw new Error(`an entry ${entry.type} was undone`);
}

function checkReversals(check: (seen: SeenEntry<Reversed>, target: Reverse['target']) => void): void {
  checkEntries((seen, command) => {
    const { entry } = seen;
    if (entry.type !== 'reversed') return;
    if (command?.type !== 'reverse') throw new Error('a reversal was not asked for');
    check({ ...seen, entry }, command.target);
  });
}

describe('a reversal', () => {
  it('gives back or takes exactly what the entry moved', () => {
    checkReversals(({ entry, before }, target) => {
      expect(movedBy(entry, before)).toBe(amountOf(target.entry));
      expect(entry).toMatchObject({ entryId: target.entryId, reversedType: target.entry.type });
    });
  });

  it('happens once for an entry, and never to what fell due, to a hold or to another reversal', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const undone = statesOf(playHistory(history)).flatMap(({ entry }) =>
          entry.type === 'reversed' ? [entry.entryId] : [],
        );
        expect(new Set(undone).size).toBe(undone.length);
      }),
      { numRuns },
    );
  });

  it('of a charge takes its usage back, at the time of the charge, and takes no credit', () => {
    checkReversals(({ entry }, { entry: target, createdAt }) => {
      if (target.type !== 'debited' && target.type !== 'settled') {
        expect(entry.usage).toBeUndefined();
        return;
      }
      const { action, quantity, cost } = target;
      expect(entry.usage).toEqual({ action, quantity, cost, at: createdAt });
      expect(entry.taken).toEqual([]);
      expect(entry.deficitCancelled <= target.deficit).toBe(true);
    });
  });

  it('gives nothing back to a grant that has expired, and leaves no debt beside free credit', () => {
    checkReversals(({ now, entry, before, after }) => {
      expect(entry.returned.filter((grant) => isOver(grant, now))).toEqual([]);
      const owed = before.totals.deficit - entry.deficitCancelled;
      const returned = entry.returned.reduce((sum, { remaining }) => sum + remaining, 0n);
      expect(entry.deficitPaid).toBe(owed < returned ? owed : returned);
      expect(after.totals.deficit).toBe(owed - entry.deficitPaid);
    });
  });

  it('takes the whole of the one undone grant, of which nothing was drawn, and never what is held', () => {
    checkReversals(({ entry, before, after }, { entry: target }) => {
      expect(after.totals.held).toBe(before.totals.held);
      const own = 'grant' in target ? target.grant : undefined;
      if (own === undefined || entry.unscheduled !== undefined) {
        expect(entry.taken).toEqual([]);
        return;
      }
      const { grantId, bucket, granted } = own;
      expect(entry.taken).toEqual([{ grantId, bucket, microcredits: granted }]);
      expect(before.grants[bucket].find((grant) => grant.grantId === grantId)).toMatchObject({
        remaining: granted,
        held: 0n,
      });
      expect(grantsOf(after).some((grant) => grant.grantId === grantId)).toBe(false);
    });
  });

  it('gives credit back to no grant that was undone', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const undone = new Set<GrantId>();
        for (const { entry } of statesOf(playHistory(history))) {
          if (entry.type !== 'reversed') continue;
          expect(entry.returned.filter(({ grantId }) => undone.has(grantId))).toEqual([]);
          for (const { grantId } of entry.taken) undone.add(grantId);
        }
      }),
      { numRuns },
    );
  });
});

describe('random histories', () => {
  it('contain all that can happen, so that the properties above are about something', () => {
    const seen = new Map<string, number>();
    const note = (...names: readonly (string | false)[]): void => {
      for (const name of names) if (name !== false) seen.set(name, (seen.get(name) ?? 0) + 1);
    };
    // A fixed seed: whether a rare thing comes up must not depend on luck.
    for (const history of fc.sample(histories, { seed: 7, numRuns: 600 })) {
      for (const { entry, before, after } of statesOf(playHistory(history))) note(...wordsOf(entry, before, after));
    }
    expect([...WORDS].filter((word) => (seen.get(word) ?? 0) < 3)).toEqual([]);
  });
});

const WORDS = [
  ...['account_opened', 'granted', 'grant_started', 'grant_expired', 'debited', 'adjusted', 'redacted'],
  ...['reserved', 'hold_extended', 'settled', 'hold_released', 'hold_expired', 'reversed'],
  ...['trial_started', 'trial_canceled', 'trial_ended', 'payback_settled'],
  ...['hold with overdraft', 'hold of several grants', 'pinned grant', 'several holds at once'],
  ...['part beyond the hold', 'part with deficit', 'late part', 'final part', 'part of several', 'part of nothing'],
  ...['credit freed', 'held credit expired', 'freed credit paid a debt', 'hold extended in the middle of its grants'],
  ...['debit undone', 'settlement undone', 'grant undone', 'adjustment undone', 'grant that had not begun undone'],
  ...[
    'credit came back expired',
    'grant revived',
    'debt cancelled',
    'debt paid meanwhile',
    'returned credit paid a debt',
  ],
] as const;
type Word = (typeof WORDS)[number];

/** Says in words what an entry shows. */
function wordsOf(entry: Entry, before: AccountState, after: AccountState): readonly Word[] {
  const general: readonly (Word | false)[] = [
    // Histories of subscriptions are those of subscription-property.test.ts, and a report of a run moves nothing.
    ...(entry.type === 'subscription_changed' || entry.type === 'trial_consented' || entry.type === 'run_reported'
      ? []
      : [entry.type]),
    after.pinned.length > 0 && 'pinned grant',
    after.holds.length > 1 && 'several holds at once',
  ];
  const own = 'hold' in entry ? wordsOfHold(entry, before) : [];
  const undone = entry.type === 'reversed' ? wordsOfReversal(entry, before) : [];
  return [...general, ...own, ...undone].filter((word) => word !== false);
}

function wordsOfHold(entry: HoldRecord, before: AccountState): readonly (Word | false)[] {
  const { freed = [], expired = [], deficitPaid = 0n } = endOf(entry) ?? {};
  return [
    entry.hold.overdraft > 0n && 'hold with overdraft',
    entry.hold.draws.length > 1 && 'hold of several grants',
    freed.length > 0 && 'credit freed',
    expired.length > 0 && 'held credit expired',
    deficitPaid > 0n && 'freed credit paid a debt',
    isExtendedInside(entry, before) && 'hold extended in the middle of its grants',
    ...(entry.type === 'settled' ? wordsOfPart(entry) : []),
  ];
}

/** Says whether an extension draws before what the hold already held last. */
function isExtendedInside(entry: HoldRecord, before: AccountState): boolean {
  if (entry.type !== 'hold_extended' || entry.draws.length === 0) return false;
  const last = findHold(before, entry.holdId)?.draws.at(-1)?.grantId;
  return entry.hold.draws.at(-1)?.grantId === last && entry.draws.at(-1)?.grantId !== last;
}

function wordsOfPart(entry: Settled): readonly (Word | false)[] {
  return [
    entry.draws.length > entry.drawsFromHold && 'part beyond the hold',
    entry.deficit > 0n && 'part with deficit',
    entry.late && 'late part',
    entry.final && 'final part',
    entry.drawsFromHold > 1 && 'part of several',
    entry.cost === 0n && 'part of nothing',
  ];
}

function wordsOfReversal(entry: Reversed, before: AccountState): readonly (Word | false)[] {
  const known = new Set(grantsOf(before).map(({ grantId }) => grantId));
  return [
    entry.reversedType === 'debited' && 'debit undone',
    entry.reversedType === 'settled' && 'settlement undone',
    entry.reversedType === 'granted' && 'grant undone',
    entry.reversedType === 'adjusted' && 'adjustment undone',
    entry.unscheduled !== undefined && 'grant that had not begun undone',
    entry.expired.length > 0 && 'credit came back expired',
    entry.returned.some(({ grantId, source }) => source !== 'reversal' && !known.has(grantId)) && 'grant revived',
    entry.deficitCancelled > 0n && 'debt cancelled',
    entry.returned.some(({ source }) => source === 'reversal') && 'debt paid meanwhile',
    entry.deficitPaid > 0n && 'returned credit paid a debt',
  ];
}
