// Owns what a workspace has paid and what went back, as it is listed: kept here, so that it shows while Stripe is away, and brought up
// to what Stripe shows by events and by who asks. Does not own credits: nothing here gives or takes any.
// Invariant: what was read of Stripe earlier never takes the place of what was read later.

import type { TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock, Pacing } from '../ports.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import { formatTimeToken, parseTimeToken } from '../tenant/time-token.ts';
import type {
  Payment,
  PaymentFilter,
  PaymentStore,
  StripePayment,
  StripePayments,
  TopUpObserver,
  TopUpStore,
} from './ports.ts';
import type { PageRequest } from './use-case.ts';

/** How long Stripe is waited for by who lists payments, in milliseconds. */
const REFRESH_MS_MAX = 1_500;

/** A page of payments. */
export interface PaymentPage {
  readonly payments: readonly Payment[];
  /** Empty at the end of the list, and only there. */
  readonly nextPageToken: string;
}

/** What the history is kept with. */
export interface PaymentHistoryParts {
  readonly store: PaymentStore;
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly topUps: Pick<TopUpStore, 'findByInvoice'>;
  /** Absent where Stripe is off. */
  readonly stripe: StripePayments | undefined;
  readonly clock: Pick<Clock, 'now'>;
  readonly pacing: Pick<Pacing, 'delay'>;
  readonly observer: Pick<TopUpObserver, 'backgroundFailed'>;
}

/** Lists payments. */
export class PaymentHistory {
  readonly #parts: PaymentHistoryParts;

  constructor(parts: PaymentHistoryParts) {
    this.#parts = parts;
  }

  /** Lists payments, newest first. Throws DomainError INVALID_FIELD `page_token`, DATABASE_UNAVAILABLE. */
  async list(tenant: TenantRef, { filter, pageSize, pageToken }: PageRequest<PaymentFilter>): Promise<PaymentPage> {
    const { tenantId } = tenant;
    const list = ['payments', tenantId, filter.kind, filter.status, filter.startAt, filter.endAt];
    const after = pageToken === '' ? undefined : parseTimeToken(pageToken, list);
    if (after === undefined) await this.#refresh(tenant);
    const { store } = this.#parts;
    const found = await store.loadPage({ tenantId, filter, limit: pageSize + 1, ...present({ after }) });
    const payments = found.slice(0, pageSize);
    const last = payments.at(-1);
    const hasMore = found.length > pageSize && last !== undefined;
    const nextPageToken = hasMore ? formatTimeToken({ createdAt: last.createdAt, id: last.paymentId }, list) : '';
    return { payments, nextPageToken };
  }

  /**
   * Brings what is kept of a workspace up to what Stripe shows now. Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED,
   * OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN: doing it again goes on.
   */
  async sync({ tenantId }: Pick<TenantRef, 'tenantId'>): Promise<void> {
    const { store, customers, stripe, clock } = this.#parts;
    const stripeCustomerId = (await customers.loadCustomer(tenantId))?.stripeCustomerId;
    if (stripe === undefined || stripeCustomerId === undefined) return;
    const readAt = clock.now();
    const seen = await stripe.loadPayments(stripeCustomerId);
    const payments: Payment[] = [];
    for (const payment of seen) payments.push(await this.#complete(tenantId, payment));
    await store.savePayments(payments, readAt);
  }

  async #complete(tenantId: TenantId, payment: StripePayment): Promise<Payment> {
    if (payment.kind !== 'top_up') return { ...payment, tenantId };
    const topUp = await this.#parts.topUps.findByInvoice(payment.paymentId);
    if (topUp?.tenantId !== tenantId) return { ...payment, tenantId };
    return { ...payment, tenantId, topUpId: topUp.topUpId, microcredits: topUp.microcredits };
  }

  async #refresh(tenant: TenantRef): Promise<void> {
    const { pacing, observer } = this.#parts;
    const synced = this.sync(tenant).catch((error: unknown) => {
      observer.backgroundFailed('reading payments at Stripe', error);
    });
    await Promise.race([synced, pacing.delay(REFRESH_MS_MAX)]);
  }
}
