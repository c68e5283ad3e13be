/**
 * Owns: collecting an invoice of a subscription at once, as `payment_behavior` says; and what the subscription needs to know
 * by heart: its notes of what is due next.
 * Does not own: invoices' own life, and what a payment does to the subscription (`subscription-reaction.ts`).
 */
import type { Call } from '../call.ts';
import { schedule, unschedule } from '../due.ts';
import { readFlag, readText } from '../field.ts';
import type { JsonFields } from '../json.ts';
import { StripeError } from '../stripe-error.ts';
import { endDiscount, keepHolding } from './discount.ts';
import { collectInvoice, finalizeInvoice, findDefaultMethod } from './invoice-life.ts';
import type { Invoice } from './invoice-object.ts';
import { isOver, SUBSCRIPTIONS, type Subscription, toPeriod } from './subscription-object.ts';

/** Is what is done where the first payment, or that of a change, does not succeed at once. */
export type PaymentBehavior =
  | 'allow_incomplete'
  | 'default_incomplete'
  | 'error_if_incomplete'
  | 'pending_if_incomplete';

/** Says how an invoice is collected at once. */
export interface ImmediateCollection {
  readonly behavior: PaymentBehavior;
  readonly isOffSession: boolean;
}

/** Reads how what a request bills is to be collected. */
export function readCollection(parameters: JsonFields): ImmediateCollection {
  // The schema allows no other behavior.
  const behavior = (readText(parameters, 'payment_behavior') ?? 'allow_incomplete') as PaymentBehavior;
  return { behavior, isOffSession: readFlag(parameters, 'off_session') ?? false };
}

/**
 * Finalises a draft and tries to collect it, unless that is left to whoever pays. Throws StripeError where it fails and
 * nothing may stay that is not paid.
 */
export function collectNow(call: Call, draft: Invoice, { behavior, isOffSession }: ImmediateCollection): Invoice {
  const isLeft = behavior === 'default_incomplete';
  const open = finalizeInvoice(call, draft, isLeft ? findDefaultMethod(call, draft) : undefined);
  if (open.status !== 'open' || isLeft || open.collection_method === 'send_invoice') return open;
  const { invoice, failure } = collectInvoice(call, open, { isOffSession, isAutomatic: false });
  if (failure !== undefined && behavior === 'error_if_incomplete') throw toUndone(failure);
  return invoice;
}

/** Makes the failure that undoes the request: nothing of it stays, so it names nothing that was made for it. */
function toUndone({ status, type, message, detail: { code, decline_code } }: StripeError): StripeError {
  const isAction = code === 'invoice_payment_intent_requires_action';
  return new StripeError(isAction ? 402 : status, type, message, {
    ...(code === undefined ? {} : { code: isAction ? 'subscription_payment_intent_requires_action' : code }),
    ...(decline_code === undefined ? {} : { decline_code }),
  });
}

/** Are the kinds of notes by which a subscription moves on by itself. */
export const SUBSCRIPTION_DUE = {
  cycle: 'subscription.cycle',
  cancel: 'subscription.cancel',
  incomplete: 'subscription.incomplete',
  trialWillEnd: 'subscription.trial_will_end',
  pendingUpdate: 'subscription.pending_update',
} as const;

const DAY_SECONDS = 24 * 60 * 60;

/** Is how long a first payment, or that of a pending update, may take. */
export const INCOMPLETE_SECONDS = 23 * 60 * 60;

/** Is how long before a trial's end Stripe tells of it. */
const TRIAL_NOTICE_SECONDS = 3 * DAY_SECONDS;

/** Notes what is due next of a subscription, by what it is now. */
export function scheduleSubscription(call: Call, subscription: Subscription): void {
  const { id, status, cancel_at: cancelAt, test_clock: testClock, trial_end: trialEnd } = subscription;
  const note = (kind: string, at: number | null): void => {
    if (at === null) unschedule(call.tx, kind, id);
    else schedule(call.tx, { kind, subject: id, at, testClock });
  };
  const goesOn = !isOver(subscription) && status !== 'paused' && status !== 'incomplete';
  note(SUBSCRIPTION_DUE.cycle, goesOn ? toPeriod(subscription).end : null);
  note(SUBSCRIPTION_DUE.cancel, isOver(subscription) ? null : cancelAt);
  if (status !== 'incomplete') note(SUBSCRIPTION_DUE.incomplete, null);
  const noticeAt = status === 'trialing' && trialEnd !== null ? trialEnd - TRIAL_NOTICE_SECONDS : null;
  note(SUBSCRIPTION_DUE.trialWillEnd, noticeAt !== null && noticeAt > call.now ? noticeAt : null);
}

/** Keeps a subscription with changes, tells of them, and notes what is due next. */
export function changeSubscription(
  call: Call,
  before: Subscription,
  changes: Partial<Subscription>,
  event = 'customer.subscription.updated',
): Subscription {
  const after = call.update(SUBSCRIPTIONS, before, changes, event);
  scheduleSubscription(call, after);
  return after;
}

/** Returns the discounts that a subscription has left, once an invoice has taken what it takes of them. */
export function toDiscountsAfter(
  call: Call,
  { discounts }: Subscription,
  invoice: Invoice | undefined,
): readonly string[] {
  // A coupon for one invoice waits for one that bills something: the first one of a trial does not.
  const hasInvoiced = invoice !== undefined && Number(invoice['subtotal']) > 0;
  const left = keepHolding(call, discounts, hasInvoiced);
  for (const id of discounts.filter((each) => !left.includes(each))) endDiscount(call, id);
  return left;
}
