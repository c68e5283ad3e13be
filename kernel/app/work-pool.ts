// Owns how many pieces of work run in this kernel at once: those that somebody waits for, and fewer of those that were due. Does not
// own what they are, or who else may have taken them.

/** How much may run. */
export interface WorkBounds {
  /** Of those that were due. */
  readonly dueMax: number;
  /** In all. */
  readonly totalMax: number;
}

/** Runs pieces of work side by side. */
export class WorkPool {
  readonly #bounds: WorkBounds;
  readonly #running = new Set<Promise<unknown>>();
  #dueRunning = 0;
  #isStopped = false;

  constructor(bounds: WorkBounds) {
    this.#bounds = bounds;
  }

  /** Runs what somebody waits for; undefined where there is no room, or nothing begins any more. Throws what the work throws. */
  async run<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#isStopped || this.#running.size >= this.#bounds.totalMax) return undefined;
    return await this.#track(work());
  }

  /** Takes and begins what is due, as much as there is room for; answers how many. The work must not throw; throws what `take` throws. */
  async runDue<T>(take: () => Promise<T | undefined>, work: (taken: T) => Promise<unknown>): Promise<number> {
    let count = 0;
    while (!this.#isStopped && this.#dueRunning < this.#bounds.dueMax) {
      const taken = await take();
      if (taken === undefined) break;
      this.#dueRunning += 1;
      void this.#track(work(taken)).finally(() => {
        this.#dueRunning -= 1;
      });
      count += 1;
    }
    return count;
  }

  /** Resolves when what was begun has ended. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#running);
  }

  /** Begins nothing more, and resolves when what was begun has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.settle();
  }

  async #track<T>(running: Promise<T>): Promise<T> {
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}
