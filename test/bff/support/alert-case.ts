// The endpoints of alerts, as rows of the table of endpoints.

import { AlertDeliveryState, AlertEndpointState } from '../../../gen/wheelhouse/alert/v1/alert_endpoint.ts';
import {
  CreateEndpointResponse,
  DeleteEndpointResponse,
  ListDeliveriesResponse,
  ListEndpointsResponse,
  ResendDeliveryResponse,
  RotateEndpointSecretResponse,
  SendTestEventResponse,
  UpdateEndpointResponse,
} from '../../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import {
  ListEventsResponse,
  ListThresholdsResponse,
  SetThresholdsResponse,
} from '../../../gen/wheelhouse/alert/v1/alert_service.ts';
import { BillingEvent } from '../../../gen/wheelhouse/alert/v1/billing_event.ts';
import { type Case, KEY, TIME, TIME_TEXT } from './endpoint-case.ts';
import { TENANT_ID } from './issuer-peer.ts';

const PATH = '/v1/billing/alerts';
const WRITE = { requestId: KEY, tenantId: TENANT_ID };
const URL = 'https://example.com/hook';

const THRESHOLDS = [
  { microcredits: 9_007_199_254_740_991n, below: true },
  { microcredits: 1n, below: false },
];
const THRESHOLDS_JSON = [
  { microcredits: 9_007_199_254_740_991, below: true },
  { microcredits: 1, below: false },
];

const EVENT: BillingEvent = {
  ...BillingEvent.fromPartial({ eventId: 'balance-low:ten_1:5:7', type: 'balance.low', createTime: TIME }),
  data: new Map([['threshold_microcredits', '5']]),
};
const EVENT_JSON = {
  event_id: 'balance-low:ten_1:5:7',
  type: 'balance.low',
  data: { threshold_microcredits: '5' },
  create_time: TIME_TEXT,
};

export const ENDPOINT = { endpointId: 'whe_1', url: URL, state: AlertEndpointState.ENABLED, createTime: TIME };
const ENDPOINT_JSON = {
  ...{ endpoint_id: 'whe_1', url: URL, description: '', types: [], state: 'enabled' },
  ...{ failing_since_time: null, disable_time: null, create_time: TIME_TEXT },
};
const FAILING = {
  ...{ ...ENDPOINT, description: 'Ours', types: ['balance.low'], state: AlertEndpointState.FAILING },
  ...{ failingSinceTime: TIME, disableTime: TIME },
};
const FAILING_JSON = {
  ...{ ...ENDPOINT_JSON, description: 'Ours', types: ['balance.low'], state: 'failing' },
  ...{ failing_since_time: TIME_TEXT, disable_time: TIME_TEXT },
};

export const DELIVERY = {
  ...{ deliveryId: 'whd_1', endpointId: 'whe_1', event: EVENT, state: AlertDeliveryState.PENDING, createTime: TIME },
};
const DELIVERY_JSON = {
  ...{ delivery_id: 'whd_1', endpoint_id: 'whe_1', event: EVENT_JSON, state: 'pending', attempts: 0 },
  ...{ due_time: null, failure: null, status: null, deliver_time: null, create_time: TIME_TEXT },
};
const TRIED = {
  ...{ ...DELIVERY, state: AlertDeliveryState.FAILED, attempts: 2, dueTime: TIME },
  ...{ failure: 'away', status: 500, deliverTime: TIME },
};
const TRIED_JSON = {
  ...{ ...DELIVERY_JSON, state: 'failed', attempts: 2, due_time: TIME_TEXT },
  ...{ failure: 'away', status: 500, deliver_time: TIME_TEXT },
};

