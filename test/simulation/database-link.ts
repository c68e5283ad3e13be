// The way of one kernel to the database, with everything that can happen on it: refusals, lost answers, writes that land
// late or twice, partitions. Nothing that a dead kernel waits for ever comes, though what it sent may still land.

import type { InsertOutcome, PreparedCommit } from '../../kernel/app/ports.ts';
import type { Climate } from './climate.ts';
import type { Random } from './random.ts';
import { type ReplicaSet, unavailable } from './replica-set.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

/** How long a driver waits for an answer that does not come, in milliseconds. */
const PATIENCE_MS: readonly [min: number, max: number] = [100, 900];
/** How late a write can still land after its sender gave it up, in milliseconds. */
const LATE_MS: readonly [min: number, max: number] = [20, 9_000];

const CUT_AFTER_LATE = 0.4;
const CUT_AFTER_LATE_MS: readonly [min: number, max: number] = [1_000, 9_000];

/** What faults have done in a run. */
export interface FaultCount {
  refused: number;
  answersLost: number;
  landedLate: number;
  sentTwice: number;
}

/** What a link works with. */
export interface LinkTools {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly trace: Trace;
  readonly replicaSet: ReplicaSet;
  readonly faults: FaultCount;
  /** The climate of now: it gets calm at the end of a run. */
  readonly climate: () => Climate;
}

/** The connection of one kernel. */
export class DatabaseLink {
  readonly #name: string;
  readonly #tools: LinkTools;
  isCut = false;
  isDead = false;

  constructor(name: string, tools: LinkTools) {
    this.#name = name;
    this.#tools = tools;
  }

  /** Cuts the kernel off the database for a while. */
  cut(forMs: number): void {
    this.isCut = true;
    this.#tools.trace.step(`${this.#name} is cut off for ${forMs.toFixed(0)} ms`);
    this.#tools.time.after(forMs, () => {
      this.isCut = false;
    });
  }

  /** Makes a call that may be repeated. Rejects with DomainError DATABASE_UNAVAILABLE where no answer came. */
  call<T>(what: string, run: () => T | Promise<T>): Promise<T> {
    return this.#send(what, async () => run());
  }

  /** A read in two steps where the climate says so: what lands in between is seen by the second step only. */
  scan<T>(what: string, read: () => readonly T[], isInSecondStep: (item: T) => boolean): Promise<readonly T[]> {
    const { random, time } = this.#tools;
    const isSlow = random.chance(this.#tools.climate().slowScan);
    return this.call(what, async () => {
      if (!isSlow) return read();
      const first = read().filter((item) => !isInSecondStep(item));
      await time.wait(random.between(0.2, 30));
      return [...first, ...read().filter(isInSecondStep)];
    });
  }

  /** Sends one unordered insert. Never rejects. */
  async insert(commits: readonly PreparedCommit[]): Promise<readonly InsertOutcome[]> {
    const { random, faults } = this.#tools;
    const { landsLate, sentTwice } = this.#tools.climate();
    const what = `insert ${commits.map(({ commit }) => `${commit.tenantId.slice(-1)}#${commit.seq}`).join(' ')}`;
    if (random.chance(landsLate)) return this.#landLate(what, commits);
    const times = random.chance(sentTwice) ? 2 : 1;
    if (times === 2) faults.sentTwice += 1;
    try {
      return await this.#send(what, async () => {
        if (times === 2) await this.#apply(commits).catch(() => undefined);
        return this.#apply(commits);
      });
    } catch (error) {
      return unknownOutcomes(commits, error);
    }
  }

  /** Applies each document by itself; rejects where the primary is gone before a majority has what was applied. */
  async #apply(commits: readonly PreparedCommit[]): Promise<readonly InsertOutcome[]> {
    const { replicaSet } = this.#tools;
    if (!replicaSet.isUp) throw unavailable('there is no primary');
    const applied = commits.map((commit) => replicaSet.insert(commit));
    await Promise.all(
      applied.map((outcome) => (outcome.kind === 'applied' ? replicaSet.awaitWritten(outcome.place) : undefined)),
    );
    return applied.map(({ kind }): InsertOutcome => ({ kind: kind === 'applied' ? 'acknowledged' : 'duplicate' }));
  }

  async #landLate(what: string, commits: readonly PreparedCommit[]): Promise<readonly InsertOutcome[]> {
    const { time, random, trace, faults } = this.#tools;
    const givesUpAfterMs = random.between(...PATIENCE_MS);
    time.after(givesUpAfterMs + random.between(...LATE_MS), () => {
      void this.#apply(commits).then(
        (outcomes) => {
          faults.landedLate += 1;
          trace.step(`${this.#name} ${what} landed late: ${outcomes.map(({ kind }) => kind).join(' ')}`);
        },
        () => undefined,
      );
    });
    trace.detail(`${this.#name} ${what} is held up`);
    // Trouble seldom comes alone: what held up the write may cut off everything that follows.
    if (random.chance(CUT_AFTER_LATE)) this.cut(random.between(...CUT_AFTER_LATE_MS));
    await this.#waitAlive(givesUpAfterMs);
    return unknownOutcomes(commits, unavailable('the answer did not come in time'));
  }

  /** Sends a call, runs it where it arrives, and brings its answer back; any of these may fail. */
  async #send<T>(what: string, run: () => Promise<T>): Promise<T> {
    const { random, trace, replicaSet, faults } = this.#tools;
    const climate = this.#tools.climate();
    const [isRefused, isAnswerLost] = [random.chance(climate.refused), random.chance(climate.answerLost)];
    const patienceMs = random.between(...PATIENCE_MS);
    const [outMs, backMs] = [random.between(...climate.latencyMs), random.between(...climate.latencyMs)];
    await this.#waitAlive(outMs);
    if (isRefused) {
      faults.refused += 1;
      trace.detail(`${this.#name} ${what} is refused`);
      throw unavailable('refused before it arrived');
    }
    if (this.isCut || !replicaSet.isUp) {
      trace.detail(`${this.#name} ${what} does not arrive`);
      await this.#waitAlive(patienceMs);
      throw unavailable('the database did not answer');
    }
    const answer = await run();
    trace.detail(`${this.#name} ${what} = ${describe(answer)}`);
    if (isAnswerLost || this.isCut) {
      faults.answersLost += 1;
      trace.detail(`${this.#name} ${what}: the answer is lost`);
      await this.#waitAlive(patienceMs);
      throw unavailable('the answer was lost');
    }
    await this.#waitAlive(backMs);
    return answer;
  }

  /** Resolves after a while, or never where the kernel has died by then. */
  #waitAlive(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#tools.time.after(delayMs, () => {
        if (!this.isDead) resolve();
      });
    });
  }
}

function unknownOutcomes(commits: readonly PreparedCommit[], cause: unknown): InsertOutcome[] {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return commits.map(() => ({ kind: 'unknown', error }));
}

function describe(answer: unknown): string {
  if (!Array.isArray(answer)) return answer === undefined ? 'nothing' : 'an answer';
  return answer.map((item) => (typeof item === 'object' ? (item.kind ?? item.seq ?? '·') : item)).join(' ') || 'none';
}
