// A usage store without a database: the same promises, kept in memory, each call run when the test lets it, and faults
// between any two steps. What only a database can prove is proven on the real engine, in test/store.

import type { Rollup, RollupWrite, RunRecord, UsageStore, Watermark } from '../../../kernel/app/usage/ports.ts';
import { keyText } from '../../../kernel/app/usage/rollup-key.ts';
import { matchesFilter } from '../../../kernel/app/usage/usage-sum.ts';

/** Where a call fails: before it did anything, after a part of its writes, or after all of it. */
export type FaultPlace = 'before' | 'within' | 'after';

/** What one caller of the store lives through. */
export interface Circumstances {
  /** Runs a call when its turn has come. */
  readonly turn: <T>(run: () => T) => Promise<T>;
  /** Says whether the next call fails, and where. */
  readonly nextFault: () => FaultPlace | undefined;
}

const CALM: Circumstances = { turn: async (run) => run(), nextFault: () => undefined };

/** Kept rollups of one tenant. */
export class MemoryUsage {
  /** By generation, then by key. */
  readonly generations = new Map<number, Map<string, Rollup>>();
  /** By generation, then by run. */
  readonly runs = new Map<number, Map<string, RunRecord>>();
  mark: Watermark | undefined;
  reserved = 0;

  rollupsOf(generation: number): Map<string, Rollup> {
    const known = this.generations.get(generation) ?? new Map<string, Rollup>();
    this.generations.set(generation, known);
    return known;
  }

  runsOf(generation: number): Map<string, RunRecord> {
    const known = this.runs.get(generation) ?? new Map<string, RunRecord>();
    this.runs.set(generation, known);
    return known;
  }

  /** The store as one caller sees it, over the commits that there are for it. */
  connect(loadUsage: UsageStore['loadUsage'], { turn, nextFault }: Circumstances = CALM): UsageStore {
    const call = async <T>(run: (writesMax: number) => T): Promise<T> => {
      const fault = nextFault();
      if (fault === 'before') throw new Error('injected: the call never arrived');
      const result = await turn(() => run(fault === 'within' ? 1 : Number.POSITIVE_INFINITY));
      if (fault !== undefined) throw new Error('injected: the answer never came');
      return result;
    };
    return {
      loadUsage,
      loadWatermark: () => call(() => this.mark ?? { generation: 1, seq: 0 }),
      advanceWatermark: (_, { generation, seq }) =>
        call(() => {
          this.mark ??= { generation: 1, seq: 0 };
          if (this.mark.generation !== generation) return false;
          this.mark = { generation, seq: Math.max(this.mark.seq, seq) };
          return true;
        }),
      loadRollups: (_, generation, keys) =>
        call(() => keys.flatMap((key) => this.rollupsOf(generation).get(keyText(key)) ?? [])),
      saveRollups: (_, generation, writes) => call((writesMax) => this.#save(generation, writes.slice(0, writesMax))),
      scanRollups: (_, generation, { level, from, to }, filter) => {
        const find = (): readonly Rollup[] =>
          [...this.rollupsOf(generation).values()].filter(
            ({ key }) => key.level === level && key.start >= from && key.start < to && matchesFilter(key, filter),
          );
        return scan(() => call(find), turn);
      },
      loadDimensions: () => Promise.reject(new Error('free dimensions are read on the real engine, in test/store')),
      loadRuns: (_, generation, runIds) =>
        call(() => runIds.flatMap((runId) => this.runsOf(generation).get(runId) ?? [])),
      saveRuns: (_, generation, runs) =>
        call((writesMax) => {
          const kept = this.runsOf(generation);
          for (const run of runs.slice(0, writesMax)) {
            const known = kept.get(run.runId) ?? run;
            kept.set(run.runId, known.end === undefined ? { ...known, ...(run.end && { end: run.end }) } : known);
          }
        }),
      reserveGeneration: () =>
        call(() => {
          this.mark ??= { generation: 1, seq: 0 };
          this.reserved += 1;
          return 1 + this.reserved;
        }),
      switchGeneration: (_, mark) =>
        call(() => {
          if (this.mark === undefined || this.mark.generation >= mark.generation) return false;
          this.mark = mark;
          return true;
        }),
      removeGeneration: (_, generation) => call(() => this.#remove(generation)),
      removeGenerationsBefore: (_, generation) =>
        call(() => {
          const all = [...this.generations.keys(), ...this.runs.keys()];
          for (const old of all) if (old < generation) this.#remove(old);
        }),
    };
  }

  #remove(generation: number): void {
    this.generations.delete(generation);
    this.runs.delete(generation);
  }

  #save(generation: number, writes: readonly RollupWrite[]): boolean {
    const rollups = this.rollupsOf(generation);
    let isWhole = true;
    for (const { rollup, replacesSeq } of writes) {
      const text = keyText(rollup.key);
      if (rollups.get(text)?.appliedSeq === replacesSeq) rollups.set(text, rollup);
      else isWhole = false;
    }
    return isWhole;
  }
}

/** Hands rollups on one by one, so that others get their turn between them and a range is no moment; last made first. */
async function* scan(find: () => Promise<readonly Rollup[]>, turn: Circumstances['turn']): AsyncGenerator<Rollup> {
  for (const rollup of (await find()).toReversed()) yield await turn(() => rollup);
}
