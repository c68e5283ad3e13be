// Owns waiting for the result of something that goes on by itself, up to its caller's deadline. Does not own what is waited for.

import type { Pacing } from './ports.ts';

/** How long before the caller's deadline the answer is given, in milliseconds. */
const ANSWER_MS = 250;
/** How long a caller waits at most, in milliseconds. */
const WAIT_MS_MAX = 60_000;
/** How often it is looked, in milliseconds. */
const LOOK_INTERVAL_MS = 200;

/**
 * Looks again and again, one look at a time; undefined where the time is up before there is anything. `deadlineAtMs` is on the
 * monotonic clock. `look` must not throw.
 */
export async function waitForResult<T>(
  pacing: Pick<Pacing, 'monotonicMs' | 'delay'>,
  deadlineAtMs: number,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const giveUpAtMs = Math.min(deadlineAtMs - ANSWER_MS, pacing.monotonicMs() + WAIT_MS_MAX);
  let running: Promise<T | undefined> | undefined;
  for (;;) {
    running ??= look().finally(() => {
      running = undefined;
    });
    const leftMs = giveUpAtMs - pacing.monotonicMs();
    if (leftMs <= 0) return undefined;
    const pause = pacing.delay(Math.min(LOOK_INTERVAL_MS, leftMs));
    const found = await Promise.race([running, pause.then(() => undefined)]);
    if (found !== undefined) return found;
    await pause;
  }
}
