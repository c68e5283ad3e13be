/**
 * Owns: what a test or a person can make the sandbox do beyond Stripe's API: move its time, have the API and deliveries
 * fail, see deliveries and send them again, set the webhook endpoint of the local stack, say what becomes of failed payments, and
 * what banks do with charges and refunds.
 * Does not own: doing it; and HTTP (`control-http.ts`).
 */
import type { Api } from './api.ts';
import { type BillingSetting, setBillingSetting } from './billing-setting.ts';
import { Call, type SandboxFacts } from './call.ts';
import type { Clock } from './clock.ts';
import type { Courier, Delivery, ReleaseOrder } from './delivery.ts';
import type { DeliveryRule } from './delivery-rule.ts';
import type { Fault } from './fault.ts';
import { closeDispute, createDispute, type Dispute } from './resource/dispute.ts';
import { failRefund, type Refund } from './resource/refund.ts';
import { beginSlowPayment, endSlowPayment } from './resource/slow-payment.ts';
import type { Subscription } from './resource/subscription-object.ts';
import type { Scheduler } from './scheduler.ts';
import type { Store } from './store.ts';
import { assertWebhookUrl, WEBHOOK_ENDPOINTS, WEBHOOK_SECRETS } from './webhook-endpoint.ts';

/** Says where webhooks go. */
export interface WebhookTarget {
  /** Is what the endpoint's id ends with: setting the same name again changes the endpoint; default `local`. */
  readonly name?: string;
  readonly url: string;
  /** Are the signing secrets; several while one is being rotated. */
  readonly secrets: readonly string[];
  /** Are the types of events; default all. */
  readonly enabledEvents?: readonly string[];
}

/** Is what the control works with. */
export interface ControlParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly courier: Courier;
  readonly scheduler: Scheduler;
  readonly api: Api;
  readonly facts: SandboxFacts;
}

/** Says that the control did it, not a request of the API. */
const BY_CONTROL = { requestId: null, idempotencyKey: null };

/** Makes the sandbox do what Stripe's API has no words for. */
export class Control {
  readonly #parts: ControlParts;

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  /** Returns the sandbox's time, in seconds since 1970. */
  now(): number {
    return this.#parts.clock.now();
  }

  /** Moves the sandbox's time on, has all happen that falls due by it, and returns the time. Throws RangeError for a move back. */
  advance(seconds: number): number {
    const now = this.#parts.clock.advance(seconds);
    this.#parts.scheduler.run();
    return now;
  }

  /** Has requests go wrong. */
  addFault(fault: Fault): void {
    this.#parts.api.faults.add(fault);
  }

  /** Returns the faults that are left. */
  faults(): readonly Fault[] {
    return this.#parts.api.faults.list();
  }

  /** Has requests go right again. */
  clearFaults(): void {
    this.#parts.api.faults.clear();
  }

  /** Has deliveries go wrong. */
  addDeliveryRule(rule: DeliveryRule): void {
    this.#parts.courier.rules.add(rule);
  }

  /** Returns the rules that are left. */
  deliveryRules(): readonly DeliveryRule[] {
    return this.#parts.courier.rules.list();
  }

  /** Has deliveries go right again; what is held stays held. */
  clearDeliveryRules(): void {
    this.#parts.courier.rules.clear();
  }

  /** Returns the deliveries: all that are open, and the newest of the others. */
  deliveries(): readonly Delivery[] {
    return this.#parts.courier.list();
  }

  /** Sends held deliveries in an order, and returns how many that were. */
  release(order: ReleaseOrder = 'forward'): Promise<number> {
    return this.#parts.courier.release(order);
  }

  /** Sends an event again; returns to how many endpoints, undefined where there is no such event. */
  resend(eventId: string): number | undefined {
    return this.#parts.courier.resend(eventId);
  }

  /** Is fulfilled when no delivery is on its way; what is held, delayed or waits to be tried again may be left. */
  settle(): Promise<void> {
    return this.#parts.courier.settle();
  }

  /** Sets what becomes of subscriptions whose payments fail. */
  setBilling(setting: BillingSetting): void {
    this.#parts.store.run((tx) => setBillingSetting(tx, setting));
  }

  /** Has a bank dispute a charge. Throws StripeError where that is not possible. */
  createDispute(charge: string, reason?: string): Dispute {
    return this.#act((call) => createDispute(call, charge, reason));
  }

  /** Has a bank decide a dispute. Throws StripeError where it was decided before. */
  closeDispute(dispute: string, outcome: 'won' | 'lost'): Dispute {
    return this.#act((call) => closeDispute(call, dispute, outcome));
  }

  /** Has a bank send a refund back. Throws StripeError where it has failed before. */
  failRefund(refund: string): Refund {
    return this.#act((call) => failRefund(call, refund));
  }

  /** Has a bank take the first payment of an incomplete subscription, and days for it. Throws StripeError where none waits. */
  beginSlowPayment(subscription: string): Subscription {
    return this.#act((call) => beginSlowPayment(call, subscription));
  }

  /** Has the bank tell what became of it. Throws StripeError where none is under way. */
  endSlowPayment(subscription: string, outcome: 'paid' | 'failed'): Subscription {
    return this.#act((call) => endSlowPayment(call, subscription, outcome));
  }

  #act<Result>(run: (call: Call) => Result): Result {
    const { store, facts, courier } = this.#parts;
    const now = this.now();
    const result = store.run((tx) => run(new Call(tx, facts, now, BY_CONTROL)));
    courier.kick();
    return result;
  }

  /** Sets a webhook endpoint, and returns its id. Throws StripeError for an address beyond this machine. */
  setWebhook({ name = 'local', url, secrets, enabledEvents = ['*'] }: WebhookTarget): string {
    assertWebhookUrl(url, 'url');
    const id = `we_${name}`;
    const now = this.now();
    this.#parts.store.run((tx) => {
      tx.put(WEBHOOK_SECRETS, id, secrets);
      tx.put(WEBHOOK_ENDPOINTS, id, {
        id,
        object: 'webhook_endpoint',
        api_version: null,
        application: null,
        created: tx.find(WEBHOOK_ENDPOINTS, id)?.['created'] ?? now,
        description: null,
        enabled_events: enabledEvents,
        livemode: false,
        metadata: {},
        status: 'enabled',
        url,
      });
    });
    return id;
  }
}
