// One kernel of a run: the real ledger code with its clock, waits, ids and database in the run's hands. A crash drops the
// object between two steps: nothing that it waited for ever comes.

import type { Ledger } from '../../kernel/app/ledger/ledger.ts';
import { createLedger } from '../../kernel/app/ledger/ledger-service.ts';
import type { Clock, IdSource, LedgerObserver, Pacing, RulebookSource } from '../../kernel/app/ports.ts';
import { DomainError } from '../../kernel/domain/error.ts';
import type { CommitId, GrantId } from '../../kernel/domain/id.ts';
import { DatabaseLink, type LinkTools } from './database-link.ts';
import type { Random } from './random.ts';
import type { RuleHistory } from './rule.ts';
import { createSimulatedStore } from './simulated-store.ts';
import type { VirtualTime } from './virtual-time.ts';

/** When a run begins: 2026-01-01T00:00:00Z. */
export const RUN_BEGINS_AT = 1_767_225_600_000;
/** No kernel's clock is further from the database's than this, in milliseconds; so two are at most twice as far apart. */
const CLOCK_APART_MAX_MS = 1_000;

/** What kernels have noticed in a run. */
export interface Sightings {
  commits: number;
  racesLost: number;
  unknownOutcomes: number;
  replays: number;
  headsFromFuture: number;
  corruptions: string[];
}

/** What a kernel is made with. */
export interface KernelTools extends LinkTools {
  readonly rules: RuleHistory;
  readonly seen: Sightings;
}

/** A kernel that runs, or has run. */
export class SimulatedKernel {
  readonly name: string;
  readonly ledger: Ledger;
  readonly link: DatabaseLink;
  readonly #time: VirtualTime;
  readonly #clockOffsetMs: number;
  readonly #startedAtMs: number;
  /** The clock can't tell the time to within its bound. */
  isBlurred = false;
  /** It takes no new requests. */
  isDraining = false;

  constructor(name: string, tools: KernelTools) {
    const { time, random } = tools;
    this.name = name;
    this.#time = time;
    this.#startedAtMs = time.nowMs;
    this.#clockOffsetMs = random.between(-CLOCK_APART_MAX_MS, CLOCK_APART_MAX_MS);
    this.link = new DatabaseLink(name, tools);
    this.ledger = createLedger({
      store: createSimulatedStore(this.link, tools.replicaSet),
      clock: this.#createClock(),
      ids: createIds(random),
      rulebooks: this.#createRulebooks(tools.rules, random),
      observer: createObserver(tools),
      pacing: this.#createPacing(random),
    });
  }

  /** The time by this kernel's clock. */
  get clockMs(): number {
    return RUN_BEGINS_AT + Math.floor(this.#time.nowMs + this.#clockOffsetMs);
  }

  get monotonicMs(): number {
    return this.#time.nowMs - this.#startedAtMs;
  }

  get isDead(): boolean {
    return this.link.isDead;
  }

  crash(): void {
    this.link.isDead = true;
  }

  #createClock(): Clock {
    return {
      now: () => {
        if (this.isBlurred) throw new DomainError('CLOCK_UNCERTAIN', 'injected: the time is not known');
        return this.clockMs;
      },
      estimate: () => this.clockMs,
      measure: () => this.#wait(1),
    };
  }

  #createPacing(random: Random): Pacing {
    return {
      monotonicMs: () => this.monotonicMs,
      delay: (ms) => this.#wait(ms),
      random: () => random.next(),
      afterReadyIo: (run) => this.#later(random.between(0, 0.2), run),
    };
  }

  /** Knows new rules only after a while, as a cache does; a refresh shows them at once. */
  #createRulebooks(rules: RuleHistory, random: Random): RulebookSource {
    const staleMs = random.between(0, 2_000);
    return {
      loadRulebook: () => Promise.resolve(rules.rulebookAt(this.#time.nowMs - staleMs)),
      refreshRulebook: async () => {
        await this.#wait(1);
        return rules.rulebookAt(this.#time.nowMs);
      },
    };
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#later(ms, resolve));
  }

  #later(ms: number, run: () => void): void {
    this.#time.after(ms, () => {
      if (!this.isDead) run();
    });
  }
}

function createIds(random: Random): IdSource {
  const digits = (count: number): string =>
    Array.from({ length: count }, () => random.whole(0, 15).toString(16)).join('');
  return {
    commitId: () => `0198c0de-0000-7000-8000-${digits(12)}` as CommitId,
    grantId: () => `grt_${digits(6)}` as GrantId,
    salt: () => digits(8),
  };
}

function createObserver({ seen, trace }: KernelTools): LedgerObserver {
  return {
    committed: () => {
      seen.commits += 1;
    },
    raceLost: () => {
      seen.racesLost += 1;
    },
    outcomeUnknown: () => {
      seen.unknownOutcomes += 1;
    },
    replayed: () => {
      seen.replays += 1;
    },
    headFromFuture: () => {
      seen.headsFromFuture += 1;
    },
    corrupt: (_, error) => {
      seen.corruptions.push(error.message);
    },
    queued: () => {},
    backgroundFailed: (what, error) =>
      trace.detail(`${what} failed: ${error instanceof Error ? error.message : error}`),
  };
}
