// Owns the write path (docs/architecture.md): every tenant's commands in order, at most one commit of a tenant in
// flight, and what is answered when. Does not own rules (domain/) or documents (store/).
// Invariants: an answer of success follows an acknowledged commit or a stored entry; a refusal follows a read of the head
// and then of the key, both later than the request; what the database did not tell is never taken for "did not happen".

import { decideBatch, type Outcome } from '../../domain/batch.ts';
import { ENTRIES_PER_COMMIT_MAX } from '../../domain/bound.ts';
import type { Command } from '../../domain/command.ts';
import { DomainError } from '../../domain/error.ts';
import type { IdempotencyKey, Instant, TenantId } from '../../domain/id.ts';
import type { Clock, IdSource, InsertOutcome, LedgerObserver, LedgerStore, Pacing, PlacedEntry } from '../ports.ts';
import { type AccountHead, HEAD_AHEAD_MAX_MS } from './account-head.ts';
import { HeadLoader, type Refresh } from './head-loader.ts';
import { InsertQueue } from './insert-queue.ts';
import type { Committed, Lane, Task } from './lane.ts';
import type { LaneRegistry } from './lane-registry.ts';
import { isSameRequest } from './request-identity.ts';
import { decideRound, type Round } from './round.ts';
import { TurnTaking } from './turn-taking.ts';
import {
  asDomainError,
  effectTaken,
  headFromFuture,
  keyReused,
  outcomeUnknown,
  queueFull,
  shuttingDown,
} from './write-error.ts';

/** How many commands of one tenant may wait; beyond: QUEUE_FULL. */
export const LANE_QUEUE_MAX = 4_096;
/** How many commands of all tenants may wait in this kernel; beyond: QUEUE_FULL. */
const KERNEL_QUEUE_MAX = 32_768;

/**
 * How many of a commit are answered in one go: an answer takes about as long as a call does to be read, and nobody is heard meanwhile,
 * so a tenant with hundreds of calls under way would hold up all the others (docs/benchmark.md, "Neighbours").
 */
const ANSWERS_AT_ONCE = 16;

/** Waits before the reads and resends that follow an outcome that is unknown or not visible yet, in milliseconds. */
const UNKNOWN_BACKOFF_MS: readonly number[] = [20, 100, 300, 800, 1_500];

/** What the committer works with. */
export interface CommitterTools {
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly observer: LedgerObserver;
  readonly pacing: Pacing;
  readonly lanes: LaneRegistry;
}

/** Commits commands of many tenants. */
export class Committer {
  readonly #tools: CommitterTools;
  readonly #loader: HeadLoader;
  readonly #inserts: InsertQueue;
  readonly #turns: TurnTaking;
  #queued = 0;
  #draining = false;
  #idle: (() => void) | undefined;

  constructor(tools: CommitterTools) {
    this.#tools = tools;
    this.#loader = new HeadLoader(tools.store);
    this.#inserts = new InsertQueue(tools.store, tools.pacing);
    this.#turns = new TurnTaking(tools, this.#loader);
  }

