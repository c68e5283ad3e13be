// Owns what follows outside of an account from what was seen of its subscriptions at Stripe: people are told of a payment that
// failed, what was bought with a code has used its place, what nobody wants to pay for any more is ended there, what an upgrade has set
// aside that nobody paid comes again, and where nothing may be bought no page to buy on stays open. Does not own the account (subscription-sync.ts).
// Invariants: doing it again does nothing more; what a crash left is done with the next sync; what is to be given back is asked for
// again for as long as subscription-sync.ts says.

import type { IdempotencyKey, Instant, PromotionId, TenantId } from '../../domain/id.ts';
import { isLive, type Subscription } from '../../domain/subscription.ts';
import type { TenantRef } from '../ledger/ledger.ts';
import type { Clock } from '../ports.ts';
import type { BillingNotice } from './billing-notice.ts';
import { isBought } from './intent-adoption.ts';
import type { IntentDesk } from './intent-desk.ts';
import {
  type CustomerStore,
  type IntentRequest,
  PROMOTION_ID,
  type PurchaseCodes,
  type StripeBilling,
  type StripeSubscription,
} from './ports.ts';
import { computeWayAt, findWaiting, isSuperseded, isUntouched } from './set-aside.ts';
import type { SyncedAccount } from './subscription-sync.ts';

/** How soon it is looked again where another change is under way, in milliseconds. */
const LOOK_AGAIN_MS = 2_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What follow-ups work with. */
export interface SubscriptionFollowUpParts {
  readonly intents: Pick<IntentDesk, 'begin'>;
  readonly notice: Pick<BillingNotice, 'notePaymentFailed'>;
  readonly customers: Pick<CustomerStore, 'requestSync' | 'removeSetAside'>;
  readonly codes: Pick<PurchaseCodes, 'noteBought'>;
  readonly billing: Pick<StripeBilling, 'closeCheckouts' | 'closeChange'>;
  readonly isClosed: (tenantId: TenantId) => Promise<boolean>;
  /** Says that a workspace is suspended or closed. */
  readonly isBarred: (tenantId: TenantId) => Promise<boolean>;
  readonly clock: Pick<Clock, 'now'>;
}

/** What is to be asked of Stripe, and why. */
interface Leftover {
  readonly why: 'lapse' | 'close' | 'duplicate' | 'duplicate_unpaid' | 'set_aside';
  /** What it is about: a subscription, or the upgrade that has set something aside. */
  readonly id: string;
  readonly request: IntentRequest;
}

/** Does what follows from what was seen at Stripe. */
export class SubscriptionFollowUp {
  readonly #parts: SubscriptionFollowUpParts;

  constructor(parts: SubscriptionFollowUpParts) {
    this.#parts = parts;
  }

  /** Throws DomainError DATABASE_UNAVAILABLE, OUTCOME_UNKNOWN, CLOCK_UNCERTAIN, STRIPE_UNAVAILABLE, STRIPE_REFUSED: do it again. */
  async run(tenant: TenantRef, synced: SyncedAccount): Promise<void> {
    await this.#followStripe(tenant, synced);
    await this.#closePages(tenant, synced);
    await this.#makeWay(tenant, synced);
  }

