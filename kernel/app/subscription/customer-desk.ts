// Owns that a workspace has one customer at Stripe, made when it is first needed, and again when it is needed after somebody deleted
// it there. Does not own what is bought for it.
// Invariants: the row that names the making is stored before Stripe is asked; while Stripe remembers an attempt it is sent again,
// and afterwards nothing is sent before a look whether the customer is there; a customer takes another's place only where Stripe
// says that it is gone.

import type { TenantId } from '../../domain/id.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import { isStoredFailure, RESEND_MS_MAX } from './attempt.ts';
import type { CustomerRow, CustomerStore, IntentIdSource, StripeBilling } from './ports.ts';

/** How far Stripe's clock may be behind the database's, in milliseconds: so much earlier customers are looked at, too. */
const CLOCK_DIFFERENCE_MS_MAX = 3_600_000;

/** What the desk works with. */
export interface CustomerDeskParts {
  readonly store: Pick<
    CustomerStore,
    'loadCustomer' | 'insertCustomer' | 'saveAttempt' | 'saveStripeId' | 'saveDeleted'
  >;
  readonly billing: Pick<StripeBilling, 'createCustomer' | 'findCustomer' | 'hasCustomer'>;
  readonly ids: IntentIdSource;
  readonly clock: Pick<Clock, 'now'>;
}

/** Knows the customers of workspaces. */
export class CustomerDesk {
  readonly #parts: CustomerDeskParts;
  readonly #running = new Map<TenantId, Promise<string>>();

  constructor(parts: CustomerDeskParts) {
    this.#parts = parts;
  }

  /**
   * Answers Stripe's id of the workspace's customer, who is made where there is none, or none any more. Those who ask at once share one answer.
   * Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, DATABASE_UNAVAILABLE, OUTCOME_UNKNOWN, CLOCK_UNCERTAIN: asking again
   * goes on where it ended.
   */
  ensureCustomer(tenant: TenantRef): Promise<string> {
    const { tenantId } = tenant;
    const running = this.#running.get(tenantId) ?? this.#ensure(tenant).finally(() => this.#running.delete(tenantId));
    this.#running.set(tenantId, running);
    return running;
  }

  /**
   * Has another customer be made, when one is next needed, where this one is gone at Stripe. Throws as {@link ensureCustomer}.
   */
  async forgetDeleted(tenantId: TenantId, stripeCustomerId: string): Promise<void> {
    const row = await this.#parts.store.loadCustomer(tenantId);
    if (row?.stripeCustomerId === stripeCustomerId) await this.#replaceDeleted(row);
  }

  /** Has another customer be made, when one is next needed, where the workspace's is gone at Stripe. Throws as {@link ensureCustomer}. */
  async forgetMissing(tenantId: TenantId): Promise<void> {
    const row = await this.#parts.store.loadCustomer(tenantId);
    if (row !== undefined) await this.#replaceDeleted(row);
  }

  /** Lists Stripe's ids of all customers that a workspace has, or had before they were deleted. Throws DomainError DATABASE_UNAVAILABLE. */
  async listCustomers(tenantId: TenantId): Promise<readonly string[]> {
    const { stripeCustomerId, formerStripeIds = [] } = (await this.#parts.store.loadCustomer(tenantId)) ?? {};
    return stripeCustomerId === undefined ? formerStripeIds : [...formerStripeIds, stripeCustomerId];
  }

  async #ensure({ tenantId, productCode }: TenantRef): Promise<string> {
    const { store, ids, clock } = this.#parts;
    const found =
      (await store.loadCustomer(tenantId)) ??
      (await store.insertCustomer({
        ...{ tenantId, productCode, intentId: ids.intentId(), attempt: 1 },
        sentAt: clock.now(),
      }));
    const row = await this.#replaceDeleted(found);
    if (row.stripeCustomerId !== undefined) return row.stripeCustomerId;
    const made = await this.#make(row);
    // Whoever came first has named it.
    return (await store.saveStripeId(row, made)).stripeCustomerId ?? made;
  }

  /** Answers the row, which names no customer any more where that is gone. */
  async #replaceDeleted(row: CustomerRow): Promise<CustomerRow> {
    const { store, billing, ids, clock } = this.#parts;
    const { stripeCustomerId } = row;
    if (stripeCustomerId === undefined || (await billing.hasCustomer(stripeCustomerId))) return row;
    return store.saveDeleted(row, ids.intentId(), clock.now());
  }

  /** Makes the customer, or finds who was made. */
  async #make(row: CustomerRow): Promise<string> {
    const { clock } = this.#parts;
    if (clock.now() - row.sentAt < RESEND_MS_MAX) return this.#send(row);
    const found = await this.#find(row);
    if (found !== undefined) return found;
    const next = await this.#moveOn(row);
    return next.stripeCustomerId ?? this.#send(next);
  }

  async #send(row: CustomerRow): Promise<string> {
    const { intentId, attempt, tenantId, productCode } = row;
    const metadata = { tenant_id: tenantId, product_code: productCode };
    try {
      return await this.#parts.billing.createCustomer({ metadata }, { intentId, attempt });
    } catch (error) {
      if (!isStoredFailure(error)) throw error;
      // Stripe stores its failures: this attempt would get the same one for a day.
      const found = await this.#find(row);
      if (found !== undefined) return found;
      await this.#moveOn(row);
      throw error;
    }
  }

  #find({ intentId, sentAt }: CustomerRow): Promise<string | undefined> {
    return this.#parts.billing.findCustomer(intentId, sentAt - CLOCK_DIFFERENCE_MS_MAX);
  }

  #moveOn(row: CustomerRow): Promise<CustomerRow> {
    const { store, clock } = this.#parts;
    return store.saveAttempt(row, row.attempt + 1, clock.now());
  }
}