  /**
   * Decides and commits a command, in its tenant's order.
   * Throws DomainError: the refusal of the command; IDEMPOTENCY_KEY_REUSED; QUEUE_FULL, SHUTTING_DOWN, CLOCK_UNCERTAIN,
   * HEAD_FROM_FUTURE, STATE_VERSION_UNSUPPORTED, DEADLINE_EXCEEDED when nothing was written; DATABASE_UNAVAILABLE and
   * OUTCOME_UNKNOWN when it must be retried with the same key.
   */
  submit(tenantId: TenantId, command: Command, deadlineAtMs: number): Promise<Committed> {
    if (this.#draining) return Promise.reject(shuttingDown());
    const lane = this.#tools.lanes.laneOf(tenantId);
    if (lane.length >= LANE_QUEUE_MAX) return Promise.reject(queueFull('this tenant', LANE_QUEUE_MAX));
    if (this.#queued >= KERNEL_QUEUE_MAX) return Promise.reject(queueFull('this kernel', KERNEL_QUEUE_MAX));
    return new Promise((resolve, reject) => {
      this.#countQueued(1);
      let waiting = true;
      const leave =
        <T>(answer: (value: T) => void) =>
        (value: T): void => {
          if (waiting) this.#countQueued(-1);
          waiting = false;
          answer(value);
        };
      lane.push({ command, deadlineAtMs, resolve: leave(resolve), reject: leave(reject) });
      if (this.#tools.lanes.begin(lane)) void this.#work(lane);
    });
  }

  /** Refuses new commands, and resolves when all that were taken are answered and the hints that wait are written. */
  async drain(): Promise<void> {
    this.#draining = true;
    if (this.#queued > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    await this.#turns.flushHints();
  }

  #countQueued(change: number): void {
    this.#queued += change;
    this.#tools.observer.queued(this.#queued);
    if (this.#queued === 0) this.#idle?.();
  }

  async #work(lane: Lane): Promise<void> {
    while (lane.length > 0) {
      try {
        await this.#turns.awaitTurn(lane);
        lane.head ??= await this.#loader.load(lane.tenantId);
        await this.#runRound(lane, lane.head);
      } catch (error) {
        // Whatever is wrong with this account now is wrong for all that wait: they are answered, and can retry.
        lane.head = undefined;
        this.#reportCorruption(lane, error);
        for (const task of lane.take(Number.POSITIVE_INFINITY, this.#tools.pacing.monotonicMs()))
          task.reject(asDomainError(error));
      }
    }
    this.#tools.lanes.end(lane);
  }

  async #runRound(lane: Lane, head: AccountHead): Promise<void> {
    await this.#timeFor(head);
    let round: Round | undefined;
    const outcome = await this.#inserts.insert(() => {
      round = this.#decide(lane, head);
      return round?.prepared;
    });
    if (round === undefined) return;
    const tasks = decidedTasks(round);
    try {
      if (outcome === undefined) return await this.#settleWithoutCommit(lane, round);
      await this.#settle(lane, round, outcome);
    } catch (error) {
      // A fault of ours must not leave a caller without an answer; what is answered or put back already is not touched.
      for (const task of tasks) if (!lane.includes(task)) task.reject(asDomainError(error));
      throw error;
    }
  }

  /** The time to decide at. A head from the future is looked at twice, then an alarm: never a new now. */
  async #timeFor(head: AccountHead): Promise<number> {
    const { clock, observer } = this.#tools;
    if (head.createdAt - clock.now() > HEAD_AHEAD_MAX_MS) await clock.measure();
    const aheadMs = head.createdAt - clock.now();
    if (aheadMs <= HEAD_AHEAD_MAX_MS) return clock.now();
    observer.headFromFuture(head.tenantId, aheadMs);
    throw headFromFuture(aheadMs);
  }

  #decide(lane: Lane, head: AccountHead): Round | undefined {
    const solo = lane.soloTasks > 0;
    const tasks = lane.take(solo ? 1 : ENTRIES_PER_COMMIT_MAX, this.#tools.pacing.monotonicMs());
    if (solo) lane.soloTasks -= 1;
    if (tasks.length === 0) return undefined;
    try {
      // The clock was certain when this round began; it may have waited for its turn since.
      const round = decideRound(head, tasks, this.#tools.clock.estimate(), this.#tools);
      lane.putBack(tasks.filter((_, index) => round.batch.outcomes[index]?.kind === 'deferred'));
      return round;
    } catch (error) {
      this.#isolate(lane, tasks, error);
      return undefined;
    }
  }

  /** One command makes a commit that can't be stored: it alone must fail, so each of them is tried by itself. */
  #isolate(lane: Lane, tasks: readonly Task[], error: unknown): void {
    const [only] = tasks;
    if (tasks.length === 1 && only !== undefined) {
      only.reject(error);
      return;
    }
    lane.putBack(tasks);
    lane.soloTasks = tasks.length;
  }

  #settle(lane: Lane, round: Round, outcome: InsertOutcome): Promise<void> | void {
    switch (outcome.kind) {
      case 'acknowledged':
        return this.#settleAcknowledged(lane, round);
      case 'duplicate':
        return this.#settleDuplicate(lane, round);
      case 'invalid':
        return this.#isolate(
          lane,
          decidedTasks(round),
          new DomainError('INTERNAL', outcome.error.message, { cause: outcome.error }),
        );
      case 'unknown':
        this.#tools.observer.outcomeUnknown(lane.tenantId, outcome.error);
        return this.#settleUnknown(lane, round);
    }
  }

  #settleAcknowledged(lane: Lane, round: Round): void {
    lane.offer(round.nextHead);
    this.#turns.won(lane, round.nextHead);
    this.#tools.observer.committed(round.batch.entries.length, lane.tenantId, round.nextHead.seq);
    this.#answerAccepted(round);
    // The acknowledged commit proves the state that refusals of this batch rest on; what is left is to look for their keys.
    const refused = refusedTasks(round);
    if (refused.length > 0) void this.#answerRefused(lane.tenantId, refused);
  }

  /** Answers some at once, and the others after the I/O that is ready by then. */
  #answerAccepted(round: Round, from = 0): void {
    const to = from + ANSWERS_AT_ONCE;
    if (to < round.tasks.length) this.#tools.pacing.afterReadyIo(() => this.#answerLater(round, to));
    for (const [index, task] of round.tasks.slice(from, to).entries()) {
      const outcome = round.batch.outcomes[from + index];
      if (outcome?.kind === 'accepted') task.resolve(committedAt(round, outcome.entryIndex));
      else if (outcome?.kind === 'duplicate') this.#answerDuplicateInBatch(round, task, outcome.of);
    }
  }

  /** Answers the rest; where that fails, which is a fault of ours, with that: the caller asks again, with the same key. */
  #answerLater(round: Round, from: number): void {
    try {
      this.#answerAccepted(round, from);
    } catch (error) {
      for (const task of round.tasks.slice(from)) task.reject(asDomainError(error));
    }
  }

  #answerDuplicateInBatch(round: Round, task: Task, earlier: number): void {
    const outcome = round.batch.outcomes[earlier];
    const placed = outcome?.kind === 'accepted' ? committedAt(round, outcome.entryIndex).placed : undefined;
    if (placed === undefined) task.resolve({ replayed: true });
    else this.#answerReplay(task, placed);
  }

  #answerReplay(task: Task, placed: PlacedEntry): void {
    const { command } = task;
    if (placed.entry.key !== command.key) {
      task.reject(effectTaken(placed));
      return;
    }
    if (!isSameRequest(placed.entry, command.fingerprint, command.personal)) {
      task.reject(keyReused(command.key));
      return;
    }
    this.#tools.observer.replayed();
    task.resolve({ placed, replayed: true });
  }

  /** Nothing was inserted that could collide, so before a refusal the head and then the keys are read. */
  async #settleWithoutCommit(lane: Lane, round: Round): Promise<void> {
    this.#answerAccepted(round);
    const refused = refusedTasks(round);
    if (refused.length === 0) return;
    const tasks = refused.map(({ task }) => task);
    const proven = await this.#guard(tasks, async () => {
      const { head } = await this.#loader.refresh(round.head);
      lane.offer(head);
      const now = Math.max(await this.#timeFor(head), head.createdAt);
      return tasks.map((task) => ({ task, outcome: decideAgain(head, task, now) }));
    });
    if (proven === undefined) return;
    // What another kernel's commit has made possible is decided again, in its order, over the newer head.
    lane.putBack(proven.filter(({ outcome }) => outcome?.kind !== 'rejected').map(({ task }) => task));
    await this.#answerRefused(
      lane.tenantId,
      proven.flatMap(({ task, outcome }) => (outcome?.kind === 'rejected' ? [{ task, error: outcome.error }] : [])),
    );
  }

  /** Answers refusals that rest on a proven head: with the earlier entry where the key was used, else with the refusal. */
  async #answerRefused(tenantId: TenantId, refused: readonly Refused[]): Promise<void> {
    if (refused.length === 0) return;
    const tasks = refused.map(({ task }) => task);
    const found = await this.#guard(tasks, () => this.#loadByKey(tenantId, tasks));
    if (found === undefined) return;
    for (const { task, error } of refused) {
      const placed = findEarlier(found, task.command);
      if (placed === undefined) task.reject(error);
      else this.#answerReplay(task, placed);
    }
  }

  async #loadByKey(tenantId: TenantId, tasks: readonly Task[]): Promise<ReadonlyMap<IdempotencyKey, PlacedEntry>> {
    const keys = new Set(tasks.flatMap(({ command: { key, effectKey } }) => [key, ...(effectKey ? [effectKey] : [])]));
    const entries = await this.#tools.store.loadEntriesByKeys(tenantId, [...keys]);
    return new Map(
      entries.flatMap((placed) => {
        const { key, effectKey } = placed.entry;
        return effectKey === undefined ? [[key, placed]] : [[effectKey, placed] as const, [key, placed] as const];
      }),
    );
  }

  /** Runs reads that tasks wait for; where they fail the tasks are answered with that, and the result is undefined. */
  async #guard<T>(tasks: readonly Task[], read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      for (const task of tasks) task.reject(asDomainError(error));
      return undefined;
    }
  }

  /** A unique index refused the commit: another commit has its seq, or one of its keys, or it is our own, sent twice. */
  async #settleDuplicate(lane: Lane, round: Round): Promise<void> {
    const tasks = decidedTasks(round);
    for (const waitMs of [0, ...UNKNOWN_BACKOFF_MS]) {
      if (waitMs > 0) await this.#tools.pacing.delay(waitMs);
      const read = await this.#readAfterDuplicate(lane, round, tasks);
      if (read === undefined) return;
      const { seen, found } = read;
      if (isOurs(seen, round)) return this.#settleAcknowledgedAt(lane, round, seen.head);
      if (seen.next === undefined && found.size === 0) continue;
      if (seen.next !== undefined) this.#turns.lost(lane, seen.head);
      this.#answerFound(lane, tasks, found);
      return;
    }
    // The index knows a commit that no majority read shows: only time, or an operator, can tell.
    lane.head = undefined;
    for (const task of tasks) task.reject(outcomeUnknown());
  }

  /** Reads head and keys at once: what is decided again is proven by its own insert, so their order does not matter. */
  async #readAfterDuplicate(
    lane: Lane,
    round: Round,
    tasks: readonly Task[],
  ): Promise<{ seen: Refresh; found: ReadonlyMap<IdempotencyKey, PlacedEntry> } | undefined> {
    const read = await this.#guard(tasks, () =>
      Promise.all([this.#loader.refresh(round.head), this.#loadByKey(lane.tenantId, tasks)]),
    );
    if (read === undefined) {
      lane.head = undefined;
      return undefined;
    }
    const [seen, found] = read;
    lane.offer(seen.head);
    return { seen, found };
  }

  /** Answers what was done before, and decides the rest again. */
  #answerFound(lane: Lane, tasks: readonly Task[], found: ReadonlyMap<IdempotencyKey, PlacedEntry>): void {
    const again: Task[] = [];
    for (const task of tasks) {
      const placed = findEarlier(found, task.command);
      if (placed === undefined) again.push(task);
      else this.#answerReplay(task, placed);
    }
    lane.putBack(again);
  }

  #settleAcknowledgedAt(lane: Lane, round: Round, newest: AccountHead): void {
    this.#settleAcknowledged(lane, round);
    lane.offer(newest);
  }

  /** The database did not say. Not found is not "did not happen": the very same document is sent again. */
  async #settleUnknown(lane: Lane, round: Round): Promise<void> {
    const { prepared } = round;
    for (const waitMs of UNKNOWN_BACKOFF_MS) {
      await this.#tools.pacing.delay(waitMs);
      const seen = await this.#loader.refresh(round.head).catch(() => undefined);
      if (seen === undefined) continue;
      lane.offer(seen.head);
      if (isOurs(seen, round)) return this.#settleAcknowledgedAt(lane, round, seen.head);
      // Another commit has our seq, so ours can never land.
      if (seen.next !== undefined) return this.#settleDuplicate(lane, round);
      const outcome = prepared === undefined ? undefined : await this.#inserts.insert(() => prepared);
      if (outcome !== undefined && outcome.kind !== 'unknown') return this.#settle(lane, round, outcome);
    }
    lane.head = undefined;
    for (const task of decidedTasks(round)) task.reject(outcomeUnknown());
  }

  #reportCorruption(lane: Lane, error: unknown): void {
    if (error instanceof DomainError && error.reason === 'LEDGER_CORRUPT')
      this.#tools.observer.corrupt(lane.tenantId, error);
  }
}

