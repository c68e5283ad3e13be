// Owns processing stored events: at once those that this kernel has taken in, later those that a crash or a failure left.
// Does not own what is done about an event (webhook-handler.ts) or how often to look (worker/webhook-worker.ts).
// Invariants: an event is processed at least once, and one that fails again and again ends as dead, never as lost; claims
// only spare work: where two kernels process one event, its handler's effects are idempotent; however many events tell of the
// catalog, and however long its sync takes, the others have their places.

import { messageOf } from '../../domain/error.ts';
import { computeRetryDelayMs, type RetryBounds } from '../../domain/retry-delay.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { StoredEvent, WebhookObserver, WebhookStore } from './ports.ts';
import { CATALOG_EVENTS, type WebhookHandlers } from './webhook-handler.ts';

/** How long nobody else takes an event that a kernel has taken, in milliseconds. */
export const CLAIM_MS = 60_000;
/** After so many attempts an event is dead: with the delays below that is six to eight hours. */
const ATTEMPTS_MAX = 20;
/** How long attempts wait, in milliseconds. */
const RETRY_BOUNDS: RetryBounds = { firstMs: 1_000, maxMs: 3_600_000 };
/** How many events this kernel processes at once; beyond, they wait in the database. */
const RUNNING_MAX = 256;
/** How many events of the catalog wait for their sync at once: they share it, and have places of their own. */
const CATALOG_RUNNING_MAX = 64;
const CATALOG_TYPES: ReadonlySet<string> = new Set(CATALOG_EVENTS);
const NO_TYPES: readonly string[] = [];
const FAILURE_LENGTH_MAX = 500;
const LOTS = 1_000;

/** What makes a processor. */
export interface WebhookProcessorParts {
  readonly store: WebhookStore;
  readonly handlers: WebhookHandlers;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly pacing: Pick<Pacing, 'random'>;
  readonly observer: WebhookObserver;
}

/** Processes events. */
export class WebhookProcessor {
  readonly #parts: WebhookProcessorParts;
  readonly #running = new Set<Promise<void>>();
  readonly #runningCatalog = new Set<Promise<void>>();
  #isStopped = false;

  constructor(parts: WebhookProcessorParts) {
    this.#parts = parts;
  }

  /** Says whether one more event of this type can be begun at once. */
  hasRoom(type: string): boolean {
    return CATALOG_TYPES.has(type) ? this.#hasCatalogRoom() : this.#hasRoom();
  }

  /** Begins an event that this kernel has claimed; one that it has not is left where it is. */
  take(event: StoredEvent): void {
    if (this.#isStopped || event.attempts === 0) return;
    const running = CATALOG_TYPES.has(event.type) ? this.#runningCatalog : this.#running;
    const run = this.#process(event)
      .catch((error: unknown) => this.#parts.observer.backgroundFailed('noting what became of an event', error))
      .finally(() => running.delete(run));
    running.add(run);
  }

  /** Takes what is due, as much as there is room for; answers how many. Throws DomainError DATABASE_UNAVAILABLE. */
  async takeDue(): Promise<number> {
    const { store, clock } = this.#parts;
    let taken = 0;
    while (this.#hasRoom()) {
      const now = clock.estimate();
      const event = await store.claimDue(now, now + CLAIM_MS, this.#hasCatalogRoom() ? NO_TYPES : CATALOG_EVENTS);
      if (event === undefined) break;
      this.take(event);
      taken += 1;
    }
    return taken;
  }

  /** Reports how long the oldest pending event waits. Throws DomainError DATABASE_UNAVAILABLE. */
  async reportBacklog(): Promise<void> {
    const { store, clock, observer } = this.#parts;
    const [oldest, dead] = await Promise.all([store.loadOldestPending(), store.countDead()]);
    observer.backlog(oldest === undefined ? 0 : Math.max(0, clock.estimate() - oldest), dead);
  }

  /** Begins nothing more, and resolves when what was begun has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#running, ...this.#runningCatalog]);
  }

  #hasRoom(): boolean {
    return !this.#isStopped && this.#running.size < RUNNING_MAX;
  }

  #hasCatalogRoom(): boolean {
    return !this.#isStopped && this.#runningCatalog.size < CATALOG_RUNNING_MAX;
  }

  async #process(event: StoredEvent): Promise<void> {
    const { store, handlers, clock, observer } = this.#parts;
    // A handler that ends its kernel, too, comes to an end.
    if (event.attempts > ATTEMPTS_MAX) return this.#fail(event, new Error('no attempt came to an end'));
    try {
      // A release may know less than the one that stored the event: then it has nothing to do about it.
      const handling: Promise<void> | undefined = handlers(event.type)?.(event);
      await handling;
    } catch (error) {
      return this.#fail(event, error);
    }
    await store.saveProcessed(event, clock.estimate());
    observer.processed(event.type);
  }

  async #fail(event: StoredEvent, error: unknown): Promise<void> {
    const { store, clock, pacing, observer } = this.#parts;
    const failure = messageOf(error).slice(0, FAILURE_LENGTH_MAX).toWellFormed();
    const isLast = event.attempts >= ATTEMPTS_MAX;
    const delayMs = computeRetryDelayMs(event.attempts, RETRY_BOUNDS, Math.floor(pacing.random() * LOTS));
    await store.saveFailed(event, failure, isLast ? undefined : clock.estimate() + delayMs);
    if (isLast) observer.died(event, error);
    else observer.failed(event, error);
  }
}
