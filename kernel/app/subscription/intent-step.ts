// Owns what each kind of intent asks of Stripe, and what the answer comes to. Does not own when and how often it is asked
// (intent-runner.ts), how to see at Stripe that it was done (intent-adoption.ts), or what it means to the account.
// Invariant: an intent sends the same whenever it is sent, so that its attempt is one call at Stripe.

import { DomainError } from '../../domain/error.ts';
import type { PlanCode } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { changePending } from '../../domain/promotion.ts';
import type { CustomerDesk } from './customer-desk.ts';
import type {
  ChangeRequest,
  ChargeOutcome,
  CustomerStore,
  IntentResult,
  OpenIntent,
  PurchaseRequest,
  StripeAttempt,
  StripeBilling,
  StripeSubscription,
} from './ports.ts';
import { PROMOTION_ID } from './ports.ts';
import { computeWayAt, isUntouched, toSetAside } from './set-aside.ts';

/** Sends an intent that was prepared. Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, INVALID_FIELD. */
export type SendIntent = (attempt: StripeAttempt) => Promise<IntentResult>;

/** What the steps work with. */
export interface IntentStepParts {
  readonly billing: Pick<
    StripeBilling,
    | 'loadSubscription'
    | 'loadSubscriptions'
    | 'loadPaymentMethods'
    | 'createSubscription'
    | 'createContract'
    | 'openCheckout'
    | 'changeNow'
    | 'closeChange'
    | 'changeAtPeriodEnd'
    | 'cancelAtPeriodEnd'
    | 'cancelNow'
    | 'cancelUnpaid'
    | 'resume'
    | 'applyDiscount'
    | 'refundLatestPayment'
  >;
  readonly customers: Pick<CustomerDesk, 'ensureCustomer'>;
  readonly notes: Pick<CustomerStore, 'saveSetAside'>;
}

type PurchaseOf<Kind extends PurchaseRequest['kind']> = Extract<PurchaseRequest, { readonly kind: Kind }>;

/** The code of a decline for want of anything to charge. */
const METHOD_MISSING = 'resource_missing';
/** Stripe's sentences end with one, and so does ours. */
const FULL_STOP = /\.$/;
const DONE: IntentResult = { kind: 'done' };

/** Carries out intents at Stripe. */
export class IntentSteps {
  readonly #parts: IntentStepParts;

  constructor(parts: IntentStepParts) {
    this.#parts = parts;
  }

  /**
   * Reads what an intent needs; answers what sends it. Throws DomainError STRIPE_UNAVAILABLE, STRIPE_REFUSED, and what the database
   * gives: nothing of the intent was sent by then.
   */
  prepare(intent: OpenIntent): Promise<SendIntent> {
    const { request } = intent;
    switch (request.kind) {
      case 'activate':
        return this.#prepareActivation(intent, request);
      case 'provision':
        return this.#prepareContract(intent, request);
      default:
        return this.#prepareChange(intent, request);
    }
  }

