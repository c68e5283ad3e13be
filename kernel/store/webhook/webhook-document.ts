// Owns the form of Stripe's events in MongoDB: collection `stripe_events`. Does not own what the states mean
// (app/webhook/ports.ts).

import type { StoredEvent, WebhookState } from '../../app/webhook/ports.ts';
import { present } from '../../domain/optional.ts';

export interface WebhookDocument {
  /** Stripe's id: the unique index that makes two deliveries one event. */
  readonly _id: string;
  readonly type: string;
  readonly happened_at: Date;
  /** The body as Stripe signed it. */
  readonly payload: string;
  readonly state: WebhookState;
  readonly received_at: Date;
  readonly attempts: number;
  /** When a pending event is tried next, or given up by who tries it now. */
  readonly due_at?: Date;
  readonly failure?: string;
  readonly processed_at?: Date;
  /** From when on the database may remove it; absent while something is left to do. */
  readonly expires_at?: Date;
  /** How often operators drove it again, when it was dead; absent: never. Who and why stands in the audit log. */
  readonly revision?: number;
}

/** How long an event is kept once nothing is left to do about it: Stripe's own list of events reaches back 30 days. */
const RETENTION_MS = 30 * 86_400_000;

/** Computes from when on an event that was dealt with at a time may be removed. */
export function expiryOf(at: number): Date {
  return new Date(at + RETENTION_MS);
}

export function toDocumentEvent(event: StoredEvent): WebhookDocument {
  const { eventId, type, happenedAt, payload, state, receivedAt, attempts, dueAt } = event;
  return {
    _id: eventId,
    type,
    happened_at: new Date(happenedAt),
    payload,
    state,
    received_at: new Date(receivedAt),
    attempts,
    ...(dueAt === undefined ? {} : { due_at: new Date(dueAt) }),
    ...(state === 'ignored' ? { expires_at: expiryOf(receivedAt) } : {}),
  };
}

export function fromDocumentEvent(document: WebhookDocument): StoredEvent {
  return {
    eventId: document._id,
    type: document.type,
    happenedAt: document.happened_at.getTime(),
    payload: document.payload,
    state: document.state,
    receivedAt: document.received_at.getTime(),
    attempts: document.attempts,
    ...present({
      dueAt: document.due_at?.getTime(),
      failure: document.failure,
      processedAt: document.processed_at?.getTime(),
    }),
  };
}
