// Owns `/v1/billing/alerts/endpoints` and `/v1/billing/alerts/deliveries`: where a workspace has its events delivered to, and what
// became of that.

import { AlertEndpointServiceService } from '../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import { defineBody } from '../body.ts';
import {
  ALERT_DELIVERY,
  ALERT_ENDPOINT,
  ALERT_ENDPOINT_SECRET,
  DELIVERY_STATE_NAMES,
  type DeliveryStateName,
  fromProtoDelivery,
  fromProtoEndpoint,
  toProtoDeliveryState,
} from '../convert-alert.ts';
import { defineQuery } from '../query.ts';
import { list, object, pageOf } from '../shape.ts';
import { EVENT_TYPE, ID, YES_OR_NO } from './field.ts';
import { fromProtoPageToken, type PageQuery, PEOPLE_PAGE, pageProperties, toProtoPage } from './page.ts';
import { defineWorkspaceRoute, Reply, type Route } from './route.ts';

const ENDPOINTS = '/v1/billing/alerts/endpoints';
const DELIVERIES = '/v1/billing/alerts/deliveries';
const TYPES_MAX = 50;

/** What a person says of an endpoint. */
const ENDPOINT_FIELDS = {
  url: {
    type: 'string',
    minLength: 1,
    maxLength: 2_048,
    examples: ['https://example.com/hook'],
    description: 'an address such as https://example.com/hook',
  },
  description: { type: 'string', nullable: true, maxLength: 200, description: 'at most 200 characters' },
  types: {
    type: 'array',
    nullable: true,
    maxItems: TYPES_MAX,
    items: EVENT_TYPE,
    description: 'a list of types of events; empty means all',
  },
} as const;

interface EndpointFields {
  url: string;
  description?: string;
  types?: string[];
}

const DELIVERY_NOW = 'Answers the delivery as it stands: a repeat can find that it has come to an end meanwhile.';

const createEndpoint = defineWorkspaceRoute({
  method: 'POST',
  path: ENDPOINTS,
  workspace: 'required',
  name: 'createAlertEndpoint',
  summary: 'Add an endpoint for billing events',
  needs: 'tenant_admin',
  body: defineBody<EndpointFields>({
    type: 'object',
    properties: ENDPOINT_FIELDS,
    required: ['url'],
    additionalProperties: false,
  }),
  responses: { 201: ALERT_ENDPOINT_SECRET },
  reasons: ['ALERT_ENDPOINT_LIMIT_REACHED', 'ALERT_TARGET_FORBIDDEN'],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, ...toProtoFields(body) };
    const answer = await kernel.call(AlertEndpointServiceService.createEndpoint, request, context);
    const endpoint = fromProtoEndpoint(answer.endpoint);
    // Only the first answer has the secret.
    const json = { endpoint, secret: answer.secret || null };
    return Reply.created(`${ENDPOINTS}/${endpoint.endpoint_id}`, json, answer.replayed);
  },
});

const listEndpoints = defineWorkspaceRoute({
  method: 'GET',
  path: ENDPOINTS,
  workspace: 'required',
  name: 'listAlertEndpoints',
  summary: 'List the endpoints for billing events',
  description: 'The oldest first; at most 5, in one answer.',
  needs: 'tenant_admin',
  responses: { 200: object({ endpoints: list(ALERT_ENDPOINT) }) },
  reasons: [],
  async answer(_input, { kernel, context, tenantId }) {
    const { endpoints } = await kernel.call(AlertEndpointServiceService.listEndpoints, { tenantId }, context);
    return { endpoints: endpoints.map(fromProtoEndpoint) };
  },
});

const updateEndpoint = defineWorkspaceRoute({
  method: 'PUT',
  path: `${ENDPOINTS}/:endpoint_id`,
  workspace: 'required',
  name: 'updateAlertEndpoint',
  summary: 'Change an endpoint',
  repeat: 'by_nature',
  needs: 'tenant_admin',
  description: 'What is left out of the body is emptied.',
  body: defineBody<EndpointFields & { enabled: boolean }>({
    type: 'object',
    properties: { ...ENDPOINT_FIELDS, enabled: YES_OR_NO },
    required: ['url', 'enabled'],
    additionalProperties: false,
  }),
  responses: { 200: ALERT_ENDPOINT },
  reasons: ['ALERT_ENDPOINT_NOT_FOUND', 'ALERT_TARGET_FORBIDDEN'],
  async answer({ body, ids, idempotencyKey }, { kernel, context, tenantId }) {
    const request = {
      ...{ requestId: idempotencyKey, tenantId, endpointId: ids.endpoint_id },
      ...{ ...toProtoFields(body), enabled: body.enabled },
    };
    const { endpoint } = await kernel.call(AlertEndpointServiceService.updateEndpoint, request, context);
    return fromProtoEndpoint(endpoint);
  },
});

