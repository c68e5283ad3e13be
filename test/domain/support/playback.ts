// Owns ways to play a history over the real domain, as the committer would: known keys are answered from the history, the
// others are decided, in one batch a moment, command by command, or split in any other way.

import { type AccountState, UNOPENED_ACCOUNT } from '../../../kernel/domain/account.ts';
import { computeAdvance } from '../../../kernel/domain/advance.ts';
import { type Batch, type BatchBounds, decideBatch, type Outcome } from '../../../kernel/domain/batch.ts';
import type { Command } from '../../../kernel/domain/command.ts';
import type { Entry } from '../../../kernel/domain/entry.ts';
import type { IdempotencyKey, Instant } from '../../../kernel/domain/id.ts';
import type { History } from './history.ts';

/** What a caller was told: the entry, nothing, that it was done before, or why not. */
export type Answer =
  | { readonly kind: 'accepted'; readonly entry?: Entry }
  | { readonly kind: 'replayed' }
  | { readonly kind: 'rejected'; readonly reason: string; readonly metadata: Readonly<Record<string, string>> };

/** One commit, with the account before and after it. */
export interface PlayedCommit {
  readonly now: Instant;
  readonly before: AccountState;
  readonly entries: readonly Entry[];
  readonly state: AccountState;
}

/** What a history came to. */
export interface Playback {
  readonly commits: readonly PlayedCommit[];
  /** One for each command, in order. */
  readonly answers: readonly Answer[];
  /** The account after each step of the history. */
  readonly states: readonly AccountState[];
  readonly state: AccountState;
  readonly endsAt: Instant;
}

export const UNBOUNDED: BatchBounds = {
  entriesMax: Number.POSITIVE_INFINITY,
  bytesMax: Number.POSITIVE_INFINITY,
};

/** Says how many of the commands that wait go into the next batch. */
export type Split = (waiting: number) => number;

export const TOGETHER: Split = (waiting) => waiting;
export const ONE_BY_ONE: Split = () => 1;

/** Plays a history; what is deferred goes into the batches that follow, at the same time. */
export function playHistory(history: History, split: Split = TOGETHER, bounds: BatchBounds = UNBOUNDED): Playback {
  const account = new PlayedAccount(bounds);
  const states: AccountState[] = [];
  for (const { now, commands } of history) {
    for (let from = 0; from < commands.length; ) {
      const count = Math.max(1, split(commands.length - from));
      account.commit(commands.slice(from, from + count), now);
      from += count;
    }
    states.push(account.state);
  }
  const { commits, answers, state } = account;
  return { commits, answers, states, state, endsAt: history.at(-1)?.now ?? 0 };
}

/** All entries of a playback, with those that fell due by its end, which no command may have had recorded. */
export function allEntries({ commits, state, endsAt }: Playback): readonly Entry[] {
  return [...commits.flatMap(({ entries }) => entries), ...computeAdvance(state, endsAt).entries];
}

/** The account as it is at the end of a playback, whether or not somebody had that recorded. */
export function finalState({ state, endsAt }: Playback): AccountState {
  return computeAdvance(state, endsAt).state;
}

class PlayedAccount {
  readonly commits: PlayedCommit[] = [];
  readonly answers: Answer[] = [];
  state: AccountState = deepFreeze(UNOPENED_ACCOUNT);
  readonly #bounds: BatchBounds;
  readonly #known = new Set<IdempotencyKey>();

  constructor(bounds: BatchBounds) {
    this.#bounds = bounds;
  }

  commit(commands: readonly Command[], now: Instant): void {
    const answers = new Map<number, Answer>();
    let waiting = [...commands.keys()];
    for (let round = 0; waiting.length > 0; round += 1) {
      if (round > 10_000) throw new Error('the batches never come to an end');
      waiting = this.#decide(commands, waiting, now, answers);
    }
    for (const index of commands.keys()) this.answers.push(answers.get(index) ?? { kind: 'replayed' });
  }

  /** Decides one batch; answers which commands have to wait for the next. */
  #decide(
    commands: readonly Command[],
    waiting: readonly number[],
    now: Instant,
    answers: Map<number, Answer>,
  ): number[] {
    const asked = waiting.flatMap((index) => {
      const command = commands[index];
      return command === undefined || this.#known.has(command.key) ? [] : [{ index, command }];
    });
    const before = this.state;
    const batch = deepFreeze(
      decideBatch(
        before,
        asked.map(({ command }) => command),
        now,
        this.#bounds,
      ),
    );
    if (batch.entries.length > 0) this.commits.push({ now, before, entries: batch.entries, state: batch.state });
    this.state = batch.state;
    for (const { key } of batch.entries) this.#known.add(key);
    return asked.flatMap(({ index }, place) => {
      const outcome = batch.outcomes[place];
      if (outcome === undefined || outcome.kind === 'deferred') return [index];
      answers.set(index, answerOf(outcome, batch));
      return [];
    });
  }
}

function answerOf(outcome: Exclude<Outcome, { readonly kind: 'deferred' }>, { entries, outcomes }: Batch): Answer {
  if (outcome.kind === 'duplicate') {
    const first = outcomes[outcome.of];
    // What leaves no entry leaves no key either, so it is no replay where it comes again in another batch.
    return first?.kind === 'accepted' && first.entryIndex === undefined ? { kind: 'accepted' } : { kind: 'replayed' };
  }
  if (outcome.kind === 'rejected') {
    return { kind: 'rejected', reason: outcome.error.reason, metadata: outcome.error.metadata };
  }
  const entry = outcome.entryIndex === undefined ? undefined : entries[outcome.entryIndex];
  return entry === undefined ? { kind: 'accepted' } : { kind: 'accepted', entry };
}

/** Freezes plain values all the way down, so that a domain that changes what it was given fails at once. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value) && !(value instanceof Error)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
