// Owns ways to play a history over the real domain, as the committer would: known keys and effects are answered from the
// history, the others are decided, in one batch a moment, command by command, or split in any other way. What a command
// says of the past is looked up when its moment comes, so that it means the same however the moment is split.

import { type AccountState, UNOPENED_ACCOUNT } from '../../../kernel/domain/account.ts';
import { computeAdvance } from '../../../kernel/domain/advance.ts';
import { type Batch, type BatchBounds, decideBatch, type Outcome } from '../../../kernel/domain/batch.ts';
import type { Command } from '../../../kernel/domain/command.ts';
import type { Entry } from '../../../kernel/domain/entry.ts';
import { evolve } from '../../../kernel/domain/evolve.ts';
import type { IdempotencyKey, Instant } from '../../../kernel/domain/id.ts';
import type { History } from './history.ts';
import { Past } from './reference.ts';

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
  /** The commands as they were decided, with the ids of what they speak of. */
  readonly commands: readonly Command[];
  /** One for each command, in order. */
  readonly answers: readonly Answer[];
  /** The account after each step of the history. */
  readonly states: readonly AccountState[];
  readonly state: AccountState;
  readonly endsAt: Instant;
  /** Says ids of holds and entries in a way that does not depend on how the history was grouped into commits. */
  readonly withoutPlaces: <T>(value: T) => T;
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
  const decided: Command[] = [];
  for (const { now, commands: asked } of history) {
    const commands = deepFreeze(asked.map((command) => account.past.resolve(command)));
    decided.push(...commands);
    for (let from = 0; from < commands.length; ) {
      const count = Math.max(1, split(commands.length - from));
      account.commit(commands.slice(from, from + count), now);
      from += count;
    }
    states.push(account.state);
  }
  const { commits, answers, state, past } = account;
  const endsAt = history.at(-1)?.now ?? 0;
  return {
    commits,
    commands: decided,
    answers,
    states,
    state,
    endsAt,
    withoutPlaces: (value) => past.withoutPlaces(value),
  };
}

/** All entries of a playback, with those that fell due by its end, which no command may have had recorded. */
export function allEntries({ commits, state, endsAt }: Playback): readonly Entry[] {
  return [...commits.flatMap(({ entries }) => entries), ...computeAdvance(state, endsAt).entries];
}

/** The account as it is at the end of a playback, whether or not somebody had that recorded. */
export function finalState({ state, endsAt }: Playback): AccountState {
  return computeAdvance(state, endsAt).state;
}

/** What is said where another request has had the effect that a command is about. */
function effectTaken({ type }: Command): Answer {
  const reason = type === 'start_trial' ? 'TRIAL_ALREADY_USED' : 'ENTRY_ALREADY_REVERSED';
  return { kind: 'rejected', reason, metadata: {} };
}

/** One entry with the account before and after it. */
export interface SeenEntry<E extends Entry = Entry> {
  readonly now: Instant;
  readonly entry: E;
  readonly before: AccountState;
  readonly after: AccountState;
}

/** Every entry of a playback with the states around it. */
export function statesOf({ commits }: Pick<Playback, 'commits'>): readonly SeenEntry[] {
  return commits.flatMap(({ now, before: first, entries }) => {
    let before = first;
    return entries.map((entry) => {
      const after = evolve(before, entry);
      const seen = { now, entry, before, after };
      before = after;
      return seen;
    });
  });
}

/** An account to which commands come, batch by batch. */
export class PlayedAccount {
  readonly commits: PlayedCommit[] = [];
  readonly answers: Answer[] = [];
  readonly past = new Past();
  state: AccountState = deepFreeze(UNOPENED_ACCOUNT);
  readonly #bounds: BatchBounds;

  constructor(bounds: BatchBounds = UNBOUNDED) {
    this.#bounds = bounds;
  }

  /** Decides commands of one moment until none waits any more. */
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
    const asked: { readonly index: number; readonly command: Command }[] = [];
    const postponed: number[] = [];
    for (const index of waiting) {
      const command = commands[index];
      if (command === undefined || this.past.hasKey(command)) continue;
      // Who comes after one that waits, waits too: commands keep their order.
      if (postponed.length > 0) postponed.push(index);
      else if (!this.past.hasEffect(command)) asked.push({ index, command });
      // Whether its key is taken too, which is asked first, is known once those before it are decided.
      else if (asked.some((earlier) => earlier.command.key === command.key)) postponed.push(index);
      else answers.set(index, effectTaken(command));
    }
    const before = this.state;
    const seq = this.commits.length + 1;
    const batch = deepFreeze(
      decideBatch(
        before,
        asked.map(({ command }) => command),
        { seq, now },
        this.#bounds,
      ),
    );
    if (batch.entries.length > 0) {
      this.commits.push({ now, before, entries: batch.entries, state: batch.state });
      this.past.add({ seq, createdAt: now, before, entries: batch.entries });
    }
    this.state = batch.state;
    const effects = new Set<IdempotencyKey | undefined>();
    const deferred = asked.flatMap(({ index, command }, place) => {
      const outcome = batch.outcomes[place];
      if (outcome === undefined || outcome.kind === 'deferred') return [index];
      // A refusal is answered after a look for the effect: an earlier command of the batch may have had it.
      const isTaken = outcome.kind === 'rejected' && effects.has(command.effectKey);
      if (outcome.kind === 'accepted' && command.effectKey !== undefined) effects.add(command.effectKey);
      answers.set(index, isTaken ? effectTaken(command) : answerOf(outcome, batch));
      return [];
    });
    return [...deferred, ...postponed].toSorted((a, b) => a - b);
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
