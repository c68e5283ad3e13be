// Owns `/healthz` (the process lives) and `/readyz` (it can serve: a kernel serves, and it is not draining).

import type { KernelClient } from '../kernel-client.ts';
import { Problem } from '../problem.ts';

const PROBE_TIMEOUT_MS = 2_000;
/** Anybody can ask, so an answer is good for this long: probes can't be turned into load on the kernels. */
const PROBE_AGE_MS_MAX = 500;

/** Tells orchestrators about this process. */
export class Health {
  readonly #kernel: KernelClient;
  #isDraining = false;
  #probe: { readonly result: Promise<boolean>; readonly timeMs: number } | undefined;

  constructor(kernel: KernelClient) {
    this.#kernel = kernel;
  }

  /** Makes `/readyz` fail from now on. */
  startDraining(): void {
    this.#isDraining = true;
  }

  /** Answers `/readyz`. Throws SHUTTING_DOWN while draining and KERNEL_UNAVAILABLE when no kernel serves. */
  async answerReadiness(): Promise<object> {
    if (this.#isDraining) {
      throw new Problem('SHUTTING_DOWN');
    }
    if (!(await this.#isKernelServing())) {
      throw new Problem('KERNEL_UNAVAILABLE');
    }
    return { status: 'ready' };
  }

  #isKernelServing(): Promise<boolean> {
    const nowMs = performance.now();
    if (!this.#probe || nowMs - this.#probe.timeMs > PROBE_AGE_MS_MAX) {
      this.#probe = { result: this.#kernel.isServing(PROBE_TIMEOUT_MS), timeMs: nowMs };
    }
    return this.#probe.result;
  }
}
