/**
 * Owns: bringing events to webhook endpoints: signed, again after a failure, and as wrongly as a rule asks for.
 * Does not own: the events and the endpoints.
 * Invariants: what is still to be sent is noted in the transaction that made the event, so no crash loses it. The order
 * is not promised, as it is not by Stripe; `release` alone keeps one. Waiting follows real time, and so does the time of
 * the signature: both are about the wire, not about when things happened.
 */
import { type DeliveryAction, DeliveryRules } from './delivery-rule.ts';
import { EVENTS, isEnabled, type StripeEvent } from './event.ts';
import { createId } from './id.ts';
import { toSignatureHeader } from './signature.ts';
import { defineTable, type Store, type Transaction } from './store.ts';
import { WEBHOOK_ENDPOINTS, WEBHOOK_SECRETS } from './webhook-endpoint.ts';

const SEND_TIMEOUT_MS = 20_000;
const CONCURRENT_MAX = 4;
const ATTEMPTS_MAX = 16;
const RETRY_DELAY_MAX_MS = 60_000;
const FINISHED_KEPT_MAX = 1_000;

/** Is an event on its way to an endpoint. */
export interface Delivery {
  readonly id: string;
  readonly event: string;
  readonly type: string;
  readonly endpoint: string;
  /** `new` has not met the rules yet; `held` waits for `release`. */
  readonly state: 'new' | 'waiting' | 'held' | 'delivered' | 'dropped' | 'given_up';
  readonly attempts: number;
  /** Is when it may be sent, in milliseconds since 1970. */
  readonly due_at_ms: number;
  readonly last_failure: string | null;
}

const OPEN = defineTable<Delivery>('delivery.open');
const FINISHED = defineTable<Delivery>('delivery.finished');

/** Notes that an event is to be sent to each endpoint that wants it, and returns it with their number. */
export function addDeliveries(tx: Transaction, event: StripeEvent): StripeEvent {
  const endpoints = tx
    .all(WEBHOOK_ENDPOINTS)
    .filter(({ status, enabled_events }) => status === 'enabled' && isEnabled(enabled_events, event.type));
  for (const endpoint of endpoints) addDelivery(tx, event, endpoint.id);
  return { ...event, pending_webhooks: endpoints.length };
}

function addDelivery(tx: Transaction, event: StripeEvent, endpoint: string, state: Delivery['state'] = 'new'): void {
  const delivery: Delivery = {
    id: createId('dlv'),
    event: event.id,
    type: event.type,
    endpoint,
    state,
    attempts: 0,
    due_at_ms: Date.now(),
    last_failure: null,
  };
  tx.put(OPEN, delivery.id, delivery);
}

/** Says in which order held deliveries go out: as they were made, the other way round, or these ids one by one. */
export type ReleaseOrder = 'forward' | 'reverse' | readonly string[];

