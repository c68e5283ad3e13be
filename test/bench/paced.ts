// Owns measuring how late answers are at a fixed rate of calls: each call has a time at which it is due, whatever became of those
// before, and its latency counts from then. So a server that stops for a moment is seen by all who came meanwhile.

import { setTimeout as wait } from 'node:timers/promises';
import { computePercentile } from './statistic.ts';

/** Calls are sent so often where they are due. */
const TICK_MS = 1;

/** Is one kind of call at a rate. */
export interface PacedLoad {
  readonly name: string;
  readonly perSecond: number;
  readonly call: (sequence: number) => Promise<unknown>;
  /** Begins what goes on beside the calls; what it answers ends that. */
  readonly begin?: () => Promise<() => Promise<void>>;
}

/** Is what several rounds of a load came to. */
export interface PacedMeasurement {
  readonly name: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failures: number;
}

/** Measures loads against each other in alternating rounds, after one each that warms up. */
export async function measurePaced<Loads extends Readonly<Record<string, PacedLoad>>>(
  loads: Loads,
  options: { readonly rounds: number; readonly roundMs: number; readonly note: (text: string) => void },
): Promise<Readonly<Record<keyof Loads, PacedMeasurement>>> {
  const contenders = Object.entries(loads).map(([key, load]) => ({
    key,
    load,
    latenciesMs: [] as number[],
    failures: 0,
  }));
  for (let number = 0; number <= options.rounds; number += 1) {
    for (const contender of contenders) {
      const round = await runPaced(contender.load, options.roundMs);
      options.note(
        `round ${number} of ${options.rounds}: ${contender.load.name}: p99 ${toP99(round.latenciesMs).toFixed(1)} ms`,
      );
      if (number === 0) continue;
      contender.latenciesMs.push(...round.latenciesMs);
      contender.failures += round.failures;
    }
  }
  const measured = contenders.map(({ key, load: { name, perSecond }, latenciesMs, failures }) => {
    const sorted = latenciesMs.sort((a, b) => a - b);
    const percentiles = { p50Ms: computePercentile(sorted, 0.5), p99Ms: computePercentile(sorted, 0.99) };
    return [key, { name, perSecond, ...percentiles, failures }];
  });
  // The keys are those of the loads, which is what the type says.
  return Object.fromEntries(measured) as Record<keyof Loads, PacedMeasurement>;
}

function toP99(latenciesMs: readonly number[]): number {
  return computePercentile(
    [...latenciesMs].sort((a, b) => a - b),
    0.99,
  );
}

async function runPaced(
  { call, perSecond, begin }: PacedLoad,
  durationMs: number,
): Promise<{ readonly latenciesMs: readonly number[]; readonly failures: number }> {
  const end = await begin?.();
  const latenciesMs: number[] = [];
  let failures = 0;
  const open: Promise<void>[] = [];
  const beginMs = performance.now();
  const send = async (sequence: number, dueMs: number): Promise<void> => {
    try {
      await call(sequence);
      latenciesMs.push(performance.now() - dueMs);
    } catch {
      failures += 1;
    }
  };
  for (let sent = 0; performance.now() - beginMs < durationMs; await wait(TICK_MS)) {
    const due = Math.floor(((performance.now() - beginMs) * perSecond) / 1_000);
    for (; sent < due; sent += 1) open.push(send(sent, beginMs + (sent * 1_000) / perSecond));
  }
  await Promise.all(open);
  await end?.();
  return { latenciesMs, failures };
}
