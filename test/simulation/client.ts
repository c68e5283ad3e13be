// The clients of a run: each brings one request to an answer, over whichever kernel, and repeats it with the same id for as
// long as it can't know what became of it.

import { type Attempt, describeEnding, type Ending, endingOf, type ReadRequest, type Window } from './attempt.ts';
import type { Fleet } from './fleet.ts';
import type { Random } from './random.ts';
import type { ReplicaSet } from './replica-set.ts';
import type { WriteRequest } from './request.ts';
import type { SimulatedKernel } from './simulated-kernel.ts';
import type { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';

const PATIENCE_MS: readonly [min: number, max: number] = [80, 6_000];
const PAUSE_MS: readonly [min: number, max: number] = [1, 400];
const DEADLINE_MS: readonly [min: number, max: number] = [1, 300];
const DEADLINE_CHANCE = 0.05;
/** A client that is not sure asks a second kernel before the first has answered. */
const HEDGE_CHANCE = 0.06;

/** What clients work with. */
export interface ClientTools {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly trace: Trace;
  readonly replicaSet: ReplicaSet;
  readonly fleet: Fleet;
}

/** Sends requests and keeps what became of each call. */
export class Clients {
  readonly #tools: ClientTools;
  readonly attempts: Attempt[] = [];
  /** Requests that have no answer yet. */
  pending = 0;

  constructor(tools: ClientTools) {
    this.#tools = tools;
  }

  /** Brings a request to an answer. */
  async ask(request: WriteRequest | ReadRequest): Promise<Ending> {
    const { time, random } = this.#tools;
    this.pending += 1;
    if (random.chance(HEDGE_CHANCE)) this.#hedge(request);
    for (;;) {
      const ending = await this.#tryOnce(request);
      const isAnswer = ending !== undefined && ending.kind !== 'unknown' && ending.kind !== 'unwritten';
      if (isAnswer) {
        this.pending -= 1;
        return ending;
      }
      await time.wait(random.between(...PAUSE_MS));
    }
  }

  #hedge(request: WriteRequest | ReadRequest): void {
    const { time, random } = this.#tools;
    time.after(random.between(0, 30), () => {
      const kernel = this.#tools.fleet.pick();
      if (kernel !== undefined) void this.call(request, kernel);
    });
  }

  /** Calls one kernel and waits for it as long as patience lasts. */
  async #tryOnce(request: WriteRequest | ReadRequest): Promise<Ending | undefined> {
    const { time, random, fleet, trace } = this.#tools;
    const kernel = fleet.pick();
    const patienceMs = random.between(...PATIENCE_MS);
    if (kernel === undefined) return undefined;
    const call = this.call(request, kernel);
    const ending = await Promise.race([call, time.wait(patienceMs).then(() => undefined)]);
    if (ending === undefined)
      trace.step(`   ${request.text} @${kernel.name}: no answer in ${patienceMs.toFixed(0)} ms`);
    return ending;
  }

  /** Calls a kernel once. */
  call(request: WriteRequest | ReadRequest, kernel: SimulatedKernel): Promise<Ending> {
    const { time, random, trace } = this.#tools;
    const deadlineAtMs = random.chance(DEADLINE_CHANCE)
      ? kernel.monotonicMs + random.between(...DEADLINE_MS)
      : Number.POSITIVE_INFINITY;
    const begun = {
      startMs: time.nowMs,
      clockStart: kernel.clockMs,
      commitsStart: this.#commitsOf(request),
    };
    const attempt: Attempt = { request, kernel: kernel.name, begun };
    this.attempts.push(attempt);
    trace.step(`-> ${request.text} @${kernel.name}`);
    return start(request, kernel, deadlineAtMs).then((ending) => {
      const ended: Window = {
        ...begun,
        endMs: time.nowMs,
        clockEnd: kernel.clockMs,
        commitsEnd: this.#commitsOf(request),
      };
      Object.assign(attempt, { ended, ending });
      trace.step(`<- ${request.text} @${kernel.name}: ${describeEnding(ending)}`);
      return ending;
    });
  }

  #commitsOf({ tenant }: WriteRequest | ReadRequest): number {
    return this.#tools.replicaSet.countMajority(tenant.tenantId);
  }
}

async function start(
  request: WriteRequest | ReadRequest,
  { ledger }: SimulatedKernel,
  deadlineAtMs: number,
): Promise<Ending> {
  try {
    if (request.isRead) return { kind: 'read', value: await request.call(ledger) };
    return { kind: 'posted', posting: await request.call(ledger, deadlineAtMs) };
  } catch (error) {
    return endingOf(error);
  }
}
