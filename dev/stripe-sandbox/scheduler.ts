/**
 * Owns: having happen what has fallen due: on the sandbox's clock as it goes or jumps, and on a test clock that advances.
 * Does not own: what that is (`Resource.due`).
 * Invariants: each happens with its own time as now, in the order of these times, and in a transaction of its own (all of
 * an advance of a test clock in one); what it schedules before the clock's present still happens in the same run. What
 * fails is told and dropped, so that it can't keep the rest from happening.
 */
import { Call, type Resource, type SandboxFacts } from './call.ts';
import type { Clock } from './clock.ts';
import { type Due, takeDue } from './due.ts';
import { ADVANCE, finishAdvance, moveClock, TEST_CLOCKS } from './resource/test-clock.ts';
import type { Store, Transaction } from './store.ts';

/** Looks whether something is due so often, in milliseconds: Stripe's times are whole seconds. */
const LOOK_INTERVAL_MS = 1_000;

const BY_TIME = { requestId: null, idempotencyKey: null };

/** Is what a scheduler works with. */
export interface SchedulerParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly resources: readonly Resource[];
  readonly facts: SandboxFacts;
  /** Is called when something has happened. */
  readonly onHappened: () => void;
}

/** Runs until it is stopped. */
export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #timer: NodeJS.Timeout;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.run(), LOOK_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Has all happen that is due now. */
  run(): void {
    const { store, clock, onHappened } = this.#parts;
    let count = 0;
    while (this.#runFirst(store, clock.now())) count += 1;
    if (count > 0) onHappened();
  }

  #runFirst(store: Store, now: number): boolean {
    try {
      return store.run((tx) => this.#runNext(tx, null, now));
    } catch (error) {
      const dropped = store.run((tx) => takeDue(tx, null, now));
      console.error(`What was due failed and is dropped: ${JSON.stringify(dropped)}`, error);
      return dropped !== undefined;
    }
  }

  /** Ends it. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #runNext(tx: Transaction, testClock: string | null, until: number): boolean {
    const due = takeDue(tx, testClock, until);
    if (due === undefined) return false;
    if (testClock !== null) moveClock(tx, testClock, due.at);
    const call = new Call(tx, this.#parts.facts, due.at, BY_TIME);
    if (due.kind === ADVANCE) this.#advance(call, due.subject);
    else this.#happen(call, due);
    return true;
  }

  #advance(call: Call, id: string): void {
    const clock = call.tx.find(TEST_CLOCKS, id);
    // It was deleted meanwhile, and what followed it, too.
    if (clock === undefined) return;
    const target = clock.status_details.advancing?.target_frozen_time ?? clock.frozen_time;
    while (this.#runNext(call.tx, id, target));
    finishAdvance(call, clock);
  }

  #happen(call: Call, due: Due): void {
    const handlers = this.#parts.resources.flatMap(({ due: kinds }) => kinds?.[due.kind] ?? []);
    const [handler] = handlers;
    if (handler === undefined) throw new RangeError(`Nothing is known to happen for ${due.kind}.`);
    handler(call, due.subject);
  }
}
