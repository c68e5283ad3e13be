// Owns how commands that wait together become one commit: decided in order, each over what the ones before it left.
// Invariant: one batch and the same commands one by one leave the same state.

import type { AccountState } from './account.ts';
import { type Advance, computeAdvance } from './advance.ts';
import { COMMIT_BYTES_MAX, ENTRIES_PER_COMMIT_MAX } from './bound.ts';
import { estimateEntryBytes } from './byte-estimate.ts';
import type { Command } from './command.ts';
import { decide } from './decide.ts';
import type { Entry } from './entry.ts';
import { DomainError } from './error.ts';
import { evolve } from './evolve.ts';
import type { IdempotencyKey, Instant } from './id.ts';

/** What became of one command of a batch. */
export type Outcome =
  /** Recorded by `entries[entryIndex]` of the batch; without an index nothing was left to record. */
  | { readonly kind: 'accepted'; readonly entryIndex?: number }
  /** Has the key of an earlier command of the batch, whose outcome is also its own. */
  | { readonly kind: 'duplicate'; readonly of: number }
  | { readonly kind: 'rejected'; readonly error: DomainError }
  /** Did not fit; to be decided again in a later commit. */
  | { readonly kind: 'deferred' };

/** What a batch comes to: entries to commit, the state after them, one outcome for each command. */
export interface Batch {
  readonly entries: readonly Entry[];
  readonly state: AccountState;
  readonly outcomes: readonly Outcome[];
}

/** How much one commit may take. */
export interface BatchBounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

const BOUNDS: BatchBounds = { entriesMax: ENTRIES_PER_COMMIT_MAX, bytesMax: COMMIT_BYTES_MAX };

/** Where and when a batch will stand in the history of its account. */
export interface BatchPlace {
  readonly seq: number;
  readonly now: Instant;
}

/**
 * Decides commands in order over the newest state of an account. Where more fell due than one commit holds, the batch
 * records only that and defers every command.
 */
export function decideBatch(
  state: AccountState,
  commands: readonly Command[],
  place: BatchPlace,
  bounds: BatchBounds = BOUNDS,
): Batch {
  const advance = computeAdvance(state, place.now, bounds.entriesMax - 1);
  if (advance.incomplete) {
    return { entries: advance.entries, state: advance.state, outcomes: commands.map(() => ({ kind: 'deferred' })) };
  }
  const draft = new BatchDraft(advance, place, bounds);
  const outcomes = commands.map((command, index) => draft.add(command, index));
  // A refused command writes nothing, not even what fell due meanwhile: reads compute that, and a later commit records it.
  return draft.hasWork ? { entries: draft.entries, state: draft.state, outcomes } : { entries: [], state, outcomes };
}

/** A batch while it is put together. */
class BatchDraft {
  readonly entries: Entry[];
  state: AccountState;
  /** Says that there is something to commit: a command was accepted, or waits for what fell due to go first. */
  hasWork = false;
  readonly #place: BatchPlace;
  readonly #bounds: BatchBounds;
  readonly #indexByKey = new Map<IdempotencyKey, number>();
  readonly #effectKeys = new Set<IdempotencyKey>();
  #bytes: number;
  #isFull = false;

  constructor(advance: Advance, place: BatchPlace, bounds: BatchBounds) {
    this.entries = [...advance.entries];
    this.state = advance.state;
    this.#place = place;
    this.#bounds = bounds;
    this.#bytes = advance.entries.reduce((sum, entry) => sum + estimateEntryBytes(entry), 0);
  }

  add(command: Command, index: number): Outcome {
    // Once one command has to wait, those behind it wait too: they keep their order.
    if (this.#isFull) return { kind: 'deferred' };
    const earlier = this.#indexByKey.get(command.key);
    if (earlier !== undefined) return { kind: 'duplicate', of: earlier };
    const { seq, now } = this.#place;
    const decision = decide(this.state, command, { now, seq, index: this.entries.length });
    // The key of a refused command stays free: the next command that bears it is decided by itself.
    if (decision.kind === 'rejected') return decision;
    const outcome = decision.entry === undefined ? { kind: 'accepted' as const } : this.#record(decision.entry);
    if (outcome.kind === 'accepted') {
      this.hasWork = true;
      // So does that of a command for which there was nothing to record.
      if (decision.entry !== undefined) this.#indexByKey.set(command.key, index);
    }
    return outcome;
  }

  #record(entry: Entry): Outcome {
    const bytes = estimateEntryBytes(entry);
    if (bytes > this.#bounds.bytesMax) return tooLarge(bytes);
    // Only the index knows whether an effect happened before, so its second asker waits until the first is committed.
    const isTaken = entry.effectKey !== undefined && this.#effectKeys.has(entry.effectKey);
    if (isTaken || this.entries.length >= this.#bounds.entriesMax || this.#bytes + bytes > this.#bounds.bytesMax) {
      this.#isFull = true;
      this.hasWork = true;
      return { kind: 'deferred' };
    }
    this.#bytes += bytes;
    if (entry.effectKey !== undefined) this.#effectKeys.add(entry.effectKey);
    this.state = evolve(this.state, entry);
    this.entries.push(entry);
    return { kind: 'accepted', entryIndex: this.entries.length - 1 };
  }
}

function tooLarge(bytes: number): Outcome {
  const message = `this request alone would make a commit of up to ${bytes} bytes, the most is ${COMMIT_BYTES_MAX}: send less text`;
  const metadata = { limit_bytes: String(COMMIT_BYTES_MAX) };
  return { kind: 'rejected', error: new DomainError('COMMIT_TOO_LARGE', message, { metadata }) };
}
