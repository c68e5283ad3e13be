// Owns doing a piece of background work again and again, a while after it has ended each time. Does not own the work.

/** What is done, and how often. */
export interface TickLoopOptions {
  readonly tick: () => Promise<unknown>;
  /** From the end of a tick to the begin of the next, in milliseconds. */
  readonly intervalMs: number;
  /** To the begin of the first tick, in milliseconds; absent: the interval. */
  readonly firstDelayMs?: number;
  /** Is told why a tick failed; the next one comes all the same. */
  readonly onFailure: (error: unknown) => void;
}

/** Starts the loop. `stop` begins nothing more, and resolves when the tick under way has ended. */
export function startTickLoop({ tick, intervalMs, firstDelayMs = intervalMs, onFailure }: TickLoopOptions): {
  stop(): Promise<void>;
} {
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;

  const run = (): void => {
    running = tick()
      .catch(onFailure)
      .then(() => {
        if (!isStopped) timer = setTimeout(run, intervalMs).unref();
      });
  };
  let timer = setTimeout(run, firstDelayMs).unref();
  return {
    stop: async () => {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
