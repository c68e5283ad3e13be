// Owns how kernels that write to the same account share it. Nothing here is needed for correctness, only so that none
// starves (docs/architecture.md, "Several kernels on one account"): the winner of a race lets another one commit before
// it commits again, and a kernel that keeps losing says so in the hint, whereupon the others leave it as much time as its
// turn takes.

import type { Clock, Contention, LedgerObserver, LedgerStore, Pacing } from '../ports.ts';
import type { AccountHead } from './account-head.ts';
import { HeadHintBook } from './head-hint-book.ts';
import type { HeadLoader } from './head-loader.ts';
import type { Lane } from './lane.ts';

/** An account counts as contended for so long after another kernel was last noticed, in milliseconds. */
const CONTENTION_WINDOW_MS = 1_000;
/** The hint is written, and so contention is heard of, every so many commits of one kernel. */
const HINT_INTERVAL_COMMITS = 48;
/** An account whose hint is due again within so many milliseconds is busy: what it says of contention can't wait. */
const BUSY_HINT_MS = 1_000;
/** After so many races lost in a row the winners are told. */
const RACES_LOST_BEFORE_NOTICE = 3;
/** How many turns' time the winner leaves to the others: at least, and at most so much more by lot. */
const PATIENCE_TURNS_MIN = 1;
const PATIENCE_TURNS_JITTER = 1;
const POLLS_PER_TURN = 4;
const POLL_MIN_MS = 2;

/** What turn taking works with. */
export interface TurnTools {
  readonly store: LedgerStore;
  readonly clock: Clock;
  readonly observer: LedgerObserver;
  readonly pacing: Pacing;
}

/** Shares accounts between kernels. */
export class TurnTaking {
  readonly #tools: TurnTools;
  readonly #loader: HeadLoader;
  readonly #hints: HeadHintBook;
  /** Moving average of how long a turn takes here: from a lost race to the outcome of the next insert. */
  #turnMs = 20;

  constructor(tools: TurnTools, loader: HeadLoader) {
    this.#tools = tools;
    this.#loader = loader;
    this.#hints = new HeadHintBook(tools, CONTENTION_WINDOW_MS, (lane) => this.#markContended(lane));
  }

  /** Writes the hints that wait to be written together. */
  flushHints(): Promise<void> {
    return this.#hints.flush();
  }

  /** Notes that this kernel's commit won. */
  won(lane: Lane, head: AccountHead): void {
    this.#measure(lane);
    lane.racesLostInARow = 0;
    const nowMs = this.#tools.pacing.monotonicMs();
    lane.owesTurn = nowMs < lane.contendedUntilMs;
    lane.commitsSinceHint += 1;
    if (lane.commitsSinceHint < HINT_INTERVAL_COMMITS) {
      this.#hints.addQuiet(lane, head.seq);
      return;
    }
    const isBusy = lane.owesTurn || nowMs - (lane.hintDueAtMs ?? Number.NEGATIVE_INFINITY) < BUSY_HINT_MS;
    lane.hintDueAtMs = nowMs;
    lane.commitsSinceHint = 0;
    if (isBusy) this.#saveHint(lane, head.seq);
    else this.#hints.add(lane, head.seq);
  }

  /** Notes that another kernel's commit won. */
  lost(lane: Lane, head: AccountHead): void {
    const { observer, clock, pacing } = this.#tools;
    this.#measure(lane);
    observer.raceLost(lane.tenantId);
    lane.lostRaceAtMs = pacing.monotonicMs();
    this.#markContended(lane);
    lane.racesLostInARow += 1;
    // Who always wins never notices the others, so the loser tells it.
    if (lane.racesLostInARow % RACES_LOST_BEFORE_NOTICE !== 0) return;
    this.#saveHint(lane, head.seq, { at: clock.estimate(), turnMs: this.#turnMs });
  }

  /** Waits where others must have their turn first: until one of them has committed, or has had the time to. */
  async awaitTurn(lane: Lane): Promise<void> {
    if (!lane.owesTurn) return;
    lane.owesTurn = false;
    const { pacing, store, observer } = this.#tools;
    const starving = await store.loadHeadHint(lane.tenantId).then(
      (hint) => this.#fresh(hint?.contention),
      (error: unknown) => void observer.backgroundFailed('reading a head hint', error),
    );
    const turns = PATIENCE_TURNS_MIN + pacing.random() * PATIENCE_TURNS_JITTER;
    if (starving !== undefined && starving.at !== lane.noticeAt) await pacing.delay(starving.turnMs * turns);
    else await this.#awaitOther(lane, this.#turnMs * turns);
  }

  async #awaitOther(lane: Lane, patienceMs: number): Promise<void> {
    const { pacing } = this.#tools;
    const pollMs = Math.max(POLL_MIN_MS, this.#turnMs / POLLS_PER_TURN);
    for (const until = pacing.monotonicMs() + patienceMs; pacing.monotonicMs() < until; ) {
      await pacing.delay(pollMs);
      const { head } = lane;
      if (head === undefined) return;
      const { head: seen } = await this.#loader.refresh(head);
      lane.offer(seen);
      if (seen.seq === head.seq) continue;
      this.#markContended(lane);
      return;
    }
  }

  #markContended(lane: Lane): void {
    lane.contendedUntilMs = this.#tools.pacing.monotonicMs() + CONTENTION_WINDOW_MS;
  }

  #measure(lane: Lane): void {
    if (lane.lostRaceAtMs === undefined) return;
    this.#turnMs += (this.#tools.pacing.monotonicMs() - lane.lostRaceAtMs - this.#turnMs) / 8;
    lane.lostRaceAtMs = undefined;
  }

  #saveHint(lane: Lane, seq: number, told?: Contention): void {
    const { store, observer } = this.#tools;
    lane.commitsSinceHint = 0;
    this.#hints.forget(lane);
    if (told !== undefined) lane.noticeAt = told.at;
    store.saveHeadHint(lane.tenantId, seq, told).then(
      (before) => {
        if (this.#fresh(before?.contention)) this.#markContended(lane);
      },
      (error: unknown) => observer.backgroundFailed('saving a head hint', error),
    );
  }

  #fresh(contention: Contention | undefined): Contention | undefined {
    if (contention === undefined) return undefined;
    return this.#tools.clock.estimate() - contention.at < CONTENTION_WINDOW_MS ? contention : undefined;
  }
}
