// Owns what billing events say of top-ups and of money that goes back. Does not own when that is noted (top-up-sync.ts,
// payment-return.ts, other-return.ts).
// Invariant: the same thing has the same id, whoever sees it how often, so it is one event.

import type { BillingEventDraft } from '../../domain/billing-event.ts';
import type { Instant } from '../../domain/id.ts';
import { present } from '../../domain/optional.ts';
import type { StripeReturnPart, TopUp } from './ports.ts';

/** What went back longer ago than this is told of no more, in milliseconds: its event may have been removed, being old. */
const TOLD_AGE_MS_MAX = 30 * 86_400_000;

type TopUpFigures = Pick<
  TopUp,
  'topUpId' | 'tenantId' | 'productCode' | 'cause' | 'minorUnits' | 'currency' | 'microcredits' | 'failureCode'
>;

/** One that was paid, and whose credits are there. */
export function toSucceededEvent(topUp: TopUpFigures): BillingEventDraft {
  const type = topUp.cause === 'auto' ? 'auto_topup.succeeded' : 'topup.succeeded';
  return { ...draftOf(topUp, `topup-succeeded:${topUp.topUpId}`), type, data: figuresOf(topUp) };
}

/** One that was declined, or ended without a payment although nobody gave it up. */
export function toFailedEvent(topUp: TopUpFigures): BillingEventDraft {
  const type = topUp.cause === 'auto' ? 'auto_topup.failed' : 'topup.failed';
  const data = { ...figuresOf(topUp), ...present({ failure_code: topUp.failureCode }) };
  return { ...draftOf(topUp, `topup-failed:${topUp.topUpId}`), type, data };
}

/** Money of a payment that went back by a refund, or is held by a bank for a dispute; of a top-up, where one is named. */
export function toReturnEvent(
  payment: Pick<TopUpFigures, 'tenantId' | 'productCode'> & { readonly topUpId?: TopUp['topUpId'] },
  { kind, id, minorUnits, currency }: StripeReturnPart,
): BillingEventDraft {
  return {
    ...draftOf(payment, `payment-${kind === 'refund' ? 'refunded' : 'disputed'}:${id}`),
    type: kind === 'refund' ? 'payment.refunded' : 'payment.disputed',
    data: { ...present({ topup_id: payment.topUpId }), minor_units: `${minorUnits}`, currency_code: currency },
  };
}

/** A refund that the payer's bank has sent back, of what was no top-up: nobody has their money yet who was to get it. */
export function toRefundFailedEvent(
  payment: Pick<TopUpFigures, 'tenantId' | 'productCode'>,
  { id, minorUnits, currency }: StripeReturnPart,
): BillingEventDraft {
  return {
    ...draftOf(payment, `payment-refund-failed:${id}`),
    type: 'payment.refund_failed',
    data: { minor_units: `${minorUnits}`, currency_code: currency },
  };
}

/** Says whether what went back is still told of. */
export function isRecentReturn({ madeAt }: StripeReturnPart, now: Instant): boolean {
  return madeAt > now - TOLD_AGE_MS_MAX;
}

function draftOf({ tenantId, productCode }: Pick<TopUpFigures, 'tenantId' | 'productCode'>, eventId: string) {
  return { eventId, tenantId, productCode };
}

function figuresOf({ topUpId, minorUnits, currency, microcredits }: TopUpFigures) {
  const price = { minor_units: `${minorUnits}`, currency_code: currency };
  return { topup_id: topUpId, ...price, microcredits: `${microcredits}` };
}
