// Owns the time of a simulated run. Nothing waits: the next event is always the next in the queue, and time jumps to it.
// Invariant: between two events every promise callback has run, so that one seed has one order of things.

import { setImmediate as afterCallbacks } from 'node:timers/promises';

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** More events than any schedule needs: what comes here goes round in circles. */
const EVENTS_MAX = 60_000;

/** A queue of things to come. */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  #events = 0;
  /** Ordered from last to first, so that the next one is taken off the end. */
  readonly #queue: Event[] = [];

  /** Milliseconds since the run began, with fractions. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs something after a while. */
  after(delayMs: number, run: () => void): void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order, run };
    this.#order += 1;
    let index = this.#queue.length;
    for (let other = this.#queue[index - 1]; other !== undefined && goesBefore(other, event); ) {
      index -= 1;
      other = this.#queue[index - 1];
    }
    this.#queue.splice(index, 0, event);
  }

  /** Resolves after a while. */
  wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /**
   * Runs events until there are none, or `isDone` says so.
   * Throws Error where they never end.
   */
  async run(isDone: () => boolean = () => false): Promise<void> {
    await afterCallbacks();
    while (!isDone()) {
      const event = this.#queue.pop();
      if (event === undefined) return;
      this.#events += 1;
      if (this.#events > EVENTS_MAX) throw new Error(`the run does not end: ${EVENTS_MAX} events and more to come`);
      this.#nowMs = event.atMs;
      event.run();
      await afterCallbacks();
    }
  }

  get events(): number {
    return this.#events;
  }
}

function goesBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
