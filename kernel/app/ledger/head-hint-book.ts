// Owns writing the hints where accounts end (docs/architecture.md, "Reads") for accounts that are written to at leisure:
// those of many tenants together, about once a second, and those that hardly moved every half minute. Does not own when a
// hint is worth writing, nor those of contended accounts, whose answers can't wait: see turn-taking.ts. A hint that is lost
// costs a search, and lets a deletion of the newest commits go unseen (docs/architecture.md, "Tamper evidence").

import type { Clock, HeadPlace, LedgerObserver, LedgerStore, Pacing } from '../ports.ts';
import type { Lane } from './lane.ts';

/** How long hints are collected, in milliseconds. */
const COLLECT_MS = 1_000;
/** How long hints of accounts that hardly moved are collected, in milliseconds. */
const QUIET_COLLECT_MS = 30_000;
/** With so many of them they are written at once, so that what they refer to can be forgotten. */
const QUIET_LANES_MAX = 10_000;
/** How many hints go in one command. */
const HINTS_PER_COMMAND = 1_000;

/** What the book works with. */
export interface HintTools {
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly observer: LedgerObserver;
  readonly pacing: Pacing;
}

/** Collects hints, and writes them together. */
export class HeadHintBook {
  readonly #tools: HintTools;
  readonly #contentionWindowMs: number;
  readonly #onContended: (lane: Lane) => void;
  #pending = new Map<Lane, number>();
  #quiet = new Map<Lane, number>();
  #isCollecting = false;
  #isCollectingQuiet = false;

  /** `onContended` is called for lanes whose account another kernel said within the window that it keeps losing. */
  constructor(tools: HintTools, contentionWindowMs: number, onContended: (lane: Lane) => void) {
    this.#tools = tools;
    this.#contentionWindowMs = contentionWindowMs;
    this.#onContended = onContended;
  }

  /** Takes a hint to be written soon; the newest of an account is the one that counts. */
  add(lane: Lane, seq: number): void {
    this.#quiet.delete(lane);
    this.#pending.set(lane, seq);
    if (this.#isCollecting) return;
    this.#isCollecting = true;
    void this.#tools.pacing.delay(COLLECT_MS).then(() => {
      this.#isCollecting = false;
      return this.flush();
    });
  }

  /** Takes a hint that can wait for longer. */
  addQuiet(lane: Lane, seq: number): void {
    this.#quiet.set(lane, seq);
    if (this.#quiet.size >= QUIET_LANES_MAX) void this.flush();
    if (this.#isCollectingQuiet) return;
    this.#isCollectingQuiet = true;
    void this.#tools.pacing.delay(QUIET_COLLECT_MS).then(() => {
      this.#isCollectingQuiet = false;
      return this.flush();
    });
  }

  /** Forgets a hint that somebody else writes. */
  forget(lane: Lane): void {
    this.#pending.delete(lane);
    this.#quiet.delete(lane);
  }

  /** Writes all that was collected. Never throws: a failure is reported. */
  async flush(): Promise<void> {
    // What is quiet came after what is pending of the same lane: the later one counts.
    const lanes = [...new Map([...this.#pending, ...this.#quiet])];
    this.#pending = new Map();
    this.#quiet = new Map();
    for (let from = 0; from < lanes.length; from += HINTS_PER_COMMAND) {
      await this.#write(new Map(lanes.slice(from, from + HINTS_PER_COMMAND)));
    }
  }

  async #write(seqs: ReadonlyMap<Lane, number>): Promise<void> {
    const { store, clock, observer } = this.#tools;
    const lanes = new Map([...seqs.keys()].map((lane) => [lane.tenantId, lane]));
    const places = [...seqs].map(([{ tenantId }, seq]): HeadPlace => ({ tenantId, seq }));
    try {
      const contended = await store.saveHeadHints(places, clock.estimate() - this.#contentionWindowMs);
      for (const tenantId of contended) {
        const lane = lanes.get(tenantId);
        if (lane !== undefined) this.#onContended(lane);
      }
    } catch (error) {
      observer.backgroundFailed('saving head hints', error);
    }
  }
}
