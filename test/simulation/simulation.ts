// One run: kernels, clients and faults drawn from one seed, played to the end, and everything that was answered held against
// everything that was written and against the model (test/model). The same seed plays the same run, to the last byte.

import type { TenantRef } from '../../kernel/app/ledger/ledger.ts';
import { AccountHistory } from './account-history.ts';
import type { Attempt, ReadRequest } from './attempt.ts';
import { findAnswerProblems } from './check.ts';
import { Clients } from './client.ts';
import { type Climate, drawClimate } from './climate.ts';
import { findDueProblems } from './due-check.ts';
import { Fleet } from './fleet.ts';
import { Random } from './random.ts';
import { balanceReading, entriesReading, fundsReading, holdsReading } from './reading.ts';
import { ReplicaSet } from './replica-set.ts';
import type { WriteRequest } from './request.ts';
import { RuleHistory } from './rule.ts';
import { RUN_BEGINS_AT, type Sightings } from './simulated-kernel.ts';
import { Tally } from './tally.ts';
import { Trace } from './trace.ts';
import { VirtualTime } from './virtual-time.ts';
import { Workload } from './workload.ts';

/** What a run came to. */
export interface RunResult {
  readonly seed: number;
  /** The digest of everything that happened: the same for the same seed and sources. */
  readonly digest: string;
  /** What was wrong; empty where nothing was. */
  readonly problems: readonly string[];
  /** What happened, in short. */
  readonly steps: readonly string[];
  readonly tally: Tally;
}

const READ_CHANCE = 0.16;
const DUE_CHANCE = 0.04;
const BURST_CHANCE = 0.35;
/** How many problems are told; the later ones mostly follow from the first. */
const PROBLEMS_TOLD = 5;

/** Plays the run of a seed. Never throws: what goes wrong is a problem of the result. */
export async function playRun(seed: number, options: { readonly keepsDetails?: boolean } = {}): Promise<RunResult> {
  const run = new Run(seed, options.keepsDetails ?? false);
  try {
    await run.play();
  } catch (error) {
    run.problems.push(error instanceof Error ? `${error.stack}` : String(error));
  }
  return run.result();
}

