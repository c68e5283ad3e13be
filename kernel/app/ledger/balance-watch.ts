// Owns who watches which account in this kernel, and how changes are noticed: commits of this kernel at once, those of
// others by the database's feed or, where there is none, by asking every second; what time alone changes by the clock.
// Does not own balances: each is read from the ledger, never taken from a notice.
// Invariants: the feed runs while somebody watches, and only then; a change is told at the latest one read after it was
// noticed. How many watches there are in all is bounded where they come in (grpc/stream-limit.ts).

import { DomainError } from '../../domain/error.ts';
import type { TenantId } from '../../domain/id.ts';
import type { Clock, CommitFeed, CommitListener, OpenFeed, Pacing, WatchObserver } from '../ports.ts';
import {
  formatResumeToken,
  parseResumeToken,
  resumeTokenExpired,
  type SeenBalance,
  sameSeen,
  seenOf,
} from './balance-resume.ts';
import type { BalanceReading, Ledger, TenantRef } from './ledger.ts';
import { WatchedAccount, type Watcher } from './watched-account.ts';

/** How many watches one account may have in one kernel, so that none keeps all others out; beyond: QUEUE_FULL. */
const WATCHES_PER_ACCOUNT_MAX = 256;
const FULL_RETRY_DELAY_MS = 1_000;
/** How often is looked at what time has changed, in milliseconds. */
const TICK_MS = 100;
/** How often other kernels' commits are asked for while no feed tells of them, in milliseconds. */
const POLL_INTERVAL_MS = 1_000;

/** A balance as a watcher gets it. */
export interface WatchedBalance {
  readonly reading: BalanceReading;
  /** Goes on after this balance. */
  readonly resumeToken: string;
}

/** What watches need. */
export interface BalanceWatchTools {
  readonly ledger: Pick<Ledger, 'readBalance'>;
  readonly feed: CommitFeed;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly pacing: Pacing;
  readonly observer: WatchObserver;
}

/** Watches balances for callers. */
export class BalanceWatch implements CommitListener {
  readonly #tools: BalanceWatchTools;
  readonly #accounts = new Map<TenantId, WatchedAccount>();
  #count = 0;
  #feed: OpenFeed | undefined;
  #isFeedLive = false;
  #isFeedUnsupported = false;
  #closing: Promise<void> = Promise.resolve();
  #isTicking = false;
  #lastPollMs = Number.NEGATIVE_INFINITY;
  #isPollFailing = false;

  constructor(tools: BalanceWatchTools) {
    this.#tools = tools;
  }

  /**
   * Tells the balance now, or once it differs from what the token's holder saw, and after each change, until the signal
   * aborts; changes that follow each other faster than `tell` resolves are merged.
   * Throws the signal's reason; DomainError INVALID_FIELD `resume_token`, RESUME_TOKEN_EXPIRED, QUEUE_FULL, and what
   * Ledger.readBalance throws.
   * @param resumeToken Is empty for a watch that begins anew.
   */
  async run(
    tenant: TenantRef,
    resumeToken: string,
    signal: AbortSignal,
    tell: (balance: WatchedBalance) => Promise<void>,
  ): Promise<void> {
    const resumed = resumeToken === '' ? undefined : parseResumeToken(tenant.tenantId, resumeToken);
    signal.throwIfAborted();
    const { account, watcher } = this.#join(tenant);
    const onAbort = (): void => watcher.fail(signal.reason);
    signal.addEventListener('abort', onAbort);
    try {
      let seen = await tellFirst(tenant.tenantId, watcher, resumed, tell);
      for (;;) seen = await tellNext(tenant.tenantId, watcher, seen, tell);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#leave(account, watcher);
    }
  }

  /** Ends the feed, and resolves when it has ended; called when nobody watches any more. */
  async stop(): Promise<void> {
    this.#closeFeed();
    await this.#closing;
  }

  committed(tenantId: TenantId, seq: number): void {
    this.#accounts.get(tenantId)?.noticeCommit(seq);
  }

