// Owns what people see of deliveries, sending one again, and trying an endpoint. Does not own delivering (delivery-sender.ts).
// Invariant: a request sends once, however often it is retried.

import { hash } from 'node:crypto';
import { DomainError } from '../../domain/error.ts';
import { present } from '../../domain/optional.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { TenantRef, WriteContext } from '../ledger/ledger.ts';
import { requestKey } from '../ledger/request-identity.ts';
import type { Clock } from '../ports.ts';
import type { BillingJournal } from '../subscription/billing-act.ts';
import { formatTimeToken, parseTimeToken } from '../tenant/time-token.ts';
import { noteAlertAct } from './alert-act.ts';
import { computeDeliveryId } from './delivery-id.ts';
import { endpointNotFound } from './endpoint-service.ts';
import type { AlertDelivery, AlertDeliveryStore, AlertEndpointStore, DeliveryFilter } from './ports.ts';

/** So many base64url characters are 132 bits. */
const TEST_ID_LENGTH = 22;

const HOUR_MS = 3_600_000;
/** How many events a workspace may try its endpoints with in any hour. */
export const TESTS_PER_HOUR_MAX = 30;
/** How long who has sent so many is to wait at least. */
const RETRY_DELAY_MS = 60_000;

/** A page of deliveries. */
export interface DeliveryPage {
  readonly deliveries: readonly AlertDelivery[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** What the desk works with. */
export interface DeliveryDeskParts {
  readonly deliveries: Pick<
    AlertDeliveryStore,
    'loadDelivery' | 'loadDeliveries' | 'resend' | 'insertDeliveries' | 'countTests'
  >;
  readonly endpoints: Pick<AlertEndpointStore, 'loadEndpoint'>;
  readonly journal: BillingJournal;
  readonly clock: Pick<Clock, 'now'>;
}

/** Shows deliveries, and has them made again. */
export class DeliveryDesk {
  readonly #parts: DeliveryDeskParts;

  constructor(parts: DeliveryDeskParts) {
    this.#parts = parts;
  }

  /**
   * Lists deliveries, the newest first.
   * Throws DomainError INVALID_FIELD `page_token` where the token is not of this list, DATABASE_UNAVAILABLE.
   */
  async list(
    { tenantId }: TenantRef,
    filter: DeliveryFilter,
    pageSize: number,
    pageToken: string,
  ): Promise<DeliveryPage> {
    const list = ['alert_deliveries', tenantId, filter.endpointId, filter.state];
    const after = pageToken === '' ? undefined : parseTimeToken(pageToken, list);
    const found = await this.#parts.deliveries.loadDeliveries(
      tenantId,
      { ...filter, ...present({ after }) },
      pageSize + 1,
    );
    const deliveries = found.slice(0, pageSize);
    const last = deliveries.at(-1);
    const hasMore = found.length > pageSize && last !== undefined;
    const place = hasMore && { createdAt: last.createdAt, id: last.deliveryId };
    return { deliveries, nextPageToken: place === false ? '' : formatTimeToken(place, list) };
  }

  /**
   * Sends a delivery again, whatever became of it, with the id of its event, so that a receiver can tell; then it has all attempts
   * before it. Throws DomainError ALERT_DELIVERY_NOT_FOUND, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async resend(
    tenant: TenantRef,
    deliveryId: string,
    asker: PersonAsker,
    { callerScope, requestId }: WriteContext,
  ): Promise<AlertDelivery> {
    const { deliveries, journal, clock } = this.#parts;
    await this.#load(tenant, deliveryId);
    const key = requestKey(callerScope, 'resend_alert', `${requestId}:${deliveryId}`);
    await noteAlertAct(journal, tenant, 'AlertEndpointService/ResendDelivery', asker, key);
    await deliveries.resend(tenant.tenantId, deliveryId, key, clock.now());
    return this.#load(tenant, deliveryId);
  }

  /**
   * Sends an event of type `alert.test` to an endpoint, once, without retries; answers its delivery.
   * Throws DomainError ALERT_ENDPOINT_NOT_FOUND, QUEUE_FULL where the workspace has sent TESTS_PER_HOUR_MAX within the hour,
   * DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN.
   */
  async sendTest(
    tenant: TenantRef,
    endpointId: string,
    asker: PersonAsker,
    { callerScope, requestId }: WriteContext,
  ): Promise<AlertDelivery> {
    const { deliveries, endpoints, journal, clock } = this.#parts;
    if ((await endpoints.loadEndpoint(tenant.tenantId, endpointId)) === undefined) throw endpointNotFound(endpointId);
    const key = requestKey(callerScope, 'send_test_alert', `${requestId}:${endpointId}`);
    const eventId = `test:${hash('sha256', key, 'base64url').slice(0, TEST_ID_LENGTH)}`;
    const deliveryId = computeDeliveryId(eventId, endpointId);
    const before = await deliveries.loadDelivery(tenant.tenantId, deliveryId);
    if (before !== undefined) return before;
    const createdAt = clock.now();
    const sent = await deliveries.countTests(tenant.tenantId, createdAt - HOUR_MS, TESTS_PER_HOUR_MAX);
    if (sent >= TESTS_PER_HOUR_MAX) throw tooManyTests();
    await noteAlertAct(journal, tenant, 'AlertEndpointService/SendTestEvent', asker, key);
    const event = { eventId, ...tenant, type: 'alert.test' as const, data: {}, createdAt };
    const draft = { deliveryId, endpointId, event, createdAt, attempts: 0, dueAt: createdAt };
    await deliveries.insertDeliveries([{ ...draft, state: 'pending' }]);
    return this.#load(tenant, deliveryId);
  }

  async #load({ tenantId }: TenantRef, deliveryId: string): Promise<AlertDelivery> {
    const delivery = await this.#parts.deliveries.loadDelivery(tenantId, deliveryId);
    if (delivery !== undefined) return delivery;
    const message = `delivery_id: the workspace has no alert delivery ${deliveryId}: see ListDeliveries; one is kept for 30 days`;
    throw new DomainError('ALERT_DELIVERY_NOT_FOUND', message, { metadata: { delivery_id: deliveryId } });
  }
}

function tooManyTests(): DomainError {
  const message = `the workspace has sent ${TESTS_PER_HOUR_MAX} test events within the hour, the most that it may: try again later`;
  const metadata = { limit: String(TESTS_PER_HOUR_MAX) };
  return new DomainError('QUEUE_FULL', message, { metadata, retryDelayMs: RETRY_DELAY_MS });
}
