// Owns the use cases of subscriptions: which change a request is, what is asked of Stripe for it, and what its caller is told. Does
// not own carrying it out (intent-runner.ts), or what it means to the account (subscription-sync.ts).
// Invariants: a retry of a request is answered as the request was, whatever has changed since; nothing is asked of Stripe before
// the account says that it makes sense; a preview and the change are one computation.

import { computeCycleEnd } from '../../domain/cycle-end.ts';
import { trialNotActive } from '../../domain/decide-trial.ts';
import { DomainError, invalidField, REASONS, type Reason } from '../../domain/error.ts';
import type { IdempotencyKey, Instant, PlanCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { isLive, type Subscription } from '../../domain/subscription.ts';
import { isRunning } from '../../domain/trial.ts';
import type { PersonAsker } from '../access/ports.ts';
import type { CatalogStore } from '../catalog/ports.ts';
import { loadProductPlans, type ProductPlans } from '../catalog/product-plans.ts';
import type { AccountReading, Ledger, TenantRef, WriteContext } from '../ledger/ledger.ts';
import { computeFingerprint, type Operation, requestKey } from '../ledger/request-identity.ts';
import type { Pacing } from '../ports.ts';
import type { ChangeJournal } from './change-journal.ts';
import type { IntentAnswer, IntentDesk } from './intent-desk.ts';
import { contractInForce, isUnbegun, periodUnpaid } from './intent-step.ts';
import {
  computePlanMove,
  type PlanMove,
  planUnchanged,
  requirePlan,
  requireSoldPlan,
  type SoldPlan,
} from './plan-offer.ts';
import type {
  CustomerStore,
  IntentRequest,
  IntentStore,
  PurchaseCodes,
  PurchaseRequest,
  StripeBilling,
} from './ports.ts';
import { type ConsoleUrls, returnAddress } from './return-address.ts';
import { isOurs } from './subscription-follow-up.ts';
import { subscriptionStateOf } from './subscription-state.ts';
import type { SubscriptionSync } from './subscription-sync.ts';
import type {
  ActivateInput,
  ContractInput,
  OperatorAsker,
  PaymentPage,
  PlanChangePreview,
  SubscriptionChange,
  SubscriptionReader,
  SubscriptionState,
  Subscriptions,
} from './use-case.ts';

const SECOND_MS = 1_000;
/** How long Stripe is waited for by who only wants to know what a workspace has, in milliseconds. */
const PAYMENT_URL_MS_MAX = 2_000;

/** What the use cases of subscriptions work with. */
export interface SubscriptionServiceParts {
  readonly ledger: Pick<Ledger, 'readAccount'>;
  readonly catalog: Pick<CatalogStore, 'loadProduct' | 'loadPlans'>;
  readonly billing: Pick<
    StripeBilling,
    'loadSubscription' | 'loadSubscriptions' | 'previewChange' | 'adoptPaymentMethod'
  >;
  readonly customers: Pick<CustomerStore, 'loadCustomer'>;
  readonly intents: IntentDesk;
  readonly codes: Pick<PurchaseCodes, 'claim' | 'release'>;
  readonly intentStore: Pick<IntentStore, 'loadOpen' | 'loadEnded'>;
  readonly sync: Pick<SubscriptionSync, 'syncTenant'>;
  readonly journal: ChangeJournal;
  readonly consoleUrls: ConsoleUrls;
  readonly pacing: Pick<Pacing, 'delay'>;
  /** Told where another card may be the default now. Never throws. */
  readonly onCardLook: (tenant: TenantRef) => Promise<void>;
}

/** A request for a change: what makes it this one, and who asks. */
interface Asked {
  readonly tenant: TenantRef;
  readonly operation: Operation;
  readonly meaning: readonly (string | number | boolean | bigint | undefined)[];
  readonly asker: PersonAsker | OperatorAsker;
  readonly context: WriteContext;
}

/** Changes subscriptions. */
export class SubscriptionService implements Subscriptions {
  readonly #parts: SubscriptionServiceParts;

  constructor(parts: SubscriptionServiceParts) {
    this.#parts = parts;
  }

  async getSubscription(tenant: TenantRef, { mayPay }: SubscriptionReader): Promise<SubscriptionState> {
    const account = await this.#parts.ledger.readAccount(tenant);
    return mayPay ? this.#tell(account) : subscriptionStateOf(account);
  }

  async refresh(tenant: TenantRef): Promise<SubscriptionState> {
    const { customers, billing, onCardLook } = this.#parts;
    const stripeCustomerId = (await customers.loadCustomer(tenant.tenantId))?.stripeCustomerId;
    if (stripeCustomerId !== undefined) await billing.adoptPaymentMethod(stripeCustomerId);
    await onCardLook(tenant);
    await this.#parts.sync.syncTenant(tenant);
    return this.#tell(await this.#parts.ledger.readAccount(tenant));
  }

  activate(
    tenant: TenantRef,
    input: ActivateInput,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange> {
    const { planCode, isHosted, promotionCode } = input;
    const asked = {
      ...{ tenant, asker, context, operation: 'activate_subscription' as const },
      meaning: [planCode, isHosted, promotionCode],
    };
    return this.#change(asked, async ({ state }, key) => {
      const sold = requireSoldPlan(await this.#loadCatalog(tenant), planCode);
      const request = this.#activationOf(tenant, sold, input, state.subscription);
      if (promotionCode === undefined) return request;
      return { ...request, ...(await this.#parts.codes.claim(tenant, { promotionCode, planCode }, key)) };
    });
  }

  convertTrialNow(
    tenant: TenantRef,
    input: PaymentPage,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange> {
    const asked = {
      ...{ tenant, asker, context, operation: 'convert_trial' as const },
      meaning: [input.isHosted],
    };
    return this.#change(asked, async ({ state: { trial, subscription } }) => {
      if (!isRunning(trial)) throw trialNotActive('paid for');
      const sold = requireSoldPlan(await this.#loadCatalog(tenant), trial.planCode);
      return this.#activationOf(tenant, sold, input, subscription);
    });
  }

  async previewChange(tenant: TenantRef, planCode: PlanCode): Promise<PlanChangePreview> {
    const { state, asOf } = await this.#parts.ledger.readAccount(tenant);
    const catalog = await this.#loadCatalog(tenant);
    const at = prorationTime(asOf, state.subscription?.periodStart);
    const move = computePlanMove(catalog, state, planCode, at);
    await this.#assertPaid(move, state.subscription);
    return this.#price(catalog, move, state.subscription, at);
  }

  changePlan(
    tenant: TenantRef,
    planCode: PlanCode,
    asker: PersonAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange> {
    const asked = { tenant, asker, context, operation: 'change_plan' as const, meaning: [planCode] };
    return this.#change(asked, async ({ state, asOf }) => {
      const subscription = requireLive(state.subscription);
      const at = prorationTime(asOf, subscription.periodStart);
      const move = computePlanMove(await this.#loadCatalog(tenant), state, planCode, at);
      await this.#assertPaid(move, subscription);
      return changeRequestOf(move, subscription, at);
    });
  }

  cancel(
    tenant: TenantRef,
    { atOnce }: { readonly atOnce: boolean },
    asker: PersonAsker | OperatorAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange> {
    const asked = { tenant, asker, context, operation: 'cancel_subscription' as const, meaning: [atOnce] };
    return this.#change(asked, async ({ state: { subscription } }) => {
      const planCode = isLive(subscription) ? subscription.planCode : undefined;
      const stripeSubscriptionId = isLive(subscription)
        ? subscription.stripeSubscriptionId
        : await this.#findUnfollowed(tenant);
      if (atOnce && 'userId' in asker) await this.#assertMayLeaveAtOnce(tenant, planCode);
      return { kind: 'cancel', stripeSubscriptionId, atOnce };
    });
  }

  resume(tenant: TenantRef, asker: PersonAsker, context: WriteContext): Promise<SubscriptionChange> {
    const asked = { tenant, asker, context, operation: 'resume_subscription' as const, meaning: [] };
    return this.#change(asked, ({ state }) => {
      const { stripeSubscriptionId, cancelAt, pending, planCode } = requireLive(state.subscription);
      if (cancelAt === undefined && pending === undefined) throw planUnchanged(planCode);
      return { kind: 'resume', stripeSubscriptionId };
    });
  }

  provisionContract(
    tenant: TenantRef,
    input: ContractInput,
    operator: OperatorAsker,
    context: WriteContext,
  ): Promise<SubscriptionChange> {
    const { planCode, price, includedPerCycle, intervalMonths, daysUntilDue, billingEmail } = input;
    const terms = [price.minorUnits, price.currency, includedPerCycle, intervalMonths, daysUntilDue];
    const asked = {
      ...{ tenant, context, asker: operator, operation: 'provision_contract' as const },
      // A contract without one means what it meant before there was one.
      meaning: [planCode, ...terms, ...(billingEmail === undefined ? [] : [billingEmail])],
    };
    return this.#change(asked, async ({ state }) => {
      const catalog = await this.#loadCatalog(tenant);
      const { productName } = requirePlan(catalog, planCode);
      if (price.currency !== catalog.product.currency) {
        const description = `must be in ${catalog.product.currency}, in which ${tenant.productCode} is sold, got ${price.currency}`;
        throw invalidField({ field: 'price.currency_code', description });
      }
      assertNone(state.subscription);
      const { minorUnits, currency } = price;
      const amounts = { minorUnits, currency, includedPerCycle, intervalMonths, daysUntilDue };
      return { kind: 'provision', planCode, productName, ...amounts, ...present({ billingEmail }) };
    });
  }

  /** Carries out a change, once for each request, and tells what it came to. */
  async #change(
    asked: Asked,
    decide: (account: AccountReading, key: IdempotencyKey) => IntentRequest | Promise<IntentRequest>,
  ): Promise<SubscriptionChange> {
    const { ledger, intents, journal, codes } = this.#parts;
    const { tenant, operation, meaning, asker, context } = asked;
    const key = requestKey(context.callerScope, operation, context.requestId);
    const fingerprint = computeFingerprint([operation, ...meaning]);
    const request = (await this.#findRequest(tenant, key)) ?? (await decide(await ledger.readAccount(tenant), key));
    await journal.noteChange({
      ...{ tenant, operation, asker, context, key, fingerprint },
      figures: figuresOf(request),
    });
    const deadlineAtMs = context.deadlineAtMs ?? Number.POSITIVE_INFINITY;
    const answer = await intents.submit(tenant, { key, fingerprint, request, deadlineAtMs });
    // Where it was not taken, its place is looked after later: the same request may be about to come again.
    if (answer.result.kind === 'failed' && request.kind === 'activate' && request.promotionId !== undefined) {
      await codes.release(tenant, request.promotionId, key);
    }
    return this.#answer(tenant, answer);
  }

  /** What an earlier request with this key was: only it says what a retry means, since the account has moved on. */
  async #findRequest({ tenantId }: TenantRef, key: IdempotencyKey): Promise<IntentRequest | undefined> {
    const { intentStore } = this.#parts;
    const open = await intentStore.loadOpen(tenantId);
    return open?.key === key ? open.request : (await intentStore.loadEnded(tenantId, key))?.request;
  }

  async #answer(tenant: TenantRef, { result, replayed }: IntentAnswer): Promise<SubscriptionChange> {
    if (result.kind === 'failed') throw new DomainError(reasonOf(result.reason), result.message, result);
    const { planCode, subscription } = await this.#tell(await this.#parts.ledger.readAccount(tenant));
    const actionUrl = result.kind === 'action_required' ? result.url : undefined;
    return { outcome: result.kind, planCode, replayed, ...present({ actionUrl, subscription }) };
  }

  #activationOf(
    { productCode }: TenantRef,
    { plan, stripePriceId }: SoldPlan,
    { isHosted, returnPath }: PaymentPage,
    subscription: Subscription | undefined,
  ): PurchaseRequest & { readonly kind: 'activate' } {
    assertNone(subscription);
    const returnUrl = returnAddress(this.#parts.consoleUrls, productCode, returnPath);
    return { kind: 'activate', planCode: plan.planCode, stripePriceId, isHosted, returnUrl };
  }

  /** Asks Stripe what a change costs; what happens to credits is known here. */
  async #price(
    { product }: ProductPlans,
    { change, fromPlanCode, toPlanCode, sold }: PlanMove,
    subscription: Subscription | undefined,
    now: number,
  ): Promise<PlanChangePreview> {
    const { kind, effectiveAt, buckets } = change;
    const nothing = { minorUnits: 0n, currency: subscription?.currency ?? product.currency };
    const base = { kind, fromPlanCode, toPlanCode, effectiveAt, buckets, dueNow: nothing };
    if (kind === 'cancellation') return base;
    if (kind === 'activation' && sold !== undefined) {
      const nextCycleAt = computeCycleEnd(effectiveAt, sold.interval, sold.plan.intervalCount);
      return { ...base, dueNow: sold.price, nextCycle: sold.price, nextCycleAt };
    }
    // What is taken back leaves what there is.
    if (!isLive(subscription) || sold === undefined) {
      const nextCycle = { ...nothing, minorUnits: subscription?.minorUnits ?? 0n };
      return { ...base, nextCycle, ...present({ nextCycleAt: subscription?.periodEnd }) };
    }
    const { billing } = this.#parts;
    const seen = await billing.loadSubscription(subscription.stripeSubscriptionId);
    if (seen === undefined) throw subscriptionNotFound();
    if (seen.isInvoiced) throw contractInForce(toPlanCode);
    if (kind === 'downgrade') return { ...base, nextCycle: sold.price, nextCycleAt: effectiveAt };
    const { dueNow, nextCycle, currency, periodEnd } = await billing.previewChange(seen, sold.stripePriceId, now);
    return {
      ...base,
      dueNow: { minorUnits: dueNow, currency },
      nextCycle: { minorUnits: nextCycle, currency },
      nextCycleAt: periodEnd,
    };
  }

  /**
   * Whoever owes a payment may leave, and nothing else. While a renewal is being paid nothing goes up: Stripe would give back for the
   * new period what nobody has paid for it.
   */
  async #assertPaid({ change: { kind } }: PlanMove, subscription: Subscription | undefined): Promise<void> {
    if (subscription?.status === 'renewal_pending' && kind === 'upgrade') throw periodUnpaid();
    if (subscription?.status !== 'past_due' || kind === 'cancellation') return;
    throw subscriptionUnpaid(await this.#findPaymentUrl(subscription));
  }

  /**
   * Finds what the workspace is charged for at Stripe though its account has nothing of it, such as at another product's price: whoever
   * pays may leave. What waits for its first payment has given nothing yet, and may still.
   */
  async #findUnfollowed({ tenantId }: TenantRef): Promise<string> {
    const { customers, billing } = this.#parts;
    const stripeCustomerId = (await customers.loadCustomer(tenantId))?.stripeCustomerId;
    const seen = stripeCustomerId === undefined ? [] : await billing.loadSubscriptions(stripeCustomerId);
    const running = seen.filter((one) => one.phase === 'live' && isOurs(one, tenantId) && !isUnbegun(one));
    const found = running.find(({ cancelAt }) => cancelAt === undefined) ?? running[0];
    if (found === undefined) throw subscriptionNotFound();
    return found.stripeSubscriptionId;
  }

  async #assertMayLeaveAtOnce(tenant: TenantRef, planCode: PlanCode | undefined): Promise<void> {
    const { plans } = await this.#loadCatalog(tenant);
    const policy = plans.find((plan) => plan.planCode === planCode)?.policy;
    if (policy?.cancelAtOnceAllowed === true) return;
    const description = `${planCode === undefined ? 'what runs' : `plan ${planCode}`} ends with its period: leave at_once out, or ask an operator of this service`;
    throw invalidField({ field: 'at_once', description });
  }

  async #tell(account: AccountReading): Promise<SubscriptionState> {
    const { subscription } = account.state;
    if (subscription?.status !== 'past_due') return subscriptionStateOf(account);
    return subscriptionStateOf(account, await this.#findPaymentUrl(subscription));
  }

  /** What can be read without Stripe is told without it, and soon. */
  async #findPaymentUrl({ stripeSubscriptionId }: Subscription): Promise<string | undefined> {
    const { billing, pacing } = this.#parts;
    const seen = billing.loadSubscription(stripeSubscriptionId).catch((error: unknown) => {
      if (error instanceof DomainError) return undefined;
      throw error;
    });
    return (await Promise.race([seen, pacing.delay(PAYMENT_URL_MS_MAX).then(() => undefined)]))?.paymentUrl;
  }

  #loadCatalog({ productCode }: TenantRef): Promise<ProductPlans> {
    return loadProductPlans(this.#parts.catalog, productCode);
  }
}