  /** What is paid on the page before it closes gives its plan; else what was set aside is asked for with the next look. */
  async #makeWay({ tenantId }: TenantRef, { account, seen, setAside }: SyncedAccount): Promise<void> {
    const { billing, customers, clock } = this.#parts;
    const waiting = findWaiting(seen, setAside);
    if (waiting === undefined || computeWayAt(waiting) > account.asOf) return;
    await billing.closeChange(waiting.stripeSubscriptionId);
    await customers.requestSync(tenantId, clock.now() + LOOK_AGAIN_MS);
  }

  /** On a page that was opened before the workspace was suspended or closed nothing is to be paid any more. */
  async #closePages({ tenantId }: TenantRef, { pageCustomerId, seen }: SyncedAccount): Promise<void> {
    const { billing, isBarred } = this.#parts;
    const waiting = seen.filter(({ pendingUpdateUrl }) => pendingUpdateUrl !== undefined);
    if ((pageCustomerId === undefined && waiting.length === 0) || !(await isBarred(tenantId))) return;
    if (pageCustomerId !== undefined) await billing.closeCheckouts(pageCustomerId);
    for (const { stripeSubscriptionId } of waiting) await billing.closeChange(stripeSubscriptionId);
  }

  async #followStripe(tenant: TenantRef, synced: SyncedAccount): Promise<void> {
    const { account, seen, returningIds, returnAskedTimes } = synced;
    const { notice, intents, customers, clock } = this.#parts;
    await this.#notePurchases(tenant, seen);
    const { subscription } = account.state;
    const own = seen.find(({ stripeSubscriptionId }) => stripeSubscriptionId === subscription?.stripeSubscriptionId);
    if (subscription?.status === 'past_due') {
      await notice.notePaymentFailed(tenant, subscription, own?.paymentUrl);
    }
    const { asOf } = account;
    const leftover =
      (await this.#findLeftover(tenant, subscription, seen, asOf)) ??
      findUnreturned(returningIds, seen, asOf) ??
      (await this.#findSetAside(tenant, synced));
    if (leftover === undefined) return;
    const hasBegun = await intents.begin(tenant, keyOf(leftover, returnAskedTimes, asOf), leftover.request);
    // One change at a time: what is under way, or what was begun now, comes first.
    if (!hasBegun) await customers.requestSync(tenant.tenantId, clock.now() + LOOK_AGAIN_MS);
  }

  /** What was bought with a code has used its place, on a page, too. */
  async #notePurchases(tenant: TenantRef, seen: readonly StripeSubscription[]): Promise<void> {
    for (const subscription of seen) {
      const { [PROMOTION_ID]: promotionId } = subscription.metadata;
      if (promotionId === undefined || !isBought(subscription) || !isOurs(subscription, tenant.tenantId)) continue;
      // What was put there was of this type.
      await this.#parts.codes.noteBought(tenant, promotionId as PromotionId);
    }
  }

  /** What waited for the period's end comes again once the upgrade that took its place can't be paid any more. */
  async #findSetAside({ tenantId }: TenantRef, { seen, setAside }: SyncedAccount): Promise<Leftover | undefined> {
    const own = seen.find(({ stripeSubscriptionId }) => stripeSubscriptionId === setAside?.stripeSubscriptionId);
    if (setAside === undefined || own === undefined) return undefined;
    const { intentId, ...change } = setAside;
    if (isSuperseded(own, setAside)) await this.#parts.customers.removeSetAside(tenantId, intentId);
    if (!isUntouched(own, setAside.fromStripePriceId)) return undefined;
    return { why: 'set_aside', id: intentId, request: { kind: 'change_at_period_end', ...change } };
  }

  async #findLeftover(
    { tenantId }: TenantRef,
    subscription: Subscription | undefined,
    seen: readonly StripeSubscription[],
    now: Instant,
  ): Promise<Leftover | undefined> {
    const running = seen.filter(({ phase }) => phase === 'live');
    if (running.length === 0) return undefined;
    const own = running.find(({ stripeSubscriptionId }) => stripeSubscriptionId === subscription?.stripeSubscriptionId);
    if (own !== undefined && isLost(subscription, own, now)) return endOf('lapse', own, { onlyUnpaid: true });
    const second = running.find((other) => isLive(subscription) && other !== own && isOurs(other, tenantId));
    if (second !== undefined) return dropOf(second);
    // The account's own is ended whoever made it: it was followed as long as the workspace was open.
    const first = own ?? running.find((other) => isOurs(other, tenantId));
    if (first === undefined || !(await this.#parts.isClosed(tenantId))) return undefined;
    // What was paid for after the closing has given nothing.
    return first === own ? endOf('close', first) : dropOf(first);
  }
}

/** Says whether a subscription ended here for want of a payment, which Stripe still waits for. */
function isLost(subscription: Subscription | undefined, own: StripeSubscription, now: Instant) {
  if (subscription?.status !== 'ended' || subscription.endedBy !== 'time') return false;
  // By its cancellation it has ended here also where that was taken back at Stripe: what Stripe says counts.
  const { isUnpaid, cycleInvoice, cancelAt } = own;
  const endsByItself = cancelAt !== undefined && cancelAt <= now;
  return !endsByItself && (isUnpaid || cycleInvoice.state !== 'paid');
}

/** Says whether a subscription was bought here for the workspace: what somebody made at Stripe by hand is left to them. */
export function isOurs({ metadata }: StripeSubscription, tenantId: TenantId): boolean {
  return metadata['tenant_id'] === tenantId && metadata['intent_id'] !== undefined;
}

function endOf(
  why: 'lapse' | 'close',
  { stripeSubscriptionId: id }: StripeSubscription,
  more: { readonly onlyUnpaid?: true } = {},
): Leftover {
  return { why, id, request: { kind: 'cancel', stripeSubscriptionId: id, atOnce: true, ...more } };
}

/** Each hour it is another one's turn, so that none waits for ever for one that Stripe refuses. */
function findUnreturned(
  returningIds: readonly string[],
  seen: readonly StripeSubscription[],
  now: Instant,
): Leftover | undefined {
  const id = returningIds[Math.floor(now / HOUR_MS) % returningIds.length];
  if (id === undefined) return undefined;
  return dropOf(seen.find(({ stripeSubscriptionId }) => stripeSubscriptionId === id) ?? { stripeSubscriptionId: id });
}

/** What is paid after all is given back at once, whatever Stripe has refused that day. */
function dropOf({
  stripeSubscriptionId: id,
  cycleInvoice,
}: Pick<StripeSubscription, 'stripeSubscriptionId'> & Partial<StripeSubscription>): Leftover {
  const why = cycleInvoice?.state === 'paid' ? 'duplicate' : 'duplicate_unpaid';
  return { why, id, request: { kind: 'drop_duplicate', stripeSubscriptionId: id } };
}

/** What Stripe refused is tried again another day, and whenever an operator asks. */
function keyOf({ why, id }: Leftover, askedTimes: Readonly<Record<string, Instant>>, now: Instant): IdempotencyKey {
  const asked = askedTimes[id] === undefined ? '' : `:${askedTimes[id]}`;
  return `${why}:${id}:${Math.floor(now / DAY_MS)}${asked}` as IdempotencyKey;
}
