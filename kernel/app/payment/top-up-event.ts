// Owns what an event of Stripe about a payment makes happen: the top-up that was paid by it, if it was one, and the history of its
// workspace's payments are brought to what Stripe shows then. What the event itself says is not looked at, since events come late, twice and in any order.

import { fieldOf } from '../../domain/field-of.ts';
import { isTopUpEnded } from '../../domain/top-up.ts';
import type { CustomerStore } from '../subscription/ports.ts';
import type { WebhookHandler } from '../webhook/webhook-handler.ts';
import type { AutoTopUpDesk } from './auto-top-up-desk.ts';
import type { OtherReturn } from './other-return.ts';
import type { PaymentHistory } from './payment-history.ts';
import type { PaymentReturn } from './payment-return.ts';
import type { TopUp, TopUpStore } from './ports.ts';
import type { TopUpSync } from './top-up-sync.ts';

/** The events after which money of a top-up may have gone back, or come again. */
export const RETURN_EVENTS = [
  'charge.refunded',
  'charge.refund.updated',
  'refund.created',
  'refund.updated',
  'refund.failed',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.closed',
  'charge.dispute.funds_withdrawn',
  'charge.dispute.funds_reinstated',
] as const;

/** What is called. */
export interface TopUpEventParts {
  readonly history: Pick<PaymentHistory, 'sync'>;
  readonly customers: Pick<CustomerStore, 'findByStripeId'>;
  readonly store: Pick<TopUpStore, 'findByInvoice' | 'findByPaymentIntent'>;
  readonly sync: Pick<TopUpSync, 'sync'>;
  readonly returns: Pick<PaymentReturn, 'settle'>;
  readonly otherReturns: Pick<OtherReturn, 'tell'>;
}

/** Builds the handler of events about invoices: those of top-ups here, all others by `others`. */
export function createInvoiceHandler(parts: TopUpEventParts, others: WebhookHandler): WebhookHandler {
  const { store, sync } = parts;
  return async (event) => {
    const subject = subjectOf(event.payload);
    const id = idOf(fieldOf(subject, 'id'));
    const topUp = id === undefined ? undefined : await store.findByInvoice(id);
    if (topUp === undefined) await others(event);
    else await sync.sync(topUp);
    await syncHistory(parts, subject, topUp);
  };
}

/** Builds the handler of events about refunds and disputes. */
export function createReturnHandler(parts: TopUpEventParts): WebhookHandler {
  return async ({ payload }) => {
    const intent = idOf(fieldOf(subjectOf(payload), 'payment_intent'));
    if (intent === undefined) return;
    const topUp = await parts.store.findByPaymentIntent(intent);
    // One that is not known to be paid yet looks at what went back when it is.
    if (topUp !== undefined && isTopUpEnded(topUp.status)) await parts.returns.settle(topUp);
    else if (topUp !== undefined) await parts.sync.sync(topUp);
    const tenant = topUp ?? (await parts.otherReturns.tell(intent));
    if (tenant !== undefined) await parts.history.sync(tenant);
  };
}

/** Builds the handler of events after which a rule that its card ended may buy again, once `others` have looked at the card. */
export function createDefaultCardHandler(
  { customers, desk }: Pick<TopUpEventParts, 'customers'> & { readonly desk: Pick<AutoTopUpDesk, 'restart'> },
  others: WebhookHandler,
): WebhookHandler {
  return async (event) => {
    await others(event);
    const id = idOf(fieldOf(subjectOf(event.payload), 'id'));
    const tenant = id === undefined ? undefined : await customers.findByStripeId(id);
    if (tenant !== undefined) await desk.restart(tenant);
  };
}

async function syncHistory(
  { history, customers }: TopUpEventParts,
  subject: unknown,
  topUp: TopUp | undefined,
): Promise<void> {
  const customer = idOf(fieldOf(subject, 'customer'));
  const tenant = topUp ?? (customer === undefined ? undefined : await customers.findByStripeId(customer));
  if (tenant !== undefined) await history.sync(tenant);
}

/** Reads the id of something that may be expanded. */
function idOf(reference: unknown): string | undefined {
  const id = typeof reference === 'string' ? reference : fieldOf(reference, 'id');
  return typeof id === 'string' && id !== '' ? id : undefined;
}

function subjectOf(payload: string): unknown {
  return fieldOf(fieldOf(JSON.parse(payload), 'data'), 'object');
}
