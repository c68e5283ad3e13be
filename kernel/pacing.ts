// Owns how this process waits and draws lots; the use cases get both as a port.

import { setTimeout as delay } from 'node:timers/promises';
import type { Pacing } from './app/ports.ts';

/** This process's own timers and chance. */
export const PROCESS_PACING: Pacing = {
  monotonicMs: () => performance.now(),
  delay: (ms) => delay(ms),
  random: () => Math.random(),
  afterReadyIo: (run) => void setImmediate(run),
};
