// Owns what operators do with Stripe's events: look at them, and drive dead ones again. Does not own processing them.

import { DomainError, invalidField } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import type { ChangeBook, OperatorRequest } from '../operator/change-book.ts';
import { computeTokenSignature } from '../token-signature.ts';
import type { StoredEvent, WebhookQuery, WebhookState, WebhookStore } from './ports.ts';

export interface WebhookDeskParts {
  readonly store: Pick<WebhookStore, 'loadEvents' | 'loadEvent'>;
  readonly book: Pick<ChangeBook, 'change'>;
  /** Told that something became due, so that this kernel looks at once. */
  readonly wake: () => void;
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
   * Makes a dead event pending again; of any other nothing is changed or recorded. Answers the event as it stands then, and
   * whether an earlier call drove it. Throws DomainError WEBHOOK_EVENT_NOT_FOUND, and what ChangeBook.change does.
   */
  async redrive(
    request: OperatorRequest,
    eventId: string,
  ): Promise<{ readonly event: StoredEvent; readonly replayed: boolean }> {
    const kind = {
      operation: 'redrive_webhook_event' as const,
      method: 'WebhookService/RedriveWebhookEvent',
      meaning: [eventId],
    };
    const replayed = await this.#parts.book.change(request, kind, { kind: 'webhook_event', eventId }, async () => {
      const { state } = await this.#load(eventId);
      if (state !== 'dead') return undefined;
      const changes = [
        { field: 'event_id', before: '', after: eventId },
        { field: 'state', before: state, after: 'pending' },
      ];
      return { effect: { kind: 'webhook_event' }, changes };
    });
    this.#parts.wake();
    return { event: await this.#load(eventId), replayed };
  }

  async #load(eventId: string): Promise<StoredEvent> {
    const event = await this.#parts.store.loadEvent(eventId);
    if (event !== undefined) return event;
    const message = `event_id: no event ${eventId} is stored: check the id; what is dealt with is kept for 30 days`;
    throw new DomainError('WEBHOOK_EVENT_NOT_FOUND', message, { metadata: { event_id: eventId } });
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
