// Owns sending deliveries that are due, and what becomes of those that fail and of endpoints to which nothing gets through. Does not
// own how a message goes out (kernel/alert), or how often it is looked (worker/alert-worker.ts).
// Invariants: a delivery is sent at least once, by one kernel at a time, and each attempt bears the id of its event; after
// RETRY_DELAYS_MS it ends as failed, never as lost; nobody takes more of a kernel's places than sender-place.ts gives them.

import { messageOf } from '../../domain/error.ts';
import type { Instant } from '../../domain/id.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { EndpointNotice } from './endpoint-notice.ts';
import { listSecretTexts } from './endpoint-service.ts';
import type {
  AlertDelivery,
  AlertDeliveryStore,
  AlertEndpointStore,
  AlertObserver,
  AlertTransport,
  AttemptOutcome,
  EndpointDisablement,
  StoredEndpoint,
} from './ports.ts';
import { FailingEndpoints, RUNNING_MAX, type TakenPlace } from './sender-place.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** How long it is waited after each failed attempt: three days in all. After the last there is no other attempt. */
const RETRY_DELAYS_MS = [
  ...[5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS],
  ...[18 * HOUR_MS, 22 * HOUR_MS],
];
export const DELIVERY_ATTEMPTS_MAX = RETRY_DELAYS_MS.length + 1;
/** What failed together is not tried together: up to a tenth is added, drawn in so many lots. */
const LOTS = 1_000;
const SPREAD_DIVISOR = 10;
/** An endpoint to which nothing got through for so long is switched off, in milliseconds. */
export const FAILING_MS_MAX = 5 * DAY_MS;
/** How long nobody else takes a delivery that a kernel has taken: more than an attempt may take, in milliseconds. */
const CLAIM_MS = 60_000;
/** How long the end of a kernel waits for endpoints, in milliseconds. */
const STOP_MS_MAX = 3_000;
const FAILURE_LENGTH_MAX = 300;
const [OK_MIN, OK_END, GONE] = [200, 300, 410];

/** What the sender works with. */
export interface DeliverySenderParts {
  readonly deliveries: Pick<AlertDeliveryStore, 'claimDue' | 'saveDelivered' | 'saveFailed'>;
  readonly endpoints: Pick<AlertEndpointStore, 'loadEndpoint' | 'replaceEndpoint'>;
  readonly transport: Pick<AlertTransport, 'send'>;
  readonly notice: Pick<EndpointNotice, 'noteDisabled'>;
  readonly clock: Pick<Clock, 'estimate'>;
  readonly pacing: Pick<Pacing, 'random' | 'delay'>;
  readonly observer: AlertObserver;
}

/** One of the places of a kernel: what it sends now, one delivery after the other. */
interface Lane {
  /** Absent while it looks for the next one. */
  taken: TakenPlace | undefined;
  ended: Promise<void>;
}

