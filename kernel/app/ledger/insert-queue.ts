// Owns how commits of many tenants travel together: in one unordered insert, a few inserts at a time, each tenant in its
// turn. A commit is decided when its insert is put together, so that everything that waited until then is in it.

import type { InsertOutcome, LedgerStore, Pacing, PreparedCommit } from '../ports.ts';

/** How many commits go in one insert. */
const COMMITS_PER_INSERT_MAX = 128;
/** How many bytes go in one insert, so that the driver sends it as one message. */
const BYTES_PER_INSERT_MAX = 16 * 1_048_576;
/** How many inserts are under way at once: one is decided and encoded while another is written. */
const INSERTS_IN_FLIGHT_MAX = 2;

interface Waiting {
  readonly prepare: () => PreparedCommit | undefined;
  readonly resolve: (outcome: InsertOutcome | undefined) => void;
}

/** Groups commits of different tenants into inserts. */
export class InsertQueue {
  readonly #store: LedgerStore;
  readonly #pacing: Pick<Pacing, 'afterReadyIo'>;
  #waiting: Waiting[] = [];
  #inFlight = 0;
  #scheduled = false;

  constructor(store: LedgerStore, pacing: Pick<Pacing, 'afterReadyIo'>) {
    this.#store = store;
    this.#pacing = pacing;
  }

  /**
   * Waits for this tenant's turn, then lets `prepare` decide its commit and inserts it with others'. Resolves to undefined
   * where there was nothing to insert. `prepare` must not throw.
   */
  insert(prepare: () => PreparedCommit | undefined): Promise<InsertOutcome | undefined> {
    return new Promise((resolve) => {
      this.#waiting.push({ prepare, resolve });
      this.#schedule();
    });
  }

  /** Puts inserts together after the I/O that is ready: requests that have arrived already can still join. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0 || this.#inFlight >= INSERTS_IN_FLIGHT_MAX) return;
    this.#scheduled = true;
    this.#pacing.afterReadyIo(() => {
      this.#scheduled = false;
      this.#assemble();
    });
  }

  #assemble(): void {
    const group: { commit: PreparedCommit; resolve: Waiting['resolve'] }[] = [];
    let bytes = 0;
    let taken = 0;
    for (const { prepare, resolve } of this.#waiting) {
      if (group.length >= COMMITS_PER_INSERT_MAX || bytes >= BYTES_PER_INSERT_MAX) break;
      taken += 1;
      const commit = prepare();
      if (commit === undefined) {
        resolve(undefined);
      } else {
        bytes += commit.bytes;
        group.push({ commit, resolve });
      }
    }
    this.#waiting = this.#waiting.slice(taken);
    if (group.length > 0) void this.#send(group);
    this.#schedule();
  }

  async #send(group: readonly { commit: PreparedCommit; resolve: Waiting['resolve'] }[]): Promise<void> {
    this.#inFlight += 1;
    const outcomes = await this.#store.insertCommits(group.map(({ commit }) => commit));
    this.#inFlight -= 1;
    for (const [index, { resolve }] of group.entries()) {
      resolve(outcomes[index] ?? { kind: 'unknown', error: new Error('the store gave no outcome for this commit') });
    }
    this.#schedule();
  }
}
