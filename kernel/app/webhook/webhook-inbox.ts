// Owns what becomes of a delivery of Stripe: it is verified, stored under Stripe's id, and only then answered. Does not own
// when it is processed (webhook-processor.ts) or how HTTP says it.
// Invariants: what was answered well is stored by a majority, so no crash loses it; two deliveries of one event are one row,
// whichever kernels they reach; what is not signed by Stripe leaves nothing behind but a count.

import type { Clock } from '../ports.ts';
import type {
  InsertedEvent,
  StoredEvent,
  WebhookEvent,
  WebhookObserver,
  WebhookRefusal,
  WebhookStore,
  WebhookVerifier,
} from './ports.ts';
import type { WebhookHandlers } from './webhook-handler.ts';
import { CLAIM_MS, type WebhookProcessor } from './webhook-processor.ts';

/** How many new events are stored at once. */
const EVENTS_PER_INSERT_MAX = 64;

/** What makes an inbox. */
export interface WebhookInboxParts {
  readonly verifier: WebhookVerifier;
  readonly store: Pick<WebhookStore, 'insertEvents'>;
  readonly handlers: WebhookHandlers;
  readonly processor: Pick<WebhookProcessor, 'hasRoom' | 'take'>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly observer: WebhookObserver;
}

/** What a delivery is answered with. */
export type Receipt =
  | { readonly kind: 'stored' | 'duplicate' | 'ignored' }
  | { readonly kind: 'refused'; readonly refusal: WebhookRefusal; readonly message: string };

interface Waiting {
  readonly event: StoredEvent;
  readonly resolve: (outcome: InsertedEvent) => void;
  readonly reject: (error: unknown) => void;
}

/** Takes Stripe's events in. */
export class WebhookInbox {
  readonly #parts: WebhookInboxParts;
  #waiting: Waiting[] = [];
  #isInserting = false;

  constructor(parts: WebhookInboxParts) {
    this.#parts = parts;
  }

  /**
   * Verifies a delivery and stores its event. Throws DomainError DATABASE_UNAVAILABLE where it is not known to be stored:
   * Stripe delivers it again.
   */
  async receive(body: Uint8Array, signature: string | undefined): Promise<Receipt> {
    const { verifier, observer, processor } = this.#parts;
    const verification = verifier.verify(body, signature);
    if (verification.kind === 'refused') {
      observer.refused(verification.refusal);
      return verification;
    }
    const event = this.#draft(verification.event);
    const outcome = await this.#insert(event);
    const kind = outcome === 'stored' && event.state === 'ignored' ? 'ignored' : outcome;
    observer.received(kind);
    // A duplicate is left to whoever has it, or to the worker where that one crashed.
    if (kind === 'stored') processor.take(event);
    return { kind };
  }

  #draft(event: WebhookEvent): StoredEvent {
    const { handlers, processor, clock } = this.#parts;
    const now = clock.estimate();
    if (handlers(event.type) === undefined) return { ...event, state: 'ignored', receivedAt: now, attempts: 0 };
    // This kernel begins at once, so it claims the event as it stores it; where it has no room, anyone may.
    const claim = processor.hasRoom(event.type) ? { attempts: 1, dueAt: now + CLAIM_MS } : { attempts: 0, dueAt: now };
    return { ...event, state: 'pending', receivedAt: now, ...claim };
  }

  /** Events that arrive while others are being stored wait for those, and are stored together. */
  #insert(event: StoredEvent): Promise<InsertedEvent> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, resolve, reject });
      if (!this.#isInserting) void this.#insertWaiting();
    });
  }

  async #insertWaiting(): Promise<void> {
    this.#isInserting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, EVENTS_PER_INSERT_MAX);
      this.#waiting = this.#waiting.slice(EVENTS_PER_INSERT_MAX);
      const outcomes = await this.#parts.store.insertEvents(batch.map(({ event }) => event));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[index] ?? new Error('the store did not tell what became of an event');
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      }
    }
    this.#isInserting = false;
  }
}