/** Sends deliveries. */
export class DeliverySender {
  readonly #parts: DeliverySenderParts;
  readonly #lanes = new Set<Lane>();
  readonly #failing = new FailingEndpoints();
  #lastClaim: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  constructor(parts: DeliverySenderParts) {
    this.#parts = parts;
  }

  /**
   * Begins to send what is due, in as many places as there are; each goes on until nothing is due any more. Answers how many were
   * begun. Throws DomainError DATABASE_UNAVAILABLE.
   */
  async takeDue(): Promise<number> {
    let begun = 0;
    while (!this.#isStopped && this.#lanes.size < RUNNING_MAX) {
      const lane: Lane = { taken: undefined, ended: Promise.resolve() };
      const delivery = await this.#claim(lane);
      if (delivery === undefined) break;
      lane.ended = this.#work(lane, delivery).finally(() => this.#lanes.delete(lane));
      begun += 1;
    }
    return begun;
  }

  /** Resolves when what was begun has ended. */
  async settle(): Promise<void> {
    await Promise.all([...this.#lanes].map(({ ended }) => ended));
  }

  /**
   * Begins nothing more, and resolves when what was begun has ended. An endpoint that takes longer than a kernel has time for is left:
   * its delivery is sent once more, by another kernel.
   */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.race([this.settle(), this.#parts.pacing.delay(STOP_MS_MAX)]);
  }

  /** Never rejects. */
  async #work(lane: Lane, first: AlertDelivery): Promise<void> {
    try {
      for (let next: AlertDelivery | undefined = first; next !== undefined; ) {
        await this.#process(next);
        next = this.#isStopped ? undefined : await this.#claim(lane);
      }
    } catch (error) {
      this.#parts.observer.backgroundFailed('sending deliveries, or noting what became of them', error);
    }
  }

  /** Claims come one after the other, so that no two of them find the same last place. */
  #claim(lane: Lane): Promise<AlertDelivery | undefined> {
    const { deliveries, clock } = this.#parts;
    const claimed = this.#lastClaim.then(async () => {
      lane.taken = undefined;
      const now = clock.estimate();
      const taken = [...this.#lanes].flatMap((other) => other.taken ?? []);
      const delivery = await deliveries.claimDue(now, now + CLAIM_MS, this.#failing.listBusy(taken));
      if (delivery === undefined) return undefined;
      lane.taken = { endpointId: delivery.endpointId, tenantId: delivery.event.tenantId };
      this.#lanes.add(lane);
      return delivery;
    });
    this.#lastClaim = claimed.catch(() => undefined);
    return claimed;
  }

  async #process(delivery: AlertDelivery): Promise<void> {
    const { endpoints } = this.#parts;
    const stored = await endpoints.loadEndpoint(delivery.event.tenantId, delivery.endpointId);
    if (stored === undefined) return this.#fail(delivery, { failure: 'the endpoint was deleted' }, true);
    if (stored.endpoint.disabled !== undefined) {
      return this.#fail(delivery, { failure: 'the endpoint is switched off' }, true);
    }
    if (delivery.attempts > attemptsMaxOf(delivery)) {
      return this.#fail(delivery, { failure: 'no attempt came to an end' }, true);
    }
    if (stored.endpoint.failingSince !== undefined) this.#failing.note(delivery.endpointId, true);
    const outcome = await this.#attempt(delivery, stored);
    this.#failing.note(delivery.endpointId, outcome.failure !== undefined);
    if (outcome.failure === undefined) await this.#succeed(delivery, stored, outcome);
    else await this.#takeFailure(delivery, stored, outcome);
  }

  async #attempt({ event }: AlertDelivery, { endpoint, secrets }: StoredEndpoint): Promise<AttemptOutcome> {
    const { transport, clock } = this.#parts;
    const sentAt = clock.estimate();
    const { url } = endpoint;
    const message = { url, eventId: event.eventId, body: writeBody(event), sentAt };
    try {
      const status = await transport.send({ ...message, secrets: listSecretTexts(secrets, sentAt) });
      if (status >= OK_MIN && status < OK_END) return { status };
      return { status, failure: `the endpoint answered with status ${status}` };
    } catch (error) {
      return { failure: messageOf(error).slice(0, FAILURE_LENGTH_MAX).toWellFormed() };
    }
  }

  async #succeed(delivery: AlertDelivery, stored: StoredEndpoint, outcome: AttemptOutcome): Promise<void> {
    const { deliveries, endpoints, clock, observer } = this.#parts;
    await deliveries.saveDelivered(delivery, outcome, clock.estimate());
    observer.delivered(delivery);
    const { failingSince, ...endpoint } = stored.endpoint;
    if (failingSince !== undefined) await endpoints.replaceEndpoint(stored, { ...stored, endpoint });
  }

  async #takeFailure(delivery: AlertDelivery, stored: StoredEndpoint, outcome: AttemptOutcome): Promise<void> {
    // What somebody tries an endpoint with says nothing of events that could not be delivered.
    if (delivery.event.type !== 'alert.test') {
      await this.#noteFailing(stored, outcome.status === GONE, this.#parts.clock.estimate());
    }
    await this.#fail(delivery, outcome, outcome.status === GONE);
  }

  /** Notes that nothing gets through, and switches an endpoint off where that was so for too long, or it is gone for good. */
  async #noteFailing(stored: StoredEndpoint, isGone: boolean, now: Instant): Promise<void> {
    const { endpoint } = stored;
    const { failingSince = now } = endpoint;
    if (isGone) return this.#disable(stored, 'gone', failingSince, now);
    if (now - failingSince >= FAILING_MS_MAX) return this.#disable(stored, 'failing', failingSince, now);
    // Where somebody changed it meanwhile, the next failure is noted.
    if (endpoint.failingSince === undefined) {
      await this.#parts.endpoints.replaceEndpoint(stored, { ...stored, endpoint: { ...endpoint, failingSince } });
    }
  }

  async #disable(
    stored: StoredEndpoint,
    because: EndpointDisablement,
    failingSince: Instant,
    now: Instant,
  ): Promise<void> {
    const { endpoints, notice, observer } = this.#parts;
    const endpoint = { ...stored.endpoint, failingSince, disabled: { because, at: now } };
    // First: a kernel that dies in between leaves an endpoint that is on still, and the next failure tells again.
    await notice.noteDisabled(endpoint, because, failingSince);
    if (await endpoints.replaceEndpoint(stored, { ...stored, endpoint })) observer.disabled(endpoint, because);
  }

  async #fail(
    delivery: AlertDelivery,
    outcome: AttemptOutcome & { failure?: string },
    isFinal: boolean,
  ): Promise<void> {
    const { deliveries, clock, pacing, observer } = this.#parts;
    const isLast = isFinal || delivery.attempts >= attemptsMaxOf(delivery);
    const delayMs = RETRY_DELAYS_MS[delivery.attempts - 1] ?? 0;
    const spreadMs = Math.floor((delayMs * Math.floor(pacing.random() * LOTS)) / (SPREAD_DIVISOR * LOTS));
    await deliveries.saveFailed(delivery, outcome, isLast ? undefined : clock.estimate() + delayMs + spreadMs);
    observer.failed(delivery, outcome.failure ?? '', isLast);
  }
}

/** What somebody tries an endpoint with is sent once. */
function attemptsMaxOf({ event }: AlertDelivery): number {
  return event.type === 'alert.test' ? 1 : DELIVERY_ATTEMPTS_MAX;
}

/** Writes what is sent of an event; every attempt sends the same bytes. */
function writeBody({ eventId, type, tenantId, productCode, data, createdAt }: AlertDelivery['event']): string {
  return JSON.stringify({
    type,
    timestamp: new Date(createdAt).toISOString(),
    data: { event_id: eventId, workspace_id: tenantId, product_code: productCode, ...data },
  });
}
