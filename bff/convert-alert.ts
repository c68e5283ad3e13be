// Owns the JSON of alerts: thresholds, billing events, endpoints and deliveries, and the translation of the contract's messages into
// it. Invariants: as in convert.ts; a secret is shown only in the answer that the kernel has one in.

import {
  type AlertDelivery,
  AlertDeliveryState,
  type AlertEndpoint,
  AlertEndpointState,
} from '../gen/wheelhouse/alert/v1/alert_endpoint.ts';
import type { BalanceThreshold } from '../gen/wheelhouse/alert/v1/alert_service.ts';
import type { BillingEvent } from '../gen/wheelhouse/alert/v1/billing_event.ts';
import { ConversionError, fromProtoInteger, fromProtoTime } from './convert.ts';
import { flag, list, mapOf, named, oneOf, orNull, text, time, url, type ValueOf, whole } from './shape.ts';

/** Are the names of a delivery's states. */
export const DELIVERY_STATE_NAMES = ['pending', 'delivered', 'failed'] as const;

/** Is the name of a delivery's state. */
export type DeliveryStateName = (typeof DELIVERY_STATE_NAMES)[number];

/** An amount below which the workspace is told. */
export const THRESHOLD = named(
  'Threshold',
  { microcredits: whole(), below: flag('Says that the balance is below it now.') },
  'An amount below which the workspace is told.',
);
export type ThresholdJson = ValueOf<typeof THRESHOLD>;

/** Something that happened to the workspace's money or credits. */
export const BILLING_EVENT = named(
  'BillingEvent',
  { event_id: text(), type: text('Is such as `balance.low`.'), data: mapOf(text()), create_time: time() },
  'Something that happened to the money or the credits of the workspace.',
);
export type BillingEventJson = ValueOf<typeof BILLING_EVENT>;

/** Where events are delivered to. */
export const ALERT_ENDPOINT = named(
  'AlertEndpoint',
  {
    endpoint_id: text(),
    url: url(),
    description: text(),
    types: list(text(), 'Is empty for one that gets all.'),
    state: oneOf(['enabled', 'disabled', 'failing', 'gone']),
    failing_since_time: orNull(time()),
    disable_time: orNull(time(), 'Is when it is, or was, switched off because deliveries failed.'),
    create_time: time(),
  },
  'Where billing events are delivered to.',
);
export type AlertEndpointJson = ValueOf<typeof ALERT_ENDPOINT>;

/** An endpoint, with the secret that its deliveries are signed by. */
export const ALERT_ENDPOINT_SECRET = named(
  'AlertEndpointSecret',
  {
    endpoint: ALERT_ENDPOINT,
    secret: orNull(
      text(),
      'Is what deliveries are signed by (Standard Webhooks). Only the first answer has it; keep it.',
    ),
  },
  'An endpoint, with the secret that its deliveries are signed by.',
);

/** One event for one endpoint. */
export const ALERT_DELIVERY = named(
  'AlertDelivery',
  {
    delivery_id: text(),
    endpoint_id: text(),
    event: BILLING_EVENT,
    state: oneOf(DELIVERY_STATE_NAMES),
    attempts: whole(),
    due_time: orNull(time(), 'Is when it is tried next; null where it is not.'),
    failure: orNull(text()),
    status: orNull(whole(), 'Is the HTTP status of the last attempt.'),
    deliver_time: orNull(time()),
    create_time: time(),
  },
  'The delivery of one event to one endpoint.',
);
export type AlertDeliveryJson = ValueOf<typeof ALERT_DELIVERY>;

const ENDPOINT_STATES = new Map<AlertEndpointState, AlertEndpointJson['state']>([
  [AlertEndpointState.ENABLED, 'enabled'],
  [AlertEndpointState.DISABLED, 'disabled'],
  [AlertEndpointState.FAILING, 'failing'],
  [AlertEndpointState.GONE, 'gone'],
]);
const DELIVERY_STATES: Readonly<Record<DeliveryStateName, AlertDeliveryState>> = {
  pending: AlertDeliveryState.PENDING,
  delivered: AlertDeliveryState.DELIVERED,
  failed: AlertDeliveryState.FAILED,
};

export function fromProtoThreshold({ microcredits, below }: BalanceThreshold): ThresholdJson {
  return { microcredits: fromProtoInteger(microcredits, 'microcredits'), below };
}

export function fromProtoEvent({ eventId, type, data, createTime }: BillingEvent): BillingEventJson {
  return {
    event_id: eventId,
    type,
    data: Object.fromEntries(data),
    create_time: fromProtoTime(createTime, 'create_time'),
  };
}

export function fromProtoEndpoint(endpoint: AlertEndpoint | undefined): AlertEndpointJson {
  if (endpoint === undefined) throw new ConversionError('endpoint', 'the kernel answered without the endpoint');
  const { endpointId, url, description, types, failingSinceTime, disableTime, createTime } = endpoint;
  const state = ENDPOINT_STATES.get(endpoint.state);
  if (state === undefined)
    throw new ConversionError('state', `the kernel answered with ${endpoint.state}, which this release does not know`);
  return {
    endpoint_id: endpointId,
    url,
    description,
    types,
    state,
    failing_since_time: failingSinceTime?.toISOString() ?? null,
    disable_time: disableTime?.toISOString() ?? null,
    create_time: fromProtoTime(createTime, 'create_time'),
  };
}

export function fromProtoDelivery(delivery: AlertDelivery | undefined): AlertDeliveryJson {
  if (delivery?.event === undefined) {
    throw new ConversionError('delivery', 'the kernel answered without the delivery or its event');
  }
  const { deliveryId, endpointId, event, attempts, dueTime, failure, status, deliverTime, createTime } = delivery;
  const state = DELIVERY_STATE_NAMES.find((name) => DELIVERY_STATES[name] === delivery.state);
  if (state === undefined)
    throw new ConversionError('state', `the kernel answered with ${delivery.state}, which this release does not know`);
  return {
    delivery_id: deliveryId,
    endpoint_id: endpointId,
    event: fromProtoEvent(event),
    state,
    attempts,
    due_time: dueTime?.toISOString() ?? null,
    failure: failure || null,
    status: status || null,
    deliver_time: deliverTime?.toISOString() ?? null,
    create_time: fromProtoTime(createTime, 'create_time'),
  };
}

export function toProtoDeliveryState(name: DeliveryStateName | undefined): AlertDeliveryState {
  return name === undefined ? AlertDeliveryState.UNSPECIFIED : DELIVERY_STATES[name];
}
