// Owns making a trial that has ended the paid plan, where somebody agreed to be charged and a card is stored. Does not own when that
// is looked at (account-follow-up.ts), or the rules of a trial.
// Invariant: a trial is converted at most once, by one intent with one key.

import type { Reason } from '../../domain/error.ts';
import type { IdempotencyKey, TenantId } from '../../domain/id.ts';
import type { Subscription } from '../../domain/subscription.ts';
import { isToBePaid, type Trial } from '../../domain/trial.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import type { Ledger, TenantRef } from '../ledger/ledger.ts';
import { type IntentDesk, subscriptionBusy } from './intent-desk.ts';
import { isUnbegun } from './intent-step.ts';
import { isSold } from './plan-offer.ts';
import type { CustomerStore, IntentResult, IntentStore, PurchaseRequest, StripeBilling } from './ports.ts';
import { type ConsoleUrls, returnAddress } from './return-address.ts';
import { isOurs } from './subscription-follow-up.ts';
import type { TrialConsent } from './trial-consent.ts';

type Activation = PurchaseRequest & { readonly kind: 'activate' };

const RETURN_PATH = '/settings/billing';
const NOT_CHARGED: Reason = 'PAYMENT_METHOD_REQUIRED';

/** Why nothing is asked of Stripe at the end of a trial that somebody agreed to pay for. */
type Hindrance = 'not_sold' | 'barred' | 'withdrawn' | 'no_card';

const HINDRANCES: Readonly<Record<Hindrance, string>> = {
  not_sold: 'the plan was not on sale when the trial ended: nothing was charged',
  barred: 'the workspace was suspended or closed when its trial ended: nothing was charged',
  withdrawn: 'the consent to be charged was taken back before the trial ended: nothing was charged',
  no_card: 'the workspace had no card when its trial ended: nothing was charged',
};
/** What people don't know, who agreed to be charged. */
const UNKNOWN_TO_PEOPLE: ReadonlySet<string | undefined> = new Set<Hindrance>(['not_sold', 'no_card']);
/** What somebody bought meanwhile, or still pays, is no payment that failed. */
const BOUGHT_OTHERWISE: readonly string[] = ['SUBSCRIPTION_EXISTS', 'SUBSCRIPTION_UNPAID'] satisfies Reason[];

/** What conversion works with. */
export interface TrialConversionParts {
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly catalog: Pick<CatalogStore, 'loadPlans'>;
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly billing: Pick<StripeBilling, 'loadPaymentMethods' | 'adoptPaymentMethod' | 'loadSubscriptions'>;
  readonly intents: Pick<IntentDesk, 'begin' | 'settle'>;
  readonly intentStore: Pick<IntentStore, 'loadEnded' | 'loadOpen'>;
  readonly consent: Pick<TrialConsent, 'isStanding'>;
  /** Told of a trial whose plan could not be charged, and of the page where that can be made up for, if there is one. */
  readonly onFailed: (tenant: TenantRef, trial: Trial, paymentUrl?: string) => Promise<void>;
  /** Says that a workspace is closed or suspended. */
  readonly isBarred: (tenantId: TenantId) => Promise<boolean>;
  readonly consoleUrls: ConsoleUrls;
}

/** How far a conversion is: `waiting` for the result of a first payment that is under way, which decides whether there is any. */
export type ConversionProgress = 'waiting' | 'begun' | 'settled';

/** Converts trials. */
export class TrialConversion {
  readonly #parts: TrialConversionParts;

  constructor(parts: TrialConversionParts) {
    this.#parts = parts;
  }

