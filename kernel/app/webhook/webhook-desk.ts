// Owns what operators do with Stripe's events: look at them, and drive dead ones again. Does not own processing them.

import { DomainError, invalidField } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import { computeFingerprint, requestKey } from '../ledger/request-identity.ts';
import type { AuditNotebook } from '../operator/audit-notebook.ts';
import type { Clock } from '../ports.ts';
import { computeTokenSignature } from '../token-signature.ts';
import type { StoredEvent, WebhookQuery, WebhookState, WebhookStore } from './ports.ts';

export interface WebhookDeskParts {
  readonly store: Pick<WebhookStore, 'loadEvents' | 'loadEvent' | 'redriveEvent'>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly notebook: Pick<AuditNotebook, 'note'>;
  /** Told that something became due, so that this kernel looks at once. */
  readonly wake: () => void;
}

/** Who drives an event again, and why. */
export interface RedriveRequest {
  readonly callerScope: string;
  readonly requestId: string;
  readonly actor: string;
  readonly reason: string;
}

/** Limits a list of events. */
export interface WebhookFilter {
  readonly state?: WebhookState;
  readonly type?: string;
}

export interface WebhookPage {
  readonly events: readonly StoredEvent[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

type Place = NonNullable<WebhookQuery['after']>;

const TOKEN_VERSION = 1;

/** Looks after stored events. */
export class WebhookDesk {
  readonly #parts: WebhookDeskParts;

  constructor(parts: WebhookDeskParts) {
    this.#parts = parts;
  }

  /**
   * Lists events, the earliest first.
   * Throws DomainError INVALID_FIELD `page_token` where the token is not of this list, DATABASE_UNAVAILABLE.
   */
  async list(filter: WebhookFilter, pageSize: number, pageToken: string): Promise<WebhookPage> {
    const signature = computeTokenSignature([filter.state, filter.type]);
    const after = pageToken === '' ? undefined : parseToken(pageToken, signature);
    const events = await this.#parts.store.loadEvents({ ...filter, limit: pageSize + 1, ...present({ after }) });
    const page = events.slice(0, pageSize);
    const last = page.at(-1);
    const nextPageToken = events.length > pageSize && last !== undefined ? formatToken(last, signature) : '';
    return { events: page, nextPageToken };
  }

  /**
   * Makes a dead event pending again, which stands in the audit log before; any other stays as it is. Answers it as it
   * stands then. Throws DomainError WEBHOOK_EVENT_NOT_FOUND, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async redrive(eventId: string, request: RedriveRequest): Promise<StoredEvent> {
    const { store, clock, wake } = this.#parts;
    const event = await this.#load(eventId);
    if (event.state !== 'dead') return event;
    await this.#note(eventId, request);
    await store.redriveEvent(eventId, { actor: request.actor, reason: request.reason, at: clock.estimate() });
    wake();
    return this.#load(eventId);
  }

  async #load(eventId: string): Promise<StoredEvent> {
    const event = await this.#parts.store.loadEvent(eventId);
    if (event !== undefined) return event;
    const message = `event_id: no event ${eventId} is stored: check the id; what is dealt with is kept for 30 days`;
    throw new DomainError('WEBHOOK_EVENT_NOT_FOUND', message, { metadata: { event_id: eventId } });
  }

  #note(eventId: string, { callerScope, requestId, actor, reason }: RedriveRequest): Promise<void> {
    return this.#parts.notebook.note({
      ...{ method: 'WebhookService/RedriveWebhookEvent', callerScope, requestId, actor, reason },
      requestKey: requestKey(callerScope, 'redrive_webhook_event', requestId),
      fingerprint: computeFingerprint(['redrive_webhook_event', eventId, actor, reason]),
      ...{ figures: { event_id: eventId }, evidence: 'record' },
    });
  }
}

function formatToken({ receivedAt, eventId }: Place, signature: string): string {
  return Buffer.from(JSON.stringify([TOKEN_VERSION, signature, receivedAt, eventId])).toString('base64url');
}

function parseToken(token: string, signature: string): Place {
  const [version, stated, receivedAt, eventId] = parseList(token);
  if (
    version === TOKEN_VERSION &&
    stated === signature &&
    typeof receivedAt === 'number' &&
    Number.isSafeInteger(receivedAt) &&
    typeof eventId === 'string'
  ) {
    return { receivedAt, eventId };
  }
  const description = 'is not a token of this list: pass next_page_token as it was given, with the same state and type';
  throw invalidField({ field: 'page_token', description });
}

function parseList(token: string): readonly unknown[] {
  try {
    const list: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