/** Sends what is open, until it is stopped. */
export class Courier {
  readonly rules = new DeliveryRules();
  readonly #store: Store;
  readonly #retryBaseMs: number;
  readonly #inFlight = new Map<string, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(store: Store, retryBaseMs: number) {
    this.#store = store;
    this.#retryBaseMs = retryBaseMs;
  }

  /** Looks for what there is to send now, and comes back for the rest. */
  kick(): void {
    if (this.#isStopped) return;
    this.#store.run((tx) => this.#applyRules(tx));
    const waiting = this.#open().filter(({ id, state }) => state === 'waiting' && !this.#inFlight.has(id));
    const now = Date.now();
    for (const delivery of waiting.filter(({ due_at_ms }) => due_at_ms <= now)) {
      if (this.#inFlight.size < CONCURRENT_MAX) void this.#start(delivery).then(() => this.kick());
    }
    clearTimeout(this.#timer);
    const next = Math.min(...waiting.map(({ due_at_ms }) => due_at_ms).filter((at) => at > now));
    if (Number.isFinite(next)) this.#timer = setTimeout(() => this.kick(), next - now);
  }

  /** Sends what is held, one after another in this order, and returns how many that were. */
  async release(order: ReleaseOrder): Promise<number> {
    const held = this.#open().filter(({ state }) => state === 'held');
    const chosen = toOrder(held, order);
    for (const delivery of chosen) {
      this.#put({ ...delivery, state: 'waiting', due_at_ms: Date.now() });
      await this.#start(delivery);
    }
    this.kick();
    return chosen.length;
  }

  /** Sends an event once more to all endpoints that want it, and returns how many that are; undefined: no such event. */
  resend(eventId: string): number | undefined {
    const count = this.#store.run((tx) => {
      const event = tx.find(EVENTS, eventId);
      if (event === undefined) return undefined;
      const again = addDeliveries(tx, event);
      tx.put(EVENTS, event.id, again);
      return again.pending_webhooks;
    });
    this.kick();
    return count;
  }

  /** Returns all deliveries that are open, and the newest of those that are not. */
  list(): readonly Delivery[] {
    return this.#store.run((tx) => [...tx.all(FINISHED), ...tx.all(OPEN)]);
  }

  /** Is fulfilled when nothing is on its way or about to be; what is held, or waits to be tried again, may be left. */
  async settle(): Promise<void> {
    this.kick();
    while (this.#inFlight.size > 0) {
      await Promise.all(this.#inFlight.values());
      this.kick();
    }
  }

  /** Ends sending; what is open is sent after the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#inFlight.values());
  }

  #open(): readonly Delivery[] {
    return this.#store.run((tx) => tx.all(OPEN));
  }

  #put(delivery: Delivery): void {
    this.#store.run((tx) => tx.put(OPEN, delivery.id, delivery));
  }

  #applyRules(tx: Transaction): void {
    for (const delivery of tx.all(OPEN).filter(({ state }) => state === 'new')) {
      const action = this.rules.take(delivery.type);
      if (action?.kind === 'drop') finish(tx, { ...delivery, state: 'dropped' });
      else tx.put(OPEN, delivery.id, toRuled(delivery, action));
      if (action?.kind === 'duplicate') repeat(tx, delivery, action.copies);
    }
  }

  #start(delivery: Delivery): Promise<void> {
    const sending = this.#send(delivery).finally(() => this.#inFlight.delete(delivery.id));
    this.#inFlight.set(delivery.id, sending);
    return sending;
  }

  async #send(delivery: Delivery): Promise<void> {
    const target = this.#store.run((tx) => ({
      event: tx.find(EVENTS, delivery.event),
      endpoint: tx.find(WEBHOOK_ENDPOINTS, delivery.endpoint),
      secrets: tx.find(WEBHOOK_SECRETS, delivery.endpoint) ?? [],
    }));
    const { event, endpoint, secrets } = target;
    if (event === undefined || endpoint === undefined) {
      const gone = { ...delivery, last_failure: 'The event or the endpoint is gone.' };
      this.#store.run((tx) => finish(tx, { ...gone, state: 'given_up' }));
      return;
    }
    const failure = await post(endpoint.url, event, secrets);
    const tried: Delivery = { ...delivery, attempts: delivery.attempts + 1, last_failure: failure ?? null };
    this.#store.run((tx) => this.#conclude(tx, tried));
  }

  #conclude(tx: Transaction, tried: Delivery): void {
    if (tried.last_failure !== null && tried.attempts < ATTEMPTS_MAX) {
      const delayMs = Math.min(this.#retryBaseMs * 2 ** (tried.attempts - 1), RETRY_DELAY_MAX_MS);
      tx.put(OPEN, tried.id, { ...tried, state: 'waiting', due_at_ms: Date.now() + delayMs });
      return;
    }
    finish(tx, { ...tried, state: tried.last_failure === null ? 'delivered' : 'given_up' });
    const event = tx.find(EVENTS, tried.event);
    if (event !== undefined && tried.last_failure === null) {
      tx.put(EVENTS, event.id, { ...event, pending_webhooks: Math.max(0, event.pending_webhooks - 1) });
    }
  }
}

function toOrder(held: readonly Delivery[], order: ReleaseOrder): readonly Delivery[] {
  if (order === 'forward') return held;
  if (order === 'reverse') return held.toReversed();
  return order.flatMap((id) => held.filter((delivery) => delivery.id === id || delivery.event === id));
}

function toRuled(delivery: Delivery, action: DeliveryAction | undefined): Delivery {
  if (action?.kind === 'hold') return { ...delivery, state: 'held' };
  const delayMs = action?.kind === 'delay' ? action.delayMs : 0;
  return { ...delivery, state: 'waiting', due_at_ms: delivery.due_at_ms + delayMs };
}

function repeat(tx: Transaction, { event: eventId, endpoint }: Delivery, copies: number): void {
  const event = tx.find(EVENTS, eventId);
  if (event === undefined) return;
  for (let copy = 2; copy <= copies; copy += 1) addDelivery(tx, event, endpoint, 'waiting');
}

function finish(tx: Transaction, delivery: Delivery): void {
  tx.remove(OPEN, delivery.id);
  tx.put(FINISHED, delivery.id, delivery);
  const finished = tx.all(FINISHED);
  for (const { id } of finished.slice(0, Math.max(0, finished.length - FINISHED_KEPT_MAX))) tx.remove(FINISHED, id);
}

/** Sends an event; returns what went wrong, if anything did. As for Stripe, only an answer of 2xx is a success. */
async function post(url: string, event: StripeEvent, secrets: readonly string[]): Promise<string | undefined> {
  const body = JSON.stringify(event, null, 2);
  try {
    const response = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
        'stripe-signature': toSignatureHeader(body, secrets, Math.floor(Date.now() / 1000)),
      },
      redirect: 'manual',
      signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
    });
    await response.arrayBuffer();
    return response.ok ? undefined : `HTTP ${response.status}`;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}
