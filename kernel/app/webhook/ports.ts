// Owns what the inbox of Stripe's events needs of the outside, and the shape of what it gets. Does not own how events are
// verified or stored.

import type { Instant } from '../../domain/id.ts';

/** One event as Stripe signed it. */
export interface WebhookEvent {
  /** Stripe's id, `evt_…`: what makes two deliveries one event. */
  readonly eventId: string;
  /** Such as `price.updated`. */
  readonly type: string;
  /** When it happened, by Stripe's clock. */
  readonly happenedAt: Instant;
  /** The body as it was signed. */
  readonly payload: string;
}

/** Why a delivery is refused before anything is stored. */
export type WebhookRefusal =
  /** No header, or one that is none of Stripe's. */
  | 'signature_missing'
  /** No secret of this endpoint gives any of its signatures. */
  | 'signature_invalid'
  /** It was signed too long ago, or too far in the future. */
  | 'timestamp_out_of_tolerance'
  /** It was signed by Stripe and is no event. */
  | 'not_an_event';

/** What a verification came to. */
export type Verification =
  | { readonly kind: 'verified'; readonly event: WebhookEvent }
  | { readonly kind: 'refused'; readonly refusal: WebhookRefusal; readonly message: string };

/** Tells Stripe's deliveries from all others. */
export interface WebhookVerifier {
  verify(body: Uint8Array, signature: string | undefined): Verification;
}

/**
 * Where an event stands. `pending`: it is to be processed, or being processed; `processed`; `ignored`: nothing here is
 * interested in its type; `dead`: it failed so often that an operator must look.
 */
export const WEBHOOK_STATES = ['pending', 'processed', 'ignored', 'dead'] as const;
export type WebhookState = (typeof WEBHOOK_STATES)[number];

/** An event as it is stored. */
export interface StoredEvent extends WebhookEvent {
  readonly state: WebhookState;
  readonly receivedAt: Instant;
  /** How often processing it was begun since it was received, or driven again. */
  readonly attempts: number;
  /** When it is tried next, or given up by who tries it now; absent unless pending. */
  readonly dueAt?: Instant;
  /** What the last attempt failed with, for people. */
  readonly failure?: string;
  readonly processedAt?: Instant;
}

/** What a list of events is limited to, and where it goes on. */
export interface WebhookQuery {
  /** Absent: every state. */
  readonly state?: WebhookState;
  readonly type?: string;
  readonly limit: number;
  /** Only what comes after this place: later, or as late with a greater id. */
  readonly after?: { readonly receivedAt: Instant; readonly eventId: string };
}

/** What became of an event that was to be stored. */
export type InsertedEvent = 'stored' | 'duplicate';

/**
 * Keeps events; how an operator's change reaches them is the audit log's. Reads are primary + majority. Every method throws DomainError DATABASE_UNAVAILABLE.
 * An attempt is told from another by its number: who was given up for dead changes nothing any more.
 */
export interface WebhookStore {
  /**
   * Stores events that are new; answers for each in order whether it was, once a majority has it either way, or the
   * DomainError DATABASE_UNAVAILABLE where that is not known. Never throws; the very same call may be repeated.
   */
  insertEvents(events: readonly StoredEvent[]): Promise<readonly (InsertedEvent | Error)[]>;
  /**
   * Takes a pending event that is due and of none of these types, counts an attempt, and lets nobody else take it until
   * `dueAt`.
   */
  claimDue(now: Instant, dueAt: Instant, exceptTypes: readonly string[]): Promise<StoredEvent | undefined>;
  /** Ends an attempt well. */
  saveProcessed(event: StoredEvent, at: Instant): Promise<void>;
  /** Ends an attempt badly: it is tried again when it is due, or is dead where no time is given. */
  saveFailed(event: StoredEvent, failure: string, dueAt: Instant | undefined): Promise<void>;
  loadEvent(eventId: string): Promise<StoredEvent | undefined>;
  /** Lists events, the earliest first. */
  loadEvents(query: WebhookQuery): Promise<readonly StoredEvent[]>;
  /** Answers when the oldest event that is still pending was received. */
  loadOldestPending(): Promise<Instant | undefined>;
  /** Counts the events that are dead. */
  countDead(): Promise<number>;
}

/** Counts and reports what happens in the inbox. */
export interface WebhookObserver {
  received(outcome: 'stored' | 'duplicate' | 'ignored'): void;
  refused(refusal: WebhookRefusal | 'body_too_large' | 'body_too_slow' | 'overloaded' | 'not_stored'): void;
  processed(type: string): void;
  /** An attempt failed; it is tried again. */
  failed(event: StoredEvent, error: unknown): void;
  /** The last attempt failed: an operator must look. */
  died(event: StoredEvent, error: unknown): void;
  /** How long the oldest pending event waits, in milliseconds; 0 where none does. And how many are dead. */
  backlog(oldestMs: number, dead: number): void;
  backgroundFailed(work: string, error: unknown): void;
}
