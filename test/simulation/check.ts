// Holds what clients were told against what the database has: every acknowledged write is there once, no refused one is,
// every refusal and every reading was right at some moment between call and answer.

import type { Posting } from '../../kernel/app/ledger/ledger.ts';
import type { Entry } from '../../kernel/domain/entry.ts';
import type { DomainError } from '../../kernel/domain/error.ts';
import type { Rules } from '../model/account-model.ts';
import { refusalOf } from '../model/kernel-words.ts';
import type { AccountHistory, Moment } from './account-history.ts';
import type { Attempt, Window } from './attempt.ts';
import type { WriteRequest } from './request.ts';
import { isSame, show } from './show.ts';

/** Says what is wrong with the answers that one account's clients got. */
export function findAnswerProblems(
  history: AccountHistory,
  attempts: readonly Attempt[],
  rulesIn: (window: Window) => readonly Rules[],
): readonly string[] {
  const problems = attempts.flatMap((attempt) => {
    const { request, ended, kernel } = attempt;
    const problem = findProblem(history, attempt, rulesIn);
    const span = `${ended?.startMs.toFixed(3)} to ${ended?.endMs.toFixed(3)}`;
    return problem === undefined ? [] : [`${request.text} @${kernel}, ${span}: ${problem}`];
  });
  return [...problems, ...findTwice(attempts), ...findUnasked(history, attempts)];
}

function findProblem(
  history: AccountHistory,
  { request, ending, ended }: Attempt,
  rulesIn: (window: Window) => readonly Rules[],
): string | undefined {
  if (ending === undefined || ended === undefined) return undefined;
  if (ending.kind === 'fault') return ending.message;
  if (request.isRead) {
    if (ending.kind === 'read') return request.verify(ending.value, ended);
    return ending.kind === 'refused' ? request.verifyRefusal(ending.error, ended) : undefined;
  }
  if (ending.kind === 'posted') return findPostingProblem(history, request, ending.posting);
  return ending.kind === 'refused'
    ? findRefusalProblem(history, request, ending.error, { window: ended, rules: rulesIn(ended) })
    : undefined;
}

/** No two calls for one key are told that it was they who did it. */
function findTwice(attempts: readonly Attempt[]): readonly string[] {
  const firsts = new Map<string, string>();
  return attempts.flatMap(({ request, ending, kernel }) => {
    if (request.isRead || ending?.kind !== 'posted' || ending.posting.replayed) return [];
    const first = firsts.get(request.key);
    firsts.set(request.key, kernel);
    return first === undefined ? [] : [`${request.text}: was done by ${first} and done anew by ${kernel}`];
  });
}

function findPostingProblem(history: AccountHistory, request: WriteRequest, posting: Posting): string | undefined {
  const { posted } = posting;
  const recorded = history.recorded.get(request.key);
  if (recorded === undefined) return `was acknowledged as #${posted.seq}, and the history has nothing of it`;
  const { stored, index, entry } = recorded;
  if (request.redacts !== undefined && !isRedacted(history.entryOf(request.redacts))) {
    return `was answered, and ${request.redacts} has its text`;
  }
  // Once the text is gone, nobody can tell that it was another.
  if (!request.isRecordedBy(entry, !isRedacted(stored.commit.entries[index])))
    return `was answered with what another request with its id did`;
  const [told, kept] = [withoutText(posted.entry), withoutText(entry)];
  const isThere = posted.seq === stored.commit.seq && posted.createdAt === stored.commit.createdAt;
  if (!isThere || !isSame(told, kept)) {
    return `was answered with #${posted.seq} ${show(told)}, the history has #${stored.commit.seq} ${show(kept)}`;
  }
  return history.keyOfEntry(posted.entryId) === request.key
    ? undefined
    : `got the id ${posted.entryId} of another entry`;
}

function isRedacted(entry: Entry | undefined): boolean {
  return entry?.personal === undefined || show(Object.keys(entry.personal)) === '["digest"]';
}

function withoutText<T extends { readonly personal?: unknown }>(entry: T): Omit<T, 'personal'> {
  const { personal: _, ...rest } = entry;
  return rest;
}

/** Looks for a moment between call and answer at which the refusal was right. */
function findRefusalProblem(
  history: AccountHistory,
  request: WriteRequest,
  error: DomainError,
  { window, rules }: { readonly window: Window; readonly rules: readonly Rules[] },
): string | undefined {
  if (error.reason === 'IDEMPOTENCY_KEY_REUSED') return findReuseProblem(history, request, window);
  const { target } = { target: '', ...history.askOf(request) };
  // What names no entry at all is refused for that, whatever else is to be said of it.
  if (error.reason === 'ENTRY_NOT_FOUND' && target === undefined) return undefined;
  const told = refusalOf(error.reason, error.metadata);
  const said: unknown[] = [];
  for (const moment of history.between(window.commitsStart, window.commitsEnd)) {
    for (const now of timesOf(moment, window)) {
      const ask = history.askOf(request);
      const asks = 'rules' in ask ? rules.map((rule) => ({ ...ask, rules: rule })) : [ask];
      const answers = asks.map((each) => moment.model.copy().apply(each, now));
      if (answers.some((answer) => isSame(answer, told))) return undefined;
      said.push(...answers);
    }
  }
  return `was refused by ${show(told)}, right at no moment: the model says ${show(said.slice(0, 4))}`;
}

/** The times at which the answer may have changed: the call, whatever happens by itself, the answer. */
function* timesOf({ model, createdAt }: Moment, { clockStart, clockEnd }: Window): Generator<number> {
  const latest = Math.max(clockEnd, createdAt, model.time);
  const twin = model.copy();
  for (let now = Math.max(clockStart, createdAt, model.time); now < latest; now = twin.nextChange()) {
    yield now;
    twin.passTo(now);
  }
  yield latest;
}

function findReuseProblem(history: AccountHistory, request: WriteRequest, window: Window): string | undefined {
  const recorded = history.recorded.get(request.key);
  if (recorded === undefined || recorded.stored.commit.seq > window.commitsEnd) {
    return 'was refused as a reuse, and its key was free';
  }
  return request.isRecordedBy(recorded.entry, true) ? 'was refused as a reuse by its own entry' : undefined;
}

/** Every entry of a request has a call behind it that was not told that nothing happened. */
function findUnasked(history: AccountHistory, attempts: readonly Attempt[]): readonly string[] {
  const problems: string[] = [];
  const behind = new Map<string, Attempt[]>();
  for (const attempt of attempts) {
    if (attempt.request.isRead) continue;
    const { key } = attempt.request;
    behind.set(key, [...(behind.get(key) ?? []), attempt]);
  }
  for (const [key, { request, stored, entry }] of history.recorded) {
    if (request === undefined) continue;
    const isAccounted = (behind.get(key) ?? []).some(({ request: asked, begun, ending }) => {
      const mayHaveDone = ending === undefined || ending.kind === 'posted' || ending.kind === 'unknown';
      return !asked.isRead && mayHaveDone && asked.isRecordedBy(entry, true) && begun.startMs <= stored.insertedAtMs;
    });
    if (!isAccounted) {
      problems.push(`${request.text}: every call was told that nothing happened, and #${stored.commit.seq} records it`);
    }
  }
  return problems;
}
