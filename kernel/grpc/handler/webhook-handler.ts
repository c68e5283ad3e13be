// Owns WebhookService on the wire. Does not own how events are taken in (kernel/http) or processed (app/webhook).

import type { WebhookServiceService } from '../../../gen/wheelhouse/operator/v1/webhook_service.ts';
import type { WebhookDesk } from '../../app/webhook/webhook-desk.ts';
import { fromProtoListWebhookEvents, fromProtoRedriveWebhookEvent, toProtoWebhookEvent } from '../convert/webhook.ts';
import { toOperatorRequest } from './catalog-admin-handler.ts';
import type { HandlerMap } from './handler-map.ts';

/** What WebhookService answers with. */
export interface WebhookHandlerParts {
  readonly webhooks: WebhookDesk;
}

/** Builds the handlers of WebhookService. */
export function createWebhookServiceHandlers({
  webhooks,
}: WebhookHandlerParts): HandlerMap<typeof WebhookServiceService> {
  return {
    listWebhookEvents: async (request) => {
      const { filter, pageSize, pageToken } = fromProtoListWebhookEvents(request);
      const { events, nextPageToken } = await webhooks.list(filter, pageSize, pageToken);
      return { events: events.map(toProtoWebhookEvent), nextPageToken };
    },
    redriveWebhookEvent: async (request, { caller }) => {
      const { eventId, ...asked } = fromProtoRedriveWebhookEvent(request);
      const { event, replayed } = await webhooks.redrive(toOperatorRequest(asked, caller), eventId);
      return { event: toProtoWebhookEvent(event), replayed };
    },
  };
}