interface Refused {
  readonly task: Task;
  readonly error: DomainError;
}

function refusedTasks(round: Round): Refused[] {
  return round.tasks.flatMap((task, index) => {
    const outcome = round.batch.outcomes[index];
    return outcome?.kind === 'rejected' ? [{ task, error: outcome.error }] : [];
  });
}

/** The tasks of a round that were decided; deferred ones wait in the lane already. */
function decidedTasks(round: Round): Task[] {
  return round.tasks.filter((_, index) => round.batch.outcomes[index]?.kind !== 'deferred');
}

/** Finds the entry that the request made before, or else the one that has had its effect. */
function findEarlier(
  found: ReadonlyMap<IdempotencyKey, PlacedEntry>,
  { key, effectKey }: Command,
): PlacedEntry | undefined {
  return found.get(key) ?? (effectKey === undefined ? undefined : found.get(effectKey));
}

/** Decides one command over a proven head; nothing is written by it. */
function decideAgain(head: AccountHead, task: Task, now: Instant): Outcome | undefined {
  return decideBatch(head.state, [task.command], { seq: head.seq + 1, now }).outcomes[0];
}

function committedAt(round: Round, entryIndex: number | undefined): Committed {
  const entry = entryIndex === undefined ? undefined : round.batch.entries[entryIndex];
  const commit = round.prepared?.commit;
  if (entry === undefined || entryIndex === undefined || commit === undefined) return { replayed: false };
  return { placed: { seq: commit.seq, index: entryIndex, createdAt: commit.createdAt, entry }, replayed: false };
}

function isOurs(seen: Refresh, round: Round): boolean {
  return seen.next !== undefined && seen.next.commitId === round.prepared?.commit.commitId;
}
