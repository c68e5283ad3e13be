// Owns `/v1/billing/alerts/thresholds` and `/v1/billing/alerts/events`: what a workspace is told of its balance and its payments.

import { AlertServiceService } from '../../gen/wheelhouse/alert/v1/alert_service.ts';
import { defineBody } from '../body.ts';
import { BILLING_EVENT, fromProtoEvent, fromProtoThreshold, THRESHOLD } from '../convert-alert.ts';
import { defineQuery } from '../query.ts';
import { list, object, pageOf } from '../shape.ts';
import { EVENT_TYPE } from './field.ts';
import { fromProtoPageToken, type PageQuery, PEOPLE_PAGE, pageProperties, toProtoPage } from './page.ts';
import { defineWorkspaceRoute, type Route } from './route.ts';

const PATH = '/v1/billing/alerts';
const THRESHOLDS_MAX = 10;
const THRESHOLDS = object({ thresholds: list(THRESHOLD) });

const listThresholds = defineWorkspaceRoute({
  method: 'GET',
  path: `${PATH}/thresholds`,
  workspace: 'required',
  name: 'listThresholds',
  summary: 'List the thresholds of the balance',
  description: `The highest first; at most ${THRESHOLDS_MAX}, in one answer.`,
  needs: 'tenant_admin',
  responses: { 200: THRESHOLDS },
  reasons: [],
  async answer(_input, { kernel, context, tenantId }) {
    const { thresholds } = await kernel.call(AlertServiceService.listThresholds, { tenantId }, context);
    return { thresholds: thresholds.map(fromProtoThreshold) };
  },
});

const setThresholds = defineWorkspaceRoute({
  method: 'PUT',
  path: `${PATH}/thresholds`,
  workspace: 'required',
  name: 'setThresholds',
  summary: 'Set the thresholds of the balance',
  needs: 'tenant_admin',
  description: 'They replace those that there were.',
  body: defineBody<{ microcredits: number[] }>({
    type: 'object',
    properties: {
      microcredits: {
        type: 'array',
        maxItems: THRESHOLDS_MAX,
        items: {
          type: 'integer',
          minimum: 1,
          maximum: Number.MAX_SAFE_INTEGER,
          description: 'a whole number of microcredits above zero',
        },
        description: `a list of at most ${THRESHOLDS_MAX} amounts of microcredits`,
      },
    },
    required: ['microcredits'],
    additionalProperties: false,
  }),
  responses: { 200: THRESHOLDS },
  reasons: [],
  async answer({ body, idempotencyKey }, { kernel, context, tenantId }) {
    const request = { requestId: idempotencyKey, tenantId, microcredits: body.microcredits.map(BigInt) };
    const { thresholds } = await kernel.call(AlertServiceService.setThresholds, request, context);
    return { thresholds: thresholds.map(fromProtoThreshold) };
  },
});

const listEvents = defineWorkspaceRoute({
  method: 'GET',
  path: `${PATH}/events`,
  workspace: 'required',
  name: 'listBillingEvents',
  summary: 'List the billing events',
  needs: 'tenant_admin',
  description: 'Newest first, a page at a time.',
  query: defineQuery<PageQuery & { type?: string }>({
    type: 'object',
    properties: { type: { ...EVENT_TYPE, nullable: true }, ...pageProperties(PEOPLE_PAGE.sizeMax) },
    required: [],
    additionalProperties: false,
  }),
  responses: { 200: pageOf('events', BILLING_EVENT) },
  reasons: [],
  async answer({ query }, { kernel, context, tenantId }) {
    const request = { tenantId, type: query.type ?? '', ...toProtoPage(query, PEOPLE_PAGE) };
    const { events, nextPageToken } = await kernel.call(AlertServiceService.listEvents, request, context);
    return { events: events.map(fromProtoEvent), next_page_token: fromProtoPageToken(nextPageToken) };
  },
});

export const alertRoutes: readonly Route[] = [listThresholds, setThresholds, listEvents];