/** What is asked of Stripe for a move of a subscription that runs. */
function changeRequestOf(
  { change, toPlanCode: planCode, sold }: PlanMove,
  { stripeSubscriptionId, stripePriceId: fromStripePriceId }: Subscription,
  prorateAt: Instant,
): IntentRequest {
  if (change.kind === 'cancellation') return { kind: 'cancel', stripeSubscriptionId, atOnce: false };
  if (change.kind === 'resumption' || sold === undefined) return { kind: 'resume', stripeSubscriptionId };
  const to = { planCode, stripePriceId: sold.stripePriceId, stripeSubscriptionId };
  if (change.kind === 'downgrade') return { kind: 'change_at_period_end', ...to };
  return { kind: 'upgrade', ...to, fromStripePriceId, prorateAt };
}

/** The figures of a request, as a log keeps them: what an address may hold stays out. */
function figuresOf(request: IntentRequest): Readonly<Record<string, string | undefined>> {
  const { kind } = request;
  return {
    change: kind,
    plan_code: 'planCode' in request ? request.planCode : undefined,
    stripe_subscription_id: 'stripeSubscriptionId' in request ? request.stripeSubscriptionId : undefined,
    at_once: kind === 'cancel' ? `${request.atOnce}` : undefined,
    minor_units: kind === 'provision' ? `${request.minorUnits}` : undefined,
    included_microcredits_per_cycle: kind === 'provision' ? `${request.includedPerCycle}` : undefined,
  };
}

