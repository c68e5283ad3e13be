// Holds the domain against the naive model (test/model/account-model.ts) over random histories: every answer, every draw,
// every balance, at every step.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AccountState, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { BUCKETS } from '../../kernel/domain/bucket.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import { AccountModel, type ModelAnswer, type ModelBalance } from '../model/account-model.ts';
import { roundCount } from '../support/round-count.ts';
import { adjust, debit, giveGrant, openAccount, START } from './support/command.ts';
import { type History, histories, repeatingHistories } from './support/history.ts';
import { type Answer, playHistory } from './support/playback.ts';

function balanceOf(state: AccountState): ModelBalance {
  const { trial, included, payg, deficit } = state.totals;
  const grants = [...BUCKETS.flatMap((bucket) => state.grants[bucket]), ...state.scheduled];
  return {
    trial,
    included,
    payg,
    deficit,
    left: Object.fromEntries(grants.map((grant) => [grant.grantId, grant.remaining])),
  };
}

/** Says the domain's answer in the model's words. */
function inModelWords(answer: Answer): ModelAnswer {
  if (answer.kind === 'replayed') return answer;
  if (answer.kind === 'accepted') return acceptedInModelWords(answer.entry);
  const { needed_microcredits: needed, available_microcredits: available } = answer.metadata;
  const figures =
    needed === undefined || available === undefined ? {} : { needed: BigInt(needed), available: BigInt(available) };
  return { kind: 'rejected', reason: answer.reason, ...figures };
}

function acceptedInModelWords(entry: Entry | undefined): ModelAnswer {
  const draws = entry !== undefined && 'draws' in entry ? entry.draws : [];
  return {
    kind: 'accepted',
    draws: draws.map(({ grantId, microcredits }) => [grantId, microcredits] as const),
    owed: entry?.type === 'debited' ? entry.deficit : 0n,
  };
}

/** Plays a history over both; fails at the first step after which they differ. */
function compare(history: History): void {
  const model = new AccountModel(START);
  const { answers, states } = playHistory(history);
  let answered = 0;
  for (const [index, { now, commands }] of history.entries()) {
    const expected = commands.map((command) => model.apply(command, now));
    expect(answers.slice(answered, answered + commands.length).map(inModelWords)).toEqual(expected);
    answered += commands.length;
    const state = states[index] ?? UNOPENED_ACCOUNT;
    expect(balanceOf(computeAdvance(state, now).state)).toEqual(model.balanceAt(now));
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
        for (const { now, commands } of history) for (const command of commands) model.apply(command, now);
        const { state, endsAt } = playHistory(history);
        expect(balanceOf(computeAdvance(state, endsAt + elapsedMs).state)).toEqual(model.balanceAt(endsAt + elapsedMs));
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
