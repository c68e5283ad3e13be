// Owns telling billing events to internal services as they are noted. Does not own noting them (billing-event-log.ts).
// Invariants: a watch that goes on from a token misses nothing; what is told twice has the same id; how many watches there are is
// bounded where they come in (grpc/stream-limit.ts).

import type { BillingEvent } from '../../domain/billing-event.ts';
import { DomainError } from '../../domain/error.ts';
import type { Pacing } from '../ports.ts';
import type { BillingEventLog } from './billing-event-log.ts';
import { formatEventToken, parseEventToken } from './event-list.ts';
import type { BillingEventStore, EventFilter } from './ports.ts';

const EVENTS_PER_READ = 100;
/** How often it is looked for what other kernels noted, in milliseconds. */
const POLL_INTERVAL_MS = 1_000;

/** What a watcher is told: an event, or first of all only where the watch begins. */
export interface WatchedEvent {
  readonly event?: BillingEvent;
  /** Goes on after this. */
  readonly resumeToken: string;
}

/** What watches work with. */
export interface EventWatchParts {
  readonly store: Pick<BillingEventStore, 'loadRange' | 'loadEventsAfter'>;
  readonly events: Pick<BillingEventLog, 'listen'>;
  readonly pacing: Pick<Pacing, 'delay'>;
}

/** Watches events for callers. */
export class EventWatch {
  readonly #parts: EventWatchParts;
  readonly #sleepers = new Set<() => void>();

  constructor(parts: EventWatchParts) {
    this.#parts = parts;
    parts.events.listen(() => {
      for (const wake of this.#sleepers) wake();
    });
  }

  /**
   * Tells every event after the token, or without one from now on, in their order, until the signal aborts.
   * Throws the signal's reason; DomainError INVALID_FIELD `resume_token`, RESUME_TOKEN_EXPIRED where events after it are kept no
   * longer, DATABASE_UNAVAILABLE.
   */
  async run(
    filter: Pick<EventFilter, 'tenantId' | 'productCode'>,
    resumeToken: string,
    signal: AbortSignal,
    tell: (watched: WatchedEvent) => Promise<void>,
  ): Promise<void> {
    const list = ['watch_events', filter.tenantId, filter.productCode];
    let number = await this.#findBegin(resumeToken, list);
    await tell({ resumeToken: formatEventToken(number, list) });
    for (;;) {
      signal.throwIfAborted();
      const events = await this.#parts.store.loadEventsAfter(number, filter, EVENTS_PER_READ);
      for (const event of events) {
        await tell({ event, resumeToken: formatEventToken(event.number, list) });
        number = event.number;
      }
      if (events.length < EVENTS_PER_READ) await this.#sleep(signal);
    }
  }

  async #findBegin(resumeToken: string, list: readonly unknown[]): Promise<number> {
    const range = await this.#parts.store.loadRange();
    if (resumeToken === '') return range?.newest ?? 0;
    const number = parseEventToken('resume_token', resumeToken, list);
    if (range !== undefined && number < range.oldest - 1) {
      const message =
        'the events after this token are kept no longer: begin without one, and read ListEvents for what was missed';
      throw new DomainError('RESUME_TOKEN_EXPIRED', message);
    }
    return number;
  }

  async #sleep(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    signal.addEventListener('abort', wake);
    this.#sleepers.add(wake);
    await Promise.race([promise, this.#parts.pacing.delay(POLL_INTERVAL_MS)]);
    this.#sleepers.delete(wake);
    signal.removeEventListener('abort', wake);
  }
}
