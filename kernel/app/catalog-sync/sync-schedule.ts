// Owns when the catalog is synced without an operator: soon after Stripe tells of a change, and regularly. Does not own the
// sync itself.
// Invariant: who asks for a sync gets one that began after it asked; those who ask together get the same.

import { DomainError } from '../../domain/error.ts';
import { computeRetryDelayMs } from '../../domain/retry-delay.ts';
import type { Pacing } from '../ports.ts';
import type { CatalogSync } from './catalog-sync.ts';
import type { SyncObserver } from './ports.ts';

/** How long a sync waits for others who ask: one change at Stripe is told by several events, in milliseconds. */
const GATHER_MS = 300;
const FIRST_RETRY_MS = 1_000;
/** How far two kernels' regular syncs are spread, as a share of the interval. */
const JITTER = 0.2;
const LOTS = 1_000;
/** How long an end waits for a sync that is under way, in milliseconds. */
const STOP_WAIT_MS = 2_000;

export interface SyncScheduleParts {
  readonly sync: Pick<CatalogSync, 'run'>;
  /** How long between two regular syncs, in milliseconds. */
  readonly intervalMs: number;
  readonly pacing: Pick<Pacing, 'delay' | 'random'>;
  readonly observer: Pick<SyncObserver, 'syncFailed'>;
}

/** Syncs the catalog when it is asked to, and says when it wants to be asked next. */
export class SyncSchedule {
  readonly #parts: SyncScheduleParts;
  readonly #end = new AbortController();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failures = 0;

  constructor(parts: SyncScheduleParts) {
    this.#parts = parts;
  }

  /** Resolves when a sync that began after this call has ended well. Throws DomainError as a sync does. */
  syncSoon(): Promise<void> {
    this.#next ??= this.#begin();
    return this.#next;
  }

  /** Syncs, and answers how long to wait until the next time, in milliseconds; never throws. */
  async syncRegularly(): Promise<number> {
    const { intervalMs, pacing, observer } = this.#parts;
    try {
      await this.syncSoon();
      this.#failures = 0;
      return intervalMs * (1 - JITTER * pacing.random());
    } catch (error) {
      if (!this.#end.signal.aborted) observer.syncFailed(error);
      this.#failures += 1;
      const bounds = { firstMs: Math.min(FIRST_RETRY_MS, intervalMs), maxMs: intervalMs };
      return computeRetryDelayMs(this.#failures, bounds, Math.floor(pacing.random() * LOTS));
    }
  }

  /** Begins nothing more; what is under way is ended at its next step. */
  async stop(): Promise<void> {
    this.#end.abort();
    const running = Promise.all([this.#running, this.#next]).catch(() => undefined);
    await Promise.race([running, this.#parts.pacing.delay(STOP_WAIT_MS)]);
  }

  async #begin(): Promise<void> {
    await this.#parts.pacing.delay(GATHER_MS);
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
    const { signal } = this.#end;
    this.#next = undefined;
    if (signal.aborted) throw new DomainError('SHUTTING_DOWN', 'this kernel is ending: the next one syncs');
    const running = this.#parts.sync
      .run({ dryRun: false, signal })
      .then(() => undefined)
      .finally(() => {
        this.#running = undefined;
      });
    this.#running = running;
    return running;
  }
}
