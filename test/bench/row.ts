// Owns what a row of the table can be, and whether it reaches its target.

import type { Measurement } from './measurement.ts';

/** Is a row that compares a workload with a baseline that ran in alternation with it. */
export interface ComparisonRow {
  readonly kind: 'comparison';
  readonly subject: Measurement;
  readonly baseline: Measurement;
  readonly ratioAtLeast: number;
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
  readonly atMost: number;
  readonly unit: string;
  /** Says what it is made of. */
  readonly note: string;
}

export type Row = ComparisonRow | CommandRow | SizeRow | MissingRow;

/** Is what a part came to. */
export interface PartResult {
  readonly rows: readonly Row[];
  readonly measurements: readonly Measurement[];
}
