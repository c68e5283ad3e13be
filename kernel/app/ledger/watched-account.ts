// Owns one account that is watched in this kernel: one read for all who watch it, begun after the change that it is to
// show, and the newest balance kept for each of them. Does not own how changes are noticed (balance-watch.ts).
// Invariants: who joins sees nothing that was read before; a change that is noticed during a read leads to another one;
// an account is read no more often than its watchers can be told.

import { DomainError } from '../../domain/error.ts';
import type { Instant } from '../../domain/id.ts';
import type { Pacing } from '../ports.ts';
import type { BalanceReading, Ledger, TenantRef } from './ledger.ts';

/** Changes of an account within this time are told together, in milliseconds. */
const READ_INTERVAL_MS = 50;
/** How long to wait after a read that failed, in milliseconds. */
const RETRY_DELAY_MS = 1_000;

/** What a watched account needs. */
export interface WatchedAccountTools {
  readonly ledger: Pick<Ledger, 'readBalance'>;
  readonly pacing: Pacing;
}

/** Somebody who watches an account. */
export class Watcher {
  /** The first read whose result is for this watcher. */
  readonly fromRead: number;
  readonly #account: WatchedAccount;
  #newest: BalanceReading | undefined;
  #hasBegun = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(account: WatchedAccount, fromRead: number) {
    this.#account = account;
    this.fromRead = fromRead;
  }

  /** Says that this watcher was told of a reading. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Says that this watcher has taken all there was. */
  get isWaiting(): boolean {
    return this.#wake !== undefined && this.#error === undefined;
  }

  offer(reading: BalanceReading): void {
    this.#newest = reading;
    this.#hasBegun = true;
    this.#wake?.();
  }

  /** Ends the watch. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.#wake?.();
  }

  /** Waits for a reading that was not taken yet; the newest if there are several. Throws what the watch ends with. */
  async take(): Promise<BalanceReading> {
    while (this.#newest === undefined && this.#error === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#account.demand();
      });
      this.#wake = undefined;
    }
    if (this.#error !== undefined) throw this.#error;
    const reading = this.#newest;
    this.#newest = undefined;
    if (reading === undefined) throw new Error('a watcher woke up for nothing');
    return reading;
  }
}

/** An account that somebody watches. */
export class WatchedAccount {
  readonly tenant: TenantRef;
  readonly #tools: WatchedAccountTools;
  readonly #watchers = new Set<Watcher>();
  #reading: BalanceReading | undefined;
  #readsBegun = 0;
  #lastReadMs = Number.NEGATIVE_INFINITY;
  #isStale = true;
  #isReading = false;

  constructor(tenant: TenantRef, tools: WatchedAccountTools) {
    this.tenant = tenant;
    this.#tools = tools;
  }

  get size(): number {
    return this.#watchers.size;
  }

  /** The newest commit that was read here. */
  get seq(): number {
    return this.#reading?.seq ?? 0;
  }

  /** When the account next changes by time alone, as far as it was read. */
  get nextDueAt(): Instant | undefined {
    return this.#reading?.nextDueAt;
  }

  join(): Watcher {
    const watcher = new Watcher(this, this.#readsBegun + 1);
    this.#watchers.add(watcher);
    this.#isStale = true;
    return watcher;
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  /** Notes that the account has a commit; one that was read already is no news. */
  noticeCommit(seq: number): void {
    if (this.#reading === undefined || seq > this.#reading.seq) this.noticeChange();
  }

  /** Notes that the account may have changed. */
  noticeChange(): void {
    this.#isStale = true;
    this.demand();
  }

  /** Reads the account, where somebody waits and there may be something to tell. */
  demand(): void {
    if (this.#isReading || !this.#isWanted()) return;
    this.#isReading = true;
    // It never rejects: every failure is told to the watchers.
    void this.#readWhileWanted();
  }

  #isWanted(): boolean {
    if (!this.#isStale) return false;
    for (const watcher of this.#watchers) if (watcher.isWaiting) return true;
    return false;
  }

  async #readWhileWanted(): Promise<void> {
    const { pacing } = this.#tools;
    while (this.#isWanted()) {
      const waitMs = this.#lastReadMs + READ_INTERVAL_MS - pacing.monotonicMs();
      if (waitMs > 0) await pacing.delay(waitMs);
      await this.#read();
    }
    this.#isReading = false;
  }

  async #read(): Promise<void> {
    this.#isStale = false;
    this.#readsBegun += 1;
    const read = this.#readsBegun;
    this.#lastReadMs = this.#tools.pacing.monotonicMs();
    try {
      const reading = await this.#tools.ledger.readBalance(this.tenant);
      this.#reading = reading;
      for (const watcher of this.#watchers) if (watcher.fromRead <= read) watcher.offer(reading);
    } catch (error) {
      this.#fail(error, read);
      this.#isStale = true;
      if (this.#isWanted()) await this.#tools.pacing.delay(RETRY_DELAY_MS);
    }
  }

  /** A database that is away for a while ends only watches that have not begun; anything else ends all. */
  #fail(error: unknown, read: number): void {
    const mayPass = error instanceof DomainError && error.reason === 'DATABASE_UNAVAILABLE';
    for (const watcher of this.#watchers) {
      if (watcher.fromRead <= read && !(mayPass && watcher.hasBegun)) watcher.fail(error);
    }
  }
}
