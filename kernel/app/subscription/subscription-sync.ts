// Owns bringing the account of a workspace to what Stripe shows of its subscription, whoever asks: a webhook, a change that was
// made here, a way back from a page, a timer. Does not own what a step is (domain/subscription-step.ts).
// Invariants: facts are read after the account that they are applied to, and are read again where that has moved; so the order,
// the number and the delay of those who ask make no difference.

import { DomainError } from '../../domain/error.ts';
import type { Instant, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { isLive, type Subscription } from '../../domain/subscription.ts';
import { computeSubscriptionStep, type SubscriptionStep } from '../../domain/subscription-step.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import { loadProductPlans } from '../catalog/product-plans.ts';
import type { AccountReading, Ledger, TenantRef } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import type { CardChoices } from './card-choice.ts';
import type { CustomerRow, CustomerStore, SetAsideChange, StripeBilling, StripeSubscription } from './ports.ts';
import { computeWayAt, findWaiting } from './set-aside.ts';
import { toSubscriptionFacts } from './subscription-facts.ts';
import { toOutlookFacts } from './subscription-outlook.ts';

/** An account that is read again and again and always has a step left is one that others move too. */
const ROUNDS_MAX = 12;
/** How soon after a period's end Stripe is asked what became of it. */
const PERIOD_END_DELAY_MS = 5_000;
/** How soon before a cancellation it is asked whether that still holds: no event may have told that it was taken back. */
const CANCELLATION_LEAD_MS = 60_000;
/** How often it is asked while a payment has come to no result, should no event tell. */
const PENDING_INTERVAL_MS = 3_600_000;
/** How often what is in the way of a smaller plan is looked at once it is to make way, in milliseconds. */
const WAY_INTERVAL_MS = 15_000;
const RETRY_DELAY_MS = 1_000;
/** How soon after a page to pay on, or to agree to a payment on, was opened it is looked what became of it; then after twice the time each, should no event tell. */
export const PAGE_FIRST_LOOK_MS = 120_000;
/** How long after that nothing comes of it any more, in milliseconds: Stripe closes its pages within a day. */
const PAGE_LAST_LOOK_MS = 25 * 3_600_000;
/** For how long it is tried to give back what Stripe refuses to; then an operator has to decide. */
const RETURN_TRIED_MS = 30 * 86_400_000;

/** What a sync found. */
export interface SyncedAccount {
  readonly account: AccountReading;
  /** What the workspace has at Stripe, newest first. */
  readonly seen: readonly StripeSubscription[];
  /** Those whose payments are given back, as long as that is tried; they may be among the ended. */
  readonly returningIds: readonly string[];
  /** What comes again should an upgrade not be paid. */
  readonly setAside?: SetAsideChange;
  /** When an operator last asked for one of them to be given back, by the subscription. */
  readonly returnAskedTimes: Readonly<Record<string, Instant>>;
  /** The customer, where a page to pay on may be open. */
  readonly pageCustomerId?: string;
  /** When Stripe is to be asked again at the latest; absent where nothing runs. */
  readonly nextSyncAt?: Instant;
}

/** What is to be done until an account is what Stripe shows. */
export interface SubscriptionComparison {
  readonly account: AccountReading;
  /** The subscription at Stripe that the account is about; absent where there is none. */
  readonly subject?: StripeSubscription;
  /** The next step; absent where the account is what Stripe shows. */
  readonly step?: SubscriptionStep;
  /** Other subscriptions of its customer that run at Stripe. */
  readonly others: readonly StripeSubscription[];
  /** Those that run at a price of no plan of the product, or at one that can't be read; they are none of the others. */
  readonly unreadable: readonly StripeSubscription[];
  /** Those that have ended, or that Stripe doesn't show, whose payments are yet to be given back. */
  readonly unreturnedIds: readonly string[];
}

/** Reports what a sync can't deal with. */
export interface SubscriptionObserver {
  /** Stripe has a subscription whose price is of no plan of the workspace's product, or can't be read. */
  unreadable(tenantId: TenantId, stripeSubscriptionId: string): void;
  backgroundFailed(work: string, error: unknown): void;
}

/** What a sync works with. */
export interface SubscriptionSyncParts {
  readonly ledger: Pick<Ledger, 'readAccount' | 'applySubscription'>;
  readonly catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>;
  readonly customers: Pick<CustomerStore, 'loadCustomer' | 'requestSync' | 'saveDropAgain'>;
  readonly billing: Pick<StripeBilling, 'loadSubscriptions' | 'loadSubscription' | 'adoptPaymentMethod'>;
  readonly choices: Pick<CardChoices, 'mend'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly isClosed: (tenantId: TenantId) => Promise<boolean>;
  /** Does what follows from what was found, such as a mail; doing it again does no harm. */
  readonly followUp: (tenant: TenantRef, synced: SyncedAccount) => Promise<void>;
  readonly observer: SubscriptionObserver;
}

/** Brings accounts to what Stripe shows. */
export class SubscriptionSync {
  readonly #parts: SubscriptionSyncParts;

  constructor(parts: SubscriptionSyncParts) {
    this.#parts = parts;
  }

  /**
   * Brings one account to what Stripe shows now. Throws DomainError ACCOUNT_NOT_OPEN, STRIPE_UNAVAILABLE, STRIPE_REFUSED,
   * OUTCOME_UNKNOWN, and what the ledger and the database throw: doing it again goes on.
   */
  async syncTenant(tenant: TenantRef): Promise<SyncedAccount> {
    const { customers, billing, followUp } = this.#parts;
    const row = await customers.loadCustomer(tenant.tenantId);
    const { stripeCustomerId, pageOpenedAt } = row ?? {};
    if (stripeCustomerId !== undefined && this.#mayHaveCard(pageOpenedAt)) {
      await billing.adoptPaymentMethod(stripeCustomerId);
    }
    if (row !== undefined) await this.#mendDefault(row);
    const found = await this.#converge(tenant, row);
    const nextPageLookAt = this.#nextPageLookAt(pageOpenedAt);
    const nextSyncAt = [this.#nextSyncAt(found), nextPageLookAt].reduce(earlier);
    if (nextSyncAt !== undefined) await customers.requestSync(tenant.tenantId, nextSyncAt);
    const pageCustomerId = nextPageLookAt === undefined ? undefined : stripeCustomerId;
    const synced = { ...found, ...present({ nextSyncAt, pageCustomerId }) };
    await followUp(tenant, synced);
    return synced;
  }

  /**
   * Has it tried anew to give back what Stripe has refused to until now, then does what {@link syncTenant} does, because an operator
   * asks. Throws what that throws.
   */
  async retryTenant(tenant: TenantRef): Promise<SyncedAccount> {
    const { customers, clock } = this.#parts;
    const { tenantId } = tenant;
    const { droppedIds = [] } = (await customers.loadCustomer(tenantId)) ?? {};
    for (const id of droppedIds) await customers.saveDropAgain(tenantId, id, clock.now());
    return this.syncTenant(tenant);
  }

  /** Says what a sync would do, and does nothing. Throws what {@link syncTenant} throws. */
  async compare(tenant: TenantRef): Promise<SubscriptionComparison> {
    const { customers, ledger } = this.#parts;
    const row = await customers.loadCustomer(tenant.tenantId);
    const { droppedIds = [] } = row ?? {};
    const account = await ledger.readAccount(tenant);
    const { state, asOf } = account;
    const seen = await this.#look(row?.stripeCustomerId, state.subscription);
    const { facts, unreadable } = await this.#read(tenant, withoutDropped(seen, droppedIds), state.subscription);
    const step = facts === undefined ? undefined : computeSubscriptionStep(state, facts, asOf);
    const subject = seen.find(({ stripeSubscriptionId }) => stripeSubscriptionId === facts?.stripeSubscriptionId);
    const others = seen.filter((one) => one.phase === 'live' && one !== subject && !unreadable.includes(one));
    const unreturnedIds = droppedIds.filter((id) => others.every((other) => other.stripeSubscriptionId !== id));
    return { account, others, unreadable, unreturnedIds, ...present({ subject, step }) };
  }

  /** What Stripe refuses to charge by default keeps no account from what was paid. */
  async #mendDefault(row: CustomerRow): Promise<void> {
    const { choices, observer } = this.#parts;
    try {
      await choices.mend(row);
    } catch (error) {
      if (!(error instanceof DomainError) || error.reason !== 'STRIPE_REFUSED') throw error;
      observer.backgroundFailed(`setting the default payment method of ${row.tenantId} as it was chosen last`, error);
    }
  }

  async #converge(tenant: TenantRef, row: CustomerRow | undefined): Promise<SyncedAccount> {
    const { ledger, isClosed } = this.#parts;
    const { droppedIds = [], dropAskedTimes: returnAskedTimes = {} } = row ?? {};
    const returningIds = listReturning(row, this.#parts.clock.now());
    const noted = { returningIds, returnAskedTimes, ...present({ setAside: row?.setAside }) };
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const account = await ledger.readAccount(tenant);
      const { state, asOf } = account;
      const seen = await this.#look(row?.stripeCustomerId, state.subscription);
      const { facts } = await this.#read(tenant, withoutDropped(seen, droppedIds), state.subscription);
      const step = facts === undefined ? undefined : computeSubscriptionStep(state, facts, asOf);
      if (facts === undefined || step === undefined) return { account, seen, ...noted };
      // What was paid for after the closing gives nothing, and is paid back.
      if (step.change === 'started' && (await isClosed(tenant.tenantId))) return { account, seen, ...noted };
      await ledger.applySubscription(tenant, facts, state);
    }
    const message = `the subscription of ${tenant.tenantId} is being changed all the time: look again shortly`;
    throw new DomainError('OUTCOME_UNKNOWN', message, { retryDelayMs: RETRY_DELAY_MS });
  }

  /** What the customer has, and the subscription that runs here though its customer was deleted. */
  async #look(
    stripeCustomerId: string | undefined,
    current: Subscription | undefined,
  ): Promise<readonly StripeSubscription[]> {
    const { billing } = this.#parts;
    const seen = stripeCustomerId === undefined ? [] : await billing.loadSubscriptions(stripeCustomerId);
    if (!isLive(current)) return seen;
    const { stripeSubscriptionId: id } = current;
    if (seen.some(({ stripeSubscriptionId }) => stripeSubscriptionId === id)) return seen;
    const own = await billing.loadSubscription(id);
    return own === undefined ? seen : [...seen, own];
  }

  /** Answers the facts of the first that the account may be about, and those before it whose price says nothing here. */
  async #read(tenant: TenantRef, seen: readonly StripeSubscription[], current: Subscription | undefined) {
    const { catalog, observer } = this.#parts;
    const subjects = listSubjects(seen, current);
    const unreadable: StripeSubscription[] = [];
    if (subjects.length === 0) return { unreadable };
    const plans = await loadProductPlans(catalog, tenant.productCode);
    for (const subject of subjects) {
      const facts = toSubscriptionFacts(subject, plans, current);
      if (facts !== undefined) return { facts, unreadable };
      observer.unreadable(tenant.tenantId, subject.stripeSubscriptionId);
      unreadable.push(subject);
      const outlook = toOutlookFacts(subject, current);
      if (outlook !== undefined) return { facts: outlook, unreadable };
    }
    return { unreadable };
  }

  /** Says that a card may have been stored on a page; the last look comes when that is closed. */
  #mayHaveCard(openedAt: Instant | undefined): boolean {
    return openedAt !== undefined && this.#parts.clock.now() - openedAt < 2 * PAGE_LAST_LOOK_MS;
  }

  /** Whoever paid on a page may not come back, and no event may tell. */
  #nextPageLookAt(openedAt: Instant | undefined): Instant | undefined {
    if (openedAt === undefined) return undefined;
    const elapsed = this.#parts.clock.now() - openedAt;
    if (elapsed >= PAGE_LAST_LOOK_MS) return undefined;
    return openedAt + Math.min(Math.max(PAGE_FIRST_LOOK_MS, 2 * elapsed), PAGE_LAST_LOOK_MS);
  }

  #nextSyncAt({ account, seen, returningIds, setAside }: SyncedAccount): Instant | undefined {
    const now = this.#parts.clock.now();
    const later = now + PENDING_INTERVAL_MS;
    const waiting = findWaiting(seen, setAside);
    // A page that can't be closed is looked at again soon, after whatever else is due.
    const wayAt = waiting === undefined ? undefined : Math.max(computeWayAt(waiting), now + WAY_INTERVAL_MS);
    const own = earlier(this.#nextOwnSyncAt(account.state.subscription, seen, now), wayAt);
    return returningIds.length === 0 ? own : earlier(own, later);
  }

  #nextOwnSyncAt(
    subscription: Subscription | undefined,
    seen: readonly StripeSubscription[],
    now: Instant,
  ): Instant | undefined {
    const later = now + PENDING_INTERVAL_MS;
    // A first payment that takes its bank days is waited for, too.
    if (!isLive(subscription)) return seen.some(({ phase }) => phase === 'live') ? later : undefined;
    const { status, periodEnd, cancelAt, graceEndsAt } = subscription;
    // What nobody pays for any more is ended at Stripe as soon as it is here.
    const end = status === 'active' ? periodEnd : (graceEndsAt ?? 0);
    const looks = [end + PERIOD_END_DELAY_MS, ...listCancellationLooks(cancelAt)].filter((at) => at > now);
    return status === 'active' && looks.length > 0 ? Math.min(...looks) : Math.min(...looks, later);
  }
}

