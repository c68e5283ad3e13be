import { describe, expect, it } from 'vitest';
import { describeEntry } from '../../kernel/app/usage/entry-sentence.ts';
import { computeNextDueAt, listDueTimes, UNOPENED_ACCOUNT } from '../../kernel/domain/account.ts';
import { computeAdvance } from '../../kernel/domain/advance.ts';
import { decideBatch } from '../../kernel/domain/batch.ts';
import { computeTrialNoticeAt, isToBePaid, type Trial } from '../../kernel/domain/trial.ts';
import {
  accountAfter,
  at,
  cancelTrial,
  debit,
  entryOf,
  FALLBACK_PLAN,
  giveGrant,
  hold,
  OTHER_PLAN,
  openAccount,
  PLAN,
  play,
  refusalOf,
  release,
  reserve,
  reverse,
  START,
  startTrial,
  undoable,
} from './support/command.ts';

const END = START + 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const FREE = play(UNOPENED_ACCOUNT, START, openAccount({ planCode: FALLBACK_PLAN })).state;

describe('when people are told that a trial ends', () => {
  it.each([
    [366, 3 * DAY_MS],
    [14, 3 * DAY_MS],
    [6, 3 * DAY_MS],
    [5, 2.5 * DAY_MS],
    [1, 12 * HOUR_MS],
  ])('of %i days, it is the same before and after its start was stored', (days, beforeMs) => {
    const endsAt = START + days * DAY_MS;
    for (const lateMs of [-50, 0, 1, HOUR_MS]) {
      expect(endsAt - computeTrialNoticeAt({ startedAt: START + lateMs, endsAt })).toBe(beforeMs);
    }
  });
});

describe('whether the paid plan follows a trial that somebody agreed to pay for', () => {
  const { trial } = play(FREE, START, startTrial(5n)).state;
  if (trial === undefined) throw new Error('the account has no trial');
  const agreed: Trial = { ...trial, endBehaviour: 'convert_or_fallback', consentedAt: START + 1 };

  it.each([
    ['there never was a subscription', undefined, true],
    ['the last one had ended when it began', { endedAt: START }, true],
    ['one has ended since', { endedAt: START + 1 }, false],
    ['one runs', {}, false],
  ])('where %s', (_, subscription, follows) => {
    expect(isToBePaid(agreed, subscription)).toBe(follows);
    expect(isToBePaid({ ...agreed, endBehaviour: 'fallback' }, subscription)).toBe(false);
  });
});

