// Owns how hard a run is made for its kernels: how likely each fault is, drawn once for a run.

import type { Random } from './random.ts';

/** How likely what goes wrong, for each call to the database and over the time of a run. */
export interface Climate {
  readonly name: string;
  /** A run lasts at least so long, in milliseconds. */
  readonly spanMinMs: number;
  /** One way of a call to the database takes between these, in milliseconds. */
  readonly latencyMs: readonly [min: number, max: number];
  /** A call is refused before it reaches the database. */
  readonly refused: number;
  /** A call reaches the database, and its answer is lost. */
  readonly answerLost: number;
  /** A write is held up, and lands after its sender was told that nobody knows. */
  readonly landsLate: number;
  /** The driver sends an insert twice, and answers with what came of the second. */
  readonly sentTwice: number;
  /** A range is read in two steps, with time in between. */
  readonly slowScan: number;
  /** So many of each over a run. */
  readonly failovers: number;
  readonly crashes: number;
  readonly partitions: number;
  readonly drains: number;
  readonly lags: number;
  readonly blurs: number;
}

const CALM: Climate = {
  name: 'calm',
  spanMinMs: 0,
  latencyMs: [0.3, 4],
  refused: 0,
  answerLost: 0,
  landsLate: 0,
  sentTwice: 0,
  slowScan: 0.02,
  failovers: 0,
  crashes: 0,
  partitions: 0,
  drains: 0,
  lags: 0,
  blurs: 0,
};

const CLIMATES: readonly (readonly [weight: number, climate: Climate])[] = [
  [1, CALM],
  [1, { ...CALM, name: 'slow', latencyMs: [2, 60], lags: 2, slowScan: 0.2 }],
  [2, { ...CALM, name: 'lossy', refused: 0.04, answerLost: 0.08, landsLate: 0.05, sentTwice: 0.05 }],
  [2, { ...CALM, name: 'failover', failovers: 3, lags: 3, slowScan: 0.1, answerLost: 0.02 }],
  [1, { ...CALM, name: 'crash', crashes: 4, drains: 1, answerLost: 0.02 }],
  [1, { ...CALM, name: 'partition', spanMinMs: 15_000, partitions: 4, landsLate: 0.25, blurs: 1 }],
  [
    2,
    {
      ...CALM,
      name: 'storm',
      latencyMs: [0.5, 25],
      refused: 0.05,
      answerLost: 0.08,
      landsLate: 0.06,
      sentTwice: 0.05,
      slowScan: 0.1,
      failovers: 2,
      crashes: 2,
      partitions: 2,
      drains: 1,
      lags: 2,
      blurs: 1,
    },
  ],
];

/** Draws the climate of a run. */
export function drawClimate(random: Random): Climate {
  return random.weighed(CLIMATES);
}
