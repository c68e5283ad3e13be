// Owns doing a piece of background work regularly, and at once where somebody says that there is some. Does not own the work.
// Invariant: it is done once at a time; what somebody says while it is done leads to another time.

/** What is done, and how often. */
export interface WakeLoopOptions {
  readonly tick: () => Promise<unknown>;
  /** From the begin of a tick to the begin of the next, in milliseconds; one that takes longer is not overtaken. */
  readonly intervalMs: number;
  /** Is told why a tick failed; the next one comes all the same. */
  readonly onFailure: (error: unknown) => void;
}

/** A loop that can be woken. */
export interface WakeLoop {
  /** Begins a tick now. */
  wake(): void;
  /** Begins nothing more, and resolves when the tick under way has ended. */
  stop(): Promise<void>;
}

/** Starts the loop. */
export function startWakeLoop({ tick, intervalMs, onFailure }: WakeLoopOptions): WakeLoop {
  let isStopped = false;
  let isWanted = false;
  let running: Promise<void> | undefined;
  const run = (): void => {
    isWanted = running !== undefined;
    if (isStopped || running !== undefined) return;
    running = tick()
      .then(() => undefined)
      .catch(onFailure)
      .finally(() => {
        running = undefined;
        // What came while we looked may have been missed.
        if (isWanted) run();
      });
  };
  const timer = setInterval(run, intervalMs).unref();
  return {
    wake: run,
    stop: async () => {
      isStopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