/** Stripe prorates by whole seconds, inside of the period that its own clock has begun. */
function prorationTime(at: Instant, periodStart: Instant = 0): Instant {
  return Math.max(Math.floor(at / SECOND_MS) * SECOND_MS, periodStart);
}

function requireLive(subscription: Subscription | undefined): Subscription {
  if (isLive(subscription)) return subscription;
  throw subscriptionNotFound();
}

function assertNone(subscription: Subscription | undefined): void {
  if (!isLive(subscription)) return;
  const { planCode } = subscription;
  const message = `the workspace has a subscription of plan ${planCode}: change its plan instead, see ChangePlan`;
  throw new DomainError('SUBSCRIPTION_EXISTS', message, { metadata: { plan_code: planCode } });
}

function subscriptionNotFound(): DomainError {
  const message = 'the workspace has no subscription that runs: buy a plan first, see ActivateSubscription';
  return new DomainError('SUBSCRIPTION_NOT_FOUND', message);
}

function subscriptionUnpaid(paymentUrl: string | undefined): DomainError {
  const message =
    'a payment of the subscription failed: pay it first, at payment_url of GetSubscription, or store another card';
  return new DomainError('SUBSCRIPTION_UNPAID', message, { metadata: present({ payment_url: paymentUrl }) });
}

/** What was kept by another release may be a reason that this one does not know. */
function reasonOf(text: string): Reason {
  return REASONS.find((reason) => reason === text) ?? 'STRIPE_REFUSED';
}
