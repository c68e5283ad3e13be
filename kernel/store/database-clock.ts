// Owns what time it is: the database's time, measured by `hello.localTime` and carried on by this machine's monotonic
// clock. This machine's wall clock decides nothing, so a fast one can't expire what people own; it only serves to notice
// a step or a suspend, after which the measurement is in doubt (docs/architecture.md, "Time").

import { performance } from 'node:perf_hooks';
import type { Connection } from 'mongoose';
import type { Clock } from '../app/ports.ts';
import { DomainError } from '../domain/error.ts';

/** Beyond this doubt about the time no write is made, in milliseconds. */
export const CLOCK_DOUBT_MAX_MS = 2_000;

const MEASURE_INTERVAL_MS = 5_000;
const MOVABLE_MEASURE_INTERVAL_MS = 500;
/** How far a monotonic clock is trusted to drift, as a share of the time that passed. */
const DRIFT_RATE = 0.001;
const MEASURE_TIMEOUT_MS = 2_000;
const SAMPLES = 3;

/** The clocks of this machine, in milliseconds; replaced in tests. */
export interface MachineClocks {
  monotonicMs(): number;
  wallMs(): number;
}

export interface DatabaseClockOptions {
  /** Adds the offset that is kept in collection `clock`, by which the local stack moves time. Never in production. */
  readonly movable: boolean;
  /** Told when a regular measurement fails. */
  readonly onMeasureFailed: (error: unknown) => void;
  /** @default this machine's clocks */
  readonly machine?: MachineClocks;
}

interface Measurement {
  /** The database's time in the middle of the round trip, movable offset included. */
  readonly databaseMs: number;
  readonly monotonicMs: number;
  readonly wallMs: number;
  readonly halfRoundTripMs: number;
}

/** The database's time, as far as it is known here. */
export interface DatabaseClock extends Clock {
  /** How far this machine's wall clock is behind the database's, in milliseconds. */
  offsetMs(): number;
  /** How far the time could be off, in milliseconds. */
  doubtMs(): number;
  stop(): void;
}

const MACHINE: MachineClocks = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };

/** Measures the database's time and keeps measuring it. Throws where the first measurement fails. */
export async function startDatabaseClock(
  connection: Connection,
  options: DatabaseClockOptions,
): Promise<DatabaseClock> {
  const machine = options.machine ?? MACHINE;
  let measurement = await measureBest(connection, machine, options.movable);
  let running: Promise<void> | undefined;

  const measure = (): Promise<void> => {
    running ??= measureBest(connection, machine, options.movable)
      .then((next) => {
        // One that a step of the wall clock fell into tells less than the one that is held: that stays, where it is good.
        if (isGood(next, machine) || !isGood(measurement, machine)) measurement = next;
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const measureQuietly = (): void => {
    measure().catch(options.onMeasureFailed);
  };
  const timer = setInterval(measureQuietly, options.movable ? MOVABLE_MEASURE_INTERVAL_MS : MEASURE_INTERVAL_MS);
  timer.unref();

  const doubtMs = (): number => computeDoubt(measurement, machine);
  const estimate = (): number => Math.floor(measurement.databaseMs + machine.monotonicMs() - measurement.monotonicMs);
  return {
    now: () => {
      const doubt = doubtMs();
      if (doubt > CLOCK_DOUBT_MAX_MS) {
        measureQuietly();
        throw uncertain(doubt);
      }
      return estimate();
    },
    estimate,
    measure,
    offsetMs: () => measurement.databaseMs - measurement.wallMs,
    doubtMs,
    stop: () => clearInterval(timer),
  };
}

/** Takes the best of a few samples: the one whose round trip leaves the least doubt. */
async function measureBest(connection: Connection, machine: MachineClocks, movable: boolean): Promise<Measurement> {
  const offset = movable ? await loadMovableOffset(connection) : 0;
  let best = await sample(connection, machine, offset);
  for (let count = 1; count < SAMPLES; count += 1) {
    const next = await sample(connection, machine, offset);
    if (next.halfRoundTripMs < best.halfRoundTripMs) best = next;
  }
  return best;
}

async function sample(connection: Connection, machine: MachineClocks, offsetMs: number): Promise<Measurement> {
  const before = machine.monotonicMs();
  const reply = await databaseOf(connection).admin().command({ hello: 1, maxTimeMS: MEASURE_TIMEOUT_MS });
  const after = machine.monotonicMs();
  const localTime: unknown = reply['localTime'];
  if (!(localTime instanceof Date)) throw new Error('the database did not tell its time: its `hello` has no localTime');
  return {
    databaseMs: localTime.getTime() + offsetMs,
    monotonicMs: (before + after) / 2,
    wallMs: machine.wallMs(),
    halfRoundTripMs: (after - before) / 2,
  };
}

/**
 * Moves the time of kernels with a movable clock on, by milliseconds; they notice within a second. It never goes back:
 * an account of the future is an alarm. Throws RangeError for a move back.
 */
export async function moveDatabaseClock(connection: Connection, byMs: number): Promise<void> {
  if (!Number.isSafeInteger(byMs) || byMs < 0) throw new RangeError(`the clock moves on by whole ms, not by ${byMs}`);
  const clock = movableClockOf(connection);
  const $inc = { offset_ms: byMs };
  await clock.updateOne({ _id: 'offset' }, { $inc }, { upsert: true, writeConcern: { w: 'majority' } });
}

function movableClockOf(connection: Connection) {
  return databaseOf(connection).collection<{ readonly _id: string; readonly offset_ms: number }>('clock');
}

async function loadMovableOffset(connection: Connection): Promise<number> {
  const document = await movableClockOf(connection).findOne(
    { _id: 'offset' },
    { readConcern: { level: 'majority' }, readPreference: 'primary' },
  );
  return Number(document?.offset_ms ?? 0);
}

function databaseOf(connection: Connection): NonNullable<Connection['db']> {
  if (connection.db === undefined) throw new Error('the database connection is not open');
  return connection.db;
}

/** The time may be off by half a round trip, by drift, and by whatever the two clocks of this machine disagree on. */
function computeDoubt(measurement: Measurement, machine: MachineClocks): number {
  const elapsed = machine.monotonicMs() - measurement.monotonicMs;
  const wallElapsed = machine.wallMs() - measurement.wallMs;
  // The wall clock was read at the end of the round trip, the monotonic one counts from its middle.
  const disagreement = Math.max(0, Math.abs(wallElapsed - elapsed) - measurement.halfRoundTripMs - 1);
  return measurement.halfRoundTripMs + 1 + elapsed * DRIFT_RATE + disagreement;
}

function isGood(measurement: Measurement, machine: MachineClocks): boolean {
  return computeDoubt(measurement, machine) <= CLOCK_DOUBT_MAX_MS;
}

function uncertain(doubtMs: number): DomainError {
  const message =
    `this kernel knows the database's time only to within ${Math.ceil(doubtMs)} ms, and writes at most at ${CLOCK_DOUBT_MAX_MS} ms: ` +
    'retry shortly, or through another kernel';
  return new DomainError('CLOCK_UNCERTAIN', message, {
    metadata: { doubt_ms: String(Math.ceil(doubtMs)), limit_ms: String(CLOCK_DOUBT_MAX_MS) },
    retryDelayMs: 1_000,
  });
}