describe('a trial', () => {
  it('gives its plan and its credits at once, and is due at its end', () => {
    const { state } = play(FREE, START, startTrial(5n));
    expect(state).toMatchObject({ planCode: PLAN, totals: { trial: 5n }, trial: { status: 'active', endsAt: END } });
    expect(computeNextDueAt(state)).toBe(END);
    expect(listDueTimes(state)).toEqual([END]);
  });

  it('at its end lapses what is left, then gives the fallback plan, before a grant that begins then counts', () => {
    const later = giveGrant('later', 7n, { effectiveAt: END });
    const { state } = play(FREE, START, startTrial(5n), later);
    const ended = computeAdvance(state, END);
    expect(ended.entries.map(({ type }) => type)).toEqual(['grant_expired', 'trial_ended', 'grant_started']);
    expect(ended.state).toMatchObject({ planCode: FALLBACK_PLAN, totals: { trial: 0n, payg: 7n } });
    expect(ended.state.trial).toMatchObject({ status: 'ended', planCode: PLAN });
    expect(computeAdvance(state, END - 1).entries).toEqual([]);
    expect(computeNextDueAt(ended.state)).toBeUndefined();
  });

  it('leaves its credits, without expiry, where the policy does not revoke them', () => {
    const { state } = play(FREE, START, startTrial(5n, { revokesUnused: false }));
    const ended = computeAdvance(state, END);
    expect(ended.entries.map(({ type }) => type)).toEqual(['trial_ended']);
    expect(ended.state).toMatchObject({ planCode: FALLBACK_PLAN, totals: { trial: 5n } });
  });

  it('leaves what a hold keeps of its credits until that ends', () => {
    const { state } = play(FREE, START, startTrial(5n));
    const held = hold(state, START, reserve('2', { expiresAt: END + 500 }));
    const ended = computeAdvance(held.state, END).state;
    expect(ended.totals).toMatchObject({ trial: 2n, held: 2n });
    expect(play(ended, END + 1, release(held.holdId)).state.totals).toMatchObject({ trial: 0n, held: 0n });
  });

  it('touches neither included nor bought credits', () => {
    const { state } = play(FREE, START, giveGrant('a', 3n), giveGrant('b', 4n, { bucket: 'included' }), startTrial(5n));
    expect(computeAdvance(state, END).state.totals).toMatchObject({ trial: 0n, included: 4n, payg: 3n });
  });

  it('pays an earlier deficit first', () => {
    const owing = play(FREE, START, debit('3', { alreadyPerformed: true })).state;
    const entry = entryOf(owing, START, startTrial(5n), 'trial_started');
    expect(entry).toMatchObject({ deficitPaid: 3n, granted: 5n, grant: { remaining: 2n }, after: { deficit: 0n } });
  });

  it('without credits makes no grant', () => {
    const entry = entryOf(FREE, START, startTrial(0n), 'trial_started');
    expect(entry).not.toHaveProperty('grant');
    expect(describeEntry(entry)).toContain('without credits');
  });

  it('goes on to its end when it is canceled, and is told so', () => {
    const { state } = play(FREE, START, startTrial(5n), cancelTrial({ actor: 'usr_1' }));
    expect(state).toMatchObject({ planCode: PLAN, totals: { trial: 5n }, trial: { status: 'canceled' } });
    expect(computeAdvance(state, END).state).toMatchObject({ planCode: FALLBACK_PLAN, trial: { status: 'ended' } });
  });

  it.each([
    ['that has had its trial', [startTrial(5n)], startTrial(1n), 'TRIAL_ALREADY_USED'],
    ['whose trial was canceled', [startTrial(5n), cancelTrial()], startTrial(1n), 'TRIAL_ALREADY_USED'],
    [
      'of another plan, by a person',
      [],
      startTrial(1n, { onlyFromFallback: true, fallbackPlanCode: OTHER_PLAN }),
      'TRIAL_NOT_OFFERED',
    ],
    ['after the person’s place was given away', [], startTrial(1n, { claimedUntil: START - 1 }), 'DEADLINE_EXCEEDED'],
    ['with an end that has passed', [], startTrial(1n, { endsAt: START }), 'INVALID_FIELD'],
    ['that has none, to cancel', [], cancelTrial(), 'TRIAL_NOT_ACTIVE'],
    ['twice, to cancel', [startTrial(5n), cancelTrial()], cancelTrial(), 'TRIAL_NOT_ACTIVE'],
  ])('is refused to an account %s', (_, before, command, reason) => {
    const { state } = play(FREE, START, ...before);
    expect(refusalOf(state, START, command).reason).toBe(reason);
  });

  it('that has ended stays the only one, and can not be canceled', () => {
    const { state } = play(FREE, START, startTrial(5n));
    const ended = computeAdvance(state, END).state;
    expect(refusalOf(ended, END, startTrial(1n, { endsAt: END + 5 })).reason).toBe('TRIAL_ALREADY_USED');
    expect(refusalOf(ended, END, cancelTrial()).reason).toBe('TRIAL_NOT_ACTIVE');
  });

  it('can start when its person’s place is kept to the very millisecond', () => {
    expect(play(FREE, START, startTrial(1n, { claimedUntil: START })).state.trial).toMatchObject({ status: 'active' });
  });

  it('can not be undone', () => {
    const started = undoable(FREE, START, startTrial(5n));
    expect(refusalOf(started.state, START, reverse(started.target)).reason).toBe('ENTRY_NOT_REVERSIBLE');
  });

  it('starts once of two that are asked for in one batch', () => {
    const { outcomes } = decideBatch(FREE, [startTrial(5n), startTrial(5n)], at(START));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'rejected']);
  });

  it('needs an account', () => {
    expect(refusalOf(UNOPENED_ACCOUNT, START, startTrial(5n)).reason).toBe('ACCOUNT_NOT_OPEN');
    expect(accountAfter()).not.toHaveProperty('trial');
  });
});