class Run {
  readonly problems: string[] = [];
  readonly #seed: number;
  readonly #random: Random;
  readonly #time = new VirtualTime();
  readonly #trace: Trace;
  readonly #replicaSet: ReplicaSet;
  readonly #rules: RuleHistory;
  readonly #fleet: Fleet;
  readonly #clients: Clients;
  readonly #workload: Workload;
  readonly #faults = { refused: 0, answersLost: 0, landedLate: 0, sentTwice: 0 };
  readonly #seen: Sightings = {
    commits: 0,
    racesLost: 0,
    unknownOutcomes: 0,
    replays: 0,
    headsFromFuture: 0,
    corruptions: [],
  };
  readonly #histories = new Map<string, AccountHistory>();
  readonly #historyOf = ({ tenantId }: TenantRef): AccountHistory | undefined => this.#histories.get(tenantId);
  readonly #spanMs: number;
  readonly #requests: number;
  #climate: Climate;

  constructor(seed: number, keepsDetails: boolean) {
    const random = new Random(seed);
    const time = this.#time;
    const trace = new Trace(() => time.nowMs, keepsDetails);
    this.#seed = seed;
    this.#random = random;
    this.#trace = trace;
    this.#climate = drawClimate(random);
    this.#replicaSet = new ReplicaSet(time, random, trace);
    this.#requests = random.weighed([
      [16, random.whole(6, 28)],
      [4, random.whole(28, 70)],
      [1, random.whole(70, 220)],
    ]);
    this.#spanMs = Math.max(this.#climate.spanMinMs, this.#requests * random.between(15, 140));
    this.#rules = new RuleHistory(RUN_BEGINS_AT, random.between(0, this.#spanMs));
    this.#workload = new Workload(random, random.whole(1, 3));
    this.#fleet = new Fleet(random.whole(1, 4), {
      time,
      random,
      trace,
      replicaSet: this.#replicaSet,
      faults: this.#faults,
      climate: () => this.#climate,
      rules: this.#rules,
      seen: this.#seen,
    });
    this.#clients = new Clients({ time, random, trace, replicaSet: this.#replicaSet, fleet: this.#fleet });
  }

  async play(): Promise<void> {
    const { name } = this.#climate;
    this.#trace.step(`${name}, ${this.#requests} requests over ${this.#spanMs.toFixed(0)} ms`);
    for (const tenant of this.#workload.tenants) {
      const openings = this.#random.whole(1, 2);
      for (let count = 0; count < openings; count += 1) this.#submit(() => this.#workload.open(tenant));
    }
    this.#planRequests();
    this.#planFaults();
    this.#time.after(this.#spanMs, () => this.#heal());
    await this.#time.run();
    await this.#readAll();
    this.#check();
  }

  result(): RunResult {
    const { steps } = this.#trace;
    const digest = this.#trace.digest();
    const problems = this.problems.slice(0, PROBLEMS_TOLD);
    return { seed: this.#seed, digest, problems, steps, tally: this.#count() };
  }

  get #now(): number {
    return RUN_BEGINS_AT + Math.floor(this.#time.nowMs);
  }

  #planRequests(): void {
    // The accounts are opened first, mostly: some clients come too early.
    const openedMs = this.#random.between(0, 60);
    for (let count = 0; count < this.#requests; ) {
      const atMs = openedMs + this.#random.between(0, this.#spanMs - openedMs);
      const burst = this.#random.chance(BURST_CHANCE) ? this.#random.whole(2, 8) : 1;
      const tenant = this.#random.pick(this.#workload.tenants);
      count += burst;
      for (let index = 0; index < burst; index += 1) {
        this.#time.after(atMs, () => this.#submit(() => this.#drawRequest(tenant)));
      }
    }
  }

  #drawRequest(tenant: TenantRef): WriteRequest | ReadRequest {
    if (this.#random.chance(READ_CHANCE)) return this.#drawReading(tenant);
    return this.#workload.draw(tenant, this.#now);
  }

  #drawReading(tenant: TenantRef): ReadRequest {
    const historyOf = this.#historyOf;
    const past = this.#now - this.#random.whole(0, Math.min(3_000, Math.floor(this.#time.nowMs)));
    return this.#random.weighed<ReadRequest>([
      [6, balanceReading(tenant, undefined, historyOf)],
      [2, balanceReading(tenant, past, historyOf)],
      [3, fundsReading(tenant, BigInt(this.#random.whole(1, 40)), historyOf, this.#rules.newestRules(tenant.tenantId))],
      [2, holdsReading(tenant, historyOf)],
      [1, entriesReading(tenant, historyOf)],
    ]);
  }

  #submit(draw: () => WriteRequest | ReadRequest): void {
    const request = draw();
    if (this.#random.chance(DUE_CHANCE)) this.#recordDue(request.tenant);
    void this.#clients.ask(request).then((ending) => {
      if (!request.isRead) this.#workload.learn(request, ending);
    });
  }

  /** What the kernel's own timer does now and then. */
  #recordDue({ tenantId }: TenantRef): void {
    const kernel = this.#fleet.pick();
    kernel?.ledger.recordDue(tenantId).then(
      () => this.#trace.step(`   ${kernel.name} recorded what was due of ${tenantId.slice(-1)}`),
      () => undefined,
    );
  }

  #planFaults(): void {
    const { failovers, crashes, partitions, drains, lags, blurs } = this.#climate;
    this.#planFault(failovers, () => this.#failOver());
    this.#planFault(crashes, () => this.#fleet.crash());
    this.#planFault(partitions, () => this.#fleet.partition());
    this.#planFault(drains, () => this.#fleet.drain());
    this.#planFault(blurs, () => this.#fleet.blur());
    this.#planFault(lags, () => {
      this.#replicaSet.lagMs = this.#random.weighed([
        [1, 1],
        [1, 40],
        [1, 600],
      ]);
      this.#trace.step(`the majority follows within ${this.#replicaSet.lagMs} ms`);
    });
  }

  /** The majority falls behind, and then the primary fails. */
  #failOver(): void {
    this.#replicaSet.lagMs = this.#random.between(20, 900);
    this.#time.after(this.#random.between(5, 300), () => {
      if (this.#replicaSet.isUp) this.#replicaSet.failOver(this.#random.between(20, 1_200));
      this.#replicaSet.lagMs = 1;
    });
  }

  #planFault(most: number, strike: () => void): void {
    for (let count = this.#random.whole(0, most); count > 0; count -= 1) {
      this.#time.after(this.#random.between(0, this.#spanMs), strike);
    }
  }

  /** From now on nothing goes wrong any more, so that everything comes to an end. */
  #heal(): void {
    this.#trace.step('all is well');
    this.#climate = { ...this.#climate, refused: 0, answerLost: 0, landsLate: 0, sentTwice: 0, latencyMs: [0.3, 4] };
    this.#replicaSet.lagMs = 1;
    this.#fleet.heal();
  }

  /** A kernel that knows nothing reads everything. */
  async #readAll(): Promise<void> {
    if (this.#clients.pending > 0) this.problems.push(`${this.#clients.pending} requests never get an answer`);
    if (this.#fleet.draining.size > 0) this.problems.push('a kernel never ends its drain');
    const fresh = this.#fleet.start();
    for (const tenant of this.#workload.tenants) {
      for (const reading of [
        balanceReading(tenant, undefined, this.#historyOf),
        holdsReading(tenant, this.#historyOf),
      ]) {
        void this.#clients.call(reading, fresh);
      }
      void this.#clients.ask(entriesReading(tenant, this.#historyOf));
    }
    await this.#time.run();
  }

  #check(): void {
    const { attempts } = this.#clients;
    const requests = new Map<string, WriteRequest[]>();
    for (const { request } of attempts) {
      if (request.isRead) continue;
      const known = requests.get(request.key) ?? [];
      if (!known.includes(request)) requests.set(request.key, [...known, request]);
    }
    for (const tenant of this.#workload.tenants) {
      const { tenantId } = tenant;
      const commits = this.#replicaSet.majorityCommits(tenantId);
      const history = new AccountHistory(tenantId, commits, requests, this.#rules.newestRules(tenantId));
      this.#histories.set(tenantId, history);
      this.problems.push(...history.problems);
      if (history.problems.length > 0) continue;
      const own = attempts.filter(({ request }) => request.tenant === tenant);
      const rulesIn = ({ startMs, endMs }: Attempt['begun'] & { readonly endMs: number }) =>
        this.#rules.rulesFor(tenantId, startMs, endMs);
      this.problems.push(...findAnswerProblems(history, own, rulesIn));
      this.problems.push(...findDueProblems(history, this.#replicaSet.readNotes()));
    }
    this.problems.push(...this.#seen.corruptions);
    if (this.#seen.headsFromFuture > 0) this.problems.push('an account was taken to lie in the future');
  }

  #count(): Tally {
    const tally = new Tally();
    tally.count(`climate ${this.#climate.name}`);
    tally.add('events', this.#time.events);
    tally.add('writes rolled back', this.#replicaSet.rolledBack);
    for (const [what, count] of Object.entries(this.#faults)) tally.add(`fault ${what}`, count);
    const { corruptions: _, ...seen } = this.#seen;
    for (const [what, count] of Object.entries(seen)) tally.add(`kernels saw ${what}`, count);
    for (const { request, ending } of this.#clients.attempts) tally.countAttempt(request.isRead, ending);
    for (const history of this.#histories.values()) for (const deed of history.deeds) tally.countDeed(deed);
    return tally;
  }
}