  async #prepareActivation(intent: OpenIntent, request: PurchaseOf<'activate'>): Promise<SendIntent> {
    const { billing, customers } = this.#parts;
    const stripeCustomerId = await customers.ensureCustomer(intent);
    const { stripePriceId, planCode, promotionCode, promotionId, returnUrl } = request;
    const metadata = { ...metadataOf(intent, planCode), ...present({ [PROMOTION_ID]: promotionId }) };
    const order = { stripeCustomerId, stripePriceId, metadata, ...present({ promotionCode }) };
    const openPage: SendIntent = async (attempt) => {
      const pages = { successUrl: returnUrl, cancelUrl: returnUrl };
      return { kind: 'action_required', url: await billing.openCheckout(order, pages, attempt) };
    };
    const charge: SendIntent = async (attempt) => {
      const outcome = await billing.createSubscription(order, attempt);
      // The bank wants to see the person: that is what the page is for.
      const isSeen = outcome.kind !== 'action_required' || outcome.url !== '';
      return isSeen ? resultOf(outcome) : openPage(attempt);
    };
    const hasDefault = async () => (await billing.loadPaymentMethods(stripeCustomerId)).some((one) => one.isDefault);
    const isCharged = !request.isHosted && (await hasDefault());
    return this.#unlessAnother(intent, stripeCustomerId, isCharged ? charge : openPage);
  }

  /**
   * Answers what sells a subscription where the workspace has got no other since that was asked for: the account could not know it
   * then. One whose first payment has failed, such as by a bank debit, which takes days, gives way; it has given nothing.
   */
  async #unlessAnother(
    { intentId, tenantId }: OpenIntent,
    stripeCustomerId: string,
    sell: SendIntent,
  ): Promise<SendIntent> {
    const { billing } = this.#parts;
    const other = (await billing.loadSubscriptions(stripeCustomerId)).find(({ phase, metadata }) => {
      const { intent_id: madeBy, tenant_id: tenant } = metadata;
      return phase === 'live' && tenant === tenantId && madeBy !== undefined && madeBy !== intentId;
    });
    if (other === undefined) return sell;
    if (!isUnbegun(other)) return async () => failedBy(subscriptionExists());
    if (other.cycleInvoice.state !== 'failed') return async () => failedBy(firstPaymentUnderWay());
    return async (attempt) =>
      (await billing.cancelUnpaid(other, attempt)) ? sell(attempt) : failedBy(subscriptionExists());
  }

  async #prepareContract(intent: OpenIntent, request: PurchaseOf<'provision'>): Promise<SendIntent> {
    const { billing, customers } = this.#parts;
    const { planCode, includedPerCycle, productName, minorUnits, currency } = request;
    const { intervalMonths, daysUntilDue, billingEmail } = request;
    const stripeCustomerId = await customers.ensureCustomer(intent);
    const metadata = {
      ...metadataOf(intent, planCode),
      included_microcredits_per_cycle: `${includedPerCycle}`,
    };
    const payment = { minorUnits, currency, intervalMonths, daysUntilDue, ...present({ billingEmail }) };
    const terms = { productName, ...payment };
    return this.#unlessAnother(intent, stripeCustomerId, async (attempt) =>
      resultOf(await billing.createContract({ stripeCustomerId, ...terms, metadata }, attempt)),
    );
  }

  async #prepareChange(intent: OpenIntent, request: ChangeRequest): Promise<SendIntent> {
    const { stripeSubscriptionId, kind } = request;
    const subscription = await this.#parts.billing.loadSubscription(stripeSubscriptionId);
    const isOver = subscription === undefined || subscription.phase === 'ended';
    if (isOver && kind === 'cancel') return async () => DONE;
    if (kind === 'cancel' && request.onlyUnpaid === true && subscription !== undefined) {
      return this.#unpaidEndOf(subscription);
    }
    if (subscription === undefined || (isOver && kind !== 'drop_duplicate')) {
      return async () => failedBy(subscriptionNotFound(stripeSubscriptionId));
    }
    if (subscription.isInvoiced && (kind === 'upgrade' || kind === 'change_at_period_end')) {
      return async () => failedBy(contractInForce(request.planCode));
    }
    if (request.kind === 'upgrade') {
      const setAside = toSetAside(intent.intentId, request, subscription);
      if (setAside !== undefined) await this.#parts.notes.saveSetAside(intent.tenantId, setAside);
    }
    return this.#changeOf(intent, request, subscription);
  }

  /** What is paid after all goes on: the account follows it. */
  #unpaidEndOf(subscription: StripeSubscription): SendIntent {
    const { state } = subscription.changeInvoice;
    if (isPaid(subscription) && (state === 'paid' || state === 'none')) return async () => DONE;
    return async (attempt) => {
      await this.#parts.billing.cancelUnpaid(subscription, attempt);
      return DONE;
    };
  }

  /** What is chosen later takes the place of an upgrade that waits to be paid, unless that was paid by then. */
  #insteadOfUpgrade(
    subscription: StripeSubscription,
    change: (present: StripeSubscription, attempt: StripeAttempt) => Promise<void>,
  ): SendIntent {
    return async (attempt) => {
      const present = subscription.isUpdatePending === true ? await this.#closeUpgrade(subscription) : subscription;
      if (present === undefined) return failedBy(planMoved());
      await change(present, attempt);
      return DONE;
    };
  }

  /** Once its invoice is void nobody can pay it any more: so what was paid until then is seen after that. */
  async #closeUpgrade({ stripeSubscriptionId, terms }: StripeSubscription): Promise<StripeSubscription | undefined> {
    const { billing } = this.#parts;
    await billing.closeChange(stripeSubscriptionId);
    const present = await billing.loadSubscription(stripeSubscriptionId);
    const isAsBefore = present?.phase === 'live' && present.terms?.stripePriceId === terms?.stripePriceId;
    return isAsBefore ? present : undefined;
  }

  #changeOf(intent: OpenIntent, request: ChangeRequest, subscription: StripeSubscription): SendIntent {
    const { billing } = this.#parts;
    const done = (call: (attempt: StripeAttempt) => Promise<void>): SendIntent => {
      return async (attempt) => {
        await call(attempt);
        return DONE;
      };
    };
    switch (request.kind) {
      case 'upgrade': {
        const { stripePriceId, prorateAt, planCode } = request;
        // The price is there only once it is paid: what may be left of an earlier attempt is to take back what waited.
        if (subscription.terms?.stripePriceId === stripePriceId) {
          return done((attempt) => billing.resume(subscription, attempt));
        }
        // What is an upgrade from one plan may be none from another.
        if (subscription.terms?.stripePriceId !== request.fromStripePriceId) return async () => failedBy(planMoved());
        // Stripe would give back what is left of a period that nobody has paid for.
        if (!isPaid(subscription)) return async () => failedBy(periodUnpaid());
        const isInTheWay = subscription.pending !== undefined || subscription.isUpdatePending === true;
        const canWait = !isInTheWay || prorateAt < computeWayAt(subscription);
        const change = { stripePriceId, at: prorateAt, canWait, metadata: metadataOf(intent, planCode) };
        return async (attempt) => resultOf(await billing.changeNow(subscription, change, attempt));
      }
      case 'change_at_period_end': {
        const { fromStripePriceId: from } = request;
        if (from !== undefined && !isUntouched(subscription, from)) return async () => failedBy(planMoved());
        const change = { stripePriceId: request.stripePriceId, metadata: metadataOf(intent, request.planCode) };
        return this.#insteadOfUpgrade(subscription, (present, attempt) =>
          billing.changeAtPeriodEnd(present, change, attempt),
        );
      }
      case 'cancel':
        if (request.atOnce) return done((attempt) => billing.cancelNow(subscription, attempt));
        return this.#insteadOfUpgrade(subscription, (present, attempt) => billing.cancelAtPeriodEnd(present, attempt));
      case 'resume':
        return done((attempt) => billing.resume(subscription, attempt));
      case 'apply_discount':
        return this.#discountOf(intent, request.promotionCode, subscription);
      case 'drop_duplicate':
        return done(async (attempt) => {
          // Whatever becomes of the refund, it is not to be charged again. What is open of one that has ended could be paid still.
          await billing.cancelNow(subscription, attempt);
          await billing.refundLatestPayment(subscription.stripeSubscriptionId, attempt);
        });
    }
  }

  #discountOf({ intentId }: OpenIntent, promotionCode: string, subscription: StripeSubscription): SendIntent {
    if (hasDiscountOf(subscription, intentId)) return async () => DONE;
    // The phase that comes has discounts of its own, which would replace this one.
    if (subscription.pending !== undefined) return async () => failedBy(changePending());
    return async (attempt) => {
      await this.#parts.billing.applyDiscount(subscription, promotionCode, attempt);
      return DONE;
    };
  }
}