/** Before a cancellation, and once it is over: it may come while a payment is missing, too. */
function listCancellationLooks(cancelAt: Instant | undefined): readonly Instant[] {
  return cancelAt === undefined ? [] : [cancelAt - CANCELLATION_LEAD_MS, cancelAt + PERIOD_END_DELAY_MS];
}

function earlier(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** Lists what is to be given back, and is still tried. */
function listReturning(row: CustomerRow | undefined, now: Instant): readonly string[] {
  const { droppedIds = [], dropTimes = {} } = row ?? {};
  return droppedIds.filter((id) => (dropTimes[id] ?? now) > now - RETURN_TRIED_MS);
}

/** What is given back gives nothing. */
function withoutDropped(
  seen: readonly StripeSubscription[],
  droppedIds: readonly string[],
): readonly StripeSubscription[] {
  return seen.filter(
    ({ phase, stripeSubscriptionId }) => phase === 'ended' || !droppedIds.includes(stripeSubscriptionId),
  );
}

/**
 * Lists what the account may be about, the likeliest first: the one that runs here, and no other; else those that run at Stripe, the
 * paid ones before others and then the newest, and the one that was here last.
 */
function listSubjects(
  seen: readonly StripeSubscription[],
  current: Subscription | undefined,
): readonly StripeSubscription[] {
  const own = seen.filter(({ stripeSubscriptionId }) => stripeSubscriptionId === current?.stripeSubscriptionId);
  if (isLive(current)) return own;
  const running = seen.filter(({ phase }) => phase === 'live');
  const paid = running.filter(({ cycleInvoice }) => cycleInvoice.state === 'paid');
  return [...new Set([...paid, ...running, ...own])];
}