  feedBegan(isContinued: boolean): void {
    this.#isFeedLive = true;
    if (isContinued) return;
    for (const account of this.#accounts.values()) account.noticeChange();
  }

  feedLost(error: unknown): void {
    this.#isFeedLive = false;
    this.#tools.observer.feedLost(error);
  }

  feedUnsupported(error: unknown): void {
    this.#isFeedLive = false;
    this.#isFeedUnsupported = true;
    this.#tools.observer.feedUnsupported(error);
  }

  #join(tenant: TenantRef): { account: WatchedAccount; watcher: Watcher } {
    const known = this.#accounts.get(tenant.tenantId);
    if (known !== undefined && known.size >= WATCHES_PER_ACCOUNT_MAX) {
      throw tooManyWatches();
    }
    const account = known ?? new WatchedAccount(tenant, this.#tools);
    this.#accounts.set(tenant.tenantId, account);
    this.#changeCount(1);
    // Opened before the first read: what is committed after that read is told by the feed.
    if (!this.#isFeedUnsupported) this.#feed ??= this.#tools.feed.open(this);
    if (!this.#isTicking) void this.#tick();
    return { account, watcher: account.join() };
  }

  #leave(account: WatchedAccount, watcher: Watcher): void {
    account.leave(watcher);
    this.#changeCount(-1);
    if (account.size === 0) this.#accounts.delete(account.tenant.tenantId);
    if (this.#count === 0) this.#closeFeed();
  }

  #changeCount(change: number): void {
    this.#count += change;
    this.#tools.observer.watching(this.#count);
  }

  #closeFeed(): void {
    const feed = this.#feed;
    if (feed === undefined) return;
    this.#feed = undefined;
    this.#isFeedLive = false;
    const before = this.#closing;
    this.#closing = feed.close().then(() => before);
  }

  /** Looks at the clock, and asks for commits that no feed tells of, while somebody watches. Never rejects. */
  async #tick(): Promise<void> {
    const { clock, pacing } = this.#tools;
    this.#isTicking = true;
    while (this.#count > 0) {
      await pacing.delay(TICK_MS);
      const now = clock.estimate();
      for (const account of this.#accounts.values()) {
        if (account.nextDueAt !== undefined && account.nextDueAt <= now) account.noticeChange();
      }
      await this.#poll();
    }
    this.#isTicking = false;
  }

  async #poll(): Promise<void> {
    const { feed, pacing, observer } = this.#tools;
    const nowMs = pacing.monotonicMs();
    if (this.#isFeedLive || nowMs - this.#lastPollMs < POLL_INTERVAL_MS) return;
    this.#lastPollMs = nowMs;
    const places = [...this.#accounts.values()].map(({ tenant, seq }) => ({ tenantId: tenant.tenantId, seq }));
    try {
      for (const tenantId of await feed.findFollowed(places)) this.#accounts.get(tenantId)?.noticeChange();
      this.#isPollFailing = false;
    } catch (error) {
      // A database that is away is worth a word, not one every second.
      if (!this.#isPollFailing) observer.feedLost(error);
      this.#isPollFailing = true;
    }
  }
}

/** Tells the first balance, unless the caller has seen it; answers what it has seen then. */
async function tellFirst(
  tenantId: TenantId,
  watcher: Watcher,
  resumed: SeenBalance | undefined,
  tell: (balance: WatchedBalance) => Promise<void>,
): Promise<SeenBalance> {
  const reading = await watcher.take();
  if (resumed !== undefined && resumed.seq > reading.seq) throw resumeTokenExpired(resumed, reading);
  return tellIfNew(tenantId, reading, resumed, tell);
}

async function tellNext(
  tenantId: TenantId,
  watcher: Watcher,
  seen: SeenBalance,
  tell: (balance: WatchedBalance) => Promise<void>,
): Promise<SeenBalance> {
  return tellIfNew(tenantId, await watcher.take(), seen, tell);
}

async function tellIfNew(
  tenantId: TenantId,
  reading: BalanceReading,
  before: SeenBalance | undefined,
  tell: (balance: WatchedBalance) => Promise<void>,
): Promise<SeenBalance> {
  const seen = seenOf(reading);
  if (before !== undefined && sameSeen(before, seen)) return before;
  await tell({ reading, resumeToken: formatResumeToken(tenantId, seen) });
  return seen;
}

function tooManyWatches(): DomainError {
  const message = `this tenant has ${WATCHES_PER_ACCOUNT_MAX} watches in this kernel, the most that may be: end some, or retry through another kernel`;
  return new DomainError('QUEUE_FULL', message, {
    metadata: { limit: String(WATCHES_PER_ACCOUNT_MAX) },
    retryDelayMs: FULL_RETRY_DELAY_MS,
  });
}