const rotateSecret = defineWorkspaceRoute({
  method: 'POST',
  path: `${ENDPOINTS}/:endpoint_id/rotate-secret`,
  workspace: 'required',
  name: 'rotateAlertEndpointSecret',
  summary: 'Make a new secret for an endpoint',
  needs: 'tenant_admin',
  responses: { 200: ALERT_ENDPOINT_SECRET },
  reasons: ['ALERT_ENDPOINT_NOT_FOUND'],
  async answer({ ids, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, endpointId: ids.endpoint_id };
    const answer = await kernel.call(AlertEndpointServiceService.rotateEndpointSecret, request, context);
    const json = { endpoint: fromProtoEndpoint(answer.endpoint), secret: answer.secret || null };
    return Reply.done(json, answer.replayed);
  },
});

const deleteEndpoint = defineWorkspaceRoute({
  method: 'DELETE',
  path: `${ENDPOINTS}/:endpoint_id`,
  workspace: 'required',
  name: 'deleteAlertEndpoint',
  summary: 'Delete an endpoint',
  needs: 'tenant_admin',
  responses: { 204: null },
  reasons: ['ALERT_ENDPOINT_NOT_FOUND'],
  async answer({ ids, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, endpointId: ids.endpoint_id };
    await kernel.call(AlertEndpointServiceService.deleteEndpoint, request, context);
    return Reply.gone();
  },
});

const sendTest = defineWorkspaceRoute({
  method: 'POST',
  path: `${ENDPOINTS}/:endpoint_id/test`,
  workspace: 'required',
  name: 'testAlertEndpoint',
  summary: 'Send a test event to an endpoint',
  needs: 'tenant_admin',
  description: DELIVERY_NOW,
  responses: { 202: ALERT_DELIVERY },
  reasons: ['ALERT_ENDPOINT_NOT_FOUND'],
  async answer({ ids, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, endpointId: ids.endpoint_id };
    const { delivery } = await kernel.call(AlertEndpointServiceService.sendTestEvent, request, context);
    return Reply.accepted(fromProtoDelivery(delivery), false);
  },
});

const listDeliveries = defineWorkspaceRoute({
  method: 'GET',
  path: DELIVERIES,
  workspace: 'required',
  name: 'listAlertDeliveries',
  summary: 'List the deliveries',
  needs: 'tenant_admin',
  description: 'Newest first, a page at a time.',
  query: defineQuery<PageQuery & { endpoint_id?: string; state?: DeliveryStateName }>({
    type: 'object',
    properties: {
      endpoint_id: { ...ID, nullable: true },
      state: {
        type: 'string',
        nullable: true,
        enum: DELIVERY_STATE_NAMES,
        description: `one of ${DELIVERY_STATE_NAMES.join(', ')}`,
      },
      ...pageProperties(PEOPLE_PAGE.sizeMax),
    },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('deliveries', ALERT_DELIVERY) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = {
      ...{ tenantId, endpointId: query.endpoint_id ?? '', state: toProtoDeliveryState(query.state) },
      ...toProtoPage(query, PEOPLE_PAGE),
    };
    const { deliveries, nextPageToken } = await kernel.call(
      AlertEndpointServiceService.listDeliveries,
      request,
      context,
    );
    return { deliveries: deliveries.map(fromProtoDelivery), next_page_token: fromProtoPageToken(nextPageToken) };
  },
});

const resendDelivery = defineWorkspaceRoute({
  method: 'POST',
  path: `${DELIVERIES}/:delivery_id/resend`,
  workspace: 'required',
  name: 'resendAlertDelivery',
  summary: 'Deliver once more',
  needs: 'tenant_admin',
  description: DELIVERY_NOW,
  responses: { 202: ALERT_DELIVERY },
  reasons: ['ALERT_DELIVERY_NOT_FOUND'],
  async answer({ ids, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, deliveryId: ids.delivery_id };
    const { delivery } = await kernel.call(AlertEndpointServiceService.resendDelivery, request, context);
    return Reply.accepted(fromProtoDelivery(delivery), false);
  },
});

function toProtoFields({ url, description, types }: EndpointFields) {
  return { url, description: description ?? '', types: types ?? [] };
}

export const alertEndpointRoutes: readonly Route[] = [
  createEndpoint,
  listEndpoints,
  updateEndpoint,
  rotateSecret,
  deleteEndpoint,
  sendTest,
  listDeliveries,
  resendDelivery,
];
