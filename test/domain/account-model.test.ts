// Holds the domain against the naive model (test/model/account-model.ts) over random histories: every answer, every draw,
// every balance and hold, at every step.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { AccountModel } from '../model/account-model.ts';
import { sightOf } from '../model/kernel-words.ts';
import { roundCount } from '../support/round-count.ts';
import { adjust, debit, giveGrant, openAccount, START } from './support/command.ts';
import { type History, histories, repeatingHistories } from './support/history.ts';
import { askModel, inModelWords } from './support/model-answer.ts';
import { playHistory } from './support/playback.ts';

/** Plays a history over both; fails at the first step after which they differ. */
function compare(history: History): void {
  const model = new AccountModel(START);
  const { answers, commands, states } = playHistory(history);
  let answered = 0;
  for (const [index, { now, commands: step }] of history.entries()) {
    for (const command of commands.slice(answered, answered + step.length)) {
      const answer = answers[answered];
      const expected = askModel(model, command, answer, now);
      answered += 1;
      if (expected.kind === 'done' && expected.deed?.did === 'used' && command.type === 'settle') continue;
      expect(answer && inModelWords(answer)).toEqual(expected);
    }
    const state = states[index] ?? UNOPENED_ACCOUNT;
    expect(sightOf(computeAdvance(state, now).state)).toEqual(model.sightAt(now));
  }
}

describe('the domain and the naive model', () => {
  it('agree on every answer, every draw and every balance', () => {
    fc.assert(fc.property(repeatingHistories, compare), { numRuns: roundCount(200, 30_000) });
  });

  it('agree after each single command', () => {
    const singles = histories.map((history) =>
      history.flatMap(({ now, commands }) => commands.map((command) => ({ now, commands: [command] }))),
    );
    fc.assert(fc.property(singles, compare), { numRuns: roundCount(100, 10_000) });
  });

  it('agree on what is left at any later time', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 0, max: 90 }), (history, elapsedMs) => {
        const model = new AccountModel(START);
        const { answers, commands, state, endsAt } = playHistory(history);
        const times = history.flatMap(({ now, commands: step }) => step.map(() => now));
        for (const [index, command] of commands.entries()) {
          askModel(model, command, answers[index], times[index] ?? endsAt);
        }
        const later = endsAt + elapsedMs;
        expect(sightOf(computeAdvance(state, later).state)).toEqual(model.sightAt(later));
      }),
      { numRuns: roundCount(100, 10_000) },
    );
  });

  it('agree on the bound on grants', () => {
    const grants = Array.from({ length: 1_000 }, (_, n) =>
      giveGrant(n, 1n, n % 2 === 0 ? {} : { effectiveAt: START + 9 }),
    );
    const beyond = [giveGrant('x', 1n), debit('1'), giveGrant('y', 1n), giveGrant('z', 1n)];
    compare([
      { now: START, commands: [openAccount(), ...grants] },
      { now: START, commands: beyond },
      { now: START + 9, commands: [adjust(1n), debit('999'), adjust(1n)] },
    ]);
  });
});
