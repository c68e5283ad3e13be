// Owns what is sent to Stripe for top-ups: making their invoices, charging the stored card, closing what nobody paid; at once for those
// who wait, later for what a crash or a failure left. Does not own what becomes of what Stripe shows (top-up-sync.ts).
// Invariants: an attempt is noted before it is sent; it is sent again only while Stripe remembers its key; a new one is begun only
// after a look at Stripe that found nothing of the last; a top-up has one invoice, which can be paid once.

import { DomainError, messageOf } from '../../domain/error.ts';
import type { Instant, TenantId, TopUpId } from '../../domain/id.ts';
import { computeRetryDelayMs, type RetryBounds } from '../../domain/retry-delay.ts';
import { isTopUpEnded } from '../../domain/top-up.ts';
import type { Clock, Pacing } from '../ports.ts';
import { isStoredFailure, RESEND_MS_MAX } from '../subscription/attempt.ts';
import type { CustomerDesk } from '../subscription/customer-desk.ts';
import type { StripeAttempt } from '../subscription/ports.ts';
import { WorkPool } from '../work-pool.ts';
import { type StripeTopUps, TOP_UP_PURPOSE, type TopUp, type TopUpObserver, type TopUpStore } from './ports.ts';
import type { TopUpSync } from './top-up-sync.ts';
import type { TopUpView } from './use-case.ts';

/** How long nobody else takes a top-up that a kernel has taken, in milliseconds. */
const CLAIM_MS = 180_000;
/** What must be left of a claim when something is sent, in milliseconds: as long as a call to Stripe takes with its retries. */
const SEND_MS_MAX = 90_000;
/** How often Stripe may answer an attempt with a failure that it may have stored, before that is taken to be so. */
const STORED_FAILURES_MAX = 3;
/** How long tries that failed wait, in milliseconds. */
const RETRY_BOUNDS: RetryBounds = { firstMs: 1_000, maxMs: 300_000 };
/** How soon one that is open is read again at least and at most, in milliseconds; between, when it is half as old again. */
const LOOK_MS = { min: 15_000, max: 900_000 } as const;
/** How many this kernel works on at once of those that are due; beyond, they wait in the database. */
const DUE_RUNNING_MAX = 8;
/** How many in all. */
const RUNNING_MAX = 64;
/** How far Stripe's clock may be behind the database's, in milliseconds: so much earlier invoices are looked at, too. */
const CLOCK_DIFFERENCE_MS_MAX = 3_600_000;
const FAILURE_LENGTH_MAX = 500;
const LOTS = 1_000;

/** One try at a top-up. */
interface Effort {
  /** As it was taken. */
  readonly topUp: TopUp;
  attempt: number;
  /** When the attempt was first sent; undefined before. */
  sentAt: Instant | undefined;
  /** How often Stripe has answered the attempt with a failure that it may have stored. */
  storedFailures: number;
}

/** What the runner works with. */
export interface TopUpRunnerParts {
  readonly store: TopUpStore;
  readonly stripe: Pick<StripeTopUps, 'openTopUp' | 'findTopUp' | 'chargeTopUp' | 'closeTopUp'>;
  readonly customers: Pick<CustomerDesk, 'ensureCustomer'>;
  readonly sync: Pick<TopUpSync, 'sync'>;
  /** Says that a workspace is suspended or closed. */
  readonly isBarred: (tenantId: TenantId) => Promise<boolean>;
  readonly clock: Pick<Clock, 'now' | 'estimate'>;
  readonly pacing: Pick<Pacing, 'random'>;
  readonly observer: TopUpObserver;
}

/** Thrown where somebody else has taken what was being worked on. */
class TakenError extends Error {}

/** Carries out top-ups. */
export class TopUpRunner {
  readonly #parts: TopUpRunnerParts;
  readonly #pool = new WorkPool({ dueMax: DUE_RUNNING_MAX, totalMax: RUNNING_MAX });

  constructor(parts: TopUpRunnerParts) {
    this.#parts = parts;
  }

