// Owns one round of a workload: keeping so many calls in flight for so long, and what came of it.
// Invariants: what is counted began and ended at full load: the first part of the round, in which the load builds up, and
// the calls that end after it count only in `callsTotal`. Where every call outlasts the round, all of them are what is
// measured, over the time that they took. A round leaves no call behind.

import type { Workload } from './workload.ts';

/** The share of a round in which the load builds up. */
const RAMP_SHARE = 0.15;
/** Every round gives up when so many calls failed; it measures nothing any more. */
const FAILURES_MAX = 100;

/** Is what one round came to. */
export interface Round {
  readonly operationsPerSecond: number;
  /** Are the latencies of the calls that ended in the measured time, ascending, in milliseconds; that of the slowest where none did. */
  readonly latenciesMs: readonly number[];
  /** Is the longest that any call of the round took, in milliseconds. */
  readonly slowestMs: number;
  /** Are all calls of the round that succeeded, measured or not. */
  readonly callsTotal: number;
  readonly failures: readonly unknown[];
}

/** Runs a workload for so long. Throws the first failure where nothing succeeded. */
export async function runRound(workload: Workload, durationMs: number): Promise<Round> {
  await workload.prepare?.();
  const beginMs = performance.now();
  const measuredFromMs = beginMs + durationMs * RAMP_SHARE;
  const endMs = beginMs + durationMs;
  const latenciesMs: number[] = [];
  const failures: unknown[] = [];
  let callsTotal = 0;
  let slowestMs = 0;
  let sequence = 0;
  const keepOneInFlight = async (): Promise<void> => {
    let startMs = performance.now();
    while (startMs < endMs && failures.length < FAILURES_MAX) {
      sequence += 1;
      const isDone = await workload.call(sequence).then(
        () => true,
        (error: unknown) => void failures.push(error),
      );
      const nowMs = performance.now();
      const latencyMs = nowMs - startMs;
      slowestMs = Math.max(slowestMs, latencyMs);
      if (isDone) callsTotal += 1;
      if (isDone && nowMs >= measuredFromMs && nowMs <= endMs) latenciesMs.push(latencyMs);
      startMs = nowMs;
    }
  };
  await Promise.all(Array.from({ length: workload.inFlight }, keepOneInFlight));
  if (callsTotal === 0) throw failures[0] ?? new Error(`${workload.name}: no call was made`);
  const outlasted = latenciesMs.length === 0;
  const measuredCalls = outlasted ? callsTotal : latenciesMs.length;
  const measuredMs = outlasted ? performance.now() - beginMs : endMs - measuredFromMs;
  return {
    operationsPerSecond: (measuredCalls * workload.operationsPerCall * 1_000) / measuredMs,
    latenciesMs: outlasted ? [slowestMs] : latenciesMs.sort((a, b) => a - b),
    slowestMs,
    callsTotal,
    failures,
  };
}