/** Says whether a subscription has had no payment yet: by a bank debit, which takes days, or one that failed. */
export function isUnbegun({ isInvoiced, createdAt, periodStart, cycleInvoice }: StripeSubscription): boolean {
  return !isInvoiced && periodStart <= createdAt && cycleInvoice.state !== 'paid';
}

/** Says whether a subscription has the discount that an intent has put on it, or had it. */
export function hasDiscountOf({ metadata }: StripeSubscription, intentId: string): boolean {
  return metadata['discount_intent_id'] === intentId;
}

function isPaid({ isUnpaid, cycleInvoice }: StripeSubscription): boolean {
  return !isUnpaid && cycleInvoice.state === 'paid';
}

/** Answers what a caller is told whose change was refused. */
export function failedBy({ reason, message, metadata, violations }: DomainError): IntentResult {
  return { kind: 'failed', reason, message, metadata, ...(violations.length === 0 ? {} : { violations }) };
}

/** What every subscription says of whose it is. */
function metadataOf({ tenantId, productCode }: OpenIntent, planCode: PlanCode): Readonly<Record<string, string>> {
  return { tenant_id: tenantId, product_code: productCode, plan_code: planCode };
}

function resultOf(outcome: ChargeOutcome): IntentResult {
  switch (outcome.kind) {
    case 'done':
      return DONE;
    case 'declined':
      return failedBy(
        outcome.code === METHOD_MISSING ? methodRequired() : paymentDeclined(outcome.code, outcome.message),
      );
    case 'action_required':
      if (outcome.url !== '') return { kind: 'action_required', url: outcome.url };
      return failedBy(
        paymentDeclined('authentication_required', 'The bank wants to see you, and there is no page for it now'),
      );
  }
}

