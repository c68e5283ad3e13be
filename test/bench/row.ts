// Owns what a row of the table can be, and whether it reaches its target.

import type { Measurement } from './measurement.ts';
import type { PacedMeasurement } from './paced.ts';

/** Is a row that compares a workload with a baseline that ran in alternation with it. */
export interface ComparisonRow {
  readonly kind: 'comparison';
  readonly subject: Measurement;
  readonly baseline: Measurement;
  /** Is absent where nothing is asked of it. */
  readonly ratioAtLeast?: number;
  /** Is how long the slowest request of the subject may take, where the row says something of it. */
  readonly slowestAtMostMs?: number;
}

/** Is a row about how often the database is asked. */
export interface CommandRow {
  readonly kind: 'commands';
  readonly subject: Measurement;
  readonly commandsAtMost: number;
}

/** Is a row that could not be measured, and why. */
export interface MissingRow {
  readonly kind: 'missing';
  readonly name: string;
  readonly why: string;
}

/** Is a row about a size, such as bytes on disk, that was read once. */
export interface SizeRow {
  readonly kind: 'size';
  readonly name: string;
  readonly value: number;
  /** Is absent where nothing is asked of it. */
  readonly atMost?: number;
  readonly unit: string;
  /** Says what it is made of. */
  readonly note: string;
}

/** Is a row about how late answers are, at a rate of calls that does not wait for them. */
export interface LatencyRow {
  readonly kind: 'latency';
  readonly subject: PacedMeasurement;
  readonly baseline: PacedMeasurement;
  /** Is how many times the baseline's 99th percentile it may be; absent where nothing is asked of it. */
  readonly ratioAtMost?: number;
}

export type Row = ComparisonRow | CommandRow | LatencyRow | SizeRow | MissingRow;

/** Is what a part came to. */
export interface PartResult {
  readonly rows: readonly Row[];
  readonly measurements: readonly Measurement[];
}
