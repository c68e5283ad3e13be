// Owns the translation of what operators ask of Stripe's events.

import {
  type WebhookEvent as WebhookEventMessage,
  WebhookEventState,
} from '../../../gen/wheelhouse/operator/v1/webhook_event.ts';
import type {
  ListWebhookEventsRequest,
  RedriveWebhookEventRequest,
} from '../../../gen/wheelhouse/operator/v1/webhook_service.ts';
import type { StoredEvent, WebhookState } from '../../app/webhook/ports.ts';
import type { WebhookFilter } from '../../app/webhook/webhook-desk.ts';
import { present } from '../../domain/optional.ts';
import { byNumber } from './enum-number.ts';
import { FieldCheck } from './field-check.ts';
import { checkOperator } from './operator.ts';

const PAGE_SIZE_DEFAULT = 100;

const STATES: Readonly<Record<WebhookState, WebhookEventState>> = {
  pending: WebhookEventState.PENDING,
  processed: WebhookEventState.PROCESSED,
  ignored: WebhookEventState.IGNORED,
  dead: WebhookEventState.DEAD,
};
const STATE_BY_NUMBER = byNumber(STATES);

/** Checks a request for events. Throws DomainError INVALID_FIELD. */
export function fromProtoListWebhookEvents(request: ListWebhookEventsRequest): {
  readonly filter: WebhookFilter;
  readonly pageSize: number;
  readonly pageToken: string;
} {
  const check = new FieldCheck();
  const state = STATE_BY_NUMBER.get(request.state);
  if (state === undefined && request.state !== WebhookEventState.UNSPECIFIED) {
    check.refuse('state', `must be a state of the contract, got ${request.state}`);
  }
  const query = {
    filter: present({ state, type: check.optionalId('type', request.type) }),
    pageSize: check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT),
    pageToken: check.pageToken(request.pageToken),
  };
  check.assertValid();
  return query;
}

/** Checks a request to drive an event again. Throws DomainError INVALID_FIELD. */
export function fromProtoRedriveWebhookEvent(request: RedriveWebhookEventRequest): {
  readonly requestId: string;
  readonly eventId: string;
  readonly actor: string;
  readonly reason: string;
} {
  const check = new FieldCheck();
  const asked = {
    requestId: check.requestId(request.requestId),
    eventId: check.id('event_id', request.eventId, true),
    ...checkOperator(check, request),
  };
  check.assertValid();
  return asked;
}

export function toProtoWebhookEvent(event: StoredEvent): WebhookEventMessage {
  return {
    eventId: event.eventId,
    type: event.type,
    state: STATES[event.state],
    eventTime: new Date(event.happenedAt),
    receiveTime: new Date(event.receivedAt),
    attempts: event.attempts,
    dueTime: event.dueAt === undefined ? undefined : new Date(event.dueAt),
    failure: event.failure ?? '',
    processTime: event.processedAt === undefined ? undefined : new Date(event.processedAt),
  };
}
