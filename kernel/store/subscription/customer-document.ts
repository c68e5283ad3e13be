// Owns the form of a workspace's customer in MongoDB: collection `stripe_customers`, one document for each workspace.

import type { CardChoice, CustomerRow, SetAsideChange, StoredPaymentMethod } from '../../app/subscription/ports.ts';
import type { PlanCode, ProductCode, TenantId } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import { toOptionalDate } from '../optional-date.ts';

/** What a request was answered. */
export interface ChoiceAnswerDocument {
  readonly type: string;
  readonly is_default: boolean;
  readonly card?: {
    readonly brand: string;
    readonly last4: string;
    readonly expire_month: number;
    readonly expire_year: number;
  };
}

export interface CardChoiceDocument {
  readonly mark: string;
  readonly stripe_payment_method_id: string;
  readonly answer?: ChoiceAnswerDocument;
}

export interface SetAsideDocument {
  readonly intent_id: string;
  readonly stripe_subscription_id: string;
  readonly from_stripe_price_id: string;
  readonly stripe_price_id: string;
  readonly plan_code: string;
}

export interface CustomerDocument {
  /** The tenant: a workspace has one customer. */
  readonly _id: string;
  readonly product_code: string;
  readonly intent_id: string;
  readonly attempt: number;
  readonly sent_at: Date;
  /** Set once for each intent. */
  readonly stripe_customer_id?: string;
  readonly former_stripe_customer_ids?: readonly string[];
  readonly page_opened_at?: Date;
  /** A set. */
  readonly dropped_subscription_ids?: readonly string[];
  /** By the subscription. */
  readonly drop_times?: Readonly<Record<string, Date>>;
  /** By the subscription, too; only of those that an operator has asked for. */
  readonly drop_asked_times?: Readonly<Record<string, Date>>;
  readonly set_aside?: SetAsideDocument;
  /** The newest is the last one. */
  readonly card_choices?: readonly CardChoiceDocument[];
  readonly sync_due_at?: Date;
}

export function toDocumentCustomer(row: CustomerRow): CustomerDocument {
  const {
    tenantId,
    productCode,
    intentId,
    attempt,
    sentAt,
    stripeCustomerId,
    formerStripeIds,
    pageOpenedAt,
    droppedIds,
    dropTimes,
    dropAskedTimes,
    setAside,
    cardChoices,
    syncDueAt,
  } = row;
  return {
    _id: tenantId,
    product_code: productCode,
    intent_id: intentId,
    attempt,
    sent_at: new Date(sentAt),
    ...present({
      stripe_customer_id: stripeCustomerId,
      former_stripe_customer_ids: formerStripeIds,
      page_opened_at: toOptionalDate(pageOpenedAt),
      dropped_subscription_ids: droppedIds,
      drop_times: dropTimes && mapValues(dropTimes, (time) => new Date(time)),
      drop_asked_times: dropAskedTimes && mapValues(dropAskedTimes, (time) => new Date(time)),
      set_aside: setAside && toDocumentSetAside(setAside),
      card_choices: cardChoices?.map(toDocumentChoice),
      sync_due_at: toOptionalDate(syncDueAt),
    }),
  };
}

export function fromDocumentCustomer(document: CustomerDocument): CustomerRow {
  return {
    // What was stored was of these types.
    tenantId: document._id as TenantId,
    productCode: document.product_code as ProductCode,
    intentId: document.intent_id,
    attempt: document.attempt,
    sentAt: document.sent_at.getTime(),
    ...present({
      stripeCustomerId: document.stripe_customer_id,
      formerStripeIds: document.former_stripe_customer_ids,
      pageOpenedAt: document.page_opened_at?.getTime(),
      droppedIds: document.dropped_subscription_ids,
      dropTimes: document.drop_times && mapValues(document.drop_times, (time) => time.getTime()),
      dropAskedTimes: document.drop_asked_times && mapValues(document.drop_asked_times, (time) => time.getTime()),
      setAside: document.set_aside && fromDocumentSetAside(document.set_aside),
      cardChoices: document.card_choices?.map(fromDocumentChoice),
      syncDueAt: document.sync_due_at?.getTime(),
    }),
  };
}

export function toDocumentSetAside(change: SetAsideChange): SetAsideDocument {
  return {
    intent_id: change.intentId,
    stripe_subscription_id: change.stripeSubscriptionId,
    from_stripe_price_id: change.fromStripePriceId,
    stripe_price_id: change.stripePriceId,
    plan_code: change.planCode,
  };
}

function fromDocumentSetAside(document: SetAsideDocument): SetAsideChange {
  return {
    intentId: document.intent_id,
    stripeSubscriptionId: document.stripe_subscription_id,
    fromStripePriceId: document.from_stripe_price_id,
    stripePriceId: document.stripe_price_id,
    // What was stored was of this type.
    planCode: document.plan_code as PlanCode,
  };
}

export function toDocumentChoice({ mark, stripePaymentMethodId, answer }: CardChoice): CardChoiceDocument {
  const choice = { mark, stripe_payment_method_id: stripePaymentMethodId };
  return answer === undefined ? choice : { ...choice, answer: toDocumentAnswer(answer) };
}

export function toDocumentAnswer({ type, isDefault, card }: StoredPaymentMethod): ChoiceAnswerDocument {
  const answer = { type, is_default: isDefault };
  if (card === undefined) return answer;
  const { brand, last4, expireMonth, expireYear } = card;
  return { ...answer, card: { brand, last4, expire_month: expireMonth, expire_year: expireYear } };
}

function fromDocumentChoice({ mark, answer, ...document }: CardChoiceDocument): CardChoice {
  const { stripe_payment_method_id: stripePaymentMethodId } = document;
  const choice = { mark, stripePaymentMethodId };
  return answer === undefined
    ? choice
    : { ...choice, answer: { stripePaymentMethodId, ...fromDocumentAnswer(answer) } };
}

function fromDocumentAnswer(document: ChoiceAnswerDocument): Omit<StoredPaymentMethod, 'stripePaymentMethodId'> {
  const { type, is_default: isDefault, card } = document;
  if (card === undefined) return { type, isDefault };
  const { brand, last4, expire_month: expireMonth, expire_year: expireYear } = card;
  return { type, isDefault, card: { brand, last4, expireMonth, expireYear } };
}

function mapValues<From, To>(
  record: Readonly<Record<string, From>>,
  change: (value: From) => To,
): Readonly<Record<string, To>> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));
}
