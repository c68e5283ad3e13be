// Owns the translation of billing events, of lists and streams of them, and of thresholds.

import type {
  BalanceThreshold as BalanceThresholdMessage,
  ListEventsRequest,
  ListThresholdsRequest,
  SetThresholdsRequest,
  WatchEventsRequest,
  WatchEventsResponse,
} from '../../../gen/wheelhouse/alert/v1/alert_service.ts';
import type { BillingEvent as BillingEventMessage } from '../../../gen/wheelhouse/alert/v1/billing_event.ts';
import type { WatchedEvent } from '../../app/alert/event-watch.ts';
import type { DeliveredEvent } from '../../app/alert/ports.ts';
import { THRESHOLDS_MAX } from '../../app/alert/threshold-service.ts';
import type { BalanceThreshold } from '../../domain/balance-threshold.ts';
import { BILLING_EVENT_TYPES, type BillingEventType, isBillingEventType } from '../../domain/billing-event.ts';
import type { ProductCode, TenantId } from '../../domain/id.ts';
import { FieldCheck, ID_LENGTH_MAX, quote } from './field-check.ts';
import type { TenantWrite } from './operator.ts';

const PAGE_SIZE_DEFAULT = 50;
const PAGE_SIZE_MAX = 200;

/** Checks a request for thresholds. Throws DomainError INVALID_FIELD. */
export function fromProtoListThresholds({ tenantId }: ListThresholdsRequest): TenantId {
  const check = new FieldCheck();
  const checked = check.tenantId(tenantId);
  check.assertValid();
  return checked;
}

/** Checks a request to set thresholds. Throws DomainError INVALID_FIELD. */
export function fromProtoSetThresholds(request: SetThresholdsRequest): TenantWrite<readonly bigint[]> {
  const check = new FieldCheck();
  const { microcredits } = request;
  if (microcredits.length > THRESHOLDS_MAX) {
    check.refuse('microcredits', `must be at most ${THRESHOLDS_MAX}, got ${microcredits.length}`);
  }
  const amounts = microcredits.slice(0, THRESHOLDS_MAX);
  for (const [index, amount] of amounts.entries()) {
    check.amount(`microcredits[${index}]`, amount);
    if (amounts.indexOf(amount) < index) check.refuse(`microcredits[${index}]`, 'is one that stands before it');
  }
  const write = { requestId: check.requestId(request.requestId), tenantId: check.tenantId(request.tenantId) };
  check.assertValid();
  return { ...write, input: amounts };
}

/** Checks a request for events. Throws DomainError INVALID_FIELD. */
export function fromProtoListEvents(request: ListEventsRequest): {
  readonly tenantId: TenantId;
  readonly type: BillingEventType | undefined;
  readonly pageSize: number;
  readonly pageToken: string;
} {
  const check = new FieldCheck();
  const query = {
    tenantId: check.tenantId(request.tenantId),
    type: request.type === '' ? undefined : checkEventType(check, 'type', request.type),
    ...checkPage(check, request),
  };
  check.assertValid();
  return query;
}

/** Checks a request to be told of events; what a token says is judged by the watch. Throws DomainError INVALID_FIELD. */
export function fromProtoWatchEvents(request: WatchEventsRequest): {
  readonly tenantId: TenantId | undefined;
  readonly productCode: ProductCode | undefined;
  readonly resumeToken: string;
} {
  const check = new FieldCheck();
  // Ids are texts, whatever brand they have.
  const query = {
    tenantId: check.optionalId('tenant_id', request.tenantId) as TenantId | undefined,
    productCode: check.optionalId('product_code', request.productCode) as ProductCode | undefined,
    resumeToken: check.text('resume_token', request.resumeToken, { required: false, lengthMax: ID_LENGTH_MAX }),
  };
  check.assertValid();
  return query;
}

/** Checks the type of an event; undefined where it is none. */
export function checkEventType(check: FieldCheck, field: string, type: string): BillingEventType | undefined {
  if (isBillingEventType(type)) return type;
  check.refuse(field, `${quote(type)} is none of ${BILLING_EVENT_TYPES.join(', ')}`);
  return undefined;
}

/** Checks which page of a list is asked for. */
export function checkPage(
  check: FieldCheck,
  request: { readonly pageSize: number; readonly pageToken: string },
): { readonly pageSize: number; readonly pageToken: string } {
  return {
    pageSize: Math.min(check.pageSize(request.pageSize, PAGE_SIZE_DEFAULT), PAGE_SIZE_MAX),
    pageToken: check.pageToken(request.pageToken),
  };
}

export function toProtoThreshold({ microcredits, isBelow }: BalanceThreshold): BalanceThresholdMessage {
  return { microcredits, below: isBelow };
}

export function toProtoEvent(event: DeliveredEvent): BillingEventMessage {
  const { eventId, tenantId, productCode, type, data, createdAt } = event;
  const entries = new Map(Object.entries(data));
  return { eventId, tenantId, productCode, type, data: entries, createTime: new Date(createdAt) };
}

export function toProtoWatchedEvent({ event, resumeToken }: WatchedEvent): WatchEventsResponse {
  return { event: event === undefined ? undefined : toProtoEvent(event), resumeToken };
}
