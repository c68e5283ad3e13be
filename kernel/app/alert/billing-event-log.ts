// Owns noting billing events: each once, whoever notes it how often, and in one order for all kernels. Does not own what happens then
// (event-watch.ts, delivery-fan-out.ts).
// Invariants: no id has two events; an event is one more than the newest that there was, so whoever has read up to a number never
// misses one that comes to be below it.

import type { BillingEventDraft } from '../../domain/billing-event.ts';
import { DomainError } from '../../domain/error.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { BillingEventStore } from './ports.ts';

/** How often a number is drawn while other kernels take it. */
const ATTEMPTS_MAX = 100;
const RETRY_MS_MAX = 20;

/** What the log works with. */
export interface BillingEventLogParts {
  readonly store: Pick<BillingEventStore, 'insertEvent' | 'hasEvent' | 'loadRange'>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly pacing: Pick<Pacing, 'delay' | 'random'>;
}

/** Notes billing events. */
export class BillingEventLog {
  readonly #parts: BillingEventLogParts;
  readonly #listeners: (() => void)[] = [];
  #last: Promise<void> = Promise.resolve();

  constructor(parts: BillingEventLogParts) {
    this.#parts = parts;
  }

  /** Tells this listener from now on whenever this kernel has noted an event. */
  listen(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Says whether an event was noted, and is kept still. Throws DomainError DATABASE_UNAVAILABLE. */
  isNoted(eventId: string): Promise<boolean> {
    return this.#parts.store.hasEvent(eventId);
  }

  /**
   * Notes an event, once for each id, as long as events are kept (90 days). Idempotent: where it throws, note it again.
   * Throws DomainError QUEUE_FULL where other kernels note too many at once, DATABASE_UNAVAILABLE.
   */
  note(draft: BillingEventDraft): Promise<void> {
    // One after the other, so that this kernel does not race with itself for numbers.
    const noted = this.#last.then(() => this.#note(draft));
    this.#last = noted.catch(() => undefined);
    return noted;
  }

  async #note(draft: BillingEventDraft): Promise<void> {
    const { store, clock, pacing } = this.#parts;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const newest = (await store.loadRange())?.newest ?? 0;
      const outcome = await store.insertEvent({ ...draft, number: newest + 1, createdAt: clock.estimate() });
      if (outcome !== 'number_taken') {
        for (const listener of this.#listeners) listener();
        return;
      }
      await pacing.delay(pacing.random() * RETRY_MS_MAX);
    }
    const message = 'other kernels note billing events faster than this one: note the event again';
    throw new DomainError('QUEUE_FULL', message, { metadata: { limit: String(ATTEMPTS_MAX) } });
  }
}
