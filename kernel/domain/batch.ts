// Owns how commands that wait together become one commit: decided in order, each over what the ones before it left.
// Invariant: one batch and the same commands one by one leave the same state.

import type { AccountState } from './account.ts';
import { type Advance, computeAdvance } from './advance.ts';
import { COMMIT_BYTES_MAX, ENTRIES_PER_COMMIT_MAX } from './bound.ts';
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

/**
 * Decides commands in order over the newest state of an account. Where more fell due than one commit holds, the batch
 * records only that and defers every command.
 */
export function decideBatch(
  state: AccountState,
  commands: readonly Command[],
  now: Instant,
  bounds: BatchBounds = BOUNDS,
): Batch {
  const advance = computeAdvance(state, now, bounds.entriesMax - 1);
  if (advance.incomplete) {
    return { entries: advance.entries, state: advance.state, outcomes: commands.map(() => ({ kind: 'deferred' })) };
  }
  const draft = new BatchDraft(advance, now, bounds);
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
  readonly #now: Instant;
  readonly #bounds: BatchBounds;
  readonly #indexByKey = new Map<IdempotencyKey, number>();
  #bytes: number;
  #isFull = false;

  constructor(advance: Advance, now: Instant, bounds: BatchBounds) {
    this.entries = [...advance.entries];
    this.state = advance.state;
    this.#now = now;
    this.#bounds = bounds;
    this.#bytes = advance.entries.reduce((sum, entry) => sum + estimateEntryBytes(entry), 0);
  }

  add(command: Command, index: number): Outcome {
    // Once one command has to wait, those behind it wait too: they keep their order.
    if (this.#isFull) return { kind: 'deferred' };
    const earlier = this.#indexByKey.get(command.key);
    if (earlier !== undefined) return { kind: 'duplicate', of: earlier };
    const decision = decide(this.state, command, this.#now);
    // The key of a refused command stays free: the next command that bears it is decided by itself.
    if (decision.kind === 'rejected') return decision;
    const outcome = decision.entry === undefined ? { kind: 'accepted' as const } : this.#record(decision.entry);
    if (outcome.kind === 'accepted') {
      this.hasWork = true;
      this.#indexByKey.set(command.key, index);
    }
    return outcome;
  }

  #record(entry: Entry): Outcome {
    const bytes = estimateEntryBytes(entry);
    if (bytes > this.#bounds.bytesMax) return tooLarge(bytes);
    if (this.entries.length >= this.#bounds.entriesMax || this.#bytes + bytes > this.#bounds.bytesMax) {
      this.#isFull = true;
      this.hasWork = true;
      return { kind: 'deferred' };
    }
    this.#bytes += bytes;
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

const ENTRY_BYTES_BASE = 900;
const DRAW_BYTES = 128;
const PERSONAL_BYTES_BASE = 128;
const DIMENSION_BYTES_BASE = 16;
const UTF8_BYTES_MAX = 3;

/** Computes an upper bound of what an entry takes in a commit, in bytes; a test holds it against the real document. */
export function estimateEntryBytes(entry: Entry): number {
  // A key stands in its entry and in the commit's list of keys.
  let bytes = ENTRY_BYTES_BASE + 2 * estimateTextBytes(entry.key);
  if (entry.personal !== undefined) {
    bytes += PERSONAL_BYTES_BASE + estimateTextBytes(entry.personal.reason);
    for (const [name, value] of Object.entries(entry.personal.dimensions ?? {})) {
      bytes += DIMENSION_BYTES_BASE + estimateTextBytes(name) + estimateTextBytes(value);
    }
  }
  if ('actor' in entry) bytes += estimateTextBytes(entry.actor);
  if (entry.type === 'debited' || entry.type === 'adjusted') bytes += entry.draws.length * DRAW_BYTES;
  if (entry.type === 'debited') {
    const { action, price, projectId, workflowId, runId } = entry;
    bytes +=
      estimateTextBytes(action) +
      estimateTextBytes(price.unit) +
      estimateTextBytes(projectId) +
      estimateTextBytes(workflowId) +
      estimateTextBytes(runId);
  }
  return bytes;
}

/** Computes the most that a text takes as UTF-8, in bytes; counting exactly would cost more than it saves. */
export function estimateTextBytes(text: string | undefined): number {
  return UTF8_BYTES_MAX * (text?.length ?? 0);
}