  /**
   * Works on a top-up that is due. Answers how it stands then; undefined where it can't be taken now, there is no room, or it failed
   * and is tried again. Throws DomainError OUTCOME_UNKNOWN, CLOCK_UNCERTAIN where it could not be taken.
   */
  run(topUpId: TopUpId): Promise<TopUpView | undefined> {
    return this.#pool.run(async () => {
      const topUp = await this.#claim(topUpId);
      return topUp === undefined ? undefined : await this.#run(topUp);
    });
  }

  /** Begins what is due, as much as there is room for; answers how many. Throws DomainError OUTCOME_UNKNOWN, CLOCK_UNCERTAIN. */
  takeDue(): Promise<number> {
    return this.#pool.runDue(
      () => this.#claim(),
      (topUp) => this.#run(topUp),
    );
  }

  /** Reports how long the one that is due longest waits. Throws DomainError DATABASE_UNAVAILABLE. */
  async reportBacklog(): Promise<void> {
    const { store, clock, observer } = this.#parts;
    const oldest = await store.loadOldestDue();
    observer.backlog(oldest === undefined ? 0 : Math.max(0, clock.estimate() - oldest));
  }

  /** Begins nothing more, and resolves when what was begun has ended. */
  stop(): Promise<void> {
    return this.#pool.stop();
  }

  #claim(topUpId?: TopUpId): Promise<TopUp | undefined> {
    const now = this.#parts.clock.now();
    return this.#parts.store.claim(now, now + CLAIM_MS, topUpId);
  }

  /** Never throws. */
  async #run(topUp: TopUp): Promise<TopUpView | undefined> {
    const { attempt, sentAt, storedFailures } = topUp;
    const effort: Effort = { topUp, attempt, sentAt, storedFailures };
    try {
      return await this.#carryOut(effort);
    } catch (error) {
      if (error instanceof TakenError) return undefined;
      this.#parts.observer.failed(topUp, error);
      await this.#tryLater(effort, error);
      return undefined;
    }
  }

  async #carryOut(effort: Effort): Promise<TopUpView> {
    const { store, sync, clock } = this.#parts;
    const { topUp } = effort;
    const isClosing = await this.#isClosing(topUp);
    let current: TopUpView = topUp;
    if (topUp.stripeInvoiceId === undefined) {
      // Nothing of it was sent, so nothing of it is there.
      if (isClosing && topUp.sentAt === undefined) return this.#endUnsent(topUp);
      current = await this.#open(effort);
    }
    current = await sync.sync(current);
    const isToEnd = isClosing || current.isClosing;
    if (!isTopUpEnded(current.status) && current.usesStoredCard && !current.isCharged && !isToEnd) {
      current = await this.#charge(effort, current);
    }
    if (!isTopUpEnded(current.status) && (isToEnd || isAbandoned(current))) {
      current = await this.#close(effort, current);
    }
    if (!isTopUpEnded(current.status)) await store.saveDue(topUp, nextLookAt(current, clock.estimate()));
    return current;
  }

  async #isClosing({ isClosing, pageExpiresAt, tenantId }: TopUp): Promise<boolean> {
    return isClosing || pageExpiresAt <= this.#parts.clock.now() || (await this.#parts.isBarred(tenantId));
  }

  #endUnsent({ topUpId }: TopUp, failure?: string): Promise<TopUp> {
    return this.#parts.store.endTopUp(topUpId, { status: 'canceled' }, this.#parts.clock.estimate(), failure);
  }

  /** Makes the invoice, or finds the one that was made; answers the top-up with it, or as it ended where Stripe refuses to make one. */
  async #open(effort: Effort): Promise<TopUp> {
    const { store, stripe, customers } = this.#parts;
    const { topUp } = effort;
    const { tenantId, productCode, topUpId, minorUnits, currency, microcredits } = topUp;
    const stripeCustomerId = await customers.ensureCustomer(topUp);
    const found = this.#isInDoubt(effort) ? await this.#find(topUp, stripeCustomerId) : undefined;
    const attempt = await this.#noteSent(effort);
    const metadata = { purpose: TOP_UP_PURPOSE, tenant_id: tenantId, product_code: productCode };
    const order = { stripeCustomerId, minorUnits, currency, microcredits, metadata };
    try {
      return await store.saveInvoice(topUpId, await this.#send(effort, () => stripe.openTopUp(order, attempt, found)));
    } catch (error) {
      if (!(error instanceof DomainError && error.reason === 'STRIPE_REFUSED')) throw error;
      const made = found ?? (await this.#find(topUp, stripeCustomerId));
      if (made === undefined) return this.#endUnsent(topUp, failureOf(error));
      // What is there is half of one: it can't be paid, and is closed. It stays taken.
      await store.saveInvoice(topUpId, made);
      return store.requestClose(topUpId, topUp.dueAt ?? this.#parts.clock.estimate());
    }
  }

  #find({ topUpId, createdAt }: TopUp, stripeCustomerId: string): Promise<string | undefined> {
    return this.#parts.stripe.findTopUp(stripeCustomerId, topUpId, createdAt - CLOCK_DIFFERENCE_MS_MAX);
  }

  async #charge(effort: Effort, topUp: TopUp): Promise<TopUpView> {
    const { store, stripe, sync } = this.#parts;
    const { topUpId, stripeInvoiceId = '' } = topUp;
    // It was read just now, and was not paid: so another attempt takes nothing twice.
    const attempt = await this.#noteSent(effort);
    await this.#send(effort, () => stripe.chargeTopUp(stripeInvoiceId, attempt));
    return sync.sync(await store.saveCharged(topUpId));
  }

  async #close(effort: Effort, topUp: TopUp): Promise<TopUpView> {
    const { stripe, sync } = this.#parts;
    const attempt = await this.#noteSent(effort);
    await this.#send(effort, () => stripe.closeTopUp(topUp.stripeInvoiceId ?? '', attempt));
    return sync.sync(topUp);
  }

  /** Says whether the last attempt can't be sent again: Stripe may have forgotten it, or would repeat its failure for a day. */
  #isInDoubt({ sentAt, storedFailures }: Effort): boolean {
    if (sentAt === undefined) return false;
    return this.#parts.clock.now() - sentAt >= RESEND_MS_MAX || storedFailures >= STORED_FAILURES_MAX;
  }

  /** Notes what is about to be sent, as another attempt where the last is in doubt. Throws TakenError where somebody else has taken it. */
  async #noteSent(effort: Effort): Promise<StripeAttempt> {
    const { store, clock } = this.#parts;
    const { topUp } = effort;
    const now = clock.now();
    if ((topUp.dueAt ?? 0) - now < SEND_MS_MAX) {
      throw new Error('what the top-up needs took too long to read at Stripe for it to be sent in this try');
    }
    const isInDoubt = this.#isInDoubt(effort);
    if (effort.sentAt === undefined || isInDoubt) {
      const attempt = isInDoubt ? effort.attempt + 1 : effort.attempt;
      if (!(await store.saveSent(topUp, attempt, now))) throw new TakenError();
      Object.assign(effort, { attempt, sentAt: now, storedFailures: 0 });
    }
    return { intentId: topUp.topUpId, attempt: effort.attempt };
  }

  async #send<T>(effort: Effort, send: () => Promise<T>): Promise<T> {
    try {
      return await send();
    } catch (error) {
      if (isStoredFailure(error)) effort.storedFailures += 1;
      throw error;
    }
  }

  async #tryLater({ topUp, storedFailures }: Effort, error: unknown): Promise<void> {
    const { store, clock, pacing, observer } = this.#parts;
    const delayMs = computeRetryDelayMs(topUp.tries, RETRY_BOUNDS, Math.floor(pacing.random() * LOTS));
    try {
      await store.saveRetry({ ...topUp, storedFailures }, failureOf(error), clock.estimate() + delayMs);
    } catch (cause) {
      // The claim runs out by itself.
      observer.backgroundFailed('noting that a top-up is tried again', cause);
    }
  }
}

/** Nobody is there to pay what the workspace's own rule wanted. */
function isAbandoned({ cause, isCharged, status }: TopUp): boolean {
  return cause === 'auto' && isCharged && status !== 'processing';
}

function nextLookAt({ createdAt, pageExpiresAt }: TopUp, now: Instant): Instant {
  const delayMs = Math.min(Math.max(Math.floor((now - createdAt) / 2), LOOK_MS.min), LOOK_MS.max);
  return pageExpiresAt > now ? Math.min(now + delayMs, pageExpiresAt) : now + delayMs;
}

function failureOf(error: unknown): string {
  return messageOf(error).slice(0, FAILURE_LENGTH_MAX).toWellFormed();
}
