// The kernels of a run and what befalls them: crashes, restarts, partitions, drains, clocks that lose the time.

import { type KernelTools, SimulatedKernel } from './simulated-kernel.ts';

const RESTART_MS: readonly [min: number, max: number] = [5, 400];
const PARTITION_MS: readonly [min: number, max: number] = [100, 9_000];
const BLUR_MS: readonly [min: number, max: number] = [50, 1_500];

/** All kernels of a run. */
export class Fleet {
  readonly #tools: KernelTools;
  readonly #running: SimulatedKernel[] = [];
  #started = 0;
  /** Drains that have begun and not come to an end; those of kernels that died do not count. */
  readonly draining = new Set<SimulatedKernel>();

  constructor(size: number, tools: KernelTools) {
    this.#tools = tools;
    for (let count = 0; count < size; count += 1) this.start();
  }

  /** Starts a kernel that knows nothing. */
  start(): SimulatedKernel {
    this.#started += 1;
    const kernel = new SimulatedKernel(`k${this.#started}`, this.#tools);
    this.#running.push(kernel);
    return kernel;
  }

  /** A kernel that takes requests; undefined where none does at the moment. */
  pick(): SimulatedKernel | undefined {
    const open = this.#running.filter(({ isDraining }) => !isDraining);
    return open.length === 0 ? undefined : this.#tools.random.pick(open);
  }

  crash(): void {
    const kernel = this.pick();
    if (kernel === undefined) return;
    this.#tools.trace.step(`${kernel.name} crashes`);
    this.#end(kernel);
  }

  /** Ends a kernel in good order: it answers what it has taken. */
  drain(): void {
    const kernel = this.pick();
    if (kernel === undefined) return;
    kernel.isDraining = true;
    this.draining.add(kernel);
    this.#tools.trace.step(`${kernel.name} drains`);
    void kernel.ledger.drain().then(() => {
      this.#tools.trace.step(`${kernel.name} has drained`);
      this.#end(kernel);
    });
  }

  /** Cuts a kernel off the database for a while. */
  partition(): void {
    this.pick()?.link.cut(this.#tools.random.between(...PARTITION_MS));
  }

  /** Makes a kernel unsure of the time for a while. */
  blur(): void {
    const kernel = this.pick();
    if (kernel === undefined) return;
    const { random, time, trace } = this.#tools;
    const forMs = random.between(...BLUR_MS);
    trace.step(`${kernel.name} is unsure of the time for ${forMs.toFixed(0)} ms`);
    kernel.isBlurred = true;
    time.after(forMs, () => {
      kernel.isBlurred = false;
    });
  }

  /** Ends what troubles the kernels. */
  heal(): void {
    for (const kernel of this.#running) {
      kernel.link.isCut = false;
      kernel.isBlurred = false;
    }
  }

  #end(kernel: SimulatedKernel): void {
    kernel.crash();
    this.draining.delete(kernel);
    this.#running.splice(this.#running.indexOf(kernel), 1);
    const { random, time, trace } = this.#tools;
    time.after(random.between(...RESTART_MS), () => trace.step(`${this.start().name} starts`));
  }
}
