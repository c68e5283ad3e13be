// Owns how commands that wait together become one commit: decided in order, each over what the ones before it left.
// Invariant: one batch and the same commands one by one leave the same state.

import type { AccountState } from './account.ts';
import { computeAdvance } from './advance.ts';
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
  const entries: Entry[] = [...advance.entries];
  const outcomes: Outcome[] = [];
  const firstByKey = new Map<IdempotencyKey, number>();
  let bytes = entries.reduce((sum, entry) => sum + estimateEntryBytes(entry), 0);
  let current = advance.state;
  let recordsAdvance = false;

  for (const [index, command] of commands.entries()) {
    const earlier = firstByKey.get(command.key);
    if (earlier !== undefined) {
      outcomes.push({ kind: 'duplicate', of: earlier });
      continue;
    }
    const decision = decide(current, command, now);
    if (decision.kind === 'rejected') {
      // The key stays free: the next command that bears it is decided by itself.
      outcomes.push(decision);
      continue;
    }
    recordsAdvance = true;
    firstByKey.set(command.key, index);
    if (decision.entry === undefined) {
      outcomes.push({ kind: 'accepted' });
      continue;
    }
    const size = estimateEntryBytes(decision.entry);
    if (entries.length >= bounds.entriesMax || bytes + size > bounds.bytesMax) {
      outcomes.push(entries.length === advance.entries.length ? tooLarge(size, bounds) : { kind: 'deferred' });
      for (let rest = index + 1; rest < commands.length; rest += 1) outcomes.push({ kind: 'deferred' });
      break;
    }
    bytes += size;
    current = evolve(current, decision.entry);
    outcomes.push({ kind: 'accepted', entryIndex: entries.length });
    entries.push(decision.entry);
  }
  // A refused command writes nothing, not even what fell due meanwhile: reads compute that, and a later commit records it.
  return recordsAdvance ? { entries, state: current, outcomes } : { entries: [], state, outcomes };
}

function tooLarge(bytes: number, bounds: BatchBounds): Outcome {
  const message = `this request alone would make a commit of about ${bytes} bytes, the most is ${bounds.bytesMax}: send less text`;
  return {
    kind: 'rejected',
    error: new DomainError('COMMIT_TOO_LARGE', message, { metadata: { limit_bytes: String(bounds.bytesMax) } }),
  };
}

const ENTRY_BYTES_BASE = 900;
const DRAW_BYTES = 128;

/** Computes an upper bound of what an entry takes in a commit, in bytes; a test holds it against the real document. */
export function estimateEntryBytes(entry: Entry): number {
  let bytes = ENTRY_BYTES_BASE + 3 * entry.key.length * 2;
  if (entry.personal !== undefined) {
    bytes += 3 * (entry.personal.reason?.length ?? 0) + 128;
    for (const [name, value] of Object.entries(entry.personal.dimensions ?? {})) bytes += 3 * (name.length + value.length) + 16;
  }
  if (entry.type === 'debited' || entry.type === 'adjusted') bytes += entry.draws.length * DRAW_BYTES;
  if (entry.type === 'debited') {
    for (const text of [entry.action, entry.projectId, entry.workflowId, entry.runId]) bytes += 3 * (text?.length ?? 0);
  }
  return bytes;
}