export const ALERT_CASES: readonly Case[] = [
  {
    request: ['GET', `${PATH}/thresholds`],
    rpc: 'listThresholds',
    asked: { tenantId: TENANT_ID },
    answered: ListThresholdsResponse.fromPartial({ thresholds: THRESHOLDS }),
    status: 200,
    json: { thresholds: THRESHOLDS_JSON },
  },
  {
    request: ['PUT', `${PATH}/thresholds`, { microcredits: [1, Number.MAX_SAFE_INTEGER] }],
    rpc: 'setThresholds',
    asked: { ...WRITE, microcredits: [1n, 9_007_199_254_740_991n] },
    answered: SetThresholdsResponse.fromPartial({ thresholds: THRESHOLDS }),
    status: 200,
    json: { thresholds: THRESHOLDS_JSON },
  },
  {
    request: ['GET', `${PATH}/events?type=balance.low&page_size=2&page_token=x`],
    rpc: 'listEvents',
    asked: { tenantId: TENANT_ID, type: 'balance.low', pageSize: 2, pageToken: 'x' },
    answered: ListEventsResponse.fromPartial({ events: [EVENT], nextPageToken: 'y' }),
    status: 200,
    json: { events: [EVENT_JSON], next_page_token: 'y' },
  },
  {
    request: ['POST', `${PATH}/endpoints`, { url: URL }],
    rpc: 'createEndpoint',
    asked: { ...WRITE, url: URL, description: '', types: [] },
    answered: CreateEndpointResponse.fromPartial({ endpoint: ENDPOINT, secret: 'whsec_AAAA' }),
    status: 201,
    location: `${PATH}/endpoints/whe_1`,
    json: { endpoint: ENDPOINT_JSON, secret: 'whsec_AAAA' },
  },
  {
    request: ['POST', `${PATH}/endpoints`, { url: URL, description: 'Ours', types: ['balance.low'] }],
    rpc: 'createEndpoint',
    asked: { ...WRITE, url: URL, description: 'Ours', types: ['balance.low'] },
    answered: CreateEndpointResponse.fromPartial({ endpoint: ENDPOINT }),
    status: 201,
    location: `${PATH}/endpoints/whe_1`,
    json: { endpoint: ENDPOINT_JSON, secret: null },
  },
  {
    request: ['GET', `${PATH}/endpoints`],
    rpc: 'listEndpoints',
    asked: { tenantId: TENANT_ID },
    answered: ListEndpointsResponse.fromPartial({ endpoints: [ENDPOINT, FAILING] }),
    status: 200,
    json: { endpoints: [ENDPOINT_JSON, FAILING_JSON] },
  },
  {
    request: ['PUT', `${PATH}/endpoints/whe_1`, { url: URL, enabled: true }],
    rpc: 'updateEndpoint',
    asked: { ...WRITE, endpointId: 'whe_1', url: URL, description: '', types: [], enabled: true },
    answered: UpdateEndpointResponse.fromPartial({ endpoint: ENDPOINT }),
    status: 200,
    json: ENDPOINT_JSON,
  },
  {
    request: ['POST', `${PATH}/endpoints/whe_1/rotate-secret`],
    rpc: 'rotateEndpointSecret',
    asked: { ...WRITE, endpointId: 'whe_1' },
    answered: RotateEndpointSecretResponse.fromPartial({ endpoint: ENDPOINT, secret: 'whsec_BBBB' }),
    status: 200,
    json: { endpoint: ENDPOINT_JSON, secret: 'whsec_BBBB' },
  },
  {
    request: ['POST', `${PATH}/endpoints/whe_1/test`],
    rpc: 'sendTestEvent',
    asked: { ...WRITE, endpointId: 'whe_1' },
    answered: SendTestEventResponse.fromPartial({ delivery: DELIVERY }),
    status: 202,
    json: DELIVERY_JSON,
  },
  {
    request: ['DELETE', `${PATH}/endpoints/whe_1`],
    rpc: 'deleteEndpoint',
    asked: { ...WRITE, endpointId: 'whe_1' },
    answered: DeleteEndpointResponse.fromPartial({}),
    status: 204,
  },
  {
    request: ['GET', `${PATH}/deliveries?endpoint_id=whe_1&state=failed`],
    rpc: 'listDeliveries',
    asked: {
      ...{ tenantId: TENANT_ID, endpointId: 'whe_1', state: AlertDeliveryState.FAILED, pageSize: 50, pageToken: '' },
    },
    answered: ListDeliveriesResponse.fromPartial({ deliveries: [DELIVERY, TRIED] }),
    status: 200,
    json: { deliveries: [DELIVERY_JSON, TRIED_JSON], next_page_token: null },
  },
  {
    request: ['POST', `${PATH}/deliveries/whd_1/resend`],
    rpc: 'resendDelivery',
    asked: { ...WRITE, deliveryId: 'whd_1' },
    answered: ResendDeliveryResponse.fromPartial({ delivery: DELIVERY }),
    status: 202,
    json: DELIVERY_JSON,
  },
];
