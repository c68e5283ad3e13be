// Owns making a delivery of each event for each endpoint that wants it. Does not own delivering (delivery-sender.ts).
// Invariant: the mark moves only beyond events whose deliveries are stored, and a delivery is one by its id: so none is lost or made
// twice, however many kernels do this at once, and wherever one of them dies.

import type { BillingEvent } from '../../domain/billing-event.ts';
import { computeDeliveryId } from './delivery-id.ts';
import type {
  AlertDelivery,
  AlertDeliveryStore,
  AlertEndpoint,
  AlertEndpointStore,
  BillingEventStore,
} from './ports.ts';

const EVENTS_PER_STEP = 100;

/** What fanning out works with. */
export interface DeliveryFanOutParts {
  readonly events: Pick<BillingEventStore, 'loadEventsAfter'>;
  readonly endpoints: Pick<AlertEndpointStore, 'loadEndpoints'>;
  readonly deliveries: Pick<AlertDeliveryStore, 'insertDeliveries' | 'loadFanOutMark' | 'saveFanOutMark'>;
}

/** Makes deliveries. */
export class DeliveryFanOut {
  readonly #parts: DeliveryFanOutParts;

  constructor(parts: DeliveryFanOutParts) {
    this.#parts = parts;
  }

  /** Makes the deliveries of all events that have none yet; answers how many events it met. Throws DomainError DATABASE_UNAVAILABLE. */
  async run(): Promise<number> {
    const { events, deliveries } = this.#parts;
    let met = 0;
    for (let mark = await deliveries.loadFanOutMark(); ; ) {
      const step = await events.loadEventsAfter(mark, {}, EVENTS_PER_STEP);
      for (const event of step) await this.#fanOut(event);
      mark = step.at(-1)?.number ?? mark;
      if (step.length > 0) await deliveries.saveFanOutMark(mark);
      met += step.length;
      if (step.length < EVENTS_PER_STEP) return met;
    }
  }

  async #fanOut(event: BillingEvent): Promise<void> {
    const { endpoints, deliveries } = this.#parts;
    const stored = await endpoints.loadEndpoints(event.tenantId);
    const wanting = stored.flatMap(({ endpoint }) => (wants(endpoint, event) ? [toDelivery(endpoint, event)] : []));
    if (wanting.length > 0) await deliveries.insertDeliveries(wanting);
  }
}

function wants({ disabled, types }: AlertEndpoint, { type }: BillingEvent): boolean {
  return disabled === undefined && (types.length === 0 || types.includes(type));
}

function toDelivery({ endpointId }: AlertEndpoint, { number: _, ...event }: BillingEvent): AlertDelivery {
  const { eventId, createdAt } = event;
  const deliveryId = computeDeliveryId(eventId, endpointId);
  return { deliveryId, endpointId, event, state: 'pending', createdAt, attempts: 0, dueAt: createdAt };
}
