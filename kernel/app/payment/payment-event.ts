// Owns what billing events say of top-ups and of their money that goes back. Does not own when that is noted (top-up-sync.ts,
// payment-return.ts).
// Invariant: the same thing has the same id, whoever sees it how often, so it is one event.

import type { BillingEventDraft } from '../../domain/billing-event.ts';
import { present } from '../../domain/optional.ts';
import type { StripeReturnPart, TopUp } from './ports.ts';

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

/** Money of one that went back by a refund, or is held by a bank for a dispute. */
export function toReturnEvent(
  topUp: TopUpFigures,
  { kind, id, minorUnits, currency }: StripeReturnPart,
): BillingEventDraft {
  return {
    ...draftOf(topUp, `payment-${kind === 'refund' ? 'refunded' : 'disputed'}:${id}`),
    type: kind === 'refund' ? 'payment.refunded' : 'payment.disputed',
    data: { topup_id: topUp.topUpId, minor_units: `${minorUnits}`, currency_code: currency },
  };
}

function draftOf({ tenantId, productCode }: TopUpFigures, eventId: string) {
  return { eventId, tenantId, productCode };
}

function figuresOf({ topUpId, minorUnits, currency, microcredits }: TopUpFigures) {
  const price = { minor_units: `${minorUnits}`, currency_code: currency };
  return { topup_id: topUpId, ...price, microcredits: `${microcredits}` };
}