function paymentDeclined(code: string, detail: string): DomainError {
  const message =
    `the payment was declined (${code}): ${detail.replace(FULL_STOP, '')}. ` +
    'Nothing was changed: choose another payment method, or ask your bank, and try again';
  return new DomainError('PAYMENT_DECLINED', message, { metadata: { decline_code: code } });
}

function methodRequired(): DomainError {
  const message = 'the workspace has no payment method that could be charged: store one, or ask for a page to pay on';
  return new DomainError('PAYMENT_METHOD_REQUIRED', message);
}

function planMoved(): DomainError {
  const message =
    'the plan was changed meanwhile, and nothing was done: look at it again, and repeat what is still wanted';
  return new DomainError('SUBSCRIPTION_BUSY', message);
}

/** An upgrade asks for a period that is paid: what is left of it pays a part of the new plan. */
export function periodUnpaid(): DomainError {
  const message =
    'the current period is not paid yet, and nothing was changed: try again when its payment has come through, see GetSubscription';
  return new DomainError('SUBSCRIPTION_UNPAID', message);
}

/** The plan of a contract would be given by invoices that are sent, before anybody pays them: that is for operators to agree on. */
export function contractInForce(planCode: PlanCode): DomainError {
  const message =
    'the workspace has a contract, whose plan only our sales team changes: contact sales, or cancel it with its period and choose another plan then';
  return new DomainError('CONTACT_SALES', message, { metadata: { plan_code: planCode } });
}

function subscriptionExists(): DomainError {
  const message =
    'a subscription of the workspace runs at Stripe: change its plan instead, see ChangePlan; if it shows none, cancel what runs first, see CancelSubscription';
  return new DomainError('SUBSCRIPTION_EXISTS', message);
}

function firstPaymentUnderWay(): DomainError {
  const message =
    'a subscription was bought whose first payment is under way, which takes a bank some days: the plan shows when it is paid. ' +
    'Should it fail, repeat this with a new request id, and another payment method';
  return new DomainError('SUBSCRIPTION_UNPAID', message);
}

function subscriptionNotFound(stripeSubscriptionId: string): DomainError {
  const message = `the subscription ${stripeSubscriptionId} has ended at Stripe: choose a plan to begin a new one`;
  return new DomainError('SUBSCRIPTION_NOT_FOUND', message);
}
