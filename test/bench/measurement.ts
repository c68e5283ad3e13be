// Owns measuring several workloads so that they can be compared: in alternating rounds, so that whatever else the machine
// does meets all of them alike, after one round each that warms up and does not count.

import { addReadings, type Reading, subtractReadings, sumKnown } from './meter.ts';
import { type Round, runRound } from './round.ts';
import { computeMedian, computePercentile } from './statistic.ts';
import type { Workload } from './workload.ts';

/** Says how to measure. */
export interface MeasureOptions {
  readonly rounds: number;
  readonly roundMs: number;
  readonly readMeters: () => Promise<Reading>;
  /** Is told what goes on, for people who wait. */
  readonly note: (text: string) => void;
}

/** Is what several rounds of one workload came to. */
export interface Measurement {
  readonly name: string;
  readonly inFlight: number;
  /** Is the median of the rounds. */
  readonly operationsPerSecond: number;
  /** Are the rounds' own figures, in the order in which they alternated. */
  readonly roundsPerSecond: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  readonly operationsTotal: number;
  readonly failuresTotal: number;
  /** Are processor cores that were busy, on average. */
  readonly cores: BusyCores;
  /** Are commands to the database for each operation, as the kernels sent them and as the server counted them. */
  readonly commandsSent: number | undefined;
  readonly commandsCounted: number | undefined;
}

/** Are busy cores by who kept them busy; undefined where the system does not tell. */
export interface BusyCores {
  readonly client: number | undefined;
  readonly servers: number | undefined;
  readonly engine: number | undefined;
  /** Are all others on the machine, which disturb. */
  readonly others: number | undefined;
}

interface MeteredRound extends Round {
  readonly elapsedSeconds: number;
  readonly reading: Reading;
}

/** Are workloads by name; one that can't be had is undefined. */
type Workloads = Readonly<Record<string, Workload | undefined>>;

/** Are the measurements of the workloads that were there. */
type Measurements<Measured extends Workloads> = {
  readonly [Name in keyof Measured]: Measurement | (undefined extends Measured[Name] ? undefined : never);
};

/** Measures workloads against each other, in their order. Throws the first failure of a workload that can't work. */
export async function measureInterleaved<Measured extends Workloads>(
  workloads: Measured,
  options: MeasureOptions,
): Promise<Measurements<Measured>> {
  const contenders = Object.entries<Workload | undefined>(workloads).flatMap(([name, workload]) =>
    workload === undefined ? [] : [{ name, workload, rounds: [] as MeteredRound[] }],
  );
  for (let number = 0; number <= options.rounds; number += 1) {
    for (const { workload, rounds } of contenders) {
      const round = await runMeteredRound(workload, options);
      const when = number === 0 ? 'warm-up' : `round ${number} of ${options.rounds}`;
      options.note(`${when}: ${workload.name}: ${Math.round(round.operationsPerSecond)}/s`);
      if (number > 0) rounds.push(round);
    }
  }
  const measured = contenders.map(({ name, workload, rounds }) => [name, sumUp(workload, rounds)]);
  // The keys are those of the workloads that were there, which is what the type says.
  return Object.fromEntries(measured) as Measurements<Measured>;
}

/** Finds the number in flight at which a baseline does most, so that it is compared at its best. */
export async function findBestInFlight(
  candidates: readonly number[],
  toWorkload: (inFlight: number) => Workload,
  roundMs: number,
): Promise<number> {
  let best = { inFlight: candidates[0] ?? 1, operationsPerSecond: 0 };
  for (const inFlight of candidates) {
    const { operationsPerSecond } = await runRound(toWorkload(inFlight), roundMs);
    if (operationsPerSecond > best.operationsPerSecond) best = { inFlight, operationsPerSecond };
  }
  return best.inFlight;
}

async function runMeteredRound(workload: Workload, options: MeasureOptions): Promise<MeteredRound> {
  const before = await options.readMeters();
  const beginMs = performance.now();
  const round = await runRound(workload, options.roundMs);
  const elapsedSeconds = (performance.now() - beginMs) / 1_000;
  return { ...round, elapsedSeconds, reading: subtractReadings(await options.readMeters(), before) };
}

function sumUp(workload: Workload, rounds: readonly MeteredRound[]): Measurement {
  const latenciesMs = rounds.flatMap((round) => round.latenciesMs).sort((a, b) => a - b);
  const operationsTotal = total(rounds.map(({ callsTotal }) => callsTotal)) * workload.operationsPerCall;
  const elapsedSeconds = total(rounds.map((round) => round.elapsedSeconds));
  const reading = addReadings(rounds.map((round) => round.reading));
  return {
    name: workload.name,
    inFlight: workload.inFlight,
    operationsPerSecond: computeMedian(rounds.map((round) => round.operationsPerSecond)),
    roundsPerSecond: rounds.map((round) => round.operationsPerSecond),
    p50Ms: computePercentile(latenciesMs, 0.5),
    p99Ms: computePercentile(latenciesMs, 0.99),
    slowestMs: Math.max(...rounds.map(({ slowestMs }) => slowestMs)),
    operationsTotal,
    failuresTotal: total(rounds.map(({ failures }) => failures.length)),
    cores: computeBusyCores(reading, elapsedSeconds),
    commandsSent: divide(reading.commandsSent, operationsTotal),
    commandsCounted: divide(reading.commandsCounted, operationsTotal),
  };
}

function computeBusyCores({ client, servers, engine, machine }: Reading, elapsedSeconds: number): BusyCores {
  const ours = sumKnown([client, servers, engine]);
  return {
    client: divide(client, elapsedSeconds),
    servers: divide(servers, elapsedSeconds),
    engine: divide(engine, elapsedSeconds),
    // Ticks are coarse, so that on a machine of our own the difference may fall below zero.
    others: machine === undefined || ours === undefined ? undefined : Math.max(0, machine - ours) / elapsedSeconds,
  };
}

function divide(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