  /**
   * Says whether the trial of a workspace becomes the paid plan at its end, as far as is known now: what is asked then is asked now.
   * Throws what {@link begin} throws.
   */
  async becomesPaid(tenant: TenantRef): Promise<boolean> {
    const { trial, subscription } = (await this.#parts.ledger.readAccount(tenant)).state;
    if (trial === undefined || !isToBePaid(trial, subscription)) return false;
    return (await this.#findHindrance(tenant, await this.#requestOf(tenant, trial))) === undefined;
  }

  /**
   * Begins to charge for the plan of the trial that has ended. The first look settles it for ever: whoever has no card then, or is
   * barred, is not charged for that trial later, whatever is stored afterwards. While a bank has a first payment under way nothing is
   * settled: {@link goOn} does that at its result.
   * Throws DomainError SUBSCRIPTION_BUSY while another change of the workspace is under way, STRIPE_UNAVAILABLE, STRIPE_REFUSED,
   * OUTCOME_UNKNOWN, DATABASE_UNAVAILABLE, CLOCK_UNCERTAIN: do it again.
   */
  async begin(tenant: TenantRef): Promise<ConversionProgress> {
    const { ledger, intents, intentStore } = this.#parts;
    const { tenantId } = tenant;
    const { trial } = (await ledger.readAccount(tenant)).state;
    const key = conversionKey(tenantId);
    const settled = await intentStore.loadEnded(tenantId, key);
    if (trial === undefined) return 'settled';
    if (settled !== undefined) {
      await this.#tell(tenant, trial, settled.result);
      return 'settled';
    }
    if (await this.#isPaymentUnderWay(tenantId)) return 'waiting';
    const request = await this.#requestOf(tenant, trial);
    const hindrance = await this.#findHindrance(tenant, request);
    if (hindrance === undefined) {
      // Whoever calls does it again until it is there: people have agreed to it.
      if (!(await intents.begin(tenant, key, request))) throw subscriptionBusy();
      return 'begun';
    }
    const message = HINDRANCES[hindrance];
    const result: IntentResult = { kind: 'failed', reason: NOT_CHARGED, message, metadata: { hindrance } };
    await intents.settle(tenant, key, request, result);
    await this.#tell(tenant, trial, result);
    return 'settled';
  }

  /**
   * Goes on with the conversion of a trial that has ended, after something was seen at Stripe; answers whether it is to be looked at
   * again soon. Throws what {@link begin} throws.
   */
  async goOn(tenant: TenantRef, trial: Trial | undefined, subscription: Subscription | undefined): Promise<boolean> {
    if (trial?.status !== 'ended' || !isToBePaid(trial, subscription)) return false;
    // What is under way comes first, be it the conversion itself.
    if ((await this.#parts.intentStore.loadOpen(tenant.tenantId)) !== undefined) return true;
    return (await this.begin(tenant)) === 'begun';
  }

  async #isPaymentUnderWay(tenantId: TenantId): Promise<boolean> {
    const { customers, billing } = this.#parts;
    const stripeCustomerId = (await customers.loadCustomer(tenantId))?.stripeCustomerId;
    if (stripeCustomerId === undefined) return false;
    return (await billing.loadSubscriptions(stripeCustomerId)).some(
      (one) => one.phase === 'live' && isOurs(one, tenantId) && isUnbegun(one) && one.cycleInvoice.state !== 'failed',
    );
  }

  /** Lets people know that they are not charged, though they agreed to it. */
  async #tell(tenant: TenantRef, trial: Trial, result: IntentResult): Promise<void> {
    const { onFailed } = this.#parts;
    if (result.kind === 'action_required') return onFailed(tenant, trial, result.url);
    if (result.kind !== 'failed' || BOUGHT_OTHERWISE.includes(result.reason)) return;
    const isNews = result.reason !== NOT_CHARGED || UNKNOWN_TO_PEOPLE.has(result.metadata['hindrance']);
    if (isNews) await onFailed(tenant, trial);
  }

  async #findHindrance(
    { tenantId }: TenantRef,
    { stripePriceId }: Pick<Activation, 'stripePriceId'>,
  ): Promise<Hindrance | undefined> {
    const { isBarred, consent } = this.#parts;
    if (await isBarred(tenantId)) return 'barred';
    if (!(await consent.isStanding(tenantId))) return 'withdrawn';
    if (stripePriceId === '') return 'not_sold';
    return (await this.hasCard(tenantId)) ? undefined : 'no_card';
  }

  /** A plan that is not sold any more has no price. */
  async #requestOf({ productCode }: TenantRef, { planCode }: Trial): Promise<Activation> {
    const { catalog, consoleUrls } = this.#parts;
    const plan = (await catalog.loadPlans(productCode)).find((candidate) => candidate.planCode === planCode);
    const stripePriceId = plan !== undefined && isSold(plan) ? (plan.stripePriceId ?? '') : '';
    const returnUrl = returnAddress(consoleUrls, productCode, RETURN_PATH);
    return { kind: 'activate', planCode, stripePriceId, isHosted: false, returnUrl };
  }

  /**
   * Says whether a workspace has a card that can be charged: one that was stored on a page is, though no event told of it. Throws
   * DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, DATABASE_UNAVAILABLE.
   */
  async hasCard(tenantId: TenantId): Promise<boolean> {
    const { customers, billing } = this.#parts;
    const stripeCustomerId = (await customers.loadCustomer(tenantId))?.stripeCustomerId;
    if (stripeCustomerId === undefined) return false;
    await billing.adoptPaymentMethod(stripeCustomerId);
    return (await billing.loadPaymentMethods(stripeCustomerId)).some(({ isDefault }) => isDefault);
  }
}

function conversionKey(tenantId: TenantId): IdempotencyKey {
  return `convert:${tenantId}` as IdempotencyKey;
}
