// Owns the translation of alert endpoints and deliveries.

import {
  type AlertDelivery as AlertDeliveryMessage,
  AlertDeliveryState,
  type AlertEndpoint as AlertEndpointMessage,
  AlertEndpointState,
} from '../../../gen/wheelhouse/alert/v1/alert_endpoint.ts';
import type {
  CreateEndpointRequest,
  ListDeliveriesRequest,
  ListEndpointsRequest,
  ResendDeliveryRequest,
  UpdateEndpointRequest,
} from '../../../gen/wheelhouse/alert/v1/alert_endpoint_service.ts';
import type { EndpointInput, EndpointWithSecret } from '../../app/alert/endpoint-service.ts';
import type {
  AlertDelivery,
  AlertEndpoint,
  DeliveryFilter,
  DeliveryState,
  EndpointDisablement,
} from '../../app/alert/ports.ts';
import { BILLING_EVENT_TYPES } from '../../domain/billing-event.ts';
import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { checkEventType, checkPage, toProtoEvent } from './billing-event.ts';
import { byNumber } from './enum-number.ts';
import { FieldCheck, quote } from './field-check.ts';
import type { TenantWrite } from './operator.ts';

const URL_LENGTH_MAX = 2_048;
const DESCRIPTION_LENGTH_MAX = 200;

const ENDPOINT_STATES: Readonly<Record<EndpointDisablement, AlertEndpointState>> = {
  person: AlertEndpointState.DISABLED,
  failing: AlertEndpointState.FAILING,
  gone: AlertEndpointState.GONE,
};
const DELIVERY_STATES: Readonly<Record<DeliveryState, AlertDeliveryState>> = {
  pending: AlertDeliveryState.PENDING,
  delivered: AlertDeliveryState.DELIVERED,
  failed: AlertDeliveryState.FAILED,
};
const DELIVERY_STATE_BY_NUMBER = byNumber(DELIVERY_STATES);

/** Checks a request for a new endpoint. Throws DomainError INVALID_FIELD. */
export function fromProtoCreateEndpoint(request: CreateEndpointRequest): TenantWrite<EndpointInput> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: checkInput(check, request),
  };
  check.assertValid();
  return write;
}

/** Checks a request for endpoints. Throws DomainError INVALID_FIELD. */
export function fromProtoListEndpoints({ tenantId }: ListEndpointsRequest): TenantId {
  const check = new FieldCheck();
  const checked = check.tenantId(tenantId);
  check.assertValid();
  return checked;
}

/** Checks a request to change an endpoint. Throws DomainError INVALID_FIELD. */
export function fromProtoUpdateEndpoint(
  request: UpdateEndpointRequest,
): TenantWrite<EndpointInput & { readonly isEnabled: boolean }> & { readonly endpointId: string } {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    endpointId: check.id('endpoint_id', request.endpointId, true),
    input: { ...checkInput(check, request), isEnabled: request.enabled },
  };
  check.assertValid();
  return write;
}

/** Checks a request about one endpoint; answers its id. Throws DomainError INVALID_FIELD. */
export function fromProtoEndpointWrite(request: {
  readonly requestId: string;
  readonly tenantId: string;
  readonly endpointId: string;
}): TenantWrite<string> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: check.id('endpoint_id', request.endpointId, true),
  };
  check.assertValid();
  return write;
}

/** Checks a request for deliveries. Throws DomainError INVALID_FIELD. */
export function fromProtoListDeliveries(request: ListDeliveriesRequest): {
  readonly tenantId: TenantId;
  readonly filter: DeliveryFilter;
  readonly pageSize: number;
  readonly pageToken: string;
} {
  const check = new FieldCheck();
  const state = DELIVERY_STATE_BY_NUMBER.get(request.state);
  if (state === undefined && request.state !== AlertDeliveryState.UNSPECIFIED) {
    check.refuse('state', `must be a state of the contract, got ${request.state}`);
  }
  const query = {
    tenantId: check.tenantId(request.tenantId),
    filter: present({ endpointId: check.optionalId('endpoint_id', request.endpointId), state }),
    ...checkPage(check, request),
  };
  check.assertValid();
  return query;
}

/** Checks a request to send a delivery again; answers its id. Throws DomainError INVALID_FIELD. */
export function fromProtoResendDelivery(request: ResendDeliveryRequest): TenantWrite<string> {
  const check = new FieldCheck();
  const write = {
    requestId: check.requestId(request.requestId),
    tenantId: check.tenantId(request.tenantId),
    input: check.id('delivery_id', request.deliveryId, true),
  };
  check.assertValid();
  return write;
}

export function toProtoEndpoint(endpoint: AlertEndpoint): AlertEndpointMessage {
  const { endpointId, url, description, types, disabled, failingSince, createdAt } = endpoint;
  return {
    ...{ endpointId, url, description, types: [...types], createTime: new Date(createdAt) },
    state: disabled === undefined ? AlertEndpointState.ENABLED : ENDPOINT_STATES[disabled.because],
    failingSinceTime: failingSince === undefined ? undefined : new Date(failingSince),
    disableTime: disabled === undefined ? undefined : new Date(disabled.at),
  };
}

export function toProtoEndpointWithSecret({ endpoint, secret = '', replayed }: EndpointWithSecret) {
  return { endpoint: toProtoEndpoint(endpoint), secret, replayed };
}

export function toProtoDelivery(delivery: AlertDelivery): AlertDeliveryMessage {
  const { deliveryId, endpointId, event, state, attempts, dueAt, failure, status, deliveredAt, createdAt } = delivery;
  return {
    ...{ deliveryId, endpointId, event: toProtoEvent(event), state: DELIVERY_STATES[state], attempts },
    dueTime: dueAt === undefined ? undefined : new Date(dueAt),
    ...{ failure: failure ?? '', status: status ?? 0 },
    deliverTime: deliveredAt === undefined ? undefined : new Date(deliveredAt),
    createTime: new Date(createdAt),
  };
}

function checkInput(
  check: FieldCheck,
  { url, description, types }: Pick<CreateEndpointRequest, 'url' | 'description' | 'types'>,
): EndpointInput {
  check.text('description', description, { required: false, lengthMax: DESCRIPTION_LENGTH_MAX });
  return { url: checkUrl(check, url), description, types: checkTypes(check, types) };
}

function checkTypes(check: FieldCheck, types: readonly string[]): EndpointInput['types'] {
  const most = BILLING_EVENT_TYPES.length;
  if (types.length > most) check.refuse('types', `must be at most ${most}, got ${types.length}`);
  const asked = types.slice(0, most);
  return asked.flatMap((type, index) => {
    if (asked.indexOf(type) < index) check.refuse(`types[${index}]`, 'is one that stands before it');
    return checkEventType(check, `types[${index}]`, type) ?? [];
  });
}

/** What leads where is judged by whoever knows the network. */
function checkUrl(check: FieldCheck, text: string): string {
  check.text('url', text, { required: true, lengthMax: URL_LENGTH_MAX });
  const url = text === '' ? null : URL.parse(text);
  if (text !== '' && url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    check.refuse('url', `must be an address such as https://example.com/hook, got ${quote(text)}`);
  } else if (url !== null && (url.username !== '' || url.password !== '' || url.hash !== '')) {
    check.refuse('url', 'must have no user, password or fragment');
  }
  return url?.href ?? text;
}
